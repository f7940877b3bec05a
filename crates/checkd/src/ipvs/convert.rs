//! What pools want in the kernel's terms, and what the kernel has in theirs.

use check_proto::ipvs::{DestKey, DestSpec, ServiceKey, ServiceSpec, ServiceTo};
use model::lvs::{Forwarding, Scheduler, Tunnel, TunnelCsum};
use netlink::ipvs as kernel;
use std::sync::Arc;

/// Every scheduler with its name in the kernel.
const SCHEDULERS: [(Scheduler, &str); 14] = [
    (Scheduler::Rr, "rr"),
    (Scheduler::Wrr, "wrr"),
    (Scheduler::Lc, "lc"),
    (Scheduler::Wlc, "wlc"),
    (Scheduler::Lblc, "lblc"),
    (Scheduler::Lblcr, "lblcr"),
    (Scheduler::Sh, "sh"),
    (Scheduler::Mh, "mh"),
    (Scheduler::Dh, "dh"),
    (Scheduler::Fo, "fo"),
    (Scheduler::Ovf, "ovf"),
    (Scheduler::Sed, "sed"),
    (Scheduler::Nq, "nq"),
    (Scheduler::Twos, "twos"),
];

/// The kernel's name of a scheduler.
pub fn scheduler_name(scheduler: Scheduler) -> &'static str {
    let known = SCHEDULERS.iter().find(|(s, _)| *s == scheduler);
    known.map_or("wlc", |(_, name)| name)
}

/// Flags of a service, or weight of a destination, that nothing of ours ever wants: what the
/// kernel has and we have no words for differs from everything.
const FOREIGN_FLAGS: u32 = u32::MAX;
const FOREIGN_WEIGHT: i32 = -1;

pub fn service_key(key: &ServiceKey) -> kernel::ServiceKey {
    let listen = match key.to {
        ServiceTo::Addr(protocol, addr, port) => kernel::Listen::Addr(protocol, addr, port),
        ServiceTo::Mark(mark) => kernel::Listen::Mark(mark),
    };
    kernel::ServiceKey { family: key.family, listen }
}

pub fn found_key(key: &kernel::ServiceKey) -> ServiceKey {
    let to = match key.listen {
        kernel::Listen::Addr(protocol, addr, port) => ServiceTo::Addr(protocol, addr, port),
        kernel::Listen::Mark(mark) => ServiceTo::Mark(mark),
    };
    ServiceKey { family: key.family, to }
}

pub fn service_spec(spec: &ServiceSpec) -> kernel::ServiceSpec<'_> {
    kernel::ServiceSpec {
        scheduler: scheduler_name(spec.scheduler),
        flags: spec.flags,
        timeout: spec.timeout,
        netmask: spec.netmask,
        engine: spec.engine.as_deref(),
    }
}

pub fn found_spec(found: &kernel::Found) -> Arc<ServiceSpec> {
    let known = SCHEDULERS.iter().find(|(_, name)| *name == found.scheduler);
    let flags = found.flags & !kernel::FLAG_HASHED;
    Arc::new(ServiceSpec {
        scheduler: known.map_or(Scheduler::default(), |(scheduler, _)| *scheduler),
        flags: if known.is_some() { flags } else { FOREIGN_FLAGS },
        timeout: found.timeout,
        netmask: found.netmask,
        engine: found.engine.as_deref().map(Into::into),
    })
}

pub fn dest_key(key: &DestKey) -> kernel::DestKey {
    kernel::DestKey { addr: key.addr, port: key.port }
}

pub fn dest_spec(spec: &DestSpec) -> kernel::DestSpec {
    let forward = match spec.forwarding {
        Forwarding::Nat => kernel::Forward::Masq,
        Forwarding::Dr => kernel::Forward::Route,
        Forwarding::Tun(tunnel) => kernel::Forward::Tunnel(match tunnel {
            Tunnel::Ipip => kernel::Tunnel::Ipip,
            Tunnel::Gue { port, csum } => kernel::Tunnel::Gue { port, flags: csum_flags(csum) },
            Tunnel::Gre { csum } => kernel::Tunnel::Gre { flags: csum_flags(csum) },
        }),
    };
    kernel::DestSpec {
        forward,
        weight: spec.weight,
        upper: spec.uthreshold,
        lower: spec.lthreshold,
    }
}

