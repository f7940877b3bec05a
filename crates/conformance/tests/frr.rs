//! Failover to and from FRR's vrrpd.

use std::net::IpAddr;
use std::slice::from_ref;

use conformance::{Flavour, Frr, Lan, V2_V4, V3_V4, V3_V6, on_both, present};
use lab::{Capture, Frame, PATIENCE, Result, Stamp, Subject};

/// The wire as our node sees it: what goes out is ours, the rest is FRR's.
struct Wire(Capture);

impl Wire {
    fn await_advert(&mut self, ours: bool, priority: u8) -> Result<Stamp> {
        let wanted = |frame: &Frame| {
            frame.outgoing == ours
                && frame.advert().is_some_and(|a| a.priority == priority && a.checksum_ok)
        };
        self.0.await_frame(PATIENCE, wanted).map(|frame| frame.at)
    }
}

/// Our node, of priority 150, hands over to FRR, of priority 100, and takes over again.
fn to_frr(subject: &Subject, flavour: Flavour, version: u8) -> Result<()> {
    if present(Frr::is_installed().then_some(()), "FRR")?.is_none() {
        return Ok(());
    }
    let mut lan = Lan::new()?;
    let vip: IpAddr = flavour.vip();
    let own = flavour.instance_a();
    let mut wire = Wire(Capture::adverts(&lan.a, "eth0")?);
    Frr::prepare(&lan.b, vip)?;
    let frr = Frr::start(&lan.b, version, 100, vip)?;
    wire.await_advert(false, 100)?;
    let daemon = lan.start_a(subject, from_ref(&own))?;
    wire.await_advert(true, 150)?;
    lan.watch_a.await_addr(PATIENCE, vip, true)?;
    daemon.crash();
    drop(daemon);
    let back = wire.await_advert(false, 100)?;
    let daemon = lan.start_a(subject, from_ref(&own))?;
    assert!(wire.await_advert(true, 150)? > back);
    daemon.stop()?;
    let said = wire.await_advert(true, 0)?;
    let taken = wire.await_advert(false, 100)?;
    // Three intervals would have passed without the advert of priority 0.
    assert!(taken.since(said) < own.advert * 3, "{:?}", taken.since(said));
    frr.stop()
}

/// FRR, of priority 150, hands over to our node, of priority 100, and takes over again.
fn from_frr(subject: &Subject, flavour: Flavour, version: u8) -> Result<()> {
    if present(Frr::is_installed().then_some(()), "FRR")?.is_none() {
        return Ok(());
    }
    let mut lan = Lan::new()?;
    let vip: IpAddr = flavour.vip();
    let own = flavour.instance_b();
    let mut wire = Wire(Capture::adverts(&lan.b, "eth0")?);
    let mut daemon = lan.start_b(subject, from_ref(&own))?;
    wire.await_advert(true, 100)?;
    lan.watch_b.await_addr(PATIENCE, vip, true)?;
    Frr::prepare(&lan.a, vip)?;
    let frr = Frr::start(&lan.a, version, 150, vip)?;
    wire.await_advert(false, 150)?;
    daemon.await_log("with higher priority 150, ours 100")?;
    lan.watch_b.await_addr(PATIENCE, vip, false)?;
    frr.crash()?;
    wire.await_advert(true, 100)?;
    lan.watch_b.await_addr(PATIENCE, vip, true)?;
    let frr = Frr::start(&lan.a, version, 150, vip)?;
    wire.await_advert(false, 150)?;
    lan.watch_b.await_addr(PATIENCE, vip, false)?;
    frr.stop()?;
    let said = wire.await_advert(false, 0)?;
    let taken = wire.await_advert(true, 100)?;
    assert!(taken.since(said) < own.master_down(), "{:?}", taken.since(said));
    lan.watch_b.await_addr(PATIENCE, vip, true)?;
    Ok(())
}

fn version_2_to_frr(subject: &Subject) -> Result<()> {
    to_frr(subject, V2_V4, 2)
}

fn version_2_from_frr(subject: &Subject) -> Result<()> {
    from_frr(subject, V2_V4, 2)
}

fn version_3_to_frr(subject: &Subject) -> Result<()> {
    to_frr(subject, V3_V4, 3)
}

fn version_3_from_frr(subject: &Subject) -> Result<()> {
    from_frr(subject, V3_V4, 3)
}

fn version_3_ipv6_to_frr(subject: &Subject) -> Result<()> {
    to_frr(subject, V3_V6, 3)
}

fn version_3_ipv6_from_frr(subject: &Subject) -> Result<()> {
    from_frr(subject, V3_V6, 3)
}

on_both!(
    version_2_to_frr,
    version_2_from_frr,
    version_3_to_frr,
    version_3_from_frr,
    version_3_ipv6_to_frr,
    version_3_ipv6_from_frr,
);
