//! Runs the commands of the configuration.
//!
//! Owns the running processes, their timeouts and the way they are ended:
//! SIGTERM to the process group, SIGKILL after two seconds. Only commands of
//! the model are run, as the user that it names. Never looks at what a script
//! was for: that is the tag's business.

use crate::failures::Failures;
use crate::{script_user, unexecutable};
use log::{error, info, warn};
use model::Script;
use nix::libc;
use rt::resources::Originals;
use rt::signals;
use rt::spawn::{self, Exit};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use types::Mono;

/// Time between SIGTERM and SIGKILL of a script that timed out.
pub const TERM_GRACE: Duration = Duration::from_secs(2);

/// Time between SIGTERM and SIGKILL of scripts that a reload or stop ends.
pub const STOP_GRACE: Duration = Duration::from_secs(1);

/// More scripts than this at a time are a mistake of the configuration.
const RUNNING_MAX: usize = 4096;

/// Time between further SIGKILLs of a process that does not go.
const KILL_AGAIN: Duration = Duration::from_secs(10);

/// How far the ending of a script has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It runs within its time.
    Running,
    /// SIGTERM was sent.
    Terminated,
    /// SIGKILL was sent.
    Killed,
}

#[derive(Debug)]
struct Process<T> {
    tag: T,
    stage: Stage,
    /// When the next stage begins.
    due: Option<Mono>,
    timed_out: bool,
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Status or signal.
    pub exit: Exit,
    /// It was ended because its time was over.
    pub timed_out: bool,
    /// It was told to end by [`Runner::end`].
    pub told: bool,
}

/// The running scripts, each with the tag of its purpose.
#[derive(Debug)]
pub struct Runner<T> {
    processes: HashMap<i32, Process<T>>,
    deadlines: BTreeSet<(Mono, i32)>,
    limits: Originals,
    failures: Failures,
    /// `use_symlink_paths`.
    pub keep_symlinks: bool,
    /// `enable_script_security`: what others can change is not run.
    pub secure_only: bool,
}

impl<T: Clone + PartialEq> Runner<T> {
    /// Nothing runs; scripts will have these limits.
    pub fn new(limits: Originals) -> Self {
        Runner {
            processes: HashMap::new(),
            deadlines: BTreeSet::new(),
            limits,
            failures: Failures::default(),
            keep_symlinks: false,
            secure_only: false,
        }
    }

    /// Starts `script` with `more` arguments after its own. With a `timeout`
    /// it is ended when that is over.
    ///
    /// # Errors
    /// When it cannot be started; the reason was logged.
    pub fn start(
        &mut self,
        now: Mono,
        script: &Script,
        more: &[String],
        timeout: Option<Duration>,
        tag: T,
    ) -> std::io::Result<i32> {
        let pid = self.spawn(script, more).inspect_err(|e| {
            let (path, why) = (&script.path, reason(script, e));
            error!(target: rt::log_sink::ALERT, "Error exec-ing command '{path}': {why}");
        })?;
        self.attend(now, pid, timeout, tag);
        Ok(pid)
    }

    /// Starts a script that is run again and again.
    ///
    /// # Errors
    /// When it cannot be started. The reason was logged when it is another one
    /// than the last time.
    pub fn start_again(
        &mut self,
        now: Mono,
        script: &Script,
        timeout: Duration,
        tag: T,
    ) -> std::io::Result<i32> {
        let pid = self.spawn(script, &[]).inspect_err(|e| {
            if let Some(line) = self.failures.failed(script, &reason(script, e)) {
                error!(target: rt::log_sink::ALERT, "{line}");
            }
        })?;
        if let Some(line) = self.failures.works(script) {
            info!("{line}");
        }
        self.attend(now, pid, Some(timeout), tag);
        Ok(pid)
    }

    /// The configuration is another one: what cannot be executed is told anew.
    pub fn tell_failures_anew(&mut self) {
        self.failures.forget().iter().for_each(|line| info!("{line}"));
    }

    fn attend(&mut self, now: Mono, pid: i32, timeout: Option<Duration>, tag: T) {
        let due = timeout.map(|t| now + t);
        self.deadlines.extend(due.map(|at| (at, pid)));
        let process = Process { tag, stage: Stage::Running, due, timed_out: false };
        self.processes.insert(pid, process);
    }

