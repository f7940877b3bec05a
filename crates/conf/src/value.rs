//! Numbers, times and booleans as the language writes them.
//!
//! Owns their syntax and the reference's wording of what is wrong with one.
//! Knows nothing of keywords.

use std::net::IpAddr;

use types::{Family, Prefix};

/// A number together with what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read<T> {
    /// The value.
    pub value: T,
    /// Said although the value is used.
    pub remark: Option<String>,
}

/// `true on yes` or `false off no`, exactly.
pub fn boolean(word: &str) -> Option<bool> {
    match word {
        "true" | "on" | "yes" => Some(true),
        "false" | "off" | "no" => Some(false),
        _ => None,
    }
}

/// How an integer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntStyle {
    /// Trailing garbage is a warning, not an error (never under `-t`).
    pub lenient: bool,
    /// `0x` and leading `0` choose the base, as C does.
    pub any_base: bool,
}

/// Reads an integer in `min..=max`.
///
/// # Errors
/// What is wrong, in the reference's words.
pub fn integer(word: &str, min: i64, max: i64, style: IntStyle) -> Result<Read<i64>, String> {
    let text = word.trim_start_matches([' ', '\t']);
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) = base_of(digits, style.any_base);
    let end = digits.find(|c: char| !c.is_digit(base)).unwrap_or(digits.len());
    let (number, garbage) = digits.split_at(end);
    let magnitude = number.chars().try_fold(0i128, |n, c| {
        let n = n * i128::from(base) + i128::from(c.to_digit(base)?);
        (n < 1 << 80).then_some(n)
    });
    if number.is_empty() && !text.is_empty() {
        return Err(format!("invalid number '{word}'"));
    }
    let value = magnitude.map(|m| if negative { -m } else { m });
    let value = match value.map(i64::try_from) {
        Some(Ok(v)) => v,
        _ => return Err(format!("number '{word}' outside integer range")),
    };
    if !garbage.is_empty() && !style.lenient {
        return Err(format!("invalid number '{word}'"));
    }
    if negative && min >= 0 {
        return Err(format!("negative number '{word}'"));
    }
    if value < min || value > max {
        return Err(outside(word, min, max));
    }
    let remark = (!garbage.is_empty()).then(|| format!("WARNING - invalid number '{word}'"));
    Ok(Read { value, remark })
}

fn outside(word: &str, min: i64, max: i64) -> String {
    format!("number '{word}' outside range [{min}, {max}]")
}

fn base_of(digits: &str, any_base: bool) -> (u32, &str) {
    if !any_base {
        return (10, digits);
    }
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return (16, hex);
    }
    if digits.len() > 1 && digits.starts_with('0') { (8, &digits[1..]) } else { (10, digits) }
}

/// Reads a decimal number of units as an integer of 10^-`places` units.
/// More than `places` decimals are rounded half up, with a remark.
///
/// # Errors
/// What is wrong, in the reference's words.
pub fn decimal(word: &str, min: u64, max: u64, places: u32) -> Result<Read<u64>, String> {
    let text = word.trim_start_matches([' ', '\t']);
    if text.starts_with('-') {
        return Err(format!("negative number '{word}'"));
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(format!("invalid number '{word}'"));
    }
    let fold = |n: Option<u64>, b: u8| n?.checked_mul(10)?.checked_add(u64::from(b - b'0'));
    let places_used = fraction.len().min(places as usize);
    let kept = &fraction.as_bytes()[..places_used];
    let padding = std::iter::repeat_n(&b'0', places as usize - places_used);
    let mut value = whole.bytes().chain(kept.iter().chain(padding).copied()).fold(Some(0), fold);
    let mut remark = None;
    if let Some(&next) = fraction.as_bytes().get(places as usize) {
        remark = Some(format!("number '{word}' has too many decimal places"));
        value = value.and_then(|v: u64| v.checked_add(u64::from(next >= b'5')));
    }
    match value {
        Some(value) if value >= min && value <= max => Ok(Read { value, remark }),
        _ => {
            let range = outside_decimal(word, min, max, places);
            Err(remark.map_or_else(|| range.clone(), |r| format!("{r}\n{range}")))
        }
    }
}

fn outside_decimal(word: &str, min: u64, max: u64, places: u32) -> String {
    let unit = 10u64.pow(places);
    let show = |v: u64| format!("{}.{:0w$}", v / unit, v % unit, w = places as usize);
    format!("number '{word}' outside range [{}, {}]", show(min), show(max))
}

/// Reads an address of either family.
pub fn address(word: &str) -> Option<IpAddr> {
    word.parse().ok()
}

/// Reads an address and says so when it cuts a prefix length or the end of a
/// range off.
pub fn host(word: &str) -> Option<Read<IpAddr>> {
    let end = word.find(['-', '/']).unwrap_or(word.len());
    let (addr, cut) = word.split_at(end);
    let remark = (!cut.is_empty()).then(|| format!("'{cut}' of '{word}' has no meaning here"));
    Some(Read { value: address(addr)?, remark })
}

