//! Core against roles that a test plays: what it asks of them and what it
//! makes of their answers.

mod monitor;

use crate::cli::Options;
use crate::lifecycle::{self, Phase};
use crate::link::Link;
use crate::main_loop::{Core, Parts};
use crate::paths::Names;
use ipc::Role;
use ipc::frame;
use ipc::msg::bfd::{BfdToCore, CoreToBfd};
use ipc::msg::checker::{CheckerToCore, CoreToChecker};
use ipc::msg::{Generation, Hello, LogSetup, TrackValue};
use model::track::TrackFile;
use model::{Config, Global, TrackKind, TrackObject};
use rt::channel::{self, Channel};
use rt::clock;
use rt::resources::Originals;
use rt::signals::Signals;
use rt::spawn::Exit;
use std::io::Write;
use std::os::unix::net::UnixStream;
use types::TrackId;

/// No process has this number, so that signals to it go nowhere.
const NOBODY: i32 = i32::MAX;

/// Slots are in start order: checker, vrrp, bfd, monitor.
const CHECKER: usize = 0;
const BFD: usize = 2;

type AsChecker = Channel<CheckerToCore, CoreToChecker>;
type AsBfd = Channel<BfdToCore, CoreToBfd>;

/// A core whose checker and bfd roles are the two channels.
fn core() -> (Core, AsChecker, AsBfd) {
    let parts = Parts {
        options: Options::default(),
        names: Names::default(),
        log: LogSetup::default(),
        config: Config::default(),
        signals: Signals::new(&[]).unwrap(),
        slots: lifecycle::slots(|_| None),
        home: None,
        limits: Originals::capture().unwrap(),
    };
    let mut core = Core::new(parts).unwrap();
    core.phase = Phase::Running;
    let (checker, theirs) = channel::pair().unwrap();
    attend(&mut core, CHECKER, Role::Checker, theirs);
    let (bfd, theirs) = channel::pair().unwrap();
    attend(&mut core, BFD, Role::Bfd, theirs);
    core.slots.iter_mut().filter_map(|s| s.child.as_mut()).for_each(|c| c.committed = true);
    let mut checker = AsChecker::new(checker, 1 << 20).unwrap();
    let mut bfd = AsBfd::new(bfd, 1 << 20).unwrap();
    checker.send(&CheckerToCore::Hello(Hello::new(Role::Checker))).unwrap();
    bfd.send(&BfdToCore::Hello(Hello::new(Role::Bfd))).unwrap();
    hear(&mut core);
    (core, checker, bfd)
}

fn attend(core: &mut Core, at: usize, role: Role, fd: std::os::fd::OwnedFd) {
    let link = Link::new(role, fd).unwrap();
    core.slots[at].attend(clock::now(), &core.poll, NOBODY, link).unwrap();
}

/// Core takes what its roles have said.
fn hear(core: &mut Core) {
    (0..4).for_each(|at| core.serve_role(at, 100));
}

fn named(name: &str) -> Box<Config> {
    let global = Global { router_id: Some(name.into()), ..Global::default() };
    Box::new(Config { global, ..Config::default() })
}

fn router_id(core: &Core) -> Option<&str> {
    core.config.global.router_id.as_deref()
}

/// What the checker was given to prepare.
fn prepared(checker: &mut AsChecker) -> Generation {
    match checker.recv().unwrap() {
        Some(CoreToChecker::Prepare(setup)) => setup.generation,
        other => panic!("{other:?}"),
    }
}

fn alive(core: &Core, at: usize) -> bool {
    // Core hangs up on a role that it ends.
    core.slots[at].child.as_ref().is_some_and(|c| !c.is_condemned())
}

