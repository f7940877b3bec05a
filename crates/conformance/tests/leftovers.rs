//! What is left of a daemon whose processes were killed: nothing, once it was stopped in order or
//! has left by itself, of every kind of object.

use std::collections::BTreeSet;
use std::time::Instant;

use conformance::kernel::{difference, state};
use conformance::{Lan, VIP, on_both};
use lab::config::{self, Instance};
use lab::{Daemon, Host, PATIENCE, Result, Role, Subject, procs};
use nix::sys::signal::Signal;

/// Addresses, excluded ones, routes, rules, virtual links, hidden addresses, static objects, of
/// both families.
fn everything() -> String {
    let instances = [
        Instance::new(51, 150, &["192.0.2.100/24"])
            .with("virtual_ipaddress_excluded {\n192.0.2.101/24\n2001:db8::101/64\n}")
            .with("virtual_routes {\n198.51.100.0/24 via 192.0.2.254 dev eth0\nblackhole 198.51.101.0/24\n}")
            .with("virtual_rules {\nfrom 198.51.100.0/24 table 100 priority 1051\n}"),
        Instance::new(52, 150, &["fe80::152/64", "2001:db8::152/64"])
            .with("virtual_routes {\n2001:db8:52::/48 via 2001:db8::fe dev eth0\n}")
            .with("virtual_rules {\nfrom 2001:db8:52::/48 table 100 priority 1052\n}"),
        Instance::new(53, 150, &["192.0.2.153/24"]).with("use_vmac"),
        Instance::new(54, 150, &["fe80::154/64", "2001:db8::154/64"])
            .with("use_vmac")
            .with("no_accept"),
        Instance::new(55, 150, &["192.0.2.155/24"]).with("no_accept"),
    ];
    config::file(&instances)
        + "static_ipaddress {\n192.0.2.80/24 dev eth0\n2001:db8::80/64 dev eth0\n}\n\
           static_routes {\n203.0.113.0/24 dev eth0\n2001:db8:80::/48 dev eth0\n}\n\
           static_rules {\nfrom 203.0.113.0/24 table 101 priority 1001\n}\n"
}

/// Every instance is MASTER, and what it has is there.
fn start(host: &Host, subject: &Subject, options: &[&str]) -> Result<(Daemon, BTreeSet<String>)> {
    let daemon = Daemon::start_with(host, subject, &everything(), options)?;
    Ok((daemon, await_all(host)?))
}

/// Waits until all that is configured is there.
fn await_all(host: &Host) -> Result<BTreeSet<String>> {
    let until = Instant::now() + PATIENCE;
    let wanted = [
        "192.0.2.100/24",
        "192.0.2.101/24",
        "2001:db8::101/64",
        "198.51.100.0/24",
        "198.51.101.0/24",
        "priority 1051",
        "fe80::152/64",
        "2001:db8::152/64",
        "2001:db8:52::/48",
        "vrrp.53",
        "vrrp.54",
        "192.0.2.153/24",
        "2001:db8::154/64",
        "element 2001:db8::154",
        "element 192.0.2.155",
        "192.0.2.80/24",
        "2001:db8::80/64",
        "203.0.113.0/24",
        "2001:db8:80::/48",
    ];
    loop {
        let held = state(host)?;
        let lacks = |text: &&&str| {
            let text =
                text.strip_prefix("priority ").map_or((**text).to_owned(), |n| format!("{n}:"));
            !held.iter().any(|line| line.contains(&text))
        };
        let missing: Vec<_> = wanted.iter().filter(lacks).collect();
        if missing.is_empty() {
            return Ok(held);
        }
        if Instant::now() > until {
            return Err(lab::Error::new(format!("{missing:?} are missing of {held:#?}")));
        }
    }
}

/// Waits until a host holds what it held before.
fn await_nothing(host: &Host, before: &BTreeSet<String>) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while let left = state(host)?
        && left != *before
    {
        assert!(Instant::now() < until, "left:\n{}", difference(&left, before));
    }
    Ok(())
}

/// Ends the vrrp role as an error of its own would, until the next one has to wait.
fn fail(daemon: &mut Daemon) -> Result<()> {
    for _ in 0..2 {
        let pid = daemon.role_pid(Role::Vrrp)?;
        procs::signal(pid, Signal::SIGABRT)?;
        daemon.await_log("Restart of VRRP process delayed")?;
        if daemon.log.count("delayed 0 seconds") == 1 && daemon.log.count("delayed 1") == 0 {
            daemon.await_respawn(Role::Vrrp, pid, PATIENCE)?;
        }
    }
    Ok(())
}

