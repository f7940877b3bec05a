//! SNMP beside Debian's agent: what it serves, what can be set, what is notified.

use conformance::agent::{Agent, KEEPALIVED, RFC2787, RFC6527, SOCKET};
use conformance::{Folder, Lan, on_both, present, reference};
use lab::{Daemon, Host, PATIENCE, Result, Role, Subject, Switch};

/// Skips a case where there is no agent.
macro_rules! with_agent {
    () => {
        if present(Agent::is_installed().then_some(()), "Debian's snmpd, snmp and snmptrapd")?
            .is_none()
        {
            return Ok(());
        }
    };
}

/// An instance that wants to be told of.
fn file(global: &str, instances: &str) -> String {
    format!(
        "global_defs {{\n router_id lab\n script_user root\n enable_snmp_vrrp\n enable_snmp_rfc\n \
         {SOCKET}\n {global}\n}}\n{instances}\n"
    )
}

fn instance(name: &str, vrid: u8, priority: u8, more: &str) -> String {
    format!(
        "vrrp_instance {name} {{\n interface eth0\n state BACKUP\n virtual_router_id {vrid}\n \
         priority {priority}\n advert_int 1\n {more}\n virtual_ipaddress {{\n  192.0.2.{vrid}/24\n \
         }}\n}}\n"
    )
}

/// Of everything something.
fn everything(folder: &Folder) -> Result<String> {
    let tracked = folder.write("tracked", "3\n")?.display().to_string();
    let global = "notification_email {\n  a@example.net\n  b@example.net\n }\n \
                  notification_email_from k@example.net\n smtp_server 192.0.2.25 2525\n \
                  smtp_connect_timeout 20\n smtp_alert off\n smtp_alert_vrrp off\n \
                  dynamic_interfaces";
    let rest = r#"
vrrp_script good {
 script "/bin/true x y"
 interval 1
 timeout 2
 weight 5
 rise 2
 fall 3
}
vrrp_script bad {
 script "/bin/false"
 interval 1
 weight -3 reverse
 init_fail
}
track_file number {
 file TRACKED
 weight 2
}
vrrp_track_process nobody {
 process no-such-program some words
 param_match partial
 quorum 1
 weight 3
 fork_delay 1
 terminate_delay 2
 full_command
}
static_ipaddress {
 198.51.100.1/24 dev eth0
 2001:db8:88::1/64 dev eth1
}
static_routes {
 10.70.5.0/24 via 192.0.2.200 dev eth0
 throw 10.70.6.0/24
 10.70.7.0/24 dev eth0 scope link
 2001:db8:1::/48 dev eth0 pref low
 2001:db8:3::/48 dev eth0 pref medium
 10.70.14.0/24 dev eth0 mtu 1400 advmss 1300 rtt 300ms rttvar lock 2s hoplimit 5
 10.72.0.0/16 nexthop via 192.0.2.201 dev eth0 weight 2 nexthop via 192.0.2.202 dev eth0 weight 3
}
static_rules {
 from 10.61.0.0/16 to 10.62.0.0/16 iif eth0 oif eth1 tos 8 fwmark 3/7 table 600 priority 501
 from 10.61.0.0/16 goto 600 priority 502
 from 10.61.0.0/16 nop priority 503
 from 10.61.0.0/16 blackhole priority 504
 from 10.61.0.0/16 realms 3/4 table 7 priority 505
 from 10.61.0.0/16 fwmark 7/7 uidrange 4-6 table 7 priority 510
 not from 10.61.0.0/16 table 7 priority 511
 from 10.61.0.0/16 table 1000 priority 600
}
vrrp_sync_group G1 {
 group {
  I1
  I2
 }
 notify_master "/bin/echo gm"
 notify "/bin/echo g a"
 track_interface {
  eth2
 }
 track_script {
  good
 }
 track_file {
  number
 }
}
vrrp_instance I1 {
 interface eth0
 state MASTER
 virtual_router_id 51
 priority 150
 advert_int 1
 authentication {
  auth_type PASS
  auth_pass secret
 }
 virtual_ipaddress {
  192.0.2.10
  203.0.113.11/25 brd 203.0.113.127 label eth0:1
  192.0.2.12/32 dev eth1
 }
 virtual_ipaddress_excluded {
  203.0.113.201/26
  2001:db8::77/64
 }
 notify_master "/bin/echo m"
 notify_backup "/bin/echo b"
 notify_fault "/bin/echo f"
 notify_stop "/bin/echo s"
 notify "/bin/echo n a b"
 notify_master_rx_lower_pri "/bin/echo l"
 notify_deleted "/bin/echo d"
 virtual_routes {
  10.50.0.0/16 via 192.0.2.200 dev eth0 metric 5 src 192.0.2.10 table 100 tos 4 mtu lock 1400 advmss 1300 window 1000 cwnd lock 5 initcwnd 6 initrwnd 7 hoplimit 60 quickack 1 realms 3/4 features ecn reordering 4 ssthresh 30
  blackhole 10.52.0.0/16
  default via 192.0.2.203 dev eth0 metric 300
 }
 virtual_rules {
  from 10.60.0.0/16 table 100 priority 700
  to 10.63.0.0/16 prohibit priority 702 oif eth1
 }
}
vrrp_instance I2 {
 interface eth1
 state BACKUP
 version 3
 virtual_router_id 52
 priority 100
 advert_int 0.5
 nopreempt
 no_accept
 virtual_ipaddress {
  198.51.100.10/24
 }
}
vrrp_instance I3 {
 interface eth0
 state BACKUP
 virtual_router_id 53
 priority 90
 advert_int 1
 use_vmac
 track_interface {
  eth1 weight 10 reverse
  eth2
 }
 track_script {
  good weight 4
  bad
 }
 track_file {
  number
 }
 track_process {
  nobody
 }
 virtual_ipaddress {
  fe80::77
  2001:db8::10/64
 }
}
vrrp_instance I4 {
 interface eth1
 virtual_router_id 54
 priority 200
 version 3
 preempt_delay 7
 unicast_src_ip 198.51.100.2
 unicast_peer {
  198.51.100.3
 }
 virtual_ipaddress {
  198.51.100.54
 }
}
"#;
    Ok(file(global, &rest.replace("TRACKED", &tracked)))
}

