//! What the demonstration does, step by step.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use lab::{Daemon, Stamp, Subject};

use super::super::events::{Events, Node, State};
use super::super::observe::Observers;
use super::super::screen::Screen;
use super::super::takeover::{client, skew};
use super::chart;
use super::client::{Kept, ask_once};
use super::events::{Event, Web, Webs};
use super::stage::{Stage, VIP, table};
use crate::run::Outcome;

// As in the configuration file.
const ADVERT: Duration = Duration::from_millis(500);
const PRIORITY_B: u8 = 100;
const DELAY_LOOP: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(500);

/// A request of the client every so often.
const PACE: Duration = Duration::from_millis(60);
/// A request on the kept connection every so often.
const KEPT_PACE: Duration = Duration::from_millis(200);
/// How often IPVS tables are read.
const LOOK: Duration = Duration::from_millis(40);
/// One column of the chart.
const SLICE: Duration = Duration::from_millis(100);
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a guest on a busy machine may add to a limit.
const SLACK: Duration = Duration::from_millis(1500);
/// Answers that must come, from the right servers and without a loss, when a step is over.
const CALM: usize = 12;

/// What to demonstrate.
pub struct Plan {
    /// The program.
    pub subject: Subject,
    /// Configuration of both directors.
    pub config: String,
    /// Whether what is printed stands on a terminal.
    pub moving: bool,
}

/// What came of a step.
struct Row {
    cause: &'static str,
    limit: Duration,
    took: Duration,
    lost: usize,
    silence: Duration,
}

struct Story<'a> {
    plan: &'a Plan,
    events: Arc<Events<Event>>,
    screen: Screen,
    observers: Observers<Event>,
    stage: Stage,
    daemons: [Option<Daemon>; 2],
    rows: Vec<Row>,
}

/// Plays all steps; fails when something that is expected does not happen, or not in time.
pub fn tell(plan: &Plan) -> Outcome {
    let mut story = Story::new(plan)?;
    story.introduce()?;
    story.start()?;
    story.one_dies()?;
    story.one_returns()?;
    story.all_die()?;
    story.all_return()?;
    story.director_dies()?;
    story.leave()
}

impl<'a> Story<'a> {
    fn new(plan: &'a Plan) -> Outcome<Self> {
        let stage = Stage::new()?;
        let events = Arc::new(Events::default());
        let mut observers = Observers::new(events.clone());
        for node in Node::BOTH {
            let host = stage.directors[node.index()].clone();
            let mut last = Webs::NONE;
            observers.observe(move |events: &Events<Event>| {
                let now = table(&host)?;
                if now != last {
                    events.add(Stamp::now(), Event::Table(node, now));
                    last = now;
                }
                thread::sleep(LOOK);
                Ok(())
            });
        }
        let drawn = events.clone();
        let draw =
            move |from, slice, now, colour| chart::draw(&drawn.all(), from, slice, now, colour);
        let screen = Screen::on(plan.moving, Box::new(draw), SLICE);
        let (daemons, rows) = ([None, None], Vec::new());
        Ok(Self { plan, events, screen, observers, stage, daemons, rows })
    }

    fn introduce(&self) -> Outcome {
        let program = self.plan.subject.program().display();
        self.screen.line(&format!("{program}: {}", self.plan.subject.version()?));
        self.screen.line(&format!(
            "two directors, three web servers, a sorry server and a client on a switch, in User Mode \
             Linux;\nthe client asks {VIP} every {PACE:?}; checks every {DELAY_LOOP:?}, adverts every \
             {ADVERT:?}"
        ));
        self.screen.line(&chart::legend(SLICE));
        Ok(())
    }

    fn start(&mut self) -> Outcome {
        self.title("start four web servers and both directors");
        for web in Web::ALL {
            self.run(web)?;
        }
        let began = Stamp::now();
        for node in [Node::B, Node::A] {
            let host = &self.stage.directors[node.index()];
            let name = ["-i", node.name()];
            let daemon = Daemon::start_with(host, &self.plan.subject, &self.plan.config, &name)?;
            self.observers.logged(daemon.log.clone(), move |state| Event::State(node, state));
            self.daemons[node.index()] = Some(daemon);
        }
        self.await_master(Node::A, began)?;
        self.await_table(Node::A, began, all_real())?;
        let client = self.stage.client.clone();
        let mut next = Instant::now();
        self.observers.observe(move |events: &Events<Event>| {
            let sent = Stamp::now();
            let answer = ask_once(&client, VIP)?;
            events.add(sent, Event::Answer(answer));
            next = (next + PACE).max(Instant::now());
            thread::sleep(next.saturating_duration_since(Instant::now()));
            Ok(())
        });
        let first = self
            .events
            .wait("an answer", began, PATIENCE, |event| matches!(event, Event::Answer(Some(_))))?;
        let calm = self.await_calm(first, all_real())?;
        self.screen.chart(began, calm);
        Ok(())
    }

