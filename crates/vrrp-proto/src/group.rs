//! Moving: claims and faults, of single instances and of sync groups as one.
//!
//! Owns who else moves when one instance does. A group is MASTER only when
//! every member can be; one member's fault is everybody's.

use crate::action::Out;
use crate::event::{Cause, Event, GroupEvent, InstanceEvent, Reason, State, Told};
use crate::instance::Instance;
use crate::node::{At, Node};
use core::time::Duration;
use model::vrrp::SyncGroup;
use std::collections::HashSet;
use std::sync::Arc;
use types::{GroupId, InstanceId, Prefix};

/// A sync group.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub id: GroupId,
    pub name: Arc<str>,
    pub config: Arc<SyncGroup>,
    /// In the group's order.
    pub members: Vec<InstanceId>,
    /// As last told.
    pub state: State,
    /// Place of a member that was seen not to want to be MASTER: where the
    /// next look begins, so that a round of claims looks at each member once.
    pub holdout: usize,
}

impl Group {
    pub fn report(&self, out: &mut Out, what: GroupEvent) {
        out.report(Event::Group { id: self.id, name: self.name.clone(), what });
    }

    pub fn notify(&self, out: &mut Out, told: Told) {
        self.report(out, GroupEvent::Notify { told, config: self.config.clone() });
    }
}

impl Node {
    /// The other members of a group.
    pub(crate) fn fellows(&self, group: Option<usize>, id: InstanceId) -> Vec<InstanceId> {
        let members = group.and_then(|g| self.groups.get(g)).map(|g| g.members.as_slice());
        members.unwrap_or(&[]).iter().copied().filter(|m| *m != id).collect()
    }

    fn group_of(&self, id: InstanceId) -> Option<usize> {
        self.get(id)?.group
    }

    /// The instance and its fellows.
    fn scope(&self, id: InstanceId) -> Vec<InstanceId> {
        let mut all = vec![id];
        all.extend(self.fellows(self.group_of(id), id));
        all
    }

    fn members(&self, ids: &[InstanceId]) -> impl Iterator<Item = &Instance> {
        ids.iter().filter_map(|id| self.get(*id))
    }

    /// Tells that the group as a whole is in another state.
    pub(crate) fn group_entered(&mut self, group: Option<usize>, state: State, at: &mut At<'_>) {
        let Some(g) = group.and_then(|g| self.groups.get_mut(g)) else { return };
        if g.state == state {
            return;
        }
        g.state = state;
        let told = match state {
            State::Init => return,
            State::Master => Told::Master,
            State::Backup => Told::Backup,
            State::Fault => Told::Fault,
        };
        g.notify(at.out, told);
    }

    fn report_sync(&self, group: Option<usize>, what: GroupEvent, at: &mut At<'_>) {
        if let Some(g) = group.and_then(|g| self.groups.get(g)) {
            g.report(at.out, what);
        }
    }

    /// At start a group is told of before its members.
    pub(crate) fn announce_group(&mut self, g: usize, at: &mut At<'_>) {
        let Some(group) = self.groups.get(g) else { return };
        let ids = group.members.clone();
        if self.members(&ids).any(|i| i.waiting || i.unbound) {
            return;
        }
        let faulty = self.members(&ids).any(|i| !i.causes.is_empty());
        let state = if faulty { State::Fault } else { State::Backup };
        self.group_entered(Some(g), state, at);
    }

    /// Whether somebody of the group does not want to be MASTER.
    fn is_held_back(&mut self, id: InstanceId) -> bool {
        let ready = |i: &Instance| i.wants_master && i.causes.is_empty();
        let Some(g) = self.group_of(id) else { return !self.get(id).is_some_and(ready) };
        let Some(group) = self.groups.get(g) else { return false };
        let (begun, count) = (group.holdout, group.members.len());
        let place = |n: usize| (begun + n) % count;
        let holds = |n: &usize| {
            let member = group.members.get(place(*n)).and_then(|m| self.get(*m));
            member.is_some_and(|i| !ready(i))
        };
        let found = (0..count).find(holds).map(place);
        if let (Some(at), Some(group)) = (found, self.groups.get_mut(g)) {
            group.holdout = at;
        }
        found.is_some()
    }

