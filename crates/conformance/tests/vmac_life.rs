//! What becomes of virtual links: taken over, deleted by hand, losing what they sit on, reloaded.

use std::net::IpAddr;
use std::process::Command;
use std::time::Instant;

use conformance::{Folder, Lan, VIP, VIP6, after, ip, on_both, sysctl};
use lab::config::{self, Instance};
use lab::watch::Change;
use lab::{Context, Daemon, Frame, PATIENCE, Result, Role, Subject};

const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
const MAC6: [u8; 6] = [0, 0, 0x5e, 0, 2, 51];

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"]).with("use_vmac")
}

/// Waits until an address is on this interface of the first node, and on no other.
fn await_place(lan: &Lan, vip: IpAddr, name: &str) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let mut found = lan.a.addrs_by_index()?;
        found.retain(|(_, addr)| *addr == vip);
        if lan.a.index(name).is_ok_and(|index| found == [(index, vip)]) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(lab::Error::new(format!("{vip} is not on {name} but on {found:?}")));
        }
        std::thread::yield_now();
    }
}

fn a_link_that_is_as_it_should_be_is_taken_over(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    ip(&lan.a, "link add vrrp.51 link eth0 address 00:00:5e:00:01:33 type macvlan mode private")?;
    ip(&lan.a, "link set vrrp.51 up")?;
    let index = lan.a.index("vrrp.51")?;
    let mut daemon = lan.start_a(subject, &[instance(150)])?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    assert!(lan.a.addrs_by_index()?.contains(&(index, VIP.into())));
    assert!(daemon.stop()?.success());
    assert!(lan.a.index("vrrp.51").is_err());
    Ok(())
}

/// Whoever made it, and whatever it is called: a MAC is on an interface once.
fn a_link_of_any_name_that_has_the_mac_is_taken_over(subject: &Subject) -> Result<()> {
    for (words, line) in [
        ("use_vmac", "Found matching interface other"),
        ("use_vmac mine", "vmac name mismatch mine <=> other. changing to other."),
    ] {
        let mut lan = Lan::new()?;
        ip(&lan.a, "link add other link eth0 address 00:00:5e:00:01:33 type macvlan mode private")?;
        lan.a.set_up("other", true)?;
        let a = Instance::new(51, 150, &["192.0.2.100/24"]).with(words);
        let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
        daemon.await_log("Entering MASTER STATE")?;
        daemon.log.clone().rewound().await_line(PATIENCE, line)?;
        lan.watch_a.await_addr(PATIENCE, VIP, true)?;
        let other = lan.a.index("other")?;
        assert!(lan.a.addrs_by_index()?.contains(&(other, VIP.into())));
        assert!(daemon.stop()?.success());
        assert!(lan.a.index("other").is_err());
    }
    Ok(())
}

fn a_name_that_is_another_kind_of_link_is_passed_over(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    ip(&lan.a, "link add mine link eth0 type macvlan mode bridge")?;
    let index = lan.a.index("mine")?;
    let a = Instance::new(51, 150, &["192.0.2.100/24"]).with("use_vmac mine");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Success creating VMAC interface vrrp.51")?;
    daemon.await_log("Entering MASTER STATE")?;
    assert!(daemon.stop()?.success());
    assert_eq!(lan.a.index("mine")?, index);
    Ok(())
}

fn a_link_of_the_name_on_another_interface_is_replaced(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    ip(&lan.a, "link add mine link eth1 type macvlan mode private")?;
    let a = Instance::new(51, 150, &["192.0.2.100/24"]).with("use_vmac mine");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    assert!(ip(&lan.a, "link")?.contains("mine@eth0"));
    Ok(())
}

