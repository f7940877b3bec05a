//! Typed messages over a Unix stream socket.
//!
//! Frames and encoding are `ipc`'s. Writing is queued within a bound and never blocks; reading
//! takes what is there. A message may carry one descriptor, which the receiver takes right after
//! the message. After an error the channel is of no more use: a peer that breaks the protocol is
//! ended by core.

use crate::fdpass;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
use ipc::frame;
use mio::Interest;
use nix::libc;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// Bytes that may wait to be written. A message larger than this still passes when nothing else
/// waits.
const QUEUE_MAX: usize = 4 * 1024 * 1024;
/// Bytes read by one [`Channel::recv`], so that a large message cannot hold up a loop.
const READ_PER_CALL: usize = 1024 * 1024;
/// Bytes read by one system call.
const READ_LEN: usize = 64 * 1024;
/// Descriptors received and not yet taken.
const FDS_WAITING_MAX: usize = 16;
/// Written bytes kept at the front of the queue before it is moved up.
const COMPACT_AT: usize = 256 * 1024;

/// Why a message could not be queued.
#[derive(Debug)]
pub enum SendError {
    /// The reader stalls. State reports should coalesce, events be counted as lost.
    Full,
    /// The message cannot be encoded or is too large.
    Message(frame::Error),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Full => f.write_str("the peer does not read, its queue is full"),
            SendError::Message(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

/// Why a channel is at its end.
#[derive(Debug)]
pub enum ChannelError {
    /// The peer has closed it, between two messages.
    Closed,
    /// The peer sent what is no message: too long, malformed, or cut short.
    Protocol(String),
    /// The system call failed.
    Io(io::Error),
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChannelError::Closed => f.write_str("closed by the peer"),
            ChannelError::Protocol(what) => write!(f, "protocol violation: {what}"),
            ChannelError::Io(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for ChannelError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ChannelError::Io(e) => Some(e),
            _ => None,
        }
    }
}

impl From<io::Error> for ChannelError {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => ChannelError::Closed,
            _ => ChannelError::Io(e),
        }
    }
}

/// One end of a connection that sends `Tx` and receives `Rx`.
#[derive(Debug)]
pub struct Channel<Tx, Rx> {
    sock: UnixStream,
    /// Longest message accepted, in bytes.
    limit: u32,
    out: Vec<u8>,
    written: usize,
    /// Descriptors to be sent, each with the place in `out` of the frame that it goes with.
    out_fds: VecDeque<(usize, OwnedFd)>,
    inbox: Vec<u8>,
    taken: usize,
    accept_fds: bool,
    in_fds: VecDeque<OwnedFd>,
    ended: bool,
    types: PhantomData<fn(Tx) -> Rx>,
}

/// A connected pair of stream sockets, close-on-exec: one for [`Channel::new`], one for the peer.
///
/// # Errors
/// Those of socketpair(2).
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    UnixStream::pair().map(|(a, b)| (a.into(), b.into()))
}

impl<Tx: Serialize, Rx: DeserializeOwned> Channel<Tx, Rx> {
    /// Takes over one end; a received message may have up to `limit` bytes.
    ///
    /// # Errors
    /// Those of fcntl(2).
    pub fn new(sock: OwnedFd, limit: u32) -> io::Result<Self> {
        let sock = UnixStream::from(sock);
        sock.set_nonblocking(true)?;
        Ok(Channel {
            sock,
            limit,
            out: Vec::new(),
            written: 0,
            out_fds: VecDeque::new(),
            inbox: Vec::new(),
            taken: 0,
            accept_fds: false,
            in_fds: VecDeque::new(),
            ended: false,
            types: PhantomData,
        })
    }

    /// Lets the peer attach descriptors; without it they are discarded by the kernel.
    pub fn accept_fds(&mut self) {
        self.accept_fds = true;
    }

    /// Queues a message and writes what the socket takes at once.
    ///
    /// # Errors
    /// When the queue is full or the message cannot be encoded; nothing is queued then. That the
    /// peer has gone shows in [`Channel::recv`].
    pub fn send(&mut self, message: &Tx) -> Result<(), SendError> {
        self.queue(message, None)
    }

