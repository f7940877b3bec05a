//! The role's loop: the one place that reads sockets, drives the machine and
//! carries out what it asks for.
//!
//! Each turn: due adverts first, then what came in, then a slice of queued
//! kernel work. Nothing here waits for core, a disk or a log.

mod commands;
mod kernel;

use crate::exec::{Exec, Object, Results};
use crate::facts;
use crate::fib_watch::FibWatch;
use crate::firewall::Firewall;
use crate::igmp::LocalIgmp;
use crate::linkbeat::Linkbeat;
use crate::promote::Promote;
use crate::report::{self, Backlog, Line, ToCore};
use crate::resync::Resync;
use crate::routes::Spec;
use crate::rx::Sockets;
use crate::snapshot::Statics;
use crate::suspend::Suspend;
use crate::syncd::Syncd;
use crate::vmac::VirtualLinks;
use core::time::Duration;
use ipc::msg::vrrp::{Changed, VrrpOptions, VrrpSetup, VrrpToCore};
use ipc::msg::{Generation, TrackValue as CoreValue};
use model::Global;
use model::global::{Buffer, Buffers};
use netlink::socket::NlSocket;
use rt::fatal::{Fatal, fatal};
use rt::lateness::Lateness;
use rt::poll::{Loop, Ready};
use rt::signals::{self, Signals};
use rt::{Interest, Token, clock};
use std::io;
use std::os::fd::AsFd;
use types::Mono;
use vrrp_proto::{Action, Detail, FibFact, Input, Node, Out, Owner, TrackValue};

/// Room for the kernel's notifications: a take-over of 20,000 addresses fits.
const MONITOR_RCVBUF: usize = 32 * 1024 * 1024;
/// How long an exiting role waits until core has its last words.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Log lines of a turn for which room is kept.
const LINES_KEPT: usize = 1024;

const CORE: Token = Token(0);
const SIGNALS: Token = Token(1);
const MONITOR: Token = Token(2);
const FIB: Token = Token(3);
const FIREWALL: Token = Token(4);
/// Tokens from here on are sockets of adverts.
const SOCKETS: usize = 16;

/// Everything the role owns.
#[derive(Debug)]
pub(crate) struct VrrpRole {
    poll: Loop,
    signals: Signals,
    core: ToCore,
    core_interest: Interest,
    monitor: NlSocket,
    exec: Exec,
    lateness: Lateness,
    sockets: Sockets,
    node: Option<Node>,
    prepared: Option<Box<VrrpSetup>>,
    running: Option<Running>,
    out: Out,
    results: Results,
    backlog: Backlog,
    /// Log lines of this turn, written once the kernel has been asked.
    lines: Vec<Line>,
    promote: Promote,
    suspend: Suspend,
    syncd: Syncd,
    linkbeat: Linkbeat,
    vmacs: VirtualLinks,
    igmp: LocalIgmp,
    fib: FibWatch,
    firewall: Firewall,
    /// What is believed of addresses may be wrong.
    resync: Resync,
    /// Memory is free that is not needed soon.
    burst: bool,
    /// While the actions of a reload are queued.
    reloading: bool,
    /// What the last configuration took away may still be there.
    unsettled: Option<Generation>,
    /// Settings that the configuration has changed once it is in place.
    intended: Vec<Changed>,
    leaving: bool,
}

/// What the loop itself needs of the running configuration.
#[derive(Debug)]
struct Running {
    options: VrrpOptions,
    global: Global,
    facts: facts::Forwarding,
    generation: Generation,
    statics: Statics,
}

impl VrrpRole {
    /// Opens its sockets.
    pub(crate) fn open(core: ToCore, buffers: &Buffers, syncd: Syncd) -> Result<Self, Fatal> {
        let poll = Loop::new().map_err(fatal("cannot open an event loop"))?;
        let signals = Signals::new(&signals::for_role()).map_err(fatal("cannot handle signals"))?;
        let monitor = NlSocket::monitor(MONITOR_RCVBUF)
            .and_then(|socket| resize(socket, buffers.vrrp_monitor))
            .map_err(fatal("cannot open the netlink monitor"))?;
        let exec = Exec::open(buffers.vrrp_cmd)
            .map_err(fatal("cannot open netlink and packet sockets"))?;
        for (fd, token) in
            [(core.as_fd(), CORE), (signals.as_fd(), SIGNALS), (monitor.as_fd(), MONITOR)]
        {
            poll.register(fd, token, Interest::READABLE)
                .map_err(fatal("cannot watch a descriptor"))?;
        }
        Ok(VrrpRole {
            poll,
            signals,
            core,
            core_interest: Interest::READABLE,
            monitor,
            exec,
            sockets: Sockets::default(),
            node: None,
            prepared: None,
            running: None,
            out: Out::default(),
            results: Results::default(),
            backlog: Backlog::new(VrrpToCore::Lost),
            lines: Vec::new(),
            promote: Promote::default(),
            suspend: Suspend::default(),
            syncd,
            linkbeat: Linkbeat::default(),
            vmacs: VirtualLinks::default(),
            igmp: LocalIgmp::default(),
            fib: FibWatch::default(),
            firewall: Firewall::default(),
            lateness: Lateness::default(),
            resync: Resync::default(),
            burst: false,
            reloading: false,
            unsettled: None,
            intended: Vec::new(),
            leaving: false,
        })
    }

