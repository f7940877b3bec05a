//! The pools at work: facts go to the machine, and what it decides is carried out, in order.

use crate::addrs::{Addresses, Change};
use crate::ipvs::Ipvs;
use crate::marks::MarkTables;
use crate::probes::{Fact, Probes, TlsClient};
use crate::report::Report;
use crate::snapshot::{self, Counters};
use check_proto::action::{Action, CheckerId};
use check_proto::event::{Event, Label, Notify};
use check_proto::group;
use check_proto::ipvs::ServiceKey;
use check_proto::node::{Facts, Input, Node, VsStatus};
use check_proto::pool::Server;
use check_proto::prepared::{Options, Prepared};
use check_proto::probe::{self, Exit, Io};
use core::time::Duration;
use ipc::msg::checker::{Ask, CheckerSetup, Run, ScriptExit, Subject};
use ipc::msg::snapshot::{Change as Managed, CheckerSnapshot, ServerNews};
use ipc::msg::{Generation, TrackValue};
use log::{debug, info};
use model::global::Snmp;
use model::{Global, Lvs};
use rt::poll::{Loop, Ready};
use rt::{Token, clock};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use types::{Mono, ScriptId, TrackId};

/// What the pools act on besides IPVS.
#[derive(Debug)]
pub(crate) struct World<'a> {
    pub poll: &'a Loop,
    pub report: &'a mut Report,
}

/// Pools and what they act on.
#[derive(Debug)]
pub(crate) struct Pools {
    node: Option<Node>,
    ipvs: Ipvs,
    marks: MarkTables,
    probes: Probes,
    /// The configuration that runs, and the one before: scripts are named by their ids in it.
    generation: Generation,
    previous: Generation,
    actions: Vec<Action>,
    /// Facts that were known at once, to be told when what goes before is done.
    known: VecDeque<(CheckerId, u32, Known)>,
    /// For managers.
    counters: Counters,
    snmp: Snmp,
    /// Where each virtual server stands, by its label, where managers are told.
    places: HashMap<usize, u32>,
    /// To be logged when IPVS is as it should be: a table of thousands has as many lines.
    untold: VecDeque<Event>,
}

/// A fact that needed no waiting.
#[derive(Debug, Clone, Copy)]
enum Known {
    Socket(Fact),
    Script(Exit),
}

/// News of nf_tables.
pub(crate) const MARKS: Token = Token(3);

/// Lines that one turn logs.
const LINES: usize = 100;

/// Deadlines of checks that lie so close together are one.
const TICK: Duration = Duration::from_millis(1);

/// Room for actions that is kept from turn to turn.
const ACTIONS_KEPT: usize = 1024;

impl Pools {
    pub fn new(ipvs: Ipvs, marks: MarkTables) -> Self {
        Pools {
            node: None,
            ipvs,
            marks,
            probes: Probes::new(),
            generation: Generation(0),
            previous: Generation(0),
            actions: Vec::new(),
            known: VecDeque::new(),
            counters: Counters::default(),
            snmp: Snmp::default(),
            places: HashMap::new(),
            untold: VecDeque::new(),
        }
    }

