//! Addresses, routes and rules: what an entry becomes, and what drops it.

mod common;

use std::net::IpAddr;

use common::{host, said, test_on};
use conf::host::IfFacts;
use conf::testing::MapHost;
use conf::{Level, Loaded};
use model::net::{Address, Encap, Metric, Route, RouteInsert, Rule, RuleAction};
use types::{Family, Prefix};

fn machine() -> MapHost {
    host()
        .interface("eth1")
        .interface_with("blue", IfFacts { index: 9, vrf_table: Some(77), ..IfFacts::default() })
        .file("/etc/iproute2/rt_tables", "100 office\n")
}

fn read(text: &str) -> Loaded {
    test_on(machine(), text)
}

fn counted(loaded: &Loaded) -> Vec<String> {
    let counting = loaded.diags.iter().filter(|d| d.level != Level::Note);
    counting.map(|d| d.text.clone()).collect()
}

fn block(name: &str, entry: &str) -> Loaded {
    read(&format!("track_group tg {{\ngroup {{ A }}\n}}\n{name} {{\n{entry}\n}}\n"))
}

#[track_caller]
fn fine(loaded: &Loaded) {
    assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(loaded));
}

#[track_caller]
fn address(entry: &str) -> Address {
    let loaded = block("static_ipaddress", entry);
    fine(&loaded);
    loaded.model.vrrp.static_addresses[0].clone()
}

#[track_caller]
fn route(entry: &str) -> Route {
    let loaded = block("static_routes", entry);
    fine(&loaded);
    loaded.model.vrrp.static_routes[0].clone()
}

#[track_caller]
fn rule(entry: &str) -> Rule {
    let loaded = block("static_rules", entry);
    fine(&loaded);
    loaded.model.vrrp.static_rules[0].clone()
}

