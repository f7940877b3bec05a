//! Addresses and ports of servers.
//!
//! Owns their syntax; says nothing about them.

use std::net::IpAddr;

use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::value::{self, IntStyle};

/// Reads an address; what follows a `-` or `/` is cut off.
pub(crate) fn address(word: &str) -> Option<IpAddr> {
    let end = word.find(['-', '/']).unwrap_or(word.len());
    value::address(word.get(..end)?)
}

/// Reads word `i` as a port; 0 when it is absent or zero.
///
/// # Errors
/// What is wrong, in the reference's words.
pub(crate) fn port(cx: &mut Cx<'_>, a: &Args<'_>, i: usize) -> Result<u16, String> {
    match a.get(i) {
        None => Ok(0),
        Some(word) if !word.is_empty() && word.bytes().all(|b| b == b'0') => Ok(0),
        Some(_) => number(cx, a, i, 1, u16::MAX.into()).map(|n| u16::try_from(n).unwrap_or(0)),
    }
}

/// Reads word `i` as an integer in `min..=max`; trailing garbage is a warning,
/// but an error in a configuration test.
///
/// # Errors
/// What is wrong, in the reference's words.
pub(crate) fn number(
    cx: &mut Cx<'_>,
    a: &Args<'_>,
    i: usize,
    min: i64,
    max: i64,
) -> Result<i64, String> {
    let style = IntStyle { lenient: !cx.test, any_base: false };
    let read = value::integer(a.str(i), min, max, style)?;
    if let Some(remark) = read.remark {
        cx.note(Code::BadNumber, a.span(i), remark);
    }
    Ok(read.value)
}
