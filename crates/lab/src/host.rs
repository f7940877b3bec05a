//! A host: one network namespace with a `/run` of its own.

use std::fs::File;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command};
use std::sync::Arc;
use std::{fs, io};

use crate::ns::Namespace;
use crate::rtnl::Rtnl;
use crate::{Context, Result, procs};

/// A host of the lab. Clones are the same host; the last one to go ends every process in it.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    ns: Namespace,
    rtnl: Rtnl,
}

impl Host {
    /// Makes a host with its loopback up; `name` is only for messages.
    ///
    /// # Errors
    /// Without root outside a user namespace, or when the kernel refuses namespaces.
    pub fn new(name: &str) -> Result<Self> {
        let ns = Namespace::new()?;
        let rtnl = ns.run(|| {
            quiet_ipv6()?;
            Rtnl::open()
        })??;
        rtnl.set_up("lo", true)?;
        Ok(Self { inner: Arc::new(Inner { name: name.into(), ns, rtnl }) })
    }

    /// The name given at creation.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Runs `work` on a thread inside the host. Sockets it opens stay in the host for good.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        self.inner.ns.run(work)
    }

    /// Starts a process inside the host. The program must be given by absolute path or be found
    /// in `PATH`; it is ended at the latest with the host.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn(&self, command: &mut Command) -> Result<Child> {
        let program = command.get_program().to_string_lossy().into_owned();
        self.run(|| command.spawn())?
            .context(|| format!("cannot start {program} in host {}", self.name()))
    }

    /// Runs a program inside the host to its end and returns what it printed.
    ///
    /// # Errors
    /// When it cannot be started or fails.
    pub fn output(&self, command: &mut Command) -> Result<String> {
        let program = command.get_program().to_string_lossy().into_owned();
        let output = self
            .run(|| command.output())?
            .context(|| format!("cannot run {program} in host {}", self.name()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(crate::Error::new(format!("{program} ended with {}: {said}", output.status)))
    }

    /// Writes a sysctl of the host, e.g. `net/ipv4/ip_forward`.
    ///
    /// # Errors
    /// When there is no such sysctl or it cannot be written.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/{key}");
        self.run(|| fs::write(&path, value))?.context(|| format!("cannot write {path}"))
    }

    /// Adds an address to an interface (v6 without duplicate address detection).
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_addr(&self, interface: &str, addr: impl Into<IpAddr>, prefix: u8) -> Result<()> {
        self.inner.rtnl.add_addr(interface, addr.into(), prefix)
    }

    /// Deletes an address from an interface.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn del_addr(&self, interface: &str, addr: impl Into<IpAddr>, prefix: u8) -> Result<()> {
        self.inner.rtnl.del_addr(interface, addr.into(), prefix)
    }

    /// Every address of the host, of all interfaces.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn addrs(&self) -> Result<Vec<IpAddr>> {
        Ok(self.inner.rtnl.addrs()?.into_iter().map(|(_, addr)| addr).collect())
    }

    /// Every address of the host with the index of its interface.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn addrs_by_index(&self) -> Result<Vec<(u32, IpAddr)>> {
        self.inner.rtnl.addrs()
    }

    /// Whether the host has the address.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn has_addr(&self, addr: impl Into<IpAddr>) -> Result<bool> {
        let addr = addr.into();
        Ok(self.addrs()?.contains(&addr))
    }

    /// Index of an interface.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn index(&self, interface: &str) -> Result<u32> {
        self.inner.rtnl.index(interface)
    }

    /// Sets an interface up or down, as an administrator of the host would.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_up(&self, interface: &str, up: bool) -> Result<()> {
        self.inner.rtnl.set_up(interface, up)
    }

    /// Sets the hardware address of an interface.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_mac(&self, interface: &str, mac: [u8; 6]) -> Result<()> {
        self.inner.rtnl.set_mac(interface, mac)
    }

    /// Renames an interface (which is set down for it and up again).
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn rename(&self, interface: &str, to: &str) -> Result<()> {
        self.set_up(interface, false)?;
        self.inner.rtnl.rename(interface, to)?;
        self.set_up(to, true)
    }

    /// Deletes an interface; a veth's other end goes with it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn del_link(&self, interface: &str) -> Result<()> {
        self.inner.rtnl.del_link(interface)
    }

    /// Makes a macvlan in bridge mode on `parent`, and sets it up.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn add_macvlan(&self, name: &str, parent: &str, mac: [u8; 6]) -> Result<()> {
        self.inner.rtnl.add_macvlan(name, parent, mac)?;
        self.set_up(name, true)
    }

    /// Ids of the processes in the host's network namespace.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn pids(&self) -> Result<Vec<i32>> {
        self.inner.pids().context(|| "cannot list processes")
    }

    pub(crate) fn net(&self) -> &File {
        &self.inner.ns.net
    }

    pub(crate) fn rtnl(&self) -> &Rtnl {
        &self.inner.rtnl
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Host({})", self.inner.name)
    }
}

impl Inner {
    fn pids(&self) -> io::Result<Vec<i32>> {
        let net = self.ns.net.metadata()?.ino();
        Ok(procs::all()?
            .into_iter()
            .filter(|pid| procs::net_namespace(*pid) == Some(net))
            .collect())
    }
}

impl Drop for Inner {
    /// Ends what still runs in the namespace: also what a daemon respawned meanwhile, what left
    /// its process group, and what a panicking test left behind.
    fn drop(&mut self) {
        procs::kill_until_none(|| self.pids().unwrap_or_default());
    }
}

/// New interfaces of the host use their v6 addresses at once: no duplicate address detection,
/// no waiting for routers.
fn quiet_ipv6() -> Result<()> {
    for scope in ["all", "default"] {
        for key in ["accept_dad", "dad_transmits", "accept_ra", "router_solicitations"] {
            let path = format!("/proc/sys/net/ipv6/conf/{scope}/{key}");
            match fs::write(&path, "0") {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(e).context(|| format!("cannot write {path}"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
