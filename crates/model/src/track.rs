//! Tracked objects: what core watches and the roles weigh.

use core::time::Duration;
use serde::{Deserialize, Serialize};
use types::{ScriptId, Weight};

/// A named object whose value or state changes priorities or causes faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackObject {
    /// Name in the configuration; unique within its kind.
    pub name: String,
    /// Default weight of those who track it.
    pub weight: Weight,
    /// Whether good and bad are exchanged by default.
    pub reverse: bool,
    /// What is watched.
    pub kind: TrackKind,
}

/// The kinds of tracked object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrackKind {
    /// `vrrp_script`.
    Script(TrackScript),
    /// `track_file`.
    File(TrackFile),
    /// `vrrp_track_process`.
    Process(TrackProcess),
    /// A BFD session, by name.
    Bfd,
}

/// `vrrp_script`: run at an interval, its exit status counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackScript {
    /// The command.
    pub script: ScriptId,
    /// Time between starts.
    pub interval: Duration,
    /// Time after which a run is ended; zero means the interval.
    pub timeout: Duration,
    /// Successes in a row before it counts as good.
    pub rise: u32,
    /// Failures in a row before it counts as bad.
    pub fall: u32,
    /// Start as failed.
    pub init_fail: bool,
}

/// `track_file`: the first integer in a file counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackFile {
    /// Path of the file.
    pub path: String,
    /// Create it at start when it does not exist.
    pub init: Option<InitFile>,
}

/// What `init_file` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitFile {
    /// The value.
    pub value: i64,
    /// Write it over an existing file too.
    pub overwrite: bool,
}

/// `vrrp_track_process`: how many processes of a name run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackProcess {
    /// Name or path to match.
    pub process: String,
    /// Parameters to match.
    pub params: Vec<String>,
    /// How parameters are compared.
    pub param_match: ParamMatch,
    /// Match the command line's first word rather than comm.
    pub full_command: bool,
    /// Fewest processes.
    pub quorum: u32,
    /// Most processes; `None` is unlimited.
    pub quorum_max: Option<u32>,
    /// Hold-off after a process ended.
    pub terminate_delay: Duration,
    /// Hold-off after a process appeared.
    pub fork_delay: Duration,
}

/// How `vrrp_track_process` compares parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ParamMatch {
    /// Parameters do not matter.
    #[default]
    None,
    /// All equal.
    Exact,
    /// The first ones equal; more may follow.
    Partial,
    /// As [`ParamMatch::Partial`], and the last one need only begin so.
    Initial,
}
