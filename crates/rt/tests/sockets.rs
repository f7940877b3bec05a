//! VRRP's sockets and batched datagrams between hosts of the lab.

use lab::craft::Craft;
use lab::{Capture, Frame, Host, Packet, Port, Switch};
use rt::mmsg::{RecvBatch, SendBatch, To};
use rt::poll::Loop;
use rt::sock::{self, Receiver, Sender};
use rt::{Interest, Token, clock};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;
use types::Family;

const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
const A_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const B_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const A_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xa);
const B_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xb);
const PATIENCE: Duration = Duration::from_secs(20);

/// Two hosts with two interfaces each, `eth0` on one switch and `eth1` on another.
struct World {
    a: Host,
    b: Host,
    _cables: Vec<(Switch, Port)>,
}

fn world() -> World {
    let (a, b) = (Host::new("a").unwrap(), Host::new("b").unwrap());
    let mut cables = Vec::new();
    for (interface, net) in [("eth0", "192.0.2"), ("eth1", "198.51.100")] {
        let switch = Switch::new().unwrap();
        for (host, n, v6) in [(&a, 1, "fe80::a/64"), (&b, 2, "fe80::b/64")] {
            let addrs = [&format!("{net}.{n}/24"), v6];
            let port = switch.attach(host, interface, &addrs).unwrap();
            cables.push((switch.clone(), port));
        }
    }
    World { a, b, _cables: cables }
}

fn receiver(host: &Host, device: &str, local: impl Into<IpAddr>) -> OwnedFd {
    let spec = Receiver {
        protocol: sock::VRRP,
        device: device.to_owned(),
        ifindex: host.index(device).unwrap(),
        local: local.into(),
        rcvbuf: 1024 * 1024,
    };
    host.run(|| spec.open()).unwrap().unwrap()
}

fn sender(host: &Host, family: Family, multicast: bool) -> OwnedFd {
    let spec = Sender { family, protocol: sock::VRRP, multicast, unicast_hops: None };
    host.run(|| spec.open()).unwrap().unwrap()
}

/// A datagram as the tests look at it.
#[derive(Debug, PartialEq)]
struct Seen {
    payload: Vec<u8>,
    source: IpAddr,
    destination: Option<IpAddr>,
    ifindex: u32,
    ttl: Option<u8>,
}

/// Waits until `count` datagrams have come.
fn receive(fd: &OwnedFd, count: usize) -> Vec<Seen> {
    let mut wait = Loop::new().unwrap();
    wait.register(fd, Token(0), Interest::READABLE).unwrap();
    let (mut ready, mut batch) = (Vec::new(), RecvBatch::new(16, 2048));
    let (mut seen, until) = (Vec::new(), clock::now() + PATIENCE);
    while seen.len() < count {
        wait.wait(Some(until), &mut ready).unwrap();
        assert!(!ready.is_empty(), "{} of {count} came: {seen:?}", seen.len());
        batch.recv(fd).unwrap();
        seen.extend(batch.iter().map(|datagram| {
            assert!(!datagram.truncated);
            Seen {
                payload: datagram.payload.to_vec(),
                source: datagram.source.unwrap().ip(),
                destination: datagram.destination,
                ifindex: datagram.ifindex,
                ttl: datagram.ttl,
            }
        }));
    }
    seen
}

fn ipv4_header(src: Ipv4Addr, dst: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len()) as u16;
    let mut packet = vec![0x45, 0xc0];
    packet.extend(total.to_be_bytes());
    packet.extend([0, 1, 0, 0, 255, 112, 0, 0]);
    packet.extend(src.octets());
    packet.extend(dst.octets());
    packet.extend(payload);
    packet
}

