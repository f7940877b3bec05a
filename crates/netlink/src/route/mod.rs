//! `RTM_NEWROUTE`, `RTM_DELROUTE` (`linux/rtnetlink.h`, rtnetlink(7)).
//!
//! Owns what a route is to the kernel, in both directions. Never chooses: which table a VRF has
//! or which interface a name means is known to the caller.

mod encap;
mod encode;
mod parse;

use crate::wire;
use core::net::IpAddr;
use nix::libc;
use types::{Family, Prefix};

pub use encap::{Encap, IpEncap};
pub(crate) use encode::encode_dump;

/// `RTM_NEWROUTE`.
pub const NEW: u16 = libc::RTM_NEWROUTE;
/// `RTM_DELROUTE`.
pub const DEL: u16 = libc::RTM_DELROUTE;
/// `RTM_GETROUTE`.
pub const GET: u16 = libc::RTM_GETROUTE;

/// `RTN_UNICAST`: the usual type.
pub const UNICAST: u8 = libc::RTN_UNICAST;
/// `RT_TABLE_MAIN`.
pub const TABLE_MAIN: u32 = libc::RT_TABLE_MAIN as u32;
/// Number that iproute2's `rt_protos` gives to keepalived (`RTPROT_KEEPALIVED`).
pub const PROTO_KEEPALIVED: u8 = crate::addr::PROTO_KEEPALIVED;

/// `RTAX_LOCK`: mask of the metrics that are locked.
const RTAX_LOCK: u16 = 1;
/// `RTAX_CC_ALGO`: name of the congestion control algorithm.
const RTAX_CC_ALGO: u16 = 16;
/// Length of `struct rtmsg`.
const RTMSG_LEN: usize = 12;
/// `RTNH_F_ONLINK`.
const RTNH_F_ONLINK: u32 = 4;
/// What the kernel makes of an IPv6 route without metric (`IP6_RT_PRIO_USER`).
const DEFAULT_PRIORITY_V6: u32 = 1024;

/// How a route is put in among equal ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RouteInsert {
    /// Create, before equal ones.
    #[default]
    Prepend,
    /// Create, fail when it exists (`EEXIST`).
    Add,
    /// Create, after equal ones.
    Append,
}

impl RouteInsert {
    /// `NLM_F_*` of the `RTM_NEWROUTE` request.
    pub const fn flags(self) -> u16 {
        match self {
            RouteInsert::Prepend => wire::F_CREATE,
            RouteInsert::Add => wire::F_CREATE | wire::F_EXCL,
            RouteInsert::Append => wire::F_CREATE | wire::F_APPEND,
        }
    }
}

/// A metric; `lock` keeps the kernel from changing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Metric {
    /// `RTAX_*` number, 2 to 31 without `RTAX_CC_ALGO`.
    pub kind: u16,
    /// Value in the kernel's unit.
    pub value: u32,
    /// Whether it is locked.
    pub lock: bool,
}

/// One next hop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct NextHop {
    /// Gateway; one of the other family goes as `RTA_VIA`.
    pub via: Option<IpAddr>,
    /// Interface index.
    pub ifindex: Option<u32>,
    /// Weight 1 to 256 among the hops of a multipath route; `None` is 1.
    pub weight: Option<u16>,
    /// The gateway is on the link whatever the routes say.
    pub onlink: bool,
    /// Encapsulation.
    pub encap: Option<Encap>,
    /// Realms, source in the upper and destination in the lower half (IPv4).
    pub realms: Option<u32>,
}

impl NextHop {
    /// Whether it names a way out at all.
    fn leads_somewhere(&self) -> bool {
        self.via.is_some() || self.ifindex.is_some()
    }

    /// Whether `seen` is the hop that this one asks for.
    fn is(&self, seen: &NextHop) -> bool {
        (self.via.is_none() || self.via == seen.via)
            && (self.ifindex.is_none() || self.ifindex == seen.ifindex)
            && self.weight.unwrap_or(1) == seen.weight.unwrap_or(1)
    }
}

/// A route, as asked for or as reported.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RouteSpec {
    /// Family.
    pub family: Family,
    /// `RTN_*` type.
    pub kind: u8,
    /// Insertion mode; of a reported route [`RouteInsert::Prepend`].
    pub insert: RouteInsert,
    /// Destination; `None` is the default route.
    pub dst: Option<Prefix>,
    /// Source prefix (`RTA_SRC`, IPv6).
    pub from: Option<Prefix>,
    /// Preferred source.
    pub src: Option<IpAddr>,
    /// First or only hop.
    pub hop: NextHop,
    /// Further hops. With any, the route is multipath and `hop` counts only if it has a gateway
    /// or an interface; a reported multipath route has all of its hops here.
    pub nexthops: Vec<NextHop>,
    /// Routing table.
    pub table: u32,
    /// Metric; the kernel's default is 0 for IPv4 and 1024 for IPv6.
    pub priority: Option<u32>,
    /// TOS (IPv4).
    pub tos: u8,
    /// `RTPROT_*`.
    pub protocol: u8,
    /// `RT_SCOPE_*` (IPv4); `None` is the widest that the type allows.
    pub scope: Option<u8>,
    /// Lifetime in seconds (IPv6).
    pub expires: Option<u32>,
    /// Metrics.
    pub metrics: Vec<Metric>,
    /// Congestion control algorithm, and whether it is locked.
    pub congctl: Option<(String, bool)>,
    /// Router preference (IPv6, RFC 4191: 0 medium, 1 high, 3 low).
    pub pref: Option<u8>,
    /// Whether the TTL is copied into MPLS labels.
    pub ttl_propagate: Option<bool>,
}

