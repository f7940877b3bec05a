//! `SMTP_CHECK`: greeting and HELO of a mail server.

use super::super::super::{Block, Keyword, kw};
use super::{CONNECT, GENERAL, NAME, replaced};
use crate::args::Args;
use crate::lower::Cx;
use crate::lower::lvs::check::{self, CheckDraft};
use model::lvs::{CheckKind, Connect, SmtpCheck};

/// `SMTP_CHECK`.
pub(super) static SMTP_CHECK: Block = Block::new("SMTP_CHECK", CONNECT).with(GENERAL).with(OWN);

/// Name that the reference gives in HELO.
const HELO: &str = "smtpchecker.keepalived.org";

static OWN: &[Keyword] = &[
    kw("helo_name", "Name given in HELO.")
        .acted()
        .args(NAME)
        .default(HELO)
        .missing("{kw} needs a name")
        .set(|cx, a| {
            let was = cx.build.lvs.smtp.helo.replace(a.string(0)).is_some();
            replaced(cx, a, "helo_name", was);
        }),
    kw("host", "A further address to check.")
        .acted()
        .deprecated("put its options into an SMTP_CHECK of their own")
        .block(&HOST)
        .set(open_host)
        .close(close_host),
];

static HOST: Block = Block::new("host", CONNECT).with(GENERAL);

/// An `SMTP_CHECK` that is being read.
#[derive(Debug, Default)]
pub(crate) struct SmtpDraft {
    helo: Option<String>,
    hosts: Vec<CheckDraft>,
    /// The checker around the `host` that is being read.
    around: Option<CheckDraft>,
}

pub(super) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    check::open(cx, a);
    cx.build.lvs.smtp = SmtpDraft::default();
}

fn open_host(cx: &mut Cx<'_>, a: &Args<'_>) {
    let around = std::mem::take(&mut cx.build.lvs.check);
    check::open(cx, a);
    cx.build.lvs.smtp.around = Some(around);
}

fn close_host(cx: &mut Cx<'_>) {
    let lvs = &mut cx.build.lvs;
    if let Some(around) = lvs.smtp.around.take() {
        let host = std::mem::replace(&mut lvs.check, around);
        lvs.smtp.hosts.push(host);
    }
}

/// The first host takes the place of a checker without connection options;
/// the others are further checkers.
pub(super) fn close(cx: &mut Cx<'_>) {
    let smtp = std::mem::take(&mut cx.build.lvs.smtp);
    let own = std::mem::take(&mut cx.build.lvs.check);
    let helo = smtp.helo.unwrap_or_else(|| HELO.to_owned());
    let kind =
        |connect: Connect| CheckKind::Smtp(Box::new(SmtpCheck { connect, helo: helo.clone() }));
    let pacing = own.pacing;
    if smtp.hosts.is_empty() || own.connect != Connect::default() {
        cx.build.lvs.check = own;
        check::close_with(cx, kind);
    }
    for mut host in smtp.hosts {
        host.pacing = host.pacing.or(&pacing);
        cx.build.lvs.check = host;
        check::close_with(cx, kind);
    }
}
