//! What becomes of virtual servers once everything is read: inheritance,
//! defaults and the checks between objects, in the order of the reference.

mod common;

use common::{host, said, test_of, test_on};
use conf::testing::MapHost;
use model::lvs::{
    CheckKind, Checker, Forwarding, Protocol, Scheduler, Service, Tunnel, VirtualServer,
};
use types::Family;

const SCHED: &str = "lvs_sched rr\n";

fn of(text: &str, exit: u8, expected: &[&str]) -> Vec<VirtualServer> {
    on(host(), text, exit, expected)
}

/// Loads `text`; checks the exit status and that exactly these lines count,
/// without their places.
#[track_caller]
fn on(host: MapHost, text: &str, exit: u8, expected: &[&str]) -> Vec<VirtualServer> {
    let loaded = test_on(host, text);
    assert_eq!(loaded.exit_status_for_test(), exit, "{text}\n{:#?}", said(&loaded));
    let counting = loaded.diags.iter().filter(|d| d.level != conf::Level::Note);
    let lines: Vec<&str> = counting.map(|d| d.text.as_str()).collect();
    assert_eq!(lines, expected, "{text}");
    loaded.model.lvs.virtual_servers
}

#[track_caller]
fn one(text: &str, exit: u8, expected: &[&str]) -> VirtualServer {
    let mut servers = of(text, exit, expected);
    assert_eq!(servers.len(), 1, "{text}");
    servers.remove(0)
}

fn vs(head: &str, lines: &str, servers: &str) -> String {
    format!("virtual_server {head} {{\n{SCHED}{lines}\n{servers}\n}}\n")
}

fn rs(addr: &str) -> String {
    format!("real_server {addr} {{\n}}\n")
}

const TCP: &str = "protocol TCP\n";
const NAT: &str = "protocol TCP\nlvs_method NAT\n";
const DR: &str = "protocol TCP\nlvs_method DR\n";
const GROUP: &str = "virtual_server_group G {\n10.0.0.1 80\n}\n";
const MARKS: &str = "virtual_server_group G {\nfwmark 5\n}\n";

#[test]
fn rule_1_a_group_must_be_defined_anywhere_in_the_file() {
    let server = vs("group G", DR, &rs("10.1.0.1 80"));
    let servers = of(&format!("{server}{GROUP}{server}"), 0, &[]);
    let service = |i: usize| servers[i].service.clone();
    assert_eq!(service(0), Service::Group("G".into(), 0));
    assert_eq!(service(1), Service::Group("G".into(), 1));
    assert_eq!(servers[0].family, Some(Family::V4));
}

#[test]
fn an_undefined_group_is_an_error() {
    let text = "virtual server group G is not defined - dropping the virtual server";
    assert!(of(&vs("group G", DR, &rs("10.1.0.1 80")), 5, &[text]).is_empty());
}

#[test]
fn rule_1_families_of_a_group_and_its_server_must_agree() {
    let six = "virtual_server_group G {\n::1 80\n}\n";
    let text = "[G]:0: it is IPv4, its group IPv6 - dropping the virtual server";
    assert!(of(&format!("{six}{}", vs("group G", DR, &rs("10.1.0.1 80"))), 5, &[text]).is_empty());
    let mixed = "virtual_server_group G {\n::1 80\n10.0.0.1 80\n}\n";
    let text =
        "[G]:0: its group has IPv4 and IPv6, its servers are IPv4 - dropping the virtual server";
    assert!(
        of(&format!("{mixed}{}", vs("group G", DR, &rs("10.1.0.1 80"))), 5, &[text]).is_empty()
    );
    let tunnel = vs("group G", "protocol TCP\nlvs_method TUN\n", &rs("10.1.0.1 80"));
    assert_eq!(one(&format!("{mixed}{tunnel}"), 0, &[]).family, None);
}

