//! A reload that changes one thing touches one thing: for each keyword that matters, what the
//! kernel's monitors tell of a reload that changes it alone.
//!
//! What is told is counted: of addresses, routes and rules each message, of links and of the
//! firewall what is touched. `+` is there now, or changed where it is; `-` is gone.

use std::collections::BTreeSet;

use conformance::ip;
use conformance::kernel::{normal, state};
use conformance::news::News;
use lab::{Capture, Daemon, Host, PATIENCE, Result, Subject, Switch};

const BASE: &str = "
global_defs {
    router_id lab
}
track_file health {
    file /run/health
    weight 0
}
vrrp_sync_group G {
    group {
        VI_51
    }
}
static_ipaddress {
    192.0.2.60/24 dev eth0
    2001:db8::60/64 dev eth0
}
static_routes {
    10.60.0.0/16 dev eth0
}
static_rules {
    from 10.60.0.0/16 table 100 priority 560
}
vrrp_instance VI_51 {
    interface eth0
    virtual_router_id 51
    priority 150
    version 3
    advert_int 0.1
    accept
    virtual_ipaddress {
        192.0.2.100/24
    }
    virtual_ipaddress_excluded {
        192.0.2.101/24
    }
    virtual_routes {
        10.1.0.0/16 dev eth0
        10.2.0.0/16 dev eth0
    }
    virtual_rules {
        from 10.1.0.0/16 table 100 priority 501
        from 10.2.0.0/16 table 100 priority 502
    }
}
vrrp_instance VI_52 {
    interface eth0
    virtual_router_id 52
    priority 150
    version 3
    advert_int 0.1
    no_accept
    virtual_ipaddress {
        2001:db8::100/64
        2001:db8::101/64
    }
    virtual_routes {
        fd00:1::/32 dev eth0
        fd00:2::/32 via 2001:db8::fe dev eth0
    }
}
vrrp_instance VI_53 {
    interface eth1
    virtual_router_id 53
    priority 150
    version 3
    advert_int 0.1
    use_vmac
    virtual_ipaddress {
        198.18.0.100/24
    }
}
";

/// What is there in the base, what stands there instead, and what the kernel tells of it.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// Keywords that the kernel knows nothing of.
const SILENT: &[Case] = &[
    ("router_id lab", "router_id other", &[]),
    ("router_id lab", "vrrp_garp_master_repeat 3", &[]),
    ("router_id lab", "vrrp_garp_interval 0.1", &[]),
    ("router_id lab", "vrrp_gna_interval 0.1", &[]),
    ("router_id lab", "vrrp_startup_delay 1", &[]),
    ("router_id lab", "vrrp_skip_check_adv_addr", &[]),
    ("router_id lab", "vrrp_priority -1", &[]),
    ("router_id lab", "vrrp_rx_bufs_policy ADVERT", &[]),
    ("router_id lab", "log_unknown_vrids", &[]),
    ("router_id lab", "dynamic_interfaces", &[]),
    ("router_id lab", "vmac_addr_prefix addr", &[]),
    ("router_id lab", "default_interface eth1", &[]),
    ("        VI_51\n", "        VI_51\n        VI_52\n", &[]),
    (
        "        VI_51\n    }\n",
        "        VI_51\n    }\n    track_interface {\n        eth1\n    }\n",
        &[],
    ),
    ("        VI_51\n    }\n", "        VI_51\n    }\n    sync_group_tracking_weight\n", &[]),
    ("    file /run/health\n", "    file /run/health2\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    nopreempt\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    preempt_delay 1\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    garp_master_delay 2\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    garp_master_repeat 2\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    garp_master_refresh 3\n", &[]),
    (
        "    virtual_router_id 52\n",
        "    virtual_router_id 52\n    garp_master_refresh_repeat 2\n",
        &[],
    ),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    garp_lower_prio_delay 2\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    garp_lower_prio_repeat 2\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    garp_extra_if all 3\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    down_timer_adverts 4\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    timer_expired_backup 100\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    lower_prio_no_advert\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    higher_prio_send_advert\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    owner_ignore_adverts\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    skip_check_adv_addr\n", &[]),
    (
        "    virtual_router_id 52\n",
        "    virtual_router_id 52\n    kernel_rx_buf_size 100000\n",
        &[],
    ),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    debug 1\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    state BACKUP\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    dont_track_primary\n", &[]),
    (
        "    virtual_router_id 52\n",
        "    virtual_router_id 52\n    track_interface {\n        eth1 weight 5\n    }\n",
        &[],
    ),
    (
        "    virtual_router_id 52\n",
        "    virtual_router_id 52\n    track_file {\n        health\n    }\n",
        &[],
    ),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    mcast_src_ip 2001:db8::1\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    notify_priority_changes\n", &[]),
    ("    virtual_router_id 52\n", "    virtual_router_id 52\n    notify_deleted\n", &[]),
    (
        "interface eth0\n    virtual_router_id 52\n    priority 150",
        "interface eth0\n    virtual_router_id 52\n    priority 140",
        &[],
    ),
    ("vrrp_instance VI_52", "vrrp_instance other", &[]),
    (
        "    virtual_router_id 52\n    priority 150\n    version 3\n    advert_int 0.1",
        "    virtual_router_id 52\n    priority 150\n    version 3\n    advert_int 0.2",
        &[],
    ),
    ("    virtual_router_id 53\n", "    virtual_router_id 53\n    v3_checksum_as_v2\n", &[]),
    ("    virtual_router_id 53\n", "    virtual_router_id 53\n    use_vmac_addr\n", &[]),
    (
        "    virtual_router_id 53\n",
        "    virtual_router_id 53\n    auth_hmac {\n        key 1 0123456789abcdef0123456789abcdef\n        active_key 1\n    }\n",
        &[],
    ),
];

