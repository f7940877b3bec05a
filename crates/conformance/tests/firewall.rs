//! The firewall: what a master that does not own its addresses lets in and out, and what the
//! kernel's tables hold for it.

use conformance::kernel::firewall as ruleset;
use conformance::{Lan, VIP, VIP6, on_both};
use lab::config::{self, Instance};
use lab::watch::Change;
use lab::{Daemon, Host, PATIENCE, Result, Role, Subject};
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a lost packet is waited for.
const LOST: Duration = Duration::from_millis(300);
/// An address that the first node owns.
const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// Whether the address answers: nobody listens, so its host refuses the connection, unless the
/// packet gets lost.
fn answers(from: &Host, addr: impl Into<IpAddr>) -> Result<bool> {
    let addr = SocketAddr::new(addr.into(), 9);
    let result = from.run(|| TcpStream::connect_timeout(&addr, LOST))?;
    match result {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => Ok(true),
        Err(e) if e.kind() == ErrorKind::TimedOut => Ok(false),
        Err(e) => Err(lab::Error::new(format!("{addr} from {}: {e}", from.name()))),
    }
}

fn run(host: &Host, command: &str) -> Result<String> {
    let mut words = command.split_whitespace();
    host.output(Command::new(words.next().unwrap_or_default()).args(words))
}

/// Waits until nft lists what `wanted` says.
fn await_rules(host: &Host, wanted: impl Fn(&BTreeSet<String>) -> bool) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let rules = ruleset(host)?;
        if wanted(&rules) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(lab::Error::new(format!("not the rules awaited: {rules:#?}")));
        }
    }
}

fn await_exactly(host: &Host, expected: &[&str]) -> Result<()> {
    let expected: BTreeSet<String> = expected.iter().map(|line| (*line).to_owned()).collect();
    let same = |rules: &BTreeSet<String>| *rules == expected;
    await_rules(host, same).map_err(|e| lab::Error::new(format!("{e}, but {expected:#?}")))
}

fn holds(rules: &BTreeSet<String>, table: &str, text: &str) -> bool {
    rules.iter().any(|block| block.starts_with(table) && block.contains(text))
}

fn v4(vrid: u8, vip: &str) -> Instance {
    Instance::new(vrid, 150, &[vip])
}

fn hidden_v4() -> Instance {
    v4(51, "192.0.2.100/24").with("no_accept")
}

fn hidden_v6() -> Instance {
    Instance::new(52, 150, &["fe80::100/64", "2001:db8::100/64"]).with("no_accept")
}

fn no_accept_keeps_connections_off_the_address(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let open = v4(53, "192.0.2.101/24").with("accept");
    let _daemon = lan.start_a(subject, &[hidden_v4(), open])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 101], true)?;
    assert!(!answers(&lan.onlooker, VIP)?);
    assert!(answers(&lan.onlooker, [192, 0, 2, 101])?);
    assert!(answers(&lan.onlooker, OWN)?);
    // Not even the host itself.
    assert!(!answers(&lan.a, VIP)?);
    Ok(())
}

fn no_accept_keeps_connections_off_ipv6_and_neighbours_find_the_address(
    subject: &Subject,
) -> Result<()> {
    let mut lan = Lan::new()?;
    let open = Instance::new(53, 150, &["fe80::101/64", "2001:db8::101/64"]).with("accept");
    let _daemon = lan.start_a(subject, &[hidden_v6(), open])?;
    lan.watch_a.await_addr(PATIENCE, VIP6, true)?;
    lan.watch_a.await_addr(PATIENCE, "2001:db8::101".parse::<IpAddr>().unwrap(), true)?;
    await_rules(&lan.a, |rules| holds(rules, "table ip6", "elements = { 2001:db8::100 }"))?;
    assert!(!answers(&lan.onlooker, VIP6)?);
    assert!(answers(&lan.onlooker, "2001:db8::101".parse::<IpAddr>().unwrap())?);
    let neighbour = run(&lan.onlooker, &format!("ip -6 neigh show {VIP6}"))?;
    assert!(neighbour.contains("lladdr"), "{neighbour:?}");
    Ok(())
}

