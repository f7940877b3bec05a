//! Documentation from the tables.

use crate::grammar::{Keyword, Kind, Need};

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
    parts.join(" ")
}
