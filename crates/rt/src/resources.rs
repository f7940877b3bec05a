//! Scheduling, limits and memory lock of a role, set before its privileges are dropped.

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use std::io;

/// Limits as they were when the process started, given back to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Originals {
    nofile: (rlim_t, rlim_t),
    core: (rlim_t, rlim_t),
}

impl Originals {
    /// Takes down the present limits.
    ///
    /// # Errors
    /// Those of getrlimit(2).
    pub fn capture() -> io::Result<Self> {
        Ok(Originals {
            nofile: getrlimit(Resource::RLIMIT_NOFILE)?,
            core: getrlimit(Resource::RLIMIT_CORE)?,
        })
    }

    /// Sets the limits to what was taken down. Async-signal-safe.
    pub(crate) fn restore(&self) -> io::Result<()> {
        setrlimit(Resource::RLIMIT_NOFILE, self.nofile.0, self.nofile.1)?;
        setrlimit(Resource::RLIMIT_CORE, self.core.0, self.core.1)?;
        Ok(())
    }
}

/// How a role is scheduled and limited. The default leaves everything as inherited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// Nice value, -20 to 19.
    pub nice: Option<i32>,
    /// SCHED_RR priority, 1 to 99; not inherited by children.
    pub realtime: Option<i32>,
    /// Highest SCHED_RR priority that the role may give itself later, without privilege.
    pub realtime_max: Option<i32>,
    /// Realtime CPU time without a wait in microseconds; SIGXCPU comes at half of it.
    pub rttime: Option<u64>,
    /// Keep all memory, present and to come, out of swap.
    pub no_swap: bool,
    /// CPUs to run on; empty: all.
    pub cpus: Vec<usize>,
    /// Descriptors that must be possible at least.
    pub nofile: Option<u64>,
    /// Allow core dumps of any size.
    pub core_dumps: bool,
}

impl Resources {
    /// What the configuration says of one role's process.
    pub fn of(settings: &model::process::ProcessSettings) -> Self {
        Resources {
            nice: (settings.nice != 0).then(|| settings.nice.into()),
            realtime: (settings.rt_priority != 0).then(|| settings.rt_priority.into()),
            rttime: (settings.rt_priority != 0).then(|| settings.rlimit_rttime.unwrap_or(10_000)),
            no_swap: settings.no_swap,
            cpus: settings.cpu_affinity.iter().map(|cpu| *cpu as usize).collect(),
            ..Resources::default()
        }
    }

    /// Applies all of it; goes on after a failure, so that one missing permission costs one
    /// setting only. Returns what failed, for the log.
    pub fn apply(&self) -> Vec<String> {
        let mut failed = Vec::new();
        let mut note = |what: &str, done: io::Result<()>| {
            if let Err(e) = done {
                failed.push(format!("{what}: {e}"));
            }
        };
        if let Some(count) = self.nofile {
            note("limit of open files", raise_nofile(count));
        }
        if self.core_dumps {
            note("core dump limit", set_limit(Resource::RLIMIT_CORE, libc::RLIM_INFINITY));
        }
        if !self.cpus.is_empty() {
            note("CPU affinity", set_affinity(&self.cpus));
        }
        if let Some(nice) = self.nice {
            note("priority", set_nice(nice));
        }
        if let Some(us) = self.rttime {
            note("realtime limit", set_limits(Resource::RLIMIT_RTTIME, us / 2, us));
        }
        if let Some(max) = self.realtime_max {
            let max = u64::try_from(max).unwrap_or(0);
            note("realtime priority limit", set_limit(Resource::RLIMIT_RTPRIO, max));
        }
        if let Some(priority) = self.realtime {
            note("realtime priority", set_realtime(Some(priority)));
        }
        if self.no_swap {
            note("memory lock", lock_memory());
        }
        failed
    }
}

fn set_limit(resource: Resource, value: u64) -> io::Result<()> {
    set_limits(resource, value, value)
}

fn set_limits(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    Ok(setrlimit(resource, soft, hard)?)
}

/// Whether this process may dump core: what [`crate::privs::Drop`] must leave possible.
pub fn core_dumps() -> bool {
    getrlimit(Resource::RLIMIT_CORE).is_ok_and(|(soft, _)| soft > 0)
}

/// Raises the limit of open descriptors to `count` at least; never lowers it.
///
/// # Errors
/// Those of setrlimit(2). When only the hard limit stood in the way, the soft limit has gone up
/// as far as that.
pub fn raise_nofile(count: u64) -> io::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= count {
        return Ok(());
    }
    set_limits(Resource::RLIMIT_NOFILE, count, hard.max(count)).or_else(|e| {
        set_limits(Resource::RLIMIT_NOFILE, hard, hard)?;
        Err(e)
    })
}

/// Switches to SCHED_RR at `priority`, or with `None` back to normal scheduling. Works after the
/// privilege drop up to [`Resources::realtime_max`]. Children start with normal scheduling.
///
/// # Errors
/// Those of sched_setscheduler(2).
pub fn set_realtime(priority: Option<i32>) -> io::Result<()> {
    let policy = match priority {
        Some(_) => libc::SCHED_RR,
        None => libc::SCHED_OTHER,
    };
    // Once set, the flag cannot be taken back without privilege, so it is always given.
    let policy = policy | libc::SCHED_RESET_ON_FORK;
    // SAFETY: all zero is a valid sched_param; the call reads it and changes this process.
    let done = unsafe {
        let mut param: libc::sched_param = core::mem::zeroed();
        param.sched_priority = priority.unwrap_or(0);
        libc::sched_setscheduler(0, policy, &param)
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets the nice value, -20 to 19.
///
/// # Errors
/// Those of setpriority(2).
pub fn set_nice(nice: i32) -> io::Result<()> {
    // SAFETY: setpriority(2) with integers.
    let done = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn set_affinity(cpus: &[usize]) -> io::Result<()> {
    let mut set = nix::sched::CpuSet::new();
    for cpu in cpus {
        set.set(*cpu)?;
    }
    Ok(nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &set)?)
}

/// Locks all memory. The limit goes first: without privilege, memory to come would be refused
/// beyond it.
fn lock_memory() -> io::Result<()> {
    use nix::sys::mman::{MlockAllFlags, mlockall};
    set_limit(Resource::RLIMIT_MEMLOCK, libc::RLIM_INFINITY)?;
    Ok(mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)?)
}
