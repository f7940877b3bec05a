//! Virtual servers made of their own keywords with any words: reading ends
//! well, and what becomes of them keeps its promises.

mod common;

use common::{host, said, test_on};
use conf::grammar::{Block, Body, Entries, Keyword};
use conf::{LoadOptions, load_and_print};
use model::lvs::{CheckKind, Forwarding, Service, VirtualServer};
use proptest::prelude::*;
use types::Family;

const WORDS: &[&str] = &[
    "1",
    "0",
    "-5",
    "80",
    "x",
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.9-12",
    "10.1.0.0/24",
    "::1",
    "::2",
    "fe80::1",
    "on",
    "no",
    "1.5",
    "5s",
    "group",
    "fwmark",
    "G",
    "TCP",
    "NAT",
    "DR",
    "TUN",
    "type",
    "gue",
    "port",
    "4000",
    "4294967295",
    "99999999999999999999",
    "sh",
    "mh",
    "inet",
    "inet6",
    "tf",
    "b1",
    "\"a b\"",
    "/usr/bin/true",
    "0a0b",
    "xX",
    "200-299",
    "é",
    "255.255.255.0",
    "reverse",
];

/// Decisions for one text; zeros when they have run out.
struct Dice<'a>(std::slice::Iter<'a, u16>);

impl Dice<'_> {
    fn of(&mut self, n: usize) -> usize {
        usize::from(*self.0.next().unwrap_or(&0)) % n.max(1)
    }

    fn left(&self) -> bool {
        self.0.len() > 0
    }
}

fn line(dice: &mut Dice<'_>, name: &str) -> String {
    let words = (0..dice.of(4)).map(|_| WORDS[dice.of(WORDS.len())]);
    std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ")
}

/// A keyword of the tables with words, and its block.
fn keyword(dice: &mut Dice<'_>, keyword: &Keyword, out: &mut String) {
    let head = match keyword.name {
        "virtual_server" | "real_server" if dice.of(8) > 0 => {
            let port = ["", "80", "81", "0"][dice.of(4)];
            let addr = ["10.0.0.1", "10.0.0.2", "::1", "::2", "group G", "fwmark 5"][dice.of(6)];
            format!("{} {addr} {port}", keyword.name)
        }
        "virtual_server_group" => "virtual_server_group G".to_owned(),
        name => line(dice, name),
    };
    out.push_str(&head);
    match keyword.body {
        Body::Leaf => out.push('\n'),
        Body::Block(inner) => {
            out.push_str(" {\n");
            block(dice, inner, out);
            out.push_str("}\n");
        }
        Body::Entries(inner) => {
            out.push_str(" {\n");
            entries(dice, inner, out);
            out.push_str("}\n");
        }
    }
}

fn block(dice: &mut Dice<'_>, block: &Block, out: &mut String) {
    let all: Vec<&Keyword> = block.keywords().collect();
    for _ in 0..dice.of(12) {
        if dice.left() {
            let chosen = all[dice.of(all.len())];
            keyword(dice, chosen, out);
        }
    }
    for needed in ["real_server", "url", "path", "misc_path", "track_file"] {
        if let Some(needed) = block.find(needed).filter(|_| dice.left() && dice.of(3) > 0) {
            keyword(dice, needed, out);
        }
    }
}

fn entries(dice: &mut Dice<'_>, _: &Entries, out: &mut String) {
    for _ in 0..dice.of(5) {
        let first = WORDS[dice.of(WORDS.len())];
        out.push_str(&(line(dice, first) + "\n"));
    }
}

fn text(decisions: &[u16]) -> String {
    let mut dice = Dice(decisions.iter());
    let mut out =
        "track_file tf {\nfile /tmp/x\n}\nbfd_instance b1 {\nneighbor_ip 192.0.2.2\n}\n".to_owned();
    while dice.left() {
        let name = ["virtual_server", "virtual_server", "virtual_server_group", "SSL"][dice.of(4)];
        keyword(&mut dice, conf::grammar::ROOT.find(name).unwrap(), &mut out);
    }
    out
}

/// What holds of every virtual server in a model.
fn promises(config: &model::Config, vs: &VirtualServer) {
    assert!(!vs.real_servers.is_empty());
    let weights: u64 = vs.real_servers.iter().map(|r| u64::from(r.weight)).sum();
    assert!(u64::from(vs.quorum) <= weights);
    assert!(vs.hysteresis == 0 || vs.hysteresis < vs.quorum);
    let real = vs.real_servers.iter().map(|r| (r.addr, r.port, r.forwarding));
    let sorry = vs.sorry_server.iter().map(|s| (s.addr, s.port, s.forwarding));
    for (addr, port, forwarding) in real.chain(sorry) {
        if !matches!(forwarding, Forwarding::Tun(_)) {
            assert_eq!(Some(Family::of(addr)), vs.family);
        }
        match vs.service {
            Service::Addr(_, own) if forwarding != Forwarding::Nat => assert_eq!(port, own),
            Service::Fwmark(_) if forwarding != Forwarding::Nat => assert_eq!(port, 0),
            _ => {}
        }
    }
    match &vs.service {
        Service::Addr(addr, port) => {
            assert_eq!(vs.family, Some(Family::of(*addr)));
            assert!(vs.protocol.is_some() && (*port > 0 || vs.persistence_timeout > 0));
        }
        Service::Fwmark(mark) => assert!(*mark > 0 && vs.protocol.is_none() && !vs.ha_suspend),
        Service::Group(name, _) => assert!(config.lvs.groups.iter().any(|g| g.name == *name)),
    }
    for check in vs.real_servers.iter().flat_map(|r| &r.checkers) {
        assert!(!check.delay_loop.is_zero());
        assert!(check.kind.connect().is_none_or(|c| !c.timeout.is_zero()));
        match &check.kind {
            CheckKind::File { track, .. } => assert!(track.index() < config.tracks.len()),
            CheckKind::Bfd { name } => assert!(config.bfd.iter().any(|b| *b.name == **name)),
            CheckKind::Misc(misc) => assert!(misc.script.index() < config.scripts.len()),
            CheckKind::Http(http) => assert!(!http.urls.is_empty()),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn virtual_servers_keep_their_promises(decisions in prop::collection::vec(any::<u16>(), 0..400)) {
        let text = text(&decisions);
        let host = || {
            let host = host().file("/usr/bin/true", "").mode("/usr/bin/true", 0o755);
            host.file("/tmp/other", "")
        };
        let options = LoadOptions::new("f.conf").test();
        let (loaded, printed) = load_and_print(&host().file("f.conf", text.as_str()), &options);
        for vs in &loaded.model.lvs.virtual_servers {
            promises(&loaded.model, vs);
        }
        let again = test_on(host(), &text);
        prop_assert_eq!(&loaded.model, &again.model);
        prop_assert_eq!(said(&loaded), said(&again));
        prop_assert_eq!(&loaded.model, &test_on(host(), &printed).model, "{}", printed);
    }
}

#[test]
fn the_texts_reach_the_model() {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as u16
    };
    let mut seen = (0, 0);
    for _ in 0..300 {
        let decisions: Vec<u16> = (0..400).map(|_| next()).collect();
        let loaded = common::test_of(&text(&decisions));
        let servers = &loaded.model.lvs.virtual_servers;
        let real = servers.iter().flat_map(|v| &v.real_servers);
        seen = (seen.0 + servers.len(), seen.1 + real.flat_map(|r| &r.checkers).count());
    }
    assert!(seen.0 > 100 && seen.1 > 100, "virtual servers and checkers: {seen:?}");
}