/// Keywords of addresses, routes, rules, links and the firewall.
const CASES: &[Case] = &[
    (
        "        192.0.2.100/24\n",
        "        192.0.2.100/24\n        192.0.2.102/24\n",
        &["+eth0 192.0.2.102/24"],
    ),
    (
        "        192.0.2.101/24\n",
        "        192.0.2.103/24\n",
        &["+eth0 192.0.2.103/24", "-eth0 192.0.2.101/24"],
    ),
    (
        "        192.0.2.101/24\n",
        "        192.0.2.101/32\n",
        &["+eth0 192.0.2.101/32", "-eth0 192.0.2.101/24"],
    ),
    (
        "        192.0.2.101/24\n",
        "        192.0.2.101/32 scope link\n",
        &["+eth0 192.0.2.101/32", "-eth0 192.0.2.101/24"],
    ),
    (
        "        192.0.2.101/24\n",
        "        192.0.2.101/24 brd +\n",
        &["+eth0 192.0.2.101/24", "-eth0 192.0.2.101/24"],
    ),
    (
        "        192.0.2.101/24\n",
        "        192.0.2.101/24 label eth0:1\n",
        &["+eth0 192.0.2.101/24", "-eth0 192.0.2.101/24"],
    ),
    (
        "        192.0.2.101/24\n",
        "        192.0.2.101/24 noprefixroute\n",
        &["+eth0 192.0.2.101/24", "-eth0 192.0.2.101/24"],
    ),
    (
        "        192.0.2.101/24\n",
        "        192.0.2.101/24 dev eth1\n",
        &["+eth1 192.0.2.101/24", "-eth0 192.0.2.101/24"],
    ),
    ("        192.0.2.101/24\n", "        192.0.2.101/24 no_track\n", &[]),
    (
        "        192.0.2.101/24\n",
        "        192.0.2.101/24 use_vmac\n",
        &[
            "+link eth0",
            "+link vrrp.51",
            "+vmac_map \"vrrp.51\"",
            "+vrrp.51 192.0.2.101/24",
            "-eth0 192.0.2.101/24",
        ],
    ),
    (
        "        192.0.2.101/24\n",
        "        192.0.2.101/24 preferred_lft 0\n",
        &["+eth0 192.0.2.101/24"],
    ),
    (
        "        192.0.2.101/24\n",
        "        192.0.2.101 peer 203.0.113.1\n",
        &["+eth0 192.0.2.101", "-eth0 192.0.2.101/24"],
    ),
    (
        "        2001:db8::101/64\n",
        "        2001:db8::101/128\n",
        &["+eth0 2001:db8::101/128", "-eth0 2001:db8::101/64"],
    ),
    ("        2001:db8::101/64\n", "        2001:db8::101/64 home\n", &["+eth0 2001:db8::101/64"]),
    (
        "        2001:db8::101/64\n",
        "        2001:db8::101/64 -nodad\n",
        &["+eth0 2001:db8::101/64"],
    ),
    (
        "        2001:db8::101/64\n",
        "        2001:db8::101/64 mngtmpaddr\n",
        &["+eth0 2001:db8::101/64"],
    ),
    (
        "        2001:db8::101/64\n",
        "        2001:db8::101/64 preferred_lft 0\n",
        &["+eth0 2001:db8::101/64"],
    ),
    (
        "        2001:db8::101/64\n",
        "        2001:db8::101/64 noprefixroute\n",
        &["+eth0 2001:db8::101/64"],
    ),
    ("        2001:db8::101/64\n", "        2001:db8::101/64 no_track\n", &[]),
    (
        "        2001:db8::101/64\n",
        "        2001:db8::101/64 dev eth1\n",
        &["+eth1 2001:db8::101/64", "-eth0 2001:db8::101/64"],
    ),
    (
        "        2001:db8::101/64\n",
        "        2001:db8::101/64 use_vmac\n",
        &[
            "+link eth0",
            "+link vrrp.52",
            "+vrrp.52 2001:db8::101/64",
            "+vrrp.52 link-local",
            "-eth0 2001:db8::101/64",
            "firewall anew",
        ],
    ),
    (
        "        192.0.2.100/24\n    }\n    virtual_ipaddress_excluded {\n        192.0.2.101/24\n",
        "        192.0.2.100/24\n        192.0.2.101/24\n    }\n    virtual_ipaddress_excluded {\n",
        &[],
    ),
    (
        "    192.0.2.60/24 dev eth0\n",
        "    192.0.2.61/24 dev eth0\n",
        &["+eth0 192.0.2.61/24", "-eth0 192.0.2.60/24"],
    ),
    (
        "    192.0.2.60/24 dev eth0\n",
        "    192.0.2.60/24 dev eth1\n",
        &["+eth1 192.0.2.60/24", "-eth0 192.0.2.60/24"],
    ),
    (
        "    2001:db8::60/64 dev eth0\n",
        "    2001:db8::60/64 dev eth0 preferred_lft 0\n",
        &["+eth0 2001:db8::60/64"],
    ),
    ("        10.2.0.0/16 dev eth0\n", "        10.2.0.0/16 dev eth1\n", &["+route 10.2.0.0/16"]),
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 via 192.0.2.254 dev eth0\n",
        &["+route 10.2.0.0/16"],
    ),
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 dev eth0 metric 5\n",
        &["+route 10.2.0.0/16", "-route 10.2.0.0/16"],
    ),
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 dev eth0 table 200\n",
        &["+route 10.2.0.0/16", "-route 10.2.0.0/16"],
    ),
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 dev eth0 mtu 1400\n",
        &["+route 10.2.0.0/16"],
    ),
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 dev eth0 src 192.0.2.1\n",
        &["+route 10.2.0.0/16"],
    ),
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 dev eth0 tos 16\n",
        &["+route 10.2.0.0/16", "-route 10.2.0.0/16"],
    ),
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 dev eth0 realms 5\n",
        &["+route 10.2.0.0/16"],
    ),
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 dev eth0 advmss 1300\n",
        &["+route 10.2.0.0/16"],
    ),
    ("        10.2.0.0/16 dev eth0\n", "        10.2.0.0/16 dev eth0 no_track\n", &[]),
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 dev eth0 initcwnd 20\n",
        &["+route 10.2.0.0/16"],
    ),
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 dev eth0 quickack 1\n",
        &["+route 10.2.0.0/16"],
    ),
    ("        10.2.0.0/16 dev eth0\n", "        10.2.0.0/16 dev eth0 scope global\n", &[]),
    ("        10.2.0.0/16 dev eth0\n", "        blackhole 10.2.0.0/16\n", &["+route 10.2.0.0/16"]),
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 nexthop via 192.0.2.254 dev eth0 nexthop via 198.18.0.254 dev eth1\n",
        &["+route 10.2.0.0/16"],
    ),
    (
        "    10.60.0.0/16 dev eth0\n",
        "    10.60.0.0/16 dev eth0 mtu 1400\n",
        &["+route 10.60.0.0/16"],
    ),
    (
        "        fd00:1::/32 dev eth0\n",
        "        fd00:1::/32 dev eth0 mtu 1400\n",
        &["+route fd00:1::/32"],
    ),
    ("        fd00:1::/32 dev eth0\n", "        fd00:1::/32 dev eth1\n", &["+route fd00:1::/32"]),
    (
        "        fd00:1::/32 dev eth0\n",
        "        fd00:1::/32 dev eth0 metric 5\n",
        &["+route fd00:1::/32", "-route fd00:1::/32"],
    ),
    ("        fd00:1::/32 dev eth0\n", "        blackhole fd00:1::/32\n", &["+route fd00:1::/32"]),
    (
        "        fd00:1::/32 dev eth0\n",
        "        fd00:1::/32 via 2001:db8::fe dev eth0\n",
        &["+route fd00:1::/32", "-route fd00:1::/32"],
    ),
    (
        "        fd00:2::/32 via 2001:db8::fe dev eth0\n",
        "        fd00:2::/32 via 2001:db8::fd dev eth0\n",
        &["+route fd00:2::/32"],
    ),
    (
        "        fd00:2::/32 via 2001:db8::fe dev eth0\n",
        "        fd00:2::/32 via 2001:db8::fe dev eth0 pref high\n",
        &["+route fd00:2::/32"],
    ),
    (
        "        fd00:2::/32 via 2001:db8::fe dev eth0\n",
        "        fd00:2::/32 nexthop via 2001:db8::fe dev eth0 nexthop via 2001:db8::fd dev eth0\n",
        &["+route fd00:2::/32"],
    ),
    ("        10.2.0.0/16 dev eth0\n", "        append 10.2.0.0/16 dev eth0\n", &[]),
    // The second of two routes of one place is not to take the place of the first.
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 dev eth1\n        append 10.2.0.0/16 via 192.0.2.254 dev eth0\n",
        &["+route 10.2.0.0/16", "+route 10.2.0.0/16", "-route 10.2.0.0/16"],
    ),
    // Where the kernel refuses the new one, the old one goes nevertheless.
    (
        "        10.2.0.0/16 dev eth0\n",
        "        10.2.0.0/16 via 203.0.113.1 dev eth0\n",
        &["-route 10.2.0.0/16"],
    ),
    ("        10.2.0.0/16 dev eth0\n", "", &["-route 10.2.0.0/16"]),
    (
        "        from 10.2.0.0/16 table 100 priority 502\n",
        "        from 10.2.0.0/16 table 101 priority 502\n",
        &["+rule 502:", "-rule 502:"],
    ),
    (
        "        from 10.2.0.0/16 table 100 priority 502\n",
        "        from 10.2.0.0/16 table 100 priority 503\n",
        &["+rule 503:", "-rule 502:"],
    ),
    (
        "        from 10.2.0.0/16 table 100 priority 502\n",
        "        to 10.2.0.0/16 table 100 priority 502\n",
        &["+rule 502:", "-rule 502:"],
    ),
    (
        "        from 10.2.0.0/16 table 100 priority 502\n",
        "        from 10.2.0.0/16 iif eth1 table 100 priority 502\n",
        &["+rule 502:", "-rule 502:"],
    ),
    (
        "        from 10.2.0.0/16 table 100 priority 502\n",
        "        from 10.2.0.0/16 fwmark 3 table 100 priority 502\n",
        &["+rule 502:", "-rule 502:"],
    ),
    (
        "        from 10.2.0.0/16 table 100 priority 502\n",
        "        from 10.2.0.0/16 table 100 suppress_prefixlength 0 priority 502\n",
        &["+rule 502:", "-rule 502:"],
    ),
    (
        "        from 10.2.0.0/16 table 100 priority 502\n",
        "        from 10.2.0.0/16 blackhole priority 502\n",
        &["+rule 502:", "-rule 502:"],
    ),
    (
        "        from 10.2.0.0/16 table 100 priority 502\n",
        "        not from 10.2.0.0/16 table 100 priority 502\n",
        &["+rule 502:", "-rule 502:"],
    ),
    (
        "        from 10.2.0.0/16 table 100 priority 502\n",
        "        from 10.2.0.0/16 table 100 priority 502 no_track\n",
        &[],
    ),
    (
        "        from 10.2.0.0/16 table 100 priority 502\n",
        "        from 10.2.0.0/16 ipproto tcp dport 80 table 100 priority 502\n",
        &["+rule 502:", "-rule 502:"],
    ),
    (
        "    from 10.60.0.0/16 table 100 priority 560\n",
        "    from 10.60.0.0/16 table 101 priority 560\n",
        &["+rule 560:", "-rule 560:"],
    ),
    ("    use_vmac\n", "    use_vmac mine\n", &["+link mine", "+vrrp.53 198.18.0.100/24"]),
    ("    use_vmac\n", "    use_vmac 02:00:00:00:00:53\n", &["+link vrrp.53"]),
    ("    use_vmac\n", "    use_vmac group 7\n", &["+link vrrp.53"]),
    ("    use_vmac\n", "    use_vmac\n    vmac_xmit_base\n", &[]),
    ("    use_vmac\n", "    no_accept\n    use_vmac\n", &["firewall anew"]),
    ("    use_vmac\n", "    promote_secondaries\n    use_vmac\n", &[]),
    (
        "    use_vmac\n",
        "",
        &[
            "+eth1 198.18.0.100/24",
            "+link eth1",
            "+link vrrp.53",
            "-link vrrp.53",
            "-vrrp.53 198.18.0.100/24",
            "firewall anew",
        ],
    ),
    (
        "    virtual_router_id 51\n",
        "    virtual_router_id 51\n    use_vmac\n",
        &[
            "+link eth0",
            "+link vrrp.51",
            "+vmac_map \"vrrp.51\"",
            "+vrrp.51 192.0.2.100/24",
            "+vrrp.51 192.0.2.101/24",
            "-eth0 192.0.2.100/24",
            "-eth0 192.0.2.101/24",
        ],
    ),
    ("    virtual_router_id 51\n", "    virtual_router_id 51\n    promote_secondaries\n", &[]),
    ("router_id lab", "vmac_prefix virt", &["+link virt.53", "+vrrp.53 198.18.0.100/24"]),
    ("    accept\n", "    no_accept\n", &["firewall anew"]),
    ("    no_accept\n", "    accept\n", &["firewall anew"]),
    ("router_id lab", "nftables_counters", &["firewall anew"]),
    ("router_id lab", "nftables_priority -5", &["firewall anew"]),
    ("router_id lab", "nftables_ifindex", &[]),
];

