//! Virtual addresses in place: where they belong, how they move there, and what hides them.
//!
//! Owns the way of an address from one interface to another, which a reload or another link in the
//! place of the old one may ask for. When they come and go is `transition`'s.

use crate::action::{Action, Owner};
use crate::event::State;
use crate::firewall::Element;
use crate::instance::{Env, Instance, Vip};
use crate::links::Links;
use crate::node::{At, Node};
use crate::vmac::{VmacKey, Vmacs};
use model::net::Address;
use std::sync::Arc;
use types::{Family, IfIndex, InstanceId, Prefix};

impl Instance {
    /// The interface that one of its addresses goes on.
    pub fn device<'a>(
        &'a self,
        addr: &'a Address,
        links: &Links,
        vmacs: &Vmacs,
    ) -> Result<IfIndex, &'a str> {
        let own = self.config.interface.as_deref();
        let dev = addr.dev.as_deref().or(own).unwrap_or_default();
        match VmacKey::of(&self.config, addr) {
            Some(key) => vmacs.get(&key).ok_or(dev),
            None => links.named(dev).map(|l| l.index).ok_or(dev),
        }
    }

    /// Whether the virtual link for an address is being made.
    pub fn is_link_coming(&self, addr: &Address, vmacs: &Vmacs) -> bool {
        VmacKey::of(&self.config, addr).is_some_and(|key| vmacs.is_coming(&key))
    }

    /// Whether the virtual link for an address is there and being changed.
    pub fn is_link_changing(&self, addr: &Address, vmacs: &Vmacs) -> bool {
        VmacKey::of(&self.config, addr).is_some_and(|key| vmacs.is_changing(&key))
    }

    /// Either of these.
    pub fn awaits_link(&self, addr: &Address, vmacs: &Vmacs) -> bool {
        self.is_link_coming(addr, vmacs) || self.is_link_changing(addr, vmacs)
    }

    /// The virtual address `prefix`, while it is to be on that interface.
    pub fn placed_vip(&self, on: IfIndex, prefix: Prefix) -> Option<&Vip> {
        self.vips.iter().find(|v| v.on == Some(on) && v.addr.prefix == prefix)
    }

    /// The virtual address `prefix` has gone with its link.
    pub fn displace(&mut self, on: IfIndex, prefix: Prefix) {
        let gone = |v: &&mut Vip| v.on == Some(on) && v.addr.prefix == prefix;
        if let Some(vip) = self.vips.iter_mut().find(gone) {
            vip.on = None;
        }
    }

    /// Asks for the removal of a virtual address.
    pub fn remove_vip(&mut self, index: usize, env: &mut Env<'_>) {
        let owner = Owner::Instance(self.id);
        let Some(vip) = self.vips.get_mut(index) else { return };
        let places = [vip.on.take(), vip.from.take()];
        let (addr, excluded) = (vip.addr.clone(), vip.excluded);
        for ifindex in places.into_iter().flatten().filter(|n| env.links.get(*n).is_some()) {
            let addr = addr.clone();
            env.out.actions.push(Action::DelAddr {
                owner,
                ifindex,
                addr,
                excluded,
                best_effort: false,
            });
        }
        // Also one that waited for its link.
        self.hide(index, None, env);
    }

    /// Takes a virtual address of a renamed link away, whatever its label is by now, and puts it
    /// back.
    pub fn relabel_vip(&mut self, index: usize, env: &mut Env<'_>) {
        let owner = Owner::Instance(self.id);
        let Some(vip) = self.vips.get_mut(index) else { return };
        let Some(ifindex) = vip.on else { return };
        vip.outdated = false;
        let (ip, addr, excluded) = (vip.ip(), vip.addr.clone(), vip.excluded);
        let old = Arc::new(Address { label: None, ..(*addr).clone() });
        let gone = Action::DelAddr { owner, ifindex, addr: old, excluded, best_effort: true };
        let back = Action::AddAddr { owner, ifindex, addr, excluded };
        env.out.actions.extend([gone, back]);
        self.fib.renew(ip, owner, env.links, env.out);
    }

    /// A virtual address leaves the place where an earlier configuration had it, unless it is
    /// `used` there.
    pub fn leave_place(&mut self, index: usize, used: bool, env: &mut Env<'_>) {
        let owner = Owner::Instance(self.id);
        let Some(vip) = self.vips.get_mut(index) else { return };
        let (addr, excluded) = (vip.addr.clone(), vip.excluded);
        let from = vip.from.take().filter(|from| !used && env.links.get(*from).is_some());
        if let Some(ifindex) = from {
            let ip = addr.prefix.addr;
            env.out.actions.push(Action::DelAddr {
                owner,
                ifindex,
                addr,
                excluded,
                best_effort: true,
            });
            // The kernel drops them with the address, wherever else that is.
            self.fib.renew(ip, owner, env.links, env.out);
        }
        self.veil(index, env);
    }

    /// Has the firewall hide a virtual address for as long as it is in place and not accepted, and
    /// as it waits for its link.
    pub fn veil(&mut self, index: usize, env: &mut Env<'_>) {
        let Some(vip) = self.vips.get(index) else { return };
        let element = |on| env.firewall.element(&self.config, &vip.addr, on, env.links);
        let awaited = || self.state == State::Master && self.awaits_link(&vip.addr, env.vmacs);
        let wanted = match vip.place() {
            Some(on) => element(on),
            // Not those that depend on the index of the link.
            None if !self.config.accept && awaited() => {
                element(IfIndex(0)).filter(|e| matches!(e, Element::Hidden(_)))
            }
            None => None,
        };
        self.hide(index, wanted, env);
    }

    /// Has the firewall hold `wanted` for a virtual address, and nothing else.
    fn hide(&mut self, index: usize, wanted: Option<Element>, env: &mut Env<'_>) {
        let Some(vip) = self.vips.get_mut(index) else { return };
        if wanted == vip.hidden {
            return;
        }
        let old = core::mem::replace(&mut vip.hidden, wanted.clone());
        if let Some(element) = wanted {
            env.firewall.add(element, env.out);
        }
        if let Some(element) = old {
            env.firewall.remove(element, env.out);
        }
    }
}

