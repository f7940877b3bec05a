//! The role's loop: the one place that reads sockets, drives the machine and
//! carries out what it asks for.
//!
//! Each turn: due adverts first, then what came in, then a slice of queued
//! kernel work. Nothing here waits for core, a disk or a log.

use crate::addrs;
use crate::dump;
use crate::exec::{Exec, Object, Results};
use crate::facts;
use crate::fib_watch::FibWatch;
use crate::firewall::Firewall;
use crate::igmp::LocalIgmp;
use crate::linkbeat::Linkbeat;
use crate::promote::Promote;
use crate::report::{self, Line, Report, ToCore};
use crate::routes::Spec;
use crate::rx::Sockets;
use crate::start::{Fatal, fatal, set_name};
use crate::suspend::Suspend;
use crate::syncd::Syncd;
use crate::vmac::VirtualLinks;
use core::time::Duration;
use ipc::msg::vrrp::{CoreToVrrp, VrrpOptions, VrrpSetup, VrrpToCore};
use ipc::msg::{Dump, Generation, TrackValue as CoreValue};
use model::Global;
use model::global::{Buffer, Buffers};
use netlink::socket::{Event as NlEvent, NlSocket};
use rt::channel::ChannelError;
use rt::lateness::Lateness;
use rt::poll::{Loop, Ready};
use rt::signals::{self, Signals};
use rt::{Interest, Token, clock};
use std::io;
use std::os::fd::AsFd;
use types::Mono;
use vrrp_proto::{Action, Detail, FibFact, Input, Node, Out, Owner, Setup, TrackValue};

/// Room for the kernel's notifications: a take-over of 20,000 addresses fits.
const MONITOR_RCVBUF: usize = 32 * 1024 * 1024;
/// How long an exiting role waits until core has its last words.
const LAST_WORDS: Duration = Duration::from_millis(500);

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
    report: Report,
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
    /// While the actions of a reload are queued.
    reloading: bool,
    leaving: bool,
}

