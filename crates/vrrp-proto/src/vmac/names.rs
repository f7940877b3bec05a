//! What virtual links are called.
//!
//! Owns the choice: the same after a reload as after a start, whatever the links that are there
//! are called.

use super::{Vmac, VmacKey, Vmacs, Wish};
use crate::input::Stacked;
use crate::links::{Link, Links};
use std::sync::Arc;
use types::{Family, IfIndex};

/// Longest name of an interface in bytes (IFNAMSIZ less its NUL).
const NAME_MAX: usize = 15;

impl Vmacs {
    /// The name that a link gets, and the link of that name that is taken over for it. It may
    /// be there already, as `own`; then no other is taken over.
    pub(super) fn choose(
        &self,
        key: &VmacKey,
        parent: &Link,
        own: Option<IfIndex>,
        links: &Links,
    ) -> Option<(Arc<str>, Option<IfIndex>)> {
        let vmac = self.all.get(key)?;
        let taken = |name: &str| {
            self.all.iter().any(|(other, v)| other != key && v.name.as_deref() == Some(name))
        };
        // What goes is in nobody's way, and no more is one of ours: it is called something else in
        // a moment, or the name is taken.
        let stays = |link: &&Link| {
            let ours = |v: &Vmac| v.progress.index().or(v.former) == Some(link.index);
            !self.leaving.contains(&link.index) && !self.all.values().any(ours)
        };
        let kind = vmac.wish.kind;
        if let Some(link) = own.and_then(|index| links.get(index)).filter(|_| vmac.taken_over) {
            return Some((link.name.clone(), None));
        }
        if own.is_none() {
            // One that somebody took away comes back under its name.
            if let Some(name) = vmac.name.clone().filter(|n| vmac.used && !taken(n))
                && links.named(&name).filter(stays).is_none()
            {
                return Some((name, None));
            }
            // A MAC is on an interface once: whatever has it there is the link, by any name.
            let mine = Stacked { parent: parent.index, kind };
            let has_mac = |link: &&Link| kind.mac().is_some() && link.stacked == Some(mine);
            let same = links.all().filter(has_mac).filter(|l| stays(l) && !taken(&l.name));
            if let Some(link) = same.min_by_key(|l| l.index) {
                return Some((link.name.clone(), Some(link.index)));
            }
        }
        if let Some(given) = vmac.wish.given.clone().filter(|g| !taken(g)) {
            match links.named(&given).filter(stays) {
                None => return Some((given, None)),
                // Ours by its name; what differs is put right.
                Some(l) if own.is_none() && l.stacked.is_some_and(|s| s.kind.is_like(kind)) => {
                    return Some((given, Some(l.index)));
                }
                Some(_) => {}
            }
        }
        let prefix = vmac.wish.prefix.as_str();
        let six = (key.family == Family::V6).then_some("6");
        let numbers = (1..u16::MAX).map(|n| n.to_string());
        let marks = core::iter::once(String::new()).chain(six.map(str::to_owned)).chain(numbers);
        marks.map(|mark| generated(prefix, &mark, key.vrid)).find_map(|name| {
            if taken(&name) {
                return None;
            }
            match links.named(&name).filter(stays) {
                None => Some((name, None)),
                Some(link) => {
                    let mine = own.is_none()
                        && link.stacked.is_some_and(|s| s.parent == parent.index && s.kind == kind)
                        && kind.mac().is_none_or(|mac| link.mac == mac);
                    mine.then_some((name, Some(link.index)))
                }
            }
        })
    }
}

impl Wish {
    /// Whether `name` is one that a link of this kind gets.
    pub(super) fn names(&self, name: &str, vrid: u8) -> bool {
        let mark =
            name.strip_prefix(&*self.prefix).and_then(|n| n.strip_suffix(&format!(".{vrid}")));
        let generated = mark.is_some_and(|m| m.bytes().all(|b| b.is_ascii_digit()));
        generated || self.given.as_deref() == Some(name)
    }
}

/// `PREFIX[MARK].VRID`, the prefix cut so that it fits.
fn generated(prefix: &str, mark: &str, vrid: u8) -> Arc<str> {
    let end = format!("{mark}.{vrid}");
    let mut cut = NAME_MAX.saturating_sub(end.len()).min(prefix.len());
    while !prefix.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}{end}", prefix.get(..cut).unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_prefix_makes_room_for_the_number() {
        assert_eq!(&*generated("vrrp", "", 51), "vrrp.51");
        assert_eq!(&*generated("vrrp", "6", 51), "vrrp6.51");
        assert_eq!(&*generated("averylongprefixindeed", "12", 255), "averylong12.255");
        assert_eq!(&*generated("ääääääääää", "", 5), "ääääää.5");
    }
}
