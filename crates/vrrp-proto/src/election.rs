//! Elections: what a timer or an advert leads to.
//!
//! Owns the performance of `fsm`'s steps, the contest of two address owners,
//! and the guard against having slept (RFC 9568 section 6.4).

use crate::event::{InstanceEvent, Reason, State};
use crate::fsm::{self, Delay, Heard, Step};
use crate::instance::{Env, Instance, Master, Rogue};
use crate::node::{At, COALESCE, Node};
use crate::timing;
use core::time::Duration;
use model::vrrp::Version;
use types::{InstanceId, Mono, Priority};

impl Node {
    /// Serves the timers of one instance.
    pub(crate) fn instance_tick(&mut self, id: InstanceId, at: &mut At<'_>) {
        let Some(i) = self.get(id) else { return };
        let now = at.now;
        match (i.state, i.timer) {
            (State::Master, Some(t)) if t <= now + COALESCE => self.step(id, None, at),
            (State::Backup, Some(t)) if t <= now => {
                // Served late, adverts may lie unread: listen once more, for as long.
                let late = now.saturating_since(t);
                if late > COALESCE && !i.stretched && !i.priority.is_owner() {
                    self.on(id, at, |i, env| {
                        i.stretched = true;
                        i.timer = Some(env.now + late.min(i.skew()));
                    });
                } else {
                    self.step(id, None, at);
                }
            }
            _ => {}
        }
        self.on(id, at, |i, env| {
            i.garp_tick(env);
            rogue_tick(i, env);
        });
    }

    /// Whoever slept leaves before any advert is sent: the others of its group
    /// must not speak for it.
    pub(crate) fn stall_check(&mut self, id: InstanceId, at: &mut At<'_>) {
        let Some(i) = self.get(id).filter(|i| i.state == State::Master) else { return };
        let due = i.timer.filter(|t| *t <= at.now);
        if let Some(late) = due.and_then(|t| stalled(i, t, Duration::ZERO, at.now)) {
            self.stall(id, late, at);
        }
    }

    /// The host was suspended, which the clock of the timers does not show: who
    /// slept for so long that a peer may have taken over listens first.
    pub(crate) fn slept(&mut self, time: Duration, at: &mut At<'_>) {
        for id in self.order.clone() {
            let Some(i) = self.get(id) else { continue };
            match (i.state, i.timer) {
                (State::Master, Some(t)) => {
                    if let Some(late) = stalled(i, t.min(at.now), time, at.now) {
                        self.stall(id, late, at);
                    }
                }
                (State::Backup, Some(t)) if !i.priority.is_owner() => {
                    self.on(id, at, |i, env| {
                        i.stretched = true;
                        i.timer = Some(t.max(env.now + i.skew()));
                    });
                }
                _ => {}
            }
        }
    }

    /// We slept so long that a peer must have taken over.
    fn stall(&mut self, id: InstanceId, late: Duration, at: &mut At<'_>) {
        self.on(id, at, |i, env| {
            i.report(env.out, InstanceEvent::Stalled { late });
            let wait = i.master_down();
            i.enter_backup(env, Reason::Stalled(late), wait, 0);
        });
        self.sync_backup(id, at);
    }

    /// Lets the table decide on a timer or an advert, and does it.
    pub(crate) fn step(&mut self, id: InstanceId, heard: Option<Heard>, at: &mut At<'_>) {
        let Some(i) = self.get(id) else { return };
        let input = heard.map_or(fsm::Input::Timer, fsm::Input::Advert);
        match (fsm::decide(&i.view(), at.now, input), heard) {
            (Step::Ignore, _) => {}
            (Step::Claim, _) => self.claim(id, at),
            (Step::Advertise, _) => {
                self.on(id, at, |i, env| {
                    let due = i.timer.unwrap_or(env.now);
                    i.advertise(env, i.advertised());
                    let interval = i.config.advert_int;
                    i.timer = Some(timing::next_deadline(due, interval, env.now));
                    rogue_advert(i, env.now);
                });
            }
            (Step::Yield { by_address, conflict }, Some(h)) => {
                self.yield_to(id, h, by_address, conflict, at);
            }
            (Step::Reassert { conflict }, Some(h)) => self.reassert(id, h, conflict, at),
            (step, Some(h)) => {
                self.on(id, at, |i, env| on_advert(i, env, step, &h));
                if matches!(step, Step::Follow(_)) {
                    self.follow_member(id, at);
                }
            }
            (_, None) => debug_assert!(false, "a timer cannot be contested"),
        }
    }

