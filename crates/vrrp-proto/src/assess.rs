//! What facts mean for an instance: its interface, its source address, its
//! socket, its priority, its faults.
//!
//! Owns the step from the host's tables to one instance; computed anew each
//! time, so the order of facts does not matter.

use crate::action::{Action, Owner};
use crate::event::{Cause, InstanceEvent, Reason, State};
use crate::instance::Instance;
use crate::links::Link;
use crate::node::{At, Node};
use crate::sockets;
use crate::track;
use crate::vmac::{SourceChange, VmacKey};
use model::net::Address;
use std::collections::HashSet;
use std::sync::Arc;
use types::{Family, InstanceId};

/// `IFA_F_NODAD`: no duplicate address detection (`linux/if_addr.h`).
const IFA_F_NODAD: u32 = 0x02;

impl Node {
    /// Looks at instances again after something they depend on changed: first
    /// at each, then a group moves, knowing everybody's faults.
    pub(crate) fn refresh(&mut self, ids: &[InstanceId], at: &mut At<'_>) {
        if !self.started {
            return;
        }
        let before: Vec<_> = ids.iter().map(|id| (*id, self.before(*id))).collect();
        let mut begun = Vec::new();
        for id in ids {
            let unbound = self.get(*id).is_some_and(|i| i.unbound);
            self.bind(*id, at);
            if unbound && self.get(*id).is_some_and(|i| !i.unbound) {
                begun.push(*id);
            }
            self.assess(*id, at);
        }
        let reason = |id| if begun.contains(&id) { Reason::Start } else { Reason::Recovered };
        self.settle_all(ids, reason, at);
        for id in ids {
            self.check_devices(*id, at);
        }
        for (id, before) in before {
            self.explain(id, before, at);
        }
        let promoted = self.vrids.take_promoted();
        if !promoted.is_empty() {
            self.refresh(&promoted, at);
        }
    }

    /// Links changed: their users look again, those of virtual links that can be used now or no
    /// more too, and what is missing of these is made.
    pub(crate) fn vmacs_changed(&mut self, names: &[Arc<str>], at: &mut At<'_>) {
        let moved = self.vmacs.learn(&self.links, at.now);
        for index in self.vmacs.renamed() {
            self.relabel(index, at);
        }
        for id in self.vmacs.users_of(&moved) {
            // A link that was taken over may have addresses of an earlier run.
            self.on(id, at, |i, env| {
                if i.state != State::Master {
                    i.remove_leftovers(env);
                }
            });
        }
        let mut seen = HashSet::new();
        for name in names.iter().chain(&moved).filter(|n| seen.insert((*n).clone())) {
            self.refresh_users(name, at);
        }
        self.place_vmacs(at);
    }

    /// Asks for the virtual links that are missing or are not as they should be.
    pub(crate) fn place_vmacs(&mut self, at: &mut At<'_>) {
        if !self.started {
            return;
        }
        at.out.actions.extend(self.vmacs.place(&self.links));
        for (name, users) in self.vmacs.users() {
            let known = self.index.links.entry(name.clone()).or_default();
            known.extend(users.iter().filter(|u| !known.contains(u)).copied().collect::<Vec<_>>());
        }
        self.firewall.set_links(self.vmacs.rules(&self.links), at.out);
    }

    /// Finds interface, source address and socket.
    pub(crate) fn bind(&mut self, id: InstanceId, at: &mut At<'_>) {
        let Some(Some(i)) = self.instances.get_mut(id.index()) else { return };
        self.vrids.find(i, &self.links);
        let link = i.config.interface.as_deref().and_then(|n| self.links.named(n));
        let base = link.map(|l| l.index);
        let vips = &self.index.vips;
        // A static address is there later than those of others, unless it is left of a former run.
        let statics = &self.statics;
        let source = |l: &Link, family| {
            let own = l.source(family, |a| vips.contains(a) || statics.has(a));
            own.or_else(|| l.source(family, |a| vips.contains(a)))
        };
        let found = link.and_then(|l| source(l, i.config.family));
        i.src = i.config.source.or(found);
        i.home = base;
        (i.unbound, i.vmac) = (false, None);
        let serves = matches!(i.state, State::Master | State::Backup);
        if let Some(key) = VmacKey::own(&i.config) {
            i.home = self.vmacs.get(&key);
            i.vmac = self.vmacs.name(&key).cloned();
            if i.config.ipvlan.is_some() {
                // It has the addresses that it was given or the kernel made up.
                let own = i.home.and_then(|index| self.links.get(index));
                let own = own.and_then(|l| source(l, i.config.family));
                i.src = self.vmacs.own_addr(&key).or(i.config.source).or(own);
            }
            let changes = self.vmacs.place_source(&key, i.src, &self.links);
            if !changes.is_empty() {
                self.firewall.set_links(self.vmacs.rules(&self.links), at.out);
            }
            at.out.actions.extend(changes.into_iter().map(source_action));
            let lacks = self.vmacs.lacks_source(&key, &self.links);
            let coming = lacks || self.vmacs.is_coming(&key);
            i.unbound = i.state == State::Init && link.is_some() && i.src.is_some() && coming;
            // Until a reload's new link is there, the interface below serves.
            if serves && (lacks || self.vmacs.is_coming_first(&key)) {
                (i.home, i.src) = (base, i.config.source.or(found));
            } else {
                i.src = i.src.filter(|_| !lacks);
            }
        }
        // Links of other addresses have the address of the interface below, too: neighbours are
        // asked for in its name.
        for key in VmacKey::all(&i.config).filter(|key| key.family == Family::V6) {
            if self.vmacs.has_adverts(&key) {
                continue;
            }
            let below = self.links.named(&key.parent);
            let own = below.and_then(|l| source(l, Family::V6));
            let changes = self.vmacs.place_source(&key, own, &self.links);
            if !changes.is_empty() {
                self.firewall.set_links(self.vmacs.rules(&self.links), at.out);
            }
            at.out.actions.extend(changes.into_iter().map(source_action));
        }
        i.ifindex = if i.config.vmac_xmit_base { base } else { i.home };
        let vrf = i.config.vrf.as_deref().and_then(|n| self.links.named(n)).map(|l| l.index);
        let want = sockets::key_of(i, vrf).filter(|_| self.started && i.config.config_faults == 0);
        let room = sockets::room_of(i, &self.global.buffers, &self.links);
        self.sockets.assign(i, want, room, at.out);
    }

