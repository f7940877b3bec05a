//! Definitions: `$NAME=text`, their multi-line form, predefined names, and
//! substitution.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::{Expander, LINE_BYTES, NESTING};
use crate::conceal;
use crate::diag::{Code, Diag, Level};
use crate::source::{Line, Origin, Span, Via};
use zeroize::Zeroize;

/// Most substitutions in one line; more are a loop.
const SUBSTITUTIONS: usize = 512;

/// One line of a definition, which may be a secret.
#[derive(Debug, Clone)]
pub(crate) struct Value(Arc<str>);

impl Drop for Value {
    fn drop(&mut self) {
        if let Some(text) = Arc::get_mut(&mut self.0) {
            text.zeroize();
        }
    }
}

impl Deref for Value {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value(text.into())
    }
}

/// A definition: its text as written, and where it stands.
#[derive(Debug, Clone)]
struct Definition {
    name: Arc<str>,
    first: Value,
    /// The further lines of a multi-line definition.
    rest: Option<Arc<[Value]>>,
    at: Span,
}

/// A multi-line definition that has not ended yet.
#[derive(Debug)]
pub(crate) struct Pending {
    name: Arc<str>,
    lines: Vec<Value>,
    at: Span,
}

/// All definitions, and the generator behind `$_RANDOM`.
#[derive(Debug)]
pub(crate) struct Definitions {
    by_name: HashMap<Box<str>, Definition>,
    random: u64,
}

impl Definitions {
    pub fn new(seed: u64) -> Self {
        Definitions { by_name: HashMap::new(), random: seed }
    }

    pub fn seed(&mut self, seed: u64) {
        self.random = seed;
    }

    /// Sets a single-line definition.
    pub fn set(&mut self, name: &str, value: &str, at: Span) {
        let first = value.into();
        match self.by_name.get_mut(name) {
            Some(def) => (def.first, def.rest, def.at) = (first, None, at),
            None => {
                let def = Definition { name: name.into(), first, rest: None, at };
                self.by_name.insert(name.into(), def);
            }
        }
    }

    fn get(&self, name: &str) -> Option<&Definition> {
        self.by_name.get(name)
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A use of a definition within a line: `$NAME` or `${NAME PARAM...}`.
#[derive(Debug, PartialEq, Eq)]
struct Use<'t> {
    end: usize,
    name: &'t str,
    params: Vec<&'t str>,
}

/// Length of the name at the start of `text`.
pub(crate) fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count()
}

/// Where the use that begins with the `$` at `at` ends, if it is one.
pub(super) fn use_end(text: &str, at: usize) -> Option<usize> {
    use_at(text, at).map(|u| u.end)
}

/// The use that begins with the `$` at `at`, if it is one.
fn use_at(text: &str, at: usize) -> Option<Use<'_>> {
    let after = text.get(at + 1..)?;
    let Some(inner) = after.strip_prefix('{') else {
        let n = name_length(after);
        let next = after.as_bytes().get(n);
        let ends = next.is_none_or(|b| matches!(b, b' ' | b'\t' | b',' | b')'));
        let used = Use { end: at + 1 + n, name: &after[..n], params: Vec::new() };
        return (n > 0 && ends).then_some(used);
    };
    let close = inner.find('}')?;
    let mut words = inner[..close].split([' ', '\t']).filter(|w| !w.is_empty());
    let name = words.next()?;
    let params: Vec<&str> = words.collect();
    let plain = |w: &&str| w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let well = inner.starts_with(name) && name_length(name) == name.len();
    let end = at + 2 + close + 1;
    (well && params.iter().all(plain)).then_some(Use { end, name, params })
}

