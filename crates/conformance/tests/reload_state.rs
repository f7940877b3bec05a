//! What a reload keeps of a virtual router: its state, its counters, its sequence numbers.

use conformance::{Folder, Lan, VIP, on_both};
use lab::config::{self, Instance};
use lab::{Daemon, Frame, PATIENCE, Result, Role, Stamp, Subject};
use nix::sys::signal::Signal;

const OTHER: [u8; 4] = [198, 51, 100, 100];

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

fn reload(daemon: &mut Daemon, config: &str) -> Result<()> {
    daemon.log.skip();
    daemon.reload(config)?;
    daemon.await_log("Reload complete")?;
    Ok(())
}

/// The name is for humans: another one makes no other virtual router.
fn a_renamed_master_stays_master(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150), instance(100));
    let mut pair = lan.start_both(subject, &a, &b)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let mut adverts = lan.await_adverts_of(&a, 3)?;
    let renamed = Instance { name: "elsewhere".into(), ..a.clone() };
    reload(&mut pair.a, &config::file([&renamed]))?;
    adverts.extend(lan.await_adverts_of(&a, 6)?);
    let gap = |two: &[Stamp]| two[1].since(two[0]) >= a.advert * 2;
    assert!(!adverts.windows(2).any(gap), "{adverts:?}");
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 0);
    assert!(pair.a.stop()?.success());
    pair.a.log.clone().rewound().await_line(PATIENCE, "(elsewhere) sent 0 priority")?;
    Ok(())
}

/// A lower priority does not end a mastership, the next election does.
fn a_lowered_priority_counts_in_the_next_election(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150), instance(100));
    let mut pair = lan.start_both(subject, &a, &b)?;
    reload(&mut pair.a, &config::file([&instance(50)]))?;
    // It goes on with the lower priority until the other has waited for long enough.
    lan.await_advert_of(&instance(50))?;
    pair.b.await_log("Entering MASTER STATE")?;
    pair.a.await_log("with higher priority 100, ours 50")?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    assert_eq!(lan.wire.all_adverts()?.iter().filter(|(_, ad)| ad.priority == 0).count(), 0);
    Ok(())
}

/// The sequence of authentication headers goes on.
fn a_reload_keeps_the_sequence_of_authentication_headers(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let ah = "authentication {\n        auth_type AH\n        auth_pass secret\n    }";
    let (a, b) = (instance(150).v2().with(ah), instance(100).v2().with(ah));
    let mut first = lan.start_a(subject, std::slice::from_ref(&a))?;
    first.await_log("Entering MASTER STATE")?;
    let mut second = lan.start_b(subject, std::slice::from_ref(&b))?;
    second.await_log("Entering BACKUP STATE")?;
    let of_a = |f: &Frame| {
        f.bytes.get(26..30) == Some(&[192, 0, 2, 1][..]) && f.bytes.get(23) == Some(&51)
    };
    lan.wire.await_frame(PATIENCE, of_a)?;
    let changed = a.clone().with("garp_master_repeat 3");
    reload(&mut first, &config::file([&changed]))?;
    lan.wire.await_frame(PATIENCE, of_a)?;
    reload(&mut second, &config::file([&b.clone().with("garp_master_repeat 3")]))?;
    for _ in 0..5 {
        lan.wire.await_frame(PATIENCE, of_a)?;
    }
    let sequence = |f: &Frame| {
        let bytes = f.bytes.get(42..46).and_then(|b| b.try_into().ok()).unwrap_or_default();
        u32::from_be_bytes(bytes)
    };
    let all: Vec<u32> = lan.wire.frames()?.iter().filter(|f| of_a(f)).map(sequence).collect();
    assert!(all.windows(2).all(|two| two[0] < two[1]), "{all:?}");
    assert_eq!(second.log.count("Entering MASTER STATE"), 0);
    assert_eq!(second.log.count("already processed"), 0);
    Ok(())
}

