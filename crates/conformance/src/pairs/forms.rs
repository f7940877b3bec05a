//! What is drawn from: the forms of addresses, routes and rules, and lines of blocks. `{}` stands
//! for a number of the object's own.

pub const VIPS_V4: [&str; 12] = [
    "192.0.2.{}/24",
    "192.0.2.{}/32",
    "192.0.2.{}/24 label eth0:{}",
    "192.0.2.{}/24 brd +",
    "192.0.2.{}/32 scope link",
    "192.0.2.{}/24 noprefixroute",
    "192.0.2.{}/24 no_track",
    "192.0.2.{}/24 dev eth1",
    "192.0.2.{} peer 203.0.113.{}",
    "192.0.2.{}/24 use_vmac",
    "192.0.2.{}/24 dev eth1 use_vmac",
    "192.0.2.{}/32 use_vmac no_track",
];
pub const VIPS_V6: [&str; 14] = [
    "2001:db8::{}/64",
    "2001:db8::{}/128",
    "2001:db8::{}/64 preferred_lft 0",
    "2001:db8::{}/64 noprefixroute",
    "2001:db8::{}/64 home",
    "2001:db8::{}/64 no_track",
    "2001:db8::{}/64 dev eth1",
    "2001:db8::{}/128 preferred_lft forever",
    "2001:db8::{}/64 -nodad",
    "2001:db8::{}/64 mngtmpaddr",
    "fe80::{}/64",
    "2001:db8::{}/64 use_vmac",
    "2001:db8::{}/64 dev eth1 use_vmac",
    "fe80::{}/64 dev eth1 use_vmac no_track",
];
pub const ROUTES_V4: [&str; 26] = [
    "10.{}.0.0/16 via 192.0.2.254 dev eth0",
    "10.{}.0.0/16 via 192.0.2.253 dev eth0",
    "10.{}.0.0/16 via 192.0.2.252",
    "10.{}.0.0/16 dev eth0",
    "10.{}.0.0/16 dev eth1 metric 5",
    "blackhole 10.{}.0.0/16",
    "10.{}.0.0/16 dev eth0 table 200",
    "10.{}.0.0/16 via 192.0.2.254 dev eth0 mtu 1400",
    "10.{}.0.0/16 dev eth0 src 192.0.2.1",
    "10.{}.0.0/16 dev eth0 no_track",
    "10.{}.0.0/16 dev eth0 src VIP",
    "10.{}.0.0/16 dev eth0 tos 16",
    "10.{}.0.0/16 via 192.0.2.222 dev eth0 onlink",
    "10.{}.0.0/16 nexthop via 192.0.2.254 dev eth0 weight 1 \
     nexthop via 198.18.0.254 dev eth1 weight 2",
    "prohibit 10.{}.0.0/16 metric 9",
    "throw 10.{}.0.0/16 table 200",
    "10.{}.0.0/16 dev eth0 realms 5/6",
    "10.{}.0.0/16 dev eth0 advmss 1300 hoplimit 33 window 4000",
    "10.{}.0.0/16 dev eth0 initcwnd 20 initrwnd 30 quickack 1 features ecn",
    "10.{}.0.0/16 dev eth0 rtt 300ms rttvar 250ms rto_min 210ms ssthresh 7 reordering 4",
    "10.{}.0.0/16 dev eth0 scope link protocol static no_track",
    "10.{}.0.0/16 dev eth0 congctl lock reno fastopen_no_cookie 1",
    "append 10.{}.0.0/16 dev eth0",
    "prepend 10.{}.0.0/16 via 192.0.2.254 dev eth0",
    "append 10.200.0.0/16 via 192.0.2.1{} dev eth0",
    "10.{}.0.0/16 encap ip id 5 dst 10.0.1.9 ttl 9 via 192.0.2.254 dev eth0",
];
pub const ROUTES_V6: [&str; 15] = [
    "fd00:{}::/32 dev eth0",
    "fd00:{}::/32 via 2001:db8::fe dev eth0",
    "fd00:{}::/32 via 2001:db8::fe dev eth0 metric 7",
    "fd00:{}::/32 dev eth1",
    "fd00:{}::/32 dev eth0 table 200",
    "blackhole fd00:{}::/32",
    "fd00:{}::/32 dev eth0 mtu 1400",
    "fd00:{}::/32 via 2001:db8::fe dev eth0 pref high",
    "fd00:{}::/32 nexthop via 2001:db8::fe dev eth0 nexthop via 2001:db8::fd dev eth0",
    "fd00:{}::/32 dev eth0 from 2001:db8:9::/48",
    "unreachable fd00:{}::/32",
    "fd00:{}::/32 dev eth0 expires 1000",
    "append fd00:{}::/32 dev eth0",
    "fd00:{}::/32 encap ip6 dst 2001:db8::9 hoplimit 7 via 2001:db8::fe dev eth0",
    "fd00:{}::/32 via 2001:db8::fd dev eth0 mtu 1300",
];
pub const RULES_V4: [&str; 20] = [
    "from 10.{}.0.0/16 table 100",
    "from 10.{}.0.0/16 table 101",
    "to 10.{}.0.0/16 table 100",
    "from 10.{}.0.0/16 to 10.9.0.0/16 table 100",
    "from 10.{}.0.0/16 iif eth1 table 100",
    "from 10.{}.0.0/16 fwmark 3/7 table 100",
    "from 10.{}.0.0/16 blackhole",
    "from 10.{}.0.0/16 table 100 suppress_prefixlength 0",
    "not from 10.{}.0.0/16 table 100",
    "from 10.{}.0.0/16 oif eth1 table 100 no_track",
    "from 10.{}.0.0/16 ipproto tcp dport 80 table 100",
    "from 10.{}.0.0/16 tos 16 table 100",
    "from 10.{}.0.0/16 realms 3/4 table 100",
    "from 10.{}.0.0/16 suppress_ifgroup 7 table 100",
    "from 10.{}.0.0/16 uidrange 100-200 table 100",
    "from 10.{}.0.0/16 tunnel-id 9 table 100",
    "from 10.{}.0.0/16 ipproto udp sport 53-60 table 100",
    "from 10.{}.0.0/16 prohibit",
    "from 10.{}.0.0/16 goto 32766",
    "from 10.{}.0.0/16 protocol 5 table 100 no_track",
];
pub const RULES_V6: [&str; 6] = [
    "from fd00:{}::/32 table 100",
    "to fd00:{}::/32 table 100",
    "from fd00:{}::/32 iif eth1 table 100",
    "from fd00:{}::/32 unreachable",
    "from fd00:{}::/32 table 101 no_track",
    "from fd00:{}::/32 fwmark 5 nop",
];
/// Of a kernel that has VRFs.
pub const ROUTES_VRF: [&str; 2] =
    ["10.{}.0.0/16 dev eth1 vrf red", "blackhole 10.{}.0.0/16 vrf red"];
