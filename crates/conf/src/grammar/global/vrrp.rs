//! Defaults of every VRRP instance, and what all of them share.

use std::net::IpAddr;
use std::time::Duration;

use types::Family;

use crate::diag::Code;
use crate::grammar::{BOOL, Keyword, int, kw, secs, word};
use crate::lower::global;
use crate::lower::vrrp::garp;

/// Longest pacing interval in microseconds: 32 bits of them.
pub const LONGEST: u64 = u32::MAX as u64;

/// Pacing of gratuitous packets and adverts.
pub static PACING: &[Keyword] = &[
    kw("vrrp_garp_master_delay", "Seconds to the second batch after becoming master; 0: none.")
        .args(&[int(0, 4294).lenient()])
        .default("5")
        .invalid("vrrp_garp_master_delay '{}' invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.global.garp.master_delay = Duration::from_secs(a.num(0))),
    kw("vrrp_garp_master_repeat", "Packets per address and batch.")
        .args(&[int(0, i32::MAX as i64).lenient()])
        .default("5")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.global.garp.master_repeat = global::at_least_one(cx, a)),
    kw("vrrp_garp_master_refresh", "Seconds between refreshes while master; 0: none.")
        .args(&[int(0, u32::MAX as i64).lenient()])
        .default("0")
        .invalid("{kw} '{}' is invalid - no refresh")
        .or_use(0)
        .acted()
        .set(|cx, a| cx.build.global.garp.master_refresh = Duration::from_secs(a.num(0))),
    kw("vrrp_garp_master_refresh_repeat", "Packets per address and refresh.")
        .args(&[int(0, i32::MAX as i64).lenient()])
        .default("1")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.global.garp.master_refresh_repeat = global::at_least_one(cx, a)),
    kw("vrrp_garp_lower_prio_delay", "Seconds to the second batch after a lower advert; 0: none.")
        .args(&[int(0, 4294).lenient()])
        .default("vrrp_garp_master_delay")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            cx.build.global.lower_prio_delay = Some(Duration::from_secs(a.num(0)));
        }),
    kw("vrrp_garp_lower_prio_repeat", "Packets per address and batch after a lower advert.")
        .args(&[int(0, i32::MAX as i64).lenient()])
        .default("vrrp_garp_master_repeat")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.global.lower_prio_repeat = a.opt_num(0)),
    kw("vrrp_garp_interval", "Least seconds between gratuitous ARPs on an interface.")
        .args(&[secs(1, LONGEST)])
        .default("0")
        .invalid("vrrp_garp_interval '{}' is invalid")
        .acted()
        .set(|cx, a| {
            cx.build.config.global.garp_interval = a.secs(0);
            global::large_interval(cx, a);
        }),
    kw("vrrp_gna_interval", "Least seconds between neighbour advertisements on an interface.")
        .args(&[secs(1, LONGEST)])
        .default("0")
        .invalid("vrrp_gna_interval '{}' is invalid")
        .acted()
        .set(|cx, a| {
            cx.build.config.global.gna_interval = a.secs(0);
            global::large_interval(cx, a);
        }),
    kw("vrrp_min_garp", "One packet, no second batch and no refresh, where not set otherwise.")
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(global::min_garp),
    kw(
        "vrrp_garp_extra_if",
        "Seconds between packets on VMACs of other interfaces; all: on others too.",
    )
    .args(&[word("[all] SECONDS").rest(0)])
    .default("0")
    .acted()
    .set(|cx, a| {
        if let Some(extra) = garp::extra_if(cx, a, 1) {
            cx.build.global.garp.extra_if = extra;
        }
    }),
    kw("vrrp_vmac_garp_intvl", "Old spelling of vrrp_garp_extra_if.")
        .args(&[word("[all] SECONDS").rest(0)])
        .deprecated("use vrrp_garp_extra_if")
        .acted()
        .set(|cx, a| {
            if let Some(extra) = garp::extra_if(cx, a, 1) {
                cx.build.global.garp.extra_if = extra;
            }
        }),
    kw("vrrp_down_timer_adverts", "Missed adverts after which the master counts as down.")
        .args(&[int(1, 100).lenient()])
        .default("3")
        .invalid("Invalid vrrp_down_timer_adverts [1:100] '{}'")
        .acted()
        .set(|cx, a| cx.build.global.down_timer_adverts = a.num(0)),
    kw("vrrp_lower_prio_no_advert", "A master stays silent at a lower advert.")
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.global.lower_prio_no_advert = a.flag(0)),
    kw("vrrp_higher_prio_send_advert", "A master answers a higher advert with one of its own.")
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.global.higher_prio_send_advert = a.flag(0)),
];

