//! Tracking: what objects and interfaces do to a priority, and faults.
//!
//! Owns the arithmetic of weights: total = base + contributions, effective =
//! total clamped to 1..254, an owner's 255 never changes. Everything is
//! computed anew from facts, so it cannot drift.

use crate::event::Cause;
use crate::input::TrackValue;
use crate::links::Links;
use model::vrrp::{SyncGroup, TrackRef, Vrrp, VrrpInstance};
use model::{TrackKind, TrackObject};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use types::{Priority, Weight};

/// A tracked object and its present value.
#[derive(Debug, Clone)]
pub struct Tracked {
    /// Its configuration.
    pub object: TrackObject,
    /// Its name, shared with events.
    pub name: Arc<str>,
    /// Its value.
    pub value: TrackValue,
}

impl Tracked {
    /// An object of which nothing is known yet.
    pub fn new(object: TrackObject) -> Self {
        let name = object.name.as_str().into();
        let value = match &object.kind {
            TrackKind::Script(s) if s.init_fail => TrackValue::Bad,
            TrackKind::Script(_) | TrackKind::Process(_) => TrackValue::Pending,
            TrackKind::File(_) => TrackValue::Number(0),
            // A session is down until it is reported up.
            TrackKind::Bfd => TrackValue::Bad,
        };
        Tracked { object, name, value }
    }

    fn cause(&self) -> Cause {
        let name = self.name.clone();
        match (&self.object.kind, self.value) {
            (TrackKind::File(_), TrackValue::Number(n)) => Cause::File(name, n),
            (TrackKind::File(_), _) => Cause::File(name, 0),
            (TrackKind::Script(_), _) => Cause::Script(name),
            (TrackKind::Process(_), _) => Cause::Process(name),
            (TrackKind::Bfd, _) => Cause::Bfd(name),
        }
    }
}

/// An interface that an instance watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Name.
    pub name: Arc<str>,
    /// Weight; 0 faults.
    pub weight: Weight,
    /// Good and bad exchanged.
    pub reverse: bool,
}

/// What one object does to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Adds this to the priority.
    Weight(i32),
    /// A fault.
    Fault,
    /// Not known yet, and the instance waits for it.
    Wait,
}

/// The effect of something that is good or bad.
pub fn effect(good: bool, weight: Weight, reverse: bool) -> Effect {
    let w = i32::from(weight.0);
    if w == 0 {
        return if good == reverse { Effect::Fault } else { Effect::Weight(0) };
    }
    let counts = if w > 0 { good } else { !good };
    let contribution = if counts { w } else { 0 };
    Effect::Weight(if reverse { -contribution } else { contribution })
}

/// The effect of a file's value.
pub fn file_effect(value: i64, weight: Weight, reverse: bool) -> Effect {
    if weight.0 == 0 {
        return if (value != 0) != reverse { Effect::Fault } else { Effect::Weight(0) };
    }
    let product = value.saturating_mul(i64::from(weight.0));
    let product = if reverse { product.saturating_neg() } else { product };
    if product <= -254 { Effect::Fault } else { Effect::Weight(product.min(253) as i32) }
}

fn object_effect(tracked: &Tracked, r: &TrackRef) -> Effect {
    match tracked.value {
        TrackValue::Pending if r.weight.0 == 0 => Effect::Wait,
        TrackValue::Pending => Effect::Weight(0),
        TrackValue::Good => effect(true, r.weight, r.reverse),
        TrackValue::Bad => effect(false, r.weight, r.reverse),
        TrackValue::Number(v) => file_effect(v, r.weight, r.reverse),
    }
}

/// The sum of all effects on an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assessment {
    /// Sum of contributions.
    pub weight: i32,
    /// Faults.
    pub causes: Vec<Cause>,
    /// Whether a script's first result is awaited.
    pub waiting: bool,
}

impl Assessment {
    fn add(&mut self, effect: Effect, cause: impl FnOnce() -> Cause) {
        match effect {
            Effect::Weight(w) => self.weight += w,
            Effect::Fault => self.causes.push(cause()),
            Effect::Wait => self.waiting = true,
        }
    }
}

