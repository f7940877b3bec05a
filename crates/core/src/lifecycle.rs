//! From the first role's start to the last one's end.
//!
//! Owns the phases of the daemon's life and the startup and shutdown scripts.

use crate::kept::Moment;
use crate::main_loop::{Core, PROCESSES, Purpose};
use crate::pidfile::PidFile;
use crate::scripts::{Outcome, STOP_GRACE, TERM_GRACE};
use crate::setup;
use crate::supervise::{ROLES, START_ORDER, STOP_ORDER, Slot, say_exit};
use ipc::Role;
use log::{debug, error, info, warn};
use nix::libc;
use rt::poll::Loop;
use rt::spawn::Exit;
use rt::{clock, signals};
use std::path::Path;
use std::time::Duration;
use types::{Mono, ScriptId};

/// How long a startup or shutdown script that cannot be killed is waited for.
const SCRIPT_LINGER: Duration = Duration::from_secs(12);

/// Where the daemon is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The startup script runs, until then at most.
    StartupScript(Mono),
    /// Roles have been started and do not all run yet.
    Starting,
    /// All is well.
    Running,
    /// Roles have been told to leave; those still there at that time are
    /// killed.
    Stopping {
        /// Until when; `None` once they have been killed.
        until: Option<Mono>,
        /// Exit status; anything but 0 skips the shutdown script.
        status: i32,
    },
    /// Notification scripts may end, and the monitor say its last words, until then.
    Draining {
        /// Until when.
        until: Mono,
        /// Exit status.
        status: i32,
    },
    /// The shutdown script runs, until then at most.
    ShutdownScript(Mono),
    /// The daemon ends with this status.
    Done(i32),
}

impl Phase {
    /// Whether the daemon is on its way out.
    pub fn is_stopping(&self) -> bool {
        !matches!(self, Phase::StartupScript(_) | Phase::Starting | Phase::Running)
    }

    /// When the phase ends by itself.
    pub fn deadline(&self) -> Option<Mono> {
        match self {
            Phase::StartupScript(at) | Phase::ShutdownScript(at) => Some(*at),
            Phase::Draining { until, .. } => Some(*until),
            Phase::Stopping { until, .. } => *until,
            Phase::Starting | Phase::Running | Phase::Done(_) => None,
        }
    }
}

impl Slot {
    /// The process has ended as it was told to.
    pub fn stopped(&mut self, poll: &Loop, exit: Exit) {
        self.closed(clock::now(), poll);
        self.child = None;
        self.respawn_at = None;
        say_exit(self.role.ident(), exit);
        if let Some(file) = self.pid_file.take() {
            file.remove();
        }
    }
}

impl Core {
    /// Begins: startup script first, then the roles.
    pub(crate) fn begin(&mut self) {
        let global = &self.config.global;
        let timeout = global.startup_script_timeout;
        match self.run_own_script(global.startup_script, timeout, Purpose::Startup) {
            Some(until) => self.phase = Phase::StartupScript(until),
            None => self.start_roles(),
        }
    }

    /// Starts a script of the daemon itself; until when it may take, or
    /// `None` when there is none to wait for.
    fn run_own_script(
        &mut self,
        id: Option<ScriptId>,
        timeout: Duration,
        purpose: Purpose,
    ) -> Option<Mono> {
        let now = clock::now();
        let script = self.config.scripts.get(id?.index())?;
        let word = if purpose == Purpose::Startup { "startup" } else { "shutdown" };
        info!("Running {word} script {}", script.path);
        self.scripts.start(now, script, &[], Some(timeout), purpose).ok()?;
        Some(now + timeout + TERM_GRACE + SCRIPT_LINGER)
    }

    pub(crate) fn startup_script_ended(&mut self, outcome: Outcome) {
        say_script("startup", outcome);
        if matches!(self.phase, Phase::StartupScript(_)) {
            self.start_roles();
        }
    }

    pub(crate) fn shutdown_script_ended(&mut self, outcome: Outcome) {
        say_script("shutdown", outcome);
        if matches!(self.phase, Phase::ShutdownScript(_)) {
            self.phase = Phase::Done(0);
        }
    }

