//! Scripts of the daemon itself and what every script finds around it.

mod common;

use common::{Folder, eventually, start, start_in};
use lab::{Daemon, Host, PATIENCE, Role, Switch, procs};
use nix::sys::signal::Signal;

/// A `global_defs` block with these lines.
fn global(lines: &[String]) -> String {
    format!("global_defs {{\n    {}\n}}\n", lines.join("\n    "))
}

#[test]
fn a_startup_script_ends_before_the_first_role_starts() {
    let folder = Folder::new("startup");
    let script = folder.script("s", "echo \"$@\" > $0.out");
    let config = global(&[format!("startup_script \"{script} a 'b c'\"")]);
    let mut daemon = start(&config, &["--all"]);
    daemon.await_log("startup script script succeeded").unwrap();
    assert_eq!(folder.read("s.out"), "a b c\n");
    daemon.await_log("Starting Healthcheck child process").unwrap();
    daemon.await_log("Startup complete").unwrap();
}

#[test]
fn a_startup_script_that_fails_or_hangs_does_not_stop_the_start() {
    let folder = Folder::new("startup-bad");
    let fails = folder.script("fails", "exit 3");
    let mut daemon = start(&global(&[format!("startup_script {fails}")]), &[]);
    daemon.await_log("startup script script failed, status 3").unwrap();
    daemon.await_log("Startup complete").unwrap();
    // Deaf to SIGTERM, and with a child: the group is killed.
    let hangs = folder.script("hangs", "trap '' TERM\nsleep 1000 &\necho $! > $0.out\nwait\nwait");
    let lines = [format!("startup_script {hangs}"), "startup_script_timeout 1".into()];
    let mut daemon = start(&global(&lines), &[]);
    daemon.await_log("startup script timed out").unwrap();
    daemon.await_log("Startup complete").unwrap();
    let child: i32 = folder.read("hangs.out").trim().parse().unwrap();
    eventually("the script's child is left", || !procs::alive(child));
}

#[test]
fn a_shutdown_script_runs_after_the_last_role() {
    let folder = Folder::new("shutdown");
    let host = Host::new("shutdown").unwrap();
    let script = folder.script("s", "cp \"$1\" $0.out 2>/dev/null || echo gone > $0.out");
    let pid_file = folder.path("vrrp.pid");
    let config = global(&[format!("shutdown_script \"{script} {pid_file}\"")]);
    let mut daemon = start_in(&host, &config, &["--all", "-r", &pid_file]);
    daemon.await_log("Startup complete").unwrap();
    assert!(daemon.stop().unwrap().success());
    assert_eq!(folder.read("s.out"), "gone\n");
    assert_eq!(daemon.log.count("shutdown script script succeeded"), 1);
}

#[test]
fn scripts_run_as_their_user_in_a_clean_environment() {
    let folder = Folder::new("environment");
    let body = "exec > $0.out\ncat /proc/self/status\nenv\nls -l /proc/self/fd\nid -u -n; id -G\n\
                ps -o pgid= -p $$; echo pid=$$";
    let script = folder.script("s", body);
    let config = global(&[format!("startup_script {script} nobody nogroup")]);
    let host = Host::new("environment").unwrap();
    let file = folder.write("k.conf", &config);
    let env = [
        ("LD_LIBRARY_PATH", "/nonexistent"),
        ("IFS", "x"),
        ("KEPT", "as it was"),
        ("NOTIFY_SOCKET", "/run/none"),
    ];
    let mut daemon = common::spawn(&host, &["-n", "-G", "-f", &file], &env);
    let pid = common::await_pid(&host, "/run/keepalived.pid");
    eventually("no output", || folder.read("s.out").contains("pid="));
    let said = folder.read("s.out");
    let line = |start: &str| {
        let found = said.lines().find(|l| l.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start} in {said}")).to_owned()
    };
    assert_eq!(line("Uid:"), "Uid:\t65534\t65534\t65534\t65534");
    assert_eq!(line("SigBlk:"), "SigBlk:\t0000000000000000");
    assert_eq!(line("SigIgn:"), "SigIgn:\t0000000000000000");
    assert_eq!(line("KEPT="), "KEPT=as it was");
    for gone in ["LD_LIBRARY_PATH=", "NOTIFY_SOCKET=", "KEEPALIVED_ROLE="] {
        assert!(!said.lines().any(|l| l.starts_with(gone)), "{said}");
    }
    assert!(said.contains("0 -> /dev/null"), "{said}");
    assert!(said.contains("nobody\n65534\n"), "{said}");
    let own = line("pid=").replace("pid=", "");
    assert!(said.lines().any(|l| l.trim() == own), "no group of its own: {said}");
    procs::signal(pid, Signal::SIGTERM).unwrap();
    assert!(daemon.wait().success());
}

#[test]
fn a_script_without_interpreter_line_is_run_by_the_shell() {
    let folder = Folder::new("shebang");
    let script = folder.script("s", "");
    std::fs::write(&script, "echo plain > \"$0.out\"\n").unwrap();
    let mut daemon = start(&global(&[format!("startup_script {script}")]), &[]);
    daemon.await_log(&format!("Please add a #! shebang to script {script}")).unwrap();
    daemon.await_log("startup script script succeeded").unwrap();
    assert_eq!(folder.read("s.out"), "plain\n");
}

