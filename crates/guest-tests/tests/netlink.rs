//! IPVS messages against the kernel, with `ipvsadm` as the judge.

use std::net::IpAddr;
use std::process::Command;

use guest_tests::{host, saved};
use lab::{Host, Result};
use netlink::ipvs::{
    Daemon, DestKey, DestSpec, Forward, IpvsSocket, Listen, ServiceKey, ServiceSpec, Timeouts,
    Tunnel,
};
use types::Family;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn at(protocol: u8, addr: &str, port: u16) -> ServiceKey {
    let addr = ip(addr);
    ServiceKey { family: Family::of(addr), listen: Listen::Addr(protocol, addr, port) }
}

fn mark(family: Family, mark: u32) -> ServiceKey {
    ServiceKey { family, listen: Listen::Mark(mark) }
}

fn plain(scheduler: &str) -> ServiceSpec<'_> {
    ServiceSpec { scheduler, flags: 0, timeout: 0, netmask: u32::MAX, engine: None }
}

fn plain6(scheduler: &str) -> ServiceSpec<'_> {
    ServiceSpec { netmask: 128, ..plain(scheduler) }
}

fn server(forward: Forward, weight: i32) -> DestSpec {
    DestSpec { forward, weight, upper: 0, lower: 0 }
}

fn ipvs(host: &Host) -> Result<IpvsSocket> {
    let mut ipvs = host.run(IpvsSocket::open)?.expect("a socket needs no privilege");
    assert!(ipvs.connect().expect("the kernel answers"));
    Ok(ipvs)
}

#[test]
fn every_form_of_service_is_what_ipvsadm_shows() -> Result<()> {
    let host = host("director")?;
    let mut ipvs = ipvs(&host)?;
    let persistent = |timeout, netmask| ServiceSpec { flags: 1, timeout, netmask, ..plain("rr") };
    let cases: Vec<(ServiceKey, ServiceSpec<'_>, &str)> = vec![
        (at(6, "10.0.0.1", 80), plain("rr"), "-A -t 10.0.0.1:80 -s rr"),
        (at(17, "10.0.0.1", 53), plain("wrr"), "-A -u 10.0.0.1:53 -s wrr"),
        (at(132, "10.0.0.1", 99), plain("lc"), "-A --sctp-service 10.0.0.1:99 -s lc"),
        (at(6, "2001:db8::1", 80), plain6("wlc"), "-A -t [2001:db8::1]:80 -s wlc"),
        (mark(Family::V4, 7), plain("lblc"), "-A -f 7 -s lblc"),
        (mark(Family::V6, 8), plain6("lblcr"), "-A -f 8 -6 -s lblcr"),
        (at(6, "10.0.0.2", 1), plain("dh"), "-A -t 10.0.0.2:1 -s dh"),
        (at(6, "10.0.0.2", 2), plain("sed"), "-A -t 10.0.0.2:2 -s sed"),
        (at(6, "10.0.0.2", 3), plain("nq"), "-A -t 10.0.0.2:3 -s nq"),
        (at(6, "10.0.0.2", 4), plain("fo"), "-A -t 10.0.0.2:4 -s fo"),
        (at(6, "10.0.0.2", 5), plain("ovf"), "-A -t 10.0.0.2:5 -s ovf"),
        (
            at(6, "10.0.0.3", 1),
            ServiceSpec { flags: 0x18, ..plain("sh") },
            "-A -t 10.0.0.3:1 -s sh -b sh-fallback,sh-port",
        ),
        (
            at(6, "10.0.0.3", 2),
            ServiceSpec { flags: 0x8, ..plain("mh") },
            "-A -t 10.0.0.3:2 -s mh -b mh-fallback",
        ),
        (
            at(6, "10.0.0.3", 3),
            ServiceSpec { flags: 0x38, ..plain("rr") },
            "-A -t 10.0.0.3:3 -s rr -b flag-1,flag-2,flag-3",
        ),
        (
            at(17, "10.0.0.3", 4),
            ServiceSpec { flags: 0x4, ..plain("rr") },
            "-A -u 10.0.0.3:4 -s rr -o",
        ),
        (at(6, "10.0.0.4", 1), persistent(600, u32::MAX), "-A -t 10.0.0.4:1 -s rr -p 600"),
        (
            at(6, "10.0.0.4", 2),
            persistent(60, 0xffff_ff00),
            "-A -t 10.0.0.4:2 -s rr -p 60 -M 255.255.255.0",
        ),
        (
            at(17, "10.0.0.4", 5060),
            ServiceSpec { engine: Some("sip"), ..persistent(60, u32::MAX) },
            "-A -u 10.0.0.4:5060 -s rr -p 60 --pe sip",
        ),
        (at(6, "2001:db8::4", 3), persistent(60, 64), "-A -t [2001:db8::4]:3 -s rr -p 60 -M 64"),
    ];
    for (key, spec, _) in &cases {
        ipvs.add_service(key, spec);
    }
    assert_eq!(ipvs.run().expect("the kernel answers"), []);
    let mut expected: Vec<String> = cases.iter().map(|(_, _, line)| (*line).to_owned()).collect();
    expected.sort();
    assert_eq!(saved(&host)?, expected);
    let found = ipvs.services().expect("a dump");
    for (key, spec, line) in &cases {
        let one = ipvs.service(key).expect("a service");
        assert!(found.contains(&one), "{line}");
        assert_eq!((one.scheduler.as_str(), one.flags & !2), (spec.scheduler, spec.flags));
        assert_eq!((one.timeout, one.netmask), (spec.timeout, spec.netmask), "{line}");
        assert_eq!(one.engine.as_deref(), spec.engine, "{line}");
    }
    Ok(())
}

