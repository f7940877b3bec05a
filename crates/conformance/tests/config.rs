//! What a configuration test ends with: each case as the reference has it.
//!
//! Both programs read the same few hundred configurations, most of them wrong
//! in one place, and must come to the same exit status.

use std::path::Path;

use conformance::{Lan, on_both};
use lab::{Context, Result, Subject};

/// Lines of `global_defs` that are well.
const GLOBAL_WELL: &[&str] = &[
    "vrrp_garp_master_refresh 86400",
    "umask IRUSR | IWGRP",
    "vrrp_garp_interval 2",
    "nftables",
    "vrrp_rlimit_rtime 10000",
    "vrrp_rlimit_rttime 1",
    "notify_fifo /tmp/a1 nosuchuser",
    "vrrp_startup_delay 61",
    "vmac_prefix toolongprefixforit",
    "umask IRUSR|IWGRP",
    "tmp_config_directory /nosuch",
    "reload_check_config a b",
    "reload_file a b",
    "reload_repeat",
    "dbus_service_name a\ndbus_service_name b",
    "lvs_flush_onstop VS",
    "lvs_sync_daemon nosuch",
    "lvs_process_name a",
    "enable_snmp_keepalived",
    "checker_rlimit_rtime 1000",
    "reload_check_config",
    "vrrp_check_unicast_src x",
    "vrrp_garp_lower_prio_delay 10 20",
    "disable_local_igmp",
];
/// Lines of `global_defs` that are not.
const GLOBAL_BAD: &[&str] = &[
    "umask 022 7",
    "umask IRUSR|",
    "umask IRUSR IWGRP",
    "vrrp_garp_master_refresh 5000000000",
    "process_name abcdefghijklmnopqrstu",
    "use_symlink_paths x",
    "notification_email_from",
    "router_id",
    "smtp_server no.such.host.invalid",
    "smtp_server 1.2.3.4 99999",
    "smtp_connect_timeout 0",
    "smtp_connect_timeout x",
    "smtp_alert_vrrp x",
    "no_checker_emails x",
    "startup_script /usr/bin/true\nstartup_script /usr/bin/true",
    "startup_script_timeout 0",
    "shutdown_script_timeout 2000",
    "max_auto_priority 100",
    "max_auto_priority x",
    "min_auto_priority_delay 0",
    "dynamic_interfaces x",
    "default_interface",
    "vrrp_mcast_group4 10.0.0.1",
    "vrrp_mcast_group4 x",
    "vrrp_mcast_group4 ff02::12",
    "vrrp_mcast_group6 2001:db8::1",
    "vrrp_mcast_group6 ff05::12",
    "vrrp_mcast_group6 224.0.0.1",
    "vrrp_garp_master_delay x",
    "vrrp_garp_master_repeat x",
    "vrrp_garp_master_refresh x",
    "vrrp_garp_master_refresh_repeat 0",
    "vrrp_garp_master_refresh_repeat x",
    "vrrp_garp_lower_prio_delay x",
    "vrrp_garp_lower_prio_repeat x",
    "vrrp_gna_interval x",
    "vrrp_min_garp x",
    "vrrp_garp_extra_if x",
    "vrrp_garp_extra_if all",
    "vrrp_garp_extra_if 0",
    "vrrp_lower_prio_no_advert x",
    "vrrp_higher_prio_send_advert x",
    "vrrp_iptables a b",
    "nftables_priority x",
    "nftables a\nnftables b",
    "vrrp_priority x",
    "vrrp_priority 30",
    "vrrp_rt_priority 0",
    "vrrp_rt_priority 100",
    "vrrp_rt_priority x",
    "vrrp_cpu_affinity 500",
    "vrrp_cpu_affinity x",
    "vrrp_rlimit_rttime 0",
    "notify_fifo /tmp/a1\nnotify_fifo /tmp/b1",
    "notify_fifo_script /usr/bin/true\nnotify_fifo_script /usr/bin/true",
    "vrrp_notify_priority_changes x",
    "script_user nosuch",
    "script_user root nosuch",
    "script_user",
    "vrrp_netlink_cmd_rcv_bufs x",
    "vrrp_netlink_cmd_rcv_bufs_force x",
    "process_monitor_rcv_bufs x",
    "vrrp_rx_bufs_policy",
    "vrrp_rx_bufs_policy x",
    "vrrp_rx_bufs_policy 100 MTU",
    "vrrp_rx_bufs_policy MTU ADVERT",
    "vrrp_rx_bufs_multiplier 0",
    "vrrp_rx_bufs_multiplier 1 2",
    "vrrp_rx_bufs_multiplier",
    "vrrp_startup_delay x",
    "vrrp_startup_delay 0.0001",
    "vmac_prefix a\nvmac_prefix b",
    "vmac_addr_prefix a\nvmac_addr_prefix b",
    "umask 0999",
    "umask IRUSR|FOO",
    "umask 07777",
    "umask x",
    "random_seed x",
    "include_check foo",
    "config_save_dir /etc/passwd",
    "tmp_config_directory /tmp\ntmp_config_directory /tmp",
    "reload_time_file",
    "reload_time_file a b",
    "data_use_instance x",
    "snmp_socket a\nsnmp_socket b",
    "lvs_flush_on_stop x",
    "lvs_timeouts",
    "lvs_timeouts foo 1",
    "lvs_timeouts tcp x",
    "lvs_timeouts tcp",
    "lvs_sync_daemon",
    "lvs_sync_daemon eth0 id 300",
    "lvs_sync_daemon eth0 VI_1 1",
    "lvs_sync_daemon eth0\nlvs_sync_daemon eth0",
    "lvs_sync_daemon eth0 group 1.2.3.4",
    "lvs_sync_daemon eth0 port x",
    "lvs_netlink_cmd_rcv_bufs x",
    "rs_init_notifies x",
    "nftables_ipvs a\nnftables_ipvs b",
    "nftables_ipvs_priority x",
    "nftables_ipvs_start_fwmark 0",
    "checker_priority x",
    "checker_log_all_failures x",
    "vrrp_vmac_garp_intvl 60",
    "vrrp_version 4",
];
/// Blocks that are well.
const ROOT_WELL: &[&str] = &[
    "interface_up_down_delays { eth0 }",
    "track_group t {\ngroup { A B }\n}",
    "track_group t {\n}",
    "garp_group {\ngarp_interval 0.1\n}\n",
    "vrrp_script a { script /usr/bin/true }\nvrrp_script a { script /usr/bin/true }",
    "vrrp_script a {\nscript true\n}",
    "vrrp_script a {\nscript /usr/bin/true\nscript /usr/bin/false\n}",
    "vrrp_track_process p { process a }\nvrrp_track_process p { process a }",
    "vrrp_track_process p {\nprocess a\nquorum_max 0\n}",
    "track_file f { file /tmp/x }\ntrack_file f { file /tmp/x }",
];
/// Blocks that are not.
const ROOT_BAD: &[&str] = &[
    "net_namespace_ipvs a\nnet_namespace_ipvs b",
    "instance a\ninstance b",
    "child_wait_time x",
    "child_wait_time -1",
    "interface_up_down_delays { eth0 300 }",
    "interface_up_down_delays { eth0 x }",
    "linkbeat_interfaces { eth0 FOO }",
    "linkbeat_interfaces { eth0 MII x }",
    "track_group",
    "track_group t {\ngroup { }\n}\n",
    "track_group t { group { A } }\ntrack_group t { group { A } }",
    "vrrp_sync_group",
    "vrrp_sync_group G {\n}",
    "vrrp_sync_group G {\ngroup { }\n}",
    "vrrp_sync_group G {\ngroup { A }\ngroup { B }\n}",
    "garp_group {\n}",
    "garp_group {\ngarp_interval 1.5\ninterface nosuch\n}",
    "garp_group {\ngarp_interval x\ninterface eth0\n}",
    "garp_group {\ngarp_interval 0.1\ninterface eth0\ninterface eth1\n}\ngarp_group {\ngarp_interval 0.1\ninterface eth0\ninterfaces { eth0 nosuch }\n}",
    "vrrp_script a { }",
    "vrrp_script a {\nscript /usr/bin/true\ninterval 0\ntimeout 0\nweight 300\nrise 0\nfall x\nweight 5 foo\nuser nosuch\n}",
    "vrrp_script a {\nscript /nosuch\ninterval x\ntimeout x\nweight x\nrise x\n}",
    "vrrp_track_process p { }",
    "vrrp_track_process p {\nprocess a\nprocess b\nparam_match foo\nweight 300\nweight 5\nweight 6\nquorum 0\nquorum 10\nquorum_max 5\nquorum_max x\ndelay 0\ndelay x\nterminate_delay 3601\nfork_delay x\n}",
    "vrrp_track_process p {\nprocess a\nquorum_max 5\nquorum 10\n}",
    "track_file f { }",
    "track_file f {\nfile /proc/x\nweight 300\n}",
    "track_file f {\nfile /tmp/x\nweight 5\nweight 6 reverse\nweight 5 foo\ninit_file x\ninit_file 300\ninit_file 1 foo\n}",
    "track_file f {\nfile /tmp/x\nfile /tmp/y\n}",
    "bfd_instance b { }",
    "bfd_instance b {\nneighbor_ip x\n}",
    "bfd_instance b {\nneighbor_ip 1.2.3.4\nsource_ip x\nmin_rx 0\nmin_tx x\nidle_tx 10\nmultiplier 0\nttl 0\nmax_hops 300\nweight 300\nmin_rx 20000\nmin_tx 1.2345\n}",
    "bfd_instance b {\nneighbor_ip 1.2.3.4\nsource_ip ::1\n}",
    "bfd_instance b {\nneighbor_ip 1.2.3.4\nmax_hops 200\nttl 100\n}",
    "bfd_instance b { neighbor_ip 1.2.3.4 }\nbfd_instance b { neighbor_ip 1.2.3.5 }",
    "bfd_instance b { neighbor_ip 1.2.3.4 }\nbfd_instance c { neighbor_ip 1.2.3.4 }",
];
/// Blocks of interfaces that do not exist.
const ROOT_FATAL: &[&str] =
    &["interface_up_down_delays { nosuch 1 2 }", "linkbeat_interfaces { nosuch }"];
