//! Connections to servers on this host or another that are asked for by name: a path, or an
//! address and port.

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, UnixAddr, connect, socket,
};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// At a path.
    Path(PathBuf),
    /// At an address and port.
    Address(SocketAddr),
}

impl Server {
    /// Reads `unix:PATH`, `/PATH`, `tcp:ADDRESS:PORT`, `tcp6:[ADDRESS]:PORT` and the same without
    /// a word before it, as net-snmp has them. An address may be left out and is this host's
    /// then; without a port it is `port`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, port: u16) -> Result<Self, String> {
        let (kind, rest) = match text.split_once(':') {
            Some((kind @ ("unix" | "tcp" | "tcp6" | "udp" | "udp6"), rest)) => (kind, rest),
            _ if text.starts_with('/') => ("unix", text),
            _ => ("tcp", text),
        };
        match kind {
            "unix" => Ok(Server::Path(PathBuf::from(rest))),
            "tcp" | "tcp6" => address(rest, kind == "tcp6", port)
                .map(Server::Address)
                .ok_or_else(|| format!("'{rest}' is no address and port")),
            other => Err(format!("{other} is no way to talk to it: use a path, or tcp")),
        }
    }
}

fn address(text: &str, v6: bool, port: u16) -> Option<SocketAddr> {
    let own = if v6 { "::1" } else { "127.0.0.1" };
    if let Ok(port) = text.parse::<u16>() {
        return Some(SocketAddr::new(own.parse().ok()?, port));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, tail)) if !host.contains(':') || host.ends_with(']') => {
            (host, tail.parse().ok()?)
        }
        _ => (text, port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host == "localhost" { own } else { host };
    Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port))
}

/// Begins to connect, and never waits: the socket is writable once it is decided, and whoever has
/// it asks for the error then.
///
/// # Errors
/// Those of connect(2) that are known at once.
pub fn begin(server: &Server) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let open = |family| socket(family, SockType::Stream, flags, None);
    let (sock, done) = match server {
        Server::Path(path) => {
            let sock = open(AddressFamily::Unix)?;
            let done = connect(sock.as_raw_fd(), &UnixAddr::new(path)?);
            (sock, done)
        }
        Server::Address(at) => {
            let family = if at.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
            let sock = open(family)?;
            let done = connect(sock.as_raw_fd(), &SockaddrStorage::from(*at));
            (sock, done)
        }
    };
    match done {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(sock),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_as_net_snmp_names_them() {
        let path = |p: &str| Ok(Server::Path(p.into()));
        let at = |a: &str| Ok(Server::Address(a.parse().unwrap()));
        let parse = |text| Server::parse(text, 705);
        assert_eq!(parse("unix:/run/a"), path("/run/a"));
        assert_eq!(parse("/run/a"), path("/run/a"));
        assert_eq!(parse("tcp:192.0.2.1:70"), at("192.0.2.1:70"));
        assert_eq!(parse("192.0.2.1:70"), at("192.0.2.1:70"));
        assert_eq!(parse("192.0.2.1"), at("192.0.2.1:705"));
        assert_eq!(parse("tcp:localhost:70"), at("127.0.0.1:70"));
        assert_eq!(parse("tcp:70"), at("127.0.0.1:70"));
        assert_eq!(parse("tcp6:[2001:db8::1]:70"), at("[2001:db8::1]:70"));
        assert_eq!(parse("tcp6:2001:db8::1"), at("[2001:db8::1]:705"));
        assert!(parse("udp:192.0.2.1:705").is_err());
        assert!(parse("tcp:nowhere:x").is_err());
    }

    #[test]
    fn a_server_that_is_not_there_is_told_at_once() {
        let nobody = Server::Path("/nonexistent/socket".into());
        assert_eq!(begin(&nobody).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