    /// Takes over the tracked objects and the files to watch.
    pub(crate) fn configure_watches(&mut self, start: bool) {
        let now = clock::now();
        self.processes.configure(now, &self.config, &self.poll, PROCESSES);
        self.tracker.configure(now, &self.config, &self.processes.verdicts(), start);
        self.reload_timer.configure(&self.config.global.reload);
        let mut files = self.tracker.files();
        files.extend(self.reload_timer.file().map(Path::to_owned));
        for (dir, e) in self.watcher.watch(&files) {
            self.reload_timer.unwatchable(&dir);
            warn!("Cannot watch directory {}: {e}", dir.display());
        }
    }

    /// Starts every role that this configuration needs.
    fn start_roles(&mut self) {
        self.phase = Phase::Starting;
        self.configure_watches(true);
        self.open_fifos();
        self.start_wanted();
        for slot in self.slots.iter().filter(|s| s.child.is_none() && s.respawn_at.is_none()) {
            // Made when the locks were taken; comes back when it is needed.
            slot.pid_file.iter().for_each(PidFile::remove);
        }
        if self.slots.iter().all(|s| s.child.is_none() && s.respawn_at.is_none()) {
            warn!("Warning - keepalived has no configuration to run");
        }
        self.check_complete();
    }

    /// Starts the roles that are wanted and do not run, or that have something to take away.
    pub(crate) fn start_wanted(&mut self) {
        let now = clock::now();
        for role in START_ORDER {
            let wanted = setup::wanted(role, &self.config, &self.options);
            let idle = |s: &Slot| {
                s.role == role
                    && s.child.is_none()
                    && s.respawn_at.is_none()
                    && (wanted || !s.traces.is_empty())
            };
            if let Some(at) = self.slots.iter().position(idle) {
                self.start_role(now, at);
            }
        }
    }

    /// Says so when all roles run the present configuration; the monitor is
    /// not waited for.
    pub(crate) fn check_complete(&mut self) {
        let all = self.slots.iter().filter(|s| s.role != Role::Monitor).all(|s| {
            s.respawn_at.is_none()
                && s.child.as_ref().is_none_or(|c| c.running == Some(self.generation))
        });
        if !all {
            return;
        }
        if self.phase == Phase::Starting {
            self.phase = Phase::Running;
            info!("Startup complete");
        } else if self.reload_finished() {
            self.write_states();
            self.keep_states(Moment::After, self.generation);
            info!("Reload complete");
        } else {
            return self.reload_once_more();
        }
        self.manager.ready(&self.status_line());
        // The files as they were read take more than what is made of them.
        rt::memory::trim();
        self.after_completion();
    }

    /// What the service manager shows: the roles that run.
    fn status_line(&self) -> String {
        let roles: Vec<String> = self
            .slots
            .iter()
            .filter_map(|s| s.child.as_ref().map(|c| format!("{} (pid {})", s.role, c.pid)))
            .collect();
        if roles.is_empty() {
            return "running; nothing is configured".to_owned();
        }
        format!("running: {}", roles.join(", "))
    }

    /// An orderly stop.
    pub(crate) fn stop(&mut self) {
        if self.phase.is_stopping() {
            return;
        }
        info!("Stopping");
        self.leave(0);
    }

    /// A role says that the daemon cannot work: all end, with this status.
    pub(crate) fn terminate(&mut self, status: i32) {
        if self.phase.is_stopping() {
            return;
        }
        self.manager.errno(if status == 4 { libc::EPERM } else { libc::EINVAL });
        self.leave(status);
    }

    fn leave(&mut self, status: i32) {
        let now = clock::now();
        self.manager.stopping();
        // A second SIGTERM must not disturb; the end of children is all that
        // matters from here on.
        if let Err(e) = self.signals.restrict(&[signals::CHLD]) {
            warn!("Cannot restrict signals: {e}");
        }
        self.reload = None;
        self.slots.iter_mut().for_each(|slot| slot.respawn_at = None);
        self.scripts.end(now, STOP_GRACE, |p| matches!(p, Purpose::Track(..) | Purpose::Startup));
        let wait = self.config.global.child_wait_time;
        self.phase = Phase::Stopping { until: Some(now + wait), status };
        for role in STOP_ORDER {
            if let Some(at) = self.slots.iter().position(|s| s.role == role) {
                self.release(at);
            }
        }
        self.stop_goes_on(now);
    }

