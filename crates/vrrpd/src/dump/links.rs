//! The section on the host's interfaces.

use core::fmt::{Result, Write};
use core::net::IpAddr;
use vrrp_proto::{LinkShown, Node};

/// Flags of interfaces, see netdevice(7).
const IFF_BROADCAST: u32 = 0x2;
const IFF_LOOPBACK: u32 = 0x8;
const IFF_POINTOPOINT: u32 = 0x10;

/// The section.
pub fn write(out: &mut String, node: &Node) -> Result {
    out.push_str("------< Interfaces >------\n");
    node.links_shown().iter().try_for_each(|link| one(out, node, link))
}

fn one(out: &mut String, node: &Node, l: &LinkShown<'_>) -> Result {
    writeln!(out, " Name = {}", l.name)?;
    writeln!(out, "   index = {}", l.index.0)?;
    for (family, is) in [("4", IpAddr::is_ipv4 as fn(&IpAddr) -> bool), ("6", IpAddr::is_ipv6)] {
        let mut those = l.addresses.iter().filter(|a| is(a));
        let first = those.next().map_or("(none)".to_owned(), IpAddr::to_string);
        writeln!(out, "   IPv{family} address = {first}")?;
        those.try_for_each(|a| writeln!(out, "   Additional IPv{family} address = {a}"))?;
    }
    if l.mac.as_bytes().iter().any(|octet| *octet != 0) {
        let octets = l.mac.as_bytes().iter().map(|octet| format!("{octet:02x}"));
        writeln!(out, "   MAC = {}", octets.collect::<Vec<_>>().join(":"))?;
    }
    let mut state = String::from(if l.set_up { "UP" } else { "DOWN" });
    for (is, word) in [
        (l.up, ", RUNNING"),
        (!l.up, ", not RUNNING"),
        (l.flags & IFF_BROADCAST == 0, ", no broadcast"),
        (l.flags & IFF_LOOPBACK != 0, ", loopback"),
        (l.flags & IFF_POINTOPOINT != 0, ", point to point"),
        (l.noarp, ", no arp"),
        (!l.multicast, ", no multicast"),
    ] {
        if is {
            state.push_str(word);
        }
    }
    writeln!(out, "   State = {state}")?;
    if l.group != 0 {
        writeln!(out, "   Group = {}", l.group)?;
    }
    writeln!(out, "   MTU = {}", l.mtu)?;
    if let Some(vrf) = l.vrf {
        writeln!(out, "   VRF = {vrf}")?;
    }
    if l.forwarding {
        writeln!(out, "   IPv6 forwarding")?;
    }
    users(out, node, l.name)
}

/// The instances on an interface, and those that track it.
fn users(out: &mut String, node: &Node, name: &str) -> Result {
    let mut first = true;
    for s in node.instances() {
        let c = s.config();
        let tracks = c.track_interfaces.iter().find(|t| t.interface == name);
        let weight = match tracks {
            Some(t) => super::words::weight(t.weight, t.reverse),
            None if c.interface.as_deref() == Some(name) && !c.dont_track_primary => "0".to_owned(),
            None => continue,
        };
        if std::mem::take(&mut first) {
            writeln!(out, "   Tracking VRRP instances :")?;
        }
        writeln!(out, "     {}, weight {weight}", c.name)?;
    }
    Ok(())
}
