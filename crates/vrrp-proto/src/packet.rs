//! Bytes of VRRP packets: IPv4 header, AH, VRRP header, addresses.
//!
//! Owns encoding and taking apart (RFC 3768 section 5.3, RFC 9568 section 5)
//! and every flavour of checksum. Never judges a packet: that is `receive`.
//!
//! ```text
//!  0                   1                   2                   3
//!  |Version| Type  |     VRID      |   Priority    |  addresses    |
//!  v2: auth type   | interval (s)  |           checksum            |
//!  v3: 0 |     interval (cs)       |           checksum            |
//!  |                         addresses ...                         |
//!  v2, IPv4: 8 bytes of authentication data
//! ```

use crate::auth::{self, AhKey, HmacTrailer};
use crate::checksum::Sum;
use crate::input::RxMeta;
use crate::reject::Reject;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use model::Secret;
use model::vrrp::Version;
use types::{Centisecs, Family, Priority, Vrid};

/// IP protocol number of VRRP.
pub const IPPROTO_VRRP: u8 = 112;
/// IP protocol number of the Authentication Header (RFC 4302).
pub const IPPROTO_AH: u8 = 51;
/// Length of the VRRP header.
pub const HEADER: usize = 8;
/// Length of version 2's authentication data.
pub const AUTH_DATA: usize = 8;
/// Length of the IPv4 header that we write.
const IP_HEADER: usize = 20;
/// Internetwork control (RFC 9568 says nothing; the reference sets it).
const TOS: u8 = 0xc0;
/// Type of the only message.
pub const ADVERTISEMENT: u8 = 1;

/// Which checksum a version 3 IPv4 advert carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavour {
    /// With pseudo header (RFC 9568 section 5.2.8).
    #[default]
    Pseudo,
    /// Pseudo header with this group as destination (`old_unicast_checksum`).
    OldUnicast(Ipv4Addr),
    /// Without pseudo header (`v3_checksum_as_v2`).
    Plain,
}

/// The number of a version on the wire.
pub const fn version_number(v: Version) -> u8 {
    match v {
        Version::V2 => 2,
        Version::V3 => 3,
    }
}

/// Everything an advert consists of, but for its destination.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    /// Protocol version.
    pub version: Version,
    /// Virtual router.
    pub vrid: Vrid,
    /// Priority, 0 to leave.
    pub priority: Priority,
    /// Advertisement interval.
    pub interval: Duration,
    /// Source address; decides the family.
    pub src: IpAddr,
    /// The addresses, one after the other.
    pub vips: &'a [u8],
    /// How many they are.
    pub count: u8,
    /// IPv4: TTL.
    pub ttl: u8,
    /// IPv4: identification, not 0.
    pub id: u16,
    /// Checksum of version 3 over IPv4.
    pub flavour: Flavour,
    /// Authentication of version 2 over IPv4.
    pub auth: AuthTx<'a>,
    /// `auth_hmac` trailer.
    pub trailer: Option<&'a HmacTrailer>,
}

/// What version 2's authentication fields hold.
#[derive(Debug, Clone, Copy)]
pub enum AuthTx<'a> {
    /// Zeroes.
    None,
    /// The password, zero padded.
    Pass(&'a Secret),
    /// An Authentication Header.
    Ah {
        /// Key.
        key: &'a AhKey,
        /// Sequence number.
        seq: u32,
        /// TTL is not covered.
        unicast: bool,
    },
}

impl AuthTx<'_> {
    const fn number(self) -> u8 {
        match self {
            AuthTx::None => 0,
            AuthTx::Pass(_) => 1,
            AuthTx::Ah { .. } => 2,
        }
    }
}

