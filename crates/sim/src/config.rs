//! Configurations written as one line of words, for scenarios and vectors.
//!
//! Owns a small notation; the configuration language itself is `conf`'s.
//! ```text
//! instance VI vrid 51 prio 100 dev eth0 vip 10.0.0.100/24 vip 10.0.0.101/24
//! ```

use core::net::IpAddr;
use core::str::FromStr;
use core::time::Duration;
use model::net::{Address, Route, Rule, RuleAction};
use model::track::{TrackFile, TrackProcess, TrackScript};
use model::vrrp::{
    Auth, AuthHmac, GarpExtraIf, HmacMode, OldChecksum, Peer, SyncGroup, TrackInterface, TrackRef,
    Unicast, Version, Vmac, VrrpInstance,
};
use model::{Secret, TrackKind, TrackObject};
use types::{Family, Prefix, Priority, ScriptId, TrackId, Vrid, Weight};

/// What may go wrong, in words.
pub type Error = String;

/// The next word as a value.
pub fn next<T: FromStr>(words: &mut dyn Iterator<Item = &str>, what: &str) -> Result<T, Error> {
    let word = words.next().ok_or_else(|| format!("{what}: a value is missing"))?;
    word.parse().map_err(|_| format!("{what}: `{word}` is no value for it"))
}

/// `250ms`, `3609.375ms`, `4s` or `20us`.
pub fn duration(text: &str) -> Result<Duration, Error> {
    let bad = || format!("`{text}` is no time");
    let digits = text.trim_end_matches(char::is_alphabetic);
    let unit = match text.get(digits.len()..) {
        Some("s") => 1e9,
        Some("ms") => 1e6,
        Some("us") => 1e3,
        _ => return Err(bad()),
    };
    let n: f64 = digits.parse().map_err(|_| bad())?;
    Ok(Duration::from_nanos((n * unit).round() as u64))
}

/// `ADDRESS[/LENGTH]`.
pub fn prefix(text: &str) -> Result<Prefix, Error> {
    let bad = || format!("`{text}` is no address");
    let (addr, len) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
    let addr: IpAddr = addr.parse().map_err(|_| bad())?;
    match len {
        None => Ok(Prefix::host(addr)),
        Some(l) => Ok(Prefix { addr, len: l.parse().map_err(|_| bad())? }),
    }
}

/// An instance on eth0 with every other option at its default.
pub fn plain(name: &str, vrid: u8, priority: u8) -> VrrpInstance {
    let vrid = Vrid::new(vrid).unwrap_or(Vrid::new(1).expect("1 is not 0"));
    VrrpInstance {
        interface: Some("eth0".to_owned()),
        priority: Priority(priority),
        wants_master: priority == 255,
        ..VrrpInstance::plain(name, vrid)
    }
}

/// An instance from the words after `instance`; `tracks` are those defined so
/// far.
pub fn instance(
    words: &mut dyn Iterator<Item = &str>,
    tracks: &[TrackObject],
) -> Result<VrrpInstance, Error> {
    let name: String = next(words, "instance")?;
    let mut i = plain(&name, 51, 100);
    while let Some(word) = words.next() {
        identity(&mut i, word, words)
            .or_else(|| flags(&mut i, word))
            .or_else(|| timing(&mut i, word, words))
            .or_else(|| addresses(&mut i, word, words))
            .or_else(|| routing(&mut i, word, words))
            .or_else(|| security(&mut i, word, words))
            .or_else(|| tracking(&mut i, word, words, tracks))
            .unwrap_or_else(|| Err(format!("instance {name}: what is `{word}`?")))?;
    }
    Ok(i)
}

type Words<'a, 'b> = &'a mut dyn Iterator<Item = &'b str>;

fn identity(i: &mut VrrpInstance, word: &str, words: Words<'_, '_>) -> Option<Result<(), Error>> {
    Some(match word {
        "vrid" => next(words, word).and_then(|v: u8| {
            i.vrid = Vrid::new(v).ok_or("vrid 0")?;
            Ok(())
        }),
        "prio" => next(words, word).map(|p| i.priority = Priority(p)),
        "dev" => next(words, word).map(|d| i.interface = Some(d)),
        "source" => next(words, word).map(|s| i.source = Some(s)),
        "group" => next(words, word).map(|g| i.mcast_group = g),
        "peer" => next(words, word).map(|addr| {
            let u = i.unicast.get_or_insert_default();
            u.peers.push(Peer { addr, min_ttl: 0, max_ttl: 255 });
        }),
        "ttl-range" => ttl_range(i, words),
        "version" => next(words, word).map(|v: u8| {
            i.version = if v == 3 { Version::V3 } else { Version::V2 };
        }),
        _ => return None,
    })
}

