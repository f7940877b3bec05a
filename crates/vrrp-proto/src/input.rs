//! What the machine is told: facts about packets, links, addresses, trackers.
//!
//! Owns the input vocabulary. Never does I/O; the shell turns sockets and
//! netlink messages into these.

use crate::action::{LinkKind, Owner, SocketId};
use crate::fib::{FibEntry, FibFact};
use crate::managed::Change;
use core::net::IpAddr;
use core::time::Duration;
use model::net::Address;
use model::{Config, Global, TrackObject, Vrrp};
use std::collections::HashSet;
use std::sync::Arc;
use types::{HwAddr, IfIndex, Prefix, TrackId};

/// The part of a configuration that the machine works on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setup {
    /// `global_defs`.
    pub global: Global,
    /// Instances, groups and static objects.
    pub vrrp: Vrrp,
    /// Tracked objects; a [`TrackId`] indexes it.
    pub tracks: Vec<TrackObject>,
    /// What is known of them where they may not be what was called the same before a reload.
    /// Those that are not here keep their value.
    pub values: Vec<TrackValue>,
}

impl From<&Config> for Setup {
    fn from(c: &Config) -> Self {
        Setup {
            global: c.global.clone(),
            vrrp: c.vrrp.clone(),
            tracks: c.tracks.clone(),
            values: Vec::new(),
        }
    }
}

