//! Signals as events, and their reset for programs that are executed.
//!
//! Handled signals are blocked and read from a descriptor (signalfd(2)), so no handler ever runs
//! and nothing is interrupted. The mask survives the execution of a role, so a signal sent to a
//! role that is still starting waits for it. Block signals before any thread is started.

use nix::libc;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Reload.
pub const HUP: i32 = libc::SIGHUP;
/// Stop, from a terminal.
pub const INT: i32 = libc::SIGINT;
/// Stop.
pub const TERM: i32 = libc::SIGTERM;
/// End at once; cannot be handled.
pub const KILL: i32 = libc::SIGKILL;
/// Write the state dump.
pub const USR1: i32 = libc::SIGUSR1;
/// Write the statistics.
pub const USR2: i32 = libc::SIGUSR2;
/// A child has ended.
pub const CHLD: i32 = libc::SIGCHLD;
/// The realtime CPU limit is near.
pub const XCPU: i32 = libc::SIGXCPU;
/// Written to a pipe without reader.
pub const PIPE: i32 = libc::SIGPIPE;

/// Write the JSON dump: the C library's `SIGRTMIN + 2`.
pub fn json() -> i32 {
    libc::SIGRTMIN() + 2
}

/// Write and clear the statistics: the C library's `SIGRTMAX - 1`.
pub fn stats_clear() -> i32 {
    libc::SIGRTMAX() - 1
}

/// The signals that a role handles: stop, reload (which is core's), dumps, the
/// limit of realtime.
/// SIGINT only unless core was started to ignore it, which a role inherits.
pub fn for_role() -> Vec<i32> {
    let mut handled = vec![TERM, HUP, USR1, USR2, XCPU, stats_clear(), json()];
    if !is_ignored(INT) {
        handled.push(INT);
    }
    handled
}

/// Whether a signal is ignored at present, as a process may inherit it.
fn is_ignored(number: i32) -> bool {
    // SAFETY: all zero is a valid sigaction; without a new action the call only writes to it.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        libc::sigaction(number, core::ptr::null(), &mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}

/// A signal that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Which.
    pub number: i32,
    /// Process that sent it; 0 when it was the kernel.
    pub sender: i32,
}

/// The descriptor that a process reads its signals from.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
    set: libc::sigset_t,
}

impl Signals {
    /// Blocks `handled` for this thread (and those it starts) and makes them readable here.
    ///
    /// # Errors
    /// Those of signalfd(2) and pthread_sigmask(3).
    pub fn new(handled: &[i32]) -> io::Result<Self> {
        let set = set_of(handled);
        change_mask(libc::SIG_BLOCK, &set)?;
        for number in handled {
            // An inherited "ignore" would have the kernel collect ended children by itself.
            disposition(*number, libc::SIG_DFL)?;
        }
        // SAFETY: `set` is initialised; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and ours alone.
        Ok(Signals { fd: unsafe { OwnedFd::from_raw_fd(fd) }, set })
    }

