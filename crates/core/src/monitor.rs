//! The monitor as core sees it: started where the configuration asks for it, told of everything
//! that happens, waited for by nobody.
//!
//! Owns what happens when it is absent, slow or dead, so that nothing of it reaches the roles.

use crate::host::System;
use crate::link::{Notice, Setup};
use crate::main_loop::Core;
use crate::supervise::{ANSWER_MAX, Child, Slot, title};
use conf::Host;
use ipc::Role;
use ipc::msg::Dump;
use ipc::msg::monitor::{Command, Event, Identity, MonitorSetup, Snapshot};
use ipc::msg::snapshot::Change;
use log::warn;
use rt::stream::{self, Server};
use rt::{Interest, spawn};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use types::Mono;

/// Its executable, beside this one.
const NAME: &str = "keepalived-monitor";
/// Where it is otherwise.
const ELSEWHERE: &str = "/usr/sbin/keepalived-monitor";

/// How long it may go on after everybody else has left. Its own bound is shorter.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How long the end of a process takes that was killed.
const KILL_TIME: Duration = Duration::from_millis(500);

/// Events kept for a monitor that is being respawned.
const BACKLOG: usize = 1024;

/// Where net-snmp's agent listens for subagents unless `snmp_socket` says otherwise.
const AGENT: &str = "/var/agentx/master";
/// Its port (RFC 2741 section 8.1.1).
const AGENT_PORT: u16 = 705;

/// Least time between two questions what the roles know.
const BETWEEN_SNAPSHOTS: Duration = Duration::from_millis(100);

/// What core knows of the monitor beyond its process.
#[derive(Debug, Default)]
pub struct Monitor {
    /// Events that happened while it was not there.
    backlog: VecDeque<Event>,
    /// Events that it has missed and not yet been told of.
    lost: u64,
    /// It has missed the present configuration.
    behind: bool,
    /// It was told to leave.
    dismissed: bool,
    /// When it last asked what the roles know.
    asked: Option<Mono>,
}

impl Monitor {
    /// Whether it leaves because it was told to.
    pub fn is_dismissed(&self) -> bool {
        self.dismissed
    }

    fn lose(&mut self) {
        if self.lost == 0 {
            warn!("{} process does not read: events are lost", title(Role::Monitor));
        }
        self.lost += 1;
        // The present states come with the configuration.
        self.behind = true;
    }
}

/// Its executable.
///
/// # Errors
/// `NotFound` when it is not installed.
pub fn program() -> io::Result<PathBuf> {
    [spawn::own_path().with_file_name(NAME), PathBuf::from(ELSEWHERE)]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no {ELSEWHERE}")))
}

impl From<Notice> for Event {
    fn from(notice: Notice) -> Self {
        let Notice { kind, name, priority, news, reason } = notice;
        Event::Vrrp { kind, name, priority, news, reason }
    }
}

