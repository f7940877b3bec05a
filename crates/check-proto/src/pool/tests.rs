use super::*;
use crate::testing::{Kernel, line, real_server, sorry, virtual_server};
use model::lvs::VirtualServer;
use proptest::prelude::*;

/// A pool with the kernel it drives.
struct World {
    table: Table,
    kernel: Kernel,
    pool: Pool,
}

fn services(vs: &VirtualServer) -> Arc<[ServiceKey]> {
    group::services(vs, &[], None).unwrap().into()
}

fn standing(vs: &VirtualServer, failed: &[u32]) -> Vec<Standing> {
    let failed = failed.iter().copied().chain(core::iter::repeat(0));
    let weights = vs.real_servers.iter().map(|rs| i64::from(rs.weight));
    weights.zip(failed).map(|(effective, failed)| Standing { failed, effective }).collect()
}

impl World {
    fn start(vs: &VirtualServer, failed: &[u32]) -> (World, Vec<String>) {
        let pool = Pool::new(1, vs, services(vs));
        let mut w = World { table: Table::default(), kernel: Kernel::default(), pool };
        let standing = standing(vs, failed);
        let lines = w.act(|pool, cx| pool.start(&standing, false, cx));
        (w, lines)
    }

    fn act<R>(&mut self, f: impl FnOnce(&mut Pool, &mut Cx<'_>) -> R) -> Vec<String> {
        let mut out = Vec::new();
        f(&mut self.pool, &mut Cx { table: &mut self.table, out: &mut out });
        for action in &out {
            if let Action::Ipvs(op) = action {
                self.kernel.apply(op);
            }
        }
        self.pool.check_invariants(&self.table);
        assert_eq!(self.kernel.0, self.table.wanted());
        out.iter().map(line).collect()
    }

    fn up(&mut self, i: usize) -> Vec<String> {
        self.act(|pool, cx| pool.checker_up(i, cx))
    }

    fn down(&mut self, i: usize) -> Vec<String> {
        self.act(|pool, cx| pool.checker_down(i, cx))
    }

    fn reload(&mut self, vs: &VirtualServer, failed: &[u32]) -> Vec<String> {
        let new = Pool::new(1, vs, services(vs));
        let old = core::mem::replace(&mut self.pool, new);
        let standing = standing(vs, failed);
        self.act(|pool, cx| pool.replace(&old, &standing, false, cx))
    }
}

#[test]
fn servers_without_alpha_are_in_before_any_check_has_run() {
    let (_, lines) = World::start(&virtual_server(&[1, 2]), &[]);
    assert_eq!(
        lines,
        [
            "+service",
            "+10.1.0.1 1",
            "+10.1.0.2 2",
            "Gained quorum 1+0=1 <= 3 for VS [10.0.0.1]:tcp:80",
            "> VS [10.0.0.1]:tcp:80 UP",
        ]
    );
}

#[test]
fn a_server_goes_and_comes_back() {
    let (mut w, _) = World::start(&virtual_server(&[1, 1]), &[]);
    assert_eq!(
        w.down(0),
        [
            "Removing service [10.1.0.1]:tcp:80 from VS [10.0.0.1]:tcp:80",
            "-10.1.0.1",
            "> RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 DOWN",
        ]
    );
    assert_eq!(w.down(0), Vec::<String>::new());
    assert_eq!(w.up(0), Vec::<String>::new(), "another checker still fails");
    assert_eq!(
        w.up(0),
        [
            "Adding service [10.1.0.1]:tcp:80 to VS [10.0.0.1]:tcp:80",
            "+10.1.0.1 1",
            "> RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 UP",
        ]
    );
}

#[test]
fn an_inhibited_server_stays_with_weight_zero() {
    let mut vs = virtual_server(&[3, 1]);
    vs.real_servers[0].inhibit_on_failure = true;
    let (mut w, lines) = World::start(&vs, &[1]);
    assert_eq!(lines[1], "+10.1.0.1 0");
    assert_eq!(
        w.up(0)[..2],
        ["Enabling service [10.1.0.1]:tcp:80 of VS [10.0.0.1]:tcp:80", "=10.1.0.1 3"]
    );
    assert_eq!(
        w.down(0)[..2],
        ["Disabling service [10.1.0.1]:tcp:80 of VS [10.0.0.1]:tcp:80", "=10.1.0.1 0"]
    );
}

/// The example of the documentation: quorum 2, hysteresis 1, weights 2 and 1.
#[test]
fn quorum_has_hysteresis_and_the_sorry_server_fills_the_gap() {
    let mut vs = virtual_server(&[2, 1]);
    (vs.quorum, vs.hysteresis) = (2, 1);
    vs.sorry_server = Some(sorry(false));
    let (mut w, lines) = World::start(&vs, &[]);
    assert_eq!(lines[3], "Gained quorum 2+1=3 <= 3 for VS [10.0.0.1]:tcp:80");
    w.down(1);
    assert!(w.pool.is_up(), "2 is not below 2-1");
    assert_eq!(
        w.down(0),
        [
            "Removing service [10.1.0.1]:tcp:80 from VS [10.0.0.1]:tcp:80",
            "-10.1.0.1",
            "> RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 DOWN",
            "Lost quorum 2-1=1 > 0 for VS [10.0.0.1]:tcp:80",
            "Adding sorry server [10.9.9.9]:tcp:80 to VS [10.0.0.1]:tcp:80",
            "Removing alive servers from the pool for VS [10.0.0.1]:tcp:80",
            "+10.9.9.9 1",
            "> VS [10.0.0.1]:tcp:80 DOWN",
        ]
    );
    assert_eq!(
        w.up(0),
        [
            "Adding service [10.1.0.1]:tcp:80 to VS [10.0.0.1]:tcp:80",
            "> RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 UP",
        ]
    );
    assert_eq!(w.kernel.dests(), "10.9.9.9=1");
    assert_eq!(
        w.up(1)[2..],
        [
            "Gained quorum 2+1=3 <= 3 for VS [10.0.0.1]:tcp:80",
            "Removing sorry server [10.9.9.9]:tcp:80 from VS [10.0.0.1]:tcp:80",
            "Adding alive servers to the pool for VS [10.0.0.1]:tcp:80",
            "+10.1.0.1 2",
            "+10.1.0.2 1",
            "-10.9.9.9",
            "> VS [10.0.0.1]:tcp:80 UP",
        ]
    );
}

#[test]
fn a_lost_quorum_withdraws_the_servers_that_are_up_only_for_a_sorry_server() {
    let mut vs = virtual_server(&[1, 1, 1]);
    vs.quorum = 3;
    let (mut w, _) = World::start(&vs, &[]);
    w.down(0);
    assert_eq!(w.kernel.dests(), "10.1.0.2=1 10.1.0.3=1");
    vs.sorry_server = Some(sorry(false));
    let (mut w, _) = World::start(&vs, &[]);
    w.down(0);
    assert_eq!(w.kernel.dests(), "10.9.9.9=1");
}

#[test]
fn a_pool_that_starts_without_quorum_says_so_only_with_a_sorry_server() {
    let mut vs = virtual_server(&[1]);
    let (_, lines) = World::start(&vs, &[1]);
    assert_eq!(lines, ["+service"]);
    vs.sorry_server = Some(sorry(false));
    let (_, lines) = World::start(&vs, &[1]);
    assert_eq!(
        lines,
        [
            "+service",
            "Starting with quorum down 1+0=1 > 0 for VS [10.0.0.1]:tcp:80",
            "Adding sorry server [10.9.9.9]:tcp:80 to VS [10.0.0.1]:tcp:80",
            "Removing alive servers from the pool for VS [10.0.0.1]:tcp:80",
            "+10.9.9.9 1",
            "> VS [10.0.0.1]:tcp:80 DOWN",
        ]
    );
}

#[test]
fn an_inhibited_sorry_server_waits_with_weight_zero() {
    let mut vs = virtual_server(&[1]);
    vs.sorry_server = Some(sorry(true));
    let (mut w, _) = World::start(&vs, &[]);
    assert_eq!(w.kernel.dests(), "10.1.0.1=1 10.9.9.9=0");
    assert!(w.down(0).contains(&"=10.9.9.9 1".to_owned()));
    assert!(w.up(0).contains(&"=10.9.9.9 0".to_owned()));
}

#[test]
fn a_sorry_server_may_be_one_of_the_servers() {
    let mut vs = virtual_server(&[5, 1]);
    vs.quorum = 2;
    let mut ss = sorry(false);
    ss.addr = vs.real_servers[0].addr;
    ss.same_as = Some(0);
    vs.sorry_server = Some(ss);
    let (mut w, _) = World::start(&vs, &[]);
    assert_eq!(w.kernel.dests(), "10.1.0.1=5 10.1.0.2=1");
    w.down(0);
    assert_eq!(w.kernel.dests(), "10.1.0.1=1");
    w.up(0);
    assert_eq!(w.kernel.dests(), "10.1.0.1=5 10.1.0.2=1");
}

#[test]
fn weights_count_for_the_quorum_and_remember_excursions_below_zero() {
    let mut vs = virtual_server(&[2, 1]);
    vs.quorum = 2;
    let (mut w, _) = World::start(&vs, &[]);
    assert_eq!(
        w.act(|pool, cx| pool.weigh(0, -5, cx)),
        [
            "Changing weight from 2 to 0 for active service [10.1.0.1]:tcp:80 of VS [10.0.0.1]:tcp:80",
            "=10.1.0.1 0",
            "Lost quorum 2-0=2 > 1 for VS [10.0.0.1]:tcp:80",
            "> VS [10.0.0.1]:tcp:80 DOWN",
        ]
    );
    assert_eq!(w.act(|pool, cx| pool.weigh(0, -4, cx)), Vec::<String>::new());
    w.down(0);
    assert_eq!(
        w.act(|pool, cx| pool.weigh(0, 7, cx)),
        [
            "Changing weight from 0 to 7 for inactive service [10.1.0.1]:tcp:80 of VS [10.0.0.1]:tcp:80"
        ]
    );
    assert!(w.up(0).contains(&"+10.1.0.1 7".to_owned()));
}

#[test]
fn a_weight_changes_nothing_in_the_kernel_while_the_sorry_server_is_in() {
    let mut vs = virtual_server(&[1, 1]);
    vs.quorum = 2;
    vs.sorry_server = Some(sorry(false));
    let (mut w, _) = World::start(&vs, &[0, 1]);
    w.act(|pool, cx| pool.weigh(1, 9, cx));
    assert_eq!(w.kernel.dests(), "10.9.9.9=1");
}

#[test]
fn mails_say_the_numbers_and_the_right_sign() {
    let mut vs = virtual_server(&[2]);
    (vs.quorum, vs.hysteresis, vs.smtp_alert) = (2, 1, true);
    let (mut w, lines) = World::start(&vs, &[1]);
    assert!(lines.iter().all(|l| !l.starts_with("mail")));
    w.act(|pool, cx| pool.weigh(0, 3, cx));
    assert_eq!(
        w.up(0).last().unwrap(),
        "mail Virtualserver [10.0.0.1]:tcp:80 - UP => Gained quorum 2+1=3 <= 3 <="
    );
    assert_eq!(
        w.down(0).last().unwrap(),
        "mail Virtualserver [10.0.0.1]:tcp:80 - DOWN => Lost quorum 2-1=1 > 0 <="
    );
    assert_eq!(
        w.up(0).last().unwrap(),
        "mail Virtualserver [10.0.0.1]:tcp:80 - UP => Gained quorum 2+1=3 <= 3 <="
    );
}

#[test]
fn a_reload_without_changes_does_nothing() {
    let mut vs = virtual_server(&[1, 2, 3]);
    vs.sorry_server = Some(sorry(true));
    let (mut w, _) = World::start(&vs, &[]);
    w.down(1);
    assert_eq!(w.reload(&vs, &[0, 1]), Vec::<String>::new());
    for i in [0, 2] {
        w.down(i);
    }
    assert_eq!(w.reload(&vs, &[1, 1, 1]), Vec::<String>::new());
}

#[test]
fn a_reload_touches_only_what_changed() {
    let vs = virtual_server(&[1, 2]);
    let (mut w, _) = World::start(&vs, &[]);
    let mut new = vs.clone();
    new.real_servers.reverse();
    new.real_servers[0].weight = 5;
    new.real_servers.push(real_server(3, 4));
    assert_eq!(
        w.reload(&new, &[]),
        [
            "Changing weight from 2 to 5 for active service [10.1.0.2]:tcp:80 of VS [10.0.0.1]:tcp:80",
            "=10.1.0.2 5",
            "+10.1.0.3 4",
        ]
    );
    assert_eq!(
        w.reload(&vs, &[]),
        [
            "Changing weight from 5 to 2 for active service [10.1.0.2]:tcp:80 of VS [10.0.0.1]:tcp:80",
            "service [10.1.0.3]:tcp:80 no longer exist",
            "Removing service [10.1.0.3]:tcp:80 from VS [10.0.0.1]:tcp:80",
            "> RS [10.1.0.3]:tcp:80 [10.0.0.1]:tcp:80 DOWN",
            "=10.1.0.2 2",
            "-10.1.0.3",
        ]
    );
}

#[test]
fn a_reload_applies_thresholds() {
    let mut vs = virtual_server(&[1]);
    let (mut w, _) = World::start(&vs, &[]);
    let rare = lvs::RareReal { uthreshold: 100, lthreshold: 50, ..Default::default() };
    vs.real_servers[0].rare = Some(Box::new(rare));
    assert_eq!(w.reload(&vs, &[]), ["=10.1.0.1 1"]);
    let dest = w.kernel.0.values().next().unwrap().dests.values().next().copied().unwrap();
    assert_eq!((dest.uthreshold, dest.lthreshold), (100, 50));
}

#[test]
fn a_reload_with_another_forwarding_method_revives_nobody() {
    let mut vs = virtual_server(&[1, 1]);
    vs.real_servers[0].inhibit_on_failure = true;
    vs.sorry_server = Some(sorry(false));
    vs.quorum = 2;
    let (mut w, _) = World::start(&vs, &[1, 0]);
    assert_eq!(w.kernel.dests(), "10.1.0.1=0 10.9.9.9=1");
    for rs in &mut vs.real_servers {
        rs.forwarding = Forwarding::Tun(lvs::Tunnel::Ipip);
    }
    assert_eq!(w.reload(&vs, &[1, 0]), ["=10.1.0.1 0"]);
}

#[test]
fn a_changed_kernel_name_is_added_before_the_old_one_goes() {
    let mut vs = virtual_server(&[1]);
    let (mut w, _) = World::start(&vs, &[]);
    vs.real_servers[0].port = 80;
    vs.real_servers[0].forwarding = Forwarding::Nat;
    assert_eq!(w.reload(&vs, &[]), ["=10.1.0.1 1"], "same port: the same name");
    vs.real_servers[0].port = 8080;
    let lines = w.reload(&vs, &[]);
    let ipvs: Vec<_> = lines.iter().filter(|l| l.starts_with(['+', '-'])).collect();
    assert_eq!(ipvs, ["+10.1.0.1 1", "-10.1.0.1"]);
}

#[test]
fn a_reload_with_another_quorum_evaluates_it_anew() {
    let mut vs = virtual_server(&[1, 1]);
    let (mut w, _) = World::start(&vs, &[0, 1]);
    vs.quorum = 2;
    assert_eq!(
        w.reload(&vs, &[0, 1]),
        ["Lost quorum 2-0=2 > 1 for VS [10.0.0.1]:tcp:80", "> VS [10.0.0.1]:tcp:80 DOWN"]
    );
    vs.sorry_server = Some(sorry(false));
    assert_eq!(
        w.reload(&vs, &[0, 1]),
        [
            "Adding sorry server [10.9.9.9]:tcp:80 to VS [10.0.0.1]:tcp:80",
            "Removing alive servers from the pool for VS [10.0.0.1]:tcp:80",
            "+10.9.9.9 1",
            "-10.1.0.1",
        ]
    );
    vs.sorry_server = None;
    assert_eq!(
        w.reload(&vs, &[0, 1]),
        [
            "Removing sorry server [10.9.9.9]:tcp:80 from VS [10.0.0.1]:tcp:80",
            "Adding alive servers to the pool for VS [10.0.0.1]:tcp:80",
            "+10.1.0.1 1",
            "-10.9.9.9",
        ]
    );
}

#[test]
fn a_removed_virtual_server_goes_with_its_notifications() {
    let mut vs = virtual_server(&[1, 1]);
    vs.real_servers[0].smtp_alert = true;
    let (mut w, _) = World::start(&vs, &[0, 1]);
    let mut out = Vec::new();
    w.pool.remove(&mut Cx { table: &mut w.table, out: &mut out });
    let lines: Vec<_> = out.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "Removing Virtual Server [10.0.0.1]:tcp:80",
            "-service",
            "Removing service [10.1.0.1]:tcp:80 from VS [10.0.0.1]:tcp:80",
            "> RS [10.1.0.1]:tcp:80 [10.0.0.1]:tcp:80 DOWN",
            "mail Realserver [10.1.0.1]:tcp:80 of virtual server [10.0.0.1]:tcp:80 - DOWN => Removing <=",
            "Removing service [10.1.0.2]:tcp:80 from VS [10.0.0.1]:tcp:80",
            "> VS [10.0.0.1]:tcp:80 DOWN",
        ]
    );
    assert!(w.table.is_empty());
}

