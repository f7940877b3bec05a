//! The interfaces of the host: names, states, addresses, debouncing.
//!
//! Owns the table that netlink's facts build up. Never decides what a change
//! means for an instance.

use crate::event::Event;
use crate::input::{AddrFact, LinkFact, Stacked};
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use types::{Family, HwAddr, IfIndex, Mono, Prefix};

/// More interfaces than this do not sit on each other.
const DEPTH_MAX: usize = 8;

/// One interface.
#[derive(Debug, Clone)]
pub struct Link {
    /// Kernel index.
    pub index: IfIndex,
    /// Name.
    pub name: Arc<str>,
    /// Whether instances see it up: flags, after debouncing.
    pub up: bool,
    /// Whether that is told by polling.
    polled: bool,
    /// Its flags as they counted last.
    flags: u32,
    /// Whether it sends multicast.
    pub multicast: bool,
    /// Whether ARP and neighbour discovery are off.
    pub noarp: bool,
    /// Largest packet.
    pub mtu: u32,
    /// Hardware address.
    pub mac: HwAddr,
    /// Where broadcasts go.
    pub broadcast: HwAddr,
    /// Kind of hardware (`ARPHRD_*`).
    pub hw_type: u16,
    /// Routing table of a VRF.
    pub vrf_table: Option<u32>,
    /// Whether it forwards IPv6.
    pub forwarding: bool,
    /// Whether somebody set it up, running or not.
    pub set_up: bool,
    /// Device group.
    pub group: u32,
    /// The bridge, bond or VRF that it belongs to.
    pub master: Option<IfIndex>,
    /// Whether it is a VRF.
    pub vrf: bool,
    /// What it sits on.
    pub stacked: Option<Stacked>,
    /// The interface whose network it shares.
    pub below: Option<IfIndex>,
    /// Its addresses, in the order in which they were told.
    addrs: BTreeMap<u64, AddrFact>,
    /// Where each stands in that order.
    places: HashMap<Prefix, u64>,
    /// A change of state that is held back until then.
    pending: Option<(Mono, bool)>,
}

impl Link {
    /// Its flags (`IFF_*`).
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// Its addresses, in the order in which they were told.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.addrs.values().map(|fact| fact.prefix.addr)
    }
}

/// All interfaces by index and by name.
#[derive(Debug, Clone, Default)]
pub struct Links {
    links: HashMap<IfIndex, Link>,
    names: HashMap<Arc<str>, IfIndex>,
    debounce: HashMap<String, (Duration, Duration)>,
    /// How often each address is there, on whatever interface.
    counts: HashMap<IpAddr, u32>,
    /// Number of the next address.
    next: u64,
    /// When the first held-back change takes effect.
    due: Option<Mono>,
}

/// What a fact changed.
#[derive(Debug, Default)]
pub struct Changed {
    /// Names whose instances must be looked at again.
    pub names: Vec<Arc<str>>,
    /// What to tell.
    pub events: Vec<Event>,
}

impl Links {
    /// The interface called `name`.
    pub fn named(&self, name: &str) -> Option<&Link> {
        self.links.get(self.names.get(name)?)
    }

    /// The interface of that index.
    pub fn get(&self, index: IfIndex) -> Option<&Link> {
        self.links.get(&index)
    }

    /// The interface on whose network `link` is in the end.
    pub fn lowest(&self, link: &Link) -> IfIndex {
        let mut at = link;
        for _ in 0..DEPTH_MAX {
            match at.below.and_then(|index| self.get(index)) {
                Some(below) => at = below,
                None => break,
            }
        }
        at.index
    }

    /// Whether the interface exists and is up.
    pub fn is_up(&self, name: &str) -> bool {
        self.named(name).is_some_and(|l| l.up)
    }

    /// Name for log lines.
    pub fn name_of(&self, index: IfIndex) -> Arc<str> {
        self.get(index).map_or_else(|| format!("ifindex {}", index.0).into(), |l| l.name.clone())
    }

    /// Indexes of all interfaces.
    pub fn indexes(&self) -> Vec<IfIndex> {
        self.links.keys().copied().collect()
    }

    /// All interfaces, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// Whether `addr` is on any interface.
    pub fn has_address(&self, addr: IpAddr) -> bool {
        self.counts.contains_key(&addr)
    }