fn what_a_crash_has_left_is_put_right(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let mut first = lan.start_a(subject, &[instance(100)])?;
    first.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let index = lan.a.index("vrrp.51")?;
    first.crash();
    assert!(lan.a.has_addr(VIP)?);
    let mut other = lan.start_b(subject, &[instance(150)])?;
    other.await_log("Entering MASTER STATE")?;
    lan.wire.await_advert(PATIENCE, |a| a.priority == 150)?;
    let mut second = lan.start_a(subject, &[instance(100)])?;
    second.await_log("Entering BACKUP STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    assert_eq!(lan.a.index("vrrp.51")?, index);
    assert!(second.stop()?.success());
    assert!(lan.a.index("vrrp.51").is_err());
    Ok(())
}

fn a_link_deleted_by_hand_is_made_anew(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let mut daemon = lan.start_a(subject, &[instance(150)])?;
    daemon.await_log("Entering MASTER STATE")?;
    for _ in 0..3 {
        lan.watch_a.await_addr(PATIENCE, VIP, true)?;
        lan.a.del_link("vrrp.51")?;
        daemon.await_log("Entering FAULT STATE")?;
        daemon.await_log("Entering BACKUP STATE")?;
        daemon.await_log("Entering MASTER STATE")?;
    }
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    assert_eq!(after(&ip(&lan.a, "link show vrrp.51")?, "link/ether"), "00:00:5e:00:01:33");
    Ok(())
}

fn a_link_set_down_by_hand_is_a_fault(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let mut daemon = lan.start_a(subject, &[instance(150)])?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.a.set_up("vrrp.51", false)?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.a.set_up("vrrp.51", true)?;
    daemon.await_log("Entering MASTER STATE")?;
    Ok(())
}

fn a_cable_pulled_is_a_fault_until_it_is_back(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let mut daemon = lan.start_a(subject, &[instance(150)])?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let index = lan.a.index("vrrp.51")?;
    lan.cable_a.cut()?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.cable_a.restore()?;
    daemon.await_log("Entering BACKUP STATE")?;
    daemon.await_log("Entering MASTER STATE")?;
    assert_eq!(lan.a.index("vrrp.51")?, index);
    Ok(())
}

fn an_interface_that_is_gone_takes_its_link_along_and_brings_it_back(
    subject: &Subject,
) -> Result<()> {
    let mut lan = Lan::new()?;
    let config = config::file([&instance(150)]).replacen('{', "{\n    dynamic_interfaces", 1);
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.a.del_link("eth0")?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_change(PATIENCE, |c| *c == Change::LinkGone("eth0".into()))?;
    assert!(lan.a.index("vrrp.51").is_err());
    lan.switch.attach(&lan.a, "eth0", &["192.0.2.1/24"])?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let vmac = lan.a.index("vrrp.51")?;
    assert!(lan.a.addrs_by_index()?.contains(&(vmac, VIP.into())));
    Ok(())
}

fn a_reload_touches_only_the_links_that_change(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let stays = instance(150);
    let goes = Instance::new(52, 150, &["192.0.2.101/24"]).with("use_vmac");
    let comes = Instance::new(53, 150, &["192.0.2.102/24"]).with("use_vmac");
    let mut daemon = lan.start_a(subject, &[stays.clone(), goes])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 101], true)?;
    let index = lan.a.index("vrrp.51")?;
    daemon.reload(&config::file([&stays, &comes]))?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 102], true)?;
    daemon.await_log("Success removing VMAC interface vrrp.52")?;
    assert_eq!(lan.a.index("vrrp.51")?, index);
    assert!(lan.a.index("vrrp.52").is_err());
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

fn a_reload_can_begin_and_end_the_use_of_a_virtual_mac(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let with = instance(150);
    let without = Instance::new(51, 150, &["192.0.2.100/24"]);
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&without))?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    daemon.reload(&config::file([&with]))?;
    await_place(&lan, VIP.into(), "vrrp.51")?;
    daemon.reload(&config::file([&without]))?;
    await_place(&lan, VIP.into(), "eth0")?;
    daemon.await_log("Success removing VMAC interface vrrp.51")?;
    assert!(lan.a.index("vrrp.51").is_err());
    Ok(())
}

fn an_ipv6_link_comes_back_with_its_interface(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance::new(51, 150, &["fe80::100/64", "2001:db8::100/64"]).with("use_vmac");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    for _ in 0..2 {
        daemon.await_log("Entering MASTER STATE")?;
        lan.watch_a.await_addr(PATIENCE, VIP6, true)?;
        let virtual_mac = |f: &Frame| f.advert().is_some() && f.bytes[6..12] == MAC6;
        lan.wire.clear()?;
        lan.wire.await_frame(PATIENCE, virtual_mac)?;
        lan.a.set_up("eth0", false)?;
        daemon.await_log("Entering FAULT STATE")?;
        lan.a.set_up("eth0", true)?;
    }
    daemon.await_log("Entering MASTER STATE")?;
    Ok(())
}

