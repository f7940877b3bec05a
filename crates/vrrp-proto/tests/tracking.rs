//! Priorities and faults against a model that says it again, in the plainest way: after any
//! sequence of changes the effective priority is what the values then amount to.

use core::time::Duration;
use model::track::{TrackFile, TrackScript};
use model::vrrp::{SyncGroup, TrackInterface, TrackRef};
use model::{TrackKind, TrackObject};
use proptest::prelude::*;
use sim::config;
use types::{IfIndex, Mono, Prefix, Priority, ScriptId, TrackId, Weight};
use vrrp_proto::{AddrFact, Input, Node, Out, Setup, State, TrackValue};

/// Objects: two scripts, two files, a process, a session; then two interfaces.
const OBJECTS: usize = 6;
const LINKS: [&str; 2] = ["eth1", "eth2"];

/// A tracker: what, weight, reverse. From [`OBJECTS`] on it is an interface.
type Tracker = (usize, i16, bool);

#[derive(Debug, Clone)]
struct Case {
    members: Vec<(u8, Vec<Tracker>)>,
    grouped: bool,
    tracking_weight: bool,
    of_group: Vec<Tracker>,
}

/// What an object is worth: good or bad, or a number for files.
#[derive(Debug, Clone, Copy)]
enum Value {
    Is(bool),
    Number(i64),
}

fn is_file(object: usize) -> bool {
    object == 2 || object == 3
}

fn objects() -> Vec<TrackObject> {
    let script = || TrackScript {
        script: ScriptId(0),
        interval: Duration::from_secs(1),
        timeout: Duration::ZERO,
        rise: 1,
        fall: 1,
        init_fail: false,
    };
    let kind = |n: usize| match n {
        0 | 1 => TrackKind::Script(script()),
        2 | 3 => TrackKind::File(TrackFile { path: "/f".to_owned(), init: None }),
        4 => config::object(&mut "process p".split(' ')).unwrap().kind,
        _ => TrackKind::Bfd,
    };
    let object =
        |n| TrackObject { name: format!("o{n}"), weight: Weight(0), reverse: false, kind: kind(n) };
    (0..OBJECTS).map(object).collect()
}

/// The trackers of a list that are objects, and those that are interfaces; each at most once.
fn split(list: &[Tracker]) -> (Vec<TrackRef>, Vec<TrackInterface>) {
    let (mut refs, mut links): (Vec<TrackRef>, Vec<TrackInterface>) = Default::default();
    for &(what, weight, reverse) in list {
        let weight = Weight(weight);
        if what < OBJECTS {
            refs.push(TrackRef { id: TrackId(what as u32), weight, reverse });
        } else {
            let interface = LINKS[what - OBJECTS].to_owned();
            links.push(TrackInterface { interface, weight, reverse });
        }
    }
    (refs, links)
}

fn setup(case: &Case) -> Setup {
    let mut s = Setup { tracks: objects(), ..Setup::default() };
    for (n, (priority, list)) in case.members.iter().enumerate() {
        let mut i = config::plain(&format!("VI_{n}"), n as u8 + 1, *priority);
        (i.tracks, i.track_interfaces) = split(list);
        s.vrrp.instances.push(i);
    }
    if case.grouped {
        let (tracks, track_interfaces) = split(&case.of_group);
        s.vrrp.sync_groups.push(SyncGroup {
            name: "G".to_owned(),
            members: s.vrrp.instances.iter().map(|i| i.name.clone()).collect(),
            tracking_weight: case.tracking_weight,
            tracks,
            track_interfaces,
            ..SyncGroup::default()
        });
    }
    s
}

/// The trackers that count for a member, by the rules of the configuration.
fn counted(case: &Case, member: usize) -> Vec<Tracker> {
    let (priority, own) = &case.members[member];
    let mut list = Vec::new();
    for &(what, weight, reverse) in own {
        if weight == 0 {
            list.push((what, 0, reverse));
        } else if *priority == 255 {
            // An owner's priority never changes.
        } else if !case.grouped || case.tracking_weight {
            list.push((what, weight, reverse));
        } else if what >= OBJECTS || (is_file(what) && weight == 1) {
            list.push((what, 0, reverse));
        }
    }
    if case.grouped {
        let owner = case.members.iter().any(|m| m.0 == 255);
        for &(what, weight, reverse) in &case.of_group {
            let weight = if owner { 0 } else { weight };
            match list.iter().position(|t| t.0 == what) {
                None => list.push((what, weight, reverse)),
                Some(at) if list[at].1 != 0 => list[at] = (what, weight, reverse),
                Some(_) => {}
            }
        }
    }
    list
}

/// Priority and whether there is a fault.
fn expected(case: &Case, member: usize, values: &[Value]) -> (u8, bool) {
    let base = case.members[member].0;
    let mut total = i64::from(base);
    let mut fault = false;
    for (what, weight, reverse) in counted(case, member) {
        let weight = i64::from(weight);
        match values[what] {
            Value::Number(v) if weight == 0 => fault |= (v != 0) != reverse,
            Value::Number(v) => {
                let points = v * weight * if reverse { -1 } else { 1 };
                fault |= points <= -254;
                total += points.clamp(-253, 253) * i64::from(points > -254);
            }
            Value::Is(good) if weight == 0 => fault |= good == reverse,
            Value::Is(good) => {
                let points = match (weight > 0, good) {
                    (true, true) | (false, false) => weight,
                    _ => 0,
                };
                total += if reverse { -points } else { points };
            }
        }
    }
    (if base == 255 { 255 } else { total.clamp(1, 254) as u8 }, fault)
}

