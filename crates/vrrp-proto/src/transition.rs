//! Entering and leaving states: what is sent, set, removed and told, in order.
//!
//! Owns the sequence of actions of one instance. Who moves and why is decided
//! by `fsm`, `node` and `group`.

use crate::action::{Action, Garp, Owner};
use crate::event::{InstanceEvent, Reason, State, Told};
use crate::instance::{Again, Env, Instance, Vip};
use crate::vmac::VmacKey;
use core::net::IpAddr;
use core::time::Duration;
use model::net::Address;
use model::vrrp::Version;
use types::{IfIndex, Mono, Priority};

impl Instance {
    /// Advert first, so that the others know; then addresses, then
    /// neighbours' tables, then notifications (RFC 9568 section 6.4.2).
    pub fn enter_master(&mut self, env: &mut Env<'_>, reason: Reason) {
        self.restore_interval(env);
        // The sequence has run out: a new mastership begins a new one.
        if self.auth.ah_sent == u32::MAX {
            (self.auth.ah_sent, self.auth.ah_seen) = (0, 0);
        }
        self.enter(env, State::Master, false, reason);
        self.wants_master = true;
        self.master = None;
        self.preempt_until = None;
        self.counters.become_master += 1;
        self.advertise(env, self.advertised());
        self.timer = Some(env.now + self.config.advert_int);
        self.set_addresses(env);
        self.set_fib(env);
        let garp = self.config.garp.clone();
        self.garp_all(env, garp.master_repeat);
        self.schedule_garps(env.now);
        self.schedule_extra(env.now);
        self.notify(env, Told::Master);
        self.announce_mastery(env);
    }

    /// The second batch, and the refresh that begins after it.
    pub fn schedule_garps(&mut self, now: Mono) {
        let garp = &self.config.garp;
        self.garp_again = again(now, garp.master_delay, garp.master_repeat);
        self.garp_refresh =
            (!garp.master_refresh.is_zero()).then(|| now + garp.master_delay + garp.master_refresh);
    }

    /// Listens, for `wait` at most. A master sends `zeros` adverts of
    /// priority 0 as it leaves.
    pub fn enter_backup(&mut self, env: &mut Env<'_>, reason: Reason, wait: Duration, zeros: u8) {
        let init = self.state == State::Init && reason == Reason::Start && !self.waiting;
        let was = self.state;
        self.enter(env, State::Backup, init, reason);
        self.wants_master = self.starts_master;
        self.timer = Some(env.now + env.hold + wait);
        self.stretched = false;
        self.leave_master(env, was, zeros);
        self.notify(env, Told::Backup);
    }

    /// Something is missing. Where the fault itself is, a master tells the
    /// others twice: that must not be lost.
    pub fn enter_fault(&mut self, env: &mut Env<'_>, reason: Reason, init: bool, told: bool) {
        let zeros = if self.causes.is_empty() { 1 } else { 2 };
        let was = self.state;
        self.enter(env, State::Fault, init, reason);
        self.wants_master = false;
        self.timer = None;
        self.master = None;
        self.preempt_until = None;
        self.leave_master(env, was, zeros);
        if told {
            self.notify(env, Told::Fault);
        }
    }

    fn enter(&mut self, env: &mut Env<'_>, state: State, init: bool, reason: Reason) {
        self.state = state;
        self.reason = reason.clone();
        self.since = env.now;
        self.managed.entered(state, self.priority.is_owner(), env.now);
        self.logged = 0;
        self.report(env.out, InstanceEvent::Entering { state, init, reason });
    }

    fn leave_master(&mut self, env: &mut Env<'_>, was: State, zeros: u8) {
        if was != State::Master {
            return;
        }
        for _ in 0..zeros {
            self.send_zero(env);
        }
        self.counters.release_master += 1;
        self.garp_again = None;
        self.garp_lower = None;
        self.garp_refresh = None;
        self.garp_extra = None;
        self.rogue = None;
        env.pacer.cancel(self.id);
        env.out.actions.push(Action::CancelGarps { instance: self.id });
        self.remove_fib(env);
        self.remove_addresses(env);
    }

    /// Stops; a master says so, addresses are removed.
    pub fn stop(&mut self, env: &mut Env<'_>) {
        let was = self.state;
        self.state = State::Init;
        self.timer = None;
        self.wants_master = false;
        self.leave_master(env, was, 1);
    }

    /// Tells the others that we leave (RFC 9568 section 6.4.3).
    fn send_zero(&mut self, env: &mut Env<'_>) {
        self.advertise(env, Priority::STOP);
        self.report(env.out, InstanceEvent::SentPriorityZero);
    }

    /// Our own interval counts again.
    pub fn restore_interval(&mut self, env: &mut Env<'_>) {
        let own = self.config.advert_int;
        if self.config.version == Version::V3 && self.master_adv != own {
            let from = self.master_adv;
            self.report(env.out, InstanceEvent::IntervalRestored { from, to: own });
        }
        self.master_adv = own;
    }

