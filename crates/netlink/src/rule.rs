//! `RTM_NEWRULE`, `RTM_DELRULE` (`linux/fib_rules.h`, ip-rule(8)).

use crate::route::{af, family_of, prefix};
use crate::wire::{self, Msg};
use nix::libc;
use types::{Family, Prefix};

/// `RTM_NEWRULE`.
pub const NEW: u16 = libc::RTM_NEWRULE;
/// `RTM_DELRULE`.
pub const DEL: u16 = libc::RTM_DELRULE;
/// `RTM_GETRULE`.
pub const GET: u16 = libc::RTM_GETRULE;
/// Number that iproute2's `rt_protos` gives to keepalived (`RTPROT_KEEPALIVED`).
pub const PROTO_KEEPALIVED: u8 = crate::addr::PROTO_KEEPALIVED;

/// Length of `struct fib_rule_hdr`.
const HEADER_LEN: usize = 12;
/// `FIB_RULE_INVERT`.
const F_INVERT: u32 = 2;

/// `FRA_*`.
mod fra {
    pub const DST: u16 = 1;
    pub const SRC: u16 = 2;
    pub const IIFNAME: u16 = 3;
    pub const GOTO: u16 = 4;
    pub const PRIORITY: u16 = 6;
    pub const FWMARK: u16 = 10;
    pub const FLOW: u16 = 11;
    pub const TUN_ID: u16 = 12;
    pub const SUPPRESS_IFGROUP: u16 = 13;
    pub const SUPPRESS_PREFIXLEN: u16 = 14;
    pub const TABLE: u16 = 15;
    pub const FWMASK: u16 = 16;
    pub const OIFNAME: u16 = 17;
    pub const L3MDEV: u16 = 19;
    pub const UID_RANGE: u16 = 20;
    pub const PROTOCOL: u16 = 21;
    pub const IP_PROTO: u16 = 22;
    pub const SPORT_RANGE: u16 = 23;
    pub const DPORT_RANGE: u16 = 24;
}

/// `FR_ACT_*`.
mod act {
    pub const TO_TBL: u8 = 1;
    pub const GOTO: u8 = 2;
    pub const NOP: u8 = 3;
    pub const BLACKHOLE: u8 = 6;
    pub const UNREACHABLE: u8 = 7;
    pub const PROHIBIT: u8 = 8;
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleAction {
    /// Look up this table.
    Table(u32),
    /// Look up the table of the packet's VRF.
    L3mdev,
    /// Go on at the rule of this priority.
    Goto(u32),
    /// Nothing.
    Nop,
    /// Drop silently.
    Blackhole,
    /// Drop with ICMP unreachable.
    Unreachable,
    /// Drop with ICMP prohibited.
    Prohibit,
}

/// A rule of the routing policy, as asked for or as reported.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RuleSpec {
    /// Family.
    pub family: Family,
    /// Source prefix.
    pub from: Option<Prefix>,
    /// Destination prefix.
    pub to: Option<Prefix>,
    /// Whether the selector is inverted.
    pub not: bool,
    /// The action.
    pub action: RuleAction,
    /// Priority: rules of lower numbers are asked first.
    pub priority: u32,
    /// TOS.
    pub tos: u8,
    /// Firewall mark and mask.
    pub fwmark: Option<(u32, u32)>,
    /// Realms, source in the upper and destination in the lower half (IPv4).
    pub realms: Option<u32>,
    /// Ignore routes with a prefix of this length or shorter.
    pub suppress_prefixlength: Option<u32>,
    /// Ignore routes out of this interface group.
    pub suppress_ifgroup: Option<u32>,
    /// Name of the incoming interface; it need not exist.
    pub iif: Option<String>,
    /// Name of the outgoing interface; it need not exist.
    pub oif: Option<String>,
    /// Tunnel id.
    pub tunnel_id: Option<u64>,
    /// User ids, first and last.
    pub uid_range: Option<(u32, u32)>,
    /// `FRA_PROTOCOL`: who set it, a `RTPROT_*`.
    pub protocol: u8,
    /// IP protocol.
    pub ip_proto: Option<u8>,
    /// Source ports, first and last.
    pub sport: Option<(u16, u16)>,
    /// Destination ports, first and last.
    pub dport: Option<(u16, u16)>,
}

