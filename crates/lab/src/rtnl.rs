//! Requests to rtnetlink: links and addresses. One socket per host, one request at a time.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Mutex;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoBridge, InfoData, InfoKind, InfoMacVlan, InfoVeth, LinkAttribute, LinkFlags, LinkInfo,
    LinkMessage, MacVlanMode,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage as Rt};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::{Context, Error, Result};

/// A request socket; lives in the namespace it was opened in.
pub(crate) struct Rtnl {
    socket: Mutex<Socket>,
}

impl Rtnl {
    /// Opens the socket in the namespace of the calling thread.
    pub(crate) fn open() -> Result<Self> {
        let open = || -> io::Result<Socket> {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            Ok(socket)
        };
        Ok(Self { socket: Mutex::new(open().context(|| "cannot open a netlink socket")?) })
    }

    /// Makes a bridge without STP delay and without multicast snooping.
    pub(crate) fn add_bridge(&self, name: &str) -> Result<()> {
        let data = InfoData::Bridge(vec![
            InfoBridge::ForwardDelay(0),
            InfoBridge::MulticastSnooping(false),
        ]);
        let link = new_link(name, InfoKind::Bridge, data);
        self.ask(Rt::NewLink(link), NLM_F_CREATE | NLM_F_EXCL, &format!("make bridge {name}"))
    }

    /// Makes a veth pair: `name` here, `peer` in the namespace `peer_net`.
    pub(crate) fn add_veth(&self, name: &str, peer: &str, peer_net: BorrowedFd<'_>) -> Result<()> {
        let mut other = LinkMessage::default();
        other.attributes =
            vec![LinkAttribute::IfName(peer.into()), LinkAttribute::NetNsFd(peer_net.as_raw_fd())];
        let link = new_link(name, InfoKind::Veth, InfoData::Veth(InfoVeth::Peer(other)));
        self.ask(Rt::NewLink(link), NLM_F_CREATE | NLM_F_EXCL, &format!("make veth {name}-{peer}"))
    }

