//! Health checks and server pools as pure state machines.
//!
//! Owns the dialogues of every checker, the pacing and counting that makes
//! verdicts of attempts, and the pools that turn verdicts into IPVS
//! operations, notifications and log events. Never opens a socket, reads a
//! clock, logs or draws a random number from outside.

pub mod action;
pub mod event;
pub mod group;
pub mod health;
pub mod ipvs;
pub mod mail;
pub mod marks;
pub mod node;
pub mod plan;
pub mod pool;
pub mod prepared;
pub mod probe;
#[cfg(test)]
mod testing;
pub mod text;
