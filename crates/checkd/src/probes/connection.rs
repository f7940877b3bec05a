//! One socket of a check, from opening to close.

use super::tls::{Client as TlsClient, Session};
use super::{Fact, errors};
use check_proto::probe::{Endpoint, IoError, Transport};
use rt::client::{self, Client, Kind};
use rt::poll::{Loop, Ready};
use rt::{Interest, Token};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Facts that one socket may yield before others have their turn.
const FACTS_PER_TURN: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// connect(2) is under way.
    Connecting,
    /// Bytes may flow.
    Open,
    /// The peer has closed, or the socket has failed: nothing is read any more.
    Ended,
}

/// A socket.
#[derive(Debug)]
pub(crate) struct Connection {
    fd: OwnedFd,
    /// The attempt that it serves.
    pub attempt: u32,
    stage: Stage,
    is_stream: bool,
    /// UDP whose error queue is to be read.
    errors: bool,
    tls: Option<Session>,
    /// Bytes that the socket has not taken yet.
    out: Vec<u8>,
    /// What the loop waits for.
    registered: Option<Interest>,
    /// Facts of this turn.
    facts: usize,
}

impl Connection {
    /// Opens a socket and begins to connect; the fact if that is done at once.
    pub fn open(
        endpoint: Arc<Endpoint>,
        attempt: u32,
        tls: &TlsClient,
    ) -> Result<(Self, Option<Fact>), IoError> {
        let (kind, errors) = match endpoint.transport {
            Transport::Tcp => (Kind::Tcp, false),
            Transport::Udp { errors } => (Kind::Udp { errors }, errors),
            Transport::Icmp => (Kind::Icmp, false),
        };
        let bind = endpoint.bind.as_deref();
        let from = bind.filter(|b| b.ip.is_some() || b.port != 0).map(|b| {
            let any = match endpoint.to {
                core::net::SocketAddr::V4(_) => core::net::Ipv4Addr::UNSPECIFIED.into(),
                core::net::SocketAddr::V6(_) => core::net::Ipv6Addr::UNSPECIFIED.into(),
            };
            core::net::SocketAddr::new(b.ip.unwrap_or(any), b.port)
        });
        let session = match &endpoint.tls {
            Some(wants) => Some(Session::new(tls, wants, endpoint.to.ip())?),
            None => None,
        };
        let client = Client {
            kind,
            to: endpoint.to,
            from,
            device: bind.and_then(|b| b.interface.as_deref()),
            mark: bind.map_or(0, |b| b.fwmark),
        };
        let (fd, connected) = client.open().map_err(|e| errors::opening(&e))?;
        let mut connection = Connection {
            fd,
            attempt,
            stage: if connected { Stage::Open } else { Stage::Connecting },
            is_stream: endpoint.transport == Transport::Tcp,
            errors,
            tls: session,
            out: Vec::new(),
            registered: None,
            facts: 0,
        };
        let fact = if connected { connection.connected() } else { None };
        Ok((connection, fact))
    }

    /// The connection stands: with TLS its handshake begins.
    fn connected(&mut self) -> Option<Fact> {
        self.stage = Stage::Open;
        let Some(session) = &mut self.tls else { return Some(Fact::Connected) };
        let error = session.flush(&self.fd).err()?;
        Some(self.ended(Fact::ConnectFailed(errors::connected(&error))))
    }

    fn ended(&mut self, fact: Fact) -> Fact {
        self.stage = Stage::Ended;
        fact
    }

    /// Sends bytes, now or when the socket takes them; the fact when it never will.
    pub fn write(&mut self, bytes: &[u8], attempt: u32) -> Option<Fact> {
        self.attempt = attempt;
        let written = match &mut self.tls {
            Some(session) => session.write(bytes).and_then(|()| session.flush(&self.fd)),
            None => {
                self.out.extend_from_slice(bytes);
                self.flush()
            }
        };
        written.err().map(|e| Fact::WriteFailed(errors::connected(&e)))
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.tls {
            return session.flush(&self.fd);
        }
        while !self.out.is_empty() {
            match client::write(self.fd.as_fd(), &self.out) {
                Ok(n) => drop(self.out.drain(..n.min(self.out.len()))),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// The next fact of a socket that is ready.
    pub fn next(&mut self, ready: &mut Ready, buffer: &mut [u8]) -> Option<Fact> {
        if self.facts >= FACTS_PER_TURN {
            self.facts = 0;
            return None;
        }
        let fact = self.step(ready, buffer);
        self.facts = if fact.is_some() { self.facts + 1 } else { 0 };
        fact
    }

    fn step(&mut self, ready: &mut Ready, buffer: &mut [u8]) -> Option<Fact> {
        if self.stage == Stage::Connecting {
            if !ready.writable && !ready.closed {
                return None;
            }
            if let Err(e) = client::pending_error(self.fd.as_fd()) {
                return Some(self.ended(Fact::ConnectFailed(errors::connected(&e))));
            }
            if let Some(fact) = self.connected() {
                return Some(fact);
            }
        }
        if self.stage == Stage::Ended {
            return None;
        }
        if ready.writable {
            ready.writable = false;
            if let Err(e) = self.flush() {
                return Some(self.ended(Fact::WriteFailed(errors::connected(&e))));
            }
        }
        if !ready.readable {
            return None;
        }
        if self.errors
            && let Some(unreachable) = client::icmp_error(self.fd.as_fd())
        {
            return Some(Fact::IcmpError { unreachable });
        }
        let fact = match &mut self.tls {
            Some(session) => session.next(&self.fd, buffer)?,
            None => match client::read(self.fd.as_fd(), buffer) {
                Ok(0) if self.is_stream => Fact::Eof,
                Ok(n) => Fact::Bytes(n),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return None,
                Err(e) => Fact::ReadFailed(errors::connected(&e)),
            },
        };
        match fact {
            Fact::Eof | Fact::ConnectFailed(_) => Some(self.ended(fact)),
            Fact::ReadFailed(_) if self.is_stream => Some(self.ended(fact)),
            _ => Some(fact),
        }
    }

    /// Tells the loop what to wait for, if that has changed.
    pub fn register(&mut self, poll: &Loop, token: Token) -> io::Result<()> {
        let sends = || !self.out.is_empty() || self.tls.as_ref().is_some_and(Session::wants_write);
        let wanted = match self.stage {
            Stage::Connecting => Some(Interest::WRITABLE),
            Stage::Open if sends() => Some(Interest::READABLE | Interest::WRITABLE),
            Stage::Open => Some(Interest::READABLE),
            Stage::Ended => None,
        };
        match (self.registered, wanted) {
            (was, now) if was == now => return Ok(()),
            (None, Some(interest)) => poll.register(&self.fd, token, interest)?,
            (Some(_), Some(interest)) => poll.reregister(&self.fd, token, interest)?,
            (_, None) => poll.deregister(&self.fd)?,
        }
        self.registered = wanted;
        Ok(())
    }

    /// Ends it, with a word to the peer where TLS asks for one.
    pub fn close(mut self) {
        if let Some(session) = &mut self.tls {
            session.close(&self.fd);
        }
    }
}
