//! The channel to core, and what could not be sent yet.
//!
//! Never blocks: while core does not read, the latest state of each server is kept for later, and
//! what else there was is counted as lost.

use ipc::msg::checker::{Ask, CheckerToCore, CoreToChecker, Subject};
use rt::backlog::Backlog;
use rt::channel::Channel;

/// The role's end of its connection to core.
pub(crate) type ToCore = Channel<CheckerToCore, CoreToChecker>;

/// What goes to core; written at the next turn of the loop.
#[derive(Debug)]
pub(crate) struct Report {
    pub core: ToCore,
    backlog: Backlog<Subject, CheckerToCore>,
}

impl Report {
    pub fn new(core: ToCore) -> Self {
        Report { core, backlog: Backlog::new(CheckerToCore::Lost) }
    }

    /// Tells core a state, now or when it reads again.
    pub fn notify(&mut self, subject: Subject, ask: Ask) {
        self.backlog.state(&mut self.core, subject, CheckerToCore::Ask(ask));
    }

    /// Asks core for something that cannot wait; false when core does not read.
    pub fn ask(&mut self, ask: Ask) -> bool {
        self.say(&CheckerToCore::Ask(ask))
    }

    /// Queues a message; false when core does not read.
    pub fn say(&mut self, message: &CheckerToCore) -> bool {
        self.backlog.request(&mut self.core, message)
    }

    /// Writes what core reads, of what is queued and then of what waits.
    pub fn catch_up(&mut self) {
        self.backlog.catch_up(&mut self.core);
    }
}
