//! Network management: what the MIBs of VRRP ask for beside state and counters, and what a manager
//! may change until the next reload.
//!
//! Owns the objects of RFC 6527 that no advert depends on. Never decides an election.

use crate::event::{InstanceEvent, State};
use crate::fib::{Fib, FibEntry};
use crate::instance::{Env, Instance, Vip};
use crate::node::{At, Node};
use crate::reject::Reject;
use crate::status::Status;
use core::net::IpAddr;
use core::time::Duration;
use model::net::{Route, Rule};
use std::sync::Arc;
use types::{IfIndex, InstanceId, Mono, Priority};

/// Least time between two notices of refused adverts of one instance: who sends many must not
/// keep us busy with telling of them.
const BETWEEN_NOTICES: Duration = Duration::from_secs(1);

/// Why an instance last became MASTER (vrrpv3StatisticsNewMasterReason).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NewMaster {
    /// It never did.
    #[default]
    Never,
    /// The master before left with an advert of priority 0.
    Resigned,
    /// It had a lower priority.
    Preempted,
    /// It was not heard any more.
    NoResponse,
}

/// Why an advert was last refused (vrrpv3StatisticsProtoErrReason).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ProtocolError {
    /// None was.
    #[default]
    None,
    /// Its TTL or hop limit.
    Ttl,
    /// Its version.
    Version,
    /// Its checksum.
    Checksum,
}

/// Why an advert was not believed (vrrpTrapAuthErrorType).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthError {
    /// No known type.
    InvalidType,
    /// Another type than ours.
    TypeMismatch,
    /// Wrong password or integrity check value.
    Failure,
}

/// What a manager is told of a refused advert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notice {
    /// It is not authentic.
    Auth(AuthError),
    /// It breaks the protocol.
    Protocol(ProtocolError),
}

impl Notice {
    fn of(reject: Reject) -> Option<Self> {
        Some(match reject {
            Reject::AuthTypeUnknown { .. } => Notice::Auth(AuthError::InvalidType),
            Reject::AuthType { .. } | Reject::AhPresence { .. } => {
                Notice::Auth(AuthError::TypeMismatch)
            }
            Reject::Password | Reject::AhIcv | Reject::AhSpi | Reject::AhReplay { .. } => {
                Notice::Auth(AuthError::Failure)
            }
            Reject::Hmac(_) => Notice::Auth(AuthError::Failure),
            Reject::Ttl { .. } | Reject::PeerTtl { .. } => Notice::Protocol(ProtocolError::Ttl),
            Reject::Version { .. } => Notice::Protocol(ProtocolError::Version),
            Reject::Checksum { .. } => Notice::Protocol(ProtocolError::Checksum),
            _ => return None,
        })
    }
}

/// What a backup last heard of a master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
enum Prior {
    /// Nothing that matters.
    #[default]
    Unknown,
    /// It leaves.
    Leaves,
    /// It is not as good as we are.
    Lower,
}

/// What is kept of one instance for managers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Managed {
    /// When it left INIT, or FAULT.
    alive_since: Option<Mono>,
    prior: Prior,
    new_master: NewMaster,
    protocol_error: ProtocolError,
    noticed: Option<Mono>,
}

impl Managed {
    /// A master leaves.
    pub fn heard_leaving(&mut self) {
        self.prior = Prior::Leaves;
    }

    /// A master is not as good as we are.
    pub fn heard_lower(&mut self) {
        self.prior = Prior::Lower;
    }

    /// A master is followed.
    pub fn heard_better(&mut self) {
        self.prior = Prior::Unknown;
    }

    /// A state is entered.
    pub fn entered(&mut self, state: State, owner: bool, now: Mono) {
        match state {
            State::Init | State::Fault => self.alive_since = None,
            State::Backup => {
                self.alive_since.get_or_insert(now);
            }
            State::Master => {
                self.alive_since.get_or_insert(now);
                self.new_master = match self.prior {
                    Prior::Leaves => NewMaster::Resigned,
                    Prior::Lower => NewMaster::Preempted,
                    Prior::Unknown if owner => NewMaster::Preempted,
                    Prior::Unknown => NewMaster::NoResponse,
                };
            }
        }
        self.prior = Prior::Unknown;
    }
}

impl Instance {
    /// Keeps why a packet was rejected, and tells managers of it now and then.
    pub(crate) fn notice(&mut self, env: &mut Env<'_>, from: IpAddr, reject: Reject) {
        let Some(notice) = Notice::of(reject) else { return };
        if let Notice::Protocol(error) = notice {
            self.managed.protocol_error = error;
        }
        let recent = |last| env.now.saturating_since(last) < BETWEEN_NOTICES;
        if !self.managed.noticed.is_some_and(recent) {
            self.managed.noticed = Some(env.now);
            let ifindex = self.base(env);
            self.report(env.out, InstanceEvent::Notice { from, ifindex, notice });
        }
    }

    /// The interface that it is configured on: managers know it by that.
    fn base(&self, env: &Env<'_>) -> IfIndex {
        let link = self.config.interface.as_deref().and_then(|name| env.links.named(name));
        link.map(|l| l.index).unwrap_or_default()
    }

