//! `SMTP_CHECK`: greeting 220, HELO 250, QUIT and any answer (RFC 5321
//! sections 3.1, 4.1.1.1, 4.2).
//!
//! A reply is read byte by byte and only its code is kept, so that no reply
//! takes memory; one of more than [`REPLY_MAX`] bytes is no reply.

use super::{Action, Attempt, Endpoint, Input, Io, Late, Outcome, Pass, Reason};
use core::time::Duration;
use std::sync::Arc;
use types::Mono;

/// Longest reply that is read, all its lines together (RFC 5321 section
/// 4.5.3.1.5 limits one line to 512).
pub const REPLY_MAX: usize = 16 * 1024;

/// What an SMTP check needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where to connect.
    pub endpoint: Arc<Endpoint>,
    /// Time to connect, and for each reply.
    pub timeout: Duration,
    /// Limit of the whole attempt.
    pub total: Option<Duration>,
    /// `HELO NAME` with its line end.
    pub helo: Arc<[u8]>,
}

/// One attempt.
#[derive(Debug)]
pub struct Smtp {
    plan: Arc<Plan>,
    attempt: Attempt,
    stage: Stage,
    reply: Reply,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connect,
    Greeting,
    Helo,
    Quit,
}

impl Smtp {
    /// Starts connecting.
    pub fn start(plan: &Arc<Plan>, now: Mono, out: &mut Vec<Action>) -> Self {
        out.push(Io::Connect(plan.endpoint.clone()).into());
        Smtp {
            plan: plan.clone(),
            attempt: Attempt::start(now, plan.timeout, plan.total),
            stage: Stage::Connect,
            reply: Reply::default(),
        }
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
        match (self.stage, input) {
            (Stage::Connect, Input::Connected) => self.wait(Stage::Greeting, now),
            (Stage::Connect, Input::ConnectFailed(e)) => {
                return self.attempt.connect_failed(now, e, out);
            }
            (Stage::Connect, _) => {}
            (_, Input::Bytes(bytes)) => match self.reply.read(bytes) {
                Progress::More => {}
                Progress::Code(code) => return self.answered(now, code, out),
                Progress::Bad => return self.answered(now, 0, out),
            },
            (_, Input::Eof) => return self.attempt.fail(now, Reason::EarlyClose, out),
            (_, Input::ReadFailed(e)) => {
                return self.attempt.fail(now, Reason::ReadFailed(e), out);
            }
            (_, Input::WriteFailed(e)) => {
                return self.attempt.fail(now, Reason::WriteFailed(e), out);
            }
            _ => {}
        }
        match (self.attempt.late(now), self.stage) {
            (None, _) => {}
            (Some(Late::Total), _) => self.attempt.fail(now, Reason::TotalTimeout, out),
            (_, Stage::Connect) => self.attempt.fail(now, Reason::ConnectTimeout, out),
            (_, _) => self.attempt.fail(now, Reason::ReadTimeout, out),
        }
    }

    fn wait(&mut self, stage: Stage, now: Mono) {
        self.stage = stage;
        self.reply = Reply::default();
        self.attempt.stage(now, self.plan.timeout);
    }

    /// A reply is complete; `code` is 0 when it has none.
    fn answered(&mut self, now: Mono, code: u16, out: &mut Vec<Action>) {
        match (self.stage, code) {
            (Stage::Greeting, 220) => {
                out.push(Io::Write(self.plan.helo.clone()).into());
                self.wait(Stage::Helo, now);
            }
            (Stage::Helo, 250) => {
                out.push(Io::Write(Arc::from(&b"QUIT\r\n"[..])).into());
                self.wait(Stage::Quit, now);
            }
            // Whatever it says to QUIT: it has answered HELO.
            (Stage::Quit, _) => self.attempt.finish(now, Outcome::Pass(Pass::Plain), out),
            (Stage::Helo, _) => self.attempt.fail(now, Reason::BadHelo, out),
            (_, _) => self.attempt.fail(now, Reason::BadGreeting, out),
        }
    }
}

/// Reads one reply of one or more lines (RFC 5321 section 4.2.1).
#[derive(Debug, Clone, Copy, Default)]
pub struct Reply {
    /// First four bytes of the current line.
    line: [u8; 4],
    /// Bytes of the current line, at most 4 counted.
    len: u8,
    /// Bytes of the whole reply.
    total: usize,
}

/// How far a reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Its last line has not ended.
    More,
    /// It is complete.
    Code(u16),
    /// This is no reply.
    Bad,
}

impl Reply {
    /// Reads on. What follows a complete reply in `bytes` is dropped: the peer
    /// may not say more before it is asked.
    pub fn read(&mut self, bytes: &[u8]) -> Progress {
        for &b in bytes {
            self.total += 1;
            if b == b'\n' {
                match self.line_end() {
                    Progress::More => self.len = 0,
                    done => return done,
                }
            } else if let Some(slot) = self.line.get_mut(usize::from(self.len)) {
                *slot = b;
                self.len += 1;
            }
            if self.total >= REPLY_MAX {
                return Progress::Bad;
            }
        }
        Progress::More
    }

    fn line_end(&self) -> Progress {
        let [a, b, c, d] = self.line;
        // A code alone is complete, with or without CR (section 4.2).
        let after = if self.len > 3 { d } else { b' ' };
        if self.len < 3 || ![a, b, c].iter().all(u8::is_ascii_digit) {
            return Progress::Bad;
        }
        let code = [a, b, c].iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'));
        match after {
            b'-' => Progress::More,
            b' ' | b'\r' => Progress::Code(code),
            _ => Progress::Bad,
        }
    }
}
