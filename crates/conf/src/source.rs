//! Where text comes from: files, spans and the ways text got to its place.
//!
//! Owns the texts of all files read and the side tables that keep [`Span`]
//! small. Never reads a file.

use std::collections::HashMap;
use std::sync::Arc;
use zeroize::Zeroize;

/// A place in the configuration: file, line, column and length, and through
/// which definition the text came. Sixteen bytes; resolve it with [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    file: u32,
    /// Line, counted from 1; 0 when the span is about a whole file.
    pub line: u32,
    /// Column in bytes, counted from 0.
    pub col: u16,
    /// Length in bytes.
    pub len: u16,
    pub(crate) via: Via,
}

impl Default for Span {
    fn default() -> Self {
        Span::NONE
    }
}

impl Span {
    /// No place in particular: the configuration as a whole.
    pub const NONE: Span = Span { file: u32::MAX, line: 0, col: 0, len: 0, via: Via::DIRECT };

    pub(crate) fn new(file: FileId, line: u32, col: usize, len: usize, via: Via) -> Self {
        let small = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        Span { file: file.0, line, col: small(col), len: small(len), via }
    }

    /// The file, unless the span is [`Span::NONE`].
    pub fn file(&self) -> Option<FileId> {
        (self.file != u32::MAX).then_some(FileId(self.file))
    }
}

/// A file that was read; the same path included twice has two ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId(u32);

/// The chain of definitions that a piece of text was expanded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Via(u32);

impl Via {
    /// The text stands in the file as it is.
    pub const DIRECT: Via = Via(0);
}

/// One file as it was read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Path as messages show it.
    pub name: String,
    /// Its text; empty while it is being read, and when an earlier reading of
    /// the same path gave the same. [`Sources::line`] finds it all the same.
    pub text: String,
    /// The include line that named it; `None` for a main file.
    pub included: Option<Span>,
}

/// A text may hold secrets.
impl Drop for Source {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

/// One step of an expansion.
#[derive(Debug, Clone)]
pub struct Expansion {
    /// Name of the definition, without `$`.
    pub name: Arc<str>,
    /// Where it was defined.
    pub defined: Span,
    /// The definition whose text used this one.
    pub parent: Via,
}

/// All texts and expansions that spans refer to.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    expansions: Vec<Expansion>,
    known: HashMap<(Arc<str>, Span, Via), Via>,
    /// The file that holds the text of a path read more than once.
    first: HashMap<String, FileId>,
}

/// Longest chain of definitions that is remembered for diagnostics.
const CHAIN_LIMIT: usize = 8;

impl Sources {
    pub(crate) fn add(&mut self, source: Source) -> FileId {
        self.files.push(source);
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX - 1))
    }

    /// Keeps the text of a file that has been read to its end; once, however
    /// often the file is included.
    pub(crate) fn keep(&mut self, id: FileId, mut text: String) {
        let Some(name) = self.get(id).map(|f| f.name.clone()) else { return };
        let first = *self.first.entry(name).or_insert(id);
        let known = first != id && self.get(first).is_some_and(|f| f.text == text);
        match self.files.get_mut(id.0 as usize) {
            Some(file) if !known => file.text = text,
            _ => text.zeroize(),
        }
    }

    /// The file of `id`.
    pub fn get(&self, id: FileId) -> Option<&Source> {
        self.files.get(id.0 as usize)
    }

    /// All files read, in order of reading.
    pub fn files(&self) -> &[Source] {
        &self.files
    }

    /// The text of one line without its line end; empty when there is none.
    pub fn line(&self, id: FileId, line: u32) -> &str {
        let Some(file) = self.get(id) else { return "" };
        let again = self.first.get(&file.name).and_then(|first| self.get(*first));
        let file = again.filter(|_| file.text.is_empty()).unwrap_or(file);
        let nth = (line as usize).saturating_sub(1);
        file.text.split('\n').nth(nth).unwrap_or("").trim_end_matches('\r')
    }

    /// The text that a span covers, as it stands in the file; empty when there
    /// is none or it was expanded from something else.
    pub fn text(&self, span: Span) -> &str {
        let Some(id) = span.file().filter(|_| span.via == Via::DIRECT) else { return "" };
        let from = usize::from(span.col);
        self.line(id, span.line).get(from..from + usize::from(span.len)).unwrap_or("")
    }

    /// Remembers that text was expanded from `name`, defined at `defined`,
    /// within text that came by `parent`.
    pub(crate) fn via(&mut self, name: &Arc<str>, defined: Span, parent: Via) -> Via {
        if self.chain(parent).count() >= CHAIN_LIMIT {
            return parent;
        }
        let key = (name.clone(), defined, parent);
        if let Some(&via) = self.known.get(&key) {
            return via;
        }
        self.expansions.push(Expansion { name: name.clone(), defined, parent });
        let via = Via(u32::try_from(self.expansions.len()).unwrap_or(0));
        self.known.insert(key, via);
        via
    }

    /// The expansions behind `via`, innermost first.
    pub fn chain(&self, via: Via) -> impl Iterator<Item = &Expansion> {
        let mut next = via;
        std::iter::from_fn(move || {
            let step = self.expansions.get((next.0 as usize).checked_sub(1)?)?;
            next = step.parent;
            Some(step)
        })
    }
}