/// Link-local addresses are hidden on their own interface alone.
fn a_hidden_link_local_address_is_hidden_where_it_is(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let _daemon = lan.start_a(subject, &[hidden_v6()])?;
    lan.watch_a.await_addr(PATIENCE, "fe80::100".parse::<IpAddr>().unwrap(), true)?;
    await_rules(&lan.a, |rules| holds(rules, "table ip6", "fe80::100 . \"eth0\""))?;
    let scope = lan.onlooker.index("eth0")?;
    let connect = |text: &str| {
        let addr = std::net::SocketAddrV6::new(text.parse().unwrap(), 9, 0, scope);
        lan.onlooker.run(move || TcpStream::connect_timeout(&addr.into(), LOST))
    };
    assert_eq!(connect("fe80::100")?.unwrap_err().kind(), ErrorKind::TimedOut);
    let own = run(&lan.a, "ip -6 -o addr show dev eth0 scope link")?;
    let own = own.split_whitespace().find(|w| w.starts_with("fe80::") && !w.contains("::100/"));
    let own = own.and_then(|w| w.split_once('/')).map(|(addr, _)| addr).unwrap();
    assert_eq!(connect(own)?.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    Ok(())
}

const HOOKS: &str = "priority filter - 1; policy accept;";

fn the_tables_are_those_that_users_know(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let untracked = Instance::new(54, 150, &["fe80::102/64"]);
    let untracked = untracked.with("no_accept").with("dont_track_primary");
    let _daemon = lan.start_a(subject, &[hidden_v4(), hidden_v6(), untracked])?;
    await_exactly(
        &lan.a,
        &[
            "table ip keepalived set vips { type ipv4_addr elements = { 192.0.2.100 } }",
            &format!(
                "table ip keepalived chain in {{ type filter hook input {HOOKS} \
                 ip daddr @vips drop }}"
            ),
            &format!(
                "table ip keepalived chain out {{ type filter hook output {HOOKS} \
                 ip saddr @vips drop }}"
            ),
            "table ip6 keepalived set vips { type ipv6_addr elements = { 2001:db8::100 } }",
            "table ip6 keepalived set neighbor-discovery { type icmpv6_type flags constant \
             elements = { nd-neighbor-solicit, nd-neighbor-advert } }",
            "table ip6 keepalived set vips_link_local { type ipv6_addr . iface_index \
             elements = { fe80::100 . \"eth0\" } }",
            "table ip6 keepalived set vips_link_local_name { type ipv6_addr . ifname \
             elements = { fe80::102 . \"eth0\" } }",
            &format!(
                "table ip6 keepalived chain in {{ type filter hook input {HOOKS} \
                 icmpv6 type @neighbor-discovery accept \
                 ip6 daddr fe80::/10 goto in_link_local ip6 daddr @vips drop }}"
            ),
            &format!(
                "table ip6 keepalived chain out {{ type filter hook output {HOOKS} \
                 icmpv6 type @neighbor-discovery accept \
                 ip6 saddr fe80::/10 goto out_link_local ip6 saddr @vips drop }}"
            ),
            "table ip6 keepalived chain in_link_local { \
             ip6 daddr . iif @vips_link_local drop ip6 daddr . iifname @vips_link_local_name drop }",
            "table ip6 keepalived chain out_link_local { \
             ip6 saddr . oif @vips_link_local drop ip6 saddr . oifname @vips_link_local_name drop }",
        ],
    )
}

fn global(lines: &str, instances: &[Instance]) -> String {
    let blocks: Vec<String> = instances.iter().map(Instance::to_string).collect();
    format!("global_defs {{\n{lines}\n}}\n{}", blocks.concat())
}

fn name_priority_and_counters_are_those_of_the_configuration(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let lines = "nftables wall\nnftables_priority -7\nnftables_counters";
    let _daemon = Daemon::start(&lan.a, subject, &global(lines, &[hidden_v4()]))?;
    await_exactly(
        &lan.a,
        &[
            "table ip wall set vips { type ipv4_addr elements = { 192.0.2.100 } }",
            "table ip wall chain in { type filter hook input priority filter - 7; \
             policy accept; ip daddr @vips counter packets 0 bytes 0 drop }",
            "table ip wall chain out { type filter hook output priority filter - 7; \
             policy accept; ip saddr @vips counter packets 0 bytes 0 drop }",
        ],
    )?;
    answers(&lan.onlooker, VIP)?;
    let dropped = |rules: &BTreeSet<String>| {
        rules.iter().any(|b| b.contains("daddr @vips counter packets") && !b.contains("packets 0"))
    };
    await_rules(&lan.a, dropped)
}

fn nftables_ifindex_has_indexes_only(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let untracked = Instance::new(54, 150, &["fe80::102/64"]);
    let untracked = untracked.with("no_accept").with("dont_track_primary");
    let _daemon = Daemon::start(&lan.a, subject, &global("nftables_ifindex", &[untracked]))?;
    let by_index = |rules: &BTreeSet<String>| {
        holds(rules, "table ip6", "iface_index elements = { fe80::102 . \"eth0\" }")
            && !holds(rules, "table ip6", "ifname")
    };
    await_rules(&lan.a, by_index)
}

fn an_owner_is_never_hidden(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let owner = Instance { priority: 255, ..hidden_v4() };
    let _daemon = lan.start_a(subject, &[owner])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    assert!(answers(&lan.onlooker, VIP)?);
    assert_eq!(ruleset(&lan.a)?, BTreeSet::new());
    Ok(())
}

fn strict_mode_hides_unless_told_to_accept(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let strict = v4(51, "192.0.2.100/24").with("strict_mode");
    let open = v4(53, "192.0.2.101/24").with("strict_mode").with("accept");
    let _daemon = lan.start_a(subject, &[strict, open])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 101], true)?;
    assert!(!answers(&lan.onlooker, VIP)?);
    assert!(answers(&lan.onlooker, [192, 0, 2, 101])?);
    Ok(())
}

