//! Routes and rules as dumps write them: as in the configuration, in the reference's order.

use core::fmt::{self, Display, Formatter};
use core::net::IpAddr;
use model::net::{Encap, IpEncap, Metric, NextHop, Route, RouteInsert, Rule, RuleAction, rtax};
use types::{Family, Prefix};
use vrrp_proto::FibEntry;

/// `RT_TABLE_MAIN`.
const TABLE_MAIN: u32 = 254;
/// Types of routes (`RTN_*`); unicast is not written.
const TYPES: [&str; 12] = [
    "unspec",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
    "nat",
    "xresolve",
];
/// Metrics by number, and how many of the kernel's units make a millisecond where the
/// metric is a time.
const METRICS: [(u16, &str, u32); 15] = [
    (rtax::MTU, "mtu", 0),
    (rtax::WINDOW, "window", 0),
    (rtax::RTT, "rtt", rtax::RTT_PER_MS),
    (rtax::RTTVAR, "rttvar", rtax::RTTVAR_PER_MS),
    (rtax::SSTHRESH, "ssthresh", 0),
    (rtax::CWND, "cwnd", 0),
    (rtax::ADVMSS, "advmss", 0),
    (rtax::REORDERING, "reordering", 0),
    (rtax::HOPLIMIT, "hoplimit", 0),
    (rtax::INITCWND, "initcwnd", 0),
    (rtax::FEATURES, "features", 0),
    (rtax::RTO_MIN, "rto_min", rtax::RTO_MIN_PER_MS),
    (rtax::INITRWND, "initrwnd", 0),
    (rtax::QUICKACK, "quickack", 0),
    (rtax::FASTOPEN_NO_COOKIE, "fastopen_no_cookie", 0),
];

/// The line of a route or rule.
pub fn line(entry: &FibEntry) -> String {
    match entry {
        FibEntry::Route(r) => RouteLine(r).to_string(),
        FibEntry::Rule(r) => RuleLine(r).to_string(),
    }
}

/// A prefix; the length of a host is left out.
struct Net(Prefix);

impl Display for Net {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            p if p.len == p.family().bits() => write!(f, "{}", p.addr),
            p => write!(f, "{}/{}", p.addr, p.len),
        }
    }
}

fn default_of(family: Family) -> &'static str {
    match family {
        Family::V4 => "0.0.0.0/0",
        Family::V6 => "::/0",
    }
}

struct RouteLine<'a>(&'a Route);

impl Display for RouteLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let r = self.0;
        f.write_str(match r.insert {
            RouteInsert::Prepend => "prepend",
            RouteInsert::Add => "add",
            RouteInsert::Append => "append",
        })?;
        if r.kind != 1 {
            write!(f, " {}", TYPES.get(usize::from(r.kind)).unwrap_or(&"unknown"))?;
        }
        match r.dst {
            Some(dst) => write!(f, " {}", Net(dst))?,
            None => write!(f, " {}", default_of(r.family))?,
        }
        if let Some(from) = r.from {
            write!(f, " from {}", Net(from))?;
        }
        if let Some(src) = r.src {
            write!(f, " src {src}")?;
        }
        if r.tos != 0 {
            write!(f, " tos {}", r.tos)?;
        }
        Hop(&r.hop).start(f)?;
        if r.vrf.is_none() && r.table != TABLE_MAIN {
            write!(f, " table {}", r.table)?;
        }
        if let Some(vrf) = &r.vrf {
            write!(f, " vrf {vrf}")?;
        }
        write!(f, " proto {}", r.protocol)?;
        if let Some(scope) = r.scope {
            write!(f, " scope {scope}")?;
        }
        if let Some(priority) = r.priority {
            write!(f, " metric {priority}")?;
        }
        Hop(&r.hop).end(f)?;
        if let Some(seconds) = r.expires {
            write!(f, " expires {seconds}sec")?;
        }
        self.metrics(f)?;
        if let Some(pref) = r.pref {
            match pref {
                0 => f.write_str(" pref medium")?,
                1 => f.write_str(" pref high")?,
                3 => f.write_str(" pref low")?,
                n => write!(f, " pref {n}")?,
            }
        }
        if let Some(on) = r.ttl_propagate {
            write!(f, " ttl-propagate {}", if on { "enabled" } else { "disabled" })?;
        }
        for hop in &r.nexthops {
            f.write_str(" nexthop")?;
            Hop(hop).start(f)?;
            if let Some(weight) = hop.weight {
                write!(f, " weight {weight}")?;
            }
            Hop(hop).end(f)?;
        }
        if r.no_track { f.write_str(" no_track") } else { Ok(()) }
    }
}

