//! The words of a line as a keyword's parameters.
//!
//! Owns checking words against [`Arg`]s and the typed access that setters
//! use. Never changes the model.

use std::net::IpAddr;

use types::{Family, Prefix};

use crate::diag::Code;
use crate::grammar::{Arg, Fallback, Kind};
use crate::lex::{ScriptLine, Word};
use crate::source::{Line, Span};
use crate::value::{self, IntStyle, Read};

/// A checked parameter. Words are read from the line when asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Word,
    Bool(bool),
    Int(i64),
    Units(u64),
    Choice(usize),
    Addr(IpAddr),
    Prefix(Prefix),
}

/// A line's words as parameters; number 0 is the first after the keyword (of
/// an entry: its first word).
#[derive(Debug, Clone, Copy)]
pub struct Args<'t> {
    pub(crate) line: Line<'t>,
    pub(crate) keyword: Word,
    pub(crate) words: &'t [Word],
    pub(crate) values: &'t [Value],
    pub(crate) script: Option<&'t ScriptLine>,
}

impl<'t> Args<'t> {
    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The keyword.
    pub fn name(&self) -> &'t str {
        self.keyword.text(self.line.text)
    }

    /// Word `i`, if there.
    pub fn get(&self, i: usize) -> Option<&'t str> {
        self.words.get(i).map(|w| w.text(self.line.text))
    }

    /// Word `i`, or nothing.
    pub fn str(&self, i: usize) -> &'t str {
        self.get(i).unwrap_or("")
    }

    /// Word `i` as a string of its own.
    pub fn string(&self, i: usize) -> String {
        self.str(i).to_owned()
    }

    /// Word `i` as a string of its own, if there.
    pub fn opt_string(&self, i: usize) -> Option<String> {
        self.get(i).map(str::to_owned)
    }

    /// All words from `i` on.
    pub fn from(&self, i: usize) -> impl Iterator<Item = &'t str> + use<'t> {
        let line = self.line;
        self.words.get(i..).unwrap_or(&[]).iter().map(move |w| w.text(line.text))
    }

    /// All values from `i` on as integers (of a `rest` parameter).
    pub fn nums<T: TryFrom<i64>>(&self, i: usize) -> impl Iterator<Item = T> {
        self.values.get(i..).unwrap_or(&[]).iter().filter_map(|v| match v {
            Value::Int(n) => T::try_from(*n).ok(),
            _ => None,
        })
    }

    /// The words from `i` on as arguments of their own.
    pub fn skip(&self, i: usize) -> Args<'t> {
        let values = self.values.get(i..).unwrap_or(&[]);
        Args { words: self.words.get(i..).unwrap_or(&[]), values, ..*self }
    }

    /// Boolean `i`; on when left out.
    pub fn flag(&self, i: usize) -> bool {
        !matches!(self.values.get(i), Some(Value::Bool(false)))
    }

    /// Integer `i`, if there.
    pub fn opt_num<T: TryFrom<i64>>(&self, i: usize) -> Option<T> {
        match self.values.get(i) {
            Some(Value::Int(n)) => T::try_from(*n).ok(),
            _ => None,
        }
    }

    /// Integer `i`; zero when it is absent or does not fit, which the range of
    /// the table should exclude.
    pub fn num<T: TryFrom<i64> + Default>(&self, i: usize) -> T {
        self.opt_num(i).unwrap_or_default()
    }

    /// Decimal `i` in units of its last place, if there.
    pub fn opt_units(&self, i: usize) -> Option<u64> {
        match self.values.get(i) {
            Some(Value::Units(n)) => Some(*n),
            _ => None,
        }
    }

    /// Time `i` of a [`crate::grammar::secs`] parameter.
    pub fn secs(&self, i: usize) -> std::time::Duration {
        std::time::Duration::from_micros(self.opt_units(i).unwrap_or(0))
    }

    /// Time `i` of a [`crate::grammar::secs`] parameter, if there.
    pub fn opt_secs(&self, i: usize) -> Option<std::time::Duration> {
        self.opt_units(i).map(std::time::Duration::from_micros)
    }

    /// Which of the choices word `i` is.
    pub fn choice(&self, i: usize) -> usize {
        self.opt_choice(i).unwrap_or(0)
    }

    /// Which of the choices word `i` is, if there.
    pub fn opt_choice(&self, i: usize) -> Option<usize> {
        match self.values.get(i) {
            Some(Value::Choice(n)) => Some(*n),
            _ => None,
        }
    }

    /// Address `i`, if there.
    pub fn addr(&self, i: usize) -> Option<IpAddr> {
        match self.values.get(i) {
            Some(Value::Addr(a)) => Some(*a),
            Some(Value::Prefix(p)) => Some(p.addr),
            _ => None,
        }
    }

    /// Prefix `i`, if there.
    pub fn prefix(&self, i: usize) -> Option<Prefix> {
        match self.values.get(i) {
            Some(Value::Prefix(p)) => Some(*p),
            Some(Value::Addr(a)) => Some(Prefix::host(*a)),
            _ => None,
        }
    }

    /// The command of a script keyword.
    pub fn script(&self) -> Option<&'t ScriptLine> {
        self.script
    }

    /// Where word `i` stands; the whole line when there is none.
    pub fn span(&self, i: usize) -> Span {
        match self.words.get(i) {
            Some(w) => w.span(&self.line),
            None => self.whole(),
        }
    }

    /// Where the keyword stands.
    pub fn keyword_span(&self) -> Span {
        self.keyword.span(&self.line)
    }

    /// Where the keyword and its words stand.
    pub fn whole(&self) -> Span {
        let end = self.words.last().map_or(self.keyword.end, |w| w.end);
        self.line.span(self.keyword.start as usize, end as usize)
    }

    /// The text after the keyword, quotes and all.
    pub(crate) fn rest_of_line(&self) -> &'t str {
        let from = self.keyword.end as usize + usize::from(self.keyword.quoted);
        self.line.text.get(from..).unwrap_or("")
    }

    /// The text of the whole line.
    pub fn line_text(&self) -> &'t str {
        self.line.text
    }
}

