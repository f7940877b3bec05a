//! Instances once everything is read: defaults filled in, contradictions
//! resolved, and those refused that cannot run.

use std::net::IpAddr;
use std::time::Duration;

use model::vrrp::{Auth, Garp, Unicast, Version, VrrpInstance};
use types::{Family, Priority};

use super::draft::Draft;
use super::{auth, strict};
use crate::diag::{Code, Level};
use crate::host::{IfFacts, Interface};
use crate::lower::Cx;

/// Most addresses that an advert can count (RFC 9568 section 5.2.5).
const VIPS_MAX: usize = 255;
/// Longest interval of VRRPv3: 12 bits of centiseconds (section 5.2.7).
const V3_LONGEST: Duration = Duration::from_millis(40_950);
/// MTU where the host does not tell.
const USUAL_MTU: u32 = 1500;

/// Completes all instances.
pub(super) fn instances(cx: &mut Cx<'_>) {
    let drafts = std::mem::take(&mut cx.build.vrrp.instances);
    cx.build.config.vrrp.instances.reserve(drafts.len());
    for draft in drafts {
        if let Some(instance) = instance(cx, draft) {
            cx.build.config.vrrp.instances.push(instance);
        }
    }
}

/// One instance; `None` when it cannot run, which refuses the start.
fn instance(cx: &mut Cx<'_>, mut draft: Draft) -> Option<VrrpInstance> {
    identity(cx, &mut draft)?;
    family_and_version(cx, &mut draft);
    inherit(cx, &mut draft);
    unicast(cx, &mut draft)?;
    election(cx, &mut draft);
    strict::apply(cx, &mut draft)?;
    advert_interval(cx, &mut draft);
    preemption(cx, &mut draft);
    auth::complete(cx, &mut draft);
    addresses(cx, &mut draft)?;
    links(cx, &mut draft);
    trackers(cx, &mut draft);
    Some(draft.made)
}

/// What no instance can do without.
fn identity(cx: &mut Cx<'_>, draft: &mut Draft) -> Option<()> {
    let (name, span) = (draft.made.name.clone(), draft.span);
    let Some(vrid) = draft.given.vrid else {
        let text = format!("({name}) the virtual router id must be set");
        cx.late_fatal(Code::Missing, span, text);
        return None;
    };
    draft.made.vrid = vrid;
    if draft.given.mac_ends_in_vrid
        && let Some(mac) = draft.made.vmac.as_mut().and_then(|v| v.mac.as_mut())
    {
        mac[5] = vrid.get();
    }
    let peers = !draft.given.peers.is_empty();
    if draft.made.vrf.is_some() && (draft.made.interface.is_some() || !peers) {
        let why = if peers {
            "vrf and interface exclude each other - ignoring vrf"
        } else {
            "vrf is for unicast without an interface - ignoring it"
        };
        cx.late(Code::Conflict, span, format!("({name}) {why}"));
        draft.made.vrf = None;
    }
    if draft.made.interface.is_some() {
        return Some(());
    }
    let link_local =
        |source: IpAddr| matches!(source, IpAddr::V6(s) if s.segments()[0] & 0xffc0 == 0xfe80);
    let refusal = if !peers {
        "Unknown interface!"
    } else if draft.made.vmac.is_some() || draft.made.ipvlan.is_some() {
        "use_vmac and use_ipvlan need an interface"
    } else if draft.made.source.is_none() {
        "unicast without an interface needs unicast_src_ip"
    } else if draft.made.source.is_some_and(link_local) {
        "unicast without an interface cannot use a link-local source address"
    } else {
        return Some(());
    };
    cx.late_fatal(Code::Missing, span, format!("({name}) {refusal}"));
    None
}

fn family_and_version(cx: &mut Cx<'_>, draft: &mut Draft) {
    let made = &mut draft.made;
    made.family = draft.given.family.unwrap_or(Family::V4);
    let usual = match made.family {
        Family::V4 => cx.build.global.version,
        Family::V6 => Version::V3,
    };
    made.version = draft.given.version.unwrap_or(usual);
    made.strict = draft.given.strict.unwrap_or(cx.build.global.strict);
    let global = &cx.build.config.global;
    let usual = match made.family {
        Family::V4 => IpAddr::V4(global.mcast_group4),
        Family::V6 => IpAddr::V6(global.mcast_group6),
    };
    made.mcast_group = match draft.given.mcast_group {
        Some(group) if Family::of(group) != made.family => {
            let text = format!("({}) mcast_dst_ip is of the wrong family - ignoring", made.name);
            cx.late(Code::BadFamily, draft.span, text);
            usual
        }
        given => given.unwrap_or(usual),
    };
}

