//! The sockets of adverts: many packets per system call in both directions.
//!
//! Receivers are bound to what the machine says; senders are shared by all
//! interfaces of a family, so that the adverts of every instance that are due
//! together leave by one call. Never looks into a packet.

use core::net::IpAddr;
use core::time::Duration;
use mio::Interest;
use rt::Token;
use rt::mmsg::{RecvBatch, SendBatch, To};
use rt::poll::Loop;
use rt::sock::{Receiver, Sender};
use std::io;
use std::os::fd::OwnedFd;
use types::{Family, IfIndex, Mono};
use vrrp_proto::{Out, RxMeta, SendAdvert, SocketId, SocketKey};

/// Packets taken by one call. A flood on one socket gets no more than this
/// per turn of the loop, so that adverts that are due go out in between.
const PACKETS_PER_CALL: usize = 64;
/// Largest packet: an advert of 255 IPv6 addresses has 4,080 bytes of them.
const PACKET_MAX: usize = 4608;
/// How often a socket that could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Socket {
    key: SocketKey,
    rcvbuf: Option<u32>,
    fd: Option<OwnedFd>,
}

#[derive(Debug)]
struct Outgoing {
    kind: Sender,
    fd: OwnedFd,
    queue: SendBatch,
    /// The last failure that was logged, so that a lasting one is said once.
    said: Option<(io::ErrorKind, Mono)>,
}

/// All sockets of adverts.
#[derive(Debug)]
pub struct Sockets {
    table: Vec<Option<Socket>>,
    senders: Vec<Outgoing>,
    batch: RecvBatch,
    retry_at: Option<Mono>,
}

impl Default for Sockets {
    fn default() -> Self {
        Sockets {
            table: Vec::new(),
            senders: Vec::new(),
            batch: RecvBatch::new(PACKETS_PER_CALL, PACKET_MAX),
            retry_at: None,
        }
    }
}

impl Sockets {
    /// Opens the receiver `id`, readable under token `base + id`. A failure is
    /// logged and tried again.
    pub fn open(
        &mut self,
        id: SocketId,
        key: SocketKey,
        rcvbuf: Option<u32>,
        poll: &Loop,
        base: usize,
    ) {
        if self.table.len() <= id.index() {
            self.table.resize_with(id.index() + 1, || None);
        }
        let fd = match open(&key, rcvbuf, poll, Token(base + id.index())) {
            Ok(fd) => Some(fd),
            Err(e) => {
                log::error!("cannot open a VRRP socket ({}): {e}; trying again", describe(&key));
                self.retry_at.get_or_insert_with(|| rt::clock::now() + RETRY);
                None
            }
        };
        if let Some(slot) = self.table.get_mut(id.index()) {
            *slot = Some(Socket { key, rcvbuf, fd });
        }
    }

    /// Gives the receiver `id` room for `bytes` of unread packets.
    pub fn make_room(&mut self, id: SocketId, bytes: u32) {
        let Some(Some(socket)) = self.table.get_mut(id.index()) else { return };
        socket.rcvbuf = Some(bytes);
        if let Some(fd) = &socket.fd
            && let Err(e) = rt::sock::set_rcvbuf(fd, bytes as usize)
        {
            log::warn!("no room of {bytes} bytes for adverts ({}): {e}", describe(&socket.key));
        }
    }

    /// Closes the receiver `id`.
    pub fn close(&mut self, id: SocketId, poll: &Loop) {
        let socket = self.table.get_mut(id.index()).and_then(Option::take);
        if let Some(fd) = socket.and_then(|s| s.fd) {
            let _ = poll.deregister(&fd);
        }
    }

    /// When [`Sockets::retry`] is due.
    pub fn deadline(&self) -> Option<Mono> {
        self.retry_at
    }

    /// Tries to open what could not be opened before.
    pub fn retry(&mut self, now: Mono, poll: &Loop, base: usize) {
        self.retry_at = None;
        for (index, socket) in self.table.iter_mut().enumerate() {
            let Some(socket) = socket.as_mut().filter(|s| s.fd.is_none()) else { continue };
            match open(&socket.key, socket.rcvbuf, poll, Token(base + index)) {
                Ok(fd) => {
                    log::info!("opened the VRRP socket ({})", describe(&socket.key));
                    socket.fd = Some(fd);
                }
                Err(_) => self.retry_at = Some(now + RETRY),
            }
        }
    }

