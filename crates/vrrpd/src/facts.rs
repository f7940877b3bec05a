//! Whether interfaces forward IPv6: the Router flag of neighbour
//! advertisements (RFC 4861 section 4.4).
//!
//! The kernel tells no listener without a dump, so it is asked every few
//! seconds, for interfaces that the machine has heard of.

use core::time::Duration;
use netlink::link::Link;
use std::collections::BTreeMap;
use types::{IfIndex, Mono};
use vrrp_proto::{Input, Node, Out};

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(5);

/// The forwarding state of each interface as last told to the machine.
#[derive(Debug, Default)]
pub struct Forwarding {
    links: BTreeMap<u32, (String, bool)>,
    next: Option<Mono>,
}

impl Forwarding {
    /// An interface appeared or changed.
    pub fn link(&mut self, link: &Link, node: &mut Node, now: Mono, out: &mut Out) {
        if self.links.get(&link.index).is_some_and(|(name, _)| *name == link.name) {
            return;
        }
        let on = forwards(&link.name);
        self.links.insert(link.index, (link.name.clone(), on));
        self.next.get_or_insert(now + EVERY);
        node.handle(now, Input::Forwarding { index: IfIndex(link.index), on }, out);
    }

    /// An interface is gone.
    pub fn gone(&mut self, index: IfIndex) {
        self.links.remove(&index.0);
    }

    /// When [`Forwarding::refresh`] is due.
    pub fn deadline(&self) -> Option<Mono> {
        self.next
    }

    /// Asks again when it is time, and tells the machine of what changed.
    pub fn refresh(&mut self, node: &mut Node, now: Mono, out: &mut Out) {
        if self.next.is_none_or(|at| now < at) {
            return;
        }
        self.next = Some(now + EVERY);
        for (index, (name, was)) in &mut self.links {
            let on = forwards(name);
            if on != *was {
                *was = on;
                node.handle(now, Input::Forwarding { index: IfIndex(*index), on }, out);
            }
        }
    }
}

fn forwards(name: &str) -> bool {
    let path = format!("/proc/sys/net/ipv6/conf/{name}/forwarding");
    std::fs::read_to_string(path).is_ok_and(|text| text.trim() != "0")
}
