//! Opening VRRP's sockets (ip(7), ipv6(7), raw(7), packet(7)).
//!
//! A receiver is bound to one interface and to a multicast group or a unicast address; a sender
//! serves every interface of its family and never receives; a link sender serves GARP and
//! neighbour adverts. All are non-blocking and close-on-exec, and need NET_RAW.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use nix::libc;
use nix::sys::socket::{SockaddrIn, SockaddrIn6, bind, setsockopt, sockopt};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use types::Family;

/// IP protocol of VRRP (RFC 9568 section 5.1.1.4).
pub const VRRP: i32 = 112;
/// IP protocol of the authentication header that version 2 may be wrapped in.
pub const AH: i32 = 51;

/// `IPV6_MULTICAST_ALL`, not in libc.
const IPV6_MULTICAST_ALL: i32 = 29;
/// Offset of the checksum in a VRRP message, for the kernel to fill in and verify (IPv6).
const CHECKSUM_OFFSET: i32 = 6;
/// Internet control: the type of service of every advert.
const TOS_CONTROL: i32 = 0xc0;
/// Hop limit of multicast adverts, from which receivers know that we are on their link.
const HOPS: i32 = 255;

/// Which adverts a receiver gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// [`VRRP`] or [`AH`].
    pub protocol: i32,
    /// Name of the interface.
    pub device: String,
    /// Index of the interface.
    pub ifindex: u32,
    /// The group to join or the unicast address to listen on; it decides the family.
    pub local: IpAddr,
    /// Room for unread adverts in bytes; 0: the system's default.
    pub rcvbuf: usize,
}

impl Receiver {
    /// Opens the socket. IPv4 delivers the IP header with each advert; IPv6 delivers the hop
    /// limit as control data and has the checksum verified by the kernel. Both deliver packet
    /// info.
    ///
    /// # Errors
    /// Those of socket(2), setsockopt(2) and bind(2), with the step that failed.
    pub fn open(&self) -> io::Result<OwnedFd> {
        let fd = raw(Family::of(self.local), self.protocol)?;
        // A multicast group joined elsewhere is none of ours: this comes before the join.
        match self.local {
            IpAddr::V4(addr) => self.set_up_v4(&fd, addr)?,
            IpAddr::V6(addr) => self.set_up_v6(&fd, addr)?,
        }
        if self.rcvbuf > 0 {
            step("receive buffer", set_rcvbuf(&fd, self.rcvbuf))?;
        }
        Ok(fd)
    }

    fn bind_to_device(&self, fd: &OwnedFd) -> io::Result<()> {
        let device = OsString::from(&self.device);
        let bound = setsockopt(fd, sockopt::BindToDevice, &device);
        step("bind to device", bound.map_err(io::Error::from))
    }

    fn set_up_v4(&self, fd: &OwnedFd, addr: Ipv4Addr) -> io::Result<()> {
        self.bind_to_device(fd)?;
        step("multicast all", option(fd, libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, &0i32))?;
        step("packet info", option(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, &1i32))?;
        if addr.is_multicast() {
            let join = libc::ip_mreqn {
                imr_multiaddr: libc::in_addr { s_addr: u32::from(addr).to_be() },
                imr_address: libc::in_addr { s_addr: 0 },
                imr_ifindex: self.ifindex as i32,
            };
            step("join group", option(fd, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &join))?;
        } else {
            // The address may come and go with the instance; the socket stays.
            step("free bind", option(fd, libc::IPPROTO_IP, libc::IP_FREEBIND, &1i32))?;
        }
        let name = SockaddrIn::from(SocketAddrV4::new(addr, 0));
        step("bind", bind(fd.as_raw_fd(), &name).map_err(io::Error::from))
    }

    fn set_up_v6(&self, fd: &OwnedFd, addr: Ipv6Addr) -> io::Result<()> {
        const LEVEL: i32 = libc::IPPROTO_IPV6;
        self.bind_to_device(fd)?;
        step("multicast all", option(fd, LEVEL, IPV6_MULTICAST_ALL, &0i32))?;
        step("packet info", option(fd, LEVEL, libc::IPV6_RECVPKTINFO, &1i32))?;
        step("hop limit", option(fd, LEVEL, libc::IPV6_RECVHOPLIMIT, &1i32))?;
        if self.protocol == VRRP {
            step("checksum", option(fd, LEVEL, libc::IPV6_CHECKSUM, &CHECKSUM_OFFSET))?;
        }
        if addr.is_multicast() {
            let join = libc::ipv6_mreq {
                ipv6mr_multiaddr: libc::in6_addr { s6_addr: addr.octets() },
                ipv6mr_interface: self.ifindex as _,
            };
            step("join group", option(fd, LEVEL, libc::IPV6_ADD_MEMBERSHIP, &join))?;
        } else {
            step("free bind", option(fd, LEVEL, libc::IPV6_FREEBIND, &1i32))?;
        }
        let name = SockaddrIn6::from(SocketAddrV6::new(addr, 0, 0, self.ifindex));
        step("bind", bind(fd.as_raw_fd(), &name).map_err(io::Error::from))
    }
}

