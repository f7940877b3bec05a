//! Address families and prefixes.

use core::fmt;
use core::net::IpAddr;
use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};

/// Address family of a virtual router or service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of `addr`.
    pub const fn of(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(_) => Family::V4,
            IpAddr::V6(_) => Family::V6,
        }
    }

    /// Length of an address in bits.
    pub const fn bits(self) -> u8 {
        match self {
            Family::V4 => 32,
            Family::V6 => 128,
        }
    }

    /// Length of an address in bytes.
    pub const fn bytes(self) -> usize {
        self.bits() as usize / 8
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        })
    }
}

/// An address with a prefix length, host bits kept as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Prefix {
    /// The address.
    pub addr: IpAddr,
    /// Prefix length in bits, at most the family's.
    pub len: u8,
}

impl Prefix {
    /// `addr` with the full length of its family.
    pub const fn host(addr: IpAddr) -> Self {
        Prefix { addr, len: Family::of(addr).bits() }
    }

    /// The family of the address.
    pub const fn family(&self) -> Family {
        Family::of(self.addr)
    }

    /// The first and the last address of the prefix (all host bits clear, and
    /// all set); both the address itself when the length is not one of its
    /// family.
    pub fn ends(&self) -> (IpAddr, IpAddr) {
        match IpNetwork::new(self.addr, self.len) {
            Ok(network) => (network.network(), network.broadcast()),
            Err(_) => (self.addr, self.addr),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_two_ends() {
        let prefix = Prefix { addr: "192.0.2.77".parse().unwrap(), len: 26 };
        let (first, last) = prefix.ends();
        assert_eq!(
            (first.to_string(), last.to_string()),
            ("192.0.2.64".into(), "192.0.2.127".into())
        );
    }
}
