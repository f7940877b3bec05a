//! Routes that a reload only changes: one request puts the new one where the old one was, so that
//! no packet finds neither.
//!
//! Owns when the kernel replaces what is meant. `NLM_F_REPLACE` names no route, only a place:
//! linux `fib_table_insert` and `fib6_add_rt2node` take the first route there.

use crate::action::Action;
use crate::fib::{FibEntry, Ways};
use core::net::IpAddr;
use model::net::{Route, RouteInsert};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use types::{Family, Prefix};

/// What the kernel makes of an IPv6 route without metric (`IP6_RT_PRIO_USER`).
const DEFAULT_PRIORITY_V6: u32 = 1024;

/// A route that is there, and where it leads.
pub type Instead = (FibEntry, Arc<Ways>);

/// First and last address of a prefix; one of length 0 says nothing.
type Range = Option<(IpAddr, IpAddr)>;
/// Where a route is in the kernel's tables.
type Place = (Family, u32, Range, Range, u8, u32);

fn place(route: &Route, table: u32) -> Place {
    let range = |p: Option<Prefix>| p.filter(|p| p.len > 0).map(|p| p.ends());
    let priority = match (route.family, route.priority.unwrap_or(0)) {
        (Family::V6, 0) => DEFAULT_PRIORITY_V6,
        (_, priority) => priority,
    };
    (route.family, table, range(route.dst), range(route.from), route.tos, priority)
}

fn place_of(entry: &FibEntry, ways: &Ways) -> Option<Place> {
    match entry {
        FibEntry::Route(route) => Some(place(route, ways.table)),
        FibEntry::Rule(_) => None,
    }
}

/// Has the routes of a reload, whose actions are those from `from` on, take the place of those
/// that they are given for. `all` are the routes of the new configuration: where there are several
/// in one place, or were, the kernel would have to guess.
pub fn replace_routes<'a>(
    actions: &mut Vec<Action>,
    from: usize,
    all: impl Iterator<Item = (&'a FibEntry, Ways)>,
) {
    let mut gone: HashMap<Place, Vec<Instead>> = HashMap::new();
    for action in actions.iter().skip(from) {
        if let Action::DelFib { entry, ways, .. } = action
            && let Some(place) = place_of(entry, ways)
        {
            gone.entry(place).or_default().push((entry.clone(), ways.clone()));
        }
    }
    if gone.is_empty() {
        return;
    }
    let mut count: HashMap<Place, usize> = HashMap::new();
    for place in all.filter_map(|(entry, ways)| place_of(entry, &ways)) {
        *count.entry(place).or_default() += 1;
    }
    gone.retain(|place, old| old.len() == 1 && count.get(place) == Some(&1));
    let mut moved: HashSet<Instead> = HashSet::new();
    let mut seen: HashSet<Place> = HashSet::new();
    for action in actions.iter_mut().skip(from) {
        match action {
            // A route that the kernel has not told of may not be there.
            Action::DelFib { entry, ways, best_effort, .. } => {
                seen.extend(place_of(entry, ways).filter(|_| !*best_effort));
            }
            Action::AddFib { entry, ways, instead, .. } => {
                let place = place_of(entry, ways).filter(|place| seen.remove(place));
                let old = place.and_then(|place| gone.remove(&place)?.pop());
                if let Some(old) = old.filter(|(old, _)| is_replaced_by(old, entry)) {
                    moved.insert(old.clone());
                    *instead = Some(old);
                }
            }
            _ => {}
        }
    }
    if moved.is_empty() {
        return;
    }
    let mut at = 0;
    actions.retain(|action| {
        at += 1;
        at <= from
            || !matches!(action, Action::DelFib { entry, ways, .. }
                if moved.contains(&(entry.clone(), ways.clone())))
    });
}

/// Whether the kernel puts one in the place of the other. One that was appended may have others
/// before it, and one that is added exclusively is not to replace anything. IPv6 keeps
/// routes by gateways, which may join to a multipath route, apart from all others, among which are
/// default routes of router advertisements.
fn is_replaced_by(old: &FibEntry, new: &FibEntry) -> bool {
    let (FibEntry::Route(old), FibEntry::Route(new)) = (old, new) else { return false };
    let is_first = |r: &Route| r.insert == RouteInsert::Prepend;
    let is_alone = |r: &Route| r.dst.is_some_and(|dst| dst.len > 0) || by_gateways(r);
    is_first(old)
        && is_first(new)
        && (old.family == Family::V4 || by_gateways(old) == by_gateways(new) && is_alone(new))
}

fn by_gateways(route: &Route) -> bool {
    route.hop.via.is_some() || route.nexthops.iter().any(|hop| hop.via.is_some())
}

impl crate::node::Node {
    /// See [`replace_routes`].
    pub(crate) fn replace_routes(&self, actions: &mut Vec<Action>, from: usize) {
        let instances = self.order.iter().filter_map(|id| self.get(*id)).map(|i| &i.fib);
        let all = instances.chain([&self.statics.fib]).flat_map(|fib| fib.placed(&self.links));
        replace_routes(actions, from, all);
    }
}
