//! Intervals, delays and repeats: which of them apply, and when.

use std::net::IpAddr;
use std::time::Duration;

use conformance::{Lan, VIP, on_both};
use lab::config::{self, Instance};
use lab::craft::Craft;
use lab::{Capture, Daemon, Frame, PATIENCE, Result, Stamp, Subject};

/// Clocks and wake-ups.
const SLACK: Duration = Duration::from_millis(20);

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

/// In version 3 a backup waits as long as the master's interval asks for, not its own.
fn a_backup_learns_the_interval_of_its_master(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance { advert: Duration::from_millis(300), ..instance(150) };
    let b = instance(100);
    let mut first = lan.start_a(subject, std::slice::from_ref(&a))?;
    first.await_log("Entering MASTER STATE")?;
    let mut second = lan.start_b(subject, std::slice::from_ref(&b))?;
    second.await_log("advertisement interval updated from 100ms to 300ms by master")?;
    let heard = lan.await_adverts_of(&a, 6)?;
    assert_eq!(second.log.count("Entering MASTER STATE"), 0);
    first.crash();
    let (taken, advert) = lan.await_advert_of(&b)?;
    let learned = Instance { advert: a.advert, ..b.clone() };
    let last = last_before(&mut lan.wire, taken, a.priority)?.max(heard[5]);
    assert!(taken.since(last) + SLACK >= learned.master_down(), "{:?}", taken.since(last));
    assert_eq!(advert.interval, b.advert);
    Ok(())
}

fn last_before(wire: &mut Capture, end: Stamp, priority: u8) -> Result<Stamp> {
    let adverts = wire.all_adverts()?;
    let sent = adverts.iter().filter(|(at, ad)| *at < end && ad.priority == priority);
    sent.map(|(at, _)| *at).next_back().ok_or_else(|| lab::Error::new("no advert"))
}

fn down_timer_adverts_says_how_many_may_be_missing(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150), instance(100).with("down_timer_adverts 6"));
    let pair = lan.start_both(subject, &a, &b)?;
    lan.await_adverts_of(&a, 3)?;
    pair.a.crash();
    let (taken, _) = lan.await_advert_of(&b)?;
    let last = last_before(&mut lan.wire, taken, a.priority)?;
    assert!(taken.since(last) + SLACK >= b.advert * 6 + b.skew(), "{:?}", taken.since(last));
    Ok(())
}

fn vrrp_startup_delay_holds_everything_back(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(150);
    let config = config::file([&a]).replace("router_id lab", "vrrp_startup_delay 2");
    let began = Stamp::now();
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    daemon.await_log("Delaying startup for 2")?;
    let (first, _) = lan.await_advert_of(&a)?;
    assert!(first.since(began) + SLACK >= Duration::from_secs(2) + a.master_down());
    Ok(())
}

fn announcements_are_repeated_at_the_refresh_interval(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(150)
        .with("garp_master_delay 0")
        .with("garp_master_repeat 1")
        .with("garp_master_refresh 1")
        .with("garp_master_refresh_repeat 2");
    let _daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    let first = lan.wire.await_announcement(PATIENCE, VIP.into())?.at;
    // One when it became master, then two each second.
    let later: Vec<Stamp> = (0..4)
        .map(|_| lan.wire.await_announcement(PATIENCE, VIP.into()).map(|frame| frame.at))
        .collect::<Result<_>>()?;
    assert!(later[0].since(first) >= Duration::from_millis(900), "{:?}", later[0].since(first));
    assert!(later[1].since(later[0]) < Duration::from_millis(500));
    assert!(later[2].since(later[1]) >= Duration::from_millis(500));
    Ok(())
}

fn announcements_keep_their_distance(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let vips = [100, 101, 102].map(|last| IpAddr::from([192, 0, 2, last]));
    let a = Instance::new(51, 150, &vips.map(|vip| format!("{vip}/24")).each_ref().map(|s| &s[..]))
        .with("garp_master_repeat 1")
        .with("garp_master_delay 0");
    let config = config::file([&a]).replace("router_id lab", "vrrp_garp_interval 0.2");
    let _daemon = Daemon::start(&lan.a, subject, &config)?;
    let mut stamps = Vec::new();
    for vip in vips {
        stamps.push(lan.wire.await_announcement(PATIENCE, vip)?.at);
    }
    let gaps: Vec<Duration> = stamps.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert!(gaps.iter().all(|gap| *gap + SLACK >= Duration::from_millis(200)), "{gaps:?}");
    Ok(())
}

