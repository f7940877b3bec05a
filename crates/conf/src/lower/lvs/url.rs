//! `url` of HTTP_GET and SSL_GET: path, digest, statuses and pattern.

use model::lvs::{Regex, Url};

use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::hint;
use crate::lex;
use crate::lower::Cx;
use crate::source::Span;

/// A url that is being read.
#[derive(Debug, Default)]
pub(crate) struct UrlDraft {
    pub url: Url,
    path: bool,
    /// Pattern and what is said of it, in any order.
    regex: Regex,
    pattern: bool,
    /// A keyword about the pattern, where there is one.
    about: Option<Span>,
    span: Span,
}

/// PCRE2 compile options that a pattern may have.
const REGEX_OPTIONS: &[&str] = &[
    "allow_empty_class",
    "alt_bsux",
    "auto_callout",
    "caseless",
    "dollar_endonly",
    "dotall",
    "dupnames",
    "extended",
    "firstline",
    "match_unset_backref",
    "multiline",
    "never_ucp",
    "never_utf",
    "no_auto_capture",
    "no_auto_possess",
    "no_dotstar_anchor",
    "no_start_optimize",
    "ucp",
    "ungreedy",
    "utf",
    "never_backslash_c",
    "alt_circumflex",
    "alt_verbnames",
    "use_offset_limit",
];

/// The block begins.
pub(crate) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    cx.build.lvs.url = UrlDraft { span: a.whole(), ..UrlDraft::default() };
}

/// The block ends.
pub(crate) fn close(cx: &mut Cx<'_>) {
    let UrlDraft { mut url, path, mut regex, pattern, about, span } =
        std::mem::take(&mut cx.build.lvs.url);
    if !path {
        cx.error(Code::Missing, span, "url without path - ignoring it");
        return;
    }
    if pattern {
        if regex.max_offset.is_some_and(|max| regex.min_offset > max) {
            let text = "regex_min_offset is beyond regex_max_offset - ignoring both";
            cx.note(Code::Conflict, about.unwrap_or(span), text);
            (regex.min_offset, regex.max_offset) = (0, None);
        }
        url.regex = Some(regex);
    } else if let Some(about) = about {
        let text = "this url has no regex - ignoring";
        cx.note(Code::Ignored, about, text);
    }
    cx.build.lvs.http.urls.push(url);
}

/// `path`.
pub(crate) fn path(cx: &mut Cx<'_>, a: &Args<'_>) {
    let draft = &mut cx.build.lvs.url;
    draft.url.path = a.string(0);
    if std::mem::replace(&mut draft.path, true) {
        let text = format!("path is given twice - using {}", a.str(0));
        cx.error(Code::Duplicate, a.whole(), text);
    }
}

/// `digest`.
pub(crate) fn digest(cx: &mut Cx<'_>, a: &Args<'_>) {
    let word = a.str(0);
    let length = word.chars().count();
    let text = if cx.build.lvs.url.url.digest.is_some() {
        format!("digest is given twice - ignoring '{word}'")
    } else if length != 32 {
        format!("digest '{word}' has {length} characters in place of 32 - ignoring")
    } else if let Some(at) = word.chars().position(|c| !c.is_ascii_hexdigit()) {
        format!("digest '{word}' has no hexadecimal digit at offset {at} - ignoring")
    } else {
        let bytes = u128::from_str_radix(word, 16).map(u128::to_be_bytes);
        cx.build.lvs.url.url.digest = bytes.ok();
        return;
    };
    cx.error(Code::BadValue, a.span(0), text);
}

/// `status_code`.
pub(crate) fn status_code(cx: &mut Cx<'_>, a: &Args<'_>) {
    for (i, word) in a.from(0).enumerate() {
        match status_range(word) {
            Some(range) => cx.build.lvs.url.url.status.push(range),
            None => {
                let text = format!("status_code '{word}' is invalid - ignoring it");
                let diag = Diag::new(Level::General, Code::BadValue, a.span(i), text);
                cx.report(diag.help("write a status of 100 to 599, or two as 200-299"));
            }
        }
    }
}

fn status_range(word: &str) -> Option<(u16, u16)> {
    let status = |s: &str| {
        let digits = s.len() == 3 && s.bytes().all(|b| b.is_ascii_digit());
        s.parse::<u16>().ok().filter(|n| digits && (100..=599).contains(n))
    };
    let (first, last) = match word.split_once('-') {
        Some((first, last)) => (status(first)?, status(last)?),
        None => (status(word)?, status(word)?),
    };
    (first <= last).then_some((first, last))
}

/// `regex`: one word, with the quotes and escapes of commands.
pub(crate) fn regex(cx: &mut Cx<'_>, a: &Args<'_>) {
    let words = match lex::command_words(a.rest_of_line()) {
        Ok(words) => words,
        Err(text) => {
            cx.error(Code::BadEscape, a.whole(), text);
            return;
        }
    };
    let mut words = words.into_iter();
    let (Some(pattern), None) = (words.next(), words.next()) else {
        let text = "regex takes one pattern; quote it if it has blanks - ignoring";
        cx.error(Code::BadValue, a.whole(), text);
        return;
    };
    let draft = &mut cx.build.lvs.url;
    draft.regex.pattern = pattern;
    if std::mem::replace(&mut draft.pattern, true) {
        cx.error(Code::Duplicate, a.whole(), "regex is given twice - the last one counts");
    }
}

/// A keyword about the pattern: the pattern's settings, to be changed.
pub(crate) fn about_regex<'a>(cx: &'a mut Cx<'_>, a: &Args<'_>) -> &'a mut Regex {
    let draft = &mut cx.build.lvs.url;
    draft.about.get_or_insert(a.whole());
    &mut draft.regex
}

/// `regex_options`.
pub(crate) fn regex_options(cx: &mut Cx<'_>, a: &Args<'_>) {
    for (i, word) in a.from(0).enumerate() {
        if REGEX_OPTIONS.contains(&word) {
            about_regex(cx, a).options.push(word.to_owned());
            continue;
        }
        let text = format!("unknown regex option {word} - ignoring");
        let near = hint::nearest(word, REGEX_OPTIONS.iter().copied());
        let diag = Diag::new(Level::Note, Code::BadValue, a.span(i), text);
        cx.report(diag.maybe_help(near.map(|n| format!("did you mean `{n}`?"))));
    }
}

/// `regex_stack`.
pub(crate) fn regex_stack(cx: &mut Cx<'_>, a: &Args<'_>) {
    let (start, max) = (a.num(0), a.num(1));
    if start > max {
        let text = format!("regex_stack start {start} is greater than max {max} - ignoring");
        cx.error(Code::Conflict, a.whole(), text);
        return;
    }
    about_regex(cx, a).stack = Some((start, max));
}
