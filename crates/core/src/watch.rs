//! Files that somebody else writes: inotify(7) on their directories, because
//! a file may be replaced by renaming, and on those of the links to them.

use log::warn;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// As many links as the kernel follows (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// Watches the directories of files, and those of the links that lead to them.
#[derive(Debug)]
pub struct Watcher {
    inotify: Inotify,
    /// Without links in their names.
    dirs: Vec<(WatchDescriptor, PathBuf)>,
    files: Vec<Watched>,
}

/// A file and what its contents depend on.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    /// Every link on the way to it, then the file itself; without links in their directories.
    way: Vec<PathBuf>,
}

impl Watcher {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// Those of inotify_init1(2).
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        Ok(Watcher { inotify, dirs: Vec::new(), files: Vec::new() })
    }

    /// Watches `files`, and no others from now on. Returns the directories that cannot be
    /// watched.
    pub fn watch(&mut self, files: &[PathBuf]) -> BTreeMap<PathBuf, io::Error> {
        self.files = files.iter().map(|f| Watched { path: f.clone(), way: way(f) }).collect();
        self.follow()
    }

    fn follow(&mut self) -> BTreeMap<PathBuf, io::Error> {
        let ways = self.files.iter().flat_map(|f| &f.way);
        let wanted: BTreeSet<&Path> = ways.filter_map(|w| w.parent()).collect();
        self.dirs.retain(|(wd, dir)| {
            let keep = wanted.contains(dir.as_path());
            if !keep {
                // The directory may be gone, and its watch with it.
                let _ = self.inotify.rm_watch(*wd);
            }
            keep
        });
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
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

    /// The files that have changed. A directory stands for all that is in it, when it has
    /// disappeared or too much has happened at once.
    pub fn changed(&mut self) -> Vec<PathBuf> {
        let mut changed = BTreeSet::new();
        loop {
            match self.inotify.read_events() {
                Ok(events) => events.iter().for_each(|event| self.take(event, &mut changed)),
                Err(nix::errno::Errno::EINTR) => {}
                Err(nix::errno::Errno::EAGAIN) => break,
                Err(e) => {
                    warn!("inotify: {e}");
                    break;
                }
            }
        }
        if !changed.is_empty() {
            // A link may lead elsewhere now. What cannot be watched was said at the start.
            self.files.iter_mut().for_each(|f| f.way = way(&f.path));
            self.follow();
        }
        changed.into_iter().collect()
    }

    fn take(&mut self, event: &InotifyEvent, changed: &mut BTreeSet<PathBuf>) {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            warn!("inotify queue overflowed, reading all watched files again");
            changed.extend(self.files.iter().map(|f| f.path.clone()));
        }
        let dir = self.dirs.iter().find(|(wd, _)| *wd == event.wd);
        let Some((_, dir)) = dir else { return };
        for file in &self.files {
            match &event.name {
                Some(name) => {
                    let what = dir.join(name);
                    if file.way.contains(&what) {
                        changed.insert(file.path.clone());
                    }
                }
                None if file.way.iter().any(|w| w.parent() == Some(dir)) => {
                    // Its own directory, or one that a link leads to.
                    let own = file.path.parent().filter(|_| file.way.len() == 1);
                    changed.insert(own.unwrap_or(&file.path).to_owned());
                }
                None => {}
            }
        }
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.dirs.retain(|(wd, _)| *wd != event.wd);
        }
    }
}

/// See [`Watched::way`].
fn way(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut at = path.to_owned();
    while found.len() < LINKS_MAX
        && let Some((link, target)) = first_link(&at)
    {
        let rest = at.strip_prefix(&link).map(Path::to_owned).unwrap_or_default();
        found.push(plain(&link));
        let target = link.parent().unwrap_or(Path::new("/")).join(target);
        at = if rest.as_os_str().is_empty() { target } else { target.join(rest) };
    }
    found.push(plain(&at));
    found
}