#[test]
fn rule_1_marks_without_a_family_are_ipv4() {
    let text = format!("{MARKS}{}", vs("group G", "lvs_method TUN\n", &rs("10.1.0.1")));
    assert_eq!(one(&text, 0, &[]).family, Some(Family::V4));
}

#[test]
fn rule_2_marks_cannot_be_suspended() {
    let text = "ha_suspend needs addresses, here are marks - turning it off";
    let own = vs("fwmark 5", "lvs_method DR\nha_suspend\n", &rs("10.1.0.1"));
    assert!(!one(&own, 5, &[&format!("FWM 5: {text}")]).ha_suspend);
    let group = format!("{MARKS}{}", vs("group G", "lvs_method DR\nha_suspend\n", &rs("10.1.0.1")));
    assert!(!one(&group, 5, &[&format!("[G]:0: {text}")]).ha_suspend);
    assert!(
        one(&vs("10.0.0.1 80", &format!("{DR}ha_suspend"), &rs("10.1.0.1 80")), 0, &[]).ha_suspend
    );
}

#[test]
fn rule_3_addresses_need_a_protocol_and_ports_or_persistence() {
    let server = one(
        &vs("10.0.0.1 80", "lvs_method NAT\n", &rs("10.1.0.1 80")),
        5,
        &["[10.0.0.1]:none:80 has no protocol - taking UDP"],
    );
    assert_eq!(server.protocol, Some(Protocol::Udp));
    let server = one(
        &vs("10.0.0.1 80", &format!("{NAT}ops"), &rs("10.1.0.1 80")),
        5,
        &["[10.0.0.1]:tcp:80: ops works with UDP alone - turning it off"],
    );
    assert!(!server.ops);
    let server = one(
        &vs("10.0.0.1", NAT, &rs("10.1.0.1 80")),
        5,
        &["[10.0.0.1]:tcp:0: port 0 needs persistence - turning it on"],
    );
    assert_eq!(server.persistence_timeout, 360);
    let lines = format!("{NAT}persistence_timeout 50");
    assert_eq!(one(&vs("10.0.0.1", &lines, &rs("10.1.0.1 80")), 0, &[]).persistence_timeout, 50);
}

#[test]
fn rule_4_a_group_with_port_0_needs_persistence() {
    let group = "virtual_server_group G {\n10.0.0.1 80\n10.0.0.2\n}\n";
    let server = one(
        &format!("{group}{}", vs("group G", NAT, &rs("10.1.0.1 80"))),
        5,
        &["[G]:0: port 0 needs persistence - turning it on"],
    );
    assert_eq!(server.persistence_timeout, 360);
}

#[test]
fn rule_5_marks_have_no_protocol() {
    let text = "a mark has no protocol - ignoring it";
    let server = one(&vs("fwmark 5", NAT, &rs("10.1.0.1")), 5, &[&format!("FWM 5: {text}")]);
    assert_eq!(server.protocol, None);
    let group = format!("{MARKS}{}", vs("group G", NAT, &rs("10.1.0.1")));
    one(&group, 5, &[&format!("[G]:0: {text}")]);
}

#[test]
fn rule_6_the_scheduler_is_wlc() {
    let text = vs("10.0.0.1 80", NAT, &rs("10.1.0.1 80")).replace(SCHED, "");
    let server = one(&text, 5, &["[10.0.0.1]:tcp:80 has no lvs_sched - taking wlc"]);
    assert_eq!(server.scheduler, Scheduler::Wlc);
}

#[test]
fn rule_7_the_second_of_equal_real_servers_goes() {
    let pool = format!("{}{}{}", rs("10.1.0.1 80"), rs("10.1.0.1 81"), rs("10.1.0.1 80"));
    let server = one(
        &vs("10.0.0.1 80", NAT, &pool),
        5,
        &["[10.0.0.1]:tcp:80: real server [10.1.0.1]:tcp:80 is there twice - dropping the second"],
    );
    assert_eq!(server.real_servers.iter().map(|r| r.port).collect::<Vec<_>>(), [80, 81]);
    let defaulted = format!("{}{}", rs("10.1.0.1 80"), rs("10.1.0.1"));
    let server = one(&vs("10.0.0.1 80", NAT, &defaulted), 0, &[]);
    assert_eq!(server.real_servers.len(), 2, "ports are compared before they are defaulted");
}

