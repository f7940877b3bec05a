//! `authentication` and `auth_hmac` of an instance.

use super::{Block, choice, int, kw, word};
use crate::lower::vrrp::auth;
use model::vrrp::HmacMode;

/// `authentication`.
pub static AUTHENTICATION: Block = Block::new(
    "vrrp_instance/authentication",
    &[
        kw("auth_type", "PASS: a password in the clear; AH: a keyed checksum.")
            .args(&[word("PASS|AH")])
            .default("none")
            .acted()
            .set(auth::auth_type),
        kw("auth_pass", "The password, at most 8 bytes.")
            .args(&[word("STRING")])
            .acted()
            .set(auth::auth_pass),
    ],
);

/// `auth_hmac`.
pub static AUTH_HMAC: Block = Block::new(
    "vrrp_instance/auth_hmac",
    &[
        kw("key", "A key of 32 to 64 bytes, as text, in hex or in a file.")
            .args(&[int(1, 255).meta("ID"), word("VALUE|hex:HEX|file:PATH")])
            .invalid("auth_hmac key id '{}' must be between 1 and 255 - ignoring")
            .acted()
            .set(auth::key),
        kw("active_key", "The key that signs.")
            .args(&[int(1, 255).meta("ID")])
            .invalid("auth_hmac active_key '{}' must be between 1 and 255 - ignoring")
            .acted()
            .set(auth::active_key),
        kw("time_window", "Largest difference of clocks in seconds.")
            .args(&[int(1, 300)])
            .default("3 adverts, at least 5")
            .invalid("auth_hmac time_window '{}' must be between 1 and 300 - ignoring")
            .acted()
            .set(|cx, a| auth::hmac(cx, |h| h.window = a.opt_num(0))),
        kw("anti_replay", "What is never seen twice: a time, or a number that only grows.")
            .args(&[choice(&["time", "monotonic"])])
            .default("time")
            .invalid("auth_hmac anti_replay '{}' must be time or monotonic - ignoring")
            .acted()
            .set(|cx, a| auth::hmac(cx, |h| h.monotonic = a.choice(0) == 1)),
        kw("mode", "What becomes of adverts without it, and whether ours carry it.")
            .args(&[choice(&["enforce", "permissive", "receive-only"])])
            .default("enforce")
            .invalid("auth_hmac mode '{}' must be enforce, permissive or receive-only - ignoring")
            .acted()
            .set(|cx, a| {
                let mode = match a.choice(0) {
                    0 => HmacMode::Enforce,
                    1 => HmacMode::Permissive,
                    _ => HmacMode::ReceiveOnly,
                };
                auth::hmac(cx, |h| h.mode = mode);
            }),
    ],
);
