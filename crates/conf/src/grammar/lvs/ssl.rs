//! `SSL`: client credentials of SSL_GET.

use super::super::{Arg, Block, Keyword, kw, word};
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use model::Secret;

/// `SSL`.
pub static SSL: Block = Block::new(
    "SSL",
    &[
        file("password", "Pass phrase of the private key.").missing("{kw} needs a value").set(
            |cx, a| {
                let password = Secret::new(a.str(0));
                put(cx, a, "password", |ssl| ssl.password.replace(password).is_some());
            },
        ),
        file("ca", "File of CA certificates.").missing("{kw} needs a value").set(|cx, a| {
            put(cx, a, "ca", |ssl| ssl.ca.replace(a.string(0)).is_some());
        }),
        file("certificate", "File of the client's certificate chain, PEM.")
            .missing("{kw} needs a value")
            .set(|cx, a| {
                put(cx, a, "certificate", |ssl| ssl.certificate.replace(a.string(0)).is_some());
            }),
        file("key", "File of the client's private key, PEM.")
            .missing("{kw} needs a value")
            .set(|cx, a| put(cx, a, "key", |ssl| ssl.key.replace(a.string(0)).is_some())),
    ],
);

const STRING: &[Arg] = &[word("STRING")];

const fn file(name: &'static str, help: &'static str) -> Keyword {
    kw(name, help).acted().args(STRING)
}

/// Sets one of the credentials; a second value is reported and counts.
fn put(cx: &mut Cx<'_>, a: &Args<'_>, what: &str, set: impl FnOnce(&mut model::lvs::Ssl) -> bool) {
    if set(&mut cx.build.lvs.ssl) {
        let text = format!("{what} is given twice - the last one counts");
        cx.error(Code::Duplicate, a.whole(), text);
    }
}

/// The block begins: a second one replaces the first.
pub(super) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    if cx.build.config.lvs.ssl.is_some() {
        cx.error(Code::Duplicate, a.whole(), "SSL is given twice - the last one counts");
    }
    cx.build.lvs.ssl = model::lvs::Ssl::default();
}

/// The block ends.
pub(super) fn close(cx: &mut Cx<'_>) {
    cx.build.config.lvs.ssl = Some(std::mem::take(&mut cx.build.lvs.ssl));
}
