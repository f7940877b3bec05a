//! Two masters: each says which peer it is, which check its adverts fail, and what differs.
//!
//! The reference has no such line, so these cases take only our binary.

use conformance::{Folder, Lan, VIP, reference};
use lab::config::Instance;
use lab::craft::{Craft, Flood};
use lab::{Daemon, PATIENCE, Result, Role, Subject};
use nix::sys::signal::Signal;

/// What the log of either node says of the other.
const SPLIT: &str = "split brain with 192.0.2.";

fn v2(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"]).v2()
}

fn v3(priority: u8) -> Instance {
    Instance::new(51, priority, &["192.0.2.100/24"])
}

fn auth(kind: &str, password: &str) -> String {
    format!("authentication {{\n        auth_type {kind}\n        auth_pass {password}\n    }}")
}

fn hmac(key: char, more: &str) -> String {
    let key = String::from(key).repeat(32);
    format!("auth_hmac {{\n        key 1 {key}\n        active_key 1\n        {more}\n    }}")
}

fn unicast(own: u8, peer: &str) -> [String; 2] {
    [format!("unicast_src_ip 192.0.2.{own}"), format!("unicast_peer {{\n        {peer}\n    }}")]
}

fn with_all(mut instance: Instance, lines: impl IntoIterator<Item = String>) -> Instance {
    instance.more.extend(lines);
    instance
}

/// Both nodes become MASTER; each tells, once, what is said of the other here.
fn both_tell(a: &Instance, of_b: &str, b: &Instance, of_a: &str) -> Result<()> {
    let subject = Subject::ours()?;
    let lan = Lan::new()?;
    let mut first = lan.start_a(&subject, std::slice::from_ref(a))?;
    first.await_log("Entering MASTER STATE")?;
    let mut second = lan.start_b(&subject, std::slice::from_ref(b))?;
    second.await_log("Entering MASTER STATE")?;
    for (daemon, peer, text) in [(&mut first, 2, of_b), (&mut second, 1, of_a)] {
        if !text.is_empty() {
            daemon.await_log(&format!("{SPLIT}{peer}: {text}"))?;
        }
    }
    // It goes on, and is not said again.
    let of = |last: u8| {
        move |f: &lab::Frame| {
            f.bytes.get(26..30) == Some(&[192, 0, 2, last][..])
                && matches!(f.bytes.get(23), Some(51 | 112))
        }
    };
    let mut wire = lab::Capture::new(&lan.a, "eth0")?;
    for _ in 0..3 {
        wire.await_frame(PATIENCE, of(1))?;
        wire.await_frame(PATIENCE, of(2))?;
    }
    for (daemon, text) in [(&first, of_b), (&second, of_a)] {
        assert_eq!(daemon.log.count(SPLIT), usize::from(!text.is_empty()), "{text}");
    }
    Ok(())
}

#[test]
fn another_password() -> Result<()> {
    let text = "we refuse its adverts: its auth_pass is not ours";
    both_tell(&v2(150).with(auth("PASS", "alpha")), text, &v2(100).with(auth("PASS", "beta")), text)
}

#[test]
fn another_kind_of_authentication() -> Result<()> {
    both_tell(
        &v2(150).with(auth("PASS", "alpha")),
        "we refuse its adverts: its auth_type is none, ours is PASS",
        &v2(100),
        "we refuse its adverts: its auth_type is PASS, ours is none",
    )
}

#[test]
fn another_key_of_the_authentication_header() -> Result<()> {
    let text = "we refuse its adverts: its auth_pass is not ours";
    both_tell(&v2(150).with(auth("AH", "alpha")), text, &v2(100).with(auth("AH", "beta")), text)
}

#[test]
fn another_key_of_auth_hmac() -> Result<()> {
    let text = "we refuse its adverts: its auth_hmac key is not ours";
    both_tell(&v3(150).with(hmac('a', "")), text, &v3(100).with(hmac('b', "")), text)
}

