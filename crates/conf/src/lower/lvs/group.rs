//! `virtual_server_group`: its entries, and what a virtual server must know
//! of it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::lvs::{GroupEntry, VirtualServerGroup};
use types::Family;

use super::endpoint::{address, number, port};
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::source::Span;

/// A group that is being read.
#[derive(Debug, Default)]
pub(crate) struct GroupDraft {
    name: String,
    entries: Vec<GroupEntry>,
    span: Span,
}

/// The block begins.
pub(crate) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    cx.build.lvs.group = GroupDraft { name: a.string(0), entries: Vec::new(), span: a.whole() };
}

/// One line of the block.
pub(crate) fn entry(cx: &mut Cx<'_>, a: &Args<'_>) {
    let entry = if a.str(0) == "fwmark" { fwmark(cx, a) } else { addresses(cx, a) };
    cx.build.lvs.group.entries.extend(entry);
}

/// The block ends.
pub(crate) fn close(cx: &mut Cx<'_>) {
    let GroupDraft { name, entries, span } = std::mem::take(&mut cx.build.lvs.group);
    let group = VirtualServerGroup { name, entries };
    let facts = Facts::of(&group);
    let name = &group.name;
    if group.entries.is_empty() {
        let text = format!("virtual server group {name} has no entry that counts - dropping it");
        cx.error(Code::Missing, span, text);
    } else if facts.v4 && facts.v6 && facts.fwmark_of_any_family {
        let text = format!(
            "virtual server group {name} has IPv4 and IPv6, so its marks need a family - dropping it"
        );
        cx.error(Code::BadFamily, span, text);
    } else if !cx.build.lvs.group_names.insert(name.clone()) {
        let text = format!("virtual server group {name} is defined twice - the first one counts");
        cx.error(Code::Duplicate, span, text);
    } else {
        cx.build.config.lvs.groups.push(group);
        return;
    }
    cx.build.lvs.removed_groups.insert(group.name);
}

fn fwmark(cx: &mut Cx<'_>, a: &Args<'_>) -> Option<GroupEntry> {
    let group = cx.build.lvs.group.name.clone();
    let Some(word) = a.get(1) else {
        cx.missing_parameter(a, 0, "fwmark NUM [inet|inet6]");
        return None;
    };
    let mark = match number(cx, a, 1, 0, u32::MAX.into()) {
        Ok(mark) => u32::try_from(mark).unwrap_or(0),
        Err(cause) => {
            let text = format!("({group}) fwmark '{word}' is invalid - ignoring");
            cx.error_because(Code::BadNumber, a.span(1), cause, text);
            return None;
        }
    };
    let family = match a.get(2) {
        None => None,
        Some("inet") => Some(Family::V4),
        Some("inet6") => Some(Family::V6),
        Some(other) => {
            let text = format!(
                "({group}) '{other}' is no family of fwmark {word}, use inet or inet6 - ignoring"
            );
            cx.error(Code::BadFamily, a.span(2), text);
            return None;
        }
    };
    if mark == 0 {
        let text = format!("({group}) fwmark 0 marks nothing - ignoring");
        cx.error(Code::BadNumber, a.span(1), text);
        return None;
    }
    Some(GroupEntry::Fwmark { mark, family })
}

fn addresses(cx: &mut Cx<'_>, a: &Args<'_>) -> Option<GroupEntry> {
    let word = a.str(0);
    let (first, last) = match range(word, cx.test) {
        Ok(Range { first, last, remark }) => {
            if let Some(remark) = remark {
                cx.note(Code::BadAddress, a.span(0), remark);
            }
            (first, last)
        }
        Err(text) => {
            cx.error(Code::BadAddress, a.span(0), text);
            return None;
        }
    };
    match port(cx, a, 1) {
        Ok(port) => Some(GroupEntry::Range { first, last, port }),
        Err(cause) => {
            let text = format!(
                "port '{}' of group entry {word} is invalid - ignoring the entry",
                a.str(1)
            );
            cx.error_because(Code::BadNumber, a.span(1), cause, text);
            None
        }
    }
}

/// Addresses from the first to the last, both included.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    first: IpAddr,
    last: IpAddr,
    remark: Option<String>,
}

