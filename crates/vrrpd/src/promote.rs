//! Keeps the addresses that stay when another one is removed.
//!
//! The kernel removes the secondary addresses of a subnet together with its
//! primary one, unless `promote_secondaries` is set on the interface
//! (Documentation/networking/ip-sysctl.rst). Owns that setting: it is on for
//! interfaces whose instances ask for it, and for others while a reload takes
//! addresses away, which must leave the others alone.

use std::collections::{BTreeMap, BTreeSet};
use types::IfIndex;

/// Interfaces whose setting is on, by name.
#[derive(Debug, Default)]
pub struct Promote {
    /// For the time being.
    held: BTreeMap<IfIndex, String>,
    /// For as long as the configuration says so (`promote_secondaries`).
    kept: BTreeSet<String>,
    /// Those of them that it was off on.
    turned_on: BTreeSet<String>,
}

impl Promote {
    /// Takes the interfaces that the configuration wants it on for.
    pub fn keep(&mut self, interfaces: BTreeSet<String>) {
        for name in self.kept.difference(&interfaces) {
            if self.turned_on.remove(name) {
                reset(name);
            }
        }
        self.kept = interfaces;
        for name in self.kept.clone() {
            self.link(&name);
        }
    }

    /// An interface is there: a new one of a known name has the setting of all new ones.
    pub fn link(&mut self, name: &str) {
        // One that is missing comes by here again once it is there.
        if self.kept.contains(name) && is_on(name) == Some(false) && set(name) {
            self.turned_on.insert(name.to_owned());
        }
    }

    /// Sets back what the configuration wanted on.
    pub fn restore(&mut self) {
        self.keep(BTreeSet::new());
    }

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
        if is_on(&name) != Some(true) && set(&name) {
            self.held.insert(ifindex, name);
        }
    }

    /// Sets back what was held.
    pub fn release(&mut self) {
        for (_, name) in core::mem::take(&mut self.held) {
            reset(&name);
        }
    }

    /// Whether there is anything to release.
    pub fn is_held(&self) -> bool {
        !self.held.is_empty()
    }
}

/// Whether it is on; `None` without such an interface.
fn is_on(name: &str) -> Option<bool> {
    Some(std::fs::read_to_string(path(name)).ok()?.trim() != "0")
}

fn set(name: &str) -> bool {
    let done = std::fs::write(path(name), "1");
    if let Err(e) = &done {
        log::warn!("cannot set promote_secondaries of {name}: {e}");
    }
    done.is_ok()
}

/// An interface that is gone has taken its setting along.
fn reset(name: &str) {
    if is_on(name) == Some(true)
        && let Err(e) = std::fs::write(path(name), "0")
    {
        log::warn!("cannot reset promote_secondaries of {name}: {e}");
    }
}

fn path(name: &str) -> String {
    format!("/proc/sys/net/ipv4/conf/{name}/promote_secondaries")
}
