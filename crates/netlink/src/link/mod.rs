//! `RTM_NEWLINK`, `RTM_DELLINK` (`linux/if_link.h`, rtnetlink(7)).
//!
//! Owns links as the kernel reports them ([`Link`]) and the requests that make ([`NewLink`]),
//! change ([`LinkChange`]) and remove them.

mod conf;
mod make;

use crate::wire::{self, Msg};
use nix::libc;

pub use conf::{AddrGenMode, Ipv4Conf, Ipv4Key};
pub use make::{LinkChange, LinkKind, LinkRef, NewLink, encode_del, encode_set_up};

/// `RTM_NEWLINK`.
pub const NEW: u16 = libc::RTM_NEWLINK;
/// `RTM_DELLINK`.
pub const DEL: u16 = libc::RTM_DELLINK;
/// `RTM_GETLINK`.
pub const GET: u16 = libc::RTM_GETLINK;

/// `IFF_UP`.
pub const F_UP: u32 = libc::IFF_UP as u32;
/// `IFF_RUNNING`.
pub const F_RUNNING: u32 = libc::IFF_RUNNING as u32;
/// `IFF_NOARP`.
pub const F_NOARP: u32 = libc::IFF_NOARP as u32;
/// `IFF_LOOPBACK`.
pub const F_LOOPBACK: u32 = libc::IFF_LOOPBACK as u32;
/// `IFF_POINTOPOINT`.
pub const F_POINTOPOINT: u32 = libc::IFF_POINTOPOINT as u32;
/// `IFF_MULTICAST`.
pub const F_MULTICAST: u32 = libc::IFF_MULTICAST as u32;

/// `MACVLAN_MODE_PRIVATE`: the mode of a virtual-MAC link.
pub const MACVLAN_PRIVATE: u32 = 1;
/// `IPVLAN_MODE_L2`.
pub const IPVLAN_L2: u16 = 0;
/// `IPVLAN_F_PRIVATE`: no traffic among the ipvlans of a link.
pub const IPVLAN_F_PRIVATE: u16 = 1;
/// `IPVLAN_F_VEPA`: such traffic goes out to the switch.
pub const IPVLAN_F_VEPA: u16 = 2;

/// Length of `struct ifinfomsg`.
const IFINFOMSG_LEN: usize = 16;
/// `IFLA_MACVLAN_MODE`.
const IFLA_MACVLAN_MODE: u16 = 1;
/// `IFLA_IPVLAN_MODE`.
const IFLA_IPVLAN_MODE: u16 = 1;
/// `IFLA_IPVLAN_FLAGS`.
const IFLA_IPVLAN_FLAGS: u16 = 2;
/// `IFLA_VRF_TABLE`.
const IFLA_VRF_TABLE: u16 = 1;
/// `IFLA_PERM_ADDRESS`.
const IFLA_PERM_ADDRESS: u16 = 54;

/// A network interface as the kernel reports it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Interface name.
    pub name: String,
    /// `IFF_*`.
    pub flags: u32,
    /// `ARPHRD_*`: 1 Ethernet, 32 InfiniBand, 772 loopback.
    pub hw_type: u16,
    /// Maximum transmission unit in bytes.
    pub mtu: u32,
    /// Link-layer address: 6 bytes on Ethernet, 20 on InfiniBand.
    pub mac: Vec<u8>,
    /// The address the hardware came with, where the driver says.
    pub perm_mac: Option<Vec<u8>>,
    /// Link-layer broadcast address.
    pub broadcast: Vec<u8>,
    /// Index of the bridge, bond or VRF that it belongs to.
    pub master: Option<u32>,
    /// Kind of a virtual link (`macvlan`, `veth`, `vrf`...).
    pub kind: Option<String>,
    /// Mode of a macvlan (`MACVLAN_MODE_*`).
    pub macvlan_mode: Option<u32>,
    /// Mode (`IPVLAN_MODE_*`) and flags (`IPVLAN_F_*`) of an ipvlan.
    pub ipvlan: Option<(u16, u16)>,
    /// Routing table of a VRF.
    pub vrf_table: Option<u32>,
    /// IPv4 settings; `None` without IPv4 on the link.
    pub ipv4: Option<Ipv4Conf>,
    /// How IPv6 makes link-local addresses; `None` without IPv6 on the link.
    pub addr_gen_mode: Option<AddrGenMode>,
    /// `IF_OPER_*` of RFC 2863 (6 is up).
    pub operstate: u8,
    /// Index of the link below (`IFLA_LINK`). Of a veth it is the other end's index, in whatever
    /// namespace that is.
    pub parent: Option<u32>,
    /// Set when [`Link::parent`] counts in another network namespace (`IFLA_LINK_NETNSID`).
    pub parent_netns: Option<u32>,
    /// Group of the device (`ip link set group`).
    pub group: u32,
}

