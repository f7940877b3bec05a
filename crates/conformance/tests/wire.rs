//! What goes over the wire, judged by tshark.

use std::process::Command;

use conformance::{
    Flavour, Lan, V2_UNICAST, V2_V4, V3_UNICAST, V3_UNICAST_V6, V3_V4, V3_V6, on_both, present,
};
use lab::{Capture, Result, Subject, pcap};

const TSHARK: &str = "/usr/bin/tshark";
/// Malformed, an expert's warning or error, or a wrong checksum.
const COMPLAINTS: &str = "_ws.malformed || _ws.expert.severity >= 6291456 || \
     vrrp.checksum.status == \"Bad\" || ip.checksum.status == \"Bad\" || \
     icmpv6.checksum.status == \"Bad\"";

/// What tshark shows of a capture for which `filter` holds, one line a packet.
fn tshark(file: &std::path::Path, filter: &str) -> Vec<String> {
    let mut command = Command::new(TSHARK);
    command.arg("-r").arg(file).args(["-n", "-o", "ip.check_checksum:TRUE", "-Y", filter]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(String::from).collect()
}

/// A whole life as master: adverts, announcements, priority 0.
fn tshark_has_no_complaint(subject: &Subject, flavour: Flavour) -> Result<()> {
    let installed = std::path::Path::new(TSHARK).exists().then_some(());
    if present(installed, "tshark")?.is_none() {
        return Ok(());
    }
    let lan = Lan::new()?;
    let mut capture = Capture::new(&lan.a, "eth0")?;
    let own = flavour.instance_a();
    let daemon = lan.start_a(subject, std::slice::from_ref(&own))?;
    for _ in 0..3 {
        let sent = |frame: &lab::Frame| frame.outgoing && frame.advert().is_some();
        capture.await_frame(lab::PATIENCE, sent)?;
    }
    daemon.stop()?;
    let sent: Vec<_> = capture.frames()?.iter().filter(|f| f.outgoing).cloned().collect();
    let file = daemon.folder().join("sent.pcap");
    pcap::write(&file, &sent)?;
    let complaints = tshark(&file, COMPLAINTS);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    let adverts = tshark(&file, &format!("vrrp.version == {} && vrrp.type == 1", own.version));
    let count = sent.iter().filter(|frame| frame.advert().is_some()).count();
    assert!(count >= 4, "only {count} adverts");
    assert_eq!(adverts.len(), count, "{}", adverts.join("\n"));
    Ok(())
}

fn version_2(subject: &Subject) -> Result<()> {
    tshark_has_no_complaint(subject, V2_V4)
}

fn version_2_unicast(subject: &Subject) -> Result<()> {
    tshark_has_no_complaint(subject, V2_UNICAST)
}

fn version_3(subject: &Subject) -> Result<()> {
    tshark_has_no_complaint(subject, V3_V4)
}

fn version_3_ipv6(subject: &Subject) -> Result<()> {
    tshark_has_no_complaint(subject, V3_V6)
}

fn version_3_unicast(subject: &Subject) -> Result<()> {
    tshark_has_no_complaint(subject, V3_UNICAST)
}

fn version_3_unicast_ipv6(subject: &Subject) -> Result<()> {
    tshark_has_no_complaint(subject, V3_UNICAST_V6)
}

on_both!(
    version_2,
    version_2_unicast,
    version_3,
    version_3_ipv6,
    version_3_unicast,
    version_3_unicast_ipv6,
);
