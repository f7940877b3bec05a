//! What tests share: short configurations, and a kernel to apply operations
//! to.

use crate::action::Action;
use crate::ipvs::{Entry, IpvsOp, ServiceKey};
use core::net::IpAddr;
use core::time::Duration;
use model::lvs::*;
use std::collections::BTreeMap;
use types::Micros;

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A virtual server 10.0.0.1:80 over TCP with servers of these weights at
/// 10.1.0.1, 10.1.0.2 and so on, each with one TCP_CHECK.
pub fn virtual_server(weights: &[u32]) -> VirtualServer {
    VirtualServer {
        service: Service::Addr(ip("10.0.0.1"), 80),
        family: Some(types::Family::V4),
        protocol: Some(Protocol::Tcp),
        scheduler: Scheduler::Rr,
        ops: false,
        sched_flags: 0,
        forwarding: Forwarding::Dr,
        persistence_engine: None,
        persistence_timeout: 0,
        persistence_granularity: u32::MAX,
        ha_suspend: false,
        omega: false,
        quorum: 1,
        hysteresis: 0,
        quorum_up: None,
        quorum_down: None,
        virtualhost: None,
        smtp_alert: false,
        snmp_name: None,
        delay_loop: Duration::from_secs(10),
        defaults: Defaults::default(),
        sorry_server: None,
        real_servers: (1..).zip(weights).map(|(n, w)| real_server(n, *w)).collect(),
    }
}

pub fn real_server(n: u8, weight: u32) -> RealServer {
    RealServer {
        addr: IpAddr::from([10, 1, 0, n]),
        port: 80,
        weight,
        forwarding: Forwarding::Dr,
        inhibit_on_failure: false,
        smtp_alert: false,
        checkers: vec![checker(CheckKind::Tcp(connect()))],
        rare: None,
    }
}

pub fn connect() -> Connect {
    Connect { timeout: Micros::from_secs(5), ..Connect::default() }
}

pub fn checker(kind: CheckKind) -> Checker {
    Checker {
        alpha: false,
        retry: 1,
        delay_before_retry: Micros::from_secs(1),
        warmup: Micros::ZERO,
        delay_loop: Micros::from_secs(10),
        log_all_failures: false,
        kind,
    }
}

pub fn sorry(inhibit: bool) -> SorryServer {
    SorryServer {
        addr: ip("10.9.9.9"),
        port: 80,
        forwarding: Forwarding::Dr,
        inhibit,
        same_as: None,
    }
}

/// A kernel that refuses what the real one refuses.
#[derive(Debug, Default)]
pub struct Kernel(pub BTreeMap<ServiceKey, Entry>);

impl Kernel {
    pub fn apply(&mut self, op: &IpvsOp) {
        let t = &mut self.0;
        match op {
            IpvsOp::AddService(key, spec) => {
                let entry = Entry { spec: spec.clone(), dests: BTreeMap::new() };
                assert!(t.insert(*key, entry).is_none(), "{key:?} exists");
            }
            IpvsOp::EditService(key, spec) => t.get_mut(key).unwrap().spec = spec.clone(),
            IpvsOp::DelService(key) => assert!(t.remove(key).is_some(), "{key:?} is not there"),
            IpvsOp::AddDest(key, dest, spec) => {
                let had = t.get_mut(key).unwrap().dests.insert(*dest, *spec);
                assert!(had.is_none(), "{dest:?} exists");
            }
            IpvsOp::EditDest(key, dest, spec) => {
                let had = t.get_mut(key).unwrap().dests.insert(*dest, *spec);
                assert!(had.is_some_and(|h| h != *spec), "{dest:?} edited for nothing");
            }
            IpvsOp::DelDest(key, dest) => {
                assert!(t.get_mut(key).unwrap().dests.remove(dest).is_some(), "{dest:?}");
            }
            IpvsOp::Flush => t.clear(),
        }
    }

    /// `ADDR=WEIGHT` of every destination of every service.
    pub fn dests(&self) -> String {
        let dests = self.0.values().flat_map(|e| &e.dests);
        let words: Vec<_> =
            dests.map(|(key, spec)| format!("{}={}", key.addr, spec.weight)).collect();
        words.join(" ")
    }
}

/// One short line per action.
pub fn line(action: &Action) -> String {
    match action {
        Action::Event(event) => event.text(),
        Action::Notify(notify) => format!("> {}", notify.fifo_line().unwrap_or_default()),
        Action::Mail(mail) => format!("mail {} {}", mail.subject, mail.body),
        Action::Ipvs(op) => ipvs(op),
        Action::Probe { checker, action, .. } => format!("probe {} {action:?}", checker.0),
    }
}

fn ipvs(op: &IpvsOp) -> String {
    match op {
        IpvsOp::AddService(..) => "+service".to_owned(),
        IpvsOp::EditService(..) => "=service".to_owned(),
        IpvsOp::DelService(_) => "-service".to_owned(),
        IpvsOp::AddDest(_, key, spec) => format!("+{} {}", key.addr, spec.weight),
        IpvsOp::EditDest(_, key, spec) => format!("={} {}", key.addr, spec.weight),
        IpvsOp::DelDest(_, key) => format!("-{}", key.addr),
        IpvsOp::Flush => "flush".to_owned(),
    }
}