#[test]
fn rule_8_forwarding_comes_from_the_virtual_server_else_is_nat() {
    let pool = "real_server 10.1.0.1 80 {\nlvs_method TUN type gre csum\n}\nreal_server 10.1.0.2 80 {\n}\n";
    let methods = |server: &VirtualServer| {
        server.real_servers.iter().map(|r| r.forwarding).collect::<Vec<_>>()
    };
    let gre = Forwarding::Tun(Tunnel::Gre { csum: model::lvs::TunnelCsum::Csum });
    let server = one(&vs("10.0.0.1 80", DR, pool), 0, &[]);
    assert_eq!(methods(&server), [gre, Forwarding::Dr]);
    let server = one(
        &vs("10.0.0.1 80", TCP, pool),
        5,
        &["[10.0.0.1]:tcp:80 has no lvs_method - taking NAT"],
    );
    assert_eq!(methods(&server), [gre, Forwarding::Nat]);
    let later = format!("virtual_server 10.0.0.1 80 {{\n{SCHED}{TCP}{pool}lvs_method DR\n}}\n");
    assert_eq!(methods(&one(&later, 0, &[])), [gre, Forwarding::Dr], "also when it comes later");
    let between = format!("{DR}{pool}lvs_method NAT\nreal_server 10.1.0.3 80 {{\n}}\n");
    let server = one(&vs("10.0.0.1 80", "", &between), 0, &[]);
    assert_eq!(methods(&server), [gre, Forwarding::Dr, Forwarding::Nat], "each as it was then");
}

#[test]
fn a_bad_tunnel_option_leaves_the_method() {
    let pool = "real_server 10.1.0.1 80 {\nlvs_method TUN type gue\n}\n";
    let server = one(
        &vs("10.0.0.1 80", DR, pool),
        5,
        &["a gue tunnel needs a port, the others have none - ignoring the tunnel"],
    );
    assert_eq!(server.real_servers[0].forwarding, Forwarding::Tun(Tunnel::Ipip));
}

fn checks(vs_lines: &str, rs_lines: &str, checker: &str) -> Vec<Checker> {
    let pool = format!("real_server 10.1.0.1 80 {{\n{rs_lines}\n{checker}\n}}\n");
    let mut server = one(&vs("10.0.0.1 80", &format!("{NAT}{vs_lines}"), &pool), 0, &[]);
    server.real_servers.remove(0).checkers
}

fn check(vs_lines: &str, rs_lines: &str, checker: &str) -> Checker {
    checks(vs_lines, rs_lines, checker).remove(0)
}

const PACING: &str =
    "alpha\nretry 7\nconnect_timeout 8\ndelay_loop 9\nwarmup 10\ndelay_before_retry 11";

fn pacing(c: &Checker) -> (bool, u32, u64, u64, u64, u64) {
    let connect = c.kind.connect().map_or(0, |c| c.timeout.duration().as_secs());
    let secs = |d: types::Micros| d.duration().as_secs();
    (c.alpha, c.retry, connect, secs(c.delay_loop), secs(c.warmup), secs(c.delay_before_retry))
}

#[test]
fn rules_9_and_14_pacing_is_inherited() {
    let tcp = "TCP_CHECK {\n}";
    let all = (true, 7, 8, 9, 10, 11);
    assert_eq!(pacing(&check(PACING, "", tcp)), all);
    assert_eq!(pacing(&check("", PACING, tcp)), all);
    assert_eq!(pacing(&check("", "", &format!("TCP_CHECK {{\n{PACING}\n}}"))), all);
    let own = "alpha no\nretry 0\ndelay_loop 1";
    let checker = check(PACING, "connect_timeout 2", &format!("TCP_CHECK {{\n{own}\n}}"));
    assert_eq!(pacing(&checker), (false, 0, 2, 1, 10, 11));
    assert_eq!(pacing(&check("", "", tcp)), (false, 1, 5, 60, 60, 1));
}