impl Expander<'_> {
    /// Takes a definition; false when the line is none.
    pub(super) fn definition(&mut self, line: &Line<'_>) -> bool {
        let n = name_length(&line.text[1..]);
        let Some(value) = line.text[1..].get(n..).and_then(|t| t.strip_prefix('=')) else {
            return false;
        };
        if n == 0 {
            return false;
        }
        let name = &line.text[1..1 + n];
        let value = value.trim_start_matches([' ', '\t']);
        let at = line.span(0, 1 + n);
        let more = self.continues.then_some(value);
        match more.or_else(|| continued(value)) {
            None => self.defs.set(name, value, at),
            Some(first) => {
                self.pending = Some(Pending { name: name.into(), lines: vec![first.into()], at });
            }
        }
        true
    }

    /// A further line of a multi-line definition.
    pub(super) fn continue_definition(&mut self, line: &Line<'_>) {
        let Some(pending) = &mut self.pending else { return };
        if line.text.is_empty() {
            return;
        }
        let more = self.continues.then_some(line.text).or_else(|| continued(line.text));
        let text = more.unwrap_or(line.text);
        if !text.is_empty() {
            pending.lines.push(text.into());
        }
        if more.is_none() {
            self.end_definition();
        }
    }

    /// An empty line, or the end of all files.
    pub(super) fn end_definition(&mut self) {
        let Some(Pending { name, lines, at }) = self.pending.take() else { return };
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_else(|| "".into());
        let def = Definition { name: name.clone(), first, rest: Some(lines.collect()), at };
        self.defs.by_name.insert(name.as_ref().into(), def);
    }

    /// A line with `$`: substitutes, then goes on with it.
    pub(super) fn substituted(&mut self, line: Line<'_>) {
        if let Some(seed) = self.cx.language.reseed.take() {
            self.defs.seed(seed);
        }
        let Some(out) = self.substitute(&line) else { return self.logical(line) };
        let changed = Line::mapped(&out.text, line.file(), line.number(), &out.origins).trim();
        if !changed.text.is_empty() {
            self.logical(changed);
        }
        self.nesting += 1;
        for (lines, origin) in out.rest.iter().rev() {
            for text in lines.iter() {
                if !self.may_generate(line.whole()) {
                    break;
                }
                let origins = vec![*origin; text.len()];
                self.line(Line::mapped(text, line.file(), line.number(), &origins));
            }
        }
        self.nesting -= 1;
    }

    /// The line with every definition replaced; `None` to use it as it is.
    fn substitute(&mut self, line: &Line<'_>) -> Option<Substituted> {
        // Of full length, so that it is in one place only.
        let mut text = String::with_capacity(line.text.len().max(LINE_BYTES));
        text.push_str(line.text);
        let mut out = Substituted {
            text,
            origins: (0..line.text.len()).map(|i| line.origin(i)).collect(),
            rest: Vec::new(),
        };
        let mut from = 0;
        let mut count = 0;
        while let Some(at) = out.text.get(from..).and_then(|t| t.find('$')).map(|i| from + i) {
            let Some(used) = use_at(&out.text, at) else {
                from = at + 1;
                continue;
            };
            let end = used.end;
            let last = out.text.get(end..).is_some_and(|t| t.trim().is_empty());
            let site = line_span(line, &out.origins, at, end);
            let Some(meaning) = self.meaning(used.name, &used, last, site) else {
                from = at + 1;
                continue;
            };
            let value = &meaning.first;
            count += 1;
            if out.text.len() - (end - at) + value.len() > LINE_BYTES || count > SUBSTITUTIONS {
                self.report_too_long(line, count > SUBSTITUTIONS);
                return None;
            }
            let via = self.cx.sources.via(&meaning.name, meaning.at, site.via);
            let origin = Origin { col: site.col, len: site.len, via };
            out.text.replace_range(at..end, value);
            out.origins.splice(at..end, std::iter::repeat_n(origin, value.len()));
            out.rest.extend(meaning.rest.map(|rest| (rest, origin)));
            from = at;
        }
        self.generated_bytes += out.text.len();
        if count > 0 {
            self.strip_again(&mut out);
        }
        Some(out)
    }

    fn report_too_long(&mut self, line: &Line<'_>, endless: bool) {
        let diag = if endless {
            let text = "definitions refer to each other without end - line used unexpanded";
            Diag::new(Level::General, Code::Definition, line.whole(), text)
        } else {
            let text = format!(
                "Parameter substitution on line '{}' would exceed maximum line length",
                conceal::secrets(line.text)
            );
            Diag::new(Level::Note, Code::SubstitutionTooLong, line.whole(), text)
        };
        self.cx.report(diag);
    }

    /// Cuts a comment that substitution brought in; what stood in the file
    /// has been looked at before.
    fn strip_again(&self, out: &mut Substituted) {
        let mut quoted = false;
        let cut = out.text.bytes().enumerate().find(|(i, b)| {
            quoted ^= *b == b'"';
            let expanded = out.origins.get(*i).is_some_and(|o| o.via != Via::DIRECT);
            !quoted && expanded && matches!(b, b'#' | b'!')
        });
        if let Some((at, _)) = cut {
            out.text.truncate(at);
            out.origins.truncate(at);
            out.rest.clear();
        }
    }

    /// What `used` stands for here, if anything; `last` when nothing follows
    /// on its line.
    fn meaning(
        &mut self,
        name: &str,
        used: &Use<'_>,
        last: bool,
        site: Span,
    ) -> Option<Definition> {
        if let Some(def) = self.defs.get(name) {
            let fits = used.params.is_empty() && (def.rest.is_none() || last);
            return fits.then(|| def.clone());
        }
        let bounds = match name {
            "_RANDOM" => (0, 2),
            "_ENV" => (1, 1),
            "_PWD" | "_INSTANCE" | "_HASH" | "_BANG" => (0, 0),
            _ => return None,
        };
        let n = used.params.len();
        if n < bounds.0 || n > bounds.1 {
            let text = format!(
                "Definition {name} requires between {} and {} parameters, {n} specified.",
                bounds.0, bounds.1
            );
            self.cx.error(Code::Definition, site, text);
            return None;
        }
        let value = match name {
            "_RANDOM" => self.random(&used.params, site)?.to_string(),
            "_ENV" => self.cx.host.env(used.params.first().unwrap_or(&"")).unwrap_or_default(),
            "_PWD" => self.directory(),
            "_INSTANCE" => self.config_id.clone(),
            "_HASH" => "#".into(),
            _ => "!".into(),
        };
        let value = value.replace(['\n', '\0'], " ");
        Some(Definition {
            name: name.into(),
            first: value.as_str().into(),
            rest: None,
            at: Span::NONE,
        })
    }

    /// The text of a word that is one use of a single-line definition.
    pub(super) fn text_of(&mut self, word: &str) -> Option<Value> {
        let used = use_at(word, 0).filter(|u| u.end == word.len())?;
        let text = self.meaning(used.name, &used, false, Span::NONE)?.first;
        if !text.starts_with('$') || *text == *word {
            return Some(text);
        }
        self.nesting += 1;
        let inner = if self.nesting < NESTING { self.text_of(&text) } else { None };
        self.nesting -= 1;
        inner
    }

    /// `${_RANDOM MIN MAX}`.
    fn random(&mut self, params: &[&str], site: Span) -> Option<u64> {
        let numbers: Option<Vec<u64>> = params
            .iter()
            .map(|p| p.bytes().all(|b| b.is_ascii_digit()).then(|| p.parse().ok())?)
            .collect();
        let Some(numbers) = numbers else {
            let text = "Definition _RANDOM requires numeric parameters only.";
            self.cx.error(Code::Definition, site, text);
            return None;
        };
        let min = numbers.first().copied().unwrap_or(0);
        let max = numbers.get(1).copied().unwrap_or(32_767);
        if min > max {
            let text = format!("Definition _RANDOM minimum {min} exceeds maximum {max}");
            self.cx.error(Code::Definition, site, text);
            return Some(min);
        }
        let span = (max - min).saturating_add(1);
        Some(min + self.defs.random() % span)
    }
}

