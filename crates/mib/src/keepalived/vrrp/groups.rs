//! Sync groups and their members.

use super::state;
use crate::table::{Column, Table, pairs, positions};
use crate::value::{enabled, text};
use model::vrrp::Notify;

pub static TABLES: &[Table] = &[
    // vrrpSyncGroupTable
    Table {
        entry: &[1, 1],
        rows: |v| positions(v.vrrp.sync_groups.len()),
        columns: &[
            Column::new(2, |v, row| Some(text(&v.group(row)?.name))),
            Column::new(3, |v, row| v.vrrp_now?.groups.get(row[0] as usize).map(|now| state(*now))),
            Column::new(4, |v, row| Some(enabled(v.group(row)?.smtp_alert))),
            Column::new(5, |v, row| Some(enabled(has_scripts(&v.group(row)?.notify)))),
            Column::new(6, |v, row| v.script(v.group(row)?.notify.master).map(text)),
            Column::new(7, |v, row| v.script(v.group(row)?.notify.backup).map(text)),
            Column::new(8, |v, row| v.script(v.group(row)?.notify.fault).map(text)),
            Column::new(9, |v, row| v.script(v.group(row)?.notify.any).map(text)),
            Column::new(10, |v, row| Some(enabled(v.group(row)?.tracking_weight))),
            Column::new(11, |v, row| v.script(v.group(row)?.notify.stop).map(text)),
        ],
    },
    // vrrpSyncGroupMemberTable
    Table {
        entry: &[2, 1],
        rows: |v| pairs(v.vrrp.sync_groups.iter().map(|g| g.members.len())),
        columns: &[Column::new(2, |v, row| v.group(row)?.members.get(row[1] as usize).map(text))],
    },
];

/// Whether anything is run when the state changes.
pub fn has_scripts(n: &Notify) -> bool {
    let all = [n.master, n.backup, n.fault, n.stop, n.deleted, n.any, n.master_rx_lower_pri];
    all.iter().any(Option::is_some)
}