/// An entry that is dropped, with the one thing said about it.
#[track_caller]
fn dropped(name: &str, entry: &str, expected: &str) {
    let loaded = block(name, entry);
    assert_eq!(counted(&loaded), [expected]);
    let vrrp = &loaded.model.vrrp;
    let kept = vrrp.static_addresses.len() + vrrp.static_routes.len() + vrrp.static_rules.len();
    assert_eq!(kept, 0, "{vrrp:#?}");
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn prefix(text: &str) -> Prefix {
    let (addr, len) = text.split_once('/').unwrap();
    Prefix { addr: ip(addr), len: len.parse().unwrap() }
}

#[test]
fn addresses_have_their_options() {
    let a = address("192.0.2.1/24 dev eth1 scope link label eth1:1 brd + no_track");
    assert_eq!((a.prefix, a.dev.as_deref()), (prefix("192.0.2.1/24"), Some("eth1")));
    assert_eq!((a.scope, a.label.as_deref(), a.no_track), (253, Some("eth1:1"), true));
    assert_eq!(a.broadcast.map(IpAddr::V4), Some(ip("192.0.2.255")));
    let a = address("192.0.2.1/24 brd -");
    assert_eq!(a.broadcast.map(IpAddr::V4), Some(ip("192.0.2.0")));
    assert_eq!(a.dev.as_deref(), Some("eth0"), "the default interface");
    let a = address("192.0.2.1 peer 192.0.2.2 track_group tg");
    assert_eq!(a.peer, Some(prefix("192.0.2.2/32")));
    assert_eq!(a.track_group.as_deref(), Some("tg"));
    let a = address("2001:db8::1/64 home mngtmpaddr noprefixroute autojoin preferred_lft 60");
    assert_eq!((a.flags, a.preferred_lft), (0x02 | 0x10 | 0x100 | 0x200 | 0x400, Some(60)));
    assert_eq!(address("2001:db8::1/64 preferred_lft forever").preferred_lft, Some(u32::MAX));
}

#[test]
fn virtual_addresses_skip_duplicate_detection_unless_told() {
    let text = "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\n\
                virtual_ipaddress {\nfe80::1\n2001:db8::1/64 -nodad\n2001:db8::2/64 dev eth1 use_vmac\n}\n\
                virtual_ipaddress_excluded { 10.0.0.9/24 }\n}\n";
    let loaded = read(text);
    fine(&loaded);
    let a = &loaded.model.vrrp.instances[0];
    assert_eq!((a.vips[0].flags, a.vips[1].flags), (0x02, 0));
    assert!(a.vips[2].use_vmac);
    assert_eq!(a.evips[0].prefix, prefix("10.0.0.9/24"), "of the other family");
}

#[test]
fn addresses_that_cannot_be_are_dropped() {
    let dropped = |entry: &str, text: &str| dropped("static_ipaddress", entry, text);
    dropped("192.0.2.x/24", "VRRP parsed invalid IP 192.0.2.x/24. skipping IP...");
    dropped("192.0.2.1 dev", "address 192.0.2.1: dev needs a value - dropping the address");
    dropped(
        "192.0.2.1 dev eth0 dev eth1",
        "address 192.0.2.1: dev is given twice - dropping the address",
    );
    dropped(
        "192.0.2.1 label abcdefghijklmnopq",
        "label abcdefghijklmnopq is longer than 15 bytes - dropping the address",
    );
    dropped("192.0.2.1/24 brd x", "broadcast x is no IPv4 address - dropping the address");
}

#[test]
fn options_that_do_not_fit_are_left_out() {
    let kept = |entry: &str, text: &str| {
        let loaded = block("static_ipaddress", entry);
        assert_eq!(counted(&loaded), [text]);
        loaded.model.vrrp.static_addresses[0].clone()
    };
    let a = kept("192.0.2.1/33", "address 192.0.2.1/33: prefix length '33' is invalid - using 32");
    assert_eq!(a.prefix.len, 32);
    kept("192.0.2.1/31 brd +", "a prefix length of 31 leaves no broadcast address - ignoring it");
    kept("192.0.2.1/24 foo", "Unknown configuration entry 'foo' for ip address - ignoring");
    kept(
        "2001:db8::1/64 scope link",
        "address 2001:db8::1/64: an IPv6 address has no scope - ignoring it",
    );
    let a = kept(
        "192.0.2.1/24 peer 192.0.2.2",
        "an address with a peer takes no prefix length - ignoring the length",
    );
    assert_eq!(a.prefix.len, 32);
    // The address stays without what does not fit, as in the reference.
    let a = kept("192.0.2.1 peer 192.0.2.2/24", "peer 192.0.2.2/24 is no address - ignoring it");
    assert_eq!(a.peer, None);
    let a =
        kept("192.0.2.1 peer 192.0.2.2 peer 192.0.2.3", "a second peer 192.0.2.3 - ignoring it");
    assert_eq!(a.peer, Some(prefix("192.0.2.2/32")));
    kept("192.0.2.1 track_group none", "track_group none is not defined - ignoring it");
}

#[test]
fn routes_have_their_options() {
    let r = route(
        "append blackhole 198.51.100.0/24 table office metric 10 tos 0x10 protocol static \
         no_track scope link src 192.0.2.9",
    );
    assert_eq!((r.kind, r.insert, r.table), (6, RouteInsert::Append, 100));
    assert_eq!((r.priority, r.tos, r.protocol, r.scope), (Some(10), 16, 4, Some(253)));
    assert_eq!(r.src, Some(ip("192.0.2.9")));
    let r = route("default via inet 192.0.2.254 dev eth0 onlink realms 1/2 track_group tg");
    assert_eq!((r.dst, r.kind, r.table, r.insert), (None, 1, 254, RouteInsert::Prepend));
    assert_eq!((r.hop.via, r.hop.onlink), (Some(ip("192.0.2.254")), true));
    assert_eq!((r.hop.realms, r.protocol), (Some(1 << 16 | 2), 18));
    let r = route("to 2001:db8:1::/64 from 2001:db8::/32 dev eth0 pref high expires 100");
    assert_eq!((r.family, r.pref, r.expires), (Family::V6, Some(1), Some(100)));
    assert_eq!(route("10.0.0.0/8 vrf blue").table, 77);
    assert_eq!(route("10.0.0.0/8 dev eth0 ttl-propagate disabled").ttl_propagate, Some(false));
}

#[test]
fn metrics_of_routes_are_in_the_kernels_units() {
    let r = route("10.0.0.0/8 dev eth0 mtu lock 1400 rtt 300ms rttvar lock 1s rto_min 0.25s");
    let metric = |kind, value, lock| Metric { kind, value, lock };
    assert_eq!(
        r.metrics,
        [
            metric(2, 1400, true),
            metric(4, 2400, false),
            metric(5, 4000, true),
            metric(13, 250, false)
        ]
    );
    let r = route("10.0.0.0/8 dev eth0 features ecn quickack 1 congctl lock cubic hoplimit 9");
    assert_eq!(r.congctl, Some(("cubic".into(), true)));
    assert_eq!(r.metrics.len(), 3);
    let loaded = block("static_routes", "10.0.0.0/8 dev eth0 rtt 1ms");
    let text = "rtt 1ms for route is outside 200ms to 120s - setting to 200ms";
    assert_eq!(counted(&loaded), [text]);
    assert_eq!(loaded.model.vrrp.static_routes[0].metrics, [metric(4, 1600, false)]);
}

#[test]
fn next_hops_and_encapsulations() {
    let r = route(
        "10.0.0.0/8 nexthop via 192.0.2.1 dev eth0 weight 3 onlink nexthop via inet 192.0.2.2 \
         encap mpls 16/17",
    );
    let [one, two] = &r.nexthops[..] else { panic!("two hops") };
    assert_eq!((one.via, one.weight, one.onlink), (Some(ip("192.0.2.1")), Some(3), true));
    assert_eq!((two.via, &two.encap), (Some(ip("192.0.2.2")), &Some(Encap::Mpls(vec![16, 17]))));
    let r = route("10.0.0.0/8 encap ip id 7 dst 192.0.2.9 ttl 64 dev eth0 metric 5");
    let Some(Encap::Ip(encap)) = &r.hop.encap else { panic!("encap ip") };
    assert_eq!((encap.id, encap.dst, encap.ttl), (Some(7), Some(ip("192.0.2.9")), Some(64)));
    assert_eq!((r.hop.dev.as_deref(), r.priority), (Some("eth0"), Some(5)));
    let r = route("2001:db8::/32 encap ila 1:2:3:4 dev eth0");
    assert_eq!(r.hop.encap, Some(Encap::Ila(0x0001_0002_0003_0004)));
}

#[test]
fn an_old_second_gateway_makes_two_next_hops() {
    let loaded = block("static_routes", "10.0.0.0/8 via 192.0.2.1 or 192.0.2.2 dev eth0");
    assert_eq!(counted(&loaded), ["`or` is deprecated - use `nexthop` for each gateway"]);
    let r = &loaded.model.vrrp.static_routes[0];
    let via: Vec<_> = r.nexthops.iter().map(|h| h.via).collect();
    assert_eq!(via, [Some(ip("192.0.2.1")), Some(ip("192.0.2.2"))]);
}

#[test]
fn routes_that_cannot_be_are_dropped() {
    let dropped = |entry: &str, text: &str| dropped("static_routes", entry, text);
    dropped("dev eth0", "Route must have a destination");
    dropped("10.0.0.0/8 via x", "route via x is no address");
    dropped("10.0.0.0/8 foo", "'foo' is neither a route option nor a destination");
    dropped("10.0.0.0/8 via 2001:db8::1", "a route has addresses of one family only");
    dropped("10.0.0.0/8 dev eth0 table none", "routing table none is unknown");
    dropped("10.0.0.0/8 dev eth0 expires 10", "expires is for IPv6 routes");
    dropped("10.0.0.0/8 dev eth0 encap ip tos 1", "encap ip needs dst or id");
    dropped("10.0.0.0/8 dev eth0 congctl lock", "congctl lock needs the name of an algorithm");
    dropped("10.0.0.0/8 dev eth0 rtt 1e3s", "route rtt '1e3s' is invalid");
    dropped("10.0.0.0/8 dev eth0 quickack 2", "route quickack '2' is invalid");
    dropped("10.0.0.0/8 vrf eth0", "interface eth0 is not a VRF");
    dropped(
        "10.0.0.0/8 nexthop via 192.0.2.1 foo",
        "nexthop has no option foo, and nothing follows the next hops",
    );
    dropped("10.0.0.0/8 nexthop weight 300", "nexthop weight '300' is not 1 to 256");
}

#[test]
fn a_foreign_protocol_needs_no_track() {
    let text = "a route that is tracked has protocol keepalived (18) - using that";
    let loaded = block("static_routes", "10.0.0.0/8 dev eth0 protocol static");
    assert_eq!(counted(&loaded), [text]);
    assert_eq!(loaded.model.vrrp.static_routes[0].protocol, 18);
}

#[test]
fn the_words_inet_and_inet6_are_understood_and_warned_of() {
    let loaded = block("static_routes", "inet default via 192.0.2.254");
    assert_eq!(loaded.worst(), Level::Warning);
    assert_eq!(loaded.model.vrrp.static_routes[0].hop.via, Some(ip("192.0.2.254")));
    let loaded = block("static_routes", "inet6 default dev eth0");
    assert_eq!(loaded.model.vrrp.static_routes[0].family, Family::V6);
    let loaded = block("static_rules", "inet6 from all table 10 priority 1000");
    assert_eq!(loaded.model.vrrp.static_rules[0].family, Family::V6);
}

#[test]
fn rules_have_their_options() {
    let r = rule(
        "not from 192.0.2.0/24 to any fwmark 0x1/0xff iif eth0 oif eth1 table office priority 0x10 \
         tos 8 tunnel-id 5 uidrange 10-20 ipproto udp sport 80 dport 1000-2000 track_group tg \
         suppress_prefixlength 0 realms 3",
    );
    assert_eq!((r.from, r.to, r.not), (Some(prefix("192.0.2.0/24")), None, true));
    assert_eq!((r.action, r.priority), (RuleAction::Table(100), 16));
    assert_eq!((r.fwmark, r.tunnel_id, r.uid_range), (Some((1, 255)), Some(5), Some((10, 20))));
    assert_eq!((r.ip_proto, r.sport, r.dport), (Some(17), Some((80, 80)), Some((1000, 2000))));
    assert_eq!((r.suppress_prefixlength, r.realms), (Some(0), Some(3)));
    assert_eq!(rule("from 10.0.0.0/8 type blackhole priority 9").action, RuleAction::Blackhole);
    assert_eq!(rule("priority 9 goto 10").action, RuleAction::Goto(10));
    assert_eq!(rule("l3mdev priority 9").action, RuleAction::L3mdev);
}

#[test]
fn rules_without_a_priority_count_down_in_each_family() {
    let loaded = block(
        "static_rules",
        "from 10.0.0.0/8 table 1\nfrom 10.1.0.0/16 table 2\nfrom 2001:db8::/32 table 3",
    );
    let priorities: Vec<_> = loaded.model.vrrp.static_rules.iter().map(|r| r.priority).collect();
    assert_eq!(priorities, [16384, 16383, 16384]);
    assert_eq!(counted(&loaded).len(), 3);
}

#[test]
fn rules_that_cannot_be_are_dropped() {
    let dropped = |entry: &str, text: &str| dropped("static_rules", entry, text);
    dropped("from 10.0.0.0/8 priority 1", "No action specified for rule - ignoring");
    dropped("table 0 priority 1", "there is no routing table 0");
    dropped("table 1 nop priority 1", "a rule has one action only");
    dropped(
        "goto 10 priority 20",
        "goto 10 must lead beyond the rule's own priority 20 - dropping the rule",
    );
    dropped("goto 10", "goto 10 needs a priority of its own - dropping the rule");
    dropped("from 10.0.0.0/8 to ::1 table 1 priority 1", "a rule has prefixes of one family only");
    dropped(
        "realms 1 blackhole priority 1",
        "realms and suppressors go with a table only - dropping the rule",
    );
    dropped("sport 80-70 table 1 priority 1", "sport '80-70' is neither a port nor A-B");
    dropped("ipproto 128 table 1 priority 1", "ipproto '128' is unknown");
    dropped("foo", "'foo' is no option of a rule");
}
