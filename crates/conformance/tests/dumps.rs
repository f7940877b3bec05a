//! `keepalived.data` and `keepalived.json`: what a script greps for, of the reference and of ours.

use std::collections::BTreeSet;
use std::process::Command;

use conformance::{Folder, Lan, present, reference};
use lab::{Daemon, Result, Role, Subject};
use nix::sys::signal::Signal;

/// Of everything something. Nothing changes once all scripts have run and `A` is master.
fn config(folder: &Folder) -> Result<String> {
    let number = folder.write("number", "3\n")?.display().to_string();
    Ok(CONFIG.replace("NUMBER", &number))
}

const CONFIG: &str = r#"
global_defs {
 router_id lab
 script_user root
 max_auto_priority 5
 notification_email {
  a@example.net
 }
 notification_email_from me@example.net
 smtp_server 192.0.2.99 26
 smtp_helo_name lab.example.net
 smtp_connect_timeout 7
 smtp_alert_checker off
 lvs_timeouts tcp 10 tcpfin 11 udp 12
 log_unknown_vrids
 vrrp_notify_priority_changes
 vrrp_rx_bufs_policy MTU
 vrrp_process_name vp
 vrrp_priority -3
 checker_no_swap
}
vrrp_script good {
 script "/bin/true a"
 interval 1
 weight 2 reverse
}
vrrp_script bad {
 script "/bin/false a"
 interval 2
 timeout 3
 rise 2
 fall 3
 user root root
}
vrrp_track_process p {
 process no-such-program
 weight 3
 quorum_max 5
 delay 2
}
track_file f {
 file NUMBER
 weight 1
}
static_ipaddress {
 198.51.100.1/24 dev eth0
}
static_routes {
 203.0.113.0/24 dev eth0
}
static_rules {
 from 203.0.113.0/24 table 100
}
vrrp_sync_group G {
 group {
  D
  B
 }
 track_file {
  f weight 0
 }
 notify_master "/bin/true m"
}
vrrp_instance A {
 state BACKUP
 interface eth0
 virtual_router_id 51
 priority 100
 advert_int 1
 authentication {
  auth_type PASS
  auth_pass abcd
 }
 virtual_ipaddress {
  192.0.2.10/24 label eth0:1
 }
 virtual_ipaddress_excluded {
  192.0.2.11/24
 }
 virtual_routes {
  203.0.113.128/25 dev eth0
 }
 virtual_rules {
  from 203.0.113.128/25 table 101 priority 300
 }
 track_script {
  good
  bad weight 5
 }
 track_interface {
  lo weight -5
 }
 track_file {
  f weight 2
 }
 track_process {
  p
 }
 notify "/bin/true n" root
 notify_backup "/bin/true b"
 notify_master "/bin/true m"
 notify_fault "/bin/true f"
 notify_stop "/bin/true s"
 notify_deleted "/bin/true d"
 notify_master_rx_lower_pri "/bin/true l"
 smtp_alert
}
vrrp_instance B {
 state MASTER
 interface eth0
 version 3
 virtual_router_id 52
 priority 101
 garp_master_refresh 60
 unicast_peer {
  192.0.2.2
 }
 virtual_ipaddress {
  192.0.2.12
 }
}
vrrp_instance D {
 interface eth0
 version 3
 virtual_router_id 54
 priority 101
 strict_mode
 dont_track_primary
 skip_check_adv_addr
 preempt_delay 5
 promote_secondaries
 virtual_ipaddress {
  192.0.2.13
 }
}
vrrp_instance E {
 interface eth0
 version 3
 virtual_router_id 55
 advert_int 0.5
 nopreempt
 virtual_ipaddress {
  fe80::55
 }
}
"#;

/// A dump and the JSON of the same state.
struct Dumps {
    data: String,
    json: String,
}

fn dumps(subject: &Subject) -> Result<Dumps> {
    let (lan, folder) = (Lan::new()?, Folder::new()?);
    let path = format!("TMPDIR={}", folder.path("").display());
    let subject = subject.clone().through(&["/usr/bin/env", &path]);
    let mut daemon = Daemon::start(&lan.a, &subject, &config(&folder)?)?;
    // Its adverts are twice as often.
    daemon.await_log("(E) Entering MASTER STATE")?;
    daemon.await_log("(A) Entering MASTER STATE")?;
    daemon.signal(Role::Core, Signal::SIGUSR1)?;
    let data = folder.await_text("keepalived.data", "------< Interfaces >------")?;
    let number = daemon.host().output(Command::new(subject.program()).arg("--signum=JSON"))?;
    let words = [format!("-{}", number.trim()), daemon.pid().to_string()];
    daemon.host().output(Command::new("kill").args(words))?;
    let json = folder.await_text("keepalived.json", "}}]\n")?;
    Ok(Dumps { data, json })
}

