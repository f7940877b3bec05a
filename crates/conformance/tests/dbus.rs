//! D-Bus: objects, properties, methods and signals, as busctl(1) and dbus-monitor(1) show them.

use std::fs;
use std::time::{Duration, Instant};

use conformance::{Bus, Folder, Lan, VIP, on_both};
use lab::config::{self, Instance};
use lab::log::Log;
use lab::{Daemon, Error, PATIENCE, Result, Role, Subject, procs};
use nix::sys::signal::Signal;

const NAME: &str = "org.keepalived.Vrrp1";
const VRRP: &str = "/org/keepalived/Vrrp1/Vrrp";
const VRRP_FACE: &str = "org.keepalived.Vrrp1.Vrrp";
const VI: &str = "/org/keepalived/Vrrp1/Instance/eth0/51/IPv4";
const VI6: &str = "/org/keepalived/Vrrp1/Instance/eth0/52/IPv6";
const VI_FACE: &str = "org.keepalived.Vrrp1.Instance";
const ACQUIRED: &str = "Acquired the name org.keepalived.Vrrp1 on the session bus";
const LOST: &str = "Lost the name org.keepalived.Vrrp1 on the session bus";

fn instance() -> Instance {
    Instance::new(51, 150, &["192.0.2.100/24"])
}

fn instance6() -> Instance {
    Instance::new(52, 150, &["fe80::100/64"])
}

/// A file with these instances and D-Bus, and further lines of `global_defs`.
fn file(instances: &[Instance], more: &str) -> String {
    format!("{}\nglobal_defs {{\n    enable_dbus\n    {more}\n}}\n", config::file(instances))
}

/// A subject on the first node, and a bus there.
struct Scene {
    lan: Lan,
    bus: Bus,
    dumps: Folder,
    subject: Subject,
}

impl Scene {
    /// With a bus that runs; `None` where there is no D-Bus.
    fn new(subject: &Subject) -> Result<Option<Self>> {
        let lan = Lan::new()?;
        let Some(bus) = Bus::start(&lan.a)? else { return Ok(None) };
        let dumps = Folder::new()?;
        let subject = bus.subject(subject, &dumps);
        Ok(Some(Self { lan, bus, dumps, subject }))
    }

    fn start(&self, config: &str) -> Result<Daemon> {
        Daemon::start(&self.lan.a, &self.subject, config)
    }

    /// MASTER, and to be seen on the bus.
    fn start_master(&self) -> Result<Daemon> {
        let mut daemon = self.start(&file(&[instance()], ""))?;
        await_acquired(&daemon)?;
        daemon.await_log("(VI_51) Entering MASTER STATE")?;
        self.await_property(VI, "(us) 2 \"Master\"")?;
        Ok(daemon)
    }

    fn property(&self, path: &str, name: &str) -> Result<String> {
        self.bus.busctl(&["get-property", NAME, path, VI_FACE, name])
    }

    fn call(&self, path: &str, face: &str, method: &str) -> Result<String> {
        self.bus.busctl(&["call", NAME, path, face, method])
    }

    /// The monitor hears of a state after the line is logged.
    fn await_property(&self, path: &str, state: &str) -> Result<()> {
        self.await_bus(|s| s.property(path, "State").is_ok_and(|found| found == state), state)
    }

