//! A checker at work: starting attempts and drawing their consequences.

use super::Node;
use crate::action::{Action, CheckerId};
use crate::event::{CheckEvent, CheckLabel, CheckName, Event};
use crate::health::{Change, Count, Health, News, Pacing};
use crate::mail;
use crate::pool::Cx;
use crate::probe::{self, IoKind, Note, Outcome, Pass, Plan, Probe, Reason, Verdict, misc, ping};
use core::net::IpAddr;
use core::time::Duration;
use model::lvs::CheckKind;
use std::sync::Arc;
use types::Mono;

/// What a checker does to its server's weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Nothing.
    None,
    /// It adds this.
    Add(i32),
    /// It puts this in place of the configured weight.
    Replace(u32),
}

/// A checker at work.
#[derive(Debug)]
pub struct Checker {
    /// Index of its virtual server.
    pub vs: usize,
    /// Index of its real server.
    pub rs: usize,
    pub kind: CheckKind,
    pub plan: Option<Plan>,
    pub pacing: Pacing,
    pub label: Arc<CheckLabel>,
    pub health: Health,
    pub share: Share,
    pub probe: Option<Probe>,
    pub link: Option<ping::Link>,
    /// Number of the current or last attempt.
    pub attempt: u32,
    /// When the next attempt is due, or when the current one was.
    pub due: Mono,
    /// Its entry among the deadlines.
    pub timer: Option<Mono>,
    pub last: Option<Last>,
    /// Last difference of lengths that was told.
    pub lengths: Option<(u64, u64)>,
}

/// The last verdict of a checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Last {
    /// Result, with its reason.
    pub outcome: Outcome,
    /// How long the attempt took.
    pub latency: Duration,
    /// When it ended.
    pub at: Mono,
}

/// What reports say of a checker.
#[derive(Debug, Clone)]
pub struct CheckerStatus<'a> {
    /// Its id.
    pub id: CheckerId,
    /// Its names.
    pub label: &'a CheckLabel,
    /// Address and port of its server.
    pub server: (IpAddr, u16),
    /// As configured.
    pub kind: &'a CheckKind,
    /// False while suspended.
    pub enabled: bool,
    /// Last verdict that counted.
    pub up: bool,
    /// Whether an attempt has finished.
    pub has_run: bool,
    /// Failures in a row so far.
    pub failures: u32,
    /// Pacing.
    pub pacing: &'a Pacing,
    /// What it does to the weight.
    pub share: Share,
    /// The last attempt.
    pub last: Option<Last>,
    /// When the next attempt starts; `None` while one is under way.
    pub due: Option<Mono>,
}

impl Checker {
    pub fn status(&self, id: CheckerId, enabled: bool, server: (IpAddr, u16)) -> CheckerStatus<'_> {
        CheckerStatus {
            id,
            label: &self.label,
            server,
            kind: &self.kind,
            enabled,
            up: self.health.is_up(),
            has_run: self.health.has_run(),
            failures: self.health.failures(),
            pacing: &self.pacing,
            share: self.share,
            last: self.last,
            due: if self.probe.is_some() { None } else { self.timer },
        }
    }

    fn event(&self, what: CheckEvent) -> Action {
        Action::Event(Event::Check(self.label.clone(), what))
    }

    /// The lines of an attempt that ended with `outcome`, before the verdict's
    /// own.
    fn tell(&self, outcome: Outcome, step: usize, news: Option<News>, url: bool) -> Vec<Action> {
        let mut lines = Vec::new();
        if let (Outcome::Pass(Pass::Http(test)), true, Some(Plan::Http(pages))) =
            (outcome, url, &self.plan)
            && let Some(page) = pages.get(step)
        {
            lines.push(self.event(CheckEvent::UrlPassed { test, path: page.path.clone() }));
        }
        match (news, outcome) {
            (Some(News::Passed), Outcome::Pass(pass)) => {
                let exit = match pass {
                    Pass::Exit(status) => Some(status),
                    _ => None,
                };
                // DNS_CHECK has no such line.
                if !matches!(self.label.kind, CheckName::Dns(_)) {
                    lines.push(self.event(CheckEvent::Passed { exit }));
                }
            }
            (Some(News::Retrying { failure, .. }), Outcome::Fail(reason))
                if !is_silent(&self.label.kind, reason) =>
            {
                lines.push(self.event(CheckEvent::Retrying { reason, failure }));
            }
            (Some(News::Attempt), Outcome::Fail(reason))
                if has_own_line(&self.label.kind, reason) =>
            {
                lines.push(self.event(CheckEvent::Retrying { reason, failure: 1 }));
            }
            (Some(News::Failed { retries, attempt }), Outcome::Fail(reason)) => {
                if attempt && has_own_line(&self.label.kind, reason) {
                    lines.push(self.event(CheckEvent::Retrying { reason, failure: 1 }));
                }
                lines.push(self.event(CheckEvent::Failed { reason, retries }));
            }
            _ => {}
        }
        if let Outcome::Skip(e) = outcome {
            // The same trouble again is not news.
            if self.last.is_none_or(|l| l.outcome != outcome) {
                lines.push(self.event(CheckEvent::Skipped(e)));
            }
        }
        lines
    }

    /// What the outcome makes of its share of the weight; `decided` when the
    /// server failed for good.
    fn shared(&self, outcome: Outcome, decided: bool) -> Share {
        match (outcome, &self.plan) {
            (Outcome::Pass(Pass::Exit(status)), Some(Plan::Misc(plan))) if plan.dynamic => {
                misc::weight_of(status).map_or(Share::None, Share::Replace)
            }
            (Outcome::Fail(_), Some(Plan::Misc(_))) if decided => Share::None,
            _ => self.share,
        }
    }
}

