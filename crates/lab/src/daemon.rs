//! One running keepalived: started in a host, watched, signalled, killed, and always ended.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::Signal;

use crate::log::{Line, Log};
use crate::{Context, Error, Host, PATIENCE, Result, Stamp, Subject, procs};

/// A process of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The parent.
    Core,
    /// The child that speaks VRRP.
    Vrrp,
    /// The child that checks real servers.
    Checker,
    /// The child that speaks BFD.
    Bfd,
    /// Ours alone: the process for mail, SNMP and D-Bus.
    Monitor,
}

impl Role {
    /// The word for it in `Starting WORD child process, pid=N`.
    fn word(self) -> &'static str {
        match self {
            Self::Core => "",
            Self::Vrrp => "VRRP",
            Self::Checker => "Healthcheck",
            Self::Bfd => "BFD",
            Self::Monitor => "Monitor",
        }
    }
}

/// A running daemon. Dropping it kills it with all its processes.
#[derive(Debug)]
pub struct Daemon {
    host: Host,
    folder: Folder,
    pid: i32,
    ended: Arc<Ended>,
    /// What it logged; waits on this log go forward from line to line.
    pub log: Log,
}

#[derive(Debug, Default)]
struct Ended {
    status: Mutex<Option<(Stamp, ExitStatus)>>,
    changed: Condvar,
}

