//! What of a virtual server is decided after the last file: its group, family,
//! protocol, persistence, scheduler and quorum.

use model::lvs::{Forwarding, Protocol, Service, VirtualServer};
use types::Family;

use super::group::{Facts, Groups};
use super::server::{Late, PERSISTENCE};
use super::{names, pool};
use crate::diag::{Code, Diag, Level};
use crate::lower::Cx;

/// Completes all virtual servers; those that cannot be used are removed.
pub(super) fn all(cx: &mut Cx<'_>) {
    let mut servers = std::mem::take(&mut cx.build.config.lvs.virtual_servers);
    let mut late = std::mem::take(&mut cx.build.lvs.late).into_iter();
    let mut groups = Groups::new(&cx.build.config.lvs.groups);
    let mut pool = pool::Scratch::default();
    servers.retain_mut(|vs| {
        let Some(late) = late.next() else { return false };
        let Some(kind) = resolve_group(cx, vs, &late, &mut groups) else { return false };
        service(cx, vs, &kind, &late);
        alerts(cx, vs, &late);
        pool::check(cx, vs, &kind, &late, &mut pool);
        quorum(cx, vs, &late);
        family(vs);
        true
    });
    cx.build.config.lvs.virtual_servers = servers;
}

/// What a virtual server is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct KindOfService {
    /// Addresses, its own or its group's.
    pub address: bool,
    /// Firewall marks, its own or its group's.
    pub fwmark: bool,
    /// One of the addresses has port 0.
    pub any_port: bool,
    /// Of its group.
    pub group: Option<Facts>,
}

/// Says something about a virtual server, with its opening line as the place.
pub(super) fn say(cx: &mut Cx<'_>, level: Level, code: Code, late: &Late, text: String) {
    let diag = Diag::new(level, code, crate::Span::NONE, text);
    cx.report(diag.related(late.span, "the virtual server is opened here"));
}

/// Finds the group of a virtual server; `None` when the server is unusable.
fn resolve_group(
    cx: &mut Cx<'_>,
    vs: &mut VirtualServer,
    late: &Late,
    groups: &mut Groups,
) -> Option<KindOfService> {
    let kind = |address, fwmark, any_port| KindOfService { address, fwmark, any_port, group: None };
    let name = match &mut vs.service {
        Service::Addr(_, port) => return Some(kind(true, false, *port == 0)),
        Service::Fwmark(_) => return Some(kind(false, true, false)),
        Service::Group(name, _) => name.clone(),
    };
    let Some((facts, sequence)) = groups.next(&name) else {
        if cx.build.lvs.removed_groups.contains(&name) {
            let text =
                format!("virtual server group {name} was dropped, so this virtual server is too");
            cx.note(Code::Undefined, late.span, text);
            return None;
        }
        let text =
            format!("virtual server group {name} is not defined - dropping the virtual server");
        let names = cx.build.config.lvs.groups.iter().map(|g| g.name.as_str());
        let diag = Diag::new(Level::General, Code::Undefined, late.span, text);
        cx.report(diag.did_you_mean(&name, names));
        return None;
    };
    vs.service = Service::Group(name, sequence);
    if let Some(text) = group_family(cx, vs, facts, late) {
        cx.error(Code::BadFamily, late.span, text);
        return None;
    }
    Some(KindOfService {
        address: facts.address,
        fwmark: facts.fwmark,
        any_port: facts.any_port,
        group: Some(facts),
    })
}

/// Brings the families of a virtual server and its group together; why that is
/// not possible, if so.
fn group_family(
    cx: &mut Cx<'_>,
    vs: &mut VirtualServer,
    facts: Facts,
    late: &Late,
) -> Option<String> {
    let name = names::virtual_server(vs);
    let group = match (facts.v4, facts.v6) {
        (true, true) => {
            return vs.family.map(|family| {
                format!("{name}: its group has IPv4 and IPv6, its servers are {family} - dropping the virtual server")
            });
        }
        (true, false) => Some(Family::V4),
        (false, true) => Some(Family::V6),
        (false, false) => None,
    };
    match (vs.family, group) {
        (Some(own), Some(group)) if own != group => {
            return Some(format!(
                "{name}: it is {own}, its group {group} - dropping the virtual server"
            ));
        }
        (None, Some(group)) => vs.family = Some(group),
        (None, None) if facts.fwmark_of_any_family => {
            let text = format!("{name}: neither marks nor servers tell the family - taking IPv4");
            say(cx, Level::Note, Code::Adjusted, late, text);
            vs.family = Some(Family::V4);
        }
        _ => {}
    }
    None
}