fn ttl_range(i: &mut VrrpInstance, words: Words<'_, '_>) -> Result<(), Error> {
    let (min, max) = (next(words, "ttl-range")?, next(words, "ttl-range")?);
    let unicast: &mut Unicast = i.unicast.get_or_insert_default();
    unicast.check_source = true;
    for p in &mut unicast.peers {
        (p.min_ttl, p.max_ttl) = (min, max);
    }
    Ok(())
}

fn flags(i: &mut VrrpInstance, word: &str) -> Option<Result<(), Error>> {
    match word {
        "no-dev" => i.interface = None,
        "v6" => {
            i.family = Family::V6;
            i.mcast_group = IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 0x12]);
        }
        "nopreempt" => i.nopreempt = true,
        "track-source" => i.track_source = true,
        "check-source" => i.unicast.get_or_insert_default().check_source = true,
        "old-checksum" => i.unicast.get_or_insert_default().old_checksum = OldChecksum::Always,
        "new-checksum" => i.unicast.get_or_insert_default().old_checksum = OldChecksum::Never,
        "checksum-as-v2" => i.v3_checksum_as_v2 = true,
        "dont-track-primary" => i.dont_track_primary = true,
        "skip-check" => i.skip_check_adv_addr = true,
        "lower-prio-no-advert" => i.lower_prio_no_advert = true,
        "higher-prio-send-advert" => i.higher_prio_send_advert = true,
        "owner-ignore-adverts" => i.owner_ignore_adverts = true,
        "report-deleted" => i.notify.report_deleted = true,
        "notify-priority" => i.notify_priority_changes = true,
        "config-fault" => i.config_faults = 1,
        "vmac" => i.vmac = Some(Vmac::default()),
        "vmac-addr" => i.vmac_addr = true,
        "no-accept" => i.accept = false,
        "xmit-base" => i.vmac_xmit_base = true,
        _ => return None,
    }
    Some(Ok(()))
}

fn timing(i: &mut VrrpInstance, word: &str, words: Words<'_, '_>) -> Option<Result<(), Error>> {
    let g = &mut i.garp;
    let time = match word {
        "adv" => &mut i.advert_int,
        "preempt-delay" => &mut i.preempt_delay,
        "garp-delay" => &mut g.master_delay,
        "garp-refresh" => &mut g.master_refresh,
        "garp-lower-delay" => &mut g.lower_prio_delay,
        "adverts" => return Some(next(words, word).map(|n| i.down_timer_adverts = n)),
        "timer-expired-backup" => {
            return Some(next(words, word).map(|p| i.timer_expired_backup = Some(p)));
        }
        "garp-extra" => {
            let interval = next::<String>(words, word).and_then(|t| duration(&t));
            return Some(interval.map(|interval| {
                g.extra_if = Some(GarpExtraIf { interval, all: true });
            }));
        }
        "garp-repeat" => return Some(next(words, word).map(|n| g.master_repeat = n)),
        "garp-lower-repeat" => return Some(next(words, word).map(|n| g.lower_prio_repeat = n)),
        _ => return None,
    };
    Some(next::<String>(words, word).and_then(|t| duration(&t)).map(|d| *time = d))
}

fn routing(i: &mut VrrpInstance, word: &str, words: Words<'_, '_>) -> Option<Result<(), Error>> {
    Some(match word {
        "route" => next::<String>(words, word)
            .and_then(|p| prefix(&p))
            .map(|p| i.routes.push(route(p, None))),
        "route-dev" => next(words, word).map(|dev| {
            if let Some(r) = i.routes.last_mut() {
                r.hop.dev = Some(dev);
            }
        }),
        "route-no-track" => {
            i.routes.last_mut().iter_mut().for_each(|r| r.no_track = true);
            Ok(())
        }
        "route-expires" => next(words, word).map(|seconds| {
            i.routes.last_mut().iter_mut().for_each(|r| r.expires = Some(seconds));
        }),
        "rule" => next(words, word).map(|priority| i.rules.push(rule(priority))),
        _ => return None,
    })
}

fn addresses(i: &mut VrrpInstance, word: &str, words: Words<'_, '_>) -> Option<Result<(), Error>> {
    let list = match word {
        "vip" => &mut i.vips,
        "evip" => &mut i.evips,
        "vip-dev" => {
            return Some(next(words, word).map(|dev| {
                if let Some(a) = i.vips.last_mut() {
                    a.dev = Some(dev);
                }
            }));
        }
        "brd" => {
            return Some(next(words, word).map(|addr| {
                i.vips.last_mut().iter_mut().for_each(|a| a.broadcast = Some(addr));
            }));
        }
        "preferred" => {
            return Some(next(words, word).map(|seconds| {
                i.vips.last_mut().iter_mut().for_each(|a| a.preferred_lft = Some(seconds));
            }));
        }
        "no-track" => {
            if let Some(a) = i.vips.last_mut() {
                a.no_track = true;
            }
            return Some(Ok(()));
        }
        _ => return None,
    };
    Some(next::<String>(words, word).and_then(|p| prefix(&p)).map(|p| list.push(Address::plain(p))))
}

