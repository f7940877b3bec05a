//! Virtual and static routes and rules: set, removed, put back.

use conformance::fib::{FibNews, all, await_fib, await_that, ip};
use conformance::{Lan, on_both};
use lab::config::{self, Instance};
use lab::{Daemon, Result, Subject};

const ROUTE: &str = "198.51.100.0/24";
const RULE: &str = "from 198.51.100.0/24";

/// A network whose first node has a second interface.
fn lan() -> Result<Lan> {
    let lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.18.0.1/24"])?;
    Ok(lan)
}

fn instance(routes: &[&str], rules: &[&str]) -> Instance {
    Instance::new(51, 100, &["192.0.2.100/24"])
        .with(format!("virtual_routes {{\n        {}\n    }}", routes.join("\n        ")))
        .with(format!("virtual_rules {{\n        {}\n    }}", rules.join("\n        ")))
}

fn usual() -> Instance {
    instance(
        &[&format!("{ROUTE} via 192.0.2.254 dev eth0"), "2001:db8:1::/48 dev eth0"],
        &[&format!("{RULE} table 100 priority 1000")],
    )
}

fn a_master_has_them_and_a_backup_has_not(subject: &Subject) -> Result<()> {
    let mut lan = lan()?;
    let a = usual();
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("(VI_51) setting Virtual Routes")?;
    daemon.await_log("(VI_51) setting Virtual Rules")?;
    await_fib(
        &lan.a,
        "198.51.100.0/24 via 192.0.2.254 dev eth0 table main proto keepalived",
        true,
    )?;
    await_fib(&lan.a, "2001:db8:1::/48 dev eth0 table main proto keepalived", true)?;
    await_fib(&lan.a, "1000: from 198.51.100.0/24 lookup 100 proto keepalived", true)?;
    let better = Instance { priority: 200, ..Instance::new(51, 200, &["192.0.2.100/24"]) };
    let _other = lan.start_b(subject, std::slice::from_ref(&better))?;
    lan.await_advert_of(&better)?;
    daemon.await_log("(VI_51) removing Virtual Rules")?;
    daemon.await_log("(VI_51) removing Virtual Routes")?;
    await_fib(&lan.a, "proto keepalived", false)
}

fn they_go_when_the_daemon_stops(subject: &Subject) -> Result<()> {
    let lan = lan()?;
    let statics = "static_routes {\n    203.0.113.0/24 dev eth0\n}\n\
                   static_rules {\n    from 203.0.113.0/24 table 101 priority 1001\n}\n";
    let text = format!("{statics}{}", config::file([&usual()]));
    let daemon = Daemon::start(&lan.a, subject, &text)?;
    for text in [ROUTE, "1000:", "203.0.113.0/24 dev eth0", "1001:"] {
        await_fib(&lan.a, text, true)?;
    }
    assert!(daemon.stop()?.success());
    await_fib(&lan.a, "proto keepalived", false)
}

fn one_of_a_master_that_somebody_removes_comes_back(subject: &Subject) -> Result<()> {
    let mut lan = lan()?;
    let a = usual();
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    for removal in ["route del 198.51.100.0/24", "rule del priority 1000"] {
        for text in [ROUTE, "1000:"] {
            await_fib(&lan.a, text, true)?;
        }
        lan.await_adverts_of(&a, 3)?;
        ip(&lan.a, removal)?;
        daemon.await_log("(VI_51) Entering BACKUP STATE")?;
        daemon.await_log("(VI_51) Entering MASTER STATE")?;
    }
    await_fib(&lan.a, "1000:", true)
}

fn what_the_kernel_refuses_is_logged(subject: &Subject) -> Result<()> {
    let lan = lan()?;
    let a = instance(
        &["198.51.100.0/24 via 10.10.10.10 dev eth0"],
        &[&format!("{RULE} table 100 priority 1000")],
    )
    .with("virtual_ipaddress_excluded {\n        192.0.2.101/24 scope 100\n    }");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Netlink: error: Invalid argument(22), type=RTM_NEWADDR(20)")?;
    daemon.await_log("Netlink: error: Network is unreachable(101), type=RTM_NEWROUTE(24)")?;
    await_fib(&lan.a, "1000:", true)
}

