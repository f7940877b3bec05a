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

on_both!(
    one_that_somebody_removes_is_restored,
    they_go_when_the_daemon_stops,
    a_reload_removes_those_that_are_gone_from_the_file,
);