    /// As [`Channel::send`], but nothing is written before the next [`Channel::flush`], unless
    /// the queue is full: for many messages at a time.
    ///
    /// # Errors
    /// Those of [`Channel::send`].
    pub fn put(&mut self, message: &Tx) -> Result<(), SendError> {
        match self.append(message, None) {
            Err(SendError::Full) => {
                // A failure to write is the reader's to report: it sees the same socket.
                let _ = self.flush();
                self.append(message, None)
            }
            done => done,
        }
    }

    /// As [`Channel::send`], with a descriptor that the receiver gets by [`Channel::take_fd`]
    /// once it has the message.
    ///
    /// # Errors
    /// Those of [`Channel::send`].
    pub fn send_with_fd(&mut self, message: &Tx, fd: OwnedFd) -> Result<(), SendError> {
        self.queue(message, Some(fd))
    }

    fn queue(&mut self, message: &Tx, fd: Option<OwnedFd>) -> Result<(), SendError> {
        self.append(message, fd)?;
        // See `put`.
        let _ = self.flush();
        Ok(())
    }

    fn append(&mut self, message: &Tx, fd: Option<OwnedFd>) -> Result<(), SendError> {
        self.compact();
        let start = self.out.len();
        frame::write(message, &mut self.out).map_err(SendError::Message)?;
        if start > self.written && self.out.len() - self.written > QUEUE_MAX {
            self.out.truncate(start);
            return Err(SendError::Full);
        }
        self.out_fds.extend(fd.map(|fd| (start, fd)));
        Ok(())
    }

    /// Gives back the room of what has been written.
    fn compact(&mut self) {
        if self.written == self.out.len() {
            frame::discard(&mut self.out, self.written);
            // A model may have been tens of MiB; small messages do not need that.
            self.out.shrink_to(COMPACT_AT);
        } else if self.written >= COMPACT_AT {
            frame::discard(&mut self.out, self.written);
            for (place, _) in &mut self.out_fds {
                *place -= self.written;
            }
        } else {
            return;
        }
        self.written = 0;
    }

