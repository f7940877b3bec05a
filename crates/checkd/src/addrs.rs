//! The addresses of this host, for `ha_suspend` and for `-a`.

use core::net::IpAddr;
use log::{error, info, warn};
use model::global::Buffer;
use netlink::addr::{AddrSpec, F_DADFAILED, F_TENTATIVE};
use netlink::socket::{Event, NlSocket};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Room for the kernel's news, when the configuration does not say.
const RCVBUF: usize = 1024 * 1024;

/// An address on an interface.
type Place = (u32, IpAddr, u8);

/// Watches the addresses of this host.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub monitor: NlSocket,
    here: BTreeSet<Place>,
    /// Names of interfaces, for log lines.
    names: BTreeMap<u32, String>,
    /// `-a`: every change is logged.
    log: bool,
}

/// An address came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub addr: IpAddr,
    pub present: bool,
}

impl Addresses {
    /// Starts to watch, and reads what there is.
    pub fn open(buffer: Buffer, log: bool) -> io::Result<Self> {
        let monitor = NlSocket::monitor(RCVBUF)?;
        if let Some(bytes) = buffer.bytes
            && let Err(e) = monitor.set_room(bytes as usize, buffer.force)
        {
            warn!("cannot set the room for news of addresses to {bytes} bytes: {e}");
        }
        let mut addresses =
            Addresses { monitor, here: BTreeSet::new(), names: BTreeMap::new(), log: false };
        addresses.read_all()?;
        addresses.log = log;
        Ok(addresses)
    }

    /// What is here, each as often as it is.
    pub fn all(&self) -> impl Iterator<Item = IpAddr> {
        self.here.iter().map(|(_, addr, _)| *addr)
    }

    /// What has changed.
    pub fn changes(&mut self) -> Vec<Change> {
        let mut news = Vec::new();
        let mut overrun = false;
        let read = self.monitor.recv_events(|event| match event {
            Event::Overrun => overrun = true,
            other => news.push(other),
        });
        if let Err(e) = read {
            error!("news of addresses: {e}");
            overrun = true;
        }
        let mut changes = Vec::new();
        for event in news {
            match event {
                Event::Link(link) => drop(self.names.insert(link.index, link.name)),
                Event::LinkGone(link) => drop(self.names.remove(&link.index)),
                Event::Addr(a) => changes.extend(self.change(&a.spec, a.new)),
                Event::Overrun => {}
            }
        }
        if overrun {
            warn!("Netlink: notifications were lost, reading all addresses anew");
            match self.read_all() {
                Ok(more) => changes.extend(more),
                Err(e) => error!("cannot read the addresses of this host: {e}"),
            }
        }
        changes
    }

    fn change(&mut self, spec: &AddrSpec, new: bool) -> Option<Change> {
        // One that duplicate address detection has not cleared is not in use.
        let present = new && spec.flags & (F_TENTATIVE | F_DADFAILED) == 0;
        let place = (spec.ifindex, spec.addr, spec.prefix_len);
        let changed = if present { self.here.insert(place) } else { self.here.remove(&place) };
        if changed && self.log {
            let name = self.names.get(&spec.ifindex).map_or("?", String::as_str);
            let what = if present { "added to" } else { "removed from" };
            info!("Netlink reflector reports IP {} {what} {name}", spec.addr);
        }
        changed.then_some(Change { addr: spec.addr, present })
    }

    /// Reads everything; what is not as believed is a change.
    fn read_all(&mut self) -> io::Result<Vec<Change>> {
        let mut socket = NlSocket::request()?;
        let links = socket.dump_links().map_err(io::Error::other)?;
        self.names = links.into_iter().map(|l| (l.index, l.name)).collect();
        let found = socket.dump_addrs().map_err(io::Error::other)?;
        let gone: BTreeSet<Place> = {
            let found = found.iter().map(|a| (a.ifindex, a.addr, a.prefix_len));
            let found = found.collect::<BTreeSet<_>>();
            self.here.difference(&found).copied().collect()
        };
        let mut changes = Vec::new();
        for (ifindex, addr, prefix_len) in gone {
            let spec = AddrSpec::new(ifindex, addr, prefix_len);
            changes.extend(self.change(&spec, false));
        }
        changes.extend(found.iter().filter_map(|a| self.change(a, true)));
        Ok(changes)
    }
}