/// Columns that are not compared: differences.md says why, and which test is about it.
const OWN: &[&str] = &[
    "9586.100.5.1.1.0 ",
    "9586.100.5.1.12.",
    "9586.100.5.2.3.1.11.",
    "9586.100.5.2.3.1.36.",
    "9586.100.5.2.6.1.11.",
    "9586.100.5.2.9.1.10.",
    "9586.100.5.2.9.1.11.",
    "9586.100.5.2.9.1.12.",
    "9586.100.5.2.21.1.13.",
    // Times.
    "1.3.6.1.2.1.68.1.3.1.13.",
    "1.3.6.1.2.1.207.1.1.1.1.12.",
];

/// The walks of all MIBs of one subject, without what differs from run to run.
fn walks(subject: &Subject, config: &str) -> Result<Vec<String>> {
    let (switch, host) = (Switch::new()?, Host::new("a")?);
    let cables = [("eth0", "192.0.2.1/24"), ("eth1", "198.51.100.2/24"), ("eth2", "10.9.9.9/24")];
    let mut ports = Vec::new();
    for (n, (name, address)) in (1u8..).zip(cables) {
        ports.push(switch.attach(&host, name, &[address])?);
        host.set_mac(name, [2, 0, 0, 0, 9, n])?;
    }
    let agent = Agent::start(&host)?;
    let mut daemon = Daemon::start(&host, subject, config)?;
    let state = |n: u8| format!("{KEEPALIVED}.2.3.1.4.{n}");
    for n in 1..=4 {
        agent.await_value(&state(n), "2")?;
    }
    daemon.await_log("(I3) Entering MASTER STATE")?;
    let mut lines = Vec::new();
    for root in [KEEPALIVED, RFC2787, RFC6527] {
        lines.extend(agent.walk(root)?);
    }
    let mut names = Vec::new();
    for (name, _) in cables {
        names.push((host.index(name)?, name));
    }
    names.push((host.index("vrrp.53")?, "vmac"));
    let normal = |line: String| {
        let is_index = ["9586.100.5.2.6.1.7.", "9586.100.5.2.7.1.11.", "9586.100.5.2.11.1.4."];
        let mut line = line;
        // The kernel made it of a hardware address that was another then.
        if line.contains("Hex-STRING: FE 80") && line.contains("1.3.6.1.2.1.207.1.1.1.1.") {
            line.truncate(line.find("FE 80").unwrap_or_default());
        }
        for (index, name) in &names {
            if is_index.iter().any(|column| line.contains(column)) {
                line = line.replace(&format!("INTEGER: {index}"), &format!("INTEGER: {name}"));
            }
            for vrid in 51..=54 {
                line = line.replace(&format!(".{index}.{vrid}"), &format!(".{name}.{vrid}"));
            }
        }
        line
    };
    let own = |line: &String| OWN.iter().any(|column| line.contains(column));
    Ok(lines.into_iter().filter(|line| !own(line)).map(normal).collect())
}