    /// Runs until core says so or is gone.
    pub(crate) fn run(&mut self) -> Result<(), Fatal> {
        let mut ready = Vec::new();
        // What came together with the first words is in memory, not in the socket.
        self.serve_core()?;
        report::log_lines(&mut self.lines);
        loop {
            if self.leaving && !self.has_work() {
                return self.leave();
            }
            self.update_interest()?;
            let due = self.due();
            // Work that waits is gone on with at once.
            let busy = self.has_work() || self.resync.is_wanted();
            let deadline = if busy { Some(Mono::ZERO) } else { due };
            self.poll.wait(deadline, &mut ready).map_err(fatal("cannot wait"))?;
            if let Some(late) = self.lateness.check(due, clock::now()) {
                self.tell(&VrrpToCore::Late(late));
            }
            self.tick();
            for r in &ready {
                self.serve(*r)?;
            }
            self.work()?;
            self.check_fib();
            self.check_addresses();
            self.settle();
            report::log_lines(&mut self.lines);
            if let Some(node) = &self.node
                && !self.exec.has_work()
            {
                self.syncd.catch_up(node);
            }
            self.give_back();
        }
    }

    /// Tells core once nothing is left of what was before the last configuration.
    fn settle(&mut self) {
        let under_way = !self.exec.changes_done()
            || !self.exec.is_idle()
            || self.vmacs.has_work()
            || self.firewall.is_ahead();
        if !under_way && let Some(generation) = self.unsettled.take() {
            self.vmacs.put_back_unused();
            let intended = !core::mem::take(&mut self.intended).is_empty();
            self.tell_changed(intended);
            self.tell(&VrrpToCore::Settled(generation));
        }
    }

    /// Whether something waits for the kernel.
    fn has_work(&self) -> bool {
        self.exec.has_work()
            || self.vmacs.has_work()
            || self.firewall.is_behind(clock::now())
            || self.firewall.is_ahead()
    }

    /// After a burst, be it a configuration or a take-over: its memory goes back.
    fn give_back(&mut self) {
        self.burst |= self.exec.give_back();
        if self.burst && !self.has_work() {
            self.burst = false;
            self.lines.shrink_to(LINES_KEPT);
            rt::memory::trim();
        }
    }

    /// When the next timer is due.
    fn due(&self) -> Option<Mono> {
        let node = self.node.as_ref().and_then(Node::deadline);
        let facts = self.running.as_ref().and_then(|r| r.facts.deadline());
        let others = [self.sockets.deadline(), self.linkbeat.deadline(), self.firewall.deadline()];
        [node, facts].into_iter().chain(others).flatten().min()
    }

    fn tick(&mut self) {
        let slept = self.suspend.check();
        let now = clock::now();
        if let Some(node) = &mut self.node {
            if let Some(time) = slept {
                log::warn!("the host was suspended for {} seconds", time.as_secs_f64());
                node.handle(now, Input::Slept { time }, &mut self.out);
            }
            if node.wants_clock() {
                node.handle(now, Input::Clock { unix: clock::wall() }, &mut self.out);
            }
            node.handle(now, Input::Tick, &mut self.out);
        }
        self.carry_out();
        self.refresh_facts(now);
        if self.sockets.deadline().is_some_and(|at| at <= now) {
            self.sockets.retry(now, &self.poll, SOCKETS);
        }
    }

    fn serve(&mut self, ready: Ready) -> Result<(), Fatal> {
        match ready.token {
            CORE => self.serve_core(),
            SIGNALS => self.serve_signals(),
            MONITOR => {
                self.serve_monitor();
                Ok(())
            }
            FIB => {
                self.serve_fib();
                Ok(())
            }
            FIREWALL => {
                self.firewall.read();
                Ok(())
            }
            Token(n) => {
                self.receive(n.wrapping_sub(SOCKETS));
                Ok(())
            }
        }
    }

