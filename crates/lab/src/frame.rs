//! Decoding of captured frames: as much of Ethernet, ARP, IP, ICMP and VRRP as tests look at.
//! Never panics on any input; RFC 826, 791, 8200, 4861, 3768, 5798.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::Stamp;

/// IP protocol number of VRRP.
pub const VRRP: u8 = 112;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// A captured frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// When the kernel saw it.
    pub at: Stamp,
    /// Index of the interface it was seen on.
    pub interface: u32,
    /// Whether the capturing host sent it.
    pub outgoing: bool,
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
}

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// A VRRP advertisement.
    Advert(Advert),
    /// An ARP request or reply for IPv4 over Ethernet.
    Arp(Arp),
    /// An ICMPv6 neighbour advertisement.
    NeighbourAdvert(NeighbourAdvert),
    /// An ICMP or ICMPv6 echo request or reply.
    Echo(Echo),
    /// Anything else.
    Other,
}

/// A VRRP advertisement with what its IP header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    /// Sender's Ethernet address.
    pub src_mac: [u8; 6],
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// 2 or 3.
    pub version: u8,
    /// Virtual router id.
    pub vrid: u8,
    /// Priority; 0 says that the sender stops.
    pub priority: u8,
    /// Interval between adverts (on the wire: seconds in version 2, centiseconds in version 3).
    pub interval: Duration,
    /// The addresses in the order of the packet.
    pub addrs: Vec<IpAddr>,
    /// Whether the checksum is right (version 3 over IPv4: with pseudo header).
    pub checksum_ok: bool,
}

/// An ARP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arp {
    /// 1 request, 2 reply.
    pub operation: u16,
    /// Sender hardware address.
    pub sender_mac: [u8; 6],
    /// Sender protocol address.
    pub sender: Ipv4Addr,
    /// Target hardware address.
    pub target_mac: [u8; 6],
    /// Target protocol address.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Whether it announces `addr`: a gratuitous ARP.
    pub fn announces(&self, addr: IpAddr) -> bool {
        self.sender == self.target && IpAddr::V4(self.sender) == addr
    }
}

/// A neighbour advertisement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighbourAdvert {
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// The advertised address.
    pub target: Ipv6Addr,
    /// Router flag.
    pub router: bool,
    /// Solicited flag.
    pub solicited: bool,
    /// Override flag.
    pub overrides: bool,
}

/// An echo request or reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Whether it is a reply.
    pub reply: bool,
    /// Identifier.
    pub id: u16,
    /// Sequence number.
    pub seq: u16,
}

impl Frame {
    /// Decodes the frame.
    pub fn packet(&self) -> Packet {
        decode(&self.bytes).unwrap_or(Packet::Other)
    }

    /// The advert in the frame.
    pub fn advert(&self) -> Option<Advert> {
        match self.packet() {
            Packet::Advert(advert) => Some(advert),
            _ => None,
        }
    }

