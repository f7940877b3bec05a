//! The role's loop.

use crate::ipvs::Ipvs;
use crate::pools::Pools;
use core::fmt;
use core::time::Duration;
use ipc::codec::MAX_MESSAGE;
use ipc::msg::checker::{CheckerSetup, CheckerToCore, CoreToChecker};
use ipc::msg::{Dump, Generation, Hello, Role};
use log::{error, info};
use model::Global;
use rt::channel::{Channel, ChannelError};
use rt::lateness::Lateness;
use rt::log_sink::{self, Sinks};
use rt::poll::Loop;
use rt::privs::{Drop, PrivError, RunAs};
use rt::resources::{self, Resources};
use rt::signals::{self, Signals};
use rt::spawn::{self, Entered};
use rt::{Interest, Token, clock};
use std::io;
use types::Mono;

/// How long core may take to say what is to be done.
const FIRST_WORDS: Duration = Duration::from_secs(30);

/// How long an exiting role waits until core has its last words.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Exit status: core must not try again.
const EXIT_FATAL: i32 = 1;
/// Exit status: a permission is missing.
const EXIT_PERMISSION: i32 = 4;
/// Exit status: an internal error; core may try again.
const EXIT_SOFTWARE: i32 = 70;

const CORE: Token = Token(0);
const SIGNALS: Token = Token(1);

/// The checker role: runs until core says so or is gone. Returns the exit
/// status.
pub fn run(entered: Entered) -> i32 {
    match Checker::start(entered).and_then(|mut role| role.run()) {
        Ok(()) => 0,
        Err(e) => {
            error!("{e}");
            e.status
        }
    }
}

/// Why the role ends.
#[derive(Debug)]
struct Fatal {
    what: String,
    status: i32,
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Fatal {
    move |e| Fatal { what: format!("{what}: {e}"), status: EXIT_SOFTWARE }
}

impl From<ChannelError> for Fatal {
    fn from(e: ChannelError) -> Self {
        Fatal { what: format!("channel to core: {e}"), status: EXIT_SOFTWARE }
    }
}

impl From<PrivError> for Fatal {
    fn from(e: PrivError) -> Self {
        Fatal { what: e.to_string(), status: EXIT_PERMISSION }
    }
}

type ToCore = Channel<CheckerToCore, CoreToChecker>;

/// Everything the role owns.
#[derive(Debug)]
struct Checker {
    poll: Loop,
    signals: Signals,
    core: ToCore,
    prepared: Option<Box<CheckerSetup>>,
    running: Option<Box<CheckerSetup>>,
    /// `None` when core left before it gave a configuration.
    pools: Option<Pools>,
    lateness: Lateness,
    leaving: bool,
}

impl Checker {
    /// Greets core, takes the first configuration, and gives up every
    /// privilege that it does not need.
    fn start(entered: Entered) -> Result<Self, Fatal> {
        let limit = u32::try_from(MAX_MESSAGE).unwrap_or(u32::MAX);
        let mut core: ToCore =
            Channel::new(entered.channel, limit).map_err(failed("cannot use the channel"))?;
        let Some(CoreToChecker::Hello(hello, log)) = core.recv_wait(FIRST_WORDS)? else {
            return Err(Fatal { what: "core did not greet".into(), status: EXIT_SOFTWARE });
        };
        if !hello.fits(Role::Checker) {
            return Err(Fatal { what: "core is of another build".into(), status: EXIT_FATAL });
        }
        log_sink::install(&Sinks::of_role(Role::Checker, &log));
        // A core that is gone shows in the next receive.
        let _ = core.send(&CheckerToCore::Hello(Hello::new(Role::Checker)));
        let signals =
            Signals::new(&signals::for_role()).map_err(failed("cannot handle signals"))?;
        let first = core.recv_wait(FIRST_WORDS)?;
        let (prepared, leaving) = match first {
            Some(CoreToChecker::Prepare(setup)) => (Some(setup), false),
            // Core leaves before it has begun.
            Some(CoreToChecker::Shutdown) => (None, true),
            _ => {
                return Err(Fatal {
                    what: "core gave no configuration".into(),
                    status: EXIT_SOFTWARE,
                });
            }
        };
        let pools = match &prepared {
            Some(setup) => Some(Pools::new(settle(setup, entered.core)?)),
            None => None,
        };
        log_sink::start_writers();
        if let Some(setup) = &prepared {
            let _ = core.send(&CheckerToCore::Ready(setup.generation));
        }
        let poll = Loop::new().map_err(failed("cannot open an event loop"))?;
        poll.register(&core, CORE, Interest::READABLE).map_err(failed("cannot register"))?;
        poll.register(&signals, SIGNALS, Interest::READABLE).map_err(failed("cannot register"))?;
        Ok(Checker {
            poll,
            signals,
            core,
            prepared,
            running: None,
            pools,
            lateness: Lateness::default(),
            leaving,
        })
    }

