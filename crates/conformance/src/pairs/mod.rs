//! From any configuration to any other one by reload: the kernel then holds what a start with the
//! other one makes it hold, and what both have was never removed.
//!
//! Shared by the tests here and in the guest, whose kernel can do more.

mod draw;
mod forms;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command};
use std::time::Instant;

use lab::{Capture, Context, Daemon, Host, PATIENCE, Result, Role, Subject, Switch};
use nix::sys::signal::Signal;

use crate::ip;
use crate::kernel::{difference, normal, settings, state};
use crate::news::News;
use crate::rng::{Rng, number};
use draw::Config;
pub use draw::Kernel;

/// Adverts of every instance in which nothing more happens.
const QUIET: usize = 3;

struct Node {
    host: Host,
    /// What `track_process` finds.
    sleeper: Child,
    has_firewall: bool,
    wires: [Capture; 2],
    _switch: Switch,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.sleeper.kill();
        let _ = self.sleeper.wait();
    }
}

impl Node {
    /// Its second interface may belong to a VRF.
    fn new(kernel: Kernel, vrf: bool) -> Result<Self> {
        let (switch, host) = (Switch::new()?, Host::new("node")?);
        for (file, value) in [("/run/health", "0"), ("/run/broken", "1")] {
            host.run(|| std::fs::write(file, value))?.context(|| format!("cannot write {file}"))?;
        }
        switch.attach(&host, "eth0", &["192.0.2.1/24", "2001:db8::1/64"])?;
        switch.attach(&host, "eth1", &["198.18.0.1/24", "2001:db8:1::1/64"])?;
        if kernel == Kernel::Full {
            ip(&host, "link add red type vrf table 10")?;
            ip(&host, "link set red up")?;
        }
        if vrf {
            ip(&host, "link set eth1 master red")?;
        }
        let wires = [Capture::adverts(&host, "eth0")?, Capture::adverts(&host, "eth1")?];
        // The guest's kernel has no tables of nftables.
        let has_firewall = kernel == Kernel::Plain;
        let sleeper = host.spawn(Command::new("sleep").arg("infinity"))?;
        let node = Self { host, sleeper, has_firewall, wires, _switch: switch };
        node.await_links()?;
        Ok(node)
    }

