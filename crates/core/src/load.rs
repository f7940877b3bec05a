//! Loads the configuration from the real system and says what is wrong with it.

use crate::cli::Options;
use crate::host::System;
use crate::paths::Names;
use conf::diag::render;
use conf::{Code, Diag, Level, LoadOptions, Loaded};
use log::{debug, error, info, warn};
use model::Global;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Where the configuration is by default.
pub const DEFAULT_FILE: &str = "/etc/keepalived/keepalived.conf";

/// The main file, absolute: the daemon changes its working directory.
pub fn main_file(given: Option<&str>) -> String {
    absolute(given.unwrap_or(DEFAULT_FILE))
}

/// `file` from the root of the file system; an empty name stays empty.
pub fn absolute(file: &str) -> String {
    if file.starts_with('/') || file.is_empty() {
        return file.to_owned();
    }
    match std::env::current_dir() {
        Ok(dir) => dir.join(file).to_string_lossy().into_owned(),
        Err(_) => file.to_owned(),
    }
}

/// Reads the configuration that the command line names.
pub fn load(options: &Options) -> Loaded {
    let mut loaded = conf::load(&System::new(), &load_options(options));
    override_by(options, &mut loaded.model.global);
    loaded
}

/// What the command line says goes over what the file says.
fn override_by(options: &Options, global: &mut Global) {
    if options.snmp {
        let s = &mut global.snmp;
        (s.vrrp, s.rfcv2, s.rfcv3, s.checker) = (true, true, true, true);
    }
    if options.snmp_socket.is_some() {
        global.snmp.socket.clone_from(&options.snmp_socket);
    }
}

/// How `options` ask for the configuration to be read.
pub fn load_options(options: &Options) -> LoadOptions {
    let file = options.conf_file.clone().unwrap_or_else(|| DEFAULT_FILE.to_owned());
    let mut load = LoadOptions::new(file);
    load.config_id.clone_from(&options.config_id);
    load.all_config_check = options.all_config;
    load
}

/// A diagnostic in the one-line form. What is wrong with a script's path is
/// followed by how to mend it: nobody finds that out otherwise.
pub fn lines(diag: &Diag, loaded: &Loaded) -> Vec<String> {
    let mut lines = render::lines(diag, &loaded.sources);
    if matches!(diag.code, Code::Script | Code::InsecureScript | Code::InsecureFile) {
        lines.extend(diag.help.iter().map(|help| format!("  {help}")));
    }
    lines
}

/// Logs every diagnostic in the one-line form.
pub fn log_diagnostics(loaded: &Loaded) {
    for file in loaded.sources.files() {
        debug!("Opening file '{}'.", file.name);
    }
    for diag in &loaded.diags {
        for line in lines(diag, loaded) {
            info!("{line}");
        }
    }
    if loaded.dropped > 0 {
        warn!("{} more messages about the configuration are not shown", loaded.dropped);
    }
}

/// Why a configuration must not replace one that runs: it cannot be started
/// with, or its blocks are not what its writer meant. Unknown words and bad
/// numbers are logged and left out, as at start.
pub fn broken(loaded: &Loaded) -> Option<String> {
    let torn = |level: Level| (Level::UnexpectedOpen..=Level::MissingParameter).contains(&level);
    let at_fault = loaded.diags.iter().find(|d| torn(d.level));
    if loaded.refusal().is_none() && at_fault.is_none() {
        return None;
    }
    let worst = at_fault.or_else(|| loaded.diags.iter().find(|d| d.level > Level::Note));
    let Some(diag) = worst else { return Some("The new configuration is broken".to_owned()) };
    let line = render::lines(diag, &loaded.sources).pop().unwrap_or_default();
    let help = diag.help.first().map(|h| format!(" ({h})")).unwrap_or_default();
    Some(format!("The new configuration is broken: {line}{help}"))
}

/// Writes all diagnostics to `path`, for `reload_check_config`; an empty path
/// is none.
pub fn write_report(loaded: &Loaded, path: &str) {
    if path.is_empty() || path == "/dev/null" {
        return;
    }
    if let Err(e) = report_to(loaded, path) {
        error!("Cannot write {path}: {e}");
    }
}

fn report_to(loaded: &Loaded, path: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path)?;
    for diag in &loaded.diags {
        for line in lines(diag, loaded) {
            writeln!(file, "{line}")?;
        }
    }
    Ok(())
}

/// The file that is there while the configuration is read, so that tools do
/// not edit it meanwhile (`reload_file`). Removed on drop.
#[derive(Debug)]
pub struct ReloadFile(Option<PathBuf>);

impl ReloadFile {
    /// Makes the file when the configuration asks for it.
    pub fn create(global: &Global, names: &Names) -> Self {
        let Some(path) = reload_file_path(global, names) else { return ReloadFile(None) };
        let made = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o644)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .open(&path);
        if let Err(e) = made {
            warn!("Cannot create reload file {}: {e}", path.display());
            return ReloadFile(None);
        }
        ReloadFile(Some(path))
    }
}

impl Drop for ReloadFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Its absence is what was wanted.
            let _ = fs::remove_file(path);
        }
    }
}

/// Where `reload_file` is, if it is asked for.
pub fn reload_file_path(global: &Global, names: &Names) -> Option<PathBuf> {
    let file = global.reload.file.as_ref()?;
    Some(if file.is_empty() { names.reload_file().into() } else { file.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use conf::testing::MapHost;

    fn try_load(text: &str) -> Loaded {
        conf::load(&MapHost::new().file("/k.conf", text), &LoadOptions::new("/k.conf"))
    }

    #[test]
    fn torn_blocks_and_missing_files_do_not_replace_a_running_configuration() {
        let said = broken(&try_load("vrrp_instance a {\n  interface lo\n")).unwrap();
        assert!(said.contains("broken: There are 1 missing '}'s"), "{said}");
        let none = conf::load(&MapHost::new(), &LoadOptions::new("/none.conf"));
        assert!(broken(&none).is_some());
    }

    #[test]
    fn unknown_words_are_left_out_as_at_start() {
        assert_eq!(broken(&try_load("global_defs {\n  nonsense 1\n}\n")), None);
    }
}
