//! BFD sessions.

use core::net::IpAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use types::Weight;

/// `bfd_instance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdInstance {
    /// Name, at most 31 bytes.
    pub name: String,
    /// The peer.
    pub neighbor: IpAddr,
    /// Local address; `None` is the kernel's choice.
    pub source: Option<IpAddr>,
    /// Required Min RX Interval (RFC 5880 section 4.1).
    pub min_rx: Duration,
    /// Desired Min TX Interval when up.
    pub min_tx: Duration,
    /// Transmit interval while not up, at least 1 s.
    pub idle_tx: Duration,
    /// Detect Mult.
    pub multiplier: u8,
    /// Wait for the peer to begin (RFC 5880 section 6.1).
    pub passive: bool,
    /// TTL or hop limit of sent packets.
    pub ttl: u8,
    /// Most hops accepted; `None` does not check.
    pub max_hops: Option<u8>,
    /// RFC 5883 multihop (port 4784).
    pub multihop: bool,
    /// Default weight for the vrrp role.
    pub weight: Weight,
    /// Default exchange of good and bad.
    pub reverse: bool,
    /// Whether the vrrp role receives its events.
    pub vrrp: bool,
    /// Whether the checker role receives its events.
    pub checker: bool,
}