/// Attempts that are not told one by one even where all are: those that this host ended at once.
fn is_silent(kind: &CheckName, reason: Reason) -> bool {
    match (kind, reason) {
        (CheckName::Tcp, Reason::ConnectFailed(e)) => e.kind == IoKind::NetUnreachable,
        (CheckName::Ping, Reason::ConnectFailed(_) | Reason::WriteFailed(_)) => true,
        _ => false,
    }
}

/// Whether the attempt that decides has a line besides the decision's.
fn has_own_line(kind: &CheckName, reason: Reason) -> bool {
    use CheckName::{Http, Ping, Ssl, Tcp, Udp};
    matches!(kind, Tcp | Udp | Ping | Http | Ssl) && !is_silent(kind, reason)
}

impl Node {
    /// Everything that is due.
    pub(super) fn tick(&mut self, now: Mono, out: &mut Vec<Action>) {
        // What re-arms for this instant waits for the next tick, so that no
        // checker can hold the loop.
        let due: Vec<u32> =
            self.timers.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        for id in due {
            match self.checker(id) {
                Some(c) if c.probe.is_some() => self.feed(id, now, probe::Input::Tick, out),
                Some(_) => self.begin(id, now, out),
                None => {}
            }
        }
    }

    /// Starts an attempt, unless the checker is suspended.
    fn begin(&mut self, id: u32, now: Mono, out: &mut Vec<Action>) {
        let Some(c) = self.checkers.get_mut(id as usize).and_then(Option::as_mut) else { return };
        if self.pools.get(c.vs).is_some_and(super::Vs::is_suspended) {
            c.due = now + c.pacing.delay_loop;
            let at = c.due;
            return self.arm(id, Some(at));
        }
        // Late by more than a whole interval: the rate cannot be held, so do
        // not try to catch up.
        if now.saturating_since(c.due) > c.pacing.delay_loop {
            c.due = now;
        }
        let Some(plan) = c.plan.clone() else { return };
        self.attempts = self.attempts.wrapping_add(1);
        c.attempt = self.attempts;
        let mut asked = core::mem::take(&mut self.scratch);
        let query = self.spread.bits16();
        c.probe = plan.start(c.health.step(), query, c.link.take(), now, &mut asked);
        let at = match &c.probe {
            Some(probe) => probe.deadline(),
            None => Some(now + c.pacing.delay_loop),
        };
        self.arm(id, at);
        self.carry(id, now, asked, out);
    }

    /// Tells the attempt of checker `id` something.
    pub(super) fn feed(
        &mut self,
        id: u32,
        now: Mono,
        input: probe::Input<'_>,
        out: &mut Vec<Action>,
    ) {
        let Some(c) = self.checkers.get_mut(id as usize).and_then(Option::as_mut) else { return };
        let Some(probe) = &mut c.probe else { return };
        let mut asked = core::mem::take(&mut self.scratch);
        probe.handle(now, input, &mut asked);
        let at = probe.deadline();
        if at.is_some() {
            self.arm(id, at);
        }
        self.carry(id, now, asked, out);
    }

