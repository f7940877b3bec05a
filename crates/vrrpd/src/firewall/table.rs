//! What the firewall's tables look like to the kernel.
//!
//! Owns names of sets and chains and the rules in them; they are those that keepalived's users
//! know. Never talks to the kernel.

use core::net::IpAddr;
use netlink::nft::{Chain, DataType, Exprs, Field, Hook, NftFamily, Set, Transaction};
use netlink::nft::{Element as SetElement, Value, Verdict};
use std::collections::BTreeMap;
use types::{Family, IfIndex};
use vrrp_proto::firewall::{Element, Part, Rules};

/// Hidden addresses.
const VIPS: &str = "vips";
/// Hidden link-local addresses with the index and with the name of their interface.
const LINK_LOCAL: &str = "vips_link_local";
const LINK_LOCAL_NAME: &str = "vips_link_local_name";
/// VMACs and the interfaces below them.
const VMAC_MAP: &str = "vmac_map";
const VMAC_SET: &str = "vmac_set";
/// Addresses that VMACs send from.
const PARENT_LINK_LOCAL: &str = "parent_link_local";
const DISCOVERY: &str = "neighbor-discovery";
const IN: &str = "in";
const OUT: &str = "out";
const IN_LINK_LOCAL: &str = "in_link_local";
const OUT_LINK_LOCAL: &str = "out_link_local";

/// IP protocol of group reports.
const IGMP: u8 = 2;
/// Types of ICMPv6 messages (RFC 4861 section 4, RFC 3810 section 5.2).
const ROUTER_SOLICIT: u8 = 133;
const NEIGHBOUR_SOLICIT: u8 = 135;
const NEIGHBOUR_ADVERT: u8 = 136;
const MLD2_REPORT: u8 = 143;
/// Kind of the link that a VMAC is.
const MACVLAN: &str = "macvlan";

/// Both families that there are tables of.
pub const FAMILIES: [NftFamily; 2] = [NftFamily::Ip, NftFamily::Ip6];

/// Replaces the tables by those that `rules` need, with `elements` in their sets, whatever was in
/// them.
pub fn renew<'e>(rules: &Rules, elements: impl Iterator<Item = &'e Element>) -> Transaction {
    let mut t = Transaction::new();
    for family in FAMILIES {
        t.clear_table(family, &rules.table);
    }
    make(rules, &mut t);
    let wanted = elements.filter(|e| rules.parts.contains(&e.part()));
    add(&rules.table, wanted, &mut t);
    t
}

/// Removes the tables.
pub fn clear(table: &str) -> Transaction {
    let mut t = Transaction::new();
    FAMILIES.into_iter().for_each(|family| t.clear_table(family, table));
    t
}

/// Adds elements to the sets.
pub fn add<'e>(table: &str, elements: impl Iterator<Item = &'e Element>, t: &mut Transaction) {
    for ((family, set), elements) in by_set(elements, true) {
        t.add_elements(family, table, set, &elements);
    }
}

/// Removes elements from the sets.
pub fn remove<'e>(table: &str, elements: impl Iterator<Item = &'e Element>, t: &mut Transaction) {
    for ((family, set), elements) in by_set(elements, false) {
        t.del_elements(family, table, set, &elements);
    }
}

