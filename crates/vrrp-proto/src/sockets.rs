//! Which sockets are open and whose packets they carry.
//!
//! Owns the sharing of sockets between instances and the way from a packet to
//! its instance.

use crate::action::{Action, Out, SocketId, SocketKey};
use crate::auth;
use crate::instance::Instance;
use crate::links::Links;
use crate::packet::{AUTH_DATA, HEADER, IPPROTO_AH, IPPROTO_VRRP};
use model::global::{Buffers, RxBufsPolicy};
use model::vrrp::Version;
use std::collections::HashMap;
use types::{Family, IfIndex, InstanceId};

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
    /// Room that its users ask for, in bytes; 0 leaves it to the kernel.
    room: u32,
    /// One of its users.
    some: InstanceId,
}

/// What an instance adds to the room of its socket: `kernel_rx_buf_size`, or
/// what `vrrp_rx_bufs_policy` says.
pub fn room_of(i: &Instance, buffers: &Buffers, links: &Links) -> u32 {
    if let Some(bytes) = i.config.kernel_rx_buf_size {
        return bytes;
    }
    let packet = match buffers.rx_policy {
        RxBufsPolicy::None => return 0,
        RxBufsPolicy::Bytes(bytes) => return bytes,
        RxBufsPolicy::Mtu => i.ifindex.and_then(|n| links.get(n)).map_or(0, |l| l.mtu),
        RxBufsPolicy::Advert => advert_len(i),
    };
    packet.saturating_mul(buffers.rx_multiplier)
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

/// The length of an advert with its IP header.
fn advert_len(i: &Instance) -> u32 {
    let v4 = i.family() == Family::V4;
    let parts = [
        (true, if v4 { 20 } else { 40 }),
        (i.auth.ah.is_some(), auth::AH_LEN),
        (true, HEADER + i.packed.len()),
        (v4 && i.config.version == Version::V2, AUTH_DATA),
        (i.auth.hmac.is_some(), auth::TRAILER_LEN),
    ];
    parts.into_iter().filter(|p| p.0).map(|p| p.1 as u32).sum()
}

impl Sockets {
    /// The instances that may be meant by a packet.
    pub fn route(&self, socket: SocketId, vrid: u8) -> &[InstanceId] {
        self.routes.get(&(socket, vrid)).map_or(&[], Vec::as_slice)
    }

    /// Some instance on the socket.
    pub fn any_user(&self, socket: SocketId) -> Option<InstanceId> {
        self.open.get(socket.index())?.as_ref().map(|s| s.some)
    }

    /// What a socket is bound to.
    pub fn key(&self, socket: SocketId) -> Option<&SocketKey> {
        self.open.get(socket.index())?.as_ref().map(|s| &s.key)
    }

    /// Gives the instance the socket it needs, and takes back the other.
    pub fn assign(&mut self, i: &mut Instance, want: Option<SocketKey>, room: u32, out: &mut Out) {
        if i.socket.and_then(|s| self.key(s)) == want.as_ref() {
            if let Some(id) = i.socket.filter(|_| i.room != room) {
                self.change_room(id, i.room, room, out);
                i.room = room;
            }
            return;
        }
        self.release(i, out);
        if let Some(key) = want {
            let id = self.acquire(key, i.id, room, out);
            self.routes.entry((id, i.config.vrid.get())).or_default().push(i.id);
            (i.socket, i.socket_key, i.room) = (Some(id), want, room);
        }
    }

    fn change_room(&mut self, id: SocketId, less: u32, more: u32, out: &mut Out) {
        let Some(Some(socket)) = self.open.get_mut(id.index()) else { return };
        let bytes = socket.room.saturating_sub(less).saturating_add(more);
        if bytes != socket.room {
            socket.room = bytes;
            out.actions.push(Action::SocketRoom { id, bytes });
        }
    }

    fn acquire(&mut self, key: SocketKey, user: InstanceId, room: u32, out: &mut Out) -> SocketId {
        if let Some(id) = self.keys.get(&key).copied()
            && let Some(Some(socket)) = self.open.get_mut(id.index())
        {
            socket.users += 1;
            self.change_room(id, 0, room, out);
            return id;
        }
        let slot = self.open.iter().position(Option::is_none).unwrap_or(self.open.len());
        if slot == self.open.len() {
            self.open.push(None);
        }
        let id = SocketId(slot as u32);
        if let Some(place) = self.open.get_mut(slot) {
            *place = Some(Socket { key, users: 1, room, some: user });
        }
        self.keys.insert(key, id);
        let rcvbuf = Some(room).filter(|bytes| *bytes > 0);
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
            return;
        }
        if socket.some == i.id {
            let others = self.routes.iter().filter(|r| r.0.0 == id).flat_map(|r| r.1);
            if let Some(other) = others.copied().next() {
                socket.some = other;
            }
        }
        self.change_room(id, i.room, 0, out);
    }

    /// Number of users and room by socket, for the invariants.
    pub fn users(&self) -> impl Iterator<Item = (SocketId, u32, u32)> {
        let open = self.open.iter().enumerate();
        open.filter_map(|(i, s)| {
            let s = s.as_ref()?;
            Some((SocketId(i as u32), s.users, s.room))
        })
    }
}
