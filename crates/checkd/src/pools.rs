//! The pools at work: what they decide is told, and handed to IPVS.

use crate::ipvs::Ipvs;
use check_proto::action::Action;
use check_proto::event::Event;
use check_proto::group;
use check_proto::ipvs::ServiceKey;
use check_proto::node::{Facts, Node};
use check_proto::prepared::{Options, Prepared};
use ipc::msg::checker::CheckerSetup;
use log::info;
use model::Lvs;
use rt::clock;
use std::collections::{BTreeSet, VecDeque};
use std::mem;
use types::Mono;

/// Pools and what they act on.
#[derive(Debug)]
pub(crate) struct Pools {
    node: Option<Node>,
    ipvs: Ipvs,
    actions: Vec<Action>,
    /// To be logged when IPVS is as it should be: a table of thousands has as many lines.
    untold: VecDeque<Event>,
}

/// Lines that one turn logs.
const LINES: usize = 100;

impl Pools {
    pub fn new(ipvs: Ipvs) -> Self {
        Pools { node: None, ipvs, actions: Vec::new(), untold: VecDeque::new() }
    }

    /// Runs a configuration.
    pub fn commit(&mut self, setup: &mut CheckerSetup) {
        let now = clock::now();
        let options = Options::of(&setup.global);
        let marks = self.node.as_ref().and_then(Node::marks);
        let prepared = Prepared::new(mem::take(&mut setup.lvs), &setup.tracks, options, marks);
        for problem in prepared.problems() {
            log::error!("{problem}");
        }
        match &mut self.node {
            Some(node) => {
                self.ipvs.reload(&setup.global);
                node.reload(now, prepared, &[], &mut self.actions);
                self.carry_out();
            }
            None => {
                let facts = Facts::default();
                self.node =
                    Some(Node::new(now, prepared, facts, now.as_nanos(), &mut self.actions));
                self.ipvs.begin();
                self.carry_out();
                if let Some(node) = &self.node {
                    // What a predecessor died over while it took it away.
                    let before = setup.before.take().map(|lvs| services(&lvs)).unwrap_or_default();
                    for key in before.into_iter().filter(|k| node.table().entry(k).is_none()) {
                        self.ipvs.left_over(key);
                    }
                    self.ipvs.begun(node.table(), now);
                }
            }
        }
    }

    /// Number of virtual servers.
    pub fn len(&self) -> usize {
        self.node.as_ref().map_or(0, |node| node.pools().count())
    }

    /// When [`Pools::work`] wants to be called.
    pub fn deadline(&self) -> Option<Mono> {
        let ipvs = self.node.as_ref().and_then(|_| self.ipvs.deadline());
        let untold = (!self.untold.is_empty()).then_some(Mono::ZERO);
        [ipvs, untold].into_iter().flatten().min()
    }

    /// Goes on with what takes longer than one turn.
    pub fn work(&mut self) {
        if let Some(node) = &self.node {
            self.ipvs.work(node.table(), clock::now());
        }
        if !self.ipvs.is_busy() {
            self.log(LINES);
        }
    }

    /// The daemon stops; `keep` leaves IPVS as it is.
    pub fn stop(&mut self, keep: bool) {
        if let Some(node) = &mut self.node {
            node.stop(keep, &mut self.actions);
        }
        self.ipvs.drop_additions();
        self.carry_out();
        self.ipvs.stop();
        self.log(usize::MAX);
    }

    fn log(&mut self, most: usize) {
        let lines = most.min(self.untold.len());
        for event in self.untold.drain(..lines) {
            info!("{}", event.text());
        }
    }

    /// Hands operations to IPVS, and keeps what is to be logged. A table of thousands has as many,
    /// so nothing is copied on the way, and their room is given back.
    fn carry_out(&mut self) {
        for action in mem::take(&mut self.actions) {
            match action {
                Action::Ipvs(op) => self.ipvs.push(op),
                Action::Event(event) => self.untold.push_back(event),
                Action::Probe { .. } | Action::Notify(_) | Action::Mail(_) => {}
            }
        }
    }
}

/// Every service of a configuration; those of marked groups (`nftables_ipvs`) are not among them.
fn services(lvs: &Lvs) -> BTreeSet<ServiceKey> {
    let all = lvs.virtual_servers.iter();
    all.filter_map(|vs| group::services(vs, &lvs.groups, None).ok()).flatten().collect()
}
