//! Firewall marks that stand for the addresses of groups (`nftables_ipvs`).

use crate::ipvs::protocol_number;
use core::net::IpAddr;
use model::lvs::{GroupEntry, Lvs, Protocol, Service, VirtualServerGroup};
use std::collections::{BTreeMap, BTreeSet};
use types::Family;

/// Firewall marks in place of address groups: one per group and protocol,
/// counted upward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    next: u32,
    marks: BTreeMap<(String, u8), u32>,
    /// Those that the configuration names itself.
    named: BTreeSet<u32>,
}

impl Marks {
    /// Marks from `first` on.
    pub fn new(first: u32) -> Self {
        Marks { next: first, marks: BTreeMap::new(), named: BTreeSet::new() }
    }

    /// From now on none is one of those that `lvs` names itself, which mean
    /// something else.
    pub fn avoid(&mut self, lvs: &Lvs) {
        let own = lvs.virtual_servers.iter().filter_map(|vs| match vs.service {
            Service::Fwmark(mark) => Some(mark),
            _ => None,
        });
        let entries = lvs.groups.iter().flat_map(|g| &g.entries).filter_map(|e| match e {
            GroupEntry::Fwmark { mark, .. } => Some(*mark),
            GroupEntry::Range { .. } => None,
        });
        // 0 is no mark.
        self.named = own.chain(entries).chain([0]).collect();
        self.marks.retain(|_, mark| !self.named.contains(mark));
    }

    /// The mark of `group` for `protocol`, taken if it has none yet.
    pub fn take(&mut self, group: &str, protocol: Protocol) -> u32 {
        let key = (group.to_owned(), protocol_number(protocol));
        *self.marks.entry(key).or_insert_with(|| {
            while self.named.contains(&self.next) {
                self.next = self.next.wrapping_add(1);
            }
            let mark = self.next;
            self.next = self.next.wrapping_add(1);
            mark
        })
    }

    /// The mark of `group` for a protocol by its number, if it has one.
    pub fn of(&self, group: &str, protocol: u8) -> Option<u32> {
        self.marks.get(&(group.to_owned(), protocol)).copied()
    }
}

/// Addresses and ports that a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marked {
    /// Protocol number.
    pub protocol: u8,
    /// First and last address, of one family.
    pub addrs: (IpAddr, IpAddr),
    /// First and last port.
    pub ports: (u16, u16),
    /// The mark.
    pub mark: u32,
}

/// Transport protocols that a service may have.
const PROTOCOLS: [u8; 3] = [6, 17, 132];

/// What `marks` stand for, as far as they are `used`. No two overlap: of what
/// is there twice the first counts.
pub fn marked(
    groups: &[VirtualServerGroup],
    marks: &Marks,
    used: impl Fn(u32) -> bool,
) -> Vec<Marked> {
    let mut out: Vec<Marked> = Vec::new();
    for group in groups {
        for protocol in PROTOCOLS {
            let Some(mark) = marks.of(&group.name, protocol).filter(|mark| used(*mark)) else {
                continue;
            };
            for entry in &group.entries {
                let GroupEntry::Range { first, last, port } = *entry else { continue };
                let ports = if port == 0 { (0, u16::MAX) } else { (port, port) };
                let mut pieces = vec![Marked { protocol, addrs: (first, last), ports, mark }];
                for there in &out {
                    pieces = pieces.into_iter().flat_map(|piece| without(piece, there)).collect();
                }
                out.extend(pieces);
            }
        }
    }
    out
}

