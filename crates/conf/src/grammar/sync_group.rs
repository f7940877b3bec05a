//! `vrrp_sync_group`.

use super::{BOOL, Block, Entries, Keyword, kw, track, word};
use crate::lower::vrrp::sync_group;

/// Root-level keywords of sync groups.
pub static ROOT: &[Keyword] = &[kw("vrrp_sync_group", "Instances that move together.")
    .args(&[word("NAME")])
    .missing("vrrp_sync_group needs a name - skipping the block")
    .block(&SYNC_GROUP)
    .acted()
    .set(sync_group::open)
    .close(sync_group::close)];

static SYNC_GROUP: Block =
    Block::new("vrrp_sync_group", OWN).with(track::TRACKERS).with(track::NOTIFY);

static OWN: &[Keyword] = &[
    kw("group", "Its instances.")
        .entries(&MEMBERS)
        .acted()
        .set(sync_group::open_members)
        .close(sync_group::close_members),
    kw("smtp_alert", "Mail its transitions.")
        .acted()
        .args(&[BOOL])
        .default("smtp_alert_vrrp")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .set(|cx, a| sync_group::change(cx, |g| g.smtp_alert = Some(a.flag(0)))),
    kw("notify_priority_changes", "Write its priority changes to the FIFOs.")
        .args(&[BOOL])
        .default("vrrp_notify_priority_changes")
        .invalid("({name}) {kw} '{}' is invalid - ignoring")
        .acted()
        .set(|cx, a| sync_group::change(cx, |g| g.notify_priority_changes = Some(a.flag(0)))),
    kw("sync_group_tracking_weight", "Members may have weighted trackers.")
        .default("off")
        .acted()
        .set(sync_group::tracking_weight),
    kw("global_tracking", "Old spelling of sync_group_tracking_weight.")
        .acted()
        .set(sync_group::tracking_weight),
];

static MEMBERS: Entries = Entries::words("INSTANCE", sync_group::member);
