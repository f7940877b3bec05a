//! Reads a command line as GNU getopt_long(3) does.
//!
//! Clusters of short options, abbreviated long options, `--name=value` and
//! `--name value`, optional arguments only when attached, and options after
//! other words. Knows no option: the table is the caller's.

/// Whether an option takes an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    /// None.
    No,
    /// Attached or the next word.
    Required,
    /// Attached only.
    Optional,
}

/// What getopt needs to know of an option.
pub trait Spec {
    /// Its letter.
    fn short(&self) -> Option<char>;
    /// Its long name.
    fn long(&self) -> &'static str;
    /// Its argument.
    fn arg(&self) -> Arg;
}

/// One thing found on the command line, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'t, S> {
    /// An option with its argument, and whether its long name was used.
    Option(&'t S, Option<String>, bool),
    /// No such option, or an ambiguous abbreviation: as the user wrote it.
    Unknown(String),
    /// The option lacks its argument: as the user wrote it.
    Missing(String),
    /// A word that is no option.
    Word(String),
}

/// Iterates over a command line, the program's name left out.
pub struct Getopt<'t, S, I> {
    table: &'t [S],
    args: I,
    /// Rest of a cluster of short options.
    cluster: String,
    only_words: bool,
}

impl<'t, S: Spec, I: Iterator<Item = String>> Getopt<'t, S, I> {
    /// Reads `args` by `table`.
    pub fn new(table: &'t [S], args: I) -> Self {
        Getopt { table, args, cluster: String::new(), only_words: false }
    }

    /// The words that have not been read yet.
    pub fn rest(self) -> I {
        self.args
    }

    fn short(&mut self, letter: char) -> Item<'t, S> {
        let Some(spec) = self.table.iter().find(|s| s.short() == Some(letter)) else {
            return Item::Unknown(format!("-{letter}"));
        };
        let mut attached =
            || Some(std::mem::take(&mut self.cluster)).filter(|rest| !rest.is_empty());
        match spec.arg() {
            Arg::No => Item::Option(spec, None, false),
            Arg::Optional => Item::Option(spec, attached(), false),
            Arg::Required => match attached().or_else(|| self.args.next()) {
                Some(value) => Item::Option(spec, Some(value), false),
                None => Item::Missing(format!("-{letter}")),
            },
        }
    }

    fn long(&mut self, word: &str) -> Item<'t, S> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let Some(spec) = self.find_long(name) else { return Item::Unknown(format!("--{word}")) };
        match (spec.arg(), value) {
            (Arg::No, Some(_)) => Item::Unknown(format!("--{word}")),
            (_, Some("")) => Item::Missing(format!("--{}", spec.long())),
            (_, Some(value)) => Item::Option(spec, Some(value.to_owned()), true),
            (Arg::Required, None) => match self.args.next() {
                Some(value) => Item::Option(spec, Some(value), true),
                None => Item::Missing(format!("--{}", spec.long())),
            },
            (_, None) => Item::Option(spec, None, true),
        }
    }

    fn find_long(&self, name: &str) -> Option<&'t S> {
        if let Some(exact) = self.table.iter().find(|s| s.long() == name) {
            return Some(exact);
        }
        let mut fits = self.table.iter().filter(|s| s.long().starts_with(name));
        let first = fits.next()?;
        fits.next().is_none().then_some(first)
    }
}

impl<'t, S: Spec, I: Iterator<Item = String>> Iterator for Getopt<'t, S, I> {
    type Item = Item<'t, S>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(letter) = self.cluster.chars().next() {
            self.cluster.drain(..letter.len_utf8());
            return Some(self.short(letter));
        }
        let word = self.args.next()?;
        if self.only_words || word == "-" || !word.starts_with('-') {
            return Some(Item::Word(word));
        }
        if word == "--" {
            self.only_words = true;
            return self.next();
        }
        if let Some(name) = word.strip_prefix("--") {
            return Some(self.long(name));
        }
        word.strip_prefix('-').unwrap_or_default().clone_into(&mut self.cluster);
        self.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct O(Option<char>, &'static str, Arg);

    impl Spec for O {
        fn short(&self) -> Option<char> {
            self.0
        }
        fn long(&self) -> &'static str {
            self.1
        }
        fn arg(&self) -> Arg {
            self.2
        }
    }

    const TABLE: &[O] = &[
        O(Some('n'), "dont-fork", Arg::No),
        O(Some('l'), "log-console", Arg::No),
        O(Some('f'), "use-file", Arg::Required),
        O(Some('t'), "config-test", Arg::Optional),
        O(None, "config-id", Arg::Required),
    ];

    fn read(line: &str) -> Vec<String> {
        Getopt::new(TABLE, line.split(' ').map(str::to_owned))
            .map(|i| match i {
                Item::Option(o, v, _) => format!("{}={}", o.1, v.unwrap_or("-".into())),
                Item::Unknown(w) => format!("unknown {w}"),
                Item::Missing(w) => format!("missing {w}"),
                Item::Word(w) => format!("word {w}"),
            })
            .collect()
    }

    #[test]
    fn short_options_cluster_and_take_attached_or_next_words() {
        assert_eq!(read("-nlfX"), ["dont-fork=-", "log-console=-", "use-file=X"]);
        assert_eq!(read("-nf X w"), ["dont-fork=-", "use-file=X", "word w"]);
        assert_eq!(read("-tF -t F"), ["config-test=F", "config-test=-", "word F"]);
        assert_eq!(read("-Zn -f"), ["unknown -Z", "dont-fork=-", "missing -f"]);
    }

    #[test]
    fn long_options_may_be_abbreviated_while_that_is_unambiguous() {
        assert_eq!(read("--dont --use=F"), ["dont-fork=-", "use-file=F"]);
        assert_eq!(read("--conf"), ["unknown --conf"]);
        assert_eq!(read("--config-t=x --config-i y"), ["config-test=x", "config-id=y"]);
    }

    #[test]
    fn long_options_check_their_argument() {
        assert_eq!(read("--use-file="), ["missing --use-file"]);
        assert_eq!(read("--use-f"), ["missing --use-file"]);
        assert_eq!(read("--dont-fork=3"), ["unknown --dont-fork=3"]);
    }

    #[test]
    fn options_may_follow_words_until_two_dashes() {
        assert_eq!(read("a -n - -- -l"), ["word a", "dont-fork=-", "word -", "word -l"]);
    }
}
