//! nf_tables against nft(8): the same ruleset made by both is the same to nft.

mod common;

use lab::ping::Ping;
use lab::{Capture, Frame, Host, PATIENCE};

use common::{ROOM, World, without_number, world};
use netlink::nft::{Chain, DataType, Element, Exprs, Field, Hook, NftEvent, NftFamily, NftObject};
use netlink::nft::{NftSocket, Set, Transaction, Value, Verdict};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::Duration;

const ENOENT: i32 = 2;
const TABLE: &str = "keepalived";
const IP: NftFamily = NftFamily::Ip;
const IP6: NftFamily = NftFamily::Ip6;
/// Types of ICMPv6 messages.
const ROUTER_SOLICIT: u8 = 133;
const NEIGHBOUR_SOLICIT: u8 = 135;
const NEIGHBOUR_ADVERT: u8 = 136;
const MLD2_REPORT: u8 = 143;
const IGMP: u8 = 2;

/// The tables of virtual routers with VMACs and no_accept, as nft reads them.
const RULESET: &str = r#"
table ip keepalived {
    set vips { type ipv4_addr; elements = { 10.0.0.50, 10.0.0.51 }; }
    map vmac_map { type iface_index : iface_index; elements = { "eth1" : "eth0" }; }
    chain in {
        type filter hook input priority -1; policy accept;
        ip daddr @vips counter drop
    }
    chain out {
        type filter hook output priority -1; policy accept;
        ip protocol igmp meta oifkind "macvlan" dup to ip daddr device oif map @vmac_map counter drop
        ip saddr @vips counter drop
    }
}
table ip6 keepalived {
    set vips { type ipv6_addr; elements = { 2001:db8::50, 2001:db8::59 }; }
    set vips_link_local { type ipv6_addr . iface_index; elements = { fe80::77 . "eth1" }; }
    set vips_link_local_name { type ipv6_addr . ifname; elements = { fe80::79 . "eth0" }; }
    set parent_link_local { type ipv6_addr . iface_index; elements = { fe80::1 . "eth1" }; }
    map vmac_map { type iface_index : iface_index; elements = { "eth1" : "eth0" }; }
    set vmac_set { type iface_index; elements = { "eth1" }; }
    set neighbor-discovery {
        type icmpv6_type; flags constant;
        elements = { nd-neighbor-solicit, nd-neighbor-advert };
    }
    chain in_link_local {
        ip6 daddr . iif @vips_link_local drop
        ip6 daddr . iifname @vips_link_local_name drop
    }
    chain out_link_local {
        ip6 saddr . oif @vips_link_local drop
        ip6 saddr . oifname @vips_link_local_name drop
    }
    chain in {
        type filter hook input priority -1; policy accept;
        icmpv6 type @neighbor-discovery accept
        ip6 daddr fe80::/10 goto in_link_local
        ip6 daddr @vips drop
    }
    chain out {
        type filter hook output priority -1; policy accept;
        icmpv6 type mld2-listener-report meta oifkind "macvlan" dup to ip6 daddr device oif map @vmac_map drop
        icmpv6 type nd-router-solicit meta oifkind "macvlan" oif @vmac_set drop
        icmpv6 type nd-neighbor-advert ip6 saddr . oif @parent_link_local drop
        icmpv6 type @neighbor-discovery accept
        ip6 saddr fe80::/10 jump out_link_local
        ip6 saddr @vips drop
    }
}
"#;

fn addr(text: &str) -> Value {
    Value::Addr(text.parse().unwrap())
}

fn addrs(texts: &[&str]) -> Vec<Element> {
    texts.iter().map(|text| Element::new(&[addr(text)])).collect()
}

fn fill(t: &mut Transaction, family: NftFamily, set: &Set, elements: &[Element]) {
    t.add_set(family, TABLE, set);
    t.add_elements(family, TABLE, &set.name, elements);
}

