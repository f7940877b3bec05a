//! Many datagrams per system call: recvmmsg(2) and sendmmsg(2) with buffers that are kept.
//!
//! One raw socket serves many interfaces: an outgoing message names its interface in its control
//! data (`IP_PKTINFO`, `IPV6_PKTINFO`) or link-layer address, so that the adverts of all instances
//! that are due together leave by one call.

use core::mem::{self, MaybeUninit};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use core::ptr;
use nix::libc;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Room for the control data of one message: packet info, TTL, time stamp and more.
const CONTROL_LEN: usize = 128;
/// Messages per sendmmsg(2).
const SEND_MAX: usize = 256;

#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_LEN]);

/// A received datagram and what the kernel says about it.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// Its bytes; of a raw IPv4 socket with the IP header.
    pub payload: &'a [u8],
    /// Who sent it; `None` on packet sockets.
    pub source: Option<SocketAddr>,
    /// Interface that it came in by; 0 when unknown.
    pub ifindex: u32,
    /// Address that it was sent to, where the socket asks for it.
    pub destination: Option<IpAddr>,
    /// TTL or hop limit, where the socket asks for it.
    pub ttl: Option<u8>,
    /// It was longer than the buffer.
    pub truncated: bool,
}

/// Buffers for receiving.
pub struct RecvBatch {
    size: usize,
    data: Vec<u8>,
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    iovs: Vec<libc::iovec>,
    heads: Vec<libc::mmsghdr>,
    count: usize,
}

impl RecvBatch {
    /// Buffers for up to `slots` datagrams per call (at least one), each of up to `size` bytes.
    pub fn new(slots: usize, size: usize) -> Self {
        let slots = slots.max(1);
        // SAFETY: these are plain C structures, for which all zero is valid.
        let (name, iov, head) = unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
        RecvBatch {
            size,
            data: vec![0; slots * size],
            names: vec![name; slots],
            controls: vec![Control([0; CONTROL_LEN]); slots],
            iovs: vec![iov; slots],
            heads: vec![head; slots],
            count: 0,
        }
    }

    /// Receives what waits, up to the number of slots, without blocking; returns how many came.
    /// Equal to the number of slots means that more may wait.
    ///
    /// # Errors
    /// Those of recvmmsg(2), save that nothing to receive is 0. An error of the socket
    /// (`ENETDOWN`, for one) is reported once and cleared by that.
    pub fn recv(&mut self, fd: impl AsFd) -> io::Result<usize> {
        self.count = 0;
        self.prepare();
        // SAFETY: each header points to a name, a buffer and control data of the lengths it says,
        // all owned by self, which is exclusively borrowed during the call.
        let count = unsafe {
            libc::recvmmsg(
                fd.as_fd().as_raw_fd(),
                self.heads.as_mut_ptr(),
                self.heads.len() as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        match usize::try_from(count) {
            Ok(count) => {
                self.count = count;
                Ok(count)
            }
            Err(_) => match io::Error::last_os_error() {
                e if e.kind() == io::ErrorKind::WouldBlock => Ok(0),
                e if e.kind() == io::ErrorKind::Interrupted => Ok(0),
                e => Err(e),
            },
        }
    }

    /// Points the headers to their buffers; the kernel has changed the lengths.
    fn prepare(&mut self) {
        let parts = self.data.chunks_exact_mut(self.size.max(1)).zip(&mut self.names);
        let heads = self.iovs.iter_mut().zip(&mut self.controls).zip(&mut self.heads);
        for ((data, name), ((iov, control), head)) in parts.zip(heads) {
            iov.iov_base = data.as_mut_ptr().cast();
            iov.iov_len = data.len();
            head.msg_hdr.msg_name = ptr::from_mut(name).cast();
            head.msg_hdr.msg_namelen = size_of_val(name) as libc::socklen_t;
            head.msg_hdr.msg_iov = iov;
            head.msg_hdr.msg_iovlen = 1;
            head.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            head.msg_hdr.msg_controllen = CONTROL_LEN as _;
            head.msg_hdr.msg_flags = 0;
        }
    }

    /// The datagrams of the last [`RecvBatch::recv`], in the order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        let heads = self.heads.iter().take(self.count).zip(&self.names);
        heads.zip(self.data.chunks_exact(self.size.max(1))).map(|((head, name), data)| {
            let len = (head.msg_len as usize).min(data.len());
            let mut datagram = Datagram {
                payload: data.get(..len).unwrap_or_default(),
                source: None,
                ifindex: 0,
                destination: None,
                ttl: None,
                truncated: head.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            };
            if head.msg_hdr.msg_namelen > 0 {
                take_name(name, &mut datagram);
            }
            take_control(&head.msg_hdr, &mut datagram);
            datagram
        })
    }
}

impl core::fmt::Debug for RecvBatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RecvBatch({} of {} bytes)", self.heads.len(), self.size)
    }
}

