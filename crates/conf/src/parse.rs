//! Logical lines into keywords: the stack of open blocks.
//!
//! Owns braces, looking keywords up, and what becomes of unknown ones. Lines
//! are pushed in; nothing is kept but the open blocks, so that time and memory
//! do not depend on the length of the input.

use crate::apply;
use crate::args::{Args, Value};
use crate::conceal;
use crate::diag::{Code, Diag, Level};
use crate::grammar::{self, Body, Entries, Keyword};
use crate::hint;
use crate::lex::{self, Word};
use crate::lower::Cx;
use crate::source::{Line, Span};

/// Deepest nesting of blocks.
const DEPTH: usize = 64;

/// What an open brace means.
#[derive(Debug, Clone, Copy)]
enum Scope {
    /// A known block of keywords.
    Block,
    /// A block of entries.
    Entries(&'static Entries),
    /// Everything in it is passed over.
    Skip,
    /// A brace out of place: what is in it belongs to the block around it.
    Stray,
}

/// An open block.
#[derive(Debug)]
struct Frame {
    scope: Scope,
    keyword: Option<&'static Keyword>,
    opened: Span,
    /// It has a name in `cx.names` and a table in `cx.blocks`.
    entered: bool,
}

/// What the next logical line should be.
#[derive(Debug)]
enum Expect {
    /// Anything.
    Line,
    /// `{`, with the frame that it opens.
    Open(Frame),
    /// Perhaps `{`: the line before was not understood, and if it opens a
    /// block that is passed over.
    Unknown(Span),
}

/// The state between logical lines.
#[derive(Debug)]
pub(crate) struct Parser {
    stack: Vec<Frame>,
    expect: Expect,
    words: Vec<Word>,
    values: Vec<Value>,
    /// Braces passed over beyond [`DEPTH`] or inside of a skipped block.
    skipped: usize,
}

impl Parser {
    pub fn new(cx: &mut Cx<'_>) -> Self {
        cx.blocks.push(&grammar::ROOT);
        Parser {
            stack: Vec::new(),
            expect: Expect::Line,
            words: Vec::new(),
            values: Vec::new(),
            skipped: 0,
        }
    }

    /// A line without braces; never empty.
    pub fn text(&mut self, cx: &mut Cx<'_>, line: Line<'_>) {
        self.missing_open(cx, &line);
        if matches!(self.stack.last(), Some(Frame { scope: Scope::Skip, .. })) {
            return;
        }
        let scope = self.stack.iter().rev().map(|f| f.scope).find(|s| !matches!(s, Scope::Stray));
        let mut words = std::mem::take(&mut self.words);
        let closed = lex::words(line.text, &mut words);
        match scope {
            Some(Scope::Entries(entries)) => {
                unmatched(cx, &line, closed, false);
                entry(cx, entries, line, &words);
            }
            _ => self.keyword(cx, line, &words, closed),
        }
        self.words = words;
    }

    /// A keyword line.
    fn keyword(&mut self, cx: &mut Cx<'_>, line: Line<'_>, words: &[Word], closed: bool) {
        let Some((&name, rest)) = words.split_first() else {
            unmatched(cx, &line, closed, false);
            return;
        };
        let block = cx.blocks.last().copied().unwrap_or(&grammar::ROOT);
        let Some(keyword) = block.find(name.text(line.text)) else {
            unmatched(cx, &line, closed, false);
            self.unknown(cx, &line, name);
            return;
        };
        unmatched(cx, &line, closed, keyword.is_script() && words.len() >= 2);
        cx.skip = false;
        let done = apply::keyword(cx, keyword, line, name, rest, &mut self.values);
        let scope = match keyword.body {
            Body::Leaf => return,
            _ if !done || cx.skip => Scope::Skip,
            Body::Block(_) => Scope::Block,
            Body::Entries(entries) => {
                extra_parameters(cx, keyword, &line, rest);
                Scope::Entries(entries)
            }
        };
        let entered = !matches!(scope, Scope::Skip);
        if entered {
            cx.names.push(rest.first().map_or("", |w| w.text(line.text)));
            let table = if let Body::Block(block) = keyword.body { block } else { &grammar::ROOT };
            cx.blocks.push(table);
            cx.quiet += u32::from(!keyword.acts);
        }
        let frame = Frame { scope, keyword: Some(keyword), opened: line.whole(), entered };
        self.expect = Expect::Open(frame);
    }

    fn unknown(&mut self, cx: &mut Cx<'_>, line: &Line<'_>, name: Word) {
        let word = name.text(line.text);
        let span = name.span(line);
        let opened = self.stack.iter().rev().find(|f| matches!(f.scope, Scope::Block));
        let block = cx.blocks.last().copied().unwrap_or(&grammar::ROOT);
        let mut diag = Diag::new(
            Level::UnknownKeyword,
            Code::UnknownKeyword,
            span,
            format!("Unknown keyword '{word}'"),
        );
        if cx.sink.wants_hints() {
            diag.help = hint::unknown_keyword(word, block);
        }
        if grammar::ROOT.find(word).is_some()
            && let Some(frame) = opened
        {
            diag = diag.related(frame.opened, "the block opened here is still open");
        }
        cx.report(diag);
        self.expect = Expect::Unknown(span);
    }