    /// Sets the debounce times (down, up) per interface.
    pub fn set_debounce(&mut self, times: HashMap<String, (Duration, Duration)>) {
        self.debounce = times;
    }

    /// An interface appeared or changed.
    pub fn update(&mut self, fact: LinkFact, now: Mono, changed: &mut Changed) {
        if let Some(link) = self.links.get(&fact.index)
            && *link.name != *fact.name
        {
            // A rename counts as the end of the old and the birth of the new
            // interface; its addresses move along.
            let addrs: Vec<AddrFact> = link.addrs.values().copied().collect();
            self.remove(fact.index, changed);
            self.insert(fact, changed);
            for a in addrs {
                self.add_addr(a);
            }
            return;
        }
        if self.links.contains_key(&fact.index) {
            self.change(fact, now, changed);
        } else {
            self.insert(fact, changed);
        }
    }

    fn insert(&mut self, fact: LinkFact, changed: &mut Changed) {
        let name: Arc<str> = fact.name.as_str().into();
        // A name belongs to one interface: the newer fact is right.
        if let Some(old) = self.names.get(&name).copied() {
            self.remove(old, changed);
        }
        changed.events.push(Event::LinkPresence { ifname: name.clone(), present: true });
        changed.names.push(name.clone());
        self.names.insert(name.clone(), fact.index);
        self.links.insert(
            fact.index,
            Link {
                index: fact.index,
                name,
                up: fact.up,
                polled: fact.polled,
                flags: fact.flags,
                multicast: fact.multicast,
                noarp: fact.noarp,
                mtu: fact.mtu,
                mac: fact.mac,
                broadcast: fact.broadcast,
                hw_type: fact.hw_type,
                vrf_table: fact.vrf_table,
                forwarding: false,
                set_up: fact.set_up,
                group: fact.group,
                master: fact.master,
                vrf: fact.vrf,
                stacked: fact.stacked,
                below: fact.below,
                addrs: BTreeMap::new(),
                places: HashMap::new(),
                pending: None,
            },
        );
    }

    fn change(&mut self, fact: LinkFact, now: Mono, changed: &mut Changed) {
        let Some(link) = self.links.get_mut(&fact.index) else { return };
        link.polled = fact.polled;
        link.multicast = fact.multicast;
        link.noarp = fact.noarp;
        link.vrf = fact.vrf;
        link.vrf_table = fact.vrf_table;
        let hw = (link.mac, link.broadcast, link.hw_type);
        let seen = (hw, link.set_up, link.group, link.master, link.stacked, link.below);
        let hw = (fact.mac, fact.broadcast, fact.hw_type);
        if seen != (hw, fact.set_up, fact.group, fact.master, fact.stacked, fact.below) {
            (link.mac, link.broadcast, link.hw_type) = (fact.mac, fact.broadcast, fact.hw_type);
            (link.set_up, link.group) = (fact.set_up, fact.group);
            (link.master, link.stacked, link.below) = (fact.master, fact.stacked, fact.below);
            changed.names.push(link.name.clone());
        }
        if core::mem::replace(&mut link.mtu, fact.mtu) != fact.mtu {
            changed.names.push(link.name.clone());
        }
        if fact.up == link.up {
            link.flags = fact.flags;
            // Back within the delay: nothing has happened.
            if link.pending.take().is_some() {
                self.find_due();
            }
            return;
        }
        if link.pending.is_some() {
            return;
        }
        // A link goes up and down with the one below.
        let below = link.stacked.map(|s| s.parent);
        let times = self.debounce.get(&*link.name).copied();
        let times = times.or_else(|| self.debounce.get(&*self.links.get(&below?)?.name).copied());
        let (down, up) = times.unwrap_or_default();
        let Some(link) = self.links.get_mut(&fact.index) else { return };
        let delay = if fact.up { up } else { down };
        if delay.is_zero() {
            (link.up, link.flags) = (fact.up, fact.flags);
            changed.events.push(link.event());
            changed.names.push(link.name.clone());
        } else {
            let at = now + delay;
            link.pending = Some((at, fact.up));
            let from = core::mem::replace(&mut link.flags, fact.flags);
            self.due = Some(self.due.map_or(at, |d| d.min(at)));
            changed.events.push(Event::LinkDelayed {
                ifname: link.name.clone(),
                from,
                to: fact.flags,
                delay,
            });
        }
    }

