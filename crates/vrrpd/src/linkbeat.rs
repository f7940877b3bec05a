//! Links that are polled (`linkbeat_interfaces`, `linkbeat_use_polling`): what the driver says
//! counts instead of what the kernel tells.
//!
//! Owns which interfaces are polled and what was last heard of each. Polling takes a few
//! microseconds per interface and second.

use core::time::Duration;
use model::vrrp::{LinkbeatMethod, Vrrp};
use netlink::link::{F_UP, Link};
use rt::linkbeat::{Ask, Prober, WAYS};
use std::collections::BTreeMap;
use types::{IfIndex, Mono};
use vrrp_proto::{Input, LinkFact, Node, Out};

use crate::addrs;

/// How often a link is polled.
const EVERY: Duration = Duration::from_secs(1);

/// An interface that is polled.
#[derive(Debug)]
struct Polled {
    /// As configured.
    given: Option<Ask>,
    /// As configured, or as found out.
    ask: Option<Ask>,
    beats: Option<bool>,
    /// What the kernel tells of it, with `up` for the administrator's part only.
    fact: Option<LinkFact>,
}

/// All of them, by name.
#[derive(Debug, Default)]
pub struct Linkbeat {
    polled: BTreeMap<String, Polled>,
    prober: Option<Prober>,
    next: Option<Mono>,
}

impl Linkbeat {
    /// Takes a configuration; says whether other interfaces are polled than before.
    pub fn configure(&mut self, all: bool, vrrp: &Vrrp, now: Mono) -> bool {
        let wanted = wanted(all, vrrp);
        let known = self.polled.iter().map(|(name, p)| (name, p.given));
        if known.eq(wanted.iter().map(|(name, given)| (name, *given))) {
            return false;
        }
        let polled = |(name, given): (String, Option<Ask>)| {
            let kept = self.polled.remove(&name).filter(|p| p.given == given);
            let new = Polled { given, ask: given, beats: None, fact: None };
            (name, kept.unwrap_or(new))
        };
        self.polled = wanted.into_iter().map(polled).collect();
        self.next = (!self.polled.is_empty()).then(|| now + EVERY);
        if self.prober.is_none() && self.next.is_some() {
            self.prober =
                Prober::open().inspect_err(|e| log::error!("cannot poll links: {e}")).ok();
        }
        true
    }

    /// What the machine is told of an interface.
    pub fn fact(&mut self, link: &Link) -> LinkFact {
        let mut fact = addrs::link_fact(link);
        if let (Some(polled), Some(prober)) = (self.polled.get_mut(&link.name), &self.prober) {
            (fact.up, fact.polled) = (link.flags & F_UP != 0, true);
            polled.fact = Some(fact.clone());
            let beats = match polled.beats {
                Some(beats) => beats,
                None => polled.ask(&link.name, prober),
            };
            polled.beats = Some(beats);
            fact.up &= beats;
        }
        fact
    }

    /// An interface is gone.
    pub fn gone(&mut self, index: IfIndex) {
        let its = |p: &&mut Polled| p.fact.as_ref().is_some_and(|f| f.index == index);
        if let Some(polled) = self.polled.values_mut().find(its) {
            (polled.beats, polled.fact) = (None, None);
        }
    }

    /// When [`Linkbeat::poll`] is due.
    pub fn deadline(&self) -> Option<Mono> {
        self.next
    }

    /// Asks again when it is time, and tells the machine of what changed.
    pub fn poll(&mut self, node: &mut Node, now: Mono, out: &mut Out) {
        let (Some(prober), Some(_)) = (&self.prober, self.next.take_if(|at| *at <= now)) else {
            return;
        };
        self.next = Some(now + EVERY);
        for (name, polled) in &mut self.polled {
            let Some(mut fact) = polled.fact.clone() else { continue };
            let beats = polled.ask(name, prober);
            if polled.beats.replace(beats) == Some(beats) {
                continue;
            }
            fact.up &= beats;
            node.handle(now, Input::Link(fact), out);
        }
    }
}

impl Polled {
    /// Asks the way that is configured, or the first that the driver answers, from then on.
    fn ask(&mut self, name: &str, prober: &Prober) -> bool {
        let ways = self.ask.as_ref().map_or(&WAYS[..], core::slice::from_ref);
        let answer = ways.iter().find_map(|w| Some((*w, prober.is_up(name, *w).ok()?)));
        match answer {
            Some((way, beats)) => {
                self.ask = Some(way);
                beats
            }
            // Nobody answers: the kernel's word counts, as without polling.
            None => prober.is_up(name, Ask::Flags).unwrap_or(false),
        }
    }
}

/// The interfaces that are to be polled, and how.
fn wanted(all: bool, vrrp: &Vrrp) -> BTreeMap<String, Option<Ask>> {
    let mut found = BTreeMap::new();
    for i in vrrp.instances.iter().filter(|i| all || i.linkbeat_use_polling) {
        let tracked = i.track_interfaces.iter().map(|t| &t.interface).filter(|_| all);
        for name in i.interface.iter().chain(tracked) {
            found.insert(name.clone(), None);
        }
    }
    for tracked in vrrp.sync_groups.iter().flat_map(|g| &g.track_interfaces).filter(|_| all) {
        found.insert(tracked.interface.clone(), None);
    }
    for l in &vrrp.linkbeat {
        let ask = l.method.map(|method| match method {
            LinkbeatMethod::Mii => Ask::Mii,
            LinkbeatMethod::Ethtool => Ask::Ethtool,
            LinkbeatMethod::Ioctl => Ask::Flags,
        });
        found.insert(l.interface.clone(), ask);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::vrrp::Linkbeat as Entry;

    #[test]
    fn only_a_change_of_the_list_is_one() {
        let by = |name: &str, method| Entry { interface: name.to_owned(), method };
        let vrrp = |names: &[&str]| Vrrp {
            linkbeat: names.iter().map(|n| by(n, None)).collect(),
            ..Vrrp::default()
        };
        let mut beat = Linkbeat::default();
        assert!(!beat.configure(false, &vrrp(&[]), Mono::ZERO));
        assert_eq!(beat.deadline(), None);
        assert!(beat.configure(false, &vrrp(&["eth0"]), Mono::ZERO));
        assert!(!beat.configure(false, &vrrp(&["eth0"]), Mono::ZERO));
        assert_eq!(beat.deadline(), Some(Mono::ZERO + EVERY));
        assert!(beat.configure(false, &vrrp(&["eth1"]), Mono::ZERO));
        let other =
            Vrrp { linkbeat: vec![by("eth1", Some(LinkbeatMethod::Ioctl))], ..Vrrp::default() };
        assert!(beat.configure(false, &other, Mono::ZERO));
        assert!(!beat.configure(false, &other, Mono::ZERO));
        assert!(beat.configure(false, &vrrp(&[]), Mono::ZERO));
        assert_eq!(beat.deadline(), None);
    }
}
