//! `static_ipaddress`: addresses that are there while the daemon runs.
//!
//! Owns when they are added, restored and removed. They follow no instance.

use crate::action::{Action, Out, Owner};
use crate::event::Event;
use crate::fib::{Fib, FibEntry, FibFact, FibNews, Heard};
use crate::input::AddrFact;
use crate::instance::Vip;
use crate::node::{At, Node};
use crate::same::{Identity, identity, is_alike};
use core::net::IpAddr;
use model::vrrp::Vrrp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use types::{IfIndex, Prefix};

/// Where static addresses go that name no interface, unless
/// `default_interface` says otherwise.
const DEFAULT_INTERFACE: &str = "eth0";

/// A static address.
#[derive(Debug, Clone)]
pub(crate) struct Static {
    pub vip: Vip,
    pub dev: Arc<str>,
    /// The kernel has not answered the last request to add it.
    pub awaited: bool,
}

/// What makes two static addresses the same.
type Key<'a> = (Identity<'a>, &'a str);

fn key(s: &Static) -> Key<'_> {
    (identity(&s.vip.addr), &s.dev)
}

/// All static addresses.
#[derive(Debug, Default)]
pub(crate) struct Statics {
    list: Vec<Static>,
    by_dev: HashMap<Arc<str>, Vec<usize>>,
    by_prefix: HashMap<Prefix, Vec<usize>>,
    addrs: HashSet<IpAddr>,
    /// `static_routes` and `static_rules`.
    pub fib: Fib,
}

impl Statics {
    fn new(list: Vec<Static>, fib: Fib) -> Self {
        let mut statics = Statics { fib, ..Statics::default() };
        for (n, s) in list.iter().enumerate() {
            statics.by_dev.entry(s.dev.clone()).or_default().push(n);
            statics.addrs.insert(s.vip.addr.prefix.addr);
            statics.by_prefix.entry(s.vip.addr.prefix).or_default().push(n);
        }
        statics.list = list;
        statics
    }

    /// All, in configuration order: each, and the interface that it belongs on.
    pub fn places(&self) -> impl Iterator<Item = (&Vip, &str)> {
        self.list.iter().map(|s| (&s.vip, &*s.dev))
    }

    /// Those on an interface; `None` is all.
    fn on(&self, ifname: Option<&str>) -> Vec<usize> {
        match ifname {
            None => (0..self.list.len()).collect(),
            Some(name) => self.by_dev.get(name).cloned().unwrap_or_default(),
        }
    }

    /// The address that is to be on that interface.
    fn placed(&mut self, on: IfIndex, prefix: Prefix) -> Option<&mut Static> {
        let found = self
            .by_prefix
            .get(&prefix)?
            .iter()
            .find(|n| self.list.get(**n).is_some_and(|s| s.vip.on == Some(on)))?;
        self.list.get_mut(*found)
    }

    /// Whether the address is in place on that interface.
    pub fn holds(&self, on: IfIndex, prefix: Prefix) -> bool {
        let all = self.by_prefix.get(&prefix).into_iter().flatten();
        all.filter_map(|n| self.list.get(*n)).any(|s| s.vip.on == Some(on))
    }

    /// Whether it is one of these, on whatever interface.
    pub fn has(&self, addr: IpAddr) -> bool {
        self.addrs.contains(&addr)
    }

    /// The addresses.
    pub fn vips(&self) -> impl Iterator<Item = &Vip> {
        self.list.iter().map(|s| &s.vip)
    }

    /// Interfaces that static addresses are on or that routes need.
    pub fn devices(&self) -> HashSet<Arc<str>> {
        let routes = self.fib.devices().map(Arc::from);
        self.by_dev.keys().cloned().chain(routes).collect()
    }
}

impl Node {
    /// The static objects of a configuration. What it shares with the one
    /// before is not touched; the addresses that it lacks are returned, and
    /// the former routes and rules.
    pub(crate) fn configure_statics(&mut self, vrrp: &Vrrp) -> (Vec<Static>, Fib) {
        let default = self.global.default_interface.as_deref().unwrap_or(DEFAULT_INTERFACE);
        let mut new: Vec<Static> = vrrp
            .static_addresses
            .iter()
            .map(|a| Static {
                vip: Vip::new(a, false),
                dev: a.dev.as_deref().unwrap_or(default).into(),
                awaited: false,
            })
            .collect();
        let Statics { list: old, fib, .. } = core::mem::take(&mut self.statics);
        let mut known: HashMap<Key<'_>, usize> = HashMap::new();
        for (n, s) in old.iter().enumerate() {
            known.entry(key(s)).or_insert(n);
        }
        let same: Vec<Option<usize>> = new.iter().map(|s| known.remove(&key(s))).collect();
        for (s, n) in new.iter_mut().zip(&same) {
            if let Some(kept) = n.and_then(|n| old.get(n)) {
                let outdated = kept.vip.outdated || !is_alike(&kept.vip.addr, &s.vip.addr);
                let addr = s.vip.addr.clone();
                *s = Static { vip: Vip { addr, outdated, ..kept.vip.clone() }, ..kept.clone() };
            }
        }
        let kept: HashSet<usize> = same.into_iter().flatten().collect();
        self.statics = Statics::new(new, Fib::new(&vrrp.static_routes, &vrrp.static_rules));
        let gone = old.into_iter().enumerate().filter(|(n, _)| !kept.contains(n));
        (gone.map(|(_, s)| s).collect(), fib)
    }

    /// Removes what a new configuration lacks, rules and routes first.
    pub(crate) fn replace_statics(&mut self, old: (Vec<Static>, Fib), at: &mut At<'_>) {
        self.statics.fib.continue_from(old.1, Owner::Static, at.out);
        self.remove_statics(&old.0, at);
    }

