//! What a rule looks at and does, as expressions of the kernel's small virtual machine.
//!
//! A rule is a list of phrases: conditions, each of which loads what it compares from the start
//! of the register file again, and at the end what is done.

use crate::wire::Msg;
use core::net::IpAddr;
use nix::libc;

/// First of the sixteen registers of four bytes (`NFT_REG32_00`).
const REG32: u32 = libc::NFT_REG32_00 as u32;
/// Register that holds the verdict.
const REG_VERDICT: u32 = libc::NFT_REG_VERDICT as u32;
/// Length of an interface's name, and of the kind of a link, in a register.
const NAME_LEN: usize = libc::IFNAMSIZ;
/// Offset of `sreg_dev` when the register before holds an address of any family: as nft has it,
/// each of the two gets a quarter of the register file.
const SECOND: u32 = REG32 + 4;

/// `NFTA_*` that have no name in libc.
mod nfta {
    pub const LIST_ELEM: u16 = 1;
    pub const EXPR_NAME: u16 = 1;
    pub const EXPR_DATA: u16 = 2;
    pub const DATA_VALUE: u16 = 1;
    pub const DATA_VERDICT: u16 = 2;
    pub const VERDICT_CODE: u16 = 1;
    pub const VERDICT_CHAIN: u16 = 2;
    pub const IMMEDIATE_DREG: u16 = 1;
    pub const IMMEDIATE_DATA: u16 = 2;
    pub const BITWISE_SREG: u16 = 1;
    pub const BITWISE_DREG: u16 = 2;
    pub const BITWISE_LEN: u16 = 3;
    pub const BITWISE_MASK: u16 = 4;
    pub const BITWISE_XOR: u16 = 5;
    pub const CMP_SREG: u16 = 1;
    pub const CMP_OP: u16 = 2;
    pub const CMP_DATA: u16 = 3;
    pub const LOOKUP_SET: u16 = 1;
    pub const LOOKUP_SREG: u16 = 2;
    pub const LOOKUP_DREG: u16 = 3;
    pub const PAYLOAD_DREG: u16 = 1;
    pub const PAYLOAD_BASE: u16 = 2;
    pub const PAYLOAD_OFFSET: u16 = 3;
    pub const PAYLOAD_LEN: u16 = 4;
    pub const META_DREG: u16 = 1;
    pub const META_KEY: u16 = 2;
    pub const META_SREG: u16 = 3;
    pub const DUP_SREG_ADDR: u16 = 1;
    pub const DUP_SREG_DEV: u16 = 2;
}

/// `NFT_META_IIFKIND`.
const META_IIFKIND: i32 = 26;
/// `NFT_META_OIFKIND`.
const META_OIFKIND: i32 = 27;

/// Something of a packet that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// Source address of an IPv4 header.
    Ip4Saddr,
    /// Destination address of an IPv4 header.
    Ip4Daddr,
    /// Protocol of an IPv4 header.
    Ip4Protocol,
    /// Source address of an IPv6 header.
    Ip6Saddr,
    /// Destination address of an IPv6 header.
    Ip6Daddr,
    /// Transport protocol, past all extension headers.
    L4Proto,
    /// Destination port of TCP, UDP or SCTP; to be asked after [`Field::L4Proto`].
    Dport,
    /// Type of an ICMP or ICMPv6 message; to be asked after [`Field::L4Proto`].
    IcmpType,
    /// Index of the interface that it came in by.
    Iif,
    /// Index of the interface that it leaves by.
    Oif,
    /// Name of the interface that it came in by.
    IifName,
    /// Name of the interface that it leaves by.
    OifName,
    /// Kind of the link that it came in by (`macvlan`).
    IifKind,
    /// Kind of the link that it leaves by.
    OifKind,
}

/// Where a field is found.
enum Source {
    /// Base (`NFT_PAYLOAD_*`) and offset in the packet.
    Payload(i32, u32),
    /// `NFT_META_*`.
    Meta(i32),
}

