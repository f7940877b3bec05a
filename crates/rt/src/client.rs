//! Sockets of health checks: opened, bound and connected without ever waiting.
//!
//! TCP, connected UDP, and the datagram sockets of ICMP (`ping_group_range` in icmp(7)), for which
//! the kernel chooses identifier and checksum. All are non-blocking and close-on-exec.

use core::net::SocketAddr;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType,
    SockaddrStorage, bind, connect, getsockopt, recv, recvmsg, send, setsockopt, socket, sockopt,
};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Kinds of socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A TCP stream.
    Tcp,
    /// UDP; with `errors`, ICMP errors are kept for [`icmp_error`].
    Udp {
        /// IP_RECVERR, IPV6_RECVERR.
        errors: bool,
    },
    /// Echo requests and replies of ICMP or ICMPv6.
    Icmp,
}

/// What to open.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// Kind of socket.
    pub kind: Kind,
    /// Destination.
    pub to: SocketAddr,
    /// Local address and port.
    pub from: Option<SocketAddr>,
    /// Device to bind to.
    pub device: Option<&'a str>,
    /// Firewall mark; 0 is none.
    pub mark: u32,
}

/// The step at which opening failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// socket(2), and options that cannot fail otherwise.
    Socket,
    /// SO_MARK.
    Mark,
    /// SO_BINDTODEVICE.
    Device,
    /// bind(2).
    Bind,
    /// connect(2).
    Connect,
}

/// Why a socket could not be opened.
#[derive(Debug)]
pub struct OpenError {
    /// Where.
    pub step: Step,
    /// Why.
    pub error: io::Error,
}

fn at(step: Step) -> impl Fn(Errno) -> OpenError {
    move |e| OpenError { step, error: e.into() }
}

impl Client<'_> {
    /// Opens the socket and begins to connect; true when it is connected already.
    ///
    /// # Errors
    /// Those of the system calls, with the step that failed.
    pub fn open(&self) -> Result<(OwnedFd, bool), OpenError> {
        let v4 = self.to.is_ipv4();
        let domain = if v4 { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let (kind, protocol) = match self.kind {
            Kind::Tcp => (SockType::Stream, SockProtocol::Tcp),
            Kind::Udp { .. } => (SockType::Datagram, SockProtocol::Udp),
            Kind::Icmp if v4 => (SockType::Datagram, SockProtocol::Icmp),
            Kind::Icmp => (SockType::Datagram, SockProtocol::IcmpV6),
        };
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd = socket(domain, kind, flags, protocol).map_err(at(Step::Socket))?;
        if self.kind == (Kind::Udp { errors: true }) {
            let set = match v4 {
                true => setsockopt(&fd, sockopt::Ipv4RecvErr, &true),
                false => setsockopt(&fd, sockopt::Ipv6RecvErr, &true),
            };
            set.map_err(at(Step::Socket))?;
        }
        if self.mark != 0 {
            setsockopt(&fd, sockopt::Mark, &self.mark).map_err(at(Step::Mark))?;
        }
        if let Some(device) = self.device {
            let device = OsString::from(device);
            setsockopt(&fd, sockopt::BindToDevice, &device).map_err(at(Step::Device))?;
        }
        if let Some(from) = self.from {
            bind(fd.as_raw_fd(), &SockaddrStorage::from(from)).map_err(at(Step::Bind))?;
        }
        match connect(fd.as_raw_fd(), &SockaddrStorage::from(self.to)) {
            Ok(()) => Ok((fd, true)),
            Err(Errno::EINPROGRESS) => Ok((fd, false)),
            Err(e) => Err(at(Step::Connect)(e)),
        }
    }
}

/// The error that waits on a socket (SO_ERROR), which takes it away.
///
/// # Errors
/// That error, or those of getsockopt(2).
pub fn pending_error(fd: BorrowedFd<'_>) -> io::Result<()> {
    match getsockopt(&fd, sockopt::SocketError)? {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// Reads what is there, or one datagram.
///
/// # Errors
/// Those of recv(2); `WouldBlock` when there is nothing.
pub fn read(fd: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    retry(|| recv(fd.as_raw_fd(), into, MsgFlags::empty()))
}

/// Writes what fits, or one datagram.
///
/// # Errors
/// Those of send(2); `WouldBlock` when nothing fits.
pub fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    retry(|| send(fd.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL))
}

fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return Ok(other?),
        }
    }
}

/// Types of ICMP (RFC 792) and ICMPv6 (RFC 4443) messages: destination unreachable.
const UNREACHABLE: (u8, u8) = (3, 1);

