use super::*;
use crate::wire::Msg;
use core::net::{Ipv4Addr, Ipv6Addr};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn message(flags: u16, body: impl FnOnce(&mut Msg<'_>)) -> Vec<u8> {
    let mut buf = Vec::new();
    let mut msg = Msg::begin(&mut buf, NEW, flags, 0);
    body(&mut msg);
    msg.finish();
    buf
}

fn body(spec: &RouteSpec) -> Vec<u8> {
    message(0, |msg| spec.encode_new(msg)).split_off(wire::HEADER_LEN)
}

fn v4(text: &str) -> RouteSpec {
    let (addr, len) = text.split_once('/').unwrap();
    let dst = Prefix { addr: addr.parse().unwrap(), len: len.parse().unwrap() };
    RouteSpec { insert: RouteInsert::Add, ..RouteSpec::new(dst.family(), Some(dst)) }
}

/// Header and attributes of a message as `ip` sends them, sorted: the kernel reads them in any
/// order.
fn sorted(message: &[u8]) -> (Vec<u8>, Vec<(u16, Vec<u8>)>) {
    let (head, attrs) = message.split_at(wire::HEADER_LEN + RTMSG_LEN);
    let mut head = head.to_vec();
    // Length, type, flags and sequence number are the socket's.
    head.drain(..wire::HEADER_LEN);
    let mut attrs: Vec<_> =
        wire::attrs(attrs).map(|(kind, value)| (kind, value.to_vec())).collect();
    attrs.sort();
    (head, attrs)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |two: &[u8]| u8::from_str_radix(core::str::from_utf8(two).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

#[track_caller]
fn same_as_ip(spec: &RouteSpec, captured: &str) {
    let ours = message(0, |msg| spec.encode_new(msg));
    assert_eq!(sorted(&ours), sorted(&bytes(captured)));
}

// Forms that few kernels of test machines know, as iproute2 6.1 sends them.

#[test]
fn an_mpls_label_stack_is_encoded_as_ip_does() {
    // ip route add 10.3.0.0/16 encap mpls 100/200 via 10.0.0.2 proto 18
    let mut spec = v4("10.3.0.0/16");
    spec.hop.via = Some(Ipv4Addr::new(10, 0, 0, 2).into());
    spec.hop.encap = Some(Encap::Mpls(vec![100, 200]));
    same_as_ip(
        &spec,
        "44000000 18000506 f88e046b 00000000
         02100000 fe120001 00000000 08000100
         0a030000 10001680 0c000100 00064000
         000c8100 06001500 01000100 08000500
         0a000002",
    );
}

#[test]
fn an_mpls_label_of_one_hop_of_several_is_encoded_as_ip_does() {
    // ip route add 10.4.0.0/16 proto 18 nexthop encap mpls 300 via 10.0.0.2 weight 3
    //     nexthop via 10.0.0.3 dev v0
    // Inside of a hop the order of attributes is compared as well; ours is gateway first.
    let hop = |last: u8| NextHop {
        via: Some(Ipv4Addr::new(10, 0, 0, last).into()),
        ..NextHop::default()
    };
    let mut spec = v4("10.4.0.0/16");
    spec.nexthops = vec![
        NextHop { weight: Some(3), encap: Some(Encap::Mpls(vec![300])), ..hop(2) },
        NextHop { ifindex: Some(3), ..hop(3) },
    ];
    same_as_ip(
        &spec,
        "5c000000 18000506 f88e046b 00000000
         02100000 fe120001 00000000 08000100
         0a040000 38000900 24000002 00000000
         08000500 0a000002
         0c001680 08000100 0012c100 06001500
         01000000 10000000
         03000000 08000500 0a000003",
    );
}

#[test]
fn an_ila_locator_is_encoded_as_ip_does() {
    // ip -6 route add 2001:db8:6::/48 encap ila 1:2:3:4 dev v0 proto 18
    let mut spec = v4("2001:db8:6::/48");
    spec.hop.ifindex = Some(3);
    spec.hop.encap = Some(Encap::Ila(0x0001_0002_0003_0004));
    same_as_ip(
        &spec,
        "50000000 18000506 f88e046b 00000000
         0a300000 fe120001 00000000 14000100
         20010db8 00060000 00000000 00000000
         10001680 0c000100 00010002 00030004
         06001500 03000100 08000400 03000000",
    );
}

#[test]
fn a_single_hop_has_no_weight_and_a_first_hop_without_a_way_is_left_out() {
    let mut spec = v4("10.5.0.0/16");
    let hop = NextHop { ifindex: Some(7), ..NextHop::default() };
    spec.nexthops = vec![hop.clone(), NextHop { ifindex: Some(8), ..hop.clone() }];
    assert_eq!(spec.hops().count(), 2);
    spec.hop = NextHop { ifindex: Some(6), ..hop };
    let order: Vec<_> = spec.hops().filter_map(|hop| hop.ifindex).collect();
    assert_eq!(order, [6, 7, 8]);
}

#[test]
fn a_route_is_known_again_by_place_type_owner_and_hops() {
    let mut asked = v4("2001:db8:1::5/48");
    asked.hop.via = Some(Ipv6Addr::LOCALHOST.into());
    let mut seen = v4("2001:db8:1::/48");
    seen.priority = Some(1024);
    seen.hop = NextHop { ifindex: Some(3), ..asked.hop.clone() };
    assert!(asked.is(&seen));
    assert!(!asked.is(&RouteSpec { protocol: 4, ..seen.clone() }));
    assert!(!asked.is(&RouteSpec { table: 5, ..seen.clone() }));
    assert!(!asked.is(&RouteSpec { priority: Some(7), ..seen.clone() }));
    assert!(!asked.is(&RouteSpec { hop: NextHop::default(), ..seen.clone() }));
    assert!(!asked.is(&RouteSpec { nexthops: vec![seen.hop.clone(); 2], ..seen }));
}

#[test]
fn an_ipv6_route_without_metric_is_removed_by_the_metric_it_got() {
    let del = message(0, |msg| v4("2001:db8::/32").encode_del(msg)).split_off(wire::HEADER_LEN);
    assert_eq!(RouteSpec::parse(&del).unwrap().priority, Some(1024));
}

fn addr(family: Family) -> BoxedStrategy<IpAddr> {
    match family {
        Family::V4 => any::<Ipv4Addr>().prop_map(IpAddr::V4).boxed(),
        Family::V6 => any::<Ipv6Addr>().prop_map(IpAddr::V6).boxed(),
    }
}

fn prefixes(family: Family) -> impl Strategy<Value = Option<Prefix>> {
    option::of((addr(family), 1..=family.bits()).prop_map(|(addr, len)| Prefix { addr, len }))
}

fn encaps() -> impl Strategy<Value = Encap> {
    let ip = |family| {
        let numbers = (option::of(1..u64::MAX), option::of(1..=u8::MAX), option::of(1..=u8::MAX));
        (numbers, option::of(addr(family)), option::of(1..u16::MAX)).prop_map(
            |((id, tos, ttl), dst, flags)| {
                let dst = dst.filter(|dst| !dst.is_unspecified());
                IpEncap { id, dst, src: dst, tos, ttl, flags }
            },
        )
    };
    prop_oneof![
        ip(Family::V4).prop_map(Encap::Ip),
        ip(Family::V6).prop_map(Encap::Ip6),
        vec(0..1u32 << 20, 1..5).prop_map(Encap::Mpls),
        any::<u64>().prop_map(Encap::Ila),
    ]
}

fn hops(weighted: bool) -> impl Strategy<Value = NextHop> {
    let via = option::of(any::<IpAddr>());
    let weight = option::of(2..=256u16).prop_map(move |weight| weight.filter(|_| weighted));
    let rest = (any::<bool>(), option::of(encaps()), option::of(1..u32::MAX));
    (via, option::of(1..u32::MAX), weight, rest).prop_map(
        |(via, ifindex, weight, (onlink, encap, realms))| NextHop {
            via,
            ifindex,
            weight,
            onlink,
            encap,
            realms,
        },
    )
}

fn metrics() -> impl Strategy<Value = Vec<Metric>> {
    let one = (2..16u16, any::<u32>(), any::<bool>());
    vec(one.prop_map(|(kind, value, lock)| Metric { kind, value, lock }), 0..6).prop_map(
        |mut metrics| {
            metrics.sort_by_key(|metric| metric.kind);
            metrics.dedup_by_key(|metric| metric.kind);
            metrics
        },
    )
}

fn specs() -> impl Strategy<Value = RouteSpec> {
    prop_oneof![Just(Family::V4), Just(Family::V6)].prop_flat_map(|family| {
        let ends = (prefixes(family), prefixes(family), option::of(addr(family)));
        let ways = prop_oneof![
            hops(false).prop_map(|hop| (hop, Vec::new())),
            vec(hops(true), 1..4).prop_map(|hops| (NextHop::default(), hops)),
        ];
        let numbers = (any::<u32>(), option::of(any::<u32>()), any::<[u8; 4]>());
        let tuning = (
            metrics(),
            option::of(("[a-z]{1,15}", any::<bool>())),
            option::of(any::<u8>()),
            option::of(any::<bool>()),
        );
        (ends, ways, numbers, tuning).prop_map(
            move |((dst, from, src), (hop, nexthops), (table, priority, small), tuning)| {
                let (metrics, congctl, pref, ttl_propagate) = tuning;
                let [kind, tos, protocol, scope] = small;
                RouteSpec {
                    kind,
                    dst,
                    from,
                    src,
                    hop,
                    nexthops,
                    table,
                    priority,
                    tos,
                    protocol,
                    scope: (family == Family::V4).then_some(scope),
                    metrics,
                    congctl,
                    pref,
                    ttl_propagate,
                    ..RouteSpec::new(family, None)
                }
            },
        )
    })
}

proptest! {
    #[test]
    fn what_is_asked_for_is_what_is_read(spec in specs()) {
        let read = RouteSpec::parse(&body(&spec)).unwrap();
        prop_assert!(spec.is(&read));
        prop_assert_eq!(read, spec);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(
        spec in specs(),
        cut in 0usize..300,
        damage in vec((0usize..300, any::<u8>()), 0..8),
        noise in vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = body(&spec);
        for (at, value) in damage {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(cut);
        for bytes in [bytes, noise] {
            if let Some(read) = RouteSpec::parse(&bytes) {
                // What was read can be compared and asked for.
                let _ = (read.is(&spec), body(&read));
            }
        }
    }
}
