//! `nftables_ipvs`: the services that stand for marked groups. The guest's kernel has no tables of
//! nf_tables for IP, so that the marking itself is tested outside (`conformance: tests/marks.rs`).

use guest_tests::{await_table, host, on_both, wanted};
use lab::{Daemon, Result, Subject};

const GROUPS: &str = "
virtual_server_group G {
  10.0.1.1-3 80
  10.0.1.9 443
  2001:db8::1-4 80
}
virtual_server_group M {
  fwmark 1001
  10.0.8.1 80
}
virtual_server group G {
  lvs_sched rr
  lvs_method TUN
  protocol TCP
  real_server 10.1.0.1 80 {
  }
}
virtual_server group G {
  lvs_sched rr
  lvs_method TUN
  protocol UDP
  real_server 10.1.0.2 80 {
  }
}
virtual_server group M {
  lvs_sched rr
  lvs_method NAT
  protocol TCP
  real_server 10.1.0.3 80 {
  }
}
virtual_server 10.0.0.1 80 {
  lvs_sched rr
  lvs_method NAT
  protocol TCP
  real_server 10.1.0.1 80 {
  }
}
";

/// The services when the second group's mark is `second`, and the one that is named 1001.
fn table(second: u32, named: u32) -> Vec<String> {
    let lines = [
        "-A -t 10.0.0.1:80 -s rr".to_owned(),
        "-a -t 10.0.0.1:80 -r 10.1.0.1:80 -m -w 1".to_owned(),
        "-A -t 10.0.8.1:80 -s rr".to_owned(),
        "-a -t 10.0.8.1:80 -r 10.1.0.3:80 -m -w 1".to_owned(),
        format!("-A -f {named} -s rr"),
        format!("-a -f {named} -r 10.1.0.3:80 -m -w 1"),
        "-A -f 1000 -s rr".to_owned(),
        "-a -f 1000 -r 10.1.0.1:0 -i -w 1 --tun-type ipip".to_owned(),
        "-A -f 1000 -6 -s rr".to_owned(),
        "-a -f 1000 -6 -r 10.1.0.1:0 -i -w 1 --tun-type ipip".to_owned(),
        format!("-A -f {second} -s rr"),
        format!("-a -f {second} -r 10.1.0.2:0 -i -w 1 --tun-type ipip"),
        format!("-A -f {second} -6 -s rr"),
        format!("-a -f {second} -6 -r 10.1.0.2:0 -i -w 1 --tun-type ipip"),
    ];
    wanted(lines)
}

fn config(global: &str) -> String {
    format!("global_defs {{\n{global}\n}}\n{GROUPS}")
}

fn one_service_for_each_group_protocol_and_family(subject: &Subject) -> Result<()> {
    let host = host("director")?;
    let config = config("nftables_ipvs").replace("fwmark 1001", "fwmark 8");
    let running = Daemon::start(&host, subject, &config)?;
    await_table(&host, &table(1001, 8))?;
    running.stop()?;
    await_table(&host, &[])
}

on_both!(one_service_for_each_group_protocol_and_family);

/// The reference gives two virtual servers the same mark, and so one service.
#[test]
fn marks_that_the_configuration_names_are_not_taken() -> Result<()> {
    let host = host("director")?;
    let mut running = Daemon::start(&host, &Subject::ours()?, &config("nftables_ipvs"))?;
    await_table(&host, &table(1002, 1001))?;
    // Told once, and balancing goes on for what needs no mark.
    running.await_log("nftables_ipvs: ")?;
    running.stop()?;
    await_table(&host, &[])
}
