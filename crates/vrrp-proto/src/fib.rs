//! Routes and rules of one owner: an instance's virtual ones, or the static
//! ones.
//!
//! Owns which of them are asked for, where, and what the kernel said. When
//! they come and go is decided by `transition`, `statics` and `reload`.
//! Routes stand before rules: in this order they are added, in the opposite
//! one they are removed.

use crate::action::{Action, Out, Owner};
use crate::hold::Hold;
use crate::links::Links;
use core::fmt;
use core::net::IpAddr;
use model::net::{Route, Rule, RuleAction};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use types::{IfIndex, Prefix};

/// Entries that are put back at once and told of one by one; an interface that
/// comes back may bring thousands.
const TOLD_EACH: usize = 20;

/// A route or a rule of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FibEntry {
    /// A route.
    Route(Arc<Route>),
    /// A rule.
    Rule(Arc<Rule>),
}

/// What the names in a route stand for at present; of a rule there is nothing
/// to resolve, the kernel takes names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Ways {
    /// Interface of [`Route::hop`].
    pub hop: Option<IfIndex>,
    /// Interfaces of [`Route::nexthops`].
    pub nexthops: Vec<Option<IfIndex>>,
    /// Routing table.
    pub table: u32,
}

/// News of a route or rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FibNews {
    /// Not added: this interface does not exist, or is no VRF.
    DeviceMissing(Arc<str>),
    /// The kernel refused.
    Refused {
        /// To add it, else to remove it.
        adding: bool,
        /// Positive errno.
        errno: i32,
    },
    /// Somebody removed it.
    Lost,
    /// It was gone and is put back.
    Restored,
}

/// What the kernel says of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FibFact {
    /// It was added.
    Added,
    /// The request to put it in the place of another route is done. To the kernel both may be the
    /// same one, and it tells of no change.
    Done,
    /// It was removed; a route named its interface.
    Removed {
        /// The interface that it led to.
        by: Option<IfIndex>,
    },
    /// A request was refused.
    Refused {
        /// To add it, else to remove it.
        adding: bool,
        /// Positive errno.
        errno: i32,
    },
}

impl FibEntry {
    /// Whether it is an error that it is there already.
    pub(crate) fn is_exclusive(&self) -> bool {
        matches!(self, FibEntry::Route(r) if r.insert == model::net::RouteInsert::Add)
    }

    /// Whether nothing is done when somebody removes it.
    pub fn no_track(&self) -> bool {
        match self {
            FibEntry::Route(r) => r.no_track,
            FibEntry::Rule(r) => r.no_track,
        }
    }

    /// Whether it is acted upon when it goes: it is tracked, and does not go
    /// by itself after a time.
    pub(crate) fn is_watched(&self) -> bool {
        let expires = matches!(self, FibEntry::Route(r) if r.expires.is_some());
        !self.no_track() && !expires
    }

    /// The interfaces that must be there before it can be added.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &str> {
        let route = match self {
            FibEntry::Route(r) => Some(r),
            FibEntry::Rule(_) => None,
        };
        route.into_iter().flat_map(|r| {
            let hops = core::iter::once(&r.hop).chain(&r.nexthops);
            hops.filter_map(|h| h.dev.as_deref()).chain(r.vrf.as_deref())
        })
    }

    /// What its names stand for, or the name that stands for nothing.
    fn ways(&self, links: &Links) -> Result<Ways, Arc<str>> {
        let FibEntry::Route(route) = self else { return Ok(Ways::default()) };
        let index = |dev: &Option<String>| -> Result<Option<IfIndex>, Arc<str>> {
            let Some(name) = dev.as_deref() else { return Ok(None) };
            links.named(name).map(|l| Some(l.index)).ok_or_else(|| name.into())
        };
        let table = match route.vrf.as_deref() {
            None => route.table,
            Some(vrf) => {
                links.named(vrf).and_then(|l| l.vrf_table).ok_or_else(|| Arc::from(vrf))?
            }
        };
        Ok(Ways {
            hop: index(&route.hop.dev)?,
            nexthops: route.nexthops.iter().map(|h| index(&h.dev)).collect::<Result<_, _>>()?,
            table,
        })
    }
}

