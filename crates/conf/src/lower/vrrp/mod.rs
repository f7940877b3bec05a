//! Static objects, VRRP, tracking and BFD: what lies between the keywords
//! and the model.
//!
//! Owns the order in which the parts are completed once everything is read.
//! One module a subject; each works on [`State`].

pub mod address;
pub mod auth;
pub mod bfd;
mod complete;
mod conflict;
pub mod draft;
pub mod garp;
pub mod hop;
pub mod instance;
pub mod links;
pub mod objects;
pub mod peer;
pub mod route;
pub mod rule;
mod scripts;
mod strict;
pub mod sync_group;
pub mod track;
pub mod vmac;

use std::collections::{HashMap, HashSet};

use super::Cx;
use crate::diag::{Code, Diag, Level};
use crate::host::{IfFacts, Interface};
use crate::source::Span;

/// Unfinished business of the VRRP keywords.
#[derive(Debug, Default)]
pub struct State {
    /// The `vrrp_instance` that is open.
    pub instance: Option<draft::Draft>,
    /// Those that are closed, in order.
    pub instances: Vec<draft::Draft>,
    /// Names of all instances.
    pub names: HashMap<String, Span>,
    /// The `vrrp_sync_group` that is open.
    pub group: Option<sync_group::Draft>,
    /// Those that are closed, in order.
    pub groups: Vec<sync_group::Draft>,
    /// Names of all sync groups.
    group_names: HashSet<String>,
    /// The `track_group` that is open.
    pub track_group: Option<(String, Vec<String>)>,
    /// The tracked object that is open, and where all of them are.
    pub objects: objects::State,
    /// The `bfd_instance` that is open.
    pub bfd: Option<bfd::Draft>,
    /// The `garp_group` that is open.
    pub garp_group: Option<garp::Draft>,
    /// Where the static addresses stand.
    static_spans: Vec<Span>,
    /// The address, route or rule that is being read.
    pub address: address::Draft,
    /// See [`State::address`].
    pub route: route::Draft,
    /// See [`State::address`].
    pub rule: rule::Draft,
    /// Priorities given to rules that have none, IPv4 and IPv6.
    pub rule_priorities: [u32; 2],
    /// Names of generated or given VMACs.
    pub vmac_names: HashMap<String, String>,
    /// Interfaces that are named but do not exist.
    absent: Vec<Absent>,
    /// Entries of debouncing and polling whose interface does not exist.
    unknown_links: Vec<(Span, String, String)>,
}

impl Cx<'_> {
    /// Facts of the interface `name`; `None` when it is missing or nothing is
    /// known. A missing one is kept for [`check`], which reports `text` and
    /// refuses the start unless interfaces may appear later.
    pub(super) fn wants_interface(
        &mut self,
        name: &str,
        span: Span,
        text: impl FnOnce() -> String,
    ) -> Option<IfFacts> {
        match self.host.interface(name) {
            Interface::Present(facts) => Some(facts),
            Interface::Unknown => None,
            Interface::Absent => {
                let absent = Absent { name: name.to_owned(), span, text: text() };
                self.build.vrrp.absent.push(absent);
                None
            }
        }
    }

    /// Reports at general level something found when all is read: without a
    /// line in the one-line form, with `span` in the drawn one.
    pub(super) fn late(&mut self, code: Code, span: Span, text: impl Into<String>) {
        self.late_at(Level::General, code, span, text);
    }

    /// The same at `level`.
    pub(super) fn late_at(
        &mut self,
        level: Level,
        code: Code,
        span: Span,
        text: impl Into<String>,
    ) {
        self.report(Diag::new(level, code, Span::NONE, text).related(span, "defined here"));
    }

    /// The same, after which the daemon does not start.
    pub(super) fn late_fatal(&mut self, code: Code, span: Span, text: impl Into<String>) {
        self.sink.fatal = true;
        self.late(code, span, text);
    }
}

/// Completes everything, now that it is all read.
pub fn check(cx: &mut Cx<'_>) {
    address::check(cx);
    if missing_interfaces(cx) {
        return;
    }
    scripts::check(cx);
    complete::instances(cx);
    sync_group::complete(cx);
    conflict::check(cx);
    links::check(cx);
    garp::check(cx);
    super::global::sync_daemon::check(cx);
}

/// An interface that is named but does not exist.
#[derive(Debug)]
struct Absent {
    name: String,
    span: Span,
    text: String,
}

/// Names of the interfaces that instances make for themselves.
fn own_links(cx: &Cx<'_>) -> HashSet<String> {
    let vrrp = &cx.build.vrrp;
    let prefix = &cx.build.config.global.vmac_prefix;
    let generated = vrrp.instances.iter().filter_map(|draft| {
        let stacked = draft.made.vmac.is_some() || draft.made.ipvlan.is_some();
        let vrid = draft.given.vrid.filter(|_| stacked)?;
        // The second is IPv6's where IPv4 has the first.
        Some([format!("{prefix}.{vrid}"), format!("{prefix}6.{vrid}")])
    });
    let generated = generated.flatten();
    generated.chain(vrrp.vmac_names.keys().cloned()).collect()
}

/// Reports interfaces that do not exist; the result says whether the start is
/// refused for their sake.
fn missing_interfaces(cx: &mut Cx<'_>) -> bool {
    let mut absent = std::mem::take(&mut cx.build.vrrp.absent);
    if absent.is_empty() {
        return false;
    }
    let own = own_links(cx);
    absent.retain(|a| !own.contains(&a.name));
    let dynamic = cx.build.config.global.dynamic_interfaces;
    let names = cx.host.interface_names();
    for Absent { name, span, text } in &absent {
        let level = if dynamic { Level::Note } else { Level::General };
        let diag = Diag::new(level, Code::NoInterface, *span, text.as_str());
        cx.report(diag.did_you_mean(name, names.iter().map(String::as_str)));
    }
    if absent.is_empty() || dynamic {
        return false;
    }
    let text = "Non-existent interface specified in configuration";
    cx.sink.fatal = true;
    let help = "create the interface first, or set `dynamic_interfaces` in global_defs";
    cx.report(Diag::new(Level::General, Code::NoInterface, Span::NONE, text).help(help));
    true
}
