//! The roles' processes: starting them, and what to do when one ends.
//!
//! Owns the rules of respawning. A role that ends is started again with the
//! configuration that core holds; the others are not told.

use crate::link::Link;
use crate::monitor;
use crate::pidfile::PidFile;
use crate::remains::Remains;
use crate::traces::Traces;
use ipc::Role;
use ipc::msg::vrrp::Changed;
use ipc::msg::{Generation, LogSetup, TrackValue};
use log::{info, warn};
use model::Config;
use rt::channel;
use rt::poll::Loop;
use rt::spawn::{self, Exit};
use rt::{Interest, Token, signals};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use types::{Mono, TrackId};

/// A role that has lived this long did not die of its start.
const STABLE: Duration = Duration::from_secs(60);

/// Longest wait before a respawn.
const DELAY_MAX: u64 = 60;

/// A role that has closed its channel must be gone after this time.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// A role changes fewer settings of the kernel than these, whatever its configuration is.
const CHANGED_MAX: usize = 65_536;

/// A role must run its first configuration within this time.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(60);

/// How long a monitor that runs is left in peace before it has to show that it is not stuck.
/// Nothing else would: nobody waits for it.
pub(crate) const PEACE: Duration = Duration::from_secs(20);

/// How long its answer may take.
pub(crate) const PONG_MAX: Duration = Duration::from_secs(30);

/// How many roles have a place.
pub const ROLES: usize = 4;

/// Order in which roles are started: the monitor comes when the work is in hand.
pub const START_ORDER: [Role; ROLES] = [Role::Checker, Role::Vrrp, Role::Bfd, Role::Monitor];

/// Order in which roles are told to stop; the monitor is, once they have left.
pub const STOP_ORDER: [Role; 3] = [Role::Vrrp, Role::Checker, Role::Bfd];

/// The word for a role in log lines about its process.
pub fn title(role: Role) -> &'static str {
    match role {
        Role::Core => "parent",
        Role::Vrrp => "VRRP",
        Role::Checker => "Healthcheck",
        Role::Bfd => "BFD",
        Role::Monitor => "Monitor",
    }
}

/// How long to wait before a role is started again.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Backoff {
    seconds: u64,
}

impl Backoff {
    /// A role died that had lived for `lived`. The first early death costs no
    /// time, the next 1 s, then twice as long each time, at most 60 s. `None`
    /// when it lived long enough to count as stable.
    pub fn died(&mut self, lived: Duration) -> Option<u64> {
        if lived >= STABLE {
            self.seconds = 0;
            return None;
        }
        let delay = self.seconds;
        self.seconds = (delay * 2).clamp(1, DELAY_MAX);
        Some(delay)
    }
}

/// What the end of a role's process means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The daemon cannot work: end it with this status.
    Permanent(i32),
    /// Start the role again at this time.
    Respawn(Mono),
    /// Respawning is switched off: end the daemon.
    GiveUp,
}

/// Where a dump goes that a role was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DumpTo {
    /// The dump file.
    File,
    /// The log (`--dump-conf`).
    Log,
    /// A file that `config_save_dir` asks for.
    Kept(PathBuf),
}

/// A running process of a role.
#[derive(Debug)]
pub struct Child {
    /// Process id.
    pub pid: i32,
    /// The way to it.
    pub link: Link,
    /// When it was started.
    since: Mono,
    /// It has greeted us.
    pub greeted: bool,
    /// What it was last given to prepare.
    pub prepared: Option<Generation>,
    /// The new configuration that is to it the one which it runs.
    pub unchanged: Option<Generation>,
    /// It has been told to run a configuration.
    pub committed: bool,
    /// It has missed a value of a tracked object.
    pub values_stale: bool,
    /// What it last reported as running.
    pub running: Option<Generation>,
    /// The channel is registered with the loop.
    open: bool,
    writes: bool,
    /// When to kill it because it does not leave by itself.
    pub(crate) kill_at: Option<Mono>,
    /// It has said more than was taken in its last turn; the socket need not tell of it.
    pub more: bool,
    /// Dumps that it was asked for, in order.
    pub dumps: VecDeque<DumpTo>,
    /// By when it must run what it was given; `None` once it does.
    pub answer_by: Option<Mono>,
    /// When it is to be asked whether it is stuck; the monitor alone is.
    ask_at: Option<Mono>,
    /// Core killed it.
    condemned: bool,
    /// Realtime priority that it got for being late; 0: none.
    pub raised: u8,
}

