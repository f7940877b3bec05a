//! All processes of a daemon are killed. The next one, whatever its configuration, leaves nothing of
//! it: no object of any kind, and no setting that is not what it was.

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use conformance::Lan;
use conformance::kernel::{difference, settings, state};
use conformance::netns::name_network;
use lab::config::{self, Instance};
use lab::{Daemon, Host, PATIENCE, Result, Role, Subject, procs};
use nix::sys::signal::Signal;

/// Every kind of object, and every setting that is changed.
fn everything() -> String {
    let instances = [
        Instance::new(51, 150, &["192.0.2.100/24"])
            .with("promote_secondaries")
            .with("virtual_routes {\n198.51.100.0/24 via 192.0.2.254 dev eth0\n}")
            .with("virtual_rules {\nfrom 198.51.100.0/24 table 100 priority 1051\n}"),
        Instance::new(53, 150, &["192.0.2.153/24"]).with("use_vmac"),
        Instance::new(54, 150, &["fe80::154/64", "2001:db8::154/64"])
            .with("use_vmac")
            .with("no_accept"),
        Instance::new(55, 150, &["192.0.2.155/24"]).with("no_accept"),
    ];
    config::file(&instances).replacen('{', "{\ndisable_local_igmp", 1)
        + "static_ipaddress {\n192.0.2.80/24 dev eth0\n}\n\
           static_routes {\n203.0.113.0/24 dev eth0\n}\n"
}

const ROUTER: &str = "global_defs {\nrouter_id nothing\n}\n";

/// Objects and settings of a host.
fn held(host: &Host) -> Result<BTreeSet<String>> {
    let mut held = state(host)?;
    held.extend(settings(host, &["all", "default", "eth0"])?);
    Ok(held)
}

/// A host whose settings are not what a daemon makes of them.
fn lan() -> Result<(Lan, BTreeSet<String>)> {
    let lan = Lan::new()?;
    lan.a.sysctl("net/ipv4/conf/all/rp_filter", "1")?;
    lan.a.sysctl("net/ipv4/conf/eth0/promote_secondaries", "0")?;
    let before = held(&lan.a)?;
    Ok((lan, before))
}

fn await_masters(daemon: &mut Daemon) -> Result<()> {
    for _ in 0..4 {
        daemon.await_log("Entering MASTER STATE")?;
    }
    Ok(())
}

/// Waits until a host holds this.
fn await_held(host: &Host, wanted: impl Fn(&BTreeSet<String>) -> BTreeSet<String>) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let held = held(host)?;
        let wanted = wanted(&held);
        if held == wanted {
            return Ok(());
        }
        assert!(Instant::now() < until, "{}", difference(&held, &wanted));
    }
}

/// Kills all processes, and waits until the locks are free.
fn kill(daemon: &Daemon) -> Result<()> {
    daemon.crash();
    daemon.await_exit(PATIENCE).map(|_| ())
}

/// Starts a daemon with everything, and kills it when all is there.
fn crash(host: &Host) -> Result<()> {
    let mut daemon = Daemon::start_with_own_pid_files(host, &Subject::ours()?, &everything())?;
    await_masters(&mut daemon)?;
    let changed = ["eth0 arp_ignore 1", "eth0 promote_secondaries 1", "mcast_reports 0"];
    let there = ["192.0.2.153/24", "2001:db8::154/64", "element 192.0.2.155", "203.0.113.0/24"];
    await_held(host, |held| {
        let mut wanted = held.clone();
        let all = changed.iter().chain(&there);
        wanted
            .extend(all.filter(|t| !held.iter().any(|l| l.contains(**t))).map(|t| (*t).to_owned()));
        wanted
    })?;
    kill(&daemon)
}

/// Starts a daemon with a configuration after a crash, and stops it when it is complete.
fn crash_and_start(config: &str) -> Result<()> {
    let (lan, before) = lan()?;
    crash(&lan.a)?;
    let mut daemon = Daemon::start_with_own_pid_files(&lan.a, &Subject::ours()?, config)?;
    daemon.await_log("An earlier daemon was killed")?;
    daemon.await_log("Startup complete")?;
    assert!(daemon.stop()?.success());
    await_held(&lan.a, |_| before.clone())?;
    assert!(!left(&lan.a)?, "the file is still there");
    Ok(())
}

