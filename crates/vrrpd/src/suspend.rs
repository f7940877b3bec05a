//! Notices that the host was suspended: the clock of timers stands still meanwhile.

use core::time::Duration;
use rt::clock;

/// Shorter suspensions are none.
const LEAST: Duration = Duration::from_millis(1);

/// How far the clock that counts suspension is ahead of the one that does not.
#[derive(Debug, Default)]
pub struct Suspend {
    /// Nanoseconds; in a time namespace it may be behind.
    ahead: Option<i64>,
}

impl Suspend {
    /// For how long the host was suspended since the last call, if it was.
    pub fn check(&mut self) -> Option<Duration> {
        // In this order a delay between the two makes the difference smaller, never larger.
        let boot = i64::try_from(clock::boottime().as_nanos()).unwrap_or(i64::MAX);
        self.learn(boot.saturating_sub_unsigned(clock::now().as_nanos()))
    }

    fn learn(&mut self, ahead: i64) -> Option<Duration> {
        let known = *self.ahead.get_or_insert(ahead);
        self.ahead = Some(known.max(ahead));
        let grown = u64::try_from(ahead.saturating_sub(known)).unwrap_or(0);
        Some(Duration::from_nanos(grown)).filter(|time| *time >= LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_growth_is_a_suspension() {
        let ms = |n: i64| n * 1_000_000;
        let mut s = Suspend::default();
        assert_eq!(s.learn(ms(500)), None, "what was before the start does not matter");
        assert_eq!(s.learn(ms(500)), None);
        assert_eq!(s.learn(ms(100)), None, "a delay between two readings");
        assert_eq!(s.learn(ms(500)), None);
        assert_eq!(s.learn(ms(8_000)), Some(Duration::from_millis(7_500)));
        assert_eq!(s.learn(ms(8_000)), None);
        let mut s = Suspend::default();
        assert_eq!(s.learn(ms(-500)), None, "in a namespace");
        assert_eq!(s.learn(ms(-100)), Some(Duration::from_millis(400)));
    }
}
