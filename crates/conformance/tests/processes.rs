//! Processes: who dies, who notices, what is left; and what each may do.

use std::collections::BTreeMap;
use std::time::Duration;

use conformance::{Lan, VIP, on_both};
use lab::config::{self, Instance};
use lab::{Context, Daemon, Host, PATIENCE, Result, Role, Subject, procs};
use nix::sys::signal::Signal;

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

/// Waits until no process is left in a host, except zombies.
fn await_empty(host: &Host) -> Result<()> {
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let left: Vec<i32> = host.pids()?.into_iter().filter(|pid| procs::alive(*pid)).collect();
        if left.is_empty() {
            return Ok(());
        }
        assert!(std::time::Instant::now() < until, "processes {left:?} are left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn a_killed_vrrp_process_is_replaced_and_takes_over_its_addresses(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(100);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let old = daemon.role_pid(Role::Vrrp)?;
    daemon.signal(Role::Vrrp, Signal::SIGKILL)?;
    daemon.await_log("VRRP child process(")?;
    let new = daemon.await_respawn(Role::Vrrp, old, PATIENCE)?;
    assert_ne!(new, old);
    daemon.await_log("Entering MASTER STATE")?;
    lan.wire.clear()?;
    lan.await_adverts_of(&a, 3)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let held = lan.a.addrs()?.iter().filter(|addr| **addr == VIP).count();
    assert_eq!(held, 1);
    assert!(daemon.stop()?.success());
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    await_empty(&lan.a)
}

fn when_core_is_killed_its_children_leave_in_order(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(100);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.await_adverts_of(&a, 2)?;
    daemon.signal(Role::Core, Signal::SIGKILL)?;
    lan.wire.await_advert(PATIENCE, |advert| advert.priority == 0)?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    await_empty(&lan.a)
}

fn a_clean_stop_leaves_no_address_no_process_and_no_pid_file(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(100);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let read = |role| std::fs::read_to_string(daemon.pid_file(role)).unwrap_or_default();
    assert_eq!(read(Role::Core).trim(), daemon.pid().to_string());
    assert_eq!(read(Role::Vrrp).trim(), daemon.role_pid(Role::Vrrp)?.to_string());
    assert!(daemon.stop()?.success());
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    for role in [Role::Core, Role::Vrrp] {
        assert!(!daemon.pid_file(role).exists(), "{role:?}");
    }
    await_empty(&lan.a)
}

fn all_processes_show_the_command_line_they_were_started_with(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let mut daemon = lan.start_a(subject, &[instance(100)])?;
    daemon.await_log("Entering BACKUP STATE")?;
    let line = |pid| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let vrrp = daemon.role_pid(Role::Vrrp)?;
    assert_eq!(line(vrrp), line(daemon.pid()));
    let name = |pid| procs::status(pid).map(|mut status| status.remove("Name"));
    assert_eq!(name(vrrp)?.as_deref(), Some("keepalived"));
    Ok(())
}

on_both!(
    a_killed_vrrp_process_is_replaced_and_takes_over_its_addresses,
    when_core_is_killed_its_children_leave_in_order,
    a_clean_stop_leaves_no_address_no_process_and_no_pid_file,
    all_processes_show_the_command_line_they_were_started_with,
);

/// A virtual server, a BFD session and alerts to a mail server that is not there, so that all roles
/// and the monitor run.
const ALL_ROLES: &str = "
global_defs {
    notification_email {
        root@example.net
    }
    smtp_server 192.0.2.9
    smtp_alert
}
virtual_server 192.0.2.200 80 {
    delay_loop 5
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 198.51.100.1 80 {
        TCP_CHECK {
            connect_timeout 1
        }
    }
}
bfd_instance peer {
    neighbor_ip 192.0.2.2
    source_ip 192.0.2.1
}
";

fn start_all_roles(lan: &Lan, instance: &Instance) -> Result<Daemon> {
    let config = config::file([instance]) + ALL_ROLES;
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    daemon.role_pid(Role::Monitor)?;
    Ok(daemon)
}

/// How often a role is killed in a row.
const KILLS: usize = 100;

/// Kills a role again and again, as soon as it is there; a state dump starts what is missing
/// without waiting for the back-off. The reference's checker needs IPVS in the kernel.
fn killing_it_is_not_noticed(role: Role, died: &str) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(150);
    let mut daemon = start_all_roles(&lan, &a)?;
    let mut stamps = lan.await_adverts_of(&a, 2)?;
    let mut pid = daemon.role_pid(role)?;
    daemon.log.skip();
    for _ in 0..KILLS {
        procs::signal(pid, Signal::SIGKILL)?;
        daemon.await_log(died)?;
        daemon.signal(Role::Core, Signal::SIGUSR1)?;
        pid = daemon.await_respawn(role, pid, PATIENCE)?;
    }
    // Every advert in time, from before the first kill to after the last.
    let adverts = lan.wire.all_adverts()?;
    stamps.extend(adverts.iter().filter(|(_, ad)| ad.priority == 150).map(|(at, _)| *at));
    stamps.extend(lan.await_adverts_of(&a, 2)?);
    stamps.sort();
    let late = stamps.windows(2).find(|pair| pair[1].since(pair[0]) >= a.advert * 2);
    assert_eq!(late, None);
    assert_eq!(daemon.log.count("Entering MASTER STATE"), 1);
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    assert!(daemon.stop()?.success());
    Ok(())
}

#[test]
fn a_checker_killed_a_hundred_times_delays_no_advert() -> Result<()> {
    killing_it_is_not_noticed(Role::Checker, "Healthcheck child process(")
}