impl RouteLine<'_> {
    fn metrics(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (kind, name, units) in METRICS {
            for metric in self.0.metrics.iter().filter(|m| m.kind == kind) {
                let Metric { value, lock, .. } = metric;
                write!(f, " {name}{}", if *lock { " lock" } else { "" })?;
                match (name, units) {
                    ("features", _) => f.write_str(" ecn")?,
                    (_, 0) => write!(f, " {value}")?,
                    (_, units) if value % (1000 * units) == 0 => {
                        write!(f, " {}s", value / (1000 * units))?;
                    }
                    (_, units) => write!(f, " {}ms", f64::from(*value) / f64::from(units))?,
                }
            }
        }
        if let Some((name, lock)) = &self.0.congctl {
            write!(f, " congctl {}{name}", if *lock { "lock " } else { "" })?;
        }
        Ok(())
    }
}

/// A hop, its words on both sides of what stands between them.
struct Hop<'a>(&'a NextHop);

impl Hop<'_> {
    fn start(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0.encap {
            Some(Encap::Ip(e)) => encap(f, "ip", ("tos", "ttl"), e)?,
            Some(Encap::Ip6(e)) => encap(f, "ip6", ("tc", "hoplimit"), e)?,
            Some(Encap::Mpls(labels)) => {
                let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
                write!(f, " encap mpls {}", labels.join("/"))?;
            }
            Some(Encap::Ila(locator)) => write!(f, " encap ila {locator:x}")?,
            None => {}
        }
        match self.0.via {
            Some(via @ IpAddr::V4(_)) => write!(f, " via inet {via}")?,
            Some(via @ IpAddr::V6(_)) => write!(f, " via inet6 {via}")?,
            None => {}
        }
        match &self.0.dev {
            Some(dev) => write!(f, " dev {dev}"),
            None => Ok(()),
        }
    }

    fn end(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.onlink {
            f.write_str(" onlink")?;
        }
        match self.0.realms.map(|realms| (realms >> 16, realms & 0xffff)) {
            Some((0, to)) => write!(f, " realm {to}"),
            Some((from, to)) => write!(f, " realms {from}/{to}"),
            None => Ok(()),
        }
    }
}

fn encap(f: &mut Formatter<'_>, kind: &str, (tos, ttl): (&str, &str), e: &IpEncap) -> fmt::Result {
    write!(f, " encap {kind}")?;
    if let Some(id) = e.id {
        write!(f, " id {id}")?;
    }
    if let Some(dst) = e.dst {
        write!(f, " dst {dst}")?;
    }
    if let Some(src) = e.src {
        write!(f, " src {src}")?;
    }
    if let Some(n) = e.tos {
        write!(f, " {tos} {n}")?;
    }
    if let Some(n) = e.ttl {
        write!(f, " {ttl} {n}")?;
    }
    match e.flags {
        Some(flags) => write!(f, " flags 0x{flags:x}"),
        None => Ok(()),
    }
}

struct RuleLine<'a>(&'a Rule);

