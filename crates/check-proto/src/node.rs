//! All checkers and pools of a host: what shell, tests and fuzzer drive.
//!
//! One ordered set holds the next deadline of every checker, so that the shell
//! arms one timer. Facts come in by [`Node::handle`], what is to be done goes
//! out in order.

mod checker;
mod reload;
mod status;
mod told;

use crate::action::{Action, CheckerId};
use crate::event::{CheckerChange, Event, Label};
use crate::group;
use crate::health::Spread;
use crate::ipvs::{IpvsOp, ServiceTo, Table};
use crate::marks::{Marked, Marks, marked};
use crate::pool::{Cx, Pool};
use crate::prepared::{Options, Prepared, VsKey};
use crate::probe::{self, Io};
use checker::Checker;
use core::net::IpAddr;
use model::global::FlushOnStop;
use model::lvs::{GroupEntry, VirtualServer, VirtualServerGroup};
use std::collections::{BTreeSet, HashMap};
use told::Watchers;
use types::{Mono, TrackId};

pub use checker::{CheckerStatus, Last, Share};
pub use status::{RsStatus, VsStatus};

/// What a node is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// Time passed.
    Tick,
    /// Something about the socket or script of a checker.
    Probe {
        /// Which checker.
        checker: CheckerId,
        /// The attempt of the last action that the shell carried out for it.
        attempt: u32,
        /// What.
        input: probe::Input<'a>,
    },
    /// An address appeared on some interface, or left it.
    Address {
        /// Which.
        addr: IpAddr,
        /// Appeared.
        present: bool,
    },
    /// A tracked file's number.
    Track {
        /// Which file.
        track: TrackId,
        /// Its number; 0 when there is none.
        value: i64,
    },
    /// A manager gives a real server another weight, until the next reload.
    Weight {
        /// Place of the virtual server.
        vs: usize,
        /// Place of the real server in it.
        rs: usize,
        /// The weight, at most 65535.
        weight: u32,
    },
    /// A BFD session's state.
    Session {
        /// Its name.
        name: &'a str,
        /// Whether it is Up.
        up: bool,
    },
}

/// Largest weight of a real server.
const MAX_WEIGHT: u32 = 65_535;

/// Facts that a configuration starts with.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Numbers of the tracked files, by id; a missing one is 0.
    pub values: Vec<i64>,
    /// Addresses of this host, each as often as it is there.
    pub addresses: Vec<IpAddr>,
}

/// A virtual server at work.
#[derive(Debug)]
struct Vs {
    id: u32,
    key: VsKey,
    /// As configured, without the checkers.
    config: VirtualServer,
    entries: Vec<GroupEntry>,
    pool: Pool,
    /// How many of this host's addresses it listens on.
    present: u32,
    /// Checkers of each server.
    checkers: Vec<Vec<u32>>,
}

impl Vs {
    fn is_suspended(&self) -> bool {
        self.config.ha_suspend && self.present == 0
    }
}

/// All checkers and pools of a host.
#[derive(Debug)]
pub struct Node {
    options: Options,
    groups: Vec<VirtualServerGroup>,
    marks: Option<Marks>,
    pools: Vec<Vs>,
    next_vs: u32,
    table: Table,
    checkers: Vec<Option<Checker>>,
    free: Vec<u32>,
    timers: BTreeSet<(Mono, u32)>,
    attempts: u32,
    spread: Spread,
    addresses: HashMap<IpAddr, u32>,
    sessions: HashMap<Box<str>, bool>,
    /// Who is told of what.
    watchers: Watchers,
    /// Scratch of one probe's actions.
    scratch: Vec<probe::Action>,
}

impl Node {
    /// Runs `prepared` from `now` on; `seed` spreads the first checks and
    /// numbers queries.
    pub fn new(
        now: Mono,
        prepared: Prepared,
        facts: Facts,
        seed: u64,
        out: &mut Vec<Action>,
    ) -> Node {
        let mut addresses = HashMap::new();
        for addr in facts.addresses {
            *addresses.entry(addr).or_insert(0) += 1;
        }
        let mut node = Node {
            options: prepared.options,
            groups: Vec::new(),
            marks: None,
            pools: Vec::new(),
            next_vs: 0,
            table: Table::default(),
            checkers: Vec::new(),
            free: Vec::new(),
            timers: BTreeSet::new(),
            attempts: 0,
            spread: Spread::new(seed),
            addresses,
            sessions: HashMap::new(),
            watchers: Watchers::default(),
            scratch: Vec::new(),
        };
        node.take_over(now, prepared, &facts.values, out);
        node
    }

