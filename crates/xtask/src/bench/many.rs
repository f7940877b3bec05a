//! Many instances at once: a master of all of them falls silent; how long after the last timer
//! ran out the backup has sent every first advert, set every address, announced every address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use lab::config::{self, Instance};
use lab::watch::Change;
use lab::{Capture, Daemon, Frame, Stamp, Watch};
use serde_json::{Value, json};

use super::lan::{Lan, Layout, Master};
use super::stats::Samples;
use super::{Candidate, Options, by_name};
use crate::run::Outcome;

const ADVERT: Duration = Duration::from_secs(1);
const LAYOUT: Layout = Layout { per_interface: 250, addrs: 1 };
const COUNTS: [usize; 4] = [1, 50, 255, 1000];
/// One measurement takes seconds, and they differ little.
const TRIALS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);

/// Time after the last deadline, in milliseconds.
#[derive(Default)]
struct After {
    advert: Samples,
    vip: Samples,
    announcement: Samples,
    /// Longest gap between two adverts of one new master, beyond the interval.
    stall: Samples,
}

/// Measures all candidates with all numbers of instances and prints the table.
pub fn run(candidates: &[Candidate], options: &Options) -> Outcome<Value> {
    let trials = options.n.min(TRIALS);
    println!(
        "\nsilence of the master of many instances: ms after the last timer ran out, n = {trials}"
    );
    println!(
        "  {:<10} {:>9}  {:<24} {:<24} {:<24} {:<24}",
        "",
        "instances",
        "last first advert",
        "last address",
        "last announced",
        "worst advert delay"
    );
    let counts = if options.instances.is_empty() { &COUNTS[..] } else { &options.instances };
    let mut rows = Vec::new();
    for candidate in candidates {
        let mut figures = serde_json::Map::new();
        for &count in counts {
            let after = measure(candidate, count, trials)?;
            println!(
                "  {:<10} {count:>9}  {:<24} {:<24} {:<24} {:<24}",
                candidate.name,
                after.advert.show(),
                after.vip.show(),
                after.announcement.show(),
                after.stall.show(),
            );
            let value = json!({
                "advert": after.advert.json(),
                "address": after.vip.json(),
                "announcement": after.announcement.json(),
                "delay": after.stall.json(),
            });
            figures.insert(count.to_string(), value);
        }
        rows.push((candidate.name, Value::Object(figures)));
    }
    Ok(by_name(rows))
}

/// The backup under test with what watches it, and the made master.
struct Stage {
    lan: Lan,
    captures: Vec<Capture>,
    watch: Watch,
    master: Master,
}

impl Stage {
    fn new(count: usize) -> Outcome<Self> {
        let lan = Lan::new(LAYOUT.interfaces(count))?;
        let captures = (0..LAYOUT.interfaces(count)).map(|interface| {
            Capture::keeping(&lan.host, &format!("eth{interface}"), |frame| {
                frame.advert().is_some() || (frame.outgoing && is_announcement(frame))
            })
        });
        let captures = captures.collect::<Result<_, _>>()?;
        let watch = Watch::new(&lan.host)?;
        let master = Master::start(&lan, LAYOUT, count, ADVERT)?;
        Ok(Self { lan, captures, watch, master })
    }

    fn clear(&mut self) -> Outcome {
        for capture in &mut self.captures {
            capture.clear()?;
        }
        self.watch.clear()?;
        Ok(())
    }

    fn frames(&mut self) -> Outcome<Vec<(usize, Frame)>> {
        let mut all = Vec::new();
        for (interface, capture) in self.captures.iter_mut().enumerate() {
            all.extend(capture.frames()?.iter().map(|frame| (interface, frame.clone())));
        }
        all.sort_by_key(|(_, frame)| frame.at);
        Ok(all)
    }

