//! The MIBs that SNMP managers see: KEEPALIVED-MIB, VRRP-MIB (RFC 2787), VRRPV3-MIB (RFC 6527).
//!
//! Each table of a MIB is a table here: its rows, and for each column a function of the
//! configuration and of a snapshot of the present state. Decides and never acts.
#![forbid(unsafe_code)]

mod keepalived;
mod rfc2787;
mod rfc6527;
mod table;
pub mod traps;
mod tree;
mod value;
mod view;

#[cfg(test)]
mod tests;

pub use tree::{Rows, Serving, Tree};
pub use view::View;
