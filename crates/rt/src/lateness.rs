//! Whether a role is served late, for `max_auto_priority`.

use model::Global;
use std::time::Duration;
use types::Mono;

/// Watches how late the timers of this process are.
#[derive(Debug, Default)]
pub struct Lateness {
    /// What counts as late.
    delay: Duration,
    /// How often it is still of interest: once for every priority up to the maximum.
    left: i32,
}

impl Lateness {
    /// Takes over the settings. `configured`: the realtime priority that the process has anyway.
    pub fn configure(&mut self, global: &Global, configured: u8) {
        self.delay = global.min_auto_priority_delay;
        self.left = i32::from(global.max_auto_priority) - i32::from(configured);
    }

    /// A timer that was due then is served now: how late it is, when core is to know.
    pub fn check(&mut self, due: Option<Mono>, now: Mono) -> Option<Duration> {
        let late = now.saturating_since(due?);
        if self.left <= 0 || late < self.delay {
            return None;
        }
        self.left -= 1;
        Some(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_told_once_for_every_priority() {
        let at = |us| Mono::ZERO + Duration::from_micros(us);
        let mut l = Lateness { delay: Duration::from_micros(10), left: 2 };
        assert_eq!(l.check(None, at(100)), None);
        assert_eq!(l.check(Some(at(91)), at(100)), None);
        assert_eq!(l.check(Some(at(200)), at(100)), None);
        assert_eq!(l.check(Some(at(90)), at(100)), Some(Duration::from_micros(10)));
        assert_eq!(l.check(Some(at(0)), at(100)), Some(Duration::from_micros(100)));
        assert_eq!(l.check(Some(at(0)), at(100)), None);
        assert_eq!(Lateness::default().check(Some(at(0)), at(100)), None);
    }
}
