//! `regex` of HTTP_GET: PCRE patterns on bytes.
//!
//! PCRE's syntax is translated where the engine reads it differently; what
//! cannot be expressed is an error at configuration time. Matching is bounded
//! in steps.

use core::fmt;
use fancy_regex::{BytesMode, Regex, RegexInput, RegexOptionsBuilder};
use std::collections::HashMap;
use std::sync::Arc;

/// Steps of backtracking after which a search gives up.
const STEPS_MAX: usize = 1_000_000;

/// A compiled pattern with its options.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    /// A match starts at this body offset or later.
    pub min_offset: u64,
    /// A match starts at this body offset or earlier.
    pub max_offset: Option<u64>,
    /// A match starts in the first line.
    pub first_line: bool,
    /// Succeed when there is no match.
    pub no_match: bool,
}

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// As written.
    pub pattern: String,
    /// What the compiler says, or which option is not supported.
    pub cause: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid regex \"{}\": {}", self.pattern, self.cause)
    }
}

impl std::error::Error for PatternError {}

/// Patterns compiled once however many urls name them.
#[derive(Debug, Default)]
pub struct Patterns(HashMap<Key, Arc<Pattern>>);

type Key = (String, Vec<String>, u64, Option<u64>, bool);

impl Patterns {
    /// The compiled `regex`.
    ///
    /// # Errors
    /// As [`Pattern::compile`].
    pub fn get(&mut self, regex: &model::lvs::Regex) -> Result<Arc<Pattern>, PatternError> {
        let r = regex;
        let key = (r.pattern.clone(), r.options.clone(), r.min_offset, r.max_offset, r.no_match);
        if let Some(pattern) = self.0.get(&key) {
            return Ok(pattern.clone());
        }
        let pattern = Arc::new(Pattern::compile(regex)?);
        self.0.insert(key, pattern.clone());
        Ok(pattern)
    }
}

/// A search needed more steps than a search may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManySteps;

/// Option words, as `regex_options` names them.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    caseless: bool,
    dotall: bool,
    multiline: bool,
    extended: bool,
    ungreedy: bool,
    dollar_endonly: bool,
    unicode: bool,
    firstline: bool,
}

impl Options {
    fn read(words: &[String]) -> Result<Self, String> {
        let mut o = Options::default();
        for word in words {
            match word.as_str() {
                "caseless" => o.caseless = true,
                "dotall" => o.dotall = true,
                "multiline" => o.multiline = true,
                "extended" => o.extended = true,
                "ungreedy" => o.ungreedy = true,
                "dollar_endonly" => o.dollar_endonly = true,
                "utf" | "ucp" => o.unicode = true,
                "firstline" => o.firstline = true,
                // Without influence on whether and where a pattern matches.
                "auto_callout" | "never_ucp" | "never_utf" | "no_auto_capture"
                | "no_auto_possess" | "no_dotstar_anchor" | "no_start_optimize" | "dupnames"
                | "alt_verbnames" | "use_offset_limit" | "never_backslash_c" => {}
                other => return Err(format!("option {other} is not supported")),
            }
        }
        Ok(o)
    }
}

impl Pattern {
    /// Compiles `regex`.
    ///
    /// # Errors
    /// When the pattern is malformed or uses what the engine does not have.
    pub fn compile(regex: &model::lvs::Regex) -> Result<Self, PatternError> {
        let error = |cause: String| PatternError { pattern: regex.pattern.clone(), cause };
        let o = Options::read(&regex.options).map_err(error)?;
        let mode = if o.unicode { BytesMode::UnicodeBytes } else { BytesMode::Ascii };
        let flags: String = [
            (o.caseless, 'i'),
            (o.multiline, 'm'),
            (o.dotall, 's'),
            (o.extended, 'x'),
            (o.ungreedy, 'U'),
        ]
        .iter()
        .filter_map(|(on, flag)| on.then_some(*flag))
        .collect();
        let mut text = translate(&regex.pattern, o.dollar_endonly || o.multiline);
        if !flags.is_empty() {
            text = format!("(?{flags}){text}");
        }
        let regex_compiled = RegexOptionsBuilder::new()
            .bytes_mode(mode)
            .allow_input_assertion_overrides(true)
            .backtrack_limit(STEPS_MAX)
            .build(text)
            .map_err(|e| error(e.to_string()))?;
        Ok(Pattern {
            regex: regex_compiled,
            min_offset: regex.min_offset,
            max_offset: regex.max_offset,
            first_line: o.firstline,
            no_match: regex.no_match,
        })
    }

