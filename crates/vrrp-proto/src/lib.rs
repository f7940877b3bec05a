//! VRRP as pure state machines: codec, authentication, timing, election, groups.
//!
//! Owns VRRPv2 (RFC 3768) and VRRPv3 (RFC 9568) for all virtual routers of a
//! host. Never opens a socket, reads a clock, logs or draws a random number:
//! [`Node::handle`] takes facts and the time, and fills an [`Out`] with what is
//! to be done.

pub mod action;
mod addresses;
mod assess;
mod auth;
pub mod checksum;
pub mod diagnosis;
mod echo;
mod election;
pub mod event;
mod explain;
pub mod fib;
pub mod firewall;
mod former;
mod fsm;
pub mod garp;
mod group;
mod hold;
pub mod input;
mod instance;
mod instance_event;
mod links;
pub mod managed;
mod node;
mod pace;
mod packet;
mod receive;
pub mod reject;
mod reload;
mod replace;
mod routing;
mod same;
mod shown;
mod sockets;
mod statics;
mod status;
#[cfg(test)]
mod testing;
mod text;
mod timers;
pub mod timing;
mod track;
mod transition;
mod trouble;
mod vip_index;
mod vips;
mod vmac;
mod vrids;

pub use action::{Action, Garp, LinkKind, LinkSpec, Out, Owner, SendAdvert, SocketId, SocketKey};
pub use diagnosis::{Differs, Trouble};
pub use event::{Cause, Detail, Event, GroupEvent, InstanceEvent, Reason, State, Told};
pub use explain::Why;
pub use fib::{FibEntry, FibFact, FibNews, Ways};
pub use input::{AddrFact, Input, LinkFact, RxMeta, Setup, Stacked, TrackValue};
pub use managed::{AuthError, Change, NewMaster, Notice, ProtocolError};
pub use model::Counters;
pub use node::Node;
pub use reject::{HmacReject, Reject, Summed};
pub use shown::LinkShown;
pub use status::Status;
pub use text::address_refused;
pub use vmac::vmac_parents;
