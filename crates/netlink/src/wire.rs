//! Netlink framing: messages, attributes, nesting (`linux/netlink.h`).
//!
//! Reading never panics and never trusts a length: a message or attribute that claims more bytes
//! than there are ends the iteration. Writing appends to a caller's `Vec<u8>`, so that a batch of
//! many messages is one buffer.

use core::net::IpAddr;
use nix::libc;

/// Length of `struct nlmsghdr`.
pub const HEADER_LEN: usize = 16;
/// Length of `struct nlattr`.
const ATTR_LEN: usize = 4;
/// Attribute type without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const ATTR_TYPE_MASK: u16 = 0x3fff;
/// `NLA_F_NESTED`.
const ATTR_NESTED: u16 = 0x8000;

/// `NLMSG_ERROR`: an acknowledgement or an error.
pub const ERROR: u16 = libc::NLMSG_ERROR as u16;
/// `NLMSG_DONE`: the end of a dump.
pub const DONE: u16 = libc::NLMSG_DONE as u16;
/// `NLM_F_REQUEST`.
pub const F_REQUEST: u16 = libc::NLM_F_REQUEST as u16;
/// `NLM_F_ACK`.
pub const F_ACK: u16 = libc::NLM_F_ACK as u16;
/// `NLM_F_DUMP`.
pub const F_DUMP: u16 = libc::NLM_F_DUMP as u16;
/// `NLM_F_DUMP_INTR`: the dump changed while it was taken.
pub const F_DUMP_INTR: u16 = 0x10;
/// `NLM_F_CAPPED`: the answer leaves out the request's payload.
pub const F_CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes follow the answer.
pub const F_ACK_TLVS: u16 = 0x200;
/// `NLM_F_REPLACE`.
pub const F_REPLACE: u16 = libc::NLM_F_REPLACE as u16;
/// `NLM_F_EXCL`.
pub const F_EXCL: u16 = libc::NLM_F_EXCL as u16;
/// `NLM_F_CREATE`.
pub const F_CREATE: u16 = libc::NLM_F_CREATE as u16;
/// `NLM_F_APPEND`.
pub const F_APPEND: u16 = libc::NLM_F_APPEND as u16;

pub(crate) const fn align(len: usize) -> usize {
    (len + 3) & !3
}

/// The two bytes at `at`, in the host's order.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let raw = bytes.get(at..at.checked_add(2)?)?;
    raw.try_into().ok().map(u16::from_ne_bytes)
}

/// The four bytes at `at`, in the host's order.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..at.checked_add(4)?)?;
    raw.try_into().ok().map(u32::from_ne_bytes)
}

/// The eight bytes at `at`, most significant first.
pub fn be64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let raw = bytes.get(at..at.checked_add(8)?)?;
    raw.try_into().ok().map(u64::from_be_bytes)
}

/// The four bytes at `at`, most significant first.
pub fn be32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..at.checked_add(4)?)?;
    raw.try_into().ok().map(u32::from_be_bytes)
}

/// An address attribute of 4 or 16 bytes.
pub fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// A string attribute up to its NUL; bytes that are not UTF-8 are replaced.
pub fn string(bytes: &[u8]) -> String {
    let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// One received message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`.
    pub seq: u32,
    /// `nlmsg_pid`: port of the socket that this answers or that caused this news.
    pub port: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// The answer that an `NLMSG_ERROR` (or the end of a dump) carries: the errno, 0 for success.
    pub fn errno(&self) -> Option<i32> {
        let code = u32_at(self.payload, 0)? as i32;
        Some(code.checked_neg().unwrap_or(libc::EIO))
    }

    /// The kernel's explanation that an `NLMSG_ERROR` carries in its attributes.
    pub fn error_text(&self) -> Option<String> {
        /// `NLMSGERR_ATTR_MSG`.
        const ATTR_MSG: u16 = 1;
        if self.flags & F_ACK_TLVS == 0 {
            return None;
        }
        let request_len = u32_at(self.payload, 4)? as usize;
        let skip = if self.flags & F_CAPPED != 0 { HEADER_LEN } else { align(request_len) };
        let tail = self.payload.get(4usize.checked_add(skip)?..)?;
        attrs(tail).find(|(kind, _)| *kind == ATTR_MSG).map(|(_, value)| string(value))
    }
}