#[test]
fn a_walk_is_as_the_reference_has_it() -> Result<()> {
    with_agent!();
    let Some(reference) = reference()? else { return Ok(()) };
    let folder = Folder::new()?;
    let config = everything(&folder)?;
    let (ours, theirs) = (walks(&Subject::ours()?, &config)?, walks(&reference, &config)?);
    let missing: Vec<_> = theirs.iter().filter(|line| !ours.contains(line)).collect();
    let more: Vec<_> = ours.iter().filter(|line| !theirs.contains(line)).collect();
    assert!(theirs.len() > 400, "{} lines", theirs.len());
    assert!(missing.is_empty() && more.is_empty(), "reference: {missing:#?}\nours: {more:#?}");
    Ok(())
}

/// A host with an agent, and the daemon in it.
struct Node {
    daemon: Daemon,
    agent: Agent,
    lan: Lan,
}

fn start(subject: &Subject, config: &str) -> Result<Node> {
    let lan = Lan::new()?;
    let agent = Agent::start(&lan.a)?;
    let mut daemon = Daemon::start(&lan.a, subject, config)?;
    daemon.await_log("AgentX subagent connected")?;
    Ok(Node { daemon, agent, lan })
}

fn priority_and_preemption_can_be_set(subject: &Subject) -> Result<()> {
    with_agent!();
    let mut node = start(subject, &file("", &instance("VI", 51, 150, "")))?;
    node.daemon.await_log("Entering MASTER STATE")?;
    let column = |n: u8| format!("{KEEPALIVED}.2.3.1.{n}.1");
    node.agent.set(&column(7), "i", "170")?;
    node.daemon.await_log("(VI) base priority changed from 150 to 170 via SNMP.")?;
    node.daemon.await_log("(VI) Changing effective priority from 150 to 170")?;
    node.agent.await_value(&column(8), "170")?;
    let is = |a: &lab::Advert| a.vrid == 51 && a.priority == 170;
    node.lan.wire.await_advert(PATIENCE, is)?;
    node.agent.set(&column(13), "i", "2")?;
    node.daemon.await_log("(VI) preemption disabled with SNMP")?;
    node.agent.await_value(&column(13), "2")?;
    node.agent.set(&column(13), "i", "1")?;
    node.daemon.await_log("(VI) preemption enabled with SNMP")?;
    for (oid, kind, value, error) in [
        (column(7), "i", "0", "wrongValue"),
        (column(7), "i", "256", "wrongValue"),
        (column(7), "s", "a", "wrongType"),
        (column(13), "i", "3", "wrongValue"),
        (column(8), "i", "7", "notWritable"),
        (format!("{KEEPALIVED}.2.3.1.7.9"), "i", "7", "notWritable"),
    ] {
        let said = node.agent.set(&oid, kind, value).err().map(|e| e.to_string());
        assert!(said.as_ref().is_some_and(|s| s.contains(error)), "{oid} {value}: {said:?}");
    }
    // What the file says counts again.
    node.daemon.reload(&file("", &instance("VI", 51, 150, "garp_master_delay 1")))?;
    node.agent.await_value(&column(8), "150")
}

