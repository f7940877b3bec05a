//! All virtual routers of a host: what shell, simulator and fuzzer drive.

use crate::action::Out;
use crate::counters::Counters;
use crate::event::State;
use crate::input::{Input, Setup};
use model::VrrpInstance;
use types::{InstanceId, Mono, Priority};

/// The machine of one host.
///
/// Instances are known by a handle, [`InstanceId`]: the index in the
/// configuration that the node was made with. It stays the same over reloads
/// for as long as the instance lives; instances that a reload adds get free
/// handles.
#[derive(Debug)]
pub struct Node {
    setup: Setup,
}

/// What is known of an instance.
#[derive(Debug, Clone, Copy)]
pub struct Status<'a> {
    /// Its handle.
    pub id: InstanceId,
    /// Its configuration.
    pub config: &'a VrrpInstance,
    /// Its state.
    pub state: State,
    /// Its effective priority.
    pub priority: Priority,
    /// Its counters.
    pub counters: &'a Counters,
}

impl Node {
    /// A node that has not started.
    pub fn new(setup: Setup) -> Self {
        Node { setup }
    }

    /// Takes in one fact at `now`; what is to be done is appended to `out`.
    pub fn handle(&mut self, now: Mono, input: Input<'_>, out: &mut Out) {
        let _ = (now, input, out);
    }

    /// When the next [`Input::Tick`] is due; in constant time.
    pub fn deadline(&self) -> Option<Mono> {
        None
    }

    /// Whether [`Input::Clock`] is needed, at least once a second and before
    /// other inputs of a wake-up: some instance uses `auth_hmac`.
    pub fn wants_clock(&self) -> bool {
        self.setup.vrrp.instances.iter().any(|i| i.auth_hmac.is_some())
    }

    /// The instances, in configuration order.
    pub fn instances(&self) -> impl Iterator<Item = Status<'_>> {
        core::iter::empty()
    }

    /// Zeroes the counters of every instance.
    pub fn clear_counters(&mut self) {}
}
