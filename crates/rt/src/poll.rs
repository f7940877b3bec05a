//! Waiting for descriptors until an absolute instant, with nanosecond precision.
//!
//! mio keeps the registrations, so that mio's own sources work; the wait itself is
//! epoll_pwait2(2) on mio's descriptor, because mio rounds a timeout up to milliseconds and a
//! 10 ms advert interval cannot bear that. Where the kernel lacks the call (before 5.11), ppoll(2)
//! on the epoll descriptor takes its place.
//!
//! Descriptors registered with [`Loop::register`] are level-triggered: what a handler leaves
//! unread is reported again, so a handler may stop early to let adverts go out.

use crate::clock;
use core::time::Duration;
use mio::{Interest, Registry, Token};
use nix::libc;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use types::Mono;

/// Most events of one wait.
const EVENTS_MAX: usize = 256;

/// Longer waits than this are made in two steps. The kernel may end a timed wait of epoll or poll
/// late by a thousandth of its length, to let wake-ups coincide: 3.6 ms for a master down interval
/// of 3.6 s, which is more than everything else between the deadline and the first advert. So
/// the first step ends a 512th before the deadline, and the second is short enough to be exact.
const COARSE: Duration = Duration::from_millis(50);

/// A descriptor that has something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Which, by the token of its registration.
    pub token: Token,
    /// Reading will not block; at the end of a stream too.
    pub readable: bool,
    /// Writing will not block.
    pub writable: bool,
    /// In error or closed by the peer; reading tells which.
    pub closed: bool,
}

/// The event loop of a process: one per process, no callbacks.
#[derive(Debug)]
pub struct Loop {
    poll: mio::Poll,
    events: Vec<libc::epoll_event>,
    /// Whether the kernel has epoll_pwait2(2), as far as is known.
    pwait2: bool,
}