/// What is notified, in the order in which it happened.
fn states_are_notified(subject: &Subject) -> Result<()> {
    with_agent!();
    let group = "vrrp_sync_group G {\n group {\n  VI\n  V3\n }\n}\n";
    let (v2, v3) = (instance("VI", 51, 150, ""), instance("V3", 52, 150, "version 3"));
    let mut node = start(subject, &file("enable_traps", &format!("{group}{v2}{v3}")))?;
    node.agent.await_trap("2.10.0.1\t.1.3.6.1.4.1.9586.100.5.2.1.1.2 = STRING: \"G\"\t.1.3.6.1.4.1.9586.100.5.2.1.1.3 = INTEGER: 2")?;
    node.daemon.await_log("(VI) Sending SNMP notification vrrpTrapNewMaster")?;
    node.daemon.stop()?;
    node.agent.await_trap("2.10.0.1\t.1.3.6.1.4.1.9586.100.5.2.1.1.2 = STRING: \"G\"\t.1.3.6.1.4.1.9586.100.5.2.1.1.3 = INTEGER: 5")?;
    let index = node.lan.a.index("eth0")?;
    let k = |below: &str| format!("{KEEPALIVED}.{below}");
    let trap = |oid: &str, objects: &[String]| {
        let head = format!(".1.3.6.1.6.3.1.1.4.1.0 = OID: {oid}");
        let objects = objects.iter().map(|object| format!("\t{object}"));
        core::iter::once(head).chain(objects).collect::<String>()
    };
    let router = format!("{} = STRING: \"lab\"", k("1.2.0"));
    let state = |name: &str, state: u8| {
        let (name, now) = (format!("STRING: \"{name}\""), format!("INTEGER: {state}"));
        trap(
            &k("2.10.0.2"),
            &[
                format!("{} = {name}", k("2.3.1.2")),
                format!("{} = {now}", k("2.3.1.4")),
                format!("{} = INTEGER: 1", k("2.3.1.5")),
                router.clone(),
            ],
        )
    };
    let master = trap(
        &format!("{RFC2787}.0.1"),
        &[format!("{RFC2787}.1.3.1.7.{index}.51 = IpAddress: 192.0.2.1")],
    );
    let master3 = |vrid: u8| {
        trap(
            &format!("{RFC6527}.0.1"),
            &[
                format!("{RFC6527}.1.1.1.1.3.{index}.{vrid}.1 = Hex-STRING: C0 00 02 01 "),
                format!("{RFC6527}.1.2.5.1.2.{index}.{vrid}.1 = INTEGER: 3"),
            ],
        )
    };
    let all = node.agent.traps("")?;
    let of = |name: &str| -> Vec<String> {
        let is = |t: &&String| t.contains(&format!("\"{name}\"")) && !t.contains("2.10.0.1");
        all.iter().filter(is).cloned().collect()
    };
    assert_eq!(of("VI"), [state("VI", 1), state("VI", 2), state("VI", 5)]);
    assert_eq!(of("V3"), [state("V3", 1), state("V3", 2), state("V3", 5)]);
    for expected in [master, master3(51), master3(52)] {
        assert_eq!(all.iter().filter(|t| **t == expected).count(), 1, "{expected}\n{all:#?}");
    }
    Ok(())
}

