//! Virtual links that the machine's kernel may lack: ipvlan, and VMACs in a VRF.

use std::process::Command;

use guest_tests::on_both;
use lab::config::Instance;
use lab::{Capture, Daemon, Host, PATIENCE, Result, Subject, Switch, Watch};

const VIP: [u8; 4] = [192, 0, 2, 100];

fn ip(host: &Host, args: &str) -> Result<String> {
    host.output(Command::new("ip").args(args.split(' ')))
}

/// A node on a switch, and an onlooker.
struct World {
    a: Host,
    wire: Capture,
    watch: Watch,
    switch: Switch,
}

fn world() -> Result<World> {
    let (a, onlooker) = (guest_tests::host("a")?, guest_tests::host("onlooker")?);
    let switch = Switch::new()?;
    switch.attach(&a, "eth0", &["192.0.2.1/24", "2001:db8::1/64"])?;
    switch.attach(&onlooker, "eth0", &["192.0.2.9/24", "2001:db8::9/64"])?;
    let (wire, watch) = (Capture::new(&onlooker, "eth0")?, Watch::new(&a)?);
    Ok(World { a, wire, watch, switch })
}

fn start(world: &World, subject: &Subject, instance: Instance) -> Result<Daemon> {
    Daemon::start(&world.a, subject, &lab::config::file([&instance]))
}

fn adverts_leave_from_an_ipvlan_with_its_address(subject: &Subject) -> Result<()> {
    let mut world = world()?;
    let words = "use_ipvlan ipv 192.0.2.5/24 private";
    let instance = Instance::new(51, 150, &["192.0.2.100/24"]).with(words);
    let mut daemon = start(&world, subject, instance)?;
    daemon.await_log("Entering MASTER STATE")?;
    let (_, advert) = world.wire.await_advert(PATIENCE, |a| a.priority == 150)?;
    assert_eq!(advert.src.to_string(), "192.0.2.5");
    world.wire.await_announcement(PATIENCE, VIP.into())?;
    let shown = ip(&world.a, "-d address show dev ipv")?;
    assert!(shown.contains("ipv@eth0") && shown.contains("mode l2 private"), "{shown}");
    assert!(shown.contains("192.0.2.5/24") && !shown.contains("192.0.2.100"), "{shown}");
    // It has the MAC of the interface, so the virtual address is as well there.
    assert!(world.a.addrs_by_index()?.contains(&(world.a.index("eth0")?, VIP.into())));
    assert!(daemon.stop()?.success());
    assert!(world.a.index("ipv").is_err());
    Ok(())
}

fn an_ipvlan_for_ipv6_has_the_address_that_the_kernel_makes_up(subject: &Subject) -> Result<()> {
    let mut world = world()?;
    let instance = Instance::new(51, 150, &["fe80::100/64", "2001:db8::100/64"]).with("use_ipvlan");
    let mut daemon = start(&world, subject, instance)?;
    daemon.await_log("Entering MASTER STATE")?;
    let (_, advert) = world.wire.await_advert(PATIENCE, |a| a.priority == 150)?;
    let shown = ip(&world.a, "-d address show dev vrrp.51")?;
    assert!(shown.contains("vrrp.51@eth0") && shown.contains("mode l2 bridge"), "{shown}");
    assert!(shown.contains(&format!("inet6 {}/64", advert.src)), "{shown}");
    Ok(())
}

fn a_vmac_belongs_to_the_vrf_of_its_interface(subject: &Subject) -> Result<()> {
    let mut world = world()?;
    ip(&world.a, "link add red type vrf table 10")?;
    ip(&world.a, "link set red up")?;
    ip(&world.a, "link set eth0 master red")?;
    let instance = Instance::new(51, 150, &["192.0.2.100/24"]).with("use_vmac");
    let mut daemon = start(&world, subject, instance)?;
    daemon.await_log("Entering MASTER STATE")?;
    world.watch.await_addr(PATIENCE, VIP, true)?;
    let advert = world.wire.await_frame(PATIENCE, |f| f.advert().is_some())?;
    assert_eq!(advert.bytes[6..12], [0, 0, 0x5e, 0, 1, 51]);
    let shown = ip(&world.a, "link show vrrp.51")?;
    assert!(shown.contains("master red"), "{shown}");
    Ok(())
}

