//! What the agent asks for, and what the roles said last: requests wait until it is fresh, but not
//! for ever.

use agentx::Request;
use core::mem::take;
use core::time::Duration;
use ipc::msg::Generation;
use ipc::msg::monitor::Snapshot;
use ipc::msg::snapshot::{CheckerSnapshot, VrrpSnapshot};
use std::collections::VecDeque;
use types::Mono;

/// How long a request waits for what the roles know; then what is known already has to do. The
/// agent itself waits for a second.
const PATIENCE: Duration = Duration::from_millis(700);
/// Time between two questions to the roles.
const AGAIN: Duration = Duration::from_millis(120);
/// Requests that wait at once; the agent sends few.
const MAX_WAITING: usize = 256;

/// Requests, and what they are answered from.
#[derive(Debug, Default)]
pub(super) struct Answers {
    waiting: VecDeque<(Request, Mono)>,
    vrrp: Option<(VrrpSnapshot, Mono)>,
    checker: Option<(CheckerSnapshot, Mono)>,
    asked: Option<Mono>,
}

/// What answers are made of.
#[derive(Debug)]
pub(super) struct Needs {
    /// What the vrrp role knows.
    pub vrrp: bool,
    /// What the checker role knows.
    pub checker: bool,
    /// The configuration that runs.
    pub generation: Generation,
    /// How old it may be.
    pub max_age: Duration,
}

impl Answers {
    /// What the vrrp role said last.
    pub fn vrrp(&self) -> Option<&VrrpSnapshot> {
        self.vrrp.as_ref().map(|(now, _)| now)
    }

    /// What the checker role said last.
    pub fn checker(&self) -> Option<&CheckerSnapshot> {
        self.checker.as_ref().map(|(now, _)| now)
    }

    /// A request has come.
    pub fn ask(&mut self, now: Mono, request: Request) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back((request, now + PATIENCE));
        }
    }

    /// A role has said what it knows.
    pub fn learn(&mut self, now: Mono, snapshot: &Snapshot) {
        match snapshot {
            Snapshot::Vrrp(s) => self.vrrp = Some(((**s).clone(), now)),
            Snapshot::Checker(s) => self.checker = Some(((**s).clone(), now)),
        }
    }

    /// What is known is of another configuration.
    pub fn reconfigured(&mut self) {
        (self.vrrp, self.checker) = (None, None);
    }

    /// What is known has just been changed.
    pub fn outdated(&mut self) {
        for at in [self.vrrp.as_mut().map(|s| &mut s.1), self.checker.as_mut().map(|s| &mut s.1)] {
            at.into_iter().for_each(|at| *at = Mono::ZERO);
        }
        self.asked = None;
    }

    /// Whether the requests have to wait for the roles.
    pub fn must_wait(&self, now: Mono, needs: &Needs) -> bool {
        let Some((_, until)) = self.waiting.front() else { return false };
        let fresh = |generation: Generation, at: Mono| {
            generation == needs.generation && now.saturating_since(at) < needs.max_age
        };
        let vrrp = self.vrrp.as_ref().is_some_and(|(s, at)| fresh(s.generation, *at));
        let checker = self.checker.as_ref().is_some_and(|(s, at)| fresh(s.generation, *at));
        now < *until && ((needs.vrrp && !vrrp) || (needs.checker && !checker))
    }

    /// Whether the roles are to be asked now; they are then.
    pub fn may_ask(&mut self, now: Mono) -> bool {
        let may = self.asked.is_none_or(|at| now.saturating_since(at) >= AGAIN);
        if may {
            self.asked = Some(now);
        }
        may
    }

    /// When the requests are to be looked at again.
    pub fn deadline(&self) -> Option<Mono> {
        let (_, until) = self.waiting.front()?;
        Some(self.asked.map_or(*until, |at| (at + AGAIN).min(*until)))
    }

    /// The requests that wait.
    pub fn take(&mut self) -> Vec<Request> {
        take(&mut self.waiting).into_iter().map(|(request, _)| request).collect()
    }
}