fn take_name(name: &libc::sockaddr_storage, datagram: &mut Datagram<'_>) {
    let at = ptr::from_ref(name);
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which structure it is, and the storage is large enough for
            // all of them.
            let v4 = unsafe { *at.cast::<libc::sockaddr_in>() };
            let addr = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            datagram.source = Some((addr, u16::from_be(v4.sin_port)).into());
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { *at.cast::<libc::sockaddr_in6>() };
            let addr = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            let port = u16::from_be(v6.sin6_port);
            datagram.source = Some(SocketAddrV6::new(addr, port, 0, v6.sin6_scope_id).into());
            datagram.ifindex = v6.sin6_scope_id;
        }
        libc::AF_PACKET => {
            // SAFETY: as above.
            let link = unsafe { *at.cast::<libc::sockaddr_ll>() };
            datagram.ifindex = link.sll_ifindex as u32;
        }
        _ => {}
    }
}

fn take_control(head: &libc::msghdr, datagram: &mut Datagram<'_>) {
    // SAFETY: the kernel has written msg_controllen bytes of well-formed control messages; the
    // macros stay within them, and each payload is read by the type that its level and type say,
    // unaligned.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(head);
        while !at.is_null() {
            let data = libc::CMSG_DATA(at);
            match ((*at).cmsg_level, (*at).cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = data.cast::<libc::in_pktinfo>().read_unaligned();
                    datagram.ifindex = info.ipi_ifindex as u32;
                    let addr = Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr));
                    datagram.destination = Some(addr.into());
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = data.cast::<libc::in6_pktinfo>().read_unaligned();
                    datagram.ifindex = info.ipi6_ifindex as u32;
                    datagram.destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
                }
                (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                    let ttl = data.cast::<libc::c_int>().read_unaligned();
                    datagram.ttl = u8::try_from(ttl).ok();
                }
                _ => {}
            }
            at = libc::CMSG_NXTHDR(head, at);
        }
    }
}

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// An IP address, by an interface of the routing table's choice.
    Ip(IpAddr),
    /// An IP address, by this interface.
    Via {
        /// Destination.
        addr: IpAddr,
        /// Interface.
        ifindex: u32,
        /// Source address, where the header is not part of the payload.
        source: Option<IpAddr>,
    },
    /// A link-layer address, on a packet socket for datagrams.
    Link {
        /// Interface.
        ifindex: u32,
        /// Ethernet type.
        protocol: u16,
        /// Destination, zero padded.
        mac: [u8; 20],
        /// How many bytes of it count: 6 on Ethernet, 20 on InfiniBand.
        mac_len: u8,
    },
}

impl To {
    /// A link-layer address, of which 20 bytes count at most.
    pub fn link(ifindex: u32, protocol: u16, addr: &[u8]) -> Self {
        let mut mac = [0; 20];
        mac.iter_mut().zip(addr).for_each(|(to, from)| *to = *from);
        To::Link { ifindex, protocol, mac, mac_len: addr.len().min(mac.len()) as u8 }
    }
}

#[derive(Debug, Clone, Copy)]
struct Item {
    start: usize,
    len: usize,
    to: To,
}