fn one_that_is_not_tracked_stays_away(subject: &Subject) -> Result<()> {
    let mut lan = lan()?;
    let a = instance(
        &["198.51.100.0/24 dev eth0 no_track", "198.51.101.0/24 dev eth0"],
        &["from 198.51.100.0/24 table 100 priority 1000 no_track"],
    );
    let daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    await_fib(&lan.a, "1000:", true)?;
    lan.await_adverts_of(&a, 3)?;
    ip(&lan.a, "route del 198.51.100.0/24")?;
    ip(&lan.a, "rule del priority 1000")?;
    // It has had the news long before five more adverts.
    lan.await_adverts_of(&a, 5)?;
    assert_eq!(daemon.log.count("(VI_51) Entering MASTER STATE"), 1);
    let lines = all(&lan.a)?;
    assert!(lines.iter().any(|l| l.contains("198.51.101.0/24")), "{lines:?}");
    assert!(!lines.iter().any(|l| l.contains("198.51.100.0/24")), "{lines:?}");
    Ok(())
}

fn without_its_interface_a_tracked_route_is_a_fault(subject: &Subject) -> Result<()> {
    let mut lan = lan()?;
    let a = instance(
        &["198.51.100.0/24 dev eth1", "198.51.101.0/24 dev eth0"],
        &["from 198.51.100.0/24 table 100 priority 1000"],
    );
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    await_fib(&lan.a, "1000:", true)?;
    for _ in 0..2 {
        lan.a.set_up("eth1", false)?;
        daemon.await_log("(VI_51) Entering FAULT STATE")?;
        await_fib(&lan.a, "proto keepalived", false)?;
        lan.a.set_up("eth1", true)?;
        daemon.await_log("(VI_51) Entering MASTER STATE")?;
        for text in [ROUTE, "198.51.101.0/24", "1000:"] {
            await_fib(&lan.a, text, true)?;
        }
    }
    lan.await_adverts_of(&a, 2)?;
    Ok(())
}

fn without_its_incoming_interface_a_tracked_rule_is_a_fault(subject: &Subject) -> Result<()> {
    let lan = lan()?;
    let a = instance(&["198.51.100.0/24 dev eth0"], &["iif eth1 table 100 priority 1000"]);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    await_fib(&lan.a, "1000:", true)?;
    lan.a.set_up("eth1", false)?;
    daemon.await_log("(VI_51) Entering FAULT STATE")?;
    lan.a.set_up("eth1", true)?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    await_fib(&lan.a, "1000:", true)
}

fn dont_release_vrrp_leaves_them_but_not_the_static_ones(subject: &Subject) -> Result<()> {
    let lan = lan()?;
    let statics = "static_ipaddress {\n    192.0.2.80/24 dev eth0\n}\n";
    let text = format!("{statics}{}", with_statics(&usual()));
    let daemon = Daemon::start_with(&lan.a, subject, &text, &["-V"])?;
    await_fib(&lan.a, "1000:", true)?;
    assert!(daemon.stop()?.success());
    let lines = all(&lan.a)?;
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!([ROUTE, "1000:"].into_iter().all(has), "{lines:?}");
    assert!(!["203.0.113.0", "203.0.114.0", "1001:"].into_iter().any(has), "{lines:?}");
    assert!(!lan.a.has_addr([192, 0, 2, 80])?);
    Ok(())
}

const STATIC: &str = "static_routes {\n    203.0.113.0/24 via 192.0.2.254 dev eth0\n    \
    203.0.114.0/24 dev eth1\n}\n\
    static_rules {\n    from 203.0.113.0/24 table 101 priority 1001\n}\n";

fn with_statics(instance: &Instance) -> String {
    format!("{STATIC}{}", config::file([instance]))
}

fn static_ones_that_somebody_removes_are_restored(subject: &Subject) -> Result<()> {
    let lan = lan()?;
    let mut daemon = Daemon::start(&lan.a, subject, &with_statics(&usual()))?;
    await_fib(&lan.a, "1001:", true)?;
    for _ in 0..3 {
        for (removal, log, text) in [
            ("route del 203.0.113.0/24", "Restoring deleted static route", "203.0.113.0/24 via"),
            ("rule del priority 1001", "Restoring deleted static rule", "1001:"),
        ] {
            ip(&lan.a, removal)?;
            daemon.await_log(log)?;
            await_fib(&lan.a, text, true)?;
        }
    }
    Ok(())
}

