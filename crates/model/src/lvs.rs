//! Virtual servers, real servers and their checkers.

use crate::secret::Secret;
use core::net::IpAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use types::{Family, Micros, ScriptId, TrackId};

/// Everything the checker role works on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Lvs {
    /// Virtual servers, in configuration order.
    pub virtual_servers: Vec<VirtualServer>,
    /// `virtual_server_group`.
    pub groups: Vec<VirtualServerGroup>,
    /// `SSL`.
    pub ssl: Option<Ssl>,
    /// Whether any `virtual_server` block was there: it starts the checker
    /// role.
    pub blocks: bool,
}

/// `SSL`: client credentials.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ssl {
    /// Pass phrase of the key.
    pub password: Option<Secret>,
    /// CA file.
    pub ca: Option<String>,
    /// Certificate chain file.
    pub certificate: Option<String>,
    /// Private key file.
    pub key: Option<String>,
}

/// `virtual_server_group`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualServerGroup {
    /// Name.
    pub name: String,
    /// Entries, in configuration order.
    pub entries: Vec<GroupEntry>,
}

/// One line of a virtual server group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupEntry {
    /// Inclusive range of addresses (both ends equal for one address).
    Range {
        /// First address.
        first: IpAddr,
        /// Last address.
        last: IpAddr,
        /// Port; 0 is any.
        port: u16,
    },
    /// Firewall mark.
    Fwmark {
        /// The mark.
        mark: u32,
        /// Family, when given.
        family: Option<Family>,
    },
}

/// What a virtual server listens on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Service {
    /// Address and port; port 0 is any.
    Addr(IpAddr, u16),
    /// Firewall mark.
    Fwmark(u32),
    /// Virtual server group, by name, and the sequence number among the
    /// virtual servers of that group.
    Group(String, u32),
}

/// Transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// IPVS scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs)] // the kernel's own names (ip_vs)
pub enum Scheduler {
    Rr,
    Wrr,
    Lc,
    #[default]
    Wlc,
    Lblc,
    Lblcr,
    Sh,
    Mh,
    Dh,
    Fo,
    Ovf,
    Sed,
    Nq,
    Twos,
}

/// Forwarding method with tunnel options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Forwarding {
    /// Masquerading.
    #[default]
    Nat,
    /// Direct routing.
    Dr,
    /// Tunnelling.
    Tun(Tunnel),
}

/// IPVS tunnel type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Tunnel {
    /// IP in IP.
    #[default]
    Ipip,
    /// Generic UDP encapsulation.
    Gue {
        /// Destination port.
        port: u16,
        /// Checksum mode.
        csum: TunnelCsum,
    },
    /// GRE.
    Gre {
        /// Checksum mode.
        csum: TunnelCsum,
    },
}

/// Tunnel checksum mode (`IP_VS_TUNNEL_ENCAP_FLAG_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TunnelCsum {
    /// None.
    #[default]
    None,
    /// Checksum.
    Csum,
    /// Remote checksum offload.
    RemCsum,
}

/// `virtual_server`, defaults and inheritance resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualServer {
    /// What it listens on.
    pub service: Service,
    /// Family; `None` while only real servers could tell.
    pub family: Option<Family>,
    /// Protocol; `None` for a firewall mark.
    pub protocol: Option<Protocol>,
    /// Scheduler.
    pub scheduler: Scheduler,
    /// One-packet scheduling.
    pub ops: bool,
    /// Scheduler flag bits 1 to 3 (`IP_VS_SVC_F_SCHED1` and on).
    pub sched_flags: u8,
    /// Default forwarding of its servers.
    pub forwarding: Forwarding,
    /// Persistence engine name.
    pub persistence_engine: Option<String>,
    /// Persistence in seconds; 0 is off.
    pub persistence_timeout: u32,
    /// Persistence mask: IPv4 netmask bits as a number, or IPv6 prefix
    /// length.
    pub persistence_granularity: u32,
    /// Suspend checkers while the address is not on this host.
    pub ha_suspend: bool,
    /// Run down notifications at shutdown.
    pub omega: bool,
    /// Least total weight alive.
    pub quorum: u32,
    /// Hysteresis of the quorum.
    pub hysteresis: u32,
    /// `quorum_up`.
    pub quorum_up: Option<ScriptId>,
    /// `quorum_down`.
    pub quorum_down: Option<ScriptId>,
    /// Default Host header.
    pub virtualhost: Option<String>,
    /// Mails on quorum changes.
    pub smtp_alert: bool,
    /// `snmp_name`.
    pub snmp_name: Option<String>,
    /// Interval of its checks, for MISC_CHECK's timeout.
    pub delay_loop: Duration,
    /// What its real servers and their checkers take from it, for SNMP.
    pub defaults: Defaults,
    /// Fallback server.
    pub sorry_server: Option<SorryServer>,
    /// Real servers, in configuration order.
    pub real_servers: Vec<RealServer>,
}

