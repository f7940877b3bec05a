//! `RTM_NEWADDR`, `RTM_DELADDR` (`linux/if_addr.h`, rtnetlink(7)).
//!
//! Encoding is straight into the batch's buffer: a takeover of 20,000 addresses allocates nothing
//! per address.

use crate::wire::{self, Msg};
use core::net::{IpAddr, Ipv4Addr};
use nix::libc;

/// `RTM_NEWADDR`.
pub const NEW: u16 = libc::RTM_NEWADDR;
/// `RTM_DELADDR`.
pub const DEL: u16 = libc::RTM_DELADDR;
/// `RTM_GETADDR`.
pub const GET: u16 = libc::RTM_GETADDR;

/// A lifetime without end (`INFINITY_LIFE_TIME`).
pub const FOREVER: u32 = u32::MAX;
/// `IFAPROT_UNSPEC`: no protocol is recorded.
pub const PROTO_UNSPEC: u8 = 0;
/// Number that iproute2's `rt_addrprotos` and `rt_protos` give to keepalived.
pub const PROTO_KEEPALIVED: u8 = 18;
/// `IFA_F_NODAD`: no duplicate address detection (IPv6).
pub const F_NODAD: u32 = libc::IFA_F_NODAD;
/// `IFA_F_TENTATIVE`: duplicate address detection is not over (IPv6).
pub const F_TENTATIVE: u32 = libc::IFA_F_TENTATIVE;
/// `IFA_F_DADFAILED`: somebody else has the address (IPv6).
pub const F_DADFAILED: u32 = libc::IFA_F_DADFAILED;
/// `IFA_F_DEPRECATED`: not to be chosen as a source.
pub const F_DEPRECATED: u32 = libc::IFA_F_DEPRECATED;
/// `IFA_F_HOMEADDRESS` (IPv6).
pub const F_HOMEADDRESS: u32 = libc::IFA_F_HOMEADDRESS;
/// `IFA_F_MANAGETEMPADDR` (IPv6).
pub const F_MANAGETEMPADDR: u32 = 0x100;
/// `IFA_F_NOPREFIXROUTE`: the kernel adds no route for the prefix.
pub const F_NOPREFIXROUTE: u32 = 0x200;
/// `IFA_F_MCAUTOJOIN`.
pub const F_MCAUTOJOIN: u32 = 0x400;
/// `IFA_F_SECONDARY` (IPv4), a fact in events; the kernel decides it.
pub const F_SECONDARY: u32 = libc::IFA_F_SECONDARY;

/// `IFA_PROTO`, not in libc yet (kernel 5.18).
const IFA_PROTO: u16 = 11;
/// Length of `struct ifaddrmsg`.
const IFADDRMSG_LEN: usize = 8;

/// An address on an interface, as asked for or as reported.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddrSpec {
    /// Interface index.
    pub ifindex: u32,
    /// The address (`IFA_LOCAL`).
    pub addr: IpAddr,
    /// Prefix length in bits.
    pub prefix_len: u8,
    /// Broadcast address (IPv4).
    pub broadcast: Option<Ipv4Addr>,
    /// The other end of a point-to-point link (`IFA_ADDRESS` when it differs from the address).
    pub peer: Option<IpAddr>,
    /// Label (IPv4), at most 15 bytes.
    pub label: Option<String>,
    /// `RT_SCOPE_*`: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// `IFA_F_*`.
    pub flags: u32,
    /// Preferred lifetime in seconds, [`FOREVER`] for no end.
    pub preferred_lft: u32,
    /// Valid lifetime in seconds, [`FOREVER`] for no end.
    pub valid_lft: u32,
    /// Who set it (`IFA_PROTO`); [`PROTO_UNSPEC`] leaves it out.
    pub proto: u8,
}

impl AddrSpec {
    /// A permanent address of global scope without label, broadcast or flags.
    pub const fn new(ifindex: u32, addr: IpAddr, prefix_len: u8) -> Self {
        AddrSpec {
            ifindex,
            addr,
            prefix_len,
            broadcast: None,
            peer: None,
            label: None,
            scope: libc::RT_SCOPE_UNIVERSE,
            flags: 0,
            preferred_lft: FOREVER,
            valid_lft: FOREVER,
            proto: PROTO_UNSPEC,
        }
    }

    /// Appends the body of an `RTM_NEWADDR` request.
    pub fn encode_new(&self, msg: &mut Msg<'_>) {
        self.encode_key(msg);
        if let Some(broadcast) = self.broadcast {
            msg.attr(libc::IFA_BROADCAST, &broadcast.octets());
        }
        if self.flags & !0xff != 0 {
            msg.attr_u32(libc::IFA_FLAGS, self.flags);
        }
        if self.preferred_lft != FOREVER || self.valid_lft != FOREVER {
            // struct ifa_cacheinfo; the two time stamps are the kernel's to fill in.
            let mut cache = [0u8; 16];
            cache[..4].copy_from_slice(&self.preferred_lft.to_ne_bytes());
            cache[4..8].copy_from_slice(&self.valid_lft.to_ne_bytes());
            msg.attr(libc::IFA_CACHEINFO, &cache);
        }
        if self.proto != PROTO_UNSPEC {
            msg.attr_u8(IFA_PROTO, self.proto);
        }
    }

