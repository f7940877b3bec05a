//! What facts mean for an instance: its interface, its source address, its
//! socket, its priority, its faults.
//!
//! Owns the step from the host's tables to one instance; computed anew each
//! time, so the order of facts does not matter.

use crate::event::{Cause, InstanceEvent, Reason, State};
use crate::node::{At, Node};
use crate::sockets;
use crate::track;
use types::InstanceId;

impl Node {
    /// Looks at instances again after something they depend on changed: first
    /// at each, then a group moves, knowing everybody's faults.
    pub(crate) fn refresh(&mut self, ids: &[InstanceId], at: &mut At<'_>) {
        if !self.started {
            return;
        }
        let before: Vec<_> = ids.iter().map(|id| (*id, self.before(*id))).collect();
        for id in ids {
            self.bind(*id, at);
            self.assess(*id, at);
        }
        self.settle_all(ids, |_| Reason::Recovered, at);
        for id in ids {
            self.check_devices(*id, at);
        }
        for (id, before) in before {
            self.explain(id, before, at);
        }
    }

    /// Finds interface, source address and socket.
    pub(crate) fn bind(&mut self, id: InstanceId, at: &mut At<'_>) {
        let Some(Some(i)) = self.instances.get_mut(id.index()) else { return };
        let link = i.config.interface.as_deref().and_then(|n| self.links.named(n));
        i.ifindex = link.map(|l| l.index);
        let vips = &self.index.vips;
        let found = link.and_then(|l| l.source(i.config.family, |a| vips.contains_key(&a)));
        i.src = i.config.source.or(found);
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
        if i.src.is_none() {
            add(Cause::NoAddress(i.family()));
        }
        if i.config.track_source && i.config.source.is_some_and(|s| !self.links.has_address(s)) {
            add(Cause::SourceMissing);
        }
        if i.config.config_faults > 0 {
            add(if i.config.fault_no_peer { Cause::NoPeers } else { Cause::Config });
        }
    }

    /// A master's addresses are on the interfaces that they belong on, even
    /// when those were replaced.
    fn check_devices(&mut self, id: InstanceId, at: &mut At<'_>) {
        let Some(i) = self.get(id).filter(|i| i.state == State::Master) else { return };
        let moved = i.vips.iter().find(|v| {
            let device = i.device(&v.addr, &self.links).ok();
            v.hold.on.is_some() && device.is_some() && device != v.hold.on
        });
        if let Some(prefix) = moved.map(|v| v.addr.prefix) {
            self.address_lost(id, prefix, at);
            return;
        }
        self.on(id, at, |i, env| {
            for n in 0..i.vips.len() {
                let Some(vip) = i.vips.get(n) else { continue };
                let device = i.device(&vip.addr, env.links).ok();
                if vip.hold.on.is_none() && device.is_some() {
                    i.set_vip(n, env);
                    i.garp_vip(n, env);
                } else if device.is_none()
                    && let Some(vip) = i.vips.get_mut(n)
                {
                    vip.hold.release();
                }
            }
        });
    }
}