/// Reads `ADDR`, `ADDR-END`, `ADDR-ADDR` or `ADDR/MASK`.
fn range(word: &str, test: bool) -> Result<Range, String> {
    let Some(first) = address(word) else {
        return Err(format!("'{word}' is no address or range - ignoring the entry"));
    };
    let one = |last| Ok(Range { first, last, remark: None });
    if let Some((_, mask)) = word.split_once('/') {
        return one(prefix_end(word, first, mask)?);
    }
    let Some((_, end)) = word.split_once('-') else { return one(first) };
    let full = match first {
        IpAddr::V4(_) => end.contains('.'),
        IpAddr::V6(_) => end.contains(':'),
    };
    if !full {
        return short_range(word, first, end, test);
    }
    let Some(last) = address(end).filter(|l| Family::of(*l) == Family::of(first)) else {
        return Err(format!(
            "the end of range '{word}' is no address of its family - ignoring the entry"
        ));
    };
    if last < first {
        return Err(format!("range '{word}' ends before it begins - ignoring the entry"));
    }
    one(last)
}

/// The last address of a prefix, of which `first` must be the first.
fn prefix_end(word: &str, first: IpAddr, mask: &str) -> Result<IpAddr, String> {
    let bits = Family::of(first).bits();
    let digits = !mask.is_empty() && mask.bytes().all(|b| b.is_ascii_digit());
    let len = mask.parse::<u8>().ok().filter(|l| digits && (1..=bits).contains(l));
    let Some(len) = len else {
        return Err(format!("prefix length of '{word}' is invalid - ignoring the entry"));
    };
    let host = |all: u128| all.checked_shr(u32::from(len) + 128 - u32::from(bits)).unwrap_or(0);
    let (number, host) = (number_of(first), host(u128::MAX));
    if number & host != 0 {
        return Err(format!("'{word}' has bits beyond its prefix - ignoring the entry"));
    }
    Ok(address_of(first, number | host))
}

/// `ADDR-END`: END replaces the last octet (decimal), or the last group of an
/// IPv6 address (hexadecimal).
fn short_range(word: &str, first: IpAddr, end: &str, test: bool) -> Result<Range, String> {
    let (base, most, bits) = match first {
        IpAddr::V4(_) => (10, 0xff, 8),
        IpAddr::V6(_) => (16, 0xffff, 16),
    };
    let number = end.find(|c: char| !c.is_digit(base)).unwrap_or(end.len());
    let (digits, garbage) = end.split_at(number);
    let start = number_of(first);
    let remark =
        (!garbage.is_empty()).then(|| format!("range '{word}' has '{garbage}' after its end"));
    match remark {
        Some(text) if test || digits.is_empty() => return Err(text),
        _ => {}
    }
    let value = u128::from_str_radix(digits, base).ok().filter(|v| *v <= most);
    let Some(value) = value else {
        return Err(format!("range '{word}' cannot end at '{end}' - ignoring the entry"));
    };
    if value <= start & most {
        return Err(format!("range '{word}' must end after it begins - ignoring the entry"));
    }
    Ok(Range { first, last: address_of(first, (start >> bits << bits) | value), remark })
}

fn number_of(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(a) => u32::from(a).into(),
        IpAddr::V6(a) => a.into(),
    }
}

/// `number` as an address of the family of `like`.
fn address_of(like: IpAddr, number: u128) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::from(number as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from(number).into(),
    }
}

/// What a virtual server must know of its group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// It has IPv4 entries.
    pub v4: bool,
    /// It has IPv6 entries.
    pub v6: bool,
    /// It has addresses.
    pub address: bool,
    /// It has firewall marks.
    pub fwmark: bool,
    /// One of these has no family.
    pub fwmark_of_any_family: bool,
    /// An address has port 0.
    pub any_port: bool,
    /// The first address with its port, and the first of another port.
    ports: [Option<(IpAddr, u16)>; 2],
}

impl Facts {
    fn of(group: &VirtualServerGroup) -> Self {
        let mut facts = Facts::default();
        for entry in &group.entries {
            let family = match entry {
                GroupEntry::Range { first, port, .. } => {
                    facts.address = true;
                    facts.any_port |= *port == 0;
                    facts.count_port(*first, *port);
                    Some(Family::of(*first))
                }
                GroupEntry::Fwmark { family, .. } => {
                    facts.fwmark = true;
                    facts.fwmark_of_any_family |= family.is_none();
                    *family
                }
            };
            facts.v4 |= family == Some(Family::V4);
            facts.v6 |= family == Some(Family::V6);
        }
        facts
    }
}

