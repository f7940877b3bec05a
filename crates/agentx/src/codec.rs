//! Packets to bytes and back (RFC 2741 sections 5 and 6).
//!
//! ```text
//!  0         1         2         3         4
//!  +---------+---------+---------+---------+
//!  | version | type    | flags   | 0       |
//!  | session                               |
//!  | transaction                           |
//!  | packet                                |
//!  | length of the payload                 |
//!  +---------------------------------------+
//! ```
//!
//! Both byte orders are read; network byte order is written.

use crate::oid::{MAX_SUBIDS, Oid};
use crate::pdu::{Body, CloseReason, Header, Pdu, Range, Registration, ResponseError};
use crate::value::{Value, VarBind};
use core::fmt;

/// Length of the header in bytes.
const HEADER: usize = 20;
/// Longest payload that is read: more than the largest SNMP message can ask for.
pub const MAX_PAYLOAD: usize = 256 * 1024;

const INSTANCE: u8 = 0x01;
const CONTEXT: u8 = 0x08;
const BIG_ENDIAN: u8 = 0x10;
/// `internet`: what a prefix byte stands for.
const INTERNET: [u32; 4] = [1, 3, 6, 1];

/// Why bytes are no packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// The stream is beyond repair: no packet begins here.
    Stream(&'static str),
    /// The payload of one packet makes no sense; the next packet can be read.
    Payload {
        /// Its header, to answer with.
        header: Header,
        /// Whether it is a response, which is not answered.
        response: bool,
        /// How many bytes it took.
        used: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Malformed::Stream(what) | Malformed::Payload { what, .. }) = self;
        f.write_str(what)
    }
}

impl core::error::Error for Malformed {}

/// Takes the first packet off `bytes`: the packet and how many bytes it took, or `None` while it is
/// incomplete.
///
/// # Errors
/// When the bytes are no packet.
pub fn decode(bytes: &[u8]) -> Result<Option<(Pdu, usize)>, Malformed> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
    let [version, kind, flags, ..] = *head;
    if version != 1 {
        return Err(Malformed::Stream("not version 1 of AgentX"));
    }
    let big = flags & BIG_ENDIAN != 0;
    let mut fields = Reader { rest: &head[4..], big };
    let mut field = || fields.u32().map_err(Malformed::Stream);
    let header = Header { session: field()?, transaction: field()?, packet: field()? };
    let length = field()? as usize;
    if length > MAX_PAYLOAD || !length.is_multiple_of(4) {
        return Err(Malformed::Stream("impossible length of a packet"));
    }
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    let used = HEADER + length;
    let mut reader = Reader { rest: payload, big };
    match reader.pdu(kind, flags) {
        Ok((context, body)) => Ok(Some((Pdu { header, context, body }, used))),
        Err(what) => Err(Malformed::Payload { header, response: kind == RESPONSE, used, what }),
    }
}

const RESPONSE: u8 = 18;

struct Reader<'a> {
    rest: &'a [u8],
    big: bool,
}