    /// Changes the set of handled signals, e.g. to SIGCHLD alone while shutting down. The others
    /// stay blocked.
    ///
    /// # Errors
    /// Those of signalfd(2).
    pub fn restrict(&mut self, handled: &[i32]) -> io::Result<()> {
        self.set = set_of(handled);
        // SAFETY: the descriptor is a signalfd and `set` is initialised.
        let fd = unsafe { libc::signalfd(self.fd.as_raw_fd(), &self.set, 0) };
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// The next signal that has come, or `None`.
    ///
    /// # Errors
    /// Those of read(2).
    pub fn receive(&mut self) -> io::Result<Option<Received>> {
        const LEN: usize = size_of::<libc::signalfd_siginfo>();
        let mut raw = [0u8; LEN];
        match nix::unistd::read(&self.fd, &mut raw) {
            Ok(LEN) => {
                let word = |at: usize| {
                    raw.get(at..at + 4).and_then(|b| b.try_into().ok()).map(i32::from_ne_bytes)
                };
                let number = word(core::mem::offset_of!(libc::signalfd_siginfo, ssi_signo));
                let sender = word(core::mem::offset_of!(libc::signalfd_siginfo, ssi_pid));
                Ok(number.zip(sender).map(|(number, sender)| Received { number, sender }))
            }
            Ok(_) | Err(nix::errno::Errno::EAGAIN) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Ignores every signal that is not in `handled`, save those that report a fault of the program
/// itself and those that cannot be ignored.
///
/// # Errors
/// Those of sigaction(2).
pub fn ignore_others(handled: &[i32]) -> io::Result<()> {
    const FAULTS: [i32; 7] = [
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGABRT,
        libc::SIGKILL,
        libc::SIGSTOP,
    ];
    for number in usable() {
        // Ignoring SIGCHLD would take away the exit status of children.
        if !handled.contains(&number) && !FAULTS.contains(&number) && number != CHLD {
            disposition(number, libc::SIG_IGN)?;
        }
    }
    Ok(())
}

/// Ignores the given signals.
///
/// # Errors
/// Those of sigaction(2).
pub fn ignore(numbers: &[i32]) -> io::Result<()> {
    numbers.iter().try_for_each(|number| disposition(*number, libc::SIG_IGN))
}

/// Sends a signal to a process; one that has ended already is no error.
///
/// # Errors
/// Those of kill(2).
pub fn send(pid: i32, number: i32) -> io::Result<()> {
    if pid <= 0 {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    kill(pid, number)
}

/// Sends a signal to a process group; one that has ended already is no error.
///
/// # Errors
/// Those of kill(2).
pub fn send_group(group: i32, number: i32) -> io::Result<()> {
    if group <= 1 {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    kill(-group, number)
}

fn kill(target: i32, number: i32) -> io::Result<()> {
    // SAFETY: kill(2) takes two integers and touches no memory of ours.
    if unsafe { libc::kill(target, number) } < 0 {
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ESRCH) {
            return Err(error);
        }
    }
    Ok(())
}

/// All dispositions to default and nothing blocked: how an executed script must find the world.
/// Async-signal-safe.
pub(crate) fn reset_for_script() -> io::Result<()> {
    // The kernel's sigaction structure is no longer than this on any architecture; all zero is
    // SIG_DFL without flags, restorer or mask.
    const DEFAULT: [u64; 4] = [0; 4];
    for number in 1..=libc::SIGRTMAX() {
        // The C library's sigaction refuses the signals that it keeps for itself, which may have
        // been ignored by whoever started us; hence the system call. It fails for SIGKILL and
        // SIGSTOP, which are always at their default.
        // SAFETY: the kernel reads the constant, writes nothing, and the mask has 8 bytes.
        unsafe {
            let old = core::ptr::null_mut::<u64>();
            libc::syscall(libc::SYS_rt_sigaction, number, DEFAULT.as_ptr(), old, 8usize);
        }
    }
    change_mask(libc::SIG_SETMASK, &set_of(&[]))
}

/// The signals that a program may use; the C library keeps those between for itself.
fn usable() -> impl Iterator<Item = i32> {
    (1..=31).chain(libc::SIGRTMIN()..=libc::SIGRTMAX())
}

fn set_of(numbers: &[i32]) -> libc::sigset_t {
    // SAFETY: all zero is a valid sigset_t, and sigemptyset and sigaddset only write to it;
    // numbers out of range are refused by sigaddset.
    unsafe {
        let mut set = core::mem::zeroed();
        libc::sigemptyset(&mut set);
        for number in numbers {
            libc::sigaddset(&mut set, *number);
        }
        set
    }
}

fn change_mask(how: i32, set: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: `set` is initialised, and the old mask is not asked for.
    match unsafe { libc::pthread_sigmask(how, set, core::ptr::null_mut()) } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

fn disposition(number: i32, handler: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: the structure is fully initialised, and `handler` is SIG_DFL or SIG_IGN, so no code
    // of ours ever runs in signal context.
    let done = unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = handler;
        libc::sigaction(number, &action, core::ptr::null_mut())
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
