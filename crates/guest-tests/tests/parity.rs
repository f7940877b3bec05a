//! The same configuration makes the same table: the reference's binary and ours, side by side.

use std::thread;
use std::time::{Duration, Instant};

use guest_tests::{host, table};
use lab::{Daemon, PATIENCE, Result, Subject};

/// How long a table must stay as it is to be taken as complete.
const SETTLED: Duration = Duration::from_millis(400);

/// Starts a subject and returns what `ipvsadm -Sn` shows when it changes no more.
fn programmed(subject: &Subject, config: &str) -> Result<String> {
    let host = host("director")?;
    let daemon = Daemon::start(&host, subject, config)?;
    let until = Instant::now() + PATIENCE;
    let (mut last, mut since) = (String::new(), Instant::now());
    while since.elapsed() < SETTLED || last.is_empty() {
        let now = table(&host)?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if Instant::now() > until {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    daemon.stop()?;
    assert_eq!(table(&host)?, "", "the table is empty after the stop of {subject:?}");
    Ok(last)
}

fn same(name: &str, config: &str) -> Result<()> {
    let reference = Subject::reference().expect("the reference is installed");
    let expected = programmed(&reference, config)?;
    assert_ne!(expected, "", "{name}: the reference programs something");
    assert_eq!(programmed(&Subject::ours()?, config)?, expected, "{name}");
    Ok(())
}

/// A virtual server with two real servers.
fn two(head: &str, body: &str) -> String {
    format!(
        "virtual_server {head} {{\n{body}\nreal_server 10.1.0.1 80 {{\nweight 1\n}}\n\
         real_server 10.1.0.2 80 {{\nweight 2\n}}\n}}\n"
    )
}

/// The same over IPv6.
fn two6(head: &str, body: &str) -> String {
    two(head, body).replace("10.1.0.", "2001:db8:1::")
}

/// A real server with more in its block.
fn one(head: &str, body: &str, server: &str) -> String {
    format!("virtual_server {head} {{\n{body}\nreal_server 10.1.0.1 80 {{\n{server}\n}}\n}}\n")
}

/// A check that has not run when the table is looked at.
const LATER: &str = "TCP_CHECK {\nconnect_timeout 5\nwarmup 0\ndelay_loop 60\n}";
const V4: &str = "10.0.0.1 80";
const V6: &str = "2001:db8::1 80";

fn group(entries: &str) -> String {
    format!("virtual_server_group web {{\n{entries}\n}}\n{}", two("group web", "lb_kind DR"))
}

fn scheduler(name: &str) -> String {
    two(V4, &format!("lb_algo {name}\nlb_kind NAT\nprotocol TCP"))
}

/// Makes a test of each configuration.
macro_rules! cases {
    ($($name:ident => $config:expr;)+) => {
        $(#[test] fn $name() -> Result<()> { same(stringify!($name), &$config) })+
    };
}

cases! {
    scheduler_rr => scheduler("rr");
    scheduler_wrr => scheduler("wrr");
    scheduler_lc => scheduler("lc");
    scheduler_wlc => scheduler("wlc");
    scheduler_lblc => scheduler("lblc");
    scheduler_lblcr => scheduler("lblcr");
    scheduler_sh_with_flags => scheduler("sh\nsh-port\nsh-fallback");
    scheduler_mh_with_flags => scheduler("mh\nmh-port\nmh-fallback");
    scheduler_dh => scheduler("dh");
    scheduler_fo => scheduler("fo");
    scheduler_ovf => scheduler("ovf");
    scheduler_sed => scheduler("sed");
    scheduler_nq => scheduler("nq");
    flags_by_number => scheduler("rr\nflag-1\nflag-3");
    udp => two("10.0.0.1 53", "lb_algo rr\nlb_kind DR\nprotocol UDP");
    one_packet => two("10.0.0.1 53", "lb_algo rr\nlb_kind DR\nprotocol UDP\nops");
    sctp => two("10.0.0.1 99", "lb_algo rr\nlb_kind NAT\nprotocol SCTP");
    any_port => two("10.0.0.1 0", "lb_algo rr\nlb_kind DR\nprotocol TCP\npersistence_timeout 50");
    ipv6 => two6(V6, "lb_algo wlc\nlb_kind NAT");
    ipv6_persistent => two6(V6, "lb_kind DR\npersistence_timeout 60\npersistence_granularity 64");
    firewall_mark => two("fwmark 7", "lb_algo rr\nlb_kind DR");
    firewall_mark_of_ipv6 => two6("fwmark 8", "lb_algo rr\nlb_kind DR\nip_family inet6");
    firewall_mark_with_nat => two("fwmark 9", "lb_algo rr\nlb_kind NAT");
    persistent => two(V4, "lb_kind DR\npersistence_timeout 600");
    persistent_by_network =>
        two(V4, "lb_kind DR\npersistence_timeout 60\npersistence_granularity 255.255.255.0");
    persistent_by_engine =>
        two("10.0.0.1 5060", "lb_kind NAT\nprotocol UDP\npersistence_engine sip\n\
            persistence_timeout 90");
    tunnel => two(V4, "lb_kind TUN");
    tunnel_gue => two(V4, "lb_kind TUN type gue port 5555 csum");
    tunnel_gue_remote_checksum => two(V4, "lb_kind TUN type gue port 5555 remcsum");
    tunnel_gre => two(V4, "lb_kind TUN type gre");
    tunnel_to_the_other_family =>
        two6(V4, "lb_kind TUN");
    forwarding_of_a_server_by_itself => one(V4, "lb_kind NAT", "lvs_method TUN type gre csum");
    thresholds => one(V4, "lb_kind NAT", "uthreshold 100\nlthreshold 50");
    weights => one(V4, "lb_kind NAT", "weight 0") + &one("10.0.0.2 80", "", "weight 65535");
    group_of_addresses => group("10.0.0.1 80\n10.0.0.2 81");
    group_range => group("10.0.0.1-5 80");
    group_range_of_ipv6 => group("2001:db8::1-5 80").replace("10.1.0.", "2001:db8:1::");
    group_of_marks => group("fwmark 1\nfwmark 2");
    group_of_both_families =>
        group("10.0.0.1 80\n2001:db8::1 80").replace("lb_kind DR", "lb_kind TUN");
    group_shared_by_protocols =>
        group("10.0.0.1 80") + &two("group web", "lb_kind DR\nprotocol UDP");
    sorry_server_in_waiting => one(V4, "lb_kind NAT\nsorry_server 10.2.0.1 80", "weight 1");
    sorry_server_inhibited =>
        one(V4, "lb_kind NAT\nsorry_server 10.2.0.1 80\nsorry_server_inhibit", "weight 1");
    sorry_server_of_another_kind =>
        one(V4, "alpha\nlb_kind NAT\nsorry_server 10.2.0.1 80\nsorry_server_lvs_method DR", LATER);
    alpha => two(V4, "lb_kind NAT") + &one("10.0.0.2 80", "alpha\nlb_kind NAT", LATER);
    alpha_with_sorry_server =>
        one(V4, "alpha\nlb_kind NAT\nsorry_server 10.2.0.1 80", LATER);
    alpha_with_inhibit => one(V4, "alpha\nlb_kind NAT", &format!("inhibit_on_failure\n{LATER}"));
    quorum_not_met =>
        two(V4, "lb_kind NAT\nquorum 5\nhysteresis 1\nsorry_server 10.2.0.1 80");
    quorum_not_met_without_sorry_server => two(V4, "lb_kind NAT\nquorum 9");
    many_services => (1..60).map(|n| two(&format!("10.0.1.{n} 80"), "lb_kind DR")).collect::<String>();
}