fn unicast_adverts_leave_from_the_interface(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let unicast = "unicast_peer {\n        192.0.2.9\n    }";
    let a = instance(150).with("unicast_src_ip 192.0.2.1").with(unicast).with("vmac_xmit_base");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    let advert = lan.wire.await_frame(PATIENCE, |f| f.advert().is_some())?;
    assert_ne!(advert.bytes[6..12], MAC);
    let garp = lan.wire.await_announcement(PATIENCE, VIP.into())?;
    assert_eq!(garp.bytes[6..12], MAC);
    Ok(())
}

fn a_stop_without_release_leaves_link_and_address(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let config = config::file([&instance(150)]);
    let first = Daemon::start_with(&lan.a, subject, &config, &["--dont-release-vrrp"])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let index = lan.a.index("vrrp.51")?;
    assert!(first.stop()?.success());
    assert!(lan.a.addrs_by_index()?.contains(&(index, VIP.into())));
    let mut second = lan.start_a(subject, &[instance(150)])?;
    second.await_log("Entering MASTER STATE")?;
    assert_eq!(lan.a.index("vrrp.51")?, index);
    Ok(())
}

/// The reference ends when that happens.
#[test]
fn a_role_that_dies_finds_its_link_again() -> Result<()> {
    let mut lan = Lan::new()?;
    let mut daemon = lan.start_a(&Subject::ours()?, &[instance(150)])?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let (index, pid) = (lan.a.index("vrrp.51")?, daemon.role_pid(Role::Vrrp)?);
    lab::procs::signal(pid, nix::sys::signal::Signal::SIGKILL)?;
    daemon.await_respawn(Role::Vrrp, pid, PATIENCE)?;
    daemon.await_log("Entering MASTER STATE")?;
    assert_eq!(lan.a.index("vrrp.51")?, index);
    assert!(daemon.stop()?.success());
    assert!(lan.a.index("vrrp.51").is_err());
    Ok(())
}

/// Whoever comes next knows what they were.
#[test]
fn settings_are_put_back_by_who_follows_a_role_that_died() -> Result<()> {
    let lan = Lan::new()?;
    lan.a.sysctl("net/ipv4/conf/all/rp_filter", "1")?;
    let mut daemon = lan.start_a(&Subject::ours()?, &[instance(150)])?;
    daemon.await_log("Entering MASTER STATE")?;
    let keys = ["eth0/arp_ignore", "eth0/arp_filter", "eth0/rp_filter", "all/rp_filter"];
    let read = || -> Result<Vec<String>> {
        keys.iter().map(|key| sysctl(&lan.a, &format!("ipv4/conf/{key}"))).collect()
    };
    assert_eq!(read()?, ["1", "1", "1", "0"]);
    let old = daemon.role_pid(Role::Vrrp)?;
    lab::procs::signal(old, nix::sys::signal::Signal::SIGKILL)?;
    daemon.await_respawn(Role::Vrrp, old, PATIENCE)?;
    daemon.await_log("Found matching interface vrrp.51")?;
    daemon.await_log("Entering MASTER STATE")?;
    assert!(daemon.stop()?.success());
    assert_eq!(read()?, ["0", "0", "0", "1"]);
    Ok(())
}

/// Links are made one by one between adverts: a hundred more do not silence the one that is there.
#[test]
fn many_new_links_delay_no_advert() -> Result<()> {
    let mut lan = Lan::new()?;
    let stays = instance(150);
    let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&stays))?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.await_advert_of(&stays)?;
    let all: Vec<Instance> = (101..=200)
        .map(|n| Instance::new(n, 150, &[&format!("192.0.2.{n}/32")]).with("use_vmac"))
        .chain([stays.clone()])
        .collect();
    daemon.reload(&config::file(&all))?;
    lan.await_advert_of(&stays)?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 200], true)?;
    daemon.reload(&config::file([&stays]))?;
    daemon.await_log("Success removing VMAC interface vrrp.200")?;
    lan.await_adverts_of(&stays, 3)?;
    let sent = lan.wire.all_adverts()?;
    let of_it: Vec<_> = sent.iter().filter(|(_, a)| a.vrid == 51 && a.priority == 150).collect();
    for pair in of_it.windows(2) {
        let gap = pair[1].0.since(pair[0].0);
        assert!(gap < stays.master_down(), "a backup would have taken over: {gap:?}");
    }
    Ok(())
}