#[test]
fn a_stop_runs_scripts_only_with_omega() {
    let mut vs = virtual_server(&[1]);
    vs.quorum_down = Some(ScriptId(3));
    let stop = |vs: &VirtualServer| {
        let (mut w, _) = World::start(vs, &[]);
        let mut out = Vec::new();
        w.pool.stop(true, &mut Cx { table: &mut w.table, out: &mut out });
        out
    };
    let scripts = |out: &[Action]| {
        let script = |a: &Action| match a {
            Action::Notify(Notify::Pool { script, .. } | Notify::Server { script, .. }) => *script,
            _ => None,
        };
        out.iter().filter_map(script).collect::<Vec<_>>()
    };
    let out = stop(&vs);
    assert_eq!(line(&out[0]), "Shutting down service [10.1.0.1]:tcp:80 from VS [10.0.0.1]:tcp:80");
    assert_eq!(scripts(&out), []);
    vs.omega = true;
    assert_eq!(scripts(&stop(&vs)), [ScriptId(3)]);
}

/// Two virtual servers of one group share its services.
#[test]
fn shared_services_live_until_their_last_user_leaves() {
    let vs = virtual_server(&[1]);
    let mut other = virtual_server(&[1]);
    other.real_servers[0].weight = 4;
    let mut table = Table::default();
    let mut kernel = Kernel::default();
    let mut out = Vec::new();
    let mut a = Pool::new(1, &vs, services(&vs));
    let mut b = Pool::new(2, &other, services(&other));
    let mut apply = |out: &mut Vec<Action>, table: &Table| {
        for action in out.drain(..) {
            if let Action::Ipvs(op) = &action {
                kernel.apply(op);
            }
        }
        assert_eq!(kernel.0, table.wanted());
        kernel.dests()
    };
    a.start(&standing(&vs, &[]), false, &mut Cx { table: &mut table, out: &mut out });
    assert_eq!(apply(&mut out, &table), "10.1.0.1=1");
    b.start(&standing(&other, &[]), false, &mut Cx { table: &mut table, out: &mut out });
    assert_eq!(apply(&mut out, &table), "10.1.0.1=4");
    b.checker_down(0, &mut Cx { table: &mut table, out: &mut out });
    assert_eq!(apply(&mut out, &table), "10.1.0.1=1");
    a.remove(&mut Cx { table: &mut table, out: &mut out });
    assert_eq!(apply(&mut out, &table), "");
    assert_eq!(table.len(), 1);
    b.remove(&mut Cx { table: &mut table, out: &mut out });
    apply(&mut out, &table);
    assert!(table.is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Up(usize),
    Down(usize),
    Weigh(usize, i64),
    Reload(Box<VirtualServer>),
}

fn configs() -> impl Strategy<Value = VirtualServer> {
    let server = (1u8..6, 0u32..4, any::<bool>(), any::<bool>());
    let servers = proptest::collection::vec(server, 1..6);
    (servers, 0u32..8, 0u32..3, proptest::option::of((any::<bool>(), 0u8..6))).prop_map(
        |(servers, quorum, hysteresis, ss)| {
            let mut vs = virtual_server(&[]);
            (vs.quorum, vs.hysteresis) = (quorum, hysteresis);
            for (n, weight, inhibit, nat) in servers {
                let mut rs = real_server(n, weight);
                rs.inhibit_on_failure = inhibit;
                if nat {
                    rs.forwarding = Forwarding::Nat;
                    rs.port = 8080;
                }
                let same = |o: &lvs::RealServer| (o.addr, o.port) == (rs.addr, rs.port);
                if !vs.real_servers.iter().any(same) {
                    vs.real_servers.push(rs);
                }
            }
            vs.sorry_server = ss.map(|(inhibit, n)| {
                let mut ss = sorry(inhibit);
                if n > 0 {
                    ss.addr = IpAddr::from([10, 1, 0, n]);
                }
                ss
            });
            vs
        },
    )
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0usize..6).prop_map(Step::Up),
        3 => (0usize..6).prop_map(Step::Down),
        2 => (0usize..6, -3i64..6).prop_map(|(i, w)| Step::Weigh(i, w)),
        1 => configs().prop_map(|vs| Step::Reload(Box::new(vs))),
    ]
}

