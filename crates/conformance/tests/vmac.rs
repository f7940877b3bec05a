//! Virtual MACs: a link of their own that adverts leave from and addresses are on.

use std::process::Command;

use conformance::{Folder, Frr, Lan, VIP, VIP6, after, ip, on_both, present, reference, sysctl};
use lab::config::Instance;
use lab::ping::Ping;
use lab::{Frame, Host, PATIENCE, Packet, Result, Role, Subject};
use nix::sys::signal::Signal;

const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"]).with("use_vmac")
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

/// Starts a subject whose link sends no reports of its groups.
fn start_quiet(host: &Host, subject: &Subject, instance: &Instance) -> Result<lab::Daemon> {
    let config = lab::config::file([instance]);
    lab::Daemon::start(host, subject, &config.replacen('{', "{\n    disable_local_igmp", 1))
}

fn take_over(mut lan: Lan, subject: &Subject) -> Result<()> {
    let mut first = start_quiet(&lan.a, subject, &instance(150))?;
    first.await_log("Entering MASTER STATE")?;
    let mut second = start_quiet(&lan.b, subject, &instance(100))?;
    second.await_log("Entering BACKUP STATE")?;
    lan.await_adverts_of(&instance(150), 2)?;
    // The onlooker learns the MAC by asking, and the switch from what comes by.
    ping(&lan)?;
    assert_eq!(neighbour(&lan)?, "00:00:5e:00:01:33");
    let place = port(&lan)?;
    first.crash();
    lan.cable_a.cut()?;
    second.await_log("Entering MASTER STATE")?;
    // Both carry the MAC, so the switch has learned its place once the second came through.
    lan.await_adverts_of(&instance(100), 2)?;
    ping(&lan)?;
    assert_eq!(neighbour(&lan)?, "00:00:5e:00:01:33");
    assert_ne!(port(&lan)?, place, "the MAC moves to the other port of the switch");
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

const MAC6: [u8; 6] = [0, 0, 0x5e, 0, 2, 51];

fn instance6(priority: u8) -> Instance {
    Instance::new(51, priority, &["fe80::100/64", "2001:db8::100/64"]).with("use_vmac")
}

/// The link-local address of an interface that it made up itself.
fn link_local(host: &Host, interface: &str) -> Result<String> {
    let shown = ip(host, &format!("-6 address show dev {interface} scope link"))?;
    Ok(after(&shown, "inet6").split('/').next().unwrap_or_default().to_owned())
}

fn ipv6_adverts_have_the_virtual_mac_and_the_address_of_the_interface(
    subject: &Subject,
) -> Result<()> {
    let mut lan = Lan::new()?;
    let mut daemon = lan.start_a(subject, &[instance6(150)])?;
    daemon.await_log("(VI_51) Entering BACKUP STATE (init)")?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    let advert = lan.wire.await_frame(PATIENCE, |f| f.advert().is_some())?;
    let own = link_local(&lan.a, "eth0")?;
    assert_eq!(source_mac(&advert), MAC6);
    assert_eq!(advert.advert().map(|a| a.src.to_string()), Some(own.clone()));
    let na = lan.wire.await_announcement(PATIENCE, VIP6.into())?;
    assert_eq!(source_mac(&na), MAC6);
    let shown = ip(&lan.a, "-6 address show dev vrrp.51")?;
    let copy = shown.lines().find(|l| l.contains(&own)).unwrap_or_default();
    assert!(copy.contains("nodad") && copy.contains("deprecated"), "{shown}");
    assert!(shown.contains("2001:db8::100/64"), "{shown}");
    // The kernel makes up no address from the virtual MAC.
    assert_eq!(shown.matches("inet6").count(), 3, "{shown}");
    Ok(())
}

fn the_copied_address_follows_that_of_the_interface(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let mut daemon = lan.start_a(subject, &[instance6(150)])?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    let old: std::net::IpAddr = link_local(&lan.a, "eth0")?.parse().unwrap();
    lan.a.add_addr("eth0", [0xfe80, 0, 0, 0, 0, 0, 0, 0xabcd], 64)?;
    lan.a.del_addr("eth0", old, 64)?;
    let new = |f: &Frame| f.advert().is_some_and(|a| a.src.to_string() == "fe80::abcd");
    let advert = lan.wire.await_frame(PATIENCE, new)?;
    assert_eq!(source_mac(&advert), MAC6);
    let shown = ip(&lan.a, "-6 address show dev vrrp.51")?;
    assert!(shown.contains("fe80::abcd/64") && !shown.contains(&old.to_string()), "{shown}");
    Ok(())
}

fn vmac_xmit_base_sends_adverts_from_the_interface(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(150).with("vmac_xmit_base").with("garp_extra_if 1");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    let advert = lan.wire.await_frame(PATIENCE, |f| f.advert().is_some())?;
    let shown = ip(&lan.a, "link show eth0")?;
    let mac: Vec<String> = source_mac(&advert).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(mac.join(":"), after(&shown, "link/ether"));
    // The switch would forget where the virtual MAC is: packets remind it.
    for _ in 0..7 {
        let garp = lan.wire.await_announcement(PATIENCE, VIP.into())?;
        assert_eq!(source_mac(&garp), MAC);
    }
    let vmac = lan.a.index("vrrp.51")?;
    assert!(lan.a.addrs_by_index()?.contains(&(vmac, VIP.into())));
    Ok(())
}

fn name_mac_and_group_are_as_given(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let words = "use_vmac mine 02:00:00:00:00:07";
    let a = Instance::new(51, 150, &["192.0.2.100/24"]).with(words);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    let advert = lan.wire.await_frame(PATIENCE, |f| f.advert().is_some())?;
    assert_eq!(source_mac(&advert), [2, 0, 0, 0, 0, 7]);
    assert_eq!(after(&ip(&lan.a, "link show mine")?, "link/ether"), "02:00:00:00:00:07");
    assert!(daemon.stop()?.success());
    assert!(lan.a.index("mine").is_err());
    Ok(())
}

/// keepalived 2.2 knows no group for a VMAC, nor does it follow the interface's.
#[test]
fn the_group_is_that_of_the_interface_or_the_one_given() -> Result<()> {
    let lan = Lan::new()?;
    ip(&lan.a, "link set eth0 group 7")?;
    let b = Instance::new(52, 150, &["192.0.2.101/24"]).with("use_vmac group 9");
    let mut daemon = lan.start_a(&Subject::ours()?, &[instance(150), b])?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    assert_eq!(after(&ip(&lan.a, "link show vrrp.51")?, "group"), "7");
    assert_eq!(after(&ip(&lan.a, "link show vrrp.52")?, "group"), "9");
    ip(&lan.a, "link set eth0 group 8")?;
    let until = std::time::Instant::now() + PATIENCE;
    while after(&ip(&lan.a, "link show vrrp.51")?, "group") != "8" {
        assert!(std::time::Instant::now() < until, "the group does not follow");
    }
    assert_eq!(after(&ip(&lan.a, "link show vrrp.52")?, "group"), "9");
    Ok(())
}

fn names_that_are_taken_are_passed_over(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    ip(&lan.a, "link add vrrp.52 link eth0 type macvlan mode private")?;
    let four = instance(150);
    let mut six = instance6(150);
    six.name = "SIX".into();
    let other = Instance::new(52, 150, &["192.0.2.101/24"]).with("use_vmac");
    let mut daemon = lan.start_a(subject, &[four, six, other])?;
    daemon.await_log("Success creating VMAC interface vrrp.51")?;
    daemon.await_log("Success creating VMAC interface vrrp6.51")?;
    daemon.await_log("Success creating VMAC interface vrrp1.52")?;
    assert!(daemon.stop()?.success());
    assert!(lan.a.index("vrrp1.52").is_err() && lan.a.index("vrrp.52").is_ok());
    Ok(())
}

fn addresses_elsewhere_have_virtual_macs_of_their_own(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let vips = ["192.0.2.100/24", "198.51.100.100/24 dev eth1"];
    let a = Instance::new(51, 150, &vips)
        .with("use_vmac")
        .with("use_vmac_addr")
        .with("virtual_ipaddress_excluded {\n        2001:db8::100/64\n    }");
    let config = lab::config::file([&a]).replacen('{', "{\n    vmac_addr_prefix va", 1);
    let mut daemon = lab::Daemon::start(&lan.a, subject, &config)?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    let garp = lan.wire.await_announcement(PATIENCE, [198, 51, 100, 100].into())?;
    assert_eq!(source_mac(&garp), MAC);
    let na = lan.wire.await_announcement(PATIENCE, VIP6.into())?;
    assert_eq!(source_mac(&na), MAC6);
    for (link, parent, addr) in [
        ("vrrp.51", "eth0", "192.0.2.100/24"),
        ("va.51", "eth1", "198.51.100.100/24"),
        ("va6.51", "eth0", "2001:db8::100/64"),
    ] {
        let shown = ip(&lan.a, &format!("address show {link}"))?;
        assert!(shown.contains(&format!("{link}@{parent}")) && shown.contains(addr), "{shown}");
    }
    assert!(daemon.stop()?.success());
    assert!(lan.a.index("va.51").is_err() && lan.a.index("va6.51").is_err());
    Ok(())
}

fn one_address_can_have_a_virtual_mac(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance::new(51, 150, &["192.0.2.100/24", "192.0.2.101/24 use_vmac"]);
    let config = lab::config::file([&a]).replacen('{', "{\n    vmac_prefix averylongprefix", 1);
    let mut daemon = lab::Daemon::start(&lan.a, subject, &config)?;
    daemon.await_log("(VI_51) Entering MASTER STATE")?;
    assert!(ip(&lan.a, "link")?.contains("averylongpre.51@eth0"));
    let real = lan.wire.await_announcement(PATIENCE, VIP.into())?;
    assert_ne!(source_mac(&real), MAC);
    let virtuals = lan.wire.await_announcement(PATIENCE, [192, 0, 2, 101].into())?;
    assert_eq!(source_mac(&virtuals), MAC);
    Ok(())
}

/// Ours and the reference's, in both orders: adverts from one virtual MAC reach the other's link.
#[test]
fn virtual_macs_fail_over_between_ours_and_the_reference() -> Result<()> {
    let Some(theirs) = reference()? else { return Ok(()) };
    let ours = Subject::ours()?;
    for (first, second) in [(&ours, &theirs), (&theirs, &ours)] {
        for (a, b) in [(instance(150), instance(100)), (instance6(150), instance6(100))] {
            let mut lan = Lan::new()?;
            let mut up = lan.start_a(first, std::slice::from_ref(&a))?;
            up.await_log("Entering MASTER STATE")?;
            let mut down = lan.start_b(second, std::slice::from_ref(&b))?;
            down.await_log("Entering BACKUP STATE")?;
            // It hears the master through its own link of the same MAC.
            lan.await_adverts_of(&a, 10)?;
            assert!(!lan.wire.all_adverts()?.iter().any(|(_, advert)| advert.priority == 100));
            assert!(up.stop()?.success());
            down.await_log("Entering MASTER STATE")?;
            lan.await_advert_of(&b)?;
        }
    }
    Ok(())
}

/// FRR's virtual routers always have virtual MACs.
#[test]
fn a_virtual_mac_is_taken_over_from_frr() -> Result<()> {
    let Some(()) = present(Frr::is_installed().then_some(()), "FRR")? else { return Ok(()) };
    for (vip, mac) in [(VIP.into(), MAC), (VIP6.into(), MAC6)] {
        let mut lan = Lan::new()?;
        Frr::prepare(&lan.b, vip)?;
        let frr = Frr::start(&lan.b, 3, 200, vip)?;
        lan.wire.await_advert(PATIENCE, |a| a.priority == 200)?;
        let a = match vip {
            std::net::IpAddr::V4(_) => instance(150),
            std::net::IpAddr::V6(_) => {
                Instance::new(51, 150, &["2001:db8::100/64"]).with("use_vmac")
            }
        };
        let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&a))?;
        daemon.await_log("Entering BACKUP STATE")?;
        lan.wire.clear()?;
        frr.stop()?;
        daemon.await_log("Entering MASTER STATE")?;
        assert_eq!(source_mac(&lan.wire.await_announcement(PATIENCE, vip)?), mac);
    }
    Ok(())
}

