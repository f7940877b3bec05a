//! Supervision of the roles' processes.

mod common;

use common::{EMPTY, Folder, eventually, start};
use lab::{Daemon, PATIENCE, Role, procs};
use nix::sys::signal::Signal;
use std::process::Command;

const ROLES: [Role; 3] = [Role::Checker, Role::Vrrp, Role::Bfd];

fn start_all(more: &[&str]) -> Daemon {
    let mut args = vec!["--all"];
    args.extend(more);
    let mut daemon = start(EMPTY, &args);
    daemon.await_log("Startup complete").unwrap();
    daemon
}

#[test]
fn a_role_that_is_killed_comes_back_and_the_others_stay() {
    let mut daemon = start_all(&[]);
    for role in ROLES {
        let before = ROLES.map(|r| daemon.role_pid(r).unwrap());
        let old = daemon.role_pid(role).unwrap();
        daemon.signal(role, Signal::SIGKILL).unwrap();
        daemon.await_log(&format!("pid {old} exited due to signal 9 (Killed)")).unwrap();
        daemon.await_log(&format!("child process({old}) died: Respawning")).unwrap();
        let new = daemon.await_respawn(role, old, PATIENCE).unwrap();
        for pid in before.into_iter().filter(|pid| *pid != old) {
            assert!(procs::alive(pid));
        }
        assert_eq!(std::fs::read_to_string(daemon.pid_file(role)).unwrap(), format!("{new}\n"));
    }
    assert!(daemon.stop().unwrap().success());
}

#[test]
fn a_role_that_ran_is_back_at_once_however_often_it_is_killed() {
    // Dumps go where they disturb nobody.
    let folder = Folder::new("killed");
    let config = format!("global_defs {{\n    state_dump_file {}\n}}\n", folder.path("state.data"));
    let mut daemon = start(&config, &["--all"]);
    daemon.await_log("Startup complete").unwrap();
    for _ in 0..5 {
        let old = daemon.role_pid(Role::Bfd).unwrap();
        // Only a role that runs is asked for its data.
        let asked = format!("Printing BFD data for process({old}) on signal");
        eventually("the role does not run", || {
            let _ = daemon.signal(Role::Core, Signal::SIGUSR1);
            daemon.log.count(&asked) > 0
        });
        // Killed by somebody, not failing by itself: no delay is due.
        daemon.signal(Role::Bfd, Signal::SIGKILL).unwrap();
        daemon.await_respawn(Role::Bfd, old, PATIENCE).unwrap();
    }
    assert_eq!(daemon.log.count("to limit respawn rate"), 0);
}

#[test]
fn a_role_that_fails_by_itself_waits_longer_each_time() {
    let mut daemon = start_all(&[]);
    for seconds in [0, 1] {
        let old = daemon.role_pid(Role::Checker).unwrap();
        daemon.signal(Role::Checker, Signal::SIGABRT).unwrap();
        daemon.await_log("exited due to signal 6 (Aborted)").unwrap();
        let delayed = format!("Restart of Healthcheck process delayed {seconds} seconds");
        daemon.await_log(&delayed).unwrap();
        daemon.await_respawn(Role::Checker, old, PATIENCE).unwrap();
    }
}

#[test]
fn a_role_told_to_stop_leaves_in_order_and_comes_back() {
    let daemon = start_all(&[]);
    for role in ROLES {
        let old = daemon.role_pid(role).unwrap();
        daemon.signal(role, Signal::SIGTERM).unwrap();
        daemon.await_respawn(role, old, PATIENCE).unwrap();
    }
    assert_eq!(daemon.log.count("exited due to signal"), 0);
}

#[test]
fn without_respawning_a_dead_role_ends_the_daemon() {
    let mut daemon = start_all(&["-R"]);
    daemon.signal(Role::Checker, Signal::SIGKILL).unwrap();
    daemon.await_log("died: Exiting").unwrap();
    daemon.await_log("Stopping").unwrap();
    assert_eq!(daemon.await_exit(PATIENCE).unwrap().1.code(), Some(0));
}

#[test]
fn when_core_is_killed_the_roles_leave() {
    let daemon = start_all(&[]);
    let pids = ROLES.map(|r| daemon.role_pid(r).unwrap());
    daemon.signal(Role::Core, Signal::SIGKILL).unwrap();
    eventually("a role is left", || !pids.iter().any(|pid| procs::alive(*pid)));
}

