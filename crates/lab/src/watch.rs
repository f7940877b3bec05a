//! Following addresses and links of a host, from netlink.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage as Rt;
use netlink_packet_route::link::{LinkAttribute, LinkFlags};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};

use crate::rtnl::{addr_of, split};
use crate::{Context, Error, Host, Result, Stamp};

/// Multicast groups of rtnetlink (`RTNLGRP_*` of linux/rtnetlink.h): links, v4 and v6 addresses.
const GROUPS: [u32; 3] = [1, 5, 9];
/// Room for changes that nobody has asked for yet, about 1 KiB each.
const BUFFER: usize = 64 << 20;

/// What happened to an address or a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An address was added to, or changed on, the interface.
    AddrAdded(u32, IpAddr),
    /// An address was removed from the interface.
    AddrRemoved(u32, IpAddr),
    /// A link is there, with whether it runs (up and with carrier).
    Link(String, bool),
    /// A link is gone.
    LinkGone(String),
}

/// A watch on one host, from the moment it is made on.
pub struct Watch {
    host: Host,
    socket: Socket,
    present: BTreeSet<(u32, IpAddr)>,
    changes: Vec<(Stamp, Change)>,
    seen: usize,
}

impl Watch {
    /// Starts to watch.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new(host: &Host) -> Result<Self> {
        let open = || -> std::io::Result<Socket> {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind(&SocketAddr::new(0, 0))?;
            if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
                socket.set_rx_buf_sz(BUFFER)?;
            }
            for group in GROUPS {
                socket.add_membership(group)?;
            }
            Ok(socket)
        };
        let socket = host.run(open)?.context(|| "cannot watch netlink")?;
        let present = host.addrs_by_index()?.into_iter().collect();
        Ok(Self { host: host.clone(), socket, present, changes: Vec::new(), seen: 0 })
    }

    /// Whether an interface of the host has the address.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn has(&mut self, addr: impl Into<IpAddr>) -> Result<bool> {
        while self.receive()? {}
        let addr = addr.into();
        Ok(self.present.iter().any(|(_, present)| *present == addr))
    }

    /// Everything that changed so far, oldest first.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn changes(&mut self) -> Result<&[(Stamp, Change)]> {
        while self.receive()? {}
        Ok(&self.changes)
    }

    /// How many of the addresses the host has.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn count(&mut self, addrs: &BTreeSet<IpAddr>) -> Result<usize> {
        while self.receive()? {}
        Ok(self.present.iter().filter(|(_, addr)| addrs.contains(addr)).count())
    }

    /// Forgets what changed so far.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn clear(&mut self) -> Result<()> {
        self.changes()?;
        self.changes.clear();
        self.seen = 0;
        Ok(())
    }

    /// How often the address was removed so far.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn removals(&mut self, addr: impl Into<IpAddr>) -> Result<usize> {
        let addr = addr.into();
        let removed =
            |change: &Change| matches!(change, Change::AddrRemoved(_, gone) if *gone == addr);
        Ok(self.changes()?.iter().filter(|(_, change)| removed(change)).count())
    }

    /// Waits until the address is there or not there; returns when that came to be (now, if it
    /// was so already).
    ///
    /// # Errors
    /// When it is not so within `patience`.
    pub fn await_addr(
        &mut self,
        patience: Duration,
        addr: impl Into<IpAddr>,
        present: bool,
    ) -> Result<Stamp> {
        let addr = addr.into();
        let until = Instant::now() + patience;
        while self.has(addr)? != present {
            if !self.wait(until)? {
                let state = if present { "appear" } else { "go" };
                let host = self.host.name();
                return Err(Error::new(format!(
                    "{addr} did not {state} on {host} within {patience:?}"
                )));
            }
        }
        let about = |change: &Change| matches!(change, Change::AddrAdded(_, a) | Change::AddrRemoved(_, a) if *a == addr);
        let last = self.changes.iter().rev().find(|(_, change)| about(change));
        Ok(last.map_or_else(Stamp::now, |(at, _)| *at))
    }

    /// Waits for a change for which `wanted` holds, among those not passed over by an earlier
    /// wait.
    ///
    /// # Errors
    /// When none came within `patience`.
    pub fn await_change(
        &mut self,
        patience: Duration,
        mut wanted: impl FnMut(&Change) -> bool,
    ) -> Result<(Stamp, Change)> {
        let until = Instant::now() + patience;
        loop {
            while let Some(change) = self.changes.get(self.seen) {
                self.seen += 1;
                if wanted(&change.1) {
                    return Ok(change.clone());
                }
            }
            if !self.receive()? && !self.wait(until)? {
                let host = self.host.name();
                return Err(Error::new(format!("no such change on {host} within {patience:?}")));
            }
        }
    }

    /// The next change not passed over by an earlier wait; `None` when none came within
    /// `patience`.
    ///
    /// # Errors
    /// When the socket fails.
    pub fn next_change(&mut self, patience: Duration) -> Result<Option<(Stamp, Change)>> {
        let until = Instant::now() + patience;
        while self.seen >= self.changes.len() {
            if !self.receive()? && !self.wait(until)? {
                return Ok(None);
            }
        }
        self.seen += 1;
        Ok(self.changes.get(self.seen - 1).cloned())
    }

    fn wait(&self, until: Instant) -> Result<bool> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let timeout =
            PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(true),
            Err(e) => Err(e).context(|| "cannot wait for netlink"),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.socket)
    }

    /// Reads one datagram; false when there is none.
    fn receive(&mut self) -> Result<bool> {
        let mut bytes = Vec::with_capacity(64 << 10);
        match self.socket.recv(&mut bytes, MSG_DONTWAIT) {
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(e) => return Err(e).context(|| "cannot read netlink"),
        }
        let at = Stamp::now();
        for message in split(&bytes) {
            if let NetlinkPayload::InnerMessage(inner) = message.payload {
                self.note(at, &inner);
            }
        }
        Ok(true)
    }

    fn note(&mut self, at: Stamp, message: &Rt) {
        let change = match message {
            Rt::NewAddress(_) => addr_of(message).map(|(index, addr)| {
                self.present.insert((index, addr));
                Change::AddrAdded(index, addr)
            }),
            Rt::DelAddress(_) => addr_of(message).map(|(index, addr)| {
                self.present.remove(&(index, addr));
                Change::AddrRemoved(index, addr)
            }),
            Rt::NewLink(link) => name_of(link).map(|name| {
                let runs = LinkFlags::Up | LinkFlags::Running;
                Change::Link(name, link.header.flags.contains(runs))
            }),
            Rt::DelLink(link) => name_of(link).map(Change::LinkGone),
            _ => None,
        };
        self.changes.extend(change.map(|change| (at, change)));
    }
}

/// `MSG_DONTWAIT`, whose constant nix gives as a type of its own.
const MSG_DONTWAIT: i32 = nix::sys::socket::MsgFlags::MSG_DONTWAIT.bits();

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.socket.as_raw_fd()
    }
}

fn name_of(link: &netlink_packet_route::link::LinkMessage) -> Option<String> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })
}