/// A queue of datagrams for one socket, and buffers for sending them.
#[derive(Default)]
pub struct SendBatch {
    data: Vec<u8>,
    items: Vec<Item>,
    next: usize,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    names: Vec<libc::sockaddr_storage>,
    controls: Vec<Control>,
    iovs: Vec<libc::iovec>,
    heads: Vec<libc::mmsghdr>,
}

impl SendBatch {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Queues a datagram and returns its index, by which a failure is reported.
    pub fn push(&mut self, to: To, payload: &[u8]) -> usize {
        self.push_with(to, |data| data.extend_from_slice(payload))
    }

    /// Queues the datagram that `write` appends, without a buffer in between.
    pub fn push_with(&mut self, to: To, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.data.len();
        write(&mut self.data);
        self.items.push(Item { start, len: self.data.len().saturating_sub(start), to });
        self.items.len() - 1
    }

    /// Datagrams that have not been sent.
    pub fn unsent(&self) -> usize {
        self.items.len() - self.next
    }

    /// Whether everything has been sent.
    pub fn is_empty(&self) -> bool {
        self.unsent() == 0
    }

    /// Forgets everything, keeping the room.
    pub fn clear(&mut self) {
        self.data.clear();
        self.items.clear();
        self.next = 0;
    }

    /// Sends what is queued, without blocking. A datagram that the kernel refuses is reported to
    /// `failed` by its index and skipped. Returns whether all are done; `false` means that the
    /// socket's buffer is full: call again when it is writable. When all are done the queue is
    /// empty again, and indices start over.
    pub fn send(&mut self, fd: impl AsFd, mut failed: impl FnMut(usize, io::Error)) -> bool {
        while self.next < self.items.len() {
            let count = self.prepare();
            // SAFETY: the first `count` headers point to names, buffers and control data of the
            // lengths they say, all owned by self, which is exclusively borrowed.
            let sent = unsafe {
                libc::sendmmsg(
                    fd.as_fd().as_raw_fd(),
                    self.scratch.heads.as_mut_ptr(),
                    count as libc::c_uint,
                    (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
                )
            };
            match usize::try_from(sent) {
                Ok(sent) => self.next += sent.min(count),
                Err(_) => match io::Error::last_os_error() {
                    e if e.kind() == io::ErrorKind::WouldBlock => return false,
                    e if e.kind() == io::ErrorKind::Interrupted => {}
                    e => {
                        failed(self.next, e);
                        self.next += 1;
                    }
                },
            }
        }
        self.clear();
        true
    }

    /// Points headers to the next items; returns how many.
    fn prepare(&mut self) -> usize {
        let count = self.unsent().min(SEND_MAX);
        let scratch = &mut self.scratch;
        if scratch.heads.len() < count {
            // SAFETY: these are plain C structures, for which all zero is valid.
            let (name, iov, head) = unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
            scratch.names.resize(count, name);
            scratch.controls.resize(count, Control([0; CONTROL_LEN]));
            scratch.iovs.resize(count, iov);
            scratch.heads.resize(count, head);
        }
        let parts = scratch.names.iter_mut().zip(&mut scratch.controls);
        let heads = scratch.iovs.iter_mut().zip(&mut scratch.heads);
        let items = self.items.iter().skip(self.next).take(count);
        for (item, ((name, control), (iov, head))) in items.zip(parts.zip(heads)) {
            let bytes = self.data.get(item.start..item.start + item.len).unwrap_or_default();
            iov.iov_base = bytes.as_ptr().cast_mut().cast();
            iov.iov_len = bytes.len();
            head.msg_hdr.msg_iov = iov;
            head.msg_hdr.msg_iovlen = 1;
            head.msg_hdr.msg_name = ptr::from_mut(name).cast();
            head.msg_hdr.msg_namelen = put_name(name, &item.to);
            head.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            head.msg_hdr.msg_controllen = CONTROL_LEN as _;
            put_control(&mut head.msg_hdr, &item.to);
        }
        count
    }
}

impl core::fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SendBatch({} unsent)", self.unsent())
    }
}

