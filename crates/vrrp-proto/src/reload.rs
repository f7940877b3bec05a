//! Configuring a node, first and again.
//!
//! Owns the match of old and new instances and the difference of their
//! addresses. An instance whose configuration is the same notices nothing; the
//! name does not matter.

use crate::action::{Action, Owner};
use crate::event::{Event, Reason, State, Told};
use crate::fib::Fib;
use crate::group::Group;
use crate::input::Setup;
use crate::instance::{Env, Instance, Vip};
use crate::node::{At, Index, Node};
use crate::same::{Identity, identity, is_alike, keep_what_moves};
use crate::track::{self, Membership, Tracked};
use crate::vmac::VmacKey;
use core::mem::{discriminant, take};
use core::net::IpAddr;
use core::time::Duration;
use model::VrrpInstance;
use model::net::Address;
use model::vrrp::Vrrp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use types::{Family, GroupId, InstanceId, Vrid};

/// What makes two instances of an old and a new configuration the same
/// virtual router.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key<'a> {
    vrid: Vrid,
    family: Family,
    interface: Option<&'a str>,
    unicast_source: Option<Option<IpAddr>>,
    unicast_peers: Vec<IpAddr>,
    multicast: Option<IpAddr>,
}

fn key(c: &VrrpInstance, with_peers: bool) -> Key<'_> {
    let unicast = c.unicast.as_ref();
    let peers = unicast.filter(|_| with_peers).map(|u| u.peers.iter().map(|p| p.addr).collect());
    Key {
        vrid: c.vrid,
        family: c.family,
        interface: c.interface.as_deref(),
        unicast_source: unicast.map(|_| c.source),
        unicast_peers: peers.unwrap_or_default(),
        multicast: match unicast {
            Some(_) => None,
            None => Some(c.mcast_group),
        },
    }
}

type AddressKey<'a> = (Identity<'a>, Option<&'a str>, Option<VmacKey>);

/// What makes two virtual addresses of an instance the same: where they are, whether they are
/// advertised or not.
fn address_key<'a>(config: &VrrpInstance, a: &'a Address) -> AddressKey<'a> {
    (identity(a), a.dev.as_deref(), VmacKey::of(config, a))
}

impl Node {
    /// Takes a first configuration.
    pub(crate) fn configure(&mut self, setup: Setup) {
        self.tracks = setup.tracks.iter().cloned().map(Tracked::new).collect();
        for (n, config) in setup.vrrp.instances.iter().enumerate() {
            let id = InstanceId(n as u32);
            self.instances.push(Some(Instance::new(id, config)));
            self.order.push(id);
        }
        self.take_settings(&setup);
        self.configure_statics(&setup.vrrp);
        let gone = self.rebuild(&setup.vrrp);
        debug_assert!(gone.is_empty());
        let events = self.take_debounce(&setup.vrrp);
        debug_assert!(events.len() <= setup.vrrp.debounce.len());
    }

    fn take_settings(&mut self, setup: &Setup) {
        self.global = setup.global.clone();
        self.pacer.configure(&self.global, &setup.vrrp.garp_groups);
    }

    /// Takes a new configuration in place of the old one.
    pub(crate) fn reload(&mut self, setup: Setup, at: &mut At<'_>) {
        let from = at.out.actions.len();
        self.keep_track_values(&setup);
        self.take_settings(&setup);
        let old = self.configure_statics(&setup.vrrp);
        self.replace_statics(old, at);
        let (matched, vanished) = self.match_instances(&setup.vrrp);
        for id in vanished {
            self.delete(id, at);
        }
        let mut changed = HashSet::new();
        let mut fresh = Vec::new();
        self.order.clear();
        for (config, id) in setup.vrrp.instances.iter().zip(matched) {
            let id = match id {
                Some(id) => {
                    if self.get(id).is_some_and(|i| *i.config != *config) {
                        changed.insert(id);
                        self.on(id, at, |i, env| adopt(i, config, env));
                    }
                    id
                }
                None => {
                    let id = self.free_slot();
                    if let Some(slot) = self.instances.get_mut(id.index()) {
                        *slot = Some(Instance::new(id, config));
                    }
                    fresh.push(id);
                    id
                }
            };
            self.order.push(id);
        }
        let gone = self.rebuild(&setup.vrrp);
        at.out.actions.extend(gone);
        for event in self.take_debounce(&setup.vrrp) {
            at.out.report(event);
        }
        self.apply(&changed, &fresh, at);
        self.hand_over(from, at);
        keep_what_moves(&mut at.out.actions, from);
        self.replace_routes(&mut at.out.actions, from);
    }