    /// Goes on with stopping when no role is left.
    pub(crate) fn stop_goes_on(&mut self, now: Mono) {
        if let Phase::Stopping { status, .. } = self.phase
            && self.slots.iter().all(|s| s.role == Role::Monitor || s.child.is_none())
        {
            // The readers have had every line; notifications of the stop may
            // still run for a moment.
            self.scripts.end(now, STOP_GRACE, |p| matches!(p, Purpose::FifoReader(_)));
            let until = self.dismiss_monitor(now).unwrap_or(now + STOP_GRACE);
            self.phase = Phase::Draining { until, status };
        }
    }

    /// What follows when scripts have had their time.
    fn drained(&mut self, now: Mono, status: i32) {
        if self.release_turns(now) {
            self.phase = Phase::Draining { until: now + STOP_GRACE, status };
            return;
        }
        self.scripts.end(now, Duration::ZERO, |p| *p != Purpose::Shutdown);
        self.close_fifos();
        let global = &self.config.global;
        let timeout = global.shutdown_script_timeout;
        let script = global.shutdown_script.filter(|_| status == 0);
        self.phase = match self.run_own_script(script, timeout, Purpose::Shutdown) {
            Some(until) => Phase::ShutdownScript(until),
            None => Phase::Done(status),
        };
    }

    pub(crate) fn phase_tick(&mut self, now: Mono) {
        let over = self.phase.deadline().is_some_and(|at| at <= now);
        match self.phase {
            Phase::Draining { status, .. }
                if over || self.scripts.is_empty() && self.monitor_is_gone() =>
            {
                self.drained(now, status);
            }
            Phase::Stopping { status, .. } if over => {
                for slot in self.slots.iter_mut().filter(|s| s.role != Role::Monitor) {
                    if slot.child.is_some() {
                        error!("{} process failed to die - forcing termination", slot.role);
                        slot.condemn(&self.poll);
                    }
                }
                self.phase = Phase::Stopping { until: None, status };
            }
            Phase::StartupScript(_) if over => {
                error!("startup script does not end, going on without it");
                self.start_roles();
            }
            Phase::ShutdownScript(_) if over => {
                error!("shutdown script does not end, going on without it");
                self.phase = Phase::Done(0);
            }
            _ => {}
        }
    }

    /// Removes what the daemon made in the file system.
    pub(crate) fn clean_up(&mut self) {
        for slot in &mut self.slots {
            if let Some(file) = slot.pid_file.take() {
                file.remove();
            }
        }
        if let Some(file) = self.pid_file.take() {
            file.remove();
        }
        if self.names.in_pid_dir {
            // Another instance may still use it.
            let _ = std::fs::remove_dir(crate::paths::PID_DIR);
        }
    }

    /// The role's configuration is refused.
    pub(crate) fn on_refused(
        &mut self,
        at: usize,
        generation: ipc::msg::Generation,
        reason: &str,
        status: i32,
    ) {
        let preparing = self.is_preparing(generation);
        let Some(slot) = self.slots.get_mut(at) else { return };
        let role = slot.role;
        if preparing {
            return self.reload_refused(role, reason);
        }
        error!("{} process: {reason}", crate::supervise::title(role));
        if matches!(self.phase, Phase::Starting) {
            say_exit(role.ident(), Exit::Status(status));
            self.terminate(status);
        } else {
            // It ran before, so a later try may work: a missing interface can
            // come back.
            slot.condemn(&self.poll);
        }
    }
}

fn say_script(which: &str, outcome: Outcome) {
    match outcome.exit {
        Exit::Status(0) => debug!("{which} script script succeeded"),
        Exit::Status(n) => info!("{which} script script failed, status {n}"),
        Exit::Signal(n) if !outcome.timed_out => {
            info!("{which} script script failed due to signal {n}");
        }
        Exit::Signal(_) => {}
    }
}

/// The role that the parent itself plays has no slot.
pub(crate) fn slots(mut take: impl FnMut(Role) -> Option<PidFile>) -> [Slot; ROLES] {
    START_ORDER.map(|role| Slot::new(role, take(role)))
}
