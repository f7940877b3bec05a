//! Virtual routes and rules: when they come, go and are put back.
//!
//! Owns their place in the sequence of a transition: routes after the
//! addresses that they may need, rules after the routes that they lead to,
//! and all in the opposite order when they go.

use crate::action::Owner;
use crate::event::{Event, InstanceEvent, Reason, State};
use crate::fib::{FibEntry, FibFact, FibNews, Heard};
use crate::instance::{Env, Instance};
use crate::node::{At, Node};
use std::collections::{HashMap, HashSet};
use types::InstanceId;

impl Instance {
    /// Adds every route and rule that is not in place.
    pub fn set_fib(&mut self, env: &mut Env<'_>) {
        let owner = Owner::Instance(self.id);
        for rules in [false, true] {
            let wanted = self.fib.unset(rules);
            if !wanted.is_empty() {
                self.report(env.out, InstanceEvent::SettingFib { set: true, rules });
            }
            for n in wanted {
                if let Some((entry, news)) = self.fib.add(n, owner, env.links, env.out) {
                    self.report(env.out, InstanceEvent::Fib { entry, news });
                }
            }
        }
    }

    /// Removes every route and rule.
    pub fn remove_fib(&mut self, env: &mut Env<'_>) {
        let owner = Owner::Instance(self.id);
        for rules in [true, false] {
            let gone = self.fib.places(rules);
            if !gone.is_empty() {
                self.report(env.out, InstanceEvent::SettingFib { set: false, rules });
            }
            for n in gone.into_iter().rev() {
                self.fib.remove(n, owner, env.out);
            }
        }
    }

    /// Removes what a former run may have left.
    pub fn remove_fib_leftovers(&self, env: &mut Env<'_>) {
        let owner = Owner::Instance(self.id);
        for rules in [true, false] {
            let found = self.fib.places(rules);
            if !found.is_empty() {
                self.report(env.out, InstanceEvent::SettingFib { set: false, rules });
            }
            for n in found.into_iter().rev() {
                self.fib.remove_leftover(n, owner, env.links, env.out);
            }
        }
    }

    /// A master's routes and rules are in place, even when interfaces went
    /// and came back.
    pub fn repair_fib(&mut self, env: &mut Env<'_>) {
        let (id, name) = (self.id, self.name.clone());
        let more = self.fib.repair(Owner::Instance(id), env.links, env.out, |out, entry| {
            let what = InstanceEvent::Fib { entry, news: FibNews::Restored };
            out.report(Event::Instance { id, name: name.clone(), what });
        });
        if more > 0 {
            self.report(env.out, InstanceEvent::MoreRestored(more));
        }
    }
}

impl Node {
    /// The kernel tells of a route or rule.
    pub(crate) fn fib_changed(
        &mut self,
        owner: Owner,
        entry: &FibEntry,
        fact: FibFact,
        at: &mut At<'_>,
    ) {
        let id = match owner {
            Owner::Instance(id) => id,
            Owner::Static => return self.static_fib_changed(entry, fact, at),
            Owner::Link | Owner::Former => return,
        };
        let heard = self.on(id, at, |i, env| i.fib.hear(entry, fact, env.links)).flatten();
        match heard {
            Some(Heard::Lost) if self.get(id).is_some_and(|i| i.state == State::Master) => {
                let (entry, news) = (entry.clone(), FibNews::Lost);
                let reason = Reason::FibLost(entry.clone());
                self.taken(id, InstanceEvent::Fib { entry, news }, reason, at);
            }
            Some(Heard::Tell(news)) => {
                let entry = entry.clone();
                self.on(id, at, |i, env| i.report(env.out, InstanceEvent::Fib { entry, news }));
            }
            _ => {}
        }
    }

    /// After an interface or an address changed: a route that names no
    /// interface may have waited for just that.
    pub(crate) fn repair_lacking(&mut self, at: &mut At<'_>) {
        if self.started && self.statics.fib.is_lacking() {
            self.place_static_fib(at);
        }
        let lacks = |i: &&Instance| i.state == State::Master && i.fib.is_lacking();
        let ids = self.order.iter().filter_map(|id| self.get(*id)).filter(lacks);
        for id in ids.map(|i| i.id).collect::<Vec<_>>() {
            self.on(id, at, |i, env| i.repair_fib(env));
        }
    }

    /// The kernel's complete list: what went in silence is put back.
    pub(crate) fn all_fibs(&mut self, there: &[(Owner, FibEntry)], at: &mut At<'_>) {
        let mut by_owner: HashMap<Owner, HashSet<&FibEntry>> = HashMap::new();
        for (owner, entry) in there {
            by_owner.entry(*owner).or_default().insert(entry);
        }
        let none = HashSet::new();
        for id in self.order.clone() {
            let there = by_owner.get(&Owner::Instance(id)).unwrap_or(&none);
            self.on(id, at, |i, env| {
                i.fib.hear_all(there);
                if i.state == State::Master {
                    i.repair_fib(env);
                }
            });
        }
        self.static_fibs(by_owner.get(&Owner::Static).unwrap_or(&none), at);
    }

    /// Whether the entry is still of the configuration.
    pub fn knows_fib(&self, owner: Owner, entry: &FibEntry) -> bool {
        match owner {
            Owner::Instance(id) => self.instance_fib(id).is_some_and(|f| f.knows(entry)),
            Owner::Static => self.statics.fib.knows(entry),
            Owner::Link | Owner::Former => false,
        }
    }

    fn instance_fib(&self, id: InstanceId) -> Option<&crate::fib::Fib> {
        self.get(id).map(|i| &i.fib)
    }
}
