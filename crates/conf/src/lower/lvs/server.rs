//! `virtual_server`: from its opening line to its closing brace.

use std::net::Ipv4Addr;

use model::lvs::{Forwarding, Protocol, Scheduler, Service, VirtualServer};
use types::{Family, ScriptId};

use super::inherit::{Inherited, real_server};
use super::{State, endpoint, forwarding, names, references, sorry};
use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::lower::Cx;
use crate::source::Span;
use crate::value::{self, IntStyle};

/// The names of [`SCHEDULERS`].
pub(crate) const SCHEDULER_NAMES: &[&str] = &[
    "rr", "wrr", "lc", "wlc", "lblc", "sh", "mh", "dh", "fo", "ovf", "lblcr", "sed", "nq", "twos",
];

/// The schedulers of IPVS.
const SCHEDULERS: &[Scheduler] = &[
    Scheduler::Rr,
    Scheduler::Wrr,
    Scheduler::Lc,
    Scheduler::Wlc,
    Scheduler::Lblc,
    Scheduler::Sh,
    Scheduler::Mh,
    Scheduler::Dh,
    Scheduler::Fo,
    Scheduler::Ovf,
    Scheduler::Lblcr,
    Scheduler::Sed,
    Scheduler::Nq,
    Scheduler::Twos,
];

/// Persistence in seconds where it is needed and no time is given.
pub(crate) const PERSISTENCE: u32 = 360;

/// Longest name of a persistence engine, in bytes.
const ENGINE: usize = 16;

/// A virtual server that is being read.
#[derive(Debug, Default)]
pub(crate) struct VsDraft {
    service: Option<Service>,
    span: Span,
    pub family: Option<Family>,
    pub protocol: Option<Protocol>,
    scheduler: Option<Scheduler>,
    pub ops: bool,
    sched_flags: u8,
    pub forwarding: Option<Forwarding>,
    persistence_engine: Option<String>,
    pub persistence_timeout: u32,
    granularity: Option<u32>,
    pub ha_suspend: bool,
    pub omega: bool,
    pub quorum: Option<u32>,
    pub hysteresis: u32,
    pub quorum_up: Option<ScriptId>,
    pub quorum_down: Option<ScriptId>,
    pub virtualhost: Option<String>,
    pub smtp_alert: Option<bool>,
    pub snmp_name: Option<String>,
    pub own: Inherited,
    pub sorry: Option<sorry::SorryDraft>,
}

/// What of a virtual server is decided after the last file.
#[derive(Debug)]
pub(super) struct Late {
    /// Its opening line.
    pub span: Span,
    /// A scheduler was given.
    pub scheduler: bool,
    /// No forwarding was given where one was needed.
    pub assumed_nat: bool,
    /// Its own `smtp_alert`.
    pub smtp_alert: Option<bool>,
    /// The `smtp_alert` of those real servers that have one.
    pub real_alerts: Vec<(usize, bool)>,
}

/// The block begins.
pub(crate) fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    cx.build.config.lvs.blocks = true;
    let service = match a.str(0) {
        "group" => group(cx, a),
        "fwmark" => fwmark(cx, a),
        _ => address(cx, a),
    };
    let Some(service) = service else {
        cx.skip_block();
        return;
    };
    let family = match service {
        Service::Addr(addr, _) => Some(Family::of(addr)),
        _ => None,
    };
    let vs = VsDraft { service: Some(service), span: a.whole(), family, ..VsDraft::default() };
    let lvs = &mut cx.build.lvs;
    lvs.vs = vs;
    lvs.servers.clear();
    lvs.checks.clear();
}

fn group(cx: &mut Cx<'_>, a: &Args<'_>) -> Option<Service> {
    if a.get(1).is_none() {
        cx.missing_parameter(a, 0, "virtual_server group NAME");
    }
    Some(Service::Group(a.opt_string(1)?, 0))
}

fn fwmark(cx: &mut Cx<'_>, a: &Args<'_>) -> Option<Service> {
    let Some(word) = a.get(1) else {
        cx.missing_parameter(a, 0, "virtual_server fwmark NUM");
        return None;
    };
    match endpoint::number(cx, a, 1, 0, u32::MAX.into()) {
        Ok(0) => {
            let text = "virtual_server fwmark 0 marks nothing - skipping the block";
            cx.error(Code::BadNumber, a.span(1), text);
            None
        }
        Ok(mark) => u32::try_from(mark).ok().map(Service::Fwmark),
        Err(cause) => {
            let text = format!("virtual_server fwmark '{word}' is invalid - skipping the block");
            cx.error_because(Code::BadNumber, a.span(1), cause, text);
            None
        }
    }
}

