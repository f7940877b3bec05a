//! The `auth_hmac` trailer: who is heard in each mode, replays, keys in files, keys that change.
//!
//! Version 2.2.7 of the reference has no `auth_hmac`; its wire form is held to packets captured
//! from 2.4 (`vrrp-proto: tests/vectors`).

use std::process::Command;

use conformance::{
    Flavour, Folder, Lan, V2_V4, V3_UNICAST, V3_UNICAST_V6, V3_V4, V3_V6, VIP, set_mode,
};
use lab::config::{self, Instance};
use lab::craft::{Craft, Flood};
use lab::{Capture, Daemon, PATIENCE, Packet, Result, Subject};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";
/// Bytes that the trailer adds.
const TRAILER: usize = 28;

/// `auth_hmac` with these lines, the first word of each key its id.
fn hmac(keys: &[&str], active: u8, more: &str) -> String {
    let keys: String = keys.iter().map(|key| format!("        key {key}\n")).collect();
    format!("auth_hmac {{\n{keys}        active_key {active}\n        {more}\n    }}")
}

fn one_key(key: &str, more: &str) -> String {
    hmac(&[&format!("1 {key}")], 1, more)
}

fn instance(priority: u8, auth: &str) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"]).with(auth)
}

/// The frames of a's adverts that were captured so far.
fn frames_of(wire: &mut Capture, priority: u8) -> Result<Vec<Vec<u8>>> {
    let of_a = |f: &&lab::Frame| f.advert().is_some_and(|ad| ad.priority == priority);
    Ok(wire.frames()?.iter().filter(of_a).map(|f| f.bytes.clone()).collect())
}

/// A node follows who has the key, however often old packets of the master are sent again, and
/// takes over when the master is gone although they still are.
fn replays_hold_nobody_back(flavour: Flavour, more: &str) -> Result<()> {
    let subject = Subject::ours()?;
    let mut lan = Lan::new()?;
    let a = flavour.instance_a().with(one_key(KEY, more));
    let b = flavour.instance_b().with(one_key(KEY, more));
    // Here unicast is seen as well.
    let mut wire = Capture::adverts(&lan.b, "eth0")?;
    let mut first = lan.start_a(&subject, std::slice::from_ref(&a))?;
    first.await_log("Entering MASTER STATE")?;
    let mut second = lan.start_b(&subject, std::slice::from_ref(&b))?;
    second.await_log("Entering BACKUP STATE")?;
    for _ in 0..6 {
        wire.await_advert(PATIENCE, |ad| ad.priority == a.priority)?;
    }
    assert_eq!(second.log.count("Entering MASTER STATE"), 0);
    let old = frames_of(&mut wire, a.priority)?;
    let _flood = Flood::start(&lan.onlooker, "eth0", old, 50)?;
    second.await_log("replayed authentication trailer from")?;
    first.crash();
    second.await_log("Entering MASTER STATE")?;
    for _ in 0..5 {
        wire.await_advert(PATIENCE, |ad| ad.priority == b.priority)?;
    }
    assert_eq!(second.log.count("Entering BACKUP STATE"), 1);
    lan.watch_b.await_addr(PATIENCE, flavour.vip(), true)?;
    Ok(())
}

#[test]
fn replays_over_ipv4() -> Result<()> {
    replays_hold_nobody_back(V3_V4, "")
}

#[test]
fn replays_of_version_2() -> Result<()> {
    replays_hold_nobody_back(V2_V4, "time_window 60")
}

#[test]
fn replays_over_ipv6() -> Result<()> {
    replays_hold_nobody_back(V3_V6, "")
}

#[test]
fn replays_over_unicast() -> Result<()> {
    replays_hold_nobody_back(V3_UNICAST, "")
}

#[test]
fn replays_over_ipv6_unicast() -> Result<()> {
    replays_hold_nobody_back(V3_UNICAST_V6, "")
}

#[test]
fn replays_without_a_clock() -> Result<()> {
    replays_hold_nobody_back(V3_V4, "anti_replay monotonic")
}