    /// A master heard a lower one (RFC 9568 section 6.4.3).
    fn reassert(&mut self, id: InstanceId, h: Heard, conflict: bool, at: &mut At<'_>) {
        let group = self.on(id, at, |i, env| {
            let known = i.rogue.is_some();
            if conflict {
                meet_rogue(i, env, &h);
            } else if i.yielded {
                i.yielded = false;
                i.report(env.out, InstanceEvent::OwnerConflictOver);
            }
            let forcing = !i.config.lower_prio_no_advert;
            let (theirs, ours) = (h.priority, i.advertised());
            let what = InstanceEvent::LowerPriority { from: h.from, theirs, ours, forcing };
            i.report(env.out, what);
            if forcing {
                i.advertise(env, i.advertised());
                i.timer = Some(env.now + i.config.advert_int);
                // Answers to a quick rival may be all that we send.
                if known {
                    rogue_advert(i, env.now);
                }
            }
            i.garp_lower_priority(env);
            let (priority, config) = (i.priority, i.config.clone());
            i.report(env.out, InstanceEvent::NotifyLowerPriority { priority, config });
            i.group
        });
        for fellow in self.fellows(group.flatten(), id) {
            self.on(fellow, at, |i, env| {
                if i.state == State::Master {
                    i.garp_lower_priority(env);
                }
            });
        }
    }

    /// A master heard a better one (RFC 9568 section 6.4.3).
    fn yield_to(
        &mut self,
        id: InstanceId,
        h: Heard,
        by_address: bool,
        conflict: bool,
        at: &mut At<'_>,
    ) {
        self.on(id, at, |i, env| {
            if i.config.higher_prio_send_advert {
                i.advertise(env, i.advertised());
            }
            let (from, theirs, ours) = (h.from, h.priority, i.advertised());
            if conflict {
                i.report(env.out, InstanceEvent::OwnerConflict { other: from });
            }
            i.report(
                env.out,
                match by_address {
                    true => InstanceEvent::HigherAddress { from, theirs },
                    false => InstanceEvent::HigherPriority { from, theirs, ours },
                },
            );
            if i.config.version == Version::V3 {
                i.master_adv = h.interval;
            }
            let wait = i.master_down();
            i.enter_backup(env, Reason::BetterMaster { from, theirs, ours }, wait, 0);
            i.wants_master = false;
            i.master = Some(Master { addr: from, priority: theirs });
        });
        self.sync_backup(id, at);
    }
}

/// How late a master's timer is served, when the best peer waits no longer
/// since our last advert: the best that was heard, or one as good as we are.
/// `timer_expired_backup` names another. Time that the host was suspended for
/// counts as well. An owner takes over at once in any case.
fn stalled(i: &Instance, due: Mono, suspended: Duration, now: Mono) -> Option<Duration> {
    if i.priority.is_owner() {
        return None;
    }
    let c = &i.config;
    let silent = now.saturating_since(i.last_sent?) + suspended;
    let heard = i.heard.map_or(i.priority, |m| m.priority).max(i.priority);
    let waits = |p, adverts| timing::master_down(c.version, p, c.advert_int, adverts);
    let limit = waits(heard, c.down_timer_adverts);
    let limit = match c.timer_expired_backup {
        Some(other) => limit.min(waits(Priority(other), 3)),
        None => limit,
    };
    (silent > limit).then(|| now.saturating_since(due) + suspended)
}