impl Loop {
    /// Makes an empty loop.
    ///
    /// # Errors
    /// Those of epoll_create1(2).
    pub fn new() -> io::Result<Self> {
        Ok(Loop {
            poll: mio::Poll::new()?,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS_MAX],
            pwait2: true,
        })
    }

    /// Registers a descriptor, level-triggered. The descriptor must be deregistered or closed
    /// before its number is used for another.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn register(&self, fd: impl AsFd, token: Token, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, &fd, mask(interest), token)
    }

    /// Changes the interest of a registered descriptor.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn reregister(&self, fd: impl AsFd, token: Token, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, &fd, mask(interest), token)
    }

    /// Removes a registered descriptor.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn deregister(&self, fd: impl AsFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, &fd, 0, Token(0))
    }

    /// mio's registry, for mio's own sources. These are edge-triggered: read and write them until
    /// they would block.
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    fn control(&self, op: i32, fd: &impl AsFd, events: u32, token: Token) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: token.0 as u64 };
        // SAFETY: both descriptors are open for the call, and `event` outlives it.
        let done = unsafe {
            libc::epoll_ctl(self.poll.as_raw_fd(), op, fd.as_fd().as_raw_fd(), &mut event)
        };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits until a descriptor is ready or `deadline` has come (`None`: without end), and puts
    /// what is ready into `ready`, which is empty when the deadline came first or a signal handler
    /// ran. A deadline that has passed only looks.
    ///
    /// # Errors
    /// Those of epoll_pwait2(2).
    pub fn wait(&mut self, deadline: Option<Mono>, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let count = match self.wait_until(deadline) {
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
            Err(e) => return Err(e),
        };
        ready.extend(self.events.iter().take(count).map(|event| {
            // Copies: the structure is packed on x86-64.
            let (events, data) = (event.events, event.u64);
            let any = |bits: i32| events & bits as u32 != 0;
            let closed = any(libc::EPOLLERR | libc::EPOLLHUP);
            Ready {
                token: Token(data as usize),
                readable: closed || any(libc::EPOLLIN | libc::EPOLLRDHUP),
                writable: closed || any(libc::EPOLLOUT),
                closed,
            }
        }));
        Ok(())
    }

    /// Waits in two steps when one would end late: see [`COARSE`].
    fn wait_until(&mut self, deadline: Option<Mono>) -> io::Result<usize> {
        let Some(deadline) = deadline else { return self.wait_for(None) };
        let left = deadline.saturating_since(clock::now());
        if left > COARSE {
            let count = self.wait_for(Some(left - left / 512))?;
            if count > 0 {
                return Ok(count);
            }
        }
        self.wait_for(Some(deadline.saturating_since(clock::now())))
    }

    fn wait_for(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        if self.pwait2 {
            match self.pwait2(timeout) {
                Err(e) if e.raw_os_error() == Some(libc::ENOSYS) => self.pwait2 = false,
                other => return other,
            }
        }
        self.ppoll(timeout)?;
        // SAFETY: `events` has room for as many events as the call is told, and is exclusively
        // borrowed.
        let count = unsafe {
            libc::epoll_wait(
                self.poll.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len() as i32,
                0,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    fn pwait2(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = timeout.map(timespec);
        let pointer = timeout.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        // SAFETY: `events` has room for as many events as the call is told, `pointer` is null or
        // points to `timeout`, which outlives the call; no signal mask is given.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.poll.as_raw_fd(),
                self.events.as_mut_ptr(),
                self.events.len() as libc::c_int,
                pointer,
                core::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Waits until the epoll descriptor has an event, which leaves the event in place.
    fn ppoll(&self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(timespec);
        let pointer = timeout.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        let mut fd = libc::pollfd { fd: self.poll.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd is given and told of; `pointer` is null or points to `timeout`,
        // which outlives the call; a null mask leaves the signal mask alone.
        let done = unsafe { libc::ppoll(&mut fd, 1, pointer, core::ptr::null()) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

fn mask(interest: Interest) -> u32 {
    let mut events = libc::EPOLLRDHUP;
    if interest.is_readable() {
        events |= libc::EPOLLIN;
    }
    if interest.is_writable() {
        events |= libc::EPOLLOUT;
    }
    events as u32
}

fn timespec(d: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(d.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(d.subsec_nanos() as i32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn loops() -> [Loop; 2] {
        let mut old_kernel = Loop::new().unwrap();
        old_kernel.pwait2 = false;
        [Loop::new().unwrap(), old_kernel]
    }

    #[test]
    fn a_deadline_ends_the_wait_and_never_early() {
        for mut wait in loops() {
            let mut ready = Vec::new();
            let deadline = clock::now() + Duration::from_micros(300);
            wait.wait(Some(deadline), &mut ready).unwrap();
            assert!(ready.is_empty());
            assert!(clock::now() >= deadline);
            wait.wait(Some(Mono::ZERO), &mut ready).unwrap();
            assert!(ready.is_empty());
        }
    }

    #[test]
    fn a_long_wait_reaches_its_deadline_too() {
        for mut wait in loops() {
            let mut ready = Vec::new();
            let deadline = clock::now() + COARSE * 2;
            wait.wait(Some(deadline), &mut ready).unwrap();
            assert!(ready.is_empty());
            assert!(clock::now() >= deadline);
        }
    }

    #[test]
    fn what_is_left_unread_is_reported_again() {
        for mut wait in loops() {
            let (mut near, mut far) = UnixStream::pair().unwrap();
            wait.register(&near, Token(7), Interest::READABLE).unwrap();
            far.write_all(b"ab").unwrap();
            let mut ready = Vec::new();
            for _ in 0..2 {
                wait.wait(None, &mut ready).unwrap();
                assert_eq!(ready.len(), 1);
                assert!(ready[0].token == Token(7) && ready[0].readable && !ready[0].closed);
                near.read_exact(&mut [0]).unwrap();
            }
            wait.reregister(&near, Token(8), Interest::WRITABLE).unwrap();
            wait.wait(None, &mut ready).unwrap();
            assert!(ready[0].token == Token(8) && ready[0].writable);
            drop(far);
            wait.wait(None, &mut ready).unwrap();
            assert!(ready[0].closed && ready[0].readable);
            wait.deregister(&near).unwrap();
            wait.wait(Some(Mono::ZERO), &mut ready).unwrap();
            assert!(ready.is_empty());
        }
    }
}
