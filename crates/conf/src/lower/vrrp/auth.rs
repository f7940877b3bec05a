//! `authentication` (RFC 2338) and `auth_hmac`.

use model::Secret;
use model::vrrp::{Auth, AuthHmac, HmacMode, Version};
use types::Family;
use zeroize::Zeroizing;

use super::draft::Draft;
use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::host::FileError;
use crate::lower::Cx;
use crate::source::Span;

/// Longest password: 8 bytes go on the wire (RFC 2338 section 5.3.10).
const PASSWORD_MAX: usize = 8;
/// Lengths of a key that are allowed, in bytes.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 32..=64;
/// Time windows that are allowed, in seconds.
const WINDOWS: std::ops::RangeInclusive<u64> = 5..=300;

/// `authentication` as written.
#[derive(Debug, Default)]
pub struct Legacy {
    span: Span,
    kind: Option<Kind>,
    password: Option<Secret>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pass,
    Ah,
}

/// `auth_hmac` as written.
#[derive(Debug, Default)]
pub struct Hmac {
    span: Span,
    keys: Vec<(u8, Secret)>,
    active: u8,
    /// `time_window`.
    pub window: Option<u16>,
    /// `anti_replay monotonic`.
    pub monotonic: bool,
    /// `mode`.
    pub mode: HmacMode,
}

/// `authentication {`.
pub fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    let span = a.whole();
    if let Some(given) = cx.given() {
        given.auth.get_or_insert_default().span = span;
    }
}

fn legacy(cx: &mut Cx<'_>, change: impl FnOnce(&mut Legacy)) {
    if let Some(auth) = cx.given().and_then(|g| g.auth.as_mut()) {
        change(auth);
    }
}

/// `auth_type PASS|AH`.
pub fn auth_type(cx: &mut Cx<'_>, a: &Args<'_>) {
    let kind = match a.str(0) {
        "PASS" => Kind::Pass,
        "AH" => Kind::Ah,
        other => {
            let text = format!("({}) auth_type '{other}' is unknown - ignoring", instance_name(cx));
            let diag = Diag::new(Level::General, Code::BadValue, a.span(0), text);
            cx.report(diag.help("PASS and AH are known"));
            return;
        }
    };
    legacy(cx, |auth| auth.kind = Some(kind));
}

/// `auth_pass STRING`; the message never holds it.
pub fn auth_pass(cx: &mut Cx<'_>, a: &Args<'_>) {
    let password = a.str(0).as_bytes();
    if password.len() > PASSWORD_MAX {
        let text = format!("auth_pass is cut to {PASSWORD_MAX} bytes");
        cx.error(Code::Adjusted, a.keyword_span(), text);
    }
    let kept = password.get(..PASSWORD_MAX).unwrap_or(password);
    legacy(cx, |auth| auth.password = Some(Secret::new(kept)));
}

/// The instance that is open.
fn instance_name(cx: &Cx<'_>) -> String {
    cx.build.vrrp.instance.as_ref().map_or_else(String::new, |d| d.name().to_owned())
}

/// `auth_hmac {`.
pub fn open_hmac(cx: &mut Cx<'_>, a: &Args<'_>) {
    let span = a.whole();
    if let Some(given) = cx.given() {
        given.hmac.get_or_insert_default().span = span;
    }
}

/// Changes the open `auth_hmac`.
pub fn hmac(cx: &mut Cx<'_>, change: impl FnOnce(&mut Hmac)) {
    if let Some(hmac) = cx.given().and_then(|g| g.hmac.as_mut()) {
        change(hmac);
    }
}

/// `key ID VALUE|hex:HEX|file:PATH`.
pub fn key(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = instance_name(cx);
    let id: u8 = a.num(0);
    let known = cx.given().and_then(|g| g.hmac.as_ref());
    if known.is_some_and(|h| h.keys.iter().any(|(k, _)| *k == id)) {
        let text = format!("({name}) auth_hmac key {id} is given twice - ignoring");
        cx.error(Code::Duplicate, a.span(0), text);
        return;
    }
    let bytes = match a.str(1).strip_prefix("file:") {
        Some(path) => key_file(cx, a, path),
        None => key_bytes(a.str(1)),
    };
    let wrong = match bytes {
        Err(cause) => cause,
        Ok(bytes) if KEY_LENGTHS.contains(&bytes.len()) => {
            hmac(cx, |h| h.keys.push((id, Secret::new(bytes))));
            return;
        }
        Ok(bytes) => format!("length {} is not 32 to 64 bytes", bytes.len()),
    };
    let text = format!("({name}) auth_hmac key {id}: {wrong} - ignoring");
    cx.error(Code::BadValue, a.span(0), text);
}

/// A key as text or in hex.
fn key_bytes(text: &str) -> Result<Vec<u8>, String> {
    let Some(hex) = text.strip_prefix("hex:") else { return Ok(text.as_bytes().to_vec()) };
    let mut digits = Zeroizing::new(Vec::with_capacity(hex.len()));
    digits.extend(hex.chars().map_while(|c| c.to_digit(16)));
    if digits.len() != hex.len() || digits.is_empty() || digits.len() % 2 == 1 {
        return Err("not pairs of hex digits".to_owned());
    }
    let pair = |pair: &[u32]| pair.iter().fold(0, |all, digit| all << 4 | digit) as u8;
    Ok(digits.chunks(2).map(pair).collect())
}

