//! The checker role.
//!
//! Runs the checks of real servers, and makes the kernel's IPVS table what their verdicts ask for.
//! What a check means is `check-proto`'s business; here are its sockets.

mod addrs;
mod dump;
pub mod ipvs;
mod main_loop;
mod marks;
mod pools;
mod probes;
mod report;
mod snapshot;
mod start;

pub use main_loop::run;
