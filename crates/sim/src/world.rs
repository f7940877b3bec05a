//! Hosts on one link: packets with delay and loss, kernels that obey, faults.
//!
//! Owns simulated time and the carrying out of actions. Everything follows
//! from the seed.

use crate::rng::Rng;
use core::net::IpAddr;
use core::time::Duration;
use model::net::Address;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use types::{Family, IfIndex, Mono, Prefix, Priority, TrackId};
use vrrp_proto::{
    Action, AddrFact, Input, LinkFact, Node, Out, Owner, RxMeta, Setup, SocketId, SocketKey, State,
    TrackValue,
};

/// The only interface of a host.
const ETH0: IfIndex = IfIndex(2);
/// Packets that a sleeping host's socket holds.
const SOCKET_QUEUE: usize = 200;
/// The wall clock when the world begins.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// One host.
#[derive(Debug)]
pub struct Host {
    /// Its configuration, for the next start.
    pub setup: Setup,
    /// Its daemon, while it runs.
    pub node: Option<Node>,
    /// Its address.
    pub addr: IpAddr,
    /// Whether its link is up.
    pub link: bool,
    /// Which part of the network it is in.
    pub part: u8,
    /// What the objects that it tracks are worth.
    pub tracks: Vec<TrackValue>,
    /// How far its wall clock is ahead, in seconds.
    pub clock: i64,
    /// It does nothing before then.
    pub asleep: Option<Mono>,
    /// Addresses that its kernel holds, its own included.
    pub kernel: BTreeSet<Prefix>,
    sockets: BTreeMap<SocketId, SocketKey>,
    inbox: VecDeque<Delivery>,
    /// News that came while it slept, in order.
    backlog: VecDeque<Coming>,
    /// When the last notification of its kernel arrives: they keep order.
    news_at: Mono,
    /// Number of its daemon's lives, so that old notifications miss the new.
    life: u32,
}

#[derive(Debug, Clone)]
struct Delivery {
    src: IpAddr,
    dst: IpAddr,
    bytes: Vec<u8>,
}

#[derive(Debug)]
enum Coming {
    Packet(usize, Delivery),
    News {
        host: usize,
        life: u32,
        fact: AddrFact,
        there: bool,
    },
    Link {
        host: usize,
        life: u32,
        up: bool,
    },
    /// There was no such address to be removed.
    Absent {
        host: usize,
        life: u32,
        owner: Owner,
        addr: Arc<Address>,
    },
}

/// The world.
#[derive(Debug)]
pub struct World {
    /// The time.
    pub now: Mono,
    /// Its hosts.
    pub hosts: Vec<Host>,
    /// Packets lost in a hundred.
    pub loss: u64,
    /// The longest that a kernel takes to tell what it did.
    pub lag: Duration,
    /// Adverts with a priority other than 0 on the link so far.
    pub adverts: u64,
    /// Where chance comes from.
    pub rng: Rng,
    coming: BTreeMap<(Mono, u64), Coming>,
    sequence: u64,
    out: Out,
}

impl World {
    /// Hosts with these configurations and addresses, none of them running.
    pub fn new(seed: u64, hosts: Vec<(Setup, IpAddr)>) -> Self {
        let hosts = hosts.into_iter().map(|(setup, addr)| Host {
            node: None,
            addr,
            link: true,
            part: 0,
            tracks: setup.tracks.iter().map(|_| TrackValue::Number(0)).collect(),
            clock: 0,
            setup,
            asleep: None,
            kernel: BTreeSet::from([own(addr)]),
            sockets: BTreeMap::new(),
            inbox: VecDeque::new(),
            backlog: VecDeque::new(),
            news_at: Mono::ZERO,
            life: 0,
        });
        World {
            now: Mono::from_millis(1),
            hosts: hosts.collect(),
            loss: 0,
            lag: Duration::from_micros(300),
            adverts: 0,
            rng: Rng::new(seed),
            coming: BTreeMap::new(),
            sequence: 0,
            out: Out::default(),
        }
    }

    /// Starts the daemon of a host, which finds what its kernel holds.
    pub fn start(&mut self, h: usize) -> Result<(), String> {
        let host = &mut self.hosts[h];
        if host.node.is_some() {
            return Ok(());
        }
        host.life += 1;
        host.sockets.clear();
        host.inbox.clear();
        host.backlog.clear();
        host.node = Some(Node::new(host.setup.clone()));
        let links = [link(host.link)];
        let addrs: Vec<AddrFact> = host.kernel.iter().map(|p| fact(*p)).collect();
        self.handle(h, Input::Links(&links))?;
        self.handle(h, Input::Addrs(&addrs))?;
        self.tell_clock(h)?;
        self.tell_tracks(h)?;
        self.handle(h, Input::Start { uptime: Duration::from_secs(100) })
    }