#[test]
fn rule_14_defaults_depend_on_the_kind() {
    let of = |checker: &str| pacing(&check("delay_loop 20", "", checker));
    assert_eq!(of("HTTP_GET {\nurl {\npath /\n}\n}"), (false, 1, 5, 20, 20, 3));
    assert_eq!(of("DNS_CHECK {\n}"), (false, 3, 5, 20, 20, 20));
    assert_eq!(of("DNS_CHECK {\ndelay_loop 4\n}"), (false, 3, 5, 4, 4, 4));
    assert_eq!(of("PING_CHECK {\n}"), (false, 1, 5, 20, 20, 1));
    assert_eq!(of("UDP_CHECK {\nwarmup 0\n}"), (false, 1, 5, 20, 0, 1));
    let safe = "global_defs {\nenable_script_security\nscript_user root\n}\n";
    let pool = "real_server 10.1.0.1 80 {\nMISC_CHECK {\nmisc_path /usr/bin/true\n}\n}\n";
    let host = host().file("/usr/bin/true", "").mode("/usr/bin/true", 0o755);
    let loaded = test_on(host, &format!("{safe}{}", vs("10.0.0.1 80", NAT, pool)));
    let server = &loaded.model.lvs.virtual_servers[0];
    assert_eq!(pacing(&server.real_servers[0].checkers[0]), (false, 0, 0, 60, 60, 1));
}

#[test]
fn rule_9_what_follows_the_real_servers_counts_for_them_too() {
    let text = format!(
        "virtual_server 10.0.0.1 80 {{\n{SCHED}{NAT}real_server 10.1.0.1 80 {{\nTCP_CHECK {{\n}}\n}}\ndelay_loop 3\nweight 8\ninhibit_on_failure\n}}\n"
    );
    let server = one(&text, 0, &[]);
    let real = &server.real_servers[0];
    assert_eq!((real.weight, real.inhibit_on_failure), (8, true));
    assert_eq!(real.checkers[0].delay_loop, types::Micros::from_secs(3));
}

#[test]
fn rule_9_mails() {
    let alerts = |global: &str, vs_lines: &str, rs_lines: &str| {
        let pool = format!("real_server 10.1.0.1 80 {{\n{rs_lines}\n}}\n");
        let server = vs("10.0.0.1 80", &format!("{NAT}{vs_lines}"), &pool);
        let loaded = test_of(&format!("{server}global_defs {{\n{global}\n}}\n"));
        let server = &loaded.model.lvs.virtual_servers[0];
        (server.smtp_alert, server.real_servers[0].smtp_alert)
    };
    assert_eq!(alerts("", "", ""), (false, true));
    assert_eq!(alerts("smtp_alert", "", ""), (true, true));
    assert_eq!(alerts("smtp_alert off", "", ""), (false, false));
    assert_eq!(alerts("smtp_alert off", "smtp_alert", "smtp_alert yes"), (true, true));
    assert_eq!(alerts("smtp_alert", "smtp_alert no", "smtp_alert no"), (false, false));
}

#[test]
fn rule_10_a_sorry_server_that_is_a_real_server() {
    let pool = "sorry_server 10.1.0.2 80\nreal_server 10.1.0.1 80 {\n}\nreal_server 10.1.0.2 80 {\ninhibit_on_failure\n}\n";
    let server = one(
        &vs("10.0.0.1 80", NAT, pool),
        5,
        &[
            "[10.0.0.1]:tcp:80: the sorry server is real server [10.1.0.2]:tcp:80 too, so it is inhibited like that",
        ],
    );
    let sorry = server.sorry_server.unwrap();
    assert_eq!((sorry.inhibit, sorry.same_as), (true, Some(1)));
}

