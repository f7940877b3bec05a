//! The sockets of checks: opened, fed and read as the machine asks, and what comes of it as facts.
//!
//! One slot per checker, by its number. A fact goes back with the attempt that its socket was opened
//! for, or last written for. Nothing here waits, and nothing is kept of what was read.

mod connection;
mod errors;
mod tls;

use check_proto::action::CheckerId;
use check_proto::probe::{Input, Io, IoError};
use connection::Connection;
use ipc::msg::checker::CheckerSetup;
use log::warn;
use rt::Token;
use rt::poll::{Loop, Ready};
pub(crate) use tls::Client as TlsClient;

/// Tokens from here on are sockets of checks.
pub(crate) const FIRST_TOKEN: usize = 16;

/// Bytes read by one system call: a whole datagram, too.
const READ_LEN: usize = 64 * 1024;

/// A fact about a socket; its bytes are in [`Probes::bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    Connected,
    ConnectFailed(IoError),
    Bytes(usize),
    Eof,
    ReadFailed(IoError),
    WriteFailed(IoError),
    IcmpError { unreachable: bool },
}

/// What a checker has open.
#[derive(Debug)]
enum Slot {
    Free,
    /// A script that core runs.
    Script,
    Socket(Box<Connection>),
}

/// The open sockets of all checkers.
#[derive(Debug)]
pub(crate) struct Probes {
    slots: Vec<Slot>,
    tls: TlsClient,
    buffer: Box<[u8]>,
    /// Sockets whose registration may have to change.
    touched: Vec<u32>,
}

impl Probes {
    pub fn new() -> Self {
        Probes {
            slots: Vec::new(),
            tls: TlsClient::default(),
            buffer: vec![0; READ_LEN].into_boxed_slice(),
            touched: Vec::new(),
        }
    }

    /// Takes the TLS settings of a configuration.
    pub fn configure(&mut self, tls: TlsClient) {
        self.tls = tls;
    }

    fn put(&mut self, CheckerId(id): CheckerId, slot: Slot) {
        let at = id as usize;
        if at >= self.slots.len() {
            self.slots.resize_with(at + 1, || Slot::Free);
        }
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }

    /// A script runs for this checker.
    pub fn script(&mut self, checker: CheckerId) {
        self.put(checker, Slot::Script);
    }

    /// Carries out one action; what is known at once is returned.
    pub fn act(&mut self, checker: CheckerId, attempt: u32, io: Io) -> Option<Fact> {
        match io {
            Io::Connect(endpoint) => {
                let opened = Connection::open(endpoint, attempt, &self.tls);
                let (connection, fact) = match opened {
                    Ok(opened) => opened,
                    Err(e) => return Some(Fact::ConnectFailed(e)),
                };
                self.put(checker, Slot::Socket(Box::new(connection)));
                self.touched.push(checker.0);
                fact
            }
            Io::Write(bytes) => {
                self.touched.push(checker.0);
                match self.slots.get_mut(checker.0 as usize)? {
                    Slot::Socket(connection) => connection.write(&bytes, attempt),
                    Slot::Free | Slot::Script => None,
                }
            }
            Io::Run { .. } | Io::Close => None,
        }
    }

    /// Closes the socket of a checker; whether it had a script instead.
    pub fn close(&mut self, checker: CheckerId) -> bool {
        let Some(slot) = self.slots.get_mut(checker.0 as usize) else { return false };
        match std::mem::replace(slot, Slot::Free) {
            Slot::Socket(connection) => connection.close(),
            Slot::Script => return true,
            Slot::Free => {}
        }
        false
    }

    /// The next fact of a socket that is ready, with the attempt that it is about; `None` when there
    /// is no more for now.
    pub fn next(&mut self, checker: CheckerId, ready: &mut Ready) -> Option<(u32, Fact)> {
        let Slot::Socket(connection) = self.slots.get_mut(checker.0 as usize)? else { return None };
        self.touched.push(checker.0);
        let fact = connection.next(ready, &mut self.buffer)?;
        Some((connection.attempt, fact))
    }

    /// The fact as the machine takes it.
    pub fn input(&self, fact: Fact) -> Input<'_> {
        match fact {
            Fact::Connected => Input::Connected,
            Fact::ConnectFailed(e) => Input::ConnectFailed(e),
            Fact::Bytes(n) => Input::Bytes(self.buffer.get(..n).unwrap_or_default()),
            Fact::Eof => Input::Eof,
            Fact::ReadFailed(e) => Input::ReadFailed(e),
            Fact::WriteFailed(e) => Input::WriteFailed(e),
            Fact::IcmpError { unreachable } => Input::IcmpError { unreachable },
        }
    }

    /// Brings what the loop waits for up to date; to be called when all actions are carried out.
    pub fn settle(&mut self, poll: &Loop) {
        for id in self.touched.drain(..) {
            let Some(Slot::Socket(connection)) = self.slots.get_mut(id as usize) else { continue };
            let token = Token(FIRST_TOKEN + id as usize);
            if let Err(e) = connection.register(poll, token) {
                // Its attempt ends by its time limit.
                warn!("cannot wait for the socket of a check: {e}");
            }
        }
    }
}

/// Descriptors that the checks of a configuration may have open at a time.
pub(crate) fn descriptors(setup: &CheckerSetup) -> u64 {
    let servers = setup.lvs.virtual_servers.iter().flat_map(|vs| &vs.real_servers);
    servers.map(|rs| rs.checkers.len() as u64).sum()
}
