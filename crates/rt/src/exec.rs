//! fork(2) and execve(2), in one place.
//!
//! Everything is allocated before the fork: the child of a process with threads may only make
//! async-signal-safe calls until it executes.

use nix::libc;
use std::ffi::{CString, OsStr};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

/// Exit status of a child that could not execute.
const NOT_EXECUTED: i32 = 127;
/// Descriptors below this are the child's to arrange.
const FIRST_FREE: RawFd = 10;

/// A program with its arguments and environment.
pub(crate) struct Program {
    path: CString,
    argv: Vec<CString>,
    env: Vec<CString>,
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} contains a NUL byte", text.to_string_lossy()),
        )
    })
}

impl Program {
    /// `env` holds `NAME=value` strings.
    pub(crate) fn new(
        path: &OsStr,
        argv: impl Iterator<Item = impl AsRef<OsStr>>,
        env: impl Iterator<Item = impl AsRef<OsStr>>,
    ) -> io::Result<Self> {
        Ok(Program {
            path: c_string(path)?,
            argv: argv.map(|word| c_string(word.as_ref())).collect::<io::Result<_>>()?,
            env: env.map(|word| c_string(word.as_ref())).collect::<io::Result<_>>()?,
        })
    }

    /// Starts the program in a child, which runs `prepare` first, and returns its process id once
    /// the program runs.
    ///
    /// # Errors
    /// Those of fork(2), of `prepare`, and of execve(2).
    ///
    /// # Safety
    /// `prepare` runs between fork and exec: it must make async-signal-safe calls only, and so
    /// must neither allocate nor take a lock.
    pub(crate) unsafe fn start(&self, prepare: impl FnOnce() -> io::Result<()>) -> io::Result<i32> {
        let pointers = |words: &[CString]| -> Vec<*const libc::c_char> {
            words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect()
        };
        let (argv, env) = (pointers(&self.argv), pointers(&self.env));
        let (mut news, report) = report_pipe()?;
        // SAFETY: the child makes async-signal-safe calls only (see above) and never returns.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let error = match prepare() {
                Ok(()) => {
                    // SAFETY: the strings and the null-terminated arrays live in this process's
                    // memory, which the child has a copy of.
                    unsafe { libc::execve(self.path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
                    io::Error::last_os_error()
                }
                Err(e) => e,
            };
            let errno = error.raw_os_error().unwrap_or(libc::EIO).to_ne_bytes();
            // SAFETY: write(2) of four bytes that exist; _exit(2) runs no destructor, which
            // belong to the parent.
            unsafe {
                libc::write(report.as_raw_fd(), errno.as_ptr().cast(), errno.len());
                libc::_exit(NOT_EXECUTED);
            }
        }
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        drop(report);
        let mut errno = [0; 4];
        // The pipe closes at exec: nothing to read means that the program runs.
        match news.read_exact(&mut errno) {
            Err(_) => Ok(pid),
            Ok(()) => {
                // SAFETY: waitpid(2) of our own child without a place for its status.
                unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
                Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno)))
            }
        }
    }
}

/// A close-on-exec pipe whose writing end is out of the way of low descriptor numbers.
fn report_pipe() -> io::Result<(std::fs::File, OwnedFd)> {
    let (news, report) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let moved = nix::fcntl::fcntl(&report, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(FIRST_FREE))?;
    // SAFETY: the descriptor is new and ours alone.
    Ok((news.into(), unsafe { OwnedFd::from_raw_fd(moved) }))
}

/// Has the kernel send SIGTERM when the parent ends, and fails with `ESRCH` when it has ended
/// already. Async-signal-safe. A change of user or capabilities clears it: call it again then.
pub(crate) fn die_with(parent: i32) -> io::Result<()> {
    // SAFETY: prctl(2) with integers; getppid(2) takes nothing.
    unsafe {
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM, 0, 0, 0) < 0 {
            return Err(io::Error::last_os_error());
        }
        if libc::getppid() != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    Ok(())
}

/// Puts a copy of `fd` at `place`, to be kept over exec. Async-signal-safe.
pub(crate) fn put_fd(fd: RawFd, place: RawFd) -> io::Result<()> {
    // SAFETY: dup2(2) and fcntl(2) with integers.
    let done = unsafe {
        if fd == place { libc::fcntl(fd, libc::F_SETFD, 0) } else { libc::dup2(fd, place) }
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Marks every descriptor from `first` on close-on-exec. Async-signal-safe. Where the kernel lacks
/// the call (before 5.11), what Rust opens is marked anyway.
pub(crate) fn close_from(first: RawFd) {
    // SAFETY: the call takes three integers; with CLOSE_RANGE_CLOEXEC it closes nothing now.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first as libc::c_uint,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        );
    }
}