/// The reference leaves all of it.
#[test]
fn a_stop_while_the_vrrp_process_is_dead_leaves_nothing() -> Result<()> {
    let lan = Lan::new()?;
    let before = state(&lan.a)?;
    let (mut daemon, _) = start(&lan.a, &Subject::ours()?, &[])?;
    fail(&mut daemon)?;
    assert!(daemon.stop()?.success());
    let left = state(&lan.a)?;
    assert_eq!(left, before, "left:\n{}", difference(&left, &before));
    Ok(())
}

/// The parent learns of its death when it is to stop. The reference leaves all of it.
#[test]
fn a_vrrp_process_that_is_killed_over_the_stop_leaves_nothing() -> Result<()> {
    let lan = Lan::new()?;
    let before = state(&lan.a)?;
    let (daemon, _) = start(&lan.a, &Subject::ours()?, &[])?;
    daemon.signal(Role::Core, Signal::SIGSTOP)?;
    procs::await_state(daemon.pid(), 'T');
    daemon.signal(Role::Vrrp, Signal::SIGKILL)?;
    daemon.signal(Role::Core, Signal::SIGTERM)?;
    daemon.signal(Role::Core, Signal::SIGCONT)?;
    assert!(daemon.await_exit(PATIENCE)?.1.success());
    let left = state(&lan.a)?;
    assert_eq!(left, before, "left:\n{}", difference(&left, &before));
    Ok(())
}

on_both!(when_the_parent_is_killed_nothing_is_left);

#[test]
fn what_is_to_be_kept_is_kept() -> Result<()> {
    let lan = Lan::new()?;
    let (mut daemon, _) = start(&lan.a, &Subject::ours()?, &["--dont-release-vrrp"])?;
    fail(&mut daemon)?;
    assert!(daemon.stop()?.success());
    assert!(lan.a.has_addr(VIP)?);
    Ok(())
}

/// The configuration of a dead role is exchanged; what the next one has not is gone.
#[test]
fn a_reload_while_the_vrrp_process_is_dead_leaves_nothing_of_before() -> Result<()> {
    let mut lan = Lan::new()?;
    let before = state(&lan.a)?;
    let (mut daemon, _) = start(&lan.a, &Subject::ours()?, &[])?;
    fail(&mut daemon)?;
    let other = Instance::new(60, 150, &["192.0.2.160/24"]);
    // The second is queued: the first is complete when the role is back.
    daemon.reload(&config::file([&Instance::new(61, 150, &["192.0.2.161/24"])]))?;
    daemon.await_log("Reloading ...")?;
    daemon.reload(&config::file([&other]))?;
    daemon.await_log("Reload complete")?;
    daemon.await_log("Reload complete")?;
    lan.await_adverts_of(&other, 3)?;
    let until = Instant::now() + PATIENCE;
    loop {
        let held = state(&lan.a)?;
        let mut more: Vec<_> = held.difference(&before).collect();
        more.retain(|line| !line.contains("192.0.2.160"));
        if more.is_empty() {
            break;
        }
        assert!(Instant::now() < until, "left: {more:#?}");
    }
    assert!(daemon.stop()?.success());
    await_nothing(&lan.a, &before)
}

/// Whoever stops a daemon that has just been started after a crash need not wait for it.
#[test]
fn a_stop_during_the_start_leaves_nothing_of_a_crash() -> Result<()> {
    let lan = Lan::new()?;
    let subject = &Subject::ours()?;
    let before = state(&lan.a)?;
    let (daemon, _) = start(&lan.a, subject, &[])?;
    daemon.crash();
    drop(daemon);
    assert_ne!(state(&lan.a)?, before);
    let daemon = Daemon::start(&lan.a, subject, &everything())?;
    daemon.role_pid(Role::Vrrp)?;
    assert!(daemon.stop()?.success());
    let left = state(&lan.a)?;
    assert_eq!(left, before, "left:\n{}", difference(&left, &before));
    Ok(())
}

/// Nobody tells the roles: they leave by themselves, and take everything away.
fn when_the_parent_is_killed_nothing_is_left(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let before = state(&lan.a)?;
    let (daemon, _) = start(&lan.a, subject, &[])?;
    daemon.signal(Role::Core, Signal::SIGKILL)?;
    await_nothing(&lan.a, &before)
}

/// After a crash all of it is there. The next daemon takes over what stays, and leaves nothing.
/// In the reference the firewall does not know virtual links that were taken over.
#[test]
fn a_start_after_a_crash_ends_as_any_other() -> Result<()> {
    let (lan, subject) = (Lan::new()?, &Subject::ours()?);
    let before = state(&lan.a)?;
    let (daemon, full) = start(&lan.a, subject, &[])?;
    daemon.crash();
    drop(daemon);
    let (mut daemon, _) = start(&lan.a, subject, &[])?;
    daemon.await_log("(VI_55) Entering MASTER STATE")?;
    await_nothing(&lan.a, &full)?;
    assert!(daemon.stop()?.success());
    await_nothing(&lan.a, &before)
}
