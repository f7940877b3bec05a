//! A thousand instances: adverts first, together, and without new memory.

use core::net::IpAddr;
use core::time::Duration;
use model::net::Address;
use sim::config;
use types::{IfIndex, Mono, Prefix, Priority, Vrid};
use vrrp_proto::{Action, AddrFact, Input, Node, Out, Setup, State};

const COUNT: usize = 1_000;
const VIPS: usize = 4;

fn setup() -> Setup {
    let mut s = Setup::default();
    for n in 0..COUNT {
        let mut i = config::plain(&format!("VI_{n}"), 1, 100);
        i.vrid = Vrid::new((n % 250) as u8 + 1).unwrap();
        i.interface = Some(format!("eth{}", n / 250));
        let vip = |v: usize| IpAddr::from([10, 128 + (n / 250) as u8, (n % 250) as u8, v as u8]);
        i.vips = (0..VIPS).map(|v| Address::plain(Prefix::host(vip(v)))).collect();
        s.vrrp.instances.push(i);
    }
    s
}

fn started(setup: Setup) -> (Node, Out) {
    let mut node = Node::new(setup);
    let mut out = Out::default();
    for n in 0..4u32 {
        let words = format!("eth{n} {} up", n + 1);
        let link = sim::script::link(&mut words.split(' ')).unwrap();
        node.handle(Mono::ZERO, Input::Link(link), &mut out);
        let prefix = Prefix { addr: IpAddr::from([10, 0, n as u8, 1]), len: 24 };
        let addr = AddrFact { ifindex: IfIndex(n + 1), prefix, tentative: false };
        node.handle(Mono::ZERO, Input::AddrAdded(addr), &mut out);
    }
    node.handle(Mono::ZERO, Input::Start { uptime: Duration::ZERO }, &mut out);
    out.clear();
    (node, out)
}

#[test]
fn one_tick_takes_over_a_thousand_instances_with_all_adverts_first() {
    let (mut node, mut out) = started(setup());
    let due = node.deadline().unwrap();
    node.handle(due, Input::Tick, &mut out);
    assert_eq!(out.adverts.len(), COUNT);
    let added = out.actions.iter().filter(|a| matches!(a, Action::AddAddr { .. })).count();
    assert_eq!(added, COUNT * VIPS);
    assert!(node.instances().all(|i| i.state() == State::Master));
    node.check_invariants().unwrap();
}

#[test]
fn steady_adverts_need_one_tick_a_second_and_no_memory() {
    let (mut node, mut out) = started(setup());
    // The take-over and the delayed GARPs.
    while node.deadline().unwrap() < Mono::from_millis(10_000) {
        let due = node.deadline().unwrap();
        out.clear();
        node.handle(due, Input::Tick, &mut out);
    }
    let memory = |o: &Out| (o.adverts.capacity(), o.actions.capacity(), o.bytes.capacity());
    let before = memory(&out);
    for _ in 0..20 {
        let due = node.deadline().unwrap();
        out.clear();
        node.handle(due, Input::Tick, &mut out);
        assert_eq!(out.adverts.len(), COUNT);
        assert!(out.actions.is_empty());
        assert_eq!(node.deadline().unwrap(), due + Duration::from_secs(1));
    }
    assert_eq!(memory(&out), before);
}

#[test]
fn adverts_due_within_a_millisecond_go_out_together_and_keep_their_schedule() {
    let mut s = setup();
    s.vrrp.instances.truncate(3);
    // Version 3 at 50 ms: a step of priority is 0.2 ms of skew.
    for (n, i) in s.vrrp.instances.iter_mut().enumerate() {
        i.version = model::vrrp::Version::V3;
        i.advert_int = Duration::from_millis(50);
        i.priority = Priority(102 - n as u8);
    }
    let (mut node, mut out) = started(s);
    let mut take_overs = Vec::new();
    while node.instances().any(|i| i.state() == State::Backup) {
        let due = node.deadline().unwrap();
        take_overs.push(due);
        node.handle(due, Input::Tick, &mut out);
    }
    assert_eq!(take_overs.len(), 3, "nobody takes over before its time");
    for round in 1..=10 {
        let due = node.deadline().unwrap();
        assert_eq!(due, take_overs[0] + Duration::from_millis(50) * round);
        out.clear();
        node.handle(due, Input::Tick, &mut out);
        assert_eq!(out.adverts.len(), 3);
    }
}

/// Take-over, fault and recovery of a group are one step each, whatever its size.
#[test]
fn a_group_of_a_thousand_moves_in_one_step() {
    let mut s = setup();
    let members = s.vrrp.instances.iter().map(|i| i.name.clone()).collect();
    s.vrrp.sync_groups.push(model::vrrp::SyncGroup {
        name: "G".to_owned(),
        members,
        ..Default::default()
    });
    let (mut node, mut out) = started(s);
    let due = node.deadline().unwrap();
    node.handle(due, Input::Tick, &mut out);
    assert_eq!(out.adverts.len(), COUNT);
    assert!(node.instances().all(|i| i.state() == State::Master));
    let count = |out: &Out, add: bool| {
        let one = |a: &&Action| match a {
            Action::AddAddr { .. } => add,
            Action::DelAddr { .. } => !add,
            _ => false,
        };
        out.actions.iter().filter(one).count()
    };
    assert_eq!(count(&out, true), COUNT * VIPS);
    out.clear();
    let down = sim::script::link(&mut "eth2 3 down".split(' ')).unwrap();
    node.handle(due + Duration::from_millis(10), Input::Link(down), &mut out);
    assert!(node.instances().all(|i| i.state() == State::Fault));
    assert_eq!(count(&out, false), COUNT * VIPS);
    // Twice where the fault is, once elsewhere.
    assert_eq!(out.adverts.len(), 2 * 250 + 750);
    out.clear();
    let up = sim::script::link(&mut "eth2 3 up".split(' ')).unwrap();
    node.handle(due + Duration::from_millis(20), Input::Link(up), &mut out);
    assert!(node.instances().all(|i| i.state() == State::Backup));
    node.check_invariants().unwrap();
}
