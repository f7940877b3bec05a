//! What interfaces and source addresses do to an instance, and when.

use std::time::Duration;

use conformance::{Lan, VIP, on_both};
use lab::config::{self, Instance};
use lab::{Daemon, PATIENCE, Result, Stamp, Subject};

fn instance() -> Instance {
    Instance::new(51, 150, &["192.0.2.100/24"])
}

/// `interface_up_down_delays`: a flap within the delay is none, a longer one counts when the
/// delay is over.
fn a_change_of_a_link_counts_once_it_lasts(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let uplink = lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let a = instance().with("track_interface {\n        eth1\n    }");
    let delays = "interface_up_down_delays {\n    eth1 1 1\n}\n";
    let config = delays.to_owned() + &config::file([&a]);
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    // Shorter than the delay by far, however slow the machine is.
    uplink.cut()?;
    uplink.restore()?;
    lan.await_adverts_of(&a, 15)?;
    assert_eq!(daemon.log.count("Entering FAULT STATE"), 0);
    let cut = Stamp::now();
    uplink.cut()?;
    let down = lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    assert!(down.since(cut) + Duration::from_millis(20) >= Duration::from_secs(1));
    daemon.log.clone().rewound().await_line(PATIENCE, "eth1: Adding flags change from 0x")?;
    let text: Vec<String> = daemon.log.lines().into_iter().map(|line| line.text).collect();
    assert!(text.iter().any(|l| l.contains("eth1: Adding flags") && l.contains("by 1000000")));
    daemon.await_log("Entering FAULT STATE")?;
    let restored = Stamp::now();
    uplink.restore()?;
    let back = daemon.await_log("Entering BACKUP STATE")?.at;
    assert!(back.since(restored) + Duration::from_millis(20) >= Duration::from_secs(1));
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

/// An interface whose state is the reverse of what it should be.
fn an_interface_that_must_be_down(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let uplink = lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    uplink.cut()?;
    let a = instance().with("track_interface {\n        eth1 weight 0 reverse\n    }");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    uplink.restore()?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    uplink.cut()?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

/// The own interface may be left out of account.
fn the_own_interface_may_be_left_untracked(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance().with("dont_track_primary");
    let daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.cable_a.cut()?;
    lan.cable_a.restore()?;
    lan.wire.clear()?;
    lan.await_adverts_of(&a, 3)?;
    assert_eq!(daemon.log.count("Entering FAULT STATE"), 0);
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

/// The interface of an address elsewhere is tracked although the own one is not.
fn the_interface_of_an_address_is_tracked_without_the_own(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let uplink = lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let vips = ["192.0.2.100/24", "198.51.100.100/24 dev eth1"];
    let a = Instance::new(51, 150, &vips).with("dont_track_primary");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    uplink.cut()?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    uplink.restore()?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

/// The state of a link that is polled is what its driver says.
fn polled(subject: &Subject, lines: &str) -> Result<()> {
    let mut lan = Lan::new()?;
    let uplink = lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let a = instance().with("track_interface {\n        eth1\n    }");
    let config = lines.to_owned() + &config::file([&a]);
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    uplink.cut()?;
    daemon.log.clone().await_line(PATIENCE, "Linkbeat reports eth1 down")?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    uplink.restore()?;
    daemon.await_log("Linkbeat reports eth1 up")?;
    daemon.await_log("Entering BACKUP STATE")?;
    assert_eq!(daemon.log.count("Netlink reports eth1"), 0);
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

fn a_link_is_polled_through_ethtool(subject: &Subject) -> Result<()> {
    polled(subject, "linkbeat_interfaces {\n    eth1 ETHTOOL\n}\n")
}

fn a_link_is_polled_by_its_flags(subject: &Subject) -> Result<()> {
    polled(subject, "linkbeat_interfaces {\n    eth1 IOCTL\n}\n")
}

fn a_link_is_polled_in_the_way_that_works(subject: &Subject) -> Result<()> {
    polled(subject, "linkbeat_interfaces {\n    eth1\n}\n")
}

fn all_links_may_be_polled(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let config = "linkbeat_use_polling\n".to_owned() + &config::file([&instance()]);
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.cable_a.cut()?;
    daemon.log.clone().await_line(PATIENCE, "Linkbeat reports eth0 down")?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.cable_a.restore()?;
    daemon.await_log("Linkbeat reports eth0 up")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

on_both!(
    a_link_is_polled_through_ethtool,
    a_link_is_polled_by_its_flags,
    a_link_is_polled_in_the_way_that_works,
    all_links_may_be_polled,
    a_change_of_a_link_counts_once_it_lasts,
    an_interface_that_must_be_down,
    the_own_interface_may_be_left_untracked,
    the_interface_of_an_address_is_tracked_without_the_own,
);

/// `track_src_ip`: without its source address an instance is in FAULT. Version 2.2.7 of the
/// reference does not notice.
#[test]
fn a_source_address_may_be_tracked() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    lan.a.add_addr("eth0", [192, 0, 2, 7], 32)?;
    let a = instance().with("mcast_src_ip 192.0.2.7").with("track_src_ip");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    lan.wire.await_advert(PATIENCE, |ad| ad.src.to_string() == "192.0.2.7")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.a.del_addr("eth0", [192, 0, 2, 7], 32)?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.a.add_addr("eth0", [192, 0, 2, 7], 32)?;
    daemon.await_log("Entering BACKUP STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}
