//! Kernel netlink messages and their socket.
//!
//! Owns the encoding and parsing of rtnetlink, nf_tables and IPVS messages (pure functions over bytes,
//! one file per subject) and one file, [`socket`], that talks to the kernel. Never decides anything: which
//! address to add and when is the caller's.
//!
//! - [`wire`]: message and attribute framing (`linux/netlink.h`).
//! - [`addr`], [`link`], [`route`], [`rule`]: `RTM_*ADDR`, `RTM_*LINK`, `RTM_*ROUTE`, `RTM_*RULE`.
//! - [`nft`][]: nf_tables.
//! - [`genl`][], [`ipvs`][]: generic netlink, and IPVS over it.
//! - [`connector`]: news of processes.
//! - [`socket`]: [`NlSocket`], for single requests, dumps and notifications.
//! - [`sysctl`]: settings of IPv4 and IPv6 that netlink does not reach.
//! - [`batch`]: [`Batch`], many requests per system call, answers counted.

pub mod addr;
pub mod batch;
pub mod connector;
pub mod error;
pub mod genl;
pub mod ipvs;
pub mod link;
pub mod nft;
pub mod route;
pub mod rule;
pub mod socket;
pub mod sysctl;
pub mod wire;

pub use addr::{AddrEvent, AddrSpec};
pub use batch::{Batch, Outcome, Pace, Seq};
pub use connector::{ProcEvent, ProcSocket};
pub use error::NlError;
pub use ipvs::IpvsSocket;
pub use link::{Link, LinkChange, NewLink};
pub use route::{RouteEvent, RouteFilter, RouteSpec};
pub use rule::{RuleEvent, RuleSpec};
pub use socket::{Event, FibEvent, NlSocket};