#[test]
fn auth_hmac_on_one_side_only() -> Result<()> {
    both_tell(
        &v3(150).with(hmac('a', "")),
        "we refuse its adverts: they have no auth_hmac trailer, our auth_hmac mode is enforce",
        &v3(100),
        "we refuse its adverts: it sends an auth_hmac trailer, we have no auth_hmac",
    )
}

#[test]
fn another_version() -> Result<()> {
    both_tell(
        &v3(150),
        "we refuse its adverts: its version is 2, ours is 3",
        &v2(100),
        "we refuse its adverts: its version is 3, ours is 2",
    )
}

#[test]
fn another_interval_of_version_2() -> Result<()> {
    let slow = Instance { advert: std::time::Duration::from_secs(2), ..v2(100) };
    both_tell(
        &v2(150),
        "we refuse its adverts: its advert_int is 2 seconds, ours is 1",
        &slow,
        "we refuse its adverts: its advert_int is 1 seconds, ours is 2",
    )
}

#[test]
fn another_virtual_router_id() -> Result<()> {
    let other = Instance { vrid: 15, ..v3(100) };
    both_tell(
        &v3(150),
        "it advertises our address 192.0.2.100 for virtual_router_id 15, ours is 51",
        &other,
        "it advertises our address 192.0.2.100 for virtual_router_id 51, ours is 15",
    )
}

#[test]
fn a_unicast_source_that_is_no_peer() -> Result<()> {
    let text = "we refuse its adverts: it is no unicast_peer of ours";
    let lines = |own, peer| {
        let [src, peers] = unicast(own, peer);
        [src, peers, "check_unicast_src".to_owned()]
    };
    // The first one's peer list names somebody else, the second one's is right, so it hears nothing.
    both_tell(
        &with_all(v3(150), lines(1, "192.0.2.9")),
        text,
        &with_all(v3(100), lines(2, "192.0.2.1")),
        "",
    )
}

#[test]
fn a_unicast_checksum_in_the_old_way() -> Result<()> {
    let lines = |own, peer, how: &str| {
        let [src, peers] = unicast(own, peer);
        [src, peers, how.to_owned()]
    };
    both_tell(
        &with_all(v3(150), lines(1, "192.0.2.2", "old_unicast_checksum never")),
        "we refuse its adverts: their checksum is made in the old way (old_unicast_checksum)",
        &with_all(v3(100), lines(2, "192.0.2.1", "old_unicast_checksum")),
        "we refuse its adverts: their checksum is made with the pseudo header of RFC 9568",
    )
}

/// `v3_checksum_as_v2` accepts every checksum, so only the other side refuses. It hears that
/// the first one stays.
#[test]
fn a_checksum_without_pseudo_header() -> Result<()> {
    both_tell(
        &v3(150).with("v3_checksum_as_v2"),
        "it stays MASTER with priority 100, ours is 150",
        &v3(100),
        "we refuse its adverts: their checksum is made without pseudo header (v3_checksum_as_v2)",
    )
}

#[test]
fn a_unicast_peer_that_is_too_far_away() -> Result<()> {
    let [src, peers] = unicast(1, "192.0.2.2 min_ttl 255");
    let near = with_all(v3(150), [src, peers, "check_unicast_src".to_owned()]);
    let [src, peers] = unicast(2, "192.0.2.1");
    let far = with_all(v3(200), [src, peers, "unicast_ttl 64".to_owned()]);
    both_tell(
        &near,
        "we refuse its adverts: they arrive with TTL 64, min_ttl and max_ttl are 255 and 255",
        &far,
        "it stays MASTER with priority 150, ours is 200",
    )
}

