//! The client's requests.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use lab::{Context, Host, Result};

use super::events::Web;

/// How long a request on a connection of its own may take.
const BRIEF: Duration = Duration::from_millis(400);
/// How long one on the kept connection may take: as long as TCP takes to try again after a
/// take-over.
const LONG: Duration = Duration::from_secs(8);

/// Asks on a connection of its own; `None` when nobody answers.
pub fn ask_once(host: &Host, to: Ipv4Addr) -> Result<Option<Web>> {
    host.run(|| {
        let connection = TcpStream::connect_timeout(&SocketAddr::from((to, 80)), BRIEF);
        connection.and_then(|mut connection| ask(&mut connection, BRIEF, "close")).ok()
    })
}

/// A connection that is kept.
pub struct Kept {
    connection: TcpStream,
    port: u16,
}

impl Kept {
    /// Connects.
    pub fn open(host: &Host, to: Ipv4Addr) -> Result<Self> {
        let what = || "the client cannot connect";
        let to = SocketAddr::from((to, 80));
        let connection = host.run(|| TcpStream::connect_timeout(&to, BRIEF * 5))?.context(what)?;
        let port = connection.local_addr().context(what)?.port();
        Ok(Self { connection, port })
    }

    /// The client's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Asks; `None` when the connection is broken.
    pub fn ask(&mut self) -> Option<Web> {
        ask(&mut self.connection, LONG, "keep-alive").ok()
    }
}

/// One request, and who answered.
fn ask(connection: &mut TcpStream, patience: Duration, then: &str) -> io::Result<Web> {
    connection.set_read_timeout(Some(patience))?;
    connection.write_all(
        format!("GET / HTTP/1.1\r\nHost: demo\r\nConnection: {then}\r\n\r\n").as_bytes(),
    )?;
    let mut got = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let n = connection.read(&mut piece)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        got.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&got);
        let body = text.split_once("\r\n\r\n").and_then(|(_, body)| body.strip_suffix('\n'));
        if let Some(web) = body.and_then(|body| Web::ALL.into_iter().find(|w| w.name() == body)) {
            return Ok(web);
        }
    }
}
