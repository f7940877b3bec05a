//! The lab's own tests: its hosts are real hosts, and nothing of them is left behind.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::Duration;

use lab::ping::Ping;
use lab::{Capture, Host, PATIENCE, Packet, Switch, Watch, procs};

const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const B: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const SHORT: Duration = Duration::from_millis(300);

fn two_hosts() -> (Host, Host, Switch, lab::Port) {
    let switch = Switch::new().unwrap();
    let (a, b) = (Host::new("a").unwrap(), Host::new("b").unwrap());
    let port = switch.attach(&a, "eth0", &["192.0.2.1/24", "2001:db8::1/64"]).unwrap();
    switch.attach(&b, "eth0", &["192.0.2.2/24", "2001:db8::2/64"]).unwrap();
    (a, b, switch, port)
}

#[test]
fn hosts_on_a_switch_reach_each_other_over_both_families() {
    let (a, b, _switch, _port) = two_hosts();
    assert!(Ping::new(&a, B, 1).unwrap().once(PATIENCE).unwrap().is_some());
    let receiver = b.run(|| UdpSocket::bind("[2001:db8::2]:7")).unwrap().unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let sender = a.run(|| UdpSocket::bind("[::]:0")).unwrap().unwrap();
    sender.send_to(b"hello", "[2001:db8::2]:7").unwrap();
    let mut bytes = [0; 16];
    let (length, from) = receiver.recv_from(&mut bytes).unwrap();
    assert_eq!((&bytes[..length], from.ip().to_string().as_str()), (&b"hello"[..], "2001:db8::1"));
}

#[test]
fn a_cut_cable_takes_the_carrier_and_the_traffic() {
    let (a, _b, _switch, port) = two_hosts();
    let mut watch = Watch::new(&a).unwrap();
    let mut ping = Ping::new(&a, B, 2).unwrap();
    port.cut().unwrap();
    let is = |running| move |c: &_| *c == lab::watch::Change::Link("eth0".into(), running);
    watch.await_change(PATIENCE, is(false)).unwrap();
    assert!(ping.once(SHORT).unwrap().is_none());
    port.restore().unwrap();
    watch.await_change(PATIENCE, is(true)).unwrap();
    let answered = (0..50).any(|_| ping.once(SHORT).unwrap().is_some());
    assert!(answered);
}

#[test]
fn an_isolated_port_keeps_its_carrier() {
    let (a, _b, _switch, port) = two_hosts();
    let mut watch = Watch::new(&a).unwrap();
    let mut ping = Ping::new(&a, B, 3).unwrap();
    port.isolate().unwrap();
    assert!(ping.once(SHORT).unwrap().is_none());
    assert!(watch.changes().unwrap().iter().all(|(_, change)| !matches!(
        change,
        lab::watch::Change::Link(name, false) if name == "eth0"
    )));
    port.rejoin().unwrap();
    assert!((0..50).any(|_| ping.once(SHORT).unwrap().is_some()));
}

#[test]
fn a_capture_sees_both_directions_in_order() {
    let (a, b, _switch, _port) = two_hosts();
    let mut capture = Capture::new(&b, "eth0").unwrap();
    Ping::new(&a, B, 77).unwrap().once(PATIENCE).unwrap();
    let echo = |reply: bool| {
        move |frame: &lab::Frame| match frame.packet() {
            Packet::Echo(echo) => echo.id == 77 && echo.reply == reply && frame.outgoing == reply,
            _ => false,
        }
    };
    let request = capture.await_frame(PATIENCE, echo(false)).unwrap();
    let reply = capture.await_frame(PATIENCE, echo(true)).unwrap();
    assert!(request.at <= reply.at);
    assert_eq!(request.interface, b.index("eth0").unwrap());
}

#[test]
fn a_crafted_advert_arrives_as_it_was_made() {
    let (a, b, _switch, _port) = two_hosts();
    let vips = [IpAddr::from([192, 0, 2, 100])];
    let sender = Capture::new(&a, "eth0").unwrap();
    let mut capture = Capture::adverts(&b, "eth0").unwrap();
    for version in [2, 3] {
        let craft = lab::craft::Craft::new(version, A, 51, 100, &vips);
        sender.send(&craft.frame()).unwrap();
        let (_, advert) =
            capture.await_advert(PATIENCE, |advert| advert.version == version).unwrap();
        assert!(advert.checksum_ok);
        assert_eq!((advert.vrid, advert.priority, advert.ttl), (51, 100, 255));
        assert_eq!(advert.addrs, vips);
    }
}

#[test]
fn a_watch_sees_addresses_come_and_go() {
    let (a, _b, _switch, _port) = two_hosts();
    let mut watch = Watch::new(&a).unwrap();
    let vip = IpAddr::from([192, 0, 2, 100]);
    assert!(!watch.has(vip).unwrap());
    a.add_addr("eth0", vip, 24).unwrap();
    watch.await_addr(PATIENCE, vip, true).unwrap();
    a.del_addr("eth0", vip, 24).unwrap();
    watch.await_addr(PATIENCE, vip, false).unwrap();
    assert_eq!(watch.removals(vip).unwrap(), 1);
}

#[test]
fn hosts_do_not_share_their_run_folder() {
    let (a, b, _switch, _port) = two_hosts();
    a.run(|| std::fs::write("/run/mine", "a")).unwrap().unwrap();
    assert!(!b.run(|| std::path::Path::new("/run/mine").exists()).unwrap());
    assert!(!std::path::Path::new("/run/mine").exists());
}

#[test]
fn a_panic_leaves_no_process_behind() {
    let (mut pids, mut shell) = (Vec::new(), None);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let host = Host::new("doomed").unwrap();
        // The second one leaves its parent, its session and its process group.
        let script = "sleep 1000 & setsid sleep 1000 & wait";
        shell = Some(host.spawn(Command::new("/bin/sh").args(["-c", script])).unwrap());
        while host.pids().unwrap().len() < 3 {
            std::thread::yield_now();
        }
        pids = host.pids().unwrap();
        std::panic::resume_unwind(Box::new("the test failed"));
    }));
    assert!(outcome.is_err());
    assert!(pids.len() >= 3, "{pids:?}");
    assert!(pids.iter().all(|pid| !procs::alive(*pid)));
    assert!(!shell.unwrap().wait().unwrap().success());
}
