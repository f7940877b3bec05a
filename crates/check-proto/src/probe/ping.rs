//! `PING_CHECK`: one echo request, one echo reply (RFC 792, RFC 4443 section
//! 4).
//!
//! The socket of a success stays open for the next attempt, and its sequence
//! number goes on; a failure closes it.

use super::{Action, Attempt, Endpoint, Input, Io, Late, Outcome, Pass, Reason, udp};
use core::time::Duration;
use std::sync::Arc;
use types::{Family, Mono};

/// Bytes after the echo header.
const PAYLOAD: usize = 128;

/// What a ping check needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Whom to ask.
    pub endpoint: Arc<Endpoint>,
    /// Time for the reply, whatever else arrives.
    pub timeout: Duration,
    /// Limit of the whole attempt.
    pub total: Option<Duration>,
}

/// A socket that a success left open: the last sequence number on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link(u16);

/// An echo request with sequence number `seq`; checksum and identifier are the
/// kernel's.
pub fn request(family: Family, seq: u16) -> Vec<u8> {
    let kind = match family {
        Family::V4 => 8,
        Family::V6 => 128,
    };
    let [s0, s1] = seq.to_be_bytes();
    let mut packet = vec![kind, 0, 0, 0, 0, 0, s0, s1];
    packet.extend(udp::default_payload(PAYLOAD));
    packet
}

/// Sequence number of `packet` if it is an echo reply of `family`.
pub fn read_reply(packet: &[u8], family: Family) -> Option<u16> {
    let wanted = match family {
        Family::V4 => 0,
        Family::V6 => 129,
    };
    match packet {
        [kind, 0, _, _, _, _, s0, s1, ..] if *kind == wanted => {
            Some(u16::from_be_bytes([*s0, *s1]))
        }
        _ => None,
    }
}

/// One attempt.
#[derive(Debug)]
pub struct Ping {
    plan: Arc<Plan>,
    attempt: Attempt,
    seq: u16,
    sent: bool,
    link: Option<Link>,
}

impl Ping {
    /// Starts on what the last success left open, or opens a socket.
    pub fn start(plan: &Arc<Plan>, link: Option<Link>, now: Mono, out: &mut Vec<Action>) -> Self {
        let attempt = Attempt::start(now, plan.timeout, plan.total);
        let seq = link.map_or(1, |l| l.0.wrapping_add(1));
        let mut ping = Ping { plan: plan.clone(), attempt, seq, sent: false, link: None };
        match link {
            Some(_) => ping.send(out),
            None => out.push(Io::Connect(plan.endpoint.clone()).into()),
        }
        ping
    }

    /// When it wants a tick.
    pub fn deadline(&self) -> Option<Mono> {
        self.attempt.deadline()
    }

    /// What is left open after a success.
    pub fn link(&self) -> Option<Link> {
        self.link
    }

    fn send(&mut self, out: &mut Vec<Action>) {
        self.sent = true;
        let packet = request(Family::of(self.plan.endpoint.to.ip()), self.seq);
        out.push(Io::Write(packet.into()).into());
    }

    /// Takes a fact.
    pub fn handle(&mut self, now: Mono, input: Input<'_>, out: &mut Vec<Action>) {
        if self.attempt.is_done() {
            return;
        }
        match input {
            Input::Connected if !self.sent => self.send(out),
            Input::ConnectFailed(e) => return self.attempt.connect_failed(now, e, out),
            Input::Bytes(packet) if self.sent => {
                // Duplicates and late replies are not ours to judge by.
                let family = Family::of(self.plan.endpoint.to.ip());
                if read_reply(packet, family) == Some(self.seq) {
                    self.link = Some(Link(self.seq));
                    return self.attempt.finish_open(now, Outcome::Pass(Pass::Plain), out);
                }
            }
            Input::ReadFailed(e) => return self.attempt.fail(now, Reason::ReadFailed(e), out),
            Input::WriteFailed(e) => return self.attempt.fail(now, Reason::WriteFailed(e), out),
            Input::IcmpError { unreachable: true } => {
                return self.attempt.fail(now, Reason::Unreachable, out);
            }
            _ => {}
        }
        match self.attempt.late(now) {
            None => {}
            Some(Late::Total) => self.attempt.fail(now, Reason::TotalTimeout, out),
            Some(Late::Stage) => self.attempt.fail(now, Reason::ReadTimeout, out),
        }
    }
}