/// Reads hexadecimal digits, two of them or one between blanks an octet, as
/// (value, mask) pairs. With `wild`, `x` stands for any digit.
pub fn hex<'w>(words: impl Iterator<Item = &'w str>, wild: bool) -> Option<Vec<(u8, u8)>> {
    let digit = |b: &u8| match b {
        b'x' | b'X' if wild => Some((0, 0)),
        _ => char::from(*b).to_digit(16).map(|d| (d as u8, 0xf)),
    };
    let mut out = Vec::new();
    for word in words.flat_map(str::split_ascii_whitespace) {
        for pair in word.as_bytes().chunks(2) {
            let (value, mask) = digit(pair.first()?)?;
            out.push(match pair.get(1) {
                Some(second) => {
                    let (low, low_mask) = digit(second)?;
                    (value << 4 | low, mask << 4 | low_mask)
                }
                None => (value, mask | 0xf0),
            });
        }
    }
    Some(out)
}

/// Reads `ADDR` or `ADDR/LEN`; without a length it is a host.
///
/// # Errors
/// What is wrong with it.
pub fn prefix(word: &str) -> Result<Prefix, String> {
    let (addr, len) = match word.split_once('/') {
        Some((a, l)) => (a, Some(l)),
        None => (word, None),
    };
    let Some(addr) = address(addr) else { return Err(format!("invalid address '{word}'")) };
    let bits = Family::of(addr).bits();
    match len {
        None => Ok(Prefix::host(addr)),
        Some(l) => match l.parse::<u8>() {
            Ok(len) if len <= bits && !l.starts_with('+') => Ok(Prefix { addr, len }),
            _ => Err(format!("invalid prefix length '{l}' in '{word}', at most {bits}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: IntStyle = IntStyle { lenient: false, any_base: false };
    const LENIENT: IntStyle = IntStyle { lenient: true, any_base: false };

    #[test]
    fn integers_follow_the_reference() {
        let strict = |w| integer(w, 0, 255, STRICT).map(|r| r.value);
        assert_eq!(strict("10"), Ok(10));
        assert_eq!(strict(" +7"), Ok(7));
        assert_eq!(strict(""), Ok(0));
        assert_eq!(strict("2x"), Err("invalid number '2x'".into()));
        assert_eq!(strict("x"), Err("invalid number 'x'".into()));
        assert_eq!(strict("-1"), Err("negative number '-1'".into()));
        assert_eq!(strict("300"), Err("number '300' outside range [0, 255]".into()));
        let huge = "9".repeat(40);
        assert_eq!(strict(&huge), Err(format!("number '{huge}' outside integer range")));
        let read = integer("10x", 0, 255, LENIENT).unwrap();
        assert_eq!((read.value, read.remark.is_some()), (10, true));
        let base = IntStyle { lenient: false, any_base: true };
        assert_eq!(integer("0x1f", 0, 255, base).map(|r| r.value), Ok(31));
        assert_eq!(integer("017", 0, 255, base).map(|r| r.value), Ok(15));
        assert_eq!(integer("-2", -5, 5, base).map(|r| r.value), Ok(-2));
    }

    #[test]
    fn decimals_are_exact_and_round_half_up_past_their_places() {
        let read = |w| decimal(w, 1, 4_294_967_295, 6);
        assert_eq!(read("1.5").unwrap().value, 1_500_000);
        assert_eq!(read(".5").unwrap().value, 500_000);
        let long = read("0.0000015").unwrap();
        assert_eq!((long.value, long.remark.is_some()), (2, true));
        assert_eq!(
            read("0.0000001"),
            Err("number '0.0000001' has too many decimal places\n\
                 number '0.0000001' outside range [0.000001, 4294.967295]"
                .into())
        );
        assert_eq!(read("-1"), Err("negative number '-1'".into()));
        assert_eq!(read("5s"), Err("invalid number '5s'".into()));
        assert_eq!(read("."), Err("invalid number '.'".into()));
    }

    #[test]
    fn hex_strings_may_have_blanks_and_wildcards() {
        let hex = |text: &str, wild| hex(text.split(' '), wild);
        assert_eq!(hex("0a0B c", false), Some(vec![(0x0a, 0xff), (0x0b, 0xff), (0x0c, 0xff)]));
        assert_eq!(hex("4x X1 x", true), Some(vec![(0x40, 0xf0), (0x01, 0x0f), (0, 0xf0)]));
        assert_eq!(hex("4x", false), None);
        assert_eq!(hex("é", true), None);
        assert_eq!(hex("", true), Some(vec![]));
    }

    #[test]
    fn prefixes_keep_their_host_bits() {
        assert_eq!(prefix("10.0.0.1/24").unwrap().len, 24);
        assert_eq!(prefix("::1").unwrap().len, 128);
        assert!(prefix("10.0.0.1/33").is_err());
        assert!(prefix("10.0.0/8").is_err());
    }
}
