//! `cargo xtask guest`: the tests that need a kernel with IPVS, in User Mode Linux.
//!
//! Each file of `crates/guest-tests/tests` is one program and gets one boot, so that a kernel
//! that panics costs the tests of one file.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Stdio;

use lab::guest::{Guest, Job};
use serde_json::Value;

use crate::packages::{self, FOR_GUESTS, FOR_TESTS};
use crate::run::{Outcome, cargo, root, run};

/// The package whose tests run in a guest.
pub const PACKAGE: &str = "ka-guest-tests";
/// Tests of a file that run side by side: they wait more than they work.
const THREADS: &str = "4";

/// Runs tests, or a command, in a guest.
pub fn main(args: Vec<OsString>) -> Outcome {
    if args.first().is_some_and(|first| first == "--") {
        packages::ensure(FOR_GUESTS)?;
        let job = Job::new(args.into_iter().skip(1), &std::env::current_dir()?);
        return match boot(&job)? {
            0 => Ok(()),
            status => Err(format!("the command ended with {status}").into()),
        };
    }
    let (file, filters) = match args.split_first() {
        Some((first, rest)) if first == "--test" => {
            let (name, rest) = rest.split_first().ok_or("--test wants a name")?;
            (Some(name.to_string_lossy().into_owned()), rest.to_vec())
        }
        _ => (None, args),
    };
    packages::ensure(FOR_TESTS)?;
    run(cargo().args(["build", "--workspace", "--bins"]))?;
    run_tests(file.as_deref(), &filters)
}

/// Builds the tests and runs those of one file, or of all, each file in a guest of its own.
pub fn run_tests(file: Option<&str>, filters: &[OsString]) -> Outcome {
    let programs: Vec<Program> =
        programs()?.into_iter().filter(|p| file.is_none_or(|name| p.name == name)).collect();
    if programs.is_empty() {
        return Err(format!("{PACKAGE} has no test file {}", file.unwrap_or_default()).into());
    }
    let mut failed = Vec::new();
    for program in programs {
        println!("\n     Running {} in a guest", program.name);
        let job = Job::new(words(program.path, filters), &root());
        match boot(&job) {
            Ok(0) => {}
            Ok(status) => failed.push(format!("{} ended with {status}", program.name)),
            Err(e) => failed.push(format!("{}: {e}", program.name)),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ").into()) }
}

/// A test program's command line. Its console is a terminal, ours need not be.
fn words(program: PathBuf, filters: &[OsString]) -> Vec<OsString> {
    let color = if std::io::stdout().is_terminal() { "always" } else { "never" };
    let mut words = vec![program.into_os_string()];
    words.extend(["--test-threads", THREADS, "--color", color].map(OsString::from));
    words.extend(filters.iter().cloned());
    words
}

fn boot(job: &Job) -> Outcome<i32> {
    let guest = Guest::prepare(&root().join("target/guest"))?;
    Ok(guest.run(job, |line| println!("{line}"))?)
}

struct Program {
    name: String,
    path: PathBuf,
}

/// Builds the package's test programs and finds where they are.
fn programs() -> Outcome<Vec<Program>> {
    let mut command = cargo();
    command
        .args(["test", "--package", PACKAGE, "--tests", "--no-run", "--quiet"])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let output = command.output().map_err(|e| format!("cannot run cargo: {e}"))?;
    if !output.status.success() {
        return Err(format!("{PACKAGE} does not build").into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs: Vec<Program> = messages.filter_map(|message| program(&message)).collect();
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

fn program(message: &Value) -> Option<Program> {
    let target = message.get("target")?;
    if target.get("kind")?.get(0)? != "test" {
        return None;
    }
    let name = target.get("name")?.as_str()?.to_owned();
    let path = message.get("executable")?.as_str()?.into();
    Some(Program { name, path })
}
