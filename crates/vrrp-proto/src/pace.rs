//! The rate limit of gratuitous ARPs and neighbour advertisements
//! (`garp_interval`, `gna_interval`, `garp_group`).
//!
//! Owns the queues. Without a limit requests pass through unchanged.

use crate::action::{Action, Garp, Out};
use crate::timers::Timers;
use core::time::Duration;
use model::Global;
use model::net::GarpGroup;
use std::collections::{HashMap, VecDeque};
use types::{Family, InstanceId, Mono};

/// The queues of all interfaces and groups.
#[derive(Debug, Default)]
pub struct Pacer {
    default: Limits,
    groups: Vec<Limits>,
    members: HashMap<String, usize>,
    lanes: Vec<Lane>,
    keys: HashMap<(Place, Family), u32>,
    timers: Timers,
}

#[derive(Debug, Clone, Copy, Default)]
struct Limits {
    garp: Duration,
    gna: Duration,
}

/// What shares a limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    Interface(std::sync::Arc<str>),
    Group(usize),
}

#[derive(Debug)]
struct Lane {
    interval: Duration,
    free_at: Mono,
    queue: VecDeque<Garp>,
}

impl Pacer {
    /// Takes the limits of a configuration; what is queued stays queued.
    pub fn configure(&mut self, global: &Global, groups: &[GarpGroup]) {
        self.default = Limits { garp: global.garp_interval, gna: global.gna_interval };
        self.groups = groups
            .iter()
            .map(|g| Limits {
                garp: g.garp_interval.unwrap_or(global.garp_interval),
                gna: g.gna_interval.unwrap_or(global.gna_interval),
            })
            .collect();
        self.members = groups
            .iter()
            .enumerate()
            .flat_map(|(i, g)| g.interfaces.iter().map(move |name| (name.clone(), i)))
            .collect();
    }

    /// Sends `garp`, or queues what the limit does not let through.
    pub fn request(&mut self, now: Mono, garp: Garp, out: &mut Out) {
        let group = self.members.get(&*garp.ifname).copied();
        let limits = group.and_then(|g| self.groups.get(g)).copied().unwrap_or(self.default);
        let family = Family::of(garp.addr);
        let interval = match family {
            Family::V4 => limits.garp,
            Family::V6 => limits.gna,
        };
        if interval.is_zero() {
            out.actions.push(Action::Garp(garp));
            return;
        }
        let place = match group {
            Some(g) => Place::Group(g),
            None => Place::Interface(garp.ifname.clone()),
        };
        let lanes = &mut self.lanes;
        let key = *self.keys.entry((place, family)).or_insert_with(|| {
            lanes.push(Lane { interval, free_at: Mono::ZERO, queue: VecDeque::new() });
            lanes.len() as u32 - 1
        });
        let Some(lane) = self.lanes.get_mut(key as usize) else { return };
        lane.interval = interval;
        lane.push(garp);
        lane.pump(now, out);
        self.timers.set(key, lane.deadline());
    }

    /// When a queue may send again.
    pub fn deadline(&self) -> Option<Mono> {
        self.timers.first().map(|t| t.0)
    }

    /// Sends what may be sent.
    pub fn tick(&mut self, now: Mono, out: &mut Out) {
        while let Some(key) = self.timers.pop_due(now) {
            if let Some(lane) = self.lanes.get_mut(key as usize) {
                lane.pump(now, out);
                self.timers.set(key, lane.deadline());
            }
        }
    }

    /// Forgets what is queued for an instance.
    pub fn cancel(&mut self, instance: InstanceId) {
        for (key, lane) in self.lanes.iter_mut().enumerate() {
            lane.queue.retain(|g| g.instance != instance);
            self.timers.set(key as u32, lane.deadline());
        }
    }
}

impl Lane {
    /// At most one entry per address: the larger number of packets counts.
    fn push(&mut self, garp: Garp) {
        let same = |g: &&mut Garp| {
            g.instance == garp.instance && g.addr == garp.addr && g.ifindex == garp.ifindex
        };
        match self.queue.iter_mut().find(same) {
            Some(waiting) => waiting.count = waiting.count.max(garp.count),
            None => self.queue.push_back(garp),
        }
    }

    fn pump(&mut self, now: Mono, out: &mut Out) {
        while self.free_at <= now
            && let Some(mut garp) = self.queue.pop_front()
        {
            out.actions.push(Action::Garp(Garp { count: 1, ..garp.clone() }));
            self.free_at = now + self.interval;
            garp.count -= 1;
            if garp.count > 0 {
                self.queue.push_back(garp);
            }
        }
    }

    fn deadline(&self) -> Option<Mono> {
        (!self.queue.is_empty()).then_some(self.free_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::IpAddr;
    use types::IfIndex;

    fn garp(last: u8, count: u32) -> Garp {
        Garp {
            instance: InstanceId(0),
            name: "VI".into(),
            addr: IpAddr::from([10, 0, 0, last]),
            ifindex: IfIndex(2),
            ifname: "eth0".into(),
            hw_type: crate::garp::ETHERNET,
            mac: [0; 6].into(),
            broadcast: [0xff; 6].into(),
            router: false,
            count,
        }
    }

    fn sent(out: &Out) -> Vec<(IpAddr, u32)> {
        out.actions
            .iter()
            .filter_map(|a| match a {
                Action::Garp(g) => Some((g.addr, g.count)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn without_a_limit_requests_pass_through() {
        let mut p = Pacer::default();
        let mut out = Out::default();
        p.request(Mono::ZERO, garp(1, 5), &mut out);
        assert_eq!(sent(&out), [(IpAddr::from([10, 0, 0, 1]), 5)]);
        assert_eq!(p.deadline(), None);
    }

    #[test]
    fn a_limit_sends_one_at_once_and_the_rest_round_robin() {
        let mut p = Pacer::default();
        let global = Global { garp_interval: Duration::from_millis(10), ..Global::default() };
        p.configure(&global, &[]);
        let mut out = Out::default();
        p.request(Mono::ZERO, garp(1, 2), &mut out);
        p.request(Mono::ZERO, garp(2, 2), &mut out);
        p.request(Mono::ZERO, garp(2, 2), &mut out);
        for _ in 0..10 {
            let Some(at) = p.deadline() else { break };
            p.tick(at, &mut out);
        }
        let order: Vec<IpAddr> = sent(&out).iter().map(|s| s.0).collect();
        let ip = |last| IpAddr::from([10, 0, 0, last]);
        assert_eq!(order, [ip(1), ip(1), ip(2), ip(2)]);
        assert_eq!(p.deadline(), None);
    }

    #[test]
    fn leaving_master_empties_the_queue() {
        let mut p = Pacer::default();
        let global = Global { garp_interval: Duration::from_secs(1), ..Global::default() };
        p.configure(&global, &[]);
        let mut out = Out::default();
        p.request(Mono::ZERO, garp(1, 5), &mut out);
        assert!(p.deadline().is_some());
        p.cancel(InstanceId(0));
        assert_eq!(p.deadline(), None);
    }
}
