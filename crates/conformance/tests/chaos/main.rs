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

use conformance::kernel::{difference, state};
use conformance::rng::{Rng, number};
use conformance::{fib, ip};
use lab::{Capture, Daemon, Host, PATIENCE, Port, Result, Role, Stamp, Subject, Switch};
use nix::sys::signal::Signal;
use setup::{SLOW, Setup, UNHURRIED, VRIDS, held};

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
    /// There may be things that only the parent knows of: a role was killed since the last quiet
    /// moment, or a daemon started after a crash.
    shaken: bool,
    /// How often the role of this daemon has failed by itself: it waits longer each time.
    failures: u32,
    /// How many reloads of this daemon were given up.
    refused: usize,
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
        self.shaken |= std::mem::take(&mut self.dirty);
        (self.failures, self.refused) = (0, 0);
        Ok(())
    }

    /// A reload that was given up, since its role was killed over it twice, is asked for anew.
    fn insist(&mut self) -> Result<()> {
        let Some(daemon) = &self.daemon else { return Ok(()) };
        let refused = daemon.log.count("Reload refused");
        if refused > std::mem::replace(&mut self.refused, refused) {
            daemon.reload(&self.setup.file())?;
        }
        Ok(())
    }

    fn signal(&self, roles: &[Role], signal: Signal) {
        let Some(daemon) = &self.daemon else { return };
        for role in roles {
            // It may be dead already.
            let _ = daemon.signal(*role, signal);
        }
    }

    /// The hardware address of its interface.
    fn mac(&self) -> Result<String> {
        let shown = fib::ip(&self.host, "link show dev eth0")?.join(" ");
        let mac = shown.split(' ').skip_while(|word| *word != "link/ether").nth(1);
        Ok(mac.unwrap_or_default().to_owned())
    }

    /// Waits until nothing is there that the configuration does not speak of: when all who know of
    /// the last one are killed, nobody can tell what it left from other people's.
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
    macs: Vec<String>,
    /// Whether one virtual router is of version 2.
    v2: bool,
    rng: Rng,
    journal: Vec<(Stamp, String)>,
}

impl World {
    fn new(seed: u64) -> Result<Self> {
        let (mut rng, switch) = (Rng::new(seed), Switch::new()?);
        let v2 = rng.chance(50);
        let mut nodes = Vec::new();
        for n in 0..NODES {
            let host = Host::new(&format!("node {n}"))?;
            let (v4, v6) = (format!("192.0.2.{}/24", n + 1), format!("{}/64", own_v6(n)));
            let port = switch.attach(&host, "eth0", &[&v4, &v6])?;
            let wire = Capture::adverts(&host, "eth0")?;
            let setup = Setup::draw(&mut rng, n, v2);
            let before = state(&host)?;
            let (cable, daemon, dirty, shaken) = (Cable::Plugged, None, false, false);
            let (failures, refused) = (0, 0);
            nodes.push(Node {
                host,
                port,
                cable,
                wire,
                setup,
                daemon,
                dirty,
                shaken,
                failures,
                refused,
                before,
            });
        }
        let (subject, journal) = (Subject::ours()?, Vec::new());
        let macs = nodes.iter().map(Node::mac).collect::<Result<_>>()?;
        let world = Self { subject, _switch: switch, nodes, macs, v2, rng, journal };
        (0..NODES).try_for_each(|n| world.introduce(n))?;
        Ok(world)
    }

