//! The nf_tables tables that mark what is sent to groups of addresses (`nftables_ipvs`), so that
//! one service by mark stands for all of them.
//!
//! One table per family: a map of addresses and ports to marks for each protocol, and a rule that
//! asks it. A transaction is done or not done at all, so nothing is unmarked in between.

use check_proto::marks::Marked;
use core::net::IpAddr;
use core::time::Duration;
use log::{error, info};
use model::Global;
use netlink::nft::{
    Chain, DataType, Element, Exprs, Field, Hook, NftError, NftFamily, NftSocket, Set, Transaction,
    Value, Verdict,
};
use std::collections::BTreeSet;
use std::io;
use types::Mono;

/// Time until the kernel is asked again after it refused.
const RETRY: Duration = Duration::from_secs(10);
/// The chain of a table.
const CHAIN: &str = "in";
const FAMILIES: [NftFamily; 2] = [NftFamily::Ip, NftFamily::Ip6];

/// What the tables are to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    table: String,
    priority: i32,
    counters: bool,
    marked: BTreeSet<Marked>,
}

impl Content {
    fn of_family(&self, family: NftFamily) -> impl Iterator<Item = &Marked> {
        self.marked.iter().filter(move |m| family_of(m) == family)
    }

    fn families(&self) -> BTreeSet<NftFamily> {
        self.marked.iter().map(family_of).collect()
    }

    /// Everything but the elements.
    fn frame(&self) -> (&str, i32, bool, BTreeSet<(NftFamily, u8)>) {
        let maps = self.marked.iter().map(|m| (family_of(m), m.protocol)).collect();
        (&self.table, self.priority, self.counters, maps)
    }
}

/// The tables as they are wanted and as they are.
#[derive(Debug)]
pub(crate) struct MarkTables {
    socket: Option<NftSocket>,
    /// They are in another network namespace, which cannot be entered any more.
    foreign: bool,
    wanted: Option<Content>,
    installed: Option<Content>,
    /// The kernel refused, and is asked again then.
    refused: Option<Mono>,
}

impl MarkTables {
    /// Opens the socket where the tables are: in the network namespace of IPVS. To be called
    /// before privileges are dropped.
    pub fn open(global: &Global) -> Self {
        let socket = match &global.net_namespace_ipvs {
            Some(name) => rt::netns::within(name, NftSocket::request).and_then(|socket| socket),
            None => NftSocket::request(),
        };
        // A kernel without nf_tables matters only to who uses them, who is told later.
        let foreign = global.net_namespace_ipvs.is_some();
        MarkTables { socket: socket.ok(), foreign, wanted: None, installed: None, refused: None }
    }

    /// Makes the tables hold `marked`, or takes them away when none are configured.
    pub fn configure(&mut self, global: &Global, marked: Vec<Marked>, now: Mono) {
        let nft = &global.nftables;
        self.wanted = nft.ipvs_table.clone().map(|table| Content {
            table,
            priority: nft.ipvs_priority,
            counters: nft.counters,
            marked: marked.into_iter().collect(),
        });
        self.apply(now);
    }

    /// When [`MarkTables::work`] wants to be called.
    pub const fn deadline(&self) -> Option<Mono> {
        self.refused
    }

    /// Tries again what was refused, when it is time.
    pub fn work(&mut self, now: Mono) {
        if self.refused.is_some_and(|at| at <= now) {
            self.apply(now);
        }
    }

    /// Takes the tables away.
    pub fn stop(&mut self, now: Mono) {
        self.wanted = None;
        self.apply(now);
    }

    fn apply(&mut self, now: Mono) {
        if self.wanted == self.installed {
            self.refused = None;
            return;
        }
        match self.try_apply() {
            Ok(()) => {
                if self.refused.take().is_some() {
                    info!("nftables_ipvs: the tables are in place now");
                }
                self.installed.clone_from(&self.wanted);
            }
            Err(cause) => {
                if self.refused.is_none() {
                    error!(
                        "nftables_ipvs: {cause}; packets for virtual server groups are not marked, \
                         and so not balanced; trying again every {RETRY:?}"
                    );
                }
                self.refused = Some(now + RETRY);
            }
        }
    }