/// The first part of a path that is a link, and where it leads.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut parts: Vec<&Path> = path.ancestors().collect();
    parts.reverse();
    parts.into_iter().find_map(|part| Some((part.to_owned(), fs::read_link(part).ok()?)))
}

/// A path without links in its directory, as far as that is there.
fn plain(path: &Path) -> PathBuf {
    let dir = path.parent().and_then(|dir| fs::canonicalize(dir).ok());
    match (dir, path.file_name()) {
        (Some(dir), Some(name)) => dir.join(name),
        _ => path.to_owned(),
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// What is seen of `work`.
    fn seen(watcher: &mut Watcher, work: impl FnOnce() -> io::Result<()>) -> Vec<PathBuf> {
        work().unwrap();
        watcher.changed()
    }

    #[test]
    fn links_are_followed_wherever_they_lead() {
        let top = std::env::temp_dir().join(format!("ka-watch-{}", std::process::id()));
        let top = top.as_path();
        for dir in ["shown", "first", "second"] {
            fs::create_dir_all(top.join(dir)).unwrap();
            fs::write(top.join(dir).join("value"), "1").unwrap();
        }
        fs::remove_file(top.join("shown/value")).unwrap();
        // As a volume of a ConfigMap is laid out.
        symlink("../first", top.join("shown/data")).unwrap();
        symlink("data/value", top.join("shown/value")).unwrap();
        let (value, plain) = (top.join("shown/value"), top.join("second/value"));
        let mut w = Watcher::new().unwrap();
        assert!(w.watch(&[value.clone(), plain.clone()]).is_empty());
        let only = |path: &PathBuf| vec![path.clone()];
        assert_eq!(seen(&mut w, || fs::write(top.join("first/value"), "2")), only(&value));
        assert_eq!(seen(&mut w, || fs::write(top.join("first/other"), "2")), only(&plain)[..0]);
        assert_eq!(seen(&mut w, || fs::write(&plain, "2")), only(&plain));
        let swap = || {
            symlink("../second", top.join("shown/new"))?;
            fs::rename(top.join("shown/new"), top.join("shown/data"))
        };
        assert_eq!(seen(&mut w, swap), only(&value));
        assert_eq!(seen(&mut w, || fs::write(top.join("first/value"), "3")), only(&value)[..0]);
        assert_eq!(seen(&mut w, || fs::write(&plain, "3")), [plain.clone(), value.clone()]);
        let again = || {
            fs::remove_file(&value)?;
            symlink("../first/value", &value)
        };
        assert_eq!(seen(&mut w, again), only(&value));
        assert_eq!(seen(&mut w, || fs::write(top.join("first/value"), "4")), only(&value));
        fs::remove_dir_all(top).unwrap();
    }

    #[test]
    fn one_directory_may_have_two_names() {
        let top = std::env::temp_dir().join(format!("ka-watch-two-{}", std::process::id()));
        fs::create_dir_all(top.join("dir")).unwrap();
        symlink("dir", top.join("alias")).unwrap();
        let (one, two) = (top.join("dir/one"), top.join("alias/two"));
        let mut w = Watcher::new().unwrap();
        assert!(w.watch(&[one.clone(), two.clone()]).is_empty());
        assert_eq!(seen(&mut w, || fs::write(&one, "1")), [one]);
        assert_eq!(seen(&mut w, || fs::write(&two, "1")), [two]);
        fs::remove_dir_all(top).unwrap();
    }

    #[test]
    fn links_in_a_circle_end() {
        let top = std::env::temp_dir().join(format!("ka-watch-loop-{}", std::process::id()));
        fs::create_dir_all(&top).unwrap();
        symlink("b", top.join("a")).unwrap();
        symlink("a", top.join("b")).unwrap();
        let mut w = Watcher::new().unwrap();
        assert!(w.watch(&[top.join("a")]).is_empty());
        fs::remove_dir_all(top).unwrap();
    }
}
