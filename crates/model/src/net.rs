//! Addresses, routes and rules as the kernel is asked to hold them.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use types::{Family, Prefix};

/// An entry of `virtual_ipaddress`, `virtual_ipaddress_excluded` or
/// `static_ipaddress`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// Address and prefix length.
    pub prefix: Prefix,
    /// Interface; `None` is the instance's (or the default interface).
    pub dev: Option<String>,
    /// Route scope (`RT_SCOPE_*`), IPv4 only.
    pub scope: u8,
    /// Broadcast address.
    pub broadcast: Option<Ipv4Addr>,
    /// Address label, at most 15 bytes.
    pub label: Option<String>,
    /// The other end of a point-to-point address.
    pub peer: Option<Prefix>,
    /// `IFA_F_*` bits that the entry asks for; NODAD is already in for IPv6
    /// unless `-nodad` was given.
    pub flags: u32,
    /// Preferred lifetime in seconds; `None` is the default (0 for an IPv6
    /// /128, else forever), `u32::MAX` forever.
    pub preferred_lft: Option<u32>,
    /// Somebody else's deletion is not acted upon.
    pub no_track: bool,
    /// Put it on a VMAC of its interface.
    pub use_vmac: bool,
    /// Track group of a static address.
    pub track_group: Option<String>,
}

impl Address {
    /// A plain address with every option at its default.
    pub fn plain(prefix: Prefix) -> Self {
        Address {
            prefix,
            dev: None,
            scope: 0,
            broadcast: None,
            label: None,
            peer: None,
            flags: 0,
            preferred_lft: None,
            no_track: false,
            use_vmac: false,
            track_group: None,
        }
    }
}

/// How a route is put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum RouteInsert {
    /// Create, before equal ones.
    #[default]
    Prepend,
    /// Create, fail when it exists.
    Add,
    /// Create, after equal ones.
    Append,
}

/// A lockable metric (`lock` keeps the kernel from changing it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Metric {
    /// One of [`rtax`].
    pub kind: u16,
    /// Value in the kernel's unit.
    pub value: u32,
    /// Whether it is locked.
    pub lock: bool,
}

/// Numbers of metrics (`RTAX_*` of linux/rtnetlink.h).
#[allow(missing_docs)] // the words of the configuration
pub mod rtax {
    pub const MTU: u16 = 2;
    pub const WINDOW: u16 = 3;
    pub const RTT: u16 = 4;
    pub const RTTVAR: u16 = 5;
    pub const SSTHRESH: u16 = 6;
    pub const CWND: u16 = 7;
    pub const ADVMSS: u16 = 8;
    pub const REORDERING: u16 = 9;
    pub const HOPLIMIT: u16 = 10;
    pub const INITCWND: u16 = 11;
    pub const FEATURES: u16 = 12;
    pub const RTO_MIN: u16 = 13;
    pub const INITRWND: u16 = 14;
    pub const QUICKACK: u16 = 15;
    pub const FASTOPEN_NO_COOKIE: u16 = 17;

    /// How many of the kernel's units of [`RTT`] make a millisecond.
    pub const RTT_PER_MS: u32 = 8;
    /// The same of [`RTTVAR`].
    pub const RTTVAR_PER_MS: u32 = 4;
    /// The same of [`RTO_MIN`].
    pub const RTO_MIN_PER_MS: u32 = 1;
}

/// Lightweight tunnel encapsulation of a route or next hop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encap {
    /// `encap ip`.
    Ip(IpEncap),
    /// `encap ip6`.
    Ip6(IpEncap),
    /// `encap mpls`: label stack, outermost first.
    Mpls(Vec<u32>),
    /// `encap ila`: locator.
    Ila(u64),
}

/// Parameters of `encap ip` and `encap ip6`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct IpEncap {
    /// Tunnel id.
    pub id: Option<u64>,
    /// Destination.
    pub dst: Option<IpAddr>,
    /// Source.
    pub src: Option<IpAddr>,
    /// TOS or traffic class.
    pub tos: Option<u8>,
    /// TTL or hop limit.
    pub ttl: Option<u8>,
    /// Flags.
    pub flags: Option<u16>,
}

/// One next hop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct NextHop {
    /// Gateway.
    pub via: Option<IpAddr>,
    /// Interface.
    pub dev: Option<String>,
    /// Weight 1 to 256; `None` is 1.
    pub weight: Option<u16>,
    /// The gateway is on the link whatever the routes say.
    pub onlink: bool,
    /// Encapsulation.
    pub encap: Option<Encap>,
    /// Realms, (source, destination) packed as the kernel does.
    pub realms: Option<u32>,
}

