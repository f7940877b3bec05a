//! `sorry_server`.

use std::net::IpAddr;

use model::lvs::{Forwarding, SorryServer};
use types::Family;

use super::server::VsDraft;
use super::{endpoint, forwarding, server};
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::source::Span;

/// A sorry server that is being read.
#[derive(Debug)]
pub(crate) struct SorryDraft {
    addr: IpAddr,
    port: u16,
    pub forwarding: Option<Forwarding>,
    inhibit: bool,
    span: Span,
}

impl SorryDraft {
    /// The model object; `method` is that of the virtual server.
    pub fn build(self, method: Forwarding) -> SorryServer {
        SorryServer {
            addr: self.addr,
            port: self.port,
            forwarding: self.forwarding.unwrap_or(method),
            inhibit: self.inhibit,
            same_as: None,
        }
    }
}

/// `sorry_server`.
pub(crate) fn set(cx: &mut Cx<'_>, a: &Args<'_>) {
    let word = a.str(0);
    let text = format!("sorry_server '{word}' or its port is invalid - ignoring");
    let Some(addr) = endpoint::address(word) else {
        cx.error(Code::BadAddress, a.span(0), text);
        return;
    };
    let port = match endpoint::port(cx, a, 1) {
        Ok(port) => port,
        Err(cause) => {
            cx.error_because(Code::BadNumber, a.span(1), cause, text);
            return;
        }
    };
    let forwarding = cx.build.lvs.vs.forwarding;
    let sorry = SorryDraft { addr, port, forwarding, inhibit: false, span: a.span(0) };
    if let Some(old) = cx.build.lvs.vs.sorry.replace(sorry) {
        let text = format!("sorry_server {} is replaced by {addr}", old.addr);
        cx.note(Code::Duplicate, a.whole(), text);
    }
}

/// `sorry_server_inhibit`.
pub(crate) fn inhibit(cx: &mut Cx<'_>, a: &Args<'_>) {
    server::no_value(cx, a);
    match &mut cx.build.lvs.vs.sorry {
        Some(sorry) => sorry.inhibit = true,
        None => {
            let text = "sorry_server_inhibit needs a sorry_server above - ignoring";
            cx.error(Code::Ignored, a.whole(), text);
        }
    }
}

/// `sorry_server_lvs_method`.
pub(crate) fn method(cx: &mut Cx<'_>, a: &Args<'_>) {
    let Some(before) = cx.build.lvs.vs.sorry.as_ref().map(|s| s.forwarding) else {
        let text = "sorry_server_lvs_method needs a sorry_server above - ignoring";
        cx.error(Code::Ignored, a.whole(), text);
        return;
    };
    let method = forwarding::read(cx, a, "sorry server", before);
    if let Some(sorry) = &mut cx.build.lvs.vs.sorry {
        sorry.forwarding = method;
    }
}

/// At the end of the virtual server: a sorry server that is not tunnelled to
/// must have its family.
pub(super) fn check_family(cx: &mut Cx<'_>, vs: &mut VsDraft) {
    let Some(sorry) = &vs.sorry else { return };
    if matches!(sorry.forwarding.or(vs.forwarding), Some(Forwarding::Tun(_))) {
        return;
    }
    let family = Family::of(sorry.addr);
    if *vs.family.get_or_insert(family) == family {
        return;
    }
    let text = format!(
        "sorry server {} is not of the family of its virtual server - ignoring it",
        sorry.addr
    );
    cx.error(Code::BadFamily, sorry.span, text);
    vs.sorry = None;
}
