//! Readiness and status for the service manager: sd_notify(3) without its
//! library. Silent when `NOTIFY_SOCKET` is not set.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The way to the service manager.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
}

impl Notifier {
    /// Takes the address from the environment.
    pub fn from_env() -> Self {
        Notifier { socket: std::env::var_os("NOTIFY_SOCKET").and_then(|a| connect(&a)) }
    }

    /// Sends `KEY=VALUE` lines. A manager that does not listen is not waited
    /// for.
    pub fn send(&self, lines: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(lines.as_bytes());
        }
    }

    /// Start or reload is over.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nMAINPID={}\nSTATUS={status}", std::process::id()));
    }

    /// A reload begins; the time lets `Type=notify-reload` tell it from an
    /// earlier one.
    pub fn reloading(&self) {
        let micros = rt::clock::now().as_nanos() / 1_000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The daemon is on its way out.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// The daemon ends because of an error of this number.
    pub fn errno(&self, errno: i32) {
        self.send(&format!("ERRNO={errno}"));
    }
}

/// A path, or `@name` for the abstract namespace.
fn connect(address: &OsStr) -> Option<UnixDatagram> {
    let to = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok()?,
        [b'/', ..] => SocketAddr::from_pathname(address).ok()?,
        _ => return None,
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect_addr(&to).ok()?;
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_reach_a_socket_in_the_abstract_namespace() {
        let name = format!("@ka-sdnotify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name.as_bytes()[1..]).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        let n = Notifier { socket: connect(OsStr::new(&name)) };
        n.ready("ok");
        let mut buf = [0; 200];
        let len = manager.recv(&mut buf).unwrap();
        let text = std::str::from_utf8(&buf[..len]).unwrap();
        assert_eq!(text, format!("READY=1\nMAINPID={}\nSTATUS=ok", std::process::id()));
        assert!(connect(OsStr::new("relative")).is_none());
    }
}
