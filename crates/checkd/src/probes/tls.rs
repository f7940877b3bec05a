//! TLS on a check's connection.

use super::Fact;
use super::errors;
use check_proto::probe::{self, IoError, IoKind};
use core::net::IpAddr;
use ipc::msg::checker::CheckerSetup;
use rt::client;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use tls::Identity;

/// How checks speak TLS; `None` when no check does, or when the files of the `SSL` block cannot be
/// used, which was logged.
#[derive(Clone, Default)]
pub(crate) struct Client(Option<Arc<ClientConfig>>);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.is_some()).finish()
    }
}

impl Client {
    /// As a configuration asks.
    ///
    /// # Errors
    /// When a file of the `SSL` block cannot be used; which, and why.
    pub fn of(setup: &CheckerSetup) -> Result<Self, String> {
        let Some(ssl) = &setup.lvs.ssl else { return Client::anonymous() };
        let files = match &setup.tls {
            Some(files) => files.as_ref().map_err(|e| format!("SSL: {e}"))?,
            None => return Client::anonymous(),
        };
        let Some(certificate) = &files.certificate else { return Client::anonymous() };
        let key = files.key.as_ref().unwrap_or(certificate);
        let password = ssl.password.as_ref().map(model::Secret::expose);
        let path = ssl.certificate.as_deref().unwrap_or_default();
        let identity = Identity::from_pem(certificate, key, password)
            .map_err(|e| format!("SSL: certificate {path} with its key: {e}"))?;
        let config = tls::client_as(&identity)
            .map_err(|e| format!("SSL: certificate {path} with its key: {e}"))?;
        Ok(Client::new(config))
    }

    fn anonymous() -> Result<Self, String> {
        Ok(Client::new(tls::client().map_err(|e| format!("SSL: {e}"))?))
    }

    /// Every check shakes hands anew, or it would not see a server that cannot.
    fn new(mut config: ClientConfig) -> Self {
        config.resumption = Resumption::disabled();
        Client(Some(Arc::new(config)))
    }
}

/// A session on one connection.
#[derive(Debug)]
pub(crate) struct Session {
    tls: Box<ClientConnection>,
    close_notify: bool,
    /// The handshake is done, and was told.
    open: bool,
    eof: bool,
}

/// The bytes under TLS.
struct Raw<'a>(&'a OwnedFd);

impl Read for Raw<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        client::read(self.0.as_fd(), into)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        client::write(self.0.as_fd(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Session {
    /// Ready to shake hands. A name that no server can have fails as a handshake would.
    pub fn new(client: &Client, wants: &probe::Tls, to: IpAddr) -> Result<Self, IoError> {
        let Some(config) = &client.0 else {
            return Err(IoError { kind: IoKind::Local, code: 0 });
        };
        // An address as a name is not sent.
        let name = match &wants.sni {
            Some(name) => ServerName::try_from(String::from(name.clone()))
                .map_err(|_| IoError { kind: IoKind::Tls, code: 0 })?,
            None => ServerName::IpAddress(to.into()),
        };
        let tls = ClientConnection::new(config.clone(), name).map_err(|e| errors::tls(&e))?;
        Ok(Session {
            tls: Box::new(tls),
            close_notify: wants.close_notify,
            open: false,
            eof: false,
        })
    }

    /// Whether there is something to be sent.
    pub fn wants_write(&self) -> bool {
        self.tls.wants_write()
    }

    /// Sends what there is.
    pub fn flush(&mut self, fd: &OwnedFd) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Raw(fd)) {
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Takes bytes to be sent.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tls.writer().write_all(bytes)
    }

    /// The next fact from what the peer has sent; `None` when there is none yet.
    pub fn next(&mut self, fd: &OwnedFd, into: &mut [u8]) -> Option<Fact> {
        loop {
            if self.open {
                match self.tls.reader().read(into) {
                    Ok(0) => return Some(Fact::Eof),
                    Ok(n) => return Some(Fact::Bytes(n)),
                    // An end without close_notify is an end.
                    Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Some(Fact::Eof),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                    Err(e) => return Some(Fact::ReadFailed(errors::connected(&e))),
                }
            }
            if self.eof {
                return Some(self.failed(IoError { kind: IoKind::Reset, code: 0 }));
            }
            match self.tls.read_tls(&mut Raw(fd)) {
                Ok(0) => self.eof = true,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return None,
                Err(e) => return Some(self.failed(errors::connected(&e))),
            }
            let processed = self.tls.process_new_packets();
            // What is to be said to the peer: keys, tickets, or why not.
            let sent = self.flush(fd);
            if let Err(e) = processed {
                return Some(self.failed(errors::tls(&e)));
            }
            if let Err(e) = sent {
                return Some(self.failed(errors::connected(&e)));
            }
            if !self.open && !self.tls.is_handshaking() {
                self.open = true;
                return Some(Fact::Connected);
            }
        }
    }

    fn failed(&self, e: IoError) -> Fact {
        if self.open { Fact::ReadFailed(e) } else { Fact::ConnectFailed(e) }
    }

    /// Says goodbye where that is asked for; whether the peer hears it does not matter.
    pub fn close(&mut self, fd: &OwnedFd) {
        if self.open && self.close_notify {
            self.tls.send_close_notify();
            let _ = self.flush(fd);
        }
    }
}
