//! Any facts in any order to a host's checkers: the invariants hold.
#![no_main]

use check_proto::action::CheckerId;
use check_proto::node::{Facts, Input, Node};
use check_proto::prepared::{Options, Prepared};
use check_proto::probe::{self, Exit, IoError, IoKind};
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use model::lvs::*;
use types::{Micros, Mono, ScriptId, TrackId};

fn checker(kind: CheckKind, alpha: bool) -> Checker {
    Checker {
        alpha,
        retry: 1,
        delay_before_retry: Micros::from_secs(1),
        warmup: Micros::from_secs(1),
        delay_loop: Micros::from_secs(3),
        log_all_failures: true,
        kind,
    }
}

fn config(shape: u8) -> Prepared {
    let connect = || Connect {
        timeout: Micros::from_secs(2),
        bind: Some(Box::new(Bind { total: Micros::from_secs(9), ..Bind::default() })),
        ..Connect::default()
    };
    let addr = |n| IpAddr::V4(Ipv4Addr::new(10, 1, 0, n));
    let kinds = |n: u8| match n % 6 {
        0 => CheckKind::Tcp(connect()),
        1 => CheckKind::Ping(Box::new(connect())),
        2 => CheckKind::Udp(Box::new(UdpCheck { connect: connect(), ..UdpCheck::default() })),
        3 => CheckKind::File { track: TrackId(0), weight: 2, reverse: n > 99 },
        4 => CheckKind::Misc(Box::new(MiscCheck {
            script: ScriptId(0),
            command: "/bin/check".to_owned(),
            path: "/bin/check".to_owned(),
            timeout: Micros::ZERO,
            dynamic: true,
        })),
        _ => CheckKind::Smtp(Box::new(SmtpCheck { connect: connect(), helo: "me".to_owned() })),
    };
    let server = |n: u8| RealServer {
        addr: addr(n),
        port: 80,
        weight: u32::from(n % 4),
        forwarding: if n % 3 == 0 { Forwarding::Nat } else { Forwarding::Dr },
        inhibit_on_failure: n.is_multiple_of(2),
        smtp_alert: true,
        checkers: vec![checker(kinds(n ^ shape), n.is_multiple_of(5))],
        rare: None,
    };
    let sorry = SorryServer {
        addr: addr(3),
        port: 80,
        forwarding: Forwarding::Dr,
        inhibit: shape & 2 != 0,
        same_as: None,
    };
    let vs = VirtualServer {
        service: Service::Addr(addr(200), 80),
        family: None,
        protocol: Some(Protocol::Tcp),
        scheduler: Scheduler::Wrr,
        ops: false,
        sched_flags: 0,
        forwarding: Forwarding::Dr,
        persistence_engine: None,
        persistence_timeout: 0,
        persistence_granularity: 0,
        ha_suspend: shape & 4 != 0,
        omega: true,
        quorum: u32::from(shape % 7),
        hysteresis: u32::from(shape % 3),
        quorum_up: None,
        quorum_down: None,
        virtualhost: None,
        smtp_alert: true,
        snmp_name: None,
        delay_loop: Duration::from_secs(3),
        defaults: model::lvs::Defaults::default(),
        sorry_server: (shape & 1 != 0).then_some(sorry),
        real_servers: (1..2 + shape % 6).map(server).collect(),
    };
    let lvs = Lvs { virtual_servers: vec![vs], ..Lvs::default() };
    Prepared::new(lvs, &[], Options::default(), None)
}

fn fact<'a>(what: u8, bytes: &'a [u8]) -> probe::Input<'a> {
    let error = |kind| IoError { kind, code: 1 };
    match what % 11 {
        0..=2 => probe::Input::Connected,
        3 => probe::Input::ConnectFailed(error(IoKind::Refused)),
        4 => probe::Input::ConnectFailed(error(IoKind::Local)),
        5 => probe::Input::Eof,
        6 => probe::Input::ReadFailed(error(IoKind::Reset)),
        7 => probe::Input::IcmpError { unreachable: what > 99 },
        8 => probe::Input::Exit(Exit::Status(what)),
        9 => probe::Input::Exit(Exit::TimedOut),
        _ => probe::Input::Bytes(bytes),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&shape, mut data)) = data.split_first() else { return };
    let (mut now, mut out) = (Mono::ZERO, Vec::new());
    let mut node = Node::new(now, config(shape), Facts::default(), 1, &mut out);
    let mut attempts = std::collections::HashMap::new();
    while let Some((&[what, value], rest)) = data.split_first_chunk::<2>() {
        data = rest;
        for action in out.drain(..) {
            if let check_proto::action::Action::Probe { checker, attempt, .. } = action {
                attempts.insert(checker, attempt);
            }
        }
        match what % 8 {
            0 | 1 => {
                now += Duration::from_millis(u64::from(value) * 16);
                node.handle(now, Input::Tick, &mut out);
            }
            2 => now = node.deadline().unwrap_or(now).max(now),
            3 => node.reload(now, config(value), &[i64::from(value)], &mut out),
            4 => {
                let addr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 200));
                node.handle(now, Input::Address { addr, present: value & 1 != 0 }, &mut out);
            }
            5 => {
                let value = i64::from(value) - 128;
                node.handle(now, Input::Track { track: TrackId(0), value }, &mut out);
            }
            _ => {
                let checker = CheckerId(u32::from(what >> 3) % 7);
                let attempt = attempts.get(&checker).copied().unwrap_or(0);
                let input = fact(value, rest.get(..8).unwrap_or(&[]));
                node.handle(now, Input::Probe { checker, attempt, input }, &mut out);
            }
        }
        node.check_invariants();
    }
    node.stop(false, &mut out);
    assert!(node.table().is_empty());
});
