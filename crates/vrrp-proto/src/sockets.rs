//! Which sockets are open and whose packets they carry.
//!
//! Owns the sharing of sockets between instances and the way from a packet to
//! its instance.

use crate::action::{Action, Out, SocketId, SocketKey};
use crate::instance::Instance;
use crate::packet::{IPPROTO_AH, IPPROTO_VRRP};
use std::collections::HashMap;
use types::{IfIndex, InstanceId};

/// All sockets.
#[derive(Debug, Default)]
pub struct Sockets {
    open: Vec<Option<Socket>>,
    keys: HashMap<SocketKey, SocketId>,
    routes: HashMap<(SocketId, u8), Vec<InstanceId>>,
}

#[derive(Debug)]
struct Socket {
    key: SocketKey,
    users: u32,
}

/// What an instance's socket must be bound to; `None` while something for it
/// is missing.
pub fn key_of(i: &Instance, vrf: Option<IfIndex>) -> Option<SocketKey> {
    let src = i.src?;
    let ifindex = i.ifindex;
    if i.config.interface.is_some() && ifindex.is_none() {
        return None;
    }
    let multicast = !i.is_unicast();
    Some(SocketKey {
        family: i.family(),
        proto: if i.auth.ah.is_some() { IPPROTO_AH } else { IPPROTO_VRRP },
        ifindex,
        vrf: if ifindex.is_none() { vrf } else { None },
        addr: if multicast { i.config.mcast_group } else { src },
        multicast,
    })
}

impl Sockets {
    /// The instances that may be meant by a packet.
    pub fn route(&self, socket: SocketId, vrid: u8) -> &[InstanceId] {
        self.routes.get(&(socket, vrid)).map_or(&[], Vec::as_slice)
    }

    /// Some instance on the socket.
    pub fn any_user(&self, socket: SocketId) -> Option<InstanceId> {
        let mut users = self.routes.iter().filter(|r| r.0.0 == socket).flat_map(|r| r.1);
        users.next().copied()
    }

    /// What a socket is bound to.
    pub fn key(&self, socket: SocketId) -> Option<&SocketKey> {
        self.open.get(socket.index())?.as_ref().map(|s| &s.key)
    }

    /// Gives the instance the socket it needs, and takes back the other.
    pub fn assign(&mut self, i: &mut Instance, want: Option<SocketKey>, out: &mut Out) {
        if i.socket.and_then(|s| self.key(s)) == want.as_ref() {
            return;
        }
        self.release(i, out);
        if let Some(key) = want {
            let id = self.acquire(key, i.config.kernel_rx_buf_size, out);
            self.routes.entry((id, i.config.vrid.get())).or_default().push(i.id);
            i.socket = Some(id);
        }
    }

    fn acquire(&mut self, key: SocketKey, rcvbuf: Option<u32>, out: &mut Out) -> SocketId {
        if let Some(id) = self.keys.get(&key).copied()
            && let Some(Some(socket)) = self.open.get_mut(id.index())
        {
            socket.users += 1;
            return id;
        }
        let slot = self.open.iter().position(Option::is_none).unwrap_or(self.open.len());
        if slot == self.open.len() {
            self.open.push(None);
        }
        let id = SocketId(slot as u32);
        if let Some(place) = self.open.get_mut(slot) {
            *place = Some(Socket { key, users: 1 });
        }
        self.keys.insert(key, id);
        out.actions.push(Action::OpenSocket { id, key, rcvbuf });
        id
    }

    /// Takes back the instance's socket; the last user's is closed.
    pub fn release(&mut self, i: &mut Instance, out: &mut Out) {
        let Some(id) = i.socket.take() else { return };
        let route = (id, i.config.vrid.get());
        if let Some(users) = self.routes.get_mut(&route) {
            users.retain(|u| *u != i.id);
            if users.is_empty() {
                self.routes.remove(&route);
            }
        }
        let Some(place) = self.open.get_mut(id.index()) else { return };
        let Some(socket) = place else { return };
        socket.users -= 1;
        if socket.users == 0 {
            self.keys.remove(&socket.key);
            *place = None;
            out.actions.push(Action::CloseSocket { id });
        }
    }

    /// Number of users by socket, for the invariants.
    pub fn users(&self) -> impl Iterator<Item = (SocketId, u32)> {
        let open = self.open.iter().enumerate();
        open.filter_map(|(i, s)| Some((SocketId(i as u32), s.as_ref()?.users)))
    }
}
