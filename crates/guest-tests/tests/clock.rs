//! Steps of the wall clock, by hours either way: nobody notices. A machine of its own is needed, since
//! all network namespaces share one clock.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, SystemTime};

use guest_tests::{host, on_both};
use lab::config::{self, Instance};
use lab::{Capture, Daemon, PATIENCE, Result, Subject, Switch, Watch};

const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);

fn instance(priority: u8) -> Instance {
    // A guest has one processor, and may have to wait for it.
    let advert = Duration::from_secs(1);
    Instance { advert, ..Instance::new(51, priority, &["192.0.2.100/24"]) }
        // Timers of other kinds run as well.
        .with("track_script {\nfine weight 10\n}")
        .with("garp_master_refresh 1")
}

fn file(priority: u8) -> String {
    let script = "vrrp_script fine {\nscript /usr/bin/true\ninterval 1\nuser root\n}\n";
    format!("{script}{}", config::file([&instance(priority)]))
}

/// Sets the clock of the whole guest.
fn step(seconds: i64) -> Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let to = i64::try_from(now.as_secs()).unwrap_or(0) + seconds;
    let clock = host("clock")?;
    clock.output(Command::new("date").args(["-s", &format!("@{to}")]))?;
    Ok(())
}

fn steps_of_the_wall_clock_change_nothing(subject: &Subject) -> Result<()> {
    let (a, b) = (host("a")?, host("b")?);
    let switch = Switch::new()?;
    switch.attach(&a, "eth0", &["192.0.2.1/24"])?;
    switch.attach(&b, "eth0", &["192.0.2.2/24"])?;
    let mut wire = Capture::adverts(&b, "eth0")?;
    let mut watch = Watch::new(&a)?;
    let mut first = Daemon::start(&a, subject, &file(150))?;
    first.await_log("Entering MASTER STATE")?;
    let mut second = Daemon::start(&b, subject, &file(100))?;
    second.await_log("Entering BACKUP STATE")?;
    watch.await_addr(PATIENCE, VIP, true)?;
    for seconds in [5 * 3600, -10 * 3600, 86_400 * 400] {
        step(seconds)?;
        // Longer than any of them waits for the other, if the steps mattered.
        for _ in 0..5 {
            wire.await_advert(PATIENCE, |advert| advert.src == Ipv4Addr::new(192, 0, 2, 1))?;
        }
    }
    let priorities: Vec<u8> = wire
        .all_adverts()?
        .iter()
        .map(|(_, advert)| advert.priority)
        .filter(|p| *p < 150)
        .collect();
    assert_eq!(priorities, [0; 0], "somebody left or took over");
    assert_eq!(watch.removals(VIP)?, 0);
    assert_eq!(first.log.count("Entering MASTER STATE"), 1);
    assert_eq!(second.log.count("Entering MASTER STATE"), 0);
    assert!(first.stop()?.success() && second.stop()?.success());
    Ok(())
}

on_both!(steps_of_the_wall_clock_change_nothing);
