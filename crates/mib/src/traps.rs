//! Notifications: which there are of some news, with their objects, and the line that is logged.

use crate::keepalived::ROOT;
use crate::keepalived::check::service_type;
use crate::rfc2787;
use crate::rfc6527::inet_type;
use crate::value::{address, family, gauge, int, ip_address, octets, text, truth};
use crate::view::View;
use agentx::{Oid, Value, VarBind};
use ipc::msg::snapshot::ServerNews;
use ipc::msg::vrrp::{News, NotifyState, SubjectKind};
use model::VrrpInstance;
use model::lvs::{Protocol, Service, VirtualServer};
use types::Family;

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    /// snmpTrapOID.
    pub oid: Oid,
    /// Its objects.
    pub objects: Vec<VarBind>,
    /// What is logged of it.
    pub line: String,
}

/// An object of KEEPALIVED-MIB without the index of its row, as the notifications have them.
fn object(below: &[u32], value: Value) -> VarBind {
    VarBind::new(Oid::new([&ROOT[..], below].concat()), value)
}

fn own(below: &[u32]) -> Oid {
    Oid::new([&ROOT[..], below].concat())
}

fn router_id(v: &View<'_>) -> VarBind {
    object(&[1, 2, 0], text(v.router_id()))
}

/// VrrpState, with those of a notification.
fn state(v: NotifyState) -> Value {
    Value::Integer(match v {
        NotifyState::Backup => 1,
        NotifyState::Master => 2,
        NotifyState::Fault => 3,
        NotifyState::Stop => 5,
        NotifyState::Deleted => 6,
    })
}

/// What identifies a virtual server in a notification.
fn identity(vs: &VirtualServer) -> Vec<VarBind> {
    let mut objects = vec![object(&[3, 3, 1, 2], service_type(&vs.service))];
    match &vs.service {
        Service::Group(name, _) => objects.push(object(&[3, 3, 1, 3], text(name))),
        Service::Fwmark(mark) => objects.push(object(&[3, 3, 1, 4], gauge(*mark))),
        Service::Addr(addr, port) => {
            objects.push(object(&[3, 3, 1, 5], family(Family::of(*addr))));
            objects.push(object(&[3, 3, 1, 6], address(*addr)));
            objects.push(object(&[3, 3, 1, 7], gauge(*port)));
        }
    }
    // tcp(1), and udp(2) for all else.
    let tcp = vs.protocol == Some(Protocol::Tcp);
    objects.push(object(&[3, 3, 1, 8], truth(tcp)));
    objects
}

/// What managers are told of a virtual or real server.
pub fn of_server(v: &View<'_>, news: &ServerNews) -> Option<Trap> {
    let snmp = &v.global.snmp;
    let vs = v.lvs.virtual_servers.get(news.vs as usize).filter(|_| snmp.traps && snmp.checker)?;
    let counts = [
        object(&[3, 3, 1, 21], gauge(news.alive)),
        object(&[3, 3, 1, 20], gauge(vs.real_servers.len() as u64)),
        router_id(v),
    ];
    let Some(rs) = news.rs else {
        // virtualServerQuorumStateChange
        let mut objects = identity(vs);
        // met(1), notMet(2), shutdown(3)
        let status = if news.stopping { Value::Integer(3) } else { truth(news.up) };
        objects.push(object(&[3, 3, 1, 23], status));
        objects.push(object(&[3, 3, 1, 22], gauge(vs.quorum)));
        objects.extend(counts);
        let line = "Sending SNMP notification of a quorum".to_owned();
        return Some(Trap { oid: own(&[3, 5, 0, 2]), objects, line });
    };
    // realServerStateChange
    let rs = vs.real_servers.get(rs as usize)?;
    let mut objects = vec![
        object(&[3, 4, 1, 3], family(Family::of(rs.addr))),
        object(&[3, 4, 1, 4], address(rs.addr)),
        object(&[3, 4, 1, 5], gauge(rs.port)),
        object(&[3, 4, 1, 6], truth(news.up)),
    ];
    objects.extend(identity(vs));
    objects.extend(counts);
    let line = "Sending SNMP notification of a real server".to_owned();
    Some(Trap { oid: own(&[3, 5, 0, 1]), objects, line })
}

const RFC2787: [u32; 7] = [1, 3, 6, 1, 2, 1, 68];
const RFC6527: [u32; 7] = [1, 3, 6, 1, 2, 1, 207];

fn rfc(root: &[u32; 7], below: &[u32]) -> Oid {
    Oid::new([&root[..], below].concat())
}