    /// First match in `text` that starts at `from` or later, as (start, end);
    /// what lies before `from` is context. `last` says that the text ends
    /// where the body does.
    ///
    /// # Errors
    /// When it needs too many steps.
    pub fn find(
        &self,
        text: &[u8],
        from: usize,
        last: bool,
    ) -> Result<Option<(usize, usize)>, TooManySteps> {
        if from > text.len() {
            return Ok(None);
        }
        let input = RegexInput::new(text).from_pos(from).end_text(last);
        match self.regex.find_input(input) {
            Ok(found) => Ok(found.map(|m| (m.start(), m.end()))),
            Err(_) => Err(TooManySteps),
        }
    }
}

/// The end of the text, or before its final newline: PCRE's plain `$`.
const DOLLAR: &str = r"(?=\n?\z)";

/// Rewrites PCRE's syntax into the engine's. `plain_dollar` leaves `$` as it
/// is.
fn translate(pattern: &str, plain_dollar: bool) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    // `(?m)` inside the pattern gives `$` its other meaning.
    let plain_dollar = plain_dollar || has_inline_multiline(pattern);
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, &mut out, false),
            '[' => class(&mut rest, &mut out),
            '$' if !plain_dollar => out.push_str(DOLLAR),
            c => out.push(c),
        }
    }
    out
}

fn has_inline_multiline(pattern: &str) -> bool {
    pattern.match_indices("(?").any(|(at, _)| {
        let flags = pattern.get(at + 2..).unwrap_or_default();
        flags.chars().take_while(|c| c.is_ascii_lowercase()).any(|c| c == 'm')
    })
}

type Chars<'a> = core::iter::Peekable<core::str::Chars<'a>>;

/// The part after a backslash, in or outside a class.
fn escape(rest: &mut Chars<'_>, out: &mut String, in_class: bool) {
    match rest.next() {
        None => out.push('\\'),
        Some('Q') => quoted(rest, out),
        Some('E') => {}
        // Word boundaries to the engine, plain letters to PCRE.
        Some(c @ ('<' | '>')) => out.push(c),
        Some('Z') if !in_class => out.push_str(DOLLAR),
        Some('c') => {
            if let Some(c) = rest.next() {
                let code = u32::from(c.to_ascii_uppercase()) ^ 0x40;
                out.push_str(&format!("\\x{{{code:x}}}"));
            }
        }
        Some('o') if rest.peek() == Some(&'{') => {
            let digits: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
            octal(&digits, out);
        }
        Some('0') => {
            let mut digits = String::from("0");
            while digits.len() < 3 {
                match rest.next_if(|c| ('0'..='7').contains(c)) {
                    Some(d) => digits.push(d),
                    None => break,
                }
            }
            octal(&digits, out);
        }
        Some(c) => {
            out.push('\\');
            out.push(c);
        }
    }
}

fn octal(digits: &str, out: &mut String) {
    let code = u32::from_str_radix(digits, 8).unwrap_or(0);
    out.push_str(&format!("\\x{{{code:x}}}"));
}

/// Everything up to `\E` is literal.
fn quoted(rest: &mut Chars<'_>, out: &mut String) {
    while let Some(c) = rest.next() {
        if c == '\\' && rest.next_if_eq(&'E').is_some() {
            return;
        }
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(c);
    }
}

