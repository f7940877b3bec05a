//! The pool of one virtual server: which servers are in, the quorum, the sorry
//! server.
//!
//! The pool decides what it wants in IPVS from its state alone (`wish`), and
//! the [`Table`] makes operations of the difference. So an IPVS error costs
//! nothing but a repair: the shell compares the table with the kernel.

use crate::action::Action;
use crate::event::{Event, Label, Notify, Numbers, QuorumChange, ServerChange};
use crate::group;
use crate::ipvs::{Claimant, DestSpec, ServiceKey, ServiceSpec, Table};
use crate::mail;
use crate::text;
use core::net::IpAddr;
use model::lvs::{self, Forwarding};
use std::sync::Arc;
use types::{Family, ScriptId};

/// Slot of the sorry server among a pool's claims.
const SORRY: u32 = u32::MAX;

/// A real server in its pool.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its claims' number, kept for life.
    slot: u32,
    /// Printed name.
    pub label: Label,
    addr: IpAddr,
    port: u16,
    weight: u32,
    forwarding: Forwarding,
    uthreshold: u32,
    lthreshold: u32,
    inhibit: bool,
    notify_up: Option<ScriptId>,
    notify_down: Option<ScriptId>,
    smtp_alert: bool,
    alive: bool,
    failed: u32,
    effective: i64,
}

#[derive(Debug, Clone)]
struct Sorry {
    label: Label,
    addr: IpAddr,
    port: u16,
    forwarding: Forwarding,
    inhibit: bool,
    active: bool,
}

/// A pool.
#[derive(Debug)]
pub struct Pool {
    id: u32,
    label: Label,
    group: Option<Label>,
    services: Arc<[ServiceKey]>,
    /// Of its IPv4 services, and of its IPv6 ones.
    specs: [Arc<ServiceSpec>; 2],
    quorum: u32,
    hysteresis: u32,
    quorum_script: [Option<ScriptId>; 2],
    smtp_alert: bool,
    omega: bool,
    quorum_up: bool,
    /// A reload has taken it out of the configuration.
    removed: bool,
    /// Whether the quorum was told of, or had its chance to be.
    told: bool,
    sorry: Option<Sorry>,
    servers: Vec<Server>,
    next_slot: u32,
}

/// How a state is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Normal,
    /// To traps only.
    Quiet,
    /// Of what a reload has taken away.
    Removed,
}

/// What a pool acts on.
pub struct Cx<'a> {
    /// The host's table.
    pub table: &'a mut Table,
    /// Where actions go.
    pub out: &'a mut Vec<Action>,
}

impl Cx<'_> {
    fn event(&mut self, event: Event) {
        self.out.push(Action::Event(event));
    }
}

impl Server {
    fn new(vs: &lvs::VirtualServer, rs: &lvs::RealServer, slot: u32) -> Self {
        Server {
            slot,
            label: text::endpoint(rs.addr, vs.protocol, rs.port).into(),
            addr: rs.addr,
            port: rs.port,
            weight: rs.weight,
            forwarding: rs.forwarding,
            uthreshold: rs.uthreshold(),
            lthreshold: rs.lthreshold(),
            inhibit: rs.inhibit_on_failure,
            notify_up: rs.notify_up(),
            notify_down: rs.notify_down(),
            smtp_alert: rs.smtp_alert,
            alive: false,
            failed: 0,
            effective: i64::from(rs.weight),
        }
    }

    /// Its printed name.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// Its address and port, which identify it in its pool.
    pub fn at(&self) -> (IpAddr, u16) {
        (self.addr, self.port)
    }

    /// Whether it is up.
    pub fn is_alive(&self) -> bool {
        self.alive
    }

    /// Whether its verdicts are mailed.
    pub fn mails(&self) -> bool {
        self.smtp_alert
    }

    /// Configured weight.
    pub fn configured_weight(&self) -> u32 {
        self.weight
    }

    /// The configured weight with what checkers made of it.
    pub fn effective_weight(&self) -> i64 {
        self.effective
    }

    /// Number of its checkers that fail.
    pub fn failed_checkers(&self) -> u32 {
        self.failed
    }

    /// The kernel's weight when it is up: the effective weight within what the
    /// kernel takes. Excursions below zero are remembered in the sum.
    pub fn kernel_weight(&self) -> i32 {
        i32::try_from(self.effective.max(0)).unwrap_or(i32::MAX)
    }

    fn dest(&self, weight: i32) -> DestSpec {
        DestSpec {
            forwarding: self.forwarding,
            weight,
            uthreshold: self.uthreshold,
            lthreshold: self.lthreshold,
        }
    }

