//! Root-level settings and `global_defs`.

mod daemon;
mod files;
mod firewall;
mod lvs;
mod process;
mod report;
mod vrrp;

use std::time::Duration;

use super::{Block, Entries, Keyword, int, kw, word};
use crate::diag::Code;
use crate::lower::global;

pub(crate) use vrrp::LONGEST;

/// Root-level keywords of the whole daemon.
pub static ROOT: &[Keyword] = &[
    kw("global_defs", "Settings of the whole daemon.").block(&GLOBAL_DEFS).acted(),
    kw("net_namespace", "Network namespace that the daemon runs in.")
        .args(&[word("NAME")])
        .default("the one it is started in")
        .acted()
        .set(|cx, a| {
            let global = &mut cx.build.config.global;
            if global.net_namespace.is_some() {
                global::duplicate(cx, a);
            } else {
                global.net_namespace = a.opt_string(0);
                global.use_pid_dir = true;
            }
        }),
    kw("net_namespace_ipvs", "Network namespace of IPVS; bare: that of the first process.")
        .acted()
        .args(&[word("NAME").opt()])
        .default("net_namespace")
        .set(|cx, a| {
            if cx.build.config.global.net_namespace_ipvs.is_some() {
                global::duplicate(cx, a);
            } else {
                cx.build.config.global.net_namespace_ipvs = Some(a.string(0));
            }
        }),
    kw("namespace_with_ipsets", "No effect: nftables has its own sets.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.config.global.namespace_with_ipsets = true),
    kw("instance", "Name that tells several daemons on a host apart.")
        .args(&[word("NAME")])
        .acted()
        .set(|cx, a| {
            let global = &mut cx.build.config.global;
            if global.instance.is_some() {
                global::duplicate(cx, a);
            } else {
                global.instance = a.opt_string(0);
                global.use_pid_dir = true;
            }
        }),
    kw("use_pid_dir", "Pid files go to a directory of their own.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.config.global.use_pid_dir = true),
    kw("child_wait_time", "Seconds to wait for the roles to end at stop.")
        .args(&[int(0, u32::MAX as i64)])
        .default("5")
        .invalid("Invalid child_wait_time {}")
        .acted()
        .set(|cx, a| cx.build.config.global.child_wait_time = Duration::from_secs(a.num(0))),
    kw("linkbeat_use_polling", "Poll the link state of all interfaces.")
        .default("off")
        .acted()
        .set(|cx, _| cx.build.config.global.linkbeat_use_polling = true),
];

/// `global_defs`.
pub static GLOBAL_DEFS: Block = Block::new("global_defs", daemon::DAEMON)
    .with(files::RELOAD)
    .with(process::ALL)
    .with(process::VRRP)
    .with(process::CHECKER)
    .with(process::BFD)
    .with(report::MAIL)
    .with(report::AGENTS)
    .with(report::FIFOS)
    .with(vrrp::PROTOCOL)
    .with(vrrp::PACING)
    .with(vrrp::BUFFERS)
    .with(firewall::FIREWALL)
    .with(lvs::LVS);

static NOTIFICATION_EMAIL: Entries = Entries::words("ADDRESS", |cx, a| {
    if a.str(0).is_empty() {
        cx.error(Code::BadValue, a.whole(), "notification_email entry is empty");
        return;
    }
    cx.build.config.global.smtp.to.push(a.string(0));
});
