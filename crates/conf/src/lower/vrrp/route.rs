//! Entries of `virtual_routes` and `static_routes`.
//!
//! The words of an entry come in any order, so that what depends on several
//! of them (family, tracking) is looked at when the entry ends. Next hops and
//! encapsulations are in [`super::hop`].

use std::net::IpAddr;

use model::net::{Metric, NextHop, Route, RouteInsert};
use types::{Family, Prefix};

use super::hop;
use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::grammar::Keyword;
use crate::grammar::route::{STATIC_OPTIONS, VIRTUAL_OPTIONS};
use crate::lower::Cx;
use crate::lower::names::RoutingName;
use crate::value::{self, IntStyle};

/// `RTPROT_KEEPALIVED` (linux/rtnetlink.h).
pub const RTPROT_KEEPALIVED: u8 = 18;
/// `RT_TABLE_MAIN`.
const TABLE_MAIN: u32 = 254;
/// `RTN_UNICAST`.
const UNICAST: u8 = 1;

/// Types of route by name (`RTN_*`, linux/rtnetlink.h).
const TYPES: [(&str, u8); 11] = [
    ("unicast", 1),
    ("local", 2),
    ("broadcast", 3),
    ("anycast", 4),
    ("multicast", 5),
    ("blackhole", 6),
    ("unreachable", 7),
    ("prohibit", 8),
    ("throw", 9),
    ("nat", 10),
    ("xresolve", 11),
];

/// The route that is being read.
#[derive(Debug, Default)]
pub struct Draft {
    made: Option<Route>,
    family: Option<Family>,
    destination: bool,
    /// `or ADDR`: another gateway.
    other: Option<IpAddr>,
    /// An error makes it unusable.
    bad: bool,
}

/// An entry of `virtual_routes`.
pub fn virtual_route(cx: &mut Cx<'_>, a: &Args<'_>) {
    if let Some(route) = entry(cx, a, VIRTUAL_OPTIONS)
        && let Some(instance) = cx.made()
    {
        instance.routes.push(route);
    }
}

/// An entry of `static_routes`.
pub fn static_route(cx: &mut Cx<'_>, a: &Args<'_>) {
    if let Some(route) = entry(cx, a, STATIC_OPTIONS) {
        cx.build.config.vrrp.static_routes.push(route);
    }
}

fn entry(cx: &mut Cx<'_>, a: &Args<'_>, options: &'static [Keyword]) -> Option<Route> {
    let made = Route {
        family: Family::V4,
        kind: UNICAST,
        insert: RouteInsert::Prepend,
        dst: None,
        from: None,
        src: None,
        hop: NextHop::default(),
        nexthops: Vec::new(),
        table: TABLE_MAIN,
        vrf: None,
        priority: None,
        tos: 0,
        protocol: RTPROT_KEEPALIVED,
        scope: None,
        expires: None,
        metrics: Vec::new(),
        congctl: None,
        pref: None,
        ttl_propagate: None,
        no_track: false,
        track_group: None,
    };
    cx.build.vrrp.route = Draft { made: Some(made), ..Draft::default() };
    cx.names.push(a.str(0));
    let well = cx.options(a, 0, options, destination);
    cx.names.pop();
    let draft = std::mem::take(&mut cx.build.vrrp.route);
    let (destination, bad) = (draft.destination, draft.bad);
    let route = finish(cx, a, draft)?;
    if well && !bad && !destination {
        cx.error(Code::Missing, a.whole(), "Route must have a destination");
    }
    (well && !bad && destination).then_some(route)
}

/// What depends on the whole entry.
fn finish(cx: &mut Cx<'_>, a: &Args<'_>, draft: Draft) -> Option<Route> {
    let mut route = draft.made?;
    let six_only = route.from.is_some() || route.expires.is_some() || route.pref.is_some();
    let implied = if six_only { Family::V6 } else { Family::V4 };
    route.family = draft.family.unwrap_or(implied);
    if route.family == Family::V4 {
        for (set, what) in [
            (route.expires.take().is_some(), "expires is for IPv6 routes"),
            (route.pref.take().is_some(), "pref is for IPv6 routes"),
        ] {
            if set {
                cx.error(Code::BadFamily, a.whole(), what);
                return None;
            }
        }
    } else if route.hop.realms.is_some() {
        cx.error(Code::BadFamily, a.whole(), "realms are for IPv4");
        return None;
    }
    if route.protocol != RTPROT_KEEPALIVED && !route.no_track {
        let text = "a route that is tracked has protocol keepalived (18) - using that";
        let help = "add no_track to keep the protocol";
        let diag = Diag::new(Level::General, Code::Adjusted, a.whole(), text);
        cx.report(diag.help(help));
        route.protocol = RTPROT_KEEPALIVED;
    }
    if let Some(other) = draft.other {
        let first = NextHop { weight: None, ..std::mem::take(&mut route.hop) };
        let second = NextHop { via: Some(other), ..first.clone() };
        route.nexthops = vec![first, second];
    }
    if route.track_group.is_some() && route.hop.dev.is_none() {
        let text = "track_group of a route without dev has no effect - ignoring";
        cx.error(Code::Missing, a.whole(), text);
        route.track_group = None;
    }
    Some(route)
}

