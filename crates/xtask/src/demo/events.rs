//! What happened, in order of time, from all observers.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use lab::Stamp;

use crate::run::Outcome;

/// One of the two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// The one that prefers to be master.
    A,
    /// The other one.
    B,
}

impl Node {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// Index of the node in pairs.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Name of its host.
    pub fn name(self) -> &'static str {
        ["node-a", "node-b"][self.index()]
    }

    /// The letter for it in the chart.
    pub fn letter(self) -> char {
        ['a', 'b'][self.index()]
    }
}

/// State of the virtual router on a node, as its log tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No daemon runs.
    Down,
    /// It listens.
    Backup,
    /// It holds the address.
    Master,
    /// It cannot take part.
    Fault,
}

/// Something that an observer saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A node logged its state.
    State(Node, State),
    /// A node sent an advert of this priority.
    Advert(Node, u8),
    /// The virtual address appeared on, or went from, a node.
    Vip(Node, bool),
    /// A ping of the client was answered, or not.
    Ping(bool),
}

/// All events so far.
#[derive(Debug)]
pub struct Events<E = Event> {
    all: Mutex<Vec<(Stamp, E)>>,
    more: Condvar,
}

impl<E> Default for Events<E> {
    fn default() -> Self {
        Self { all: Mutex::default(), more: Condvar::new() }
    }
}

impl<E: Copy> Events<E> {
    /// Adds one; observers may be a little out of order.
    pub fn add(&self, at: Stamp, event: E) {
        let mut all = self.lock();
        let place = all.partition_point(|(other, _)| *other <= at);
        all.insert(place, (at, event));
        self.more.notify_all();
    }

    /// A copy of all.
    pub fn all(&self) -> Vec<(Stamp, E)> {
        self.lock().clone()
    }

    /// The last event at or after `from` and before `to` for which `wanted` holds.
    pub fn last(&self, from: Stamp, to: Stamp, wanted: impl Fn(&E) -> bool) -> Option<Stamp> {
        let all = self.lock();
        let mut found =
            all.iter().rev().filter(|(at, event)| *at >= from && *at < to && wanted(event));
        found.next().map(|(at, _)| *at)
    }

    /// Waits for the first event at or after `from` for which `wanted` holds.
    pub fn wait(
        &self,
        what: &str,
        from: Stamp,
        patience: Duration,
        wanted: impl Fn(&E) -> bool,
    ) -> Outcome<Stamp> {
        let until = Instant::now() + patience;
        let mut all = self.lock();
        loop {
            let start = all.partition_point(|(at, _)| *at < from);
            if let Some((at, _)) = all[start..].iter().find(|(_, event)| wanted(event)) {
                return Ok(*at);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("{what} did not happen within {patience:?}").into());
            }
            let waited = self.more.wait_timeout(all, left);
            all = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Stamp, E)>> {
        self.all.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
