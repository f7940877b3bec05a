//! From start to stop: what is found, what is flushed, what stays, and where.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;

use guest_tests::{await_table, host, ipvsadm, lines_of, on_both, saved, wanted};
use lab::{Daemon, Host, PATIENCE, Result, Role, Subject};
use nix::sys::signal::Signal;

const SERVICE: &str = "-A -t 10.0.0.1:80 -s wlc";
const SERVERS: [&str; 2] =
    ["-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1", "-a -t 10.0.0.1:80 -r 10.1.0.2:80 -m -w 2"];
const FOREIGN: &str = "-A -f 99 -s rr";

fn config(global: &str) -> String {
    format!(
        "global_defs {{\n{global}\n}}\nvirtual_server 10.0.0.1 80 {{\nlb_kind NAT\nprotocol TCP\n\
         real_server 10.1.0.1 80 {{\nweight 1\n}}\nreal_server 10.1.0.2 80 {{\nweight 2\n}}\n}}\n"
    )
}

fn ours() -> Vec<String> {
    wanted([SERVICE].iter().chain(&SERVERS))
}

fn what_is_not_ours_stays(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    ipvsadm(&host, FOREIGN)?;
    let daemon = Daemon::start(&host, subject, &config(""))?;
    await_table(&host, &wanted([FOREIGN, SERVICE].iter().chain(&SERVERS)))?;
    daemon.stop()?;
    assert_eq!(saved(&host)?, [FOREIGN]);
    Ok(())
}

fn lvs_flush_clears_the_table_first(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    ipvsadm(&host, FOREIGN)?;
    let _daemon = Daemon::start(&host, subject, &config("lvs_flush"))?;
    await_table(&host, &ours())
}

fn lvs_flush_on_stop_clears_all(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    ipvsadm(&host, FOREIGN)?;
    let daemon = Daemon::start(&host, subject, &config("lvs_flush_on_stop"))?;
    await_table(&host, &wanted([FOREIGN, SERVICE].iter().chain(&SERVERS)))?;
    daemon.stop()?;
    assert_eq!(saved(&host)?, [""; 0]);
    Ok(())
}

fn lvs_flush_on_stop_of_virtual_servers(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    ipvsadm(&host, FOREIGN)?;
    let daemon = Daemon::start(&host, subject, &config("lvs_flush_on_stop VS"))?;
    await_table(&host, &wanted([FOREIGN, SERVICE].iter().chain(&SERVERS)))?;
    daemon.stop()?;
    assert_eq!(saved(&host)?, [FOREIGN]);
    Ok(())
}

fn dont_release_ipvs_leaves_it_all(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let daemon = Daemon::start_with(&host, subject, &config(""), &["--dont-release-ipvs"])?;
    await_table(&host, &ours())?;
    daemon.stop()?;
    assert_eq!(saved(&host)?, ours());
    Ok(())
}

fn timeouts(host: &Host) -> Result<Vec<String>> {
    Ok(lines_of(&ipvsadm(host, "-L --timeout")?))
}

fn lvs_timeouts_are_set_and_restored(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let mut daemon = Daemon::start(&host, subject, &config("lvs_timeouts tcp 100 udp 50"))?;
    await_table(&host, &ours())?;
    assert_eq!(timeouts(&host)?, ["Timeout (tcp tcpfin udp): 100 120 50"]);
    daemon.reload(&config("lvs_timeouts tcpfin 33").replace("weight 2", "weight 3"))?;
    daemon.await_log("Changing weight from 2 to 3")?;
    let changed = SERVERS[1].replace("-w 2", "-w 3");
    await_table(&host, &wanted([SERVICE, SERVERS[0], &changed]))?;
    assert_eq!(timeouts(&host)?, ["Timeout (tcp tcpfin udp): 900 33 300"]);
    daemon.stop()?;
    assert_eq!(timeouts(&host)?, ["Timeout (tcp tcpfin udp): 900 120 300"]);
    Ok(())
}

