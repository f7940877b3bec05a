//! Gratuitous ARP and unsolicited neighbour advertisements.
//!
//! Owns the packets of RFC 826, RFC 5227 and RFC 4861 section 4.4, and where on the link they go,
//! for link-layer addresses of any length (RFC 4391 on InfiniBand). The header of the link is the
//! kernel's business.

use crate::action::Garp;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use types::HwAddr;

/// The longest packet that [`encode`] makes.
pub const MAX_PACKET: usize = 40 + 24 + 24;

/// `ARPHRD_INFINIBAND`, also the hardware type of its ARP (RFC 4391 section 9.1.1).
pub const INFINIBAND: u16 = 32;
/// `ARPHRD_ETHER`, the hardware type of ARP on Ethernet.
pub const ETHERNET: u16 = 1;

const ETH_ARP: u16 = 0x0806;
const ETH_IPV6: u16 = 0x86dd;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ICMPV6: u8 = 58;
const NEIGHBOUR_ADVERT: u8 = 136;
const TARGET_LINK_ADDR: u8 = 2;

/// Where a packet goes on the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// Destination.
    pub to: HwAddr,
    /// Ethernet type.
    pub protocol: u16,
    /// Bytes of the packet.
    pub len: usize,
}

/// Writes the packet of `garp`; `None` where links of its kind know no such thing: without
/// addresses there is nothing to tell.
pub fn encode(garp: &Garp, packet: &mut [u8; MAX_PACKET]) -> Option<Envelope> {
    if garp.mac.as_bytes().is_empty() {
        return None;
    }
    let mut w = Writer { buf: packet, len: 0 };
    let (to, protocol) = match garp.addr {
        IpAddr::V4(addr) => {
            arp(garp, addr, &mut w);
            (garp.broadcast, ETH_ARP)
        }
        IpAddr::V6(addr) => {
            neighbour_advert(garp, addr, &mut w);
            (all_nodes(garp), ETH_IPV6)
        }
    };
    Some(Envelope { to, protocol, len: w.len })
}

/// A fixed buffer that is filled from the front.
struct Writer<'a> {
    buf: &'a mut [u8; MAX_PACKET],
    len: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        if let Some(dst) = self.buf.get_mut(self.len..self.len + bytes.len()) {
            dst.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    fn zeros(&mut self, count: usize) {
        (0..count).for_each(|_| self.put(&[0]));
    }
}

/// ARP request whose sender and target are `addr` (RFC 5227 section 3).
fn arp(garp: &Garp, addr: Ipv4Addr, w: &mut Writer<'_>) {
    let mac = garp.mac.as_bytes();
    w.put(&garp.hw_type.to_be_bytes());
    w.put(&[8, 0, mac.len() as u8, 4, 0, 1]);
    w.put(mac);
    w.put(&addr.octets());
    // Nobody reads this one; it has the length of the other.
    let target = garp.broadcast.as_bytes();
    w.put(target.get(..mac.len()).unwrap_or(target));
    w.zeros(mac.len().saturating_sub(target.len()));
    w.put(&addr.octets());
}

/// Neighbour advertisement to all nodes, Override set (RFC 4861 section 7.2.6).
fn neighbour_advert(garp: &Garp, addr: Ipv6Addr, w: &mut Writer<'_>) {
    let mac = garp.mac.as_bytes();
    // The option is as many times 8 bytes as it takes (RFC 4861 section 4.6.1). On InfiniBand two
    // bytes come before the address, so that it ends with the option (RFC 4391 section 9.3).
    let eights = (2 + mac.len()).div_ceil(8);
    let padding = eights * 8 - 2 - mac.len();
    let before = if garp.hw_type == INFINIBAND { padding } else { 0 };
    let len = 24 + eights * 8;

    w.put(&[0x60, 0, 0, 0]);
    w.put(&(len as u16).to_be_bytes());
    w.put(&[ICMPV6, 255]);
    w.put(&addr.octets());
    w.put(&ALL_NODES.octets());
    let start = w.len;
    let flags: u8 = if garp.router { 0xa0 } else { 0x20 };
    w.put(&[NEIGHBOUR_ADVERT, 0, 0, 0, flags, 0, 0, 0]);
    w.put(&addr.octets());
    w.put(&[TARGET_LINK_ADDR, eights as u8]);
    w.zeros(before);
    w.put(mac);
    w.zeros(padding - before);

    let mut sum = crate::checksum::Sum::default();
    sum.add(&addr.octets());
    sum.add(&ALL_NODES.octets());
    sum.add(&[0, 0, 0, len as u8, 0, 0, 0, ICMPV6]);
    sum.add(w.buf.get(start..w.len).unwrap_or_default());
    if let Some(field) = w.buf.get_mut(start + 2..start + 4) {
        field.copy_from_slice(&sum.finish().to_be_bytes());
    }
}

