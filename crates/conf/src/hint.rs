//! What to do about it: near keywords, where a keyword is valid, characters
//! that look like others, placeholders that were not filled in.

use std::sync::OnceLock;

use crate::diag::{Code, Diag, Level};
use crate::grammar::{self, Arg, Block, Body, Kind};
use crate::lower::Cx;
use crate::source::Line;

/// Help for a word that is no keyword of `block`.
pub(crate) fn unknown_keyword(word: &str, block: &'static Block) -> Vec<String> {
    let mut help: Vec<String> = suspicious(word).into_iter().collect();
    if let Some(near) = nearest(word, block.keywords().map(|k| k.name)) {
        help.push(format!("did you mean `{near}`?"));
    }
    let places = valid_in(word);
    if !places.is_empty() {
        help.push(format!("`{word}` is valid {}", places.join(", ")));
    } else if help.is_empty() {
        let all = every_block().iter().flat_map(|b| b.keywords()).map(|k| k.name);
        if let Some(near) = nearest(word, all) {
            let places = valid_in(near).join(", ");
            help.push(format!("did you mean `{near}`? It is valid {places}"));
        }
    }
    help
}

/// Help for a word that its parameter does not take.
pub(crate) fn bad_word(arg: Option<&Arg>, word: &str) -> Vec<String> {
    let mut help: Vec<String> = suspicious(word).into_iter().collect();
    match arg.map(|a| a.kind) {
        Some(Kind::Choice(words) | Kind::ChoiceAnyCase(words)) => {
            match nearest(word, words.iter().copied()) {
                Some(near) => help.push(format!("did you mean `{near}`?")),
                None => help.push(format!("use one of {}", words.join(", "))),
            }
        }
        Some(Kind::Bool) => help.push("use on, true or yes; or off, false or no".into()),
        Some(Kind::IfName) => help.push("an interface name has 1 to 15 bytes".into()),
        Some(
            Kind::Int { .. } | Kind::Decimal { .. } | Kind::Addr(_) | Kind::Host | Kind::Prefix,
        ) if help.is_empty() && is_capitals(word) => {
            help.push(format!("`{word}` looks like a placeholder that was not filled in"));
        }
        _ => {}
    }
    help
}

/// What is odd about a word, if anything is: an undefined variable, a
/// placeholder, a character that is not what it looks like.
pub(crate) fn suspicious(word: &str) -> Option<String> {
    if let Some(odd) = word.chars().find_map(|c| look_alike(c).map(|what| (c, what))) {
        return Some(describe(odd.0, odd.1));
    }
    if let Some(at) = word.find('$') {
        let name: String = word[at + 1..]
            .trim_start_matches('{')
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        if !name.is_empty() {
            return Some(format!("`${name}` is not defined, so it stands there as it is"));
        }
    }
    placeholder(word).then(|| format!("`{word}` looks like a placeholder that was not filled in"))
}

fn placeholder(word: &str) -> bool {
    let inner = |open: &str, close: &str| {
        word.strip_prefix(open).and_then(|w| w.strip_suffix(close)).is_some_and(|w| {
            !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-. ".contains(&b))
        })
    };
    inner("<", ">") || inner("@", "@") || inner("%", "%") || inner("__", "__")
}

fn is_capitals(word: &str) -> bool {
    word.len() > 1
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit())
}

fn describe(c: char, like: &str) -> String {
    format!("`{c}` (U+{:04X}) looks like {like} but is another character; type it anew", c as u32)
}

/// What ASCII text a character is easily taken for.
fn look_alike(c: char) -> Option<&'static str> {
    if c.is_ascii() {
        return None;
    }
    const LETTERS: &[(&str, &str)] = &[
        ("аɑα", "`a`"),
        ("в", "`b`"),
        ("сϲ", "`c`"),
        ("ԁ", "`d`"),
        ("еҽ", "`e`"),
        ("ɡ", "`g`"),
        ("һ", "`h`"),
        ("іıι", "`i`"),
        ("ј", "`j`"),
        ("кκ", "`k`"),
        ("ӏ", "`l`"),
        ("оοօ", "`o`"),
        ("рρ", "`p`"),
        ("ԛ", "`q`"),
        ("г", "`r`"),
        ("ѕ", "`s`"),
        ("тτ", "`t`"),
        ("υ", "`u`"),
        ("ѵν", "`v`"),
        ("ԝ", "`w`"),
        ("хχ", "`x`"),
        ("уγ", "`y`"),
        ("АΑ", "`A`"),
        ("ВΒ", "`B`"),
        ("СϹ", "`C`"),
        ("ЕΕ", "`E`"),
        ("НΗ", "`H`"),
        ("ІΙ", "`I`"),
        ("Ј", "`J`"),
        ("КΚ", "`K`"),
        ("МΜ", "`M`"),
        ("Ν", "`N`"),
        ("ОΟ", "`O`"),
        ("РΡ", "`P`"),
        ("Ѕ", "`S`"),
        ("ТΤ", "`T`"),
        ("ХΧ", "`X`"),
        ("УΥ", "`Y`"),
        ("ΖᏃ", "`Z`"),
    ];
    match c {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ff02}' => Some("a double quote"),
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{2032}' => Some("a single quote"),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Some("a blank")
        }
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => Some("nothing at all"),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some("a hyphen"),
        '\u{ff01}'..='\u{ff5e}' => Some("an ASCII character"),
        _ => LETTERS.iter().find(|(set, _)| set.contains(c)).map(|(_, like)| *like),
    }
}