    /// The daemon is gone without a word; its addresses stay.
    pub fn kill(&mut self, h: usize) {
        self.hosts[h].node = None;
        self.hosts[h].sockets.clear();
    }

    /// The daemon stops in good order.
    pub fn stop(&mut self, h: usize) -> Result<(), String> {
        if self.hosts[h].node.is_some() {
            self.handle(h, Input::Shutdown)?;
        }
        self.kill(h);
        Ok(())
    }

    /// The daemon takes the configuration in [`Host::setup`].
    pub fn reload(&mut self, h: usize) -> Result<(), String> {
        if self.hosts[h].node.is_none() || self.hosts[h].asleep.is_some() {
            return Ok(());
        }
        let setup = Box::new(self.hosts[h].setup.clone());
        self.handle(h, Input::Reload(setup))?;
        self.tell_tracks(h)
    }

    /// A tracked object of a host has another value, unless the host sleeps.
    pub fn track(&mut self, h: usize, object: usize, value: i64) -> Result<(), String> {
        if self.hosts[h].asleep.is_some() {
            return Ok(());
        }
        if let Some(place) = self.hosts[h].tracks.get_mut(object) {
            *place = TrackValue::Number(value);
        }
        self.tell_tracks(h)
    }

    /// The wall clock of a host steps to so many seconds ahead of the others'.
    pub fn step_clock(&mut self, h: usize, ahead: i64) -> Result<(), String> {
        self.hosts[h].clock = ahead;
        if self.hosts[h].asleep.is_some() {
            return Ok(());
        }
        self.tell_clock(h)
    }

    fn tell_clock(&mut self, h: usize) -> Result<(), String> {
        let unix = EPOCH + self.now.saturating_since(Mono::ZERO);
        let seconds = unix.as_secs().saturating_add_signed(self.hosts[h].clock);
        let unix = Duration::new(seconds, unix.subsec_nanos());
        self.handle(h, Input::Clock { unix })
    }

    fn tell_tracks(&mut self, h: usize) -> Result<(), String> {
        for (id, value) in self.hosts[h].tracks.clone().into_iter().enumerate() {
            self.handle(h, Input::Track { id: TrackId(id as u32), value })?;
        }
        Ok(())
    }

    /// The link of a host goes down or comes up.
    pub fn set_link(&mut self, h: usize, up: bool) {
        let host = &mut self.hosts[h];
        if host.link == up {
            return;
        }
        host.link = up;
        let life = host.life;
        let at = self.news_time(h);
        self.push(at, Coming::Link { host: h, life, up });
    }

    /// Somebody removes an address from a host.
    pub fn steal(&mut self, h: usize, prefix: Prefix) {
        if prefix != own(self.hosts[h].addr) {
            self.change_address(h, prefix, false);
        }
    }

    fn change_address(&mut self, h: usize, prefix: Prefix, there: bool) -> bool {
        let host = &mut self.hosts[h];
        let changed = if there { host.kernel.insert(prefix) } else { host.kernel.remove(&prefix) };
        if changed && !there && prefix.addr.is_ipv6() {
            // An IPv6 address is told of a while after it came, and not at all once it is gone.
            self.coming.retain(|_, c| {
                !matches!(c, Coming::News { host, fact, there: true, .. }
                    if (*host, fact.prefix) == (h, prefix))
            });
        }
        let host = &self.hosts[h];
        if changed {
            let life = host.life;
            let at = self.news_time(h);
            self.push(at, Coming::News { host: h, life, fact: fact(prefix), there });
        }
        changed
    }

    fn news_time(&mut self, h: usize) -> Mono {
        let longest = self.lag.as_micros() as u64;
        let at = self.now + Duration::from_micros(self.rng.between(10, longest));
        let host = &mut self.hosts[h];
        host.news_at = host.news_at.max(at);
        host.news_at
    }

    fn push(&mut self, at: Mono, what: Coming) {
        self.sequence += 1;
        self.coming.insert((at, self.sequence), what);
    }

