//! Core and the monitor, which a test plays.

use super::*;
use ipc::msg::monitor::{Command, CoreToMonitor, Event, MonitorToCore};

/// Its place.
const MONITOR: usize = 3;

type AsMonitor = Channel<MonitorToCore, CoreToMonitor>;

/// A core with a monitor too, whose configuration asks for one.
fn core_with_monitor() -> (Core, AsChecker, AsBfd, AsMonitor) {
    let (mut core, checker, bfd) = core();
    core.config = std::sync::Arc::from(asking("old"));
    let (monitor, theirs) = channel::pair().unwrap();
    attend(&mut core, MONITOR, Role::Monitor, theirs);
    let mut monitor = AsMonitor::new(monitor, 1 << 20).unwrap();
    monitor.send(&MonitorToCore::Hello(Hello::new(Role::Monitor))).unwrap();
    core.introduce_monitor();
    hear(&mut core);
    let Some(CoreToMonitor::Configure(_)) = monitor.recv().unwrap() else { panic!() };
    (core, checker, bfd, monitor)
}

fn asking(name: &str) -> Box<Config> {
    let mut config = named(name);
    config.global.dbus.enabled = true;
    config
}

fn mail(n: usize) -> Event {
    Event::Mail { subject: n.to_string(), body: String::new() }
}

/// Has core reload to this configuration, with the consent of its roles.
fn reload(core: &mut Core, checker: &mut AsChecker, bfd: &mut AsBfd, config: Box<Config>) {
    core.prepare(config, false);
    let g = prepared(checker);
    checker.send(&CheckerToCore::Ready(g)).unwrap();
    bfd.send(&BfdToCore::Ready(g)).unwrap();
    hear(core);
    assert_eq!(core.generation, g);
    checker.send(&CheckerToCore::Running(g)).unwrap();
    bfd.send(&BfdToCore::Running(g)).unwrap();
    hear(core);
}

#[test]
fn a_reload_neither_asks_nor_awaits_the_monitor() {
    let (mut core, mut checker, mut bfd, mut monitor) = core_with_monitor();
    reload(&mut core, &mut checker, &mut bfd, asking("new"));
    assert!(core.reload.is_none(), "the monitor has not answered");
    let Some(CoreToMonitor::Configure(setup)) = monitor.recv().unwrap() else { panic!() };
    assert_eq!(setup.global.router_id.as_deref(), Some("new"));
    assert_eq!(setup.generation, core.generation);
}

#[test]
fn a_configuration_that_asks_for_nothing_sends_the_monitor_away_and_another_brings_it_back() {
    let (mut core, mut checker, mut bfd, mut monitor) = core_with_monitor();
    reload(&mut core, &mut checker, &mut bfd, named("silent"));
    assert_eq!(monitor.recv().unwrap(), Some(CoreToMonitor::Shutdown));
    core.role_ended(clock::now(), MONITOR, Exit::Status(0));
    assert!(core.slots[MONITOR].child.is_none() && core.slots[MONITOR].respawn_at.is_none());
}

#[test]
fn whatever_the_monitor_exits_with_it_comes_back_and_the_daemon_stays() {
    for exit in [Exit::Status(0), Exit::Status(1), Exit::Status(4), Exit::Signal(11)] {
        let (mut core, _checker, _bfd, _monitor) = core_with_monitor();
        core.options.dont_respawn = true;
        core.role_ended(clock::now(), MONITOR, exit);
        assert_eq!(core.phase, Phase::Running);
        assert!(core.slots[MONITOR].respawn_at.is_some());
    }
}

#[test]
fn a_monitor_that_is_back_hears_what_happened_meanwhile() {
    let (mut core, _checker, _bfd, monitor) = core_with_monitor();
    drop(monitor);
    core.role_ended(clock::now(), MONITOR, Exit::Signal(9));
    (0..3).for_each(|n| core.tell_monitor(mail(n)));
    let (monitor, theirs) = channel::pair().unwrap();
    attend(&mut core, MONITOR, Role::Monitor, theirs);
    core.introduce_monitor();
    let mut monitor = AsMonitor::new(monitor, 1 << 20).unwrap();
    assert!(matches!(monitor.recv().unwrap(), Some(CoreToMonitor::Configure(_))));
    for n in 0..3 {
        assert_eq!(monitor.recv().unwrap(), Some(CoreToMonitor::Event(mail(n))));
    }
}

