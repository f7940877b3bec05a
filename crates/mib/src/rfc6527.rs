//! VRRPV3-MIB (RFC 6527): all virtual routers, those of version 2 too.

use crate::rfc2787::{mac, state};
use crate::table::{Column, Keyed, Module, Table, scalar};
use crate::value::{counter32, counter64, gauge, int, octets, truth};
use crate::view::{Row, View};
use agentx::Value;
use core::net::IpAddr;
use ipc::msg::snapshot::StateNow;
use model::Counters;
use model::VrrpInstance;
use model::vrrp::Version;
use types::{Centisecs, Family};

/// The MIB.
pub static MODULE: Module = Module { root: &[1, 3, 6, 1, 2, 1, 207], tables: &[TABLES] };

/// InetAddressType, as an index.
pub fn inet_type(family: Family) -> u32 {
    match family {
        Family::V4 => 1,
        Family::V6 => 2,
    }
}

fn index(v: &View<'_>, i: &VrrpInstance) -> Vec<u32> {
    vec![v.base_index(i), u32::from(i.vrid.get()), inet_type(i.family)]
}

fn rows(v: &View<'_>) -> Keyed {
    (0u32..).zip(&v.vrrp.instances).map(|(n, i)| (index(v, i), [n, 0, 0])).collect()
}

fn sum(v: &View<'_>, counter: fn(&Counters) -> u64) -> Option<u64> {
    Some(v.vrrp_now?.instances.iter().map(|now| counter(&now.counters)).sum())
}

fn known(v: &View<'_>, row: Row, addr: Option<IpAddr>) -> Option<Value> {
    let family = v.instance(row)?.family;
    let addr = addr.filter(|a| Family::of(*a) == family);
    Some(Value::Octets(addr.map_or_else(|| vec![0; family.bytes()], octets)))
}

macro_rules! stat {
    ($id:literal, $counter:ident) => {
        Column::new($id, |v, row| Some(counter64(v.now(row)?.counters.$counter)))
    };
}

static TABLES: &[Table] = &[
    // vrrpv3OperationsTable
    Table {
        entry: &[1, 1, 1, 1],
        rows,
        columns: &[
            // vrrpv3OperationsMasterIpAddr
            Column::new(3, |v, row| {
                let now = v.now(row)?;
                let master = match now.state {
                    StateNow::Master => now.source,
                    StateNow::Backup => now.heard,
                    StateNow::Init | StateNow::Fault => None,
                };
                known(v, row, master)
            }),
            Column::new(4, |v, row| known(v, row, v.now(row)?.source)),
            Column::new(5, mac),
            Column::new(6, |v, row| Some(state(v.now(row)?.state))),
            Column::new(7, |v, row| Some(gauge(v.now(row)?.base))),
            Column::new(8, |v, row| Some(int(v.instance(row)?.vips.len() as i64))),
            // Hundredths of a second.
            Column::new(9, |v, row| Some(int(Centisecs::nearest(v.instance(row)?.advert_int).0))),
            Column::new(10, |v, row| Some(truth(v.now(row)?.preempt))),
            Column::new(11, |v, row| {
                let v2 = v.instance(row)?.version == Version::V2;
                Some(truth(v2 || v.now(row)?.accept))
            }),
            Column::new(12, |v, row| {
                let alive = v.now(row)?.alive_for.unwrap_or_default();
                Some(Value::Ticks((alive.as_millis() / 10) as u32))
            }),
            // RowStatus: active(1)
            Column::new(13, |_, _| Some(Value::Integer(1))),
        ],
    },
    // vrrpv3AssociatedIpAddrTable
    Table {
        entry: &[1, 1, 2, 1],
        rows: |v| {
            let rows = (0u32..).zip(&v.vrrp.instances).flat_map(|(n, i)| {
                let above = index(v, i);
                let own = i.vips.iter().filter(|vip| vip.prefix.family() == i.family);
                own.map(move |vip| {
                    let mut index = above.clone();
                    index.extend(octets(vip.prefix.addr).into_iter().map(u32::from));
                    (index, [n, 0, 0])
                })
            });
            rows.collect()
        },
        // RowStatus: active(1)
        columns: &[Column::new(2, |_, _| Some(Value::Integer(1)))],
    },
    Table {
        entry: &[1, 2],
        rows: scalar,
        columns: &[
            // vrrpv3RouterChecksumErrors
            Column::new(1, |v, _| sum(v, |c| c.chk_err).map(counter64)),
            // vrrpv3RouterVersionErrors
            Column::new(2, |v, _| sum(v, |c| c.vers_err).map(counter64)),
            // vrrpv3RouterVrIdErrors
            Column::new(3, |_, _| Some(counter64(0))),
            // vrrpv3GlobalStatisticsDiscontinuityTime
            Column::new(4, |_, _| Some(Value::Ticks(0))),
        ],
    },
    // vrrpv3StatisticsTable
    Table {
        entry: &[1, 2, 5, 1],
        rows,
        columns: &[
            Column::new(1, |v, row| Some(counter32(v.now(row)?.counters.become_master))),
            Column::new(2, |v, row| Some(int(v.now(row)?.new_master))),
            stat!(3, advert_rcvd),
            stat!(4, advert_interval_err),
            stat!(5, ip_ttl_err),
            Column::new(6, |v, row| Some(int(v.now(row)?.protocol_error))),
            stat!(7, pri_zero_rcvd),
            stat!(8, pri_zero_sent),
            stat!(9, invalid_type_rcvd),
            stat!(10, addr_list_err),
            stat!(11, packet_len_err),
            // vrrpv3StatisticsRowDiscontinuityTime
            Column::new(12, |_, _| Some(Value::Ticks(0))),
            // vrrpv3StatisticsRefreshRate: milliseconds.
            Column::new(13, |v, row| Some(gauge(v.instance(row)?.advert_int.as_millis() as u64))),
        ],
    },
];
