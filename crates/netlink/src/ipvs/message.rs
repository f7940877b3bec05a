//! Services and destinations as attributes, and back.

use super::{DestKey, DestSpec, Forward, Listen, ServiceKey, ServiceSpec, Tunnel, VERSION, top};
use crate::genl;
use crate::wire::{self, Msg};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nix::libc;
use types::{Family, Traffic};

/// Attributes of a service (`IPVS_SVC_ATTR_*`).
mod svc {
    pub const AF: u16 = 1;
    pub const PROTOCOL: u16 = 2;
    pub const ADDR: u16 = 3;
    pub const PORT: u16 = 4;
    pub const FWMARK: u16 = 5;
    pub const SCHED_NAME: u16 = 6;
    pub const FLAGS: u16 = 7;
    pub const TIMEOUT: u16 = 8;
    pub const NETMASK: u16 = 9;
    pub const STATS: u16 = 10;
    pub const PE_NAME: u16 = 11;
    pub const STATS64: u16 = 12;
}

/// Attributes of a destination (`IPVS_DEST_ATTR_*`).
mod dest {
    pub const ADDR: u16 = 1;
    pub const PORT: u16 = 2;
    pub const FWD_METHOD: u16 = 3;
    pub const WEIGHT: u16 = 4;
    pub const U_THRESH: u16 = 5;
    pub const L_THRESH: u16 = 6;
    pub const ACTIVE: u16 = 7;
    pub const INACTIVE: u16 = 8;
    pub const PERSISTENT: u16 = 9;
    pub const STATS: u16 = 10;
    pub const ADDR_FAMILY: u16 = 11;
    pub const STATS64: u16 = 12;
    pub const TUN_TYPE: u16 = 13;
    pub const TUN_PORT: u16 = 14;
    pub const TUN_FLAGS: u16 = 15;
}

/// Mask of the forwarding method in `IP_VS_CONN_F_*`.
const FORWARD_MASK: u32 = 7;

/// A service as the kernel tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub key: ServiceKey,
    /// Scheduler, by its kernel name.
    pub scheduler: String,
    /// `IP_VS_SVC_F_*`, with those that the kernel sets itself.
    pub flags: u32,
    /// Persistence in seconds.
    pub timeout: u32,
    /// See [`ServiceSpec::netmask`].
    pub netmask: u32,
    /// Persistence engine.
    pub engine: Option<String>,
    /// Traffic.
    pub stats: Traffic,
}

/// A destination as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: DestKey,
    /// Its settings.
    pub spec: DestSpec,
    /// Connections now: active, inactive, persistent.
    pub connections: [u32; 3],
    /// Traffic.
    pub stats: Traffic,
}

/// Appends the header of a command.
pub(super) fn begin(msg: &mut Msg<'_>, command: u8) {
    genl::header(msg, command, VERSION);
}

/// Appends a command about a service with its settings.
pub(super) fn service(msg: &mut Msg<'_>, command: u8, key: &ServiceKey, spec: &ServiceSpec<'_>) {
    begin(msg, command);
    msg.nest(top::SERVICE, |nest| {
        names(nest, key);
        nest.attr_str(svc::SCHED_NAME, spec.scheduler);
        if let Some(engine) = spec.engine {
            nest.attr_str(svc::PE_NAME, engine);
        }
        let mut flags = [0xff; 8];
        flags[..4].copy_from_slice(&spec.flags.to_ne_bytes());
        nest.attr(svc::FLAGS, &flags);
        nest.attr_u32(svc::TIMEOUT, spec.timeout);
        match key.family {
            Family::V4 => nest.attr_be32(svc::NETMASK, spec.netmask),
            Family::V6 => nest.attr_u32(svc::NETMASK, spec.netmask),
        }
    });
}

/// Appends a command about a service that only names it.
pub(super) fn service_named(msg: &mut Msg<'_>, command: u8, key: &ServiceKey) {
    begin(msg, command);
    msg.nest(top::SERVICE, |nest| names(nest, key));
}

/// Appends a command about a destination.
pub(super) fn dest(
    msg: &mut Msg<'_>,
    command: u8,
    service: &ServiceKey,
    key: &DestKey,
    spec: Option<&DestSpec>,
) {
    service_named(msg, command, service);
    msg.nest(top::DEST, |nest| {
        addr(nest, dest::ADDR, key.addr);
        nest.attr(dest::PORT, &key.port.to_be_bytes());
        nest.attr_u16(dest::ADDR_FAMILY, family_number(Family::of(key.addr)));
        if let Some(spec) = spec {
            settings(nest, spec);
        }
    });
}

