//! Dump files that signals ask for: where they are and how they are written.
//! The text of a role's dump comes from the role.

mod global;

use crate::kept;
use crate::main_loop::Core;
use crate::paths::Names;
use crate::supervise::{DumpTo, title};
use crate::track;
use ipc::Role;
use ipc::msg::Dump;
use ipc::msg::vrrp::{Known, Tracked};
use log::{info, warn};
use model::Global;
use rt::clock;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Dumps asked for by others that may wait at once.
const DUMPS_WAITING: usize = 8;

/// The word for a role in log lines about dumps.
pub fn word(role: Role) -> &'static str {
    match role {
        Role::Core => "parent",
        Role::Vrrp => "VRRP",
        Role::Checker => "checker",
        Role::Bfd => "BFD",
        Role::Monitor => "monitor",
    }
}

/// The directory of dump files: `TMPDIR` when it is an absolute path of a
/// directory.
pub fn directory() -> PathBuf {
    match std::env::var_os("TMPDIR").map(PathBuf::from) {
        Some(dir) if dir.is_absolute() && dir.is_dir() => dir,
        _ => PathBuf::from("/tmp"),
    }
}

/// Says so when `TMPDIR` cannot be used.
pub fn check_directory() {
    if let Some(dir) = std::env::var_os("TMPDIR").map(PathBuf::from)
        && dir != directory()
    {
        info!("Environment TMPDIR={} not a directory", dir.display());
    }
}

