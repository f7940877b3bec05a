//! Sets, maps and their elements.

use super::expr::padded;
use crate::wire::Msg;
use core::net::IpAddr;
use nix::libc;

/// `NFTA_SET_*`.
mod nfta {
    pub const SET_TABLE: u16 = 1;
    pub const SET_NAME: u16 = 2;
    pub const SET_FLAGS: u16 = 3;
    pub const SET_KEY_TYPE: u16 = 4;
    pub const SET_KEY_LEN: u16 = 5;
    pub const SET_DATA_TYPE: u16 = 6;
    pub const SET_DATA_LEN: u16 = 7;
    pub const SET_DESC: u16 = 9;
    pub const SET_ID: u16 = 10;
    pub const SET_USERDATA: u16 = 13;
    pub const SET_EXPR: u16 = 17;
    pub const DESC_CONCAT: u16 = 2;
    pub const FIELD_LEN: u16 = 1;
    pub const EXPR_NAME: u16 = 1;
    pub const LIST_ELEM: u16 = 1;
    pub const ELEM_KEY: u16 = 1;
    pub const ELEM_DATA: u16 = 2;
    pub const ELEM_KEY_END: u16 = 10;
    pub const DATA_VALUE: u16 = 1;
}

/// `NFT_SET_CONCAT`: the kernel knows of the parts of a key, each of which may be a range.
const SET_CONCAT: u32 = 0x80;
/// Bits per part in the number that names a concatenated type to nft.
const TYPE_BITS: u32 = 6;
/// What nft keeps with a set so that it can print it: byte order of keys and of data.
const UDATA_KEY_ORDER: u8 = 0;
const UDATA_DATA_ORDER: u8 = 1;
const ORDER_HOST: u32 = 1;
const ORDER_BIG: u32 = 2;

/// Type of a key, of a part of a key, or of a map's data. The kernel knows lengths alone; the
/// numbers are nft's, which prints by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `ipv4_addr`.
    Ip4Addr = 7,
    /// `ipv6_addr`.
    Ip6Addr = 8,
    /// `inet_service`.
    Port = 13,
    /// `mark`.
    Mark = 19,
    /// `iface_index`.
    IfIndex = 20,
    /// `icmpv6_type`.
    Icmp6Type = 29,
    /// `ifname`.
    IfName = 41,
}

impl DataType {
    const fn len(self) -> u32 {
        match self {
            DataType::Icmp6Type => 1,
            DataType::Port => 2,
            DataType::Ip4Addr | DataType::Mark | DataType::IfIndex => 4,
            DataType::Ip6Addr => 16,
            DataType::IfName => libc::IFNAMSIZ as u32,
        }
    }

    const fn order(self) -> u32 {
        match self {
            DataType::Mark | DataType::IfIndex | DataType::IfName => ORDER_HOST,
            _ => ORDER_BIG,
        }
    }
}

/// A set or, with data, a map.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// Type of the key, or of its parts in order.
    pub key: Vec<DataType>,
    /// Type of what a key is mapped to.
    pub data: Option<DataType>,
    /// Its elements never change once rules use it.
    pub constant: bool,
    /// Its keys, of more than one part, are ranges ([`Element::range`]).
    pub ranges: bool,
    /// Each element counts what it matches.
    pub counted: bool,
}

impl Set {
    /// A set of keys that consist of `key`'s parts.
    pub fn new(name: &str, key: &[DataType]) -> Self {
        let (name, key) = (name.to_owned(), key.to_vec());
        Set { name, key, data: None, constant: false, ranges: false, counted: false }
    }

    /// A map.
    pub fn map(name: &str, key: DataType, data: DataType) -> Self {
        Set { data: Some(data), ..Set::new(name, &[key]) }
    }

    fn key_len(&self) -> u32 {
        match self.key.as_slice() {
            [only] => only.len(),
            parts => parts.iter().map(|part| part.len().next_multiple_of(4)).sum(),
        }
    }

