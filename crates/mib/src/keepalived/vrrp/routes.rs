//! Virtual routes and their next hops; static ones as those of an instance 0.

use super::hop;
use crate::table::{Column, Table};
use crate::value::{address, enabled, family, gauge, int, scope, text, truth, zero};
use crate::view::{Row, View};
use agentx::Value;
use model::net::{NextHop, Route, rtax};

/// The routes of an owner: 0 is static, the others are instances.
fn routes<'a>(v: &View<'a>, owner: u32) -> &'a [Route] {
    match owner.checked_sub(1) {
        None => &v.vrrp.static_routes,
        Some(n) => v.instance([n, 0, 0]).map_or(&[], |i| &i.routes),
    }
}

fn owners(v: &View<'_>) -> core::ops::RangeInclusive<u32> {
    0..=v.vrrp.instances.len() as u32
}

fn find<'a>(v: &View<'a>, row: Row) -> Option<&'a Route> {
    routes(v, row[0]).get(row[1] as usize)
}

fn find_hop<'a>(v: &View<'a>, row: Row) -> Option<&'a NextHop> {
    find(v, row)?.nexthops.get(row[2] as usize)
}

fn is_set(v: &View<'_>, row: Row) -> Option<bool> {
    let set = match row[0].checked_sub(1) {
        None => &v.vrrp_now?.routes,
        Some(n) => &v.now([n, 0, 0])?.routes,
    };
    set.get(row[1] as usize).copied()
}

/// A metric by its `RTAX_*` number.
fn metric(v: &View<'_>, row: Row, kind: u16) -> Option<Value> {
    find(v, row)?.metrics.iter().find(|m| m.kind == kind).map(|m| gauge(m.value))
}

fn locked(v: &View<'_>, row: Row, kind: u16) -> Option<Value> {
    find(v, row)?.metrics.iter().find(|m| m.kind == kind).map(|m| truth(m.lock))
}

/// A flag of `RTAX_FEATURES` or a metric that is one.
fn flag(v: &View<'_>, row: Row, kind: u16, bit: u32) -> Option<bool> {
    let metric = find(v, row)?.metrics.iter().find(|m| m.kind == kind);
    Some(metric.is_some_and(|m| m.value & bit != 0))
}

/// RouteType of a route: multipath(2), blackhole(3), broadcast(6), and else the kernel's number.
fn kind(route: &Route) -> Value {
    Value::Integer(match route.kind {
        1 if !route.nexthops.is_empty() => 2,
        1 | 2 => 1,
        3 => 6,
        6 => 3,
        other => i32::from(other),
    })
}

fn scaled(v: &View<'_>, row: Row, kind: u16, units: u32) -> Option<Value> {
    find(v, row)?.metrics.iter().find(|m| m.kind == kind).map(|m| gauge(m.value / units))
}

fn encap(v: &View<'_>, row: Row, part: u32) -> Option<Value> {
    hop::part(find(v, row)?.hop.encap.as_ref()?, part)
}

fn hop_encap(v: &View<'_>, row: Row, part: u32) -> Option<Value> {
    hop::part(find_hop(v, row)?.encap.as_ref()?, part)
}

