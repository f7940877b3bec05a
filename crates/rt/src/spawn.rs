//! Starting roles and scripts, and collecting those that have ended.
//!
//! A role is this very executable, started anew by core: fresh address space, the same arguments
//! in `ps`, the channel at descriptor [`CHANNEL_FD`], nothing else open beyond standard input and
//! output, SIGTERM when core ends. Which role it is says the environment variable [`ROLE_VAR`],
//! which [`enter`] takes away at once. A role may also have an executable of its own.

use crate::exec::{self, Program};
use nix::errno::Errno;
use nix::libc;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use std::ffi::{CStr, CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

/// Where a role finds its channel.
pub const CHANNEL_FD: RawFd = 3;
/// Environment variable that names the role, as `role:pid-of-core`.
pub const ROLE_VAR: &str = "KEEPALIVED_ROLE";
/// What a role must not inherit: readiness is core's to report.
const NOT_FOR_ROLES: [&str; 2] = [ROLE_VAR, "NOTIFY_SOCKET"];
/// What a script must not inherit.
const NOT_FOR_SCRIPTS: [&str; 5] =
    [ROLE_VAR, "NOTIFY_SOCKET", "LD_PRELOAD", "LD_LIBRARY_PATH", "IFS"];

fn environment(without: &[&str]) -> Vec<OsString> {
    std::env::vars_os()
        .filter(|(name, _)| !without.iter().any(|no| name == no))
        .map(|(mut pair, value)| {
            pair.push("=");
            pair.push(value);
            pair
        })
        .collect()
}

/// Starts a role of this executable, with this process's own arguments, and returns its process
/// id once it runs. `channel` becomes the child's [`CHANNEL_FD`].
///
/// Call it from the main thread: the child is told of the end of the thread that started it.
///
/// # Errors
/// Those of fork(2) and execve(2).
pub fn spawn_role(role: &str, channel: OwnedFd) -> io::Result<i32> {
    start_role(Path::new("/proc/self/exe"), std::env::args_os(), role, channel)
}

/// As [`spawn_role`], but the role is the executable `program`, which gets no arguments.
///
/// # Errors
/// Those of fork(2) and execve(2); `NotFound` when there is no such program.
pub fn spawn_program(program: &Path, role: &str, channel: OwnedFd) -> io::Result<i32> {
    start_role(program, [program.as_os_str().to_owned()], role, channel)
}

fn start_role(
    program: &Path,
    args: impl IntoIterator<Item = OsString>,
    role: &str,
    channel: OwnedFd,
) -> io::Result<i32> {
    let core = std::process::id() as i32;
    let mut env = environment(&NOT_FOR_ROLES);
    env.push(format!("{ROLE_VAR}={role}:{core}").into());
    let program = Program::new(program.as_os_str(), args.into_iter(), env.into_iter())?;
    // SAFETY: the closure calls functions that are async-signal-safe, as their docs say.
    unsafe {
        program.start(|| {
            exec::die_with(core)?;
            exec::put_fd(channel.as_raw_fd(), CHANNEL_FD)?;
            exec::close_from(CHANNEL_FD + 1);
            Ok(())
        })
    }
}

/// What a role starts with.
#[derive(Debug)]
pub struct Entered {
    /// Its name, as given to [`spawn_role`].
    pub role: String,
    /// Process id of core.
    pub core: i32,
    /// The channel to core.
    pub channel: OwnedFd,
}

/// First call of the executable: `Some` when core has started it as a role, `None` when it is
/// core itself. Must be called once, before any thread is started.
///
/// # Errors
/// When the variable is set but what it promises is not there: somebody else has set it.
pub fn enter() -> io::Result<Option<Entered>> {
    let Some(value) = std::env::var_os(ROLE_VAR) else { return Ok(None) };
    // SAFETY: no other thread runs yet, as the documentation demands.
    unsafe { std::env::remove_var(ROLE_VAR) };
    let strange = |what: &str| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{ROLE_VAR} is set in the environment but {what}; unset it"),
        )
    };
    let value = value.into_string().map_err(|_| strange("is no text"))?;
    let (role, core) = value.split_once(':').ok_or_else(|| strange("names no parent"))?;
    let core: i32 = core.parse().map_err(|_| strange("names no parent"))?;
    exec::die_with(core).map_err(|_| strange("its parent is not this process's parent"))?;
    let stat = nix::sys::stat::fstat(
        // SAFETY: borrowed for one call, which fails cleanly when nothing is open there.
        unsafe { std::os::fd::BorrowedFd::borrow_raw(CHANNEL_FD) },
    );
    if !stat.is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFSOCK) {
        return Err(strange("descriptor 3 is no socket"));
    }
    // SAFETY: the descriptor is open, was put there for us, and nobody else knows of it.
    let channel = unsafe { OwnedFd::from_raw_fd(CHANNEL_FD) };
    nix::fcntl::fcntl(&channel, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
    Ok(Some(Entered { role: role.to_owned(), core, channel }))
}