impl Daemon {
    /// Writes `config` to a folder of its own and starts `subject` with it in `host`: in the
    /// foreground, logging to a pipe with details and not to syslog, with pid files of its own.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(host: &Host, subject: &Subject, config: &str) -> Result<Self> {
        Self::start_with(host, subject, config, &[])
    }

    /// [`Daemon::start`] with further arguments.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_with(host: &Host, subject: &Subject, config: &str, more: &[&str]) -> Result<Self> {
        let folder = Folder::new()?;
        let options =
            [("-p", Role::Core), ("-r", Role::Vrrp), ("-c", Role::Checker), ("-b", Role::Bfd)];
        let files = options.map(|(option, role)| (option, folder.pid_file(role)));
        let files = files.iter().map(|(option, file)| [(*option).into(), file.into()]);
        let arguments: Vec<OsString> =
            files.flatten().chain(more.iter().map(|word| word.into())).collect();
        Self::launch(host, subject, config, folder, &arguments)
    }

    /// [`Daemon::start`] with the pid files that it chooses by itself.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_with_own_pid_files(host: &Host, subject: &Subject, config: &str) -> Result<Self> {
        Self::launch(host, subject, config, Folder::new()?, &[])
    }

    fn launch(
        host: &Host,
        subject: &Subject,
        config: &str,
        folder: Folder,
        arguments: &[OsString],
    ) -> Result<Self> {
        fs::write(folder.config(), config).context(|| "cannot write the configuration")?;
        let mut command = subject.command();
        command.args(["-n", "-l", "-D", "-G", "-f"]).arg(folder.config());
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = host.spawn(&mut command)?;
        let log = Log::default();
        if let Some(pipe) = child.stdout.take() {
            log.follow(pipe);
        }
        if let Some(pipe) = child.stderr.take() {
            log.follow(pipe);
        }
        let pid = child.id().cast_signed();
        let ended = Arc::new(Ended::default());
        await_end(child, ended.clone());
        Ok(Self { host: host.clone(), folder, pid, ended, log })
    }

    /// The parent's process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The host it runs in.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Waits for a log line; see [`Log::await_line`].
    ///
    /// # Errors
    /// When none came within [`PATIENCE`].
    pub fn await_log(&mut self, text: &str) -> Result<Line> {
        self.log.await_line(PATIENCE, text)
    }

    /// The process id of a role: the last one that the daemon said it started.
    ///
    /// # Errors
    /// When it has not said so within [`PATIENCE`].
    pub fn role_pid(&self, role: Role) -> Result<i32> {
        if role == Role::Core {
            return Ok(self.pid);
        }
        let starting = format!("Starting {} child process, pid=", role.word());
        self.log.clone().rewound().await_line(PATIENCE, &starting)?;
        let lines = self.log.lines();
        let pid = lines.iter().rev().find_map(|line| {
            let (_, rest) = line.text.split_once(&starting)?;
            rest.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()
        });
        pid.ok_or_else(|| Error::new(format!("no number after '{starting}'")))
    }

    /// Waits until the daemon has started `role` another time, after its process `old`.
    ///
    /// # Errors
    /// When it has not done so within `patience`.
    pub fn await_respawn(&self, role: Role, old: i32, patience: Duration) -> Result<i32> {
        let until = Instant::now() + patience;
        let starting = format!("Starting {} child process, pid=", role.word());
        let mut log = self.log.clone().rewound();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            log.await_line(left, &starting)?;
            let pid = self.role_pid(role)?;
            if pid != old {
                return Ok(pid);
            }
        }
    }

    /// Sends a signal to a role; returns the moment just before.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, role: Role, signal: Signal) -> Result<Stamp> {
        let pid = self.role_pid(role)?;
        if role == Role::Core && self.exit().is_some() {
            return Err(Error::new("the daemon has ended already"));
        }
        let at = Stamp::now();
        procs::signal(pid, signal)?;
        Ok(at)
    }

    /// Replaces the configuration file and asks for a reload.
    ///
    /// # Errors
    /// When the daemon is gone.
    pub fn reload(&self, config: &str) -> Result<Stamp> {
        fs::write(self.folder.config(), config).context(|| "cannot write the configuration")?;
        self.signal(Role::Core, Signal::SIGHUP)
    }

    /// Kills every process of the daemon at once with signal 9, as a power failure would; returns
    /// the moment just before.
    pub fn crash(&self) -> Stamp {
        let at = Stamp::now();
        kill_tree(self.pid, || self.exit().is_some());
        at
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// When it does not end within [`PATIENCE`].
    pub fn stop(&self) -> Result<ExitStatus> {
        if self.exit().is_none() {
            self.signal(Role::Core, Signal::SIGTERM)?;
        }
        self.await_exit(PATIENCE).map(|(_, status)| status)
    }

    /// When and how the parent ended, if it has.
    pub fn exit(&self) -> Option<(Stamp, ExitStatus)> {
        *self.ended.status.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until the parent has ended.
    ///
    /// # Errors
    /// When it does not end within `patience`.
    pub fn await_exit(&self, patience: Duration) -> Result<(Stamp, ExitStatus)> {
        let status = self.ended.status.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let waited = self.ended.changed.wait_timeout_while(status, patience, |s| s.is_none());
        let status = *waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        status
            .ok_or_else(|| Error::new(format!("process {} did not end in {patience:?}", self.pid)))
    }

    /// The folder with the configuration (`keepalived.conf`), for files of the test.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// The pid file that the daemon was told to write for a role.
    pub fn pid_file(&self, role: Role) -> PathBuf {
        self.folder.pid_file(role)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        kill_tree(self.pid, || self.exit().is_some());
        if thread::panicking() {
            eprintln!("log of the daemon in host {}:", self.host.name());
            for line in self.log.lines() {
                eprintln!("  {} {}", line.at, line.text);
            }
        }
    }
}

/// Reaps the parent on a thread of its own, so that its end is stamped when it happens.
fn await_end(mut child: Child, ended: Arc<Ended>) {
    thread::spawn(move || {
        let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
        let mut slot = ended.status.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *slot = Some((Stamp::now(), status));
        ended.changed.notify_all();
    });
}

/// Kills a process with all its descendants. The parent is stopped first, so that it respawns
/// nothing, and killed only when they are dead, so that none sees it go and leaves in order.
/// `gone` says that it was reaped, and that its number may be another's.
fn kill_tree(pid: i32, gone: impl Fn() -> bool) {
    if gone() {
        return;
    }
    // Errors mean that a process is gone already.
    let _ = procs::signal(pid, Signal::SIGSTOP);
    procs::await_state(pid, 'T');
    let descendants = procs::descendants(pid);
    for child in &descendants {
        let _ = procs::signal(*child, Signal::SIGKILL);
    }
    for child in descendants {
        procs::await_state(child, 'Z');
    }
    let _ = procs::signal(pid, Signal::SIGKILL);
}

/// A folder of its own in the system's temporary folder, removed on drop.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("keepalived-lab-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    fn config(&self) -> PathBuf {
        self.0.join("keepalived.conf")
    }

    fn pid_file(&self, role: Role) -> PathBuf {
        let name = match role {
            Role::Core => "keepalived.pid",
            Role::Vrrp => "vrrp.pid",
            Role::Checker => "checkers.pid",
            Role::Bfd => "bfd.pid",
            Role::Monitor => "monitor.pid",
        };
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