#[test]
fn a_configuration_counts_when_every_role_is_ready() {
    let (mut core, mut checker, mut bfd) = core();
    core.prepare(named("new"), false);
    let g = prepared(&mut checker);
    checker.send(&CheckerToCore::Ready(g)).unwrap();
    hear(&mut core);
    assert_eq!(router_id(&core), None);
    assert!(matches!(checker.recv(), Ok(None)));
    assert!(matches!(bfd.recv(), Ok(Some(CoreToBfd::Prepare(_)))));
    bfd.send(&BfdToCore::Ready(g)).unwrap();
    hear(&mut core);
    assert_eq!(router_id(&core), Some("new"));
    assert_eq!(checker.recv().unwrap(), Some(CoreToChecker::Commit(g)));
    assert_eq!(bfd.recv().unwrap(), Some(CoreToBfd::Commit(g)));
}

#[test]
fn a_refusal_leaves_all_as_it_was_and_its_late_answers_count_for_nothing() {
    let (mut core, mut checker, mut bfd) = core();
    core.prepare(named("bad"), false);
    let bad = prepared(&mut checker);
    let refused = BfdToCore::Refused { generation: bad, reason: "no".into(), status: 2 };
    bfd.send(&refused).unwrap();
    hear(&mut core);
    assert_eq!(router_id(&core), None);
    assert_eq!(checker.recv().unwrap(), Some(CoreToChecker::Abort(bad)));
    assert!(matches!(bfd.recv(), Ok(Some(CoreToBfd::Prepare(_)))));
    assert!(matches!(bfd.recv(), Ok(None)), "who refuses has nothing to forget");
    core.prepare(named("good"), false);
    let good = prepared(&mut checker);
    assert_ne!(good, bad);
    checker.send(&CheckerToCore::Ready(bad)).unwrap();
    bfd.send(&BfdToCore::Ready(good)).unwrap();
    hear(&mut core);
    assert_eq!(router_id(&core), None);
    checker.send(&CheckerToCore::Ready(good)).unwrap();
    hear(&mut core);
    assert_eq!(router_id(&core), Some("good"));
    assert!(matches!(core.phase, Phase::Running));
}

#[test]
fn a_role_that_dies_while_preparing_ends_the_reload() {
    let (mut core, mut checker, _bfd) = core();
    core.prepare(named("new"), false);
    let g = prepared(&mut checker);
    core.role_ended(clock::now(), BFD, Exit::Signal(11));
    assert_eq!(checker.recv().unwrap(), Some(CoreToChecker::Abort(g)));
    assert!(core.reload.is_none() && core.slots[BFD].respawn_at.is_some());
    assert_eq!(router_id(&core), None);
}

#[test]
fn a_reload_begins_anew_when_a_role_was_killed_but_not_for_ever() {
    for (again, signal) in [(false, 9), (false, 15), (true, 9), (false, 11)] {
        let (mut core, mut checker, _bfd) = core();
        core.prepare(named("new"), again);
        prepared(&mut checker);
        core.role_ended(clock::now(), BFD, Exit::Signal(signal));
        assert_eq!(core.reload_again, !again && signal != 11);
    }
}

#[test]
fn roles_that_do_not_answer_do_not_hold_a_reload_up_for_ever() {
    let (mut core, mut checker, _bfd) = core();
    core.prepare(named("new"), false);
    let g = prepared(&mut checker);
    let until = core.reload.as_ref().unwrap().deadline();
    core.reload_tick(until);
    assert_eq!(checker.recv().unwrap(), Some(CoreToChecker::Abort(g)));
    assert!(core.reload.is_none());
}

#[test]
fn a_role_that_breaks_the_protocol_is_ended_and_the_others_stay() {
    for words in [&b"\xff\xff\xff\xff"[..], &[1, 0, 0, 0, 99]] {
        let (mut core, _checker, _bfd) = core();
        let (ours, theirs) = channel::pair().unwrap();
        core.slots[BFD].child = None;
        attend(&mut core, BFD, Role::Bfd, theirs);
        UnixStream::from(ours).write_all(words).unwrap();
        hear(&mut core);
        assert!(!alive(&core, BFD) && alive(&core, CHECKER));
    }
}