impl Build<'_> {
    /// Appends the packet for `dst`: IPv4 with header, IPv6 the payload.
    pub fn write(&self, dst: IpAddr, out: &mut Vec<u8>) {
        match (self.src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => self.write_v4(src, dst, out),
            (IpAddr::V6(src), IpAddr::V6(dst)) => self.write_v6(src, dst, out),
            // Lowering gives an instance one family.
            _ => debug_assert!(false, "advert of mixed family"),
        }
    }

    fn write_v4(&self, src: Ipv4Addr, dst: Ipv4Addr, out: &mut Vec<u8>) {
        let start = out.len();
        let ah = matches!(self.auth, AuthTx::Ah { .. });
        let auth_data = if self.version == Version::V2 { AUTH_DATA } else { 0 };
        let total = IP_HEADER
            + if ah { auth::AH_LEN } else { 0 }
            + HEADER
            + self.vips.len()
            + auth_data
            + if self.trailer.is_some() { auth::TRAILER_LEN } else { 0 };
        self.put_ip_header(src, dst, total as u16, ah, out);
        if let AuthTx::Ah { seq, .. } = self.auth {
            auth::put_ah(src, seq, out);
        }
        let vrrp = out.len();
        self.put_vrrp(out);
        if self.version == Version::V2 {
            let data = if let AuthTx::Pass(p) = self.auth {
                auth::pad(p.expose())
            } else {
                [0; AUTH_DATA]
            };
            out.extend_from_slice(&data);
        }
        let sum = sum_v4(self.version, self.flavour, src, dst, &out[vrrp..]);
        set_u16(out, vrrp + 6, sum);
        if let Some(t) = self.trailer {
            out.extend_from_slice(&t.0);
        }
        if let AuthTx::Ah { key, unicast, .. } = self.auth {
            auth::seal_ah(key, unicast, &mut out[start..]);
        }
    }

    fn write_v6(&self, src: Ipv6Addr, dst: Ipv6Addr, out: &mut Vec<u8>) {
        let vrrp = out.len();
        self.put_vrrp(out);
        if let Some(t) = self.trailer {
            out.extend_from_slice(&t.0);
        }
        let sum = sum_v6(src, dst, &out[vrrp..]);
        set_u16(out, vrrp + 6, sum);
    }

    fn put_ip_header(&self, src: Ipv4Addr, dst: Ipv4Addr, total: u16, ah: bool, out: &mut Vec<u8>) {
        let start = out.len();
        let proto = if ah { IPPROTO_AH } else { IPPROTO_VRRP };
        out.extend_from_slice(&[0x45, TOS]);
        out.extend_from_slice(&total.to_be_bytes());
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&[0, 0, self.ttl, proto, 0, 0]);
        out.extend_from_slice(&src.octets());
        out.extend_from_slice(&dst.octets());
        let mut sum = Sum::default();
        sum.add(&out[start..]);
        set_u16(out, start + 10, sum.finish());
    }

    /// VRRP header with checksum 0, and the addresses.
    fn put_vrrp(&self, out: &mut Vec<u8>) {
        let first = version_number(self.version) << 4 | ADVERTISEMENT;
        out.extend_from_slice(&[first, self.vrid.get(), self.priority.0, self.count]);
        match self.version {
            Version::V2 => {
                let secs = u8::try_from(self.interval.as_secs()).unwrap_or(u8::MAX);
                out.extend_from_slice(&[self.auth.number(), secs]);
            }
            Version::V3 => {
                out.extend_from_slice(&Centisecs::nearest(self.interval).0.to_be_bytes());
            }
        }
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(self.vips);
    }

    /// The VRRP message with checksum 0, as `auth_hmac` covers it.
    pub fn message(&self, out: &mut Vec<u8>) {
        self.put_vrrp(out);
        if self.version == Version::V2 && self.src.is_ipv4() {
            out.extend_from_slice(&[0; AUTH_DATA]);
        }
    }
}

fn set_u16(out: &mut [u8], at: usize, v: u16) {
    if let Some(field) = out.get_mut(at..at + 2) {
        field.copy_from_slice(&v.to_be_bytes());
    }
}

/// Checksum of an IPv4 advert; `message` is header, addresses and
/// authentication data, without trailer. 0 when its checksum field is right.
pub fn sum_v4(
    version: Version,
    flavour: Flavour,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    message: &[u8],
) -> u16 {
    let mut sum = Sum::default();
    let pseudo_dst = match (version, flavour) {
        (Version::V2, _) | (Version::V3, Flavour::Plain) => None,
        (Version::V3, Flavour::Pseudo) => Some(dst),
        (Version::V3, Flavour::OldUnicast(group)) => Some(group),
    };
    if let Some(dst) = pseudo_dst {
        sum.add(&src.octets());
        sum.add(&dst.octets());
        sum.add(&[0, IPPROTO_VRRP]);
        sum.add(&(message.len() as u16).to_be_bytes());
    }
    sum.add(message);
    sum.finish()
}

/// Checksum of an IPv6 payload, trailer included (RFC 8200 section 8.1).
pub fn sum_v6(src: Ipv6Addr, dst: Ipv6Addr, payload: &[u8]) -> u16 {
    let mut sum = Sum::default();
    sum.add(&src.octets());
    sum.add(&dst.octets());
    sum.add(&(payload.len() as u32).to_be_bytes());
    sum.add(&[0, 0, 0, IPPROTO_VRRP]);
    sum.add(payload);
    sum.finish()
}

