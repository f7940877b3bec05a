//! When two addresses are one to the kernel, and what a reload does not take away.
//!
//! Owns which of its properties the kernel cannot change, and the removals that a later request to
//! add the same undoes.

use crate::action::Action;
use crate::fib::FibEntry;
use core::net::Ipv4Addr;
use model::net::{Address, Route, RouteInsert, Rule};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use types::Prefix;

/// What of an address cannot be changed while it is there (linux `inet_rtm_newaddr`,
/// `inet6_addr_modify`): with `NLM_F_REPLACE`, IPv4 takes another lifetime only, IPv6 other flags
/// as well.
pub type Identity<'a> =
    (Prefix, Option<Prefix>, u8, Option<Ipv4Addr>, Option<&'a str>, Option<u32>);

/// See [`Identity`].
pub fn identity(a: &Address) -> Identity<'_> {
    let flags = a.prefix.addr.is_ipv4().then_some(a.flags);
    (a.prefix, a.peer, a.scope, a.broadcast, a.label.as_deref(), flags)
}

/// Whether the kernel shows both alike where they are the same.
pub fn is_alike(a: &Address, b: &Address) -> bool {
    (a.flags, a.preferred_lft) == (b.flags, b.preferred_lft)
}

/// Takes out of the actions of a reload, those from `from` on, what removes an object that a later
/// one adds again: it has another owner now, and stays where it is.
pub fn keep_what_moves(actions: &mut Vec<Action>, from: usize) {
    let mut tail = actions.split_off(from.min(actions.len()));
    let (mut addresses, mut entries) = (HashSet::new(), HashSet::new());
    // How each element is before, and how it is to be.
    let mut elements: HashMap<_, (bool, bool)> = HashMap::new();
    for action in &tail {
        if let Action::Rule { element, wanted } = action {
            elements.entry(element.clone()).or_insert((!wanted, *wanted)).1 = *wanted;
        }
    }
    let mut kept = Vec::with_capacity(tail.len());
    for action in tail.iter().rev() {
        kept.push(match action {
            Action::AddAddr { ifindex, addr, .. } => {
                addresses.insert((*ifindex, identity(addr)));
                true
            }
            Action::DelAddr { ifindex, addr, .. } => {
                !addresses.contains(&(*ifindex, identity(addr)))
            }
            Action::AddFib { entry, ways, .. } => {
                if !entry.is_exclusive() {
                    entries.insert((as_kernel_has(entry), ways));
                }
                true
            }
            Action::DelFib { entry, ways, .. } => !entries.contains(&(as_kernel_has(entry), ways)),
            Action::Rule { element, .. } => match elements.get_mut(element) {
                // The last word is the one that counts.
                Some(ends @ ((false, true) | (true, false))) => {
                    *ends = (true, true);
                    true
                }
                // What comes for a while and goes again is to be seen.
                Some((false, _)) => true,
                _ => false,
            },
            _ => true,
        });
    }
    tail.retain(|_| kept.pop().unwrap_or(true));
    actions.append(&mut tail);
}

/// A route or rule without what is ours alone.
fn as_kernel_has(entry: &FibEntry) -> FibEntry {
    match entry {
        FibEntry::Route(r) => {
            let (insert, track_group) = (RouteInsert::default(), None);
            let route = Route { insert, no_track: false, track_group, ..(**r).clone() };
            FibEntry::Route(Arc::new(route))
        }
        FibEntry::Rule(r) => {
            let track_group = None;
            FibEntry::Rule(Arc::new(Rule { no_track: false, track_group, ..(**r).clone() }))
        }
    }
}
