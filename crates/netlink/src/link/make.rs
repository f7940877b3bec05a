//! Requests that make, change and remove links.

use super::{AddrGenMode, F_UP, Ipv4Key, conf, header};
use super::{IFLA_IPVLAN_FLAGS, IFLA_IPVLAN_MODE, IFLA_MACVLAN_MODE};
use crate::wire::Msg;
use nix::libc;

/// Kind of a link that sits on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// A MAC of its own.
    Macvlan {
        /// `MACVLAN_MODE_*`, [`super::MACVLAN_PRIVATE`] for a virtual router.
        mode: u32,
    },
    /// The MAC of the link below, addresses of its own.
    Ipvlan {
        /// `IPVLAN_MODE_*`, [`super::IPVLAN_L2`] for a virtual router.
        mode: u16,
        /// `IPVLAN_F_*`; 0 is bridge.
        flags: u16,
    },
}

impl LinkKind {
    fn encode(self, msg: &mut Msg<'_>) {
        msg.nest(libc::IFLA_LINKINFO, |info| match self {
            LinkKind::Macvlan { mode } => {
                info.attr_str(libc::IFLA_INFO_KIND, "macvlan");
                info.nest(libc::IFLA_INFO_DATA, |data| data.attr_u32(IFLA_MACVLAN_MODE, mode));
            }
            LinkKind::Ipvlan { mode, flags } => {
                info.attr_str(libc::IFLA_INFO_KIND, "ipvlan");
                info.nest(libc::IFLA_INFO_DATA, |data| {
                    data.attr_u16(IFLA_IPVLAN_MODE, mode);
                    data.attr_u16(IFLA_IPVLAN_FLAGS, flags);
                });
            }
        });
    }
}

/// A link to be made; the request is `RTM_NEWLINK` with create and exclusive flags. It is made
/// down: set it up by a [`LinkChange`] of its own, after one that says how link-local addresses
/// are to be made, since the kernel makes them when the link goes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// Its name, at most 15 bytes.
    pub name: String,
    /// Index of the link it sits on.
    pub parent: u32,
    /// Its kind.
    pub kind: LinkKind,
    /// Its link-layer address; `None` is the kernel's choice. An ipvlan has its parent's.
    pub mac: Option<[u8; 6]>,
    /// Device group.
    pub group: u32,
    /// Index of the VRF or bridge that it is to belong to.
    pub master: Option<u32>,
}

impl NewLink {
    /// A link of default group without master, its MAC left to the kernel.
    pub fn new(name: &str, parent: u32, kind: LinkKind) -> Self {
        NewLink { name: name.to_owned(), parent, kind, mac: None, group: 0, master: None }
    }

    /// Appends the body of the request.
    pub fn encode(&self, msg: &mut Msg<'_>) {
        header(msg, 0, 0, 0);
        msg.attr_str(libc::IFLA_IFNAME, &self.name);
        msg.attr_u32(libc::IFLA_LINK, self.parent);
        if let Some(mac) = &self.mac {
            msg.attr(libc::IFLA_ADDRESS, mac);
        }
        if self.group != 0 {
            msg.attr_u32(libc::IFLA_GROUP, self.group);
        }
        if let Some(master) = self.master {
            msg.attr_u32(libc::IFLA_MASTER, master);
        }
        self.kind.encode(msg);
    }
}

/// Which link a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkRef<'a> {
    /// By index.
    Index(u32),
    /// By name, so that a request can follow the one that makes the link in the same batch.
    Name(&'a str),
}

/// What is to change on a link; the request is `RTM_NEWLINK` without flags. The kernel brings the
/// link up or down first and looks at the settings of IPv4 and IPv6 last, and so [`Self::up`] does
/// not belong into the request that sets them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkChange {
    /// Set it up or down.
    pub up: Option<bool>,
    /// Set its link-layer address.
    pub mac: Option<[u8; 6]>,
    /// Rename it; only by index.
    pub name: Option<String>,
    /// Put it into this VRF or bridge; 0 takes it out.
    pub master: Option<u32>,
    /// Set its device group.
    pub group: Option<u32>,
    /// Set mode and flags of a macvlan or ipvlan; the kind itself cannot change.
    pub kind: Option<LinkKind>,
    /// Set how link-local addresses are made.
    pub addr_gen_mode: Option<AddrGenMode>,
    /// Set IPv4 settings.
    pub ipv4: Vec<(Ipv4Key, u32)>,
}

