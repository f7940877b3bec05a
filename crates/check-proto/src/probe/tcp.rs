//! `TCP_CHECK`: the connection is established, then closed at once.

use super::{Action, Attempt, Endpoint, Input, Io, Late, Reason};
use core::time::Duration;
use std::sync::Arc;
use types::Mono;

/// What a TCP check needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where to connect.
    pub endpoint: Arc<Endpoint>,
    /// Time to connect.
    pub timeout: Duration,
    /// Limit of the whole attempt.
    pub total: Option<Duration>,
}

/// One attempt.
#[derive(Debug)]
pub struct Tcp {
    attempt: Attempt,
}

impl Tcp {
    /// Starts connecting.
    pub fn start(plan: &Plan, now: Mono, out: &mut Vec<Action>) -> Self {
        out.push(Io::Connect(plan.endpoint.clone()).into());
        Tcp { attempt: Attempt::start(now, plan.timeout, plan.total) }
    }

    /// When it wants a tick.
    pub fn deadline(&self) -> Option<Mono> {
        self.attempt.deadline()
    }

    /// Takes a fact.
    pub fn handle(&mut self, now: Mono, input: Input<'_>, out: &mut Vec<Action>) {
        if self.attempt.is_done() {
            return;
        }
        match input {
            Input::Connected => self.attempt.pass(now, out),
            Input::ConnectFailed(e) => self.attempt.connect_failed(now, e, out),
            _ => match self.attempt.late(now) {
                None => {}
                Some(Late::Stage) => self.attempt.fail(now, Reason::ConnectTimeout, out),
                Some(Late::Total) => self.attempt.fail(now, Reason::TotalTimeout, out),
            },
        }
    }
}
