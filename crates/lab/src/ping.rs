//! ICMP echo from inside this process: no ping program is needed.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use crate::frame::checksum;
use crate::{Context, Host, Result};

/// Sends echo requests from a host to one address.
#[derive(Debug)]
pub struct Ping {
    socket: OwnedFd,
    target: Ipv4Addr,
    id: u16,
    seq: u16,
}

impl Ping {
    /// Pings `target` from `host`.
    ///
    /// # Errors
    /// When raw sockets are refused.
    pub fn new(host: &Host, target: Ipv4Addr, id: u16) -> Result<Self> {
        let open = || {
            let flags = SockFlag::SOCK_CLOEXEC;
            socket(AddressFamily::Inet, SockType::Raw, flags, Some(SockProtocol::Icmp))
        };
        let socket = host.run(open)?.context(|| "cannot open an ICMP socket")?;
        Ok(Self { socket, target, id, seq: 0 })
    }

    /// Sends one request and waits for its reply; `None` when there was none within `patience`.
    ///
    /// # Errors
    /// When the socket fails for a reason other than the target being out of reach.
    pub fn once(&mut self, patience: Duration) -> Result<Option<Duration>> {
        self.seq = self.seq.wrapping_add(1);
        let sent = Instant::now();
        let target = SockaddrIn::from(std::net::SocketAddrV4::new(self.target, 0));
        match sendto(self.socket.as_raw_fd(), &self.request(), &target, MsgFlags::empty()) {
            Ok(_) => {}
            Err(Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::ENETDOWN | Errno::ENOBUFS) => {}
            Err(e) => return Err(e).context(|| format!("cannot ping {}", self.target)),
        }
        let until = sent + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            if self.reply_within(left)? {
                return Ok(Some(sent.elapsed()));
            }
        }
    }

    fn request(&self) -> Vec<u8> {
        let [id, seq] = [self.id.to_be_bytes(), self.seq.to_be_bytes()];
        let mut out = vec![8, 0, 0, 0, id[0], id[1], seq[0], seq[1]];
        out.extend([0x5a; 24]);
        let sum = checksum(&[&out]);
        out[2..4].copy_from_slice(&sum.to_be_bytes());
        out
    }

    /// Reads one packet; whether it is the reply to the last request.
    fn reply_within(&self, left: Duration) -> Result<bool> {
        let micros = i64::try_from(left.as_micros()).unwrap_or(i64::MAX).max(1);
        let timeout = TimeVal::new(micros / 1_000_000, micros % 1_000_000);
        setsockopt(&self.socket, sockopt::ReceiveTimeout, &timeout)
            .context(|| "cannot set a timeout")?;
        let mut bytes = [0; 1500];
        match recv(self.socket.as_raw_fd(), &mut bytes, MsgFlags::empty()) {
            Ok(length) => Ok(self.is_reply(&bytes[..length])),
            Err(Errno::EHOSTUNREACH | Errno::ENETUNREACH) => Ok(false),
            Err(e) => match std::io::Error::from(e).kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(false),
                _ => Err(e).context(|| format!("cannot ping {}", self.target)),
            },
        }
    }

    fn is_reply(&self, packet: &[u8]) -> bool {
        let header = packet.first().map_or(0, |first| usize::from(first & 15) * 4);
        let expected = [self.id.to_be_bytes(), self.seq.to_be_bytes()].concat();
        let from = packet.get(12..16) == Some(&self.target.octets()[..]);
        let icmp = packet.get(header..header + 8);
        from && icmp.is_some_and(|icmp| icmp[0] == 0 && icmp[4..] == expected[..])
    }
}
