//! Sync groups: members are MASTER together or not at all.

use std::fmt::Write;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use conformance::{Folder, Lan, VIP, VIP6, on_both};
use lab::config::{self, Instance};
use lab::{Context, Daemon, PATIENCE, Result, Role, Subject};

/// The address of the second member.
const OTHER: [u8; 4] = [192, 0, 2, 101];

/// Two members on one link.
fn members(priority: u8) -> [Instance; 2] {
    [
        Instance::new(51, priority, &["192.0.2.100/24"]),
        Instance::new(52, priority, &["192.0.2.101/24"]),
    ]
}

/// A file with these instances, all of them in group G with further lines.
fn grouped(instances: &[Instance], more: &str) -> String {
    let names: String = instances.iter().fold(String::new(), |mut all, i| {
        let _ = writeln!(all, "        {}", i.name);
        all
    });
    format!("vrrp_sync_group G {{\n    group {{\n{names}    }}\n    {more}\n}}\n")
        + &config::file(instances).replace("router_id lab", "script_user root")
}

fn await_both(lan: &mut Lan, there: bool) -> Result<()> {
    lan.watch_a.await_addr(PATIENCE, VIP, there)?;
    lan.watch_a.await_addr(PATIENCE, OTHER, there)?;
    Ok(())
}

fn an_interface_that_the_group_tracks(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let uplink = lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let config = grouped(&members(150), "track_interface {\n        eth1\n    }");
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    await_both(&mut lan, true)?;
    uplink.cut()?;
    daemon.log.clone().await_line(PATIENCE, "(VI_51) Entering FAULT STATE")?;
    daemon.log.clone().await_line(PATIENCE, "(VI_52) Entering FAULT STATE")?;
    await_both(&mut lan, false)?;
    daemon.log.skip();
    uplink.restore()?;
    daemon.log.clone().await_line(PATIENCE, "(VI_51) Entering BACKUP STATE")?;
    daemon.log.clone().await_line(PATIENCE, "(VI_52) Entering BACKUP STATE")?;
    await_both(&mut lan, true)
}

fn a_script_that_the_group_tracks(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let flag = folder.write("healthy", "")?;
    let script = format!(
        "vrrp_script check {{\n    script \"/usr/bin/test -e {}\"\n    interval 1\n}}\n",
        flag.display()
    );
    let config = script + &grouped(&members(150), "track_script {\n        check\n    }");
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    await_both(&mut lan, true)?;
    folder.remove("healthy")?;
    daemon.await_log("Entering FAULT STATE")?;
    daemon.await_log("Entering FAULT STATE")?;
    await_both(&mut lan, false)?;
    folder.write("healthy", "")?;
    await_both(&mut lan, true)
}

fn a_file_that_the_group_tracks(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let file = folder.write("drain", "0\n")?;
    let block = format!("vrrp_track_file drain {{\n    file {}\n}}\n", file.display());
    let config = block + &grouped(&members(150), "track_file {\n        drain weight 0\n    }");
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    await_both(&mut lan, true)?;
    folder.write("drain", "1\n")?;
    daemon.await_log("Entering FAULT STATE")?;
    daemon.await_log("Entering FAULT STATE")?;
    await_both(&mut lan, false)?;
    folder.write("drain", "0\n")?;
    await_both(&mut lan, true)
}

/// With `sync_group_tracking_weight` a member keeps the weights of its own trackers.
fn weights_of_members_count_when_the_group_says_so(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let file = folder.write("drain", "0\n")?;
    let [first, second] = members(150);
    let first = first.with("track_file {\n        drain weight 2\n    }");
    let block = format!("vrrp_track_file drain {{\n    file {}\n}}\n", file.display());
    let config = block + &grouped(&[first.clone(), second.clone()], "sync_group_tracking_weight");
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    await_both(&mut lan, true)?;
    folder.write("drain", "-10\n")?;
    daemon.await_log("(VI_51) Changing effective priority from 150 to 130")?;
    lan.await_advert_of(&Instance { priority: 130, ..first })?;
    lan.await_advert_of(&second)?;
    Ok(())
}

