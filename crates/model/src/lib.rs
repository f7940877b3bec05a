//! Typed configuration as the program sees it, and its diff.
//!
//! [`Config`] is what `conf` lowers a configuration file to and what core
//! hands to its roles. Names are resolved: a role refers to scripts and track
//! objects by id. Every keyword of the language has its field here; whether it
//! is acted upon is told by the grammar tables, not by this crate.

pub mod bfd;
pub mod counters;
pub mod diff;
pub mod global;
pub mod lvs;
pub mod net;
pub mod process;
pub mod script;
pub mod secret;
pub mod track;
pub mod vrrp;

use serde::{Deserialize, Serialize};

pub use bfd::BfdInstance;
pub use counters::Counters;
pub use global::Global;
pub use lvs::Lvs;
pub use script::{Script, ScriptUser};
pub use secret::Secret;
pub use track::{TrackKind, TrackObject};
pub use vrrp::{Vrrp, VrrpInstance};

/// A whole configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Config {
    /// `global_defs` and root-level settings.
    pub global: Global,
    /// Every command that the configuration names; a
    /// [`types::ScriptId`] indexes it. Stays in core.
    pub scripts: Vec<Script>,
    /// Tracked scripts, files, processes and BFD sessions; a
    /// [`types::TrackId`] indexes it.
    pub tracks: Vec<TrackObject>,
    /// Instances, groups and static objects of the vrrp role.
    pub vrrp: Vrrp,
    /// Virtual servers of the checker role.
    pub lvs: Lvs,
    /// Sessions of the bfd role.
    pub bfd: Vec<BfdInstance>,
}

impl Config {
    /// Whether the vrrp role has work: instances or static objects
    /// (sync groups and scripts alone do not count).
    pub fn has_vrrp(&self) -> bool {
        let v = &self.vrrp;
        v.static_blocks
            || !v.instances.is_empty()
            || !v.static_addresses.is_empty()
            || !v.static_routes.is_empty()
            || !v.static_rules.is_empty()
    }

    /// Whether the checker role has work: at least one virtual server.
    pub fn has_lvs(&self) -> bool {
        self.lvs.blocks || !self.lvs.virtual_servers.is_empty()
    }

    /// Takes out passwords and keys, which are overwritten.
    pub fn forget_secrets(&mut self) {
        self.vrrp.forget_secrets();
        self.lvs.ssl.iter_mut().for_each(|ssl| ssl.password = None);
    }

    /// Whether the bfd role has work: at least one session.
    pub fn has_bfd(&self) -> bool {
        !self.bfd.is_empty()
    }

    /// What of this is the monitor's work, in words; empty when it has none.
    pub fn northbound(&self) -> Vec<&'static str> {
        let Global { smtp, snmp, dbus, .. } = &self.global;
        let servers = &self.lvs.virtual_servers;
        let alerts = self.vrrp.instances.iter().any(|i| i.smtp_alert)
            || self.vrrp.sync_groups.iter().any(|g| g.smtp_alert)
            || servers.iter().any(|vs| vs.smtp_alert)
            || servers.iter().flat_map(|vs| &vs.real_servers).any(|rs| rs.smtp_alert);
        [
            (alerts && smtp.address.is_some() && !smtp.to.is_empty(), "mail"),
            (snmp.is_on(), "SNMP"),
            (dbus.enabled, "D-Bus"),
        ]
        .into_iter()
        .filter_map(|(asked, what)| asked.then_some(what))
        .collect()
    }
}