/// Which adverts a sender is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// Family.
    pub family: Family,
    /// [`VRRP`] or [`AH`].
    pub protocol: i32,
    /// For multicast: never through a router, never back to ourselves. A unicast sender follows
    /// the routing table.
    pub multicast: bool,
    /// Hop limit of unicast IPv6 adverts; `None`: the system's. IPv4's is in the header that the
    /// caller writes.
    pub unicast_hops: Option<u8>,
}

impl Sender {
    /// Opens the socket. IPv4 payloads start with the IP header, whose checksum the kernel fills
    /// in; IPv6 payloads start with the VRRP message, whose checksum the kernel fills in. Name the
    /// interface of each message with [`To::Via`](crate::mmsg::To::Via).
    ///
    /// # Errors
    /// Those of socket(2) and setsockopt(2), with the step that failed.
    pub fn open(&self) -> io::Result<OwnedFd> {
        let fd = raw(self.family, self.protocol)?;
        step("filter", drop_all(&fd))?;
        if self.multicast {
            step("don't route", option(&fd, libc::SOL_SOCKET, libc::SO_DONTROUTE, &1i32))?;
        }
        match self.family {
            Family::V4 => {
                const LEVEL: i32 = libc::IPPROTO_IP;
                step("own header", option(&fd, LEVEL, libc::IP_HDRINCL, &1i32))?;
                step("multicast loop", option(&fd, LEVEL, libc::IP_MULTICAST_LOOP, &0i32))?;
            }
            Family::V6 => {
                const LEVEL: i32 = libc::IPPROTO_IPV6;
                step("multicast loop", option(&fd, LEVEL, libc::IPV6_MULTICAST_LOOP, &0i32))?;
                step("multicast hops", option(&fd, LEVEL, libc::IPV6_MULTICAST_HOPS, &HOPS))?;
                step("traffic class", option(&fd, LEVEL, libc::IPV6_TCLASS, &TOS_CONTROL))?;
                if self.protocol == VRRP {
                    step("checksum", option(&fd, LEVEL, libc::IPV6_CHECKSUM, &CHECKSUM_OFFSET))?;
                }
                if let Some(hops) = self.unicast_hops {
                    let hops = i32::from(hops);
                    step("unicast hops", option(&fd, LEVEL, libc::IPV6_UNICAST_HOPS, &hops))?;
                }
            }
        }
        Ok(fd)
    }
}

/// Opens a packet socket that only sends: the kernel writes the link-layer header with the
/// interface's own address as source. Name interface, Ethernet type and destination of each
/// message with [`To::Link`](crate::mmsg::To::Link).
///
/// # Errors
/// Those of socket(2).
pub fn link_sender() -> io::Result<OwnedFd> {
    let flags = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // Protocol 0: nothing is ever received.
    // SAFETY: socket(2) with integers.
    let fd = unsafe { libc::socket(libc::AF_PACKET, flags, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets the room for unread data, beyond the system's limit where NET_ADMIN allows it.
///
/// # Errors
/// Those of setsockopt(2).
pub fn set_rcvbuf(fd: impl AsFd, bytes: usize) -> io::Result<()> {
    if setsockopt(&fd, sockopt::RcvBufForce, &bytes).is_err() {
        setsockopt(&fd, sockopt::RcvBuf, &bytes)?;
    }
    Ok(())
}

fn raw(family: Family, protocol: i32) -> io::Result<OwnedFd> {
    let domain = match family {
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
    };
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: socket(2) with integers.
    let fd = unsafe { libc::socket(domain, kind, protocol) };
    if fd < 0 {
        return step("raw socket", Err(io::Error::last_os_error()));
    }
    // SAFETY: the descriptor is new and ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A filter that lets nothing through: a raw socket that only sends would else fill up with
/// everybody's adverts.
fn drop_all(fd: &OwnedFd) -> io::Result<()> {
    let mut code =
        [libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0 }];
    let program = libc::sock_fprog { len: 1, filter: code.as_mut_ptr() };
    option(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

fn option<T>(fd: &OwnedFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    // SAFETY: the kernel reads as many bytes as `value` has; a pointer in it (the filter's) is
    // valid for the call.
    let done = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            core::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn step<T>(what: &str, done: io::Result<T>) -> io::Result<T> {
    done.map_err(|e| io::Error::new(e.kind(), format!("{what}: {e}")))
}