impl RuleSpec {
    /// A rule for all packets, by keepalived's protocol number.
    pub const fn new(family: Family, priority: u32, action: RuleAction) -> Self {
        RuleSpec {
            family,
            from: None,
            to: None,
            not: false,
            action,
            priority,
            tos: 0,
            fwmark: None,
            realms: None,
            suppress_prefixlength: None,
            suppress_ifgroup: None,
            iif: None,
            oif: None,
            tunnel_id: None,
            uid_range: None,
            protocol: PROTO_KEEPALIVED,
            ip_proto: None,
            sport: None,
            dport: None,
        }
    }

    /// Appends the body of an `RTM_NEWRULE` request (create and exclusive flags) or of an
    /// `RTM_DELRULE` request. The kernel removes the first rule that agrees in everything given;
    /// what the spec leaves open may be anything, so rules that differ only in being narrower
    /// should have priorities of their own.
    pub fn encode(&self, msg: &mut Msg<'_>) {
        self.encode_header(msg);
        if let Some(from) = self.from.filter(|from| from.len > 0) {
            msg.attr_ip(fra::SRC, from.addr);
        }
        if let Some(to) = self.to.filter(|to| to.len > 0) {
            msg.attr_ip(fra::DST, to.addr);
        }
        msg.attr_u32(fra::PRIORITY, self.priority);
        msg.attr_u8(fra::PROTOCOL, self.protocol);
        match self.action {
            RuleAction::Table(table) if u8::try_from(table).is_err() => {
                msg.attr_u32(fra::TABLE, table);
            }
            RuleAction::L3mdev => msg.attr_u8(fra::L3MDEV, 1),
            RuleAction::Goto(priority) => msg.attr_u32(fra::GOTO, priority),
            _ => {}
        }
        self.encode_selectors(msg);
        let numbers = [
            (fra::FLOW, self.realms),
            (fra::SUPPRESS_PREFIXLEN, self.suppress_prefixlength),
            (fra::SUPPRESS_IFGROUP, self.suppress_ifgroup),
        ];
        for (kind, number) in numbers {
            if let Some(number) = number {
                msg.attr_u32(kind, number);
            }
        }
    }

    fn encode_header(&self, msg: &mut Msg<'_>) {
        let len = |prefix: Option<Prefix>| prefix.map_or(0, |prefix| prefix.len);
        let (action, table) = match self.action {
            // Tables from 256 on are in FRA_TABLE.
            RuleAction::Table(table) => (act::TO_TBL, u8::try_from(table).unwrap_or(0)),
            RuleAction::L3mdev => (act::TO_TBL, 0),
            RuleAction::Goto(_) => (act::GOTO, 0),
            RuleAction::Nop => (act::NOP, 0),
            RuleAction::Blackhole => (act::BLACKHOLE, 0),
            RuleAction::Unreachable => (act::UNREACHABLE, 0),
            RuleAction::Prohibit => (act::PROHIBIT, 0),
        };
        let [f0, f1, f2, f3] = if self.not { F_INVERT } else { 0 }.to_ne_bytes();
        let (to, from) = (len(self.to), len(self.from));
        msg.bytes(&[af(self.family), to, from, self.tos, table, 0, 0, action, f0, f1, f2, f3]);
    }

    fn encode_selectors(&self, msg: &mut Msg<'_>) {
        if let Some((mark, mask)) = self.fwmark {
            msg.attr_u32(fra::FWMARK, mark);
            msg.attr_u32(fra::FWMASK, mask);
        }
        if let Some(iif) = &self.iif {
            msg.attr_str(fra::IIFNAME, iif);
        }
        if let Some(oif) = &self.oif {
            msg.attr_str(fra::OIFNAME, oif);
        }
        if let Some(id) = self.tunnel_id {
            msg.attr(fra::TUN_ID, &id.to_be_bytes());
        }
        if let Some((first, last)) = self.uid_range {
            msg.attr(fra::UID_RANGE, &[first.to_ne_bytes(), last.to_ne_bytes()].concat());
        }
        if let Some(proto) = self.ip_proto {
            msg.attr_u8(fra::IP_PROTO, proto);
        }
        for (kind, ports) in [(fra::SPORT_RANGE, self.sport), (fra::DPORT_RANGE, self.dport)] {
            if let Some((first, last)) = ports {
                msg.attr(kind, &[first.to_ne_bytes(), last.to_ne_bytes()].concat());
            }
        }
    }

