//! The block of an instance in `keepalived.data`.

use super::data::lines;
use super::{line, words};
use core::fmt::Write;
use ipc::msg::vrrp::Known;
use model::vrrp::{Auth, OldChecksum, Version};
use types::Family;
use vrrp_proto::{Node, State, Status};

/// The block.
pub fn write(out: &mut String, node: &Node, s: Status<'_>, known: &Known) -> core::fmt::Result {
    let c = s.config();
    let dev = c.interface.as_deref().unwrap_or("not configured");
    writeln!(out, " VRRP Instance = {}", c.name)?;
    writeln!(out, "   VRRP Version = {}", if c.version == Version::V2 { 2 } else { 3 })?;
    if let Some(group) = node.group_name(s) {
        writeln!(out, "   Sync group = {group}")?;
    }
    if c.family == Family::V6 {
        writeln!(out, "   Using Native IPv6")?;
    }
    writeln!(out, "   State = {}", s.state())?;
    match c.unicast {
        Some(_) => writeln!(out, "   Flags:\n     Using unicast")?,
        None => writeln!(out, "   Flags: none")?,
    }
    writeln!(out, "   Wantstate = {}", super::wanted(s))?;
    if s.state() == State::Backup
        && let Some((addr, priority)) = s.master()
    {
        writeln!(out, "   Master router = {addr}")?;
        writeln!(out, "   Master priority = {priority}")?;
        if c.version == Version::V3 {
            let interval = s.master_interval().as_millis();
            writeln!(out, "   Master advert interval = {interval} milli-sec")?;
        }
    }
    writeln!(out, "   Number of config faults = {}", c.config_faults)?;
    writeln!(out, "   Number of tracker faults = {}", s.causes().len())?;
    writeln!(out, "   Number of track scripts init = {}", pending(node, s))?;
    for t in s.troubles() {
        let (n, last) = (t.count, super::stamp(t.last));
        writeln!(out, "   Trouble with {} = {} ({n} adverts, the last at {last})", t.from, t.what)?;
    }
    writeln!(out, "   Last transition = {}", super::stamp(s.since().0))?;
    match s.deadline() {
        Some(at) => writeln!(out, "   Read timeout = {}", super::stamp(at))?,
        None => writeln!(out, "   Read timeout = DISABLED")?,
    }
    writeln!(out, "   Master down timer = {} usecs", s.master_down().as_micros())?;
    match s.vmac() {
        Some(vmac) => virtual_link(out, s, vmac, dev)?,
        None => writeln!(out, "   Interface = {dev}")?,
    }
    if let Some(vrf) = &c.vrf {
        writeln!(out, "   VRF = {vrf}")?;
    }
    for (is, line) in [
        (c.dont_track_primary, "VRRP interface tracking disabled"),
        (c.skip_check_adv_addr, "Skip checking advert IP addresses"),
        (c.no_vips, "Suppress no VIPs warning"),
        (c.strict, "Enforcing strict VRRP compliance"),
    ] {
        if is {
            writeln!(out, "   {line}")?;
        }
    }
    if let Some(src) = s.binding().0 {
        let from = if c.source.is_some() { " (from configuration)" } else { "" };
        writeln!(out, "   Using src_ip = {src}{from}")?;
    }
    match s.binding().1 {
        _ if c.unicast.is_some() => {}
        Some(index) if c.family == Family::V6 => {
            writeln!(out, "   Multicast address {}, ifindex {}", c.mcast_group, index.0)?;
        }
        _ => writeln!(out, "   Multicast address {}", c.mcast_group)?,
    }
    writeln!(out, "   Gratuitous ARP delay = {}", c.garp.master_delay.as_secs())?;
    writeln!(out, "   Gratuitous ARP repeat = {}", c.garp.master_repeat)?;
    writeln!(out, "   Gratuitous ARP refresh = {}", c.garp.master_refresh.as_secs())?;
    writeln!(out, "   Gratuitous ARP refresh repeat = {}", c.garp.master_refresh_repeat)?;
    writeln!(
        out,
        "   Gratuitous ARP lower priority delay = {}",
        c.garp.lower_prio_delay.as_secs()
    )?;
    writeln!(out, "   Gratuitous ARP lower priority repeat = {}", c.garp.lower_prio_repeat)?;
    writeln!(out, "   Down timer adverts = {}", c.down_timer_adverts)?;
    let lower = !c.lower_prio_no_advert;
    writeln!(out, "   Send advert after receive lower priority advert = {lower}")?;
    let higher = c.higher_prio_send_advert;
    writeln!(out, "   Send advert after receive higher priority advert = {higher}")?;
    if c.priority.is_owner() {
        let ignores = c.owner_ignore_adverts;
        writeln!(out, "   Address owner ignores received adverts = {ignores}")?;
    }
    writeln!(out, "   Virtual Router ID = {}", c.vrid)?;
    writeln!(out, "   Priority = {}", c.priority)?;
    writeln!(out, "   Effective priority = {}", s.priority())?;
    writeln!(out, "   Total priority = {}", node.total_priority(s))?;
    match c.version {
        Version::V2 => writeln!(out, "   Advert interval = {} sec", c.advert_int.as_secs())?,
        Version::V3 => {
            writeln!(out, "   Advert interval = {} milli-sec", c.advert_int.as_millis())?;
        }
    }
    if let Some(at) = s.last_advert() {
        writeln!(out, "   Last advert sent = {}", super::stamp(at))?;
    }
    writeln!(out, "   Accept = {}", if c.accept { "enabled" } else { "disabled" })?;
    writeln!(out, "   Preempt = {}", if c.nopreempt { "disabled" } else { "enabled" })?;
    if !c.preempt_delay.is_zero() {
        writeln!(out, "   Preempt delay = {} secs", c.preempt_delay.as_secs_f64())?;
    }
    let promote = if c.promote_secondaries { "enabled" } else { "disabled" };
    writeln!(out, "   Promote_secondaries = {promote}")?;
    authentication(out, s)?;
    writeln!(out, "   Virtual IP ({}):", c.vips.len())?;
    for (vip, _, on) in s.addresses().filter(|(_, excluded, _)| !excluded) {
        writeln!(out, "     {}", line::address(vip, &node.device_of(s, vip), on.is_some()))?;
    }
    if !c.evips.is_empty() {
        writeln!(out, "   Virtual IP Excluded :")?;
        for (vip, _, on) in s.addresses().filter(|(_, excluded, _)| *excluded) {
            writeln!(out, "     {}", line::address(vip, &node.device_of(s, vip), on.is_some()))?;
        }
    }
    if let Some(unicast) = &c.unicast {
        if let Some(ttl) = unicast.ttl.or((c.family == Family::V4).then_some(255)) {
            writeln!(out, "   Unicast TTL = {ttl}")?;
        }
        writeln!(
            out,
            "   Check unicast src : {}",
            if unicast.check_source { "yes" } else { "no" }
        )?;
        writeln!(out, "   Unicast Peer :")?;
        for peer in &unicast.peers {
            writeln!(out, "     {} min_ttl {} max_ttl {}", peer.addr, peer.min_ttl, peer.max_ttl)?;
        }
        let old = match unicast.old_checksum {
            OldChecksum::Never => "never",
            _ if s.sums_as_old() => "yes",
            _ => "no",
        };
        writeln!(out, "   Unicast checksum compatibility = {old}")?;
    }
    for (rules, title) in [(false, "Virtual Routes"), (true, "Virtual Rules")] {
        let lines = lines(s.fib(), rules);
        if !lines.is_empty() {
            write!(out, "   {title} :\n{lines}")?;
        }
    }
    words::tracked(out, node, &c.track_interfaces, &c.tracks)?;
    writeln!(out, "   Using smtp notification = {}", words::yes(c.smtp_alert))?;
    let deleted = if c.notify.report_deleted { "Deleted" } else { "Fault" };
    writeln!(out, "   Notify deleted = {deleted}")?;
    words::scripts(out, &c.notify, known)?;
    writeln!(out, "   Notify priority changes = {}", c.notify_priority_changes)
}

