use super::*;
use proptest::prelude::*;

fn payload(write: impl FnOnce(&mut Msg<'_>)) -> Vec<u8> {
    let mut buf = Vec::new();
    let mut msg = Msg::begin(&mut buf, 30, 0, 1);
    write(&mut msg);
    msg.finish();
    buf.split_off(wire::HEADER_LEN)
}

fn addrs() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn keys() -> impl Strategy<Value = ServiceKey> {
    let address = (prop_oneof![Just(6), Just(17), Just(132)], addrs(), any::<u16>());
    prop_oneof![
        address.prop_map(|(protocol, addr, port)| ServiceKey {
            family: Family::of(addr),
            listen: Listen::Addr(protocol, addr, port),
        }),
        (any::<bool>(), any::<u32>()).prop_map(|(v6, mark)| ServiceKey {
            family: if v6 { Family::V6 } else { Family::V4 },
            listen: Listen::Mark(mark),
        }),
    ]
}

fn dests() -> impl Strategy<Value = (DestKey, DestSpec)> {
    let forward = prop_oneof![
        Just(Forward::Masq),
        Just(Forward::Local),
        Just(Forward::Route),
        Just(Forward::Bypass),
        Just(Forward::Tunnel(Tunnel::Ipip)),
        (any::<u16>(), any::<u16>())
            .prop_map(|(port, flags)| Forward::Tunnel(Tunnel::Gue { port, flags })),
        any::<u16>().prop_map(|flags| Forward::Tunnel(Tunnel::Gre { flags })),
    ];
    (addrs(), any::<u16>(), forward, any::<i32>(), any::<u32>(), any::<u32>()).prop_map(
        |(addr, port, forward, weight, upper, lower)| {
            (DestKey { addr, port }, DestSpec { forward, weight, upper, lower })
        },
    )
}

proptest! {
    #[test]
    fn a_service_is_read_as_written(
        key in keys(),
        scheduler in "[a-z]{1,15}",
        engine in proptest::option::of("[a-z]{1,15}"),
        (flags, timeout, netmask) in any::<(u32, u32, u32)>(),
    ) {
        let spec = ServiceSpec {
            scheduler: &scheduler, flags, timeout, netmask, engine: engine.as_deref(),
        };
        let read = parse_service(&payload(|msg| service(msg, 1, &key, &spec)));
        let stats = Traffic::default();
        let expected =
            Found { key, scheduler: scheduler.clone(), flags, timeout, netmask, engine, stats };
        prop_assert_eq!(read, Some(expected));
    }

    #[test]
    fn a_destination_is_read_as_written(service in keys(), (key, spec) in dests()) {
        let read = parse_dest(&payload(|m| dest(m, 5, &service, &key, Some(&spec))), service.family);
        let expected = Entry { key, spec, connections: [0; 3], stats: Traffic::default() };
        prop_assert_eq!(read, Some(expected));
    }

    #[test]
    fn arbitrary_bytes_are_read_to_their_end(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = (parse_info(&bytes), parse_service(&bytes), parse_dest(&bytes, Family::V6));
    }

    #[test]
    fn a_message_that_was_changed_is_read_to_its_end(
        service in keys(),
        (key, spec) in dests(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = payload(|msg| dest(msg, 5, &service, &key, Some(&spec)));
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        let _ = (parse_service(&bytes), parse_dest(&bytes, Family::V4));
    }
}

#[test]
fn counters_of_64_bits_win() {
    for wide_first in [false, true] {
        let bytes = payload(|msg| {
            begin(msg, 1);
            msg.nest(top::SERVICE, |nest| {
                nest.attr_u16(svc::AF, 2);
                nest.attr_u32(svc::FWMARK, 7);
                let narrow = |nest: &mut Msg<'_>| {
                    nest.nest(svc::STATS, |s| s.attr_u32(2, 1));
                };
                let wide = |nest: &mut Msg<'_>| {
                    nest.nest(svc::STATS64, |s| s.attr(2, &(1u64 << 40).to_ne_bytes()));
                };
                if wide_first {
                    wide(nest);
                }
                narrow(nest);
                if !wide_first {
                    wide(nest);
                }
            });
        });
        assert_eq!(parse_service(&bytes).unwrap().stats.in_packets, 1 << 40);
    }
}
