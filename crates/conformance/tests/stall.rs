//! A node that was stopped for longer than others wait: it listens before it speaks.
//!
//! The reference sends the advert that is due; see docs/compat/differences.md.

use std::time::Duration;

use conformance::{Lan, VIP};
use lab::config::{self, Instance};
use lab::{Advert, Capture, Daemon, PATIENCE, Result, Role, Stamp, Subject, procs};
use nix::sys::signal::Signal;

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

fn group_of_two(priority: u8) -> String {
    let group = "vrrp_sync_group G {\n    group {\n        VI_51\n        VI_52\n    }\n}\n";
    let other = Instance::new(52, priority, &["192.0.2.101/24"]);
    group.to_owned() + &config::file(&[instance(priority), other])
}

/// What is stopped when nothing is said: the vrrp role alone.
const ROLE: &[Role] = &[Role::Vrrp];
/// The whole daemon, as a host that is paused does.
const ALL: &[Role] = &[Role::Core, Role::Vrrp];

/// Stops processes, and is sure that they stand.
fn freeze(daemon: &Daemon, roles: &[Role]) -> Result<Stamp> {
    let at = Stamp::now();
    for role in roles {
        daemon.signal(*role, Signal::SIGSTOP)?;
        procs::await_state(daemon.role_pid(*role)?, 'T');
    }
    Ok(at)
}

/// Lets them go on, the first one first.
fn thaw(daemon: &Daemon, roles: &[Role]) -> Result<Stamp> {
    let at = Stamp::now();
    for role in roles {
        daemon.signal(*role, Signal::SIGCONT)?;
    }
    Ok(at)
}

fn from_a(advert: &Advert) -> bool {
    advert.src.to_string() == "192.0.2.1"
}

/// Adverts of a between two moments.
fn adverts_of_a(wire: &mut Capture, begin: Stamp, end: Stamp) -> Result<Vec<(Stamp, Advert)>> {
    let all = wire.all_adverts()?;
    Ok(all.into_iter().filter(|(at, ad)| from_a(ad) && *at > begin && *at < end).collect())
}

/// A stopped master is woken when another is MASTER: it has been told so (or waited as long as
/// anybody may) before its next advert.
fn a_master_wakes_up(first: Daemon, lan: &mut Lan, b: &Instance, roles: &[Role]) -> Result<()> {
    let mut first = first;
    let stopped = freeze(&first, roles)?;
    let begun = loop {
        let (at, advert) = lan.await_advert_of(b)?;
        if at > stopped && advert.src.to_string() == "192.0.2.2" {
            break at;
        }
    };
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    for _ in 0..5 {
        lan.await_advert_of(b)?;
    }
    first.log.skip();
    let woken = thaw(&first, roles)?;
    first.await_log("a peer must have taken over: listening first")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    // With the better priority it comes back, as any better backup: after its master down time.
    let (back, _) = loop {
        let heard = lan.wire.await_advert(PATIENCE, from_a)?;
        if heard.0 > woken {
            break heard;
        }
    };
    let waited = instance(150).master_down();
    assert!(back.since(woken) >= waited - Duration::from_millis(2), "{:?}", back.since(woken));
    assert_eq!(adverts_of_a(&mut lan.wire, begun, back)?, []);
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_b.await_addr(PATIENCE, VIP, false)?;
    Ok(())
}

#[test]
fn a_master_that_was_stopped_listens_first() -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150), instance(100));
    let pair = lan.start_both(&Subject::ours()?, &a, &b)?;
    a_master_wakes_up(pair.a, &mut lan, &b, ROLE)
}

#[test]
fn a_daemon_that_was_stopped_listens_first() -> Result<()> {
    for roles in [ALL, &[Role::Vrrp, Role::Core]] {
        let mut lan = Lan::new()?;
        let (a, b) = (instance(150), instance(100));
        let pair = lan.start_both(&Subject::ours()?, &a, &b)?;
        let pid = pair.a.role_pid(Role::Vrrp)?;
        let log = pair.a.log.clone();
        a_master_wakes_up(pair.a, &mut lan, &b, roles)?;
        // Nobody was taken for dead meanwhile.
        assert_eq!(log.count("Starting VRRP child process"), 1, "{pid} was replaced");
    }
    Ok(())
}

#[test]
fn a_group_that_was_stopped_listens_first() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let mut first = Daemon::start(&lan.a, subject, &group_of_two(150))?;
    first.await_log("VRRP_Group(G) Syncing instances to MASTER state")?;
    let mut second = Daemon::start(&lan.b, subject, &group_of_two(100))?;
    second.await_log("(VI_52) Entering BACKUP STATE")?;
    lan.await_advert_of(&instance(150))?;
    a_master_wakes_up(first, &mut lan, &instance(100), ROLE)
}

/// A backup's timer ran out while it stood, but the master's adverts are there to be read.
#[test]
fn a_backup_that_was_stopped_reads_first() -> Result<()> {
    a_backup_wakes_up(ROLE)
}

#[test]
fn a_daemon_of_a_backup_that_was_stopped_reads_first() -> Result<()> {
    a_backup_wakes_up(ALL)
}

fn a_backup_wakes_up(roles: &[Role]) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150), instance(100));
    let pair = lan.start_both(&Subject::ours()?, &a, &b)?;
    for adverts in [5, 12, 40] {
        freeze(&pair.b, roles)?;
        lan.wire.clear()?;
        lan.await_adverts_of(&a, adverts)?;
        let woken = thaw(&pair.b, roles)?;
        lan.await_adverts_of(&a, 8)?;
        let adverts = lan.wire.all_adverts()?;
        let of_b: Vec<_> = adverts.iter().filter(|(at, ad)| *at > woken && !from_a(ad)).collect();
        assert!(of_b.is_empty(), "{of_b:?}");
    }
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 0);
    Ok(())
}

/// Nobody took over: what was stopped for a moment only goes on.
#[test]
fn a_short_stop_is_no_reason_to_step_down() -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance { advert: Duration::from_millis(500), ..instance(150) };
    let b = Instance { advert: Duration::from_millis(500), ..instance(100) };
    let pair = lan.start_both(&Subject::ours()?, &a, &b)?;
    let stopped = freeze(&pair.a, ROLE)?;
    // One advert is missing: half of what the backup waits.
    std::thread::sleep(Duration::from_millis(700).saturating_sub(Stamp::now().since(stopped)));
    pair.a.signal(Role::Vrrp, Signal::SIGCONT)?;
    lan.wire.clear()?;
    lan.await_adverts_of(&a, 4)?;
    assert_eq!(pair.a.log.count("Entering BACKUP STATE"), 1);
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 0);
    Ok(())
}

/// `timer_expired_backup` counts from the last advert, for a peer of the given priority.
#[test]
fn timer_expired_backup_steps_down_without_a_word() -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance { advert: Duration::from_secs(1), ..instance(50) }
        .with("nopreempt")
        .with("timer_expired_backup 254");
    let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&a))?;
    let (last, _) = lan.await_advert_of(&a)?;
    let stopped = freeze(&daemon, ROLE)?;
    // Longer than a peer of 254 waits (3.01 s), shorter than one of 50 (3.8 s).
    std::thread::sleep(Duration::from_millis(3400).saturating_sub(Stamp::now().since(last)));
    daemon.signal(Role::Vrrp, Signal::SIGCONT)?;
    daemon.await_log("a peer must have taken over: listening first")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.await_advert_of(&a)?;
    let adverts = lan.wire.all_adverts()?;
    assert!(adverts.iter().all(|(at, ad)| *at < stopped || ad.priority != 0), "{adverts:?}");
    Ok(())
}
