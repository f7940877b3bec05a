//! The language as data: one table of keywords per block.
//!
//! Owns the table types and the root table. The parser, range checks, "did
//! you mean" and `docs/compat/keywords.md` come from the tables alone.
//!
//! # How to add a keyword
//! One entry in its block's table, one field in the model:
//! ```text
//! kw("vrrp_down_timer_adverts", "Missed adverts after which the master counts as down.")
//!     .args(&[int(1, 100).lenient()])
//!     .default("3")
//!     .invalid("Invalid vrrp_down_timer_adverts [1:100] '{}'")
//!     .acted()
//!     .set(|cx, a| cx.build.config.global.down_timer_adverts = a.num(0)),
//! ```
//! - The arguments are checked before `set` runs; after a bad one the
//!   diagnostic is out and `set` does **not** run (unless [`Keyword::or_clamp`]
//!   or [`Keyword::or_use`] says what to use instead). `a.num(0)`, `a.str(0)`,
//!   `a.flag(0)`, `a.micros(0)`, `a.addr(0)`... read argument 0; the `opt_*`
//!   ones give `None` when an optional argument is absent. See [`crate::args`].
//! - `invalid` is the reference's message for a bad value: `{}` is the bad
//!   word, `{name}` the name of the enclosing block (the first word after its
//!   keyword), `{kw}` the keyword.
//! - A missing required argument is the fatal `*** Configuration line...`
//!   (exit 2), unless [`Keyword::missing`] gives a message of its own.
//! - A keyword without [`Keyword::acted`] logs that it is not acted upon yet.
//! - Script keywords take `SCRIPT` as their only argument: quoting, user and
//!   group are read from the raw line; `a.script()` is the result and
//!   `cx.add_script` enters it in the model.
//! - More to say: `cx.error(Code::Conflict, a.whole(), format!(..))`,
//!   `cx.report(Diag::new(Level::Warning, ..).help(..))`, `cx.note(..)` for
//!   the log only.
//!
//! # How to add a block
//! `static NAME: Block = Block::new("name", &[kw(..), ..])`, more tables with
//! [`Block::with`] (for keywords that several blocks share), and one keyword
//! that opens it: `kw("vrrp_script", "..").args(&[word("NAME")]).block(&NAME)
//! .set(open).close(end)`. `open` sees the words of the opening line and may
//! call `cx.skip_block()`: the whole block is then passed over in silence.
//! When the opening line's arguments are bad the block is skipped by itself.
//! `end` runs at the closing brace (or the end of the text).
//!
//! # How to add a value block
//! `static X: Entries = Entries::lines("ADDR[/LEN] [dev IF]..", entry)` (one
//! entry a line; [`Entries::words`] for one a word) and
//! `kw("virtual_ipaddress", "..").entries(&X)`. `entry(cx, a)` gets all words
//! of the line, argument 0 being the first. Option words come from a table of
//! keywords: `.options(OPTIONS)` names it for the documentation and
//! `cx.options(a, from, OPTIONS, other)` runs it: every word from `from` on is
//! looked up, its arguments are checked and its `set` runs; `other` is called
//! for a word that is no option and says how many words it took (0: stop).
//! The result says whether all was well (else drop the entry).
//! An option with a varying number of words says how many with
//! [`Keyword::takes`].
//!
//! # Checks at the end
//! Functions `fn(&mut Cx)` listed in [`crate::lower::CHECKS`] run in order
//! after the last file, with everything read. Keep a [`crate::source::Span`]
//! with what you build (`a.span(0)`) so that they can point at the line.

pub mod address;
mod arg;
pub mod auth;
pub mod bfd;
pub mod garp;
pub mod global;
pub mod links;
pub mod lvs;
pub mod route;
pub mod rule;
pub mod sync_group;
pub mod track;
pub mod vrrp;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use arg::{
    ADDR, ADDR4, ADDR6, Arg, BOOL, COMMAND, HOST, IFNAME, Kind, Need, PREFIX, SCRIPT, choice,
    choice_any_case, int, secs, thousandths, word,
};

use crate::args::Args;
use crate::lower::Cx;

/// What runs when a line is understood.
pub type Setter = fn(&mut Cx<'_>, &Args<'_>);

