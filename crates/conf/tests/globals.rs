//! `global_defs`, root-level settings and tracked objects: values, fallbacks
//! and what is said of bad ones.

mod common;

use std::time::Duration;

use common::{host, said, test_on};
use conf::host::IfFacts;
use conf::testing::MapHost;
use conf::{Level, LoadOptions, Loaded, load};
use model::global::{FlushOnStop, Global, RxBufsPolicy};
use model::track::{ParamMatch, TrackKind};

fn machine() -> MapHost {
    host()
        .interface("eth1")
        .interface_with("vrrp.9", IfFacts { index: 9, stacked: true, ..IfFacts::default() })
        .file("/usr/bin/true", "")
        .mode("/usr/bin/true", 0o755)
        .file("/tmp/other", "")
        .user("ops", 1000)
}

fn read(text: &str) -> Loaded {
    test_on(machine(), text)
}

fn counted(loaded: &Loaded) -> Vec<String> {
    let counting = loaded.diags.iter().filter(|d| d.level != Level::Note);
    counting.map(|d| d.text.clone()).collect()
}

#[track_caller]
fn global(lines: &str) -> Global {
    let loaded = read(&format!("global_defs {{\n{lines}\n}}\n"));
    assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    loaded.model.global
}

/// The settings after a line with one thing to be said about it.
#[track_caller]
fn said_of(lines: &str, expected: &str) -> Global {
    let loaded = read(&format!("global_defs {{\n{lines}\n}}\n"));
    assert_eq!(counted(&loaded), [expected], "{:#?}", said(&loaded));
    assert_eq!(loaded.exit_status_for_test(), 5);
    loaded.model.global
}

#[test]
fn process_settings_of_each_role() {
    let g = global(
        "process_names\nvrrp_process_name v\nvrrp_priority -5\nchecker_rt_priority 50\n\
         bfd_cpu_affinity 0\nbfd_no_swap\nchecker_rlimit_rttime 1\nvrrp_rlimit_rtime 200",
    );
    assert_eq!(g.vrrp_process.name.as_deref(), Some("v"));
    assert_eq!(g.checker_process.name.as_deref(), Some("keepalived_lvs"));
    assert_eq!((g.vrrp_process.nice, g.checker_process.rt_priority), (-5, 50));
    assert_eq!((&g.bfd_process.cpu_affinity[..], g.bfd_process.no_swap), (&[0][..], true));
    assert_eq!(g.checker_process.rlimit_rttime, Some(2), "half of it must not be zero");
    assert_eq!(g.vrrp_process.rlimit_rttime, Some(200));
}

#[test]
fn process_settings_fall_back() {
    let g = said_of(
        "process_name abcdefghijklmnopq",
        "process name abcdefghijklmnopq is longer than 15 bytes - cutting it",
    );
    assert_eq!(g.process_name.as_deref(), Some("abcdefghijklmno"));
    let g = said_of(
        "vrrp_rt_priority 100",
        "vrrp_rt_priority 100 is not 1 to 99 - using the nearest, 99",
    );
    assert_eq!(g.vrrp_process.rt_priority, 99);
    let text = "bfd_priority '30' is invalid - using 0";
    assert_eq!(said_of("bfd_priority -5\nbfd_priority 30", text).bfd_process.nice, 0);
    let g = said_of(
        "vrrp_cpu_affinity 0 500",
        "vrrp_cpu_affinity: there is no CPU '500' - ignoring all of the line",
    );
    assert!(g.vrrp_process.cpu_affinity.is_empty());
    let text = "max_auto_priority '100' is invalid - ignoring";
    assert_eq!(said_of("max_auto_priority 100", text).max_auto_priority, 0);
    assert_eq!(global("max_auto_priority").max_auto_priority, 99);
    assert_eq!(global("max_auto_priority -1").max_auto_priority, -1);
}

