//! `--config-test`: reads the configuration, says what is wrong, and tells by
//! its exit status whether a daemon could run it.

use crate::cli::Options;
use crate::host::System;
use crate::{load, netns};
use conf::Loaded;
use conf::diag::render;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;

/// Tests the configuration; messages go to `file`, or to standard error when
/// it is empty. Returns the exit status.
pub fn run(options: &Options, file: &str) -> i32 {
    let mut log = match open(file) {
        Ok(log) => log,
        Err(e) => {
            let errno = e.raw_os_error().unwrap_or(0);
            let text = nix::errno::Errno::from_raw(errno).desc();
            eprintln!("Unable to open config-test log file {file} {errno} - {text}");
            return 1;
        }
    };
    if let Some(name) = &options.namespace
        && let Err(e) = netns::enter(name)
    {
        eprintln!("{e}");
        return 0;
    }
    let read = || conf::load(&System::new(), &load::load_options(options).test());
    let mut loaded = read();
    if options.namespace.is_none()
        && let Some(name) = loaded.model.global.net_namespace.clone()
    {
        match netns::enter(&name) {
            // Interfaces are those of the namespace.
            Ok(()) => loaded = read(),
            Err(e) => eprintln!("{e}"),
        }
    }
    let drawn = log.is_none() && io::stderr().is_terminal();
    let colour = drawn && std::env::var_os("NO_COLOR").is_none();
    let text = report(&loaded, drawn, colour);
    let written = match &mut log {
        Some(file) => file.write_all(text.as_bytes()),
        None => io::stderr().lock().write_all(text.as_bytes()),
    };
    if let Err(e) = written {
        eprintln!("Unable to write the config-test log: {e}");
    }
    i32::from(loaded.exit_status_for_test())
}

/// Opens the log file for appending; a symbolic link is not followed.
fn open(file: &str) -> io::Result<Option<File>> {
    if file.is_empty() {
        return Ok(None);
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(file)
        .map(Some)
}

fn report(loaded: &Loaded, drawn: bool, colour: bool) -> String {
    let mut text = String::new();
    for diag in &loaded.diags {
        if drawn {
            text.push_str(&render::draw(diag, &loaded.sources, colour));
            text.push('\n');
            continue;
        }
        for line in load::lines(diag, loaded) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    if loaded.dropped > 0 {
        text.push_str(&format!("{} more messages are not shown\n", loaded.dropped));
    }
    text
}