/// The group has scripts of its own, told of it once whatever its size.
fn the_scripts_of_a_group_are_told_of_the_group(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let told = folder.path("told");
    let script = folder.script("notify", &format!("echo \"$*\" >> {}", told.display()))?;
    let script = script.display();
    let lines = format!(
        "notify \"{script} all\"\n    notify_master \"{script} master\"\n    \
         notify_backup \"{script} backup\"\n    notify_fault \"{script} fault\"\n    \
         notify_stop \"{script} stop\""
    );
    let daemon = Daemon::start(&lan.a, subject, &grouped(&members(150), &lines))?;
    await_both(&mut lan, true)?;
    folder.await_text("told", "all GROUP G MASTER 0")?;
    lan.cable_a.cut()?;
    folder.await_text("told", "all GROUP G FAULT 0")?;
    lan.cable_a.restore()?;
    await_both(&mut lan, true)?;
    assert!(daemon.stop()?.success());
    let text = folder.await_text("told", "all GROUP G STOP 0")?;
    folder.await_text("told", "stop")?;
    for (line, times) in [("MASTER", 2), ("FAULT", 1), ("BACKUP", 2), ("STOP", 1)] {
        let line = format!("all GROUP G {line} 0");
        assert_eq!(text.matches(&line).count(), times, "{line} in:\n{text}");
    }
    for word in ["\nmaster\n", "\nbackup\n", "\nfault\n"] {
        assert!(format!("\n{text}").contains(word), "{word:?} in:\n{text}");
    }
    Ok(())
}

fn members_of_both_families(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let members = |priority| {
        let [first, _] = members(priority);
        [first, Instance::new(52, priority, &["2001:db8::100/64"])]
    };
    let first = Daemon::start(&lan.a, subject, &grouped(&members(150), ""))?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    lan.watch_a.await_addr(PATIENCE, VIP6, true)?;
    let mut second = Daemon::start(&lan.b, subject, &grouped(&members(100), ""))?;
    second.await_log("Entering BACKUP STATE")?;
    let members_b = members(100);
    lan.wire.clear()?;
    lan.await_advert_of(&members(150)[0])?;
    first.crash();
    lan.await_advert_of(&members_b[0])?;
    lan.await_advert_of(&members_b[1])?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    lan.watch_b.await_addr(PATIENCE, VIP6, true)?;
    Ok(())
}

/// One member's script that has not run keeps all of them in INIT.
fn nobody_starts_before_every_script_has_run(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let go = folder.path("go");
    let wait = folder.script(
        "wait",
        &format!("while ! /usr/bin/test -e {}; do sleep 0.05; done", go.display()),
    )?;
    let script = format!(
        "vrrp_script check {{\n    script \"{}\"\n    interval 30\n    timeout 60\n}}\n",
        wait.display()
    );
    let [first, second] = members(150);
    let first = first.with("track_script {\n        check\n    }");
    // One outside of the group shows that time passes.
    let outside = Instance::new(53, 150, &["192.0.2.102/24"]);
    let config = script
        + &grouped(&[first, second], "")
        + &format!("vrrp_instance {}", outside.to_string().trim_start_matches("vrrp_instance "));
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    lan.await_adverts_of(&outside, 8)?;
    assert_eq!(daemon.log.count("(VI_51) Entering"), 0);
    assert_eq!(daemon.log.count("(VI_52) Entering"), 0);
    folder.write("go", "")?;
    daemon.log.clone().await_line(PATIENCE, "(VI_51) Entering BACKUP STATE")?;
    daemon.await_log("(VI_52) Entering BACKUP STATE")?;
    await_both(&mut lan, true)
}