#[test]
fn users_of_scripts() {
    let g = global("script_user ops :nogroup");
    let user = g.script_user.unwrap();
    assert_eq!((user.uid, user.gid, user.supplementary), (1000, 65534, true));
    said_of("script_user nosuch", "script_user cannot be used");
    said_of("script_user", "script_user needs a user");
}

#[test]
fn a_mask_of_modes_is_a_number_or_names() {
    assert_eq!(global("umask 022").umask, Some(0o022));
    assert_eq!(global("umask 0x12").umask, Some(0o022));
    assert_eq!(global("umask IWGRP|IROTH").umask, Some(0o024));
    assert_eq!(said_of("umask 0999", "umask 0999 is not a file mode - ignoring").umask, None);
    assert_eq!(global("umask IWGRP | IROTH").umask, Some(0o024));
    assert_eq!(said_of("umask IRUSR|FOO", "umask has no bit 'FOO' - ignoring").umask, None);
    assert_eq!(said_of("umask IRUSR|", "umask has no bit '' - ignoring").umask, None);
    let two = "umask has no bit 'IRUSR IWGRP' - ignoring";
    assert_eq!(said_of("umask IRUSR IWGRP", two).umask, None);
    assert_eq!(said_of("umask 022 7", "umask 022 7 is not a file mode - ignoring").umask, None);
}

#[test]
fn the_first_of_two_counts() {
    let g = said_of("nftables a\nnftables b", "nftables is given twice; the first counts");
    assert_eq!(g.nftables.table.as_deref(), Some("a"));
    let g = said_of("snmp_socket a\nsnmp_socket b", "snmp_socket is a already - ignoring");
    assert_eq!(g.snmp.socket.as_deref(), Some("a"));
    let text = "notify_fifo is given twice - ignoring /tmp/b";
    let g = said_of("notify_fifo /tmp/a ops\nnotify_fifo /tmp/b", text);
    let fifo = g.fifos.all.unwrap();
    assert_eq!((fifo.path.as_str(), fifo.owner.map(|o| o.uid)), ("/tmp/a", Some(1000)));
    let text = "vmac_prefix is given twice - ignoring b";
    assert_eq!(said_of("vmac_prefix vrrp\nvmac_prefix b", text).vmac_prefix, "vrrp");
    let loaded = read("instance a\ninstance b\n");
    assert_eq!(counted(&loaded), ["Duplicate instance definition b - ignoring"]);
    assert_eq!(loaded.model.global.instance.as_deref(), Some("a"));
    assert!(loaded.model.global.use_pid_dir);
}

#[test]
fn an_unknown_owner_of_a_fifo_is_named() {
    let loaded = read("global_defs {\nnotify_fifo /tmp/a nosuch\n}\n");
    assert_eq!(loaded.exit_status_for_test(), 0);
    let text = "notify_fifo: user 'nosuch' does not exist; the default script user owns it";
    assert!(loaded.diags.iter().any(|d| d.text == text), "{:#?}", said(&loaded));
}

#[test]
fn firewall_tables() {
    let g = global("nftables_priority 5\nnftables fw\nnftables_counters");
    assert_eq!((g.nftables.priority, g.nftables.counters), (-1, true), "nftables resets it");
    let g = global("nftables\nnftables_priority 5");
    assert_eq!((g.nftables.table.as_deref(), g.nftables.priority), (Some("keepalived"), 5));
    let loaded = read("global_defs {\nvrrp_iptables in out\n}\n");
    assert_eq!(loaded.exit_status_for_test(), 5);
    assert_eq!(loaded.model.global.nftables.table.as_deref(), Some("keepalived"));
}