#[test]
fn rule_11_the_quorum_is_reachable() {
    let server = one(
        &vs("10.0.0.1 80", &format!("{NAT}quorum 5\nhysteresis 3"), &rs("10.1.0.1 80")),
        5,
        &[
            "[10.0.0.1]:tcp:80: quorum 5 is more than all weights together - taking 1",
            "[10.0.0.1]:tcp:80: hysteresis 3 is not below the quorum of 1 - taking 0",
        ],
    );
    assert_eq!((server.quorum, server.hysteresis), (1, 0));
}

#[test]
fn without_any_weight_the_hysteresis_does_not_wrap() {
    let pool = "real_server 10.1.0.1 80 {\nweight 0\n}\n";
    let server = one(
        &vs("10.0.0.1 80", NAT, pool),
        5,
        &["[10.0.0.1]:tcp:80: quorum 1 is more than all weights together - taking 0"],
    );
    assert_eq!((server.quorum, server.hysteresis), (0, 0));
}

#[test]
fn rule_12_ports_of_addresses() {
    let ports = |lines: &str, pool: &str, exit, said: &[&str]| {
        let server = one(&vs("10.0.0.1 80", lines, pool), exit, said);
        (server.real_servers[0].port, server.sorry_server.map(|s| s.port))
    };
    assert_eq!(
        ports(DR, &format!("sorry_server 10.1.0.9\n{}", rs("10.1.0.1")), 0, &[]),
        (80, Some(80))
    );
    assert_eq!(
        ports(NAT, &format!("sorry_server 10.1.0.9\n{}", rs("10.1.0.1")), 0, &[]),
        (80, Some(0))
    );
    assert_eq!(ports(NAT, &rs("10.1.0.1 8080"), 0, &[]), (8080, None));
    let pool = format!("sorry_server 10.1.0.9 82\n{}", rs("10.1.0.1 81"));
    assert_eq!(
        ports(
            DR,
            &pool,
            5,
            &[
                "[10.0.0.1]:tcp:80: real server [10.1.0.1]:tcp:81 needs the same port unless by NAT - taking it",
                "[10.0.0.1]:tcp:80: the sorry server needs the same port unless by NAT - taking it",
            ]
        ),
        (80, Some(80))
    );
}

#[test]
fn rule_12_ports_of_marks_and_groups() {
    let pool = format!("sorry_server 10.1.0.9 82\n{}", rs("10.1.0.1 81"));
    let server = one(
        &vs("fwmark 5", "lvs_method DR\n", &pool),
        5,
        &[
            "FWM 5: real server [10.1.0.1]:none:81 has no port of its own unless by NAT - clearing it",
            "FWM 5: the sorry server has no port of its own unless by NAT - clearing it",
        ],
    );
    assert_eq!((server.real_servers[0].port, server.sorry_server.unwrap().port), (0, 0));
    let server = one(
        &format!("{MARKS}{}", vs("group G", "lvs_method DR\n", &pool)),
        5,
        &[
            "[G]:0: the port of real server [10.1.0.1]:none:81 does not count for marks",
            "[G]:0: the port of the sorry server does not count",
        ],
    );
    assert_eq!(server.real_servers[0].port, 81);
    one(
        &format!("{GROUP}{}", vs("group G", DR, &pool)),
        5,
        &[
            "[G]:0: real server [10.1.0.1]:tcp:81 gets the port of [10.0.0.1]:80, not its own",
            "[G]:0: the port of the sorry server does not count",
        ],
    );
    one(&format!("{GROUP}{}", vs("group G", DR, &rs("10.1.0.1 80"))), 0, &[]);
}