/// `route 198.51.100.0/24 dev eth0`, `rule from 192.0.2.0/24 priority 1000`:
/// enough to find it in the configuration.
impl fmt::Display for FibEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FibEntry::Route(r) => {
                match r.dst {
                    Some(dst) => write!(f, "route {dst}")?,
                    None => write!(f, "route default")?,
                }
                if let Some(via) = r.hop.via {
                    write!(f, " via {via}")?;
                }
                if let Some(dev) = &r.hop.dev {
                    write!(f, " dev {dev}")?;
                }
                match &r.vrf {
                    Some(vrf) => write!(f, " vrf {vrf}"),
                    None if r.table != 254 => write!(f, " table {}", r.table),
                    None => Ok(()),
                }
            }
            FibEntry::Rule(r) => {
                write!(f, "rule from {}", OrAll(r.from))?;
                if let Some(to) = r.to {
                    write!(f, " to {to}")?;
                }
                write!(f, " priority {}", r.priority)?;
                match r.action {
                    RuleAction::Table(table) => write!(f, " lookup {table}"),
                    _ => Ok(()),
                }
            }
        }
    }
}

struct OrAll(Option<Prefix>);

impl fmt::Display for OrAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(prefix) => prefix.fmt(f),
            None => f.write_str("all"),
        }
    }
}

/// An entry and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub entry: FibEntry,
    pub hold: Hold<Arc<Ways>>,
    /// The error of the last request to add it.
    refused: Option<i32>,
    /// It went, and is not watched: it stays away.
    given_up: bool,
    /// The kernel's list lacks it as it should be; some of it may be there.
    damaged: bool,
}

impl Held {
    fn new(entry: FibEntry) -> Self {
        Held { entry, hold: Hold::default(), refused: None, given_up: false, damaged: false }
    }

    /// Whether the kernel can hold it: every interface that it leads to is set up, with a carrier
    /// or without one, and its source address is there.
    fn is_possible(&self, links: &Links, by: Option<IfIndex>) -> bool {
        if let FibEntry::Route(r) = &self.entry
            && r.src.is_some_and(|src| !links.has_address(src))
        {
            return false;
        }
        self.hops().chain(by).all(|n| links.get(n).is_some_and(|l| l.set_up))
    }

    /// The interfaces that it leads to, where it was last asked for.
    fn hops(&self) -> impl Iterator<Item = IfIndex> {
        let ways = self.hold.asked.as_deref().into_iter();
        ways.flat_map(|w| w.nexthops.iter().copied().chain([w.hop])).flatten()
    }
}

/// All routes and rules of one owner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fib {
    held: Vec<Held>,
    index: HashMap<FibEntry, usize>,
    /// One of them may be missing: it went, or was refused.
    lacking: bool,
}

/// What an entry needs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    /// It has not been asked for.
    Asking,
    /// It was in place, or should have been.
    Restoring,
}

impl Fib {
    /// Those of a configuration, none of them in place. Of equal ones, which
    /// the kernel could not tell apart, there is one.
    pub fn new(routes: &[Route], rules: &[Rule]) -> Self {
        let routes = routes.iter().map(|r| FibEntry::Route(Arc::new(r.clone())));
        let rules = rules.iter().map(|r| FibEntry::Rule(Arc::new(r.clone())));
        let mut fib = Fib::default();
        for entry in routes.chain(rules) {
            let n = fib.held.len();
            if !fib.index.contains_key(&entry) {
                fib.index.insert(entry.clone(), n);
                fib.held.push(Held::new(entry));
            }
        }
        fib
    }

    /// Takes over what a former configuration has in place; what is wanted no
    /// longer is removed.
    pub fn continue_from(&mut self, mut old: Fib, owner: Owner, out: &mut Out) {
        for n in (0..old.held.len()).rev() {
            let gone = old.held.get(n).is_some_and(|h| !self.index.contains_key(&h.entry));
            if gone {
                old.remove(n, owner, out);
            }
        }
        for held in old.held {
            if let Some(place) = self.index.get(&held.entry).and_then(|n| self.held.get_mut(*n)) {
                *place = held;
            }
        }
    }

    /// Whether the kernel holds this one.
    pub fn is_confirmed(&self, entry: &FibEntry) -> bool {
        let held = self.index.get(entry).and_then(|n| self.held.get(*n));
        held.is_some_and(|h| h.hold.confirmed)
    }

    /// All of them.
    pub fn entries(&self) -> impl Iterator<Item = &FibEntry> {
        self.held.iter().map(|h| &h.entry)
    }

