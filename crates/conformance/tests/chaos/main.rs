//! Chaos by seed: three nodes on a switch, kills, stops, cuts, partitions, reloads, and somebody
//! who deletes what is ours. In every quiet moment each virtual router has one master in each
//! connected part, and every node holds what its masters are to hold and nothing else. In the end
//! nothing is left.
//!
//! `CHAOS_SECONDS=600` is the long form, `CHAOS_SEED=n` draws the same events again.

mod setup;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use conformance::ip;
use conformance::kernel::{difference, state};
use conformance::rng::{Rng, number};
use lab::{Capture, Daemon, Host, PATIENCE, Port, Result, Role, Stamp, Subject, Switch};
use nix::sys::signal::Signal;
use setup::{Setup, VRIDS, held};

const NODES: usize = 3;
/// Adverts of each virtual router that a moment must be quiet for.
const QUIET: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cable {
    Plugged,
    /// Without carrier.
    Cut,
    /// With carrier, in a network of its own.
    Isolated,
}

struct Node {
    host: Host,
    port: Port,
    cable: Cable,
    wire: Capture,
    setup: Setup,
    daemon: Option<Daemon>,
    /// It crashed and has left things behind.
    dirty: bool,
    /// Its role was killed since the last quiet moment: what it left may still be there.
    shaken: bool,
    before: BTreeSet<String>,
}

impl Node {
    fn plug(&mut self, cable: Cable) -> Result<()> {
        match self.cable {
            Cable::Plugged => {}
            Cable::Cut => self.port.restore()?,
            Cable::Isolated => self.port.rejoin()?,
        }
        match cable {
            Cable::Plugged => {}
            Cable::Cut => self.port.cut()?,
            Cable::Isolated => self.port.isolate()?,
        }
        self.cable = cable;
        Ok(())
    }

    /// Starts the daemon if it does not run, once everything of the last one is gone.
    fn start(&mut self, subject: &Subject) -> Result<()> {
        if self.daemon.is_some() {
            return Ok(());
        }
        let until = Instant::now() + PATIENCE;
        while !self.host.pids()?.is_empty() {
            assert!(Instant::now() < until, "roles live on without their parent");
            std::thread::yield_now();
        }
        let daemon = Daemon::start(&self.host, subject, &self.setup.file())?;
        // Signals have their meaning from here on.
        daemon.role_pid(Role::Vrrp)?;
        self.daemon = Some(daemon);
        self.dirty = false;
        Ok(())
    }

    /// Waits until nothing is there that the configuration does not speak of: who is killed while
    /// the last one still has effects leaves what nobody can tell from other people's.
    fn await_reloaded(&self) -> Result<()> {
        let all = counted(self.setup.holdings(&BTreeSet::from(VRIDS)));
        let until = Instant::now() + PATIENCE;
        while let held = counted(held(&self.host)?)
            && !held.is_subset(&all)
        {
            assert!(Instant::now() < until, "left of a reload:\n{}", difference(&held, &all));
        }
        Ok(())
    }

    fn has_failed(&self) -> Option<String> {
        let daemon = self.daemon.as_ref()?;
        if let Some((_, status)) = daemon.exit() {
            return Some(format!("the daemon ended with {status}"));
        }
        (daemon.log.count("panicked") > 0).then(|| "something panicked".to_owned())
    }

    /// The virtual routers that it sent adverts for.
    fn masters(&mut self) -> Result<BTreeSet<u8>> {
        let adverts = self.wire.frames()?.iter().filter(|frame| frame.outgoing);
        let adverts = adverts.filter_map(|frame| frame.advert());
        Ok(adverts.filter(|advert| advert.priority > 0).map(|advert| advert.vrid).collect())
    }
}

fn own_v6(node: usize) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, node as u16 + 1)
}

struct World {
    subject: Subject,
    _switch: Switch,
    nodes: Vec<Node>,
    rng: Rng,
    journal: Vec<(Stamp, String)>,
}

impl World {
    fn new(seed: u64) -> Result<Self> {
        let (mut rng, switch) = (Rng::new(seed), Switch::new()?);
        let mut nodes = Vec::new();
        for n in 0..NODES {
            let host = Host::new(&format!("node {n}"))?;
            let (v4, v6) = (format!("192.0.2.{}/24", n + 1), format!("{}/64", own_v6(n)));
            let port = switch.attach(&host, "eth0", &[&v4, &v6])?;
            let wire = Capture::adverts(&host, "eth0")?;
            let setup = Setup::draw(&mut rng, n);
            let before = state(&host)?;
            let (cable, daemon, dirty, shaken) = (Cable::Plugged, None, false, false);
            nodes.push(Node { host, port, cable, wire, setup, daemon, dirty, shaken, before });
        }
        let (subject, journal) = (Subject::ours()?, Vec::new());
        Ok(Self { subject, _switch: switch, nodes, rng, journal })
    }

    fn note(&mut self, node: usize, text: impl Into<String>) {
        self.journal.push((Stamp::now(), format!("node {node}: {}", text.into())));
    }