/// What the loop itself needs of the running configuration.
#[derive(Debug)]
struct Running {
    options: VrrpOptions,
    global: Global,
    facts: facts::Forwarding,
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
            report: Report::default(),
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
            reloading: false,
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
            let deadline = if self.has_work() { Some(Mono::ZERO) } else { due };
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
            report::log_lines(&mut self.lines);
            if let Some(node) = &self.node
                && !self.exec.has_work()
            {
                self.syncd.catch_up(node);
            }
        }
    }

    /// Whether something waits for the kernel.
    fn has_work(&self) -> bool {
        self.exec.has_work()
            || self.vmacs.has_work()
            || self.firewall.is_behind(clock::now())
            || self.firewall.is_ahead()
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
            // What stays reachable stays hidden.
            Action::Rule { wanted: false, .. } if self.leaving && self.options().dont_release => {}
            Action::Rule { element, wanted } => self.firewall.rule(element.clone(), *wanted),
            _ => {}
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Rules(_) | Action::Rule { .. } => {}
            Action::OpenSocket { id, key, rcvbuf } => {
                // Joining a group is told to the network.
                self.strengthen();
                self.sockets.open(id, key, rcvbuf, &self.poll, SOCKETS);
            }
            Action::CloseSocket { id } => self.sockets.close(id, &self.poll),
            Action::SocketRoom { id, bytes } => self.sockets.make_room(id, bytes),
            Action::AddAddr { owner, ifindex, addr, .. } => self.exec.add(owner, ifindex, addr),
            Action::DelAddr { owner, ifindex, addr, .. } => {
                if self.stays(owner) {
                    return;
                }
                if self.reloading && addr.prefix.addr.is_ipv4() {
                    self.promote.hold(ifindex);
                }
                self.exec.del(owner, ifindex, addr);
            }
            Action::MakeLink(spec) => self.vmacs.make(spec),
            Action::RemoveLink { .. } if self.leaving && self.options().dont_release => {}
            Action::RemoveLink { name } => self.vmacs.remove(name),
            Action::AddFib { owner, entry, ways } => {
                let spec = Spec::of(&entry, &ways);
                self.fib.asked(owner, &entry, &spec, &self.poll, FIB);
                self.exec.fib(owner, entry, &spec, true);
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
        // While addresses go, their links stay.
        if !(self.leaving && self.exec.has_work())
            && let Some((name, made)) = self.vmacs.work()
            && let Some(node) = &mut self.node
        {
            node.handle(clock::now(), Input::LinkDone { name: &name, made }, &mut self.out);
        }
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
        for event in self.results.news.drain(..) {
            self.report.event(&event, &mut self.core);
        }
        let now = clock::now();
        for f in self.results.failed.drain(..) {
            let (adding, errno) = (f.adding, f.errno);
            match (f.owner, &mut self.node, &f.what) {
                (owner, Some(node), Object::Fib(entry)) => {
                    let fact = FibFact::Refused { adding, errno };
                    node.handle(now, Input::Fib { owner, entry, fact }, &mut self.out);
                }
                (Owner::Instance(instance), Some(node), Object::Addr(addr)) => {
                    node.handle(
                        now,
                        Input::AddrFailed { instance, addr, adding, errno },
                        &mut self.out,
                    );
                }
                // The link went while its address was on the way.
                (Owner::Link, ..) if errno == nix::libc::ENODEV => {}
                (.., what) => {
                    log::warn!("{what}: {}", io::Error::from_raw_os_error(errno));
                }
            }
        }
        self.carry_out();
        Ok(())
    }

    /// News of routes and rules, after that of links, which is older.
    fn serve_fib(&mut self) {
        self.serve_monitor();
        if let Some(node) = &mut self.node {
            self.fib.read(node, clock::now(), &mut self.out);
        }
        self.carry_out();
    }

    /// Takes the whole list of routes when what is believed may be wrong.
    fn check_fib(&mut self) {
        let now = clock::now();
        if self.fib.deadline().is_none_or(|at| now < at) || !self.exec.is_idle() {
            return;
        }
        if let Some(node) = &mut self.node {
            self.fib.resync(node, now, &mut self.out);
        }
        self.carry_out();
    }

    fn serve_monitor(&mut self) {
        let now = clock::now();
        let mut overrun = false;
        if let Some(node) = &mut self.node {
            let out = &mut self.out;
            let beat = &mut self.linkbeat;
            let promote = &mut self.promote;
            let facts = self.running.as_mut().map(|r| &mut r.facts);
            let mut facts = facts;
            let fib = &mut self.fib;
            let read = self.monitor.recv_events(|event| match event {
                NlEvent::Link(link) => {
                    if !link.is_up() {
                        fib.link_lost();
                    }
                    promote.link(&link.name);
                    node.handle(now, Input::Link(beat.fact(&link)), out);
                    if let Some(f) = facts.as_deref_mut() {
                        f.link(&link, node, now, out);
                    }
                }
                NlEvent::LinkGone(link) => {
                    fib.link_lost();
                    let index = types::IfIndex(link.index);
                    node.handle(now, Input::LinkGone { index }, out);
                    beat.gone(index);
                    if let Some(f) = facts.as_deref_mut() {
                        f.gone(index);
                    }
                }
                NlEvent::Addr(a) => {
                    if !a.new {
                        fib.address_lost(a.spec.addr);
                    }
                    let fact = addrs::addr_fact(&a.spec);
                    let input =
                        if a.new { Input::AddrAdded(fact) } else { Input::AddrRemoved(fact) };
                    node.handle(now, input, out);
                }
                NlEvent::Overrun => overrun = true,
            });
            if let Err(e) = read {
                log::error!("netlink monitor: {e}");
                overrun = true;
            }
        } else if self.monitor.recv_events(|_| ()).is_err() {
            // Before the first configuration nothing is believed yet.
        }
        self.carry_out();
        if overrun {
            log::warn!("Netlink: notifications were lost, reading all links and addresses anew");
            self.resync();
        }
    }

    /// Tells the machine of every link and address there is.
    fn resync(&mut self) {
        let Some(node) = &mut self.node else { return };
        let state = NlSocket::request()
            .map_err(netlink::error::NlError::from)
            .and_then(|mut s| Ok((s.dump_links()?, s.dump_addrs()?)));
        let (links, specs) = match state {
            Ok(state) => state,
            Err(e) => return log::error!("cannot read links and addresses: {e}"),
        };
        let now = clock::now();
        let facts: Vec<_> = links.iter().map(|link| self.linkbeat.fact(link)).collect();
        node.handle(now, Input::Links(&facts), &mut self.out);
        let facts: Vec<_> = specs.iter().map(addrs::addr_fact).collect();
        node.handle(now, Input::Addrs(&facts), &mut self.out);
        if let Some(running) = &mut self.running {
            for link in &links {
                running.facts.link(link, node, now, &mut self.out);
            }
        }
        self.carry_out();
    }

    fn refresh_facts(&mut self, now: Mono) {
        if let (Some(node), Some(running)) = (&mut self.node, &mut self.running) {
            running.facts.refresh(node, now, &mut self.out);
            self.linkbeat.poll(node, now, &mut self.out);
            self.carry_out();
        }
    }

    fn serve_core(&mut self) -> Result<(), Fatal> {
        // A failure shows in the next receive.
        let _ = self.core.flush();
        self.report.retry(&mut self.core);
        loop {
            match self.core.recv() {
                Ok(Some(message)) => self.command(message),
                Ok(None) => return Ok(()),
                Err(ChannelError::Closed) => {
                    // Core is gone: leave in order, as on SIGTERM.
                    log::info!("core is gone, leaving");
                    let _ = self.poll.deregister(&self.core);
                    self.shutdown();
                    return Ok(());
                }
                Err(e) => {
                    log::error!("channel to core: {e}, leaving");
                    let _ = self.poll.deregister(&self.core);
                    self.shutdown();
                    return Ok(());
                }
            }
        }
    }

    /// Does what core says.
    pub(crate) fn command(&mut self, message: CoreToVrrp) {
        match message {
            CoreToVrrp::Hello(..) => log::warn!("core greets twice"),
            CoreToVrrp::Prepare(setup) => {
                let generation = setup.generation;
                self.prepared = Some(setup);
                self.tell(&VrrpToCore::Ready(generation));
            }
            CoreToVrrp::Commit(generation) => self.commit(generation),
            CoreToVrrp::Abort(generation) => {
                self.prepared.take_if(|p| p.generation == generation);
            }
            CoreToVrrp::Track(id, value) => {
                if let Some(node) = &mut self.node {
                    let value = track_value(value);
                    node.handle(clock::now(), Input::Track { id, value }, &mut self.out);
                    self.carry_out();
                }
            }
            CoreToVrrp::Dump(kind) => {
                let Some(node) = &mut self.node else { return };
                let Some(running) = &self.running else { return };
                let text = dump::text(kind, node, &running.global);
                self.tell(&VrrpToCore::Dump { kind, text });
            }
            CoreToVrrp::Shutdown => self.shutdown(),
        }
    }

    fn tell(&mut self, message: &VrrpToCore) {
        if let Err(e) = self.core.send(message) {
            log::error!("cannot answer core: {e}");
        }
    }

    fn commit(&mut self, generation: Generation) {
        let Some(setup) = self.prepared.take_if(|p| p.generation == generation) else {
            return log::error!("core commits a configuration that it did not send");
        };
        let VrrpSetup { global, vrrp, tracks, values, options, .. } = *setup;
        set_name(&global);
        self.lateness.configure(&global, global.vrrp_process.rt_priority);
        if global.disable_local_igmp {
            self.igmp.disable();
        }
        let promoting = vrrp.instances.iter().filter(|i| i.promote_secondaries);
        self.promote.keep(promoting.filter_map(|i| i.interface.clone()).collect());
        let facts = self.running.take().map(|r| r.facts).unwrap_or_default();
        self.running = Some(Running { options, global: global.clone(), facts });
        let now = clock::now();
        let polls = self.linkbeat.configure(global.linkbeat_use_polling, &vrrp, now);
        let setup = Setup { global, vrrp, tracks };
        if let Some(node) = &mut self.node {
            // Adverts of the new configuration may be the first that are signed.
            node.handle(now, Input::Clock { unix: clock::wall() }, &mut self.out);
            node.handle(now, Input::Reload(Box::new(setup)), &mut self.out);
            self.set_tracks(now, &values);
            self.reloading = true;
            self.carry_out();
            self.reloading = false;
            if let Some(node) = &self.node {
                self.fib.prune(node);
            }
            if polls {
                self.resync();
            }
        } else {
            self.node = Some(Node::new(setup));
            self.resync();
            self.set_tracks(now, &values);
            if let Some(node) = &mut self.node {
                if node.wants_clock() {
                    node.handle(now, Input::Clock { unix: clock::wall() }, &mut self.out);
                }
                node.handle(
                    clock::now(),
                    Input::Start { uptime: clock::boottime() },
                    &mut self.out,
                );
            }
            self.carry_out();
        }
        if let (Some(node), Some(running)) = (&self.node, &self.running) {
            self.syncd.configure(&running.global, node);
        }
        self.tell(&VrrpToCore::Running(generation));
    }

    fn set_tracks(&mut self, now: Mono, values: &[CoreValue]) {
        let Some(node) = &mut self.node else { return };
        for (id, value) in (0u32..).zip(values) {
            let (id, value) = (types::TrackId(id), track_value(*value));
            node.handle(now, Input::Track { id, value }, &mut self.out);
        }
    }

    fn serve_signals(&mut self) -> Result<(), Fatal> {
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
                signals::USR1 => self.command(CoreToVrrp::Dump(Dump::Data)),
                signals::USR2 => self.command(CoreToVrrp::Dump(Dump::Stats)),
                n if n == signals::stats_clear() => {
                    self.command(CoreToVrrp::Dump(Dump::StatsClear));
                }
                n if n == signals::json() => self.command(CoreToVrrp::Dump(Dump::Json)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives up mastership; the loop ends once the addresses are removed.
    fn shutdown(&mut self) {
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

    fn leave(&mut self) -> Result<(), Fatal> {
        if !self.options().dont_release {
            self.vmacs.restore();
            self.firewall.stop();
        }
        self.igmp.restore();
        self.promote.restore();
        self.syncd.stop();
        self.report.retry(&mut self.core);
        let _ = self.core.flush_wait(LAST_WORDS);
        log::info!("Stopped");
        Ok(())
    }

    /// Waits for room in the channel only while something waits for it.
    fn update_interest(&mut self) -> Result<(), Fatal> {
        let behind = self.report.is_behind() || self.core.wants_write();
        let interest =
            if behind { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
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