    fn run(&mut self) -> Result<(), Fatal> {
        let mut ready = Vec::new();
        while !self.leaving {
            let interest = self.core.interest();
            self.poll.reregister(&self.core, CORE, interest).map_err(failed("cannot register"))?;
            let deadline = self.pools.as_ref().and_then(Pools::deadline);
            self.poll.wait(deadline, &mut ready).map_err(failed("cannot wait"))?;
            let due = deadline.filter(|at| *at != Mono::ZERO);
            if let Some(late) = self.lateness.check(due, clock::now()) {
                let _ = self.core.send(&CheckerToCore::Late(late));
            }
            for r in &ready {
                match r.token {
                    SIGNALS => self.serve_signals()?,
                    _ => self.serve_core()?,
                }
            }
            if let Some(pools) = &mut self.pools {
                pools.work();
            }
        }
        if let (Some(pools), Some(setup)) = (&mut self.pools, &self.running) {
            pools.stop(setup.dont_release);
        }
        info!("Stopped");
        // Core may be gone already.
        let _ = self.core.flush_wait(LAST_WORDS);
        Ok(())
    }

    fn serve_signals(&mut self) -> Result<(), Fatal> {
        while let Some(signal) = self.signals.receive().map_err(failed("cannot read signals"))? {
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

    fn serve_core(&mut self) -> Result<(), Fatal> {
        let _ = self.core.flush();
        loop {
            match self.core.recv() {
                Ok(Some(message)) => self.on_message(message),
                Ok(None) => return Ok(()),
                Err(ChannelError::Closed) => {
                    self.leaving = true;
                    return Ok(());
                }
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn on_message(&mut self, message: CoreToChecker) {
        match message {
            CoreToChecker::Hello(..) => {}
            CoreToChecker::Prepare(setup) => {
                let generation = setup.generation;
                self.prepared = Some(setup);
                self.say(&CheckerToCore::Ready(generation));
            }
            CoreToChecker::Commit(generation) => self.commit(generation),
            CoreToChecker::Abort(generation) => {
                self.prepared.take_if(|p| p.generation == generation);
            }
            CoreToChecker::Track(id, value) => {
                if let Some(setup) = &mut self.running
                    && let Some(known) = setup.values.get_mut(id.index())
                {
                    *known = value;
                }
            }
            CoreToChecker::Dump(kind) => self.dump(kind),
            CoreToChecker::Shutdown => self.leaving = true,
        }
    }

    fn commit(&mut self, generation: Generation) {
        if let Some(mut setup) = self.prepared.take_if(|p| p.generation == generation) {
            if self.running.is_some() {
                info!("Reloading");
            }
            set_comm(&setup.global);
            self.lateness.configure(&setup.global, setup.global.checker_process.rt_priority);
            if let Some(pools) = &mut self.pools {
                pools.commit(&mut setup);
            }
            self.running = Some(setup);
            self.say(&CheckerToCore::Running(generation));
        }
    }

    fn dump(&mut self, kind: Dump) {
        let Some(pools) = &self.pools else { return };
        let mut text = String::from("------< LVS Topology >------\n");
        text.push_str(&format!(" Virtual servers = {}\n", pools.len()));
        self.say(&CheckerToCore::Dump { kind, text });
    }

    /// Tells core; one that does not read loses the message, which it asked
    /// for.
    fn say(&mut self, message: &CheckerToCore) {
        if let Err(e) = self.core.send(message) {
            error!("message to core: {e}");
        }
    }
}

fn set_comm(global: &Global) {
    spawn::set_comm(global.checker_process.name.as_deref().unwrap_or("keepalived"));
}

/// Name, scheduling, limits; then the drop of privileges.
fn settle(setup: &CheckerSetup, core: i32) -> Result<Ipvs, Fatal> {
    let global = &setup.global;
    let p = &global.checker_process;
    set_comm(global);
    for what in Resources::of(p).apply() {
        error!("Unable to set {what}");
    }
    let ipvs = Ipvs::open(global).map_err(failed("cannot open the sockets for IPVS"))?;
    if global.ipvs.required
        && !setup.lvs.virtual_servers.is_empty()
        && let Some(cause) = ipvs.missing()
    {
        let what = format!("IPVS: Can't initialize ipvs: {cause}");
        return Err(Fatal { what, status: EXIT_FATAL });
    }
    let run_as = if global.roles_as_root {
        info!("Running as root, as roles_as_root asks for");
        RunAs::Unchanged
    } else {
        RunAs::for_roles().map_err(failed("cannot find the user for roles"))?
    };
    let drop = Drop { run_as, core, dumpable: resources::core_dumps() };
    // Probes that need raw sockets will say so here.
    rt::privs::checker(false, &drop)?;
    Ok(ipvs)
}
