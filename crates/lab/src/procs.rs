//! Processes as `/proc` shows them, and ending them.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use std::{fs, io, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Context, Result};

/// Ids of all processes that this process can see.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn all() -> io::Result<Vec<i32>> {
    let names =
        fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

/// Inode number of a process's network namespace; `None` when it is gone or out of reach.
pub fn net_namespace(pid: i32) -> Option<u64> {
    fs::metadata(format!("/proc/{pid}/ns/net")).ok().map(|meta| meta.ino())
}

/// Children of a process, of all its threads.
pub fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.flat_map(|l| l.split(' ').filter_map(|p| p.parse().ok()).collect::<Vec<_>>()).collect()
}

/// All descendants of a process, nearest first.
pub fn descendants(pid: i32) -> Vec<i32> {
    let mut found = children(pid);
    let mut at = 0;
    while at < found.len() {
        found.extend(children(found[at]));
        at += 1;
    }
    found
}

/// Whether the process exists and is not a zombie.
pub fn alive(pid: i32) -> bool {
    status(pid).is_ok_and(|status| !status.get("State").is_some_and(|s| s.starts_with(['Z', 'X'])))
}

/// Waits until a process is in a state (`T` stopped, `Z` a zombie) or gone. A signal takes its time
/// on a busy machine.
pub fn await_state(pid: i32, state: char) {
    let until = std::time::Instant::now() + Duration::from_secs(5);
    while let Ok(status) = status(pid)
        && !status.get("State").is_some_and(|s| s.starts_with([state, 'Z', 'X']))
        && std::time::Instant::now() < until
    {
        thread::yield_now();
    }
}

/// `/proc/PID/status` by field.
///
/// # Errors
/// When the process is gone.
pub fn status(pid: i32) -> Result<BTreeMap<String, String>> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).context(|| format!("cannot read {path}"))?;
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    Ok(fields.map(|(key, value)| (key.into(), value.trim().into())).collect())
}

/// Sends a signal to a process.
///
/// # Errors
/// When it is gone.
pub fn signal(pid: i32, signal: Signal) -> Result<()> {
    kill(Pid::from_raw(pid), signal).context(|| format!("cannot send {signal} to process {pid}"))
}

/// Kills what `list` finds until it finds nothing alive; a process may fork meanwhile.
pub fn kill_until_none(list: impl Fn() -> Vec<i32>) {
    for round in 0..500 {
        let found: Vec<i32> = list().into_iter().filter(|pid| alive(*pid)).collect();
        if found.is_empty() {
            return;
        }
        for pid in found {
            // It may be gone by now, which is what is wanted.
            let _ = signal(pid, Signal::SIGKILL);
        }
        if round > 0 {
            thread::sleep(Duration::from_millis(2));
        }
    }
}
