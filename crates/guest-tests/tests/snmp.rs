//! SNMP of virtual and real servers beside Debian's agent, of the reference and of ours.

use conformance::agent::{Agent, KEEPALIVED, SOCKET};
use guest_tests::{host, on_both, table};
use lab::{Daemon, Result, Subject, Switch};

const SERVERS: &str = "
virtual_server_group GRP {
  fwmark 9
  10.1.0.1 80
  10.1.0.2-5 81
}
virtual_server 10.0.0.1 80 {
  delay_loop 3
  lb_algo wlc
  lb_kind DR
  protocol TCP
  persistence_timeout 60
  persistence_granularity 255.255.255.0
  virtualhost www
  alpha
  omega
  quorum 2
  hysteresis 1
  quorum_up \"/bin/echo up\"
  quorum_down \"/bin/echo down a\"
  retry 1
  delay_before_retry 2
  warmup 0
  inhibit_on_failure
  weight 5
  sorry_server 10.2.0.9 80
  real_server 10.2.0.1 80 {
    weight 3
    notify_up \"/bin/echo rsup x\"
    notify_down \"/bin/echo rsdown\"
    uthreshold 100
    lthreshold 50
    MISC_CHECK {
      misc_path \"/bin/true\"
    }
  }
  real_server 10.2.0.2 80 {
    weight 2
    lvs_method NAT
    virtualhost rsvh
    smtp_alert off
    MISC_CHECK {
      misc_path \"/bin/false\"
    }
  }
}
virtual_server group GRP {
  lb_algo sh
  sh-port
  sh-fallback
  lb_kind TUN
  protocol TCP
  real_server 10.2.0.6 80 {
    lvs_method TUN type gue port 5555 csum
  }
}
virtual_server fd00::1 80 {
  lb_algo mh
  mh-port
  lb_kind DR
  protocol SCTP
  delay_loop 2
  persistence_timeout 30
  persistence_granularity 64
  flag-3
  real_server fd00::9 80 {
  }
}
";

fn config() -> String {
    format!(
        "global_defs {{\n router_id lab\n script_user root\n enable_snmp_checker\n enable_traps\n \
         {SOCKET}\n lvs_timeouts tcp 900 tcpfin 120 udp 300\n}}\n{SERVERS}"
    )
}

struct Node {
    daemon: Daemon,
    agent: Agent,
    _switch: Switch,
}

fn start(subject: &Subject) -> Result<Node> {
    let (switch, host) = (Switch::new()?, host("director")?);
    switch.attach(&host, "eth0", &["10.2.0.200/24"])?;
    let agent = Agent::start(&host)?;
    let mut daemon = Daemon::start(&host, subject, &config())?;
    daemon.await_log("AgentX subagent connected")?;
    // The first of the real servers is alive, and the quorum is there.
    agent.await_value(&format!("{KEEPALIVED}.3.4.1.6.1.2"), "1")?;
    agent.await_value(&format!("{KEEPALIVED}.3.4.1.13.1.3"), "1")?;
    Ok(Node { daemon, agent, _switch: switch })
}

/// Columns of release 2.4 that Debian's has not, and one that it has wrong.
const OWN: &[&str] = &[
    ".1.1.0 ",
    ".1.12.",
    ".3.3.1.51.",
    ".3.3.1.71.",
    ".3.3.1.72.",
    ".3.3.1.73.",
    ".3.3.1.74.",
    ".3.3.1.75.",
    ".3.3.1.76.",
    ".3.3.1.77.",
    ".3.3.1.78.",
    ".3.4.1.55.",
    ".3.4.1.56.",
    ".3.4.1.57.",
    ".3.4.1.58.",
    ".3.4.1.59.",
    ".3.4.1.60.",
    ".3.4.1.61.",
    ".3.4.1.62.",
    ".3.4.1.63.",
];

fn walk(subject: &Subject) -> Result<Vec<String>> {
    let own = |line: &String| OWN.iter().any(|c| line.contains(&format!("{KEEPALIVED}{c}")));
    let lines = start(subject)?.agent.walk(KEEPALIVED)?;
    Ok(lines.into_iter().filter(|line| line.starts_with(KEEPALIVED) && !own(line)).collect())
}

