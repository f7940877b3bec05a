//! Between core and the checker role.

use super::snapshot::{Change, CheckerSnapshot, ServerNews};
use super::{Dump, Generation, Hello, LogSetup, TrackValue};
use core::time::Duration;
use model::{Global, Lvs, TrackObject};
use serde::{Deserialize, Serialize};
use types::{ScriptId, TrackId};

/// Everything the checker role needs to know of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CheckerSetup {
    /// Which load this is.
    pub generation: Generation,
    /// Daemon-wide settings.
    pub global: Global,
    /// Virtual servers.
    pub lvs: Lvs,
    /// Those that earlier processes ran, for one that begins: what of them is left goes.
    pub before: Vec<Lvs>,
    /// Tracked objects (names, kinds, weights).
    pub tracks: Vec<TrackObject>,
    /// Their values at this moment, by id.
    pub values: Vec<TrackValue>,
    /// `--dont-release-ipvs`.
    pub dont_release: bool,
    /// `--address-monitoring`.
    pub log_addresses: bool,
    /// What the files of the `SSL` block hold, or which of them cannot be used and why. The role
    /// opens no files.
    pub tls: Option<Result<TlsFiles, String>>,
}

/// What the files of the `SSL` block hold (PEM).
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TlsFiles {
    /// Certificate chain of the client.
    pub certificate: Option<Vec<u8>>,
    /// Its private key.
    pub key: Option<Vec<u8>>,
}

impl core::fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TlsFiles").finish_non_exhaustive()
    }
}

/// A run of a checker's script: which attempt of which checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Run {
    /// The checker.
    pub checker: u32,
    /// Its attempt.
    pub attempt: u32,
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScriptExit {
    /// With this status.
    Status(u8),
    /// By this signal, not sent by core.
    Signal(i32),
    /// It ran too long and was ended.
    TimedOut,
    /// It cannot be executed.
    CannotRun,
    /// This host could not start it, for want of resources.
    NotStarted,
}

/// What a state report is about, with the names that FIFO lines print.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    /// A virtual server.
    Virtual(String),
    /// A real server of a virtual server.
    Real {
        /// The real server.
        rs: String,
        /// The virtual server.
        vs: String,
    },
}

/// What the role wants core to do. Scripts are named by the id that they have in the configuration
/// of `generation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// Run a check's script; answered by [`CoreToChecker::ScriptEnded`].
    Run {
        /// For whom.
        run: Run,
        /// Which configuration.
        generation: Generation,
        /// The script.
        script: ScriptId,
        /// How long it may take.
        timeout: Duration,
    },
    /// End it; there is no answer.
    End(Run),
    /// Tell a state to its script and to FIFOs.
    Notify {
        /// Whose.
        subject: Subject,
        /// Its state.
        up: bool,
        /// Which configuration.
        generation: Generation,
        /// The script.
        script: Option<ScriptId>,
    },
    /// Tell managers; only with `enable_traps`.
    Tell(ServerNews),
    /// Send a mail.
    Mail {
        /// Without the router id.
        subject: String,
        /// One line.
        body: String,
    },
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
    /// A check's script has ended.
    ScriptEnded(Run, ScriptExit),
    /// Send a dump.
    Dump(Dump),
    /// Say what is known at this moment.
    Snapshot,
    /// A manager changes a real server.
    Change(Change),
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
    /// What earlier configurations had and this one lacks is gone.
    Settled(Generation),
    /// A dump's text.
    Dump {
        /// Which.
        kind: Dump,
        /// Text of the file.
        text: String,
    },
    /// What is known at this moment.
    Snapshot(Box<CheckerSnapshot>),
    /// Something to do.
    Ask(Ask),
    /// So many reports were dropped because core did not read.
    Lost(u64),
}