proptest! {
    /// The kernel refuses nothing, ends as wanted, and the invariants hold
    /// (checked by `act`), whatever happens in whatever order.
    #[test]
    fn whatever_happens_the_kernel_is_as_wanted(
        first in configs(), steps in proptest::collection::vec(steps(), 0..40),
    ) {
        let (mut w, _) = World::start(&first, &[]);
        for step in steps {
            match step {
                Step::Up(i) => {
                    let failed = w.pool.servers.get(i).map_or(0, |s| s.failed);
                    if failed > 0 {
                        w.up(i);
                    }
                }
                Step::Down(i) => drop(w.down(i)),
                Step::Weigh(i, weight) => drop(w.act(|p, cx| p.weigh(i, weight, cx))),
                Step::Reload(vs) => {
                    let failed = |rs: &lvs::RealServer| {
                        let same = |s: &&Server| (s.addr, s.port) == (rs.addr, rs.port);
                        w.pool.servers.iter().find(same).map_or(0, |s| s.failed)
                    };
                    let failed: Vec<_> = vs.real_servers.iter().map(failed).collect();
                    w.reload(&vs, &failed);
                    let again = w.reload(&vs, &failed);
                    prop_assert_eq!(again, Vec::<String>::new());
                }
            }
        }
    }
}