    /// Makes a macvlan in bridge mode on `parent`, with the hardware address `mac`.
    pub(crate) fn add_macvlan(&self, name: &str, parent: &str, mac: [u8; 6]) -> Result<()> {
        let data = InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Bridge)]);
        let mut link = new_link(name, InfoKind::MacVlan, data);
        link.attributes.push(LinkAttribute::Link(self.index(parent)?));
        link.attributes.push(LinkAttribute::Address(mac.to_vec()));
        self.ask(Rt::NewLink(link), NLM_F_CREATE | NLM_F_EXCL, &format!("make macvlan {name}"))
    }

    /// Sets a link up or down.
    pub(crate) fn set_up(&self, name: &str, up: bool) -> Result<()> {
        let mut link = self.link(name)?;
        link.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        link.header.change_mask = LinkFlags::Up;
        self.ask(Rt::SetLink(link), 0, &format!("set {name} {}", if up { "up" } else { "down" }))
    }

    /// Makes `name` a port of the bridge `controller`.
    pub(crate) fn set_controller(&self, name: &str, controller: &str) -> Result<()> {
        let mut link = self.link(name)?;
        link.attributes.push(LinkAttribute::Controller(self.index(controller)?));
        self.ask(Rt::SetLink(link), 0, &format!("attach {name} to {controller}"))
    }

    /// Takes `name` off its bridge.
    pub(crate) fn clear_controller(&self, name: &str) -> Result<()> {
        let mut link = self.link(name)?;
        link.attributes.push(LinkAttribute::Controller(0));
        self.ask(Rt::SetLink(link), 0, &format!("detach {name}"))
    }

    /// Sets the hardware address of a link.
    pub(crate) fn set_mac(&self, name: &str, mac: [u8; 6]) -> Result<()> {
        let mut link = self.link(name)?;
        link.attributes.push(LinkAttribute::Address(mac.to_vec()));
        self.ask(Rt::SetLink(link), 0, &format!("set the hardware address of {name}"))
    }

    /// Renames a link; it must be down on kernels before 6.1.
    pub(crate) fn rename(&self, name: &str, to: &str) -> Result<()> {
        let mut link = self.link(name)?;
        link.attributes.push(LinkAttribute::IfName(to.into()));
        self.ask(Rt::SetLink(link), 0, &format!("rename {name} to {to}"))
    }

    /// Deletes a link.
    pub(crate) fn del_link(&self, name: &str) -> Result<()> {
        let link = self.link(name)?;
        self.ask(Rt::DelLink(link), 0, &format!("delete {name}"))
    }

    /// Adds an address; v6 addresses skip duplicate address detection.
    pub(crate) fn add_addr(&self, name: &str, addr: IpAddr, prefix: u8) -> Result<()> {
        let message = Rt::NewAddress(self.addr_message(name, addr, prefix)?);
        let what = format!("add {addr}/{prefix} to {name}");
        self.ask(message, NLM_F_CREATE | NLM_F_EXCL, &what)
    }

    /// Deletes an address.
    pub(crate) fn del_addr(&self, name: &str, addr: IpAddr, prefix: u8) -> Result<()> {
        let message = Rt::DelAddress(self.addr_message(name, addr, prefix)?);
        self.ask(message, 0, &format!("delete {addr}/{prefix} from {name}"))
    }

    /// Index of a link.
    pub(crate) fn index(&self, name: &str) -> Result<u32> {
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(name.into()));
        let what = format!("find {name}");
        let answers = self.exchange(Rt::GetLink(link), 0, &what)?;
        let found = answers.into_iter().find_map(|answer| match answer {
            Rt::NewLink(link) => Some(link.header.index),
            _ => None,
        });
        found.ok_or_else(|| Error::new(format!("cannot {what}: no answer")))
    }

    /// Every address: (interface index, address).
    pub(crate) fn addrs(&self) -> Result<Vec<(u32, IpAddr)>> {
        let message = Rt::GetAddress(AddressMessage::default());
        let answers = self.exchange(message, NLM_F_DUMP, "list addresses")?;
        Ok(answers.iter().filter_map(addr_of).collect())
    }

    fn link(&self, name: &str) -> Result<LinkMessage> {
        let mut link = LinkMessage::default();
        link.header.index = self.index(name)?;
        Ok(link)
    }

    fn addr_message(&self, name: &str, addr: IpAddr, prefix: u8) -> Result<AddressMessage> {
        let mut message = AddressMessage::default();
        message.header.index = self.index(name)?;
        message.header.prefix_len = prefix;
        message.attributes.push(AddressAttribute::Address(addr));
        message.attributes.push(AddressAttribute::Local(addr));
        message.header.family = match addr {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        if addr.is_ipv6() {
            message.header.flags = AddressHeaderFlags::Nodad;
        }
        Ok(message)
    }

    fn ask(&self, message: Rt, flags: u16, what: &str) -> Result<()> {
        self.exchange(message, flags, what).map(drop)
    }

    fn exchange(&self, message: Rt, flags: u16, what: &str) -> Result<Vec<Rt>> {
        let socket = self.socket.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        exchange(&socket, message, flags).context(|| format!("cannot {what}"))
    }
}

fn new_link(name: &str, kind: InfoKind, data: InfoData) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes = vec![
        LinkAttribute::IfName(name.into()),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind), LinkInfo::Data(data)]),
    ];
    link
}

/// The address an address message is about.
pub(crate) fn addr_of(message: &Rt) -> Option<(u32, IpAddr)> {
    let (Rt::NewAddress(message) | Rt::DelAddress(message)) = message else { return None };
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(addr) => Some(*addr),
        _ => None,
    });
    let addr = local.or_else(|| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(addr) => Some(*addr),
            _ => None,
        })
    });
    addr.map(|addr| (message.header.index, addr))
}

/// Messages in one datagram; what cannot be decoded is left out.
pub(crate) fn split(mut bytes: &[u8]) -> Vec<NetlinkMessage<Rt>> {
    let mut messages = Vec::new();
    while let Some(length) = bytes.first_chunk().map(|c| u32::from_ne_bytes(*c) as usize) {
        if length < 16 || length > bytes.len() {
            break;
        }
        messages.extend(NetlinkMessage::deserialize(&bytes[..length]));
        bytes = &bytes[bytes.len().min(length.next_multiple_of(4))..];
    }
    messages
}

fn exchange(socket: &Socket, message: Rt, flags: u16) -> io::Result<Vec<Rt>> {
    let dump = flags & NLM_F_DUMP == NLM_F_DUMP;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags | if dump { 0 } else { NLM_F_ACK };
    let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let mut answers = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        for message in split(&datagram) {
            match message.payload {
                NetlinkPayload::InnerMessage(inner) => answers.push(inner),
                NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(answers),
                _ => {}
            }
        }
    }
}
