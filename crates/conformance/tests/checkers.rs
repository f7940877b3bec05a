//! Checks at work on a host without IPVS: who is told, what a reload keeps, what a crash leaves.
//! Takes only our binary: the reference ends where there is no IPVS. Each checker beside the
//! reference's is tested in the guest (`guest-tests/tests/checkers.rs`).

use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use conformance::Folder;
use conformance::servers::{Kill, listen};
use lab::{Context, Daemon, Host, PATIENCE, Result, Role, Subject, procs};
use nix::sys::signal::Signal;

const VS: &str = "[10.0.0.1]:tcp:80";

fn config(global: &str, settings: &str, servers: &str) -> String {
    format!(
        "global_defs {{\nscript_user root\n{global}\n}}\nvirtual_server 10.0.0.1 80 {{\ndelay_loop 1\n\
         warmup 0\nretry 0\nprotocol TCP\n{settings}\n{servers}\n}}\n"
    )
}

fn tcp(server: &str) -> String {
    format!("real_server {server} {{\nweight 1\nTCP_CHECK {{\nconnect_timeout 1\n}}\n}}\n")
}

#[test]
fn a_real_mail_server_is_well_until_it_goes() -> Result<()> {
    let host = Host::new("director")?;
    let folder = Folder::new()?;
    let text = "listen on 127.0.0.1 port 2525\naction a relay\nmatch for any action a\n";
    let conf = folder.write("smtpd.conf", text)?;
    let mut command = Command::new("smtpd");
    command.arg("-d").arg("-f").arg(&conf);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let server = Kill(host.spawn(&mut command)?);
    let check = "alpha\nSMTP_CHECK {\nconnect_timeout 2\nhelo_name director\n}";
    let servers = format!("real_server 127.0.0.1 2525 {{\n{check}\n}}\n");
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &config("", "", &servers))?;
    daemon.await_log("Remote SMTP server [127.0.0.1]:tcp:2525 succeed on service.")?;
    daemon.await_log(&format!("Adding service [127.0.0.1]:tcp:2525 to VS {VS}"))?;
    drop(server);
    daemon.await_log(&format!("Removing service [127.0.0.1]:tcp:2525 from VS {VS}"))?;
    Ok(())
}

/// Reads a FIFO until it holds as many lines.
fn lines_of(path: &std::path::Path, count: usize) -> Result<Vec<u8>> {
    let mut options = fs::OpenOptions::new();
    options.read(true).custom_flags(nix::libc::O_NONBLOCK);
    let until = Instant::now() + PATIENCE;
    let mut got = Vec::new();
    let mut fifo = None;
    while got.iter().filter(|b| **b == b'\n').count() < count {
        assert!(Instant::now() < until, "{}", String::from_utf8_lossy(&got));
        if fifo.is_none() {
            fifo = options.open(path).ok();
        }
        let mut buffer = [0; 4096];
        match fifo.as_mut().map(|f| f.read(&mut buffer)) {
            Some(Ok(n)) if n > 0 => got.extend_from_slice(&buffer[..n]),
            _ => thread::sleep(Duration::from_millis(10)),
        }
    }
    Ok(got)
}

#[test]
fn fifos_tell_servers_and_pools_in_plain_lines() -> Result<()> {
    let host = Host::new("director")?;
    let folder = Folder::new()?;
    let _up = listen(&host, "127.0.0.1:8081")?;
    let (all, lvs) = (folder.path("all"), folder.path("lvs"));
    let vrrp = folder.path("vrrp");
    let global = format!(
        "notify_fifo {}\nlvs_notify_fifo {}\nvrrp_notify_fifo {}",
        all.display(),
        lvs.display(),
        vrrp.display()
    );
    let servers = tcp("127.0.0.1 8081") + &tcp("127.0.0.2 8082");
    let daemon =
        Daemon::start(&host, &Subject::ours()?, &config(&global, "alpha\nomega", &servers))?;
    let wanted =
        format!("RS [127.0.0.1]:tcp:8081 {VS} UP\nVS {VS} UP\nRS [127.0.0.2]:tcp:8082 {VS} DOWN\n");
    for fifo in [&all, &lvs] {
        let got = String::from_utf8_lossy(&lines_of(fifo, 3)?).into_owned();
        // The two servers are checked in any order; no line has a NUL, as those of the reference.
        let mut got: Vec<_> = got.split_inclusive('\n').collect();
        let mut wanted: Vec<_> = wanted.split_inclusive('\n').collect();
        got.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(got, wanted);
    }
    daemon.stop()?;
    Ok(())
}

