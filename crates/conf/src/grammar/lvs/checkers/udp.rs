//! `UDP_CHECK`: a datagram that must not be refused, or must be answered.

use super::super::super::{Block, Keyword, int, kw, word};
use super::{CONNECT, GENERAL};
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::lower::lvs::check;
use crate::value;
use model::lvs::{CheckKind, UdpCheck};

/// `UDP_CHECK`.
pub(super) static UDP_CHECK: Block = Block::new("UDP_CHECK", CONNECT).with(GENERAL).with(OWN);

static OWN: &[Keyword] = &[
    kw("payload", "What to send, in hexadecimal.")
        .acted()
        .args(&[word("HEX").rest(1)])
        .default("a text of 32 bytes")
        .missing("{kw} needs hexadecimal digits")
        .set(payload),
    kw("require_reply", "A reply must come, and match; `x` matches any digit.")
        .acted()
        .args(&[word("HEX").rest(0)])
        .default("off")
        .set(require_reply),
    kw("min_reply_length", "Least length of a reply, in bytes.")
        .acted()
        .args(&[int(0, 65535)])
        .default("0")
        .set(|cx, a| cx.build.lvs.udp.min_reply = a.num(0)),
    kw("max_reply_length", "Largest length of a reply, in bytes.")
        .acted()
        .args(&[int(0, 65535)])
        .default("255")
        .set(|cx, a| cx.build.lvs.udp.max_reply = a.num(0)),
];

fn payload(cx: &mut Cx<'_>, a: &Args<'_>) {
    match value::hex(a.from(0), false) {
        Some(bytes) => cx.build.lvs.udp.payload = Some(bytes.into_iter().map(|b| b.0).collect()),
        None => cx.error(Code::BadValue, a.whole(), "payload is not hexadecimal - ignoring"),
    }
}

fn require_reply(cx: &mut Cx<'_>, a: &Args<'_>) {
    cx.build.lvs.udp.require_reply = true;
    match value::hex(a.from(0), true) {
        Some(bytes) => cx.build.lvs.udp.reply = bytes,
        None => cx.error(
            Code::BadValue,
            a.whole(),
            "require_reply is not hexadecimal - any reply will do",
        ),
    }
}

pub(super) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    check::open(cx, a);
    cx.build.lvs.udp = UdpCheck::default();
}

pub(super) fn close(cx: &mut Cx<'_>) {
    let udp = std::mem::take(&mut cx.build.lvs.udp);
    if udp.min_reply > udp.max_reply {
        let text = format!(
            "min_reply_length {} is beyond max_reply_length {}: the check can never succeed",
            udp.min_reply, udp.max_reply
        );
        cx.error(Code::Conflict, cx.build.lvs.check.span, text);
    }
    check::close_with(cx, |connect| CheckKind::Udp(Box::new(UdpCheck { connect, ..udp })));
}