/// Beginnings of lines that the reference alone has.
const THEIRS: &[&str] = &[
    // Settings of the kernel and of its own, for each interface.
    "Delayed state change",
    "Down debounce timer",
    "Up debounce timer",
    "HW Type",
    "MAC broadcast",
    "NIC netlink status update",
    "Not IPv6 forwarding",
    "Original ",
    "Reset ",
    "rp_filter",
    "Seen up",
    "D, weight 255",
    // Its sockets.
    "------< VRRP Sockpool",
    "Address =",
    "Family =",
    "Interface =",
    "Protocol =",
    "Rx buf size",
    "Type =",
    "VRRP instances",
    "fd_in",
    "A vrid",
    "B vrid",
    "D vrid",
    "E vrid",
    // Without any: it has a flag for version 3 that has no name.
    "Flags:",
    // How it counts the first results of scripts.
    "Init state",
    // Defaults of instances: each instance has what it goes by.
    "Gratuitous ARP ",
    "Num adverts before down",
    "Send advert after",
    "VRRP check unicast_src",
    "VRRP default protocol version",
    "VRRP skip check",
    "VRRP strict mode",
    // Of a table that nobody has named, and of its library.
    "libnftnl version",
    "nftables ",
    // Called otherwise in release 2.4.
    "Number of interface and track script faults",
    "Password = abcd",
];

/// Beginnings of lines that are ours alone, most of them since release 2.4.
const OURS: &[&str] = &[
    "Additional IPv6",
    "Flags: none",
    "json_version",
    "Last advert sent",
    "Notify priority changes = yes",
    "Number of tracker faults",
    "Password = ********",
];

/// Keys that are ours alone, since release 2.4.
const OUR_KEYS: &[&str] = &[
    "track_process",
    "auth_ext_missing",
    "auth_ext_malformed",
    "auth_ext_unknown_key",
    "auth_ext_invalid_hmac",
    "auth_ext_stale",
    "auth_ext_replay",
];

/// Lines as they are in every run.
fn steady(text: &str) -> BTreeSet<String> {
    let mut instance = String::new();
    let mut lines = BTreeSet::new();
    for line in text.lines().map(str::trim_end) {
        if let Some(name) = line.strip_prefix(" VRRP Instance = ") {
            instance = format!("{name}:");
        } else if line.starts_with("---") || line.starts_with(" Name") {
            instance.clear();
        }
        lines.insert(format!("{instance}{}", steady_line(line)));
    }
    lines
}

/// Times, hardware addresses and addresses made of them left out.
fn steady_line(line: &str) -> String {
    let changing = |label: &&str| line.trim_start().starts_with(*label);
    let labels =
        ["Last transition =", "Read timeout =", "Master down timer =", "Last advert sent ="];
    match labels
        .iter()
        .chain(&["MAC =", "IPv6 address =", "Using src_ip = fe80", "Additional IPv6", "File ="])
        .find(|l| changing(l))
    {
        Some(label) => format!("   {label}"),
        None => line.to_owned(),
    }
}

/// The keys, each once; no value of this configuration has a colon after a quote.
fn keys(json: &str) -> BTreeSet<&str> {
    let before_colons = json.split("\":").filter_map(|text| text.rsplit('"').next());
    before_colons.filter(|key| !key.is_empty() && !key.contains(['}', ']', ' '])).collect()
}

/// Lines of `these` that `those` has not, but for the listed.
fn more(these: &BTreeSet<String>, those: &BTreeSet<String>, listed: &[&str]) -> Vec<String> {
    let label = |line: &str| line.split_once(':').map_or(line, |(_, line)| line).to_owned();
    let known = |line: &str| {
        listed
            .iter()
            .any(|l| line.trim_start().starts_with(l) || label(line).trim_start().starts_with(l))
    };
    these.difference(those).filter(|line| !known(line)).cloned().collect()
}

#[test]
fn both_have_the_same_lines_and_keys() -> Result<()> {
    let Some(theirs) = present(reference()?, "the reference")? else { return Ok(()) };
    let (theirs, ours) = (dumps(&theirs)?, dumps(&Subject::ours()?)?);
    let (a, b) = (steady(&theirs.data), steady(&ours.data));
    let (missing, added) = (more(&a, &b, THEIRS), more(&b, &a, OURS));
    assert!(missing.is_empty() && added.is_empty(), "missing {missing:#?}\nadded {added:#?}");
    let (a, b) = (keys(&theirs.json), keys(&ours.json));
    let missing: Vec<_> = a.difference(&b).collect();
    let added: Vec<_> = b.difference(&a).filter(|k| !OUR_KEYS.contains(k)).collect();
    assert!(a.len() > 60 && missing.is_empty() && added.is_empty(), "{missing:?} {added:?} {a:?}");
    Ok(())
}