/// The table ip of [`RULESET`].
fn ip_table(world: &World, t: &mut Transaction) {
    t.renew_table(IP, TABLE);
    let vips = Set::new("vips", &[DataType::Ip4Addr]);
    fill(t, IP, &vips, &addrs(&["10.0.0.50", "10.0.0.51"]));
    let map = Set::map("vmac_map", DataType::IfIndex, DataType::IfIndex);
    let parent = Element::mapped(&Value::Index(world.eth1), &Value::Index(world.eth0));
    fill(t, IP, &map, &[parent]);
    t.add_chain(IP, TABLE, &Chain::base("in", Hook::Input, -1));
    let hidden = |field| Exprs::new().is_in(&[field], "vips").counter().drop();
    t.add_rule(IP, TABLE, "in", &hidden(Field::Ip4Daddr));
    t.add_chain(IP, TABLE, &Chain::base("out", Hook::Output, -1));
    let igmp = Exprs::new()
        .is_ip_protocol(IGMP)
        .is_name(Field::OifKind, "macvlan")
        .copy_to(Field::Ip4Daddr, Field::Oif, "vmac_map")
        .counter_if(true)
        .drop();
    t.add_rule(IP, TABLE, "out", &igmp);
    t.add_rule(IP, TABLE, "out", &hidden(Field::Ip4Saddr));
}

/// The sets of the table ip6 of [`RULESET`].
fn ip6_sets(world: &World, t: &mut Transaction) {
    let (eth0, eth1) = (Value::Index(world.eth0), Value::Index(world.eth1));
    t.renew_table(IP6, TABLE);
    let vips = Set::new("vips", &[DataType::Ip6Addr]);
    fill(t, IP6, &vips, &addrs(&["2001:db8::50", "2001:db8::59"]));
    let by_index = [DataType::Ip6Addr, DataType::IfIndex];
    let set = Set::new("vips_link_local", &by_index);
    fill(t, IP6, &set, &[Element::new(&[addr("fe80::77"), eth1.clone()])]);
    let set = Set::new("vips_link_local_name", &[DataType::Ip6Addr, DataType::IfName]);
    fill(t, IP6, &set, &[Element::new(&[addr("fe80::79"), Value::Name("eth0".to_owned())])]);
    let set = Set::new("parent_link_local", &by_index);
    fill(t, IP6, &set, &[Element::new(&[addr("fe80::1"), eth1.clone()])]);
    let map = Set::map("vmac_map", DataType::IfIndex, DataType::IfIndex);
    fill(t, IP6, &map, &[Element::mapped(&eth1, &eth0)]);
    fill(t, IP6, &Set::new("vmac_set", &[DataType::IfIndex]), &[Element::new(&[eth1])]);
    let set = Set { constant: true, ..Set::new("neighbor-discovery", &[DataType::Icmp6Type]) };
    let types =
        [NEIGHBOUR_SOLICIT, NEIGHBOUR_ADVERT].map(|kind| Element::new(&[Value::Byte(kind)]));
    fill(t, IP6, &set, &types);
}

/// The chains of the table ip6 of [`RULESET`].
fn ip6_chains(t: &mut Transaction) {
    for (chain, address, index, name) in [
        ("in_link_local", Field::Ip6Daddr, Field::Iif, Field::IifName),
        ("out_link_local", Field::Ip6Saddr, Field::Oif, Field::OifName),
    ] {
        t.add_chain(IP6, TABLE, &Chain::new(chain));
        let hidden = |field, set| Exprs::new().is_in(&[address, field], set).drop();
        t.add_rule(IP6, TABLE, chain, &hidden(index, "vips_link_local"));
        t.add_rule(IP6, TABLE, chain, &hidden(name, "vips_link_local_name"));
    }
    let link_local: IpAddr = "fe80::".parse().unwrap();
    let discovery = Exprs::new().is_icmp6_of("neighbor-discovery").verdict(Verdict::Accept);
    let to_link_local =
        |field, verdict| Exprs::new().is_within(field, link_local, 10).verdict(verdict);
    t.add_chain(IP6, TABLE, &Chain::base("in", Hook::Input, -1));
    t.add_rule(IP6, TABLE, "in", &discovery);
    let goto = Verdict::Goto("in_link_local".to_owned());
    t.add_rule(IP6, TABLE, "in", &to_link_local(Field::Ip6Daddr, goto));
    t.add_rule(IP6, TABLE, "in", &Exprs::new().is_in(&[Field::Ip6Daddr], "vips").drop());

    t.add_chain(IP6, TABLE, &Chain::base("out", Hook::Output, -1));
    let mld = Exprs::new()
        .is_icmp6(MLD2_REPORT)
        .is_name(Field::OifKind, "macvlan")
        .copy_to(Field::Ip6Daddr, Field::Oif, "vmac_map")
        .drop();
    let solicit = Exprs::new()
        .is_icmp6(ROUTER_SOLICIT)
        .is_name(Field::OifKind, "macvlan")
        .is_in(&[Field::Oif], "vmac_set")
        .drop();
    let advert = Exprs::new()
        .is_icmp6(NEIGHBOUR_ADVERT)
        .is_in(&[Field::Ip6Saddr, Field::Oif], "parent_link_local")
        .drop();
    let jump = Verdict::Jump("out_link_local".to_owned());
    let jump = to_link_local(Field::Ip6Saddr, jump);
    let hidden = Exprs::new().is_in(&[Field::Ip6Saddr], "vips").drop();
    for rule in [mld, solicit, advert, discovery, jump, hidden] {
        t.add_rule(IP6, TABLE, "out", &rule);
    }
}

