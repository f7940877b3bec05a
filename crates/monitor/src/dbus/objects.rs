//! The objects on the bus: what callers may ask, and what they read.

use super::Requests;
use super::board::{Board, Shown};
use ipc::msg::monitor::Command;
use std::sync::Arc;
use zbus::fdo::{Error, Result};
use zbus::interface;
use zbus::object_server::SignalEmitter;

/// The daemon's own object.
pub(super) struct VrrpObject {
    /// Where requests go.
    pub requests: Requests,
}

// Methods run one after the other: a caller in a hurry fills the bus's queue, not ours.
#[interface(name = "org.keepalived.Vrrp1.Vrrp", spawn = false)]
impl VrrpObject {
    /// Writes the state of the VRRP process to its file, as SIGUSR1 to that process does:
    /// /tmp/keepalived.data unless configured otherwise.
    fn print_data(&self) -> Result<()> {
        log::info!("Printing VRRP data on DBus request");
        give(&self.requests, Command::PrintData)
    }

    /// Writes the counters of VRRP to their file, as SIGUSR2 does: /tmp/keepalived.stats unless
    /// configured otherwise.
    fn print_stats(&self) -> Result<()> {
        log::info!("Printing VRRP stats on DBus request");
        give(&self.requests, Command::PrintStats)
    }

    /// As PrintStats; the counters then begin at zero.
    fn print_stats_clear(&self) -> Result<()> {
        log::info!("Printing and clearing VRRP stats on DBus request");
        give(&self.requests, Command::PrintStatsClear)
    }

    /// Reloads the configuration, as SIGHUP does. The reply does not wait for the reload;
    /// VrrpReloaded tells of its end.
    fn reload_config(&self) -> Result<()> {
        log::info!("Reloading on DBus request");
        give(&self.requests, Command::Reload)
    }

    /// The objects are there: the daemon has started, or the bus has come back.
    #[zbus(signal)]
    pub(super) async fn vrrp_started(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    /// The daemon runs another configuration.
    #[zbus(signal)]
    pub(super) async fn vrrp_reloaded(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    /// The daemon leaves the bus.
    #[zbus(signal)]
    pub(super) async fn vrrp_stopped(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}

/// An instance's object.
pub(super) struct InstanceObject {
    /// Where it is.
    pub path: String,
    /// Where its name and state stand.
    pub board: Arc<Board>,
    /// Where requests go.
    pub requests: Requests,
}

impl InstanceObject {
    /// What it shows. A reload may have taken the instance away while the call was on its way.
    fn shown(&self) -> Result<Shown> {
        let shown = self.board.view().shown.get(&self.path).cloned();
        shown.ok_or_else(|| {
            let key = self.path.rsplit_once("/Instance/").map_or("", |(_, key)| key);
            Error::InvalidArgs(format!("Instance '{key}' not found"))
        })
    }
}

#[interface(name = "org.keepalived.Vrrp1.Instance", spawn = false)]
impl InstanceObject {
    /// Sends one gratuitous ARP or unsolicited neighbour advertisement for each address of the
    /// instance, if it is MASTER.
    fn send_garp(&self) -> Result<()> {
        give(&self.requests, Command::SendGarp(self.shown()?.name))
    }

    /// Name of the instance, in a structure of one.
    #[zbus(property(emits_changed_signal = "false"))]
    fn name(&self) -> Result<(String,)> {
        Ok((self.shown()?.name,))
    }

    /// State of the instance, as number and word: 0 Init, 1 Backup, 2 Master, 3 Fault. A change is
    /// told by VrrpStatusChange.
    #[zbus(property(emits_changed_signal = "false"))]
    fn state(&self) -> Result<(u32, String)> {
        let state = self.shown()?.state;
        Ok((state.code(), state.word().to_owned()))
    }

    /// The instance has entered a state, by its number: as in the property State, and 97 when a
    /// reload has removed the instance, 98 when the daemon stops.
    #[zbus(signal)]
    pub(super) async fn vrrp_status_change(
        emitter: &SignalEmitter<'_>,
        status: u32,
    ) -> zbus::Result<()>;
}

fn give(requests: &Requests, command: Command) -> Result<()> {
    if requests(command) {
        return Ok(());
    }
    Err(Error::LimitsExceeded("too many requests wait to be done; try again".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::object_server::Interface;

    /// The installed descriptions are what the objects say of themselves. `UPDATE_DOCS=1` writes
    /// them.
    #[test]
    fn the_packaged_descriptions_are_those_of_the_objects() {
        let requests: Requests = Arc::new(|_| true);
        let vrrp = VrrpObject { requests: requests.clone() };
        let instance = InstanceObject { path: String::new(), board: Arc::default(), requests };
        let (mut of_vrrp, mut of_instance) = (String::new(), String::new());
        vrrp.introspect_to_writer(&mut of_vrrp, 2);
        instance.introspect_to_writer(&mut of_instance, 2);
        compare("org.keepalived.Vrrp1.Vrrp.xml", &of_vrrp);
        compare("org.keepalived.Vrrp1.Instance.xml", &of_instance);
    }

    fn compare(file: &str, interface: &str) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/dbus/");
        let path = std::path::Path::new(folder).join(file);
        let text = format!(
            "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
             \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n\
             <node>\n{interface}</node>\n"
        );
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "{file}");
    }
}