/// Defaults of `global_defs` where the instance says nothing.
fn inherit(cx: &Cx<'_>, draft: &mut Draft) {
    let (defaults, global) = (&cx.build.global, &cx.build.config.global);
    let (made, given) = (&mut draft.made, &draft.given);
    let pacing = &given.garp;
    let master_delay = pacing.master_delay.unwrap_or(defaults.garp.master_delay);
    let master_repeat = pacing.master_repeat.unwrap_or(defaults.garp.master_repeat);
    made.garp = Garp {
        master_delay,
        master_repeat,
        master_refresh: pacing.master_refresh.unwrap_or(defaults.garp.master_refresh),
        master_refresh_repeat: pacing
            .master_refresh_repeat
            .unwrap_or(defaults.garp.master_refresh_repeat),
        lower_prio_delay: pacing
            .lower_prio_delay
            .or(defaults.lower_prio_delay)
            .unwrap_or(master_delay),
        lower_prio_repeat: pacing
            .lower_prio_repeat
            .or(defaults.lower_prio_repeat)
            .unwrap_or(master_repeat),
        extra_if: pacing.extra_if.unwrap_or(defaults.garp.extra_if),
    };
    made.down_timer_adverts = given.down_timer_adverts.unwrap_or(defaults.down_timer_adverts);
    made.lower_prio_no_advert = given.lower_prio_no_advert.unwrap_or(defaults.lower_prio_no_advert);
    made.higher_prio_send_advert =
        given.higher_prio_send_advert.unwrap_or(defaults.higher_prio_send_advert);
    made.skip_check_adv_addr = given.skip_check_adv_addr.unwrap_or(defaults.skip_check_adv_addr);
    made.v3_checksum_as_v2 = given.v3_checksum_as_v2.unwrap_or(defaults.v3_checksum_as_v2);
    let mail = global.smtp.alert_vrrp.or(global.smtp.alert).unwrap_or(false);
    made.smtp_alert = given.smtp_alert.unwrap_or(mail);
    made.notify_priority_changes =
        given.notify_priority_changes.unwrap_or(global.notify_priority_changes);
}

fn unicast(cx: &mut Cx<'_>, draft: &mut Draft) -> Option<()> {
    let (name, span) = (draft.made.name.clone(), draft.span);
    let given = &mut draft.given;
    if given.peers.is_empty() {
        if given.unicast_ttl.is_some() {
            let text = format!("({name}) unicast_ttl needs unicast peers - ignoring it");
            cx.late(Code::Conflict, span, text);
        }
        if !given.unicast {
            return Some(());
        }
        let instead = if given.fault_no_peer {
            draft.made.fault_no_peer = true;
            draft.made.config_faults += 1;
            "The instance stays in FAULT."
        } else {
            "Multicast is used."
        };
        let text = format!("({name}) there is a unicast keyword but no unicast_peer. {instead}");
        cx.late_at(Level::Deprecated, Code::Deprecated, span, text);
        return Some(());
    }
    if given.mcast_group.is_some() {
        let text = format!("({name}) mcast_dst_ip has no effect with unicast_peer - ignoring it");
        cx.late(Code::Conflict, span, text);
    }
    let check = given.check_unicast_src || cx.build.global.check_unicast_src || given.ttl_limits;
    draft.made.unicast = Some(Unicast {
        peers: std::mem::take(&mut given.peers),
        check_source: check,
        ttl: given.unicast_ttl,
        old_checksum: given.old_checksum,
    });
    let multicast = facts(cx, draft).is_none_or(|f| f.multicast);
    if draft.made.strict && draft.made.interface.is_some() && multicast {
        let text =
            format!("({name}) strict mode has no unicast peers on an interface with multicast");
        cx.late_fatal(Code::Conflict, span, text);
        return None;
    }
    Some(())
}

/// What the host knows of the instance's interface.
pub(super) fn facts(cx: &Cx<'_>, draft: &Draft) -> Option<IfFacts> {
    match cx.host.interface(draft.made.interface.as_deref()?) {
        Interface::Present(facts) => Some(facts),
        _ => None,
    }
}

/// Priority, wish and what goes with ownership.
fn election(cx: &mut Cx<'_>, draft: &mut Draft) {
    let (made, given) = (&mut draft.made, &draft.given);
    let master = given.master == Some(true);
    let usual = if master { Priority::OWNER } else { Priority::DEFAULT };
    made.priority = given.priority.unwrap_or(usual);
    made.wants_master = master || made.priority.is_owner();
    let global = cx.build.global.owner_ignore_adverts;
    let owner = made.priority.is_owner();
    made.owner_ignore_adverts =
        owner && given.owner_ignore_adverts.or(global).unwrap_or(made.strict);
    if !owner && given.owner_ignore_adverts == Some(true) {
        let text =
            format!("({}) owner_ignore_adverts is for priority 255 only - resetting", made.name);
        cx.late(Code::Conflict, draft.span, text);
    } else if owner && given.owner_ignore_adverts == Some(false) {
        let text = format!(
            "({}) owner_ignore_adverts off: keepalived 2.4 turns it on for an address owner",
            made.name
        );
        cx.late(Code::Advice, draft.span, text);
    }
}

