//! The event loop, timers, signals, channels, privilege drop and spawning.
//!
//! Owns every system call that is not netlink's, and the workspace's `unsafe` code. Never decides
//! what a protocol does, and never reads the configuration.
//!
//! - [`clock`], [`poll`]: the time, and waiting for events until an absolute instant.
//! - [`signals`]: signals as a descriptor; their reset for programs that are executed.
//! - [`channel`], [`fdpass`]: typed messages between core and a role; descriptors on top.
//! - [`backlog`]: what core is told once it reads again.
//! - [`fatal`]: why a role ends.
//! - [`spawn`]: starting roles and scripts, collecting the ended ones.
//! - [`privs`], [`resources`]: what a role may do; how it is scheduled and limited.
//! - [`log_sink`]: where log lines go, without ever waiting for it.
//! - [`client`]: sockets of health checks.
//! - [`memory`]: giving it back after a burst.
//! - [`linkbeat`]: whether a link is there, asked of its driver.
//! - [`stream`]: connections to servers that are asked for by path or address.
//! - [`netns`]: sockets of another network namespace.
//! - [`sock`], [`mmsg`]: VRRP's sockets; many datagrams per system call.

pub mod backlog;
pub mod channel;
pub mod client;
pub mod clock;
mod exec;
pub mod fatal;
pub mod fdpass;
pub mod lateness;
pub mod linkbeat;
pub mod log_sink;
pub mod memory;
pub mod mmsg;
pub mod netns;
pub mod poll;
pub mod privs;
pub mod resources;
pub mod signals;
pub mod sock;
pub mod spawn;
pub mod stream;

pub use mio::{Interest, Token};
