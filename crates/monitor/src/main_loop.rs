//! The loop: what core says, what the subsystems wait for.

use crate::dbus::Dbus;
use crate::mail::Mail;
use crate::snmp::Snmp;
use crate::start::ToCore;
use crate::subsystem::{self, Cx, Subsystem};
use core::time::Duration;
use ipc::msg::monitor::{Command, CoreToMonitor, MonitorSetup, MonitorToCore};
use log::{info, warn};
use rt::channel;
use rt::fatal::{Fatal, fatal};
use rt::poll::{Loop, Ready};
use rt::signals::{self, Signals};
use rt::{Interest, Token, clock};
use std::mem;
use types::Mono;

/// How long the last words to the outside world may take. Core waits a second longer.
const LAST_WORDS: Duration = Duration::from_secs(2);

const CORE: Token = Token(0);
const SIGNALS: Token = Token(1);

/// Everything that the process owns.
#[derive(Debug)]
pub(crate) struct Monitor {
    poll: Loop,
    signals: Signals,
    core: ToCore,
    subsystems: Vec<Box<dyn Subsystem>>,
    /// What core is to be asked for.
    commands: Vec<Command>,
    /// On the way out: until when at the latest.
    leaving: Option<Mono>,
    core_is_gone: bool,
    /// Nothing more comes from core.
    dismissed: bool,
}

impl Monitor {
    /// Runs `setup` from the start.
    pub(crate) fn new(
        core: ToCore,
        signals: Signals,
        setup: Box<MonitorSetup>,
    ) -> Result<Self, Fatal> {
        let poll = Loop::new().map_err(fatal("cannot open an event loop"))?;
        poll.register(&core, CORE, Interest::READABLE).map_err(fatal("cannot register"))?;
        poll.register(&signals, SIGNALS, Interest::READABLE).map_err(fatal("cannot register"))?;
        let mut monitor = Monitor {
            poll,
            signals,
            core,
            subsystems: subsystems(),
            commands: Vec::new(),
            leaving: None,
            core_is_gone: false,
            dismissed: false,
        };
        monitor.configure(&setup);
        Ok(monitor)
    }

    /// Runs until everything is said.
    pub(crate) fn run(mut self) -> Result<(), Fatal> {
        let mut ready = Vec::new();
        loop {
            self.serve_core()?;
            self.each(|s, cx| s.tick(cx));
            self.send_commands();
            if self.is_done() {
                info!("Stopped");
                return Ok(());
            }
            self.watch_core()?;
            self.poll.wait(self.deadline(), &mut ready).map_err(fatal("cannot wait"))?;
            for r in &ready {
                self.serve(*r)?;
            }
        }
    }

    fn serve(&mut self, ready: Ready) -> Result<(), Fatal> {
        if ready.token == SIGNALS {
            return self.serve_signals();
        }
        // What core says is read in every round.
        let Some((place, number)) = subsystem::owner(ready.token) else { return Ok(()) };
        let Some(s) = self.subsystems.get_mut(place) else { return Ok(()) };
        let mut cx = Cx::new(clock::now(), &self.poll, &mut self.commands, place);
        s.ready(&mut cx, number, ready);
        Ok(())
    }

    fn serve_signals(&mut self) -> Result<(), Fatal> {
        while let Some(signal) = self.signals.receive().map_err(fatal("cannot read signals"))? {
            match signal.number {
                signals::HUP => {
                    info!("only core reads the configuration: send SIGHUP to the parent process");
                }
                signals::TERM | signals::INT if self.leaving.is_none() => self.leave(),
                // Dumps are the roles'.
                _ => {}
            }
        }
        Ok(())
    }

    fn serve_core(&mut self) -> Result<(), Fatal> {
        if self.core_is_gone {
            return Ok(());
        }
        let _ = self.core.flush();
        if !channel::drain(self, |monitor| &mut monitor.core, Self::on_message)? {
            self.core_is_gone = true;
            let _ = self.poll.deregister(&self.core);
            self.dismissed();
        }
        Ok(())
    }

    fn on_message(&mut self, message: CoreToMonitor) {
        match message {
            CoreToMonitor::Hello(..) => {}
            CoreToMonitor::Configure(setup) => {
                info!("Reloading");
                self.configure(&setup);
            }
            CoreToMonitor::Event(event) => self.each(|s, cx| s.event(cx, &event)),
            CoreToMonitor::Snapshot(snapshot) => self.each(|s, cx| s.snapshot(cx, &snapshot)),
            CoreToMonitor::Agent(agent) => {
                let taken = self.core.take_fd();
                let agent = agent.and_then(|()| taken.ok_or_else(|| "no descriptor came".into()));
                let mut agent = Some(agent);
                self.each(|s, cx| s.agent(cx, &mut agent));
            }
            CoreToMonitor::Lost(count) => {
                warn!("{count} events were lost before they came here");
                self.each(|s, cx| s.lost(cx, count));
            }
            CoreToMonitor::Ping => self.say(&MonitorToCore::Pong),
            CoreToMonitor::Shutdown => self.dismissed(),
        }
    }

    fn configure(&mut self, setup: &MonitorSetup) {
        self.each(|s, cx| s.configure(cx, setup));
        self.say(&MonitorToCore::Running(setup.generation));
    }

    /// Begins to leave. On SIGTERM, which a service manager may send to every process at once, the
    /// roles' last events are still to come: it then leaves when core says so or time is up.
    fn leave(&mut self) {
        let until = clock::now() + LAST_WORDS;
        self.leaving = Some(until);
        self.each(|s, cx| s.leave(cx, until));
    }

    /// Core has said all.
    fn dismissed(&mut self) {
        self.dismissed = true;
        self.leave();
        self.each(|s, cx| s.dismissed(cx));
    }

    fn is_done(&self) -> bool {
        let Some(until) = self.leaving else { return false };
        let all_said = self.dismissed && self.subsystems.iter().all(|s| s.is_done());
        all_said || clock::now() >= until
    }

    fn deadline(&self) -> Option<Mono> {
        self.subsystems.iter().filter_map(|s| s.deadline()).chain(self.leaving).min()
    }

    fn each(&mut self, mut call: impl FnMut(&mut dyn Subsystem, &mut Cx<'_>)) {
        for (place, s) in self.subsystems.iter_mut().enumerate() {
            let mut cx = Cx::new(clock::now(), &self.poll, &mut self.commands, place);
            call(s.as_mut(), &mut cx);
        }
    }

    fn send_commands(&mut self) {
        for command in mem::take(&mut self.commands) {
            self.say(&MonitorToCore::Do(command));
        }
    }

    fn say(&mut self, message: &MonitorToCore) {
        if let Err(e) = self.core.send(message) {
            warn!("message to core is lost: {e}");
        }
    }

    fn watch_core(&mut self) -> Result<(), Fatal> {
        if self.core_is_gone {
            return Ok(());
        }
        let interest = self.core.interest();
        self.poll.reregister(&self.core, CORE, interest).map_err(fatal("cannot register"))
    }
}

/// Every way to the outside world; each sees from its configuration whether it has work.
fn subsystems() -> Vec<Box<dyn Subsystem>> {
    vec![Box::new(Mail::default()), Box::new(Dbus::default()), Box::new(Snmp::default())]
}