    /// Lets time pass until `end`.
    pub fn run_until(&mut self, end: Mono) -> Result<(), String> {
        let mut steps = 0u64;
        loop {
            let timers = (0..self.hosts.len()).filter_map(|h| self.wake_time(h).map(|t| (t, h)));
            let timer = timers.min();
            let coming = self.coming.keys().next().copied();
            let packet_first = coming.is_some_and(|c| timer.is_none_or(|t| c.0 <= t.0));
            steps += 1;
            if steps > 2_000_000 {
                return Err("time stands still".to_owned());
            }
            if packet_first {
                let Some(((at, n), what)) = self.coming.pop_first() else { return Ok(()) };
                if at > end {
                    self.coming.insert((at, n), what);
                    break;
                }
                self.now = self.now.max(at);
                self.arrive(what)?;
            } else {
                let Some((at, h)) = timer.filter(|t| t.0 <= end) else { break };
                self.now = self.now.max(at);
                self.wake(h)?;
            }
        }
        self.now = self.now.max(end);
        Ok(())
    }

    /// Lets `time` pass.
    pub fn run(&mut self, time: Duration) -> Result<(), String> {
        self.run_until(self.now + time)
    }

    /// Runs until `done`, at most for `limit`; how long it took.
    pub fn run_while(
        &mut self,
        limit: Duration,
        mut waiting: impl FnMut(&World) -> bool,
    ) -> Result<Option<Duration>, String> {
        let start = self.now;
        while waiting(self) {
            if self.now.saturating_since(start) > limit {
                return Ok(None);
            }
            self.run(Duration::from_micros(100))?;
        }
        Ok(Some(self.now.saturating_since(start)))
    }

    fn wake_time(&self, h: usize) -> Option<Mono> {
        let host = &self.hosts[h];
        let due = host.node.as_ref()?.deadline();
        match host.asleep {
            Some(t) => Some(t),
            None => due,
        }
    }

    /// Timers first, then what waits in the sockets, as the daemon does it.
    fn wake(&mut self, h: usize) -> Result<(), String> {
        self.hosts[h].asleep = None;
        self.tell_clock(h)?;
        self.handle(h, Input::Tick)?;
        while let Some(news) = self.hosts[h].backlog.pop_front() {
            self.arrive(news)?;
        }
        while let Some(d) = self.hosts[h].inbox.pop_front() {
            self.receive(h, &d)?;
        }
        Ok(())
    }

    fn arrive(&mut self, what: Coming) -> Result<(), String> {
        match what {
            Coming::Packet(h, d) => {
                let host = &mut self.hosts[h];
                if host.asleep.is_some() {
                    if host.inbox.len() < SOCKET_QUEUE {
                        host.inbox.push_back(d);
                    }
                    return Ok(());
                }
                self.receive(h, &d)
            }
            Coming::News { host: h, life, fact, there } => {
                if self.later(h, life, Coming::News { host: h, life, fact, there }) {
                    return Ok(());
                }
                let input = if there { Input::AddrAdded(fact) } else { Input::AddrRemoved(fact) };
                self.handle(h, input)
            }
            Coming::Absent { host: h, life, owner, addr } => {
                const EADDRNOTAVAIL: i32 = 99;
                let news = Coming::Absent { host: h, life, owner, addr: addr.clone() };
                if self.later(h, life, news) {
                    return Ok(());
                }
                let (ifindex, addr, adding, errno) = (ETH0, &addr, false, EADDRNOTAVAIL);
                self.handle(h, Input::AddrFailed { owner, ifindex, addr, adding, errno })
            }
            Coming::Link { host: h, life, up } => {
                if self.later(h, life, Coming::Link { host: h, life, up }) {
                    return Ok(());
                }
                self.handle(h, Input::Link(link(up)))
            }
        }
    }

    /// News for a dead daemon is lost, for a sleeping one it waits.
    fn later(&mut self, h: usize, life: u32, news: Coming) -> bool {
        let host = &mut self.hosts[h];
        if host.node.is_none() || host.life != life {
            return true;
        }
        if host.asleep.is_some() {
            host.backlog.push_back(news);
            return true;
        }
        false
    }

    fn receive(&mut self, h: usize, d: &Delivery) -> Result<(), String> {
        let fits = |k: &SocketKey| k.addr == d.dst && k.family == Family::of(d.dst);
        let sockets: Vec<SocketId> =
            self.hosts[h].sockets.iter().filter(|s| fits(s.1)).map(|s| *s.0).collect();
        for socket in sockets {
            let meta = RxMeta { src: d.src, dst: d.dst, hop_limit: Some(255), ifindex: ETH0 };
            self.handle(h, Input::Packet { socket, meta, bytes: &d.bytes })?;
        }
        Ok(())
    }