#[test]
fn receive_buffers() {
    let policy = |lines: &str| global(lines).buffers.rx_policy;
    assert_eq!(policy("vrrp_rx_bufs_policy mtu"), RxBufsPolicy::Mtu);
    assert_eq!(policy("vrrp_rx_bufs_policy 1000"), RxBufsPolicy::Bytes(1000));
    let text = "vrrp_rx_bufs_policy takes MTU or ADVERT; MTU counts";
    let g = said_of("vrrp_rx_bufs_policy ADVERT MTU", text);
    assert_eq!(g.buffers.rx_policy, RxBufsPolicy::Mtu);
    let text = "vrrp_rx_bufs_policy takes a size or a policy; the size counts";
    let g = said_of("vrrp_rx_bufs_policy 100 MTU", text);
    assert_eq!(g.buffers.rx_policy, RxBufsPolicy::Bytes(100));
    said_of("vrrp_rx_bufs_multiplier 1 2", "vrrp_rx_bufs_multiplier needs one number - ignoring");
}

#[test]
fn settings_of_ipvs() {
    let g = global(
        "lvs_timeouts tcp 900 udp 300\nlvs_flush\nlvs_flush_on_stop VS\nlvs_sync_daemon eth0 id 7 \
         maxlen 1400 port 8848 ttl 5 group 224.0.1.59",
    );
    assert_eq!((g.ipvs.timeout_tcp, g.ipvs.timeout_udp), (Some(900), Some(300)));
    assert_eq!(g.ipvs.flush_on_stop, FlushOnStop::VirtualServers);
    let daemon = g.ipvs.sync_daemon.unwrap();
    assert_eq!((daemon.id, daemon.maxlen, daemon.ttl), (Some(7), Some(1400), Some(5)));
    said_of("lvs_timeouts tcp", "lvs_timeouts needs tcp, tcpfin or udp with a time");
    said_of("lvs_timeouts tcp x", "lvs_timeouts tcp 'x' is invalid - ignoring");
    said_of("lvs_flush_on_stop x", "lvs_flush_on_stop takes VS or nothing, not x - ignoring");
}

#[test]
fn multicast_groups_are_groups_of_their_family() {
    let text = "vrrp_mcast_group4 10.0.0.1 is no multicast group - ignoring";
    assert_eq!(said_of("vrrp_mcast_group4 10.0.0.1", text).mcast_group4.octets(), [224, 0, 0, 18]);
    said_of("vrrp_mcast_group4 ff02::12", "vrrp_mcast_group4 ff02::12 is not of IPv4 - ignoring");
    said_of("vrrp_mcast_group4 x", "vrrp_mcast_group4 x is no address - ignoring");
    let text = "vrrp_mcast_group6 ff05::12 should be of link-local scope (ff02::/16)";
    let g = said_of("vrrp_mcast_group6 ff05::12", text);
    assert_eq!(g.mcast_group6, "ff05::12".parse::<std::net::Ipv6Addr>().unwrap());
}

#[test]
fn lenient_numbers_are_refused_in_tests_alone() {
    let text = "global_defs {\nvrrp_startup_delay 2\nstartup_script_timeout 20x\n}\n";
    assert_eq!(read(text).exit_status_for_test(), 5);
    let loaded = load(&machine().file("f.conf", text), &LoadOptions::new("f.conf"));
    assert!(!loaded.has_errors(), "{:#?}", said(&loaded));
    assert_eq!(loaded.model.global.startup_script_timeout, Duration::from_secs(20));
}

#[test]
fn groups_of_paced_interfaces() {
    let loaded = read(
        "garp_group {\ngarp_interval 0.1\ninterface eth0\n}\n\
         garp_group {\ngna_interval 0.2\ninterfaces { eth0 eth1\nvrrp.9 }\n}\n\
         garp_group {\ninterface eth1\n}\n\
         garp_group {\ngarp_interval 0\n}\n",
    );
    assert_eq!(
        counted(&loaded),
        [
            "eth0 is in a garp_group already - ignoring it",
            "a garp_group cannot hold the VMAC vrrp.9 - ignoring it",
            "eth1 is in a garp_group already - ignoring it",
            "a garp_group needs garp_interval or gna_interval - ignoring this one",
        ]
    );
    let groups = &loaded.model.vrrp.garp_groups;
    assert_eq!((groups[0].garp_interval, groups.len()), (Some(Duration::from_millis(100)), 3));
    assert_eq!(groups[2].garp_interval, Some(Duration::ZERO), "it overrides vrrp_garp_interval");
    assert_eq!(groups[1].interfaces, ["eth1"]);
}

