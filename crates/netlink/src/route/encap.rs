//! Lightweight tunnels (`linux/lwtunnel.h`, `linux/mpls_iptunnel.h`, `linux/ila.h`).

use crate::wire::{self, Msg};
use core::net::IpAddr;
use nix::libc;

/// `LWTUNNEL_ENCAP_*`.
const ENCAP_MPLS: u16 = 1;
const ENCAP_IP: u16 = 2;
const ENCAP_ILA: u16 = 3;
const ENCAP_IP6: u16 = 4;

/// `LWTUNNEL_IP_*`; those of IPv6 have the same numbers.
const IP_ID: u16 = 1;
const IP_DST: u16 = 2;
const IP_SRC: u16 = 3;
const IP_TTL: u16 = 4;
const IP_TOS: u16 = 5;
const IP_FLAGS: u16 = 6;

/// `MPLS_IPTUNNEL_DST`.
const MPLS_DST: u16 = 1;
/// `ILA_ATTR_LOCATOR`.
const ILA_LOCATOR: u16 = 1;

/// Place of the label and of the bottom-of-stack bit in an MPLS label stack entry (RFC 3032).
const MPLS_LABEL_SHIFT: u32 = 12;
const MPLS_BOTTOM: u32 = 1 << 8;
/// Deepest label stack that is read back, the kernel's own bound.
const MPLS_LABELS_MAX: usize = 30;

/// Lightweight tunnel encapsulation of a route or next hop.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Encap {
    /// In IPv4.
    Ip(IpEncap),
    /// In IPv6.
    Ip6(IpEncap),
    /// MPLS label stack, outermost first.
    Mpls(Vec<u32>),
    /// ILA locator.
    Ila(u64),
}

/// Parameters of an encapsulation in IP; of a reported one, zeros are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct IpEncap {
    /// Tunnel id.
    pub id: Option<u64>,
    /// Destination.
    pub dst: Option<IpAddr>,
    /// Source.
    pub src: Option<IpAddr>,
    /// TOS or traffic class.
    pub tos: Option<u8>,
    /// TTL or hop limit.
    pub ttl: Option<u8>,
    /// `TUNNEL_*` flags: 1 checksum, 4 key, 8 sequence numbers.
    pub flags: Option<u16>,
}

impl Encap {
    /// Appends `RTA_ENCAP` and `RTA_ENCAP_TYPE`.
    pub(super) fn encode(&self, msg: &mut Msg<'_>) {
        msg.nest(libc::RTA_ENCAP, |nest| match self {
            Encap::Ip(ip) | Encap::Ip6(ip) => ip.encode(nest),
            Encap::Mpls(labels) => nest.attr(MPLS_DST, &stack(labels)),
            Encap::Ila(locator) => nest.attr(ILA_LOCATOR, &locator.to_be_bytes()),
        });
        msg.attr_u16(libc::RTA_ENCAP_TYPE, self.kind());
    }

    const fn kind(&self) -> u16 {
        match self {
            Encap::Ip(_) => ENCAP_IP,
            Encap::Ip6(_) => ENCAP_IP6,
            Encap::Mpls(_) => ENCAP_MPLS,
            Encap::Ila(_) => ENCAP_ILA,
        }
    }

    /// Reads the value of `RTA_ENCAP`; `None` for types that nobody here can ask for.
    pub(super) fn parse(kind: u16, value: &[u8]) -> Option<Self> {
        match kind {
            ENCAP_IP => Some(Encap::Ip(IpEncap::parse(value))),
            ENCAP_IP6 => Some(Encap::Ip6(IpEncap::parse(value))),
            ENCAP_MPLS => find(value, MPLS_DST).map(|stack| Encap::Mpls(labels(stack))),
            ENCAP_ILA => {
                find(value, ILA_LOCATOR).and_then(|raw| wire::be64_at(raw, 0)).map(Encap::Ila)
            }
            _ => None,
        }
    }
}

impl IpEncap {
    fn encode(&self, msg: &mut Msg<'_>) {
        if let Some(id) = self.id {
            msg.attr(IP_ID, &id.to_be_bytes());
        }
        if let Some(dst) = self.dst {
            msg.attr_ip(IP_DST, dst);
        }
        if let Some(src) = self.src {
            msg.attr_ip(IP_SRC, src);
        }
        if let Some(tos) = self.tos {
            msg.attr_u8(IP_TOS, tos);
        }
        if let Some(ttl) = self.ttl {
            msg.attr_u8(IP_TTL, ttl);
        }
        if let Some(flags) = self.flags {
            msg.attr(IP_FLAGS, &flags.to_be_bytes());
        }
    }

    fn parse(value: &[u8]) -> Self {
        let mut encap = IpEncap::default();
        for (kind, value) in wire::attrs(value) {
            let byte = value.first().copied().filter(|byte| *byte != 0);
            match kind {
                IP_ID => encap.id = wire::be64_at(value, 0).filter(|id| *id != 0),
                IP_DST => encap.dst = wire::ip(value).filter(|addr| !addr.is_unspecified()),
                IP_SRC => encap.src = wire::ip(value).filter(|addr| !addr.is_unspecified()),
                IP_TTL => encap.ttl = byte,
                IP_TOS => encap.tos = byte,
                IP_FLAGS => {
                    let flags = wire::u16_at(value, 0).map(u16::from_be);
                    encap.flags = flags.filter(|flags| *flags != 0);
                }
                _ => {}
            }
        }
        encap
    }
}

fn find(attrs: &[u8], wanted: u16) -> Option<&[u8]> {
    wire::attrs(attrs).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// Label stack entries, the last one marked as the bottom.
fn stack(labels: &[u32]) -> Vec<u8> {
    let entry = |(at, label): (usize, &u32)| {
        let bottom = if at + 1 == labels.len() { MPLS_BOTTOM } else { 0 };
        (label << MPLS_LABEL_SHIFT | bottom).to_be_bytes()
    };
    labels.iter().enumerate().flat_map(entry).collect()
}

fn labels(stack: &[u8]) -> Vec<u32> {
    let entries = stack.chunks_exact(4).take(MPLS_LABELS_MAX);
    entries.filter_map(|raw| wire::be32_at(raw, 0)).map(|raw| raw >> MPLS_LABEL_SHIFT).collect()
}