/// A bracketed class. The engine nests classes and has set operators; PCRE has
/// neither.
fn class(rest: &mut Chars<'_>, out: &mut String) {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    if rest.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    }
    while let Some(c) = rest.next() {
        match c {
            ']' => {
                out.push(']');
                return;
            }
            '\\' => escape(rest, out, true),
            '[' if rest.peek() == Some(&':') => {
                out.push('[');
                for c in rest.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str, options: &[&str]) -> Pattern {
        let regex = model::lvs::Regex {
            pattern: text.to_owned(),
            options: options.iter().map(|o| (*o).to_owned()).collect(),
            ..Default::default()
        };
        Pattern::compile(&regex).unwrap()
    }

    fn found(text: &str, options: &[&str], body: &[u8]) -> Option<(usize, usize)> {
        pattern(text, options).find(body, 0, true).unwrap()
    }

    #[test]
    fn pcre_syntax_means_what_it_means_to_pcre() {
        for (text, body, want) in [
            (r#"{"status":"UP"}"#, &br#"{"status":"UP"}"#[..], Some((0, 15))),
            (r"OK$", b"it is OK\n", Some((6, 8))),
            (r"OK$", b"OK\nno", None),
            (r"OK\Z", b"OK\n", Some((0, 2))),
            (r"\Qa.b\E+", b"xa.bbb", Some((1, 6))),
            (r"\<b\>", b"a<b>", Some((1, 4))),
            (r"\cJ", b"a\n", Some((1, 2))),
            (r"\012", b"a\n", Some((1, 2))),
            (r"\o{101}", b"A", Some((0, 1))),
            (r"[]a]+", b"x]a", Some((1, 3))),
            (r"[a[b]+", b"x[ab", Some((1, 4))),
            (r"[a&&b]+", b"b&&", Some((0, 3))),
            (r"[[:digit:]]+", b"ab12", Some((2, 4))),
            (r"(?<!un)known", b"unknown known", Some((8, 13))),
            (r"(\w)\1", b"hello", Some((2, 4))),
            (r"a++b", b"aaab", Some((0, 4))),
            (r".\xff", b"a\xfe\xff", Some((1, 3))),
        ] {
            assert_eq!(found(text, &[], body), want, "{text}");
        }
    }

    #[test]
    fn option_words_change_the_match() {
        for (text, options, body, want) in [
            ("ok", &["caseless"][..], &b"OK"[..], true),
            ("ok", &[], b"OK", false),
            ("^b", &["multiline"], b"a\nb", true),
            ("^b", &[], b"a\nb", false),
            ("a.b", &["dotall"], b"a\nb", true),
            ("a.b", &[], b"a\nb", false),
            ("a b # c", &["extended"], b"ab", true),
            ("ok$", &["dollar_endonly"], b"ok\n", false),
            ("^.$", &["utf"], "é".as_bytes(), true),
            ("^.$", &[], "é".as_bytes(), false),
        ] {
            assert_eq!(found(text, options, body).is_some(), want, "{text} {options:?}");
        }
        assert_eq!(found("a+", &["ungreedy"], b"aaa"), Some((0, 1)));
    }

    #[test]
    fn what_cannot_be_compiled_is_an_error_that_names_the_pattern() {
        let bad = |pattern: &str, options: &[&str]| {
            let regex = model::lvs::Regex {
                pattern: pattern.to_owned(),
                options: options.iter().map(|o| (*o).to_owned()).collect(),
                ..Default::default()
            };
            Pattern::compile(&regex).unwrap_err().to_string()
        };
        assert!(bad("a(", &[]).starts_with("Invalid regex \"a(\": "));
        assert!(bad("a", &["alt_bsux"]).ends_with("option alt_bsux is not supported"));
    }

    #[test]
    fn catastrophic_backtracking_is_given_up() {
        let p = pattern(r"(a|a|aa)*\1b(?=x)", &[]);
        assert_eq!(p.find(&[b'a'; 4000], 0, true), Err(TooManySteps));
    }
}
