//! `DNS_CHECK`: a query that must be answered without an error code.

use super::super::super::{Block, Keyword, choice_any_case, kw, word};
use super::{CONNECT, GENERAL};
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::lower::lvs::check;
use model::lvs::{CheckKind, DnsCheck};

/// `DNS_CHECK`.
pub(super) static DNS_CHECK: Block = Block::new("DNS_CHECK", CONNECT).with(GENERAL).with(OWN);

const TYPES: &[&str] = &["A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY"];
/// Numbers of [`TYPES`] (IANA DNS parameters).
const NUMBERS: &[u16] = &[1, 2, 5, 6, 15, 16, 28, 46, 48];
const SOA: u16 = 6;

static OWN: &[Keyword] = &[
    kw("type", "Type of the query.")
        .acted()
        .args(&[choice_any_case(TYPES)])
        .default("SOA")
        .set(|cx, a| cx.build.lvs.dns.0 = NUMBERS.get(a.choice(0)).copied()),
    kw("name", "Name to ask for.").acted().args(&[word("DOMAIN")]).default(".").set(name),
];

fn name(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = a.str(0);
    let labels = name.strip_suffix('.').unwrap_or(name);
    let text = if cx.build.lvs.dns.1.is_some() {
        "name is given twice - the first one counts".to_owned()
    } else if name != "." && !name.is_empty() && labels.split('.').any(str::is_empty) {
        format!("name '{name}' has an empty label - ignoring")
    } else if labels.split('.').any(|l| l.len() > 63) || labels.len() > 253 {
        format!("name '{name}' is too long for a domain name - ignoring")
    } else {
        cx.build.lvs.dns.1 = Some(labels.to_owned());
        return;
    };
    cx.error(Code::BadValue, a.span(0), text);
}

pub(super) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    check::open(cx, a);
    cx.build.lvs.dns = (None, None);
}

pub(super) fn close(cx: &mut Cx<'_>) {
    let (qtype, name) = std::mem::take(&mut cx.build.lvs.dns);
    check::close_with(cx, |connect| {
        let (qtype, name) = (qtype.unwrap_or(SOA), name.unwrap_or_default());
        CheckKind::Dns(Box::new(DnsCheck { connect, qtype, name }))
    });
}
