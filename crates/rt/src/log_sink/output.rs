//! The outputs themselves: how a line looks on each and how it is written.

use super::{ALERT, Line, Sinks};
use chrono::{DateTime, Local, Timelike};
use log::{Level, LevelFilter, Log, Record};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

/// Console and file lines are cut here, as in the reference.
const LINE_MAX: usize = 510;

/// What the console shows, in env_logger's syntax.
const CONSOLE_FILTER: &str = "KEEPALIVED_LOG";

/// Where the syslog daemon listens.
const SYSLOG: &str = "/dev/log";

/// How long a missing syslog daemon is left alone before the next try.
const RECONNECT: Duration = Duration::from_secs(1);

/// One place that lines are written to.
#[derive(Debug)]
pub(super) enum Output {
    Console(env_logger::Logger),
    Syslog(Syslog),
    File { file: File, flush: bool },
}

/// A datagram socket to the syslog daemon.
#[derive(Debug)]
pub(super) struct Syslog {
    socket: Option<UnixDatagram>,
    tried: Instant,
    facility: u8,
    tag: String,
}

/// Opens what `sinks` asks for; what cannot be opened is said on standard
/// error and left out.
pub(super) fn open(sinks: &Sinks) -> Vec<Output> {
    let mut outputs = Vec::new();
    if sinks.console {
        outputs.push(Output::Console(console()));
    }
    if let Some(facility) = sinks.syslog {
        outputs.push(Output::Syslog(Syslog::new(facility, &sinks.ident)));
    }
    if let Some(path) = &sinks.file {
        match open_file(path) {
            Ok(file) => outputs.push(Output::File { file, flush: sinks.flush }),
            Err(e) => eprintln!("Unable to open log file {} - {e}", path.display()),
        }
    }
    outputs
}

/// Standard error, through env_logger: the environment variable
/// [`CONSOLE_FILTER`] may ask for less of it (`warn`, `off`).
fn console() -> env_logger::Logger {
    env_logger::Builder::new()
        .filter_level(LevelFilter::Trace)
        .parse_env(CONSOLE_FILTER)
        .target(env_logger::Target::Stderr)
        .write_style(env_logger::WriteStyle::Never)
        .format(|out, record| writeln!(out, "{}", record.args()))
        .build()
}

/// Log files are readable by root alone, and a symbolic link is not followed:
/// the daemon must not be led to write elsewhere.
fn open_file(path: &Path) -> std::io::Result<File> {
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC)
        .open(path)
}

/// Syslog's severity of a line.
pub(super) fn severity(level: Level, target: &str) -> u8 {
    match level {
        _ if target == ALERT => 1,
        Level::Error => 3,
        Level::Warn => 4,
        // Detail lines are a choice of the administrator, not debugging.
        Level::Info | Level::Debug | Level::Trace => 6,
    }
}

impl Output {
    /// Writes one line; a failure loses it, there is nobody left to tell.
    pub(super) fn write(&mut self, line: &Line) {
        match self {
            Output::Console(logger) => {
                let at: DateTime<Local> = line.at.into();
                let text = format!("{}: {}", at.format("%a %b %e %H:%M:%S %Y"), cut(&line.text));
                let mut record = Record::builder();
                logger.log(&record.level(line.level).args(format_args!("{text}")).build());
            }
            Output::File { file, flush } => {
                let at: DateTime<Local> = line.at.into();
                let text = format!(
                    "{}.{:09} {}: {}\n",
                    at.format("%a %b %d %H:%M:%S"),
                    at.nanosecond(),
                    at.format("%Y"),
                    cut(&line.text)
                );
                let _ = file.write_all(text.as_bytes());
                if *flush {
                    let _ = file.sync_data();
                }
            }
            Output::Syslog(syslog) => syslog.write(line),
        }
    }
}

impl Syslog {
    fn new(facility: u8, ident: &str) -> Self {
        let tag = format!("{ident}[{}]", std::process::id());
        let mut s = Syslog { socket: None, tried: Instant::now(), facility, tag };
        s.connect();
        s
    }

    fn connect(&mut self) {
        self.tried = Instant::now();
        self.socket = UnixDatagram::unbound()
            .and_then(|s| {
                s.connect(SYSLOG)?;
                Ok(s)
            })
            .ok();
    }

    /// RFC 3164 as local daemons read it: `<PRI>Mmm dd HH:MM:SS tag: text`.
    fn write(&mut self, line: &Line) {
        if self.socket.is_none() && self.tried.elapsed() >= RECONNECT {
            self.connect();
        }
        let Some(socket) = &self.socket else { return };
        let at: DateTime<Local> = line.at.into();
        let pri = u16::from(self.facility) * 8 + u16::from(line.severity);
        let text = format!("<{pri}>{} {}: {}", at.format("%b %e %H:%M:%S"), self.tag, line.text);
        if socket.send(text.as_bytes()).is_err() {
            // The daemon may have been restarted: its socket is a new one.
            self.connect();
            if let Some(socket) = &self.socket {
                let _ = socket.send(text.as_bytes());
            }
        }
    }
}

/// At most [`LINE_MAX`] bytes of `text`, whole characters only.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(LINE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(300);
        assert_eq!(cut(&long).len(), 510);
        assert_eq!(cut(&format!("x{long}")).len(), 509);
    }

    #[test]
    fn alerts_and_details_have_their_syslog_severity() {
        assert_eq!(severity(Level::Error, ALERT), 1);
        assert_eq!(severity(Level::Error, "x"), 3);
        assert_eq!(severity(Level::Debug, "x"), 6);
    }
}
