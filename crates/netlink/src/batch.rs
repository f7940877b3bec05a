//! Many requests per system call, their answers counted.
//!
//! The kernel acts on every message of a datagram before sendmsg(2) returns, reports each failure
//! under the failed request's sequence number whether or not an acknowledgement was asked for,
//! and goes on with the next message. So only the last message of a datagram asks for an
//! acknowledgement: once it is there, everything before it has been answered.
//!
//! Nothing here waits. The caller pushes requests, sends a slice of them with
//! [`Batch::flush_some`] when no advert is due, collects answers with [`Batch::poll`], and lets
//! [`Pace`] find how many requests fit between two deadlines.

use crate::addr::{self, AddrSpec};
use crate::error::NlError;
use crate::link::{self, LinkChange, LinkRef, NewLink};
use crate::route::{self, RouteSpec};
use crate::rule::{self, RuleSpec};
use crate::socket::NlSocket;
use crate::wire::{self, Msg};
use core::time::Duration;
use nix::libc;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// Most bytes of one datagram; below the default send buffer.
const DATAGRAM_MAX: usize = 64 * 1024;
/// Most requests of one datagram, so that an error for each fits the receive buffer.
const REQUESTS_MAX: usize = 1024;
/// Room for answers: an error takes about 1 KiB of it.
const RCVBUF: usize = 4 * 1024 * 1024;
/// Sent bytes kept at the front of the queue before it is moved up.
const COMPACT_AT: usize = 256 * 1024;

/// A request's place in the order of all requests of one [`Batch`], from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// What became of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The kernel refused one request.
    Failed {
        /// Which.
        seq: Seq,
        /// Why.
        error: NlError,
    },
    /// Every request up to and including this one has been acted on; those that failed were
    /// reported before.
    Done {
        /// The last of them.
        through: Seq,
    },
    /// Answers were lost (`ENOBUFS`): requests up to and including this one have been acted on,
    /// but which of them failed is unknown until a dump tells.
    Lost {
        /// The last of them.
        through: Seq,
    },
}

/// A queue of requests and the socket that they go through.
#[derive(Debug)]
pub struct Batch {
    sock: NlSocket,
    /// Encoded requests; those before `sent` are the kernel's already.
    queue: Vec<u8>,
    sent: usize,
    pushed: u64,
    flushed: u64,
    answered: u64,
    /// Last request of each datagram that has not been acknowledged.
    waiting: VecDeque<u64>,
}

impl Batch {
    /// Opens a batch with a socket of its own.
    ///
    /// # Errors
    /// Those of socket(2), bind(2) and setsockopt(2).
    pub fn open() -> io::Result<Self> {
        Self::over(NlSocket::request()?)
    }

    /// The same over a socket of any netlink protocol.
    pub(crate) fn over(sock: NlSocket) -> io::Result<Self> {
        sock.set_rcvbuf(RCVBUF)?;
        Ok(Batch {
            sock,
            queue: Vec::new(),
            sent: 0,
            pushed: 0,
            flushed: 0,
            answered: 0,
            waiting: VecDeque::new(),
        })
    }

