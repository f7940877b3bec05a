//! Frames made by hand: adverts of all flavours, and garbage.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::frame::{VRRP, checksum, pseudo_header};
use crate::{Capture, Host, Result};

/// The IPv4 group of VRRP.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// The IPv6 group of VRRP.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);

/// An advert to be sent, every field free to be wrong.
#[derive(Clone, Debug)]
pub struct Craft {
    /// Source Ethernet address.
    pub src_mac: [u8; 6],
    /// Destination Ethernet address; by default that of the group.
    pub dst_mac: Option<[u8; 6]>,
    /// Source address; its family is the advert's.
    pub src: IpAddr,
    /// Destination address; by default the group.
    pub dst: Option<IpAddr>,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Version nibble.
    pub version: u8,
    /// Type nibble; 1 is an advert.
    pub kind: u8,
    /// Virtual router id.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// Number of addresses, if it shall not be the true one.
    pub count: Option<u8>,
    /// Seconds in version 2, centiseconds in version 3.
    pub interval: u16,
    /// Addresses.
    pub addrs: Vec<IpAddr>,
    /// Authentication type (version 2).
    pub auth_type: u8,
    /// Authentication data (version 2 over IPv4).
    pub auth: [u8; 8],
    /// Added to the correct checksum.
    pub checksum_error: u16,
    /// Appended to the VRRP part, inside the IP length.
    pub trailer: Vec<u8>,
}

impl Craft {
    /// A correct multicast advert.
    pub fn new(
        version: u8,
        src: impl Into<IpAddr>,
        vrid: u8,
        priority: u8,
        addrs: &[IpAddr],
    ) -> Self {
        Self {
            src_mac: [2, 0, 0, 0, 0xfe, 0xed],
            dst_mac: None,
            src: src.into(),
            dst: None,
            ttl: 255,
            version,
            kind: 1,
            vrid,
            priority,
            count: None,
            interval: if version == 2 { 1 } else { 100 },
            addrs: addrs.to_vec(),
            auth_type: 0,
            auth: [0; 8],
            checksum_error: 0,
            trailer: Vec::new(),
        }
    }

    /// The frame.
    pub fn frame(&self) -> Vec<u8> {
        let (dst, group_mac) = match self.src {
            IpAddr::V4(_) => (GROUP_V4.into(), [1, 0, 0x5e, 0, 0, 0x12]),
            IpAddr::V6(_) => (GROUP_V6.into(), [0x33, 0x33, 0, 0, 0, 0x12]),
        };
        let dst = self.dst.unwrap_or(dst);
        let vrrp = self.vrrp(dst);
        let (ethertype, ip) = match (self.src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => (0x0800u16, ipv4(src, dst, self.ttl, &vrrp)),
            (IpAddr::V6(src), IpAddr::V6(dst)) => (0x86dd, ipv6(src, dst, self.ttl, &vrrp)),
            _ => (0xffff, Vec::new()),
        };
        let dst_mac = self.dst_mac.unwrap_or(group_mac);
        [&dst_mac[..], &self.src_mac, &ethertype.to_be_bytes(), &ip].concat()
    }

    fn vrrp(&self, dst: IpAddr) -> Vec<u8> {
        let interval = match self.version {
            2 => [self.auth_type, self.interval as u8],
            _ => self.interval.to_be_bytes(),
        };
        let count = self.count.unwrap_or(self.addrs.len() as u8);
        let head = self.version << 4 | self.kind;
        let mut out = vec![head, self.vrid, self.priority, count, interval[0], interval[1], 0, 0];
        for addr in &self.addrs {
            match addr {
                IpAddr::V4(addr) => out.extend(addr.octets()),
                IpAddr::V6(addr) => out.extend(addr.octets()),
            }
        }
        if self.version == 2 && self.src.is_ipv4() {
            out.extend(self.auth);
        }
        out.extend(&self.trailer);
        let sum = match (self.version, self.src) {
            (2, IpAddr::V4(_)) => checksum(&[&out]),
            _ => checksum(&[&pseudo_header(self.src, dst, VRRP, out.len()), &out]),
        };
        out[6..8].copy_from_slice(&sum.wrapping_add(self.checksum_error).to_be_bytes());
        out
    }
}

fn ipv4(src: Ipv4Addr, dst: Ipv4Addr, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len()) as u16;
    let [high, low] = length.to_be_bytes();
    let mut head = vec![0x45, 0xc0, high, low, 0, 1, 0, 0, ttl, VRRP, 0, 0];
    head.extend(src.octets());
    head.extend(dst.octets());
    let sum = checksum(&[&head]);
    head[10..12].copy_from_slice(&sum.to_be_bytes());
    [&head[..], payload].concat()
}

fn ipv6(src: Ipv6Addr, dst: Ipv6Addr, hops: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    let head = [0x6c, 0, 0, 0, high, low, VRRP, hops];
    [&head[..], &src.octets(), &dst.octets(), payload].concat()
}

/// A stream of frames at a steady rate, until dropped.
#[derive(Debug)]
pub struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    sender: Option<JoinHandle<()>>,
}

impl Flood {
    /// Sends `frames` in turn from `interface` of `host`, `rate` frames a second in all.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn start(host: &Host, interface: &str, frames: Vec<Vec<u8>>, rate: u32) -> Result<Self> {
        // Only for sending: what it captures is never kept.
        let out = Capture::keeping(host, interface, |_| false)?;
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counter) = (stop.clone(), sent.clone());
        let sender = thread::spawn(move || {
            let start = Instant::now();
            let mut turn = frames.iter().cycle();
            while !stopped.load(Ordering::Relaxed) {
                let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as u64;
                while counter.load(Ordering::Relaxed) < due {
                    let Some(frame) = turn.next() else { return };
                    if out.send(frame).is_err() {
                        return;
                    }
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        Ok(Self { stop, sent, sender: Some(sender) })
    }

    /// Frames sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sender) = self.sender.take() {
            let _ = sender.join();
        }
    }
}

/// Broken adverts for `vrid`: wrong checksum, TTL, version, type, length, count, interval,
/// authentication, and noise. None of them may move or silence a virtual router.
pub fn garbage(src: IpAddr, vrid: u8, version: u8, addrs: &[IpAddr]) -> Vec<Vec<u8>> {
    let good = Craft::new(version, src, vrid, 254, addrs);
    let other = if version == 2 { 3 } else { 2 };
    let noise: Vec<u8> = (0..64u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut broken = vec![
        Craft { checksum_error: 1, ..good.clone() },
        Craft { ttl: 254, ..good.clone() },
        Craft { version: other, ..good.clone() },
        Craft { version: 9, ..good.clone() },
        Craft { kind: 7, ..good.clone() },
        Craft { count: Some(200), ..good.clone() },
        Craft { trailer: vec![0xff; 12], ..good.clone() },
        Craft { trailer: noise, checksum_error: 0x55aa, ..good.clone() },
    ];
    if version == 2 {
        broken.push(Craft { auth_type: 1, auth: *b"password", ..good.clone() });
        broken.push(Craft { auth_type: 9, ..good.clone() });
        broken.push(Craft { interval: 7, ..good.clone() });
    }
    let mut frames: Vec<Vec<u8>> = broken.iter().map(Craft::frame).collect();
    // Cut off inside the VRRP header, with the IP length telling the truth.
    if let IpAddr::V4(from) = src {
        let short = ipv4(from, GROUP_V4, 255, &[version << 4 | 1, vrid, 254]);
        let frame = good.frame();
        frames.push([&frame[..14], &short].concat());
    }
    frames
}
