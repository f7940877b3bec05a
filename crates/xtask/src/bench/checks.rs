//! Thousands of real servers with TCP_CHECK once a second: the rate that the checker holds on one
//! processor, how evenly checks are spread, how soon it tells of servers that go and come, and what
//! it takes.
//!
//! The servers are addresses of the loopback network with one listener behind all of them. A check
//! counts when the listener takes its connection. On a host without IPVS our checker runs without
//! it, and the reference does not run: `--guest` measures both in a guest that has it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lab::{Daemon, Host, Role, Stamp, guest};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::socket::{Backlog, listen};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::stats::Samples;
use super::steady::{cpu, pss};
use super::{Candidate, Options, by_name, in_guest};
use crate::run::Outcome;

const COUNTS: [usize; 3] = [1000, 5000, 10_000];
/// A guest is ten times slower.
const IN_GUEST: [usize; 2] = [100, 1000];
const PORT: u16 = 8080;
/// Real servers of one virtual server.
const SERVERS: usize = 100;
/// How long is looked at, beginning [`SETTLED`] after the start.
const WINDOW: Duration = Duration::from_secs(10);
const SETTLED: Duration = Duration::from_secs(4);
const BUCKET: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures all candidates with all numbers of servers and prints the table.
pub fn run(candidates: &[Candidate], options: &Options) -> Outcome<Value> {
    let usual = if guest::inside() { &IN_GUEST[..] } else { &COUNTS[..] };
    let counts = if options.instances.is_empty() { usual } else { &options.instances };
    if options.guest && !guest::inside() {
        return in_guest("checks", candidates, options);
    }
    println!("\nreal servers with TCP_CHECK every second; the checker on one processor");
    let mut rows = Vec::new();
    for candidate in candidates {
        if candidate.name == "reference" && !guest::inside() && !has_ipvs() {
            println!("  the reference does not run: this host has no IPVS (see --guest)");
            continue;
        }
        let mut figures = serde_json::Map::new();
        for &count in counts {
            let value = measure(candidate, count)
                .map_err(|e| format!("{}, {count} servers: {e}", candidate.name))?;
            figures.insert(count.to_string(), value);
        }
        rows.push((candidate.name, Value::Object(figures)));
    }
    Ok(by_name(rows))
}

fn has_ipvs() -> bool {
    std::path::Path::new("/proc/net/ip_vs").exists()
}

fn server(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(
        127,
        1 + (number / 62_500) as u8,
        (number / 250 % 250) as u8,
        (number % 250) as u8 + 1,
    )
}

fn config(count: usize) -> String {
    let mut text = "global_defs {\nrouter_id lab\n}\n".to_string();
    for number in 0..count {
        if number.is_multiple_of(SERVERS) {
            let vs = number / SERVERS;
            let _ = writeln!(
                text,
                "virtual_server 10.99.{}.{} 80 {{\ndelay_loop 1\nlb_algo rr\nlb_kind NAT\nprotocol TCP",
                vs / 250,
                vs % 250 + 1
            );
        }
        let _ = writeln!(
            text,
            "real_server {} {PORT} {{\nTCP_CHECK {{\nretry 0\nconnect_timeout 3\n}}\n}}",
            server(number)
        );
        if (number + 1).is_multiple_of(SERVERS) || number + 1 == count {
            text.push_str("}\n");
        }
    }
    text
}

fn measure(candidate: &Candidate, count: usize) -> Outcome<Value> {
    let host = Host::new("director")?;
    let listener = Listener::start(&host)?;
    let began = Stamp::now();
    let daemon = Daemon::start(&host, &candidate.subject, &config(count))?;
    let checker = daemon.role_pid(Role::Checker)?;
    pin(checker)?;
    let up = await_up(&listener, count, began)?;

    thread::sleep(SETTLED);
    listener.clear();
    let before = cpu(checker)?;
    let (from, _) = (Instant::now(), thread::sleep(WINDOW));
    let used = cpu(checker)? - before;
    let took = from.elapsed();
    let checks = listener.taken();
    let spread = Spread::of(&checks, from, count);
    let memory = pss(checker);

    // The servers go, all at once.
    let failed = daemon.log.count("Removing service");
    let gone = listener.stop();
    let down = told(&daemon, "Removing service", failed, count, gone)?;
    let listener = Listener::start(&host)?;
    let back = told(&daemon, "Adding service", 0, count, listener.since)?;
    let rate = checks.len() as f64 / took.as_secs_f64();
    println!(
        "  {:<10} {count:>6} servers: {rate:.0} checks/s, CPU {:.0} ms/s ({:.1} us/check), PSS {:.1} MiB \
         ({:.2} KiB/server)",
        candidate.name,
        used * 1e3 / took.as_secs_f64(),
        used * 1e6 / checks.len().max(1) as f64,
        memory / 1024.0,
        memory / count as f64,
    );
    println!(
        "    first round {up:.2} s; checks in {BUCKET:?}: {}; ms between two checks of a server: {}",
        spread.buckets.show(),
        spread.gaps.show(),
    );
    println!("    ms to the verdict: down {}, up {}", down.show(), back.show());
    Ok(json!({
        "checks_per_second": rate,
        "cpu_ms_per_second": used * 1e3 / took.as_secs_f64(),
        "pss_kib": memory,
        "first_round_s": up,
        "checks_in_10_ms": spread.buckets.json(),
        "gap_ms": spread.gaps.json(),
        "down_ms": down.json(),
        "up_ms": back.json(),
    }))
}

