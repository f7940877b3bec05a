//! Scheduling and limits of roles that run: they may not change these
//! themselves, so core does.

use crate::main_loop::Core;
use crate::supervise::title;
use ipc::Role;
use log::{info, warn};
use model::Global;
use model::process::ProcessSettings;
use rt::resources::{self, Resources};
use std::time::Duration;

fn settings(role: Role, global: &Global) -> Option<&ProcessSettings> {
    match role {
        Role::Core | Role::Monitor => None,
        Role::Vrrp => Some(&global.vrrp_process),
        Role::Checker => Some(&global.checker_process),
        Role::Bfd => Some(&global.bfd_process),
    }
}

impl Core {
    /// After a reload: what it has changed.
    pub(crate) fn change_resources(&mut self) {
        let Some(previous) = &self.previous else { return };
        for slot in &mut self.slots {
            let Some(child) = &mut slot.child else { continue };
            let of = |global| settings(slot.role, global).map(Resources::of);
            let (Some(new), Some(old)) = (of(&self.config.global), of(&previous.global)) else {
                continue;
            };
            if new.realtime != old.realtime {
                child.raised = 0;
            }
            for failed in new.change(child.pid, &old) {
                warn!("{} process: cannot change {failed}", title(slot.role));
            }
        }
    }

    /// `max_auto_priority`: a role says that it was served late. It gets one
    /// step of realtime priority more, up to the maximum.
    pub(crate) fn raise_priority(&mut self, at: usize, late: Duration) {
        let global = &self.config.global;
        let Some(slot) = self.slots.get_mut(at) else { return };
        let Some(child) = &mut slot.child else { return };
        let configured = settings(slot.role, global).map_or(0, |s| s.rt_priority);
        let next = i32::from(child.raised.max(configured)) + 1;
        if next > i32::from(global.max_auto_priority) {
            return;
        }
        let (secs, micros) = (late.as_secs(), late.subsec_micros());
        info!("{}: A thread timer expired {secs}.{micros:06} seconds ago", title(slot.role));
        // Also after a failure: not every second the same line.
        child.raised = u8::try_from(next).unwrap_or(u8::MAX);
        match resources::set_realtime_of(child.pid, Some(next)) {
            Ok(()) => info!("Set realtime priority {next}"),
            Err(e) => warn!(
                "Cannot set realtime priority {next} of the {} process: {e}; core needs CAP_SYS_NICE",
                title(slot.role)
            ),
        }
    }
}
