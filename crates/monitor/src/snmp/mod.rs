//! SNMP: a subagent of the host's agent, by AgentX.
//!
//! Owns the connection, which core opens, the session on it, and what the roles said last. Values
//! are asked of the roles only when somebody asks us for them.

mod answers;
mod sets;
mod stream;

use crate::subsystem::{Cx, Subsystem};
use agentx::{Action, Config, Event as Heard, Input, Session};
use answers::{Answers, Needs};
use core::time::Duration;
use ipc::msg::monitor::{Command, Event, MonitorSetup, Snapshot};
use log::{info, warn};
use mib::{Rows, Serving, Tree, View, traps};
use rt::poll::Ready;
use sets::Sets;
use std::os::fd::OwnedFd;
use stream::Stream;
use types::Mono;

/// How often the agent is asked whether it is still there.
const PING: Duration = Duration::from_secs(120);
/// The number of the connection's token.
const STREAM: usize = 0;
/// How old what a role said may be.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The way to the SNMP agent.
#[derive(Debug, Default)]
pub(crate) struct Snmp {
    /// While anything is served.
    on: Option<Box<On>>,
    /// The process ends: nothing new is begun.
    leaving: bool,
}

/// While something is served.
#[derive(Debug)]
struct On {
    session: Session,
    /// When the session began to be wanted.
    begun: Mono,
    setup: Box<MonitorSetup>,
    rows: Rows,
    answers: Answers,
    sets: Sets,
    stream: Option<Stream>,
    /// Core was asked for a connection.
    asked: bool,
    out: Vec<Action>,
}

/// The machine's kind of time.
fn time(now: Mono) -> Duration {
    Duration::from_nanos(now.as_nanos())
}

fn serving(setup: &MonitorSetup) -> Serving {
    let vrrp = !setup.vrrp.instances.is_empty() || setup.vrrp.static_blocks;
    let lvs = setup.lvs.blocks || !setup.lvs.virtual_servers.is_empty();
    Serving::of(&setup.global, vrrp, lvs)
}

impl On {
    fn new(now: Mono, setup: &MonitorSetup) -> Self {
        On {
            session: Session::new(time(now)),
            begun: now,
            setup: Box::new(setup.clone()),
            rows: Rows::new(serving(setup)),
            answers: Answers::default(),
            sets: Sets::default(),
            stream: None,
            asked: false,
            out: Vec::new(),
        }
    }

    fn configure(&mut self, cx: &mut Cx<'_>, setup: &MonitorSetup) {
        let serving = serving(setup);
        *self.setup = setup.clone();
        self.rows = Rows::new(serving);
        self.answers.reconfigured();
        let capabilities = serving.subtrees();
        let subtrees = capabilities.iter().map(|(oid, _)| oid.clone()).collect();
        let description = "Keepalived".to_owned();
        let config = Config { description, subtrees, capabilities, ping: PING };
        self.put(cx, Input::Enable(Box::new(config)));
    }

    fn view(&self, now: Mono) -> View<'_> {
        let setup = &*self.setup;
        View {
            version: &setup.identity.version,
            host: &setup.identity.host,
            global: &setup.global,
            vrrp: &setup.vrrp,
            lvs: &setup.lvs,
            tracks: &setup.tracks,
            scripts: &setup.scripts,
            vrrp_now: self.answers.vrrp(),
            checker_now: self.answers.checker(),
            uptime: now.saturating_since(self.begun),
        }
    }

    fn put(&mut self, cx: &mut Cx<'_>, input: Input<'_>) {
        self.session.handle(time(cx.now), input, &mut self.out);
        self.carry_out(cx);
    }

    /// Does what the session asks for.
    fn carry_out(&mut self, cx: &mut Cx<'_>) {
        while !self.out.is_empty() {
            for action in core::mem::take(&mut self.out) {
                self.carry_out_one(cx, action);
            }
        }
    }

    fn carry_out_one(&mut self, cx: &mut Cx<'_>, action: Action) {
        match action {
            Action::Connect => {
                self.asked = true;
                cx.commands.push(Command::ConnectAgent);
            }
            Action::Disconnect => {
                self.asked = false;
                if let Some(mut stream) = self.stream.take() {
                    stream.close(cx.poll);
                }
            }
            Action::Write(bytes) => {
                let failed = self.stream.as_mut().and_then(|s| s.write(cx, &bytes).err());
                if let Some(e) = failed {
                    let lost = Input::Lost(e.to_string());
                    self.session.handle(time(cx.now), lost, &mut self.out);
                }
            }
            Action::Request(request) => {
                self.answers.ask(cx.now, request);
                self.answer(cx);
            }
            Action::Event(event) => self.log(event),
        }
    }

    fn log(&self, event: Heard) {
        let socket = self.setup.global.snmp.socket.as_deref().unwrap_or("/var/agentx/master");
        match event {
            Heard::Up => info!("AgentX subagent connected to {socket}"),
            Heard::Down(why) => warn!("AgentX master at {socket} disconnected us ({why})"),
            Heard::NoMaster(why) => warn!(
                "Failed to connect to the AgentX master agent at {socket} ({why}): it is tried \
                 again and again"
            ),
            Heard::Refused { what, error } => {
                warn!("AgentX master at {socket} refuses {what}: {error}");
            }
            Heard::Dropped(count) => {
                warn!("{count} SNMP notifications were dropped, as no AgentX master was there");
            }
        }
    }

    /// Answers what can be answered, and asks the roles for what is missing.
    fn answer(&mut self, cx: &mut Cx<'_>) {
        let serving = self.rows.serving();
        let needs = Needs {
            vrrp: serving.vrrp || serving.rfcv2 || serving.rfcv3,
            checker: serving.checker,
            generation: self.setup.generation,
            max_age: MAX_AGE,
        };
        if self.answers.must_wait(cx.now, &needs) {
            if self.answers.may_ask(cx.now) {
                cx.commands.push(Command::Snapshot);
            }
            return;
        }
        for request in self.answers.take() {
            let mut sets = core::mem::take(&mut self.sets);
            let tree = Tree { rows: &self.rows, view: self.view(cx.now) };
            let (answer, changes) = sets.answer(&tree, &request.query);
            self.sets = sets;
            let changed = !changes.is_empty();
            cx.commands.extend(changes.into_iter().map(Command::Change));
            if changed {
                self.answers.outdated();
            }
            self.session.answer(time(cx.now), &request, answer, &mut self.out);
        }
    }

    fn notify(&mut self, cx: &mut Cx<'_>, traps: Vec<traps::Trap>) {
        for trap in traps {
            info!("{}", trap.line);
            self.session.notify(trap.oid, trap.objects, &mut self.out);
        }
        self.carry_out(cx);
    }
}