/// The virtual router is the same, whatever it sends from: a master that begins or ends the use of
/// a virtual MAC stays one, and its address is never away for as long as it takes to make a link.
/// The reference elects it anew.
#[test]
fn a_master_that_begins_or_ends_the_use_of_a_virtual_mac_stays_master() -> Result<()> {
    for vips in [["192.0.2.100/24"], ["2001:db8::100/64"]] {
        let mut lan = Lan::new()?;
        let without = Instance::new(51, 150, &vips);
        let with = without.clone().with("use_vmac");
        let vip: IpAddr = if vips[0].contains(':') { VIP6.into() } else { VIP.into() };
        let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&without))?;
        lan.watch_a.await_addr(PATIENCE, vip, true)?;
        lan.await_advert_of(&without)?;
        let mac = if vip.is_ipv4() { MAC } else { MAC6 };
        let virtual_mac = |f: &Frame, yes| f.advert().is_some() && (f.bytes[6..12] == mac) == yes;
        daemon.log.skip();
        daemon.reload(&config::file([&with]))?;
        lan.wire.await_frame(PATIENCE, |f| virtual_mac(f, true))?;
        daemon.log.clone().await_line(PATIENCE, "Reload complete")?;
        await_place(&lan, vip, "vrrp.51")?;
        daemon.reload(&config::file([&without]))?;
        lan.wire.await_frame(PATIENCE, |f| virtual_mac(f, false))?;
        daemon.await_log("Success removing VMAC interface")?;
        await_place(&lan, vip, "eth0")?;
        assert_eq!(daemon.log.count("Entering MASTER STATE"), 1);
        assert_eq!(daemon.log.count("Entering BACKUP STATE"), 1);
    }
    Ok(())
}

/// What a link is called says nothing of the virtual router: it is renamed where it is, or made
/// anew by a kernel that renames none that is up.
#[test]
fn a_reload_that_changes_the_name_of_a_link_changes_no_more() -> Result<()> {
    for (vips, names) in [
        (["192.0.2.100/24"], ["vrrp.51", "virt.51", "mine"]),
        (["2001:db8::100/64"], ["vrrp.51", "virt.51", "mine"]),
    ] {
        let mut lan = Lan::new()?;
        let a = Instance::new(51, 150, &vips);
        let generated = config::file([&a.clone().with("use_vmac")]);
        let prefixed = generated.replace("router_id lab", "vmac_prefix virt");
        let given = config::file([&a.with("use_vmac mine")]);
        let vip: IpAddr = if vips[0].contains(':') { VIP6.into() } else { VIP.into() };
        let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &generated)?;
        lan.watch_a.await_addr(PATIENCE, vip, true)?;
        let index = lan.a.index(names[0])?;
        for (name, config) in [(1, &prefixed), (2, &given), (0, &generated)] {
            daemon.log.skip();
            daemon.reload(config)?;
            daemon.await_log(&format!("put interface {} right", names[name]))?;
            assert_eq!(lan.a.index(names[name])?, index);
        }
        assert_eq!(lan.watch_a.removals(vip)?, 0);
        assert_eq!(daemon.log.count("Entering"), 2);
        assert!(daemon.stop()?.success());
        assert!(lan.a.index(names[0]).is_err());
    }
    Ok(())
}

/// The kernel numbers the labels of addresses when it renames their link: they are put right, and
/// the master stays one.
#[test]
fn labels_of_addresses_outlive_the_name_of_their_link() -> Result<()> {
    let lan = Lan::new()?;
    let vips = ["192.0.2.100/24", "192.0.2.101/24 label eth0:1", "192.0.2.102/24", "10.9.9.9/32"];
    let a = config::file([&Instance::new(51, 150, &vips).with("use_vmac")]);
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &a)?;
    daemon.await_log("Sending gratuitous ARP on vrrp.51 for 10.9.9.9")?;
    let labels = |name: &str| -> Result<Vec<String>> {
        let shown = ip(&lan.a, "-o -4 address show").unwrap_or_default();
        let lines = shown.lines().filter(|line| line.contains(&format!(" {name} ")));
        let label = |line: &str| line.split('\\').next().unwrap_or_default().trim().to_owned();
        let last = |text: String| text.split(' ').next_back().unwrap_or_default().to_owned();
        let mut labels: Vec<String> = lines.map(label).map(last).collect();
        labels.sort();
        Ok(labels)
    };
    assert_eq!(labels("vrrp.51")?, ["eth0:1", "vrrp.51", "vrrp.51", "vrrp.51"]);
    daemon.reload(&a.replace("router_id lab", "vmac_prefix virt"))?;
    daemon.await_log("put interface virt.51 right")?;
    let until = Instant::now() + PATIENCE;
    while labels("virt.51")? != ["eth0:1", "virt.51", "virt.51", "virt.51"] {
        assert!(Instant::now() < until, "{:?}", labels("virt.51")?);
        std::thread::yield_now();
    }
    assert_eq!(daemon.log.count("Entering"), 2);
    Ok(())
}