/// One fact or request.
///
/// Before [`Input::Start`] the shell feeds [`Input::Links`] and
/// [`Input::Addrs`] (and [`Input::Clock`] where
/// [`Node::wants_clock`](crate::Node::wants_clock) says so).
#[derive(Debug)]
pub enum Input<'a> {
    /// Begin: remove left-overs, leave INIT.
    Start {
        /// Time since the host booted, for `vrrp_delay_after_boot`.
        uptime: Duration,
    },
    /// What earlier processes ran, before [`Input::Start`]: what of it is left goes with the start.
    Former(Vec<Setup>),
    /// Time has passed. Early, late and repeated ticks are harmless.
    Tick,
    /// The host was suspended, for so long; the time of inputs stood still.
    Slept {
        /// How long.
        time: Duration,
    },
    /// The wall clock reads this much since 1970 now. Only `auth_hmac` uses
    /// it; a step of the wall clock changes nothing else.
    Clock {
        /// Unix time.
        unix: Duration,
    },
    /// A packet came in.
    Packet {
        /// The socket that received it.
        socket: SocketId,
        /// What the kernel says about it.
        meta: RxMeta,
        /// IPv4: the whole IP packet, as raw sockets deliver it. IPv6: the
        /// payload.
        bytes: &'a [u8],
    },
    /// An interface appeared or changed.
    Link(LinkFact),
    /// An interface is gone.
    LinkGone {
        /// Its index.
        index: IfIndex,
    },
    /// The complete list of interfaces; those missing from it are gone.
    Links(&'a [LinkFact]),
    /// An address was added or changed.
    AddrAdded(AddrFact),
    /// An address is gone.
    AddrRemoved(AddrFact),
    /// The complete list of addresses, read while nothing was under way that an action asked for;
    /// those missing from it are gone.
    Addrs(&'a [AddrFact]),
    /// The same of a list whose addresses have all been told by [`Input::AddrAdded`].
    AddrsThere(&'a HashSet<(IfIndex, Prefix)>),
    /// The kernel refused to add or remove an address as an action asked for, also where there was
    /// none to remove. Successes are not reported: [`Input::AddrAdded`] and [`Input::AddrRemoved`]
    /// tell of them.
    AddrFailed {
        /// Whose address.
        owner: Owner,
        /// Where.
        ifindex: IfIndex,
        /// The address.
        addr: &'a Arc<Address>,
        /// Whether it was to be added (else removed).
        adding: bool,
        /// Positive errno.
        errno: i32,
    },
    /// What an action asked for of a virtual link is done, or refused. The kernel's news of it
    /// may come later.
    LinkDone {
        /// Its name.
        name: &'a str,
        /// Whether the kernel did it.
        made: bool,
    },
    /// News of a route or rule that an action asked for. Failures come before
    /// or after the news that the kernel tells everybody.
    Fib {
        /// Whose.
        owner: Owner,
        /// Which.
        entry: &'a FibEntry,
        /// What of it.
        fact: FibFact,
    },
    /// The complete list of those that the kernel holds, while no request is
    /// under way; tracked ones that are missing from it are gone.
    Fibs(&'a [(Owner, FibEntry)]),
    /// IP forwarding of an interface: the Router flag of neighbour
    /// advertisements (RFC 4861 section 4.4).
    Forwarding {
        /// Interface.
        index: IfIndex,
        /// Whether it forwards.
        on: bool,
    },
    /// A tracked object's value, at start and at each change.
    Track {
        /// The object.
        id: TrackId,
        /// Its value.
        value: TrackValue,
    },
    /// Somebody asks a MASTER of this name for one GARP of each address.
    Announce {
        /// Name of an instance.
        name: &'a str,
    },
    /// A manager changes a setting of the instance at this place of the configuration, until the
    /// next reload.
    Change {
        /// Its place.
        place: usize,
        /// What.
        change: Change,
    },
    /// A new configuration takes effect.
    Reload(Box<Setup>),
    /// Leave: priority 0 for each MASTER, addresses removed.
    Shutdown,
}

/// What the kernel says about a received packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RxMeta {
    /// Source address.
    pub src: IpAddr,
    /// Destination address. For IPv4 the header in the packet is believed
    /// instead.
    pub dst: IpAddr,
    /// IPv6 hop limit, when the kernel told; IPv4 has it in the header.
    pub hop_limit: Option<u8>,
    /// Interface of arrival.
    pub ifindex: IfIndex,
}

/// State of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkFact {
    /// Kernel index.
    pub index: IfIndex,
    /// Name; a known index with another name is a rename.
    pub name: String,
    /// `IFF_UP` and `IFF_RUNNING`.
    pub up: bool,
    /// `up` is what polling its driver tells.
    pub polled: bool,
    /// All of its flags (`IFF_*`), for log lines.
    pub flags: u32,
    /// `IFF_MULTICAST`.
    pub multicast: bool,
    /// `IFF_NOARP`.
    pub noarp: bool,
    /// Its kind of hardware (`ARPHRD_*`).
    pub hw_type: u16,
    /// Hardware address, empty when it has none.
    pub mac: HwAddr,
    /// Where its broadcasts go.
    pub broadcast: HwAddr,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// `IFF_UP`: somebody set it up, whether it runs or not.
    pub set_up: bool,
    /// Device group.
    pub group: u32,
    /// The bridge, bond or VRF that it belongs to.
    pub master: Option<IfIndex>,
    /// Whether it is a VRF.
    pub vrf: bool,
    /// Routing table of a VRF.
    pub vrf_table: Option<u32>,
    /// What it sits on, of a link that a virtual router might use: a macvlan in private mode or an
    /// ipvlan of layer 2.
    pub stacked: Option<Stacked>,
    /// The interface whose network it shares, whatever its mode.
    pub below: Option<IfIndex>,
}

/// A link that sits on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stacked {
    /// The one below.
    pub parent: IfIndex,
    /// Its kind.
    pub kind: LinkKind,
}

/// An address on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddrFact {
    /// Interface.
    pub ifindex: IfIndex,
    /// Address (the local one) and prefix length.
    pub prefix: Prefix,
    /// Duplicate address detection still runs or has failed: no source yet.
    pub tentative: bool,
}

/// The value of a tracked object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrackValue {
    /// Not known yet: a script that has not run once.
    #[default]
    Pending,
    /// Script succeeded, quorum held, BFD session Up.
    Good,
    /// The opposite of good.
    Bad,
    /// The integer in a file; 0 when missing, empty or deleted.
    Number(i64),
}