/// keepalived 2.2 answers ARP requests for the interface with the MAC of IPv6's virtual router.
#[test]
fn an_ipv6_link_does_not_answer_for_ipv4() -> Result<()> {
    let mut lan = Lan::new()?;
    let mut daemon = lan.start_a(&Subject::ours()?, &[instance6(150)])?;
    daemon.await_log("Entering MASTER STATE")?;
    for n in 0..5 {
        ip(&lan.onlooker, "neigh flush dev eth0")?;
        let answered = Ping::new(&lan.onlooker, [192, 0, 2, 1].into(), n)?.once(PATIENCE)?;
        assert!(answered.is_some());
    }
    let arp = |f: &Frame| matches!(f.packet(), Packet::Arp(_));
    let seen: Vec<Frame> = lan.wire.frames()?.iter().filter(|f| arp(f)).cloned().collect();
    assert!(seen.iter().any(|f| !f.outgoing), "somebody answers");
    assert!(seen.iter().all(|f| source_mac(f) != MAC6), "{seen:?}");
    Ok(())
}

/// A frame of IGMP with the virtual MAC: the reports that a switch would learn it from.
fn is_report(frame: &Frame) -> bool {
    source_mac(frame) == MAC && frame.bytes[12..14] == [8, 0] && frame.bytes.get(23) == Some(&2)
}

