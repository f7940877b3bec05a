//! Where log lines of every process go: standard error, syslog, a file.
//!
//! Owns the logger behind the `log` macros. Each output has its own bounded
//! queue and its own thread, so that a slow console or syslog daemon never
//! delays the main loop: when a queue is full the line is dropped and counted,
//! and the count is logged once there is room again. Until
//! [`start_writers`] the outputs are written directly, because a process that
//! is about to fork must not have threads.
//!
//! Levels: `error!`, `warn!` and `info!` are always logged; `debug!` lines are
//! those of `--log-detail`, `trace!` those of `--log-detail` given twice. The
//! target [`ALERT`] raises a line to syslog's LOG_ALERT.

mod output;

use ipc::Role;
use ipc::msg::LogSetup;
use log::{Level, LevelFilter, Log, Metadata, Record};
use nix::sys::signal::{SigSet, SigmaskHow};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};

use output::Output;

/// Target of lines that somebody must look at now (syslog's LOG_ALERT).
pub const ALERT: &str = "alert";

/// Lines that one output may be behind.
const QUEUE: usize = 8192;

/// How long an exiting process waits for a slow output.
const FLUSH_WAIT: Duration = Duration::from_millis(300);

/// The outputs of one process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sinks {
    /// Standard error.
    pub console: bool,
    /// Syslog with this facility number (`LOG_DAEMON` is 3).
    pub syslog: Option<u8>,
    /// Ident in syslog.
    pub ident: String,
    /// A file, opened for appending.
    pub file: Option<PathBuf>,
    /// Sync the file after each line.
    pub flush: bool,
    /// 0, 1 (`-D`) or 2 (`-DD`).
    pub detail: u8,
}

impl Sinks {
    /// The outputs of a role's process.
    pub fn of_role(role: Role, setup: &LogSetup) -> Self {
        Sinks {
            console: setup.console,
            syslog: setup.syslog,
            ident: format!("{}{}", role.ident(), setup.ident_suffix),
            file: setup.file.as_ref().map(|f| file_of_role(f, role, &setup.ident_suffix)),
            flush: setup.flush,
            detail: setup.detail,
        }
    }

    fn level(&self) -> LevelFilter {
        if !self.console && self.syslog.is_none() && self.file.is_none() {
            return LevelFilter::Off;
        }
        match self.detail {
            0 => LevelFilter::Info,
            1 => LevelFilter::Debug,
            _ => LevelFilter::Trace,
        }
    }
}

/// The log file of a role: `_vrrp`, `_check`, `_bfd` or `_monitor`, then the suffix of
/// namespace and instance, before the last dot of the file's name.
fn file_of_role(file: &str, role: Role, suffix: &str) -> PathBuf {
    let word = match role {
        Role::Core => "",
        Role::Vrrp => "_vrrp",
        Role::Checker => "_check",
        Role::Bfd => "_bfd",
        Role::Monitor => "_monitor",
    };
    let name_at = file.rfind('/').map_or(0, |i| i + 1);
    let dot = file.rfind('.').filter(|d| *d > name_at).unwrap_or(file.len());
    let (stem, end) = file.split_at(dot);
    PathBuf::from(format!("{stem}{word}{suffix}{end}"))
}

/// One line on its way to the outputs.
#[derive(Debug, Clone)]
struct Line {
    at: SystemTime,
    level: Level,
    severity: u8,
    text: Arc<str>,
}

enum Message {
    Line(Line),
    Flush(SyncSender<()>),
}

/// The sending side of one output's queue, which takes memory for what is in it only.
struct Queue {
    to: Sender<Message>,
    counts: Arc<Counts>,
}

/// Of the lines of one output.
#[derive(Debug, Default)]
struct Counts {
    /// In the queue.
    waiting: AtomicUsize,
    /// Dropped, and not told yet.
    lost: AtomicU64,
}

impl Queue {
    /// Called by one thread at a time.
    fn push(&self, line: Line) {
        if self.counts.waiting.load(Ordering::Relaxed) >= QUEUE {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        // Fails where the thread is gone, and nothing is to be done then.
        let _ = self.to.send(Message::Line(line));
    }
}

enum Way {
    /// Written by the caller.
    Direct(Vec<Output>),
    /// Written by threads.
    Queued(Vec<Queue>),
}

struct Logger {
    way: RwLock<Way>,
}

static LOGGER: Logger = Logger { way: RwLock::new(Way::Direct(Vec::new())) };

/// Sets up the outputs of this process, written directly by the caller until
/// [`start_writers`]. May be called again to change them. A role calls it
/// before it drops privileges, because the syslog socket and the file are
/// opened here.
pub fn install(sinks: &Sinks) {
    let outputs = output::open(sinks);
    if let Ok(mut way) = LOGGER.way.write() {
        // Threads of earlier queues end when these senders are gone.
        *way = Way::Direct(outputs);
    }
    // A second registration fails and changes nothing.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(sinks.level());
}

/// From now on each output has its own thread. A role calls it last of all:
/// after signals are blocked (or a thread would be hit by them) and after the
/// privilege drop (which is one thread's).
pub fn start_writers() {
    let Ok(mut way) = LOGGER.way.write() else { return };
    if let Way::Direct(outputs) = &mut *way {
        // The threads inherit that they take no signal: whatever is for the process is its
        // loop's, also what is handled only later.
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).ok();
        let outputs = std::mem::take(outputs);
        *way = Way::Queued(outputs.into_iter().filter_map(spawn_writer).collect());
        if let Some(mask) = mask {
            let _ = mask.thread_set_mask();
        }
    }
}

