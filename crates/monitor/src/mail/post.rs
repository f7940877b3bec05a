//! The connections to the mail server, and the mails that wait for one.
//!
//! Owns the sockets and the log lines of [`dialogue`](super::dialogue). Some mails travel at once,
//! others wait in a bounded queue; what finds no room is counted and told.

use super::dialogue::{Action, Dialogue, Input, Letter, Report, Step};
use crate::subsystem::Cx;
use core::net::SocketAddr;
use core::time::Duration;
use log::{debug, info, warn};
use rt::Interest;
use rt::client::{self, Client, Kind};
use rt::poll::Ready;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use types::Mono;

/// Mails that travel at once.
const PARALLEL: usize = 16;

/// Mails that wait.
const QUEUE: usize = 1000;

/// Bytes read at a time.
const READ: usize = 4096;

/// Reads of a connection before others have their turn.
const READS: usize = 8;

/// A mail on its way.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What it is about, for log lines.
    pub subject: String,
    /// The mail.
    pub letter: Rc<Letter>,
    /// Whom it is handed to.
    pub server: SocketAddr,
    /// How long the connection, and each reply, may take.
    pub patience: Duration,
}

impl Outgoing {
    /// The server as log lines have it.
    fn server(&self) -> String {
        format!("[{}]:{}", self.server.ip(), self.server.port())
    }

    fn lost(&self, why: &str) {
        warn!("{why} Alert lost: {}", self.subject);
    }
}

/// Everything on its way.
#[derive(Debug)]
pub struct Post {
    travelling: [Option<Connection>; PARALLEL],
    waiting: VecDeque<Outgoing>,
    /// Mails that found no room since the queue was last full.
    dropped: u64,
    /// On the way out: until when.
    until: Option<Mono>,
}

impl Default for Post {
    fn default() -> Self {
        Post {
            travelling: [const { None }; PARALLEL],
            waiting: VecDeque::new(),
            dropped: 0,
            until: None,
        }
    }
}

impl Post {
    /// Sends a mail, at once or when there is room.
    pub fn send(&mut self, cx: &mut Cx<'_>, mail: Outgoing) {
        if self.waiting.len() >= QUEUE
            && let Some(oldest) = self.waiting.pop_front()
        {
            // What happened last matters most.
            if self.dropped == 0 {
                oldest.lost("Too many alerts wait for the SMTP server.");
            }
            self.dropped += 1;
        }
        self.waiting.push_back(mail);
        self.fill(cx);
    }

    /// A connection has something to do.
    pub fn ready(&mut self, cx: &mut Cx<'_>, number: usize, ready: Ready) {
        self.with(cx, number, |c, cx| c.ready(cx.now, ready));
    }

    /// When [`Post::tick`] is due.
    pub fn deadline(&self) -> Option<Mono> {
        let open = self.travelling.iter().flatten();
        let until = self.until.filter(|_| !self.is_idle());
        open.filter_map(|c| c.dialogue.deadline()).chain(until).min()
    }

    /// Ends what took too long.
    pub fn tick(&mut self, cx: &mut Cx<'_>) {
        if self.until.is_some_and(|until| until <= cx.now) {
            return self.give_up();
        }
        for number in 0..PARALLEL {
            let late = |c: &Connection| c.dialogue.deadline().is_some_and(|at| at <= cx.now);
            if self.travelling.get(number).is_some_and(|c| c.as_ref().is_some_and(late)) {
                self.with(cx, number, |c, cx| c.step(cx.now, Input::Tick));
            }
        }
    }

    /// What is on its way must be done until then.
    pub fn leave(&mut self, until: Mono) {
        self.until = Some(until);
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.travelling.iter().all(Option::is_none)
    }

    /// Time is up.
    fn give_up(&mut self) {
        for place in &mut self.travelling {
            if let Some(c) = place.take().filter(|c| !c.sent) {
                c.mail.lost("keepalived stops, and the SMTP server is too slow.");
            }
        }
        for mail in self.waiting.drain(..) {
            mail.lost("keepalived stops, and the SMTP server is too slow.");
        }
    }

    /// Lets waiting mails travel while there is room.
    fn fill(&mut self, cx: &mut Cx<'_>) {
        while let Some(number) = self.travelling.iter().position(Option::is_none) {
            let Some(mail) = self.waiting.pop_front() else { break };
            if let Some(place) = self.travelling.get_mut(number) {
                *place = Connection::open(cx, number, mail);
            }
        }
        if self.dropped > 0 && self.waiting.len() < QUEUE / 2 {
            warn!("{} alerts were lost, because too many waited", self.dropped);
            self.dropped = 0;
        }
    }

    /// Goes on with a connection, and with what waits if that ends it.
    fn with(
        &mut self,
        cx: &mut Cx<'_>,
        number: usize,
        go_on: impl FnOnce(&mut Connection, &mut Cx<'_>) -> Goes,
    ) {
        let Some(place) = self.travelling.get_mut(number) else { return };
        let Some(connection) = place else { return };
        let goes = go_on(connection, cx);
        if goes == Goes::Over || !connection.watch(cx, number) {
            *place = None;
            self.fill(cx);
        }
    }
}

/// Whether a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    Over,
}