impl Link {
    /// Whether the interface can carry adverts: administratively up and running.
    pub const fn is_up(&self) -> bool {
        self.flags & F_UP != 0 && self.flags & F_RUNNING != 0
    }

    /// Whether it is a macvlan.
    pub fn is_macvlan(&self) -> bool {
        self.kind.as_deref() == Some("macvlan")
    }

    /// Reads the body of a link message; `None` when it is malformed, without name, or comes from
    /// another family than the device's own (bridge ports send such).
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let header = payload.get(..IFINFOMSG_LEN)?;
        if i32::from(*header.first()?) != libc::AF_UNSPEC {
            return None;
        }
        let mut link = Link {
            index: wire::u32_at(header, 4)?,
            flags: wire::u32_at(header, 8)?,
            hw_type: wire::u16_at(header, 2)?,
            ..Link::default()
        };
        for (kind, value) in wire::attrs(payload.get(IFINFOMSG_LEN..)?) {
            link.take(kind, value);
        }
        (!link.name.is_empty() && link.index != 0).then_some(link)
    }

    fn take(&mut self, kind: u16, value: &[u8]) {
        match kind {
            libc::IFLA_IFNAME => self.name = wire::string(value),
            libc::IFLA_MTU => self.mtu = wire::u32_at(value, 0).unwrap_or_default(),
            libc::IFLA_ADDRESS => self.mac = value.to_vec(),
            libc::IFLA_BROADCAST => self.broadcast = value.to_vec(),
            IFLA_PERM_ADDRESS => self.perm_mac = Some(value.to_vec()),
            libc::IFLA_MASTER => self.master = wire::u32_at(value, 0),
            libc::IFLA_LINK => self.parent = wire::u32_at(value, 0).filter(|index| *index != 0),
            libc::IFLA_LINK_NETNSID => self.parent_netns = wire::u32_at(value, 0),
            libc::IFLA_OPERSTATE => self.operstate = value.first().copied().unwrap_or_default(),
            libc::IFLA_GROUP => self.group = wire::u32_at(value, 0).unwrap_or_default(),
            libc::IFLA_LINKINFO => self.take_info(value),
            libc::IFLA_AF_SPEC => (self.ipv4, self.addr_gen_mode) = conf::parse(value),
            _ => {}
        }
    }

    fn take_info(&mut self, info: &[u8]) {
        for (kind, value) in wire::attrs(info) {
            match kind {
                libc::IFLA_INFO_KIND => self.kind = Some(wire::string(value)),
                // IFLA_INFO_KIND comes first, so the kind is known when its data arrives.
                libc::IFLA_INFO_DATA => self.take_info_data(value),
                _ => {}
            }
        }
    }

    fn take_info_data(&mut self, data: &[u8]) {
        let find = |wanted| wire::attrs(data).find(|(kind, _)| *kind == wanted);
        match self.kind.as_deref() {
            Some("macvlan") => {
                let mode = find(IFLA_MACVLAN_MODE);
                self.macvlan_mode = mode.and_then(|(_, mode)| wire::u32_at(mode, 0));
            }
            Some("ipvlan") => {
                let mode = find(IFLA_IPVLAN_MODE).and_then(|(_, mode)| wire::u16_at(mode, 0));
                let flags = find(IFLA_IPVLAN_FLAGS).and_then(|(_, flags)| wire::u16_at(flags, 0));
                self.ipvlan = mode.map(|mode| (mode, flags.unwrap_or_default()));
            }
            Some("vrf") => {
                let table = find(IFLA_VRF_TABLE);
                self.vrf_table = table.and_then(|(_, table)| wire::u32_at(table, 0));
            }
            _ => {}
        }
    }
}

/// Appends the body of an `RTM_GETLINK` dump.
pub fn encode_dump(msg: &mut Msg<'_>) {
    header(msg, 0, 0, 0);
}

