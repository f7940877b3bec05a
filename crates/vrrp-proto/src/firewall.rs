//! What the firewall holds back: packets to addresses that a master does not own
//! (RFC 9568 section 6.1, Accept_Mode), and what virtual links must not say themselves.
//!
//! Owns which rules a configuration needs and which elements their sets have. How tables look is
//! the shell's business. An element that several ask for is there until the last of them lets go.

use crate::action::{Action, Out};
use crate::links::{Links, is_link_local};
use crate::node::{At, Node};
use crate::vmac::{VmacKey, has_ipv6};
use core::net::{IpAddr, Ipv6Addr};
use model::net::Address;
use model::{Global, VrrpInstance};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::{Family, IfIndex};

/// The firewall's table when the configuration names none.
const TABLE: &str = "keepalived";

/// A group of rules that is there when something needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Hides IPv4 addresses.
    Hides4,
    /// Hides IPv6 addresses.
    Hides6,
    /// Hides link-local addresses, which are told by the index of their interface.
    HidesLinkLocal,
    /// Hides link-local addresses, which are told by the name of their interface.
    HidesLinkLocalByName,
    /// Group reports of IPv4 VMACs leave by the interface below.
    Vmac4,
    /// The same of VMACs that have IPv6, which say nothing of routers and of their parent's address either.
    Vmac6,
}

/// The rules that a configuration needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Name of the tables.
    pub table: String,
    /// Priority of the hooks.
    pub priority: i32,
    /// Rules count packets.
    pub counters: bool,
    /// What is needed; nothing needs no table.
    pub parts: BTreeSet<Part>,
}

/// An element of a set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// A hidden address.
    Hidden(IpAddr),
    /// A hidden link-local address on an interface.
    HiddenOn(Ipv6Addr, IfIndex),
    /// A hidden link-local address on an interface that may come and go.
    HiddenOnName(Ipv6Addr, Arc<str>),
    /// A VMAC.
    Vmac {
        /// Family of its virtual router.
        family: Family,
        /// The VMAC.
        vmac: IfIndex,
        /// The interface below.
        parent: IfIndex,
    },
    /// The address of the interface below that a VMAC sends from.
    Source(Ipv6Addr, IfIndex),
}

impl Element {
    /// The rules that look at it.
    pub const fn part(&self) -> Part {
        match self {
            Element::Hidden(IpAddr::V4(_)) => Part::Hides4,
            Element::Hidden(IpAddr::V6(_)) => Part::Hides6,
            Element::HiddenOn(..) => Part::HidesLinkLocal,
            Element::HiddenOnName(..) => Part::HidesLinkLocalByName,
            Element::Vmac { family: Family::V4, .. } => Part::Vmac4,
            Element::Vmac { family: Family::V6, .. } | Element::Source(..) => Part::Vmac6,
        }
    }
}

impl Node {
    /// Asks for the rules of the firewall that the configuration needs.
    pub(crate) fn place_rules(&mut self, at: &mut At<'_>) {
        let configs: Vec<_> =
            self.order.iter().filter_map(|id| Some(self.get(*id)?.config.clone())).collect();
        let rules = self.firewall.configure(configs.iter().map(|c| &**c), &self.global);
        at.out.actions.extend(rules);
    }
}

/// The elements that are wanted, and by how many.
#[derive(Debug, Clone, Default)]
pub struct Firewall {
    rules: Rules,
    /// `nftables_ifindex`.
    by_index: bool,
    wanted: BTreeMap<Element, u32>,
    /// What is wanted for virtual links.
    links: BTreeSet<Element>,
}

