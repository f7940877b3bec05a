//! Checkers of real servers.

use core::net::IpAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use types::{Micros, ScriptId, TrackId};

/// A checker with its pacing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checker {
    /// Start as failed.
    pub alpha: bool,
    /// Retries before a failure counts.
    pub retry: u32,
    /// Time between retries.
    pub delay_before_retry: Micros,
    /// Largest random addition to the start delay.
    pub warmup: Micros,
    /// Time between checks.
    pub delay_loop: Micros,
    /// Log every failed attempt.
    pub log_all_failures: bool,
    /// What is done.
    pub kind: CheckKind,
}

impl Checker {
    /// Longest time a whole attempt may take, if there is a limit.
    pub fn total_timeout(&self) -> Option<Duration> {
        let total = self.kind.connect()?.bind.as_ref()?.total;
        (!total.is_zero()).then(|| total.duration())
    }
}

/// Connection options of a checker. Boxed inside its kind where rarely set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Connect {
    /// Address to check; `None` is the real server's.
    pub ip: Option<IpAddr>,
    /// Port to check; `None` is the real server's.
    pub port: Option<u16>,
    /// Timeout of connecting, reading and writing.
    pub timeout: Micros,
    /// Rare options.
    pub bind: Option<Box<Bind>>,
}

/// Rare connection options: where a check's socket is bound, its mark, a limit
/// to the whole attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bind {
    /// Local address.
    pub ip: Option<IpAddr>,
    /// Local port.
    pub port: u16,
    /// Device.
    pub interface: Option<String>,
    /// SO_MARK.
    pub fwmark: u32,
    /// Longest time a whole attempt may take, whatever the server sends
    /// (ours; the reference has none): zero leaves it to the timeouts.
    pub total: Micros,
}

/// The kinds of checker. TCP_CHECK is by far the commonest; what the others have
/// is boxed, so that a checker takes 72 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckKind {
    /// `TCP_CHECK`.
    Tcp(Connect),
    /// `PING_CHECK`.
    Ping(Box<Connect>),
    /// `HTTP_GET` and `SSL_GET`.
    Http(Box<HttpCheck>),
    /// `SMTP_CHECK`.
    Smtp(Box<SmtpCheck>),
    /// `DNS_CHECK`.
    Dns(Box<DnsCheck>),
    /// `UDP_CHECK`.
    Udp(Box<UdpCheck>),
    /// `MISC_CHECK`.
    Misc(Box<MiscCheck>),
    /// `FILE_CHECK`.
    File {
        /// The track file.
        track: TrackId,
        /// Multiplier; 0 makes a non-zero value a failure.
        weight: i32,
        /// Sign inverted (or good and bad exchanged).
        reverse: bool,
    },
    /// `BFD_CHECK`: session by name.
    Bfd {
        /// Name of the BFD instance.
        name: Box<str>,
    },
}

impl CheckKind {
    /// How it connects, if it does.
    pub fn connect(&self) -> Option<&Connect> {
        match self {
            CheckKind::Tcp(connect) => Some(connect),
            CheckKind::Ping(connect) => Some(connect),
            CheckKind::Http(check) => Some(&check.connect),
            CheckKind::Smtp(check) => Some(&check.connect),
            CheckKind::Dns(check) => Some(&check.connect),
            CheckKind::Udp(check) => Some(&check.connect),
            CheckKind::Misc(_) | CheckKind::File { .. } | CheckKind::Bfd { .. } => None,
        }
    }

    /// The same, to be changed.
    pub fn connect_mut(&mut self) -> Option<&mut Connect> {
        match self {
            CheckKind::Tcp(connect) => Some(connect),
            CheckKind::Ping(connect) => Some(connect),
            CheckKind::Http(check) => Some(&mut check.connect),
            CheckKind::Smtp(check) => Some(&mut check.connect),
            CheckKind::Dns(check) => Some(&mut check.connect),
            CheckKind::Udp(check) => Some(&mut check.connect),
            CheckKind::Misc(_) | CheckKind::File { .. } | CheckKind::Bfd { .. } => None,
        }
    }
}

/// `HTTP_GET` or `SSL_GET`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HttpCheck {
    /// Connection.
    pub connect: Connect,
    /// TLS (`SSL_GET`).
    pub tls: bool,
    /// Host header.
    pub virtualhost: Option<String>,
    /// Protocol version.
    pub protocol: HttpProtocol,
    /// Send SNI.
    pub enable_sni: bool,
    /// SNI name.
    pub sni_name: Option<String>,
    /// No delay between urls until the first verdict or while recovering.
    pub fast_recovery: bool,
    /// Send close_notify.
    pub tls_compliant: bool,
    /// URLs, checked in order.
    pub urls: Vec<Url>,
}

/// `http_protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum HttpProtocol {
    /// HTTP/1.0.
    #[default]
    V1_0,
    /// HTTP/1.0 with `Connection: close`.
    V1_0C,
    /// HTTP/1.1.
    V1_1,
}

/// `url`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Url {
    /// Request target.
    pub path: String,
    /// MD5 of the body.
    pub digest: Option<[u8; 16]>,
    /// Accepted statuses as inclusive ranges; empty is 200 to 299.
    pub status: Vec<(u16, u16)>,
    /// Host header.
    pub virtualhost: Option<String>,
    /// Pattern on the body.
    pub regex: Option<Regex>,
    /// Send close_notify for this url.
    pub tls_compliant: Option<bool>,
}

/// A pattern on a body.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Regex {
    /// Pattern, PCRE syntax.
    pub pattern: String,
    /// Option words.
    pub options: Vec<String>,
    /// Succeed when it does not match.
    pub no_match: bool,
    /// A match starts at or after this offset.
    pub min_offset: u64,
    /// A match starts at or before this offset.
    pub max_offset: Option<u64>,
    /// `regex_stack` start and maximum, bytes.
    pub stack: Option<(u64, u64)>,
}

/// `SMTP_CHECK`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpCheck {
    /// Connection.
    pub connect: Connect,
    /// HELO name.
    pub helo: String,
}

/// `DNS_CHECK`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsCheck {
    /// Connection.
    pub connect: Connect,
    /// Query type number.
    pub qtype: u16,
    /// Query name; empty is the root.
    pub name: String,
}

/// `UDP_CHECK`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UdpCheck {
    /// Connection.
    pub connect: Connect,
    /// Datagram to send; `None` is the default text.
    pub payload: Option<Vec<u8>>,
    /// A reply must arrive.
    pub require_reply: bool,
    /// What it must match: (value, mask) per byte.
    pub reply: Vec<(u8, u8)>,
    /// Least length of a reply.
    pub min_reply: u16,
    /// Largest length of a reply; the default of 255 binds only where a
    /// pattern is given.
    pub max_reply: u16,
}

impl Default for UdpCheck {
    fn default() -> Self {
        UdpCheck {
            connect: Connect::default(),
            payload: None,
            require_reply: false,
            reply: Vec::new(),
            min_reply: 0,
            max_reply: 255,
        }
    }
}

/// `MISC_CHECK`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MiscCheck {
    /// The program.
    pub script: ScriptId,
    /// Command as written.
    pub command: String,
    /// The file that is run, for log lines.
    pub path: String,
    /// Kill limit; zero is the virtual server's delay_loop.
    pub timeout: Micros,
    /// The exit status sets the weight.
    pub dynamic: bool,
}
