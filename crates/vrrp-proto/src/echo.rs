//! Removals of addresses that are ours: what the kernel tells of them is no news.
//!
//! The kernel tells of our own changes as it tells of others', later and in order. A removal that
//! we asked for ends in exactly one way: the address is told to have gone, or the request is
//! refused, for the address was not there. Additions tell nothing of this kind: an IPv6 address
//! that goes soon after it came is told of as going alone.

use std::collections::HashMap;
use types::{IfIndex, Prefix};

/// Removals that were asked for and have not ended, by place.
#[derive(Debug, Default)]
pub struct Echoes {
    due: HashMap<(IfIndex, Prefix), u32>,
}

impl Echoes {
    /// The removal of an address is asked for.
    pub fn expect(&mut self, on: IfIndex, prefix: Prefix) {
        *self.due.entry((on, prefix)).or_default() += 1;
    }

    /// The kernel told that an address is gone, or that it was not there to be removed. Whether
    /// one of our removals has ended so; else somebody else's has.
    pub fn end(&mut self, on: IfIndex, prefix: Prefix) -> bool {
        let Some(due) = self.due.get_mut(&(on, prefix)) else { return false };
        *due -= 1;
        if *due == 0 {
            self.due.remove(&(on, prefix));
        }
        true
    }

    /// Every one has ended, whether or not it was heard of.
    pub fn clear(&mut self) {
        self.due.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_removal_ends_once() {
        let (on, addr) = (IfIndex(2), "2001:db8::1".parse().unwrap());
        let prefix = Prefix { addr, len: 64 };
        let mut echoes = Echoes::default();
        assert!(!echoes.end(on, prefix), "somebody else's");
        echoes.expect(on, prefix);
        echoes.expect(on, prefix);
        assert!(!echoes.end(IfIndex(3), prefix), "elsewhere");
        assert!(echoes.end(on, prefix) && echoes.end(on, prefix));
        assert!(!echoes.end(on, prefix));
    }
}
