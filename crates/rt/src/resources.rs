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

    /// Changes what differs from `before` of a running process. Needs the privilege to, which
    /// roles have given up, so it is core's to call. Returns what failed, for the log.
    pub fn change(&self, pid: i32, before: &Resources) -> Vec<String> {
        let mut failed = Vec::new();
        let mut note = |what: &str, done: io::Result<()>| {
            if let Err(e) = done {
                failed.push(format!("{what}: {e}"));
            }
        };
        if self.cpus != before.cpus {
            let every = || (0..nix::sched::CpuSet::count()).collect();
            let cpus = if self.cpus.is_empty() { every() } else { self.cpus.clone() };
            note("CPU affinity", for_threads(pid, |tid| set_affinity(tid, &cpus)));
        }
        if self.nice != before.nice {
            let nice = self.nice.unwrap_or(0);
            note("priority", for_threads(pid, |tid| set_nice_of(tid, nice)));
        }
        if self.rttime != before.rttime {
            let us = self.rttime.unwrap_or(libc::RLIM_INFINITY);
            let soft = if us == libc::RLIM_INFINITY { us } else { us / 2 };
            note("realtime limit", set_limits_of(pid, libc::RLIMIT_RTTIME, soft, us));
        }
        if self.realtime != before.realtime {
            note("realtime priority", set_realtime_of(pid, self.realtime));
        }
        if self.no_swap != before.no_swap {
            failed.push("memory lock: it cannot change while the process runs".to_owned());
        }
        failed
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
            note("CPU affinity", set_affinity(0, &self.cpus));
        }
        if let Some(nice) = self.nice {
            note("priority", set_nice(nice));
        }
        if let Some(us) = self.rttime {
            note("realtime limit", set_limits(Resource::RLIMIT_RTTIME, us / 2, us));
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

/// Switches to SCHED_RR at `priority`, or with `None` back to normal scheduling. Children start
/// with normal scheduling.
///
/// # Errors
/// Those of sched_setscheduler(2).
pub fn set_realtime(priority: Option<i32>) -> io::Result<()> {
    set_realtime_of(0, priority)
}

/// [`set_realtime`] for another process.
///
/// # Errors
/// Those of sched_setscheduler(2).
pub fn set_realtime_of(pid: i32, priority: Option<i32>) -> io::Result<()> {
    let policy = match priority {
        Some(_) => libc::SCHED_RR,
        None => libc::SCHED_OTHER,
    };
    // Once set, the flag cannot be taken back without privilege, so it is always given.
    let policy = policy | libc::SCHED_RESET_ON_FORK;
    // SAFETY: all zero is a valid sched_param; the call reads it and changes the process.
    let done = unsafe {
        let mut param: libc::sched_param = core::mem::zeroed();
        param.sched_priority = priority.unwrap_or(0);
        libc::sched_setscheduler(pid, policy, &param)
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets the nice value, -20 to 19.
///
/// # Errors
/// Those of setpriority(2).
pub fn set_nice(nice: i32) -> io::Result<()> {
    set_nice_of(0, nice)
}

fn set_nice_of(thread: i32, nice: i32) -> io::Result<()> {
    let thread = libc::id_t::try_from(thread).unwrap_or(0);
    // SAFETY: setpriority(2) with integers.
    let done = unsafe { libc::setpriority(libc::PRIO_PROCESS, thread, nice) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Does it to every thread of a process: these settings are theirs.
fn for_threads(pid: i32, mut work: impl FnMut(i32) -> io::Result<()>) -> io::Result<()> {
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        if let Some(tid) = task.file_name().to_str().and_then(|name| name.parse().ok()) {
            work(tid)?;
        }
    }
    Ok(())
}

fn set_limits_of(
    pid: i32,
    resource: libc::__rlimit_resource_t,
    soft: u64,
    hard: u64,
) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the call reads the limit, which lives until it returns, and writes nothing.
    let done = unsafe { libc::prlimit(pid, resource, &limit, core::ptr::null_mut()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn set_affinity(thread: i32, cpus: &[usize]) -> io::Result<()> {
    let mut set = nix::sched::CpuSet::new();
    for cpu in cpus {
        set.set(*cpu)?;
    }
    Ok(nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(thread), &set)?)
}

/// Locks all memory. The limit goes first: without privilege, memory to come would be refused
/// beyond it. Where the limit may not be raised (a container without `CAP_SYS_RESOURCE`), what
/// there is now is locked, and the error says so.
fn lock_memory() -> io::Result<()> {
    use nix::sys::mman::{MlockAllFlags, mlockall};
    let raised = set_limit(Resource::RLIMIT_MEMLOCK, libc::RLIM_INFINITY);
    let present = MlockAllFlags::MCL_CURRENT;
    mlockall(if raised.is_ok() { present | MlockAllFlags::MCL_FUTURE } else { present })?;
    raised.map_err(|e| {
        let what = "only memory in use at the start is locked: the limit cannot be raised";
        io::Error::new(e.kind(), format!("{what} ({e}), CAP_SYS_RESOURCE is needed"))
    })
}