    /// Tells scripts, FIFOs and the rest.
    pub fn notify(&mut self, env: &mut Env<'_>, told: Told) {
        self.told = Some(told);
        let (priority, config) = (self.priority, self.config.clone());
        self.report(env.out, InstanceEvent::Notify { told, priority, config });
    }

    fn set_addresses(&mut self, env: &mut Env<'_>) {
        if !self.config.accept && !self.vips.is_empty() {
            self.report(env.out, InstanceEvent::Hiding { set: true });
        }
        for excluded in [false, true] {
            if !self.vips.iter().any(|v| v.excluded == excluded) {
                continue;
            }
            self.report(env.out, InstanceEvent::Addresses { set: true, excluded });
            for i in 0..self.vips.len() {
                if self.vips.get(i).is_some_and(|v| v.excluded == excluded) {
                    self.set_vip(i, env);
                }
            }
        }
    }

    /// Asks for one virtual address, unless its interface is missing.
    pub fn set_vip(&mut self, index: usize, env: &mut Env<'_>) {
        let Some(vip) = self.vips.get(index) else { return };
        let (addr, excluded) = (vip.addr.clone(), vip.excluded);
        match self.device(&addr, env.links, env.vmacs) {
            // It is set when its link is as it should be.
            Ok(_) if self.is_link_changing(&addr, env.vmacs) => self.veil(index, env),
            Ok(ifindex) => {
                if let Some(vip) = self.vips.get_mut(index) {
                    vip.on = Some(ifindex);
                    vip.outdated = false;
                }
                self.veil(index, env);
                let owner = Owner::Instance(self.id);
                env.out.actions.push(Action::AddAddr { owner, ifindex, addr, excluded });
            }
            // It is set when its link is there.
            Err(_) if self.is_link_coming(&addr, env.vmacs) => self.veil(index, env),
            Err(dev) => {
                let (addr, ifname) = (addr.prefix, dev.into());
                self.report(env.out, InstanceEvent::DeviceMissing { addr, ifname });
            }
        }
    }

    /// Removes every virtual address that is in place.
    pub fn remove_addresses(&mut self, env: &mut Env<'_>) {
        let hidden = self.vips.iter().any(|v| v.hidden.is_some());
        for excluded in [false, true] {
            let concerned = |v: &Vip| v.excluded == excluded && v.place().is_some();
            if self.vips.iter().any(concerned) {
                self.report(env.out, InstanceEvent::Addresses { set: false, excluded });
            } else if !hidden {
                continue;
            }
            for i in 0..self.vips.len() {
                if self.vips.get(i).is_some_and(|v| v.excluded == excluded) {
                    self.remove_vip(i, env);
                }
            }
        }
        if hidden {
            self.report(env.out, InstanceEvent::Hiding { set: false });
        }
    }

    /// Removes what a previous run has left on the interfaces.
    pub fn remove_leftovers(&mut self, env: &mut Env<'_>) {
        let mut found = Vec::new();
        for vip in &self.vips {
            if let Ok(index) = self.device(&vip.addr, env.links, env.vmacs)
                && let Some(link) = env.links.get(index)
                && link.has(vip.addr.prefix)
            {
                found.push((index, vip.addr.clone(), vip.excluded));
            }
        }
        self.remove_fib_leftovers(env);
        for excluded in [false, true] {
            if found.iter().any(|f| f.2 == excluded) {
                self.report(env.out, InstanceEvent::Addresses { set: false, excluded });
            }
        }
        // Until they are gone they stay hidden.
        let hides = |addr: &Address, on| env.firewall.element(&self.config, addr, on, env.links);
        let hidden: Vec<_> = found.iter().filter_map(|(on, addr, _)| hides(addr, *on)).collect();
        hidden.iter().for_each(|element| env.firewall.add(element.clone(), env.out));
        for (ifindex, addr, excluded) in found {
            let owner = Owner::Instance(self.id);
            env.out.actions.push(Action::DelAddr {
                owner,
                ifindex,
                addr,
                excluded,
                best_effort: true,
            });
        }
        hidden.into_iter().for_each(|element| env.firewall.remove(element, env.out));
    }

    /// `count` GARPs for every virtual address in place.
    pub fn garp_all(&mut self, env: &mut Env<'_>, count: u32) {
        for vip in &self.vips {
            if let Some(ifindex) = vip.on {
                self.announce(env, vip.ip(), ifindex, count);
            }
        }
    }

    /// The batch of a new master for one of its addresses.
    pub fn garp_vip(&mut self, index: usize, env: &mut Env<'_>) {
        let count = self.config.garp.master_repeat;
        if let Some(vip) = self.vips.get(index)
            && let Some(ifindex) = vip.on
        {
            self.announce(env, vip.ip(), ifindex, count);
        }
    }

