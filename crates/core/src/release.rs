//! The end of a role: in order, or by another process of it that takes away what the last one left.
//!
//! Owns who is told what when the daemon stops. A role that was killed, and one that did not come
//! to run, is given an empty configuration, with what it may have left as what was before.

use crate::lifecycle::Phase;
use crate::main_loop::Core;
use crate::setup;
use crate::supervise::title;
use ipc::Role;
use ipc::msg::Generation;
use log::{error, info};
use model::Config;
use model::global::Ipvs;
use rt::clock;
use rt::signals;
use rt::spawn::Exit;
use types::Mono;

/// A configuration without any object. What is done at a start is not done for it.
fn nothing(config: &Config) -> Config {
    let mut global = config.global.clone();
    let Ipvs { flush_on_stop, sync_daemon, .. } = global.ipvs;
    global.ipvs = Ipvs { flush_on_stop, sync_daemon, ..Ipvs::default() };
    Config { global, ..Config::default() }
}

impl Core {
    /// Has the role of a slot take away what is its own, and leave.
    pub(crate) fn release(&mut self, at: usize) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        slot.respawn_at = None;
        let ran = slot.child.as_ref().is_some_and(|c| c.committed);
        let left = match &slot.child {
            Some(_) => !ran && matches!(slot.role, Role::Vrrp | Role::Checker),
            None => !slot.traces.is_empty(),
        };
        if !left || self.keeps(at) {
            return self.dismiss(at);
        }
        self.clean(at);
    }

    /// A role has ended while the daemon stops. One that was killed may have left something.
    pub(crate) fn role_left(&mut self, at: usize, exit: Exit) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        slot.stopped(&self.poll, exit);
        if exit == Exit::Status(0) {
            slot.forget();
        }
        if !slot.traces.is_empty()
            && !slot.cleans
            && !self.keeps(at)
            && matches!(self.phase, Phase::Stopping { .. })
        {
            self.clean(at);
        }
    }

    /// A role is ready to take away what it was told of.
    pub(crate) fn clean_when_ready(&mut self, at: usize, generation: Generation) {
        let ready = |c: &&mut crate::supervise::Child| c.prepared == Some(generation);
        let Some(slot) = self.slots.get_mut(at).filter(|s| s.cleans) else { return };
        let Some(child) = slot.child.as_mut().filter(ready) else { return };
        if child.link.commit(generation).is_ok() {
            self.dismiss(at);
        }
    }

    /// Whether what the role has is to stay (`--dont-release-vrrp`, `--dont-release-ipvs`).
    fn keeps(&self, at: usize) -> bool {
        match self.slots.get(at).map(|s| s.role) {
            Some(Role::Vrrp) => self.options.dont_release_vrrp,
            Some(Role::Checker) => self.options.dont_release_ipvs,
            _ => true,
        }
    }

    /// Tells the role's process, if there is one, to leave.
    fn dismiss(&mut self, at: usize) {
        let Some(child) = self.slots.get_mut(at).and_then(|s| s.child.as_mut()) else { return };
        if child.link.shutdown().is_err() {
            let _ = signals::send(child.pid, signals::TERM);
        }
    }

    /// Has a process of the role, the present one or a new one, take away all that may be there.
    fn clean(&mut self, at: usize) {
        let now = clock::now();
        self.loads += 1;
        let generation = Generation(self.loads);
        let Some(slot) = self.slots.get_mut(at) else { return };
        slot.cleans = true;
        let mut before = slot.traces.beside(generation);
        if slot.child.is_none() {
            info!("Starting the {} process once more, to remove what is left", title(slot.role));
            if let Err(e) = slot.spawn(now, &self.poll, &self.log) {
                return error!("Cannot start {} process: {e}", title(slot.role));
            }
        } else if !before.iter().any(|c| std::sync::Arc::ptr_eq(c, &self.config)) {
            // It would have removed what an earlier daemon has left.
            before.push(self.config.clone());
        }
        let nothing = nothing(&self.config);
        let part = setup::part(slot.role, &nothing, &self.options, generation, &[], &before);
        let (Some(part), Some(child)) = (part, slot.child.as_mut()) else { return };
        child.prepared = Some(generation);
        if child.link.prepare(part.after(&slot.changed)).is_err() {
            return slot.condemn(&self.poll);
        }
        self.give_time(now);
    }

    /// Leaving takes as long as it may from now on.
    fn give_time(&mut self, now: Mono) {
        if let Phase::Stopping { until, .. } = &mut self.phase {
            *until = Some(now + self.config.global.child_wait_time);
        }
    }
}
