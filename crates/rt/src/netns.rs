//! Doing something in another network namespace: a socket stays in the one where it was opened.

use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::io;

/// Where named namespaces are (ip-netns(8)).
const NETNS_DIR: &str = "/run/netns";
/// The calling thread's own.
const OWN: &str = "/proc/thread-self/ns/net";

/// Runs `work` in the network namespace `name`, that of process 1 when it is empty, and comes back.
/// Needs SYS_ADMIN.
///
/// # Errors
/// When the namespace cannot be entered, or not be left again.
pub fn within<T>(name: &str, work: impl FnOnce() -> T) -> io::Result<T> {
    let path = match name {
        "" => "/proc/1/ns/net".to_owned(),
        name => format!("{NETNS_DIR}/{name}"),
    };
    let there = File::open(&path)
        .map_err(|e| io::Error::new(e.kind(), format!("cannot open {path}: {e}")))?;
    within_file(&there, work)
}

/// The network namespace of the calling thread, to come back to.
///
/// # Errors
/// Those of open(2).
pub fn own() -> io::Result<File> {
    File::open(OWN)
}

/// [`within`] the namespace that `there` holds open.
///
/// # Errors
/// When the namespace cannot be entered, or not be left again.
pub fn within_file<T>(there: &File, work: impl FnOnce() -> T) -> io::Result<T> {
    let home = own()?;
    setns(there, CloneFlags::CLONE_NEWNET)?;
    let done = work();
    setns(&home, CloneFlags::CLONE_NEWNET)?;
    Ok(done)
}
