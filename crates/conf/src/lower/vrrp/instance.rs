//! Keywords of an instance that need more than a field to be set.

use std::time::Duration;

use model::vrrp::{OldChecksum, Version};
use types::{Family, Priority, Vrid};

use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::lower::Cx;

/// `virtual_router_id N`.
pub fn vrid(cx: &mut Cx<'_>, a: &Args<'_>) {
    let vrid = Vrid::new(a.num(0));
    if let Some(given) = cx.given() {
        given.vrid = vrid.or(given.vrid);
    }
}

/// `state MASTER|BACKUP`.
pub fn state(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = cx.block_name().to_owned();
    let master = match a.str(0) {
        "MASTER" => true,
        "BACKUP" => false,
        other => {
            let text = format!("({name}) unknown state '{other}', defaulting to BACKUP");
            let diag = Diag::new(Level::General, Code::BadValue, a.span(0), text);
            cx.report(diag.did_you_mean(other, ["MASTER", "BACKUP"].into_iter()));
            false
        }
    };
    let Some(given) = cx.given() else { return };
    if !master && given.master == Some(true) {
        let text = format!("({name}) state is MASTER already - ignoring {}", a.str(0));
        cx.error(Code::Conflict, a.whole(), text);
    } else {
        given.master = Some(master);
    }
}

/// `interface IF`.
pub fn interface(cx: &mut Cx<'_>, a: &Args<'_>) {
    let (name, interface) = (cx.block_name().to_owned(), a.str(0));
    let facts = cx.wants_interface(interface, a.span(0), || {
        format!("({name}) interface {interface} doesn't exist")
    });
    if facts.is_some_and(|f| f.loopback) {
        let text = format!("({name}) interface {interface} is the loopback - ignoring it");
        cx.error(Code::BadInterface, a.span(0), text);
        if let Some(made) = cx.made() {
            made.interface = None;
        }
        return;
    }
    if let Some(made) = cx.made() {
        made.interface = Some(interface.to_owned());
    }
}

/// `vrf IF`.
pub fn vrf(cx: &mut Cx<'_>, a: &Args<'_>) {
    let (name, vrf) = (cx.block_name().to_owned(), a.str(0));
    let facts = cx.wants_interface(vrf, a.span(0), || format!("({name}) vrf {vrf} doesn't exist"));
    if facts.is_some_and(|f| f.vrf_table.is_none()) {
        let text = format!("({name}) interface {vrf} is not a VRF - ignoring");
        cx.error(Code::BadInterface, a.span(0), text);
    } else if let Some(made) = cx.made() {
        made.vrf = Some(vrf.to_owned());
    }
}

/// `priority N`; a bad one is 100.
pub fn priority(cx: &mut Cx<'_>, a: &Args<'_>) {
    let priority = Priority(a.num(0));
    if let Some(given) = cx.given() {
        given.priority = Some(priority);
    }
}

/// `advert_int SECONDS`.
pub fn advert_int(cx: &mut Cx<'_>, a: &Args<'_>) {
    let interval = a.secs(0);
    if let Some(made) = cx.made() {
        made.advert_int = interval;
    }
}

/// `version 2|3`; the first one counts.
pub fn version(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = cx.block_name().to_owned();
    let version = if a.num::<u8>(0) == 3 { Version::V3 } else { Version::V2 };
    let Some(given) = cx.given() else { return };
    match given.version {
        Some(old) if old != version => {
            let text = format!(
                "({name}) version {} contradicts version {} above - ignoring it",
                number(version),
                number(old)
            );
            cx.error(Code::Conflict, a.whole(), text);
        }
        _ => given.version = Some(version),
    }
}

/// The number of a version.
pub(super) fn number(version: Version) -> u8 {
    match version {
        Version::V2 => 2,
        Version::V3 => 3,
    }
}

/// `native_ipv6`: IPv6 and VRRPv3, whatever addresses follow.
pub fn native_ipv6(cx: &mut Cx<'_>, a: &Args<'_>) {
    let Some(draft) = &mut cx.build.vrrp.instance else { return };
    if !draft.takes_family(Family::V6) {
        let text = format!(
            "({}) native_ipv6 has no place with IPv4 addresses - ignoring it",
            draft.name()
        );
        cx.error(Code::BadFamily, a.whole(), text);
        return;
    }
    draft.given.native_ipv6 = true;
    let old = *draft.given.version.get_or_insert(Version::V3);
    if old != Version::V3 {
        let text = format!("({}) native_ipv6 sets version 3", draft.name());
        draft.given.version = Some(Version::V3);
        cx.error(Code::Conflict, a.whole(), text);
    }
}

/// `preempt_delay SECONDS`; a bad one is none.
pub fn preempt_delay(cx: &mut Cx<'_>, a: &Args<'_>) {
    let delay = a.secs(0);
    if let Some(made) = cx.made() {
        made.preempt_delay = delay;
    }
}

/// `old_unicast_checksum [never]`.
pub fn old_unicast_checksum(cx: &mut Cx<'_>, a: &Args<'_>) {
    let mode = match a.get(0) {
        None => OldChecksum::Always,
        Some("never") => OldChecksum::Never,
        Some(other) => {
            let name = cx.block_name();
            let text = format!(
                "({name}) old_unicast_checksum takes never or nothing, not {other} - ignoring it"
            );
            cx.error(Code::BadValue, a.span(0), text);
            if let Some(given) = cx.given() {
                given.unicast = true;
            }
            return;
        }
    };
    if let Some(given) = cx.given() {
        given.old_checksum = mode;
        given.unicast = true;
    }
}

/// `skip_check_adv_addr [BOOL]`: the reference turns it on whatever the word.
pub fn skip_check_adv_addr(cx: &mut Cx<'_>, a: &Args<'_>) {
    let on = a.flag(0);
    if let Some(given) = cx.given() {
        given.skip_check_adv_addr = Some(on);
    }
}

/// `timer_expired_backup [PRIORITY]`.
pub fn timer_expired_backup(cx: &mut Cx<'_>, a: &Args<'_>) {
    if a.name() == "thread_timer_expired" {
        let text = "thread_timer_expired is an old name - use timer_expired_backup";
        cx.error(Code::Deprecated, a.keyword_span(), text);
    }
    let priority = a.opt_num(0).unwrap_or(254);
    if let Some(made) = cx.made() {
        made.timer_expired_backup = Some(priority);
    }
}

/// `linkbeat_use_polling` of an instance.
pub fn linkbeat(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = format!(
        "({}) linkbeat_use_polling is deprecated in an instance - use linkbeat_interfaces",
        cx.block_name()
    );
    cx.error(Code::Deprecated, a.whole(), text);
    if let Some(made) = cx.made() {
        made.linkbeat_use_polling = true;
    }
}

/// `notify_deleted [SCRIPT]`; without a script it only chooses the word that
/// is reported.
pub fn notify_deleted(cx: &mut Cx<'_>, a: &Args<'_>) {
    if cx.notify().is_some_and(|n| std::mem::replace(&mut n.report_deleted, true)) {
        let text = format!("({}) notify_deleted is given twice - ignoring", cx.block_name());
        cx.error(Code::Duplicate, a.whole(), text);
        return;
    }
    super::draft::notify(cx, a, |n| &mut n.deleted);
}

/// A time in whole seconds.
pub fn seconds(a: &Args<'_>) -> Option<Duration> {
    Some(Duration::from_secs(a.num(0)))
}
