//! Virtual links: made, changed, adopted and removed, as iproute2 sees them.

mod common;

use common::{World, world};
use netlink::link::{self, AddrGenMode, Ipv4Key, LinkChange, LinkKind, LinkRef, NewLink};
use netlink::sysctl::ConfKey;
use netlink::{Batch, Link, NlSocket};
use std::io::ErrorKind;
use types::Family;

const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
const PRIVATE: LinkKind = LinkKind::Macvlan { mode: link::MACVLAN_PRIVATE };

fn find(world: &World, name: &str) -> Link {
    let links = world.host.run(|| NlSocket::request().unwrap().dump_links().unwrap()).unwrap();
    links.into_iter().find(|link| link.name == name).unwrap()
}

/// Makes a VMAC as a virtual router does: made, set, and only then up, in one batch.
fn make(world: &World, name: &str, parent: u32) {
    let quiet = LinkChange {
        addr_gen_mode: Some(AddrGenMode::None),
        ipv4: vec![
            (Ipv4Key::ArpIgnore, 1),
            (Ipv4Key::AcceptLocal, 1),
            (Ipv4Key::RpFilter, 0),
            (Ipv4Key::PromoteSecondaries, 1),
        ],
        ..LinkChange::default()
    };
    let up = LinkChange { up: Some(true), ..LinkChange::default() };
    let mut batch = world.host.run(|| Batch::open().unwrap()).unwrap();
    batch.add_link(&NewLink { mac: Some(MAC), group: 9, ..NewLink::new(name, parent, PRIVATE) });
    batch.change_link(LinkRef::Name(name), &quiet);
    batch.change_link(LinkRef::Name(name), &up);
    assert_eq!(batch.run().unwrap(), []);
}

#[test]
fn a_vmac_is_up_without_a_link_local_address() {
    let world = world("links");
    make(&world, "vrrp.51", world.eth0);
    let made = find(&world, "vrrp.51");
    assert!(made.is_up() && made.is_macvlan(), "{made:?}");
    assert_eq!(made.macvlan_mode, Some(link::MACVLAN_PRIVATE));
    assert_eq!((made.parent, made.group), (Some(world.eth0), 9));
    assert_eq!(made.mac, MAC);
    assert_eq!(made.addr_gen_mode, Some(AddrGenMode::None));
    let shown = world.ip("-d link show vrrp.51");
    for word in ["00:00:5e:00:01:33", "macvlan mode private", "addrgenmode none", "group 9"] {
        assert!(shown.contains(word), "{shown}");
    }
    assert_eq!(world.ip("-6 address show dev vrrp.51"), "");
}

#[test]
fn settings_of_ipv4_are_those_that_sysctls_show() {
    let world = world("links");
    make(&world, "vrrp.51", world.eth0);
    let conf = find(&world, "vrrp.51").ipv4.unwrap();
    let keys = [
        ("arp_ignore", Ipv4Key::ArpIgnore, 1),
        ("accept_local", Ipv4Key::AcceptLocal, 1),
        ("rp_filter", Ipv4Key::RpFilter, 0),
        ("promote_secondaries", Ipv4Key::PromoteSecondaries, 1),
        ("arp_filter", Ipv4Key::ArpFilter, 0),
    ];
    for (name, key, value) in keys {
        let path = format!("/proc/sys/net/ipv4/conf/vrrp.51/{name}");
        let shown = world.host.run(|| std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((shown.trim(), conf.get(key)), (value.to_string().as_str(), value), "{name}");
    }
    // The parent's can be set and put back.
    let before = find(&world, "eth0").ipv4.unwrap();
    let mut batch = world.host.run(|| Batch::open().unwrap()).unwrap();
    for (ignore, filter) in [(1, 1), (before.arp_ignore, before.arp_filter)] {
        let ipv4 = vec![(Ipv4Key::ArpIgnore, ignore), (Ipv4Key::ArpFilter, filter)];
        let change = LinkChange { ipv4, ..LinkChange::default() };
        batch.change_link(LinkRef::Index(world.eth0), &change);
        assert_eq!(batch.run().unwrap(), []);
        let now = find(&world, "eth0").ipv4.unwrap();
        assert_eq!((now.arp_ignore, now.arp_filter), (ignore, filter));
    }
    assert_eq!(find(&world, "eth0").ipv4, Some(before));
}

#[test]
fn a_link_made_by_somebody_else_is_put_right_not_made_anew() {
    let world = world("links");
    world.ip("link add theirs link eth0 address 02:00:00:00:00:01 type macvlan mode bridge");
    let theirs = find(&world, "theirs");
    assert_eq!(theirs.macvlan_mode, Some(4));
    assert_eq!(theirs.addr_gen_mode, Some(AddrGenMode::Eui64));
    let change = LinkChange {
        mac: Some(MAC),
        name: Some("vrrp.51".to_owned()),
        group: Some(4),
        kind: Some(PRIVATE),
        ..LinkChange::default()
    };
    let mut batch = world.host.run(|| Batch::open().unwrap()).unwrap();
    batch.change_link(LinkRef::Index(theirs.index), &change);
    assert_eq!(batch.run().unwrap(), []);
    let ours = find(&world, "vrrp.51");
    assert_eq!(ours.index, theirs.index);
    assert_eq!((ours.mac.as_slice(), ours.group), (&MAC[..], 4));
    assert_eq!(ours.macvlan_mode, Some(link::MACVLAN_PRIVATE));

    batch.del_link(ours.index);
    assert_eq!(batch.run().unwrap(), []);
    assert!(!world.ip("link show").contains("vrrp.51"));
}

#[test]
fn a_link_joins_and_leaves_a_master() {
    let world = world("links");
    world.ip("link add br0 type bridge");
    let master = find(&world, "br0").index;
    let mut batch = world.host.run(|| Batch::open().unwrap()).unwrap();
    let link = NewLink { master: Some(master), ..NewLink::new("vrrp.51", world.eth0, PRIVATE) };
    batch.add_link(&link);
    assert_eq!(batch.run().unwrap(), []);
    assert_eq!(find(&world, "vrrp.51").master, Some(master));
    for (asked, seen) in [(0, None), (master, Some(master))] {
        let change = LinkChange { master: Some(asked), ..LinkChange::default() };
        batch.change_link(LinkRef::Name("vrrp.51"), &change);
        assert_eq!(batch.run().unwrap(), []);
        assert_eq!(find(&world, "vrrp.51").master, seen);
    }
}

#[test]
fn a_setting_beyond_netlink_is_written_and_put_back() {
    let world = world("links");
    make(&world, "vrrp.51", world.eth0);
    let off = ConfKey { family: Family::V6, scope: "vrrp.51", key: "disable_ipv6" };
    let all = ConfKey { family: Family::V4, scope: "all", key: "rp_filter" };
    world
        .host
        .run(|| {
            assert_eq!((off.set(1).unwrap(), off.set(1).unwrap(), off.get().unwrap()), (0, 1, 1));
            let before = all.get().unwrap();
            assert_eq!(all.set(2).unwrap(), before);
            assert_eq!(all.set(before).unwrap(), 2);
            let gone = ConfKey { scope: "nowhere", ..all };
            assert_eq!(gone.get().unwrap_err().kind(), ErrorKind::NotFound);
        })
        .unwrap();
}