    /// Appends the attributes of `NFT_MSG_NEWSET`; `id` is its number in the transaction.
    pub(super) fn encode(&self, table: &str, id: u32, msg: &mut Msg<'_>) {
        let mut flags = 0;
        if self.constant {
            flags |= libc::NFT_SET_CONSTANT as u32;
        }
        if self.data.is_some() {
            flags |= libc::NFT_SET_MAP as u32;
        }
        if self.ranges {
            flags |= libc::NFT_SET_INTERVAL as u32 | SET_CONCAT;
        }
        let key_type = self.key.iter().fold(0, |all, part| all << TYPE_BITS | *part as u32);
        msg.attr_str(nfta::SET_TABLE, table);
        msg.attr_str(nfta::SET_NAME, &self.name);
        msg.attr_be32(nfta::SET_FLAGS, flags);
        msg.attr_be32(nfta::SET_KEY_TYPE, key_type);
        msg.attr_be32(nfta::SET_KEY_LEN, self.key_len());
        if let Some(data) = self.data {
            msg.attr_be32(nfta::SET_DATA_TYPE, data as u32);
            msg.attr_be32(nfta::SET_DATA_LEN, data.len());
        }
        if self.ranges {
            msg.nest(nfta::SET_DESC, |desc| {
                desc.nest(nfta::DESC_CONCAT, |parts| {
                    for part in &self.key {
                        parts.nest(nfta::LIST_ELEM, |p| p.attr_be32(nfta::FIELD_LEN, part.len()));
                    }
                });
            });
        }
        msg.attr_be32(nfta::SET_ID, id);
        let mut notes = Vec::new();
        if let [only] = self.key.as_slice() {
            note(UDATA_KEY_ORDER, only.order(), &mut notes);
        }
        if let Some(data) = self.data {
            note(UDATA_DATA_ORDER, data.order(), &mut notes);
        }
        if !notes.is_empty() {
            msg.attr(nfta::SET_USERDATA, &notes);
        }
        if self.counted {
            msg.nest(nfta::SET_EXPR, |expr| expr.attr_str(nfta::EXPR_NAME, "counter"));
        }
    }
}

/// Appends a note of nft: type, length, value.
fn note(kind: u8, value: u32, notes: &mut Vec<u8>) {
    notes.extend_from_slice(&[kind, 4]);
    notes.extend_from_slice(&value.to_ne_bytes());
}

/// A key, a part of a key, or data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// An address.
    Addr(IpAddr),
    /// Index of an interface.
    Index(u32),
    /// Name of an interface, at most 15 bytes.
    Name(String),
    /// A type of an ICMPv6 message.
    Byte(u8),
    /// A port.
    Port(u16),
    /// A mark of packets.
    Mark(u32),
}

impl Value {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Value::Addr(IpAddr::V4(v4)) => v4.octets().to_vec(),
            Value::Addr(IpAddr::V6(v6)) => v6.octets().to_vec(),
            Value::Index(number) | Value::Mark(number) => number.to_ne_bytes().to_vec(),
            Value::Port(port) => port.to_be_bytes().to_vec(),
            Value::Name(name) => padded(name).to_vec(),
            Value::Byte(byte) => vec![*byte],
        }
    }
}

/// An element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Element {
    /// The key's bytes.
    key: Vec<u8>,
    /// The last key of a range.
    last: Option<Vec<u8>>,
    /// The data's bytes.
    data: Option<Vec<u8>>,
}

impl Element {
    /// An element whose key has these parts.
    pub fn new(key: &[Value]) -> Self {
        Element { key: joined(key), last: None, data: None }
    }

    /// An element of a map.
    pub fn mapped(key: &Value, data: &Value) -> Self {
        Element { key: key.bytes(), last: None, data: Some(data.bytes()) }
    }

    /// An element of a map of ranges: each part of its key is from that of `first` to that of
    /// `last`.
    pub fn range(first: &[Value], last: &[Value], data: &Value) -> Self {
        Element { key: joined(first), last: Some(joined(last)), data: Some(data.bytes()) }
    }

    pub(super) fn from_bytes(key: &[u8], last: Option<&[u8]>, data: Option<&[u8]>) -> Self {
        let own = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        Element { key: key.to_vec(), last: own(last), data: own(data) }
    }

    /// Appends an entry of `NFTA_SET_ELEM_LIST_ELEMENTS`.
    pub(super) fn encode(&self, msg: &mut Msg<'_>) {
        msg.nest(nfta::LIST_ELEM, |elem| {
            elem.nest(nfta::ELEM_KEY, |key| key.attr(nfta::DATA_VALUE, &self.key));
            if let Some(last) = &self.last {
                elem.nest(nfta::ELEM_KEY_END, |key| key.attr(nfta::DATA_VALUE, last));
            }
            if let Some(data) = &self.data {
                elem.nest(nfta::ELEM_DATA, |nest| nest.attr(nfta::DATA_VALUE, data));
            }
        });
    }
}

/// A key of these parts.
fn joined(key: &[Value]) -> Vec<u8> {
    match key {
        [only] => only.bytes(),
        parts => parts.iter().flat_map(|part| four(part.bytes())).collect(),
    }
}

/// `bytes` with zeros up to a multiple of four.
fn four(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
