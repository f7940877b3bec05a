//! Lines into words: comments, quotes, braces, and the shell-like quoting of
//! script lines.
//!
//! Works on one line at a time and knows no keywords. Words borrow from the
//! line.

use crate::source::{Line, Span};

/// A word of a line, by byte offsets; quotes are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) quoted: bool,
}

impl Word {
    /// No word: the start of the line.
    pub(crate) const NONE: Word = Word { start: 0, end: 0, quoted: false };

    /// Its text in the line it was found in.
    pub fn text<'t>(&self, line: &'t str) -> &'t str {
        line.get(self.start as usize..self.end as usize).unwrap_or("")
    }

    /// Where it stands, with its quotes.
    pub fn span(&self, line: &Line<'_>) -> Span {
        let quote = u32::from(self.quoted);
        let end = (self.end + quote).min(u32::try_from(line.text.len()).unwrap_or(u32::MAX));
        line.span(self.start.saturating_sub(quote) as usize, end as usize)
    }
}

/// What a scan for comments found in a physical line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Where the comment begins, or the end of the line.
    pub end: usize,
    /// There is a `\#` or `\!` to be unescaped.
    pub escapes: bool,
    /// A quote is not closed.
    pub open_quote: bool,
    /// There is a NUL byte.
    pub nul: bool,
    /// There is a `$` before the comment.
    pub dollar: bool,
}

/// Finds the comment of a line: `#` or `!` outside of double quotes. What
/// follows a backslash has no meaning here, within quotes as well.
pub(crate) fn scan(text: &str) -> Scan {
    let bytes = text.as_bytes();
    let mut s = Scan { end: bytes.len(), ..Scan::default() };
    let mut i = 0;
    while let Some(&b) = bytes.get(i) {
        match b {
            b'"' => s.open_quote = !s.open_quote,
            b'#' | b'!' if !s.open_quote => {
                s.end = i;
                break;
            }
            b'\\' => {
                let next = bytes.get(i + 1);
                s.escapes |= !s.open_quote && matches!(next, Some(b'#' | b'!'));
                i += usize::from(next.is_some());
            }
            b'$' => s.dollar = true,
            0 => s.nul = true,
            _ => {}
        }
        i += 1;
    }
    s
}

/// Offsets of the bytes that a line loses: the backslashes of `\#` and `\!`,
/// and blanks before a backslash at the end.
pub(crate) fn dropped(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let (mut found, mut quoted, mut i) = (Vec::new(), false, 0);
    while let Some(&b) = bytes.get(i) {
        match b {
            b'"' => quoted = !quoted,
            b'\\' => {
                if !quoted && matches!(bytes.get(i + 1), Some(b'#' | b'!')) {
                    found.push(i);
                }
                i += 1;
            }
            _ => {}
        }
        i += 1;
    }
    if let Some(before) = text.strip_suffix('\\') {
        let end = before.trim_end_matches([' ', '\t']).len();
        found.extend(end..before.len());
    }
    found
}

/// The first brace outside of double quotes.
pub(crate) fn brace(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.bytes().position(|b| match b {
        b'"' => {
            quoted = !quoted;
            false
        }
        b'{' | b'}' => !quoted,
        _ => false,
    })
}

/// Whether `c` separates words.
fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | 0x0c | b'\n' | b'\r' | 0x0b)
}

/// Splits a line into words; the result tells whether all quotes are closed.
/// What follows a quote that is not closed is no word.
pub(crate) fn words(text: &str, out: &mut Vec<Word>) -> bool {
    out.clear();
    let bytes = text.as_bytes();
    let mut i = 0;
    while let Some(&b) = bytes.get(i) {
        if is_blank(b) {
            i += 1;
            continue;
        }
        let quoted = b == b'"';
        let start = i + usize::from(quoted);
        let rest = bytes.get(start..).unwrap_or(&[]);
        let length = if quoted {
            match rest.iter().position(|b| *b == b'"') {
                Some(n) => n,
                None => return false,
            }
        } else {
            rest.iter().position(|b| is_blank(*b) || *b == b'"').unwrap_or(rest.len())
        };
        let end = start + length;
        out.push(Word { start: start as u32, end: end as u32, quoted });
        i = end + usize::from(quoted);
    }
    true
}

/// A script keyword's line: command with arguments, user and group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptLine {
    /// Path and arguments.
    pub argv: Vec<String>,
    /// The user word, if there.
    pub user: Option<String>,
    /// The group word, if there.
    pub group: Option<String>,
    /// Where the command stands.
    pub span: Span,
}

/// Reads the words after `keyword` with shell-like quoting.
///
/// # Errors
/// What is wrong with the quoting, in the reference's words. `Ok(None)` when
/// there is no command.
pub(crate) fn script_line(line: &Line<'_>, keyword: Word) -> Result<Option<ScriptLine>, String> {
    let from = keyword.end as usize + usize::from(keyword.quoted);
    let rest = line.text.get(from..).unwrap_or("");
    let tokens = shell_tokens(rest)?;
    let Some(first) = tokens.first() else { return Ok(None) };
    let argv = command_words(&first.text)?;
    if argv.is_empty() {
        return Ok(None);
    }
    let span = line.span(from + first.start, from + first.end);
    let word = |i: usize| tokens.get(i).map(|t| t.text.clone());
    Ok(Some(ScriptLine { argv, user: word(1), group: word(2), span }))
}

struct Token {
    text: String,
    start: usize,
    end: usize,
}

