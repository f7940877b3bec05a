//! Pid files, locks, daemonising, instances and namespaces.

mod common;

use common::{EMPTY, Folder, await_pid, eventually, read_in, spawn};
use lab::{Host, procs};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;
use std::process::Command;

fn exists_in(host: &Host, path: &str) -> bool {
    host.run(|| std::path::Path::new(path).exists()).unwrap()
}

fn stop(host: &Host, pid: i32, pid_file: &str) {
    procs::signal(pid, Signal::SIGTERM).unwrap();
    eventually("the daemon does not stop", || !procs::alive(pid));
    assert!(!exists_in(host, pid_file));
}

#[test]
fn it_leaves_the_terminal_and_is_found_by_its_pid_files() {
    let host = Host::new("daemon").unwrap();
    let folder = Folder::new("daemon");
    let config = folder.write("k.conf", EMPTY);
    let mut launcher = spawn(&host, &["-G", "--all", "-f", &config], &[]);
    assert!(launcher.wait().success());
    let pid = await_pid(&host, "/run/keepalived.pid");
    assert_ne!(pid, launcher.id());
    for file in ["vrrp", "checkers", "bfd"] {
        let child = await_pid(&host, &format!("/run/{file}.pid"));
        assert!(procs::children(pid).contains(&child), "{file}");
    }
    let link = |what: &str| std::fs::read_link(format!("/proc/{pid}/{what}")).unwrap();
    assert_eq!(link("cwd"), std::path::Path::new("/"));
    for fd in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(link(fd), std::path::Path::new("/dev/null"));
    }
    stop(&host, pid, "/run/keepalived.pid");
    assert!(!exists_in(&host, "/run/vrrp.pid"));
}

#[test]
fn a_second_daemon_finds_the_lock_and_leaves_with_0() {
    let host = Host::new("lock").unwrap();
    let folder = Folder::new("lock");
    let config = folder.write("k.conf", EMPTY);
    let args = ["-n", "-l", "-G", "-f", &config];
    let _first = spawn(&host, &args, &[]);
    let pid = await_pid(&host, "/run/keepalived.pid");
    let second = host.run(|| common::run(&args)).unwrap();
    assert_eq!(common::status(&second), 0);
    let said = common::err(&second);
    assert!(said.contains("Another process has pid file /run/keepalived.pid locked"), "{said}");
    assert!(said.contains("daemon is already running"), "{said}");
    assert_eq!(await_pid(&host, "/run/keepalived.pid"), pid);
    // After a crash the lock is free, although the file is still there.
    procs::signal(pid, Signal::SIGKILL).unwrap();
    eventually("it is still there", || !procs::alive(pid));
    let _third = spawn(&host, &args, &[]);
    eventually("the file keeps the old pid", || {
        read_in(&host, "/run/keepalived.pid").trim() != pid.to_string()
    });
    let pid = await_pid(&host, "/run/keepalived.pid");
    stop(&host, pid, "/run/keepalived.pid");
}

#[test]
fn files_of_subsystems_that_do_not_run_are_not_left() {
    let host = Host::new("idle").unwrap();
    let mut daemon = common::start_in(&host, EMPTY, &[]);
    daemon.await_log("Warning - keepalived has no configuration to run").unwrap();
    daemon.await_log("Startup complete").unwrap();
    assert!(daemon.pid_file(lab::Role::Core).exists());
    assert!(!daemon.pid_file(lab::Role::Vrrp).exists());
    assert!(daemon.stop().unwrap().success());
}

#[test]
fn an_instance_has_its_own_files() {
    let host = Host::new("instance").unwrap();
    let folder = Folder::new("instance");
    let config = folder.write("k.conf", &format!("instance blue\n{EMPTY}"));
    let _daemon = spawn(&host, &["-n", "-G", "--all", "-f", &config], &[]);
    let pid = await_pid(&host, "/run/keepalived/keepalived_blue.pid");
    await_pid(&host, "/run/keepalived/vrrp_blue.pid");
    stop(&host, pid, "/run/keepalived/keepalived_blue.pid");
    assert!(!exists_in(&host, "/run/keepalived"));
}