    /// Runs a configuration.
    pub fn commit(
        &mut self,
        setup: &mut CheckerSetup,
        tls: TlsClient,
        addresses: Option<&Addresses>,
        world: &mut World<'_>,
    ) {
        let now = clock::now();
        self.snmp = setup.global.snmp.clone();
        self.counters.forget();
        let options = Options::of(&setup.global);
        let marks = self.node.as_ref().and_then(Node::marks);
        let lvs = mem::take(&mut setup.lvs);
        setup.lvs.ssl.clone_from(&lvs.ssl);
        let prepared = Prepared::new(lvs, &setup.tracks, options, marks);
        for problem in prepared.problems() {
            log::error!("{problem}");
        }
        let values: Vec<i64> = setup.values.iter().map(|v| number(*v)).collect();
        self.probes.configure(tls);
        self.previous = mem::replace(&mut self.generation, setup.generation);
        match &mut self.node {
            Some(node) => {
                self.ipvs.reload(&setup.global);
                node.reload(now, prepared, &values, &mut self.actions);
                self.find_places();
                self.carry_out(world);
            }
            None => {
                let addresses = addresses.map(|a| a.all().collect()).unwrap_or_default();
                let facts = Facts { values, addresses };
                self.node =
                    Some(Node::new(now, prepared, facts, now.as_nanos(), &mut self.actions));
                self.ipvs.begin();
                self.find_places();
                self.carry_out(world);
                if let Some(node) = &self.node {
                    // What a predecessor died over while it took it away.
                    let before = mem::take(&mut setup.before);
                    let before: BTreeSet<_> = before.iter().flat_map(services).collect();
                    for key in before.into_iter().filter(|k| node.table().entry(k).is_none()) {
                        self.ipvs.left_over(key);
                    }
                    self.ipvs.begun(node.table(), now);
                }
            }
        }
        self.mark(&setup.global, now, world);
    }

    /// Where each virtual server stands, for managers.
    fn find_places(&mut self) {
        self.places.clear();
        if self.snmp.traps
            && self.snmp.checker
            && let Some(node) = &self.node
        {
            let all = (0u32..).zip(node.virtual_servers());
            self.places.extend(all.map(|(n, vs)| (address(vs.pool.label()), n)));
        }
    }

    /// What is known at this moment.
    pub fn snapshot(&mut self) -> CheckerSnapshot {
        let Some(node) = &self.node else { return CheckerSnapshot::default() };
        let (ipvs, counters) = (&mut self.ipvs, &mut self.counters);
        let read = |vs: &VsStatus<'_>| ipvs.counted(vs.pool.services());
        snapshot::take(node, counters, &self.snmp, self.generation, clock::now(), read)
    }

    /// Does what a manager asks for, unless it means another configuration.
    pub fn change(&mut self, change: Managed, world: &mut World<'_>) {
        let Managed::Weight { generation, vs, rs, weight } = change else { return };
        if generation != self.generation {
            return log::warn!(
                "a weight set by SNMP comes too late: the configuration was reloaded"
            );
        }
        let (vs, rs) = (vs as usize, rs as usize);
        self.tell(Input::Weight { vs, rs, weight }, world);
    }

    /// What managers are told of a state.
    fn news(&self, notify: &Notify) -> Option<ServerNews> {
        let (vs, rs, up) = match notify {
            Notify::Server { vs, rs, up, removed: false, .. } => (vs, Some(rs), *up),
            Notify::Pool { vs, up, removed: false, .. } => (vs, None, *up),
            _ => return None,
        };
        let place = *self.places.get(&address(vs))?;
        let pool = self.node.as_ref()?.virtual_servers().nth(place as usize)?.pool;
        let is = |s: &Server| rs.is_none_or(|rs| Arc::ptr_eq(rs, s.label()));
        let rs = match rs {
            Some(_) => Some(pool.servers().iter().position(is)? as u32),
            None => None,
        };
        let alive = pool.servers().iter().filter(|s| s.is_alive()).count() as u32;
        Some(ServerNews { generation: self.generation, vs: place, rs, up, stopping: false, alive })
    }

    /// Has packets marked for what runs now.
    fn mark(&mut self, global: &Global, now: Mono, world: &World<'_>) {
        let marked = self.node.as_ref().map(Node::marked).unwrap_or_default();
        self.marks.configure(global, marked, now, (world.poll, MARKS));
    }

    /// Something changed in nf_tables.
    pub fn marks_news(&mut self) {
        self.marks.news(clock::now());
    }

    /// Pools and checkers, when they run.
    pub fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// When [`Pools::work`] wants to be called.
    pub fn deadline(&self) -> Option<Mono> {
        let ipvs = self.node.as_ref().and_then(|_| self.ipvs.deadline());
        let checks = self.node.as_ref().and_then(Node::deadline).map(|at| at + TICK);
        let untold = (!self.untold.is_empty()).then_some(Mono::ZERO);
        [ipvs, self.marks.deadline(), checks, untold].into_iter().flatten().min()
    }

