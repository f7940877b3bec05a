//! The real servers of a virtual server and its sorry server, after the last
//! file: duplicates and ports.

use std::collections::HashSet;
use std::net::IpAddr;

use model::lvs::{Forwarding, Service, SorryServer, VirtualServer};

use super::complete::{KindOfService, say};
use super::names;
use super::server::Late;
use crate::diag::{Code, Level};
use crate::lower::Cx;

/// Buffers that all virtual servers share.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    seen: HashSet<(IpAddr, u16)>,
}

/// Removes duplicates, sees to the sorry server, and sets or compares ports.
pub(super) fn check(
    cx: &mut Cx<'_>,
    vs: &mut VirtualServer,
    kind: &KindOfService,
    late: &Late,
    scratch: &mut Scratch,
) {
    duplicates(cx, vs, late, scratch);
    same_as_sorry(cx, vs, late);
    if let Service::Addr(_, port) = vs.service {
        own_address(cx, vs, port, late);
    } else if matches!(vs.service, Service::Fwmark(_)) {
        own_fwmark(cx, vs, late);
    } else {
        group(cx, vs, kind, late);
    }
}

fn duplicates(cx: &mut Cx<'_>, vs: &mut VirtualServer, late: &Late, scratch: &mut Scratch) {
    scratch.seen.clear();
    let seen = &mut scratch.seen;
    if vs.real_servers.iter().all(|rs| seen.insert((rs.addr, rs.port))) {
        return;
    }
    let name = names::virtual_server(vs);
    seen.clear();
    vs.real_servers.retain(|rs| {
        let first = seen.insert((rs.addr, rs.port));
        if !first {
            let server = names::endpoint(rs.addr, vs.protocol, rs.port);
            let text = format!("{name}: real server {server} is there twice - dropping the second");
            say(cx, Level::General, Code::Duplicate, late, text);
        }
        first
    });
}

/// A sorry server that is a real server too is not added once more.
fn same_as_sorry(cx: &mut Cx<'_>, vs: &mut VirtualServer, late: &Late) {
    let Some(sorry) = &mut vs.sorry_server else { return };
    let same = |rs: &&model::lvs::RealServer| rs.addr == sorry.addr && rs.port == sorry.port;
    let index = vs.real_servers.iter().position(|rs| same(&rs));
    sorry.same_as = index.and_then(|i| u32::try_from(i).ok());
    let Some(rs) = index.and_then(|i| vs.real_servers.get(i)) else { return };
    if sorry.inhibit == rs.inhibit_on_failure {
        return;
    }
    sorry.inhibit = rs.inhibit_on_failure;
    let what = if rs.inhibit_on_failure { "inhibited" } else { "not inhibited" };
    let server = names::endpoint(rs.addr, vs.protocol, rs.port);
    let text = format!(
        "{}: the sorry server is real server {server} too, so it is {what} like that",
        names::virtual_server(vs)
    );
    say(cx, Level::General, Code::Adjusted, late, text);
}

/// Only NAT can change the port.
fn own_address(cx: &mut Cx<'_>, vs: &mut VirtualServer, port: u16, late: &Late) {
    let name = names::virtual_server(vs);
    for rs in &mut vs.real_servers {
        if rs.port != port && rs.port != 0 && rs.forwarding != Forwarding::Nat {
            let server = names::endpoint(rs.addr, vs.protocol, rs.port);
            let text = format!(
                "{name}: real server {server} needs the same port unless by NAT - taking it"
            );
            say(cx, Level::General, Code::Adjusted, late, text);
            rs.port = port;
        } else if rs.port == 0 {
            rs.port = port;
        }
    }
    if let Some(sorry) = &mut vs.sorry_server
        && sorry.forwarding != Forwarding::Nat
        && sorry.port != port
    {
        if sorry.port != 0 {
            let text =
                format!("{name}: the sorry server needs the same port unless by NAT - taking it");
            say(cx, Level::General, Code::Adjusted, late, text);
        }
        sorry.port = port;
    }
}

/// A port that cannot be changed has no meaning behind a firewall mark.
fn own_fwmark(cx: &mut Cx<'_>, vs: &mut VirtualServer, late: &Late) {
    let name = names::virtual_server(vs);
    for rs in &mut vs.real_servers {
        if rs.port != 0 && rs.forwarding != Forwarding::Nat {
            let server = names::endpoint(rs.addr, vs.protocol, rs.port);
            let text = format!(
                "{name}: real server {server} has no port of its own unless by NAT - clearing it"
            );
            say(cx, Level::General, Code::Adjusted, late, text);
            rs.port = 0;
        }
    }
    if let Some(sorry) = vs.sorry_server.as_mut().filter(|s| has_useless_port(s)) {
        let text =
            format!("{name}: the sorry server has no port of its own unless by NAT - clearing it");
        say(cx, Level::General, Code::Adjusted, late, text);
        sorry.port = 0;
    }
}

fn has_useless_port(sorry: &SorryServer) -> bool {
    sorry.port != 0 && sorry.forwarding != Forwarding::Nat
}

/// The ports of a group's services are used; others are told about.
fn group(cx: &mut Cx<'_>, vs: &VirtualServer, kind: &KindOfService, late: &Late) {
    let name = names::virtual_server(vs);
    let with_port = |rs: &&model::lvs::RealServer| rs.port != 0 && rs.forwarding != Forwarding::Nat;
    for rs in vs.real_servers.iter().filter(with_port) {
        let server = names::endpoint(rs.addr, vs.protocol, rs.port);
        if kind.fwmark {
            let text = format!("{name}: the port of real server {server} does not count for marks");
            say(cx, Level::General, Code::Ignored, late, text);
        }
        let other = kind.group.and_then(|g| g.other_port(rs.port));
        if let Some((addr, port)) = other {
            let text = format!(
                "{name}: real server {server} gets the port of [{addr}]:{port}, not its own"
            );
            say(cx, Level::General, Code::Conflict, late, text);
        }
    }
    let useless = vs.sorry_server.as_ref().filter(|s| has_useless_port(s)).map(|s| s.port);
    let differs = |port| kind.group.and_then(|g| g.other_port(port)).is_some();
    if useless.is_some_and(|port| kind.fwmark || differs(port)) {
        let text = format!("{name}: the port of the sorry server does not count");
        say(cx, Level::General, Code::Ignored, late, text);
    }
}