impl Subsystem for Snmp {
    fn configure(&mut self, cx: &mut Cx<'_>, setup: &MonitorSetup) {
        if !serving(setup).any() {
            if let Some(mut on) = self.on.take() {
                on.put(cx, Input::Disable);
            }
            return;
        }
        let on = self.on.get_or_insert_with(|| {
            info!("Starting SNMP subagent");
            Box::new(On::new(cx.now, setup))
        });
        if on.setup.global.snmp.socket != setup.global.snmp.socket {
            on.put(cx, Input::Disable);
        }
        on.configure(cx, setup);
    }

    fn event(&mut self, cx: &mut Cx<'_>, event: &Event) {
        let Some(on) = &mut self.on else { return };
        let traps = match event {
            Event::Vrrp { kind, name, news, .. } => {
                traps::of_vrrp(&on.view(cx.now), *kind, name, news)
            }
            Event::ServerNews(news) if news.generation == on.setup.generation => {
                traps::of_server(&on.view(cx.now), news).into_iter().collect()
            }
            _ => return,
        };
        on.notify(cx, traps);
    }

    fn lost(&mut self, _cx: &mut Cx<'_>, _count: u64) {}

    fn snapshot(&mut self, cx: &mut Cx<'_>, snapshot: &Snapshot) {
        let Some(on) = &mut self.on else { return };
        on.answers.learn(cx.now, snapshot);
        on.rows.forget();
        on.answer(cx);
        on.carry_out(cx);
    }

    fn agent(&mut self, cx: &mut Cx<'_>, agent: &mut Option<Result<OwnedFd, String>>) {
        let Some(on) = self.on.as_mut().filter(|on| on.asked) else { return };
        let Some(agent) = agent.take() else { return };
        on.asked = false;
        let token = cx.token(STREAM);
        match agent.and_then(|fd| Stream::new(fd, cx.poll, token).map_err(|e| e.to_string())) {
            Ok(stream) => on.stream = Some(stream),
            Err(why) => on.put(cx, Input::Lost(why)),
        }
    }

    fn ready(&mut self, cx: &mut Cx<'_>, _number: usize, ready: Ready) {
        let Some(on) = &mut self.on else { return };
        let Some(stream) = &mut on.stream else { return };
        match stream.serve(cx.poll, ready) {
            Ok(served) => {
                if served.connected {
                    on.put(cx, Input::Connected);
                }
                if !served.bytes.is_empty() {
                    on.put(cx, Input::Data(&served.bytes));
                }
                if served.ended {
                    on.put(cx, Input::Lost("the connection has ended".into()));
                }
            }
            Err(e) => on.put(cx, Input::Lost(e.to_string())),
        }
    }

    fn deadline(&self) -> Option<Mono> {
        let on = self.on.as_ref()?;
        let session = on.session.deadline().map(|at| Mono::ZERO + at).filter(|_| !self.leaving);
        [session, on.answers.deadline()].into_iter().flatten().min()
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        let Some(on) = &mut self.on else { return };
        if on.answers.deadline().is_some_and(|at| at <= cx.now) {
            on.answer(cx);
            on.carry_out(cx);
        }
        if !self.leaving && on.session.deadline().is_some_and(|at| at <= time(cx.now)) {
            on.put(cx, Input::Tick);
        }
    }

    fn leave(&mut self, _cx: &mut Cx<'_>, _until: Mono) {
        self.leaving = true;
    }

    fn is_done(&self) -> bool {
        let stream = self.on.as_ref().and_then(|on| on.stream.as_ref());
        stream.is_none_or(Stream::is_flushed)
    }
}
