//! A configuration takes over: at the start from nothing, at a reload from the
//! one that runs.

use super::checker::{Checker, Share};
use super::told::Watchers;
use super::{Node, Vs, sum, told};
use crate::action::Action;
use crate::event::{CheckerChange, Event};
use crate::group;
use crate::health::Health;
use crate::ipvs::ServiceKey;
use crate::plan::same_check;
use crate::pool::{Cx, Pool, Standing};
use crate::prepared::{Blueprint, Prepared, Ready, VsKey};
use core::net::IpAddr;
use core::time::Duration;
use model::lvs::{Service, VirtualServer};
use std::collections::HashMap;
use std::sync::Arc;
use types::Mono;

/// Time from the start of the daemon to the first check.
const FIRST: Duration = Duration::from_secs(1);

/// A server's checkers before the reload.
#[derive(Default)]
struct Before {
    ids: Vec<u32>,
    alive: bool,
}

impl Node {
    pub(super) fn take_over(
        &mut self,
        now: Mono,
        prepared: Prepared,
        values: &[i64],
        out: &mut Vec<Action>,
    ) {
        self.options = prepared.options;
        self.groups = prepared.groups;
        self.marks = prepared.marks;
        let mut old: HashMap<VsKey, Vec<Vs>> = HashMap::new();
        let mut order = Vec::new();
        for vs in core::mem::take(&mut self.pools).into_iter().rev() {
            order.push(vs.id);
            old.entry(vs.key.clone()).or_default().push(vs);
        }
        for (at, ready) in prepared.pools.into_iter().enumerate() {
            let before = old.get_mut(&ready.key).and_then(Vec::pop);
            self.install(now, at, ready, before, values, out);
        }
        // Last, so that a service that stays under another name is never gone.
        let mut gone: HashMap<u32, Vs> =
            old.into_values().flatten().map(|vs| (vs.id, vs)).collect();
        for id in order.into_iter().rev() {
            if let Some(vs) = gone.remove(&id) {
                self.remove(vs, out);
            }
        }
        let all = (0..).zip(&self.checkers);
        self.watchers = Watchers::of(all.filter_map(|(id, c)| Some((id, &c.as_ref()?.kind))));
    }

    fn install(
        &mut self,
        now: Mono,
        at: usize,
        ready: Ready,
        before: Option<Vs>,
        values: &[i64],
        out: &mut Vec<Action>,
    ) {
        let mut servers = before.as_ref().map(servers_of).unwrap_or_default();
        let id = before.as_ref().map_or(self.next_vs, |vs| vs.id);
        self.next_vs = self.next_vs.max(id.saturating_add(1));
        let Ready { key, vs: config, services, checkers } = ready;
        let mut vs = self.make(id, key, config, services);
        let mut standing = Vec::with_capacity(checkers.len());
        for (rs, blueprints) in checkers.into_iter().enumerate() {
            let server = vs.pool.servers().get(rs);
            let was = server.and_then(|s| servers.remove(&s.at()));
            let weight = server.map_or(0, |s| s.configured_weight());
            let ids = self.checkers_of((at, rs), blueprints, was, values, now, out);
            standing.push(self.standing(&ids, weight));
            vs.checkers.push(ids);
        }
        for id in servers.into_values().flat_map(|s| s.ids) {
            self.retire(id, out);
        }
        let told = self.options.rs_init_notifies;
        let cx = &mut Cx { table: &mut self.table, out };
        match &before {
            Some(old) => {
                tell_entries(old, &vs, cx);
                vs.pool.replace(&old.pool, &standing, told, cx);
            }
            None => vs.pool.start(&standing, told, cx),
        }
        self.announce(&vs, out);
        self.pools.push(vs);
    }