fn advert_interval(cx: &mut Cx<'_>, draft: &mut Draft) {
    let (made, span) = (&mut draft.made, draft.span);
    let interval = made.advert_int;
    if made.version == Version::V2 {
        let seconds = (interval + Duration::from_millis(500)).as_secs().clamp(1, 255);
        made.advert_int = Duration::from_secs(seconds);
        if made.advert_int != interval {
            let text = format!(
                "({}) advert_int {}s must be whole seconds in version 2 - rounding to {}s",
                made.name,
                interval.as_secs_f64(),
                seconds
            );
            cx.late(Code::Adjusted, span, text);
        }
        return;
    }
    if interval > V3_LONGEST {
        let text = format!(
            "({}) VRRPv3 advertisement interval {:.2}s is out of range. Must be less than 40.96s. \
             Setting to 40.95s",
            made.name,
            interval.as_secs_f64()
        );
        made.advert_int = V3_LONGEST;
        cx.late(Code::Adjusted, span, text);
        return;
    }
    let centiseconds = (interval.as_micros() + 5_000) / 10_000;
    let rounded = Duration::from_millis(u64::try_from(centiseconds).unwrap_or(1).max(1) * 10);
    if rounded != interval {
        let text = format!(
            "({}) VRRPv3 advertisement interval {}s must be in units of 10ms - rounding",
            made.name,
            interval.as_secs_f64()
        );
        cx.late(Code::Adjusted, span, text);
        made.advert_int = rounded;
    }
}

/// What cannot go with being master from the start, or with not preempting.
fn preemption(cx: &mut Cx<'_>, draft: &mut Draft) {
    let (made, span) = (&mut draft.made, draft.span);
    let name = made.name.as_str();
    let state_master = draft.given.master == Some(true);
    if made.nopreempt && (made.priority.is_owner() || state_master) {
        let text = if made.priority.is_owner() {
            format!("({name}) nopreempt has no place with priority 255 - clearing it")
        } else {
            format!("({name}) nopreempt has no place with state MASTER - clearing it")
        };
        cx.late(Code::Conflict, span, text);
        made.nopreempt = false;
    }
    if !made.preempt_delay.is_zero() {
        let why = if state_master {
            "preempt_delay has no place with state MASTER - clearing it"
        } else if made.nopreempt {
            "preempt_delay has no place with nopreempt - clearing it"
        } else {
            ""
        };
        if !why.is_empty() {
            cx.late(Code::Conflict, span, format!("({name}) {why}"));
            made.preempt_delay = Duration::ZERO;
        }
    }
    if made.timer_expired_backup.is_some() && !made.nopreempt {
        let text = format!("({name}) timer_expired_backup needs nopreempt - clearing it");
        cx.late(Code::Conflict, span, text);
        made.timer_expired_backup = None;
    }
}

/// How many addresses an advert has room for.
fn room(draft: &Draft, mtu: u32) -> usize {
    let made = &draft.made;
    let trailer = if made.auth_hmac.is_some() { 28 } else { 0 };
    let (headers, each) = match made.family {
        Family::V6 => (40 + 8, 16),
        Family::V4 => {
            let password = if made.version == Version::V2 { 8 } else { 0 };
            let ah = if matches!(made.auth, Some(Auth::Ah(_))) { 24 } else { 0 };
            (20 + 8 + password + ah, 4)
        }
    };
    let mtu = usize::try_from(mtu).unwrap_or(usize::MAX);
    (mtu.saturating_sub(headers + trailer) / each).min(VIPS_MAX)
}

