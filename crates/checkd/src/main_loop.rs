//! The role's loop.
//!
//! Each turn: what came in, then what is due, then a slice of what IPVS is to be told. Nothing here
//! waits for core, a server or the kernel.

use crate::addrs::Addresses;
use crate::dump;
use crate::pools::{MARKS, Pools, World};
use crate::probes::{FIRST_TOKEN, TlsClient};
use crate::report::{Report, ToCore};
use crate::start::{self, Means, set_comm};
use core::time::Duration;
use ipc::codec::MAX_MESSAGE;
use ipc::msg::checker::{CheckerSetup, CheckerToCore, CoreToChecker};
use ipc::msg::{Dump, Generation, Hello, Role};
use log::{error, info};
use rt::channel;
use rt::fatal::{self, Fatal, fatal};
use rt::lateness::Lateness;
use rt::log_sink::{self, Sinks};
use rt::poll::{Loop, Ready};
use rt::signals::{self, Signals};
use rt::spawn::Entered;
use rt::{Interest, Token, clock};
use types::Mono;

/// How long core may take to say what is to be done.
const FIRST_WORDS: Duration = Duration::from_secs(30);

/// How long an exiting role waits until core has its last words.
const LAST_WORDS: Duration = Duration::from_millis(500);

const CORE: Token = Token(0);
const SIGNALS: Token = Token(1);
const ADDRESSES: Token = Token(2);

/// The checker role: runs until core says so or is gone. Returns the exit
/// status.
pub fn run(entered: Entered) -> i32 {
    fatal::exit_status(Checker::start(entered).and_then(|mut role| role.run()))
}

/// Everything the role owns.
#[derive(Debug)]
struct Checker {
    poll: Loop,
    signals: Signals,
    report: Report,
    core_interest: Interest,
    prepared: Option<Prepared>,
    running: Option<Box<CheckerSetup>>,
    /// `None` when core left before it gave a configuration.
    pools: Option<Pools>,
    means: Means,
    addresses: Option<Addresses>,
    lateness: Lateness,
    /// What the last configuration took away may still be there.
    unsettled: Option<Generation>,
    leaving: bool,
}

/// A configuration that can run.
#[derive(Debug)]
struct Prepared {
    setup: Box<CheckerSetup>,
    tls: TlsClient,
}

impl Checker {
    /// Greets core, takes the first configuration, and gives up every
    /// privilege that it does not need.
    fn start(entered: Entered) -> Result<Self, Fatal> {
        let limit = u32::try_from(MAX_MESSAGE).unwrap_or(u32::MAX);
        let mut core =
            ToCore::new(entered.channel, limit).map_err(fatal("cannot use the channel"))?;
        let Some(CoreToChecker::Hello(hello, log)) = core.recv_wait(FIRST_WORDS)? else {
            return Err(Fatal::for_now("core did not greet"));
        };
        if !hello.fits(Role::Checker) {
            return Err(Fatal::for_good("core is of another build"));
        }
        log_sink::install(&Sinks::of_role(Role::Checker, &log));
        // A core that is gone shows in the next receive.
        let _ = core.send(&CheckerToCore::Hello(Hello::new(Role::Checker)));
        let signals = Signals::new(&signals::for_role()).map_err(fatal("cannot handle signals"))?;
        let first = core.recv_wait(FIRST_WORDS)?;
        let setup = match first {
            Some(CoreToChecker::Prepare(setup)) => Some(setup),
            // Core leaves before it has begun.
            Some(CoreToChecker::Shutdown) => None,
            _ => {
                return Err(Fatal::for_now("core gave no configuration"));
            }
        };
        let (pools, means) = match &setup {
            Some(setup) => {
                let (ipvs, marks, means) = start::settle(setup, entered.core)?;
                (Some(Pools::new(ipvs, marks)), means)
            }
            None => (None, Means::default()),
        };
        log_sink::start_writers();
        if let Some(setup) = &setup {
            let _ = core.send(&CheckerToCore::Ready(setup.generation));
        }
        let poll = Loop::new().map_err(fatal("cannot open an event loop"))?;
        poll.register(&core, CORE, Interest::READABLE).map_err(fatal("cannot register"))?;
        poll.register(&signals, SIGNALS, Interest::READABLE).map_err(fatal("cannot register"))?;
        let leaving = setup.is_none();
        let prepared = setup.map(|setup| {
            let tls = TlsClient::of(&setup).unwrap_or_else(|e| {
                error!("{e}: SSL_GET cannot check anything");
                TlsClient::default()
            });
            Prepared { setup, tls }
        });
        Ok(Checker {
            poll,
            signals,
            report: Report::new(core),
            core_interest: Interest::READABLE,
            prepared,
            running: None,
            pools,
            means,
            addresses: None,
            lateness: Lateness::default(),
            unsettled: None,
            leaving,
        })
    }

