//! Virtual servers and real servers.

mod checker;

use crate::secret::Secret;
use core::net::IpAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use types::{Family, Micros, ScriptId};

pub use checker::{
    Bind, CheckKind, Checker, Connect, DnsCheck, HttpCheck, HttpProtocol, MiscCheck, Regex,
    SmtpCheck, UdpCheck, Url,
};

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
