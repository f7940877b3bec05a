//! Static addresses: there from start to stop, whatever anybody removes.

use conformance::{Lan, on_both};
use lab::watch::Change;
use lab::{Daemon, PATIENCE, Result, Subject};
use std::net::IpAddr;

const FIRST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 80));
const SECOND: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 81));

fn file(addresses: &[IpAddr]) -> String {
    let lines: Vec<String> = addresses.iter().map(|a| format!("    {a}/24 dev eth0\n")).collect();
    format!("static_ipaddress {{\n{}}}\n", lines.concat())
}

fn one_that_somebody_removes_is_restored(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let mut daemon = Daemon::start(&lan.a, subject, &file(&[FIRST]))?;
    let added = |c: &Change| matches!(c, Change::AddrAdded(_, a) if *a == FIRST);
    lan.watch_a.await_change(PATIENCE, added)?;
    for _ in 0..3 {
        lan.a.del_addr("eth0", FIRST, 24)?;
        daemon.await_log("Restoring deleted static address 192.0.2.80/24 dev eth0")?;
        lan.watch_a.await_change(PATIENCE, added)?;
    }
    Ok(())
}

fn they_go_when_the_daemon_stops(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let daemon = Daemon::start(&lan.a, subject, &file(&[FIRST, SECOND]))?;
    lan.watch_a.await_addr(PATIENCE, SECOND, true)?;
    daemon.stop()?;
    lan.watch_a.await_addr(PATIENCE, SECOND, false)?;
    Ok(())
}

fn a_reload_removes_those_that_are_gone_from_the_file(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let daemon = Daemon::start(&lan.a, subject, &file(&[FIRST]))?;
    lan.watch_a.await_addr(PATIENCE, FIRST, true)?;
    daemon.reload(&file(&[SECOND]))?;
    lan.watch_a.await_addr(PATIENCE, SECOND, true)?;
    daemon.reload(&file(&[FIRST]))?;
    lan.watch_a.await_addr(PATIENCE, SECOND, false)?;
    Ok(())
}

/// Those without `dev` go on the default interface.
fn default_interface_is_where_those_without_one_go(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &[])?;
    let text = format!(
        "global_defs {{\n    default_interface eth1\n}}\nstatic_ipaddress {{\n    {FIRST}/24\n}}\n"
    );
    let _daemon = Daemon::start(&lan.a, subject, &text)?;
    lan.watch_a.await_addr(PATIENCE, FIRST, true)?;
    let eth1 = lan.a.index("eth1")?;
    assert!(lan.a.addrs_by_index()?.contains(&(eth1, FIRST)));
    Ok(())
}

on_both!(
    default_interface_is_where_those_without_one_go,
    one_that_somebody_removes_is_restored,
    they_go_when_the_daemon_stops,
    a_reload_removes_those_that_are_gone_from_the_file,
);
