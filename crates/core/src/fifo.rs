//! Notify FIFOs: made, opened, written without waiting, removed.

use log::{info, warn};
use model::ScriptUser;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, chown, mkfifo};
use rt::clock;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;
use types::{Mono, ScriptId};

/// Whose lines a FIFO gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Those of instances and groups, and those of virtual and real servers.
    All,
    /// Those of instances and groups.
    Vrrp,
    /// Those of virtual and real servers.
    Lvs,
}

impl Audience {
    /// Whether lines meant for `line` go to this FIFO.
    fn hears(self, line: Audience) -> bool {
        self == Audience::All || self == line
    }

    /// What precedes `notify fifo` in log lines.
    pub const fn word(self) -> &'static str {
        match self {
            Audience::All => "",
            Audience::Vrrp => "vrrp ",
            Audience::Lvs => "lvs ",
        }
    }

    /// What its keyword begins with.
    const fn prefix(self) -> &'static str {
        match self {
            Audience::All => "",
            Audience::Vrrp => "vrrp_",
            Audience::Lvs => "lvs_",
        }
    }
}

/// A configured FIFO with its reader.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'c> {
    /// The FIFO.
    pub fifo: &'c model::global::Fifo,
    /// Its reader script.
    pub script: Option<ScriptId>,
    /// Whose lines it gets.
    pub audience: Audience,
}

/// A FIFO that exists and is ours.
#[derive(Debug)]
pub struct Created {
    path: PathBuf,
    made: bool,
    audience: Audience,
}

/// An open FIFO. Removed on drop when this run made it.
#[derive(Debug)]
pub struct Fifo {
    at: Created,
    file: File,
    lost: Losses,
}

/// Time between two messages that a loss begins.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// The lines that were lost.
#[derive(Debug, Default)]
struct Losses {
    /// Since it was last told how many.
    untold: u64,
    total: u64,
    /// When it was last told that lines are lost.
    begun: Option<Mono>,
}

/// What is to be told about losses.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// Lines are being lost.
    Begins,
    /// Lines arrive again.
    Over {
        /// Lines that did not.
        lost: u64,
        /// Those of earlier times too.
        total: u64,
    },
}

impl Losses {
    /// Counts a line; what is to be told. A loss that begins soon after
    /// another is only told when lines arrive after [`SAY_AGAIN`].
    fn note(&mut self, now: Mono, written: bool) -> Option<Told> {
        let quiet = self.begun.is_some_and(|at| now < at + SAY_AGAIN);
        if !written {
            let (first, told) = (self.untold == 0, self.begun.is_some());
            self.untold += 1;
            self.total += 1;
            if quiet || (!first && told) {
                return None;
            }
            self.begun = Some(now);
            return Some(Told::Begins);
        }
        if self.untold == 0 || (quiet && self.total != self.untold) {
            return None;
        }
        let lost = std::mem::take(&mut self.untold);
        Some(Told::Over { lost, total: self.total })
    }
}

impl Fifo {
    /// Makes the FIFO, or accepts one that is there and ours; `None` when it
    /// cannot be used, which was logged.
    pub fn create(
        fifo: &model::global::Fifo,
        audience: Audience,
        default: Option<&ScriptUser>,
    ) -> Option<Created> {
        let prefix = audience.prefix();
        let path = PathBuf::from(&fifo.path);
        let owner = fifo.owner.as_ref().or(default);
        // The daemon's umask makes it 0600 by default.
        let made = mkfifo(&path, Mode::from_bits_truncate(0o644));
        match made {
            Ok(()) => {
                if let Some(o) = owner
                    && let Err(e) =
                        chown(&path, Some(Uid::from_raw(o.uid)), Some(Gid::from_raw(o.gid)))
                {
                    warn!("Cannot give notify fifo {} to {}: {e}", fifo.path, o.name);
                }
                Some(Created { path, made: true, audience })
            }
            Err(nix::errno::Errno::EEXIST) => {
                let ours = std::fs::symlink_metadata(&path).is_ok_and(|m| {
                    let uid = m.uid();
                    m.file_type().is_fifo()
                        && (uid == Uid::effective().as_raw() || owner.is_some_and(|o| o.uid == uid))
                });
                if !ours {
                    info!("{prefix}FIFO {} is not a fifo we own - not using", fifo.path);
                    return None;
                }
                Some(Created { path, made: false, audience })
            }
            Err(e) => {
                info!("Unable to create {prefix}notify fifo {}: {e}", fifo.path);
                None
            }
        }
    }