/// Suspension, protocol, persistence, scheduler and forwarding.
fn service(cx: &mut Cx<'_>, vs: &mut VirtualServer, kind: &KindOfService, late: &Late) {
    let mut name = names::virtual_server(vs);
    if vs.ha_suspend && kind.fwmark {
        let text = format!("{name}: ha_suspend needs addresses, here are marks - turning it off");
        say(cx, Level::General, Code::Ignored, late, text);
        vs.ha_suspend = false;
    }
    if kind.address && vs.protocol.is_none() {
        let text = format!("{name} has no protocol - taking UDP");
        say(cx, Level::General, Code::Adjusted, late, text);
        vs.protocol = Some(Protocol::Udp);
        name = names::virtual_server(vs);
    }
    if kind.address && vs.ops && vs.protocol != Some(Protocol::Udp) {
        let text = format!("{name}: ops works with UDP alone - turning it off");
        say(cx, Level::General, Code::Ignored, late, text);
        vs.ops = false;
    }
    if kind.any_port && vs.persistence_timeout == 0 {
        let text = format!("{name}: port 0 needs persistence - turning it on");
        say(cx, Level::General, Code::Adjusted, late, text);
        vs.persistence_timeout = PERSISTENCE;
    }
    if !kind.address && vs.protocol.is_some() {
        let text = format!("{name}: a mark has no protocol - ignoring it");
        say(cx, Level::Warning, Code::Ignored, late, text);
        vs.protocol = None;
    }
    if !late.scheduler {
        let text = format!("{name} has no lvs_sched - taking wlc");
        say(cx, Level::General, Code::Adjusted, late, text);
    }
    if late.assumed_nat {
        let text = format!("{name} has no lvs_method - taking NAT");
        say(cx, Level::General, Code::Adjusted, late, text);
    }
}

/// Mails: an own setting, else the global ones, else yes for real servers and
/// no for the quorum.
fn alerts(cx: &Cx<'_>, vs: &mut VirtualServer, late: &Late) {
    let smtp = &cx.build.config.global.smtp;
    let global = smtp.alert_checker.or(smtp.alert);
    vs.smtp_alert = late.smtp_alert.or(global).unwrap_or(false);
    for rs in &mut vs.real_servers {
        rs.smtp_alert = global.unwrap_or(true);
    }
    for (i, alert) in &late.real_alerts {
        if let Some(rs) = vs.real_servers.get_mut(*i) {
            rs.smtp_alert = *alert;
        }
    }
}

/// The quorum cannot exceed all weights, the hysteresis must be less than it.
fn quorum(cx: &mut Cx<'_>, vs: &mut VirtualServer, late: &Late) {
    let name = names::virtual_server(vs);
    let total: u64 = vs.real_servers.iter().map(|rs| u64::from(rs.weight)).sum();
    if u64::from(vs.quorum) > total {
        let text = format!(
            "{name}: quorum {} is more than all weights together - taking {total}",
            vs.quorum
        );
        say(cx, Level::Warning, Code::Adjusted, late, text);
        vs.quorum = u32::try_from(total).unwrap_or(u32::MAX);
    }
    if vs.hysteresis > 0 && vs.hysteresis >= vs.quorum {
        let most = vs.quorum.saturating_sub(1);
        let text = format!(
            "{name}: hysteresis {} is not below the quorum of {} - taking {most}",
            vs.hysteresis, vs.quorum
        );
        say(cx, Level::General, Code::Adjusted, late, text);
        vs.hysteresis = most;
    }
}

/// The family of a service by firewall mark whose servers are all tunnelled
/// to, and the mask that depends on the family.
fn family(vs: &mut VirtualServer) {
    if vs.family.is_none() && matches!(vs.service, Service::Fwmark(_)) {
        let sorry = vs.sorry_server.as_ref().map(|s| s.addr);
        let mut families = vs.real_servers.iter().map(|rs| rs.addr).chain(sorry).map(Family::of);
        let all_v6 = families.all(|f| f == Family::V6);
        vs.family = Some(if all_v6 { Family::V6 } else { Family::V4 });
    }
    if vs.persistence_granularity == 0 {
        vs.persistence_granularity = match vs.family {
            Some(Family::V6) => 128,
            _ => u32::MAX,
        };
    }
    debug_assert!(vs.family.is_some() || is_mixed(vs));
}

/// Only a group of both families, all of whose servers are tunnelled to, has
/// no family.
fn is_mixed(vs: &VirtualServer) -> bool {
    let tunnel = |f: &Forwarding| matches!(f, Forwarding::Tun(_));
    matches!(vs.service, Service::Group(..))
        && vs.real_servers.iter().all(|r| tunnel(&r.forwarding))
}