fn settings(nest: &mut Msg<'_>, spec: &DestSpec) {
    let method = match spec.forward {
        Forward::Masq => 0,
        Forward::Local => 1,
        Forward::Tunnel(_) => 2,
        Forward::Route => 3,
        Forward::Bypass => 4,
    };
    nest.attr_u32(dest::FWD_METHOD, method);
    nest.attr(dest::WEIGHT, &spec.weight.to_ne_bytes());
    nest.attr_u32(dest::U_THRESH, spec.upper);
    nest.attr_u32(dest::L_THRESH, spec.lower);
    let Forward::Tunnel(tunnel) = spec.forward else { return };
    let (kind, port, flags) = match tunnel {
        Tunnel::Ipip => (0, None, None),
        Tunnel::Gue { port, flags } => (1, Some(port), Some(flags)),
        Tunnel::Gre { flags } => (2, None, Some(flags)),
    };
    nest.attr_u8(dest::TUN_TYPE, kind);
    if let Some(port) = port {
        nest.attr(dest::TUN_PORT, &port.to_be_bytes());
    }
    if let Some(flags) = flags {
        nest.attr_u16(dest::TUN_FLAGS, flags);
    }
}

fn names(nest: &mut Msg<'_>, key: &ServiceKey) {
    nest.attr_u16(svc::AF, family_number(key.family));
    match key.listen {
        Listen::Mark(mark) => nest.attr_u32(svc::FWMARK, mark),
        Listen::Addr(protocol, at, port) => {
            nest.attr_u16(svc::PROTOCOL, u16::from(protocol));
            addr(nest, svc::ADDR, at);
            nest.attr(svc::PORT, &port.to_be_bytes());
        }
    }
}

/// An address takes 16 bytes whatever its family.
fn addr(nest: &mut Msg<'_>, kind: u16, addr: IpAddr) {
    let mut bytes = [0; 16];
    match addr {
        IpAddr::V4(v4) => bytes[..4].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => bytes = v6.octets(),
    }
    nest.attr(kind, &bytes);
}

const fn family_number(family: Family) -> u16 {
    match family {
        Family::V4 => libc::AF_INET as u16,
        Family::V6 => libc::AF_INET6 as u16,
    }
}

fn family_of(number: u16) -> Option<Family> {
    match i32::from(number) {
        libc::AF_INET => Some(Family::V4),
        libc::AF_INET6 => Some(Family::V6),
        _ => None,
    }
}

fn read_addr(family: Family, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        Family::V4 => {
            bytes.first_chunk().map(|octets: &[u8; 4]| IpAddr::V4(Ipv4Addr::from(*octets)))
        }
        Family::V6 => {
            bytes.first_chunk().map(|octets: &[u8; 16]| IpAddr::V6(Ipv6Addr::from(*octets)))
        }
    }
}

fn be16(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|raw| u16::from_be_bytes(*raw))
}

fn u64_at(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|raw| u64::from_ne_bytes(*raw))
}

/// Version of IPVS (as `KERNEL_VERSION` makes it) and size of its connection table.
pub fn parse_info(payload: &[u8]) -> Option<(u32, u32)> {
    let (_, attrs) = genl::split(payload)?;
    let mut info = (None, None);
    for (kind, value) in wire::attrs(attrs) {
        match kind {
            1 => info.0 = wire::u32_at(value, 0),
            2 => info.1 = wire::u32_at(value, 0),
            _ => {}
        }
    }
    Some((info.0?, info.1?))
}

