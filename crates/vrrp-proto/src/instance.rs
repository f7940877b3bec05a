//! One virtual router: its data, its adverts, its timers.
//!
//! Owns what `node` and `transition` work on. Never decides (that is `fsm`)
//! and knows nothing of other instances.

use crate::action::{Out, SendAdvert, SocketId, SocketKey};
use crate::auth::{self, AhKey, HmacState, Signer};
use crate::diagnosis::Diagnosis;
use crate::event::{Cause, Event, InstanceEvent, Reason, State, Told};
use crate::fib::Fib;
use crate::firewall::{Element, Firewall};
use crate::fsm;
use crate::links::Links;
use crate::managed::Managed;
use crate::pace::Pacer;
use crate::packet::{AuthTx, Build, Flavour};
use crate::timing;
use crate::track::Watch;
use crate::vmac::Vmacs;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use model::Counters;
use model::net::Address;
use model::vrrp::{Auth, OldChecksum, TrackRef, Version};
use model::{Secret, VrrpInstance};
use std::sync::Arc;
use types::{Family, IfIndex, InstanceId, Mono, Priority};

/// What handlers of one input share.
pub struct Env<'a> {
    /// The time of the input.
    pub now: Mono,
    /// The wall clock.
    pub unix: Duration,
    /// What is left of the start-up delay.
    pub hold: Duration,
    /// Interfaces.
    pub links: &'a Links,
    /// Virtual links.
    pub vmacs: &'a Vmacs,
    /// What is hidden.
    pub firewall: &'a mut Firewall,
    /// `vrrp_mcast_group4`, for the old unicast checksum.
    pub group4: Ipv4Addr,
    /// Rate limit of GARPs.
    pub pacer: &'a mut Pacer,
    /// Where actions go.
    pub out: &'a mut Out,
}

/// A virtual address and where it is.
#[derive(Debug, Clone)]
pub struct Vip {
    /// The address.
    pub addr: Arc<Address>,
    /// Not advertised.
    pub excluded: bool,
    /// The interface that it is on; `None` while it is not wanted.
    pub on: Option<IfIndex>,
    /// What keeps packets from it.
    pub hidden: Option<Element>,
    /// It is in place as an earlier configuration had it, and can be changed there.
    pub outdated: bool,
    /// Where an earlier configuration had it: it stays there until it is where it belongs now.
    pub from: Option<IfIndex>,
}

impl Vip {
    /// One that is not in place.
    pub fn new(addr: &Address, excluded: bool) -> Self {
        let addr = Arc::new(addr.clone());
        Vip { addr, excluded, on: None, hidden: None, outdated: false, from: None }
    }

    /// The interface that it is on, be it that of an earlier configuration.
    pub fn place(&self) -> Option<IfIndex> {
        self.on.or(self.from)
    }

    /// The address without its length.
    pub fn ip(&self) -> IpAddr {
        self.addr.prefix.addr
    }
}

/// Who is master, as a backup heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Master {
    /// Address.
    pub addr: IpAddr,
    /// Priority.
    pub priority: Priority,
}

/// Another address owner that we, the higher address, contend with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rogue {
    /// Own adverts still to be sent before it is given time to yield.
    pub adverts_left: u8,
    /// When it should have yielded.
    pub until: Option<Mono>,
    /// Its interval.
    pub interval: Duration,
    /// Whether it was heard since [`Rogue::until`] was set.
    pub heard: bool,
}

/// A batch of GARPs to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// When.
    pub at: Mono,
    /// Packets per address.
    pub count: u32,
}

/// Keys and sequences.
#[derive(Debug, Clone, Default)]
pub struct AuthState {
    /// Password, zero padded.
    pub pass: Option<Secret>,
    /// AH.
    pub ah: Option<AhKey>,
    /// The AH sequence number last sent.
    pub ah_sent: u32,
    /// The AH sequence number last accepted. What we send goes on from there,
    /// but what we sent is not held against others: two masters that count in
    /// step would never hear each other.
    pub ah_seen: u32,
    /// `auth_hmac`.
    pub hmac: Option<HmacState>,
}

