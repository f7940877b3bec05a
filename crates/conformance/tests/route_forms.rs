//! Every form of a route or rule is in the kernel as the reference would have it.
//!
//! Both programs put the whole table up at once, and what ip(8) shows of it is compared.

use std::collections::BTreeSet;

use conformance::fib::{all, await_that, ip};
use conformance::{Lan, reference};
use lab::{Daemon, Result, Subject};

/// Entries of routes; `@` is a network of the entry's own.
const ROUTES4: &[&str] = &[
    "@ dev eth0",
    "to @ oif eth0",
    "unicast @ via 192.0.2.254",
    "@ via 192.0.2.254 dev eth0",
    "@ gw 192.0.2.254 dev eth0",
    "@ via inet 192.0.2.254 dev eth0",
    "@ via 198.18.1.1 dev eth0 onlink",
    "@ dev eth0 src 192.0.2.1",
    "@ dev eth0 tos 0x10",
    "@ dev eth0 dsfield 0x08",
    "@ dev eth0 table 100",
    "@ dev eth0 table 1000",
    "@ dev eth0 table local",
    "@ dev eth0 protocol static no_track",
    "@ dev eth0 protocol 99 no_track",
    "@ dev eth0 protocol 99",
    "@ dev eth0 no_track",
    "@ dev eth0 scope link",
    "@ dev eth0 scope host",
    "@ dev eth0 scope 100",
    "@ dev eth0 metric 10",
    "@ dev eth0 priority 11",
    "@ dev eth0 preference 12",
    "@ dev eth0 mtu 1400",
    "@ dev eth0 mtu lock 1400",
    "@ dev eth0 hoplimit 64",
    "@ dev eth0 advmss 1360",
    "@ dev eth0 advmss lock 1360",
    "@ dev eth0 rtt 300ms",
    "@ dev eth0 rtt 4000",
    "@ dev eth0 rtt lock 2s",
    "@ dev eth0 rttvar 400ms",
    "@ dev eth0 rttvar lock 1sec",
    "@ dev eth0 rto_min 250ms",
    "@ dev eth0 rto_min 300",
    "@ dev eth0 rto_min lock 1secs",
    "@ dev eth0 reordering 5",
    "@ dev eth0 reordering lock 6",
    "@ dev eth0 window 1000",
    "@ dev eth0 cwnd lock 10",
    "@ dev eth0 cwnd 11",
    "@ dev eth0 ssthresh 10",
    "@ dev eth0 ssthresh lock 11",
    "@ dev eth0 realms 2",
    "@ dev eth0 realms 3/4",
    "@ dev eth0 initcwnd 20",
    "@ dev eth0 initrwnd 21",
    "@ dev eth0 features ecn",
    "@ dev eth0 quickack 1",
    "@ dev eth0 congctl cubic",
    "@ dev eth0 congctl lock reno",
    "@ dev eth0 ttl-propagate enabled",
    "@ dev eth0 ttl-propagate disabled",
    "@ dev eth0 fastopen_no_cookie 1",
    "@ dev eth0 mtu 1300 advmss lock 1200 initcwnd 3 hoplimit 9",
    "@ dev eth0 encap ip id 1 dst 192.0.2.9",
    "@ dev eth0 encap ip id 5 dst 192.0.2.9 src 192.0.2.1 tos 4 ttl 32",
    "@ dev eth0 encap ip6 id 6 dst 2001:db8::9 src 2001:db8::1 tc 4 hoplimit 33",
    "@ dev eth0 encap ip id 5 dst 192.0.2.9 flags 1",
    "@ dev eth0 encap ip id 5 dst 192.0.2.9 flags 1280",
    "@ via 192.0.2.254 encap ip id 7 dst 192.0.2.9 dev eth0",
    "@ nexthop via 192.0.2.254 nexthop via 192.0.2.253",
    "@ nexthop via 192.0.2.254 weight 1 nexthop via 192.0.2.253 weight 256",
    "@ nexthop via 192.0.2.254 dev eth0 weight 3 nexthop dev eth1 weight 4",
    "@ nexthop via 198.18.1.1 dev eth0 onlink nexthop via inet 192.0.2.253 realms 5/6",
    "@ metric 13 table 200 nexthop via 192.0.2.254 nexthop via 192.0.2.253",
    "@ via 192.0.2.254 or 192.0.2.253",
    "blackhole @",
    "unreachable @ metric 14",
    "prohibit @ table 201",
    "throw @ table 202",
    "7 @ metric 15",
    "add @ dev eth0",
    "prepend @ dev eth0",
    "append @ dev eth0",
    "default via 192.0.2.254 metric 500",
    "any via 192.0.2.254 table 203",
    "198.51.100.7 dev eth0",
];

