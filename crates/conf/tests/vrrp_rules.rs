//! What is refused, reset or only said about instances that are read whole.

mod common;

use std::time::Duration;

use common::{host, said, test_on};
use conf::host::IfFacts;
use conf::testing::MapHost;
use conf::{Level, LoadOptions, Loaded, load};
use model::vrrp::{Version, VrrpInstance};
use types::{Priority, Weight};

fn machine() -> MapHost {
    host()
        .interface("eth1")
        .file("/usr/bin/true", "")
        .mode("/usr/bin/true", 0o755)
        .file("/tmp/other", "")
        .interface_with("tun0", IfFacts { index: 8, mtu: 1400, ..IfFacts::default() })
}

fn read(text: &str) -> Loaded {
    let secure = "global_defs {\nenable_script_security\nscript_user root\n}\n";
    test_on(machine(), &format!("{secure}{text}"))
}

fn in_instance(lines: &str) -> String {
    format!(
        "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\n{lines}\n\
         virtual_ipaddress {{ 10.0.0.1/24 }}\n}}\n"
    )
}

/// Everything that counts, without line numbers.
fn counted(loaded: &Loaded) -> Vec<String> {
    let counting = loaded.diags.iter().filter(|d| d.level != Level::Note);
    counting.map(|d| d.text.clone()).collect()
}

/// An instance that is used, with the one thing said about it.
#[track_caller]
fn corrected(lines: &str, expected: &str) -> VrrpInstance {
    let mut loaded = read(&in_instance(lines));
    assert_eq!(counted(&loaded), [expected], "{:#?}", said(&loaded));
    assert_eq!(loaded.exit_status_for_test(), 5);
    assert_eq!(loaded.refusal(), None);
    loaded.model.vrrp.instances.remove(0)
}

/// A text that the daemon does not start with.
#[track_caller]
fn refused(text: &str, expected: &str) {
    let loaded = read(text);
    assert!(counted(&loaded).iter().any(|t| t == expected), "{:#?}", said(&loaded));
    assert_eq!(loaded.refusal().map(|r| r.exit_status()), Some(2));
    assert_eq!(loaded.exit_status_for_test(), 5);
}

#[test]
fn instances_that_cannot_run_are_refused() {
    refused(
        "vrrp_instance A {\ninterface eth0\nvirtual_ipaddress { 10.0.0.1 }\n}\n",
        "(A) the virtual router id must be set",
    );
    refused(
        "vrrp_instance A {\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\n}\n",
        "(A) Unknown interface!",
    );
    refused(
        "vrrp_instance A {\nvirtual_router_id 1\nunicast_peer { 10.9.9.2 }\n\
         virtual_ipaddress { 10.0.0.1 }\n}\n",
        "(A) unicast without an interface needs unicast_src_ip",
    );
    refused(
        "vrrp_instance A {\nvirtual_router_id 1\nunicast_src_ip fe80::1\n\
         unicast_peer { fe80::2 }\nvirtual_ipaddress { fe80::9 }\n}\n",
        "(A) unicast without an interface cannot use a link-local source address",
    );
    refused(
        "vrrp_instance A {\nvirtual_router_id 1\nuse_vmac\nunicast_src_ip 10.9.9.1\n\
         unicast_peer { 10.9.9.2 }\nvirtual_ipaddress { 10.0.0.1 }\n}\n",
        "(A) use_vmac and use_ipvlan need an interface",
    );
    let no_vip = "(A) No VIP specified; at least one is required";
    for lines in ["version 3", "strict_mode on"] {
        let text =
            format!("vrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\n{lines}\n}}\n");
        refused(&text, no_vip);
    }
    refused(
        &in_instance("strict_mode on\nunicast_peer { 10.9.9.2 }"),
        "(A) strict mode has no unicast peers on an interface with multicast",
    );
}

#[test]
fn an_instance_without_addresses_is_warned_of_unless_that_is_meant() {
    let text = |more: &str| {
        format!("vrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\n{more}\n}}\n")
    };
    let loaded = read(&text(""));
    assert_eq!(counted(&loaded), ["(A) No VIP specified; at least one is sensible"]);
    assert_eq!(loaded.worst(), Level::Warning);
    assert_eq!(read(&text("no_virtual_ipaddress")).exit_status_for_test(), 0);
}

