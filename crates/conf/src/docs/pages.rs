//! The pages `docs/compat/keywords.md` and `docs/guide/diagnostics.md`.

use std::fmt::Write as _;

use super::{range, syntax, totals};
use crate::diag::Code;
use crate::grammar::{Block, Body, Entries, Keyword};
use crate::hint;

/// The text of `docs/compat/keywords.md`.
pub fn keywords_md() -> String {
    let (all, acted) = totals();
    let mut out = format!(
        "# Keywords\n\n\
         Written from the keyword tables; `UPDATE_DOCS=1 cargo test -p ka-conf --test docs` renews it.\n\
         Of {all} keywords {acted} are acted upon. The others are read and checked, and logged once as\n\
         accepted but not acted upon yet.\n"
    );
    let mut written: Vec<*const Entries> = Vec::new();
    for block in hint::every_block() {
        block_md(&mut out, block, &mut written);
    }
    out
}

fn block_md(out: &mut String, block: &Block, written: &mut Vec<*const Entries>) {
    let title = if block.name == "root" { "Top level" } else { block.name };
    let _ = writeln!(out, "\n## {title}\n");
    table_head(out);
    for keyword in block.keywords() {
        table_row(out, keyword);
    }
    for keyword in block.keywords() {
        let Body::Entries(entries) = keyword.body else { continue };
        if entries.options.is_empty() || written.contains(&std::ptr::from_ref(entries)) {
            continue;
        }
        written.push(std::ptr::from_ref(entries));
        let _ = writeln!(out, "\n### Entries of {}\n", keyword.name);
        let _ = writeln!(out, "`{}`\n", entries.syntax);
        table_head(out);
        for option in entries.options {
            table_row(out, option);
        }
    }
}

fn table_head(out: &mut String) {
    out.push_str("| keyword | parameters | range | default | acted upon | what it does |\n");
    out.push_str("|---|---|---|---|---|---|\n");
}

fn table_row(out: &mut String, keyword: &Keyword) {
    let cell = |s: &str| s.replace('|', "\\|");
    let code = |s: String| if s.is_empty() { s } else { format!("`{}`", cell(&s)) };
    let mut help = cell(keyword.help);
    if let Some(instead) = keyword.deprecated {
        let _ = write!(help, " Deprecated: {}.", cell(instead));
    }
    if !keyword.since.is_empty() {
        let _ = write!(help, " Since {}.", cell(keyword.since));
    }
    let _ = writeln!(
        out,
        "| `{}` | {} | {} | {} | {} | {} |",
        keyword.name,
        code(syntax(keyword)),
        range(keyword),
        cell(keyword.default),
        if keyword.acts { "yes" } else { "not yet" },
        help,
    );
}

/// The text of `docs/guide/diagnostics.md`.
pub fn diagnostics_md() -> String {
    let mut out = String::from(
        "# Diagnostics\n\n\
         Every diagnostic of the configuration has a code that keeps its meaning. On a terminal\n\
         it is drawn with the line it is about; in logs and with `-t FILE` it is one line,\n\
         `(FILE: Line N) text`. Written from the code; `UPDATE_DOCS=1 cargo test -p ka-conf --test docs`\n\
         renews it.\n\n\
         Exit status of `keepalived -t`: 0 nothing to say; 2 a parameter is missing; 4 the file cannot be\n\
         read; 5 any other error, warning or deprecation; 6 no file, a failed include, or a security\n\
         problem.\n\n\
         | code | about | what it means |\n|---|---|---|\n",
    );
    for code in Code::ALL {
        let (title, text) = (code.title(), code.explanation());
        let _ = writeln!(out, "| {} | {title} | {text} |", code.id());
    }
    out
}