/// A word that is no option: a type or the destination.
fn destination(cx: &mut Cx<'_>, a: &Args<'_>) -> usize {
    let word = a.str(0);
    if let Some(kind) = route_type(word) {
        change(cx, |route| route.kind = kind);
        return 1;
    }
    let dst = match word {
        "default" | "any" | "all" => None,
        "default6" => {
            let text = "'default6' is deprecated - use 'inet6 default'";
            cx.report(Diag::new(Level::Deprecated, Code::Deprecated, a.span(0), text));
            family(cx, a, Family::V6);
            None
        }
        _ => match value::prefix(word) {
            Ok(prefix) => {
                family(cx, a, prefix.family());
                Some(prefix)
            }
            Err(cause) => {
                let text = format!("'{word}' is neither a route option nor a destination");
                let diag = Diag::new(Level::General, Code::BadAddress, a.span(0), text);
                let cause = format!("VRRP parsed invalid IP {word}. skipping IP...\n{cause}");
                cx.report(diag.because(cause));
                return 0;
            }
        },
    };
    if std::mem::replace(&mut cx.build.vrrp.route.destination, true) {
        refuse(cx, Code::Duplicate, a, format!("the route has a second destination {word}"));
    }
    change(cx, |route| route.dst = dst);
    1
}

fn route_type(word: &str) -> Option<u8> {
    let named = TYPES.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
    named.or_else(|| word.parse().ok().filter(|kind| (1..=11).contains(kind)))
}

/// Changes the route that is being read.
pub fn change(cx: &mut Cx<'_>, change: impl FnOnce(&mut Route)) {
    if let Some(route) = &mut cx.build.vrrp.route.made {
        change(route);
    }
}

/// Reports what makes the route unusable.
pub(super) fn refuse(cx: &mut Cx<'_>, code: Code, a: &Args<'_>, text: String) {
    cx.build.vrrp.route.bad = true;
    cx.error(code, a.span(0), text);
}

fn refuse_because(cx: &mut Cx<'_>, a: &Args<'_>, i: usize, text: String, cause: String) {
    cx.build.vrrp.route.bad = true;
    cx.report(Diag::new(Level::General, Code::BadNumber, a.span(i), text).because(cause));
}

/// All addresses of a route are of one family.
pub(super) fn family(cx: &mut Cx<'_>, a: &Args<'_>, family: Family) {
    if *cx.build.vrrp.route.family.get_or_insert(family) != family {
        refuse(cx, Code::BadFamily, a, "a route has addresses of one family only".to_owned());
    }
}

/// `inet` and `inet6`.
pub fn family_word(cx: &mut Cx<'_>, a: &Args<'_>) {
    let six = a.name() == "inet6";
    let text =
        format!("keepalived up to 2.4 skips the word after '{}' and drops the route", a.name());
    let help = "here it is understood; leave it out where the same file serves keepalived too";
    cx.report(Diag::new(Level::Warning, Code::Advice, a.keyword_span(), text).help(help));
    family(cx, a, if six { Family::V6 } else { Family::V4 });
}

/// The address of `src`.
pub fn src(cx: &mut Cx<'_>, a: &Args<'_>) {
    let Some(address) = address(cx, a, 0, "src") else { return };
    change(cx, |route| route.src = Some(address));
}

/// An address, its family checked against the route's.
pub(super) fn address(cx: &mut Cx<'_>, a: &Args<'_>, i: usize, what: &str) -> Option<IpAddr> {
    let word = a.str(i);
    let Some(address) = value::address(word) else {
        cx.build.vrrp.route.bad = true;
        let text = format!("route {what} {word} is no address");
        let diag = Diag::new(Level::General, Code::BadAddress, a.span(i), text);
        cx.report(diag.because(format!("VRRP parsed invalid IP {word}. skipping IP...")));
        return None;
    };
    family(cx, a, Family::of(address));
    Some(address)
}

/// `via [inet|inet6] ADDR`.
pub fn via(cx: &mut Cx<'_>, a: &Args<'_>) {
    let skip = usize::from(matches!(a.str(0), "inet" | "inet6"));
    let Some(address) = address(cx, a, skip, "via") else { return };
    change(cx, |route| route.hop.via = Some(address));
}

/// `gw ADDR`.
pub fn gateway(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = "`gw` is deprecated - use `via`";
    cx.error(Code::Deprecated, a.keyword_span(), text);
    via(cx, a);
}

