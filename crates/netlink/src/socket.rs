//! The one file that talks to the kernel.
//!
//! An [`NlSocket`] is either for requests and dumps ([`NlSocket::request`]) or subscribed to
//! notifications ([`NlSocket::monitor`]); keep the two apart, so that a burst of notifications
//! never hides an answer. All sockets are non-blocking and close-on-exec; creating one needs no
//! privilege, and changing anything needs NET_ADMIN at the time of the request.

use crate::addr::{self, AddrEvent, AddrSpec};
use crate::error::NlError;
use crate::link::{self, Link};
use crate::route::{self, RouteEvent, RouteFilter, RouteSpec};
use crate::rule::{self, RuleEvent, RuleSpec};
use crate::wire::{self, Msg};
use netlink_sys::{Socket, SocketAddr, protocols};
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use types::Family;

/// One read's worth of answers; the kernel never sends a larger rtnetlink datagram when the
/// reader offers this much.
const READ_LEN: usize = 64 * 1024;
/// Datagrams handled by one [`NlSocket::recv_events`]; the rest waits for the next wake-up, so
/// that a flood of notifications cannot hold up adverts.
const EVENTS_PER_CALL: usize = 64;
/// Times a dump is taken again when the kernel says that it changed meanwhile.
const DUMP_ATTEMPTS: usize = 8;

/// News from the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A link appeared or changed; what changed is for the caller to compare.
    Link(Link),
    /// A link is gone (deleted, or moved to another network namespace).
    LinkGone(Link),
    /// An address appeared, changed or went.
    Addr(AddrEvent),
    /// Notifications were lost (`ENOBUFS`): what the caller believes may be wrong until it has
    /// taken [`NlSocket::dump_links`] and [`NlSocket::dump_addrs`] anew. Events that follow are
    /// later than the loss.
    Overrun,
}

/// News of routes and rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FibEvent {
    /// A route appeared, changed or went. The kernel says nothing of IPv4 routes that go because
    /// their interface goes down or away.
    Route(RouteEvent),
    /// A rule appeared or went.
    Rule(RuleEvent),
    /// Notifications were lost (`ENOBUFS`): what the caller believes may be wrong until it has
    /// taken [`NlSocket::dump_routes`] and [`NlSocket::dump_rules`] anew.
    Overrun,
}

/// `RTMGRP_*` of IPv6 rules (`RTNLGRP_IPV6_RULE`).
const GROUP_IPV6_RULE: u32 = 1 << 18;

/// A netlink socket; its public methods are those of rtnetlink.
#[derive(Debug)]
pub struct NlSocket {
    sock: Socket,
    read: Vec<u8>,
    write: Vec<u8>,
    seq: u32,
}

impl NlSocket {
    /// Opens a socket for requests and dumps.
    ///
    /// # Errors
    /// Those of socket(2) and bind(2).
    pub fn request() -> io::Result<Self> {
        Self::open(protocols::NETLINK_ROUTE, 0)
    }

    /// Opens a socket that hears of links and of IPv4 and IPv6 addresses, with room for
    /// `rcvbuf` bytes of unread notifications (about 1 KiB each). With NET_ADMIN the room is
    /// granted beyond `net.core.rmem_max`.
    ///
    /// # Errors
    /// Those of socket(2), bind(2) and setsockopt(2).
    pub fn monitor(rcvbuf: usize) -> io::Result<Self> {
        let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
        let socket = Self::open(protocols::NETLINK_ROUTE, groups as u32)?;
        socket.set_rcvbuf(rcvbuf)?;
        Ok(socket)
    }

    /// Opens a socket that hears of IPv4 and IPv6 routes and rules, for
    /// [`NlSocket::recv_fib_events`]. It is apart from [`NlSocket::monitor`] because a routing
    /// daemon's churn must never cost news of links and addresses.
    ///
    /// # Errors
    /// Those of socket(2), bind(2) and setsockopt(2).
    pub fn monitor_fib(rcvbuf: usize) -> io::Result<Self> {
        let routes = libc::RTMGRP_IPV4_ROUTE | libc::RTMGRP_IPV6_ROUTE;
        let groups = (routes | libc::RTMGRP_IPV4_RULE) as u32 | GROUP_IPV6_RULE;
        let socket = Self::open(protocols::NETLINK_ROUTE, groups)?;
        socket.set_rcvbuf(rcvbuf)?;
        Ok(socket)
    }