/// How many of its tracked scripts have no result yet.
fn pending(node: &Node, s: Status<'_>) -> usize {
    let values: Vec<_> = node.track_values().collect();
    let is = |r: &&model::vrrp::TrackRef| {
        matches!(values.get(r.id.index()), Some(vrrp_proto::TrackValue::Pending))
    };
    s.config().tracks.iter().filter(is).count()
}

fn authentication(out: &mut String, s: Status<'_>) -> core::fmt::Result {
    let c = s.config();
    match &c.auth {
        None => {}
        Some(Auth::Pass(_)) => {
            writeln!(out, "   Authentication type = SIMPLE_PASSWORD\n   Password = ********")?;
        }
        Some(Auth::Ah(_)) => writeln!(out, "   Authentication type = IPSEC_AH")?,
    }
    if let Some(hmac) = &c.auth_hmac {
        writeln!(out, "   Authentication extension = HMAC-SHA256-128")?;
        writeln!(out, "     Keys = {}", hmac.keys.len())?;
    }
    Ok(())
}

fn virtual_link(out: &mut String, s: Status<'_>, name: &str, dev: &str) -> core::fmt::Result {
    let c = s.config();
    let (there, base) = (s.has_link(), c.vmac_xmit_base);
    if let Some(vmac) = &c.vmac {
        let up = format!("is_up = {there}, xmit_base = {base}");
        writeln!(out, "   Use VMAC, i/f name {name}, {up}")?;
        if let Some(mac) = vmac.mac {
            let octets = mac.map(|octet| format!("{octet:02x}"));
            writeln!(out, "     MAC = {}", octets.join(":"))?;
        }
    } else {
        writeln!(out, "   Use IPVLAN, i/f name {name}, is_up = {there}")?;
    }
    if c.vmac_addr {
        writeln!(out, "   Use VMAC for VIPs on other interfaces")?;
    }
    let kind = if c.vmac.is_some() { "vmac" } else { "ipvlan" };
    let base = if base { ", xmit base i/f" } else { "" };
    writeln!(out, "   Interface = {name}, {kind} on {dev}{base}")
}
