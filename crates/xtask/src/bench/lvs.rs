//! IPVS tables of thousands of services: programming them, reloads, and the stop; both programs in
//! the same guest.
//!
//! How far a program is shows in the use counts of schedulers, which cost next to nothing to read:
//! the first virtual server has one scheduler, the last another, and both programs go through the
//! file in order.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use lab::{Daemon, Host, Role, guest, procs};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::stats::Samples;
use super::{Candidate, Options, by_name, in_guest};
use crate::run::Outcome;

/// Services, and servers of each.
const SIZES: [(u32, u32); 2] = [(1000, 10), (5000, 20)];
/// Repetitions at most: a run takes minutes.
const MOST: usize = 3;
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(300);
/// A daemon that has used no processor time for so long is done.
const QUIET: Duration = Duration::from_millis(500);
// Schedulers of the first virtual server, and of the last one before and after the change.
const FIRST: &str = "nq";
const LAST: &str = "sed";
const CHANGED: &str = "fo";

/// What is measured, in order.
const COLUMNS: [&str; 7] =
    ["start", "programming", "reload", "reload cpu", "reload, 1 change", "table gone", "stop"];

/// Measures all candidates in a guest and prints the table.
pub fn run(candidates: &[Candidate], options: &Options) -> Outcome<Value> {
    if guest::inside() {
        return inside(candidates, options);
    }
    in_guest("lvs", candidates, options)
}

fn inside(candidates: &[Candidate], options: &Options) -> Outcome<Value> {
    println!("\nIPVS tables, in User Mode Linux: milliseconds, median (least..most)");
    let mut all: Vec<Vec<(String, Value)>> = candidates.iter().map(|_| Vec::new()).collect();
    for (services, servers) in SIZES {
        let mut samples: Vec<[Samples; 7]> =
            candidates.iter().map(|_| Default::default()).collect();
        for _ in 0..options.n.min(MOST) {
            for (candidate, samples) in candidates.iter().zip(&mut samples) {
                let took = measure(candidate, services, servers)?;
                for (samples, took) in samples.iter_mut().zip(took) {
                    samples.add(took);
                }
            }
        }
        println!("  {services} services of {servers} servers");
        for (at, column) in COLUMNS.iter().enumerate() {
            let shown: Vec<String> = candidates
                .iter()
                .zip(&samples)
                .map(|(c, s)| format!("{} {}", c.name, s[at].show()))
                .collect();
            let ratio = match samples.as_slice() {
                [ours, theirs] => format!("{:.1}x", theirs[at].median() / ours[at].median()),
                _ => String::new(),
            };
            println!("    {column:<18} {:<80} {ratio}", shown.join("   "));
        }
        for (rows, samples) in all.iter_mut().zip(&samples) {
            let row: serde_json::Map<String, Value> =
                COLUMNS.iter().zip(samples).map(|(c, s)| ((*c).to_owned(), s.json())).collect();
            rows.push((format!("{services}x{servers}"), Value::Object(row)));
        }
    }
    let rows = candidates.iter().zip(all);
    Ok(by_name(
        rows.map(|(c, rows)| (c.name, json!(rows.into_iter().collect::<serde_json::Map<_, _>>())))
            .collect(),
    ))
}

fn measure(candidate: &Candidate, services: u32, servers: u32) -> Outcome<[f64; 7]> {
    let host = Host::new("director")?;
    let began = Instant::now();
    let daemon = Daemon::start(&host, &candidate.subject, &config(services, servers, LAST))?;
    await_uses(FIRST, 1)?;
    let first = began.elapsed();
    await_uses(LAST, 1)?;
    let all = began.elapsed();
    complete(&host, services, servers)?;
    // What else it does at its start is not to count as the reload.
    settle(daemon.pid());

    let before = ticks(daemon.pid());
    let began = Instant::now();
    daemon.signal(Role::Core, Signal::SIGHUP)?;
    let reload = settle(daemon.pid()).saturating_duration_since(began);
    let cpu = ticks(daemon.pid()).saturating_sub(before) * 10;

    let began = Instant::now();
    daemon.reload(&config(services, servers, CHANGED))?;
    await_uses(CHANGED, 1)?;
    let change = began.elapsed();
    settle(daemon.pid());
    complete(&host, services, servers)?;

    let began = Instant::now();
    daemon.signal(Role::Core, Signal::SIGTERM)?;
    let gone = loop {
        // The processes may be killed before they are done.
        let ended = daemon.exit().is_some();
        if uses("wrr")? == 0 && uses(CHANGED)? == 0 {
            break ms(began.elapsed());
        }
        if ended {
            break f64::NAN;
        }
        thread::sleep(Duration::from_millis(1));
    };
    daemon.await_exit(PATIENCE)?;
    let stop = began.elapsed();
    Ok([ms(all), ms(all - first), ms(reload), cpu as f64, ms(change), gone, ms(stop)])
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// How many services use a scheduler.
fn uses(scheduler: &str) -> Outcome<u32> {
    Ok(fs::read_to_string(format!("/sys/module/ip_vs_{scheduler}/refcnt"))?.trim().parse()?)
}

fn config(services: u32, servers: u32, last: &str) -> String {
    let mut text = String::new();
    let mut service = |address: &str, scheduler: &str, servers: u32| {
        let _ = writeln!(
            text,
            "virtual_server {address} 80 {{\nlb_algo {scheduler}\nlb_kind DR\nprotocol TCP"
        );
        for n in 1..=servers {
            let _ = writeln!(text, "real_server 10.200.0.{n} 80 {{\nweight {n}\n}}");
        }
        text.push_str("}\n");
    };
    service("10.99.0.1", FIRST, 1);
    for n in 0..services {
        service(&format!("10.100.{}.{}", n / 250, n % 250 + 1), "wrr", servers);
    }
    service("10.99.0.2", last, 1);
    text
}

/// Waits until so many services use a scheduler.
fn await_uses(scheduler: &str, wanted: u32) -> Outcome {
    let until = Instant::now() + PATIENCE;
    while uses(scheduler)? != wanted {
        if Instant::now() > until {
            return Err(format!("{scheduler} never was used by {wanted}").into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Fails unless the table holds everything.
fn complete(host: &Host, services: u32, servers: u32) -> Outcome {
    let text = host.output(Command::new("ipvsadm").arg("-Sn"))?;
    let (found, wanted) = (text.lines().count(), (services * (servers + 1) + 4) as usize);
    if found == wanted { Ok(()) } else { Err(format!("{found} lines instead of {wanted}").into()) }
}

/// Processor time of a daemon, in clock ticks of 10 ms.
fn ticks(pid: i32) -> u64 {
    let family = [pid].into_iter().chain(procs::descendants(pid));
    let of = |pid: i32| {
        let text =
            fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
        let (_, rest) = text.rsplit_once(')')?;
        let field = |at: usize| rest.split_whitespace().nth(at)?.parse::<u64>().ok();
        Some(field(11)? + field(12)?)
    };
    family.filter_map(of).sum()
}

/// Waits until a daemon is done; returns when it was last seen at work.
fn settle(pid: i32) -> Instant {
    let (mut last, mut since) = (ticks(pid), Instant::now());
    let until = since + PATIENCE;
    while since.elapsed() < QUIET && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
        let now = ticks(pid);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    since
}
