//! Ethernet frames that tell the neighbours where an address now lives.
//!
//! Gratuitous ARP (RFC 5227 section 3, RFC 9568 section 6.4.1) and unsolicited
//! neighbour advertisements (RFC 4861 section 7.2.6). Pure bytes, no I/O.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Length of an ARP frame.
pub const ARP_LEN: usize = 42;
/// Length of a neighbour advertisement frame.
pub const NA_LEN: usize = 86;
/// `ETH_P_ARP`.
pub const ETH_P_ARP: u16 = 0x0806;
/// `ETH_P_IPV6`.
pub const ETH_P_IPV6: u16 = 0x86dd;

const BROADCAST: [u8; 6] = [0xff; 6];
const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Appends to `out` the frame that announces `vip` at `mac`; `router` is the
/// Router flag of a neighbour advertisement. Returns the frame's EtherType.
pub fn announce(vip: IpAddr, mac: [u8; 6], router: bool, out: &mut Vec<u8>) -> u16 {
    match vip {
        IpAddr::V4(vip) => {
            out.extend_from_slice(&gratuitous_arp(vip, mac));
            ETH_P_ARP
        }
        IpAddr::V6(vip) => {
            out.extend_from_slice(&unsolicited_na(vip, mac, router));
            ETH_P_IPV6
        }
    }
}

/// An ARP request whose sender and target address are both `vip`.
pub fn gratuitous_arp(vip: Ipv4Addr, mac: [u8; 6]) -> [u8; ARP_LEN] {
    let mut f = [0; ARP_LEN];
    f[0..6].copy_from_slice(&BROADCAST);
    f[6..12].copy_from_slice(&mac);
    f[12..14].copy_from_slice(&ETH_P_ARP.to_be_bytes());
    f[14..22].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]); // Ethernet, IPv4, request
    f[22..28].copy_from_slice(&mac);
    f[28..32].copy_from_slice(&vip.octets());
    f[32..38].copy_from_slice(&BROADCAST);
    f[38..42].copy_from_slice(&vip.octets());
    f
}

/// A neighbour advertisement for `vip` to all nodes, Override set, with the
/// target link-layer address option.
pub fn unsolicited_na(vip: Ipv6Addr, mac: [u8; 6], router: bool) -> [u8; NA_LEN] {
    let mut f = [0; NA_LEN];
    f[0..6].copy_from_slice(&ALL_NODES_MAC);
    f[6..12].copy_from_slice(&mac);
    f[12..14].copy_from_slice(&ETH_P_IPV6.to_be_bytes());
    f[14] = 0x60;
    f[19] = 32; // payload length: 24 of the advertisement and 8 of the option
    f[20] = 58; // ICMPv6
    f[21] = 255; // RFC 4861 section 7.1.2
    f[22..38].copy_from_slice(&vip.octets());
    f[38..54].copy_from_slice(&ALL_NODES.octets());
    f[54] = 136; // neighbour advertisement
    f[58] = if router { 0xa0 } else { 0x20 };
    f[62..78].copy_from_slice(&vip.octets());
    f[78..80].copy_from_slice(&[2, 1]); // target link-layer address, 8 bytes
    f[80..86].copy_from_slice(&mac);
    let sum = icmp6_checksum(&f[22..54], &f[54..86]);
    f[56..58].copy_from_slice(&sum.to_be_bytes());
    f
}

/// Internet checksum over the IPv6 pseudo header and `payload`
/// (RFC 8200 section 8.1); `addrs` is source and destination.
fn icmp6_checksum(addrs: &[u8], payload: &[u8]) -> u16 {
    let words = |b: &[u8]| b.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(*c.get(1).unwrap_or(&0))).sum::<u32>();
    let mut sum = words(addrs) + words(payload) + payload.len() as u32 + 58;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x17];

    #[test]
    fn a_gratuitous_arp_is_a_broadcast_request_for_the_own_address() {
        let f = gratuitous_arp(Ipv4Addr::new(192, 0, 2, 100), MAC);
        assert_eq!(&f[..14], b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x17\x08\x06");
        assert_eq!(&f[14..22], b"\0\x01\x08\0\x06\x04\0\x01");
        assert_eq!(f[28..32], f[38..42]);
        assert_eq!(&f[32..38], &BROADCAST);
    }

    #[test]
    fn an_unsolicited_na_sums_to_all_ones_and_sets_override() {
        let vip = "2001:db8::100".parse().unwrap();
        for (router, flags) in [(false, 0x20), (true, 0xa0)] {
            let f = unsolicited_na(vip, MAC, router);
            assert_eq!(f[58], flags);
            assert_eq!(f[21], 255);
            assert_eq!(icmp6_checksum(&f[22..54], &f[54..86]), 0, "a right checksum sums to zero");
        }
    }
}
