//! A kernel without IPVS: the guest's is taken away for the one test of this file.

use std::fs;
use std::process::Command;
use std::time::Duration;

use guest_tests::{await_table, host, wanted};
use lab::{Daemon, Host, PATIENCE, Result, Subject, Switch};

const MODPROBE: &str = "/proc/sys/kernel/modprobe";

/// Removes every module of IPVS, and keeps the kernel from loading them again.
fn take_away() -> String {
    let loader = fs::read_to_string(MODPROBE).expect("the kernel has a module loader");
    fs::write(MODPROBE, "/bin/false").expect("root sets it");
    let loaded = fs::read_to_string("/proc/modules").expect("modules are listed");
    let names = loaded.lines().filter_map(|line| line.split(' ').next());
    let mut ipvs: Vec<&str> = names.filter(|name| name.starts_with("ip_vs")).collect();
    // Schedulers before what they use.
    ipvs.sort_by_key(|name| *name == "ip_vs");
    for name in ipvs {
        let output = Command::new("rmmod").arg(name).output().expect("rmmod runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    loader.trim().to_owned()
}

fn config(global: &str) -> String {
    format!(
        "global_defs {{\n{global}\n}}\n\
         vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 51\nadvert_int 0.1\n\
         virtual_ipaddress {{\n192.0.2.9\n}}\n}}\n\
         virtual_server 10.0.0.1 80 {{\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n\
         real_server 10.1.0.1 80 {{\nweight 1\n}}\n}}\n"
    )
}

fn director() -> Result<(Host, Switch)> {
    let host = host("director")?;
    let switch = Switch::new()?;
    switch.attach(&host, "eth0", &["192.0.2.1/24"])?;
    Ok((host, switch))
}

#[test]
fn without_ipvs_vrrp_goes_on_and_servers_are_balanced_once_it_comes() -> Result<()> {
    let (host, _switch) = director()?;
    let loader = take_away();

    // The reference gives up everything.
    let reference = Subject::reference().expect("the reference is installed");
    let mut theirs = Daemon::start(&host, &reference, &config(""))?;
    theirs.await_log("IPVS: Can't initialize ipvs")?;
    let (_, status) = theirs.await_exit(PATIENCE)?;
    assert!(!status.success(), "{status}");

    // And so do we where that is relied on.
    let mut required = Daemon::start(&host, &Subject::ours()?, &config("lvs_required"))?;
    required.await_log("IPVS: Can't initialize ipvs: the kernel has no ip_vs")?;
    let (_, status) = required.await_exit(PATIENCE)?;
    assert!(!status.success(), "{status}");

    let syncd = "lvs_sync_daemon eth0 inst VI_1";
    let mut daemon = Daemon::start(&host, &Subject::ours()?, &config(syncd))?;
    daemon.await_log("IPVS: Can't initialize ipvs: the kernel has no ip_vs")?;
    daemon.await_log("IPVS: load it with 'modprobe ip_vs'")?;
    daemon.log.clone().rewound().await_line(PATIENCE, "Entering MASTER STATE")?;
    assert!(host.has_addr("192.0.2.9".parse::<std::net::IpAddr>().expect("an address"))?);
    let line = "cannot start the IPVS sync daemon (master) on eth0: the kernel has no ip_vs";
    daemon.log.clone().rewound().await_line(PATIENCE, line)?;
    // A reload meanwhile counts.
    daemon.reload(&config(syncd).replace("weight 1", "weight 7"))?;
    daemon.await_log("Changing weight from 1 to 7")?;

    fs::write(MODPROBE, &loader).expect("root sets it");
    daemon.log.await_line(PATIENCE + Duration::from_secs(60), "IPVS is there now")?;
    await_table(
        &host,
        &wanted(["-A -t 10.0.0.1:80 -s rr", "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 7"]),
    )?;
    daemon.stop()?;
    await_table(&host, &[])
}
