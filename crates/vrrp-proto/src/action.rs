//! What the machine asks for.
//!
//! Owns the output vocabulary and the arena that carries it. Never performs
//! anything: the shell does, and failure comes back as an input.
//!
//! # Contract
//! * [`Out::adverts`] go out first, in order and in one go, before anything of
//!   [`Out::actions`]. Their packets lie in [`Out::bytes`].
//! * [`Out::actions`] are performed in order. The shell may put off
//!   [`Action::AddAddr`], [`Action::DelAddr`], [`Action::AddFib`],
//!   [`Action::DelFib`] and [`Action::Garp`] to batch them or to let a tick
//!   pass in between, as long as those of one instance (and those of one
//!   address, route or rule) keep their order. All others are performed
//!   before the next [`Node::handle`](crate::Node::handle).
//! * [`Action::Garp`] asks for `count` packets: send one, then queue the rest
//!   behind what waits already. So the first packet of every address precedes
//!   any repeat, and addresses are interleaved as the reference does it. A
//!   packet is not sent before its address is in place.
//! * A notification ([`Detail::Silent`](crate::Detail::Silent) report) of an
//!   instance is delivered after its earlier address actions.
//! * [`Action::CancelGarps`] drops what is still queued for the instance.

use crate::event::Event;
use crate::fib::{FibEntry, Ways};
use crate::firewall;
use crate::replace::Instead;
use core::net::IpAddr;
use core::ops::Range;
use model::net::Address;
use model::vrrp::IpvlanMode;
use std::sync::Arc;
use types::{Family, HwAddr, IfIndex, InstanceId};

/// Results of one or more calls of [`Node::handle`](crate::Node::handle);
/// reused between calls so that nothing is allocated in steady state.
#[derive(Debug, Default, PartialEq)]
pub struct Out {
    /// Adverts to send, before all else.
    pub adverts: Vec<SendAdvert>,
    /// Everything else, in order.
    pub actions: Vec<Action>,
    /// Packets that [`SendAdvert::bytes`] points into.
    pub bytes: Vec<u8>,
}

/// Room for actions that is kept.
const ACTIONS_KEPT: usize = 1024;

impl Out {
    /// Empties it, keeping the memory that is needed time and again: a take-over of many addresses
    /// takes much more.
    pub fn clear(&mut self) {
        self.adverts.clear();
        self.actions.clear();
        self.bytes.clear();
        self.actions.shrink_to(ACTIONS_KEPT);
    }

    /// The packet of `advert`.
    pub fn packet(&self, advert: &SendAdvert) -> &[u8] {
        self.bytes.get(advert.bytes.start as usize..advert.bytes.end as usize).unwrap_or(&[])
    }

    pub(crate) fn report(&mut self, event: Event) {
        self.actions.push(Action::Report(event));
    }
}

/// One advert for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendAdvert {
    /// Who advertises.
    pub instance: InstanceId,
    /// The socket that it belongs to. It may be opened by an action beside it only, and its handle
    /// may be that of one that is closed by another.
    pub socket: SocketId,
    /// What that one is bound to.
    pub key: SocketKey,
    /// Multicast group or unicast peer.
    pub dst: IpAddr,
    /// Source address; IPv4 packets hold it already, for IPv6 it goes into
    /// `IPV6_PKTINFO`.
    pub src: IpAddr,
    /// Outgoing interface; `None` lets routing decide (unicast without
    /// interface).
    pub ifindex: Option<IfIndex>,
    /// IPv6 hop limit; `None` is the kernel's default. IPv4 packets hold it.
    pub hop_limit: Option<u8>,
    /// IPv4: the whole packet with header (`IP_HDRINCL`). IPv6: the payload,
    /// whose checksum (offset 6) the kernel fills in; traffic class is 0xC0.
    pub bytes: Range<u32>,
}

/// Handle of a socket pair; small and dense, reused after closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SocketId(pub u32);

impl SocketId {
    /// The id as an index into a table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a pair of receive and send sockets is bound to; several instances
/// share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketKey {
    /// Address family.
    pub family: Family,
    /// IP protocol: 112, or 51 with AH.
    pub proto: u8,
    /// Interface to bind to; `None` for unicast without one.
    pub ifindex: Option<IfIndex>,
    /// VRF interface to bind to, unicast without interface.
    pub vrf: Option<IfIndex>,
    /// The multicast group to join, or the unicast source address to bind to
    /// (free bind).
    pub addr: IpAddr,
    /// Whether [`SocketKey::addr`] is a group.
    pub multicast: bool,
}

/// Whose object an action is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A virtual router's.
    Instance(InstanceId),
    /// `static_ipaddress` and the like.
    Static,
    /// The address that a virtual link sends from.
    Link,
    /// A configuration's that an earlier process ran.
    Former,
}

