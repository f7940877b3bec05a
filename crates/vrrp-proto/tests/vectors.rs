//! Packets of the reference, byte for byte: what we send, what we accept, and
//! that no changed bit gets through.

use core::net::IpAddr;
use core::time::Duration;
use model::vrrp::VrrpInstance;
use sim::config;
use types::{Family, IfIndex, InstanceId, Mono, Prefix};
use vrrp_proto::{Action, AddrFact, Input, LinkFact, Node, Out, RxMeta, Setup, SocketId, State};

struct Case {
    name: String,
    instance: VrrpInstance,
    source: IpAddr,
    unix: Duration,
    packet: Vec<u8>,
}

fn cases() -> Vec<Case> {
    let text = include_str!("vectors/captured.txt");
    let mut cases = Vec::new();
    for block in text.split("\n\n").filter(|b| b.starts_with("case ")) {
        let mut case = Case {
            name: String::new(),
            instance: config::plain("VI", 1, 100),
            source: IpAddr::from([0, 0, 0, 0]),
            unix: Duration::from_secs(1_000_000),
            packet: Vec::new(),
        };
        for line in block.lines() {
            let (word, rest) = line.split_once(' ').unwrap();
            match word {
                "case" => case.name = rest.to_owned(),
                "instance" => {
                    case.instance = config::instance(&mut rest.split(' '), &[]).unwrap();
                }
                "source" => case.source = rest.parse().unwrap(),
                "clock" => case.unix = clock(rest),
                "packet" => case.packet = config::unhex(rest),
                _ => panic!("{line}"),
            }
        }
        cases.push(case);
    }
    cases
}

/// Seconds and 1/65536 seconds in hex.
fn clock(text: &str) -> Duration {
    let (secs, fraction) = text.split_once(' ').unwrap();
    let fraction = u64::from_str_radix(fraction, 16).unwrap();
    let nanos = (fraction * 1_000_000_000).div_ceil(1 << 16);
    Duration::from_secs(u64::from_str_radix(secs, 16).unwrap()) + Duration::from_nanos(nanos)
}

fn start(instance: &VrrpInstance, source: IpAddr, unix: Duration) -> (Node, Out) {
    let mut setup = Setup::default();
    setup.vrrp.instances.push(instance.clone());
    let mut node = Node::new(setup);
    let mut out = Out::default();
    let link = LinkFact {
        index: IfIndex(2),
        name: "eth0".to_owned(),
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
    let len = Family::of(source).bits() / 2;
    let addr =
        AddrFact { ifindex: IfIndex(2), prefix: Prefix { addr: source, len }, tentative: false };
    node.handle(Mono::ZERO, Input::Links(&[link]), &mut out);
    node.handle(Mono::ZERO, Input::Addrs(&[addr]), &mut out);
    node.handle(Mono::ZERO, Input::Clock { unix }, &mut out);
    node.handle(Mono::ZERO, Input::Start { uptime: Duration::ZERO }, &mut out);
    (node, out)
}

fn socket(out: &Out) -> SocketId {
    let opened = out.actions.iter().find_map(|a| match a {
        Action::OpenSocket { id, .. } => Some(*id),
        _ => None,
    });
    opened.unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn the_first_advert_is_that_of_the_reference() {
    for case in cases() {
        let (mut node, mut out) = start(&case.instance, case.source, case.unix);
        let at = node.deadline().unwrap();
        out.clear();
        node.handle(at, Input::Clock { unix: case.unix }, &mut out);
        node.handle(at, Input::Tick, &mut out);
        let advert = &out.adverts[0];
        assert_eq!(hex(out.packet(advert)), hex(&case.packet), "{}", case.name);
    }
}

/// A backup that hears `packet`; the instance is a peer of `case`'s sender.
fn hear(case: &Case, packet: &[u8]) -> Node {
    let mut instance = case.instance.clone();
    instance.priority = types::Priority(100);
    if let Some(u) = &mut instance.unicast {
        u.peers[0].addr = case.source;
    }
    let ours: IpAddr = match case.source {
        IpAddr::V4(_) => "10.9.9.2".parse().unwrap(),
        IpAddr::V6(_) => "fe80::2".parse().unwrap(),
    };
    let (mut node, mut out) = start(&instance, ours, case.unix);
    let socket = socket(&out);
    let dst = if instance.unicast.is_some() { ours } else { instance.mcast_group };
    let meta = RxMeta { src: case.source, dst, hop_limit: Some(255), ifindex: IfIndex(2) };
    let at = Mono::from_millis(1);
    node.handle(at, Input::Packet { socket, meta, bytes: packet }, &mut out);
    node.check_invariants().unwrap();
    node
}

#[test]
fn a_backup_follows_each_of_them() {
    for case in cases() {
        let node = hear(&case, &case.packet);
        let status = node.instance(InstanceId(0)).unwrap();
        assert_eq!(status.state(), State::Backup);
        let master = status.master().map(|m| m.0);
        assert_eq!(master, Some(case.source), "{}: {:?}", case.name, status.counters());
        assert_eq!(status.counters().advert_rcvd, 1);
    }
}

#[test]
fn a_flipped_bit_is_never_taken_for_an_advert_where_a_key_protects_it() {
    for case in cases().iter().filter(|c| c.name.contains("AH") || c.name.contains("HMAC")) {
        for bit in 0..case.packet.len() * 8 {
            let v4 = case.source.is_ipv4();
            // AH leaves out TOS, fragment field and header checksum; the
            // trailer covers VRRP only, the kernel checks IPv4's header and
            // IPv6's checksum.
            let byte = bit / 8;
            let unprotected = match (v4, case.name.contains("AH")) {
                (true, true) => matches!(byte, 1 | 6 | 7 | 10 | 11),
                (true, false) => byte < 20,
                (false, _) => matches!(byte, 6 | 7),
            };
            if unprotected {
                continue;
            }
            let mut packet = case.packet.clone();
            packet[byte] ^= 1 << (bit % 8);
            let node = hear(case, &packet);
            let status = node.instance(InstanceId(0)).unwrap();
            assert_eq!(status.master(), None, "{}: bit {} of byte {byte}", case.name, bit % 8);
        }
    }
}

#[test]
fn a_plain_packet_with_a_flipped_bit_fails_its_checksum_or_is_not_for_us() {
    let case = &cases()[1];
    for bit in 20 * 8..case.packet.len() * 8 {
        let mut packet = case.packet.clone();
        packet[bit / 8] ^= 1 << (bit % 8);
        let node = hear(case, &packet);
        assert_eq!(node.instance(InstanceId(0)).unwrap().master(), None, "bit {bit}");
    }
}
