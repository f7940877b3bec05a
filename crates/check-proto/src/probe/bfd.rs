//! `BFD_CHECK`: the state of a BFD session is the verdict, told by the bfd
//! role.

/// What the bfd role says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// Whether its state is Up; all other states are down (RFC 5880 section
    /// 6.2).
    pub up: bool,
}

/// Whether `fact` is news for a checker that is `up` and has or has not `run`.
pub fn is_news(fact: Fact, up: bool, run: bool) -> bool {
    !run || fact.up != up
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fact_is_news_and_then_only_a_change() {
        assert!(is_news(Fact { up: true }, true, false));
        assert!(!is_news(Fact { up: true }, true, true));
        assert!(is_news(Fact { up: false }, true, true));
    }
}