const ROUTES6: &[&str] = &[
    "@ dev eth0",
    "to @ oif eth0 table 100",
    "@ via 2001:db8::fe",
    "@ via 2001:db8::fe dev eth0 metric 20",
    "@ via inet6 fe80::fe dev eth0",
    "@ dev eth0 src 2001:db8::1",
    "@ dev eth0 from 2001:db8:77::/64",
    "@ dev eth0 expires 1000",
    "@ dev eth0 pref low",
    "@ dev eth0 pref medium",
    "@ dev eth0 pref high",
    "@ dev eth0 mtu lock 1400 hoplimit 70 advmss 1300",
    "@ dev eth0 rtt 300ms rttvar lock 400ms",
    "@ dev eth0 congctl cubic",
    "@ dev eth0 quickack 1 fastopen_no_cookie 1",
    "@ dev eth0 protocol static no_track",
    "@ dev eth0 encap ip6 id 6 dst 2001:db8::9",
    "@ dev eth0 encap ip6 id 6 dst 2001:db8::9 tc 8 hoplimit 9 flags 2048",
    "@ nexthop via 2001:db8::fe dev eth0 nexthop via 2001:db8::fd dev eth0",
    "@ nexthop via 2001:db8::fe dev eth0 weight 2 nexthop via 2001:db8::fd dev eth0 weight 5",
    "blackhole @",
    "unreachable @ metric 21",
    "prohibit @ table 205",
    "throw @ table 206",
    "local @ dev eth0",
    "add @ dev eth0",
    "append @ dev eth0",
    "default6 via 2001:db8::fe metric 500",
    "default via 2001:db8::fe table 207",
    "2001:db8:99::7 dev eth0",
];

/// Entries of rules; `@` is a priority of the entry's own.
const RULES: &[&str] = &[
    "from 192.0.2.0/24 table 100 priority @",
    "from all to 192.0.2.0/24 lookup 1000 priority @",
    "from 192.0.2.1 to 198.51.100.0/24 table main priority @",
    "not from 192.0.2.0/24 table 100 priority @",
    "from any table 100 preference @",
    "from default table 100 order @",
    "tos 0x10 table 100 priority @",
    "dsfield 0x08 table 100 priority @",
    "fwmark 1 table 100 priority @",
    "fwmark 0x2/0xff table 100 priority @",
    "from 192.0.2.0/24 realms 2 table 100 priority @",
    "from 192.0.2.0/24 realms 3/4 table 100 priority @",
    "table 100 suppress_prefixlength 0 priority @",
    "table 100 sup_pl 8 priority @",
    "table 100 suppress_ifgroup 1 priority @",
    "table 100 sup_group 2 priority @",
    "dev eth0 table 100 priority @",
    "iif eth1 table 100 priority @",
    "oif eth1 table 100 priority @",
    "iif lo oif eth0 table 100 priority @",
    "tunnel-id 5 table 100 priority @",
    "uidrange 0-100 table 100 priority @",
    "protocol 18 table 100 priority @",
    "protocol 77 table 100 priority @ no_track",
    "ipproto 6 table 100 priority @",
    "ipproto udp table 100 priority @",
    "ipproto tcp sport 10-20 table 100 priority @",
    "ipproto tcp dport 80-80 table 100 priority @",
    "from 192.0.2.0/24 priority @ goto 32766",
    "from 192.0.2.0/24 nop priority @",
    "from 192.0.2.0/24 blackhole priority @",
    "from 192.0.2.0/24 type unreachable priority @",
    "from 192.0.2.0/24 prohibit priority @",
    "from 2001:db8::/48 table 100 priority @",
    "to 2001:db8:1::/48 table 2000 priority @",
    "not from 2001:db8::/48 fwmark 7 table 100 priority @",
    "from 2001:db8::/48 iif eth0 ipproto 17 dport 53-54 table 100 priority @",
    "from 2001:db8::/48 blackhole priority @",
    "from 2001:db8::/48 type unreachable priority @",
    "to 2001:db8::/48 prohibit priority @",
    "from 2001:db8::/48 table 100 suppress_prefixlength 0 priority @",
    "from 2001:db8::/48 uidrange 5-6 table 100 priority @",
    "from 2001:db8::/48 priority @ goto 32766",
];

/// The entries with networks and priorities from `base` on.
fn lines(base: usize) -> (Vec<String>, Vec<String>) {
    let four = ROUTES4.iter().enumerate();
    let four = four.map(|(n, text)| text.replace('@', &format!("10.{base}.{n}.0/24")));
    let six = ROUTES6.iter().enumerate();
    let six = six.map(|(n, text)| text.replace('@', &format!("2001:db8:{base}{n:02}::/48")));
    let rules = RULES.iter().enumerate();
    let rules = rules.map(|(n, text)| text.replace('@', &(base * 100 + n).to_string()));
    (four.chain(six).collect(), rules.collect())
}

/// What a subject makes of the configuration, with times that run left out.
fn shown(subject: &Subject, config: &str, done: &str) -> Result<BTreeSet<String>> {
    let lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.18.0.1/24"])?;
    let _daemon = Daemon::start(&lan.a, subject, config)?;
    await_that(&lan.a, |lines| lines.iter().any(|line| line.contains(done)))?;
    let lines = all(&lan.a)?.into_iter().map(|line| match line.split_once(" expires ") {
        Some((head, _)) => format!("{head} expires"),
        None => line,
    });
    Ok(lines.collect())
}

