//! A guest ends with what its command ended with, and never well when that is unknown.

use std::path::Path;
use std::time::Duration;

use lab::guest::{Guest, Job, KERNEL};

/// A guest and a job that runs a line of shell; `None`, said aloud, where there is no such kernel.
fn guest(line: &str) -> Option<(Guest, Job)> {
    if !Path::new(KERNEL).exists() {
        assert!(std::env::var_os("LAB_COMPLETE").is_none(), "{KERNEL} is not installed");
        eprintln!("skipped: {KERNEL} is not installed; `cargo xtask test` installs it");
        return None;
    }
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest");
    let guest = Guest::prepare(&cache).unwrap();
    Some((guest, Job::new(["sh", "-c", line], Path::new("/"))))
}

#[test]
fn what_a_command_prints_and_ends_with_comes_out() {
    let Some((guest, job)) = guest("seq 30000; printf 'no end'; exit 7") else { return };
    let mut lines = Vec::new();
    assert_eq!(guest.run(&job, |line| lines.push(line.to_owned())).unwrap(), 7);
    let expected: Vec<String> = (1..=30000).map(|n| n.to_string()).collect();
    assert_eq!(lines[..30000], expected);
    assert_eq!(lines[30000..], ["no end"]);
}

#[test]
fn a_kernel_that_panics_is_an_error() {
    let Some((guest, job)) = guest("echo c >/proc/sysrq-trigger; sleep 60") else { return };
    let error = guest.run(&job, |_| {}).unwrap_err().to_string();
    assert!(error.starts_with("the guest ended by itself"), "{error}");
}

#[test]
fn a_command_that_hangs_is_ended_and_an_error() {
    let Some((guest, mut job)) = guest("echo begun; sleep 1000") else { return };
    job.limit = Duration::from_secs(20);
    let mut lines = Vec::new();
    let error = guest.run(&job, |line| lines.push(line.to_owned())).unwrap_err().to_string();
    assert!(error.starts_with("the guest was ended after 20s"), "{error}");
    assert_eq!(lines, ["begun"]);
}
