//! Messages between core and its roles, and the frame codec.
//!
//! One enum per direction and role: a message from the wrong sender cannot be
//! expressed. Children report facts and name objects by id or by name; core
//! looks both up in its own model, so a captured child can run nothing that
//! the configuration does not hold. Never does I/O.

pub mod codec;
pub mod frame;
pub mod msg;

pub use msg::Role;

/// Identifies the build: parent and child must be the same executable.
pub const BUILD_ID: &str = concat!(env!("CARGO_PKG_NAME"), "-", env!("CARGO_PKG_VERSION"), "-1");
