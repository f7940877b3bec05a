//! One keyword and its words: check the words, report, call the setter.
//!
//! Owns the standard diagnostics of parameters. The tables say what is
//! allowed; the setters say what it means.

use crate::args::{self, Args, Bad, Value};
use crate::diag::{Code, Diag, Level};
use crate::grammar::{Arg, Extra, Keyword, Kind, Need, Setter};
use crate::hint;
use crate::lex::{self, Word};
use crate::lower::Cx;
use crate::source::Line;

/// Checks `words` against the parameters of `keyword` and runs its setter.
/// The result says whether the setter ran.
pub(crate) fn keyword(
    cx: &mut Cx<'_>,
    keyword: &'static Keyword,
    line: Line<'_>,
    name: Word,
    words: &[Word],
    values: &mut Vec<Value>,
) -> bool {
    values.clear();
    let mut a = Args { line, keyword: name, words, values: &[], script: None };
    remarks(cx, keyword, &a);
    if keyword.is_script() {
        return script(cx, keyword, a);
    }
    if !check_words(cx, keyword, &a, values) || !check_extra(cx, keyword, &a) {
        return false;
    }
    a.values = values;
    run(cx, keyword.set, &a);
    true
}

/// Calls a setter, and says of the words that it finds fault with what is odd
/// about them.
pub(crate) fn run(cx: &mut Cx<'_>, set: Setter, a: &Args<'_>) {
    let mark = cx.sink.mark();
    set(cx, a);
    for diag in cx.sink.since(mark) {
        let words = (0..a.len()).filter(|i| a.span(*i) == diag.span);
        let odd = words.filter_map(|i| hint::suspicious(a.str(i)));
        let odd: Vec<String> = odd.filter(|text| !diag.help.contains(text)).collect();
        diag.help.extend(odd);
    }
}

/// Deprecation, and that it is not acted upon yet.
fn remarks(cx: &mut Cx<'_>, keyword: &'static Keyword, a: &Args<'_>) {
    if let Some(instead) = keyword.deprecated {
        let text = format!("'{}' is deprecated - {instead}", keyword.name);
        let level = if keyword.deprecated_quietly { Level::Note } else { Level::Deprecated };
        cx.report(Diag::new(level, Code::Deprecated, a.keyword_span(), text));
    }
    if !keyword.acts && cx.quiet == 0 {
        cx.note_not_yet(keyword, a.keyword_span());
    }
}

fn script(cx: &mut Cx<'_>, keyword: &'static Keyword, a: Args<'_>) -> bool {
    match lex::script_line(&a.line, a.keyword) {
        Ok(Some(mut script)) => {
            let takes_user =
                matches!(keyword.args.first(), Some(Arg { kind: Kind::Script { user: true }, .. }));
            if !takes_user && script.user.take().is_some() {
                script.group = None;
                let text = format!("{}: what follows the command is ignored", keyword.name);
                let diag = Diag::new(Level::Note, Code::ExtraWords, a.whole(), text);
                cx.report(diag.help("quote command and arguments together: \"/path/x a b\""));
            }
            run(cx, keyword.set, &Args { script: Some(&script), ..a });
            true
        }
        Ok(None) if keyword.args.first().is_some_and(|arg| arg.need == Need::Optional) => {
            (keyword.set)(cx, &a);
            true
        }
        Ok(None) => {
            missing(cx, keyword, &a, 0);
            false
        }
        Err(text) => {
            let quote = text.contains("missing terminating");
            let code = if quote { Code::UnmatchedQuote } else { Code::BadEscape };
            cx.error(code, a.line.whole(), text);
            false
        }
    }
}

/// Checks each word against its parameter; `false` when the line is ignored.
fn check_words(
    cx: &mut Cx<'_>,
    keyword: &'static Keyword,
    a: &Args<'_>,
    values: &mut Vec<Value>,
) -> bool {
    let mut i = 0;
    for arg in keyword.args {
        let count = match arg.need {
            Need::Required | Need::Optional => 1,
            Need::Rest(least) => a.len().saturating_sub(i).max(usize::from(least)),
        };
        for _ in 0..count {
            let Some(word) = a.get(i) else {
                if arg.need == Need::Optional {
                    return true;
                }
                missing(cx, keyword, a, i);
                return false;
            };
            match args::check(arg, word, keyword.fallback, cx.test) {
                Ok(read) => {
                    if let Some(remark) = read.remark {
                        let level = match read.value {
                            Value::Int(_) | Value::Addr(_) => Level::Note,
                            _ => Level::InvalidNumber,
                        };
                        cx.report(Diag::new(level, Code::BadNumber, a.span(i), remark));
                    }
                    values.push(read.value);
                }
                Err(bad) => match refuse(cx, keyword, a, i, bad) {
                    Some(value) => values.push(value),
                    None => return false,
                },
            }
            i += 1;
        }
    }
    true
}