impl Firewall {
    /// Takes a configuration; the action that has its rules made, when they differ.
    pub fn configure<'c>(
        &mut self,
        instances: impl Iterator<Item = &'c VrrpInstance>,
        global: &Global,
    ) -> Option<Action> {
        let nft = &global.nftables;
        self.by_index = nft.ifindex;
        let mut parts = BTreeSet::new();
        for config in instances {
            let addrs = config.vips.iter().chain(&config.evips).filter(|_| !config.accept);
            parts.extend(addrs.map(|addr| match addr.prefix.addr {
                IpAddr::V4(_) => Part::Hides4,
                IpAddr::V6(a) if !is_link_local(a) => Part::Hides6,
                IpAddr::V6(_) if self.by_name(config, addr) => Part::HidesLinkLocalByName,
                IpAddr::V6(_) => Part::HidesLinkLocal,
            }));
            let vmac = config.vmac.is_some();
            if vmac && config.family == Family::V4 && !global.disable_local_igmp {
                parts.insert(Part::Vmac4);
            }
            let mut keys = VmacKey::all(config).filter(|key| !key.ipvlan);
            if vmac && has_ipv6(config) || keys.any(|key| key.family == Family::V6) {
                parts.insert(Part::Vmac6);
            }
        }
        let rules = Rules {
            table: nft.table.clone().unwrap_or_else(|| TABLE.to_owned()),
            priority: nft.priority,
            counters: nft.counters,
            parts,
        };
        let needless = rules.parts.is_empty() && self.rules.parts.is_empty();
        if rules == self.rules || needless {
            return None;
        }
        self.rules = rules.clone();
        Some(Action::Rules(rules))
    }

    /// Tables of a former configuration may be there: those that are not needed go.
    pub fn inherit(&self, former: &Firewall, out: &mut Out) {
        let needed = !self.rules.parts.is_empty() && self.rules.table == former.rules.table;
        if !needed && !former.rules.parts.is_empty() {
            out.actions.push(Action::RulesLeft(former.rules.table.clone()));
        }
    }

    /// [`Firewall::add`] of an element that the rules look at.
    pub fn add_if_held(&mut self, element: Element, out: &mut Out) {
        if self.rules.parts.contains(&element.part()) {
            self.add(element, out);
        }
    }

    /// Whether the index of the interface that an address is on is not known for good: nobody
    /// watches it.
    fn by_name(&self, config: &VrrpInstance, addr: &Address) -> bool {
        let own = addr.dev.is_none() || addr.dev == config.interface;
        !self.by_index && (addr.no_track || own && config.dont_track_primary)
    }

    /// What hides an address of an instance on an interface; `None` when it is accepted.
    pub fn element(
        &self,
        config: &VrrpInstance,
        addr: &Address,
        on: IfIndex,
        links: &Links,
    ) -> Option<Element> {
        if config.accept {
            return None;
        }
        Some(match addr.prefix.addr {
            IpAddr::V6(a) if is_link_local(a) => match self.by_name(config, addr) {
                true => Element::HiddenOnName(a, links.name_of(on)),
                false => Element::HiddenOn(a, on),
            },
            ip => Element::Hidden(ip),
        })
    }

    /// One more asks for an element.
    pub fn add(&mut self, element: Element, out: &mut Out) {
        let users = self.wanted.entry(element.clone()).or_default();
        *users += 1;
        if *users == 1 {
            out.actions.push(Action::Rule { element, wanted: true });
        }
    }

    /// One lets go of it.
    pub fn remove(&mut self, element: Element, out: &mut Out) {
        let Some(users) = self.wanted.get_mut(&element) else { return };
        *users -= 1;
        if *users == 0 {
            self.wanted.remove(&element);
            out.actions.push(Action::Rule { element, wanted: false });
        }
    }

    /// Takes what is wanted for virtual links in place of what was.
    pub fn set_links(&mut self, elements: impl Iterator<Item = Element>, out: &mut Out) {
        let parts = &self.rules.parts;
        let new: BTreeSet<Element> = elements.filter(|e| parts.contains(&e.part())).collect();
        if new == self.links {
            return;
        }
        let old = core::mem::replace(&mut self.links, new.clone());
        new.difference(&old).for_each(|e| self.add(e.clone(), out));
        old.difference(&new).for_each(|e| self.remove(e.clone(), out));
    }
}