/// The same.
pub const RULES_VRF: [&str; 1] = ["from 10.{}.0.0/16 l3mdev"];
/// Lines of an instance that say nothing of addresses.
pub const MORE: [&str; 12] = [
    "",
    "garp_master_repeat 2",
    "nopreempt",
    "track_interface {\neth1 weight 10\n}",
    "dont_track_primary",
    "promote_secondaries",
    "garp_extra_if all 2",
    "preempt_delay 1",
    "down_timer_adverts 5",
    "track_file {\nhealth\n}",
    FAULT,
    "skip_check_adv_addr",
];
/// With this one it is in FAULT.
pub const FAULT: &str = "track_file {\nbroken\n}";
/// How an instance wants its virtual link.
pub const VMACS: [&[&str]; 9] = [
    &[],
    &["use_vmac"],
    &["use_vmac", "vmac_xmit_base"],
    &["use_vmac vm"],
    &["use_vmac 02::"],
    &["use_vmac group 7"],
    &["use_vmac", "use_vmac_addr"],
    &["use_vmac_addr"],
    &["use_vmac vm 02:: group 7", "vmac_xmit_base"],
];
/// The same where virtual links are ipvlans. `{}` is a number of its own, `ADDR` an address.
pub const IPVLANS: [&[&str]; 5] = [
    &[],
    &["use_ipvlan ADDR"],
    &["use_ipvlan ipv ADDR"],
    &["use_ipvlan ADDR private"],
    &["use_ipvlan ADDR vepa group 7"],
];
/// Lines of global_defs, and how often each is there, in percent.
pub const GLOBALS: [(&str, usize); 9] = [
    ("nftables_priority -5", 10),
    ("nftables_counters", 15),
    ("nftables_ifindex", 15),
    ("default_interface eth1", 15),
    ("vmac_prefix virt", 20),
    ("vmac_addr_prefix addr", 20),
    ("vrrp_garp_master_repeat 3", 10),
    ("dynamic_interfaces", 15),
    (STRICT, 15),
];
/// Of a line of global_defs.
pub const STRICT: &str = "vrrp_strict";
/// Whether packets to its addresses are accepted.
pub const ACCEPT: [&str; 4] = ["", "", "accept", "no_accept"];
/// What instances track besides: name, block, forms of the block.
pub const TRACKS: [(&str, &str, &[&str]); 3] = [
    ("one", "vrrp_script", &SCRIPTS),
    ("two", "vrrp_script", &SCRIPTS),
    ("sleeper", "vrrp_track_process", &PROCESSES),
];
const SCRIPTS: [&str; 8] = [
    "script /bin/true\ninterval 1",
    "script /bin/true\ninterval 2",
    "script \"/bin/sleep 0.05\"\ninterval 1",
    "script /bin/true\ninterval 1\nrise 2\nfall 3",
    "script /bin/true\ninterval 1\nweight 20",
    "script /bin/true\ninterval 1\ninit_fail",
    "script /bin/false\ninterval 1\nweight -5",
    FAILING[0],
];
const PROCESSES: [&str; 5] = [
    "process sleep",
    "process sleep\nquorum 1\ndelay 1",
    "process sleep\nweight 5",
    "process nobody_is_it\nweight -5",
    FAILING[1],
];
/// With one of these, who tracks it without a weight is in FAULT.
pub const FAILING: [&str; 2] = ["script /bin/false\ninterval 1", "process nobody_is_it\nquorum 1"];
