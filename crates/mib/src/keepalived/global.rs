//! The global branch.

use crate::table::{Column, Table, positions, scalar};
use crate::value::{address, enabled, family, gauge, text, truth};
use agentx::Value;
use core::net::IpAddr;
use model::global::FlushOnStop;
use types::Family;

pub static TABLES: &[Table] = &[
    Table {
        entry: &[],
        rows: scalar,
        columns: &[
            Column::new(1, |v, _| Some(text(v.version))),
            Column::new(2, |v, _| Some(text(v.router_id()))),
            Column::new(4, |v, _| Some(enabled(v.global.snmp.traps))),
            // netlink(1), polling(2)
            Column::new(5, |v, _| {
                let polls = |i: &model::VrrpInstance| i.linkbeat_use_polling;
                let some = !v.vrrp.linkbeat.is_empty() || v.vrrp.instances.iter().any(polls);
                Some(enabled(!(v.global.linkbeat_use_polling || some)))
            }),
            Column::new(6, |v, _| Some(enabled(v.global.ipvs.flush))),
            Column::new(7, |_, _| Some(truth(true))),
            Column::new(8, |v, _| Some(text(v.global.net_namespace.as_deref().unwrap_or("")))),
            Column::new(9, |v, _| Some(truth(v.global.dbus.enabled))),
            Column::new(10, |v, _| Some(truth(v.global.dynamic_interfaces))),
            Column::new(11, |v, _| {
                Some(Value::Integer(match v.global.ipvs.flush_on_stop {
                    FlushOnStop::All => 1,
                    FlushOnStop::No => 2,
                    FlushOnStop::VirtualServers => 3,
                }))
            }),
            Column::new(12, |v, _| {
                let all = &v.vrrp.instances;
                Some(truth(!all.is_empty() && all.iter().all(|i| i.v3_checksum_as_v2)))
            }),
        ],
    },
    Table {
        entry: &[3],
        rows: scalar,
        columns: &[
            Column::new(1, |v, _| Some(family(server(v).map_or(Family::V6, Family::of)))),
            Column::new(2, |v, _| {
                Some(server(v).map_or_else(|| Value::Octets(vec![0; 4]), address))
            }),
            Column::new(3, |v, _| {
                let s = &v.global.smtp;
                Some(gauge(if s.server.is_some() { s.connect_timeout.as_secs() } else { 0 }))
            }),
            Column::new(4, |v, _| v.global.smtp.from.as_ref().map(text)),
            Column::new(6, |v, _| {
                let s = &v.global.smtp;
                Some(gauge(if s.server.is_some() { s.port } else { 0 }))
            }),
            Column::new(7, |v, _| Some(enabled(!v.global.smtp.no_email_faults))),
            Column::new(8, |v, _| Some(switch(v.global.smtp.alert))),
            Column::new(9, |v, _| Some(switch(v.global.smtp.alert_vrrp))),
            Column::new(10, |v, _| Some(switch(v.global.smtp.alert_checker))),
        ],
    },
    Table {
        entry: &[3, 5, 1],
        rows: |v| positions(v.global.smtp.to.len()),
        columns: &[Column::new(2, |v, row| v.global.smtp.to.get(row[0] as usize).map(text))],
    },
];

/// on(1), off(2), unset(3)
fn switch(v: Option<bool>) -> Value {
    Value::Integer(match v {
        Some(true) => 1,
        Some(false) => 2,
        None => 3,
    })
}

/// The mail server.
fn server(v: &crate::View<'_>) -> Option<IpAddr> {
    v.global.smtp.address
}
