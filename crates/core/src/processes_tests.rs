use super::*;
use proptest::prelude::*;

const ID: TrackId = TrackId(0);

fn spec(process: &str) -> TrackProcess {
    TrackProcess {
        process: process.to_owned(),
        params: Vec::new(),
        param_match: ParamMatch::None,
        full_command: false,
        quorum: 1,
        quorum_max: None,
        terminate_delay: Duration::ZERO,
        fork_delay: Duration::ZERO,
    }
}

fn shown(comm: &str, words: &[&str]) -> Shown {
    let cmdline = words.iter().flat_map(|w| w.bytes().chain([0])).collect();
    Shown { comm: comm.into(), cmdline }
}

fn at(ms: u64) -> Mono {
    Mono::ZERO + Duration::from_millis(ms)
}

fn with(spec: &TrackProcess) -> Processes {
    let mut p = Processes::default();
    p.configure(Mono::ZERO, [(ID, "p", spec)].into_iter(), &BTreeMap::new());
    p
}

#[test]
fn names_are_compared_as_a_whole() {
    let it = shown("sleeper", &["/bin/sleeper", "-x"]);
    assert!(matches(&spec("sleeper"), &it));
    for other in ["sleep", "sleepers", "/bin/sleeper", "a-name-beyond-15-bytes"] {
        assert!(!matches(&spec(other), &it), "{other}");
    }
    let full = |process: &str| TrackProcess { full_command: true, ..spec(process) };
    assert!(matches(&full("/bin/sleeper"), &it));
    assert!(!matches(&full("sleeper"), &it));
    assert!(!matches(&full(""), &shown("kthreadd", &[])) || spec("").process.is_empty());
}

#[test]
fn parameters_are_compared_as_asked() {
    let cases: &[(ParamMatch, &[&str], &[&str], bool)] = &[
        (ParamMatch::None, &["-a"], &[], true),
        (ParamMatch::Exact, &["-a", "b"], &["-a", "b"], true),
        (ParamMatch::Exact, &["-a", "b", "c"], &["-a", "b"], false),
        (ParamMatch::Exact, &["-a"], &["-a", "b"], false),
        (ParamMatch::Exact, &["-a", ""], &["-a"], false),
        (ParamMatch::Exact, &[], &[], true),
        (ParamMatch::Exact, &["-a"], &[], false),
        (ParamMatch::Partial, &["-a", "b", "c"], &["-a", "b"], true),
        (ParamMatch::Partial, &["-a", "bc"], &["-a", "b"], false),
        (ParamMatch::Partial, &["-a"], &["-a", "b"], false),
        (ParamMatch::Initial, &["-a", "bcd", "e"], &["-a", "b"], true),
        (ParamMatch::Initial, &["-ax", "bcd"], &["-a", "b"], false),
        (ParamMatch::Initial, &["-a"], &["-a", "b"], false),
        (ParamMatch::Initial, &["x"], &[], true),
    ];
    for (how, runs, asked, expected) in cases {
        let spec = TrackProcess {
            params: asked.iter().map(|p| (*p).to_owned()).collect(),
            param_match: *how,
            full_command: true,
            ..spec("/bin/p")
        };
        let line = [&["/bin/p"][..], runs].concat();
        let mut it = shown("p", &line);
        it.cmdline.truncate(cmdline_bound([&spec].into_iter()));
        assert_eq!(matches(&spec, &it), *expected, "{how:?} {runs:?} {asked:?}");
    }
}

#[test]
fn a_quorum_is_gained_by_exec_and_lost_by_exit() {
    let mut p = with(&TrackProcess { quorum: 2, quorum_max: Some(3), ..spec("x") });
    let x = shown("x", &[]);
    assert_eq!(p.changed(at(1), 10, &x), []);
    assert_eq!(p.changed(at(1), 10, &x), []);
    assert_eq!(p.forked(at(2), 10, 11), [(ID, true)]);
    assert_eq!(p.forked(at(2), 11, 12), []);
    assert_eq!(p.forked(at(2), 99, 100), []);
    assert_eq!(p.forked(at(3), 12, 13), [(ID, false)]);
    assert_eq!(p.changed(at(4), 13, &shown("y", &[])), [(ID, true)]);
    assert_eq!(p.ended(at(5), 13), []);
    assert_eq!(p.ended(at(5), 12), []);
    assert_eq!(p.ended(at(5), 11), [(ID, false)]);
}

#[test]
fn none_may_run_with_quorum_max_0() {
    let mut p = with(&TrackProcess { quorum: 0, quorum_max: Some(0), ..spec("x") });
    assert!(p.verdicts()[&ID]);
    assert_eq!(p.changed(at(1), 10, &shown("x", &[])), [(ID, false)]);
    assert_eq!(p.ended(at(1), 10), [(ID, true)]);
}

