//! Dump files that signals ask for: where they are and how they are written.
//! The text of a role's dump comes from the role.

use crate::paths::Names;
use ipc::Role;
use ipc::msg::Dump;
use log::{info, warn};
use model::{Config, Global};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

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
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.{}", std::process::id(), rt::clock::now().as_nanos()));
    let temporary = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let done = file.write_all(text.as_bytes()).and_then(|()| std::fs::rename(&temporary, path));
    if done.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    done
}

/// The parent's own dump.
pub fn parent(config: &Config, names: &Names) -> String {
    let g = &config.global;
    let mut text = String::from("------< Global definitions >------\n");
    let mut entry = |label: &str, value: &str| text.push_str(&format!(" {label} = {value}\n"));
    entry("Network namespace", names.namespace.as_deref().unwrap_or("(default)"));
    if let Some(instance) = &names.instance {
        entry("Instance name", instance);
    }
    if let Some(id) = &g.router_id {
        entry("Router ID", id);
    }
    if let Some(name) = &g.process_name {
        entry("Parent process name", name);
    }
    let on = |b: bool| if b { "enabled" } else { "disabled" };
    entry("Script security", on(g.script_security));
    if let Some(u) = &g.script_user {
        entry("Default script uid:gid", &format!("{}:{}", u.uid, u.gid));
    }
    entry("umask", &format!("{:#05o}", g.umask.unwrap_or(crate::start::UMASK)).replace("0o", "0"));
    entry("state dump file", g.dumps.state.as_deref().unwrap_or("(default)"));
    text
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
