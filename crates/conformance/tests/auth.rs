//! Authentication of version 2: passwords and AH, between two nodes and against a stranger.

use conformance::{Lan, VIP, on_both, reference};
use lab::config::Instance;
use lab::craft::{Craft, Flood};
use lab::{Capture, PATIENCE, Result, Subject};

fn instance(priority: u8, auth: &str) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"]).v2().with(format!(
        "authentication {{\n        auth_type {auth}\n        auth_pass secret\n    }}"
    ))
}

/// A backup accepts the master that knows the secret, and nobody else.
fn only_who_knows_the_secret_is_heard(first: &Subject, second: &Subject, auth: &str) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150, auth), instance(100, auth));
    let mut master = lan.start_a(first, std::slice::from_ref(&a))?;
    master.await_log("Entering MASTER STATE")?;
    let mut backup = lan.start_b(second, std::slice::from_ref(&b))?;
    backup.await_log("Entering BACKUP STATE")?;
    // Longer than the backup would wait if it did not accept the master's adverts.
    let from_master = |f: &lab::Frame| {
        f.bytes.get(26..30) == Some(&[192, 0, 2, 1][..])
            && matches!(f.bytes.get(23), Some(51 | 112))
    };
    for _ in 0..5 {
        lan.wire.await_frame(PATIENCE, from_master)?;
    }
    assert_eq!(backup.log.count("Entering MASTER STATE"), 0);
    // A stranger of high priority, without the secret, silences nobody.
    let stranger = Capture::keeping(&lan.onlooker, "eth0", |_| false)?;
    stranger.send(&Craft::new(2, [192, 0, 2, 9], 51, 254, &[VIP.into()]).frame())?;
    lan.wire.await_frame(PATIENCE, from_master)?;
    lan.wire.await_frame(PATIENCE, from_master)?;
    assert_eq!(master.log.count("Entering BACKUP STATE"), 1);
    master.crash();
    backup.await_log("Entering MASTER STATE")?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

fn a_password_is_demanded(subject: &Subject) -> Result<()> {
    only_who_knows_the_secret_is_heard(subject, subject, "PASS")
}

fn an_authentication_header_is_demanded(subject: &Subject) -> Result<()> {
    only_who_knows_the_secret_is_heard(subject, subject, "AH")
}

on_both!(
    a_password_is_demanded,
    an_authentication_header_is_demanded,
    replayed_authentication_headers_hold_nobody_back,
);

fn across(auth: &str, ours_first: bool) -> Result<()> {
    let ours = Subject::ours()?;
    let Some(reference) = reference()? else { return Ok(()) };
    let (first, second) = if ours_first { (&ours, &reference) } else { (&reference, &ours) };
    only_who_knows_the_secret_is_heard(first, second, auth)
}

#[test]
fn the_reference_accepts_our_password() -> Result<()> {
    across("PASS", true)
}

#[test]
fn we_accept_the_password_of_the_reference() -> Result<()> {
    across("PASS", false)
}

#[test]
fn the_reference_accepts_our_authentication_header() -> Result<()> {
    across("AH", true)
}

#[test]
fn we_accept_the_authentication_header_of_the_reference() -> Result<()> {
    across("AH", false)
}

/// Packets with an authentication header that were sent before hold nobody back when they are
/// sent again. (A password can be replayed by whoever heard it: that is what passwords are.)
fn replayed_authentication_headers_hold_nobody_back(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let (a, b) = (instance(150, "AH"), instance(100, "AH"));
    let first = lan.start_a(subject, std::slice::from_ref(&a))?;
    let of_a = |f: &lab::Frame| {
        f.bytes.get(26..30) == Some(&[192, 0, 2, 1][..]) && f.bytes.get(23) == Some(&51)
    };
    lan.wire.await_frame(PATIENCE, of_a)?;
    let mut second = lan.start_b(subject, std::slice::from_ref(&b))?;
    second.await_log("Entering BACKUP STATE")?;
    for _ in 0..4 {
        lan.wire.await_frame(PATIENCE, of_a)?;
    }
    let old: Vec<Vec<u8>> =
        lan.wire.frames()?.iter().filter(|f| of_a(f)).map(|f| f.bytes.clone()).collect();
    first.crash();
    let _flood = Flood::start(&lan.onlooker, "eth0", old, 10)?;
    second.await_log("already processed")?;
    second.log.clone().rewound().await_line(PATIENCE, "Entering MASTER STATE")?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    assert_eq!(second.log.count("Entering BACKUP STATE"), 1);
    Ok(())
}