#[test]
fn a_router_id_is_used_once_on_an_interface() {
    let two = |a: &str, b: &str| {
        format!(
            "vrrp_instance A {{\nvirtual_router_id 7\n{a}\nvirtual_ipaddress {{ 10.0.0.1 }}\n}}\n\
             vrrp_instance B {{\nvirtual_router_id 7\n{b}\nvirtual_ipaddress {{ 10.0.0.2 }}\n}}\n"
        )
    };
    refused(
        &two("interface eth0", "interface eth0"),
        "A and B both use VRID 7 with IPv4 on interface eth0",
    );
    let fine = |a: &str, b: &str| {
        let loaded = read(&two(a, b));
        assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    };
    fine("interface eth0", "interface eth1");
    fine("interface eth0", "interface eth0\nmcast_dst_ip 224.0.0.19");
    fine("interface eth0", "interface eth0\nunicast_peer { 10.9.9.2 }");
    fine(
        "interface eth0\nunicast_src_ip 10.9.9.1\nunicast_peer { 10.9.9.2 }",
        "interface eth0\nunicast_src_ip 10.9.9.1\nunicast_peer { 10.9.9.3 }",
    );
    refused(
        &two(
            "interface eth0\nunicast_src_ip 10.9.9.1\nunicast_peer {\n10.9.9.2\n10.9.9.3\n}",
            "interface eth0\nunicast_src_ip 10.9.9.1\nunicast_peer { 10.9.9.3 }",
        ),
        "(A) duplicate VRID conflict: B has VRID 7 and a peer in common",
    );
}

#[test]
fn what_an_owner_or_a_first_master_cannot_do_is_cleared() {
    let a = corrected(
        "priority 255\nnopreempt",
        "(A) nopreempt has no place with priority 255 - clearing it",
    );
    assert!(!a.nopreempt);
    let a = corrected(
        "priority 150\nstate MASTER\nnopreempt",
        "(A) nopreempt has no place with state MASTER - clearing it",
    );
    assert!(!a.nopreempt);
    let a = corrected(
        "state MASTER\npriority 150\npreempt_delay 10",
        "(A) preempt_delay has no place with state MASTER - clearing it",
    );
    assert_eq!(a.preempt_delay, Duration::ZERO);
    corrected(
        "nopreempt\npreempt_delay 10",
        "(A) preempt_delay has no place with nopreempt - clearing it",
    );
    let a = corrected(
        "timer_expired_backup 200",
        "(A) timer_expired_backup needs nopreempt - clearing it",
    );
    assert_eq!(a.timer_expired_backup, None);
    corrected("state MASTER\nstate BACKUP", "(A) state is MASTER already - ignoring BACKUP");
}

#[test]
fn a_bad_priority_is_100_and_a_bad_delay_none() {
    let text = "(A) priority '300' is invalid - using 100";
    assert_eq!(corrected("priority 150\npriority 300", text).priority, Priority(100));
    let text = "(A) Preempt_delay not valid! must be between 0-1000";
    let a = corrected("preempt_delay 10\npreempt_delay 1001", text);
    assert_eq!(a.preempt_delay, Duration::ZERO);
}

#[test]
fn intervals_fit_their_version() {
    let a = corrected(
        "advert_int 1.5",
        "(A) advert_int 1.5s must be whole seconds in version 2 - rounding to 2s",
    );
    assert_eq!(a.advert_int, Duration::from_secs(2));
    let a = corrected(
        "advert_int 0.4",
        "(A) advert_int 0.4s must be whole seconds in version 2 - rounding to 1s",
    );
    assert_eq!(a.advert_int, Duration::from_secs(1));
    let a = corrected(
        "version 3\nadvert_int 0.123456",
        "(A) VRRPv3 advertisement interval 0.123456s must be in units of 10ms - rounding",
    );
    assert_eq!(a.advert_int, Duration::from_millis(120));
    let a = corrected(
        "version 3\nadvert_int 50",
        "(A) VRRPv3 advertisement interval 50.00s is out of range. Must be less than 40.96s. \
         Setting to 40.95s",
    );
    assert_eq!(a.advert_int, Duration::from_millis(40_950));
    let a = corrected(
        "version 2\nversion 3",
        "(A) version 3 contradicts version 2 above - ignoring it",
    );
    assert_eq!(a.version, Version::V2);
}

