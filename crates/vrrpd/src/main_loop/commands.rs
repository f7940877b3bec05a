//! What core asks for: configurations, facts, dumps, the end.

use super::FIREWALL;
use super::LAST_WORDS;
use super::Running;
use super::VrrpRole;
use super::track_value;
use crate::dump;
use crate::igmp;
use crate::promote;
use crate::snapshot;
use crate::snapshot::Statics;
use crate::start::set_name;
use crate::vmac;
use ipc::msg::Dump;
use ipc::msg::Generation;
use ipc::msg::TrackValue as CoreValue;
use ipc::msg::snapshot::Change;
use ipc::msg::snapshot::InstanceChange;
use ipc::msg::vrrp::VrrpSetup;
use ipc::msg::vrrp::VrrpToCore;
use ipc::msg::vrrp::{Changed, CoreToVrrp, Former};
use rt::channel;
use rt::clock;
use rt::fatal::{Fatal, fatal};
use rt::signals;
use std::collections::{BTreeSet, HashSet};
use types::{Family, Mono};
use vrrp_proto::Input;
use vrrp_proto::Node;
use vrrp_proto::Setup;

impl VrrpRole {
    pub(super) fn serve_core(&mut self) -> Result<(), Fatal> {
        self.backlog.catch_up(&mut self.core);
        match channel::drain(self, |role| &mut role.core, Self::command) {
            Ok(true) => return Ok(()),
            // Core is gone: leave in order, as on SIGTERM.
            Ok(false) => log::info!("core is gone, leaving"),
            Err(e) => log::error!("channel to core: {e}, leaving"),
        }
        let _ = self.poll.deregister(&self.core);
        self.shutdown();
        Ok(())
    }

    /// Does what core says.
    pub(crate) fn command(&mut self, message: CoreToVrrp) {
        match message {
            CoreToVrrp::Hello(..) => log::warn!("core greets twice"),
            CoreToVrrp::Prepare(setup) => {
                let generation = setup.generation;
                // Core has kept these before it lets anything be changed.
                self.intended = intended(&setup);
                self.prepared = Some(setup);
                self.tell_changed(true);
                self.tell(&VrrpToCore::Ready(generation));
            }
            CoreToVrrp::Commit(generation) => self.commit(generation),
            CoreToVrrp::Abort(generation) => {
                if self.prepared.take_if(|p| p.generation == generation).is_some() {
                    self.intended.clear();
                }
            }
            CoreToVrrp::Track(id, value) => {
                if let Some(node) = &mut self.node {
                    let value = track_value(value);
                    node.handle(clock::now(), Input::Track { id, value }, &mut self.out);
                    self.carry_out();
                }
            }
            CoreToVrrp::Dump(kind, known) => {
                let Some(node) = &mut self.node else { return };
                let Some(running) = &self.running else { return };
                let text = dump::text(kind, node, &running.global, &known);
                self.tell(&VrrpToCore::Dump { kind, text });
            }
            CoreToVrrp::SendGarp(name) => {
                if let Some(node) = &mut self.node {
                    let announce = Input::Announce { name: &name };
                    node.handle(clock::now(), announce, &mut self.out);
                    self.carry_out();
                }
            }
            CoreToVrrp::Snapshot => {
                let (Some(node), Some(running)) = (&self.node, &self.running) else { return };
                let Running { generation, statics, .. } = running;
                let snapshot = snapshot::take(node, statics, *generation, clock::now());
                self.tell(&VrrpToCore::Snapshot(Box::new(snapshot)));
            }
            CoreToVrrp::Change(change) => self.change(change),
            CoreToVrrp::Shutdown => self.shutdown(),
        }
    }

    /// Does what a manager asks for, unless it means another configuration.
    fn change(&mut self, change: Change) {
        let (Some(node), Some(running)) = (&mut self.node, &self.running) else { return };
        let Change::Instance { generation, place, what } = change else { return };
        if generation != running.generation {
            return log::warn!("a change by SNMP comes too late: the configuration was reloaded");
        }
        let change = match what {
            InstanceChange::Priority(to) => vrrp_proto::Change::Priority(types::Priority(to)),
            InstanceChange::Preempt(on) => vrrp_proto::Change::Preempt(on),
            InstanceChange::Accept(on) => vrrp_proto::Change::Accept(on),
        };
        let place = place as usize;
        node.handle(clock::now(), Input::Change { place, change }, &mut self.out);
        self.carry_out();
    }

    pub(super) fn tell(&mut self, message: &VrrpToCore) {
        if let Err(e) = self.core.send(message) {
            log::error!("cannot answer core: {e}");
        }
    }

