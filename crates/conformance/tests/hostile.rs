//! Packets from somebody else: malformed, foreign, forged, and very many.

use conformance::{Lan, VIP, VIP6, on_both};
use lab::config::Instance;
use lab::craft::{Craft, Flood, garbage};
use lab::{Capture, PATIENCE, Result, Subject};

const ATTACKER: [u8; 4] = [192, 0, 2, 9];
const ATTACKER6: [u16; 8] = [0xfe80, 0, 0, 0, 0, 0, 0, 9];

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

/// Each broken packet once, to master and backup.
fn broken_packets_move_nobody(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150), instance(100));
    let mut pair = lan.start_both(subject, &a, &b)?;
    let sender = Capture::keeping(&lan.onlooker, "eth0", |_| false)?;
    for frame in garbage(ATTACKER.into(), 51, 3, &[VIP.into()]) {
        sender.send(&frame)?;
        lan.await_advert_of(&a)?;
    }
    lan.await_adverts_of(&a, 4)?;
    assert_eq!(pair.a.log.count("Entering BACKUP STATE"), 1);
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 0);
    // The backup has not been fooled into waiting for a master that it never heard.
    pair.a.crash();
    pair.b.await_log("Entering MASTER STATE")?;
    Ok(())
}

fn adverts_of_another_router_move_nobody(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150), instance(100));
    let pair = lan.start_both(subject, &a, &b)?;
    let sender = Capture::keeping(&lan.onlooker, "eth0", |_| false)?;
    for vrid in [1, 50, 52, 255] {
        sender.send(&Craft::new(3, ATTACKER, vrid, 254, &[VIP.into()]).frame())?;
    }
    lan.await_adverts_of(&a, 6)?;
    assert_eq!(pair.a.log.count("Entering BACKUP STATE"), 1);
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 0);
    Ok(())
}

on_both!(broken_packets_move_nobody, adverts_of_another_router_move_nobody);

/// Adverts that are counted while garbage arrives.
const COUNT: u32 = 30;
/// Packets a second.
const RATE: u32 = 10_000;

/// A master advertises at its pace while garbage for its VRID arrives at 10,000 packets a second.
/// Any packet for its VRID restarts the advert timer of the reference, so that it falls silent.
fn is_not_slowed(own: &Instance, frames: Vec<Vec<u8>>) -> Result<()> {
    let mut lan = Lan::new()?;
    let subject = Subject::ours()?;
    let backup = Instance { priority: 100, ..own.clone() };
    let pair = lan.start_both(&subject, own, &backup)?;
    let mut adverts = Capture::keeping(&lan.onlooker, "eth0", |f| {
        !f.outgoing && f.advert().is_some_and(|a| a.priority != 254)
    })?;
    let flood = Flood::start(&lan.onlooker, "eth0", frames, RATE)?;
    let mut stamps = Vec::new();
    while stamps.len() <= COUNT as usize {
        let (at, advert) = adverts.await_advert(PATIENCE, |_| true)?;
        assert_eq!(advert.priority, own.priority);
        stamps.push(at);
    }
    let took = stamps[COUNT as usize].since(stamps[0]);
    let sent = flood.sent();
    drop(flood);
    assert!(took < own.advert * (COUNT + 1), "{COUNT} intervals took {took:?}");
    assert!(sent > u64::from(COUNT) * 100, "the flood was a trickle: {sent}");
    assert_eq!(pair.a.log.count("Entering BACKUP STATE"), 1);
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 0);
    // A log line for each packet would fill the disk.
    assert!(pair.a.log.lines().len() < 500, "{} lines", pair.a.log.lines().len());
    Ok(())
}

#[test]
fn ten_thousand_packets_a_second_neither_silence_nor_slow_a_master() -> Result<()> {
    is_not_slowed(&instance(150), garbage(ATTACKER.into(), 51, 3, &[VIP.into()]))
}

#[test]
fn ten_thousand_packets_a_second_neither_silence_nor_slow_an_ipv6_master() -> Result<()> {
    let own = Instance::new(51, 150, &["2001:db8::100/64"]);
    is_not_slowed(&own, garbage(ATTACKER6.into(), 51, 3, &[VIP6.into()]))
}