fn the_tables_go_at_stop(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let daemon = lan.start_a(subject, &[hidden_v4(), hidden_v6()])?;
    await_rules(&lan.a, |rules| holds(rules, "table ip ", "192.0.2.100"))?;
    daemon.stop()?;
    assert_eq!(run(&lan.a, "nft list tables")?, "");
    Ok(())
}

fn what_a_crash_left_is_replaced(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let file = config::file([&hidden_v4()]);
    let daemon = Daemon::start(&lan.a, subject, &file)?;
    await_rules(&lan.a, |rules| holds(rules, "table ip ", "192.0.2.100"))?;
    daemon.crash();
    run(&lan.a, "nft add element ip keepalived vips { 192.0.2.1 }")?;
    assert!(!answers(&lan.onlooker, OWN)?);
    let _again = Daemon::start(&lan.a, subject, &file)?;
    await_rules(&lan.a, |rules| holds(rules, "table ip ", "elements = { 192.0.2.100 }"))?;
    assert!(answers(&lan.onlooker, OWN)?);
    Ok(())
}

fn the_log_says_when_an_instance_hides(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let open = v4(53, "192.0.2.101/24");
    let mut daemon = lan.start_a(subject, &[hidden_v4(), open])?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    daemon.await_log("(VI_51) setting firewall drop rule")?;
    daemon.await_log("(VI_51) setting VIPs.")?;
    lan.a.set_up("eth0", false)?;
    daemon.await_log("(VI_51) removing firewall drop rule")?;
    assert_eq!(daemon.log.count("(VI_53) setting firewall"), 0);
    Ok(())
}

fn a_backup_hides_nothing(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let b = Instance { priority: 100, ..hidden_v4() };
    let pair = lan.start_both(subject, &hidden_v4(), &b)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    await_rules(&lan.b, |rules| !holds(rules, "table ip ", "192.0.2.100"))?;
    pair.a.stop()?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    await_rules(&lan.b, |rules| holds(rules, "table ip ", "192.0.2.100"))?;
    assert!(!answers(&lan.onlooker, VIP)?);
    Ok(())
}

fn vmacs(subject: &Subject, lines: &str) -> Result<(Lan, Daemon)> {
    let lan = Lan::new()?;
    let four = v4(51, "192.0.2.100/24").with("use_vmac");
    let six = Instance::new(52, 150, &["fe80::100/64", "2001:db8::100/64"]).with("use_vmac");
    let daemon = Daemon::start(&lan.a, subject, &global(lines, &[four, six]))?;
    Ok((lan, daemon))
}