#[test]
fn polled_links() {
    let loaded = read("linkbeat_interfaces {\neth0 ETHTOOL\neth1 FOO\nvrrp.9\n}\n");
    assert_eq!(counted(&loaded), ["linkbeat_interfaces: FOO is neither MII, ETHTOOL nor IOCTL"]);
    let names: Vec<_> = loaded.model.vrrp.linkbeat.iter().map(|l| l.interface.as_str()).collect();
    assert_eq!(names, ["eth0", "eth1"]);
}

#[test]
fn scripts_fall_back_to_usable_values() {
    let loaded = read(
        "global_defs {\nenable_script_security\nscript_user root\n}\n\
         vrrp_script s {\nscript /usr/bin/true\ninterval 0\ntimeout 0\nweight 300\nrise 0\n}\n",
    );
    assert_eq!(
        counted(&loaded),
        [
            "(s) interval must be more than 0 - using 1",
            "(s) timeout must be more than 0 - using 1",
            "(s) weight '300' is invalid - using what is nearest",
            "(s) rise '0' is invalid - using 1",
        ]
    );
    assert_eq!(loaded.model.tracks[0].weight.0, 253, "not out of range");
    assert_eq!(
        counted(&read("vrrp_script s {\n}\n")),
        ["vrrp_script s has no script - ignoring it"]
    );
}

#[test]
fn words_after_the_command_of_a_script_are_no_user() {
    let text = "global_defs {\nenable_script_security\nscript_user root\n}\n\
                vrrp_script s {\nscript /usr/bin/true a b\n}\n\
                vrrp_script t {\nscript \"/usr/bin/true a b\"\n}\n";
    let loaded = read(text);
    assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    let note = "(Line 6) script: what follows the command is ignored";
    assert!(said(&loaded).iter().any(|s| s == note), "{:#?}", said(&loaded));
    let [s, t] = &loaded.model.scripts[..] else { panic!("two scripts") };
    assert_eq!((s.args.len(), t.args.len()), (0, 2));
}

#[test]
fn the_user_of_a_script_may_stand_before_it() {
    let text = "global_defs {\nenable_script_security\n}\n\
                vrrp_script s {\nuser ops\nscript /usr/bin/true\n}\n";
    let loaded = read(text);
    assert_eq!(loaded.exit_status_for_test(), 0, "{:#?}", said(&loaded));
    assert_eq!(loaded.model.scripts[0].user.as_ref().map(|u| u.uid), Some(1000));
}

#[test]
fn an_object_defined_too_late_is_pointed_at() {
    let text = "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\n\
                virtual_ipaddress { 10.0.0.1 }\ntrack_file { f }\n}\n\
                track_file f {\nfile /tmp/x\n}\n";
    let loaded = read(text);
    assert_eq!(counted(&loaded), ["(A) track file f not found, ignoring..."]);
    let all = said(&loaded);
    let note = "(Line 7) track file f is defined below where it is tracked: move it up";
    assert!(all.iter().any(|s| s == note), "{all:#?}");
}

#[test]
fn processes_are_matched_and_counted() {
    let process = |lines: &str| {
        let loaded = read(&format!("vrrp_track_process p {{\n{lines}\n}}\n"));
        let kind = loaded.model.tracks.first().map(|t| t.kind.clone());
        let Some(TrackKind::Process(process)) = kind else { panic!("{:#?}", said(&loaded)) };
        (process, counted(&loaded))
    };
    let (p, none) = process("process httpd\nquorum_max 0");
    assert_eq!((p.quorum, p.quorum_max, none.len()), (0, Some(0), 0));
    let (p, _) = process("process \"/usr/bin/x\" a b\nparam_match initial");
    assert_eq!((p.param_match, p.params.len()), (ParamMatch::Initial, 2));
    let (p, text) = process("process a\nquorum_max 5\nquorum 10");
    assert_eq!((p.quorum, text), (1, vec!["quorum is more than quorum_max - ignoring it".into()]));
    let (p, text) = process("process a\nquorum 10\nquorum_max 5");
    assert_eq!(
        (p.quorum_max, text),
        (None, vec!["quorum_max is less than quorum - ignoring it".into()])
    );
    let loaded = read("vrrp_track_process p {\n}\n");
    assert_eq!(counted(&loaded), ["vrrp_track_process p has no process - ignoring it"]);
}