    /// Addresses that wait for their link stay where they have been until it is there: the
    /// removals among the actions, those from `from` on, are taken back.
    fn hand_over(&mut self, from: usize, at: &mut At<'_>) {
        let mut waiting = HashMap::new();
        let all = self.order.iter().filter_map(|id| self.get(*id));
        for i in all.filter(|i| i.state == State::Master) {
            let waits = |v: &Vip| v.place().is_none() && i.awaits_link(&v.addr, &self.vmacs);
            for (n, vip) in i.vips.iter().enumerate().filter(|(_, v)| waits(v)) {
                waiting.entry(identity(&vip.addr)).or_insert((i.id, n));
            }
        }
        let mut moves = BTreeMap::new();
        for action in at.out.actions.iter().skip(from) {
            if let Action::DelAddr { ifindex, addr, .. } = action
                && let Some(vip) = waiting.get(&identity(addr))
            {
                moves.entry(*vip).or_insert((*ifindex, addr.clone()));
            }
        }
        let stay: HashSet<_> = moves.values().map(|(on, addr)| (*on, identity(addr))).collect();
        let mut tail = at.out.actions.split_off(from.min(at.out.actions.len()));
        tail.retain(|action| match action {
            Action::DelAddr { ifindex, addr, .. } => !stay.contains(&(*ifindex, identity(addr))),
            _ => true,
        });
        at.out.actions.append(&mut tail);
        for ((id, n), (on, _)) in moves {
            self.on(id, at, |i, env| {
                if let Some(vip) = i.vips.get_mut(n) {
                    vip.from = Some(on);
                }
                i.veil(n, env);
            });
        }
    }

    fn apply(&mut self, changed: &HashSet<InstanceId>, fresh: &[InstanceId], at: &mut At<'_>) {
        if !self.started {
            return;
        }
        self.adjust_hold(at);
        self.place_rules(at);
        self.place_statics(None, at);
        self.place_vmacs(at);
        let before: Vec<_> = self.order.iter().map(|id| (*id, self.before(*id))).collect();
        for id in self.order.clone() {
            self.bind(id, at);
            if fresh.contains(&id) {
                self.on(id, at, |i, env| i.remove_leftovers(env));
            }
            self.assess(id, at);
        }
        let reason = |id| if fresh.contains(&id) { Reason::Start } else { Reason::Reload };
        let all = self.order.clone();
        self.settle_all(&all, reason, at);
        self.align_groups(at);
        for id in self.order.clone() {
            if changed.contains(&id) {
                self.on(id, at, set_new_addresses);
            }
            self.on(id, at, |i, env| (0..i.vips.len()).for_each(|n| i.veil(n, env)));
        }
        for (id, before) in before {
            self.explain(id, before, at);
        }
        let promoted = self.vrids.take_promoted();
        self.refresh(&promoted, at);
    }

    /// Objects that were tracked before keep their value.
    fn keep_track_values(&mut self, setup: &Setup) {
        let old = take(&mut self.tracks);
        let same = |t: &&Tracked, new: &Tracked| {
            t.name == new.name && discriminant(&t.object.kind) == discriminant(&new.object.kind)
        };
        for (n, object) in setup.tracks.iter().enumerate() {
            let mut new = Tracked::new(object.clone());
            if let Some(value) = setup.values.get(n) {
                new.value = *value;
            } else if let Some(t) = old.iter().find(|t| same(t, &new)) {
                new.value = t.value;
            }
            self.tracks.push(new);
        }
    }

    /// For each new instance the old one that it continues, and what is left.
    fn match_instances(&self, new: &Vrrp) -> (Vec<Option<InstanceId>>, Vec<InstanceId>) {
        let mut found: Vec<Option<InstanceId>> = vec![None; new.instances.len()];
        let mut left: Vec<InstanceId> = self.order.clone();
        // Unicast instances may differ in their peers only, so these first.
        for with_peers in [true, false] {
            let mut old: HashMap<Key<'_>, InstanceId> = HashMap::new();
            for id in &left {
                if let Some(i) = self.get(*id) {
                    old.entry(key(&i.config, with_peers)).or_insert(*id);
                }
            }
            for (place, config) in found.iter_mut().zip(&new.instances) {
                if place.is_none() {
                    *place = old.remove(&key(config, with_peers));
                }
            }
            let taken: HashSet<InstanceId> = found.iter().flatten().copied().collect();
            left.retain(|id| !taken.contains(id));
        }
        (found, left)
    }

    fn free_slot(&mut self) -> InstanceId {
        let slot = self.instances.iter().position(Option::is_none);
        let slot = slot.unwrap_or_else(|| {
            self.instances.push(None);
            self.instances.len() - 1
        });
        InstanceId(slot as u32)
    }

