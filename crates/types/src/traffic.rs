//! What IPVS counts.

use serde::{Deserialize, Serialize};

/// Traffic of an IPVS service or destination, as the kernel counts it; in all, not since a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Connections scheduled.
    pub conns: u64,
    /// Packets from clients.
    pub in_packets: u64,
    /// Packets to clients.
    pub out_packets: u64,
    /// Bytes from clients.
    pub in_bytes: u64,
    /// Bytes to clients.
    pub out_bytes: u64,
    /// Connections per second.
    pub cps: u64,
    /// Packets from clients per second.
    pub in_pps: u64,
    /// Packets to clients per second.
    pub out_pps: u64,
    /// Bytes from clients per second.
    pub in_bps: u64,
    /// Bytes to clients per second.
    pub out_bps: u64,
}

impl Traffic {
    /// Adds what another service or destination counted.
    pub fn add(&mut self, more: &Traffic) {
        for (to, more) in [
            (&mut self.conns, more.conns),
            (&mut self.in_packets, more.in_packets),
            (&mut self.out_packets, more.out_packets),
            (&mut self.in_bytes, more.in_bytes),
            (&mut self.out_bytes, more.out_bytes),
            (&mut self.cps, more.cps),
            (&mut self.in_pps, more.in_pps),
            (&mut self.out_pps, more.out_pps),
            (&mut self.in_bps, more.in_bps),
            (&mut self.out_bps, more.out_bps),
        ] {
            *to = to.wrapping_add(more);
        }
    }
}