    /// Writes what the socket takes.
    ///
    /// # Errors
    /// When the peer has gone, or the system call fails.
    pub fn flush(&mut self) -> Result<(), ChannelError> {
        while self.written < self.out.len() {
            match self.write_once() {
                Ok(count) => self.written += count,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.compact();
        Ok(())
    }

    /// Writes up to the next frame that carries a descriptor; starting at such a frame, with its
    /// descriptor.
    fn write_once(&mut self) -> io::Result<usize> {
        let here = self.out_fds.front().filter(|(place, _)| *place == self.written);
        let next = self.out_fds.get(usize::from(here.is_some()));
        let end = next.map_or(self.out.len(), |(place, _)| *place);
        let bytes = self.out.get(self.written..end).unwrap_or_default();
        if let Some((_, fd)) = here {
            let count = fdpass::send(self.sock.as_fd(), bytes, fd.as_fd())?;
            self.out_fds.pop_front();
            return Ok(count);
        }
        // std writes to sockets with MSG_NOSIGNAL, so a closed peer raises no SIGPIPE.
        (&self.sock).write(bytes)
    }

    /// Whether bytes wait for the socket to take them.
    pub fn wants_write(&self) -> bool {
        self.written < self.out.len()
    }

    /// What to register the channel for.
    pub fn interest(&self) -> Interest {
        if self.wants_write() {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        }
    }

    /// Takes the next message, or `None` when there is none yet. Call until `None`; part of a
    /// large message may stay unread, and the socket readable, to keep the call short.
    ///
    /// # Errors
    /// When the channel is at its end; messages that came before were handed out first.
    pub fn recv(&mut self) -> Result<Option<Rx>, ChannelError> {
        let mut budget = READ_PER_CALL;
        loop {
            let waiting = self.inbox.get(self.taken..).unwrap_or_default();
            match frame::read(waiting, self.limit) {
                Ok(Some((message, used))) => {
                    self.taken += used;
                    return Ok(Some(message));
                }
                Ok(None) => {}
                Err(e) => return Err(ChannelError::Protocol(e.to_string())),
            }
            if self.ended {
                return Err(match self.taken < self.inbox.len() {
                    true => ChannelError::Protocol("closed within a message".to_owned()),
                    false => ChannelError::Closed,
                });
            }
            if budget == 0 || !self.fill(&mut budget)? {
                return Ok(None);
            }
        }
    }

    /// Reads once; `false` when there is nothing to read.
    fn fill(&mut self, budget: &mut usize) -> Result<bool, ChannelError> {
        if self.taken > 0 {
            frame::discard(&mut self.inbox, self.taken);
            self.taken = 0;
            if self.inbox.is_empty() {
                self.inbox.shrink_to(COMPACT_AT);
            }
        }
        let start = self.inbox.len();
        frame::make_room(&mut self.inbox, READ_LEN);
        self.inbox.resize(start + READ_LEN, 0);
        let room = self.inbox.get_mut(start..).unwrap_or_default();
        let got = if self.accept_fds {
            fdpass::receive(self.sock.as_fd(), room).map(|(count, fds)| {
                self.in_fds.extend(fds);
                count
            })
        } else {
            self.sock.read(room)
        };
        self.inbox.truncate(start + got.as_ref().map_or(0, |count| *count));
        if self.in_fds.len() > FDS_WAITING_MAX {
            return Err(ChannelError::Protocol("descriptors that no message names".to_owned()));
        }
        match got {
            Ok(0) => self.ended = true,
            Ok(count) => *budget = budget.saturating_sub(count),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => self.ended = true,
            Err(e) => return Err(e.into()),
        }
        Ok(true)
    }

    /// The oldest descriptor that has come and was not taken.
    pub fn take_fd(&mut self) -> Option<OwnedFd> {
        self.in_fds.pop_front()
    }

    /// Waits up to `timeout` for the next message: for the first words of a role, before there is
    /// a loop. `None` when the time is over.
    ///
    /// # Errors
    /// Those of [`Channel::recv`].
    pub fn recv_wait(&mut self, timeout: Duration) -> Result<Option<Rx>, ChannelError> {
        let until = crate::clock::now() + timeout;
        loop {
            if let Some(message) = self.recv()? {
                return Ok(Some(message));
            }
            let left = until.saturating_since(crate::clock::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.await_ready(libc::POLLIN, left)?;
        }
    }

    /// Waits up to `timeout` until all queued messages have been written: for the last words of a
    /// process. `false` when the time is over.
    ///
    /// # Errors
    /// Those of [`Channel::flush`].
    pub fn flush_wait(&mut self, timeout: Duration) -> Result<bool, ChannelError> {
        let until = crate::clock::now() + timeout;
        loop {
            self.flush()?;
            if !self.wants_write() {
                return Ok(true);
            }
            let left = until.saturating_since(crate::clock::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.await_ready(libc::POLLOUT, left)?;
        }
    }

    fn await_ready(&self, events: i16, timeout: Duration) -> Result<(), ChannelError> {
        let mut fd = libc::pollfd { fd: self.sock.as_raw_fd(), events, revents: 0 };
        // Rounded up, so that the last millisecond is not spent in a busy loop.
        let ms = i32::try_from(timeout.as_millis() + 1).unwrap_or(i32::MAX);
        // SAFETY: one pollfd is given and told of.
        let done = unsafe { libc::poll(&mut fd, 1, ms) };
        let error = io::Error::last_os_error();
        if done < 0 && error.kind() != io::ErrorKind::Interrupted {
            return Err(ChannelError::Io(error));
        }
        Ok(())
    }
}

/// Hands every message that has come to `take`; `of` is where the channel stands in its owner.
/// False when the peer has closed the channel.
///
/// # Errors
/// Those of [`Channel::recv`] but [`ChannelError::Closed`].
pub fn drain<T, Tx, Rx>(
    owner: &mut T,
    of: impl Fn(&mut T) -> &mut Channel<Tx, Rx>,
    mut take: impl FnMut(&mut T, Rx),
) -> Result<bool, ChannelError>
where
    Tx: Serialize,
    Rx: DeserializeOwned,
{
    loop {
        match of(owner).recv() {
            Ok(Some(message)) => take(owner, message),
            Ok(None) => return Ok(true),
            Err(ChannelError::Closed) => return Ok(false),
            Err(e) => return Err(e),
        }
    }
}

impl<Tx, Rx> AsFd for Channel<Tx, Rx> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sock.as_fd()
    }
}

impl<Tx, Rx> AsRawFd for Channel<Tx, Rx> {
    fn as_raw_fd(&self) -> RawFd {
        self.sock.as_raw_fd()
    }
}

#[cfg(test)]
mod tests;
