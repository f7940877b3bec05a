//! One mail handed to a server, as arithmetic: what the server said in, what to write out.
//!
//! The client's side of RFC 5321 as far as an alert needs it: HELO, one sender, some recipients,
//! the message, QUIT. Each command waits for its reply; a reply that is not the expected one ends
//! the attempt with QUIT. There is no retry, no extension and no encryption.
//!
//! No clock, no socket, no log line in here. Replies are bounded in the length and the number of
//! their lines, and each must be complete within the given time, so that a server that drips, or
//! never ends, holds nothing up.

use core::time::Duration;
use std::rc::Rc;
use types::Mono;

/// Longest line of a reply; RFC 5321 (4.5.3.1.5) allows 512 bytes.
const LINE_MAX: usize = 1024;

/// Most lines of a reply.
const LINES_MAX: usize = 100;

/// How much of a reply's text is kept to be told.
const TEXT_MAX: usize = 200;

/// A mail as the server is given it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Letter {
    /// The name that this host gives itself.
    pub helo: String,
    /// Sender's address, without brackets.
    pub from: String,
    /// Recipients' addresses, without brackets.
    pub to: Vec<String>,
    /// The message: lines that end in CRLF, dots doubled, and the final line of one dot.
    pub data: Vec<u8>,
}

/// What a reply is awaited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The connection itself; this reply is TCP's.
    Connect,
    /// The greeting.
    Greeting,
    /// HELO.
    Helo,
    /// MAIL FROM.
    Mail,
    /// RCPT TO, by the place of the recipient.
    Rcpt(usize),
    /// DATA.
    Data,
    /// The message.
    Body,
    /// QUIT; whether the message was taken before.
    Quit {
        /// It was.
        sent: bool,
    },
}

impl Step {
    /// The word for it in log lines.
    pub const fn word(self) -> &'static str {
        match self {
            Step::Connect | Step::Greeting => "(E)SMTP",
            Step::Helo => "HELO",
            Step::Mail => "MAIL",
            Step::Rcpt(_) => "RCPT",
            Step::Data => "DATA",
            Step::Body => "BODY",
            Step::Quit { .. } => "QUIT",
        }
    }

    const fn expects(self) -> u16 {
        match self {
            Step::Connect | Step::Greeting => 220,
            Step::Helo | Step::Mail | Step::Rcpt(_) | Step::Body => 250,
            Step::Data => 354,
            Step::Quit { .. } => 221,
        }
    }
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// The connection stands.
    Connected,
    /// The server said this.
    Received(&'a [u8]),
    /// The server has closed the connection.
    Closed,
    /// Time has passed.
    Tick,
}

/// What to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send these bytes.
    Write(Vec<u8>),
    /// Tell this.
    Report(Report),
    /// The attempt is over: close, once what was written has been taken by the kernel.
    Close,
}

/// What there is to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The connection stands.
    Connected,
    /// The server has taken the message.
    Sent,
    /// The server said something else than it should have.
    Refused {
        /// To what.
        step: Step,
        /// The code of its reply; 0 when it was no reply at all.
        code: u16,
        /// Its words, shortened, in printable characters.
        text: String,
    },
    /// It took too long.
    TimedOut(Step),
    /// The server closed the connection before the message was taken.
    Closed(Step),
}

/// A dialogue with a server.
#[derive(Debug)]
pub struct Dialogue {
    letter: Rc<Letter>,
    patience: Duration,
    step: Step,
    deadline: Option<Mono>,
    /// What has come of a line.
    line: Vec<u8>,
    /// Complete lines of the present reply.
    lines: usize,
}

impl Dialogue {
    /// Begins when the connection does; it and every reply may take `patience`.
    pub fn new(letter: Rc<Letter>, patience: Duration, now: Mono) -> Self {
        let deadline = Some(now + patience);
        let step = Step::Connect;
        Dialogue { letter, patience, step, deadline, line: Vec::new(), lines: 0 }
    }

    /// When [`Input::Tick`] is due; `None` once the dialogue is over.
    pub fn deadline(&self) -> Option<Mono> {
        self.deadline
    }

    /// What is awaited.
    pub fn step(&self) -> Step {
        self.step
    }