#[test]
fn a_network_namespace_has_its_own_directory() {
    let host = Host::new("netns").unwrap();
    // The host's own namespace under a name, as ip-netns(8) would show it.
    host.run(|| {
        std::fs::create_dir("/run/netns").unwrap();
        std::fs::write("/run/netns/blue", "").unwrap();
        let none = None::<&str>;
        let own = Some("/proc/thread-self/ns/net");
        mount(own, "/run/netns/blue", none, MsFlags::MS_BIND, none).unwrap();
    })
    .unwrap();
    let folder = Folder::new("netns");
    let config = folder.write("k.conf", EMPTY);
    let _daemon = spawn(&host, &["-n", "-G", "--all", "-s", "blue", "-f", &config], &[]);
    let pid = await_pid(&host, "/run/keepalived/blue/keepalived.pid");
    let vrrp = await_pid(&host, "/run/keepalived/blue/vrrp.pid");
    // Inside, the directory is the classic one.
    let inside = format!("/proc/{vrrp}/root/run/keepalived/vrrp.pid");
    assert_eq!(std::fs::read_to_string(inside).unwrap().trim(), vrrp.to_string());
    stop(&host, pid, "/run/keepalived/blue/keepalived.pid");
    assert!(!exists_in(&host, "/run/keepalived"));
}

#[test]
fn a_namespace_that_is_not_there_is_named() {
    let host = Host::new("no-netns").unwrap();
    let folder = Folder::new("no-netns");
    let config = folder.write("k.conf", EMPTY);
    let output = host.run(|| common::run(&["-n", "-l", "-G", "-s", "red", "-f", &config])).unwrap();
    assert_eq!(common::status(&output), 0);
    let said = common::err(&output);
    assert!(said.contains("Failed to open /run/netns/red"), "{said}");
    assert!(said.contains("Unable to set network namespace red - exiting"), "{said}");
}

#[test]
fn process_names_are_those_of_the_configuration() {
    let config = "global_defs {\n    process_name ka_parent\n    vrrp_process_name ka_vrrp\n}\n";
    let mut daemon = common::start(config, &["--all"]);
    daemon.await_log("Startup complete").unwrap();
    let comm = |pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert_eq!(comm(daemon.pid()), "ka_parent\n");
    assert_eq!(comm(daemon.role_pid(lab::Role::Vrrp).unwrap()), "ka_vrrp\n");
    assert_eq!(comm(daemon.role_pid(lab::Role::Bfd).unwrap()), "keepalived\n");
}

#[test]
fn a_relative_configuration_file_survives_the_change_of_directory() {
    let host = Host::new("relative").unwrap();
    let folder = Folder::new("relative");
    folder.write("k.conf", EMPTY);
    let log = folder.path("log");
    let mut command: Command = common::subject().command();
    command.current_dir(folder.path("")).args(["-G", &format!("-g{log}"), "-f", "k.conf"]);
    assert!(common::spawn_command(&host, &mut command).wait().success());
    let pid = await_pid(&host, "/run/keepalived.pid");
    eventually("it does not start", || folder.read("log").contains("Startup complete"));
    procs::signal(pid, Signal::SIGHUP).unwrap();
    eventually("no reload", || folder.read("log").contains("Reload complete"));
    stop(&host, pid, "/run/keepalived.pid");
}

#[test]
fn a_new_daemon_waits_for_the_roles_of_one_that_was_killed() {
    let host = Host::new("leftover").unwrap();
    let folder = Folder::new("leftover");
    let config = folder.write("k.conf", EMPTY);
    let args = |log: &str| format!("-g{}", folder.path(log));
    let first = spawn(&host, &["-n", "-G", "--all", &args("1.log"), "-f", &config], &[]);
    eventually("not started", || folder.read("1.log").contains("Startup complete"));
    let role = await_pid(&host, "/run/vrrp.pid");
    // It cannot leave yet.
    procs::signal(role, Signal::SIGSTOP).unwrap();
    procs::signal(first.id(), Signal::SIGKILL).unwrap();
    eventually("it is still there", || !procs::alive(first.id()));
    let _second = spawn(&host, &["-n", "-G", "--all", &args("2.log"), "-f", &config], &[]);
    let waiting = format!("Waiting for VRRP process {role} of an earlier daemon to leave");
    eventually("it does not wait", || folder.read("2.log").contains(&waiting));
    assert!(!folder.read("2.log").contains("child process"));
    procs::signal(role, Signal::SIGCONT).unwrap();
    eventually("not started", || folder.read("2.log").contains("Startup complete"));
    assert!(!folder.read("2.log").contains("is still there"));
}