    /// Passes on what a probe asked for, and draws the consequences of its
    /// verdict.
    fn carry(&mut self, id: u32, now: Mono, mut asked: Vec<probe::Action>, out: &mut Vec<Action>) {
        for action in asked.drain(..) {
            match action {
                probe::Action::Io(action) => {
                    let attempt = self.checker(id).map_or(0, |c| c.attempt);
                    out.push(Action::Probe { checker: CheckerId(id), attempt, action });
                }
                probe::Action::Note(note) => self.note(id, note, out),
                probe::Action::Verdict(verdict) => self.judge(id, now, verdict, out),
            }
        }
        self.scratch = asked;
    }

    fn note(&mut self, id: u32, Note::Length { announced, received }: Note, out: &mut Vec<Action>) {
        let Some(c) = self.checker_mut(id) else { return };
        let (path, host) = match &c.plan {
            Some(Plan::Http(pages)) => match pages.get(c.health.step()) {
                Some(page) => (page.path.clone(), page.host.clone()),
                None => return,
            },
            _ => return,
        };
        if c.lengths.replace((announced, received)) != Some((announced, received)) {
            out.push(c.event(CheckEvent::Length { announced, received, path, host }));
        }
    }

    fn judge(&mut self, id: u32, now: Mono, verdict: Verdict, out: &mut Vec<Action>) {
        let Some(c) = self.checker_mut(id) else { return };
        let outcome = verdict.outcome;
        c.link = c.probe.take().and_then(|p| p.link());
        let (count, reason) = match outcome {
            Outcome::Pass(_) => (Count::Pass, None),
            Outcome::Fail(reason) => (Count::Fail, Some(reason)),
            Outcome::Skip(_) => (Count::Skip, None),
        };
        let step = c.health.step();
        let d = c.health.attempt(&c.pacing, count);
        out.extend(c.tell(outcome, step, d.news, d.step_passed));
        c.last = Some(Last { outcome, latency: verdict.latency, at: now });
        let decided = matches!(d.change, Some(Change::Down | Change::Confirmed));
        let share = c.shared(outcome, decided);
        let (at, rs, weighed) = (c.vs, c.rs, share != c.share);
        c.share = share;
        c.due = c.pacing.next(d.wait, c.due, now);
        let due = c.due;
        self.arm(id, Some(due));
        // The weight first when the server comes, the server first when it
        // goes: no share of traffic that is not meant.
        if weighed && !decided {
            self.weigh(at, rs, out);
        }
        if let Some(change) = d.change {
            self.change(id, change, reason, out);
        }
        if weighed && decided {
            self.weigh(at, rs, out);
        }
    }

    pub(super) fn weigh(&mut self, at: usize, rs: usize, out: &mut Vec<Action>) {
        let effective = self.effective(at, rs);
        if let Some(vs) = self.pools.get_mut(at) {
            vs.pool.weigh(rs, effective, &mut Cx { table: &mut self.table, out });
        }
    }

    /// A verdict that is news: the pool acts on it, and a mail tells it.
    pub(super) fn change(
        &mut self,
        id: u32,
        change: Change,
        reason: Option<Reason>,
        out: &mut Vec<Action>,
    ) {
        let Some((at, rs, label)) = self.checker(id).map(|c| (c.vs, c.rs, c.label.clone())) else {
            return;
        };
        let Some(vs) = self.pools.get_mut(at) else { return };
        let cx = &mut Cx { table: &mut self.table, out };
        let turned = match change {
            Change::Up => vs.pool.checker_up(rs, cx),
            Change::Down => vs.pool.checker_down(rs, cx),
            Change::Confirmed => return vs.pool.notify(rs, cx),
        };
        let Some(server) = vs.pool.servers().get(rs) else { return };
        let mails = server.mails() && (turned || !self.options.no_checker_emails);
        if mails && !matches!(label.kind, CheckName::File(_)) {
            out.push(Action::Mail(mail::checked(&label, server.is_alive(), reason)));
        }
    }
}
