//! What the demonstration does, step by step.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use lab::{Daemon, Host, Port, Stamp, Subject, Switch};

use super::chart;
use super::events::{Event, Events, Node, State};
use super::observe::Observers;
use super::screen::Screen;
use super::takeover::{Since, Takeover};
use crate::run::Outcome;

const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
const CLIENT: &str = "192.0.2.10/24";
const ADDRS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
/// As in the configuration files.
const PRIORITIES: [u8; 2] = [150, 100];

/// What to demonstrate.
pub struct Plan {
    /// The program.
    pub subject: Subject,
    /// Configuration of both nodes.
    pub configs: [String; 2],
    /// Advert interval in them.
    pub advert: Duration,
    /// Whether the hosts live in an unprivileged user namespace.
    pub unprivileged: bool,
}

/// The stage: hosts, cables, daemons and what is seen.
struct Stage<'a> {
    plan: &'a Plan,
    events: Arc<Events>,
    screen: Screen,
    observers: Observers,
    hosts: [Host; 2],
    cables: [Port; 2],
    daemons: [Option<Daemon>; 2],
    takeovers: Vec<Takeover>,
}

/// Plays all steps; fails when a take-over exceeded its limit or the address was lost.
pub fn tell(plan: &Plan) -> Outcome {
    let mut stage = Stage::new(plan)?;
    stage.introduce()?;
    stage.start_both()?;
    stage.kill()?;
    stage.start_again()?;
    stage.stop()?;
    stage.start_again()?;
    stage.cut()?;
    stage.restore()?;
    stage.leave()
}

impl<'a> Stage<'a> {
    fn new(plan: &'a Plan) -> Outcome<Self> {
        let switch = Switch::new()?;
        let [a, b, client] = ["node-a", "node-b", "client"].map(Host::new);
        let (hosts, client) = ([a?, b?], client?);
        let cable = |node: Node| {
            let addr = format!("{}/24", ADDRS[node.index()]);
            switch.attach(&hosts[node.index()], "eth0", &[&addr])
        };
        let cables = [cable(Node::A)?, cable(Node::B)?];
        switch.attach(&client, "eth0", &[CLIENT])?;
        let events = Arc::new(Events::default());
        let mut observers = Observers::new(events.clone());
        observers.adverts(&client, ADDRS.map(IpAddr::V4))?;
        for node in Node::BOTH {
            observers.vip(node, &hosts[node.index()], VIP.into())?;
        }
        let pace = (plan.advert / 10).clamp(Duration::from_millis(5), Duration::from_millis(20));
        observers.pings(&client, VIP, pace)?;
        let drawn = events.clone();
        let draw =
            move |from, slice, now, colour| chart::draw(&drawn.all(), from, slice, now, colour);
        let screen = Screen::new(Box::new(draw), plan.advert / 8);
        Ok(Self {
            plan,
            events,
            screen,
            observers,
            hosts,
            cables,
            daemons: [None, None],
            takeovers: Vec::new(),
        })
    }

    fn introduce(&self) -> Outcome {
        let program = self.plan.subject.program().display();
        self.screen.line(&format!("{program}: {}", self.plan.subject.version()?));
        let user = if self.plan.unprivileged { ", in a user namespace without root" } else { "" };
        self.screen.line(&format!(
            "two nodes and a client on a switch{user}; the client pings {VIP}; adverts every {:?}",
            self.plan.advert
        ));
        self.screen.line(&chart::legend(self.plan.advert / 8));
        Ok(())
    }

    /// Long enough for any take-over that can still be called one.
    fn patience(&self) -> Duration {
        self.plan.advert * 8 + Duration::from_secs(10)
    }

    fn start(&mut self, node: Node) -> Outcome<Stamp> {
        let began = Stamp::now();
        let config = &self.plan.configs[node.index()];
        let daemon = Daemon::start(&self.hosts[node.index()], &self.plan.subject, config)?;
        self.observers.states(node, daemon.log.clone());
        self.daemons[node.index()] = Some(daemon);
        let backup = Event::State(node, State::Backup);
        let what = format!("the start of {} as backup", node.name());
        self.events.wait(&what, began, self.patience(), |event| *event == backup)
    }

    /// Waits until `node` is master for the first time after `began`: advert, address, answer.
    fn await_master(&self, node: Node, began: Stamp) -> Outcome<Stamp> {
        let name = node.name();
        let wait = |what: &str, from: Stamp, wanted: &dyn Fn(&Event) -> bool| {
            self.events.wait(&format!("{what} of {name}"), from, self.patience(), wanted)
        };
        let first =
            wait("an advert", began, &|e| matches!(e, Event::Advert(of, 1..) if *of == node))?;
        wait("the state MASTER", began, &|e| *e == Event::State(node, State::Master))?;
        wait("the address", began, &|e| *e == Event::Vip(node, true))?;
        wait("an answered ping", first, &|e| *e == Event::Ping(true))?;
        Ok(first)
    }

