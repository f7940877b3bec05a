//! Packets written by hand, right or wrong.
//!
//! Owns an encoder of its own, so that tests do not trust the one they test.

use core::net::IpAddr;

/// A VRRP packet in all its fields.
#[derive(Debug, Clone)]
pub struct Craft {
    /// VRRP version.
    pub version: u8,
    /// Message type.
    pub kind: u8,
    /// Virtual router.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// Number of addresses, when not the true one.
    pub count: Option<u8>,
    /// Version 2: authentication type and seconds; version 3: centiseconds.
    pub field: [u8; 2],
    /// The addresses.
    pub vips: Vec<IpAddr>,
    /// Version 2 over IPv4: authentication data.
    pub auth_data: [u8; 8],
    /// Source.
    pub src: IpAddr,
    /// Destination.
    pub dst: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// IP protocol number.
    pub proto: u8,
    /// Between IP and VRRP header, such as an AH.
    pub between: Vec<u8>,
    /// Added to the right checksum.
    pub checksum_error: u16,
    /// Destination in the pseudo header, when not the true one.
    pub pseudo_dst: Option<IpAddr>,
    /// Bytes after the message.
    pub tail: Vec<u8>,
    /// Total length in the IPv4 header, when not the true one.
    pub total: Option<u16>,
}

impl Craft {
    /// A right advert of version 2 or 3 from `src` to the VRRP group.
    pub fn advert(version: u8, vrid: u8, priority: u8, src: IpAddr) -> Self {
        let group = match src {
            IpAddr::V4(_) => IpAddr::from([224, 0, 0, 18]),
            IpAddr::V6(_) => IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 0x12]),
        };
        Craft {
            version,
            kind: 1,
            vrid,
            priority,
            count: None,
            field: [0, if version == 2 { 1 } else { 100 }],
            vips: Vec::new(),
            auth_data: [0; 8],
            src,
            dst: group,
            ttl: 255,
            proto: 112,
            between: Vec::new(),
            checksum_error: 0,
            pseudo_dst: None,
            tail: Vec::new(),
            total: None,
        }
    }

    /// As a socket delivers it: IPv4 with its header, IPv6 the payload.
    pub fn bytes(&self) -> Vec<u8> {
        let mut vrrp = vec![self.version << 4 | self.kind, self.vrid, self.priority];
        vrrp.push(self.count.unwrap_or(self.vips.len() as u8));
        vrrp.extend(self.field);
        vrrp.extend([0, 0]);
        for vip in &self.vips {
            vrrp.extend(octets(*vip));
        }
        if self.version == 2 && self.src.is_ipv4() {
            vrrp.extend(self.auth_data);
        }
        let sum = self.checksum(&vrrp).wrapping_add(self.checksum_error);
        vrrp[6..8].copy_from_slice(&sum.to_be_bytes());
        vrrp.extend(&self.tail);
        if self.src.is_ipv6() {
            return vrrp;
        }
        let len = 20 + self.between.len() + vrrp.len() - self.tail.len();
        let total = self.total.unwrap_or(len as u16);
        let mut packet = vec![0x45, 0xc0];
        packet.extend(total.to_be_bytes());
        packet.extend([0, 1, 0, 0, self.ttl, self.proto, 0, 0]);
        packet.extend(octets(self.src));
        packet.extend(octets(self.dst));
        packet.extend(&self.between);
        packet.extend(vrrp);
        packet
    }

    fn checksum(&self, vrrp: &[u8]) -> u16 {
        let mut all = Vec::new();
        if self.version == 3 || self.src.is_ipv6() {
            all.extend(octets(self.src));
            all.extend(octets(self.pseudo_dst.unwrap_or(self.dst)));
            all.extend([0, 112]);
            all.extend((vrrp.len() as u16).to_be_bytes());
        }
        all.extend(vrrp);
        let mut sum: u32 = 0;
        for pair in all.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u32::from(*b));
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}

fn octets(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}