/// Weighs up what an instance tracks.
pub fn assess(
    watches: &[Watch],
    refs: &[TrackRef],
    links: &Links,
    tracks: &[Tracked],
) -> Assessment {
    let mut a = Assessment::default();
    for w in watches {
        let up = links.is_up(&w.name);
        a.add(effect(up, w.weight, w.reverse), || match up {
            true => Cause::InterfaceUp(w.name.clone()),
            false => Cause::InterfaceDown(w.name.clone()),
        });
    }
    for r in refs {
        if let Some(t) = tracks.get(r.id.index()) {
            a.add(object_effect(t, r), || t.cause());
        }
    }
    a
}

/// Effective priority.
pub fn effective(base: Priority, weight: i32) -> Priority {
    if base.is_owner() {
        return base;
    }
    Priority((i32::from(base.0) + weight).clamp(1, 254) as u8)
}

/// The interfaces an instance watches: its own (unless `dont_track_primary`),
/// those of its addresses, routes and rules, those it tracks, those its group
/// tracks.
pub fn watches(config: &VrrpInstance, group: Option<&Membership<'_>>) -> Vec<Watch> {
    let mut found: Vec<Watch> = Vec::new();
    let addresses = config.vips.iter().chain(&config.evips);
    let own = config.interface.as_deref();
    let devs = addresses.filter(|a| !a.no_track).filter_map(|a| a.dev.as_deref());
    let routes = config.routes.iter().filter(|r| !r.no_track).filter_map(|r| r.hop.dev.as_deref());
    let rules = config.rules.iter().filter(|r| !r.no_track).filter_map(|r| r.iif.as_deref());
    for name in own.into_iter().chain(devs).chain(routes).chain(rules) {
        if !(config.dont_track_primary && Some(name) == own) {
            merge_watch(&mut found, name, Weight(0), false);
        }
    }
    for t in &config.track_interfaces {
        if let Some(weight) = member_weight(config, group, t.weight, None) {
            merge_watch(&mut found, &t.interface, weight, t.reverse);
        }
    }
    for t in group.iter().flat_map(|g| &g.group.track_interfaces) {
        let weight = if group.is_some_and(|g| g.has_owner) { Weight(0) } else { t.weight };
        merge_watch(&mut found, &t.interface, weight, t.reverse);
    }
    found
}

/// Instances of a `track_group` watch the interfaces of its static addresses,
/// routes and rules: without them those cannot be restored.
pub fn watch_statics(found: &mut Vec<Watch>, instance: &str, devices: &StaticDevices<'_>) {
    for dev in devices.0.get(instance).into_iter().flatten() {
        merge_watch(found, dev, Weight(0), false);
    }
}

/// The interfaces that instances watch for the static objects of their track
/// groups.
#[derive(Debug)]
pub struct StaticDevices<'a>(HashMap<&'a str, BTreeSet<&'a str>>);

impl<'a> StaticDevices<'a> {
    /// Those of a configuration.
    pub fn of(vrrp: &'a Vrrp) -> Self {
        let addresses = vrrp.static_addresses.iter().map(|a| (&a.track_group, &a.dev));
        let routes = vrrp.static_routes.iter().map(|r| (&r.track_group, &r.hop.dev));
        let rules = vrrp.static_rules.iter().map(|r| (&r.track_group, &r.iif));
        let mut groups: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for (group, dev) in addresses.chain(routes).chain(rules) {
            if let (Some(group), Some(dev)) = (group, dev) {
                groups.entry(group).or_default().insert(dev);
            }
        }
        let mut instances: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for (group, members) in &vrrp.track_groups {
            let Some(devices) = groups.get(group.as_str()) else { continue };
            for member in members {
                instances.entry(member).or_default().extend(devices);
            }
        }
        StaticDevices(instances)
    }
}

/// Several causes on one interface merge: a fault stays one, else the later
/// (the group's) weight counts.
fn merge_watch(found: &mut Vec<Watch>, name: &str, weight: Weight, reverse: bool) {
    match found.iter_mut().find(|w| *w.name == *name) {
        None => found.push(Watch { name: name.into(), weight, reverse }),
        Some(w) if w.weight.0 == 0 => {}
        Some(w) => (w.weight, w.reverse) = (weight, reverse),
    }
}