/// Asks again for SIGTERM when core ends, after a change of user or capabilities cleared it.
///
/// # Errors
/// `ESRCH` when core has ended already: the role should leave as on SIGTERM.
pub fn die_with_core(core: i32) -> io::Result<()> {
    exec::die_with(core)
}

/// Sets the name that `ps` and `top` show for this process, of which the kernel keeps 15 bytes.
/// A NUL byte ends it.
pub fn set_comm(name: &str) {
    let text: Vec<u8> = name.bytes().take_while(|b| *b != 0).collect();
    let name = CString::new(text).unwrap_or_default();
    // PR_SET_NAME cannot fail on a readable string.
    let _ = nix::sys::prctl::set_name(&name);
}

/// Makes this process the parent of orphaned grandchildren, so that scripts' children are
/// collected.
///
/// # Errors
/// Those of prctl(2).
pub fn adopt_orphans() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// Leaves the terminal: the process goes on in a child, in a session of its own, with `/` as
/// working directory and `/dev/null` as standard input and output; the original exits with 0.
/// Call it before any thread is started.
///
/// # Errors
/// Those of fork(2) and setsid(2).
pub fn daemonize() -> io::Result<()> {
    Ok(nix::unistd::daemon(false, false)?)
}

/// Whom a script runs as. Looked up before, so that nothing is read between fork and exec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptUser {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups, usually none.
    pub groups: Vec<u32>,
}

/// A script to run.
#[derive(Debug, Clone)]
pub struct Script {
    /// The executable, a resolved path.
    pub path: PathBuf,
    /// Its arguments, the name it is called by first.
    pub argv: Vec<OsString>,
    /// Whom it runs as; `None`: as this process.
    pub user: Option<ScriptUser>,
    /// Additional environment, over this process's own.
    pub env: Vec<(OsString, OsString)>,
    /// Limits that core has changed for itself, as they were before.
    pub limits: crate::resources::Originals,
}

/// Starts a script: own process group, `/dev/null` as standard input and output, no other
/// descriptors, all signals at their default, SIGTERM when core ends. Returns its process id,
/// which is its group's too.
///
/// # Errors
/// Those of fork(2), execve(2), and of becoming the user.
pub fn spawn_script(script: &Script) -> io::Result<i32> {
    let core = std::process::id() as i32;
    let mut env = environment(&NOT_FOR_SCRIPTS);
    for (name, value) in &script.env {
        let mut pair = name.clone();
        pair.push("=");
        pair.push(value);
        env.push(pair);
    }
    let program = Program::new(script.path.as_os_str(), script.argv.iter(), env.into_iter())?;
    // SAFETY: the closure calls functions that are async-signal-safe, as their docs say.
    unsafe {
        program.start(|| {
            script.limits.restore()?;
            set_group()?;
            null_stdio()?;
            exec::close_from(3);
            if let Some(user) = &script.user {
                become_user(user)?;
            }
            exec::die_with(core)?;
            crate::signals::reset_for_script()
        })
    }
}

/// A process group of its own. Async-signal-safe.
fn set_group() -> io::Result<()> {
    // SAFETY: setpgid(2) with integers.
    if unsafe { libc::setpgid(0, 0) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// `/dev/null` at descriptors 0 to 2. Async-signal-safe.
fn null_stdio() -> io::Result<()> {
    const NULL: &CStr = c"/dev/null";
    // SAFETY: the path is a constant with its NUL; dup2(2) takes integers.
    unsafe {
        let fd = libc::open(NULL.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        for place in 0..3 {
            if fd == place {
                libc::fcntl(fd, libc::F_SETFD, 0);
            } else if libc::dup2(fd, place) < 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// Groups, group and user for good, in this order. Async-signal-safe.
fn become_user(user: &ScriptUser) -> io::Result<()> {
    // SAFETY: the list is as long as is said; the others take integers. The raw calls change this
    // thread alone, which is the only one in the child.
    unsafe {
        if libc::syscall(libc::SYS_setgroups, user.groups.len(), user.groups.as_ptr()) < 0
            || libc::syscall(libc::SYS_setresgid, user.gid, user.gid, user.gid) < 0
            || libc::syscall(libc::SYS_setresuid, user.uid, user.uid, user.uid) < 0
        {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Status(i32),
    /// A signal ended it.
    Signal(i32),
}

/// Collects every child that has ended: process id, and how.
pub fn reap() -> Vec<(i32, Exit)> {
    let mut ended = Vec::new();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) => ended.push((pid.as_raw(), Exit::Status(status))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                ended.push((pid.as_raw(), Exit::Signal(signal as i32)));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return ended,
            // Stopped, continued, or interrupted: look on.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return ended,
        }
    }
}

/// The path of this executable, for messages.
pub fn own_path() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| Path::new("/proc/self/exe").to_owned())
}