#[test]
fn a_role_must_greet_first_and_be_of_this_build() {
    let stranger = Hello { build_id: "other".into(), ..Hello::new(Role::Bfd) };
    for first in [BfdToCore::Running(Generation(1)), BfdToCore::Hello(stranger)] {
        let (mut core, _checker, _bfd) = core();
        let (ours, theirs) = channel::pair().unwrap();
        core.slots[BFD].child = None;
        attend(&mut core, BFD, Role::Bfd, theirs);
        let mut bytes = Vec::new();
        frame::write(&first, &mut bytes).unwrap();
        UnixStream::from(ours).write_all(&bytes).unwrap();
        hear(&mut core);
        assert!(!alive(&core, BFD));
    }
}

#[test]
fn values_are_told_after_the_commit_and_again_as_they_change() {
    let path = std::env::temp_dir().join(format!("ka-core-track-{}", std::process::id()));
    std::fs::write(&path, "3\n").unwrap();
    let (mut core, mut checker, mut bfd) = core();
    let mut config = named("new");
    config.tracks.push(TrackObject {
        name: "f".into(),
        weight: types::Weight(1),
        reverse: false,
        kind: TrackKind::File(TrackFile { path: path.to_string_lossy().into_owned(), init: None }),
    });
    core.prepare(config, false);
    let g = prepared(&mut checker);
    let _ = bfd.recv().unwrap();
    checker.send(&CheckerToCore::Ready(g)).unwrap();
    bfd.send(&BfdToCore::Ready(g)).unwrap();
    hear(&mut core);
    let value = |n| Some(CoreToChecker::Track(TrackId(0), TrackValue::Number(n)));
    assert_eq!(checker.recv().unwrap(), Some(CoreToChecker::Commit(g)));
    assert_eq!(checker.recv().unwrap(), value(3));
    std::fs::write(&path, "4\n").unwrap();
    for (id, value) in core.tracker.file_changed(&path) {
        core.tell_roles(id, value);
    }
    assert_eq!(checker.recv().unwrap(), value(4));
    std::fs::remove_file(path).unwrap();
}

/// A checker that takes the place of the one before, and has greeted.
fn another_checker(core: &mut Core) -> AsChecker {
    core.slots[CHECKER].child = None;
    let (ours, theirs) = channel::pair().unwrap();
    attend(core, CHECKER, Role::Checker, theirs);
    let mut checker = AsChecker::new(ours, 1 << 20).unwrap();
    checker.send(&CheckerToCore::Hello(Hello::new(Role::Checker))).unwrap();
    hear(core);
    checker
}

/// What a checker is given: its number, and how many configurations went before.
fn given(checker: &mut AsChecker) -> (Generation, usize) {
    match checker.recv().unwrap() {
        Some(CoreToChecker::Prepare(setup)) => (setup.generation, setup.before.len()),
        other => panic!("{other:?}"),
    }
}

/// A reload that every role agrees to.
fn reload(core: &mut Core, checker: &mut AsChecker, bfd: &mut AsBfd) -> Generation {
    core.prepare(named("new"), false);
    let (g, before) = given(checker);
    assert_eq!(before, 0, "one that runs knows what it has");
    checker.send(&CheckerToCore::Ready(g)).unwrap();
    bfd.send(&BfdToCore::Ready(g)).unwrap();
    hear(core);
    assert_eq!(checker.recv().unwrap(), Some(CoreToChecker::Commit(g)));
    g
}