type Read<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk().ok_or("a packet ends too early")?;
        self.rest = rest;
        Ok(*head)
    }

    fn u16(&mut self) -> Read<u16> {
        let bytes = self.take()?;
        Ok(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&mut self) -> Read<u32> {
        let bytes = self.take()?;
        Ok(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn u64(&mut self) -> Read<u64> {
        let bytes = self.take()?;
        Ok(if self.big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// An OID and its `include` bit.
    fn oid(&mut self) -> Read<(Oid, bool)> {
        let [count, prefix, include, _] = self.take()?;
        let head = if prefix == 0 { 0 } else { INTERNET.len() + 1 };
        if usize::from(count) + head > MAX_SUBIDS {
            return Err("an object identifier is too long");
        }
        let mut ids = Vec::with_capacity(usize::from(count) + head);
        if prefix != 0 {
            ids.extend(INTERNET);
            ids.push(u32::from(prefix));
        }
        for _ in 0..count {
            ids.push(self.u32()?);
        }
        Ok((Oid::new(ids), include != 0))
    }

    fn octets(&mut self) -> Read<Vec<u8>> {
        let length = self.u32()? as usize;
        let (octets, rest) = self.rest.split_at_checked(length).ok_or("a string ends too early")?;
        let padding = length.next_multiple_of(4) - length;
        self.rest = rest.get(padding..).ok_or("a string ends too early")?;
        Ok(octets.to_vec())
    }

    fn binding(&mut self) -> Read<VarBind> {
        let tag = self.u16()?;
        self.take::<2>()?;
        let (name, _) = self.oid()?;
        let value = match tag {
            2 => Value::Integer(self.u32()?.cast_signed()),
            4 => Value::Octets(self.octets()?),
            5 => Value::Null,
            6 => Value::Oid(self.oid()?.0),
            64 => {
                let octets = self.octets()?;
                Value::Address(octets.try_into().map_err(|_| "an address is not of 4 bytes")?)
            }
            65 => Value::Counter32(self.u32()?),
            66 => Value::Gauge(self.u32()?),
            67 => Value::Ticks(self.u32()?),
            68 => Value::Opaque(self.octets()?),
            70 => Value::Counter64(self.u64()?),
            128 => Value::NoSuchObject,
            129 => Value::NoSuchInstance,
            130 => Value::EndOfMibView,
            _ => return Err("a value of no known type"),
        };
        Ok(VarBind { name, value })
    }

    fn bindings(&mut self) -> Read<Vec<VarBind>> {
        let mut all = Vec::new();
        while !self.rest.is_empty() {
            all.push(self.binding()?);
        }
        Ok(all)
    }

    fn ranges(&mut self) -> Read<Vec<Range>> {
        let mut all = Vec::new();
        while !self.rest.is_empty() {
            let (start, include) = self.oid()?;
            let (end, _) = self.oid()?;
            all.push(Range { start, include, end });
        }
        Ok(all)
    }

    fn registration(&mut self, flags: u8) -> Read<Registration> {
        let [timeout, priority, range, _] = self.take()?;
        let (subtree, _) = self.oid()?;
        let upper = if range == 0 { None } else { Some(self.u32()?) };
        let instance = flags & INSTANCE != 0;
        Ok(Registration { timeout, priority, range, subtree, upper, instance })
    }

    fn pdu(&mut self, kind: u8, flags: u8) -> Read<(Option<Vec<u8>>, Body)> {
        let context = if flags & CONTEXT != 0 { Some(self.octets()?) } else { None };
        let body = match kind {
            1 => {
                let [timeout, ..] = self.take::<4>()?;
                Body::Open { timeout, id: self.oid()?.0, description: self.octets()? }
            }
            2 => Body::Close(CloseReason::from_code(self.take::<4>()?[0])),
            3 => Body::Register(self.registration(flags)?),
            4 => Body::Unregister(self.registration(flags)?),
            5 => Body::Get(self.ranges()?),
            6 => Body::GetNext(self.ranges()?),
            7 => Body::GetBulk {
                non_repeaters: self.u16()?,
                max_repetitions: self.u16()?,
                ranges: self.ranges()?,
            },
            8 => Body::TestSet(self.bindings()?),
            9 => Body::CommitSet,
            10 => Body::UndoSet,
            11 => Body::CleanupSet,
            12 => Body::Notify(self.bindings()?),
            13 => Body::Ping,
            16 => Body::AddAgentCaps { id: self.oid()?.0, description: self.octets()? },
            17 => Body::RemoveAgentCaps(self.oid()?.0),
            RESPONSE => Body::Response {
                uptime: self.u32()?,
                error: ResponseError(self.u16()?),
                index: self.u16()?,
                bindings: self.bindings()?,
            },
            _ => return Err("a packet of no known type"),
        };
        if self.rest.is_empty() { Ok((context, body)) } else { Err("a packet is too long") }
    }
}

/// Appends `pdu` to `out`.
pub fn encode(pdu: &Pdu, out: &mut Vec<u8>) {
    let start = out.len();
    let (kind, instance) = match &pdu.body {
        Body::Open { .. } => (1, false),
        Body::Close(_) => (2, false),
        Body::Register(r) => (3, r.instance),
        Body::Unregister(r) => (4, r.instance),
        Body::Get(_) => (5, false),
        Body::GetNext(_) => (6, false),
        Body::GetBulk { .. } => (7, false),
        Body::TestSet(_) => (8, false),
        Body::CommitSet => (9, false),
        Body::UndoSet => (10, false),
        Body::CleanupSet => (11, false),
        Body::Notify(_) => (12, false),
        Body::Ping => (13, false),
        Body::AddAgentCaps { .. } => (16, false),
        Body::RemoveAgentCaps(_) => (17, false),
        Body::Response { .. } => (RESPONSE, false),
    };
    let context = if pdu.context.is_some() { CONTEXT } else { 0 };
    let instance = if instance { INSTANCE } else { 0 };
    out.extend([1, kind, BIG_ENDIAN | context | instance, 0]);
    for field in [pdu.header.session, pdu.header.transaction, pdu.header.packet, 0] {
        out.extend(field.to_be_bytes());
    }
    if let Some(context) = &pdu.context {
        octets(context, out);
    }
    body(&pdu.body, out);
    let length = (out.len() - start - HEADER) as u32;
    if let Some(field) = out.get_mut(start + HEADER - 4..start + HEADER) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

fn body(body: &Body, out: &mut Vec<u8>) {
    match body {
        Body::Open { timeout, id, description } => {
            out.extend([*timeout, 0, 0, 0]);
            oid(id, false, out);
            octets(description, out);
        }
        Body::Close(reason) => out.extend([reason.code(), 0, 0, 0]),
        Body::Register(r) | Body::Unregister(r) => {
            out.extend([r.timeout, r.priority, r.range, 0]);
            oid(&r.subtree, false, out);
            if r.range != 0 {
                out.extend(r.upper.unwrap_or_default().to_be_bytes());
            }
        }
        Body::Get(all) | Body::GetNext(all) => ranges(all, out),
        Body::GetBulk { non_repeaters, max_repetitions, ranges: all } => {
            out.extend(non_repeaters.to_be_bytes());
            out.extend(max_repetitions.to_be_bytes());
            ranges(all, out);
        }
        Body::TestSet(all) | Body::Notify(all) => bindings(all, out),
        Body::CommitSet | Body::UndoSet | Body::CleanupSet | Body::Ping => {}
        Body::AddAgentCaps { id, description } => {
            oid(id, false, out);
            octets(description, out);
        }
        Body::RemoveAgentCaps(id) => oid(id, false, out),
        Body::Response { uptime, error, index, bindings: all } => {
            out.extend(uptime.to_be_bytes());
            out.extend(error.0.to_be_bytes());
            out.extend(index.to_be_bytes());
            bindings(all, out);
        }
    }
}

fn oid(value: &Oid, include: bool, out: &mut Vec<u8>) {
    let short = value.below(&INTERNET).and_then(|below| match below {
        [first @ 1..=255, rest @ ..] => Some((*first as u8, rest)),
        _ => None,
    });
    let (prefix, rest) = short.unwrap_or((0, value.ids()));
    // An OID has at most MAX_SUBIDS sub-identifiers.
    out.extend([rest.len() as u8, prefix, u8::from(include), 0]);
    rest.iter().for_each(|id| out.extend(id.to_be_bytes()));
}

fn octets(value: &[u8], out: &mut Vec<u8>) {
    out.extend((value.len() as u32).to_be_bytes());
    out.extend(value);
    out.resize(out.len() + (value.len().next_multiple_of(4) - value.len()), 0);
}

fn ranges(all: &[Range], out: &mut Vec<u8>) {
    for range in all {
        oid(&range.start, range.include, out);
        oid(&range.end, false, out);
    }
}

fn bindings(all: &[VarBind], out: &mut Vec<u8>) {
    for VarBind { name, value } in all {
        out.extend(value.tag().to_be_bytes());
        out.extend([0, 0]);
        oid(name, false, out);
        match value {
            Value::Integer(v) => out.extend(v.to_be_bytes()),
            Value::Octets(v) | Value::Opaque(v) => octets(v, out),
            Value::Oid(v) => oid(v, false, out),
            Value::Address(v) => octets(v, out),
            Value::Counter32(v) | Value::Gauge(v) | Value::Ticks(v) => out.extend(v.to_be_bytes()),
            Value::Counter64(v) => out.extend(v.to_be_bytes()),
            Value::Null | Value::NoSuchObject | Value::NoSuchInstance | Value::EndOfMibView => {}
        }
    }
}

#[cfg(test)]
mod tests;