fn ours(world: &World) -> Transaction {
    let mut t = Transaction::new();
    ip_table(world, &mut t);
    ip6_sets(world, &mut t);
    ip6_chains(&mut t);
    t
}

fn nft(world: &World, args: &[&str]) -> String {
    match world.host.output(Command::new("nft").args(args)) {
        Ok(text) => text,
        Err(e) => panic!("nft {args:?}: {e}"),
    }
}

/// The expressions of all rules, as the kernel keeps them.
fn bytecode(world: &World) -> Vec<String> {
    let listing = nft(world, &["--debug=netlink", "list", "ruleset"]);
    listing.lines().filter(|line| line.starts_with("  [")).map(str::to_owned).collect()
}

fn socket(world: &World) -> NftSocket {
    world.host.run(|| NftSocket::request().unwrap()).unwrap()
}

fn monitor(world: &World) -> NftSocket {
    world.host.run(|| NftSocket::monitor(ROOM).unwrap()).unwrap()
}

#[test]
fn the_ruleset_of_virtual_routers_is_the_same_to_nft() {
    let world = world("nft");
    nft(&world, &[RULESET]);
    let text = nft(&world, &["list", "ruleset"]);
    let json = nft(&world, &["-j", "list", "ruleset"]);
    let code = bytecode(&world);
    nft(&world, &["flush", "ruleset"]);

    socket(&world).commit(ours(&world)).unwrap();
    assert_eq!(nft(&world, &["list", "ruleset"]), text);
    assert_eq!(bytecode(&world), code);
    assert!(code.len() > 60, "{code:?}");
    let handles = |json: &str| without_number(json, "\"handle\": ");
    assert_eq!(handles(&nft(&world, &["-j", "list", "ruleset"])), handles(&json));
    // Whatever was there, it is made anew.
    socket(&world).commit(ours(&world)).unwrap();
    assert_eq!(nft(&world, &["list", "ruleset"]), text);
}

#[test]
fn elements_come_and_go() {
    let world = world("nft");
    let mut socket = socket(&world);
    socket.commit(ours(&world)).unwrap();
    let all: BTreeSet<Element> = (0..20_000u32)
        .map(|n| Element::new(&[Value::Addr(IpAddr::from((0x0a01_0000 + n).to_be_bytes()))]))
        .collect();
    let list: Vec<Element> = all.iter().cloned().collect();
    let old = addrs(&["10.0.0.50", "10.0.0.51"]);
    let mut change = Transaction::new();
    change.add_elements(IP, TABLE, "vips", &list);
    change.del_elements(IP, TABLE, "vips", &old);
    socket.commit(change).unwrap();
    let mut there =
        || socket.elements(IP, TABLE, "vips").unwrap().into_iter().collect::<BTreeSet<_>>();
    // The kernel's hash table grows in the background, and a dump meanwhile may miss elements.
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while there() != all && std::time::Instant::now() < until {}
    assert_eq!(there(), all);
    let mut change = Transaction::new();
    change.del_elements(IP, TABLE, "vips", &list);
    // One that is there already stays, and maps are listed with their data.
    change.add_elements(IP6, TABLE, "vips", &addrs(&["2001:db8::50"]));
    socket.commit(change).unwrap();
    assert_eq!(socket.elements(IP, TABLE, "vips").unwrap(), []);
    assert_eq!(socket.elements(IP6, TABLE, "vips").unwrap().len(), 2);
    let parent = Element::mapped(&Value::Index(world.eth1), &Value::Index(world.eth0));
    assert_eq!(socket.elements(IP6, TABLE, "vmac_map").unwrap(), [parent]);
}