    /// Asks the bus again and again.
    fn await_bus(&self, holds: impl Fn(&Self) -> bool, what: &str) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while !holds(self) {
            if Instant::now() > until {
                return Err(Error::new(format!("not on the bus: {what}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn objects(&self) -> Result<Vec<String>> {
        let tree = self.bus.busctl(&["tree", "--list", NAME])?;
        Ok(tree.lines().filter(|path| path.contains("/IPv")).map(str::to_owned).collect())
    }
}

fn await_acquired(daemon: &Daemon) -> Result<()> {
    daemon.log.clone().rewound().await_line(PATIENCE, ACQUIRED).map(|_| ())
}

/// Waits for the signal of an instance that has entered a state.
fn await_status(signals: &mut Log, path: &str, code: u32) -> Result<()> {
    let head = format!("path={path}; interface={VI_FACE}; member=VrrpStatusChange");
    loop {
        signals.await_line(PATIENCE, &head)?;
        let body = signals.next_line(PATIENCE).map(|line| line.text).unwrap_or_default();
        if body.trim() == format!("uint32 {code}") {
            return Ok(());
        }
    }
}

fn await_signal(signals: &mut Log, member: &str) -> Result<()> {
    let head = format!("path={VRRP}; interface={VRRP_FACE}; member={member}");
    signals.await_line(PATIENCE, &head).map(|_| ())
}

/// The words of an error that must be one.
fn refusal(result: Result<String>) -> Result<String> {
    match result {
        Ok(said) => Err(Error::new(format!("this must not succeed: {said}"))),
        Err(e) => Ok(e.to_string()),
    }
}

fn objects_and_properties_show_every_instance(subject: &Subject) -> Result<()> {
    let Some(scene) = Scene::new(subject)? else { return Ok(()) };
    let daemon = scene.start(&file(&[instance(), instance6()], ""))?;
    daemon.log.clone().await_line(PATIENCE, "Acquired DBus bus org.keepalived.Vrrp1")?;
    await_acquired(&daemon)?;
    assert_eq!(scene.objects()?, [VI, VI6]);
    scene.await_property(VI, "(us) 2 \"Master\"")?;
    scene.await_property(VI6, "(us) 2 \"Master\"")?;
    assert_eq!(scene.property(VI, "Name")?, "(s) \"VI_51\"");
    assert_eq!(scene.property(VI6, "Name")?, "(s) \"VI_52\"");
    let all = scene.bus.busctl(&[
        "call",
        NAME,
        VI,
        "org.freedesktop.DBus.Properties",
        "GetAll",
        "s",
        VI_FACE,
    ])?;
    // A dictionary has no order.
    assert!(all.starts_with("a{sv} 2 "), "{all}");
    assert!(all.contains("\"Name\" (s) \"VI_51\""), "{all}");
    assert!(all.contains("\"State\" (us) 2 \"Master\""), "{all}");
    scene.lan.cable_a.cut()?;
    scene.await_property(VI, "(us) 3 \"Fault\"")?;
    scene.call(VI, "org.freedesktop.DBus.Peer", "Ping")?;
    Ok(())
}

fn objects_describe_themselves(subject: &Subject) -> Result<()> {
    let Some(scene) = Scene::new(subject)? else { return Ok(()) };
    let _daemon = scene.start_master()?;
    // The methods and signals that busctl lists, with their signatures in and out.
    let members = |path, face| -> Result<Vec<String>> {
        let text = scene.bus.busctl(&["introspect", "--no-legend", NAME, path, face])?;
        let lines = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
        let mut members: Vec<String> = lines.filter(|l| !l.contains("property")).collect();
        members.sort();
        Ok(members)
    };
    assert_eq!(
        members(VRRP, VRRP_FACE)?,
        [
            ".PrintData method - - -",
            ".PrintStats method - - -",
            ".PrintStatsClear method - - -",
            ".ReloadConfig method - - -",
            ".VrrpReloaded signal - - -",
            ".VrrpStarted signal - - -",
            ".VrrpStopped signal - - -",
        ]
    );
    assert_eq!(members(VI, VI_FACE)?, [".SendGarp method - - -", ".VrrpStatusChange signal u - -"]);
    for path in [VRRP, VI] {
        let text = scene.call(path, "org.freedesktop.DBus.Introspectable", "Introspect")?;
        for face in ["Introspectable", "Peer", "Properties"] {
            assert!(text.contains(&format!("org.freedesktop.DBus.{face}")), "{text}");
        }
    }
    Ok(())
}

fn what_is_not_there_is_an_error(subject: &Subject) -> Result<()> {
    let Some(scene) = Scene::new(subject)? else { return Ok(()) };
    let mut daemon = scene.start_master()?;
    refusal(scene.property(VI, "Color"))?;
    refusal(scene.bus.busctl(&["set-property", NAME, VI, VI_FACE, "Name", "s", "x"]))?;
    refusal(scene.call(VI, VI_FACE, "Fly"))?;
    refusal(scene.call("/org/keepalived/Vrrp1/Instance/eth0/9/IPv4", VI_FACE, "SendGarp"))?;
    assert_eq!(scene.property(VI, "Name")?, "(s) \"VI_51\"");
    daemon.stop()?;
    daemon.await_log("Released DBus")?;
    Ok(())
}

fn methods_do_what_signals_do(subject: &Subject) -> Result<()> {
    let Some(mut scene) = Scene::new(subject)? else { return Ok(()) };
    let mut daemon = scene.start_master()?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Startup complete")?;
    let written = |name: &str, text: &str| {
        let path = scene.dumps.path(name);
        let found = move |_: &Scene| fs::read_to_string(&path).is_ok_and(|t| t.contains(text));
        scene.await_bus(found, name)?;
        fs::remove_file(scene.dumps.path(name)).map_err(|e| Error::new(e.to_string()))
    };
    scene.call(VRRP, VRRP_FACE, "PrintData")?;
    daemon.await_log("Printing VRRP data on DBus request")?;
    written("keepalived.data", "VRRP Instance = VI_51")?;
    scene.call(VRRP, VRRP_FACE, "PrintStats")?;
    daemon.await_log("Printing VRRP stats on DBus request")?;
    written("keepalived.stats", "Became master: 1")?;
    scene.call(VRRP, VRRP_FACE, "PrintStatsClear")?;
    daemon.await_log("Printing and clearing VRRP stats on DBus request")?;
    written("keepalived.stats", "Became master: 1")?;
    scene.call(VRRP, VRRP_FACE, "PrintStats")?;
    written("keepalived.stats", "Became master: 0")?;
    assert!(!scene.dumps.path("keepalived_parent.data").exists());

    scene.lan.wire.clear()?;
    scene.call(VI, VI_FACE, "SendGarp")?;
    daemon.await_log("Sending garps on VI_51 on DBus request")?;
    scene.lan.wire.await_announcement(PATIENCE, VIP.into())?;

    fs::write(daemon.folder().join("keepalived.conf"), file(&[instance(), instance6()], ""))
        .map_err(|e| Error::new(e.to_string()))?;
    scene.call(VRRP, VRRP_FACE, "ReloadConfig")?;
    daemon.await_log("(VI_52) Entering BACKUP STATE")?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Reload complete")?;
    scene.await_bus(|s| s.objects().is_ok_and(|o| o == [VI, VI6]), "the new instance")?;
    Ok(())
}

fn every_change_of_state_is_a_signal(subject: &Subject) -> Result<()> {
    let Some(scene) = Scene::new(subject)? else { return Ok(()) };
    let mut signals = scene.bus.listen()?;
    let mut daemon = scene.start(&file(&[instance()], ""))?;
    await_signal(&mut signals, "VrrpStarted")?;
    await_status(&mut signals, VI, 1)?;
    await_status(&mut signals, VI, 2)?;
    scene.lan.cable_a.cut()?;
    await_status(&mut signals, VI, 3)?;
    scene.lan.cable_a.restore()?;
    await_status(&mut signals, VI, 1)?;
    await_status(&mut signals, VI, 2)?;
    let better = Instance { priority: 200, ..instance() };
    let mut peer = scene.lan.start_b(subject, &[better])?;
    peer.await_log("Entering MASTER STATE")?;
    await_status(&mut signals, VI, 1)?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Startup complete")?;
    daemon.stop()?;
    await_status(&mut signals, VI, 98)?;
    await_signal(&mut signals, "VrrpStopped")?;
    daemon.await_log("Released DBus")?;
    Ok(())
}

fn a_reload_takes_objects_away_and_brings_them(subject: &Subject) -> Result<()> {
    let Some(scene) = Scene::new(subject)? else { return Ok(()) };
    let mut daemon = scene.start(&file(&[instance(), instance6()], ""))?;
    await_acquired(&daemon)?;
    scene.await_property(VI6, "(us) 2 \"Master\"")?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Startup complete")?;
    let mut signals = scene.bus.listen()?;
    daemon.reload(&file(&[instance()], ""))?;
    daemon.await_log("Deleted DBus object for instance VI_52")?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Reload complete")?;
    await_signal(&mut signals.clone(), "VrrpReloaded")?;
    await_status(&mut signals.clone(), VI6, 3)?;
    scene.await_bus(|s| s.objects().is_ok_and(|o| o == [VI]), "one instance")?;
    refusal(scene.property(VI6, "Name"))?;
    signals.skip();
    daemon.reload(&file(&[instance(), instance6()], ""))?;
    await_signal(&mut signals.clone(), "VrrpReloaded")?;
    await_status(&mut signals, VI6, 1)?;
    scene.await_bus(|s| s.objects().is_ok_and(|o| o == [VI, VI6]), "both instances")?;
    assert_eq!(scene.property(VI6, "Name")?, "(s) \"VI_52\"");
    Ok(())
}

/// Interface names hold what paths may not; the daemon's own name is part of all paths.
fn paths_hold_what_d_bus_allows(subject: &Subject) -> Result<()> {
    let Some(scene) = Scene::new(subject)? else { return Ok(()) };
    scene.lan.switch.attach(&scene.lan.a, "e-1.2@x", &["198.51.100.1/24"])?;
    let odd =
        Instance { interface: "e-1.2@x".into(), ..Instance::new(60, 150, &["198.51.100.100/24"]) };
    // The reference serves nothing where the daemon's name holds other characters.
    let names = if subject.is_reference() { ["left", "left"] } else { ["left-1", "left_1"] };
    let [name, element] = names;
    let daemon = scene.start(&format!("instance {name}\n{}", file(&[odd], "")))?;
    await_acquired(&daemon)?;
    let base = format!("/org/keepalived/Vrrp1/{element}");
    assert_eq!(scene.objects()?, [format!("{base}/Instance/e_1_2_x/60/IPv4")]);
    scene.call(&format!("{base}/Vrrp"), VRRP_FACE, "PrintData")?;
    Ok(())
}

/// A second daemon waits for the name and has it after the first one.
fn a_name_that_is_taken_is_waited_for(subject: &Subject) -> Result<()> {
    let Some(scene) = Scene::new(subject)? else { return Ok(()) };
    let first = scene.start_master()?;
    let mut second = scene.start(&file(&[instance6()], ""))?;
    second.await_log(LOST)?;
    second.log.clone().rewound().await_line(PATIENCE, "(VI_52) Entering MASTER STATE")?;
    assert_eq!(scene.objects()?, [VI]);
    first.stop()?;
    second.await_log(ACQUIRED)?;
    // The reference has the name then, and no objects.
    if !subject.is_reference() {
        assert_eq!(scene.objects()?, [VI6]);
    }
    Ok(())
}

/// Two daemons on a host, each with a name of its own.
fn another_name_is_served_under_the_same_paths(subject: &Subject) -> Result<()> {
    let Some(scene) = Scene::new(subject)? else { return Ok(()) };
    let _first = scene.start_master()?;
    let mut second =
        scene.start(&file(&[instance6()], "dbus_service_name org.example.Vrrp-2.b"))?;
    second.await_log("Acquired the name org.example.Vrrp-2.b on the session bus")?;
    let name = ["get-property", "org.example.Vrrp-2.b", VI6, VI_FACE, "Name"];
    assert_eq!(scene.bus.busctl(&name)?, "(s) \"VI_52\"");
    Ok(())
}

fn without_a_bus_everything_else_works(subject: &Subject) -> Result<()> {
    let Some(mut scene) = Scene::new(subject)? else { return Ok(()) };
    scene.bus.kill();
    let mut daemon = scene.start(&file(&[instance()], ""))?;
    daemon.log.clone().await_line(PATIENCE, LOST)?;
    daemon.await_log("Entering MASTER STATE")?;
    assert!(daemon.stop()?.success());
    Ok(())
}

on_both!(
    objects_and_properties_show_every_instance,
    objects_describe_themselves,
    what_is_not_there_is_an_error,
    methods_do_what_signals_do,
    every_change_of_state_is_a_signal,
    a_reload_takes_objects_away_and_brings_them,
    paths_hold_what_d_bus_allows,
    a_name_that_is_taken_is_waited_for,
    another_name_is_served_under_the_same_paths,
    without_a_bus_everything_else_works,
);

// What follows takes only ours: the reference never comes back to a bus that has gone or was not
// there, and does not find it a second time after a reload without D-Bus.

#[test]
fn a_bus_that_comes_late_or_again_is_found() -> Result<()> {
    let Some(mut scene) = Scene::new(&Subject::ours()?)? else { return Ok(()) };
    scene.bus.kill();
    let mut daemon = scene.start(&file(&[instance()], ""))?;
    daemon
        .await_log("Lost the name org.keepalived.Vrrp1 on the session bus: cannot reach the bus")?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Entering MASTER STATE")?;
    let vrrp = daemon.role_pid(Role::Vrrp)?;
    for round in 1..=2 {
        scene.bus.restart()?;
        daemon.await_log(ACQUIRED)?;
        assert_eq!(scene.property(VI, "State")?, "(us) 2 \"Master\"");
        let mut signals = scene.bus.listen()?;
        scene.bus.kill();
        daemon.await_log(LOST)?;
        // Once each time, and nothing of it in the news of the instance.
        assert_eq!(daemon.log.count(LOST), 1 + round);
        assert!(signals.next_line(Duration::ZERO).is_none_or(|l| !l.text.contains("Vrrp")));
    }
    assert_eq!(daemon.log.count("Entering"), 2, "BACKUP and MASTER");
    assert_eq!(daemon.role_pid(Role::Vrrp)?, vrrp);
    assert!(daemon.stop()?.success());
    Ok(())
}

/// Neither a start, nor a failover, nor a reload, nor a stop waits for it.
#[test]
fn a_bus_that_hangs_holds_up_nothing() -> Result<()> {
    let Some(scene) = Scene::new(&Subject::ours()?)? else { return Ok(()) };
    scene.bus.signal(Signal::SIGSTOP)?;
    let mut daemon = scene.start(&file(&[instance()], ""))?;
    daemon.await_log("Startup complete")?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Entering MASTER STATE")?;
    daemon.reload(&file(&[instance(), instance6()], ""))?;
    daemon.await_log("Reload complete")?;
    scene.bus.signal(Signal::SIGCONT)?;
    await_acquired(&daemon)?;
    scene.await_property(VI, "(us) 2 \"Master\"")?;
    scene.bus.signal(Signal::SIGSTOP)?;
    scene.lan.cable_a.cut()?;
    daemon.await_log("(VI_51) Entering FAULT STATE")?;
    scene.bus.signal(Signal::SIGCONT)?;
    scene.await_property(VI, "(us) 3 \"Fault\"")?;
    scene.bus.signal(Signal::SIGSTOP)?;
    assert!(daemon.stop()?.success());
    Ok(())
}

#[test]
fn a_killed_monitor_is_back_and_vrrp_does_not_notice() -> Result<()> {
    let Some(mut scene) = Scene::new(&Subject::ours()?)? else { return Ok(()) };
    let mut daemon = scene.start_master()?;
    let (monitor, vrrp) = (daemon.role_pid(Role::Monitor)?, daemon.role_pid(Role::Vrrp)?);
    scene.lan.await_advert_of(&instance())?;
    let mut signals = scene.bus.listen()?;
    daemon.log.skip();
    daemon.signal(Role::Monitor, Signal::SIGKILL)?;
    daemon.await_respawn(Role::Monitor, monitor, PATIENCE)?;
    daemon.await_log(ACQUIRED)?;
    await_signal(&mut signals, "VrrpStarted")?;
    await_status(&mut signals, VI, 2)?;
    assert_eq!(scene.property(VI, "State")?, "(us) 2 \"Master\"");
    scene.lan.await_advert_of(&instance())?;
    assert_eq!(daemon.role_pid(Role::Vrrp)?, vrrp);
    assert_eq!(daemon.log.count("Entering"), 2, "BACKUP and MASTER");
    scene.call(VI, VI_FACE, "SendGarp")?;
    daemon.await_log("Sending garps on VI_51 on DBus request")?;
    Ok(())
}

#[test]
fn reloads_switch_it_off_and_on_and_give_it_another_name() -> Result<()> {
    let Some(scene) = Scene::new(&Subject::ours()?)? else { return Ok(()) };
    let quiet = config::file(&[instance()]);
    // Mail keeps the monitor there while D-Bus is off.
    let mail = "\nglobal_defs {\n    notification_email { a@example.net }\n    \
                smtp_server 192.0.2.9\n    smtp_alert\n}\n";
    let mut daemon = scene.start(&quiet)?;
    daemon.await_log("Startup complete")?;
    for more in ["", mail] {
        let quiet = quiet.clone() + more;
        daemon.reload(&(file(&[instance()], "") + more))?;
        daemon.await_log(ACQUIRED)?;
        daemon.log.clone().rewound().await_line(PATIENCE, "Entering MASTER STATE")?;
        scene.await_property(VI, "(us) 2 \"Master\"")?;
        daemon.reload(&(file(&[instance()], "dbus_service_name org.example.Ka") + more))?;
        daemon.await_log("Released DBus")?;
        daemon.await_log("Acquired the name org.example.Ka on the session bus")?;
        refusal(scene.property(VI, "State"))?;
        let state = ["get-property", "org.example.Ka", VI, VI_FACE, "State"];
        assert_eq!(scene.bus.busctl(&state)?, "(us) 2 \"Master\"");
        let mut signals = scene.bus.listen()?;
        daemon.reload(&quiet)?;
        daemon.await_log("Released DBus")?;
        await_signal(&mut signals, "VrrpStopped")?;
    }
    assert_eq!(daemon.log.count("Entering"), 2, "BACKUP and MASTER");
    Ok(())
}

/// What docs/guide/dbus.md has people type.
#[test]
fn the_guides_commands_do_what_it_says() -> Result<()> {
    let Some(scene) = Scene::new(&Subject::ours()?)? else { return Ok(()) };
    let _daemon = scene.start_master()?;
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/dbus.md");
    let guide = fs::read_to_string(guide).map_err(|e| Error::new(e.to_string()))?;
    let mut lines = guide.lines().peekable();
    let mut commands = 0;
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("# busctl ").filter(|c| !c.starts_with("monitor"))
        else {
            continue;
        };
        commands += 1;
        let words: Vec<&str> = command.split(' ').collect();
        let said = scene.bus.busctl(&words)?;
        if let Some(answer) = lines.next_if(|l| l.starts_with('(')) {
            assert_eq!(said, answer, "{command}");
        }
    }
    assert_eq!(commands, 9);
    Ok(())
}

/// A service manager may end all processes at once.
#[test]
fn a_stop_of_all_processes_at_once_is_told_too() -> Result<()> {
    let Some(scene) = Scene::new(&Subject::ours()?)? else { return Ok(()) };
    let daemon = scene.start_master()?;
    let mut signals = scene.bus.listen()?;
    for role in [Role::Monitor, Role::Vrrp, Role::Core] {
        procs::signal(daemon.role_pid(role)?, Signal::SIGTERM)?;
    }
    await_status(&mut signals, VI, 98)?;
    await_signal(&mut signals, "VrrpStopped")?;
    let (_, status) = daemon.await_exit(PATIENCE)?;
    assert!(status.success());
    Ok(())
}

/// The reference's binary knows neither such instances nor the keyword: they are of 2.4.
#[test]
fn an_instance_without_an_interface_has_an_object_too() -> Result<()> {
    let Some(scene) = Scene::new(&Subject::ours()?)? else { return Ok(()) };
    let instance = "\nvrrp_instance far {\n    version 3\n    virtual_router_id 70\n    \
                    priority 150\n    advert_int 0.1\n    unicast_src_ip 192.0.2.1\n    \
                    unicast_peer {\n        192.0.2.2\n    }\n    \
                    virtual_ipaddress {\n        192.0.2.100/24 dev eth0\n    }\n}\n";
    for (more, element) in [("", "none"), ("dbus_no_interface_name any-where", "any_where")] {
        let mut daemon = scene.start(&(file(&[], more) + instance))?;
        await_acquired(&daemon)?;
        let path = format!("/org/keepalived/Vrrp1/Instance/{element}/70/IPv4");
        assert_eq!(scene.objects()?, [path.as_str()]);
        daemon.log.clone().rewound().await_line(PATIENCE, "(far) Entering MASTER STATE")?;
        scene.await_property(&path, "(us) 2 \"Master\"")?;
        daemon.stop()?;
        daemon.await_log("Released DBus")?;
    }
    Ok(())
}

#[test]
fn only_a_master_sends_garps() -> Result<()> {
    let Some(mut scene) = Scene::new(&Subject::ours()?)? else { return Ok(()) };
    let better = Instance { priority: 200, ..instance() }
        .with("garp_master_repeat 1")
        .with("garp_master_delay 0");
    let _peer = scene.lan.start_b(&Subject::ours()?, std::slice::from_ref(&better))?;
    scene.lan.wire.await_announcement(PATIENCE, VIP.into())?;
    let mut daemon = scene.start(&file(&[instance()], ""))?;
    await_acquired(&daemon)?;
    scene.await_property(VI, "(us) 1 \"Backup\"")?;
    scene.lan.wire.clear()?;
    scene.call(VI, VI_FACE, "SendGarp")?;
    daemon.await_log("(VI_51) not sending garps on DBus request: only a MASTER does")?;
    scene.lan.await_adverts_of(&better, 2)?;
    assert!(!scene.lan.wire.frames()?.iter().any(|f| f.announces(VIP.into())));
    Ok(())
}

/// The policy that packages install, for the user that the monitor runs as here.
fn policy() -> Result<String> {
    let file =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/dbus/org.keepalived.Vrrp1.conf");
    let text = fs::read_to_string(file).map_err(|e| Error::new(e.to_string()))?;
    let rules =
        text.split_once("<busconfig>").and_then(|(_, rest)| rest.split_once("</busconfig>"));
    let (rules, _) = rules.ok_or_else(|| Error::new("no policy"))?;
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = if users.contains("\nkeepalived:") { "keepalived" } else { "nobody" };
    Ok(rules.replace("user=\"keepalived\"", &format!("user=\"{user}\"")))
}

#[test]
fn the_packaged_policy_lets_everybody_look_and_root_act() -> Result<()> {
    let Some(scene) = Scene::new(&Subject::ours()?)? else { return Ok(()) };
    let mut scene = scene;
    scene.bus.set_policy(&policy()?)?;
    scene.bus.restart()?;
    let mut daemon = scene.start_master()?;
    let ask = |user, words: &[&str]| scene.bus.busctl_as(user, words);
    let state = ["get-property", NAME, VI, VI_FACE, "State"];
    assert_eq!(ask("daemon", &state)?, "(us) 2 \"Master\"");
    ask("daemon", &["introspect", NAME, VRRP])?;
    let garp = ["call", NAME, VI, VI_FACE, "SendGarp"];
    let refused = refusal(ask("daemon", &garp))?;
    assert!(refused.contains("denied"), "{refused}");
    ask("root", &garp)?;
    daemon.await_log("Sending garps on VI_51 on DBus request")?;
    Ok(())
}

#[test]
fn a_bus_whose_policy_refuses_the_name_is_asked_again() -> Result<()> {
    let Some(mut scene) = Scene::new(&Subject::ours()?)? else { return Ok(()) };
    let strict = policy()?.replace("allow own", "deny own");
    scene.bus.set_policy(&strict)?;
    scene.bus.restart()?;
    let mut daemon = scene.start(&file(&[instance()], ""))?;
    daemon.await_log(&format!("{LOST}: the bus refuses it, see its policy"))?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Entering MASTER STATE")?;
    scene.bus.set_policy(&policy()?)?;
    scene.bus.signal(Signal::SIGHUP)?;
    daemon.await_log(ACQUIRED)?;
    assert_eq!(daemon.log.count(LOST), 1);
    Ok(())
}