    /// Before any line but `{`: the block of the line before has no `{`.
    fn missing_open(&mut self, cx: &mut Cx<'_>, line: &Line<'_>) {
        let frame = match std::mem::replace(&mut self.expect, Expect::Line) {
            Expect::Open(frame) => frame,
            _ => return,
        };
        let name = frame.keyword.map_or("", |k| k.name);
        let text = match frame.scope {
            Scope::Entries(_) => format!("'{{' missing from beginning of block {name}"),
            _ => "Missing '{' at beginning of configuration block".to_owned(),
        };
        let diag = Diag::new(Level::MissingOpen, Code::MissingOpen, line.whole(), text);
        cx.report(diag.related(frame.opened, format!("`{name}` opens a block")));
        self.push(cx, frame);
    }

    /// `{`.
    pub fn open(&mut self, cx: &mut Cx<'_>, at: Span) {
        let skip = |opened| Frame { scope: Scope::Skip, keyword: None, opened, entered: false };
        match std::mem::replace(&mut self.expect, Expect::Line) {
            Expect::Open(frame) => self.push(cx, frame),
            Expect::Unknown(opened) => self.push(cx, skip(opened)),
            Expect::Line if matches!(self.stack.last(), Some(Frame { scope: Scope::Skip, .. })) => {
                self.push(cx, skip(at));
            }
            Expect::Line => {
                let text = "Unexpected '{' - ignoring";
                let help = "no block begins here; remove it with the `}` that belongs to it";
                let diag = Diag::new(Level::UnexpectedOpen, Code::UnexpectedOpen, at, text);
                cx.report(diag.help(help));
                let stray =
                    Frame { scope: Scope::Stray, keyword: None, opened: at, entered: false };
                self.push(cx, stray);
            }
        }
    }

    fn push(&mut self, cx: &mut Cx<'_>, frame: Frame) {
        if self.stack.len() < DEPTH {
            self.stack.push(frame);
            return;
        }
        self.skipped += 1;
        if frame.entered {
            self.leave(cx, &frame);
        }
        if self.skipped == 1 {
            let text = format!("blocks are nested deeper than {DEPTH}");
            cx.error(Code::UnexpectedOpen, frame.opened, text);
        }
    }

    /// `}`.
    pub fn close(&mut self, cx: &mut Cx<'_>, line: &Line<'_>) {
        self.missing_open(cx, line);
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        match self.stack.pop() {
            Some(frame) => self.leave(cx, &frame),
            None => {
                let text = "Extra '}' found";
                let help = "every block before this line is closed already";
                let diag =
                    Diag::new(Level::UnexpectedClose, Code::UnexpectedClose, line.whole(), text);
                cx.report(diag.help(help));
            }
        }
    }

    fn leave(&mut self, cx: &mut Cx<'_>, frame: &Frame) {
        if !frame.entered {
            return;
        }
        if let Some(close) = frame.keyword.and_then(|k| k.close) {
            close(cx);
        }
        cx.quiet = cx.quiet.saturating_sub(u32::from(frame.keyword.is_some_and(|k| !k.acts)));
        cx.names.pop();
        cx.blocks.pop();
    }

    /// The end of all text.
    pub fn finish(&mut self, cx: &mut Cx<'_>) {
        if let Expect::Open(frame) = std::mem::replace(&mut self.expect, Expect::Line) {
            let text = "Missing '{' at beginning of configuration block";
            cx.report(Diag::new(Level::MissingOpen, Code::MissingOpen, frame.opened, text));
            self.leave(cx, &frame);
        }
        let count = self.stack.len() + self.skipped;
        if count == 0 {
            return;
        }
        let text = format!("There are {count} missing '}}'s or extra '{{'s");
        let mut diag = Diag::new(Level::MissingClose, Code::MissingClose, Span::NONE, text);
        for frame in self.stack.iter().rev().take(3) {
            let text = format!("block opened at line {} never closed", frame.opened.line);
            diag = diag.related(frame.opened, text);
        }
        cx.report(diag);
        while let Some(frame) = self.stack.pop() {
            self.leave(cx, &frame);
        }
    }
}

/// One line of a block of entries.
fn entry(cx: &mut Cx<'_>, entries: &Entries, line: Line<'_>, words: &[Word]) {
    let a = Args { line, keyword: Word::NONE, words, values: &[], script: None };
    if entries.per_word {
        for i in 0..words.len() {
            let word = words.get(i..=i).unwrap_or(&[]);
            apply::run(cx, entries.entry, &Args { words: word, ..a });
        }
    } else if !words.is_empty() {
        apply::run(cx, entries.entry, &a);
    }
}

fn unmatched(cx: &mut Cx<'_>, line: &Line<'_>, closed: bool, script: bool) {
    if !closed && !script {
        let text = format!("Unmatched quote: '{}'", conceal::secrets(line.text));
        let quote = line.text.rfind('"').unwrap_or(0);
        let span = line.span(quote, line.text.len());
        cx.report(Diag::new(Level::UnmatchedQuote, Code::UnmatchedQuote, span, text));
    }
}

fn extra_parameters(cx: &mut Cx<'_>, keyword: &Keyword, line: &Line<'_>, words: &[Word]) {
    if let Some(word) = words.get(keyword.args.len()) {
        let shown = word.text(line.text);
        let text = format!("Block {} has extra parameters {shown} ...", keyword.name);
        cx.error(Code::ExtraWords, word.span(line), text);
    }
}
