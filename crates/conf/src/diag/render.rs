//! Diagnostics as text: the one-line form for logs and `-t`, and the drawn
//! form for people.
//!
//! Owns layout and colour. Never decides what is said.

use std::fmt::Write as _;

use super::{Diag, Severity};
use crate::conceal;
use crate::source::{Sources, Span};

/// The lines of a diagnostic as the reference logs them: `(Line N) text`, with
/// the file's name when more than one file was read.
pub fn lines(diag: &Diag, sources: &Sources) -> Vec<String> {
    let place = match diag.span.file().and_then(|id| sources.get(id)) {
        Some(file) if sources.files().len() > 1 => {
            format!("({}: Line {}) ", file.name, diag.span.line)
        }
        Some(_) => format!("(Line {}) ", diag.span.line),
        None => String::new(),
    };
    let causes = diag.cause.iter().flat_map(|c| c.split('\n'));
    causes.chain([diag.text.as_str()]).map(|text| format!("{place}{text}")).collect()
}

/// The drawn form: the source line with the span underlined, where it was
/// included and expanded from, and what to do. Ends with a line end.
pub fn draw(diag: &Diag, sources: &Sources, colour: bool) -> String {
    let paint = Paint { colour };
    let (word, tint) = match diag.level.severity() {
        Severity::Error => ("error", "1;31"),
        Severity::Warning => ("warning", "1;33"),
        Severity::Note => ("note", "1;36"),
    };
    let head = paint.with(tint, &format!("{word}[{}]", diag.code.id()));
    let mut out = format!("{head}: {}\n", paint.with("1", &visible(&diag.text)));
    let cause = diag.cause.as_deref().unwrap_or("").replace('\n', "; ");
    let width = margin(diag);
    snippet(&mut out, sources, diag.span, &visible(&cause), (tint, '^'), width, &paint);
    origin(&mut out, sources, diag.span, width, &paint);
    for (span, text) in &diag.related {
        let text = visible(text);
        let head = paint.with("1;36", "note");
        let _ = writeln!(out, "{:width$} = {head}: {text}", "");
        snippet(&mut out, sources, *span, "", ("1;36", '-'), width, &paint);
    }
    for help in &diag.help {
        let head = paint.with("1;32", "help");
        let _ = writeln!(out, "{:width$} = {head}: {}", "", visible(help));
    }
    out
}

/// Digits of the largest line number to be shown.
fn margin(diag: &Diag) -> usize {
    let spans = diag.related.iter().map(|(s, _)| s).chain([&diag.span]);
    spans.map(|s| s.line).max().unwrap_or(0).to_string().len()
}

fn snippet(
    out: &mut String,
    sources: &Sources,
    span: Span,
    label: &str,
    (tint, mark): (&str, char),
    width: usize,
    paint: &Paint,
) {
    let Some(id) = span.file() else {
        if !label.is_empty() {
            let _ = writeln!(out, "{:width$} = {label}", "");
        }
        return;
    };
    let name = sources.get(id).map_or("", |f| f.name.as_str());
    let arrow = paint.with("1;34", "-->");
    let _ = writeln!(out, "{:width$}{arrow} {name}:{}:{}", "", span.line, span.col + 1);
    let line = sources.line(id, span.line);
    let bar = paint.with("1;34", "|");
    let number = paint.with("1;34", &format!("{:>width$}", span.line));
    let (col, len) = columns(line, span);
    let marks = mark.to_string().repeat(len.max(1));
    let marks = paint.with(tint, format!("{marks} {label}").trim_end());
    let _ = writeln!(out, "{:width$} {bar}", "");
    let _ = writeln!(out, "{number} {bar} {}", visible(&conceal::secrets(line)));
    let _ = writeln!(out, "{:width$} {bar} {:col$}{marks}", "", "");
}

/// Where the text of a span came from: definitions and includes.
fn origin(out: &mut String, sources: &Sources, span: Span, width: usize, paint: &Paint) {
    let head = paint.with("1;36", "note");
    for step in sources.chain(span.via) {
        let _ = match place(sources, step.defined) {
            Some(at) => {
                writeln!(out, "{:width$} = {head}: expanded from ${}, set at {at}", "", step.name)
            }
            None => writeln!(out, "{:width$} = {head}: expanded from ${}", "", step.name),
        };
    }
    let mut file = span.file();
    while let Some(included) = file.and_then(|id| sources.get(id)).and_then(|f| f.included) {
        if let Some(at) = place(sources, included) {
            let _ = writeln!(out, "{:width$} = {head}: included from {at}", "");
        }
        file = included.file();
    }
}

fn place(sources: &Sources, span: Span) -> Option<String> {
    let file = sources.get(span.file()?)?;
    Some(format!("{}:{}", file.name, span.line))
}

/// Column and length of a span in characters as shown.
fn columns(line: &str, span: Span) -> (usize, usize) {
    let floor = |at: usize| {
        let mut at = at.min(line.len());
        while !line.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let from = floor(usize::from(span.col));
    let to = floor(usize::from(span.col) + usize::from(span.len)).max(from);
    let shown = |s: &str| visible(s).chars().count();
    (shown(&line[..from]), shown(&line[from..to]))
}

/// Text with tabs as blanks and control characters made harmless.
fn visible(text: &str) -> String {
    let show = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(show).collect()
}

struct Paint {
    colour: bool,
}

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
