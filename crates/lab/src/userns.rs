//! Root without root: an unprivileged user namespace in which the lab's hosts can be made.

use std::fs;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use crate::{Context, Result};

/// Whether the process already has what the lab needs.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Enters a user namespace in which the caller is root. Must be called before the process starts
/// its first thread; does nothing for root.
///
/// # Errors
/// When the kernel forbids unprivileged user namespaces.
pub fn enter() -> Result<()> {
    if is_root() {
        return Ok(());
    }
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
        .context(|| "cannot make a user namespace (run as root, or allow them on this kernel)")?;
    for (file, text) in [
        ("setgroups", "deny".to_string()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ] {
        let path = format!("/proc/self/{file}");
        fs::write(&path, text).context(|| format!("cannot write {path}"))?;
    }
    Ok(())
}
