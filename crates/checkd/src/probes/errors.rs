//! Errors of system calls as the machine knows them.

use check_proto::probe::{IoError, IoKind};
use rt::client::{OpenError, Step};
use std::io::{self, ErrorKind};

fn code(e: &io::Error) -> i32 {
    e.raw_os_error().unwrap_or(0)
}

/// The kind of an error that says something about the server or the way to it.
fn about_peer(e: &io::Error) -> Option<IoKind> {
    /// `EHOSTDOWN` (asm-generic/errno.h).
    const HOST_DOWN: i32 = 112;
    Some(match e.kind() {
        ErrorKind::NetworkUnreachable => IoKind::NetUnreachable,
        ErrorKind::HostUnreachable => IoKind::HostUnreachable,
        ErrorKind::ConnectionRefused => IoKind::Refused,
        ErrorKind::NetworkDown => IoKind::NetDown,
        ErrorKind::ConnectionReset => IoKind::Reset,
        ErrorKind::ConnectionAborted => IoKind::Aborted,
        ErrorKind::TimedOut => IoKind::TimedOut,
        _ if e.raw_os_error() == Some(HOST_DOWN) => IoKind::HostDown,
        _ => return None,
    })
}

/// A socket could not be opened: at any other step than connecting it is this host's trouble.
pub(crate) fn opening(e: &OpenError) -> IoError {
    let kind = match e.step {
        Step::Socket => IoKind::Local,
        Step::Mark | Step::Device | Step::Bind => IoKind::Bind,
        Step::Connect => about_peer(&e.error).unwrap_or(IoKind::Local),
    };
    IoError { kind, code: code(&e.error) }
}

/// What a connection ended with: whatever it is, it came from the network.
pub(crate) fn connected(e: &io::Error) -> IoError {
    IoError { kind: about_peer(e).unwrap_or(IoKind::Aborted), code: code(e) }
}

/// Trouble of TLS, by its alert if it has one.
pub(crate) fn tls(e: &rustls::Error) -> IoError {
    let code = match e {
        rustls::Error::AlertReceived(alert) => i32::from(u8::from(*alert)),
        _ => 0,
    };
    IoError { kind: IoKind::Tls, code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trouble_on_the_way_counts_against_a_server() {
        let error = |step, code| {
            let error = io::Error::from_raw_os_error(code);
            opening(&OpenError { step, error }).is_about_peer()
        };
        // ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, EHOSTDOWN, ENETDOWN, ECONNRESET,
        // ECONNABORTED, ETIMEDOUT.
        for code in [101, 113, 111, 112, 100, 104, 103, 110] {
            assert!(error(Step::Connect, code), "{code}");
            assert!(!error(Step::Bind, code) && !error(Step::Socket, code));
        }
        // EACCES, EADDRNOTAVAIL, EMFILE.
        for code in [13, 99, 24] {
            assert!(!error(Step::Connect, code), "{code}");
        }
    }
}