/// Takes an error from the error queue of a [`Kind::Udp`]: whether it is an ICMP or ICMPv6
/// destination unreachable. `None` when the queue is empty.
pub fn icmp_error(fd: BorrowedFd<'_>) -> Option<bool> {
    use nix::libc::{SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6};
    let mut space = nix::cmsg_space!([u8; 128]);
    let message = recvmsg::<()>(fd.as_raw_fd(), &mut [], Some(&mut space), MsgFlags::MSG_ERRQUEUE);
    let message = message.ok()?;
    for control in message.cmsgs().ok()? {
        let e = match control {
            ControlMessageOwned::Ipv4RecvErr(e, _) | ControlMessageOwned::Ipv6RecvErr(e, _) => e,
            _ => continue,
        };
        return Some(match e.ee_origin {
            SO_EE_ORIGIN_ICMP => e.ee_type == UNREACHABLE.0,
            SO_EE_ORIGIN_ICMP6 => e.ee_type == UNREACHABLE.1,
            _ => false,
        });
    }
    Some(false)
}

/// Where the kernel keeps the groups that may open [`Kind::Icmp`] sockets, IPv6's too.
const PING_GROUPS: &str = "/proc/sys/net/ipv4/ping_group_range";

/// The groups that may ping were widened for this process; the former range, to be given back by
/// [`PingGroups::restore`].
#[derive(Debug, PartialEq, Eq)]
pub struct PingGroups {
    before: (u32, u32),
}

impl PingGroups {
    /// Lets this process's group open [`Kind::Icmp`] sockets; `None` when it may already. Needs
    /// NET_ADMIN.
    ///
    /// # Errors
    /// When the setting cannot be read or written.
    pub fn widen() -> io::Result<Option<Self>> {
        let text = fs::read_to_string(PING_GROUPS)?;
        let before = parse(&text).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{PING_GROUPS} is {text:?}"))
        })?;
        let Some((low, high)) = widened(before, nix::unistd::getegid().as_raw()) else {
            return Ok(None);
        };
        fs::write(PING_GROUPS, format!("{low} {high}"))?;
        Ok(Some(PingGroups { before }))
    }

    /// Gives back the former range.
    ///
    /// # Errors
    /// When the setting cannot be written.
    pub fn restore(&self) -> io::Result<()> {
        fs::write(PING_GROUPS, format!("{} {}", self.before.0, self.before.1))
    }
}

fn parse(text: &str) -> Option<(u32, u32)> {
    let mut words = text.split_whitespace().map(str::parse);
    Some((words.next()?.ok()?, words.next()?.ok()?))
}

/// The range with `group` in it; `None` when it is in already. A range whose ends are the wrong
/// way round is empty.
fn widened((low, high): (u32, u32), group: u32) -> Option<(u32, u32)> {
    if low > high {
        return Some((group, group));
    }
    (!(low..=high).contains(&group)).then(|| (low.min(group), high.max(group)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};
    use std::os::fd::AsFd;

    fn client(kind: Kind, to: SocketAddr) -> Client<'static> {
        Client { kind, to, from: None, device: None, mark: 0 }
    }

    fn wait_for(fd: &OwnedFd, events: nix::poll::PollFlags) {
        let mut fds = [nix::poll::PollFd::new(fd.as_fd(), events)];
        nix::poll::poll(&mut fds, nix::poll::PollTimeout::NONE).unwrap();
    }

    #[test]
    fn a_stream_connects_or_says_why_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let (fd, _) = client(Kind::Tcp, to).open().unwrap();
        wait_for(&fd, nix::poll::PollFlags::POLLOUT);
        pending_error(fd.as_fd()).unwrap();
        drop((listener, fd));
        let refused = match client(Kind::Tcp, to).open() {
            Ok((fd, _)) => {
                wait_for(&fd, nix::poll::PollFlags::POLLOUT);
                pending_error(fd.as_fd()).unwrap_err()
            }
            Err(e) => e.error,
        };
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn an_unreachable_port_shows_in_the_error_queue() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(closed) = UdpSocket::bind(any) else { continue };
            let to = closed.local_addr().unwrap();
            drop(closed);
            let (fd, connected) = client(Kind::Udp { errors: true }, to).open().unwrap();
            assert!(connected);
            assert_eq!(icmp_error(fd.as_fd()), None);
            write(fd.as_fd(), b"x").unwrap();
            wait_for(&fd, nix::poll::PollFlags::POLLERR);
            assert_eq!(icmp_error(fd.as_fd()), Some(true));
        }
    }

    #[test]
    fn a_local_address_that_is_not_here_fails_at_its_step() {
        let to = "127.0.0.1:9".parse().unwrap();
        let from = Some("192.0.2.77:0".parse().unwrap());
        let error = Client { from, ..client(Kind::Tcp, to) }.open().unwrap_err();
        assert_eq!(error.step, Step::Bind);
    }

    #[test]
    fn the_range_of_groups_is_widened_as_little_as_needed() {
        assert_eq!(widened((1, 0), 65534), Some((65534, 65534)));
        assert_eq!(widened((0, 2_147_483_647), 65534), None);
        assert_eq!(widened((100, 200), 150), None);
        assert_eq!(widened((100, 200), 5), Some((5, 200)));
        assert_eq!(widened((100, 200), 300), Some((100, 300)));
        assert_eq!(parse("1\t0\n"), Some((1, 0)));
    }
}
