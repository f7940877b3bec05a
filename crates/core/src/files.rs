//! Files that a configuration names: opened so that none can hold core up.

use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a regular file for reading. Nothing else is read: a FIFO without a writer, or a terminal,
/// would never end.
///
/// # Errors
/// Those of open(2), and `InvalidInput` when it is something else.
pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
    regular(OpenOptions::new().read(true), path.as_ref())
}

/// Opens a regular file to be written anew, or makes it.
///
/// # Errors
/// As of [`open`].
pub fn create(path: impl AsRef<Path>) -> io::Result<File> {
    regular(OpenOptions::new().write(true).create(true).truncate(true), path.as_ref())
}

fn regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    // Opening a FIFO waits for its other end otherwise, and a device may act on it.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let file = options.custom_flags(flags.bits()).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_nothing_is_waited_for() {
        let fifo = std::env::temp_dir().join(format!("ka-files-{}", std::process::id()));
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let error = open(&fifo).unwrap_err();
        assert!(create(&fifo).is_err());
        std::fs::remove_file(&fifo).unwrap();
        assert_eq!(error.to_string(), "it is no regular file");
        assert!(open("/dev/null").is_err() && open("/").is_err());
        assert!(open("/proc/self/status").is_ok());
    }
}