#[test]
fn one_sender_reaches_the_group_on_the_interface_it_names() {
    let World { a, b, .. } = &world();
    let fd = sender(a, Family::V4, true);
    let inbox = [receiver(b, "eth0", GROUP_V4), receiver(b, "eth1", GROUP_V4)];
    let mut out = SendBatch::new();
    for n in 0..600u16 {
        let device = if n % 3 == 0 { "eth1" } else { "eth0" };
        let ifindex = a.index(device).unwrap();
        let packet = ipv4_header(A_V4, GROUP_V4, &n.to_be_bytes());
        out.push(To::Via { addr: GROUP_V4.into(), ifindex, source: None }, &packet);
    }
    assert!(out.send(&fd, |n, e| panic!("{n}: {e}")));
    assert!(out.is_empty());
    let numbers = |seen: &[Seen]| -> Vec<u16> {
        seen.iter().map(|s| u16::from_be_bytes([s.payload[20], s.payload[21]])).collect()
    };
    let (on_0, on_1) = (receive(&inbox[0], 400), receive(&inbox[1], 200));
    assert_eq!(numbers(&on_0), (0..600).filter(|n| n % 3 != 0).collect::<Vec<_>>());
    assert_eq!(numbers(&on_1), (0..600).step_by(3).collect::<Vec<_>>());
    let first = &on_0[0];
    assert_eq!((first.source, first.destination), (A_V4.into(), Some(GROUP_V4.into())));
    assert_eq!(first.ifindex, b.index("eth0").unwrap());
    assert_eq!(first.payload[8], 255);
    assert_eq!(lab::frame::checksum(&[&first.payload[..20]]), 0);
    // The sender has neither its own adverts nor those of others.
    let back = sender(b, Family::V4, true);
    let to = To::Via { addr: GROUP_V4.into(), ifindex: b.index("eth0").unwrap(), source: None };
    let check = receiver(a, "eth0", GROUP_V4);
    out.push(to, &ipv4_header(B_V4, GROUP_V4, b"back"));
    assert!(out.send(&back, |n, e| panic!("{n}: {e}")));
    receive(&check, 1);
    let mut own = RecvBatch::new(4, 100);
    assert_eq!(own.recv(&fd).unwrap(), 0);
}

#[test]
fn ipv6_adverts_get_their_checksum_and_bring_hop_limit_and_destination() {
    let World { a, b, .. } = &world();
    let fd = sender(a, Family::V6, true);
    let inbox = receiver(b, "eth0", GROUP_V6);
    let mut cable = Capture::adverts(b, "eth0").unwrap();
    let mut out = SendBatch::new();
    let vip = "2001:db8::5".parse::<Ipv6Addr>().unwrap();
    let mut advert = vec![0x31, 9, 100, 1, 0, 100, 0, 0];
    advert.extend(vip.octets());
    let ifindex = a.index("eth0").unwrap();
    out.push(To::Via { addr: GROUP_V6.into(), ifindex, source: Some(A_V6.into()) }, &advert);
    assert!(out.send(&fd, |n, e| panic!("{n}: {e}")));
    let seen = &receive(&inbox, 1)[0];
    assert_eq!((seen.source, seen.destination), (A_V6.into(), Some(GROUP_V6.into())));
    assert_eq!((seen.ttl, seen.ifindex), (Some(255), b.index("eth0").unwrap()));
    assert_eq!(seen.payload[8..], advert[8..]);
    let frame = cable.await_frame(PATIENCE, |f| f.advert().is_some()).unwrap();
    let decoded = frame.advert().unwrap();
    assert!(decoded.checksum_ok && decoded.ttl == 255, "{decoded:?}");
    // Traffic class: internet control.
    assert_eq!(u16::from_be_bytes([frame.bytes[14], frame.bytes[15]]) >> 4 & 0xff, 0xc0);
}

#[test]
fn the_kernel_drops_ipv6_adverts_with_a_wrong_checksum() {
    let World { a, b, .. } = &world();
    let inbox = receiver(b, "eth0", GROUP_V6);
    let wire = Capture::new(a, "eth0").unwrap();
    let good = Craft::new(3, A_V6, 7, 100, &[]);
    let bad = Craft { vrid: 6, checksum_error: 1, ..good.clone() };
    wire.send(&bad.frame()).unwrap();
    wire.send(&good.frame()).unwrap();
    let seen = receive(&inbox, 1);
    assert_eq!(seen.iter().map(|s| s.payload[1]).collect::<Vec<_>>(), [7]);
}