    /// Does what is due, and goes on with what takes longer than one turn.
    pub fn work(&mut self, world: &mut World<'_>) {
        let now = clock::now();
        if self.node.as_ref().and_then(Node::deadline).is_some_and(|at| at <= now) {
            self.tell(Input::Tick, world);
        }
        if let Some(node) = &self.node {
            self.ipvs.work(node.table(), clock::now());
        }
        self.marks.work(now);
        if !self.ipvs.is_busy() {
            self.log(LINES);
        }
    }

    /// Whether IPVS has been told everything.
    pub fn is_settled(&self) -> bool {
        !self.ipvs.is_busy()
    }

    /// The socket with this number is ready.
    pub fn socket(&mut self, number: usize, ready: &mut Ready, world: &mut World<'_>) {
        let Ok(number) = u32::try_from(number) else { return };
        let checker = CheckerId(number);
        while let Some((attempt, fact)) = self.probes.next(checker, ready) {
            let Some(node) = &mut self.node else { return };
            let input = self.probes.input(fact);
            let input = Input::Probe { checker, attempt, input };
            node.handle(clock::now(), input, &mut self.actions);
            self.carry_out(world);
        }
        self.probes.settle(world.poll);
    }

    /// A check's script has ended.
    pub fn script_ended(&mut self, run: Run, exit: ScriptExit, world: &mut World<'_>) {
        let exit = match exit {
            ScriptExit::Status(status) => Exit::Status(status),
            ScriptExit::Signal(number) => Exit::Signal(number),
            ScriptExit::TimedOut => Exit::TimedOut,
            ScriptExit::CannotRun => Exit::CannotRun,
            ScriptExit::NotStarted => Exit::NotStarted,
        };
        let checker = CheckerId(run.checker);
        let input = probe::Input::Exit(exit);
        self.tell(Input::Probe { checker, attempt: run.attempt, input }, world);
    }

    /// A tracked file has another number.
    pub fn track(&mut self, track: TrackId, value: TrackValue, world: &mut World<'_>) {
        self.tell(Input::Track { track, value: number(value) }, world);
    }

    /// Addresses of this host came and went.
    pub fn addresses(&mut self, changes: &[Change], world: &mut World<'_>) {
        for Change { addr, present } in changes {
            self.tell(Input::Address { addr: *addr, present: *present }, world);
        }
    }

    /// Tells managers that every server goes, and nothing more after that.
    fn bid_farewell(&mut self, world: &mut World<'_>) {
        if mem::take(&mut self.places).is_empty() {
            return;
        }
        let generation = self.generation;
        let servers = self.node.iter().flat_map(Node::virtual_servers);
        for (vs, status) in (0u32..).zip(servers) {
            let mut tell = |rs, alive| {
                let news = ServerNews { generation, vs, rs, up: false, stopping: true, alive };
                world.report.ask(Ask::Tell(news));
            };
            let servers = status.pool.servers();
            let mut alive = servers.iter().filter(|s| s.is_alive()).count() as u32;
            for (rs, _) in (0u32..).zip(servers).filter(|(_, s)| s.is_alive()) {
                alive -= 1;
                tell(Some(rs), alive);
            }
            tell(None, alive);
        }
    }

    /// The daemon stops; `keep` leaves IPVS as it is.
    pub fn stop(&mut self, keep: bool, world: &mut World<'_>) {
        self.bid_farewell(world);
        if let Some(node) = &mut self.node {
            node.stop(keep, &mut self.actions);
        }
        self.ipvs.drop_additions();
        self.carry_out(world);
        self.ipvs.stop();
        if !keep {
            self.marks.stop(clock::now());
        }
        self.log(usize::MAX);
    }

    fn tell(&mut self, input: Input<'_>, world: &mut World<'_>) {
        if let Some(node) = &mut self.node {
            node.handle(clock::now(), input, &mut self.actions);
            self.carry_out(world);
        }
    }