fn without_local_igmp_a_backup_does_not_attract_the_mac(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let mut master = start_quiet(&lan.b, subject, &instance(150))?;
    master.await_log("Entering MASTER STATE")?;
    let mut backup = start_quiet(&lan.a, subject, &instance(100))?;
    backup.await_log("Entering BACKUP STATE")?;
    assert_eq!(sysctl(&lan.a, "ipv4/igmp_link_local_mcast_reports")?, "0");
    lan.await_adverts_of(&instance(150), 15)?;
    assert!(!lan.wire.frames()?.iter().any(is_report));
    assert!(backup.stop()?.success());
    assert_eq!(sysctl(&lan.a, "ipv4/igmp_link_local_mcast_reports")?, "1");
    Ok(())
}

/// The reference goes on with a link that is down.
#[test]
fn a_mac_that_is_taken_is_a_fault_until_it_is_free() -> Result<()> {
    let lan = Lan::new()?;
    ip(&lan.a, "link add other link eth0 address 00:00:5e:00:01:33 type macvlan mode bridge")?;
    lan.a.set_up("other", true)?;
    let mut daemon = lan.start_a(&Subject::ours()?, &[instance(150)])?;
    daemon.await_log("cannot make vrrp.51 on eth0")?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.a.del_link("other")?;
    daemon.await_log("Entering MASTER STATE")?;
    Ok(())
}

