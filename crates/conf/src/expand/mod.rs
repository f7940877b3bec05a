//! Files into logical lines: physical lines, definitions, conditions,
//! generators and includes.
//!
//! Owns everything that happens to text before it is words: one pass over
//! each file, lines pushed into the parser as they come. [`define`] has the
//! definitions and their substitution, [`include`] the files, [`sequence`]
//! the generators. Bounded by [`Limits`].

pub(crate) mod define;
pub(crate) mod include;
pub(crate) mod sequence;

use crate::conceal;
use crate::diag::{Code, Diag, Level};
use crate::hint;
use crate::lex;
use crate::lower::Cx;
use crate::parse::Parser;
use crate::print::Printer;
use crate::source::{FileId, Line, Origin, Span};
use define::{Definitions, Pending};
use include::OpenFile;
use zeroize::Zeroize;

/// Longest line in bytes, without its line end.
pub(crate) const LINE_BYTES: usize = 1022;

/// Bounds on what a configuration may grow to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together.
    pub file_bytes: usize,
    /// Files read.
    pub files: usize,
    /// Depth of includes.
    pub include_depth: usize,
    /// Lines made by generators and multi-line definitions.
    pub generated_lines: usize,
    /// Bytes of the lines that substitution changed.
    pub generated_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            file_bytes: 256 << 20,
            files: 16_384,
            include_depth: 64,
            generated_lines: 1_000_000,
            generated_bytes: 64 << 20,
        }
    }
}

/// Depth of generators and multi-line definitions within each other.
const NESTING: usize = 32;

/// The state of reading a configuration.
pub(crate) struct Expander<'h> {
    pub cx: Cx<'h>,
    pub parser: Parser,
    pub defs: Definitions,
    pub config_id: String,
    pub limits: Limits,
    pub files: Vec<OpenFile>,
    pub file_bytes: usize,
    pub files_read: usize,
    pub pending: Option<Pending>,
    pub generated_lines: usize,
    pub generated_bytes: usize,
    pub nesting: usize,
    /// The comment of the line at hand ends in a backslash, which continues a
    /// definition.
    pub continues: bool,
    /// A limit was hit: nothing more is read.
    pub stopped: bool,
    /// Takes what the parser gets, when that is to be printed.
    pub printer: Option<Printer>,
}

impl<'h> Expander<'h> {
    pub fn new(mut cx: Cx<'h>, config_id: String, limits: Limits) -> Self {
        let parser = Parser::new(&mut cx);
        let defs = Definitions::new(cx.host.random_seed());
        Expander {
            cx,
            parser,
            defs,
            config_id,
            limits,
            files: Vec::new(),
            file_bytes: 0,
            files_read: 0,
            pending: None,
            generated_lines: 0,
            generated_bytes: 0,
            nesting: 0,
            continues: false,
            stopped: false,
            printer: None,
        }
    }

    /// The end of all files: close what is open.
    pub fn finish(mut self) -> (Cx<'h>, Option<Printer>) {
        self.end_definition();
        self.parser.finish(&mut self.cx);
        (self.cx, self.printer)
    }

    /// One line as it stands in a file, without its line end.
    pub fn physical(&mut self, raw: &str, file: FileId, number: u32) {
        let raw = raw.trim_end_matches('\r');
        let whole = || Span::new(file, number, 0, raw.len(), crate::source::Via::DIRECT);
        if raw.len() > LINE_BYTES {
            let text = "line too long - ignoring";
            let help = format!("a line may have {LINE_BYTES} bytes, this one has {}", raw.len());
            let diag = Diag::new(Level::General, Code::LineTooLong, whole(), text);
            self.cx.report(diag.help(help));
            return;
        }
        let blank = |c| c == ' ' || c == '\t';
        let start = raw.len() - raw.trim_start_matches(blank).len();
        let text = raw[start..].trim_end_matches(blank);
        if raw.is_empty() {
            self.end_definition();
        }
        if text.is_empty() {
            return;
        }
        let scan = lex::scan(text);
        if scan.nul {
            let text = "configuration appears to have embedded NULs - ignoring line";
            self.cx.error(Code::NulByte, whole(), text);
            return;
        }
        let kept = text[..scan.end].trim_end_matches(blank);
        if scan.open_quote {
            let text = format!("Unterminated quote '{}'", conceal::secrets(kept));
            self.cx.error(Code::UnmatchedQuote, whole(), text);
        }
        let line = Line::direct(kept, file, number, start);
        self.continues = scan.end < text.len() && text.ends_with('\\');
        let blank_before = kept.strip_suffix('\\').is_some_and(|t| t.ends_with(blank));
        if (scan.escapes || blank_before) && self.pending.is_none() {
            self.without(line, lex::dropped(kept));
        } else {
            self.stripped(line);
        }
        self.continues = false;
    }