    /// Tells a node where the others are: one that is alone could not ask, and would not be heard
    /// to send to its peers.
    fn introduce(&self, n: usize) -> Result<()> {
        for (other, mac) in self.macs.iter().enumerate().filter(|(other, _)| *other != n) {
            let addr = format!("192.0.2.{}", other + 1);
            ip(
                &self.nodes[n].host,
                &format!("neigh replace {addr} lladdr {mac} nud permanent dev eth0"),
            )?;
        }
        Ok(())
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
            (0..5, Some(daemon)) => {
                assert!(daemon.stop()?.success());
                (self.nodes[n].daemon, self.nodes[n].dirty) = (None, false);
                "stop"
            }
            (5..8, Some(daemon)) => {
                self.nodes[n].await_reloaded()?;
                daemon.crash();
                (self.nodes[n].daemon, self.nodes[n].dirty) = (None, true);
                "all processes killed"
            }
            (8..11, Some(daemon)) => {
                // A role that is dead or has not begun takes nothing away.
                let shaken = self.nodes[n].shaken;
                if shaken {
                    self.nodes[n].await_reloaded()?;
                }
                daemon.signal(Role::Core, Signal::SIGKILL)?;
                daemon.await_exit(PATIENCE)?;
                (self.nodes[n].daemon, self.nodes[n].dirty) = (None, shaken);
                "parent killed"
            }
            (11..17, Some(_)) => {
                self.nodes[n].signal(&[Role::Vrrp], Signal::SIGKILL);
                self.nodes[n].shaken = true;
                "vrrp role killed"
            }
            (17..20, Some(_)) if self.nodes[n].failures < 3 => {
                self.nodes[n].signal(&[Role::Vrrp], Signal::SIGABRT);
                self.nodes[n].failures += 1;
                self.nodes[n].shaken = true;
                "vrrp role failed"
            }
            (20..22, Some(_)) if self.nodes[n].setup.checked => {
                self.nodes[n].signal(&[Role::Checker], Signal::SIGKILL);
                "checker role killed"
            }
            (22..29, Some(_)) => {
                let setup = Setup::draw(&mut self.rng, n, self.v2);
                self.reload(n, setup)?;
                "reload"
            }
            (29..32, Some(_)) => {
                // One change alone.
                let mut setup = self.nodes[n].setup.clone();
                let at = self.rng.below(VRIDS.len());
                setup.extra[at] = !setup.extra[at];
                self.reload(n, setup)?;
                "reload of one address"
            }
            (32..35, Some(_)) => {
                for _ in 0..2 {
                    let setup = Setup::draw(&mut self.rng, n, self.v2);
                    self.reload(n, setup)?;
                    self.pause();
                }
                "two reloads"
            }
            (35..43, _) => {
                self.nodes[n].plug(Cable::Cut)?;
                "cable cut"
            }
            (43..51, _) => {
                self.nodes[n].plug(Cable::Isolated)?;
                "isolated"
            }
            (51..71, _) => {
                self.nodes[n].plug(Cable::Plugged)?;
                "plugged"
            }
            // A busy host: it may have been silent for longer than others wait.
            (71..75, Some(_)) => {
                self.stall(n, &[Role::Vrrp]);
                "vrrp role stalled"
            }
            (75..78, Some(_)) => {
                self.stall(n, &[Role::Core, Role::Vrrp]);
                "daemon stalled"
            }
            (78..82, _) => {
                let node = &self.nodes[n];
                node.host.set_up("eth0", false)?;
                node.host.set_up("eth0", true)?;
                // Those of IPv6 go with the link.
                node.host.add_addr("eth0", own_v6(n), 64)?;
                self.introduce(n)?;
                "eth0 down and up"
            }
            _ => return self.theft(n),
        };
        self.note(n, text);
        Ok(())
    }

    fn stall(&mut self, n: usize, roles: &[Role]) {
        self.nodes[n].signal(roles, Signal::SIGSTOP);
        self.pause();
        self.nodes[n].signal(roles, Signal::SIGCONT);
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
            let wanted = |vrid| if self.v2 && vrid == SLOW { 2 } else { QUIET };
            let patience = Duration::from_secs(if self.v2 { 6 } else { 3 });
            let enough = wire.await_advert(patience, |advert| {
                *heard.entry(advert.vrid).or_default() += usize::from(advert.priority > 0);
                heard.iter().all(|(vrid, count)| *count >= wanted(*vrid))
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
                let right = match vrid {
                    UNHURRIED => are.len() == 1,
                    _ => are == Vec::from_iter(best),
                };
                if !right {
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
            self.nodes.iter_mut().try_for_each(Node::insist)?;
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