    /// Waits until the kernel has done what it does by itself for links that are new.
    fn await_links(&self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let state = state(&self.host)?;
            let is_local = |line: &&String| {
                line.starts_with("addr eth")
                    && line.contains(" fe80:")
                    && !line.contains("tentative")
            };
            let down = |line: &String| {
                ["link eth0@", "link eth1@"].iter().any(|link| line.starts_with(link))
                    && (line.contains("NO-CARRIER") || line.contains("state DOWN"))
            };
            if state.iter().filter(is_local).count() == 2 && !state.iter().any(down) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(lab::Error::new(format!("links are not ready: {state:#?}")));
            }
            std::thread::yield_now();
        }
    }

    /// Lets all instances send some more adverts.
    fn await_adverts(&mut self, config: &Config) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        self.wires.iter_mut().try_for_each(Capture::clear)?;
        loop {
            let mut count: BTreeMap<u8, usize> = BTreeMap::new();
            for wire in &mut self.wires {
                for advert in
                    wire.frames()?.iter().filter(|f| f.outgoing).filter_map(|f| f.advert())
                {
                    *count.entry(advert.vrid).or_default() += usize::from(advert.priority > 0);
                }
            }
            let enough = |vrid| count.get(vrid).is_some_and(|count| *count >= QUIET);
            if config.masters().iter().all(enough) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(lab::Error::new(format!("adverts by VRID: {count:?}")));
            }
            // Whatever comes next on the first wire, or nothing.
            self.wires[0].next_frame(std::time::Duration::from_millis(20))?;
        }
    }

    /// What the kernel holds, of what a configuration is about.
    fn held(&self) -> Result<BTreeSet<String>> {
        let all = state(&self.host)?.into_iter();
        // Which of the addresses of a subnet is the first depends on what came first.
        let all = all.filter(|line| !(line.starts_with("route") && line.contains("proto kernel")));
        let all = all.map(|line| without_counts(&line));
        let mut held: BTreeSet<String> = all.map(|line| line.replace(" secondary", "")).collect();
        held.extend(settings(&self.host, &["all", "eth0", "eth1"])?);
        Ok(held)
    }

    /// Starts with a configuration; what the kernel holds once it is at peace.
    fn start(&mut self, config: &Config) -> Result<(Daemon, BTreeSet<String>)> {
        let daemon = Daemon::start(&self.host, &Subject::ours()?, &config.text())?;
        self.await_adverts(config)
            .map_err(|e| lab::Error::new(format!("{e}\n{}", log(&daemon))))?;
        assert_eq!(daemon.log.count("(Line"), 0, "not valid:\n{}", log(&daemon));
        let mut before = self.held()?;
        loop {
            self.await_adverts(config)?;
            let held = self.held()?;
            if held == before {
                return Ok((daemon, held));
            }
            before = held;
        }
    }

    /// One pair; what is wrong with it.
    fn pair(&mut self, a: &Config, b: &Config) -> Result<Option<String>> {
        let nothing = self.held()?;
        let (fresh, wanted) = self.start(b)?;
        assert!(fresh.stop()?.success());
        let left = self.held()?;
        if left != nothing {
            return Ok(Some(format!("B leaves\n{}", difference(&left, &nothing))));
        }
        let (mut daemon, first) = self.start(a)?;
        let news = News::of_all(&self.host)?;
        let firewall = self.has_firewall.then(|| News::of_firewall(&self.host)).transpose()?;
        daemon.log.skip();
        daemon.reload(&b.text())?;
        daemon.await_log("Reload complete")?;
        let until = Instant::now() + PATIENCE / 2;
        loop {
            self.await_adverts(b)?;
            let held = self.held()?;
            if held == wanted {
                break;
            }
            if Instant::now() > until {
                let difference = difference(&held, &wanted);
                return Ok(Some(format!("after the reload\n{difference}{}", log(&daemon))));
            }
        }
        let both: BTreeSet<&String> = first.intersection(&wanted).collect();
        // What an element is about are links, which may only be called the same.
        let link = |name: &str| both.iter().any(|line| line.starts_with(&format!("link {name}@")));
        let below = |held: &BTreeSet<String>, name: &str| {
            let link = held.iter().find(|line| line.starts_with(&format!("link {name}@")));
            link.and_then(|line| line.split(' ').nth(1)).map(str::to_owned)
        };
        let same = |line: &String| {
            let words: Vec<&str> = line.split(' ').collect();
            let named = words.windows(2).filter(|pair| matches!(pair[0], "addr" | "dev"));
            let mut on = named.map(|pair| pair[1]);
            line.split('"').skip(1).step_by(2).all(link)
                && on.all(|name| below(&first, name) == below(&wanted, name))
        };
        let stays =
            |line: &String| both.contains(line) && same(line) && !b.is_of_a_candidate(line, a);
        // A table counts as long as it has something to hide.
        let holds = |table: &String| {
            let inside = |line: &&&String| {
                line.starts_with(table.as_str()) && line.contains(" element ") && stays(line)
            };
            !table.starts_with("table ") || both.iter().any(|line| inside(&line))
        };
        let is_of_both = |line: &&String| stays(line) && holds(line);
        let gone = removed(&news.so_far()?);
        let firewall = firewall.map(|news| news.so_far()).transpose()?.unwrap_or_default();
        let gone_from_firewall = removed_from_firewall(&firewall);
        let lost: Vec<String> =
            gone.iter().chain(&gone_from_firewall).filter(is_of_both).cloned().collect();
        if !lost.is_empty() {
            let (lost, log) = (lost.join("\n  "), log(&daemon));
            return Ok(Some(format!("in both, but removed in between:\n  {lost}\n{log}")));
        }
        assert!(daemon.stop()?.success());
        let left = self.held()?;
        Ok((left != nothing).then(|| format!("after the end:\n{}", difference(&left, &nothing))))
    }

    /// One pair, while the vrrp role is dead: its next process knows nothing of A but what core
    /// tells it. Then a stop while it is dead once more.
    fn pair_over_a_dead_role(&mut self, a: &Config, b: &Config) -> Result<Option<String>> {
        let nothing = objects(self.held()?);
        let (fresh, wanted) = self.start(b)?;
        let wanted = objects(wanted);
        assert!(fresh.stop()?.success());
        let (mut daemon, _) = self.start(a)?;
        let mut dead = end_role(&mut daemon, 2)?;
        daemon.reload(&b.text())?;
        daemon.await_respawn(Role::Vrrp, dead, PATIENCE)?;
        daemon.await_log("Reload complete")?;
        let until = Instant::now() + PATIENCE / 2;
        loop {
            self.await_adverts(b)?;
            let held = objects(self.held()?);
            if held == wanted {
                break;
            }
            if Instant::now() > until {
                let difference = difference(&held, &wanted);
                return Ok(Some(format!("after the reload\n{difference}{}", log(&daemon))));
            }
        }
        dead = end_role(&mut daemon, 1)?;
        assert!(daemon.stop()?.success());
        assert_ne!(daemon.role_pid(Role::Vrrp)?, dead, "nobody has cleaned up");
        let left = objects(self.held()?);
        let left = (left != nothing).then(|| difference(&left, &nothing));
        Ok(left.map(|left| format!("after the end:\n{left}{}", log(&daemon))))
    }
}