    fn run(&mut self) -> Result<(), Fatal> {
        let mut ready = Vec::new();
        // What came together with the first words is in memory, not in the socket.
        self.serve_core()?;
        while !self.leaving {
            // What the turn before had to say.
            self.report.catch_up();
            let interest = self.report.core.interest();
            if interest != self.core_interest {
                self.poll
                    .reregister(&self.report.core, CORE, interest)
                    .map_err(fatal("cannot register"))?;
                self.core_interest = interest;
            }
            let deadline = self.pools.as_ref().and_then(Pools::deadline);
            self.poll.wait(deadline, &mut ready).map_err(fatal("cannot wait"))?;
            let due = deadline.filter(|at| *at != Mono::ZERO);
            if let Some(late) = self.lateness.check(due, clock::now()) {
                self.report.say(&CheckerToCore::Late(late));
            }
            for r in &mut ready {
                self.serve(r)?;
            }
            if let Some(pools) = &mut self.pools {
                pools.work(&mut World { poll: &self.poll, report: &mut self.report });
            }
            self.settle();
        }
        self.leave();
        Ok(())
    }

    /// Tells core once nothing is left of what was before the last configuration.
    fn settle(&mut self) {
        if self.pools.as_ref().is_some_and(Pools::is_settled)
            && let Some(generation) = self.unsettled.take()
        {
            self.say(CheckerToCore::Settled(generation));
        }
    }

    fn serve(&mut self, ready: &mut Ready) -> Result<(), Fatal> {
        match ready.token {
            CORE => self.serve_core(),
            SIGNALS => self.serve_signals(),
            ADDRESSES => {
                self.serve_addresses();
                Ok(())
            }
            MARKS => {
                self.pools.iter_mut().for_each(Pools::marks_news);
                Ok(())
            }
            Token(n) => {
                if let Some(pools) = &mut self.pools {
                    let id = n.wrapping_sub(FIRST_TOKEN);
                    let world = &mut World { poll: &self.poll, report: &mut self.report };
                    pools.socket(id, ready, world);
                }
                Ok(())
            }
        }
    }

    fn leave(&mut self) {
        if let (Some(pools), Some(setup)) = (&mut self.pools, &self.running) {
            let world = &mut World { poll: &self.poll, report: &mut self.report };
            pools.stop(setup.dont_release, world);
        }
        self.means.give_back();
        info!("Stopped");
        self.report.catch_up();
        // Core may be gone already.
        let _ = self.report.core.flush_wait(LAST_WORDS);
    }

    fn serve_signals(&mut self) -> Result<(), Fatal> {
        while let Some(signal) = self.signals.receive().map_err(fatal("cannot read signals"))? {
            match signal.number {
                signals::HUP => {
                    info!("only core reads the configuration: send SIGHUP to the parent process");
                }
                signals::USR1 => self.dump(Dump::Data),
                signals::XCPU => log::warn!(
                    "Healthcheck process has used too much CPU time, checker_rlimit_rttime may need to be increased"
                ),
                signals::TERM | signals::INT => self.leaving = true,
                // Statistics and JSON are the vrrp role's.
                _ => {}
            }
        }
        Ok(())
    }

    fn serve_addresses(&mut self) {
        let Some(addresses) = &mut self.addresses else { return };
        let changes = addresses.changes();
        if let Some(pools) = &mut self.pools {
            let world = &mut World { poll: &self.poll, report: &mut self.report };
            pools.addresses(&changes, world);
        }
    }