/// A change of the MAC alone is one of the link: the master stays one.
#[test]
fn a_reload_changes_the_mac_in_place() -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance::new(51, 150, &["192.0.2.100/24"]);
    let (old, new) = (a.clone().with("use_vmac"), a.with("use_vmac 02:00:00:00:00:07"));
    let daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&old))?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let index = lan.a.index("vrrp.51")?;
    daemon.reload(&config::file([&new]))?;
    let changed = |f: &Frame| f.advert().is_some() && f.bytes[6..12] == [2, 0, 0, 0, 0, 7];
    lan.wire.await_frame(PATIENCE, changed)?;
    assert_eq!(lan.a.index("vrrp.51")?, index);
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

on_both!(
    a_link_of_any_name_that_has_the_mac_is_taken_over,
    a_link_that_is_as_it_should_be_is_taken_over,
    a_name_that_is_another_kind_of_link_is_passed_over,
    a_link_of_the_name_on_another_interface_is_replaced,
    what_a_crash_has_left_is_put_right,
    a_link_deleted_by_hand_is_made_anew,
    a_link_set_down_by_hand_is_a_fault,
    a_cable_pulled_is_a_fault_until_it_is_back,
    an_interface_that_is_gone_takes_its_link_along_and_brings_it_back,
    a_reload_touches_only_the_links_that_change,
    a_reload_can_begin_and_end_the_use_of_a_virtual_mac,
    an_ipv6_link_comes_back_with_its_interface,
    unicast_adverts_leave_from_the_interface,
    a_stop_without_release_leaves_link_and_address,
);

/// Whoever listens to the kernel hears of a VMAC once it is as it should be, made or taken over,
/// with `netlink_notify_msg` and without. The reference (2.2.7) does not know the word.
#[test]
fn the_kernel_tells_of_a_vmac_as_it_is_in_the_end() -> Result<()> {
    for (there, word) in
        [(false, ""), (false, " netlink_notify_msg"), (true, ""), (true, " netlink_notify_msg")]
    {
        let lan = Lan::new()?;
        let folder = Folder::new()?;
        if there {
            let mac = "00:00:5e:00:01:33";
            ip(
                &lan.a,
                &format!("link add vrrp.51 link eth0 address {mac} type macvlan mode private"),
            )?;
            ip(&lan.a, "link set vrrp.51 up")?;
        }
        let news = std::fs::File::create(folder.path("news")).context(|| "cannot make it")?;
        let mut listener = Command::new("ip");
        listener.args(["-details", "-oneline", "monitor", "link"]).stdout(news);
        let _listener = lan.a.spawn(&mut listener)?;
        // It listens once it has heard something.
        let until = Instant::now() + PATIENCE;
        while folder.read("news")?.is_empty() {
            assert!(Instant::now() < until, "nothing is heard");
            ip(&lan.a, "link set eth0 alias heard")?;
        }
        let a = Instance::new(51, 150, &["192.0.2.100/24"]).with(format!("use_vmac{word}"));
        let mut daemon = lan.start_a(&Subject::ours()?, &[a])?;
        daemon.await_log("Entering MASTER STATE")?;
        let is_told = |line: &str| {
            let words =
                ["vrrp.51@eth0: <BROADCAST,MULTICAST,UP", "00:00:5e:00:01:33", "mode private"];
            words.iter().all(|word| line.contains(word))
        };
        while !folder.read("news")?.lines().any(is_told) {
            assert!(Instant::now() < until, "{there} {word}: {}", folder.read("news")?);
        }
    }
    Ok(())
}
