//! Reload in two phases: every role prepares the new configuration, and only
//! when all are ready does it count. Whatever goes wrong before leaves the
//! running configuration untouched.

use crate::kept::{self, Moment};
use crate::lifecycle::Phase;
use crate::load;
use crate::main_loop::{Core, Purpose};
use crate::scripts::STOP_GRACE;
use crate::setup;
use crate::supervise::title;
use ipc::Role;
use ipc::msg::Generation;
use log::{debug, error, info};
use model::{Config, Global};
use rt::clock;
use rt::signals;
use rt::spawn::Exit;
use std::sync::Arc;
use std::time::Duration;
use types::Mono;

/// How long the roles may take to prepare.
const PREPARE_MAX: Duration = Duration::from_secs(30);

/// A reload in progress.
#[derive(Debug)]
pub struct Reload {
    /// Which load.
    pub generation: Generation,
    /// The new configuration; `None` once it was committed.
    config: Option<Box<Config>>,
    /// Roles that have not said yet whether they can run it.
    waiting: Vec<Role>,
    /// Roles that have got it.
    told: Vec<Role>,
    until: Mono,
    /// It was begun anew after somebody had killed a role.
    again: bool,
}

impl Reload {
    /// When the roles have had their time.
    pub fn deadline(&self) -> Mono {
        self.until
    }
}

impl Core {
    /// SIGHUP: reload now, or once the present start or reload is over.
    pub(crate) fn request_reload(&mut self) {
        if self.phase.is_stopping() {
            return;
        }
        if self.phase != Phase::Running || self.reload.is_some() {
            debug!("Reload already in progress, request queued");
            self.reload_queued = true;
            return;
        }
        self.begin_reload();
    }

    /// After a start or reload: the request that came meanwhile.
    pub(crate) fn after_completion(&mut self) {
        if std::mem::take(&mut self.reload_queued) {
            debug!("Processing queued reload");
            self.begin_reload();
        }
    }

    fn begin_reload(&mut self) {
        info!("Reloading ...");
        self.manager.reloading();
        let again = std::mem::take(&mut self.reload_again);
        match self.load_new() {
            Ok(config) => self.prepare(config, again),
            Err(why) => self.give_up_reload(&why),
        }
    }

    /// Reads the configuration anew and checks what core can check.
    fn load_new(&self) -> Result<Box<Config>, String> {
        let guard = load::ReloadFile::create(&self.config.global, &self.names);
        let loaded = load::load(&self.options);
        drop(guard);
        if let Some(log) = &self.config.global.reload.check_config {
            load::write_report(&loaded, log);
            if loaded.has_errors() {
                return Err(format!("New config failed validation, see {log} for details"));
            }
        }
        load::log_diagnostics(&loaded);
        if let Some(why) = load::broken(&loaded) {
            return Err(why);
        }
        if let Some(what) = unsupported_change(&self.config.global, &loaded.model.global) {
            return Err(format!("Cannot change {what} at a reload - please restart keepalived"));
        }
        kept::configuration(&loaded, self.loads);
        Ok(Box::new(loaded.model))
    }

    pub(crate) fn prepare(&mut self, config: Box<Config>, again: bool) {
        // Never the number of a refused one, whose answers may still come.
        self.loads += 1;
        let generation = Generation(self.loads);
        let values = self.tracker.values_for(&config, &self.processes.preview(&config));
        let mut told = Vec::new();
        for slot in &mut self.slots {
            let Some(child) = &mut slot.child else { continue };
            // With --dump-conf every role shows what it runs.
            if child.running == Some(self.generation)
                && !self.options.dump_conf
                && setup::is_same(slot.role, &self.config, &config)
            {
                child.unchanged = Some(generation);
                continue;
            }
            // One that runs knows by itself what it is to take away.
            let before = match child.committed {
                true => Vec::new(),
                false => slot.traces.beside(generation),
            };
            let part = setup::part(slot.role, &config, &self.options, generation, &values, &before);
            let Some(part) = part else { continue };
            let part = if child.committed { part } else { part.after(&slot.changed) };
            if let Err(e) = child.link.prepare(part) {
                error!("{} process {}: {e}, ending it", title(slot.role), child.pid);
                slot.condemn(&self.poll);
                continue;
            }
            child.prepared = Some(generation);
            told.push(slot.role);
        }
        let until = clock::now() + PREPARE_MAX;
        let waiting = told.clone();
        let config = Some(config);
        self.reload = Some(Reload { generation, config, waiting, told, until, again });
        self.commit_when_ready();
    }

