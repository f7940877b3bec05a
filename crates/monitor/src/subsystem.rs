//! What every way to the outside world has to do.

use core::fmt::Debug;
use ipc::msg::monitor::{Command, Event, MonitorSetup, Snapshot};
use rt::Token;
use rt::poll::{Loop, Ready};
use std::os::fd::OwnedFd;
use types::Mono;

/// Tokens of one subsystem.
const TOKENS: usize = 1 << 16;

/// A way to the outside world: mail, SNMP, D-Bus. Nothing in it may wait: what takes time is
/// registered with the loop, or has a deadline.
pub trait Subsystem: Debug {
    /// This runs from now on. Called first of all, and after every reload.
    fn configure(&mut self, cx: &mut Cx<'_>, setup: &MonitorSetup);

    /// Something has happened.
    fn event(&mut self, cx: &mut Cx<'_>, event: &Event);

    /// A role has said what it knows.
    fn snapshot(&mut self, _cx: &mut Cx<'_>, _snapshot: &Snapshot) {}

    /// The connection to the SNMP agent, which was asked for.
    fn agent(&mut self, _cx: &mut Cx<'_>, _agent: &mut Option<Result<OwnedFd, String>>) {}

    /// So many events are missing here.
    fn lost(&mut self, cx: &mut Cx<'_>, count: u64);

    /// A descriptor that it has registered, by the number given to [`Cx::token`], has something
    /// to do.
    fn ready(&mut self, cx: &mut Cx<'_>, number: usize, ready: Ready);

    /// When [`Subsystem::tick`] is to be called.
    fn deadline(&self) -> Option<Mono>;

    /// Does what is due.
    fn tick(&mut self, cx: &mut Cx<'_>);

    /// The daemon stops, or has no more use for the monitor: say what is still to be said, until
    /// that time at the latest. May be called twice, and events may come after it.
    fn leave(&mut self, cx: &mut Cx<'_>, until: Mono);

    /// After [`Subsystem::leave`]: no event comes any more.
    fn dismissed(&mut self, _cx: &mut Cx<'_>) {}

    /// After [`Subsystem::leave`]: whether all is said.
    fn is_done(&self) -> bool;
}

/// What a subsystem acts with.
#[derive(Debug)]
pub struct Cx<'a> {
    /// The present time.
    pub now: Mono,
    /// The loop, to register descriptors with.
    pub poll: &'a Loop,
    /// What core is asked for.
    pub commands: &'a mut Vec<Command>,
    /// The place of the subsystem.
    place: usize,
}

impl<'a> Cx<'a> {
    /// For the subsystem at `place`.
    pub(crate) fn new(
        now: Mono,
        poll: &'a Loop,
        commands: &'a mut Vec<Command>,
        place: usize,
    ) -> Self {
        Cx { now, poll, commands, place }
    }

    /// The token of a subsystem's descriptor with this number, below 65536.
    pub fn token(&self, number: usize) -> Token {
        Token((self.place + 1) * TOKENS + number % TOKENS)
    }
}

/// Whose a token is: the place of a subsystem, and its number there. `None` for the loop's own.
pub(crate) fn owner(token: Token) -> Option<(usize, usize)> {
    Some(((token.0 / TOKENS).checked_sub(1)?, token.0 % TOKENS))
}
