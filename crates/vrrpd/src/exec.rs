//! Carries out what the machine asks of the kernel, in slices.
//!
//! Owns the queues of changes (addresses, routes, rules) and of gratuitous ARPs. Adverts never
//! wait here: [`Exec::slice`] works for about a millisecond and returns, so
//! that the loop can let due adverts go out in between. Never decides.
//!
//! Order: changes in the order asked for. The first packet of an
//! address goes out once the changes queued before it are done; repeats go out
//! when nothing else is left, so the first packet of every address precedes
//! any repeat.

use crate::addrs;
use crate::garp::GarpSender;
use crate::routes::Spec;
use core::fmt;
use core::time::Duration;
use model::global::Buffer;
use model::net::Address;
use netlink::batch::{Batch, Outcome, Pace, Seq};
use nix::libc;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use types::{IfIndex, InstanceId};
use vrrp_proto::{Event, FibEntry, Garp, Owner};

/// Time that one slice of address changes may take; below the shortest
/// advert interval by a factor of ten.
const SLICE: Duration = Duration::from_millis(1);
/// Gratuitous ARPs of one slice.
const GARPS_PER_SLICE: usize = 128;

/// Entries of a queue for which room is kept.
const ROOM_KEPT: usize = 1024;

/// A change that has been handed to the kernel.
#[derive(Debug)]
struct Pending {
    seq: Seq,
    owner: Owner,
    what: Object,
    adding: bool,
    /// A route that it takes the place of.
    instead: Option<Box<(FibEntry, Spec)>>,
}

/// Something that the kernel is asked to hold.
#[derive(Debug, Clone)]
pub enum Object {
    /// An address of an interface.
    Addr(Arc<Address>, IfIndex),
    /// A route or rule.
    Fib(FibEntry),
}

/// A gratuitous ARP that waits for its turn.
#[derive(Debug)]
struct Queued {
    garp: Garp,
    /// Address changes up to this one come first.
    after: Seq,
    /// Dropped when the instance has cancelled since.
    epoch: u32,
}

/// News that is told once the address changes before it are done.
#[derive(Debug)]
struct Deferred {
    event: Event,
    after: Seq,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::Addr(addr, _) => write!(f, "address {}", addr.prefix),
            Object::Fib(entry) => entry.fmt(f),
        }
    }
}

/// What a slice brought.
#[derive(Debug, Default)]
pub struct Results {
    /// Changes that the kernel refused.
    pub failed: Vec<Failed>,
    /// Routes that have taken the place of others.
    pub replaced: Vec<(Owner, FibEntry)>,
    /// News whose time has come.
    pub news: Vec<Event>,
    /// Which changes were refused is not known.
    pub lost: bool,
}

/// A change that the kernel refused.
#[derive(Debug)]
pub struct Failed {
    /// Whose.
    pub owner: Owner,
    /// What.
    pub what: Object,
    /// Whether it was to be added.
    pub adding: bool,
    /// Positive errno.
    pub errno: i32,
}

impl Failed {
    /// Whether there was nothing to remove: it went with its interface, with its subnet's primary
    /// address, or somebody was faster.
    pub fn was_absent(&self) -> bool {
        let absent =
            [libc::EADDRNOTAVAIL, libc::ENODEV, libc::ESRCH, libc::ENOENT].contains(&self.errno);
        absent && !self.adding
    }
}

/// The queues and their sockets.
#[derive(Debug)]
pub struct Exec {
    batch: Batch,
    pace: Pace,
    last: Seq,
    flushed: Seq,
    pending: VecDeque<Pending>,
    first: VecDeque<Queued>,
    repeats: VecDeque<Queued>,
    deferred: VecDeque<Deferred>,
    epochs: HashMap<InstanceId, u32>,
    sender: GarpSender,
}

impl Exec {
    /// Opens its sockets.
    ///
    /// # Errors
    /// When the kernel refuses a netlink or packet socket.
    pub fn open(room: Buffer) -> io::Result<Self> {
        let batch = Batch::open()?;
        if let Some(bytes) = room.bytes {
            batch.set_room(bytes as usize, room.force)?;
        }
        Ok(Exec {
            batch,
            pace: Pace::new(SLICE),
            last: Seq(0),
            flushed: Seq(0),
            pending: VecDeque::new(),
            first: VecDeque::new(),
            repeats: VecDeque::new(),
            deferred: VecDeque::new(),
            epochs: HashMap::new(),
            sender: GarpSender::open()?,
        })
    }

    /// Queues the adding of an address.
    pub fn add(&mut self, owner: Owner, ifindex: IfIndex, addr: Arc<Address>) {
        self.last = self.batch.add_addr(&addrs::spec(&addr, ifindex));
        self.note(owner, Object::Addr(addr, ifindex), true);
    }

    /// Queues the removal of an address; one that is not there is fine.
    pub fn del(&mut self, owner: Owner, ifindex: IfIndex, addr: Arc<Address>) {
        self.last = self.batch.del_addr(&addrs::spec(&addr, ifindex));
        self.note(owner, Object::Addr(addr, ifindex), false);
    }

    /// Queues the adding or the removal of a route or rule.
    pub fn fib(&mut self, owner: Owner, entry: FibEntry, spec: &Spec, adding: bool) {
        self.last = match (spec, adding) {
            (Spec::Route(route), true) => self.batch.add_route(route),
            (Spec::Route(route), false) => self.batch.del_route(route),
            (Spec::Rule(rule), true) => self.batch.add_rule(rule),
            (Spec::Rule(rule), false) => self.batch.del_rule(rule),
        };
        self.note(owner, Object::Fib(entry), adding);
    }

