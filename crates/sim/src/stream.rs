//! One node driven by a stream of bytes: what fuzzer and property test share.
//!
//! Owns the reading of bytes as configurations and inputs. Any bytes are a
//! valid stream; what they do must break no invariant and no loop.

use crate::config;
use crate::craft::Craft;
use crate::script::link_of;
use core::net::IpAddr;
use core::time::Duration;
use model::Secret;
use model::global::RxBufsPolicy;
use model::net::{Address, GarpGroup};
use model::vrrp::{
    Auth, AuthHmac, Debounce, HmacMode, OldChecksum, Peer, SyncGroup, TrackInterface, TrackRef,
    Unicast, Version, Vmac, VrrpInstance,
};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use types::{Family, IfIndex, Mono, Prefix, Priority, TrackId, Vrid, Weight};
use vrrp_proto::firewall::{Element, Part};
use vrrp_proto::{
    Action, AddrFact, FibEntry, FibFact, Input, LinkFact, LinkSpec, Node, Out, Owner, RxMeta,
    Setup, SocketId, SocketKey, TrackValue,
};

const NAMES: [&str; 3] = ["eth0", "eth1", "eth2"];
const KINDS: [&str; 4] = ["script a", "file b", "process c", "bfd d"];

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn next(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(self.next()) % n.max(1)
    }

    fn flag(&mut self) -> bool {
        self.next() & 1 == 1
    }

    fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

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

fn own(n: u8, family: Family) -> Prefix {
    let addr = match family {
        Family::V4 => IpAddr::from([10, 0, 0, n + 1]),
        Family::V6 => IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, u16::from(n) + 1]),
    };
    Prefix { addr, len: family.bits() / 2 }
}

fn vip(n: u8, family: Family) -> Prefix {
    let addr = match family {
        Family::V4 => IpAddr::from([10, 0, 1, n]),
        Family::V6 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)]),
    };
    Prefix { addr, len: family.bits() / 2 }
}

fn addr(n: u32, prefix: Prefix) -> AddrFact {
    AddrFact { ifindex: IfIndex(n + 1), prefix, tentative: false }
}

fn any_addr(b: &mut Bytes<'_>) -> AddrFact {
    let family = if b.flag() { Family::V4 } else { Family::V6 };
    let n = b.below(4) as u8;
    let prefix = if b.flag() { own(n, family) } else { vip(n, family) };
    AddrFact { tentative: b.next() < 20, ..addr(b.below(3) as u32, prefix) }
}

fn link(b: &mut Bytes<'_>, n: u32) -> LinkFact {
    let bits = b.next();
    // Now and then another name or index: renamed or made anew.
    let name = NAMES[(n as usize + usize::from(bits & 0xc0 == 0xc0)) % NAMES.len()];
    LinkFact {
        index: IfIndex(n + 1 + u32::from(bits & 0x30 == 0x30)),
        name: name.to_owned(),
        up: bits & 3 != 0,
        set_up: bits & 7 != 0,
        multicast: bits & 12 != 12,
        noarp: bits == 9,
        hw_type: 1,
        mac: [2, 0, 0, 0, 0, n as u8].into(),
        broadcast: [0xff; 6].into(),
        mtu: 1500,
        ..LinkFact::default()
    }
}

fn setup(b: &mut Bytes<'_>) -> Setup {
    let mut s = Setup::default();
    for kind in KINDS {
        s.tracks.extend(config::object(&mut kind.split(' ')));
    }
    for n in 0..b.below(5) {
        s.vrrp.instances.push(instance(b, n));
    }
    if b.flag() {
        let members = s.vrrp.instances.iter().take(2).map(|i| i.name.clone()).collect();
        let tracks = if b.flag() { vec![track(b)] } else { Vec::new() };
        let tracking_weight = b.flag();
        let name = "G".to_owned();
        let group = SyncGroup { name, members, tracks, tracking_weight, ..SyncGroup::default() };
        s.vrrp.sync_groups.push(group);
    }
    let bits = b.next();
    if bits & 1 != 0 {
        s.global.garp_interval = Duration::from_millis(3);
    }
    if bits & 2 != 0 {
        let interfaces = vec!["eth0".to_owned(), "eth1".to_owned()];
        let gna_interval = Some(Duration::from_millis(7));
        s.vrrp.garp_groups.push(GarpGroup { garp_interval: None, gna_interval, interfaces });
    }
    if bits & 4 != 0 {
        let (down, up) = (Duration::from_millis(300), Duration::from_millis(200));
        s.vrrp.debounce.push(Debounce { interface: "eth0".to_owned(), down, up });
    }
    s.global.buffers.rx_policy = match bits >> 5 & 3 {
        1 => RxBufsPolicy::Mtu,
        2 => RxBufsPolicy::Advert,
        3 => RxBufsPolicy::Bytes(5_000),
        _ => RxBufsPolicy::None,
    };
    if bits & 24 == 24 {
        s.global.startup_delay = Duration::from_millis(700);
    }
    for n in 0..b.below(3) {
        let mut a = Address::plain(own(n as u8 + 6, Family::V4));
        a.dev = Some(NAMES[b.below(2)].to_owned());
        s.vrrp.static_addresses.push(a);
    }
    for _ in 0..b.below(3) {
        s.vrrp.static_routes.push(config::route(vip(b.below(4) as u8, Family::V4), dev(b)));
        s.vrrp.static_rules.push(config::rule(b.below(4) as u32));
    }
    s.global.log_unknown_vrids = bits & 32 != 0;
    s
}

