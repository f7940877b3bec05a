//! Lines as they may be shown: without the secrets in them.
//!
//! Owns which words are secret. It goes by the words alone, so that a secret
//! in a place where its keyword is not known stays hidden as well.

use std::borrow::Cow;

use crate::lex::{self, Word};

/// `line` with every secret replaced by as many stars: what follows
/// `auth_pass` and `password`, and the value of `key ID VALUE`.
pub(crate) fn secrets(line: &str) -> Cow<'_, str> {
    if !["auth_pass", "password", "key"].iter().any(|k| line.contains(k)) {
        return Cow::Borrowed(line);
    }
    let mut words = Vec::new();
    let closed = lex::words(line, &mut words);
    let mut shown = line.to_owned();
    // from the end, so that the places before stay where they are
    for i in (0..words.len()).rev() {
        let Some(secret) = secret_after(line, &words, i) else { continue };
        let (from, to) = match words.get(secret) {
            Some(word) => (word.start as usize, word.end as usize),
            // a quote that is not closed hides the word
            None if !closed => (words.last().map_or(0, |w| w.end as usize), line.len()),
            None => continue,
        };
        let stars = line.get(from..to).unwrap_or("").chars().map(|_| '*').collect::<String>();
        shown.replace_range(from..to, &stars);
    }
    Cow::Owned(shown)
}

/// Which word is secret because of word `i`.
fn secret_after(line: &str, words: &[Word], i: usize) -> Option<usize> {
    let text = |i: usize| words.get(i).map(|w| w.text(line));
    match text(i)? {
        "auth_pass" | "password" => Some(i + 1),
        "key" => {
            let id = text(i + 1)?.bytes().all(|b| b.is_ascii_digit());
            let named = text(i + 2).is_some_and(|value| value.starts_with("file:"));
            (id && !named).then_some(i + 2)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::secrets;

    #[test]
    fn only_the_secret_is_hidden() {
        assert_eq!(secrets(" auth_pass geheim # x"), " auth_pass ****** # x");
        assert_eq!(secrets("auth_pass \"a b\""), "auth_pass \"***\"");
        assert_eq!(secrets("a { auth_type PASS } auth_pass é"), "a { auth_type PASS } auth_pass *");
        assert_eq!(secrets("key 1 0123 x"), "key 1 **** x");
        assert_eq!(secrets("key 1 file:/etc/key"), "key 1 file:/etc/key");
        assert_eq!(secrets("key /etc/ssl/key.pem"), "key /etc/ssl/key.pem");
        assert_eq!(secrets("auth_pass"), "auth_pass");
        assert_eq!(secrets("auth_pass \"open"), "auth_pass******");
        assert_eq!(secrets("priority 100"), "priority 100");
    }
}