    /// Replaces the configuration; `values` are the tracked files' numbers
    /// under their new ids. Checkers that ask the same as before keep their
    /// verdicts, their pace and what they are at.
    pub fn reload(&mut self, now: Mono, prepared: Prepared, values: &[i64], out: &mut Vec<Action>) {
        self.take_over(now, prepared, values, out);
    }

    /// When it wants a tick.
    pub fn deadline(&self) -> Option<Mono> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Tells the node what happened at `now`; what is to be done is appended
    /// to `out`.
    pub fn handle(&mut self, now: Mono, input: Input<'_>, out: &mut Vec<Action>) {
        match input {
            Input::Tick => self.tick(now, out),
            Input::Probe { checker, attempt, input } => {
                let current = self.checker(checker.0).is_some_and(|c| c.attempt == attempt);
                if current {
                    self.feed(checker.0, now, input, out);
                }
            }
            Input::Address { addr, present } => self.address(now, addr, present, out),
            Input::Track { track, value } => self.track(track, value, out),
            Input::Weight { vs, rs, weight } => {
                if let Some(at) = self.pools.get_mut(vs)
                    && at.pool.set_weight(rs, weight.min(MAX_WEIGHT))
                {
                    // The next reload finds it changed, and puts it back.
                    if let Some(config) = at.config.real_servers.get_mut(rs) {
                        config.weight = weight.min(MAX_WEIGHT);
                    }
                    self.weigh(vs, rs, out);
                }
            }
            Input::Session { name, up } => self.session(name, up, out),
        }
        // Linear in the number of checkers: for large nodes left to tests.
        if cfg!(debug_assertions) && self.checkers.len() <= 64 {
            self.check_invariants();
        }
    }

    /// What this host wants of the kernel.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The marks that stand for groups (`nftables_ipvs`), to be kept at a
    /// reload.
    pub fn marks(&self) -> Option<&Marks> {
        self.marks.as_ref()
    }

    /// What these marks stand for.
    pub fn marked(&self) -> Vec<Marked> {
        let Some(marks) = &self.marks else { return Vec::new() };
        let services = self.pools.iter().flat_map(|vs| vs.pool.services());
        let used: BTreeSet<u32> = services
            .filter_map(|service| match service.to {
                ServiceTo::Mark(mark) => Some(mark),
                ServiceTo::Addr(..) => None,
            })
            .collect();
        marked(&self.groups, marks, |mark| used.contains(&mark))
    }