#[test]
fn a_walk_is_as_the_reference_has_it() -> Result<()> {
    let theirs = walk(&Subject::reference().expect("the reference is installed"))?;
    let ours = walk(&Subject::ours()?)?;
    let missing: Vec<_> = theirs.iter().filter(|line| !ours.contains(line)).collect();
    let more: Vec<_> = ours.iter().filter(|line| !theirs.contains(line)).collect();
    assert!(theirs.len() > 300, "{} lines", theirs.len());
    assert!(missing.is_empty() && more.is_empty(), "reference: {missing:#?}\nours: {more:#?}");
    Ok(())
}

fn a_weight_can_be_set(subject: &Subject) -> Result<()> {
    let mut node = start(subject)?;
    let weight = |rs: u8| format!("{KEEPALIVED}.3.4.1.7.1.{rs}");
    node.agent.set(&weight(2), "i", "9")?;
    node.daemon.await_log("Changing weight from 3 to 9 for active service")?;
    node.agent.await_value(&weight(2), "9")?;
    let saved = table(node.daemon.host())?;
    assert!(saved.contains("-r 10.2.0.1:80 -g -w 9"), "{saved}");
    // The sorry server has none.
    let refused = node.agent.set(&weight(1), "i", "9");
    assert!(refused.is_err_and(|e| e.to_string().contains("notWritable")));
    Ok(())
}

fn states_of_servers_are_notified(subject: &Subject) -> Result<()> {
    let node = start(subject)?;
    let k = |below: &str| format!("{KEEPALIVED}.{below}");
    let name = |column: &str, value: &str| format!("{} = {value}", k(column));
    let identity = [
        name("3.3.1.2", "INTEGER: 2"),
        name("3.3.1.5", "INTEGER: 1"),
        name("3.3.1.6", "Hex-STRING: 0A 00 00 01 "),
        name("3.3.1.7", "Gauge32: 80"),
        name("3.3.1.8", "INTEGER: 1"),
    ]
    .join("\t");
    let counts = |up: u8| {
        let all = [name("3.3.1.21", &format!("Gauge32: {up}")), name("3.3.1.20", "Gauge32: 2")];
        format!("{}\t{}", all.join("\t"), name("1.2.0", "STRING: \"lab\""))
    };
    let lost = [name("3.3.1.23", "INTEGER: 2"), name("3.3.1.22", "Gauge32: 2")].join("\t");
    node.agent.await_trap(&format!("{}\t{identity}\t{lost}\t{}", k("3.5.0.2"), counts(0)))?;
    let server = [
        name("3.4.1.3", "INTEGER: 1"),
        name("3.4.1.4", "Hex-STRING: 0A 02 00 01 "),
        name("3.4.1.5", "Gauge32: 80"),
        name("3.4.1.6", "INTEGER: 1"),
    ]
    .join("\t");
    node.agent.await_trap(&format!("{}\t{server}\t{identity}\t{}", k("3.5.0.1"), counts(1)))?;
    let gained = [name("3.3.1.23", "INTEGER: 1"), name("3.3.1.22", "Gauge32: 2")].join("\t");
    node.agent.await_trap(&format!("{}\t{identity}\t{gained}\t{}", k("3.5.0.2"), counts(1)))?;
    Ok(())
}

on_both!(a_weight_can_be_set, states_of_servers_are_notified);

/// What a stop notifies, in order.
fn farewell(subject: &Subject) -> Result<Vec<String>> {
    let node = start(subject)?;
    let k = |below: &str| format!("{KEEPALIVED}.{below}");
    // The start: the quorum is there, and the second server's check has failed, in any order.
    let gained = format!("{} = INTEGER: 1\t", k("3.3.1.23"));
    let failed = format!("{} = Hex-STRING: 0A 02 00 02 \t", k("3.4.1.4"));
    node.agent.await_trap(&gained)?;
    node.agent.await_trap(&failed)?;
    let started = |t: &String| t.contains(&gained) || t.contains(&failed);
    node.daemon.stop()?;
    // The last virtual server is the only one that is not of TCP.
    let last = format!("{} = INTEGER: 2\t{} = INTEGER: 3\t", k("3.3.1.8"), k("3.3.1.23"));
    node.agent.await_trap(&last)?;
    let all = node.agent.traps(&k("3.5.0."))?;
    let first = all.iter().rposition(started).map_or(0, |n| n + 1);
    Ok(all.into_iter().skip(first).collect())
}

#[test]
fn a_stop_is_notified_as_the_reference_does() -> Result<()> {
    let theirs = farewell(&Subject::reference().expect("the reference is installed"))?;
    let ours = farewell(&Subject::ours()?)?;
    assert!(theirs.len() > 2 && theirs == ours, "reference: {theirs:#?}\nours: {ours:#?}");
    Ok(())
}