fn static_routes_come_back_with_their_interface(subject: &Subject) -> Result<()> {
    let lan = lan()?;
    let mut daemon = Daemon::start(&lan.a, subject, &with_statics(&usual()))?;
    await_fib(&lan.a, "1001:", true)?;
    for _ in 0..2 {
        lan.a.set_up("eth1", false)?;
        await_fib(&lan.a, "203.0.114.0/24", false)?;
        lan.a.set_up("eth1", true)?;
        daemon.await_log("Restoring deleted static route")?;
        await_fib(&lan.a, "203.0.114.0/24 dev eth1", true)?;
    }
    Ok(())
}

fn instances_of_a_track_group_watch_the_interface(subject: &Subject) -> Result<()> {
    for block in [
        "static_routes {\n    203.0.113.0/24 dev eth1 track_group TG\n}\n",
        "static_rules {\n    iif eth1 table 101 priority 1001 track_group TG\n}\n",
    ] {
        let lan = lan()?;
        let group = "track_group TG {\n    group {\n        VI_51\n    }\n}\n";
        let text = format!("{}{group}{block}", config::file([&usual()]));
        let mut daemon = Daemon::start(&lan.a, subject, &text)?;
        await_fib(&lan.a, "1000:", true)?;
        lan.a.set_up("eth1", false)?;
        daemon.await_log("(VI_51) Entering FAULT STATE")?;
        await_fib(&lan.a, "1000:", false)?;
        lan.a.set_up("eth1", true)?;
        daemon.await_log("(VI_51) Entering MASTER STATE")?;
    }
    Ok(())
}

fn a_reload_changes_them(subject: &Subject) -> Result<()> {
    let lan = lan()?;
    let daemon = Daemon::start(&lan.a, subject, &with_statics(&usual()))?;
    await_fib(&lan.a, "1000:", true)?;
    let virtuals =
        instance(&["198.51.101.0/24 dev eth0"], &["from 198.51.101.0/24 table 9 priority 9"]);
    let statics = "static_routes {\n    203.0.115.0/24 dev eth0\n}\n\
                   static_rules {\n    from 203.0.115.0/24 table 7 priority 7\n}\n";
    daemon.reload(&format!("{statics}{}", config::file([&virtuals])))?;
    let present = ["198.51.101.0/24 dev eth0", "rule 9:", "203.0.115.0/24 dev eth0", "rule 7:"];
    let gone = ["198.51.100.0", "2001:db8:1::", "1000:", "203.0.113", "203.0.114", "1001:"];
    await_that(&lan.a, |lines| {
        let has = |text: &&str| lines.iter().any(|line| line.contains(*text));
        present.iter().all(has) && !gone.iter().any(has)
    })?;
    assert_eq!(daemon.log.count("Entering MASTER STATE"), 1);
    Ok(())
}

on_both!(
    what_the_kernel_refuses_is_logged,
    a_master_has_them_and_a_backup_has_not,
    they_go_when_the_daemon_stops,
    one_of_a_master_that_somebody_removes_comes_back,
    one_that_is_not_tracked_stays_away,
    without_its_interface_a_tracked_route_is_a_fault,
    without_its_incoming_interface_a_tracked_rule_is_a_fault,
    static_ones_that_somebody_removes_are_restored,
    static_routes_come_back_with_their_interface,
    instances_of_a_track_group_watch_the_interface,
    a_reload_changes_them,
    dont_release_vrrp_leaves_them_but_not_the_static_ones,
);