#[test]
fn a_refused_change_undoes_the_transaction_and_is_named() {
    let world = world("nft");
    let mut socket = socket(&world);
    let mut change = Transaction::new();
    change.add_table(IP, "other");
    change.del_elements(IP, "other", "nothing", &addrs(&["10.0.0.1"]));
    change.add_table(IP6, "other");
    let refused = socket.commit(change).unwrap_err();
    assert_eq!(refused.error.errno, ENOENT);
    assert_eq!(refused.what, "delete 1 elements ip other nothing");
    assert_eq!(socket.tables().unwrap(), []);
    // The socket is good for more.
    let mut change = Transaction::new();
    assert!(change.is_empty());
    socket.commit(change.clone()).unwrap();
    change.add_table(IP, "other");
    socket.commit(change).unwrap();
    let tables = socket.tables().unwrap();
    assert_eq!(tables.len(), 1);
    assert_eq!((tables[0].family, tables[0].name.as_str()), (IP, "other"));
}

#[test]
fn a_table_is_cleared_whether_it_is_there_or_not() {
    let world = world("nft");
    let mut socket = socket(&world);
    let clear = || {
        let mut change = Transaction::new();
        change.clear_table(IP, TABLE);
        change.clear_table(IP6, TABLE);
        change
    };
    socket.commit(clear()).unwrap();
    socket.commit(ours(&world)).unwrap();
    assert_eq!(socket.tables().unwrap().len(), 2);
    socket.commit(clear()).unwrap();
    assert_eq!(socket.tables().unwrap(), []);
    let mut change = Transaction::new();
    change.del_table(IP, TABLE);
    assert_eq!(socket.commit(change).unwrap_err().error.errno, ENOENT);
    assert_eq!(nft(&world, &["list", "ruleset"]), "");
}

#[test]
fn chains_and_sets_are_emptied_and_removed() {
    let world = world("nft");
    let mut socket = socket(&world);
    socket.commit(ours(&world)).unwrap();
    let count = |socket: &mut NftSocket, table| {
        let rules = socket.rules(IP, table).unwrap();
        ["in", "out"].map(|chain| rules.get(chain).copied().unwrap_or_default())
    };
    assert_eq!(count(&mut socket, TABLE), [1, 2]);
    assert_eq!(count(&mut socket, "other"), [0, 0]);
    let mut change = Transaction::new();
    change.flush_chain(IP, TABLE, "in");
    change.flush_chain(IP, TABLE, "out");
    change.del_set(IP, TABLE, "vips");
    socket.commit(change).unwrap();
    let listing = nft(&world, &["list", "table", "ip", TABLE]);
    assert!(!listing.contains("vips") && listing.contains("vmac_map"), "{listing}");
    assert_eq!(count(&mut socket, TABLE), [0, 0]);
}