    /// Queues the adding of a route in the place of another, which goes in any case.
    pub fn replace(&mut self, owner: Owner, entry: FibEntry, new: &Spec, old: (FibEntry, Spec)) {
        let Spec::Route(route) = new else { return self.fib(owner, entry, new, true) };
        self.last = self.batch.replace_route(route);
        self.note(owner, Object::Fib(entry), true);
        if let Some(pending) = self.pending.back_mut() {
            pending.instead = Some(Box::new(old));
        }
    }

    fn note(&mut self, owner: Owner, what: Object, adding: bool) {
        self.pending.push_back(Pending { seq: self.last, owner, what, adding, instead: None });
    }

    /// Queues gratuitous ARPs.
    pub fn garp(&mut self, garp: Garp) {
        let epoch = self.epochs.get(&garp.instance).copied().unwrap_or(0);
        self.first.push_back(Queued { garp, after: self.last, epoch });
    }

    /// Drops the queued gratuitous ARPs of an instance.
    pub fn cancel_garps(&mut self, instance: InstanceId) {
        // Stale entries are skipped when their turn comes: a cancel costs the
        // same however long the queue is.
        *self.epochs.entry(instance).or_insert(0) += 1;
    }

    /// Has `event` told once the address changes queued so far are done: a
    /// script that is run for it finds the addresses in place.
    pub fn tell_after(&mut self, event: Event) {
        self.deferred.push_back(Deferred { event, after: self.last });
    }

    /// Whether anything is queued.
    pub fn has_work(&self) -> bool {
        self.batch.unsent() > 0
            || !self.batch.is_idle()
            || !self.deferred.is_empty()
            || !self.first.is_empty()
            || !self.repeats.is_empty()
    }

    /// Frees what the queues have needed for a burst; whether there was any.
    pub fn give_back(&mut self) -> bool {
        let queues = [self.first.capacity(), self.repeats.capacity(), self.pending.capacity()];
        if self.has_work() || queues.iter().all(|room| *room <= ROOM_KEPT) {
            return false;
        }
        self.first.shrink_to(ROOM_KEPT);
        self.repeats.shrink_to(ROOM_KEPT);
        self.pending.shrink_to(ROOM_KEPT);
        self.batch.give_back();
        true
    }

    /// Whether the kernel has acted on every change, and its answers are read.
    pub fn is_idle(&self) -> bool {
        self.batch.is_idle()
    }

    /// Whether the kernel has acted on every change.
    pub fn changes_done(&self) -> bool {
        self.batch.unsent() == 0
    }

    /// Works for about a millisecond. Each gratuitous ARP that was sent goes
    /// to `sent`.
    ///
    /// # Errors
    /// Those of the netlink socket.
    pub fn slice(&mut self, results: &mut Results, sent: impl FnMut(&Garp)) -> io::Result<()> {
        if self.batch.unsent() > 0 {
            let before = rt::clock::now();
            let count = self.batch.flush_some(self.pace.count())?;
            self.pace.learn(count, rt::clock::now().saturating_since(before));
            self.flushed = Seq(self.flushed.0 + count as u64);
        }
        self.collect(results)?;
        while self.deferred.front().is_some_and(|d| d.after <= self.flushed) {
            results.news.extend(self.deferred.pop_front().map(|d| d.event));
        }
        self.announce(sent);
        Ok(())
    }

    fn collect(&mut self, results: &mut Results) -> io::Result<()> {
        let pending = &mut self.pending;
        let mut left = Vec::new();
        self.batch.poll(|outcome| match outcome {
            Outcome::Failed { seq, error } => {
                while pending.front().is_some_and(|p| p.seq < seq) {
                    pending.pop_front();
                }
                let Some(p) = pending.front_mut().filter(|p| p.seq == seq) else { return };
                left.extend(p.instead.take().map(|old| (p.owner, *old)));
                results.failed.push(Failed {
                    owner: p.owner,
                    what: p.what.clone(),
                    adding: p.adding,
                    errno: error.errno,
                });
            }
            Outcome::Done { through } | Outcome::Lost { through } => {
                results.lost |= matches!(outcome, Outcome::Lost { .. });
                while let Some(p) = pending.pop_front_if(|p| p.seq <= through) {
                    if let (Object::Fib(entry), Some(_)) = (p.what, p.instead) {
                        results.replaced.push((p.owner, entry));
                    }
                }
            }
        })?;
        for (owner, (entry, spec)) in left {
            self.fib(owner, entry, &spec, false);
        }
        Ok(())
    }

    fn announce(&mut self, mut sent: impl FnMut(&Garp)) {
        let mut room = GARPS_PER_SLICE;
        while room > 0
            && let Some(mut next) = self.next_garp()
        {
            if self.is_stale(&next) {
                continue;
            }
            room -= 1;
            self.sender.push(&next.garp);
            sent(&next.garp);
            next.garp.count = next.garp.count.saturating_sub(1);
            if next.garp.count > 0 {
                self.repeats.push_back(next);
            }
        }
        self.sender.flush();
    }

    fn next_garp(&mut self) -> Option<Queued> {
        match self.first.front() {
            Some(next) if next.after <= self.flushed => self.first.pop_front(),
            Some(_) => None,
            None if self.batch.unsent() == 0 => self.repeats.pop_front(),
            None => None,
        }
    }

    fn is_stale(&self, queued: &Queued) -> bool {
        self.epochs.get(&queued.garp.instance).is_some_and(|now| *now != queued.epoch)
    }
}
