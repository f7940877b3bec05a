//! All virtual routers of a host: what shell, simulator and fuzzer drive.
//!
//! Owns the way from an input to the instances it concerns, and the order of
//! what follows. Elections are held in `election`, sequences of actions are
//! `transition`'s, moving as one is `group`'s.

use crate::action::{Action, Out, SocketId};
use crate::echo::Echoes;
use crate::event::{Event, InstanceEvent, Reason, State, Told};
use crate::firewall::Firewall;
use crate::group::Group;
use crate::input::{Input, RxMeta, Setup, TrackValue};
use crate::instance::{Env, Instance, Master};
use crate::links::{Changed, Links};
use crate::pace::Pacer;
use crate::packet::Raw;
use crate::receive;
use crate::same::keep_what_moves;
use crate::sockets::Sockets;
use crate::statics::Statics;
use crate::timers::Timers;
use crate::track::Tracked;
use crate::vip_index::VipIndex;
use crate::vmac::Vmacs;
use crate::vrids::Vrids;
use core::time::Duration;
use model::{Global, TrackKind};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use types::{Family, InstanceId, Mono, TrackId};

/// Adverts due within this time of a tick go out with it.
pub(crate) const COALESCE: Duration = Duration::from_millis(1);

/// The machine of one host.
///
/// Instances are known by a handle, [`InstanceId`]: the index in the
/// configuration that the node was made with. It stays the same over reloads
/// for as long as the instance lives; instances that a reload adds get free
/// handles.
#[derive(Debug)]
pub struct Node {
    pub(crate) global: Global,
    pub(crate) instances: Vec<Option<Instance>>,
    /// Handles in configuration order.
    pub(crate) order: Vec<InstanceId>,
    pub(crate) groups: Vec<Group>,
    pub(crate) statics: Statics,
    pub(crate) tracks: Vec<Tracked>,
    pub(crate) links: Links,
    pub(crate) echoes: Echoes,
    pub(crate) vmacs: Vmacs,
    pub(crate) vrids: Vrids,
    pub(crate) firewall: Firewall,
    pub(crate) sockets: Sockets,
    pub(crate) pacer: Pacer,
    pub(crate) timers: Timers,
    pub(crate) index: Index,
    pub(crate) started: bool,
    /// What earlier processes ran, until the start.
    former: Vec<Setup>,
    /// When it started, and for how long the host had been up.
    pub(crate) begun: (Mono, Duration),
    /// End of the start-up delay.
    pub(crate) hold_until: Option<Mono>,
    clock: Option<(Mono, Duration)>,
    unknown: HashSet<(SocketId, u8)>,
    due: Vec<u32>,
}

/// Who is concerned by what.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Instances by interface that they are on, watch or have addresses on.
    pub links: HashMap<Arc<str>, Vec<InstanceId>>,
    /// Instances by tracked object.
    pub tracks: Vec<Vec<InstanceId>>,
    /// Instances by virtual address.
    pub vips: VipIndex,
    /// Instances that depend on an address of any interface.
    pub sources: Vec<InstanceId>,
    /// Whether some instance needs the wall clock.
    pub clock: bool,
}

/// The time, and where actions go: what every step of one input shares.
pub(crate) struct At<'a> {
    pub now: Mono,
    pub out: &'a mut Out,
}

impl Node {
    /// A node that has not started.
    pub fn new(setup: Setup) -> Self {
        let mut node = Node {
            global: Global::default(),
            instances: Vec::new(),
            order: Vec::new(),
            groups: Vec::new(),
            statics: Statics::default(),
            tracks: Vec::new(),
            links: Links::default(),
            echoes: Echoes::default(),
            vmacs: Vmacs::default(),
            vrids: Vrids::default(),
            firewall: Firewall::default(),
            sockets: Sockets::default(),
            pacer: Pacer::default(),
            timers: Timers::default(),
            index: Index::default(),
            started: false,
            former: Vec::new(),
            begun: (Mono::ZERO, Duration::ZERO),
            hold_until: None,
            clock: None,
            unknown: HashSet::new(),
            due: Vec::new(),
        };
        node.configure(setup);
        node
    }

