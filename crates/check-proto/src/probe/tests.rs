//! Dialogues with servers that are well, broken and hostile.

use super::*;
use crate::testing::{checker, connect, real_server, virtual_server};
use model::lvs::{CheckKind, DnsCheck, HttpCheck, SmtpCheck, UdpCheck, Url};
use proptest::prelude::*;

mod datagram;
mod stream;

/// One attempt under test.
struct Talk {
    probe: Probe,
    now: Mono,
    out: Vec<Action>,
}

impl Talk {
    fn of(kind: CheckKind, total: Option<Duration>) -> Talk {
        let (vs, rs) = (virtual_server(&[1]), real_server(1, 1));
        let mut config = checker(kind);
        if let (Some(total), Some(connect)) = (total, config.kind.connect_mut()) {
            connect.bind.get_or_insert_default().total = total.into();
        }
        let site = crate::plan::Site { vs: &vs, rs: &rs, checker: &config };
        let plan = site.plan(&mut crate::plan::Shop::default()).unwrap();
        Talk::start(&plan, None)
    }

    fn start(plan: &Plan, link: Option<ping::Link>) -> Talk {
        let (mut out, now) = (Vec::new(), Mono::ZERO);
        let probe = plan.start(0, 0x1234, link, now, &mut out).unwrap();
        Talk { probe, now, out }
    }

    fn at(&mut self, ms: u64, input: Input<'_>) -> &mut Self {
        self.now = Mono::from_millis(ms);
        self.probe.handle(self.now, input, &mut self.out);
        self
    }

    fn say(&mut self, bytes: &[u8]) -> &mut Self {
        self.probe.handle(self.now, Input::Bytes(bytes), &mut self.out);
        self
    }

    /// Lets time pass until the attempt ends by itself; the end in ms.
    fn wait(&mut self) -> u64 {
        while let Some(at) = self.probe.deadline() {
            assert!(at > self.now, "a deadline that has passed");
            self.now = at;
            self.probe.handle(at, Input::Tick, &mut self.out);
        }
        self.now.as_nanos() / 1_000_000
    }

    fn outcome(&self) -> Option<Outcome> {
        let verdicts: Vec<_> = self
            .out
            .iter()
            .filter_map(|a| match a {
                Action::Verdict(v) => Some(v.outcome),
                _ => None,
            })
            .collect();
        assert!(verdicts.len() <= 1, "{verdicts:?}");
        assert_eq!(verdicts.is_empty(), self.probe.deadline().is_some());
        verdicts.first().copied()
    }

