//! Newtypes with units that cannot be confused.
//!
//! Owns the vocabulary that every crate shares: instants and intervals, VRRP
//! and BFD identifiers, priorities, weights. Never does I/O or reads a clock.

mod addr;
mod hw;
mod ids;
mod time;
mod traffic;

pub use addr::{Family, Prefix};
pub use hw::HwAddr;
pub use ids::{GroupId, IfIndex, InstanceId, Priority, ScriptId, TrackId, Vrid, Weight};
pub use time::{Centisecs, Micros, Mono};
pub use traffic::Traffic;