/// A mail that travels.
#[derive(Debug)]
struct Connection {
    fd: OwnedFd,
    mail: Outgoing,
    dialogue: Dialogue,
    /// Not written yet.
    out: Vec<u8>,
    /// What the loop was told to wait for.
    writes: bool,
    sent: bool,
}

impl Connection {
    /// Begins to connect; `None`, with a log line, when that fails at once.
    fn open(cx: &mut Cx<'_>, number: usize, mail: Outgoing) -> Option<Self> {
        let client = Client { kind: Kind::Tcp, to: mail.server, from: None, device: None, mark: 0 };
        let fd = match client.open() {
            Ok((fd, _)) => fd,
            Err(e) => {
                mail.lost(&format!("SMTP connection ERROR to {}: {}.", mail.server(), e.error));
                return None;
            }
        };
        // A connection that stands already is writable too.
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(e) = cx.poll.register(&fd, cx.token(number), interest) {
            mail.lost(&format!("SMTP connection ERROR to {}: {e}.", mail.server()));
            return None;
        }
        let dialogue = Dialogue::new(mail.letter.clone(), mail.patience, cx.now);
        Some(Connection { fd, mail, dialogue, out: Vec::new(), writes: true, sent: false })
    }

    fn ready(&mut self, now: Mono, ready: Ready) -> Goes {
        if self.dialogue.step() == Step::Connect {
            if !ready.writable && !ready.closed {
                return Goes::On;
            }
            if let Err(e) = client::pending_error(self.fd.as_fd()) {
                let server = self.mail.server();
                self.mail.lost(&format!("SMTP connection ERROR to {server}: {e}."));
                return Goes::Over;
            }
            if self.step(now, Input::Connected) == Goes::Over {
                return Goes::Over;
            }
        }
        if self.flush() == Goes::Over {
            return Goes::Over;
        }
        if ready.readable { self.read(now) } else { Goes::On }
    }

    fn read(&mut self, now: Mono) -> Goes {
        let mut buffer = [0; READ];
        for _ in 0..READS {
            let input = match client::read(self.fd.as_fd(), &mut buffer) {
                Ok(0) => Input::Closed,
                Ok(count) => Input::Received(buffer.get(..count).unwrap_or_default()),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Goes::On,
                Err(e) => {
                    let server = self.mail.server();
                    return self.broken(&format!(
                        "Error reading data from remote SMTP server {server}: {e}."
                    ));
                }
            };
            if self.step(now, input) == Goes::Over {
                return Goes::Over;
            }
        }
        Goes::On
    }

    /// Takes the dialogue a step further.
    fn step(&mut self, now: Mono, input: Input<'_>) -> Goes {
        let mut actions = Vec::new();
        self.dialogue.handle(now, input, &mut actions);
        for action in actions {
            match action {
                Action::Write(bytes) => self.out.extend(bytes),
                Action::Report(report) => self.tell(&report),
                Action::Close => {
                    // The last word, if it still goes.
                    let _ = client::write(self.fd.as_fd(), &self.out);
                    return Goes::Over;
                }
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> Goes {
        while !self.out.is_empty() {
            match client::write(self.fd.as_fd(), &self.out) {
                Ok(count) => {
                    self.out.drain(..count.min(self.out.len()));
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Goes::On,
                Err(e) => {
                    let server = self.mail.server();
                    return self
                        .broken(&format!("Cannot send data to remote SMTP server {server}: {e}."));
                }
            }
        }
        Goes::On
    }

    /// The connection is of no more use.
    fn broken(&self, why: &str) -> Goes {
        match self.dialogue.step() {
            // All was said, or refused, and told of.
            Step::Quit { .. } => {}
            _ => self.mail.lost(why),
        }
        Goes::Over
    }

    fn tell(&mut self, report: &Report) {
        let server = self.mail.server();
        match report {
            Report::Connected => debug!("Remote SMTP server {server} connected."),
            Report::Sent => {
                self.sent = true;
                debug!("SMTP alert successfully sent.");
            }
            Report::Refused { step, code, text } => {
                let word = step.word();
                let why = format!(
                    "Error processing {word} cmd on SMTP server {server}. SMTP status code = {code} \
                     ({text})."
                );
                match step {
                    Step::Quit { .. } => info!("{why}"),
                    _ => self.mail.lost(&why),
                }
            }
            Report::TimedOut(Step::Connect) => self
                .mail
                .lost(&format!("Timeout opening connection to remote SMTP server {server}.")),
            Report::TimedOut(_) => {
                self.mail.lost(&format!("Timeout reading data to remote SMTP server {server}."));
            }
            Report::Closed(_) => {
                self.mail.lost(&format!("Remote SMTP server {server} has closed the connection."));
            }
        }
    }

    /// Keeps the loop's interest as it is needed; false when that fails.
    fn watch(&mut self, cx: &Cx<'_>, number: usize) -> bool {
        let writes = !self.out.is_empty() || self.dialogue.step() == Step::Connect;
        if writes == self.writes {
            return true;
        }
        self.writes = writes;
        let interest =
            if writes { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let done = cx.poll.reregister(&self.fd, cx.token(number), interest);
        if let Err(e) = &done {
            let server = self.mail.server();
            self.mail.lost(&format!("SMTP connection ERROR to {server}: {e}."));
        }
        done.is_ok()
    }
}
