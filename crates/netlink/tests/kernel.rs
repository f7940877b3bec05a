//! Against a real kernel, in network namespaces of the lab.

use lab::{Host, Port, Switch};
use netlink::link::{self, LinkKind, NewLink};
use netlink::socket::AddrDump;
use netlink::wire;
use netlink::{AddrEvent, AddrSpec, Batch, Event, Link, NlSocket, Outcome, Seq};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const EEXIST: i32 = 17;
const ENODEV: i32 = 19;
const ROOM: usize = 16 * 1024 * 1024;

struct World {
    host: Host,
    index: u32,
    _cable: (Switch, Port),
}

/// A host with one interface that is up.
fn world() -> World {
    let host = Host::new("netlink").unwrap();
    let switch = Switch::new().unwrap();
    let port = switch.attach(&host, "eth0", &[]).unwrap();
    let index = host.index("eth0").unwrap();
    World { host, index, _cable: (switch, port) }
}

fn vip(n: u32) -> IpAddr {
    Ipv4Addr::from(0x0a01_0000 + n).into()
}

fn events(monitor: &mut NlSocket) -> Vec<Event> {
    let mut all = Vec::new();
    loop {
        let before = all.len();
        monitor.recv_events(|event| all.push(event)).unwrap();
        if all.len() == before {
            return all;
        }
    }
}

/// The addresses of the interface whose second byte marks them as this test's.
fn vips(addrs: impl IntoIterator<Item = AddrSpec>, index: u32) -> BTreeSet<IpAddr> {
    addrs
        .into_iter()
        .filter(|spec| spec.ifindex == index && spec.addr.is_ipv4())
        .map(|spec| spec.addr)
        .collect()
}

#[test]
fn two_thousand_addresses_come_and_go_with_their_news() {
    let World { host, index, .. } = &world();
    let all: BTreeSet<_> = (0..2_000).map(vip).collect();
    host.run(|| {
        let mut monitor = NlSocket::monitor(ROOM).unwrap();
        let mut ask = NlSocket::request().unwrap();
        let mut batch = Batch::open().unwrap();
        for addr in &all {
            batch.add_addr_new(&AddrSpec::new(*index, *addr, 32));
        }
        assert_eq!(batch.run().unwrap(), []);
        assert_eq!(vips(ask.dump_addrs().unwrap(), *index), all);
        // Slice by slice it is the same list, and no slice is large.
        let mut dump = AddrDump::begin().unwrap();
        let (mut there, mut slices) = (Vec::new(), Vec::new());
        let consistent = loop {
            let before = there.len();
            let end = dump.read(&mut there).unwrap();
            slices.push(there.len() - before);
            if let Some(consistent) = end {
                break consistent;
            }
        };
        assert!(consistent);
        assert!(slices.iter().all(|count| *count <= 1_000), "{slices:?}");
        assert_eq!(vips(there, *index), all);
        let news = |monitor: &mut NlSocket, expected_new: bool| {
            vips(
                events(monitor).into_iter().filter_map(|event| match event {
                    Event::Addr(AddrEvent { new, spec }) if new == expected_new => Some(spec),
                    _ => None,
                }),
                *index,
            )
        };
        assert_eq!(news(&mut monitor, true), all);
        for addr in &all {
            batch.del_addr(&AddrSpec::new(*index, *addr, 32));
        }
        assert_eq!(batch.run().unwrap(), []);
        assert_eq!(vips(ask.dump_addrs().unwrap(), *index), BTreeSet::new());
        assert_eq!(news(&mut monitor, false), all);
    })
    .unwrap();
}

