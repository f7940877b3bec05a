//! `static_ipaddress`: addresses that are there while the daemon runs.
//!
//! Owns when they are added, restored and removed. They follow no instance.

use crate::action::{Action, Owner};
use crate::event::Event;
use crate::input::AddrFact;
use crate::instance::Vip;
use crate::node::{At, Node};
use model::net::Address;
use std::collections::HashSet;
use std::sync::Arc;
use types::Prefix;

/// Where static addresses go that name no interface, unless
/// `default_interface` says otherwise.
const DEFAULT_INTERFACE: &str = "eth0";

/// A static address.
#[derive(Debug, Clone)]
pub(crate) struct Static {
    pub vip: Vip,
    pub dev: Arc<str>,
}

/// What makes two static addresses the same.
fn key(s: &Static) -> (Prefix, u8, Option<&str>, &str) {
    (s.vip.addr.prefix, s.vip.addr.scope, s.vip.addr.label.as_deref(), &s.dev)
}

impl Node {
    /// The static addresses of a configuration; those that it shares with the
    /// one before are not touched, those it lacks are removed.
    pub(crate) fn configure_statics(&mut self, addresses: &[Address]) -> Vec<Static> {
        let default = self.global.default_interface.as_deref().unwrap_or(DEFAULT_INTERFACE);
        let mut new: Vec<Static> = addresses
            .iter()
            .map(|a| Static {
                vip: Vip::new(a, false),
                dev: a.dev.as_deref().unwrap_or(default).into(),
            })
            .collect();
        let mut old = core::mem::take(&mut self.statics);
        for s in &mut new {
            if let Some(n) = old.iter().position(|o| key(o) == key(s)) {
                *s = old.swap_remove(n);
            }
        }
        self.statics = new;
        old
    }

    /// Puts the static addresses of an interface where they belong; `None` is
    /// every interface.
    pub(crate) fn place_statics(&mut self, ifname: Option<&str>, at: &mut At<'_>) {
        if !self.started {
            return;
        }
        for s in self.statics.iter_mut().filter(|s| ifname.is_none_or(|n| n == &*s.dev)) {
            let Some(link) = self.links.named(&s.dev) else {
                s.vip.on = None;
                continue;
            };
            let placed = s.vip.on == Some(link.index);
            if placed && (s.vip.owed > 0 || link.has(s.vip.addr.prefix) || !link.up) {
                continue;
            }
            if link.has(s.vip.addr.prefix) {
                (s.vip.on, s.vip.confirmed) = (Some(link.index), true);
                continue;
            }
            if placed {
                at.out.report(Event::StaticRestored {
                    addr: s.vip.addr.prefix,
                    ifname: s.dev.clone(),
                });
            }
            add(s, link.index, at);
        }
    }

    /// Removes static addresses that are in place.
    pub(crate) fn remove_statics(&self, gone: &[Static], at: &mut At<'_>) {
        for s in gone {
            if let Some(ifindex) = s.vip.on
                && self.links.get(ifindex).is_some()
            {
                at.out.actions.push(Action::DelAddr {
                    owner: Owner::Static,
                    ifindex,
                    addr: s.vip.addr.clone(),
                    excluded: false,
                    best_effort: true,
                });
            }
        }
    }

    /// The kernel tells of an address that may be a static one: one that
    /// somebody removed is put back at once, while its link is up.
    pub(crate) fn static_changed(&mut self, fact: AddrFact, there: bool, at: &mut At<'_>) {
        let same = |s: &&mut Static| {
            s.vip.asked.or(s.vip.on) == Some(fact.ifindex) && s.vip.addr.prefix == fact.prefix
        };
        let Some(s) = self.statics.iter_mut().find(same) else { return };
        if there {
            s.vip.answered(true);
            return;
        }
        let lost = core::mem::take(&mut s.vip.confirmed) && self.started && !s.vip.addr.no_track;
        if lost && self.links.get(fact.ifindex).is_some_and(|l| l.up) {
            let (addr, ifname) = (fact.prefix, s.dev.clone());
            at.out.report(Event::StaticRestored { addr, ifname });
            add(s, fact.ifindex, at);
        }
    }

    /// Interfaces that static addresses are on.
    pub(crate) fn static_devices(&self) -> HashSet<Arc<str>> {
        self.statics.iter().map(|s| s.dev.clone()).collect()
    }
}

fn add(s: &mut Static, ifindex: types::IfIndex, at: &mut At<'_>) {
    s.vip.ask(ifindex);
    let addr = s.vip.addr.clone();
    let owner = Owner::Static;
    at.out.actions.push(Action::AddAddr { owner, ifindex, addr, excluded: false });
}