impl AuthState {
    fn new(config: &VrrpInstance) -> Self {
        let mut a = AuthState::default();
        match &config.auth {
            Some(Auth::Pass(p)) => a.pass = Some(Secret::new(auth::pad(p.expose()))),
            Some(Auth::Ah(p)) => a.ah = AhKey::new(p.expose()),
            None => {}
        }
        a.hmac = config.auth_hmac.as_ref().map(HmacState::new);
        a
    }
}

/// One virtual router.
#[derive(Debug, Clone)]
pub struct Instance {
    pub id: InstanceId,
    pub name: Arc<str>,
    pub config: Arc<VrrpInstance>,
    /// Index of its sync group.
    pub group: Option<usize>,
    /// Whether it may be MASTER without hearing first: an address owner whose
    /// group, if any, consists of owners.
    pub starts_master: bool,
    /// FIFOs are told of priority changes, by its own or its group's setting.
    pub tells_priority: bool,
    pub watches: Vec<Watch>,
    pub refs: Vec<TrackRef>,
    pub vips: Vec<Vip>,
    /// Its routes and rules.
    pub fib: Fib,
    /// The advertised addresses as they are on the wire.
    pub packed: Vec<u8>,
    /// How many they are.
    pub count: u8,

    /// Its interface, or the virtual link on that.
    pub home: Option<IfIndex>,
    /// Name of its virtual link.
    pub vmac: Option<Arc<str>>,
    /// Where adverts leave from.
    pub ifindex: Option<IfIndex>,
    pub src: Option<IpAddr>,
    pub socket: Option<SocketId>,
    /// What its socket is bound to, or was.
    pub socket_key: Option<SocketKey>,
    /// What it adds to the room of its socket, in bytes.
    pub room: u32,

    pub state: State,
    /// Its timer ran out, or it is master: the group may go.
    pub wants_master: bool,
    /// Effective priority.
    pub priority: Priority,
    pub causes: Vec<Cause>,
    /// A script's first result is awaited.
    pub waiting: bool,
    /// Its virtual link is being made.
    pub unbound: bool,
    /// Master down timer or advert timer.
    pub timer: Option<Mono>,
    /// An overdue master down timer was stretched once.
    pub stretched: bool,
    pub last_sent: Option<Mono>,
    pub master: Option<Master>,
    /// Source and priority of the last accepted advert.
    pub heard: Option<Master>,
    /// Interval of the master (version 3), else ours.
    pub master_adv: Duration,
    pub preempt_until: Option<Mono>,
    pub rogue: Option<Rogue>,
    /// We yielded to another address owner: advertise 254.
    pub yielded: bool,
    pub garp_again: Option<Again>,
    pub garp_lower: Option<Again>,
    pub garp_refresh: Option<Mono>,
    /// The next packet on other interfaces.
    pub garp_extra: Option<Mono>,

    pub counters: Counters,
    /// Which log-once lines were logged.
    pub logged: u32,
    /// Peers that are not heard as they should be.
    pub diagnosis: Diagnosis,
    pub auth: AuthState,
    /// Adverts carry the old unicast checksum.
    pub old_checksum: bool,
    pub ip_id: u16,
    pub reason: Reason,
    pub since: Mono,
    pub told: Option<Told>,
    /// For managers.
    pub managed: Managed,
}

fn pack(config: &VrrpInstance) -> (Vec<u8>, u8) {
    let mut packed = Vec::new();
    let mut count = 0u8;
    for vip in config.vips.iter().take(usize::from(u8::MAX)) {
        match vip.prefix.addr {
            IpAddr::V4(a) => packed.extend_from_slice(&a.octets()),
            IpAddr::V6(a) => packed.extend_from_slice(&a.octets()),
        }
        count = count.saturating_add(1);
    }
    (packed, count)
}

