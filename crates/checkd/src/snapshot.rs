//! What the role knows at this moment, for whoever asks core; and IPVS counters, read when they
//! are asked for and older than they may be.

use crate::ipvs::Counted;
use check_proto::ipvs::DestKey;
use check_proto::node::{Node, RsStatus, VsStatus};
use core::time::Duration;
use ipc::msg::Generation;
use ipc::msg::snapshot::{CheckerSnapshot, DestNow, RealNow, VirtualNow};
use model::global::Snmp;
use std::collections::HashMap;
use types::{Mono, Traffic};

/// The counters of a virtual server, and of its destinations.
type Served = (Traffic, HashMap<DestKey, DestNow>);

/// Counters as they were last read: those of virtual and those of real servers each may have an
/// age of their own.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    of_virtuals: Vec<Traffic>,
    of_reals: Vec<HashMap<DestKey, DestNow>>,
    read: [Option<Mono>; 2],
}

impl Counters {
    /// Another configuration runs.
    pub fn forget(&mut self) {
        *self = Counters::default();
    }

    /// Reads what is too old; `read` asks the kernel about one virtual server.
    fn refresh(
        &mut self,
        node: &Node,
        snmp: &Snmp,
        now: Mono,
        mut read: impl FnMut(&VsStatus<'_>) -> Vec<Counted>,
    ) {
        let ages =
            [snmp.vs_stats_interval, snmp.rs_stats_interval.unwrap_or(snmp.vs_stats_interval)];
        let old =
            |at: Option<Mono>, age: Duration| at.is_none_or(|at| now.saturating_since(at) >= age);
        let due = [old(self.read[0], ages[0]), old(self.read[1], ages[1])];
        if due == [false, false] {
            return;
        }
        let served: Vec<Served> = node.virtual_servers().map(|vs| sum(&read(&vs))).collect();
        if due[0] {
            self.of_virtuals = served.iter().map(|(stats, _)| *stats).collect();
            self.read[0] = Some(now);
        }
        if due[1] {
            self.of_reals = served.into_iter().map(|(_, dests)| dests).collect();
            self.read[1] = Some(now);
        }
    }
}

/// A virtual server of many services counts for all of them.
fn sum(counted: &[Counted]) -> Served {
    let (mut stats, mut dests) = (Traffic::default(), HashMap::new());
    for service in counted {
        stats.add(&service.stats);
        for (key, connections, counted) in &service.dests {
            let dest: &mut DestNow = dests.entry(*key).or_default();
            dest.stats.add(counted);
            let [active, inactive, persistent] = connections;
            dest.active = dest.active.saturating_add(*active);
            dest.inactive = dest.inactive.saturating_add(*inactive);
            dest.persistent = dest.persistent.saturating_add(*persistent);
        }
    }
    (stats, dests)
}

/// The snapshot of a node.
pub(crate) fn take(
    node: &Node,
    counters: &mut Counters,
    snmp: &Snmp,
    generation: Generation,
    now: Mono,
    read: impl FnMut(&VsStatus<'_>) -> Vec<Counted>,
) -> CheckerSnapshot {
    counters.refresh(node, snmp, now, read);
    let virtuals = node.virtual_servers().enumerate();
    let virtuals = virtuals.map(|(n, vs)| virtual_now(n, &vs, counters)).collect();
    CheckerSnapshot { generation, virtuals }
}

fn virtual_now(n: usize, vs: &VsStatus<'_>, counters: &Counters) -> VirtualNow {
    let dests = counters.of_reals.get(n);
    let dest = |(addr, port)| {
        dests.and_then(|all| all.get(&DestKey { addr, port })).copied().unwrap_or_default()
    };
    let sorry = vs.config.sorry_server.as_ref();
    VirtualNow {
        alive: vs.pool.is_up(),
        quorum: vs.pool.is_up(),
        stats: counters.of_virtuals.get(n).copied().unwrap_or_default(),
        sorry: vs.pool.is_sorry(),
        sorry_stats: sorry.map(|s| dest((s.addr, s.port))).unwrap_or_default(),
        reals: vs.servers().map(|rs| real_now(&rs, dest(rs.server.at()))).collect(),
    }
}

fn real_now(rs: &RsStatus<'_>, stats: DestNow) -> RealNow {
    RealNow {
        alive: rs.server.is_alive(),
        weight: rs.server.effective_weight(),
        failed: rs.server.failed_checkers(),
        not_run: rs.checkers().filter(|c| !c.has_run).count() as u32,
        stats,
    }
}
