//! Two masters of one virtual router: which peer, and what keeps the two from
//! agreeing.
//!
//! Owns what is remembered of peers whose adverts are refused, or that stay
//! MASTER although we are: a few of them per instance, whatever arrives. One
//! line per peer and cause, once it lasts. Never judges a packet: that is
//! `receive`; never changes what the machine does.

use crate::event::{InstanceEvent, State};
use crate::fsm::{self, Heard, Step};
use crate::instance::{Env, Instance};
use crate::node::{At, Node};
use crate::packet::Raw;
use crate::reject::Reject;
use core::net::IpAddr;
use core::time::Duration;
use model::vrrp::Version;
use types::{Family, Mono, Priority};

/// Peers and causes remembered of one instance. The one that was heard longest
/// ago makes room.
const RECORDS: usize = 8;
/// So many adverts with the same fate are no accident of an election.
const LASTS: u64 = 3;
/// Intervals of silence after which a peer's adverts are counted anew.
const SILENCE: u32 = 5;
/// Time to the next line about the same peer and cause.
const AGAIN: Duration = Duration::from_secs(600);
/// Time to the next line about whatever it is.
const NEXT: Duration = Duration::from_secs(5);
/// Addresses named in a line.
const NAMED: usize = 4;

/// What is wrong with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Its adverts fail a check.
    Refused(Reject),
    /// Our adverts should make it yield, and it does not.
    Stays {
        /// Its priority.
        theirs: Priority,
        /// Ours.
        ours: Priority,
    },
    /// It sends from our own address.
    SameAddress,
    /// It advertises one of our addresses for another virtual router.
    OtherRouter {
        /// Its VRID.
        theirs: u8,
        /// Ours.
        ours: u8,
        /// The address.
        addr: IpAddr,
    },
}

impl Trouble {
    /// A small number per kind; one line is said of each.
    const fn kind(self) -> u32 {
        match self {
            Trouble::Refused(reject) => reject.kind(),
            Trouble::Stays { .. } => 32,
            Trouble::SameAddress => 33,
            Trouble::OtherRouter { .. } => 34,
        }
    }
}

/// What else differs between a rival's advert and ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differs {
    /// Our interval and its.
    pub interval: Option<(Duration, Duration)>,
    /// Addresses of ours that it does not advertise.
    pub missing: Vec<IpAddr>,
    /// Addresses that it advertises and we do not.
    pub extra: Vec<IpAddr>,
    /// How many of either are not named here.
    pub unnamed: usize,
}

/// What is remembered of one peer and cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The peer.
    pub from: IpAddr,
    /// The trouble, as last seen.
    pub what: Trouble,
    /// Adverts in all.
    pub count: u64,
    /// When the last one was heard.
    pub last: Mono,
    /// Adverts since the last silence.
    row: u64,
    said: Option<Mono>,
}

/// The records of one instance.
#[derive(Debug, Clone, Default)]
pub struct Diagnosis {
    records: Vec<Record>,
    said: Option<Mono>,
}

impl Diagnosis {
    /// What is remembered.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Remembers one advert. Tells how many there were when a line is due.
    fn note(&mut self, now: Mono, from: IpAddr, what: Trouble, silence: Duration) -> Option<u64> {
        let known = self
            .records
            .iter_mut()
            .position(|r| r.from == from && r.what.kind() == what.kind())
            .unwrap_or_else(|| self.insert(from, what, now));
        let r = self.records.get_mut(known)?;
        if now.saturating_since(r.last) > silence {
            r.row = 0;
        }
        (r.what, r.last) = (what, now);
        r.row = r.row.saturating_add(1);
        r.count = r.count.saturating_add(1);
        let lately =
            |said: Option<Mono>, time| said.is_some_and(|s| now.saturating_since(s) < time);
        if r.row < LASTS || lately(r.said, AGAIN) || lately(self.said, NEXT) {
            return None;
        }
        Some(r.count)
    }

    /// A line was said about a peer.
    fn say(&mut self, now: Mono, from: IpAddr, what: Trouble) {
        self.said = Some(now);
        let same = |r: &&mut Record| r.from == from && r.what.kind() == what.kind();
        if let Some(r) = self.records.iter_mut().find(same) {
            r.said = Some(now);
        }
    }

    fn insert(&mut self, from: IpAddr, what: Trouble, now: Mono) -> usize {
        let new = Record { from, what, count: 0, last: now, row: 0, said: None };
        if self.records.len() < RECORDS {
            self.records.push(new);
            return self.records.len() - 1;
        }
        let oldest = self.records.iter().enumerate().min_by_key(|(_, r)| r.last);
        let at = oldest.map_or(0, |(at, _)| at);
        if let Some(place) = self.records.get_mut(at) {
            *place = new;
        }
        at
    }
}