/// An entry of `virtual_routes` or `static_routes`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Family.
    pub family: Family,
    /// `RTN_*` type.
    pub kind: u8,
    /// Insertion mode.
    pub insert: RouteInsert,
    /// Destination; `None` is the default route.
    pub dst: Option<Prefix>,
    /// `from` prefix, IPv6.
    pub from: Option<Prefix>,
    /// Preferred source.
    pub src: Option<IpAddr>,
    /// The only hop.
    pub hop: NextHop,
    /// All hops of a multipath route; `hop` is then what the entry says
    /// besides them.
    pub nexthops: Vec<NextHop>,
    /// Routing table.
    pub table: u32,
    /// Use the table of this VRF interface.
    pub vrf: Option<String>,
    /// Metric.
    pub priority: Option<u32>,
    /// TOS.
    pub tos: u8,
    /// `RTPROT_*`; 18 is keepalived's.
    pub protocol: u8,
    /// Scope, when given.
    pub scope: Option<u8>,
    /// Lifetime in seconds, IPv6.
    pub expires: Option<u32>,
    /// Metrics by number.
    pub metrics: Vec<Metric>,
    /// Congestion control and whether it is locked.
    pub congctl: Option<(String, bool)>,
    /// Router preference, IPv6.
    pub pref: Option<u8>,
    /// Propagate TTL into MPLS.
    pub ttl_propagate: Option<bool>,
    /// Somebody else's deletion is not acted upon.
    pub no_track: bool,
    /// Track group of a static route.
    pub track_group: Option<String>,
}

impl Route {
    /// A unicast route of the main table with every option at its default.
    pub fn plain(family: Family, dst: Option<Prefix>) -> Self {
        Route {
            family,
            kind: 1,
            insert: RouteInsert::Prepend,
            dst,
            from: None,
            src: None,
            hop: NextHop::default(),
            nexthops: Vec::new(),
            table: 254,
            vrf: None,
            priority: None,
            tos: 0,
            protocol: 18,
            scope: None,
            expires: None,
            metrics: Vec::new(),
            congctl: None,
            pref: None,
            ttl_propagate: None,
            no_track: false,
            track_group: None,
        }
    }
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RuleAction {
    /// Look up this table.
    Table(u32),
    /// Look up the table of the packet's VRF.
    L3mdev,
    /// Go on at the rule of this priority.
    Goto(u32),
    /// Nothing.
    Nop,
    /// Drop silently.
    Blackhole,
    /// Drop with ICMP unreachable.
    Unreachable,
    /// Drop with ICMP prohibited.
    Prohibit,
}

/// An entry of `virtual_rules` or `static_rules`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Family.
    pub family: Family,
    /// Source prefix.
    pub from: Option<Prefix>,
    /// Destination prefix.
    pub to: Option<Prefix>,
    /// Whether the selector is inverted.
    pub not: bool,
    /// The action.
    pub action: RuleAction,
    /// Priority.
    pub priority: u32,
    /// TOS.
    pub tos: u8,
    /// Mark and mask.
    pub fwmark: Option<(u32, u32)>,
    /// Realms.
    pub realms: Option<u32>,
    /// Ignore routes with a shorter or equal prefix.
    pub suppress_prefixlength: Option<u32>,
    /// Ignore routes out of this interface group.
    pub suppress_ifgroup: Option<u32>,
    /// Incoming interface.
    pub iif: Option<String>,
    /// Outgoing interface.
    pub oif: Option<String>,
    /// Tunnel id.
    pub tunnel_id: Option<u64>,
    /// User id range.
    pub uid_range: Option<(u32, u32)>,
    /// `FRA_PROTOCOL`; 18 is keepalived's.
    pub protocol: u8,
    /// IP protocol.
    pub ip_proto: Option<u8>,
    /// Source port range.
    pub sport: Option<(u16, u16)>,
    /// Destination port range.
    pub dport: Option<(u16, u16)>,
    /// Somebody else's deletion is not acted upon.
    pub no_track: bool,
    /// Track group of a static rule.
    pub track_group: Option<String>,
}

impl Rule {
    /// A rule for all packets with every option at its default.
    pub fn plain(family: Family, priority: u32, action: RuleAction) -> Self {
        Rule {
            family,
            from: None,
            to: None,
            not: false,
            action,
            priority,
            tos: 0,
            fwmark: None,
            realms: None,
            suppress_prefixlength: None,
            suppress_ifgroup: None,
            iif: None,
            oif: None,
            tunnel_id: None,
            uid_range: None,
            protocol: 18,
            ip_proto: None,
            sport: None,
            dport: None,
            no_track: false,
            track_group: None,
        }
    }
}

/// `garp_group`: interfaces sharing one rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GarpGroup {
    /// Least time between gratuitous ARPs.
    pub garp_interval: Option<Duration>,
    /// Least time between unsolicited neighbour advertisements.
    pub gna_interval: Option<Duration>,
    /// Member interfaces.
    pub interfaces: Vec<String>,
}