impl Facts {
    fn count_port(&mut self, addr: IpAddr, port: u16) {
        match self.ports {
            [None, _] => self.ports[0] = Some((addr, port)),
            [Some((_, first)), None] if first != port => self.ports[1] = Some((addr, port)),
            _ => {}
        }
    }

    /// The first address whose port is not `port`.
    pub fn other_port(&self, port: u16) -> Option<(IpAddr, u16)> {
        self.ports.into_iter().flatten().find(|(_, other)| *other != port)
    }
}

/// All groups by name, and how many virtual servers use each so far.
#[derive(Debug)]
pub(super) struct Groups {
    by_name: HashMap<String, (Facts, u32)>,
}

impl Groups {
    pub fn new(groups: &[VirtualServerGroup]) -> Self {
        let facts = groups.iter().map(|g| (g.name.clone(), (Facts::of(g), 0)));
        Groups { by_name: facts.collect() }
    }

    /// The facts of a group, and the sequence number of its next user.
    pub fn next(&mut self, name: &str) -> Option<(Facts, u32)> {
        let group = self.by_name.get_mut(name)?;
        let now = *group;
        group.1 += 1;
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(word: &str) -> Result<(String, String), String> {
        range(word, true).map(|r| (r.first.to_string(), r.last.to_string()))
    }

    #[test]
    fn ranges_include_both_ends() {
        let pair = |a: &str, b: &str| Ok((a.to_owned(), b.to_owned()));
        assert_eq!(ends("10.0.0.1"), pair("10.0.0.1", "10.0.0.1"));
        assert_eq!(ends("10.0.0.5-7"), pair("10.0.0.5", "10.0.0.7"));
        assert_eq!(ends("10.0.0.5-10.0.1.7"), pair("10.0.0.5", "10.0.1.7"));
        assert_eq!(ends("10.0.0.5-10.0.0.5"), pair("10.0.0.5", "10.0.0.5"));
        assert_eq!(ends("10.0.0.0/22"), pair("10.0.0.0", "10.0.3.255"));
        assert_eq!(ends("10.0.0.9/32"), pair("10.0.0.9", "10.0.0.9"));
        assert_eq!(ends("fe80::10-1f"), pair("fe80::10", "fe80::1f"));
        assert_eq!(ends("fe80::10-fe80::1:0"), pair("fe80::10", "fe80::1:0"));
        assert_eq!(ends("2001:db8::/126"), pair("2001:db8::", "2001:db8::3"));
        assert_eq!(ends("::/128"), pair("::", "::"));
    }

    #[test]
    fn bad_ranges_say_why() {
        for (word, why) in [
            ("x", "'x' is no address or range - ignoring the entry"),
            ("10.0.0.5-5", "range '10.0.0.5-5' must end after it begins - ignoring the entry"),
            ("10.0.0.5-300", "range '10.0.0.5-300' cannot end at '300' - ignoring the entry"),
            ("10.0.0.5-7x", "range '10.0.0.5-7x' has 'x' after its end"),
            ("10.0.0.5-", "range '10.0.0.5-' cannot end at '' - ignoring the entry"),
            (
                "10.0.0.5-10.0.0.4",
                "range '10.0.0.5-10.0.0.4' ends before it begins - ignoring the entry",
            ),
            (
                "10.0.0.5-10.0.0.x",
                "the end of range '10.0.0.5-10.0.0.x' is no address of its family - ignoring the entry",
            ),
            ("::5-fffff", "range '::5-fffff' cannot end at 'fffff' - ignoring the entry"),
            ("10.0.0.0/0", "prefix length of '10.0.0.0/0' is invalid - ignoring the entry"),
            ("10.0.0.0/33", "prefix length of '10.0.0.0/33' is invalid - ignoring the entry"),
            ("10.0.0.0/+24", "prefix length of '10.0.0.0/+24' is invalid - ignoring the entry"),
            ("10.0.0.1/24", "'10.0.0.1/24' has bits beyond its prefix - ignoring the entry"),
            ("::1/64", "'::1/64' has bits beyond its prefix - ignoring the entry"),
        ] {
            assert_eq!(ends(word), Err(why.to_owned()));
        }
        assert!(range("10.0.0.5-7x", false).unwrap().remark.is_some());
    }
}