/// What real servers take from their virtual server unless they say otherwise; what is not given
/// there is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Defaults {
    /// `alpha`.
    pub alpha: bool,
    /// `inhibit_on_failure`.
    pub inhibit: bool,
    /// `weight`.
    pub weight: u32,
    /// `retry`.
    pub retry: u32,
    /// `delay_before_retry`.
    pub delay_before_retry: Micros,
    /// `warmup`.
    pub warmup: Micros,
    /// `connect_timeout`.
    pub connect_timeout: Micros,
}

/// `sorry_server`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SorryServer {
    /// Address.
    pub addr: IpAddr,
    /// Port.
    pub port: u16,
    /// Forwarding.
    pub forwarding: Forwarding,
    /// Keep it with weight 0 while unused.
    pub inhibit: bool,
    /// Index of the real server with the same address and port.
    pub same_as: Option<u32>,
}

/// `real_server`, inheritance resolved. There may be many: what is rarely set
/// is boxed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealServer {
    /// Address.
    pub addr: IpAddr,
    /// Port.
    pub port: u16,
    /// Initial weight.
    pub weight: u32,
    /// Forwarding.
    pub forwarding: Forwarding,
    /// Failure sets weight 0 rather than removing.
    pub inhibit_on_failure: bool,
    /// Mails on its transitions.
    pub smtp_alert: bool,
    /// Checkers, in configuration order.
    pub checkers: Vec<Checker>,
    /// Rare settings; see the accessors.
    pub rare: Option<Box<RareReal>>,
}

/// Settings that few real servers have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RareReal {
    /// Upper connection threshold; 0 is none.
    pub uthreshold: u32,
    /// Lower connection threshold; 0 is none.
    pub lthreshold: u32,
    /// `notify_up`.
    pub notify_up: Option<ScriptId>,
    /// `notify_down`.
    pub notify_down: Option<ScriptId>,
    /// Default Host header.
    pub virtualhost: Option<String>,
    /// `snmp_name`.
    pub snmp_name: Option<String>,
}

impl RealServer {
    /// Upper connection threshold; 0 is none.
    pub fn uthreshold(&self) -> u32 {
        self.rare.as_ref().map_or(0, |r| r.uthreshold)
    }

    /// Lower connection threshold; 0 is none.
    pub fn lthreshold(&self) -> u32 {
        self.rare.as_ref().map_or(0, |r| r.lthreshold)
    }

    /// `notify_up`.
    pub fn notify_up(&self) -> Option<ScriptId> {
        self.rare.as_ref()?.notify_up
    }

    /// `notify_down`.
    pub fn notify_down(&self) -> Option<ScriptId> {
        self.rare.as_ref()?.notify_down
    }

    /// Default Host header.
    pub fn virtualhost(&self) -> Option<&str> {
        self.rare.as_ref()?.virtualhost.as_deref()
    }

    /// `snmp_name`.
    pub fn snmp_name(&self) -> Option<&str> {
        self.rare.as_ref()?.snmp_name.as_deref()
    }
}

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
