//! Pid files and the locks that keep a second daemon out.
//!
//! Core holds the files of all roles, locked for its whole life, and writes
//! them: roles have no file system.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why a pid file could not be taken.
#[derive(Debug)]
pub enum Error {
    /// Another process holds its lock.
    Locked,
    /// It cannot be opened, written or locked.
    Io(io::Error),
}

/// A locked pid file.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Opens and locks `path`, creating it when needed. A symbolic link is not
    /// followed.
    ///
    /// # Errors
    /// When another process holds the lock, or the file cannot be opened.
    pub fn take(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let file = open(&path).map_err(Error::Io)?;
        lock(&file)?;
        Ok(PidFile { path, file })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `pid`. When the file was deleted or replaced meanwhile, the one
    /// that is there now is used.
    ///
    /// # Errors
    /// When it cannot be opened again or written.
    pub fn write(&mut self, pid: i32) -> io::Result<()> {
        if !self.is_in_place() {
            let file = open(&self.path)?;
            // Whoever replaced the file may hold it; the pid is ours to write anyway.
            let _ = lock(&file);
            self.file = file;
        }
        self.file.set_len(0)?;
        self.file.write_all_at(format!("{pid}\n").as_bytes(), 0)?;
        self.file.flush()
    }

    /// The process that it names, as long as that runs this very program: the
    /// role of a daemon that was killed and is still cleaning up.
    pub fn leftover(&self) -> Option<i32> {
        let mut text = [0; 16];
        let len = self.file.read_at(&mut text, 0).ok()?;
        let pid: i32 = std::str::from_utf8(text.get(..len)?).ok()?.trim().parse().ok()?;
        let exe = |of: &str| std::fs::metadata(format!("/proc/{of}/exe")).ok();
        let (theirs, ours) = (exe(&pid.to_string())?, exe("self")?);
        (theirs.dev() == ours.dev() && theirs.ino() == ours.ino()).then_some(pid)
    }

    /// Removes the file from its directory; the lock stays until drop.
    pub fn remove(&self) {
        // Somebody may have removed it before: nothing is left to do then.
        if self.is_in_place() {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn is_in_place(&self) -> bool {
        match (std::fs::symlink_metadata(&self.path), self.file.metadata()) {
            (Ok(a), Ok(b)) => a.dev() == b.dev() && a.ino() == b.ino(),
            _ => false,
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC).bits())
        .open(path)?;
    // Monitoring reads pid files, whatever the daemon's umask is.
    file.set_permissions(Permissions::from_mode(0o644))?;
    Ok(file)
}

/// Takes an open file description lock on the whole file: it stays when the
/// process forks, and goes with the last descriptor.
fn lock(file: &File) -> Result<(), Error> {
    let range = libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&range)) {
        Ok(_) => Ok(()),
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => Err(Error::Locked),
        Err(e) => Err(Error::Io(e.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("ka-pidfile-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_second_taker_is_kept_out_until_the_first_has_gone() {
        let dir = dir("lock");
        let path = dir.join("a.pid");
        let mut first = PidFile::take(&path).unwrap();
        first.write(123_456).unwrap();
        first.write(7).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "7\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
        assert!(matches!(PidFile::take(&path), Err(Error::Locked)));
        drop(first);
        PidFile::take(&path).unwrap().remove();
        assert!(!path.exists());
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_leftover_is_a_process_of_this_program() {
        let dir = dir("left");
        let mut file = PidFile::take(dir.join("a.pid")).unwrap();
        assert_eq!(file.leftover(), None);
        let own = i32::try_from(std::process::id()).unwrap();
        file.write(own).unwrap();
        assert_eq!(file.leftover(), Some(own));
        file.write(1).unwrap();
        assert_eq!(file.leftover(), None);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_deleted_file_comes_back_and_a_link_is_refused() {
        let dir = dir("gone");
        let path = dir.join("a.pid");
        let mut pid = PidFile::take(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        pid.write(9).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "9\n");
        let link = dir.join("link.pid");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(PidFile::take(&link), Err(Error::Io(_))));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
