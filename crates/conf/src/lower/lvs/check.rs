//! Checkers: from the opening line of one to its place in the real server.

use core::time::Duration;

use model::lvs::{CheckKind, Connect};

use super::connect;
use crate::args::Args;
use crate::diag::Code;
use crate::grammar::lvs::checkers::drafts::FileDraft;
use crate::lower::Cx;
use crate::source::Span;
use types::TrackId;

/// Pacing options of a checker; `None` is inherited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pacing {
    pub alpha: Option<bool>,
    pub retry: Option<u32>,
    pub delay_before_retry: Option<Duration>,
    pub warmup: Option<Duration>,
    pub delay_loop: Option<Duration>,
    pub log_all_failures: bool,
}

impl Pacing {
    /// These options, those that are not given from `around`.
    pub fn or(&self, around: &Pacing) -> Pacing {
        Pacing {
            alpha: self.alpha.or(around.alpha),
            retry: self.retry.or(around.retry),
            delay_before_retry: self.delay_before_retry.or(around.delay_before_retry),
            warmup: self.warmup.or(around.warmup),
            delay_loop: self.delay_loop.or(around.delay_loop),
            log_all_failures: self.log_all_failures || around.log_all_failures,
        }
    }
}

/// A checker that is being read. A connection timeout of zero is inherited.
#[derive(Debug, Default)]
pub(crate) struct CheckDraft {
    pub span: Span,
    pub connect: Connect,
    pub pacing: Pacing,
    /// It cannot be used; the reason is reported.
    pub bad: bool,
}

/// A finished checker of a virtual server that is being read.
#[derive(Debug)]
pub(crate) struct Check {
    pub pacing: Pacing,
    pub kind: CheckKind,
    /// Where it, or what it refers to, stands.
    pub span: Span,
    /// What a FILE_CHECK refers to.
    pub file: Option<Box<FileDraft>>,
}

impl Check {
    /// The BFD instance that it follows.
    pub fn bfd_name(&self) -> Option<&str> {
        match &self.kind {
            CheckKind::Bfd { name } => Some(name),
            _ => None,
        }
    }
}

/// A checker block begins.
pub(crate) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    cx.build.lvs.check = CheckDraft { span: a.whole(), ..CheckDraft::default() };
}

/// A checker that connects ends; `kind` makes it of its connection.
pub(crate) fn close_with(cx: &mut Cx<'_>, kind: impl FnOnce(Connect) -> CheckKind) {
    let connect = std::mem::take(&mut cx.build.lvs.check.connect);
    if let Some(text) = connect::problem(&connect, cx.build.lvs.rs.addr) {
        cx.error(Code::Missing, cx.build.lvs.check.span, text);
        return;
    }
    push(cx, kind(connect));
}

/// Any checker ends.
pub(crate) fn push(cx: &mut Cx<'_>, kind: CheckKind) {
    let CheckDraft { span, pacing, .. } = cx.build.lvs.check;
    cx.build.lvs.checks.push(Check { pacing, kind, span, file: None });
}

/// A FILE_CHECK ends; its track_file is looked up after the last file.
pub(crate) fn push_file(cx: &mut Cx<'_>, file: FileDraft) {
    let kind = CheckKind::File { track: TrackId(u32::MAX), weight: 0, reverse: false };
    let CheckDraft { span, pacing, .. } = cx.build.lvs.check;
    cx.build.lvs.checks.push(Check { pacing, kind, span, file: Some(Box::new(file)) });
}
