//! `MISC_CHECK`: a script that core runs; its exit status is the verdict.

use super::{Action, Attempt, Exit, Input, Io, IoError, IoKind, Outcome, Pass, Reason};
use core::time::Duration;
use types::{Mono, ScriptId};

/// Time that core needs at most to end a script after its limit: TERM, KILL,
/// and a KILL again.
const GRACE: Duration = Duration::from_secs(20);

/// What a script check needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The script.
    pub script: ScriptId,
    /// Its time limit.
    pub timeout: Duration,
    /// The exit status carries a weight.
    pub dynamic: bool,
}

/// The weight that exit status `status` asks for with `misc_dynamic`: 2 to 255
/// stand for 0 to 253; 0 and 1 for none.
pub fn weight_of(status: u8) -> Option<u32> {
    status.checked_sub(2).map(u32::from)
}

/// One run.
#[derive(Debug)]
pub struct Misc {
    attempt: Attempt,
    dynamic: bool,
}

impl Misc {
    /// Asks for a run.
    pub fn start(plan: &Plan, now: Mono, out: &mut Vec<Action>) -> Self {
        out.push(Io::Run { script: plan.script, timeout: plan.timeout }.into());
        let attempt = Attempt::start(now, plan.timeout.saturating_add(GRACE), None);
        Misc { attempt, dynamic: plan.dynamic }
    }

    /// When it wants a tick.
    pub fn deadline(&self) -> Option<Mono> {
        self.attempt.deadline()
    }

    /// Takes a fact.
    pub fn handle(&mut self, now: Mono, input: Input<'_>, out: &mut Vec<Action>) {
        if self.attempt.is_done() {
            return;
        }
        let local = Outcome::Skip(IoError { kind: IoKind::Local, code: 0 });
        match input {
            Input::Exit(Exit::Status(status)) if status == 0 || (self.dynamic && status > 1) => {
                self.attempt.finish_open(now, Outcome::Pass(Pass::Exit(status)), out);
            }
            Input::Exit(Exit::NotStarted) => self.attempt.finish_open(now, local, out),
            Input::Exit(exit) => {
                self.attempt.finish_open(now, Outcome::Fail(Reason::Script(exit)), out);
            }
            // Core never said how it ended (it may have been restarted).
            _ if self.attempt.late(now).is_some() => self.attempt.finish(now, local, out),
            _ => {}
        }
    }
}