/// The keywords at the top level of a configuration.
pub static ROOT: Block = Block::new("root", global::ROOT)
    .with(links::ROOT)
    .with(track::ROOT)
    .with(vrrp::ROOT)
    .with(sync_group::ROOT)
    .with(bfd::ROOT)
    .with(lvs::ROOT);

/// Most tables that make up a block.
const MOST_TABLES: usize = 16;

/// A block's table of keywords.
#[derive(Debug)]
pub struct Block {
    /// Name, as in `docs/compat/keywords.md`.
    pub name: &'static str,
    tables: [&'static [Keyword]; MOST_TABLES],
    index: OnceLock<HashMap<&'static str, &'static Keyword>>,
}

impl Block {
    /// A block with these keywords.
    pub const fn new(name: &'static str, keywords: &'static [Keyword]) -> Self {
        let mut tables: [&[Keyword]; MOST_TABLES] = [&[]; MOST_TABLES];
        tables[0] = keywords;
        Block { name, tables, index: OnceLock::new() }
    }

    /// Adds a table of keywords, one that other blocks have too or one of a
    /// subject of its own.
    pub const fn with(mut self, keywords: &'static [Keyword]) -> Self {
        let mut i = 1;
        while !self.tables[i].is_empty() {
            i += 1;
        }
        self.tables[i] = keywords;
        self
    }

    /// All keywords, in table order.
    pub fn keywords(&self) -> impl Iterator<Item = &'static Keyword> + use<> {
        self.tables.into_iter().flatten()
    }

    /// The keyword of this name.
    pub fn find(&self, name: &str) -> Option<&'static Keyword> {
        let index = self.index.get_or_init(|| {
            let mut index = HashMap::new();
            for keyword in self.keywords() {
                index.entry(keyword.name).or_insert(keyword);
            }
            index
        });
        index.get(name).copied()
    }
}

/// What follows a keyword's own line.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Nothing.
    Leaf,
    /// `{ keywords }`.
    Block(&'static Block),
    /// `{ entries }`.
    Entries(&'static Entries),
}

/// A block whose lines or words are entries rather than keywords.
#[derive(Debug)]
pub struct Entries {
    /// Syntax of one entry, for the documentation.
    pub syntax: &'static str,
    /// Whether each word is an entry, else each line.
    pub per_word: bool,
    /// Option words that an entry may have.
    pub options: &'static [Keyword],
    /// Takes one entry; argument 0 is its first word.
    pub entry: Setter,
    /// The entry is a Q script line: the parser leaves its quotes alone.
    pub script: bool,
}

impl Entries {
    /// One entry a line.
    pub const fn lines(syntax: &'static str, entry: Setter) -> Self {
        Entries { syntax, per_word: false, options: &[], entry, script: false }
    }

    /// One entry a word, in any layout.
    pub const fn words(syntax: &'static str, entry: Setter) -> Self {
        Entries { syntax, per_word: true, options: &[], entry, script: false }
    }

    /// Names the table of option words.
    pub const fn options(mut self, options: &'static [Keyword]) -> Self {
        self.options = options;
        self
    }
}

/// What becomes of a number out of range, after its diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// The line is ignored.
    Ignore,
    /// The nearest allowed value is set.
    Clamp,
    /// This value is set.
    Use(i64),
}

