//! From a virtual server to its kernel services: address, firewall mark, or
//! every entry of a group.

use crate::ipvs::{DestKey, ServiceKey, ServiceSpec, ServiceTo, flags, protocol_number};
use crate::marks::Marks;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use model::lvs::{Forwarding, GroupEntry, Protocol, Service, VirtualServer, VirtualServerGroup};
use std::collections::BTreeSet;
use types::Family;

/// Most services that one group makes.
pub const SERVICES_MAX: usize = 65_536;

/// Why a virtual server cannot be programmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupError {
    /// No group of this name.
    Unknown(String),
    /// More than [`SERVICES_MAX`] addresses.
    TooLarge(String),
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupError::Unknown(name) => {
                write!(f, "virtual_server group {name}: no virtual_server_group {name} is defined")
            }
            GroupError::TooLarge(name) => write!(
                f,
                "virtual_server_group {name}: more than {SERVICES_MAX} addresses; \
                 split it, or use a firewall mark"
            ),
        }
    }
}

impl std::error::Error for GroupError {}

/// The kernel services of `vs`, in the order of the configuration. With
/// `marks`, a group of addresses becomes one mark per family.
///
/// # Errors
/// When its group is missing or too large.
pub fn services(
    vs: &VirtualServer,
    groups: &[VirtualServerGroup],
    marks: Option<&mut Marks>,
) -> Result<Vec<ServiceKey>, GroupError> {
    let protocol = vs.protocol.unwrap_or(Protocol::Udp);
    match &vs.service {
        Service::Addr(addr, port) => Ok(vec![address(*addr, *port, protocol)]),
        Service::Fwmark(mark) => Ok(vec![by_mark(*mark, vs.family)]),
        Service::Group(name, _) => {
            let group = groups
                .iter()
                .find(|g| g.name == *name)
                .ok_or_else(|| GroupError::Unknown(name.clone()))?;
            match marks {
                Some(marks) if !has_marks(group) => {
                    Ok(marked_group(group, marks.take(name, protocol)))
                }
                _ => expand(group, protocol, vs.family),
            }
        }
    }
}

fn has_marks(group: &VirtualServerGroup) -> bool {
    group.entries.iter().any(|e| matches!(e, GroupEntry::Fwmark { .. }))
}

fn marked_group(group: &VirtualServerGroup, mark: u32) -> Vec<ServiceKey> {
    let families: BTreeSet<Family> = group
        .entries
        .iter()
        .filter_map(|e| match e {
            GroupEntry::Range { first, .. } => Some(Family::of(*first)),
            GroupEntry::Fwmark { .. } => None,
        })
        .collect();
    families.into_iter().map(|f| by_mark(mark, Some(f))).collect()
}

fn address(addr: IpAddr, port: u16, protocol: Protocol) -> ServiceKey {
    ServiceKey {
        family: Family::of(addr),
        to: ServiceTo::Addr(protocol_number(protocol), addr, port),
    }
}

fn by_mark(mark: u32, family: Option<Family>) -> ServiceKey {
    ServiceKey { family: family.unwrap_or(Family::V4), to: ServiceTo::Mark(mark) }
}

fn expand(
    group: &VirtualServerGroup,
    protocol: Protocol,
    family: Option<Family>,
) -> Result<Vec<ServiceKey>, GroupError> {
    let mut out = Vec::new();
    let mut seen = BTreeSet::new();
    let too_large = || GroupError::TooLarge(group.name.clone());
    for entry in &group.entries {
        match entry {
            GroupEntry::Fwmark { mark, family: own } => {
                let key = by_mark(*mark, own.or(family));
                if seen.insert(key) {
                    out.push(key);
                }
            }
            GroupEntry::Range { first, last, port } => {
                let addrs = addresses(*first, *last).ok_or_else(too_large)?;
                if out.len() + addrs.len() > SERVICES_MAX {
                    return Err(too_large());
                }
                let keys = addrs.into_iter().map(|a| address(a, *port, protocol));
                out.extend(keys.filter(|k| seen.insert(*k)));
            }
        }
    }
    Ok(out)
}

/// Every address from `first` to `last`, across octets; `None` when there are
/// too many.
fn addresses(first: IpAddr, last: IpAddr) -> Option<Vec<IpAddr>> {
    let most = SERVICES_MAX as u128;
    match (first, last) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let (a, b) = (a.to_bits(), b.to_bits());
            (u128::from(b.saturating_sub(a)) < most)
                .then(|| (a..=b).map(|n| Ipv4Addr::from_bits(n).into()).collect())
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let (a, b) = (a.to_bits(), b.to_bits());
            (b.saturating_sub(a) < most)
                .then(|| (a..=b).map(|n| Ipv6Addr::from_bits(n).into()).collect())
        }
        _ => Some(Vec::new()),
    }
}

/// Whether `addr` is one of the addresses of `service`.
pub fn listens_on(service: &Service, groups: &[VirtualServerGroup], addr: IpAddr) -> bool {
    match service {
        Service::Addr(own, _) => *own == addr,
        Service::Fwmark(_) => false,
        Service::Group(name, _) => {
            groups.iter().filter(|g| g.name == *name).flat_map(|g| &g.entries).any(|e| match e {
                GroupEntry::Range { first, last, .. } => {
                    Family::of(*first) == Family::of(addr) && *first <= addr && addr <= *last
                }
                GroupEntry::Fwmark { .. } => false,
            })
        }
    }
}