/// Has a process run on the first processor alone.
fn pin(pid: i32) -> Outcome {
    let mut set = CpuSet::new();
    set.set(0)?;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?.file_name().to_string_lossy().parse()?;
        sched_setaffinity(Pid::from_raw(task), &set)?;
    }
    Ok(())
}

/// Seconds until every server has been checked once.
fn await_up(listener: &Listener, count: usize, began: Stamp) -> Outcome<f64> {
    let until = Instant::now() + PATIENCE;
    loop {
        let seen: std::collections::BTreeSet<IpAddr> =
            listener.lock().iter().map(|(_, server)| *server).collect();
        if seen.len() == count {
            return Ok(Stamp::now().seconds_since(began));
        }
        if Instant::now() > until {
            return Err(format!("{} servers were checked", seen.len()).into());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Milliseconds from `since` to each of the lines that come after the first `passed`.
fn told(
    daemon: &Daemon,
    text: &str,
    passed: usize,
    count: usize,
    since: Stamp,
) -> Outcome<Samples> {
    let mut log = daemon.log.clone().rewound();
    let mut samples = Samples::default();
    for at in 0..passed + count {
        let line = log
            .await_line(PATIENCE, text)
            .map_err(|_| format!("{at} lines '{text}' of {}", passed + count))?;
        if at >= passed {
            samples.add(line.at.seconds_since(since) * 1e3);
        }
    }
    Ok(samples)
}

/// How checks lie in time.
struct Spread {
    /// Checks of each [`BUCKET`].
    buckets: Samples,
    /// Milliseconds between two checks of one server.
    gaps: Samples,
}

impl Spread {
    fn of(checks: &[(Instant, IpAddr)], from: Instant, count: usize) -> Self {
        let (mut buckets, mut gaps) = (Samples::default(), Samples::default());
        let mut numbers = vec![0u32; (WINDOW.as_millis() / BUCKET.as_millis()) as usize];
        let mut last: HashMap<IpAddr, Instant> = HashMap::with_capacity(count);
        for (at, server) in checks {
            let bucket = at.saturating_duration_since(from).as_millis() / BUCKET.as_millis();
            if let Some(number) = numbers.get_mut(bucket as usize) {
                *number += 1;
            }
            if let Some(before) = last.insert(*server, *at) {
                gaps.add(at.saturating_duration_since(before).as_secs_f64() * 1e3);
            }
        }
        numbers.into_iter().for_each(|number| buckets.add(number.into()));
        Self { buckets, gaps }
    }
}

type Taken = Vec<(Instant, IpAddr)>;

/// The one listener behind all servers.
struct Listener {
    taken: Arc<Mutex<Taken>>,
    since: Stamp,
    end: SocketAddr,
    host: Host,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(host: &Host) -> Outcome<Self> {
        host.sysctl("net/core/somaxconn", "65535")?;
        let since = Stamp::now();
        let socket = host.run(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)))??;
        listen(&socket.as_fd(), Backlog::MAXALLOWABLE)?;
        let taken = Arc::new(Mutex::new(Taken::new()));
        let shared = taken.clone();
        let thread = thread::spawn(move || {
            while let Ok((connection, _)) = socket.accept() {
                let at = Instant::now();
                let Ok(local) = connection.local_addr() else { continue };
                // Nobody's server: [`Listener::end`].
                if local.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
                    return;
                }
                shared.lock().unwrap_or_else(PoisonError::into_inner).push((at, local.ip()));
            }
        });
        let end = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
        Ok(Self { taken, since, end, host: host.clone(), thread: Some(thread) })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clear(&self) {
        self.lock().clear();
    }

    fn taken(&self) -> Taken {
        self.lock().clone()
    }

    /// Listens no more; returns when that was so.
    fn stop(mut self) -> Stamp {
        self.end();
        Stamp::now()
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        // A connection to this address is the sign to end.
        if matches!(self.host.run(|| TcpStream::connect(self.end)), Ok(Ok(_))) {
            let _ = thread.join();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.end();
    }
}
