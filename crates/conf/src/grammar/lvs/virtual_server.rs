//! `virtual_server`.

use super::super::{BOOL, Block, Keyword, SCRIPT, choice, choice_any_case, int, kw, word};
use super::real_server::REAL_SERVER;
use super::{INTERVAL, TIME, TIMEOUT};
use crate::lower::lvs::{server, sorry};
use model::lvs::Protocol;

const U32: i64 = u32::MAX as i64;
const WEIGHT: i64 = i32::MAX as i64;

/// What follows `lvs_method` and its like.
pub(super) const METHOD: &[super::Arg] =
    &[word("NAT|DR|TUN"), word("type ipip|gue|gre|port NUM|nocsum|csum|remcsum").rest(0)];

/// Schedulers, in the order of [`server::SCHEDULERS`].
const SCHEDULER: &[super::Arg] = &[choice(server::SCHEDULER_NAMES)];

/// `virtual_server`.
pub static VIRTUAL_SERVER: Block = Block::new(
    "virtual_server",
    &[
        kw("ip_family", "Address family of a service by firewall mark or group.")
            .acted()
            .args(&[choice(&["inet", "inet6"])])
            .default("from the addresses")
            .set(server::ip_family),
        kw("protocol", "Transport protocol.")
            .acted()
            .args(&[choice_any_case(&["TCP", "UDP", "SCTP"])])
            .default("UDP")
            .set(|cx, a| {
                let protocols = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
                cx.build.lvs.vs.protocol = protocols.get(a.choice(0)).copied();
            }),
        scheduler("lvs_sched", "Scheduler."),
        scheduler("lb_algo", "Scheduler; the same as lvs_sched."),
        kw("hashed", "Nothing; accepted for old configurations.").acted().set(server::hashed),
        kw("ops", "One-packet scheduling, for UDP.").acted().set(|cx, a| {
            server::no_value(cx, a);
            cx.build.lvs.vs.ops = true;
        }),
        flag("flag-1", "Scheduler flag 1.", |cx, a| server::flag(cx, a, 0x1, None)),
        flag("flag-2", "Scheduler flag 2.", |cx, a| server::flag(cx, a, 0x2, None)),
        flag("flag-3", "Scheduler flag 3.", |cx, a| server::flag(cx, a, 0x4, None)),
        flag(
            "sh-fallback",
            "Another server when the hashed one is down; after lvs_sched sh.",
            |cx, a| {
                server::flag(cx, a, 0x1, Some("sh"));
            },
        ),
        flag("sh-port", "Hash the source port too; after lvs_sched sh.", |cx, a| {
            server::flag(cx, a, 0x2, Some("sh"));
        }),
        flag(
            "mh-fallback",
            "Another server when the hashed one is down; after lvs_sched mh.",
            |cx, a| {
                server::flag(cx, a, 0x1, Some("mh"));
            },
        ),
        flag("mh-port", "Hash the source port too; after lvs_sched mh.", |cx, a| {
            server::flag(cx, a, 0x2, Some("mh"));
        }),
        method("lvs_method", "Forwarding of real and sorry servers that have none."),
        method("lb_kind", "Forwarding; the same as lvs_method."),
        kw("persistence_engine", "Persistence engine of IPVS.")
            .acted()
            .args(&[word("NAME")])
            .set(server::persistence_engine),
        kw("persistence_timeout", "How long a client keeps its real server, in seconds.")
            .acted()
            .args(&[int(1, 2_678_400).opt().meta("SECONDS")])
            .default("off; bare: 360")
            .set(|cx, a| {
                let bare = server::PERSISTENCE;
                cx.build.lvs.vs.persistence_timeout = a.opt_num(0).unwrap_or(bare);
            }),
        kw("persistence_granularity", "Clients that persist together.")
            .acted()
            .args(&[word("IPV4MASK|PREFIXLEN")])
            .default("255.255.255.255, 128")
            .set(server::persistence_granularity),
        kw("delay_loop", "Time between checks.")
            .acted()
            .args(INTERVAL)
            .default("60")
            .set(|cx, a| cx.build.lvs.vs.own.delay_loop = a.opt_secs(0)),
        kw("delay_before_retry", "Time between retries of checks.")
            .acted()
            .args(TIME)
            .default("by checker")
            .set(|cx, a| cx.build.lvs.vs.own.delay_before_retry = a.opt_secs(0)),
        kw("retry", "Retries before a failed check counts.")
            .acted()
            .args(&[int(1, U32)])
            .default("by checker")
            .set(|cx, a| cx.build.lvs.vs.own.retry = a.opt_num(0)),
        kw("warmup", "Most random delay before the first check.")
            .acted()
            .args(TIME)
            .default("delay_loop")
            .set(|cx, a| cx.build.lvs.vs.own.warmup = a.opt_secs(0)),
        kw("connect_timeout", "Time in which a check must connect.")
            .acted()
            .args(TIMEOUT)
            .default("5")
            .set(|cx, a| cx.build.lvs.vs.own.connect_timeout = a.opt_secs(0)),
        flag("inhibit_on_failure", "Real servers that fail get weight 0 and stay.", |cx, a| {
            server::no_value(cx, a);
            cx.build.lvs.vs.own.inhibit_on_failure = Some(true);
        }),
        flag("ha_suspend", "No checks while the address is not on this host.", |cx, a| {
            server::no_value(cx, a);
            cx.build.lvs.vs.ha_suspend = true;
        }),
        flag("alpha", "Checkers start as failed.", |cx, a| {
            server::no_value(cx, a);
            cx.build.lvs.vs.own.alpha = Some(true);
        }),
        flag("omega", "Run the down notifications at the end.", |cx, a| {
            server::no_value(cx, a);
            cx.build.lvs.vs.omega = true;
        }),
        kw("quorum", "Least total weight of live real servers.")
            .acted()
            .args(&[int(1, U32).lenient()])
            .default("1")
            .or_use(1)
            .invalid("{kw} '{}' is invalid - using 1")
            .set(|cx, a| cx.build.lvs.vs.quorum = a.opt_num(0)),
        kw("hysteresis", "By how much the quorum must be exceeded and missed.")
            .acted()
            .args(&[int(0, U32).lenient()])
            .default("0")
            .set(|cx, a| cx.build.lvs.vs.hysteresis = a.num(0)),
        kw("quorum_up", "Runs when the quorum is gained.").acted().args(&[SCRIPT]).set(|cx, a| {
            server::script(cx, a, "quorum_up", |lvs| &mut lvs.vs.quorum_up);
        }),
        kw("quorum_down", "Runs when the quorum is lost.").acted().args(&[SCRIPT]).set(|cx, a| {
            server::script(cx, a, "quorum_down", |lvs| &mut lvs.vs.quorum_down);
        }),
        kw("weight", "Weight of real servers that have none.")
            .acted()
            .args(&[int(1, WEIGHT).lenient()])
            .default("1")
            .set(|cx, a| cx.build.lvs.vs.own.weight = a.opt_num(0)),
        kw("virtualhost", "Host header of HTTP_GET and SSL_GET.")
            .acted()
            .args(&[word("NAME")])
            .missing("{kw} needs a name")
            .set(|cx, a| cx.build.lvs.vs.virtualhost = a.opt_string(0)),
        kw("smtp_alert", "Mail changes of the quorum.")
            .acted()
            .args(&[BOOL])
            .default("smtp_alert_checker, else smtp_alert of global_defs, else off")
            .set(|cx, a| cx.build.lvs.vs.smtp_alert = Some(a.flag(0))),
        kw("snmp_name", "Name in SNMP.")
            .acted()
            .args(&[word("NAME")])
            .missing("{kw} takes one name - ignoring")
            .refuse_extra("{kw} takes one name - ignoring")
            .set(|cx, a| cx.build.lvs.vs.snmp_name = a.opt_string(0)),
        kw("sorry_server", "Server that is used without quorum.")
            .acted()
            .args(&[word("ADDR"), word("PORT").opt()])
            .set(sorry::set),
        flag(
            "sorry_server_inhibit",
            "Keep the sorry server with weight 0 while unused.",
            sorry::inhibit,
        ),
        kw("sorry_server_lvs_method", "Forwarding of the sorry server.")
            .acted()
            .args(METHOD)
            .default("lvs_method")
            .set(sorry::method),
        kw("real_server", "A server of the pool.")
            .acted()
            .args(&[word("ADDR"), word("PORT").opt()])
            .block(&REAL_SERVER)
            .set(crate::lower::lvs::real::open)
            .close(crate::lower::lvs::real::close),
    ],
);

const fn scheduler(name: &'static str, help: &'static str) -> Keyword {
    kw(name, help).acted().args(SCHEDULER).default("wlc").set(server::scheduler)
}

const fn flag(name: &'static str, help: &'static str, set: super::super::Setter) -> Keyword {
    kw(name, help).acted().default("off").set(set)
}

const fn method(name: &'static str, help: &'static str) -> Keyword {
    kw(name, help).acted().args(METHOD).default("NAT").set(server::method)
}
