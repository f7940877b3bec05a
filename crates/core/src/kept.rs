//! `config_save_dir`: what a daemon keeps of its reloads, for whoever looks for
//! a fault later. The files of each configuration that was read, and the state
//! of each role before and after each reload, all numbered alike.

use crate::dumps;
use crate::main_loop::Core;
use crate::supervise::DumpTo;
use conf::Loaded;
use ipc::Role;
use ipc::msg::{Dump, Generation};
use log::{error, warn};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// When a state was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The last of the old configuration.
    Before,
    /// The first of the new one.
    After,
}

/// Keeps the files that a configuration was read from, the `nth` one of this
/// daemon, each after a line with its name.
pub fn configuration(loaded: &Loaded, nth: u64) {
    let Some(dir) = &loaded.model.global.config_save_dir else { return };
    let path = format!("{dir}/keepalived.conf.{}.{nth}", std::process::id());
    if let Err(e) = write_files(loaded, dir, &path) {
        error!("Cannot keep the configuration in {path}: {e}");
    }
}

fn write_files(loaded: &Loaded, dir: &str, path: &str) -> io::Result<()> {
    match fs::create_dir(dir) {
        // The umask would make it unusable.
        Ok(()) => fs::set_permissions(dir, Permissions::from_mode(0o700))?,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    for source in loaded.sources.files() {
        writeln!(file, "# {}", source.name)?;
        let end = if source.text.is_empty() || source.text.ends_with('\n') { "" } else { "\n" };
        write!(file, "{}{end}", source.text)?;
    }
    Ok(())
}

impl Core {
    /// Asks every role that runs for its state, to be kept where the
    /// configuration in force says. `generation` is the new configuration's.
    pub(crate) fn keep_states(&mut self, moment: Moment, generation: Generation) {
        let Some(dir) = &self.config.global.config_save_dir else { return };
        // The first configuration is number 0, and its generation 1.
        let nth = generation.0.saturating_sub(1);
        let end = match moment {
            Moment::Before => "pre",
            Moment::After => "post",
        };
        let known = self.known();
        for slot in &mut self.slots {
            let word = match slot.role {
                // They have no state of their own.
                Role::Core | Role::Monitor => continue,
                Role::Vrrp => "vrrp",
                Role::Checker => "check",
                Role::Bfd => "bfd",
            };
            let Some(child) = slot.child.as_mut().filter(|c| c.running.is_some()) else {
                continue;
            };
            let name = format!("keepalived_{word}.{}.{nth}.{end}", child.pid);
            let path = Path::new(dir).join(name);
            match child.link.dump(Dump::Data, &known) {
                Ok(()) => child.dumps.push_back(DumpTo::Kept(path)),
                Err(e) => warn!("No state is kept in {}: {e}", path.display()),
            }
        }
    }
}

/// Writes a state that a role has told.
pub fn state(path: &Path, text: impl AsRef<[u8]>) {
    if let Err(e) = dumps::replace(path, text) {
        error!("Cannot keep the state in {}: {e}", path.display());
    }
}
