//! The outputs themselves: how a line looks on each and how it is written.

use super::{ALERT, Line, Sinks};
use chrono::{DateTime, Local};
use log::{Level, LevelFilter, Log, Record};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Console and file lines are cut here, as in the reference.
const LINE_MAX: usize = 510;

/// Most bytes written at a time: as many as stay together in a pipe that other processes write to
/// as well (`PIPE_BUF`, pipe(7)).
const TOGETHER: usize = 4096;

/// What the console shows, in env_logger's syntax.
const CONSOLE_FILTER: &str = "KEEPALIVED_LOG";

/// Where the syslog daemon listens.
const SYSLOG: &str = "/dev/log";

/// How long a missing syslog daemon is left alone before the next try.
const RECONNECT: Duration = Duration::from_secs(1);

/// One place that lines are written to. Lines of console and file wait for [`Output::flush`], or
/// until there are enough of them: an eventful second has thousands, too many for a call each.
#[derive(Debug)]
pub(super) enum Output {
    Console(Console),
    Syslog(Syslog),
    File(LogFile),
}

/// Standard error.
#[derive(Debug)]
pub(super) struct Console {
    logger: env_logger::Logger,
    waiting: Waiting,
    time: Time,
}

/// A file.
#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    sync: bool,
    waiting: Vec<u8>,
    time: Time,
    year: Time,
}

/// What env_logger has put together.
#[derive(Debug, Clone, Default)]
struct Waiting(Arc<Mutex<Vec<u8>>>);

impl Waiting {
    fn with<T>(&self, use_it: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Waiting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.with(|waiting| waiting.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Wall time as text, put together once a second.
#[derive(Debug)]
struct Time {
    format: &'static str,
    second: Option<u64>,
    text: String,
}

impl Time {
    const fn new(format: &'static str) -> Self {
        Time { format, second: None, text: String::new() }
    }

    fn text(&mut self, at: SystemTime) -> &str {
        let second = since_epoch(at).as_secs();
        if self.second != Some(second) {
            let at: DateTime<Local> = at.into();
            self.text = at.format(self.format).to_string();
            self.second = Some(second);
        }
        &self.text
    }
}

fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// A datagram socket to the syslog daemon.
#[derive(Debug)]
pub(super) struct Syslog {
    socket: Option<UnixDatagram>,
    tried: Instant,
    facility: u8,
    tag: String,
    time: Time,
}

/// Opens what `sinks` asks for; what cannot be opened is said on standard
/// error and left out.
pub(super) fn open(sinks: &Sinks) -> Vec<Output> {
    let mut outputs = Vec::new();
    if sinks.console {
        outputs.push(Output::Console(Console::new()));
    }
    if let Some(facility) = sinks.syslog {
        outputs.push(Output::Syslog(Syslog::new(facility, &sinks.ident)));
    }
    if let Some(path) = &sinks.file {
        match open_file(path) {
            Ok(file) => outputs.push(Output::File(LogFile::new(file, sinks.flush))),
            Err(e) => eprintln!("Unable to open log file {} - {e}", path.display()),
        }
    }
    outputs
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
    /// Writes one line, now or with others; a failure loses it, there is nobody left to tell.
    pub(super) fn write(&mut self, line: &Line) {
        match self {
            Output::Console(console) => console.write(line),
            Output::Syslog(syslog) => syslog.write(line),
            Output::File(file) => file.write(line),
        }
    }

    /// Writes the lines that wait.
    pub(super) fn flush(&mut self) {
        match self {
            Output::Console(console) => console.flush(),
            Output::Syslog(_) => {}
            Output::File(file) => file.flush(),
        }
    }
}

impl Console {
    /// Through env_logger: the environment variable [`CONSOLE_FILTER`] may ask for less (`warn`,
    /// `off`).
    fn new() -> Self {
        let waiting = Waiting::default();
        let logger = env_logger::Builder::new()
            .filter_level(LevelFilter::Trace)
            .parse_env(CONSOLE_FILTER)
            .target(env_logger::Target::Pipe(Box::new(waiting.clone())))
            .write_style(env_logger::WriteStyle::Never)
            .format(|out, record| writeln!(out, "{}", record.args()))
            .build();
        Console { logger, waiting, time: Time::new("%a %b %e %H:%M:%S %Y") }
    }

    fn write(&mut self, line: &Line) {
        if self.waiting.with(|waiting| is_full(waiting)) {
            self.flush();
        }
        let (time, text) = (self.time.text(line.at), cut(&line.text));
        let mut record = Record::builder();
        self.logger.log(&record.level(line.level).args(format_args!("{time}: {text}")).build());
    }

    fn flush(&mut self) {
        self.waiting.with(|waiting| {
            let _ = std::io::stderr().write_all(waiting);
            waiting.clear();
        });
    }
}

impl LogFile {
    pub(super) fn new(file: File, sync: bool) -> Self {
        let (time, year) = (Time::new("%a %b %d %H:%M:%S"), Time::new("%Y"));
        LogFile { file, sync, waiting: Vec::new(), time, year }
    }

    fn write(&mut self, line: &Line) {
        if is_full(&self.waiting) {
            self.flush();
        }
        let (time, year) = (self.time.text(line.at), self.year.text(line.at));
        let (nanos, text) = (since_epoch(line.at).subsec_nanos(), cut(&line.text));
        let _ = writeln!(self.waiting, "{time}.{nanos:09} {year}: {text}");
        // Who wants each line on the disk does not want it to wait.
        if self.sync {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let _ = self.file.write_all(&self.waiting);
        self.waiting.clear();
        if self.sync {
            let _ = self.file.sync_data();
        }
    }
}

/// Whether another line, with its time, may be too much to be written together.
fn is_full(waiting: &[u8]) -> bool {
    waiting.len() + LINE_MAX + 64 > TOGETHER
}

impl Syslog {
    fn new(facility: u8, ident: &str) -> Self {
        let tag = format!("{ident}[{}]", std::process::id());
        let time = Time::new("%b %e %H:%M:%S");
        let mut s = Syslog { socket: None, tried: Instant::now(), facility, tag, time };
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
        let pri = u16::from(self.facility) * 8 + u16::from(line.severity);
        let text = format!("<{pri}>{} {}: {}", self.time.text(line.at), self.tag, line.text);
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