    /// Its pools, in configuration order.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.iter().map(|vs| &vs.pool)
    }

    /// The daemon stops: checks end, states are told, IPVS is cleared unless
    /// `keep`.
    pub fn stop(&mut self, keep: bool, out: &mut Vec<Action>) {
        for id in 0..self.checkers.len() {
            self.hang_up(u32::try_from(id).unwrap_or(u32::MAX), out);
        }
        self.timers.clear();
        let flush = self.options.flush_on_stop;
        if flush == FlushOnStop::All && !keep {
            self.table.clear();
            out.push(Action::Ipvs(IpvsOp::Flush));
        }
        for vs in &mut self.pools {
            let cx = &mut Cx { table: &mut self.table, out };
            vs.pool.stop(flush == FlushOnStop::No, cx);
            if !keep {
                for service in vs.pool.services() {
                    self.table.leave(*service, vs.id, out);
                }
            }
        }
    }

    /// Asserts what must hold between any two inputs.
    ///
    /// # Panics
    /// When our own logic is broken.
    pub fn check_invariants(&self) {
        for vs in &self.pools {
            vs.pool.check_invariants(&self.table);
            for (server, ids) in vs.pool.servers().iter().zip(&vs.checkers) {
                let down = ids.iter().filter_map(|id| self.checker(*id));
                let down = down.filter(|c| !c.health.is_up()).count();
                assert_eq!(server.failed_checkers() as usize, down, "{}", server.label);
            }
        }
        let mut timers = self.timers.iter().map(|(at, id)| (*id, *at)).collect::<Vec<_>>();
        timers.sort_unstable();
        let ids = (0..).zip(&self.checkers);
        let armed: Vec<_> =
            ids.filter_map(|(id, c)| c.as_ref().and_then(|c| c.timer).map(|at| (id, at))).collect();
        assert_eq!(timers, armed, "every checker has its one deadline");
    }

    fn checker(&self, id: u32) -> Option<&Checker> {
        self.checkers.get(id as usize)?.as_ref()
    }

    fn checker_mut(&mut self, id: u32) -> Option<&mut Checker> {
        self.checkers.get_mut(id as usize)?.as_mut()
    }

    /// Moves the deadline of checker `id`.
    fn arm(&mut self, id: u32, at: Option<Mono>) {
        let Some(c) = self.checkers.get_mut(id as usize).and_then(Option::as_mut) else { return };
        if c.timer == at {
            return;
        }
        if let Some(old) = c.timer {
            self.timers.remove(&(old, id));
        }
        c.timer = at;
        if let Some(at) = at {
            self.timers.insert((at, id));
        }
    }

    /// Ends what checker `id` is at, and closes its socket.
    fn hang_up(&mut self, id: u32, out: &mut Vec<Action>) {
        let Some(c) = self.checker_mut(id) else { return };
        if c.probe.take().is_some() || c.link.take().is_some() {
            let attempt = c.attempt;
            out.push(Action::Probe { checker: CheckerId(id), attempt, action: Io::Close });
        }
    }

    fn address(&mut self, now: Mono, addr: IpAddr, present: bool, out: &mut Vec<Action>) {
        let count = self.addresses.entry(addr).or_insert(0);
        *count = if present { count.saturating_add(1) } else { count.saturating_sub(1) };
        if *count == 0 {
            self.addresses.remove(&addr);
        }
        for at in 0..self.pools.len() {
            let Some(vs) = self.pools.get_mut(at) else { continue };
            if !vs.config.ha_suspend || !group::listens_on(&vs.config.service, &self.groups, addr) {
                continue;
            }
            let was = vs.is_suspended();
            vs.present =
                if present { vs.present.saturating_add(1) } else { vs.present.saturating_sub(1) };
            let change = match (was, vs.is_suspended()) {
                (true, false) => CheckerChange::Activating,
                (false, true) => CheckerChange::Suspending,
                _ => continue,
            };
            let ids: Vec<u32> = vs.checkers.iter().flatten().copied().collect();
            for id in ids {
                self.suspend(id, change, now, out);
            }
        }
    }

    /// Suspends a checker, or lets it go on.
    fn suspend(&mut self, id: u32, change: CheckerChange, now: Mono, out: &mut Vec<Action>) {
        let Some(c) = self.checker(id) else { return };
        let (rs, vs): (Label, Label) = (c.label.rs.clone(), c.label.vs.clone());
        let (busy, loop_at) = (c.probe.is_some(), now + c.pacing.delay_loop);
        out.push(Action::Event(Event::Checker { change, rs, vs }));
        if change == CheckerChange::Suspending {
            // A check of an address that has left says nothing.
            self.hang_up(id, out);
            if busy {
                self.arm(id, Some(loop_at));
                if let Some(c) = self.checker_mut(id) {
                    c.due = loop_at;
                }
            }
        }
    }

    /// The effective weight of a server: the configured one, or those that its
    /// checkers put in its place, and what they add.
    fn effective(&self, at: usize, rs: usize) -> i64 {
        let Some(vs) = self.pools.get(at) else { return 0 };
        let weight = vs.pool.servers().get(rs).map_or(0, |s| s.configured_weight());
        let ids = vs.checkers.get(rs).into_iter().flatten();
        let shares = ids.filter_map(|id| self.checker(*id)).map(|c| c.share);
        sum(weight, shares)
    }
}

/// `weight` as the shares of checkers make it.
fn sum(weight: u32, shares: impl Iterator<Item = Share>) -> i64 {
    let weight = i64::from(weight);
    shares.fold(weight, |total, share| {
        total.saturating_add(match share {
            Share::None => 0,
            Share::Add(n) => i64::from(n),
            Share::Replace(n) => i64::from(n) - weight,
        })
    })
}

#[cfg(test)]
mod tests;