    /// Hands the packets of one socket to the machine.
    fn receive(&mut self, socket: usize) {
        let Some(node) = &mut self.node else { return };
        let now = clock::now();
        let out = &mut self.out;
        self.sockets.receive(socket, |socket, meta, bytes| {
            node.handle(now, Input::Packet { socket, meta, bytes }, out);
        });
        self.carry_out();
    }

    /// Does what the machine asked for: adverts at once, the rest in order.
    fn carry_out(&mut self) {
        if !self.out.adverts.is_empty() {
            self.sockets.send(&self.out);
            self.out.adverts.clear();
        }
        let mut actions = core::mem::take(&mut self.out.actions);
        // All that is to be hidden is known before anything is done.
        actions.iter().for_each(|action| self.hide(action));
        for action in actions.drain(..) {
            self.act(action);
        }
        self.out.actions = actions;
        self.out.clear();
    }

    fn hide(&mut self, action: &Action) {
        match action {
            Action::Rules(rules) => self.firewall.rules(rules.clone()),
            Action::RulesLeft(table) => self.firewall.left(table.clone()),
            // What stays reachable stays hidden.
            Action::Rule { wanted: false, .. } if self.leaving && self.options().dont_release => {}
            Action::Rule { element, wanted } => self.firewall.rule(element.clone(), *wanted),
            _ => {}
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Rules(_) | Action::RulesLeft(_) | Action::Rule { .. } => {}
            Action::OpenSocket { id, key, rcvbuf } => {
                // Joining a group is told to the network.
                self.strengthen();
                self.sockets.open(id, key, rcvbuf, &self.poll, SOCKETS);
            }
            Action::CloseSocket { id } => self.sockets.close(id, &self.poll),
            Action::SocketRoom { id, bytes } => self.sockets.make_room(id, bytes),
            Action::AddAddr { owner, ifindex, addr, .. } => self.exec.add(owner, ifindex, addr),
            Action::DelAddr { owner, ifindex, addr, best_effort, .. } => {
                if self.stays(owner) {
                    return;
                }
                // One that a reload left where it was until its link was there goes later.
                let late = best_effort && !self.leaving;
                if (self.reloading || late) && addr.prefix.addr.is_ipv4() {
                    self.promote.hold(ifindex);
                }
                self.exec.del(owner, ifindex, addr);
            }
            Action::MakeLink(spec) => self.vmacs.make(spec),
            Action::RemoveLink { .. } if self.leaving && self.options().dont_release => {}
            Action::RemoveLink { name, index } => self.vmacs.remove(name, index),
            Action::AddFib { owner, entry, ways, instead } => {
                let spec = Spec::of(&entry, &ways);
                self.fib.asked(owner, &entry, &spec, &self.poll, FIB);
                match instead {
                    None => self.exec.fib(owner, entry, &spec, true),
                    Some((old, ways)) => {
                        let old = (old.clone(), Spec::of(&old, &ways));
                        self.exec.replace(owner, entry, &spec, old);
                    }
                }
            }
            Action::DelFib { owner, entry, ways, .. } => {
                if !self.stays(owner) {
                    let spec = Spec::of(&entry, &ways);
                    self.exec.fib(owner, entry, &spec, false);
                }
            }
            Action::Garp(garp) => self.exec.garp(garp),
            Action::CancelGarps { instance } => self.exec.cancel_garps(instance),
            Action::Report(event) if event.detail() == Detail::Silent => {
                self.exec.tell_after(event);
            }
            // A take-over has one for each address.
            Action::Report(event)
                if event.detail() == Detail::Detail && !log::log_enabled!(log::Level::Debug) => {}
            Action::Report(event) => self.lines.push(Line::Event(event)),
        }
    }

    /// Whether what `owner` has is left in place at the end: only what a virtual router has is.
    fn stays(&self, owner: Owner) -> bool {
        self.leaving && owner != Owner::Static && self.options().dont_release
    }

    fn options(&self) -> VrrpOptions {
        self.running.as_ref().map(|r| r.options).unwrap_or_default()
    }

    /// Has the firewall in place before anything else happens.
    fn strengthen(&mut self) {
        while self.firewall.is_behind(clock::now()) {
            self.firewall.strengthen(clock::now(), &self.poll, FIREWALL);
        }
    }