#[test]
fn what_a_monitor_that_hangs_misses_is_bounded_counted_and_told() {
    let (mut core, _checker, _bfd, mut monitor) = core_with_monitor();
    let long = "x".repeat(10_000);
    let sent = 2000;
    for _ in 0..sent {
        core.tell_monitor(Event::Mail { subject: long.clone(), body: String::new() });
    }
    let (mut got, mut lost) = (0, 0);
    while lost == 0 {
        // As the loop does.
        let _ = core.slots[MONITOR].child.as_mut().unwrap().link.flush();
        core.refresh_monitor(clock::now());
        match monitor.recv().unwrap() {
            Some(CoreToMonitor::Event(_)) => got += 1,
            Some(CoreToMonitor::Lost(n)) => lost = n,
            None => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(got > 0 && got + lost == sent, "{got} {lost}");
    let next = monitor.recv().unwrap();
    assert!(matches!(next, Some(CoreToMonitor::Configure(_))), "the states of now");
}

#[test]
fn at_a_stop_the_monitor_is_told_last_and_not_awaited_for_ever() {
    let (mut core, _checker, _bfd, mut monitor) = core_with_monitor();
    core.stop();
    core.role_ended(clock::now(), CHECKER, Exit::Status(0));
    assert!(matches!(monitor.recv(), Ok(None)));
    core.role_ended(clock::now(), BFD, Exit::Status(0));
    assert_eq!(monitor.recv().unwrap(), Some(CoreToMonitor::Shutdown));
    core.phase_tick(clock::now());
    assert!(matches!(core.phase, Phase::Draining { .. }));
    let until = core.phase.deadline().unwrap();
    let bound = core.slots[MONITOR].deadline().unwrap();
    assert!(bound < until, "it is killed before");
    core.phase_tick(until);
    assert_eq!(core.phase, Phase::Done(0));
}

#[test]
fn the_monitor_may_ask_for_what_a_signal_asks_for() {
    let (mut core, _checker, _bfd, mut monitor) = core_with_monitor();
    core.phase = Phase::Starting;
    monitor.send(&MonitorToCore::Do(Command::Reload)).unwrap();
    hear(&mut core);
    assert!(core.reload_queued);
}

#[test]
fn no_secret_leaves_core_for_the_monitor() {
    let host = conf::testing::MapHost::new().file(
        "/k.conf",
        "vrrp_instance VI {\n interface lo\n virtual_router_id 1\n authentication {\n \
         auth_type PASS\n auth_pass hunter2\n }\n}\nSSL {\n password hunter2\n}\n",
    );
    let loaded = conf::load(&host, &conf::LoadOptions::new("/k.conf"));
    let (mut core, ..) = core();
    core.config = std::sync::Arc::new(loaded.model);
    let mut bytes = Vec::new();
    let holds = |bytes: &[u8]| bytes.windows(7).any(|w| w == b"hunter2");
    ipc::codec::encode(&*core.config, &mut bytes).unwrap();
    assert!(holds(&bytes));
    bytes.clear();
    ipc::codec::encode(&core.monitor_setup(), &mut bytes).unwrap();
    assert!(!holds(&bytes));
}

#[test]
fn a_monitor_that_hangs_is_asked_and_ended() {
    let (mut core, _checker, _bfd, mut monitor) = core_with_monitor();
    monitor.send(&MonitorToCore::Running(core.generation)).unwrap();
    hear(&mut core);
    let pass = |core: &mut Core| {
        let at = core.slots[MONITOR].deadline().unwrap();
        core.slots[MONITOR].tick(at, &core.poll);
    };
    pass(&mut core);
    let Some(CoreToMonitor::Ping) = monitor.recv().unwrap() else { panic!() };
    monitor.send(&MonitorToCore::Pong).unwrap();
    hear(&mut core);
    pass(&mut core);
    let Some(CoreToMonitor::Ping) = monitor.recv().unwrap() else { panic!() };
    let is_ended = |core: &Core| core.slots[MONITOR].child.as_ref().unwrap().is_condemned();
    assert!(!is_ended(&core));
    pass(&mut core);
    assert!(is_ended(&core));
}
