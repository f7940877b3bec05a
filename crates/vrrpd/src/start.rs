//! How the role begins and why it ends: first words with core, scheduling and
//! limits, and the drop of privileges. Never reads a packet.

use crate::main_loop::VrrpRole;
use crate::report::ToCore;
use crate::syncd::Syncd;
use core::time::Duration;
use ipc::Role;
use ipc::msg::Hello;
use ipc::msg::vrrp::{CoreToVrrp, VrrpSetup, VrrpToCore};
use model::Global;
use rt::channel::Channel;
use rt::fatal::{self, Fatal, fatal};
use rt::privs::{self, RunAs};
use rt::resources::{self, Resources};

/// Longest message from core: a configuration.
const MESSAGE_MAX: u32 = 256 * 1024 * 1024;
/// How long core may take to say what is to be done.
const FIRST_WORDS: Duration = Duration::from_secs(30);

/// The vrrp role: runs until core says so or is gone. Returns the exit status.
pub fn run(entered: rt::spawn::Entered) -> i32 {
    fatal::exit_status(start(entered).and_then(|mut role| role.run()))
}

fn start(entered: rt::spawn::Entered) -> Result<VrrpRole, Fatal> {
    let mut core: ToCore = Channel::new(entered.channel, MESSAGE_MAX)
        .map_err(fatal("cannot use the channel to core"))?;
    let first = core
        .recv_wait(FIRST_WORDS)
        .map_err(|e| Fatal::for_now(format!("no greeting from core: {e}")))?;
    let Some(CoreToVrrp::Hello(hello, log)) = first else {
        return Err(Fatal::for_now("core did not say hello"));
    };
    if !hello.fits(Role::Vrrp) {
        return Err(Fatal::for_good("core is of another build"));
    }
    rt::log_sink::install(&rt::log_sink::Sinks::of_role(Role::Vrrp, &log));
    let _ = core.send(&VrrpToCore::Hello(Hello::new(Role::Vrrp)));
    let second = core
        .recv_wait(FIRST_WORDS)
        .map_err(|e| Fatal::for_now(format!("no configuration from core: {e}")))?;
    let Some(CoreToVrrp::Prepare(setup)) = second else {
        return Err(Fatal::for_now("core did not send a configuration"));
    };
    let syncd = Syncd::open(&setup.global).map_err(fatal("cannot open a socket for IPVS"))?;
    confine(&setup, entered.core)?;
    // Capabilities belong to threads, so these come after the drop.
    rt::log_sink::start_writers();
    let mut role = VrrpRole::open(core, &setup.global.buffers, syncd)?;
    role.command(CoreToVrrp::Prepare(setup));
    Ok(role)
}

/// What `ps` shows; a reload may change it.
pub(crate) fn set_name(global: &Global) {
    rt::spawn::set_comm(global.vrrp_process.name.as_deref().unwrap_or("keepalived"));
}

/// Sets scheduling and limits, then gives up every privilege but those of the
/// vrrp role.
fn confine(setup: &VrrpSetup, core: i32) -> Result<(), Fatal> {
    let process = &setup.global.vrrp_process;
    set_name(&setup.global);
    let resources = Resources {
        // A receiver per interface and family at most, and a few more.
        nofile: Some(2 * setup.vrrp.instances.len() as u64 + 64),
        ..Resources::of(process)
    };
    for failed in resources.apply() {
        log::warn!("{failed}");
    }
    let run_as = match setup.global.roles_as_root {
        true => {
            log::warn!("roles_as_root: the vrrp process keeps its user");
            RunAs::Unchanged
        }
        false => RunAs::for_roles().map_err(fatal("cannot choose a user for the vrrp process"))?,
    };
    let dumpable = resources::core_dumps();
    Ok(privs::vrrp(&privs::Drop { run_as, core, dumpable })?)
}
