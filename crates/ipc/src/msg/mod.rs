//! The messages, one file per role.

pub mod bfd;
pub mod checker;
pub mod monitor;
pub mod snapshot;
pub mod vrrp;

use core::fmt;
use serde::{Deserialize, Serialize};

/// What a process of the suite is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Parent: configuration, supervision, scripts.
    Core,
    /// VRRP.
    Vrrp,
    /// Health checks and IPVS.
    Checker,
    /// BFD sessions.
    Bfd,
    /// Mail, SNMP, D-Bus: an executable of its own, which the others do without.
    Monitor,
}

impl Role {
    /// The word that names the role to the process itself.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Core => "core",
            Role::Vrrp => "vrrp",
            Role::Checker => "checker",
            Role::Bfd => "bfd",
            Role::Monitor => "monitor",
        }
    }

    /// The syslog ident of the role's process.
    pub const fn ident(self) -> &'static str {
        match self {
            Role::Core => "Keepalived",
            Role::Vrrp => "Keepalived_vrrp",
            Role::Checker => "Keepalived_healthcheckers",
            Role::Bfd => "Keepalived_bfd",
            Role::Monitor => "Keepalived_monitor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// First message in either direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The sender's (child) or the receiver's (core) role.
    pub role: Role,
    /// [`crate::BUILD_ID`] of the sender.
    pub build_id: String,
}

impl Hello {
    /// The greeting of or to `role` by this build.
    pub fn new(role: Role) -> Self {
        Hello { role, build_id: crate::BUILD_ID.to_owned() }
    }

    /// Whether the other side is the same build and means the same role.
    pub fn fits(&self, role: Role) -> bool {
        self.role == role && self.build_id == crate::BUILD_ID
    }
}

/// How the roles log; sent before anything that may be logged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogSetup {
    /// To standard error.
    pub console: bool,
    /// To syslog with this facility number (`LOG_DAEMON` is 3).
    pub syslog: Option<u8>,
    /// What follows the role's ident in syslog (`_NAMESPACE_INSTANCE`).
    pub ident_suffix: String,
    /// To this file, whose name gets the role and [`LogSetup::ident_suffix`]
    /// before its extension.
    pub file: Option<String>,
    /// Sync the file after each line.
    pub flush: bool,
    /// Detail lines too (`-D`).
    pub detail: u8,
}

/// A number that grows with every (re)load.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Generation(pub u64);

/// The dumps that a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dump {
    /// SIGUSR1: state.
    Data,
    /// SIGUSR2: VRRP counters.
    Stats,
    /// SIGRTMAX-1: VRRP counters, zeroed afterwards.
    StatsClear,
    /// SIGRTMIN+2: VRRP state and counters as JSON.
    Json,
}

/// The value of a tracked object as core sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrackValue {
    /// Nothing is known yet.
    Unknown,
    /// A script failed or succeeded, a process quorum or BFD session is lost
    /// or held.
    Good(bool),
    /// A file's number.
    Number(i64),
}