/// A line after substitution.
struct Substituted {
    text: String,
    origins: Vec<Origin>,
    /// Further lines of the multi-line definitions at its end, outermost
    /// first, with the place of their use.
    rest: Vec<(Arc<[Value]>, Origin)>,
}

impl Drop for Substituted {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

fn line_span(line: &Line<'_>, origins: &[Origin], from: usize, to: usize) -> Span {
    Line::mapped("", line.file(), line.number(), origins).span(from, to)
}

/// The text before a trailing `\`, if there is one.
fn continued(text: &str) -> Option<&str> {
    text.strip_suffix('\\').map(|t| t.trim_end_matches([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_end_where_the_rules_say() {
        assert_eq!(use_at("$A b", 0).map(|u| (u.end, u.name)), Some((2, "A")));
        assert_eq!(use_at("$A.b", 0), None);
        assert_eq!(use_at("x$A,", 1).map(|u| u.end), Some(3));
        assert_eq!(use_at("$9", 0), None);
        assert_eq!(use_at("${A}b", 0).map(|u| u.end), Some(4));
        assert_eq!(use_at("${A", 0), None);
        let used = use_at("${_RANDOM 1 9}", 0).unwrap();
        assert_eq!((used.name, used.params), ("_RANDOM", vec!["1", "9"]));
        assert_eq!(use_at("${A b-c}", 0), None);
    }
}
