//! Walks over all MIBs: whatever the configuration, a walk goes forward and ends, and what it finds
//! a get finds too.

use crate::{Rows, Serving, Tree, View};
use agentx::{Mib, Oid, SetError, Value, VarBind};
use core::time::Duration;
use ipc::msg::snapshot::{Change, InstanceChange, InstanceNow, LinkNow, PlaceNow, VrrpSnapshot};
use model::net::Address;
use model::vrrp::{Vrrp, VrrpInstance};
use model::{Global, Lvs};
use types::Prefix;

const ALL: Serving = Serving { global: true, vrrp: true, checker: true, rfcv2: true, rfcv3: true };

struct World {
    global: Global,
    vrrp: Vrrp,
    lvs: Lvs,
    now: VrrpSnapshot,
}

impl World {
    /// So many instances of so many addresses.
    fn new(instances: u32, addresses: u8) -> Self {
        let mut world = World {
            global: Global::default(),
            vrrp: Vrrp::default(),
            lvs: Lvs::default(),
            now: VrrpSnapshot::default(),
        };
        let mac = [2, 0, 0, 0, 0, 1];
        world.now.links.push(LinkNow { index: 7, name: "eth0".into(), mac });
        for n in 0..instances {
            let vips = (1..=addresses).map(|a| {
                let [.., high, low] = n.to_be_bytes();
                Address::plain(Prefix { addr: [10, high, low, a].into(), len: 24 })
            });
            let i = instance(n, vips.collect());
            world.now.instances.push(InstanceNow {
                addresses: i.vips.iter().map(|_| PlaceNow { ifindex: 7, set: true }).collect(),
                ..InstanceNow::default()
            });
            world.vrrp.instances.push(i);
        }
        world
    }

    fn view(&self) -> View<'_> {
        View {
            version: "v",
            host: "h",
            global: &self.global,
            vrrp: &self.vrrp,
            lvs: &self.lvs,
            tracks: &[],
            scripts: &[],
            vrrp_now: Some(&self.now),
            checker_now: None,
            uptime: Duration::from_secs(1),
        }
    }
}

fn instance(n: u32, vips: Vec<Address>) -> VrrpInstance {
    VrrpInstance {
        name: format!("VI_{n}"),
        interface: Some("eth0".into()),
        vips,
        ..sim::config::plain("", (n % 255) as u8 + 1, 100)
    }
}

fn walk(tree: &Tree<'_>) -> Vec<VarBind> {
    let mut found: Vec<VarBind> = Vec::new();
    let mut from = Oid::new([1]);
    while let Some(next) = tree.next(&from, false) {
        assert!(next.name > from, "{} does not follow {from}", next.name);
        assert_eq!(tree.get(&next.name), next.value, "{}", next.name);
        assert_eq!(tree.next(&next.name, true).as_ref(), Some(&next));
        from = next.name.clone();
        found.push(next);
    }
    found
}

#[test]
fn a_walk_goes_forward_and_ends() {
    let world = World::new(3, 2);
    let rows = Rows::new(ALL);
    let found = walk(&Tree { rows: &rows, view: world.view() });
    assert!(found.len() > 150, "{}", found.len());
    let nothing = World::new(0, 0);
    let rows = Rows::new(ALL);
    assert!(!walk(&Tree { rows: &rows, view: nothing.view() }).is_empty());
}

#[test]
fn a_thousand_instances_of_twenty_addresses_are_walked() {
    let world = World::new(1_000, 20);
    let rows = Rows::new(ALL);
    let found = walk(&Tree { rows: &rows, view: world.view() });
    assert!(found.len() > 200_000, "{}", found.len());
}

#[test]
fn what_is_not_there_is_told_apart() {
    let world = World::new(1, 1);
    let rows = Rows::new(ALL);
    let tree = Tree { rows: &rows, view: world.view() };
    let get = |ids: &[u32]| tree.get(&Oid::new([&crate::keepalived::ROOT[..], ids].concat()));
    assert_eq!(get(&[2, 3, 1, 2, 1]), Value::text("VI_0"));
    assert_eq!(get(&[2, 3, 1, 2, 2]), Value::NoSuchInstance);
    assert_eq!(get(&[2, 3, 1, 22, 1]), Value::NoSuchInstance);
    assert_eq!(get(&[2, 3, 1, 99, 1]), Value::NoSuchObject);
    assert_eq!(tree.get(&Oid::new([1, 3])), Value::NoSuchObject);
}

