//! VRRP-MIB (RFC 2787): virtual routers of version 2.

use crate::table::{Column, Keyed, Module, Table, scalar};
use crate::value::{counter32, int, ip_address, truth};
use crate::view::{Row, View};
use agentx::Value;
use core::net::IpAddr;
use ipc::msg::snapshot::StateNow;
use model::Counters;
use model::VrrpInstance;
use model::vrrp::{Auth, Version};
use types::Family;

/// The MIB.
pub static MODULE: Module = Module { root: &[1, 3, 6, 1, 2, 1, 68], tables: &[TABLES] };

/// Whether it knows of an instance.
pub fn knows(i: &VrrpInstance) -> bool {
    i.version == Version::V2 && i.family == Family::V4 && !i.vips.is_empty()
}

fn rows(v: &View<'_>) -> Keyed {
    let known = (0u32..).zip(&v.vrrp.instances).filter(|(_, i)| knows(i));
    known.map(|(n, i)| (vec![v.base_index(i), u32::from(i.vrid.get())], [n, 0, 0])).collect()
}

fn sum(v: &View<'_>, counter: fn(&Counters) -> u64) -> Option<u64> {
    let known = v.vrrp.instances.iter().zip(&v.vrrp_now?.instances).filter(|(i, _)| knows(i));
    Some(known.map(|(_, now)| counter(&now.counters)).sum())
}

/// The hardware address that the addresses of an instance are at.
pub fn mac(v: &View<'_>, row: Row) -> Option<Value> {
    let now = v.now(row)?;
    let link = match now.vmac.as_deref() {
        Some(name) => v.link_named(name)?,
        None => v.link(now.ifindex)?,
    };
    Some(Value::Octets(link.mac.to_vec()))
}

/// initialize(1), backup(2), master(3)
pub fn state(v: StateNow) -> Value {
    Value::Integer(match v {
        StateNow::Init | StateNow::Fault => 1,
        StateNow::Backup => 2,
        StateNow::Master => 3,
    })
}

macro_rules! stat {
    ($id:literal, $counter:ident) => {
        Column::new($id, |v, row| Some(counter32(v.now(row)?.counters.$counter)))
    };
}

static TABLES: &[Table] = &[
    Table {
        entry: &[1],
        rows: scalar,
        columns: &[
            // vrrpNodeVersion
            Column::new(1, |_, _| Some(Value::Integer(2))),
            // vrrpNotificationCntl
            Column::new(2, |v, _| Some(truth(v.global.snmp.traps))),
        ],
    },
    // vrrpOperTable
    Table {
        entry: &[1, 3, 1],
        rows,
        columns: &[
            Column::new(2, mac),
            Column::new(3, |v, row| Some(state(v.now(row)?.state))),
            // vrrpOperAdminState: up(1)
            Column::new(4, |_, _| Some(Value::Integer(1))),
            Column::new(5, |v, row| Some(int(v.now(row)?.base))),
            Column::new(6, |v, row| Some(int(v.instance(row)?.vips.len() as i64))),
            Column::new(7, |v, row| Some(ip_address(v.now(row)?.heard))),
            Column::new(8, |v, row| Some(ip_address(v.now(row)?.source))),
            // noAuthentication(1), simpleTextPassword(2), ipAuthenticationHeader(3)
            Column::new(9, |v, row| {
                Some(Value::Integer(match v.instance(row)?.auth {
                    None => 1,
                    Some(Auth::Pass(_)) => 2,
                    Some(Auth::Ah(_)) => 3,
                }))
            }),
            // 10, vrrpOperAuthKey, is never told.
            Column::new(11, |v, row| Some(int(v.instance(row)?.advert_int.as_secs() as i64))),
            Column::new(12, |v, row| Some(truth(v.now(row)?.preempt))),
            // vrrpOperVirtualRouterUpTime: sysUpTime when it left INIT.
            Column::new(13, |v, row| {
                let alive = v.now(row)?.alive_for.unwrap_or(v.uptime);
                let at = v.uptime.saturating_sub(alive);
                Some(Value::Ticks((at.as_millis() / 10) as u32))
            }),
            // vrrpOperProtocol: ip(1)
            Column::new(14, |_, _| Some(Value::Integer(1))),
            // vrrpOperRowStatus: active(1)
            Column::new(15, |_, _| Some(Value::Integer(1))),
        ],
    },
    // vrrpAssoIpAddrTable
    Table {
        entry: &[1, 4, 1],
        rows: |v| {
            let known = (0u32..).zip(&v.vrrp.instances).filter(|(_, i)| knows(i));
            let rows = known.flat_map(|(n, i)| {
                let base = v.base_index(i);
                i.vips.iter().filter_map(move |vip| match vip.prefix.addr {
                    IpAddr::V4(addr) => {
                        let mut index = vec![base, u32::from(i.vrid.get())];
                        index.extend(addr.octets().map(u32::from));
                        Some((index, [n, 0, 0]))
                    }
                    IpAddr::V6(_) => None,
                })
            });
            rows.collect()
        },
        // vrrpAssoIpAddrRowStatus: active(1)
        columns: &[Column::new(2, |_, _| Some(Value::Integer(1)))],
    },
    Table {
        entry: &[2],
        rows: scalar,
        columns: &[
            // vrrpRouterChecksumErrors
            Column::new(1, |v, _| sum(v, |c| c.chk_err).map(counter32)),
            // vrrpRouterVersionErrors
            Column::new(2, |v, _| sum(v, |c| c.vers_err).map(counter32)),
            // vrrpRouterVrIdErrors
            Column::new(3, |_, _| Some(counter32(0))),
        ],
    },
    // vrrpRouterStatsTable
    Table {
        entry: &[2, 4, 1],
        rows,
        columns: &[
            stat!(1, become_master),
            stat!(2, advert_rcvd),
            stat!(3, advert_interval_err),
            stat!(4, auth_failure),
            stat!(5, ip_ttl_err),
            stat!(6, pri_zero_rcvd),
            stat!(7, pri_zero_sent),
            stat!(8, invalid_type_rcvd),
            stat!(9, addr_list_err),
            stat!(10, invalid_authtype),
            stat!(11, authtype_mismatch),
            stat!(12, packet_len_err),
        ],
    },
];