    /// Opens a socket of another netlink protocol for requests.
    pub(crate) fn open(protocol: isize, groups: u32) -> io::Result<Self> {
        let mut sock = Socket::new(protocol)?;
        sock.set_non_blocking(true)?;
        sock.set_ext_ack(true)?;
        sock.set_cap_ack(true)?;
        sock.set_netlink_get_strict_chk(true)?;
        sock.bind(&SocketAddr::new(0, groups))?;
        Ok(NlSocket { sock, read: Vec::with_capacity(READ_LEN), write: Vec::new(), seq: 0 })
    }

    /// Sets the room for unread messages in bytes, beyond the system's limit where NET_ADMIN
    /// allows it.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn set_rcvbuf(&self, bytes: usize) -> io::Result<()> {
        if setsockopt(self, sockopt::RcvBufForce, &bytes).is_err() {
            setsockopt(self, sockopt::RcvBuf, &bytes)?;
        }
        Ok(())
    }

    /// Sets the room for unread messages in bytes, beyond the system's limit only with `force`.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn set_room(&self, bytes: usize, force: bool) -> io::Result<()> {
        match force {
            true => self.set_rcvbuf(bytes),
            false => Ok(setsockopt(self, sockopt::RcvBuf, &bytes)?),
        }
    }

    /// Makes room to send a datagram of `bytes`, beyond the system's limit where NET_ADMIN allows
    /// it.
    pub(crate) fn set_sndbuf(&self, bytes: usize) -> io::Result<()> {
        if setsockopt(self, sockopt::SndBufForce, &bytes).is_err() {
            setsockopt(self, sockopt::SndBuf, &bytes)?;
        }
        Ok(())
    }

    /// Number by which the kernel names this socket in the news that its requests cause.
    pub(crate) fn port(&self) -> io::Result<u32> {
        let mut address = SocketAddr::new(0, 0);
        self.sock.get_address(&mut address)?;
        Ok(address.port_number())
    }

    /// Reads one datagram from the kernel into the read buffer. `WouldBlock` when there is none.
    pub(crate) fn receive(&mut self) -> io::Result<&[u8]> {
        loop {
            self.read.clear();
            match self.sock.recv_from(&mut self.read, libc::MSG_TRUNC) {
                // Port 0 is the kernel; nobody else has a say here.
                Ok((len, from)) if from.port_number() == 0 => {
                    if len > self.read.len() {
                        return Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            format!("netlink datagram of {len} bytes is cut short"),
                        ));
                    }
                    return Ok(&self.read);
                }
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Sends `bytes`, one or many messages, as one datagram. The kernel has acted on all of them
    /// when this returns.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        loop {
            match self.sock.send(bytes, 0) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(drop),
            }
        }
    }

    /// Hands every waiting notification to `news`, up to a bound that keeps one call short; what
    /// is left makes the socket readable again. Malformed or foreign messages are skipped.
    ///
    /// # Errors
    /// Those of recvfrom(2), save that nothing to read is no error and a loss is
    /// [`Event::Overrun`].
    pub fn recv_events(&mut self, news: impl FnMut(Event)) -> io::Result<()> {
        self.recv_news(event, Event::Overrun, news)
    }

    /// The same for a socket of [`NlSocket::monitor_fib`].
    ///
    /// # Errors
    /// Those of recvfrom(2), save that nothing to read is no error and a loss is
    /// [`FibEvent::Overrun`].
    pub fn recv_fib_events(&mut self, news: impl FnMut(FibEvent)) -> io::Result<()> {
        self.recv_news(fib_event, FibEvent::Overrun, news)
    }

    pub(crate) fn recv_news<T: Clone>(
        &mut self,
        parse: fn(wire::Message<'_>) -> Option<T>,
        overrun: T,
        mut news: impl FnMut(T),
    ) -> io::Result<()> {
        for _ in 0..EVENTS_PER_CALL {
            match self.receive() {
                Ok(datagram) => wire::messages(datagram).filter_map(parse).for_each(&mut news),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => news(overrun.clone()),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Every link of the network namespace.
    ///
    /// # Errors
    /// The kernel's refusal, or that of the system calls.
    pub fn dump_links(&mut self) -> Result<Vec<Link>, NlError> {
        self.dump(link::GET, link::encode_dump, |kind, payload| {
            (kind == link::NEW).then(|| Link::parse(payload)).flatten()
        })
    }

    /// Every IPv4 and IPv6 address of the network namespace.
    ///
    /// # Errors
    /// The kernel's refusal, or that of the system calls.
    pub fn dump_addrs(&mut self) -> Result<Vec<AddrSpec>, NlError> {
        self.dump(addr::GET, addr::encode_dump, |kind, payload| {
            (kind == addr::NEW).then(|| AddrSpec::parse(payload)).flatten()
        })
    }

    /// The IPv4 and IPv6 routes of the network namespace that `filter` lets through, of all
    /// tables if it names none.
    ///
    /// # Errors
    /// The kernel's refusal (`ENOENT` for a table that does not exist), or that of the system
    /// calls.
    pub fn dump_routes(&mut self, filter: RouteFilter) -> Result<Vec<RouteSpec>, NlError> {
        let encode = |msg: &mut Msg<'_>| route::encode_dump(filter, msg);
        self.dump(route::GET, encode, |kind, payload| {
            (kind == route::NEW).then(|| RouteSpec::parse(payload)).flatten()
        })
    }

    /// The rules of one family or, without one, of both.
    ///
    /// # Errors
    /// The kernel's refusal, or that of the system calls.
    pub fn dump_rules(&mut self, family: Option<Family>) -> Result<Vec<RuleSpec>, NlError> {
        let encode = |msg: &mut Msg<'_>| rule::encode_dump(family, msg);
        self.dump(rule::GET, encode, |kind, payload| {
            (kind == rule::NEW).then(|| RuleSpec::parse(payload)).flatten()
        })
    }

    /// Sends one request and waits for the kernel's answer, which for rtnetlink is ready when
    /// the request has been sent.
    ///
    /// # Errors
    /// The kernel's refusal, or that of the system calls.
    pub fn execute(
        &mut self,
        kind: u16,
        flags: u16,
        body: impl FnOnce(&mut Msg<'_>),
    ) -> Result<(), NlError> {
        let seq = self.start(kind, flags | wire::F_ACK, body)?;
        loop {
            let datagram = self.receive()?;
            for message in wire::messages(datagram).filter(|m| m.seq == seq) {
                if message.kind != wire::ERROR {
                    continue;
                }
                return match message.errno() {
                    Some(0) => Ok(()),
                    errno => Err(NlError {
                        errno: errno.unwrap_or(libc::EIO),
                        message: message.error_text(),
                    }),
                };
            }
        }
    }

    fn start(&mut self, kind: u16, flags: u16, body: impl FnOnce(&mut Msg<'_>)) -> io::Result<u32> {
        self.seq = self.seq.wrapping_add(1);
        let mut write = core::mem::take(&mut self.write);
        write.clear();
        let mut msg = Msg::begin(&mut write, kind, flags | wire::F_REQUEST, self.seq);
        body(&mut msg);
        msg.finish();
        let sent = self.send(&write);
        self.write = write;
        sent.map(|()| self.seq)
    }

    /// Sends one question and returns the messages that come before its acknowledgement.
    pub(crate) fn ask<T>(
        &mut self,
        kind: u16,
        body: impl FnOnce(&mut Msg<'_>),
        parse: impl Fn(u16, &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, NlError> {
        let seq = self.start(kind, wire::F_ACK, body)?;
        let mut answers = Vec::new();
        self.collect(seq, parse, &mut answers)?;
        Ok(answers)
    }

    pub(crate) fn dump<T>(
        &mut self,
        kind: u16,
        body: impl Fn(&mut Msg<'_>),
        parse: impl Fn(u16, &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, NlError> {
        for _ in 0..DUMP_ATTEMPTS {
            let seq = self.start(kind, wire::F_DUMP, &body)?;
            let mut items = Vec::new();
            if self.collect(seq, &parse, &mut items)? {
                return Ok(items);
            }
        }
        Err(NlError {
            errno: libc::EINTR,
            message: Some(format!("the dump changed {DUMP_ATTEMPTS} times while it was taken")),
        })
    }

    /// Reads one dump to its end; `false` when it was not consistent.
    fn collect<T>(
        &mut self,
        seq: u32,
        parse: impl Fn(u16, &[u8]) -> Option<T>,
        items: &mut Vec<T>,
    ) -> Result<bool, NlError> {
        let mut consistent = true;
        while !self.collect_some(seq, &parse, items, &mut consistent)? {}
        Ok(consistent)
    }

    /// Reads one datagram of a dump; whether that was its end.
    fn collect_some<T>(
        &mut self,
        seq: u32,
        parse: impl Fn(u16, &[u8]) -> Option<T>,
        items: &mut Vec<T>,
        consistent: &mut bool,
    ) -> Result<bool, NlError> {
        let datagram = self.receive()?;
        for message in wire::messages(datagram).filter(|m| m.seq == seq) {
            *consistent &= message.flags & wire::F_DUMP_INTR == 0;
            match message.kind {
                wire::DONE | wire::ERROR => {
                    return match message.errno() {
                        Some(0) => Ok(true),
                        errno => Err(NlError {
                            errno: errno.unwrap_or(libc::EIO),
                            message: message.error_text(),
                        }),
                    };
                }
                kind => items.extend(parse(kind, message.payload)),
            }
        }
        Ok(false)
    }
}

/// A dump of all addresses that is read datagram by datagram: the kernel makes the next one when
/// the one before was read, so that each takes it a bounded time.
#[derive(Debug)]
pub struct AddrDump {
    sock: NlSocket,
    seq: u32,
    consistent: bool,
}

impl AddrDump {
    /// Asks for every IPv4 and IPv6 address of the network namespace.
    ///
    /// # Errors
    /// Those of socket(2), bind(2) and sendmsg(2).
    pub fn begin() -> Result<Self, NlError> {
        let mut sock = NlSocket::request()?;
        let seq = sock.start(addr::GET, wire::F_DUMP, addr::encode_dump)?;
        Ok(AddrDump { sock, seq, consistent: true })
    }

    /// Reads a datagram, some hundreds of addresses. At the end, whether all of them were there at
    /// the same time.
    ///
    /// # Errors
    /// The kernel's refusal, or that of the system calls.
    pub fn read(&mut self, addrs: &mut Vec<AddrSpec>) -> Result<Option<bool>, NlError> {
        let parse =
            |kind, payload: &[u8]| (kind == addr::NEW).then(|| AddrSpec::parse(payload)).flatten();
        let end = self.sock.collect_some(self.seq, parse, addrs, &mut self.consistent)?;
        Ok(end.then_some(self.consistent))
    }
}

fn event(message: wire::Message<'_>) -> Option<Event> {
    match message.kind {
        link::NEW => Link::parse(message.payload).map(Event::Link),
        link::DEL => Link::parse(message.payload).map(Event::LinkGone),
        addr::NEW | addr::DEL => AddrSpec::parse(message.payload)
            .map(|spec| Event::Addr(AddrEvent { new: message.kind == addr::NEW, spec })),
        _ => None,
    }
}

fn fib_event(message: wire::Message<'_>) -> Option<FibEvent> {
    match message.kind {
        route::NEW | route::DEL => RouteSpec::parse(message.payload).map(|spec| {
            FibEvent::Route(RouteEvent {
                new: message.kind == route::NEW,
                replaced: message.flags & wire::F_REPLACE != 0,
                spec,
            })
        }),
        rule::NEW | rule::DEL => RuleSpec::parse(message.payload)
            .map(|spec| FibEvent::Rule(RuleEvent { new: message.kind == rule::NEW, spec })),
        _ => None,
    }
}

impl AsFd for NlSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sock.as_fd()
    }
}

impl AsRawFd for NlSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.sock.as_raw_fd()
    }
}
