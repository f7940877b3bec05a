//! Up to a thousand instances of twenty addresses on one host: start, take-over, reload without
//! and with a change, stop; beside the take-over what `ip -batch` needs for the same addresses.
//!
//! Addresses are counted from the kernel's notifications, which are read every millisecond and no
//! more often, so that the reader costs every program the same and little.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use lab::config::{self, Instance};
use lab::watch::Change;
use lab::{Capture, Daemon, Host, Role, Stamp, Watch, procs};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::lan::{Lan, Layout, Master};
use super::stats::Samples;
use super::steady::cpu;
use super::{Candidate, Options, by_name};
use crate::run::Outcome;

const ADVERT: Duration = Duration::from_secs(1);
/// Few on an interface, as the kernel's cost of an address grows with those that are there.
const LAYOUT: Layout = Layout { per_interface: 50, addrs: 20 };
const COUNTS: [usize; 4] = [100, 250, 500, 1000];
/// A run takes half a minute.
const TRIALS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(120);
/// How long is looked at for the processor time of a reload.
const WINDOW: Duration = Duration::from_secs(3);

/// What is measured, in order.
const COLUMNS: [&str; 11] = [
    "start to last backup",
    "take-over: last address after first timer",
    "take-over: first to last address",
    "ip -batch: start to last address",
    "take-over beside ip -batch, ratio",
    "reload, no change: processor time",
    "reload, 1 change: until it is seen",
    "reloads: longest delay of an advert",
    "SIGTERM to last address",
    "SIGTERM to exit",
    "PSS of all processes, MiB",
];

/// Measures all candidates with all numbers of instances and prints the tables.
pub fn run(candidates: &[Candidate], options: &Options) -> Outcome<Value> {
    let trials = options.n.min(TRIALS);
    println!("\ninstances of {} addresses: ms, median (least..most), n = {trials}", LAYOUT.addrs);
    let counts = if options.instances.is_empty() { &COUNTS[..] } else { &options.instances };
    let mut all: Vec<serde_json::Map<String, Value>> = vec![Default::default(); candidates.len()];
    for &count in counts {
        let mut samples: Vec<[Samples; COLUMNS.len()]> =
            candidates.iter().map(|_| Default::default()).collect();
        for _ in 0..trials {
            for (candidate, samples) in candidates.iter().zip(&mut samples) {
                let figures = measure(candidate, count)
                    .map_err(|e| format!("{}, {count} instances: {e}", candidate.name))?;
                for (samples, figure) in samples.iter_mut().zip(figures) {
                    samples.add(figure);
                }
            }
        }
        println!("  {count} instances, {} addresses", count * usize::from(LAYOUT.addrs));
        for (at, column) in COLUMNS.iter().enumerate() {
            let shown: Vec<String> = candidates
                .iter()
                .zip(&samples)
                .map(|(c, s)| format!("{} {:<28}", c.name, s[at].show()))
                .collect();
            println!("    {column:<42} {}", shown.join(" "));
        }
        for (rows, samples) in all.iter_mut().zip(&samples) {
            let row = COLUMNS.iter().zip(samples).map(|(c, s)| ((*c).to_owned(), s.json()));
            rows.insert(count.to_string(), Value::Object(row.collect()));
        }
    }
    Ok(by_name(candidates.iter().zip(all).map(|(c, rows)| (c.name, json!(rows))).collect()))
}

fn measure(candidate: &Candidate, count: usize) -> Outcome<[f64; COLUMNS.len()]> {
    let lan = Lan::new(LAYOUT.interfaces(count))?;
    let master = Master::start(&lan, LAYOUT, count, ADVERT)?;
    let mut adverts = Capture::adverts(&lan.peer, "eth0")?;
    let mut addrs = Addresses(Watch::new(&lan.host)?);
    let mut instances: Vec<Instance> =
        (0..count).map(|number| LAYOUT.instance(number, ADVERT)).collect();
    let down = instances.first().map(Instance::master_down).unwrap_or_default();
    let total = count * usize::from(LAYOUT.addrs);

    let began = Stamp::now();
    let daemon = Daemon::start(&lan.host, &candidate.subject, &config::file(&instances))?;
    let start = last_of(&daemon, "Entering BACKUP STATE", count)?.seconds_since(began);

    // Every instance has heard its master.
    thread::sleep(ADVERT * 3);
    addrs.0.clear()?;
    let (first_advert, _) = master.silence();
    let (first, last) = addrs.come(total)?;
    let takeover = last.seconds_since(first_advert + down);
    let span = last.seconds_since(first);

    // The second batch of announcements is over.
    thread::sleep(Duration::from_secs(10));
    adverts.clear()?;
    let reload = used(&daemon, || {
        daemon.signal(Role::Core, Signal::SIGHUP)?;
        Ok(())
    })?;
    // Calm afterwards, as a reload may bring timers together, which is cheaper.
    let calm = used(&daemon, || Ok(()))?;
    addrs.0.clear()?;
    let extra = format!("10.{}.200.1", 10 + LAYOUT.interfaces(count) - 1);
    instances.iter_mut().rev().take(1).for_each(|last| last.vips.push(format!("{extra}/16")));
    let asked = daemon.reload(&config::file(&instances))?;
    let (_, seen) = addrs.come(1)?;
    let change = seen.seconds_since(asked);
    thread::sleep(ADVERT * 2);
    let delay = worst_gap(&mut adverts)? - ADVERT.as_secs_f64();
    let pss = family(&daemon).iter().map(|pid| super::steady::pss(*pid)).sum::<f64>() / 1024.0;

    addrs.0.clear()?;
    let asked = daemon.signal(Role::Core, Signal::SIGTERM)?;
    let (_, gone) = addrs.go(total + 1)?;
    let (exit, _) = daemon.await_exit(PATIENCE)?;
    drop(daemon);
    let batch = ip_batch(&lan.host, &mut addrs, count)?;
    let ms = |seconds: f64| seconds * 1e3;
    Ok([
        ms(start),
        ms(takeover),
        ms(span),
        ms(batch),
        takeover / batch,
        ms(reload - calm),
        ms(change),
        ms(delay),
        ms(gone.seconds_since(asked)),
        ms(exit.seconds_since(asked)),
        pss,
    ])
}

