//! Strict mode as others on the network see it.

use conformance::{Lan, V3_V6, VIP, on_both};
use lab::config::Instance;
use lab::{PATIENCE, Result, Subject};

/// What a strict instance has no use for is left out with an error, and it runs.
fn passwords_are_left_out_of_adverts(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let auth = "authentication {\n        auth_type PASS\n        auth_pass secret\n    }";
    let a = Instance::new(51, 150, &["192.0.2.100/24"]).v2().with("strict_mode on").with(auth);
    let _daemon = lan.start_a(subject, std::slice::from_ref(&a))?;
    lan.await_advert_of(&a)?;
    let adverts = lan.wire.frames()?.iter().filter(|f| f.advert().is_some());
    let secret = |f: &lab::Frame| f.bytes.windows(6).any(|w| w == b"secret");
    // Authentication type: byte 4 of the packet after Ethernet and IP.
    let types: Vec<u8> = adverts.clone().map(|f| f.bytes[14 + 20 + 4]).collect();
    assert!(!types.is_empty() && types.iter().all(|t| *t == 0), "{types:?}");
    assert!(!adverts.into_iter().any(secret));
    Ok(())
}

fn ipv6_is_spoken_in_version_3(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = V3_V6.instance_a();
    let strict = Instance { version: 2, advert: std::time::Duration::from_secs(1), ..a };
    let _daemon = lan.start_a(subject, &[strict.with("strict_mode on")])?;
    let (_, advert) = lan.wire.await_advert(PATIENCE, |a| a.vrid == 51)?;
    assert_eq!(advert.version, 3);
    Ok(())
}

/// Priority 150 owns nothing: it listens first, whatever `state` says.
fn who_is_no_owner_begins_as_backup(subject: &Subject) -> Result<()> {
    let mut lan = Lan::new()?;
    let a = Instance::new(51, 150, &["192.0.2.100/24"]).with("strict_mode on");
    let text = lab::config::file([&a]).replace("state BACKUP", "state MASTER");
    let mut daemon = lab::Daemon::start(&lan.a, subject, &text)?;
    daemon.await_log("Entering BACKUP STATE")?;
    daemon.await_log("Entering MASTER STATE")?;
    lan.watch_a.await_addr(PATIENCE, VIP, true)?;
    Ok(())
}

fn an_instance_without_addresses_is_refused(subject: &Subject) -> Result<()> {
    let lan = Lan::new()?;
    let text = "vrrp_instance VI {\n    interface eth0\n    virtual_router_id 51\n    \
                strict_mode on\n}\n";
    let daemon = lab::Daemon::start(&lan.a, subject, text)?;
    assert!(!daemon.await_exit(PATIENCE)?.1.success());
    Ok(())
}

on_both!(
    passwords_are_left_out_of_adverts,
    ipv6_is_spoken_in_version_3,
    who_is_no_owner_begins_as_backup,
    an_instance_without_addresses_is_refused,
);
