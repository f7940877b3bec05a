//! What the kernel does with our routes and rules, as facts for the machine.
//!
//! Owns the socket that hears of them, opened with the first one, and the
//! table that tells ours from everybody's. The kernel is silent about IPv4
//! routes that go with their interface or source address: after news that may
//! have cost routes, and after news that was lost, the whole list is taken,
//! once nothing of ours is under way.

use crate::routes::Spec;
use core::net::IpAddr;
use core::time::Duration;
use netlink::error::NlError;
use netlink::route::{RouteFilter, RouteKey, RouteSpec};
use netlink::rule::RuleSpec;
use netlink::socket::{FibEvent, NlSocket};
use rt::poll::Loop;
use rt::{Interest, Token};
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::AsFd;
use types::{Family, IfIndex, Mono};
use vrrp_proto::{FibEntry, FibFact, Input, Node, Out, Owner};

/// Room for unread news: several take-overs of 10,000 routes.
const RCVBUF: usize = 16 * 1024 * 1024;

/// Least time from one reading of the whole list to the next: with the full tables of a router
/// each takes the kernel a while.
const EVERY: Duration = Duration::from_secs(1);

/// Something that was asked for.
#[derive(Debug)]
struct Asked<T> {
    owner: Owner,
    entry: FibEntry,
    spec: T,
}

/// The socket and the table.
#[derive(Debug)]
pub struct FibWatch {
    monitor: Option<NlSocket>,
    routes: HashMap<RouteKey, Vec<Asked<RouteSpec>>>,
    rules: HashMap<(Family, u32), Vec<Asked<RuleSpec>>>,
    /// Source addresses of routes, which go with them.
    sources: HashSet<IpAddr>,
    /// What is believed may be wrong.
    doubt: bool,
    /// When the whole list may be read again.
    next: Mono,
}

impl Default for FibWatch {
    fn default() -> Self {
        FibWatch {
            monitor: None,
            routes: HashMap::new(),
            rules: HashMap::new(),
            sources: HashSet::new(),
            doubt: false,
            next: Mono::ZERO,
        }
    }
}

impl FibWatch {
    /// Notes what the kernel is about to be asked for.
    pub fn asked(&mut self, owner: Owner, entry: &FibEntry, spec: &Spec, poll: &Loop, at: Token) {
        if self.monitor.is_none() {
            match open(poll, at) {
                Ok(monitor) => self.monitor = Some(monitor),
                Err(e) => log::error!("routes and rules are not watched: {e}"),
            }
        }
        let entry = entry.clone();
        match spec {
            Spec::Route(spec) => {
                self.sources.extend(spec.src);
                let asked = Asked { owner, entry, spec: spec.clone() };
                note(self.routes.entry(spec.key()).or_default(), asked);
            }
            Spec::Rule(spec) => {
                let asked = Asked { owner, entry, spec: spec.clone() };
                note(self.rules.entry((spec.family, spec.priority)).or_default(), asked);
            }
        }
    }

    /// Forgets what the configuration has no longer.
    pub fn prune(&mut self, node: &Node) {
        self.routes.retain(|_, all| {
            all.retain(|a| node.knows_fib(a.owner, &a.entry));
            !all.is_empty()
        });
        self.rules.retain(|_, all| {
            all.retain(|a| node.knows_fib(a.owner, &a.entry));
            !all.is_empty()
        });
    }

    /// An interface went or is down, or lost its last address of IPv4: routes may have gone with
    /// it.
    pub fn link_lost(&mut self) {
        self.doubt |= !self.routes.is_empty();
    }

    /// An address went: so have the routes that have it as their source.
    pub fn address_lost(&mut self, addr: IpAddr) {
        self.doubt |= self.sources.contains(&addr);
    }

    /// When [`FibWatch::resync`] is due.
    pub fn deadline(&self) -> Option<Mono> {
        self.doubt.then_some(self.next)
    }