impl Child {
    /// It was told to leave, and is not asked any more.
    pub fn leave_by(&mut self, until: Mono) {
        (self.kill_at, self.answer_by, self.ask_at) = (Some(until), None, None);
    }

    /// Whether core has killed it.
    #[cfg(test)]
    pub(crate) fn is_condemned(&self) -> bool {
        self.condemned
    }

    /// Sends the values of all tracked objects, by id.
    pub fn send_values(&mut self, values: &[TrackValue]) {
        for (id, value) in (0..).zip(values) {
            if self.link.track(TrackId(id), *value).is_err() {
                self.values_stale = true;
                return;
            }
        }
    }
}

/// The place of one role.
#[derive(Debug)]
pub struct Slot {
    /// Which.
    pub role: Role,
    /// Its process, while there is one.
    pub child: Option<Child>,
    /// When to start it again.
    pub respawn_at: Option<Mono>,
    /// Its pid file.
    pub pid_file: Option<PidFile>,
    /// What its processes may have left in the kernel.
    pub traces: Traces,
    /// The settings that its process has to put back, and the next one if that is killed.
    pub changed: Vec<Changed>,
    /// Where both are kept for the next daemon.
    remains: Option<Remains>,
    /// They are not what is kept there.
    unkept: bool,
    /// It was started once more at the end of the daemon, to take that away.
    pub cleans: bool,
    backoff: Backoff,
}

impl Slot {
    /// The empty place of `role`.
    pub fn new(role: Role, pid_file: Option<PidFile>) -> Self {
        let remains = pid_file.as_ref().filter(|_| role == Role::Vrrp);
        let remains = remains.map(|file| Remains::beside(file.path()));
        Slot {
            role,
            child: None,
            respawn_at: None,
            pid_file,
            remains,
            unkept: false,
            traces: Traces::default(),
            changed: Vec::new(),
            cleans: false,
            backoff: Backoff::default(),
        }
    }

    /// Reads what a daemon has left that was killed.
    pub fn recall(&mut self) {
        if let Some((configs, changed)) = self.remains.as_mut().and_then(Remains::read) {
            self.traces.recall(configs);
            self.changed = changed;
        }
    }

    /// A process of it is about to run a configuration: should all be killed, that is known.
    pub fn runs(&mut self, generation: Generation, config: &Arc<Config>) {
        self.traces.runs(generation, config);
        self.unkept = true;
        self.keep();
    }

    /// Nothing is left of what was before this one.
    pub fn settled(&mut self, generation: Generation) {
        self.traces.settled(generation);
        self.unkept = true;
    }

    /// Its process has changed these settings.
    pub fn has_changed(&mut self, mut changed: Vec<Changed>) {
        if changed.len() > CHANGED_MAX {
            warn!("{} process: more than {CHANGED_MAX} settings are not kept", title(self.role));
            changed.truncate(CHANGED_MAX);
        }
        self.unkept |= changed != self.changed;
        self.changed = changed;
    }

    /// Keeps for the next daemon what was noted.
    pub fn keep(&mut self) {
        if std::mem::take(&mut self.unkept)
            && let Some(remains) = &mut self.remains
        {
            remains.write(&self.traces, &self.changed);
        }
    }

    /// Its process has left in order: there is nothing left.
    pub fn forget(&mut self) {
        self.traces.clear();
        self.changed.clear();
        self.unkept = true;
        self.keep();
    }

    /// The token of the role's channel.
    pub fn token(&self) -> Token {
        Token(16 + self.role as usize)
    }