#[test]
fn an_end_is_held_off_and_forgotten_when_it_is_made_good() {
    let delay = Duration::from_millis(100);
    let mut p = with(&TrackProcess { terminate_delay: delay, ..spec("x") });
    let x = shown("x", &[]);
    assert_eq!(p.changed(at(0), 10, &x), [(ID, true)]);
    assert_eq!(p.ended(at(10), 10), []);
    assert_eq!(p.deadline(), Some(at(110)));
    assert_eq!(p.changed(at(50), 11, &x), []);
    assert_eq!((p.deadline(), p.tick(at(110))), (None, vec![]));
    assert_eq!(p.ended(at(200), 11), []);
    assert_eq!(p.tick(at(299)), []);
    assert_eq!(p.tick(at(300)), [(ID, false)]);
    assert_eq!(p.deadline(), None);
}

#[test]
fn a_fork_is_held_off_and_an_exec_is_not() {
    let delay = Duration::from_millis(100);
    let mut p = with(&TrackProcess { fork_delay: delay, quorum: 2, ..spec("x") });
    let x = shown("x", &[]);
    assert_eq!(p.changed(at(0), 10, &x), []);
    assert_eq!(p.forked(at(0), 10, 11), []);
    assert_eq!(p.deadline(), Some(at(100)));
    // One more changes nothing about that.
    assert_eq!(p.changed(at(50), 12, &x), []);
    assert_eq!(p.ended(at(60), 11), []);
    assert_eq!(p.ended(at(60), 12), []);
    assert_eq!(p.deadline(), None);
    assert_eq!(p.changed(at(70), 13, &x), [(ID, true)]);
}

#[test]
fn an_object_that_stays_keeps_its_verdict_and_its_hold_off() {
    let delay = Duration::from_millis(100);
    let held = TrackProcess { terminate_delay: delay, ..spec("x") };
    let mut p = with(&held);
    p.changed(at(0), 10, &shown("x", &[]));
    p.ended(at(10), 10);
    let other = spec("y");
    let objects = || [(TrackId(0), "new", &other), (TrackId(1), "p", &held)].into_iter();
    let expected = BTreeMap::from([(TrackId(0), false), (TrackId(1), true)]);
    assert_eq!(p.preview(objects(), &BTreeMap::new()), expected);
    p.configure(at(20), objects(), &BTreeMap::new());
    assert_eq!(p.verdicts(), expected);
    assert_eq!(p.tick(at(110)), [(TrackId(1), false)]);
}

#[derive(Debug, Clone)]
enum Step {
    Fork(u32, u32),
    Exec(u32, bool),
    Exit(u32),
    Rescan,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let pid = 0..5u32;
    prop_oneof![
        (pid.clone(), pid.clone()).prop_map(|(a, b)| Step::Fork(a, b)),
        (pid.clone(), any::<bool>()).prop_map(|(p, x)| Step::Exec(p, x)),
        pid.prop_map(Step::Exit),
        Just(Step::Rescan),
        (0..200u64).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Verdicts alternate, and once all is quiet the last one is the truth.
    #[test]
    fn the_last_verdict_is_the_truth(
        steps in proptest::collection::vec(step(), 0..60),
        (quorum, most) in (0..3u32, proptest::option::of(0..4u32)),
        (ends, forks) in (0..100u64, 0..100u64),
    ) {
        let spec = TrackProcess {
            quorum,
            quorum_max: most,
            terminate_delay: Duration::from_millis(ends),
            fork_delay: Duration::from_millis(forks),
            ..spec("x")
        };
        let mut p = with(&spec);
        // The plain model: who runs, and whether it is an x.
        let mut runs = BTreeMap::new();
        let mut told = p.verdicts()[&ID];
        let mut now = 0;
        let all = |runs: &BTreeMap<u32, bool>| -> BTreeMap<u32, Shown> {
            let look = |x: &bool| shown(if *x { "x" } else { "y" }, &[]);
            runs.iter().map(|(pid, x)| (*pid, look(x))).collect()
        };
        for step in steps {
            let verdicts = match step {
                Step::Fork(parent, child) => match runs.get(&parent).copied() {
                    Some(x) if !runs.contains_key(&child) => {
                        runs.insert(child, x);
                        p.forked(at(now), parent, child)
                    }
                    _ => vec![],
                },
                Step::Exec(pid, x) => {
                    runs.insert(pid, x);
                    p.changed(at(now), pid, &shown(if x { "x" } else { "y" }, &[]))
                }
                Step::Exit(pid) => {
                    runs.remove(&pid);
                    p.ended(at(now), pid)
                }
                Step::Rescan => p.rescanned(at(now), &all(&runs)),
                Step::Wait(ms) => {
                    now += ms;
                    p.tick(at(now))
                }
            };
            for (_, good) in verdicts {
                prop_assert_eq!(good, !told);
                told = good;
            }
        }
        for (_, good) in p.tick(at(now + 1000)) {
            prop_assert_eq!(good, !told);
            told = good;
        }
        let count = runs.values().filter(|x| **x).count() as u32;
        prop_assert_eq!(told, count >= quorum && most.is_none_or(|m| count <= m));
        prop_assert_eq!(p.deadline(), None);
    }
}
