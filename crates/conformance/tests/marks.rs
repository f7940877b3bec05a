//! `nftables_ipvs`: groups of addresses are marked in nf_tables, and balanced by their marks.
//!
//! Expected tables are what a kernel makes of the reference's own requests. Its daemon ends where
//! there is no IPVS, so it is not run here; `guest-tests: tests/marks.rs` has both, for IPVS.

use lab::{Daemon, Error, Host, PATIENCE, Result, Role, Subject, Switch};
use nix::sys::signal::Signal;
use std::net::UdpSocket;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const GROUPS: &str = "
virtual_server_group G {
  10.0.1.1-3 80
  10.0.1.9 443
  10.0.2.250-10.0.3.5 81
  2001:db8::1-4 80
}
virtual_server_group H {
  10.0.7.1 53
}
virtual_server group G {
  lvs_sched rr
  lvs_method TUN
  protocol TCP
  real_server 10.1.0.1 80 {
  }
}
virtual_server group G {
  lvs_sched rr
  lvs_method TUN
  protocol UDP
  real_server 10.1.0.2 80 {
  }
}
virtual_server group H {
  lvs_sched rr
  lvs_method NAT
  protocol UDP
  real_server 10.1.0.1 53 {
  }
}
";

const TABLES: &str = "
table ip keepalived_ipvs {
  map tcp_map {
    type ipv4_addr . inet_service : mark
    flags interval
    elements = { 10.0.1.1-10.0.1.3 . 80 : 0x000003e8,
      10.0.1.9 . 443 : 0x000003e8,
      10.0.2.250-10.0.3.5 . 81 : 0x000003e8 }
  }
  map udp_map {
    type ipv4_addr . inet_service : mark
    flags interval
    elements = { 10.0.1.1-10.0.1.3 . 80 : 0x000003e9,
      10.0.1.9 . 443 : 0x000003e9,
      10.0.2.250-10.0.3.5 . 81 : 0x000003e9,
      10.0.7.1 . 53 : 0x000003ea }
  }
  chain in {
    type filter hook input priority filter - 1; policy accept;
    meta mark set ip daddr . tcp dport map @tcp_map return
    meta mark set ip daddr . udp dport map @udp_map return
  }
}
table ip6 keepalived_ipvs {
  map tcp_map {
    type ipv6_addr . inet_service : mark
    flags interval
    elements = { 2001:db8::1-2001:db8::4 . 80 : 0x000003e8 }
  }
  map udp_map {
    type ipv6_addr . inet_service : mark
    flags interval
    elements = { 2001:db8::1-2001:db8::4 . 80 : 0x000003e9 }
  }
  chain in {
    type filter hook input priority filter - 1; policy accept;
    meta mark set ip6 daddr . tcp dport map @tcp_map return
    meta mark set ip6 daddr . udp dport map @udp_map return
  }
}
";

fn config(global: &str) -> String {
    format!("global_defs {{\n{global}\n}}\n{GROUPS}")
}

fn nft(host: &Host, line: &str) -> Result<String> {
    host.output(Command::new("nft").args(line.split(' ')))
}

/// Blanks and line ends do not matter.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn await_tables(host: &Host, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = words(&nft(host, "list ruleset")?);
        if wanted(&found) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Error::new(format!("not the tables awaited: {found}")));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn await_exactly(host: &Host, tables: &str) -> Result<()> {
    let wanted = words(tables);
    await_tables(host, |found| found == wanted)
}

#[test]
fn tables_are_those_of_the_reference_and_follow_a_reload() -> Result<()> {
    let host = Host::new("director")?;
    let daemon = Daemon::start(&host, &Subject::ours()?, &config("nftables_ipvs"))?;
    await_exactly(&host, TABLES)?;
    // Something of the kernel's that only a table made anew would lose.
    let handles = || -> Result<String> { nft(&host, "-a list chain ip keepalived_ipvs in") };
    let before = handles()?;
    let less =
        |text: &str| text.replace("  10.0.1.9 443\n", "").replace("10.0.1.1-3 80", "10.0.1.2-5 80");
    daemon.reload(&less(&config("nftables_ipvs")))?;
    await_tables(&host, |found| {
        ["3e8", "3e9"]
            .iter()
            .all(|mark| found.contains(&format!("10.0.1.2-10.0.1.5 . 80 : 0x00000{mark}")))
            && !found.contains("443")
            && !found.contains("10.0.1.1-10.0.1.3")
    })?;
    assert_eq!(handles()?, before, "the table was made anew");
    daemon.reload(&config("nftables_ipvs"))?;
    await_tables(&host, |found| found.contains("10.0.1.9 . 443 : 0x000003e9"))?;
    // A group that no virtual server balances is not marked.
    let unused =
        config("nftables_ipvs").replace("group H {\n  lvs_sched", "group G {\n  lvs_sched");
    daemon.reload(&unused)?;
    await_tables(&host, |found| !found.contains("10.0.7.1"))?;
    assert!(daemon.stop()?.success());
    await_exactly(&host, "")
}

