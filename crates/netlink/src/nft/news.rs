//! What the kernel tells about tables and what is in them.

use super::{Element, NFGENMSG_LEN, NftFamily, SUBSYSTEM};
use crate::wire;
use nix::libc;

/// Attributes that name things. The table's name has the same number everywhere.
const TABLE_NAME: u16 = 1;
/// `NFTA_TABLE_OWNER`.
const TABLE_OWNER: u16 = 7;
const CHAIN_NAME: u16 = 3;
const RULE_CHAIN: u16 = 2;
const SET_NAME: u16 = 2;
/// `NFTA_GEN_PROC_PID` and `NFTA_GEN_PROC_NAME`.
const GEN_PID: u16 = 2;
const GEN_PROGRAM: u16 = 3;
/// `NFTA_SET_ELEM_LIST_ELEMENTS` and what is in them.
const LIST_ELEMENTS: u16 = 3;
const LIST_ELEM: u16 = 1;
const ELEM_KEY: u16 = 1;
const ELEM_DATA: u16 = 2;
const ELEM_KEY_END: u16 = 10;
const DATA_VALUE: u16 = 1;

/// What a piece of news is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NftObject {
    /// A table.
    Table,
    /// A chain.
    Chain,
    /// A rule; named by its chain.
    Rule,
    /// A set or map.
    Set,
    /// An element; named by its set.
    Element,
}

/// News of nf_tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NftEvent {
    /// Something was made or removed.
    Change {
        /// Made; else removed.
        new: bool,
        /// What.
        object: NftObject,
        /// Family of its table.
        family: NftFamily,
        /// Its table.
        table: String,
        /// Its name, empty for a table.
        name: String,
        /// [`super::NftSocket::port`] of the socket that caused it.
        port: u32,
    },
    /// The end of a transaction, and who made it. The changes of the transaction came before.
    Commit {
        /// Process id.
        pid: u32,
        /// Name of the program, cut to 15 bytes by the kernel.
        program: String,
    },
    /// News were lost (`ENOBUFS`): list tables and elements to know what is there.
    Overrun,
}

/// A table as listed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Table {
    /// Its family.
    pub family: NftFamily,
    /// Its name.
    pub name: String,
    /// It belongs to one program, and goes with that; nobody else can change it.
    pub owned: bool,
}

/// Reads one piece of news; `None` when it is malformed or about something else.
pub(super) fn event(message: wire::Message<'_>) -> Option<NftEvent> {
    let (family, attrs) = body(message)?;
    let find = |wanted| find(attrs, wanted);
    let change = |new, object, name: u16| {
        Some(NftEvent::Change {
            new,
            object,
            family: NftFamily::of(family)?,
            table: wire::string(find(TABLE_NAME)?),
            name: match object {
                NftObject::Table => String::new(),
                _ => wire::string(find(name)?),
            },
            port: message.port,
        })
    };
    match i32::from(message.kind & 0xff) {
        libc::NFT_MSG_NEWTABLE => change(true, NftObject::Table, TABLE_NAME),
        libc::NFT_MSG_DELTABLE => change(false, NftObject::Table, TABLE_NAME),
        libc::NFT_MSG_NEWCHAIN => change(true, NftObject::Chain, CHAIN_NAME),
        libc::NFT_MSG_DELCHAIN => change(false, NftObject::Chain, CHAIN_NAME),
        libc::NFT_MSG_NEWRULE => change(true, NftObject::Rule, RULE_CHAIN),
        libc::NFT_MSG_DELRULE => change(false, NftObject::Rule, RULE_CHAIN),
        libc::NFT_MSG_NEWSET => change(true, NftObject::Set, SET_NAME),
        libc::NFT_MSG_DELSET => change(false, NftObject::Set, SET_NAME),
        libc::NFT_MSG_NEWSETELEM => change(true, NftObject::Element, SET_NAME),
        libc::NFT_MSG_DELSETELEM => change(false, NftObject::Element, SET_NAME),
        libc::NFT_MSG_NEWGEN => Some(NftEvent::Commit {
            pid: wire::be32_at(find(GEN_PID)?, 0)?,
            program: wire::string(find(GEN_PROGRAM)?),
        }),
        _ => None,
    }
}

/// Reads a table of a listing.
pub(super) fn table(kind: u16, payload: &[u8]) -> Option<Table> {
    if kind != super::kind(libc::NFT_MSG_NEWTABLE) {
        return None;
    }
    let attrs = payload.get(NFGENMSG_LEN..)?;
    let family = NftFamily::of(*payload.first()?)?;
    let name = wire::string(find(attrs, TABLE_NAME)?);
    Some(Table { family, name, owned: find(attrs, TABLE_OWNER).is_some() })
}

/// Reads which chain a rule of a listing is in.
pub(super) fn chain_of_rule(kind: u16, payload: &[u8]) -> Option<String> {
    if kind != super::kind(libc::NFT_MSG_NEWRULE) {
        return None;
    }
    find(payload.get(NFGENMSG_LEN..)?, RULE_CHAIN).map(wire::string)
}

/// Reads one message of a listing of elements.
pub(super) fn elements(kind: u16, payload: &[u8]) -> Option<Vec<Element>> {
    if kind != super::kind(libc::NFT_MSG_NEWSETELEM) {
        return None;
    }
    let list = find(payload.get(NFGENMSG_LEN..)?, LIST_ELEMENTS)?;
    let value = |elem, part| find(elem, part).and_then(|data| find(data, DATA_VALUE));
    let elements = wire::attrs(list).filter(|(kind, _)| *kind == LIST_ELEM);
    let elements = elements.filter_map(|(_, elem)| {
        let (last, data) = (value(elem, ELEM_KEY_END), value(elem, ELEM_DATA));
        Some(Element::from_bytes(value(elem, ELEM_KEY)?, last, data))
    });
    Some(elements.collect())
}

/// Family and attributes of a message of nf_tables.
fn body(message: wire::Message<'_>) -> Option<(u8, &[u8])> {
    (message.kind >> 8 == SUBSYSTEM).then_some(())?;
    Some((*message.payload.first()?, message.payload.get(NFGENMSG_LEN..)?))
}

fn find(attrs: &[u8], wanted: u16) -> Option<&[u8]> {
    wire::attrs(attrs).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}