    fn one_dies(&mut self) -> Outcome {
        self.title("kill server-2");
        let began = self.die(Web(1));
        let wanted = [Web(0), Web(2)].into_iter().collect();
        let at = self.await_table(Node::A, began, wanted)?;
        self.over("a server dies", DELAY_LOOP + RETRY, began, at, wanted)
    }

    fn one_returns(&mut self) -> Outcome {
        self.title("start server-2 again");
        let began = self.run(Web(1))?;
        let at = self.await_table(Node::A, began, all_real())?;
        self.over("it comes back", DELAY_LOOP, began, at, all_real())
    }

    fn all_die(&mut self) -> Outcome {
        self.title("kill all three: the sorry server steps in");
        let began = Stamp::now();
        for web in Web::REAL {
            self.die(web);
        }
        let sorry = [Web::SORRY].into_iter().collect();
        let at = self.await_table(Node::A, began, sorry)?;
        self.over("all servers die", DELAY_LOOP + RETRY, began, at, sorry)
    }

    fn all_return(&mut self) -> Outcome {
        self.title("start all three again: the sorry server steps back");
        let mut began = Stamp::now();
        for web in Web::REAL {
            began = self.run(web)?;
        }
        let at = self.await_table(Node::A, began, all_real())?;
        self.over("they come back", DELAY_LOOP, began, at, all_real())
    }

    fn director_dies(&mut self) -> Outcome {
        self.title("node-a loses its power while a connection is kept");
        let mut kept = Kept::open(&self.stage.client, VIP)?;
        let port = kept.port();
        let opened = Stamp::now();
        let mut broken = false;
        self.observers.observe(move |events: &Events<Event>| {
            if !broken {
                let sent = Stamp::now();
                let answer = kept.ask();
                broken = answer.is_none();
                events.add(sent, Event::Kept(answer));
            }
            thread::sleep(KEPT_PACE);
            Ok(())
        });
        self.await_synced(port)?;
        self.screen.line(&format!(
            "  the connection from port {port} is known to node-b, {:.1} s after it was opened",
            Stamp::now().since(opened).as_secs_f64()
        ));
        let daemon = self.daemons[0].take().ok_or("node-a does not run")?;
        self.stage.cables[0].cut()?;
        let began = daemon.crash();
        self.events.add(began, Event::State(Node::A, State::Down));
        let at = self.await_master(Node::B, began)?;
        let limit = ADVERT * 3 + skew(ADVERT, PRIORITY_B);
        self.over("the active director dies", limit, began, at, all_real())?;
        self.same_server(began)
    }

    /// Fails unless the kept connection is answered after `began` by whom it was before.
    fn same_server(&self, began: Stamp) -> Outcome {
        let answered = |event: &Event| matches!(event, Event::Kept(_));
        // Its first request may have been answered before the director was dead.
        let after = began + ADVERT * 3;
        let at = self.events.wait("an answer on the kept connection", after, PATIENCE, answered)?;
        let kept = |from: Stamp, to: Stamp| {
            self.events
                .all()
                .into_iter()
                .filter(move |(at, _)| *at >= from && *at <= to)
                .find_map(|(_, event)| if let Event::Kept(by) = event { Some(by) } else { None })
                .flatten()
        };
        match (kept(Stamp::default(), began), kept(at, at)) {
            (Some(before), Some(now)) if before == now => {
                self.screen.line(&format!("  the kept connection goes on, with {}", now.name()));
                Ok(())
            }
            (before, now) => Err(format!(
                "the kept connection was answered by {before:?} before and by {now:?} after the \
                 director's death"
            )
            .into()),
        }
    }

    /// Stops what still runs and checks that nothing of it is left.
    fn leave(mut self) -> Outcome {
        self.title("stop node-b");
        if let Some(daemon) = self.daemons[1].take() {
            let status = daemon.stop()?;
            if !status.success() {
                return Err(format!("node-b ended with {status}").into());
            }
        }
        let host = &self.stage.directors[1];
        if host.has_addr(VIP)? {
            return Err(format!("{VIP} was left on node-b").into());
        }
        if table(host)? != Webs::NONE {
            return Err("servers were left in the table of node-b".into());
        }
        if let Some(pid) = host.pids()?.first() {
            return Err(format!("process {pid} was left on node-b").into());
        }
        self.screen.line("  no address, no server in the table and no process is left\n");
        self.screen.line(&Row::head());
        for row in &self.rows {
            self.screen.line(&row.text());
        }
        match self.rows.iter().find(|row| row.took > row.limit + SLACK) {
            None => Ok(()),
            Some(Row { cause, limit, took, .. }) => {
                Err(format!("{cause}: took {took:?}, not at most about {limit:?}").into())
            }
        }
    }

