//! Documentation from the tables: pages in Markdown and the manual page.
//!
//! Owns how a keyword's parameters are written down. The pages in `docs/` are
//! written by a test, see `tests/docs.rs`.

mod man;
mod pages;

pub use man::conf_5;
pub use pages::{diagnostics_md, keywords_md};

use crate::grammar::{Body, Keyword, Kind, Need};
use crate::hint;

/// The parameters of a keyword as the documentation writes them.
pub fn syntax(keyword: &Keyword) -> String {
    let mut parts = Vec::new();
    for arg in keyword.args {
        let name = match (arg.meta, arg.kind) {
            ("", Kind::Choice(words) | Kind::ChoiceAnyCase(words)) => words.join("|"),
            (meta, _) => meta.to_owned(),
        };
        parts.push(match arg.need {
            Need::Required => name,
            Need::Optional => format!("[{name}]"),
            Need::Rest(0) => format!("[{name}...]"),
            Need::Rest(_) => format!("{name}..."),
        });
    }
    match keyword.body {
        Body::Leaf => {}
        Body::Block(_) => parts.push("{ ... }".into()),
        Body::Entries(entries) => parts.push(format!("{{ {} ... }}", entries.syntax)),
    }
    parts.join(" ")
}

/// What a keyword's numbers may be, as the documentation writes it.
fn range(keyword: &Keyword) -> String {
    let show = |arg: &crate::grammar::Arg| match arg.kind {
        Kind::Int { min, max, .. } => Some(format!("{min} to {max}")),
        Kind::Decimal { min, max, places } => {
            let unit = 10f64.powi(i32::try_from(places).unwrap_or(0));
            let most = if max > 1 << 53 { "any".into() } else { format!("{}", max as f64 / unit) };
            Some(format!("{} to {most}", min as f64 / unit))
        }
        _ => None,
    };
    keyword.args.iter().filter_map(show).collect::<Vec<_>>().join(", ")
}

/// How many keywords there are and how many of them are acted upon.
pub fn totals() -> (usize, usize) {
    let all = hint::every_block();
    let keywords = || all.iter().flat_map(|b| b.keywords());
    (keywords().count(), keywords().filter(|k| k.acts).count())
}
