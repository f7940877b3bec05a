//! News of the kernel: links, addresses, routes and rules.

use super::VrrpRole;
use crate::addrs;
use crate::resync::Slice;
use netlink::error::NlError;
use netlink::socket::Event as NlEvent;
use netlink::socket::NlSocket;
use rt::clock;
use types::Mono;
use vrrp_proto::Input;

impl VrrpRole {
    /// News of routes and rules, after that of links, which is older.
    pub(super) fn serve_fib(&mut self) {
        self.serve_monitor();
        if let Some(node) = &mut self.node {
            self.fib.read(node, clock::now(), &mut self.out);
        }
        self.carry_out();
    }

    /// Takes the whole list of routes when what is believed may be wrong.
    pub(super) fn check_fib(&mut self) {
        let now = clock::now();
        if self.fib.deadline().is_none_or(|at| now < at) || !self.exec.is_idle() {
            return;
        }
        if let Some(node) = &mut self.node {
            self.fib.resync(node, now, &mut self.out);
        }
        self.carry_out();
    }

    /// News of links and addresses; how many there were.
    pub(super) fn serve_monitor(&mut self) -> usize {
        let now = clock::now();
        let mut overrun = false;
        let mut count = 0;
        if let Some(node) = &mut self.node {
            let out = &mut self.out;
            let beat = &mut self.linkbeat;
            let promote = &mut self.promote;
            let facts = self.running.as_mut().map(|r| &mut r.facts);
            let mut facts = facts;
            let fib = &mut self.fib;
            let read = self.monitor.recv_events(|event| {
                count += 1;
                match event {
                    NlEvent::Link(link) => {
                        if !link.is_up() {
                            fib.link_lost();
                        }
                        promote.link(&link.name);
                        node.handle(now, Input::Link(beat.fact(&link)), out);
                        if let Some(f) = facts.as_deref_mut() {
                            f.link(&link, node, now, out);
                        }
                    }
                    NlEvent::LinkGone(link) => {
                        fib.link_lost();
                        let index = types::IfIndex(link.index);
                        node.handle(now, Input::LinkGone { index }, out);
                        beat.gone(index);
                        if let Some(f) = facts.as_deref_mut() {
                            f.gone(index);
                        }
                    }
                    NlEvent::Addr(a) => {
                        if !a.new {
                            fib.address_lost(a.spec.addr);
                        }
                        let fact = addrs::addr_fact(&a.spec);
                        let input =
                            if a.new { Input::AddrAdded(fact) } else { Input::AddrRemoved(fact) };
                        node.handle(now, input, out);
                        if !a.new && a.spec.addr.is_ipv4() && !node.has_ipv4(fact.ifindex) {
                            fib.link_lost();
                        }
                    }
                    NlEvent::Overrun => overrun = true,
                }
            });
            if let Err(e) = read {
                log::error!("netlink monitor: {e}");
                overrun = true;
            }
        } else if self.monitor.recv_events(|_| ()).is_err() {
            // Before the first configuration nothing is believed yet.
        }
        self.carry_out();
        if overrun {
            log::warn!("Netlink: notifications were lost, reading all links and addresses anew");
            self.resync.doubt();
            self.read_links();
            self.carry_out();
        }
        if count > 0 {
            self.resync.disturb();
        }
        count
    }

    /// Reads all links and addresses when what is believed may be wrong, once nothing of ours is
    /// under way: an address that is missing then was taken by somebody.
    pub(super) fn check_addresses(&mut self) {
        if !self.resync.is_wanted() {
            return;
        }
        if !self.exec.is_idle() {
            return self.resync.disturb();
        }
        if !self.resync.turn() {
            return self.read_at_once();
        }
        if let Err(e) = self.resync_some() {
            log::error!("cannot read addresses: {e}");
            self.resync.done();
        }
    }

    /// A slice of a list of all addresses.
    fn resync_some(&mut self) -> Result<(), NlError> {
        if !self.resync.is_reading() {
            // What is older than the list comes first.
            if self.serve_monitor() == 0 {
                self.fib.link_lost();
                self.read_links();
                self.carry_out();
                self.resync.begin()?;
            }
            return Ok(());
        }
        let (facts, there) = match self.resync.slice()? {
            None => return Ok(()),
            Some(Slice::Some(facts)) => (facts, None),
            Some(Slice::All(facts, there)) => (facts, Some(there)),
        };
        if let Some(node) = &mut self.node {
            let now = clock::now();
            for fact in facts {
                node.handle(now, Input::AddrAdded(fact), &mut self.out);
            }
        }
        self.carry_out();
        if let Some(there) = there
            && self.serve_monitor() == 0
            && self.exec.is_idle()
        {
            self.resync.done();
            if let Some(node) = &mut self.node {
                node.handle(clock::now(), Input::AddrsThere(&there), &mut self.out);
            }
            self.carry_out();
        }
        Ok(())
    }

    /// The same where addresses change all the time.
    fn read_at_once(&mut self) {
        // The lists are newer than what waits to be read.
        let mut more = true;
        while core::mem::take(&mut more) {
            if self.monitor.recv_events(|_| more = true).is_err() {
                break;
            }
        }
        self.fib.link_lost();
        self.read_links();
        self.carry_out();
        if self.exec.is_idle() {
            self.resync.done();
            self.read_addresses();
            self.carry_out();
        }
    }

    /// Tells the machine of every link there is.
    pub(super) fn read_links(&mut self) {
        let Some(node) = &mut self.node else { return };
        let links = NlSocket::request().map_err(NlError::from).and_then(|mut s| s.dump_links());
        let links = match links {
            Ok(links) => links,
            Err(e) => return log::error!("cannot read links: {e}"),
        };
        let now = clock::now();
        let facts: Vec<_> = links.iter().map(|link| self.linkbeat.fact(link)).collect();
        node.handle(now, Input::Links(&facts), &mut self.out);
        if let Some(running) = &mut self.running {
            for link in &links {
                running.facts.link(link, node, now, &mut self.out);
            }
        }
    }

    /// Tells the machine of every address there is. Nothing may be under way.
    pub(super) fn read_addresses(&mut self) {
        let Some(node) = &mut self.node else { return };
        let addrs = NlSocket::request().map_err(NlError::from).and_then(|mut s| s.dump_addrs());
        match addrs {
            Ok(addrs) => {
                let facts: Vec<_> = addrs.iter().map(addrs::addr_fact).collect();
                node.handle(clock::now(), Input::Addrs(&facts), &mut self.out);
            }
            Err(e) => log::error!("cannot read addresses: {e}"),
        }
    }

    pub(super) fn refresh_facts(&mut self, now: Mono) {
        if let (Some(node), Some(running)) = (&mut self.node, &mut self.running) {
            running.facts.refresh(node, now, &mut self.out);
            self.linkbeat.poll(node, now, &mut self.out);
            self.carry_out();
        }
    }
}