#[test]
fn a_failure_in_the_middle_is_its_own_and_stops_nothing() {
    let World { host, index, .. } = &world();
    host.run(|| {
        let mut batch = Batch::open().unwrap();
        let specs: Vec<_> =
            [1, 2, 1, 3].map(|n| AddrSpec::new(*index, vip(n), 32)).into_iter().collect();
        let seqs: Vec<_> = specs.iter().map(|spec| batch.add_addr_new(spec)).collect();
        assert_eq!(batch.flush_some(100).unwrap(), 4);
        let mut outcomes = Vec::new();
        batch.poll(|outcome| outcomes.push(outcome)).unwrap();
        assert_eq!(outcomes.len(), 2, "{outcomes:?}");
        assert!(
            matches!(&outcomes[0], Outcome::Failed { seq, error }
                if *seq == seqs[2] && error.errno == EEXIST),
            "{outcomes:?}"
        );
        assert_eq!(outcomes[1], Outcome::Done { through: seqs[3] });
        assert!(batch.is_idle());
        let there = vips(NlSocket::request().unwrap().dump_addrs().unwrap(), *index);
        assert_eq!(there, [1, 2, 3].map(vip).into());
    })
    .unwrap();
}

#[test]
fn a_failing_last_request_of_a_slice_counts_as_its_answer() {
    let World { host, index, .. } = &world();
    host.run(|| {
        let mut batch = Batch::open().unwrap();
        for n in [1, 1, 2] {
            batch.add_addr_new(&AddrSpec::new(*index, vip(n), 32));
        }
        let mut outcomes = Vec::new();
        assert_eq!(batch.flush_some(2).unwrap(), 2);
        batch.poll(|outcome| outcomes.push(outcome)).unwrap();
        assert!(matches!(outcomes[0], Outcome::Failed { seq: Seq(2), .. }), "{outcomes:?}");
        assert_eq!(outcomes[1], Outcome::Done { through: Seq(2) });
        assert!(!batch.is_idle());
        assert_eq!(batch.unsent(), 1);
        assert_eq!(batch.run().unwrap(), []);
    })
    .unwrap();
}

#[test]
fn lost_answers_are_reported_as_lost_not_as_success() {
    let World { host, index, .. } = &world();
    host.run(|| {
        let mut batch = Batch::open().unwrap();
        batch.set_rcvbuf(1).unwrap();
        // Every one fails, and so is answered.
        for _ in 0..500 {
            batch.del_addr(&AddrSpec::new(*index, vip(1), 32));
        }
        while batch.unsent() > 0 {
            batch.flush_some(1_000).unwrap();
        }
        let mut lost = None;
        batch
            .poll(|outcome| {
                if let Outcome::Lost { through } = outcome {
                    lost = Some(through);
                }
            })
            .unwrap();
        assert_eq!(lost, Some(Seq(500)));
        assert!(batch.is_idle());
        let seq = batch.del_addr(&AddrSpec::new(*index, vip(1), 32));
        let failed = batch.run().unwrap();
        assert_eq!(failed.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [seq]);
    })
    .unwrap();
}

#[test]
fn an_overrun_is_told_and_a_dump_gives_the_truth() {
    let World { host, index, .. } = &world();
    host.run(|| {
        let mut monitor = NlSocket::monitor(1).unwrap();
        let mut batch = Batch::open().unwrap();
        for n in 0..300 {
            batch.add_addr(&AddrSpec::new(*index, vip(n), 32));
        }
        assert_eq!(batch.run().unwrap(), []);
        let seen = events(&mut monitor);
        assert!(seen.contains(&Event::Overrun), "{} events", seen.len());
        let there = vips(NlSocket::request().unwrap().dump_addrs().unwrap(), *index);
        assert_eq!(there.len(), 300);
        // The monitor goes on after the loss; the kernel may have news of its own meanwhile.
        batch.del_addr(&AddrSpec::new(*index, vip(7), 32));
        batch.run().unwrap();
        let seen = events(&mut monitor);
        let is_removal = |event: &Event| {
            matches!(event, Event::Addr(AddrEvent { new: false, spec }) if spec.addr == vip(7))
        };
        assert!(seen.iter().any(is_removal), "{seen:?}");
    })
    .unwrap();
}

