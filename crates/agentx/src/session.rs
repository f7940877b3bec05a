//! The life of a session with the master agent (RFC 2741 section 7): open, describe what we serve,
//! register it, answer, ping; and begin again whenever the master has gone, for ever.

use crate::answer::Answer;
use crate::codec::{Malformed, decode, encode};
use crate::oid::Oid;
use crate::pdu::{Body, CloseReason, Header, Pdu, Range, Registration, ResponseError};
use crate::value::{Value, VarBind};
use core::time::Duration;
use std::collections::VecDeque;

/// First pause before the master is tried again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long the master may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Notifications that wait for a session; the oldest give way.
const MAX_WAITING: usize = 4_096;
/// Sets between test and cleanup.
const MAX_SETS: usize = 16;
/// Most bindings of one set.
const MAX_SET_BINDINGS: usize = 1_024;

/// What a session is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// The subagent's name.
    pub description: String,
    /// What it serves.
    pub subtrees: Vec<Oid>,
    /// Entries of sysORTable: id and description.
    pub capabilities: Vec<(Oid, String)>,
    /// How often the master is asked whether it is there.
    pub ping: Duration,
}

/// What happens to a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// Serve this; a session for something else is closed first.
    Enable(Box<Config>),
    /// Close the session.
    Disable,
    /// The connection that was asked for is there.
    Connected,
    /// It failed, or has ended, for this reason.
    Lost(String),
    /// The master sent this.
    Data(&'a [u8]),
    /// The deadline has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Connect to the master.
    Connect,
    /// Close the connection, after writing what was asked for.
    Disconnect,
    /// Write this.
    Write(Vec<u8>),
    /// Answer this with [`Session::answer`].
    Request(Request),
    /// Log this.
    Event(Event),
}

/// What is worth a log line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A session is up.
    Up,
    /// It has ended.
    Down(String),
    /// There is no master; said once.
    NoMaster(String),
    /// The master refuses something; it is tried again.
    Refused {
        /// What was asked for.
        what: &'static str,
        /// The answer.
        error: ResponseError,
    },
    /// So many notifications were dropped because no master was there for too long.
    Dropped(u64),
}

/// A request of the master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    header: Header,
    /// What is asked.
    pub query: Query,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Values.
    Get(Vec<Range>),
    /// Next values.
    Next(Vec<Range>),
    /// Many next values.
    Bulk {
        /// So many ranges once.
        non_repeaters: u16,
        /// The others so many times.
        max_repetitions: u16,
        /// Where to search.
        ranges: Vec<Range>,
    },
    /// Whether these could be set.
    Test(Vec<VarBind>),
    /// Set these, which were tested.
    Commit(Vec<VarBind>),
    /// Take these back, which were set.
    Undo(Vec<VarBind>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is to be served.
    Off,
    /// Until the next attempt.
    Pause { until: Duration },
    /// For a connection.
    Connecting { until: Duration },
    /// For the answer to Open, which has this packet number.
    Opening { packet: u32, until: Duration },
    /// For the answers to what was registered: the last one has this packet number.
    Registering { last: u32, until: Duration },
    /// Served; `ping` is the packet that no answer has come to yet.
    Up { ping: Option<u32>, until: Duration },
}

/// A session; see [`Session::handle`].
#[derive(Debug)]
pub struct Session {
    config: Config,
    state: State,
    begun: Duration,
    id: u32,
    packet: u32,
    pause: Duration,
    said_no_master: bool,
    input: Vec<u8>,
    waiting: VecDeque<Vec<VarBind>>,
    dropped: u64,
    sets: VecDeque<(u32, Vec<VarBind>)>,
}

