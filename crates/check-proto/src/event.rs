//! What happened, as data. Logs, traps and counters hang off it; the wording
//! is in `text.rs`.

use crate::probe::{HttpTest, IoError, Reason};
use core::net::SocketAddr;
use std::sync::Arc;
use types::ScriptId;

/// The printed name of a virtual, real or sorry server.
pub type Label = Arc<str>;

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A checker was enabled or disabled.
    Checker {
        /// How.
        change: CheckerChange,
        /// Real server.
        rs: Label,
        /// Virtual server.
        vs: Label,
    },
    /// News of a check.
    Check(Arc<CheckLabel>, CheckEvent),
    /// A real server moved.
    Server {
        /// How.
        change: ServerChange,
        /// Real server.
        rs: Label,
        /// Virtual server.
        vs: Label,
    },
    /// A real server's weight changed.
    Weight {
        /// Real server.
        rs: Label,
        /// Virtual server.
        vs: Label,
        /// Before.
        from: i32,
        /// After.
        to: i32,
        /// Whether the server is up.
        active: bool,
    },
    /// A quorum was gained or lost.
    Quorum {
        /// How.
        change: QuorumChange,
        /// The numbers.
        numbers: Numbers,
        /// Virtual server.
        vs: Label,
    },
    /// The sorry server stepped in or out.
    Sorry {
        /// In.
        added: bool,
        /// It stays with weight 0 while out.
        inhibit: bool,
        /// Sorry server.
        ss: Label,
        /// Virtual server.
        vs: Label,
    },
    /// The servers that are up were put back, or withdrawn in favour of the
    /// sorry server.
    Pool {
        /// Put back.
        added: bool,
        /// Virtual server.
        vs: Label,
    },
    /// A virtual server is gone from the configuration.
    Removed {
        /// Group name, for a virtual server of a group.
        group: Option<Label>,
        /// Virtual server.
        vs: Label,
    },
    /// A group gained or lost an entry.
    GroupEntry {
        /// Gained.
        added: bool,
        /// The entry's text.
        entry: Label,
        /// Group name.
        group: Label,
    },
}

/// What happens to a checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckerChange {
    /// It starts or goes on.
    Activating,
    /// It does not start: its address is not here.
    Deactivating,
    /// It stops: its address left.
    Suspending,
}

/// What happens to a real server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerChange {
    /// Up, into the pool.
    Adding,
    /// Up, weight restored.
    Enabling,
    /// Down, out of the pool.
    Removing,
    /// Down, weight 0.
    Disabling,
    /// Gone from the configuration; it was down with weight 0.
    RemovingInhibited,
    /// The daemon stops.
    ShuttingDown,
    /// The daemon stops; it was down with weight 0.
    ShuttingDownInhibited,
    /// Gone from the configuration.
    NoLongerExists,
}

/// What happens to a quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuorumChange {
    /// Reached.
    Gained,
    /// Lost.
    Lost,
    /// Not reached at the start.
    StartedDown,
}

/// The numbers of a quorum decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Configured quorum.
    pub quorum: u32,
    /// Configured hysteresis.
    pub hysteresis: u32,
    /// Weight of the servers that are up.
    pub live: u64,
}

impl Numbers {
    /// Weight that gains the quorum.
    pub fn gained_at(self) -> u64 {
        u64::from(self.quorum) + u64::from(self.hysteresis)
    }

    /// Weight below which it is lost.
    pub fn lost_below(self) -> u64 {
        u64::from(self.quorum.saturating_sub(self.hysteresis))
    }
}

/// A checker's names, for texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLabel {
    /// Which check, with what its lines print.
    pub kind: CheckName,
    /// Real server.
    pub rs: Label,
    /// Virtual server.
    pub vs: Label,
    /// Configured retries.
    pub retry: u32,
}

/// Kinds of checker as texts know them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the keywords' names
pub enum CheckName {
    Tcp,
    Http,
    Ssl,
    Smtp(SocketAddr),
    Dns(SocketAddr),
    Udp,
    Ping,
    /// The command.
    Misc(Box<str>, ScriptId),
    /// The track file's name.
    File(Box<str>),
    /// The session's name.
    Bfd(Box<str>),
}

/// News of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckEvent {
    /// It passed for the first time, or again.
    Passed {
        /// A script's exit status.
        exit: Option<u8>,
    },
    /// A url passed while the checker was down.
    UrlPassed {
        /// Which test decided.
        test: HttpTest,
        /// Path.
        path: Arc<str>,
    },
    /// An attempt failed and will be retried.
    Retrying {
        /// Why.
        reason: Reason,
        /// Counts from 1.
        failure: u32,
    },
    /// It failed for good.
    Failed {
        /// Why.
        reason: Reason,
        /// Retries made, when there were some.
        retries: Option<u32>,
    },
    /// This host could not check.
    Skipped(IoError),
    /// `Content-Length` differs from what was received.
    Length {
        /// As announced.
        announced: u64,
        /// As received.
        received: u64,
        /// Path.
        path: Arc<str>,
        /// Host header.
        host: Arc<str>,
    },
    /// A file's number became a fault, or left it.
    Fault(bool),
    /// A BFD session's state.
    Session(bool),
}

impl Event {
    /// Whether it is told only in detail (`-D`).
    pub fn is_detail(&self) -> bool {
        matches!(self, Event::Check(_, CheckEvent::Fault(_)))
    }
}

/// A state to tell to scripts, FIFOs and traps, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notify {
    /// A real server's.
    Server {
        /// Real server.
        rs: Label,
        /// Virtual server.
        vs: Label,
        /// Its state.
        up: bool,
        /// `notify_up` or `notify_down`.
        script: Option<ScriptId>,
        /// Trap only (a stop without `omega`).
        quiet: bool,
        /// Gone at a reload: the script is one of the configuration before.
        removed: bool,
    },
    /// A virtual server's.
    Pool {
        /// Virtual server.
        vs: Label,
        /// Its state.
        up: bool,
        /// `quorum_up` or `quorum_down`.
        script: Option<ScriptId>,
        /// Trap only (a stop without `omega`).
        quiet: bool,
        /// Gone at a reload: the script is one of the configuration before.
        removed: bool,
    },
}
