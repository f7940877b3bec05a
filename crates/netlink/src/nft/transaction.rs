//! Changes that the kernel makes all at once or not at all.

use super::{Element, Exprs, NFGENMSG_LEN, NftFamily, SUBSYSTEM, Set, kind};
use crate::wire::{self, Msg};
use nix::libc;

/// `NFTA_*` of tables, chains, rules and element lists.
mod nfta {
    pub const TABLE_NAME: u16 = 1;
    pub const CHAIN_TABLE: u16 = 1;
    pub const CHAIN_NAME: u16 = 3;
    pub const CHAIN_HOOK: u16 = 4;
    pub const CHAIN_POLICY: u16 = 5;
    pub const CHAIN_TYPE: u16 = 7;
    pub const HOOK_HOOKNUM: u16 = 1;
    pub const HOOK_PRIORITY: u16 = 2;
    pub const RULE_TABLE: u16 = 1;
    pub const RULE_CHAIN: u16 = 2;
    pub const RULE_EXPRESSIONS: u16 = 4;
    pub const SET_TABLE: u16 = 1;
    pub const SET_NAME: u16 = 2;
    pub const LIST_TABLE: u16 = 1;
    pub const LIST_SET: u16 = 2;
    pub const LIST_ELEMENTS: u16 = 3;
}

/// Elements of one message: a list's length has 16 bits.
const ELEMENTS_MAX: usize = 512;

/// Where packets come to a base chain (`NF_INET_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hook {
    /// Packets for this host.
    Input = 1,
    /// Packets that pass.
    Forward = 2,
    /// Packets of this host.
    Output = 3,
}

/// A chain of rules.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Hook and priority of a base chain (type filter, policy accept); other chains are reached
    /// by jumps. Lower priorities see packets earlier, 0 is the usual filter.
    pub hook: Option<(Hook, i32)>,
}

impl Chain {
    /// A chain that is reached by jumps.
    pub fn new(name: &str) -> Self {
        Chain { name: name.to_owned(), hook: None }
    }

    /// A base chain.
    pub fn base(name: &str, hook: Hook, priority: i32) -> Self {
        Chain { name: name.to_owned(), hook: Some((hook, priority)) }
    }

    fn encode(&self, table: &str, msg: &mut Msg<'_>) {
        msg.attr_str(nfta::CHAIN_TABLE, table);
        msg.attr_str(nfta::CHAIN_NAME, &self.name);
        if let Some((hook, priority)) = self.hook {
            msg.nest(nfta::CHAIN_HOOK, |nest| {
                nest.attr_be32(nfta::HOOK_HOOKNUM, hook as u32);
                nest.attr_be32(nfta::HOOK_PRIORITY, priority as u32);
            });
            msg.attr_be32(nfta::CHAIN_POLICY, libc::NF_ACCEPT as u32);
            msg.attr_str(nfta::CHAIN_TYPE, "filter");
        }
    }
}

/// A list of changes to one table after the other; [`super::NftSocket::commit`] makes them.
#[derive(Debug, Clone)]
pub struct Transaction {
    buf: Vec<u8>,
    /// What each message is for, to name the one that is refused.
    labels: Vec<String>,
}

impl Default for Transaction {
    fn default() -> Self {
        Self::new()
    }
}

impl Transaction {
    /// No changes.
    pub fn new() -> Self {
        let mut transaction = Transaction { buf: Vec::new(), labels: Vec::new() };
        transaction.frame(libc::NFNL_MSG_BATCH_BEGIN, "begin");
        transaction
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.labels.len() <= 1
    }

    /// Makes a table, unless there is one of that name.
    pub fn add_table(&mut self, family: NftFamily, name: &str) {
        let body = |msg: &mut Msg<'_>| msg.attr_str(nfta::TABLE_NAME, name);
        self.push(libc::NFT_MSG_NEWTABLE, wire::F_CREATE, family, body, || {
            format!("add table {family} {name}")
        });
    }

    /// Removes a table and all that is in it; one that is not there is an error (`ENOENT`).
    pub fn del_table(&mut self, family: NftFamily, name: &str) {
        let body = |msg: &mut Msg<'_>| msg.attr_str(nfta::TABLE_NAME, name);
        self.push(libc::NFT_MSG_DELTABLE, 0, family, body, || {
            format!("delete table {family} {name}")
        });
    }

    /// Removes a table, if there is one of that name.
    pub fn clear_table(&mut self, family: NftFamily, name: &str) {
        self.add_table(family, name);
        self.del_table(family, name);
    }

    /// Makes a table anew, whatever was in one of that name.
    pub fn renew_table(&mut self, family: NftFamily, name: &str) {
        self.clear_table(family, name);
        self.add_table(family, name);
    }

    /// Makes a chain; one of that name stays as it is.
    pub fn add_chain(&mut self, family: NftFamily, table: &str, chain: &Chain) {
        let body = |msg: &mut Msg<'_>| chain.encode(table, msg);
        self.push(libc::NFT_MSG_NEWCHAIN, wire::F_CREATE, family, body, || {
            format!("add chain {family} {table} {}", chain.name)
        });
    }