/// The messages of both monitors, with what they are about.
fn told(news: &str, firewall: &str, before: &BTreeSet<String>) -> Vec<String> {
    let mut told = Vec::new();
    let mut links = BTreeSet::new();
    for line in news.lines() {
        // The marks of the monitor's reader, and what the kernel does by itself for an address.
        if line.contains("198.19.0.") || line.contains("proto kernel") {
            continue;
        }
        let Some((label, rest)) = line.split_once(']') else { continue };
        let (sign, rest) = match rest.trim().strip_prefix("Deleted ") {
            Some(rest) => ('-', rest),
            None => ('+', rest.trim()),
        };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let word = |n: usize| words.get(n).copied().unwrap_or_default();
        match label.trim_start_matches('[') {
            "ADDR" => {
                let is = |word: &&&str| matches!(**word, "inet" | "inet6");
                let at = words.iter().position(|w| is(&w)).unwrap_or_default();
                // Made of the MAC of the interface below, which no two runs share.
                let addr = match word(at + 1) {
                    made if made.starts_with("fe80::") && made.contains("ff:fe") => "link-local",
                    given => given,
                };
                told.push(format!("{sign}{} {addr}", word(at - 1)));
            }
            // Of a link that is new the kernel tells once more later, as it is.
            "LINK" if before.contains(&normal("link", rest)) => {}
            "LINK" => {
                let name = word(1).split('@').next().unwrap_or_default().trim_end_matches(':');
                links.insert(format!("{sign}link {name}"));
            }
            "ROUTE" => {
                let kind = usize::from(word(0).starts_with(char::is_alphabetic));
                told.push(format!("{sign}route {}", word(kind)));
            }
            _ => told.push(format!("{sign}rule {}", word(0))),
        }
    }
    let mut touched = BTreeSet::new();
    for line in firewall.lines().filter(|line| !line.contains("begin") && !line.contains("done")) {
        let sign = match line.split(' ').next() {
            Some("add") => '+',
            Some("delete") => '-',
            _ => continue,
        };
        let what: Vec<&str> = line.split(' ').skip(1).collect();
        match what.as_slice() {
            ["element", _, _, set, "{", element, ..] => {
                touched.insert(format!("{sign}{set} {element}"))
            }
            [kind, ..] => touched.insert(format!("{sign}{kind}")),
            [] => false,
        };
    }
    if touched.contains("+table") || touched.contains("-table") {
        // Other rules: all of it is replaced at once, in one transaction.
        touched = ["firewall anew".to_owned()].into();
    }
    told.extend(links.into_iter().chain(touched));
    told.sort();
    told
}

