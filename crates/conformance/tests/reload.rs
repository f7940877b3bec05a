//! SIGHUP: what stays the same notices nothing; what changed changes; what is broken is refused.

use std::net::IpAddr;

use conformance::{Lan, VIP, on_both};
use lab::config::{self, Instance};
use lab::{Daemon, PATIENCE, Result, Stamp, Subject};

fn instance(vips: &[&str]) -> Instance {
    Instance::new(51, 150, vips)
}

/// Reloads and waits until that is done.
fn reload(daemon: &mut Daemon, config: &str) -> Result<()> {
    daemon.log.skip();
    daemon.reload(config)?;
    daemon.await_log("Reload complete")?;
    Ok(())
}

/// Whether an advert is missing between two of them.
fn has_gap(adverts: &[Stamp], instance: &Instance) -> bool {
    adverts.windows(2).any(|pair| pair[1].since(pair[0]) >= instance.advert * 2)
}

fn an_unchanged_instance_notices_nothing(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (
        instance(&["192.0.2.100/24"]),
        Instance { priority: 100, ..instance(&["192.0.2.100/24"]) },
    );
    let mut pair = lan.start_both(subject, &a, &b)?;
    let mut adverts = lan.await_adverts_of(&a, 3)?;
    for _ in 0..3 {
        reload(&mut pair.a, &config::file([&a]))?;
        adverts.extend(lan.await_adverts_of(&a, 5)?);
    }
    assert!(!has_gap(&adverts, &a), "{adverts:?}");
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    assert_eq!(pair.a.log.count("Entering MASTER STATE"), 1);
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 0);
    Ok(())
}

fn only_addresses_that_changed_are_touched(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(&["192.0.2.100/24", "192.0.2.101/24"]);
    let b = Instance { priority: 100, ..a.clone() };
    let mut pair = lan.start_both(subject, &a, &b)?;
    let mut adverts = lan.await_adverts_of(&a, 3)?;
    let changed = instance(&["192.0.2.100/24", "192.0.2.102/24"]);
    pair.a.reload(&config::file([&changed]))?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 102], true)?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 101], false)?;
    pair.a.await_log("Reload complete")?;
    adverts.extend(lan.await_adverts_of(&a, 5)?);
    let (_, advert) = lan.await_advert_of(&changed)?;
    assert_eq!(advert.addrs, [IpAddr::from(VIP), IpAddr::from([192, 0, 2, 102])]);
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    assert!(!has_gap(&adverts, &a), "{adverts:?}");
    assert_eq!(pair.a.log.count("Entering MASTER STATE"), 1);
    Ok(())
}

fn an_instance_that_goes_gives_up_its_addresses(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let stays = instance(&["192.0.2.100/24"]);
    let goes = Instance::new(52, 150, &["192.0.2.101/24"]);
    let mut daemon = lan.start_a(subject, &[stays.clone(), goes.clone()])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 101], true)?;
    reload(&mut daemon, &config::file([&stays]))?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 101], false)?;
    lan.wire.await_advert(PATIENCE, |advert| advert.vrid == 52 && advert.priority == 0)?;
    lan.await_adverts_of(&stays, 5)?;
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

fn an_instance_that_comes_starts_as_backup(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let first = instance(&["192.0.2.100/24"]);
    let comes = Instance::new(52, 100, &["192.0.2.101/24"]);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&first))?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    reload(&mut daemon, &config::file([&first, &comes]))?;
    daemon.log.clone().rewound().await_line(PATIENCE, "(VI_52) Entering BACKUP STATE")?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 101], true)?;
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

/// Ends in the middle of a block, after a number that is none.
const BROKEN: &str = "vrrp_instance VI_52 {\n    virtual_router_id many\n";

/// With `reload_check_config`, which is how the reference is told to.
fn a_broken_file_is_refused_when_checked(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(&["192.0.2.100/24"]);
    let checked = "global_defs {\n    reload_check_config\n}\n".to_string() + &a.to_string();
    let mut daemon = Daemon::start(&lan.a, subject, &checked)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let mut adverts = lan.await_adverts_of(&a, 3)?;
    daemon.reload(&(checked.replace("192.0.2.100", "192.0.2.101") + BROKEN))?;
    daemon.await_log("New config failed validation")?;
    adverts.extend(lan.await_adverts_of(&a, 8)?);
    assert!(!has_gap(&adverts, &a), "{adverts:?}");
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    assert!(!lan.watch_a.has([192, 0, 2, 101])?);
    Ok(())
}

on_both!(
    an_unchanged_instance_notices_nothing,
    only_addresses_that_changed_are_touched,
    an_instance_that_goes_gives_up_its_addresses,
    an_instance_that_comes_starts_as_backup,
    a_broken_file_is_refused_when_checked,
);

/// The reference takes what it can of a broken file, unless told to check it first.
#[test]
fn a_broken_file_leaves_everything_as_it_was_and_says_why() -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(&["192.0.2.100/24"]);
    let good = config::file([&a]);
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &good)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let mut adverts = lan.await_adverts_of(&a, 3)?;
    daemon.reload(&(good.replace("192.0.2.100", "192.0.2.101") + BROKEN))?;
    // The word that is wrong, where it is.
    daemon.await_log("many")?;
    adverts.extend(lan.await_adverts_of(&a, 8)?);
    assert!(!has_gap(&adverts, &a), "{adverts:?}");
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    assert!(!lan.watch_a.has([192, 0, 2, 101])?);
    // And a good file is taken again.
    reload(&mut daemon, &good.replace("192.0.2.100", "192.0.2.102"))?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 102], true)?;
    Ok(())
}