/// Adverts that are refused are told of: wrong password, other type, other version.
fn refused_adverts_are_notified(subject: &Subject) -> Result<()> {
    with_agent!();
    let auth = |key: &str| format!("authentication {{\n  auth_type PASS\n  auth_pass {key}\n }}");
    let ours = [
        instance("Q", 52, 150, &auth("aaaa")),
        instance("R", 53, 150, ""),
        instance("S", 54, 150, ""),
    ];
    let theirs = [
        instance("Q", 52, 100, &auth("bbbb")),
        instance("R", 53, 100, &auth("bbbb")),
        instance("S", 54, 100, "version 3"),
    ];
    let node = start(subject, &file("enable_traps", &ours.concat()))?;
    let _other = Daemon::start(&node.lan.b, &Subject::ours()?, &theirs.concat())?;
    let index = node.lan.a.index("eth0")?;
    for (vrid, error) in [(52, 3), (53, 2)] {
        node.agent.await_trap(&format!(
            "OID: {RFC2787}.0.2\t{RFC2787}.1.5.{index}.{vrid} = IpAddress: 192.0.2.2\t\
             {RFC2787}.1.6.{index}.{vrid} = INTEGER: {error}"
        ))?;
    }
    node.agent.await_trap(&format!(
        "OID: {RFC6527}.0.2\t{RFC6527}.1.2.5.1.6.{index}.54.1 = INTEGER: 2"
    ))?;
    node.daemon
        .log
        .clone()
        .rewound()
        .await_line(PATIENCE, "Sending SNMP notification vrrpTrapAuthFailure")?;
    Ok(())
}

/// Why an instance became MASTER: the one before left, was not as good, or was not heard.
fn reasons_of_mastery_are_told(subject: &Subject) -> Result<()> {
    with_agent!();
    let lan = Lan::new()?;
    let agent = Agent::start(&lan.a)?;
    let theirs = [instance("P", 51, 200, ""), instance("U", 55, 100, "")];
    let mut other = Daemon::start(&lan.b, &Subject::ours()?, &theirs.concat())?;
    for _ in 0..2 {
        other.await_log("Entering MASTER STATE")?;
    }
    let ours = [instance("P", 51, 100, ""), instance("U", 55, 150, "")];
    let mut daemon = Daemon::start(&lan.a, subject, &file("enable_traps", &ours.concat()))?;
    daemon.await_log("(U) Sending SNMP notification vrrpv3NotifyNewMaster, reason 2")?;
    let reason = |vrid: u8| {
        Ok::<_, lab::Error>(format!("{RFC6527}.1.2.5.1.2.{}.{vrid}.1", lan.a.index("eth0")?))
    };
    agent.await_value(&reason(51)?, "0")?;
    agent.await_value(&reason(55)?, "2")?;
    other.stop()?;
    daemon.await_log("(P) Sending SNMP notification vrrpv3NotifyNewMaster, reason 1")?;
    agent.await_value(&reason(51)?, "1")
}

/// Nothing in the configuration asks for it.
fn the_command_line_switches_it_on_and_names_the_agent(subject: &Subject) -> Result<()> {
    with_agent!();
    let config = format!("global_defs {{\n router_id lab\n}}\n{}", instance("VI", 51, 150, ""));
    let agent = "unix:/run/agentx.sock";
    for options in [["-x", "-A", agent], ["--snmp", "--snmp-agent-socket", agent]] {
        let lan = Lan::new()?;
        let agent = Agent::start(&lan.a)?;
        let mut daemon = Daemon::start_with(&lan.a, subject, &config, &options)?;
        daemon.await_log("AgentX subagent connected")?;
        agent.await_value(&format!("{KEEPALIVED}.1.2.0"), "\"lab\"")?;
        agent.await_value(&format!("{KEEPALIVED}.2.3.1.2.1"), "\"VI\"")?;
        assert!(daemon.stop()?.success());
    }
    Ok(())
}

on_both!(
    the_command_line_switches_it_on_and_names_the_agent,
    priority_and_preemption_can_be_set,
    states_are_notified,
    refused_adverts_are_notified,
    reasons_of_mastery_are_told,
);

