//! Why a received packet was not acted upon, with what a log line says of it.

use core::fmt;
use core::net::IpAddr;

/// The check that a packet failed, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reject {
    /// IP header, AH or VRRP header incomplete.
    Truncated {
        /// Bytes received.
        len: usize,
    },
    /// An AH although we use none, or none although we do.
    AhPresence {
        /// Whether the packet had one.
        present: bool,
    },
    /// Not as long as its contents say.
    Length {
        /// Bytes received.
        got: usize,
        /// Bytes expected.
        want: usize,
    },
    /// Multicast from further than this link (RFC 9568 section 5.1.1.3).
    Ttl {
        /// TTL or hop limit received.
        got: u8,
    },
    /// Another VRRP version.
    Version {
        /// Received.
        got: u8,
        /// Ours.
        want: u8,
    },
    /// `auth_hmac` trailer missing, wrong or old.
    Hmac(HmacReject),
    /// Unknown authentication type.
    AuthTypeUnknown {
        /// Received.
        got: u8,
    },
    /// Authentication type differs.
    AuthType {
        /// Received.
        got: u8,
        /// Ours.
        want: u8,
    },
    /// Wrong password.
    Password,
    /// Wrong AH integrity check value.
    AhIcv,
    /// The AH's SPI is not the source address.
    AhSpi,
    /// The AH's sequence number was seen before.
    AhReplay {
        /// Received.
        got: u32,
        /// Highest seen.
        seen: u32,
    },
    /// Version 2: another advertisement interval.
    Interval {
        /// Ours in seconds.
        ours: u32,
        /// Theirs in seconds.
        theirs: u32,
    },
    /// Not an advertisement.
    Type {
        /// Received.
        got: u8,
    },
    /// The IP header's total length is not what was received.
    TotalLength {
        /// Of the header.
        header: usize,
        /// Received.
        got: usize,
    },
    /// Wrong checksum.
    Checksum {
        /// VRRP version, for the log line.
        version: u8,
        /// How it was made, when it is right in another way than ours.
        flavour: Option<Summed>,
    },
    /// Multicast for a unicast instance or the reverse.
    Casting {
        /// Whether the packet was multicast.
        multicast: bool,
    },
    /// We are the address owner and ignore adverts.
    OwnerIgnores,
    /// Unicast from an address that is no peer.
    NotPeer,
    /// TTL outside the peer's range.
    PeerTtl {
        /// Received.
        got: u8,
        /// Least.
        min: u8,
        /// Largest.
        max: u8,
    },
}

/// What is wrong with an `auth_hmac` trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HmacReject {
    /// There is none and it is enforced.
    Missing,
    /// Unknown type, reserved bits, or a unicast source that is no peer.
    Malformed,
    /// Its time is outside the window.
    Stale {
        /// Its clock less ours, in seconds.
        skew: i64,
    },
    /// We have no key of that id.
    UnknownKey {
        /// Key id.
        id: u8,
    },
    /// Wrong tag.
    Invalid,
    /// Not newer than the last one from there.
    Replay,
}

/// A way to make the checksum of version 3 over IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Summed {
    /// With the pseudo header (RFC 9568).
    Pseudo,
    /// With a pseudo header to the multicast group.
    OldUnicast,
    /// Without a pseudo header.
    Plain,
}

impl fmt::Display for Summed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Summed::Pseudo => "with the pseudo header of RFC 9568",
            Summed::OldUnicast => "in the old way (old_unicast_checksum)",
            Summed::Plain => "without pseudo header (v3_checksum_as_v2)",
        })
    }
}

impl Reject {
    /// A small number per kind, for log-once masks.
    pub(crate) const fn kind(self) -> u32 {
        match self {
            Reject::Truncated { .. } | Reject::Length { .. } => 0,
            Reject::AhPresence { .. } => 1,
            Reject::Ttl { .. } => 2,
            Reject::Version { .. } => 3,
            Reject::Hmac(HmacReject::Missing) => 4,
            Reject::Hmac(HmacReject::Malformed) => 5,
            Reject::Hmac(HmacReject::Stale { .. }) => 6,
            Reject::Hmac(HmacReject::UnknownKey { .. }) => 7,
            Reject::Hmac(HmacReject::Invalid) => 8,
            Reject::Hmac(HmacReject::Replay) => 9,
            Reject::AuthTypeUnknown { .. } => 10,
            Reject::AuthType { .. } => 11,
            Reject::Password => 12,
            Reject::AhIcv | Reject::AhSpi => 13,
            Reject::AhReplay { .. } => 14,
            Reject::Interval { .. } => 15,
            Reject::Type { .. } => 16,
            Reject::TotalLength { .. } => 17,
            Reject::Checksum { .. } => 18,
            Reject::Casting { .. } => 19,
            Reject::OwnerIgnores => 20,
            Reject::NotPeer => 21,
            Reject::PeerTtl { .. } => 22,
        }
    }