type BySet = BTreeMap<(NftFamily, &'static str), Vec<SetElement>>;

/// The elements as the kernel takes them; with what a key is mapped to if `data`.
fn by_set<'e>(elements: impl Iterator<Item = &'e Element>, data: bool) -> BySet {
    let mut sets = BySet::new();
    let mut put = |family, set, element| sets.entry((family, set)).or_default().push(element);
    let index = |i: &IfIndex| Value::Index(i.0);
    for element in elements {
        match element {
            Element::Hidden(ip) => {
                let family = match ip {
                    IpAddr::V4(_) => NftFamily::Ip,
                    IpAddr::V6(_) => NftFamily::Ip6,
                };
                put(family, VIPS, SetElement::new(&[Value::Addr(*ip)]));
            }
            Element::HiddenOn(ip, on) => {
                let key = [Value::Addr((*ip).into()), index(on)];
                put(NftFamily::Ip6, LINK_LOCAL, SetElement::new(&key));
            }
            Element::HiddenOnName(ip, on) => {
                let key = [Value::Addr((*ip).into()), Value::Name(on.to_string())];
                put(NftFamily::Ip6, LINK_LOCAL_NAME, SetElement::new(&key));
            }
            Element::Vmac { family, vmac, parent } => {
                let pair = match data {
                    true => SetElement::mapped(&index(vmac), &index(parent)),
                    false => SetElement::new(&[index(vmac)]),
                };
                match family {
                    Family::V4 => put(NftFamily::Ip, VMAC_MAP, pair),
                    Family::V6 => {
                        put(NftFamily::Ip6, VMAC_MAP, pair);
                        put(NftFamily::Ip6, VMAC_SET, SetElement::new(&[index(vmac)]));
                    }
                }
            }
            Element::Source(ip, on) => {
                let key = [Value::Addr((*ip).into()), index(on)];
                put(NftFamily::Ip6, PARENT_LINK_LOCAL, SetElement::new(&key));
            }
        }
    }
    sets
}

/// Makes tables, sets, chains and rules.
fn make(rules: &Rules, t: &mut Transaction) {
    let has = |part| rules.parts.contains(&part);
    if has(Part::Hides4) || has(Part::Vmac4) {
        make_ip(rules, t);
    }
    let parts = [Part::Hides6, Part::HidesLinkLocal, Part::HidesLinkLocalByName, Part::Vmac6];
    if parts.into_iter().any(has) {
        make_ip6(rules, t);
    }
}

/// Collects the chains and rules of one table.
struct Maker<'a> {
    family: NftFamily,
    rules: &'a Rules,
    t: &'a mut Transaction,
}

impl Maker<'_> {
    fn set(&mut self, set: &Set) {
        self.t.add_set(self.family, &self.rules.table, set);
    }

    fn chain(&mut self, chain: &Chain) {
        self.t.add_chain(self.family, &self.rules.table, chain);
    }

    fn base(&mut self, name: &str, hook: Hook) {
        self.chain(&Chain::base(name, hook, self.rules.priority));
    }

    /// A rule that does `verdict` with what `when` holds for.
    fn rule(&mut self, chain: &str, when: Exprs, verdict: Verdict) {
        let exprs = when.counter_if(self.rules.counters).verdict(verdict);
        self.t.add_rule(self.family, &self.rules.table, chain, &exprs);
    }
}

fn make_ip(rules: &Rules, t: &mut Transaction) {
    let (hides, vmac) = (rules.parts.contains(&Part::Hides4), rules.parts.contains(&Part::Vmac4));
    t.add_table(NftFamily::Ip, &rules.table);
    let mut m = Maker { family: NftFamily::Ip, rules, t };
    m.base(OUT, Hook::Output);
    if vmac {
        m.set(&Set::map(VMAC_MAP, DataType::IfIndex, DataType::IfIndex));
        let report = || Exprs::new().is_ip_protocol(IGMP);
        let moved = report().is_name(Field::OifKind, MACVLAN).copy_to(
            Field::Ip4Daddr,
            Field::Oif,
            VMAC_MAP,
        );
        m.rule(OUT, moved, Verdict::Drop);
        if hides {
            // The copy comes by here as well, and may be from a hidden address.
            m.rule(OUT, report(), Verdict::Accept);
        }
    }
    if hides {
        m.set(&Set::new(VIPS, &[DataType::Ip4Addr]));
        m.rule(OUT, Exprs::new().is_in(&[Field::Ip4Saddr], VIPS), Verdict::Drop);
        m.base(IN, Hook::Input);
        m.rule(IN, Exprs::new().is_in(&[Field::Ip4Daddr], VIPS), Verdict::Drop);
    }
}

