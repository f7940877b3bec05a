//! Between core and the checker role.

use super::{Dump, Generation, Hello, LogSetup, TrackValue};
use core::time::Duration;
use model::{Global, Lvs, TrackObject};
use serde::{Deserialize, Serialize};
use types::TrackId;

/// Everything the checker role needs to know of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CheckerSetup {
    /// Which load this is.
    pub generation: Generation,
    /// Daemon-wide settings.
    pub global: Global,
    /// Virtual servers.
    pub lvs: Lvs,
    /// Those before the last reload, for a role that is respawned: its predecessor may have died
    /// while it took them away.
    pub before: Option<Box<Lvs>>,
    /// Tracked objects (names, kinds, weights).
    pub tracks: Vec<TrackObject>,
    /// Their values at this moment, by id.
    pub values: Vec<TrackValue>,
    /// `--dont-release-ipvs`.
    pub dont_release: bool,
    /// `--address-monitoring`.
    pub log_addresses: bool,
}

/// Core to checker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CoreToChecker {
    /// First message.
    Hello(Hello, LogSetup),
    /// Check this configuration and keep it ready.
    Prepare(Box<CheckerSetup>),
    /// Run the prepared configuration.
    Commit(Generation),
    /// Forget the prepared configuration.
    Abort(Generation),
    /// A tracked object changed.
    Track(TrackId, TrackValue),
    /// Send a dump.
    Dump(Dump),
    /// Clean up and exit.
    Shutdown,
}

/// Checker to core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckerToCore {
    /// First message.
    Hello(Hello),
    /// The prepared configuration can run.
    Ready(Generation),
    /// A timer was served so much too late: core may raise the priority.
    Late(Duration),
    /// It cannot.
    Refused {
        /// Which load.
        generation: Generation,
        /// What is wrong.
        reason: String,
        /// Exit status of the daemon when this was its first configuration.
        status: i32,
    },
    /// The configuration runs.
    Running(Generation),
    /// A dump's text.
    Dump {
        /// Which.
        kind: Dump,
        /// Text of the file.
        text: String,
    },
    /// So many reports were dropped because core did not read.
    Lost(u64),
}