fn vmacs_that_accept_have_rules_for_their_group_reports(subject: &Subject) -> Result<()> {
    let (lan, _daemon) = vmacs(subject, "router_id lab")?;
    let igmp = "meta oifkind \"macvlan\" dup to ip daddr device oif map @vmac_map drop }";
    let mld = "icmpv6 type mld2-listener-report meta oifkind \"macvlan\" \
               dup to ip6 daddr device oif map @vmac_map drop";
    let solicit = "icmpv6 type nd-router-solicit meta oifkind \"macvlan\" oif @vmac_set drop";
    await_rules(&lan.a, |rules| {
        holds(rules, "table ip keepalived map vmac_map", "{ \"vrrp.51\" : \"eth0\" }")
            && holds(rules, "table ip keepalived chain out", igmp)
            && !holds(rules, "table ip ", "vips")
            && rules.iter().any(|b| {
                b.starts_with(
                    "table ip6 keepalived map vmac_map { type \
                iface_index : iface_index elements = { \"vrrp",
                ) && b.ends_with(" : \"eth0\" } }")
            })
            && holds(rules, "table ip6 keepalived chain out", mld)
            && holds(rules, "table ip6 keepalived chain out", solicit)
            && !holds(rules, "table ip6 ", "vips")
    })
}

fn disable_local_igmp_needs_no_rules_for_ipv4(subject: &Subject) -> Result<()> {
    let (lan, _daemon) = vmacs(subject, "disable_local_igmp")?;
    await_rules(&lan.a, |rules| {
        holds(rules, "table ip6 ", "vmac_map") && !holds(rules, "table ip ", "vmac_map")
    })
}

on_both!(
    no_accept_keeps_connections_off_the_address,
    no_accept_keeps_connections_off_ipv6_and_neighbours_find_the_address,
    a_hidden_link_local_address_is_hidden_where_it_is,
    the_tables_are_those_that_users_know,
    name_priority_and_counters_are_those_of_the_configuration,
    nftables_ifindex_has_indexes_only,
    an_owner_is_never_hidden,
    strict_mode_hides_unless_told_to_accept,
    the_tables_go_at_stop,
    what_a_crash_left_is_replaced,
    a_backup_hides_nothing,
    the_log_says_when_an_instance_hides,
    vmacs_that_accept_have_rules_for_their_group_reports,
    disable_local_igmp_needs_no_rules_for_ipv4,
);

fn reload(daemon: &mut Daemon, instances: &[Instance]) -> Result<()> {
    daemon.log.skip();
    daemon.reload(&config::file(instances))?;
    daemon.await_log("Reload complete")?;
    Ok(())
}

/// Lines of the listing that have handles, which those get that are made anew.
fn handles(host: &Host) -> Result<Vec<String>> {
    let listing = run(host, "nft -a list ruleset")?;
    Ok(listing.lines().filter(|l| l.contains("# handle")).map(str::to_owned).collect())
}

/// The reference keeps what it had hidden.
#[test]
fn a_reload_from_no_accept_to_accept_and_back_changes_elements_alone() -> Result<()> {
    let mut lan = Lan::new()?;
    let other = v4(53, "192.0.2.101/24").with("no_accept");
    let mut daemon = lan.start_a(&Subject::ours()?, &[hidden_v4(), other.clone()])?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 101], true)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let before = handles(&lan.a)?;
    assert!(before.len() >= 6, "{before:?}");
    let open = v4(51, "192.0.2.100/24").with("accept");
    reload(&mut daemon, &[open, other.clone()])?;
    await_rules(&lan.a, |rules| holds(rules, "table ip ", "elements = { 192.0.2.101 }"))?;
    assert!(answers(&lan.onlooker, VIP)?);
    assert!(!answers(&lan.onlooker, [192, 0, 2, 101])?);
    reload(&mut daemon, &[hidden_v4(), other])?;
    await_rules(&lan.a, |rules| holds(rules, "table ip ", "192.0.2.100"))?;
    assert!(!answers(&lan.onlooker, VIP)?);
    assert_eq!(handles(&lan.a)?, before);
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

/// As above.
#[test]
fn the_tables_go_with_the_last_that_needs_them_and_come_back() -> Result<()> {
    let mut lan = Lan::new()?;
    let open = v4(51, "192.0.2.100/24");
    let mut daemon = lan.start_a(&Subject::ours()?, &[hidden_v4()])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    assert!(!answers(&lan.onlooker, VIP)?);
    reload(&mut daemon, std::slice::from_ref(&open))?;
    await_exactly(&lan.a, &[])?;
    assert!(answers(&lan.onlooker, VIP)?);
    reload(&mut daemon, &[hidden_v4()])?;
    await_rules(&lan.a, |rules| holds(rules, "table ip ", "192.0.2.100"))?;
    assert!(!answers(&lan.onlooker, VIP)?);
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    // An instance that goes takes its address and what hid it along.
    reload(&mut daemon, &[v4(53, "192.0.2.101/24")])?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    await_exactly(&lan.a, &[])
}