#[test]
fn the_next_process_of_a_role_is_told_of_what_the_last_one_may_have_left() {
    for settled in [false, true] {
        let (mut core, mut checker, mut bfd) = core();
        let first = reload(&mut core, &mut checker, &mut bfd);
        checker.send(&CheckerToCore::Settled(first)).unwrap();
        let second = reload(&mut core, &mut checker, &mut bfd);
        if settled {
            checker.send(&CheckerToCore::Settled(second)).unwrap();
        }
        hear(&mut core);
        let mut next = another_checker(&mut core);
        core.hand_over(CHECKER);
        assert_eq!(given(&mut next), (second, usize::from(!settled)));
        // A reload before it has begun is told of as much.
        core.prepare(named("newer"), false);
        let (third, before) = given(&mut next);
        assert_eq!(before, if settled { 1 } else { 2 });
        // One that is given up leaves it with what it had.
        let until = core.reload.as_ref().unwrap().deadline();
        core.reload_tick(until);
        assert_eq!(next.recv().unwrap(), Some(CoreToChecker::Abort(third)));
        assert_eq!(given(&mut next), (second, usize::from(!settled)));
    }
}

#[test]
fn at_a_stop_a_role_that_has_not_begun_takes_away_what_may_be_there() {
    let (mut core, mut checker, mut bfd) = core();
    reload(&mut core, &mut checker, &mut bfd);
    let mut next = another_checker(&mut core);
    core.stop();
    let (g, before) = given(&mut next);
    assert_eq!(before, 1);
    next.send(&CheckerToCore::Ready(g)).unwrap();
    hear(&mut core);
    assert_eq!(next.recv().unwrap(), Some(CoreToChecker::Commit(g)));
    assert_eq!(next.recv().unwrap(), Some(CoreToChecker::Shutdown));
    core.role_ended(clock::now(), CHECKER, Exit::Status(0));
    core.role_ended(clock::now(), BFD, Exit::Status(0));
    core.phase_tick(clock::now());
    assert_eq!(core.phase, Phase::Done(0));
}

#[test]
fn what_is_to_stay_at_a_stop_is_not_taken_away() {
    let (mut core, mut checker, mut bfd) = core();
    reload(&mut core, &mut checker, &mut bfd);
    let mut next = another_checker(&mut core);
    core.options.dont_release_ipvs = true;
    core.stop();
    assert_eq!(next.recv().unwrap(), Some(CoreToChecker::Shutdown));
}

#[test]
fn a_stop_tells_every_role_and_waits_for_them() {
    let (mut core, mut checker, mut bfd) = core();
    core.stop();
    assert_eq!(checker.recv().unwrap(), Some(CoreToChecker::Shutdown));
    assert_eq!(bfd.recv().unwrap(), Some(CoreToBfd::Shutdown));
    core.role_ended(clock::now(), CHECKER, Exit::Status(0));
    assert!(matches!(core.phase, Phase::Stopping { .. }));
    core.role_ended(clock::now(), BFD, Exit::Status(0));
    core.phase_tick(clock::now());
    assert_eq!(core.phase, Phase::Done(0));
}

#[test]
fn a_permanent_error_of_one_role_ends_all_with_its_status() {
    let (mut core, mut checker, _bfd) = core();
    core.role_ended(clock::now(), BFD, Exit::Status(4));
    assert_eq!(checker.recv().unwrap(), Some(CoreToChecker::Shutdown));
    core.role_ended(clock::now(), CHECKER, Exit::Status(0));
    core.phase_tick(clock::now());
    assert_eq!(core.phase, Phase::Done(4));
}

/// Messages that one turn leaves are in core's memory: no descriptor tells of them.
#[test]
fn what_a_role_says_at_once_is_taken_to_its_end() {
    let (mut core, mut checker, _bfd) = core();
    core.prepare(named("new"), false);
    let g = prepared(&mut checker);
    for _ in 0..150 {
        checker.send(&CheckerToCore::Lost(1)).unwrap();
    }
    checker.send(&CheckerToCore::Ready(g)).unwrap();
    core.serve_role(CHECKER, 100);
    assert_eq!(core.deadline(), Some(types::Mono::ZERO), "core waits for nothing");
    core.serve_role(CHECKER, 100);
    assert_ne!(core.deadline(), Some(types::Mono::ZERO));
}