/// Where a link takes what is for all nodes of IPv6.
fn all_nodes(garp: &Garp) -> HwAddr {
    let group = ALL_NODES.octets();
    match (garp.hw_type, garp.broadcast.as_bytes()) {
        // RFC 4391 section 4: the broadcast group's scope and partition, IPv6's signature, and the
        // last 80 bits of the group.
        (INFINIBAND, &[_, _, _, _, _, scope, _, _, p0, p1, ..]) => {
            let mut to = [0; HwAddr::MAX];
            to[..10].copy_from_slice(&[
                0,
                0xff,
                0xff,
                0xff,
                0xff,
                0x10 | scope & 0x0f,
                0x60,
                0x1b,
                p0,
                p1,
            ]);
            to[10..].copy_from_slice(&group[6..]);
            HwAddr::new(&to).unwrap_or(garp.broadcast)
        }
        // RFC 2464 section 7.
        (_, broadcast) if broadcast.len() == 6 => [0x33, 0x33, 0, 0, 0, 1].into(),
        _ => garp.broadcast,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;
    use types::{IfIndex, InstanceId};

    fn garp(addr: &str, hw_type: u16, mac: &[u8], broadcast: &[u8]) -> Garp {
        Garp {
            instance: InstanceId(0),
            name: "VI".into(),
            addr: addr.parse().unwrap(),
            ifindex: IfIndex(2),
            ifname: "eth0".into(),
            hw_type,
            mac: HwAddr::new(mac).unwrap(),
            broadcast: HwAddr::new(broadcast).unwrap(),
            router: true,
            count: 1,
        }
    }

    fn on_ethernet(addr: &str) -> Garp {
        garp(addr, ETHERNET, &[2, 0, 0, 0, 0, 9], &[0xff; 6])
    }

    /// A queue pair and a port's GID; the broadcast group of partition 8001 in scope 2.
    const IB: [u8; 20] =
        [0x80, 0, 0, 0x48, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 2, 0xc9, 3, 0, 0, 0x12, 0x34];
    const IB_ALL: [u8; 20] = [
        0, 0xff, 0xff, 0xff, 0xff, 0x12, 0x40, 0x1b, 0x80, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff,
        0xff,
    ];

    fn encoded(garp: &Garp) -> (Envelope, Vec<u8>) {
        let mut packet = [0xaa; MAX_PACKET];
        let envelope = encode(garp, &mut packet).unwrap();
        (envelope, packet[..envelope.len].to_vec())
    }

    fn checksum_holds(packet: &[u8]) {
        let mut sum = crate::checksum::Sum::default();
        sum.add(&packet[8..40]);
        sum.add(&[0, 0, 0, (packet.len() - 40) as u8, 0, 0, 0, ICMPV6]);
        sum.add(&packet[40..]);
        assert_eq!(sum.finish(), 0);
        assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len() - 40);
    }

    #[test]
    fn gratuitous_arp_is_a_broadcast_request_for_its_own_sender() {
        let (envelope, packet) = encoded(&on_ethernet("10.9.9.61"));
        assert_eq!(envelope, Envelope { to: [0xff; 6].into(), protocol: ETH_ARP, len: 28 });
        let want = "00010800060400010200000000090a09093dffffffffffff0a09093d";
        assert_eq!(hex(&packet), want);
    }

    #[test]
    fn neighbour_advert_overrides_and_its_checksum_holds() {
        let (envelope, packet) = encoded(&on_ethernet("2001:db8::5"));
        let to = [0x33, 0x33, 0, 0, 0, 1].into();
        assert_eq!(envelope, Envelope { to, protocol: ETH_IPV6, len: 72 });
        assert_eq!((packet[40], packet[44]), (NEIGHBOUR_ADVERT, 0xa0));
        assert_eq!(hex(&packet[64..]), "0201020000000009");
        checksum_holds(&packet);
    }

    #[test]
    fn on_infiniband_arp_has_its_type_and_lengths() {
        let (envelope, packet) = encoded(&garp("10.9.9.61", INFINIBAND, &IB, &IB_ALL));
        assert_eq!(envelope.to.as_bytes(), IB_ALL);
        assert_eq!((envelope.protocol, envelope.len), (ETH_ARP, 56));
        let want = format!("0020080014040001{}0a09093d{}0a09093d", hex(&IB), hex(&IB_ALL));
        assert_eq!(hex(&packet), want);
    }

    #[test]
    fn on_infiniband_the_address_of_a_neighbour_advert_ends_its_option() {
        let (envelope, packet) = encoded(&garp("2001:db8::5", INFINIBAND, &IB, &IB_ALL));
        assert_eq!((envelope.protocol, envelope.len), (ETH_IPV6, MAX_PACKET));
        // The group of ff02::1 in the scope and partition of the broadcast group.
        let group = "00ffffffff12601b8001".to_owned() + "00000000000000000001";
        assert_eq!(hex(envelope.to.as_bytes()), group);
        assert_eq!(hex(&packet[64..]), format!("02030000{}", hex(&IB)));
        checksum_holds(&packet);
    }

    #[test]
    fn other_lengths_fill_the_option_up_and_none_has_nothing_to_tell() {
        for len in 1..=HwAddr::MAX {
            let mac: Vec<u8> = (1..=len as u8).collect();
            let (envelope, packet) = encoded(&garp("2001:db8::5", 24, &mac, &[0xff; 20][..len]));
            assert_eq!((envelope.len - 64) % 8, 0);
            assert_eq!(usize::from(packet[65]) * 8, envelope.len - 64);
            assert_eq!(packet[66..66 + len], mac);
            assert!(packet[66 + len..].iter().all(|b| *b == 0));
            checksum_holds(&packet);
            let (envelope, packet) = encoded(&garp("10.9.9.61", 24, &mac, &[0xff; 20][..len]));
            assert_eq!((envelope.len, usize::from(packet[4])), (16 + 2 * len, len));
            // A broadcast address of another length does not shift what follows.
            let (envelope, packet) = encoded(&garp("10.9.9.61", 24, &mac, &[]));
            assert_eq!(packet[envelope.len - 4..], [10, 9, 9, 61]);
        }
        let tunnel = garp("10.9.9.61", 768, &[], &[]);
        assert_eq!(encode(&tunnel, &mut [0; MAX_PACKET]), None);
    }
}
