//! [`RouteSpec`] into the bodies of requests.

use super::{NextHop, RTAX_CC_ALGO, RTAX_LOCK, RTMSG_LEN, RTNH_F_ONLINK};
use super::{RouteFilter, RouteSpec, af};
use crate::wire::Msg;
use core::net::IpAddr;
use nix::libc;
use types::{Family, Prefix};

/// `RTA_TTL_PROPAGATE`.
const RTA_TTL_PROPAGATE: u16 = libc::RTA_TTL_PROPAGATE;

impl RouteSpec {
    /// Appends the body of an `RTM_NEWROUTE` request, whose flags are those of
    /// [`super::RouteInsert::flags`].
    pub fn encode_new(&self, msg: &mut Msg<'_>) {
        self.encode(self.priority, msg);
    }

    /// Appends the body of an `RTM_DELROUTE` request: the kernel removes the first route that
    /// agrees in everything given.
    pub fn encode_del(&self, msg: &mut Msg<'_>) {
        // A request without metric would hit an IPv6 route of any metric.
        let priority = Some(self.key().priority).filter(|priority| *priority != 0);
        self.encode(priority, msg);
    }

    fn encode(&self, priority: Option<u32>, msg: &mut Msg<'_>) {
        self.encode_header(msg);
        if let Some(dst) = self.dst.filter(|dst| dst.len > 0) {
            msg.attr_ip(libc::RTA_DST, dst.addr);
        }
        if let Some(from) = self.from.filter(|from| from.len > 0) {
            msg.attr_ip(libc::RTA_SRC, from.addr);
        }
        if u8::try_from(self.table).is_err() {
            msg.attr_u32(libc::RTA_TABLE, self.table);
        }
        if let Some(priority) = priority {
            msg.attr_u32(libc::RTA_PRIORITY, priority);
        }
        if let Some(src) = self.src {
            msg.attr_ip(libc::RTA_PREFSRC, src);
        }
        if let Some(seconds) = self.expires {
            msg.attr_u32(libc::RTA_EXPIRES, seconds);
        }
        if let Some(pref) = self.pref {
            msg.attr_u8(libc::RTA_PREF, pref);
        }
        if let Some(propagate) = self.ttl_propagate {
            msg.attr_u8(RTA_TTL_PROPAGATE, propagate.into());
        }
        self.encode_metrics(msg);
        self.encode_hops(msg);
    }

    fn encode_header(&self, msg: &mut Msg<'_>) {
        let len = |prefix: Option<Prefix>| prefix.map_or(0, |prefix| prefix.len);
        let flags = if self.is_multipath() { 0 } else { flags_of(&self.hop) };
        let [f0, f1, f2, f3] = flags.to_ne_bytes();
        msg.bytes(&[
            af(self.family),
            len(self.dst),
            len(self.from),
            self.tos,
            // Tables from 256 on are in RTA_TABLE.
            u8::try_from(self.table).unwrap_or(libc::RT_TABLE_UNSPEC),
            self.protocol,
            self.scope.unwrap_or(widest_scope(self.family, self.kind)),
            self.kind,
            f0,
            f1,
            f2,
            f3,
        ]);
    }

    fn is_multipath(&self) -> bool {
        !self.nexthops.is_empty()
    }

    fn encode_hops(&self, msg: &mut Msg<'_>) {
        if !self.is_multipath() {
            if let Some(ifindex) = self.hop.ifindex {
                msg.attr_u32(libc::RTA_OIF, ifindex);
            }
            return self.hop.encode_attrs(self.family, msg);
        }
        msg.wrap(libc::RTA_MULTIPATH, |msg| {
            for hop in self.hops() {
                hop.encode_multipath(self.family, msg);
            }
        });
    }

    fn encode_metrics(&self, msg: &mut Msg<'_>) {
        if self.metrics.is_empty() && self.congctl.is_none() {
            return;
        }
        let congctl_locked = self.congctl.as_ref().filter(|(_, lock)| *lock).map(|_| RTAX_CC_ALGO);
        let locked = self.metrics.iter().filter(|metric| metric.lock).map(|metric| metric.kind);
        let mask = locked
            .chain(congctl_locked)
            .fold(0, |mask, kind| mask | 1u32.checked_shl(kind.into()).unwrap_or(0));
        msg.nest(libc::RTA_METRICS, |nest| {
            if mask != 0 {
                nest.attr_u32(RTAX_LOCK, mask);
            }
            for metric in &self.metrics {
                nest.attr_u32(metric.kind, metric.value);
            }
            if let Some((name, _)) = &self.congctl {
                nest.attr_str(RTAX_CC_ALGO, name);
            }
        });
    }
}

impl NextHop {
    /// Appends `struct rtnexthop` and its attributes.
    fn encode_multipath(&self, family: Family, msg: &mut Msg<'_>) {
        let extra = self.weight.unwrap_or(1).saturating_sub(1);
        let extra = u8::try_from(extra).unwrap_or(u8::MAX);
        let [i0, i1, i2, i3] = self.ifindex.unwrap_or(0).to_ne_bytes();
        let head = [0, 0, flags_of(self) as u8, extra, i0, i1, i2, i3];
        msg.counted(&head, |msg| self.encode_attrs(family, msg));
    }

    /// Appends everything but interface, weight and flags.
    fn encode_attrs(&self, family: Family, msg: &mut Msg<'_>) {
        match self.via {
            Some(via) if Family::of(via) == family => msg.attr_ip(libc::RTA_GATEWAY, via),
            Some(via) => msg.attr(libc::RTA_VIA, &rtvia(via)),
            None => {}
        }
        if let Some(realms) = self.realms {
            msg.attr_u32(libc::RTA_FLOW, realms);
        }
        if let Some(encap) = &self.encap {
            encap.encode(msg);
        }
    }
}

const fn flags_of(hop: &NextHop) -> u32 {
    if hop.onlink { RTNH_F_ONLINK } else { 0 }
}

/// `struct rtvia`.
fn rtvia(via: IpAddr) -> Vec<u8> {
    let mut raw = u16::from(af(Family::of(via))).to_ne_bytes().to_vec();
    match via {
        IpAddr::V4(v4) => raw.extend(v4.octets()),
        IpAddr::V6(v6) => raw.extend(v6.octets()),
    }
    raw
}

/// The widest scope that the kernel accepts for a type; IPv6 knows none.
const fn widest_scope(family: Family, kind: u8) -> u8 {
    match (family, kind) {
        (Family::V4, libc::RTN_LOCAL) => libc::RT_SCOPE_HOST,
        (Family::V4, libc::RTN_BROADCAST | libc::RTN_ANYCAST) => libc::RT_SCOPE_LINK,
        _ => libc::RT_SCOPE_UNIVERSE,
    }
}

/// Appends the body of an `RTM_GETROUTE` dump.
pub(crate) fn encode_dump(filter: RouteFilter, msg: &mut Msg<'_>) {
    let mut header = [0u8; RTMSG_LEN];
    header[0] = filter.family.map_or(libc::AF_UNSPEC as u8, af);
    header[5] = filter.protocol.unwrap_or(0);
    msg.bytes(&header);
    if let Some(table) = filter.table {
        msg.attr_u32(libc::RTA_TABLE, table);
    }
}