fn address(cx: &mut Cx<'_>, a: &Args<'_>) -> Option<Service> {
    let word = a.str(0);
    let Some(addr) = endpoint::address(word) else {
        let text = format!("virtual_server '{word}' is no address - skipping the block");
        cx.error(Code::BadAddress, a.span(0), text);
        return None;
    };
    match endpoint::port(cx, a, 1) {
        Ok(port) => Some(Service::Addr(addr, port)),
        Err(cause) => {
            let port = a.str(1);
            let text =
                format!("port '{port}' of virtual_server {word} is invalid - skipping the block");
            cx.error_because(Code::BadNumber, a.span(1), cause, text);
            None
        }
    }
}

/// `ip_family`.
pub(crate) fn ip_family(cx: &mut Cx<'_>, a: &Args<'_>) {
    let family = if a.choice(0) == 0 { Family::V4 } else { Family::V6 };
    match cx.build.lvs.vs.family {
        Some(known) if known != family => {
            let text = format!(
                "ip_family {} is not the family of this virtual server - ignoring",
                a.str(0)
            );
            cx.error(Code::BadFamily, a.span(0), text);
        }
        _ => cx.build.lvs.vs.family = Some(family),
    }
}

/// `lvs_sched`.
pub(crate) fn scheduler(cx: &mut Cx<'_>, a: &Args<'_>) {
    cx.build.lvs.vs.scheduler = SCHEDULERS.get(a.choice(0)).copied();
}

/// `hashed`: does nothing.
pub(crate) fn hashed(cx: &mut Cx<'_>, a: &Args<'_>) {
    if !matches!(cx.build.lvs.vs.scheduler, Some(Scheduler::Sh | Scheduler::Mh)) {
        cx.error(Code::Ignored, a.whole(), "hashed only applies to sh scheduler - ignoring");
    }
}

/// A scheduler flag; one `of` a scheduler must follow its `lvs_sched`.
pub(crate) fn flag(cx: &mut Cx<'_>, a: &Args<'_>, bit: u8, of: Option<&str>) {
    no_value(cx, a);
    let vs = &mut cx.build.lvs.vs;
    let hash = match vs.scheduler {
        Some(Scheduler::Sh) => Some("sh"),
        Some(Scheduler::Mh) => Some("mh"),
        _ => None,
    };
    if of.is_none() || of == hash {
        vs.sched_flags |= bit;
        return;
    }
    let (name, of) = (a.name(), of.unwrap_or(""));
    let text = format!("{name} only applies to {of} scheduler - ignoring");
    match hash {
        Some(_) => cx.note(Code::Ignored, a.whole(), text),
        None => cx.error(Code::Ignored, a.whole(), text),
    }
}

/// `lvs_method`.
pub(crate) fn method(cx: &mut Cx<'_>, a: &Args<'_>) {
    let before = cx.build.lvs.vs.forwarding;
    cx.build.lvs.vs.forwarding = forwarding::read(cx, a, "virtual server", before);
}

/// `persistence_engine`.
pub(crate) fn persistence_engine(cx: &mut Cx<'_>, a: &Args<'_>) {
    let mut name = a.string(0);
    if name.len() > ENGINE {
        let text = format!("persistence_engine '{name}' is longer than 16 bytes - cutting it");
        cx.error(Code::Adjusted, a.span(0), text);
        let end = (0..=ENGINE).rev().find(|i| name.is_char_boundary(*i));
        name.truncate(end.unwrap_or(0));
    }
    cx.build.lvs.vs.persistence_engine = Some(name);
}

/// `persistence_granularity`: a netmask, or the length of an IPv6 prefix.
pub(crate) fn persistence_granularity(cx: &mut Cx<'_>, a: &Args<'_>) {
    let word = a.str(0);
    let by_look = if word.contains('.') { Family::V4 } else { Family::V6 };
    let family = cx.build.lvs.vs.family.unwrap_or(by_look);
    let value = match family {
        Family::V4 => match word.parse::<Ipv4Addr>() {
            Ok(mask) => u32::from(mask),
            Err(_) => {
                let text = format!("persistence_granularity '{word}' is no netmask - ignoring");
                let diag = Diag::new(Level::General, Code::BadAddress, a.span(0), text);
                cx.report(diag.help("write a netmask such as 255.255.255.0"));
                return;
            }
        },
        Family::V6 => {
            let style = IntStyle { lenient: false, any_base: false };
            match value::integer(word, 1, 128, style) {
                Ok(read) => u32::try_from(read.value).unwrap_or(128),
                Err(cause) => {
                    let text =
                        format!("persistence_granularity '{word}' is no prefix length - ignoring");
                    cx.error_because(Code::BadNumber, a.span(0), cause, text);
                    return;
                }
            }
        }
    };
    let vs = &mut cx.build.lvs.vs;
    vs.family = Some(family);
    vs.granularity = Some(value);
    if vs.persistence_timeout == 0 {
        vs.persistence_timeout = PERSISTENCE;
    }
}

