//! The check branch: virtual servers, real servers, the sync daemon.

mod words;

use crate::table::{Column, Table, pairs, positions, scalar};
use crate::value::{address, counter32, counter64, enabled, family, gauge, int, text, truth};
use crate::view::{Row, View};
use agentx::{SetError, Value};
use core::net::IpAddr;
use ipc::msg::snapshot::{Change, DestNow, RealNow, VirtualNow};
use model::lvs::{Defaults, GroupEntry, Protocol, RealServer, Service, SorryServer, VirtualServer};
use types::{Family, Micros, Traffic};
use words::*;

pub use words::{service_type, vs_family};

pub fn virtual_server<'a>(v: &View<'a>, row: Row) -> Option<&'a VirtualServer> {
    v.lvs.virtual_servers.get(row[0] as usize)
}

fn virtual_now<'a>(v: &View<'a>, row: Row) -> Option<&'a VirtualNow> {
    v.checker_now?.virtuals.get(row[0] as usize)
}

/// A real server, or the sorry server, whose row is the first.
enum Server<'a> {
    Real(&'a RealServer),
    Sorry(&'a SorryServer),
}

fn server<'a>(v: &View<'a>, row: Row) -> Option<Server<'a>> {
    let vs = virtual_server(v, row)?;
    let n = row[1] as usize;
    match (&vs.sorry_server, n) {
        (Some(sorry), 0) => Some(Server::Sorry(sorry)),
        (sorry, n) => {
            let n = n.checked_sub(usize::from(sorry.is_some()))?;
            vs.real_servers.get(n).map(Server::Real)
        }
    }
}

/// The place of a real server in its virtual server.
fn place(v: &View<'_>, row: Row) -> Option<usize> {
    let sorry = virtual_server(v, row)?.sorry_server.is_some();
    (row[1] as usize).checked_sub(usize::from(sorry))
}

fn real<'a>(v: &View<'a>, row: Row) -> Option<&'a RealServer> {
    match server(v, row)? {
        Server::Real(real) => Some(real),
        Server::Sorry(_) => None,
    }
}

fn real_now<'a>(v: &View<'a>, row: Row) -> Option<&'a RealNow> {
    virtual_now(v, row)?.reals.get(place(v, row)?)
}

fn dest(v: &View<'_>, row: Row) -> Option<DestNow> {
    match server(v, row)? {
        Server::Real(_) => real_now(v, row).map(|r| r.stats),
        Server::Sorry(_) => virtual_now(v, row).map(|now| now.sorry_stats),
    }
}

fn group_entry<'a>(v: &View<'a>, row: Row) -> Option<&'a GroupEntry> {
    v.lvs.groups.get(row[0] as usize)?.entries.get(row[1] as usize)
}

fn range(v: &View<'_>, row: Row) -> Option<(IpAddr, IpAddr, u16)> {
    match group_entry(v, row)? {
        GroupEntry::Range { first, last, port } => Some((*first, *last, *port)),
        GroupEntry::Fwmark { .. } => None,
    }
}

fn granularity(v: &View<'_>, row: Row, wanted: Family) -> Option<u32> {
    let vs = virtual_server(v, row)?;
    (vs_family(vs)? == wanted).then_some(vs.persistence_granularity)
}

/// A flag of the scheduler, of which each means something else to each.
fn flag(v: &View<'_>, row: Row, bit: u8) -> Option<Value> {
    Some(truth(virtual_server(v, row)?.sched_flags & (1 << bit) != 0))
}

fn defaults(v: &View<'_>, row: Row) -> Option<Defaults> {
    Some(virtual_server(v, row)?.defaults)
}

/// How a real server is checked: as its first checker is, or as one would be.
fn pacing(v: &View<'_>, row: Row) -> Option<Pacing> {
    let vs = virtual_server(v, row)?;
    let d = vs.defaults;
    Some(match server(v, row)? {
        Server::Sorry(_) => Pacing::default(),
        Server::Real(rs) => match rs.checkers.first() {
            Some(c) => Pacing {
                alpha: c.alpha,
                retry: c.retry,
                delay_before_retry: c.delay_before_retry,
                warmup: c.warmup,
                delay_loop: c.delay_loop,
                timeout: c.kind.connect().map_or(d.connect_timeout, |c| c.timeout),
            },
            None => Pacing {
                alpha: d.alpha,
                retry: d.retry,
                delay_before_retry: d.delay_before_retry,
                warmup: d.warmup,
                delay_loop: vs.delay_loop.into(),
                timeout: d.connect_timeout,
            },
        },
    })
}