/// The reference does not notice.
#[test]
fn what_somebody_flushes_is_put_back_with_a_warning() -> Result<()> {
    let mut lan = Lan::new()?;
    let mut daemon = lan.start_a(&Subject::ours()?, &[hidden_v4(), hidden_v6()])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_a.await_addr(PATIENCE, VIP6, true)?;
    await_rules(&lan.a, |rules| holds(rules, "table ip6", "elements = { 2001:db8::100 }"))?;
    let before = ruleset(&lan.a)?;
    for damage in [
        "nft flush ruleset",
        "nft delete element ip keepalived vips { 192.0.2.100 }",
        "nft flush chain ip6 keepalived in",
        "nft delete table ip keepalived",
    ] {
        run(&lan.a, damage)?;
        let line = daemon.await_log("took something out of table keepalived")?;
        assert!(line.text.contains("firewall: nft (process"), "{}", line.text);
        await_rules(&lan.a, |rules| *rules == before)?;
        assert!(!answers(&lan.onlooker, VIP)?);
    }
    // What is somebody else's is left alone.
    run(&lan.a, "nft add table ip other")?;
    run(&lan.a, "nft delete table ip other")?;
    assert_eq!(daemon.log.count("took something out"), 4);
    Ok(())
}

/// Pings the address all the while; nothing may answer.
fn unseen(from: &Host, mut work: impl FnMut() -> Result<()>) -> Result<()> {
    let mut ping = lab::ping::Ping::new(from, VIP, 7)?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pings = scope.spawn(|| -> Result<[u32; 2]> {
            let [mut sent, mut seen] = [0, 0];
            while !done.load(Ordering::Relaxed) {
                seen += u32::from(ping.once(Duration::from_millis(1))?.is_some());
                sent += 1;
            }
            Ok([sent, seen])
        });
        let worked = work();
        done.store(true, Ordering::Relaxed);
        let [sent, seen] = pings.join().unwrap()?;
        assert!(sent > 10 && seen == 0, "{seen} of {sent} were answered");
        worked
    })
}

#[test]
fn an_address_is_never_seen_while_it_comes_and_goes() -> Result<()> {
    let mut lan = Lan::new()?;
    let onlooker = lan.onlooker.clone();
    unseen(&onlooker, || {
        for _ in 0..5 {
            let daemon = lan.start_a(&Subject::ours()?, &[hidden_v4()])?;
            lan.watch_a.await_addr(PATIENCE, VIP, true)?;
            daemon.stop()?;
            lan.watch_a.await_addr(PATIENCE, VIP, false)?;
        }
        Ok(())
    })
}

/// Group reports of a virtual router leave with the MAC of the interface below, so that a switch
/// does not learn the virtual MAC at a backup. The reference drops the copy as well when the
/// report is from a hidden address.
#[test]
fn group_reports_of_a_hidden_vmac_reach_the_network_with_the_mac_of_the_interface() -> Result<()> {
    let mut lan = Lan::new()?;
    lan.wire = lab::Capture::keeping(&lan.onlooker, "eth0", is_igmp)?;
    let _daemon = lan.start_a(&Subject::ours()?, &[hidden_v4().with("use_vmac")])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    await_rules(&lan.a, |rules| holds(rules, "table ip ", "elements = { 192.0.2.100 }"))?;
    assert!(holds(&ruleset(&lan.a)?, "table ip ", "{ \"vrrp.51\" : \"eth0\" }"));
    lan.wire.clear()?;
    // A program on the host joins a group at the hidden address.
    let member = lan.a.run(|| {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
        socket.join_multicast_v4(&[239, 1, 2, 3].into(), &VIP)?;
        Ok::<_, std::io::Error>(socket)
    })?;
    assert!(member.is_ok(), "{member:?}");
    lan.wire.await_frame(PATIENCE, |f| f.bytes.windows(4).any(|w| w == [239, 1, 2, 3]))?;
    let virtual_mac = [0, 0, 0x5e, 0, 1, 51];
    assert!(lan.wire.frames()?.iter().all(|f| f.bytes[6..12] != virtual_mac));
    assert!(!answers(&lan.onlooker, VIP)?);
    Ok(())
}

fn is_igmp(frame: &lab::Frame) -> bool {
    frame.bytes.get(12..14) == Some(&[8, 0]) && frame.bytes.get(23) == Some(&2)
}

