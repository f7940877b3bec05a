//! What an address that comes or goes means: for sources, for addresses that are ours, for static
//! ones.

use crate::action::Owner;
use crate::event::{Event, InstanceEvent, State};
use crate::input::AddrFact;
use crate::links::Link;
use crate::node::{At, Node};
use std::collections::HashSet;
use types::{IfIndex, Prefix};

impl Node {
    /// Addresses of interfaces in use are news; our own are not.
    fn addr_event(&self, fact: AddrFact, present: bool, at: &mut At<'_>) {
        let ifname = self.links.name_of(fact.ifindex);
        if !self.index.links.contains_key(&ifname) || self.index.vips.contains(fact.prefix.addr) {
            return;
        }
        at.out.report(Event::Address { ifname, addr: fact.prefix.addr, present });
    }

    pub(crate) fn addr_added(&mut self, fact: AddrFact, at: &mut At<'_>) {
        let first = fact.prefix.addr.is_ipv4() && !self.has_ipv4(fact.ifindex);
        if self.links.add_addr(fact) {
            self.addr_event(fact, true, at);
        }
        self.static_added(fact);
        self.address_changed(fact, at);
        if first {
            self.repair_lacking(at);
        }
    }

    /// Whether an interface has an address of IPv4. With the last one the kernel takes its routes
    /// of IPv4 away, and says nothing.
    pub fn has_ipv4(&self, ifindex: IfIndex) -> bool {
        self.links.get(ifindex).is_some_and(Link::has_ipv4)
    }

    pub(crate) fn addr_removed(&mut self, fact: AddrFact, at: &mut At<'_>) {
        self.vmacs.source_removed(fact.ifindex, fact.prefix);
        if self.links.remove_addr(fact.ifindex, fact.prefix) {
            self.addr_event(fact, false, at);
        }
        if !self.echoes.end(fact.ifindex, fact.prefix) {
            let holders: Vec<_> = self.index.vips.of(fact.prefix.addr).collect();
            for id in holders {
                let holder = self.get(id).filter(|i| i.state == State::Master);
                let vip = holder.and_then(|i| i.placed_vip(fact.ifindex, fact.prefix));
                let Some((i, vip)) = holder.zip(vip) else { continue };
                if i.is_link_changing(&vip.addr, &self.vmacs) {
                    // It goes with its link, and comes with that which takes its place.
                    self.on(id, at, |i, _| i.displace(fact.ifindex, fact.prefix));
                } else if !vip.addr.no_track {
                    self.address_lost(id, fact.prefix, at);
                }
            }
            self.static_removed(fact, at);
        }
        self.address_changed(fact, at);
    }

    /// Sources may have changed: instances on the interface look again, and
    /// those that need a certain address wherever it is.
    fn address_changed(&mut self, fact: AddrFact, at: &mut At<'_>) {
        if self.index.vips.contains(fact.prefix.addr) {
            return;
        }
        let Some(name) = self.links.get(fact.ifindex).map(|l| l.name.clone()) else { return };
        self.refresh_users(&name, at);
        let users = self.index.sources.clone();
        self.refresh(&users, at);
    }

    /// No other addresses are there.
    pub(crate) fn only_addresses(&mut self, there: &HashSet<(IfIndex, Prefix)>, at: &mut At<'_>) {
        // Nothing of ours is under way: what is not there now is lost.
        self.echoes.clear();
        let placed = self.instances.iter().flatten().flat_map(|i| &i.vips);
        let placed = placed.chain(self.statics.vips()).filter_map(|v| Some((v.on?, v.addr.prefix)));
        let known = self.links.addresses().into_iter().map(|a| (a.ifindex, a.prefix));
        let gone: HashSet<_> = known.chain(placed).filter(|a| !there.contains(a)).collect();
        for (ifindex, prefix) in gone {
            self.addr_removed(AddrFact { ifindex, prefix, tentative: false }, at);
        }
    }

    pub(crate) fn addr_failed(
        &mut self,
        owner: Owner,
        addr: Prefix,
        adding: bool,
        errno: i32,
        at: &mut At<'_>,
    ) {
        const ENODEV: i32 = 19;
        const EADDRNOTAVAIL: i32 = 99;
        // Gone already: with the primary of its subnet, with its link, or by hand.
        let absent = !adding && matches!(errno, EADDRNOTAVAIL | ENODEV);
        if let Owner::Instance(id) = owner
            && !absent
        {
            let what = InstanceEvent::AddressFailed { addr, adding, errno };
            self.on(id, at, |i, env| i.report(env.out, what));
        }
    }
}