#[derive(Default)]
struct Pacing {
    alpha: bool,
    retry: u32,
    delay_before_retry: Micros,
    warmup: Micros,
    delay_loop: Micros,
    timeout: Micros,
}

/// A column of a virtual server's counters.
macro_rules! vs_stat {
    ($id:literal, $value:ident, $field:ident) => {
        Column::new($id, |v, row| Some($value(virtual_now(v, row)?.stats.$field)))
    };
}
/// A column of a real server's counters.
macro_rules! rs_stat {
    ($id:literal, $value:ident, $field:ident) => {
        Column::new($id, |v, row| {
            let stats: Traffic = dest(v, row)?.stats;
            Some($value(stats.$field))
        })
    };
}

fn set_weight(v: &View<'_>, row: Row, value: &Value) -> Result<Change, SetError> {
    let weight = match value {
        Value::Integer(weight @ 0..=65535) => *weight as u32,
        Value::Integer(_) => return Err(SetError::WrongValue),
        _ => return Err(SetError::WrongType),
    };
    let (now, rs) = v.checker_now.zip(place(v, row)).ok_or(SetError::NotWritable)?;
    if real(v, row).is_none() {
        return Err(SetError::NotWritable);
    }
    Ok(Change::Weight { generation: now.generation, vs: row[0], rs: rs as u32, weight })
}

pub static TABLES: &[Table] = &[
    // virtualServerGroupTable
    Table {
        entry: &[1, 1],
        rows: |v| positions(v.lvs.groups.len()),
        columns: &[Column::new(2, |v, row| {
            v.lvs.groups.get(row[0] as usize).map(|g| text(&g.name))
        })],
    },
    // virtualServerGroupMemberTable
    Table {
        entry: &[2, 1],
        rows: |v| pairs(v.lvs.groups.iter().map(|g| g.entries.len())),
        columns: &[
            Column::new(2, |v, row| {
                Some(Value::Integer(match group_entry(v, row)? {
                    GroupEntry::Fwmark { .. } => 1,
                    GroupEntry::Range { first, last, .. } if first == last => 2,
                    GroupEntry::Range { .. } => 3,
                }))
            }),
            Column::new(3, |v, row| match group_entry(v, row)? {
                GroupEntry::Fwmark { mark, .. } => Some(gauge(*mark)),
                GroupEntry::Range { .. } => None,
            }),
            Column::new(4, |v, row| Some(family(Family::of(range(v, row)?.0)))),
            Column::new(5, |v, row| {
                let (first, last, _) = range(v, row)?;
                (first == last).then(|| address(first))
            }),
            Column::new(6, |v, row| {
                let (first, last, _) = range(v, row)?;
                (first != last).then(|| address(first))
            }),
            Column::new(7, |v, row| {
                let (first, last, _) = range(v, row)?;
                (first != last).then(|| address(last))
            }),
            Column::new(8, |v, row| Some(gauge(range(v, row)?.2))),
        ],
    },
    // virtualServerTable
    Table { entry: &[3, 1], rows: |v| positions(v.lvs.virtual_servers.len()), columns: VIRTUAL },
    // realServerTable
    Table {
        entry: &[4, 1],
        rows: |v| {
            let servers = v.lvs.virtual_servers.iter();
            pairs(servers.map(|s| s.real_servers.len() + usize::from(s.sorry_server.is_some())))
        },
        columns: REAL,
    },
    // lvsSyncDaemon
    Table {
        entry: &[6],
        rows: scalar,
        columns: &[
            Column::new(1, |v, _| Some(enabled(v.global.ipvs.sync_daemon.is_some()))),
            Column::new(2, |v, _| v.global.ipvs.sync_daemon.as_ref().map(|d| text(&d.interface))),
            Column::new(3, |v, _| v.global.ipvs.sync_daemon.as_ref()?.instance.as_ref().map(text)),
            Column::new(4, |v, _| {
                let d = v.global.ipvs.sync_daemon.as_ref()?;
                let followed =
                    v.vrrp.instances.iter().find(|i| Some(&i.name) == d.instance.as_ref());
                Some(int(d.id.or(followed.map(|i| i.vrid.get()))?))
            }),
            Column::new(5, |v, _| v.global.ipvs.sync_daemon.as_ref()?.maxlen.map(int)),
            Column::new(6, |v, _| v.global.ipvs.sync_daemon.as_ref()?.port.map(int)),
            Column::new(7, |v, _| v.global.ipvs.sync_daemon.as_ref()?.ttl.map(int)),
            Column::new(8, |v, _| {
                let group = v.global.ipvs.sync_daemon.as_ref()?.group?;
                Some(family(Family::of(group)))
            }),
            Column::new(9, |v, _| v.global.ipvs.sync_daemon.as_ref()?.group.map(address)),
        ],
    },
    // lvsTimeouts
    Table {
        entry: &[7],
        rows: scalar,
        columns: &[
            Column::new(1, |v, _| Some(int(v.global.ipvs.timeout_tcp.unwrap_or(0)))),
            Column::new(2, |v, _| Some(int(v.global.ipvs.timeout_tcpfin.unwrap_or(0)))),
            Column::new(3, |v, _| Some(int(v.global.ipvs.timeout_udp.unwrap_or(0)))),
        ],
    },
];