/// `or ADDR`.
pub fn or(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = "`or` is deprecated - use `nexthop` for each gateway";
    cx.error(Code::Deprecated, a.keyword_span(), text);
    let other = address(cx, a, 0, "or");
    cx.build.vrrp.route.other = other;
}

/// `as [to] ADDR`.
pub fn as_to(cx: &mut Cx<'_>, a: &Args<'_>) {
    cx.error(
        Code::Ignored,
        a.whole(),
        "`as` is for MPLS routes, which are not supported - ignoring it",
    );
}

/// `from PREFIX`, IPv6.
pub fn from(cx: &mut Cx<'_>, a: &Args<'_>) {
    let word = a.str(0);
    match value::prefix(word) {
        Ok(prefix) if prefix.family() == Family::V6 => {
            family(cx, a, Family::V6);
            change(cx, |route| route.from = Some(prefix));
        }
        Ok(_) => {
            let text = format!("from {word}: only an IPv6 route has a source prefix");
            refuse(cx, Code::BadFamily, a, text);
        }
        Err(_) => {
            refuse(cx, Code::BadAddress, a, format!("from {word} is no prefix"));
        }
    }
}

/// `dev IF` of the route itself.
pub fn dev(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = a.str(0);
    cx.wants_interface(name, a.span(0), || format!("route: interface {name} doesn't exist"));
    change(cx, |route| route.hop.dev = Some(name.to_owned()));
}

/// `vrf IF`: the table of that VRF.
pub fn vrf(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = a.str(0);
    let facts = cx.wants_interface(name, a.span(0), || format!("route: VRF {name} doesn't exist"));
    let table = facts.map(|facts| facts.vrf_table);
    if table == Some(None) {
        refuse(cx, Code::BadInterface, a, format!("interface {name} is not a VRF"));
        return;
    }
    change(cx, |route| {
        route.vrf = Some(name.to_owned());
        route.table = table.flatten().unwrap_or(route.table);
    });
}

/// `table`, `tos`, `protocol` and `scope`: a number or a name.
pub fn named(cx: &mut Cx<'_>, a: &Args<'_>) {
    let (word, option) = (a.str(0), a.name());
    let (kind, complaint) = match option {
        "table" => (RoutingName::Table, format!("routing table {word} is unknown")),
        "protocol" => (RoutingName::Protocol, format!("protocol {word} is unknown")),
        "scope" => (RoutingName::Scope, format!("scope {word} is unknown")),
        _ => (RoutingName::DsField, format!("tos {word} is unknown")),
    };
    let Some(number) = cx.routing_name(kind, word) else {
        refuse(cx, Code::BadValue, a, complaint);
        return;
    };
    let byte = u8::try_from(number).unwrap_or(0);
    change(cx, |route| match option {
        "table" => route.table = number,
        "protocol" => route.protocol = byte,
        "scope" => route.scope = Some(byte),
        _ => route.tos = byte,
    });
}

/// A plain number, reported by its option's name.
pub fn number(cx: &mut Cx<'_>, a: &Args<'_>, most: u32) -> Option<u32> {
    number_at(cx, a, 0, most)
}

fn number_at(cx: &mut Cx<'_>, a: &Args<'_>, i: usize, most: u32) -> Option<u32> {
    let style = IntStyle { lenient: false, any_base: true };
    match value::integer(a.str(i), 0, i64::from(most), style) {
        Ok(read) => u32::try_from(read.value).ok(),
        Err(cause) => {
            let text = format!("route {} '{}' is invalid", a.name(), a.str(i));
            refuse_because(cx, a, i, text, cause);
            None
        }
    }
}

/// `[lock] VALUE`: how many words that is.
pub fn lockable(a: &Args<'_>) -> usize {
    (1 + usize::from(a.get(0) == Some("lock"))).min(a.len())
}

/// A metric that is a number.
pub fn metric(cx: &mut Cx<'_>, a: &Args<'_>, kind: u16, most: u32) {
    let lock = a.len() > 1;
    if let Some(value) = number_at(cx, a, usize::from(lock), most) {
        change(cx, |route| route.metrics.push(Metric { kind, value, lock }));
    }
}

/// A metric that is a time; a bare number is in the kernel's unit, of which
/// `units` make a millisecond.
pub fn time_metric(cx: &mut Cx<'_>, a: &Args<'_>, kind: u16, units: u32) {
    let lock = a.len() > 1;
    let i = usize::from(lock);
    let value = match time(a.str(i), units) {
        Ok(value) => value,
        Err(cause) => {
            let text = format!("route {} '{}' is invalid", a.name(), a.str(i));
            refuse_because(cx, a, i, text, cause);
            return;
        }
    };
    let (least, most) = (200 * units, 120_000 * units);
    let allowed = value.clamp(least, most);
    if allowed != value {
        let text = format!(
            "{} {} for route is outside 200ms to 120s - setting to {}ms",
            a.name(),
            a.str(i),
            allowed / units
        );
        cx.error(Code::Adjusted, a.span(i), text);
    }
    change(cx, |route| route.metrics.push(Metric { kind, value: allowed, lock }));
}

