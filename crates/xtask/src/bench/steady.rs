//! A master of many instances in calm: processor time and system calls for each advert; and what
//! its start and its stop take.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lab::config::{self, Instance};
use lab::{Capture, Daemon, Host, PATIENCE, Role, Stamp, procs};
use nix::sys::signal::Signal;
use nix::unistd::{SysconfVar, sysconf};
use serde_json::{Value, json};

use super::lan::{Lan, Layout};
use super::stats::Samples;
use super::{Candidate, Options, by_name};
use crate::run::Outcome;

const COUNTS: [usize; 4] = [1, 50, 255, 1000];
const LAYOUT: Layout = Layout { per_interface: 255, addrs: 1 };
const ADVERT: Duration = Duration::from_millis(100);
/// How long is looked at.
const WINDOW: Duration = Duration::from_secs(5);

/// What one run showed.
struct Steady {
    cpu_ms: f64,
    cpu_us: f64,
    calls: f64,
    pss_mib: f64,
    start_ms: f64,
    stop_ms: f64,
}

/// Measures all candidates with all numbers of instances and prints the table.
pub fn run(candidates: &[Candidate], options: &Options) -> Outcome<Value> {
    println!("\na master of many instances, adverts every {ADVERT:?}, looked at for {WINDOW:?}");
    println!(
        "  {:<10} {:>9} {:>9} {:>14} {:>19} {:>9} {:>22} {:>15}",
        "",
        "instances",
        "cpu ms/s",
        "cpu us/advert",
        "system calls/advert",
        "PSS MiB",
        "start to advert ms",
        "stop to gone ms"
    );
    let counts = if options.instances.is_empty() { &COUNTS[..] } else { &options.instances };
    let mut rows = Vec::new();
    for candidate in candidates {
        let mut figures = serde_json::Map::new();
        for &count in counts {
            let steady = measure(candidate, count)?;
            let Steady { cpu_ms, cpu_us, calls, pss_mib, start_ms, stop_ms } = steady;
            println!(
                "  {:<10} {count:>9} {cpu_ms:>9.2} {cpu_us:>14.2} {calls:>19.2} {pss_mib:>9.1} {start_ms:>22.1} \
                 {stop_ms:>15.1}",
                candidate.name
            );
            let value = json!({
                "cpu_ms_per_second": cpu_ms, "cpu_us_per_advert": cpu_us, "calls_per_advert": calls, "pss_mib": pss_mib,
                "start_ms": start_ms, "stop_ms": stop_ms,
            });
            figures.insert(count.to_string(), value);
        }
        rows.push((candidate.name, Value::Object(figures)));
    }
    Ok(by_name(rows))
}

fn measure(candidate: &Candidate, count: usize) -> Outcome<Steady> {
    let lan = Lan::new(LAYOUT.interfaces(count))?;
    let host = &lan.host;
    let mut wire = Wire::new(host, LAYOUT.interfaces(count))?;
    let owner = |number| Instance { priority: 255, ..LAYOUT.instance(number, ADVERT) };
    let instances: Vec<Instance> = (0..count).map(owner).collect();
    let mut start = Samples::default();
    let mut stop = Samples::default();
    for _ in 0..3 {
        wire.clear()?;
        let began = Stamp::now();
        let daemon = Daemon::start(host, &candidate.subject, &config::file(&instances))?;
        let first = wire.await_first()?;
        start.add(first.seconds_since(began) * 1e3);
        thread::sleep(ADVERT * 3);
        let asked = daemon.signal(Role::Core, Signal::SIGTERM)?;
        let (gone, _) = daemon.await_exit(PATIENCE)?;
        stop.add(gone.seconds_since(asked) * 1e3);
    }
    let daemon = Daemon::start(host, &candidate.subject, &config::file(&instances))?;
    wire.await_first()?;
    // The take-over itself is over after the second batch of announcements.
    thread::sleep(Duration::from_secs(7));
    let vrrp = daemon.role_pid(Role::Vrrp)?;
    wire.clear()?;
    let before = cpu(vrrp)?;
    thread::sleep(WINDOW);
    let used = cpu(vrrp)? - before;
    let adverts = wire.adverts()?.max(1) as f64;
    let family = [&[daemon.pid()][..], &procs::descendants(daemon.pid())].concat();
    let pss_mib = family.iter().map(|pid| pss(*pid)).sum::<f64>() / 1024.0;
    let calls = calls(vrrp, &mut wire)?;
    drop(daemon);
    Ok(Steady {
        cpu_ms: used * 1e3 / WINDOW.as_secs_f64(),
        cpu_us: used * 1e6 / adverts,
        calls,
        pss_mib,
        start_ms: start.median(),
        stop_ms: stop.median(),
    })
}

/// The adverts of all segments.
struct Wire(Vec<Capture>);

impl Wire {
    fn new(host: &Host, segments: usize) -> Outcome<Self> {
        let capture = |segment| Capture::adverts(host, &format!("eth{segment}"));
        Ok(Self((0..segments).map(capture).collect::<Result<_, _>>()?))
    }

    fn clear(&mut self) -> Outcome {
        for capture in &mut self.0 {
            capture.clear()?;
        }
        Ok(())
    }

    fn adverts(&mut self) -> Outcome<usize> {
        let mut sum = 0;
        for capture in &mut self.0 {
            sum += capture.frames()?.len();
        }
        Ok(sum)
    }

    /// Waits until every segment has seen an advert; returns when the first one was seen.
    fn await_first(&mut self) -> Outcome<Stamp> {
        let mut first: Option<Stamp> = None;
        for capture in &mut self.0 {
            let (at, _) = capture.await_advert(PATIENCE, |_| true)?;
            first = Some(first.map_or(at, |first| first.min(at)));
        }
        Ok(first.unwrap_or_default())
    }
}

/// Processor time of a process so far, in seconds.
pub(super) fn cpu(pid: i32) -> Outcome<f64> {
    // The scheduler's own account is exact to the nanosecond; ticks of /proc/PID/stat are not.
    let mut total = 0.0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let ns = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
        total += ns.unwrap_or_default() / 1e9;
    }
    if total > 0.0 {
        return Ok(total);
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|word| word.parse::<f64>().ok());
    let hertz = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100) as f64;
    Ok((ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default()) / hertz)
}

/// Proportional set size of a process in KiB.
pub(super) fn pss(pid: i32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// System calls for each advert, counted by strace.
fn calls(pid: i32, wire: &mut Wire) -> Outcome<f64> {
    let file = std::env::temp_dir().join(format!("keepalived-bench-{pid}.strace"));
    let mut strace = Command::new("strace")
        .args(["-f", "-c", "-U", "calls", "-p", &pid.to_string(), "-o"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("cannot run strace: {e}"))?;
    await_tracer(pid)?;
    wire.clear()?;
    thread::sleep(WINDOW);
    let adverts = wire.adverts()?.max(1) as f64;
    procs::signal(strace.id().cast_signed(), Signal::SIGINT)?;
    strace.wait()?;
    let text = fs::read_to_string(&file)?;
    fs::remove_file(&file)?;
    // One number a line, with a head, a rule, and the sum at the end.
    let total =
        text.lines().rev().find_map(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(total.unwrap_or(f64::NAN) / adverts)
}

/// Waits until a tracer is attached.
fn await_tracer(pid: i32) -> Outcome {
    let until = Instant::now() + PATIENCE;
    while procs::status(pid)?.get("TracerPid").is_none_or(|tracer| tracer == "0") {
        if Instant::now() > until {
            return Err("strace did not attach".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
