//! Chaos by seed: kills, stops, stalls, cuts, thefts, reloads; then quiet, in
//! which everything must be in its place.
//!
//! Owns what must hold: one MASTER per virtual router in each connected part,
//! the best one where it may preempt, its addresses there and nowhere else.

use crate::config;
use crate::rng::Rng;
use crate::world::{World, own};
use core::net::IpAddr;
use core::time::Duration;
use model::Secret;
use model::net::Address;
use model::track::{TrackFile, TrackKind, TrackObject};
use model::vrrp::{
    Auth, AuthHmac, HmacMode, Peer, SyncGroup, TrackRef, Unicast, Version, VrrpInstance,
};
use types::{Family, Prefix, Priority, TrackId, Vrid, Weight};
use vrrp_proto::{Setup, State, TrackValue};

/// Hosts of every world.
const HOSTS: usize = 3;
/// The tracked file that adds its value to the priority.
const WEIGHT: usize = 0;
/// The tracked file that is a fault unless it is 0.
const FAULT: usize = 1;

fn file(n: usize) -> TrackObject {
    let kind = TrackKind::File(TrackFile { path: "/f".to_owned(), init: None });
    TrackObject { name: format!("f{n}"), weight: Weight(0), reverse: false, kind }
}

fn refs() -> Vec<TrackRef> {
    let r = |n: usize, weight| TrackRef {
        id: TrackId(n as u32),
        weight: Weight(weight),
        reverse: false,
    };
    vec![r(WEIGHT, 1), r(FAULT, 0)]
}

/// Runs one seed: `rounds` of faults, each followed by quiet.
pub fn run(seed: u64, rounds: u32) -> Result<(), String> {
    let mut rng = Rng::new(seed ^ 0x5eed);
    let plan = Plan::draw(&mut rng);
    let hosts = (0..HOSTS).map(|h| (plan.setup(h, &mut rng), plan.address(h))).collect();
    let mut w = World::new(seed, hosts);
    w.lag = plan.lag;
    for h in 0..HOSTS {
        w.start(h)?;
    }
    for round in 0..rounds {
        let faults = rng.between(1, 12);
        for _ in 0..faults {
            fault(&mut w, &plan, &mut rng)?;
            w.run(plan.pause(&mut rng))?;
        }
        calm(&mut w, &plan, rng.chance(70))?;
        check(&w, &plan).map_err(|e| format!("round {round}, {plan:?}: {e}"))?;
    }
    Ok(())
}

