//! The pools at work: what they decide is told, and handed to IPVS.

use crate::ipvs::Ipvs;
use check_proto::action::Action;
use check_proto::node::{Facts, Node};
use check_proto::prepared::{Options, Prepared};
use ipc::msg::checker::CheckerSetup;
use log::info;
use rt::clock;
use types::Mono;

/// Pools and what they act on.
#[derive(Debug)]
pub(crate) struct Pools {
    node: Option<Node>,
    ipvs: Ipvs,
    actions: Vec<Action>,
}

impl Pools {
    pub fn new(ipvs: Ipvs) -> Self {
        Pools { node: None, ipvs, actions: Vec::new() }
    }

    /// Runs a configuration.
    pub fn commit(&mut self, setup: &CheckerSetup) {
        let now = clock::now();
        let options = Options::of(&setup.global);
        let marks = self.node.as_ref().and_then(Node::marks);
        let prepared = Prepared::new(setup.lvs.clone(), &setup.tracks, options, marks);
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
                let ops = self.tell();
                self.ipvs.start(ops, now);
            }
        }
    }

    /// When [`Pools::work`] wants to be called.
    pub fn deadline(&self) -> Option<Mono> {
        self.node.as_ref().and_then(|_| self.ipvs.deadline())
    }

    /// Goes on with what takes longer than one turn.
    pub fn work(&mut self) {
        if let Some(node) = &self.node {
            self.ipvs.work(node.table(), clock::now());
        }
    }

    /// The daemon stops; `keep` leaves IPVS as it is.
    pub fn stop(&mut self, keep: bool) {
        if let Some(node) = &mut self.node {
            node.stop(keep, &mut self.actions);
        }
        let ops = self.tell();
        self.ipvs.stop(ops);
    }

    fn carry_out(&mut self) {
        for op in self.tell() {
            self.ipvs.push(op);
        }
    }

    /// Tells what there is to tell; the operations are left.
    fn tell(&mut self) -> Vec<check_proto::ipvs::IpvsOp> {
        let mut ops = Vec::new();
        for action in self.actions.drain(..) {
            match action {
                Action::Ipvs(op) => ops.push(op),
                Action::Event(event) => info!("{}", event.text()),
                Action::Probe { .. } | Action::Notify(_) | Action::Mail(_) => {}
            }
        }
        ops
    }
}
