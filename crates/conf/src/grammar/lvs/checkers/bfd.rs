//! `BFD_CHECK`: up and down with a BFD session.

use super::super::super::{Block, kw, word};
use super::ALPHA;
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::lower::lvs::{check, names};
use model::lvs::CheckKind;

/// `BFD_CHECK`.
pub(super) static BFD_CHECK: Block = Block::new(
    "BFD_CHECK",
    &[kw("name", "Name of the bfd_instance.").args(&[word("NAME").rest(0)]).set(name), ALPHA],
);

/// Longest name of a BFD instance, in bytes.
const LONGEST: usize = 31;

fn name(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = a.str(0);
    let server = names::being_read(cx);
    let monitored = cx.build.lvs.checks_being_read().iter();
    let text = if a.len() != 1 {
        format!("({server}) name takes one name - dropping the checker")
    } else if let Some(first) = &cx.build.lvs.bfd {
        format!("({server}) name is given twice, {name} after {} - dropping the checker", first.0)
    } else if name.len() > LONGEST {
        format!("({server}) {name} is longer than 31 bytes - dropping the checker")
    } else if monitored.filter_map(|c| c.bfd_name()).any(|n| n == name) {
        format!("({server}) another checker follows {name} - dropping this one")
    } else {
        cx.build.lvs.bfd = Some((a.string(0), a.span(0)));
        return;
    };
    cx.build.lvs.check.bad = true;
    cx.error(Code::Duplicate, a.span(0), text);
}

pub(super) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    check::open(cx, a);
    cx.build.lvs.bfd = None;
}

pub(super) fn close(cx: &mut Cx<'_>) {
    let bfd = cx.build.lvs.bfd.take();
    match bfd {
        _ if cx.build.lvs.check.bad => {}
        Some((name, span)) => {
            cx.build.lvs.check.span = span;
            check::push(cx, CheckKind::Bfd { name: name.into() });
        }
        None => {
            let server = names::being_read(cx);
            let text = format!("({server}) BFD_CHECK without name - dropping the checker");
            cx.error(Code::Missing, cx.build.lvs.check.span, text);
        }
    }
}
