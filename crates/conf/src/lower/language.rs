//! Keywords that act on the language itself: `include_check`, `random_seed`.

use super::Cx;
use crate::args::Args;
use crate::diag::Code;
use crate::expand::include::bits;

/// How keywords talk back to the language.
#[derive(Debug, Default)]
pub struct Language {
    /// Include error bits in force (`include_check`); they revert at the end
    /// of the file that changed them.
    pub include_check: u8,
    /// A seed for `$_RANDOM` that a keyword has just set.
    pub reseed: Option<u64>,
}

/// `include_check [WORDS]`: no word sets all bits, `+word` and `-word` change
/// one, a first plain word sets `read` and itself.
pub fn include_check(cx: &mut Cx<'_>, a: &Args<'_>) {
    if a.is_empty() {
        cx.language.include_check = bits::ALL;
        return;
    }
    for (i, word) in a.from(0).enumerate() {
        let name = word.trim_start_matches(['+', '-']);
        let bit = match name {
            "read" => bits::READ,
            "match" => bits::MATCH,
            "wildcard_match" => bits::WILDCARD,
            "brace_match" => bits::BRACE,
            _ => {
                let text = format!("Unknown include_check type '{word}' - ignoring");
                cx.error(Code::IncludeCheck, a.span(i), text);
                continue;
            }
        };
        match word.as_bytes().first() {
            Some(b'+') => cx.language.include_check |= bit,
            Some(b'-') => cx.language.include_check &= !bit,
            _ if i == 0 => cx.language.include_check = bits::READ | bit,
            _ => {
                let text = format!("Duplicate include_check type '{word}' - ignoring");
                cx.error(Code::IncludeCheck, a.span(i), text);
            }
        }
    }
}