/// What the instances of a world have in common.
#[derive(Debug, Clone)]
struct Plan {
    family: Family,
    version: Version,
    unicast: bool,
    interval: Duration,
    auth: u64,
    instances: usize,
    grouped: bool,
    nopreempt: bool,
    /// A file adds to the priority, another is a fault; by group where there is one.
    tracked: bool,
    /// The longest that a kernel takes to tell what it did.
    lag: Duration,
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        let family = rng.pick(&[Family::V4, Family::V4, Family::V6]);
        let version =
            if family == Family::V6 { Version::V3 } else { rng.pick(&[Version::V2, Version::V3]) };
        let interval = match version {
            Version::V2 => Duration::from_secs(1),
            Version::V3 => Duration::from_millis(rng.pick(&[50, 100, 500, 1_000])),
        };
        let instances = rng.between(1, 4) as usize;
        Plan {
            family,
            version,
            unicast: rng.chance(30),
            interval,
            auth: rng.below(4),
            instances,
            grouped: instances > 1 && rng.chance(40),
            nopreempt: rng.chance(20),
            tracked: rng.chance(50),
            lag: Duration::from_micros(rng.pick(&[300, 300, 20_000, 900_000])),
        }
    }

    fn address(&self, h: usize) -> IpAddr {
        match self.family {
            Family::V4 => IpAddr::from([10, 0, 0, h as u8 + 1]),
            Family::V6 => IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, h as u16 + 1]),
        }
    }

    fn vip(&self, instance: usize, n: usize) -> Prefix {
        match self.family {
            Family::V4 => own(IpAddr::from([10, 0, instance as u8 + 1, n as u8 + 1])),
            Family::V6 => {
                own(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, instance as u16, 1 + n as u16]))
            }
        }
    }

    fn setup(&self, h: usize, rng: &mut Rng) -> Setup {
        let mut s = Setup::default();
        let together = Priority(rng.between(1, 254) as u8);
        for n in 0..self.instances {
            let mut i = self.instance(n, h);
            i.priority = if self.grouped { together } else { Priority(rng.between(1, 254) as u8) };
            s.vrrp.instances.push(i);
        }
        if self.tracked {
            s.tracks = [WEIGHT, FAULT].map(file).into();
        }
        if self.grouped {
            s.vrrp.sync_groups.push(self.group(&s));
        } else if self.tracked {
            s.vrrp.instances.iter_mut().for_each(|i| i.tracks = refs());
        }
        s
    }

    fn group(&self, s: &Setup) -> SyncGroup {
        SyncGroup {
            name: "G".to_owned(),
            members: s.vrrp.instances.iter().map(|i| i.name.clone()).collect(),
            tracks: if self.tracked { refs() } else { Vec::new() },
            ..SyncGroup::default()
        }
    }

    /// The configured authentication, or another one.
    fn authenticate(&self, i: &mut VrrpInstance, other: bool) {
        let (pass, key) = match other {
            false => ("secret", "0123456789abcdef0123456789abcdef"),
            true => ("terces", "fedcba9876543210fedcba9876543210"),
        };
        let legacy = self.version == Version::V2 && self.family == Family::V4;
        (i.auth, i.auth_hmac) = (None, None);
        match self.auth {
            1 if legacy => i.auth = Some(Auth::Pass(Secret::new(pass))),
            2 if legacy => i.auth = Some(Auth::Ah(Secret::new(pass))),
            3 => {
                i.auth_hmac = Some(AuthHmac {
                    keys: vec![(1, Secret::new(key))],
                    active_key: 1,
                    time_window: 5,
                    monotonic: false,
                    mode: HmacMode::Enforce,
                });
            }
            _ => {}
        }
    }

    fn instance(&self, n: usize, h: usize) -> VrrpInstance {
        let mut i = config::plain(&format!("V{n}"), 1, 100);
        i.vrid = Vrid::new(n as u8 + 51).unwrap_or(i.vrid);
        i.family = self.family;
        i.version = self.version;
        i.advert_int = self.interval;
        i.nopreempt = self.nopreempt;
        if self.family == Family::V6 {
            i.mcast_group = IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 0x12]);
        }
        if self.unicast {
            let peers = (0..HOSTS).filter(|p| *p != h).map(|p| Peer {
                addr: self.address(p),
                min_ttl: 0,
                max_ttl: 255,
            });
            i.unicast =
                Some(Unicast { peers: peers.collect(), check_source: true, ..Unicast::default() });
        }
        self.authenticate(&mut i, false);
        i.vips = (0..3).map(|v| Address::plain(self.vip(n, v))).collect();
        i
    }

    /// Time between two faults: from less than an interval to a few take-overs.
    fn pause(&self, rng: &mut Rng) -> Duration {
        self.interval * rng.between(0, 80) as u32 / 10
    }

    /// Time after which all is settled: a take-over, a preemption, and what is
    /// left of a stall.
    fn settled(&self) -> Duration {
        // A host that lost its memory after its clock was ahead is not heard within the window.
        let window = if self.auth == 3 { Duration::from_secs(7) } else { Duration::ZERO };
        self.interval * 12 + Duration::from_secs(4) + self.lag * 4 + window
    }
}

/// One thing goes wrong, or is mended.
fn fault(w: &mut World, plan: &Plan, rng: &mut Rng) -> Result<(), String> {
    let h = rng.below(HOSTS as u64) as usize;
    match rng.below(16) {
        0 => w.kill(h),
        1 => w.stop(h)?,
        2 | 3 => w.start(h)?,
        4 => {
            let time = plan.interval * rng.between(1, 100) as u32 / 10;
            w.hosts[h].asleep = Some(w.now + time);
        }
        5 => w.hosts[h].part = rng.below(2) as u8,
        6 => w.set_link(h, false),
        7 => w.set_link(h, true),
        8 => w.loss = rng.pick(&[0, 5, 20, 60]),
        9 => {
            let vip = plan.vip(rng.below(plan.instances as u64) as usize, rng.below(3) as usize);
            w.steal(h, vip);
        }
        10 => {
            change_priority(w, plan, h, rng);
            w.reload(h)?;
        }
        11 if plan.tracked => {
            let value = rng.pick(&[0, 7, 60, 300, -7, -60, -253, -254, -300]);
            w.track(h, WEIGHT, value)?;
        }
        12 if plan.tracked => w.track(h, FAULT, rng.pick(&[0, 0, 1]))?,
        13 => {
            let other = rng.chance(60);
            let instances = &mut w.hosts[h].setup.vrrp.instances;
            instances.iter_mut().for_each(|i| plan.authenticate(i, other));
            w.reload(h)?;
        }
        14 if plan.grouped => {
            let groups = &mut w.hosts[h].setup.vrrp.sync_groups;
            let taken = groups.pop();
            if taken.is_none() {
                let group = plan.group(&w.hosts[h].setup);
                w.hosts[h].setup.vrrp.sync_groups.push(group);
            }
            w.reload(h)?;
        }
        15 => {
            let ahead = rng.pick(&[0, 2, 4, 6, 60, 10_800]);
            w.step_clock(h, if rng.chance(50) { ahead } else { -ahead })?;
        }
        _ => {
            let instances = &mut w.hosts[h].setup.vrrp.instances;
            for i in instances.iter_mut() {
                i.vips.rotate_left(1);
            }
            w.reload(h)?;
        }
    }
    Ok(())
}

