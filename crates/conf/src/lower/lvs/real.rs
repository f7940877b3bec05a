//! `real_server`: from its opening line to its closing brace.

use std::net::IpAddr;

use model::lvs::{Forwarding, RareReal};
use types::Family;

use super::inherit::Inherited;
use super::{State, endpoint, forwarding};
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::source::Span;

/// A real server that is being read, or of a virtual server that is.
#[derive(Debug, Default)]
pub(crate) struct RsDraft {
    pub addr: Option<IpAddr>,
    pub port: u16,
    pub forwarding: Option<Forwarding>,
    pub smtp_alert: Option<bool>,
    pub own: Inherited,
    pub rare: Option<Box<RareReal>>,
    span: Span,
    /// How many checkers the servers before it have.
    pub first_check: usize,
    /// How many it has.
    pub checks: usize,
}

impl RsDraft {
    /// The rare settings, to be changed.
    pub fn rare(&mut self) -> &mut RareReal {
        self.rare.get_or_insert_default()
    }
}

impl State {
    /// The finished checkers of the real server that is being read.
    pub(crate) fn checks_being_read(&self) -> &[super::check::Check] {
        self.checks.get(self.rs.first_check..).unwrap_or(&[])
    }
}

/// The block begins.
pub(crate) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    let (word, port_word) = (a.str(0), a.get(1).unwrap_or("0"));
    let text = |port| format!("real server '{word}' port '{port}' is invalid - skipping the block");
    let Some(addr) = endpoint::address(word) else {
        cx.error(Code::BadAddress, a.span(0), text(port_word));
        cx.skip_block();
        return;
    };
    let port = match endpoint::port(cx, a, 1) {
        Ok(port) => port,
        Err(cause) => {
            cx.error_because(Code::BadNumber, a.span(1), cause, text(port_word));
            cx.skip_block();
            return;
        }
    };
    let lvs = &mut cx.build.lvs;
    lvs.rs = RsDraft {
        addr: Some(addr),
        port,
        forwarding: lvs.vs.forwarding,
        span: a.span(0),
        first_check: lvs.checks.len(),
        ..RsDraft::default()
    };
}

/// `lvs_method`.
pub(crate) fn method(cx: &mut Cx<'_>, a: &Args<'_>) {
    let before = cx.build.lvs.rs.forwarding;
    cx.build.lvs.rs.forwarding = forwarding::read(cx, a, "real server", before);
}

/// The block ends: a server that is not tunnelled to must have the family of
/// the virtual server.
pub(crate) fn close(cx: &mut Cx<'_>) {
    let lvs = &mut cx.build.lvs;
    let mut rs = std::mem::take(&mut lvs.rs);
    let Some(addr) = rs.addr else { return };
    let family = Family::of(addr);
    let tunnel = matches!(rs.forwarding, Some(Forwarding::Tun(_)));
    if !tunnel && *lvs.vs.family.get_or_insert(family) != family {
        lvs.checks.truncate(rs.first_check);
        let text =
            format!("real server {addr} is not of the family of its virtual server - skipping it");
        cx.error(Code::BadFamily, rs.span, text);
        return;
    }
    rs.checks = lvs.checks.len() - rs.first_check;
    lvs.servers.push(rs);
}
