//! Connection options that depend on each other: the address to check and the
//! local one.

use model::lvs::{Bind, Connect};
use types::Family;

use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;

/// The rare connection options, to be changed.
pub(crate) fn bind<'a>(cx: &'a mut Cx<'_>) -> &'a mut Bind {
    cx.build.lvs.check.connect.bind.get_or_insert_default()
}

/// `connect_ip`.
pub(crate) fn connect_ip(cx: &mut Cx<'_>, a: &Args<'_>) {
    let Some(addr) = a.addr(0) else { return };
    let local = cx.build.lvs.check.connect.bind.as_ref().and_then(|b| b.ip);
    if local.is_some_and(|l| Family::of(l) != Family::of(addr)) {
        let text = format!("connect_ip {addr} is not of the family of bindto - ignoring");
        cx.error(Code::BadFamily, a.span(0), text);
        return;
    }
    cx.build.lvs.check.connect.ip = Some(addr);
}

/// `bindto`.
pub(crate) fn bindto(cx: &mut Cx<'_>, a: &Args<'_>) {
    let Some(addr) = a.addr(0) else { return };
    let lvs = &cx.build.lvs;
    let to = lvs.check.connect.ip.or(lvs.rs.addr);
    if to.is_some_and(|t| Family::of(t) != Family::of(addr)) {
        let text = format!("bindto {addr} is not of the family of the address to check - ignoring");
        cx.error(Code::BadFamily, a.span(0), text);
        return;
    }
    bind(cx).ip = Some(addr);
}

/// At the end of a checker: what is wrong with its connection, if anything.
pub(super) fn problem(connect: &Connect, real: Option<std::net::IpAddr>) -> Option<String> {
    let Some(std::net::IpAddr::V6(to)) = connect.ip.or(real) else { return None };
    let interface = connect.bind.as_ref().and_then(|b| b.interface.as_ref());
    (to.is_unicast_link_local() && interface.is_none())
        .then(|| format!("{to} is link-local, so the checker needs bind_if - dropping it"))
}