/// Why a word is not what its parameter wants.
#[derive(Debug)]
pub(crate) struct Bad {
    pub code: Code,
    /// In the reference's words; one message a line.
    pub cause: Option<String>,
    /// The value to use all the same.
    pub instead: Option<Value>,
}

/// A checked word, or why not.
pub(crate) type Checked = Result<Read<Value>, Bad>;

/// Checks `word` against `arg`. `test` is a configuration test, in which no
/// number is lenient.
pub(crate) fn check(arg: &Arg, word: &str, fallback: Fallback, test: bool) -> Checked {
    let bad = |code| Bad { code, cause: None, instead: None };
    let fine = |value| Ok(Read { value, remark: None });
    match arg.kind {
        Kind::Word | Kind::Script { .. } => fine(Value::Word),
        Kind::Bool => {
            value::boolean(word).map_or(Err(bad(Code::BadValue)), |b| fine(Value::Bool(b)))
        }
        Kind::Int { min, max, lenient, any_base } => {
            let style = IntStyle { lenient: lenient && !test, any_base };
            match value::integer(word, min, max, style) {
                Ok(read) => Ok(Read { value: Value::Int(read.value), remark: read.remark }),
                Err(cause) => {
                    let instead = int_fallback(word, min, max, fallback);
                    Err(Bad { code: Code::BadNumber, cause: Some(cause), instead })
                }
            }
        }
        Kind::Decimal { min, max, places } => match value::decimal(word, min, max, places) {
            Ok(read) => Ok(Read { value: Value::Units(read.value), remark: read.remark }),
            Err(cause) => {
                let instead = match fallback {
                    Fallback::Ignore => None,
                    Fallback::Use(v) => Some(Value::Units(u64::try_from(v).unwrap_or(0))),
                    Fallback::Clamp => {
                        let read = value::decimal(word, 0, u64::MAX, places).ok();
                        read.map(|r| Value::Units(r.value.clamp(min, max)))
                    }
                };
                Err(Bad { code: Code::BadNumber, cause: Some(cause), instead })
            }
        },
        Kind::Choice(words) => match words.iter().position(|w| *w == word) {
            Some(i) => fine(Value::Choice(i)),
            None => Err(bad(Code::BadValue)),
        },
        Kind::ChoiceAnyCase(words) => {
            match words.iter().position(|w| w.eq_ignore_ascii_case(word)) {
                Some(i) => fine(Value::Choice(i)),
                None => Err(bad(Code::BadValue)),
            }
        }
        Kind::Addr(family) => match value::address(word) {
            Some(a) if family.is_none_or(|f| f == Family::of(a)) => fine(Value::Addr(a)),
            Some(_) => Err(bad(Code::BadFamily)),
            None => Err(bad(Code::BadAddress)),
        },
        Kind::Host => match value::host(word) {
            Some(read) => Ok(Read { value: Value::Addr(read.value), remark: read.remark }),
            None => Err(bad(Code::BadAddress)),
        },
        Kind::Prefix => match value::prefix(word) {
            Ok(p) => fine(Value::Prefix(p)),
            Err(cause) => Err(Bad { code: Code::BadAddress, cause: Some(cause), instead: None }),
        },
        Kind::IfName => match word.len() {
            1..=15 => fine(Value::Word),
            _ => Err(bad(Code::BadValue)),
        },
    }
}

fn int_fallback(word: &str, min: i64, max: i64, fallback: Fallback) -> Option<Value> {
    match fallback {
        Fallback::Ignore => None,
        Fallback::Use(v) => Some(Value::Int(v)),
        Fallback::Clamp => {
            let style = IntStyle { lenient: true, any_base: false };
            let read = value::integer(word, i64::MIN, i64::MAX, style).ok()?;
            Some(Value::Int(read.value.clamp(min, max)))
        }
    }
}