    /// Those whose interfaces are there, and what these are.
    pub fn placed(&self, links: &Links) -> impl Iterator<Item = (&FibEntry, Ways)> {
        self.entries().filter_map(|entry| Some((entry, entry.ways(links).ok()?)))
    }

    /// Interfaces that any of them needs.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        self.held.iter().flat_map(|h| h.entry.devices())
    }

    /// Whether the entry is one of these.
    pub fn knows(&self, entry: &FibEntry) -> bool {
        self.index.contains_key(entry)
    }

    /// The places of rules (else of routes) that are not wanted yet, in order.
    pub fn unset(&self, rules: bool) -> Vec<usize> {
        let is = |n: &usize| self.held.get(*n).is_some_and(|h| h.hold.on.is_none());
        self.places(rules).into_iter().filter(is).collect()
    }

    /// The places of rules (else of routes), in order.
    pub fn places(&self, rules: bool) -> Vec<usize> {
        let is = |h: &Held| matches!(h.entry, FibEntry::Rule(_)) == rules;
        self.held.iter().enumerate().filter(|(_, h)| is(h)).map(|(n, _)| n).collect()
    }

    /// Asks for an entry.
    pub fn add(
        &mut self,
        n: usize,
        owner: Owner,
        links: &Links,
        out: &mut Out,
    ) -> Option<(FibEntry, FibNews)> {
        let held = self.held.get_mut(n)?;
        held.given_up = false;
        match held.entry.ways(links) {
            Ok(ways) => {
                let (entry, ways) = (held.entry.clone(), Arc::new(ways));
                if core::mem::take(&mut held.damaged) {
                    // The kernel adds no hop to what is left of a route.
                    let (entry, ways) = (entry.clone(), ways.clone());
                    out.actions.push(Action::DelFib { owner, entry, ways, best_effort: true });
                }
                held.hold.ask(ways.clone());
                out.actions.push(Action::AddFib { owner, entry, ways, instead: None });
                None
            }
            Err(dev) => Some((held.entry.clone(), FibNews::DeviceMissing(dev))),
        }
    }

    /// Asks anew for the routes in place that have `src` as their source.
    pub fn renew(&mut self, src: IpAddr, owner: Owner, links: &Links, out: &mut Out) {
        let has = |h: &Held| match &h.entry {
            FibEntry::Route(r) => r.src == Some(src) && h.hold.on.is_some(),
            FibEntry::Rule(_) => false,
        };
        let found = self.held.iter().enumerate().filter(|(_, h)| has(h)).map(|(n, _)| n);
        for n in found.collect::<Vec<_>>() {
            self.add(n, owner, links, out);
        }
    }

    /// Removes an entry that is wanted.
    pub fn remove(&mut self, n: usize, owner: Owner, out: &mut Out) {
        let Some(held) = self.held.get_mut(n) else { return };
        held.damaged = false;
        // What the kernel refused is not there, unless it is asked once more.
        let answered = held.hold.owed == 0 && !held.hold.confirmed;
        let refused = held.refused.take().is_some() && answered;
        let best_effort = !held.hold.confirmed;
        if let Some(ways) = held.hold.release().filter(|_| !refused) {
            let entry = held.entry.clone();
            out.actions.push(Action::DelFib { owner, entry, ways, best_effort });
        }
    }

    /// Removes all that are wanted.
    pub fn remove_all(&mut self, owner: Owner, out: &mut Out) {
        for n in (0..self.held.len()).rev() {
            self.remove(n, owner, out);
        }
    }

    /// What is not wanted yet and cannot be placed, for want of an interface.
    pub fn unplaced(&self, links: &Links) -> Vec<(FibEntry, FibNews)> {
        let missing = |h: &Held| {
            let dev = h.entry.ways(links).err()?;
            Some((h.entry.clone(), FibNews::DeviceMissing(dev)))
        };
        self.held.iter().filter(|h| h.hold.on.is_none()).filter_map(missing).collect()
    }

    /// Asks for the removal of what a former run may have left of an entry.
    pub fn remove_leftover(&self, n: usize, owner: Owner, links: &Links, out: &mut Out) {
        let Some(held) = self.held.get(n) else { return };
        if let Ok(ways) = held.entry.ways(links) {
            let (entry, ways) = (held.entry.clone(), Arc::new(ways));
            out.actions.push(Action::DelFib { owner, entry, ways, best_effort: true });
        }
    }

    /// Whether one of them may be missing.
    pub fn is_lacking(&self) -> bool {
        self.lacking
    }

    /// Whether any entry is wanted.
    pub fn is_set(&self) -> bool {
        self.held.iter().any(|h| h.hold.on.is_some())
    }

    /// Puts in place what is wanted and is not: after interfaces changed, or
    /// after entries are new. `told` hears of the first ones that were missing;
    /// how many more there are is the result.
    pub fn repair(
        &mut self,
        owner: Owner,
        links: &Links,
        out: &mut Out,
        mut told: impl FnMut(&mut Out, FibEntry),
    ) -> usize {
        let mut restored = 0usize;
        self.lacking = false;
        for n in 0..self.held.len() {
            let need = self.need(n, links);
            if need == Need::Nothing {
                continue;
            }
            if need == Need::Restoring
                && let Some(held) = self.held.get(n)
                && held.refused.is_none()
            {
                restored += 1;
                if restored <= TOLD_EACH {
                    told(out, held.entry.clone());
                }
            }
            self.add(n, owner, links, out);
        }
        restored.saturating_sub(TOLD_EACH)
    }

    fn need(&mut self, n: usize, links: &Links) -> Need {
        let Some(held) = self.held.get_mut(n).filter(|h| !h.given_up) else {
            return Need::Nothing;
        };
        let Ok(ways) = held.entry.ways(links) else {
            // It went with its interface.
            held.hold.release();
            return Need::Nothing;
        };
        match &held.hold.on {
            Some(on) if **on == ways => {
                let missing = held.hold.owed == 0 && !held.hold.confirmed;
                let possible = held.is_possible(links, None);
                self.lacking |= missing && !possible;
                if missing && possible { Need::Restoring } else { Need::Nothing }
            }
            _ => Need::Asking,
        }
    }

    /// Takes in what the kernel says. The news is to be told; whether
    /// somebody else removed what is tracked comes with it.
    pub fn hear(&mut self, entry: &FibEntry, fact: FibFact, links: &Links) -> Option<Heard> {
        const ENOENT: i32 = 2;
        const ESRCH: i32 = 3;
        const EEXIST: i32 = 17;
        let held = self.index.get(entry).and_then(|n| self.held.get_mut(*n))?;
        self.lacking |= !matches!(fact, FibFact::Added | FibFact::Done);
        match fact {
            // What it told before that counts more.
            FibFact::Done if held.hold.owed == 0 => None,
            FibFact::Added | FibFact::Done => {
                held.hold.answered(true);
                held.refused = None;
                None
            }
            FibFact::Removed { by } => {
                if !held.hold.removed() {
                    return None;
                }
                if !entry.is_watched() {
                    held.given_up = true;
                    return None;
                }
                // What goes with its interface or address is nobody's doing.
                held.is_possible(links, by).then_some(Heard::Lost)
            }
            FibFact::Refused { adding: true, errno } => {
                let there = errno == EEXIST && !entry.is_exclusive();
                held.hold.answered(there);
                if there || held.refused.replace(errno) == Some(errno) {
                    return None;
                }
                Some(Heard::Tell(FibNews::Refused { adding: true, errno }))
            }
            FibFact::Refused { adding: false, errno: ENOENT | ESRCH } => None,
            FibFact::Refused { adding: false, errno } => {
                Some(Heard::Tell(FibNews::Refused { adding: false, errno }))
            }
        }
    }

    /// An interface was set down: what leads to it alone is gone, and nobody took it.
    pub fn link_down(&mut self, index: IfIndex) {
        for held in self.held.iter_mut().filter(|h| h.entry.is_watched() && h.hold.confirmed) {
            if held.hops().eq([index]) {
                held.hold.confirmed = false;
                self.lacking = true;
            }
        }
    }

    /// What the kernel holds of these, complete. Those of the tracked ones
    /// that are missing went in silence.
    pub fn hear_all(&mut self, there: &HashSet<&FibEntry>) {
        for held in self.held.iter_mut().filter(|h| h.entry.is_watched() && h.hold.on.is_some()) {
            held.hold.owed = 0;
            held.hold.confirmed = there.contains(&held.entry);
            held.damaged = !held.hold.confirmed;
            self.lacking |= held.damaged;
        }
    }
}

/// `add`: somebody's route of the same place keeps it away.
/// What a fact of the kernel leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// To be told.
    Tell(FibNews),
    /// Somebody removed an entry that is tracked.
    Lost,
}
