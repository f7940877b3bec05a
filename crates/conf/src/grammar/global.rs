//! Root-level settings and `global_defs`.

use super::{BOOL, Block, Entries, Keyword, int, kw, word};
use crate::diag::Code;

/// Root-level keywords of the whole daemon.
pub static ROOT: &[Keyword] =
    &[kw("global_defs", "Settings of the whole daemon.").block(&GLOBAL_DEFS).acted()];

/// `global_defs`.
pub static GLOBAL_DEFS: Block = Block::new(
    "global_defs",
    &[
        kw("router_id", "Name of this host in mails, SNMP and dumps.")
            .args(&[word("STRING")])
            .default("host name")
            .missing("router_id must have a name")
            .acted()
            .set(|cx, a| cx.build.config.global.router_id = a.opt_string(0)),
        kw("smtp_alert", "Mail all alerts.")
            .args(&[BOOL])
            .default("off")
            .invalid("Invalid value '{}' for global smtp_alert specified")
            .set(|cx, a| cx.build.config.global.smtp.alert = Some(a.flag(0))),
        kw("vrrp_version", "Version of VRRP where the instance names none.")
            .args(&[int(2, 3)])
            .default("2")
            .invalid("VRRP Error: Version must be either 2 or 3")
            .acted(),
        kw("vrrp_down_timer_adverts", "Missed adverts after which the master counts as down.")
            .args(&[int(1, 100).lenient()])
            .default("3")
            .invalid("Invalid vrrp_down_timer_adverts [1:100] '{}'")
            .acted(),
        kw("include_check", "Which include problems are errors, until the end of the file.")
            .args(&[word("CHECK").rest(0)])
            .default("off")
            .acted()
            .set(crate::lower::language::include_check),
        kw("random_seed", "Seed of $_RANDOM.")
            .args(&[int(0, u32::MAX as i64)])
            .default("random")
            .invalid("random_seed '{}' is invalid")
            .acted()
            .set(|cx, a| cx.language.reseed = a.opt_num::<u32>(0).map(u64::from)),
        kw("notification_email", "Recipients of alerts.").entries(&NOTIFICATION_EMAIL),
    ],
);

static NOTIFICATION_EMAIL: Entries = Entries::words("ADDRESS", |cx, a| {
    if a.str(0).is_empty() {
        cx.error(Code::BadValue, a.whole(), "notification_email entry is empty");
        return;
    }
    cx.build.config.global.smtp.to.push(a.string(0));
});