impl Display for RuleLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let r = self.0;
        f.write_str(if r.not { "not from " } else { "from " })?;
        match r.from {
            Some(from) => write!(f, "{}", Net(from))?,
            None => f.write_str("all")?,
        }
        if let Some(to) = r.to {
            write!(f, " to {}", Net(to))?;
        }
        write!(f, " priority {} tos 0x{:x}", r.priority, r.tos)?;
        match r.fwmark {
            Some((mark, u32::MAX)) => write!(f, " fwmark 0x{mark:x}")?,
            Some((mark, mask)) => write!(f, " fwmark 0x{mark:x}/0x{mask:x}")?,
            None => {}
        }
        for (name, dev) in [("iif", &r.iif), ("oif", &r.oif)] {
            if let Some(dev) = dev {
                write!(f, " {name} {dev}")?;
            }
        }
        if let Some(len) = r.suppress_prefixlength {
            write!(f, " suppress_prefixlen {len}")?;
        }
        if let Some(group) = r.suppress_ifgroup {
            write!(f, " suppress_ifgroup {group}")?;
        }
        if let Some(id) = r.tunnel_id {
            write!(f, " tunnel-id {id}")?;
        }
        if let Some((first, last)) = r.uid_range {
            write!(f, " uidrange {first}-{last}")?;
        }
        write!(f, " protocol {}", r.protocol)?;
        if let Some(proto) = r.ip_proto {
            write!(f, " ipproto {proto}")?;
        }
        for (name, ports) in [("sport", r.sport), ("dport", r.dport)] {
            if let Some((first, last)) = ports {
                write!(f, " {name} {first}-{last}")?;
            }
        }
        if let Some(realms) = r.realms {
            write!(f, " realms {}/{}", realms >> 16, realms & 0xffff)?;
        }
        match r.action {
            RuleAction::Table(table) => write!(f, " lookup {table}")?,
            RuleAction::L3mdev => f.write_str(" l3mdev")?,
            RuleAction::Goto(priority) => write!(f, " goto {priority}")?,
            RuleAction::Nop => f.write_str(" nop")?,
            RuleAction::Blackhole => f.write_str(" type blackhole")?,
            RuleAction::Unreachable => f.write_str(" type unreachable")?,
            RuleAction::Prohibit => f.write_str(" type prohibit")?,
        }
        if r.no_track { f.write_str(" no_track") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn prefix(text: &str, len: u8) -> Option<Prefix> {
        Some(Prefix { addr: text.parse().unwrap(), len })
    }

    fn of(route: &Route) -> String {
        line(&FibEntry::Route(Arc::new(route.clone())))
    }

    /// The lines are the reference's own.
    #[test]
    fn a_route_reads_as_the_reference_writes_it() {
        let mut r = Route::plain(Family::V4, prefix("198.51.100.0", 24));
        r.hop.via = Some("192.0.2.254".parse().unwrap());
        r.hop.dev = Some("eth0".to_owned());
        r.priority = Some(7);
        r.hop.realms = Some(1 << 16 | 2);
        r.metrics.push(Metric { kind: 2, value: 1400, lock: true });
        assert_eq!(
            of(&r),
            "prepend 198.51.100.0/24 via inet 192.0.2.254 dev eth0 proto 18 metric 7 realms 1/2 \
             mtu lock 1400"
        );
        let mut r = Route::plain(Family::V4, prefix("10.2.30.0", 24));
        r.hop.dev = Some("eth0".to_owned());
        r.metrics.push(Metric { kind: 4, value: 16_000, lock: true });
        assert_eq!(of(&r), "prepend 10.2.30.0/24 dev eth0 proto 18 rtt lock 2s");
        r.metrics = vec![Metric { kind: 13, value: 250, lock: false }];
        assert_eq!(of(&r), "prepend 10.2.30.0/24 dev eth0 proto 18 rto_min 250ms");
        let mut r = Route::plain(Family::V6, None);
        r.table = 207;
        r.hop.via = Some("2001:db8::fe".parse().unwrap());
        assert_eq!(of(&r), "prepend ::/0 via inet6 2001:db8::fe table 207 proto 18");
        let mut r = Route::plain(Family::V4, prefix("10.2.60.0", 24));
        let hop = |via: &str, weight| NextHop {
            via: Some(via.parse().unwrap()),
            weight: Some(weight),
            ..NextHop::default()
        };
        r.nexthops = vec![hop("192.0.2.254", 1), hop("192.0.2.253", 256)];
        r.no_track = true;
        assert_eq!(
            of(&r),
            "prepend 10.2.60.0/24 proto 18 nexthop via inet 192.0.2.254 weight 1 \
             nexthop via inet 192.0.2.253 weight 256 no_track"
        );
    }

    #[test]
    fn a_rule_reads_as_the_reference_writes_it() {
        let mut r = Rule::plain(Family::V6, 2001, RuleAction::Blackhole);
        r.to = prefix("2001:db8:5::", 48);
        r.fwmark = Some((1, 0xff));
        let line_of = |r: &Rule| line(&FibEntry::Rule(Arc::new(r.clone())));
        assert_eq!(
            line_of(&r),
            "from all to 2001:db8:5::/48 priority 2001 tos 0x0 fwmark 0x1/0xff protocol 18 \
             type blackhole"
        );
        let mut r = Rule::plain(Family::V4, 226, RuleAction::Table(100));
        r.ip_proto = Some(6);
        r.sport = Some((10, 20));
        assert_eq!(
            line_of(&r),
            "from all priority 226 tos 0x0 protocol 18 ipproto 6 sport 10-20 lookup 100"
        );
    }
}