/// What managers are told of news of an instance or group; nothing without `enable_traps`.
pub fn of_vrrp(v: &View<'_>, kind: SubjectKind, name: &str, news: &News) -> Vec<Trap> {
    if !v.global.snmp.traps {
        return Vec::new();
    }
    let instance = || v.vrrp.instances.iter().find(|i| i.name == name);
    match (kind, news) {
        (SubjectKind::Group, News::State(told)) => group(v, name, *told).into_iter().collect(),
        (SubjectKind::Instance, News::State(told)) => {
            // One that a reload has removed is in no configuration any more.
            let initial = i32::from(instance().is_some_and(|i| i.wants_master)) + 1;
            changed(v, name, *told, initial).into_iter().collect()
        }
        (SubjectKind::Instance, news) => match instance() {
            Some(i) => of_rfcs(v, i, news),
            None => Vec::new(),
        },
        (SubjectKind::Group, _) => Vec::new(),
    }
}

/// vrrpSyncGroupStateChange
fn group(v: &View<'_>, name: &str, told: NotifyState) -> Option<Trap> {
    v.global.snmp.vrrp.then(|| Trap {
        oid: own(&[2, 10, 0, 1]),
        objects: vec![
            object(&[2, 1, 1, 2], text(name)),
            object(&[2, 1, 1, 3], state(told)),
            router_id(v),
        ],
        line: format!("VRRP_Group({name}): Sending SNMP notification"),
    })
}

/// vrrpInstanceStateChange
fn changed(v: &View<'_>, name: &str, told: NotifyState, initial: i32) -> Option<Trap> {
    v.global.snmp.vrrp.then(|| Trap {
        oid: own(&[2, 10, 0, 2]),
        objects: vec![
            object(&[2, 3, 1, 2], text(name)),
            object(&[2, 3, 1, 4], state(told)),
            object(&[2, 3, 1, 5], Value::Integer(initial)),
            router_id(v),
        ],
        line: format!("({name}) Sending SNMP notification"),
    })
}

fn of_rfcs(v: &View<'_>, i: &VrrpInstance, news: &News) -> Vec<Trap> {
    let snmp = &v.global.snmp;
    let v2 = snmp.rfcv2 && rfc2787::knows(i);
    let (name, vrid) = (&i.name, u32::from(i.vrid.get()));
    let mut traps = Vec::new();
    match news {
        News::NewMaster { addr, ifindex, why } => {
            let index = *ifindex;
            if v2 {
                traps.push(Trap {
                    oid: rfc(&RFC2787, &[0, 1]),
                    objects: vec![VarBind::new(
                        rfc(&RFC2787, &[1, 3, 1, 7, index, vrid]),
                        ip_address(Some(*addr)),
                    )],
                    line: format!("({name}) Sending SNMP notification vrrpTrapNewMaster"),
                });
            }
            if snmp.rfcv3 {
                let row = [index, vrid, inet_type(i.family)];
                let master = [&[1, 1, 1, 1, 3], &row[..]].concat();
                let reason = [&[1, 2, 5, 1, 2], &row[..]].concat();
                traps.push(Trap {
                    oid: rfc(&RFC6527, &[0, 1]),
                    objects: vec![
                        VarBind::new(rfc(&RFC6527, &master), Value::Octets(octets(*addr))),
                        VarBind::new(rfc(&RFC6527, &reason), int(*why)),
                    ],
                    line: format!(
                        "({name}) Sending SNMP notification vrrpv3NotifyNewMaster, reason {why}"
                    ),
                });
            }
        }
        News::AuthFailure { from, ifindex, error } if v2 => {
            let index = *ifindex;
            traps.push(Trap {
                oid: rfc(&RFC2787, &[0, 2]),
                objects: vec![
                    VarBind::new(rfc(&RFC2787, &[1, 5, index, vrid]), ip_address(Some(*from))),
                    VarBind::new(rfc(&RFC2787, &[1, 6, index, vrid]), int(*error)),
                ],
                line: format!("({name}) Sending SNMP notification vrrpTrapAuthFailure"),
            });
        }
        News::ProtocolError { ifindex, error } if snmp.rfcv3 => {
            let row = [*ifindex, vrid, inet_type(i.family)];
            let reason = [&[1, 2, 5, 1, 6], &row[..]].concat();
            traps.push(Trap {
                oid: rfc(&RFC6527, &[0, 2]),
                objects: vec![VarBind::new(rfc(&RFC6527, &reason), int(*error))],
                line: format!("({name}) Sending SNMP notification vrrpTrapProtoError"),
            });
        }
        _ => {}
    }
    traps
}
