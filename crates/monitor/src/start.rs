//! From the process's first instruction to its loop: greeting, log, the drop of privileges.

use crate::main_loop::Monitor;
use core::fmt;
use core::time::Duration;
use ipc::codec::MAX_MESSAGE;
use ipc::msg::monitor::{CoreToMonitor, MonitorSetup, MonitorToCore};
use ipc::msg::{Hello, Role};
use log::{error, info};
use model::Global;
use rt::channel::{Channel, ChannelError};
use rt::log_sink::{self, Sinks};
use rt::privs::{Drop, PrivError, RunAs};
use rt::resources;
use rt::signals::{self, Signals};
use rt::spawn::{self, Entered};
use std::io;

/// How long core may take to say what is to be done.
const FIRST_WORDS: Duration = Duration::from_secs(30);

/// Exit status of whatever ends it early; core tries again, the daemon goes on.
const EXIT_SOFTWARE: i32 = 70;

/// What `ps` and `top` show, of which the kernel keeps 15 bytes.
const COMM: &str = "keepalived-mon";

/// The channel to core.
pub(crate) type ToCore = Channel<MonitorToCore, CoreToMonitor>;

/// Why it ends.
#[derive(Debug)]
pub(crate) struct Fatal(String);

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn failed(what: &'static str) -> impl Fn(io::Error) -> Fatal {
    move |e| Fatal(format!("{what}: {e}"))
}

impl From<ChannelError> for Fatal {
    fn from(e: ChannelError) -> Self {
        Fatal(format!("channel to core: {e}"))
    }
}

impl From<PrivError> for Fatal {
    fn from(e: PrivError) -> Self {
        Fatal(e.to_string())
    }
}

/// Runs until core says so or is gone. Returns the exit status.
pub fn run(entered: Entered) -> i32 {
    match start(entered).and_then(|monitor| monitor.map_or(Ok(()), Monitor::run)) {
        Ok(()) => 0,
        Err(e) => {
            error!("{e}");
            EXIT_SOFTWARE
        }
    }
}

/// Greets core, takes the first configuration, and gives up every privilege. `None` when core
/// leaves before it has begun.
fn start(entered: Entered) -> Result<Option<Monitor>, Fatal> {
    spawn::set_comm(COMM);
    let limit = u32::try_from(MAX_MESSAGE).unwrap_or(u32::MAX);
    let mut core: ToCore =
        Channel::new(entered.channel, limit).map_err(failed("cannot use the channel"))?;
    let Some(CoreToMonitor::Hello(hello, log)) = core.recv_wait(FIRST_WORDS)? else {
        return Err(Fatal("core did not greet".into()));
    };
    log_sink::install(&Sinks::of_role(Role::Monitor, &log));
    if !hello.fits(Role::Monitor) {
        return Err(Fatal(format!(
            "keepalived is {}, this is {}: install the same version of both packages and restart \
             keepalived",
            hello.build_id,
            ipc::BUILD_ID
        )));
    }
    // A core that is gone shows in the next receive.
    let _ = core.send(&MonitorToCore::Hello(Hello::new(Role::Monitor)));
    let signals = Signals::new(&signals::for_role()).map_err(failed("cannot handle signals"))?;
    let setup: Box<MonitorSetup> = match core.recv_wait(FIRST_WORDS)? {
        Some(CoreToMonitor::Configure(setup)) => setup,
        Some(CoreToMonitor::Shutdown) => return Ok(None),
        _ => return Err(Fatal("core gave no configuration".into())),
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
        RunAs::for_roles().map_err(failed("cannot find the user for roles"))?
    };
    Ok(rt::privs::monitor(&Drop { run_as, core, dumpable: resources::core_dumps() })?)
}