/// A key in a file of its own, which nobody else may read.
fn key_file(cx: &mut Cx<'_>, a: &Args<'_>, path: &str) -> Result<Vec<u8>, String> {
    let text = cx.host.read(path).map_err(|e| match e {
        FileError::NotFound => format!("file {path} is missing"),
        FileError::Unreadable(why) => format!("file {path} cannot be read: {why}"),
    })?;
    let text = Zeroizing::new(text);
    if let Ok(meta) = cx.host.stat(path)
        && meta.mode & 0o077 != 0
    {
        let text = format!(
            "SECURITY VIOLATION - auth_hmac key file {path} has mode {:04o}: others can read it",
            meta.mode
        );
        let help = format!("run `chmod 600 {path}`");
        let diag = Diag::new(Level::Security, Code::InsecureFile, a.span(1), text);
        cx.report(diag.help(help));
    }
    let end = text.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |last| last + 1);
    let text = text.get(..end).unwrap_or_default();
    match std::str::from_utf8(text) {
        Ok(text) => key_bytes(text),
        Err(_) => Ok(text.to_vec()),
    }
}

/// `active_key ID`.
pub fn active_key(cx: &mut Cx<'_>, a: &Args<'_>) {
    let id = a.num(0);
    hmac(cx, |h| h.active = id);
}

/// What remains of both, now that version, family and strictness are known.
pub(super) fn complete(cx: &mut Cx<'_>, draft: &mut Draft) {
    let hmac = draft.given.hmac.take();
    draft.made.auth_hmac = hmac.and_then(|hmac| complete_hmac(cx, draft, hmac));
    let Some(legacy) = draft.given.auth.take() else { return };
    let (name, span, made) = (draft.made.name.as_str(), legacy.span, &draft.made);
    let Some(kind) = legacy.kind else {
        if legacy.password.is_some() {
            let text = format!("({name}) auth_pass without auth_type has no effect");
            cx.note(Code::Ignored, span, text);
        }
        return;
    };
    let refusal = if made.auth_hmac.is_some() {
        Some("auth_hmac replaces authentication - ignoring the latter")
    } else if made.strict {
        Some("strict mode has no authentication - ignoring it")
    } else if made.version == Version::V3 {
        Some("version 3 has no authentication - ignoring it")
    } else if legacy.password.as_ref().is_none_or(|p| p.expose().is_empty()) {
        Some("Authentication specified but no password given. Ignoring")
    } else if kind == Kind::Ah && made.family == Family::V6 {
        Some("auth_type AH needs IPv4 - ignoring authentication")
    } else {
        None
    };
    match (refusal, legacy.password) {
        (None, Some(password)) => {
            let auth = if kind == Kind::Pass { Auth::Pass } else { Auth::Ah };
            draft.made.auth = Some(auth(password));
            if kind == Kind::Ah && draft.made.wants_master && !draft.made.priority.is_owner() {
                // the sequence numbers of others must be learned first
                let text = format!(
                    "({}) auth_type AH cannot begin with state MASTER - clearing it",
                    draft.made.name
                );
                draft.made.wants_master = false;
                cx.late(Code::Conflict, span, text);
            }
        }
        (refusal, _) => {
            let text = format!("({name}) {}", refusal.unwrap_or_default());
            cx.late(Code::Conflict, span, text);
        }
    }
}

fn complete_hmac(cx: &mut Cx<'_>, draft: &Draft, hmac: Hmac) -> Option<AuthHmac> {
    let made = &draft.made;
    let name = made.name.as_str();
    if !hmac.keys.iter().any(|(id, _)| *id == hmac.active) {
        let text = format!(
            "({name}) auth_hmac active_key {} is not a defined key - auth_hmac is disabled",
            hmac.active
        );
        cx.late(Code::Undefined, hmac.span, text);
        return None;
    }
    let mut mode = hmac.mode;
    if made.strict && mode != HmacMode::Enforce {
        let text = format!("({name}) strict mode has auth_hmac mode enforce - using that");
        cx.late(Code::Conflict, hmac.span, text);
        mode = HmacMode::Enforce;
    }
    let usual = made.advert_int.as_secs().saturating_mul(3);
    let usual = usual.clamp(*WINDOWS.start(), *WINDOWS.end());
    let time_window = hmac.window.unwrap_or(u16::try_from(usual).unwrap_or(u16::MAX));
    let monotonic = hmac.monotonic;
    Some(AuthHmac { keys: hmac.keys, active_key: hmac.active, time_window, monotonic, mode })
}

#[cfg(test)]
mod tests {
    use super::key_bytes;

    #[test]
    fn keys_are_text_or_hex() {
        assert_eq!(key_bytes("abc"), Ok(b"abc".to_vec()));
        assert_eq!(key_bytes("hex:00ff7F"), Ok(vec![0, 255, 127]));
        assert!(key_bytes("hex:0").is_err());
        assert!(key_bytes("hex:xx").is_err());
        assert!(key_bytes("hex:").is_err());
    }
}