/// As the reference writes it, to a place that all of its processes share.
#[test]
fn dumps_name_the_link() -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let a = instance(150).with("vmac_xmit_base").with("use_vmac_addr");
    let path = folder.path("");
    let path = path.display();
    let dumps = format!("state_dump_file {path}data\n    json_dump_file {path}json");
    let config = lab::config::file([&a]).replace("router_id lab", &dumps);
    let mut daemon = lab::Daemon::start(&lan.a, &Subject::ours()?, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    daemon.signal(Role::Core, Signal::SIGUSR1)?;
    let text = folder.await_text("data", "192.0.2.100/24")?;
    for line in [
        "   Use VMAC, i/f name vrrp.51, is_up = true, xmit_base = true",
        "   Use VMAC for VIPs on other interfaces",
        "   Interface = vrrp.51, vmac on eth0, xmit base i/f",
        "     192.0.2.100/24 dev vrrp.51@eth0 scope global set",
    ] {
        assert!(text.lines().any(|l| l == line), "no '{line}' in\n{text}");
    }
    Ok(())
}

on_both!(
    without_local_igmp_a_backup_does_not_attract_the_mac,
    adverts_and_announcements_carry_the_virtual_mac,
    the_link_is_a_private_macvlan_with_the_settings_of_a_virtual_router,
    a_backup_takes_over_with_the_same_mac,
    ipv6_adverts_have_the_virtual_mac_and_the_address_of_the_interface,
    the_copied_address_follows_that_of_the_interface,
    vmac_xmit_base_sends_adverts_from_the_interface,
    name_mac_and_group_are_as_given,
    names_that_are_taken_are_passed_over,
    addresses_elsewhere_have_virtual_macs_of_their_own,
    one_address_can_have_a_virtual_mac,
);