    /// Starts the process and greets it.
    ///
    /// # Errors
    /// When it cannot be started; the caller tries again later.
    pub fn spawn(&mut self, now: Mono, poll: &Loop, log: &LogSetup) -> io::Result<()> {
        self.respawn_at = None;
        let (ours, theirs) = channel::pair()?;
        let mut link = Link::new(self.role, ours)?;
        let pid = match self.role {
            Role::Monitor => spawn::spawn_program(&monitor::program()?, self.role.word(), theirs)?,
            role => spawn::spawn_role(role.word(), theirs)?,
        };
        if let Some(file) = &mut self.pid_file
            && let Err(e) = file.write(pid)
        {
            warn!("Cannot write pid file {}: {e}", file.path().display());
        }
        info!("Starting {} child process, pid={pid}", title(self.role));
        // A role that is gone already shows when its channel is read.
        let _ = link.hello(log);
        self.attend(now, poll, pid, link)
    }

    /// Takes charge of a process that has just been started.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(crate) fn attend(
        &mut self,
        now: Mono,
        poll: &Loop,
        pid: i32,
        link: Link,
    ) -> io::Result<()> {
        poll.register(&link, self.token(), link.interest())?;
        self.child = Some(Child {
            pid,
            writes: link.interest() != Interest::READABLE,
            link,
            since: now,
            greeted: false,
            prepared: None,
            unchanged: None,
            committed: false,
            values_stale: false,
            running: None,
            open: true,
            kill_at: None,
            more: false,
            dumps: VecDeque::new(),
            answer_by: Some(now + ANSWER_MAX),
            ask_at: None,
            condemned: false,
            raised: 0,
        });
        Ok(())
    }

    /// Keeps the loop's interest in the channel as its queue needs it.
    pub fn update_interest(&mut self, poll: &Loop) {
        let token = self.token();
        let Some(child) = self.child.as_mut().filter(|c| c.open) else { return };
        let interest = child.link.interest();
        let writes = interest != Interest::READABLE;
        if writes != child.writes && poll.reregister(&child.link, token, interest).is_ok() {
            child.writes = writes;
        }
    }

    /// The role has closed its channel: it is on its way out.
    pub fn closed(&mut self, now: Mono, poll: &Loop) {
        let Some(child) = &mut self.child else { return };
        if std::mem::take(&mut child.open) {
            let _ = poll.deregister(&child.link);
        }
        child.kill_at.get_or_insert(now + CLOSE_GRACE);
    }

    /// The role broke the protocol, or does not answer: end it at once.
    pub fn condemn(&mut self, poll: &Loop) {
        let Some(child) = &mut self.child else { return };
        if std::mem::take(&mut child.open) {
            let _ = poll.deregister(&child.link);
        }
        child.condemned = true;
        (child.kill_at, child.answer_by, child.ask_at) = (None, None, None);
        if let Err(e) = signals::send(child.pid, signals::KILL) {
            warn!("Cannot kill {} process {}: {e}", self.role, child.pid);
        }
    }

    /// The role has answered what it was to answer.
    pub fn answered(&mut self, now: Mono) {
        let Some(child) = &mut self.child else { return };
        let is_asked = self.role == Role::Monitor && child.kill_at.is_none();
        (child.answer_by, child.ask_at) = (None, is_asked.then(|| now + PEACE));
    }

    /// When [`Slot::tick`] has something to do.
    pub fn deadline(&self) -> Option<Mono> {
        let child = self.child.as_ref()?;
        [child.kill_at, child.answer_by, child.ask_at].into_iter().flatten().min()
    }

    /// Kills a process that was to leave by itself and did not, or that does
    /// not come to run.
    pub fn tick(&mut self, now: Mono, poll: &Loop) {
        if let Some(child) = self.child.as_mut().filter(|c| c.ask_at.is_some_and(|at| at <= now)) {
            child.ask_at = None;
            // One whose queue is full has not read for long: no answer comes either.
            let _ = child.link.ping();
            child.answer_by = Some(now + PONG_MAX);
        }
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        if let Some(child) = self.child.as_ref().filter(|c| c.kill_at.is_none()) {
            warn!("{} process {} does not answer, ending it", title(self.role), child.pid);
        }
        self.condemn(poll);
    }

    /// The process has ended: says so in the log and decides what follows.
    /// `respawn` is off with `--dont-respawn`, which is not for the monitor.
    pub fn died(&mut self, now: Mono, poll: &Loop, exit: Exit, respawn: bool) -> Verdict {
        let Some(child) = self.child.take() else { return Verdict::Respawn(now) };
        if child.open {
            let _ = poll.deregister(&child.link);
        }
        // The daemon works without the monitor, which may not end it.
        let needed = self.role != Role::Monitor;
        match permanent(exit) {
            Some(status) if !needed => info!("pid {} exited with status {status}", child.pid),
            _ => say_exit(&format!("pid {}", child.pid), exit),
        }
        if let Some(status) = permanent(exit).filter(|_| needed) {
            return Verdict::Permanent(status);
        }
        let respawn = respawn || !needed;
        let what = if respawn { "Respawning" } else { "Exiting" };
        log::error!(
            target: rt::log_sink::ALERT,
            "{} child process({}) died: {what}", title(self.role), child.pid
        );
        if !respawn {
            return Verdict::GiveUp;
        }
        // Somebody ended a role that worked: waiting would help nobody. The
        // delay is for roles that fail by themselves.
        let from_outside =
            matches!(exit, Exit::Status(0) | Exit::Signal(signals::KILL | signals::TERM));
        if from_outside && child.running.is_some() && !child.condemned {
            return Verdict::Respawn(now);
        }
        let Some(delay) = self.backoff.died(now.saturating_since(child.since)) else {
            return Verdict::Respawn(now);
        };
        info!(
            "Restart of {} process delayed {delay} seconds to limit respawn rate",
            title(self.role)
        );
        Verdict::Respawn(now + Duration::from_secs(delay))
    }
}