/// Appends `struct ifinfomsg`.
fn header(msg: &mut Msg<'_>, index: u32, flags: u32, change: u32) {
    let mut raw = [0u8; IFINFOMSG_LEN];
    raw[4..8].copy_from_slice(&index.to_ne_bytes());
    raw[8..12].copy_from_slice(&flags.to_ne_bytes());
    raw[12..16].copy_from_slice(&change.to_ne_bytes());
    msg.bytes(&raw);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn macvlan() -> Vec<u8> {
        let mut buf = Vec::new();
        let mut msg = Msg::begin(&mut buf, NEW, 0, 1);
        let kind = LinkKind::Macvlan { mode: MACVLAN_PRIVATE };
        let spec = NewLink { mac: Some([0, 0, 0x5e, 0, 1, 1]), ..NewLink::new("vrrp.1", 2, kind) };
        spec.encode(&mut msg);
        msg.finish();
        buf.split_off(wire::HEADER_LEN)
    }

    #[test]
    fn a_link_needs_an_index_and_a_name() {
        let mut bytes = macvlan();
        assert_eq!(Link::parse(&bytes), None);
        bytes[4] = 9;
        let link = Link::parse(&bytes).unwrap();
        assert_eq!((link.index, link.name.as_str(), link.parent), (9, "vrrp.1", Some(2)));
        assert_eq!(link.macvlan_mode, Some(MACVLAN_PRIVATE));
        assert_eq!(Link::parse(&bytes[..IFINFOMSG_LEN]), None);
    }

    /// The body of a report about a link of `kind`, whose data and IPv4 and IPv6 settings
    /// `data` and `conf` append.
    fn report(kind: &str, data: impl Fn(&mut Msg<'_>), conf: impl Fn(&mut Msg<'_>)) -> Vec<u8> {
        let mut buf = Vec::new();
        let mut msg = Msg::begin(&mut buf, NEW, 0, 1);
        header(&mut msg, 9, F_UP, 0);
        msg.attr_str(libc::IFLA_IFNAME, "red");
        msg.nest(libc::IFLA_LINKINFO, |info| {
            info.attr_str(libc::IFLA_INFO_KIND, kind);
            info.nest(libc::IFLA_INFO_DATA, &data);
        });
        msg.nest(libc::IFLA_AF_SPEC, conf);
        msg.finish();
        buf.split_off(wire::HEADER_LEN)
    }

    #[test]
    fn a_vrf_has_a_table_and_an_ipvlan_a_mode_and_flags() {
        let vrf = report("vrf", |data| data.attr_u32(IFLA_VRF_TABLE, 1_000), |_| ());
        assert_eq!(Link::parse(&vrf).unwrap().vrf_table, Some(1_000));
        let data = |data: &mut Msg<'_>| {
            data.attr_u16(IFLA_IPVLAN_MODE, IPVLAN_L2);
            data.attr_u16(IFLA_IPVLAN_FLAGS, IPVLAN_F_VEPA);
        };
        let ipvlan = Link::parse(&report("ipvlan", data, |_| ())).unwrap();
        assert_eq!(ipvlan.ipvlan, Some((IPVLAN_L2, IPVLAN_F_VEPA)));
        // The same numbers mean other things to other kinds.
        let other = Link::parse(&report("dummy", data, |_| ())).unwrap();
        assert_eq!((other.ipvlan, other.vrf_table, other.macvlan_mode), (None, None, None));
        assert_eq!((other.ipv4, other.addr_gen_mode), (None, None));
    }

    #[test]
    fn up_means_administratively_up_and_running() {
        let up = |flags| Link { flags, ..Link::default() }.is_up();
        assert!(up(F_UP | F_RUNNING));
        assert!(!up(F_UP) && !up(F_RUNNING));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(
            cut in 0usize..200,
            damage in proptest::collection::vec((0usize..200, any::<u8>()), 0..8),
            noise in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut bytes = macvlan();
            for (at, value) in damage {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(cut);
            let _ = (Link::parse(&bytes), Link::parse(&noise));
            let conf = |spec: &mut Msg<'_>| {
                spec.attr(libc::AF_INET as u16, &noise);
                spec.nest(libc::AF_INET6 as u16, |inet6| inet6.attr(8, &noise));
                spec.nest(libc::AF_INET as u16, |inet| inet.attr(1, &noise));
            };
            for kind in ["macvlan", "ipvlan", "vrf"] {
                let _ = Link::parse(&report(kind, |data| data.attr(1, &noise), conf));
            }
        }
    }
}