    /// Takes what has happened and appends what to do to `out`.
    pub fn handle(&mut self, now: Mono, input: Input<'_>, out: &mut Vec<Action>) {
        if self.is_over() {
            return;
        }
        match input {
            Input::Connected if self.step == Step::Connect => {
                out.push(Action::Report(Report::Connected));
                self.await_reply(now, Step::Greeting);
            }
            Input::Connected => {}
            Input::Received(bytes) => self.receive(now, bytes, out),
            Input::Closed => {
                // Nobody minds a server that does not wait for the end of QUIT.
                if !matches!(self.step, Step::Quit { .. }) {
                    out.push(Action::Report(Report::Closed(self.step)));
                }
                self.close(out);
            }
            Input::Tick if self.deadline.is_some_and(|at| at <= now) => self.time_out(out),
            Input::Tick => {}
        }
    }

    fn is_over(&self) -> bool {
        self.deadline.is_none()
    }

    fn time_out(&mut self, out: &mut Vec<Action>) {
        match self.step {
            // All is said; only the goodbye is missing.
            Step::Quit { .. } => {}
            step => {
                out.push(Action::Report(Report::TimedOut(step)));
                if step != Step::Connect {
                    out.push(Action::Write(b"QUIT\r\n".to_vec()));
                }
            }
        }
        self.close(out);
    }

    fn close(&mut self, out: &mut Vec<Action>) {
        self.deadline = None;
        out.push(Action::Close);
    }

    fn receive(&mut self, now: Mono, bytes: &[u8], out: &mut Vec<Action>) {
        for byte in bytes {
            if self.is_over() {
                return;
            }
            match byte {
                b'\n' => {
                    let mut line = core::mem::take(&mut self.line);
                    if line.last() == Some(&b'\r') {
                        line.pop();
                    }
                    self.on_line(now, &line, out);
                }
                _ if self.line.len() >= LINE_MAX => {
                    let line = core::mem::take(&mut self.line);
                    self.refuse(now, 0, &line, out);
                }
                other => self.line.push(*other),
            }
        }
    }

    fn on_line(&mut self, now: Mono, line: &[u8], out: &mut Vec<Action>) {
        let Some((code, last)) = reply(line) else { return self.refuse(now, 0, line, out) };
        self.lines += 1;
        if !last {
            if self.lines >= LINES_MAX {
                self.refuse(now, 0, line, out);
            }
            return;
        }
        if code == self.step.expects() {
            self.go_on(now, out);
        } else {
            self.refuse(now, code, line.get(4..).unwrap_or_default(), out);
        }
    }

    /// The expected reply has come: the next command.
    fn go_on(&mut self, now: Mono, out: &mut Vec<Action>) {
        let recipient = |n: usize| self.letter.to.get(n).map(|to| format!("RCPT TO:<{to}>"));
        let (next, command) = match self.step {
            Step::Connect => return,
            Step::Greeting => (Step::Helo, format!("HELO {}", self.letter.helo)),
            Step::Helo => (Step::Mail, format!("MAIL FROM:<{}>", self.letter.from)),
            Step::Mail => match recipient(0) {
                Some(command) => (Step::Rcpt(0), command),
                // Without recipients there is nothing to send.
                None => (Step::Quit { sent: false }, "QUIT".to_owned()),
            },
            Step::Rcpt(n) => match recipient(n + 1) {
                Some(command) => (Step::Rcpt(n + 1), command),
                None => (Step::Data, "DATA".to_owned()),
            },
            Step::Data => {
                out.push(Action::Write(self.letter.data.clone()));
                return self.await_reply(now, Step::Body);
            }
            Step::Body => {
                out.push(Action::Report(Report::Sent));
                (Step::Quit { sent: true }, "QUIT".to_owned())
            }
            Step::Quit { .. } => return self.close(out),
        };
        out.push(Action::Write((command + "\r\n").into_bytes()));
        self.await_reply(now, next);
    }

    /// The reply is not what it should be: the attempt ends.
    fn refuse(&mut self, now: Mono, code: u16, text: &[u8], out: &mut Vec<Action>) {
        let text = String::from_utf8_lossy(text);
        let text = text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect();
        out.push(Action::Report(Report::Refused { step: self.step, code, text }));
        if matches!(self.step, Step::Quit { .. }) {
            return self.close(out);
        }
        out.push(Action::Write(b"QUIT\r\n".to_vec()));
        self.await_reply(now, Step::Quit { sent: false });
    }

    fn await_reply(&mut self, now: Mono, step: Step) {
        self.step = step;
        self.lines = 0;
        self.line.clear();
        self.deadline = Some(now + self.patience);
    }
}

/// The code of a line of a reply (RFC 5321, 4.2), and whether it is the last one.
fn reply(line: &[u8]) -> Option<(u16, bool)> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.first() {
        None | Some(b' ') => Some((code, true)),
        Some(b'-') => Some((code, false)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
