//! How virtual and real servers are called in messages.

use std::net::IpAddr;

use model::lvs::{Protocol, Service, VirtualServer};

use crate::lower::Cx;

/// `[ADDR]:PROTO:PORT`, `FWM N` or `[GROUP]:SEQUENCE`.
pub(crate) fn virtual_server(vs: &VirtualServer) -> String {
    match &vs.service {
        Service::Addr(addr, port) => endpoint(*addr, vs.protocol, *port),
        Service::Fwmark(mark) => format!("FWM {mark}"),
        Service::Group(name, sequence) => format!("[{name}]:{sequence}"),
    }
}

/// `[ADDR]:PROTO:PORT`.
pub(crate) fn endpoint(addr: IpAddr, protocol: Option<Protocol>, port: u16) -> String {
    format!("[{addr}]:{}:{port}", proto(protocol))
}

/// The real server that is being read.
pub(crate) fn being_read(cx: &Cx<'_>) -> String {
    let lvs = &cx.build.lvs;
    match lvs.rs.addr {
        Some(addr) => endpoint(addr, lvs.vs.protocol, lvs.rs.port),
        None => String::new(),
    }
}

fn proto(protocol: Option<Protocol>) -> &'static str {
    match protocol {
        Some(Protocol::Tcp) => "tcp",
        Some(Protocol::Udp) => "udp",
        Some(Protocol::Sctp) => "sctp",
        None => "none",
    }
}
