//! What weights of scripts, files and interfaces do to the priority that adverts carry.

use std::path::Path;

use conformance::{Folder, Lan, VIP, on_both};
use lab::config::Instance;
use lab::{Daemon, PATIENCE, Result, Subject};

fn instance(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

/// Waits for an advert of this priority.
fn await_priority(lan: &mut Lan, priority: u8) -> Result<()> {
    lan.await_advert_of(&instance(priority)).map(drop)
}

/// `a` with a script that succeeds while `flag` exists, and with these words behind its name.
fn with_script(a: Instance, flag: &Path, words: &str) -> String {
    let a = a.with(format!("track_script {{\n        check {words}\n    }}"));
    format!(
        "global_defs {{\n    script_user root\n}}\nvrrp_script check {{\n    \
         script \"/usr/bin/test -e {}\"\n    interval 1\n}}\n{a}",
        flag.display()
    )
}

/// Each of these in turn is what a script's weight makes of priority 100: while it succeeds and
/// while it fails.
fn script(subject: &Subject, words: &str, good: u8, bad: u8) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let flag = folder.write("healthy", "")?;
    let config = with_script(instance(100), &flag, words);
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    daemon.await_log("Entering MASTER STATE")?;
    await_priority(&mut lan, good)?;
    folder.remove("healthy")?;
    await_priority(&mut lan, bad)?;
    folder.write("healthy", "")?;
    await_priority(&mut lan, good)?;
    assert_eq!(daemon.log.count("Entering FAULT STATE"), 0);
    Ok(())
}

fn a_script_that_adds(subject: &Subject) -> Result<()> {
    script(subject, "weight 20", 120, 100)
}

fn a_script_that_takes_away(subject: &Subject) -> Result<()> {
    script(subject, "weight -30", 100, 70)
}

fn a_script_in_reverse(subject: &Subject) -> Result<()> {
    script(subject, "weight 20 reverse", 80, 100)
}

fn a_script_in_reverse_that_takes_away(subject: &Subject) -> Result<()> {
    script(subject, "weight -20 reverse", 100, 120)
}

fn the_sum_stays_below_an_owners(subject: &Subject) -> Result<()> {
    script(subject, "weight 253", 254, 100)
}

fn the_sum_stays_above_nothing(subject: &Subject) -> Result<()> {
    script(subject, "weight -253", 100, 1)
}

/// `a` with a file of this weight.
fn with_file(a: Instance, file: &Path, words: &str) -> String {
    let a = a.with(format!("track_file {{\n        load {words}\n    }}"));
    format!("vrrp_track_file load {{\n    file {}\n}}\n{a}", file.display())
}

fn a_file_counts_times_its_weight(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let file = folder.write("load", "0\n")?;
    let config = with_file(instance(100), &file, "weight 3");
    let mut daemon = Daemon::start(&lan.a, subject, &config)?;
    await_priority(&mut lan, 100)?;
    for (text, priority) in
        [("10", 130), ("-20", 40), ("1000", 254), ("-33", 1), ("-84", 1), ("junk", 100)]
    {
        folder.write("load", &format!("{text}\n"))?;
        await_priority(&mut lan, priority)?;
    }
    assert_eq!(daemon.log.count("Entering FAULT STATE"), 0);
    // -85 times 3 is -255: no priority, but a fault.
    folder.write("load", "-85\n")?;
    daemon.await_log("Entering FAULT STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    folder.write("load", "-84\n")?;
    await_priority(&mut lan, 1)?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

fn a_file_in_reverse(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let file = folder.write("load", "0\n")?;
    let config = with_file(instance(100), &file, "weight 2 reverse");
    let _daemon = Daemon::start(&lan.a, subject, &config)?;
    await_priority(&mut lan, 100)?;
    for (text, priority) in [("10", 80), ("-20", 140), ("50", 1)] {
        folder.write("load", &format!("{text}\n"))?;
        await_priority(&mut lan, priority)?;
    }
    Ok(())
}

/// Each of these is what an interface's weight makes of priority 100: while up, while down.
fn interface(subject: &Subject, words: &str, up: u8, down: u8) -> Result<()> {
    let mut lan = Lan::new()?;
    let uplink = lan.switch.attach(&lan.a, "eth1", &["198.51.100.1/24"])?;
    let a = instance(100).with(format!("track_interface {{\n        eth1 {words}\n    }}"));
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    await_priority(&mut lan, up)?;
    uplink.cut()?;
    await_priority(&mut lan, down)?;
    uplink.restore()?;
    await_priority(&mut lan, up)?;
    assert_eq!(daemon.log.count("Entering FAULT STATE"), 0);
    Ok(())
}

fn an_interface_that_adds(subject: &Subject) -> Result<()> {
    interface(subject, "weight 20", 120, 100)
}

fn an_interface_in_reverse(subject: &Subject) -> Result<()> {
    interface(subject, "weight 20 reverse", 80, 100)
}

/// Nothing changes the priority of an address owner.
fn an_owner_has_no_weights(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let file = folder.write("load", "-100\n")?;
    let config = with_file(instance(255), &file, "weight 5");
    let daemon = Daemon::start(&lan.a, subject, &config)?;
    await_priority(&mut lan, 255)?;
    folder.write("load", "-200\n")?;
    for _ in 0..5 {
        await_priority(&mut lan, 255)?;
    }
    assert_eq!(daemon.log.count("Changing effective priority"), 0);
    Ok(())
}

on_both!(
    a_script_that_adds,
    a_script_that_takes_away,
    a_script_in_reverse,
    a_script_in_reverse_that_takes_away,
    the_sum_stays_below_an_owners,
    the_sum_stays_above_nothing,
    a_file_counts_times_its_weight,
    a_file_in_reverse,
    an_interface_that_adds,
    an_interface_in_reverse,
    an_owner_has_no_weights,
);
