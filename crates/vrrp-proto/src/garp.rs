//! Gratuitous ARP and unsolicited neighbour advertisement frames.
//!
//! Owns the Ethernet frames of RFC 826, RFC 5227 and RFC 4861 section 4.4.

use crate::action::Garp;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Largest frame that [`encode`] makes.
pub const MAX_FRAME: usize = 86;

const ETH_ARP: [u8; 2] = [0x08, 0x06];
const ETH_IPV6: [u8; 2] = [0x86, 0xdd];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const ICMPV6: u8 = 58;
const NEIGHBOUR_ADVERT: u8 = 136;

/// Writes the Ethernet frame of `garp` and returns its length.
pub fn encode(garp: &Garp, frame: &mut [u8; MAX_FRAME]) -> usize {
    match garp.addr {
        IpAddr::V4(a) => arp(garp.mac, a, frame),
        IpAddr::V6(a) => neighbour_advert(garp.mac, a, garp.router, frame),
    }
}

/// A fixed buffer that is filled from the front.
struct Writer<'a> {
    buf: &'a mut [u8; MAX_FRAME],
    len: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        if let Some(dst) = self.buf.get_mut(self.len..self.len + bytes.len()) {
            dst.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }
}

/// ARP request whose sender and target are `addr` (RFC 5227 section 3).
fn arp(mac: [u8; 6], addr: Ipv4Addr, buf: &mut [u8; MAX_FRAME]) -> usize {
    let mut w = Writer { buf, len: 0 };
    w.put(&[0xff; 6]);
    w.put(&mac);
    w.put(&ETH_ARP);
    w.put(&[0, 1, 8, 0, 6, 4, 0, 1]);
    w.put(&mac);
    w.put(&addr.octets());
    w.put(&[0xff; 6]);
    w.put(&addr.octets());
    w.len
}

/// Neighbour advertisement to all nodes, Override set (RFC 4861 section 7.2.6).
fn neighbour_advert(
    mac: [u8; 6],
    addr: Ipv6Addr,
    router: bool,
    buf: &mut [u8; MAX_FRAME],
) -> usize {
    const LEN: u16 = 32;
    let flags: u8 = if router { 0xa0 } else { 0x20 };
    let mut icmp = [0u8; LEN as usize];
    icmp[0] = NEIGHBOUR_ADVERT;
    icmp[4] = flags;
    icmp[8..24].copy_from_slice(&addr.octets());
    icmp[24] = 2;
    icmp[25] = 1;
    icmp[26..32].copy_from_slice(&mac);
    let mut sum = crate::checksum::Sum::default();
    sum.add(&addr.octets());
    sum.add(&ALL_NODES.octets());
    sum.add(&[0, 0, 0, LEN as u8, 0, 0, 0, ICMPV6]);
    sum.add(&icmp);
    icmp[2..4].copy_from_slice(&sum.finish().to_be_bytes());

    let mut w = Writer { buf, len: 0 };
    w.put(&ALL_NODES_MAC);
    w.put(&mac);
    w.put(&ETH_IPV6);
    w.put(&[0x60, 0, 0, 0]);
    w.put(&LEN.to_be_bytes());
    w.put(&[ICMPV6, 255]);
    w.put(&addr.octets());
    w.put(&ALL_NODES.octets());
    w.put(&icmp);
    w.len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gratuitous_arp_is_a_broadcast_request_for_its_own_sender() {
        let mut b = [0; MAX_FRAME];
        let n = arp([2, 0, 0, 0, 0, 9], Ipv4Addr::new(10, 9, 9, 61), &mut b);
        let want = "ffffffffffff02000000000908060001080006040001\
                    0200000000090a09093dffffffffffff0a09093d";
        assert_eq!(crate::testing::hex(&b[..n]), want);
    }

    #[test]
    fn neighbour_advert_overrides_and_its_checksum_holds() {
        let addr: Ipv6Addr = "2001:db8::5".parse().unwrap();
        let mut b = [0; MAX_FRAME];
        let n = neighbour_advert([2, 0, 0, 0, 0, 9], addr, true, &mut b);
        assert_eq!(n, MAX_FRAME);
        assert_eq!(b[54], NEIGHBOUR_ADVERT);
        assert_eq!(b[58], 0xa0);
        let mut sum = crate::checksum::Sum::default();
        sum.add(&b[22..54]);
        sum.add(&[0, 0, 0, 32, 0, 0, 0, 58]);
        sum.add(&b[54..]);
        assert_eq!(sum.finish(), 0);
    }
}
