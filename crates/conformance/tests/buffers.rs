//! Room for unread packets and messages, as the system calls ask for it.

use conformance::{Folder, Lan, on_both, present};
use lab::config::{self, Instance};
use lab::{Daemon, Result, Subject, procs};
use nix::sys::signal::Signal;

/// Whether the tool that shows system calls is installed.
fn can_trace() -> Result<bool> {
    let found = std::process::Command::new("strace").arg("--version").output().ok();
    present(found, "strace").map(|found| found.is_some())
}

/// Starts the subject with `count` instances and these global settings; returns its calls of
/// setsockopt once it is MASTER.
fn calls(subject: &Subject, count: u8, global: &str, instance: &str) -> Result<String> {
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let calls = folder.path("calls");
    let script = format!(
        "exec strace -f -e trace=setsockopt -o {} {} \"$@\"",
        calls.display(),
        subject.program().display()
    );
    let traced = Subject::at(folder.script("traced", &script)?)?;
    let instances: Vec<Instance> = (1..=count)
        .map(|n| Instance::new(n, 100, &[&format!("192.0.2.{}/24", 100 + n)]))
        .map(|i| if instance.is_empty() { i } else { i.with(instance) })
        .collect();
    let config = config::file(&instances).replace("router_id lab", global);
    let daemon = Daemon::start(&lan.a, &traced, &config)?;
    for i in &instances {
        let line = format!("({}) Entering MASTER STATE", i.name);
        daemon.log.clone().rewound().await_line(lab::PATIENCE, &line)?;
    }
    // What follows the calls ends with what it follows.
    let parent = procs::children(daemon.pid());
    let [parent] = parent[..] else { return Err(lab::Error::new("strace has no child")) };
    procs::signal(parent, Signal::SIGTERM)?;
    daemon.await_exit(lab::PATIENCE)?;
    folder.await_text("calls", "SO_RCVBUF")
}

/// Whether room for `bytes` was asked for.
fn asks(calls: &str, bytes: u32) -> bool {
    calls.lines().any(|l| l.contains("SO_RCVBUF") && l.contains(&format!("[{bytes}]")))
}

fn room_for_adverts_is_the_sum_of_what_instances_need(subject: &Subject) -> Result<()> {
    if !can_trace()? {
        return Ok(());
    }
    // An advert of one address is 32 bytes with its IP header, a packet is 1500, and there is
    // room for three of them unless told otherwise.
    for (global, instance, count, bytes) in [
        ("vrrp_rx_bufs_policy MTU", "", 1, 4_500),
        ("vrrp_rx_bufs_policy MTU", "", 3, 13_500),
        ("vrrp_rx_bufs_policy ADVERT", "", 2, 192),
        ("vrrp_rx_bufs_policy 5000", "", 3, 15_000),
        ("vrrp_rx_bufs_policy MTU\n    vrrp_rx_bufs_multiplier 10", "", 2, 30_000),
        ("vrrp_rx_bufs_policy 5000\n    vrrp_rx_bufs_multiplier 10", "", 1, 5_000),
        ("router_id lab", "kernel_rx_buf_size 6000", 2, 12_000),
        ("vrrp_rx_bufs_policy MTU", "kernel_rx_buf_size 6000", 2, 12_000),
    ] {
        let calls = calls(subject, count, global, instance)?;
        assert!(asks(&calls, bytes), "{global} {instance} {count}: {bytes} in\n{calls}");
    }
    Ok(())
}

fn room_for_netlink_is_what_was_asked_for(subject: &Subject) -> Result<()> {
    if !can_trace()? {
        return Ok(());
    }
    let global = "vrrp_netlink_cmd_rcv_bufs 100001\n    vrrp_netlink_monitor_rcv_bufs 200002\n    \
                  vrrp_netlink_monitor_rcv_bufs_force true";
    let calls = calls(subject, 1, global, "")?;
    let line = |text: &str| calls.lines().any(|l| l.contains(text));
    assert!(line("SO_RCVBUF, [100001]"), "{calls}");
    assert!(line("SO_RCVBUFFORCE, [200002]"), "{calls}");
    Ok(())
}

on_both!(
    room_for_adverts_is_the_sum_of_what_instances_need,
    room_for_netlink_is_what_was_asked_for
);
