//! Authentication: AH with HMAC-MD5-96 and the HMAC-SHA-256 trailer.
//!
//! Owns RFC 4302's header as VRRPv2 uses it (RFC 2338 section 5.3.6.3, HMAC
//! of RFC 2403) and the `auth_hmac` extension with its replay protection.
//! Secrets are compared in constant time and never printed.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use model::vrrp::{AuthHmac, HmacMode, Version};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::packet::{IPPROTO_VRRP, Raw, version_number};
use crate::reject::{HmacReject, Reject};
use types::Vrid;

/// Length of the Authentication Header.
pub const AH_LEN: usize = 24;
/// Where its integrity check value begins.
const AH_ICV: usize = 12;
/// Length of the integrity check value.
const ICV_LEN: usize = 12;
/// Length of the `auth_hmac` trailer.
pub const TRAILER_LEN: usize = 28;
/// Where its tag begins.
const TAG: usize = 12;
/// Length of the tag.
const TAG_LEN: usize = 16;
/// Replay marks kept of multicast sources.
const MULTICAST_MARKS: usize = 4;

/// Whether `a` and `b` are equal, in constant time for equal lengths.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// A password of at most 8 bytes, zero padded.
pub fn pad(password: &[u8]) -> [u8; 8] {
    let mut p = [0; 8];
    for (to, from) in p.iter_mut().zip(password) {
        *to = *from;
    }
    p
}

/// The keyed state of an AH.
#[derive(Clone)]
pub struct AhKey(Hmac<Md5>);

impl fmt::Debug for AhKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AhKey(********)")
    }
}

impl AhKey {
    /// The key made of a password.
    pub fn new(password: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(&pad(password)).ok().map(AhKey)
    }

    /// ICV over the IP header with its mutable fields zeroed, the AH with a
    /// zero ICV, and the rest (RFC 4302 section 3.3.3).
    fn icv(&self, unicast: bool, packet: &[u8]) -> Option<[u8; ICV_LEN]> {
        let (ip, rest) = packet.split_first_chunk::<20>()?;
        let options = usize::from(ip[0] & 0x0f).saturating_sub(5) * 4;
        let (options, rest) = rest.split_at_checked(options)?;
        let (ah, rest) = rest.split_first_chunk::<AH_LEN>()?;
        let mut ip = *ip;
        ip[1] = 0;
        ip[6..8].fill(0);
        ip[10..12].fill(0);
        if unicast {
            ip[8] = 0;
        }
        let mut ah = *ah;
        ah[AH_ICV..].fill(0);
        let mut mac = self.0.clone();
        mac.update(&ip);
        mac.update(options);
        mac.update(&ah);
        mac.update(rest);
        mac.finalize().into_bytes().first_chunk().copied()
    }
}

/// Appends an AH with a zero ICV.
pub fn put_ah(src: Ipv4Addr, seq: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&[IPPROTO_VRRP, 4, 0, 0]);
    out.extend_from_slice(&src.octets());
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&[0; ICV_LEN]);
}

/// Fills in the ICV of a whole packet.
pub fn seal_ah(key: &AhKey, unicast: bool, packet: &mut [u8]) {
    if let Some(icv) = key.icv(unicast, packet)
        && let Some(field) = packet.get_mut(20 + AH_ICV..20 + AH_LEN)
    {
        field.copy_from_slice(&icv);
    }
}

/// Checks a received AH: ICV, then SPI, then sequence. Returns the sequence.
pub fn check_ah(key: &AhKey, unicast: bool, seen: u32, raw: &Raw<'_>) -> Result<u32, Reject> {
    let ah = raw.ah.ok_or(Reject::AhPresence { present: false })?;
    let icv = key.icv(unicast, raw.all).ok_or(Reject::AhIcv)?;
    if !same(&icv, &ah[AH_ICV..]) {
        return Err(Reject::AhIcv);
    }
    if IpAddr::V4(Ipv4Addr::new(ah[4], ah[5], ah[6], ah[7])) != raw.src {
        return Err(Reject::AhSpi);
    }
    let got = u32::from_be_bytes([ah[8], ah[9], ah[10], ah[11]]);
    if got <= seen {
        return Err(Reject::AhReplay { got, seen });
    }
    Ok(got)
}

