//! IPVS-wide settings and what the checker role's netlink sockets need.

use crate::grammar::{BOOL, IFNAME, Keyword, int, kw, word};
use crate::lower::global;
use crate::lower::global::sync_daemon;

/// IPVS-wide keywords.
pub static LVS: &[Keyword] = &[
    kw("checker_log_all_failures", "Log every failure of a checker, not only the deciding one.")
        .acted()
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .set(|cx, a| cx.build.config.global.ipvs.log_all_failures = a.flag(0)),
    kw("rs_init_notifies", "Report real servers up at start.")
        .acted()
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .set(|cx, a| cx.build.config.global.ipvs.rs_init_notifies = a.flag(0)),
    kw("lvs_timeouts", "IPVS connection timeouts in seconds.")
        .acted()
        .args(&[word("[tcp N] [tcpfin N] [udp N]").rest(0)])
        .default("kernel")
        .set(global::lvs_timeouts),
    kw("lvs_flush", "Clear the IPVS table at start.")
        .acted()
        .default("off")
        .set(|cx, _| cx.build.config.global.ipvs.flush = true),
    kw("lvs_flush_on_stop", "Clear the IPVS table at stop; VS: remove virtual servers only.")
        .acted()
        .args(&[word("VS").opt()])
        .default("off")
        .set(global::lvs_flush_on_stop),
    kw("lvs_flush_onstop", "Old spelling of lvs_flush_on_stop.")
        .acted()
        .args(&[word("VS").opt()])
        .deprecated_quietly("use lvs_flush_on_stop")
        .set(global::lvs_flush_on_stop),
    kw("lvs_required", "End the daemon when the kernel has no IPVS, as keepalived 2 does.")
        .acted()
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .set(|cx, a| cx.build.config.global.ipvs.required = a.flag(0)),
    kw("lvs_sync_daemon", "Synchronise IPVS connections.")
        .acted()
        .args(&[
            IFNAME,
            word("[inst VRRP] [id N] [maxlen N] [port N] [ttl N] [group ADDR]").rest(0),
        ])
        .missing("lvs_sync_daemon needs an interface")
        .invalid("'{}' is too long for an interface name (15 bytes) - ignoring")
        .set(sync_daemon::set),
    kw("nftables_ipvs", "Name of the table that marks address groups.")
        .acted()
        .args(&[word("TABLE").opt()])
        .default("off; bare: keepalived_ipvs")
        .set(global::nftables_ipvs),
    kw("nftables_ipvs_priority", "Priority of its hook.")
        .acted()
        .args(&[int(i32::MIN as i64, i32::MAX as i64)])
        .default("-1")
        .invalid("{kw} '{}' is invalid - ignoring")
        .set(|cx, a| cx.build.config.global.nftables.ipvs_priority = a.num(0)),
    kw("nftables_ipvs_start_fwmark", "First automatic mark.")
        .acted()
        .args(&[int(1, u32::MAX as i64)])
        .default("1000")
        .invalid("{kw} '{}' is invalid - ignoring")
        .set(|cx, a| cx.build.config.global.nftables.ipvs_start_fwmark = a.num(0)),
    kw("lvs_netlink_cmd_rcv_bufs", "Receive buffer of the command socket in bytes.")
        .acted()
        .args(&[int(0, u32::MAX as i64).lenient()])
        .default("kernel")
        .invalid("{kw} '{}' is invalid - ignoring")
        .set(|cx, a| {
            cx.build.config.global.buffers.lvs_cmd.bytes = a.opt_num(0).filter(|n| *n > 0)
        }),
    kw("lvs_netlink_cmd_rcv_bufs_force", "Set it beyond the system's limit.")
        .acted()
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .set(|cx, a| cx.build.config.global.buffers.lvs_cmd.force = a.flag(0)),
    kw("lvs_netlink_monitor_rcv_bufs", "Receive buffer of the monitor socket in bytes.")
        .acted()
        .args(&[int(0, u32::MAX as i64).lenient()])
        .default("kernel")
        .invalid("{kw} '{}' is invalid - ignoring")
        .set(|cx, a| {
            cx.build.config.global.buffers.lvs_monitor.bytes = a.opt_num(0).filter(|n| *n > 0);
        }),
    kw("lvs_netlink_monitor_rcv_bufs_force", "Set it beyond the system's limit.")
        .acted()
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .set(|cx, a| cx.build.config.global.buffers.lvs_monitor.force = a.flag(0)),
];