    /// Takes in one fact at `now`; what is to be done is appended to `out`.
    pub fn handle(&mut self, now: Mono, input: Input<'_>, out: &mut Out) {
        let before = out.actions.len();
        self.take_in(input, &mut At { now, out });
        for action in out.actions.iter().skip(before) {
            if let Action::DelAddr { ifindex, addr, .. } = action {
                self.echoes.expect(*ifindex, addr.prefix);
            }
        }
    }

    fn take_in(&mut self, input: Input<'_>, at: &mut At<'_>) {
        match input {
            Input::Start { uptime } => self.start(uptime, at),
            Input::Former(setups) => self.former = setups,
            Input::Tick => self.tick(at),
            Input::Slept { time } => self.slept(time, at),
            Input::Clock { unix } => self.clock = Some((at.now, unix)),
            Input::Packet { socket, meta, bytes } => self.packet(socket, &meta, bytes, at),
            Input::Link(fact) => self.change_links(at, |links, now, c| links.update(fact, now, c)),
            Input::LinkGone { index } => self.change_links(at, |l, _, c| l.remove(index, c)),
            Input::Links(facts) => {
                for index in self.links.indexes() {
                    if !facts.iter().any(|f| f.index == index) {
                        self.change_links(at, |l, _, c| l.remove(index, c));
                    }
                }
                for fact in facts {
                    self.change_links(at, |l, now, c| l.update(fact.clone(), now, c));
                }
            }
            Input::AddrAdded(fact) => self.addr_added(fact, at),
            Input::AddrRemoved(fact) => self.addr_removed(fact, at),
            Input::Addrs(facts) => {
                let there = facts.iter().map(|f| (f.ifindex, f.prefix)).collect();
                self.only_addresses(&there, at);
                for fact in facts {
                    self.addr_added(*fact, at);
                }
            }
            Input::AddrsThere(there) => self.only_addresses(there, at),
            Input::AddrFailed { owner, ifindex, addr, adding, errno } => {
                if !adding {
                    self.echoes.end(ifindex, addr.prefix);
                }
                self.addr_failed(owner, addr.prefix, adding, errno, at);
            }
            Input::LinkDone { made: true, .. } => self.vmacs_changed(&[], at),
            Input::LinkDone { name, made: false } => {
                self.vmacs.refused(name, at.now);
                self.refresh_users(name, at);
            }
            Input::Fib { owner, entry, fact } => self.fib_changed(owner, entry, fact, at),
            Input::Fibs(there) => self.all_fibs(there, at),
            Input::Forwarding { index, on } => self.links.set_forwarding(index, on),
            Input::Track { id, value } => self.track(id, value, at),
            Input::Announce { name } => self.announce(name, at),
            Input::Change { place, change } => self.change(place, change, at),
            Input::Reload(setup) => self.reload(*setup, at),
            Input::Shutdown => self.shutdown(at),
        }
    }

    /// When the next [`Input::Tick`] is due; in constant time.
    pub fn deadline(&self) -> Option<Mono> {
        let timers = self.timers.first().map(|t| t.0);
        let tables = [self.links.deadline(), self.vmacs.deadline()].into_iter().flatten().min();
        [timers, self.pacer.deadline(), tables, self.hold_until].into_iter().flatten().min()
    }

    /// Whether [`Input::Clock`] is needed, at least once a second and before
    /// other inputs of a wake-up: some instance uses `auth_hmac`.
    pub fn wants_clock(&self) -> bool {
        self.index.clock
    }