struct Node {
    daemon: Daemon,
    host: Host,
    wires: [Capture; 2],
    _switch: Switch,
}

impl Node {
    fn new() -> Result<Self> {
        let (switch, host) = (Switch::new()?, Host::new("node")?);
        host.run(|| std::fs::write("/run/health", "0"))?.expect("/run is the host's own");
        switch.attach(&host, "eth0", &["192.0.2.1/24", "2001:db8::1/64"])?;
        switch.attach(&host, "eth1", &["198.18.0.1/24"])?;
        let wires = [Capture::adverts(&host, "eth0")?, Capture::adverts(&host, "eth1")?];
        let daemon = Daemon::start(&host, &Subject::ours()?, BASE)?;
        let mut node = Self { daemon, host, wires, _switch: switch };
        node.await_quiet()?;
        // What the kernel tells late of links that are new is told.
        node.reload(BASE)?;
        Ok(node)
    }

    /// Lets every instance advertise twice.
    fn await_quiet(&mut self) -> Result<()> {
        for wire in &mut self.wires {
            wire.clear()?;
        }
        for (wire, vrid) in [(0, 51), (0, 52), (1, 53), (0, 51), (0, 52), (1, 53)] {
            self.wires[wire].await_advert(PATIENCE, |a| a.vrid == vrid && a.priority > 0)?;
        }
        Ok(())
    }