impl Core {
    fn monitor_slot(&mut self) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|s| s.role == Role::Monitor)
    }

    fn monitor_child(&mut self) -> Option<&mut Child> {
        self.monitor_slot()?.child.as_mut()
    }

    /// Whether the role in slot `at` is installed, as all but the monitor are; says so when not.
    pub(crate) fn is_installed(&self, at: usize) -> bool {
        if self.slots.get(at).is_none_or(|s| s.role != Role::Monitor) {
            return true;
        }
        let found = program();
        if let Err(e) = &found {
            warn!(
                "The configuration asks for {}, but {e}: install the package {NAME}; \
                 all else works without it",
                self.config.northbound().join(" and ")
            );
        }
        found.is_ok()
    }

    /// What the monitor is to serve.
    pub(crate) fn monitor_setup(&self) -> MonitorSetup {
        let config = &self.config;
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
        let identity = Identity {
            host: System::new().node_name(),
            user: user.map_or_else(|| "root".to_owned(), |u| u.name),
            namespace: self.names.namespace.clone(),
            version: crate::version::line(),
        };
        let scripts = if config.global.snmp.is_on() { config.scripts.clone() } else { Vec::new() };
        let setup = MonitorSetup {
            generation: self.generation,
            global: config.global.clone(),
            vrrp: config.vrrp.clone(),
            lvs: config.lvs.clone(),
            tracks: config.tracks.clone(),
            scripts,
            states: self.known_states(),
            identity,
        };
        setup.without_secrets()
    }

    /// It has just been started: what runs, and what has happened meanwhile.
    pub(crate) fn introduce_monitor(&mut self) {
        let missed = self.monitor.lost > 0;
        self.monitor.behind = true;
        self.monitor.dismissed = false;
        self.refresh_monitor(rt::clock::now());
        for event in std::mem::take(&mut self.monitor.backlog) {
            self.tell_monitor(event);
        }
        // What is missing between the configuration and now.
        self.monitor.behind |= missed;
    }

    /// After a reload: gives it the new configuration, or has it leave.
    pub(crate) fn configure_monitor(&mut self, now: Mono) {
        if self.config.northbound().is_empty() {
            self.monitor.backlog.clear();
            self.dismiss_monitor(now);
            if let Some(slot) = self.monitor_slot() {
                slot.respawn_at = None;
            }
            return;
        }
        self.monitor.behind = true;
        self.refresh_monitor(now);
    }

    /// Gives it what it has missed, once it has caught up.
    pub(crate) fn refresh_monitor(&mut self, now: Mono) {
        if !self.monitor.behind && self.monitor.lost == 0 || self.monitor.dismissed {
            return;
        }
        let reads = |c: &mut Child| c.link.interest() == Interest::READABLE;
        if !self.monitor_child().is_some_and(reads) {
            return;
        }
        let setup = self.monitor.behind.then(|| self.monitor_setup());
        let lost = self.monitor.lost;
        let Some(child) = self.monitor_child() else { return };
        if lost > 0 && child.link.events_lost(lost).is_err() {
            return;
        }
        let told = setup.is_none_or(|setup| {
            child.answer_by = Some(now + ANSWER_MAX);
            child.link.prepare(Setup::Monitor(Box::new(setup))).is_ok()
        });
        if lost > 0 {
            warn!("{lost} events were lost on the {} process", title(Role::Monitor));
        }
        self.monitor.lost = 0;
        self.monitor.behind = !told;
    }

    /// Tells it what has happened; for one that is about to come back it is kept.
    pub(crate) fn tell_monitor(&mut self, event: Event) {
        let stopping = self.phase.is_stopping();
        let Some(slot) = self.monitor_slot() else { return };
        let comes_back = slot.respawn_at.is_some() && !stopping;
        if let Some(child) = &mut slot.child {
            if child.link.event(event).is_err() {
                self.monitor.lose();
            }
        } else if comes_back && self.monitor.backlog.len() < BACKLOG {
            self.monitor.backlog.push_back(event);
        } else if comes_back {
            self.monitor.lose();
        }
    }

    /// Has it say what is still to be said, and leave; until when at the latest, if it is there.
    pub(crate) fn dismiss_monitor(&mut self, now: Mono) -> Option<Mono> {
        let child = self.monitor_child()?;
        let _ = child.link.shutdown();
        let until = now + LAST_WORDS;
        child.leave_by(until);
        self.monitor.dismissed = true;
        Some(until + KILL_TIME)
    }

    /// Whether nobody is there to wait for.
    pub(crate) fn monitor_is_gone(&self) -> bool {
        self.slots.iter().all(|s| s.role != Role::Monitor || s.child.is_none())
    }

    /// What the outside world asks for. Nothing that it could not get by a signal from root, and
    /// no more of it than can be done.
    pub(crate) fn on_command(&mut self, command: Command) {
        if self.phase.is_stopping() {
            return;
        }
        match command {
            Command::PrintData => self.dump_on_request(Dump::Data),
            Command::PrintStats => self.dump_on_request(Dump::Stats),
            Command::PrintStatsClear => self.dump_on_request(Dump::StatsClear),
            Command::Reload => self.request_reload(),
            Command::SendGarp(name) => self.send_garp(&name),
            Command::Snapshot => self.ask_snapshots(),
            Command::Change(change) => self.change(change),
            Command::ConnectAgent => self.connect_agent(),
        }
    }

    fn send_garp(&mut self, name: &str) {
        if !self.config.vrrp.instances.iter().any(|i| i.name == name) {
            return warn!("({name}) no garps on request: there is no such instance");
        }
        let vrrp = self.slots.iter_mut().find(|s| s.role == Role::Vrrp);
        let asked = vrrp.and_then(|s| s.child.as_mut()).map(|c| c.link.send_garp(name));
        if asked.is_none_or(|asked| asked.is_err()) {
            warn!("({name}) no garps on request: the VRRP process is not there");
        }
    }

    /// Asks the roles what they know, but not again and again: they have better things to do.
    fn ask_snapshots(&mut self) {
        let now = rt::clock::now();
        if self.monitor.asked.is_some_and(|at| now.saturating_since(at) < BETWEEN_SNAPSHOTS) {
            return;
        }
        self.monitor.asked = Some(now);
        let snmp = &self.config.global.snmp;
        let vrrp = snmp.vrrp || snmp.rfcv2 || snmp.rfcv3;
        let wanted = [(vrrp, Role::Vrrp), (snmp.checker, Role::Checker)];
        for (_, role) in wanted.into_iter().filter(|(wanted, _)| *wanted) {
            if let Some(child) = self.child_of(role) {
                // One that is gone is respawned, and asked again.
                let _ = child.link.ask_snapshot();
            }
        }
    }

    /// A role has said what it knows; the next time it says the same anew, so that one that is
    /// lost does no harm.
    pub(crate) fn pass_snapshot(&mut self, snapshot: Snapshot) {
        if let Some(child) = self.monitor_child() {
            let _ = child.link.snapshot(snapshot);
        }
    }

    /// What a manager changes by SNMP, where the configuration lets SNMP in.
    fn change(&mut self, change: Change) {
        let snmp = &self.config.global.snmp;
        let (allowed, role) = match change {
            Change::Instance { .. } => (snmp.vrrp, Role::Vrrp),
            Change::Weight { .. } => (snmp.checker, Role::Checker),
        };
        if !allowed {
            return warn!("{} process asks for a change without SNMP", title(Role::Monitor));
        }
        let done = self.child_of(role).map(|child| child.link.change(change));
        if !matches!(done, Some(Ok(()))) {
            warn!("a change by SNMP is lost: the {} process does not read", title(role));
        }
    }

    /// Opens the socket of the SNMP agent, which is usually root's alone; what is said there is
    /// none of core's business.
    fn connect_agent(&mut self) {
        let snmp = &self.config.global.snmp;
        if !snmp.is_on() {
            return;
        }
        let name = snmp.socket.as_deref().unwrap_or(AGENT);
        let agent = Server::parse(name, AGENT_PORT)
            .and_then(|server| stream::begin(&server).map_err(|e| e.to_string()));
        if let Some(child) = self.monitor_child() {
            let _ = child.link.agent(agent);
        }
    }

    fn child_of(&mut self, role: Role) -> Option<&mut Child> {
        self.slots.iter_mut().find(|s| s.role == role)?.child.as_mut()
    }
}
