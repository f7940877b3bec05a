//! Options of unicast peers, and what becomes of adverts that are not quite as configured.

use std::net::Ipv6Addr;
use std::time::Duration;

use conformance::{Folder, Lan, VIP, on_both};
use lab::config::{self, Instance};
use lab::craft::{Craft, Flood};
use lab::{Advert, Capture, Daemon, PATIENCE, Result, Role, Subject};
use nix::sys::signal::Signal;

fn v3(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

fn unicast(priority: u8, own: u8, peer: &str) -> Instance {
    v3(priority)
        .with(format!("unicast_src_ip 192.0.2.{own}"))
        .with(format!("unicast_peer {{\n        {peer}\n    }}"))
}

/// A peer may be told to be near: what arrives from further away is not from it.
fn a_peer_beyond_its_ttl_is_not_heard(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = unicast(100, 1, "192.0.2.2 min_ttl 255 max_ttl 255");
    let b = unicast(150, 2, "192.0.2.1").with("unicast_ttl 200");
    let mut first = lan.start_a(subject, std::slice::from_ref(&a))?;
    first.await_log("Entering MASTER STATE")?;
    let mut wire = Capture::adverts(&lan.a, "eth0")?;
    let mut second = lan.start_b(subject, std::slice::from_ref(&b))?;
    second.await_log("Entering MASTER STATE")?;
    for _ in 0..5 {
        wire.await_advert(PATIENCE, |ad| ad.priority == 150 && ad.ttl == 200)?;
        wire.await_advert(PATIENCE, |ad| ad.priority == 100)?;
    }
    assert_eq!(first.log.count("Entering BACKUP STATE"), 1);
    assert!(lan.watch_a.has(VIP)?);
    Ok(())
}

fn a_peer_within_its_ttl_is_heard(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = unicast(100, 1, "192.0.2.2 min_ttl 199 max_ttl 201");
    let b = unicast(150, 2, "192.0.2.1").with("unicast_ttl 200");
    let mut first = lan.start_a(subject, std::slice::from_ref(&a))?;
    first.await_log("Entering MASTER STATE")?;
    let _second = lan.start_b(subject, std::slice::from_ref(&b))?;
    first.await_log("with higher priority 150, ours 100")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    Ok(())
}

/// The old way of version 3 unicast checksums: who hears it uses it from then on.
fn the_old_unicast_checksum_is_understood(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let a = unicast(100, 1, "192.0.2.2");
    let b = unicast(150, 2, "192.0.2.1").with("old_unicast_checksum");
    let mut wire = Capture::adverts(&lan.a, "eth0")?;
    let mut first = lan.start_a(subject, std::slice::from_ref(&a))?;
    let (_, advert) = wire.await_advert(PATIENCE, |ad| ad.priority == 100)?;
    assert!(advert.checksum_ok);
    let second = lan.start_b(subject, std::slice::from_ref(&b))?;
    first.await_log("Setting unicast VRRPv3 checksum to old version")?;
    first.log.clone().rewound().await_line(PATIENCE, "with higher priority 150, ours 100")?;
    let (_, advert) = wire.await_advert(PATIENCE, |ad| ad.priority == 150)?;
    assert!(!advert.checksum_ok);
    // Version 2.2.7 of the reference says so and goes on as before.
    if subject.is_reference() {
        return Ok(());
    }
    second.crash();
    let after = |ad: &Advert| ad.priority == 100 && !ad.checksum_ok;
    wire.await_advert(PATIENCE, after)?;
    Ok(())
}

/// Unicast without peers is a fault when it is said so, and multicast otherwise.
fn unicast_without_peers(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = v3(100).with("unicast_src_ip 192.0.2.1");
    let daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    lan.await_advert_of(&a)?;
    assert!(daemon.stop()?.success());
    let a = a.with("unicast_fault_no_peer");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Cannot use unicast without any peers - going to fault state")?;
    // It is one for good; another instance shows that time passes.
    let other = Instance::new(52, 100, &["192.0.2.101/24"]);
    daemon.reload(&config::file(&[a, other.clone()]))?;
    lan.await_adverts_of(&other, 5)?;
    assert_eq!(daemon.log.count("(VI_51) Entering MASTER STATE"), 0);
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    Ok(())
}

fn unknown_routers_are_told_when_asked_for(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = v3(100);
    let config = config::file([&a]).replace("router_id lab", "log_unknown_vrids");
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    let stranger = Capture::keeping(&lan.onlooker, "eth0", |_| false)?;
    stranger.send(&Craft::new(3, [192, 0, 2, 9], 77, 100, &[[192, 0, 2, 177].into()]).frame())?;
    daemon.await_log("Unknown VRID(77) received on interface(eth0)")?;
    lan.await_adverts_of(&a, 2)?;
    Ok(())
}

/// A lower advert is normally answered at once; `lower_prio_no_advert` leaves it at the interval.
fn a_lower_advert_is_answered_unless_told_otherwise(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = v3(150).with("lower_prio_no_advert true");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    let stranger = Capture::keeping(&lan.onlooker, "eth0", |_| false)?;
    let lower = Craft { interval: 10, ..Craft::new(3, [192, 0, 2, 9], 51, 50, &[VIP.into()]) };
    stranger.send(&lower.frame())?;
    let line =
        daemon.await_log("Received advert from 192.0.2.9 with lower priority 50, ours 150")?;
    assert!(!line.text.contains("forcing new election"), "{}", line.text);
    daemon.reload(&config::file(&[v3(150)]))?;
    daemon.await_log("Reload")?;
    lan.await_adverts_of(&a, 3)?;
    stranger.send(&lower.frame())?;
    daemon.await_log("lower priority 50, ours 150, forcing new election")?;
    Ok(())
}

/// A higher advert is normally followed in silence; `higher_prio_send_advert` sends one more.
fn a_higher_advert_may_be_answered(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance { advert: Duration::from_secs(2), ..v3(100) };
    let answers = a.clone().with("higher_prio_send_advert true");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&answers))?;
    let stranger = Capture::keeping(&lan.onlooker, "eth0", |_| false)?;
    let higher = Craft { interval: 200, ..Craft::new(3, [192, 0, 2, 9], 51, 200, &[VIP.into()]) };
    lan.await_advert_of(&a)?;
    stranger.send(&higher.frame())?;
    lan.wire.await_advert(PATIENCE, |ad| ad.priority == 200)?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    let (_, answer) = lan.await_advert_of(&a)?;
    assert_eq!(answer.src.to_string(), "192.0.2.1");
    // The backup is silent: what was heard is not an advert that was due.
    daemon.await_log("with higher priority 200")?;
    assert_eq!(daemon.log.count("Entering MASTER STATE"), 1);
    Ok(())
}

