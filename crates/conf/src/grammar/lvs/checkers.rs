//! The checkers of a real server, and the options that they share.

mod bfd;
mod dns;
mod file;
mod http;
mod misc;
mod smtp;
mod udp;

use super::super::{BOOL, Block, HOST, Keyword, int, kw, word};
use super::{INTERVAL, TIME, TIMEOUT};
use crate::args::Args;
use crate::lower::Cx;
use crate::lower::lvs::check::{self, close_with};
use crate::lower::lvs::connect;
use model::lvs::CheckKind;

/// What is being read of a checker beyond the shared options.
pub(crate) mod drafts {
    pub(crate) use super::file::FileDraft;
    pub(crate) use super::misc::MiscDraft;
    pub(crate) use super::smtp::SmtpDraft;
}

const U32: i64 = u32::MAX as i64;

/// The checkers of a real server.
pub(super) static CHECKERS: &[Keyword] = &[
    kw("TCP_CHECK", "Connects.").acted().block(&TCP).set(check::open).close(close_tcp),
    kw("HTTP_GET", "Fetches pages.")
        .acted()
        .block(&http::HTTP_GET)
        .set(http::open)
        .close(http::close),
    kw("SSL_GET", "Fetches pages over TLS.")
        .acted()
        .block(&http::SSL_GET)
        .set(http::open_tls)
        .close(http::close),
    kw("SMTP_CHECK", "Talks to a mail server.")
        .acted()
        .block(&smtp::SMTP_CHECK)
        .set(smtp::open)
        .close(smtp::close),
    kw("DNS_CHECK", "Asks a name server.")
        .acted()
        .block(&dns::DNS_CHECK)
        .set(dns::open)
        .close(dns::close),
    kw("MISC_CHECK", "Runs a program.")
        .acted()
        .block(&misc::MISC_CHECK)
        .set(misc::open)
        .close(misc::close),
    kw("UDP_CHECK", "Sends a datagram.")
        .acted()
        .block(&udp::UDP_CHECK)
        .set(udp::open)
        .close(udp::close),
    kw("PING_CHECK", "Pings.").acted().block(&PING).set(check::open).close(close_ping),
    kw("FILE_CHECK", "Weighs the number in a track file.")
        .acted()
        .block(&file::FILE_CHECK)
        .set(file::open)
        .close(file::close),
    kw("BFD_CHECK", "Follows a BFD session.")
        .block(&bfd::BFD_CHECK)
        .set(bfd::open)
        .close(bfd::close),
];

static TCP: Block = Block::new("TCP_CHECK", CONNECT).with(GENERAL);
static PING: Block = Block::new("PING_CHECK", CONNECT).with(GENERAL);

fn close_tcp(cx: &mut Cx<'_>) {
    close_with(cx, CheckKind::Tcp);
}

fn close_ping(cx: &mut Cx<'_>) {
    close_with(cx, |connect| CheckKind::Ping(Box::new(connect)));
}

/// Where and how a checker connects.
static CONNECT: &[Keyword] = &[
    kw("connect_ip", "Address to check.")
        .acted()
        .args(&[HOST])
        .default("that of the real server")
        .set(connect::connect_ip),
    kw("connect_port", "Port to check.")
        .acted()
        .args(&[int(1, 65535).lenient().meta("PORT")])
        .default("that of the real server")
        .set(|cx, a| cx.build.lvs.check.connect.port = a.opt_num(0)),
    kw("bindto", "Local address.").acted().args(&[HOST]).default("any").set(connect::bindto),
    kw("bind_port", "Local port, with bindto.")
        .acted()
        .args(&[int(1, 65535).lenient().meta("PORT")])
        .default("any")
        .set(|cx, a| connect::bind(cx).port = a.num(0)),
    kw("bind_if", "Interface; needed for a link-local address.")
        .acted()
        .args(&[super::super::IFNAME])
        .default("any")
        .set(|cx, a| connect::bind(cx).interface = a.opt_string(0)),
    kw("connect_timeout", "Time in which it must connect, read or write.")
        .acted()
        .args(TIMEOUT)
        .default("that of the real server")
        .set(|cx, a| cx.build.lvs.check.connect.timeout = a.secs(0).into()),
    kw("total_timeout", "Time in which a whole attempt must end, whatever the server sends.")
        .acted()
        .args(TIMEOUT)
        .default("none")
        .set(|cx, a| connect::bind(cx).total = a.secs(0).into()),
    kw("fwmark", "Firewall mark of what it sends.")
        .acted()
        .args(&[int(0, U32).lenient()])
        .default("0")
        .set(|cx, a| connect::bind(cx).fwmark = a.num(0)),
];

/// Pacing of a checker.
static GENERAL: &[Keyword] = &[
    kw("retry", "Retries before a failure counts.")
        .acted()
        .args(&[int(0, U32).lenient()])
        .default("that of the real server, else 1 (DNS_CHECK 3, MISC_CHECK 0)")
        .set(|cx, a| cx.build.lvs.check.pacing.retry = a.opt_num(0)),
    kw("delay_before_retry", "Time between retries.")
        .acted()
        .args(TIME)
        .default("that of the real server, else 1 (HTTP_GET, SSL_GET 3, DNS_CHECK delay_loop)")
        .set(|cx, a| cx.build.lvs.check.pacing.delay_before_retry = a.opt_secs(0)),
    kw("warmup", "Most random delay before the first check.")
        .acted()
        .args(TIME)
        .default("that of the real server, else delay_loop")
        .set(|cx, a| cx.build.lvs.check.pacing.warmup = a.opt_secs(0)),
    kw("delay_loop", "Time between checks.")
        .acted()
        .args(INTERVAL)
        .default("that of the real server")
        .set(|cx, a| cx.build.lvs.check.pacing.delay_loop = a.opt_secs(0)),
    ALPHA,
    kw("log_all_failures", "Log every failed attempt, not the last alone.")
        .acted()
        .args(&[BOOL])
        .default("off")
        .set(|cx, a| cx.build.lvs.check.pacing.log_all_failures = a.flag(0)),
];

/// `alpha`, which BFD_CHECK has too.
const ALPHA: Keyword = kw("alpha", "Start as failed.")
    .acted()
    .args(&[BOOL])
    .default("that of the real server")
    .set(|cx, a| cx.build.lvs.check.pacing.alpha = Some(a.flag(0)));

/// Reports a value that replaces another.
fn replaced(cx: &mut Cx<'_>, a: &Args<'_>, what: &str, was: bool) {
    if was {
        let text = format!("{what} already specified - the last one counts");
        cx.note(crate::diag::Code::Duplicate, a.whole(), text);
    }
}

/// A name argument.
const NAME: &[super::super::Arg] = &[word("NAME")];
