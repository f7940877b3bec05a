//! News of the machine: what logs, notifications, SNMP and dumps hang off.
//!
//! Owns the events and the reference's wording of their log lines
//! ([`Event`]'s `Display`). Never logs.

use crate::fib::{FibEntry, FibNews};

pub use crate::instance_event::InstanceEvent;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use model::vrrp::SyncGroup;
use std::sync::Arc;
use types::{Family, GroupId, InstanceId, Prefix, Priority, Vrid};

/// State of a virtual router as users see it (RFC 9568 section 6.4 says
/// Initialize, Backup and Active).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum State {
    /// Not started, or waiting for a script's first result.
    #[default]
    Init,
    /// Listens.
    Backup,
    /// Holds the addresses and advertises.
    Master,
    /// Something that it needs is missing.
    Fault,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Init => "INIT",
            State::Backup => "BACKUP",
            State::Master => "MASTER",
            State::Fault => "FAULT",
        })
    }
}

/// The word in a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    /// Entered MASTER.
    Master,
    /// Entered BACKUP.
    Backup,
    /// Entered FAULT.
    Fault,
    /// The daemon stops.
    Stop,
    /// Removed by a reload.
    Deleted,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Told::Master => "MASTER",
            Told::Backup => "BACKUP",
            Told::Fault => "FAULT",
            Told::Stop => "STOP",
            Told::Deleted => "DELETED",
        })
    }
}

/// Why an instance is (or would be) in FAULT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// An interface is down or missing.
    InterfaceDown(Arc<str>),
    /// A reverse-tracked interface is up.
    InterfaceUp(Arc<str>),
    /// The interface has no address to send from.
    NoAddress(Family),
    /// `track_src_ip`: the configured source is not on the host.
    SourceMissing,
    /// A script fails (or succeeds, when reversed).
    Script(Arc<str>),
    /// A file's value.
    File(Arc<str>, i64),
    /// A process has no quorum.
    Process(Arc<str>),
    /// A BFD session is down.
    Bfd(Arc<str>),
    /// Another instance has its virtual router ID on the network that both
    /// their interfaces sit on.
    SameVrid {
        /// That instance.
        other: Arc<str>,
        /// Of both.
        family: Family,
        /// Of both.
        vrid: Vrid,
    },
    /// `unicast_fault_no_peer` without peers.
    NoPeers,
    /// A permanent mistake in the configuration, or an interface that cannot
    /// do what is asked.
    Config,
}

impl Cause {
    /// Whether it is notified at start: what nobody has looked at yet is not,
    /// a script that begins as failed and a session that begins as down.
    pub(crate) fn is_known_at_start(&self) -> bool {
        !matches!(self, Cause::Script(_) | Cause::Bfd(_))
    }
}

/// Why a state was entered; kept for `keepalivedctl why`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The daemon started.
    Start,
    /// The master was not heard for a master down interval.
    MasterDown,
    /// The address owner starts or recovers.
    Owner,
    /// Another member of the sync group moved.
    Group(Arc<str>),
    /// A better master is there.
    BetterMaster {
        /// Its address.
        from: IpAddr,
        /// Its priority.
        theirs: Priority,
        /// Our effective priority.
        ours: Priority,
    },
    /// Something is missing.
    Fault(Cause),
    /// What was missing is back.
    Recovered,
    /// Somebody removed one of our addresses.
    AddressLost(Prefix),
    /// Somebody removed one of our routes or rules.
    FibLost(FibEntry),
    /// We slept past the master down interval: a peer must have taken over.
    Stalled(Duration),
    /// The configuration changed.
    Reload,
}

/// News.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// About an instance.
    Instance {
        /// Its handle.
        id: InstanceId,
        /// Its name.
        name: Arc<str>,
        /// What happened.
        what: InstanceEvent,
    },
    /// About a sync group.
    Group {
        /// Index in the configuration.
        id: GroupId,
        /// Its name.
        name: Arc<str>,
        /// What happened.
        what: GroupEvent,
    },
    /// `Netlink reports IF up|down`, or `Linkbeat reports`.
    Link {
        /// Interface.
        ifname: Arc<str>,
        /// Its state.
        up: bool,
        /// It is polled.
        polled: bool,
    },
    /// A change of flags is held back by `interface_up_down_delays`.
    LinkDelayed {
        /// Interface.
        ifname: Arc<str>,
        /// Its flags (`IFF_*`) as they counted last.
        from: u32,
        /// Its flags now.
        to: u32,
        /// For how long.
        delay: Duration,
    },
    /// An interface appeared or went.
    LinkPresence {
        /// Interface.
        ifname: Arc<str>,
        /// Whether it is there now.
        present: bool,
    },
    /// An address was assigned or removed.
    Address {
        /// Interface.
        ifname: Arc<str>,
        /// The address.
        addr: IpAddr,
        /// Whether it is there now.
        present: bool,
    },
    /// An advert for a VRID that nobody here has; only with
    /// `log_unknown_vrids`.
    UnknownVrid {
        /// The VRID.
        vrid: u8,
        /// Interface of arrival.
        ifname: Arc<str>,
        /// Source.
        from: IpAddr,
    },
    /// A static address that somebody removed is put back.
    StaticRestored {
        /// The address.
        addr: Prefix,
        /// Interface.
        ifname: Arc<str>,
    },
    /// News of a static route or rule.
    StaticFib {
        /// Which.
        entry: FibEntry,
        /// What happened.
        news: FibNews,
    },
    /// So many more static routes and rules are put back.
    MoreStaticRestored(usize),
    /// `vrrp_startup_delay` begins.
    StartupDelay(Duration),
    /// It is over.
    StartupDelayOver,
    /// A configured debounce is too long for an instance on the interface.
    DebounceReduced {
        /// Interface.
        ifname: Arc<str>,
        /// What is used.
        limit: Duration,
    },
}

/// News of a sync group.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupEvent {
    /// All members follow.
    Syncing(State),
    /// Notify, as for instances; the priority is 0.
    Notify {
        /// State word.
        told: Told,
        /// Scripts and switches.
        config: Arc<SyncGroup>,
    },
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detail {
    /// Always logged.
    Normal,
    /// Logged with `-D` only.
    Detail,
    /// No log line: a notification.
    Silent,
}

impl Event {
    /// When the line is logged.
    pub fn detail(&self) -> Detail {
        match self {
            Event::Instance { what, .. } => what.detail(),
            Event::Group { what: GroupEvent::Notify { .. }, .. } => Detail::Silent,
            Event::LinkPresence { .. } | Event::Address { .. } => Detail::Detail,
            _ => Detail::Normal,
        }
    }
}