/// Whether the file is there that tells the next daemon.
fn left(host: &Host) -> Result<bool> {
    host.run(|| fs::exists("/run/vrrp.left").unwrap_or(false))
}

#[test]
fn the_same_configuration_leaves_nothing_of_it() -> Result<()> {
    crash_and_start(&everything())
}

#[test]
fn another_configuration_leaves_nothing_of_it() -> Result<()> {
    crash_and_start(&config::file([&Instance::new(60, 150, &["192.0.2.160/24"])]))
}

/// It starts the vrrp process for that alone.
#[test]
fn a_configuration_without_vrrp_leaves_nothing_of_it() -> Result<()> {
    crash_and_start(ROUTER)
}

#[test]
fn another_name_of_the_firewall_table_leaves_nothing_of_it() -> Result<()> {
    crash_and_start(&everything().replacen('{', "{\nnftables other", 1))
}

/// It need not be stopped for that.
#[test]
fn what_another_configuration_lacks_goes_at_the_start() -> Result<()> {
    let (lan, before) = lan()?;
    crash(&lan.a)?;
    let _daemon = Daemon::start_with_own_pid_files(&lan.a, &Subject::ours()?, ROUTER)?;
    await_held(&lan.a, |_| before.clone())
}

#[test]
fn a_second_crash_does_not_take_what_the_first_has_left_for_what_was_before() -> Result<()> {
    let (lan, before) = lan()?;
    crash(&lan.a)?;
    crash(&lan.a)?;
    let mut daemon = Daemon::start_with_own_pid_files(&lan.a, &Subject::ours()?, &everything())?;
    await_masters(&mut daemon)?;
    assert!(daemon.stop()?.success());
    await_held(&lan.a, |_| before.clone())
}

/// However far the start has come, what it has changed by then is known.
#[test]
fn a_crash_in_the_middle_of_a_start_leaves_nothing() -> Result<()> {
    let (lan, before) = lan()?;
    let subject = &Subject::ours()?;
    for line in [
        "Starting VRRP child process",
        "VRRP sockpool",
        "Startup complete",
        "Success creating VMAC interface vrrp.53",
        "Success creating VMAC interface vrrp.54",
        "(VI_51) setting VIPs",
    ] {
        let mut daemon = Daemon::start_with_own_pid_files(&lan.a, subject, &everything())?;
        daemon.await_log(line)?;
        kill(&daemon)?;
        let mut daemon = Daemon::start_with_own_pid_files(&lan.a, subject, ROUTER)?;
        daemon.await_log("Startup complete")?;
        assert!(daemon.stop()?.success());
        let left = held(&lan.a)?;
        assert_eq!(left, before, "after '{line}':\n{}", difference(&left, &before));
    }
    Ok(())
}

/// A setting that somebody has changed since is theirs.
#[test]
fn what_was_changed_since_the_crash_stays_so() -> Result<()> {
    let (lan, _) = lan()?;
    crash(&lan.a)?;
    lan.a.sysctl("net/ipv4/conf/eth0/arp_ignore", "2")?;
    let mut daemon = Daemon::start_with_own_pid_files(&lan.a, &Subject::ours()?, ROUTER)?;
    daemon.await_log("Startup complete")?;
    assert!(daemon.stop()?.success());
    let held = held(&lan.a)?;
    assert!(held.contains("sysctl eth0 arp_ignore 2") && held.contains("sysctl eth0 arp_filter 0"));
    Ok(())
}

/// Its settings have gone with it; another interface of its name has others.
#[test]
fn an_interface_that_was_made_anew_since_the_crash_is_left_alone() -> Result<()> {
    let (lan, _) = lan()?;
    crash(&lan.a)?;
    lan.a.del_link("eth0")?;
    lan.switch.attach(&lan.a, "eth0", &["192.0.2.1/24"])?;
    for (key, value) in [("arp_ignore", "1"), ("promote_secondaries", "1")] {
        lan.a.sysctl(&format!("net/ipv4/conf/eth0/{key}"), value)?;
    }
    let mut daemon = Daemon::start_with_own_pid_files(&lan.a, &Subject::ours()?, ROUTER)?;
    daemon.await_log("Startup complete")?;
    assert!(daemon.stop()?.success());
    let held = held(&lan.a)?;
    assert!(held.contains("sysctl eth0 arp_ignore 1"));
    assert!(held.contains("sysctl eth0 promote_secondaries 1"));
    Ok(())
}