    /// Ends an instance that the new configuration does not have.
    fn delete(&mut self, id: InstanceId, at: &mut At<'_>) {
        let started = self.started;
        self.on(id, at, |i, env| {
            let was = i.state;
            i.stop(env);
            if !started {
            } else if i.config.notify.report_deleted {
                i.notify(env, Told::Deleted);
            } else if was != State::Fault {
                i.notify(env, Told::Fault);
            }
        });
        if let Some(mut i) = self.instances.get_mut(id.index()).and_then(Option::take) {
            self.sockets.release(&mut i, at.out);
        }
        self.timers.set(id.0, None);
        self.vrids.leave(id);
    }

    /// Groups, trackers, virtual links and indexes of the configuration; the result removes the
    /// links that are not wanted any more.
    fn rebuild(&mut self, vrrp: &Vrrp) -> Vec<Action> {
        let names: HashMap<&str, InstanceId> = vrrp
            .instances
            .iter()
            .zip(&self.order)
            .map(|(config, id)| (config.name.as_str(), *id))
            .collect();
        let states: HashMap<Arc<str>, State> =
            take(&mut self.groups).into_iter().map(|g| (g.name, g.state)).collect();
        for i in self.instances.iter_mut().flatten() {
            i.group = None;
        }
        for (n, config) in vrrp.sync_groups.iter().enumerate() {
            let members: Vec<InstanceId> =
                config.members.iter().filter_map(|m| names.get(m.as_str()).copied()).collect();
            for id in &members {
                if let Some(Some(i)) = self.instances.get_mut(id.index()) {
                    i.group = Some(n);
                }
            }
            let state = states.get(config.name.as_str()).copied().unwrap_or_default();
            self.groups.push(Group {
                id: GroupId(n as u32),
                name: config.name.as_str().into(),
                config: Arc::new(config.clone()),
                members,
                state,
                holdout: 0,
            });
        }
        self.rebuild_trackers(vrrp);
        self.index = self.build_index();
        let instances = self.order.iter().copied().zip(&vrrp.instances);
        self.vmacs.configure(instances, &self.global)
    }

    fn rebuild_trackers(&mut self, vrrp: &Vrrp) {
        let owner = |instances: &[Option<Instance>], id: &InstanceId| {
            let i = instances.get(id.index()).and_then(Option::as_ref);
            i.is_some_and(|i| i.config.priority.is_owner())
        };
        let static_devices = track::StaticDevices::of(vrrp);
        for id in &self.order {
            let group = self.instances.get(id.index()).and_then(|i| i.as_ref()?.group);
            let group = group.and_then(|g| self.groups.get(g));
            let starts_master = match group {
                None => owner(&self.instances, id),
                Some(g) => g.members.iter().all(|m| owner(&self.instances, m)),
            };
            let membership = group.map(|g| Membership {
                group: &g.config,
                has_owner: g.members.iter().any(|m| owner(&self.instances, m)),
            });
            let Some(Some(i)) = self.instances.get_mut(id.index()) else { continue };
            i.starts_master = starts_master;
            // The states written after a reload have the priority as it is then.
            i.tells_priority = self.global.fifo_write_states_on_reload
                || i.config.notify_priority_changes
                || group.is_some_and(|g| g.config.notify_priority_changes);
            i.watches = track::watches(&i.config, membership.as_ref());
            track::watch_statics(&mut i.watches, &i.config.name, &static_devices);
            i.refs = track::refs(&i.config, membership.as_ref(), &self.tracks);
        }
    }

    fn build_index(&self) -> Index {
        let mut index = Index {
            links: self.statics.devices().into_iter().map(|d| (d, Vec::new())).collect(),
            tracks: vec![Vec::new(); self.tracks.len()],
            ..Index::default()
        };
        for i in self.order.iter().filter_map(|id| self.get(*id)) {
            let devs = i.vips.iter().filter_map(|v| v.addr.dev.as_deref());
            let own = i.config.interface.as_deref().into_iter().chain(i.config.vrf.as_deref());
            let watched = i.watches.iter().map(|w| &*w.name);
            let routes = i.fib.devices();
            let names: HashSet<&str> = own.chain(devs).chain(routes).chain(watched).collect();
            for name in names {
                index.links.entry(name.into()).or_default().push(i.id);
            }
            for r in &i.refs {
                if let Some(users) = index.tracks.get_mut(r.id.index()) {
                    users.push(i.id);
                }
            }
            index.clock |= i.auth.hmac.is_some();
            if i.config.track_source {
                index.sources.push(i.id);
            }
        }
        let instances = self.order.iter().filter_map(|id| self.get(*id));
        index.vips = instances.flat_map(|i| i.vips.iter().map(|vip| (vip.ip(), i.id))).collect();
        index
    }

