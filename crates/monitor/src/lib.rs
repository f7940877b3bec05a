//! The monitor: everything that tells the outside world, in one process without any privilege.
//!
//! Core tells it what runs and what happens, and goes on; whatever becomes of it is nobody else's
//! trouble. Each way to the outside is a [`Subsystem`] in a module of its own.

#![forbid(unsafe_code)]

mod dbus;
pub mod mail;
mod main_loop;
mod snmp;
mod start;
mod subsystem;

pub use start::run;
pub use subsystem::{Cx, Subsystem};
