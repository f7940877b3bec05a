//! The channel to core, and what could not be sent yet.
//!
//! Never blocks: while core does not read, the latest state of each server is kept for later, and
//! what else there was is counted as lost.

use ipc::msg::checker::{Ask, CheckerToCore, CoreToChecker, Subject};
use rt::channel::{Channel, SendError};
use std::collections::BTreeMap;

/// The role's end of its connection to core.
pub(crate) type ToCore = Channel<CheckerToCore, CoreToChecker>;

/// What goes to core.
#[derive(Debug)]
pub(crate) struct Report {
    pub core: ToCore,
    states: BTreeMap<Subject, Ask>,
    lost: u64,
}

impl Report {
    pub fn new(core: ToCore) -> Self {
        Report { core, states: BTreeMap::new(), lost: 0 }
    }

    /// Tells core a state, now or when it reads again.
    pub fn notify(&mut self, subject: Subject, ask: Ask) {
        // What waits already goes first, or states would arrive out of order.
        let ask = match self.is_behind() {
            true => ask,
            false => match self.say(CheckerToCore::Ask(ask)) {
                Ok(()) => return,
                Err(CheckerToCore::Ask(ask)) => ask,
                Err(_) => return,
            },
        };
        if self.states.insert(subject, ask).is_some() {
            self.lost += 1;
        }
    }

    /// Asks core for something that cannot wait; false when core does not read.
    pub fn ask(&mut self, ask: Ask) -> bool {
        let sent = self.say(CheckerToCore::Ask(ask)).is_ok();
        self.lost += u64::from(!sent);
        sent
    }

    /// Queues a message, to be written at the next turn of the loop; gives it back when core does
    /// not read.
    pub fn say(&mut self, message: CheckerToCore) -> Result<(), CheckerToCore> {
        match self.core.put(&message) {
            Ok(()) => Ok(()),
            Err(SendError::Full) => Err(message),
            Err(e) => {
                log::error!("message to core: {e}");
                Ok(())
            }
        }
    }

    fn is_behind(&self) -> bool {
        !self.states.is_empty() || self.lost > 0
    }

    /// Tries again what could not be sent.
    pub fn retry(&mut self) {
        while let Some(entry) = self.states.first_entry() {
            if self.core.send(&CheckerToCore::Ask(entry.get().clone())).is_err() {
                return;
            }
            entry.remove();
        }
        if self.lost > 0 && self.core.send(&CheckerToCore::Lost(self.lost)).is_ok() {
            self.lost = 0;
        }
    }
}