    /// Hands some of the packets that wait on socket `index` to `packet`.
    pub fn receive(&mut self, index: usize, mut packet: impl FnMut(SocketId, RxMeta, &[u8])) {
        let Some(Some(Socket { key, fd: Some(fd), .. })) = self.table.get(index) else { return };
        if let Err(e) = self.batch.recv(fd) {
            log::debug!("VRRP socket ({}): {e}", describe(key));
            return;
        }
        let Ok(id) = u32::try_from(index).map(SocketId) else { return };
        for datagram in self.batch.iter().filter(|d| !d.truncated) {
            let Some(source) = datagram.source else { continue };
            let src = source.ip();
            let meta = RxMeta {
                src,
                dst: datagram.destination.unwrap_or(key.addr),
                hop_limit: datagram.ttl,
                ifindex: IfIndex(datagram.ifindex),
            };
            packet(id, meta, datagram.payload);
        }
    }

    /// Sends every advert of `out`, all of one kind by one call.
    pub fn send(&mut self, out: &Out) {
        for advert in &out.adverts {
            let kind = sender_for(&advert.key, advert);
            let to = destination(&advert.key, advert);
            match self.senders.iter_mut().find(|s| s.kind == kind) {
                Some(sender) => {
                    sender.queue.push(to, out.packet(advert));
                }
                None => match kind.open() {
                    Ok(fd) => {
                        let mut queue = SendBatch::new();
                        queue.push(to, out.packet(advert));
                        self.senders.push(Outgoing { kind, fd, queue, said: None });
                    }
                    Err(e) => log::error!("cannot open a socket to send adverts: {e}"),
                },
            }
        }
        for sender in &mut self.senders {
            sender.flush();
        }
    }
}

impl Outgoing {
    fn flush(&mut self) {
        if self.queue.is_empty() {
            return;
        }
        let said = &mut self.said;
        let done = self.queue.send(&self.fd, |_, e| {
            let now = rt::clock::now();
            let again = said.as_ref().is_some_and(|(kind, at)| {
                *kind == e.kind() && now.saturating_since(*at) < Duration::from_secs(60)
            });
            if !again {
                *said = Some((e.kind(), now));
                log::warn!("cannot send an advert: {e}{}", advice(&e));
            }
        });
        if !done {
            // The queue of the device is full. The next advert says the same
            // and is worth more than a late one.
            log::debug!("{} adverts dropped: the send buffer is full", self.queue.unsent());
            self.queue.clear();
        }
    }
}

/// What to do about an advert that cannot leave.
fn advice(e: &io::Error) -> &'static str {
    match e.kind() {
        io::ErrorKind::PermissionDenied => {
            "; the local firewall refuses it: allow IP protocol 112 in the output chain"
        }
        _ => "",
    }
}

fn open(key: &SocketKey, rcvbuf: Option<u32>, poll: &Loop, token: Token) -> io::Result<OwnedFd> {
    let ifindex = key.ifindex.or(key.vrf);
    let device = match ifindex {
        Some(index) => nix::net::if_::if_indextoname(index.0)?.into_string().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, "the interface's name is not text")
        })?,
        None => String::new(),
    };
    let receiver = Receiver {
        protocol: i32::from(key.proto),
        device,
        ifindex: ifindex.unwrap_or_default().0,
        local: key.addr,
        rcvbuf: rcvbuf.unwrap_or(0) as usize,
    };
    let fd = receiver.open()?;
    poll.register(&fd, token, Interest::READABLE)?;
    log::debug!(
        "VRRP sockpool: [ifindex({:3}), family({}), proto({}), fd({}) {}, address({})]",
        ifindex.unwrap_or_default().0,
        key.family,
        key.proto,
        std::os::fd::AsRawFd::as_raw_fd(&fd),
        if key.multicast { "multicast" } else { "unicast" },
        key.addr,
    );
    Ok(fd)
}

fn describe(key: &SocketKey) -> String {
    let kind = if key.multicast { "multicast" } else { "unicast" };
    let index = key.ifindex.or(key.vrf).unwrap_or_default().0;
    format!("{} {kind} address {}, protocol {}, interface {index}", key.family, key.addr, key.proto)
}

fn sender_for(key: &SocketKey, advert: &SendAdvert) -> Sender {
    let v6_unicast = key.family == Family::V6 && !key.multicast;
    Sender {
        family: key.family,
        protocol: i32::from(key.proto),
        multicast: key.multicast,
        unicast_hops: advert.hop_limit.filter(|_| v6_unicast),
    }
}

/// Without an interface the routing table decides, that of the VRF if there is one; IPv6 has its
/// source told in any case.
fn destination(key: &SocketKey, advert: &SendAdvert) -> To {
    let ifindex = advert.ifindex.or(key.vrf);
    let source = Some(advert.src).filter(IpAddr::is_ipv6);
    match (ifindex, source) {
        (None, None) => To::Ip(advert.dst),
        _ => To::Via { addr: advert.dst, ifindex: ifindex.unwrap_or_default().0, source },
    }
}