/// The status that the daemon ends with when a role exits with it.
fn permanent(exit: Exit) -> Option<i32> {
    match exit {
        Exit::Status(status @ (1 | 2 | 4)) => Some(status),
        _ => None,
    }
}

/// Says how a process ended.
pub fn say_exit(who: &str, exit: Exit) {
    match exit {
        Exit::Status(0) => {}
        Exit::Status(status) if permanent(exit).is_some() => {
            let what = match status {
                1 => "FATAL",
                2 => "CONFIG",
                _ => "missing permission",
            };
            info!("{who} exited with permanent error {what}. Terminating");
        }
        Exit::Status(status) => info!("{who} exited with status {status}"),
        Exit::Signal(number) => {
            let name = signal_name(number);
            let hint = match number {
                signals::KILL => " - has rlimit_rttime been exceeded?",
                _ => "",
            };
            info!("{who} exited due to signal {number} ({name}){hint}");
        }
    }
}

/// What a signal means, as strsignal(3) says it.
fn signal_name(number: i32) -> String {
    let known = [
        (1, "Hangup"),
        (2, "Interrupt"),
        (3, "Quit"),
        (4, "Illegal instruction"),
        (5, "Trace/breakpoint trap"),
        (6, "Aborted"),
        (7, "Bus error"),
        (8, "Floating point exception"),
        (9, "Killed"),
        (11, "Segmentation fault"),
        (13, "Broken pipe"),
        (14, "Alarm clock"),
        (15, "Terminated"),
        (24, "CPU time limit exceeded"),
        (25, "File size limit exceeded"),
        (31, "Bad system call"),
    ];
    match known.iter().find(|(n, _)| *n == number) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("Signal {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_deaths_wait_longer_each_time_until_one_lives_a_minute() {
        let mut b = Backoff::default();
        let early = Duration::from_secs(1);
        let delays: Vec<_> = (0..9).map(|_| b.died(early)).collect();
        assert_eq!(delays, [0, 1, 2, 4, 8, 16, 32, 60, 60].map(Some));
        assert_eq!(b.died(Duration::from_secs(60)), None);
        assert_eq!(b.died(early), Some(0));
    }

    #[test]
    fn permanent_errors_are_fatal_config_and_permission() {
        assert_eq!(permanent(Exit::Status(2)), Some(2));
        assert_eq!(permanent(Exit::Status(3)), None);
        assert_eq!(permanent(Exit::Signal(2)), None);
    }
}