    /// `count` GARPs for a virtual address, of which a line tells.
    fn announce(&self, env: &mut Env<'_>, addr: IpAddr, on: IfIndex, count: u32) {
        if let Some(garp) = self.request(env, addr, on, count) {
            let ifname = garp.ifname.clone();
            self.report(env.out, InstanceEvent::Announcing { addr, ifname });
            env.pacer.request(env.now, garp, env.out);
        }
    }

    /// `count` GARPs for one address.
    pub fn garp(&self, env: &mut Env<'_>, addr: IpAddr, on: IfIndex, count: u32) {
        if let Some(garp) = self.request(env, addr, on, count) {
            env.pacer.request(env.now, garp, env.out);
        }
    }

    fn request(&self, env: &Env<'_>, addr: IpAddr, ifindex: IfIndex, count: u32) -> Option<Garp> {
        let link = env.links.get(ifindex).filter(|link| !link.noarp && count > 0)?;
        Some(Garp {
            instance: self.id,
            name: self.name.clone(),
            addr,
            ifindex,
            ifname: link.name.clone(),
            hw_type: link.hw_type,
            mac: link.mac,
            broadcast: link.broadcast,
            router: link.forwarding,
            count,
        })
    }

    /// GARPs because a lower master was heard: now, and again later.
    pub fn garp_lower_priority(&mut self, env: &mut Env<'_>) {
        let (delay, count) = {
            let g = &self.config.garp;
            (g.lower_prio_delay, g.lower_prio_repeat)
        };
        self.garp_all(env, count);
        self.garp_lower = again(env.now, delay, count);
    }

    /// One GARP for every virtual address, because somebody asks for it.
    pub fn garps_asked(&mut self, env: &mut Env<'_>) {
        let master = self.state == State::Master;
        self.report(env.out, InstanceEvent::GarpsAsked { master });
        if master {
            self.garp_all(env, 1);
        }
    }

    /// Sends the GARPs that are due.
    pub fn garp_tick(&mut self, env: &mut Env<'_>) {
        self.garp_extra_tick(env);
        if let Some(a) = self.garp_again.take_if(|a| a.at <= env.now) {
            self.garp_all(env, a.count);
        }
        if let Some(a) = self.garp_lower.take_if(|a| a.at <= env.now) {
            self.garp_all(env, a.count);
        }
        if let Some(at) = self.garp_refresh.take_if(|at| *at <= env.now) {
            let (every, count) =
                (self.config.garp.master_refresh, self.config.garp.master_refresh_repeat);
            // A reload may have ended the refreshes.
            if !every.is_zero() {
                self.garp_all(env, count);
                self.garp_refresh = Some(crate::timing::next_deadline(at, every, env.now));
            }
        }
    }

    /// `garp_extra_if`: adverts do not tell switches where addresses on other
    /// interfaces are, so packets do, now and then.
    pub fn schedule_extra(&mut self, now: Mono) {
        let elsewhere = self.vips.iter().any(|v| v.on.is_some() && v.on != self.ifindex);
        let extra = self.config.garp.extra_if.filter(|e| elsewhere && !e.interval.is_zero());
        self.garp_extra = extra.map(|e| now + e.interval);
    }

    /// One packet on each other interface, for the first address there.
    fn garp_extra_tick(&mut self, env: &mut Env<'_>) {
        let Some(at) = self.garp_extra.take_if(|at| *at <= env.now) else { return };
        let Some(extra) = self.config.garp.extra_if else { return };
        let mut done: Vec<IfIndex> = Vec::new();
        for vip in &self.vips {
            let vmac = VmacKey::of(&self.config, &vip.addr).is_some();
            if let Some(ifindex) = vip.on.filter(|on| Some(*on) != self.ifindex)
                && (extra.all || vmac)
                && !done.contains(&ifindex)
            {
                self.garp(env, vip.ip(), ifindex, 1);
                done.push(ifindex);
            }
        }
        self.garp_extra = Some(crate::timing::next_deadline(at, extra.interval, env.now));
    }

    /// A new effective priority; a backup's running timer shifts with it.
    pub fn set_priority(&mut self, env: &mut Env<'_>, to: Priority) {
        let from = self.priority;
        if from == to {
            return;
        }
        let before = self.master_down();
        self.priority = to;
        let after = self.master_down();
        if self.state == State::Backup
            && let Some(t) = self.timer
        {
            self.timer =
                Some(if after > before { t + (after - before) } else { t - (before - after) });
        }
        self.report(env.out, InstanceEvent::Priority { from, to });
        if self.tells_priority {
            let master = self.state == State::Master;
            self.report(env.out, InstanceEvent::NotifyPriority { master, priority: to });
        }
    }
}

fn again(now: Mono, delay: Duration, count: u32) -> Option<Again> {
    (!delay.is_zero() && count > 0).then(|| Again { at: now + delay, count })
}
