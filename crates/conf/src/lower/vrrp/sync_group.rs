//! `vrrp_sync_group`.

use std::collections::HashMap;

use model::track::TrackKind;
use model::vrrp::{SyncGroup, VrrpInstance};
use types::Weight;

use super::objects;
use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::lower::Cx;
use crate::source::Span;

/// A `vrrp_sync_group` that is being read.
#[derive(Debug, Default)]
pub struct Draft {
    span: Span,
    /// The group; its members are those that are written.
    pub made: SyncGroup,
    listed: bool,
    /// `smtp_alert`.
    pub smtp_alert: Option<bool>,
    /// `notify_priority_changes`.
    pub notify_priority_changes: Option<bool>,
}

/// `vrrp_sync_group NAME {`.
pub fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = a.str(0);
    if !cx.build.vrrp.group_names.insert(name.to_owned()) {
        let text = format!("vrrp_sync_group {name} is defined already - skipping the block");
        cx.error(Code::Duplicate, a.span(0), text);
        cx.skip_block();
        return;
    }
    let made = SyncGroup { name: name.to_owned(), ..SyncGroup::default() };
    cx.build.vrrp.group = Some(Draft { span: a.whole(), made, ..Draft::default() });
}

/// The end of a `vrrp_sync_group`.
pub fn close(cx: &mut Cx<'_>) {
    cx.build.vrrp.groups.extend(cx.build.vrrp.group.take());
}

/// `group {`, once.
pub fn open_members(cx: &mut Cx<'_>, a: &Args<'_>) {
    let Some(group) = &mut cx.build.vrrp.group else { return };
    if std::mem::replace(&mut group.listed, true) {
        let text = format!("({}) group is given twice; the first counts", group.made.name);
        cx.error(Code::Duplicate, a.whole(), text);
        cx.skip_block();
    }
}

/// A member.
pub fn member(cx: &mut Cx<'_>, a: &Args<'_>) {
    if let Some(group) = &mut cx.build.vrrp.group {
        group.made.members.push(a.string(0));
    }
}

/// The end of `group`.
pub fn close_members(cx: &mut Cx<'_>) {
    let Some(group) = &cx.build.vrrp.group else { return };
    if group.made.members.is_empty() {
        let text = format!("vrrp_sync_group {}: group is empty", group.made.name);
        let span = group.span;
        cx.error(Code::Missing, span, text);
    }
}

/// Changes the open group.
pub fn change(cx: &mut Cx<'_>, change: impl FnOnce(&mut Draft)) {
    if let Some(group) = &mut cx.build.vrrp.group {
        change(group);
    }
}

/// `sync_group_tracking_weight` and its old spelling.
pub fn tracking_weight(cx: &mut Cx<'_>, a: &Args<'_>) {
    if a.name() == "global_tracking" {
        let text = format!(
            "({}) global_tracking is deprecated - use sync_group_tracking_weight or track on \
             the group",
            cx.block_name()
        );
        cx.error(Code::Deprecated, a.keyword_span(), text);
    }
    change(cx, |group| group.made.tracking_weight = true);
}

/// Resolves the members of all groups and what a group means for them.
pub(super) fn complete(cx: &mut Cx<'_>) {
    let drafts = std::mem::take(&mut cx.build.vrrp.groups);
    let instances = &cx.build.config.vrrp.instances;
    let index: HashMap<String, usize> =
        instances.iter().enumerate().map(|(i, instance)| (instance.name.clone(), i)).collect();
    let mut taken = vec![false; instances.len()];
    for draft in drafts {
        if let Some(group) = group(cx, draft, &index, &mut taken) {
            cx.build.config.vrrp.sync_groups.push(group);
        }
    }
}