fn make_ip6(rules: &Rules, t: &mut Transaction) {
    let has = |part| rules.parts.contains(&part);
    t.add_table(NftFamily::Ip6, &rules.table);
    let mut m = Maker { family: NftFamily::Ip6, rules, t };
    m.base(OUT, Hook::Output);
    if has(Part::Vmac6) {
        vmac_rules(&mut m);
    }
    let by: BTreeMap<_, _> = [
        (Part::HidesLinkLocal, (LINK_LOCAL, DataType::IfIndex, Field::Iif, Field::Oif)),
        (
            Part::HidesLinkLocalByName,
            (LINK_LOCAL_NAME, DataType::IfName, Field::IifName, Field::OifName),
        ),
    ]
    .into_iter()
    .filter(|(part, _)| has(*part))
    .collect();
    if !by.is_empty() {
        m.chain(&Chain::new(IN_LINK_LOCAL));
        m.chain(&Chain::new(OUT_LINK_LOCAL));
    }
    for (set, on, iif, oif) in by.values().copied() {
        m.set(&Set::new(set, &[DataType::Ip6Addr, on]));
        m.rule(IN_LINK_LOCAL, Exprs::new().is_in(&[Field::Ip6Daddr, iif], set), Verdict::Drop);
        m.rule(OUT_LINK_LOCAL, Exprs::new().is_in(&[Field::Ip6Saddr, oif], set), Verdict::Drop);
    }
    if by.is_empty() && !has(Part::Hides6) {
        return;
    }
    m.base(IN, Hook::Input);
    m.set(&Set { constant: true, ..Set::new(DISCOVERY, &[DataType::Icmp6Type]) });
    let types = [NEIGHBOUR_SOLICIT, NEIGHBOUR_ADVERT].map(|n| SetElement::new(&[Value::Byte(n)]));
    m.t.add_elements(NftFamily::Ip6, &rules.table, DISCOVERY, &types);
    if has(Part::Hides6) {
        m.set(&Set::new(VIPS, &[DataType::Ip6Addr]));
    }
    for (chain, addr, link_local) in
        [(OUT, Field::Ip6Saddr, OUT_LINK_LOCAL), (IN, Field::Ip6Daddr, IN_LINK_LOCAL)]
    {
        m.rule(chain, Exprs::new().is_icmp6_of(DISCOVERY), Verdict::Accept);
        if !by.is_empty() {
            let prefix = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 0]);
            let within = Exprs::new().is_within(addr, prefix, 10);
            m.rule(chain, within, Verdict::Goto(link_local.to_owned()));
        }
        if has(Part::Hides6) {
            m.rule(chain, Exprs::new().is_in(&[addr], VIPS), Verdict::Drop);
        }
    }
}

/// What VMACs of IPv6 virtual routers must not say with the virtual MAC.
fn vmac_rules(m: &mut Maker<'_>) {
    m.set(&Set::map(VMAC_MAP, DataType::IfIndex, DataType::IfIndex));
    m.set(&Set::new(VMAC_SET, &[DataType::IfIndex]));
    m.set(&Set::new(PARENT_LINK_LOCAL, &[DataType::Ip6Addr, DataType::IfIndex]));
    let on_vmac = |kind| Exprs::new().is_icmp6(kind).is_name(Field::OifKind, MACVLAN);
    let moved = on_vmac(MLD2_REPORT).copy_to(Field::Ip6Daddr, Field::Oif, VMAC_MAP);
    m.rule(OUT, moved, Verdict::Drop);
    m.rule(OUT, on_vmac(ROUTER_SOLICIT).is_in(&[Field::Oif], VMAC_SET), Verdict::Drop);
    let source = [Field::Ip6Saddr, Field::Oif];
    let advert = Exprs::new().is_icmp6(NEIGHBOUR_ADVERT).is_in(&source, PARENT_LINK_LOCAL);
    m.rule(OUT, advert, Verdict::Drop);
}
