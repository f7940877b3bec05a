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

fn promotes(host: &lab::Host) -> Result<String> {
    let file = "/proc/sys/net/ipv4/conf/eth0/promote_secondaries";
    let text = host.output(std::process::Command::new("cat").arg(file))?;
    Ok(text.trim().to_owned())
}

fn off(host: &lab::Host) -> Result<()> {
    host.sysctl("net/ipv4/conf/eth0/promote_secondaries", "0")
}

fn promote_secondaries_is_on_while_the_daemon_runs(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    off(&lan.a)?;
    let mut daemon = lan.start_a(subject, &[instance(150).with("promote_secondaries")])?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    assert_eq!(promotes(&lan.a)?, "1");
    // The first address of the subnet goes and the others stay.
    lan.a.add_addr("eth0", [192, 0, 2, 3], 24)?;
    lan.a.del_addr("eth0", [192, 0, 2, 1], 24)?;
    assert!(lan.a.has_addr([192, 0, 2, 3])?);
    assert_eq!(lan.watch_a.removals([192, 0, 2, 3])?, 0);
    daemon.stop()?;
    assert_eq!(promotes(&lan.a)?, "0");
    Ok(())
}

/// The same interface may come back as another kind of link, whether `allow_if_changes` says so or
/// not: no difference shows in the reference either.
fn an_interface_may_return_as_another_kind(subject: &Subject) -> Result<()> {
    for how in ["dynamic_interfaces", "dynamic_interfaces allow_if_changes"] {
        returns_as_another_kind(subject, how)?;
    }
    Ok(())
}

fn returns_as_another_kind(subject: &Subject, how: &str) -> Result<()> {
    let mut lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth9", &[])?;
    let a = instance(150);
    let text = dynamic(&a).replace("dynamic_interfaces", how);
    let mut daemon = Daemon::start(&lan.a, subject, &text)?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.a.del_link("eth0")?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.wire.clear()?;
    lan.a.add_macvlan("eth0", "eth9", [2, 0, 0, 0, 0, 9])?;
    lan.a.add_addr("eth0", [192, 0, 2, 1], 24)?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.await_adverts_of(&a, 2)?;
    Ok(())
}

/// What the second instance's interface sits on is only known once it is there.
fn one_vrid_twice_on_a_network_is_a_fault_of_the_later(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth9", &[])?;
    let a = instance(150);
    let vip = "198.51.100.100/24";
    let b = Instance {
        name: "later".into(),
        interface: "eth7".into(),
        ..Instance::new(51, 100, &[vip])
    };
    let text = format!("{}{b}", dynamic(&a));
    let mut daemon = Daemon::start(&lan.a, subject, &text)?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    lan.a.add_macvlan("eth7", "eth0", [2, 0, 0, 0, 0, 7])?;
    lan.a.add_addr("eth7", [198, 51, 100, 1], 24)?;
    daemon.await_log("VRID conflict between later and VI_51 IPv4 vrid 51")?;
    // It stays out of it for longer than it would wait for a master.
    lan.await_adverts_of(&a, 8)?;
    assert_eq!(daemon.log.count("(later) Entering BACKUP"), 0);
    if subject.is_reference() {
        // Now and then it stays in FAULT after what follows.
        return Ok(());
    }
    lan.a.del_link("eth7")?;
    lan.a.add_macvlan("eth7", "eth9", [2, 0, 0, 0, 0, 8])?;
    lan.a.add_addr("eth7", [198, 51, 100, 1], 24)?;
    daemon.await_log("(later) Entering BACKUP STATE")?;
    Ok(())
}

fn an_interface_that_is_missing_at_start_is_awaited(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance { interface: "eth7".into(), ..instance(150) };
    let mut daemon = Daemon::start(&lan.a, subject, &dynamic(&a))?;
    daemon.await_log("Startup complete")?;
    lan.switch.attach(&lan.a, "eth7", &["192.0.2.7/24"])?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.await_adverts_of(&a, 2)?;
    Ok(())
}

/// Refused, unless it is said that it may come later.
fn without_dynamic_interfaces_it_is_refused(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let a = Instance { interface: "eth7".into(), ..instance(150) };
    let daemon = lan.start_a(subject, &[a])?;
    assert!(!daemon.await_exit(PATIENCE)?.1.success());
    Ok(())
}

on_both!(
    promote_secondaries_is_on_while_the_daemon_runs,
    an_interface_may_return_as_another_kind,
    one_vrid_twice_on_a_network_is_a_fault_of_the_later,
    an_interface_that_is_missing_at_start_is_awaited,
    without_dynamic_interfaces_it_is_refused,
    a_cut_cable_is_a_fault_until_it_is_mended,
    a_backup_with_a_cut_cable_does_not_become_master,
    an_interface_taken_down_and_up_recovers,
    a_deleted_interface_is_used_again_when_it_returns,
    a_renamed_interface_is_gone_until_it_has_its_name_again,
    without_a_source_address_there_is_no_master,
);

/// The reference leaves it on until it stops.
#[test]
fn promote_secondaries_follows_the_configuration_and_the_interface() -> Result<()> {
    let lan = Lan::new()?;
    off(&lan.a)?;
    lan.a.sysctl("net/ipv4/conf/default/promote_secondaries", "0")?;
    let a = instance(150).with("promote_secondaries");
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &dynamic(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.a.del_link("eth0")?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.switch.attach(&lan.a, "eth0", &["192.0.2.1/24"])?;
    daemon.await_log("Entering MASTER STATE")?;
    assert_eq!(promotes(&lan.a)?, "1");
    daemon.reload(&dynamic(&instance(150)))?;
    daemon.await_log("Reload complete")?;
    assert_eq!(promotes(&lan.a)?, "0");
    Ok(())
}
