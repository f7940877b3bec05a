//! Many checkers: rate, spread, memory, and whatever happens at random.

use super::*;
use crate::node::checker::Checker;
use model::lvs::RealServer;
use proptest::prelude::*;

fn many(n: u32, delay_loop: Duration) -> VirtualServer {
    let mut vs = virtual_server(&[]);
    vs.real_servers = (0..n)
        .map(|i| {
            let mut rs = RealServer {
                addr: IpAddr::from((0x0a10_0000 + i).to_be_bytes()),
                ..real_server(1, 1)
            };
            rs.checkers[0].delay_loop = delay_loop.into();
            rs.checkers[0].warmup = delay_loop.into();
            rs
        })
        .collect();
    vs
}

#[test]
fn ten_thousand_checks_a_second_are_started_evenly_and_on_time() {
    const N: u32 = 10_000;
    let second = Duration::from_secs(1);
    let mut out = Vec::new();
    let config = prepared(vec![many(N, second)], Options::default());
    let mut node = Node::new(Mono::ZERO, config, Facts::default(), 3, &mut out);
    let mut starts = vec![Vec::new(); N as usize];
    let mut buckets = HashMap::new();
    // A shell that wakes once per deadline; every server takes 20 ms.
    let mut pending = std::collections::VecDeque::<(Mono, CheckerId, u32)>::new();
    loop {
        let answer = pending.front().map(|(at, ..)| *at);
        let now = answer.into_iter().chain(node.deadline()).min().unwrap();
        if now >= Mono::from_millis(6_000) {
            break;
        }
        out.clear();
        if answer == Some(now) {
            let (_, checker, attempt) = pending.pop_front().unwrap();
            let input = probe::Input::Connected;
            node.handle(now, Input::Probe { checker, attempt, input }, &mut out);
        } else {
            node.handle(now, Input::Tick, &mut out);
        }
        for action in &out {
            if let Action::Probe { checker, attempt, action: Io::Connect(_) } = action {
                starts[checker.0 as usize].push(now);
                *buckets.entry(now.as_nanos() / 10_000_000).or_insert(0u32) += 1;
                pending.push_back((now + Duration::from_millis(20), *checker, *attempt));
            }
        }
    }
    node.check_invariants();
    for s in &starts {
        assert!((4..=5).contains(&s.len()), "{}", s.len());
        assert!(s.windows(2).all(|w| w[1].saturating_since(w[0]) == second), "exactly as asked");
    }
    let full = buckets.iter().filter(|(at, _)| (100..600).contains(*at)).map(|(_, n)| *n);
    assert!(full.clone().all(|n| (95..=105).contains(&n)), "{:?}", full.max());
}

#[test]
fn a_checker_takes_a_few_hundred_bytes() {
    assert!(size_of::<Checker>() <= 400, "{}", size_of::<Checker>());
}

#[test]
fn a_late_loop_does_not_start_attempts_in_bursts() {
    let mut w = World::of(virtual_server(&[1]));
    w.run_to(5_000);
    // The process was stopped for a minute.
    w.now = Mono::from_millis(65_000);
    let before = w.starts.len();
    w.tell(Input::Tick);
    w.run_to(74_999);
    assert_eq!(w.starts.len(), before + 1);
}

#[derive(Debug, Clone)]
enum Step {
    Tick(u64),
    Answer(u8, u8),
    Reload(Vec<u8>),
    Address(bool),
    Track(i64),
    Session(bool),
}

fn config(shape: &[u8]) -> Prepared {
    let mut vs = virtual_server(&[]);
    vs.ha_suspend = shape.len().is_multiple_of(3);
    vs.sorry_server = shape.len().is_multiple_of(2).then(|| sorry(shape.len().is_multiple_of(4)));
    for (n, kind) in (1..).zip(shape) {
        let mut rs = real_server(n, u32::from(*kind % 5));
        rs.inhibit_on_failure = kind.is_multiple_of(2);
        rs.smtp_alert = true;
        rs.checkers = vec![match kind % 6 {
            0 => checker(CheckKind::Tcp(connect())),
            1 => checker(CheckKind::Ping(connect().into())),
            2 => checker(misc(u32::from(n))),
            3 => checker(CheckKind::File { track: TrackId(0), weight: 2, reverse: false }),
            4 => checker(CheckKind::Bfd { name: "b".into() }),
            _ => Config { alpha: true, retry: 2, ..checker(CheckKind::Tcp(connect())) },
        }];
        vs.real_servers.push(rs);
    }
    prepared(vec![vs], Options::default())
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1u64..20_000).prop_map(Step::Tick),
        8 => (any::<u8>(), any::<u8>()).prop_map(|(n, what)| Step::Answer(n, what)),
        1 => proptest::collection::vec(any::<u8>(), 1..6).prop_map(Step::Reload),
        1 => any::<bool>().prop_map(Step::Address),
        1 => (-5i64..5).prop_map(Step::Track),
        1 => any::<bool>().prop_map(Step::Session),
    ]
}

fn input(what: u8) -> probe::Input<'static> {
    let error = IoError { kind: IoKind::Refused, code: 111 };
    let local = IoError { kind: IoKind::Local, code: 24 };
    match what % 12 {
        0..=3 => probe::Input::Connected,
        4 => probe::Input::ConnectFailed(error),
        5 => probe::Input::ConnectFailed(local),
        6 => probe::Input::Bytes(&[0, 0, 0, 0, 0, 0, 0, 1]),
        7 => probe::Input::ReadFailed(error),
        8 => probe::Input::IcmpError { unreachable: true },
        9 => probe::Input::Exit(Exit::Status(what / 12)),
        10 => probe::Input::Exit(Exit::Signal(9)),
        _ => probe::Input::Eof,
    }
}

proptest! {
    /// Whatever happens: sockets are opened once and closed once, the kernel
    /// is as wanted, every checker has one deadline (checked by `carry_out`).
    #[test]
    fn whatever_happens_the_books_balance(
        shape in proptest::collection::vec(any::<u8>(), 1..6),
        steps in proptest::collection::vec(steps(), 0..60),
    ) {
        let mut w = World::new(config(&shape), Facts { values: vec![1], ..Facts::default() });
        for n in 1..10 {
            w.answer(&format!("10.1.0.{n}"), Answer::Silent);
        }
        for step in steps {
            match step {
                Step::Tick(ms) => {
                    let to = w.now.as_nanos() / 1_000_000 + ms;
                    w.run_to(to);
                }
                Step::Answer(n, what) => {
                    let attempts = w.node.attempts;
                    let checker = CheckerId(u32::from(n % 6));
                    let attempt = w.node.checker(checker.0).map_or(attempts, |c| c.attempt);
                    w.tell(Input::Probe { checker, attempt, input: input(what) });
                }
                Step::Reload(shape) => {
                    w.reload(config(&shape), &[2]);
                    w.lines();
                    w.reload(config(&shape), &[2]);
                    let lines: Vec<_> = w.lines();
                    let news = lines.iter().filter(|l| !l.contains("healthchecker")).count();
                    prop_assert_eq!(news, 0, "{:?}", lines);
                }
                Step::Address(present) => w.tell(Input::Address { addr: ip("10.0.0.1"), present }),
                Step::Track(value) => w.tell(Input::Track { track: TrackId(0), value }),
                Step::Session(up) => w.tell(Input::Session { name: "b", up }),
            }
        }
    }
}