    fn script(&self, up: bool) -> Option<ScriptId> {
        if up { self.notify_up } else { self.notify_down }
    }

    /// What it should be in IPVS: its weight while it is up and wanted, 0 when
    /// it stays there inhibited, else nothing.
    fn wish(&self, wanted: bool) -> Option<DestSpec> {
        match (self.alive && wanted, self.inhibit) {
            (true, _) => Some(self.dest(self.kernel_weight())),
            (false, true) => Some(self.dest(0)),
            (false, false) => None,
        }
    }
}

impl Sorry {
    fn new(vs: &lvs::VirtualServer, ss: &lvs::SorryServer) -> Self {
        Sorry {
            label: text::endpoint(ss.addr, vs.protocol, ss.port).into(),
            addr: ss.addr,
            port: ss.port,
            forwarding: ss.forwarding,
            inhibit: ss.inhibit,
            active: false,
        }
    }

    fn wish(&self) -> Option<DestSpec> {
        let weight = match (self.active, self.inhibit) {
            (true, _) => 1,
            (false, true) => 0,
            (false, false) => return None,
        };
        Some(DestSpec { forwarding: self.forwarding, weight, uthreshold: 0, lthreshold: 0 })
    }
}

impl Pool {
    /// The pool of `vs` on `services`, nothing in it yet.
    pub fn new(id: u32, vs: &lvs::VirtualServer, services: Arc<[ServiceKey]>) -> Self {
        let servers: Vec<_> =
            (0..).zip(&vs.real_servers).map(|(slot, rs)| Server::new(vs, rs, slot)).collect();
        Pool {
            id,
            label: text::virtual_server(vs).into(),
            group: match &vs.service {
                lvs::Service::Group(name, _) => Some(name.as_str().into()),
                _ => None,
            },
            services,
            specs: [Family::V4, Family::V6].map(|family| Arc::new(group::spec(vs, family))),
            quorum: vs.quorum,
            hysteresis: vs.hysteresis,
            quorum_script: [vs.quorum_down, vs.quorum_up],
            smtp_alert: vs.smtp_alert,
            omega: vs.omega,
            quorum_up: false,
            removed: false,
            told: false,
            sorry: vs.sorry_server.as_ref().map(|ss| Sorry::new(vs, ss)),
            next_slot: u32::try_from(servers.len()).unwrap_or(SORRY - 1),
            servers,
        }
    }

    /// Printed name.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// Whether the quorum is reached.
    pub fn is_up(&self) -> bool {
        self.quorum_up
    }

    /// Whether the sorry server is in.
    pub fn is_sorry(&self) -> bool {
        self.sorry.as_ref().is_some_and(|s| s.active)
    }

    /// Whether `server`, one of its own, is in IPVS, be it with weight 0.
    pub fn holds(&self, server: &Server) -> bool {
        server.wish(!self.is_sorry()).is_some()
    }

    /// Its servers, in configuration order.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Its kernel services.
    pub fn services(&self) -> &[ServiceKey] {
        &self.services
    }

    /// What one of its services is to be like.
    fn spec(&self, service: &ServiceKey) -> &Arc<ServiceSpec> {
        let [four, six] = &self.specs;
        if service.family == Family::V4 { four } else { six }
    }

    /// Programs the pool for the first time: servers without a failed checker
    /// are in it before any check has run. `init_notifies` tells them.
    pub fn start(&mut self, standing: &[Standing], init_notifies: bool, cx: &mut Cx<'_>) {
        for service in self.services.iter() {
            cx.table.join(*service, self.id, self.spec(service), cx.out);
        }
        for (s, stand) in self.servers.iter_mut().zip(standing) {
            (s.failed, s.effective) = (stand.failed, stand.effective);
            s.alive = s.failed == 0;
        }
        for (i, s) in self.servers.iter().enumerate() {
            self.claim(i, cx);
            if s.alive && init_notifies {
                self.notify(i, cx);
            }
        }
        self.evaluate(true, cx);
        self.claim_sorry(cx);
    }

    /// A checker of server `i` found it well again. True when the server's
    /// state changed.
    pub fn checker_up(&mut self, i: usize, cx: &mut Cx<'_>) -> bool {
        let Some(s) = self.servers.get_mut(i) else { return false };
        s.failed = s.failed.saturating_sub(1);
        s.failed == 0 && self.turn(i, true, cx)
    }

    /// A checker of server `i` found it failed. True when the server's state
    /// changed.
    pub fn checker_down(&mut self, i: usize, cx: &mut Cx<'_>) -> bool {
        let Some(s) = self.servers.get_mut(i) else { return false };
        s.failed += 1;
        self.turn(i, false, cx)
    }

