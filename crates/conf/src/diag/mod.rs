//! Diagnostics: what is wrong, where, and what to do about it.
//!
//! Owns severities, the reference's error levels with their `-t` exit
//! statuses, and the collection of diagnostics. [`code`] lists the stable
//! codes, [`render`] draws them. Never decides what is an error.

pub mod code;
pub mod render;

pub use code::Code;

use crate::hint;
use crate::source::Span;

/// How a diagnostic counts. The numbers are the reference's ranks: the highest
/// one seen decides the exit status of a configuration test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For the log alone; the exit status does not change.
    Note = 0,
    /// A file that must be there is not.
    FileNotFound = 1,
    /// An interface does not exist.
    BadInterface = 2,
    /// The configuration cannot be run.
    Fatal = 3,
    /// The main pattern matched several files.
    MultipleFiles = 4,
    /// A keyword that the block does not know.
    UnknownKeyword = 5,
    /// A `{` out of place.
    UnexpectedOpen = 6,
    /// A `{` is missing.
    MissingOpen = 7,
    /// A `}` out of place.
    UnexpectedClose = 8,
    /// A `}` is missing.
    MissingClose = 9,
    /// A quote is not closed.
    UnmatchedQuote = 10,
    /// A parameter is missing.
    MissingParameter = 11,
    /// A number is malformed or out of range.
    InvalidNumber = 12,
    /// Any other error.
    General = 13,
    /// It works, but hardly as meant.
    Warning = 14,
    /// It works, but is on its way out.
    Deprecated = 15,
    /// Scripts or keys that others could read or change.
    Security = 16,
}

impl Level {
    /// Exit status of a configuration test whose highest level this is.
    pub fn test_exit(self) -> u8 {
        match self {
            Level::Note => 0,
            Level::FileNotFound | Level::BadInterface | Level::Fatal => 4,
            Level::Security => 6,
            _ => 5,
        }
    }

    /// How the drawn form calls it.
    pub fn severity(self) -> Severity {
        match self {
            Level::Note => Severity::Note,
            Level::Warning | Level::Deprecated | Level::MultipleFiles => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// The word in front of a drawn diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Works, but look at it.
    Warning,
    /// Does not work as written.
    Error,
}

/// One diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diag {
    /// How it counts.
    pub level: Level,
    /// Its stable code.
    pub code: Code,
    /// Where.
    pub span: Span,
    /// What is wrong with the value itself, in the reference's words
    /// (`number '9' outside range [0, 4]`); a line of its own in logs.
    pub cause: Option<String>,
    /// What is wrong, in the reference's words where it has some.
    pub text: String,
    /// Other places that matter.
    pub related: Vec<(Span, String)>,
    /// What to do.
    pub help: Vec<String>,
}

impl Diag {
    /// A diagnostic of `level` and `code` at `span`.
    pub fn new(level: Level, code: Code, span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        Diag { level, code, span, cause: None, text, related: Vec::new(), help: Vec::new() }
    }

    /// Adds the cause.
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds a line of help.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds a line of help when there is one.
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help);
        self
    }

    /// Says what is odd about `word` and which of the names it is near to.
    pub fn did_you_mean<'c>(mut self, word: &str, names: impl Iterator<Item = &'c str>) -> Self {
        self.help.extend(hint::suspicious(word));
        if let Some(near) = hint::nearest(word, names.take(NAMES)) {
            self.help.push(format!("did you mean `{near}`?"));
        }
        self
    }

    /// Adds another place with what it has to do with it.
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push((span, text.into()));
        self
    }
}

/// Most names that a word is compared with.
const NAMES: usize = 500;

/// How many diagnostics are searched for near words.
const HINTED: usize = 100;

/// How many diagnostics are kept; the rest are counted.
const KEPT: usize = 1000;

/// The diagnostics of one load.
#[derive(Debug, Default)]
pub struct Sink {
    kept: Vec<Diag>,
    /// How many were not kept.
    pub(crate) dropped: usize,
    worst: Option<Level>,
    /// An include that had to succeed did not.
    pub(crate) include_error: bool,
    /// A keyword lacks a parameter that it cannot do without.
    pub(crate) missing_parameter: bool,
    /// An error after which the daemon must not start.
    pub(crate) fatal: bool,
}

impl Sink {
    /// Takes a diagnostic. What two scans say of the same open quote becomes
    /// one.
    pub fn push(&mut self, mut diag: Diag) {
        self.worst = self.worst.max(Some(diag.level));
        let quote = |d: &Diag| d.code == Code::UnmatchedQuote;
        let same = |d: &Diag| (d.span.file(), d.span.line) == (diag.span.file(), diag.span.line);
        if quote(&diag) && self.kept.last().is_some_and(|last| quote(last) && same(last)) {
            let before = self.kept.pop();
            let said = before.into_iter().flat_map(|d| d.cause.into_iter().chain([d.text]));
            let said: Vec<String> = said.chain(diag.cause.take()).collect();
            diag.cause = Some(said.join("\n"));
        }
        if self.kept.len() < KEPT {
            self.kept.push(diag);
        } else {
            self.dropped += 1;
        }
    }

    /// Whether a further diagnostic deserves a search for near words: nobody
    /// reads the hundredth.
    pub(crate) fn wants_hints(&self) -> bool {
        self.kept.len() < HINTED
    }

    /// How many are kept: a mark for [`Sink::since`].
    pub(crate) fn mark(&self) -> usize {
        self.kept.len()
    }

    /// What was reported since a mark.
    pub(crate) fn since(&mut self, mark: usize) -> &mut [Diag] {
        self.kept.get_mut(mark..).unwrap_or_default()
    }

    /// The highest level seen.
    pub fn worst(&self) -> Level {
        self.worst.unwrap_or(Level::Note)
    }

    /// What was kept, in order.
    pub fn diags(&self) -> &[Diag] {
        &self.kept
    }

    pub(crate) fn into_diags(self) -> Vec<Diag> {
        self.kept
    }
}