/// Nobody but root can have written it, and nothing that it says can do harm.
#[test]
fn a_file_that_is_not_ours_is_not_believed() -> Result<()> {
    let (lan, _) = lan()?;
    let instance = config::file([&Instance::new(60, 150, &["192.0.2.160/24"])]);
    for bytes in [&b""[..], b"keepalived", &[0xff; 4096]] {
        lan.a.run(|| fs::write("/run/vrrp.left", bytes))?.expect("a file is written");
        let mut daemon = Daemon::start_with_own_pid_files(&lan.a, &Subject::ours()?, &instance)?;
        daemon.await_log("nothing is known of what an earlier daemon has left")?;
        daemon.await_log("(VI_60) Entering MASTER STATE")?;
        assert!(daemon.stop()?.success());
        assert!(!left(&lan.a)?);
    }
    Ok(())
}

/// Daemons of other names have files of their own.
#[test]
fn instances_do_not_meet() -> Result<()> {
    let (lan, before) = lan()?;
    let subject = &Subject::ours()?;
    let named = |name: &str, config: String| format!("instance {name}\n{config}");
    let mut one = Daemon::start_with_own_pid_files(&lan.a, subject, &named("one", everything()))?;
    await_masters(&mut one)?;
    kill(&one)?;
    let other = config::file([&Instance::new(60, 150, &["192.0.2.160/24"])]);
    let mut two = Daemon::start_with_own_pid_files(&lan.a, subject, &named("two", other))?;
    two.await_log("(VI_60) Entering MASTER STATE")?;
    assert!(two.stop()?.success());
    assert!(lan.a.has_addr([192, 0, 2, 100])?);
    let mut one = Daemon::start_with_own_pid_files(&lan.a, subject, &named("one", everything()))?;
    await_masters(&mut one)?;
    assert!(one.stop()?.success());
    await_held(&lan.a, |_| before.clone())
}

/// Nor do daemons of other network namespaces, whose files are at one place as they see it.
#[test]
fn network_namespaces_do_not_meet() -> Result<()> {
    let (lan, before) = lan()?;
    let (home, subject) = (Host::new("home")?, &Subject::ours()?);
    name_network(&home, &lan.a, "one")?;
    name_network(&home, &lan.b, "two")?;
    let start = |name: &str, config: &str| {
        let config = format!("net_namespace {name}\n{config}");
        Daemon::start_with_own_pid_files(&home, subject, &config)
    };
    let mut one = start("one", &everything())?;
    await_masters(&mut one)?;
    kill(&one)?;
    let mut two = start("two", ROUTER)?;
    two.await_log("Startup complete")?;
    assert!(two.stop()?.success());
    assert!(lan.a.has_addr([192, 0, 2, 100])?);
    let mut one = start("one", ROUTER)?;
    one.await_log("An earlier daemon was killed")?;
    one.await_log("Startup complete")?;
    assert!(one.stop()?.success());
    await_held(&lan.a, |_| before.clone())
}

/// Whoever follows a role that was killed knows what the settings were.
#[test]
fn settings_are_put_back_after_a_role_was_killed() -> Result<()> {
    let (lan, before) = lan()?;
    let mut daemon = Daemon::start_with_own_pid_files(&lan.a, &Subject::ours()?, &everything())?;
    await_masters(&mut daemon)?;
    let old = daemon.role_pid(Role::Vrrp)?;
    procs::signal(old, Signal::SIGKILL)?;
    daemon.await_respawn(Role::Vrrp, old, PATIENCE)?;
    await_masters(&mut daemon)?;
    let now = settings(&lan.a, &["eth0"])?;
    assert!(now.contains("sysctl eth0 promote_secondaries 1"));
    assert!(now.contains("sysctl igmp_link_local_mcast_reports 0"));
    assert!(daemon.stop()?.success());
    await_held(&lan.a, |_| before.clone())
}