#[test]
fn passwords_go_where_they_have_no_place() {
    let auth = "authentication {\nauth_type PASS\nauth_pass 1234\n}";
    for (more, text) in [
        ("version 3", "(A) version 3 has no authentication - ignoring it"),
        ("strict_mode on", "(A) strict mode has no authentication - ignoring it"),
        (
            "auth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nactive_key 1\n}",
            "(A) auth_hmac replaces authentication - ignoring the latter",
        ),
    ] {
        assert_eq!(corrected(&format!("{auth}\n{more}"), text).auth, None);
    }
    let a = corrected(
        "auth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nactive_key 2\n}",
        "(A) auth_hmac active_key 2 is not a defined key - auth_hmac is disabled",
    );
    assert_eq!(a.auth_hmac, None);
    let loaded = read(&in_instance("auth_hmac {\nkey 1 short\nactive_key 1\n}"));
    assert_eq!(
        counted(&loaded)[0],
        "(A) auth_hmac key 1: length 5 is not 32 to 64 bytes - ignoring"
    );
    assert!(!said(&loaded).iter().any(|s| s.contains("short")), "a key is never shown");
}

#[test]
fn authentication_headers_begin_as_backup() {
    let ah = "authentication {\nauth_type AH\nauth_pass 1234\n}\nstate MASTER";
    let text = "(A) auth_type AH cannot begin with state MASTER - clearing it";
    let a = corrected(&format!("{ah}\npriority 150"), text);
    assert!(!a.wants_master && a.auth.is_some());
    let loaded = read(&in_instance(ah));
    assert_eq!(loaded.exit_status_for_test(), 0, "an owner does: {:#?}", said(&loaded));
}

#[test]
fn secrets_are_hidden_in_what_is_drawn() {
    let loaded = read(&in_instance(
        "authentication {\nauth_type FOO\nauth_pass overlong1\n}\nauth_pass again",
    ));
    let drawn: Vec<String> =
        loaded.diags.iter().map(|d| conf::diag::render::draw(d, &loaded.sources, false)).collect();
    assert!(drawn.iter().any(|d| d.contains("auth_pass *********")), "{drawn:#?}");
    assert!(!drawn.iter().any(|d| d.contains("overlong") || d.contains("again")), "{drawn:#?}");
}

#[test]
fn a_key_file_is_for_its_owner_alone() {
    let key = "0123456789abcdef0123456789abcdef\n";
    let text = in_instance("auth_hmac {\nkey 1 file:/etc/key\nactive_key 1\n}");
    let with_mode = |mode| test_on(machine().file("/etc/key", key).mode("/etc/key", mode), &text);
    let loaded = with_mode(0o600);
    assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    let hmac = loaded.model.vrrp.instances[0].auth_hmac.clone().unwrap();
    assert_eq!(hmac.keys[0].1.expose(), key.trim_end().as_bytes());
    let loaded = with_mode(0o640);
    assert_eq!(loaded.exit_status_for_test(), 6);
    let diag = loaded.diags.iter().find(|d| d.level == Level::Security).unwrap();
    assert!(diag.help[0].contains("chmod 600 /etc/key"), "{diag:?}");
}

