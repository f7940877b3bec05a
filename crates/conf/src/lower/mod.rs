//! Keywords into the model: the context that setters work on.
//!
//! Owns [`Cx`] and the order of the checks after the last file. Each area
//! keeps its unfinished objects in a state of its own ([`Build`]). Never
//! parses text.

pub mod global;
pub mod language;
pub mod lvs;
pub mod names;
pub mod script;
mod script_path;
pub mod vrrp;

use std::collections::HashSet;

use crate::apply;
use crate::args::Args;
use crate::diag::{Code, Diag, Level, Sink};
use crate::grammar::{Block, Keyword};
use crate::host::Host;
use crate::source::{Sources, Span};
use language::Language;

/// Checks that need everything to be read; they run in this order after the
/// last file.
pub const CHECKS: &[fn(&mut Cx<'_>)] =
    &[global::check, script::check, vrrp::check, lvs::check, script::verdict];

/// What the configuration becomes, and what is being built.
#[derive(Debug, Default)]
pub struct Build {
    /// The model.
    pub config: model::Config,
    /// State of the global keywords.
    pub global: global::State,
    /// State of the scripts.
    pub scripts: script::Scripts,
    /// Names of routing tables and the like.
    pub names: names::RoutingNames,
    /// State of the static, VRRP, tracking and BFD keywords.
    pub vrrp: vrrp::State,
    /// State of the virtual server keywords.
    pub lvs: lvs::State,
}

/// What setters work on.
pub struct Cx<'h> {
    /// Files and facts of the machine.
    pub host: &'h dyn Host,
    /// Whether this is a configuration test (`-t`).
    pub test: bool,
    /// What is being built.
    pub build: Build,
    /// How keywords talk back to the language.
    pub language: Language,
    pub(crate) sink: Sink,
    pub(crate) sources: Sources,
    pub(crate) names: Names,
    /// Enclosing blocks that keywords are looked up in.
    pub(crate) blocks: Vec<&'static Block>,
    pub(crate) skip: bool,
    /// How many enclosing blocks are not acted upon.
    pub(crate) quiet: u32,
    noted: HashSet<&'static str>,
}

impl<'h> Cx<'h> {
    pub(crate) fn new(host: &'h dyn Host, test: bool) -> Self {
        Cx {
            host,
            test,
            build: Build::default(),
            language: Language::default(),
            sink: Sink::default(),
            sources: Sources::default(),
            names: Names::default(),
            blocks: Vec::new(),
            skip: false,
            quiet: 0,
            noted: HashSet::new(),
        }
    }

    /// Reports a diagnostic.
    pub fn report(&mut self, diag: Diag) {
        self.sink.push(diag);
    }

    /// Reports an error of the general level.
    pub fn error(&mut self, code: Code, span: Span, text: impl Into<String>) {
        self.report(Diag::new(Level::General, code, span, text));
    }

    /// Reports an error of the general level after its cause.
    pub fn error_because(
        &mut self,
        code: Code,
        span: Span,
        cause: impl Into<String>,
        text: impl Into<String>,
    ) {
        self.report(Diag::new(Level::General, code, span, text).because(cause));
    }

    /// Reports that the word after word `after` is missing, which is fatal;
    /// `syntax` is the whole form.
    pub fn missing_parameter(&mut self, a: &Args<'_>, after: usize, syntax: &str) {
        let syntax = format!("the form is `{syntax}`");
        // The first word of an entry is a word like the others.
        let i = after + usize::from(!a.name().is_empty());
        apply::missing_parameter(self, a, a.str(after), i, &syntax);
    }

    /// Reports something that works, but hardly as meant.
    pub fn warn(&mut self, code: Code, span: Span, text: impl Into<String>) {
        self.report(Diag::new(Level::Warning, code, span, text));
    }

    /// Says something in the log that does not change the exit status.
    pub fn note(&mut self, code: Code, span: Span, text: impl Into<String>) {
        self.report(Diag::new(Level::Note, code, span, text));
    }

    /// Reports an error after which the daemon does not start.
    pub fn fatal(&mut self, code: Code, span: Span, text: impl Into<String>) {
        self.sink.fatal = true;
        self.error(code, span, text);
    }

    /// The block that is about to be opened is passed over in silence.
    pub fn skip_block(&mut self) {
        self.skip = true;
    }

    /// The name of the enclosing block: the first word after its keyword, or
    /// nothing.
    pub fn block_name(&self) -> &str {
        self.names.last()
    }

    /// Runs option words of an entry: every word of `a` from `from` on is
    /// looked up in `table` and its setter is called. `other` gets a word that
    /// is no option, as argument 0, and says how many words it took; 0 stops.
    /// The result says whether all options were well.
    pub fn options(
        &mut self,
        a: &Args<'_>,
        from: usize,
        table: &'static [Keyword],
        other: fn(&mut Cx<'_>, &Args<'_>) -> usize,
    ) -> bool {
        apply::options(self, a, from, table, other)
    }

    /// Logs once that a keyword is not acted upon yet.
    pub(crate) fn note_not_yet(&mut self, keyword: &'static Keyword, span: Span) {
        if self.noted.insert(keyword.name) {
            let text = format!("WARNING: '{}' is accepted but not acted upon yet", keyword.name);
            self.note(Code::NotYet, span, text);
        }
    }
}

/// The names of the enclosing blocks, in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Names {
    text: String,
    starts: Vec<usize>,
}

impl Names {
    pub fn push(&mut self, name: &str) {
        self.starts.push(self.text.len());
        self.text.push_str(name);
    }

    pub fn pop(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.text.truncate(start);
        }
    }

    pub fn last(&self) -> &str {
        let start = self.starts.last().copied().unwrap_or(0);
        self.text.get(start..).unwrap_or("")
    }
}
