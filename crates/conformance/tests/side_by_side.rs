//! Several daemons on one machine: told apart by network namespace, or by instance.

use std::process::Command;

use conformance::netns::name_network;
use conformance::{Lan, VIP, on_both};
use lab::config::Instance;
use lab::{Daemon, Host, PATIENCE, Result, Role, Subject};

fn instance(vrid: u8, priority: u8, vip: &str) -> Instance {
    Instance::new(vrid, priority, &[vip])
}

/// The number in a pid file of `home`, empty without one.
fn pid_in(home: &Host, file: &str) -> Result<String> {
    let read = format!("cat /run/keepalived/{file} 2>/dev/null || true");
    Ok(home.output(Command::new("sh").args(["-c", &read]))?.trim().to_string())
}

/// Both are started in a third namespace and have the same files but for the namespace's name.
fn two_daemons_in_two_network_namespaces_fail_over_to_each_other(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let home = Host::new("home")?;
    name_network(&home, &lan.a, "one")?;
    name_network(&home, &lan.b, "two")?;
    let start = |name: &str, priority: u8| {
        let instance = instance(51, priority, "192.0.2.100/24");
        let text = format!("net_namespace {name}\n{instance}");
        Daemon::start_with_own_pid_files(&home, subject, &text)
    };
    let mut one = start("one", 150)?;
    one.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    let mut two = start("two", 100)?;
    two.await_log("Entering BACKUP STATE")?;
    for (daemon, name) in [(&one, "one"), (&two, "two")] {
        let core = pid_in(&home, &format!("{name}/keepalived.pid"))?;
        assert_eq!(core, daemon.pid().to_string(), "{name}");
        let vrrp = pid_in(&home, &format!("{name}/vrrp.pid"))?;
        assert_eq!(vrrp, daemon.role_pid(Role::Vrrp)?.to_string(), "{name}");
    }
    assert!(one.stop()?.success());
    two.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    assert_eq!(pid_in(&home, "one/keepalived.pid")?, "");
    assert_eq!(pid_in(&home, "two/keepalived.pid")?, two.pid().to_string());
    Ok(())
}

fn two_instances_in_one_namespace_do_not_meet(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let config =
        |name: &str, vrid: u8, vip: &str| format!("instance {name}\n{}", instance(vrid, 100, vip));
    let start = |text: &str| Daemon::start_with_own_pid_files(&lan.a, subject, text);
    let red = config("red", 51, "192.0.2.100/24");
    let mut first = start(&red)?;
    let mut second = start(&config("blue", 52, "192.0.2.101/24"))?;
    first.await_log("Entering MASTER STATE")?;
    second.await_log("Entering MASTER STATE")?;
    for (daemon, name) in [(&first, "red"), (&second, "blue")] {
        let core = pid_in(&lan.a, &format!("keepalived_{name}.pid"))?;
        assert_eq!(core, daemon.pid().to_string(), "{name}");
    }
    // Another one of the same name is one too many.
    let mut third = start(&red)?;
    third.await_log("daemon is already running")?;
    third.await_exit(PATIENCE)?;
    assert!(first.stop()?.success());
    assert_eq!(pid_in(&lan.a, "keepalived_red.pid")?, "");
    assert_eq!(pid_in(&lan.a, "keepalived_blue.pid")?, second.pid().to_string());
    assert!(second.exit().is_none());
    Ok(())
}

on_both!(
    two_daemons_in_two_network_namespaces_fail_over_to_each_other,
    two_instances_in_one_namespace_do_not_meet,
);