impl Instance {
    /// An instance that has not started.
    pub fn new(id: InstanceId, config: &VrrpInstance) -> Self {
        let (packed, count) = pack(config);
        let vips = config.vips.iter().map(|a| Vip::new(a, false));
        let evips = config.evips.iter().map(|a| Vip::new(a, true));
        Instance {
            id,
            name: config.name.as_str().into(),
            config: Arc::new(config.clone()),
            group: None,
            starts_master: false,
            tells_priority: config.notify_priority_changes,
            watches: Vec::new(),
            refs: Vec::new(),
            vips: vips.chain(evips).collect(),
            fib: Fib::new(&config.routes, &config.rules),
            packed,
            count,
            home: None,
            vmac: None,
            ifindex: None,
            src: None,
            socket: None,
            socket_key: None,
            room: 0,
            state: State::Init,
            wants_master: false,
            priority: config.priority,
            causes: Vec::new(),
            waiting: false,
            unbound: false,
            timer: None,
            stretched: false,
            last_sent: None,
            master: None,
            heard: None,
            master_adv: config.advert_int,
            preempt_until: None,
            rogue: None,
            yielded: false,
            garp_again: None,
            garp_lower: None,
            garp_refresh: None,
            garp_extra: None,
            counters: Counters::default(),
            logged: 0,
            diagnosis: Diagnosis::default(),
            auth: AuthState::new(config),
            old_checksum: config
                .unicast
                .as_ref()
                .is_some_and(|u| u.old_checksum == OldChecksum::Always),
            ip_id: 0,
            reason: Reason::Start,
            since: Mono::ZERO,
            told: None,
            managed: Managed::default(),
        }
    }

    /// Takes over a new configuration of the same virtual router; addresses
    /// and trackers are the caller's business.
    pub fn reconfigure(&mut self, config: &VrrpInstance) {
        (self.packed, self.count) = pack(config);
        let old = core::mem::replace(&mut self.auth, AuthState::new(config));
        (self.auth.ah_sent, self.auth.ah_seen) = (old.ah_sent, old.ah_seen);
        if let (Some(new), Some(old)) = (&mut self.auth.hmac, old.hmac) {
            new.continue_from(old);
        }
        self.diagnosis = Diagnosis::default();
        self.name = config.name.as_str().into();
        self.config = Arc::new(config.clone());
        if config.version == Version::V2 || self.state != State::Backup {
            self.master_adv = config.advert_int;
        }
        if let Some(u) = &config.unicast {
            match u.old_checksum {
                OldChecksum::Auto => {}
                OldChecksum::Always => self.old_checksum = true,
                OldChecksum::Never => self.old_checksum = false,
            }
        }
    }

    /// Whether it speaks to peers rather than a group.
    pub fn is_unicast(&self) -> bool {
        self.config.unicast.is_some()
    }

    /// The address family of its adverts.
    pub fn family(&self) -> Family {
        self.config.family
    }

    /// Whether `addr` is one of its unicast peers.
    pub fn has_peer(&self, addr: IpAddr) -> bool {
        self.config.unicast.as_ref().is_some_and(|u| u.peers.iter().any(|p| p.addr == addr))
    }

    /// The priority that adverts carry and the election goes by.
    pub fn advertised(&self) -> Priority {
        if self.yielded && self.priority.is_owner() { Priority(254) } else { self.priority }
    }

    /// Its master down interval at present.
    pub fn master_down(&self) -> Duration {
        let c = &self.config;
        timing::master_down(c.version, self.advertised(), self.master_adv, c.down_timer_adverts)
    }

    /// Its skew time at present.
    pub fn skew(&self) -> Duration {
        timing::skew(self.config.version, self.advertised(), self.master_adv)
    }

