//! What the links of IPv6 virtual MACs say to neighbours and routers beside adverts.

use std::io::ErrorKind;
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Instant;

use conformance::{Lan, VIP6, after, ip, on_both};
use lab::config::Instance;
use lab::{Capture, Daemon, Frame, Host, PATIENCE, Result, Subject};

const MAC6: [u8; 6] = [0, 0, 0x5e, 0, 2, 51];
/// An address in a network where nothing else of the node is.
const ELSEWHERE: &str = "2001:db8:1::100/64";

/// The group that neighbours of an address are asked through (RFC 4291 section 2.7.1).
fn solicited_node(addr: Ipv6Addr) -> [u8; 16] {
    let [.., a, b, c] = addr.octets();
    [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]
}

/// An MLD report (RFC 3810 section 5.2), behind its hop-by-hop header.
fn is_report(frame: &Frame) -> bool {
    frame.bytes.get(12..14) == Some(&[0x86, 0xdd])
        && frame.bytes.get(20) == Some(&0)
        && frame.bytes.get(62) == Some(&143)
}

fn link_local(host: &Host, interface: &str) -> Result<String> {
    let shown = ip(host, &format!("-6 address show dev {interface} scope link"))?;
    Ok(after(&shown, "inet6").split('/').next().unwrap_or_default().to_owned())
}

/// The master's link joins the groups of its addresses. The network hears of that from the MAC of
/// the interface, so that a switch does not learn the virtual MAC from whoever is a backup.
fn group_reports_leave_by_the_interface_below(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    lan.wire = Capture::keeping(&lan.onlooker, "eth0", is_report)?;
    let a = Instance::new(51, 150, &["fe80::100/64", "2001:db8::100/64"]).with("use_vmac");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    let group = solicited_node(VIP6);
    let report = lan.wire.await_frame(PATIENCE, |f| f.bytes.windows(16).any(|w| w == group))?;
    let mac = ip(&lan.a, "link show eth0")?;
    let mac = after(&mac, "link/ether").to_owned();
    let from: Vec<String> = report.bytes[6..12].iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(from.join(":"), mac);
    assert!(lan.wire.frames()?.iter().all(|f| f.bytes[6..12] != MAC6));
    Ok(())
}

/// The link of an address elsewhere has the link-local address of its interface, too, and is kept
/// from saying what is not for it to say.
fn a_link_for_an_address_has_the_link_local_address_of_its_interface(
    subject: &Subject,
) -> Result<()> {
    let lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let a = Instance::new(51, 150, &["192.0.2.100/24", "198.51.100.100/24 dev eth1"])
        .with("use_vmac")
        .with("use_vmac_addr")
        .with(format!("virtual_ipaddress_excluded {{\n        {ELSEWHERE} dev eth1\n    }}"));
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    let own = link_local(&lan.a, "eth1")?;
    let shown = ip(&lan.a, "-6 address show dev vrrp6.51")?;
    let copy = shown.lines().find(|l| l.contains(&own)).unwrap_or_default();
    assert!(copy.contains("nodad") && copy.contains("deprecated"), "{shown}");
    // A link without IPv6 has none of it, that of the instance has since one address is IPv6.
    for (link, off) in [("vrrp.51", "0"), ("vrrp1.51", "1"), ("vrrp6.51", "0")] {
        let value = conformance::sysctl(&lan.a, &format!("ipv6/conf/{link}/disable_ipv6"))?;
        assert_eq!(value, off, "{link}");
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let map = |family| {
            lan.a.output(Command::new("nft").args([
                "list",
                "map",
                family,
                "keepalived",
                "vmac_map",
            ]))
        };
        let (four, six) = (map("ip").unwrap_or_default(), map("ip6").unwrap_or_default());
        let has = |map: &str, links: [(&str, &str); 2]| {
            links.iter().all(|(link, on)| map.contains(&format!("\"{link}\" : \"{on}\"")))
        };
        if has(&four, [("vrrp.51", "eth0"), ("vrrp1.51", "eth1")])
            && has(&six, [("vrrp.51", "eth0"), ("vrrp6.51", "eth1")])
        {
            break;
        }
        assert!(Instant::now() < until, "{four}\n{six}");
    }
    Ok(())
}

/// A router whose only address in a network is a virtual one reaches the hosts there: neighbours
/// are asked for by the link that has the address.
fn hosts_behind_the_link_of_an_address_are_reached(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    lan.switch.attach(&lan.b, "eth1", &["2001:db8:1::2/64"])?;
    lan.b.set_up("eth0", false)?;
    lan.a.sysctl("net/ipv6/conf/all/forwarding", "1")?;
    ip(&lan.onlooker, "-6 route add 2001:db8:1::/64 via 2001:db8::1")?;
    ip(&lan.b, "-6 route add 2001:db8::/64 via 2001:db8:1::100 metric 1")?;
    let a = Instance::new(51, 150, &["192.0.2.100/24"]).with(format!(
        "virtual_ipaddress_excluded {{\n        {ELSEWHERE} dev eth1 use_vmac\n    }}"
    ));
    let mut daemon = Daemon::start(&lan.a, subject, &lab::config::file([&a]))?;
    daemon.await_log("Entering MASTER STATE")?;
    let vip: Ipv6Addr = "2001:db8:1::100".parse().unwrap();
    lan.watch_a.await_addr(PATIENCE, vip, true)?;
    let host: Ipv6Addr = "2001:db8:1::2".parse().unwrap();
    // Nobody listens there, so the host itself refuses.
    let target = SocketAddr::from((host, 9));
    let answer = lan.onlooker.run(|| TcpStream::connect_timeout(&target, PATIENCE))?;
    let refused = answer.as_ref().is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused);
    assert!(refused, "{answer:?}");
    Ok(())
}

on_both!(
    group_reports_leave_by_the_interface_below,
    a_link_for_an_address_has_the_link_local_address_of_its_interface,
    hosts_behind_the_link_of_an_address_are_reached,
);
