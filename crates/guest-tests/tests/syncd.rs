//! The sync daemons: those of the checker, and the one that follows an instance.

use std::net::Ipv4Addr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use guest_tests::{host, lines_of};
use lab::{Daemon, Host, PATIENCE, Result, Role, Subject, Switch};
use nix::sys::signal::Signal;

/// The running daemons, as ipvsadm tells them.
fn daemons(host: &Host) -> Result<Vec<String>> {
    Ok(lines_of(&host.output(Command::new("ipvsadm").args(["-L", "--daemon"]))?))
}

fn await_daemons(host: &Host, wanted: &[&str]) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = daemons(host)?;
        if found == wanted {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(lab::Error::new(format!("{found:?} instead of {wanted:?}")));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A host with d0 for the daemons and d1 for VRRP, and the switch that d1 is on.
fn director() -> Result<(Host, Switch)> {
    let host = host("director")?;
    host.output(Command::new("ip").args(["link", "add", "d0", "up", "type", "dummy"]))?;
    host.add_addr("d0", Ipv4Addr::new(192, 0, 2, 1), 24)?;
    let switch = Switch::new()?;
    switch.attach(&host, "d1", &["198.51.100.1/24"])?;
    Ok((host, switch))
}

fn config(global: &str, priority: u8) -> String {
    format!(
        "global_defs {{\n{global}\n}}\n\
         vrrp_instance VI_1 {{\ninterface d1\nvirtual_router_id 51\npriority {priority}\n\
         advert_int 0.1\nvirtual_ipaddress {{\n198.51.100.9\n}}\n}}\n"
    )
}

/// The process that it follows is killed over the stop.
#[test]
fn the_one_of_a_dead_process_is_ended_at_the_stop() -> Result<()> {
    let (host, _switch) = director()?;
    let text = config("lvs_sync_daemon d0 inst VI_1", 100);
    let mut running = Daemon::start(&host, &Subject::ours()?, &text)?;
    running.await_log("Entering MASTER STATE")?;
    let master =
        "master sync daemon (mcast=d0, syncid=51, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)";
    await_daemons(&host, &[master])?;
    running.signal(Role::Core, Signal::SIGSTOP)?;
    lab::procs::await_state(running.pid(), 'T');
    running.signal(Role::Vrrp, Signal::SIGKILL)?;
    running.signal(Role::Core, Signal::SIGTERM)?;
    running.signal(Role::Core, Signal::SIGCONT)?;
    running.await_exit(PATIENCE)?;
    await_daemons(&host, &[])
}

fn following_an_instance(subject: &Subject) -> Result<()> {
    let (host, _switch) = director()?;
    let daemon = "lvs_sync_daemon d0 inst VI_1";
    let mut running = Daemon::start(&host, subject, &config(daemon, 100))?;
    running.await_log("Entering BACKUP STATE")?;
    running.await_log("Entering MASTER STATE")?;
    let of = |state: &str| {
        format!(
            "{state} sync daemon (mcast=d0, syncid=51, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)"
        )
    };
    await_daemons(&host, &[&of("master")])?;
    host.set_up("d1", false)?;
    running.await_log("Entering FAULT STATE")?;
    await_daemons(&host, &[&of("backup")])?;
    host.set_up("d1", true)?;
    running.await_log("Entering MASTER STATE")?;
    await_daemons(&host, &[&of("master")])?;
    running.stop()?;
    await_daemons(&host, &[])
}

fn by_the_old_keyword(subject: &Subject) -> Result<()> {
    let (host, _switch) = director()?;
    let old = config("", 100).replace("priority", "lvs_sync_daemon_interface d0\npriority");
    let running = Daemon::start(&host, subject, &old)?;
    let daemon =
        "sync daemon (mcast=d0, syncid=0, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)";
    await_daemons(&host, &[&format!("master {daemon}")])?;
    running.stop()?;
    await_daemons(&host, &[])
}

fn with_every_option(subject: &Subject) -> Result<()> {
    let (host, _switch) = director()?;
    let daemon = "lvs_sync_daemon d0 inst VI_1 id 7 maxlen 1400 port 9999 ttl 3 group 224.0.1.99";
    let running = Daemon::start(&host, subject, &config(daemon, 100))?;
    let all = "sync daemon (mcast=d0, syncid=7, maxlen=1400, group=224.0.1.99, port=9999, ttl=3)";
    await_daemons(&host, &[&format!("master {all}")])?;
    running.stop()?;
    await_daemons(&host, &[])
}

fn of_no_instance(subject: &Subject) -> Result<()> {
    let (host, _switch) = director()?;
    let config = "global_defs {\nlvs_sync_daemon d0 id 9\n}\n\
        virtual_server 10.0.0.1 80 {\nreal_server 10.1.0.1 80 {\n}\n}\n";
    let running = Daemon::start(&host, subject, config)?;
    let options = "(mcast=d0, syncid=9, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)";
    let both = ["master", "backup"].map(|kind| format!("{kind} sync daemon {options}"));
    await_daemons(&host, &both.each_ref().map(String::as_str))?;
    running.stop()?;
    await_daemons(&host, &[])
}

guest_tests::on_both!(following_an_instance, by_the_old_keyword, with_every_option, of_no_instance);

/// The reference's use of an emptied configuration at a reload often leaves no daemon at all.
#[test]
fn a_reload_keeps_it_or_starts_it_with_the_new_options() -> Result<()> {
    let (host, _switch) = director()?;
    let mut running =
        Daemon::start(&host, &Subject::ours()?, &config("lvs_sync_daemon d0 inst VI_1 id 7", 100))?;
    let options = "maxlen=1472, group=224.0.0.81, port=8848, ttl=1)";
    await_daemons(&host, &[&format!("master sync daemon (mcast=d0, syncid=7, {options}")])?;
    running.reload(&config("lvs_sync_daemon d0 inst VI_1 id 8", 90))?;
    await_daemons(&host, &[&format!("master sync daemon (mcast=d0, syncid=8, {options}")])?;
    running.reload(&config("", 90))?;
    await_daemons(&host, &[])?;
    running.reload(&config("lvs_sync_daemon d0 inst VI_1 id 9", 90))?;
    await_daemons(&host, &[&format!("master sync daemon (mcast=d0, syncid=9, {options}")])?;
    // What a crash leaves is taken over.
    let old = running.role_pid(Role::Vrrp)?;
    running.signal(Role::Vrrp, Signal::SIGKILL)?;
    running.await_respawn(Role::Vrrp, old, PATIENCE)?;
    running.await_log("Entering MASTER STATE")?;
    await_daemons(&host, &[&format!("master sync daemon (mcast=d0, syncid=9, {options}")])?;
    running.stop()?;
    await_daemons(&host, &[])
}