    /// Removes every rule of a chain.
    pub fn flush_chain(&mut self, family: NftFamily, table: &str, chain: &str) {
        let body = |msg: &mut Msg<'_>| {
            msg.attr_str(nfta::RULE_TABLE, table);
            msg.attr_str(nfta::RULE_CHAIN, chain);
        };
        self.push(libc::NFT_MSG_DELRULE, 0, family, body, || {
            format!("flush chain {family} {table} {chain}")
        });
    }

    /// Makes a set or map; one of that name and type stays as it is.
    pub fn add_set(&mut self, family: NftFamily, table: &str, set: &Set) {
        let id = self.labels.len() as u32;
        let body = |msg: &mut Msg<'_>| set.encode(table, id, msg);
        self.push(libc::NFT_MSG_NEWSET, wire::F_CREATE, family, body, || {
            format!("add set {family} {table} {}", set.name)
        });
    }

    /// Removes a set or map that no rule uses.
    pub fn del_set(&mut self, family: NftFamily, table: &str, set: &str) {
        let body = |msg: &mut Msg<'_>| {
            msg.attr_str(nfta::SET_TABLE, table);
            msg.attr_str(nfta::SET_NAME, set);
        };
        self.push(libc::NFT_MSG_DELSET, 0, family, body, || {
            format!("delete set {family} {table} {set}")
        });
    }

    /// Adds elements; those that are there already stay.
    pub fn add_elements(&mut self, family: NftFamily, table: &str, set: &str, all: &[Element]) {
        self.elements(libc::NFT_MSG_NEWSETELEM, wire::F_CREATE, (family, table, set), all, "add");
    }

    /// Removes elements; one that is not there is an error (`ENOENT`).
    pub fn del_elements(&mut self, family: NftFamily, table: &str, set: &str, all: &[Element]) {
        self.elements(libc::NFT_MSG_DELSETELEM, 0, (family, table, set), all, "delete");
    }

    /// Adds a rule at the end of a chain.
    pub fn add_rule(&mut self, family: NftFamily, table: &str, chain: &str, exprs: &Exprs) {
        let body = |msg: &mut Msg<'_>| {
            msg.attr_str(nfta::RULE_TABLE, table);
            msg.attr_str(nfta::RULE_CHAIN, chain);
            msg.nest(nfta::RULE_EXPRESSIONS, |nest| exprs.encode(nest));
        };
        let flags = wire::F_CREATE | wire::F_APPEND;
        self.push(libc::NFT_MSG_NEWRULE, flags, family, body, || {
            format!("add rule {family} {table} {chain}")
        });
    }

    fn elements(
        &mut self,
        message: i32,
        flags: u16,
        (family, table, set): (NftFamily, &str, &str),
        all: &[Element],
        what: &str,
    ) {
        for some in all.chunks(ELEMENTS_MAX) {
            let body = |msg: &mut Msg<'_>| {
                msg.attr_str(nfta::LIST_TABLE, table);
                msg.attr_str(nfta::LIST_SET, set);
                msg.nest(nfta::LIST_ELEMENTS, |list| {
                    some.iter().for_each(|element| element.encode(list));
                });
            };
            self.push(message, flags, family, body, || {
                format!("{what} {} elements {family} {table} {set}", some.len())
            });
        }
    }

    fn push(
        &mut self,
        message: i32,
        flags: u16,
        family: NftFamily,
        body: impl FnOnce(&mut Msg<'_>),
        label: impl FnOnce() -> String,
    ) {
        let seq = self.labels.len() as u32;
        let flags = flags | wire::F_REQUEST | wire::F_ACK;
        let mut msg = Msg::begin(&mut self.buf, kind(message), flags, seq);
        nfgenmsg(family as u8, 0, &mut msg);
        body(&mut msg);
        msg.finish();
        self.labels.push(label());
    }

    /// Appends the begin or the end of the batch.
    fn frame(&mut self, message: i32, label: &str) {
        let seq = self.labels.len() as u32;
        let mut msg = Msg::begin(&mut self.buf, message as u16, wire::F_REQUEST, seq);
        nfgenmsg(libc::AF_UNSPEC as u8, SUBSYSTEM, &mut msg);
        msg.finish();
        self.labels.push(label.to_owned());
    }

    /// The datagram and what each of its messages is for, by sequence number; the first and the
    /// last are not answered when all is well.
    pub(super) fn finish(mut self) -> (Vec<u8>, Vec<String>) {
        self.frame(libc::NFNL_MSG_BATCH_END, "end");
        (self.buf, self.labels)
    }
}

/// Appends `struct nfgenmsg`.
pub(super) fn nfgenmsg(family: u8, resource: u16, msg: &mut Msg<'_>) {
    let [r0, r1] = resource.to_be_bytes();
    let header: [u8; NFGENMSG_LEN] = [family, libc::NFNETLINK_V0 as u8, r0, r1];
    msg.bytes(&header);
}