/// A request to the shell.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open a socket pair. On failure keep trying, and say so.
    OpenSocket {
        /// Handle for adverts and packets.
        id: SocketId,
        /// What it is bound to.
        key: SocketKey,
        /// Receive buffer that the instance asks for that opens it, in bytes;
        /// `None` is the kernel's default.
        rcvbuf: Option<u32>,
    },
    /// Give a receiver room for so many bytes of unread packets.
    SocketRoom {
        /// Its handle.
        id: SocketId,
        /// The room.
        bytes: u32,
    },
    /// Close it; its packets that are still queued are dropped.
    CloseSocket {
        /// Handle.
        id: SocketId,
    },
    /// Add an address to an interface.
    AddAddr {
        /// Whose.
        owner: Owner,
        /// Where.
        ifindex: IfIndex,
        /// What.
        addr: Arc<Address>,
        /// Moved but not advertised (`virtual_ipaddress_excluded`).
        excluded: bool,
    },
    /// Remove an address from an interface.
    DelAddr {
        /// Whose.
        owner: Owner,
        /// Where.
        ifindex: IfIndex,
        /// What.
        addr: Arc<Address>,
        /// Moved but not advertised (`virtual_ipaddress_excluded`).
        excluded: bool,
        /// Its absence is no error.
        best_effort: bool,
    },
    /// Make a virtual link, or put right one that is there; answered by
    /// [`Input::LinkDone`](crate::Input::LinkDone).
    MakeLink(LinkSpec),
    /// Firewall tables of this name may be there, and are not wanted.
    RulesLeft(String),
    /// Remove a virtual link.
    RemoveLink {
        /// Its name.
        name: Arc<str>,
        /// The link itself, when an earlier process made it.
        index: Option<IfIndex>,
    },
    /// Add a route or rule.
    AddFib {
        /// Whose.
        owner: Owner,
        /// What.
        entry: FibEntry,
        /// Where it leads.
        ways: Arc<Ways>,
        /// The route that it takes the place of, in one step. Where the kernel refuses, that one
        /// is to be removed.
        instead: Option<Instead>,
    },
    /// Remove a route or rule.
    DelFib {
        /// Whose.
        owner: Owner,
        /// What.
        entry: FibEntry,
        /// Where it led.
        ways: Arc<Ways>,
        /// Its absence is no error.
        best_effort: bool,
    },
    /// Have these rules in the firewall from now on; see `firewall` in the shell for the order.
    Rules(firewall::Rules),
    /// Have an element in a set of the firewall, or no more. What hides an address is in place
    /// before the address is, and goes after it.
    Rule {
        /// Which.
        element: firewall::Element,
        /// In the set; else out of it.
        wanted: bool,
    },
    /// Send gratuitous ARPs or unsolicited neighbour advertisements.
    Garp(Garp),
    /// Drop what is queued of this instance's [`Action::Garp`]s.
    CancelGarps {
        /// Whose.
        instance: InstanceId,
    },
    /// News, for logs, notifications, counters and dumps.
    Report(Event),
}

/// Kind of a virtual link, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// A macvlan in private mode with this MAC.
    Vmac([u8; 6]),
    /// An ipvlan of layer 2.
    Ipvlan(IpvlanMode),
}

impl LinkKind {
    /// The MAC that it needs.
    pub const fn mac(self) -> Option<[u8; 6]> {
        match self {
            LinkKind::Vmac(mac) => Some(mac),
            LinkKind::Ipvlan(_) => None,
        }
    }

    /// Whether one can be changed into the other.
    pub const fn is_like(self, other: Self) -> bool {
        matches!(
            (self, other),
            (LinkKind::Vmac(_), LinkKind::Vmac(_)) | (LinkKind::Ipvlan(_), LinkKind::Ipvlan(_))
        )
    }
}

/// What a virtual link is to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSpec {
    /// Its name.
    pub name: Arc<str>,
    /// The name that was asked for, when that is another link's, or when the link was there by
    /// another.
    pub instead_of: Option<Arc<str>>,
    /// Name of an instance that uses it, for log lines.
    pub user: Arc<str>,
    /// Its kind.
    pub kind: LinkKind,
    /// The interface that it sits on.
    pub parent: IfIndex,
    /// Name of that.
    pub parent_name: Arc<str>,
    /// Device group.
    pub group: u32,
    /// The VRF that it belongs to, which is its parent's.
    pub master: Option<IfIndex>,
    /// Family of its virtual router: the settings of ARP and source checks depend on it.
    pub family: Family,
    /// Whether there will be IPv6 on it.
    pub ipv6: bool,
    /// The link that is to become this one, instead of a new one.
    pub existing: Option<IfIndex>,
    /// A link that is in its place and has to go first.
    pub replaces: Option<IfIndex>,
}

/// `count` gratuitous ARPs (RFC 5227) or unsolicited neighbour advertisements
/// (RFC 4861 section 7.2.6) for one address;
/// [`garp::encode`](crate::garp::encode) makes the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garp {
    /// Whose.
    pub instance: InstanceId,
    /// Name of the instance.
    pub name: Arc<str>,
    /// The address.
    pub addr: IpAddr,
    /// Interface to send on.
    pub ifindex: IfIndex,
    /// Name of the interface.
    pub ifname: Arc<str>,
    /// Kind of the interface (`ARPHRD_*`).
    pub hw_type: u16,
    /// Hardware address of the interface.
    pub mac: HwAddr,
    /// Where its broadcasts go.
    pub broadcast: HwAddr,
    /// Router flag of a neighbour advertisement.
    pub router: bool,
    /// Number of packets.
    pub count: u32,
}
