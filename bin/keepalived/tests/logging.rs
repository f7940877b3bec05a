//! Where log lines go and how they look.

mod common;

use common::{EMPTY, Folder, await_pid, eventually, start};
use lab::{Host, procs};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

#[test]
fn console_lines_begin_with_the_time_as_c_writes_it() {
    let mut daemon = start(EMPTY, &[]);
    let line = daemon.await_log("Startup complete").unwrap().text;
    let (time, text) = line.split_at(line.len() - "Startup complete".len());
    // `Sun Nov 22 12:50:22 2026: `
    assert_eq!((time.len(), text), (26, "Startup complete"), "{line}");
    let shape: String = time
        .chars()
        .map(|c| match c {
            'A'..='Z' => 'A',
            'a'..='z' => 'a',
            '0'..='9' => '9',
            other => other,
        })
        .collect();
    assert!(["Aaa Aaa 99 99:99:99 9999: ", "Aaa Aaa  9 99:99:99 9999: "].contains(&shape.as_str()));
}

#[test]
fn each_process_has_its_log_file() {
    let folder = Folder::new("log-file");
    let host = Host::new("log-file").unwrap();
    let config = folder.write("k.conf", EMPTY);
    let file = format!("-g{}", folder.path("ka.log"));
    let mut daemon = common::spawn(&host, &["-n", "-G", "--all", &file, "-f", &config], &[]);
    eventually("not started", || folder.read("ka.log").contains("Startup complete"));
    procs::signal(daemon.id(), Signal::SIGTERM).unwrap();
    assert!(daemon.wait().success());
    let core = folder.read("ka.log");
    // `Sun Nov 22 12:50:22.123456789 2026: text`
    let line = core.lines().find(|l| l.ends_with("Startup complete")).unwrap();
    assert_eq!(line.find('.'), Some(19), "{line}");
    assert_eq!(line.find(": Startup"), Some(34), "{line}");
    for role in ["vrrp", "check", "bfd"] {
        let text = folder.read(&format!("ka_{role}.log"));
        assert!(text.contains("Stopped"), "{role}: {text}");
    }
}

#[test]
fn syslog_gets_ident_pid_facility_and_severity() {
    let folder = Folder::new("syslog");
    let host = Host::new("syslog").unwrap();
    let config = folder.write("k.conf", &format!("instance blue\n{EMPTY}"));
    // A /dev of the host's own, with the one file that everybody needs.
    let syslog = host
        .run(|| {
            let none = None::<&str>;
            std::fs::create_dir("/run/dev").unwrap();
            std::fs::write("/run/dev/null", "").unwrap();
            mount(Some("/dev/null"), "/run/dev/null", none, MsFlags::MS_BIND, none).unwrap();
            let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
            mount(Some("/run/dev"), "/dev", none, flags, none).unwrap();
            UnixDatagram::bind("/dev/log").unwrap()
        })
        .unwrap();
    syslog.set_read_timeout(Some(lab::PATIENCE)).unwrap();
    let args = ["-n", "--all", "-S", "local3", "-f", &config];
    let mut daemon = common::spawn(&host, &args, &[]);
    let pid = daemon.id();
    let mut said = Vec::new();
    let mut buf = [0; 4000];
    // LOG_LOCAL3 is 19, LOG_INFO 6, LOG_ALERT 1.
    let info = 19 * 8 + 6;
    let complete = |l: &String| {
        l.starts_with(&format!("<{info}>"))
            && l.ends_with(&format!(" Keepalived_blue[{pid}]: Startup complete"))
    };
    while !said.iter().any(complete) {
        let len = syslog.recv(&mut buf).unwrap_or_else(|e| panic!("{e}: {said:#?}"));
        said.push(String::from_utf8_lossy(&buf[..len]).into_owned());
    }
    let vrrp = await_pid(&host, "/run/keepalived/vrrp_blue.pid");
    procs::signal(vrrp, Signal::SIGKILL).unwrap();
    let alert = 19 * 8 + 1;
    while !said.last().is_some_and(|l| l.starts_with(&format!("<{alert}>"))) {
        let len = syslog.recv(&mut buf).unwrap();
        said.push(String::from_utf8_lossy(&buf[..len]).into_owned());
    }
    assert!(said.last().unwrap().ends_with("died: Respawning"));
    procs::signal(pid, Signal::SIGTERM).unwrap();
    let stopped =
        |l: &String| l.contains(" Keepalived_healthcheckers_blue[") && l.ends_with(": Stopped");
    while !said.iter().any(stopped) {
        let len = syslog.recv(&mut buf).unwrap_or_else(|e| panic!("{e}: {said:#?}"));
        said.push(String::from_utf8_lossy(&buf[..len]).into_owned());
    }
    assert!(daemon.wait().success());
}

#[test]
fn a_console_that_nobody_reads_does_not_hold_the_daemon_up() {
    let folder = Folder::new("stalled");
    let host = Host::new("stalled").unwrap();
    let config = folder.write("k.conf", EMPTY);
    let log = folder.path("ka.log");
    let mut command: Command = common::subject().command();
    command.args(["-nlDG", "--all", &format!("-g{log}"), "-f", &config]);
    // The reading end stays open and unread.
    let mut daemon = common::spawn_command(&host, command.stderr(Stdio::piped()));
    let pid = daemon.id();
    eventually("not started", || folder.read("ka.log").contains("Startup complete"));
    // Far more than the pipe's 64 KiB.
    let mut reloads = 0;
    while folder.read("ka.log").len() < 200_000 {
        procs::signal(pid, Signal::SIGHUP).unwrap();
        reloads += 1;
        eventually("it hangs", || {
            folder.read("ka.log").matches("Reload complete").count() >= reloads
        });
        folder.write("k.conf", &format!("{EMPTY}{}", format!("{}\n", "x".repeat(400)).repeat(200)));
    }
    procs::signal(pid, Signal::SIGTERM).unwrap();
    assert!(daemon.wait().success());
}