/// Lines that lack a parameter.
const ROOT_SHORT: &[&str] = &["vrrp_script", "track_file"];
/// Lines of an instance that are well.
const INSTANCE_WELL: &[&str] = &[
    "garp_master_refresh 86400",
    "use_vmac vv.1\nuse_vmac 02:00:00:00:00:01",
    "track_src_ip",
    "unicast_fault_no_peer",
    "old_unicast_checksum\nunicast_peer { 10.9.9.2 }",
    "use_vmac 02:00:00:00:00",
    "use_vmac name",
    "use_vmac group",
    "dont_track_primary",
    "virtual_ipaddress_excluded {\n}",
    "no_accept",
    "skip_check_adv_addr off",
    "notify /nosuch",
    "notify_deleted",
    "notify_deleted /nosuch",
    "strict_mode on\nstate MASTER",
    "version 3\nstrict_mode on\npriority 255\nstate MASTER",
    "state BACKUP\npriority 255",
];
/// Lines of an instance that are not.
const INSTANCE_BAD: &[&str] = &[
    "use_vmac vv.1\nuse_vmac vv.2",
    "use_vmac 02:00:00:00:00:01\nuse_vmac 02:00:00:00:00:02",
    "use_ipvlan ::1",
    "kernel_rx_buf_size 1 2",
    "notify_deleted\nnotify_deleted",
    "authentication {\nauth_type PASS\nauth_pass \"\"\n}",
    "strict_mode on\npriority 255\nstate BACKUP",
    "virtual_ipaddress_excluded {\n10.0.0.9 peer 10.0.0.10 peer 10.0.0.11\n}",
    "state MASTER\nstate BACKUP",
    "interface lo",
    "interface nosuch",
    "interface abcdefghijklmnopqrst",
    "vrf blue",
    "virtual_router_id x",
    "priority 0",
    "priority 300",
    "priority x",
    "advert_int x",
    "advert_int 1.5",
    "advert_int 0.5",
    "version 4",
    "version 2\nversion 3",
    "version 2\nnative_ipv6",
    "native_ipv6",
    "nopreempt\npriority 255",
    "nopreempt\nstate MASTER",
    "preempt_delay 10\nstate MASTER",
    "preempt_delay 10\nnopreempt",
    "preempt_delay x",
    "mcast_src_ip x",
    "mcast_src_ip ::1",
    "unicast_src_ip 10.9.9.1",
    "mcast_dst_ip 10.0.0.1",
    "mcast_dst_ip x",
    "mcast_dst_ip 224.0.0.20\nunicast_peer { 10.9.9.2 }",
    "unicast_peer { 10.9.9.2 10.9.9.3 }",
    "unicast_peer { 10.9.9.2 min_ttl 10 max_ttl 5 }",
    "unicast_peer { 10.9.9.2 min_ttl }",
    "unicast_peer { x }",
    "unicast_peer { }",
    "unicast_ttl 64",
    "unicast_ttl 300",
    "old_unicast_checksum foo",
    "check_unicast_src",
    "use_vmac toolonginterfacename",
    "use_vmac 01:00:5e:00:00:01",
    "use_vmac group foo",
    "use_vmac eth1",
    "use_vmac vv foo",
    "vmac_xmit_base",
    "use_vmac\nunicast_peer { 10.9.9.2 }",
    "use_ipvlan\nuse_ipvlan",
    "use_ipvlan ipv 10.0.0.1/24 foo",
    "use_ipvlan",
    "use_vmac\nuse_ipvlan",
    "track_interface { eth0 }",
    "track_interface {\neth1 weight 300\neth1 weight 254\neth1\neth1 foo\neth1 weight\neth1 weight 5 foo\n}",
    "track_interface {\neth1 weight 254\n}",
    "track_interface {\neth1 weight x\n}",
    "track_script {\ns weight 300\ns\ns weight 5 foo\ns bar\n}",
    "track_script {\ns weight 300\n}",
    "track_script {\ns weight 254\n}",
    "track_process {\np weight x\nnosuch\n}",
    "track_bfd {\nb weight 254\nnosuch\n}",
    "track_bfd {\nb weight 5\nb weight 6\n}",
    "virtual_ipaddress {\n10.0.0.1/24\n10.0.0.2/24 foo\n2001:db8::1\n10.0.0.x\n10.0.0.3 dev nosuch\n10.0.0.4 dev eth0 dev eth1\n10.0.0.5 label abcdefghijklmnopqrstuv\n10.0.0.6 scope foo\n10.0.0.7 brd x\n10.0.0.8 track_group foo\n}",
    "virtual_rules {\nfrom 1.1.1.1 table 1\n}",
    "promote_secondaries\nuse_vmac",
    "accept\nstrict_mode on",
    "skip_check_adv_addr x",
    "strict_mode x",
    "debug 5",
    "linkbeat_use_polling",
    "lvs_sync_daemon_interface eth0",
    "notify_master /usr/bin/true\nnotify_master /usr/bin/true",
    "smtp_alert x",
    "notify_priority_changes x",
    "authentication {\nauth_type FOO\nauth_pass x\n}",
    "authentication {\nauth_pass 123456789\n}",
    "authentication {\nauth_type PASS\nauth_pass 123\n}\nversion 3",
    "authentication {\nauth_type AH\nauth_pass 123\n}\nstrict_mode on",
    "authentication {\nauth_type NONE\nauth_pass 1\n}",
    "garp_master_delay x",
    "garp_master_repeat 0",
    "garp_master_repeat x",
    "garp_master_refresh x",
    "garp_master_refresh_repeat 0",
    "garp_lower_prio_delay x",
    "garp_lower_prio_repeat x",
    "garp_lower_prio_repeat 5\nstrict_mode on",
    "down_timer_adverts 0",
    "down_timer_adverts 5\nstrict_mode on",
    "garp_extra_if x",
    "garp_extra_if all",
    "garp_extra_if",
    "garp_extra_if 100000",
    "vmac_garp_intvl 10",
    "lower_prio_no_advert x",
    "lower_prio_no_advert off\nstrict_mode on",
    "higher_prio_send_advert on\nstrict_mode on",
    "kernel_rx_buf_size x",
    "strict_mode on\npreempt_delay 5",
    "strict_mode on\nuse_vmac 02:00:00:00:00:01",
    "strict_mode on\nvmac_xmit_base\nuse_vmac",
    "thread_timer_expired 254",
    "state MASTER\npriority 255\nnopreempt",
    "version 3\nadvert_int 255",
    "advert_int 300",
    "advert_int 2.4",
    "advert_int 2.5",
    "higher_prio_send_advert x",
    "version 2\nadvert_int 0.4",
];
/// Instances that are not well.
const WHOLE_BAD: &[&str] = &[
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\n}",
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nversion 3\n}",
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nstrict_mode on\n}",
    "vrrp_instance A {\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\n}",
    "vrrp_instance A {\nvirtual_router_id 1\nunicast_peer { 10.9.9.2 }\nvirtual_ipaddress { 10.0.0.1 dev eth0 }\n}",
    "vrrp_instance A {\nvirtual_router_id 1\nuse_vmac\nunicast_src_ip 10.9.9.1\nunicast_peer { 10.9.9.2 }\nvirtual_ipaddress { 10.0.0.1 dev eth0 }\n}",
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\n}\nvrrp_instance B {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.2 }\n}",
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\n}\nvrrp_instance A {\ninterface eth0\nvirtual_router_id 2\nvirtual_ipaddress { 10.0.0.2 }\n}",
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 2001:db8::1 }\nstrict_mode on\n}",
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nnative_ipv6\nvirtual_ipaddress { 10.0.0.1 }\n}",
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 2001:db8::1 }\nmcast_src_ip 10.0.0.1\n}",
    "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\n}\nvrrp_sync_group G {\ngroup { A }\n}\nvrrp_sync_group G {\ngroup { A }\n}\nvrrp_sync_group H {\ngroup { A }\n}",
    "vrrp_instance A {\ninterface lo\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\n}",
    "global_defs {\nenable_script_security\n}\nvrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\nnotify /bin/true\n}\nvrrp_script s { script /tmp/x.sh }",
];

