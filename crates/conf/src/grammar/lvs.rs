//! Virtual servers, their groups, real servers, checkers and TLS credentials.

pub mod checkers;
pub mod real_server;
pub mod ssl;
pub mod virtual_server;
pub mod virtual_server_group;

use super::{Arg, Keyword, kw, secs, word};
use crate::lower::lvs;

/// Root-level keywords of the checker role.
pub static ROOT: &[Keyword] = &[
    kw("virtual_server_group", "Addresses and firewall marks served as one virtual server.")
        .acted()
        .args(&[word("NAME")])
        .entries(&virtual_server_group::ENTRIES)
        .set(lvs::group::open)
        .close(lvs::group::close),
    kw("virtual_server", "A service of IPVS and the real servers behind it.")
        .acted()
        .args(&[word("ADDR [PORT]|fwmark NUM|group NAME").rest(1)])
        .block(&virtual_server::VIRTUAL_SERVER)
        .set(lvs::server::open)
        .close(lvs::server::close),
    kw("SSL", "Credentials of the client side of SSL_GET.")
        .acted()
        .block(&ssl::SSL)
        .set(ssl::open)
        .close(ssl::close),
];

/// Longest time that fits the reference's microseconds.
const LONGEST: u64 = u64::MAX - 1;

/// A time that may be zero.
const TIME: &[Arg] = &[secs(0, LONGEST)];

/// A time of at least a microsecond.
const INTERVAL: &[Arg] = &[secs(1, LONGEST)];

/// A timeout of connections: at least a microsecond, at most 2^32 - 1.
const TIMEOUT: &[Arg] = &[secs(1, u32::MAX as u64)];