#[test]
fn ha_suspend_follows_the_address_of_a_group() -> Result<()> {
    let host = Host::new("director")?;
    let servers = tcp("127.0.0.1 8081");
    let config = format!(
        "virtual_server_group g {{\n10.0.0.1 80\n10.0.0.7-9 80\n}}\nvirtual_server group g {{\ndelay_loop 1\nwarmup 0\nretry 0\n\
         protocol TCP\nha_suspend\n{servers}}}\n"
    );
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &config)?;
    daemon.await_log("Deactivating healthchecker for service [127.0.0.1]:tcp:8081 for VS [g]:0")?;
    host.add_addr("lo", [10, 0, 0, 8], 32)?;
    daemon.await_log("Activating healthchecker for service [127.0.0.1]:tcp:8081 for VS [g]:0")?;
    daemon.await_log("Removing service [127.0.0.1]:tcp:8081 from VS [g]:0")?;
    let up = listen(&host, "127.0.0.1:8081")?;
    daemon.await_log("Adding service [127.0.0.1]:tcp:8081 to VS [g]:0")?;
    host.del_addr("lo", [10, 0, 0, 8], 32)?;
    daemon.await_log("Suspending healthchecker for service [127.0.0.1]:tcp:8081 for VS [g]:0")?;
    // Nobody looks any more.
    drop(up);
    host.add_addr("lo", [10, 0, 0, 9], 32)?;
    daemon.await_log("Removing service [127.0.0.1]:tcp:8081 from VS [g]:0")?;
    Ok(())
}