    fn spawn(&self, script: &Script, more: &[String]) -> std::io::Result<i32> {
        if self.processes.len() >= RUNNING_MAX {
            let what = format!("{RUNNING_MAX} scripts run already");
            return Err(std::io::Error::new(std::io::ErrorKind::WouldBlock, what));
        }
        if self.secure_only && script.insecure {
            return Err(std::io::Error::other("it is not secure, see the message at load"));
        }
        let configured = PathBuf::from(&script.path);
        let path = if self.keep_symlinks {
            configured
        } else {
            // A path that does not resolve fails at execution, with its reason.
            std::fs::canonicalize(&configured).unwrap_or(configured)
        };
        let user = script.user.as_ref().map(script_user::resolve).transpose()?;
        let words = std::iter::once(&script.path).chain(&script.args).chain(more);
        if script.open_test {
            // The shell opens it as the script's user; the name is an
            // argument, so nothing of it is interpreted.
            let argv = ["sh", "-c", ": <\"$0\"", &script.path].map(OsString::from).to_vec();
            let path = PathBuf::from("/bin/sh");
            return spawn::spawn_script(&spawn::Script {
                path,
                argv,
                user,
                env: Vec::new(),
                limits: self.limits,
            });
        }
        let mut command = spawn::Script {
            argv: words.map(OsString::from).collect(),
            path,
            user,
            env: Vec::new(),
            limits: self.limits,
        };
        match spawn::spawn_script(&command) {
            Err(e) if e.raw_os_error() == Some(libc::ENOEXEC) => {
                info!("Please add a #! shebang to script {}", script.path);
                let file = std::mem::replace(&mut command.path, PathBuf::from("/bin/sh"));
                command.argv.splice(0..1, [OsString::from("sh"), file.into()]);
                spawn::spawn_script(&command)
            }
            other => other,
        }
    }

    /// Whether any script runs.
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// Notes that process `pid` has ended; tells what it was for and how it
    /// ended when it was a script.
    pub fn ended(&mut self, pid: i32, exit: Exit) -> Option<(T, Outcome)> {
        let process = self.processes.remove(&pid)?;
        if let Some(due) = process.due {
            self.deadlines.remove(&(due, pid));
        }
        if process.timed_out {
            // What it has started and left behind is over its time as well.
            match signals::send_group(pid, signals::KILL) {
                Err(e) if e.raw_os_error() != Some(libc::ESRCH) => {
                    warn!("Cannot end what script with pid {pid} has left behind: {e}");
                }
                _ => {}
            }
        }
        let timed_out = process.timed_out;
        let told = process.stage != Stage::Running && !timed_out;
        Some((process.tag, Outcome { exit, timed_out, told }))
    }

    /// Ends the scripts whose tag fits: SIGTERM now, SIGKILL after `grace`.
    pub fn end(&mut self, now: Mono, grace: Duration, fits: impl Fn(&T) -> bool) {
        for (pid, process) in &mut self.processes {
            if fits(&process.tag) && process.stage == Stage::Running {
                signal(*pid, signals::TERM);
                process.stage = Stage::Terminated;
                rearm(&mut self.deadlines, *pid, process, now + grace);
            }
        }
    }

    /// When [`Runner::tick`] is to be called.
    pub fn deadline(&self) -> Option<Mono> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Goes on with ending what is over its time; returns the tags of those
    /// whose time has just run out.
    pub fn tick(&mut self, now: Mono) -> Vec<T> {
        let mut timed_out = Vec::new();
        while let Some((at, pid)) = self.deadlines.first().copied()
            && at <= now
        {
            self.deadlines.remove(&(at, pid));
            let Some(process) = self.processes.get_mut(&pid) else { continue };
            let next = match process.stage {
                Stage::Running => {
                    process.timed_out = true;
                    timed_out.push(process.tag.clone());
                    signal(pid, signals::TERM);
                    process.stage = Stage::Terminated;
                    TERM_GRACE
                }
                Stage::Terminated => {
                    signal(pid, signals::KILL);
                    process.stage = Stage::Killed;
                    KILL_AGAIN
                }
                Stage::Killed => {
                    warn!("Script with pid {pid} does not end, killing it again");
                    signal(pid, signals::KILL);
                    KILL_AGAIN
                }
            };
            rearm(&mut self.deadlines, pid, process, now + next);
        }
        timed_out
    }
}

/// Why a script could not be started.
fn reason(script: &Script, e: &std::io::Error) -> String {
    let user = script.user.as_ref().and_then(|u| script_user::resolve(u).ok());
    // Other failures (no process, no memory) are not the path's.
    let path = script.path.as_ref();
    match e.raw_os_error().and_then(|_| unexecutable::why(path, user.as_ref())) {
        Some(why) => format!("{e}: {why}"),
        None => e.to_string(),
    }
}

fn rearm<T>(deadlines: &mut BTreeSet<(Mono, i32)>, pid: i32, p: &mut Process<T>, at: Mono) {
    if let Some(due) = p.due.replace(at) {
        deadlines.remove(&(due, pid));
    }
    deadlines.insert((at, pid));
}

