//! What a role knows at one moment, for whoever asks core: sent on request only, and compact, as
//! there may be a thousand instances of twenty addresses.
//!
//! Objects are told apart by their place in the configuration of [`VrrpSnapshot::generation`].

use super::Generation;
use core::net::IpAddr;
use core::time::Duration;
use model::Counters;
use serde::{Deserialize, Serialize};
use types::Traffic;

/// The vrrp role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VrrpSnapshot {
    /// The configuration that it runs.
    pub generation: Generation,
    /// Interfaces of the host, by index.
    pub links: Vec<LinkNow>,
    /// Instances.
    pub instances: Vec<InstanceNow>,
    /// States of sync groups.
    pub groups: Vec<StateNow>,
    /// Static addresses.
    pub addresses: Vec<PlaceNow>,
    /// Whether each static route is set.
    pub routes: Vec<bool>,
    /// Whether each static rule is set.
    pub rules: Vec<bool>,
    /// Tracked objects.
    pub tracks: Vec<TrackNow>,
}

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkNow {
    /// Kernel index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Hardware address.
    pub mac: [u8; 6],
}

/// A state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[allow(missing_docs)] // the words that users know
pub enum StateNow {
    #[default]
    Init,
    Backup,
    Master,
    Fault,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InstanceNow {
    /// Its state.
    pub state: StateNow,
    /// The state that it would have by itself.
    pub wanted: StateNow,
    /// Base priority: the configured one unless a manager changed it.
    pub base: u8,
    /// Effective priority.
    pub effective: u8,
    /// Whether it preempts.
    pub preempt: bool,
    /// Whether packets to its addresses are accepted.
    pub accept: bool,
    /// Address that adverts are sent from.
    pub source: Option<IpAddr>,
    /// Interface that they are sent from; 0 is none.
    pub ifindex: u32,
    /// Name of its virtual link.
    pub vmac: Option<String>,
    /// Source of the last accepted advert.
    pub heard: Option<IpAddr>,
    /// Since when it has been BACKUP or MASTER.
    pub alive_for: Option<Duration>,
    /// vrrpv3StatisticsNewMasterReason.
    pub new_master: u8,
    /// vrrpv3StatisticsProtoErrReason.
    pub protocol_error: u8,
    /// Counters.
    pub counters: Counters,
    /// Its addresses, the excluded ones last.
    pub addresses: Vec<PlaceNow>,
    /// Whether each of its routes is set.
    pub routes: Vec<bool>,
    /// Whether each of its rules is set.
    pub rules: Vec<bool>,
}

/// Where an address belongs, and whether it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlaceNow {
    /// Interface; 0 while it is missing.
    pub ifindex: u32,
    /// Whether the kernel holds it there.
    pub set: bool,
}

/// The value of a tracked object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum TrackNow {
    /// Not known yet.
    #[default]
    Unknown,
    /// A script, process or BFD session is good or not.
    Good(bool),
    /// A file's number.
    Number(i64),
}

/// What a manager changes until the next reload; instances and servers are named by their place
/// in the configuration of `generation`, and nothing happens when another one runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Of an instance.
    Instance {
        /// Which configuration.
        generation: Generation,
        /// Its place.
        place: u32,
        /// What.
        what: InstanceChange,
    },
    /// The weight of a real server.
    Weight {
        /// Which configuration.
        generation: Generation,
        /// Place of the virtual server.
        vs: u32,
        /// Place of the real server in it.
        rs: u32,
        /// The weight.
        weight: u32,
    },
}

/// What of an instance is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceChange {
    /// The base priority, 1 to 255.
    Priority(u8),
    /// Whether it preempts.
    Preempt(bool),
    /// Whether packets to its addresses are accepted.
    Accept(bool),
}

/// The checker role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CheckerSnapshot {
    /// The configuration that it runs.
    pub generation: Generation,
    /// Virtual servers.
    pub virtuals: Vec<VirtualNow>,
}

/// A virtual server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VirtualNow {
    /// Whether it is alive.
    pub alive: bool,
    /// Whether it has its quorum.
    pub quorum: bool,
    /// Counters.
    pub stats: Traffic,
    /// Whether its sorry server serves.
    pub sorry: bool,
    /// Counters of the sorry server.
    pub sorry_stats: DestNow,
    /// Real servers.
    pub reals: Vec<RealNow>,
}

/// A real server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RealNow {
    /// Whether it is alive.
    pub alive: bool,
    /// Its weight.
    pub weight: i64,
    /// Checkers that say down.
    pub failed: u32,
    /// Checkers that have not run yet.
    pub not_run: u32,
    /// Counters.
    pub stats: DestNow,
}

/// What managers are told of a virtual or real server; named by their place in the configuration
/// of `generation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerNews {
    /// Which configuration.
    pub generation: Generation,
    /// The virtual server.
    pub vs: u32,
    /// The real server of it that changed; `None` when its quorum did.
    pub rs: Option<u32>,
    /// The new state.
    pub up: bool,
    /// It goes because the daemon stops.
    pub stopping: bool,
    /// Real servers of it that are alive.
    pub alive: u32,
}

/// Traffic and connections of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs)] // the kernel's own names
pub struct DestNow {
    pub stats: Traffic,
    pub active: u32,
    pub inactive: u32,
    pub persistent: u32,
}