    fn log(&mut self, most: usize) {
        let lines = most.min(self.untold.len());
        for event in self.untold.drain(..lines) {
            match event.is_detail() {
                true => debug!("{}", event.text()),
                false => info!("{}", event.text()),
            }
        }
    }

    /// Carries everything out, and what follows from that. A table of thousands has as many
    /// actions, so nothing is copied on the way, and their room is given back.
    fn carry_out(&mut self, world: &mut World<'_>) {
        loop {
            let mut actions = mem::take(&mut self.actions);
            for action in actions.drain(..) {
                self.act(action, world);
            }
            if actions.capacity() <= ACTIONS_KEPT {
                self.actions = actions;
            }
            let Some((checker, attempt, known)) = self.known.pop_front() else { break };
            let Some(node) = &mut self.node else { break };
            let input = match known {
                Known::Socket(fact) => self.probes.input(fact),
                Known::Script(exit) => probe::Input::Exit(exit),
            };
            let input = Input::Probe { checker, attempt, input };
            node.handle(clock::now(), input, &mut self.actions);
        }
        self.probes.settle(world.poll);
    }

    fn act(&mut self, action: Action, world: &mut World<'_>) {
        match action {
            Action::Ipvs(op) => self.ipvs.push(op),
            Action::Event(event) => self.untold.push_back(event),
            Action::Probe { checker, attempt, action } => {
                self.probe(checker, attempt, action, world);
            }
            Action::Notify(notify) => {
                let news = if self.places.is_empty() { None } else { self.news(&notify) };
                if let Some(news) = news {
                    world.report.ask(Ask::Tell(news));
                }
                if let Some((subject, up, script, removed)) = told(notify) {
                    let generation = if removed { self.previous } else { self.generation };
                    let ask = Ask::Notify { subject: subject.clone(), up, generation, script };
                    world.report.notify(subject, ask);
                }
            }
            Action::Mail(mail) => {
                world.report.ask(Ask::Mail { subject: mail.subject, body: mail.body });
            }
        }
    }

    fn probe(&mut self, checker: CheckerId, attempt: u32, io: Io, world: &mut World<'_>) {
        let run = Run { checker: checker.0, attempt };
        match io {
            Io::Run { script, timeout } => {
                self.probes.script(checker);
                let generation = self.generation;
                if !world.report.ask(Ask::Run { run, generation, script, timeout }) {
                    self.known.push_back((checker, attempt, Known::Script(Exit::NotStarted)));
                }
            }
            Io::Close => {
                if self.probes.close(checker) {
                    world.report.ask(Ask::End(run));
                }
            }
            io => {
                if let Some(fact) = self.probes.act(checker, attempt, io) {
                    self.known.push_back((checker, attempt, Known::Socket(fact)));
                }
            }
        }
    }
}

/// What tells labels apart.
fn address(label: &Label) -> usize {
    Arc::as_ptr(label).cast::<u8>() as usize
}

/// A file's number; anything else is none.
fn number(value: TrackValue) -> i64 {
    match value {
        TrackValue::Number(n) => n,
        TrackValue::Unknown | TrackValue::Good(_) => 0,
    }
}

/// What core is told of a state, if it is told at all: whose, which, by which script, and whether
/// that is one of the configuration before.
fn told(notify: Notify) -> Option<(Subject, bool, Option<ScriptId>, bool)> {
    match notify {
        Notify::Server { quiet: true, .. } | Notify::Pool { quiet: true, .. } => None,
        Notify::Server { rs, vs, up, script, removed, .. } => {
            let subject = Subject::Real { rs: (*rs).to_owned(), vs: (*vs).to_owned() };
            Some((subject, up, script, removed))
        }
        Notify::Pool { vs, up, script, removed, .. } => {
            Some((Subject::Virtual((*vs).to_owned()), up, script, removed))
        }
    }
}

/// Every service of a configuration; those of marked groups (`nftables_ipvs`) are not among them.
fn services(lvs: &Lvs) -> BTreeSet<ServiceKey> {
    let all = lvs.virtual_servers.iter();
    all.filter_map(|vs| group::services(vs, &lvs.groups, None).ok()).flatten().collect()
}
