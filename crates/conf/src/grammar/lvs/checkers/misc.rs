//! `MISC_CHECK`: a program whose exit status is the verdict.

use super::super::super::{Block, COMMAND, Keyword, int, kw, word};
use super::GENERAL;
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::lower::lvs::check;
use model::lvs::{CheckKind, MiscCheck};
use types::{Micros, ScriptId};

/// `MISC_CHECK`.
pub(super) static MISC_CHECK: Block = Block::new("MISC_CHECK", GENERAL).with(OWN);

static OWN: &[Keyword] = &[
    kw("misc_path", "The program, with arguments in quotes.")
        .acted()
        .args(&[COMMAND])
        .missing("{kw} needs a program")
        .set(path),
    kw(
        "misc_timeout",
        "Time after which it is ended, in seconds; 0: delay_loop of the virtual server.",
    )
    .acted()
    .args(&[int(0, 4294).lenient().meta("SECONDS")])
    .default("0")
    .set(|cx, a| cx.build.lvs.misc.timeout = Micros::from_secs(a.num(0))),
    kw("misc_dynamic", "Exit statuses 2 to 255 set the weight to the status minus 2.")
        .acted()
        .default("off")
        .set(|cx, _| cx.build.lvs.misc.dynamic = true),
    kw("user", "Runs it as this user and group.")
        .acted()
        .args(&[word("USER"), word("GROUP").opt()])
        .default("script_user")
        .missing("{kw} needs a user")
        .set(|cx, a| cx.build.lvs.misc.user = Some((a.string(0), a.opt_string(1)))),
];

/// A `MISC_CHECK` that is being read.
#[derive(Debug, Default)]
pub(crate) struct MiscDraft {
    script: Option<(ScriptId, String, String)>,
    timeout: Micros,
    dynamic: bool,
    user: Option<(String, Option<String>)>,
}

fn path(cx: &mut Cx<'_>, a: &Args<'_>) {
    let Some(line) = a.script() else { return };
    if cx.build.lvs.misc.script.is_some() {
        cx.error(Code::Duplicate, a.whole(), "misc_path already specified - ignoring");
        return;
    }
    let id = cx.add_script(line);
    cx.build.lvs.misc.script =
        Some((id, line.argv.join(" "), line.argv.first().cloned().unwrap_or_default()));
}

pub(super) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    check::open(cx, a);
    cx.build.lvs.misc = MiscDraft::default();
}

pub(super) fn close(cx: &mut Cx<'_>) {
    let misc = std::mem::take(&mut cx.build.lvs.misc);
    let Some((script, command, path)) = misc.script else {
        let text = "MISC_CHECK without misc_path - dropping the checker";
        cx.error(Code::Missing, cx.build.lvs.check.span, text);
        return;
    };
    if let Some((user, group)) = misc.user {
        cx.set_script_user(script, &user, group.as_deref());
    }
    let (timeout, dynamic) = (misc.timeout, misc.dynamic);
    let misc = MiscCheck { script, command, path, timeout, dynamic };
    check::push(cx, CheckKind::Misc(Box::new(misc)));
}
