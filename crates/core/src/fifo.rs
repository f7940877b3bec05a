//! Notify FIFOs: made, opened, written without waiting, removed.

use log::{info, warn};
use model::ScriptUser;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, chown, mkfifo};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use types::ScriptId;

/// A configured FIFO with its reader.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'c> {
    /// The FIFO.
    pub fifo: &'c model::global::Fifo,
    /// Its reader script.
    pub script: Option<ScriptId>,
    /// What precedes `notify fifo` in log lines.
    pub word: &'static str,
}

/// A FIFO that exists and is ours.
#[derive(Debug)]
pub struct Created {
    path: PathBuf,
    made: bool,
}

/// An open FIFO. Removed on drop when this run made it.
#[derive(Debug)]
pub struct Fifo {
    at: Created,
    file: File,
    lost: u64,
}

impl Fifo {
    /// Makes the FIFO, or accepts one that is there and ours; `None` when it
    /// cannot be used, which was logged.
    pub fn create(fifo: &model::global::Fifo, default: Option<&ScriptUser>) -> Option<Created> {
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
                Some(Created { path, made: true })
            }
            Err(nix::errno::Errno::EEXIST) => {
                let ours = std::fs::symlink_metadata(&path).is_ok_and(|m| {
                    let uid = m.uid();
                    m.file_type().is_fifo()
                        && (uid == Uid::effective().as_raw() || owner.is_some_and(|o| o.uid == uid))
                });
                if !ours {
                    info!("FIFO {} is not a fifo we own - not using", fifo.path);
                    return None;
                }
                Some(Created { path, made: false })
            }
            Err(e) => {
                info!("Unable to create notify fifo {}: {e}", fifo.path);
                None
            }
        }
    }

    /// Writes one line. When the pipe is full the line is lost, as ever; it is
    /// counted and logged once there is room again.
    pub fn write(&mut self, line: &str) {
        match self.file.write(line.as_bytes()) {
            Ok(_) if self.lost > 0 => {
                warn!("{} lines to notify fifo {} were lost", self.lost, self.at.path.display());
                self.lost = 0;
            }
            Ok(_) => {}
            Err(_) => self.lost += 1,
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
            Ok(file) => Some(Fifo { at: self, file, lost: 0 }),
            Err(e) => {
                info!("Unable to open notify fifo {}: {e}", self.path.display());
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
        let mut fifo = Fifo::create(&config, None).unwrap().open().unwrap();
        fifo.write("INSTANCE \"a\" MASTER 1\n");
        let mut buf = [0; 100];
        let mut reader =
            OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(&path).unwrap();
        let n = reader.read(&mut buf).unwrap();
        assert_eq!(&buf[..n], b"INSTANCE \"a\" MASTER 1\n");
        // A second user of the same FIFO does not remove it.
        drop(Fifo::create(&config, None).unwrap().open().unwrap());
        assert!(path.exists());
        drop(fifo);
        assert!(!path.exists());
    }

    #[test]
    fn a_full_pipe_loses_lines_and_counts_them() {
        let path = std::env::temp_dir().join(format!("ka-fifo-full-{}", std::process::id()));
        let config = model::global::Fifo { path: path.to_string_lossy().into_owned(), owner: None };
        let mut fifo = Fifo::create(&config, None).unwrap().open().unwrap();
        let line = "x".repeat(4096);
        for _ in 0..20 {
            fifo.write(&line);
        }
        assert!(fifo.lost > 0);
    }

    #[test]
    fn a_file_of_that_name_is_left_alone() {
        let path = std::env::temp_dir().join(format!("ka-fifo-file-{}", std::process::id()));
        std::fs::write(&path, "x").unwrap();
        let config = model::global::Fifo { path: path.to_string_lossy().into_owned(), owner: None };
        assert!(Fifo::create(&config, None).is_none());
        assert!(path.exists());
        std::fs::remove_file(path).unwrap();
    }
}
