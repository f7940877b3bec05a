//! What is wrong with a peer, in words: which check failed, what differs, and
//! which keyword decides it.
//!
//! Owns formatting only.

use crate::diagnosis::{Differs, Trouble};
use crate::reject::{HmacReject, Reject};
use core::fmt;
use core::net::IpAddr;

/// An `auth_hmac` trailer, for packets that are longer by just that.
const TRAILER: usize = crate::auth::TRAILER_LEN;

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Trouble::Refused(Reject::OwnerIgnores) => f.write_str(
                "it is MASTER of the addresses that we own: it does not hear our adverts or \
                 refuses them, its log says why",
            ),
            Trouble::Refused(reject) => write!(f, "we refuse its adverts: {}", Cause(reject)),
            Trouble::Stays { theirs, ours } => write!(
                f,
                "it stays MASTER with priority {theirs}, ours is {ours}: it does not hear our \
                 adverts or refuses them, its log says why"
            ),
            Trouble::SameAddress => f.write_str("it sends from our own address"),
            Trouble::OtherRouter { theirs, ours, addr } => write!(
                f,
                "it advertises our address {addr} for virtual_router_id {theirs}, ours is {ours}"
            ),
        }
    }
}

/// Why adverts are refused.
struct Cause(Reject);

fn auth_type(number: u8) -> &'static str {
    match number {
        0 => "none",
        1 => "PASS",
        2 => "AH",
        _ => "unknown",
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reject::AhPresence { present: true } => f.write_str("its auth_type is AH, ours is not"),
            Reject::AhPresence { present: false } => f.write_str("our auth_type is AH, its is not"),
            Reject::Length { got, want } if got == want + TRAILER => {
                f.write_str("it sends an auth_hmac trailer, we have no auth_hmac")
            }
            Reject::Truncated { len } | Reject::TotalLength { got: len, .. } => {
                write!(f, "they are damaged ({len} bytes)")
            }
            Reject::Length { got, want } => write!(f, "their length is {got}, not {want}"),
            Reject::Ttl { got } => {
                write!(f, "they arrive with TTL {got}, not 255: somebody forwards them")
            }
            Reject::Version { got, want } => write!(f, "its version is {got}, ours is {want}"),
            Reject::Hmac(why) => hmac(f, why),
            Reject::AuthTypeUnknown { got } => {
                write!(f, "their authentication type {got} is unknown")
            }
            Reject::AuthType { got, want } => {
                write!(f, "its auth_type is {}, ours is {}", auth_type(got), auth_type(want))
            }
            Reject::Password | Reject::AhIcv => f.write_str("its auth_pass is not ours"),
            Reject::AhSpi => f.write_str("their source address was translated on the way"),
            Reject::AhReplay { got, seen } => write!(
                f,
                "their AH sequence is {got} after {seen}: old packets are replayed, or it \
                 started anew"
            ),
            Reject::Interval { ours, theirs } => {
                write!(f, "its advert_int is {theirs} seconds, ours is {ours}")
            }
            Reject::Type { got } => write!(f, "their type is {got}, not 1"),
            Reject::Checksum { flavour, .. } => match flavour {
                Some(flavour) => write!(f, "their checksum is made {flavour}, ours is not"),
                None => f.write_str("their checksum is wrong"),
            },
            Reject::Casting { multicast: true } => {
                f.write_str("it sends to the multicast group, we have unicast_peer")
            }
            Reject::Casting { multicast: false } => {
                f.write_str("it sends to us as its unicast_peer, we have none")
            }
            Reject::OwnerIgnores => f.write_str("we own the addresses (owner_ignore_adverts)"),
            Reject::NotPeer => f.write_str("it is no unicast_peer of ours"),
            Reject::PeerTtl { got, min, max } => {
                write!(f, "they arrive with TTL {got}, min_ttl and max_ttl are {min} and {max}")
            }
        }
    }
}

fn hmac(f: &mut fmt::Formatter<'_>, why: HmacReject) -> fmt::Result {
    match why {
        HmacReject::Missing => {
            f.write_str("they have no auth_hmac trailer, our auth_hmac mode is enforce")
        }
        HmacReject::Malformed => {
            f.write_str("their auth_hmac trailer is malformed, or it is no unicast_peer of ours")
        }
        HmacReject::Stale { skew } => write!(
            f,
            "its clock is {} seconds {} ours, more than the auth_hmac time_window",
            skew.unsigned_abs(),
            if skew < 0 { "behind" } else { "ahead of" }
        ),
        HmacReject::UnknownKey { id } => {
            write!(f, "they are signed with auth_hmac key {id}, which we do not have")
        }
        HmacReject::Invalid => f.write_str("its auth_hmac key is not ours"),
        HmacReject::Replay => {
            f.write_str("their auth_hmac sequence does not grow: old packets are replayed")
        }
    }
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((ours, theirs)) = self.interval {
            let (theirs, ours) = (theirs.as_secs_f64(), ours.as_secs_f64());
            write!(f, "; its advert_int is {theirs}, ours is {ours}")?;
        }
        list(f, "; it lacks", &self.missing)?;
        list(f, "; it has besides", &self.extra)?;
        if self.unnamed > 0 {
            write!(f, " and {} more", self.unnamed)?;
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, what: &str, addresses: &[IpAddr]) -> fmt::Result {
    for (n, addr) in addresses.iter().enumerate() {
        write!(f, "{} {addr}", if n == 0 { what } else { "," })?;
    }
    Ok(())
}
