//! What configurations have left that earlier processes ran: one may have been killed over a
//! reload, before it took away what the new configuration lacks.
//!
//! Owns which of it goes at the start. What the new configuration has as well stays where it is.

use crate::action::{Action, LinkSpec, Out, Owner};
use crate::input::Setup;
use crate::links::Links;
use crate::node::{At, Node};
use crate::vmac::Vmacs;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::IfIndex;

/// Virtual links, and what they are called.
type Found = BTreeMap<IfIndex, Arc<str>>;

impl Node {
    /// Asks for the removal of what is left of these. To come before anything is placed.
    pub(crate) fn remove_former(&mut self, former: Vec<Setup>, at: &mut At<'_>) {
        if former.is_empty() {
            return;
        }
        let (mut gone, mut made) = (Found::new(), Vec::new());
        let nodes: Vec<Node> = former.into_iter().map(|setup| self.of_former(setup)).collect();
        let kept = found(&self.vmacs, &self.links, |_, _| true);
        for node in &nodes {
            let links = found(&node.vmacs, &node.links, LinkSpec::is_same_link);
            let (kept, lost): (Found, Found) =
                links.into_iter().partition(|(index, _)| kept.contains_key(index));
            gone.extend(lost);
            let mut vmacs = node.vmacs.clone();
            vmacs.place(&node.links);
            made.push((vmacs, kept));
        }
        for mut node in nodes {
            self.firewall.inherit(&node.firewall, at.out);
            node.vmacs.place(&node.links);
            node.vmacs.learn(&node.links, at.now);
            for action in node.leftovers(at) {
                match action {
                    // These go with their links.
                    Action::DelAddr { ifindex, .. } if gone.contains_key(&ifindex) => {}
                    Action::Rule { element, wanted: true } => {
                        self.firewall.add_if_held(element, at.out);
                    }
                    Action::Rule { element, wanted: false } => {
                        self.firewall.remove(element, at.out);
                    }
                    action => at.out.actions.push(action),
                }
            }
        }
        self.vmacs.leave(gone.keys().copied());
        for (vmacs, links) in &made {
            self.vmacs.continue_from(vmacs, links);
        }
        let remove = |(index, name)| Action::RemoveLink { name, index: Some(index) };
        at.out.actions.extend(gone.into_iter().map(remove));
    }

    /// A node of a former configuration in front of the same interfaces.
    fn of_former(&self, setup: Setup) -> Node {
        let mut node = Node::new(setup);
        node.links = self.links.clone();
        let mut out = Out::default();
        node.place_rules(&mut At { now: self.begun.0, out: &mut out });
        node
    }

    /// What removes all that may be there of this configuration, but for virtual links.
    fn leftovers(&mut self, at: &At<'_>) -> Vec<Action> {
        let mut out = Out::default();
        let here = &mut At { now: at.now, out: &mut out };
        for id in self.order.clone() {
            self.on(id, here, |i, env| i.remove_leftovers(env));
        }
        self.remove_static_leftovers(here);
        let mut actions = out.actions;
        for action in &mut actions {
            if let Action::DelAddr { owner, .. } | Action::DelFib { owner, .. } = action {
                *owner = Owner::Former;
            }
        }
        actions
    }
}

/// The links that are there and that a configuration would take over.
fn found(vmacs: &Vmacs, links: &Links, ours: impl Fn(&LinkSpec, &Links) -> bool) -> Found {
    let mut vmacs = vmacs.clone();
    let specs = vmacs.place(links).into_iter().filter_map(|action| match action {
        Action::MakeLink(spec) if ours(&spec, links) => Some(spec),
        _ => None,
    });
    specs.filter_map(|spec| Some((spec.existing.or(spec.replaces)?, spec.name))).collect()
}