    /// What was written, as text.
    fn written(&self) -> String {
        let written = self.out.iter().filter_map(|a| match a {
            Action::Io(Io::Write(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        });
        written.collect::<Vec<_>>().join("|")
    }

    fn failed(&self) -> Reason {
        match self.outcome() {
            Some(Outcome::Fail(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn passed(&self) -> bool {
        matches!(self.outcome(), Some(Outcome::Pass(_)))
    }
}

const REFUSED: IoError = IoError { kind: IoKind::Refused, code: 111 };
const NO_FD: IoError = IoError { kind: IoKind::Local, code: 24 };

fn http(edit: impl FnOnce(&mut HttpCheck)) -> CheckKind {
    let url = Url { path: "/".to_owned(), ..Url::default() };
    let mut check = HttpCheck { connect: connect(), urls: vec![url], ..HttpCheck::default() };
    edit(&mut check);
    CheckKind::Http(Box::new(check))
}

fn smtp() -> CheckKind {
    CheckKind::Smtp(Box::new(SmtpCheck { connect: connect(), helo: "me".to_owned() }))
}

fn dns() -> CheckKind {
    let name = "example.org".to_owned();
    CheckKind::Dns(Box::new(DnsCheck { connect: connect(), qtype: 6, name }))
}

fn udp(require_reply: bool, reply: Vec<(u8, u8)>) -> CheckKind {
    CheckKind::Udp(Box::new(UdpCheck {
        connect: connect(),
        payload: Some(b"ping".to_vec()),
        require_reply,
        reply,
        min_reply: 0,
        max_reply: 255,
    }))
}

fn every_kind() -> Vec<CheckKind> {
    vec![
        CheckKind::Tcp(connect()),
        http(|_| {}),
        http(|c| c.tls = true),
        smtp(),
        dns(),
        udp(true, vec![(1, 0xff)]),
        udp(false, vec![]),
        CheckKind::Ping(connect().into()),
    ]
}

#[test]
fn a_black_hole_is_given_up_at_the_timeout() {
    for kind in every_kind() {
        let mut t = Talk::of(kind, None);
        assert_eq!(t.wait(), 5_000);
        assert!(matches!(t.failed(), Reason::ConnectTimeout | Reason::ReadTimeout));
        assert!(t.out.contains(&Action::Io(Io::Close)));
    }
}

#[test]
fn a_refusal_fails_and_local_trouble_does_not_count() {
    for kind in every_kind() {
        let is_udp = matches!(kind, CheckKind::Udp(_));
        let mut t = Talk::of(kind.clone(), None);
        t.at(1, Input::ConnectFailed(REFUSED));
        assert_eq!(t.failed(), Reason::ConnectFailed(REFUSED));
        let mut t = Talk::of(kind, None);
        t.at(1, Input::ConnectFailed(NO_FD));
        if is_udp {
            assert_eq!(t.failed(), Reason::ConnectFailed(NO_FD));
        } else {
            assert_eq!(t.outcome(), Some(Outcome::Skip(NO_FD)));
        }
    }
}

#[test]
fn an_early_tick_changes_nothing_and_nothing_happens_after_the_verdict() {
    for kind in every_kind() {
        let mut t = Talk::of(kind, None);
        t.at(10, Input::Tick).at(20, Input::Tick);
        assert_eq!(t.outcome(), None);
        t.wait();
        let before = t.out.len();
        t.at(60_000, Input::Connected).say(b"late").at(60_001, Input::Eof).at(60_002, Input::Tick);
        assert_eq!(t.out.len(), before);
    }
}

#[test]
fn the_total_limit_ends_every_dialogue_that_goes_on() {
    for kind in every_kind() {
        let mut t = Talk::of(kind, Some(Duration::from_millis(700)));
        assert_eq!(t.wait(), 700);
    }
}

fn inputs() -> impl Strategy<Value = Vec<(u64, u8, Vec<u8>)>> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..64),
        Just(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        Just(b"220 hi\r\n".to_vec()),
        Just(b"250 hi\r\n".to_vec()),
        Just(vec![0x12, 0x34, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ];
    proptest::collection::vec((0u64..2_000, any::<u8>(), bytes), 0..40)
}

proptest! {
    /// Arbitrary inputs in arbitrary order: no panic, one verdict, one close,
    /// no deadline after it, and the end comes by the total limit.
    #[test]
    fn whatever_a_peer_does_an_attempt_ends_once(steps in inputs(), which in 0usize..8) {
        let kind = every_kind().swap_remove(which);
        let mut t = Talk::of(kind, Some(Duration::from_secs(30)));
        let mut now = 0;
        for (gap, what, bytes) in steps {
            now += gap;
            let input = match what % 9 {
                0 | 1 => Input::Connected,
                2..=4 => Input::Bytes(&bytes),
                5 => Input::Eof,
                6 => Input::Tick,
                7 => Input::ReadFailed(REFUSED),
                _ => Input::IcmpError { unreachable: what > 100 },
            };
            t.at(now, input);
        }
        prop_assert!(t.wait() <= 32_000.max(now));
        prop_assert!(t.outcome().is_some());
        let closes = t.out.iter().filter(|a| **a == Action::Io(Io::Close)).count();
        prop_assert_eq!(closes, usize::from(t.probe.link().is_none()));
    }
}