    fn run(&mut self, web: Web) -> Outcome<Stamp> {
        self.stage.start(web)?;
        let at = Stamp::now();
        self.events.add(at, Event::Web(web, true));
        Ok(at)
    }

    fn die(&mut self, web: Web) -> Stamp {
        let at = Stamp::now();
        self.stage.kill(web);
        self.events.add(at, Event::Web(web, false));
        at
    }

    fn await_master(&self, node: Node, began: Stamp) -> Outcome<Stamp> {
        let master = Event::State(node, State::Master);
        let what = format!("the state MASTER of {}", node.name());
        self.events.wait(&what, began, PATIENCE, |event| *event == master)
    }

    fn await_table(&self, node: Node, began: Stamp, webs: Webs) -> Outcome<Stamp> {
        let wanted = Event::Table(node, webs);
        let names: Vec<&str> =
            Web::ALL.into_iter().filter(|web| webs.has(*web)).map(Web::name).collect();
        let what = format!("a table of {} at {}", names.join(", "), node.name());
        self.events.wait(&what, began, PATIENCE, |event| *event == wanted)
    }

    /// Waits for answers of all `webs` and of nobody else, and without a loss, from `from` on.
    fn await_calm(&self, from: Stamp, webs: Webs) -> Outcome<Stamp> {
        let mut seen = Webs::NONE;
        let mut at = from;
        for _ in 0..CALM {
            at = self
                .events
                .wait("an answer", at, PATIENCE, |event| matches!(event, Event::Answer(_)))?;
            let answer = self.events.all().into_iter().find_map(|(when, event)| match event {
                Event::Answer(by) if when == at => Some(by),
                _ => None,
            });
            match answer.flatten() {
                Some(web) if webs.has(web) => seen = seen.with(web),
                Some(web) => {
                    return Err(format!("{} answered, which is out", web.name()).into());
                }
                None => return Err("a request was lost when all was to be well again".into()),
            }
            at = at + Duration::from_nanos(1);
        }
        if seen == webs { Ok(at) } else { Err("not every server in the table answered".into()) }
    }

    fn await_synced(&self, port: u16) -> Outcome {
        let until = Instant::now() + PATIENCE;
        while !self.stage.knows(Node::B, port)? {
            if Instant::now() > until {
                return Err(format!("node-b never knew the connection from port {port}").into());
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Waits for the calm after a step that was done at `done`, and shows it.
    fn over(
        &mut self,
        cause: &'static str,
        limit: Duration,
        began: Stamp,
        done: Stamp,
        webs: Webs,
    ) -> Outcome {
        let answered = |event: &Event| matches!(event, Event::Answer(Some(_)));
        let first = self.events.wait("an answer", done, PATIENCE, answered)?;
        let calm = self.await_calm(first, webs)?;
        let answers = self.events.all().into_iter().filter_map(|(at, event)| match event {
            Event::Answer(by) if at >= began && at <= calm => Some((at, by.is_some())),
            _ => None,
        });
        let (lost, silence) = client(answers, began);
        let row = Row { cause, limit, took: done.since(began), lost, silence };
        let from = Stamp::from_epoch(began.epoch().saturating_sub(SLICE * 10));
        self.screen.chart(from, calm);
        self.screen.line(&Row::head());
        self.screen.line(&row.text());
        self.rows.push(row);
        Ok(())
    }

    fn title(&self, text: &str) {
        let bold = if self.screen.colour() { ["\x1b[1m", "\x1b[0m"] } else { ["", ""] };
        self.screen.line(&format!("\n{}{text}{}", bold[0], bold[1]));
    }
}

fn all_real() -> Webs {
    Web::REAL.into_iter().collect()
}

impl Row {
    fn head() -> String {
        format!(
            "  {:<26} {:>11} {:>11} {:>14} {:>11}",
            "after", "at most", "measured", "requests lost", "silence"
        )
    }

    fn text(&self) -> String {
        let ms = |d: Duration| format!("{:.0} ms", d.as_secs_f64() * 1e3);
        format!(
            "  {:<26} {:>11} {:>11} {:>14} {:>11}",
            self.cause,
            ms(self.limit),
            ms(self.took),
            self.lost,
            ms(self.silence)
        )
    }
}
