//! Scheduling and memory settings of one role's process.

use serde::{Deserialize, Serialize};

/// What `<role>_priority`, `<role>_rt_priority` and their kin say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProcessSettings {
    /// Name in `ps` (comm), at most 15 bytes.
    pub name: Option<String>,
    /// Nice value, -20 to 19.
    pub nice: i8,
    /// SCHED_RR priority 1 to 99; 0 is off.
    pub rt_priority: u8,
    /// CPUs to run on; empty is all.
    pub cpu_affinity: Vec<u32>,
    /// Lock memory (mlockall).
    pub no_swap: bool,
    /// RLIMIT_RTTIME in microseconds; `None` is the default of 10000.
    pub rlimit_rttime: Option<u64>,
}