    /// Tells who became MASTER, and why.
    pub(crate) fn announce_mastery(&self, env: &mut Env<'_>) {
        let (ifindex, why) = (self.base(env), self.managed.new_master);
        if let Some(addr) = self.src {
            self.report(env.out, InstanceEvent::NewMaster { addr, ifindex, why });
        }
    }
}

/// What a manager may change until the next reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// The base priority.
    Priority(Priority),
    /// Whether a lower master is preempted.
    Preempt(bool),
    /// Whether packets to the addresses are accepted.
    Accept(bool),
}

impl Node {
    /// Changes a setting of the instance at that place of the configuration.
    pub(crate) fn change(&mut self, place: usize, change: Change, at: &mut At<'_>) {
        let Some(id) = self.order.get(place).copied() else { return };
        if matches!(change, Change::Priority(p) if p == Priority::STOP) {
            return;
        }
        self.on(id, at, |i, env| {
            let config = Arc::make_mut(&mut i.config);
            let what = match change {
                Change::Priority(to) => {
                    let from = core::mem::replace(&mut config.priority, to);
                    InstanceEvent::BasePrioritySet { from, to }
                }
                Change::Preempt(on) => {
                    config.nopreempt = !on;
                    InstanceEvent::PreemptSet(on)
                }
                Change::Accept(on) => {
                    config.accept = on;
                    InstanceEvent::AcceptSet(on)
                }
            };
            i.report(env.out, what);
        });
        self.after_change(id, at);
    }

    fn after_change(&mut self, id: InstanceId, at: &mut At<'_>) {
        self.refresh(&[id], at);
        self.on(id, at, |i, env| (0..i.vips.len()).for_each(|n| i.veil(n, env)));
    }

    /// The interfaces of the host: index, name and MAC; zeros where there is none.
    pub fn links(&self) -> impl Iterator<Item = (IfIndex, &str, [u8; 6])> {
        self.links.all().map(|l| (l.index, &*l.name, l.mac.mac().unwrap_or_default()))
    }

    /// The static addresses, in configuration order: interface, and whether each is set.
    pub fn static_places(&self) -> impl Iterator<Item = (IfIndex, bool)> {
        self.statics.places().map(|(vip, dev)| {
            let belongs = self.links.named(dev).map(|l| l.index);
            (vip.on.or(belongs).unwrap_or_default(), self.is_set(vip))
        })
    }

    /// Whether each of the static routes, or rules, is set.
    pub fn static_routes_set<'a>(&'a self, routes: &'a [Route]) -> impl Iterator<Item = bool> + 'a {
        routes.iter().map(|r| is_set(&self.statics.fib, FibEntry::Route(Arc::new(r.clone()))))
    }

    /// The same of rules.
    pub fn static_rules_set<'a>(&'a self, rules: &'a [Rule]) -> impl Iterator<Item = bool> + 'a {
        rules.iter().map(|r| is_set(&self.statics.fib, FibEntry::Rule(Arc::new(r.clone()))))
    }

    /// The addresses of an instance, in configuration order: interface, and whether each is set.
    pub fn places<'a>(&'a self, status: Status<'a>) -> impl Iterator<Item = (IfIndex, bool)> + 'a {
        let i = status.instance();
        i.vips.iter().map(|vip| {
            let belongs = || i.device(&vip.addr, &self.links, &self.vmacs).ok();
            (vip.on.or_else(belongs).unwrap_or_default(), self.is_set(vip))
        })
    }

    /// Whether an address is wanted somewhere, and is there.
    fn is_set(&self, vip: &Vip) -> bool {
        let link = vip.on.and_then(|on| self.links.get(on));
        link.is_some_and(|link| link.has(vip.addr.prefix))
    }

    /// The values of the tracked objects, in configuration order.
    pub fn track_values(&self) -> impl Iterator<Item = crate::input::TrackValue> {
        self.tracks.iter().map(|t| t.value)
    }
}

fn is_set(fib: &Fib, entry: FibEntry) -> bool {
    fib.is_confirmed(&entry)
}

impl<'a> Status<'a> {
    /// For how long it has been BACKUP or MASTER.
    pub fn alive_since(self) -> Option<Mono> {
        self.instance().managed.alive_since
    }

    /// Why it last became MASTER.
    pub fn new_master(self) -> NewMaster {
        self.instance().managed.new_master
    }

    /// Why an advert was last refused.
    pub fn protocol_error(self) -> ProtocolError {
        self.instance().managed.protocol_error
    }

    /// Source of the last accepted advert.
    pub fn last_heard(self) -> Option<IpAddr> {
        self.instance().heard.map(|m| m.addr)
    }

    /// Whether each of its routes is set.
    pub fn routes_set(self) -> impl Iterator<Item = bool> + 'a {
        let i = self.instance();
        i.config.routes.iter().map(|r| is_set(&i.fib, FibEntry::Route(Arc::new(r.clone()))))
    }

    /// Whether each of its rules is set.
    pub fn rules_set(self) -> impl Iterator<Item = bool> + 'a {
        let i = self.instance();
        i.config.rules.iter().map(|r| is_set(&i.fib, FibEntry::Rule(Arc::new(r.clone()))))
    }
}