/// Such an object would wait forever for its process.
#[test]
fn a_process_name_that_none_can_have_is_told() {
    let said = |lines: &str| {
        let loaded = read(&format!("vrrp_track_process p {{\n{lines}\n}}\n"));
        loaded.diags.iter().any(|d| d.text.contains("names have at most 15 bytes"))
    };
    assert!(said("process systemd-resolved"));
    assert!(!said("process systemd-resolve"));
    assert!(!said("process /usr/lib/systemd/systemd-resolved\nfull_command"));
    assert!(!said("process /usr/lib/systemd/systemd-resolved -x"));
}

/// Only the bus could tell, when it refuses the name.
#[test]
fn a_name_that_no_bus_accepts_is_told() {
    let said = |name: &str| {
        let loaded = read(&format!("global_defs {{\ndbus_service_name {name}\n}}\n"));
        assert_eq!(loaded.model.global.dbus.service_name.as_deref(), Some(name));
        loaded.diags.iter().any(|d| d.text.contains("is no name that a bus accepts"))
    };
    for name in ["a", "a.", ".b", "a..b", "a.1b", "a.b+c", &"a.".repeat(200)] {
        assert!(said(name), "{name}");
    }
    for name in ["org.keepalived.Vrrp1", "a.b", "_a.-b.c-1"] {
        assert!(!said(name), "{name}");
    }
}

#[test]
fn files_must_be_where_they_can_be_watched() {
    let said_of = |lines: &str| counted(&read(&format!("track_file f {{\n{lines}\n}}\n")));
    assert!(said_of("file /tmp/x\nweight 5 reverse\ninit_file 3 overwrite").is_empty());
    assert_eq!(
        said_of("file /nosuch/x"),
        [
            "Directory /nosuch of track file f does not exist - ignoring",
            "track_file f has no file - ignoring it"
        ]
    );
    let text = "(f) init_file 300 is more than any weight (254)";
    assert_eq!(said_of("file /tmp/x\ninit_file 300"), [text]);
    let text = "(f) weight is given twice - ignoring 6";
    assert_eq!(said_of("file /tmp/x\nweight 5\nweight 6"), [text]);
}

#[test]
fn sessions_of_bfd_are_told_apart() {
    let said_of = |text: &str| counted(&read(text));
    assert_eq!(
        said_of(
            "bfd_instance b {\nneighbor_ip 1.2.3.4\n}\nbfd_instance c {\nneighbor_ip 1.2.3.4\n}\n"
        ),
        ["(c) another BFD session has neighbor_ip 1.2.3.4 - ignoring the session"]
    );
    assert_eq!(
        said_of("bfd_instance b {\nneighbor_ip 1.2.3.4\nmax_hops 200\nttl 100\n}\n"),
        ["(b) max_hops is more than the TTL of 100 - using 100"]
    );
    assert_eq!(
        said_of("bfd_instance b {\nneighbor_ip 1.2.3.4\nsource_ip ::1\n}\n"),
        ["(b) source_ip ::1 and neighbor_ip 1.2.3.4 are of two families - ignoring the session"]
    );
    let unchecked = "bfd_instance b {\nneighbor_ip ::1\nmax_hops -1\n}\n";
    assert!(said_of(unchecked).is_empty(), "-1 does not check, and exceeds nothing");
}
