//! Entering a network namespace, with a mount namespace of its own in which
//! the pid directory is the namespace's.

use crate::paths::PID_DIR;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// Where named namespaces are (ip-netns(8)).
const NETNS_DIR: &str = "/run/netns";

/// The directory that was made and bound for a namespace.
#[derive(Debug)]
pub struct PidDirectory {
    /// Outside name: `/run/keepalived/NAME`.
    dir: PathBuf,
}

/// Enters the network namespace `name`.
///
/// # Errors
/// What failed, in the reference's words.
pub fn enter(name: &str) -> Result<(), String> {
    let path = format!("{NETNS_DIR}/{name}");
    let file = File::open(&path).map_err(|_| format!("Failed to open {path}"))?;
    setns(&file, CloneFlags::CLONE_NEWNET)
        .map_err(|e| format!("setns() failed with error {}", e as i32))
}

/// Makes `/run/keepalived/NAME` and shows it to this process and its children
/// as `/run/keepalived`, so that daemons of several namespaces do not meet.
///
/// # Errors
/// What failed.
pub fn bind_pid_directory(name: &str) -> Result<PidDirectory, String> {
    let dir = PathBuf::from(format!("{PID_DIR}/{name}"));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(&dir)
        .map_err(|e| format!("cannot create {}: {e}", dir.display()))?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(|e| format!("cannot unshare mounts: {e}"))?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)
        .map_err(|e| format!("cannot make mounts private: {e}"))?;
    mount(Some(&dir), PID_DIR, none, MsFlags::MS_BIND, none)
        .map_err(|e| format!("cannot bind {}: {e}", dir.display()))?;
    Ok(PidDirectory { dir })
}

impl Drop for PidDirectory {
    fn drop(&mut self) {
        // Lazily, as a script may still be inside; what is left then is an
        // empty directory.
        let _ = umount2(PID_DIR, MntFlags::MNT_DETACH);
        let _ = std::fs::remove_dir(&self.dir);
        let _ = std::fs::remove_dir(PID_DIR);
    }
}
