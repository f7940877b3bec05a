//! A node with one instance on one link, for tests that look at packets.
#![allow(dead_code)]

use core::net::IpAddr;
use core::time::Duration;
use model::vrrp::VrrpInstance;
use sim::config;
use types::{Family, IfIndex, Mono, Prefix};
use vrrp_proto::{
    Action, AddrFact, Counters, Event, Input, InstanceEvent, LinkFact, Node, Out, Reject, RxMeta,
    Setup, SocketId, State,
};

/// An instance from the words after `instance`.
pub fn instance(words: &str) -> VrrpInstance {
    config::instance(&mut words.split_whitespace(), &[]).unwrap()
}

/// `eth0`, up.
pub fn eth0() -> LinkFact {
    sim::script::link(&mut "eth0 2 up".split(' ')).unwrap()
}

/// A host that runs one instance.
pub struct Host {
    pub node: Node,
    pub out: Out,
    pub now: Mono,
    ours: IpAddr,
}

impl Host {
    /// A host of address `ours` that has just started `instance`.
    pub fn start(instance: &VrrpInstance, ours: IpAddr) -> Self {
        let mut setup = Setup::default();
        setup.vrrp.instances.push(instance.clone());
        let mut h =
            Host { node: Node::new(setup), out: Out::default(), now: Mono::from_millis(1), ours };
        let prefix = Prefix { addr: ours, len: Family::of(ours).bits() / 2 };
        let addr = AddrFact { ifindex: IfIndex(2), prefix, tentative: false };
        h.handle(Input::Links(&[eth0()]));
        h.handle(Input::Addrs(&[addr]));
        h.handle(Input::Clock { unix: Duration::from_secs(1_000_000) });
        h.handle(Input::Start { uptime: Duration::ZERO });
        h
    }

    pub fn handle(&mut self, input: Input<'_>) {
        self.node.handle(self.now, input, &mut self.out);
        self.node.check_invariants().unwrap();
    }

    /// Serves the next timer and returns the adverts it led to.
    pub fn next_timer(&mut self) -> Vec<Vec<u8>> {
        self.now = self.node.deadline().unwrap();
        self.out.clear();
        self.handle(Input::Tick);
        self.out.adverts.iter().map(|a| self.out.packet(a).to_vec()).collect()
    }

    /// Becomes master for want of another; returns its first advert.
    pub fn master(&mut self) -> Vec<u8> {
        let adverts = self.next_timer();
        assert_eq!(self.state(), State::Master);
        adverts.into_iter().next().unwrap()
    }

    pub fn state(&self) -> State {
        self.node.instances().next().unwrap().state()
    }

    pub fn counters(&self) -> Counters {
        *self.node.instances().next().unwrap().counters()
    }

    /// A packet from `src` comes in; why it was rejected, if it was.
    pub fn hear(&mut self, src: IpAddr, bytes: &[u8]) -> Option<Reject> {
        self.hear_as(src, Some(255), bytes)
    }

    /// The same with another hop limit.
    pub fn hear_as(&mut self, src: IpAddr, hop_limit: Option<u8>, bytes: &[u8]) -> Option<Reject> {
        self.out.clear();
        let unicast = self.node.instances().next().unwrap().config().unicast.is_some();
        let group = self.node.instances().next().unwrap().config().mcast_group;
        let dst = if unicast { self.ours } else { group };
        let meta = RxMeta { src, dst, hop_limit, ifindex: IfIndex(2) };
        self.handle(Input::Packet { socket: SocketId(0), meta, bytes });
        self.events().find_map(|e| match e {
            InstanceEvent::Rejected { reject, .. } => Some(*reject),
            _ => None,
        })
    }

    /// News of the last call.
    pub fn events(&self) -> impl Iterator<Item = &InstanceEvent> {
        self.out.actions.iter().filter_map(|a| match a {
            Action::Report(Event::Instance { what, .. }) => Some(what),
            _ => None,
        })
    }
}