    /// Writes one line that is meant for `to`. When the pipe is full the line is lost, as ever; that
    /// is counted, and logged when it begins and when it is over.
    pub fn write(&mut self, line: &str, to: Audience) {
        if !self.at.audience.hears(to) {
            return;
        }
        let path = self.at.path.display();
        let written = self.file.write(line.as_bytes());
        match self.lost.note(clock::now(), written.is_ok()) {
            None => {}
            Some(Told::Begins) => warn!(
                "notify fifo {path} takes no more lines ({}): they are lost until its reader goes on",
                written.err().map_or_else(String::new, |e| e.to_string())
            ),
            Some(Told::Over { lost, total }) => {
                warn!("{lost} lines to notify fifo {path} were lost, {total} since it was opened");
            }
        }
    }
}

impl Created {
    /// Opens it for reading too, so that lines wait for a reader and writing
    /// never fails for want of one.
    pub fn open(self) -> Option<Fifo> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW)
            .open(&self.path);
        match opened {
            Ok(file) => Some(Fifo { at: self, file, lost: Losses::default() }),
            Err(e) => {
                let prefix = self.audience.prefix();
                info!("Unable to open {prefix}notify fifo {}: {e}", self.path.display());
                None
            }
        }
    }
}

impl Drop for Created {
    fn drop(&mut self) {
        if self.made {
            // Somebody else may have removed it already.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn lines_wait_for_a_reader_and_the_fifo_goes_with_its_maker() {
        let path = std::env::temp_dir().join(format!("ka-fifo-{}", std::process::id()));
        let config = model::global::Fifo { path: path.to_string_lossy().into_owned(), owner: None };
        let mut fifo = Fifo::create(&config, Audience::Vrrp, None).unwrap().open().unwrap();
        fifo.write("INSTANCE \"a\" MASTER 1\n", Audience::Vrrp);
        fifo.write("VS [192.0.2.1]:tcp:80 UP\n", Audience::Lvs);
        let mut buf = [0; 100];
        let mut reader =
            OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(&path).unwrap();
        let n = reader.read(&mut buf).unwrap();
        assert_eq!(&buf[..n], b"INSTANCE \"a\" MASTER 1\n");
        // A second user of the same FIFO does not remove it.
        drop(Fifo::create(&config, Audience::All, None).unwrap().open().unwrap());
        assert!(path.exists());
        drop(fifo);
        assert!(!path.exists());
    }

    #[test]
    fn a_full_pipe_loses_lines_and_counts_them() {
        let path = std::env::temp_dir().join(format!("ka-fifo-full-{}", std::process::id()));
        let config = model::global::Fifo { path: path.to_string_lossy().into_owned(), owner: None };
        let mut fifo = Fifo::create(&config, Audience::All, None).unwrap().open().unwrap();
        let line = "x".repeat(4096);
        for _ in 0..20 {
            fifo.write(&line, Audience::Vrrp);
        }
        assert!(fifo.lost.total > 0);
    }

    #[test]
    fn a_loss_is_told_when_it_begins_and_when_it_is_over_and_not_all_the_time() {
        let at = |s| Mono::ZERO + Duration::from_secs(s);
        let mut losses = Losses::default();
        assert_eq!(losses.note(at(0), true), None);
        assert_eq!(losses.note(at(1), false), Some(Told::Begins));
        assert_eq!(losses.note(at(1), false), None);
        assert_eq!(losses.note(at(2), true), Some(Told::Over { lost: 2, total: 2 }));
        // It flaps: nothing for a while, and nothing is forgotten.
        for s in 3..61 {
            assert_eq!(losses.note(at(s), s % 2 == 0), None);
        }
        assert_eq!(losses.note(at(62), true), Some(Told::Over { lost: 29, total: 31 }));
        assert_eq!(losses.note(at(63), false), Some(Told::Begins));
    }

    #[test]
    fn a_file_of_that_name_is_left_alone() {
        let path = std::env::temp_dir().join(format!("ka-fifo-file-{}", std::process::id()));
        std::fs::write(&path, "x").unwrap();
        let config = model::global::Fifo { path: path.to_string_lossy().into_owned(), owner: None };
        assert!(Fifo::create(&config, Audience::All, None).is_none());
        assert!(path.exists());
        std::fs::remove_file(path).unwrap();
    }
}