    /// Sets the room for unread answers in bytes, about 1 KiB each.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn set_rcvbuf(&self, bytes: usize) -> io::Result<()> {
        self.sock.set_rcvbuf(bytes)
    }

    /// See [`NlSocket::set_room`].
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn set_room(&self, bytes: usize, force: bool) -> io::Result<()> {
        self.sock.set_room(bytes, force)
    }

    /// Queues a request whose body `body` appends. Nothing is sent yet.
    pub fn push(&mut self, kind: u16, flags: u16, body: impl FnOnce(&mut Msg<'_>)) -> Seq {
        if self.sent == self.queue.len() {
            self.queue.clear();
            self.sent = 0;
        } else if self.sent >= COMPACT_AT {
            self.queue.drain(..self.sent);
            self.sent = 0;
        }
        self.pushed += 1;
        // On the wire sequence numbers have 32 bits; they are told apart by nearness.
        let mut msg =
            Msg::begin(&mut self.queue, kind, flags | wire::F_REQUEST, self.pushed as u32);
        body(&mut msg);
        msg.finish();
        Seq(self.pushed)
    }

    /// Queues the setting of an address; one that is there already is updated.
    pub fn add_addr(&mut self, spec: &AddrSpec) -> Seq {
        self.push(addr::NEW, wire::F_CREATE | wire::F_REPLACE, |msg| spec.encode_new(msg))
    }

    /// Queues the setting of an address; one that is there already is an error (`EEXIST`).
    pub fn add_addr_new(&mut self, spec: &AddrSpec) -> Seq {
        self.push(addr::NEW, wire::F_CREATE | wire::F_EXCL, |msg| spec.encode_new(msg))
    }

    /// Queues the removal of an address; one that is not there is an error (`EADDRNOTAVAIL`).
    pub fn del_addr(&mut self, spec: &AddrSpec) -> Seq {
        self.push(addr::DEL, 0, |msg| spec.encode_del(msg))
    }

    /// Queues the setting of a route, among equal ones as its spec says.
    pub fn add_route(&mut self, spec: &RouteSpec) -> Seq {
        self.push(route::NEW, spec.insert.flags(), |msg| spec.encode_new(msg))
    }

    /// Queues the setting of a route in the place of the first one of the same
    /// [`RouteSpec::key`](crate::route::RouteSpec::key), which is gone in the same step.
    pub fn replace_route(&mut self, spec: &RouteSpec) -> Seq {
        self.push(route::NEW, wire::F_CREATE | wire::F_REPLACE, |msg| spec.encode_new(msg))
    }

    /// Queues the removal of a route; one that is not there is an error (`ESRCH`).
    pub fn del_route(&mut self, spec: &RouteSpec) -> Seq {
        self.push(route::DEL, 0, |msg| spec.encode_del(msg))
    }

    /// Queues the setting of a rule; one that is there already is an error (`EEXIST`).
    pub fn add_rule(&mut self, spec: &RuleSpec) -> Seq {
        self.push(rule::NEW, wire::F_CREATE | wire::F_EXCL, |msg| spec.encode(msg))
    }

    /// Queues the removal of a rule; one that is not there is an error (`ENOENT`).
    pub fn del_rule(&mut self, spec: &RuleSpec) -> Seq {
        self.push(rule::DEL, 0, |msg| spec.encode(msg))
    }

    /// Queues the making of a link; one of that name is an error (`EEXIST`).
    pub fn add_link(&mut self, spec: &NewLink) -> Seq {
        self.push(link::NEW, wire::F_CREATE | wire::F_EXCL, |msg| spec.encode(msg))
    }

    /// Queues a change of a link; one that is not there is an error (`ENODEV`).
    pub fn change_link(&mut self, link: LinkRef<'_>, change: &LinkChange) -> Seq {
        self.push(link::NEW, 0, |msg| change.encode(link, msg))
    }

    /// Queues the removal of a link; one that is not there is an error (`ENODEV`).
    pub fn del_link(&mut self, index: u32) -> Seq {
        self.push(link::DEL, 0, |msg| link::encode_del(msg, index))
    }

    /// Requests that have not been sent.
    pub const fn unsent(&self) -> u64 {
        self.pushed - self.flushed
    }

    /// Whether every request has been sent and answered.
    pub const fn is_idle(&self) -> bool {
        self.answered == self.pushed
    }

    /// Frees the room of requests that have been sent.
    pub fn give_back(&mut self) {
        if self.sent == self.queue.len() {
            self.queue.clear();
            self.sent = 0;
            self.queue.shrink_to(DATAGRAM_MAX);
        }
    }

    /// Forgets what has not been sent, and the answers to what has.
    pub fn forget(&mut self) {
        self.queue.clear();
        self.sent = 0;
        self.flushed = self.pushed;
        self.answered = self.pushed;
        self.waiting.clear();
        self.drain();
    }

    /// Sends up to `max` queued requests in one datagram and returns how many. The kernel has
    /// acted on them when this returns; [`Batch::poll`] tells with what result.
    ///
    /// # Errors
    /// Those of sendto(2); nothing has been sent then, and the requests stay queued.
    pub fn flush_some(&mut self, max: usize) -> io::Result<usize> {
        let (mut end, mut last, mut count) = (self.sent, self.sent, 0);
        while count < max.min(REQUESTS_MAX) {
            let Some(len) = wire::u32_at(&self.queue, end) else { break };
            let len = len as usize;
            if count > 0 && end + len - self.sent > DATAGRAM_MAX {
                break;
            }
            last = end;
            end += len;
            count += 1;
        }
        if count == 0 {
            return Ok(0);
        }
        self.ask_ack(last);
        self.sock.send(self.queue.get(self.sent..end).unwrap_or_default())?;
        self.sent = end;
        self.flushed += count as u64;
        self.waiting.push_back(self.flushed);
        Ok(count)
    }

    /// Sets `NLM_F_ACK` in the header of the message at `at`.
    fn ask_ack(&mut self, at: usize) {
        if let Some(flags) = wire::u16_at(&self.queue, at + 6)
            && let Some(slot) = self.queue.get_mut(at + 6..at + 8)
        {
            slot.copy_from_slice(&(flags | wire::F_ACK).to_ne_bytes());
        }
    }

    /// Collects the answers that have arrived; returns at once when there are none.
    ///
    /// # Errors
    /// Those of recvfrom(2), save that nothing to read is no error and a loss is
    /// [`Outcome::Lost`].
    pub fn poll(&mut self, mut outcome: impl FnMut(Outcome)) -> io::Result<()> {
        while !self.waiting.is_empty() {
            let flushed = self.flushed;
            match self.sock.receive() {
                Ok(datagram) => {
                    let mut reached = 0;
                    for message in wire::messages(datagram).filter(|m| m.kind == wire::ERROR) {
                        let seq = widen(message.seq, flushed);
                        reached = seq;
                        let errno = message.errno().unwrap_or(libc::EIO);
                        if errno != 0 {
                            let error = NlError { errno, message: message.error_text() };
                            outcome(Outcome::Failed { seq: Seq(seq), error });
                        }
                    }
                    self.acknowledged(reached, &mut outcome);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.drain();
                    self.waiting.clear();
                    self.answered = flushed;
                    outcome(Outcome::Lost { through: Seq(flushed) });
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Notes that everything up to `seq` has been answered, if `seq` ends a datagram.
    fn acknowledged(&mut self, seq: u64, outcome: &mut impl FnMut(Outcome)) {
        let mut ended = None;
        while self.waiting.front().is_some_and(|last| *last <= seq) {
            ended = self.waiting.pop_front();
        }
        if let Some(last) = ended {
            self.answered = last;
            outcome(Outcome::Done { through: Seq(last) });
        }
    }

    /// Throws away answers that are left after a loss.
    fn drain(&mut self) {
        while self.sock.receive().is_ok() {}
    }

    /// Sends everything and collects every answer: for start-up and shutdown, where nothing else
    /// is due. Returns the requests that failed; an [`Outcome::Lost`] shows as `ENOBUFS`.
    ///
    /// # Errors
    /// Those of sendto(2) and recvfrom(2).
    pub fn run(&mut self) -> io::Result<Vec<(Seq, NlError)>> {
        let mut failed = Vec::new();
        while !self.is_idle() {
            self.flush_some(REQUESTS_MAX)?;
            self.poll(|outcome| match outcome {
                Outcome::Failed { seq, error } => failed.push((seq, error)),
                Outcome::Lost { through } => {
                    failed.push((through, NlError::from_errno(libc::ENOBUFS)));
                }
                Outcome::Done { .. } => {}
            })?;
        }
        Ok(failed)
    }
}

/// The 64-bit sequence number nearest below or at `latest` that ends in the 32 bits `seq`.
const fn widen(seq: u32, latest: u64) -> u64 {
    latest.saturating_sub((latest as u32).wrapping_sub(seq) as u64)
}

impl AsFd for Batch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sock.as_fd()
    }
}

impl AsRawFd for Batch {
    fn as_raw_fd(&self) -> RawFd {
        self.sock.as_raw_fd()
    }
}

/// How many requests fit a slice of time, learned from the slices before.
///
/// The kernel's cost of an address grows with the addresses that the interface has, so no fixed
/// number will do.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    target: Duration,
    count: usize,
}

impl Pace {
    /// Slices that take about `target`.
    pub const fn new(target: Duration) -> Self {
        Pace { target, count: 16 }
    }

    /// How many requests to send next.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Learns that `sent` requests took `took`. Grows at most twofold a step and shrinks at once.
    pub fn learn(&mut self, sent: usize, took: Duration) {
        if sent == 0 {
            return;
        }
        let each = (took.as_nanos() / sent as u128).max(1);
        let fits = usize::try_from(self.target.as_nanos() / each).unwrap_or(REQUESTS_MAX);
        self.count = fits.min(self.count.saturating_mul(2)).clamp(1, REQUESTS_MAX);
    }
}