impl RouteSpec {
    /// A unicast route of the main table without a hop, by keepalived's protocol number.
    pub const fn new(family: Family, dst: Option<Prefix>) -> Self {
        RouteSpec {
            family,
            kind: UNICAST,
            insert: RouteInsert::Prepend,
            dst,
            from: None,
            src: None,
            hop: NextHop {
                via: None,
                ifindex: None,
                weight: None,
                onlink: false,
                encap: None,
                realms: None,
            },
            nexthops: Vec::new(),
            table: TABLE_MAIN,
            priority: None,
            tos: 0,
            protocol: PROTO_KEEPALIVED,
            scope: None,
            expires: None,
            metrics: Vec::new(),
            congctl: None,
            pref: None,
            ttl_propagate: None,
        }
    }

    /// The hops that the kernel is given, in order.
    pub fn hops(&self) -> impl Iterator<Item = &NextHop> {
        let first = self.nexthops.is_empty() || self.hop.leads_somewhere();
        first.then_some(&self.hop).into_iter().chain(&self.nexthops)
    }

    /// Whether the reported route `seen` is the one that this spec asks for: same place in the
    /// tables, same type and owner, and every hop asked for. What the kernel may choose by itself
    /// where the spec is silent (an interface, a source) and what only tunes the route (metrics,
    /// preference, lifetime) is not compared.
    pub fn is(&self, seen: &RouteSpec) -> bool {
        self.key() == seen.key()
            && self.kind == seen.kind
            && self.protocol == seen.protocol
            && (self.src.is_none() || self.src == seen.src)
            && self.hops_are(seen)
    }

    /// Place of the route in the kernel's tables. Routes may share it, but for one of the same
    /// type and hops.
    pub fn key(&self) -> RouteKey {
        let priority = match (self.family, self.priority.unwrap_or(0)) {
            (Family::V6, 0) => DEFAULT_PRIORITY_V6,
            (_, priority) => priority,
        };
        RouteKey {
            family: self.family,
            table: self.table,
            dst: network(self.dst),
            from: network(self.from),
            tos: self.tos,
            priority,
        }
    }

    /// The kernel keeps hops in the order in which it was given them.
    fn hops_are(&self, seen: &RouteSpec) -> bool {
        self.hops().count() == seen.hops().count()
            && self.hops().zip(seen.hops()).all(|(asked, seen)| asked.is(seen))
    }
}

/// What places a route in the kernel's tables; see [`RouteSpec::key`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteKey {
    /// Family.
    pub family: Family,
    /// Routing table.
    pub table: u32,
    /// Destination without host bits; `None` is the default route.
    pub dst: Option<Prefix>,
    /// Source prefix without host bits.
    pub from: Option<Prefix>,
    /// TOS.
    pub tos: u8,
    /// Metric, the kernel's default filled in.
    pub priority: u32,
}

/// `prefix` without host bits; a prefix of length 0 says nothing.
pub(crate) fn network(prefix: Option<Prefix>) -> Option<Prefix> {
    prefix.filter(|p| p.len > 0).map(|p| {
        let addr = match p.addr {
            IpAddr::V4(addr) => {
                let mask = u32::MAX.checked_shl(32u32.saturating_sub(p.len.into()));
                IpAddr::V4((addr.to_bits() & mask.unwrap_or(0)).into())
            }
            IpAddr::V6(addr) => {
                let mask = u128::MAX.checked_shl(128u32.saturating_sub(p.len.into()));
                IpAddr::V6((addr.to_bits() & mask.unwrap_or(0)).into())
            }
        };
        Prefix { addr, len: p.len }
    })
}

/// A route appeared, changed or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteEvent {
    /// Set or changed; else removed.
    pub new: bool,
    /// It took the place of another of the same [`RouteSpec::key`], of whose removal there is no
    /// news of its own.
    pub replaced: bool,
    /// The route. The removal of one hop of an IPv6 multipath route names that hop alone.
    pub spec: RouteSpec,
}

/// What a dump of routes is to contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteFilter {
    /// Only this family.
    pub family: Option<Family>,
    /// Only this table; with a family, or the kernel refuses tables that another family lacks.
    pub table: Option<u32>,
    /// Only routes set by this `RTPROT_*`; the kernel leaves out the others, which on a router
    /// with full tables saves reading a million routes.
    pub protocol: Option<u8>,
}

/// `AF_INET` or `AF_INET6`.
pub(crate) const fn af(family: Family) -> u8 {
    match family {
        Family::V4 => libc::AF_INET as u8,
        Family::V6 => libc::AF_INET6 as u8,
    }
}

/// The family of an `AF_*` number.
pub(crate) const fn family_of(af: u8) -> Option<Family> {
    match af as i32 {
        libc::AF_INET => Some(Family::V4),
        libc::AF_INET6 => Some(Family::V6),
        _ => None,
    }
}

/// A prefix of `len` bits out of an address attribute of `family`.
pub(crate) fn prefix(family: Family, value: &[u8], len: u8) -> Option<Prefix> {
    let addr = wire::ip(value).filter(|addr| Family::of(*addr) == family)?;
    (len <= family.bits()).then_some(Prefix { addr, len })
}

#[cfg(test)]
mod tests;
