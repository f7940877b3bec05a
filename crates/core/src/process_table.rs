//! The processes of the host: what `/proc` shows, and the kernel's news.
//!
//! Owns the socket of the proc connector and feeds [`Processes`]. Where the
//! kernel gives no news (in a container, as a rule) all processes are looked
//! at every second instead.

use crate::processes::{self, Processes, Shown, Verdict};
use crate::track;
use log::{info, warn};
use model::global::Buffer;
use model::track::TrackProcess;
use model::{Config, TrackKind};
use netlink::{ProcEvent, ProcSocket};
use nix::libc;
use rt::Interest;
use rt::Token;
use rt::poll::Loop;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;
use types::{Mono, TrackId};

/// Time between looks at all processes where there are no news.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// More than a `/proc/PID/stat` has.
const STAT_READ: u64 = 1024;

/// Where news of processes come from.
#[derive(Debug)]
enum Source {
    /// Nothing is tracked.
    Nothing,
    /// From the kernel.
    News(ProcSocket, Buffer),
    /// From looking at them, next at this time.
    Look(Mono),
}

/// The tracked processes and where news of them come from.
#[derive(Debug)]
pub struct ProcessTable {
    processes: Processes,
    source: Source,
    /// Bytes of a command line that count.
    bound: usize,
    /// The network namespace that core has left to enter another.
    home: Option<File>,
}

type Object<'c> = (TrackId, &'c str, &'c TrackProcess);

/// The processes that something tracks.
fn objects(config: &Config) -> impl Iterator<Item = Object<'_>> + Clone {
    let used = track::used_tracks(config);
    config.tracks.iter().enumerate().filter_map(move |(nth, object)| match &object.kind {
        TrackKind::Process(p) if used.contains(&nth) => {
            Some((track::id(nth), object.name.as_str(), p))
        }
        _ => None,
    })
}

impl ProcessTable {
    /// Nothing is tracked yet. `home`: the network namespace that core has
    /// left.
    pub fn new(home: Option<File>) -> Self {
        ProcessTable { processes: Processes::default(), source: Source::Nothing, bound: 0, home }
    }

    /// The verdicts that the objects of a new configuration begin with.
    pub fn preview(&self, config: &Config) -> BTreeMap<TrackId, bool> {
        let objects = objects(config);
        let specs: Vec<_> = objects.clone().map(|(_, _, spec)| spec).collect();
        if specs.is_empty() {
            return BTreeMap::new();
        }
        let all = look_at_all(processes::cmdline_bound(specs.into_iter()));
        self.processes.preview(objects, &all)
    }

    /// Takes over the objects of a configuration.
    pub fn configure(&mut self, now: Mono, config: &Config, poll: &Loop, token: Token) {
        let objects = objects(config);
        self.bound = processes::cmdline_bound(objects.clone().map(|(_, _, spec)| spec));
        if objects.clone().next().is_none() {
            self.close(poll);
            self.source = Source::Nothing;
            self.processes = Processes::default();
            return;
        }
        // The socket first, so that nothing falls between it and the look.
        let buffer = config.global.buffers.process_monitor;
        if !matches!(&self.source, Source::News(_, b) if *b == buffer) {
            self.close(poll);
            self.open(now, buffer, poll, token);
        }
        self.processes.configure(now, objects, &look_at_all(self.bound));
    }

    fn open(&mut self, now: Mono, buffer: Buffer, poll: &Loop, token: Token) {
        let opened = listen(buffer, self.home.as_ref()).and_then(|socket| {
            poll.register(&socket, token, Interest::READABLE)?;
            Ok(socket)
        });
        self.source = match opened {
            Ok(socket) => Source::News(socket, buffer),
            Err(e) => {
                info!(
                    "The kernel gives no news of processes here ({e}), so tracked processes are looked for every second"
                );
                Source::Look(now + LOOK_INTERVAL)
            }
        };
    }

    fn close(&mut self, poll: &Loop) {
        if let Source::News(socket, _) = &self.source {
            // It is closed next, which deregisters it as well.
            let _ = poll.deregister(socket);
        }
        self.source = Source::Nothing;
    }

    /// The verdicts told last.
    pub fn verdicts(&self) -> BTreeMap<TrackId, bool> {
        self.processes.verdicts()
    }

    /// See [`Processes::count`].
    pub fn count(&self, id: TrackId) -> (u32, bool) {
        self.processes.count(id)
    }

    /// When [`ProcessTable::tick`] is to be called.
    pub fn deadline(&self) -> Option<Mono> {
        let look = match self.source {
            Source::Look(at) => Some(at),
            _ => None,
        };
        [look, self.processes.deadline()].into_iter().flatten().min()
    }

    /// Takes the kernel's news.
    pub fn serve(&mut self, now: Mono, poll: &Loop) -> Vec<Verdict> {
        let Source::News(socket, _) = &mut self.source else { return Vec::new() };
        let mut news = Vec::new();
        let read = socket.recv(|event| news.push(event));
        let mut verdicts = Vec::new();
        for event in news {
            verdicts.extend(self.on_event(now, event));
        }
        if let Err(e) = read {
            warn!("News of processes have ended ({e}), so they are looked for every second");
            self.close(poll);
            self.source = Source::Look(now);
        }
        self.told(verdicts)
    }