/// Without settings.
fn objects(mut held: BTreeSet<String>) -> BTreeSet<String> {
    held.retain(|line| !line.starts_with("sysctl"));
    held
}

/// Ends the vrrp role as an error of its own would, so often that its next process has to wait.
fn end_role(daemon: &mut Daemon, times: u32) -> Result<i32> {
    let mut pid = daemon.role_pid(Role::Vrrp)?;
    for n in 1..=times {
        lab::procs::signal(pid, Signal::SIGABRT)?;
        daemon.await_log("Restart of VRRP process delayed")?;
        if n < times {
            pid = daemon.await_respawn(Role::Vrrp, pid, PATIENCE)?;
        }
    }
    Ok(pid)
}

/// A line of nftables whose counters stand at nothing, or of a route that never expires.
fn without_counts(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    for at in 1..words.len() {
        if matches!(words[at - 1], "packets" | "bytes" | "expires") {
            words[at] = "0";
        }
    }
    words.join(" ")
}

fn log(daemon: &Daemon) -> String {
    daemon.log.lines().iter().map(|line| format!("  {}\n", line.text)).collect()
}

/// What `ip monitor` tells of as deleted, as [`state`] has it. Rules are of either family.
fn removed(news: &str) -> Vec<String> {
    let mut gone = Vec::new();
    for line in news.lines() {
        let Some((label, what)) = line.split_once("Deleted ") else { continue };
        let what = what.replace(" secondary", "");
        match label.trim() {
            "[LINK]" => gone.push(normal("link", &what)),
            "[ADDR]" => gone.push(normal("addr", &what)),
            "[ROUTE]" => gone.push(without_counts(&normal("route", &what))),
            _ => {
                let rule = what.split_whitespace().collect::<Vec<_>>().join(" ");
                gone.extend(["-4", "-6"].map(|family| format!("rule {family} {rule}")));
            }
        }
    }
    gone
}

/// What `nft monitor` tells of as deleted, as [`state`] has it, as far as that is tables and
/// elements. What one transaction deletes and adds again was never away.
fn removed_from_firewall(news: &str) -> Vec<String> {
    let (mut gone, mut all) = (BTreeSet::new(), Vec::new());
    for line in news.lines() {
        if let Some(what) = line.strip_prefix("delete ") {
            gone.extend(named(what));
        } else if let Some(what) = line.strip_prefix("add ") {
            if let Some(name) = named(what) {
                gone.remove(&name);
            }
        } else if line.starts_with("# new generation") {
            all.extend(std::mem::take(&mut gone));
        }
    }
    all
}

fn named(what: &str) -> Option<String> {
    let Some(rest) = what.strip_prefix("element ") else {
        return what.starts_with("table ").then(|| what.to_owned());
    };
    let (at, element) = rest.split_once(" { ")?;
    let (table, set) = at.rsplit_once(' ')?;
    Some(format!("table {table} set {set} element {}", element.trim_end_matches(" }")))
}

/// What is done with a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Play {
    /// Reload from the first to the second.
    Reload,
    /// The same while the vrrp role is dead, and a stop while it is dead once more.
    DeadRole,
}

/// Draws pairs and plays them: `RELOAD_PAIRS` of them, else `pairs`, by seeds from `RELOAD_SEED`
/// on, else from 1.
///
/// # Panics
/// When a pair has not the property; says which.
pub fn check(kernel: Kernel, play: Play, pairs: u64) {
    let pairs = number("RELOAD_PAIRS").unwrap_or(pairs);
    let seed = number("RELOAD_SEED").unwrap_or(1);
    for seed in seed..seed + pairs {
        let mut rng = Rng::new(seed);
        let a = Config::draw(&mut rng, kernel);
        let b = if rng.chance(80) { a.near(&mut rng) } else { Config::draw(&mut rng, kernel) };
        let vrf = kernel == Kernel::Full && rng.chance(50);
        let what = |text: &str| {
            let (a, b) = (a.text(), b.text());
            format!("RELOAD_SEED={seed} RELOAD_PAIRS=1 (VRF {vrf}): {text}\nA:\n{a}\nB:\n{b}")
        };
        let played = Node::new(kernel, vrf).and_then(|mut node| match play {
            Play::Reload => node.pair(&a, &b),
            Play::DeadRole => node.pair_over_a_dead_role(&a, &b),
        });
        match played {
            Ok(None) => {}
            Ok(Some(wrong)) => panic!("{}", what(&wrong)),
            Err(e) => panic!("{}", what(&e.to_string())),
        }
    }
}