    /// A line without some of its bytes.
    fn without(&mut self, line: Line<'_>, drop: Vec<usize>) {
        let mut text = String::with_capacity(line.text.len());
        let mut origins: Vec<Origin> = Vec::with_capacity(line.text.len());
        let mut from = 0;
        for at in drop.into_iter().chain([line.text.len()]) {
            text.push_str(line.text.get(from..at).unwrap_or(""));
            origins.extend((from..at).map(|i| line.origin(i)));
            from = at + 1;
        }
        self.stripped(Line::mapped(&text, line.file(), line.number(), &origins));
        text.zeroize();
    }

    /// A line without comment and outer blanks.
    fn stripped(&mut self, line: Line<'_>) {
        if self.pending.is_some() {
            self.continue_definition(&line);
        } else if !line.text.is_empty() {
            self.line(line);
        }
    }

    /// A line to be interpreted: condition, definition, generator, use of
    /// definitions.
    pub fn line(&mut self, line: Line<'_>) {
        if self.stopped {
            return;
        }
        match line.text.as_bytes().first() {
            Some(b'@') => self.condition(line),
            Some(b'$') if self.definition(&line) => {}
            Some(b'~') if sequence::is_generator(line.text) => self.generator(line),
            _ if line.text.contains('$') => self.substituted(line),
            _ => self.logical(line),
        }
    }

    /// `@ID rest` and `@^ID rest`.
    fn condition(&mut self, line: Line<'_>) {
        let text = &line.text[1..];
        let (differs, text) = match text.strip_prefix('^') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let Some((id, _)) = text.split_once([' ', '\t']) else { return };
        if (id == self.config_id) == differs {
            return;
        }
        let from = 1 + usize::from(differs) + id.len();
        let rest = line.part(from, line.text.len()).trim();
        if !rest.text.is_empty() && !rest.text.starts_with('@') {
            self.line(rest);
        } else if !rest.text.is_empty() {
            self.logical(rest);
        }
    }

    /// Counts a generated line; false when there are too many or they are
    /// nested too deep.
    pub fn may_generate(&mut self, at: Span) -> bool {
        self.generated_lines += 1;
        if self.stopped {
            return false;
        }
        let text = if self.generated_lines > self.limits.generated_lines {
            format!("more than {} lines generated - ignoring the rest", self.limits.generated_lines)
        } else if self.generated_bytes > self.limits.generated_bytes {
            format!("more than {} bytes generated - ignoring the rest", self.limits.generated_bytes)
        } else if self.nesting > NESTING {
            let text = "definitions and generators nested too deep - line ignored";
            self.cx.fatal(Code::TooMuch, at, text);
            return false;
        } else {
            return true;
        };
        self.stopped = true;
        self.cx.fatal(Code::TooMuch, at, text);
        false
    }

    /// A line in which nothing is left to expand: include, or keywords and
    /// braces.
    pub fn logical(&mut self, line: Line<'_>) {
        if !line.text.is_ascii() {
            hint::check_line(&mut self.cx, &line);
        }
        if line.text.starts_with("include") && self.include_line(&line) {
            return;
        }
        let mut rest = line;
        loop {
            let at = match self.brace(&rest) {
                Some(at) => at,
                None if rest.text.is_empty() => return,
                None => return self.text(rest),
            };
            let before = rest.part(0, at).trim();
            if !before.text.is_empty() {
                self.text(before);
            }
            let brace = rest.part(at, at + 1);
            if brace.text == "{" {
                self.parser.open(&mut self.cx, brace.whole());
                self.print(Printer::open);
            } else {
                self.parser.close(&mut self.cx, &brace);
                self.print(Printer::close);
            }
            rest = rest.part(at + 1, rest.text.len()).trim();
        }
    }

    /// A line without braces.
    fn text(&mut self, line: Line<'_>) {
        self.print(|p| p.text(line.text));
        self.parser.text(&mut self.cx, line);
    }

    fn print(&mut self, what: impl FnOnce(&mut Printer)) {
        if let Some(printer) = &mut self.printer {
            what(printer);
        }
    }

    /// The next brace that is one: not that of a `${NAME}` left as it is, nor
    /// those of a template's `{{ name }}`, which is reported.
    fn brace(&mut self, line: &Line<'_>) -> Option<usize> {
        let mut from = 0;
        loop {
            let at = from + lex::brace(line.text.get(from..)?)?;
            let dollar = at.checked_sub(1).filter(|d| line.text.as_bytes().get(*d) == Some(&b'$'));
            if let Some(end) = dollar.and_then(|d| define::use_end(line.text, d)) {
                from = end;
                continue;
            }
            let Some(tail) = line.text.get(at..).filter(|t| t.starts_with("{{")) else {
                return Some(at);
            };
            let Some(length) = tail.find("}}") else { return Some(at) };
            let end = at + length + 2;
            let shown = line.text.get(at..end).unwrap_or("");
            let text = format!("placeholder `{shown}` not filled in");
            let diag = Diag::new(Level::General, Code::Placeholder, line.span(at, end), text);
            self.cx
                .report(diag.help("the template that made this file left it; put the value here"));
            from = end;
        }
    }
}
