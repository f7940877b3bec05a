//! Between core and the vrrp role.

use super::snapshot::{Change, VrrpSnapshot};
use super::{Dump, Generation, Hello, LogSetup, TrackValue};
use core::net::IpAddr;
use core::time::Duration;
use model::{Global, Script, TrackObject, Vrrp};
use serde::{Deserialize, Serialize};
use types::{Family, TrackId};

/// Everything the vrrp role needs to know of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VrrpSetup {
    /// Which load this is.
    pub generation: Generation,
    /// Daemon-wide settings.
    pub global: Global,
    /// Instances, groups and static objects.
    pub vrrp: Vrrp,
    /// Configurations that earlier processes ran, for one that begins: what of them is left goes.
    pub before: Vec<Former>,
    /// Tracked objects (names, kinds, weights).
    pub tracks: Vec<TrackObject>,
    /// Their values at this moment, by id.
    pub values: Vec<TrackValue>,
    /// What a process of the role has changed that was killed, of this daemon or one before.
    pub changed: Vec<Changed>,
    /// Command-line settings.
    pub options: VrrpOptions,
}

/// What an earlier process may have left objects of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Former {
    /// Daemon-wide settings.
    pub global: Global,
    /// Instances, groups and static objects.
    pub vrrp: Vrrp,
}

/// A setting of the kernel that the role has changed and is to put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Whose settings.
    pub family: Family,
    /// An interface, `all` or `default`; empty for a setting of the whole family.
    pub scope: String,
    /// Index of that interface, else 0: another one of its name has settings of its own.
    pub index: u32,
    /// Its name.
    pub key: String,
    /// What it was.
    pub before: i32,
    /// What it became. When it is something else by now, somebody has decided so.
    pub value: i32,
}

/// Command-line settings of the vrrp role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VrrpOptions {
    /// `--release-vips`: delete addresses even when this run did not add
    /// them.
    pub release_vips: bool,
    /// `--dont-release-vrrp`: leave addresses, routes and rules at stop.
    pub dont_release: bool,
    /// `--dump-conf`.
    pub dump_conf: bool,
}

/// What core alone knows of what a dump shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Known {
    /// The commands of the configuration, by id.
    pub scripts: Vec<Script>,
    /// What it makes of tracked objects, by id.
    pub tracked: Vec<Tracked>,
}

/// How a tracked object is watched at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tracked {
    /// A script runs now.
    pub running: bool,
    /// Results in a row of a script that speak against its present value.
    pub streak: u32,
    /// How many processes of its description run.
    pub processes: u32,
    /// A change of their number is held off.
    pub held: bool,
}

/// Core to vrrp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CoreToVrrp {
    /// First message.
    Hello(Hello, LogSetup),
    /// Check this configuration and keep it ready.
    Prepare(Box<VrrpSetup>),
    /// Run the prepared configuration.
    Commit(Generation),
    /// Forget the prepared configuration.
    Abort(Generation),
    /// A tracked object changed.
    Track(TrackId, TrackValue),
    /// Send a dump; what core alone knows of what it shows comes along.
    Dump(Dump, Box<Known>),
    /// Announce the addresses of the instance of this name once more.
    SendGarp(String),
    /// Say what is known at this moment.
    Snapshot,
    /// A manager changes an instance.
    Change(Change),
    /// Give up mastership, clean up and exit.
    Shutdown,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SubjectKind {
    /// A VRRP instance.
    Instance,
    /// A sync group.
    Group,
}

/// State as notifications say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NotifyState {
    /// MASTER.
    Master,
    /// BACKUP.
    Backup,
    /// FAULT.
    Fault,
    /// STOP.
    Stop,
    /// DELETED.
    Deleted,
}

impl NotifyState {
    /// The word in script arguments and FIFO lines.
    pub const fn word(self) -> &'static str {
        match self {
            NotifyState::Master => "MASTER",
            NotifyState::Backup => "BACKUP",
            NotifyState::Fault => "FAULT",
            NotifyState::Stop => "STOP",
            NotifyState::Deleted => "DELETED",
        }
    }
}

/// News that notifications are made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// A state was entered.
    State(NotifyState),
    /// A master heard a lower priority.
    MasterRxLowerPri,
    /// The effective priority changed; whether the instance is MASTER.
    Priority {
        /// State at the time.
        master: bool,
    },
    /// It became MASTER: what managers are told beside the state. Only with `enable_traps`.
    NewMaster {
        /// Address that it sends from.
        addr: IpAddr,
        /// Interface that it is configured on.
        ifindex: u32,
        /// vrrpv3StatisticsNewMasterReason.
        why: u8,
    },
    /// An advert was not believed. Now and then, only with `enable_traps`.
    AuthFailure {
        /// Source.
        from: IpAddr,
        /// Interface that the instance is configured on.
        ifindex: u32,
        /// vrrpTrapAuthErrorType.
        error: u8,
    },
    /// An advert broke the protocol. Now and then, only with `enable_traps`.
    ProtocolError {
        /// Interface that the instance is configured on.
        ifindex: u32,
        /// vrrpv3StatisticsProtoErrReason.
        error: u8,
    },
}

impl News {
    /// Whether it is for managers alone: scripts and FIFOs are not told of it.
    pub const fn is_for_managers(&self) -> bool {
        use News::{AuthFailure, NewMaster, ProtocolError};
        matches!(self, NewMaster { .. } | AuthFailure { .. } | ProtocolError { .. })
    }
}

/// Vrrp to core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VrrpToCore {
    /// First message.
    Hello(Hello),
    /// The prepared configuration can run.
    Ready(Generation),
    /// A timer was served so much too late: core may raise the priority.
    Late(Duration),
    /// It cannot: why, and whether a restart could not help either.
    Refused {
        /// Which load.
        generation: Generation,
        /// What is wrong.
        reason: String,
        /// Exit status that the daemon ends with when this was its first
        /// configuration.
        status: i32,
    },
    /// The configuration runs.
    Running(Generation),
    /// What earlier configurations had and this one lacks is gone.
    Settled(Generation),
    /// Something that scripts and FIFOs are told.
    Notify {
        /// Instance or group.
        kind: SubjectKind,
        /// Its name.
        name: String,
        /// Effective priority; 0 for groups.
        priority: u8,
        /// What happened.
        news: News,
        /// Which input caused it, for the journal.
        reason: String,
    },
    /// All settings that are to be put back; should the process be killed, by the next one.
    Changed(Vec<Changed>),
    /// A signal has asked this process for a dump: core is to ask for it.
    WantsDump(Dump),
    /// A dump's text.
    Dump {
        /// Which.
        kind: Dump,
        /// Text of the file.
        text: String,
    },
    /// What is known at this moment.
    Snapshot(Box<VrrpSnapshot>),
    /// So many reports were dropped because core did not read.
    Lost(u64),
}
