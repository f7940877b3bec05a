//! One node driven by a stream of bytes: what fuzzer and property test share.
//!
//! Owns the reading of bytes as configurations and inputs. Any bytes are a
//! valid stream; what they do must break no invariant and no loop.

mod draw;

use crate::craft::Craft;
use crate::script::link_of;
use core::net::IpAddr;
use core::time::Duration;
use draw::*;
use model::net::Address;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use types::{Family, IfIndex, Mono, TrackId};
use vrrp_proto::firewall::{Element, Part};
use vrrp_proto::{
    Action, AddrFact, FibEntry, FibFact, Input, LinkFact, LinkSpec, Node, Out, Owner, RxMeta,
    Setup, SocketId, SocketKey, TrackValue,
};

/// Drives a node; the error names the invariant that broke.
pub fn drive(bytes: &[u8]) -> Result<(), String> {
    let mut b = Bytes(bytes);
    let setup = setup(&mut b);
    let mut d = Driver {
        node: Node::new(setup.clone()),
        setup,
        now: Mono::from_millis(1),
        sockets: Vec::new(),
        echoes: VecDeque::new(),
        fib_echoes: VecDeque::new(),
        links: VecDeque::new(),
        asked: None,
        rules: BTreeSet::new(),
        stuck: 0,
    };
    let links: Vec<LinkFact> = (0..2).map(|n| link(&mut b, n)).collect();
    d.handle(Input::Links(&links))?;
    d.handle(Input::AddrAdded(addr(0, own(0, Family::V4))))?;
    d.handle(Input::AddrAdded(addr(0, own(0, Family::V6))))?;
    d.handle(Input::Start { uptime: Duration::from_secs(1) })?;
    while !b.0.is_empty() {
        d.step(&mut b)?;
    }
    d.handle(Input::Shutdown)?;
    let hidden = |e: &&Element| !matches!(e.part(), Part::Vmac4 | Part::Vmac6);
    if let Some(left) = d.rules.iter().find(hidden) {
        return Err(format!("{left:?} is left hidden"));
    }
    match d.sockets.iter().flatten().count() {
        0 => Ok(()),
        n => Err(format!("{n} sockets are left open")),
    }
}

struct Driver {
    setup: Setup,
    node: Node,
    now: Mono,
    sockets: Vec<Option<SocketKey>>,
    /// What the kernel will tell: address and whether it is there.
    echoes: VecDeque<(AddrFact, bool)>,
    /// The same of routes and rules.
    fib_echoes: VecDeque<(Owner, FibEntry, bool)>,
    /// Virtual links to be made.
    links: VecDeque<LinkSpec>,
    /// The last address asked for.
    asked: Option<(Owner, IfIndex, Arc<Address>, bool)>,
    /// What the firewall was told to hold back.
    rules: BTreeSet<Element>,
    /// Ticks in a row that did not move the deadline on.
    stuck: u32,
}

