//! The manual page `keepalived.conf(5)`, in man(7) macros.

use std::fmt::Write as _;

use super::{range, syntax};
use crate::grammar::{Block, Body, Entries, Keyword};
use crate::hint;

/// What stands before the keywords.
const HEAD: &str = r#".TH KEEPALIVED.CONF 5 "" "keepalived-rs" "File formats"
.SH NAME
keepalived.conf \- configuration of keepalived
.SH DESCRIPTION
.I keepalived.conf
describes what
.BR keepalived (8)
does: the virtual routers that this host backs up, and the services that it balances.
.B keepalived \-t
reads it and says what is wrong.
.PP
A line holds a keyword and its parameters; words are separated by blanks, double quotes make one word of several.
.RB \(oq # \(cq
and
.RB \(oq ! \(cq
begin a comment. Braces open and close blocks of keywords or of entries.
.PP
.BI $ NAME = text
defines a text that
.BI $ NAME
or
.BI ${ NAME }
stands for.
.BI @ ID
at the start of a line keeps it where the config id is
.IR ID .
.BR ~SEQ ( VAR ", " START ", " END )
repeats the rest of a line.
.BI include\~ PATTERN
reads other files in its place.
.PP
Below, a keyword marked with * is read and checked, but this version does not act upon it yet.
"#;

/// What stands after the keywords.
const TAIL: &str = r#".SH FILES
.TP
.I /etc/keepalived/keepalived.conf
the configuration unless another is named.
.SH SEE ALSO
.BR keepalived (8),
.BR ip (8),
.BR ipvsadm (8)
"#;

/// The text of `docs/man/keepalived.conf.5`.
pub fn conf_5() -> String {
    let mut out = HEAD.to_owned();
    let mut written: Vec<*const Entries> = Vec::new();
    for block in hint::every_block() {
        section(&mut out, block, &mut written);
    }
    out.push_str(TAIL);
    out
}

fn section(out: &mut String, block: &Block, written: &mut Vec<*const Entries>) {
    let title = if block.name == "root" { "TOP LEVEL" } else { block.name };
    let _ = writeln!(out, ".SH {}", escape(title));
    for keyword in block.keywords() {
        item(out, keyword);
    }
    for keyword in block.keywords() {
        let Body::Entries(entries) = keyword.body else { continue };
        if entries.options.is_empty() || written.contains(&std::ptr::from_ref(entries)) {
            continue;
        }
        written.push(std::ptr::from_ref(entries));
        let _ = writeln!(out, ".SS Entries of {}", escape(keyword.name));
        let _ = writeln!(out, ".I {}", escape(entries.syntax));
        for option in entries.options {
            item(out, option);
        }
    }
}

fn item(out: &mut String, keyword: &Keyword) {
    let mark = if keyword.acts { "" } else { "\\ *" };
    let _ = writeln!(out, ".TP\n\\fB{}\\fR \\fI{}\\fR{mark}", escape(keyword.name), {
        escape(&syntax(keyword))
    });
    let mut text = escape(keyword.help);
    let range = range(keyword);
    if !range.is_empty() {
        let _ = write!(text, " Range {}.", escape(&range));
    }
    if !keyword.default.is_empty() {
        let _ = write!(text, " Default: {}.", escape(keyword.default));
    }
    if let Some(instead) = keyword.deprecated {
        let _ = write!(text, " Deprecated: {}.", escape(instead));
    }
    let _ = writeln!(out, "{text}");
}

/// Text that is no macro and has no escapes of its own.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