    /// The log line's text after `(NAME) `, in the reference's wording.
    pub fn text(self, from: IpAddr) -> RejectText {
        RejectText { reject: self, from }
    }
}

/// Formats a [`Reject`].
#[derive(Debug, Clone, Copy)]
pub struct RejectText {
    reject: Reject,
    from: IpAddr,
}

impl fmt::Display for RejectText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let a = self.from;
        match self.reject {
            Reject::Truncated { len } => write!(f, "packet too short from {a}. {len} bytes"),
            Reject::AhPresence { present: true } => {
                write!(f, "Received AH header but auth type not AH from {a}")
            }
            Reject::AhPresence { present: false } => {
                write!(f, "No AH header but auth type is AH from {a}")
            }
            Reject::Length { got, want } => {
                let what = if got > want { "long" } else { "short" };
                write!(f, "vrrp packet from {a} too {what}, length {got} and expect {want}")
            }
            Reject::Ttl { got } => {
                write!(f, "invalid TTL/HL from {a}. Received {got} and expect 255")
            }
            Reject::Version { got, want } => {
                write!(f, "wrong VRRP version from {a}. Received {got} and expect {want}")
            }
            Reject::Hmac(HmacReject::Missing) => {
                write!(f, "missing authentication trailer from {a}")
            }
            Reject::Hmac(HmacReject::Malformed) => {
                write!(f, "malformed authentication trailer from {a}")
            }
            Reject::Hmac(HmacReject::Stale { .. }) => {
                write!(f, "stale authentication trailer from {a}")
            }
            Reject::Hmac(HmacReject::Replay) => {
                write!(f, "replayed authentication trailer from {a}")
            }
            Reject::Hmac(HmacReject::UnknownKey { id }) => {
                write!(f, "unknown authentication key id {id} from {a}")
            }
            Reject::Hmac(HmacReject::Invalid) => {
                write!(f, "invalid authentication HMAC from {a}")
            }
            Reject::AuthTypeUnknown { got } => write!(f, "Invalid auth type from {a}: {got}"),
            Reject::AuthType { got, want } => {
                write!(f, "received a {got} auth from {a}, expecting {want}!")
            }
            Reject::Password => write!(f, "received an invalid passwd from {a}!"),
            Reject::AhIcv => write!(f, "received an invalid AH ICV from {a}"),
            Reject::AhSpi => write!(f, "AH SPI is not the source address of the packet from {a}"),
            Reject::AhReplay { got, seen } => {
                write!(f, "AH sequence number {got} from {a} already processed, last was {seen}")
            }
            Reject::Interval { ours, theirs } => write!(
                f,
                "advertisement interval mismatch with {a} mine={ours} sec rcv'd={theirs} sec"
            ),
            Reject::Type { got } => {
                write!(f, "Invalid packet type from {a}. {got} and expect 1")
            }
            Reject::TotalLength { header, got } => write!(
                f,
                "ip_tot_len mismatch against received length from {a}. {header} and received {got}"
            ),
            Reject::Checksum { version, .. } => {
                write!(f, "Invalid VRRPv{version} checksum from {a}")
            }
            Reject::Casting { multicast } => {
                let (want, got) =
                    if multicast { ("unicast", "multicast") } else { ("multicast", "unicast") };
                write!(f, "Expected {want} packet but received {got} packet from {a}")
            }
            Reject::OwnerIgnores => {
                write!(f, "Dropping packet(s) from {a} since we are address owner")
            }
            Reject::NotPeer => write!(f, "unicast source address {a} not a unicast peer"),
            Reject::PeerTtl { got, min, max } => {
                write!(f, "TTL/HL {got} from {a} not in range [{min}, {max}]")
            }
        }
    }
}