fn net_namespace_ipvs_is_another_table(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let inside = |line: &str| {
        let words = "netns exec other ipvsadm".split(' ').chain(line.split(' '));
        host.output(Command::new("ip").args(words))
    };
    host.output(Command::new("ip").args(["netns", "add", "other"]))?;
    // IPVS takes no server in a namespace without any route.
    host.output(Command::new("ip").args(["-n", "other", "link", "set", "lo", "up"]))?;
    let daemon =
        Daemon::start(&host, subject, &format!("net_namespace_ipvs other\n{}", config("")))?;
    let until = std::time::Instant::now() + PATIENCE;
    while wanted(lines_of(&inside("-Sn")?)) != ours() {
        assert!(std::time::Instant::now() < until, "{}", inside("-Sn")?);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(saved(&host)?, [""; 0]);
    daemon.stop()?;
    assert_eq!(inside("-Sn")?, "");
    Ok(())
}

on_both!(
    what_is_not_ours_stays,
    lvs_flush_clears_the_table_first,
    lvs_flush_on_stop_clears_all,
    lvs_flush_on_stop_of_virtual_servers,
    dont_release_ipvs_leaves_it_all,
    lvs_timeouts_are_set_and_restored,
    net_namespace_ipvs_is_another_table,
);

/// The parent learns of the checker's death when it is to stop. The reference leaves the services.
#[test]
fn a_checker_that_is_killed_over_the_stop_leaves_nothing() -> Result<()> {
    let host = host("director")?;
    ipvsadm(&host, FOREIGN)?;
    for flush in ["", "lvs_flush"] {
        let daemon = Daemon::start(&host, &Subject::ours()?, &config(flush))?;
        if flush.is_empty() {
            await_table(&host, &wanted([FOREIGN, SERVICE].iter().chain(&SERVERS)))?;
        } else {
            await_table(&host, &ours())?;
            ipvsadm(&host, FOREIGN)?;
        }
        killed_over_a_stop(&daemon)?;
        assert_eq!(saved(&host)?, [FOREIGN]);
    }
    Ok(())
}

fn killed_over_a_stop(daemon: &Daemon) -> Result<()> {
    daemon.signal(Role::Core, Signal::SIGSTOP)?;
    lab::procs::await_state(daemon.pid(), 'T');
    daemon.signal(Role::Checker, Signal::SIGKILL)?;
    daemon.signal(Role::Core, Signal::SIGTERM)?;
    daemon.signal(Role::Core, Signal::SIGCONT)?;
    daemon.await_exit(PATIENCE)?;
    Ok(())
}

/// Reloads while the checker is dead: what only the configuration before had is gone.
#[test]
fn a_reload_over_a_dead_checker_leaves_nothing_of_before() -> Result<()> {
    let host = host("director")?;
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &config(""))?;
    await_table(&host, &ours())?;
    for _ in 0..2 {
        let pid = daemon.role_pid(Role::Checker)?;
        lab::procs::signal(pid, Signal::SIGABRT)?;
        daemon.await_log("Restart of Healthcheck process delayed")?;
        if daemon.log.count("delayed 1 seconds") == 0 {
            daemon.await_respawn(Role::Checker, pid, PATIENCE)?;
        }
    }
    // The second is queued: the first is complete when the role is back.
    daemon.reload(&config("").replace("10.0.0.1", "10.0.0.2"))?;
    daemon.await_log("Reloading ...")?;
    daemon.reload(&config("").replace("10.0.0.1", "10.0.0.3"))?;
    let wanted: Vec<String> =
        ours().iter().map(|line| line.replace("10.0.0.1", "10.0.0.3")).collect();
    await_table(&host, &wanted)?;
    assert!(daemon.stop()?.success());
    assert_eq!(saved(&host)?, [""; 0]);
    Ok(())
}