fn change_priority(w: &mut World, plan: &Plan, h: usize, rng: &mut Rng) {
    let to = Priority(rng.between(1, 254) as u8);
    let n = rng.below(plan.instances as u64) as usize;
    for (k, i) in w.hosts[h].setup.vrrp.instances.iter_mut().enumerate() {
        if plan.grouped || k == n {
            i.priority = to;
        }
    }
}

/// Everybody runs and is awake, nothing is lost; with `heal` in one network,
/// with all links up.
fn calm(w: &mut World, plan: &Plan, heal: bool) -> Result<(), String> {
    w.loss = 0;
    for h in 0..HOSTS {
        if heal {
            w.hosts[h].part = 0;
            w.set_link(h, true);
        }
        w.start(h)?;
    }
    let awake = w.hosts.iter().filter_map(|h| h.asleep).max().unwrap_or(w.now);
    w.run_until(awake)?;
    for h in 0..HOSTS {
        w.step_clock(h, 0)?;
        let setup = &mut w.hosts[h].setup;
        setup.vrrp.instances.iter_mut().for_each(|i| plan.authenticate(i, false));
        if plan.grouped {
            setup.vrrp.sync_groups = vec![plan.group(setup)];
        }
        w.reload(h)?;
    }
    w.run(plan.settled())
}

/// Whether a host cannot be MASTER.
fn faulty(w: &World, h: usize) -> bool {
    let host = &w.hosts[h];
    let fault = |n: usize, bad: fn(i64) -> bool| match host.tracks.get(n) {
        Some(TrackValue::Number(v)) => bad(*v),
        _ => false,
    };
    !host.link || fault(WEIGHT, |v| v <= -254) || fault(FAULT, |v| v != 0)
}

fn effective(base: Priority, tracks: &[TrackValue]) -> i64 {
    let points = match tracks.get(WEIGHT) {
        Some(TrackValue::Number(v)) => *v,
        _ => 0,
    };
    (i64::from(base.0) + points).clamp(1, 254)
}

/// What must hold in quiet.
fn check(w: &World, plan: &Plan) -> Result<(), String> {
    for n in 0..plan.instances {
        for h in 0..HOSTS {
            let connected: Vec<usize> =
                (0..HOSTS).filter(|o| *o == h || w.connected(h, *o)).collect();
            check_part(w, plan, n, h, &connected)?;
        }
    }
    Ok(())
}

fn check_part(w: &World, plan: &Plan, n: usize, h: usize, part: &[usize]) -> Result<(), String> {
    let state = w.state(h, n);
    let able: Vec<usize> = part.iter().copied().filter(|o| !faulty(w, *o)).collect();
    if faulty(w, h) {
        if state != Some(State::Fault) {
            return Err(format!("V{n}: host {h} is {state:?} in spite of a fault"));
        }
    } else {
        let masters: Vec<usize> = w.masters(n).into_iter().filter(|m| part.contains(m)).collect();
        let [master] = masters[..] else {
            return Err(format!("V{n}: masters {masters:?} among {part:?}"));
        };
        let rank = |o: &usize| {
            let i = &w.hosts[*o].setup.vrrp.instances[n];
            (effective(i.priority, &w.hosts[*o].tracks), w.hosts[*o].addr)
        };
        let best = able.iter().copied().max_by_key(rank).unwrap_or(master);
        let ranks = (rank(&master).0, rank(&best).0);
        if !plan.nopreempt && ranks.0 < ranks.1 {
            return Err(format!("V{n}: host {master} is master, {best} is better: {ranks:?}"));
        }
    }
    let has = |p: Prefix| w.hosts[h].kernel.contains(&p);
    let there = (0..3).filter(|v| has(plan.vip(n, *v))).count();
    let want = if state == Some(State::Master) { 3 } else { 0 };
    if there != want {
        return Err(format!("V{n}: host {h} in {state:?} has {there} addresses"));
    }
    Ok(())
}
