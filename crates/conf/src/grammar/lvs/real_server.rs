//! `real_server`.

use super::super::{BOOL, Block, Keyword, SCRIPT, int, kw, word};
use super::checkers;
use super::virtual_server::METHOD;
use super::{INTERVAL, TIME, TIMEOUT};
use crate::lower::lvs::{real, server};

const U32: i64 = u32::MAX as i64;
const WEIGHT: i64 = i32::MAX as i64;

/// `real_server`.
pub static REAL_SERVER: Block = Block::new("real_server", KEYWORDS).with(checkers::CHECKERS);

static KEYWORDS: &[Keyword] = &[
    kw("weight", "Weight.")
        .acted()
        .args(&[int(0, WEIGHT).lenient()])
        .default("that of the virtual server")
        .set(|cx, a| cx.build.lvs.rs.own.weight = a.opt_num(0)),
    kw("lvs_method", "Forwarding.")
        .acted()
        .args(METHOD)
        .default("that of the virtual server")
        .set(real::method),
    kw("uthreshold", "Most connections; above, the server gets no more. 0: no limit.")
        .acted()
        .args(&[int(0, U32).lenient()])
        .default("0")
        .set(|cx, a| cx.build.lvs.rs.rare().uthreshold = a.num(0)),
    kw("lthreshold", "Connections below which a server beyond uthreshold gets new ones. 0: none.")
        .acted()
        .args(&[int(0, U32).lenient()])
        .default("0")
        .set(|cx, a| cx.build.lvs.rs.rare().lthreshold = a.num(0)),
    kw("inhibit_on_failure", "Failure sets weight 0 and does not remove.")
        .acted()
        .args(&[BOOL])
        .default("that of the virtual server")
        .set(|cx, a| cx.build.lvs.rs.own.inhibit_on_failure = Some(a.flag(0))),
    kw("alpha", "Checkers start as failed.")
        .acted()
        .args(&[BOOL])
        .default("that of the virtual server")
        .set(|cx, a| cx.build.lvs.rs.own.alpha = Some(a.flag(0))),
    kw("notify_up", "Runs when the server comes up.").acted().args(&[SCRIPT]).set(|cx, a| {
        server::script(cx, a, "notify_up", |lvs| &mut lvs.rs.rare().notify_up);
    }),
    kw("notify_down", "Runs when the server goes down.").acted().args(&[SCRIPT]).set(|cx, a| {
        server::script(cx, a, "notify_down", |lvs| &mut lvs.rs.rare().notify_down);
    }),
    kw("retry", "Retries before a failed check counts.")
        .acted()
        .args(&[int(1, U32)])
        .default("that of the virtual server")
        .set(|cx, a| cx.build.lvs.rs.own.retry = a.opt_num(0)),
    kw("delay_before_retry", "Time between retries of checks.")
        .acted()
        .args(TIME)
        .default("that of the virtual server")
        .set(|cx, a| cx.build.lvs.rs.own.delay_before_retry = a.opt_secs(0)),
    kw("warmup", "Most random delay before the first check.")
        .acted()
        .args(TIME)
        .default("that of the virtual server")
        .set(|cx, a| cx.build.lvs.rs.own.warmup = a.opt_secs(0)),
    kw("delay_loop", "Time between checks.")
        .acted()
        .args(INTERVAL)
        .default("that of the virtual server")
        .set(|cx, a| cx.build.lvs.rs.own.delay_loop = a.opt_secs(0)),
    kw("connect_timeout", "Time in which a check must connect.")
        .acted()
        .args(TIMEOUT)
        .default("that of the virtual server")
        .set(|cx, a| cx.build.lvs.rs.own.connect_timeout = a.opt_secs(0)),
    kw("smtp_alert", "Mail its changes.")
        .acted()
        .args(&[BOOL])
        .default("smtp_alert_checker, else smtp_alert of global_defs, else on")
        .set(|cx, a| cx.build.lvs.rs.smtp_alert = Some(a.flag(0))),
    kw("virtualhost", "Host header of HTTP_GET and SSL_GET.")
        .acted()
        .args(&[word("NAME")])
        .default("that of the virtual server")
        .missing("{kw} needs a name")
        .set(|cx, a| cx.build.lvs.rs.rare().virtualhost = a.opt_string(0)),
    kw("snmp_name", "Name in SNMP.")
        .acted()
        .args(&[word("NAME")])
        .missing("{kw} takes one name - ignoring")
        .refuse_extra("{kw} takes one name - ignoring")
        .set(|cx, a| cx.build.lvs.rs.rare().snmp_name = a.opt_string(0)),
];
