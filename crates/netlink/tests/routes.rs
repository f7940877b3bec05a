//! Routes: every form that the configuration knows, put in by iproute2 and by us, and seen by
//! iproute2 to be the same.

mod common;

use common::{ROOM, World, prefix, without_number, world};
use netlink::route::{Encap, IpEncap, Metric, NextHop, RouteInsert};
use netlink::{Batch, FibEvent, NlSocket, RouteEvent, RouteFilter, RouteSpec};
use std::net::IpAddr;
use types::Family;

const ESRCH: i32 = 3;
const EEXIST: i32 = 17;
/// `RTN_*`.
const LOCAL: u8 = 2;
const BROADCAST: u8 = 3;
const ANYCAST: u8 = 4;
const MULTICAST: u8 = 5;
const BLACKHOLE: u8 = 6;
const UNREACHABLE: u8 = 7;
const PROHIBIT: u8 = 8;
const THROW: u8 = 9;
/// `RTPROT_KERNEL`.
const KERNEL: u8 = 2;
/// `RT_SCOPE_LINK`.
const LINK: Option<u8> = Some(253);
const HOST: Option<u8> = Some(254);

/// How `ip route add` is told, and how a spec is.
type Form = (&'static str, Box<dyn Fn(&mut RouteSpec)>);

fn form(text: &'static str, set: impl Fn(&mut RouteSpec) + 'static) -> Form {
    (text, Box::new(set))
}

fn via(addr: &str) -> Option<IpAddr> {
    Some(addr.parse().unwrap())
}

fn hop(addr: &str) -> NextHop {
    NextHop { via: via(addr), ..NextHop::default() }
}

fn metrics(list: &[(u16, u32, bool)]) -> Vec<Metric> {
    list.iter().map(|&(kind, value, lock)| Metric { kind, value, lock }).collect()
}

fn places(eth0: u32, eth1: u32) -> Vec<Form> {
    vec![
        form("10.1.0.0/16 via 10.0.0.2", |r| r.hop.via = via("10.0.0.2")),
        form("10.1.0.0/16 via 10.0.0.2 dev eth0", move |r| {
            r.hop = NextHop { ifindex: Some(eth0), ..hop("10.0.0.2") };
        }),
        form("10.1.0.0/16 dev eth1 scope link", move |r| {
            (r.hop.ifindex, r.scope) = (Some(eth1), LINK);
        }),
        form("10.1.0.0/16 dev eth1 scope global", move |r| r.hop.ifindex = Some(eth1)),
        form("10.1.0.0/16 dev eth1 scope host", move |r| {
            (r.hop.ifindex, r.scope) = (Some(eth1), HOST);
        }),
        form("10.1.0.0/16 via 192.0.2.9 dev eth0 onlink", move |r| {
            r.hop = NextHop { ifindex: Some(eth0), onlink: true, ..hop("192.0.2.9") };
        }),
        form("10.1.2.3/32 via 10.0.0.2", |r| r.hop.via = via("10.0.0.2")),
        form("0.0.0.0/0 via 10.0.0.2 metric 50", |r| {
            (r.hop.via, r.priority) = (via("10.0.0.2"), Some(50));
        }),
        form("10.1.0.0/16 via 10.0.0.2 src 10.0.1.1", |r| {
            (r.hop.via, r.src) = (via("10.0.0.2"), via("10.0.1.1"));
        }),
        form("10.1.0.0/16 via 10.0.0.2 table 100", |r| {
            (r.hop.via, r.table) = (via("10.0.0.2"), 100);
        }),
        form("10.1.0.0/16 via 10.0.0.2 table 256 metric 0", |r| {
            (r.hop.via, r.table, r.priority) = (via("10.0.0.2"), 256, Some(0));
        }),
        form("10.1.0.0/16 via 10.0.0.2 table 4000000000 metric 4294967295", |r| {
            (r.hop.via, r.table, r.priority) = (via("10.0.0.2"), 4_000_000_000, Some(u32::MAX));
        }),
        form("10.1.0.0/16 via 10.0.0.2 tos 0x10", |r| (r.hop.via, r.tos) = (via("10.0.0.2"), 16)),
        form("10.1.0.0/16 via 10.0.0.2 proto static", |r| {
            (r.hop.via, r.protocol) = (via("10.0.0.2"), 4);
        }),
        form("10.1.0.0/16 via 10.0.0.2 realms 3/4", |r| {
            (r.hop.via, r.hop.realms) = (via("10.0.0.2"), Some(3 << 16 | 4));
        }),
        form("10.1.0.0/16 via inet6 2001:db8::2 dev eth0", move |r| {
            r.hop = NextHop { ifindex: Some(eth0), ..hop("2001:db8::2") };
        }),
        form("10.1.0.0/16 via 10.0.0.2 ttl-propagate enabled", |r| {
            (r.hop.via, r.ttl_propagate) = (via("10.0.0.2"), Some(true));
        }),
    ]
}

fn types(eth0: u32, _: u32) -> Vec<Form> {
    vec![
        form("unicast 10.1.0.0/16 via 10.0.0.2", |r| r.hop.via = via("10.0.0.2")),
        form("blackhole 10.1.0.0/16", |r| r.kind = BLACKHOLE),
        form("unreachable 10.1.0.0/16 metric 9", |r| (r.kind, r.priority) = (UNREACHABLE, Some(9))),
        form("prohibit 10.1.0.0/16", |r| r.kind = PROHIBIT),
        form("throw 10.1.0.0/16 table 200", |r| (r.kind, r.table) = (THROW, 200)),
        form("local 10.1.0.1/32 dev eth0 table 100", move |r| {
            (r.kind, r.hop.ifindex, r.table) = (LOCAL, Some(eth0), 100);
        }),
        form("broadcast 10.1.0.255/32 dev eth0 table 100", move |r| {
            (r.kind, r.hop.ifindex, r.table) = (BROADCAST, Some(eth0), 100);
        }),
        form("anycast 10.1.0.1/32 dev eth0 table 255", move |r| {
            (r.kind, r.hop.ifindex, r.table) = (ANYCAST, Some(eth0), 255);
        }),
        form("multicast 239.1.0.0/16 dev eth0 scope global", move |r| {
            (r.kind, r.hop.ifindex) = (MULTICAST, Some(eth0));
        }),
        form("blackhole 2001:db8:1::/48", |r| r.kind = BLACKHOLE),
        form("unreachable 2001:db8:1::/48 metric 9", |r| {
            (r.kind, r.priority) = (UNREACHABLE, Some(9));
        }),
        form("prohibit 2001:db8:1::/48", |r| r.kind = PROHIBIT),
        form("throw 2001:db8:1::/48 table 1000", |r| (r.kind, r.table) = (THROW, 1000)),
        form("local 2001:db8:1::1/128 dev eth0 table 100", move |r| {
            (r.kind, r.hop.ifindex, r.table) = (LOCAL, Some(eth0), 100);
        }),
        form("anycast 2001:db8:1::1/128 dev eth0 table 100", move |r| {
            (r.kind, r.hop.ifindex, r.table) = (ANYCAST, Some(eth0), 100);
        }),
        form("multicast ff05::/16 dev eth0 table 100", move |r| {
            (r.kind, r.hop.ifindex, r.table) = (MULTICAST, Some(eth0), 100);
        }),
    ]
}

fn tuned(_: u32, _: u32) -> Vec<Form> {
    vec![
        form("10.1.0.0/16 via 10.0.0.2 mtu 1400", |r| {
            (r.hop.via, r.metrics) = (via("10.0.0.2"), metrics(&[(2, 1400, false)]));
        }),
        form("10.1.0.0/16 via 10.0.0.2 mtu lock 1400 advmss 1300", |r| {
            r.hop.via = via("10.0.0.2");
            r.metrics = metrics(&[(2, 1400, true), (8, 1300, false)]);
        }),
        form("10.1.0.0/16 via 10.0.0.2 window 9000 rtt 100ms rttvar 50ms", |r| {
            r.hop.via = via("10.0.0.2");
            r.metrics = metrics(&[(3, 9000, false), (4, 800, false), (5, 200, false)]);
        }),
        form("10.1.0.0/16 via 10.0.0.2 ssthresh lock 20 cwnd lock 10 reordering 5", |r| {
            r.hop.via = via("10.0.0.2");
            r.metrics = metrics(&[(6, 20, true), (7, 10, true), (9, 5, false)]);
        }),
        form("10.1.0.0/16 via 10.0.0.2 hoplimit 77 initcwnd 12 initrwnd 13", |r| {
            r.hop.via = via("10.0.0.2");
            r.metrics = metrics(&[(10, 77, false), (11, 12, false), (14, 13, false)]);
        }),
        form("10.1.0.0/16 via 10.0.0.2 features ecn rto_min 300ms quickack 1", |r| {
            r.hop.via = via("10.0.0.2");
            // ip locks rto_min whenever it is given.
            r.metrics = metrics(&[(12, 1, false), (13, 300, true), (15, 1, false)]);
        }),
        form("10.1.0.0/16 via 10.0.0.2 fastopen_no_cookie 1", |r| {
            (r.hop.via, r.metrics) = (via("10.0.0.2"), metrics(&[(17, 1, false)]));
        }),
        form("10.1.0.0/16 via 10.0.0.2 congctl reno", |r| {
            (r.hop.via, r.congctl) = (via("10.0.0.2"), Some(("reno".to_owned(), false)));
        }),
        form("10.1.0.0/16 via 10.0.0.2 congctl lock reno mtu lock 1300", |r| {
            (r.hop.via, r.congctl) = (via("10.0.0.2"), Some(("reno".to_owned(), true)));
            r.metrics = metrics(&[(2, 1300, true)]);
        }),
        form("2001:db8:1::/48 via 2001:db8::2 mtu 1400 hoplimit 9 congctl lock reno", |r| {
            (r.hop.via, r.congctl) = (via("2001:db8::2"), Some(("reno".to_owned(), true)));
            r.metrics = metrics(&[(2, 1400, false), (10, 9, false)]);
        }),
    ]
}

fn six(eth0: u32, eth1: u32) -> Vec<Form> {
    vec![
        form("2001:db8:1::/48 via 2001:db8::2", |r| r.hop.via = via("2001:db8::2")),
        form("2001:db8:1::/48 dev eth1", move |r| r.hop.ifindex = Some(eth1)),
        form("::/0 via fe80::2 dev eth0 metric 7", move |r| {
            r.hop = NextHop { ifindex: Some(eth0), ..hop("fe80::2") };
            r.priority = Some(7);
        }),
        form("2001:db8:1::5/128 via 2001:db8::2 table 1000", |r| {
            (r.hop.via, r.table) = (via("2001:db8::2"), 1000);
        }),
        form("2001:db8:1::/48 via 2001:db8::2 src 2001:db8:0:1::1", |r| {
            (r.hop.via, r.src) = (via("2001:db8::2"), via("2001:db8:0:1::1"));
        }),
        form("2001:db8:1::/48 from 2001:db8:2::/48 via 2001:db8::2", |r| {
            (r.hop.via, r.from) = (via("2001:db8::2"), Some(prefix("2001:db8:2::/48")));
        }),
        form("2001:db8:1::/48 via 2001:db8::2 expires 3000", |r| {
            (r.hop.via, r.expires) = (via("2001:db8::2"), Some(3000));
        }),
        form("2001:db8:1::/48 via 2001:db8::2 pref high", |r| {
            (r.hop.via, r.pref) = (via("2001:db8::2"), Some(1));
        }),
        form("2001:db8:1::/48 via 2001:db8::2 pref low metric 2", |r| {
            (r.hop.via, r.pref, r.priority) = (via("2001:db8::2"), Some(3), Some(2));
        }),
        form("2001:db8:1::/48 via 2001:db8:9::9 dev eth0 onlink", move |r| {
            r.hop = NextHop { ifindex: Some(eth0), onlink: true, ..hop("2001:db8:9::9") };
        }),
    ]
}

fn multipath(eth0: u32, eth1: u32) -> Vec<Form> {
    let dev = move |ifindex, via: &str| NextHop { ifindex: Some(ifindex), ..hop(via) };
    vec![
        form("10.1.0.0/16 nexthop via 10.0.0.2 weight 3 nexthop via 10.0.1.2", |r| {
            r.nexthops = vec![NextHop { weight: Some(3), ..hop("10.0.0.2") }, hop("10.0.1.2")];
        }),
        // A first hop of its own and a further one.
        form("10.1.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.1.2 weight 256", |r| {
            r.hop = hop("10.0.0.2");
            r.nexthops = vec![NextHop { weight: Some(256), ..hop("10.0.1.2") }];
        }),
        form("10.1.0.0/16 nexthop dev eth0 nexthop dev eth1", move |r| {
            let dev = |ifindex| NextHop { ifindex: Some(ifindex), ..NextHop::default() };
            r.nexthops = vec![dev(eth0), dev(eth1)];
        }),
        form(
            "10.1.0.0/16 mtu 1400 nexthop via 192.0.2.9 dev eth0 onlink \
             nexthop via 10.0.1.2 dev eth1 realms 5",
            move |r| {
                r.metrics = metrics(&[(2, 1400, false)]);
                r.nexthops = vec![
                    NextHop { onlink: true, ..dev(eth0, "192.0.2.9") },
                    NextHop { realms: Some(5), ..dev(eth1, "10.0.1.2") },
                ];
            },
        ),
        form(
            "10.1.0.0/16 nexthop encap ip id 7 dst 10.0.1.9 via 10.0.0.2 \
             nexthop via inet6 2001:db8::2 dev eth0",
            move |r| {
                let encap = IpEncap { id: Some(7), dst: via("10.0.1.9"), ..IpEncap::default() };
                r.nexthops = vec![
                    NextHop { encap: Some(Encap::Ip(encap)), ..hop("10.0.0.2") },
                    dev(eth0, "2001:db8::2"),
                ];
            },
        ),
        form("2001:db8:1::/48 nexthop via 2001:db8::2 weight 3 nexthop via 2001:db8:0:1::2", |r| {
            let weight = Some(3);
            r.nexthops = vec![NextHop { weight, ..hop("2001:db8::2") }, hop("2001:db8:0:1::2")];
        }),
        form(
            "2001:db8:1::/48 metric 5 nexthop via fe80::2 dev eth0 nexthop via fe80::2 dev eth1",
            move |r| {
                r.priority = Some(5);
                r.nexthops = vec![dev(eth0, "fe80::2"), dev(eth1, "fe80::2")];
            },
        ),
    ]
}

fn encapsulated(eth0: u32, _: u32) -> Vec<Form> {
    vec![
        form("10.1.0.0/16 encap ip id 5 dst 10.0.1.9 src 10.0.1.1 tos 4 ttl 9 via 10.0.0.2", |r| {
            let encap = IpEncap {
                id: Some(5),
                dst: via("10.0.1.9"),
                src: via("10.0.1.1"),
                tos: Some(4),
                ttl: Some(9),
                flags: None,
            };
            r.hop = NextHop { encap: Some(Encap::Ip(encap)), ..hop("10.0.0.2") };
        }),
        form("10.1.0.0/16 encap ip id 5 dst 10.0.1.9 key csum via 10.0.0.2", |r| {
            let encap = IpEncap {
                id: Some(5),
                dst: via("10.0.1.9"),
                flags: Some(1 | 4),
                ..IpEncap::default()
            };
            r.hop = NextHop { encap: Some(Encap::Ip(encap)), ..hop("10.0.0.2") };
        }),
        form(
            "10.1.0.0/16 encap ip6 dst 2001:db8::9 tc 8 hoplimit 7 dev eth0 scope link",
            move |r| {
                let encap = IpEncap {
                    dst: via("2001:db8::9"),
                    tos: Some(8),
                    ttl: Some(7),
                    ..IpEncap::default()
                };
                (r.hop.ifindex, r.hop.encap) = (Some(eth0), Some(Encap::Ip6(encap)));
                r.scope = LINK;
            },
        ),
        form("2001:db8:1::/48 encap ip6 id 4294967296 dst 2001:db8::9 dev eth0", move |r| {
            let encap =
                IpEncap { id: Some(1 << 32), dst: via("2001:db8::9"), ..IpEncap::default() };
            (r.hop.ifindex, r.hop.encap) = (Some(eth0), Some(Encap::Ip6(encap)));
        }),
        form("2001:db8:1::/48 encap ip id 6 dst 10.0.1.9 via 2001:db8::2", |r| {
            let encap = IpEncap { id: Some(6), dst: via("10.0.1.9"), ..IpEncap::default() };
            r.hop = NextHop { encap: Some(Encap::Ip(encap)), ..hop("2001:db8::2") };
        }),
    ]
}

/// The spec of a form: its destination, and what its function sets.
fn spec((text, set): &Form) -> RouteSpec {
    let dst = text.split_whitespace().find(|word| word.contains('/')).map(prefix).unwrap();
    let mut spec = RouteSpec::new(dst.family(), Some(dst));
    set(&mut spec);
    spec
}

/// What iproute2 shows, without the routes that the kernel sets by itself and at its own time.
fn show(world: &World, family: Family) -> Vec<String> {
    let family = if family == Family::V4 { "-4" } else { "-6" };
    let json = world.ip(&format!("{family} -j -d route show table all"));
    without_number(&json, "\"expires\":")
        .split("},{")
        .filter(|route| !route.contains("\"protocol\":\"kernel\""))
        .map(|route| route.trim_matches(['[', ']', '{', '}', '\n']).to_owned())
        .collect()
}

fn ours(ask: &mut NlSocket, spec: &RouteSpec) -> Vec<RouteSpec> {
    let filter = RouteFilter { protocol: Some(spec.protocol), ..RouteFilter::default() };
    ask.dump_routes(filter).unwrap()
}

/// Puts each form in by iproute2, then by us, then as we read it back, and compares what
/// iproute2 shows; what is removed leaves nothing behind.
fn same_as_ip(forms: fn(u32, u32) -> Vec<Form>) {
    let world = world("routes");
    let mut monitor = world.host.run(|| NlSocket::monitor_fib(ROOM).unwrap()).unwrap();
    let mut ask = world.host.run(|| NlSocket::request().unwrap()).unwrap();
    let mut batch = world.host.run(|| Batch::open().unwrap()).unwrap();
    for form in forms(world.eth0, world.eth1) {
        let (text, spec) = (form.0, spec(&form));
        let owner = if text.contains("proto ") { "" } else { "proto keepalived" };
        let family = if spec.family == Family::V4 { "-4" } else { "-6" };
        let before = show(&world, spec.family);
        world.ip(&format!("{family} route add {owner} {text}"));
        let theirs = show(&world, spec.family);
        assert_ne!(before, theirs, "{text}");
        world.ip(&format!("{family} route del {owner} {text}"));
        assert_eq!(before, show(&world, spec.family), "{text}");
        news(&mut monitor);

        batch.add_route(&spec);
        assert_eq!(batch.run().unwrap(), [], "{text}");
        assert_eq!(show(&world, spec.family), theirs, "{text}");
        let read = ours(&mut ask, &spec);
        assert_eq!(read.len(), 1, "{text}: {read:?}");
        assert!(spec.is(&read[0]), "{text}: {read:?}");
        batch.del_route(&spec);
        assert_eq!(batch.run().unwrap(), [], "{text}");
        assert_eq!(show(&world, spec.family), before, "{text}");
        let news = news(&mut monitor);
        assert!(is_news(&news[0], &spec, true), "{text}: {news:?}");
        assert!(is_news(&news[news.len() - 1], &spec, false), "{text}: {news:?}");

        batch.add_route(&read[0]);
        assert_eq!(batch.run().unwrap(), [], "{text}: {read:?}");
        assert_eq!(show(&world, spec.family), theirs, "{text}: {read:?}");
        batch.del_route(&read[0]);
        assert_eq!(batch.run().unwrap(), [], "{text}: {read:?}");
        batch.del_route(&spec);
        assert_eq!(batch.run().unwrap()[0].1.errno, ESRCH, "{text}");
    }
}

/// News of routes that the kernel does not set by itself and at its own time.
fn news(monitor: &mut NlSocket) -> Vec<RouteEvent> {
    let mut news = Vec::new();
    let mut all = 0;
    loop {
        let before = all;
        monitor
            .recv_fib_events(|event| {
                all += 1;
                if let FibEvent::Route(route) = event {
                    news.push(route);
                }
            })
            .unwrap();
        if all == before {
            news.retain(|route| route.spec.protocol != KERNEL);
            return news;
        }
    }
}

/// Whether `event` is about `spec`. IPv6 tells of the removal of a multipath route hop by hop.
fn is_news(event: &RouteEvent, spec: &RouteSpec, expected: bool) -> bool {
    let hops = spec.family == Family::V6 && !spec.nexthops.is_empty() && !expected;
    let same = if hops { spec.key() == event.spec.key() } else { spec.is(&event.spec) };
    event.new == expected && same
}

#[test]
fn places_and_hops() {
    same_as_ip(places);
}

#[test]
fn every_type() {
    same_as_ip(types);
}

#[test]
fn every_metric() {
    same_as_ip(tuned);
}

#[test]
fn what_only_ipv6_has() {
    same_as_ip(six);
}

#[test]
fn several_hops() {
    same_as_ip(multipath);
}

#[test]
fn encapsulation_in_ip() {
    same_as_ip(encapsulated);
}

#[test]
fn equal_routes_go_before_after_or_nowhere() {
    let world = world("routes");
    let mut route = RouteSpec::new(Family::V4, Some(prefix("10.1.0.0/16")));
    let mut add = |last: u8, insert| {
        (route.hop, route.insert) = (hop(&format!("10.0.0.{last}")), insert);
        let mut batch = world.host.run(|| Batch::open().unwrap()).unwrap();
        batch.add_route(&route);
        batch.run().unwrap().into_iter().map(|(_, error)| error.errno).collect::<Vec<_>>()
    };
    assert_eq!(add(5, RouteInsert::Add), []);
    assert_eq!(add(6, RouteInsert::Add), [EEXIST]);
    assert_eq!(add(7, RouteInsert::Append), []);
    assert_eq!(add(4, RouteInsert::Prepend), []);
    let order: Vec<String> = world
        .ip("route show 10.1.0.0/16")
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2).map(str::to_owned))
        .collect();
    assert_eq!(order, ["10.0.0.4", "10.0.0.5", "10.0.0.7"]);
}

