//! Tracked files, interfaces and scripts: what they do to priority and state.

use std::path::Path;

use conformance::{Folder, Lan, VIP, on_both};
use lab::config::{self, Instance};
use lab::{Daemon, PATIENCE, Result, Subject};

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

fn with_file(instance: &Instance, file: &Path, weight: i32) -> (String, Instance) {
    let own =
        instance.clone().with(format!("track_file {{\n        drain weight {weight}\n    }}"));
    let block = format!("vrrp_track_file drain {{\n    file {}\n}}\n", file.display());
    (block + &own.to_string(), own)
}

fn a_tracked_file_of_weight_0_is_a_fault_while_it_is_not_zero(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let file = folder.write("drain", "0\n")?;
    let (config, a) = with_file(&instance(150), &file, 0);
    let b = instance(100);
    let mut first = Daemon::start(&lan.a, subject, &config)?;
    first.await_log("Entering MASTER STATE")?;
    let _second = lan.start_b(subject, std::slice::from_ref(&b))?;
    lan.await_advert_of(&a)?;
    folder.write("drain", "1\n")?;
    first.await_log("Entering FAULT STATE")?;
    // Whoever leaves for a reason of its own hands over at once.
    lan.wire.await_advert(PATIENCE, |advert| advert.priority == 0)?;
    lan.await_advert_of(&b)?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    folder.write("drain", "0\n")?;
    first.await_log("Entering BACKUP STATE")?;
    first.await_log("Entering MASTER STATE")?;
    lan.watch_b.await_addr(PATIENCE, VIP, false)?;
    Ok(())
}

/// A FIFO that nobody writes to would be waited for without end.
#[test]
fn a_tracked_file_that_is_no_file_is_named_and_not_waited_for() -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let file = folder.path("drain");
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO is made");
    for more in ["", "    init_file 1 overwrite\n"] {
        let (config, _) = with_file(&instance(150), &file, 0);
        let config = config.replacen("}\n", &format!("{more}}}\n"), 1);
        let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &config)?;
        daemon.await_log("taken for 0: it is no regular file")?;
        daemon.await_log("Entering MASTER STATE")?;
        assert!(daemon.stop()?.success());
    }
    Ok(())
}

fn a_tracked_file_with_a_weight_moves_the_priority(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let file = folder.write("drain", "0\n")?;
    let (config, a) = with_file(&instance(150), &file, 1);
    let b = instance(100);
    let mut first = Daemon::start(&lan.a, subject, &config)?;
    first.await_log("Entering MASTER STATE")?;
    let _second = lan.start_b(subject, std::slice::from_ref(&b))?;
    lan.await_advert_of(&a)?;
    folder.write("drain", "-100\n")?;
    first.await_log("Changing effective priority from 150 to 50")?;
    first.await_log("with higher priority 100, ours 50")?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    folder.write("drain", "0\n")?;
    first.await_log("Changing effective priority from 50 to 150")?;
    lan.await_advert_of(&a)?;
    lan.watch_b.await_addr(PATIENCE, VIP, false)?;
    Ok(())
}

/// What a link leads to counts, wherever that is.
fn a_tracked_file_may_be_a_link(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let (shown, real) = (Folder::new()?, Folder::new()?);
    let link = shown.path("drain");
    std::os::unix::fs::symlink(real.write("drain", "1\n")?, &link)
        .map_err(|e| lab::Error::new(e.to_string()))?;
    let (config, _) = with_file(&instance(150), &link, 1);
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    real.write("drain", "5\n")?;
    daemon.await_log("Changing effective priority from 151 to 155")?;
    Ok(())
}

/// The number in front counts, whatever follows; what can be none is not taken for one.
fn a_tracked_file_may_hold_anything(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let file = folder.write("drain", "1\n")?;
    let (config, _) = with_file(&instance(150), &file, 1);
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    std::fs::write(&file, b" 3\n\xff\xfe").map_err(|e| lab::Error::new(e.to_string()))?;
    daemon.await_log("Changing effective priority from 151 to 153")?;
    folder.write("drain", "99999999999\n")?;
    daemon.await_log("Invalid number 99999999999 read from ")?;
    folder.write("drain", "0x10\n")?;
    daemon.await_log("Changing effective priority from 153 to 166")?;
    Ok(())
}