    /// Works on one instance; its timer is put in order afterwards.
    pub(crate) fn on<R>(
        &mut self,
        id: InstanceId,
        at: &mut At<'_>,
        f: impl FnOnce(&mut Instance, &mut Env<'_>) -> R,
    ) -> Option<R> {
        let i = self.instances.get_mut(id.index())?.as_mut()?;
        let mut env = Env {
            now: at.now,
            unix: match self.clock {
                Some((when, unix)) => unix + at.now.saturating_since(when),
                None => Duration::ZERO,
            },
            hold: self.hold_until.map_or(Duration::ZERO, |h| h.saturating_since(at.now)),
            links: &self.links,
            vmacs: &self.vmacs,
            firewall: &mut self.firewall,
            group4: self.global.mcast_group4,
            pacer: &mut self.pacer,
            out: at.out,
        };
        let r = f(i, &mut env);
        self.timers.set(id.0, i.deadline());
        Some(r)
    }

    /// Zeroes the counters of every instance.
    pub fn clear_counters(&mut self) {
        for i in self.instances.iter_mut().flatten() {
            i.counters = Default::default();
        }
    }

    fn announce(&mut self, name: &str, at: &mut At<'_>) {
        let named = |id: &InstanceId| self.get(*id).is_some_and(|i| &*i.name == name);
        if let Some(id) = self.order.iter().copied().find(named) {
            self.on(id, at, |i, env| i.garps_asked(env));
        }
    }

    pub(crate) fn get(&self, id: InstanceId) -> Option<&Instance> {
        self.instances.get(id.index())?.as_ref()
    }

    /// Leaves INIT: left-overs go, then groups and instances are told of.
    fn start(&mut self, uptime: Duration, at: &mut At<'_>) {
        if self.started {
            return;
        }
        self.started = true;
        self.begun = (at.now, uptime);
        let delay = self.startup_delay();
        if !delay.is_zero() {
            self.hold_until = Some(at.now + delay);
            at.out.report(Event::StartupDelay(delay));
        }
        let from = at.out.actions.len();
        self.place_rules(at);
        let former = core::mem::take(&mut self.former);
        self.remove_former(former, at);
        self.place_statics(None, at);
        self.place_vmacs(at);
        for id in self.order.clone() {
            self.bind(id, at);
            self.on(id, at, |i, env| i.remove_leftovers(env));
        }
        keep_what_moves(&mut at.out.actions, from);
        for id in self.order.clone() {
            self.assess(id, at);
        }
        for g in 0..self.groups.len() {
            self.announce_group(g, at);
        }
        let all = self.order.clone();
        self.settle_all(&all, |_| Reason::Start, at);
    }

    /// The larger of `vrrp_startup_delay` and what is left of
    /// `vrrp_delay_after_boot` at the start.
    fn startup_delay(&self) -> Duration {
        self.global.startup_delay.max(self.global.delay_after_boot.saturating_sub(self.begun.1))
    }

    /// A reload within the start-up delay adjusts what is left of it, and the
    /// timers that count from its end.
    pub(crate) fn adjust_hold(&mut self, at: &mut At<'_>) {
        let Some(old) = self.hold_until else { return };
        let new = (self.begun.0 + self.startup_delay()).max(at.now);
        self.hold_until = Some(new);
        for id in self.order.clone() {
            self.on(id, at, |i, _| {
                i.timer =
                    i.timer.map(|t| t + new.saturating_since(old) - old.saturating_since(new));
            });
        }
    }

    fn tick(&mut self, at: &mut At<'_>) {
        if self.hold_until.is_some_and(|h| h <= at.now) {
            self.hold_until = None;
            at.out.report(Event::StartupDelayOver);
        }
        let mut due = core::mem::take(&mut self.due);
        while let Some(key) = self.timers.pop_due(at.now + COALESCE) {
            due.push(key);
        }
        for key in &due {
            self.stall_check(InstanceId(*key), at);
        }
        for key in due.drain(..) {
            self.instance_tick(InstanceId(key), at);
        }
        self.due = due;
        self.pacer.tick(at.now, at.out);
        if self.links.deadline().is_some_and(|d| d <= at.now) {
            self.change_links(at, |links, now, c| links.tick(now, c));
        }
        if self.vmacs.deadline().is_some_and(|d| d <= at.now) {
            self.vmacs_changed(&[], at);
        }
    }

    fn packet(&mut self, socket: SocketId, meta: &RxMeta, bytes: &[u8], at: &mut At<'_>) {
        let Some(family) = self.sockets.key(socket).map(|k| k.family) else { return };
        if self.hold_until.is_some() || !self.started {
            return;
        }
        let raw = match Raw::split(family, meta, bytes) {
            Ok(raw) if Family::of(raw.src) == family => raw,
            Ok(_) => return,
            Err(reject) => {
                if let Some(id) = self.sockets.any_user(socket) {
                    self.on(id, at, |i, env| i.reject(env, meta.src, reject));
                }
                return;
            }
        };
        let Some(id) = self.addressee(socket, &raw) else {
            self.unknown_vrid(socket, meta, &raw, at);
            return;
        };
        let heard = self.on(id, at, |i, env| {
            if matches!(i.state, State::Init | State::Fault) || receive::foreign_casting(i, &raw) {
                return None;
            }
            let logged = i.logged;
            match i.receive(env, &raw) {
                Ok(heard) => {
                    // Another source: lines that were logged may come again.
                    if i.heard.is_none_or(|m| m.addr != heard.from) {
                        i.logged &= !logged;
                    }
                    i.heard = Some(Master { addr: heard.from, priority: heard.priority });
                    Some(heard)
                }
                Err(reject) => {
                    i.reject(env, raw.src, reject);
                    None
                }
            }
        });
        if let Some(Some(heard)) = heard {
            self.step(id, Some(heard), at);
        }
    }

    /// Whom a packet is for. Unicast instances of one VRID are told apart by
    /// the master they know, then by their peers.
    fn addressee(&self, socket: SocketId, raw: &Raw<'_>) -> Option<InstanceId> {
        let users = self.sockets.route(socket, raw.vrid());
        if let [only] = users {
            return Some(*only);
        }
        let instances = || users.iter().filter_map(|id| self.get(*id));
        let by_master =
            instances().find(|i| i.master.is_some_and(|m| m.addr == raw.src)).map(|i| i.id);
        by_master
            .or_else(|| instances().find(|i| i.has_peer(raw.src)).map(|i| i.id))
            .or_else(|| users.first().copied())
    }

    fn unknown_vrid(&mut self, socket: SocketId, meta: &RxMeta, raw: &Raw<'_>, at: &mut At<'_>) {
        if self.global.log_unknown_vrids && self.unknown.insert((socket, raw.vrid())) {
            let ifname = self.links.name_of(meta.ifindex);
            at.out.report(Event::UnknownVrid { vrid: raw.vrid(), ifname, from: raw.src });
        }
        self.diagnose_stranger(raw, at);
    }

    fn track(&mut self, id: TrackId, value: TrackValue, at: &mut At<'_>) {
        let Some(t) = self.tracks.get_mut(id.index()) else { return };
        if t.value == value {
            return;
        }
        t.value = value;
        let bfd = matches!(t.object.kind, TrackKind::Bfd).then(|| t.name.clone());
        let users = self.index.tracks.get(id.index()).cloned().unwrap_or_default();
        for user in &users {
            if let Some(name) = bfd.clone() {
                let up = value == TrackValue::Good;
                self.on(*user, at, |i, env| i.report(env.out, InstanceEvent::Bfd { name, up }));
            }
        }
        self.refresh(&users, at);
    }

    fn change_links(&mut self, at: &mut At<'_>, f: impl FnOnce(&mut Links, Mono, &mut Changed)) {
        let mut changed = Changed::default();
        f(&mut self.links, at.now, &mut changed);
        for event in changed.events {
            // What is there at start is no news, nor is a link nobody uses.
            let news = match &event {
                Event::LinkPresence { ifname, .. } => {
                    self.started && self.index.links.contains_key(ifname)
                }
                Event::Link { ifname, .. } => self.index.links.contains_key(ifname),
                _ => true,
            };
            if news {
                at.out.report(event);
            }
        }
        if !changed.names.is_empty() {
            self.vmacs_changed(&changed.names, at);
        }
    }

    pub(crate) fn refresh_users(&mut self, ifname: &str, at: &mut At<'_>) {
        if let Some(down) = self.links.named(ifname).filter(|link| !link.set_up) {
            self.statics.fib.link_down(down.index);
            self.instances.iter_mut().flatten().for_each(|i| i.fib.link_down(down.index));
        }
        self.place_statics(Some(ifname), at);
        let users = self.index.links.get(ifname).cloned().unwrap_or_default();
        self.refresh(&users, at);
        self.repair_lacking(at);
    }

    /// Priority 0 for each MASTER, addresses removed, STOP told: instances in
    /// configuration order, then groups.
    fn shutdown(&mut self, at: &mut At<'_>) {
        if !self.started {
            return;
        }
        self.started = false;
        self.hold_until = None;
        for id in self.order.clone() {
            self.on(id, at, |i, env| i.stop(env));
        }
        self.withdraw_statics(at);
        for id in self.order.clone() {
            self.on(id, at, |i, env| i.notify(env, Told::Stop));
        }
        for g in &self.groups {
            g.notify(at.out, Told::Stop);
        }
        for i in self.instances.iter_mut().flatten() {
            self.sockets.release(i, at.out);
        }
        at.out.actions.extend(self.vmacs.clear());
    }
}