#[test]
fn what_can_be_set_is_checked_and_becomes_a_change() {
    let world = World::new(2, 1);
    let rows = Rows::new(ALL);
    let tree = Tree { rows: &rows, view: world.view() };
    let set = |ids: &[u32], value: Value| {
        let name = Oid::new([&crate::keepalived::ROOT[..], ids].concat());
        tree.change(&VarBind::new(name, value))
    };
    let change = |place, what| Ok(Change::Instance { generation: Default::default(), place, what });
    let priority = [2, 3, 1, 7, 2];
    assert_eq!(set(&priority, Value::Integer(9)), change(1, InstanceChange::Priority(9)));
    assert_eq!(set(&priority, Value::Integer(0)), Err(SetError::WrongValue));
    assert_eq!(set(&priority, Value::Integer(256)), Err(SetError::WrongValue));
    assert_eq!(set(&priority, Value::text("9")), Err(SetError::WrongType));
    assert_eq!(set(&[2, 3, 1, 7, 3], Value::Integer(9)), Err(SetError::NotWritable));
    assert_eq!(set(&[2, 3, 1, 8, 1], Value::Integer(9)), Err(SetError::NotWritable));
    let preempt = [2, 3, 1, 13, 1];
    assert_eq!(set(&preempt, Value::Integer(2)), change(0, InstanceChange::Preempt(false)));
    // Accept mode is of version 3.
    assert_eq!(set(&[2, 3, 1, 27, 1], Value::Integer(2)), Err(SetError::NotWritable));
}

#[test]
fn vrrp_mib_has_a_row_for_each_instance() {
    let world = World::new(3, 1);
    let rows = Rows::new(ALL);
    let tree = Tree { rows: &rows, view: world.view() };
    let state = |vrid| tree.get(&Oid::new([1, 3, 6, 1, 2, 1, 68, 1, 3, 1, 3, 7, vrid]));
    assert_eq!([state(1), state(2), state(3)], [const { Value::Integer(1) }; 3]);
    assert_eq!(state(4), Value::NoSuchInstance);
}

#[test]
fn columns_that_the_reference_has_wrong() {
    let mut world = World::new(2, 2);
    let mpls = model::net::Encap::Mpls(vec![100, 200]);
    let ila = model::net::Encap::Ila(0x0001_0002_0003_0004);
    for encap in [mpls, ila] {
        let mut route = model::net::Route::plain(types::Family::V4, None);
        route.hop.encap = Some(encap);
        world.vrrp.static_routes.push(route);
    }
    world.vrrp.instances[1].dont_track_primary = true;
    world.vrrp.instances[1].evips = world.vrrp.instances[1].vips.split_off(1);
    let file = model::track::TrackFile { path: "/f".into(), init: None };
    let tracks = [model::TrackObject {
        name: "f".into(),
        weight: types::Weight(2),
        reverse: false,
        kind: model::TrackKind::File(file),
    }];
    let weight = types::Weight(7);
    let tracked = model::vrrp::TrackRef { id: types::TrackId(0), weight, reverse: true };
    world.vrrp.instances[0].tracks.push(tracked);
    for now in &mut world.now.instances {
        now.state = ipc::msg::snapshot::StateNow::Master;
    }
    world.now.instances[1].addresses[1].set = false;
    let rows = Rows::new(ALL);
    let tree = Tree { rows: &rows, view: View { tracks: &tracks, ..world.view() } };
    let get = |ids: &[u32]| tree.get(&Oid::new([&crate::keepalived::ROOT[..], &[2], ids].concat()));
    let int = Value::Integer;
    // vrrpInstanceTrackPrimaryIf, vrrpInstanceVipsStatus
    assert_eq!([get(&[3, 1, 11, 1]), get(&[3, 1, 11, 2])], [int(1), int(2)]);
    assert_eq!([get(&[3, 1, 9, 1]), get(&[3, 1, 9, 2])], [int(1), int(2)]);
    // vrrpAddressAdvertising
    assert_eq!([get(&[6, 1, 11, 2, 1]), get(&[6, 1, 11, 2, 2])], [int(1), int(2)]);
    // vrrpTrackedFileWeight, and its sign
    assert_eq!([get(&[12, 1, 3, 1, 1]), get(&[12, 1, 4, 1, 1])], [int(7), int(1)]);
    // vrrpRouteEncapMplsLabels, vrrpRouteEncapIlaLocator
    assert_eq!(get(&[7, 1, 47, 0, 1]), Value::text("100/200"));
    assert_eq!(get(&[7, 1, 54, 0, 2]), Value::Counter64(0x0001_0002_0003_0004));
}

/// Virtual servers as a configuration has them.
fn servers() -> Lvs {
    use model::lvs::{
        CheckKind, Checker, Connect, Defaults, Forwarding, GroupEntry, Protocol, RealServer,
        Scheduler, Service, VirtualServer, VirtualServerGroup,
    };
    let micros = types::Micros::from_secs;
    let checker = Checker {
        alpha: true,
        retry: 7,
        delay_before_retry: micros(2),
        warmup: micros(3),
        delay_loop: micros(4),
        log_all_failures: false,
        kind: CheckKind::Tcp(Connect { timeout: micros(5), ..Connect::default() }),
    };
    let real = |n, checkers| RealServer {
        addr: [10, 2, 0, n].into(),
        port: 80,
        weight: 3,
        forwarding: Forwarding::Dr,
        inhibit_on_failure: false,
        smtp_alert: true,
        checkers,
        rare: None,
    };
    let virtual_server = VirtualServer {
        service: Service::Addr([10, 0, 0, 1].into(), 80),
        family: Some(types::Family::V4),
        protocol: Some(Protocol::Tcp),
        scheduler: Scheduler::Wlc,
        ops: false,
        sched_flags: 0b10,
        forwarding: Forwarding::Dr,
        persistence_engine: None,
        persistence_timeout: 0,
        persistence_granularity: u32::MAX,
        ha_suspend: false,
        omega: false,
        quorum: 2,
        hysteresis: 0,
        quorum_up: None,
        quorum_down: None,
        virtualhost: None,
        smtp_alert: false,
        snmp_name: Some("web".into()),
        delay_loop: Duration::from_secs(60),
        defaults: Defaults { retry: 1, ..Defaults::default() },
        sorry_server: None,
        real_servers: vec![real(1, vec![checker]), real(2, Vec::new())],
    };
    let range =
        GroupEntry::Range { first: [10, 1, 0, 1].into(), last: [10, 1, 0, 9].into(), port: 80 };
    let entries = vec![range, GroupEntry::Fwmark { mark: 9, family: None }];
    Lvs {
        virtual_servers: vec![virtual_server],
        groups: vec![VirtualServerGroup { name: "G".into(), entries }],
        ..Lvs::default()
    }
}

