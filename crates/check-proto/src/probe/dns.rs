//! `DNS_CHECK`: one query over UDP, answered with RCODE 0 (RFC 1035 section
//! 4.1).
//!
//! The codec is ours because the check needs a header and a question, no more.

use super::{Action, Attempt, Endpoint, Input, Io, IoKind, Late, Outcome, Pass, Reason};
use core::time::Duration;
use std::sync::Arc;
use types::Mono;

/// Longest name on the wire (RFC 1035 section 2.3.4).
const NAME_MAX: usize = 255;
/// Longest label (RFC 1035 section 2.3.4).
const LABEL_MAX: usize = 63;

/// What a DNS check needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where to send.
    pub endpoint: Arc<Endpoint>,
    /// Time for the answer, whatever else arrives.
    pub timeout: Duration,
    /// Limit of the whole attempt.
    pub total: Option<Duration>,
    /// The query with id 0.
    pub query: Box<[u8]>,
}

/// Why a name cannot be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// A label is empty.
    EmptyLabel,
    /// A label has more than 63 bytes.
    LongLabel,
    /// The name has more than 255 bytes on the wire.
    LongName,
}

/// The query for `name` and `qtype`, class IN, recursion desired, with id 0.
/// A trailing dot is optional; an empty name is the root.
///
/// # Errors
/// When the name does not fit RFC 1035 section 2.3.4.
pub fn query(name: &str, qtype: u16) -> Result<Box<[u8]>, NameError> {
    let mut q = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let head = q.len();
    let name = name.strip_suffix('.').unwrap_or(name);
    if !name.is_empty() {
        for label in name.split('.') {
            let len = u8::try_from(label.len()).unwrap_or(u8::MAX);
            if len == 0 {
                return Err(NameError::EmptyLabel);
            }
            if usize::from(len) > LABEL_MAX {
                return Err(NameError::LongLabel);
            }
            q.push(len);
            q.extend_from_slice(label.as_bytes());
        }
    }
    q.push(0);
    if q.len() - head > NAME_MAX {
        return Err(NameError::LongName);
    }
    q.extend_from_slice(&qtype.to_be_bytes());
    q.extend_from_slice(&1u16.to_be_bytes());
    Ok(q.into())
}

/// RCODE of `datagram` if it answers the query `id`: a whole header, that id,
/// and QR set.
pub fn read_answer(datagram: &[u8], id: u16) -> Option<u8> {
    match datagram {
        [i0, i1, qr, rcode, _, _, _, _, _, _, _, _, ..]
            if u16::from_be_bytes([*i0, *i1]) == id && qr & 0x80 != 0 =>
        {
            Some(rcode & 0x0f)
        }
        _ => None,
    }
}

/// One attempt.
#[derive(Debug)]
pub struct Dns {
    plan: Arc<Plan>,
    attempt: Attempt,
    id: u16,
    asked: bool,
}

impl Dns {
    /// Starts with query id `id`.
    pub fn start(plan: &Arc<Plan>, id: u16, now: Mono, out: &mut Vec<Action>) -> Self {
        out.push(Io::Connect(plan.endpoint.clone()).into());
        let attempt = Attempt::start(now, plan.timeout, plan.total);
        Dns { plan: plan.clone(), attempt, id, asked: false }
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
            Input::Connected if !self.asked => {
                self.asked = true;
                self.attempt.stage(now, self.plan.timeout);
                let mut query: Arc<[u8]> = Arc::from(&*self.plan.query);
                if let Some([a, b, ..]) = Arc::get_mut(&mut query) {
                    [*a, *b] = self.id.to_be_bytes();
                }
                out.push(Io::Write(query).into());
            }
            Input::ConnectFailed(e) => return self.attempt.connect_failed(now, e, out),
            Input::Bytes(datagram) if self.asked => match read_answer(datagram, self.id) {
                None => {}
                Some(0) => return self.attempt.finish(now, Outcome::Pass(Pass::Plain), out),
                Some(rcode) => return self.attempt.fail(now, Reason::Rcode(rcode), out),
            },
            Input::ReadFailed(e) => return self.attempt.fail(now, Reason::ReadFailed(e), out),
            Input::WriteFailed(e) if e.kind == IoKind::Local => {
                return self.attempt.finish(now, Outcome::Skip(e), out);
            }
            Input::WriteFailed(e) => return self.attempt.fail(now, Reason::WriteFailed(e), out),
            _ => {}
        }
        match self.attempt.late(now) {
            None => {}
            Some(Late::Total) => self.attempt.fail(now, Reason::TotalTimeout, out),
            Some(Late::Stage) => self.attempt.fail(now, Reason::ReadTimeout, out),
        }
    }
}