    /// Computes priority and faults, and tells what is new of them.
    pub(crate) fn assess(&mut self, id: InstanceId, at: &mut At<'_>) {
        let Some(i) = self.get(id) else { return };
        let mut a = track::assess(&i.watches, &i.refs, &self.links, &self.tracks);
        self.own_causes(id, &mut a.causes);
        let priority = track::effective(i.config.priority, a.weight);
        self.on(id, at, |i, env| {
            i.waiting = a.waiting;
            for cause in a.causes.iter().filter(|c| !i.causes.contains(c)) {
                i.report(env.out, InstanceEvent::Fault(cause.clone()));
            }
            i.causes = a.causes;
            i.set_priority(env, priority);
        });
    }

    /// Faults that do not come from trackers.
    fn own_causes(&self, id: InstanceId, causes: &mut Vec<Cause>) {
        let Some(i) = self.get(id) else { return };
        let mut add = |c: Cause| {
            if !causes.contains(&c) {
                causes.push(c);
            }
        };
        if let Some(name) = &i.config.interface {
            match self.links.named(name) {
                None => add(Cause::InterfaceDown(name.as_str().into())),
                Some(link) if !link.multicast && !i.is_unicast() => add(Cause::Config),
                Some(_) => {}
            }
        }
        if let Some(rival) = self.vrids.rival(id).and_then(|rival| self.get(rival)) {
            add(Cause::SameVrid {
                other: rival.name.clone(),
                family: i.family(),
                vrid: i.config.vrid,
            });
        }
        self.vmac_causes(i, &mut add);
        if i.src.is_none() && !i.unbound {
            add(Cause::NoAddress(i.family()));
        }
        if i.config.track_source && i.config.source.is_some_and(|s| !self.links.has_address(s)) {
            add(Cause::SourceMissing);
        }
        if i.config.config_faults > 0 {
            add(if i.config.fault_no_peer { Cause::NoPeers } else { Cause::Config });
        }
    }

    /// A virtual link that is missing or down is at fault as an interface is, unless it is about
    /// to be there for the first time: of the instance, or at all, as after a reload.
    fn vmac_causes(&self, i: &Instance, add: &mut impl FnMut(Cause)) {
        let own = VmacKey::own(&i.config);
        let tracked = i.vips.iter().filter(|v| !v.addr.no_track);
        let others = tracked.filter_map(|v| VmacKey::of(&i.config, &v.addr));
        let others = others.filter(|key| Some(key) != own.as_ref());
        for (key, watched) in own
            .iter()
            .map(|k| (k.clone(), !i.config.dont_track_primary))
            .chain(others.map(|k| (k, true)))
        {
            let name = self.vmacs.name(&key).unwrap_or(&key.parent);
            let coming = match i.state {
                State::Init => self.vmacs.is_coming(&key),
                State::Fault if Some(&key) == own.as_ref() => false,
                _ => self.vmacs.is_coming_first(&key),
            };
            match self.vmacs.get(&key).and_then(|index| self.links.get(index)) {
                None if coming => {}
                None => add(Cause::InterfaceDown(name.clone())),
                Some(link) if watched && !link.up => add(Cause::InterfaceDown(name.clone())),
                Some(_) => {}
            }
        }
    }
}

/// The request for the address that a link sends from. It is there for adverts alone: nothing else
/// is to choose it, and that another interface has it is no conflict.
fn source_action(change: SourceChange) -> Action {
    let SourceChange { on: ifindex, prefix, adding } = change;
    let mut addr = Address::plain(prefix);
    if prefix.addr.is_ipv6() {
        addr.flags |= IFA_F_NODAD;
        addr.preferred_lft = Some(0);
    }
    let (owner, addr, excluded) = (Owner::Link, Arc::new(addr), false);
    match adding {
        true => Action::AddAddr { owner, ifindex, addr, excluded },
        false => Action::DelAddr { owner, ifindex, addr, excluded, best_effort: true },
    }
}
