//! What routes and next hops have in common: realms and encapsulation.

use crate::value::{address, counter64, gauge, text};
use agentx::Value;
use model::net::{Encap, IpEncap};

/// Destination and source of realms, as the kernel packs them.
pub fn realms(v: Option<u32>) -> Option<(Option<Value>, Option<Value>)> {
    let v = v?;
    let some = |n: u32| (n != 0).then(|| gauge(n));
    Some((some(v & 0xffff), some(v >> 16)))
}

/// none(1), mpls(2), ip(3), ila(4), ip6(5)
pub fn kind(v: &Encap) -> Value {
    Value::Integer(match v {
        Encap::Mpls(_) => 2,
        Encap::Ip(_) => 3,
        Encap::Ila(_) => 4,
        Encap::Ip6(_) => 5,
    })
}

fn ip(v: &Encap) -> Option<&IpEncap> {
    match v {
        Encap::Ip(e) | Encap::Ip6(e) => Some(e),
        _ => None,
    }
}

/// A column of an encapsulation, counted from its labels: labels, id, destination, source, TOS,
/// TTL, flags, locator.
pub fn part(v: &Encap, n: u32) -> Option<Value> {
    match (n, v) {
        (0, Encap::Mpls(labels)) => {
            let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
            Some(text(labels.join("/")))
        }
        (7, Encap::Ila(locator)) => Some(counter64(*locator)),
        (1, _) => ip(v)?.id.map(counter64),
        (2, _) => ip(v)?.dst.map(address),
        (3, _) => ip(v)?.src.map(address),
        (4, _) => ip(v)?.tos.map(gauge),
        (5, _) => ip(v)?.ttl.map(gauge),
        (6, _) => ip(v)?.flags.map(gauge),
        _ => None,
    }
}