    /// Waits until all the addresses are there, or none of them.
    fn await_addresses(&mut self, addrs: &BTreeSet<IpAddr>, present: bool) -> Outcome {
        let until = Instant::now() + PATIENCE;
        loop {
            let there = self.watch.count(addrs)?;
            if there == if present { addrs.len() } else { 0 } {
                return Ok(());
            }
            if self.watch.next_change(until.saturating_duration_since(Instant::now()))?.is_none() {
                return Err(format!("{there} of {} addresses are there", addrs.len()).into());
            }
        }
    }
}

fn is_announcement(frame: &Frame) -> bool {
    matches!(frame.packet(), lab::Packet::Arp(arp) if arp.sender == arp.target)
}

fn measure(candidate: &Candidate, count: usize, trials: usize) -> Outcome<After> {
    let mut stage = Stage::new(count)?;
    let instances: Vec<Instance> =
        (0..count).map(|number| LAYOUT.instance(number, ADVERT)).collect();
    let addrs: BTreeSet<IpAddr> = (0..count).flat_map(|number| LAYOUT.vips(number)).collect();
    let mut daemon = Daemon::start(&stage.lan.host, &candidate.subject, &config::file(&instances))?;
    daemon.await_log("Entering BACKUP STATE")?;
    let mut after = After::default();
    for _ in 0..trials {
        // Two rounds of adverts, so that every instance is a backup with a fresh timer.
        stage.await_addresses(&addrs, false)?;
        thread::sleep(ADVERT * 2);
        stage.clear()?;
        thread::sleep(ADVERT + ADVERT / 2);
        stage.master.silence();
        stage.await_addresses(&addrs, true)?;
        // Long enough to see the next adverts of each, and the last announcement.
        thread::sleep(ADVERT * 2 + ADVERT / 2);
        evaluate(&mut stage, &instances, &mut after)?;
        stage.master.speak();
    }
    drop(daemon);
    Ok(after)
}

fn evaluate(stage: &mut Stage, instances: &[Instance], after: &mut After) -> Outcome {
    let frames = stage.frames()?;
    let mut heard: BTreeMap<(usize, u8), Stamp> = BTreeMap::new();
    let mut sent: BTreeMap<(usize, u8), Vec<Stamp>> = BTreeMap::new();
    let mut announced: BTreeMap<IpAddr, Stamp> = BTreeMap::new();
    for (interface, frame) in &frames {
        if let Some(advert) = frame.advert() {
            let key = (*interface, advert.vrid);
            if frame.outgoing {
                sent.entry(key).or_default().push(frame.at);
            } else {
                heard.insert(key, frame.at);
            }
        } else if let lab::Packet::Arp(arp) = frame.packet() {
            announced.entry(arp.sender.into()).or_insert(frame.at);
        }
    }
    let down = instances.first().map(Instance::master_down).unwrap_or_default();
    let due = heard.values().max().copied().ok_or("no advert of the master was seen")? + down;
    if sent.len() != instances.len() || announced.len() != instances.len() {
        let (adverts, announced) = (sent.len(), announced.len());
        return Err(format!(
            "{adverts} instances sent adverts, {announced} addresses were announced"
        )
        .into());
    }
    let ms = |at: Stamp| at.seconds_since(due) * 1e3;
    let last_first = sent.values().filter_map(|all| all.first()).max().copied().unwrap_or_default();
    after.advert.add(ms(last_first));
    after.announcement.add(ms(announced.values().max().copied().unwrap_or_default()));
    let set = stage.watch.changes()?.iter().filter(|(_, c)| matches!(c, Change::AddrAdded(..)));
    after.vip.add(ms(set.map(|(at, _)| *at).max().unwrap_or_default()));
    let gaps = sent.values().flat_map(|all| all.windows(2).map(|pair| pair[1].since(pair[0])));
    let worst = gaps.max().unwrap_or_default();
    after.stall.add((worst.as_secs_f64() - ADVERT.as_secs_f64()) * 1e3);
    Ok(())
}