fn a_tracked_interface_that_goes_down_is_a_fault(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let uplink = lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let a = instance(150).with("track_interface {\n        eth1\n    }");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    uplink.cut()?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    uplink.restore()?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

fn a_tracked_interface_with_a_weight_moves_the_priority(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let uplink = lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let a = instance(150).with("track_interface {\n        eth1 weight -30\n    }");
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    lan.await_advert_of(&a)?;
    uplink.cut()?;
    daemon.await_log("Changing effective priority from 150 to 120")?;
    lan.await_advert_of(&Instance { priority: 120, ..a.clone() })?;
    uplink.restore()?;
    daemon.await_log("Changing effective priority from 120 to 150")?;
    lan.await_advert_of(&a)?;
    Ok(())
}

fn a_failing_script_is_a_fault_until_it_succeeds(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let flag = folder.write("healthy", "")?;
    let a = instance(150).with("track_script {\n        check\n    }");
    let config = format!(
        "global_defs {{\n    script_user root\n}}\nvrrp_script check {{\n    \
         script \"/usr/bin/test -e {}\"\n    interval 1\n}}\n{a}",
        flag.display()
    );
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    daemon.await_log("VRRP_Script(check) succeeded")?;
    daemon.await_log("Entering MASTER STATE")?;
    folder.remove("healthy")?;
    // Two processes say so, in either order.
    daemon.log.clone().await_line(PATIENCE, "VRRP_Script(check) failed (exited with status 1)")?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    daemon.log.skip();
    folder.write("healthy", "")?;
    daemon.log.clone().await_line(PATIENCE, "VRRP_Script(check) succeeded")?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

/// Members of a sync group are master together or not at all.
fn a_sync_group_moves_as_one(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let inside = lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    lan.switch.attach(&lan.b, "eth1", &["198.51.100.2/24"])?;
    let members = |priority| {
        let outer = instance(priority);
        let inner = Instance {
            interface: "eth1".into(),
            ..Instance::new(52, priority, &["198.51.100.100/24"])
        };
        [outer, inner]
    };
    let config = |priority| {
        let group = "vrrp_sync_group G {\n    group {\n        VI_51\n        VI_52\n    }\n}\n";
        group.to_string() + &config::file(&members(priority))
    };
    let other = [198, 51, 100, 100];
    let mut first = Daemon::start(&lan.a, subject, &config(150))?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_a.await_addr(PATIENCE, other, true)?;
    let _second = Daemon::start(&lan.b, subject, &config(100))?;
    inside.cut()?;
    first.await_log("VRRP_Group(G) Syncing instances to FAULT state")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    lan.watch_b.await_addr(PATIENCE, other, true)?;
    inside.restore()?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_a.await_addr(PATIENCE, other, true)?;
    lan.watch_b.await_addr(PATIENCE, VIP, false)?;
    lan.watch_b.await_addr(PATIENCE, other, false)?;
    Ok(())
}

on_both!(
    a_tracked_file_of_weight_0_is_a_fault_while_it_is_not_zero,
    a_tracked_file_with_a_weight_moves_the_priority,
    a_tracked_file_may_be_a_link,
    a_tracked_file_may_hold_anything,
    a_tracked_interface_that_goes_down_is_a_fault,
    a_tracked_interface_with_a_weight_moves_the_priority,
    a_failing_script_is_a_fault_until_it_succeeds,
    a_sync_group_moves_as_one,
);

/// Master and backup each say why the address stays where it is. The reference has no such line.
#[test]
fn a_change_that_moves_nothing_says_why() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let (uplink_a, uplink_b) = (
        lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?,
        lan.switch.attach(&lan.b, "eth1", &["198.51.100.2/24"])?,
    );
    let watched = |i: Instance| i.with("track_interface {\n        eth1 weight 2\n    }");
    let (a, b) = (watched(instance(200)), watched(instance(97)));
    let mut second = lan.start_b(subject, std::slice::from_ref(&b))?;
    second.await_log("Entering MASTER STATE")?;
    let mut first = lan.start_a(subject, std::slice::from_ref(&a))?;
    lan.await_advert_of(&Instance { priority: 202, ..a.clone() })?;
    second.await_log("Entering BACKUP STATE")?;
    uplink_a.cut()?;
    first.await_log("(VI_51) priority 202→200, peer last advertised 99: stays MASTER")?;
    lan.await_advert_of(&a)?;
    uplink_b.cut()?;
    second.await_log("(VI_51) priority 99→97, a master of priority ")?;
    assert_eq!(second.log.count("is heard, ours 97: stays BACKUP"), 1);
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

/// Two scripts in the same rhythm; the runs of one tell of the attempts of the other. The reference
/// takes one whose interpreter is missing for a success, and says nothing.
#[test]
fn a_script_that_cannot_be_executed_is_told_once_per_change_and_counted() -> Result<()> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let beat = folder.script("beat", &format!("echo x >> {}", folder.path("beats").display()))?;
    let broken = folder.write("broken", "#!/nosuch/sh\n")?;
    conformance::set_mode(&broken, 0o755)?;
    let script = |name: &str, path: &Path| {
        format!("vrrp_script {name} {{\n    script {}\n    interval 0.05\n}}\n", path.display())
    };
    let config = format!(
        "global_defs {{\n    script_user root\n}}\n{}{}{}",
        script("beat", &beat),
        script("broken", &broken),
        instance(150).with("track_script {\n        beat\n        broken\n    }")
    );
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &config)?;
    let told = format!("Error exec-ing command '{}'", broken.display());
    let line = daemon.await_log(&told)?.text;
    assert!(line.contains("its first line names /nosuch/sh, but /nosuch does not exist"), "{line}");
    daemon.await_log("Entering FAULT STATE")?;
    folder.await_text("beats", &"x\n".repeat(10))?;
    assert_eq!(daemon.log.count(&told), 1);
    daemon.reload(&config)?;
    // What is executed next fails as before, and a reload is the time to say it again.
    let path = broken.display();
    let line = daemon.await_log(&format!("Command '{path}' could not be executed "))?.text;
    let times = line.rsplit(' ').nth(1).and_then(|n| n.parse::<u32>().ok());
    assert!(times.is_some_and(|n| n >= 5), "{line}");
    daemon.await_log(&told)?;
    // Another reason is another line.
    conformance::set_mode(&broken, 0o644)?;
    let line = daemon.await_log(&told)?.text;
    assert!(line.contains("may not execute"), "{line}");
    folder.script("repaired", "exit 0")?;
    std::fs::rename(folder.path("repaired"), &broken).expect("both are in one folder");
    daemon.await_log(&format!("Command '{path}' can be executed again, it failed "))?;
    daemon.await_log("Entering MASTER STATE")?;
    Ok(())
}