/// The value of a cell below the check branch.
fn check_cell(lvs: &Lvs, ids: &[u32]) -> Value {
    let world = World::new(0, 0);
    let rows = Rows::new(ALL);
    let tree = Tree { rows: &rows, view: View { lvs, ..world.view() } };
    tree.get(&Oid::new([&crate::keepalived::ROOT[..], &[3], ids].concat()))
}

#[test]
fn a_real_server_is_paced_as_its_first_checker() {
    let lvs = servers();
    let pacing = |n| [43, 44, 45, 46].map(|column| check_cell(&lvs, &[4, 1, column, 1, n]));
    assert_eq!(pacing(1), [7, 2, 3, 4].map(Value::Gauge));
    assert_eq!(pacing(2), [1, 0, 0, 60].map(Value::Gauge));
    assert_eq!(check_cell(&lvs, &[3, 1, 71, 1]), Value::text("web"));
    // virtualServerSHPort, virtualServerSHFallback
    assert_eq!(check_cell(&lvs, &[3, 1, 54, 1]), Value::Integer(1));
    assert_eq!(check_cell(&lvs, &[3, 1, 53, 1]), Value::Integer(2));
}

#[test]
fn members_of_groups_stand_as_they_are_written() {
    let lvs = servers();
    let kinds = [1, 2].map(|n| check_cell(&lvs, &[2, 1, 2, 1, n]));
    assert_eq!(kinds, [3, 1].map(Value::Integer));
    assert_eq!(check_cell(&lvs, &[2, 1, 3, 1, 2]), Value::Gauge(9));
}

#[test]
fn weights_are_those_that_the_kernel_has() {
    let (world, lvs) = (World::new(0, 0), servers());
    let now = ipc::msg::snapshot::CheckerSnapshot::default();
    let rows = Rows::new(ALL);
    let view = View { lvs: &lvs, checker_now: Some(&now), ..world.view() };
    let tree = Tree { rows: &rows, view };
    let name = Oid::new([&crate::keepalived::ROOT[..], &[3, 4, 1, 7, 1, 2]].concat());
    let set = |value| tree.change(&VarBind::new(name.clone(), value));
    let change = Change::Weight { generation: now.generation, vs: 0, rs: 1, weight: 9 };
    assert_eq!(set(Value::Integer(9)), Ok(change));
    assert_eq!(set(Value::Integer(-1)), Err(SetError::WrongValue));
    assert_eq!(set(Value::Integer(65_536)), Err(SetError::WrongValue));
    assert_eq!(set(Value::Null), Err(SetError::WrongType));
}

/// The objects that managers look for, in their order.
#[test]
fn notifications_of_servers_name_server_quorum_and_counts() {
    let (mut world, lvs) = (World::new(0, 0), servers());
    world.global.snmp.traps = true;
    world.global.snmp.checker = true;
    let view = View { lvs: &lvs, ..world.view() };
    let news = |rs| ipc::msg::snapshot::ServerNews {
        generation: Default::default(),
        vs: 0,
        rs,
        up: true,
        stopping: false,
        alive: 1,
    };
    let columns = |rs| -> Vec<Vec<u32>> {
        let trap = crate::traps::of_server(&view, &news(rs)).unwrap();
        let below = |b: &VarBind| b.name.below(&crate::keepalived::ROOT).unwrap().to_vec();
        trap.objects.iter().map(below).collect()
    };
    let vs = |column| vec![3, 3, 1, column];
    let rs = |column| vec![3, 4, 1, column];
    let identity = [vs(2), vs(5), vs(6), vs(7), vs(8)];
    let counts = [vs(21), vs(20), vec![1, 2, 0]];
    let server = [&[rs(3), rs(4), rs(5), rs(6)], &identity[..], &counts[..]].concat();
    assert_eq!(columns(Some(1)), server);
    assert_eq!(columns(None), [&identity[..], &[vs(23), vs(22)], &counts[..]].concat());
    let nobody = crate::traps::of_server(&view, &news(Some(7)));
    assert_eq!(nobody, None);
}