    fn make(&self, id: u32, key: VsKey, config: VirtualServer, services: Arc<[ServiceKey]>) -> Vs {
        let listens = |a: &&IpAddr| group::listens_on(&config.service, &self.groups, **a);
        let here = self.addresses.keys().filter(listens);
        let present = here.filter_map(|a| self.addresses.get(a)).sum();
        let entries = match &config.service {
            Service::Group(name, _) => {
                let group = self.groups.iter().find(|g| g.name == *name);
                group.map(|g| g.entries.clone()).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        Vs {
            id,
            key,
            entries,
            pool: Pool::new(id, &config, services),
            present: if config.ha_suspend { present } else { 0 },
            checkers: Vec::with_capacity(config.real_servers.len()),
            config,
        }
    }

    /// The checkers of one server: those that stay, and new ones. Those that
    /// do not are ended.
    fn checkers_of(
        &mut self,
        place: (usize, usize),
        blueprints: Vec<Blueprint>,
        was: Option<Before>,
        values: &[i64],
        now: Mono,
        out: &mut Vec<Action>,
    ) -> Vec<u32> {
        let known = was.is_some();
        let mut was = was.unwrap_or_default();
        let down = was.ids.iter().any(|id| self.checker(*id).is_some_and(|c| !c.health.is_up()));
        let ran = was.ids.iter().any(|id| self.checker(*id).is_some_and(|c| c.health.has_run()));
        // On a server that is known and well, a new alpha checker does not
        // take it down before it has looked.
        let trusted = known && !down && (was.alive || ran);
        let mut ids = Vec::with_capacity(blueprints.len());
        for b in blueprints {
            let same = |id: &u32| self.checker(*id).is_some_and(|c| same_check(&c.kind, &b.kind));
            match was.ids.iter().position(same) {
                Some(at) => {
                    let id = was.ids.remove(at);
                    self.keep(id, place, b, now);
                    ids.push(id);
                }
                None => ids.push(self.add(place, b, trusted, values, now)),
            }
        }
        for id in was.ids {
            self.retire(id, out);
        }
        ids
    }

    /// A checker goes on under a new configuration of the same question: it
    /// keeps its verdict, its attempt under way and its pace.
    fn keep(&mut self, id: u32, (vs, rs): (usize, usize), b: Blueprint, now: Mono) {
        let Some(c) = self.checker_mut(id) else { return };
        (c.vs, c.rs) = (vs, rs);
        c.health = Health::adopt(&c.health, &b.pacing);
        let sooner = b.pacing.delay_loop < c.pacing.delay_loop;
        (c.kind, c.plan, c.pacing, c.label) = (b.kind, b.plan, b.pacing, b.label);
        if sooner && c.probe.is_none() && c.timer.is_some() {
            c.due = c.due.min(now + c.pacing.delay_loop);
            let due = c.due;
            self.arm(id, Some(due));
        }
    }

    fn add(
        &mut self,
        (vs, rs): (usize, usize),
        b: Blueprint,
        trusted: bool,
        values: &[i64],
        now: Mono,
    ) -> u32 {
        let mut pacing = b.pacing;
        pacing.alpha &= !trusted;
        let fresh = Health::new(&pacing);
        let sessions = |name: &str| self.sessions.get(name).copied();
        let (health, share) = told::initial(&b.kind, values, sessions, fresh);
        let due = now + FIRST + self.spread.next(b.pacing.warmup);
        let polls = b.plan.is_some();
        let checker = Checker {
            vs,
            rs,
            kind: b.kind,
            plan: b.plan,
            pacing: b.pacing,
            label: b.label,
            health,
            share,
            probe: None,
            link: None,
            attempt: 0,
            due,
            timer: None,
            last: None,
            lengths: None,
        };
        let id = match self.free.pop() {
            Some(id) => {
                if let Some(slot) = self.checkers.get_mut(id as usize) {
                    *slot = Some(checker);
                }
                id
            }
            None => {
                self.checkers.push(Some(checker));
                u32::try_from(self.checkers.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if polls {
            self.arm(id, Some(due));
        }
        id
    }

    fn retire(&mut self, id: u32, out: &mut Vec<Action>) {
        self.hang_up(id, out);
        self.arm(id, None);
        if self.checkers.get_mut(id as usize).is_some_and(|slot| slot.take().is_some()) {
            self.free.push(id);
        }
    }

    fn standing(&self, ids: &[u32], weight: u32) -> Standing {
        let checkers = || ids.iter().filter_map(|id| self.checker(*id));
        let failed = checkers().filter(|c| !c.health.is_up()).count();
        let shares = checkers().map(|c: &Checker| -> Share { c.share });
        Standing {
            failed: u32::try_from(failed).unwrap_or(u32::MAX),
            effective: sum(weight, shares),
        }
    }

    fn announce(&self, vs: &Vs, out: &mut Vec<Action>) {
        let change = match vs.is_suspended() {
            true => CheckerChange::Deactivating,
            false => CheckerChange::Activating,
        };
        for c in vs.checkers.iter().flatten().filter_map(|id| self.checker(*id)) {
            if !c.health.has_run() {
                let (rs, vs) = (c.label.rs.clone(), c.label.vs.clone());
                out.push(Action::Event(Event::Checker { change, rs, vs }));
            }
        }
    }

    fn remove(&mut self, mut vs: Vs, out: &mut Vec<Action>) {
        for id in vs.checkers.iter().flatten() {
            self.retire(*id, out);
        }
        vs.pool.remove(&mut Cx { table: &mut self.table, out });
    }
}

fn servers_of(vs: &Vs) -> HashMap<(IpAddr, u16), Before> {
    let servers = vs.pool.servers().iter().zip(&vs.checkers);
    servers.map(|(s, ids)| (s.at(), Before { ids: ids.clone(), alive: s.is_alive() })).collect()
}

/// Entries that a group lost or gained.
fn tell_entries(old: &Vs, new: &Vs, cx: &mut Cx<'_>) {
    let Service::Group(name, _) = &new.config.service else { return };
    let mut tell = |added, from: &Vs, than: &Vs| {
        for entry in from.entries.iter().filter(|e| !than.entries.contains(e)) {
            let entry = group::entry_text(entry, from.config.protocol).into();
            let group = name.as_str().into();
            cx.out.push(Action::Event(Event::GroupEntry { added, entry, group }));
        }
    };
    tell(false, old, new);
    tell(true, new, old);
}
