use super::*;
use crate::probe::{Exit, IoError, IoKind, Outcome, Pass, Reason};
use crate::testing::{Kernel, checker, connect, ip, line, real_server, sorry, virtual_server};
use core::time::Duration;
use model::lvs::{CheckKind, Checker as Config, Lvs, MiscCheck, VirtualServer};
use model::{TrackKind, TrackObject};
use std::collections::HashMap;
use types::ScriptId;

mod run;
mod scale;

/// How a server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Connects after this long.
    Accept(Duration),
    /// Refuses at once.
    Refuse,
    /// Says nothing.
    Silent,
    /// A script ends so, after this long.
    Exit(Exit, Duration),
}

const AT_ONCE: Answer = Answer::Accept(Duration::ZERO);

/// A node, the kernel it drives, and servers that answer it.
struct World {
    now: Mono,
    node: Node,
    kernel: Kernel,
    /// By real server address; scripts by the address 0.0.0.N.
    answers: HashMap<IpAddr, Answer>,
    pending: BTreeSet<(Mono, CheckerId, u32, bool)>,
    exits: HashMap<CheckerId, Exit>,
    open: HashMap<CheckerId, u32>,
    /// Checkers that run scripts.
    scripts: BTreeSet<CheckerId>,
    /// Time and text of everything but sockets and IPVS.
    told: Vec<(u64, String)>,
    /// When attempts started.
    starts: Vec<(Mono, CheckerId)>,
}

fn prepared(virtual_servers: Vec<VirtualServer>, options: Options) -> Prepared {
    let lvs = Lvs { virtual_servers, ..Lvs::default() };
    Prepared::new(lvs, &[], options, None)
}

impl World {
    fn new(prepared: Prepared, facts: Facts) -> World {
        let mut out = Vec::new();
        let node = Node::new(Mono::ZERO, prepared, facts, 1, &mut out);
        let mut world = World {
            now: Mono::ZERO,
            node,
            kernel: Kernel::default(),
            answers: HashMap::new(),
            pending: BTreeSet::new(),
            exits: HashMap::new(),
            open: HashMap::new(),
            scripts: BTreeSet::new(),
            told: Vec::new(),
            starts: Vec::new(),
        };
        world.carry_out(out);
        world
    }

    fn of(vs: VirtualServer) -> World {
        World::new(prepared(vec![vs], Options::default()), Facts::default())
    }

    fn carry_out(&mut self, out: Vec<Action>) {
        for action in out {
            match &action {
                Action::Ipvs(op) => self.kernel.apply(op),
                Action::Probe { checker, attempt, action } => {
                    self.socket(*checker, *attempt, action);
                }
                told => self.told.push((self.now.as_nanos() / 1_000_000, line(told))),
            }
        }
        self.node.check_invariants();
        assert_eq!(self.kernel.0, self.node.table().wanted());
    }

    fn socket(&mut self, checker: CheckerId, attempt: u32, io: &Io) {
        let open = self.open.entry(checker).or_insert(0);
        let answer = match io {
            // Ends a script that runs, if one does.
            Io::Close if self.scripts.contains(&checker) => return,
            Io::Close => {
                assert_eq!(*open, 1, "closed what is not open");
                *open = 0;
                return;
            }
            Io::Write(_) => return,
            Io::Connect(to) => {
                assert_eq!(*open, 0, "opened twice");
                *open = 1;
                self.scripts.remove(&checker);
                self.answers.get(&to.to.ip()).copied().unwrap_or(AT_ONCE)
            }
            Io::Run { script, .. } => {
                self.scripts.insert(checker);
                let at = IpAddr::from(script.0.to_be_bytes());
                self.answers.get(&at).copied().unwrap_or(Answer::Silent)
            }
        };
        self.starts.push((self.now, checker));
        match answer {
            Answer::Accept(after) => {
                self.pending.insert((self.now + after, checker, attempt, true));
            }
            Answer::Refuse => {
                self.pending.insert((self.now, checker, attempt, false));
            }
            Answer::Silent => {}
            Answer::Exit(exit, after) => {
                self.exits.insert(checker, exit);
                self.pending.insert((self.now + after, checker, attempt, true));
            }
        }
    }

    /// Lets everything happen that happens before `ms`.
    fn run_to(&mut self, ms: u64) {
        let end = Mono::from_millis(ms);
        loop {
            let next = self.pending.first().map(|p| p.0);
            let (at, answer) = match (next, self.node.deadline()) {
                (Some(a), Some(b)) if a <= b => (a, true),
                (Some(a), None) => (a, true),
                (_, Some(b)) => (b, false),
                (None, None) => break,
            };
            if at >= end {
                break;
            }
            self.now = at;
            let mut out = Vec::new();
            match if answer { self.pending.pop_first() } else { None } {
                None => self.node.handle(at, Input::Tick, &mut out),
                Some((_, checker, attempt, ok)) => {
                    let refused = IoError { kind: IoKind::Refused, code: 111 };
                    let input = match (ok, self.exits.remove(&checker)) {
                        (_, Some(exit)) => probe::Input::Exit(exit),
                        (true, None) => probe::Input::Connected,
                        (false, None) => probe::Input::ConnectFailed(refused),
                    };
                    self.node.handle(at, Input::Probe { checker, attempt, input }, &mut out);
                }
            }
            self.carry_out(out);
        }
        self.now = end;
    }

    fn tell(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.node.handle(self.now, input, &mut out);
        self.carry_out(out);
    }

    fn reload(&mut self, prepared: Prepared, values: &[i64]) {
        let mut out = Vec::new();
        self.node.reload(self.now, prepared, values, &mut out);
        self.carry_out(out);
    }

    fn answer(&mut self, addr: &str, answer: Answer) {
        self.answers.insert(ip(addr), answer);
    }

    /// What was told since the last call, without times.
    fn lines(&mut self) -> Vec<String> {
        core::mem::take(&mut self.told).into_iter().map(|(_, line)| line).collect()
    }
}

fn misc(script: u32) -> CheckKind {
    CheckKind::Misc(Box::new(MiscCheck {
        script: ScriptId(script),
        command: "/bin/check".to_owned(),
        path: "/bin/check".to_owned(),
        timeout: types::Micros::ZERO,
        dynamic: true,
    }))
}

fn with(checkers: Vec<Config>) -> VirtualServer {
    let mut vs = virtual_server(&[10]);
    vs.real_servers[0].checkers = checkers;
    vs
}
