//! The guest itself.

use std::fs;
use std::process::Command;

use guest_tests::{host, saved};
use lab::Result;

#[test]
fn its_kernel_has_ipvs_in_every_host() -> Result<()> {
    let (one, other) = (host("one")?, host("other")?);
    let service = ["-A", "-t", "10.0.0.1:80", "-s", "wrr"];
    one.output(Command::new("ipvsadm").args(service))?;
    assert_eq!(saved(&one)?, ["-A -t 10.0.0.1:80 -s wrr"]);
    assert_eq!(saved(&other)?, [""; 0]);
    Ok(())
}

#[test]
fn it_changes_nothing_of_the_machine() -> Result<()> {
    host("any")?;
    let program = std::env::current_exe().expect("the running test has a file");
    let folder = program.parent().expect("which is in a folder");
    let refused = fs::write(folder.join("written-in-a-guest"), "").expect_err("it is read only");
    assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    fs::write("/tmp/file", "").expect("/tmp is its own");
    Ok(())
}

#[test]
fn its_kernel_has_the_links_that_are_tested() -> Result<()> {
    let host = host("any")?;
    let ends = "local 10.0.0.1 remote 10.0.0.2";
    for kind in ["dummy", "bridge", "vrf table 10", &format!("ipip {ends}"), &format!("gre {ends}")]
    {
        let words = format!("link add {}1 type {kind}", &kind[..3]);
        host.output(Command::new("ip").args(words.split(' ')))?;
    }
    for kind in ["macvlan", "ipvlan"] {
        let words = ["link", "add", "link", "dum1", "name", kind, "type", kind];
        host.output(Command::new("ip").args(words))?;
        host.output(Command::new("ip").args(["link", "del", kind]))?;
    }
    Ok(())
}
