//! The parent's loop: signals, reports of the roles, ended processes, time.
//!
//! Owns the daemon's state and its phases. Nothing here waits for a role, a
//! script or a disk longer than a local file takes.

use crate::cli::Options;
use crate::lifecycle::Phase;
use crate::link::Report;
use crate::monitor::Monitor;
use crate::notify::Notifications;
use crate::paths::Names;
use crate::pidfile::PidFile;
use crate::process_table::ProcessTable;
use crate::reload::Reload;
use crate::reload_timer::ReloadTimer;
use crate::scripts::{Outcome, Runner};
use crate::sdnotify::Notifier;
use crate::setup;
use crate::supervise::{ROLES, Slot, Verdict, title};
use crate::track::Tracker;
use crate::turns::Turn;
use crate::watch::Watcher;
use ipc::Role;
use ipc::msg::checker::Run;
use ipc::msg::{Dump, Generation, LogSetup};
use log::{debug, error, info, warn};
use model::Config;
use rt::channel::ChannelError;
use rt::poll::{Loop, Ready};
use rt::resources::Originals;
use rt::signals::{self, Signals};
use rt::spawn::{self, Exit};
use rt::{Interest, Token, clock};
use std::fs::File;
use std::io;
use std::sync::Arc;
use types::{Mono, TrackId};

const SIGNALS: Token = Token(0);
const FILES: Token = Token(1);
/// News of processes.
pub(crate) const PROCESSES: Token = Token(2);

/// Reports taken from one role before the others have their turn.
const REPORTS_PER_TURN: usize = 256;

/// Reports taken from a role that has ended: more than its socket can hold.
const LAST_REPORTS: usize = 1 << 20;

/// What a script that runs is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// `startup_script`.
    Startup,
    /// `shutdown_script`.
    Shutdown,
    /// A notification; whose turn it was.
    Notify(Option<Turn>),
    /// Reader of a notify FIFO, by its word in log lines.
    FifoReader(&'static str),
    /// A tracked script of that configuration.
    Track(Generation, TrackId),
    /// A check's script, for the checker process of that pid.
    Check(i32, Run),
}

/// The daemon.
#[derive(Debug)]
pub struct Core {
    pub(crate) options: Options,
    pub(crate) names: Names,
    pub(crate) log: LogSetup,
    pub(crate) config: Arc<Config>,
    /// The configuration before the last reload: instances that it removed
    /// still have news to tell.
    pub(crate) previous: Option<Arc<Config>>,
    /// Which load that was.
    pub(crate) previous_generation: Generation,
    pub(crate) generation: Generation,
    /// How many configurations have been handed to roles, refused ones too.
    pub(crate) loads: u64,
    pub(crate) poll: Loop,
    pub(crate) signals: Signals,
    pub(crate) slots: [Slot; ROLES],
    pub(crate) pid_file: Option<PidFile>,
    pub(crate) scripts: Runner<Purpose>,
    pub(crate) tracker: Tracker,
    pub(crate) notifications: Notifications,
    pub(crate) monitor: Monitor,
    pub(crate) processes: ProcessTable,
    pub(crate) watcher: Watcher,
    pub(crate) reload_timer: ReloadTimer,
    pub(crate) manager: Notifier,
    pub(crate) phase: Phase,
    pub(crate) reload: Option<Reload>,
    pub(crate) reload_queued: bool,
    /// The reload begins anew once a role is back that was killed.
    pub(crate) reload_again: bool,
}

/// What a [`Core`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// Command line.
    pub options: Options,
    /// Names of files.
    pub names: Names,
    /// How the roles log.
    pub log: LogSetup,
    /// The configuration.
    pub config: Config,
    /// The signals that core handles, blocked since the start.
    pub signals: Signals,
    /// The places of the roles.
    pub slots: [Slot; ROLES],
    /// The network namespace that was left for another.
    pub home: Option<File>,
    /// The limits that scripts get back.
    pub limits: Originals,
}

