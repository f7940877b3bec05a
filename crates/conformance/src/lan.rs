//! The network that most cases play in: two nodes on a switch, and an onlooker.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lab::config::{self, Instance};
use lab::{Advert, Capture, Daemon, Host, PATIENCE, Port, Result, Stamp, Subject, Switch, Watch};

/// The virtual address of IPv4 cases.
pub const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
/// The virtual address of IPv6 cases.
pub const VIP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x100);

/// Two nodes `a` and `b` (192.0.2.1 and 192.0.2.2, 2001:db8::1 and 2001:db8::2) and an onlooker
/// on a switch.
pub struct Lan {
    /// The switch.
    pub switch: Switch,
    /// First node.
    pub a: Host,
    /// Second node.
    pub b: Host,
    /// Another host on the segment.
    pub onlooker: Host,
    /// Cable of the first node.
    pub cable_a: Port,
    /// Cable of the second node.
    pub cable_b: Port,
    /// All that reaches the onlooker.
    pub wire: Capture,
    /// Addresses and links of the first node.
    pub watch_a: Watch,
    /// Addresses and links of the second node.
    pub watch_b: Watch,
}

impl Lan {
    /// Builds it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new() -> Result<Self> {
        let switch = Switch::new()?;
        let (a, b, onlooker) = (Host::new("a")?, Host::new("b")?, Host::new("onlooker")?);
        let cable_a = switch.attach(&a, "eth0", &["192.0.2.1/24", "2001:db8::1/64"])?;
        let cable_b = switch.attach(&b, "eth0", &["192.0.2.2/24", "2001:db8::2/64"])?;
        switch.attach(&onlooker, "eth0", &["192.0.2.9/24", "2001:db8::9/64"])?;
        let wire = Capture::new(&onlooker, "eth0")?;
        let (watch_a, watch_b) = (Watch::new(&a)?, Watch::new(&b)?);
        Ok(Self { switch, a, b, onlooker, cable_a, cable_b, wire, watch_a, watch_b })
    }

    /// Starts a subject on the first node with these instances.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_a(&self, subject: &Subject, instances: &[Instance]) -> Result<Daemon> {
        Daemon::start(&self.a, subject, &config::file(instances))
    }

    /// Starts a subject on both nodes, one instance each, and waits until the first one is master
    /// and the second one its backup.
    ///
    /// # Errors
    /// When that does not come to be.
    pub fn start_both(&mut self, subject: &Subject, a: &Instance, b: &Instance) -> Result<Pair> {
        let mut first = self.start_a(subject, std::slice::from_ref(a))?;
        first.await_log("Entering MASTER STATE")?;
        let mut second = self.start_b(subject, std::slice::from_ref(b))?;
        second.await_log("Entering BACKUP STATE")?;
        self.await_advert_of(a)?;
        Ok(Pair { a: first, b: second })
    }

    /// Waits for an advert as `instance` sends it, told by VRID and priority.
    ///
    /// # Errors
    /// When none comes.
    pub fn await_advert_of(&mut self, instance: &Instance) -> Result<(Stamp, Advert)> {
        let (vrid, priority) = (instance.vrid, instance.priority);
        self.wire.await_advert(PATIENCE, |a| a.vrid == vrid && a.priority == priority)
    }

    /// Waits for `count` more adverts as `instance` sends them; returns their stamps.
    ///
    /// # Errors
    /// When fewer come.
    pub fn await_adverts_of(&mut self, instance: &Instance, count: usize) -> Result<Vec<Stamp>> {
        (0..count).map(|_| self.await_advert_of(instance).map(|(at, _)| at)).collect()
    }

    /// Starts a subject on the second node with these instances.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_b(&self, subject: &Subject, instances: &[Instance]) -> Result<Daemon> {
        Daemon::start(&self.b, subject, &config::file(instances))
    }
}

/// Two running daemons.
#[derive(Debug)]
pub struct Pair {
    /// On the first node.
    pub a: Daemon,
    /// On the second node.
    pub b: Daemon,
}

/// A way to speak VRRP.
#[derive(Clone, Copy, Debug)]
pub struct Flavour {
    version: u8,
    v6: bool,
    unicast: bool,
}

/// Version 2 over IPv4.
pub const V2_V4: Flavour = Flavour { version: 2, v6: false, unicast: false };
/// Version 2 over IPv4 to one peer.
pub const V2_UNICAST: Flavour = Flavour { version: 2, v6: false, unicast: true };
/// Version 3 over IPv4.
pub const V3_V4: Flavour = Flavour { version: 3, v6: false, unicast: false };
/// Version 3 over IPv6.
pub const V3_V6: Flavour = Flavour { version: 3, v6: true, unicast: false };
/// Version 3 over IPv4 to one peer.
pub const V3_UNICAST: Flavour = Flavour { version: 3, v6: false, unicast: true };
/// Version 3 over IPv6 to one peer.
pub const V3_UNICAST_V6: Flavour = Flavour { version: 3, v6: true, unicast: true };

impl Flavour {
    /// The virtual address of this flavour.
    pub fn vip(self) -> IpAddr {
        if self.v6 { VIP6.into() } else { VIP.into() }
    }

    /// Whether adverts may have any hop limit: IPv6 unicast takes the kernel's.
    pub fn has_free_ttl(self) -> bool {
        self.v6 && self.unicast
    }

    /// The instance of the first node (priority 150).
    pub fn instance_a(self) -> Instance {
        self.instance(150, ["192.0.2.1", "2001:db8::1"], ["192.0.2.2", "2001:db8::2"])
    }

    /// The instance of the second node (priority 100).
    pub fn instance_b(self) -> Instance {
        self.instance(100, ["192.0.2.2", "2001:db8::2"], ["192.0.2.1", "2001:db8::1"])
    }

    fn instance(self, priority: u8, own: [&str; 2], peer: [&str; 2]) -> Instance {
        let family = usize::from(self.v6);
        let prefix = ["24", "64"][family];
        let mut instance = Instance::new(51, priority, &[&format!("{}/{prefix}", self.vip())]);
        if self.version == 2 {
            instance = instance.v2();
        }
        if self.unicast {
            let (own, peer) = (own[family], peer[family]);
            instance = instance
                .with(format!("unicast_src_ip {own}"))
                .with(format!("unicast_peer {{\n        {peer}\n    }}"));
        }
        instance
    }
}
