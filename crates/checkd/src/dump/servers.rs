//! Groups, virtual servers and real servers.

use super::yes_no;
use crate::ipvs::scheduler_name;
use check_proto::node::{CheckerStatus, Node, RsStatus, VsStatus};
use check_proto::text;
use core::fmt::{Result, Write};
use core::net::Ipv4Addr;
use model::TrackObject;
use model::lvs::{
    CheckKind, Forwarding, GroupEntry, Protocol, Scheduler, Service, SorryServer, Tunnel,
    TunnelCsum, VirtualServer, VirtualServerGroup,
};
use types::Family;

pub(super) fn write(out: &mut String, node: &Node, tracks: &[TrackObject]) -> Result {
    writeln!(out, "------< LVS Topology >------")?;
    for g in node.groups() {
        group(out, node, g)?;
    }
    for vs in node.virtual_servers() {
        virtual_server(out, vs)?;
        for rs in vs.servers() {
            real_server(out, vs, rs)?;
            tracked(out, rs, tracks)?;
        }
    }
    Ok(())
}

fn group(out: &mut String, node: &Node, g: &VirtualServerGroup) -> Result {
    let has = |family| {
        let of = |e: &GroupEntry| matches!(e, GroupEntry::Range { first, .. } if Family::of(*first) == family);
        yes_no(g.entries.iter().any(of))
    };
    writeln!(out, " ------< Virtual server group >------")?;
    let (v4, v6) = (has(Family::V4), has(Family::V6));
    writeln!(out, " Virtual Server Group = {}, IPv4 = {v4}, IPv6 = {v6}", g.name)?;
    if let Some(marks) = node.marks() {
        let [tcp, udp, sctp] = [6, 17, 132].map(|p| marks.of(&g.name, p).unwrap_or(0));
        if [tcp, udp, sctp] != [0; 3] {
            writeln!(out, "  Fwmark TCP: {tcp} UDP: {udp} SCTP: {sctp}")?;
        }
    }
    let users = || {
        let of = |vs: &VsStatus<'_>| matches!(&vs.config.service, Service::Group(name, _) if *name == g.name);
        node.virtual_servers().filter(of)
    };
    let alive = |which: &dyn Fn(&VirtualServer) -> bool| -> usize {
        let users = users().filter(|vs| which(vs.config));
        users.map(|vs| vs.pool.servers().iter().filter(|s| s.is_alive()).count()).sum()
    };
    for e in &g.entries {
        match e {
            GroupEntry::Range { first, last, port } => {
                match first == last {
                    true => writeln!(out, "   VIP = {first}, VPORT = {port}")?,
                    false => writeln!(out, "   VIP Range = {first}-{last}, VPORT = {port}")?,
                }
                let of = |protocol| alive(&|vs| vs.protocol == Some(protocol));
                let [tcp, udp, sctp] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].map(of);
                writeln!(out, "     Alive: {tcp} tcp, {udp} udp, {sctp} sctp")?;
            }
            GroupEntry::Fwmark { mark, family } => {
                let word = match family {
                    Some(Family::V4) => " IPv4",
                    Some(Family::V6) => " IPv6",
                    None => "",
                };
                writeln!(out, "   FWMARK = {mark}{word}")?;
                let of = |wanted| alive(&|vs| family.or(vs.family) == Some(wanted));
                let [v4, v6] = [Family::V4, Family::V6].map(of);
                writeln!(out, "     Alive: {v4} IPv4, {v6} IPv6")?;
            }
        }
    }
    Ok(())
}

fn virtual_server(out: &mut String, vs: VsStatus<'_>) -> Result {
    let VsStatus { config: c, pool, .. } = vs;
    writeln!(out, " ------< Virtual server >------")?;
    match &c.service {
        Service::Addr(addr, port) => writeln!(out, " VS VIP = {addr}, VPORT = {port}")?,
        Service::Fwmark(mark) => writeln!(out, " VS FWMARK = {mark}")?,
        Service::Group(name, seq) => writeln!(out, " VS GROUP = [{name}]:{seq}")?,
    }
    if let Some(host) = &c.virtualhost {
        writeln!(out, "   VirtualHost = {host}")?;
    }
    if let Some(name) = &c.snmp_name {
        writeln!(out, "   SNMP name = '{name}'")?;
    }
    let family = match c.family {
        Some(Family::V4) => "inet",
        Some(Family::V6) => "inet6",
        None => "IPv4 & IPv6",
    };
    writeln!(out, "   Address family = {family}")?;
    writeln!(out, "   delay_loop = {:.6}", c.delay_loop.as_secs_f64())?;
    writeln!(out, "   lvs_sched = {}", scheduler_name(c.scheduler))?;
    // Those of sh and mh: IP_VS_SVC_F_SCHED_SH_*, IP_VS_SVC_F_SCHED_MH_* (linux/ip_vs.h).
    let flags: &[(&str, u8)] = match c.scheduler {
        Scheduler::Sh => &[("sh-port", 2), ("sh-fallback", 1)],
        Scheduler::Mh => &[("mh-port", 2), ("mh-fallback", 1)],
        _ => &[("flag-1", 1), ("flag-2", 2), ("flag-3", 4)],
    };
    for (name, bit) in flags {
        writeln!(out, "   {name} = {}", enabled(c.sched_flags & bit != 0))?;
    }
    writeln!(out, "   One packet scheduling = {}", enabled(c.ops))?;
    persistence(out, c)?;
    let protocol = match c.protocol {
        Some(Protocol::Tcp) => "TCP",
        Some(Protocol::Udp) => "UDP",
        Some(Protocol::Sctp) => "SCTP",
        None => "none",
    };
    writeln!(out, "   protocol = {protocol}")?;
    writeln!(out, "   omega is {}", on_off(c.omega))?;
    writeln!(out, "   quorum = {}, hysteresis = {}", c.quorum, c.hysteresis)?;
    if c.ha_suspend {
        writeln!(out, "   Using HA suspend")?;
    }
    writeln!(out, "   Using smtp notification = {}", yes_no(c.smtp_alert))?;
    writeln!(out, "   default forwarding method = {}", forwarding(c.forwarding))?;
    if let Some(sorry) = &c.sorry_server {
        sorry_server(out, vs, sorry)?;
    }
    writeln!(out, "   VS alive = {}", u8::from(!pool.services().is_empty()))?;
    writeln!(out, "   quorum_state_up = {}", u8::from(pool.is_up()))
}