/// The group of an instance, as tracking sees it.
#[derive(Debug, Clone, Copy)]
pub struct Membership<'a> {
    /// The group.
    pub group: &'a SyncGroup,
    /// Whether a member is an address owner.
    pub has_owner: bool,
}

/// The weight of a member's own tracker; `None` drops it. Members of a group
/// without `sync_group_tracking_weight` move as one, so they have no weights
/// of their own; owners have none at all.
fn member_weight(
    config: &VrrpInstance,
    group: Option<&Membership<'_>>,
    weight: Weight,
    kind: Option<&TrackKind>,
) -> Option<Weight> {
    if weight.0 == 0 {
        return Some(weight);
    }
    if config.priority.is_owner() {
        return None;
    }
    if group.is_none_or(|g| g.group.tracking_weight) {
        return Some(weight);
    }
    match kind {
        None => Some(Weight(0)),
        Some(TrackKind::File(_)) if weight.0 == 1 => Some(Weight(0)),
        Some(_) => None,
    }
}

/// The objects an instance tracks, its group's included.
pub fn refs(
    config: &VrrpInstance,
    group: Option<&Membership<'_>>,
    tracks: &[Tracked],
) -> Vec<TrackRef> {
    let mut found: Vec<TrackRef> = Vec::new();
    for r in &config.tracks {
        let kind = tracks.get(r.id.index()).map(|t| &t.object.kind);
        if let Some(weight) = member_weight(config, group, r.weight, kind) {
            found.push(TrackRef { weight, ..r.clone() });
        }
    }
    for r in group.iter().flat_map(|g| &g.group.tracks) {
        let weight = if group.is_some_and(|g| g.has_owner) { Weight(0) } else { r.weight };
        match found.iter_mut().find(|f| f.id == r.id) {
            None => found.push(TrackRef { weight, ..r.clone() }),
            Some(f) if f.weight.0 == 0 => {}
            Some(f) => *f = TrackRef { weight, ..r.clone() },
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_zero_faults_when_bad_or_when_good_if_reversed() {
        assert_eq!(effect(false, Weight(0), false), Effect::Fault);
        assert_eq!(effect(true, Weight(0), false), Effect::Weight(0));
        assert_eq!(effect(true, Weight(0), true), Effect::Fault);
        assert_eq!(effect(false, Weight(0), true), Effect::Weight(0));
    }

    #[test]
    fn positive_weights_reward_and_negative_ones_punish() {
        for (good, weight, reverse, want) in [
            (true, 20, false, 20),
            (false, 20, false, 0),
            (true, -20, false, 0),
            (false, -20, false, -20),
            (true, 20, true, -20),
            (false, 20, true, 0),
            (true, -20, true, 0),
            (false, -20, true, 20),
        ] {
            let got = effect(good, Weight(weight), reverse);
            assert_eq!(got, Effect::Weight(want), "good {good} weight {weight} reverse {reverse}");
        }
    }

    #[test]
    fn file_values_multiply_and_clamp_and_fault_at_the_bottom() {
        for (value, weight, reverse, want) in [
            (0, 0, false, Effect::Weight(0)),
            (5, 0, false, Effect::Fault),
            (0, 0, true, Effect::Fault),
            (-100, 1, false, Effect::Weight(-100)),
            (-253, 1, false, Effect::Weight(-253)),
            (-254, 1, false, Effect::Fault),
            (300, 1, false, Effect::Weight(253)),
            (10, 3, true, Effect::Weight(-30)),
            (i64::MIN, -254, false, Effect::Weight(253)),
            (i64::MIN, 2, false, Effect::Fault),
        ] {
            let got = file_effect(value, Weight(weight), reverse);
            assert_eq!(got, want, "value {value} weight {weight} reverse {reverse}");
        }
    }

    #[test]
    fn effective_priority_stays_between_1_and_254_and_owners_stay() {
        assert_eq!(effective(Priority(100), 500), Priority(254));
        assert_eq!(effective(Priority(100), -500), Priority(1));
        assert_eq!(effective(Priority(100), 20), Priority(120));
        assert_eq!(effective(Priority::OWNER, -500), Priority::OWNER);
    }
}