#[test]
fn rule_13_families_of_servers() {
    let skipping = "real server ::2 is not of the family of its virtual server - skipping it";
    let pool = format!("{}{}", rs("10.1.0.1 80"), rs("::2 80"));
    assert_eq!(one(&vs("10.0.0.1 80", NAT, &pool), 5, &[skipping]).real_servers.len(), 1);
    let none = "[10.0.0.1]:tcp:80 has no real server - dropping it";
    assert!(of(&vs("10.0.0.1 80", NAT, &rs("::2 80")), 5, &[skipping, none]).is_empty());
    let sorry = "sorry server ::3 is not of the family of its virtual server - ignoring it";
    let server = one(
        &vs("10.0.0.1 80", &format!("{NAT}sorry_server ::3 80"), &rs("10.1.0.1 80")),
        5,
        &[sorry],
    );
    assert_eq!(server.sorry_server, None);
    let tunnel = "protocol TCP\nlvs_method TUN\n";
    let server = one(&vs("10.0.0.1 80", tunnel, &pool), 0, &[]);
    assert_eq!(server.real_servers.len(), 2, "tunnels may change the family");
}

#[test]
fn rule_13_the_family_of_a_mark_is_that_of_its_servers() {
    let family = |lines: &str, pool: &str| one(&vs("fwmark 5", lines, pool), 0, &[]).family;
    assert_eq!(family("lvs_method DR\n", &rs("::2")), Some(Family::V6));
    assert_eq!(family("lvs_method TUN\n", &rs("::2")), Some(Family::V6));
    let mixed = format!("{}{}", rs("::2"), rs("10.1.0.1"));
    assert_eq!(family("lvs_method TUN\n", &mixed), Some(Family::V4));
    assert_eq!(family("ip_family inet6\nlvs_method DR\n", &rs("::2")), Some(Family::V6));
}

#[test]
fn persistence_granularity_fixes_family_and_timeout() {
    let server = one(
        &vs("fwmark 5", "lvs_method DR\npersistence_granularity 255.255.255.0\n", &rs("10.1.0.1")),
        0,
        &[],
    );
    assert_eq!((server.family, server.persistence_timeout), (Some(Family::V4), 360));
    assert_eq!(server.persistence_granularity, 0xffff_ff00);
    let server =
        one(&vs("fwmark 5", "lvs_method DR\npersistence_granularity 64\n", &rs("::2")), 0, &[]);
    assert_eq!((server.family, server.persistence_granularity), (Some(Family::V6), 64));
    let server = one(&vs("10.0.0.1 80", DR, &rs("10.1.0.1 80")), 0, &[]);
    assert_eq!(server.persistence_granularity, u32::MAX);
    let server = one(&vs("::1 80", DR, &rs("::2 80")), 0, &[]);
    assert_eq!(server.persistence_granularity, 128);
}

#[test]
fn a_mask_must_be_written_in_full() {
    let lines = format!("{NAT}persistence_granularity 24");
    let server = one(
        &vs("10.0.0.1 80", &lines, &rs("10.1.0.1 80")),
        5,
        &["persistence_granularity '24' is no netmask - ignoring"],
    );
    assert_eq!(server.persistence_granularity, u32::MAX);
}

#[test]
fn rule_15_scripts_that_cannot_run_are_dropped() {
    let pool = "real_server 10.1.0.1 80 {\nnotify_up /none\nMISC_CHECK {\nmisc_path /none\n}\nTCP_CHECK {\n}\n}\n";
    let text = vs("10.0.0.1 80", &format!("{NAT}quorum_down /none\n"), pool);
    let loaded = test_of(&format!("global_defs {{\nenable_script_security\n}}\n{text}"));
    let server = &loaded.model.lvs.virtual_servers[0];
    assert_eq!((server.quorum_down, server.real_servers[0].notify_up()), (None, None));
    let kinds = &server.real_servers[0].checkers;
    assert!(matches!(kinds[..], [Checker { kind: CheckKind::Tcp(_), .. }]), "{kinds:?}");
}