#[test]
fn strict_mode_resets_what_departs_from_the_rfc() {
    let strict = |lines: &str, text: &str| corrected(&format!("strict_mode on\n{lines}"), text);
    let a = strict("down_timer_adverts 5", "(A) strict mode has down_timer_adverts 3 - using that");
    assert_eq!(a.down_timer_adverts, 3);
    let a = strict("preempt_delay 5", "(A) strict mode has no preempt_delay - clearing it");
    assert_eq!(a.preempt_delay, Duration::ZERO);
    let a = strict(
        "garp_lower_prio_repeat 5",
        "(A) strict mode has no garp_lower_prio_repeat and garp_lower_prio_delay - clearing them",
    );
    assert_eq!((a.garp.lower_prio_repeat, a.garp.lower_prio_delay), (0, Duration::ZERO));
    let a = strict(
        "lower_prio_no_advert off",
        "(A) strict mode has lower_prio_no_advert on - setting it",
    );
    assert!(a.lower_prio_no_advert);
    let a = strict(
        "higher_prio_send_advert on",
        "(A) strict mode has higher_prio_send_advert off - clearing it",
    );
    assert!(!a.higher_prio_send_advert);
    let a = strict(
        "use_vmac 02:00:00:00:00:01",
        "(A) strict mode has the protocol's MAC only - ignoring the one given",
    );
    assert_eq!(a.vmac.unwrap().mac, None);
    let a = strict("accept", "(A) strict mode of version 2 has no accept (RFC 3768) - clearing it");
    assert!(!a.accept);
    let a = strict(
        "state MASTER\npriority 150",
        "(A) strict mode has state MASTER for priority 255 only - clearing it",
    );
    assert!(!a.wants_master);
    let loaded = read(&in_instance("strict_mode on\nversion 3"));
    assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    let a = &loaded.model.vrrp.instances[0];
    assert!(!a.accept && a.lower_prio_no_advert && !a.owner_ignore_adverts);
    let loaded = read(&in_instance("strict_mode on\npriority 255"));
    let a = &loaded.model.vrrp.instances[0];
    assert!(a.accept && a.owner_ignore_adverts && a.wants_master);
}

#[test]
fn strict_mode_overrides_global_defaults_without_a_word() {
    let globals = "global_defs {\nvrrp_strict\nvrrp_higher_prio_send_advert\n\
                   vrrp_lower_prio_no_advert off\nvrrp_garp_lower_prio_repeat 3\n\
                   vrrp_garp_lower_prio_delay 3\n}\n";
    let loaded = read(&format!("{globals}{}", in_instance("")));
    assert_eq!(counted(&loaded), [""; 0]);
    let a = &loaded.model.vrrp.instances[0];
    assert!(a.strict && !a.accept && !a.higher_prio_send_advert && a.lower_prio_no_advert);
    assert_eq!((a.garp.lower_prio_repeat, a.garp.lower_prio_delay), (0, Duration::ZERO));
    // An instance may be left out.
    let loaded = read(&format!("{globals}{}", in_instance("strict_mode off\npreempt_delay 5")));
    assert_eq!(counted(&loaded), [""; 0]);
    let a = &loaded.model.vrrp.instances[0];
    assert!(!a.strict && a.accept && a.higher_prio_send_advert && !a.lower_prio_no_advert);
    assert_eq!(a.preempt_delay, Duration::from_secs(5));
}

#[test]
fn strict_mode_has_ipv6_in_version_3_with_a_link_local_address_first() {
    let of = |version: u8, vips: &str| {
        read(&format!(
            "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\nstrict_mode on\n\
             version {version}\nvirtual_ipaddress {{\n{vips}\n}}\n}}\n"
        ))
    };
    let loaded = of(2, "fe80::1\n2001:db8::1");
    assert_eq!(counted(&loaded), ["(A) strict mode has IPv6 in version 3 only - using that"]);
    assert_eq!(loaded.model.vrrp.instances[0].version, Version::V3);
    let loaded = of(3, "2001:db8::1\nfe80::1");
    assert_eq!(counted(&loaded), ["(A) the first IPv6 VIP should be link-local (RFC 9568)"]);
    assert_eq!(loaded.refusal(), None);
}

#[test]
fn strict_mode_keeps_the_mac_and_the_keys_of_the_protocol() {
    let a = corrected(
        "strict_mode on\nuse_vmac\nvmac_xmit_base",
        "(A) strict mode has no vmac_xmit_base - clearing it",
    );
    assert!(a.vmac.is_some() && !a.vmac_xmit_base);
    let a = corrected(
        "strict_mode on\nversion 3\nauth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\n\
         active_key 1\nmode permissive\n}",
        "(A) strict mode has auth_hmac mode enforce - using that",
    );
    assert_eq!(a.auth_hmac.map(|h| h.mode), Some(model::vrrp::HmacMode::Enforce));
    let a = corrected(
        "strict_mode on\nno_virtual_ipaddress",
        "(A) strict mode has no no_virtual_ipaddress - clearing it",
    );
    assert!(!a.no_vips);
}

