//! Addresses of the configuration as requests to the kernel, and the kernel's
//! news as facts for the machine.

use core::net::IpAddr;
use model::net::Address;
use model::vrrp::IpvlanMode;
use netlink::addr::{self, AddrSpec};
use netlink::link::{self, Link};
use types::{HwAddr, IfIndex, Prefix};
use vrrp_proto::{AddrFact, LinkFact, LinkKind, Stacked};

/// The request for `address` on an interface.
pub fn spec(address: &Address, ifindex: IfIndex) -> AddrSpec {
    let mut spec = AddrSpec::new(ifindex.0, address.prefix.addr, address.prefix.len);
    spec.broadcast = address.broadcast;
    spec.label.clone_from(&address.label);
    spec.scope = address.scope;
    spec.flags = address.flags;
    spec.proto = addr::PROTO_KEEPALIVED;
    if let Some(peer) = &address.peer {
        // A point-to-point address has its prefix length from the other end.
        spec.peer = Some(peer.addr);
        spec.prefix_len = peer.len;
    }
    spec.preferred_lft = match (address.preferred_lft, address.prefix.addr) {
        (Some(seconds), _) => seconds,
        // Deprecated, so that a /128 is never chosen as a source by itself.
        (None, IpAddr::V6(_)) if address.prefix.len == 128 => 0,
        (None, _) => addr::FOREVER,
    };
    spec
}

/// What the machine needs to know of an address.
pub fn addr_fact(spec: &AddrSpec) -> AddrFact {
    AddrFact {
        ifindex: IfIndex(spec.ifindex),
        prefix: Prefix { addr: spec.addr, len: spec.prefix_len },
        tentative: spec.flags & (addr::F_TENTATIVE | addr::F_DADFAILED) != 0
            && spec.flags & addr::F_NODAD == 0,
    }
}

/// What the machine needs to know of an interface.
pub fn link_fact(link: &Link) -> LinkFact {
    LinkFact {
        index: IfIndex(link.index),
        name: link.name.clone(),
        up: link.is_up(),
        polled: false,
        flags: link.flags,
        multicast: link.flags & link::F_MULTICAST != 0,
        noarp: link.flags & link::F_NOARP != 0,
        hw_type: link.hw_type,
        mac: HwAddr::new(&link.mac).unwrap_or_default(),
        broadcast: HwAddr::new(&link.broadcast).unwrap_or_default(),
        mtu: link.mtu,
        set_up: link.flags & link::F_UP != 0,
        group: link.group,
        master: link.master.map(IfIndex),
        vrf: link.vrf_table.is_some(),
        stacked: stacked(link),
        below: below(link),
        vrf_table: link.vrf_table,
    }
}

/// The link whose network it shares.
fn below(link: &Link) -> Option<IfIndex> {
    let shares = link.macvlan_mode.is_some() || link.ipvlan.is_some();
    link.parent.filter(|_| shares && link.parent_netns.is_none()).map(IfIndex)
}

/// What a link that could be a virtual router's sits on.
fn stacked(link: &Link) -> Option<Stacked> {
    let parent = link.parent.filter(|_| link.parent_netns.is_none()).map(IfIndex)?;
    let kind = match (link.macvlan_mode, link.ipvlan) {
        (Some(link::MACVLAN_PRIVATE), _) => {
            LinkKind::Vmac(link.mac.first_chunk::<6>().copied().unwrap_or_default())
        }
        (_, Some((link::IPVLAN_L2, flags))) => LinkKind::Ipvlan(match flags {
            link::IPVLAN_F_PRIVATE => IpvlanMode::Private,
            link::IPVLAN_F_VEPA => IpvlanMode::Vepa,
            _ => IpvlanMode::Bridge,
        }),
        _ => return None,
    };
    Some(Stacked { parent, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str, len: u8) -> Address {
        Address::plain(Prefix { addr: text.parse().unwrap(), len })
    }

    #[test]
    fn an_ipv6_host_address_is_deprecated_unless_a_lifetime_is_given() {
        let mut a = address("2001:db8::1", 128);
        assert_eq!(spec(&a, IfIndex(3)).preferred_lft, 0);
        a.preferred_lft = Some(60);
        assert_eq!(spec(&a, IfIndex(3)).preferred_lft, 60);
        assert_eq!(spec(&address("2001:db8::1", 64), IfIndex(3)).preferred_lft, addr::FOREVER);
        assert_eq!(spec(&address("192.0.2.1", 32), IfIndex(3)).preferred_lft, addr::FOREVER);
    }

    #[test]
    fn a_peer_brings_its_own_prefix_length() {
        let mut a = address("192.0.2.1", 32);
        a.peer = Some(Prefix { addr: "192.0.2.9".parse().unwrap(), len: 30 });
        let s = spec(&a, IfIndex(3));
        assert_eq!((s.peer, s.prefix_len), (Some("192.0.2.9".parse().unwrap()), 30));
    }

    #[test]
    fn an_address_under_detection_is_no_source_yet() {
        let mut s = AddrSpec::new(2, "fe80::1".parse().unwrap(), 64);
        assert!(!addr_fact(&s).tentative);
        s.flags = addr::F_TENTATIVE;
        assert!(addr_fact(&s).tentative);
        s.flags |= addr::F_NODAD;
        assert!(!addr_fact(&s).tentative, "NODAD addresses can be used at once");
    }
}