    /// A slice of queued kernel work; what the kernel refused goes back to the
    /// machine.
    fn work(&mut self) -> Result<(), Fatal> {
        // While addresses go or move, their links stay.
        let waits = self.vmacs.removes_next() && !self.exec.changes_done();
        if !(waits || self.leaving && self.exec.has_work())
            && let Some((name, made)) = self.vmacs.work()
            && let Some(node) = &mut self.node
        {
            node.handle(clock::now(), Input::LinkDone { name: &name, made }, &mut self.out);
        }
        self.tell_changed(false);
        if self.firewall.is_behind(clock::now()) {
            self.firewall.strengthen(clock::now(), &self.poll, FIREWALL);
            // The next slice of elements, after adverts that are due.
            if self.firewall.is_behind(clock::now()) {
                return Ok(());
            }
        }
        if self.firewall.is_ahead() && self.exec.changes_done() {
            self.firewall.relax(&self.poll, FIREWALL);
        }
        if !self.exec.has_work() {
            return Ok(());
        }
        let lines = &mut self.lines;
        self.exec
            .slice(&mut self.results, |garp| lines.extend(Line::of_garp(garp)))
            .map_err(fatal("cannot talk to the kernel"))?;
        if self.promote.is_held() && self.exec.changes_done() {
            self.promote.release();
        }
        let snmp = self.running.as_ref().map(|r| &r.global.snmp);
        let managers = snmp.is_some_and(|s| s.traps && (s.rfcv2 || s.rfcv3));
        for event in self.results.news.drain(..) {
            report::tell(&event, managers, &mut self.backlog, &mut self.core);
        }
        // A failure shows in the next receive.
        let _ = self.core.flush();
        self.answered();
        if core::mem::take(&mut self.results.lost) {
            self.resync.doubt();
        }
        Ok(())
    }

    /// What the kernel refused, and which routes it replaced, goes back to the machine.
    fn answered(&mut self) {
        if self.results.failed.is_empty() && self.results.replaced.is_empty() {
            return;
        }
        // What was not there to be removed went before, and that is to be heard first.
        self.serve_monitor();
        let now = clock::now();
        let Some(node) = &mut self.node else { return };
        for (owner, entry) in self.results.replaced.drain(..) {
            let (entry, fact) = (&entry, FibFact::Done);
            node.handle(now, Input::Fib { owner, entry, fact }, &mut self.out);
        }
        for f in self.results.failed.drain(..) {
            let (owner, adding, errno) = (f.owner, f.adding, f.errno);
            match &f.what {
                Object::Fib(_) if f.was_absent() => {}
                Object::Fib(entry) => {
                    let fact = FibFact::Refused { adding, errno };
                    node.handle(now, Input::Fib { owner, entry, fact }, &mut self.out);
                }
                Object::Addr(addr, ifindex) => {
                    let input = Input::AddrFailed { owner, ifindex: *ifindex, addr, adding, errno };
                    node.handle(now, input, &mut self.out);
                    // The link of a link's address went while that was on the way.
                    let told = matches!(owner, Owner::Instance(_))
                        || (owner == Owner::Link && errno == nix::libc::ENODEV);
                    if !told && !f.was_absent() {
                        let what = vrrp_proto::address_refused(addr.prefix, adding, errno);
                        log::warn!(
                            "{}{what}",
                            if owner == Owner::Static { "static address: " } else { "" }
                        );
                    }
                }
            }
        }
        self.carry_out();
    }

    /// Waits for room in the channel only while something waits for it.
    fn update_interest(&mut self) -> Result<(), Fatal> {
        if self.backlog.is_behind() {
            self.backlog.catch_up(&mut self.core);
        }
        let interest = self.core.interest();
        if interest != self.core_interest && !self.leaving {
            self.poll
                .reregister(&self.core, CORE, interest)
                .map_err(fatal("cannot wait for core"))?;
            self.core_interest = interest;
        }
        Ok(())
    }
}

/// The room for unread messages that is configured, beyond the system's limit when that is too.
fn resize(socket: NlSocket, buffer: Buffer) -> io::Result<NlSocket> {
    if let Some(bytes) = buffer.bytes {
        socket.set_room(bytes as usize, buffer.force)?;
    }
    Ok(socket)
}

fn track_value(value: CoreValue) -> TrackValue {
    match value {
        CoreValue::Unknown => TrackValue::Pending,
        CoreValue::Good(true) => TrackValue::Good,
        CoreValue::Good(false) => TrackValue::Bad,
        CoreValue::Number(n) => TrackValue::Number(n),
    }
}