#[test]
fn a_reload_keeps_verdicts_and_what_checks_are_at() -> Result<()> {
    let host = Host::new("director")?;
    let folder = Folder::new()?;
    let slow = folder.script("slow", "#!/bin/sh\necho $$ >>$1\nexec sleep 1000\n")?;
    let pids = folder.path("pids");
    let misc = |weight: u32| {
        format!(
            "real_server 127.0.0.9 9 {{\nweight {weight}\nMISC_CHECK {{\nmisc_path \"{} {}\"\nmisc_timeout 100\n}}\n}}\n",
            slow.display(),
            pids.display()
        )
    };
    let servers = |weight: u32| tcp("127.0.0.1 8081") + &misc(weight);
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &config("", "", &servers(1)))?;
    daemon.await_log(&format!("Removing service [127.0.0.1]:tcp:8081 from VS {VS}"))?;
    folder.await_text("pids", "\n")?;
    let first: i32 =
        fs::read_to_string(&pids).context(|| "no pid")?.trim().parse().context(|| "no pid")?;
    daemon.reload(&config("", "", &servers(2)))?;
    daemon.await_log("Reload complete")?;
    // The same check goes on; its result is not lost.
    assert!(procs::alive(first));
    assert_eq!(fs::read_to_string(&pids).unwrap_or_default().lines().count(), 1);
    // What was down stays down: that is not news.
    assert_eq!(daemon.log.count("Removing service [127.0.0.1]:tcp:8081"), 1);
    assert_eq!(daemon.log.count("Adding service"), 0);
    let _up = listen(&host, "127.0.0.1:8081")?;
    daemon.await_log(&format!("Adding service [127.0.0.1]:tcp:8081 to VS {VS}"))?;
    // Another command is another check.
    let other = misc(2).replace("pids\"", "pids x\"");
    daemon.reload(&config("", "", &(tcp("127.0.0.1 8081") + &other)))?;
    let until = Instant::now() + PATIENCE;
    while procs::alive(first) || fs::read_to_string(&pids).unwrap_or_default().lines().count() < 2 {
        assert!(Instant::now() < until, "the old script runs, or the new one does not");
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

#[test]
fn scripts_of_a_checker_that_dies_end_with_it() -> Result<()> {
    let host = Host::new("director")?;
    let folder = Folder::new()?;
    let slow = folder.script("slow", "#!/bin/sh\necho $$ >>$1\nexec sleep 1000\n")?;
    let pids = folder.path("pids");
    let servers = format!(
        "real_server 127.0.0.9 9 {{\nMISC_CHECK {{\nmisc_path \"{} {}\"\nmisc_timeout 100\n}}\n}}\n",
        slow.display(),
        pids.display()
    );
    let daemon = Daemon::start(&host, &Subject::ours()?, &config("", "", &servers))?;
    folder.await_text("pids", "\n")?;
    let first: i32 =
        fs::read_to_string(&pids).context(|| "no pid")?.trim().parse().context(|| "no pid")?;
    let checker = daemon.role_pid(Role::Checker)?;
    daemon.signal(Role::Checker, Signal::SIGKILL)?;
    daemon.await_respawn(Role::Checker, checker, PATIENCE)?;
    let until = Instant::now() + PATIENCE;
    while procs::alive(first) {
        assert!(Instant::now() < until, "the script of the dead process still runs");
        thread::sleep(Duration::from_millis(10));
    }
    while fs::read_to_string(&pids).unwrap_or_default().lines().count() < 2 {
        assert!(Instant::now() < until, "its successor does not check");
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A checker that is served late gets a realtime priority, step by step up to the maximum.
#[test]
fn a_checker_that_is_served_late_raises_its_priority() -> Result<()> {
    let host = Host::new("director")?;
    let global = "max_auto_priority 2\nmin_auto_priority_delay 1000";
    let text = config(global, "", &tcp("127.0.0.1 8081")).replace("delay_loop 1", "delay_loop 0.1");
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &text)?;
    daemon.await_log("Startup complete")?;
    let pid = daemon.role_pid(Role::Checker)?;
    for priority in ["1", "2"] {
        // On a busy machine it may be served just in time once.
        let raised = format!("Set realtime priority {priority}");
        let until = Instant::now() + PATIENCE;
        while daemon.log.count(&raised) == 0 {
            assert!(Instant::now() < until, "its priority was not raised to {priority}");
            daemon.signal(Role::Checker, Signal::SIGSTOP)?;
            procs::await_state(pid, 'T');
            // The stop itself: longer than the time between two checks.
            thread::sleep(Duration::from_millis(300));
            daemon.signal(Role::Checker, Signal::SIGCONT)?;
            let _ = daemon.log.clone().await_line(Duration::from_secs(1), &raised);
        }
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context(|| "cannot read stat")?;
    let fields: Vec<_> = stat.rsplit_once(") ").map_or("", |s| s.1).split(' ').collect();
    // Policy and realtime priority, fields 41 and 40 of proc_pid_stat(5): SCHED_RR.
    assert_eq!((fields[38], fields[37]), ("2", "2"));
    Ok(())
}

/// A script that cannot be executed is a failure, never a success.
#[test]
fn a_script_that_cannot_be_executed_fails_its_server() -> Result<()> {
    let host = Host::new("director")?;
    let folder = Folder::new()?;
    let script = folder.script("check", "#!/bin/sh\nexit 0\n")?;
    let servers = format!(
        "real_server 127.0.0.9 9 {{\nMISC_CHECK {{\nmisc_path {}\n}}\n}}\n",
        script.display()
    );
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &config("", "", &servers))?;
    daemon.await_log(&format!("by [{}] succeeded.", script.display()))?;
    conformance::set_mode(&script, 0o644)?;
    daemon.await_log(&format!("Removing service [127.0.0.9]:tcp:9 from VS {VS}"))?;
    conformance::set_mode(&script, 0o755)?;
    daemon.await_log(&format!("Adding service [127.0.0.9]:tcp:9 to VS {VS}"))?;
    Ok(())
}