#[test]
fn insecure_scripts_are_named_with_what_is_wrong_and_dropped() {
    let folder = Folder::new("insecure");
    let script = folder.script("s", "echo ran > $0.out");
    let lines = ["enable_script_security".to_owned(), format!("startup_script {script} root")];
    let mut daemon = start(&global(&lines), &[]);
    daemon
        .await_log(&format!("Unsafe permissions found for script '{script}' - disabling."))
        .unwrap();
    daemon.await_log("Startup complete").unwrap();
    assert_eq!(folder.read("s.out"), "");
    // The folder is open to all: that is what must be mended.
    let all: Vec<String> = daemon.log.lines().into_iter().map(|l| l.text).collect();
    let said = all.join("\n");
    let dir = folder.path("").trim_end_matches('/').to_owned();
    assert!(said.contains(&format!("chmod go-w {dir}")), "{said}");
}

const INSTANCE: &str = "
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 255
    advert_int 1
";

/// Starts the daemon in a host with an interface eth0.
fn start_on_a_link(config: &str) -> (Switch, Daemon) {
    let host = Host::new("link").unwrap();
    let switch = Switch::new().unwrap();
    switch.attach(&host, "eth0", &["192.0.2.1/24"]).unwrap();
    let daemon = start_in(&host, config, &[]);
    (switch, daemon)
}

#[test]
fn notifications_reach_scripts_and_fifo_in_order_with_their_arguments() {
    let folder = Folder::new("notify");
    let own = folder.script("own", "echo master \"$@\" >> $0.out");
    let any = folder.script("any", "echo any \"$@\" >> $0.out");
    let (fifo, lines) = (folder.path("fifo"), folder.path("lines"));
    let reader = folder.script("reader", &format!("exec cat \"$1\" > {lines}"));
    let config = format!(
        "global_defs {{\n vrrp_notify_fifo {fifo}\n vrrp_notify_fifo_script {reader} root\n}}\n\
         {INSTANCE}\n notify_master \"{own} x\" root\n notify \"{any} y\" root\n \
         virtual_ipaddress {{\n 192.0.2.100/24\n }}\n}}\n"
    );
    let (_switch, mut daemon) = start_on_a_link(&config);
    daemon.await_log("(VI_1) Entering MASTER STATE").unwrap();
    eventually("no script ran", || {
        folder.read("own.out").contains("master x\n")
            && folder.read("any.out").contains("any y INSTANCE VI_1 MASTER 255\n")
    });
    eventually("no line in the FIFO", || {
        folder.read("lines").contains("INSTANCE \"VI_1\" MASTER 255\n")
    });
    daemon.signal(Role::Core, Signal::SIGTERM).unwrap();
    assert!(daemon.await_exit(PATIENCE).unwrap().1.success());
    assert!(folder.read("any.out").ends_with("any y INSTANCE VI_1 STOP 255\n"));
    assert!(folder.read("lines").ends_with("INSTANCE \"VI_1\" STOP 255\n"));
    assert!(!std::path::Path::new(&fifo).exists());
}

#[test]
fn a_tracked_script_decides_by_rise_and_fall() {
    let folder = Folder::new("track");
    let script = folder.script("s", "exit $(cat ${0%/*}/status)");
    folder.write("status", "0");
    let config = format!(
        "vrrp_script chk {{\n script {script}\n interval 1\n fall 2\n rise 1\n user root\n}}\n\
         {INSTANCE}\n track_script {{\n chk\n }}\n virtual_ipaddress {{\n 192.0.2.100/24\n }}\n}}\n"
    );
    let config = config.replace("priority 255", "priority 200");
    let (_switch, mut daemon) = start_on_a_link(&config);
    daemon.await_log("VRRP_Script(chk) succeeded").unwrap();
    daemon.await_log("(VI_1) Entering BACKUP STATE").unwrap();
    folder.write("status", "3");
    daemon.await_log("Script `chk` now returning 3").unwrap();
    daemon.await_log("VRRP_Script(chk) failed (exited with status 3)").unwrap();
    daemon.await_log("Entering FAULT STATE").unwrap();
    folder.write("status", "0");
    daemon.await_log("VRRP_Script(chk) succeeded").unwrap();
    daemon.await_log("(VI_1) Entering BACKUP STATE").unwrap();
}

#[test]
fn a_tracked_file_is_followed_as_it_changes() {
    let folder = Folder::new("track-file");
    let file = folder.write("value", "0\n");
    let config = format!(
        "track_file f {{\n file {file}\n weight 1\n}}\n{INSTANCE}\n track_file {{\n f weight 2\n }}\n \
         virtual_ipaddress {{\n 192.0.2.100/24\n }}\n}}\n"
    );
    let config = config.replace("priority 255", "priority 100");
    let (_switch, mut daemon) = start_on_a_link(&config);
    daemon.await_log("Startup complete").unwrap();
    std::fs::write(&file, "5\n").unwrap();
    daemon.await_log("(VI_1) Changing effective priority from 100 to 110").unwrap();
    // Replaced by renaming, as editors do.
    let new = folder.write("new", "0x14\n");
    std::fs::rename(new, &file).unwrap();
    daemon.await_log("(VI_1) Changing effective priority from 110 to 140").unwrap();
    std::fs::remove_file(&file).unwrap();
    daemon.await_log("(VI_1) Changing effective priority from 140 to 100").unwrap();
}
