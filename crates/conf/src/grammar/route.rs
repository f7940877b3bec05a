//! Entries of `virtual_routes` and `static_routes`.

use super::{Entries, Keyword, and, kw, word};
use crate::lower::vrrp::{hop, route};
use model::net::{RouteInsert, rtax};

/// Entries of `virtual_routes`.
pub static VIRTUAL: Entries =
    Entries::lines("[TYPE] [to] DEST [OPTION...] [nexthop ...]", route::virtual_route)
        .options(VIRTUAL_OPTIONS);
/// Entries of `static_routes`.
pub static STATIC: Entries =
    Entries::lines("[TYPE] [to] DEST [OPTION...] [nexthop ...]", route::static_route)
        .options(STATIC_OPTIONS);

/// Options of virtual routes.
pub static VIRTUAL_OPTIONS: &[Keyword] = &COMMON;

/// Options of static routes.
pub static STATIC_OPTIONS: &[Keyword] = &STATIC_TABLE;

const STATIC_TABLE: [Keyword; COMMON.len() + 1] = and(COMMON, TRACK_GROUP);

const TRACK_GROUP: Keyword =
    kw("track_group", "Instances of the group are in FAULT while its interface is down.")
        .acted()
        .args(&[word("NAME")])
        .set(route::track_group);

macro_rules! metric {
    ($name:literal, $help:literal, $kind:expr) => {
        kw($name, $help)
            .acted()
            .args(&[word("[lock] N").rest(1)])
            .takes(route::lockable)
            .set(|cx, a| route::metric(cx, a, $kind, u32::MAX))
    };
    ($name:literal, $help:literal, $kind:expr, most $most:expr) => {
        kw($name, $help).acted().args(&[word("N")]).set(|cx, a| route::metric(cx, a, $kind, $most))
    };
    ($name:literal, $help:literal, $kind:expr, units $units:expr) => {
        kw($name, $help)
            .acted()
            .args(&[word("[lock] TIME").rest(1)])
            .takes(route::lockable)
            .set(|cx, a| route::time_metric(cx, a, $kind, $units))
    };
}

