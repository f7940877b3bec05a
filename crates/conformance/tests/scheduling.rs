//! How the processes are scheduled and limited, from the start and after a reload.

use std::time::{Duration, Instant};

use conformance::{Lan, on_both};
use lab::config::Instance;
use lab::{Context, Daemon, Error, PATIENCE, Result, Role, Subject, procs};
use nix::sys::signal::Signal;

/// `SCHED_RR` of sched(7).
const ROUND_ROBIN: &str = "2";

fn config(global: &str) -> String {
    let instance = Instance::new(51, 100, &["192.0.2.100/24"]);
    format!("global_defs {{\n    {global}\n}}\n{instance}")
}

/// Policy and realtime priority of a process: fields 41 and 40 of proc_pid_stat(5).
fn policy(pid: i32) -> Result<(String, String)> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).context(|| format!("cannot read {path}"))?;
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let field = |number: usize| rest.split(' ').nth(number - 3).unwrap_or("").to_string();
    Ok((field(41), field(40)))
}

fn cpus(pid: i32) -> Result<String> {
    let path = format!("/proc/{pid}/status");
    let status = std::fs::read_to_string(&path).context(|| format!("cannot read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.map(|cpus| cpus.trim().to_string()).ok_or_else(|| Error::new("no list of CPUs"))
}

fn a_process_that_is_served_late_raises_its_priority(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let text = config("max_auto_priority 2\n    min_auto_priority_delay 1000");
    let mut daemon = Daemon::start(&lan.a, subject, &text)?;
    daemon.await_log("Entering MASTER STATE")?;
    let pid = daemon.role_pid(Role::Vrrp)?;
    for priority in ["1", "2"] {
        // On a busy machine it may be served just in time once.
        let raised = format!("Set realtime priority {priority}");
        let end = Instant::now() + PATIENCE;
        while daemon.log.count(&raised) == 0 {
            assert!(Instant::now() < end, "its priority was not raised to {priority}");
            daemon.signal(Role::Vrrp, Signal::SIGSTOP)?;
            procs::await_state(pid, 'T');
            // The stop itself: longer than an advert interval, so that it is late for one.
            std::thread::sleep(Duration::from_millis(300));
            daemon.signal(Role::Vrrp, Signal::SIGCONT)?;
            let _ = daemon.log.clone().await_line(Duration::from_secs(1), &raised);
        }
        assert_eq!(policy(pid)?, (ROUND_ROBIN.to_string(), priority.to_string()));
    }
    Ok(())
}

fn too_much_realtime_is_logged(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let text = config("vrrp_rt_priority 1\n    vrrp_rlimit_rttime 4000000");
    let mut daemon = Daemon::start(&lan.a, subject, &text)?;
    daemon.await_log("Entering MASTER STATE")?;
    daemon.signal(Role::Vrrp, Signal::SIGXCPU)?;
    daemon.await_log(
        "VRRP process has used too much CPU time, vrrp_rlimit_rttime may need to be increased",
    )?;
    Ok(())
}

/// The vrrp process has what was asked for; the parent stays as it was.
fn processes_are_as_configured(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let text = config(
        "process_name k_core\n    vrrp_process_name k_vrrp\n    vrrp_rt_priority 7\n    \
         vrrp_rlimit_rttime 50000\n    vrrp_cpu_affinity 1\n    vrrp_no_swap",
    );
    let mut daemon = Daemon::start(&lan.a, subject, &text)?;
    daemon.await_log("Entering MASTER STATE")?;
    let (core, vrrp) = (daemon.pid(), daemon.role_pid(Role::Vrrp)?);
    assert_eq!((proc(core, "comm")?.trim(), proc(vrrp, "comm")?.trim()), ("k_core", "k_vrrp"));
    assert_eq!(policy(vrrp)?, (ROUND_ROBIN.to_string(), "7".to_string()));
    assert_eq!(cpus(vrrp)?, "1");
    let limits = proc(vrrp, "limits")?;
    let limit = limits.lines().find(|line| line.starts_with("Max realtime timeout"));
    let limit: Vec<_> = limit.unwrap_or("").split_whitespace().skip(3).collect();
    assert_eq!(limit[0], "25000", "half of it is where SIGXCPU comes: {limits}");
    assert!(locked(vrrp)? > 0, "no memory is locked");
    assert_eq!((locked(core)?, policy(core)?.1), (0, "0".to_string()));
    Ok(())
}

fn a_nice_value_is_the_processes(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let text = config("process_names\n    vrrp_priority -7");
    let mut daemon = Daemon::start(&lan.a, subject, &text)?;
    daemon.await_log("Entering MASTER STATE")?;
    let vrrp = daemon.role_pid(Role::Vrrp)?;
    assert_eq!(proc(vrrp, "comm")?.trim(), "keepalived_vrrp");
    let nice = |pid| -> Result<String> {
        let stat = proc(pid, "stat")?;
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        Ok(rest.split(' ').nth(19 - 3).unwrap_or("").to_string())
    };
    assert_eq!((nice(vrrp)?.as_str(), nice(daemon.pid())?.as_str()), ("-7", "0"));
    Ok(())
}

fn proc(pid: i32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).context(|| format!("cannot read {path}"))
}

/// Locked memory of a process in KiB.
fn locked(pid: i32) -> Result<u32> {
    let status = proc(pid, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Error::new("no VmLck"))
}

fn a_reload_moves_the_process_to_other_cpus(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let mut daemon = Daemon::start(&lan.a, subject, &config("router_id a"))?;
    daemon.await_log("Entering MASTER STATE")?;
    let pid = daemon.role_pid(Role::Vrrp)?;
    assert_ne!(cpus(pid)?, "0", "one processor is not enough for this test");
    daemon.reload(&config("vrrp_cpu_affinity 0"))?;
    daemon.await_log("Reload complete")?;
    // The reference says so a moment before.
    let until = Instant::now() + PATIENCE;
    while cpus(pid)? != "0" {
        assert!(Instant::now() < until, "it may run on {}", cpus(pid)?);
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

on_both!(
    a_process_that_is_served_late_raises_its_priority,
    too_much_realtime_is_logged,
    processes_are_as_configured,
    a_nice_value_is_the_processes,
    a_reload_moves_the_process_to_other_cpus,
);

/// Also back to what was before.
#[test]
fn a_reload_changes_scheduling_and_takes_it_back() -> Result<()> {
    let lan = Lan::new()?;
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &config("router_id a"))?;
    daemon.await_log("Startup complete")?;
    let pid = daemon.role_pid(Role::Vrrp)?;
    let (all, normal) = (cpus(pid)?, policy(pid)?);
    daemon.reload(&config("vrrp_cpu_affinity 0\n    vrrp_rt_priority 7"))?;
    daemon.await_log("Reload complete")?;
    assert_eq!(cpus(pid)?, "0");
    assert_eq!(policy(pid)?, (ROUND_ROBIN.to_string(), "7".to_string()));
    daemon.reload(&config("router_id b"))?;
    daemon.await_log("Reload complete")?;
    assert_eq!((cpus(pid)?, policy(pid)?), (all, normal));
    Ok(())
}
