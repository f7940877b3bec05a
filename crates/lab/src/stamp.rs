//! Moments on the one clock that user space and packet stamps share.

use std::fmt;
use std::time::{Duration, SystemTime};

/// A moment in nanoseconds since the epoch (`CLOCK_REALTIME`, the clock of kernel packet stamps).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

impl Stamp {
    /// This moment.
    pub fn now() -> Self {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(Self(0), Self::from_epoch)
    }

    /// The moment `since_epoch` after the epoch.
    pub fn from_epoch(since_epoch: Duration) -> Self {
        Self(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Time since the epoch.
    pub fn epoch(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Time from `earlier` to this moment; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Seconds from `earlier` to this moment, negative if `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.0 as f64 - earlier.0 as f64) / 1e9
    }
}

impl std::ops::Add<Duration> for Stamp {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self::from_epoch(self.epoch() + rhs)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = self.epoch();
        let day = epoch.as_secs() % 86_400;
        let (hour, minute, second) = (day / 3600, day / 60 % 60, day % 60);
        write!(f, "{hour:02}:{minute:02}:{second:02}.{:06}", epoch.subsec_micros())
    }
}
