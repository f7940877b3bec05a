//! Why an instance stays what it is although its priority changed.
//!
//! Owns the one line that answers "I lowered the priority, why does the
//! address not move?". Never changes anything.

use crate::event::{InstanceEvent, State};
use crate::instance::{Instance, Master};
use crate::node::{At, Node};
use core::fmt;
use types::{InstanceId, Mono, Priority};

/// Why the state is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// MASTER: nobody else was heard.
    Alone,
    /// MASTER: what the last advert of another had.
    Peer(Priority),
    /// MASTER until that peer takes over.
    BetterPeer(Priority),
    /// BACKUP: the master is not worse.
    Master {
        /// Its priority.
        theirs: Priority,
        /// Ours.
        ours: Priority,
    },
    /// BACKUP: the master is worse, but `nopreempt` holds.
    NoPreempt {
        /// Its priority.
        theirs: Priority,
        /// Ours.
        ours: Priority,
    },
    /// BACKUP: the master is worse, but `preempt_delay` runs first.
    PreemptDelay {
        /// Its priority.
        theirs: Priority,
        /// Ours.
        ours: Priority,
    },
    /// BACKUP until the master down timer runs out.
    TakesOver {
        /// The master's priority.
        theirs: Priority,
        /// Ours.
        ours: Priority,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heard = |f: &mut fmt::Formatter<'_>, theirs, ours, so| {
            write!(f, "a master of priority {theirs} is heard, ours {ours}: {so}")
        };
        match *self {
            Why::Alone => f.write_str("no peer is heard: stays MASTER"),
            Why::Peer(p) => write!(f, "peer last advertised {p}: stays MASTER"),
            Why::BetterPeer(p) => {
                write!(f, "peer last advertised {p}: MASTER until the peer takes over")
            }
            Why::Master { theirs, ours } => heard(f, theirs, ours, "stays BACKUP"),
            Why::NoPreempt { theirs, ours } => heard(f, theirs, ours, "stays BACKUP (nopreempt)"),
            Why::PreemptDelay { theirs, ours } => {
                heard(f, theirs, ours, "stays BACKUP until preempt_delay is over")
            }
            Why::TakesOver { theirs, ours } => {
                heard(f, theirs, ours, "BACKUP until its adverts were ignored for long enough")
            }
        }
    }
}

/// What an instance was before something happened to it.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    priority: Priority,
    state: State,
}

impl Node {
    /// To be compared by [`Node::explain`] later.
    pub(crate) fn before(&self, id: InstanceId) -> Option<Before> {
        self.get(id).map(|i| Before { priority: i.priority, state: i.state })
    }

    /// Tells why the state is the same although the priority is not.
    pub(crate) fn explain(&mut self, id: InstanceId, before: Option<Before>, at: &mut At<'_>) {
        let Some(before) = before else { return };
        self.on(id, at, |i, env| {
            if i.priority == before.priority || i.state != before.state {
                return;
            }
            if let Some(why) = why(i, env.now) {
                let (from, to) = (before.priority, i.priority);
                i.report(env.out, InstanceEvent::Stays { from, to, why });
            }
        });
    }
}

fn why(i: &Instance, now: Mono) -> Option<Why> {
    let ours = i.advertised();
    match (i.state, i.master, i.heard) {
        (State::Master, _, Some(m)) if m.priority > ours => Some(Why::BetterPeer(m.priority)),
        (State::Master, _, Some(m)) if m.priority != Priority::STOP => Some(Why::Peer(m.priority)),
        (State::Master, ..) => Some(Why::Alone),
        (State::Backup, Some(Master { priority: theirs, .. }), _) => Some(if theirs >= ours {
            Why::Master { theirs, ours }
        } else if i.config.nopreempt {
            Why::NoPreempt { theirs, ours }
        } else if !i.config.preempt_delay.is_zero() && i.preempt_until.is_none_or(|u| u > now) {
            Why::PreemptDelay { theirs, ours }
        } else {
            Why::TakesOver { theirs, ours }
        }),
        _ => None,
    }
}