impl Session {
    /// A session that serves nothing yet; `now` is when the daemon started.
    pub fn new(now: Duration) -> Self {
        Session {
            config: Config::default(),
            state: State::Off,
            begun: now,
            id: 0,
            packet: 0,
            pause: FIRST_PAUSE,
            said_no_master: false,
            input: Vec::new(),
            waiting: VecDeque::new(),
            dropped: 0,
            sets: VecDeque::new(),
        }
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Off => None,
            State::Pause { until }
            | State::Connecting { until }
            | State::Opening { until, .. }
            | State::Registering { until, .. }
            | State::Up { until, .. } => Some(until),
        }
    }

    /// Whether requests come and notifications go.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// Whether it serves, or tries to.
    pub fn is_enabled(&self) -> bool {
        self.state != State::Off
    }

    /// Takes notice of something.
    pub fn handle(&mut self, now: Duration, input: Input<'_>, out: &mut Vec<Action>) {
        match input {
            Input::Enable(config) => self.enable(now, *config, out),
            Input::Disable => self.disable(out),
            Input::Connected => {
                if let State::Connecting { .. } = self.state {
                    self.open(now, out);
                }
            }
            Input::Lost(why) => {
                if self.has_connection() {
                    self.lost(now, why, out);
                }
            }
            Input::Data(bytes) => self.data(now, bytes, out),
            Input::Tick => self.tick(now, out),
        }
    }

    /// Answers a request.
    pub fn answer(&self, now: Duration, request: &Request, answer: Answer, out: &mut Vec<Action>) {
        let Answer { error, index, bindings } = answer;
        if self.is_up() && request.header.session == self.id {
            let uptime = self.uptime(now);
            let body = Body::Response { uptime, error, index, bindings };
            send(request.header, body, out);
        }
    }

    /// Sends a notification: its OID (snmpTrapOID) and its objects. Without a session it waits for
    /// one; when nothing is served it is forgotten.
    pub fn notify(&mut self, trap: Oid, objects: Vec<VarBind>, out: &mut Vec<Action>) {
        if !self.is_enabled() {
            return;
        }
        // The master puts its sysUpTime first (RFC 2741 section 6.2.10).
        let mut bindings = vec![VarBind::new(Oid::from(&TRAP_OID[..]), Value::Oid(trap))];
        bindings.extend(objects);
        if self.is_up() {
            let header = self.header();
            send(header, Body::Notify(bindings), out);
            return;
        }
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(bindings);
    }

    fn has_connection(&self) -> bool {
        !matches!(self.state, State::Off | State::Pause { .. })
    }

    fn uptime(&self, now: Duration) -> u32 {
        // TimeTicks wrap.
        (now.saturating_sub(self.begun).as_millis() / 10) as u32
    }

    fn header(&mut self) -> Header {
        self.packet = self.packet.wrapping_add(1);
        Header { session: self.id, transaction: self.packet, packet: self.packet }
    }

    fn enable(&mut self, now: Duration, config: Config, out: &mut Vec<Action>) {
        if self.is_enabled() && config == self.config {
            return;
        }
        let waiting = core::mem::take(&mut self.waiting);
        self.disable(out);
        self.waiting = waiting;
        self.config = config;
        self.connect(now, out);
    }

    fn disable(&mut self, out: &mut Vec<Action>) {
        if self.has_connection() {
            if matches!(self.state, State::Registering { .. } | State::Up { .. }) {
                let header = self.header();
                send(header, Body::Close(CloseReason::Shutdown), out);
            }
            out.push(Action::Disconnect);
        }
        self.state = State::Off;
        self.waiting.clear();
        self.forget();
        self.pause = FIRST_PAUSE;
        self.said_no_master = false;
    }

    /// Nothing of one connection is of use in the next.
    fn forget(&mut self) {
        self.id = 0;
        self.input.clear();
        self.sets.clear();
    }

    fn connect(&mut self, now: Duration, out: &mut Vec<Action>) {
        self.state = State::Connecting { until: now + PATIENCE };
        out.push(Action::Connect);
    }

    fn open(&mut self, now: Duration, out: &mut Vec<Action>) {
        let header = self.header();
        let description = self.config.description.clone().into_bytes();
        send(header, Body::Open { timeout: 0, id: Oid::default(), description }, out);
        self.state = State::Opening { packet: header.packet, until: now + PATIENCE };
    }

    fn register(&mut self, now: Duration, out: &mut Vec<Action>) {
        for (id, description) in self.config.capabilities.clone() {
            let description = description.into_bytes();
            let header = self.header();
            send(header, Body::AddAgentCaps { id, description }, out);
        }
        for subtree in self.config.subtrees.clone() {
            let header = self.header();
            send(header, Body::Register(Registration::of(subtree)), out);
        }
        self.state = State::Registering { last: self.packet, until: now + PATIENCE };
    }

    fn up(&mut self, now: Duration, out: &mut Vec<Action>) {
        self.state = State::Up { ping: None, until: now + self.config.ping };
        self.pause = FIRST_PAUSE;
        self.said_no_master = false;
        out.push(Action::Event(Event::Up));
        let dropped = core::mem::take(&mut self.dropped);
        if dropped > 0 {
            out.push(Action::Event(Event::Dropped(dropped)));
        }
        for bindings in core::mem::take(&mut self.waiting) {
            let header = self.header();
            send(header, Body::Notify(bindings), out);
        }
    }

    fn lost(&mut self, now: Duration, why: String, out: &mut Vec<Action>) {
        if self.is_up() {
            out.push(Action::Event(Event::Down(why)));
        } else if !self.said_no_master {
            self.said_no_master = true;
            out.push(Action::Event(Event::NoMaster(why)));
        }
        out.push(Action::Disconnect);
        self.forget();
        self.state = State::Pause { until: now + self.pause };
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    fn tick(&mut self, now: Duration, out: &mut Vec<Action>) {
        if self.deadline().is_none_or(|until| now < until) {
            return;
        }
        match self.state {
            State::Off => {}
            State::Pause { .. } => self.connect(now, out),
            State::Up { ping: None, .. } => {
                let header = self.header();
                send(header, Body::Ping, out);
                self.state = State::Up { ping: Some(header.packet), until: now + PATIENCE };
            }
            State::Connecting { .. } => self.lost(now, "no connection in time".into(), out),
            State::Opening { .. } | State::Registering { .. } | State::Up { .. } => {
                self.lost(now, "the master agent does not answer".into(), out);
            }
        }
    }

    fn data(&mut self, now: Duration, bytes: &[u8], out: &mut Vec<Action>) {
        if !self.has_connection() {
            return;
        }
        self.input.extend_from_slice(bytes);
        let input = core::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        loop {
            let used = match decode(rest) {
                Ok(None) => break,
                Ok(Some((pdu, used))) => {
                    self.pdu(now, pdu, out);
                    used
                }
                Err(Malformed::Payload { header, response, used, .. }) => {
                    if !response && self.is_up() {
                        self.refuse(now, header, ResponseError::PARSE_ERROR, out);
                    }
                    used
                }
                Err(e @ Malformed::Stream(_)) => {
                    return self.lost(now, format!("the master agent sends nonsense: {e}"), out);
                }
            };
            rest = rest.get(used..).unwrap_or_default();
            if !self.has_connection() {
                return;
            }
        }
        self.input = rest.to_vec();
    }

    fn refuse(&self, now: Duration, header: Header, error: ResponseError, out: &mut Vec<Action>) {
        let uptime = self.uptime(now);
        send(header, Body::Response { uptime, error, index: 0, bindings: Vec::new() }, out);
    }

    fn pdu(&mut self, now: Duration, pdu: Pdu, out: &mut Vec<Action>) {
        let Pdu { header, context, body } = pdu;
        match body {
            Body::Response { error, .. } => return self.response(now, header, error, out),
            Body::Close(reason) if self.has_connection() => {
                let why = format!("the master agent closes the session ({reason:?})");
                return self.lost(now, why, out);
            }
            _ => {}
        }
        let State::Up { .. } = self.state else { return };
        if header.session != self.id {
            return self.refuse(now, header, ResponseError::NOT_OPEN, out);
        }
        if context.is_some() {
            return self.refuse(now, header, ResponseError::UNSUPPORTED_CONTEXT, out);
        }
        let transaction = header.transaction;
        let query = match body {
            Body::Get(ranges) => Query::Get(ranges),
            Body::GetNext(ranges) => Query::Next(ranges),
            Body::GetBulk { non_repeaters, max_repetitions, ranges } => {
                Query::Bulk { non_repeaters, max_repetitions, ranges }
            }
            Body::TestSet(bindings) => {
                if bindings.len() > MAX_SET_BINDINGS {
                    let error = ResponseError::RESOURCE_UNAVAILABLE;
                    return self.refuse(now, header, error, out);
                }
                self.sets.retain(|(of, _)| *of != transaction);
                if self.sets.len() >= MAX_SETS {
                    self.sets.pop_front();
                }
                self.sets.push_back((transaction, bindings.clone()));
                Query::Test(bindings)
            }
            Body::CommitSet | Body::UndoSet => {
                let Some((_, bindings)) = self.sets.iter().find(|(of, _)| *of == transaction)
                else {
                    let error = match body {
                        Body::CommitSet => ResponseError::COMMIT_FAILED,
                        _ => ResponseError::UNDO_FAILED,
                    };
                    return self.refuse(now, header, error, out);
                };
                match body {
                    Body::CommitSet => Query::Commit(bindings.clone()),
                    _ => Query::Undo(bindings.clone()),
                }
            }
            Body::CleanupSet => {
                // No answer (RFC 2741 section 7.2.4.4).
                return self.sets.retain(|(of, _)| *of != transaction);
            }
            Body::Ping => return self.refuse(now, header, ResponseError::NONE, out),
            _ => return self.refuse(now, header, ResponseError::PROCESSING_ERROR, out),
        };
        out.push(Action::Request(Request { header, query }));
    }

    fn response(
        &mut self,
        now: Duration,
        header: Header,
        error: ResponseError,
        out: &mut Vec<Action>,
    ) {
        let failed = error != ResponseError::NONE;
        match self.state {
            State::Opening { packet, .. } if packet == header.packet => {
                if failed {
                    return self.refused(now, "to open a session", error, out);
                }
                self.id = header.session;
                self.register(now, out);
            }
            State::Registering { last, .. } => {
                if failed {
                    // Perhaps the master has not noticed yet that our last session is over.
                    return self.refused(now, "to register what we serve", error, out);
                }
                if header.packet == last {
                    self.up(now, out);
                }
            }
            State::Up { ping, .. } => {
                if error == ResponseError::NOT_OPEN {
                    return self.lost(now, "the master agent knows no such session".into(), out);
                }
                if failed {
                    out.push(Action::Event(Event::Refused { what: "a notification", error }));
                }
                if ping == Some(header.packet) {
                    self.state = State::Up { ping: None, until: now + self.config.ping };
                }
            }
            _ => {}
        }
    }

    fn refused(
        &mut self,
        now: Duration,
        what: &'static str,
        error: ResponseError,
        out: &mut Vec<Action>,
    ) {
        if !self.said_no_master {
            self.said_no_master = true;
            out.push(Action::Event(Event::Refused { what, error }));
        }
        self.lost(now, error.to_string(), out);
    }
}

/// snmpTrapOID.0
const TRAP_OID: [u32; 11] = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];

fn send(header: Header, body: Body, out: &mut Vec<Action>) {
    let mut bytes = Vec::new();
    encode(&Pdu::new(header, body), &mut bytes);
    // What goes out together is written together.
    match out.last_mut() {
        Some(Action::Write(before)) => before.append(&mut bytes),
        _ => out.push(Action::Write(bytes)),
    }
}

#[cfg(test)]
mod tests;