    /// Debounce times, limited to what its instances can bear: a change must
    /// count before a backup would take over.
    fn take_debounce(&mut self, vrrp: &Vrrp) -> Vec<Event> {
        let mut events = Vec::new();
        let mut times = HashMap::new();
        for d in &vrrp.debounce {
            let users =
                vrrp.instances.iter().filter(|i| i.interface.as_ref() == Some(&d.interface));
            let limit = users.map(debounce_limit).min().unwrap_or(Duration::MAX);
            if d.down.max(d.up) > limit {
                events.push(Event::DebounceReduced { ifname: d.interface.as_str().into(), limit });
            }
            times.insert(d.interface.clone(), (d.down.min(limit), d.up.min(limit)));
        }
        self.links.set_debounce(times);
        events
    }

    /// A reload may have put masters and others into one group. Who has not been elected yet,
    /// and has heard of no master, costs them nothing: it joins them, or they follow it once it
    /// hears of one.
    fn align_groups(&mut self, at: &mut At<'_>) {
        for g in 0..self.groups.len() {
            let Some(group) = self.groups.get(g) else { continue };
            let members = group.members.clone();
            let state = |id: &InstanceId| self.get(*id).map(|i| i.state);
            if members.iter().all(|m| state(m) == Some(State::Master)) {
                self.group_entered(Some(g), State::Master, at);
                continue;
            }
            let masters = members.iter().any(|m| state(m) == Some(State::Master));
            let joins = |i: &Instance| i.state == State::Master || i.joins_masters();
            if masters && members.iter().filter_map(|m| self.get(*m)).all(joins) {
                continue;
            }
            let leaving: Vec<InstanceId> =
                members.iter().copied().filter(|m| state(m) == Some(State::Master)).collect();
            for id in leaving {
                self.on(id, at, |i, env| {
                    let wait = i.master_down();
                    i.enter_backup(env, Reason::Reload, wait, 0);
                });
            }
            if members.iter().any(|m| self.get(*m).is_some_and(|i| i.state == State::Backup)) {
                self.group_entered(Some(g), State::Backup, at);
            }
        }
    }
}

fn debounce_limit(i: &VrrpInstance) -> Duration {
    let adverts = u32::from(i.down_timer_adverts.saturating_sub(1));
    (i.advert_int * adverts).saturating_sub(i.advert_int / 256)
}

/// Takes over a configuration; addresses that vanish from it are removed,
/// those that stay are not touched, new ones wait for [`set_new_addresses`].
fn adopt(i: &mut Instance, config: &VrrpInstance, env: &mut Env<'_>) {
    let wanted = config.vips.iter().map(|a| (a, false));
    let wanted = wanted.chain(config.evips.iter().map(|a| (a, true)));
    let keep: HashSet<_> = wanted.clone().map(|(a, _)| address_key(config, a)).collect();
    let old = core::mem::replace(&mut i.fib, Fib::new(&config.routes, &config.rules));
    i.fib.continue_from(old, Owner::Instance(i.id), env.out);
    for n in 0..i.vips.len() {
        let Some(vip) = i.vips.get(n) else { continue };
        if !keep.contains(&address_key(&i.config, &vip.addr)) {
            i.remove_vip(n, env);
        }
    }
    let old = take(&mut i.vips);
    let mut known: HashMap<_, &Vip> = HashMap::new();
    for vip in &old {
        known.entry(address_key(&i.config, &vip.addr)).or_insert(vip);
    }
    i.vips = wanted
        .map(|(a, excluded)| match known.get(&address_key(config, a)) {
            Some(vip) if *vip.addr == *a => Vip { excluded, ..(*vip).clone() },
            Some(vip) => {
                let outdated = vip.outdated || !is_alike(&vip.addr, a);
                Vip { addr: Arc::new(a.clone()), excluded, outdated, ..(*vip).clone() }
            }
            None => Vip::new(a, excluded),
        })
        .collect();
    i.reconfigure(config);
}

/// A master that stays one tells its new settings, and puts up new addresses
/// with GARPs for all; so it does when refreshes are new.
fn set_new_addresses(i: &mut Instance, env: &mut Env<'_>) {
    if i.state != State::Master {
        return;
    }
    i.advertise(env, i.advertised());
    i.timer = Some(env.now + i.config.advert_int);
    let is_new = |v: &Vip| v.on.is_none() || v.outdated;
    let new: Vec<usize> =
        (0..i.vips.len()).filter(|n| i.vips.get(*n).is_some_and(is_new)).collect();
    for n in &new {
        i.set_vip(*n, env);
    }
    i.set_fib(env);
    i.schedule_extra(env.now);
    let refreshes = !i.config.garp.master_refresh.is_zero() && i.garp_refresh.is_none();
    if !new.is_empty() || refreshes {
        let count = i.config.garp.master_repeat;
        i.garp_all(env, count);
        i.schedule_garps(env.now);
    }
}