/// What is older than the window is refused by its time, though nothing of its sender is
/// remembered any more.
#[test]
fn what_is_older_than_the_window_is_refused() -> Result<()> {
    let mut lan = Lan::new()?;
    let auth = one_key(KEY, "time_window 1");
    let (a, b) = (instance(150, &auth), instance(100, &auth));
    let mut pair = lan.start_both(&Subject::ours()?, &a, &b)?;
    lan.await_adverts_of(&a, 5)?;
    let old = frames_of(&mut lan.wire, a.priority)?;
    pair.a.crash();
    pair.b.await_log("Entering MASTER STATE")?;
    // Four seconds of adverts.
    lan.await_adverts_of(&b, 40)?;
    let _flood = Flood::start(&lan.onlooker, "eth0", old, 50)?;
    pair.b.await_log("stale authentication trailer from 192.0.2.1")?;
    lan.await_adverts_of(&b, 5)?;
    assert_eq!(pair.b.log.count("Entering BACKUP STATE"), 1);
    Ok(())
}

/// With `enforce` a stranger without the trailer, or with another key, is not heard.
#[test]
fn enforce_hears_nobody_without_the_key() -> Result<()> {
    let mut lan = Lan::new()?;
    let a = instance(100, &one_key(KEY, "mode enforce"));
    let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    let stranger = Capture::keeping(&lan.onlooker, "eth0", |_| false)?;
    let plain = Craft { interval: 10, ..Craft::new(3, [192, 0, 2, 9], 51, 254, &[VIP.into()]) };
    stranger.send(&plain.frame())?;
    daemon.await_log("missing authentication trailer from 192.0.2.9")?;
    let forged = Craft { trailer: vec![1; TRAILER], ..plain };
    stranger.send(&forged.frame())?;
    daemon.await_log("malformed authentication trailer from 192.0.2.9")?;
    let _other = lan.start_b(&Subject::ours()?, &[instance(200, &one_key(OTHER, ""))])?;
    daemon.await_log("invalid authentication HMAC from 192.0.2.2")?;
    lan.await_adverts_of(&a, 3)?;
    assert_eq!(daemon.log.count("Entering BACKUP STATE"), 1);
    Ok(())
}

/// With `permissive` who has no trailer is heard; who has a wrong one is not.
#[test]
fn permissive_hears_who_has_no_trailer() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let a = instance(100, &one_key(KEY, "mode permissive"));
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    // It sends trailers.
    let frame = lan.wire.await_frame(PATIENCE, |f| f.advert().is_some())?;
    assert_eq!(frame.bytes.len(), 14 + 20 + 8 + 4 + TRAILER);
    let wrong = lan.start_b(subject, &[instance(200, &one_key(OTHER, ""))])?;
    daemon.await_log("invalid authentication HMAC from 192.0.2.2")?;
    assert_eq!(daemon.log.count("Entering BACKUP STATE"), 1);
    wrong.crash();
    drop(wrong);
    let plain = Instance::new(51, 200, &["192.0.2.100/24"]);
    let _plain = lan.start_b(subject, std::slice::from_ref(&plain))?;
    daemon.await_log("with higher priority 200, ours 100")?;
    lan.watch_a.await_addr(PATIENCE, VIP, false)?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

/// With `receive-only` nothing is added, but trailers are checked.
#[test]
fn receive_only_checks_and_sends_none() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let a = instance(100, &one_key(KEY, "mode receive-only"));
    let mut daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    let frame = lan.wire.await_frame(PATIENCE, |f| f.advert().is_some())?;
    assert_eq!(frame.bytes.len(), 14 + 20 + 8 + 4);
    let wrong = lan.start_b(subject, &[instance(200, &one_key(OTHER, ""))])?;
    daemon.await_log("invalid authentication HMAC from 192.0.2.2")?;
    wrong.crash();
    drop(wrong);
    let right = instance(200, &one_key(KEY, "mode permissive"));
    let _right = lan.start_b(subject, std::slice::from_ref(&right))?;
    daemon.await_log("with higher priority 200, ours 100")?;
    lan.watch_b.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