/// Whoever leaves addresses behind leaves them hidden.
#[test]
fn a_stop_without_release_leaves_addresses_hidden() -> Result<()> {
    let mut lan = Lan::new()?;
    let file = config::file([&hidden_v4()]);
    let more = ["--dont-release-vrrp"];
    let daemon = Daemon::start_with(&lan.a, &Subject::ours()?, &file, &more)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    daemon.stop()?;
    assert!(lan.a.has_addr(VIP)?);
    assert!(!answers(&lan.onlooker, VIP)?);
    Ok(())
}

/// The role is gone with signal 9 and comes back: nothing is seen of it.
#[test]
fn an_address_stays_hidden_while_a_role_is_respawned() -> Result<()> {
    let mut lan = Lan::new()?;
    let daemon = lan.start_a(&Subject::ours()?, &[hidden_v4()])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let onlooker = lan.onlooker.clone();
    unseen(&onlooker, || {
        for _ in 0..3 {
            let old = daemon.role_pid(Role::Vrrp)?;
            lan.watch_a.clear()?;
            daemon.signal(Role::Vrrp, Signal::SIGKILL)?;
            daemon.await_respawn(Role::Vrrp, old, PATIENCE)?;
            lan.watch_a.await_change(PATIENCE, |c| matches!(c, Change::AddrRemoved(_, _)))?;
            lan.watch_a.await_addr(PATIENCE, VIP, true)?;
        }
        Ok(())
    })?;
    await_rules(&lan.a, |rules| holds(rules, "table ip ", "elements = { 192.0.2.100 }"))?;
    assert!(!answers(&lan.onlooker, VIP)?);
    Ok(())
}

/// A table of that name that belongs to another program cannot be replaced.
#[test]
fn what_the_kernel_refuses_is_said_and_tried_again() -> Result<()> {
    use std::io::Write;
    let mut lan = Lan::new()?;
    let mut owner = Command::new("nft");
    owner.arg("-i").stdin(std::process::Stdio::piped());
    let mut owner = lan.a.spawn(&mut owner)?;
    let mut words = owner.stdin.take().unwrap();
    words.write_all(b"add table ip keepalived { flags owner; }\n").unwrap();
    await_tables(&lan.a, "table ip keepalived\n")?;
    let mut daemon = lan.start_a(&Subject::ours()?, &[hidden_v4()])?;
    let line = daemon.await_log("addresses of no_accept and strict_mode can be reached")?.text;
    assert!(line.contains("it belongs to another program"), "{line}");
    // The kernel tells nobody when it goes with its owner.
    assert!(line.contains("trying again every 1 s"), "{line}");
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    assert!(answers(&lan.onlooker, VIP)?);
    drop(words);
    owner.wait().unwrap();
    daemon.await_log("firewall: table keepalived is in place now")?;
    assert!(!answers(&lan.onlooker, VIP)?);
    assert_eq!(daemon.log.count("can be reached"), 1);
    Ok(())
}

fn await_tables(host: &Host, expected: &str) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while run(host, "nft list tables")? != expected {
        if Instant::now() > until {
            return Err(lab::Error::new(format!("no {expected}")));
        }
    }
    Ok(())
}

#[test]
fn a_reload_changes_priority_and_counters_and_hides_all_the_while() -> Result<()> {
    let mut lan = Lan::new()?;
    let onlooker = lan.onlooker.clone();
    let mut daemon = lan.start_a(&Subject::ours()?, &[hidden_v4()])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    unseen(&onlooker, || {
        let both = ["nftables_priority -9\nnftables_counters", "nftables_priority 5"];
        for lines in both.into_iter().cycle().take(10) {
            daemon.log.skip();
            daemon.reload(&global(lines, &[hidden_v4()]))?;
            daemon.await_log("Reload complete")?;
            let priority = lines.lines().next().and_then(|l| l.split_once(' '));
            let (_, priority) = priority.unwrap();
            let hook =
                format!("priority filter {}", priority.replace('-', "- ").replace('5', "+ 5"));
            let counts = lines.contains("counters");
            await_rules(&lan.a, |rules| {
                holds(rules, "table ip ", &hook)
                    && holds(rules, "table ip ", "elements = { 192.0.2.100 }")
                    && holds(rules, "table ip ", "counter") == counts
            })?;
        }
        Ok(())
    })?;
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}