    /// Something happens to some node.
    fn event(&mut self) -> Result<()> {
        let n = self.rng.below(NODES);
        let pick = self.rng.below(100);
        let subject = self.subject.clone();
        let text = match (pick, &self.nodes[n].daemon) {
            (0..20, None) => {
                self.nodes[n].start(&subject)?;
                "start"
            }
            (0..6, Some(daemon)) => {
                daemon.stop()?;
                // Without its role it stops at once.
                (self.nodes[n].daemon, self.nodes[n].dirty) = (None, self.nodes[n].shaken);
                "stop"
            }
            (6..9, Some(daemon)) => {
                self.nodes[n].await_reloaded()?;
                daemon.crash();
                (self.nodes[n].daemon, self.nodes[n].dirty) = (None, true);
                "all processes killed"
            }
            (9..13, Some(daemon)) => {
                daemon.signal(Role::Core, Signal::SIGKILL)?;
                daemon.await_exit(PATIENCE)?;
                // The role leaves in order, if there is one.
                (self.nodes[n].daemon, self.nodes[n].dirty) = (None, self.nodes[n].shaken);
                "parent killed"
            }
            (13..20, Some(daemon)) => {
                self.nodes[n].await_reloaded()?;
                // It may be dead already.
                let _ = daemon.signal(Role::Vrrp, Signal::SIGKILL);
                self.nodes[n].shaken = true;
                "vrrp role killed"
            }
            (20..30, Some(_)) => {
                let setup = Setup::draw(&mut self.rng, n);
                self.reload(n, setup)?;
                "reload"
            }
            (30..35, Some(_)) => {
                // One change alone.
                let mut setup = self.nodes[n].setup.clone();
                let at = self.rng.below(VRIDS.len());
                setup.extra[at] = !setup.extra[at];
                self.reload(n, setup)?;
                "reload of one address"
            }
            (35..45, _) => {
                self.nodes[n].plug(Cable::Cut)?;
                "cable cut"
            }
            (45..55, _) => {
                self.nodes[n].plug(Cable::Isolated)?;
                "isolated"
            }
            (55..75, _) => {
                self.nodes[n].plug(Cable::Plugged)?;
                "plugged"
            }
            (75..80, Some(daemon)) => {
                // A busy host: it may have been silent for longer than others wait.
                let _ = daemon.signal(Role::Vrrp, Signal::SIGSTOP);
                self.pause();
                if let Some(daemon) = &self.nodes[n].daemon {
                    let _ = daemon.signal(Role::Vrrp, Signal::SIGCONT);
                }
                "vrrp role stalled"
            }
            // Without a carrier its static routes come back with the carrier.
            (80..83, _) if self.nodes[n].cable != Cable::Cut => {
                let node = &self.nodes[n];
                node.host.set_up("eth0", false)?;
                node.host.set_up("eth0", true)?;
                // Those of IPv6 go with the link.
                node.host.add_addr("eth0", own_v6(n), 64)?;
                "eth0 down and up"
            }
            _ => return self.theft(n),
        };
        self.note(n, text);
        Ok(())
    }

    /// So that some of it falls into elections, some into peace.
    fn pause(&mut self) {
        std::thread::sleep(Duration::from_millis(self.rng.pick(&[0, 0, 5, 50, 200, 500])));
    }

    fn reload(&mut self, n: usize, setup: Setup) -> Result<()> {
        let node = &mut self.nodes[n];
        if let Some(daemon) = &node.daemon {
            daemon.reload(&setup.file())?;
            node.setup = setup;
        }
        Ok(())
    }

    /// Somebody deletes something that is ours, if there is any of it.
    fn theft(&mut self, n: usize) -> Result<()> {
        let host = self.nodes[n].host.clone();
        let held = held(&host)?;
        if held.is_empty() {
            return Ok(());
        }
        let stolen = &held[self.rng.below(held.len())];
        let words: Vec<&str> = stolen.split(' ').collect();
        // What has gone meanwhile cannot be deleted.
        let done = match words[..] {
            ["addr", link, addr] => ip(&host, &format!("addr del {addr} dev {link}")),
            ["route", dst] => ip(&host, &format!("route del {dst}")),
            ["rule", priority] => {
                let family = if priority == "1052:" { "-6" } else { "-4" };
                ip(&host, &format!("{family} rule del priority {}", priority.trim_end_matches(':')))
            }
            ["link", name] => ip(&host, &format!("link del {name}")),
            _ => {
                let mut nft = std::process::Command::new("nft");
                host.output(nft.args(["flush", "ruleset"]))
            }
        };
        let how = if done.is_ok() { "deleted" } else { "could not be deleted" };
        self.note(n, format!("{stolen} {how}"));
        Ok(())
    }

    /// Ends what must not last, and some of the rest.
    fn calm(&mut self) -> Result<()> {
        for n in 0..NODES {
            let subject = self.subject.clone();
            if self.nodes[n].dirty || self.rng.chance(70) {
                self.nodes[n].start(&subject)?;
            }
            if self.rng.chance(60) {
                self.nodes[n].plug(Cable::Plugged)?;
            }
        }
        Ok(())
    }