/// The reference, too, but it looks for the agent every 15 s only.
#[test]
fn an_agent_that_was_restarted_is_met_again() -> Result<()> {
    with_agent!();
    let mut node = start(&Subject::ours()?, &file("enable_traps", &instance("VI", 51, 150, "")))?;
    let name = format!("{KEEPALIVED}.2.3.1.2.1");
    node.agent.await_value(&name, "\"VI\"")?;
    node.agent.end()?;
    node.daemon.await_log("disconnected us")?;
    node.agent.begin()?;
    node.daemon.await_log("AgentX subagent connected")?;
    node.agent.await_value(&name, "\"VI\"")
}

/// The reference loses what happens before it is connected.
#[test]
fn notifications_wait_for_an_agent_that_is_not_there_yet() -> Result<()> {
    with_agent!();
    let lan = Lan::new()?;
    let mut agent = Agent::without_agent(&lan.a)?;
    let config = file("enable_traps", &instance("VI", 51, 150, ""));
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    let mut log = daemon.log.clone().rewound();
    log.await_line(PATIENCE, "Failed to connect to the AgentX master agent")?;
    agent.begin()?;
    agent.await_trap("2.10.0.2\t.1.3.6.1.4.1.9586.100.5.2.3.1.2 = STRING: \"VI\"\t.1.3.6.1.4.1.9586.100.5.2.3.1.4 = INTEGER: 1")?;
    agent.await_trap("2.10.0.2\t.1.3.6.1.4.1.9586.100.5.2.3.1.2 = STRING: \"VI\"\t.1.3.6.1.4.1.9586.100.5.2.3.1.4 = INTEGER: 2")?;
    agent.await_value(&format!("{KEEPALIVED}.2.3.1.4.1"), "2")
}

/// The reference cannot begin again once it was switched off.
#[test]
fn snmp_is_switched_off_and_on_by_reloads() -> Result<()> {
    with_agent!();
    let vi = instance("VI", 51, 150, "");
    let mut node = start(&Subject::ours()?, &file("", &vi))?;
    let name = format!("{KEEPALIVED}.2.3.1.2.1");
    node.agent.await_value(&name, "\"VI\"")?;
    node.daemon.await_log("Entering MASTER STATE")?;
    node.daemon.reload(&vi)?;
    node.agent.await_value(&name, "No Such Object available on this agent at this OID")?;
    node.daemon.reload(&file("", &instance("V2", 51, 150, "")))?;
    node.agent.await_value(&name, "\"V2\"")
}

/// The reference stops with its SNMP.
#[test]
fn vrrp_does_not_notice_that_the_monitor_dies() -> Result<()> {
    with_agent!();
    let mut node = start(&Subject::ours()?, &file("", &instance("VI", 51, 150, "")))?;
    node.daemon.await_log("Entering MASTER STATE")?;
    let vrrp = node.daemon.role_pid(Role::Vrrp)?;
    let monitor = node.daemon.role_pid(Role::Monitor)?;
    node.daemon.signal(Role::Monitor, nix::sys::signal::Signal::SIGKILL)?;
    node.daemon.await_respawn(Role::Monitor, monitor, PATIENCE)?;
    node.agent.await_value(&format!("{KEEPALIVED}.2.3.1.4.1"), "2")?;
    assert_eq!(node.daemon.role_pid(Role::Vrrp)?, vrrp);
    assert_eq!(node.daemon.log.count("Entering"), 2, "BACKUP and MASTER, once each");
    Ok(())
}

/// Writable in the reference's MIB, and in its release 2.4.
#[test]
fn accept_mode_can_be_set_of_version_3() -> Result<()> {
    with_agent!();
    let both = instance("V2", 51, 150, "") + &instance("V3", 52, 150, "version 3");
    let mut node = start(&Subject::ours()?, &file("", &both))?;
    node.agent.set(&format!("{KEEPALIVED}.2.3.1.27.2"), "i", "2")?;
    node.daemon.await_log("(V3) accept mode disabled with SNMP")?;
    node.agent.await_value(&format!("{KEEPALIVED}.2.3.1.27.2"), "2")?;
    let refused = node.agent.set(&format!("{KEEPALIVED}.2.3.1.27.1"), "i", "1");
    assert!(refused.is_err_and(|e| e.to_string().contains("notWritable")));
    Ok(())
}