/// The interval on the wire, in the unit of each version.
fn intervals_are_what_was_configured(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let owner = |vrid: u8, version: u8, ms: u64| {
        let i = Instance::new(vrid, 255, &[&format!("192.0.2.{}/24", 100 + vrid)]);
        let i = Instance { advert: Duration::from_millis(ms), ..i };
        if version == 2 { Instance { version, ..i } } else { i }
    };
    let all = [
        owner(1, 3, 10),
        owner(2, 3, 250),
        owner(3, 3, 1_500),
        owner(4, 3, 40_950),
        owner(5, 2, 1_000),
        owner(6, 2, 2_000),
        owner(7, 2, 255_000),
    ];
    let _daemon = lan.start_a(subject, &all)?;
    for i in &all {
        let (_, advert) = Capture::all_adverts(&mut lan.wire)?
            .into_iter()
            .find(|(_, ad)| ad.vrid == i.vrid)
            .map_or_else(|| lan.wire.await_advert(PATIENCE, |ad| ad.vrid == i.vrid), Ok)?;
        assert_eq!((advert.interval, advert.version), (i.advert, i.version), "{advert:?}");
    }
    Ok(())
}

on_both!(
    a_peer_beyond_its_ttl_is_not_heard,
    a_peer_within_its_ttl_is_heard,
    the_old_unicast_checksum_is_understood,
    unicast_without_peers,
    unknown_routers_are_told_when_asked_for,
    a_lower_advert_is_answered_unless_told_otherwise,
    a_higher_advert_may_be_answered,
    intervals_are_what_was_configured,
);

/// An owner that heeds nobody stays MASTER beside another owner of a higher address. Version 2.2.7
/// of the reference has no such option.
#[test]
fn an_owner_may_ignore_adverts() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let a = v3(255);
    let config = config::file([&a]).replace("router_id lab", "vrrp_owner_ignore_adverts");
    let mut first = Daemon::start(&lan.a, subject, &config)?;
    first.await_log("Entering MASTER STATE")?;
    let _second = lan.start_b(subject, std::slice::from_ref(&a))?;
    first.await_log("since we are address owner")?;
    let of_a = |ad: &Advert| ad.src.to_string() == "192.0.2.1";
    for _ in 0..10 {
        lan.wire.await_advert(PATIENCE, of_a)?;
    }
    assert_eq!(first.log.count("Entering BACKUP STATE (init)"), 1);
    assert_eq!(first.log.count("Entering BACKUP STATE"), 1);
    assert!(lan.watch_a.has(VIP)?);
    Ok(())
}

/// The address list of another is compared; a difference is told and does not matter. Version
/// 2.2.7 of the reference refuses such adverts.
#[test]
fn another_address_list_is_told_and_followed() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let a = v3(100);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    let addrs = [VIP.into(), [192, 0, 2, 102].into()];
    let other = Craft { interval: 10, ..Craft::new(3, [192, 0, 2, 9], 51, 200, &addrs) };
    let _flood = Flood::start(&lan.onlooker, "eth0", vec![other.frame()], 20)?;
    daemon.await_log("expected 1 VIPs but received 2")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    Ok(())
}