/// A key is changed on running nodes by reloads: known everywhere first, then used, then the
/// old one forgotten. Nobody misses an advert.
#[test]
fn keys_change_by_reload_without_a_transition() -> Result<()> {
    let mut lan = Lan::new()?;
    let (old, new) = (format!("1 {KEY}"), format!("2 {OTHER}"));
    let steps: [(&[&str], u8); 3] = [(&[&old, &new], 1), (&[&old, &new], 2), (&[&new], 2)];
    let with =
        |priority, (keys, active): (&[&str], u8)| instance(priority, &hmac(keys, active, ""));
    let first: (&[&str], u8) = (&[&old], 1);
    let (a, b) = (with(150, first), with(100, first));
    let mut pair = lan.start_both(&Subject::ours()?, &a, &b)?;
    for step in steps {
        for (daemon, priority) in [(&mut pair.b, 100), (&mut pair.a, 150)] {
            daemon.reload(&config::file(&[with(priority, step)]))?;
            daemon.await_log("Reload complete")?;
            lan.wire.clear()?;
            lan.await_adverts_of(&a, 5)?;
        }
        let frame = lan.wire.await_frame(PATIENCE, |f| f.advert().is_some())?;
        assert_eq!(frame.bytes.get(14 + 20 + 8 + 4 + 1), Some(&step.1));
    }
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 0);
    assert_eq!(pair.b.log.count("authentication"), 0);
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

/// `auth_hmac` is turned on by reloads, through `permissive`, without a transition.
#[test]
fn it_is_turned_on_by_reload_without_a_transition() -> Result<()> {
    let mut lan = Lan::new()?;
    let plain = |priority| Instance::new(51, priority, &["192.0.2.100/24"]);
    let with = |priority, mode: &str| instance(priority, &one_key(KEY, &format!("mode {mode}")));
    let (a, b) = (plain(150), plain(100));
    let mut pair = lan.start_both(&Subject::ours()?, &a, &b)?;
    for mode in ["permissive", "enforce"] {
        for (daemon, priority) in [(&mut pair.b, 100), (&mut pair.a, 150)] {
            daemon.reload(&config::file(&[with(priority, mode)]))?;
            daemon.await_log("Reload complete")?;
            lan.wire.clear()?;
            lan.await_adverts_of(&a, 5)?;
        }
    }
    assert_eq!(pair.b.log.count("Entering MASTER STATE"), 0);
    for daemon in [&pair.a, &pair.b] {
        assert_eq!(daemon.log.count("authentication"), 0);
    }
    assert_eq!(lan.watch_a.removals(VIP)?, 0);
    Ok(())
}

/// A key in a file that others can read is a mistake that `-t` tells by its exit status.
#[test]
fn a_key_file_is_for_its_owner_alone() -> Result<()> {
    let subject = &Subject::ours()?;
    let mut lan = Lan::new()?;
    let folder = Folder::new()?;
    let key = folder.write("key", &format!("{KEY}\n"))?;
    set_mode(&key, 0o600)?;
    let a = instance(150, &one_key(&format!("file:{}", key.display()), ""));
    let file = folder.write("conf", &config::file([&a]))?;
    let test = |status: i32| -> Result<String> {
        let mut command: Command = subject.command();
        let output = command.args(["-t", "-f"]).arg(&file).output();
        let output = output.map_err(|e| lab::Error::new(e.to_string()))?;
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let text = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    test(0)?;
    for mode in [0o640, 0o604, 0o644] {
        set_mode(&key, mode)?;
        let said = test(6)?;
        assert!(said.contains("SECURITY VIOLATION"), "{said}");
        assert!(said.contains("chmod 600"), "{said}");
    }
    set_mode(&key, 0o600)?;
    // What is no file is not waited for.
    let kept = key.with_extension("kept");
    std::fs::rename(&key, &kept).expect("the key is moved");
    assert!(test(5)?.contains("is missing - ignoring"));
    nix::unistd::mkfifo(&key, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO is made");
    assert!(test(5)?.contains("cannot be read: it is no regular file - ignoring"));
    std::fs::rename(&kept, &key).expect("the key is back");
    let b = instance(100, &one_key(KEY, ""));
    let _first = Daemon::start(&lan.a, subject, &config::file([&a]))?;
    lan.await_advert_of(&a)?;
    let mut second = lan.start_b(subject, std::slice::from_ref(&b))?;
    second.await_log("Entering BACKUP STATE")?;
    lan.await_adverts_of(&a, 6)?;
    assert_eq!(second.log.count("Entering MASTER STATE"), 0);
    let advert = lan.wire.await_frame(PATIENCE, |f| matches!(f.packet(), Packet::Advert(_)))?;
    assert_eq!(advert.bytes.len(), 14 + 20 + 8 + 4 + TRAILER);
    Ok(())
}
