//! What is set beside the table: how long connections are kept, and the sync daemons that follow
//! no instance.

use log::error;
use model::global::{Ipvs, SyncDaemon};
use netlink::IpvsSocket;
use netlink::ipvs::{Daemon, Timeouts};

/// What was set by us and is to be undone.
#[derive(Debug, Default)]
pub struct Settings {
    /// The timeouts before ours.
    original: Option<Timeouts>,
    /// The daemons that run.
    daemon: Option<SyncDaemon>,
}

impl Settings {
    /// Sets what `wanted` asks for, if that is not so already.
    pub fn apply(&mut self, socket: &mut IpvsSocket, wanted: &Ipvs) {
        self.timeouts(socket, wanted);
        let daemon = wanted.sync_daemon.as_ref().filter(|d| d.instance.is_none());
        if self.daemon.as_ref() != daemon {
            self.stop_daemons(socket);
            if let Some(daemon) = daemon {
                self.start_daemons(socket, daemon);
            }
        }
    }

    /// Undoes it.
    pub fn undo(&mut self, socket: &mut IpvsSocket) {
        self.stop_daemons(socket);
        if let Some(original) = self.original.take() {
            set(socket, &original);
        }
    }

    fn timeouts(&mut self, socket: &mut IpvsSocket, wanted: &Ipvs) {
        let asked = [wanted.timeout_tcp, wanted.timeout_tcpfin, wanted.timeout_udp];
        if asked == [None; 3] && self.original.is_none() {
            return;
        }
        let original = match self.original {
            Some(original) => original,
            None => match socket.timeouts() {
                Ok(original) => *self.original.insert(original),
                Err(e) => {
                    error!("IPVS: cannot read the timeouts: {e}");
                    return;
                }
            },
        };
        let [tcp, tcp_fin, udp] = asked;
        set(
            socket,
            &Timeouts {
                tcp: tcp.unwrap_or(original.tcp),
                tcp_fin: tcp_fin.unwrap_or(original.tcp_fin),
                udp: udp.unwrap_or(original.udp),
            },
        );
    }

    fn start_daemons(&mut self, socket: &mut IpvsSocket, wanted: &SyncDaemon) {
        for master in [true, false] {
            // One that a crash has left runs with who knows what.
            let id = wanted.id.unwrap_or_default();
            let _ = socket.stop_daemon(master, id);
            if let Err(e) = socket.start_daemon(&daemon(wanted, master)) {
                let state = if master { "master" } else { "backup" };
                let interface = &wanted.interface;
                error!("IPVS: cannot start the {state} sync daemon on {interface}: {e}");
            }
        }
        self.daemon = Some(wanted.clone());
    }

    fn stop_daemons(&mut self, socket: &mut IpvsSocket) {
        let Some(running) = self.daemon.take() else { return };
        for master in [true, false] {
            // One that did not start is none to stop.
            let _ = socket.stop_daemon(master, running.id.unwrap_or_default());
        }
    }
}

fn set(socket: &mut IpvsSocket, timeouts: &Timeouts) {
    if let Err(e) = socket.set_timeouts(timeouts) {
        error!("IPVS: cannot set the timeouts: {e}");
    }
}

fn daemon(wanted: &SyncDaemon, master: bool) -> Daemon {
    Daemon {
        master,
        interface: wanted.interface.clone(),
        id: wanted.id.unwrap_or_default(),
        maxlen: wanted.maxlen,
        group: wanted.group,
        port: wanted.port,
        ttl: wanted.ttl,
    }
}