/// What is left of `piece` without `there`: addresses below and above, and of
/// those in common the ports below and above.
fn without(piece: Marked, there: &Marked) -> Vec<Marked> {
    let common = (piece.addrs.0.max(there.addrs.0), piece.addrs.1.min(there.addrs.1));
    let ports = (piece.ports.0.max(there.ports.0), piece.ports.1.min(there.ports.1));
    let same =
        piece.protocol == there.protocol && Family::of(piece.addrs.0) == Family::of(there.addrs.0);
    if !same || common.0 > common.1 || ports.0 > ports.1 {
        return vec![piece];
    }
    let mut left = Vec::new();
    if piece.addrs.0 < common.0 {
        left.push(Marked { addrs: (piece.addrs.0, moved(common.0, false)), ..piece });
    }
    if piece.addrs.1 > common.1 {
        left.push(Marked { addrs: (moved(common.1, true), piece.addrs.1), ..piece });
    }
    if piece.ports.0 < ports.0 {
        left.push(Marked { addrs: common, ports: (piece.ports.0, ports.0 - 1), ..piece });
    }
    if piece.ports.1 > ports.1 {
        left.push(Marked { addrs: common, ports: (ports.1 + 1, piece.ports.1), ..piece });
    }
    left
}

/// The next address, or the one before.
fn moved(addr: IpAddr, up: bool) -> IpAddr {
    match addr {
        IpAddr::V4(v4) => {
            let bits = v4.to_bits();
            let bits = if up { bits.wrapping_add(1) } else { bits.wrapping_sub(1) };
            IpAddr::V4(bits.into())
        }
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            let bits = if up { bits.wrapping_add(1) } else { bits.wrapping_sub(1) };
            IpAddr::V6(bits.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_none_of_those_that_the_configuration_names() {
        let named = |mark| VirtualServerGroup {
            name: "marked".to_owned(),
            entries: vec![GroupEntry::Fwmark { mark, family: None }],
        };
        let mut marks = Marks::new(1000);
        marks.avoid(&Lvs { groups: vec![named(1001)], ..Lvs::default() });
        assert_eq!(marks.take("a", Protocol::Tcp), 1000);
        assert_eq!(marks.take("b", Protocol::Tcp), 1002);
        marks.avoid(&Lvs { groups: vec![named(1000)], ..Lvs::default() });
        assert_eq!(marks.take("a", Protocol::Tcp), 1003);
        assert_eq!(marks.take("b", Protocol::Tcp), 1002);
    }

    fn group(name: &str, entries: &[(&str, &str, u16)]) -> VirtualServerGroup {
        let range = |(first, last, port): &(&str, &str, u16)| GroupEntry::Range {
            first: first.parse().unwrap(),
            last: last.parse().unwrap(),
            port: *port,
        };
        VirtualServerGroup { name: name.to_owned(), entries: entries.iter().map(range).collect() }
    }

    #[test]
    fn what_is_there_twice_is_marked_once() {
        let groups = [
            group("b", &[("10.0.0.2", "10.0.0.4", 80), ("10.0.0.4", "10.0.0.9", 80)]),
            group("a", &[("10.0.0.1", "10.0.0.5", 0), ("::1", "::1", 80)]),
        ];
        let mut marks = Marks::new(7);
        for name in ["a", "b"] {
            marks.take(name, Protocol::Tcp);
        }
        let all = marked(&groups, &marks, |_| true);
        for (at, one) in all.iter().enumerate() {
            for other in all.iter().take(at) {
                assert_eq!(without(*one, other), [*one], "{one:?} and {other:?} overlap");
            }
        }
        let mark = |addr: &str, port: u16| {
            let addr: IpAddr = addr.parse().unwrap();
            let holds = |m: &&Marked| {
                let inside = m.addrs.0 <= addr && addr <= m.addrs.1;
                inside
                    && Family::of(addr) == Family::of(m.addrs.0)
                    && m.ports.0 <= port
                    && port <= m.ports.1
            };
            all.iter().find(holds).map(|m| m.mark)
        };
        assert_eq!((mark("10.0.0.2", 80), mark("10.0.0.9", 80)), (Some(8), Some(8)));
        assert_eq!((mark("10.0.0.1", 80), mark("10.0.0.2", 81)), (Some(7), Some(7)));
        assert_eq!((mark("10.0.0.5", 79), mark("::1", 80)), (Some(7), Some(7)));
        assert_eq!((mark("10.0.0.6", 81), mark("::1", 81)), (None, None));
        assert!(marked(&groups, &marks, |mark| mark == 8).iter().all(|m| m.mark == 8));
    }
}
