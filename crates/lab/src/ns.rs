//! Making and entering namespaces. All of it happens in threads of its own: a namespace belongs
//! to a thread, and the thread that enters one is never used for anything else.

use std::fs::File;
use std::os::fd::AsFd;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use crate::{Context, Error, Result};

/// A network namespace and a mount namespace, held by descriptor.
#[derive(Debug)]
pub(crate) struct Namespace {
    pub(crate) net: File,
    mnt: File,
}

impl Namespace {
    /// Makes a namespace pair with an empty `/run` and a `/sys` that shows its own interfaces.
    pub(crate) fn new() -> Result<Self> {
        on_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).context(
                || "cannot make a network namespace (root or a user namespace is needed)",
            )?;
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
                .context(|| "cannot make the mounts of a host private")?;
            mount(Some("lab"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=0755"))
                .context(|| "cannot mount a /run of its own")?;
            // Refused inside some containers; only programs that read /sys/class/net miss it.
            let _ = mount(Some("lab"), "/sys", Some("sysfs"), MsFlags::MS_RDONLY, none);
            let open = |kind: &str| {
                let path = format!("/proc/thread-self/ns/{kind}");
                File::open(&path).context(|| format!("cannot open {path}"))
            };
            Ok(Self { net: open("net")?, mnt: open("mnt")? })
        })
    }

    /// Runs `work` inside; sockets it opens and processes it starts belong there for good.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        on_thread(|| {
            // A mount namespace can only be entered by a thread with a root and cwd of its own.
            unshare(CloneFlags::CLONE_FS).context(|| "cannot unshare the root of a thread")?;
            setns(self.net.as_fd(), CloneFlags::CLONE_NEWNET)
                .context(|| "cannot enter a network namespace")?;
            setns(self.mnt.as_fd(), CloneFlags::CLONE_NEWNS)
                .context(|| "cannot enter a mount namespace")?;
            Ok(work())
        })
    }
}

/// Runs `work` on a thread of its own, and hands on its panic.
fn on_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .name("lab-host".into())
            .spawn_scoped(scope, work)
            .map_err(|e| Error::new(format!("cannot start a thread: {e}")))?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
