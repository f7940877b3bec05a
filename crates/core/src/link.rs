//! Core's end of the channel to one role, whichever role it is.
//!
//! Owns the translation between the pairs of message enums and the one life
//! that all roles lead: greet, prepare, commit, run, shut down. The monitor
//! is not asked for its consent: it is given what runs.

use ipc::Role;
use ipc::codec::MAX_MESSAGE;
use ipc::msg::bfd::{BfdSetup, BfdToCore, CoreToBfd};
use ipc::msg::checker::{Ask, CheckerSetup, CheckerToCore, CoreToChecker, Run, ScriptExit};
use ipc::msg::monitor::{Command, CoreToMonitor, Event, MonitorSetup, MonitorToCore, Snapshot};
use ipc::msg::snapshot::Change;
use ipc::msg::vrrp::{Changed, CoreToVrrp, Known, News, SubjectKind, VrrpSetup, VrrpToCore};
use ipc::msg::{Dump, Generation, Hello, LogSetup, TrackValue};
use rt::Interest;
use rt::channel::{Channel, ChannelError, SendError};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use types::TrackId;

/// Longest message of the monitor, in bytes: it says little, and talks to
/// strangers.
const MONITOR_SAYS: u32 = 64 * 1024;

/// A role's part of a configuration.
#[derive(Debug, Clone)]
pub enum Setup {
    /// For the vrrp role.
    Vrrp(Box<VrrpSetup>),
    /// For the checker role.
    Checker(Box<CheckerSetup>),
    /// For the bfd role.
    Bfd(Box<BfdSetup>),
    /// For the monitor.
    Monitor(Box<MonitorSetup>),
}

impl Setup {
    /// The same for a process that follows one that was killed.
    pub fn after(mut self, changed: &[Changed]) -> Self {
        if let Setup::Vrrp(setup) = &mut self {
            setup.changed = changed.to_vec();
        }
        self
    }
}

/// What any role may say.
#[derive(Debug)]
pub enum Report {
    /// First message.
    Hello(Hello),
    /// The prepared configuration can run.
    Ready(Generation),
    /// It cannot.
    Refused {
        /// Which load.
        generation: Generation,
        /// Why.
        reason: String,
        /// Exit status when this was the first configuration.
        status: i32,
    },
    /// The configuration runs.
    Running(Generation),
    /// What earlier configurations had and this one lacks is gone.
    Settled(Generation),
    /// The settings that its process has to put back.
    Changed(Vec<Changed>),
    /// The vrrp role was asked for a dump by a signal.
    WantsDump(Dump),
    /// Text of a dump file.
    Dump(Dump, String),
    /// Reports were lost because core did not read.
    Lost(u64),
    /// A timer was served so much too late.
    Late(std::time::Duration),
    /// News for scripts and FIFOs.
    Notify(Notice),
    /// What the checker role wants done.
    Ask(Ask),
    /// The monitor is not stuck.
    Pong,
    /// What the outside world wants done.
    Do(Command),
    /// What a role knows at this moment.
    Snapshot(Snapshot),
}

/// News of an instance or a sync group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Instance or group.
    pub kind: SubjectKind,
    /// Its name.
    pub name: String,
    /// Effective priority; 0 for groups.
    pub priority: u8,
    /// What happened.
    pub news: News,
    /// Which input caused it.
    pub reason: String,
}

/// The channel to one role.
#[derive(Debug)]
pub enum Link {
    /// To the vrrp role.
    Vrrp(Channel<CoreToVrrp, VrrpToCore>),
    /// To the checker role.
    Checker(Channel<CoreToChecker, CheckerToCore>),
    /// To the bfd role.
    Bfd(Channel<CoreToBfd, BfdToCore>),
    /// To the monitor.
    Monitor(Channel<CoreToMonitor, MonitorToCore>),
}