/// A time as iproute2 writes it, in units of which `units` make a millisecond.
fn time(word: &str, units: u32) -> Result<u32, String> {
    let end = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
    let (number, suffix) = word.split_at(end);
    let scale = match suffix {
        "" => 1,
        "s" | "sec" | "secs" => 1000 * u64::from(units),
        "ms" | "msec" | "msecs" => u64::from(units),
        _ => return Err(format!("invalid number '{word}'")),
    };
    let thousandths = value::decimal(number, 0, u64::from(u32::MAX), 3)?.value;
    let value = thousandths.saturating_mul(scale).div_ceil(1000);
    u32::try_from(value).map_err(|_| format!("number '{word}' outside integer range"))
}

/// `congctl [lock] NAME`.
pub fn congctl(cx: &mut Cx<'_>, a: &Args<'_>) {
    let lock = a.get(0) == Some("lock");
    let Some(name) = a.get(usize::from(lock)).map(str::to_owned) else {
        refuse(cx, Code::Missing, a, "congctl lock needs the name of an algorithm".to_owned());
        return;
    };
    change(cx, |route| route.congctl = Some((name, lock)));
}

/// `features ecn`.
pub fn features(cx: &mut Cx<'_>, a: &Args<'_>, kind: u16) {
    if a.str(0) == "ecn" {
        change(cx, |route| route.metrics.push(Metric { kind, value: 1, lock: false }));
    } else {
        refuse(cx, Code::BadValue, a, format!("features {} is unknown; ecn is known", a.str(0)));
    }
}

/// `realms [SRC/]DST`.
pub fn realms(cx: &mut Cx<'_>, a: &Args<'_>) {
    match hop::realms(cx, a.str(0)) {
        Some(realms) => change(cx, |route| route.hop.realms = Some(realms)),
        None => {
            refuse(cx, Code::BadValue, a, format!("realms {} are invalid", a.str(0)));
        }
    }
}

/// `pref low|medium|high|N` (`ICMPV6_ROUTER_PREF_*`, linux/icmpv6.h).
pub fn pref(cx: &mut Cx<'_>, a: &Args<'_>) {
    let pref = match a.str(0) {
        "low" => Some(3),
        "medium" => Some(0),
        "high" => Some(1),
        word => word.parse().ok(),
    };
    match pref {
        Some(pref) => change(cx, |route| route.pref = Some(pref)),
        None => refuse(
            cx,
            Code::BadValue,
            a,
            format!("pref {} is neither low, medium, high nor a number", a.str(0)),
        ),
    }
}

/// `ttl-propagate enabled|disabled`.
pub fn ttl_propagate(cx: &mut Cx<'_>, a: &Args<'_>) {
    let on = match a.str(0) {
        "enabled" => true,
        "disabled" => false,
        other => {
            let text = format!("ttl-propagate {other} is neither enabled nor disabled");
            refuse(cx, Code::BadValue, a, text);
            return;
        }
    };
    change(cx, |route| route.ttl_propagate = Some(on));
}

/// `encap TYPE ...`.
pub fn encap(cx: &mut Cx<'_>, a: &Args<'_>) {
    match hop::encap(a) {
        Ok((encap, _)) => change(cx, |route| route.hop.encap = Some(encap)),
        Err(text) => refuse(cx, Code::BadValue, a, text),
    }
}

/// `nexthop ...`: all the words that follow.
pub fn nexthops(cx: &mut Cx<'_>, a: &Args<'_>) {
    let hops = hop::list(cx, a);
    change(cx, |route| route.nexthops = hops);
}

/// `track_group NAME` of a static route.
pub fn track_group(cx: &mut Cx<'_>, a: &Args<'_>) {
    if let Some(name) = cx.track_group(a) {
        change(cx, |route| route.track_group = Some(name));
    }
}

/// A prefix, or `None` for `all`, `any` and `default`.
pub(super) fn prefix_or_all(word: &str) -> Result<Option<Prefix>, String> {
    match word {
        "all" | "any" | "default" => Ok(None),
        _ => value::prefix(word).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_are_in_the_kernels_units_or_carry_their_own() {
        assert_eq!(time("300ms", 8), Ok(2400));
        assert_eq!(time("1s", 8), Ok(8000));
        assert_eq!(time("0.5sec", 1), Ok(500));
        assert_eq!(time("1600", 8), Ok(1600));
        assert!(time("1e3s", 8).is_err());
        assert!(time("1x", 8).is_err());
        assert!(time("-1s", 8).is_err());
    }
}
