//! What the checker shell is asked to do.

use crate::event::{Event, Notify};
use crate::ipvs::IpvsOp;
use crate::mail::Mail;
use crate::probe::Io;

/// Names a checker for as long as it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckerId(pub u32);

/// One thing to do; the order counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Something for the socket or script of a checker. What comes of it is
    /// reported with the latest `attempt` of that checker, so that an answer
    /// to an earlier one is told apart.
    Probe {
        /// Which checker.
        checker: CheckerId,
        /// Which of its attempts.
        attempt: u32,
        /// What.
        action: Io,
    },
    /// Change the kernel's table.
    Ipvs(IpvsOp),
    /// Tell a state: run its script, write its FIFO line, send its trap.
    Notify(Notify),
    /// Send a mail.
    Mail(Mail),
    /// Tell.
    Event(Event),
}
