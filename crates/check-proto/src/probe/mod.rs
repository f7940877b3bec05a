//! One attempt of a checker: a dialogue of bytes and deadlines that ends in a
//! [`Verdict`].
//!
//! Owns what all dialogues share: their inputs and actions, the time limits of
//! an attempt, the reasons of a verdict. A probe never opens a socket, reads a
//! clock or logs; TLS is a wrapper of the byte stream in the shell, so that the
//! dialogues of `HTTP_GET` and `SSL_GET` are one.

pub mod bfd;
pub mod body;
pub mod dns;
pub mod file;
pub mod http;
pub mod misc;
pub mod pattern;
pub mod ping;
pub mod smtp;
pub mod tcp;
pub mod udp;

use core::net::SocketAddr;
use core::time::Duration;
use model::lvs::Bind;
use std::sync::Arc;
use types::{Mono, ScriptId};

/// What a probe is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// The socket is connected, and the TLS handshake is done if there is one.
    Connected,
    /// It could not be.
    ConnectFailed(IoError),
    /// Bytes of a stream, or one datagram.
    Bytes(&'a [u8]),
    /// The peer closed its side.
    Eof,
    /// Reading failed.
    ReadFailed(IoError),
    /// Writing failed.
    WriteFailed(IoError),
    /// The socket's error queue had an ICMP or ICMPv6 error; `unreachable`
    /// when its type is destination unreachable.
    IcmpError {
        /// Type 3 (ICMP) or 1 (ICMPv6).
        unreachable: bool,
    },
    /// The script ended.
    Exit(Exit),
    /// Time passed.
    Tick,
}

/// What a probe asks for or tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Something for the shell to do.
    Io(Io),
    /// Something worth a line that does not change the outcome.
    Note(Note),
    /// The attempt is over.
    Verdict(Verdict),
}

/// What a probe wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Io {
    /// Open a socket as described and connect it (with a TLS handshake when
    /// the endpoint says so); answered by `Connected` or `ConnectFailed`.
    Connect(Arc<Endpoint>),
    /// Write all of this.
    Write(Arc<[u8]>),
    /// Run a script through core; answered by `Exit`.
    Run {
        /// Which.
        script: ScriptId,
        /// When core ends it.
        timeout: Duration,
    },
    /// Close the socket, or end the script and forget its result.
    Close,
}

impl From<Io> for Action {
    fn from(io: Io) -> Self {
        Action::Io(io)
    }
}

/// What a probe remarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// `Content-Length` differs from what was received.
    Length {
        /// As announced.
        announced: u64,
        /// As received.
        received: u64,
    },
}

/// Where and how to open a check's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Kind of socket.
    pub transport: Transport,
    /// Destination; the port is 0 for ICMP.
    pub to: SocketAddr,
    /// Local address, device and mark.
    pub bind: Option<Box<Bind>>,
    /// TLS on top.
    pub tls: Option<Tls>,
}

/// Kinds of socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP stream.
    Tcp,
    /// Connected UDP; `errors` asks for the error queue
    /// (IP_RECVERR, IPV6_RECVERR).
    Udp {
        /// Report ICMP errors as [`Input::IcmpError`].
        errors: bool,
    },
    /// Datagram ICMP or ICMPv6 by the destination's family; the kernel chooses
    /// identifier and checksum.
    Icmp,
}

/// TLS options of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Name for SNI; `None` sends none.
    pub sni: Option<Box<str>>,
    /// Send close_notify when closing.
    pub close_notify: bool,
}

/// What went wrong in a system call or handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoError {
    /// What the shell made of it.
    pub kind: IoKind,
    /// errno, or the TLS alert for [`IoKind::Tls`]; for texts only.
    pub code: i32,
}

/// Kinds of [`IoError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoKind {
    /// ENETUNREACH.
    NetUnreachable,
    /// EHOSTUNREACH.
    HostUnreachable,
    /// ECONNREFUSED.
    Refused,
    /// EHOSTDOWN.
    HostDown,
    /// ENETDOWN.
    NetDown,
    /// ECONNRESET.
    Reset,
    /// ECONNABORTED.
    Aborted,
    /// ETIMEDOUT.
    TimedOut,
    /// TLS handshake or record layer.
    Tls,
    /// Binding to the local address, device or mark failed.
    Bind,
    /// The socket could not be made, or any other local trouble.
    Local,
}