    /// Appends the body of an `RTM_DELADDR` request.
    pub fn encode_del(&self, msg: &mut Msg<'_>) {
        self.encode_key(msg);
    }

    /// What identifies the address to the kernel; a delete matches on exactly this.
    fn encode_key(&self, msg: &mut Msg<'_>) {
        let family = match self.addr {
            IpAddr::V4(_) => libc::AF_INET,
            IpAddr::V6(_) => libc::AF_INET6,
        };
        let [i0, i1, i2, i3] = self.ifindex.to_ne_bytes();
        let low_flags = (self.flags & 0xff) as u8;
        msg.bytes(&[family as u8, self.prefix_len, low_flags, self.scope, i0, i1, i2, i3]);
        msg.attr_ip(libc::IFA_LOCAL, self.addr);
        msg.attr_ip(libc::IFA_ADDRESS, self.peer.unwrap_or(self.addr));
        if let Some(label) = &self.label {
            msg.attr_str(libc::IFA_LABEL, label);
        }
    }

    /// Reads the body of an address message; `None` when it is malformed or of another family.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let header = payload.get(..IFADDRMSG_LEN)?;
        let mut spec = AddrSpec::new(
            wire::u32_at(header, 4)?,
            match i32::from(*header.first()?) {
                libc::AF_INET => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                libc::AF_INET6 => IpAddr::V6(core::net::Ipv6Addr::UNSPECIFIED),
                _ => return None,
            },
            *header.get(1)?,
        );
        spec.flags = u32::from(*header.get(2)?);
        spec.scope = *header.get(3)?;
        let (mut local, mut address) = (None, None);
        for (kind, value) in wire::attrs(payload.get(IFADDRMSG_LEN..)?) {
            match kind {
                libc::IFA_LOCAL => local = wire::ip(value),
                libc::IFA_ADDRESS => address = wire::ip(value),
                libc::IFA_BROADCAST => {
                    spec.broadcast = <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from);
                }
                libc::IFA_LABEL => spec.label = Some(wire::string(value)),
                libc::IFA_FLAGS => spec.flags = wire::u32_at(value, 0).unwrap_or(spec.flags),
                libc::IFA_CACHEINFO => {
                    spec.preferred_lft = wire::u32_at(value, 0).unwrap_or(FOREVER);
                    spec.valid_lft = wire::u32_at(value, 4).unwrap_or(FOREVER);
                }
                IFA_PROTO => spec.proto = value.first().copied().unwrap_or(PROTO_UNSPEC),
                _ => {}
            }
        }
        // IPv6 gives IFA_LOCAL only on point-to-point links; IPv4 always does.
        let addr = local.or(address)?;
        if addr.is_ipv4() != spec.addr.is_ipv4() {
            return None;
        }
        spec.addr = addr;
        spec.peer = address.filter(|peer| *peer != addr);
        Some(spec)
    }
}

/// Appends the body of an `RTM_GETADDR` dump of both families (strict checking: header only).
pub fn encode_dump(msg: &mut Msg<'_>) {
    msg.bytes(&[0; IFADDRMSG_LEN]);
}

/// An address appeared, changed or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddrEvent {
    /// Set or changed; else removed.
    pub new: bool,
    /// The address.
    pub spec: AddrSpec,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body(spec: &AddrSpec) -> Vec<u8> {
        let mut buf = Vec::new();
        let mut msg = Msg::begin(&mut buf, NEW, 0, 1);
        spec.encode_new(&mut msg);
        msg.finish();
        buf.split_off(wire::HEADER_LEN)
    }

    fn specs() -> impl Strategy<Value = AddrSpec> {
        let tail = (any::<[u32; 5]>(), proptest::option::of("[a-z0-9:]{1,15}"), any::<u8>());
        (any::<IpAddr>(), any::<u8>(), proptest::option::of(any::<Ipv4Addr>()), tail).prop_map(
            |(addr, prefix_len, broadcast, (numbers, label, proto))| {
                let [ifindex, flags, preferred_lft, valid_lft, peer] = numbers;
                AddrSpec {
                    ifindex,
                    addr,
                    prefix_len,
                    broadcast,
                    peer: Some(match addr {
                        IpAddr::V4(_) => Ipv4Addr::from(peer).into(),
                        IpAddr::V6(v6) => core::net::Ipv6Addr::from(v6.to_bits() ^ 1).into(),
                    })
                    .filter(|other| *other != addr),
                    label,
                    scope: 0,
                    flags,
                    preferred_lft,
                    valid_lft,
                    proto,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_asked_for_is_what_is_read(spec in specs()) {
            prop_assert_eq!(AddrSpec::parse(&body(&spec)), Some(spec));
        }

        #[test]
        fn no_bytes_make_the_parser_panic(
            spec in specs(),
            cut in 0usize..200,
            damage in proptest::collection::vec((0usize..200, any::<u8>()), 0..8),
            noise in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut bytes = body(&spec);
            for (at, value) in damage {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(cut);
            let _ = (AddrSpec::parse(&bytes), AddrSpec::parse(&noise));
        }
    }
}