    fn try_apply(&mut self) -> Result<(), String> {
        let socket = socket(&mut self.socket, self.foreign)
            .map_err(|e| format!("cannot open a socket of nf_tables: {e}"))?;
        let text = |e: NftError| e.to_string();
        match (&self.installed, &self.wanted) {
            (Some(old), Some(new)) if old.frame() == new.frame() => {
                let mut t = Transaction::new();
                change(old, new, &mut t);
                // Somebody may have taken something away: all is made anew.
                socket
                    .commit(t)
                    .or_else(|_| renew(socket, self.installed.as_ref(), new))
                    .map_err(text)
            }
            (old, Some(new)) => renew(socket, old.as_ref(), new).map_err(text),
            (Some(old), None) => {
                let mut t = Transaction::new();
                old.families().into_iter().for_each(|family| t.clear_table(family, &old.table));
                socket.commit(t).map_err(text)
            }
            (None, None) => Ok(()),
        }
    }
}

fn socket(socket: &mut Option<NftSocket>, foreign: bool) -> io::Result<&mut NftSocket> {
    match socket {
        Some(socket) => Ok(socket),
        None if foreign => Err(io::ErrorKind::Unsupported.into()),
        None => Ok(socket.insert(NftSocket::request()?)),
    }
}

/// Makes the tables anew in place of `old` ones, or of what a predecessor has left.
fn renew(socket: &mut NftSocket, old: Option<&Content>, new: &Content) -> Result<(), NftError> {
    let families = new.families();
    let mut t = Transaction::new();
    match old {
        Some(old) => {
            let stays = |family: &NftFamily| old.table == new.table && families.contains(family);
            let gone = old.families().into_iter().filter(|family| !stays(family));
            gone.for_each(|family| t.clear_table(family, &old.table));
        }
        None => {
            let there = socket.tables().unwrap_or_default();
            let left = |family: &NftFamily| {
                let is = |table: &netlink::nft::Table| {
                    table.family == *family && table.name == new.table
                };
                !families.contains(family) && there.iter().any(is)
            };
            FAMILIES.iter().filter(|f| left(f)).for_each(|f| t.clear_table(*f, &new.table));
        }
    }
    for family in families {
        t.renew_table(family, &new.table);
        t.add_chain(family, &new.table, &Chain::base(CHAIN, Hook::Input, new.priority));
        let (addr, field) = match family {
            NftFamily::Ip6 => (DataType::Ip6Addr, Field::Ip6Daddr),
            _ => (DataType::Ip4Addr, Field::Ip4Daddr),
        };
        for (protocol, elements) in by_protocol(new.of_family(family)) {
            let map = map_name(protocol);
            t.add_set(
                family,
                &new.table,
                &Set {
                    data: Some(DataType::Mark),
                    ranges: true,
                    counted: new.counters,
                    ..Set::new(map, &[addr, DataType::Port])
                },
            );
            t.add_elements(family, &new.table, map, &elements);
            let rule = Exprs::new()
                .is(Field::L4Proto, &[protocol])
                .mark_by(&[field, Field::Dport], map)
                .counter_if(new.counters)
                .verdict(Verdict::Return);
            t.add_rule(family, &new.table, CHAIN, &rule);
        }
    }
    socket.commit(t)
}

/// The elements that differ.
fn change(old: &Content, new: &Content, t: &mut Transaction) {
    for family in FAMILIES {
        let less = old.of_family(family).filter(|m| !new.marked.contains(m));
        for (protocol, elements) in by_protocol(less) {
            t.del_elements(family, &new.table, map_name(protocol), &elements);
        }
        let more = new.of_family(family).filter(|m| !old.marked.contains(m));
        for (protocol, elements) in by_protocol(more) {
            t.add_elements(family, &new.table, map_name(protocol), &elements);
        }
    }
}

/// The elements of each protocol's map; those without any are left out.
fn by_protocol<'a>(all: impl Iterator<Item = &'a Marked>) -> Vec<(u8, Vec<Element>)> {
    let mut maps: Vec<(u8, Vec<Element>)> = Vec::new();
    // Sorted, so that those of a protocol follow each other.
    for m in all {
        match maps.last_mut() {
            Some((protocol, elements)) if *protocol == m.protocol => elements.push(element(m)),
            _ => maps.push((m.protocol, vec![element(m)])),
        }
    }
    maps
}

fn element(m: &Marked) -> Element {
    let first = [Value::Addr(m.addrs.0), Value::Port(m.ports.0)];
    let last = [Value::Addr(m.addrs.1), Value::Port(m.ports.1)];
    Element::range(&first, &last, &Value::Mark(m.mark))
}

const fn family_of(m: &Marked) -> NftFamily {
    match m.addrs.0 {
        IpAddr::V4(_) => NftFamily::Ip,
        IpAddr::V6(_) => NftFamily::Ip6,
    }
}

const fn map_name(protocol: u8) -> &'static str {
    match protocol {
        6 => "tcp_map",
        17 => "udp_map",
        _ => "sctp_map",
    }
}
