//! What the checker role asks of core: scripts of checks, notifications, mails.
//!
//! The role names scripts by their place in a configuration; what is run is looked up here.

use crate::fifo::Audience;
use crate::main_loop::{Core, Purpose};
use crate::notify::Job;
use crate::scripts::{Outcome, STOP_GRACE};
use ipc::Role;
use ipc::msg::Generation;
use ipc::msg::checker::{Ask, Run, ScriptExit, Subject};
use ipc::msg::monitor::Event;
use log::warn;
use model::Script;
use rt::clock;
use rt::spawn::Exit;
use std::io;
use std::time::Duration;
use types::{Mono, ScriptId};

impl Core {
    /// Does what the role in slot `at` asks for.
    pub(crate) fn on_ask(&mut self, at: usize, ask: Ask) {
        let Some(pid) = self.slots.get(at).and_then(|s| s.child.as_ref()).map(|c| c.pid) else {
            return;
        };
        match ask {
            Ask::Run { run, generation, script, timeout } => {
                if let Some(exit) = self.run_check(at, pid, run, (generation, script), timeout) {
                    self.tell_check(at, run, exit);
                }
            }
            Ask::End(run) => {
                self.scripts.end(clock::now(), STOP_GRACE, |p| *p == Purpose::Check(pid, run));
            }
            Ask::Notify { subject, up, generation, script } => {
                let script = script.and_then(|id| self.script_of(at, generation, id)).cloned();
                if let Some(script) = script {
                    let (kind, name) = match &subject {
                        Subject::Virtual(vs) => ("VS", vs.clone()),
                        Subject::Real { rs, vs } => ("RS", format!("{rs} {vs}")),
                    };
                    let job = Job { script, words: Vec::new(), state: word(up) };
                    self.take_turn(kind, name, job);
                    self.start_turns(clock::now());
                }
                match line(&subject, up) {
                    Some(line) => self.write_fifos(&line, Audience::Lvs),
                    None => warn!("News of a server whose name is none: not told"),
                }
                self.tell_monitor(Event::Server { subject, up });
            }
            Ask::Tell(news) => self.tell_monitor(Event::ServerNews(news)),
            Ask::Mail { subject, body } => self.tell_monitor(Event::Mail { subject, body }),
        }
    }

    /// Starts a check's script; how it ended when it did not start.
    fn run_check(
        &mut self,
        at: usize,
        pid: i32,
        run: Run,
        (generation, id): (Generation, ScriptId),
        timeout: Duration,
    ) -> Option<ScriptExit> {
        if self.phase.is_stopping() {
            return Some(ScriptExit::NotStarted);
        }
        let Some(script) = self.script_of(at, generation, id).cloned() else {
            return Some(ScriptExit::NotStarted);
        };
        let purpose = Purpose::Check(pid, run);
        let started = self.scripts.start_again(clock::now(), &script, timeout, purpose);
        started.err().map(|e| match e.kind() {
            // Nothing that is said of the server.
            io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => ScriptExit::NotStarted,
            _ => ScriptExit::CannotRun,
        })
    }

    /// A script by its place in the configuration of a load: the present one, or the one before
    /// while the role has not heard of the reload.
    fn script_of(&self, at: usize, generation: Generation, id: ScriptId) -> Option<&Script> {
        let child = self.slots.get(at)?.child.as_ref()?;
        let config = if generation == self.generation || child.unchanged == Some(self.generation) {
            &self.config
        } else if generation == self.previous_generation {
            self.previous.as_ref()?
        } else {
            return None;
        };
        config.scripts.get(id.index())
    }

    /// A check's script has ended.
    pub(crate) fn check_ended(&mut self, pid: i32, run: Run, outcome: Outcome) {
        let exit = match outcome.exit {
            _ if outcome.timed_out => ScriptExit::TimedOut,
            Exit::Status(status) => ScriptExit::Status(u8::try_from(status).unwrap_or(u8::MAX)),
            Exit::Signal(number) => ScriptExit::Signal(number),
        };
        let runs = |s: &crate::supervise::Slot| s.child.as_ref().is_some_and(|c| c.pid == pid);
        if let Some(at) = self.slots.iter().position(runs) {
            self.tell_check(at, run, exit);
        }
    }

    fn tell_check(&mut self, at: usize, run: Run, exit: ScriptExit) {
        let Some(child) = self.slots.get_mut(at).and_then(|s| s.child.as_mut()) else { return };
        if let Err(e) = child.link.script_ended(run, exit) {
            // The check's own time limit ends its attempt.
            warn!("result of a check's script is lost: {e}");
        }
    }

    /// The checker process has ended: nobody waits for the scripts of its checks any more.
    pub(crate) fn end_checks_of(&mut self, now: Mono, at: usize) {
        let Some(slot) = self.slots.get(at).filter(|s| s.role == Role::Checker) else { return };
        let Some(pid) = slot.child.as_ref().map(|c| c.pid) else { return };
        self.scripts.end(now, STOP_GRACE, |p| matches!(p, Purpose::Check(of, _) if *of == pid));
    }
}

const fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

/// The line that FIFO readers get; `None` for a name that would break it.
fn line(subject: &Subject, up: bool) -> Option<String> {
    let state = word(up);
    let line = match subject {
        Subject::Virtual(vs) => format!("VS {vs} {state}"),
        Subject::Real { rs, vs } => format!("RS {rs} {vs} {state}"),
    };
    (!line.contains(|c: char| c.is_control())).then(|| line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifo_lines_name_the_server_and_its_state() {
        let vs = || "[192.0.2.1]:tcp:80".to_owned();
        let real = Subject::Real { rs: "[192.0.2.2]:tcp:80".into(), vs: vs() };
        assert_eq!(line(&Subject::Virtual(vs()), true).unwrap(), "VS [192.0.2.1]:tcp:80 UP\n");
        assert_eq!(line(&real, false).unwrap(), "RS [192.0.2.2]:tcp:80 [192.0.2.1]:tcp:80 DOWN\n");
        assert_eq!(line(&Subject::Virtual("a\nVS b".into()), true), None);
    }
}