#[test]
fn strict_mode_has_an_owner_begin_as_master() {
    let text = "(A) strict mode has state MASTER for priority 255 - using that";
    assert!(corrected("strict_mode on\npriority 255\nstate BACKUP", text).wants_master);
}

#[test]
fn unicast_keywords_without_peers() {
    let deprecated = "(A) there is a unicast keyword but no unicast_peer. Multicast is used.";
    let a = corrected("check_unicast_src", deprecated);
    assert_eq!((a.unicast, a.config_faults), (None, 0));
    let fault = "(A) there is a unicast keyword but no unicast_peer. The instance stays in FAULT.";
    let a = corrected("check_unicast_src\nunicast_fault_no_peer", fault);
    assert_eq!((a.fault_no_peer, a.config_faults), (true, 1));
    let a = corrected("unicast_ttl 64", "(A) unicast_ttl needs unicast peers - ignoring it");
    assert_eq!(a.unicast, None, "multicast leaves the host all the same");
}

#[test]
fn an_owner_may_heed_adverts_when_told_so() {
    let text = "(A) owner_ignore_adverts off: keepalived 2.4 turns it on for an address owner";
    assert!(!corrected("priority 255\nowner_ignore_adverts off", text).owner_ignore_adverts);
    let text = "(A) owner_ignore_adverts is for priority 255 only - resetting";
    assert!(!corrected("owner_ignore_adverts on", text).owner_ignore_adverts);
}

#[test]
fn skip_check_adv_addr_off_is_off() {
    let text = format!(
        "global_defs {{\nvrrp_skip_check_adv_addr on\n}}\n{}",
        in_instance("skip_check_adv_addr off")
    );
    let loaded = read(&text);
    assert!(!loaded.model.vrrp.instances[0].skip_check_adv_addr);
}

#[test]
fn addresses_beyond_the_packet_are_moved_not_lost() {
    let many: String = (0..300).map(|i| format!("10.1.{}.{}\n", i / 200, i % 200 + 1)).collect();
    let text = format!(
        "vrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\n\
         virtual_ipaddress {{\n{many}}}\nvirtual_ipaddress_excluded {{ 10.9.0.1 }}\n}}\n"
    );
    let loaded = read(&text);
    let a = &loaded.model.vrrp.instances[0];
    assert_eq!((a.vips.len(), a.evips.len()), (255, 46));
    assert_eq!(a.evips[0].prefix.addr.to_string(), "10.1.1.56");
    let expected = "(A) 300 VIPs do not fit an advert, 255 do - the rest become excluded VIPs";
    assert_eq!(counted(&loaded), [expected]);
}

#[test]
fn what_an_interface_cannot_do_is_a_lasting_fault() {
    let text = |more: &str| {
        format!(
            "vrrp_instance A {{\ninterface tun0\nvirtual_router_id 1\n{more}\n\
             virtual_ipaddress {{ 10.0.0.1 }}\n}}\n"
        )
    };
    let loaded = read(&text(""));
    assert_eq!(loaded.model.vrrp.instances[0].config_faults, 1);
    assert_eq!(loaded.exit_status_for_test(), 5);
    let loaded = read(&text("unicast_peer { 10.9.9.2 }"));
    assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    let loaded = read(&text("use_vmac\nunicast_peer { 10.9.9.2 }"));
    let a = &loaded.model.vrrp.instances[0];
    assert_eq!((a.vmac.is_none(), a.config_faults), (true, 1));
    let a = corrected(
        "use_ipvlan",
        "(A) use_ipvlan needs an address for IPv4 - the instance stays in FAULT",
    );
    assert_eq!(a.config_faults, 1);
}

