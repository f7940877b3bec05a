//! Actions and events as the lines that `expect` looks at.

use core::net::IpAddr;
use types::Mono;
use vrrp_proto::{Action, Detail, Event, Node, Owner, SendAdvert};

pub(super) fn millis(t: Mono) -> String {
    format!("{:.3}ms", t.as_nanos() as f64 / 1e6)
}

pub(super) fn describe_advert(node: &Node, advert: &SendAdvert, packet: &[u8]) -> String {
    let id = advert.instance;
    let name = node.instance(id).map_or(id.0.to_string(), |i| i.config().name.clone());
    let at = match advert.dst {
        IpAddr::V4(_) => usize::from(packet[0] & 15) * 4 + if packet[9] == 51 { 24 } else { 0 },
        IpAddr::V6(_) => 0,
    };
    format!("advert {name} prio {} from {} to {}", packet[at + 2], advert.src, advert.dst)
}

pub(super) fn describe(action: &Action) -> String {
    let excluded = |e: &bool| if *e { " excluded" } else { "" };
    let who = |o: &Owner| match o {
        Owner::Instance(id) => format!("{}", id.0),
        Owner::Static => "static".to_owned(),
        Owner::Link => "link".to_owned(),
        Owner::Former => "former".to_owned(),
    };
    match action {
        Action::OpenSocket { id, key, .. } => {
            let cast = if key.multicast { "multicast" } else { "unicast" };
            format!("open {} proto {} {cast} {}", id.0, key.proto, key.addr)
        }
        Action::CloseSocket { id } => format!("close {}", id.0),
        Action::SocketRoom { id, bytes } => format!("room {} {bytes}", id.0),
        Action::AddAddr { owner, ifindex, addr, excluded: e } => {
            format!("add {} on {} for {}{}", addr.prefix, ifindex.0, who(owner), excluded(e))
        }
        Action::DelAddr { owner, ifindex, addr, excluded: e, best_effort } => format!(
            "del {} on {} for {}{}{}",
            addr.prefix,
            ifindex.0,
            who(owner),
            excluded(e),
            if *best_effort { " best effort" } else { "" }
        ),
        Action::AddFib { owner, entry, .. } => format!("add {entry} for {}", who(owner)),
        Action::DelFib { owner, entry, best_effort, .. } => {
            let how = if *best_effort { " best effort" } else { "" };
            format!("del {entry} for {}{how}", who(owner))
        }
        Action::Garp(g) => format!("garp {} on {} x{}", g.addr, g.ifindex.0, g.count),
        Action::MakeLink(l) => format!("make {} on {}: {:?}", l.name, l.parent.0, l.kind),
        Action::Rules(rules) => format!("rules {:?}", rules.parts),
        Action::RulesLeft(table) => format!("rules left {table}"),
        Action::Rule { element, wanted: true } => format!("rule {element:?}"),
        Action::Rule { element, wanted: false } => format!("no rule {element:?}"),
        Action::RemoveLink { name, .. } => format!("remove link {name}"),
        Action::CancelGarps { instance } => format!("cancel garps of {}", instance.0),
        Action::Report(event) => describe_event(event),
    }
}

pub(super) fn describe_event(event: &Event) -> String {
    let kind = match event.detail() {
        Detail::Normal => "log",
        Detail::Detail => "detail",
        Detail::Silent => "notify",
    };
    format!("{kind} {event}")
}