#[test]
fn a_flush_by_somebody_else_is_noticed_and_told_apart_from_our_own() {
    let world = world("nft");
    let mut monitor = monitor(&world);
    let mut socket = socket(&world);
    let ours_port = socket.port().unwrap();
    socket.commit(ours(&world)).unwrap();
    let mut own = Vec::new();
    read_all(&mut monitor, &mut own);
    assert!(own.len() > 30);
    for event in &own {
        if let NftEvent::Change { port, .. } = event {
            assert_eq!(*port, ours_port, "{event:?}");
        }
    }
    nft(&world, &["flush", "ruleset"]);
    let mut news = Vec::new();
    read_all(&mut monitor, &mut news);
    let gone: Vec<_> = news
        .iter()
        .filter_map(|event| match event {
            NftEvent::Change {
                new: false, object: NftObject::Table, family, table, port, ..
            } if *port != ours_port => Some((*family, table.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(gone, [(IP, TABLE), (IP6, TABLE)]);
    assert!(
        matches!(news.last(), Some(NftEvent::Commit { program, pid }) if program == "nft" && *pid > 0),
        "{news:?}"
    );
}

#[test]
fn one_element_taken_by_somebody_else_is_noticed() {
    let world = world("nft");
    let mut monitor = monitor(&world);
    socket(&world).commit(ours(&world)).unwrap();
    read_all(&mut monitor, &mut Vec::new());
    nft(&world, &["delete", "element", "ip", TABLE, "vips", "{ 10.0.0.50 }"]);
    let mut news = Vec::new();
    read_all(&mut monitor, &mut news);
    assert!(
        matches!(&news[0], NftEvent::Change { new: false, object: NftObject::Element, name, .. }
            if name == "vips"),
        "{news:?}"
    );
    assert_eq!(news.len(), 2, "{news:?}");
}

#[test]
fn a_hidden_address_does_not_answer_until_it_is_shown() {
    let world = world("nft");
    let client = Host::new("client").unwrap();
    let _port = world.switch().attach(&client, "eth0", &["10.0.0.9/24"]).unwrap();
    world.ip("address add 10.0.0.50/24 dev eth0");
    let mut socket = socket(&world);
    let mut ping = Ping::new(&client, Ipv4Addr::new(10, 0, 0, 50), 7).unwrap();
    assert!(ping.once(PATIENCE).unwrap().is_some());
    socket.commit(ours(&world)).unwrap();
    assert!(ping.once(Duration::from_millis(200)).unwrap().is_none());
    let mut show = Transaction::new();
    show.del_elements(IP, TABLE, "vips", &addrs(&["10.0.0.50"]));
    socket.commit(show).unwrap();
    assert!(ping.once(PATIENCE).unwrap().is_some());
}

#[test]
fn group_reports_of_a_vmac_leave_with_the_mac_of_its_parent() {
    let world = world("nft");
    world.ip("link add vrrp.51 link eth0 address 00:00:5e:00:01:33 type macvlan mode private");
    let vmac = world.host.index("vrrp.51").unwrap();
    let parent = Element::mapped(&Value::Index(vmac), &Value::Index(world.eth0));
    let mut rules = Transaction::new();
    rules.renew_table(IP, TABLE);
    fill(&mut rules, IP, &Set::new("vips", &[DataType::Ip4Addr]), &addrs(&["10.0.0.50"]));
    let map = Set::map("vmac_map", DataType::IfIndex, DataType::IfIndex);
    fill(&mut rules, IP, &map, &[parent]);
    rules.add_chain(IP, TABLE, &Chain::base("out", Hook::Output, -1));
    let igmp = Exprs::new().is_ip_protocol(IGMP);
    let moved = igmp.clone().is_name(Field::OifKind, "macvlan").copy_to(
        Field::Ip4Daddr,
        Field::Oif,
        "vmac_map",
    );
    rules.add_rule(IP, TABLE, "out", &moved.drop());
    // The copy passes the chain as well: without this one, a report from a hidden address is lost.
    rules.add_rule(IP, TABLE, "out", &igmp.verdict(Verdict::Accept));
    rules.add_rule(IP, TABLE, "out", &Exprs::new().is_in(&[Field::Ip4Saddr], "vips").drop());
    socket(&world).commit(rules).unwrap();

    let mut wire = Capture::keeping(&world.host, "eth0", is_igmp).unwrap();
    world.ip("address add 10.0.0.50/24 dev vrrp.51");
    world.ip("link set vrrp.51 up");
    let join = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let here = Ipv4Addr::new(10, 0, 0, 50);
        socket.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 18), &here).unwrap();
        socket
    };
    let _member = world.host.run(join).unwrap();
    let report = wire.await_frame(PATIENCE, |_| true).unwrap();
    let own = world.ip("link show dev eth0");
    let source: Vec<String> = report.bytes[6..12].iter().map(|b| format!("{b:02x}")).collect();
    assert!(own.contains(&source.join(":")), "{source:?} in {own}");
    assert!(wire.frames().unwrap().iter().all(|frame| frame.bytes[6..12] == report.bytes[6..12]));
}

fn is_igmp(frame: &Frame) -> bool {
    frame.bytes.get(12..14) == Some(&[0x08, 0x00]) && frame.bytes.get(23) == Some(&IGMP)
}

fn read_all(monitor: &mut NftSocket, news: &mut Vec<NftEvent>) {
    loop {
        let before = news.len();
        monitor.recv_events(|event| news.push(event)).unwrap();
        if news.len() == before {
            return;
        }
    }
}
