//! The role's loop.

use core::time::Duration;
use ipc::codec::MAX_MESSAGE;
use ipc::msg::bfd::{BfdSetup, BfdToCore, CoreToBfd};
use ipc::msg::{Dump, Generation, Hello, Role};
use log::{error, info};
use model::Global;
use rt::channel::{self, Channel};
use rt::fatal::{self, Fatal, fatal};
use rt::log_sink::{self, Sinks};
use rt::poll::Loop;
use rt::privs::{Drop, RunAs};
use rt::resources::{self, Resources};
use rt::signals::{self, Signals};
use rt::spawn::{self, Entered};
use rt::{Interest, Token};

/// How long core may take to say what is to be done.
const FIRST_WORDS: Duration = Duration::from_secs(30);

/// How long an exiting role waits until core has its last words.
const LAST_WORDS: Duration = Duration::from_millis(500);

const CORE: Token = Token(0);
const SIGNALS: Token = Token(1);

/// The bfd role: runs until core says so or is gone. Returns the exit
/// status.
pub fn run(entered: Entered) -> i32 {
    fatal::exit_status(Bfd::start(entered).and_then(|mut role| role.run()))
}

type ToCore = Channel<BfdToCore, CoreToBfd>;

/// Everything the role owns.
#[derive(Debug)]
struct Bfd {
    poll: Loop,
    signals: Signals,
    core: ToCore,
    prepared: Option<Box<BfdSetup>>,
    running: Option<Box<BfdSetup>>,
    leaving: bool,
}

impl Bfd {
    /// Greets core, takes the first configuration, and gives up every
    /// privilege that it does not need.
    fn start(entered: Entered) -> Result<Self, Fatal> {
        let limit = u32::try_from(MAX_MESSAGE).unwrap_or(u32::MAX);
        let mut core: ToCore =
            Channel::new(entered.channel, limit).map_err(fatal("cannot use the channel"))?;
        let Some(CoreToBfd::Hello(hello, log)) = core.recv_wait(FIRST_WORDS)? else {
            return Err(Fatal::for_now("core did not greet"));
        };
        if !hello.fits(Role::Bfd) {
            return Err(Fatal::for_good("core is of another build"));
        }
        log_sink::install(&Sinks::of_role(Role::Bfd, &log));
        // A core that is gone shows in the next receive.
        let _ = core.send(&BfdToCore::Hello(Hello::new(Role::Bfd)));
        let signals = Signals::new(&signals::for_role()).map_err(fatal("cannot handle signals"))?;
        let first = core.recv_wait(FIRST_WORDS)?;
        let (prepared, leaving) = match first {
            Some(CoreToBfd::Prepare(setup)) => (Some(setup), false),
            // Core leaves before it has begun.
            Some(CoreToBfd::Shutdown) => (None, true),
            _ => {
                return Err(Fatal::for_now("core gave no configuration"));
            }
        };
        if let Some(setup) = &prepared {
            settle(&setup.global, entered.core)?;
        }
        log_sink::start_writers();
        if let Some(setup) = &prepared {
            let _ = core.send(&BfdToCore::Ready(setup.generation));
        }
        let poll = Loop::new().map_err(fatal("cannot open an event loop"))?;
        poll.register(&core, CORE, Interest::READABLE).map_err(fatal("cannot register"))?;
        poll.register(&signals, SIGNALS, Interest::READABLE).map_err(fatal("cannot register"))?;
        Ok(Bfd { poll, signals, core, prepared, running: None, leaving })
    }

    fn run(&mut self) -> Result<(), Fatal> {
        let mut ready = Vec::new();
        while !self.leaving {
            let interest = self.core.interest();
            self.poll.reregister(&self.core, CORE, interest).map_err(fatal("cannot register"))?;
            self.poll.wait(None, &mut ready).map_err(fatal("cannot wait"))?;
            for r in &ready {
                match r.token {
                    SIGNALS => self.serve_signals()?,
                    _ => self.serve_core()?,
                }
            }
        }
        info!("Stopped");
        // Core may be gone already.
        let _ = self.core.flush_wait(LAST_WORDS);
        Ok(())
    }

    fn serve_signals(&mut self) -> Result<(), Fatal> {
        while let Some(signal) = self.signals.receive().map_err(fatal("cannot read signals"))? {
            match signal.number {
                signals::HUP => {
                    info!("only core reads the configuration: send SIGHUP to the parent process");
                }
                signals::USR1 => self.dump(Dump::Data),
                signals::XCPU => log::warn!(
                    "BFD process has used too much CPU time, bfd_rlimit_rttime may need to be increased"
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
        self.leaving |= !channel::drain(self, |role| &mut role.core, Bfd::on_message)?;
        Ok(())
    }

    fn on_message(&mut self, message: CoreToBfd) {
        match message {
            CoreToBfd::Hello(..) => {}
            CoreToBfd::Prepare(setup) => {
                let generation = setup.generation;
                self.prepared = Some(setup);
                self.say(&BfdToCore::Ready(generation));
            }
            CoreToBfd::Commit(generation) => self.commit(generation),
            CoreToBfd::Abort(generation) => {
                self.prepared.take_if(|p| p.generation == generation);
            }
            CoreToBfd::Dump(kind) => self.dump(kind),
            CoreToBfd::Shutdown => self.leaving = true,
        }
    }

    fn commit(&mut self, generation: Generation) {
        if let Some(setup) = self.prepared.take_if(|p| p.generation == generation) {
            if self.running.is_some() {
                info!("Reloading");
            }
            set_comm(&setup.global);
            self.running = Some(setup);
            self.say(&BfdToCore::Running(generation));
        }
    }

    fn dump(&mut self, kind: Dump) {
        let Some(setup) = &self.running else { return };
        let mut text = String::from("------< BFD Topology >------\n");
        for session in &setup.sessions {
            text.push_str(&format!(" BFD Instance = {}\n", session.name));
        }
        self.say(&BfdToCore::Dump { kind, text });
    }

    /// Tells core; one that does not read loses the message, which it asked
    /// for.
    fn say(&mut self, message: &BfdToCore) {
        if let Err(e) = self.core.send(message) {
            error!("message to core: {e}");
        }
    }
}

fn set_comm(global: &Global) {
    spawn::set_comm(global.bfd_process.name.as_deref().unwrap_or("keepalived"));
}

/// Name, scheduling, limits; then the drop of privileges.
fn settle(global: &Global, core: i32) -> Result<(), Fatal> {
    let p = &global.bfd_process;
    set_comm(global);
    for what in Resources::of(p).apply() {
        error!("Unable to set {what}");
    }
    let run_as = if global.roles_as_root {
        info!("Running as root, as roles_as_root asks for");
        RunAs::Unchanged
    } else {
        RunAs::for_roles().map_err(fatal("cannot find the user for roles"))?
    };
    let drop = Drop { run_as, core, dumpable: resources::core_dumps() };
    Ok(rt::privs::bfd(&drop)?)
}
