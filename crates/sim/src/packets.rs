//! Any bytes as a packet for a node of any kind: the codec's fuzz target.
//!
//! Owns a set of hosts that differ in version, family, casting and
//! authentication. A packet may be rejected or followed, never more.

use crate::config;
use core::net::IpAddr;
use core::time::Duration;
use types::{Family, IfIndex, Mono, Prefix};
use vrrp_proto::{AddrFact, Input, Node, Out, RxMeta, Setup, SocketId, State};

const KINDS: [&str; 10] = [
    "VI version 2 vip 10.0.0.100/24",
    "VI version 3 vip 10.0.0.100/24 vip 10.0.0.101/24",
    "VI version 2 pass abc vip 10.0.0.100/24",
    "VI version 2 ah abc vip 10.0.0.100/24",
    "VI version 3 hmac 1 0123456789abcdef0123456789abcdef vip 10.0.0.100/24",
    "VI version 3 hmac 1 0123456789abcdef0123456789abcdef hmac-mode permissive vip 10.0.0.100/24",
    "VI version 3 peer 10.0.0.1 ttl-range 10 20 vip 10.0.0.100/24",
    "VI v6 version 3 vip fe80::100/64",
    "VI v6 version 3 hmac 1 0123456789abcdef0123456789abcdef hmac-mode permissive vip fe80::100/64",
    "VI v6 version 2 peer fe80::1 vip fe80::100/64",
];

/// Delivers a packet to a backup and to a master. The first byte chooses the
/// kind of host, its high bit has the checksum of an IPv4 packet put right.
pub fn drive(bytes: &[u8]) -> Result<(), String> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
    let words = KINDS[usize::from(first & 0x7f) % KINDS.len()];
    let mut packet = rest.to_vec();
    if first & 0x80 != 0 {
        repair(&mut packet);
    }
    for master in [false, true] {
        deliver(words, &packet, master)?;
    }
    Ok(())
}

fn deliver(words: &str, packet: &[u8], master: bool) -> Result<(), String> {
    let mut setup = Setup::default();
    setup.vrrp.instances.push(config::instance(&mut words.split(' '), &[])?);
    let family = setup.vrrp.instances.first().map_or(Family::V4, |i| i.family);
    let unicast = setup.vrrp.instances.first().is_some_and(|i| i.unicast.is_some());
    let (src, ours, group) = match family {
        Family::V4 => ("10.0.0.1", "10.0.0.2", "224.0.0.18"),
        Family::V6 => ("fe80::1", "fe80::2", "ff02::12"),
    };
    let ip = |text: &str| text.parse::<IpAddr>().map_err(|e| e.to_string());
    let mut node = Node::new(setup);
    let mut out = Out::default();
    let mut now = Mono::from_millis(1);
    let link = crate::script::link(&mut "eth0 2 up".split(' '))?;
    let prefix = Prefix { addr: ip(ours)?, len: family.bits() / 2 };
    let addr = AddrFact { ifindex: IfIndex(2), prefix, tentative: false };
    node.handle(now, Input::Link(link), &mut out);
    node.handle(now, Input::AddrAdded(addr), &mut out);
    node.handle(now, Input::Clock { unix: Duration::from_secs(1_700_000_000) }, &mut out);
    node.handle(now, Input::Start { uptime: Duration::ZERO }, &mut out);
    if master {
        now = node.deadline().ok_or("no timer runs")?;
        node.handle(now, Input::Tick, &mut out);
    }
    out.clear();
    let dst = if unicast { ip(ours)? } else { ip(group)? };
    let meta = RxMeta { src: ip(src)?, dst, hop_limit: Some(255), ifindex: IfIndex(2) };
    node.handle(now, Input::Packet { socket: SocketId(0), meta, bytes: packet }, &mut out);
    node.check_invariants()?;
    out.actions.iter().for_each(|a| drop(format!("{a:?}")));
    let state = node.instances().next().map(|i| i.state());
    match (master, state) {
        (false, Some(State::Backup)) | (true, Some(State::Backup | State::Master)) => Ok(()),
        _ => Err(format!("a packet led to {state:?}")),
    }
}

/// Puts version 2's checksum right, so that what lies behind it is reached.
fn repair(packet: &mut [u8]) {
    let Some(first) = packet.first() else { return };
    let at = usize::from(first & 15) * 4;
    let Some(vrrp) = packet.get_mut(at..).filter(|v| v.len() >= 8) else { return };
    vrrp[6..8].fill(0);
    let mut sum = vrrp_proto::checksum::Sum::default();
    sum.add(vrrp);
    vrrp[6..8].copy_from_slice(&sum.finish().to_be_bytes());
}