/// The reference sets every route anew.
/// A link that was set down and up holds routes and addresses without a carrier as well. The
/// reference puts routes back with the carrier.
#[test]
fn after_a_link_was_down_they_come_back_without_a_carrier() -> Result<()> {
    let lan = lan()?;
    let a = usual().with("dont_track_primary");
    let statics = "static_ipaddress {\n    2001:db8::80/64 dev eth0\n}\n\
                   static_routes {\n    203.0.113.0/24 via 192.0.2.253 dev eth0\n    \
                   2001:db8:2::/48 dev eth0\n}\n";
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &(config::file([&a]) + statics))?;
    let route = format!("{ROUTE} via");
    let all = [route.as_str(), "2001:db8:1::/48", "203.0.113.0/24", "2001:db8:2::/48"];
    for _ in 0..2 {
        for route in all {
            await_fib(&lan.a, route, true)?;
        }
        lan.cable_a.cut()?;
        daemon.await_log("Netlink reports eth0 down")?;
        lan.a.set_up("eth0", false)?;
        for route in all {
            await_fib(&lan.a, route, false)?;
        }
        lan.a.set_up("eth0", true)?;
        for route in all {
            await_fib(&lan.a, route, true)?;
        }
        assert!(lan.a.has_addr(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80))?);
        lan.cable_a.restore()?;
        daemon.await_log("Netlink reports eth0 up")?;
    }
    let log = daemon.log.clone();
    for what in ["static route 203.0.113.0/24 via 192.0.2.253", "static address 2001:db8::80/64"] {
        assert!(log.count(&format!("Restoring deleted {what} dev eth0")) >= 2, "{what}");
    }
    assert_eq!(log.count("was removed by somebody"), 0);
    assert_eq!(log.count("Entering MASTER STATE"), 1);
    Ok(())
}

#[test]
fn a_reload_touches_only_what_changed() -> Result<()> {
    let mut lan = lan()?;
    let subject = Subject::ours()?;
    let kept = ["198.51.100.0/24 dev eth0", "198.51.101.0/24 via 192.0.2.254"];
    let rules = ["from 198.51.100.0/24 table 100 priority 1000"];
    let a = instance(&kept, &rules);
    let mut daemon = Daemon::start(&lan.a, &subject, &with_statics(&a))?;
    await_fib(&lan.a, "1000:", true)?;
    lan.await_adverts_of(&a, 2)?;
    let news = FibNews::new(&lan.a)?;
    let b = instance(&[kept[0], kept[1], "198.51.102.0/24 dev eth0"], &rules);
    let statics = STATIC.replace("203.0.114.0/24", "203.0.115.0/24");
    daemon.log.skip();
    daemon.reload(&format!("{statics}{}", config::file([&b])))?;
    daemon.await_log("Reload complete")?;
    await_fib(&lan.a, "198.51.102.0/24", true)?;
    await_fib(&lan.a, "203.0.115.0/24", true)?;
    let news = news.so_far()?;
    assert!(news.contains("198.51.102.0/24") && news.contains("Deleted 203.0.114.0/24"), "{news}");
    for untouched in ["198.51.100.0/24", "198.51.101.0/24", "203.0.113.0/24", "1000:", "1001:"] {
        assert!(!news.contains(untouched), "{untouched}: {news}");
    }
    Ok(())
}

/// The reference does not hear of IPv6 routes that somebody removes.
#[test]
fn an_ipv6_route_that_somebody_removes_comes_back() -> Result<()> {
    let mut lan = lan()?;
    let a = usual();
    let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&a))?;
    await_fib(&lan.a, "1000:", true)?;
    lan.await_adverts_of(&a, 2)?;
    daemon.log.skip();
    ip(&lan.a, "-6 route del 2001:db8:1::/48")?;
    daemon.await_log("Entering MASTER STATE")?;
    await_fib(&lan.a, "2001:db8:1::/48", true)
}

/// The reference's next run does not find them.
#[test]
fn what_a_crash_has_left_is_removed_at_start() -> Result<()> {
    let (subject, instance) = (Subject::ours()?, usual());
    let lan = lan()?;
    let daemon = lan.start_a(&subject, std::slice::from_ref(&instance))?;
    await_fib(&lan.a, ROUTE, true)?;
    await_fib(&lan.a, "1000:", true)?;
    daemon.crash();
    drop(daemon);
    await_fib(&lan.a, ROUTE, true)?;
    // So late that it is seen as a backup.
    let slow = Instance { advert: std::time::Duration::from_secs(2), ..instance.clone() };
    let _daemon = lan.start_a(&subject, &[slow])?;
    await_fib(&lan.a, "proto keepalived", false)
}