#[test]
fn a_program_check_of_an_unknown_user_is_an_error() {
    let pool =
        "real_server 10.1.0.1 80 {\nMISC_CHECK {\nmisc_path /usr/bin/true\nuser none\n}\n}\n";
    let server = one(
        &vs("10.0.0.1 80", NAT, pool),
        5,
        &["misc_path '/usr/bin/true' has no user to run as - dropping the checker"],
    );
    assert!(server.real_servers[0].checkers.is_empty());
}

#[test]
fn a_group_that_was_removed_is_one_mistake() {
    let text = format!("virtual_server_group G {{\n}}\n{}", vs("group G", DR, &rs("10.1.0.1 80")));
    assert!(
        of(&text, 5, &["virtual server group G has no entry that counts - dropping it"]).is_empty()
    );
}

#[test]
fn a_second_script_is_ignored() {
    let safe = "global_defs {\nenable_script_security\nscript_user root\n}\n";
    let pool =
        "real_server 10.1.0.1 80 {\nnotify_up /usr/bin/true\nnotify_up \"/usr/bin/true x\"\n}\n";
    let host = host().file("/usr/bin/true", "").mode("/usr/bin/true", 0o755);
    let loaded = test_on(host, &format!("{safe}{}", vs("10.0.0.1 80", NAT, pool)));
    let lines = said(&loaded);
    let text = "(10.1.0.1) notify_up is given twice - ignoring /usr/bin/true";
    assert!(lines.iter().any(|l| l.ends_with(text)), "{lines:#?}");
    let id = loaded.model.lvs.virtual_servers[0].real_servers[0].notify_up().unwrap();
    assert!(loaded.model.scripts[id.index()].args.is_empty());
}

#[test]
fn hosts_of_smtp_check_are_checkers_of_their_own() {
    let host = |ip: &str, more: &str| format!("host {{\nconnect_ip {ip}\n{more}\n}}\n");
    let pool = |own: &str| {
        format!(
            "real_server 10.1.0.1 25 {{\nSMTP_CHECK {{\n{own}\nretry 4\n{}{}}}\n}}\n",
            host("10.1.0.7", "connect_port 2525\nretry 9"),
            host("10.1.0.8", "")
        )
    };
    let deprecated = "'host' is deprecated - put its options into an SMTP_CHECK of their own";
    let of = |own: &str| -> Vec<(Option<String>, Option<u16>, u64, u32)> {
        let server = one(&vs("10.0.0.1 25", NAT, &pool(own)), 5, &[deprecated, deprecated]);
        let checkers = server.real_servers[0].checkers.iter();
        let shown = checkers.map(|c| {
            let to = c.kind.connect().unwrap();
            (to.ip.map(|i| i.to_string()), to.port, to.timeout.duration().as_secs(), c.retry)
        });
        shown.collect()
    };
    let first = (Some("10.1.0.7".to_owned()), Some(2525), 5, 9);
    let second = (Some("10.1.0.8".to_owned()), None, 5, 4);
    assert_eq!(of(""), [first.clone(), second.clone()]);
    assert_eq!(of("connect_timeout 2"), [(None, None, 2, 4), first, second]);
}

#[test]
fn lookups_do_not_depend_on_the_order_of_the_file() {
    let checks =
        "real_server 10.0.0.2 80 {\nFILE_CHECK {\ntrack_file f\n}\nBFD_CHECK {\nname b\n}\n}\n";
    let server = vs("10.0.0.1 80", NAT, checks);
    let named =
        "track_file f {\nfile /tmp/f\nweight 2\n}\nbfd_instance b {\nneighbor_ip 10.0.0.2\n}\n";
    let host = || host().file("/tmp/other", "");
    let before = on(host(), &format!("{named}{server}"), 0, &[]);
    let after = on(host(), &format!("{server}{named}"), 0, &[]);
    assert_eq!(before, after);
    let checkers = &before[0].real_servers[0].checkers;
    assert!(matches!(checkers[0].kind, CheckKind::File { weight: 2, .. }), "{checkers:?}");
    assert!(matches!(checkers[1].kind, CheckKind::Bfd { .. }), "{checkers:?}");
}