impl Core {
    /// A daemon that has not begun yet.
    ///
    /// # Errors
    /// Those of epoll_create1(2) and inotify_init1(2).
    pub fn new(parts: Parts) -> io::Result<Self> {
        Ok(Core {
            poll: Loop::new()?,
            watcher: Watcher::new()?,
            scripts: Runner::new(parts.limits),
            options: parts.options,
            names: parts.names,
            log: parts.log,
            config: Arc::new(parts.config),
            previous: None,
            previous_generation: Generation(0),
            generation: Generation(1),
            loads: 1,
            signals: parts.signals,
            slots: parts.slots,
            pid_file: None,
            tracker: Tracker::default(),
            processes: ProcessTable::new(parts.home),
            notifications: Notifications::default(),
            monitor: Monitor::default(),
            reload_timer: ReloadTimer::default(),
            manager: Notifier::default(),
            phase: Phase::Starting,
            reload: None,
            reload_queued: false,
            reload_again: false,
        })
    }

    /// Runs until the daemon is to end; returns its exit status.
    ///
    /// # Errors
    /// When the event loop itself fails.
    pub fn run(&mut self) -> io::Result<i32> {
        self.poll.register(&self.signals, SIGNALS, Interest::READABLE)?;
        self.poll.register(&self.watcher, FILES, Interest::READABLE)?;
        self.begin();
        let mut ready = Vec::new();
        loop {
            if let Phase::Done(status) = self.phase {
                return Ok(status);
            }
            self.refresh_values();
            self.refresh_monitor(clock::now());
            for slot in &mut self.slots {
                slot.update_interest(&self.poll);
                slot.keep();
            }
            self.poll.wait(self.deadline(), &mut ready)?;
            for r in &ready {
                self.serve(*r)?;
            }
            self.serve_more();
            self.tick(clock::now());
        }
    }

    pub(crate) fn deadline(&self) -> Option<Mono> {
        if self.slots.iter().any(|s| s.child.as_ref().is_some_and(|c| c.more)) {
            return Some(Mono::ZERO);
        }
        let slots = self.slots.iter().flat_map(|s| [s.deadline(), s.respawn_at]).flatten();
        // Nothing is tracked any more on the way out.
        let tracks = !self.phase.is_stopping();
        [
            self.scripts.deadline(),
            self.turns_deadline(),
            self.tracker.deadline().filter(|_| tracks),
            self.processes.deadline().filter(|_| tracks),
            self.reload_timer.deadline(),
            self.reload.as_ref().map(Reload::deadline),
            self.phase.deadline(),
        ]
        .into_iter()
        .flatten()
        .chain(slots)
        .min()
    }

    fn serve(&mut self, ready: Ready) -> io::Result<()> {
        match ready.token {
            SIGNALS => self.serve_signals(),
            FILES => {
                self.serve_files();
                Ok(())
            }
            PROCESSES => {
                let verdicts = self.processes.serve(clock::now(), &self.poll);
                self.processes_changed(&verdicts);
                Ok(())
            }
            token => {
                if let Some(at) = self.slots.iter().position(|s| s.token() == token) {
                    self.serve_role(at, REPORTS_PER_TURN);
                }
                Ok(())
            }
        }
    }

    fn serve_signals(&mut self) -> io::Result<()> {
        while let Some(signal) = self.signals.receive()? {
            match signal.number {
                signals::CHLD => self.reap(),
                signals::TERM | signals::INT => self.stop(),
                signals::HUP => self.request_reload(),
                signals::USR1 => self.dump(Dump::Data),
                signals::USR2 => self.dump(Dump::Stats),
                n if n == signals::stats_clear() => self.dump(Dump::StatsClear),
                n if n == signals::json() => self.dump(Dump::Json),
                other => debug!("Signal {other} is not handled"),
            }
        }
        Ok(())
    }

    fn serve_files(&mut self) {
        for path in self.watcher.changed() {
            for change in self.tracker.file_changed(&path) {
                self.tell_roles(change.0, change.1);
            }
            self.reload_timer.file_changed(&path);
        }
    }

    /// Takes what a role has said, so much at most that none can keep core
    /// from the others.
    pub(crate) fn serve_role(&mut self, at: usize, most: usize) {
        let now = clock::now();
        for _ in 0..most {
            let Some(slot) = self.slots.get_mut(at) else { return };
            let role = slot.role;
            let Some(child) = slot.child.as_mut() else { return };
            child.more = false;
            // A failure to write shows in reading as well.
            let _ = child.link.flush();
            match child.link.recv() {
                Ok(Some(report)) => self.on_report(at, role, report),
                Ok(None) => return,
                Err(ChannelError::Closed) => return slot.closed(now, &self.poll),
                Err(e) => {
                    error!("{} process {}: {e}, ending it", title(role), child.pid);
                    return slot.condemn(&self.poll);
                }
            }
        }
        if let Some(child) = self.slots.get_mut(at).and_then(|s| s.child.as_mut()) {
            child.more = true;
        }
    }