impl Field {
    fn source(self) -> Source {
        let network = |offset| Source::Payload(libc::NFT_PAYLOAD_NETWORK_HEADER, offset);
        match self {
            Field::Ip4Saddr => network(12),
            Field::Ip4Daddr => network(16),
            Field::Ip4Protocol => network(9),
            Field::Ip6Saddr => network(8),
            Field::Ip6Daddr => network(24),
            Field::L4Proto => Source::Meta(libc::NFT_META_L4PROTO),
            Field::Dport => Source::Payload(libc::NFT_PAYLOAD_TRANSPORT_HEADER, 2),
            Field::IcmpType => Source::Payload(libc::NFT_PAYLOAD_TRANSPORT_HEADER, 0),
            Field::Iif => Source::Meta(libc::NFT_META_IIF),
            Field::Oif => Source::Meta(libc::NFT_META_OIF),
            Field::IifName => Source::Meta(libc::NFT_META_IIFNAME),
            Field::OifName => Source::Meta(libc::NFT_META_OIFNAME),
            Field::IifKind => Source::Meta(META_IIFKIND),
            Field::OifKind => Source::Meta(META_OIFKIND),
        }
    }

    /// Length in bytes.
    const fn len(self) -> usize {
        match self {
            Field::Ip4Protocol | Field::L4Proto | Field::IcmpType => 1,
            Field::Dport => 2,
            Field::Ip4Saddr | Field::Ip4Daddr | Field::Iif | Field::Oif => 4,
            Field::Ip6Saddr | Field::Ip6Daddr => 16,
            Field::IifName | Field::OifName | Field::IifKind | Field::OifKind => NAME_LEN,
        }
    }

    /// How many registers of four bytes it takes.
    const fn registers(self) -> u32 {
        self.len().div_ceil(4) as u32
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It passes this chain and its base chain.
    Accept,
    /// It is gone.
    Drop,
    /// Back to the chain that jumped here.
    Return,
    /// On in this chain, and back.
    Jump(String),
    /// On in this chain, without return.
    Goto(String),
}

impl Verdict {
    const fn code(&self) -> i32 {
        match self {
            Verdict::Drop => libc::NF_DROP,
            Verdict::Accept => libc::NF_ACCEPT,
            Verdict::Jump(_) => libc::NFT_JUMP,
            Verdict::Goto(_) => libc::NFT_GOTO,
            Verdict::Return => libc::NFT_RETURN,
        }
    }
}

/// One step of the kernel's machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Expr {
    Load { field: Field, to: u32 },
    Mask { reg: u32, mask: Vec<u8> },
    Equal { reg: u32, data: Vec<u8> },
    Lookup { set: String, from: u32, to: Option<u32> },
    Dup { addr: u32, dev: u32 },
    SetMark { from: u32 },
    Counter,
    Verdict(Verdict),
}

/// The expressions of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Exprs(Vec<Expr>);

impl Exprs {
    /// A rule that is true of every packet and does nothing yet.
    pub const fn new() -> Self {
        Exprs(Vec::new())
    }

    /// Goes on only if `field` is `data`, which has the field's length.
    #[must_use]
    pub fn is(mut self, field: Field, data: &[u8]) -> Self {
        self.load(field, REG32);
        self.then(Expr::Equal { reg: REG32, data: data.to_vec() })
    }

    /// Goes on only if `field` is the kind of link that is called so (`macvlan`).
    #[must_use]
    pub fn is_name(self, field: Field, name: &str) -> Self {
        self.is(field, &padded(name))
    }

    /// Goes on only if an IPv4 packet is of this protocol (2 is IGMP).
    #[must_use]
    pub fn is_ip_protocol(self, protocol: u8) -> Self {
        self.is(Field::Ip4Protocol, &[protocol])
    }

