//! Interfaces that go down, come up, vanish, return, or lose their address.

use conformance::{Lan, VIP, on_both};
use lab::config::{self, Instance};
use lab::{Daemon, PATIENCE, Result, Subject};

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

fn a_cut_cable_is_a_fault_until_it_is_mended(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150), instance(100));
    let mut pair = lan.start_both(subject, &a, &b)?;
    lan.cable_a.cut()?;
    pair.a.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.await_advert_of(&b)?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    lan.cable_a.restore()?;
    pair.a.await_log("Entering BACKUP STATE")?;
    pair.a.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_b.await_addr(PATIENCE, VIP, false)?;
    Ok(())
}

fn a_backup_with_a_cut_cable_does_not_become_master(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150), instance(100));
    let mut pair = lan.start_both(subject, &a, &b)?;
    lan.cable_b.cut()?;
    pair.b.await_log("Entering FAULT STATE")?;
    lan.await_adverts_of(&a, 8)?;
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 0);
    lan.cable_b.restore()?;
    pair.b.await_log("Entering BACKUP STATE")?;
    Ok(())
}

fn an_interface_taken_down_and_up_recovers(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(150);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.a.set_up("eth0", false)?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.wire.clear()?;
    lan.a.set_up("eth0", true)?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.await_adverts_of(&a, 2)?;
    Ok(())
}

fn dynamic(instance: &Instance) -> String {
    config::file([instance]).replace("router_id lab", "router_id lab\n    dynamic_interfaces")
}

fn a_deleted_interface_is_used_again_when_it_returns(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(150);
    let mut daemon = Daemon::start(&lan.a, subject, &dynamic(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.a.del_link("eth0")?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.wire.clear()?;
    lan.switch.attach(&lan.a, "eth0", &["192.0.2.1/24"])?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.await_adverts_of(&a, 2)?;
    Ok(())
}

/// Renaming is deletion of the old name and creation of the new one.
fn a_renamed_interface_is_gone_until_it_has_its_name_again(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(150);
    let mut daemon = Daemon::start(&lan.a, subject, &dynamic(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.a.rename("eth0", "other0")?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.a.rename("other0", "eth0")?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.wire.clear()?;
    lan.await_adverts_of(&a, 2)?;
    Ok(())
}

fn without_a_source_address_there_is_no_master(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(150);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.await_advert_of(&a)?;
    lan.a.del_addr("eth0", [192, 0, 2, 1], 24)?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.a.add_addr("eth0", [192, 0, 2, 1], 24)?;
    daemon.await_log("Entering BACKUP STATE")?;
    daemon.await_log("Entering MASTER STATE")?;
    Ok(())
}

on_both!(
    a_cut_cable_is_a_fault_until_it_is_mended,
    a_backup_with_a_cut_cable_does_not_become_master,
    an_interface_taken_down_and_up_recovers,
    a_deleted_interface_is_used_again_when_it_returns,
    a_renamed_interface_is_gone_until_it_has_its_name_again,
    without_a_source_address_there_is_no_master,
);