static VIRTUAL: &[Column] = &[
    Column::new(2, |v, row| Some(service_type(&virtual_server(v, row)?.service))),
    Column::new(3, |v, row| match &virtual_server(v, row)?.service {
        Service::Group(name, _) => Some(text(name)),
        _ => None,
    }),
    Column::new(4, |v, row| match virtual_server(v, row)?.service {
        Service::Fwmark(mark) => Some(gauge(mark)),
        _ => None,
    }),
    Column::new(5, |v, row| vs_family(virtual_server(v, row)?).map(family)),
    Column::new(6, |v, row| match virtual_server(v, row)?.service {
        Service::Addr(addr, _) => Some(address(addr)),
        _ => None,
    }),
    Column::new(7, |v, row| match virtual_server(v, row)?.service {
        Service::Addr(_, port) => Some(gauge(port)),
        _ => None,
    }),
    Column::new(8, |v, row| {
        Some(Value::Integer(match virtual_server(v, row)?.protocol {
            Some(Protocol::Tcp) => 1,
            Some(Protocol::Udp) => 2,
            Some(Protocol::Sctp) => 3,
            None => 4,
        }))
    }),
    Column::new(9, |v, row| Some(scheduler(virtual_server(v, row)?.scheduler))),
    Column::new(10, |v, row| Some(forwarding(virtual_server(v, row)?.forwarding))),
    // alive(1), dead(2)
    Column::new(11, |v, row| Some(enabled(virtual_now(v, row)?.alive))),
    Column::new(12, |v, row| virtual_server(v, row)?.virtualhost.as_ref().map(text)),
    Column::new(13, |v, row| Some(enabled(virtual_server(v, row)?.persistence_timeout > 0))),
    Column::new(14, |v, row| {
        let timeout = virtual_server(v, row)?.persistence_timeout;
        (timeout > 0).then(|| gauge(timeout))
    }),
    Column::new(15, |v, row| {
        granularity(v, row, Family::V4).map(|mask| address(IpAddr::V4(mask.into())))
    }),
    Column::new(16, |v, row| Some(gauge(virtual_server(v, row)?.delay_loop.as_secs()))),
    Column::new(17, |v, row| Some(truth(virtual_server(v, row)?.ha_suspend))),
    Column::new(18, |v, row| Some(enabled(defaults(v, row)?.alpha))),
    Column::new(19, |v, row| Some(enabled(virtual_server(v, row)?.omega))),
    Column::new(20, |v, row| Some(gauge(virtual_server(v, row)?.real_servers.len() as u64))),
    Column::new(21, |v, row| {
        Some(gauge(virtual_now(v, row)?.reals.iter().filter(|r| r.alive).count() as u64))
    }),
    Column::new(22, |v, row| Some(gauge(virtual_server(v, row)?.quorum))),
    // met(1), notMet(2)
    Column::new(23, |v, row| Some(enabled(virtual_now(v, row)?.quorum))),
    Column::new(24, |v, row| v.script(virtual_server(v, row)?.quorum_up).map(text)),
    Column::new(25, |v, row| v.script(virtual_server(v, row)?.quorum_down).map(text)),
    Column::new(26, |v, row| Some(gauge(virtual_server(v, row)?.hysteresis))),
    vs_stat!(27, gauge, conns),
    vs_stat!(28, counter32, in_packets),
    vs_stat!(29, counter32, out_packets),
    vs_stat!(30, counter64, in_bytes),
    vs_stat!(31, counter64, out_bytes),
    vs_stat!(32, gauge, cps),
    vs_stat!(33, gauge, in_pps),
    vs_stat!(34, gauge, out_pps),
    vs_stat!(35, gauge, in_bps),
    vs_stat!(36, gauge, out_bps),
    Column::new(37, |v, row| Some(truth(virtual_server(v, row)?.ops))),
    vs_stat!(38, counter64, conns),
    vs_stat!(39, counter64, in_packets),
    vs_stat!(40, counter64, out_packets),
    vs_stat!(41, low, cps),
    vs_stat!(42, high, cps),
    vs_stat!(43, low, in_pps),
    vs_stat!(44, high, in_pps),
    vs_stat!(45, low, out_pps),
    vs_stat!(46, high, out_pps),
    vs_stat!(47, low, in_bps),
    vs_stat!(48, high, in_bps),
    vs_stat!(49, low, out_bps),
    vs_stat!(50, high, out_bps),
    Column::new(51, |v, row| granularity(v, row, Family::V6).map(gauge)),
    // IP_VS_SVC_F_HASHED is the kernel's own.
    Column::new(52, |v, row| virtual_server(v, row).map(|_| truth(false))),
    Column::new(53, |v, row| flag(v, row, 0)),
    Column::new(54, |v, row| flag(v, row, 1)),
    Column::new(55, |v, row| flag(v, row, 2)),
    // remove(1), inhibit(2)
    Column::new(56, |v, row| Some(enabled(!defaults(v, row)?.inhibit))),
    Column::new(57, |v, row| Some(gauge(defaults(v, row)?.retry))),
    Column::new(58, |v, row| Some(seconds(defaults(v, row)?.delay_before_retry))),
    Column::new(59, |v, row| Some(seconds(defaults(v, row)?.warmup))),
    Column::new(60, |v, row| Some(int(defaults(v, row)?.weight))),
    Column::new(61, |v, row| Some(enabled(virtual_server(v, row)?.smtp_alert))),
    Column::new(62, |v, row| flag(v, row, 0)),
    Column::new(63, |v, row| flag(v, row, 1)),
    Column::new(64, |v, row| {
        let delay = virtual_server(v, row)?.delay_loop;
        Some(micros(Micros::from(delay)))
    }),
    Column::new(65, |v, row| Some(micros(defaults(v, row)?.delay_before_retry))),
    Column::new(66, |v, row| Some(micros(defaults(v, row)?.warmup))),
    Column::new(67, |v, row| Some(micros(defaults(v, row)?.connect_timeout))),
    Column::new(68, |v, row| tunnel_type(virtual_server(v, row)?.forwarding)),
    Column::new(69, |v, row| tunnel_port(virtual_server(v, row)?.forwarding)),
    Column::new(70, |v, row| tunnel_csum(virtual_server(v, row)?.forwarding)),
    Column::new(71, |v, row| virtual_server(v, row)?.snmp_name.as_ref().map(text)),
    Column::new(72, |v, row| {
        let id = virtual_server(v, row)?.quorum_up?;
        v.scripts.get(id.index()).map(|s| text(&s.path))
    }),
    Column::new(73, |v, row| {
        let id = virtual_server(v, row)?.quorum_down?;
        v.scripts.get(id.index()).map(|s| text(&s.path))
    }),
    vs_stat!(74, counter64, cps),
    vs_stat!(75, counter64, in_pps),
    vs_stat!(76, counter64, out_pps),
    vs_stat!(77, counter64, in_bps),
    vs_stat!(78, counter64, out_bps),
];

