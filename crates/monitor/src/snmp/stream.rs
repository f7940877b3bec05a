//! The connection to the agent: bytes in, bytes out, nothing waits.

use crate::subsystem::Cx;
use rt::poll::{Loop, Ready};
use rt::{Interest, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

/// Most bytes that wait for the agent to read.
const MAX_WAITING: usize = 8 * 1024 * 1024;
/// Most bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// A connection; of whatever kind, the calls are the same.
#[derive(Debug)]
pub(super) struct Stream {
    sock: UnixStream,
    token: Token,
    connected: bool,
    out: Vec<u8>,
}

/// What a wake-up brought.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// The connection has come about.
    pub connected: bool,
    /// What was read.
    pub bytes: Vec<u8>,
    /// Nothing more will be.
    pub ended: bool,
}

impl Stream {
    /// Takes over a socket that is being connected.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(fd: OwnedFd, poll: &Loop, token: Token) -> io::Result<Self> {
        let sock = UnixStream::from(fd);
        sock.set_nonblocking(true)?;
        poll.register(&sock, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Stream { sock, token, connected: false, out: Vec::new() })
    }

    /// Writes, now or when the agent reads.
    ///
    /// # Errors
    /// When the connection has ended, or too much waits already.
    pub fn write(&mut self, cx: &Cx<'_>, bytes: &[u8]) -> io::Result<()> {
        if self.out.len() + bytes.len() > MAX_WAITING {
            return Err(io::Error::new(ErrorKind::TimedOut, "the agent does not read"));
        }
        self.out.extend_from_slice(bytes);
        if self.connected { self.flush(cx.poll) } else { Ok(()) }
    }

    /// Serves a wake-up.
    ///
    /// # Errors
    /// When the connection has failed.
    pub fn serve(&mut self, poll: &Loop, ready: Ready) -> io::Result<Served> {
        let mut served = Served::default();
        if !self.connected {
            if !ready.writable && !ready.closed {
                return Ok(served);
            }
            if let Some(e) = self.sock.take_error()? {
                return Err(e);
            }
            self.connected = true;
            served.connected = true;
        }
        self.flush(poll)?;
        if ready.readable || ready.closed {
            let mut buf = vec![0; CHUNK];
            match self.sock.read(&mut buf) {
                Ok(0) => served.ended = true,
                Ok(count) => {
                    buf.truncate(count);
                    served.bytes = buf;
                }
                Err(e) if is_patience(&e) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(served)
    }

    fn flush(&mut self, poll: &Loop) -> io::Result<()> {
        let mut written = 0;
        while let Some(rest) = self.out.get(written..).filter(|rest| !rest.is_empty()) {
            match self.sock.write(rest) {
                Ok(count) => written += count,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if is_patience(&e) => break,
                Err(e) => return Err(e),
            }
        }
        self.out.drain(..written);
        let interest = match self.out.is_empty() {
            true => Interest::READABLE,
            false => Interest::READABLE | Interest::WRITABLE,
        };
        poll.reregister(&self.sock, self.token, interest)
    }

    /// Whether nothing waits to be written.
    pub fn is_flushed(&self) -> bool {
        self.out.is_empty() || !self.connected
    }

    /// Ends it, after one more attempt to write what waits.
    pub fn close(&mut self, poll: &Loop) {
        if self.connected {
            let _ = self.flush(poll);
        }
        let _ = poll.deregister(&self.sock);
    }
}

fn is_patience(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
