//! Skew, master down interval: the arithmetic of RFC 9568 section 6.1 and
//! RFC 3768 section 6.1, to the nanosecond.
//!
//! Owns formulas only, as pure functions.

use core::time::Duration;
use model::vrrp::Version;
use types::{Mono, Priority};

/// Skew time: the higher the priority, the shorter. `master_adv` is the
/// master's interval; version 2 counts in whole seconds instead.
pub fn skew(version: Version, priority: Priority, master_adv: Duration) -> Duration {
    let unit = match version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => master_adv,
    };
    unit * (256 - u32::from(priority.0)) / 256
}

/// How long a backup waits before it takes over: `adverts` (3 in the RFCs)
/// intervals and the skew.
pub fn master_down(
    version: Version,
    priority: Priority,
    master_adv: Duration,
    adverts: u8,
) -> Duration {
    master_adv * u32::from(adverts) + skew(version, priority, master_adv)
}

/// The next of a series of deadlines that does not drift; when it is past
/// already the series begins anew at `now`.
pub fn next_deadline(previous: Mono, interval: Duration, now: Mono) -> Mono {
    let next = previous + interval;
    if next > now { next } else { now + interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: Duration = Duration::from_secs(1);

    #[test]
    fn version_2_skew_is_a_fraction_of_a_second_whatever_the_interval() {
        // RFC 3768 section 6.1: Skew_Time = (256 - Priority) / 256 s.
        for (priority, want_us) in
            [(1, 996_093), (100, 609_375), (150, 414_062), (254, 7_812), (255, 3_906)]
        {
            let got = skew(Version::V2, Priority(priority), 7 * SEC);
            assert_eq!(got.as_micros(), want_us, "priority {priority}");
        }
    }

    #[test]
    fn version_3_skew_scales_with_the_masters_interval() {
        // RFC 9568 section 6.1: ((256 - Priority) * Active_Adver_Interval) / 256.
        for (priority, adv_ms, want_us) in
            [(100, 1_000, 609_375), (100, 100, 60_937), (100, 10, 6_093), (255, 40_950, 159_960)]
        {
            let got = skew(Version::V3, Priority(priority), Duration::from_millis(adv_ms));
            assert_eq!(got.as_micros(), want_us, "priority {priority} interval {adv_ms} ms");
        }
    }

    #[test]
    fn master_down_interval_is_three_adverts_and_skew() {
        let md = |v, p, ms, n| {
            master_down(v, Priority(p), Duration::from_millis(ms), n).as_nanos() as u64
        };
        assert_eq!(md(Version::V2, 100, 1_000, 3), 3_609_375_000);
        assert_eq!(md(Version::V2, 150, 1_000, 3), 3_414_062_500);
        assert_eq!(md(Version::V3, 100, 100, 3), 360_937_500);
        assert_eq!(md(Version::V3, 100, 10, 3), 36_093_750);
        assert_eq!(md(Version::V2, 100, 1_000, 1), 1_609_375_000);
    }

    #[test]
    fn deadlines_do_not_drift_and_do_not_bunch_up() {
        let at = Mono::from_millis;
        assert_eq!(next_deadline(at(1_000), SEC, at(1_003)), at(2_000));
        assert_eq!(next_deadline(at(1_000), SEC, at(5_000)), at(6_000));
    }
}