fn addresses(cx: &mut Cx<'_>, draft: &mut Draft) -> Option<()> {
    let mtu = facts(cx, draft).map(|f| f.mtu).filter(|mtu| *mtu > 0).unwrap_or(USUAL_MTU);
    let room = room(draft, mtu);
    let (made, span) = (&mut draft.made, draft.span);
    let name = made.name.as_str();
    if made.vips.len() > room {
        let text = format!(
            "({name}) {} VIPs do not fit an advert, {room} do - the rest become excluded VIPs",
            made.vips.len()
        );
        cx.late(Code::Adjusted, span, text);
        let excess = made.vips.split_off(room);
        made.evips.splice(0..0, excess);
    }
    // Thousands of instances are kept for long.
    made.vips.shrink_to_fit();
    made.evips.shrink_to_fit();
    if let Some(IpAddr::V6(first)) = made.vips.first().map(|vip| vip.prefix.addr)
        && first.segments()[0] & 0xffc0 != 0xfe80
    {
        let text = format!("({name}) the first IPv6 VIP should be link-local (RFC 9568)");
        let level = if made.strict { Level::General } else { Level::Note };
        cx.late_at(level, Code::BadAddress, span, text);
    }
    if !made.vips.is_empty() || made.no_vips {
        return Some(());
    }
    let text = format!("({name}) No VIP specified; at least one is");
    if made.version == Version::V3 || made.strict {
        cx.late_fatal(Code::Missing, span, format!("{text} required"));
        return None;
    }
    cx.late_at(Level::Warning, Code::Missing, span, format!("{text} sensible"));
    Some(())
}

/// The interface and what is stacked upon it.
fn links(cx: &mut Cx<'_>, draft: &mut Draft) {
    let facts = facts(cx, draft);
    let (made, span) = (&mut draft.made, draft.span);
    let name = made.name.as_str();
    let mut say = |text: &str| cx.late(Code::Conflict, span, format!("({name}) {text}"));
    if made.vmac.is_some() && made.ipvlan.is_some() {
        say("use_vmac and use_ipvlan exclude each other - ignoring use_vmac");
        made.vmac = None;
    }
    let stacked = made.vmac.is_some() || made.ipvlan.is_some();
    if stacked && facts.is_some_and(|f| !f.ethernet) {
        say("use_vmac and use_ipvlan need an Ethernet interface - the instance stays in FAULT");
        (made.vmac, made.ipvlan) = (None, None);
        made.config_faults += 1;
    } else if stacked && made.promote_secondaries {
        say("promote_secondaries is always set on VMACs - ignoring it");
        made.promote_secondaries = false;
    }
    if made.vmac_xmit_base && made.vmac.is_none() {
        say("vmac_xmit_base needs use_vmac - clearing it");
        made.vmac_xmit_base = false;
    }
    if made.vmac.is_some() && made.unicast.is_some() && !made.vmac_xmit_base {
        say("unicast with use_vmac needs vmac_xmit_base - setting it");
        made.vmac_xmit_base = true;
    }
    let family = made.family;
    if let Some(ipvlan) = &mut made.ipvlan
        && let Some(addr) = ipvlan.addr.take_if(|addr| addr.family() != family)
    {
        say(&format!("the address {addr} of use_ipvlan is not of {family} - ignoring it"));
    }
    if made.family == Family::V4 && made.ipvlan.as_ref().is_some_and(|i| i.addr.is_none()) {
        say("use_ipvlan needs an address for IPv4 - the instance stays in FAULT");
        made.config_faults += 1;
    }
    if made.track_source && made.source.is_none() {
        made.track_source = false;
        let text = format!("({name}) track_src_ip without a source address has no effect");
        cx.late_at(Level::Note, Code::Ignored, span, text);
    }
    if made.unicast.is_none() && facts.is_some_and(|f| !f.multicast) {
        let text = format!(
            "({name}) interface {} does not support multicast and there are no unicast peers; \
             the instance stays in FAULT",
            made.interface.as_deref().unwrap_or("")
        );
        cx.late(Code::BadInterface, span, text);
        made.config_faults += 1;
    }
}

/// Trackers of what is not usable, or would never count.
fn trackers(cx: &mut Cx<'_>, draft: &mut Draft) {
    let span = draft.span;
    let own = draft.made.interface.clone().unwrap_or_default();
    let name = draft.made.name.clone();
    let before = draft.made.track_interfaces.len();
    draft.made.track_interfaces.retain(|t| t.interface != own);
    if draft.made.track_interfaces.len() != before {
        let text = format!(
            "({name}) {own} is the instance's own interface and tracked already - ignoring it"
        );
        cx.late(Code::Ignored, span, text);
    }
    super::objects::drop_unusable(cx, &mut draft.made.tracks);
    if !draft.made.priority.is_owner() {
        return;
    }
    let made = &mut draft.made;
    let weighted = made.track_interfaces.iter().any(|t| t.weight.0 != 0)
        || made.tracks.iter().any(|t| t.weight.0 != 0);
    if weighted {
        made.track_interfaces.retain(|t| t.weight.0 == 0);
        made.tracks.retain(|t| t.weight.0 == 0);
        let text = format!(
            "({name}) trackers with weights have no place with priority 255 - ignoring them"
        );
        cx.late(Code::Conflict, span, text);
    }
}