/// Reports a bad word; the value to use all the same, if any.
fn refuse(
    cx: &mut Cx<'_>,
    keyword: &'static Keyword,
    a: &Args<'_>,
    i: usize,
    bad: Bad,
) -> Option<Value> {
    let word = a.str(i);
    let text = message(keyword, cx.block_name(), word);
    let mut diag = Diag::new(Level::General, bad.code, a.span(i), text);
    diag.cause = bad.cause;
    diag.help.extend(hint::bad_word(keyword.args.get(i), word));
    cx.report(diag);
    bad.instead
}

/// The keyword's own message for a bad word.
fn message(keyword: &Keyword, name: &str, word: &str) -> String {
    let template = match keyword.invalid {
        "" => "{kw} '{}' is invalid - ignoring",
        own => own,
    };
    template.replace("{kw}", keyword.name).replace("{name}", name).replacen("{}", word, 1)
}

fn missing(cx: &mut Cx<'_>, keyword: &'static Keyword, a: &Args<'_>, i: usize) {
    let syntax = format!("the form is `{} {}`", keyword.name, crate::docs::syntax(keyword));
    if !keyword.missing.is_empty() {
        let text = message(&Keyword { invalid: keyword.missing, ..*keyword }, cx.block_name(), "");
        let diag = Diag::new(Level::General, Code::MissingParameter, a.whole(), text);
        cx.report(diag.help(syntax));
        return;
    }
    let last = match i.checked_sub(1).and_then(|last| a.get(last)) {
        Some(word) => word,
        None => keyword.name,
    };
    missing_parameter(cx, a, last, i, &syntax);
}

/// The fatal report that word `i` after the keyword is missing, the one after
/// `last`.
pub(crate) fn missing_parameter(cx: &mut Cx<'_>, a: &Args<'_>, last: &str, i: usize, syntax: &str) {
    let first = a.line.text.split([' ', '\t']).next().unwrap_or("");
    let text = format!(
        "*** Configuration line starting '{first}' is missing a parameter after keyword \
         '{last}' at word position {}",
        i + 2
    );
    cx.sink.missing_parameter = true;
    let diag = Diag::new(Level::MissingParameter, Code::MissingParameter, a.whole(), text);
    cx.report(diag.help(syntax));
}

fn check_extra(cx: &mut Cx<'_>, keyword: &'static Keyword, a: &Args<'_>) -> bool {
    let takes_all = keyword.args.iter().any(|arg| matches!(arg.need, Need::Rest(_)));
    let Some(word) = a.get(keyword.args.len()).filter(|_| !takes_all) else { return true };
    let template = match keyword.extra {
        Extra::Silent => return true,
        Extra::Report(t) | Extra::Refuse(t) => t,
    };
    let text = message(&Keyword { invalid: template, ..*keyword }, cx.block_name(), word);
    cx.error(Code::ExtraWords, a.span(keyword.args.len()), text);
    matches!(keyword.extra, Extra::Report(_))
}

/// Runs the option words of an entry; see [`Cx::options`].
pub(crate) fn options(
    cx: &mut Cx<'_>,
    a: &Args<'_>,
    from: usize,
    table: &'static [Keyword],
    other: fn(&mut Cx<'_>, &Args<'_>) -> usize,
) -> bool {
    let mut well = true;
    let mut values = Vec::new();
    let mut i = from;
    while let Some(word) = a.get(i) {
        let Some(option) = table.iter().find(|k| k.name == word) else {
            let mark = cx.sink.mark();
            let taken = other(cx, &a.skip(i));
            near_option(cx, mark, word, table);
            if taken == 0 {
                return false;
            }
            i += taken;
            continue;
        };
        let taken = option_words(option, a, i + 1, cx.test);
        let name = a.words.get(i).copied().unwrap_or(a.keyword);
        let words = a.words.get(i + 1..i + 1 + taken).unwrap_or(&[]);
        well &= keyword(cx, option, a.line, name, words, &mut values);
        i += 1 + taken;
    }
    well
}

/// Names the option that an unknown one is near to.
fn near_option(cx: &mut Cx<'_>, mark: usize, word: &str, table: &'static [Keyword]) {
    if !cx.sink.wants_hints() {
        return;
    }
    let unknown = |d: &&mut Diag| d.code == Code::UnknownKeyword && d.help.is_empty();
    for diag in cx.sink.since(mark).iter_mut().filter(unknown) {
        let near = hint::nearest(word, table.iter().map(|k| k.name));
        diag.help.extend(near.map(|near| format!("did you mean `{near}`?")));
    }
}

/// How many words after an option are its own: an optional one only if it is
/// what the option takes.
fn option_words(option: &Keyword, a: &Args<'_>, from: usize, test: bool) -> usize {
    if let Some(takes) = option.takes {
        return takes(&a.skip(from));
    }
    let mut n = 0;
    for arg in option.args {
        let Some(word) = a.get(from + n) else { break };
        let takes = match arg.need {
            Need::Required => true,
            Need::Rest(_) => return a.len().saturating_sub(from),
            Need::Optional => args::check(arg, word, option.fallback, test).is_ok(),
        };
        n += usize::from(takes);
    }
    n
}
