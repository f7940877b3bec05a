//! `garp_extra_if` and `garp_group`.

use std::collections::HashMap;
use std::time::Duration;

use model::net::GarpGroup;
use model::vrrp::GarpExtraIf;

use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::lower::Cx;
use crate::source::Span;
use crate::value::{self, IntStyle};

/// `[all] SECONDS` of the extra interface keywords; `None` when it is bad,
/// `Some(None)` when it is off.
pub fn extra_if(cx: &mut Cx<'_>, a: &Args<'_>, least: i64) -> Option<Option<GarpExtraIf>> {
    let instance = match cx.block_name() {
        "" => String::new(),
        name => format!("({name}): "),
    };
    let all = a.get(0) == Some("all");
    let Some(word) = a.get(usize::from(all)) else {
        let text = format!("{instance}{} specified without time - ignoring", a.name());
        cx.error(Code::Missing, a.whole(), text);
        return None;
    };
    let style = IntStyle { lenient: !cx.test, any_base: false };
    match value::integer(word, least, 86_400, style) {
        Ok(read) => {
            let seconds = u64::try_from(read.value).unwrap_or(0);
            let interval = Duration::from_secs(seconds);
            Some((seconds > 0).then_some(GarpExtraIf { interval, all }))
        }
        Err(cause) => {
            let text = format!("{instance}{} '{word}' invalid - ignoring", a.name());
            let span = a.span(usize::from(all));
            cx.report(Diag::new(Level::General, Code::BadNumber, span, text).because(cause));
            None
        }
    }
}

/// A `garp_group` that is being read.
#[derive(Debug)]
pub struct Draft {
    span: Span,
    /// The group.
    pub made: GarpGroup,
}

/// `garp_group {`.
pub fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    cx.build.vrrp.garp_group = Some(Draft { span: a.whole(), made: GarpGroup::default() });
}

/// The end of a `garp_group`.
pub fn close(cx: &mut Cx<'_>) {
    let Some(Draft { span, made }) = cx.build.vrrp.garp_group.take() else { return };
    if made.garp_interval.is_none() && made.gna_interval.is_none() {
        let text = "a garp_group needs garp_interval or gna_interval - ignoring this one";
        cx.error(Code::Missing, span, text);
        return;
    }
    cx.build.config.vrrp.garp_groups.push(made);
}

/// The open group.
fn group<'c>(cx: &'c mut Cx<'_>) -> Option<&'c mut GarpGroup> {
    cx.build.vrrp.garp_group.as_mut().map(|d| &mut d.made)
}

/// `garp_interval` and `gna_interval`.
pub fn interval(cx: &mut Cx<'_>, a: &Args<'_>, slot: fn(&mut GarpGroup) -> &mut Option<Duration>) {
    crate::lower::global::large_interval(cx, a);
    if let Some(group) = group(cx) {
        *slot(group) = Some(a.secs(0));
    }
}

/// One member interface.
pub fn interface(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = a.str(0);
    let known = |g: &GarpGroup| g.interfaces.iter().any(|i| i == name);
    let taken =
        cx.build.config.vrrp.garp_groups.iter().any(known) || group(cx).is_some_and(|g| known(g));
    if taken {
        let text = format!("{name} is in a garp_group already - ignoring it");
        cx.error(Code::Duplicate, a.span(0), text);
        return;
    }
    let facts = cx
        .wants_interface(name, a.span(0), || format!("garp_group: interface {name} doesn't exist"));
    if facts.is_some_and(|f| f.stacked) {
        let text = format!("a garp_group cannot hold the VMAC {name} - ignoring it");
        cx.error(Code::BadInterface, a.span(0), text);
        return;
    }
    if let Some(group) = group(cx) {
        group.interfaces.push(name.to_owned());
    }
}

/// Names of VMACs that this configuration makes cannot be members.
pub fn check(cx: &mut Cx<'_>) {
    let names: HashMap<String, String> = std::mem::take(&mut cx.build.vrrp.vmac_names);
    if names.is_empty() {
        return;
    }
    let mut bad = Vec::new();
    for group in &mut cx.build.config.vrrp.garp_groups {
        group.interfaces.retain(|i| {
            let vmac = names.contains_key(i);
            if vmac {
                bad.push(i.clone());
            }
            !vmac
        });
    }
    for name in bad {
        let text = format!("a garp_group cannot hold the VMAC {name} - ignoring it");
        cx.error(Code::BadInterface, Span::NONE, text);
    }
}