    /// [`Node::settle`] for many: once for each group.
    pub(crate) fn settle_all(
        &mut self,
        ids: &[InstanceId],
        reason: impl Fn(InstanceId) -> Reason,
        at: &mut At<'_>,
    ) {
        let mut done = HashSet::new();
        for id in ids {
            if self.group_of(*id).is_none_or(|g| done.insert(g)) {
                self.settle(*id, reason(*id), at);
            }
        }
    }

    /// The master down timer ran out (RFC 9568 section 6.4.2). A member of a
    /// group waits until all the others want to be MASTER as well.
    pub(crate) fn claim(&mut self, id: InstanceId, at: &mut At<'_>) {
        self.on(id, at, |i, env| {
            i.report(env.out, InstanceEvent::AdvertTimeout);
            i.wants_master = true;
            if i.yielded {
                i.yielded = false;
                i.report(env.out, InstanceEvent::OwnerConflictOver);
            }
        });
        if self.is_held_back(id) {
            self.on(id, at, |i, env| i.timer = Some(env.now + i.master_down()));
            return;
        }
        let reason = match self.get(id) {
            Some(i) if i.priority.is_owner() => Reason::Owner,
            _ => Reason::MasterDown,
        };
        self.on(id, at, |i, env| i.enter_master(env, reason));
        let group = self.group_of(id);
        let fellows = self.fellows(group, id);
        // Who joins masters changes nothing for them.
        if fellows.is_empty() || self.members(&fellows).any(|i| i.state != State::Master) {
            self.report_sync(group, GroupEvent::Syncing(State::Master), at);
        }
        let name = self.name(id);
        for fellow in fellows {
            if self.get(fellow).is_some_and(|i| i.state == State::Backup) {
                self.on(fellow, at, |i, env| i.enter_master(env, Reason::Group(name.clone())));
            }
        }
        self.group_entered(group, State::Master, at);
    }

    pub(crate) fn name(&self, id: InstanceId) -> Arc<str> {
        self.get(id).map_or_else(|| "".into(), |i| i.name.clone())
    }

    /// `id` has left MASTER for BACKUP: so do its fellows, silently.
    pub(crate) fn sync_backup(&mut self, id: InstanceId, at: &mut At<'_>) {
        let group = self.group_of(id);
        if group.is_none() {
            return;
        }
        self.report_sync(group, GroupEvent::Syncing(State::Backup), at);
        let name = self.name(id);
        for fellow in self.fellows(group, id) {
            self.on(fellow, at, |i, env| match i.state {
                State::Master => {
                    let wait = i.master_down();
                    i.enter_backup(env, Reason::Group(name.clone()), wait, 0);
                }
                _ => i.wants_master = i.starts_master,
            });
        }
        self.group_entered(group, State::Backup, at);
    }

    /// A new member of a group of masters has heard of one that is better: they follow it.
    pub(crate) fn follow_member(&mut self, id: InstanceId, at: &mut At<'_>) {
        let fellows = self.fellows(self.group_of(id), id);
        if self.members(&fellows).any(|i| i.state == State::Master) {
            self.sync_backup(id, at);
        }
    }

    /// Somebody removed one of our addresses: leave, tell, and be back before
    /// anybody else, the whole group with short timers. That repairs
    /// everything in one known way.
    pub(crate) fn address_lost(&mut self, id: InstanceId, prefix: Prefix, at: &mut At<'_>) {
        self.taken(id, InstanceEvent::AddressLost(prefix), Reason::AddressLost(prefix), at);
    }

