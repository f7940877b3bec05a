//! Virtual addresses: how they are set, announced, excluded from adverts, and put back.

use std::net::IpAddr;

use conformance::{Lan, VIP, VIP6, on_both};
use lab::config::Instance;
use lab::{Frame, PATIENCE, Packet, Result, Subject};

fn instance(vips: &[&str]) -> Instance {
    Instance::new(51, 100, vips)
}

fn an_address_deleted_by_hand_comes_back(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(&["192.0.2.100/24"]);
    let _daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.await_adverts_of(&a, 2)?;
    for _ in 0..3 {
        lan.a.del_addr("eth0", VIP, 24)?;
        lan.watch_a.await_addr(PATIENCE, VIP, false)?;
        lan.watch_a.await_addr(PATIENCE, VIP, true)?;
        lan.wire.await_announcement(PATIENCE, VIP.into())?;
        lan.await_adverts_of(&a, 3)?;
    }
    Ok(())
}

/// Frames that announce an address, oldest first.
fn announced(frames: &[Frame], addrs: &[IpAddr]) -> Vec<IpAddr> {
    let which = |f: &Frame| addrs.iter().copied().find(|addr| f.announces(*addr));
    frames.iter().filter_map(which).collect()
}

fn every_address_is_announced_twice_over(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(&["192.0.2.100/24", "192.0.2.101/24"])
        .with("garp_master_repeat 3")
        .with("garp_master_delay 1")
        .with("virtual_ipaddress_excluded {\n        192.0.2.102/24\n    }");
    let addrs: Vec<IpAddr> = [100, 101, 102].map(|last| IpAddr::from([192, 0, 2, last])).to_vec();
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    for last in 100..103 {
        let line = format!("(VI_51) Sending/queueing gratuitous ARPs on eth0 for 192.0.2.{last}");
        daemon.await_log(&line)?;
    }
    let (first_advert, advert) = lan.await_advert_of(&a)?;
    assert_eq!(advert.addrs, addrs[..2]);
    for _ in 0..6 {
        lan.wire.await_announcement(PATIENCE, addrs[2])?;
    }
    let frames = lan.wire.frames()?.to_vec();
    let seen = announced(&frames, &addrs);
    // Now and after the delay: each time every address once, then all of them again.
    assert_eq!(seen[..9], [&addrs[..], &addrs, &addrs].concat());
    assert_eq!(seen[9..18.min(seen.len())], [&addrs[..], &addrs, &addrs].concat());
    let garp = frames.iter().find(|f| f.announces(addrs[0])).ok_or(lab::Error::new("no ARP"))?;
    assert!(garp.at >= first_advert);
    let Packet::Arp(arp) = garp.packet() else { panic!("{garp:?}") };
    assert_eq!((arp.operation, arp.target_mac), (1, [0xff; 6]));
    assert_eq!(&garp.bytes[..6], [0xff; 6]);
    assert_eq!(&garp.bytes[6..12], arp.sender_mac);
    Ok(())
}

fn ipv6_addresses_are_announced_as_overriding(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(&["2001:db8::100/64"]);
    let _daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    lan.watch_a.await_addr(PATIENCE, VIP6, true)?;
    let frame = lan.wire.await_announcement(PATIENCE, VIP6.into())?;
    let Packet::NeighbourAdvert(na) = frame.packet() else { panic!("{frame:?}") };
    assert_eq!((na.src, na.dst.to_string().as_str()), (VIP6, "ff02::1"));
    assert!(na.overrides && !na.router && !na.solicited);
    assert_eq!(&frame.bytes[..6], [0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(frame.bytes[14 + 7], 255, "hop limit");
    Ok(())
}

fn an_address_goes_to_the_device_it_names(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let a = instance(&[
        "192.0.2.100/24 dev eth0 label eth0:vip",
        "198.51.100.100/32 dev eth1 scope link",
    ]);
    let daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    let other = [198, 51, 100, 100];
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_a.await_addr(PATIENCE, other, true)?;
    let placed = lan.a.addrs_by_index()?;
    assert!(placed.contains(&(lan.a.index("eth0")?, VIP.into())));
    assert!(placed.contains(&(lan.a.index("eth1")?, other.into())));
    let shown = lan.a.output(std::process::Command::new("/sbin/ip").args(["-4", "-o", "addr"]))?;
    let line = |addr: &str| shown.lines().find(|line| line.contains(addr)).unwrap_or_default();
    assert!(line("192.0.2.100/24").contains("eth0:vip"), "{shown}");
    assert!(line("198.51.100.100/32").contains("scope link"), "{shown}");
    assert!(daemon.stop()?.success());
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.watch_a.await_addr(PATIENCE, other, false)?;
    Ok(())
}

on_both!(
    an_address_deleted_by_hand_comes_back,
    every_address_is_announced_twice_over,
    ipv6_addresses_are_announced_as_overriding,
    an_address_goes_to_the_device_it_names,
);