fn dev(b: &mut Bytes<'_>) -> Option<&'static str> {
    [None, Some(NAMES[0]), Some(NAMES[1])][b.below(3)]
}

fn track(b: &mut Bytes<'_>) -> TrackRef {
    let weight = Weight(i16::from(b.next() as i8));
    let weight = if b.flag() { weight } else { Weight(0) };
    TrackRef { id: TrackId(b.below(4) as u32), weight, reverse: b.next() < 60 }
}

fn instance(b: &mut Bytes<'_>, n: usize) -> VrrpInstance {
    let mut i = config::plain(&format!("V{n}{}", b.below(2)), 51, 100);
    i.vrid = Vrid::new(51 + n as u8).unwrap_or(i.vrid);
    let bits = b.next();
    i.priority = Priority(b.next().max(1));
    i.family = if bits & 1 != 0 { Family::V6 } else { Family::V4 };
    i.version = if bits & 2 != 0 { Version::V3 } else { Version::V2 };
    if i.version == Version::V3 {
        i.advert_int = Duration::from_millis(10 * (u64::from(b.next()) + 1));
    }
    if i.family == Family::V6 {
        i.mcast_group = IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 0x12]);
    }
    i.interface = Some(NAMES[usize::from(bits & 4 != 0)].to_owned());
    if bits & 8 != 0 {
        unicast(b, &mut i);
    }
    i.nopreempt = bits & 16 != 0;
    i.dont_track_primary = bits & 96 == 96;
    if bits & 128 != 0 {
        options(b, &mut i);
    }
    for _ in 0..b.below(3) {
        let mut route = config::route(vip(b.below(4) as u8, Family::V4), dev(b));
        route.no_track = b.next() < 40;
        i.routes.push(route);
        i.rules.push(config::rule(b.below(4) as u32));
    }
    if i.interface.is_some() && b.next() < 80 {
        let bits = b.next();
        i.vmac = (bits & 3 != 3).then(Vmac::default);
        if bits & 12 == 12
            && let Some(vmac) = &mut i.vmac
        {
            vmac.mac = Some([2, 0, 0, 0, 1, bits]);
        }
        i.vmac_xmit_base = i.vmac.is_some() && (i.unicast.is_some() || bits & 16 != 0);
        i.vmac_addr = bits & 32 != 0;
    }
    i.accept = b.next() < 200;
    for _ in 0..b.below(4) {
        let mut a = Address::plain(vip(b.below(6) as u8, i.family));
        a.no_track = b.next() < 40;
        a.use_vmac = i.interface.is_some() && b.next() < 20;
        a.dev = (b.next() < 40).then(|| "eth1".to_owned());
        let excluded = b.next() < 60;
        let known = i.vips.iter().chain(&i.evips).any(|v| v.prefix == a.prefix);
        match excluded {
            _ if known => {}
            true => i.evips.push(a),
            false => i.vips.push(a),
        }
    }
    i
}

fn unicast(b: &mut Bytes<'_>, i: &mut VrrpInstance) {
    let peers = (1..3).map(|p| Peer { addr: own(p, i.family).addr, min_ttl: 0, max_ttl: 255 });
    let old_checksum = match b.below(3) {
        0 => OldChecksum::Auto,
        1 => OldChecksum::Always,
        _ => OldChecksum::Never,
    };
    let check_source = b.flag();
    i.unicast = Some(Unicast { peers: peers.collect(), check_source, ttl: None, old_checksum });
    if b.flag() {
        i.source = Some(own(0, i.family).addr);
        i.track_source = b.flag();
        if b.next() < 40 {
            i.interface = None;
        }
    }
}

fn options(b: &mut Bytes<'_>, i: &mut VrrpInstance) {
    let bits = b.next();
    if bits & 1 != 0 {
        i.preempt_delay = Duration::from_millis(u64::from(b.next()) * 20);
    }
    i.higher_prio_send_advert = bits & 2 != 0;
    i.lower_prio_no_advert = bits & 4 != 0;
    i.v3_checksum_as_v2 = bits & 8 != 0;
    i.notify_priority_changes = bits & 16 != 0;
    i.notify.report_deleted = bits & 32 != 0;
    i.garp.master_refresh = Duration::from_millis(u64::from(bits & 64) * 20);
    i.config_faults = u8::from(bits & 0x83 == 0x83);
    if i.version == Version::V2 && i.family == Family::V4 {
        match b.below(4) {
            0 => i.auth = Some(Auth::Pass(Secret::new("abc"))),
            1 => i.auth = Some(Auth::Ah(Secret::new("abc"))),
            _ => {}
        }
    }
    if i.auth.is_none() && b.flag() {
        i.auth_hmac = Some(AuthHmac {
            keys: vec![(1, Secret::new("0123456789abcdef0123456789abcdef"))],
            active_key: 1,
            time_window: 5,
            monotonic: b.flag(),
            mode: if b.flag() { HmacMode::Permissive } else { HmacMode::Enforce },
        });
    }
    for _ in 0..b.below(3) {
        let t = track(b);
        if !i.tracks.iter().any(|k| k.id == t.id) {
            i.tracks.push(t);
        }
    }
    if b.flag() {
        let weight = Weight(i16::from(b.next() as i8));
        let interface = "eth1".to_owned();
        i.track_interfaces.push(TrackInterface { interface, weight, reverse: b.flag() });
    }
}