    /// The same for whatever was removed.
    pub(crate) fn taken(
        &mut self,
        id: InstanceId,
        what: InstanceEvent,
        why: Reason,
        at: &mut At<'_>,
    ) {
        self.on(id, at, |i, env| i.report(env.out, what));
        let name = self.name(id);
        for member in self.scope(id) {
            let reason = match member == id {
                true => why.clone(),
                false => Reason::Group(name.clone()),
            };
            self.on(member, at, |i, env| {
                if i.state == State::Master {
                    let wait = i.skew();
                    i.enter_backup(env, reason, wait, 1);
                }
            });
        }
        self.group_entered(self.group_of(id), State::Backup, at);
    }

    /// Brings the instance and its group into the state that faults allow.
    pub(crate) fn settle(&mut self, id: InstanceId, reason: Reason, at: &mut At<'_>) {
        if !self.started {
            return;
        }
        let scope = self.scope(id);
        let silent = |i: &Instance| (i.waiting || i.unbound) && i.state == State::Init;
        let waiting = self.members(&scope).any(silent);
        let faulty = self.members(&scope).any(|i| !i.causes.is_empty());
        match (faulty, waiting) {
            (true, false) => self.fault(id, &scope, reason, at),
            // Nothing is told of a group before its scripts have run; but a
            // reload may have put one that waits beside others.
            (true, true) => {
                let runs =
                    |id: &&InstanceId| self.get(**id).is_some_and(|i| i.state != State::Init);
                let running: Vec<_> = scope.iter().filter(runs).copied().collect();
                self.fault(id, &running, reason, at);
            }
            (false, true) => {}
            (false, false) => self.recover(id, &scope, reason, at),
        }
    }

    /// Moves `scope` to FAULT, first the member whose facts changed.
    fn fault(&mut self, id: InstanceId, scope: &[InstanceId], why: Reason, at: &mut At<'_>) {
        let group = self.group_of(id);
        let name = self.name(id);
        let mut synced = false;
        for member in scope {
            if self.get(*member).is_none_or(|i| i.state == State::Fault) {
                continue;
            }
            if *member != id && !synced {
                self.report_sync(group, GroupEvent::Syncing(State::Fault), at);
                synced = true;
            }
            let at_start = why == Reason::Start;
            let by_group = Reason::Group(name.clone());
            self.on(*member, at, |i, env| {
                let init = i.state == State::Init;
                let init = init && at_start;
                let known = i.causes.is_empty() || i.causes.iter().any(Cause::is_known_at_start);
                let reason = i.causes.first().cloned().map_or(by_group, Reason::Fault);
                i.enter_fault(env, reason, init, !init || known);
            });
        }
        self.group_entered(group, State::Fault, at);
    }

    fn recover(&mut self, id: InstanceId, scope: &[InstanceId], reason: Reason, at: &mut At<'_>) {
        let mut moved = false;
        // It may have joined masters, who stay that.
        let joins = self.members(scope).any(|i| i.state == State::Master);
        let mut synced = reason == Reason::Start || joins;
        for member in scope {
            let stuck = |i: &Instance| matches!(i.state, State::Init | State::Fault);
            if !self.get(*member).is_some_and(stuck) {
                continue;
            }
            moved = true;
            if *member != id && !synced {
                self.report_sync(self.group_of(id), GroupEvent::Syncing(State::Backup), at);
                synced = true;
            }
            let reason = reason.clone();
            self.on(*member, at, |i, env| {
                i.restore_interval(env);
                if i.state == State::Fault
                    && i.is_unicast()
                    && let (Some(src), Some(ifindex)) = (i.src, i.ifindex)
                {
                    // So that the peers' ARP entries for us are fresh.
                    i.garp(env, src, ifindex, 1);
                }
                let wait = if i.starts_master { Duration::ZERO } else { i.master_down() };
                i.enter_backup(env, reason, wait, 0);
            });
        }
        if moved && !joins {
            self.group_entered(self.group_of(id), State::Backup, at);
        }
    }
}
