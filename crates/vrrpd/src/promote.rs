//! Keeps the addresses that stay when another one is removed.
//!
//! The kernel removes the secondary addresses of a subnet together with its
//! primary one, unless `promote_secondaries` is set on the interface
//! (Documentation/networking/ip-sysctl.rst). Owns that setting: it is on for
//! interfaces whose instances ask for it, and for others while addresses go
//! otherwise than in a transition: a reload must leave the others alone.

use ipc::msg::vrrp::Changed;
use nix::net::if_::{if_indextoname, if_nametoindex};
use std::collections::{BTreeMap, BTreeSet};
use types::{Family, IfIndex};

/// The setting.
pub const KEY: &str = "promote_secondaries";

/// Interfaces whose setting is on, by name.
#[derive(Debug, Default)]
pub struct Promote {
    /// For the time being.
    held: BTreeMap<IfIndex, String>,
    /// For as long as the configuration says so (`promote_secondaries`).
    kept: BTreeSet<String>,
    /// Those of them that it was off on, and their index then.
    turned_on: BTreeMap<String, u32>,
    /// Core does not know of the last change.
    untold: bool,
}

impl Promote {
    /// Takes over what an earlier process has turned on, until [`Promote::keep`].
    pub fn inherit(&mut self, changed: &Changed) {
        self.untold = true;
        let name = if_indextoname(changed.index).ok().and_then(|n| n.into_string().ok());
        if let Some(name) = name.filter(|name| is_on(name) == Some(true)) {
            self.kept.insert(name.clone());
            self.turned_on.insert(name, changed.index);
        }
    }

    /// Takes the interfaces that the configuration wants it on for.
    pub fn keep(&mut self, interfaces: BTreeSet<String>) {
        for name in self.kept.difference(&interfaces) {
            if let Some(index) = self.turned_on.remove(name) {
                self.untold = true;
                reset(name, index);
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
        let Some(index) = if_nametoindex(name).ok().filter(|_| self.kept.contains(name)) else {
            return;
        };
        if self.turned_on.get(name).is_some_and(|known| *known != index) {
            self.turned_on.remove(name);
            self.untold = true;
        }
        if is_on(name) == Some(false) && set(name) {
            self.turned_on.insert(name.to_owned(), index);
            self.untold = true;
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
        let Some(name) = if_indextoname(ifindex.0).ok().and_then(|n| n.into_string().ok()) else {
            return;
        };
        if is_on(&name) != Some(true) && set(&name) {
            self.held.insert(ifindex, name);
            self.untold = true;
        }
    }

    /// Sets back what was held.
    pub fn release(&mut self) {
        for (index, name) in core::mem::take(&mut self.held) {
            self.untold = true;
            reset(&name, index.0);
        }
    }

    /// Whether there is anything to release.
    pub fn is_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether [`Promote::changed`] is not the same as when this was asked last.
    pub fn has_news(&mut self) -> bool {
        core::mem::take(&mut self.untold)
    }

    /// What is to be put back.
    pub fn changed(&self) -> impl Iterator<Item = Changed> {
        let held = self.held.iter().map(|(index, name)| (name, index.0));
        let all = self.turned_on.iter().map(|(name, index)| (name, *index)).chain(held);
        all.map(|(scope, index)| Changed {
            family: Family::V4,
            scope: scope.clone(),
            index,
            key: KEY.to_owned(),
            before: 0,
            value: 1,
        })
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
fn reset(name: &str, index: u32) {
    if if_nametoindex(name) == Ok(index)
        && is_on(name) == Some(true)
        && let Err(e) = std::fs::write(path(name), "0")
    {
        log::warn!("cannot reset promote_secondaries of {name}: {e}");
    }
}

fn path(name: &str) -> String {
    format!("/proc/sys/net/ipv4/conf/{name}/promote_secondaries")
}