on_both!(
    adverts_leave_from_an_ipvlan_with_its_address,
    an_ipvlan_for_ipv6_has_the_address_that_the_kernel_makes_up,
    a_vmac_belongs_to_the_vrf_of_its_interface,
);

/// The next daemon knows them by their parents, kinds and MACs, and has no use for them.
#[test]
fn links_that_a_crash_has_left_go_with_another_configuration() -> Result<()> {
    let (world, subject) = (world()?, &Subject::ours()?);
    ip(&world.a, "link add red type vrf table 10")?;
    ip(&world.a, "link set red up")?;
    world.switch.attach(&world.a, "eth1", &["198.51.100.1/24"])?;
    ip(&world.a, "link set eth1 master red")?;
    let ipvlan = Instance::new(51, 150, &["192.0.2.100/24"]).with("use_ipvlan ipv 192.0.2.5/24");
    let vmac =
        Instance { interface: "eth1".into(), ..Instance::new(52, 150, &["198.51.100.52/24"]) };
    let config = lab::config::file([&ipvlan, &vmac.with("use_vmac")]);
    let mut daemon = Daemon::start_with_own_pid_files(&world.a, subject, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    daemon.await_log("Entering MASTER STATE")?;
    daemon.crash();
    daemon.await_exit(PATIENCE)?;
    assert!(world.a.index("ipv").is_ok() && world.a.index("vrrp.52").is_ok());
    let other = "global_defs {\nrouter_id nothing\n}\n";
    let mut daemon = Daemon::start_with_own_pid_files(&world.a, subject, other)?;
    daemon.await_log("removed interface")?;
    daemon.await_log("removed interface")?;
    assert!(daemon.stop()?.success());
    assert!(world.a.index("ipv").is_err() && world.a.index("vrrp.52").is_err());
    assert!(!world.a.has_addr(VIP)?);
    Ok(())
}

/// Adverts to peers go by the routing table of the VRF and are heard in it. The installed
/// reference wants an interface.
#[test]
fn unicast_without_an_interface_stays_in_its_vrf() -> Result<()> {
    let subject = &Subject::ours()?;
    for (own, peer, vip) in [
        ("192.0.2.1", "192.0.2.9", "192.0.2.100/24"),
        ("2001:db8::1", "2001:db8::9", "2001:db8::100/64"),
    ] {
        let (a, b) = (guest_tests::host("a")?, guest_tests::host("b")?);
        ip(&a, "link add red type vrf table 10")?;
        ip(&a, "link set red up")?;
        let switch = Switch::new()?;
        switch.attach(&a, "eth0", &[])?;
        ip(&a, "link set eth0 master red")?;
        for addr in ["192.0.2.1/24", "2001:db8::1/64"] {
            ip(&a, &format!("address add {addr} dev eth0"))?;
        }
        switch.attach(&b, "eth0", &["192.0.2.9/24", "2001:db8::9/64"])?;
        let side = |priority, own: &str, peer: &str, dev: &str| {
            Instance::new(51, priority, &[&format!("{vip}{dev}")])
                .with(format!("unicast_src_ip {own}"))
                .with(format!("unicast_peer {{\n        {peer}\n    }}"))
        };
        let first = lab::config::file([&side(100, own, peer, " dev eth0").with("vrf red")]);
        let first = first.replace("    interface eth0\n", "");
        let mut wire = Capture::new(&b, "eth0")?;
        let mut first = Daemon::start(&a, subject, &first)?;
        let (_, advert) = wire.await_advert(PATIENCE, |a| a.priority == 100)?;
        assert_eq!(advert.src.to_string(), own);
        let second = lab::config::file([&side(200, peer, own, "")]);
        let _second = Daemon::start(&b, subject, &second)?;
        first.await_log(&format!("Master received advert from {peer} with higher priority 200"))?;
    }
    Ok(())
}