/// The reference watches them only beside instances, and no IPv6 routes.
#[test]
fn static_ones_alone_are_restored() -> Result<()> {
    let lan = lan()?;
    let text = STATIC.replacen("203.0.113.0/24 via 192.0.2.254", "2001:db8:2::/48", 1);
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &text)?;
    await_fib(&lan.a, "1001:", true)?;
    for removal in
        ["-6 route del 2001:db8:2::/48", "route del 203.0.114.0/24", "rule del pref 1001"]
    {
        ip(&lan.a, removal)?;
        daemon.await_log("Restoring deleted static")?;
        for text in ["2001:db8:2::/48", "203.0.114.0/24", "1001:"] {
            await_fib(&lan.a, text, true)?;
        }
    }
    lan.a.set_up("eth1", false)?;
    await_fib(&lan.a, "203.0.114.0/24", false)?;
    lan.a.set_up("eth1", true)?;
    await_fib(&lan.a, "203.0.114.0/24", true)
}

/// The reference does not track a route without `dev`.
#[test]
fn a_route_without_dev_is_tracked_too() -> Result<()> {
    let mut lan = lan()?;
    let a = instance(
        &["198.51.100.0/24 via 192.0.2.254", "198.51.101.0/24 via 198.18.0.254"],
        &[&format!("{RULE} table 100 priority 1000")],
    );
    let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&a))?;
    await_fib(&lan.a, "1000:", true)?;
    lan.await_adverts_of(&a, 2)?;
    ip(&lan.a, "route del 198.51.100.0/24")?;
    daemon.await_log("198.51.100.0/24 via 192.0.2.254 was removed by somebody else")?;
    daemon.await_log("Entering MASTER STATE")?;
    await_fib(&lan.a, ROUTE, true)?;
    // With its interface it goes in silence, and comes back with it: no election.
    lan.a.set_up("eth1", false)?;
    await_fib(&lan.a, "198.51.101.0/24", false)?;
    lan.a.set_up("eth1", true)?;
    await_fib(&lan.a, "198.51.101.0/24", true)?;
    assert_eq!(daemon.log.count("Entering MASTER STATE"), 2);
    Ok(())
}

/// What takes the place of ours is news of its own kind.
#[test]
fn a_route_that_somebody_replaces_is_put_back() -> Result<()> {
    let mut lan = lan()?;
    let a = instance(
        &["198.51.100.0/24 via 192.0.2.254", "198.51.101.0/24 dev eth0 src 192.0.2.77"],
        &[&format!("{RULE} table 100 priority 1000")],
    );
    lan.a.add_addr("eth0", [192, 0, 2, 77], 24)?;
    let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&a))?;
    await_fib(&lan.a, "1000:", true)?;
    lan.await_adverts_of(&a, 2)?;
    ip(&lan.a, "route replace 198.51.100.0/24 dev eth1")?;
    daemon.await_log("198.51.100.0/24 via 192.0.2.254 was gone: put back")?;
    await_fib(&lan.a, "198.51.100.0/24 via 192.0.2.254", true)?;
    // A route goes with its source address and comes back with it.
    lan.a.del_addr("eth0", [192, 0, 2, 77], 24)?;
    await_fib(&lan.a, "198.51.101.0/24 dev eth0", false)?;
    lan.a.add_addr("eth0", [192, 0, 2, 77], 24)?;
    await_fib(&lan.a, "198.51.101.0/24 dev eth0", true)?;
    assert_eq!(daemon.log.count("Entering MASTER STATE"), 1);
    Ok(())
}

