//! The guest's process and its console.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::boot::Boot;
use super::{Job, KERNEL};
use crate::{Context, Error, Result, procs};

/// How long a guest may take to switch itself off.
const OFF: Duration = Duration::from_secs(5);

/// A running guest; it is ended on drop.
pub(super) struct Console {
    child: Child,
    lines: Receiver<String>,
}

impl Console {
    /// Boots.
    pub fn start(boot: &Boot, job: &Job) -> Result<Self> {
        let mut command = Command::new(KERNEL);
        command
            .args(["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet"])
            .args(["con=null", "con0=fd:0,fd:1"])
            .arg(format!("mem={}M", job.memory))
            .arg(format!("uml_dir={}/", boot.folder().display()))
            .arg(format!("init={}", boot.init().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().context(|| format!("cannot start {KERNEL}"))?;
        let output = child.stdout.take().ok_or_else(|| Error::new("the guest has no console"))?;
        Ok(Self { child, lines: follow(output) })
    }

    /// The next line; `None` when the guest has ended or `until` has passed.
    pub fn next(&mut self, until: Instant) -> Option<String> {
        self.lines.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
    }

    /// Waits until the guest has switched itself off.
    pub fn await_off(&mut self) {
        let until = Instant::now() + OFF;
        while self.next(until).is_some() {}
    }
}

impl Drop for Console {
    /// The processes of a guest are descendants of its kernel.
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let kernel = self.child.id().cast_signed();
            for pid in procs::descendants(kernel) {
                let _ = procs::signal(pid, Signal::SIGKILL);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn follow(output: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(|line| line.ok()) {
            let text = String::from_utf8_lossy(&line);
            if sender.send(text.trim_end_matches('\r').to_string()).is_err() {
                return;
            }
        }
    });
    lines
}