#[test]
fn a_missing_permission_ends_the_daemon_with_4() {
    let host = lab::Host::new("caps").unwrap();
    let folder = Folder::new("caps");
    let config = folder.write("k.conf", EMPTY);
    let output = host
        .run(|| {
            Command::new("setpriv")
                .args(["--bounding-set=-net_raw", common::PROGRAM, "-nlDG", "--all", "-f", &config])
                .output()
                .unwrap()
        })
        .unwrap();
    let said = common::err(&output);
    assert_eq!(common::status(&output), 4, "{said}");
    assert!(said.contains("exited with permanent error missing permission. Terminating"), "{said}");
    assert!(said.contains("missing permission: NET_RAW"), "{said}");
    assert!(!said.contains("Stopping"), "{said}");
    assert!(said.contains("Stopped Keepalived v"), "{said}");
}

#[test]
fn sigint_is_ignored_on_request() {
    let mut daemon = start_all(&["--ignore-sigint"]);
    let pids = ROLES.map(|r| daemon.role_pid(r).unwrap());
    for pid in pids.into_iter().chain([daemon.pid()]) {
        procs::signal(pid, Signal::SIGINT).unwrap();
    }
    daemon.log.skip();
    daemon.signal(Role::Core, Signal::SIGHUP).unwrap();
    daemon.await_log("Reload complete").unwrap();
    assert_eq!(ROLES.map(|r| daemon.role_pid(r).unwrap()), pids);
    assert!(pids.iter().all(|pid| procs::alive(*pid)));
    assert!(daemon.stop().unwrap().success());
}

#[test]
fn a_reload_is_not_a_roles_business() {
    let mut daemon = start_all(&[]);
    for role in ROLES {
        let pid = daemon.role_pid(role).unwrap();
        daemon.signal(role, Signal::SIGHUP).unwrap();
        daemon.await_log("to the parent process").unwrap();
        assert!(procs::alive(pid));
    }
    assert_eq!(daemon.log.count("Reloading"), 0);
}

#[test]
fn the_configuration_is_logged_on_request() {
    let mut daemon = start_all(&["-d"]);
    // Before or after "Startup complete".
    let mut log = daemon.log.clone().rewound();
    log.await_line(PATIENCE, "------< LVS Topology >------").unwrap();
    daemon.log.skip();
    daemon.signal(Role::Core, Signal::SIGHUP).unwrap();
    daemon.await_log("------< LVS Topology >------").unwrap();
}

#[test]
fn core_dumps_are_possible_only_on_request() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use std::os::unix::fs::MetadataExt;
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap();
    setrlimit(Resource::RLIMIT_CORE, 0, hard).unwrap();
    // The files of a process that cannot dump core are root's.
    for (more, dumps) in [(&[][..], false), (&["-m"][..], true)] {
        let daemon = start_all(more);
        for role in ROLES {
            let pid = daemon.role_pid(role).unwrap();
            let owner = std::fs::metadata(format!("/proc/{pid}/fd")).unwrap().uid();
            assert_eq!(owner != 0, dumps, "{role:?} {more:?}");
            let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
            let line = limits.lines().find(|l| l.starts_with("Max core file size")).unwrap();
            assert_eq!(line.contains("unlimited            unlimited"), dumps, "{line}");
        }
    }
}

#[test]
fn a_role_that_does_not_leave_in_time_is_killed() {
    let mut daemon = start(&format!("child_wait_time 1\n{EMPTY}"), &["--all"]);
    daemon.await_log("Startup complete").unwrap();
    daemon.signal(Role::Checker, Signal::SIGSTOP).unwrap();
    daemon.signal(Role::Core, Signal::SIGTERM).unwrap();
    daemon.await_log("checker process failed to die - forcing termination").unwrap();
    daemon.await_log("Keepalived_healthcheckers exited due to signal 9 (Killed)").unwrap();
    assert_eq!(daemon.await_exit(PATIENCE).unwrap().1.code(), Some(0));
}

#[test]
fn a_stop_during_the_startup_script_ends_it_too() {
    let folder = Folder::new("stop-early");
    let script = folder.script("s", "echo $$ > $0.out; exec sleep 1000");
    let daemon = start(&format!("global_defs {{\n startup_script {script}\n}}\n"), &["--all"]);
    eventually("the script does not run", || folder.read("s.out").ends_with('\n'));
    assert!(daemon.stop().unwrap().success());
    let pid: i32 = folder.read("s.out").trim().parse().unwrap();
    eventually("the script is left", || !procs::alive(pid));
    assert_eq!(daemon.log.count("child process, pid="), 0);
}
