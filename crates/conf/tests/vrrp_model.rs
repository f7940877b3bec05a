//! What configurations of VRRP become.

mod common;

use std::net::IpAddr;
use std::time::Duration;

use common::{host, said, test_on};
use conf::host::IfFacts;
use conf::testing::MapHost;
use model::track::TrackKind;
use model::vrrp::{Auth, Garp, HmacMode, OldChecksum, Version, VrrpInstance};
use model::{Config, Secret};
use types::{Family, Priority, Weight};

fn machine() -> MapHost {
    host()
        .interface("eth1")
        .file("/usr/bin/true", "")
        .mode("/usr/bin/true", 0o755)
        .file("/tmp/other", "")
        .interface_with("blue", IfFacts { index: 9, vrf_table: Some(77), ..IfFacts::default() })
}

/// The model of a text that has nothing to be complained about.
#[track_caller]
fn model(text: &str) -> Config {
    let secure = "global_defs {\nenable_script_security\nscript_user root\n}\n";
    let loaded = test_on(machine(), &format!("{secure}{text}"));
    assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    loaded.model
}

#[track_caller]
fn instance(lines: &str) -> VrrpInstance {
    let text = format!("vrrp_instance A {{\ninterface eth0\nvirtual_router_id 51\n{lines}\n}}\n");
    model(&text).vrrp.instances.remove(0)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_instance_has_the_defaults_of_the_reference() {
    let a = instance("virtual_ipaddress { 10.0.0.1/24 }");
    assert_eq!((a.name.as_str(), a.vrid.get()), ("A", 51));
    assert_eq!((a.family, a.version), (Family::V4, Version::V2));
    assert_eq!((a.priority, a.wants_master, a.nopreempt), (Priority(100), false, false));
    assert_eq!((a.advert_int, a.down_timer_adverts), (Duration::from_secs(1), 3));
    assert_eq!((a.mcast_group, a.unicast, a.source), (ip("224.0.0.18"), None, None));
    assert_eq!((a.accept, a.strict, a.skip_check_adv_addr), (true, false, false));
    assert_eq!(a.garp, Garp::default());
    assert_eq!((a.config_faults, a.fault_no_peer), (0, false));
    assert_eq!(a.vips[0].prefix.to_string(), "10.0.0.1/24");
}

#[test]
fn ipv6_implies_version_3_and_its_own_group() {
    let a = instance("virtual_ipaddress {\nfe80::1\n2001:db8::1/64\n}");
    assert_eq!((a.family, a.version), (Family::V6, Version::V3));
    assert_eq!(a.mcast_group, ip("ff02::12"));
    assert_eq!(a.vips[1].flags, 0x02, "no duplicate address detection");
    assert_eq!(instance("native_ipv6\nvirtual_ipaddress { fe80::1 }").version, Version::V3);
}

#[test]
fn state_master_without_a_priority_is_the_owner() {
    let vip = "virtual_ipaddress { 10.0.0.1/24 }";
    let a = instance(&format!("state MASTER\n{vip}"));
    assert_eq!((a.priority, a.wants_master), (Priority::OWNER, true));
    let a = instance(&format!("state MASTER\npriority 150\n{vip}"));
    assert_eq!((a.priority, a.wants_master), (Priority(150), true));
    let a = instance(&format!("priority 255\n{vip}"));
    assert_eq!((a.priority, a.wants_master), (Priority::OWNER, true));
}

#[test]
fn global_defaults_reach_every_instance_wherever_they_stand() {
    let instances = "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\n\
         virtual_ipaddress { 10.0.0.1 }\n}\n\
         vrrp_instance B {\ninterface eth0\nvirtual_router_id 2\n\
         garp_master_repeat 2\ndown_timer_adverts 4\nversion 2\n\
         virtual_ipaddress { 10.0.0.2 }\n}\n";
    let globals = "global_defs {\nvrrp_version 3\nvrrp_garp_master_delay 7\n\
         vrrp_garp_master_repeat 3\nvrrp_down_timer_adverts 5\nvrrp_mcast_group4 224.0.0.19\n\
         vrrp_lower_prio_no_advert\nsmtp_alert\n}\n";
    for text in [format!("{globals}{instances}"), format!("{instances}{globals}")] {
        let config = model(&text);
        let [a, b] = &config.vrrp.instances[..] else { panic!("two instances") };
        assert_eq!((a.version, a.down_timer_adverts, a.garp.master_repeat), (Version::V3, 5, 3));
        assert_eq!((b.version, b.down_timer_adverts, b.garp.master_repeat), (Version::V2, 4, 2));
        assert_eq!((a.garp.lower_prio_repeat, b.garp.lower_prio_repeat), (3, 2));
        assert_eq!(a.garp.lower_prio_delay, Duration::from_secs(7));
        assert!(a.lower_prio_no_advert && a.smtp_alert);
        assert_eq!(a.mcast_group, ip("224.0.0.19"));
    }
}

#[test]
fn min_garp_changes_what_is_still_at_its_default() {
    let pacing = |more: &str| {
        let text = format!(
            "global_defs {{\n{more}\n}}\nvrrp_instance A {{\ninterface eth0\n\
             virtual_router_id 1\nvirtual_ipaddress {{ 10.0.0.1 }}\n}}\n"
        );
        model(&text).vrrp.instances.remove(0).garp
    };
    let garp = pacing("vrrp_min_garp");
    assert_eq!((garp.master_repeat, garp.master_delay), (1, Duration::ZERO));
    assert_eq!(garp.master_refresh_repeat, 1, "a refresh of no packets is none");
    let garp = pacing("vrrp_garp_master_repeat 4\nvrrp_min_garp");
    assert_eq!((garp.master_repeat, garp.master_delay), (4, Duration::ZERO));
    let garp = pacing("vrrp_min_garp\nvrrp_garp_master_repeat 4");
    assert_eq!(garp.master_repeat, 4);
    assert_eq!(pacing("vrrp_min_garp off"), Garp::default());
}

#[test]
fn unicast_settings_come_together() {
    let a = instance(
        "unicast_src_ip 10.9.9.1\nunicast_peer {\n10.9.9.2\n10.9.9.3 min_ttl 250 max_ttl 254\n}\n\
         unicast_ttl 64\nold_unicast_checksum never\nvirtual_ipaddress { 10.0.0.1 }",
    );
    let unicast = a.unicast.unwrap();
    assert_eq!(a.source, Some(ip("10.9.9.1")));
    assert_eq!((unicast.ttl, unicast.old_checksum), (Some(64), OldChecksum::Never));
    assert!(unicast.check_source, "limits of TTL need to know the peer");
    let peers: Vec<_> = unicast.peers.iter().map(|p| (p.addr, p.min_ttl, p.max_ttl)).collect();
    assert_eq!(peers, [(ip("10.9.9.2"), 0, 255), (ip("10.9.9.3"), 250, 254)]);
}

#[test]
fn unicast_needs_no_interface() {
    let config = model(
        "vrrp_instance A {\nvirtual_router_id 1\nvrf blue\nunicast_src_ip 10.9.9.1\n\
         unicast_peer { 10.9.9.2 }\nvirtual_ipaddress { 10.0.0.1 dev eth0 }\n}\n",
    );
    let a = &config.vrrp.instances[0];
    assert_eq!((a.interface.as_deref(), a.vrf.as_deref()), (None, Some("blue")));
}

#[test]
fn passwords_are_cut_to_eight_bytes_and_keys_are_read() {
    let a = instance(
        "authentication {\nauth_type AH\nauth_pass 12345678\n}\nvirtual_ipaddress { 10.0.0.1 }",
    );
    assert_eq!(a.auth, Some(Auth::Ah(Secret::new("12345678"))));
    let hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let text = format!(
        "version 3\nadvert_int 10\nauth_hmac {{\nkey 1 0123456789abcdef0123456789abcdef\n\
         key 2 hex:{hex}\nactive_key 2\nmode permissive\n}}\nvirtual_ipaddress {{ 10.0.0.1 }}"
    );
    let hmac = instance(&text).auth_hmac.unwrap();
    assert_eq!((hmac.active_key, hmac.time_window, hmac.monotonic), (2, 30, false));
    assert_eq!(hmac.mode, HmacMode::Permissive);
    assert_eq!(hmac.keys[0].1.expose(), b"0123456789abcdef0123456789abcdef");
    assert_eq!(hmac.keys[1].1.expose()[..3], [0x00, 0x11, 0x22]);
}

#[test]
fn tracked_objects_are_resolved_with_their_weights() {
    let config = model(
        "vrrp_script chk {\nscript /usr/bin/true\ninterval 0.5\ntimeout 2\nweight 10 reverse\n\
         rise 2\nfall 3\ninit_fail\n}\n\
         track_file tf {\nfile /tmp/x\ninit_file 5 overwrite\n}\n\
         vrrp_track_process tp {\nprocess httpd -k start\nquorum 2\nquorum_max 4\ndelay 0.5\n}\n\
         bfd_instance b1 {\nneighbor_ip 192.0.2.2\nweight -20\n}\n\
         vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\n\
         track_interface {\neth1 weight -30\n}\n\
         track_script {\nchk weight 7 noreverse\n}\ntrack_file {\ntf\n}\n\
         track_process {\ntp weight 9 reverse\n}\ntrack_bfd {\nb1\n}\n\
         virtual_ipaddress { 10.0.0.1 }\n}\n",
    );
    let a = &config.vrrp.instances[0];
    let named = |i: usize| {
        let tracked = &a.tracks[i];
        let name = config.tracks[tracked.id.index()].name.as_str();
        (name, tracked.weight, tracked.reverse)
    };
    assert_eq!(named(0), ("chk", Weight(7), false));
    assert_eq!(named(1), ("tf", Weight(1), false));
    assert_eq!(named(2), ("tp", Weight(9), true));
    assert_eq!(named(3), ("b1", Weight(-20), false));
    let interface = &a.track_interfaces[0];
    assert_eq!((interface.interface.as_str(), interface.weight), ("eth1", Weight(-30)));
    let TrackKind::Script(script) = &config.tracks[0].kind else { panic!("a script first") };
    assert_eq!(script.interval, Duration::from_millis(500));
    assert_eq!((script.timeout, script.rise, script.fall), (Duration::from_secs(2), 2, 3));
    assert!(script.init_fail && config.tracks[0].reverse);
    assert_eq!(config.tracks[0].weight, Weight(10));
    let process = config.tracks.iter().find_map(|t| match &t.kind {
        TrackKind::Process(process) => Some(process),
        _ => None,
    });
    let process = process.unwrap();
    assert_eq!((process.process.as_str(), process.params.len()), ("httpd", 2));
    assert_eq!((process.quorum, process.quorum_max), (2, Some(4)));
    assert!(process.full_command);
}

#[test]
fn a_session_of_bfd_has_its_defaults() {
    let config = model(
        "bfd_instance b1 {\nneighbor_ip 192.0.2.2\n}\n\
         bfd_instance b2 {\nneighbor_ip 2001:db8::2\nmin_rx 50.5\nmultiplier 3\nmax_hops -1\n\
         checker\n}\n",
    );
    let [b1, b2] = &config.bfd[..] else { panic!("two sessions") };
    let ms = Duration::from_millis;
    assert_eq!((b1.min_rx, b1.min_tx, b1.idle_tx), (ms(10), ms(10), ms(1000)));
    assert_eq!((b1.multiplier, b1.ttl, b1.max_hops), (5, 255, Some(0)));
    assert!(b1.vrrp && b1.checker);
    assert_eq!((b2.min_rx, b2.multiplier), (Duration::from_micros(50_500), 3));
    assert_eq!((b2.ttl, b2.max_hops, b2.vrrp), (64, None, false));
    assert_eq!(config.tracks.len(), 1, "VRRP hears of b1 alone");
}

#[test]
fn groups_know_their_members_and_scripts() {
    let one = |name: &str, id: u8| {
        format!(
            "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {id}\n\
             virtual_ipaddress {{ 10.0.0.{id} }}\n}}\n"
        )
    };
    let config = model(&format!(
        "vrrp_sync_group G {{\ngroup {{ A\nB }}\nnotify_master /usr/bin/true\n\
         notify \"/usr/bin/true a 'b c'\"\nsync_group_tracking_weight\n\
         track_interface {{ eth1 weight 5 }}\n}}\n{}{}",
        one("A", 1),
        one("B", 2)
    ));
    let group = &config.vrrp.sync_groups[0];
    assert_eq!(group.members, ["A", "B"]);
    assert!(group.tracking_weight);
    assert_eq!(group.track_interfaces[0].weight, Weight(5));
    let script = &config.scripts[group.notify.any.unwrap().index()];
    assert_eq!(
        (script.path.as_str(), &script.args[..]),
        ("/usr/bin/true", &["a".into(), "b c".to_owned()][..])
    );
    assert!(group.notify.master.is_some() && group.notify.backup.is_none());
}

#[test]
fn a_vmac_of_five_octets_ends_in_the_router_id() {
    let a = instance("use_vmac vv.51 02:00:00:00:00\nvirtual_ipaddress { 10.0.0.1 }");
    let vmac = a.vmac.unwrap();
    assert_eq!((vmac.name.as_deref(), vmac.mac), (Some("vv.51"), Some([2, 0, 0, 0, 0, 51])));
}

#[test]
fn instances_and_groups_in_thousands_are_read() {
    let mut text = String::new();
    for i in 0..4000 {
        text += &format!(
            "vrrp_instance VI_{i} {{\ninterface eth{}\nvirtual_router_id {}\n\
             virtual_ipaddress {{ 10.{}.{}.1/24 }}\n}}\n",
            i / 250,
            i % 250 + 1,
            i / 250 + 1,
            i % 250
        );
    }
    let loaded = test_on(MapHost::new(), &text);
    assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    assert_eq!(loaded.model.vrrp.instances.len(), 4000);
}
