//! A deterministic world that drives the protocol machines.
//!
//! Owns simulated hosts on a simulated link with loss, partitions, stalls,
//! kills and reloads, and the invariants that must hold in it. Never reads a
//! clock or draws a random number that its seed does not give.

pub mod chaos;
pub mod config;
pub mod craft;
pub mod packets;
pub mod rng;
pub mod script;
pub mod stream;
pub mod world;