impl Link {
    /// Takes over core's end of the channel to `role`.
    ///
    /// # Errors
    /// Those of fcntl(2). Core is no role to link to.
    pub fn new(role: Role, fd: OwnedFd) -> std::io::Result<Self> {
        // Children report text and states; a dump of everything is the most they say.
        let limit = MAX_MESSAGE as u32;
        Ok(match role {
            Role::Vrrp => Link::Vrrp(Channel::new(fd, limit)?),
            Role::Checker => Link::Checker(Channel::new(fd, limit)?),
            Role::Bfd => Link::Bfd(Channel::new(fd, limit)?),
            Role::Monitor => Link::Monitor(Channel::new(fd, MONITOR_SAYS)?),
            Role::Core => return Err(std::io::ErrorKind::InvalidInput.into()),
        })
    }

    /// Greets the role and tells it how to log.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn hello(&mut self, log: &LogSetup) -> Result<(), SendError> {
        let log = log.clone();
        match self {
            Link::Vrrp(c) => c.send(&CoreToVrrp::Hello(Hello::new(Role::Vrrp), log)),
            Link::Checker(c) => c.send(&CoreToChecker::Hello(Hello::new(Role::Checker), log)),
            Link::Bfd(c) => c.send(&CoreToBfd::Hello(Hello::new(Role::Bfd), log)),
            Link::Monitor(c) => c.send(&CoreToMonitor::Hello(Hello::new(Role::Monitor), log)),
        }
    }

    /// Hands over a configuration; one of another role is not sent.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn prepare(&mut self, setup: Setup) -> Result<(), SendError> {
        match (self, setup) {
            (Link::Vrrp(c), Setup::Vrrp(s)) => c.send(&CoreToVrrp::Prepare(s)),
            (Link::Checker(c), Setup::Checker(s)) => c.send(&CoreToChecker::Prepare(s)),
            (Link::Bfd(c), Setup::Bfd(s)) => c.send(&CoreToBfd::Prepare(s)),
            (Link::Monitor(c), Setup::Monitor(s)) => c.send(&CoreToMonitor::Configure(s)),
            _ => Ok(()),
        }
    }

    /// Lets the prepared configuration run.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn commit(&mut self, g: Generation) -> Result<(), SendError> {
        match self {
            Link::Vrrp(c) => c.send(&CoreToVrrp::Commit(g)),
            Link::Checker(c) => c.send(&CoreToChecker::Commit(g)),
            Link::Bfd(c) => c.send(&CoreToBfd::Commit(g)),
            Link::Monitor(_) => Ok(()),
        }
    }

    /// Has the prepared configuration forgotten.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn abort(&mut self, g: Generation) -> Result<(), SendError> {
        match self {
            Link::Vrrp(c) => c.send(&CoreToVrrp::Abort(g)),
            Link::Checker(c) => c.send(&CoreToChecker::Abort(g)),
            Link::Bfd(c) => c.send(&CoreToBfd::Abort(g)),
            Link::Monitor(_) => Ok(()),
        }
    }

    /// Tells the value of a tracked object; others than the vrrp and checker
    /// roles have no use for it.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn track(&mut self, id: TrackId, value: TrackValue) -> Result<(), SendError> {
        match self {
            Link::Vrrp(c) => c.send(&CoreToVrrp::Track(id, value)),
            Link::Checker(c) => c.send(&CoreToChecker::Track(id, value)),
            Link::Bfd(_) | Link::Monitor(_) => Ok(()),
        }
    }

    /// Has the vrrp role announce the addresses of an instance once more.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn send_garp(&mut self, instance: &str) -> Result<(), SendError> {
        match self {
            Link::Vrrp(c) => c.send(&CoreToVrrp::SendGarp(instance.to_owned())),
            Link::Checker(_) | Link::Bfd(_) | Link::Monitor(_) => Ok(()),
        }
    }

    /// Tells the monitor what has happened.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn event(&mut self, event: Event) -> Result<(), SendError> {
        match self {
            Link::Monitor(c) => c.send(&CoreToMonitor::Event(event)),
            Link::Vrrp(_) | Link::Checker(_) | Link::Bfd(_) => Ok(()),
        }
    }

    /// Asks the role what it knows at this moment.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn ask_snapshot(&mut self) -> Result<(), SendError> {
        match self {
            Link::Vrrp(c) => c.send(&CoreToVrrp::Snapshot),
            Link::Checker(c) => c.send(&CoreToChecker::Snapshot),
            Link::Bfd(_) | Link::Monitor(_) => Ok(()),
        }
    }

    /// Tells the monitor what a role knows.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn snapshot(&mut self, snapshot: Snapshot) -> Result<(), SendError> {
        match self {
            Link::Monitor(c) => c.send(&CoreToMonitor::Snapshot(snapshot)),
            Link::Vrrp(_) | Link::Checker(_) | Link::Bfd(_) => Ok(()),
        }
    }

    /// Has the role do what a manager asks for.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn change(&mut self, change: Change) -> Result<(), SendError> {
        match self {
            Link::Vrrp(c) => c.send(&CoreToVrrp::Change(change)),
            Link::Checker(c) => c.send(&CoreToChecker::Change(change)),
            Link::Bfd(_) | Link::Monitor(_) => Ok(()),
        }
    }

    /// Gives the monitor its connection to the SNMP agent, or says why there is none.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn agent(&mut self, agent: Result<OwnedFd, String>) -> Result<(), SendError> {
        match (self, agent) {
            (Link::Monitor(c), Ok(fd)) => c.send_with_fd(&CoreToMonitor::Agent(Ok(())), fd),
            (Link::Monitor(c), Err(why)) => c.send(&CoreToMonitor::Agent(Err(why))),
            _ => Ok(()),
        }
    }

    /// Tells the monitor how many events it has missed.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn events_lost(&mut self, count: u64) -> Result<(), SendError> {
        match self {
            Link::Monitor(c) => c.send(&CoreToMonitor::Lost(count)),
            Link::Vrrp(_) | Link::Checker(_) | Link::Bfd(_) => Ok(()),
        }
    }

    /// Has the monitor show that it is not stuck.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn ping(&mut self) -> Result<(), SendError> {
        match self {
            Link::Monitor(c) => c.send(&CoreToMonitor::Ping),
            Link::Vrrp(_) | Link::Checker(_) | Link::Bfd(_) => Ok(()),
        }
    }

    /// Tells the checker role how a check's script ended.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn script_ended(&mut self, run: Run, exit: ScriptExit) -> Result<(), SendError> {
        match self {
            Link::Checker(c) => c.send(&CoreToChecker::ScriptEnded(run, exit)),
            Link::Vrrp(_) | Link::Bfd(_) | Link::Monitor(_) => Ok(()),
        }
    }

    /// Asks for the text of a dump file, with what core knows of what it shows; the monitor has
    /// none.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn dump(&mut self, dump: Dump, known: &Known) -> Result<(), SendError> {
        match self {
            Link::Vrrp(c) => c.send(&CoreToVrrp::Dump(dump, Box::new(known.clone()))),
            Link::Checker(c) => c.send(&CoreToChecker::Dump(dump)),
            Link::Bfd(c) => c.send(&CoreToBfd::Dump(dump)),
            Link::Monitor(_) => Ok(()),
        }
    }

    /// Asks the role to clean up and leave.
    ///
    /// # Errors
    /// When the message cannot be queued.
    pub fn shutdown(&mut self) -> Result<(), SendError> {
        match self {
            Link::Vrrp(c) => c.send(&CoreToVrrp::Shutdown),
            Link::Checker(c) => c.send(&CoreToChecker::Shutdown),
            Link::Bfd(c) => c.send(&CoreToBfd::Shutdown),
            Link::Monitor(c) => c.send(&CoreToMonitor::Shutdown),
        }
    }

    /// The next report, or `None` when there is none yet.
    ///
    /// # Errors
    /// When the role has gone or broke the protocol.
    pub fn recv(&mut self) -> Result<Option<Report>, ChannelError> {
        Ok(match self {
            Link::Vrrp(c) => c.recv()?.map(Report::from),
            Link::Checker(c) => c.recv()?.map(Report::from),
            Link::Bfd(c) => c.recv()?.map(Report::from),
            Link::Monitor(c) => c.recv()?.map(Report::from),
        })
    }

    /// Writes what the socket takes of the queued messages.
    ///
    /// # Errors
    /// When the role has gone.
    pub fn flush(&mut self) -> Result<(), ChannelError> {
        match self {
            Link::Vrrp(c) => c.flush(),
            Link::Checker(c) => c.flush(),
            Link::Bfd(c) => c.flush(),
            Link::Monitor(c) => c.flush(),
        }
    }

    /// What to wait for.
    pub fn interest(&self) -> Interest {
        match self {
            Link::Vrrp(c) => c.interest(),
            Link::Checker(c) => c.interest(),
            Link::Bfd(c) => c.interest(),
            Link::Monitor(c) => c.interest(),
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Link::Vrrp(c) => c.as_fd(),
            Link::Checker(c) => c.as_fd(),
            Link::Bfd(c) => c.as_fd(),
            Link::Monitor(c) => c.as_fd(),
        }
    }
}