/// Objects that instances may track.
const TRACKED: &str = "\
vrrp_script s {\nscript /usr/bin/true\nweight 3\n}
track_file f {\nfile /tmp/x\n}
vrrp_track_process p {\nprocess foo\n}
bfd_instance b {\nneighbor_ip 1.2.3.4\n}\n";

fn global(line: &str) -> String {
    format!("global_defs {{\n{line}\n}}\n")
}

fn instance(line: &str) -> String {
    format!(
        "{TRACKED}vrrp_instance A {{\ninterface eth0\nvirtual_router_id 1\n\
         virtual_ipaddress {{ 10.0.0.1/24 }}\n{line}\n}}\n"
    )
}

/// Reads every case in a host with `eth0` and `eth1`; what ends otherwise.
fn differ(subject: &Subject, cases: &[&str], status: i32, frame: fn(&str) -> String) -> Result<()> {
    const SECURE: &str = "global_defs {\nenable_script_security\nscript_user root\n}\n";
    let lan = Lan::new()?;
    lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let folder = std::env::temp_dir().join(format!(
        "keepalived-config-{}-{status}-{}-{}",
        std::process::id(),
        cases.len(),
        subject.is_reference()
    ));
    std::fs::create_dir_all(&folder).context(|| "cannot make a folder")?;
    let file = folder.join("keepalived.conf");
    let mut wrong = Vec::new();
    for case in cases {
        let text = format!("{SECURE}{}", frame(case));
        std::fs::write(&file, text).context(|| "cannot write a configuration")?;
        let (got, said) = check(subject, &lan, &file)?;
        if got != Some(status) {
            wrong.push(format!("{case:?}: {got:?}\n{said}"));
        }
    }
    std::fs::remove_dir_all(&folder).context(|| "cannot remove a folder")?;
    assert!(wrong.is_empty(), "not {status}:\n{}", wrong.join("\n"));
    Ok(())
}