/// The reference adds to what it finds, and leaves old schedulers, weights and servers as they are.
#[test]
fn what_a_crash_has_left_becomes_what_is_wanted() -> Result<()> {
    let host = host("director")?;
    for line in [
        FOREIGN,
        "-A -t 10.0.0.1:80 -s rr -p 77",
        "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 9",
        "-a -t 10.0.0.1:80 -r 10.1.0.7:80 -g -w 1",
    ] {
        ipvsadm(&host, line)?;
    }
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &config(""))?;
    daemon.await_log("IPVS: taking over 1 services that are there")?;
    await_table(&host, &wanted([FOREIGN, SERVICE].iter().chain(&SERVERS)))
}

/// A connection, as datagrams of one socket, through the director's own address.
fn connected(host: &Host) -> Result<UdpSocket> {
    host.add_addr("lo", Ipv4Addr::new(10, 0, 0, 1), 32)?;
    host.add_addr("lo", Ipv4Addr::new(10, 1, 0, 1), 32)?;
    let socket = host.run(|| UdpSocket::bind("10.0.0.1:4444"))?.expect("the address is here");
    host.run(|| socket.send_to(b"x", "10.0.0.1:80"))?.expect("a datagram is sent");
    Ok(socket)
}

/// What the kernel tells of connections, without the time that is left.
fn connections(host: &Host) -> Result<Vec<String>> {
    let lines = lines_of(&ipvsadm(host, "-Lnc")?);
    let entries = lines.iter().filter(|line| line.contains("10.0.0.1:80"));
    Ok(entries.map(|line| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")).collect())
}

fn udp(algorithm: &str, servers: &[(u8, u32)]) -> String {
    let servers: String = servers
        .iter()
        .map(|(n, weight)| format!("real_server 10.1.0.{n} 80 {{\nweight {weight}\n}}\n"))
        .collect();
    format!(
        "virtual_server 10.0.0.1 80 {{\nlb_algo {algorithm}\nlb_kind NAT\nprotocol UDP\n{servers}}}\n"
    )
}

fn connections_outlive_a_reload(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let daemon = Daemon::start(&host, subject, &udp("rr", &[(1, 1)]))?;
    let table = |algorithm: &str, servers: &[(u8, u32)]| {
        let server = |(n, w): &(u8, u32)| format!("-a -u 10.0.0.1:80 -r 10.1.0.{n}:80 -m -w {w}");
        let service = format!("-A -u 10.0.0.1:80 -s {algorithm}");
        wanted([service].into_iter().chain(servers.iter().map(server)))
    };
    await_table(&host, &table("rr", &[(1, 1)]))?;
    let _socket = connected(&host)?;
    let before = connections(&host)?;
    assert_eq!(before.len(), 1, "{before:?}");
    for (algorithm, servers) in
        [("rr", &[(1, 1)][..]), ("wrr", &[(1, 5), (2, 1)]), ("wlc", &[(1, 5)])]
    {
        daemon.reload(&udp(algorithm, servers))?;
        await_table(&host, &table(algorithm, servers))?;
        assert_eq!(connections(&host)?, before);
    }
    let stats = ipvsadm(&host, "-Ln --stats")?;
    assert!(stats.contains("10.1.0.1:80"), "{stats}");
    Ok(())
}

mod reload {
    use super::*;
    on_both!(connections_outlive_a_reload);
}

#[test]
fn connections_outlive_the_checker() -> Result<()> {
    let host = host("director")?;
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &udp("rr", &[(1, 1), (2, 1)]))?;
    let table = wanted([
        "-A -u 10.0.0.1:80 -s rr",
        "-a -u 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1",
        "-a -u 10.0.0.1:80 -r 10.1.0.2:80 -m -w 1",
    ]);
    await_table(&host, &table)?;
    let _socket = connected(&host)?;
    let before = connections(&host)?;
    assert_eq!(before.len(), 1, "{before:?}");
    // Meanwhile somebody meddles.
    let old = daemon.role_pid(Role::Checker)?;
    daemon.signal(Role::Core, Signal::SIGSTOP)?;
    daemon.signal(Role::Checker, Signal::SIGKILL)?;
    ipvsadm(&host, "-e -u 10.0.0.1:80 -r 10.1.0.1:80 -m -w 7")?;
    ipvsadm(&host, "-d -u 10.0.0.1:80 -r 10.1.0.2:80")?;
    daemon.signal(Role::Core, Signal::SIGCONT)?;
    daemon.await_respawn(Role::Checker, old, PATIENCE)?;
    daemon.await_log("IPVS: taking over 1 services that are there")?;
    await_table(&host, &table)?;
    assert_eq!(connections(&host)?, before);
    Ok(())
}

#[test]
fn a_reload_without_changes_is_none_of_the_checkers_business() -> Result<()> {
    let host = host("director")?;
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &config(""))?;
    daemon.await_log("Startup complete")?;
    await_table(&host, &ours())?;
    // What somebody else changes is seen to stay as long as the checker does nothing.
    ipvsadm(&host, "-d -t 10.0.0.1:80 -r 10.1.0.2:80")?;
    daemon.reload(&config("\n\n"))?;
    daemon.await_log("Reload complete")?;
    assert_eq!(saved(&host)?, wanted([SERVICE, SERVERS[0]]));
    assert_eq!(daemon.log.count("Reloading ..."), 1);
    daemon.reload(&config("").replace("weight 1", "weight 5"))?;
    // Lines of two processes: either may be first.
    daemon.log.clone().await_line(PATIENCE, "Changing weight from 1 to 5")?;
    daemon.await_log("Reload complete")?;
    await_table(&host, &wanted([SERVICE, &SERVERS[0].replace("-w 1", "-w 5")]))
}

