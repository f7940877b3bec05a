//! Who becomes master, and who stays it: priorities, addresses, owners, preemption.

use std::time::Duration;

use conformance::{Lan, VIP, on_both};
use lab::config::Instance;
use lab::{PATIENCE, Result, Subject};

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

fn a_lone_node_becomes_master_after_its_down_interval(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let only = instance(100);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&only))?;
    let began = daemon.await_log("Entering BACKUP STATE")?.at;
    let (first, _) = lan.await_advert_of(&only)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    assert!(first.since(began) + Duration::from_millis(20) >= only.master_down());
    Ok(())
}

fn an_owner_becomes_master_at_once(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    // With such an interval any wait for a master would outlast the test's patience.
    let mut owner = instance(255);
    owner.advert = Duration::from_secs(40);
    let _daemon = lan.start_a(subject, std::slice::from_ref(&owner))?;
    lan.await_advert_of(&owner)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

/// After a split both are master; when it ends, priority decides.
fn the_higher_priority_stays_master_after_a_split(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150), instance(100));
    let mut pair = lan.start_both(subject, &a, &b)?;
    lan.cable_a.isolate()?;
    pair.b.await_log("Entering MASTER STATE")?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    lan.cable_a.rejoin()?;
    pair.b.await_log("Master received advert from 192.0.2.1 with higher priority 150, ours 100")?;
    pair.b.await_log("Entering BACKUP STATE")?;
    lan.watch_b.await_addr(PATIENCE, VIP, false)?;
    lan.await_adverts_of(&a, 5)?;
    assert_eq!(pair.a.log.count("Entering MASTER STATE"), 1);
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

/// With equal priorities the higher source address decides.
fn the_higher_address_stays_master_after_a_split(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(100), instance(100));
    let mut pair = lan.start_both(subject, &a, &b)?;
    lan.cable_a.isolate()?;
    pair.b.await_log("Entering MASTER STATE")?;
    lan.cable_a.rejoin()?;
    pair.a.await_log("with same priority 100 but higher IP address than ours")?;
    pair.a.await_log("Entering BACKUP STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    assert!(lan.watch_b.has(VIP)?);
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 1);
    Ok(())
}

fn equal_priority_does_not_preempt(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    // The second node has the higher address, but comes later.
    let (a, b) = (instance(100), instance(100));
    let pair = lan.start_both(subject, &a, &b)?;
    lan.await_adverts_of(&a, 8)?;
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 0);
    assert!(!lan.watch_b.has(VIP)?);
    Ok(())
}

fn nopreempt_leaves_a_lower_master_alone(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150).with("nopreempt"), instance(100));
    let mut second = lan.start_b(subject, std::slice::from_ref(&b))?;
    second.await_log("Entering MASTER STATE")?;
    let mut first = lan.start_a(subject, std::slice::from_ref(&a))?;
    first.await_log("Entering BACKUP STATE")?;
    lan.wire.clear()?;
    lan.await_adverts_of(&b, 10)?;
    assert_eq!(first.log.count("Entering MASTER STATE"), 0);
    // It is still a backup: when the master goes, it takes over.
    second.crash();
    first.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

fn preempt_delay_holds_the_preferred_node_back(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150).with("preempt_delay 2"), instance(100));
    let mut second = lan.start_b(subject, std::slice::from_ref(&b))?;
    second.await_log("Entering MASTER STATE")?;
    let mut first = lan.start_a(subject, std::slice::from_ref(&a))?;
    let began = first.await_log("start preempt delay")?.at;
    let (taken, _) = lan.await_advert_of(&a)?;
    assert!(taken.since(began) >= Duration::from_millis(1950), "{:?}", taken.since(began));
    lan.watch_b.await_addr(PATIENCE, VIP, false)?;
    Ok(())
}

on_both!(
    a_lone_node_becomes_master_after_its_down_interval,
    an_owner_becomes_master_at_once,
    the_higher_priority_stays_master_after_a_split,
    the_higher_address_stays_master_after_a_split,
    equal_priority_does_not_preempt,
    nopreempt_leaves_a_lower_master_alone,
    preempt_delay_holds_the_preferred_node_back,
);