/// Seconds that `ip -batch` takes to add the addresses of all instances.
fn ip_batch(host: &Host, addrs: &mut Addresses, count: usize) -> Outcome<f64> {
    let mut text = String::new();
    for number in 0..count {
        let (interface, _) = LAYOUT.place(number);
        for vip in LAYOUT.vips(number) {
            let _ = writeln!(text, "addr add {vip}/16 dev eth{interface}");
        }
    }
    let file = std::env::temp_dir().join(format!("keepalived-bench-{}.ip", std::process::id()));
    fs::write(&file, text)?;
    addrs.0.clear()?;
    let began = Stamp::now();
    let mut ip = host.spawn(Command::new("ip").arg("-batch").arg(&file))?;
    let last = addrs.come(count * usize::from(LAYOUT.addrs));
    ip.wait()?;
    fs::remove_file(&file)?;
    Ok(last?.1.seconds_since(began))
}

/// Addresses that come and go.
struct Addresses(Watch);

impl Addresses {
    /// Waits for so many additions; returns the moments of the first and the last one.
    fn come(&mut self, count: usize) -> Outcome<(Stamp, Stamp)> {
        self.changes(count, |change| matches!(change, Change::AddrAdded(..)))
    }

    /// Waits for so many removals; returns the moments of the first and the last one.
    fn go(&mut self, count: usize) -> Outcome<(Stamp, Stamp)> {
        self.changes(count, |change| matches!(change, Change::AddrRemoved(..)))
    }

    fn changes(&mut self, count: usize, wanted: fn(&Change) -> bool) -> Outcome<(Stamp, Stamp)> {
        let until = Instant::now() + PATIENCE;
        let (mut first, mut seen) = (None, 0);
        loop {
            while let Some((at, change)) = self.0.next_change(Duration::ZERO)? {
                if wanted(&change) {
                    seen += 1;
                    let first = *first.get_or_insert(at);
                    if seen == count {
                        return Ok((first, at));
                    }
                }
            }
            if Instant::now() > until {
                return Err(format!("{seen} of {count} addresses came or went").into());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// When the last of so many lines came.
fn last_of(daemon: &Daemon, text: &str, count: usize) -> Outcome<Stamp> {
    let mut log = daemon.log.clone().rewound();
    let mut last = Stamp::default();
    for _ in 0..count {
        last = log.await_line(PATIENCE, text).map_err(|_| format!("too few lines '{text}'"))?.at;
    }
    Ok(last)
}

fn family(daemon: &Daemon) -> Vec<i32> {
    [&[daemon.pid()][..], &procs::descendants(daemon.pid())].concat()
}

/// Seconds of processor time that the daemon uses from something on.
fn used(daemon: &Daemon, something: impl FnOnce() -> Outcome) -> Outcome<f64> {
    let sum = || family(daemon).iter().map(|pid| cpu(*pid)).sum::<Outcome<f64>>();
    let before = sum()?;
    something()?;
    thread::sleep(WINDOW);
    Ok(sum()? - before)
}

/// The longest time between two adverts of one instance, in seconds.
fn worst_gap(wire: &mut Capture) -> Outcome<f64> {
    let mut last = [None; 256];
    let mut worst = 0.0f64;
    for (at, advert) in wire.all_adverts()? {
        if let Some(before) = last[usize::from(advert.vrid)].replace(at) {
            worst = worst.max(at.seconds_since(before));
        }
    }
    Ok(worst)
}