impl Driver {
    fn handle(&mut self, input: Input<'_>) -> Result<(), String> {
        let mut out = Out::default();
        self.node.handle(self.now, input, &mut out);
        self.node.check_invariants()?;
        for advert in &out.adverts {
            let open = self.sockets.get(advert.socket.index()) == Some(&Some(advert.key));
            let opened = |a: &Action| {
                let same = |id, key| (id, key) == (advert.socket, advert.key);
                matches!(a, Action::OpenSocket { id, key, .. } if same(*id, *key))
            };
            if out.packet(advert).len() < 8 {
                return Err("an advert without a packet".to_owned());
            }
            if !open && !out.actions.iter().any(opened) {
                return Err("an advert for a closed socket".to_owned());
            }
        }
        for action in &out.actions {
            self.act(action)?;
        }
        Ok(())
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::OpenSocket { id, key, .. } => {
                if self.sockets.len() <= id.index() {
                    self.sockets.resize(id.index() + 1, None);
                }
                let slot = self.sockets.get_mut(id.index()).ok_or("no slot")?;
                if slot.replace(*key).is_some() {
                    return Err(format!("{id:?} opened twice"));
                }
            }
            Action::SocketRoom { id, bytes } => {
                let open = self.sockets.get(id.index()).is_some_and(Option::is_some);
                if !open {
                    return Err(format!("{bytes} bytes of room for {id:?}, which is closed"));
                }
            }
            Action::CloseSocket { id } => {
                let slot = self.sockets.get_mut(id.index()).and_then(Option::take);
                slot.ok_or_else(|| format!("{id:?} closed twice"))?;
            }
            Action::AddAddr { owner, ifindex, addr: a, .. }
            | Action::DelAddr { owner, ifindex, addr: a, .. } => {
                let adding = matches!(action, Action::AddAddr { .. });
                let fact = AddrFact { ifindex: *ifindex, prefix: a.prefix, tentative: false };
                self.echoes.push_back((fact, adding));
                self.asked = Some((*owner, *ifindex, a.clone(), adding));
            }
            Action::AddFib { owner, entry, .. } => {
                self.fib_echoes.push_back((*owner, entry.clone(), true));
            }
            Action::DelFib { owner, entry, .. } => {
                self.fib_echoes.push_back((*owner, entry.clone(), false));
            }
            Action::Garp(g) if g.count == 0 => return Err("no GARPs asked for".to_owned()),
            Action::Garp(_) | Action::CancelGarps { .. } => {}
            Action::MakeLink(spec) => {
                self.links.retain(|l| l.name != spec.name);
                self.links.push_back(spec.clone());
            }
            Action::Rules(_) | Action::RulesLeft(_) => {}
            Action::Rule { element, wanted: true } => {
                if !self.rules.insert(element.clone()) {
                    return Err(format!("{element:?} asked for twice"));
                }
            }
            Action::Rule { element, wanted: false } => {
                if !self.rules.remove(element) {
                    return Err(format!("{element:?} let go of and not there"));
                }
            }
            Action::RemoveLink { name, .. } => self.links.retain(|l| l.name != *name),
            Action::Report(event) => drop(event.to_string()),
        }
        Ok(())
    }

    fn step(&mut self, b: &mut Bytes<'_>) -> Result<(), String> {
        match b.next() % 21 {
            20 => self.make_link(b),
            0..=3 => self.next_timer(),
            4 => {
                self.now += Duration::from_millis(u64::from(b.next()) * u64::from(b.next()));
                self.handle(Input::Tick)
            }
            5..=7 => self.advert(b),
            8 => {
                let len = b.below(80);
                let packet = b.take(len).to_vec();
                let family = if b.flag() { Family::V4 } else { Family::V6 };
                self.packet(b, own(9, family).addr, own(0, family).addr, &packet)
            }
            9 => {
                let n = b.below(3) as u32;
                let fact = link(b, n);
                self.handle(Input::Link(fact))
            }
            10 => self.handle(Input::LinkGone { index: IfIndex(b.below(18) as u32) }),
            11 => {
                let fact = any_addr(b);
                self.handle(if b.flag() {
                    Input::AddrAdded(fact)
                } else {
                    Input::AddrRemoved(fact)
                })
            }
            12 => self.echo(b),
            13 => self.fib_echo(b),
            14 => {
                let value = match b.below(4) {
                    0 => TrackValue::Good,
                    1 => TrackValue::Bad,
                    2 => TrackValue::Pending,
                    _ => TrackValue::Number(i64::from(b.next() as i8) * 3),
                };
                self.handle(Input::Track { id: TrackId(b.below(5) as u32), value })
            }
            15 => {
                if b.flag() {
                    self.setup = setup(b);
                }
                self.handle(Input::Reload(Box::new(self.setup.clone())))
            }
            16 => self.snapshot(b),
            17 if b.flag() => {
                let time = Duration::from_millis(u64::from(b.next()) << 5);
                self.handle(Input::Slept { time })
            }
            17 => {
                self.handle(Input::Clock { unix: Duration::from_secs(u64::from(b.next()) << 20) })
            }
            18 => match self.asked.take() {
                Some((owner, ifindex, addr, adding)) => {
                    let errno = [17, 99, 1].get(b.below(3)).copied().unwrap_or(1);
                    self.handle(Input::AddrFailed { owner, ifindex, addr: &addr, adding, errno })
                }
                None => self.handle(Input::Forwarding { index: IfIndex(1), on: b.flag() }),
            },
            19 if b.flag() => self.handle(Input::Announce { name: "V00" }),
            _ if b.next() < 32 => {
                self.handle(Input::Shutdown)?;
                self.handle(Input::Start { uptime: Duration::ZERO })
            }
            _ => self.handle(Input::Tick),
        }
    }

    fn next_timer(&mut self) -> Result<(), String> {
        let Some(due) = self.node.deadline() else { return Ok(()) };
        self.now = self.now.max(due);
        self.handle(Input::Tick)?;
        let moved = self.node.deadline().is_none_or(|d| d > self.now);
        self.stuck = if moved { 0 } else { self.stuck + 1 };
        if self.stuck > 4 {
            return Err(format!("the deadline {due:?} does not move on"));
        }
        Ok(())
    }

    /// What the kernel did arrives, or gets lost.
    fn echo(&mut self, b: &mut Bytes<'_>) -> Result<(), String> {
        for _ in 0..b.below(8) {
            let Some((fact, there)) = self.echoes.pop_front() else { return Ok(()) };
            self.handle(if there { Input::AddrAdded(fact) } else { Input::AddrRemoved(fact) })?;
        }
        Ok(())
    }

    /// The same for routes and rules; now and then it refuses, or somebody
    /// removes one, or the whole list is read.
    fn fib_echo(&mut self, b: &mut Bytes<'_>) -> Result<(), String> {
        let listed: Vec<_> =
            self.fib_echoes.iter().map(|(owner, entry, _)| (*owner, entry.clone())).collect();
        if b.next() < 40 {
            self.fib_echoes.clear();
            return self.handle(Input::Fibs(&listed));
        }
        for _ in 0..b.below(4) {
            let Some((owner, entry, added)) = self.fib_echoes.pop_front() else { return Ok(()) };
            let by = b.flag().then_some(IfIndex(1));
            let fact = match (b.next(), added) {
                (0..40, adding) => FibFact::Refused { adding, errno: [17, 3, 101][b.below(3)] },
                (_, true) => FibFact::Added,
                (_, false) => FibFact::Removed { by },
            };
            self.handle(Input::Fib { owner, entry: &entry, fact })?;
            if b.next() < 60 {
                self.handle(Input::Fib { owner, entry: &entry, fact: FibFact::Removed { by } })?;
            }
        }
        Ok(())
    }

    /// A virtual link is made or refused, and told of before or after.
    fn make_link(&mut self, b: &mut Bytes<'_>) -> Result<(), String> {
        let Some(spec) = self.links.pop_front() else { return Ok(()) };
        let bits = b.next();
        let index = spec.existing.map_or(10 + u32::from(bits & 7), |i| i.0);
        let made = bits & 8 == 0;
        let fact = link_of(&spec, index);
        if made && bits & 16 == 0 {
            self.handle(Input::Link(LinkFact { up: false, set_up: false, ..fact.clone() }))?;
        }
        if bits & 32 == 0 {
            self.handle(Input::LinkDone { name: &spec.name, made })?;
        }
        if made {
            self.handle(Input::Link(fact))?;
        }
        if bits & 32 != 0 {
            self.handle(Input::LinkDone { name: &spec.name, made })?;
        }
        Ok(())
    }

    fn snapshot(&mut self, b: &mut Bytes<'_>) -> Result<(), String> {
        if b.flag() {
            let links: Vec<LinkFact> = (0..b.below(4) as u32).map(|n| link(b, n)).collect();
            self.handle(Input::Links(&links))
        } else {
            let addrs: Vec<AddrFact> = (0..b.below(6)).map(|_| any_addr(b)).collect();
            self.handle(Input::Addrs(&addrs))
        }
    }

    fn advert(&mut self, b: &mut Bytes<'_>) -> Result<(), String> {
        let family = if b.flag() { Family::V4 } else { Family::V6 };
        let src = own(b.below(4) as u8, family).addr;
        let version = if b.flag() { 2 } else { 3 };
        let mut c = Craft::advert(version, 51 + b.below(3) as u8, b.next(), src);
        for n in 0..b.below(3) {
            c.vips.push(vip(n as u8, family).addr);
        }
        if b.flag() {
            c.dst = own(0, family).addr;
        }
        let mut packet = c.bytes();
        if b.next() < 64 {
            let at = b.below(packet.len());
            if let Some(byte) = packet.get_mut(at) {
                *byte ^= b.next();
            }
        }
        self.packet(b, src, c.dst, &packet)
    }

    fn packet(
        &mut self,
        b: &mut Bytes<'_>,
        src: IpAddr,
        dst: IpAddr,
        bytes: &[u8],
    ) -> Result<(), String> {
        let hop_limit = if b.flag() { Some(255) } else { None };
        let meta = RxMeta { src, dst, hop_limit, ifindex: IfIndex(1) };
        for socket in 0..self.sockets.len() as u32 + 1 {
            self.handle(Input::Packet { socket: SocketId(socket), meta, bytes })?;
        }
        Ok(())
    }
}