/// With the last IPv4 address of an interface the kernel takes its routes away without a word. In
/// the reference they stay away.
#[test]
fn routes_come_back_with_the_addresses_of_their_interface() -> Result<()> {
    let mut lan = lan()?;
    let a = instance(
        &[
            "198.51.100.0/24 via 198.18.0.254 dev eth1",
            "198.51.101.0/24 dev eth1",
            "198.51.102.0/24 via 198.18.0.254",
        ],
        &[&format!("{RULE} table 100 priority 1000")],
    );
    let statics = "static_routes {\n    203.0.113.0/24 via 198.18.0.254 dev eth1\n\
                   203.0.114.0/24 via 198.18.0.254\n}\n";
    let text = format!("{statics}{}", config::file([&a]));
    let daemon = Daemon::start(&lan.a, &Subject::ours()?, &text)?;
    await_fib(&lan.a, "1000:", true)?;
    lan.await_adverts_of(&a, 2)?;
    let routes = ["198.51.100.0", "198.51.101.0", "198.51.102.0", "203.0.113.0", "203.0.114.0"];
    for _ in 0..2 {
        ip(&lan.a, "addr flush dev eth1")?;
        // What needs no gateway is back at once.
        await_fib(&lan.a, "198.51.101.0/24 dev eth1", true)?;
        await_fib(&lan.a, "via 198.18.0.254", false)?;
        lan.a.add_addr("eth1", [198, 18, 0, 1], 24)?;
        for route in routes {
            await_fib(&lan.a, route, true)?;
        }
    }
    // The last address may go and come back in one moment.
    ip(&lan.a, "addr flush dev eth1")?;
    lan.a.add_addr("eth1", [198, 18, 0, 1], 24)?;
    for route in routes {
        await_fib(&lan.a, route, true)?;
    }
    assert_eq!(daemon.log.count("Entering MASTER STATE"), 1);
    Ok(())
}

/// Of an IPv6 route the kernel removes single hops, and adds none to those that are left.
#[test]
fn a_route_that_loses_a_hop_is_made_whole() -> Result<()> {
    let mut lan = lan()?;
    let a = instance(
        &["2001:db8:1::/48 nexthop via 2001:db8::fe dev eth0 nexthop via 2001:db8::fd dev eth0"],
        &[&format!("{RULE} table 100 priority 1000")],
    );
    let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&a))?;
    await_fib(&lan.a, "1000:", true)?;
    lan.await_adverts_of(&a, 2)?;
    for hop in ["fd", "fe"] {
        ip(&lan.a, &format!("-6 route del 2001:db8:1::/48 via 2001:db8::{hop} dev eth0"))?;
        daemon.await_log("route 2001:db8:1::/48 was gone: put back")?;
        await_that(&lan.a, |lines| {
            let route = lines.iter().find(|line| line.contains("2001:db8:1::/48"));
            let has = |via: &str| route.is_some_and(|r| r.contains(via));
            has("via 2001:db8::fe") && has("via 2001:db8::fd")
        })?;
    }
    Ok(())
}

/// Routes and rules of the large take-over.
const MANY: u16 = 3_000;

/// Adverts leave while many are set, so no backup takes over, and all are removed at the end.
#[test]
fn a_take_over_of_many_delays_no_advert() -> Result<()> {
    let mut lan = lan()?;
    let route = |n: u16| format!("10.{}.{}.0/24 via 192.0.2.254 dev eth0", 100 + n / 256, n % 256);
    let rule =
        |n: u16| format!("from 10.{}.{}.0/24 table 100 priority {n}", 100 + n / 256, n % 256);
    let routes: Vec<String> = (0..MANY).map(route).collect();
    let rules: Vec<String> = (1..=MANY).map(rule).collect();
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let a = instance(&routes, &rules);
    let daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&a))?;
    let (first, _) = lan.await_advert_of(&a)?;
    await_fib(&lan.a, &format!("rule {MANY}:"), true)?;
    let mut adverts = vec![first];
    adverts.extend(lan.await_adverts_of(&a, 3)?);
    let late = |pair: &[lab::Stamp]| pair[1].since(pair[0]) >= a.master_down();
    assert!(!adverts.windows(2).any(late), "{adverts:?}");
    let count = |words: &str| ip(&lan.a, words).map(|lines| lines.len());
    assert_eq!(count("-4 route show proto keepalived")?, usize::from(MANY));
    assert!(daemon.stop()?.success());
    assert_eq!(count("-4 route show proto keepalived")?, 0);
    await_fib(&lan.a, "proto keepalived", false)
}
