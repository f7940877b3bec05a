//! Virtual MACs: a link of their own that adverts leave from and addresses are on.

use std::process::Command;

use conformance::{Lan, VIP, on_both};
use lab::config::Instance;
use lab::ping::Ping;
use lab::{Frame, Host, PATIENCE, Packet, Result, Subject};

const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"]).with("use_vmac")
}

fn ip(host: &Host, args: &str) -> Result<String> {
    host.output(Command::new("/sbin/ip").args(args.split(' ')))
}

/// What stands after `word` in the output of a command.
fn after<'t>(text: &'t str, word: &str) -> &'t str {
    let mut words = text.split_whitespace().skip_while(|w| *w != word);
    words.nth(1).unwrap_or_default()
}

fn sysctl(host: &Host, key: &str) -> Result<String> {
    let path = format!("/proc/sys/net/{key}");
    host.run(|| std::fs::read_to_string(&path).unwrap_or_default().trim().to_owned())
}

fn source_mac(frame: &Frame) -> &[u8] {
    &frame.bytes[6..12]
}

fn adverts_and_announcements_carry_the_virtual_mac(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(150);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    let advert = lan.wire.await_frame(PATIENCE, |f| f.advert().is_some())?;
    assert_eq!(source_mac(&advert), MAC);
    assert_eq!(advert.advert().map(|a| a.src.to_string()).as_deref(), Some("192.0.2.1"));
    let garp = lan.wire.await_announcement(PATIENCE, VIP.into())?;
    let Packet::Arp(arp) = garp.packet() else { panic!("{garp:?}") };
    assert_eq!((source_mac(&garp), arp.sender_mac), (&MAC[..], MAC));
    let vmac = lan.a.index("vrrp.51")?;
    assert!(lan.a.addrs_by_index()?.contains(&(vmac, VIP.into())));
    assert!(daemon.stop()?.success());
    assert!(lan.a.index("vrrp.51").is_err(), "the link is removed");
    Ok(())
}

fn the_link_is_a_private_macvlan_with_the_settings_of_a_virtual_router(
    subject: &Subject,
) -> Result<()> {
    let lan = Lan::new()?;
    let mut daemon = lan.start_a(subject, &[instance(150)])?;
    daemon.await_log("Entering BACKUP STATE")?;
    let shown = ip(&lan.a, "-d link show vrrp.51")?;
    assert!(shown.contains("vrrp.51@eth0") && shown.contains("macvlan mode private"), "{shown}");
    assert_eq!(after(&shown, "link/ether"), "00:00:5e:00:01:33");
    for (key, value) in [
        ("ipv4/conf/vrrp.51/arp_ignore", "1"),
        ("ipv4/conf/vrrp.51/accept_local", "1"),
        ("ipv4/conf/vrrp.51/rp_filter", "0"),
        ("ipv4/conf/vrrp.51/promote_secondaries", "1"),
        ("ipv4/conf/eth0/arp_ignore", "1"),
        ("ipv4/conf/eth0/arp_filter", "1"),
        ("ipv6/conf/vrrp.51/disable_ipv6", "1"),
    ] {
        assert_eq!(sysctl(&lan.a, key)?, value, "{key}");
    }
    Ok(())
}

/// The peer of the reference leaves the settings of the interface as they were.
#[test]
fn settings_of_the_interface_are_put_back() -> Result<()> {
    let lan = Lan::new()?;
    lan.a.sysctl("net/ipv4/conf/all/rp_filter", "1")?;
    let mut daemon = lan.start_a(&Subject::ours()?, &[instance(150)])?;
    daemon.await_log("Entering BACKUP STATE")?;
    let read = || -> Result<Vec<String>> {
        let keys = ["eth0/arp_ignore", "eth0/arp_filter", "eth0/rp_filter", "all/rp_filter"];
        keys.iter().map(|key| sysctl(&lan.a, &format!("ipv4/conf/{key}"))).collect()
    };
    assert_eq!(read()?, ["1", "1", "1", "0"]);
    assert!(daemon.stop()?.success());
    assert_eq!(read()?, ["0", "0", "0", "1"]);
    Ok(())
}

fn a_backup_takes_over_with_the_same_mac(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let shown = ip(&lan.onlooker, "link show eth0")?;
    for node in [&lan.a, &lan.b] {
        // Whoever has to ask for the onlooker's MAC shows it the MAC of eth0.
        ip(
            node,
            &format!("neigh replace 192.0.2.9 lladdr {} dev eth0", after(&shown, "link/ether")),
        )?;
    }
    take_over(lan, subject)
}

/// Without help from the test: ARP requests of eth0 do not name the virtual address.
#[test]
fn a_question_of_the_master_does_not_show_another_mac() -> Result<()> {
    take_over(Lan::new()?, &Subject::ours()?)
}

fn take_over(mut lan: Lan, subject: &Subject) -> Result<()> {
    let mut pair = lan.start_both(subject, &instance(150), &instance(100))?;
    // The onlooker learns the MAC by asking, and the switch from what comes by.
    ping(&lan)?;
    assert_eq!(neighbour(&lan)?, "00:00:5e:00:01:33");
    let first = port(&lan)?;
    pair.a.crash();
    lan.cable_a.cut()?;
    pair.b.await_log("Entering MASTER STATE")?;
    lan.wire.await_announcement(PATIENCE, VIP.into())?;
    ping(&lan)?;
    assert_eq!(neighbour(&lan)?, "00:00:5e:00:01:33");
    assert_ne!(port(&lan)?, first, "the MAC moves to the other port of the switch");
    Ok(())
}

/// The virtual address answers the onlooker.
fn ping(lan: &Lan) -> Result<()> {
    let answered = Ping::new(&lan.onlooker, VIP, 1)?.once(PATIENCE)?;
    assert!(answered.is_some(), "no answer");
    Ok(())
}

/// The MAC that the onlooker has for the virtual address.
fn neighbour(lan: &Lan) -> Result<String> {
    let shown = ip(&lan.onlooker, &format!("neigh show {VIP}"))?;
    Ok(after(&shown, "lladdr").to_owned())
}

/// The switch's port behind which the virtual MAC is.
fn port(lan: &Lan) -> Result<String> {
    let shown = lan.switch.host().output(Command::new("/sbin/bridge").args(["fdb", "show"]))?;
    let line = shown.lines().find(|l| l.starts_with("00:00:5e:00:01:33"));
    Ok(after(line.unwrap_or_default(), "dev").to_owned())
}

on_both!(
    adverts_and_announcements_carry_the_virtual_mac,
    the_link_is_a_private_macvlan_with_the_settings_of_a_virtual_router,
    a_backup_takes_over_with_the_same_mac,
);