fn nested(payload: &[u8], wanted: u16) -> Option<&[u8]> {
    let (_, attrs) = genl::split(payload)?;
    wire::attrs(attrs).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// A service, from a message about it.
pub fn parse_service(payload: &[u8]) -> Option<Found> {
    let nest = nested(payload, top::SERVICE)?;
    let family = wire::attrs(nest).find(|(kind, _)| *kind == svc::AF)?;
    let family = family_of(wire::u16_at(family.1, 0)?)?;
    let (mut protocol, mut at, mut port, mut mark) = (None, None, None, None);
    let mut found = Found {
        key: ServiceKey { family, listen: Listen::Mark(0) },
        scheduler: String::new(),
        flags: 0,
        timeout: 0,
        netmask: 0,
        engine: None,
        stats: Traffic::default(),
    };
    let mut wide = false;
    for (kind, value) in wire::attrs(nest) {
        match kind {
            svc::PROTOCOL => {
                protocol = wire::u16_at(value, 0).and_then(|number| u8::try_from(number).ok());
            }
            svc::ADDR => at = read_addr(family, value),
            svc::PORT => port = be16(value),
            svc::FWMARK => mark = wire::u32_at(value, 0),
            svc::SCHED_NAME => found.scheduler = wire::string(value),
            svc::FLAGS => found.flags = wire::u32_at(value, 0)?,
            svc::TIMEOUT => found.timeout = wire::u32_at(value, 0)?,
            svc::NETMASK => {
                found.netmask = match family {
                    Family::V4 => wire::be32_at(value, 0)?,
                    Family::V6 => wire::u32_at(value, 0)?,
                };
            }
            svc::PE_NAME => found.engine = Some(wire::string(value)).filter(|s| !s.is_empty()),
            svc::STATS | svc::STATS64 => {
                read_stats(value, kind == svc::STATS64, &mut wide, &mut found.stats);
            }
            _ => {}
        }
    }
    found.key.listen = match mark {
        Some(mark) => Listen::Mark(mark),
        None => Listen::Addr(protocol?, at?, port?),
    };
    Some(found)
}

/// A destination, from a message about it; `service` is the family of its service, which is its
/// own where an old kernel does not tell.
pub fn parse_dest(payload: &[u8], service: Family) -> Option<Entry> {
    let nest = nested(payload, top::DEST)?;
    let told = wire::attrs(nest).find(|(kind, _)| *kind == dest::ADDR_FAMILY);
    let family = match told {
        Some((_, value)) => family_of(wire::u16_at(value, 0)?)?,
        None => service,
    };
    let (mut at, mut port, mut method) = (None, None, 0);
    let (mut tunnel, mut tunnel_port, mut tunnel_flags) = (0, 0, 0);
    let mut spec = DestSpec { forward: Forward::Masq, weight: 0, upper: 0, lower: 0 };
    let (mut connections, mut stats, mut wide) = ([0; 3], Traffic::default(), false);
    for (kind, value) in wire::attrs(nest) {
        match kind {
            dest::ADDR => at = read_addr(family, value),
            dest::PORT => port = be16(value),
            dest::FWD_METHOD => method = wire::u32_at(value, 0)? & FORWARD_MASK,
            dest::WEIGHT => spec.weight = wire::u32_at(value, 0)?.cast_signed(),
            dest::U_THRESH => spec.upper = wire::u32_at(value, 0)?,
            dest::L_THRESH => spec.lower = wire::u32_at(value, 0)?,
            dest::ACTIVE => connections[0] = wire::u32_at(value, 0)?,
            dest::INACTIVE => connections[1] = wire::u32_at(value, 0)?,
            dest::PERSISTENT => connections[2] = wire::u32_at(value, 0)?,
            dest::STATS | dest::STATS64 => {
                read_stats(value, kind == dest::STATS64, &mut wide, &mut stats);
            }
            dest::TUN_TYPE => tunnel = *value.first()?,
            dest::TUN_PORT => tunnel_port = be16(value)?,
            dest::TUN_FLAGS => tunnel_flags = wire::u16_at(value, 0)?,
            _ => {}
        }
    }
    spec.forward = match (method, tunnel) {
        (0, _) => Forward::Masq,
        (1, _) => Forward::Local,
        (2, 0) => Forward::Tunnel(Tunnel::Ipip),
        (2, 1) => Forward::Tunnel(Tunnel::Gue { port: tunnel_port, flags: tunnel_flags }),
        (2, 2) => Forward::Tunnel(Tunnel::Gre { flags: tunnel_flags }),
        (3, _) => Forward::Route,
        (4, _) => Forward::Bypass,
        _ => return None,
    };
    Some(Entry { key: DestKey { addr: at?, port: port? }, spec, connections, stats })
}

/// Counters of 64 bits win over those of 32, in whatever order they come.
fn read_stats(nest: &[u8], is_wide: bool, had_wide: &mut bool, stats: &mut Traffic) {
    if *had_wide && !is_wide {
        return;
    }
    *had_wide |= is_wide;
    for (kind, value) in wire::attrs(nest) {
        let Some(number) = u64_at(value).or_else(|| wire::u32_at(value, 0).map(u64::from)) else {
            continue;
        };
        match kind {
            1 => stats.conns = number,
            2 => stats.in_packets = number,
            3 => stats.out_packets = number,
            4 => stats.in_bytes = number,
            5 => stats.out_bytes = number,
            6 => stats.cps = number,
            7 => stats.in_pps = number,
            8 => stats.out_pps = number,
            9 => stats.in_bps = number,
            10 => stats.out_bps = number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