    /// Hands the news on that is about ours.
    pub fn read(&mut self, node: &mut Node, now: Mono, out: &mut Out) {
        let Some(monitor) = &mut self.monitor else { return };
        let (routes, rules, doubt) = (&self.routes, &self.rules, &mut self.doubt);
        let read = monitor.recv_fib_events(|event| match event {
            FibEvent::Route(e) => {
                let by = e.spec.hops().find_map(|h| h.ifindex).map(IfIndex);
                for asked in routes.get(&e.spec.key()).into_iter().flatten() {
                    let fact = if e.new { FibFact::Added } else { FibFact::Removed { by } };
                    if asked.spec.is(&e.spec) {
                        let (owner, entry) = (asked.owner, &asked.entry);
                        node.handle(now, Input::Fib { owner, entry, fact }, out);
                    } else if e.replaced || (!e.new && !asked.spec.nexthops.is_empty()) {
                        // Another took its place, or it lost a hop.
                        *doubt = true;
                    }
                }
            }
            FibEvent::Rule(e) => {
                let key = (e.spec.family, e.spec.priority);
                for asked in rules.get(&key).into_iter().flatten().filter(|a| a.spec.is(&e.spec)) {
                    let fact = if e.new { FibFact::Added } else { FibFact::Removed { by: None } };
                    let (owner, entry) = (asked.owner, &asked.entry);
                    node.handle(now, Input::Fib { owner, entry, fact }, out);
                }
            }
            FibEvent::Overrun => *doubt = true,
        });
        if let Err(e) = read {
            log::error!("netlink monitor of routes: {e}");
            self.doubt = true;
        }
    }

    /// Tells the machine of all that the kernel holds of ours. Nothing may be
    /// under way.
    pub fn resync(&mut self, node: &mut Node, now: Mono, out: &mut Out) {
        self.doubt = false;
        self.next = now + EVERY;
        if let Some(monitor) = &mut self.monitor {
            // The list is newer than what waits to be read.
            let mut more = true;
            while core::mem::take(&mut more) {
                if monitor.recv_fib_events(|_| more = true).is_err() {
                    break;
                }
            }
        }
        match self.there() {
            Ok(there) => node.handle(now, Input::Fibs(&there), out),
            Err(e) => log::error!("cannot read routes and rules: {e}"),
        }
    }

    fn there(&self) -> Result<Vec<(Owner, FibEntry)>, NlError> {
        let mut socket = NlSocket::request()?;
        // Those that are tracked have this protocol.
        let protocol = Some(netlink::route::PROTO_KEEPALIVED);
        let mut there = Vec::new();
        for seen in socket.dump_routes(RouteFilter { protocol, ..RouteFilter::default() })? {
            let asked = self.routes.get(&seen.key()).into_iter().flatten();
            let ours = asked.filter(|a| a.spec.is(&seen));
            there.extend(ours.map(|a| (a.owner, a.entry.clone())));
        }
        if !self.rules.is_empty() {
            for seen in socket.dump_rules(None)? {
                let asked = self.rules.get(&(seen.family, seen.priority)).into_iter().flatten();
                let ours = asked.filter(|a| a.spec.is(&seen));
                there.extend(ours.map(|a| (a.owner, a.entry.clone())));
            }
        }
        Ok(there)
    }
}

fn open(poll: &Loop, at: Token) -> io::Result<NlSocket> {
    let monitor = NlSocket::monitor_fib(RCVBUF)?;
    poll.register(monitor.as_fd(), at, Interest::READABLE)?;
    Ok(monitor)
}

/// Puts an entry into its place; one that is asked for anew replaces what was.
fn note<T>(all: &mut Vec<Asked<T>>, asked: Asked<T>) {
    match all.iter_mut().find(|a| a.owner == asked.owner && a.entry == asked.entry) {
        Some(same) => *same = asked,
        None => all.push(asked),
    }
}