/// Waits, for a short while only, until everything logged so far is written.
/// To be called before the process exits.
pub fn finish() {
    let mut waiting: Vec<Receiver<()>> = Vec::new();
    if let Ok(way) = LOGGER.way.read()
        && let Way::Queued(queues) = &*way
    {
        for q in queues {
            let (done, wait) = sync_channel(1);
            if q.to.send(Message::Flush(done)).is_ok() {
                waiting.push(wait);
            }
        }
    }
    for wait in waiting {
        let _ = wait.recv_timeout(FLUSH_WAIT);
    }
}

fn spawn_writer(output: Output) -> Option<Queue> {
    let (to, from) = channel();
    let counts = Arc::new(Counts::default());
    let shared = counts.clone();
    std::thread::Builder::new()
        .name("log".into())
        .stack_size(64 * 1024)
        .spawn(move || write_all(output, &from, &shared))
        .ok()?;
    Some(Queue { to, counts })
}

/// The writer thread: until the last sender is gone.
fn write_all(mut output: Output, from: &Receiver<Message>, counts: &Counts) {
    while let Ok(first) = from.recv() {
        // What has come meanwhile is written together.
        for message in std::iter::once(first).chain(from.try_iter()) {
            match message {
                Message::Line(line) => {
                    output.write(&line);
                    counts.waiting.fetch_sub(1, Ordering::Relaxed);
                    let n = counts.lost.swap(0, Ordering::Relaxed);
                    if n > 0 {
                        output.write(&losses(n));
                    }
                }
                Message::Flush(done) => {
                    output.flush();
                    let _ = done.try_send(());
                }
            }
        }
        output.flush();
    }
}

fn losses(count: u64) -> Line {
    let text = format!("{count} log lines were lost: the log is written too slowly");
    let level = Level::Warn;
    let severity = output::severity(level, "");
    Line { at: SystemTime::now(), level, severity, text: text.into() }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        // Libraries say things of their own below warnings: not ours to show.
        if !self.enabled(record.metadata()) || foreign(record) {
            return;
        }
        let line = Line {
            at: SystemTime::now(),
            level: record.level(),
            severity: output::severity(record.level(), record.target()),
            text: record.args().to_string().into(),
        };
        // Direct outputs are written under the lock, which also keeps lines
        // of several threads whole.
        let Ok(mut way) = self.way.write() else { return };
        match &mut *way {
            Way::Direct(outputs) => outputs.iter_mut().for_each(|o| {
                o.write(&line);
                o.flush();
            }),
            Way::Queued(queues) => queues.iter().for_each(|q| q.push(line.clone())),
        }
    }

    fn flush(&self) {
        finish();
    }
}

fn foreign(record: &Record<'_>) -> bool {
    record.level() > Level::Warn && record.target().starts_with("mio")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_files_carry_the_role_before_the_extension() {
        let f = |file, role| file_of_role(file, role, "_NS").to_string_lossy().into_owned();
        assert_eq!(f("/var/log/keepalived.log", Role::Vrrp), "/var/log/keepalived_vrrp_NS.log");
        assert_eq!(f("/var/log.d/ka", Role::Checker), "/var/log.d/ka_check_NS");
        assert_eq!(f("ka.log", Role::Core), "ka_NS.log");
    }

    #[test]
    fn a_full_queue_drops_and_counts_instead_of_waiting() {
        let (to, from) = channel();
        let q = Queue { to, counts: Arc::default() };
        let (at, level) = (SystemTime::UNIX_EPOCH, Level::Info);
        let line = Line { at, level, severity: 6, text: "x".into() };
        for _ in 0..QUEUE + 3 {
            q.push(line.clone());
        }
        assert_eq!(q.counts.lost.load(Ordering::Relaxed), 3);
        assert_eq!(from.try_iter().count(), QUEUE);
    }

    #[test]
    fn lines_that_wait_are_written_together_and_whole() {
        use std::os::fd::OwnedFd;
        use std::os::unix::net::UnixDatagram;
        // A socket of datagrams in place of the file shows each write.
        let (near, far) = UnixDatagram::pair().unwrap();
        let file = std::fs::File::from(OwnedFd::from(near));
        let output = Output::File(output::LogFile::new(file, false));
        let (to, from) = channel();
        let queue = Queue { to, counts: Arc::default() };
        for number in 0..1000 {
            let (at, level) = (SystemTime::UNIX_EPOCH, Level::Info);
            let text = format!("line {number}").into();
            queue.push(Line { at, level, severity: 6, text });
        }
        let counts = queue.counts.clone();
        drop(queue);
        let writer = std::thread::spawn(move || write_all(output, &from, &counts));
        let (mut writes, mut lines) = (0, 0);
        while lines < 1000 {
            let mut bytes = [0; 8192];
            let len = far.recv(&mut bytes).unwrap();
            let text = std::str::from_utf8(&bytes[..len]).unwrap();
            assert!(len <= 4096 && text.ends_with('\n'), "{text}");
            for line in text.lines() {
                assert!(line.ends_with(&format!(": line {lines}")), "{line}");
                lines += 1;
            }
            writes += 1;
        }
        writer.join().unwrap();
        assert!(writes <= 20, "{writes} writes");
    }

    #[test]
    fn no_output_switches_logging_off() {
        assert_eq!(Sinks { detail: 2, ..Sinks::default() }.level(), LevelFilter::Off);
        assert_eq!(Sinks { console: true, ..Sinks::default() }.level(), LevelFilter::Info);
    }
}
