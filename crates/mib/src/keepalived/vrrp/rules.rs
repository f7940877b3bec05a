//! Virtual rules; static ones as those of an instance 0.

use super::hop;
use crate::table::{Column, Table};
use crate::value::{address, enabled, family, gauge, text, truth};
use crate::view::{Row, View};
use agentx::Value;
use model::net::{Rule, RuleAction};
use types::Prefix;

fn rules<'a>(v: &View<'a>, owner: u32) -> &'a [Rule] {
    match owner.checked_sub(1) {
        None => &v.vrrp.static_rules,
        Some(n) => v.instance([n, 0, 0]).map_or(&[], |i| &i.rules),
    }
}

fn find<'a>(v: &View<'a>, row: Row) -> Option<&'a Rule> {
    rules(v, row[0]).get(row[1] as usize)
}

fn is_set(v: &View<'_>, row: Row) -> Option<bool> {
    let set = match row[0].checked_sub(1) {
        None => &v.vrrp_now?.rules,
        Some(n) => &v.now([n, 0, 0])?.rules,
    };
    set.get(row[1] as usize).copied()
}

/// The address of the columns that know one only: where the packet goes, or else comes from.
fn either(rule: &Rule) -> Option<Prefix> {
    rule.to.or(rule.from)
}

/// The routing table that is looked up.
fn table(v: &View<'_>, row: Row) -> Option<Value> {
    match find(v, row)?.action {
        RuleAction::Table(table) => Some(gauge(table)),
        RuleAction::L3mdev => Some(gauge(0u32)),
        _ => None,
    }
}

/// The name of an interface group, as far as one is known without its file.
fn group_name(group: u32) -> String {
    if group == 0 { "default".to_owned() } else { group.to_string() }
}

pub static TABLES: &[Table] = &[
    // vrrpRuleTable
    Table {
        entry: &[8, 1],
        rows: |v| {
            let rows = (0..=v.vrrp.instances.len() as u32).flat_map(|owner| {
                let count = rules(v, owner).len() as u32;
                (0..count).map(move |n| (vec![owner, n + 1], [owner, n, 0]))
            });
            rows.collect()
        },
        columns: &[
            Column::new(2, |v, row| {
                let rule = find(v, row)?;
                Some(text(match (rule.from, rule.to) {
                    (Some(_), Some(_)) => "both",
                    (Some(_), None) => "from",
                    (None, Some(_)) => "to",
                    (None, None) => "",
                }))
            }),
            Column::new(3, |v, row| either(find(v, row)?).map(|p| family(p.family()))),
            Column::new(4, |v, row| either(find(v, row)?).map(|p| address(p.addr))),
            Column::new(5, |v, row| either(find(v, row)?).map(|p| gauge(p.len))),
            Column::new(6, table),
            // set(1), unset(2)
            Column::new(7, |v, row| Some(enabled(is_set(v, row)?))),
            Column::new(8, |v, row| Some(truth(find(v, row)?.not))),
            Column::new(9, |v, row| find(v, row)?.to.map(|p| family(p.family()))),
            Column::new(10, |v, row| find(v, row)?.to.map(|p| address(p.addr))),
            Column::new(11, |v, row| find(v, row)?.to.map(|p| gauge(p.len))),
            Column::new(12, |v, row| find(v, row)?.from.map(|p| family(p.family()))),
            Column::new(13, |v, row| find(v, row)?.from.map(|p| address(p.addr))),
            Column::new(14, |v, row| find(v, row)?.from.map(|p| gauge(p.len))),
            Column::new(15, |v, row| Some(gauge(find(v, row)?.tos))),
            Column::new(16, |v, row| find(v, row)?.fwmark.map(|(mark, _)| gauge(mark))),
            Column::new(17, |v, row| {
                let (_, mask) = find(v, row)?.fwmark?;
                (mask != u32::MAX).then(|| gauge(mask))
            }),
            Column::new(18, |v, row| hop::realms(find(v, row)?.realms)?.0),
            Column::new(19, |v, row| hop::realms(find(v, row)?.realms)?.1),
            Column::new(20, |v, row| find(v, row)?.iif.as_ref().map(text)),
            Column::new(21, |v, row| find(v, row)?.oif.as_ref().map(text)),
            Column::new(22, |v, row| match find(v, row)?.action {
                RuleAction::Goto(target) => Some(gauge(target)),
                _ => None,
            }),
            // The kernel's numbers.
            Column::new(23, |v, row| {
                Some(Value::Integer(match find(v, row)?.action {
                    RuleAction::Table(_) | RuleAction::L3mdev => 1,
                    RuleAction::Goto(_) => 2,
                    RuleAction::Nop => 3,
                    RuleAction::Blackhole => 6,
                    RuleAction::Unreachable => 7,
                    RuleAction::Prohibit => 8,
                }))
            }),
            Column::new(24, table),
            Column::new(25, |v, row| Some(gauge(find(v, row)?.priority))),
            Column::new(26, |v, row| find(v, row)?.suppress_prefixlength.map(gauge)),
            Column::new(27, |v, row| {
                find(v, row)?.suppress_ifgroup.map(|group| text(group_name(group)))
            }),
            Column::new(28, |v, row| find(v, row)?.tunnel_id.map(|id| gauge(id >> 32))),
            Column::new(29, |v, row| find(v, row)?.tunnel_id.map(|id| gauge(id & 0xffff_ffff))),
            Column::new(30, |v, row| find(v, row)?.uid_range.map(|(from, _)| gauge(from))),
            Column::new(31, |v, row| find(v, row)?.uid_range.map(|(_, to)| gauge(to))),
            Column::new(32, |v, row| {
                (find(v, row)?.action == RuleAction::L3mdev).then(|| truth(true))
            }),
        ],
    },
];