    /// Tells the state of server `i` (again).
    pub fn notify(&self, i: usize, cx: &mut Cx<'_>) {
        if let Some(s) = self.servers.get(i) {
            self.notify_server(s, s.alive, Tone::Normal, cx);
        }
    }

    /// The configured weight of server `i` is another one from now on; whether there is one.
    pub fn set_weight(&mut self, i: usize, weight: u32) -> bool {
        let server = self.servers.get_mut(i);
        server.map(|s| s.weight = weight).is_some()
    }

    /// The effective weight of server `i` is now `effective`.
    pub fn weigh(&mut self, i: usize, effective: i64, cx: &mut Cx<'_>) {
        let vs = self.label.clone();
        let Some(s) = self.servers.get_mut(i) else { return };
        let from = s.kernel_weight();
        s.effective = effective;
        let to = s.kernel_weight();
        if from == to {
            return;
        }
        let event = Event::Weight { rs: s.label.clone(), vs, from, to, active: s.alive };
        cx.event(event);
        self.claim(i, cx);
        self.evaluate(false, cx);
    }

    fn turn(&mut self, i: usize, up: bool, cx: &mut Cx<'_>) -> bool {
        let turned = self.flip(i, up, cx);
        if turned {
            self.evaluate(false, cx);
        }
        turned
    }

    /// Server `i` changes its state; the quorum is still to be evaluated.
    fn flip(&mut self, i: usize, up: bool, cx: &mut Cx<'_>) -> bool {
        let vs = self.label.clone();
        let Some(s) = self.servers.get_mut(i) else { return false };
        if s.alive == up {
            return false;
        }
        s.alive = up;
        let change = match (up, s.inhibit) {
            (true, false) => ServerChange::Adding,
            (true, true) => ServerChange::Enabling,
            (false, false) => ServerChange::Removing,
            (false, true) => ServerChange::Disabling,
        };
        cx.event(Event::Server { change, rs: s.label.clone(), vs });
        self.claim(i, cx);
        self.notify(i, cx);
        true
    }

    /// Makes IPVS what server `i` should be.
    fn claim(&self, i: usize, cx: &mut Cx<'_>) {
        let Some(s) = self.servers.get(i) else { return };
        let by = Claimant { vs: self.id, slot: s.slot };
        let wish = s.wish(!self.is_sorry());
        self.claim_dest(by, (s.addr, s.port, s.forwarding), wish, cx);
    }

    fn claim_sorry(&self, cx: &mut Cx<'_>) {
        let Some(s) = &self.sorry else { return };
        let by = Claimant { vs: self.id, slot: SORRY };
        self.claim_dest(by, (s.addr, s.port, s.forwarding), s.wish(), cx);
    }

    fn claim_dest(
        &self,
        by: Claimant,
        (addr, port, forwarding): (IpAddr, u16, Forwarding),
        wish: Option<DestSpec>,
        cx: &mut Cx<'_>,
    ) {
        for service in self.services.iter() {
            let key = group::dest(*service, addr, port, forwarding);
            match wish {
                Some(spec) => cx.table.claim(*service, key, by, spec, cx.out),
                None => cx.table.release(*service, key, by, cx.out),
            }
        }
    }

    fn numbers(&self) -> Numbers {
        let live = self.servers.iter().filter(|s| s.alive);
        let live = live.map(|s| u64::from(s.kernel_weight().unsigned_abs())).sum();
        Numbers { quorum: self.quorum, hysteresis: self.hysteresis, live }
    }

    /// Gains or loses the quorum.
    fn evaluate(&mut self, init: bool, cx: &mut Cx<'_>) {
        let n = self.numbers();
        // Nobody alive is never a quorum, whatever is configured.
        let gained = n.live >= n.gained_at().max(1);
        let lost = n.live == 0 || n.live < n.lost_below();
        match (self.quorum_up, gained, lost) {
            (false, true, _) => self.gain(n, cx),
            (true, _, true) => self.lose(QuorumChange::Lost, n, cx),
            (false, false, _) if init && self.sorry.as_ref().is_some_and(|s| !s.active) => {
                self.lose(QuorumChange::StartedDown, n, cx);
            }
            _ => {}
        }
        // What follows is a change, also of what began in silence.
        self.told |= init;
    }

