//! `FILE_CHECK`: the number in a track file changes the weight.

use super::super::super::{Block, Keyword, int, kw, word};
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::lower::lvs::check;
use crate::source::Span;

const MAX: i64 = i32::MAX as i64;

/// `FILE_CHECK`.
pub(super) static FILE_CHECK: Block = Block::new("FILE_CHECK", OWN);

static OWN: &[Keyword] = &[
    kw("track_file", "Name of the track_file.")
        .acted()
        .args(&[word("NAME")])
        .set(|cx, a| cx.build.lvs.file.name = Some((a.string(0), a.span(0)))),
    kw("weight", "Multiplier of its number; 0: a number other than 0 is a failure.")
        .acted()
        .args(&[int(-MAX, MAX).lenient(), word("reverse|noreverse").opt()])
        .default("that of the track_file")
        .missing("{kw} needs a number")
        .set(weight),
];

fn weight(cx: &mut Cx<'_>, a: &Args<'_>) {
    let reverse = match a.get(1) {
        None => None,
        Some("reverse") => Some(true),
        Some("noreverse") => Some(false),
        Some(other) => {
            let text = format!("weight '{other}' is neither reverse nor noreverse - ignoring");
            cx.error(Code::BadValue, a.span(1), text);
            return;
        }
    };
    cx.build.lvs.file.weight = Some((a.num(0), reverse));
}

/// A `FILE_CHECK` that is being read, or one whose track_file is looked up
/// after the last file.
#[derive(Debug, Default)]
pub(crate) struct FileDraft {
    /// Name of the track_file, and where it stands.
    pub name: Option<(String, Span)>,
    /// Weight, and whether reversed.
    pub weight: Option<(i32, Option<bool>)>,
}

pub(super) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    check::open(cx, a);
    cx.build.lvs.file = FileDraft::default();
}

pub(super) fn close(cx: &mut Cx<'_>) {
    let file = std::mem::take(&mut cx.build.lvs.file);
    if file.name.is_none() {
        let text = "FILE_CHECK without track_file - dropping the checker";
        cx.error(Code::Missing, cx.build.lvs.check.span, text);
        return;
    }
    check::push_file(cx, file);
}
