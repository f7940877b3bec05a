//! `UDP_CHECK`: a datagram goes out; an ICMP error is a failure, and silence
//! or a matching reply a success, as asked.

use super::{Action, Attempt, Endpoint, Input, Io, Late, Reason};
use core::time::Duration;
use std::sync::Arc;
use types::Mono;

/// The text that default payloads repeat.
const TEXT: &[u8] = b"keepalived check - ";

/// `len` bytes of the default text, repeated and cut.
pub fn default_payload(len: usize) -> Vec<u8> {
    TEXT.iter().copied().cycle().take(len).collect()
}

/// What a UDP check needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where to send.
    pub endpoint: Arc<Endpoint>,
    /// Time to wait for a reply or an error.
    pub timeout: Duration,
    /// Limit of the whole attempt.
    pub total: Option<Duration>,
    /// Datagram to send.
    pub payload: Arc<[u8]>,
    /// What must come back; `None` when nothing must.
    pub reply: Option<Reply>,
}

/// A required reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Value and mask of each leading byte.
    pub pattern: Box<[(u8, u8)]>,
    /// Least length.
    pub min: usize,
    /// Largest length; `None` is any.
    pub max: Option<usize>,
}

impl Reply {
    /// Whether `datagram` is such a reply. One shorter than the pattern, but
    /// long enough, matches by its beginning.
    pub fn accepts(&self, datagram: &[u8]) -> bool {
        let n = datagram.len();
        n >= self.min
            && self.max.is_none_or(|max| n <= max)
            && self.pattern.iter().zip(datagram).all(|((value, mask), b)| b & mask == value & mask)
    }
}

/// One attempt.
#[derive(Debug)]
pub struct Udp {
    plan: Arc<Plan>,
    attempt: Attempt,
    sent: bool,
}

impl Udp {
    /// Starts by opening the socket.
    pub fn start(plan: &Arc<Plan>, now: Mono, out: &mut Vec<Action>) -> Self {
        out.push(Io::Connect(plan.endpoint.clone()).into());
        let attempt = Attempt::start(now, plan.timeout, plan.total);
        Udp { plan: plan.clone(), attempt, sent: false }
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
            Input::Connected if !self.sent => {
                self.sent = true;
                self.attempt.stage(now, self.plan.timeout);
                out.push(Io::Write(self.plan.payload.clone()).into());
            }
            // Any trouble counts here, this host's too.
            Input::ConnectFailed(e) => {
                return self.attempt.fail(now, Reason::ConnectFailed(e), out);
            }
            Input::WriteFailed(e) => return self.attempt.fail(now, Reason::WriteFailed(e), out),
            Input::ReadFailed(e) => return self.attempt.fail(now, Reason::ReadFailed(e), out),
            Input::IcmpError { unreachable: true } => {
                return self.attempt.fail(now, Reason::Unreachable, out);
            }
            Input::IcmpError { unreachable: false } => return self.attempt.pass(now, out),
            Input::Bytes(datagram) if self.sent => {
                return match &self.plan.reply {
                    Some(reply) if !reply.accepts(datagram) => {
                        self.attempt.fail(now, Reason::Mismatch, out);
                    }
                    _ => self.attempt.pass(now, out),
                };
            }
            _ => {}
        }
        match self.attempt.late(now) {
            None => {}
            Some(_) if self.sent && self.plan.reply.is_none() => self.attempt.pass(now, out),
            Some(Late::Total) => self.attempt.fail(now, Reason::TotalTimeout, out),
            Some(Late::Stage) => self.attempt.fail(now, Reason::ReadTimeout, out),
        }
    }
}