/// Writes a socket address; returns its length.
fn put_name(name: &mut libc::sockaddr_storage, to: &To) -> libc::socklen_t {
    fn put<T>(name: &mut libc::sockaddr_storage, addr: T) -> libc::socklen_t {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        // SAFETY: the storage is large enough (checked above) and aligned for every address.
        unsafe { ptr::from_mut(name).cast::<T>().write(addr) };
        size_of::<T>() as libc::socklen_t
    }
    // SAFETY: these are plain C structures, for which all zero is valid.
    let (mut v4, mut v6, mut link): (libc::sockaddr_in, libc::sockaddr_in6, libc::sockaddr_ll) =
        unsafe { (mem::zeroed(), mem::zeroed(), mem::zeroed()) };
    match *to {
        To::Ip(IpAddr::V4(addr)) | To::Via { addr: IpAddr::V4(addr), .. } => {
            v4.sin_family = libc::AF_INET as _;
            v4.sin_addr.s_addr = u32::from(addr).to_be();
            put(name, v4)
        }
        To::Ip(IpAddr::V6(addr)) => {
            v6.sin6_family = libc::AF_INET6 as _;
            v6.sin6_addr.s6_addr = addr.octets();
            put(name, v6)
        }
        To::Via { addr: IpAddr::V6(addr), ifindex, .. } => {
            v6.sin6_family = libc::AF_INET6 as _;
            v6.sin6_addr.s6_addr = addr.octets();
            // A link-local destination means nothing without its link.
            v6.sin6_scope_id = ifindex;
            put(name, v6)
        }
        To::Link { ifindex, protocol, mac, mac_len } => {
            link.sll_family = libc::AF_PACKET as _;
            link.sll_protocol = protocol.to_be();
            link.sll_ifindex = ifindex as i32;
            link.sll_halen = mac_len;
            let len = put(name, link);
            // An address longer than the field goes on past it (packet(7), InfiniBand).
            let at = mem::offset_of!(libc::sockaddr_ll, sll_addr);
            // SAFETY: the storage has room for the address behind the fixed fields.
            unsafe {
                ptr::from_mut(name).cast::<[u8; 20]>().byte_add(at).write_unaligned(mac);
            }
            len.max((at + usize::from(mac_len)) as libc::socklen_t)
        }
    }
}

/// Writes the packet info that `to` asks for.
fn put_control(head: &mut libc::msghdr, to: &To) {
    let To::Via { addr, ifindex, source } = *to else {
        head.msg_control = ptr::null_mut();
        head.msg_controllen = 0;
        return;
    };
    match addr {
        IpAddr::V4(_) => {
            // SAFETY: a plain C structure, for which all zero is valid.
            let mut info: libc::in_pktinfo = unsafe { mem::zeroed() };
            info.ipi_ifindex = ifindex as i32;
            if let Some(IpAddr::V4(source)) = source {
                info.ipi_spec_dst.s_addr = u32::from(source).to_be();
            }
            put_message(head, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        IpAddr::V6(_) => {
            // SAFETY: as above.
            let mut info: libc::in6_pktinfo = unsafe { mem::zeroed() };
            info.ipi6_ifindex = ifindex as _;
            if let Some(IpAddr::V6(source)) = source {
                info.ipi6_addr.s6_addr = source.octets();
            }
            put_message(head, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
        }
    }
}

/// Writes one control message into the head's control buffer, which has [`CONTROL_LEN`] bytes.
fn put_message<T: Copy>(head: &mut libc::msghdr, level: i32, kind: i32, value: T) {
    const { assert!(size_of::<T>() + 2 * size_of::<libc::cmsghdr>() <= CONTROL_LEN) };
    let len = size_of::<T>() as libc::c_uint;
    // SAFETY: the control buffer is writable, aligned, and has room for the header and the value
    // (checked above), so the first header exists; the value is written unaligned.
    unsafe {
        head.msg_controllen = libc::CMSG_SPACE(len) as _;
        let at = libc::CMSG_FIRSTHDR(head);
        if at.is_null() {
            return;
        }
        (*at).cmsg_level = level;
        (*at).cmsg_type = kind;
        (*at).cmsg_len = libc::CMSG_LEN(len) as _;
        libc::CMSG_DATA(at).cast::<MaybeUninit<T>>().write_unaligned(MaybeUninit::new(value));
    }
}
