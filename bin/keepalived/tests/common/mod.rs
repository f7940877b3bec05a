//! What the tests of the daemon share.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use lab::{Daemon, Host, PATIENCE, Subject};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// The daemon's program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_keepalived");

/// A configuration without work for any role.
pub const EMPTY: &str = "global_defs {\n    router_id test\n}\n";

/// The program under test.
pub fn subject() -> Subject {
    Subject::at(PROGRAM).unwrap()
}

/// Runs the program to its end.
pub fn run(args: &[&str]) -> Output {
    subject().command().args(args).output().unwrap()
}

/// Exit status of a finished run.
pub fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// What a finished run said on standard error.
pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Starts the daemon with this configuration in the foreground of a new host.
pub fn start(config: &str, more: &[&str]) -> Daemon {
    let host = Host::new("test").unwrap();
    start_in(&host, config, more)
}

/// The same in a host that is there.
pub fn start_in(host: &Host, config: &str, more: &[&str]) -> Daemon {
    Daemon::start_with(host, &subject(), config, more).unwrap()
}

/// A process that is ended with the test.
pub struct Running(Child);

impl Running {
    /// Its process id.
    pub fn id(&self) -> i32 {
        self.0.id().cast_signed()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program in a host with these arguments, output to nowhere.
pub fn spawn(host: &Host, args: &[&str], env: &[(&str, &str)]) -> Running {
    let mut command: Command = subject().command();
    command.args(args).envs(env.iter().copied());
    spawn_command(host, command.stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Starts a command in a host.
pub fn spawn_command(host: &Host, command: &mut Command) -> Running {
    Running(host.spawn(command).unwrap())
}

/// Reads a file as the host sees it; empty while it is not there.
pub fn read_in(host: &Host, path: &str) -> String {
    host.run(|| std::fs::read_to_string(path).unwrap_or_default()).unwrap()
}

/// The process id in a pid file, as the host sees it, once it is there.
pub fn await_pid(host: &Host, path: &str) -> i32 {
    let mut pid = None;
    eventually(&format!("no pid in {path}"), || {
        pid = read_in(host, path).trim().parse().ok();
        pid.is_some()
    });
    pid.unwrap()
}

/// Waits until `done` holds; for things that give no event to wait for.
pub fn eventually(otherwise: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < until, "{otherwise}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A folder of its own, open to all users, removed on drop.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ka-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        set_mode(&path, 0o777);
        Folder(path)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// Writes a file in it and returns its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes a script in it and returns its path. `$0.out` is what it should
    /// write to.
    pub fn script(&self, name: &str, body: &str) -> String {
        let path = self.write(name, &format!("#!/bin/sh\n{body}\n"));
        set_mode(Path::new(&path), 0o755);
        path
    }

    /// Reads a file in it; empty while it is not there.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