/// Names the first look-alike character of a line that has non-ASCII text:
/// quotes and blanks always, letters only in words that mix them with ASCII.
pub(crate) fn check_line(cx: &mut Cx<'_>, line: &Line<'_>) {
    for (at, c) in line.text.char_indices() {
        let Some(like) = look_alike(c) else { continue };
        if c.is_alphabetic() && !in_ascii_word(line.text, at, c) {
            continue;
        }
        let span = line.span(at, at + c.len_utf8());
        cx.report(Diag::new(Level::Note, Code::LookAlike, span, describe(c, like)));
        return;
    }
}

fn in_ascii_word(text: &str, at: usize, c: char) -> bool {
    let letter = |c: &char| c.is_alphanumeric() || *c == '_';
    let before = text[..at].chars().rev().take_while(letter);
    let after = text[at + c.len_utf8()..].chars().take_while(letter);
    before.chain(after).any(|c| c.is_ascii_alphabetic())
}

/// Where `word` is a keyword: "at the top level", "in global_defs".
fn valid_in(word: &str) -> Vec<String> {
    let mut places: Vec<String> = Vec::new();
    for block in every_block().iter().filter(|b| b.find(word).is_some()) {
        let place = match block.name {
            "root" => "at the top level".to_owned(),
            name => format!("in {name}"),
        };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// All blocks of keywords, the root first.
pub(crate) fn every_block() -> &'static [&'static Block] {
    static BLOCKS: OnceLock<Vec<&'static Block>> = OnceLock::new();
    BLOCKS.get_or_init(|| {
        let mut blocks: Vec<&'static Block> = vec![&grammar::ROOT];
        let mut i = 0;
        while let Some(block) = blocks.get(i).copied() {
            for keyword in block.keywords() {
                if let Body::Block(inner) = keyword.body
                    && !blocks.iter().any(|b| std::ptr::eq(*b, inner))
                {
                    blocks.push(inner);
                }
            }
            i += 1;
        }
        blocks
    })
}

/// The candidate nearest to `word`, if one is near enough to be meant.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    if word.is_empty() || word.len() > 64 {
        return None;
    }
    let word: Vec<char> = word.chars().map(|c| c.to_ascii_lowercase()).collect();
    let limit = (word.len() / 3).clamp(1, 4);
    let mut rows = [Vec::new(), Vec::new(), Vec::new()];
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.filter(|c| c.len().abs_diff(word.len()) <= limit) {
        let d = distance(&word, candidate, &mut rows);
        if d <= limit && best.is_none_or(|(least, _)| d < least) {
            best = Some((d, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Edit distance with transpositions (optimal string alignment), whatever the
/// case of ASCII letters. `rows` are its working space.
fn distance(a: &[char], b: &str, rows: &mut [Vec<usize>; 3]) -> usize {
    let [before, last, row] = rows;
    let length = b.chars().count();
    last.clear();
    last.extend(0..=length);
    for (i, x) in a.iter().enumerate() {
        row.clear();
        row.push(i + 1);
        let mut left = None;
        for (j, y) in b.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
            let mut best = (last[j] + usize::from(*x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && left == Some(*x) && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
            left = Some(y);
        }
        std::mem::swap(before, last);
        std::mem::swap(last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let distance = |a: &str, b| {
            let a: Vec<char> = a.chars().collect();
            distance(&a, b, &mut Default::default())
        };
        assert_eq!(distance("abcd", "abdc"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("state", "STATE"), 0);
        let words = ["virtual_ipaddress", "virtual_routes", "state"];
        assert_eq!(nearest("virtual_ipadress", words.into_iter()), Some("virtual_ipaddress"));
        assert_eq!(nearest("stat", words.into_iter()), Some("state"));
        assert_eq!(nearest("interface", words.into_iter()), None);
    }

    #[test]
    fn odd_words_are_named() {
        assert!(suspicious("st\u{430}te").unwrap().contains("U+0430"));
        assert!(suspicious("<VIP>").unwrap().contains("placeholder"));
        assert!(suspicious("$NONE").unwrap().contains("`$NONE` is not defined"));
        assert!(suspicious("10\u{2013}20").unwrap().contains("a hyphen"));
        assert_eq!(suspicious("plain"), None);
    }
}