/// What the kernel refuses is told once and tried again, and the rest goes on.
#[test]
fn a_refusal_is_told_and_tried_again() -> Result<()> {
    let host = host("director")?;
    let engine = "virtual_server 10.0.0.2 80 {\nlb_kind NAT\nprotocol UDP\n\
        persistence_engine nonsense\npersistence_timeout 5\nreal_server 10.1.0.1 80 {\n}\n}\n";
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &format!("{engine}{}", config("")))?;
    daemon.await_log(
        "IPVS cmd IP_VS_SO_SET_ADD(1154) error: Scheduler or persistence engine not found(2) \
         (10.0.0.2:udp:80)",
    )?;
    await_table(&host, &ours())?;
    // Taken away behind our back, and noticed when it is touched.
    ipvsadm(&host, "-d -t 10.0.0.1:80 -r 10.1.0.2:80")?;
    daemon.reload(&format!("{engine}{}", config("").replace("weight 2", "weight 3")))?;
    daemon.await_log("IPVS cmd IP_VS_SO_SET_EDITDEST(1161) error: No such destination(2)")?;
    let changed = SERVERS[1].replace("-w 2", "-w 3");
    await_table(&host, &wanted([SERVICE, SERVERS[0], &changed]))?;
    assert_eq!(daemon.log.count("error: Scheduler or persistence engine"), 1);
    Ok(())
}

/// Answers that do not fit the socket's buffer are lost, and what they were about is compared.
#[test]
fn lost_answers_are_made_up_for() -> Result<()> {
    let host = host("director")?;
    let service = |n: u32, weight: u32| {
        format!(
            "virtual_server 10.0.1.{n} 80 {{\nlb_algo rr\nlb_kind DR\nprotocol TCP\n\
             real_server 10.1.0.1 80 {{\nweight {weight}\n}}\n}}\n"
        )
    };
    let config = |weight: u32| {
        let services: String = (1..=200).map(|n| service(n, weight)).collect();
        format!("global_defs {{\nlvs_netlink_cmd_rcv_bufs 2304\n}}\n{services}")
    };
    let table = |weight: u32| {
        wanted((1..=200).flat_map(|n| {
            let address = format!("10.0.1.{n}:80");
            let server = format!("-a -t {address} -r 10.1.0.1:80 -g -w {weight}");
            [format!("-A -t {address} -s rr"), server]
        }))
    };
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &config(1))?;
    await_table(&host, &table(1))?;
    ipvsadm(&host, "-C")?;
    daemon.reload(&config(2))?;
    daemon.await_log("IPVS: answers of the kernel were lost, comparing")?;
    await_table(&host, &table(2))
}
