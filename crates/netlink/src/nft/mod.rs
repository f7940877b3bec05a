//! nf_tables (`linux/netfilter/nf_tables.h`): tables, chains, sets, rules.
//!
//! Owns the encoding of a [`Transaction`], of the [`Exprs`] of a rule, and the parsing of news
//! and listings; [`NftSocket`] carries them. Never knows what a rule is for.
//!
//! Numbers travel most significant byte first here, unlike in rtnetlink, except for interface
//! indices, which the kernel compares as it keeps them.

mod conn;
mod expr;
mod news;
mod set;
mod transaction;

use nix::libc;

pub use conn::{NftError, NftSocket};
pub use expr::{Exprs, Field, Verdict};
pub use news::{NftEvent, NftObject, Table};
pub use set::{DataType, Element, Set, Value};
pub use transaction::{Chain, Hook, Transaction};

/// `NFNL_SUBSYS_NFTABLES`, the upper byte of a message's type.
const SUBSYSTEM: u16 = libc::NFNL_SUBSYS_NFTABLES as u16;
/// Length of `struct nfgenmsg`.
const NFGENMSG_LEN: usize = 4;

/// A message's type (`NFT_MSG_*` as the lower byte).
const fn kind(message: i32) -> u16 {
    SUBSYSTEM << 8 | message as u16
}

/// Which packets a table sees (`NFPROTO_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NftFamily {
    /// Both IPv4 and IPv6.
    Inet = 1,
    /// IPv4.
    Ip = 2,
    /// Frames that come in at a device.
    Netdev = 5,
    /// IPv6.
    Ip6 = 10,
}

impl NftFamily {
    const fn of(number: u8) -> Option<Self> {
        match number {
            1 => Some(NftFamily::Inet),
            2 => Some(NftFamily::Ip),
            5 => Some(NftFamily::Netdev),
            10 => Some(NftFamily::Ip6),
            _ => None,
        }
    }
}

impl core::fmt::Display for NftFamily {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            NftFamily::Inet => "inet",
            NftFamily::Ip => "ip",
            NftFamily::Netdev => "netdev",
            NftFamily::Ip6 => "ip6",
        })
    }
}

#[cfg(test)]
mod tests;