struct Host {
    node: Node,
    now: Mono,
}

impl Host {
    fn feed(&mut self, input: Input<'_>) {
        self.now += Duration::from_millis(20);
        self.node.handle(self.now, input, &mut Out::default());
        self.node.check_invariants().unwrap();
    }

    fn set(&mut self, what: usize, value: Value) {
        if what >= OBJECTS {
            let up = matches!(value, Value::Is(true));
            let words =
                format!("{} {} {}", LINKS[what - OBJECTS], what, if up { "up" } else { "down" });
            return self.feed(Input::Link(sim::script::link(&mut words.split(' ')).unwrap()));
        }
        let value = match value {
            Value::Is(true) => TrackValue::Good,
            Value::Is(false) => TrackValue::Bad,
            Value::Number(v) => TrackValue::Number(v),
        };
        self.feed(Input::Track { id: TrackId(what as u32), value });
    }
}

fn value(what: usize, good: bool, number: i64) -> Value {
    if is_file(what) { Value::Number(number) } else { Value::Is(good) }
}

fn check(case: &Case, changes: &[(usize, bool, i64)]) -> Result<(), TestCaseError> {
    let mut h = Host { node: Node::new(setup(case)), now: Mono::ZERO };
    h.feed(Input::Link(sim::script::link(&mut "eth0 1 up".split(' ')).unwrap()));
    let prefix = Prefix { addr: [10, 0, 0, 1].into(), len: 24 };
    h.feed(Input::AddrAdded(AddrFact { ifindex: IfIndex(1), prefix, tentative: false }));
    let mut values: Vec<Value> =
        (0..OBJECTS + LINKS.len()).map(|what| value(what, true, 0)).collect();
    for (what, v) in values.clone().into_iter().enumerate() {
        h.set(what, v);
    }
    h.feed(Input::Start { uptime: Duration::ZERO });
    for n in 0..=changes.len() {
        let all: Vec<(u8, bool)> =
            (0..case.members.len()).map(|m| expected(case, m, &values)).collect();
        let any = all.iter().any(|e| e.1);
        for (m, i) in h.node.instances().enumerate() {
            let (priority, fault) = all[m];
            prop_assert_eq!(i.priority(), Priority(priority), "member {} {:?}", m, &values);
            let fault = if case.grouped { any } else { fault };
            prop_assert_eq!(i.state() == State::Fault, fault, "member {} {:?}", m, &values);
        }
        if let Some(&(what, good, number)) = changes.get(n) {
            values[what] = value(what, good, number);
            h.set(what, values[what]);
        }
    }
    Ok(())
}

/// A tracker of each object at most once, with the weights that the configuration allows.
fn trackers() -> impl Strategy<Value = Vec<Tracker>> {
    let weight = prop_oneof![
        3 => Just(0i16), 2 => Just(1), 1 => Just(-1), 1 => Just(-254), 1 => Just(253),
        6 => -254i16..=253
    ];
    let all = (0..OBJECTS + LINKS.len()).collect::<Vec<_>>();
    (prop::sample::subsequence(all, 0..=5), prop::collection::vec((weight, any::<bool>()), 5))
        .prop_map(|(what, how)| what.into_iter().zip(how).map(|(o, (w, r))| (o, w, r)).collect())
}

fn cases() -> impl Strategy<Value = Case> {
    let base = prop_oneof![1 => Just(255u8), 8 => 1u8..=254];
    let member = (base, trackers());
    (prop::collection::vec(member, 1..4), any::<bool>(), any::<bool>(), trackers()).prop_map(
        |(members, grouped, tracking_weight, of_group)| Case {
            members,
            grouped,
            tracking_weight,
            of_group,
        },
    )
}

fn changes() -> impl Strategy<Value = Vec<(usize, bool, i64)>> {
    let number = prop_oneof![
        Just(0i64),
        Just(1),
        Just(-1),
        -300i64..=300,
        Just(-254),
        Just(254),
        -100_000i64..=100_000
    ];
    prop::collection::vec((0..OBJECTS + LINKS.len(), any::<bool>(), number), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn priorities_are_what_the_values_amount_to(case in cases(), changes in changes()) {
        check(&case, &changes)?;
    }
}

/// Every weight that may be written, good and bad, reversed or not.
#[test]
fn every_weight() {
    for weight in -254..=253i16 {
        for reverse in [false, true] {
            let case = Case {
                members: vec![(100, vec![(0, weight, reverse), (6, weight, reverse)])],
                grouped: false,
                tracking_weight: false,
                of_group: Vec::new(),
            };
            let changes = [(0, false, 0), (6, false, 0), (0, true, 0), (6, true, 0)];
            check(&case, &changes).unwrap();
        }
    }
}

/// Every weight of a file with values around each clamp.
#[test]
fn every_weight_of_a_file() {
    for weight in -254..=254i16 {
        for reverse in [false, true] {
            let case = Case {
                members: vec![(100, vec![(2, weight, reverse)])],
                grouped: false,
                tracking_weight: false,
                of_group: Vec::new(),
            };
            let values = [1, -1, 2, -2, 100, -100, 153, -99, 253, -253, 254, -254, 255, 100_000];
            let changes: Vec<_> = values.iter().map(|v| (2, true, *v)).collect();
            check(&case, &changes).unwrap();
        }
    }
}