pub fn found_dest(found: &kernel::Entry) -> (DestKey, DestSpec) {
    let forwarding = match found.spec.forward {
        kernel::Forward::Masq => Some(Forwarding::Nat),
        kernel::Forward::Route => Some(Forwarding::Dr),
        kernel::Forward::Tunnel(tunnel) => found_tunnel(tunnel).map(Forwarding::Tun),
        kernel::Forward::Local | kernel::Forward::Bypass => None,
    };
    let spec = DestSpec {
        forwarding: forwarding.unwrap_or_default(),
        weight: if forwarding.is_some() { found.spec.weight } else { FOREIGN_WEIGHT },
        uthreshold: found.spec.upper,
        lthreshold: found.spec.lower,
    };
    (DestKey { addr: found.key.addr, port: found.key.port }, spec)
}

fn found_tunnel(tunnel: kernel::Tunnel) -> Option<Tunnel> {
    Some(match tunnel {
        kernel::Tunnel::Ipip => Tunnel::Ipip,
        kernel::Tunnel::Gue { port, flags } => Tunnel::Gue { port, csum: csum(flags)? },
        kernel::Tunnel::Gre { flags } => Tunnel::Gre { csum: csum(flags)? },
    })
}

const fn csum_flags(csum: TunnelCsum) -> u16 {
    match csum {
        TunnelCsum::None => 0,
        TunnelCsum::Csum => 1,
        TunnelCsum::RemCsum => 2,
    }
}

const fn csum(flags: u16) -> Option<TunnelCsum> {
    match flags {
        0 => Some(TunnelCsum::None),
        1 => Some(TunnelCsum::Csum),
        2 => Some(TunnelCsum::RemCsum),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(key: kernel::DestKey, spec: kernel::DestSpec) -> kernel::Entry {
        kernel::Entry { key, spec, connections: [0; 3], stats: types::Traffic::default() }
    }

    #[test]
    fn what_is_written_is_found_to_be_what_was_wanted() {
        let csums = [TunnelCsum::None, TunnelCsum::Csum, TunnelCsum::RemCsum];
        let gue = csums.map(|csum| Forwarding::Tun(Tunnel::Gue { port: 5555, csum }));
        let gre = csums.map(|csum| Forwarding::Tun(Tunnel::Gre { csum }));
        let plain = [Forwarding::Nat, Forwarding::Dr, Forwarding::Tun(Tunnel::Ipip)];
        let key = DestKey { addr: "10.0.0.1".parse().unwrap(), port: 80 };
        for forwarding in [plain, gue, gre].concat() {
            let spec = DestSpec { forwarding, weight: 3, uthreshold: 9, lthreshold: 5 };
            assert_eq!(found_dest(&found(dest_key(&key), dest_spec(&spec))), (key, spec));
        }
        for (scheduler, _) in SCHEDULERS {
            let engine = Some("sip".into());
            let spec = ServiceSpec { scheduler, flags: 0x1d, timeout: 60, netmask: 24, engine };
            let wire = service_spec(&spec);
            let found = kernel::Found {
                key: kernel::ServiceKey {
                    family: types::Family::V4,
                    listen: kernel::Listen::Mark(1),
                },
                scheduler: wire.scheduler.to_owned(),
                flags: wire.flags | kernel::FLAG_HASHED,
                timeout: wire.timeout,
                netmask: wire.netmask,
                engine: wire.engine.map(str::to_owned),
                stats: types::Traffic::default(),
            };
            assert_eq!(*found_spec(&found), spec);
        }
    }

    #[test]
    fn what_we_have_no_words_for_differs_from_everything() {
        let key = kernel::DestKey { addr: "10.0.0.1".parse().unwrap(), port: 80 };
        let forward = kernel::Forward::Local;
        let spec = kernel::DestSpec { forward, weight: 3, upper: 0, lower: 0 };
        assert!(found_dest(&found(key, spec)).1.weight < 0);
    }
}
