//! A switch and its ports.

use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Host, Result};

const BRIDGE: &str = "br0";

/// An Ethernet switch: a bridge in a namespace of its own. It lives as long as it or one of its
/// ports is held; the hosts' interfaces go with it.
#[derive(Clone, Debug)]
pub struct Switch {
    host: Host,
    ports: std::sync::Arc<AtomicU32>,
}

/// One cable: an interface of a host on one side, a port of the switch on the other.
#[derive(Clone, Debug)]
pub struct Port {
    switch: Host,
    port: String,
}

impl Switch {
    /// Makes a switch without ports.
    ///
    /// # Errors
    /// When the kernel refuses namespaces or bridges.
    pub fn new() -> Result<Self> {
        let host = Host::new("switch")?;
        host.rtnl().add_bridge(BRIDGE)?;
        host.set_up(BRIDGE, true)?;
        Ok(Self { host, ports: std::sync::Arc::default() })
    }

    /// Connects `interface` of `host`, which is made here, set up, and given the addresses.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn attach(&self, host: &Host, interface: &str, addrs: &[&str]) -> Result<Port> {
        let port = format!("p{}", self.ports.fetch_add(1, Ordering::Relaxed));
        self.host.rtnl().add_veth(&port, interface, host.net().as_fd())?;
        self.host.rtnl().set_controller(&port, BRIDGE)?;
        for addr in addrs {
            let (addr, prefix) = parse(addr)?;
            host.add_addr(interface, addr, prefix)?;
        }
        self.host.set_up(&port, true)?;
        host.set_up(interface, true)?;
        Ok(Port { switch: self.host.clone(), port })
    }

    /// The switch as a host, to capture on [`Port::name`] or on the bridge.
    pub fn host(&self) -> &Host {
        &self.host
    }
}

impl Port {
    /// The port's interface on the switch.
    pub fn name(&self) -> &str {
        &self.port
    }

    /// Pulls the cable: the host's interface loses its carrier.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn cut(&self) -> Result<()> {
        self.switch.set_up(&self.port, false)
    }

    /// Plugs the cable in again.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn restore(&self) -> Result<()> {
        self.switch.set_up(&self.port, true)
    }

    /// Cuts the network behind the port: nothing passes, but the host keeps its carrier.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn isolate(&self) -> Result<()> {
        self.switch.rtnl().clear_controller(&self.port)
    }

    /// Ends [`Port::isolate`].
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn rejoin(&self) -> Result<()> {
        self.switch.rtnl().set_controller(&self.port, BRIDGE)
    }
}

/// Reads `192.0.2.1/24`.
fn parse(text: &str) -> Result<(IpAddr, u8)> {
    let parsed = text.split_once('/').and_then(|(addr, prefix)| {
        Some((addr.parse::<IpAddr>().ok()?, prefix.parse::<u8>().ok()?))
    });
    parsed.ok_or_else(|| crate::Error::new(format!("'{text}' is not ADDRESS/PREFIX")))
}