/// First stage: blanks separate, either quote keeps blanks, a backslash and
/// its character stay.
fn shell_tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut quote: Option<char> = None;
    let mut open = false;
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        if quote.is_none() && c.is_ascii() && is_blank(c as u8) {
            open = false;
            continue;
        }
        if !open {
            tokens.push(Token { text: String::new(), start: i, end: i });
            open = true;
        }
        let Some(token) = tokens.last_mut() else { continue };
        token.end = i + c.len_utf8();
        match c {
            '\\' => {
                token.text.push(c);
                if let Some((j, next)) = chars.next() {
                    token.text.push(next);
                    token.end = j + next.len_utf8();
                }
            }
            '\'' | '"' if quote.is_none() => quote = Some(c),
            _ if quote == Some(c) => quote = None,
            _ => token.text.push(c),
        }
    }
    match quote {
        Some(q) => Err(format!("String '{}': missing terminating {q}", text.trim())),
        None => Ok(tokens),
    }
}

/// Second stage: a command into path and arguments, with quotes and escapes.
pub(crate) fn command_words(text: &str) -> Result<Vec<String>, String> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut quote: Option<char> = None;
    let mut open = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if quote.is_none() && c.is_ascii() && is_blank(c as u8) {
            open = false;
            continue;
        }
        if !open {
            words.push(Vec::new());
            open = true;
        }
        let Some(word) = words.last_mut() else { continue };
        match c {
            '\\' => {
                let Some((bytes, after)) = escape(rest) else {
                    return Err(format!("Missing escape char at end: '{text}'"));
                };
                word.extend(bytes);
                rest = after;
            }
            '\'' | '"' if quote.is_none() => quote = Some(c),
            _ if quote == Some(c) => quote = None,
            _ => word.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    if let Some(q) = quote {
        return Err(format!("String '{text}': missing terminating {q}"));
    }
    Ok(words.into_iter().map(|w| String::from_utf8_lossy(&w).into_owned()).collect())
}

/// What follows a backslash: the bytes meant, and the text after them.
fn escape(text: &str) -> Option<(Vec<u8>, &str)> {
    let first = text.chars().next()?;
    let after = &text[first.len_utf8()..];
    let one = |b: u8| Some((vec![b], after));
    let digits = |from: &str, most: usize, base: u32| {
        let n = from.chars().take(most).take_while(|c| c.is_digit(base)).count();
        let value = u32::from_str_radix(&from[..n], base).unwrap_or(0);
        (n, value as u8)
    };
    match first {
        'a' => one(0x07),
        'b' => one(0x08),
        'E' => one(0x1b),
        'f' => one(0x0c),
        'n' => one(b'\n'),
        'r' => one(b'\r'),
        't' => one(b'\t'),
        'v' => one(0x0b),
        'c' if after.starts_with(|c: char| c.is_ascii()) => {
            let control = after.as_bytes().first().map_or(0, |b| b & 0x1f);
            Some((vec![control], &after[1..]))
        }
        'x' if after.starts_with(|c: char| c.is_ascii_hexdigit()) => {
            let (n, value) = digits(after, 2, 16);
            Some((vec![value], &after[n..]))
        }
        '0'..='7' => {
            let (n, value) = digits(text, 3, 8);
            Some((vec![value], &text[n..]))
        }
        c => Some((c.encode_utf8(&mut [0; 4]).as_bytes().to_vec(), after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (Vec<&str>, bool) {
        let mut out = Vec::new();
        let closed = words(text, &mut out);
        (out.iter().map(|w| w.text(text)).collect(), closed)
    }

    #[test]
    fn words_follow_the_quoting_rules() {
        assert_eq!(split("a  b\tc"), (vec!["a", "b", "c"], true));
        assert_eq!(split("a\"b c\"d"), (vec!["a", "b c", "d"], true));
        assert_eq!(split("x \"\" y"), (vec!["x", "", "y"], true));
        assert_eq!(split("x y \"z w"), (vec!["x", "y"], false));
        assert_eq!(split("x 'a b'"), (vec!["x", "'a", "b'"], true));
    }

    #[test]
    fn comments_begin_outside_of_quotes_and_can_be_escaped() {
        assert_eq!(scan("a#b").end, 1);
        assert_eq!(scan("a \"b # c\" ! d").end, 10);
        assert!(scan(r"a\#b").escapes);
        assert_eq!(scan(r"a\#b").end, 4);
        assert_eq!(dropped(r"a\#b\!\x"), [1, 4]);
        assert!(scan("a \"b").open_quote);
        assert_eq!(dropped("a  \\"), [1, 2]);
    }

    #[test]
    fn commands_are_split_in_two_stages() {
        let line = Line::whole_for_test("notify \"/p/x 'a b' c\\x41\" user grp");
        let keyword = Word { start: 0, end: 6, quoted: false };
        let s = script_line(&line, keyword).unwrap().unwrap();
        assert_eq!(s.argv, ["/p/x", "a b", "cA"]);
        assert_eq!((s.user.as_deref(), s.group.as_deref()), (Some("user"), Some("grp")));
        let line = Line::whole_for_test("script /a'b c'\"d\"");
        let s = script_line(&line, Word { start: 0, end: 6, quoted: false }).unwrap().unwrap();
        assert_eq!(s.argv, ["/ab", "cd"]);
        let line = Line::whole_for_test("script '/a");
        assert!(script_line(&line, keyword).unwrap_err().contains("missing terminating '"));
        assert!(command_words("a\\").unwrap_err().starts_with("Missing escape char at end"));
        assert_eq!(command_words(r"\101\n\cA\é").unwrap(), ["A\n\u{1}é"]);
    }
}