impl LinkChange {
    /// Appends the body of the request.
    pub fn encode(&self, link: LinkRef<'_>, msg: &mut Msg<'_>) {
        let (flags, change) = match self.up {
            Some(true) => (F_UP, F_UP),
            Some(false) => (0, F_UP),
            None => (0, 0),
        };
        match link {
            LinkRef::Index(index) => {
                header(msg, index, flags, change);
                if let Some(name) = &self.name {
                    msg.attr_str(libc::IFLA_IFNAME, name);
                }
            }
            LinkRef::Name(name) => {
                header(msg, 0, flags, change);
                msg.attr_str(libc::IFLA_IFNAME, name);
            }
        }
        if let Some(mac) = &self.mac {
            msg.attr(libc::IFLA_ADDRESS, mac);
        }
        if let Some(group) = self.group {
            msg.attr_u32(libc::IFLA_GROUP, group);
        }
        if let Some(master) = self.master {
            msg.attr_u32(libc::IFLA_MASTER, master);
        }
        if let Some(kind) = self.kind {
            kind.encode(msg);
        }
        conf::encode(&self.ipv4, self.addr_gen_mode, msg);
    }
}

/// Appends the body of an `RTM_NEWLINK` request that sets a link up or down.
pub fn encode_set_up(msg: &mut Msg<'_>, index: u32, up: bool) {
    LinkChange { up: Some(up), ..LinkChange::default() }.encode(LinkRef::Index(index), msg);
}

/// Appends the body of an `RTM_DELLINK` request.
pub fn encode_del(msg: &mut Msg<'_>, index: u32) {
    header(msg, index, 0, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{IPVLAN_F_PRIVATE, IPVLAN_F_VEPA, IPVLAN_L2, NEW};
    use crate::wire;

    /// Attributes of a message in order of their numbers.
    fn attrs(message: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let body = &message[wire::HEADER_LEN + 16..];
        let mut all: Vec<_> =
            wire::attrs(body).map(|(kind, value)| (kind, value.to_vec())).collect();
        all.sort();
        all
    }

    fn message(body: impl FnOnce(&mut Msg<'_>)) -> Vec<u8> {
        let mut buf = Vec::new();
        let mut msg = Msg::begin(&mut buf, NEW, 0, 0);
        body(&mut msg);
        msg.finish();
        buf
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |two: &[u8]| u8::from_str_radix(core::str::from_utf8(two).unwrap(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    // Links that few kernels of test machines know, as iproute2 6.1 makes them.

    #[test]
    fn a_private_ipvlan_is_made_as_ip_does() {
        // ip link add vrrp.9 link v0 address 00:00:5e:00:01:09 group 5 type ipvlan mode l2 private
        let kind = LinkKind::Ipvlan { mode: IPVLAN_L2, flags: IPVLAN_F_PRIVATE };
        let link = NewLink {
            mac: Some([0, 0, 0x5e, 0, 1, 9]),
            group: 5,
            ..NewLink::new("vrrp.9", 3, kind)
        };
        let theirs = bytes(
            "6c000000 10000506 f88e046b 00000000
             00000000 00000000 00000000 00000000
             0a000100 00005e00 01090000 08001b00
             05000000 08000500 03000000 0b000300
             76727270 2e390000 24001200 0a000100
             6970766c 616e0000 14000200 06000100
             00000000 06000200 01000000",
        );
        // ip leaves out NLA_F_NESTED and the kind's NUL; the kernel takes both.
        assert_eq!(flat(&message(|msg| link.encode(msg))), flat(&theirs));
    }

    #[test]
    fn an_ipvlan_of_layer_3_is_made_as_ip_does() {
        // ip link add vrrp.9 link v0 type ipvlan mode l3 vepa
        let link = NewLink::new("vrrp.9", 3, LinkKind::Ipvlan { mode: 1, flags: IPVLAN_F_VEPA });
        let theirs = bytes(
            "58000000 10000506 f88e046b 00000000
             00000000 00000000 00000000 00000000
             08000500 03000000 0b000300 76727270
             2e390000 24001200 0a000100 6970766c
             616e0000 14000200 06000100 01000000
             06000200 02000000",
        );
        assert_eq!(flat(&message(|msg| link.encode(msg))), flat(&theirs));
    }

    /// Attributes, those of `IFLA_LINKINFO` taken apart.
    fn flat(message: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let mut flat = Vec::new();
        for (kind, value) in attrs(message) {
            if kind != libc::IFLA_LINKINFO {
                flat.push((kind, value));
                continue;
            }
            for (kind, value) in wire::attrs(&value) {
                if kind == libc::IFLA_INFO_DATA {
                    flat.extend(wire::attrs(value).map(|(kind, value)| (kind, value.to_vec())));
                } else {
                    flat.push((kind, wire::string(value).into_bytes()));
                }
            }
        }
        flat
    }

    #[test]
    fn a_master_is_set_and_taken_away_by_index() {
        let mut change = LinkChange { master: Some(7), ..LinkChange::default() };
        let seven = message(|msg| change.encode(LinkRef::Name("eth0"), msg));
        assert_eq!(
            attrs(&seven),
            [
                (libc::IFLA_IFNAME, b"eth0\0".to_vec()),
                (libc::IFLA_MASTER, 7u32.to_ne_bytes().to_vec())
            ]
        );
        change.master = Some(0);
        let none = message(|msg| change.encode(LinkRef::Index(3), msg));
        assert_eq!(attrs(&none), [(libc::IFLA_MASTER, vec![0; 4])]);
    }
}
