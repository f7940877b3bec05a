//! Signals that ask for files, and the modes of files.

mod common;

use common::{Folder, await_pid, eventually, spawn};
use lab::{Host, Switch, procs};
use nix::libc;
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const CONFIG: &str = "
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 255
    virtual_ipaddress {
        192.0.2.100/24
    }
}
";

/// Sends a signal by number, as `kill -$(keepalived --signum=JSON)` does.
fn signal(pid: i32, name: &str) {
    let number = common::run(&["--signum", name]).stdout;
    let number: i32 = String::from_utf8(number).unwrap().trim().parse().unwrap();
    assert!((1..=libc::SIGRTMAX()).contains(&number));
    let args = [format!("-{number}"), pid.to_string()];
    assert!(std::process::Command::new("kill").args(args).status().unwrap().success());
}

#[test]
fn state_statistics_and_json_are_written_where_tmpdir_says() {
    let folder = Folder::new("dumps");
    let host = Host::new("dumps").unwrap();
    let switch = Switch::new().unwrap();
    switch.attach(&host, "eth0", &["192.0.2.1/24"]).unwrap();
    let config = folder.write("k.conf", CONFIG);
    let log = format!("-g{}", folder.path("ka.log"));
    let tmpdir = folder.path("");
    let args = ["-n", "-G", &log, "-f", &config];
    let mut daemon = spawn(&host, &args, &[("TMPDIR", &tmpdir)]);
    let pid = await_pid(&host, "/run/keepalived.pid");
    eventually("not MASTER", || folder.read("ka_vrrp.log").contains("Entering MASTER STATE"));
    for (name, file) in [
        ("DATA", "keepalived.data"),
        ("DATA", "keepalived_parent.data"),
        ("STATS", "keepalived.stats"),
        ("STATS_CLEAR", "keepalived.stats"),
        ("JSON", "keepalived.json"),
    ] {
        let path = folder.path(file);
        let _ = std::fs::remove_file(&path);
        signal(pid, name);
        eventually(&format!("{name} writes no {file}"), || Path::new(&path).exists());
        let mode = Path::new(&path).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(folder.read("keepalived.data").contains("VI_1"));
    assert!(folder.read("keepalived.stats").contains("VI_1"));
    assert!(folder.read("keepalived.json").contains("\"VI_1\""));
    // Sent to the role itself, the signal has the same effect.
    let path = folder.path("keepalived.stats");
    std::fs::remove_file(&path).unwrap();
    procs::signal(await_pid(&host, "/run/vrrp.pid"), Signal::SIGUSR2).unwrap();
    eventually("the role writes nothing", || Path::new(&path).exists());
    procs::signal(pid, Signal::SIGTERM).unwrap();
    assert!(daemon.wait().success());
}

#[test]
fn the_umask_is_tight_unless_it_is_set() {
    let cases: [(&[&str], &str, u32); 4] = [
        (&[], "", 0o600),
        (&[], "umask 022", 0o644),
        (&["-u", "027"], "umask 022", 0o640),
        (&["--umask=0x3f"], "", 0o600),
    ];
    for (nth, (more, keyword, mode)) in cases.into_iter().enumerate() {
        let folder = Folder::new(&format!("umask-{nth}"));
        let host = Host::new("umask").unwrap();
        let script = folder.script("s", "echo > $0.out");
        let text = format!("global_defs {{\n {keyword}\n startup_script {script} root\n}}\n");
        let config = folder.write("k.conf", &text);
        let mut args = vec!["-n", "-G", "-f", &config];
        args.extend(more);
        let _daemon = spawn(&host, &args, &[]);
        let out = folder.path("s.out");
        eventually("the script did not run", || Path::new(&out).exists());
        let found = Path::new(&out).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{more:?} {keyword}");
    }
}