/// A master that hears a lower one corrects the neighbours that believed the other.
fn a_lower_advert_makes_the_master_announce_again(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(150)
        .with("garp_master_repeat 1")
        .with("garp_master_delay 0")
        .with("garp_lower_prio_repeat 3")
        .with("garp_lower_prio_delay 1");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    lan.wire.await_announcement(PATIENCE, VIP.into())?;
    lan.await_adverts_of(&a, 2)?;
    let stranger = Capture::keeping(&lan.onlooker, "eth0", |_| false)?;
    let lower = Craft { interval: 10, ..Craft::new(3, [192, 0, 2, 9], 51, 50, &[VIP.into()]) };
    stranger.send(&lower.frame())?;
    daemon.await_log("Received advert from 192.0.2.9 with lower priority 50, ours 150")?;
    let stamps: Vec<Stamp> = (0..6)
        .map(|_| lan.wire.await_announcement(PATIENCE, VIP.into()).map(|frame| frame.at))
        .collect::<Result<_>>()?;
    assert!(stamps[3].since(stamps[2]) >= Duration::from_millis(500), "{stamps:?}");
    assert_eq!(daemon.log.count("Entering BACKUP STATE"), 1);
    Ok(())
}

/// In version 2 an advert with another interval is not from our router.
fn version_2_refuses_another_interval(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(100).v2();
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    let stranger = Capture::keeping(&lan.onlooker, "eth0", |_| false)?;
    let other = Craft { interval: 3, ..Craft::new(2, [192, 0, 2, 9], 51, 200, &[VIP.into()]) };
    stranger.send(&other.frame())?;
    daemon.await_log("advertisement interval mismatch")?;
    lan.wire.clear()?;
    lan.await_adverts_of(&a, 2)?;
    assert_eq!(daemon.log.count("Entering BACKUP STATE"), 1);
    Ok(())
}

on_both!(
    a_backup_learns_the_interval_of_its_master,
    down_timer_adverts_says_how_many_may_be_missing,
    vrrp_startup_delay_holds_everything_back,
    announcements_are_repeated_at_the_refresh_interval,
    announcements_keep_their_distance,
    a_lower_advert_makes_the_master_announce_again,
    version_2_refuses_another_interval,
);

/// What is told about packets that are refused; each kind once. Version 2.2.7 of the reference
/// tells it of each packet.
#[test]
fn refused_packets_are_told_once() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let a = instance(100);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    let stranger = Capture::keeping(&lan.onlooker, "eth0", |_| false)?;
    let good = Craft::new(3, [192, 0, 2, 9], 51, 200, &[VIP.into()]);
    let refused = [
        (Craft { ttl: 64, ..good.clone() }, "invalid TTL/HL from 192.0.2.9"),
        (Craft { version: 2, ..good.clone() }, "wrong VRRP version"),
        (Craft { checksum_error: 1, ..good.clone() }, "Invalid VRRPv3 checksum"),
    ];
    for (craft, line) in &refused {
        for _ in 0..3 {
            stranger.send(&craft.frame())?;
        }
        daemon.await_log(line)?;
    }
    lan.wire.clear()?;
    lan.await_adverts_of(&a, 3)?;
    for (_, line) in &refused {
        assert_eq!(daemon.log.count(line), 1, "{line}");
    }
    Ok(())
}

/// Two owners are a mistake of configuration, which both survive. Version 2.2.7 of the reference
/// does not notice.
#[test]
fn two_owners_are_told_and_the_lower_address_yields() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let (a, b) = (instance(255), instance(255));
    let mut second = lan.start_b(subject, std::slice::from_ref(&b))?;
    second.await_log("Entering MASTER STATE")?;
    let mut first = lan.start_a(subject, std::slice::from_ref(&a))?;
    first.await_log("Entering BACKUP STATE")?;
    second.await_log("CONFIGURATION ERROR")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    let from_b = |f: &Frame| f.advert().is_some_and(|ad| ad.src.to_string() == "192.0.2.2");
    lan.wire.clear()?;
    for _ in 0..3 {
        lan.wire.await_frame(PATIENCE, from_b)?;
    }
    assert_eq!(second.log.count("Entering MASTER STATE"), 1);
    Ok(())
}