    /// An interface is gone.
    pub fn remove(&mut self, index: IfIndex, changed: &mut Changed) {
        if let Some(link) = self.links.remove(&index) {
            self.find_due();
            self.names.remove(&link.name);
            for a in link.addrs.values() {
                self.uncount(a.prefix.addr);
            }
            changed.events.push(Event::LinkPresence { ifname: link.name.clone(), present: false });
            changed.names.push(link.name);
        }
    }

    /// When the next held-back change takes effect.
    pub fn deadline(&self) -> Option<Mono> {
        self.due
    }

    fn find_due(&mut self) {
        self.due = self.links.values().filter_map(|l| l.pending).map(|p| p.0).min();
    }

    /// Lets held-back changes take effect.
    pub fn tick(&mut self, now: Mono, changed: &mut Changed) {
        for link in self.links.values_mut() {
            if let Some((at, up)) = link.pending
                && at <= now
            {
                link.pending = None;
                link.up = up;
                changed.events.push(link.event());
                changed.names.push(link.name.clone());
            }
        }
        self.find_due();
    }

    /// An address was added or changed; whether it was new.
    pub fn add_addr(&mut self, fact: AddrFact) -> bool {
        let Some(link) = self.links.get_mut(&fact.ifindex) else { return false };
        if let Some(place) = link.places.get(&fact.prefix) {
            link.addrs.insert(*place, fact);
            return false;
        }
        self.next += 1;
        link.places.insert(fact.prefix, self.next);
        link.addrs.insert(self.next, fact);
        *self.counts.entry(fact.prefix.addr).or_default() += 1;
        true
    }

    /// An address is gone; whether it was known.
    pub fn remove_addr(&mut self, ifindex: IfIndex, prefix: Prefix) -> bool {
        let Some(link) = self.links.get_mut(&ifindex) else { return false };
        let Some(place) = link.places.remove(&prefix) else { return false };
        link.addrs.remove(&place);
        self.uncount(prefix.addr);
        true
    }

    fn uncount(&mut self, addr: IpAddr) {
        if let Some(n) = self.counts.get_mut(&addr) {
            *n -= 1;
            if *n == 0 {
                self.counts.remove(&addr);
            }
        }
    }

    /// Every known address.
    pub fn addresses(&self) -> Vec<AddrFact> {
        self.links.values().flat_map(|l| l.addrs.values().copied()).collect()
    }

    /// Marks an interface as forwarding or not.
    pub fn set_forwarding(&mut self, index: IfIndex, on: bool) {
        if let Some(link) = self.links.get_mut(&index) {
            link.forwarding = on;
        }
    }
}

impl Link {
    fn event(&self) -> Event {
        Event::Link { ifname: self.name.clone(), up: self.up, polled: self.polled }
    }

    /// Whether the address is there.
    pub fn has(&self, prefix: Prefix) -> bool {
        self.places.contains_key(&prefix)
    }

    /// Whether it has an address of IPv4: without one the kernel keeps no route of IPv4 on it.
    pub fn has_ipv4(&self) -> bool {
        self.places.keys().any(|prefix| prefix.addr.is_ipv4())
    }

    /// How many addresses of a family it has.
    pub fn count(&self, family: Family) -> usize {
        self.places.keys().filter(|prefix| prefix.family() == family).count()
    }

    /// The address to send from: the first IPv4 or the first IPv6 link-local
    /// one that is no virtual address.
    pub fn source(&self, family: Family, is_virtual: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
        self.addrs
            .values()
            .filter(|a| !a.tentative)
            .map(|a| a.prefix.addr)
            .filter(|a| match (family, a) {
                (Family::V4, IpAddr::V4(_)) => true,
                (Family::V6, IpAddr::V6(a)) => is_link_local(*a),
                _ => false,
            })
            .find(|a| !is_virtual(*a))
    }
}

/// Whether `a` is in fe80::/10.
pub fn is_link_local(a: Ipv6Addr) -> bool {
    a.segments()[0] & 0xffc0 == 0xfe80
}