#[test]
fn every_property_of_an_address_arrives_and_comes_back() {
    let World { host, index, .. } = &world();
    let v4 = AddrSpec {
        broadcast: Some(Ipv4Addr::new(10, 9, 0, 255)),
        label: Some("eth0:vip".to_owned()),
        scope: 253,
        preferred_lft: 1_000,
        valid_lft: 2_000,
        proto: netlink::addr::PROTO_KEEPALIVED,
        ..AddrSpec::new(*index, Ipv4Addr::new(10, 9, 0, 1).into(), 24)
    };
    let peer = AddrSpec {
        peer: Some(Ipv4Addr::new(10, 8, 0, 2).into()),
        label: Some("eth0".to_owned()),
        ..AddrSpec::new(*index, Ipv4Addr::new(10, 8, 0, 1).into(), 32)
    };
    let v6 = AddrSpec {
        preferred_lft: 0,
        flags: netlink::addr::F_NODAD | netlink::addr::F_NOPREFIXROUTE,
        ..AddrSpec::new(*index, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(), 64)
    };
    host.run(|| {
        let mut batch = Batch::open().unwrap();
        for spec in [&v4, &peer, &v6] {
            batch.add_addr(spec);
        }
        assert_eq!(batch.run().unwrap(), []);
        let there = NlSocket::request().unwrap().dump_addrs().unwrap();
        let find = |addr: IpAddr| there.iter().find(|spec| spec.addr == addr).unwrap();
        let seen = find(v4.addr);
        // Lifetimes run down from the moment of setting, IFA_F_PERMANENT follows from them.
        assert!((990..=1_000).contains(&seen.preferred_lft), "{seen:?}");
        assert!((1_990..=2_000).contains(&seen.valid_lft), "{seen:?}");
        assert_eq!(
            AddrSpec { preferred_lft: 1_000, valid_lft: 2_000, flags: 0, ..seen.clone() },
            v4
        );
        assert_eq!(AddrSpec { flags: 0, ..find(peer.addr).clone() }, peer);
        let seen = find(v6.addr);
        assert_eq!(seen.flags & v6.flags, v6.flags, "{seen:?}");
        assert_ne!(seen.flags & netlink::addr::F_DEPRECATED, 0, "{seen:?}");
        assert_eq!((seen.preferred_lft, seen.prefix_len), (0, 64));
    })
    .unwrap();
}

#[test]
fn links_are_followed_from_creation_to_removal() {
    let World { host, index, .. } = &world();
    let mac = [0, 0, 0x5e, 0, 1, 7];
    host.run(|| {
        let mut monitor = NlSocket::monitor(ROOM).unwrap();
        let mut ask = NlSocket::request().unwrap();
        let kind = LinkKind::Macvlan { mode: link::MACVLAN_PRIVATE };
        let macvlan = NewLink { mac: Some(mac), group: 3, ..NewLink::new("vrrp.7", *index, kind) };
        let create = wire::F_CREATE | wire::F_EXCL;
        ask.execute(link::NEW, create, |msg| macvlan.encode(msg)).unwrap();
        let again = ask.execute(link::NEW, create, |msg| macvlan.encode(msg)).unwrap_err();
        assert_eq!(again.errno, EEXIST, "{again}");
        let find = |ask: &mut NlSocket| -> Link {
            ask.dump_links().unwrap().into_iter().find(|link| link.name == "vrrp.7").unwrap()
        };
        let made = find(&mut ask);
        assert!(made.is_macvlan() && !made.is_up(), "{made:?}");
        assert_eq!(
            (made.parent, made.mac.as_slice(), made.macvlan_mode, made.group),
            (Some(*index), &mac[..], Some(link::MACVLAN_PRIVATE), 3)
        );
        ask.execute(link::NEW, 0, |msg| link::encode_set_up(msg, made.index, true)).unwrap();
        let up = find(&mut ask);
        assert!(up.is_up(), "{up:?}");
        ask.execute(link::DEL, 0, |msg| link::encode_del(msg, made.index)).unwrap();
        let mut of_ours = events(&mut monitor).into_iter().filter(|event| {
            matches!(event, Event::Link(link) | Event::LinkGone(link) if link.index == made.index)
        });
        assert!(matches!(of_ours.next(), Some(Event::Link(link)) if !link.is_up()));
        assert!(of_ours.any(|event| matches!(event, Event::Link(link) if link.is_up())));
        assert!(
            matches!(of_ours.next_back(), Some(Event::LinkGone(link)) if link.name == "vrrp.7")
        );
        let gone = ask.execute(link::DEL, 0, |msg| link::encode_del(msg, made.index));
        assert_eq!(gone.unwrap_err().errno, ENODEV);
    })
    .unwrap();
}
