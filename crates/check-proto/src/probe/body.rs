//! The body of an HTTP answer: MD5 and pattern search while it arrives, in
//! constant memory.
//!
//! The search sees a window of [`WINDOW`] bytes. What a match may need across
//! windows is kept: [`OVERLAP`] bytes for a match that has begun, [`BEHIND`]
//! for look-behind. So any match of up to `OVERLAP` bytes is found, however
//! the network cut the body.

use super::pattern::{Pattern, TooManySteps};
use std::sync::Arc;

/// Most bytes of a body held at a time.
pub const WINDOW: usize = 64 * 1024;
/// Longest match that is found across windows.
pub const OVERLAP: usize = 4096;
/// Bytes before a match that look-behind can see across windows.
pub const BEHIND: usize = 1024;

/// A search in progress.
#[derive(Debug)]
pub struct Search {
    pattern: Arc<Pattern>,
    window: Vec<u8>,
    /// Body offset of the window's first byte.
    base: u64,
    /// Body offset at which the next match may start.
    next: u64,
    /// Largest body offset at which a match may start.
    max: Option<u64>,
    found: Option<Found>,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The first match starts at this body offset.
    At(u64),
    /// There is none where one may start.
    Nowhere,
    /// It needed too many steps.
    TooManySteps,
}

impl Search {
    /// A search that has seen nothing yet.
    pub fn new(pattern: Arc<Pattern>) -> Self {
        Search {
            next: pattern.min_offset,
            max: pattern.max_offset,
            pattern,
            window: Vec::new(),
            base: 0,
            found: None,
        }
    }

    /// Takes more of the body.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while self.found.is_none() && !bytes.is_empty() {
            let room = WINDOW.saturating_sub(self.window.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.window.extend_from_slice(now);
            bytes = later;
            if self.window.len() >= WINDOW {
                self.scan(false);
            }
        }
    }

    /// The body is complete.
    pub fn finish(&mut self) -> Found {
        if self.found.is_none() {
            self.scan(true);
        }
        self.end(Found::Nowhere)
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.window.capacity()
    }

    fn end(&mut self, found: Found) -> Found {
        self.window = Vec::new();
        *self.found.get_or_insert(found)
    }

    fn scan(&mut self, last: bool) {
        let end = self.base + self.window.len() as u64;
        if self.pattern.first_line {
            self.limit_to_first_line();
        }
        if self.next <= end {
            let from = usize::try_from(self.next - self.base.min(self.next)).unwrap_or(usize::MAX);
            match self.pattern.find(&self.window, from, last) {
                Err(TooManySteps) => {
                    self.end(Found::TooManySteps);
                    return;
                }
                Ok(Some((start, stop))) => {
                    let at = self.base + start as u64;
                    // At the window's edge more bytes could make another
                    // match of it, or none: look again with more.
                    let undecided = !last && stop == self.window.len() && stop - start < OVERLAP;
                    if !undecided {
                        let ok = self.max.is_none_or(|max| at <= max);
                        self.end(if ok { Found::At(at) } else { Found::Nowhere });
                        return;
                    }
                    self.next = at;
                }
                Ok(None) => self.next = self.next.max(end.saturating_sub(OVERLAP as u64)),
            }
        }
        if self.max.is_some_and(|max| self.next > max) {
            self.end(Found::Nowhere);
            return;
        }
        let keep = self.next.min(end).saturating_sub(BEHIND as u64).max(self.base);
        let gone = usize::try_from(keep - self.base).unwrap_or(0).min(self.window.len());
        self.window.drain(..gone);
        self.base += gone as u64;
    }

    fn limit_to_first_line(&mut self) {
        if let Some(at) = self.window.iter().position(|b| *b == b'\n') {
            let at = self.base + at as u64;
            self.max = Some(self.max.map_or(at, |max| max.min(at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn search(regex: model::lvs::Regex) -> Search {
        Search::new(Arc::new(Pattern::compile(&regex).unwrap()))
    }

    fn plain(pattern: &str) -> model::lvs::Regex {
        model::lvs::Regex { pattern: pattern.to_owned(), ..Default::default() }
    }

    fn run(regex: model::lvs::Regex, body: &[u8], cut: usize) -> Found {
        let mut s = search(regex);
        for chunk in body.chunks(cut) {
            s.feed(chunk);
            assert!(s.held() <= 2 * WINDOW, "{}", s.held());
        }
        s.finish()
    }

    #[test]
    fn offsets_count_from_the_body_and_limit_where_a_match_starts() {
        let regex =
            |min_offset, max_offset| model::lvs::Regex { min_offset, max_offset, ..plain("ab") };
        let body = b"xxabxxab";
        for (min, max, want) in [
            (0, None, Found::At(2)),
            (3, None, Found::At(6)),
            (7, None, Found::Nowhere),
            (100, None, Found::Nowhere),
            (0, Some(1), Found::Nowhere),
            (0, Some(2), Found::At(2)),
            (3, Some(5), Found::Nowhere),
            (3, Some(6), Found::At(6)),
        ] {
            assert_eq!(run(regex(min, max), body, 3), want, "{min} {max:?}");
        }
    }

    #[test]
    fn a_match_across_the_edge_of_a_window_is_found_whole() {
        let mut body = vec![b'.'; WINDOW - 3];
        body.extend_from_slice(b"needle!");
        body.extend(vec![b'.'; WINDOW]);
        let at = Found::At(WINDOW as u64 - 3);
        assert_eq!(run(plain("needle"), &body, 1000), at);
        assert_eq!(run(plain("needle(?=!)"), &body, 1000), at);
        assert_eq!(run(plain(r"(?<=\.)needle\b"), &body, 1000), at);
        // The edge is not the end of the text, nor a word's.
        assert_eq!(run(plain("nee$"), &body, 1000), Found::Nowhere);
        assert_eq!(run(plain(r"nee\b"), &body, 1000), Found::Nowhere);
        assert_eq!(run(plain(r"\.$"), &body, 1000), Found::At(body.len() as u64 - 1));
    }

    #[test]
    fn the_first_line_can_be_all_that_counts() {
        let regex =
            |p: &str| model::lvs::Regex { options: vec!["firstline".to_owned()], ..plain(p) };
        assert_eq!(run(regex("b"), b"a\nb", 1), Found::Nowhere);
        assert_eq!(run(regex("a"), b"a\nb", 1), Found::At(0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn how_the_network_cuts_a_body_does_not_matter(
            before in 0usize..200_000, after in 0usize..100_000, cut in 1usize..70_000,
        ) {
            let mut body = vec![b'-'; before];
            body.extend_from_slice(b"<needle>");
            body.extend(vec![b'-'; after]);
            prop_assert_eq!(run(plain("<n.*?>"), &body, cut), Found::At(before as u64));
        }
    }
}
