//! One keyed set difference for every kind of object.

use std::collections::HashMap;
use std::hash::Hash;

/// What changed between two sets of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff<'a, T> {
    /// Only in the new set, in its order.
    pub added: Vec<&'a T>,
    /// Only in the old set, in its order.
    pub removed: Vec<&'a T>,
    /// In both with the same key but other content: (old, new).
    pub changed: Vec<(&'a T, &'a T)>,
    /// In both and equal: (old, new).
    pub same: Vec<(&'a T, &'a T)>,
}

/// Compares `old` and `new` by `key`; linear in their length. Of several
/// objects with one key the first counts.
pub fn keyed<'a, T: PartialEq, K: Hash + Eq>(
    old: &'a [T],
    new: &'a [T],
    key: impl Fn(&'a T) -> K,
) -> Diff<'a, T> {
    let mut before: HashMap<K, &T> = HashMap::with_capacity(old.len());
    for o in old {
        before.entry(key(o)).or_insert(o);
    }
    let mut d =
        Diff { added: Vec::new(), removed: Vec::new(), changed: Vec::new(), same: Vec::new() };
    let mut seen: HashMap<K, ()> = HashMap::with_capacity(new.len());
    for n in new {
        if seen.insert(key(n), ()).is_some() {
            continue;
        }
        match before.remove(&key(n)) {
            None => d.added.push(n),
            Some(o) if o == n => d.same.push((o, n)),
            Some(o) => d.changed.push((o, n)),
        }
    }
    for o in old {
        if before.remove(&key(o)).is_some() {
            d.removed.push(o);
        }
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_added_removed_changed_or_the_same() {
        let old = [(1, "a"), (2, "b"), (3, "c")];
        let new = [(2, "b"), (3, "x"), (4, "d")];
        let d = keyed(&old, &new, |t| t.0);
        assert_eq!(d.added, [&(4, "d")]);
        assert_eq!(d.removed, [&(1, "a")]);
        assert_eq!(d.changed, [(&(3, "c"), &(3, "x"))]);
        assert_eq!(d.same, [(&(2, "b"), &(2, "b"))]);
    }
}