impl Node {
    /// A link was renamed. What knows it by its name learns the new one. The kernel gives its IPv4
    /// addresses other labels, numbered ones to all but one (linux `inetdev_changename`), and
    /// changes none: they are taken away and put back.
    pub(crate) fn relabel(&mut self, index: IfIndex, at: &mut At<'_>) {
        let several = self.links.get(index).is_some_and(|l| l.count(Family::V4) > 1);
        let here = |v: &Vip| v.on == Some(index);
        let wrong = |v: &Vip| {
            here(v) && v.addr.prefix.addr.is_ipv4() && (several || v.addr.label.is_some())
        };
        let users = self.order.iter().filter_map(|id| self.get(*id));
        let users = users.filter(|i| i.vips.iter().any(here)).map(|i| i.id);
        for id in users.collect::<Vec<_>>() {
            self.on(id, at, |i, env| {
                for n in 0..i.vips.len() {
                    if i.vips.get(n).is_some_and(wrong) {
                        i.relabel_vip(n, env);
                    }
                    i.veil(n, env);
                }
            });
        }
    }

    /// A master's addresses are on the interfaces that they belong on, even
    /// when those were replaced.
    pub(crate) fn check_devices(&mut self, id: InstanceId, at: &mut At<'_>) {
        let Some(i) = self.get(id).filter(|i| i.state == State::Master) else { return };
        let moved = i.vips.iter().find(|v| {
            let device = i.device(&v.addr, &self.links, &self.vmacs).ok();
            v.on.is_some() && device.is_some() && device != v.on
        });
        if let Some(prefix) = moved.map(|v| v.addr.prefix) {
            self.address_lost(id, prefix, at);
            return;
        }
        self.on(id, at, |i, env| {
            for n in 0..i.vips.len() {
                let Some(vip) = i.vips.get(n) else { continue };
                let device = i.device(&vip.addr, env.links, env.vmacs).ok();
                if (vip.on.is_none() || vip.outdated) && device.is_some() {
                    i.set_vip(n, env);
                    i.garp_vip(n, env);
                } else if device.is_none()
                    && let Some(vip) = i.vips.get_mut(n)
                {
                    vip.on = None;
                    i.veil(n, env);
                }
            }
            i.repair_fib(env);
        });
        self.finish_moves(id, at);
    }

    /// Addresses that are where they belong leave the place where an earlier configuration had
    /// them, and so do those that can be nowhere now.
    fn finish_moves(&mut self, id: InstanceId, at: &mut At<'_>) {
        let Some(i) = self.get(id) else { return };
        let waits = |v: &Vip| v.on.is_none() && i.awaits_link(&v.addr, &self.vmacs);
        let vips = i.vips.iter().enumerate().filter(|(_, v)| !waits(v));
        let done: Vec<_> = vips.filter_map(|(n, v)| Some((n, v.from?))).collect();
        for (n, from) in done {
            let used = self.is_used(id, n, from);
            self.on(id, at, |i, env| i.leave_place(n, used, env));
        }
    }

    /// Whether an address of an instance is wanted on an interface: by itself, by another one, or
    /// as a static address.
    fn is_used(&self, id: InstanceId, n: usize, on: IfIndex) -> bool {
        let Some(vip) = self.get(id).and_then(|i| i.vips.get(n)) else { return false };
        let users = self.index.vips.of(vip.ip());
        let mut all = users.filter_map(|id| self.get(id)).flat_map(|i| &i.vips);
        let prefix = vip.addr.prefix;
        all.any(|v| v.on == Some(on) && v.addr.prefix == prefix) || self.statics.holds(on, prefix)
    }
}
