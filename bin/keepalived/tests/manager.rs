//! What the service manager is told.

mod common;

use common::{EMPTY, Folder, spawn};
use lab::{Host, PATIENCE, procs};
use nix::sys::signal::Signal;
use std::os::unix::net::UnixDatagram;

fn next(manager: &UnixDatagram) -> String {
    let mut buf = [0; 1000];
    let len = manager.recv(&mut buf).expect("nothing was said");
    String::from_utf8_lossy(&buf[..len]).into_owned()
}

#[test]
fn readiness_reloads_and_the_end_are_told() {
    let folder = Folder::new("manager");
    let host = Host::new("manager").unwrap();
    let config = folder.write("k.conf", EMPTY);
    let socket = folder.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let args = ["-n", "-G", "--all", "-f", &config];
    let mut daemon = spawn(&host, &args, &[("NOTIFY_SOCKET", &socket)]);
    let pid = daemon.id();
    let ready = next(&manager);
    assert!(ready.starts_with(&format!("READY=1\nMAINPID={pid}\nSTATUS=running: ")), "{ready}");
    for role in ["checker (pid ", "vrrp (pid ", "bfd (pid "] {
        assert!(ready.contains(role), "{ready}");
    }
    procs::signal(pid, Signal::SIGHUP).unwrap();
    let reloading = next(&manager);
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert!(next(&manager).starts_with("READY=1\n"));
    procs::signal(pid, Signal::SIGTERM).unwrap();
    assert_eq!(next(&manager), "STOPPING=1");
    assert!(daemon.wait().success());
}

#[test]
fn a_daemon_without_work_is_ready_too() {
    let folder = Folder::new("manager-empty");
    let host = Host::new("manager-empty").unwrap();
    let config = folder.write("k.conf", EMPTY);
    let socket = folder.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut daemon = spawn(&host, &["-n", "-G", "-f", &config], &[("NOTIFY_SOCKET", &socket)]);
    assert!(next(&manager).contains("STATUS=running; nothing is configured"));
    procs::signal(daemon.id(), Signal::SIGTERM).unwrap();
    assert!(daemon.wait().success());
}