#[test]
fn missing_interfaces_refuse_the_start_unless_they_may_appear() {
    let text = "vrrp_instance A {\ninterface eth9\nvirtual_router_id 1\n\
                virtual_ipaddress { 10.0.0.1 dev eth8 }\n}\n";
    refused(text, "Non-existent interface specified in configuration");
    refused(text, "address 10.0.0.1: interface eth8 doesn't exist");
    for dynamic in [
        format!("global_defs {{\ndynamic_interfaces\n}}\n{text}"),
        format!("{text}global_defs {{\ndynamic_interfaces allow_if_changes\n}}\n"),
    ] {
        let loaded = read(&dynamic);
        assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
        assert_eq!(loaded.model.vrrp.instances[0].interface.as_deref(), Some("eth9"));
    }
}

#[test]
fn interfaces_that_an_instance_makes_need_not_exist() {
    let text = |tracked: &str| {
        format!(
            "{}vrrp_instance B {{\ninterface eth1\nvirtual_router_id 2\n\
             track_interface {{ {tracked} }}\nvirtual_ipaddress {{ 10.0.1.1 }}\n}}\n",
            in_instance("use_vmac\ntrack_interface { vv.7 }")
                + &in_instance("use_vmac vv.7").replace(" A ", " C ").replace("id 1", "id 7")
        )
    };
    for own in ["vrrp.1", "vv.7"] {
        let loaded = read(&text(own));
        assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    }
    refused(&text("vrrp.3"), "Non-existent interface specified in configuration");
}

#[test]
fn delays_of_unknown_interfaces_are_fatal_errors() {
    let loaded = read("interface_up_down_delays { eth9 1 2 }\n");
    assert_eq!(loaded.exit_status_for_test(), 4);
    assert!(loaded.model.vrrp.debounce.is_empty());
    let text = format!("interface_up_down_delays {{ eth0 9 0.5 }}\n{}", in_instance(""));
    let loaded = read(&text);
    let debounce = &loaded.model.vrrp.debounce[0];
    assert_eq!(debounce.up, Duration::from_millis(500));
    let least = Duration::from_secs(2) - Duration::from_secs(1) / 256;
    assert_eq!(debounce.down, least, "less than the adverts that may be missed");
}

fn group(members: &str, more: &str) -> String {
    let one = |name: &str, id: u8, more: &str| {
        format!(
            "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {id}\n{more}\n\
             virtual_ipaddress {{ 10.0.0.{id} }}\n}}\n"
        )
    };
    format!(
        "vrrp_script s {{\nscript /usr/bin/true\nweight 10\n}}\ntrack_file f {{\nfile /tmp/x\n}}\n{}{}{}\
         vrrp_sync_group G {{\ngroup {{ {members} }}\n{more}\n}}\n",
        one("A", 1, "track_script { s }\ntrack_interface { eth1 weight 10 }\ntrack_file { f }"),
        one("B", 2, ""),
        one("C", 3, "priority 255"),
    )
}

#[test]
fn members_of_a_group_share_one_priority() {
    let loaded = read(&group("A B", ""));
    assert_eq!(
        counted(&loaded),
        [
            "(A) in a sync group tracked interface eth1 gets weight 0",
            "(A) in a sync group tracked script s has no place with a weight - ignoring it",
        ]
    );
    let a = &loaded.model.vrrp.instances[0];
    assert_eq!(a.track_interfaces[0].weight, Weight(0));
    assert_eq!(a.tracks.len(), 1, "the file of weight 1 becomes a fault");
    assert_eq!(a.tracks[0].weight, Weight(0));
    let loaded = read(&group("A B", "sync_group_tracking_weight"));
    assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    let loaded = read(&group("B C", "track_script { s }"));
    let text = "(G) a member has priority 255: tracked script s gets weight 0";
    assert_eq!(counted(&loaded), [text]);
}

#[test]
fn groups_need_members_that_exist_and_are_free() {
    let said_of = |text: &str| counted(&read(text));
    assert_eq!(said_of("vrrp_sync_group G {\n}\n"), ["Sync group G has no members - ignoring it"]);
    let two = format!("{}vrrp_sync_group H {{\ngroup {{ B C X }}\n}}\n", group("B C", ""));
    let loaded = read(&two);
    assert_eq!(
        counted(&loaded),
        [
            "(H) B is in another sync group already - ignoring it here",
            "(H) C is in another sync group already - ignoring it here",
            "Virtual router X specified in sync group H doesn't exist - ignoring",
            "Sync group H has no usable member - ignoring it",
        ]
    );
    assert_eq!(loaded.model.vrrp.sync_groups.len(), 1);
}