    /// Puts the static addresses of an interface where they belong; `None` is
    /// every interface.
    pub(crate) fn place_statics(&mut self, ifname: Option<&str>, at: &mut At<'_>) {
        if !self.started {
            return;
        }
        // What a reload takes away from another owner is still there, but not for long.
        let leaving = |a: &Action| match a {
            Action::DelAddr { ifindex, addr, .. } => Some((*ifindex, addr.prefix)),
            _ => None,
        };
        let leaving: HashSet<_> = at.out.actions.iter().filter_map(leaving).collect();
        for n in self.statics.on(ifname) {
            let Some(s) = self.statics.list.get_mut(n) else { continue };
            let Some(link) = self.links.named(&s.dev) else {
                s.vip.on = None;
                continue;
            };
            let placed = s.vip.on == Some(link.index);
            if placed && s.vip.outdated && link.set_up {
                add(s, link.index, at);
                continue;
            }
            if placed && (s.awaited || link.has(s.vip.addr.prefix) || !link.set_up) {
                continue;
            }
            let prefix = s.vip.addr.prefix;
            if link.has(prefix) && !leaving.contains(&(link.index, prefix)) {
                s.vip.on = Some(link.index);
                continue;
            }
            if placed {
                at.out.report(Event::StaticRestored {
                    addr: s.vip.addr.prefix,
                    ifname: s.dev.clone(),
                });
            }
            add(s, link.index, at);
        }
        if ifname.is_none() {
            for (entry, news) in self.statics.fib.unplaced(&self.links) {
                at.out.report(Event::StaticFib { entry, news });
            }
        }
        self.place_static_fib(at);
    }

    /// Puts static routes and rules where they belong.
    pub(crate) fn place_static_fib(&mut self, at: &mut At<'_>) {
        let news = FibNews::Restored;
        let tell = |out: &mut Out, entry| {
            out.report(Event::StaticFib { entry, news: news.clone() });
        };
        let more = self.statics.fib.repair(Owner::Static, &self.links, at.out, tell);
        if more > 0 {
            at.out.report(Event::MoreStaticRestored(more));
        }
    }

    /// The kernel tells of a static route or rule: one that somebody removed
    /// is put back at once.
    pub(crate) fn static_fib_changed(&mut self, entry: &FibEntry, fact: FibFact, at: &mut At<'_>) {
        match self.statics.fib.hear(entry, fact, &self.links) {
            Some(Heard::Lost) if self.started => self.place_static_fib(at),
            Some(Heard::Tell(news)) => {
                at.out.report(Event::StaticFib { entry: entry.clone(), news });
            }
            _ => {}
        }
    }

    /// The static routes and rules that the kernel holds.
    pub(crate) fn static_fibs(&mut self, there: &HashSet<&FibEntry>, at: &mut At<'_>) {
        self.statics.fib.hear_all(there);
        if self.started {
            self.place_static_fib(at);
        }
    }

    /// Removes everything static.
    pub(crate) fn withdraw_statics(&mut self, at: &mut At<'_>) {
        self.statics.fib.remove_all(Owner::Static, at.out);
        self.remove_statics(&self.statics.list, at);
        for s in &mut self.statics.list {
            s.vip.on = None;
        }
    }

    /// Removes what a former run may have left of the static objects.
    pub(crate) fn remove_static_leftovers(&mut self, at: &mut At<'_>) {
        let fib = &self.statics.fib;
        for rules in [true, false] {
            for n in fib.places(rules).into_iter().rev() {
                fib.remove_leftover(n, Owner::Static, &self.links, at.out);
            }
        }
        for s in &mut self.statics.list {
            let link = self.links.named(&s.dev).filter(|link| link.has(s.vip.addr.prefix));
            s.vip.on = link.map(|link| link.index);
        }
        self.remove_statics(&self.statics.list, at);
    }

    /// Removes static addresses that are in place.
    pub(crate) fn remove_statics(&self, gone: &[Static], at: &mut At<'_>) {
        for s in gone {
            if let Some(ifindex) = s.vip.on
                && self.links.get(ifindex).is_some()
            {
                at.out.actions.push(Action::DelAddr {
                    owner: Owner::Static,
                    ifindex,
                    addr: s.vip.addr.clone(),
                    excluded: false,
                    best_effort: true,
                });
            }
        }
    }

    /// The kernel tells of an address that may be a static one.
    pub(crate) fn static_added(&mut self, fact: AddrFact) {
        if let Some(s) = self.statics.placed(fact.ifindex, fact.prefix) {
            s.awaited = false;
        }
    }

    /// Somebody removed an address that may be a static one: it is put back at once, while its
    /// link is set up.
    pub(crate) fn static_removed(&mut self, fact: AddrFact, at: &mut At<'_>) {
        let Some(s) = self.statics.placed(fact.ifindex, fact.prefix) else { return };
        s.awaited = false;
        let lost = self.started && !s.vip.addr.no_track;
        if lost && self.links.get(fact.ifindex).is_some_and(|l| l.set_up) {
            let (addr, ifname) = (fact.prefix, s.dev.clone());
            at.out.report(Event::StaticRestored { addr, ifname });
            add(s, fact.ifindex, at);
        }
    }
}

fn add(s: &mut Static, ifindex: IfIndex, at: &mut At<'_>) {
    (s.vip.on, s.awaited) = (Some(ifindex), true);
    s.vip.outdated = false;
    let addr = s.vip.addr.clone();
    let owner = Owner::Static;
    at.out.actions.push(Action::AddAddr { owner, ifindex, addr, excluded: false });
}
