//! A command run to its end, with the time and memory that it took.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

use crate::run::Outcome;

/// The hidden task that [`child`] is.
pub const TASK: &str = "bench-child";

/// What a command took.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Wall time in milliseconds.
    pub ms: f64,
    /// Largest resident set in MiB. Not below that of the small process that starts it.
    pub mib: f64,
    /// Exit status; -1 for a signal.
    pub status: i32,
}

/// Runs a command in a measuring process of its own.
pub fn run(program: &Path, args: &[&str]) -> Outcome<Measured> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(TASK).arg(program).args(args).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || words.next().ok_or("the measuring process said nothing");
    Ok(Measured { ms: next()??, mib: next()??, status: next()?? as i32 })
}

/// Runs a command silently and prints milliseconds, MiB and exit status.
pub fn child(args: &[OsString]) -> Outcome {
    let (program, args) = args.split_first().ok_or("no program")?;
    let began = Instant::now();
    let status =
        Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let ms = began.elapsed().as_secs_f64() * 1e3;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    println!("{ms} {} {}", usage.max_rss() as f64 / 1024.0, status.code().unwrap_or(-1));
    Ok(())
}
