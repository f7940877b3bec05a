//! Keeps the addresses that stay when another one is removed.
//!
//! The kernel removes the secondary addresses of a subnet together with its
//! primary one, unless `promote_secondaries` is set on the interface
//! (Documentation/networking/ip-sysctl.rst). A reload that takes away one
//! address must leave the others alone, so the setting is on while such
//! removals are under way, and as it was afterwards.

use std::collections::BTreeMap;
use types::IfIndex;

/// Interfaces whose setting is on for the time being, by name.
#[derive(Debug, Default)]
pub struct Promote {
    held: BTreeMap<IfIndex, String>,
}

impl Promote {
    /// Turns it on for an interface until [`Promote::release`].
    pub fn hold(&mut self, ifindex: IfIndex) {
        if self.held.contains_key(&ifindex) {
            return;
        }
        let Some(name) =
            nix::net::if_::if_indextoname(ifindex.0).ok().and_then(|n| n.into_string().ok())
        else {
            return;
        };
        let is_on = std::fs::read_to_string(path(&name)).is_ok_and(|v| v.trim() != "0");
        if is_on {
            return;
        }
        match std::fs::write(path(&name), "1") {
            Ok(()) => {
                self.held.insert(ifindex, name);
            }
            Err(e) => log::warn!("cannot set promote_secondaries of {name}: {e}"),
        }
    }

    /// Sets everything back.
    pub fn release(&mut self) {
        for (_, name) in core::mem::take(&mut self.held) {
            if let Err(e) = std::fs::write(path(&name), "0") {
                log::warn!("cannot reset promote_secondaries of {name}: {e}");
            }
        }
    }

    /// Whether there is anything to set back.
    pub fn is_held(&self) -> bool {
        !self.held.is_empty()
    }
}

fn path(name: &str) -> String {
    format!("/proc/sys/net/ipv4/conf/{name}/promote_secondaries")
}