    /// Nodes that hear each other.
    fn parts(&self) -> Vec<Vec<usize>> {
        let running = |n: &usize| self.nodes[*n].daemon.is_some();
        let with =
            |cable| (0..NODES).filter(running).filter(move |n| self.nodes[*n].cable == cable);
        let together: Vec<usize> = with(Cable::Plugged).collect();
        let alone = with(Cable::Isolated).map(|n| vec![n]);
        alone.chain([together]).filter(|part| !part.is_empty()).collect()
    }

    /// What is wrong just now, over some adverts of every virtual router.
    fn wrong(&mut self) -> Result<Option<String>> {
        let parts = self.parts();
        for node in &mut self.nodes {
            node.wire.clear()?;
        }
        for part in &parts {
            let wire = &mut self.nodes[part[0]].wire;
            let mut heard = BTreeMap::from(VRIDS.map(|vrid| (vrid, 0)));
            let enough = wire.await_advert(Duration::from_secs(3), |advert| {
                *heard.entry(advert.vrid).or_default() += usize::from(advert.priority > 0);
                heard.values().all(|count| *count >= QUIET)
            });
            if enough.is_err() {
                return Ok(Some(format!("in part {part:?} adverts by VRID: {heard:?}")));
            }
        }
        let mut masters = Vec::new();
        for node in &mut self.nodes {
            masters.push(node.masters()?);
        }
        for part in &parts {
            for vrid in VRIDS {
                let are: Vec<_> = part.iter().filter(|n| masters[**n].contains(&vrid)).collect();
                let best = part.iter().max_by_key(|n| self.nodes[**n].setup.priority(vrid));
                if are != Vec::from_iter(best) {
                    return Ok(Some(format!("in part {part:?} {are:?} are master of {vrid}")));
                }
            }
        }
        for (n, node) in self.nodes.iter().enumerate() {
            let is: BTreeSet<String> = counted(held(&node.host)?);
            let should = match &node.daemon {
                Some(_) => counted(node.setup.holdings(&masters[n])),
                None => BTreeSet::new(),
            };
            if is != should {
                return Ok(Some(format!("node {n} holds\n{}", difference(&is, &should))));
            }
        }
        Ok(None)
    }

    fn await_quiet(&mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while let Some(wrong) = self.wrong()? {
            let failed = self.nodes.iter().find_map(Node::has_failed);
            if failed.is_some() || Instant::now() > until {
                let failed = failed.unwrap_or_else(|| "it does not become quiet".to_owned());
                self.fail(&format!("{failed}: {wrong}"));
            }
        }
        self.nodes.iter_mut().for_each(|node| node.shaken = false);
        Ok(())
    }

    fn fail(&mut self, what: &str) {
        let mut report = String::new();
        for (at, text) in self.journal.iter().rev().take(40).rev() {
            let _ = writeln!(report, "  {at} {text}");
        }
        for (n, node) in self.nodes.iter().enumerate() {
            let runs = node.daemon.is_some();
            let _ = writeln!(report, "node {n}: runs {runs}, {:?}, {:?}", node.cable, node.setup);
        }
        panic!("{what}\n{report}");
    }

    /// Stops everything, and compares with what was there before.
    fn end(&mut self) -> Result<()> {
        for n in 0..NODES {
            self.nodes[n].plug(Cable::Plugged)?;
            let subject = self.subject.clone();
            if self.nodes[n].dirty {
                self.nodes[n].start(&subject)?;
            }
        }
        self.await_quiet()?;
        for n in 0..NODES {
            if let Some(daemon) = &self.nodes[n].daemon {
                assert!(daemon.stop()?.success());
            }
            let left = state(&self.nodes[n].host)?;
            if left != self.nodes[n].before {
                let difference = difference(&left, &self.nodes[n].before);
                self.fail(&format!("node {n} is not as before:\n{difference}"));
            }
        }
        Ok(())
    }
}

/// Lines with how often they are there.
fn counted(lines: Vec<String>) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines {
        *counts.entry(line).or_default() += 1;
    }
    let count = |(line, count)| if count == 1 { line } else { format!("{line} ({count} times)") };
    counts.into_iter().map(count).collect()
}

#[test]
fn in_every_quiet_moment_one_master_holds_what_is_its_own() -> Result<()> {
    let seed = number("CHAOS_SEED").unwrap_or(1);
    let length = Duration::from_secs(number("CHAOS_SECONDS").unwrap_or(35));
    eprintln!("CHAOS_SEED={seed}");
    let mut world = World::new(seed)?;
    let until = Instant::now() + length;
    let mut rounds = 0;
    while Instant::now() < until {
        world.calm()?;
        world.await_quiet()?;
        rounds += 1;
        for _ in 0..=world.rng.below(6) {
            world.event()?;
            world.pause();
        }
    }
    world.calm()?;
    world.end()?;
    eprintln!("{rounds} quiet moments, {} events", world.journal.len());
    Ok(())
}