pub static TABLES: &[Table] = &[
    // vrrpRouteTable
    Table {
        entry: &[7, 1],
        rows: |v| {
            let rows = owners(v).flat_map(|owner| {
                let count = routes(v, owner).len() as u32;
                (0..count).map(move |n| (vec![owner, n + 1], [owner, n, 0]))
            });
            rows.collect()
        },
        columns: &[
            Column::new(2, |v, row| Some(family(find(v, row)?.family))),
            Column::new(3, |v, row| {
                let r = find(v, row)?;
                Some(r.dst.map_or_else(|| zero(r.family), |d| address(d.addr)))
            }),
            Column::new(4, |v, row| Some(gauge(find(v, row)?.dst.map_or(0, |d| d.len)))),
            Column::new(5, |v, row| find(v, row)?.hop.via.map(address)),
            Column::new(7, |v, row| find(v, row)?.src.map(address)),
            Column::new(8, |v, row| Some(gauge(find(v, row)?.priority.unwrap_or(0)))),
            Column::new(9, |v, row| Some(scope(find(v, row)?.scope.unwrap_or(0)))),
            Column::new(10, |v, row| Some(kind(find(v, row)?))),
            Column::new(11, |v, row| {
                Some(int(v.link_named(find(v, row)?.hop.dev.as_deref()?)?.index))
            }),
            Column::new(12, |v, row| find(v, row)?.hop.dev.as_ref().map(text)),
            Column::new(13, |v, row| Some(gauge(find(v, row)?.table))),
            // set(1), unset(2)
            Column::new(14, |v, row| Some(enabled(is_set(v, row)?))),
            Column::new(15, |v, row| find(v, row)?.from.map(|p| address(p.addr))),
            Column::new(16, |v, row| find(v, row)?.from.map(|p| gauge(p.len))),
            Column::new(17, |v, row| {
                let tos = find(v, row)?.tos;
                (tos != 0).then(|| gauge(tos))
            }),
            // One more than the kernel's number.
            Column::new(18, |v, row| Some(int(i32::from(find(v, row)?.protocol) + 1))),
            Column::new(19, |v, row| flag(v, row, rtax::FEATURES, 1).map(truth)),
            Column::new(20, |v, row| flag(v, row, rtax::QUICKACK, 1).map(truth)),
            Column::new(21, |v, row| find(v, row)?.expires.map(int)),
            Column::new(22, |v, row| metric(v, row, rtax::MTU)),
            Column::new(23, |v, row| locked(v, row, rtax::MTU)),
            Column::new(24, |v, row| metric(v, row, rtax::HOPLIMIT)),
            Column::new(25, |v, row| metric(v, row, rtax::ADVMSS)),
            Column::new(26, |v, row| locked(v, row, rtax::ADVMSS)),
            Column::new(27, |v, row| scaled(v, row, rtax::RTT, rtax::RTT_PER_MS)),
            Column::new(28, |v, row| locked(v, row, rtax::RTT)),
            Column::new(29, |v, row| scaled(v, row, rtax::RTTVAR, rtax::RTTVAR_PER_MS)),
            Column::new(30, |v, row| locked(v, row, rtax::RTTVAR)),
            Column::new(31, |v, row| metric(v, row, rtax::REORDERING)),
            Column::new(32, |v, row| locked(v, row, rtax::REORDERING)),
            Column::new(33, |v, row| metric(v, row, rtax::WINDOW)),
            Column::new(34, |v, row| metric(v, row, rtax::CWND)),
            Column::new(35, |v, row| locked(v, row, rtax::CWND)),
            Column::new(36, |v, row| metric(v, row, rtax::SSTHRESH)),
            Column::new(37, |v, row| locked(v, row, rtax::SSTHRESH)),
            Column::new(38, |v, row| metric(v, row, rtax::RTO_MIN)),
            Column::new(39, |v, row| locked(v, row, rtax::RTO_MIN)),
            Column::new(40, |v, row| metric(v, row, rtax::INITCWND)),
            Column::new(41, |v, row| metric(v, row, rtax::INITRWND)),
            Column::new(42, |v, row| find(v, row)?.congctl.as_ref().map(|(name, _)| text(name))),
            // low(1), medium(2), high(3); the kernel has medium 0, high 1, low 3.
            Column::new(43, |v, row| {
                Some(Value::Integer(match find(v, row)?.pref? {
                    3 => 1,
                    0 => 2,
                    _ => 3,
                }))
            }),
            Column::new(44, |v, row| hop::realms(find(v, row)?.hop.realms)?.0),
            Column::new(45, |v, row| hop::realms(find(v, row)?.hop.realms)?.1),
            Column::new(46, |v, row| find(v, row)?.hop.encap.as_ref().map(hop::kind)),
            Column::new(47, |v, row| encap(v, row, 0)),
            Column::new(48, |v, row| encap(v, row, 1)),
            Column::new(49, |v, row| encap(v, row, 2)),
            Column::new(50, |v, row| encap(v, row, 3)),
            Column::new(51, |v, row| encap(v, row, 4)),
            Column::new(52, |v, row| encap(v, row, 5)),
            Column::new(53, |v, row| encap(v, row, 6)),
            Column::new(54, |v, row| encap(v, row, 7)),
            Column::new(55, |v, row| {
                let metrics = &find(v, row)?.metrics;
                metrics
                    .iter()
                    .find(|m| m.kind == rtax::FASTOPEN_NO_COOKIE)
                    .map(|m| truth(m.value != 0))
            }),
        ],
    },
    // vrrpRouteNextHopTable
    Table {
        entry: &[11, 1],
        rows: |v| {
            let mut rows = Vec::new();
            for owner in owners(v) {
                for (n, route) in (0u32..).zip(routes(v, owner)) {
                    for hop in 0..route.nexthops.len() as u32 {
                        rows.push((vec![owner, n + 1, hop + 1], [owner, n, hop]));
                    }
                }
            }
            rows
        },
        columns: &[
            Column::new(2, |v, row| {
                find_hop(v, row)?.via.map(|via| family(types::Family::of(via)))
            }),
            Column::new(3, |v, row| find_hop(v, row)?.via.map(address)),
            Column::new(4, |v, row| {
                Some(int(v.link_named(find_hop(v, row)?.dev.as_deref()?)?.index))
            }),
            Column::new(5, |v, row| find_hop(v, row)?.dev.as_ref().map(text)),
            Column::new(6, |v, row| Some(gauge(find_hop(v, row)?.weight.unwrap_or(1)))),
            Column::new(7, |v, row| Some(truth(find_hop(v, row)?.onlink))),
            Column::new(8, |v, row| hop::realms(find_hop(v, row)?.realms)?.0),
            Column::new(9, |v, row| hop::realms(find_hop(v, row)?.realms)?.1),
            Column::new(11, |v, row| hop_encap(v, row, 0)),
            Column::new(12, |v, row| hop_encap(v, row, 1)),
            Column::new(13, |v, row| hop_encap(v, row, 2)),
            Column::new(14, |v, row| hop_encap(v, row, 3)),
            Column::new(15, |v, row| hop_encap(v, row, 4)),
            Column::new(16, |v, row| hop_encap(v, row, 5)),
            Column::new(17, |v, row| hop_encap(v, row, 6)),
            Column::new(18, |v, row| hop_encap(v, row, 7)),
        ],
    },
];
