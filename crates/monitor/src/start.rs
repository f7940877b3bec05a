//! From the process's first instruction to its loop: greeting, log, the drop of privileges.

use crate::main_loop::Monitor;
use core::time::Duration;
use ipc::codec::MAX_MESSAGE;
use ipc::msg::monitor::{CoreToMonitor, MonitorSetup, MonitorToCore};
use ipc::msg::{Hello, Role};
use log::info;
use model::Global;
use rt::channel::Channel;
use rt::fatal::{self, Fatal, fatal};
use rt::log_sink::{self, Sinks};
use rt::privs::{Drop, RunAs};
use rt::resources;
use rt::signals::{self, Signals};
use rt::spawn::{self, Entered};

/// How long core may take to say what is to be done.
const FIRST_WORDS: Duration = Duration::from_secs(30);

/// What `ps` and `top` show, of which the kernel keeps 15 bytes.
const COMM: &str = "keepalived-mon";

/// The channel to core.
pub(crate) type ToCore = Channel<MonitorToCore, CoreToMonitor>;

/// Runs until core says so or is gone. Returns the exit status.
pub fn run(entered: Entered) -> i32 {
    fatal::exit_status(start(entered).and_then(|monitor| monitor.map_or(Ok(()), Monitor::run)))
}

/// Greets core, takes the first configuration, and gives up every privilege. `None` when core
/// leaves before it has begun.
fn start(entered: Entered) -> Result<Option<Monitor>, Fatal> {
    spawn::set_comm(COMM);
    let limit = u32::try_from(MAX_MESSAGE).unwrap_or(u32::MAX);
    let mut core: ToCore =
        Channel::new(entered.channel, limit).map_err(fatal("cannot use the channel"))?;
    // Core opens what a process without privileges cannot.
    core.accept_fds();
    let Some(CoreToMonitor::Hello(hello, log)) = core.recv_wait(FIRST_WORDS)? else {
        return Err(Fatal::for_now("core did not greet"));
    };
    log_sink::install(&Sinks::of_role(Role::Monitor, &log));
    if !hello.fits(Role::Monitor) {
        return Err(Fatal::for_now(format!(
            "keepalived is {}, this is {}: install the same version of both packages and restart \
             keepalived",
            hello.build_id,
            ipc::BUILD_ID
        )));
    }
    // A core that is gone shows in the next receive.
    let _ = core.send(&MonitorToCore::Hello(Hello::new(Role::Monitor)));
    let signals = Signals::new(&signals::for_role()).map_err(fatal("cannot handle signals"))?;
    let setup: Box<MonitorSetup> = match core.recv_wait(FIRST_WORDS)? {
        Some(CoreToMonitor::Configure(setup)) => setup,
        Some(CoreToMonitor::Shutdown) => return Ok(None),
        _ => return Err(Fatal::for_now("core gave no configuration")),
    };
    drop_privileges(&setup.global, entered.core)?;
    log_sink::start_writers();
    Monitor::new(core, signals, setup).map(Some)
}

fn drop_privileges(global: &Global, core: i32) -> Result<(), Fatal> {
    let run_as = if global.roles_as_root {
        info!("Running as root, as roles_as_root asks for");
        RunAs::Unchanged
    } else {
        RunAs::for_roles().map_err(fatal("cannot find the user for roles"))?
    };
    Ok(rt::privs::monitor(&Drop { run_as, core, dumpable: resources::core_dumps() })?)
}