/// Two instances on two links: alone, then in a group, then alone again.
fn groups_are_formed_and_dissolved(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let inside = lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let outer = instance(150);
    let inner =
        Instance { interface: "eth1".into(), ..Instance::new(52, 150, &["198.51.100.100/24"]) };
    let alone = config::file([&outer, &inner]);
    let group = "vrrp_sync_group G {\n    group {\n        VI_51\n        VI_52\n    }\n}\n";
    let together = group.to_owned() + &alone;
    let mut daemon = Daemon::start(&lan.a, subject, &alone)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_a.await_addr(PATIENCE, OTHER, true)?;
    reload(&mut daemon, &together)?;
    lan.await_adverts_of(&outer, 3)?;
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    assert_eq!(lan.watch_a.removals(OTHER)?, 0);
    inside.cut()?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.watch_a.await_addr(PATIENCE, OTHER, false)?;
    reload(&mut daemon, &alone)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    inside.restore()?;
    lan.watch_a.await_addr(PATIENCE, OTHER, true)?;
    // Who is alone is not bothered by the other any more.
    lan.watch_a.clear()?;
    inside.cut()?;
    lan.watch_a.await_addr(PATIENCE, OTHER, false)?;
    lan.await_adverts_of(&outer, 3)?;
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

/// Its scripts are told that it is gone: as DELETED when asked for, as FAULT otherwise.
fn a_vanished_instance_is_told_of(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let told = folder.path("told");
    let script = folder.script("notify", &format!("echo \"$*\" >> {}", told.display()))?;
    let notify = format!("notify {}", script.display());
    let stays = Instance::new(53, 150, &["192.0.2.103/24"]);
    let as_fault = instance(150).with(notify.clone());
    let as_deleted =
        Instance::new(52, 150, &["192.0.2.101/24"]).with(notify).with("notify_deleted");
    let file = |all: &[Instance]| config::file(all).replace("router_id lab", "script_user root");
    let all = [stays.clone(), as_fault, as_deleted];
    let mut daemon = Daemon::start(&lan.a, subject, &file(&all))?;
    folder.await_text("told", "INSTANCE VI_51 MASTER 150")?;
    folder.await_text("told", "INSTANCE VI_52 MASTER 150")?;
    reload(&mut daemon, &file(&[stays]))?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    folder.await_text("told", "INSTANCE VI_51 FAULT 150")?;
    folder.await_text("told", "INSTANCE VI_52 DELETED 150")?;
    Ok(())
}

/// A password that changes on one node parts the two until it changes on the other.
fn a_password_changes_by_reload(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let with = |i: Instance, pass: &str| {
        i.v2().with(format!(
            "authentication {{\n        auth_type PASS\n        auth_pass {pass}\n    }}"
        ))
    };
    let (a, b) = (with(instance(150), "alpha"), with(instance(100), "alpha"));
    let mut pair = lan.start_both(subject, &a, &b)?;
    reload(&mut pair.a, &config::file([&with(instance(150), "beta")]))?;
    pair.b.await_log("invalid passwd")?;
    pair.b.await_log("Entering MASTER STATE")?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    pair.b.reload(&config::file([&with(instance(100), "beta")]))?;
    pair.b.await_log("with higher priority 150, ours 100")?;
    lan.watch_b.await_addr(PATIENCE, VIP, false)?;
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

on_both!(
    a_renamed_master_stays_master,
    a_lowered_priority_counts_in_the_next_election,
    a_reload_keeps_the_sequence_of_authentication_headers,
    groups_are_formed_and_dissolved,
    a_vanished_instance_is_told_of,
    a_password_changes_by_reload,
);

/// Counters go on. The reference writes its statistics to one place for all, so only ours is asked.
#[test]
fn a_reload_keeps_the_counters() -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let dump = format!("stats_dump_file {}", folder.path("stats").display());
    let file = |i: &Instance| config::file([i]).replace("router_id lab", &dump);
    let a = instance(150);
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &file(&a))?;
    lan.await_adverts_of(&a, 10)?;
    reload(&mut daemon, &file(&Instance { name: "VI_other".into(), ..instance(140) }))?;
    daemon.signal(Role::Core, Signal::SIGUSR2)?;
    let text = folder.await_text("stats", "VI_other")?;
    let value = |name: &str| -> u64 {
        let line = text.lines().find_map(|l| l.trim().strip_prefix(name));
        line.and_then(|l| l.trim_start_matches(':').trim().parse().ok()).unwrap_or(0)
    };
    assert!(value("Sent") >= 10, "{text}");
    assert_eq!(value("Became master"), 1, "{text}");
    Ok(())
}

/// Who kills a role says nothing of the configuration: it counts once the role is back. The
/// reference ends when a role is killed.
#[test]
fn a_role_killed_during_a_reload_comes_back_with_the_new_configuration() -> Result<()> {
    let mut lan = Lan::new()?;
    let mut daemon = lan.start_a(&Subject::ours()?, &[instance(150)])?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    // It cannot answer, so it is asked when it dies.
    daemon.signal(Role::Vrrp, Signal::SIGSTOP)?;
    daemon.log.skip();
    daemon.reload(&config::file([&Instance::new(51, 150, &["192.0.2.101/24"])]))?;
    daemon.await_log("Reloading ...")?;
    daemon.await_log("Opening file")?;
    daemon.signal(Role::Vrrp, Signal::SIGKILL)?;
    daemon.await_log("the reload begins anew once it is back")?;
    daemon.await_log("Reload complete")?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 101], true)?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    Ok(())
}

/// What another command of the same name has said is not said of this one.
#[test]
fn a_script_with_another_command_is_run_before_it_counts() -> Result<()> {
    let mut lan = Lan::new()?;
    let tracked = instance(150).with("track_script {\n        probe\n    }");
    let with = |lines: &str| {
        let file = config::file([&tracked]);
        format!("vrrp_script probe {{\n    {lines}\n    interval 1\n}}\n{file}")
    };
    let failing = with("script /bin/false\n    weight -5");
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &failing)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    daemon.log.clone().rewound().await_line(PATIENCE, "VRRP_Script(probe) failed")?;
    reload(&mut daemon, &with("script /bin/true"))?;
    daemon.log.clone().rewound().await_line(PATIENCE, "VRRP_Script(probe) succeeded")?;
    lan.await_adverts_of(&instance(150), 2)?;
    assert_eq!(daemon.log.count("FAULT"), 0);
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}