/// A finished `auth_hmac` trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HmacTrailer(pub [u8; TRAILER_LEN]);

/// Keys and replay state of `auth_hmac`.
#[derive(Clone)]
pub struct HmacState {
    keys: Vec<(u8, Hmac<Sha256>)>,
    active: u8,
    window: u16,
    monotonic: bool,
    mode: HmacMode,
    last_sent: Option<u64>,
    marks: Vec<(IpAddr, u64)>,
}

impl fmt::Debug for HmacState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u8> = self.keys.iter().map(|k| k.0).collect();
        f.debug_struct("HmacState")
            .field("keys", &ids)
            .field("mode", &self.mode)
            .field("last_sent", &self.last_sent)
            .field("marks", &self.marks)
            .finish_non_exhaustive()
    }
}

/// Who signs what: the part of the tag that is not in the packet.
#[derive(Debug, Clone, Copy)]
pub struct Signer {
    /// Protocol version.
    pub version: Version,
    /// Virtual router.
    pub vrid: Vrid,
    /// Source address.
    pub src: IpAddr,
}

impl Signer {
    fn prefix(&self) -> [u8; 20] {
        let mut p = [0; 20];
        p[1] = version_number(self.version);
        p[2] = self.vrid.get();
        match self.src {
            IpAddr::V4(a) => {
                p[0] = 4;
                p[4..8].copy_from_slice(&a.octets());
            }
            IpAddr::V6(a) => {
                p[0] = 6;
                p[4..].copy_from_slice(&a.octets());
            }
        }
        p
    }
}

/// Whether `a` is later than `b` in serial arithmetic (RFC 1982).
const fn later(a: u64, b: u64) -> bool {
    (a.wrapping_sub(b) as i64) > 0
}

/// Seconds, 1/65536 seconds and a counter of 0.
const fn clock_sequence(unix: Duration) -> u64 {
    let fraction = ((unix.subsec_nanos() as u64) << 16) / 1_000_000_000;
    (unix.as_secs() & 0xffff_ffff) << 32 | fraction << 16
}

impl HmacState {
    /// Fresh state for `config`.
    pub fn new(config: &AuthHmac) -> Self {
        let keys = config
            .keys
            .iter()
            .filter_map(|(id, k)| Some((*id, Hmac::new_from_slice(k.expose()).ok()?)))
            .collect();
        HmacState {
            keys,
            active: config.active_key,
            window: config.time_window,
            monotonic: config.monotonic,
            mode: config.mode,
            last_sent: None,
            marks: Vec::new(),
        }
    }

    /// Goes on where `old` was, in its sequence and in what it has seen: a
    /// reload must neither let old packets in nor make ours look old.
    pub fn continue_from(&mut self, old: HmacState) {
        if old.monotonic == self.monotonic {
            (self.last_sent, self.marks) = (old.last_sent, old.marks);
        }
    }

    fn key(&self, id: u8) -> Option<&Hmac<Sha256>> {
        self.keys.iter().find(|k| k.0 == id).map(|k| &k.1)
    }

    fn window_sequence(&self) -> u64 {
        u64::from(self.window) << 32
    }

    fn next_sequence(&mut self, unix: Duration) -> u64 {
        let clock = clock_sequence(unix);
        let seq = match self.last_sent {
            None => clock,
            Some(last) if later(clock, last) => clock,
            Some(last)
                if !self.monotonic && later(last, clock.wrapping_add(self.window_sequence())) =>
            {
                clock
            }
            Some(last) => last.wrapping_add(1),
        };
        self.last_sent = Some(seq);
        seq
    }

    /// The trailer of one advert, the same for all its copies. `message` is
    /// the VRRP message with checksum 0. `None` in receive-only mode.
    pub fn sign(&mut self, who: Signer, message: &[u8], unix: Duration) -> Option<HmacTrailer> {
        if self.mode == HmacMode::ReceiveOnly {
            return None;
        }
        let seq = self.next_sequence(unix);
        let mut t = [0; TRAILER_LEN];
        t[0] = 1;
        t[1] = self.active;
        t[4..TAG].copy_from_slice(&seq.to_be_bytes());
        let tag = tag(self.key(self.active)?, who, [message, &t]);
        t[TAG..].copy_from_slice(&tag);
        Some(HmacTrailer(t))
    }

