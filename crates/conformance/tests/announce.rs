//! Gratuitous ARPs and neighbour advertisements: how many, when, and how far apart.

use std::net::IpAddr;
use std::time::Duration;

use conformance::{Folder, Lan, VIP, VIP6, on_both};
use lab::config::{self, Instance};
use lab::{Capture, Daemon, PATIENCE, Result, Stamp, Subject};

/// Clocks and wake-ups.
const SLACK: Duration = Duration::from_millis(20);

fn instance(vips: &[&str]) -> Instance {
    Instance::new(51, 150, vips)
}

fn stamps(wire: &mut Capture, addr: IpAddr, count: usize) -> Result<Vec<Stamp>> {
    (0..count).map(|_| wire.await_announcement(PATIENCE, addr).map(|f| f.at)).collect()
}

/// Lines tell of each batch and of each packet.
fn the_log_tells_what_is_announced(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let a = instance(&["192.0.2.100/24"])
        .with("garp_master_delay 1")
        .with("garp_master_repeat 2")
        .with("virtual_ipaddress_excluded {\n        2001:db8::100/64\n    }");
    let mut daemon = lan.start_a(subject, &[a])?;
    daemon.await_log("Entering MASTER STATE")?;
    for _ in 0..2 {
        for line in [
            "(VI_51) Sending/queueing gratuitous ARPs on eth0 for 192.0.2.100",
            "(VI_51) Sending/queueing Unsolicited Neighbour Adverts on eth0 for 2001:db8::100",
        ] {
            daemon.log.clone().await_line(PATIENCE, line)?;
        }
        for _ in 0..2 {
            daemon.await_log("Sending unsolicited Neighbour Advert on eth0 for 2001:db8::100")?;
        }
    }
    assert_eq!(daemon.log.count(": Sending gratuitous ARP on eth0 for 192.0.2.100"), 4);
    Ok(())
}

/// A new master announces each address `garp_master_repeat` times, and again after the delay;
/// the first packets of all addresses come before any second one.
fn a_master_announces_twice(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(&["192.0.2.100/24", "192.0.2.101/24"])
        .with("garp_master_delay 1")
        .with("garp_master_repeat 3");
    let _daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    let second = IpAddr::from([192, 0, 2, 101]);
    let all = stamps(&mut lan.wire, VIP.into(), 6)?;
    assert!(all[2].since(all[0]) < Duration::from_millis(500), "{all:?}");
    assert!(all[3].since(all[0]) + SLACK >= Duration::from_secs(1), "{all:?}");
    assert!(all[5].since(all[3]) < Duration::from_millis(500), "{all:?}");
    let frames = lan.wire.frames()?;
    let order: Vec<bool> = frames
        .iter()
        .filter(|f| f.announces(VIP.into()) || f.announces(second))
        .map(|f| f.announces(second))
        .take(6)
        .collect();
    assert_eq!(order, [false, true, false, true, false, true]);
    Ok(())
}

fn neighbour_advertisements_keep_their_distance(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let other: IpAddr = "2001:db8::101".parse().map_err(|_| lab::Error::new("no address"))?;
    let a = instance(&["2001:db8::100/64", "2001:db8::101/64"])
        .with("garp_master_repeat 1")
        .with("garp_master_delay 0");
    let config = config::file([&a]).replace("router_id lab", "vrrp_gna_interval 0.3");
    let _daemon = Daemon::start(&lan.a, subject, &config)?;
    let first = stamps(&mut lan.wire, VIP6.into(), 1)?[0];
    let second = stamps(&mut lan.wire, other, 1)?[0];
    assert!(second.since(first) + SLACK >= Duration::from_millis(300), "{:?}", second.since(first));
    Ok(())
}

/// Interfaces of a group share its distance.
fn interfaces_of_a_group_take_turns(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let quick = |i: Instance| i.with("garp_master_repeat 1").with("garp_master_delay 0");
    let first = quick(instance(&["192.0.2.100/24"]));
    let second = Instance {
        interface: "eth1".into(),
        ..quick(Instance::new(52, 150, &["198.51.100.100/24"]))
    };
    let group = "garp_group {\n    garp_interval 0.4\n    interfaces {\n        eth0\n        eth1\n    }\n}\n";
    let config = group.to_owned() + &config::file(&[first, second]);
    let _daemon = Daemon::start(&lan.a, subject, &config)?;
    let others = [VIP.into(), IpAddr::from([198, 51, 100, 100])];
    let mut all = Vec::new();
    for _ in 0..2 {
        let frame = lan.wire.await_frame(PATIENCE, |f| others.iter().any(|o| f.announces(*o)))?;
        all.push(frame.at);
    }
    assert!(all[1].since(all[0]) + SLACK >= Duration::from_millis(400), "{all:?}");
    Ok(())
}

