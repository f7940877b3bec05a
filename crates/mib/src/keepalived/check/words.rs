//! Values of virtual and real servers as the MIB writes them.

use crate::value::gauge;
use agentx::Value;
use model::lvs::{Forwarding, Scheduler, Service, Tunnel, TunnelCsum, VirtualServer};
use types::{Family, Micros};

/// A threshold; 0 is none.
pub fn some(v: u32) -> Option<Value> {
    (v != 0).then(|| gauge(v))
}

pub fn seconds(m: Micros) -> Value {
    gauge(m.0 / 1_000_000)
}

pub fn micros(m: Micros) -> Value {
    gauge(m.0)
}

pub fn low(v: u64) -> Value {
    gauge(v & 0xffff_ffff)
}

pub fn high(v: u64) -> Value {
    gauge(v >> 32)
}

pub fn scheduler(v: Scheduler) -> Value {
    Value::Integer(match v {
        Scheduler::Rr => 1,
        Scheduler::Wrr => 2,
        Scheduler::Lc => 3,
        Scheduler::Wlc => 4,
        Scheduler::Lblc => 5,
        Scheduler::Lblcr => 6,
        Scheduler::Dh => 7,
        Scheduler::Sh => 8,
        Scheduler::Sed => 9,
        Scheduler::Nq => 10,
        Scheduler::Fo => 11,
        Scheduler::Ovf => 12,
        Scheduler::Mh => 13,
        Scheduler::Twos => 14,
    })
}

pub fn forwarding(v: Forwarding) -> Value {
    Value::Integer(match v {
        Forwarding::Nat => 1,
        Forwarding::Dr => 2,
        Forwarding::Tun(_) => 3,
    })
}

pub fn tunnel(v: Forwarding) -> Option<Tunnel> {
    match v {
        Forwarding::Tun(tunnel) => Some(tunnel),
        _ => None,
    }
}

pub fn tunnel_type(v: Forwarding) -> Option<Value> {
    Some(Value::Integer(match tunnel(v)? {
        Tunnel::Ipip => 1,
        Tunnel::Gue { .. } => 2,
        Tunnel::Gre { .. } => 3,
    }))
}

pub fn tunnel_port(v: Forwarding) -> Option<Value> {
    match tunnel(v)? {
        Tunnel::Gue { port, .. } => Some(gauge(port)),
        _ => None,
    }
}

pub fn tunnel_csum(v: Forwarding) -> Option<Value> {
    let csum = match tunnel(v)? {
        Tunnel::Gue { csum, .. } | Tunnel::Gre { csum } => csum,
        Tunnel::Ipip => return None,
    };
    Some(Value::Integer(match csum {
        TunnelCsum::None => 1,
        TunnelCsum::Csum => 2,
        TunnelCsum::RemCsum => 3,
    }))
}

/// fwmark(1), ip(2), group(3)
pub fn service_type(v: &Service) -> Value {
    Value::Integer(match v {
        Service::Fwmark(_) => 1,
        Service::Addr(..) => 2,
        Service::Group(..) => 3,
    })
}

/// The family of a virtual server, as far as it is known.
pub fn vs_family(vs: &VirtualServer) -> Option<Family> {
    match vs.service {
        Service::Addr(addr, _) => Some(Family::of(addr)),
        _ => vs.family,
    }
}