/// A packet taken apart; nothing is checked but that the parts are there.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// TTL or hop limit, when known.
    pub ttl: Option<u8>,
    /// Total length in the IPv4 header.
    pub total: Option<usize>,
    /// All that was received: IPv4 with its header.
    pub all: &'a [u8],
    /// Where the VRRP header begins in [`Raw::all`].
    pub at: usize,
    /// The Authentication Header.
    pub ah: Option<&'a [u8; auth::AH_LEN]>,
    /// The VRRP header.
    pub header: [u8; HEADER],
}

impl<'a> Raw<'a> {
    /// Check 0: IP header, AH and VRRP header are there.
    pub fn split(family: Family, meta: &RxMeta, all: &'a [u8]) -> Result<Self, Reject> {
        let short = Reject::Truncated { len: all.len() };
        match family {
            Family::V4 => Self::split_v4(all).ok_or(short),
            Family::V6 => {
                let header = *all.first_chunk().ok_or(short)?;
                let (src, dst, ttl) = (meta.src, meta.dst, meta.hop_limit);
                Ok(Raw { src, dst, ttl, total: None, all, at: 0, ah: None, header })
            }
        }
    }

    fn split_v4(all: &'a [u8]) -> Option<Self> {
        let ip: &[u8; IP_HEADER] = all.first_chunk()?;
        let ihl = usize::from(ip[0] & 0x0f) * 4;
        if ip[0] >> 4 != 4 || ihl < IP_HEADER {
            return None;
        }
        let mut at = ihl;
        let mut ah = None;
        if ip[9] == IPPROTO_AH {
            ah = Some(all.get(at..)?.first_chunk::<{ auth::AH_LEN }>()?);
            at += auth::AH_LEN;
        }
        Some(Raw {
            src: Ipv4Addr::new(ip[12], ip[13], ip[14], ip[15]).into(),
            dst: Ipv4Addr::new(ip[16], ip[17], ip[18], ip[19]).into(),
            ttl: Some(ip[8]),
            total: Some(usize::from(u16::from_be_bytes([ip[2], ip[3]]))),
            all,
            at,
            ah,
            header: *all.get(at..)?.first_chunk()?,
        })
    }

    /// VRRP version.
    pub fn version(&self) -> u8 {
        self.header[0] >> 4
    }

    /// Message type.
    pub fn kind(&self) -> u8 {
        self.header[0] & 0x0f
    }

    /// Virtual router identifier.
    pub fn vrid(&self) -> u8 {
        self.header[1]
    }

    /// Priority.
    pub fn priority(&self) -> Priority {
        Priority(self.header[2])
    }

    /// Number of addresses.
    pub fn count(&self) -> usize {
        usize::from(self.header[3])
    }

    /// Version 2: authentication type.
    pub fn auth_type(&self) -> u8 {
        self.header[4]
    }

    /// The interval, by the packet's version.
    pub fn interval(&self) -> Duration {
        if self.version() == 2 {
            Duration::from_secs(u64::from(self.header[5]))
        } else {
            Centisecs(u16::from_be_bytes([self.header[4], self.header[5]]) & 0x0fff).duration()
        }
    }

    /// Bytes of the VRRP message without trailer, as its own fields say.
    pub fn message_len(&self) -> usize {
        let addr = Family::of(self.src).bytes();
        let auth_data = if self.version() == 2 && self.src.is_ipv4() { AUTH_DATA } else { 0 };
        HEADER + self.count() * addr + auth_data
    }

    /// The VRRP message without trailer, once the length is known to hold.
    pub fn message(&self) -> &'a [u8] {
        self.all.get(self.at..self.at + self.message_len()).unwrap_or(&[])
    }

    /// The addresses, one after the other.
    pub fn vips(&self) -> &'a [u8] {
        let addr = Family::of(self.src).bytes();
        self.message().get(HEADER..HEADER + self.count() * addr).unwrap_or(&[])
    }

    /// Version 2 over IPv4: the authentication data.
    pub fn auth_data(&self) -> &'a [u8] {
        let m = self.message();
        m.get(m.len().saturating_sub(AUTH_DATA)..).unwrap_or(&[])
    }

    /// Whether `extra` bytes or link padding follow the message: an Ethernet
    /// frame is padded to 46 bytes, less 4 for each VLAN tag.
    pub fn length_fits(&self, extra: usize) -> bool {
        let want = self.at + self.message_len() + extra;
        let got = self.all.len();
        got == want
            || (self.src.is_ipv4() && got > want && got <= 46 && (46 - got).is_multiple_of(4))
    }
}