fn persistence(out: &mut String, c: &VirtualServer) -> Result {
    if c.persistence_timeout == 0 {
        return Ok(());
    }
    writeln!(out, "   persistence timeout = {}", c.persistence_timeout)?;
    match (c.family, c.persistence_granularity) {
        (Some(Family::V6), 128) | (_, u32::MAX) => Ok(()),
        (Some(Family::V6), bits) => writeln!(out, "   persistence granularity = {bits}"),
        (_, mask) => writeln!(out, "   persistence granularity = {}", Ipv4Addr::from(mask)),
    }
}

fn sorry_server(out: &mut String, vs: VsStatus<'_>, sorry: &SorryServer) -> Result {
    let label = text::endpoint(sorry.addr, vs.config.protocol, sorry.port);
    let same = if sorry.same_as.is_some() { " (duplicates rs)" } else { "" };
    let active = vs.pool.is_sorry();
    writeln!(out, "   sorry server{same} = {label}")?;
    writeln!(out, "     forwarding method = {}", forwarding(sorry.forwarding))?;
    writeln!(out, "     Inhibit on failure is {}", on_off(sorry.inhibit))?;
    writeln!(out, "     set = {}", u8::from(active || sorry.inhibit))?;
    writeln!(out, "     alive = {}", u8::from(active))
}

fn real_server(out: &mut String, vs: VsStatus<'_>, rs: RsStatus<'_>) -> Result {
    let RsStatus { config: c, server: s, .. } = rs;
    writeln!(out, "   ------< Real server >------")?;
    let (weight, effective) = (s.kernel_weight(), s.effective_weight());
    writeln!(
        out,
        "   RIP = {}, RPORT = {}, WEIGHT = {weight} EFF WEIGHT = {effective}",
        c.addr, c.port
    )?;
    writeln!(out, "   forwarding method = {}", forwarding(c.forwarding))?;
    writeln!(out, "   connection limit range = {} -> {}", c.lthreshold(), c.uthreshold())?;
    writeln!(out, "   Inhibit on failure is {}", on_off(c.inhibit_on_failure))?;
    if let Some(host) = c.virtualhost() {
        writeln!(out, "    VirtualHost = '{host}'")?;
    }
    if let Some(name) = c.snmp_name() {
        writeln!(out, "   SNMP name = {name}")?;
    }
    writeln!(out, "   Using smtp notification = {}", yes_no(c.smtp_alert))?;
    writeln!(out, "   initial weight = {}", c.weight)?;
    writeln!(out, "   effective weight = {effective}")?;
    writeln!(out, "   alive = {}", u8::from(s.is_alive()))?;
    writeln!(out, "   num failed checkers = {}", s.failed_checkers())?;
    writeln!(out, "   RS set = {}", u8::from(vs.pool.holds(s)))
}

/// The files and BFD sessions that its checkers go by.
fn tracked(out: &mut String, rs: RsStatus<'_>, tracks: &[TrackObject]) -> Result {
    let mut some = |title: &str, text: &dyn Fn(&CheckerStatus<'_>) -> Option<String>| {
        for (at, name) in rs.checkers().filter_map(|c| text(&c)).enumerate() {
            if at == 0 {
                writeln!(out, "   {title}")?;
            }
            writeln!(out, "     {name}")?;
        }
        Ok(())
    };
    some("Tracked Files", &|c| file(c, tracks))?;
    some("Tracked BFDs", &|c| match c.kind {
        CheckKind::Bfd { name } => Some(name.to_string()),
        _ => None,
    })
}

/// `NAME, weight N` of a FILE_CHECK.
fn file(c: &CheckerStatus<'_>, tracks: &[TrackObject]) -> Option<String> {
    let CheckKind::File { track, weight, reverse } = c.kind else { return None };
    let name = &tracks.get(track.index())?.name;
    Some(format!("{name}, {}", weighted(*weight, *reverse)))
}

/// `weight N`, ` reverse` where it is.
pub(super) fn weighted(weight: i32, reverse: bool) -> String {
    format!("weight {weight}{}", if reverse { " reverse" } else { "" })
}

fn enabled(is: bool) -> &'static str {
    if is { "enabled" } else { "disabled" }
}

fn on_off(on: bool) -> &'static str {
    if on { "ON" } else { "OFF" }
}

fn forwarding(method: Forwarding) -> String {
    let checksum = |csum| match csum {
        TunnelCsum::None => "no checksum",
        TunnelCsum::Csum => "checksum",
        TunnelCsum::RemCsum => "remote checksum",
    };
    match method {
        Forwarding::Nat => "NAT".to_owned(),
        Forwarding::Dr => "DR".to_owned(),
        Forwarding::Tun(Tunnel::Ipip) => "TUN, type = IPIP".to_owned(),
        Forwarding::Tun(Tunnel::Gue { port, csum }) => {
            format!("TUN, type = GUE, port = {port}, {}", checksum(csum))
        }
        Forwarding::Tun(Tunnel::Gre { csum }) => format!("TUN, type = GRE, {}", checksum(csum)),
    }
}
