//! Files of a test: what is tracked, scripts, keys, dumps.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use std::{fs, os::unix::fs::PermissionsExt};

use lab::{Context, Error, PATIENCE, Result};

/// A folder of its own in the system's temporary folder, removed at its end.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes it.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("keepalived-case-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where a file of this name is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Replaces a file whole; nobody reads half of it.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        fs::write(&new, text).context(|| format!("cannot write {}", new.display()))?;
        fs::rename(&new, &path).context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// What is in a file.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.path(name)).context(|| format!("cannot read {name}"))
    }

    /// Writes a shell script that may be executed.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn script(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n"))
            .context(|| format!("cannot write {}", path.display()))?;
        set_mode(&path, 0o755)?;
        Ok(path)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn remove(&self, name: &str) -> Result<()> {
        fs::remove_file(self.path(name)).context(|| format!("cannot remove {name}"))
    }

    /// Waits until a file has a line that contains `text`, and returns it whole.
    ///
    /// # Errors
    /// When it has none within [`PATIENCE`].
    pub fn await_text(&self, name: &str, text: &str) -> Result<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = fs::read_to_string(self.path(name)).unwrap_or_default();
            if found.contains(text) {
                return Ok(found);
            }
            if Instant::now() > until {
                return Err(Error::new(format!("no '{text}' in {name}:\n{found}")));
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Sets the permissions of a file.
///
/// # Errors
/// When the file system refuses.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .context(|| format!("cannot set the mode of {}", path.display()))
}
