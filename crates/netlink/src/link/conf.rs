//! Per-link settings of IPv4 and IPv6 (`IFLA_AF_SPEC`): a few of the sysctls under
//! `net.ipv4.conf` and `net.ipv6.conf`, without a file system. Those of `all` and `default`, and
//! `disable_ipv6`, can only be written as sysctls.

use crate::wire::{self, Msg};
use nix::libc;

/// `IFLA_INET_CONF`.
const IFLA_INET_CONF: u16 = 1;
/// `IFLA_INET6_ADDR_GEN_MODE`.
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;

/// A setting of IPv4 on a link; the value is its `IPV4_DEVCONF_*` number (`linux/ip.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ipv4Key {
    /// `rp_filter`.
    RpFilter = 8,
    /// `arp_filter`.
    ArpFilter = 13,
    /// `arp_ignore`.
    ArpIgnore = 19,
    /// `promote_secondaries`.
    PromoteSecondaries = 20,
    /// `accept_local`.
    AcceptLocal = 23,
}

/// Settings of IPv4 on a link, as reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ipv4Conf {
    /// `rp_filter`.
    pub rp_filter: u32,
    /// `arp_filter`.
    pub arp_filter: u32,
    /// `arp_ignore`.
    pub arp_ignore: u32,
    /// `promote_secondaries`.
    pub promote_secondaries: u32,
    /// `accept_local`.
    pub accept_local: u32,
}

impl Ipv4Conf {
    /// Reads the kernel's array, whose first element has the number 1.
    fn parse(array: &[u8]) -> Self {
        let get = |key: Ipv4Key| wire::u32_at(array, (key as usize - 1) * 4).unwrap_or_default();
        Ipv4Conf {
            rp_filter: get(Ipv4Key::RpFilter),
            arp_filter: get(Ipv4Key::ArpFilter),
            arp_ignore: get(Ipv4Key::ArpIgnore),
            promote_secondaries: get(Ipv4Key::PromoteSecondaries),
            accept_local: get(Ipv4Key::AcceptLocal),
        }
    }

    /// The value of one setting.
    pub const fn get(&self, key: Ipv4Key) -> u32 {
        match key {
            Ipv4Key::RpFilter => self.rp_filter,
            Ipv4Key::ArpFilter => self.arp_filter,
            Ipv4Key::ArpIgnore => self.arp_ignore,
            Ipv4Key::PromoteSecondaries => self.promote_secondaries,
            Ipv4Key::AcceptLocal => self.accept_local,
        }
    }
}

/// How IPv6 makes a link-local address when the link goes up (`IN6_ADDR_GEN_MODE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddrGenMode {
    /// From the MAC.
    Eui64,
    /// Not at all.
    None,
    /// From a secret (RFC 7217).
    StablePrivacy,
    /// From a secret made up by the kernel.
    Random,
}

impl AddrGenMode {
    const fn number(self) -> u8 {
        match self {
            AddrGenMode::Eui64 => 0,
            AddrGenMode::None => 1,
            AddrGenMode::StablePrivacy => 2,
            AddrGenMode::Random => 3,
        }
    }

    const fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(AddrGenMode::Eui64),
            1 => Some(AddrGenMode::None),
            2 => Some(AddrGenMode::StablePrivacy),
            3 => Some(AddrGenMode::Random),
            _ => None,
        }
    }
}

/// Appends `IFLA_AF_SPEC`, if there is anything to set.
pub(super) fn encode(ipv4: &[(Ipv4Key, u32)], mode: Option<AddrGenMode>, msg: &mut Msg<'_>) {
    if ipv4.is_empty() && mode.is_none() {
        return;
    }
    msg.nest(libc::IFLA_AF_SPEC, |spec| {
        if !ipv4.is_empty() {
            spec.nest(libc::AF_INET as u16, |inet| {
                inet.nest(IFLA_INET_CONF, |conf| {
                    for (key, value) in ipv4 {
                        conf.attr_u32(*key as u16, *value);
                    }
                });
            });
        }
        if let Some(mode) = mode {
            spec.nest(libc::AF_INET6 as u16, |inet6| {
                inet6.attr_u8(IFLA_INET6_ADDR_GEN_MODE, mode.number());
            });
        }
    });
}

/// Reads the value of `IFLA_AF_SPEC`.
pub(super) fn parse(spec: &[u8]) -> (Option<Ipv4Conf>, Option<AddrGenMode>) {
    let find = |attrs, wanted| {
        let mut attrs = wire::attrs(attrs);
        attrs.find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
    };
    let inet = find(spec, libc::AF_INET as u16).and_then(|inet| find(inet, IFLA_INET_CONF));
    let inet6 = find(spec, libc::AF_INET6 as u16);
    let mode = inet6.and_then(|inet6| find(inet6, IFLA_INET6_ADDR_GEN_MODE));
    let mode = mode.and_then(|mode| mode.first().copied()).and_then(AddrGenMode::of);
    (inet.map(Ipv4Conf::parse), mode)
}
