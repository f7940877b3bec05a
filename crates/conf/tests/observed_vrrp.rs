//! What the reference says of `vrrp_instance` and of VRRP settings, case by
//! case.

mod common;

use common::observed;

const START: &str = "vrrp_instance A { ⏎  interface eth0 ⏎  virtual_router_id 1 ⏎  virtual_ipaddress { 10.0.0.1/24 } ⏎  ";

#[track_caller]
fn instance(number: u32, lines: &str, expected: &[&str]) {
    observed(number, &format!("{START}{lines} ⏎ }}"), 5, expected);
}

#[test]
fn case_32_numbers_out_of_range() {
    observed(
        32,
        "global_defs { ⏎  vrrp_garp_master_repeat 0 ⏎  vrrp_garp_master_delay -1 ⏎  vrrp_garp_interval 0.0000001 ⏎  vrrp_version 2x ⏎  vrrp_down_timer_adverts 101 ⏎ }",
        5,
        &[
            "(Line 2) vrrp_garp_master_repeat must be greater than 0, setting to 1",
            "(Line 3) negative number '-1'",
            "(Line 3) vrrp_garp_master_delay '-1' invalid - ignoring",
            "(Line 4) number '0.0000001' has too many decimal places",
            "(Line 4) number '0.0000001' outside range [0.000001, 4294.967295]",
            "(Line 4) vrrp_garp_interval '0.0000001' is invalid",
            "(Line 5) invalid number '2x'",
            "(Line 5) VRRP Error: Version must be either 2 or 3",
            "(Line 6) number '101' outside range [1, 100]",
            "(Line 6) Invalid vrrp_down_timer_adverts [1:100] '101'",
        ],
    );
}

#[test]
fn case_33_a_missing_parameter_is_fatal() {
    let text = "(Line 2) *** Configuration line starting 'priority' is missing a parameter after keyword 'priority' at word position 2";
    let loaded = common::test_of("vrrp_instance A {\n priority\n}");
    assert_eq!(loaded.exit_status_for_test(), 2);
    assert!(common::said(&loaded).iter().any(|s| s == text), "{:#?}", common::said(&loaded));
}

#[test]
fn case_34_an_instance_needs_a_name() {
    observed(34, "vrrp_instance { ⏎ }", 5, &["(Line 1) vrrp_instance must have a name"]);
}

#[test]
fn case_35_a_router_id_is_needed() {
    observed(
        35,
        "vrrp_instance A { ⏎  interface eth0 ⏎  virtual_ipaddress { 10.0.0.1 } ⏎ }",
        5,
        &["(A) the virtual router id must be set"],
    );
}

#[test]
fn cases_36_to_38_advertisement_intervals() {
    instance(
        36,
        "advert_int 0.005",
        &[
            "(Line 5) number '0.005' outside range [0.010000, 255.000000]",
            "(Line 5) (A) Advert interval (0.005) not valid! Must be > 0 - ignoring",
        ],
    );
    instance(
        37,
        "version 3 ⏎  advert_int 0.123456",
        &["(A) VRRPv3 advertisement interval 0.123456s must be in units of 10ms - rounding"],
    );
    instance(
        38,
        "version 3 ⏎  advert_int 50",
        &[
            "(A) VRRPv3 advertisement interval 50.00s is out of range. Must be less than 40.96s. Setting to 40.95s",
        ],
    );
}

#[test]
fn case_39_preempt_delay() {
    instance(
        39,
        "preempt_delay 1001",
        &[
            "(Line 5) number '1001' outside range [0.000000, 1000.000000]",
            "(Line 5) (A) Preempt_delay not valid! must be between 0-1000",
        ],
    );
}

#[test]
fn case_40_unknown_state() {
    instance(40, "state UP", &["(Line 5) (A) unknown state 'UP', defaulting to BACKUP"]);
}

#[test]
fn cases_41_and_42_authentication() {
    instance(41, "auth_type PASS", &["(Line 5) Unknown keyword 'auth_type'"]);
    instance(
        42,
        "authentication { ⏎   auth_type PASS ⏎  }",
        &["(A) Authentication specified but no password given. Ignoring"],
    );
}

#[test]
fn cases_43_and_44_tracked_objects_must_exist() {
    instance(
        43,
        "track_interface { ⏎   eth0 weight 10 ⏎   nosuch weight 2 ⏎  }",
        &[
            "(Line 7) (A) tracked interface nosuch doesn't exist",
            "Non-existent interface specified in configuration",
        ],
    );
    instance(
        44,
        "track_script { ⏎   nosuch ⏎  }",
        &["(Line 6) (A) track script nosuch not found, ignoring..."],
    );
}

#[test]
fn case_45_an_address_counts_once() {
    instance(
        45,
        "virtual_ipaddress_excluded { ⏎   2001:db8::1/64 ⏎   10.0.0.1/24 ⏎  }",
        &["(Line 7) (A): Excluded VIP duplicates a VIP 10.0.0.1/24 - ignoring"],
    );
}

#[test]
fn case_46_debug_levels() {
    instance(
        46,
        "virtual_ipaddress { 10.0.0.2 } ⏎  accept ⏎  no_accept ⏎  debug 9",
        &[
            "(Line 8) number '9' outside range [0, 4]",
            "(Line 8) (A) Debug value '9' not valid; must be between 0-4",
        ],
    );
}

#[test]
fn case_47_router_ids() {
    instance(
        47,
        "virtual_router_id 0",
        &[
            "(Line 5) number '0' outside range [1, 255]",
            "(Line 5) (A): VRID '0' not valid - must be between 1 & 255",
        ],
    );
}

#[test]
fn case_48_unicast_peers() {
    instance(
        48,
        "unicast_peer { ⏎   10.9.9.2 min_ttl 300 ⏎   10.9.9.3 foo 1 ⏎   ::1 ⏎  }",
        &[
            "(Line 6) number '300' outside range [0, 255]",
            "(Line 7) (A) 10.9.9.3 - unknown unicast_peer option foo",
            "(Line 8) Configuration error: VRRP instance[A] and unicast peer address[::1] MUST be of the same family !!! Skipping...",
        ],
    );
}

#[test]
fn cases_49_and_50_vmac_words() {
    instance(
        49,
        "use_vmac 00:00:5e:00:01:05",
        &[
            "(Line 5) VMAC MAC address not allowed to be RFC5798 address (00:00:5e:00:01:05) - ignoring",
        ],
    );
    instance(
        50,
        "use_vmac a/b",
        &["(Line 5) VMAC interface name 'a/b' too long or invalid characters - ignoring"],
    );
}

#[test]
fn case_51_garp_extra_if_needs_a_time() {
    instance(
        51,
        "garp_extra_if all",
        &["(Line 5) (A): garp_extra_if specified without time - ignoring"],
    );
}

#[test]
fn case_52_sync_groups() {
    observed(
        52,
        &format!("{START}}} ⏎ vrrp_sync_group G {{ ⏎  group {{ ⏎   A ⏎   B ⏎  }} ⏎ }}"),
        5,
        &[
            "Virtual router B specified in sync group G doesn't exist - ignoring",
            "Sync group G has only 1 virtual router(s) - this probably isn't what you want",
        ],
    );
}