    /// Whether the frame announces `addr` to neighbours: gratuitous ARP or unsolicited NA.
    pub fn announces(&self, addr: IpAddr) -> bool {
        match self.packet() {
            Packet::Arp(arp) => arp.announces(addr),
            Packet::NeighbourAdvert(na) => !na.solicited && IpAddr::V6(na.target) == addr,
            _ => false,
        }
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

fn decode(bytes: &[u8]) -> Option<Packet> {
    let src_mac = array(bytes, 6)?;
    let payload = bytes.get(14..)?;
    match be16(bytes, 12)? {
        0x0806 => arp(payload),
        0x0800 => ipv4(src_mac, payload),
        0x86dd => ipv6(src_mac, payload),
        _ => None,
    }
}

fn arp(p: &[u8]) -> Option<Packet> {
    if p.get(..6)? != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    Some(Packet::Arp(Arp {
        operation: be16(p, 6)?,
        sender_mac: array(p, 8)?,
        sender: array::<4>(p, 14)?.into(),
        target_mac: array(p, 18)?,
        target: array::<4>(p, 24)?.into(),
    }))
}

fn ipv4(src_mac: [u8; 6], p: &[u8]) -> Option<Packet> {
    let header = usize::from(p.first()? & 15) * 4;
    let payload = p.get(header..usize::from(be16(p, 2)?).min(p.len()))?;
    let src = Ipv4Addr::from(array::<4>(p, 12)?).into();
    let dst = Ipv4Addr::from(array::<4>(p, 16)?).into();
    match *p.get(9)? {
        VRRP => vrrp(src_mac, src, dst, *p.get(8)?, payload),
        ICMP => echo(src, dst, payload, [8, 0]),
        _ => None,
    }
}

fn ipv6(src_mac: [u8; 6], p: &[u8]) -> Option<Packet> {
    let src = Ipv6Addr::from(array::<16>(p, 8)?);
    let dst = Ipv6Addr::from(array::<16>(p, 24)?);
    let payload = p.get(40..(40 + usize::from(be16(p, 4)?)).min(p.len()))?;
    match *p.get(6)? {
        VRRP => vrrp(src_mac, src.into(), dst.into(), *p.get(7)?, payload),
        ICMPV6 if payload.first() == Some(&136) => {
            let flags = *payload.get(4)?;
            Some(Packet::NeighbourAdvert(NeighbourAdvert {
                src,
                dst,
                target: array::<16>(payload, 8)?.into(),
                router: flags & 0x80 != 0,
                solicited: flags & 0x40 != 0,
                overrides: flags & 0x20 != 0,
            }))
        }
        ICMPV6 => echo(src.into(), dst.into(), payload, [128, 129]),
        _ => None,
    }
}

fn echo(src: IpAddr, dst: IpAddr, p: &[u8], [request, reply]: [u8; 2]) -> Option<Packet> {
    let kind = *p.first()?;
    if kind != request && kind != reply {
        return None;
    }
    let (id, seq) = (be16(p, 4)?, be16(p, 6)?);
    Some(Packet::Echo(Echo { src, dst, reply: kind == reply, id, seq }))
}

fn vrrp(src_mac: [u8; 6], src: IpAddr, dst: IpAddr, ttl: u8, p: &[u8]) -> Option<Packet> {
    let head: [u8; 8] = array(p, 0)?;
    let (version, kind) = (head[0] >> 4, head[0] & 15);
    if kind != 1 {
        return None;
    }
    let list = p.get(8..)?;
    let count = usize::from(head[3]);
    let addrs = match src {
        IpAddr::V4(_) => list
            .chunks_exact(4)
            .take(count)
            .filter_map(|c| Some(IpAddr::from(<[u8; 4]>::try_from(c).ok()?)))
            .collect(),
        IpAddr::V6(_) => list
            .chunks_exact(16)
            .take(count)
            .filter_map(|c| Some(IpAddr::from(<[u8; 16]>::try_from(c).ok()?)))
            .collect(),
    };
    let interval = match version {
        3 => Duration::from_millis(10 * u64::from(be16(p, 4)? & 0xfff)),
        _ => Duration::from_secs(u64::from(head[5])),
    };
    let sum = match (version, src, dst) {
        (2, IpAddr::V4(_), _) => checksum(&[p]),
        _ => checksum(&[&pseudo_header(src, dst, VRRP, p.len()), p]),
    };
    Some(Packet::Advert(Advert {
        src_mac,
        src,
        dst,
        ttl,
        version,
        vrid: head[1],
        priority: head[2],
        interval,
        addrs,
        checksum_ok: sum == 0,
    }))
}

/// Pseudo header of RFC 793 or RFC 8200, section 8.1.
pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            [&src.octets()[..], &dst.octets(), &[0, protocol], &length[2..]].concat()
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            [&src.octets()[..], &dst.octets(), &length, &[0, 0, 0, protocol]].concat()
        }
        _ => Vec::new(),
    }
}

/// Internet checksum (RFC 1071) over parts of even length, the last one may be odd. Zero when
/// computed over data that contains a correct checksum.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words
        .map(|w| u32::from(u16::from_be_bytes([w[0], w.get(1).copied().unwrap_or(0)])))
        .fold(0, u32::wrapping_add);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pairs = digits.chunks(2).map(|d| std::str::from_utf8(d).unwrap());
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    fn captured(ip: &str) -> Packet {
        let mut bytes = vec![0; 12];
        bytes.extend([8, 0]);
        bytes.extend(hex(ip));
        Frame { at: Stamp::default(), interface: 1, outgoing: false, bytes }.packet()
    }

    #[test]
    fn a_version_2_advert_with_a_password_is_read() {
        let packet = captured(
            "45c0002800010000ff70c7880a090901e0000012 211596010101703f 0a09093d 6162630000000000",
        );
        let Packet::Advert(advert) = packet else { panic!("{packet:?}") };
        assert_eq!((advert.version, advert.vrid, advert.priority), (2, 21, 150));
        assert_eq!(advert.addrs, [IpAddr::from([10, 9, 9, 61])]);
        assert_eq!(advert.interval, Duration::from_secs(1));
        assert!(advert.checksum_ok);
    }

    #[test]
    fn a_version_3_advert_is_checked_with_its_pseudo_header() {
        let good = "45c0002000010000ff7094980a0909010a090902 3121c8010064cc96 0a090948";
        let Packet::Advert(advert) = captured(good) else { panic!() };
        assert_eq!((advert.version, advert.interval), (3, Duration::from_secs(1)));
        assert!(advert.checksum_ok);
        let Packet::Advert(bad) = captured(&good.replace("cc96", "cc97")) else { panic!() };
        assert!(!bad.checksum_ok);
    }

    #[test]
    fn no_truncation_panics() {
        let whole = hex(
            "000000000000000000000000 0800 45c0002000010000ff7094980a0909010a090902 3121c8010064cc96 0a090948",
        );
        for length in 0..whole.len() {
            decode(&whole[..length]);
        }
    }
}