    pub(super) fn commit(&mut self, generation: Generation) {
        if self.leaving {
            return;
        }
        let Some(setup) = self.prepared.take_if(|p| p.generation == generation) else {
            return log::error!("core commits a configuration that it did not send");
        };
        let VrrpSetup { global, vrrp, before, tracks, values, changed, options, .. } = *setup;
        set_name(&global);
        self.lateness.configure(&global, global.vrrp_process.rt_priority);
        self.inherit(changed);
        self.igmp.configure(global.disable_local_igmp);
        let promoting = vrrp.instances.iter().filter(|i| i.promote_secondaries);
        self.promote.keep(promoting.filter_map(|i| i.interface.clone()).collect());
        let facts = self.running.take().map(|r| r.facts).unwrap_or_default();
        let statics = Statics::of(&vrrp);
        self.running =
            Some(Running { options, global: global.clone(), facts, generation, statics });
        let now = clock::now();
        let polls = self.linkbeat.configure(global.linkbeat_use_polling, &vrrp, now);
        let known = values.iter().copied().map(track_value).collect();
        let setup = Setup { global, vrrp, tracks, values: known };
        if let Some(node) = &mut self.node {
            // Adverts of the new configuration may be the first that are signed.
            node.handle(now, Input::Clock { unix: clock::wall() }, &mut self.out);
            node.handle(now, Input::Reload(Box::new(setup)), &mut self.out);
            self.reloading = true;
            self.carry_out();
            self.reloading = false;
            if let Some(node) = &self.node {
                self.fib.prune(node);
            }
            if polls {
                self.read_links();
                self.carry_out();
            }
        } else {
            self.node = Some(Node::new(setup));
            self.read_links();
            self.read_addresses();
            self.carry_out();
            self.set_tracks(now, &values);
            if let Some(node) = &mut self.node {
                if node.wants_clock() {
                    node.handle(now, Input::Clock { unix: clock::wall() }, &mut self.out);
                }
                self.reloading = !before.is_empty();
                let former = before.iter().cloned().map(|Former { global, vrrp }| Setup {
                    global,
                    vrrp,
                    ..Setup::default()
                });
                node.handle(now, Input::Former(former.collect()), &mut self.out);
                node.handle(
                    clock::now(),
                    Input::Start { uptime: clock::boottime() },
                    &mut self.out,
                );
            }
            self.carry_out();
            self.reloading = false;
        }
        if let (Some(node), Some(running)) = (&self.node, &self.running) {
            self.syncd.configure(&running.global, node);
        }
        self.syncd.end_former(&before);
        self.unsettled = Some(generation);
        self.burst = true;
        self.tell(&VrrpToCore::Running(generation));
    }

    /// Takes over the settings that an earlier process has changed.
    fn inherit(&mut self, changed: Vec<Changed>) {
        for setting in changed {
            match setting.key.as_str() {
                promote::KEY => self.promote.inherit(&setting),
                igmp::KEY => self.igmp.inherit(&setting),
                _ => self.vmacs.inherit(setting),
            }
        }
    }

    /// Tells core which settings are to be put back, when others are than before or in any case.
    pub(super) fn tell_changed(&mut self, all: bool) {
        let news =
            [self.vmacs.has_news(), self.promote.has_news(), self.igmp.has_news()].contains(&true);
        if !news && !all {
            return;
        }
        let others = self.promote.changed().chain(self.igmp.changed());
        let mut changed: Vec<_> = self.vmacs.changed().chain(others).collect();
        let done: HashSet<_> = changed.iter().map(|c| (c.scope.clone(), c.key.clone())).collect();
        // Of those that are not taken over yet, and that are not changed yet.
        let left = self.prepared.iter().flat_map(|p| &p.changed).chain(&self.intended);
        let new = |c: &&Changed| !done.contains(&(c.scope.clone(), c.key.clone()));
        changed.extend(left.filter(new).cloned());
        self.tell(&VrrpToCore::Changed(changed));
    }

    pub(super) fn set_tracks(&mut self, now: Mono, values: &[CoreValue]) {
        let Some(node) = &mut self.node else { return };
        for (id, value) in (0u32..).zip(values) {
            let (id, value) = (types::TrackId(id), track_value(*value));
            node.handle(now, Input::Track { id, value }, &mut self.out);
        }
    }

    pub(super) fn serve_signals(&mut self) -> Result<(), Fatal> {
        while let Some(signal) = self.signals.receive().map_err(fatal("cannot read signals"))? {
            match signal.number {
                signals::HUP => {
                    log::info!(
                        "only core reads the configuration: send SIGHUP to the parent process"
                    );
                }
                signals::XCPU => log::warn!(
                    "VRRP process has used too much CPU time, vrrp_rlimit_rttime may need to be increased"
                ),
                signals::TERM | signals::INT => self.shutdown(),
                signals::USR1 => self.tell(&VrrpToCore::WantsDump(Dump::Data)),
                signals::USR2 => self.tell(&VrrpToCore::WantsDump(Dump::Stats)),
                n if n == signals::stats_clear() => {
                    self.tell(&VrrpToCore::WantsDump(Dump::StatsClear));
                }
                n if n == signals::json() => self.tell(&VrrpToCore::WantsDump(Dump::Json)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives up mastership; the loop ends once the addresses are removed.
    pub(super) fn shutdown(&mut self) {
        if self.leaving {
            return;
        }
        self.leaving = true;
        log::info!("Stopping");
        if let Some(node) = &mut self.node {
            node.handle(clock::now(), Input::Shutdown, &mut self.out);
        }
        self.carry_out();
        self.node = None;
    }

    pub(super) fn leave(&mut self) -> Result<(), Fatal> {
        if !self.options().dont_release {
            self.vmacs.restore();
            self.firewall.stop(&self.poll, FIREWALL);
        }
        self.igmp.restore();
        self.promote.restore();
        self.syncd.stop();
        self.backlog.catch_up(&mut self.core);
        let _ = self.core.flush_wait(LAST_WORDS);
        log::info!("Stopped");
        Ok(())
    }
}

/// The settings that a configuration will have changed, with what they are.
fn intended(setup: &VrrpSetup) -> Vec<Changed> {
    let instances = &setup.vrrp.instances;
    let parents = instances.iter().flat_map(|i| vrrp_proto::vmac_parents(i, Family::V4));
    let mut all = vmac::intended(&parents.collect());
    let promoting = instances.iter().filter(|i| i.promote_secondaries);
    let promoting: BTreeSet<_> = promoting.filter_map(|i| i.interface.as_deref()).collect();
    all.extend(promoting.into_iter().filter_map(|name| vmac::differs(name, promote::KEY, 1)));
    all.extend(setup.global.disable_local_igmp.then(igmp::intended).flatten());
    all
}
