//! Files that somebody else writes: inotify(7) on their directories, because
//! a file may be replaced by renaming.

use log::warn;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// Watches directories.
#[derive(Debug)]
pub struct Watcher {
    inotify: Inotify,
    dirs: Vec<(WatchDescriptor, PathBuf)>,
}

impl Watcher {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// Those of inotify_init1(2).
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        Ok(Watcher { inotify, dirs: Vec::new() })
    }

    /// Watches the directories of `files`, and no others from now on. Returns
    /// the directories that cannot be watched.
    pub fn watch(&mut self, files: &[PathBuf]) -> BTreeMap<PathBuf, io::Error> {
        let wanted: BTreeSet<&Path> = files.iter().filter_map(|f| f.parent()).collect();
        self.dirs.retain(|(wd, dir)| {
            let keep = wanted.contains(dir.as_path());
            if !keep {
                // The directory may be gone, and its watch with it.
                let _ = self.inotify.rm_watch(*wd);
            }
            keep
        });
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        let mut failed = BTreeMap::new();
        for dir in wanted {
            match self.inotify.add_watch(dir, flags) {
                Ok(wd) if self.dirs.iter().any(|(known, _)| *known == wd) => {}
                Ok(wd) => self.dirs.push((wd, dir.to_owned())),
                Err(e) => {
                    failed.insert(dir.to_owned(), e.into());
                }
            }
        }
        failed
    }

    /// The files that have changed. The directory itself stands for all that
    /// is in it, when it has disappeared or too much has happened at once.
    pub fn changed(&mut self) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        loop {
            match self.inotify.read_events() {
                Ok(events) => {
                    for event in events {
                        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                            // Any file may have changed: a directory stands
                            // for all that is in it.
                            warn!("inotify queue overflowed, reading all watched files again");
                            changed.extend(self.dirs.iter().map(|(_, dir)| dir.clone()));
                        }
                        let dir = self.dirs.iter().find(|(wd, _)| *wd == event.wd);
                        let Some((_, dir)) = dir else { continue };
                        changed.push(match &event.name {
                            Some(name) => dir.join(name),
                            None => dir.clone(),
                        });
                        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                            self.dirs.retain(|(wd, _)| *wd != event.wd);
                        }
                    }
                }
                Err(nix::errno::Errno::EINTR) => {}
                Err(nix::errno::Errno::EAGAIN) => break,
                Err(e) => {
                    warn!("inotify: {e}");
                    break;
                }
            }
        }
        changed.dedup();
        changed
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