    /// The earliest of its timers.
    pub fn deadline(&self) -> Option<Mono> {
        [
            self.timer,
            self.garp_again.map(|a| a.at),
            self.garp_lower.map(|a| a.at),
            self.garp_refresh,
            self.garp_extra,
            self.rogue.and_then(|r| r.until),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether it has not been elected yet and heard of no master: as a new member it can join a
    /// group of masters.
    pub fn joins_masters(&self) -> bool {
        match self.state {
            State::Init => true,
            State::Backup => self.master.is_none(),
            State::Master | State::Fault => false,
        }
    }

    /// What the election depends on.
    pub fn view(&self) -> fsm::View {
        fsm::View {
            state: self.state,
            priority: self.advertised(),
            src: self.src,
            preempt: !self.config.nopreempt,
            delays: !self.config.preempt_delay.is_zero(),
            delay_until: self.preempt_until,
        }
    }

    /// Reports news of this instance.
    pub fn report(&self, out: &mut Out, what: InstanceEvent) {
        out.report(Event::Instance { id: self.id, name: self.name.clone(), what });
    }

    /// Reports it unless a line of this kind was reported already.
    pub fn report_once(&mut self, out: &mut Out, kind: u32, what: InstanceEvent) {
        let bit = 1u32 << (kind & 31);
        if self.logged & bit == 0 {
            self.logged |= bit;
            self.report(out, what);
        }
    }

    /// Sends one advert of `priority`, a copy to each unicast peer.
    pub fn advertise(&mut self, env: &mut Env<'_>, priority: Priority) {
        let (Some(src), Some(socket)) = (self.src, self.socket) else { return };
        let Some(key) = self.socket_key else { return };
        // 0 would let the kernel choose (raw(7)).
        self.ip_id = self.ip_id.checked_add(1).unwrap_or(1);
        if self.auth.ah.is_some() {
            self.auth.ah_sent = self.auth.ah_sent.max(self.auth.ah_seen).saturating_add(1);
        }
        let config = self.config.clone();
        let unicast = config.unicast.as_ref();
        let mut hmac = self.auth.hmac.take();
        let mut build = self.build(src, priority, env.group4);
        let mut trailer = None;
        if let Some(h) = &mut hmac {
            let who = Signer { version: config.version, vrid: config.vrid, src };
            let scratch = env.out.bytes.len();
            build.message(&mut env.out.bytes);
            trailer = h.sign(who, env.out.bytes.get(scratch..).unwrap_or(&[]), env.unix);
            env.out.bytes.truncate(scratch);
        }
        build.trailer = trailer.as_ref();
        let hop_limit = match unicast {
            None => Some(255),
            Some(u) => u.ttl,
        };
        let mut send = |dst: IpAddr| {
            let start = env.out.bytes.len() as u32;
            build.write(dst, &mut env.out.bytes);
            let bytes = start..env.out.bytes.len() as u32;
            let (instance, ifindex) = (self.id, self.ifindex);
            env.out.adverts.push(SendAdvert {
                instance,
                socket,
                key,
                dst,
                src,
                ifindex,
                hop_limit,
                bytes,
            });
        };
        match unicast {
            None => send(config.mcast_group),
            Some(u) => u.peers.iter().for_each(|p| send(p.addr)),
        }
        self.auth.hmac = hmac;
        self.last_sent = Some(env.now);
        self.counters.advert_sent += 1;
        if priority == Priority::STOP {
            self.counters.pri_zero_sent += 1;
        }
    }

    fn build(&self, src: IpAddr, priority: Priority, group4: Ipv4Addr) -> Build<'_> {
        let unicast = self.config.unicast.as_ref();
        let auth = match &self.auth {
            AuthState { pass: Some(p), .. } => AuthTx::Pass(p),
            AuthState { ah: Some(key), ah_sent, .. } => {
                AuthTx::Ah { key, seq: *ah_sent, unicast: unicast.is_some() }
            }
            _ => AuthTx::None,
        };
        Build {
            version: self.config.version,
            vrid: self.config.vrid,
            priority,
            interval: self.config.advert_int,
            src,
            vips: &self.packed,
            count: self.count,
            ttl: unicast.and_then(|u| u.ttl).unwrap_or(255),
            id: self.ip_id,
            flavour: self.flavour(group4),
            auth,
            trailer: None,
        }
    }

    /// The checksum that adverts of version 3 over IPv4 carry.
    pub fn flavour(&self, group4: Ipv4Addr) -> Flavour {
        if self.config.v3_checksum_as_v2 {
            Flavour::Plain
        } else if self.is_unicast() && self.old_checksum {
            Flavour::OldUnicast(group4)
        } else {
            Flavour::Pseudo
        }
    }
}
