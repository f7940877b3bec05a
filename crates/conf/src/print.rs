//! The configuration as it was expanded, as text: one keyword a line, four
//! blanks a level, and neither includes, definitions, conditions, generators
//! nor comments.
//!
//! Owns the layout. Reading the text again gives the same model, unless a line
//! could not be expanded (which is reported) or ends in a backslash of its own:
//! these are kept as they are. The text holds what the configuration holds, its
//! secrets too.

use crate::lex;

/// Blanks of one level.
const LEVEL: usize = 4;

/// Longest line that is indented; more would exceed what a line may have.
const INDENTED: usize = 700;

/// The text so far.
#[derive(Debug, Default)]
pub(crate) struct Printer {
    text: String,
    depth: usize,
    /// The last line is not ended: it may still get its `{`.
    open_line: bool,
    /// But not so, as a quote in it is not closed.
    unclosed: bool,
}

impl Printer {
    /// A logical line without braces.
    pub fn text(&mut self, line: &str) {
        self.end_line();
        if line.len() <= INDENTED {
            self.indent();
        }
        self.escaped(line);
        self.open_line = true;
        self.unclosed = line.bytes().filter(|b| *b == b'"').count() % 2 == 1;
    }

    /// `{`.
    pub fn open(&mut self) {
        if self.open_line && self.unclosed {
            self.end_line();
        }
        if self.open_line {
            self.text.push(' ');
        } else {
            self.indent();
        }
        self.text.push_str("{\n");
        self.open_line = false;
        self.depth += 1;
    }

    /// `}`.
    pub fn close(&mut self) {
        self.end_line();
        self.depth = self.depth.saturating_sub(1);
        self.indent();
        self.text.push_str("}\n");
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        self.end_line();
        self.text
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.open_line) {
            self.text.push('\n');
        }
    }

    fn indent(&mut self) {
        // A file of braces alone must not become a square of blanks.
        let blanks = LEVEL * self.depth.min(16);
        self.text.extend(std::iter::repeat_n(' ', blanks));
    }

    /// The line such that reading it does nothing to it: its first word is no
    /// condition, generator or include, and no sign in it begins a comment.
    fn escaped(&mut self, line: &str) {
        let mut words = Vec::new();
        lex::words(line, &mut words);
        let mut rest = line;
        if (line.starts_with(['@', '~', '$']) || line.starts_with("include"))
            && let Some(word) = words.first()
        {
            let (first, after) = line.split_at(word.text(line).len());
            self.text.push('"');
            self.text.push_str(first);
            self.text.push('"');
            rest = after;
        }
        let mut quoted = false;
        let mut chars = rest.chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => quoted = !quoted,
                '#' | '!' if !quoted => self.text.push('\\'),
                _ => {}
            }
            self.text.push(c);
            if c == '\\' {
                self.text.extend(chars.next());
            }
        }
    }
}
