//! A laboratory for network daemons: hosts, links, captures, crafted packets and process control.
//!
//! Owns everything a test needs to put a daemon between real network stacks: a [`Host`] is a
//! network namespace (with a `/run` of its own), a [`Switch`] is a bridge in a namespace of its
//! own, a [`Port`] is one veth pair between the two, a [`Capture`] sees and sends frames on an
//! interface, a [`Watch`] follows its addresses and links, a [`Daemon`] is one running subject.
//!
//! Everything is held by file descriptor and ended on drop, also when a test panics; nothing is
//! made in the caller's own namespace, so that any number of tests run side by side. It works as
//! root, and without root inside an unprivileged user namespace (see [`userns::enter`]).
//!
//! Never uses the daemon's own crates: what it decodes and sends it decodes and builds itself,
//! so that a mistake in the daemon's codec cannot hide here.

pub mod capture;
pub mod config;
pub mod craft;
pub mod daemon;
mod error;
pub mod frame;
pub mod guest;
pub mod host;
pub mod log;
mod ns;
pub mod pcap;
pub mod ping;
pub mod procs;
mod rtnl;
mod stamp;
pub mod subject;
pub mod switch;
pub mod userns;
pub mod watch;

pub use capture::Capture;
pub use daemon::{Daemon, Role};
pub use error::{Context, Error, Result};
pub use frame::{Advert, Frame, Packet};
pub use guest::Guest;
pub use host::Host;
pub use stamp::Stamp;
pub use subject::Subject;
pub use switch::{Port, Switch};
pub use watch::Watch;

/// Longest wait for something that must happen, on a machine under load.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