/// How an entry is printed.
pub fn entry_text(entry: &GroupEntry, protocol: Option<Protocol>) -> String {
    match entry {
        GroupEntry::Fwmark { mark, .. } => format!("FWM {mark}"),
        GroupEntry::Range { first, last, port } => {
            let start = crate::text::endpoint(*first, protocol, *port);
            if first == last { start } else { format!("{start}-{last}") }
        }
    }
}

/// The kernel's settings of those services of `vs` that are of `family`.
pub fn spec(vs: &VirtualServer, family: Family) -> ServiceSpec {
    let persistent = vs.persistence_timeout != 0;
    let mut bits = u32::from(vs.sched_flags & 0x7) << flags::SCHED_SHIFT;
    if persistent {
        bits |= flags::PERSISTENT;
    }
    if vs.ops {
        bits |= flags::ONE_PACKET;
    }
    ServiceSpec {
        scheduler: vs.scheduler,
        flags: bits,
        timeout: vs.persistence_timeout,
        netmask: match (vs.family, family) {
            // Of both families, and so without a mask of its own.
            (None, Family::V6) => 128,
            _ => vs.persistence_granularity,
        },
        engine: vs.persistence_engine.as_deref().filter(|_| persistent).map(Into::into),
    }
}

/// How the kernel names a server of `service`: NAT keeps the server's own
/// port, all else the service's (none for a mark).
pub fn dest(service: ServiceKey, addr: IpAddr, port: u16, forwarding: Forwarding) -> DestKey {
    let port = match (forwarding, service.to) {
        (Forwarding::Nat, _) => port,
        (_, ServiceTo::Addr(_, _, service_port)) => service_port,
        (_, ServiceTo::Mark(_)) => 0,
    };
    DestKey { addr, port }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> GroupEntry {
        GroupEntry::Range { first: first.parse().unwrap(), last: last.parse().unwrap(), port: 80 }
    }

    fn expanded(entries: Vec<GroupEntry>) -> Result<Vec<ServiceKey>, GroupError> {
        let group = VirtualServerGroup { name: "web".to_owned(), entries };
        expand(&group, Protocol::Tcp, None)
    }

    fn addrs(keys: &[ServiceKey]) -> Vec<IpAddr> {
        let addr = |k: &ServiceKey| match k.to {
            ServiceTo::Addr(6, a, 80) => a,
            _ => panic!("{k:?}"),
        };
        keys.iter().map(addr).collect()
    }

    #[test]
    fn ranges_cross_octets() {
        let keys = expanded(vec![range("10.0.0.254", "10.0.2.1")]).unwrap();
        let addrs = addrs(&keys);
        assert_eq!(addrs.len(), 260);
        assert_eq!(addrs[1..3], ["10.0.0.255", "10.0.1.0"].map(|a| a.parse::<IpAddr>().unwrap()));
        assert_eq!(addrs[259], "10.0.2.1".parse::<IpAddr>().unwrap());
        let keys = expanded(vec![range("2001:db8::fffe", "2001:db8::1:1")]).unwrap();
        assert_eq!(keys.len(), 4);
        assert_eq!(keys[2], address("2001:db8::1:0".parse().unwrap(), 80, Protocol::Tcp));
    }

    #[test]
    fn a_range_up_to_the_last_address_ends() {
        assert_eq!(expanded(vec![range("255.255.255.254", "255.255.255.255")]).unwrap().len(), 2);
    }

    #[test]
    fn a_group_is_bounded() {
        assert_eq!(expanded(vec![range("10.0.0.0", "10.0.255.255")]).unwrap().len(), 65_536);
        let error = expanded(vec![range("10.0.0.0", "10.1.0.0")]).unwrap_err();
        assert_eq!(error, GroupError::TooLarge("web".to_owned()));
        assert!(expanded(vec![range("::", "ffff:ffff::")]).is_err());
    }

    #[test]
    fn overlapping_entries_make_each_service_once() {
        let keys = expanded(vec![range("10.0.0.1", "10.0.0.3"), range("10.0.0.2", "10.0.0.4")]);
        assert_eq!(keys.unwrap().len(), 4);
    }

    #[test]
    fn the_port_of_a_destination_depends_on_the_forwarding() {
        let web = address("10.0.0.1".parse().unwrap(), 80, Protocol::Tcp);
        let rs = "10.1.0.1".parse().unwrap();
        let tun = Forwarding::Tun(model::lvs::Tunnel::Ipip);
        assert_eq!(dest(web, rs, 8080, Forwarding::Nat).port, 8080);
        assert_eq!(dest(web, rs, 8080, Forwarding::Dr).port, 80);
        assert_eq!(dest(web, rs, 8080, tun).port, 80);
        assert_eq!(dest(by_mark(5, None), rs, 8080, Forwarding::Dr).port, 0);
        assert_eq!(dest(by_mark(5, None), rs, 8080, Forwarding::Nat).port, 8080);
    }
}