/// A master that is never heard to yield, with other addresses and another interval.
#[test]
fn a_rival_with_other_addresses() -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance::new(51, 150, &["192.0.2.100/24", "192.0.2.101/24"]);
    let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    let addrs = [VIP.into(), [192, 0, 2, 102].into()];
    let rival = Craft { interval: 20, ..Craft::new(3, [192, 0, 2, 9], 51, 50, &addrs) };
    let _flood = Flood::start(&lan.onlooker, "eth0", vec![rival.frame()], 20)?;
    daemon.await_log(
        "split brain with 192.0.2.9: it stays MASTER with priority 50, ours is 150: it does not \
         hear our adverts or refuses them, its log says why; its advert_int is 0.2, ours is 0.1; \
         it lacks 192.0.2.101; it has besides 192.0.2.102",
    )?;
    lan.wire.clear()?;
    lan.await_adverts_of(&a, 10)?;
    assert_eq!(daemon.log.count(SPLIT), 1);
    Ok(())
}

/// Version 2.2.7 of the reference refuses adverts with other addresses; ours says why it stays.
#[test]
fn a_reference_with_other_addresses() -> Result<()> {
    let Some(reference) = reference()? else { return Ok(()) };
    let lan = Lan::new()?;
    let ours = Instance::new(51, 150, &["192.0.2.100/24", "192.0.2.101/24"]);
    let mut first = lan.start_a(&Subject::ours()?, std::slice::from_ref(&ours))?;
    first.await_log("Entering MASTER STATE")?;
    // As MASTER it puts its adverts off with each packet that it refuses, so it has to be quicker.
    let quick = Instance { advert: std::time::Duration::from_millis(50), ..v3(100) };
    let mut second = lan.start_b(&reference, &[quick])?;
    second.await_log("Entering MASTER STATE")?;
    first.await_log(
        "split brain with 192.0.2.2: it stays MASTER with priority 100, ours is 150: it does not \
         hear our adverts or refuses them, its log says why; its advert_int is 0.05, ours is 0.1; it \
         lacks 192.0.2.101",
    )?;
    Ok(())
}

#[test]
fn a_peer_that_somebody_forwards() -> Result<()> {
    let mut lan = Lan::new()?;
    let a = v3(150);
    let mut daemon = lan.start_a(&Subject::ours()?, std::slice::from_ref(&a))?;
    daemon.await_log("Entering MASTER STATE")?;
    let routed = Craft { ttl: 63, ..Craft::new(3, [192, 0, 2, 9], 51, 200, &[VIP.into()]) };
    let _flood = Flood::start(&lan.onlooker, "eth0", vec![routed.frame()], 20)?;
    daemon.await_log(
        "split brain with 192.0.2.9: we refuse its adverts: they arrive with TTL 63, not 255",
    )?;
    lan.await_adverts_of(&a, 10)?;
    assert_eq!(daemon.log.count(SPLIT), 1);
    Ok(())
}

/// Counters behind the line: the statistics have the kind, the data dump has the peer.
#[test]
fn the_dumps_hold_what_the_line_is_based_on() -> Result<()> {
    let subject = Subject::ours()?;
    let lan = Lan::new()?;
    let folder = Folder::new()?;
    let path = folder.path("");
    let path = path.display();
    let a = v2(150).with(auth("PASS", "alpha"));
    let dumps = format!(
        "state_dump_file {path}data\n    stats_dump_file {path}stats\n    json_dump_file {path}json"
    );
    let config = lab::config::file([&a]).replace("router_id lab", &dumps);
    let mut first = Daemon::start(&lan.a, &subject, &config)?;
    first.await_log("Entering MASTER STATE")?;
    let _second = lan.start_b(&subject, &[v2(100).with(auth("PASS", "beta"))])?;
    first.await_log(SPLIT)?;
    first.signal(Role::Core, Signal::SIGUSR1)?;
    let data = folder.await_text("data", "Trouble with 192.0.2.2 = ")?;
    assert!(data.contains("its auth_pass is not ours ("), "{data}");
    first.signal(Role::Core, Signal::SIGUSR2)?;
    let stats = folder.await_text("stats", "VI_51")?;
    assert!(!stats.contains("Authentication failure: 0"), "{stats}");
    Ok(())
}