fn group(
    cx: &mut Cx<'_>,
    draft: Draft,
    index: &HashMap<String, usize>,
    taken: &mut [bool],
) -> Option<SyncGroup> {
    let (mut made, span) = (draft.made, draft.span);
    let name = made.name.clone();
    if made.members.is_empty() {
        let text = format!("Sync group {name} has no members - ignoring it");
        cx.late(Code::Missing, span, text);
        return None;
    }
    let mut members = Vec::with_capacity(made.members.len());
    for member in std::mem::take(&mut made.members) {
        let place = index.get(&member).and_then(|i| taken.get_mut(*i).map(|taken| (*i, taken)));
        let Some((i, taken)) = place else {
            let text = format!(
                "Virtual router {member} specified in sync group {name} doesn't exist - ignoring"
            );
            let names = cx.build.config.vrrp.instances.iter().map(|i| i.name.as_str());
            let diag = Diag::new(Level::General, Code::Undefined, Span::NONE, text);
            let diag = diag.related(span, "the group is defined here");
            cx.report(diag.did_you_mean(&member, names));
            continue;
        };
        if std::mem::replace(taken, true) {
            let text =
                format!("({name}) {member} is in another sync group already - ignoring it here");
            cx.late(Code::Duplicate, span, text);
            continue;
        }
        members.push(i);
        made.members.push(member);
    }
    if members.is_empty() {
        let text = format!("Sync group {name} has no usable member - ignoring it");
        cx.late(Code::Missing, span, text);
        return None;
    }
    if members.len() == 1 {
        let text = format!(
            "Sync group {name} has only 1 virtual router(s) - this probably isn't what you want"
        );
        cx.late(Code::Advice, span, text);
    }
    let global = &cx.build.config.global;
    let mail = global.smtp.alert_vrrp.or(global.smtp.alert).unwrap_or(false);
    made.smtp_alert = draft.smtp_alert.unwrap_or(mail);
    made.notify_priority_changes =
        draft.notify_priority_changes.unwrap_or(global.notify_priority_changes);
    objects::drop_unusable(cx, &mut made.tracks);
    weights(cx, &mut made, &members, span);
    Some(made)
}

/// Without `sync_group_tracking_weight` members have one priority each, so
/// their weights go; and none can change that of an address owner.
fn weights(cx: &mut Cx<'_>, group: &mut SyncGroup, members: &[usize], span: Span) {
    let mut said = Vec::new();
    let config = &mut cx.build.config;
    let mut owner = false;
    for i in members {
        let Some(instance) = config.vrrp.instances.get_mut(*i) else { continue };
        owner |= instance.priority.is_owner();
        if !group.tracking_weight {
            member_weights(instance, &config.tracks, &mut said);
        }
        for tracked in &instance.track_interfaces {
            if group.track_interfaces.iter().any(|t| t.interface == tracked.interface) {
                said.push(format!(
                    "({}) track_interface {} is also in its sync group; once is enough",
                    instance.name, tracked.interface
                ));
            }
        }
    }
    if owner {
        let name = group.name.as_str();
        for tracked in group.tracks.iter_mut().filter(|t| t.weight.0 != 0) {
            let object = config.tracks.get(tracked.id.index());
            let (noun, of) = object.map_or(("object", ""), |o| (noun(&o.kind), o.name.as_str()));
            said.push(format!(
                "({name}) a member has priority 255: tracked {noun} {of} gets weight 0"
            ));
            tracked.weight = Weight(0);
        }
        for tracked in group.track_interfaces.iter_mut().filter(|t| t.weight.0 != 0) {
            said.push(format!(
                "({name}) a member has priority 255: tracked interface {} gets weight 0",
                tracked.interface
            ));
            tracked.weight = Weight(0);
        }
    }
    for text in said {
        cx.late(Code::Conflict, span, text);
    }
}

fn noun(kind: &TrackKind) -> &'static str {
    match kind {
        TrackKind::Script(_) => "script",
        TrackKind::File(_) => "file",
        TrackKind::Process(_) => "process",
        TrackKind::Bfd => "bfd",
    }
}

/// Weighted objects of a member are dropped; interfaces, and files of weight
/// 1, become faults.
fn member_weights(
    instance: &mut VrrpInstance,
    objects: &[model::TrackObject],
    said: &mut Vec<String>,
) {
    let name = instance.name.as_str();
    for tracked in instance.track_interfaces.iter_mut().filter(|t| t.weight.0 != 0) {
        said.push(format!(
            "({name}) in a sync group tracked interface {} gets weight 0",
            tracked.interface
        ));
        tracked.weight = Weight(0);
    }
    instance.tracks.retain_mut(|tracked| {
        let Some(object) = objects.get(tracked.id.index()) else { return false };
        if tracked.weight.0 == 0 {
            return true;
        }
        if matches!(object.kind, TrackKind::File(_)) && tracked.weight.0 == 1 {
            tracked.weight = Weight(0);
            return true;
        }
        said.push(format!(
            "({name}) in a sync group tracked {} {} has no place with a weight - ignoring it",
            noun(&object.kind),
            object.name
        ));
        false
    });
}
