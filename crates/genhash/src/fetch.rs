//! One request, and the answer read to its end.

use crate::options::Request;
use check_proto::probe::http::{self, HEAD_MAX, Head};
use md5::{Digest, Md5};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

/// Ends the header.
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// Sees the page as it arrives.
pub trait Watch {
    /// The whole header, blank line included.
    fn header(&mut self, header: &[u8]);
    /// A piece of the body.
    fn body(&mut self, bytes: &[u8]);
    /// The body is complete.
    fn end(&mut self);
}

/// Looks away.
pub struct Quiet;

impl Watch for Quiet {
    fn header(&mut self, _: &[u8]) {}
    fn body(&mut self, _: &[u8]) {}
    fn end(&mut self) {}
}

/// Why there is no page.
#[derive(Debug)]
pub enum Failure {
    /// The socket could not be made as asked.
    Socket(io::Error),
    /// No connection.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// TLS cannot be configured.
    Tls(rustls::Error),
    /// The server does not speak TLS, or not as we do.
    Handshake,
    /// The request could not be sent.
    Write,
    /// The server fell silent.
    ReadTimeout,
    /// Reading failed.
    Read,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Socket(e) => write!(f, "Cannot open a socket: {e}"),
            Failure::Connect => f.write_str("Connection failed"),
            Failure::ConnectTimeout => f.write_str("Connection timeout"),
            Failure::Tls(e) => write!(f, "Cannot use TLS: {e}"),
            Failure::Handshake => f.write_str("SSL handshake/communication error"),
            Failure::Write => f.write_str("Cannot send the request"),
            Failure::ReadTimeout => f.write_str("Timeout reading the page"),
            Failure::Read => f.write_str("Error reading the page"),
        }
    }
}

/// The MD5 of the page's body; `None` when the server closed before the end
/// of a header.
///
/// # Errors
/// When there is no page.
pub fn page(request: &Request, watch: &mut impl Watch) -> Result<Option<[u8; 16]>, Failure> {
    let to = SocketAddr::new(request.server, request.port);
    let tcp = connect(request, to)?;
    let host = request.host.clone().unwrap_or_else(|| to.to_string());
    let text = http::request(request.protocol, &request.url, &host);
    if request.tls { ask(handshake(request, tcp)?, &text, watch) } else { ask(tcp, &text, watch) }
}

fn ask(
    mut stream: impl Read + Write,
    text: &[u8],
    watch: &mut impl Watch,
) -> Result<Option<[u8; 16]>, Failure> {
    stream.write_all(text).and_then(|()| stream.flush()).map_err(|_| Failure::Write)?;
    read(&mut stream, watch)
}

/// TLS on top; the server's name is told when `-I` asks for it and there is one.
fn handshake(
    request: &Request,
    mut tcp: TcpStream,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Failure> {
    let named = request.host.as_deref().filter(|_| request.sni);
    let name = named.and_then(|n| ServerName::try_from(n.to_owned()).ok());
    let name = name.unwrap_or_else(|| ServerName::IpAddress(request.server.into()));
    let config = tls::client().map_err(Failure::Tls)?;
    let mut client = ClientConnection::new(Arc::new(config), name).map_err(Failure::Tls)?;
    while client.is_handshaking() {
        client.complete_io(&mut tcp).map_err(|_| Failure::Handshake)?;
    }
    Ok(StreamOwned::new(client, tcp))
}

fn connect(request: &Request, to: SocketAddr) -> Result<TcpStream, Failure> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))
        .map_err(Failure::Socket)?;
    if let Some(mark) = request.mark {
        socket.set_mark(mark).map_err(Failure::Socket)?;
    }
    socket.connect_timeout(&to.into(), request.timeout).map_err(|e| match e.kind() {
        ErrorKind::TimedOut => Failure::ConnectTimeout,
        _ => Failure::Connect,
    })?;
    let wait = Some(request.timeout);
    socket
        .set_read_timeout(wait)
        .and_then(|()| socket.set_write_timeout(wait))
        .map_err(Failure::Socket)?;
    Ok(socket.into())
}

fn read(stream: &mut impl Read, watch: &mut impl Watch) -> Result<Option<[u8; 16]>, Failure> {
    let mut buffer = vec![0; 16 * 1024];
    let mut header = Vec::new();
    let body = loop {
        let bytes = piece(stream, &mut buffer)?;
        if bytes.is_empty() || header.len() > HEAD_MAX {
            return Ok(None);
        }
        let seen = header.len().saturating_sub(BLANK_LINE.len());
        header.extend_from_slice(bytes);
        let rest = header.get(seen..).unwrap_or_default();
        if let Some(at) = rest.windows(BLANK_LINE.len()).position(|w| w == BLANK_LINE) {
            break header.split_off(seen + at + BLANK_LINE.len());
        }
    };
    watch.header(&header);
    let Head { length, .. } = http::read_head(&header);
    let mut left = length.unwrap_or(u64::MAX);
    let mut md5 = Md5::new();
    let mut take = |bytes: &[u8]| {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        left -= count as u64;
        let bytes = bytes.get(..count).unwrap_or_default();
        md5.update(bytes);
        watch.body(bytes);
        left > 0
    };
    let mut more = take(&body);
    while more {
        let bytes = piece(stream, &mut buffer)?;
        more = !bytes.is_empty() && take(bytes);
    }
    watch.end();
    Ok(Some(md5.finalize().into()))
}

/// What arrives next; nothing at the end.
fn piece<'b>(stream: &mut impl Read, buffer: &'b mut [u8]) -> Result<&'b [u8], Failure> {
    loop {
        return match stream.read(buffer) {
            Ok(n) => Ok(buffer.get(..n).unwrap_or_default()),
            // TLS without its closing words: what came counts.
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(&[]),
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(Failure::ReadTimeout)
            }
            Err(_) => Err(Failure::Read),
        };
    }
}