impl IoError {
    /// Whether this says something about the server, rather than about this
    /// host.
    pub const fn is_about_peer(self) -> bool {
        !matches!(self.kind, IoKind::Bind | IoKind::Local)
    }
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Status(u8),
    /// By this signal, not sent by us.
    Signal(i32),
    /// It ran too long and was ended.
    TimedOut,
    /// It cannot be executed.
    CannotRun,
    /// This host could not start it.
    NotStarted,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What came out.
    pub outcome: Outcome,
    /// From the start of the attempt to its end.
    pub latency: Duration,
}

/// Result of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The server is well.
    Pass(Pass),
    /// It is not.
    Fail(Reason),
    /// This host could not ask; counts neither way.
    Skip(IoError),
}

/// Details of a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Nothing more to say.
    Plain,
    /// HTTP: which test decided.
    Http(HttpTest),
    /// A script's exit status.
    Exit(u8),
}

/// The tests of an HTTP answer, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpTest {
    /// The status was accepted.
    Status,
    /// The body's MD5 matched.
    Digest,
    /// The pattern was found, or rightly not.
    Regex,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No connection within the time limit.
    ConnectTimeout,
    /// The connection was refused or could not reach the server.
    ConnectFailed(IoError),
    /// The answer did not come in time.
    ReadTimeout,
    /// HTTP: nothing of the answer came in time.
    NoAnswer,
    /// Reading failed.
    ReadFailed(IoError),
    /// Writing failed.
    WriteFailed(IoError),
    /// The attempt's total time was used up.
    TotalTimeout,
    /// The peer closed before it had answered.
    EarlyClose,
    /// HTTP: header larger than [`http::HEAD_MAX`].
    HeadTooLong,
    /// HTTP: status not accepted.
    Status(u16),
    /// HTTP: MD5 of the body differs.
    Digest,
    /// HTTP: the pattern is missing, or there although it must not.
    Regex,
    /// HTTP: the pattern needed too many steps on this body.
    RegexLimit,
    /// SMTP: the greeting is not 220.
    BadGreeting,
    /// SMTP: the answer to HELO is not 250.
    BadHelo,
    /// DNS: the answer's RCODE.
    Rcode(u8),
    /// UDP: an ICMP error says that it is unreachable.
    Unreachable,
    /// UDP: the reply is not the required one.
    Mismatch,
    /// A script's end.
    Script(Exit),
    /// A file's number.
    File(i64),
    /// The BFD session is down.
    Session,
}

/// The time limits of an attempt, and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    started: Mono,
    stage: Mono,
    total: Option<Mono>,
    done: bool,
}

/// Which limit has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    Stage,
    Total,
}

impl Attempt {
    /// An attempt that starts at `now`, with `timeout` for its first stage and
    /// `total` for all.
    pub fn start(now: Mono, timeout: Duration, total: Option<Duration>) -> Self {
        Attempt { started: now, stage: now + timeout, total: total.map(|t| now + t), done: false }
    }

    /// The next stage may take `timeout` from `now`.
    pub fn stage(&mut self, now: Mono, timeout: Duration) {
        self.stage = now + timeout;
    }

    pub fn deadline(&self) -> Option<Mono> {
        if self.done {
            return None;
        }
        Some(self.total.map_or(self.stage, |t| t.min(self.stage)))
    }

    pub fn late(&self, now: Mono) -> Option<Late> {
        if self.total.is_some_and(|t| now >= t) {
            Some(Late::Total)
        } else if now >= self.stage {
            Some(Late::Stage)
        } else {
            None
        }
    }

    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Ends the attempt and closes its socket.
    pub fn finish(&mut self, now: Mono, outcome: Outcome, out: &mut Vec<Action>) {
        out.push(Io::Close.into());
        self.finish_open(now, outcome, out);
    }

    /// Ends the attempt but leaves its socket open.
    pub fn finish_open(&mut self, now: Mono, outcome: Outcome, out: &mut Vec<Action>) {
        self.done = true;
        let latency = now.saturating_since(self.started);
        out.push(Action::Verdict(Verdict { outcome, latency }));
    }

    pub fn fail(&mut self, now: Mono, reason: Reason, out: &mut Vec<Action>) {
        self.finish(now, Outcome::Fail(reason), out);
    }

    pub fn pass(&mut self, now: Mono, out: &mut Vec<Action>) {
        self.finish(now, Outcome::Pass(Pass::Plain), out);
    }