#[test]
fn scripts_that_cannot_be_run_leave_their_trackers() {
    let text = format!(
        "vrrp_script gone {{\nscript /usr/bin/gone\n}}\n{}",
        in_instance("track_script {\ngone\n}\nnotify_master /usr/bin/gone")
    );
    let loaded = read(&text);
    assert_eq!(counted(&loaded), ["Disabling track script gone since not found/accessible"]);
    let a = &loaded.model.vrrp.instances[0];
    assert_eq!((a.tracks.len(), a.notify.master), (0, None));
}

#[test]
fn unused_scripts_are_named_outside_of_tests() {
    let text = "global_defs {\nenable_script_security\nscript_user root\n}\n\
                vrrp_script s {\nscript /usr/bin/true\n}\n";
    assert_eq!(read(text).exit_status_for_test(), 0);
    let loaded = load(&machine().file("f.conf", text), &LoadOptions::new("f.conf"));
    assert_eq!(counted(&loaded), ["Warning - script s is not used"]);
}

#[test]
fn the_sync_daemon_follows_an_instance_that_exists() {
    let text = |name: &str| {
        format!("global_defs {{\nlvs_sync_daemon eth0 inst {name}\n}}\n{}", in_instance(""))
    };
    assert!(read(&text("A")).model.global.ipvs.sync_daemon.is_some());
    let loaded = read(&text("Z"));
    assert_eq!(loaded.exit_status_for_test(), 5);
    assert_eq!(loaded.model.global.ipvs.sync_daemon, None);
}

/// Each case was seen to be an error of the reference as well.
#[test]
fn what_is_said_twice_or_does_not_fit_is_an_error() {
    let a = corrected("use_vmac vv.1\nuse_vmac vv.2", "use_vmac has a name already");
    assert_eq!(a.vmac.unwrap().name.as_deref(), Some("vv.1"));
    let macs = "use_vmac 02:00:00:00:00:01\nuse_vmac 02:00:00:00:00:02";
    let a = corrected(macs, "use_vmac has a MAC already");
    assert_eq!(a.vmac.unwrap().mac, Some([2, 0, 0, 0, 0, 1]));
    corrected("notify_deleted\nnotify_deleted", "(A) notify_deleted is given twice - ignoring");
    let text = "(A) kernel_rx_buf_size takes one number - ignoring";
    assert_eq!(corrected("kernel_rx_buf_size 1 2", text).kernel_rx_buf_size, None);
    let none = "(A) Authentication specified but no password given. Ignoring";
    assert_eq!(corrected("authentication {\nauth_type PASS\nauth_pass \"\"\n}", none).auth, None);
    let loaded = read(&in_instance("use_ipvlan ::1"));
    let texts = [
        "(A) the address ::1/128 of use_ipvlan is not of IPv4 - ignoring it",
        "(A) use_ipvlan needs an address for IPv4 - the instance stays in FAULT",
    ];
    assert_eq!(counted(&loaded), texts);
}

#[test]
fn lines_of_use_vmac_add_up() {
    let loaded = read(&in_instance("use_vmac vv.1\nuse_vmac 02:00:00:00:00:01\nuse_vmac group 4"));
    assert_eq!(counted(&loaded), [""; 0]);
    let vmac = loaded.model.vrrp.instances[0].vmac.clone().unwrap();
    assert_eq!((vmac.name.as_deref(), vmac.group), (Some("vv.1"), Some(4)));
    assert_eq!(vmac.mac, Some([2, 0, 0, 0, 0, 1]));
}

#[test]
fn a_refresh_may_be_as_rare_as_one_likes() {
    let loaded = read(&in_instance("garp_master_refresh 86400"));
    assert_eq!(counted(&loaded), [""; 0]);
    let garp = &loaded.model.vrrp.instances[0].garp;
    assert_eq!(garp.master_refresh, Duration::from_hours(24));
}