    /// Reads the body of a rule message; `None` when it is malformed, of another family than IPv4
    /// and IPv6, or of an action that nobody here can ask for.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let header = payload.get(..HEADER_LEN)?;
        let &[family, to_len, from_len, tos, table, _, _, action, ..] = header else {
            return None;
        };
        let family = family_of(family)?;
        let action = match action {
            act::TO_TBL => RuleAction::Table(table.into()),
            act::GOTO => RuleAction::Goto(0),
            act::NOP => RuleAction::Nop,
            act::BLACKHOLE => RuleAction::Blackhole,
            act::UNREACHABLE => RuleAction::Unreachable,
            act::PROHIBIT => RuleAction::Prohibit,
            _ => return None,
        };
        let mut rule = RuleSpec {
            not: wire::u32_at(header, 8)? & F_INVERT != 0,
            tos,
            protocol: 0,
            ..RuleSpec::new(family, 0, action)
        };
        for (kind, value) in wire::attrs(payload.get(HEADER_LEN..)?) {
            match kind {
                fra::SRC => rule.from = Some(prefix(family, value, from_len)?),
                fra::DST => rule.to = Some(prefix(family, value, to_len)?),
                _ => rule.take(kind, value),
            }
        }
        Some(rule)
    }

    fn take(&mut self, kind: u16, value: &[u8]) {
        let number = wire::u32_at(value, 0);
        match kind {
            fra::PRIORITY => self.priority = number.unwrap_or_default(),
            fra::PROTOCOL => self.protocol = value.first().copied().unwrap_or_default(),
            fra::TABLE => {
                if let (RuleAction::Table(table), Some(number)) = (&mut self.action, number) {
                    *table = number;
                }
            }
            fra::GOTO => {
                if let (RuleAction::Goto(priority), Some(number)) = (&mut self.action, number) {
                    *priority = number;
                }
            }
            fra::L3MDEV if value.first().is_some_and(|on| *on != 0) => {
                self.action = RuleAction::L3mdev;
            }
            fra::FWMARK => self.fwmark = number.map(|mark| (mark, self.mask())),
            fra::FWMASK => {
                let mark = self.fwmark.map_or(0, |(mark, _)| mark);
                self.fwmark = number.filter(|mask| *mask != 0).map(|mask| (mark, mask));
            }
            // The kernel says "none" by all ones.
            fra::SUPPRESS_PREFIXLEN => {
                self.suppress_prefixlength = number.filter(|len| *len != u32::MAX);
            }
            fra::SUPPRESS_IFGROUP => {
                self.suppress_ifgroup = number.filter(|group| *group != u32::MAX);
            }
            fra::FLOW => self.realms = number.filter(|realms| *realms != 0),
            fra::IIFNAME => self.iif = Some(wire::string(value)),
            fra::OIFNAME => self.oif = Some(wire::string(value)),
            fra::TUN_ID => self.tunnel_id = wire::be64_at(value, 0).filter(|id| *id != 0),
            fra::UID_RANGE => self.uid_range = number.zip(wire::u32_at(value, 4)),
            fra::IP_PROTO => self.ip_proto = value.first().copied(),
            fra::SPORT_RANGE => self.sport = wire::u16_at(value, 0).zip(wire::u16_at(value, 2)),
            fra::DPORT_RANGE => self.dport = wire::u16_at(value, 0).zip(wire::u16_at(value, 2)),
            _ => {}
        }
    }

    /// The mask read so far; a mark without a mask is compared whole.
    fn mask(&self) -> u32 {
        self.fwmark.map_or(u32::MAX, |(_, mask)| mask)
    }

    /// Whether the reported rule `seen` is the one that this spec asks for: equal, with what the
    /// kernel normalises (host bits and prefixes of length 0) set aside.
    pub fn is(&self, seen: &RuleSpec) -> bool {
        self.normal() == seen.normal()
    }

    fn normal(&self) -> RuleSpec {
        let network = crate::route::network;
        RuleSpec { from: network(self.from), to: network(self.to), ..self.clone() }
    }
}