    /// Ends the attempt as a failure to connect; trouble of this host does not
    /// count.
    pub fn connect_failed(&mut self, now: Mono, e: IoError, out: &mut Vec<Action>) {
        self.finish(now, connect_outcome(e), out);
    }
}

/// What a connect error means (checks are not failed by this host's trouble).
fn connect_outcome(e: IoError) -> Outcome {
    match e.kind {
        IoKind::TimedOut => Outcome::Fail(Reason::ConnectTimeout),
        _ if e.is_about_peer() => Outcome::Fail(Reason::ConnectFailed(e)),
        _ => Outcome::Skip(e),
    }
}

/// A checker's immutable part: what each attempt needs.
#[derive(Debug, Clone)]
pub enum Plan {
    /// `TCP_CHECK`.
    Tcp(Arc<tcp::Plan>),
    /// `HTTP_GET`, `SSL_GET`: a page per url.
    Http(Arc<[http::Page]>),
    /// `SMTP_CHECK`.
    Smtp(Arc<smtp::Plan>),
    /// `DNS_CHECK`.
    Dns(Arc<dns::Plan>),
    /// `UDP_CHECK`.
    Udp(Arc<udp::Plan>),
    /// `PING_CHECK`.
    Ping(Arc<ping::Plan>),
    /// `MISC_CHECK`.
    Misc(misc::Plan),
}

/// An attempt in progress.
#[derive(Debug)]
#[allow(missing_docs)] // named as their modules
pub enum Probe {
    Tcp(tcp::Tcp),
    Http(Box<http::Http>),
    Smtp(smtp::Smtp),
    Dns(dns::Dns),
    Udp(udp::Udp),
    Ping(ping::Ping),
    Misc(misc::Misc),
}

impl Plan {
    /// Number of attempts that make a whole check: one per url.
    pub fn steps(&self) -> usize {
        match self {
            Plan::Http(pages) => pages.len(),
            _ => 1,
        }
    }

    /// Starts attempt number `step` of a check. `id` is a random number for
    /// protocols that need one; `link` is what the last successful ping left
    /// open.
    pub fn start(
        &self,
        step: usize,
        id: u16,
        link: Option<ping::Link>,
        now: Mono,
        out: &mut Vec<Action>,
    ) -> Option<Probe> {
        Some(match self {
            Plan::Tcp(p) => Probe::Tcp(tcp::Tcp::start(p, now, out)),
            Plan::Http(pages) => Probe::Http(Box::new(http::Http::start(pages, step, now, out)?)),
            Plan::Smtp(p) => Probe::Smtp(smtp::Smtp::start(p, now, out)),
            Plan::Dns(p) => Probe::Dns(dns::Dns::start(p, id, now, out)),
            Plan::Udp(p) => Probe::Udp(udp::Udp::start(p, now, out)),
            Plan::Ping(p) => Probe::Ping(ping::Ping::start(p, link, now, out)),
            Plan::Misc(p) => Probe::Misc(misc::Misc::start(p, now, out)),
        })
    }
}

impl Probe {
    /// Tells the attempt what happened at `now`; what it wants is appended to
    /// `out`. After its verdict it ignores everything.
    pub fn handle(&mut self, now: Mono, input: Input<'_>, out: &mut Vec<Action>) {
        match self {
            Probe::Tcp(p) => p.handle(now, input, out),
            Probe::Http(p) => p.handle(now, input, out),
            Probe::Smtp(p) => p.handle(now, input, out),
            Probe::Dns(p) => p.handle(now, input, out),
            Probe::Udp(p) => p.handle(now, input, out),
            Probe::Ping(p) => p.handle(now, input, out),
            Probe::Misc(p) => p.handle(now, input, out),
        }
    }

    /// When it wants a tick; `None` once it is over.
    pub fn deadline(&self) -> Option<Mono> {
        match self {
            Probe::Tcp(p) => p.deadline(),
            Probe::Http(p) => p.deadline(),
            Probe::Smtp(p) => p.deadline(),
            Probe::Dns(p) => p.deadline(),
            Probe::Udp(p) => p.deadline(),
            Probe::Ping(p) => p.deadline(),
            Probe::Misc(p) => p.deadline(),
        }
    }

    /// What a ping leaves open for the next attempt.
    pub fn link(&self) -> Option<ping::Link> {
        match self {
            Probe::Ping(p) => p.link(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