    fn gain(&mut self, numbers: Numbers, cx: &mut Cx<'_>) {
        let vs = self.label.clone();
        self.quorum_up = true;
        cx.event(Event::Quorum { change: QuorumChange::Gained, numbers, vs: vs.clone() });
        if let Some(s) = self.sorry.as_mut().filter(|s| s.active) {
            s.active = false;
            let (inhibit, ss) = (s.inhibit, s.label.clone());
            cx.event(Event::Sorry { added: false, inhibit, ss, vs: vs.clone() });
            cx.event(Event::Pool { added: true, vs });
            // Servers in before the sorry server is out: never nobody.
            self.claim_all(cx);
            self.claim_sorry(cx);
        }
        self.tell_quorum(QuorumChange::Gained, numbers, cx);
    }

    fn lose(&mut self, change: QuorumChange, numbers: Numbers, cx: &mut Cx<'_>) {
        let vs = self.label.clone();
        self.quorum_up = false;
        cx.event(Event::Quorum { change, numbers, vs });
        self.sorry_in(cx);
        self.tell_quorum(change, numbers, cx);
    }

    fn sorry_in(&mut self, cx: &mut Cx<'_>) {
        let Some(s) = self.sorry.as_mut().filter(|s| !s.active) else { return };
        s.active = true;
        let (inhibit, ss, vs) = (s.inhibit, s.label.clone(), self.label.clone());
        cx.event(Event::Sorry { added: true, inhibit, ss, vs: vs.clone() });
        cx.event(Event::Pool { added: false, vs });
        // The sorry server in before the others are out: never nobody.
        self.claim_sorry(cx);
        self.claim_all(cx);
    }

    fn claim_all(&self, cx: &mut Cx<'_>) {
        for i in 0..self.servers.len() {
            self.claim(i, cx);
        }
    }

    fn tell_quorum(&mut self, change: QuorumChange, numbers: Numbers, cx: &mut Cx<'_>) {
        let up = self.quorum_up;
        let tone = if self.removed { Tone::Removed } else { Tone::Normal };
        self.notify_pool(up, tone, cx);
        if self.smtp_alert {
            let mail = mail::quorum(&self.label, change, numbers, !self.told);
            cx.out.push(Action::Mail(mail));
        }
        self.told = true;
    }

    fn notify_server(&self, s: &Server, up: bool, tone: Tone, cx: &mut Cx<'_>) {
        cx.out.push(Action::Notify(Notify::Server {
            rs: s.label.clone(),
            vs: self.label.clone(),
            up,
            script: s.script(up).filter(|_| tone != Tone::Quiet),
            quiet: tone == Tone::Quiet,
            removed: tone == Tone::Removed,
        }));
    }

    fn notify_pool(&self, up: bool, tone: Tone, cx: &mut Cx<'_>) {
        let [down_script, up_script] = self.quorum_script;
        let script = if up { up_script } else { down_script };
        cx.out.push(Action::Notify(Notify::Pool {
            vs: self.label.clone(),
            up,
            script: script.filter(|_| tone != Tone::Quiet),
            quiet: tone == Tone::Quiet,
            removed: tone == Tone::Removed,
        }));
    }
}

impl Pool {
    /// Asserts what must hold after every action.
    ///
    /// # Panics
    /// When our own logic is broken.
    pub fn check_invariants(&self, table: &Table) {
        let claimed = |slot, addr, port, forwarding| {
            let by = Claimant { vs: self.id, slot };
            self.services.iter().map(move |service| {
                table.claimed(*service, group::dest(*service, addr, port, forwarding), by)
            })
        };
        for s in &self.servers {
            assert_eq!(s.alive, s.failed == 0, "{}: alive iff no checker failed", s.label);
            for dest in claimed(s.slot, s.addr, s.port, s.forwarding) {
                let weight = dest.map(|d| d.weight);
                if s.alive && !self.is_sorry() {
                    assert_eq!(weight, Some(s.kernel_weight()), "{}: in with its weight", s.label);
                } else {
                    let out = s.inhibit.then_some(0);
                    assert_eq!(weight, out, "{}: out, or inhibited with weight 0", s.label);
                }
            }
        }
        if let Some(s) = &self.sorry {
            assert_eq!(s.active, !self.quorum_up, "{}: sorry iff no quorum", self.label);
            for dest in claimed(SORRY, s.addr, s.port, s.forwarding) {
                assert_eq!(dest, s.wish(), "{}: sorry server", s.label);
            }
        }
        let n = self.numbers();
        if self.quorum_up {
            assert!(n.live > 0 && n.live >= n.lost_below(), "{}: quorum held", self.label);
        } else {
            assert!(n.live < n.gained_at().max(1), "{}: quorum not reached", self.label);
        }
    }
}

mod leave;
mod reload;
pub use reload::Standing;
#[cfg(test)]
mod tests;
