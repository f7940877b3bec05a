//! Path patterns: wildcards `* ? [...]` and brace alternatives `{a,b}`.
//!
//! Works on top of [`Host::list_dir`], so that it is the same everywhere.

use crate::host::{FileKind, Host};

/// Most patterns that the braces of one pattern may stand for.
const ALTERNATIVES: usize = 1024;

/// An absolute path without `.`, `..` and doubled slashes.
pub(crate) fn normalise(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether a pattern has a wildcard.
pub(crate) fn has_wildcard(pattern: &str) -> bool {
    let mut bytes = pattern.bytes();
    while let Some(b) = bytes.next() {
        match b {
            b'*' | b'?' | b'[' => return true,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
    false
}

/// The patterns that a pattern with braces stands for; `None` when there are
/// too many.
pub(crate) fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let mut done = Vec::new();
    let mut todo = vec![pattern.to_owned()];
    while let Some(next) = todo.pop() {
        if done.len() + todo.len() > ALTERNATIVES {
            return None;
        }
        match first_braces(&next) {
            None => done.push(next),
            Some((open, close, commas)) => {
                let mut cuts = vec![open];
                cuts.extend(commas);
                cuts.push(close);
                let pick = |w: &[usize]| {
                    let middle = next.get(w[0] + 1..w[1]).unwrap_or("");
                    format!("{}{middle}{}", &next[..open], &next[close + 1..])
                };
                todo.extend(cuts.windows(2).rev().map(pick));
            }
        }
    }
    Some(done)
}

/// Offsets of the first balanced braces with their commas.
fn first_braces(pattern: &str) -> Option<(usize, usize, Vec<usize>)> {
    let open = pattern.find('{')?;
    let (mut depth, mut commas) = (0usize, Vec::new());
    for (i, b) in pattern.bytes().enumerate().skip(open) {
        match b {
            b'{' => depth += 1,
            b',' if depth == 1 => commas.push(i),
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some((open, i, commas));
                }
            }
            _ => {}
        }
    }
    None
}

/// Paths that match an absolute pattern without braces, sorted. A pattern
/// without wildcards matches when it exists.
pub(crate) fn matches(host: &dyn Host, pattern: &str) -> Vec<String> {
    let pattern = normalise(pattern);
    let mut found = vec![String::new()];
    let mut parts = pattern.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        found = found.into_iter().flat_map(|dir| step(host, &dir, part, last)).collect();
    }
    found.sort();
    found
}

/// What one part of a pattern matches in a directory.
fn step(host: &dyn Host, dir: &str, part: &str, last: bool) -> Vec<String> {
    let is_dir = |p: &str| host.stat(p).is_ok_and(|m| m.kind == FileKind::Directory);
    if !has_wildcard(part) {
        let path = format!("{dir}/{}", part.replace('\\', ""));
        let exists = if last { host.stat(&path).is_ok() } else { is_dir(&path) };
        return if exists { vec![path] } else { Vec::new() };
    }
    let here = if dir.is_empty() { "/" } else { dir };
    let names = host.list_dir(here).unwrap_or_default();
    names
        .into_iter()
        .filter(|name| !name.starts_with('.') || part.starts_with('.'))
        .filter(|name| wildcard(part, name))
        .map(|name| format!("{dir}/{name}"))
        .filter(|path| last || is_dir(path))
        .collect()
}

/// Whether `name` matches a pattern of one path part. Linear space, at worst
/// the product of the lengths in time.
pub(crate) fn wildcard(pattern: &str, name: &str) -> bool {
    let p: Vec<char> = pattern.chars().collect();
    let n: Vec<char> = name.chars().collect();
    let (mut i, mut j) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while j < n.len() {
        match one(&p, i, n[j]) {
            Some(next) if p[i] != '*' => {
                i = next;
                j += 1;
            }
            Some(next) => {
                star = Some((next, j));
                i = next;
            }
            None => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    i = after;
                    j = from + 1;
                }
                None => return false,
            },
        }
    }
    p.get(i..).unwrap_or(&[]).iter().all(|c| *c == '*')
}

/// Whether the pattern at `i` takes `c`; where the pattern goes on.
fn one(p: &[char], i: usize, c: char) -> Option<usize> {
    match *p.get(i)? {
        '*' | '?' => Some(i + 1),
        '[' => set(p, i, c),
        '\\' if i + 1 < p.len() => (p[i + 1] == c).then_some(i + 2),
        other => (other == c).then_some(i + 1),
    }
}

/// `[abc]`, `[a-z]`, `[!a]`; an open bracket without its end is itself.
fn set(p: &[char], open: usize, c: char) -> Option<usize> {
    let negated = matches!(p.get(open + 1), Some('!' | '^'));
    let first = open + 1 + usize::from(negated);
    let close = (first + 1..p.len()).find(|&k| p[k] == ']');
    let Some(close) = close else { return (c == '[').then_some(open + 1) };
    let (mut k, mut inside) = (first, false);
    while k < close {
        if k + 2 < close && p[k + 1] == '-' {
            inside |= (p[k]..=p[k + 2]).contains(&c);
            k += 3;
        } else {
            inside |= p[k] == c;
            k += 1;
        }
    }
    (inside != negated).then_some(close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MapHost;

    #[test]
    fn wildcards_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf~", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("\\*", "*", true),
            ("**", "", true),
        ] {
            assert_eq!(wildcard(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn braces_stand_for_alternatives_in_order() {
        assert_eq!(alternatives("a{b,c}d").unwrap(), ["abd", "acd"]);
        assert_eq!(alternatives("{a,{b,c}}{1,2}").unwrap(), ["a1", "a2", "b1", "b2", "c1", "c2"]);
        assert_eq!(alternatives("a{b").unwrap(), ["a{b"]);
        assert_eq!(alternatives("{}").unwrap(), [""]);
        assert!(alternatives(&"{a,b}".repeat(40)).is_none());
    }

    #[test]
    fn paths_are_found_in_order_without_hidden_files() {
        let host =
            MapHost::new().file("/d/b.conf", "").file("/d/a.conf", "").file("/d/.c.conf", "");
        assert_eq!(matches(&host, "/d/*.conf"), ["/d/a.conf", "/d/b.conf"]);
        assert_eq!(matches(&host, "/*/a.conf"), ["/d/a.conf"]);
        assert_eq!(matches(&host, "/d/../d/a.conf"), ["/d/a.conf"]);
        assert!(matches(&host, "/d/x.conf").is_empty());
    }
}