/// What becomes of words after the last parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// They are ignored in silence.
    Silent,
    /// They are ignored with this error.
    Report(&'static str),
    /// The line is ignored with this error.
    Refuse(&'static str),
}

/// One keyword of a block, or one option word of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Keyword {
    /// The word.
    pub name: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Its parameters.
    pub args: &'static [Arg],
    /// The default, as text.
    pub default: &'static str,
    /// Since which version of the reference, when that matters.
    pub since: &'static str,
    /// What to write instead, when deprecated.
    pub deprecated: Option<&'static str>,
    /// Whether deprecation shows in the log alone.
    pub deprecated_quietly: bool,
    /// Whether the program acts on it.
    pub acts: bool,
    /// What follows.
    pub body: Body,
    /// Message for a bad value.
    pub invalid: &'static str,
    /// Message for a missing parameter that is not fatal.
    pub missing: &'static str,
    /// What becomes of further words.
    pub extra: Extra,
    /// What becomes of a bad number.
    pub fallback: Fallback,
    /// Runs when the line is understood.
    pub set: Setter,
    /// Of an option of an entry: how many of the words after it are its own,
    /// where its parameters alone do not tell.
    pub takes: Option<fn(&Args<'_>) -> usize>,
    /// Runs when the block ends.
    pub close: Option<fn(&mut Cx<'_>)>,
}

/// A keyword without parameters that does nothing; the start of an entry.
pub const fn kw(name: &'static str, help: &'static str) -> Keyword {
    Keyword {
        name,
        help,
        args: &[],
        default: "",
        since: "",
        deprecated: None,
        deprecated_quietly: false,
        acts: false,
        body: Body::Leaf,
        invalid: "",
        missing: "",
        extra: Extra::Silent,
        fallback: Fallback::Ignore,
        set: |_, _| (),
        takes: None,
        close: None,
    }
}

/// A table of options and one more; `M` is `N` + 1.
const fn and<const N: usize, const M: usize>(common: [Keyword; N], own: Keyword) -> [Keyword; M] {
    let mut all = [own; M];
    let mut i = 0;
    while i < N {
        all[i] = common[i];
        i += 1;
    }
    all
}

impl Keyword {
    /// Its parameters.
    pub const fn args(mut self, args: &'static [Arg]) -> Self {
        self.args = args;
        self
    }

    /// The default, as text for the documentation.
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = text;
        self
    }

    /// The version of the reference that first had it.
    pub const fn since(mut self, version: &'static str) -> Self {
        self.since = version;
        self
    }

    /// Deprecated: using it is reported at deprecated level with this text
    /// ("use X").
    pub const fn deprecated(mut self, instead: &'static str) -> Self {
        self.deprecated = Some(instead);
        self
    }

    /// Deprecated without an effect on the exit status.
    pub const fn deprecated_quietly(mut self, instead: &'static str) -> Self {
        self.deprecated = Some(instead);
        self.deprecated_quietly = true;
        self
    }

    /// The program acts on it.
    pub const fn acted(mut self) -> Self {
        self.acts = true;
        self
    }

    /// The message for a bad value; `{}` the word, `{name}` the block's name,
    /// `{kw}` the keyword.
    pub const fn invalid(mut self, text: &'static str) -> Self {
        self.invalid = text;
        self
    }

    /// A missing parameter is an error with this message, not fatal.
    pub const fn missing(mut self, text: &'static str) -> Self {
        self.missing = text;
        self
    }

    /// Further words are reported with this message and ignored.
    pub const fn report_extra(mut self, text: &'static str) -> Self {
        self.extra = Extra::Report(text);
        self
    }

    /// Further words make the line ignored, with this message.
    pub const fn refuse_extra(mut self, text: &'static str) -> Self {
        self.extra = Extra::Refuse(text);
        self
    }

    /// After a number out of range the nearest one is set.
    pub const fn or_clamp(mut self) -> Self {
        self.fallback = Fallback::Clamp;
        self
    }

    /// After a bad number this one is set (for times: in microseconds).
    pub const fn or_use(mut self, value: i64) -> Self {
        self.fallback = Fallback::Use(value);
        self
    }

    /// What runs when the line is understood.
    pub const fn set(mut self, set: Setter) -> Self {
        self.set = set;
        self
    }

    /// It opens a block of keywords.
    pub const fn block(mut self, block: &'static Block) -> Self {
        self.body = Body::Block(block);
        self
    }

    /// It opens a block of entries.
    pub const fn entries(mut self, entries: &'static Entries) -> Self {
        self.body = Body::Entries(entries);
        self
    }

    /// Of an option of an entry: how many of the words after it (argument 0
    /// being the first) are its own.
    pub const fn takes(mut self, takes: fn(&Args<'_>) -> usize) -> Self {
        self.takes = Some(takes);
        self
    }

    /// What runs when its block ends.
    pub const fn close(mut self, close: fn(&mut Cx<'_>)) -> Self {
        self.close = Some(close);
        self
    }

    /// Whether its line is read with shell-like quoting.
    pub fn is_script(&self) -> bool {
        matches!(self.args.first(), Some(Arg { kind: Kind::Script { .. }, .. }))
    }
}
