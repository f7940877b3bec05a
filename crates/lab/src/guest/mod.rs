//! A guest: a User Mode Linux kernel that boots in seconds as an ordinary process, for the kernel
//! features that the machine's own kernel lacks.
//!
//! Its root is the machine's file system, read only, with `/run`, `/tmp` and `/dev` of its own. So
//! whatever is built here runs there at the same path, and nothing that runs there changes
//! anything here. It runs one command and ends with it. A kernel that does not boot, panics or
//! hangs is an error, and so is a command whose end was not seen.

mod boot;
mod console;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::{Context, Error, Result};
use console::Console;

/// Set inside a guest: a test that needs one demands it.
pub const ENV: &str = "LAB_GUEST";
/// The kernel, of Debian's package user-mode-linux.
pub const KERNEL: &str = "/usr/bin/linux.uml";
/// Its modules, of the same package.
const MODULES: &str = "/usr/lib/uml/modules";
/// Environment variables that a guest's command sees as they are here.
const PASSED: [&str; 5] =
    ["RUST_BACKTRACE", "LAB_COMPLETE", "PROPTEST_CASES", "KEEPALIVED_BIN", "GUEST_SEED"];

/// A kernel with its modules, ready to be booted any number of times, also side by side.
#[derive(Clone, Debug)]
pub struct Guest {
    cache: PathBuf,
}

/// What a guest is to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// Program (by absolute path or found in `PATH`) and arguments.
    pub command: Vec<std::ffi::OsString>,
    /// Folder to start in.
    pub folder: PathBuf,
    /// Longest time from boot to end.
    pub limit: Duration,
    /// Memory in megabytes; only what is touched is used of the machine's.
    pub memory: u32,
}

impl Job {
    /// A job with 1 GiB of memory and ten minutes of time.
    pub fn new(command: impl IntoIterator<Item = impl AsRef<OsStr>>, folder: &Path) -> Self {
        Self {
            command: command.into_iter().map(|word| word.as_ref().to_owned()).collect(),
            folder: folder.to_owned(),
            limit: Duration::from_mins(10),
            memory: 1024,
        }
    }
}

impl Guest {
    /// Lays out the kernel's modules in `cache`, once for each version of the kernel.
    ///
    /// # Errors
    /// When the package is not installed or the folder cannot be written.
    pub fn prepare(cache: &Path) -> Result<Self> {
        if !Path::new(KERNEL).exists() {
            return Err(Error::new(format!(
                "there is no {KERNEL}: install Debian's package user-mode-linux"
            )));
        }
        fs::create_dir_all(cache).context(|| format!("cannot make {}", cache.display()))?;
        let cache = cache.canonicalize().context(|| format!("no {}", cache.display()))?;
        let versions = fs::read_dir(MODULES).context(|| format!("cannot read {MODULES}"))?;
        for version in versions.filter_map(|entry| entry.ok()) {
            lay_modules(&cache, &version.file_name())?;
        }
        boot::write_modprobe(&cache)?;
        Ok(Self { cache })
    }

    /// Boots, runs the job and returns its exit status; each line that it prints is handed to
    /// `line` when it comes.
    ///
    /// # Errors
    /// When the kernel does not boot, or ends (or is ended, at its time limit) before the job.
    pub fn run(&self, job: &Job, mut line: impl FnMut(&str)) -> Result<i32> {
        let boot = boot::Boot::write(&self.cache, job)?;
        let mut console = Console::start(&boot, job)?;
        let until = Instant::now() + job.limit;
        let (mut early, mut begun, mut status) = (Vec::new(), false, None);
        while let Some(text) = console.next(until) {
            if text == boot.begin() {
                begun = true;
            } else if let Some((rest, end)) = text.split_once(boot.end()) {
                status = end.parse().ok();
                if !rest.is_empty() {
                    line(rest);
                }
                break;
            } else if begun {
                line(&text);
            } else {
                early.push(text);
            }
        }
        if let Some(status) = status {
            console.await_off();
            return Ok(status);
        }
        let how = if Instant::now() < until {
            "ended by itself".to_owned()
        } else {
            format!("was ended after {:?}", job.limit)
        };
        let what = if begun {
            format!("the guest {how}, before its command had ended")
        } else {
            format!("the guest did not boot; it {how}:\n{}", early.join("\n"))
        };
        Err(Error::new(what))
    }
}

/// Whether this process runs in a guest.
pub fn inside() -> bool {
    std::env::var_os(ENV).is_some()
}

/// Copies the modules of a kernel version and writes their index, unless that is done.
fn lay_modules(cache: &Path, version: &OsStr) -> Result<()> {
    let to = cache.join("lib/modules").join(version);
    if to.exists() {
        return Ok(());
    }
    // Under another name until it is complete.
    let unique = format!("laying-{}", std::process::id());
    let stage = cache.join(&unique);
    let laid = stage.join("lib/modules");
    fs::create_dir_all(&laid).context(|| format!("cannot make {}", laid.display()))?;
    let from = Path::new(MODULES).join(version);
    succeed(Command::new("cp").arg("-r").arg(from).arg(&laid))?;
    succeed(Command::new("/sbin/depmod").arg("-b").arg(&stage).arg(version))?;
    let all = cache.join("lib/modules");
    fs::create_dir_all(&all).context(|| format!("cannot make {}", all.display()))?;
    // Somebody else may have been faster, which is as good.
    let moved = fs::rename(laid.join(version), &to);
    let _ = fs::remove_dir_all(&stage);
    if to.exists() { Ok(()) } else { moved.context(|| format!("cannot make {}", to.display())) }
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().context(|| format!("cannot run {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Error::new(format!("{program} ended with {}: {said}", output.status)))
}
