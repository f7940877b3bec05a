//! A configuration made ready to run, before anything is touched: services
//! expanded, patterns compiled, requests written.

use crate::event::{CheckLabel, Label};
use crate::group;
use crate::health::Pacing;
use crate::ipvs::ServiceKey;
use crate::marks::Marks;
use crate::plan::{Problem, Shop, Site};
use crate::probe::Plan;
use crate::text;
use model::global::FlushOnStop;
use model::lvs::{CheckKind, Lvs, Protocol, Service, VirtualServer, VirtualServerGroup};
use model::{Global, TrackObject};
use std::sync::Arc;
use types::Family;

/// What of the daemon-wide settings concerns checkers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// `checker_log_all_failures`.
    pub log_all_failures: bool,
    /// `rs_init_notifies`.
    pub rs_init_notifies: bool,
    /// `no_checker_emails`.
    pub no_checker_emails: bool,
    /// `lvs_flush_on_stop`.
    pub flush_on_stop: FlushOnStop,
    /// First mark of `nftables_ipvs`, when groups are to be marked.
    pub marks_from: Option<u32>,
}

impl Options {
    /// From the daemon-wide settings.
    pub fn of(global: &Global) -> Self {
        let nft = &global.nftables;
        Options {
            log_all_failures: global.ipvs.log_all_failures,
            rs_init_notifies: global.ipvs.rs_init_notifies,
            no_checker_emails: global.smtp.no_checker_emails,
            flush_on_stop: global.ipvs.flush_on_stop,
            marks_from: nft.ipvs_table.as_ref().map(|_| nft.ipvs_start_fwmark),
        }
    }
}

/// Identifies a virtual server across reloads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum VsKey {
    Addr(Service, Option<Protocol>),
    Mark(Service, Option<Family>),
    Group(Service),
}

impl VsKey {
    fn of(vs: &VirtualServer) -> Self {
        match &vs.service {
            Service::Addr(..) => VsKey::Addr(vs.service.clone(), vs.protocol),
            Service::Fwmark(_) => VsKey::Mark(vs.service.clone(), vs.family),
            Service::Group(..) => VsKey::Group(vs.service.clone()),
        }
    }
}

/// A checker ready to run.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub kind: CheckKind,
    /// `None` for checkers that are told their verdicts.
    pub plan: Option<Plan>,
    pub pacing: Pacing,
    pub label: Arc<CheckLabel>,
}

/// A virtual server ready to run; its checkers are taken out.
#[derive(Debug)]
pub(crate) struct Ready {
    pub key: VsKey,
    pub vs: VirtualServer,
    pub services: Arc<[ServiceKey]>,
    /// Per real server.
    pub checkers: Vec<Vec<Blueprint>>,
}

/// A configuration ready to run.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) options: Options,
    pub(crate) pools: Vec<Ready>,
    pub(crate) groups: Vec<VirtualServerGroup>,
    pub(crate) marks: Option<Marks>,
    problems: Vec<Problem>,
}

impl Prepared {
    /// Makes `lvs` ready. `tracks` names the files of FILE_CHECK; `marks` are
    /// those of the configuration that runs, to be kept.
    pub fn new(
        lvs: Lvs,
        tracks: &[TrackObject],
        options: Options,
        marks: Option<&Marks>,
    ) -> Prepared {
        let mut shop = Shop::default();
        let mut marks = options.marks_from.map(|first| marks.cloned().unwrap_or(Marks::new(first)));
        if let Some(marks) = &mut marks {
            marks.avoid(&lvs);
        }
        let mut pools = Vec::with_capacity(lvs.virtual_servers.len());
        for vs in lvs.virtual_servers {
            match group::services(&vs, &lvs.groups, marks.as_mut()) {
                Ok(services) => pools.push(ready(vs, services, tracks, options, &mut shop)),
                Err(error) => shop.problems.push(Problem::Group(error)),
            }
        }
        Prepared { options, pools, groups: lvs.groups, marks, problems: shop.problems }
    }

    /// What could not be done as configured.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

fn ready(
    mut vs: VirtualServer,
    services: Vec<ServiceKey>,
    tracks: &[TrackObject],
    options: Options,
    shop: &mut Shop,
) -> Ready {
    let vs_label: Label = text::virtual_server(&vs).into();
    let blueprints = |rs: usize, shop: &mut Shop| -> Option<Vec<_>> {
        let rs = vs.real_servers.get(rs)?;
        let rs_label: Label = text::endpoint(rs.addr, vs.protocol, rs.port).into();
        let blueprint = |checker| {
            let site = Site { vs: &vs, rs, checker };
            let file = || match &checker.kind {
                CheckKind::File { track, .. } => {
                    tracks.get(track.index()).map(|t| t.name.clone()).unwrap_or_default()
                }
                _ => String::new(),
            };
            (
                site.plan(shop),
                site.pacing(options.log_all_failures),
                site.label(rs_label.clone(), vs_label.clone(), file),
            )
        };
        Some(rs.checkers.iter().map(blueprint).collect())
    };
    let plans: Vec<Vec<_>> =
        (0..vs.real_servers.len()).filter_map(|rs| blueprints(rs, shop)).collect();
    let checkers = vs
        .real_servers
        .iter_mut()
        .zip(plans)
        .map(|(rs, plans)| {
            let kinds = core::mem::take(&mut rs.checkers).into_iter().map(|c| c.kind);
            kinds
                .zip(plans)
                .map(|(kind, (plan, pacing, label))| Blueprint { kind, plan, pacing, label })
                .collect()
        })
        .collect();
    Ready { key: VsKey::of(&vs), vs, services: services.into(), checkers }
}
