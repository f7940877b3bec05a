//! The command line, as scripts and people use it.

use std::process::Output;

use conformance::{Lan, VIP, on_both};
use lab::config::{self, Instance};
use lab::{Context, Daemon, PATIENCE, Result, Role, Subject};
use nix::sys::signal::Signal;

fn run(subject: &Subject, args: &[&str]) -> Result<Output> {
    subject.command().args(args).output().context(|| "cannot run the program")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn the_first_line_of_the_version_is_the_usual_one(subject: &Subject) -> Result<()> {
    let output = run(subject, &["--version"])?;
    assert!(output.status.success());
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).starts_with("Keepalived v2."), "{}", text(&output.stderr));
    Ok(())
}

fn mistakes_on_the_command_line_end_it_with_1(subject: &Subject) -> Result<()> {
    for args in [&["-Z"][..], &["--nosuch"], &["-f"], &["--signum", "NOSUCH"]] {
        let output = run(subject, args)?;
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
    Ok(())
}

fn signum_tells_the_number_of_a_signal(subject: &Subject) -> Result<()> {
    for (name, number) in [
        ("STOP", "15"),
        ("RELOAD", "1"),
        ("DATA", "10"),
        ("STATS", "12"),
        ("STATS_CLEAR", "63"),
        ("JSON", "36"),
    ] {
        let output = run(subject, &[&format!("--signum={name}")])?;
        assert_eq!(text(&output.stdout).trim(), number, "{name}");
        assert!(output.status.success());
    }
    Ok(())
}

/// Exit statuses of `-t` that deployment scripts look at.
fn the_check_tells_good_from_bad_by_its_status(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let good = config::file([&Instance::new(51, 100, &["192.0.2.100/24"])]);
    let cases = [
        ("good", good.clone(), 0),
        ("empty", String::new(), 0),
        ("unknown keyword", good.replace("priority", "priorty"), 5),
        ("unknown interface", good.replace("eth0", "eth7"), 5),
        ("missing brace", good.trim_end().trim_end_matches('}').to_string(), 5),
        ("bad number", good.replace("virtual_router_id 51", "virtual_router_id 300"), 5),
        (
            "insecure script",
            good.replace("priority 100", "priority 100\n    notify /usr/bin/true"),
            6,
        ),
    ];
    let folder = std::env::temp_dir().join(format!(
        "keepalived-check-{}-{}",
        std::process::id(),
        subject.is_reference()
    ));
    std::fs::create_dir_all(&folder).context(|| "cannot make a folder")?;
    for (name, config, status) in cases {
        let file = folder.join("keepalived.conf");
        std::fs::write(&file, config).context(|| "cannot write a configuration")?;
        let mut command = subject.command();
        command.arg("-t").arg("-f").arg(&file);
        let output = lan.a.run(|| command.output())?.context(|| "cannot run the check")?;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{name}: {said}");
        assert_eq!(said.is_empty(), status == 0, "{name}: {said}");
    }
    std::fs::remove_dir_all(&folder).context(|| "cannot remove a folder")?;
    Ok(())
}

fn without_a_file_it_does_not_start(subject: &Subject) -> Result<()> {
    let output = run(subject, &["-n", "-l", "-G", "-f", "/nonexistent/keepalived.conf"])?;
    assert_eq!(output.status.code(), Some(6));
    Ok(())
}

fn sigint_stops_it_as_sigterm_does(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance::new(51, 100, &["192.0.2.100/24"]);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    daemon.signal(Role::Core, Signal::SIGINT)?;
    let (_, status) = daemon.await_exit(PATIENCE)?;
    assert!(status.success());
    lan.wire.await_advert(PATIENCE, |advert| advert.priority == 0)?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    Ok(())
}

/// The option for which a failover waits on nobody: addresses stay for the next run.
fn dont_release_vrrp_leaves_the_addresses(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let config = config::file([&Instance::new(51, 100, &["192.0.2.100/24"])]);
    let mut daemon = Daemon::start_with(&lan.a, subject, &config, &["-V"])?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    assert!(daemon.stop()?.success());
    assert!(lan.watch_a.has(VIP)?);
    Ok(())
}

on_both!(
    the_first_line_of_the_version_is_the_usual_one,
    mistakes_on_the_command_line_end_it_with_1,
    signum_tells_the_number_of_a_signal,
    the_check_tells_good_from_bad_by_its_status,
    without_a_file_it_does_not_start,
    sigint_stops_it_as_sigterm_does,
    dont_release_vrrp_leaves_the_addresses,
);