    fn on_event(&mut self, now: Mono, event: ProcEvent) -> Vec<Verdict> {
        match event {
            ProcEvent::Fork { parent, child } => self.processes.forked(now, parent, child),
            ProcEvent::Exit(pid) => self.processes.ended(now, pid),
            ProcEvent::Comm(pid, comm) if !self.processes.concerns(pid, &comm) => Vec::new(),
            ProcEvent::Exec(pid) | ProcEvent::Comm(pid, _) => match look_at(pid, self.bound) {
                Some(shown) => self.processes.changed(now, pid, &shown),
                // It has ended meanwhile; the news of that follow.
                None => Vec::new(),
            },
            ProcEvent::Answer(_) => Vec::new(),
            ProcEvent::Overrun => {
                warn!(
                    "News of processes were lost, looking at all of them; process_monitor_rcv_bufs makes room for more"
                );
                self.processes.rescanned(now, &look_at_all(self.bound))
            }
        }
    }

    /// Tells what was held off, and looks where there are no news.
    pub fn tick(&mut self, now: Mono) -> Vec<Verdict> {
        let mut verdicts = self.processes.tick(now);
        if let Source::Look(at) = &mut self.source
            && *at <= now
        {
            *at = now + LOOK_INTERVAL;
            verdicts.extend(self.processes.rescanned(now, &look_at_all(self.bound)));
        }
        self.told(verdicts)
    }

    fn told(&self, verdicts: Vec<Verdict>) -> Vec<Verdict> {
        for (id, good) in &verdicts {
            let name = self.processes.name(*id);
            info!("Quorum {} for tracked process {name}", if *good { "gained" } else { "lost" });
        }
        verdicts
    }
}

/// Opens the socket. The kernel speaks to the first network namespace alone:
/// this one, or where core came from, or that of process 1.
fn listen(buffer: Buffer, home: Option<&File>) -> io::Result<ProcSocket> {
    let room = buffer.bytes.map(|bytes| (bytes as usize, buffer.force));
    match ProcSocket::listen(room) {
        Err(e) if e.raw_os_error() == Some(libc::ECONNREFUSED) => {
            // On a thread of its own, so that core stays where it is whatever happens.
            let there = || match home {
                Some(home) => rt::netns::within_file(home, || ProcSocket::listen(room)).flatten(),
                None => rt::netns::within("", || ProcSocket::listen(room)).flatten(),
            };
            std::thread::scope(|scope| match scope.spawn(there).join() {
                Ok(done) => done,
                Err(_) => Err(e),
            })
        }
        other => other,
    }
}

/// Every process that is no zombie.
fn look_at_all(bound: usize) -> BTreeMap<u32, Shown> {
    let entries = match std::fs::read_dir("/proc") {
        Ok(entries) => entries,
        Err(e) => {
            warn!("Cannot read /proc: {e}; no tracked process is seen");
            return BTreeMap::new();
        }
    };
    let pids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, look_at(pid, bound)?))).collect()
}

/// What a process shows; `None` when it has ended, be it as a zombie.
fn look_at(pid: u32, bound: usize) -> Option<Shown> {
    let comm = name_of_live(&read(&format!("/proc/{pid}/stat"), STAT_READ)?)?.to_vec();
    let cmdline = match bound {
        0 => Vec::new(),
        bound => read(&format!("/proc/{pid}/cmdline"), bound as u64)?,
    };
    Some(Shown { comm, cmdline })
}

/// The name in a proc_pid_stat(5): between the first and the last parenthesis,
/// for it may hold some itself. `None` of one that has ended.
fn name_of_live(stat: &[u8]) -> Option<&[u8]> {
    let begin = stat.iter().position(|byte| *byte == b'(')? + 1;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let state = stat.get(end + 2)?;
    if matches!(state, b'Z' | b'X' | b'x') {
        return None;
    }
    stat.get(begin..end)
}

fn read(path: &str, at_most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(at_most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_are_read_and_zombies_are_not() {
        assert_eq!(name_of_live(b"7 (a) (b) S 1 2"), Some(&b"a) (b"[..]));
        assert_eq!(name_of_live(b"7 (a) Z 1 2"), None);
        for short in [&b""[..], b"7 (a", b"7 (a)", b"7 )a( S", b")("] {
            assert_eq!(name_of_live(short), None, "{short:?}");
        }
    }

    #[test]
    fn this_process_is_seen_with_as_much_of_its_command_line_as_asked_for() {
        let own = std::process::id();
        let all = look_at_all(3);
        assert_eq!(all[&own].cmdline.len(), 3);
        assert_eq!(look_at(own, 0).unwrap().cmdline, b"");
        assert!(!all[&own].comm.is_empty());
    }
}