/// Somebody deletes one address: the whole group is elected anew, within the skew time.
fn a_deleted_address_moves_the_whole_group(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let mut daemon = Daemon::start(&lan.a, subject, &grouped(&members(150), ""))?;
    await_both(&mut lan, true)?;
    let [first, second] = members(150);
    lan.await_advert_of(&first)?;
    lan.await_advert_of(&second)?;
    lan.watch_a.clear()?;
    lan.a.del_addr("eth0", OTHER, 24)?;
    daemon.await_log("(VI_52) Entering BACKUP STATE")?;
    daemon.log.clone().await_line(PATIENCE, "(VI_51) Entering BACKUP STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    await_both(&mut lan, true)
}

/// Two owners are there at once; an owner beside a member that is none has to wait for it.
fn owners_start_at_once_only_among_owners(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    // With such an interval any wait for a master would outlast the test's patience.
    let slow = |i: Instance| Instance { advert: Duration::from_secs(40), ..i };
    let both = Daemon::start(&lan.a, subject, &grouped(&members(255).map(slow), ""))?;
    await_both(&mut lan, true)?;
    assert!(both.stop()?.success());
    await_both(&mut lan, false)?;
    let [owner, _] = members(255);
    let [_, other] = members(100);
    let mut mixed = Daemon::start(&lan.a, subject, &grouped(&[owner, other.clone()], ""))?;
    let begun = mixed.await_log("Entering BACKUP STATE")?.at;
    let master = mixed.await_log("Entering MASTER STATE")?.at;
    let slack = Duration::from_millis(50);
    assert!(master.since(begun) + slack >= other.master_down(), "{:?}", master.since(begun));
    await_both(&mut lan, true)
}

/// The member with the shorter timer waits for the other.
fn members_with_different_timers_go_together(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let [quick, slow] = members(150);
    let slow = Instance { advert: Duration::from_millis(500), ..slow };
    let pair = [quick.clone(), slow.clone()];
    let mut daemon = Daemon::start(&lan.a, subject, &grouped(&pair, ""))?;
    let begun = daemon.await_log("(VI_51) Entering BACKUP STATE")?.at;
    daemon.await_log("(VI_51) Receive advertisement timeout")?;
    let (first, _) = lan.await_advert_of(&quick)?;
    assert!(first.since(begun) + Duration::from_millis(50) >= slow.master_down());
    daemon.await_log("VRRP_Group(G) Syncing instances to MASTER state")?;
    await_both(&mut lan, true)
}

/// A reload adds a member to a group of masters.
fn a_member_is_added_by_reload(subject: &Subject) -> Result<(Lan, Daemon)> {
    let mut lan = Lan::new()?;
    let [first, second] = members(150);
    let third = Instance::new(53, 150, &["192.0.2.102/24"]);
    let pair = [first.clone(), second.clone()];
    let mut daemon = Daemon::start(&lan.a, subject, &grouped(&pair, ""))?;
    await_both(&mut lan, true)?;
    daemon.log.skip();
    daemon.reload(&grouped(&[first, second, third], ""))?;
    daemon.await_log("(VI_53) Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, [192, 0, 2, 102], true)?;
    await_both(&mut lan, true)?;
    Ok((lan, daemon))
}

/// It may take the whole group through an election, as long as that ends.
fn a_group_that_grows_is_master_again(subject: &Subject) -> Result<()> {
    let (mut lan, _daemon) = a_member_is_added_by_reload(subject)?;
    let [first, second] = members(150);
    lan.await_adverts_of(&first, 3)?;
    lan.await_adverts_of(&second, 3)?;
    Ok(())
}

on_both!(
    a_group_that_grows_is_master_again,
    an_interface_that_the_group_tracks,
    a_script_that_the_group_tracks,
    a_file_that_the_group_tracks,
    weights_of_members_count_when_the_group_says_so,
    the_scripts_of_a_group_are_told_of_the_group,
    members_of_both_families,
    nobody_starts_before_every_script_has_run,
    a_deleted_address_moves_the_whole_group,
    owners_start_at_once_only_among_owners,
    members_with_different_timers_go_together,
);

/// The others stay what they are. With the reference all are BACKUP until the new one is elected.
#[test]
fn a_new_member_costs_the_others_nothing() -> Result<()> {
    let (mut lan, daemon) = a_member_is_added_by_reload(&Subject::ours()?)?;
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    assert_eq!(lan.watch_a.removals(OTHER)?, 0);
    for member in ["VI_51", "VI_52"] {
        let lines = daemon.log.count(&format!("({member}) Entering BACKUP STATE"));
        assert_eq!(lines, 1, "{member} was BACKUP after its start");
    }
    Ok(())
}

/// Unless it meets a master that is better: then they leave with it.
#[test]
fn members_follow_a_new_one_that_finds_a_better_master() -> Result<()> {
    let mut lan = Lan::new()?;
    let [first, second] = members(150);
    let third = |priority| Instance::new(53, priority, &["192.0.2.102/24"]);
    let mut other = lan.start_b(&Subject::ours()?, &[third(200)])?;
    other.await_log("Entering MASTER STATE")?;
    let pair = [first.clone(), second.clone()];
    let mut daemon = Daemon::start(&lan.a, &Subject::ours()?, &grouped(&pair, ""))?;
    await_both(&mut lan, true)?;
    daemon.log.skip();
    daemon.reload(&grouped(&[first, second, third(150)], ""))?;
    daemon.log.clone().await_line(PATIENCE, "(VI_51) Entering BACKUP STATE")?;
    daemon.await_log("(VI_52) Entering BACKUP STATE")?;
    await_both(&mut lan, false)?;
    assert_eq!(daemon.log.count("(VI_53) Entering MASTER STATE"), 0);
    Ok(())
}

/// A group of a hundred takes over by one burst of adverts and one batch of requests to the
/// kernel. The reference has a system call for each.
#[test]
fn a_group_of_a_hundred_moves_in_one_batch() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let many = |priority| -> Vec<Instance> {
        (1..=100u8)
            .map(|n| Instance {
                advert: Duration::from_millis(300),
                ..Instance::new(n, priority, &[&format!("10.77.0.{n}/32")])
            })
            .map(|i| i.with("garp_master_delay 0").with("garp_master_repeat 1"))
            .collect()
    };
    let vips: Vec<IpAddr> = (1..=100u8).map(|n| IpAddr::from([10, 77, 0, n])).collect();
    let mut first = Daemon::start(&lan.a, subject, &grouped(&many(150), ""))?;
    first.await_log("VRRP_Group(G) Syncing instances to MASTER state")?;
    let mut second = Daemon::start(&lan.b, subject, &grouped(&many(100), ""))?;
    second.await_log("(VI_100) Entering BACKUP STATE")?;
    lan.wire.await_advert(PATIENCE, |a| a.vrid == 100 && a.priority == 150)?;
    let folder = Folder::new()?;
    let mut strace = trace(&second, &folder)?;
    first.crash();
    for vip in &vips {
        lan.watch_b.await_addr(PATIENCE, *vip, true)?;
    }
    second.await_log("VRRP_Group(G) Syncing instances to MASTER state")?;
    // On the wire the hundred adverts come one after the other, before anything else of it.
    let from_b = |f: &&lab::Frame| {
        f.bytes.get(26..30) == Some(&[192, 0, 2, 2][..]) || vips.iter().any(|v| f.announces(*v))
    };
    let last = *vips.last().unwrap_or(&VIP.into());
    lan.wire.await_announcement(PATIENCE, last)?;
    let frames: Vec<_> = lan.wire.frames()?.iter().filter(from_b).cloned().collect();
    let begun = frames.iter().position(|f| f.advert().is_some_and(|a| a.priority == 100));
    let burst = frames.get(begun.unwrap_or(0)..).unwrap_or_default().iter().take(100);
    let mut vrids: Vec<u8> = burst.filter_map(|f| f.advert().map(|a| a.vrid)).collect();
    vrids.sort_unstable();
    assert_eq!(vrids, (1..=100).collect::<Vec<u8>>());
    let Some(strace) = &mut strace else { return Ok(()) };
    second.crash();
    strace.wait().context(|| "cannot wait for strace")?;
    let calls = folder.await_text("calls", "sendmmsg")?;
    // The burst is one call; the addresses take the calls that slices of a millisecond do.
    let adverts = calls.lines().filter(|l| l.contains("sendmmsg") && l.contains("= 100"));
    assert!(adverts.count() >= 1, "{calls}");
    let requests = calls.lines().filter(|l| l.contains("sendmsg(") || l.contains("sendto("));
    let requests = requests.filter(|l| l.contains("RTM_NEWADDR") || l.contains("nlmsg")).count();
    assert!((1..=20).contains(&requests), "{requests} requests to the kernel:\n{calls}");
    Ok(())
}

/// Follows the system calls of the VRRP role, where the tool for it is installed.
fn trace(daemon: &Daemon, folder: &Folder) -> Result<Option<std::process::Child>> {
    let pid = daemon.role_pid(Role::Vrrp)?.to_string();
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=sendmmsg,sendmsg,sendto,write", "-o"]);
    command.arg(folder.path("calls")).args(["-p", &pid]).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        return conformance::present(None, "strace");
    };
    let Some(log) = child.stderr.take() else { return Ok(None) };
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(log), &mut line)
        .context(|| "cannot read what strace says")?;
    assert!(line.contains("attached"), "{line}");
    Ok(Some(child))
}
