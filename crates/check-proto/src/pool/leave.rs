//! A pool ends: with the daemon, or because the configuration dropped it.

use super::{Cx, Pool, Server, Tone};
use crate::action::Action;
use crate::event::{Event, Numbers, QuorumChange, ServerChange};
use crate::mail;

impl Pool {
    /// The daemon stops; `each_server` unless `lvs_flush_on_stop` spares the
    /// servers. IPVS is cleared by whoever stops everything.
    pub fn stop(&mut self, each_server: bool, cx: &mut Cx<'_>) {
        let quiet = !self.omega;
        let tone = if quiet { Tone::Quiet } else { Tone::Normal };
        for s in self.servers.iter().filter(|_| each_server) {
            let inhibited = s.inhibit && !s.alive;
            let change = match inhibited {
                true => ServerChange::ShuttingDownInhibited,
                false => ServerChange::ShuttingDown,
            };
            cx.event(Event::Server { change, rs: s.label.clone(), vs: self.label.clone() });
            if s.alive {
                self.notify_server(s, false, tone, cx);
                if !quiet && s.smtp_alert {
                    let mail = mail::server_stopped(&s.label, &self.label);
                    cx.out.push(Action::Mail(mail));
                }
            }
        }
        self.quorum_up = false;
        self.notify_pool(false, tone, cx);
        if !quiet && self.smtp_alert {
            cx.out.push(Action::Mail(mail::pool_stopped(&self.label)));
        }
    }

    /// The virtual server is gone from the configuration.
    pub fn remove(&mut self, cx: &mut Cx<'_>) {
        self.removed = true;
        cx.event(Event::Removed { group: self.group.clone(), vs: self.label.clone() });
        for service in self.services.iter() {
            cx.table.leave(*service, self.id, cx.out);
        }
        let servers = core::mem::take(&mut self.servers);
        for s in &servers {
            self.tell_removed(s, cx);
        }
        if self.quorum_up {
            self.quorum_up = false;
            let numbers = Numbers { live: 0, ..self.numbers() };
            self.tell_quorum(QuorumChange::Lost, numbers, cx);
        }
    }

    pub(super) fn tell_removed(&self, s: &Server, cx: &mut Cx<'_>) {
        let change = match s.inhibit && !s.alive {
            true => ServerChange::RemovingInhibited,
            false => ServerChange::Removing,
        };
        cx.event(Event::Server { change, rs: s.label.clone(), vs: self.label.clone() });
        if s.alive {
            self.notify_server(s, false, Tone::Removed, cx);
            if s.smtp_alert {
                let mail = mail::removed(&s.label, &self.label);
                cx.out.push(Action::Mail(mail));
            }
        }
    }
}