/// Appends the body of an `RTM_GETRULE` dump of one family or both.
pub(crate) fn encode_dump(family: Option<Family>, msg: &mut Msg<'_>) {
    let mut header = [0u8; HEADER_LEN];
    header[0] = family.map_or(libc::AF_UNSPEC as u8, af);
    msg.bytes(&header);
}

/// A rule appeared or went; rules never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleEvent {
    /// Set; else removed.
    pub new: bool,
    /// The rule.
    pub spec: RuleSpec,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    fn body(spec: &RuleSpec) -> Vec<u8> {
        let mut buf = Vec::new();
        let mut msg = Msg::begin(&mut buf, NEW, 0, 1);
        spec.encode(&mut msg);
        msg.finish();
        buf.split_off(wire::HEADER_LEN)
    }

    #[test]
    fn host_bits_and_empty_prefixes_do_not_matter() {
        let prefix = |text: &str, len| Some(Prefix { addr: text.parse().unwrap(), len });
        let mut asked = RuleSpec::new(Family::V4, 5, RuleAction::Table(1000));
        asked.from = prefix("10.1.2.3", 8);
        asked.to = prefix("0.0.0.0", 0);
        let mut seen = RuleSpec { from: prefix("10.0.0.0", 8), to: None, ..asked.clone() };
        assert!(asked.is(&seen));
        seen.not = true;
        assert!(!asked.is(&seen));
    }

    fn actions() -> impl Strategy<Value = RuleAction> {
        prop_oneof![
            any::<u32>().prop_map(RuleAction::Table),
            any::<u32>().prop_map(RuleAction::Goto),
            Just(RuleAction::L3mdev),
            Just(RuleAction::Nop),
            Just(RuleAction::Blackhole),
            Just(RuleAction::Unreachable),
            Just(RuleAction::Prohibit),
        ]
    }

    fn prefixes(family: Family) -> impl Strategy<Value = Option<Prefix>> {
        let addr = match family {
            Family::V4 => any::<[u8; 4]>().prop_map(core::net::IpAddr::from).boxed(),
            Family::V6 => any::<[u8; 16]>().prop_map(core::net::IpAddr::from).boxed(),
        };
        option::of((addr, 1..=family.bits()).prop_map(|(addr, len)| Prefix { addr, len }))
    }

    fn specs() -> impl Strategy<Value = RuleSpec> {
        prop_oneof![Just(Family::V4), Just(Family::V6)].prop_flat_map(|family| {
            let ends = (prefixes(family), prefixes(family), any::<bool>(), actions());
            let numbers = (any::<u32>(), any::<[u8; 2]>(), option::of((any::<u32>(), 1..u32::MAX)));
            let lookups = [(); 3].map(|()| option::of(1..u32::MAX));
            let names = [(); 2].map(|()| option::of("[a-z0-9.]{1,15}"));
            let ranges = (option::of(any::<(u32, u32)>()), option::of(any::<u8>()));
            let ports = [(); 2].map(|()| option::of(any::<(u16, u16)>()));
            let rest = (names, ranges, ports, option::of(1..u64::MAX));
            (ends, numbers, lookups, rest).prop_map(move |(ends, numbers, lookups, rest)| {
                let (from, to, not, action) = ends;
                let (priority, [tos, protocol], fwmark) = numbers;
                let [realms, suppress_prefixlength, suppress_ifgroup] = lookups;
                let ([iif, oif], (uid_range, ip_proto), [sport, dport], tunnel_id) = rest;
                RuleSpec {
                    family,
                    from,
                    to,
                    not,
                    action,
                    priority,
                    tos,
                    fwmark,
                    realms,
                    suppress_prefixlength,
                    suppress_ifgroup,
                    iif,
                    oif,
                    tunnel_id,
                    uid_range,
                    protocol,
                    ip_proto,
                    sport,
                    dport,
                }
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_asked_for_is_what_is_read(spec in specs()) {
            let read = RuleSpec::parse(&body(&spec)).unwrap();
            prop_assert!(spec.is(&read));
            prop_assert_eq!(read, spec);
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
            for bytes in [bytes, noise] {
                if let Some(read) = RuleSpec::parse(&bytes) {
                    let _ = (read.is(&spec), body(&read));
                }
            }
        }
    }
}