static REAL: &[Column] = &[
    // regular(1), sorry(2)
    Column::new(2, |v, row| Some(enabled(matches!(server(v, row)?, Server::Real(_))))),
    Column::new(3, |v, row| {
        Some(family(Family::of(match server(v, row)? {
            Server::Real(s) => s.addr,
            Server::Sorry(s) => s.addr,
        })))
    }),
    Column::new(4, |v, row| {
        Some(address(match server(v, row)? {
            Server::Real(s) => s.addr,
            Server::Sorry(s) => s.addr,
        }))
    }),
    Column::new(5, |v, row| {
        Some(gauge(match server(v, row)? {
            Server::Real(s) => s.port,
            Server::Sorry(s) => s.port,
        }))
    }),
    // alive(1), dead(2)
    Column::new(6, |v, row| {
        real(v, row)?;
        Some(enabled(real_now(v, row)?.alive))
    }),
    Column {
        id: 7,
        get: |v, row| {
            let configured = real(v, row)?.weight;
            Some(int(real_now(v, row).map_or(i64::from(configured), |now| now.weight)))
        },
        set: Some(set_weight),
    },
    Column::new(8, |v, row| some(real(v, row)?.uthreshold())),
    Column::new(9, |v, row| some(real(v, row)?.lthreshold())),
    // remove(1), inhibit(2)
    Column::new(10, |v, row| Some(enabled(!real(v, row)?.inhibit_on_failure))),
    Column::new(11, |v, row| v.script(real(v, row)?.notify_up()).map(text)),
    Column::new(12, |v, row| v.script(real(v, row)?.notify_down()).map(text)),
    Column::new(13, |v, row| {
        real(v, row)?;
        Some(gauge(real_now(v, row)?.failed))
    }),
    rs_stat!(14, gauge, conns),
    Column::new(15, |v, row| Some(gauge(dest(v, row)?.active))),
    Column::new(16, |v, row| Some(gauge(dest(v, row)?.inactive))),
    Column::new(17, |v, row| Some(gauge(dest(v, row)?.persistent))),
    rs_stat!(18, counter32, in_packets),
    rs_stat!(19, counter32, out_packets),
    rs_stat!(20, counter64, in_bytes),
    rs_stat!(21, counter64, out_bytes),
    rs_stat!(22, gauge, cps),
    rs_stat!(23, gauge, in_pps),
    rs_stat!(24, gauge, out_pps),
    rs_stat!(25, gauge, in_bps),
    rs_stat!(26, gauge, out_bps),
    rs_stat!(27, counter64, conns),
    rs_stat!(28, counter64, in_packets),
    rs_stat!(29, counter64, out_packets),
    rs_stat!(30, low, cps),
    rs_stat!(31, high, cps),
    rs_stat!(32, low, in_pps),
    rs_stat!(33, high, in_pps),
    rs_stat!(34, low, out_pps),
    rs_stat!(35, high, out_pps),
    rs_stat!(36, low, in_bps),
    rs_stat!(37, high, in_bps),
    rs_stat!(38, low, out_bps),
    rs_stat!(39, high, out_bps),
    Column::new(40, |v, row| {
        Some(forwarding(match server(v, row)? {
            Server::Real(s) => s.forwarding,
            Server::Sorry(s) => s.forwarding,
        }))
    }),
    Column::new(41, |v, row| real(v, row)?.virtualhost().map(text)),
    Column::new(42, |v, row| Some(enabled(pacing(v, row)?.alpha))),
    Column::new(43, |v, row| Some(gauge(pacing(v, row)?.retry))),
    Column::new(44, |v, row| Some(seconds(pacing(v, row)?.delay_before_retry))),
    Column::new(45, |v, row| Some(seconds(pacing(v, row)?.warmup))),
    Column::new(46, |v, row| Some(seconds(pacing(v, row)?.delay_loop))),
    Column::new(47, |v, row| {
        Some(enabled(matches!(server(v, row)?, Server::Real(rs) if rs.smtp_alert)))
    }),
    Column::new(48, |v, row| Some(micros(pacing(v, row)?.delay_before_retry))),
    Column::new(49, |v, row| Some(micros(pacing(v, row)?.warmup))),
    Column::new(50, |v, row| Some(micros(pacing(v, row)?.delay_loop))),
    Column::new(51, |v, row| Some(micros(pacing(v, row)?.timeout))),
    Column::new(52, |v, row| tunnel_type(real(v, row)?.forwarding)),
    Column::new(53, |v, row| tunnel_port(real(v, row)?.forwarding)),
    Column::new(54, |v, row| tunnel_csum(real(v, row)?.forwarding)),
    Column::new(55, |v, row| real(v, row)?.snmp_name().map(text)),
    Column::new(56, |v, row| {
        let id = real(v, row)?.notify_up()?;
        v.scripts.get(id.index()).map(|s| text(&s.path))
    }),
    Column::new(57, |v, row| {
        let id = real(v, row)?.notify_down()?;
        v.scripts.get(id.index()).map(|s| text(&s.path))
    }),
    rs_stat!(58, counter64, cps),
    rs_stat!(59, counter64, in_pps),
    rs_stat!(60, counter64, out_pps),
    rs_stat!(61, counter64, in_bps),
    rs_stat!(62, counter64, out_bps),
    Column::new(63, |v, row| {
        real(v, row)?;
        Some(gauge(real_now(v, row)?.not_run))
    }),
];