impl Instance {
    /// Remembers trouble with a peer; a master tells of it once it lasts.
    fn trouble(
        &mut self,
        env: &mut Env<'_>,
        from: IpAddr,
        what: Trouble,
        differs: impl FnOnce(&Self) -> Differs,
    ) {
        let silence = self.config.advert_int.max(self.master_adv) * SILENCE;
        let due = self.diagnosis.note(env.now, from, what, silence.max(Duration::from_secs(1)));
        let Some(count) = due.filter(|_| self.state == State::Master) else { return };
        self.diagnosis.say(env.now, from, what);
        let differs = Box::new(differs(self));
        self.report(env.out, InstanceEvent::SplitBrain { from, what, differs, count });
    }

    /// A packet of a peer was rejected.
    pub fn diagnose_reject(&mut self, env: &mut Env<'_>, from: IpAddr, reject: Reject) {
        // Noise says nothing of a peer.
        if !matches!(reject, Reject::Truncated { .. }) {
            self.trouble(env, from, Trouble::Refused(reject), |_| Differs::default());
        }
    }

    /// A master accepted the advert of another one: when it has to yield to
    /// ours, it should be the last of them.
    pub fn diagnose_rival(&mut self, env: &mut Env<'_>, raw: &Raw<'_>, heard: &Heard) {
        if self.state != State::Master {
            return;
        }
        let what = match fsm::decide(&self.view(), env.now, fsm::Input::Advert(*heard)) {
            Step::Reassert { .. } => {
                Trouble::Stays { theirs: heard.priority, ours: self.advertised() }
            }
            Step::SameAddress => Trouble::SameAddress,
            _ => return,
        };
        self.trouble(env, raw.src, what, |i| i.differences(raw));
    }

    /// What differs between an advert and what we would send.
    fn differences(&self, raw: &Raw<'_>) -> Differs {
        let (ours, theirs) = (self.config.advert_int, raw.interval());
        let size = self.family().bytes();
        let absent = |of: &[u8], from: &[u8]| -> Vec<IpAddr> {
            let lacks = |a: &&[u8]| !from.chunks_exact(size).any(|b| b == *a);
            of.chunks_exact(size).filter(lacks).filter_map(address).collect()
        };
        let (mut missing, mut extra) =
            (absent(&self.packed, raw.vips()), absent(raw.vips(), &self.packed));
        let unnamed = missing.len().saturating_sub(NAMED) + extra.len().saturating_sub(NAMED);
        missing.truncate(NAMED);
        extra.truncate(NAMED);
        let interval =
            (self.config.version == Version::V3 && ours != theirs).then_some((ours, theirs));
        Differs { interval, missing, extra, unnamed }
    }
}

impl Node {
    /// An advert of a virtual router that we are no part of: when it holds an
    /// address of ours, somebody mistyped a VRID.
    pub(crate) fn diagnose_stranger(&mut self, raw: &Raw<'_>, at: &mut At<'_>) {
        if self.links.has_address(raw.src) {
            // Our own, which another interface on the same network heard.
            return;
        }
        let size = Family::of(raw.src).bytes();
        let ours = raw.vips().chunks_exact(size).filter_map(address);
        let found = ours.filter_map(|a| Some((a, self.index.vips.of(a).next()?))).next();
        let Some((addr, id)) = found else { return };
        self.on(id, at, |i, env| {
            let what = Trouble::OtherRouter { theirs: raw.vrid(), ours: i.config.vrid.get(), addr };
            i.trouble(env, raw.src, what, |_| Differs::default());
        });
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => bytes.first_chunk::<4>().map(|b| IpAddr::from(*b)),
        _ => bytes.first_chunk::<16>().map(|b| IpAddr::from(*b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: Duration = Duration::from_secs(1);

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn wrong() -> Trouble {
        Trouble::Refused(Reject::Password)
    }

    /// Notes an advert; a due line is said.
    fn hear(d: &mut Diagnosis, at: Duration, from: IpAddr) -> Option<u64> {
        let now = Mono::ZERO + at;
        let due = d.note(now, from, wrong(), 5 * SEC);
        if due.is_some() {
            d.say(now, from, wrong());
        }
        due
    }

    #[test]
    fn the_third_advert_in_a_row_is_told_and_then_none_for_ten_minutes() {
        let mut d = Diagnosis::default();
        let told: Vec<u32> =
            (0..1300).filter(|s| hear(&mut d, SEC * *s, peer(1)).is_some()).collect();
        assert_eq!(told, [2, 602, 1202]);
        assert_eq!(d.records()[0].count, 1300);
    }

    #[test]
    fn adverts_far_apart_are_accidents() {
        let mut d = Diagnosis::default();
        assert!((0..100).all(|s| hear(&mut d, SEC * s * 6, peer(1)).is_none()));
    }

    #[test]
    fn forged_sources_take_no_memory_and_few_lines() {
        let mut d = Diagnosis::default();
        let mut told = 0;
        for n in 0..10_000u32 {
            let at = Duration::from_millis(u64::from(n));
            let from = IpAddr::from((n / 3).to_be_bytes());
            told += u32::from(hear(&mut d, at, from).is_some());
        }
        assert_eq!(d.records().len(), RECORDS);
        assert_eq!(told, 2, "in 10 seconds");
    }
}
