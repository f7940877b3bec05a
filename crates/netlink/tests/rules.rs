//! Rules: every form that the configuration knows, put in by iproute2 and by us, and seen by
//! iproute2 to be the same.

mod common;

use common::{ROOM, World, prefix, world};
use netlink::rule::RuleAction;
use netlink::{Batch, FibEvent, NlSocket, RuleEvent, RuleSpec};
use types::Family;

const ENOENT: i32 = 2;
const EEXIST: i32 = 17;

/// Family option and arguments of `ip rule add`, the action, and what else a spec says.
type Form = (&'static str, &'static str, RuleAction, fn(&mut RuleSpec));

const TABLE: RuleAction = RuleAction::Table(100);

const FORMS: &[Form] = &[
    ("-4", "table 100", TABLE, |_| ()),
    ("-4", "table main", RuleAction::Table(254), |_| ()),
    ("-4", "table 100000", RuleAction::Table(100_000), |_| ()),
    ("-4", "from 10.0.0.0/8 table 100", TABLE, |r| r.from = Some(prefix("10.0.0.0/8"))),
    ("-4", "to 10.2.3.4 table 100", TABLE, |r| r.to = Some(prefix("10.2.3.4/32"))),
    ("-4", "from 10.0.0.0/8 to 192.0.2.0/24 table 100", TABLE, |r| {
        (r.from, r.to) = (Some(prefix("10.0.0.0/8")), Some(prefix("192.0.2.0/24")));
    }),
    ("-4", "not from 10.0.0.0/8 table 100", TABLE, |r| {
        (r.from, r.not) = (Some(prefix("10.0.0.0/8")), true);
    }),
    ("-4", "from 10.0.0.0/8 l3mdev", RuleAction::L3mdev, |r| {
        r.from = Some(prefix("10.0.0.0/8"));
    }),
    ("-4", "from 10.0.0.0/8 goto 32766", RuleAction::Goto(32766), |r| {
        r.from = Some(prefix("10.0.0.0/8"));
    }),
    // Nobody there to go to.
    ("-4", "goto 5000", RuleAction::Goto(5000), |_| ()),
    ("-4", "from 10.0.0.0/8 nop", RuleAction::Nop, |r| r.from = Some(prefix("10.0.0.0/8"))),
    ("-4", "from 10.0.0.0/8 blackhole", RuleAction::Blackhole, |r| {
        r.from = Some(prefix("10.0.0.0/8"));
    }),
    ("-4", "to 10.0.0.0/8 unreachable", RuleAction::Unreachable, |r| {
        r.to = Some(prefix("10.0.0.0/8"));
    }),
    ("-4", "to 10.0.0.0/8 prohibit", RuleAction::Prohibit, |r| r.to = Some(prefix("10.0.0.0/8"))),
    ("-4", "tos 0x10 table 100", TABLE, |r| r.tos = 16),
    ("-4", "fwmark 7 table 100", TABLE, |r| r.fwmark = Some((7, u32::MAX))),
    ("-4", "fwmark 0x10/0xf0 table 100", TABLE, |r| r.fwmark = Some((0x10, 0xf0))),
    ("-4", "fwmark 0/0xf0 table 100", TABLE, |r| r.fwmark = Some((0, 0xf0))),
    ("-4", "realms 3/4 table 100", TABLE, |r| r.realms = Some(3 << 16 | 4)),
    ("-4", "suppress_prefixlength 0 table main", RuleAction::Table(254), |r| {
        r.suppress_prefixlength = Some(0);
    }),
    ("-4", "suppress_ifgroup 5 table 100", TABLE, |r| r.suppress_ifgroup = Some(5)),
    ("-4", "iif eth0 table 100", TABLE, |r| r.iif = Some("eth0".to_owned())),
    ("-4", "iif nowhere oif eth1 table 100", TABLE, |r| {
        (r.iif, r.oif) = (Some("nowhere".to_owned()), Some("eth1".to_owned()));
    }),
    ("-4", "tun_id 77 table 100", TABLE, |r| r.tunnel_id = Some(77)),
    ("-4", "uidrange 0-4000000000 table 100", TABLE, |r| r.uid_range = Some((0, 4_000_000_000))),
    ("-4", "ipproto tcp sport 80-90 table 100", TABLE, |r| {
        (r.ip_proto, r.sport) = (Some(6), Some((80, 90)));
    }),
    ("-4", "ipproto udp dport 53 sport 1-65534 table 100", TABLE, |r| {
        (r.ip_proto, r.dport, r.sport) = (Some(17), Some((53, 53)), Some((1, 65534)));
    }),
    ("-4", "protocol static from 10.0.0.0/8 table 100", TABLE, |r| {
        (r.protocol, r.from) = (4, Some(prefix("10.0.0.0/8")));
    }),
    ("-6", "table 100", TABLE, |_| ()),
    ("-6", "from 2001:db8::/32 to 2001:db8:1::1 table 1000", RuleAction::Table(1000), |r| {
        (r.from, r.to) = (Some(prefix("2001:db8::/32")), Some(prefix("2001:db8:1::1/128")));
    }),
    ("-6", "not to 2001:db8::/32 iif eth0 table 100", TABLE, |r| {
        (r.to, r.not) = (Some(prefix("2001:db8::/32")), true);
        r.iif = Some("eth0".to_owned());
    }),
    ("-6", "fwmark 7/0xff tos 0x10 table 100", TABLE, |r| {
        (r.fwmark, r.tos) = (Some((7, 0xff)), 16);
    }),
    (
        "-6",
        "oif eth1 suppress_prefixlength 8 suppress_ifgroup 2 table main",
        RuleAction::Table(254),
        |r| {
            r.oif = Some("eth1".to_owned());
            (r.suppress_prefixlength, r.suppress_ifgroup) = (Some(8), Some(2));
        },
    ),
    ("-6", "l3mdev", RuleAction::L3mdev, |_| ()),
    ("-6", "goto 32766", RuleAction::Goto(32766), |_| ()),
    ("-6", "from 2001:db8::/32 blackhole", RuleAction::Blackhole, |r| {
        r.from = Some(prefix("2001:db8::/32"));
    }),
    ("-6", "from 2001:db8::/32 unreachable", RuleAction::Unreachable, |r| {
        r.from = Some(prefix("2001:db8::/32"));
    }),
    ("-6", "from 2001:db8::/32 prohibit", RuleAction::Prohibit, |r| {
        r.from = Some(prefix("2001:db8::/32"));
    }),
    ("-6", "ipproto tcp dport 80-90 uidrange 5-6 tun_id 9 table 100", TABLE, |r| {
        (r.ip_proto, r.dport) = (Some(6), Some((80, 90)));
        (r.uid_range, r.tunnel_id) = (Some((5, 6)), Some(9));
    }),
];

