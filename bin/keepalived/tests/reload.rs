//! SIGHUP: what is taken over, what is refused, and that a refusal changes
//! nothing.

mod common;

use common::{EMPTY, Folder, eventually, start};
use lab::{Daemon, PATIENCE, Role, procs};
use nix::sys::signal::Signal;

fn named(name: &str) -> String {
    format!("global_defs {{\n    process_name {name}\n}}\n")
}

fn comm(daemon: &Daemon) -> String {
    std::fs::read_to_string(format!("/proc/{}/comm", daemon.pid())).unwrap().trim().to_owned()
}

fn start_named(name: &str) -> Daemon {
    let mut daemon = start(&named(name), &["--all"]);
    daemon.await_log("Startup complete").unwrap();
    daemon
}

#[test]
fn a_new_configuration_is_taken_over_and_the_roles_stay() {
    let mut daemon = start_named("before");
    let roles = [Role::Vrrp, Role::Checker, Role::Bfd].map(|r| daemon.role_pid(r).unwrap());
    daemon.reload(&named("after")).unwrap();
    daemon.await_log("Reloading ...").unwrap();
    daemon.await_log("Reload complete").unwrap();
    assert_eq!(comm(&daemon), "after");
    assert!(roles.iter().all(|pid| procs::alive(*pid)));
    assert_eq!(daemon.log.count("Starting VRRP child process"), 1);
}

#[test]
fn a_broken_file_leaves_everything_as_it_was_and_says_why() {
    let mut daemon = start_named("before");
    let broken = named("after").replace("}\n", "");
    daemon.reload(&broken).unwrap();
    let line = daemon.await_log("The new configuration is broken: ").unwrap();
    assert!(line.text.contains("There are 1 missing '}'s"), "{}", line.text);
    daemon.await_log("Reload refused, the running configuration stays in force").unwrap();
    assert_eq!(comm(&daemon), "before");
    // And the next one counts again.
    daemon.reload(&named("third")).unwrap();
    daemon.await_log("Reload complete").unwrap();
    assert_eq!(comm(&daemon), "third");
}

#[test]
fn a_file_that_has_gone_leaves_everything_as_it_was() {
    let mut daemon = start_named("before");
    std::fs::remove_file(daemon.folder().join("keepalived.conf")).unwrap();
    daemon.signal(Role::Core, Signal::SIGHUP).unwrap();
    daemon.await_log("Reload refused").unwrap();
    assert_eq!(comm(&daemon), "before");
    assert!(daemon.stop().unwrap().success());
}

#[test]
fn an_unknown_word_is_left_out_unless_the_check_is_asked_for() {
    let folder = Folder::new("reload-check");
    let mut daemon = start_named("before");
    let unknown = |name: &str| named(name).replace("}\n", "    nonsense 1\n}\n");
    daemon.reload(&unknown("second")).unwrap();
    daemon.await_log("Unknown keyword 'nonsense'").unwrap();
    daemon.await_log("Reload complete").unwrap();
    assert_eq!(comm(&daemon), "second");
    let log = folder.path("check.log");
    let checked = named("third").replace("}\n", &format!("    reload_check_config {log}\n}}\n"));
    daemon.reload(&checked).unwrap();
    daemon.await_log("Reload complete").unwrap();
    daemon.reload(&unknown("fourth")).unwrap();
    daemon.await_log(&format!("New config failed validation, see {log} for details")).unwrap();
    assert_eq!(comm(&daemon), "third");
    assert!(folder.read("check.log").contains("Unknown keyword 'nonsense'"));
}

#[test]
fn what_a_reload_cannot_change_is_named() {
    let mut daemon = start_named("before");
    daemon.reload(&format!("instance other\n{}", named("after"))).unwrap();
    daemon
        .await_log("Cannot change instance name at a reload - please restart keepalived")
        .unwrap();
    assert_eq!(comm(&daemon), "before");
}

#[test]
fn requests_during_a_reload_are_served_after_it() {
    let daemon = start_named("before");
    for _ in 0..20 {
        daemon.signal(Role::Core, Signal::SIGHUP).unwrap();
    }
    daemon.reload(&named("last")).unwrap();
    eventually("the last request was lost", || comm(&daemon) == "last");
    daemon.signal(Role::Core, Signal::SIGTERM).unwrap();
    assert!(daemon.await_exit(PATIENCE).unwrap().1.success());
}

#[test]
fn a_time_in_a_file_causes_a_reload_and_the_file_goes() {
    let folder = Folder::new("reload-time");
    let file = folder.path("when");
    let config = format!("global_defs {{\n    reload_time_file {file}\n}}\n");
    let mut daemon = start(&config, &[]);
    daemon.await_log("Startup complete").unwrap();
    std::fs::write(&file, "12-01-01 00:00:00\n").unwrap();
    daemon.await_log("Reload date/time is in the past - ignoring").unwrap();
    let date =
        std::process::Command::new("date").args(["-d", "+1 second", "+%T"]).output().unwrap();
    std::fs::write(&file, date.stdout).unwrap();
    daemon.await_log("Scheduling reload for ").unwrap();
    daemon.await_log("Reload complete").unwrap();
    eventually("the file stays", || !std::path::Path::new(&file).exists());
}

#[test]
fn a_role_that_loses_its_configuration_is_kept_and_a_new_one_is_started() {
    let mut daemon = start(EMPTY, &[]);
    daemon.await_log("Startup complete").unwrap();
    assert_eq!(daemon.log.count("child process, pid="), 0);
    daemon.reload("static_ipaddress {\n}\n").unwrap();
    daemon.await_log("Starting VRRP child process, pid=").unwrap();
    daemon.await_log("Reload complete").unwrap();
    let pid = daemon.role_pid(Role::Vrrp).unwrap();
    daemon.reload(EMPTY).unwrap();
    daemon.await_log("Reload complete").unwrap();
    assert!(procs::alive(pid));
    assert!(daemon.stop().unwrap().success());
}