    /// Goes on only if the packet is an ICMPv6 message of this type.
    #[must_use]
    pub fn is_icmp6(self, kind: u8) -> Self {
        self.is(Field::L4Proto, &[libc::IPPROTO_ICMPV6 as u8]).is(Field::IcmpType, &[kind])
    }

    /// Goes on only if the packet is an ICMPv6 message of a type in `set`.
    #[must_use]
    pub fn is_icmp6_of(self, set: &str) -> Self {
        self.is(Field::L4Proto, &[libc::IPPROTO_ICMPV6 as u8]).is_in(&[Field::IcmpType], set)
    }

    /// Goes on only if the address `field` is inside of the prefix of `len` bits.
    #[must_use]
    pub fn is_within(mut self, field: Field, addr: IpAddr, len: u8) -> Self {
        let bytes = match addr {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        let mask: Vec<u8> = (0..bytes.len())
            .map(|at| {
                let bits = usize::from(len).saturating_sub(at * 8).min(8) as u32;
                0xff_u8.checked_shl(8 - bits).unwrap_or(0)
            })
            .collect();
        let network = bytes.iter().zip(&mask).map(|(byte, mask)| byte & mask).collect();
        self.load(field, REG32);
        self.then(Expr::Mask { reg: REG32, mask }).then(Expr::Equal { reg: REG32, data: network })
    }

    /// Goes on only if `fields`, one after the other, are an element of `set`.
    #[must_use]
    pub fn is_in(mut self, fields: &[Field], set: &str) -> Self {
        self.load_all(fields);
        self.then(Expr::Lookup { set: set.to_owned(), from: REG32, to: None })
    }

    /// Marks the packet as `map` says for `fields`, one after the other; goes on only if it has
    /// them.
    #[must_use]
    pub fn mark_by(mut self, fields: &[Field], map: &str) -> Self {
        self.load_all(fields);
        let map = map.to_owned();
        self.then(Expr::Lookup { set: map, from: REG32, to: Some(REG32) })
            .then(Expr::SetMark { from: REG32 })
    }

    /// Sends a copy of the packet towards the address `to` out of the interface that `map` has
    /// for `key`; goes on only if it has one.
    #[must_use]
    pub fn copy_to(mut self, to: Field, key: Field, map: &str) -> Self {
        self.load(to, REG32);
        self.load(key, SECOND);
        let map = map.to_owned();
        self.then(Expr::Lookup { set: map, from: SECOND, to: Some(SECOND) })
            .then(Expr::Dup { addr: REG32, dev: SECOND })
    }

    /// Counts the packets that get here.
    #[must_use]
    pub fn counter(self) -> Self {
        self.then(Expr::Counter)
    }

    /// The same if `wanted`.
    #[must_use]
    pub fn counter_if(self, wanted: bool) -> Self {
        if wanted { self.counter() } else { self }
    }

    /// Decides on the packet.
    #[must_use]
    pub fn verdict(self, verdict: Verdict) -> Self {
        self.then(Expr::Verdict(verdict))
    }

    /// [`Exprs::verdict`] to drop it.
    #[must_use]
    pub fn drop(self) -> Self {
        self.verdict(Verdict::Drop)
    }

    fn load(&mut self, field: Field, to: u32) {
        self.0.push(Expr::Load { field, to });
    }

    fn load_all(&mut self, fields: &[Field]) {
        let mut to = REG32;
        for field in fields {
            self.load(*field, to);
            to += field.registers();
        }
    }

    fn then(mut self, expr: Expr) -> Self {
        self.0.push(expr);
        self
    }

    /// Appends the value of `NFTA_RULE_EXPRESSIONS`.
    pub(super) fn encode(&self, msg: &mut Msg<'_>) {
        for expr in &self.0 {
            msg.nest(nfta::LIST_ELEM, |elem| {
                elem.attr_str(nfta::EXPR_NAME, expr.name());
                elem.nest(nfta::EXPR_DATA, |data| expr.encode(data));
            });
        }
    }
}

impl Expr {
    fn name(&self) -> &'static str {
        match self {
            Expr::Load { field, .. } => match field.source() {
                Source::Payload(..) => "payload",
                Source::Meta(_) => "meta",
            },
            Expr::Mask { .. } => "bitwise",
            Expr::Equal { .. } => "cmp",
            Expr::Lookup { .. } => "lookup",
            Expr::Dup { .. } => "dup",
            Expr::SetMark { .. } => "meta",
            Expr::Counter => "counter",
            Expr::Verdict(_) => "immediate",
        }
    }

