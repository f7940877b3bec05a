//! Between core and the monitor: the process that tells the outside world, and asks core on its
//! behalf.
//!
//! Core never waits for it: a configuration is handed over, not negotiated, and events that it
//! does not read are counted as lost.

use super::snapshot::{Change, CheckerSnapshot, ServerNews, VrrpSnapshot};
use super::vrrp::{News, NotifyState, SubjectKind};
use super::{Generation, Hello, LogSetup, checker};
use model::vrrp::{Auth, AuthHmac};
use model::{Global, Lvs, Script, Secret, TrackObject, Vrrp};
use serde::{Deserialize, Serialize};

/// What the monitor serves: the whole configuration but its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MonitorSetup {
    /// Which load this is.
    pub generation: Generation,
    /// Daemon-wide settings.
    pub global: Global,
    /// Instances, groups and static objects; keys and passwords are empty.
    pub vrrp: Vrrp,
    /// Virtual servers; passwords are empty.
    pub lvs: Lvs,
    /// Tracked objects (names, kinds, weights).
    pub tracks: Vec<TrackObject>,
    /// The commands, which SNMP tells of; empty without it.
    pub scripts: Vec<Script>,
    /// The states of groups and instances that core knows of, in no order.
    pub states: Vec<State>,
    /// Who and where the daemon is.
    pub identity: Identity,
}

impl MonitorSetup {
    /// Takes away what must not leave core and the role that needs it.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        for instance in &mut self.vrrp.instances {
            if let Some(Auth::Pass(key) | Auth::Ah(key)) = &mut instance.auth {
                *key = Secret::default();
            }
            if let Some(AuthHmac { keys, .. }) = &mut instance.auth_hmac {
                keys.iter_mut().for_each(|(_, key)| *key = Secret::default());
            }
        }
        if let Some(password) = self.lvs.ssl.as_mut().and_then(|ssl| ssl.password.as_mut()) {
            *password = Secret::default();
        }
        self
    }
}

/// Who and where the daemon is, for what carries its name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Identity {
    /// Name of this host; empty when it has none.
    pub host: String,
    /// Name of the user that the daemon was started by.
    pub user: String,
    /// The network namespace that it works in, if it was told one.
    pub namespace: Option<String>,
    /// What the daemon calls itself: `Keepalived vX.Y.Z (...)`.
    pub version: String,
}

/// The present state of an instance or group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Instance or group.
    pub kind: SubjectKind,
    /// Its name.
    pub name: String,
    /// Effective priority; 0 for groups.
    pub priority: u8,
    /// Its state.
    pub state: NotifyState,
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// News of an instance or group.
    Vrrp {
        /// Instance or group.
        kind: SubjectKind,
        /// Its name.
        name: String,
        /// Effective priority; 0 for groups.
        priority: u8,
        /// What happened.
        news: News,
        /// Which input caused it.
        reason: String,
    },
    /// A virtual or real server is up or down.
    Server {
        /// Which.
        subject: checker::Subject,
        /// Its state.
        up: bool,
    },
    /// The same for managers, with `enable_traps` only.
    ServerNews(ServerNews),
    /// The checker role has something to mail.
    Mail {
        /// Without the router id.
        subject: String,
        /// One line.
        body: String,
    },
}

/// Core to monitor. Events come in the order in which they happened, and after the configuration
/// that they belong to; those of what a reload has removed come after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CoreToMonitor {
    /// First message.
    Hello(Hello, LogSetup),
    /// What runs from now on: at the start, and at every reload that was committed.
    Configure(Box<MonitorSetup>),
    /// Something has happened.
    Event(Event),
    /// So many events are missing here, because the monitor did not read.
    Lost(u64),
    /// What a role knows at this moment, as asked for by [`Command::Snapshot`].
    Snapshot(Snapshot),
    /// The connection asked for by [`Command::ConnectAgent`], with its descriptor, or why there is
    /// none.
    Agent(Result<(), String>),
    /// Answer, to show that you are not stuck.
    Ping,
    /// Everybody else has left: say what is still to be said, and exit soon.
    Shutdown,
}

/// What a role knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Snapshot {
    /// The vrrp role.
    Vrrp(Box<VrrpSnapshot>),
    /// The checker role.
    Checker(Box<CheckerSnapshot>),
}

/// What the outside world may ask of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Write the state of the vrrp role to its file, as SIGUSR1 does.
    PrintData,
    /// Write the counters of the vrrp role to their file, as SIGUSR2 does.
    PrintStats,
    /// The same, and count anew.
    PrintStatsClear,
    /// Reload the configuration, as SIGHUP does.
    Reload,
    /// Announce the addresses of this instance once more.
    SendGarp(String),
    /// Say what the vrrp and checker roles know at this moment.
    Snapshot,
    /// A manager changes something, as SNMP allows.
    Change(Change),
    /// Connect to the SNMP agent that the configuration names, whose socket may be root's alone.
    ConnectAgent,
}

/// Monitor to core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MonitorToCore {
    /// First message.
    Hello(Hello),
    /// The configuration runs.
    Running(Generation),
    /// The answer to [`CoreToMonitor::Ping`].
    Pong,
    /// The outside world asks for something.
    Do(Command),
}
