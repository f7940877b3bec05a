//! Routes and rules of the configuration as requests to the kernel.

use model::net as model;
use netlink::route::{self, RouteSpec};
use netlink::rule::{self, RuleSpec};
use types::IfIndex;
use vrrp_proto::{FibEntry, Ways};

/// A request for a route or a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// A route.
    Route(RouteSpec),
    /// A rule.
    Rule(RuleSpec),
}

impl Spec {
    /// The request for `entry`, whose names stand for `ways`.
    pub fn of(entry: &FibEntry, ways: &Ways) -> Self {
        match entry {
            FibEntry::Route(route) => Spec::Route(route_spec(route, ways)),
            FibEntry::Rule(rule) => Spec::Rule(rule_spec(rule)),
        }
    }
}

fn route_spec(r: &model::Route, ways: &Ways) -> RouteSpec {
    RouteSpec {
        family: r.family,
        kind: r.kind,
        insert: match r.insert {
            model::RouteInsert::Prepend => route::RouteInsert::Prepend,
            model::RouteInsert::Add => route::RouteInsert::Add,
            model::RouteInsert::Append => route::RouteInsert::Append,
        },
        dst: r.dst,
        from: r.from,
        src: r.src,
        hop: hop(&r.hop, ways.hop),
        nexthops: r
            .nexthops
            .iter()
            .enumerate()
            .map(|(n, h)| hop(h, ways.nexthops.get(n).copied().flatten()))
            .collect(),
        table: ways.table,
        priority: r.priority,
        tos: r.tos,
        protocol: r.protocol,
        scope: r.scope,
        expires: r.expires,
        metrics: r
            .metrics
            .iter()
            .map(|m| route::Metric { kind: m.kind, value: m.value, lock: m.lock })
            .collect(),
        congctl: r.congctl.clone(),
        pref: r.pref,
        ttl_propagate: r.ttl_propagate,
    }
}

fn hop(h: &model::NextHop, ifindex: Option<IfIndex>) -> route::NextHop {
    route::NextHop {
        via: h.via,
        ifindex: ifindex.map(|i| i.0),
        weight: h.weight,
        onlink: h.onlink,
        encap: h.encap.as_ref().map(encap),
        realms: h.realms,
    }
}

fn encap(e: &model::Encap) -> route::Encap {
    match e {
        model::Encap::Ip(ip) => route::Encap::Ip(ip_encap(ip)),
        model::Encap::Ip6(ip) => route::Encap::Ip6(ip_encap(ip)),
        model::Encap::Mpls(labels) => route::Encap::Mpls(labels.clone()),
        model::Encap::Ila(locator) => route::Encap::Ila(*locator),
    }
}

fn ip_encap(e: &model::IpEncap) -> route::IpEncap {
    // The configuration has them as they stand in memory: on most machines 256 is a checksum.
    let flags = e.flags.map(u16::to_be);
    route::IpEncap { id: e.id, dst: e.dst, src: e.src, tos: e.tos, ttl: e.ttl, flags }
}

fn rule_spec(r: &model::Rule) -> RuleSpec {
    RuleSpec {
        family: r.family,
        from: r.from,
        to: r.to,
        not: r.not,
        action: match r.action {
            model::RuleAction::Table(table) => rule::RuleAction::Table(table),
            model::RuleAction::L3mdev => rule::RuleAction::L3mdev,
            model::RuleAction::Goto(priority) => rule::RuleAction::Goto(priority),
            model::RuleAction::Nop => rule::RuleAction::Nop,
            model::RuleAction::Blackhole => rule::RuleAction::Blackhole,
            model::RuleAction::Unreachable => rule::RuleAction::Unreachable,
            model::RuleAction::Prohibit => rule::RuleAction::Prohibit,
        },
        priority: r.priority,
        tos: r.tos,
        fwmark: r.fwmark,
        realms: r.realms,
        suppress_prefixlength: r.suppress_prefixlength,
        suppress_ifgroup: r.suppress_ifgroup,
        iif: r.iif.clone(),
        oif: r.oif.clone(),
        tunnel_id: r.tunnel_id,
        uid_range: r.uid_range,
        protocol: r.protocol,
        ip_proto: r.ip_proto,
        sport: r.sport,
        dport: r.dport,
    }
}