    fn serve_core(&mut self) -> Result<(), Fatal> {
        self.report.catch_up();
        self.leaving |= !channel::drain(self, |role| &mut role.report.core, Self::on_message)?;
        Ok(())
    }

    fn on_message(&mut self, message: CoreToChecker) {
        match message {
            CoreToChecker::Hello(..) => {}
            CoreToChecker::Prepare(setup) => self.prepare(setup),
            CoreToChecker::Commit(generation) => self.commit(generation),
            CoreToChecker::Abort(generation) => {
                self.prepared.take_if(|p| p.setup.generation == generation);
            }
            CoreToChecker::Track(id, value) => {
                if let Some(setup) = &mut self.running
                    && let Some(known) = setup.values.get_mut(id.index())
                {
                    *known = value;
                }
                if let Some(pools) = &mut self.pools {
                    let world = &mut World { poll: &self.poll, report: &mut self.report };
                    pools.track(id, value, world);
                }
            }
            CoreToChecker::ScriptEnded(run, exit) => {
                if let Some(pools) = &mut self.pools {
                    let world = &mut World { poll: &self.poll, report: &mut self.report };
                    pools.script_ended(run, exit, world);
                }
            }
            CoreToChecker::Dump(kind) => self.dump(kind),
            CoreToChecker::Snapshot => {
                if let Some(pools) = &mut self.pools {
                    let snapshot = CheckerToCore::Snapshot(Box::new(pools.snapshot()));
                    self.say(snapshot);
                }
            }
            CoreToChecker::Change(change) => {
                if let Some(pools) = &mut self.pools {
                    let world = &mut World { poll: &self.poll, report: &mut self.report };
                    pools.change(change, world);
                }
            }
            CoreToChecker::Shutdown => self.leaving = true,
        }
    }

    /// Checks a new configuration, and keeps it if it can run.
    fn prepare(&mut self, setup: Box<CheckerSetup>) {
        let generation = setup.generation;
        let tls = match self.means.lack(&setup) {
            Some(reason) => Err(reason),
            None => TlsClient::of(&setup),
        };
        let answer = match tls {
            Ok(tls) => {
                self.prepared = Some(Prepared { setup, tls });
                CheckerToCore::Ready(generation)
            }
            Err(reason) => CheckerToCore::Refused { generation, reason, status: fatal::FATAL },
        };
        self.say(answer);
    }

    fn commit(&mut self, generation: Generation) {
        let Some(prepared) = self.prepared.take_if(|p| p.setup.generation == generation) else {
            return;
        };
        let Prepared { mut setup, tls } = prepared;
        if self.running.is_some() {
            info!("Reloading");
        }
        set_comm(&setup.global);
        self.lateness.configure(&setup.global, setup.global.checker_process.rt_priority);
        self.means.provide(&setup);
        self.watch_addresses(&setup);
        if let Some(pools) = &mut self.pools {
            let world = &mut World { poll: &self.poll, report: &mut self.report };
            pools.commit(&mut setup, tls, self.addresses.as_ref(), world);
        }
        self.running = Some(setup);
        self.unsettled = Some(generation);
        self.say(CheckerToCore::Running(generation));
    }

    /// Starts or ends the watch over the addresses of this host.
    fn watch_addresses(&mut self, setup: &CheckerSetup) {
        if let Some(old) = self.addresses.take() {
            let _ = self.poll.deregister(&old.monitor);
        }
        match start::addresses(setup) {
            Ok(None) => {}
            Ok(Some(new)) => {
                if let Err(e) = self.poll.register(&new.monitor, ADDRESSES, Interest::READABLE) {
                    error!("cannot watch the addresses of this host: {e}");
                }
                self.addresses = Some(new);
            }
            Err(e) => error!("cannot watch the addresses of this host: {e}"),
        }
    }

    fn dump(&mut self, kind: Dump) {
        let node = self.pools.as_ref().and_then(Pools::node);
        let (Some(node), Some(setup)) = (node, &self.running) else { return };
        let text = dump::text(node, setup);
        self.say(CheckerToCore::Dump { kind, text });
    }

    /// Tells core; one that does not read loses the message, which it asked
    /// for.
    fn say(&mut self, message: CheckerToCore) {
        if !self.report.say(&message) {
            error!("message to core: it does not read");
        }
    }
}