fn signal(group: i32, number: i32) {
    if let Err(e) = signals::send_group(group, number) {
        warn!("Cannot send signal {number} to process group {group}: {e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::Pid;

    fn runner() -> Runner<u8> {
        Runner::new(Originals::capture().unwrap())
    }

    fn script(path: &str, args: &[&str]) -> Script {
        Script {
            path: path.into(),
            args: args.iter().map(|a| (*a).to_owned()).collect(),
            user: None,
            open_test: false,
            insecure: false,
        }
    }

    fn end_of(pid: i32) -> Exit {
        match waitpid(Pid::from_raw(pid), None).unwrap() {
            WaitStatus::Exited(_, status) => Exit::Status(status),
            WaitStatus::Signaled(_, signal, _) => Exit::Signal(signal as i32),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_script_over_its_time_is_terminated_then_killed() {
        let mut r = runner();
        let file = std::env::temp_dir().join(format!("ka-deaf-{}", std::process::id()));
        let body = format!("trap '' TERM; echo > {}; while :; do sleep 1; done", file.display());
        let timeout = Duration::from_secs(7);
        let deaf = script("/bin/sh", &["-c", &body]);
        let pid = r.start(Mono::ZERO, &deaf, &[], Some(timeout), 9).unwrap();
        while !file.exists() {
            std::thread::yield_now();
        }
        std::fs::remove_file(&file).unwrap();
        let at = Mono::ZERO + timeout;
        assert_eq!(r.deadline(), Some(at));
        assert_eq!(r.tick(at), [9]);
        assert_eq!(r.deadline(), Some(at + TERM_GRACE));
        assert_eq!(r.tick(at + TERM_GRACE), []);
        let exit = end_of(pid);
        assert_eq!(exit, Exit::Signal(9));
        let (tag, outcome) = r.ended(pid, exit).unwrap();
        assert_eq!((tag, outcome.timed_out, outcome.told), (9, true, false));
        assert!(r.is_empty() && r.deadline().is_none());
    }

    #[test]
    fn what_a_timed_out_script_leaves_behind_is_killed() {
        let mut r = runner();
        // The child ignores SIGTERM and holds the pipe open.
        let (mut reader, writer) = std::io::pipe().unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&writer);
        let path = format!("/proc/{}/fd/{fd}", std::process::id());
        let body =
            format!("exec 9> {path}; (trap '' TERM; echo >&9; sleep 1000) & sleep 1000 9>&-");
        let timeout = Duration::from_secs(1);
        let parent = script("/bin/sh", &["-c", &body]);
        let pid = r.start(Mono::ZERO, &parent, &[], Some(timeout), 1).unwrap();
        std::io::Read::read_exact(&mut reader, &mut [0]).unwrap();
        drop(writer);
        assert_eq!(r.tick(Mono::ZERO + timeout), [1]);
        let exit = end_of(pid);
        assert_eq!(exit, Exit::Signal(15));
        r.ended(pid, exit).unwrap();
        // The end of the pipe: nobody is left.
        assert_eq!(std::io::Read::read(&mut reader, &mut [0]).unwrap(), 0);
    }

    #[test]
    fn arguments_of_the_configuration_come_first() {
        let mut r = runner();
        let test = script("/bin/sh", &["-c", "test \"$0 $1 $2\" = 'a b c'", "a"]);
        let more = ["b".to_owned(), "c".to_owned()];
        let pid = r.start(Mono::ZERO, &test, &more, None, 0).unwrap();
        assert_eq!(end_of(pid), Exit::Status(0));
    }

    #[test]
    fn an_open_test_tells_whether_the_file_can_be_opened() {
        let mut r = runner();
        let open = |path: &str| Script { open_test: true, ..script(path, &[]) };
        let pid = r.start(Mono::ZERO, &open("/proc/self/status"), &[], None, 0).unwrap();
        assert_eq!(end_of(pid), Exit::Status(0));
        let pid = r.start(Mono::ZERO, &open("/none; true"), &[], None, 0).unwrap();
        assert_ne!(end_of(pid), Exit::Status(0));
    }

    #[test]
    fn an_insecure_script_runs_only_without_script_security() {
        let mut r = runner();
        let insecure = Script { insecure: true, ..script("/bin/sh", &["-c", "exit 0"]) };
        let pid = r.start(Mono::ZERO, &insecure, &[], None, 0).unwrap();
        assert_eq!(end_of(pid), Exit::Status(0));
        r.secure_only = true;
        assert!(r.start(Mono::ZERO, &insecure, &[], None, 0).is_err());
    }

    #[test]
    fn what_cannot_be_executed_is_an_error() {
        assert!(runner().start(Mono::ZERO, &script("/nonexistent", &[]), &[], None, 0).is_err());
        assert!(runner().start(Mono::ZERO, &script("/etc/passwd", &[]), &[], None, 0).is_err());
    }
}
