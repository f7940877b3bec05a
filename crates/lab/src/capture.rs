//! Seeing and sending frames on an interface of a host, through a packet socket.

use std::io::IoSliceMut;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind,
    recvmsg, send, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

use crate::{Advert, Context, Error, Frame, Host, Result, Stamp};

/// Room for frames that nobody has asked for yet.
const BUFFER: usize = 64 << 20;
/// Value of `sll_pkttype` for frames that the host itself sends (`PACKET_OUTGOING`).
const OUTGOING: u8 = 4;

/// A capture on one interface of a host, from the moment it is made on.
///
/// Frames wait in the kernel, stamped as they pass, until a method asks for them.
#[derive(Debug)]
pub struct Capture {
    what: String,
    socket: OwnedFd,
    keep: fn(&Frame) -> bool,
    frames: Vec<Frame>,
    /// Frames before this one have been looked at by [`Capture::await_frame`].
    seen: usize,
}

impl Capture {
    /// Captures everything on `interface` of `host`, both directions.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn new(host: &Host, interface: &str) -> Result<Self> {
        Self::keeping(host, interface, |_| true)
    }

    /// Captures adverts only.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn adverts(host: &Host, interface: &str) -> Result<Self> {
        Self::keeping(host, interface, |frame| frame.advert().is_some())
    }

    /// Captures the frames that `keep` wants; others are dropped as they are read.
    ///
    /// # Errors
    /// When there is no such interface.
    pub fn keeping(host: &Host, interface: &str, keep: fn(&Frame) -> bool) -> Result<Self> {
        let what = format!("{} of host {}", interface, host.name());
        let socket =
            host.run(|| open(interface))?.context(|| format!("cannot capture on {what}"))?;
        Ok(Self { what, socket, keep, frames: Vec::new(), seen: 0 })
    }

    /// Every frame so far, oldest first.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn frames(&mut self) -> Result<&[Frame]> {
        while self.receive()? {}
        Ok(&self.frames)
    }

    /// Every advert so far with its stamp, oldest first.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn all_adverts(&mut self) -> Result<Vec<(Stamp, Advert)>> {
        Ok(self.frames()?.iter().filter_map(|frame| Some((frame.at, frame.advert()?))).collect())
    }

    /// Forgets what was captured so far.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn clear(&mut self) -> Result<()> {
        self.frames()?;
        self.frames.clear();
        self.seen = 0;
        Ok(())
    }

    /// Waits for a frame for which `wanted` holds, among those not yet passed over by an earlier
    /// wait: successive waits see successive frames.
    ///
    /// # Errors
    /// When none came within `patience`; the message says what came instead.
    pub fn await_frame(
        &mut self,
        patience: Duration,
        mut wanted: impl FnMut(&Frame) -> bool,
    ) -> Result<Frame> {
        let until = Instant::now() + patience;
        loop {
            while let Some(frame) = self.frames.get(self.seen) {
                self.seen += 1;
                if wanted(frame) {
                    return Ok(frame.clone());
                }
            }
            if !self.receive()? && !self.wait(until)? {
                return Err(self.missing(patience));
            }
        }
    }

    /// The next frame not passed over by an earlier wait; `None` when none came within `patience`.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn next_frame(&mut self, patience: Duration) -> Result<Option<Frame>> {
        let until = Instant::now() + patience;
        while self.seen >= self.frames.len() {
            if !self.receive()? && !self.wait(until)? {
                return Ok(None);
            }
        }
        self.seen += 1;
        Ok(self.frames.get(self.seen - 1).cloned())
    }

    /// Waits for an advert for which `wanted` holds; see [`Capture::await_frame`].
    ///
    /// # Errors
    /// When none came within `patience`.
    pub fn await_advert(
        &mut self,
        patience: Duration,
        mut wanted: impl FnMut(&Advert) -> bool,
    ) -> Result<(Stamp, Advert)> {
        let mut found = None;
        let frame = self.await_frame(patience, |frame| {
            found = frame.advert().filter(|advert| wanted(advert));
            found.is_some()
        })?;
        found.map(|advert| (frame.at, advert)).ok_or_else(|| Error::new("no advert"))
    }

    /// Waits for a gratuitous ARP or unsolicited neighbour advertisement for `addr`.
    ///
    /// # Errors
    /// When none came within `patience`.
    pub fn await_announcement(&mut self, patience: Duration, addr: IpAddr) -> Result<Frame> {
        self.await_frame(patience, |frame| frame.announces(addr))
    }

    /// Sends a frame as it is, from the Ethernet header on.
    ///
    /// # Errors
    /// When the interface is down or the kernel refuses.
    pub fn send(&self, bytes: &[u8]) -> Result<()> {
        loop {
            match send(self.socket.as_raw_fd(), bytes, MsgFlags::empty()) {
                Err(Errno::ENOBUFS | Errno::EINTR) => std::thread::yield_now(),
                result => {
                    return result.map(drop).context(|| format!("cannot send on {}", self.what));
                }
            }
        }
    }

    fn missing(&self, patience: Duration) -> Error {
        let last: Vec<String> = self.frames.iter().rev().take(5).rev().map(describe).collect();
        Error::new(format!(
            "nothing expected came on {} within {patience:?}; {} frames in all, the last of them:\n{}",
            self.what,
            self.frames.len(),
            last.join("\n")
        ))
    }

    /// Waits until a frame is there; false when `until` passed.
    fn wait(&self, until: Instant) -> Result<bool> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let timeout =
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(true),
            Err(e) => Err(e).context(|| format!("cannot wait for frames on {}", self.what)),
        }
    }

    /// Reads one frame; false when there is none.
    fn receive(&mut self) -> Result<bool> {
        let mut bytes = vec![0; 9216];
        let mut control = nix::cmsg_space!(TimeSpec);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let fd = self.socket.as_raw_fd();
        let received =
            recvmsg::<LinkAddr>(fd, &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT);
        let message = match received {
            Ok(message) => message,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(false),
            // The interface went down; frames will come again when it is back.
            Err(Errno::ENETDOWN) => return Ok(true),
            Err(e) => return Err(e).context(|| format!("cannot capture on {}", self.what)),
        };
        let stamped = message.cmsgs().ok().and_then(|mut all| {
            all.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(at) => Some(Stamp::from_epoch(at.into())),
                _ => None,
            })
        });
        let length = message.bytes;
        let from = message.address;
        bytes.truncate(length);
        let frame = Frame {
            at: stamped.unwrap_or_else(Stamp::now),
            interface: from.map_or(0, |addr| addr.ifindex() as u32),
            outgoing: from.is_some_and(|addr| addr.pkttype() == OUTGOING),
            bytes,
        };
        if (self.keep)(&frame) {
            self.frames.push(frame);
        }
        Ok(true)
    }
}

fn describe(frame: &Frame) -> String {
    format!("  {} {:?}", frame.at, frame.packet())
}

/// Opens a packet socket on `interface` in the namespace of the calling thread.
fn open(interface: &str) -> nix::Result<OwnedFd> {
    // The protocol is given on bind by the socket's own, so nothing of other interfaces that
    // arrives before stays: it is read away below.
    let fd = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        Some(SockProtocol::EthAll),
    )?;
    let addr = getifaddrs()?
        .filter(|found| found.interface_name == interface)
        .find_map(|found| found.address?.as_link_addr().copied())
        .ok_or(Errno::ENODEV)?;
    // Beyond the machine's limit for root only; in a user namespace the limit has to do.
    if setsockopt(&fd, sockopt::RcvBufForce, &BUFFER).is_err() {
        setsockopt(&fd, sockopt::RcvBuf, &BUFFER)?;
    }
    setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
    bind(fd.as_raw_fd(), &addr)?;
    let mut scrap = [0; 1];
    while nix::sys::socket::recv(fd.as_raw_fd(), &mut scrap, MsgFlags::MSG_DONTWAIT).is_ok() {}
    Ok(fd)
}
