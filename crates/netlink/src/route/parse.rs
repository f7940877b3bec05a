//! Reported routes into [`RouteSpec`].

use super::{Encap, Metric, NextHop, RTAX_CC_ALGO, RTAX_LOCK, RTMSG_LEN, RTNH_F_ONLINK};
use super::{RouteSpec, family_of, prefix};
use crate::wire;
use core::net::IpAddr;
use nix::libc;
use types::Family;

/// Length of `struct rtnexthop`.
const RTNEXTHOP_LEN: usize = 8;
/// `RTM_F_CLONED`: an entry of a cache.
const RTM_F_CLONED: u32 = 0x200;
/// Ticks of `rta_expires` in a second (`USER_HZ`).
const USER_HZ: u32 = 100;

impl RouteSpec {
    /// Reads the body of a route message; `None` when it is malformed, cached, or of another
    /// family than IPv4 and IPv6 (multicast routing sends such).
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let header = payload.get(..RTMSG_LEN)?;
        let &[family, dst_len, src_len, tos, table, protocol, scope, kind, ..] = header else {
            return None;
        };
        let family = family_of(family)?;
        let flags = wire::u32_at(header, 8)?;
        if flags & RTM_F_CLONED != 0 {
            return None;
        }
        let mut spec = RouteSpec {
            kind,
            table: table.into(),
            tos,
            protocol,
            scope: (family == Family::V4).then_some(scope),
            ..RouteSpec::new(family, None)
        };
        let attrs = payload.get(RTMSG_LEN..)?;
        for (kind, value) in wire::attrs(attrs) {
            match kind {
                libc::RTA_DST if dst_len > 0 => spec.dst = Some(prefix(family, value, dst_len)?),
                libc::RTA_SRC if src_len > 0 => spec.from = Some(prefix(family, value, src_len)?),
                _ => spec.take(kind, value),
            }
        }
        if spec.dst.is_none() && dst_len > 0 {
            return None;
        }
        if spec.nexthops.is_empty() {
            spec.hop = hop(family, attrs);
            spec.hop.onlink = flags & RTNH_F_ONLINK != 0;
        }
        Some(spec)
    }

    fn take(&mut self, kind: u16, value: &[u8]) {
        let byte = value.first().copied();
        match kind {
            libc::RTA_TABLE => self.table = wire::u32_at(value, 0).unwrap_or(self.table),
            libc::RTA_PRIORITY => self.priority = wire::u32_at(value, 0),
            libc::RTA_PREFSRC => self.src = wire::ip(value),
            libc::RTA_PREF => self.pref = byte,
            libc::RTA_TTL_PROPAGATE => self.ttl_propagate = byte.map(|byte| byte != 0),
            libc::RTA_METRICS => self.take_metrics(value),
            libc::RTA_MULTIPATH => self.nexthops = multipath(self.family, value),
            // struct rta_cacheinfo: rta_expires is its third member.
            libc::RTA_CACHEINFO => {
                self.expires = wire::u32_at(value, 8).filter(|t| *t != 0).map(|t| t / USER_HZ);
            }
            _ => {}
        }
    }

    fn take_metrics(&mut self, value: &[u8]) {
        let locks = wire::attrs(value).find(|(kind, _)| *kind == RTAX_LOCK);
        let locks = locks.and_then(|(_, mask)| wire::u32_at(mask, 0)).unwrap_or(0);
        for (kind, value) in wire::attrs(value) {
            let lock = locks & 1u32.checked_shl(kind.into()).unwrap_or(0) != 0;
            match kind {
                RTAX_LOCK => {}
                RTAX_CC_ALGO => self.congctl = Some((wire::string(value), lock)),
                _ => self.metrics.extend(wire::u32_at(value, 0).map(|value| Metric {
                    kind,
                    value,
                    lock,
                })),
            }
        }
    }
}

/// The hop that `attrs` describe.
fn hop(family: Family, attrs: &[u8]) -> NextHop {
    let mut hop = NextHop::default();
    let (mut encap, mut encap_kind) = (None, None);
    for (kind, value) in wire::attrs(attrs) {
        match kind {
            libc::RTA_OIF => hop.ifindex = wire::u32_at(value, 0).filter(|index| *index != 0),
            libc::RTA_GATEWAY => {
                hop.via = wire::ip(value).filter(|via| Family::of(*via) == family);
            }
            libc::RTA_VIA => hop.via = rtvia(value),
            libc::RTA_FLOW => hop.realms = wire::u32_at(value, 0).filter(|realms| *realms != 0),
            libc::RTA_ENCAP => encap = Some(value),
            libc::RTA_ENCAP_TYPE => encap_kind = wire::u16_at(value, 0),
            _ => {}
        }
    }
    hop.encap = encap_kind.zip(encap).and_then(|(kind, value)| Encap::parse(kind, value));
    hop
}

/// `struct rtvia`.
fn rtvia(value: &[u8]) -> Option<IpAddr> {
    let family = family_of(u8::try_from(wire::u16_at(value, 0)?).ok()?)?;
    wire::ip(value.get(2..)?).filter(|via| Family::of(*via) == family)
}

fn multipath(family: Family, value: &[u8]) -> Vec<NextHop> {
    let mut rest = value;
    let next = core::iter::from_fn(move || {
        let len = usize::from(wire::u16_at(rest, 0)?);
        let (flags, extra) = (*rest.get(2)?, *rest.get(3)?);
        let ifindex = wire::u32_at(rest, 4)?;
        let mut hop = hop(family, rest.get(RTNEXTHOP_LEN..len)?);
        hop.ifindex = Some(ifindex).filter(|index| *index != 0);
        hop.weight = (extra != 0).then_some(u16::from(extra) + 1);
        hop.onlink = u32::from(flags) & RTNH_F_ONLINK != 0;
        rest = rest.get(wire::align(len)..).unwrap_or_default();
        Some(hop)
    });
    next.collect()
}