#[test]
fn every_form_of_destination_is_what_ipvsadm_shows() -> Result<()> {
    let host = host("director")?;
    let mut ipvs = ipvs(&host)?;
    let four = at(6, "10.0.0.1", 80);
    let six = at(6, "2001:db8::1", 80);
    ipvs.add_service(&four, &plain("wrr"));
    ipvs.add_service(&six, &plain6("wrr"));
    let gue = |flags| Forward::Tunnel(Tunnel::Gue { port: 5555, flags });
    let gre = |flags| Forward::Tunnel(Tunnel::Gre { flags });
    let limited = DestSpec { upper: 100, lower: 50, ..server(Forward::Masq, 5) };
    let cases = [
        ("10.1.0.1", 8080, server(Forward::Masq, 1), "-m -w 1"),
        ("10.1.0.2", 80, server(Forward::Route, 0), "-g -w 0"),
        ("10.1.0.3", 80, server(Forward::Tunnel(Tunnel::Ipip), 3), "-i -w 3 --tun-type ipip"),
        ("10.1.0.4", 80, server(gue(0), 4), "-i -w 4 --tun-type gue --tun-port 5555 --tun-nocsum"),
        ("10.1.0.5", 80, server(gue(1), 4), "-i -w 4 --tun-type gue --tun-port 5555 --tun-csum"),
        ("10.1.0.6", 80, server(gue(2), 4), "-i -w 4 --tun-type gue --tun-port 5555 --tun-remcsum"),
        ("10.1.0.7", 80, server(gre(0), 4), "-i -w 4 --tun-type gre --tun-nocsum"),
        ("10.1.0.8", 80, server(gre(1), 4), "-i -w 4 --tun-type gre --tun-csum"),
        ("10.1.0.9", 80, limited, "-m -w 5"),
        ("2001:db8:1::1", 80, server(Forward::Tunnel(Tunnel::Ipip), 6), "-i -w 6 --tun-type ipip"),
    ];
    for (addr, port, spec, _) in &cases {
        ipvs.add_dest(&four, &DestKey { addr: ip(addr), port: *port }, spec);
    }
    let seven = DestKey { addr: ip("2001:db8:1::7"), port: 81 };
    ipvs.add_dest(&six, &seven, &server(Forward::Masq, 65535));
    assert_eq!(ipvs.run().expect("the kernel answers"), []);
    let shown = saved(&host)?;
    for (addr, port, _, words) in &cases {
        let addr = if addr.contains(':') { format!("[{addr}]") } else { (*addr).to_owned() };
        let line = format!("-a -t 10.0.0.1:80 -r {addr}:{port} {words}");
        assert!(shown.contains(&line), "no {line} in {shown:#?}");
    }
    let line = "-a -t [2001:db8::1]:80 -r [2001:db8:1::7]:81 -m -w 65535";
    assert!(shown.contains(&line.to_owned()), "{shown:#?}");
    // What -S leaves out.
    let thresholds = host.output(Command::new("ipvsadm").args(["-Ln", "--thresholds"]))?;
    let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let ours = thresholds.lines().find(|line| line.contains("10.1.0.9:80")).unwrap_or_default();
    assert_eq!(columns(ours)[2..4], ["100", "50"], "{thresholds}");
    let found = ipvs.dests(&four).expect("a dump");
    let mut read: Vec<_> = found.iter().map(|e| (e.key, e.spec)).collect();
    read.sort_by_key(|(key, _)| *key);
    let keyed = |(addr, port, spec, _): &(&str, u16, DestSpec, &str)| {
        (DestKey { addr: ip(addr), port: *port }, *spec)
    };
    assert_eq!(read, cases.iter().map(keyed).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn many_changes_go_together_and_each_refusal_finds_its_request() -> Result<()> {
    let host = host("director")?;
    let mut ipvs = ipvs(&host)?;
    let service = at(6, "10.0.0.1", 80);
    let dest = |n: u32| DestKey { addr: IpAddr::from((0x0a01_0000 + n).to_be_bytes()), port: 80 };
    ipvs.add_service(&service, &plain("rr"));
    for n in 0..3000 {
        ipvs.add_dest(&service, &dest(n), &server(Forward::Route, 1));
    }
    let twice = ipvs.add_dest(&service, &dest(7), &server(Forward::Route, 9));
    let absent = ipvs.set_dest(&service, &dest(4000), &server(Forward::Route, 9));
    let gone = ipvs.del_service(&at(6, "10.0.0.2", 80));
    let unknown = ipvs.add_service(&at(6, "10.0.0.3", 80), &plain("nonsense"));
    ipvs.del_dest(&service, &dest(8));
    let failed = ipvs.run().expect("the kernel answers");
    let errors: Vec<_> = failed.iter().map(|(seq, e)| (*seq, e.errno)).collect();
    // EEXIST, ENOENT, ESRCH, ENOENT.
    assert_eq!(errors, [(twice, 17), (absent, 2), (gone, 3), (unknown, 2)]);
    assert_eq!(ipvs.dests(&service).expect("a dump").len(), 2999);
    ipvs.flush_table();
    assert_eq!(ipvs.run().expect("the kernel answers"), []);
    assert_eq!(saved(&host)?, [""; 0]);
    Ok(())
}

#[test]
fn timeouts_are_what_ipvsadm_shows() -> Result<()> {
    let host = host("director")?;
    let mut ipvs = ipvs(&host)?;
    assert_eq!(ipvs.timeouts(), Ok(Timeouts { tcp: 900, tcp_fin: 120, udp: 300 }));
    ipvs.set_timeouts(&Timeouts { tcp: 100, tcp_fin: 0, udp: 50 }).expect("it is allowed");
    let shown = host.output(Command::new("ipvsadm").args(["-L", "--timeout"]))?;
    assert_eq!(shown.trim(), "Timeout (tcp tcpfin udp): 100 120 50");
    assert_eq!(ipvs.info().expect("an answer").0, 0x01_02_01);
    Ok(())
}

#[test]
fn synchronisation_daemons_start_and_stop() -> Result<()> {
    let host = host("director")?;
    host.output(Command::new("ip").args(["link", "add", "d0", "up", "type", "dummy"]))?;
    host.add_addr("d0", ip("192.0.2.1"), 24)?;
    let mut ipvs = ipvs(&host)?;
    let plain = Daemon { master: true, interface: "d0".into(), id: 5, ..Daemon::default() };
    let full = Daemon {
        master: false,
        maxlen: Some(1400),
        group: Some(ip("224.0.1.99")),
        port: Some(9999),
        ttl: Some(3),
        ..plain.clone()
    };
    for daemon in [&plain, &full] {
        ipvs.start_daemon(daemon).expect("it starts");
        let again = ipvs.start_daemon(daemon).expect_err("it runs");
        assert_eq!(again.errno, 17);
    }
    let shown = host.output(Command::new("ipvsadm").args(["-L", "--daemon"]))?;
    assert!(shown.contains("master sync daemon (mcast=d0, syncid=5,"), "{shown}");
    let options = "maxlen=1400, group=224.0.1.99, port=9999, ttl=3";
    assert!(
        shown.contains(&format!("backup sync daemon (mcast=d0, syncid=5, {options})")),
        "{shown}"
    );
    let running = ipvs.daemons().expect("a dump");
    assert_eq!(running.iter().map(|d| d.master).collect::<Vec<_>>(), [true, false]);
    assert_eq!(running[1], full);
    for master in [true, false] {
        ipvs.stop_daemon(master, 5).expect("it stops");
        assert_eq!(ipvs.stop_daemon(master, 5).expect_err("none runs").errno, 3);
    }
    assert_eq!(ipvs.daemons(), Ok(Vec::new()));
    Ok(())
}

#[test]
fn counters_come_back() -> Result<()> {
    let host = host("director")?;
    let mut ipvs = ipvs(&host)?;
    host.add_addr("lo", ip("10.0.0.1"), 32)?;
    let service = at(17, "10.0.0.1", 9);
    ipvs.add_service(&service, &plain("rr"));
    let key = DestKey { addr: ip("127.0.0.1"), port: 9 };
    ipvs.add_dest(&service, &key, &server(Forward::Masq, 1));
    assert_eq!(ipvs.run().expect("the kernel answers"), []);
    host.run(|| -> std::io::Result<()> {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
        for _ in 0..10 {
            socket.send_to(&[0; 100], "10.0.0.1:9")?;
        }
        Ok(())
    })?
    .expect("datagrams are sent");
    // The kernel sums them up every two seconds.
    let until = std::time::Instant::now() + lab::PATIENCE;
    let mut stats = ipvs.service(&service).expect("a service").stats;
    while stats.in_packets < 10 && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
        stats = ipvs.service(&service).expect("a service").stats;
    }
    assert_eq!((stats.conns, stats.in_packets, stats.in_bytes), (1, 10, 1280));
    let dests = ipvs.dests(&service).expect("a dump");
    assert_eq!(dests[0].stats.in_packets, 10);
    assert_eq!(dests[0].connections, [0, 1, 0]);
    Ok(())
}