/// Defaults of instances and the protocol's settings.
pub static PROTOCOL: &[Keyword] = &[
    kw("vrrp_version", "Version of VRRP where the instance names none.")
        .args(&[int(2, 3)])
        .default("2; IPv6: 3")
        .invalid("VRRP Error: Version must be either 2 or 3")
        .acted()
        .set(|cx, a| {
            use model::vrrp::Version;
            let version = if a.num::<u8>(0) == 3 { Version::V3 } else { Version::V2 };
            cx.build.global.version = version;
        }),
    kw("vrrp_mcast_group4", "IPv4 group that adverts go to.")
        .args(&[word("IPV4")])
        .default("224.0.0.18")
        .acted()
        .set(|cx, a| {
            if let Some(IpAddr::V4(group)) = global::mcast_group(cx, a, Family::V4) {
                cx.build.config.global.mcast_group4 = group;
            }
        }),
    kw("vrrp_mcast_group6", "IPv6 group that adverts go to.")
        .args(&[word("IPV6")])
        .default("ff02::12")
        .acted()
        .set(|cx, a| {
            if let Some(IpAddr::V6(group)) = global::mcast_group(cx, a, Family::V6) {
                cx.build.config.global.mcast_group6 = group;
            }
        }),
    kw("vrrp_check_unicast_src", "Drop unicast adverts that are not from a peer.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.global.check_unicast_src = true),
    kw("vrrp_skip_check_adv_addr", "Check the address list of a new master's first advert only.")
        .args(&[BOOL])
        .default("off")
        .acted()
        .set(|cx, a| cx.build.global.skip_check_adv_addr = a.flag(0)),
    kw("vrrp_strict", "Keep to the RFC to the letter.")
        .args(&[BOOL])
        .default("off")
        .acted()
        .set(|cx, a| cx.build.global.strict = a.flag(0)),
    kw("vrrp_owner_ignore_adverts", "An address owner ignores all adverts.")
        .args(&[BOOL])
        .default("off")
        .since("2.3")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.global.owner_ignore_adverts = Some(a.flag(0))),
    kw("v3_checksum_as_v2", "VRRPv3 checksums over IPv4 leave the pseudo header out.")
        .default("off")
        .since("2.3")
        .acted()
        .set(|cx, _| cx.build.global.v3_checksum_as_v2 = true),
    kw("log_unknown_vrids", "Log adverts of virtual routers that are not configured.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.config.global.log_unknown_vrids = true),
    kw("vrrp_startup_delay", "Seconds after start in which adverts are not heeded.")
        .args(&[secs(1_000, LONGEST)])
        .default("0")
        .invalid("vrrp_startup_delay '{}' is invalid")
        .acted()
        .set(|cx, a| {
            cx.build.config.global.startup_delay = a.secs(0);
            global::long_delay(cx, a);
        }),
    kw("vrrp_delay_after_boot", "Least uptime in seconds before adverts are heeded.")
        .args(&[secs(1_000, LONGEST)])
        .default("0")
        .since("2.3")
        .invalid("vrrp_delay_after_boot '{}' is invalid")
        .acted()
        .set(|cx, a| {
            cx.build.config.global.delay_after_boot = a.secs(0);
            global::long_delay(cx, a);
        }),
    kw("vmac_prefix", "Start of generated VMAC names.")
        .args(&[word("STRING")])
        .default("vrrp")
        .acted()
        .set(|cx, a| {
            if std::mem::replace(&mut cx.build.global.vmac_prefix_given, true) {
                let text = format!("vmac_prefix is given twice - ignoring {}", a.str(0));
                cx.error(Code::Duplicate, a.whole(), text);
            } else {
                cx.build.config.global.vmac_prefix = a.string(0);
            }
        }),
    kw("vmac_addr_prefix", "Start of generated names of VMACs for addresses.")
        .args(&[word("STRING")])
        .default("vmac_prefix")
        .acted()
        .set(|cx, a| {
            if cx.build.config.global.vmac_addr_prefix.is_some() {
                let text = format!("vmac_addr_prefix is given twice - ignoring {}", a.str(0));
                cx.error(Code::Duplicate, a.whole(), text);
            } else {
                cx.build.config.global.vmac_addr_prefix = a.opt_string(0);
            }
        }),
];

/// Socket buffers of the vrrp role.
pub static BUFFERS: &[Keyword] = &[
    kw("vrrp_netlink_cmd_rcv_bufs", "Receive buffer of the command socket in bytes.")
        .args(&[int(1, u32::MAX as i64).lenient()])
        .default("kernel")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.buffers.vrrp_cmd.bytes = a.opt_num(0)),
    kw("vrrp_netlink_cmd_rcv_bufs_force", "Set it beyond the system's limit.")
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.buffers.vrrp_cmd.force = a.flag(0)),
    kw("vrrp_netlink_monitor_rcv_bufs", "Receive buffer of the monitor socket in bytes.")
        .args(&[int(1, u32::MAX as i64).lenient()])
        .default("kernel")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.buffers.vrrp_monitor.bytes = a.opt_num(0)),
    kw("vrrp_netlink_monitor_rcv_bufs_force", "Set it beyond the system's limit.")
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.buffers.vrrp_monitor.force = a.flag(0)),
    kw("vrrp_rx_bufs_policy", "Receive buffer of an instance: by MTU, by advert size, or bytes.")
        .args(&[word("MTU|ADVERT|BYTES").rest(0)])
        .default("kernel")
        .acted()
        .set(global::rx_bufs_policy),
    kw("vrrp_rx_bufs_multiplier", "How many packets the receive buffer holds.")
        .args(&[int(1, u32::MAX as i64)])
        .default("3")
        .missing("{kw} needs one number - ignoring")
        .invalid("{kw} '{}' is invalid - ignoring")
        .refuse_extra("{kw} needs one number - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.buffers.rx_multiplier = a.num(0)),
];