fn spec((family, _, action, set): &Form) -> RuleSpec {
    let family = if *family == "-4" { Family::V4 } else { Family::V6 };
    let mut spec = RuleSpec::new(family, 200, *action);
    set(&mut spec);
    spec
}

fn show(world: &World, family: &str) -> String {
    world.ip(&format!("{family} -j -d rule show"))
}

#[test]
fn every_form_is_the_same_as_by_ip() {
    let world = world("rules");
    let mut monitor = world.host.run(|| NlSocket::monitor_fib(ROOM).unwrap()).unwrap();
    let mut ask = world.host.run(|| NlSocket::request().unwrap()).unwrap();
    let mut batch = world.host.run(|| Batch::open().unwrap()).unwrap();
    for form in FORMS {
        let (family, text, ..) = *form;
        let spec = spec(form);
        let owner = if text.contains("protocol ") { "" } else { "protocol keepalived" };
        let before = show(&world, family);
        world.ip(&format!("{family} rule add {text} {owner} priority 200"));
        let theirs = show(&world, family);
        assert_ne!(before, theirs, "{text}");
        world.ip(&format!("{family} rule del {text} {owner} priority 200"));
        assert_eq!(before, show(&world, family), "{text}");
        monitor.recv_fib_events(|_| ()).unwrap();

        batch.add_rule(&spec);
        assert_eq!(batch.run().unwrap(), [], "{text}");
        assert_eq!(show(&world, family), theirs, "{text}");
        let read = ask.dump_rules(Some(spec.family)).unwrap();
        let read: Vec<_> = read.into_iter().filter(|rule| rule.priority == 200).collect();
        assert_eq!(read, std::slice::from_ref(&spec), "{text}");
        batch.add_rule(&spec);
        assert_eq!(batch.run().unwrap()[0].1.errno, EEXIST, "{text}");
        batch.del_rule(&spec);
        assert_eq!(batch.run().unwrap(), [], "{text}");
        assert_eq!(show(&world, family), before, "{text}");
        batch.del_rule(&spec);
        assert_eq!(batch.run().unwrap()[0].1.errno, ENOENT, "{text}");

        let mut news = Vec::new();
        monitor.recv_fib_events(|event| news.push(event)).unwrap();
        let told = |new| FibEvent::Rule(RuleEvent { new, spec: spec.clone() });
        assert_eq!(news, [told(true), told(false)], "{text}");
    }
}

#[test]
fn a_dump_has_the_rules_of_both_families() {
    let world = world("rules");
    world.ip("-4 rule add from 10.0.0.0/8 table 100 protocol keepalived priority 300");
    world.ip("-6 rule add from 2001:db8::/32 table 100 protocol keepalived priority 400");
    let mut ask = world.host.run(|| NlSocket::request().unwrap()).unwrap();
    let ours: Vec<_> = ask
        .dump_rules(None)
        .unwrap()
        .into_iter()
        .filter(|rule| rule.protocol == netlink::rule::PROTO_KEEPALIVED)
        .map(|rule| (rule.family, rule.priority))
        .collect();
    assert_eq!(ours, [(Family::V4, 300), (Family::V6, 400)]);
}
