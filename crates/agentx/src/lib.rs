//! The subagent's side of AgentX (RFC 2741): packets, the life of a session with the master agent,
//! and how Get, GetNext, GetBulk and Set are answered from an ordered view of a MIB.
//!
//! Decides and never acts: bytes and instants come in, actions go out. Instants are durations since
//! whatever moment the caller chose.
#![forbid(unsafe_code)]

mod answer;
mod codec;
mod oid;
mod pdu;
mod session;
mod value;

pub use answer::{Answer, Mib, SetError, answer};
pub use codec::{MAX_PAYLOAD, Malformed, decode, encode};
pub use oid::{MAX_SUBIDS, Oid};
pub use pdu::{Body, CloseReason, Header, Pdu, Range, Registration, ResponseError};
pub use session::{Action, Config, Event, Input, Query, Request, Session};
pub use value::{Value, VarBind};
