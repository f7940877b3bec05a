//! A pool takes over from the one it replaces at a reload.

use super::{Cx, Pool, SORRY, Server};
use crate::event::{Event, ServerChange};
use crate::group;
use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

/// How a server of the new configuration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Checkers that fail.
    pub failed: u32,
    /// Effective weight.
    pub effective: i64,
}

type ByAddr<'a> = BTreeMap<(IpAddr, u16), &'a Server>;

fn by_addr(servers: &[Server]) -> ByAddr<'_> {
    servers.iter().map(|s| ((s.addr, s.port), s)).collect()
}

impl Pool {
    /// Takes over from `old`, which this pool replaces under the same id.
    /// `standing` tells per server of this pool how its checkers see it.
    /// Nothing that stays as it was is touched. `init_notifies` tells the
    /// servers that are new and in it.
    pub fn replace(
        &mut self,
        old: &Pool,
        standing: &[Standing],
        init_notifies: bool,
        cx: &mut Cx<'_>,
    ) {
        self.quorum_up = old.quorum_up;
        self.told = old.told;
        self.swap_services(old, cx);
        self.inherit_sorry(old, cx);
        let before = by_addr(&old.servers);
        self.inherit_servers(old, &before, standing, cx);
        self.drop_servers(old, cx);
        // New before old, as everywhere: all claims are made by now.
        self.claim_all(cx);
        self.claim_sorry(cx);
        self.prune(cx);
        self.tell_changes(&before, init_notifies, cx);
        self.evaluate(false, cx);
        if !self.quorum_up {
            self.sorry_in(cx);
        }
    }

    fn swap_services(&self, old: &Pool, cx: &mut Cx<'_>) {
        for service in self.services.iter() {
            cx.table.join(*service, self.id, self.spec(service), cx.out);
        }
        let ours: BTreeSet<_> = self.services.iter().collect();
        for gone in old.services.iter().filter(|s| !ours.contains(s)) {
            cx.table.leave(*gone, self.id, cx.out);
        }
    }

    /// The same sorry server keeps its state; another one starts out of the
    /// pool.
    fn inherit_sorry(&mut self, old: &Pool, cx: &mut Cx<'_>) {
        let Some(before) = &old.sorry else { return };
        match &mut self.sorry {
            Some(s) if s.addr == before.addr && s.port == before.port => s.active = before.active,
            other => {
                let (ss, vs) = (before.label.clone(), self.label.clone());
                cx.event(Event::Sorry { added: false, inhibit: false, ss, vs: vs.clone() });
                if before.active && other.is_none() {
                    cx.event(Event::Pool { added: true, vs });
                }
            }
        }
    }

    /// Every server gets the state it had; a server keeps its slot, and with
    /// it its claims.
    fn inherit_servers(
        &mut self,
        old: &Pool,
        before: &ByAddr<'_>,
        standing: &[Standing],
        cx: &mut Cx<'_>,
    ) {
        let mut next = old.next_slot;
        for (s, stand) in self.servers.iter_mut().zip(standing) {
            s.failed = stand.failed;
            s.effective = stand.effective;
            let Some(was) = before.get(&(s.addr, s.port)) else {
                s.slot = next;
                next += 1;
                s.alive = s.failed == 0;
                continue;
            };
            s.slot = was.slot;
            s.alive = was.alive;
            let (from, to) = (was.kernel_weight(), s.kernel_weight());
            if from != to {
                let (rs, vs, active) = (s.label.clone(), self.label.clone(), s.alive);
                cx.event(Event::Weight { rs, vs, from, to, active });
            }
        }
        self.next_slot = next;
    }

    fn drop_servers(&mut self, old: &Pool, cx: &mut Cx<'_>) {
        let after = by_addr(&self.servers);
        for s in old.servers.iter().filter(|s| !after.contains_key(&(s.addr, s.port))) {
            let (rs, vs) = (s.label.clone(), self.label.clone());
            cx.event(Event::Server { change: ServerChange::NoLongerExists, rs, vs });
            self.tell_removed(s, cx);
        }
    }

    /// Servers that stay but whose checkers now see them otherwise, and new
    /// ones.
    fn tell_changes(&mut self, before: &ByAddr<'_>, init_notifies: bool, cx: &mut Cx<'_>) {
        for i in 0..self.servers.len() {
            let Some(s) = self.servers.get(i) else { continue };
            if before.contains_key(&(s.addr, s.port)) {
                self.flip(i, s.failed == 0, cx);
            } else if s.alive && init_notifies {
                self.notify(i, cx);
            }
        }
    }

    /// Gives up what no server of this pool is called any more.
    fn prune(&self, cx: &mut Cx<'_>) {
        for service in self.services.iter() {
            let dest = |s: &Server| group::dest(*service, s.addr, s.port, s.forwarding);
            let named: BTreeSet<_> = self
                .servers
                .iter()
                .map(|s| (dest(s), s.slot))
                .chain(
                    self.sorry
                        .iter()
                        .map(|s| (group::dest(*service, s.addr, s.port, s.forwarding), SORRY)),
                )
                .collect();
            let keep = |key, slot| named.contains(&(key, slot));
            cx.table.prune(*service, self.id, keep, cx.out);
        }
    }
}