#[test]
fn name_priority_first_mark_and_counters_are_configured() -> Result<()> {
    let host = Host::new("director")?;
    let options = "nftables_ipvs mine\nnftables_ipvs_priority -7\nnftables_ipvs_start_fwmark 5\n\
                   nftables_counters";
    let daemon = Daemon::start(&host, &Subject::ours()?, &config(options))?;
    await_tables(&host, |found| {
        [
            "table ip mine {",
            "flags interval counter",
            "10.0.1.9 . 443 counter packets 0 bytes 0 : 0x00000005",
            "10.0.1.9 . 443 counter packets 0 bytes 0 : 0x00000006",
            "hook input priority filter - 7;",
            "map @tcp_map counter packets 0 bytes 0 return",
        ]
        .iter()
        .all(|text| found.contains(text))
    })?;
    daemon.reload(&config(&options.replace("-7\n", "10\n")))?;
    await_tables(&host, |found| {
        let new = found.matches("hook input priority filter + 10;").count();
        new == 2 && !found.contains("filter - 7")
    })?;
    assert!(daemon.stop()?.success());
    await_exactly(&host, "")
}

/// The reference asks for port 0 itself; any port is what the configuration means.
#[test]
fn packets_carry_the_mark_also_when_any_port_is_meant() -> Result<()> {
    let (host, client) = (Host::new("director")?, Host::new("client")?);
    let switch = Switch::new()?;
    switch.attach(&host, "eth0", &["192.0.2.1/24", "192.0.2.7/24"])?;
    switch.attach(&client, "eth0", &["192.0.2.10/24"])?;
    nft(&host, "add table ip seen")?;
    nft(&host, "add chain ip seen in { type filter hook input priority 0 ; }")?;
    nft(&host, "add counter ip seen marked")?;
    nft(&host, "add rule ip seen in udp dport 1-65535 meta mark 1000 counter name marked")?;
    let config = "global_defs {\nnftables_ipvs\n}\n\
                  virtual_server_group ANY {\n192.0.2.7 0\n192.0.2.7 80\n}\n\
                  virtual_server group ANY {\nprotocol UDP\npersistence_timeout 60\n\
                  real_server 10.1.0.1 0 {\n}\n}\n";
    let _daemon = Daemon::start(&host, &Subject::ours()?, config)?;
    await_tables(&host, |found| found.contains("192.0.2.7 . 0-65535 : 0x000003e8"))?;
    let socket = client.run(|| UdpSocket::bind("0.0.0.0:0"))?.expect("a socket");
    for to in ["192.0.2.7:53", "192.0.2.1:53", "192.0.2.7:4000"] {
        let _ = socket.send_to(b"?", to);
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let counter = words(&nft(&host, "list counter ip seen marked")?);
        if counter.contains("packets 2 ") {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Error::new(format!("not two marked packets: {counter}")));
        }
        // The first ones may get lost while the neighbour is looked for.
        thread::sleep(Duration::from_millis(20));
    }
}

/// The reference does not notice.
#[test]
fn what_somebody_flushes_is_put_back_with_a_warning() -> Result<()> {
    let host = Host::new("director")?;
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &config("nftables_ipvs"))?;
    await_exactly(&host, TABLES)?;
    for damage in [
        "flush ruleset",
        "delete element ip keepalived_ipvs tcp_map { 10.0.1.9 . 443 }",
        "flush chain ip6 keepalived_ipvs in",
        "delete table ip keepalived_ipvs",
    ] {
        nft(&host, damage)?;
        let line = daemon.await_log("took something out of table keepalived_ipvs")?;
        assert!(line.text.contains("nftables_ipvs: nft (process"), "{}", line.text);
        await_exactly(&host, TABLES)?;
    }
    // What is somebody else's is left alone.
    nft(&host, "add table ip other")?;
    nft(&host, "delete table ip other")?;
    nft(&host, "flush ruleset")?;
    daemon.await_log("took something out")?;
    assert_eq!(daemon.log.count("took something out"), 5);
    // Even when it stops before that is put back.
    assert!(daemon.stop()?.success());
    await_exactly(&host, "")
}

#[test]
fn what_a_crash_has_left_is_replaced() -> Result<()> {
    let host = Host::new("director")?;
    let daemon = Daemon::start(&host, &Subject::ours()?, &config("nftables_ipvs"))?;
    await_exactly(&host, TABLES)?;
    let old = daemon.role_pid(Role::Checker)?;
    nft(&host, "flush ruleset")?;
    daemon.signal(Role::Checker, Signal::SIGKILL)?;
    daemon.await_respawn(Role::Checker, old, PATIENCE)?;
    await_exactly(&host, TABLES)?;
    daemon.crash();
    // Without the addresses of IPv6, whose table was left too.
    let v4 = config("nftables_ipvs").replace("  2001:db8::1-4 80\n", "");
    let daemon = Daemon::start(&host, &Subject::ours()?, &v4)?;
    await_exactly(&host, TABLES.split("table ip6").next().unwrap_or_default())?;
    assert!(daemon.stop()?.success());
    await_exactly(&host, "")
}
