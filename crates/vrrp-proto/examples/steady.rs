//! What adverts cost the machine: `cargo run --release -p ka-vrrp-proto
//! --example steady`. Prints time per advert sent and received, and of a
//! take-over, for 1 to 2,000 instances.

#![allow(clippy::disallowed_methods, reason = "it measures time")]

use core::net::IpAddr;
use core::time::Duration;
use model::net::Address;
use sim::config;
use sim::craft::Craft;
use std::time::Instant;
use types::{IfIndex, Mono, Prefix, Vrid};
use vrrp_proto::{AddrFact, Input, LinkFact, Node, Out, RxMeta, Setup, SocketId, State};

const VIPS: usize = 20;

/// `count` instances, 250 to an interface.
fn setup(count: usize) -> Setup {
    let mut s = Setup::default();
    for n in 0..count {
        let mut i = config::plain(&format!("VI_{n}"), 1, 100);
        i.vrid = Vrid::new((n % 250) as u8 + 1).unwrap();
        i.interface = Some(format!("eth{}", n / 250));
        let vip = |v: usize| IpAddr::from([10, 128 + (n / 250) as u8, (n % 250) as u8, v as u8]);
        i.vips = (0..VIPS).map(|v| Address::plain(Prefix::host(vip(v)))).collect();
        s.vrrp.instances.push(i);
    }
    s
}

fn started(count: usize) -> (Node, Out) {
    let mut node = Node::new(setup(count));
    let mut out = Out::default();
    for n in 0..count.div_ceil(250) {
        let index = IfIndex(n as u32 + 1);
        let link = LinkFact {
            index,
            name: format!("eth{n}"),
            up: true,
            set_up: true,
            multicast: true,
            noarp: false,
            hw_type: 1,
            mac: [2, 0, 0, 0, 0, 1].into(),
            broadcast: [0xff; 6].into(),
            mtu: 1500,
            ..LinkFact::default()
        };
        let prefix = Prefix { addr: IpAddr::from([10, 0, n as u8, 1]), len: 24 };
        node.handle(Mono::ZERO, Input::Link(link), &mut out);
        let addr = AddrFact { ifindex: index, prefix, tentative: false };
        node.handle(Mono::ZERO, Input::AddrAdded(addr), &mut out);
    }
    node.handle(Mono::ZERO, Input::Start { uptime: Duration::ZERO }, &mut out);
    out.clear();
    (node, out)
}

fn per(time: Duration, n: usize) -> f64 {
    time.as_nanos() as f64 / n.max(1) as f64
}

fn main() {
    println!("instances  take-over us  per address ns  per advert sent ns  per advert received ns");
    for count in [1, 50, 255, 1_000, 2_000] {
        let (mut node, mut out) = started(count);
        let received = receive(&mut node, &mut out, count);

        let (mut node, mut out) = started(count);
        let due = node.deadline().unwrap();
        let begin = Instant::now();
        node.handle(due, Input::Tick, &mut out);
        let takeover = begin.elapsed();
        assert_eq!(out.adverts.len(), count);
        assert!(node.instances().all(|i| i.state() == State::Master));

        let rounds = 200_000 / count;
        let (mut adverts, mut capacity) = (0, 0);
        out.clear();
        let begin = Instant::now();
        for round in 0..rounds {
            let due = node.deadline().unwrap();
            out.clear();
            node.handle(due, Input::Tick, &mut out);
            adverts += out.adverts.len();
            // The arena grows to what one tick needs, then no more. The first
            // rounds hold delayed GARPs as well.
            if round == 20 {
                capacity = out.bytes.capacity() + out.adverts.capacity();
            }
        }
        let sent = begin.elapsed();
        assert!(rounds <= 20 || capacity == out.bytes.capacity() + out.adverts.capacity());
        println!(
            "{count:9}  {:12}  {:14.0}  {:18.0}  {:22.0}",
            takeover.as_micros(),
            per(takeover, count * VIPS),
            per(sent, adverts),
            received
        );
    }
}

/// Nanoseconds for each advert that a backup receives.
fn receive(node: &mut Node, out: &mut Out, count: usize) -> f64 {
    let packets: Vec<(SocketId, IfIndex, Vec<u8>)> = (0..count)
        .map(|n| {
            let net = (n / 250) as u8;
            let mut c = Craft::advert(2, (n % 250) as u8 + 1, 200, IpAddr::from([10, 0, net, 2]));
            c.vips = (0..VIPS)
                .map(|v| IpAddr::from([10, 128 + net, (n % 250) as u8, v as u8]))
                .collect();
            (SocketId(u32::from(net)), IfIndex(u32::from(net) + 1), c.bytes())
        })
        .collect();
    let rounds = 200_000 / count;
    let begin = Instant::now();
    for round in 0..rounds {
        let now = Mono::from_millis(round as u64 / 100);
        for (socket, ifindex, bytes) in &packets {
            let src = IpAddr::from([10, 0, 0, 2]);
            let dst = IpAddr::from([224, 0, 0, 18]);
            let meta = RxMeta { src, dst, hop_limit: Some(255), ifindex: *ifindex };
            node.handle(now, Input::Packet { socket: *socket, meta, bytes }, out);
        }
        out.clear();
    }
    let time = begin.elapsed();
    assert!(node.instances().all(|i| i.counters().advert_rcvd == rounds as u64));
    per(time, rounds * count)
}
