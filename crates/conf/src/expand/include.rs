//! Files: the main file, includes of every flavour, and what is an error.

use super::Expander;
use crate::diag::{Code, Diag, Level};
use crate::glob;
use crate::host::{FileError, FileKind};
use crate::source::{FileId, Line, Source, Span};
use zeroize::Zeroizing;

/// Include error bits.
pub mod bits {
    /// A file cannot be read.
    pub const READ: u8 = 1;
    /// Nothing matches a pattern without wildcard.
    pub const MATCH: u8 = 2;
    /// Nothing matches a pattern with a wildcard.
    pub const WILDCARD: u8 = 4;
    /// An alternative of a brace pattern is missing.
    pub const BRACE: u8 = 8;
    /// All of them.
    pub const ALL: u8 = 15;
}

/// A file being read.
#[derive(Debug)]
pub(crate) struct OpenFile {
    path: String,
    directory: String,
}

/// The include keywords and their bits.
const KEYWORDS: &[(&str, u8)] = &[
    ("include", 0),
    ("includer", bits::READ),
    ("includem", bits::READ | bits::MATCH),
    ("includew", bits::READ | bits::MATCH | bits::WILDCARD),
    ("includeb", bits::READ | bits::BRACE),
    ("includea", bits::ALL),
];

impl Expander<'_> {
    /// The directory that relative names start from.
    pub(super) fn directory(&self) -> String {
        self.files.last().map_or_else(|| self.cx.host.cwd(), |f| f.directory.clone())
    }

    /// Reads the files of an include line; false when the line is none.
    pub(super) fn include_line(&mut self, line: &Line<'_>) -> bool {
        let (word, pattern) = line.text.split_once([' ', '\t']).unwrap_or((line.text, ""));
        let Some((_, bits)) = KEYWORDS.iter().find(|(name, _)| *name == word) else {
            return false;
        };
        let pattern = pattern.trim_matches([' ', '\t']);
        if pattern.is_empty() {
            let text = format!("{word} without a file name");
            self.cx.error(Code::FileMissing, line.whole(), text);
            return true;
        }
        let at = line.span(line.text.len() - pattern.len(), line.text.len());
        let bits = bits | self.cx.language.include_check;
        for path in self.find(pattern, bits, at) {
            self.read_included(&path, bits, at);
        }
        true
    }

    /// The paths that a pattern stands for, with what is missing reported.
    fn find(&mut self, pattern: &str, in_force: u8, at: Span) -> Vec<String> {
        let absolute = if pattern.starts_with('/') {
            pattern.to_owned()
        } else {
            format!("{}/{pattern}", self.directory())
        };
        let Some(alternatives) = glob::alternatives(&absolute) else {
            let text = format!("Config file pattern '{pattern}' has too many alternatives");
            self.missing(bits::BRACE, in_force, at, text);
            return Vec::new();
        };
        let found: Vec<Vec<String>> =
            alternatives.iter().map(|a| glob::matches(self.cx.host, a)).collect();
        let braces = alternatives.len() > 1 || alternatives.first() != Some(&absolute);
        let some_missing = found.iter().any(Vec::is_empty);
        let paths: Vec<String> = found.into_iter().flatten().collect();
        if braces && some_missing {
            let text = format!("Some config files missing: \"{pattern}\".");
            self.missing(bits::BRACE, in_force, at, text);
            return if in_force & bits::BRACE != 0 { Vec::new() } else { paths };
        }
        if paths.is_empty() {
            if !glob::has_wildcard(pattern) {
                let text = format!("Config files missing '{pattern}'.");
                self.missing(bits::MATCH, in_force, at, text);
            } else if in_force & bits::WILDCARD != 0 {
                let text = format!("No config files matched '{pattern}'.");
                self.missing(bits::WILDCARD, in_force, at, text);
            }
        }
        paths
    }

    /// Says that something is missing; an error if its bit is in force.
    fn missing(&mut self, bit: u8, in_force: u8, at: Span, text: String) {
        self.include_problem(bit, in_force, Code::FileMissing, at, text);
    }

    fn include_problem(&mut self, bit: u8, in_force: u8, code: Code, at: Span, text: String) {
        let error = bit & in_force != 0;
        self.cx.sink.include_error |= error;
        let level = if error { Level::FileNotFound } else { Level::Note };
        self.cx.report(Diag::new(level, code, at, text));
    }

    fn read_included(&mut self, path: &str, in_force: u8, at: Span) {
        if self.files.iter().any(|f| f.path == path) {
            let text = format!("Configuration file '{path}' includes itself - skipping");
            return self.include_problem(bits::READ, bits::READ, Code::IncludeLoop, at, text);
        }
        if self.files.len() >= self.limits.include_depth {
            let depth = self.limits.include_depth;
            let text = format!("includes are nested deeper than {depth} - skipping '{path}'");
            return self.include_problem(bits::READ, bits::READ, Code::IncludeLoop, at, text);
        }
        match self.open(path) {
            Ok(text) => self.file(path, text, Some(at)),
            Err(reason) => {
                self.include_problem(bits::READ, in_force, Code::FileUnreadable, at, reason);
            }
        }
    }

    /// The text of a file that may be part of a configuration.
    fn open(&mut self, path: &str) -> Result<String, String> {
        let reason = |e: FileError| match e {
            FileError::NotFound => format!("Configuration file '{path}' is missing - skipping"),
            FileError::Unreadable(why) => {
                format!("Configuration file '{path}' cannot be read: {why} - skipping")
            }
        };
        let meta = self.cx.host.stat(path).map_err(reason)?;
        match meta.kind {
            FileKind::Directory => {
                return Err(format!("Configuration file '{path}' is a directory - skipping"));
            }
            FileKind::Regular if meta.mode & 0o111 == 0 => {}
            _ => {
                return Err(format!(
                    "Configuration file '{path}' is not a regular non-executable file - skipping"
                ));
            }
        }
        let bytes = self.cx.host.read(path).map_err(reason)?;
        self.file_bytes = self.file_bytes.saturating_add(bytes.len());
        self.files_read += 1;
        if self.file_bytes > self.limits.file_bytes || self.files_read > self.limits.files {
            return Err(format!("Configuration is too large at file '{path}' - skipping"));
        }
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => self.latin1(path, &Zeroizing::new(e.into_bytes())),
        })
    }

    /// Text that is not UTF-8, its odd bytes read as Latin-1.
    fn latin1(&mut self, path: &str, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len() + 16);
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|b| char::from(*b)));
        }
        let note = format!("'{path}' is not UTF-8; its other bytes are read as Latin-1");
        self.cx.note(Code::NotUtf8, Span::NONE, note);
        text
    }

    /// Reads one file to its end.
    fn file(&mut self, path: &str, text: String, included: Option<Span>) {
        let directory = match path.rsplit_once('/') {
            Some(("", _)) | None => "/".to_owned(),
            Some((dir, _)) => dir.to_owned(),
        };
        self.files.push(OpenFile { path: path.to_owned(), directory });
        let include_check = self.cx.language.include_check;
        let source = Source { name: path.to_owned(), text: String::new(), included };
        let id: FileId = self.cx.sources.add(source);
        let mut number = 0;
        for line in text.split('\n') {
            number += 1;
            if self.stopped {
                break;
            }
            self.physical(line, id, number);
        }
        self.cx.sources.keep(id, text);
        self.cx.language.include_check = include_check;
        self.files.pop();
    }

    /// Reads the main file or files. The result says whether there was one.
    pub fn main(&mut self, pattern: &str) -> MainFile {
        let absolute = if pattern.starts_with('/') {
            pattern.to_owned()
        } else {
            format!("{}/{pattern}", self.cx.host.cwd())
        };
        let alternatives = glob::alternatives(&absolute).unwrap_or_default();
        let paths: Vec<String> =
            alternatives.iter().flat_map(|a| glob::matches(self.cx.host, a)).collect();
        if paths.is_empty() {
            let text = format!("Config files missing '{pattern}'.");
            self.cx.report(Diag::new(Level::FileNotFound, Code::FileMissing, Span::NONE, text));
            return MainFile::Missing;
        }
        if paths.len() > 1 {
            let text = format!("WARNING, multiple configuration file matches of '{pattern}'");
            self.cx.report(Diag::new(Level::MultipleFiles, Code::MultipleFiles, Span::NONE, text));
        }
        let mut result = MainFile::Unreadable;
        for path in paths {
            match self.open(&path) {
                Ok(text) => {
                    self.file(&path, text, None);
                    result = MainFile::Read;
                }
                Err(reason) => {
                    let level = Level::FileNotFound;
                    self.cx.report(Diag::new(level, Code::FileUnreadable, Span::NONE, reason));
                }
            }
        }
        result
    }
}

/// What became of the main file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MainFile {
    /// At least one file was read.
    Read,
    /// No file has that name.
    Missing,
    /// There is one, but none that can be read.
    Unreadable,
}