    /// Goes on with roles that have said more than one turn takes.
    fn serve_more(&mut self) {
        for at in 0..self.slots.len() {
            if self.slots.get(at).and_then(|s| s.child.as_ref()).is_some_and(|c| c.more) {
                self.serve_role(at, REPORTS_PER_TURN);
            }
        }
    }

    fn on_report(&mut self, at: usize, role: Role, report: Report) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        let Some(child) = slot.child.as_mut() else { return };
        match report {
            Report::Hello(hello) if hello.fits(role) => child.greeted = true,
            Report::Hello(_) => {
                error!("{} process {} is of another build, ending it", title(role), child.pid);
                slot.condemn(&self.poll);
            }
            _ if !child.greeted => {
                error!("{} process {} did not greet, ending it", title(role), child.pid);
                slot.condemn(&self.poll);
            }
            Report::Ready(g) => self.on_ready(at, g),
            Report::Refused { generation, reason, status } => {
                self.on_refused(at, generation, &reason, status);
            }
            Report::Running(g) => {
                child.running = Some(g);
                slot.answered(clock::now());
                if role == Role::Monitor {
                    return;
                }
                if self.options.dump_conf {
                    self.dump_to_log(at);
                }
                self.check_complete();
            }
            Report::Settled(g) => slot.settled(g),
            Report::Changed(changed) => slot.has_changed(changed),
            Report::WantsDump(dump) => self.dump_on_request(dump),
            Report::Dump(kind, text) => {
                let to = child.dumps.pop_front();
                self.show_dump(role, kind, to, &text);
            }
            Report::Lost(n) => warn!("{n} reports of the {} process were lost", title(role)),
            Report::Notify(notice) => self.notify(&notice),
            Report::Late(by) => self.raise_priority(at, by),
            Report::Ask(ask) => self.on_ask(at, ask),
            Report::Pong => slot.answered(clock::now()),
            Report::Do(command) => self.on_command(command),
            Report::Snapshot(snapshot) => self.pass_snapshot(snapshot),
        }
    }

    /// Collects every process that has ended.
    fn reap(&mut self) {
        let now = clock::now();
        for (pid, exit) in spawn::reap() {
            let role =
                self.slots.iter().position(|s| s.child.as_ref().is_some_and(|c| c.pid == pid));
            match role {
                Some(at) => self.role_ended(now, at, exit),
                None => {
                    if let Some((purpose, outcome)) = self.scripts.ended(pid, exit) {
                        self.script_ended(&purpose, outcome);
                    }
                }
            }
        }
    }

    pub(crate) fn role_ended(&mut self, now: Mono, at: usize, exit: Exit) {
        // What it said before it ended still counts.
        self.serve_role(at, LAST_REPORTS);
        self.abandon_reload_without(at, exit);
        self.end_checks_of(now, at);
        let Some(slot) = self.slots.get_mut(at) else { return };
        if self.phase.is_stopping() {
            self.role_left(at, exit);
            return self.stop_goes_on(now);
        }
        if slot.role == Role::Monitor && self.monitor.is_dismissed() {
            slot.stopped(&self.poll, exit);
            // Wanted again meanwhile, perhaps.
            return self.start_wanted();
        }
        if exit == Exit::Status(0) {
            // It has left in order, whoever told it to.
            slot.forget();
        }
        match slot.died(now, &self.poll, exit, !self.options.dont_respawn) {
            Verdict::Permanent(status) => self.terminate(status),
            Verdict::GiveUp => self.stop(),
            Verdict::Respawn(at_time) => slot.respawn_at = Some(at_time),
        }
    }

    fn script_ended(&mut self, purpose: &Purpose, outcome: Outcome) {
        match purpose {
            Purpose::Startup => self.startup_script_ended(outcome),
            Purpose::Shutdown => self.shutdown_script_ended(outcome),
            Purpose::Notify(Some(turn)) => self.turn_ended(*turn),
            Purpose::Notify(None) => {}
            // A reload or stop ends it, which is nothing to be told of.
            Purpose::FifoReader(_) if outcome.told => {}
            Purpose::FifoReader(word) => info!("{word}notify fifo script terminated"),
            Purpose::Check(pid, run) => self.check_ended(*pid, *run, outcome),
            // An id of an earlier configuration means nothing in this one.
            Purpose::Track(generation, _) if *generation != self.generation => {}
            Purpose::Track(_, id) => {
                if let Some((id, value)) = self.tracker.script_ended(*id, outcome) {
                    self.tell_roles(id, value);
                }
            }
        }
    }

    fn tick(&mut self, now: Mono) {
        for purpose in self.scripts.tick(now) {
            self.script_timed_out(&purpose);
        }
        self.start_turns(now);
        for at in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(at) else { continue };
            slot.tick(now, &self.poll);
            if slot.respawn_at.is_some_and(|t| t <= now) {
                self.start_role(now, at);
            }
        }
        if !self.phase.is_stopping() {
            self.run_tracked_scripts(now);
            let verdicts = self.processes.tick(now);
            self.processes_changed(&verdicts);
        }
        if self.reload_timer.tick() {
            self.request_reload();
        }
        self.reload_tick(now);
        self.phase_tick(now);
    }

    fn script_timed_out(&self, purpose: &Purpose) {
        match purpose {
            Purpose::Startup => info!("startup script timed out"),
            Purpose::Shutdown => info!("shutdown script timed out"),
            _ => {}
        }
    }

    fn processes_changed(&mut self, verdicts: &[(TrackId, bool)]) {
        for (id, good) in verdicts {
            if let Some((id, value)) = self.tracker.process_changed(*id, *good) {
                self.tell_roles(id, value);
            }
        }
    }

    fn run_tracked_scripts(&mut self, now: Mono) {
        for id in self.tracker.due(now) {
            let Some(run) = self.tracker.begin(now, id) else { continue };
            let Some(script) = self.config.scripts.get(run.script.index()) else { continue };
            let purpose = Purpose::Track(self.generation, id);
            let started = self.scripts.start_again(now, script, run.timeout, purpose);
            if started.is_err()
                && let Some((id, value)) = self.tracker.not_started(id)
            {
                self.tell_roles(id, value);
            }
        }
    }

    /// Tells the roles that a tracked object has changed.
    pub(crate) fn tell_roles(&mut self, id: TrackId, value: ipc::msg::TrackValue) {
        for slot in &mut self.slots {
            let Some(child) = slot.child.as_mut().filter(|c| c.committed) else { continue };
            if child.link.track(id, value).is_err() {
                // It is behind, with a large configuration perhaps: it gets
                // all values once it has caught up.
                child.values_stale = true;
            }
        }
    }

    /// Sends all values to roles that have missed one and have caught up.
    fn refresh_values(&mut self) {
        for slot in &mut self.slots {
            let Some(child) = slot.child.as_mut().filter(|c| c.values_stale) else { continue };
            if child.link.interest() == Interest::READABLE {
                child.values_stale = false;
                child.send_values(&self.tracker.values());
            }
        }
    }

    /// Starts a role and gives it the present configuration.
    pub(crate) fn start_role(&mut self, now: Mono, at: usize) {
        let installed = self.is_installed(at);
        let Some(slot) = self.slots.get_mut(at) else { return };
        if !installed {
            slot.respawn_at = None;
            return;
        }
        if let Err(e) = slot.spawn(now, &self.poll, &self.log) {
            error!("Cannot start {} process: {e}, trying again", title(slot.role));
            slot.respawn_at = Some(now + std::time::Duration::from_secs(1));
            return;
        }
        if slot.role == Role::Monitor {
            return self.introduce_monitor();
        }
        self.hand_over(at);
    }

    /// Gives a role that begins the present configuration.
    pub(crate) fn hand_over(&mut self, at: usize) {
        let values = self.tracker.values();
        let Some(slot) = self.slots.get_mut(at) else { return };
        let (config, generation) = (&self.config, self.generation);
        let before = slot.traces.beside(generation);
        let part = setup::part(slot.role, config, &self.options, generation, &values, &before);
        let (Some(part), Some(child)) = (part, slot.child.as_mut()) else { return };
        child.prepared = Some(self.generation);
        if let Err(e) = child.link.prepare(part.after(&slot.changed)) {
            error!("{} process {}: {e}, ending it", title(slot.role), child.pid);
            slot.condemn(&self.poll);
        }
    }
}