/// Two owners: the one with the higher address gives the other time to yield. When it does not, it
/// goes on as no owner until the other is silent. Version 2.2.7 of the reference does not notice.
#[test]
fn an_owner_that_persists_is_given_way_to() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let b = v3(255);
    let mut daemon = lan.start_b(subject, std::slice::from_ref(&b))?;
    daemon.await_log("Entering MASTER STATE")?;
    let other = Craft { interval: 10, ..Craft::new(3, [192, 0, 2, 1], 51, 255, &[VIP.into()]) };
    let flood = Flood::start(&lan.onlooker, "eth0", vec![other.frame()], 20)?;
    daemon.await_log("CONFIGURATION ERROR")?;
    daemon.await_log("another address owner persists, advertising priority 254 until it stops")?;
    lan.watch_b.await_addr(PATIENCE, VIP, false)?;
    drop(flood);
    daemon.await_log("rogue address owner appears to have stopped advertising")?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    lan.wire.clear()?;
    lan.wire
        .await_advert(PATIENCE, |ad| ad.src.to_string() == "192.0.2.2" && ad.priority == 255)?;
    Ok(())
}

/// `skip_check_adv_addr`: the address list of a new master's first advert is checked, and no other.
/// The reference writes its statistics to one place for all, so only ours is asked.
#[test]
fn the_address_list_is_checked_once_when_told_so() -> Result<()> {
    let subject = &Subject::ours()?;
    for (lines, all) in [("skip_check_adv_addr on", false), ("skip_check_adv_addr off", true)] {
        let mut lan = Lan::new()?;
        let folder = Folder::new()?;
        let dump = format!("stats_dump_file {}", folder.path("stats").display());
        let a = v3(100).with(lines);
        let config = config::file([&a]).replace("router_id lab", &dump);
        let mut daemon = Daemon::start(&lan.a, subject, &config)?;
        daemon.await_log("Entering BACKUP STATE")?;
        let addrs = [VIP.into(), [192, 0, 2, 102].into()];
        let other = Craft { interval: 10, ..Craft::new(3, [192, 0, 2, 9], 51, 200, &addrs) };
        let _flood = Flood::start(&lan.onlooker, "eth0", vec![other.frame()], 40)?;
        daemon.await_log("master set to 192.0.2.9")?;
        for _ in 0..10 {
            lan.wire.await_advert(PATIENCE, |ad| ad.priority == 200)?;
        }
        daemon.signal(Role::Core, Signal::SIGUSR2)?;
        let text = folder.await_text("stats", "Address List: ")?;
        let line = text.lines().find_map(|l| l.trim().strip_prefix("Address List: "));
        let count: u64 = line.and_then(|l| l.parse().ok()).unwrap_or(0);
        assert!(if all { count > 5 } else { count == 1 }, "{lines}: {text}");
    }
    Ok(())
}

/// Without an interface adverts leave from the address that was given, also where the kernel would
/// choose another one. Version 2.2.7 of the reference wants an interface.
#[test]
fn without_an_interface_adverts_have_the_source_that_was_given() -> Result<()> {
    let subject = &Subject::ours()?;
    for (own, peer, vip) in [
        ("192.0.2.7", "192.0.2.2", "192.0.2.100/24 dev eth0"),
        ("2001:db8::7", "2001:db8::2", "2001:db8::100/64 dev eth0"),
    ] {
        let lan = Lan::new()?;
        lan.a.add_addr("eth0", [192, 0, 2, 7], 24)?;
        lan.a.add_addr("eth0", "2001:db8::7".parse::<Ipv6Addr>().unwrap(), 64)?;
        let side = |priority, own: &str, peer: &str| {
            Instance::new(51, priority, &[vip])
                .with(format!("unicast_src_ip {own}"))
                .with(format!("unicast_peer {{\n        {peer}\n    }}"))
                .with("check_unicast_src")
        };
        let bare = |i: &Instance| config::file([i]).replace("    interface eth0\n", "");
        let mut wire = Capture::adverts(&lan.b, "eth0")?;
        let a = bare(&side(150, own, peer));
        let _first = Daemon::start(&lan.a, subject, &a)?;
        let (_, advert) = wire.await_advert(PATIENCE, |ad| ad.priority == 150)?;
        assert_eq!(advert.src.to_string(), own);
        let mut second = Daemon::start(&lan.b, subject, &bare(&side(100, peer, own)))?;
        second.await_log(&format!("(VI_51) master set to {own}"))?;
        assert_eq!(second.log.count("Entering MASTER STATE"), 0);
    }
    Ok(())
}
