//! Instants on the monotonic clock and the wire's unit of time.

use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// An instant of the monotonic clock, in nanoseconds.
///
/// Pure machines receive it with every input, so a test writes it literally.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Mono(u64);

impl Mono {
    /// The clock's zero.
    pub const ZERO: Mono = Mono(0);

    /// The instant `ns` nanoseconds after the clock's zero.
    pub const fn from_nanos(ns: u64) -> Self {
        Mono(ns)
    }

    /// The instant `ms` milliseconds after the clock's zero.
    pub const fn from_millis(ms: u64) -> Self {
        Mono(ms.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the clock's zero.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub const fn saturating_since(self, earlier: Mono) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

impl Add<Duration> for Mono {
    type Output = Mono;
    fn add(self, d: Duration) -> Mono {
        Mono(self.0.saturating_add(nanos(d)))
    }
}

impl AddAssign<Duration> for Mono {
    fn add_assign(&mut self, d: Duration) {
        *self = *self + d;
    }
}

impl Sub<Duration> for Mono {
    type Output = Mono;
    fn sub(self, d: Duration) -> Mono {
        Mono(self.0.saturating_sub(nanos(d)))
    }
}

/// An interval in hundredths of a second, the unit of VRRPv3's
/// Max Advertise Interval field (RFC 9568 section 5.2.7).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Centisecs(pub u16);

impl Centisecs {
    /// The largest interval that 12 bits can say: 40.95 s.
    pub const MAX: Centisecs = Centisecs(0x0fff);

    /// The interval as a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }

    /// The interval nearest to `d`, at most [`Centisecs::MAX`].
    pub fn nearest(d: Duration) -> Self {
        let cs = (d.as_millis() + 5) / 10;
        Centisecs(u16::try_from(cs).unwrap_or(u16::MAX).min(Self::MAX.0))
    }
}

/// A length of time in whole microseconds, the unit of times in the
/// configuration: half the size of a [`Duration`], for what there is much of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Micros(pub u64);

impl Micros {
    /// No time.
    pub const ZERO: Micros = Micros(0);

    /// `secs` seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Micros(secs.saturating_mul(1_000_000))
    }

    /// The same as a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_micros(self.0)
    }

    /// Whether it is no time.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl From<Duration> for Micros {
    fn from(d: Duration) -> Self {
        Micros(u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
    }
}

impl From<Micros> for Duration {
    fn from(m: Micros) -> Self {
        m.duration()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_saturate_at_both_ends() {
        let a = Mono::from_millis(5);
        assert_eq!(a - Duration::from_secs(1), Mono::ZERO);
        assert_eq!(Mono::from_nanos(u64::MAX) + Duration::from_secs(1), Mono::from_nanos(u64::MAX));
        assert_eq!(Mono::ZERO.saturating_since(a), Duration::ZERO);
    }

    #[test]
    fn microseconds_are_durations() {
        let d = Duration::from_millis(1_500);
        assert_eq!(Micros::from(d), Micros(1_500_000));
        assert_eq!(Duration::from(Micros(1_500_000)), d);
        assert_eq!(Micros::from(Duration::MAX), Micros(u64::MAX));
        assert_eq!(Micros::from_secs(2).duration(), Duration::from_secs(2));
    }

    #[test]
    fn centiseconds_round_to_nearest_and_clamp_to_twelve_bits() {
        assert_eq!(Centisecs::nearest(Duration::from_millis(1_004)), Centisecs(100));
        assert_eq!(Centisecs::nearest(Duration::from_millis(1_005)), Centisecs(101));
        assert_eq!(Centisecs::nearest(Duration::from_secs(1_000)), Centisecs::MAX);
        assert_eq!(Centisecs(1).duration(), Duration::from_millis(10));
    }
}
