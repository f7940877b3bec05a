//! The kernel's daemon that synchronises IPVS connections follows one instance: it sends while
//! that is MASTER, and receives while it is not.
//!
//! Never delays adverts or addresses: it is seen to when a turn has nothing else to do.

use ipc::msg::vrrp::Former;
use model::Global;
use model::global::SyncDaemon;
use netlink::IpvsSocket;
use netlink::ipvs::Daemon;
use std::io;
use types::InstanceId;
use vrrp_proto::{Node, State};

/// What is followed.
#[derive(Debug, PartialEq, Eq)]
struct Follow {
    instance: InstanceId,
    wanted: SyncDaemon,
    /// Sync id.
    id: u8,
}

/// The daemon of this host.
#[derive(Debug, Default)]
pub struct Syncd {
    socket: Option<IpvsSocket>,
    follow: Option<Follow>,
    /// What was started last: the sender?
    running: Option<bool>,
}

impl Syncd {
    /// Opens the socket where `global` wants a daemon, in the network namespace that it names. To
    /// be called before privileges are dropped.
    ///
    /// # Errors
    /// When the socket cannot be opened, or the namespace not be entered.
    pub fn open(global: &Global) -> io::Result<Self> {
        let mut syncd = Syncd::default();
        if wanted(global).is_some() {
            syncd.socket = Some(match &global.net_namespace_ipvs {
                Some(name) => rt::netns::within(name, IpvsSocket::open)??,
                None => IpvsSocket::open()?,
            });
        }
        Ok(syncd)
    }

    /// Takes a new configuration; a daemon that is to be another is ended.
    pub fn configure(&mut self, global: &Global, node: &Node) {
        let follow = wanted(global).and_then(|(wanted, name)| {
            let instance = node.instances().find(|i| i.config().name == name)?;
            let id = wanted.id.unwrap_or(instance.config().vrid.get());
            Some(Follow { instance: instance.id(), wanted: wanted.clone(), id })
        });
        let same = match (&self.follow, &follow) {
            (Some(a), Some(b)) => a.wanted == b.wanted && a.id == b.id,
            (a, b) => a.is_none() && b.is_none(),
        };
        if !same {
            self.stop();
        }
        self.follow = follow;
        if self.follow.is_none() || self.socket.is_some() {
            return;
        }
        if global.net_namespace_ipvs.is_some() {
            log::error!("lvs_sync_daemon beside net_namespace_ipvs takes a restart, not a reload");
            return;
        }
        match IpvsSocket::open() {
            Ok(socket) => self.socket = Some(socket),
            Err(e) => log::error!("lvs_sync_daemon: cannot open a netlink socket: {e}"),
        }
    }

    /// Ends the daemon of a former process, when none is wanted now.
    pub fn end_former(&mut self, former: &[Former]) {
        if self.follow.is_some() {
            return;
        }
        for Former { global, vrrp } in former {
            let Some((daemon, name)) = wanted(global) else { continue };
            let Some(instance) = vrrp.instances.iter().find(|i| i.name == name) else { continue };
            let id = daemon.id.unwrap_or(instance.vrid.get());
            // In a namespace of its own it is out of reach after the drop of privileges.
            let socket = match &mut self.socket {
                Some(socket) => socket,
                None if global.net_namespace_ipvs.is_some() => continue,
                None => match IpvsSocket::open() {
                    Ok(socket) => self.socket.insert(socket),
                    Err(e) => {
                        log::warn!("lvs_sync_daemon: cannot open a netlink socket: {e}");
                        continue;
                    }
                },
            };
            if socket.is_connected() || socket.connect().unwrap_or(false) {
                for master in [true, false] {
                    // One that does not run is none to stop.
                    let _ = socket.stop_daemon(master, id);
                }
            }
        }
    }

    /// Makes the daemon that of the instance's state.
    pub fn catch_up(&mut self, node: &Node) {
        let (Some(follow), Some(socket)) = (&self.follow, &mut self.socket) else { return };
        let Some(state) = node.instance(follow.instance).map(|i| i.state()) else { return };
        let master = state == State::Master;
        if state == State::Init || self.running == Some(master) {
            return;
        }
        // What a crash has left runs with who knows what.
        let left: &[bool] = match self.running {
            Some(was) => &[was],
            None => &[true, false],
        };
        let begun = begin(socket, follow, left, master);
        self.running = Some(master);
        if let Err(what) = begun {
            let state = if master { "master" } else { "backup" };
            let interface = &follow.wanted.interface;
            log::error!("cannot start the IPVS sync daemon ({state}) on {interface}: {what}");
        }
    }

    /// Ends the daemon; before it was begun, what a crash has left.
    pub fn stop(&mut self) {
        let (Some(socket), Some(follow)) = (&mut self.socket, &self.follow) else { return };
        let kinds: &[bool] = match self.running.take() {
            Some(master) => &[master],
            None => &[true, false],
        };
        if socket.is_connected() || socket.connect().unwrap_or(false) {
            for kind in kinds {
                // One that did not start is none to stop.
                let _ = socket.stop_daemon(*kind, follow.id);
            }
        }
    }
}

/// The daemon that `global` wants, if it follows an instance, and that one's name.
fn wanted(global: &Global) -> Option<(&SyncDaemon, &str)> {
    let daemon = global.ipvs.sync_daemon.as_ref()?;
    Some((daemon, daemon.instance.as_deref()?))
}

fn begin(
    socket: &mut IpvsSocket,
    follow: &Follow,
    left: &[bool],
    master: bool,
) -> Result<(), String> {
    if !socket.is_connected() && !socket.connect().map_err(|e| e.to_string())? {
        return Err("the kernel has no ip_vs; load it with 'modprobe ip_vs'".to_owned());
    }
    for kind in left {
        // None is left in most cases.
        let _ = socket.stop_daemon(*kind, follow.id);
    }
    let wanted = &follow.wanted;
    let daemon = Daemon {
        master,
        interface: wanted.interface.clone(),
        id: follow.id,
        maxlen: wanted.maxlen,
        group: wanted.group,
        port: wanted.port,
        ttl: wanted.ttl,
    };
    socket.start_daemon(&daemon).map_err(|e| e.to_string())
}
