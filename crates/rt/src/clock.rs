//! The clocks. The only place that reads them; machines are handed the time.

use chrono::{DateTime, Local};
use core::time::Duration;
use nix::time::{ClockId, clock_gettime};
use types::Mono;

fn read(clock: ClockId) -> u64 {
    // These clocks exist on every kernel that Rust runs on, so the call cannot fail; zero is
    // harmless where it did.
    let Ok(at) = clock_gettime(clock) else { return 0 };
    let secs = u64::try_from(at.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(at.tv_nsec()).unwrap_or(0);
    secs.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// The instant now (`CLOCK_MONOTONIC`: steady, stands still while the machine is suspended).
pub fn now() -> Mono {
    Mono::from_nanos(read(ClockId::CLOCK_MONOTONIC))
}

/// Time since boot including suspension (`CLOCK_BOOTTIME`). When it runs ahead of [`now`], the
/// machine slept, and every peer has given up on us.
pub fn boottime() -> Duration {
    Duration::from_nanos(read(ClockId::CLOCK_BOOTTIME))
}

/// Wall clock as time since 1970 (`CLOCK_REALTIME`), for logs and authentication time stamps;
/// never for timers.
pub fn wall() -> Duration {
    Duration::from_nanos(read(ClockId::CLOCK_REALTIME))
}

/// A time of the wall clock as dumps show it: `SECONDS.MICROSECONDS (local date)`.
pub fn dated(wall: Duration) -> String {
    let (seconds, micros) = (wall.as_secs(), wall.subsec_micros());
    let at = DateTime::from_timestamp(i64::try_from(seconds).unwrap_or(0), micros * 1000);
    let date = at.unwrap_or_default().with_timezone(&Local).format("%a %b %e %H:%M:%S%.6f %Y");
    format!("{seconds}.{micros:06} ({date})")
}