#[test]
fn a_dump_has_what_the_filter_lets_through() {
    let world = world("routes");
    world.ip("route add blackhole 10.1.0.0/16 proto keepalived table 100");
    world.ip("route add blackhole 10.2.0.0/16 proto static table 100");
    world.ip("-6 route add blackhole 2001:db8:1::/48 proto keepalived table 100");
    world.ip("route add blackhole 10.3.0.0/16 proto keepalived");
    let mut ask = world.host.run(|| NlSocket::request().unwrap()).unwrap();
    let mut count = |family, table, protocol| {
        let routes = ask.dump_routes(RouteFilter { family, table, protocol }).unwrap();
        routes.iter().filter(|route| route.kind == BLACKHOLE).count()
    };
    assert_eq!(count(None, None, None), 4);
    assert_eq!(count(None, None, Some(18)), 3);
    assert_eq!(count(Some(Family::V4), Some(100), None), 2);
    assert_eq!(count(Some(Family::V4), Some(100), Some(18)), 1);
    assert_eq!(count(Some(Family::V6), None, None), 1);
}

#[test]
fn a_replacement_by_somebody_else_is_told() {
    let world = world("routes");
    let mut monitor = world.host.run(|| NlSocket::monitor_fib(ROOM).unwrap()).unwrap();
    let mut route = RouteSpec::new(Family::V4, Some(prefix("10.1.0.0/16")));
    route.hop = hop("10.0.0.5");
    let mut batch = world.host.run(|| Batch::open().unwrap()).unwrap();
    batch.add_route(&route);
    assert_eq!(batch.run().unwrap(), []);
    world.ip("route replace 10.1.0.0/16 via 10.0.0.6 proto keepalived");
    let news = news(&mut monitor);
    let [ours, theirs] = news.as_slice() else { panic!("{news:?}") };
    assert!(ours.new && !ours.replaced && route.is(&ours.spec));
    assert!(theirs.new && theirs.replaced && !route.is(&theirs.spec));
    assert_eq!(theirs.spec.key(), route.key());
}

/// Of an IPv4 and an IPv6 route out of eth1: which are told to be gone when `event` happens, and
/// which are left.
fn told_when(world: &World, event: &str) -> (Vec<Family>, Vec<Family>) {
    world.ip("route add 10.1.0.0/16 via 10.0.1.2 proto keepalived");
    world.ip("-6 route add 2001:db8:1::/48 via 2001:db8:0:1::2 proto keepalived");
    let mut monitor = world.host.run(|| NlSocket::monitor_fib(ROOM).unwrap()).unwrap();
    world.ip(event);
    let told = news(&mut monitor).iter().filter(|e| !e.new).map(|e| e.spec.family).collect();
    let filter = RouteFilter { protocol: Some(18), ..RouteFilter::default() };
    let left = world.host.run(|| NlSocket::request().unwrap().dump_routes(filter).unwrap());
    (told, left.unwrap().into_iter().map(|route| route.family).collect())
}

#[test]
fn ipv4_routes_that_go_with_their_interface_go_without_news() {
    let went = (vec![Family::V6], vec![]);
    assert_eq!(told_when(&world("routes"), "link set eth1 down"), went);
    assert_eq!(told_when(&world("routes"), "link del eth1"), went);
}