/// A script keyword that counts once.
pub(crate) fn script(
    cx: &mut Cx<'_>,
    a: &Args<'_>,
    keyword: &str,
    place: fn(&mut State) -> &mut Option<ScriptId>,
) {
    let Some(line) = a.script() else { return };
    if place(&mut cx.build.lvs).is_some() {
        let path = line.argv.first().map_or("", String::as_str);
        let text = format!("({}) {keyword} is given twice - ignoring {path}", cx.block_name());
        cx.error(Code::Duplicate, a.whole(), text);
        return;
    }
    let id = cx.add_script(line);
    *place(&mut cx.build.lvs) = Some(id);
}

/// Says that a keyword which is on by being there got a value.
pub(crate) fn no_value(cx: &mut Cx<'_>, a: &Args<'_>) {
    if let Some(word) = a.get(0) {
        let text = format!("{} takes no value here and is on - ignoring '{word}'", a.name());
        cx.note(Code::ExtraWords, a.span(0), text);
    }
}

/// The block ends: its drafts become a model object.
pub(crate) fn close(cx: &mut Cx<'_>) {
    let mut vs = std::mem::take(&mut cx.build.lvs.vs);
    sorry::check_family(cx, &mut vs);
    let Some(service) = vs.service.take() else { return };
    let lvs = &mut cx.build.lvs;
    let index = cx.build.config.lvs.virtual_servers.len();
    references::collect(index, &lvs.servers, &mut lvs.checks, &mut lvs.pending);
    let inherited = vs.own.or(&Inherited::OUTERMOST);
    let method = vs.forwarding.unwrap_or_default();
    let assumed_nat = vs.forwarding.is_none()
        && (lvs.servers.iter().any(|s| s.forwarding.is_none())
            || vs.sorry.as_ref().is_some_and(|s| s.forwarding.is_none()));
    let late = Late {
        span: vs.span,
        scheduler: vs.scheduler.is_some(),
        assumed_nat,
        smtp_alert: vs.smtp_alert,
        real_alerts: alerts(&lvs.servers),
    };
    let mut checks = lvs.checks.drain(..);
    let mut servers = Vec::with_capacity(lvs.servers.len());
    servers.extend(
        lvs.servers.drain(..).filter_map(|s| real_server(s, &mut checks, &inherited, method)),
    );
    drop(checks);
    let empty = servers.is_empty();
    let built = VirtualServer {
        service,
        family: vs.family,
        protocol: vs.protocol,
        scheduler: vs.scheduler.unwrap_or_default(),
        ops: vs.ops,
        sched_flags: vs.sched_flags,
        forwarding: method,
        persistence_engine: vs.persistence_engine,
        persistence_timeout: vs.persistence_timeout,
        persistence_granularity: vs.granularity.unwrap_or(0),
        ha_suspend: vs.ha_suspend,
        omega: vs.omega,
        quorum: vs.quorum.unwrap_or(1),
        hysteresis: vs.hysteresis,
        quorum_up: vs.quorum_up,
        quorum_down: vs.quorum_down,
        virtualhost: vs.virtualhost,
        smtp_alert: false,
        snmp_name: vs.snmp_name,
        delay_loop: inherited.delay_loop.unwrap_or_default(),
        defaults: inherited.defaults(),
        sorry_server: vs.sorry.map(|s| s.build(method)),
        real_servers: servers,
    };
    if empty {
        let text = format!("{} has no real server - dropping it", names::virtual_server(&built));
        cx.error(Code::Missing, late.span, text);
        return;
    }
    cx.build.config.lvs.virtual_servers.push(built);
    cx.build.lvs.late.push(late);
}

fn alerts(servers: &[super::real::RsDraft]) -> Vec<(usize, bool)> {
    let given = servers.iter().enumerate();
    given.filter_map(|(i, s)| s.smtp_alert.map(|alert| (i, alert))).collect()
}