#[test]
fn unicast_adverts_come_to_the_address_they_are_for_and_no_group() {
    let World { a, b, .. } = &world();
    for (family, src, dst, group) in [
        (Family::V4, IpAddr::from(A_V4), IpAddr::from(B_V4), IpAddr::from(GROUP_V4)),
        (Family::V6, A_V6.into(), B_V6.into(), GROUP_V6.into()),
    ] {
        let (inbox, groups) = (receiver(b, "eth0", dst), receiver(b, "eth0", group));
        let payload = [0x31, 1, 1, 0, 0, 100, 0, 0];
        let packet = match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => ipv4_header(src, dst, &payload),
            _ => payload.to_vec(),
        };
        let mut out = SendBatch::new();
        let ifindex = a.index("eth0").unwrap();
        out.push(To::Via { addr: dst, ifindex, source: Some(src) }, &packet);
        assert!(out.send(sender(a, family, false), |n, e| panic!("{n}: {e}")));
        let seen = &receive(&inbox, 1)[0];
        assert_eq!((seen.source, seen.destination), (src, Some(dst)));
        assert_eq!(RecvBatch::new(1, 100).recv(&groups).unwrap(), 0);
    }
}

#[test]
fn a_unicast_receiver_may_wait_for_an_address_that_is_not_there_yet() {
    let World { b, .. } = &world();
    receiver(b, "eth0", Ipv4Addr::new(203, 0, 113, 9));
    receiver(b, "eth0", "2001:db8::9".parse::<Ipv6Addr>().unwrap());
}

#[test]
fn a_datagram_that_cannot_be_sent_is_named_and_does_not_hold_up_the_others() {
    let World { a, b, .. } = &world();
    let inbox = receiver(b, "eth0", GROUP_V4);
    let mut out = SendBatch::new();
    let here = a.index("eth0").unwrap();
    for (n, ifindex) in [here, 9_999, here, 9_998].into_iter().enumerate() {
        let packet = ipv4_header(A_V4, GROUP_V4, &[n as u8]);
        out.push(To::Via { addr: GROUP_V4.into(), ifindex, source: None }, &packet);
    }
    let mut failed = Vec::new();
    assert!(out.send(sender(a, Family::V4, true), |n, _| failed.push(n)));
    assert_eq!(failed, [1, 3]);
    let seen = receive(&inbox, 2);
    assert_eq!(seen.iter().map(|s| s.payload[20]).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn a_datagram_longer_than_its_buffer_is_marked() {
    let World { a, b, .. } = &world();
    let inbox = receiver(b, "eth0", GROUP_V4);
    let mut out = SendBatch::new();
    let ifindex = a.index("eth0").unwrap();
    let packet = ipv4_header(A_V4, GROUP_V4, &[7; 100]);
    out.push(To::Via { addr: GROUP_V4.into(), ifindex, source: None }, &packet);
    assert!(out.send(sender(a, Family::V4, true), |n, e| panic!("{n}: {e}")));
    let mut batch = RecvBatch::new(2, 40);
    let mut wait = Loop::new().unwrap();
    wait.register(&inbox, Token(0), Interest::READABLE).unwrap();
    wait.wait(Some(clock::now() + PATIENCE), &mut Vec::new()).unwrap();
    assert_eq!(batch.recv(&inbox).unwrap(), 1);
    let only: Vec<_> = batch.iter().collect();
    assert_eq!(only.len(), 1);
    assert!(only[0].truncated);
    assert_eq!(only[0].payload.len(), 40);
}

#[test]
fn link_frames_carry_the_interface_address_and_leave_by_many_interfaces_at_once() {
    let World { a, b, .. } = &world();
    let vip = Ipv4Addr::new(192, 0, 2, 77);
    let fd = a.run(sock::link_sender).unwrap().unwrap();
    let arp_only = |frame: &Frame| matches!(frame.packet(), Packet::Arp(_));
    let mut cables = [
        Capture::keeping(b, "eth0", arp_only).unwrap(),
        Capture::keeping(b, "eth1", arp_only).unwrap(),
    ];
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1];
    arp.extend(vip.octets());
    arp.extend([0xff; 6]);
    arp.extend(vip.octets());
    let mut out = SendBatch::new();
    for device in ["eth0", "eth1"] {
        out.push(To::link(a.index(device).unwrap(), 0x0806, &[0xff; 6]), &arp);
    }
    assert!(out.send(&fd, |n, e| panic!("{n}: {e}")));
    for cable in &mut cables {
        let frame = cable.await_announcement(PATIENCE, vip.into()).unwrap();
        assert_eq!(frame.bytes[..6], [0xff; 6]);
        assert_ne!(frame.bytes[6..12], [0; 6]);
        assert_eq!(frame.bytes[12..14], [8, 6]);
    }
}