/// Where a dump goes.
fn path(global: &Global, names: &Names, role: Role, dump: Dump, dir: &Path) -> PathBuf {
    let (given, default) = match dump {
        Dump::Data => (&global.dumps.state, "keepalived.data"),
        Dump::Stats | Dump::StatsClear => (&global.dumps.stats, "keepalived.stats"),
        Dump::Json => (&global.dumps.json, "keepalived.json"),
    };
    let mut file = dir.join(given.as_deref().unwrap_or(default));
    if given.as_ref().is_some_and(|g| g.ends_with('/')) {
        file.push(default);
    }
    if dump != Dump::Data {
        return file;
    }
    let mut insert = match role {
        Role::Core => "_parent",
        Role::Vrrp => "",
        Role::Checker => "_check",
        Role::Bfd => "_bfd",
        Role::Monitor => "_monitor",
    }
    .to_owned();
    if global.dumps.use_instance
        && let Some(suffix) = names.suffix().strip_prefix('_')
    {
        insert.push('.');
        insert.push_str(suffix);
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let dot = name.rfind('.').unwrap_or(name.len());
    let (stem, end) = name.split_at(dot);
    file.set_file_name(format!("{stem}{insert}{end}"));
    file
}

/// Writes a dump in place of the one before.
pub fn write(global: &Global, names: &Names, role: Role, dump: Dump, text: &str) {
    let path = path(global, names, role, dump, &directory());
    if let Err(e) = replace(&path, text) {
        warn!("Unable to write {}: {e}", path.display());
    }
}

/// Writes a new file and renames it: nothing that is in the way is followed,
/// and a reader never sees half a file.
pub(crate) fn replace(path: &Path, text: impl AsRef<[u8]>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.{}", std::process::id(), clock::now().as_nanos()));
    let temporary = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let done = file.write_all(text.as_ref()).and_then(|()| std::fs::rename(&temporary, path));
    if done.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    done
}

impl Core {
    /// A request for the state also starts a checker or bfd role at once that
    /// waits for its back-off.
    fn start_missing(&mut self) {
        let now = clock::now();
        for at in 0..self.slots.len() {
            let waits = self.slots.get(at).is_some_and(|s| {
                s.role != Role::Vrrp && s.child.is_none() && s.respawn_at.is_some()
            });
            if waits && !self.phase.is_stopping() {
                self.start_role(now, at);
            }
        }
    }

    /// A role's text as it is shown: that of the state after the global definitions.
    pub(crate) fn with_global(&self, dump: Dump, text: &str) -> String {
        match dump {
            Dump::Data => global::text(&self.config, &self.names) + text,
            _ => text.to_owned(),
        }
    }

    /// What a role is told that shows it.
    pub(crate) fn known(&self) -> Known {
        let tracked = self.tracker.runs().enumerate().map(|(nth, (running, streak))| {
            let (processes, held) = self.processes.count(track::id(nth));
            Tracked { running, streak, processes, held }
        });
        Known { scripts: self.config.scripts.clone(), tracked: tracked.collect() }
    }

    /// Writes dump files, or has them written.
    pub(crate) fn dump(&mut self, dump: Dump) {
        if dump == Dump::Data {
            info!("Printing parent data for process({}) on signal", std::process::id());
            write(&self.config.global, &self.names, Role::Core, dump, &self.with_global(dump, ""));
            self.start_missing();
        }
        for role in [Role::Checker, Role::Vrrp, Role::Bfd] {
            if dump == Dump::Data || role == Role::Vrrp {
                self.dump_of(role, dump);
            }
        }
    }

    /// Has the state of a role that begins to run logged (`--dump-conf`).
    pub(crate) fn dump_to_log(&mut self, at: usize) {
        let known = self.known();
        let Some(child) = self.slots.get_mut(at).and_then(|s| s.child.as_mut()) else { return };
        if child.link.dump(Dump::Data, &known).is_ok() {
            child.dumps.push_back(DumpTo::Log);
        }
    }

    /// A role has sent the text of its dump: it goes where it was asked for.
    pub(crate) fn show_dump(&self, role: Role, dump: Dump, to: Option<DumpTo>, text: &str) {
        let text = self.with_global(dump, text);
        match to {
            Some(DumpTo::Log) => text.lines().for_each(|line| info!("{line}")),
            Some(DumpTo::Kept(path)) => kept::state(&path, &text),
            _ => write(&self.config.global, &self.names, role, dump, &text),
        }
    }

    /// Has the vrrp role show what somebody but core was asked for, and not without bound.
    pub(crate) fn dump_on_request(&mut self, dump: Dump) {
        let vrrp = self.slots.iter().find(|s| s.role == Role::Vrrp);
        let waiting = vrrp.and_then(|s| s.child.as_ref()).map_or(0, |c| c.dumps.len());
        if waiting >= DUMPS_WAITING {
            return warn!("{waiting} dumps wait for the VRRP process, another one is not made");
        }
        self.dump_of(Role::Vrrp, dump);
    }

    /// Asks a role for its dump.
    pub(crate) fn dump_of(&mut self, role: Role, dump: Dump) {
        let known = self.known();
        let slot = self.slots.iter_mut().find(|s| s.role == role);
        // One that does not run yet has nothing to show.
        let child = slot.and_then(|s| s.child.as_mut()).filter(|c| c.running.is_some());
        let Some(child) = child else { return };
        let (word, pid) = (word(role), child.pid);
        match dump {
            Dump::Data => info!("Printing {word} data for process({pid}) on signal"),
            Dump::Stats => info!("Printing {word} stats for process({pid}) on signal"),
            Dump::StatsClear => {
                info!("Printing and clearing {word} stats for process({pid}) on signal");
            }
            Dump::Json => {}
        }
        match child.link.dump(dump, &known) {
            Ok(()) => child.dumps.push_back(DumpTo::File),
            Err(e) => warn!("{} process {pid}: {e}, no dump is made", title(role)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dump_files_are_named_by_role_and_instance() {
        let mut g = Global::default();
        let names = Names { instance: Some("i".into()), ..Names::default() };
        let at = |g: &Global, role, dump| {
            path(g, &names, role, dump, Path::new("/tmp")).to_string_lossy().into_owned()
        };
        assert_eq!(at(&g, Role::Vrrp, Dump::Data), "/tmp/keepalived.data");
        assert_eq!(at(&g, Role::Core, Dump::Data), "/tmp/keepalived_parent.data");
        assert_eq!(at(&g, Role::Vrrp, Dump::StatsClear), "/tmp/keepalived.stats");
        g.dumps.use_instance = true;
        assert_eq!(at(&g, Role::Bfd, Dump::Data), "/tmp/keepalived_bfd.i.data");
        assert_eq!(at(&g, Role::Vrrp, Dump::Json), "/tmp/keepalived.json");
        g.dumps.state = Some("/var/d/".into());
        assert_eq!(at(&g, Role::Vrrp, Dump::Data), "/var/d/keepalived.i.data");
        g.dumps.state = Some("state".into());
        assert_eq!(at(&g, Role::Checker, Dump::Data), "/tmp/state_check.i");
    }

    #[test]
    fn a_symbolic_link_is_replaced_not_followed() {
        let dir = std::env::temp_dir().join(format!("ka-dump-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (victim, dump) = (dir.join("victim"), dir.join("keepalived.data"));
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &dump).unwrap();
        replace(&dump, "state\n").unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(std::fs::read_to_string(&dump).unwrap(), "state\n");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
