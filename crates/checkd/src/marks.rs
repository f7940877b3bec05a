//! The nf_tables tables that mark what is sent to groups of addresses (`nftables_ipvs`), so that
//! one service by mark stands for all of them.
//!
//! One table per family: a map of addresses and ports to marks for each protocol, and a rule that
//! asks it. A transaction is done or not done at all, so nothing is unmarked in between. What
//! somebody else takes out of the tables is put back.

use check_proto::marks::Marked;
use core::net::IpAddr;
use core::time::Duration;
use log::{error, info, warn};
use model::Global;
use netlink::nft::{
    Chain, DataType, Element, Exprs, Field, Hook, NftError, NftEvent, NftFamily, NftSocket, Set,
    Transaction, Value, Verdict,
};
use rt::poll::Loop;
use rt::{Interest, Token};
use std::collections::BTreeSet;
use std::io;
use types::Mono;

/// Time until the kernel is asked again after it refused.
const RETRY: Duration = Duration::from_secs(10);
/// Time between repairs: two programs that each want the tables must not race.
const REPAIR_EVERY: Duration = Duration::from_secs(1);
/// Room for news.
const MONITOR_RCVBUF: usize = 1024 * 1024;
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

#[derive(Debug)]
struct Sockets {
    request: NftSocket,
    monitor: NftSocket,
    /// Number by which news name the first as their cause.
    port: u32,
    watched: bool,
}

impl Sockets {
    fn open() -> io::Result<Self> {
        let (request, monitor) = (NftSocket::request()?, NftSocket::monitor(MONITOR_RCVBUF)?);
        let port = request.port()?;
        Ok(Sockets { request, monitor, port, watched: false })
    }
}

/// The tables as they are wanted and as they are.
#[derive(Debug)]
pub(crate) struct MarkTables {
    /// Or why there are none.
    sockets: Result<Sockets, String>,
    wanted: Option<Content>,
    installed: Option<Content>,
    /// The kernel refused.
    refused: bool,
    /// When it is asked again.
    again: Option<Mono>,
    repaired: Mono,
}

impl MarkTables {
    /// Opens the sockets where the tables are: in the network namespace of IPVS. To be called
    /// before privileges are dropped.
    pub fn open(global: &Global) -> Self {
        let sockets = match &global.net_namespace_ipvs {
            Some(name) => rt::netns::within(name, Sockets::open).and_then(|sockets| sockets),
            None => Sockets::open(),
        };
        MarkTables {
            // A kernel without nf_tables matters only to who uses them, who is told later.
            sockets: sockets.map_err(|e| format!("cannot open a socket of nf_tables: {e}")),
            wanted: None,
            installed: None,
            refused: false,
            again: None,
            repaired: Mono::ZERO,
        }
    }

    /// Makes the tables hold `marked`, or takes them away when none are configured.
    pub fn configure(
        &mut self,
        global: &Global,
        marked: Vec<Marked>,
        now: Mono,
        (poll, token): (&Loop, Token),
    ) {
        let nft = &global.nftables;
        self.wanted = nft.ipvs_table.clone().map(|table| Content {
            table,
            priority: nft.ipvs_priority,
            counters: nft.counters,
            marked: marked.into_iter().collect(),
        });
        if let (Some(_), Ok(sockets)) = (&self.wanted, &mut self.sockets)
            && !sockets.watched
        {
            match poll.register(&sockets.monitor, token, Interest::READABLE) {
                Ok(()) => sockets.watched = true,
                Err(e) => error!("nftables_ipvs: cannot watch the tables: {e}"),
            }
        }
        self.apply(now);
    }

    /// When [`MarkTables::work`] wants to be called.
    pub const fn deadline(&self) -> Option<Mono> {
        self.again
    }

    /// Tries again what was refused and repairs what was damaged, when it is time.
    pub fn work(&mut self, now: Mono) {
        if self.again.is_some_and(|at| at <= now) {
            self.apply(now);
        }
    }

    /// Takes the news of nf_tables: what somebody else has taken away is to be put back.
    pub fn news(&mut self, now: Mono) {
        let Ok(sockets) = &mut self.sockets else { return };
        let Some(Content { table, .. }) = &self.installed else {
            // To be read all the same, or the socket stays readable.
            let _ = sockets.monitor.recv_events(|_| {});
            return;
        };
        let (port, mut unsaid, mut damaged) = (sockets.port, false, false);
        let read = sockets.monitor.recv_events(|event| match event {
            NftEvent::Change { new: false, family, table: name, port: by, .. } => {
                let ours = by != port && name == *table && FAMILIES.contains(&family);
                unsaid |= ours && !damaged;
                damaged |= ours;
            }
            NftEvent::Change { .. } => {}
            NftEvent::Commit { pid, program } => {
                if core::mem::take(&mut unsaid) {
                    warn!(
                        "nftables_ipvs: {program} (process {pid}) took something out of table \
                         {table}, putting it back"
                    );
                }
            }
            NftEvent::Overrun => {
                warn!("nftables_ipvs: news were lost, making table {table} anew");
                damaged = true;
            }
        });
        if let Err(e) = read {
            error!("nftables_ipvs: news of nf_tables: {e}");
        }
        if damaged {
            self.installed = None;
            let soonest = self.repaired + REPAIR_EVERY;
            self.repaired = soonest.max(now);
            self.again = Some(self.repaired);
        }
    }

    /// Takes the tables away.
    pub fn stop(&mut self, now: Mono) {
        if self.installed.is_none() {
            // Damaged a moment ago, and not put back yet.
            self.installed = self.wanted.take();
        }
        self.wanted = None;
        self.apply(now);
    }

    fn apply(&mut self, now: Mono) {
        self.again = None;
        if self.wanted == self.installed {
            return;
        }
        match self.try_apply() {
            Ok(()) => {
                if core::mem::take(&mut self.refused) {
                    info!("nftables_ipvs: the tables are in place now");
                }
                self.installed.clone_from(&self.wanted);
            }
            Err(cause) => {
                if !core::mem::replace(&mut self.refused, true) {
                    error!(
                        "nftables_ipvs: {cause}; packets for virtual server groups are not marked, \
                         and so not balanced; trying again every {RETRY:?}"
                    );
                }
                self.again = Some(now + RETRY);
            }
        }
    }

    fn try_apply(&mut self) -> Result<(), String> {
        let socket = &mut self.sockets.as_mut().map_err(|e| e.clone())?.request;
        let done = match (&self.installed, &self.wanted) {
            (Some(old), Some(new)) if old.frame() == new.frame() => {
                let mut t = Transaction::new();
                change(old, new, &mut t);
                // Somebody may have taken something away: all is made anew.
                socket.commit(t).or_else(|_| renew(socket, Some(old), new))
            }
            (old, Some(new)) => renew(socket, old.as_ref(), new),
            (Some(old), None) => {
                let mut t = Transaction::new();
                old.families().into_iter().for_each(|family| t.clear_table(family, &old.table));
                socket.commit(t)
            }
            (None, None) => Ok(()),
        };
        done.map_err(|e| e.to_string())
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
