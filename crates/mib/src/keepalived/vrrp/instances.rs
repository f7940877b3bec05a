//! Instances.

use super::groups::has_scripts;
use super::state;
use crate::table::{Column, Table, positions};
use crate::value::{address, enabled, family, gauge, int, text, truth};
use crate::view::{Row, View};
use agentx::{SetError, Value};
use ipc::msg::snapshot::{Change, InstanceChange, StateNow};
use model::vrrp::{Auth, Version};
use types::{Centisecs, Family};

pub static TABLES: &[Table] = &[
    // vrrpInstanceTable
    Table {
        entry: &[3, 1],
        rows: |v| positions(v.vrrp.instances.len()),
        columns: &[
            Column::new(2, |v, row| Some(text(&v.instance(row)?.name))),
            Column::new(3, |v, row| Some(gauge(v.instance(row)?.vrid.get()))),
            Column::new(4, |v, row| Some(state(v.now(row)?.state))),
            Column::new(5, |v, row| {
                let wants = v.instance(row)?.wants_master;
                Some(state(if wants { StateNow::Master } else { StateNow::Backup }))
            }),
            Column::new(6, |v, row| Some(state(v.now(row)?.wanted))),
            Column {
                id: 7,
                get: |v, row| {
                    let configured = v.instance(row)?.priority.0;
                    Some(int(v.now(row).map_or(configured, |now| now.base)))
                },
                set: Some(set_priority),
            },
            Column::new(8, |v, row| Some(int(v.now(row)?.effective))),
            // allSet(1), notAllSet(2)
            Column::new(9, |v, row| {
                let now = v.now(row)?;
                let set = now.addresses.iter().all(|a| a.set);
                Some(enabled(now.state == StateNow::Master && set))
            }),
            Column::new(10, |v, row| {
                let vmac = v.now(row).and_then(|now| now.vmac.as_deref());
                vmac.or(v.instance(row)?.interface.as_deref()).map(text)
            }),
            // tracked(1), notTracked(2)
            Column::new(11, |v, row| Some(enabled(!v.instance(row)?.dont_track_primary))),
            Column::new(12, |v, row| {
                let i = v.instance(row)?;
                Some(match i.version {
                    Version::V2 => gauge(i.advert_int.as_secs()),
                    Version::V3 => gauge(Centisecs::nearest(i.advert_int).0),
                })
            }),
            // preempt(1), noPreempt(2)
            Column {
                id: 13,
                get: |v, row| {
                    let configured = !v.instance(row)?.nopreempt;
                    Some(enabled(v.now(row).map_or(configured, |now| now.preempt)))
                },
                set: Some(|v, row, value| change(v, row, InstanceChange::Preempt(choice(value)?))),
            },
            Column::new(14, |v, row| Some(gauge(v.instance(row)?.preempt_delay.as_secs()))),
            // none(0), password(1), ah(2)
            Column::new(15, |v, row| {
                Some(Value::Integer(match v.instance(row)?.auth {
                    None => 0,
                    Some(Auth::Pass(_)) => 1,
                    Some(Auth::Ah(_)) => 2,
                }))
            }),
            Column::new(16, |v, row| Some(enabled(syncs(v, row)?.is_some()))),
            Column::new(17, |v, row| syncs(v, row)?.map(text)),
            Column::new(18, |v, row| Some(text(&v.group_of(v.instance(row)?)?.name))),
            Column::new(19, |v, row| Some(gauge(v.instance(row)?.garp.master_delay.as_secs()))),
            Column::new(20, |v, row| Some(enabled(v.instance(row)?.smtp_alert))),
            Column::new(21, |v, row| Some(enabled(has_scripts(&v.instance(row)?.notify)))),
            Column::new(22, |v, row| v.script(v.instance(row)?.notify.master).map(text)),
            Column::new(23, |v, row| v.script(v.instance(row)?.notify.backup).map(text)),
            Column::new(24, |v, row| v.script(v.instance(row)?.notify.fault).map(text)),
            Column::new(25, |v, row| v.script(v.instance(row)?.notify.stop).map(text)),
            Column::new(26, |v, row| v.script(v.instance(row)?.notify.any).map(text)),
            Column {
                id: 27,
                get: |v, row| {
                    let i = v.instance(row)?;
                    let accept = v.now(row).map_or(i.accept, |now| now.accept);
                    Some(match i.version {
                        Version::V2 => Value::Integer(0),
                        Version::V3 => truth(accept),
                    })
                },
                set: Some(|v, row, value| {
                    if v.instance(row).is_none_or(|i| i.version == Version::V2) {
                        return Err(SetError::NotWritable);
                    }
                    change(v, row, InstanceChange::Accept(choice(value)?))
                }),
            },
            Column::new(28, |v, row| Some(truth(v.instance(row)?.promote_secondaries))),
            Column::new(29, |v, row| {
                let polls = v.instance(row)?.linkbeat_use_polling;
                Some(truth(polls || v.global.linkbeat_use_polling))
            }),
            Column::new(30, |v, row| {
                Some(Value::Integer(match v.instance(row)?.version {
                    Version::V2 => 2,
                    Version::V3 => 3,
                }))
            }),
            Column::new(31, |v, row| {
                v.script(v.instance(row)?.notify.master_rx_lower_pri).map(text)
            }),
            Column::new(32, |v, row| v.script(v.instance(row)?.notify.deleted).map(text)),
            Column::new(33, |v, row| Some(truth(v.instance(row)?.notify.report_deleted))),
            Column::new(34, |v, row| {
                let i = v.instance(row)?;
                i.unicast.is_none().then(|| family(Family::of(i.mcast_group)))
            }),
            Column::new(35, |v, row| {
                let i = v.instance(row)?;
                i.unicast.is_none().then(|| address(i.mcast_group))
            }),
            Column::new(36, |v, row| Some(truth(v.instance(row)?.v3_checksum_as_v2))),
        ],
    },
];

/// The interface of the sync daemon, when it follows this instance.
fn syncs<'a>(v: &View<'a>, row: Row) -> Option<Option<&'a str>> {
    let name = &v.instance(row)?.name;
    let daemon = v.global.ipvs.sync_daemon.as_ref();
    let follows = daemon.filter(|d| d.instance.as_ref() == Some(name));
    Some(follows.map(|d| d.interface.as_str()))
}

fn change(v: &View<'_>, row: Row, what: InstanceChange) -> Result<Change, SetError> {
    let generation = v.vrrp_now.ok_or(SetError::NotWritable)?.generation;
    Ok(Change::Instance { generation, place: row[0], what })
}

fn set_priority(v: &View<'_>, row: Row, value: &Value) -> Result<Change, SetError> {
    match value {
        Value::Integer(priority @ 1..=255) => {
            change(v, row, InstanceChange::Priority(*priority as u8))
        }
        Value::Integer(_) => Err(SetError::WrongValue),
        _ => Err(SetError::WrongType),
    }
}

fn choice(value: &Value) -> Result<bool, SetError> {
    match value {
        Value::Integer(1) => Ok(true),
        Value::Integer(2) => Ok(false),
        Value::Integer(_) => Err(SetError::WrongValue),
        _ => Err(SetError::WrongType),
    }
}