    /// A role is ready to run what it has prepared.
    pub(crate) fn on_ready(&mut self, at: usize, generation: Generation) {
        if self.phase.is_stopping() {
            return self.clean_when_ready(at, generation);
        }
        let preparing = self.is_preparing(generation);
        let Some(slot) = self.slots.get_mut(at) else { return };
        let role = slot.role;
        if preparing && let Some(reload) = &mut self.reload {
            reload.waiting.retain(|r| *r != role);
            return self.commit_when_ready();
        }
        let prepared = slot.child.as_ref().and_then(|c| c.prepared);
        if generation == self.generation && prepared == Some(generation) {
            // Its first configuration: nobody else has to agree.
            self.commit(at, generation);
        }
    }

    /// Lets a role run what it has prepared, with the values as they are now.
    fn commit(&mut self, at: usize, generation: Generation) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        if slot.child.is_some() {
            slot.runs(generation, &self.config);
        }
        let Some(child) = slot.child.as_mut() else { return };
        child.committed = true;
        if let Err(e) = child.link.commit(generation) {
            error!("{} process {}: {e}, ending it", title(slot.role), child.pid);
            return slot.condemn(&self.poll);
        }
        child.send_values(&self.tracker.values());
    }

    fn commit_when_ready(&mut self) {
        let Some(reload) = self.reload.as_mut().filter(|r| r.waiting.is_empty()) else { return };
        let Some(config) = reload.config.take() else { return };
        let generation = reload.generation;
        self.keep_states(Moment::Before, generation);
        let now = clock::now();
        // Scripts of the old configuration end; notifications may finish.
        self.scripts
            .end(now, STOP_GRACE, |p| matches!(p, Purpose::Track(..) | Purpose::FifoReader(_)));
        self.previous_generation = std::mem::replace(&mut self.generation, generation);
        let mut previous = std::mem::replace(&mut self.config, Arc::from(config));
        // Its scripts may still be asked for.
        Arc::make_mut(&mut previous).forget_secrets();
        self.previous = Some(previous);
        self.apply_own_settings();
        self.scripts.tell_failures_anew();
        self.change_resources();
        self.configure_watches(false);
        for at in 0..self.slots.len() {
            let prepared =
                self.slots.get(at).and_then(|s| s.child.as_ref()).and_then(|c| c.prepared);
            if prepared == Some(generation) {
                self.commit(at, generation);
            }
        }
        for child in self.slots.iter_mut().filter_map(|s| s.child.as_mut()) {
            if child.unchanged == Some(generation) {
                (child.prepared, child.running) = (Some(generation), Some(generation));
            }
        }
        self.reopen_fifos();
        self.configure_monitor(now);
        self.start_wanted();
        self.check_complete();
    }

    /// Core's own part of a configuration: its name in `ps`, how it runs
    /// scripts.
    pub(crate) fn apply_own_settings(&mut self) {
        let global = &self.config.global;
        rt::spawn::set_comm(global.process_name.as_deref().unwrap_or("keepalived"));
        self.scripts.keep_symlinks = global.use_symlink_paths;
        self.scripts.secure_only = global.script_security;
    }

    /// Whether a committed reload has just ended.
    pub(crate) fn reload_finished(&mut self) -> bool {
        let done = self.reload.as_ref().is_some_and(|r| r.config.is_none());
        if done {
            self.reload = None;
        }
        done
    }

    /// Whether roles are being asked for their consent to this configuration.
    pub(crate) fn is_preparing(&self, generation: Generation) -> bool {
        self.reload.as_ref().is_some_and(|r| r.config.is_some() && r.generation == generation)
    }

    /// A role cannot run the new configuration.
    pub(crate) fn reload_refused(&mut self, role: Role, reason: &str) {
        self.abort(format!("the {} process refuses it: {reason}", title(role)), Some(role));
    }

    /// A role ended while others may be preparing. When somebody has killed it, that says nothing
    /// of the configuration: once it is back, it is asked again, for one more time.
    pub(crate) fn abandon_reload_without(&mut self, at: usize, exit: Exit) {
        let Some(role) = self.slots.get(at).map(|s| s.role) else { return };
        let told = |r: &&Reload| r.config.is_some() && r.told.contains(&role);
        let Some(reload) = self.reload.as_ref().filter(told) else { return };
        let killed = matches!(exit, Exit::Signal(signals::KILL | signals::TERM));
        self.reload_again = killed && !reload.again && !self.options.dont_respawn;
        self.abort(format!("the {} process ended while preparing it", title(role)), Some(role));
    }

    /// A role that was killed while preparing is back.
    pub(crate) fn reload_once_more(&mut self) {
        if self.reload_again {
            self.begin_reload();
        }
    }

    pub(crate) fn reload_tick(&mut self, now: Mono) {
        let Some(reload) = self.reload.as_ref().filter(|r| r.until <= now) else { return };
        if reload.config.is_some() {
            let late: Vec<_> = reload.waiting.iter().map(|r| title(*r)).collect();
            self.abort(format!("no answer from {}", late.join(", ")), None);
        } else {
            // Committed: a role that does not come back is supervised as ever.
            self.reload = None;
        }
    }

    /// Ends a reload that was not committed.
    fn abort(&mut self, why: String, except: Option<Role>) {
        let Some(reload) = self.reload.take() else { return };
        let mut anew = Vec::new();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if !reload.told.contains(&slot.role) {
                continue;
            }
            let Some(child) = &mut slot.child else { continue };
            child.prepared = Some(self.generation);
            if Some(slot.role) != except {
                let _ = child.link.abort(reload.generation);
            }
            if !child.committed {
                anew.push(at);
            }
        }
        // One that was just beginning has forgotten what it was given before.
        anew.into_iter().for_each(|at| self.hand_over(at));
        self.give_up_reload(&why);
    }

    fn give_up_reload(&mut self, why: &str) {
        if self.reload_again {
            return error!("{why}: the reload begins anew once it is back");
        }
        error!("{why}");
        error!("Reload refused, the running configuration stays in force");
        self.manager.ready("running; the last reload was refused, see the log");
        self.after_completion();
    }
}

/// What a reload cannot change, if the new settings try to.
fn unsupported_change(old: &Global, new: &Global) -> Option<&'static str> {
    let changes = [
        (old.net_namespace != new.net_namespace, "network namespace"),
        (old.net_namespace_ipvs != new.net_namespace_ipvs, "IPVS network namespace"),
        (old.instance != new.instance, "instance name"),
        (old.nftables.table != new.nftables.table, "nftables table name"),
        (old.nftables.ipvs_table != new.nftables.ipvs_table, "IPVS nftables table name"),
        (old.tmp_config_directory != new.tmp_config_directory, "config_directory"),
        (old.disable_local_igmp != new.disable_local_igmp, "disable_local_igmp"),
    ];
    changes.into_iter().find_map(|(changed, what)| changed.then_some(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_files_and_tables_hang_on_cannot_change() {
        let old = Global::default();
        assert_eq!(unsupported_change(&old, &old), None);
        let new = Global { instance: Some("a".into()), ..Global::default() };
        assert_eq!(unsupported_change(&old, &new), Some("instance name"));
        let new = Global { router_id: Some("r".into()), ..Global::default() };
        assert_eq!(unsupported_change(&old, &new), None);
    }
}
