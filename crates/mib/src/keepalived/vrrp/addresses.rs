//! Virtual addresses; static ones as those of an instance 0.

use crate::table::{Column, Keyed, Table};
use crate::value::{address, enabled, family, gauge, int, scope, text};
use crate::view::{Row, View};
use agentx::Value;
use core::net::IpAddr;
use ipc::msg::snapshot::PlaceNow;
use model::net::Address;
use types::Family;

/// An address, whether it is advertised, and where it is.
type Found<'a> = (&'a Address, bool, Option<PlaceNow>);

/// Rows are named by the index of the MIB here: instance (0 is static), address.
fn rows(v: &View<'_>) -> Keyed {
    let instances = v.vrrp.instances.iter().map(|i| i.vips.len() + i.evips.len());
    let counts = core::iter::once(v.vrrp.static_addresses.len()).chain(instances);
    let rows = (0u32..).zip(counts).flat_map(|(owner, count)| {
        (0..count as u32).map(move |n| (vec![owner, n + 1], [owner, n, 0]))
    });
    rows.collect()
}

fn find<'a>(v: &View<'a>, row: Row) -> Option<Found<'a>> {
    let n = row[1] as usize;
    let Some(owner) = row[0].checked_sub(1) else {
        let now = v.vrrp_now.and_then(|now| now.addresses.get(n));
        return Some((v.vrrp.static_addresses.get(n)?, false, now.copied()));
    };
    let row = [owner, 0, 0];
    let i = v.instance(row)?;
    let now = v.now(row).and_then(|now| now.addresses.get(n)).copied();
    match i.vips.get(n) {
        Some(vip) => Some((vip, true, now)),
        None => Some((i.evips.get(n.checked_sub(i.vips.len())?)?, false, now)),
    }
}

pub static TABLES: &[Table] = &[
    // vrrpAddressTable
    Table {
        entry: &[6, 1],
        rows,
        columns: &[
            Column::new(2, |v, row| Some(family(find(v, row)?.0.prefix.family()))),
            Column::new(3, |v, row| Some(address(find(v, row)?.0.prefix.addr))),
            Column::new(4, |v, row| {
                let a = find(v, row)?.0;
                let none = Value::Octets(vec![0; 4]);
                let broadcast = a.broadcast.map(|b| address(IpAddr::V4(b)));
                (a.prefix.family() == Family::V4).then(|| broadcast.unwrap_or(none))
            }),
            Column::new(5, |v, row| Some(gauge(find(v, row)?.0.prefix.len))),
            Column::new(6, |v, row| Some(scope(find(v, row)?.0.scope))),
            Column::new(7, |v, row| Some(int(find(v, row)?.2?.ifindex))),
            Column::new(8, |v, row| Some(text(&v.link(find(v, row)?.2?.ifindex)?.name))),
            Column::new(9, |v, row| find(v, row)?.0.label.as_ref().map(text)),
            // set(1), unset(2)
            Column::new(10, |v, row| Some(enabled(find(v, row)?.2?.set))),
            // advertised(1), notAdvertised(2)
            Column::new(11, |v, row| Some(enabled(find(v, row)?.1))),
            Column::new(12, |v, row| find(v, row)?.0.peer.map(|p| address(p.addr))),
        ],
    },
];
