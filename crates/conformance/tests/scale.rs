//! Many addresses at once, and news that is lost.

use std::fmt::Write;

use conformance::{Lan, VIP};
use lab::config::{self, Instance};
use lab::{Daemon, PATIENCE, Result, Role, Stamp, Subject};
use nix::sys::signal::Signal;

/// Addresses of the large take-over: enough that the kernel takes several advert intervals.
const MANY: u16 = 4_000;

/// An instance with [`MANY`] further addresses.
fn large() -> Instance {
    let mut block = String::from("virtual_ipaddress_excluded {\n");
    for i in 0..MANY {
        let [high, low] = i.to_be_bytes();
        writeln!(block, "        10.77.{high}.{low}/32").unwrap();
    }
    Instance::new(51, 150, &["192.0.2.100/24"]).with(block + "    }")
}

/// The reference is silent while it takes over many addresses, which a third node answers by
/// taking over too; see docs/compat/differences.md.
#[test]
fn a_take_over_of_many_addresses_delays_no_advert() -> Result<()> {
    take_over(&large())
}

/// They are all in the firewall before they are on the interface.
#[test]
fn a_take_over_of_many_hidden_addresses_delays_no_advert() -> Result<()> {
    take_over(&large().with("no_accept"))
}

fn take_over(a: &Instance) -> Result<()> {
    let mut lan = Lan::new()?;
    let daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(a))?;
    let (first, _) = lan.await_advert_of(a)?;
    let [high, low] = (MANY - 1).to_be_bytes();
    let last = lan.watch_a.await_addr(PATIENCE, [10, 77, high, low], true)?;
    let mut adverts = vec![first];
    while adverts.last().is_none_or(|at| *at <= last) {
        adverts.extend(lan.await_adverts_of(a, 1)?);
    }
    let missing = |pair: &&[Stamp]| pair.len() == 2 && pair[1].since(pair[0]) >= a.advert * 2;
    assert_eq!(adverts.windows(2).filter(missing).count(), 0, "{adverts:?}");
    assert!(adverts.len() > 2, "the take-over was over too soon to show anything");
    drop(daemon);
    Ok(())
}

/// The kernel takes the secondary addresses of a subnet away with its primary one; a reload of
/// the reference loses them for a moment.
#[test]
fn a_primary_address_that_goes_leaves_its_subnet() -> Result<()> {
    let mut lan = Lan::new()?;
    let before = Instance::new(51, 150, &["198.51.100.1/24", "198.51.100.2/24"]);
    let after = Instance::new(51, 150, &["198.51.100.2/24"]);
    let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&before))?;
    lan.watch_a.await_addr(PATIENCE, [198, 51, 100, 2], true)?;
    daemon.reload(&config::file([&after]))?;
    daemon.await_log("Reload complete")?;
    lan.watch_a.await_addr(PATIENCE, [198, 51, 100, 1], false)?;
    lan.await_adverts_of(&after, 3)?;
    assert_eq!(lan.watch_a.removals([198, 51, 100, 2])?, 0);
    assert_eq!(daemon.log.count("Entering MASTER STATE"), 1);
    let key = "net/ipv4/conf/eth0/promote_secondaries";
    let is = lan.a.output(std::process::Command::new("cat").arg(format!("/proc/sys/{key}")))?;
    assert_eq!(is.trim(), "0", "the setting is back");
    Ok(())
}

/// Whatever happens while the kernel's news is lost is found by looking again.
#[test]
fn an_address_that_went_while_news_was_lost_comes_back() -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance::new(51, 150, &["192.0.2.100/24"]);
    let text = format!(
        "{}\nglobal_defs {{\n    vrrp_netlink_monitor_rcv_bufs 2048\n}}\n",
        config::file([&a])
    );
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &text)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.await_adverts_of(&a, 2)?;
    daemon.signal(Role::Vrrp, Signal::SIGSTOP)?;
    for i in 1..=100 {
        lan.a.add_addr("eth0", [198, 51, 100, i], 32)?;
    }
    lan.a.del_addr("eth0", VIP, 24)?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    daemon.signal(Role::Vrrp, Signal::SIGCONT)?;
    daemon.await_log("notifications were lost")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

/// All addresses are read anew after a loss, a slice in each turn of the loop.
#[test]
fn a_look_at_many_addresses_delays_no_advert() -> Result<()> {
    let mut lan = Lan::new()?;
    let a = large();
    let text = format!(
        "{}\nglobal_defs {{\n    vrrp_netlink_monitor_rcv_bufs 2048\n}}\n",
        config::file([&a])
    );
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &text)?;
    let [high, low] = (MANY - 1).to_be_bytes();
    lan.watch_a.await_addr(PATIENCE, [10, 77, high, low], true)?;
    lan.await_adverts_of(&a, 2)?;
    daemon.signal(Role::Vrrp, Signal::SIGSTOP)?;
    for i in 1..=100 {
        lan.a.add_addr("eth0", [198, 51, 100, i], 32)?;
    }
    daemon.log.skip();
    lan.wire.clear()?;
    daemon.signal(Role::Vrrp, Signal::SIGCONT)?;
    daemon.await_log("notifications were lost")?;
    let adverts = lan.await_adverts_of(&a, 20)?;
    let missing = |pair: &&[Stamp]| pair.len() == 2 && pair[1].since(pair[0]) >= a.advert * 2;
    assert_eq!(adverts.windows(2).filter(missing).count(), 0, "{adverts:?}");
    // One of ours that goes now is missed as ever.
    lan.watch_a.clear()?;
    lan.a.del_addr("eth0", VIP, 24)?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}