fn security(i: &mut VrrpInstance, word: &str, words: Words<'_, '_>) -> Option<Result<(), Error>> {
    Some(match word {
        "pass" => next(words, word).map(|p: String| i.auth = Some(Auth::Pass(Secret::new(p)))),
        "ah" => next(words, word).map(|p: String| i.auth = Some(Auth::Ah(Secret::new(p)))),
        "hmac" => next(words, word).and_then(|id| {
            let key: String = next(words, word)?;
            let key = match key.strip_prefix("hex:") {
                Some(h) => Secret::new(unhex(h)),
                None => Secret::new(key),
            };
            let h = i.auth_hmac.get_or_insert(AuthHmac {
                keys: Vec::new(),
                active_key: id,
                time_window: 5,
                monotonic: false,
                mode: HmacMode::Enforce,
            });
            h.keys.push((id, key));
            Ok(())
        }),
        "hmac-mode" => next::<String>(words, word).and_then(|m| {
            let h = i.auth_hmac.as_mut().ok_or("hmac-mode before hmac")?;
            match m.as_str() {
                "permissive" => h.mode = HmacMode::Permissive,
                "receive-only" => h.mode = HmacMode::ReceiveOnly,
                "monotonic" => h.monotonic = true,
                _ => return Err(format!("hmac-mode {m}?")),
            }
            Ok(())
        }),
        _ => return None,
    })
}

fn tracking(
    i: &mut VrrpInstance,
    word: &str,
    words: Words<'_, '_>,
    tracks: &[TrackObject],
) -> Option<Result<(), Error>> {
    let reverse = word.starts_with("reverse-");
    Some(match word.trim_start_matches("reverse-") {
        "track" => track_ref(words, tracks, reverse).map(|r| i.tracks.push(r)),
        "watch" => next(words, word).and_then(|interface| {
            let weight = Weight(next(words, word)?);
            i.track_interfaces.push(TrackInterface { interface, weight, reverse });
            Ok(())
        }),
        _ => return None,
    })
}

fn track_ref(
    words: Words<'_, '_>,
    tracks: &[TrackObject],
    reverse: bool,
) -> Result<TrackRef, Error> {
    let name: String = next(words, "track")?;
    let weight = Weight(next(words, "track")?);
    let at = tracks.iter().position(|t| t.name == name);
    let id = TrackId(at.ok_or_else(|| format!("nothing called {name} is tracked"))? as u32);
    Ok(TrackRef { id, weight, reverse })
}

/// A sync group from the words after `sync-group`.
pub fn group(
    words: &mut dyn Iterator<Item = &str>,
    tracks: &[TrackObject],
) -> Result<SyncGroup, Error> {
    let mut g = SyncGroup { name: next(words, "sync-group")?, ..SyncGroup::default() };
    while let Some(word) = words.next() {
        match word {
            "tracking-weight" => g.tracking_weight = true,
            "notify-priority" => g.notify_priority_changes = true,
            "track" => g.tracks.push(track_ref(words, tracks, false)?),
            member => g.members.push(member.to_owned()),
        }
    }
    Ok(g)
}

/// A tracked object from the words after `object`: kind and name.
pub fn object(words: &mut dyn Iterator<Item = &str>) -> Result<TrackObject, Error> {
    let kind: String = next(words, "object")?;
    let name = next(words, "object")?;
    let kind = match kind.as_str() {
        "script" | "failed-script" => TrackKind::Script(TrackScript {
            script: ScriptId(0),
            interval: Duration::from_secs(1),
            timeout: Duration::ZERO,
            rise: 1,
            fall: 1,
            init_fail: kind == "failed-script",
        }),
        "file" => TrackKind::File(TrackFile { path: "/f".to_owned(), init: None }),
        "process" => TrackKind::Process(TrackProcess {
            process: "p".to_owned(),
            params: Vec::new(),
            param_match: Default::default(),
            full_command: false,
            quorum: 1,
            quorum_max: None,
            terminate_delay: Duration::ZERO,
            fork_delay: Duration::ZERO,
        }),
        "bfd" => TrackKind::Bfd,
        _ => return Err(format!("no object is a {kind}")),
    };
    Ok(TrackObject { name, weight: Weight(0), reverse: false, kind })
}

/// Bytes of hex digits; blanks are ignored.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|p| p.iter().fold(0, |n, d| n << 4 | *d as u8)).collect()
}

/// A route to `dst`, out of `dev` if that is given.
pub fn route(dst: Prefix, dev: Option<&str>) -> Route {
    let mut route = Route::plain(dst.family(), Some(dst));
    route.hop.dev = dev.map(str::to_owned);
    route
}

/// A rule of this priority that looks up table 100.
pub fn rule(priority: u32) -> Rule {
    Rule::plain(Family::V4, priority, RuleAction::Table(100))
}
