//! How the role begins: name, scheduling, limits, sockets for IPVS, then the drop of privileges.

use crate::addrs::Addresses;
use crate::ipvs::Ipvs;
use crate::marks::MarkTables;
use crate::probes;
use ipc::msg::checker::CheckerSetup;
use log::{error, info, warn};
use model::Global;
use model::lvs::{CheckKind, Checker};
use rt::client::PingGroups;
use rt::fatal::{Fatal, fatal};
use rt::privs::{Caps, Drop, RunAs};
use rt::resources::{self, Resources};
use rt::spawn;
use std::io;

/// Descriptors for everything that is no check.
const OWN_DESCRIPTORS: u64 = 64;

/// Ports that need a privilege.
const LOW_PORTS: u16 = 1024;

/// What the role keeps for its checks when its privileges are gone.
#[derive(Debug, Default)]
pub(crate) struct Means {
    caps: Caps,
    ping: Option<PingGroups>,
}

fn checkers(setup: &CheckerSetup) -> impl Iterator<Item = &Checker> {
    let servers = setup.lvs.virtual_servers.iter().flat_map(|vs| &vs.real_servers);
    servers.flat_map(|rs| &rs.checkers)
}

/// The capabilities that the checks need beyond NET_ADMIN.
fn caps(setup: &CheckerSetup) -> Caps {
    checkers(setup).filter_map(|c| c.kind.connect()?.bind.as_deref()).fold(
        Caps::NONE,
        |caps, bind| {
            let raw = if bind.interface.is_some() { Caps::NET_RAW } else { Caps::NONE };
            let low = match bind.port {
                1..LOW_PORTS => Caps::NET_BIND_SERVICE,
                _ => Caps::NONE,
            };
            caps.and(raw).and(low)
        },
    )
}

impl Means {
    /// Why this configuration cannot run with what is left.
    pub fn lack(&self, setup: &CheckerSetup) -> Option<String> {
        let missing = caps(setup).without(self.caps);
        (missing != Caps::NONE).then(|| {
            format!(
                "checks with bind_if or a bind_port below {LOW_PORTS} need {missing}, which this \
                 process has given up: please restart keepalived"
            )
        })
    }

    /// Makes room for the checks of a configuration.
    pub fn provide(&mut self, setup: &CheckerSetup) {
        if let Err(e) = resources::raise_nofile(probes::descriptors(setup) + OWN_DESCRIPTORS) {
            warn!("Unable to set the limit of open files: {e}; some checks may not run");
        }
        let pings = checkers(setup).any(|c| matches!(c.kind, CheckKind::Ping(_)));
        if pings && self.ping.is_none() {
            match PingGroups::widen() {
                Ok(before) => self.ping = before,
                Err(e) => error!(
                    "PING_CHECK: cannot set net.ipv4.ping_group_range for this process: {e}; \
                     set it to \"0 2147483647\""
                ),
            }
        }
    }

    /// Leaves the host as it was found.
    pub fn give_back(&mut self) {
        if let Some(ping) = self.ping.take()
            && let Err(e) = ping.restore()
        {
            warn!("cannot restore net.ipv4.ping_group_range: {e}");
        }
    }
}

/// The addresses of this host, where the configuration asks about them.
pub(crate) fn addresses(setup: &CheckerSetup) -> io::Result<Option<Addresses>> {
    let suspends = setup.lvs.virtual_servers.iter().any(|vs| vs.ha_suspend);
    if !suspends && !setup.log_addresses {
        return Ok(None);
    }
    Addresses::open(setup.global.buffers.lvs_monitor, setup.log_addresses).map(Some)
}

/// What `ps` shows.
pub(crate) fn set_comm(global: &Global) {
    spawn::set_comm(global.checker_process.name.as_deref().unwrap_or("keepalived"));
}

/// Name, scheduling, limits; then the drop of privileges.
pub(crate) fn settle(setup: &CheckerSetup, core: i32) -> Result<(Ipvs, MarkTables, Means), Fatal> {
    let global = &setup.global;
    set_comm(global);
    let resources = Resources {
        nofile: Some(probes::descriptors(setup) + OWN_DESCRIPTORS),
        ..Resources::of(&global.checker_process)
    };
    for what in resources.apply() {
        error!("Unable to set {what}");
    }
    let ipvs = Ipvs::open(global).map_err(fatal("cannot open the sockets for IPVS"))?;
    if global.ipvs.required
        && !setup.lvs.virtual_servers.is_empty()
        && let Some(cause) = ipvs.missing()
    {
        let what = format!("IPVS: Can't initialize ipvs: {cause}");
        return Err(Fatal::for_good(what));
    }
    let marks = MarkTables::open(global);
    let run_as = if global.roles_as_root {
        info!("Running as root, as roles_as_root asks for");
        RunAs::Unchanged
    } else {
        RunAs::for_roles().map_err(fatal("cannot find the user for roles"))?
    };
    let drop = Drop { run_as, core, dumpable: resources::core_dumps() };
    let caps = caps(setup);
    rt::privs::checker(caps, &drop)?;
    Ok((ipvs, marks, Means { caps, ping: None }))
}
