//! `HTTP_GET` and `SSL_GET`: pages that must come with the right status,
//! digest or text.

use super::super::super::{BOOL, Block, Keyword, choice, int, kw, word};
use super::{CONNECT, GENERAL, NAME, U32, replaced};
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::lower::lvs::{check, url};
use model::lvs::{CheckKind, HttpCheck, HttpProtocol};

/// `HTTP_GET`.
pub(super) static HTTP_GET: Block =
    Block::new("HTTP_GET", CONNECT).with(GENERAL).with(OWN).with(&[URL_PLAIN]);

/// `SSL_GET`.
pub(super) static SSL_GET: Block =
    Block::new("SSL_GET", CONNECT).with(GENERAL).with(OWN).with(TLS_OWN);

static OWN: &[Keyword] = &[
    kw("nb_get_retry", "Retries before a failure counts.")
        .acted()
        .args(&[int(0, U32).lenient()])
        .deprecated("use retry")
        .set(|cx, a| cx.build.lvs.check.pacing.retry = a.opt_num(0)),
    kw("virtualhost", "Host header of all urls.")
        .acted()
        .args(NAME)
        .default("that of the real server, else of the virtual server")
        .missing("{kw} needs a name")
        .set(|cx, a| {
            let was = cx.build.lvs.http.virtualhost.replace(a.string(0)).is_some();
            replaced(cx, a, "virtualhost", was);
        }),
    kw("http_protocol", "Version; 1.0C adds `Connection: close`.")
        .acted()
        .args(&[choice(&["1.0", "1.0C", "1.0c", "1.1"])])
        .default("1.0")
        .missing("{kw} needs a version")
        .set(|cx, a| {
            cx.build.lvs.http.protocol = match a.choice(0) {
                0 => HttpProtocol::V1_0,
                3 => HttpProtocol::V1_1,
                _ => HttpProtocol::V1_0C,
            };
        }),
    kw("enable_sni", "Name the server in the TLS handshake.")
        .acted()
        .args(&[BOOL])
        .default("off")
        .set(|cx, a| cx.build.lvs.http.enable_sni = a.flag(0)),
    kw("sni_name", "Name of the server in the TLS handshake; turns enable_sni on.")
        .acted()
        .args(&[word("NAME").opt()])
        .default("virtualhost")
        .set(sni_name),
    kw("fast_recovery", "No delay between urls before the first verdict and when recovering.")
        .acted()
        .args(&[BOOL])
        .default("off")
        .set(|cx, a| cx.build.lvs.http.fast_recovery = a.flag(0)),
];

const URL_PLAIN: Keyword = kw("url", "A page to fetch; at least one.")
    .acted()
    .block(&URL)
    .set(url::open)
    .close(url::close);

static TLS_OWN: &[Keyword] = &[
    kw("url", "A page to fetch; at least one.")
        .acted()
        .block(&TLS_URL)
        .set(url::open)
        .close(url::close),
    tls_compliant(|cx, a| cx.build.lvs.http.tls_compliant = a.flag(0)),
];

static URL: Block = Block::new("url", PAGE);
static TLS_URL: Block = Block::new("url", PAGE)
    .with(&[tls_compliant(|cx, a| cx.build.lvs.url.url.tls_compliant = Some(a.flag(0)))]);

const fn tls_compliant(set: super::super::super::Setter) -> Keyword {
    kw("tls_compliant", "Say goodbye (close_notify) before closing.")
        .acted()
        .args(&[BOOL])
        .default("off")
        .set(set)
}

static PAGE: &[Keyword] = &[
    kw("path", "What to request.").acted().args(&[word("STRING")]).set(url::path),
    kw("digest", "MD5 of the body, as genhash prints it.")
        .acted()
        .args(&[word("32 HEX DIGITS")])
        .default("any")
        .set(url::digest),
    kw("status_code", "Accepted statuses; several lines add up.")
        .acted()
        .args(&[word("CODE[-CODE]").rest(0)])
        .default("200-299")
        .set(url::status_code),
    kw("virtualhost", "Host header.")
        .acted()
        .args(NAME)
        .default("that of the checker")
        .missing("{kw} needs a name")
        .set(|cx, a| cx.build.lvs.url.url.virtualhost = a.opt_string(0)),
    kw("regex", "Pattern that the body must match.")
        .acted()
        .args(&[word("PATTERN").rest(0)])
        .default("any")
        .set(url::regex),
    kw("regex_no_match", "The pattern must not match.")
        .acted()
        .default("off")
        .set(|cx, a| url::about_regex(cx, a).no_match = true),
    kw("regex_options", "PCRE2 options, in lower case; several lines add up.")
        .acted()
        .args(&[word("OPTION").rest(0)])
        .set(url::regex_options),
    kw("regex_min_offset", "A match starts at or after this byte.")
        .acted()
        .args(&[int(0, i64::MAX)])
        .default("0")
        .missing("{kw} needs an offset")
        .set(|cx, a| url::about_regex(cx, a).min_offset = a.num(0)),
    kw("regex_max_offset", "A match starts at or before this byte.")
        .acted()
        .args(&[int(0, i64::MAX)])
        .default("any")
        .missing("{kw} needs an offset")
        .set(|cx, a| url::about_regex(cx, a).max_offset = a.opt_num(0)),
    kw("regex_stack", "Stack of the matcher in bytes: first and most.")
        .acted()
        .args(&[int(0, i64::MAX).meta("START"), int(0, i64::MAX).meta("MAX")])
        .missing("{kw} needs two sizes")
        .set(url::regex_stack),
];

fn sni_name(cx: &mut Cx<'_>, a: &Args<'_>) {
    let http = &mut cx.build.lvs.http;
    if a.is_empty() && http.sni_name.is_some() {
        cx.error(Code::MissingParameter, a.whole(), "sni_name has no name - ignoring");
        return;
    }
    http.enable_sni = true;
    if let Some(name) = a.opt_string(0) {
        let was = http.sni_name.replace(name).is_some();
        replaced(cx, a, "sni_name", was);
    }
}

/// `HTTP_GET` begins.
pub(super) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    check::open(cx, a);
    cx.build.lvs.http = HttpCheck::default();
}

/// `SSL_GET` begins.
pub(super) fn open_tls(cx: &mut Cx<'_>, a: &Args<'_>) {
    check::open(cx, a);
    cx.build.lvs.http = HttpCheck { tls: true, ..HttpCheck::default() };
}

/// Either ends.
pub(super) fn close(cx: &mut Cx<'_>) {
    let http = std::mem::take(&mut cx.build.lvs.http);
    if http.urls.is_empty() {
        let span = cx.build.lvs.check.span;
        cx.error(Code::Missing, span, "the checker has no url - dropping it");
        return;
    }
    check::close_with(cx, |connect| CheckKind::Http(Box::new(HttpCheck { connect, ..http })));
}
