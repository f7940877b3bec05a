//! IPVS: services, destinations, timeouts and the synchronisation daemons, over generic netlink
//! (`linux/ip_vs.h`).
//!
//! Messages are pure functions over bytes; [`IpvsSocket`] asks the kernel, one question at a time,
//! and changes it, many changes per system call.

mod daemon;
mod message;
mod socket;

pub use daemon::{Daemon, Timeouts, parse_daemon};
pub use message::{Entry, Found, parse_dest, parse_info, parse_service};
pub use socket::IpvsSocket;

use core::net::IpAddr;
use types::Family;

/// Name of the generic netlink family.
pub const FAMILY: &str = "IPVS";
/// Its version.
pub(crate) const VERSION: u8 = 1;

/// Commands (`IPVS_CMD_*`).
pub(crate) mod cmd {
    pub const NEW_SERVICE: u8 = 1;
    pub const SET_SERVICE: u8 = 2;
    pub const DEL_SERVICE: u8 = 3;
    pub const GET_SERVICE: u8 = 4;
    pub const NEW_DEST: u8 = 5;
    pub const SET_DEST: u8 = 6;
    pub const DEL_DEST: u8 = 7;
    pub const GET_DEST: u8 = 8;
    pub const NEW_DAEMON: u8 = 9;
    pub const DEL_DAEMON: u8 = 10;
    pub const GET_DAEMON: u8 = 11;
    pub const SET_CONFIG: u8 = 12;
    pub const GET_CONFIG: u8 = 13;
    pub const GET_INFO: u8 = 15;
    pub const FLUSH: u8 = 17;
}

/// Top-level attributes (`IPVS_CMD_ATTR_*`).
pub(crate) mod top {
    pub const SERVICE: u16 = 1;
    pub const DEST: u16 = 2;
    pub const DAEMON: u16 = 3;
    pub const TIMEOUT_TCP: u16 = 4;
    pub const TIMEOUT_TCP_FIN: u16 = 5;
    pub const TIMEOUT_UDP: u16 = 6;
}

/// What a service listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listen {
    /// Protocol number (6, 17, 132), address and port.
    Addr(u8, IpAddr, u16),
    /// Firewall mark.
    Mark(u32),
}

/// Names a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// Address family.
    pub family: Family,
    /// What it listens on.
    pub listen: Listen,
}

/// `ESRCH`: the refusal that means that there is no such service.
pub const NO_SERVICE: i32 = nix::libc::ESRCH;

/// `IP_VS_SVC_F_HASHED`: set by the kernel on every service of its table.
pub const FLAG_HASHED: u32 = 0x2;

/// The settings of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec<'a> {
    /// Scheduler, by its kernel name.
    pub scheduler: &'a str,
    /// `IP_VS_SVC_F_*`.
    pub flags: u32,
    /// Persistence in seconds; 0 is off.
    pub timeout: u32,
    /// Which clients persist together: the bits of an IPv4 netmask, or the length of an IPv6
    /// prefix.
    pub netmask: u32,
    /// Persistence engine.
    pub engine: Option<&'a str>,
}

/// Names a destination within a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestKey {
    /// Address.
    pub addr: IpAddr,
    /// Port.
    pub port: u16,
}

/// How packets reach a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// Masquerading (NAT).
    Masq,
    /// The host itself.
    Local,
    /// A tunnel.
    Tunnel(Tunnel),
    /// Direct routing.
    Route,
    /// Past the table, as a cache would.
    Bypass,
}

/// The kinds of tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tunnel {
    /// IP in IP.
    Ipip,
    /// Generic UDP encapsulation.
    Gue {
        /// Destination port.
        port: u16,
        /// `IP_VS_TUNNEL_ENCAP_FLAG_*`: 1 checksum, 2 remote checksum.
        flags: u16,
    },
    /// GRE.
    Gre {
        /// `IP_VS_TUNNEL_ENCAP_FLAG_*`.
        flags: u16,
    },
}

/// The settings of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestSpec {
    /// How packets reach it.
    pub forward: Forward,
    /// Weight.
    pub weight: i32,
    /// Upper connection threshold; 0 is none.
    pub upper: u32,
    /// Lower connection threshold; 0 is none.
    pub lower: u32,
}