/// A logical line: its text and where each byte of it came from.
#[derive(Debug, Clone, Copy)]
pub struct Line<'t> {
    /// The text, without blanks at either end.
    pub text: &'t str,
    place: Place<'t>,
}

/// Where the bytes of a line came from.
#[derive(Debug, Clone, Copy)]
struct Place<'t> {
    file: FileId,
    line: u32,
    bytes: Bytes<'t>,
}

#[derive(Debug, Clone, Copy)]
enum Bytes<'t> {
    /// As they stand in the file, from this column.
    Direct(usize),
    /// One origin for each byte.
    Mapped(&'t [Origin]),
}

/// Where one byte of an expanded line came from: the place that names it in
/// the physical line, and the definition it was expanded from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub col: u16,
    pub len: u16,
    pub via: Via,
}

impl<'t> Line<'t> {
    pub(crate) fn direct(text: &'t str, file: FileId, line: u32, col: usize) -> Self {
        Line { text, place: Place { file, line, bytes: Bytes::Direct(col) } }
    }

    pub(crate) fn mapped(text: &'t str, file: FileId, line: u32, origins: &'t [Origin]) -> Self {
        Line { text, place: Place { file, line, bytes: Bytes::Mapped(origins) } }
    }

    /// The file it is in.
    pub(crate) fn file(&self) -> FileId {
        self.place.file
    }

    /// The number of its physical line.
    pub(crate) fn number(&self) -> u32 {
        self.place.line
    }

    /// The part of the line in the byte range `from..to`.
    pub(crate) fn part(&self, from: usize, to: usize) -> Line<'t> {
        let text = self.text.get(from..to).unwrap_or("");
        let bytes = match self.place.bytes {
            Bytes::Direct(col) => Bytes::Direct(col + from),
            Bytes::Mapped(m) => Bytes::Mapped(m.get(from..to).unwrap_or(&[])),
        };
        Line { text, place: Place { bytes, ..self.place } }
    }

    /// The line without blanks at its ends.
    pub(crate) fn trim(&self) -> Line<'t> {
        let blank = |c| c == ' ' || c == '\t';
        let start = self.text.len() - self.text.trim_start_matches(blank).len();
        let end = self.text.trim_end_matches(blank).len().max(start);
        self.part(start, end)
    }

    /// Where one byte came from.
    pub(crate) fn origin(&self, at: usize) -> Origin {
        match self.place.bytes {
            Bytes::Direct(col) => Origin {
                col: u16::try_from(col + at).unwrap_or(u16::MAX),
                len: 1,
                via: Via::DIRECT,
            },
            Bytes::Mapped(m) => match m.get(at).or_else(|| m.last()) {
                Some(o) => *o,
                None => Origin { col: 0, len: 0, via: Via::DIRECT },
            },
        }
    }

    /// The span of the byte range `from..to`. Expanded text has the span of
    /// the `$NAME` in the physical line.
    pub fn span(&self, from: usize, to: usize) -> Span {
        let (file, line) = (self.place.file, self.place.line);
        if let Bytes::Direct(col) = self.place.bytes {
            return Span::new(file, line, col + from, to - from.min(to), Via::DIRECT);
        }
        let first = self.origin(from);
        let via = (from..to).map(|i| self.origin(i).via).find(|v| *v != Via::DIRECT);
        let last = self.origin(to.saturating_sub(1).max(from));
        let end = usize::from(last.col) + usize::from(last.len);
        let start = usize::from(first.col.min(last.col));
        let end = end.max(usize::from(first.col) + usize::from(first.len));
        Span::new(file, line, start, end - start, via.unwrap_or(Via::DIRECT))
    }

    /// The span of the whole line.
    pub fn whole(&self) -> Span {
        self.span(0, self.text.len())
    }
}

#[cfg(test)]
impl<'t> Line<'t> {
    /// A line of a file that does not matter.
    pub(crate) fn whole_for_test(text: &'t str) -> Self {
        Line::direct(text, FileId(0), 1, 0)
    }
}