    /// Checks the trailer of `raw`, or its absence. `peer` says whether the
    /// source is a unicast peer (`None` for multicast). Returns the clock
    /// difference in seconds when it is more than half the window.
    pub fn check(
        &mut self,
        raw: &Raw<'_>,
        who: Signer,
        peer: Option<bool>,
        unix: Duration,
    ) -> Result<Option<i64>, HmacReject> {
        let at = raw.at + raw.message_len();
        let trailer: Option<&[u8; TRAILER_LEN]> = raw
            .all
            .get(at..)
            .filter(|rest| rest.len() == TRAILER_LEN)
            .and_then(|rest| rest.first_chunk());
        let Some(t) = trailer else {
            return match self.mode {
                HmacMode::Enforce => Err(HmacReject::Missing),
                HmacMode::Permissive | HmacMode::ReceiveOnly => Ok(None),
            };
        };
        if peer == Some(false) || t[0] != 1 || t[2..4] != [0, 0] {
            return Err(HmacReject::Malformed);
        }
        let mut seq = [0; 8];
        seq.copy_from_slice(&t[4..TAG]);
        let seq = u64::from_be_bytes(seq);
        let skew = i64::from(((seq >> 32) as u32).wrapping_sub(unix.as_secs() as u32) as i32);
        if !self.monotonic && skew.unsigned_abs() > u64::from(self.window) {
            return Err(HmacReject::Stale { skew });
        }
        self.verify(raw, who, t)?;
        self.mark(raw.src, seq, peer.is_some(), unix)?;
        let notable = !self.monotonic && skew.unsigned_abs() > u64::from(self.window / 2);
        Ok(notable.then_some(skew))
    }

    fn verify(&self, raw: &Raw<'_>, who: Signer, t: &[u8; TRAILER_LEN]) -> Result<(), HmacReject> {
        let key = self.key(t[1]).ok_or(HmacReject::UnknownKey { id: t[1] })?;
        let mut zeroed = *t;
        zeroed[TAG..].fill(0);
        let mut header = raw.header;
        header[6..8].fill(0);
        let rest = raw.message().get(header.len()..).unwrap_or(&[]);
        let tag = tag(key, who, [&header, rest, &zeroed]);
        if same(&tag, &t[TAG..]) { Ok(()) } else { Err(HmacReject::Invalid) }
    }

    /// Only after the tag was found right: nobody else moves a mark.
    fn mark(
        &mut self,
        src: IpAddr,
        seq: u64,
        unicast: bool,
        unix: Duration,
    ) -> Result<(), HmacReject> {
        if !self.monotonic {
            let now = clock_sequence(unix);
            let window = self.window_sequence();
            self.marks.retain(|m| {
                let age = (now.wrapping_sub(m.1) as i64).unsigned_abs();
                age <= window.saturating_add(1 << 32)
            });
        }
        if let Some(i) = self.marks.iter().position(|m| m.0 == src) {
            let (_, high) = self.marks.remove(i);
            let newer = later(seq, high);
            self.marks.push((src, if newer { seq } else { high }));
            return if newer { Ok(()) } else { Err(HmacReject::Replay) };
        }
        // Unicast sources are peers, so their number is bounded as well.
        if !unicast && self.marks.len() >= MULTICAST_MARKS {
            self.marks.remove(0);
        }
        self.marks.push((src, seq));
        Ok(())
    }
}

fn tag<const N: usize>(key: &Hmac<Sha256>, who: Signer, parts: [&[u8]; N]) -> [u8; TAG_LEN] {
    let mut mac = key.clone();
    mac.update(&who.prefix());
    for p in parts {
        mac.update(p);
    }
    let full = mac.finalize().into_bytes();
    let mut tag = [0; TAG_LEN];
    for (to, from) in tag.iter_mut().zip(full.iter()) {
        *to = *from;
    }
    tag
}