impl From<VrrpToCore> for Report {
    fn from(m: VrrpToCore) -> Self {
        match m {
            VrrpToCore::Hello(h) => Report::Hello(h),
            VrrpToCore::Ready(g) => Report::Ready(g),
            VrrpToCore::Late(by) => Report::Late(by),
            VrrpToCore::Refused { generation, reason, status } => {
                Report::Refused { generation, reason, status }
            }
            VrrpToCore::Running(g) => Report::Running(g),
            VrrpToCore::Settled(g) => Report::Settled(g),
            VrrpToCore::Changed(changed) => Report::Changed(changed),
            VrrpToCore::WantsDump(kind) => Report::WantsDump(kind),
            VrrpToCore::Dump { kind, text } => Report::Dump(kind, text),
            VrrpToCore::Snapshot(s) => Report::Snapshot(Snapshot::Vrrp(s)),
            VrrpToCore::Lost(n) => Report::Lost(n),
            VrrpToCore::Notify { kind, name, priority, news, reason } => {
                Report::Notify(Notice { kind, name, priority, news, reason })
            }
        }
    }
}

impl From<CheckerToCore> for Report {
    fn from(m: CheckerToCore) -> Self {
        match m {
            CheckerToCore::Hello(h) => Report::Hello(h),
            CheckerToCore::Ready(g) => Report::Ready(g),
            CheckerToCore::Late(by) => Report::Late(by),
            CheckerToCore::Refused { generation, reason, status } => {
                Report::Refused { generation, reason, status }
            }
            CheckerToCore::Running(g) => Report::Running(g),
            CheckerToCore::Settled(g) => Report::Settled(g),
            CheckerToCore::Dump { kind, text } => Report::Dump(kind, text),
            CheckerToCore::Snapshot(s) => Report::Snapshot(Snapshot::Checker(s)),
            CheckerToCore::Ask(ask) => Report::Ask(ask),
            CheckerToCore::Lost(n) => Report::Lost(n),
        }
    }
}

impl From<BfdToCore> for Report {
    fn from(m: BfdToCore) -> Self {
        match m {
            BfdToCore::Hello(h) => Report::Hello(h),
            BfdToCore::Ready(g) => Report::Ready(g),
            BfdToCore::Refused { generation, reason, status } => {
                Report::Refused { generation, reason, status }
            }
            BfdToCore::Running(g) => Report::Running(g),
            BfdToCore::Dump { kind, text } => Report::Dump(kind, text),
        }
    }
}

impl From<MonitorToCore> for Report {
    fn from(m: MonitorToCore) -> Self {
        match m {
            MonitorToCore::Hello(h) => Report::Hello(h),
            MonitorToCore::Running(g) => Report::Running(g),
            MonitorToCore::Pong => Report::Pong,
            MonitorToCore::Do(command) => Report::Do(command),
        }
    }
}
