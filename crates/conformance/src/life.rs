//! The life of a virtual router: election, crash, return, clean stop, with any two programs.

use std::time::Duration;

use lab::{Advert, Capture, Frame, PATIENCE, Result, Stamp, Subject};

use crate::{Flavour, Lan};

/// Earlier than the protocol allows is wrong; this much is the clocks'.
const EARLY: Duration = Duration::from_millis(5);
/// Later than this is wrong even on a machine under load.
const LATE: Duration = Duration::from_secs(1);

/// The wire as node b sees it: what goes out is b's, the rest is a's.
struct Wire(Capture);

impl Wire {
    fn await_advert(&mut self, of_b: bool, priority: u8) -> Result<(Stamp, Advert)> {
        let wanted = |frame: &Frame| {
            frame.outgoing == of_b && frame.advert().is_some_and(|a| a.priority == priority)
        };
        let frame = self.0.await_frame(PATIENCE, wanted)?;
        frame.advert().map(|advert| (frame.at, advert)).ok_or_else(|| lab::Error::new("no advert"))
    }

    /// The next advert that was sent after `begin`.
    fn await_advert_after(
        &mut self,
        begin: Stamp,
        of_b: bool,
        priority: u8,
    ) -> Result<(Stamp, Advert)> {
        loop {
            let (at, advert) = self.await_advert(of_b, priority)?;
            if at > begin {
                return Ok((at, advert));
            }
        }
    }

    /// When a sent its last advert (with a priority other than 0) before `end`.
    fn last_of_a(&mut self, end: Stamp) -> Result<Stamp> {
        let live = |f: &&Frame| f.advert().is_some_and(|a| a.priority > 0);
        let mut sent = self.0.frames()?.iter().filter(|f| !f.outgoing && f.at < end).filter(live);
        sent.next_back().map(|f| f.at).ok_or_else(|| lab::Error::new("a never sent an advert"))
    }
}

/// Runs `first` (priority 150) and `second` (priority 100) in one network through election,
/// crash, return with preemption, and clean stop, and checks packets, addresses and times.
///
/// # Errors
/// When something expected did not happen.
pub fn life(flavour: Flavour, first: &Subject, second: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let mut wire = Wire(Capture::adverts(&lan.b, "eth0")?);
    let (a, b) = (flavour.instance_a(), flavour.instance_b());
    let vip = flavour.vip();

    // Election: the higher priority becomes master, and says so correctly.
    let mut daemon_b = lan.start_b(second, std::slice::from_ref(&b))?;
    daemon_b.await_log("Entering BACKUP STATE")?;
    let daemon_a = lan.start_a(first, std::slice::from_ref(&a))?;
    let (_, advert) = wire.await_advert(false, a.priority)?;
    assert!(advert.checksum_ok, "{advert:?}");
    assert_eq!((advert.version, advert.vrid), (a.version, a.vrid));
    assert!(advert.ttl == 255 || flavour.has_free_ttl(), "{advert:?}");
    assert_eq!((advert.interval, &advert.addrs[..]), (a.advert, &[vip][..]));
    lan.watch_a.await_addr(PATIENCE, vip, true)?;
    lan.watch_b.await_addr(PATIENCE, vip, false)?;

    // On a busy machine b may have become master itself before a was heard: it has heard a now.
    wire.await_advert(false, a.priority)?;

    // Crash: three adverts and the skew time later the backup takes over.
    let crashed = daemon_a.crash();
    drop(daemon_a);
    let (taken, advert) = wire.await_advert_after(crashed, true, b.priority)?;
    assert!(advert.checksum_ok, "{advert:?}");
    lan.watch_b.await_addr(PATIENCE, vip, true)?;
    let took = taken.since(wire.last_of_a(taken)?);
    assert!(took + EARLY >= b.master_down(), "{took:?} < {:?}", b.master_down());
    assert!(took <= b.master_down() + LATE, "{took:?} > {:?}", b.master_down());

    // Return: the left-over address is removed at start, then the preferred node takes over.
    let daemon_a = lan.start_a(first, std::slice::from_ref(&a))?;
    lan.watch_a.await_addr(PATIENCE, vip, false)?;
    let (_, advert) = wire.await_advert(false, a.priority)?;
    assert!(advert.checksum_ok, "{advert:?}");
    lan.watch_a.await_addr(PATIENCE, vip, true)?;
    lan.watch_b.await_addr(PATIENCE, vip, false)?;
    daemon_b.await_log("Entering BACKUP STATE")?;

    // Clean stop: priority 0 hands over after the skew time alone.
    assert!(daemon_a.stop()?.success());
    let (said, _) = wire.await_advert(false, 0)?;
    let (taken, _) = wire.await_advert(true, b.priority)?;
    lan.watch_a.await_addr(PATIENCE, vip, false)?;
    lan.watch_b.await_addr(PATIENCE, vip, true)?;
    let took = taken.since(said);
    assert!(took + EARLY >= b.skew(), "{took:?} < {:?}", b.skew());
    assert!(took < b.master_down(), "{took:?} is not the skew time {:?}", b.skew());

    assert!(daemon_b.stop()?.success());
    lan.watch_b.await_addr(PATIENCE, vip, false)?;
    Ok(())
}