    fn handle(&mut self, h: usize, input: Input<'_>) -> Result<(), String> {
        let mut out = core::mem::take(&mut self.out);
        let Some(node) = &mut self.hosts[h].node else { return Ok(()) };
        node.handle(self.now, input, &mut out);
        let checked = node.check_invariants();
        checked.map_err(|e| format!("host {h} at {:?}: {e}", self.now))?;
        self.send(h, &out)?;
        for action in &out.actions {
            self.act(h, action);
        }
        out.clear();
        self.out = out;
        Ok(())
    }

    fn act(&mut self, h: usize, action: &Action) {
        match action {
            Action::OpenSocket { id, key, .. } => {
                self.hosts[h].sockets.insert(*id, *key);
            }
            Action::CloseSocket { id } => {
                self.hosts[h].sockets.remove(id);
            }
            Action::AddAddr { addr, .. } => {
                self.change_address(h, addr.prefix, true);
            }
            Action::DelAddr { owner, addr, .. } => {
                if !self.change_address(h, addr.prefix, false) {
                    let (life, at) = (self.hosts[h].life, self.news_time(h));
                    let (owner, addr) = (*owner, addr.clone());
                    self.push(at, Coming::Absent { host: h, life, owner, addr });
                }
            }
            Action::AddFib { .. }
            | Action::DelFib { .. }
            | Action::SocketRoom { .. }
            | Action::MakeLink(_)
            | Action::RemoveLink { .. }
            | Action::Rules(_)
            | Action::RulesLeft(_)
            | Action::Rule { .. }
            | Action::Garp(_)
            | Action::CancelGarps { .. }
            | Action::Report(_) => {}
        }
    }

    fn send(&mut self, h: usize, out: &Out) -> Result<(), String> {
        for advert in &out.adverts {
            let bytes = out.packet(advert);
            let priority = priority_of(advert.src, bytes);
            let state = self.hosts[h]
                .node
                .as_ref()
                .and_then(|n| n.instance(advert.instance))
                .map(|i| i.state());
            if priority != Priority::STOP && state != Some(State::Master) {
                return Err(format!("host {h} advertises in {state:?} at {:?}", self.now));
            }
            self.adverts += u64::from(priority != Priority::STOP);
            if !self.hosts[h].link {
                continue;
            }
            let d = Delivery { src: advert.src, dst: advert.dst, bytes: bytes.to_vec() };
            for to in 0..self.hosts.len() {
                if to != h && self.connected(h, to) && !self.rng.chance(self.loss) {
                    let at = self.now + Duration::from_micros(self.rng.between(20, 400));
                    self.push(at, Coming::Packet(to, d.clone()));
                }
            }
        }
        Ok(())
    }

    /// Whether packets pass between two hosts.
    pub fn connected(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.hosts[a], &self.hosts[b]);
        a.link && b.link && a.part == b.part
    }

    /// The state of an instance of a host, by its place in the configuration.
    pub fn state(&self, h: usize, instance: usize) -> Option<State> {
        self.hosts[h].node.as_ref()?.instances().nth(instance).map(|i| i.state())
    }

    /// The hosts on which an instance is MASTER.
    pub fn masters(&self, instance: usize) -> Vec<usize> {
        let is_master = |h: &usize| self.state(*h, instance) == Some(State::Master);
        (0..self.hosts.len()).filter(is_master).collect()
    }
}

/// A host's own address with its length.
pub fn own(addr: IpAddr) -> Prefix {
    Prefix { addr, len: Family::of(addr).bits() / 2 }
}

fn fact(prefix: Prefix) -> AddrFact {
    AddrFact { ifindex: ETH0, prefix, tentative: false }
}

fn link(up: bool) -> LinkFact {
    LinkFact {
        index: ETH0,
        name: "eth0".to_owned(),
        up,
        set_up: true,
        multicast: true,
        noarp: false,
        hw_type: 1,
        mac: [2, 0, 0, 0, 0, 2].into(),
        broadcast: [0xff; 6].into(),
        mtu: 1500,
        ..LinkFact::default()
    }
}

fn priority_of(src: IpAddr, packet: &[u8]) -> Priority {
    let at = match src {
        IpAddr::V6(_) => 0,
        IpAddr::V4(_) if packet[9] == 51 => 44,
        IpAddr::V4(_) => 20,
    };
    Priority(packet[at + 2])
}
