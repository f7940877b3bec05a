//! Routes and rules that need what the machine's kernel may lack: VRF and MPLS.

use std::process::Command;
use std::time::{Duration, Instant};

use guest_tests::{host, on_both};
use lab::{Daemon, Error, Host, PATIENCE, Result, Subject};

fn ip(host: &Host, words: &str) -> Result<String> {
    host.output(Command::new("ip").args(words.split(' ')))
}

/// A host with eth0 (192.0.2.1/24) and eth1.
fn node() -> Result<Host> {
    let host = host("node")?;
    for name in ["eth0", "eth1"] {
        ip(&host, &format!("link add {name} type dummy"))?;
        ip(&host, &format!("link set {name} up"))?;
    }
    ip(&host, "addr add 192.0.2.1/24 dev eth0")?;
    Ok(host)
}

fn await_shown(host: &Host, words: &str, text: &str, there: bool) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let shown = ip(host, words)?;
        if shown.contains(text) == there {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Error::new(format!("'{text}' in ip {words}:\n{shown}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn mpls_and_the_rule_of_vrfs(subject: &Subject) -> Result<()> {
    let host = node()?;
    let config = "static_routes {
        10.2.0.0/16 encap mpls 100/200 via 192.0.2.254 dev eth0
        10.3.0.0/16 encap mpls 16 via 192.0.2.254 dev eth0 ttl-propagate disabled
    }
    static_rules {
        l3mdev priority 1500
    }";
    let _daemon = Daemon::start(&host, subject, config)?;
    let mpls = "10.2.0.0/16  encap mpls  100/200 via 192.0.2.254 dev eth0";
    await_shown(&host, "route", mpls, true)?;
    await_shown(&host, "route", "10.3.0.0/16  encap mpls  16", true)?;
    await_shown(&host, "rule", "1500:\tfrom all lookup [l3mdev-table]", true)
}

on_both!(mpls_and_the_rule_of_vrfs);

/// The installed reference does not know `vrf`.
#[test]
fn a_route_goes_into_the_table_of_its_vrf() -> Result<()> {
    let host = node()?;
    ip(&host, "link add red type vrf table 77")?;
    ip(&host, "link set red up")?;
    ip(&host, "link set eth1 master red")?;
    let config = "static_routes {
        10.1.0.0/16 dev eth1 vrf red
    }";
    let daemon = Daemon::start(&host, &Subject::ours()?, config)?;
    await_shown(&host, "route show table 77", "10.1.0.0/16 dev eth1", true)?;
    daemon.stop()?;
    await_shown(&host, "route show table 77", "10.1.0.0/16", false)
}

#[test]
fn a_route_waits_for_its_vrf_and_follows_it_to_another_table() -> Result<()> {
    let host = node()?;
    let config = "global_defs {
        dynamic_interfaces
    }
    static_routes {
        10.1.0.0/16 dev eth1 vrf red
    }";
    let mut daemon = Daemon::start(&host, &Subject::ours()?, config)?;
    daemon.await_log("static route 10.1.0.0/16 dev eth1 vrf red not set")?;
    for table in ["78", "79"] {
        ip(&host, &format!("link add red type vrf table {table}"))?;
        ip(&host, "link set red up")?;
        let show = format!("route show table {table}");
        await_shown(&host, &show, "10.1.0.0/16 dev eth1", true)?;
        ip(&host, "link del red")?;
        await_shown(&host, "route show table main", "10.1.0.0/16", false)?;
    }
    Ok(())
}