#[test]
fn a_bfd_process_killed_a_hundred_times_delays_no_advert() -> Result<()> {
    killing_it_is_not_noticed(Role::Bfd, "BFD child process(")
}

#[test]
fn a_monitor_killed_a_hundred_times_delays_no_advert() -> Result<()> {
    killing_it_is_not_noticed(Role::Monitor, "Monitor child process(")
}

/// It neither delays a reload, nor a failover, nor a stop.
#[test]
fn a_monitor_that_hangs_is_waited_for_by_nobody() -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(150);
    let mut daemon = start_all_roles(&lan, &a)?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Startup complete")?;
    let monitor = daemon.role_pid(Role::Monitor)?;
    daemon.signal(Role::Monitor, Signal::SIGSTOP)?;
    procs::await_state(monitor, 'T');
    daemon.reload(&(config::file([&instance(140)]) + ALL_ROLES))?;
    daemon.await_log("Reload complete")?;
    lan.wire.await_advert(PATIENCE, |ad| ad.priority == 140)?;
    lan.cable_a.cut()?;
    daemon.await_log("Entering FAULT STATE")?;
    assert!(daemon.stop()?.success());
    assert_eq!(daemon.log.count("Starting Monitor child process"), 1);
    await_empty(&lan.a)
}

#[test]
fn a_reload_brings_the_monitor_and_sends_it_away() -> Result<()> {
    let lan = Lan::new()?;
    let quiet = config::file([&instance(150)]);
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &quiet)?;
    daemon.await_log("Startup complete")?;
    assert_eq!(daemon.log.count("Starting Monitor child process"), 0);
    daemon.reload(&(quiet.clone() + ALL_ROLES))?;
    daemon.await_log("Reload complete")?;
    let monitor = daemon.role_pid(Role::Monitor)?;
    daemon.reload(&quiet)?;
    daemon.await_log("Reload complete")?;
    let until = std::time::Instant::now() + PATIENCE;
    while procs::alive(monitor) {
        assert!(std::time::Instant::now() < until, "the monitor stays");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(daemon.log.count("Starting Monitor child process"), 1);
    assert!(daemon.stop()?.success());
    Ok(())
}

/// Without its package the daemon says so and works.
#[test]
fn a_monitor_that_is_not_installed_is_told_of_once() -> Result<()> {
    let lan = Lan::new()?;
    let folder = conformance::Folder::new()?;
    let alone = folder.path("keepalived");
    let program = Subject::ours()?.program().to_owned();
    if std::fs::hard_link(&program, &alone).is_err() {
        std::fs::copy(&program, &alone).context(|| "cannot copy the program")?;
    }
    let config = config::file([&instance(150)]) + ALL_ROLES;
    let mut daemon = Daemon::start(&lan.a, &Subject::at(&alone)?, &config)?;
    daemon.await_log("asks for mail, but there is no /usr/sbin/keepalived-monitor")?;
    daemon.await_log("Entering MASTER STATE")?;
    assert_eq!(daemon.log.count("there is no /usr/sbin/keepalived-monitor"), 1);
    assert!(daemon.stop()?.success());
    Ok(())
}

/// Numbers of linux/capability.h.
const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;

/// The table of `docs/architecture.md`, against what the kernel says of the running processes.
#[test]
fn every_role_has_the_privileges_of_the_table_and_no_others() -> Result<()> {
    let lan = Lan::new()?;
    let daemon = start_all_roles(&lan, &instance(150))?;
    let user = ["keepalived", "nobody"].iter().find_map(|name| uid_of(name));
    let user = user.expect("neither keepalived nor nobody exists").to_string();
    let table = [
        (Role::Vrrp, NET_ADMIN | NET_RAW),
        (Role::Checker, NET_ADMIN),
        (Role::Bfd, 0),
        (Role::Monitor, 0),
    ];
    for (role, keeps) in table {
        let status = procs::status(await_dropped(daemon.role_pid(role)?, &user)?)?;
        let field = |name: &str| status.get(name).map(String::as_str).unwrap_or_default();
        let ids: Vec<&str> = field("Uid").split_whitespace().collect();
        assert_eq!(ids, [&user; 4], "{role:?}");
        assert_eq!(field("NoNewPrivs"), "1", "{role:?}");
        assert_eq!(field("Groups"), "", "{role:?}");
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            let caps = u64::from_str_radix(field(set), 16).ok();
            assert_eq!(caps, Some(keeps), "{role:?} {set}");
        }
        for set in ["CapInh", "CapAmb"] {
            let caps = u64::from_str_radix(field(set), 16).unwrap_or(u64::MAX);
            assert_eq!(caps & !keeps, 0, "{role:?} {set}");
        }
    }
    let core = procs::status(daemon.pid())?;
    assert_eq!(core.get("Uid").map(|ids| ids.starts_with('0')), Some(true));
    Ok(())
}

/// Waits until a process has become `user` for good: capabilities are the last to go.
fn await_dropped(pid: i32, user: &str) -> Result<i32> {
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let status = procs::status(pid)?;
        let has = |name: &str, value: &str| status.get(name).is_some_and(|v| v.starts_with(value));
        // The full set of a process that has just begun.
        if has("Uid", user) && !has("CapPrm", "000001ff") || std::time::Instant::now() > until {
            return Ok(pid);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn uid_of(name: &str) -> Option<u32> {
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    let users: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| Some((line.split(':').next()?, line.split(':').nth(2)?)))
        .collect();
    users.get(name)?.parse().ok()
}