    /// Waits for the take-over that began at `began`, and shows it.
    fn take_over(&mut self, cause: &'static str, by: Node, since: Since, began: Stamp) -> Outcome {
        let first = self.await_master(by, began)?;
        // Two more adverts, so that the chart shows the calm after it.
        let calm = first + self.plan.advert * 2;
        let advert = |e: &Event| matches!(e, Event::Advert(of, 1..) if *of == by);
        self.events.wait("steady adverts", calm, self.patience(), advert)?;
        let priority = PRIORITIES[by.index()];
        let times = (began, first);
        let advert = self.plan.advert;
        let takeover = Takeover::measure(&self.events, cause, (by, priority), since, times, advert)
            .ok_or_else(|| format!("{cause}: no advert to measure from was seen"))?;
        let from = Stamp::from_epoch(began.epoch().saturating_sub(advert * 2));
        self.screen.chart(from, calm);
        self.screen.line(&Takeover::head());
        self.screen.line(&takeover.row());
        self.takeovers.push(takeover);
        Ok(())
    }

    fn title(&self, text: &str) {
        let bold = if self.screen.colour() { ["\x1b[1m", "\x1b[0m"] } else { ["", ""] };
        self.screen.line(&format!("\n{}{text}{}", bold[0], bold[1]));
    }

    /// The daemon of node-a, which is there while the step says so.
    fn take_a(&mut self) -> Outcome<Daemon> {
        self.daemons[0].take().ok_or_else(|| "node-a does not run".into())
    }

    fn start_both(&mut self) -> Outcome {
        self.title("start both nodes");
        self.start(Node::B)?;
        let began = self.start(Node::A)?;
        self.take_over("start", Node::A, Since::Backup(began), began)
    }

    fn kill(&mut self) -> Outcome {
        self.title("kill -9 of node-a, which leaves its address behind");
        let began = self.take_a()?.crash();
        self.events.add(began, Event::State(Node::A, State::Down));
        self.take_over("kill -9 of the master", Node::B, Since::LastAdvert(Node::A), began)
    }

    fn start_again(&mut self) -> Outcome {
        self.title("start node-a again: it has the higher priority");
        let began = self.start(Node::A)?;
        self.take_over("return of the preferred node", Node::A, Since::Backup(began), began)
    }

    fn stop(&mut self) -> Outcome {
        self.title("stop node-a cleanly");
        let daemon = self.take_a()?;
        let began = Stamp::now();
        let status = daemon.stop()?;
        self.events.add(Stamp::now(), Event::State(Node::A, State::Down));
        if !status.success() {
            return Err(format!("node-a ended with {status}").into());
        }
        let since = Since::PriorityZero(Node::A);
        self.take_over("clean stop of the master", Node::B, since, began)
    }

    fn cut(&mut self) -> Outcome {
        self.title("cut the cable of node-a");
        let began = Stamp::now();
        self.cables[0].cut()?;
        self.take_over("cable cut at the master", Node::B, Since::LastAdvert(Node::A), began)
    }

    fn restore(&mut self) -> Outcome {
        self.title("plug the cable in again");
        let began = Stamp::now();
        self.cables[0].restore()?;
        let backup = Event::State(Node::A, State::Backup);
        let wait = |e: &Event| *e == backup;
        let since = self.events.wait("the recovery of node-a", began, self.patience(), wait)?;
        self.take_over("cable restored", Node::A, Since::Backup(since), began)
    }

    /// Stops both nodes and checks that nothing of them is left.
    fn leave(mut self) -> Outcome {
        self.title("stop both nodes");
        for node in Node::BOTH {
            if let Some(daemon) = self.daemons[node.index()].take() {
                daemon.stop()?;
            }
            let host = &self.hosts[node.index()];
            if host.has_addr(VIP)? {
                return Err(format!("{VIP} was left on {}", node.name()).into());
            }
            if let Some(pid) = host.pids()?.first() {
                return Err(format!("process {pid} was left on {}", node.name()).into());
            }
        }
        self.screen.line("  no address and no process is left\n");
        self.screen.line(&Takeover::head());
        for takeover in &self.takeovers {
            self.screen.line(&takeover.row());
        }
        let off = self.takeovers.iter().find(|takeover| takeover.is_off(self.plan.advert));
        match off {
            None => Ok(()),
            Some(takeover) => {
                let Takeover { cause, limit, took, .. } = takeover;
                Err(format!("the take-over after {cause} took {took:?}, not about {limit:?}")
                    .into())
            }
        }
    }
}