/// `vrrp_min_garp`: one packet for each address, and no second batch.
fn one_packet_is_enough_when_told_so(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(&["192.0.2.100/24"]);
    let config = config::file([&a]).replace("router_id lab", "vrrp_min_garp true");
    let _daemon = Daemon::start(&lan.a, subject, &config)?;
    stamps(&mut lan.wire, VIP.into(), 1)?;
    // Longer than the usual delay of 5 s.
    lan.await_adverts_of(&a, 55)?;
    let frames = lan.wire.frames()?;
    assert_eq!(frames.iter().filter(|f| f.announces(VIP.into())).count(), 1);
    Ok(())
}

/// A reload that brings an address, or refreshes, announces all of them.
fn a_reload_announces_what_is_new(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let quick =
        |vips: &[&str]| instance(vips).with("garp_master_delay 0").with("garp_master_repeat 2");
    let mut daemon = lan.start_a(subject, &[quick(&["192.0.2.100/24"])])?;
    stamps(&mut lan.wire, VIP.into(), 2)?;
    let both = quick(&["192.0.2.100/24", "192.0.2.101/24"]);
    daemon.reload(&config::file(&[both]))?;
    stamps(&mut lan.wire, IpAddr::from([192, 0, 2, 101]), 2)?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 101], true)?;
    assert_eq!(daemon.log.count("Entering MASTER STATE"), 1);
    daemon.log.skip();
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

/// `garp_extra_if`: no advert tells the switch where addresses on other interfaces are.
fn addresses_on_other_interfaces_are_announced_again_and_again(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let vips = ["192.0.2.100/24", "198.51.100.100/24 dev eth1", "198.51.100.101/24 dev eth1"];
    let a = instance(&vips)
        .with("garp_master_delay 0")
        .with("garp_master_repeat 1")
        .with("garp_extra_if all 1");
    let _daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    let (first, second) = ([198, 51, 100, 100].into(), IpAddr::from([198, 51, 100, 101]));
    let all = stamps(&mut lan.wire, first, 4)?;
    let gap = |two: &[Stamp]| two[1].since(two[0]) + SLACK >= Duration::from_secs(1);
    assert!(all.windows(2).all(gap), "{all:?}");
    let frames = lan.wire.frames()?;
    for once in [second, VIP.into()] {
        assert_eq!(frames.iter().filter(|f| f.announces(once)).count(), 1, "{once}");
    }
    Ok(())
}

on_both!(
    addresses_on_other_interfaces_are_announced_again_and_again,
    a_master_announces_twice,
    the_log_tells_what_is_announced,
    neighbour_advertisements_keep_their_distance,
    interfaces_of_a_group_take_turns,
    one_packet_is_enough_when_told_so,
    a_reload_announces_what_is_new,
);

/// `vrrp_delay_after_boot` counts from the boot of the machine. Version 2.2.7 of the reference has
/// no such option.
#[test]
fn nothing_happens_before_the_machine_has_been_up_for_long_enough() -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(&["192.0.2.100/24"]);
    let folder = Folder::new()?;
    let began = Stamp::now();
    // A machine that has been up for about a hundred seconds.
    let uptime = lan.a.output(std::process::Command::new("cat").arg("/proc/uptime"))?;
    let uptime: i64 = uptime.split('.').next().and_then(|t| t.parse().ok()).unwrap_or(0);
    let program = Subject::ours()?;
    let (offset, program) = (100 - uptime, program.program().display());
    let script = format!("exec unshare --time --boottime {offset} {program} \"$@\"");
    let young = Subject::at(folder.script("young", &script)?)?;
    let config = config::file([&a]).replace("router_id lab", "vrrp_delay_after_boot 104");
    let mut daemon = Daemon::start(&lan.a, &young, &config)?;
    daemon.await_log("Delaying startup for")?;
    let (first, _) = lan.await_advert_of(&a)?;
    let waited = first.since(began);
    let least = Duration::from_secs(3) + a.master_down();
    assert!(waited + SLACK >= least, "{waited:?}");
    Ok(())
}