    fn encode(&self, msg: &mut Msg<'_>) {
        match self {
            Expr::Load { field, to } => match field.source() {
                Source::Payload(base, offset) => {
                    msg.attr_be32(nfta::PAYLOAD_DREG, *to);
                    msg.attr_be32(nfta::PAYLOAD_BASE, base as u32);
                    msg.attr_be32(nfta::PAYLOAD_OFFSET, offset);
                    msg.attr_be32(nfta::PAYLOAD_LEN, field.len() as u32);
                }
                Source::Meta(key) => {
                    msg.attr_be32(nfta::META_DREG, *to);
                    msg.attr_be32(nfta::META_KEY, key as u32);
                }
            },
            Expr::Mask { reg, mask } => {
                msg.attr_be32(nfta::BITWISE_SREG, *reg);
                msg.attr_be32(nfta::BITWISE_DREG, *reg);
                msg.attr_be32(nfta::BITWISE_LEN, mask.len() as u32);
                msg.nest(nfta::BITWISE_MASK, |nest| nest.attr(nfta::DATA_VALUE, mask));
                let zeros = vec![0; mask.len()];
                msg.nest(nfta::BITWISE_XOR, |nest| nest.attr(nfta::DATA_VALUE, &zeros));
            }
            Expr::Equal { reg, data } => {
                msg.attr_be32(nfta::CMP_SREG, *reg);
                msg.attr_be32(nfta::CMP_OP, libc::NFT_CMP_EQ as u32);
                msg.nest(nfta::CMP_DATA, |nest| nest.attr(nfta::DATA_VALUE, data));
            }
            Expr::Lookup { set, from, to } => {
                msg.attr_str(nfta::LOOKUP_SET, set);
                msg.attr_be32(nfta::LOOKUP_SREG, *from);
                if let Some(to) = to {
                    msg.attr_be32(nfta::LOOKUP_DREG, *to);
                }
            }
            Expr::Dup { addr, dev } => {
                msg.attr_be32(nfta::DUP_SREG_ADDR, *addr);
                msg.attr_be32(nfta::DUP_SREG_DEV, *dev);
            }
            Expr::SetMark { from } => {
                msg.attr_be32(nfta::META_KEY, libc::NFT_META_MARK as u32);
                msg.attr_be32(nfta::META_SREG, *from);
            }
            Expr::Counter => {}
            Expr::Verdict(verdict) => encode_verdict(verdict, msg),
        }
    }
}

fn encode_verdict(verdict: &Verdict, msg: &mut Msg<'_>) {
    msg.attr_be32(nfta::IMMEDIATE_DREG, REG_VERDICT);
    msg.nest(nfta::IMMEDIATE_DATA, |data| {
        data.nest(nfta::DATA_VERDICT, |nest| {
            nest.attr_be32(nfta::VERDICT_CODE, verdict.code() as u32);
            if let Verdict::Jump(chain) | Verdict::Goto(chain) = verdict {
                nest.attr_str(nfta::VERDICT_CHAIN, chain);
            }
        });
    });
}

/// A name as registers and sets hold it: with zeros to its full length.
pub(super) fn padded(name: &str) -> [u8; NAME_LEN] {
    let mut raw = [0; NAME_LEN];
    // The last byte stays NUL, as in the kernel.
    for (slot, byte) in raw.iter_mut().zip(name.bytes()).take(NAME_LEN - 1) {
        *slot = byte;
    }
    raw
}