/// The messages of one datagram.
pub fn messages(datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = datagram;
    core::iter::from_fn(move || {
        let len = u32_at(rest, 0)? as usize;
        let payload = rest.get(HEADER_LEN..len)?;
        let message = Message {
            kind: u16_at(rest, 4)?,
            flags: u16_at(rest, 6)?,
            seq: u32_at(rest, 8)?,
            port: u32_at(rest, 12)?,
            payload,
        };
        rest = rest.get(align(len)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes in `bytes`: type without flag bits, and value.
pub fn attrs(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    core::iter::from_fn(move || {
        let len = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & ATTR_TYPE_MASK;
        let value = rest.get(ATTR_LEN..len)?;
        rest = rest.get(align(len)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A message being appended to a buffer; its length is filled in by [`Msg::finish`].
#[derive(Debug)]
pub struct Msg<'a> {
    buf: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Msg<'a> {
    /// Starts a message at the end of `buf`.
    pub fn begin(buf: &'a mut Vec<u8>, kind: u16, flags: u16, seq: u32) -> Self {
        let start = buf.len();
        buf.extend_from_slice(&[0; 4]);
        buf.extend_from_slice(&kind.to_ne_bytes());
        buf.extend_from_slice(&flags.to_ne_bytes());
        buf.extend_from_slice(&seq.to_ne_bytes());
        buf.extend_from_slice(&[0; 4]);
        Msg { buf, start }
    }

    /// Appends raw bytes, padded to four: a family header, for one.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
        self.pad();
    }

    /// Appends an attribute.
    pub fn attr(&mut self, kind: u16, value: &[u8]) {
        let len = u16::try_from(ATTR_LEN + value.len()).unwrap_or(u16::MAX);
        self.buf.extend_from_slice(&len.to_ne_bytes());
        self.buf.extend_from_slice(&kind.to_ne_bytes());
        let room = usize::from(len).saturating_sub(ATTR_LEN).min(value.len());
        self.buf.extend_from_slice(value.get(..room).unwrap_or_default());
        self.pad();
    }

    /// Appends a one-byte attribute.
    pub fn attr_u8(&mut self, kind: u16, value: u8) {
        self.attr(kind, &[value]);
    }

    /// Appends a two-byte attribute.
    pub fn attr_u16(&mut self, kind: u16, value: u16) {
        self.attr(kind, &value.to_ne_bytes());
    }

    /// Appends a four-byte attribute.
    pub fn attr_u32(&mut self, kind: u16, value: u32) {
        self.attr(kind, &value.to_ne_bytes());
    }

    /// Appends a four-byte attribute, most significant byte first.
    pub fn attr_be32(&mut self, kind: u16, value: u32) {
        self.attr(kind, &value.to_be_bytes());
    }

    /// Appends a NUL-terminated string attribute.
    pub fn attr_str(&mut self, kind: u16, value: &str) {
        let len = u16::try_from(ATTR_LEN + value.len() + 1).unwrap_or(u16::MAX);
        self.buf.extend_from_slice(&len.to_ne_bytes());
        self.buf.extend_from_slice(&kind.to_ne_bytes());
        let room = usize::from(len).saturating_sub(ATTR_LEN + 1).min(value.len());
        self.buf.extend_from_slice(value.as_bytes().get(..room).unwrap_or_default());
        self.buf.push(0);
        self.pad();
    }

    /// Appends an address attribute of 4 or 16 bytes.
    pub fn attr_ip(&mut self, kind: u16, value: IpAddr) {
        match value {
            IpAddr::V4(v4) => self.attr(kind, &v4.octets()),
            IpAddr::V6(v6) => self.attr(kind, &v6.octets()),
        }
    }

    /// Appends an attribute that holds the attributes which `body` appends.
    pub fn nest(&mut self, kind: u16, body: impl FnOnce(&mut Msg<'_>)) {
        let [k0, k1] = (kind | ATTR_NESTED).to_ne_bytes();
        self.counted(&[0, 0, k0, k1], body);
    }

    /// The same for an attribute whose content is no plain list of attributes, and so has no
    /// `NLA_F_NESTED` (`RTA_MULTIPATH`).
    pub fn wrap(&mut self, kind: u16, body: impl FnOnce(&mut Msg<'_>)) {
        let [k0, k1] = kind.to_ne_bytes();
        self.counted(&[0, 0, k0, k1], body);
    }

    /// Appends a struct, a multiple of four bytes long, whose first two bytes are to hold the
    /// length of itself and of what `body` appends (`struct rtnexthop`).
    pub fn counted(&mut self, head: &[u8], body: impl FnOnce(&mut Msg<'_>)) {
        let at = self.buf.len();
        self.buf.extend_from_slice(head);
        body(self);
        let len = u16::try_from(self.buf.len() - at).unwrap_or(u16::MAX);
        if let Some(slot) = self.buf.get_mut(at..at + 2) {
            slot.copy_from_slice(&len.to_ne_bytes());
        }
    }

    /// Writes the message's length into its header.
    pub fn finish(self) {
        let len = u32::try_from(self.buf.len() - self.start).unwrap_or(u32::MAX);
        if let Some(slot) = self.buf.get_mut(self.start..self.start + 4) {
            slot.copy_from_slice(&len.to_ne_bytes());
        }
    }

    fn pad(&mut self) {
        let to = self.start + align(self.buf.len() - self.start);
        self.buf.resize(to, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut buf = Vec::new();
        for seq in [7, 8] {
            let mut msg = Msg::begin(&mut buf, 20, F_REQUEST, seq);
            msg.bytes(&[1, 2, 3, 4]);
            msg.attr_str(3, "eth0");
            msg.nest(18, |nest| nest.attr_u8(1, 9));
            msg.finish();
        }
        let seen: Vec<_> = messages(&buf).collect();
        assert_eq!(seen.iter().map(|m| m.seq).collect::<Vec<_>>(), [7, 8]);
        let read: Vec<_> = attrs(&seen[1].payload[4..]).collect();
        assert_eq!(string(read[0].1), "eth0");
        assert_eq!(read[1].0, 18);
        assert_eq!(attrs(read[1].1).collect::<Vec<_>>(), [(1, &[9u8][..])]);
    }

    proptest! {
        #[test]
        fn reading_arbitrary_bytes_ends(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for message in messages(&bytes) {
                let _ = (message.errno(), message.error_text());
                prop_assert!(attrs(message.payload).count() <= message.payload.len());
            }
            prop_assert!(attrs(&bytes).count() <= bytes.len());
        }
    }
}