    /// Reloads; what the kernel tells of it.
    fn reload(&mut self, config: &str) -> Result<Vec<String>> {
        let before = state(&self.host)?;
        let (news, firewall) = (News::of_all(&self.host)?, News::of_firewall(&self.host)?);
        self.daemon.log.skip();
        self.daemon.reload(config)?;
        self.daemon.await_log("Reload complete")?;
        self.await_quiet()?;
        self.await_quiet()?;
        Ok(told(&news.so_far()?, &firewall.so_far()?, &before))
    }
}

fn check(cases: &[Case]) -> Result<()> {
    let mut node = Node::new()?;
    let mut wrong = String::new();
    for (from, to, wanted) in cases {
        assert_eq!(BASE.matches(from).count(), 1, "{from:?} is not in the base once");
        let found = node.reload(&BASE.replacen(from, to, 1))?;
        let mut wanted: Vec<String> = wanted.iter().map(|line| (*line).to_owned()).collect();
        wanted.sort();
        if found != wanted {
            wrong += &format!("{from:?} -> {to:?}:\n  told {found:?}\n  not  {wanted:?}\n");
        }
        assert_eq!(node.daemon.log.count("(Line"), 0, "not valid: {to:?}");
        node.reload(BASE)?;
    }
    assert_eq!(node.daemon.log.count("Entering MASTER STATE"), 3, "a master was elected again");
    assert!(wrong.is_empty(), "{wrong}");
    Ok(())
}

#[test]
fn what_the_kernel_does_not_know_does_not_reach_it() -> Result<()> {
    check(SILENT)
}

#[test]
fn what_the_kernel_knows_changes_alone() -> Result<()> {
    check(CASES)
}

#[test]
fn a_route_that_is_replaced_by_the_same_one_is_still_watched() -> Result<()> {
    let mut node = Node::new()?;
    let (from, to) = ("10.2.0.0/16 dev eth0\n", "10.2.0.0/16 dev eth0 scope global\n");
    assert_eq!(node.reload(&BASE.replacen(from, to, 1))?, [""; 0]);
    ip(&node.host, "route del 10.2.0.0/16")?;
    node.daemon.await_log("route 10.2.0.0/16 dev eth0 was removed by somebody else")?;
    Ok(())
}
