//! Scripts, their users, interfaces and names of the daemon as a whole.

use std::time::Duration;

use crate::diag::Code;
use crate::grammar::{BOOL, IFNAME, Keyword, SCRIPT, choice, int, kw, word};
use crate::lower::global;

/// Keywords of the daemon.
pub static DAEMON: &[Keyword] = &[
    kw("router_id", "Name of this host in mails, SNMP and dumps.")
        .args(&[word("STRING")])
        .default("host name")
        .missing("router_id needs a name")
        .acted()
        .set(|cx, a| cx.build.config.global.router_id = a.opt_string(0)),
    kw("use_symlink_paths", "Run scripts by the path as written, not by the file it leads to.")
        .args(&[BOOL])
        .default("off")
        .since("2.3")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.use_symlink_paths = a.flag(0)),
    kw("set_supplementary_groups", "Scripts get all groups of their user.")
        .args(&[BOOL])
        .default("off")
        .since("2.3")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.set_supplementary_groups = a.flag(0)),
    kw("startup_script", "Run before the roles start.").args(&[SCRIPT]).acted().set(|cx, a| {
        if cx.build.config.global.startup_script.is_some() {
            cx.error(Code::Duplicate, a.whole(), "startup_script is given twice; the first counts");
        } else if let Some(script) = a.script() {
            cx.build.config.global.startup_script = Some(cx.add_script(script));
        }
    }),
    kw("startup_script_timeout", "Seconds after which the startup script is ended.")
        .args(&[int(1, 1000).lenient()])
        .default("10")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            cx.build.config.global.startup_script_timeout = Duration::from_secs(a.num(0));
        }),
    kw("shutdown_script", "Run after the roles have stopped.").args(&[SCRIPT]).acted().set(
        |cx, a| {
            if cx.build.config.global.shutdown_script.is_some() {
                cx.error(
                    Code::Duplicate,
                    a.whole(),
                    "shutdown_script is given twice; the first counts",
                );
            } else if let Some(script) = a.script() {
                cx.build.config.global.shutdown_script = Some(cx.add_script(script));
            }
        },
    ),
    kw("shutdown_script_timeout", "Seconds after which the shutdown script is ended.")
        .args(&[int(1, 1000).lenient()])
        .default("10")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            cx.build.config.global.shutdown_script_timeout = Duration::from_secs(a.num(0));
        }),
    kw("script_user", "User and group of scripts that name none.")
        .args(&[word("USER"), word("[:]GROUP").opt()])
        .default("keepalived_script if it exists, else root")
        .missing("script_user needs a user")
        .acted()
        .set(global::script_user),
    kw("enable_script_security", "Refuse scripts that others than root could change.")
        .default("off")
        .acted()
        .set(|cx, _| {
            cx.build.config.global.script_security = true;
            cx.build.scripts.security = true;
        }),
    kw("dynamic_interfaces", "Interfaces may be missing at start.")
        .args(&[choice(&["allow_if_changes"]).opt()])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            cx.build.config.global.dynamic_interfaces = true;
            cx.build.config.global.allow_if_changes |= a.opt_choice(0).is_some();
        }),
    kw("default_interface", "Interface of static addresses without dev.")
        .args(&[IFNAME])
        .default("eth0")
        .missing("default_interface needs an interface")
        .invalid("'{}' is too long for an interface name (15 bytes) - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.default_interface = a.opt_string(0)),
    kw("disable_local_igmp", "No IGMP reports for link-local groups while running.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.config.global.disable_local_igmp = true),
    kw("umask", "File mode bits that created files do not get: octal, or IRUSR|IWGRP...")
        .args(&[word("BITS")])
        .default("0077")
        .acted()
        .set(global::umask),
    kw("process_monitor_rcv_bufs", "Receive buffer of the process monitor in bytes.")
        .args(&[int(1, u32::MAX as i64).lenient()])
        .default("kernel")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.buffers.process_monitor.bytes = a.opt_num(0)),
    kw("process_monitor_rcv_bufs_force", "Set it beyond the system's limit.")
        .args(&[BOOL])
        .default("off")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| cx.build.config.global.buffers.process_monitor.force = a.flag(0)),
    kw("include_check", "Which include problems are errors, until the end of the file.")
        .args(&[word("CHECK").rest(0)])
        .default("off")
        .acted()
        .set(crate::lower::language::include_check),
    kw("random_seed", "Seed of $_RANDOM.")
        .args(&[int(0, u32::MAX as i64)])
        .default("random")
        .invalid("{kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| {
            cx.language.reseed = a.opt_num::<u32>(0).map(u64::from);
            cx.build.config.global.random_seed = a.opt_num(0);
        }),
    kw("iproute_etc_dir", "Where iproute2's files are looked for first.")
        .args(&[word("DIR")])
        .default("/etc/iproute2")
        .since("2.3")
        .missing("iproute_etc_dir requires a directory")
        .refuse_extra("iproute_etc_dir takes one directory - ignoring")
        .acted()
        .set(|cx, a| {
            cx.build.config.global.iproute_etc_dir = a.opt_string(0);
            cx.build.names.etc_dir = a.opt_string(0);
        }),
    kw("iproute_usr_dir", "Where iproute2's files are looked for next.")
        .args(&[word("DIR")])
        .default("/usr/share/iproute2")
        .since("2.3")
        .missing("iproute_usr_dir requires a directory")
        .refuse_extra("iproute_usr_dir takes one directory - ignoring")
        .acted()
        .set(|cx, a| {
            cx.build.config.global.iproute_usr_dir = a.opt_string(0);
            cx.build.names.usr_dir = a.opt_string(0);
        }),
];