const COMMON: [Keyword; 47] = [
    kw("inet", "IPv4.").acted().set(route::family_word),
    kw("inet6", "IPv6.").acted().set(route::family_word),
    kw("to", "Before the destination; no effect.").acted(),
    kw("src", "Preferred source address.").acted().args(&[word("ADDR")]).set(route::src),
    kw("via", "Gateway.")
        .acted()
        .args(&[word("[inet|inet6] ADDR").rest(1)])
        .takes(via_words)
        .set(route::via),
    kw("gw", "Old spelling of via.").acted().args(&[word("ADDR")]).set(route::gateway),
    kw("from", "Source prefix, IPv6.").acted().args(&[word("ADDR6[/LEN]")]).set(route::from),
    kw("as", "Not supported.").args(&[word("[to] ADDR").rest(1)]).takes(as_words).set(route::as_to),
    kw("tos", "DS field.").acted().args(&[word("DSFIELD")]).set(route::named),
    kw("dsfield", "The same.").acted().args(&[word("DSFIELD")]).set(route::named),
    kw("table", "Routing table.").acted().args(&[word("TABLE")]).default("main").set(route::named),
    kw("vrf", "The table of this VRF.").acted().args(&[word("IF")]).set(route::vrf),
    kw("protocol", "Who put it there; another than keepalived needs no_track.")
        .acted()
        .args(&[word("PROTOCOL")])
        .default("keepalived")
        .set(route::named),
    kw("scope", "Scope.").acted().args(&[word("SCOPE")]).set(route::named),
    kw("metric", "Preference among equal routes.").acted().args(&[word("N")]).set(priority),
    kw("priority", "The same.").acted().args(&[word("N")]).set(priority),
    kw("preference", "The same.").acted().args(&[word("N")]).set(priority),
    kw("dev", "Interface.").acted().args(&[word("IF")]).set(route::dev),
    kw("oif", "The same.").acted().args(&[word("IF")]).set(route::dev),
    kw("onlink", "The gateway is on the link whatever the routes say.")
        .acted()
        .set(|cx, _| route::change(cx, |r| r.hop.onlink = true)),
    kw("encap", "Encapsulation.")
        .acted()
        .args(&[word("ip|ip6|mpls|ila ...").rest(1)])
        .takes(hop::encap_words)
        .set(route::encap),
    kw("expires", "Lifetime in seconds, IPv6.").acted().args(&[word("SECONDS")]).set(|cx, a| {
        if let Some(seconds) = route::number(cx, a, u32::MAX) {
            route::change(cx, |r| r.expires = Some(seconds));
        }
    }),
    metric!("mtu", "MTU.", rtax::MTU),
    metric!("hoplimit", "TTL or hop limit.", rtax::HOPLIMIT, most 255),
    metric!("advmss", "Advertised segment size.", rtax::ADVMSS),
    metric!("rtt", "First round trip time; bare: in 1/8 ms.", rtax::RTT, units rtax::RTT_PER_MS),
    metric!("rttvar", "Its variance; bare: in 1/4 ms.", rtax::RTTVAR, units rtax::RTTVAR_PER_MS),
    metric!(
        "rto_min",
        "Least retransmission timeout; bare: in ms.",
        rtax::RTO_MIN,
        units rtax::RTO_MIN_PER_MS
    ),
    metric!("reordering", "Reordering.", rtax::REORDERING),
    metric!("window", "Largest window.", rtax::WINDOW, most u32::MAX),
    metric!("cwnd", "Congestion window.", rtax::CWND),
    metric!("ssthresh", "Slow start threshold.", rtax::SSTHRESH),
    kw("realms", "Realms, IPv4.").acted().args(&[word("[SRC/]DST")]).set(route::realms),
    metric!("initcwnd", "First congestion window.", rtax::INITCWND, most u32::MAX),
    metric!("initrwnd", "First receive window.", rtax::INITRWND, most u32::MAX),
    kw("features", "ecn.")
        .acted()
        .args(&[word("ecn")])
        .set(|cx, a| route::features(cx, a, rtax::FEATURES)),
    metric!("quickack", "Acknowledge at once.", rtax::QUICKACK, most 1),
    kw("congctl", "Congestion control.")
        .acted()
        .args(&[word("[lock] NAME").rest(1)])
        .takes(route::lockable)
        .set(route::congctl),
    kw("pref", "Router preference, IPv6.")
        .acted()
        .args(&[word("low|medium|high|N")])
        .set(route::pref),
    kw("ttl-propagate", "Propagate the TTL into MPLS.")
        .acted()
        .args(&[word("enabled|disabled")])
        .set(route::ttl_propagate),
    metric!(
        "fastopen_no_cookie",
        "TCP Fast Open without a cookie.",
        rtax::FASTOPEN_NO_COOKIE,
        most 1
    ),
    kw("add", "Fail when it exists.")
        .acted()
        .set(|cx, _| route::change(cx, |r| r.insert = RouteInsert::Add)),
    kw("prepend", "Put it before equal ones; the default.")
        .acted()
        .set(|cx, _| route::change(cx, |r| r.insert = RouteInsert::Prepend)),
    kw("append", "Put it after equal ones.")
        .acted()
        .set(|cx, _| route::change(cx, |r| r.insert = RouteInsert::Append)),
    kw("or", "Another gateway; use nexthop.").acted().args(&[word("ADDR")]).set(route::or),
    kw("nexthop", "A next hop; several may follow, at the end.")
        .acted()
        .args(&[word(
            "[via [inet|inet6] ADDR] [dev IF] [weight N] [onlink] [encap ...] [realms R]",
        )
        .rest(1)])
        .set(route::nexthops),
    kw("no_track", "Nothing is done when somebody removes it.")
        .acted()
        .set(|cx, _| route::change(cx, |r| r.no_track = true)),
];

fn priority(cx: &mut crate::lower::Cx<'_>, a: &crate::args::Args<'_>) {
    if let Some(priority) = route::number(cx, a, u32::MAX) {
        route::change(cx, |r| r.priority = Some(priority));
    }
}

fn via_words(a: &crate::args::Args<'_>) -> usize {
    (1 + usize::from(matches!(a.str(0), "inet" | "inet6"))).min(a.len())
}

fn as_words(a: &crate::args::Args<'_>) -> usize {
    (1 + usize::from(a.get(0) == Some("to"))).min(a.len())
}