/// What an advert does when the state stays as it is.
fn on_advert(i: &mut Instance, env: &mut Env<'_>, step: Step, h: &Heard) {
    match step {
        Step::WaitSkew => {
            i.managed.heard_leaving();
            i.report(env.out, InstanceEvent::PriorityZero { from: h.from, state: i.state });
            i.timer = Some(env.now + i.skew());
        }
        Step::Follow(delay) => follow(i, env, h, delay),
        Step::Discard => {
            i.managed.heard_lower();
            i.report(env.out, InstanceEvent::Discarded { from: h.from, theirs: h.priority });
            end_yielding(i, env, h);
        }
        Step::Answer => {
            i.report(env.out, InstanceEvent::PriorityZero { from: h.from, state: i.state });
            i.advertise(env, i.advertised());
            i.timer = Some(env.now + i.config.advert_int);
        }
        Step::SameAddress => i.report(env.out, InstanceEvent::SameAddress),
        _ => debug_assert!(false, "{step:?} changes state"),
    }
}

/// A backup accepts a master (RFC 9568 section 6.4.2).
fn follow(i: &mut Instance, env: &mut Env<'_>, h: &Heard, delay: Delay) {
    match delay {
        Delay::Keep => {}
        Delay::Start => {
            i.preempt_until = Some(env.now + i.config.preempt_delay);
            i.report(env.out, InstanceEvent::PreemptDelay(i.config.preempt_delay));
        }
        Delay::Stop => {
            i.preempt_until = None;
            i.report(env.out, InstanceEvent::PreemptDelayStopped);
        }
    }
    if i.config.version == Version::V3 && i.master_adv != h.interval {
        let from = i.master_adv;
        i.master_adv = h.interval;
        i.report(env.out, InstanceEvent::IntervalLearned { from, to: h.interval });
    }
    let was = i.master.map(|m| m.addr);
    if was != Some(h.from) {
        i.report(env.out, InstanceEvent::MasterSet { addr: h.from, was });
    }
    i.master = Some(Master { addr: h.from, priority: h.priority });
    i.wants_master = false;
    i.stretched = false;
    i.managed.heard_better();
    i.timer = Some(env.now + i.master_down());
    end_yielding(i, env, h);
}

/// Another owner that we gave way to has lowered its priority.
fn end_yielding(i: &mut Instance, env: &mut Env<'_>, h: &Heard) {
    if i.yielded && !h.priority.is_owner() {
        i.yielded = false;
        i.report(env.out, InstanceEvent::OwnerConflictOver);
    }
}

/// The owner with the higher address gives the other time to yield: two more
/// adverts and 1.2 times the longer interval.
fn meet_rogue(i: &mut Instance, env: &mut Env<'_>, h: &Heard) {
    match &mut i.rogue {
        Some(r) => {
            r.heard |= r.until.is_some();
            r.interval = h.interval;
        }
        None => {
            i.rogue =
                Some(Rogue { adverts_left: 2, until: None, interval: h.interval, heard: false });
            i.report(env.out, InstanceEvent::OwnerConflict { other: h.from });
        }
    }
}

fn rogue_advert(i: &mut Instance, now: Mono) {
    let own = i.config.advert_int;
    if let Some(r) = &mut i.rogue
        && r.until.is_none()
    {
        r.adverts_left = r.adverts_left.saturating_sub(1);
        if r.adverts_left == 0 {
            r.until = Some(now + own.max(r.interval) * 6 / 5);
        }
    }
}

fn rogue_tick(i: &mut Instance, env: &mut Env<'_>) {
    let over = i.rogue.take_if(|r| r.until.is_some_and(|u| u <= env.now));
    match over {
        Some(r) if r.heard => {
            i.yielded = true;
            i.report(env.out, InstanceEvent::OwnerYields);
        }
        Some(_) => i.report(env.out, InstanceEvent::OwnerConflictOver),
        None => {}
    }
}