/// Compares the whole table, a line for each of `count` entries.
fn compare(config: &str, done: &str, count: usize) -> Result<()> {
    let Some(reference) = reference()? else { return Ok(()) };
    let theirs = shown(&reference, config, done)?;
    let ours = shown(&Subject::ours()?, config, done)?;
    let differ: Vec<_> = theirs.symmetric_difference(&ours).collect();
    assert!(differ.is_empty(), "{differ:#?}\nof\n{theirs:#?}");
    assert_eq!(ours.len(), count, "{ours:#?}");
    Ok(())
}

/// Every form, and the last rule.
const ALL: usize = ROUTES4.len() + ROUTES6.len() + RULES.len() + 1;

#[test]
fn virtual_ones() -> Result<()> {
    let (routes, rules) = lines(1);
    let config = format!(
        "vrrp_instance VI_1 {{\n state MASTER\n interface eth0\n virtual_router_id 51\n \
         priority 255\n virtual_ipaddress {{\n 192.0.2.100/24\n }}\n virtual_routes {{\n{}\n }}\n \
         virtual_rules {{\n{}\n from 192.0.2.0/24 table 9 priority 9999\n }}\n}}\n",
        routes.join("\n"),
        rules.join("\n")
    );
    compare(&config, "9999:", ALL)
}

fn statics() -> String {
    let (routes, rules) = lines(2);
    format!(
        "static_routes {{\n{}\n}}\nstatic_rules {{\n{}\n from 192.0.2.0/24 table 9 priority \
         9999\n}}\n",
        routes.join("\n"),
        rules.join("\n")
    )
}

#[test]
fn static_ones() -> Result<()> {
    compare(&statics(), "9999:", ALL)
}

#[test]
fn rules_without_a_priority_are_given_one() -> Result<()> {
    let config = "static_rules {
        from 10.4.0.0/16 table 100
        from 10.5.0.0/16 table 100
        from 2001:db8:4::/48 table 100
    }
    vrrp_instance VI_1 {
        state MASTER
        interface eth0
        virtual_router_id 51
        priority 255
        virtual_ipaddress {
            192.0.2.100/24
        }
        virtual_rules {
            from 10.6.0.0/16 table 100
            from 2001:db8:6::/48 table 100
            from 10.7.0.0/16 table 100
            from 10.8.0.0/16 table 100 priority 9999
        }
    }";
    compare(config, "9999:", 7)
}

/// The reference asks for scopes that the kernel refuses, and leaves out the encapsulation of a
/// next hop.
#[test]
fn forms_that_fail_in_the_reference() -> Result<()> {
    let config = "static_routes {
        local 10.3.0.0/24 dev eth0
        broadcast 10.3.1.0/24 dev eth0
        10.3.2.0/24 nexthop dev eth0 encap ip id 8 dst 192.0.2.9 nexthop via 192.0.2.253
        10.3.3.0/24 dev eth0 metric 0x11
    }
    static_rules {
        from 10.3.0.0/16 table 100 priority 300 no_track
    }";
    let lines = shown(&Subject::ours()?, config, "300:")?;
    for wanted in [
        "local 10.3.0.0/24 dev eth0 table main proto keepalived scope host",
        "broadcast 10.3.1.0/24 dev eth0 table main proto keepalived scope link",
        "unicast 10.3.2.0/24 table main proto keepalived scope global \\ nexthop encap ip id 8",
        "unicast 10.3.3.0/24 dev eth0 table main proto keepalived scope global metric 17",
        "-4 rule 300: from 10.3.0.0/16 lookup 100 proto keepalived",
    ] {
        assert!(lines.iter().any(|line| line.contains(wanted)), "{wanted}: {lines:#?}");
    }
    Ok(())
}

/// Ours finds each form again in the kernel's list: nothing is put back that is there.
#[test]
fn every_form_is_found_again() -> Result<()> {
    let lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.18.0.1/24"])?;
    lan.switch.attach(&lan.a, "eth2", &[])?;
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &statics())?;
    await_that(&lan.a, |lines| lines.iter().any(|line| line.starts_with("-4 rule 9999:")))?;
    // The whole list is read: a link that is down may have cost routes.
    lan.a.set_up("eth2", false)?;
    let restored = "Restoring deleted static rule from 192.0.2.0/24 priority 9999";
    for _ in 0..3 {
        await_that(&lan.a, |lines| lines.iter().any(|line| line.starts_with("-4 rule 9999:")))?;
        ip(&lan.a, "rule del priority 9999")?;
        daemon.await_log(restored)?;
    }
    assert_eq!(daemon.log.count("Restoring deleted static"), 3);
    // What is found again is missed when it goes, too.
    await_that(&lan.a, |lines| lines.iter().any(|line| line.starts_with("-4 rule 200:")))?;
    ip(&lan.a, "rule del priority 200")?;
    daemon.await_log("Restoring deleted static rule from 192.0.2.0/24 priority 200")?;
    Ok(())
}
