//! What dumps show beside the instances themselves: groups, tracked objects, static addresses,
//! interfaces.

use crate::event::State;
use crate::input::TrackValue;
use crate::links::Link;
use crate::node::Node;
use crate::status::Status;
use crate::track;
use core::net::IpAddr;
use model::TrackObject;
use model::net::Address;
use model::vrrp::SyncGroup;
use types::{HwAddr, IfIndex, Mono};

/// An interface of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkShown<'a> {
    /// Kernel index.
    pub index: IfIndex,
    /// Name.
    pub name: &'a str,
    /// Hardware address.
    pub mac: HwAddr,
    /// Somebody set it up.
    pub set_up: bool,
    /// Instances see it up.
    pub up: bool,
    /// Its flags (`IFF_*`).
    pub flags: u32,
    /// It sends multicast.
    pub multicast: bool,
    /// It has no ARP.
    pub noarp: bool,
    /// Largest packet.
    pub mtu: u32,
    /// Device group.
    pub group: u32,
    /// Name of the VRF that it belongs to.
    pub vrf: Option<&'a str>,
    /// It forwards IPv6.
    pub forwarding: bool,
    /// Its addresses that the configuration does not have, in the order in which they were told.
    pub addresses: Vec<IpAddr>,
}

impl Node {
    /// The sync groups, in configuration order: each with its state and its members.
    pub fn sync_groups(&self) -> impl Iterator<Item = (&SyncGroup, State, Vec<Status<'_>>)> {
        self.groups.iter().map(|g| {
            let members = g.members.iter().filter_map(|id| self.instance(*id)).collect();
            (&*g.config, g.state, members)
        })
    }

    /// Name of the sync group that an instance belongs to.
    pub fn group_name(&self, s: Status<'_>) -> Option<&str> {
        self.groups.get(s.instance().group?).map(|g| &*g.name)
    }

    /// The tracked objects by id, and their values.
    pub fn tracked(&self) -> impl Iterator<Item = (&TrackObject, TrackValue)> {
        self.tracks.iter().map(|t| (&t.object, t.value))
    }

    /// The static addresses: each, its interface, and whether it is set.
    pub fn static_addresses(&self) -> impl Iterator<Item = (&Address, &str, bool)> {
        let places = self.statics.places().zip(self.static_places());
        places.map(|((vip, dev), (_, set))| (&*vip.addr, dev, set))
    }

    /// Priority of an instance with all weights, before it is kept within its bounds.
    pub fn total_priority(&self, s: Status<'_>) -> i32 {
        let i = s.instance();
        let weight = track::assess(&i.watches, &i.refs, &self.links, &self.tracks).weight;
        i32::from(i.config.priority.0) + if i.config.priority.is_owner() { 0 } else { weight }
    }

    /// The interfaces of the host, by index.
    pub fn links_shown(&self) -> Vec<LinkShown<'_>> {
        let mut all: Vec<_> = self.links.all().map(|l| self.link_shown(l)).collect();
        all.sort_by_key(|l| l.index);
        all
    }

    fn is_ours(&self, addr: IpAddr) -> bool {
        self.index.vips.contains(addr) || self.statics.places().any(|(v, _)| v.ip() == addr)
    }

    fn link_shown<'a>(&'a self, l: &'a Link) -> LinkShown<'a> {
        let master = l.master.and_then(|index| self.links.get(index)).filter(|m| m.vrf);
        LinkShown {
            index: l.index,
            name: &l.name,
            mac: l.mac,
            set_up: l.set_up,
            up: l.up,
            flags: l.flags(),
            multicast: l.multicast,
            noarp: l.noarp,
            mtu: l.mtu,
            group: l.group,
            vrf: master.map(|m| &*m.name),
            forwarding: l.forwarding,
            addresses: l.addresses().filter(|a| !self.is_ours(*a)).collect(),
        }
    }
}

impl Status<'_> {
    /// Whether it waits for the first result of a tracked object.
    pub fn is_waiting(self) -> bool {
        self.instance().waiting
    }

    /// When its timer for adverts, or for those of its master, ends.
    pub fn deadline(self) -> Option<Mono> {
        self.instance().timer
    }

    /// Whether its adverts are summed as old releases did.
    pub fn sums_as_old(self) -> bool {
        self.instance().old_checksum
    }
}