fn check(subject: &Subject, lan: &Lan, file: &Path) -> Result<(Option<i32>, String)> {
    let mut command = subject.command();
    command.arg("-t").arg("-f").arg(file);
    let output = lan.a.run(|| command.output())?.context(|| "cannot run the check")?;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn lines_of_global_defs(subject: &Subject) -> Result<()> {
    differ(subject, GLOBAL_WELL, 0, global)?;
    differ(subject, GLOBAL_BAD, 5, global)
}

fn blocks_at_the_top_level(subject: &Subject) -> Result<()> {
    differ(subject, ROOT_WELL, 0, str::to_owned)?;
    differ(subject, ROOT_BAD, 5, str::to_owned)?;
    differ(subject, ROOT_FATAL, 4, str::to_owned)?;
    differ(subject, ROOT_SHORT, 2, str::to_owned)
}

fn lines_of_an_instance(subject: &Subject) -> Result<()> {
    differ(subject, INSTANCE_WELL, 0, instance)?;
    differ(subject, INSTANCE_BAD, 5, instance)
}

fn instances_as_a_whole(subject: &Subject) -> Result<()> {
    differ(subject, WHOLE_BAD, 5, str::to_owned)
}

on_both!(lines_of_global_defs, blocks_at_the_top_level, lines_of_an_instance, instances_as_a_whole,);
