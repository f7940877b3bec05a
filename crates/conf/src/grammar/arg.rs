//! The parameters of keywords: what each may be and whether it must be there.
//!
//! Owns the kinds and the short names that the tables use. [`crate::args`]
//! checks words against them.

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub struct Arg {
    /// What it may be.
    pub kind: Kind,
    /// What the documentation calls it.
    pub meta: &'static str,
    /// Whether it must be there.
    pub need: Need,
}

/// Whether a parameter must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Yes.
    Required,
    /// No.
    Optional,
    /// It takes all further words, at least this many.
    Rest(u8),
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any word.
    Word,
    /// `true on yes false off no`.
    Bool,
    /// An integer.
    Int {
        /// Least.
        min: i64,
        /// Most.
        max: i64,
        /// Trailing garbage is a warning.
        lenient: bool,
        /// `0x` and `0` choose the base.
        any_base: bool,
    },
    /// A decimal number of seconds or milliseconds; the value is in units of
    /// 10^-`places`.
    Decimal {
        /// Least, in those units.
        min: u64,
        /// Most, in those units.
        max: u64,
        /// Decimal places.
        places: u32,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words in any case.
    ChoiceAnyCase(&'static [&'static str]),
    /// An address, of one family if one is named.
    Addr(Option<types::Family>),
    /// An address; a prefix length or the end of a range is cut off.
    Host,
    /// An address with an optional prefix length.
    Prefix,
    /// An interface name of at most 15 bytes; existence is not checked.
    IfName,
    /// A script with optional user and group, read from the raw line.
    Script {
        /// Whether USER and GROUP may follow.
        user: bool,
    },
}

const fn arg(kind: Kind, meta: &'static str) -> Arg {
    Arg { kind, meta, need: Need::Required }
}

/// Any word.
pub const fn word(meta: &'static str) -> Arg {
    arg(Kind::Word, meta)
}

/// An integer in `min..=max`, decimal, strict.
pub const fn int(min: i64, max: i64) -> Arg {
    arg(Kind::Int { min, max, lenient: false, any_base: false }, "N")
}

/// A time in seconds with six decimals, in `min..=max` microseconds.
pub const fn secs(min: u64, max: u64) -> Arg {
    arg(Kind::Decimal { min, max, places: 6 }, "SECONDS")
}

/// A time in seconds or milliseconds with three decimals, in `min..=max`
/// thousandths.
pub const fn thousandths(min: u64, max: u64) -> Arg {
    arg(Kind::Decimal { min, max, places: 3 }, "TIME")
}

/// A boolean that may be left out, meaning on.
pub const BOOL: Arg = Arg { kind: Kind::Bool, meta: "BOOL", need: Need::Optional };

/// One of a few words.
pub const fn choice(words: &'static [&'static str]) -> Arg {
    arg(Kind::Choice(words), "")
}

/// One of a few words, in any case.
pub const fn choice_any_case(words: &'static [&'static str]) -> Arg {
    arg(Kind::ChoiceAnyCase(words), "")
}

/// An address of either family.
pub const ADDR: Arg = arg(Kind::Addr(None), "ADDR");

/// An IPv4 address.
pub const ADDR4: Arg = arg(Kind::Addr(Some(types::Family::V4)), "IPV4");

/// An IPv6 address.
pub const ADDR6: Arg = arg(Kind::Addr(Some(types::Family::V6)), "IPV6");

/// An address of either family, of which a prefix length or the end of a range
/// is cut off.
pub const HOST: Arg = arg(Kind::Host, "ADDR");

/// An address with an optional prefix length.
pub const PREFIX: Arg = arg(Kind::Prefix, "ADDR[/LEN]");

/// An interface name.
pub const IFNAME: Arg = arg(Kind::IfName, "IF");

/// A script with optional user and group.
pub const SCRIPT: Arg = arg(Kind::Script { user: true }, "SCRIPT [USER [GROUP]]");

/// A script alone.
pub const COMMAND: Arg = arg(Kind::Script { user: false }, "SCRIPT");

impl Arg {
    /// It may be left out.
    pub const fn opt(mut self) -> Self {
        self.need = Need::Optional;
        self
    }

    /// It takes all further words, at least `n`.
    pub const fn rest(mut self, n: u8) -> Self {
        self.need = Need::Rest(n);
        self
    }

    /// What the documentation calls it.
    pub const fn meta(mut self, meta: &'static str) -> Self {
        self.meta = meta;
        self
    }

    /// Trailing garbage after an integer is a warning (an error under `-t`).
    pub const fn lenient(mut self) -> Self {
        if let Kind::Int { min, max, any_base, .. } = self.kind {
            self.kind = Kind::Int { min, max, lenient: true, any_base };
        }
        self
    }

    /// `0x` and a leading `0` choose the base, as in C.
    pub const fn any_base(mut self) -> Self {
        if let Kind::Int { min, max, lenient, .. } = self.kind {
            self.kind = Kind::Int { min, max, lenient, any_base: true };
        }
        self
    }
}
