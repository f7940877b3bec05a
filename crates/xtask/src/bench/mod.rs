//! `cargo xtask bench`: our program and Debian's keepalived, measured in one run.
//!
//! Ratios hold, absolute times are the machine's. Both are started without syslog (a slow console
//! behind it stops the reference) and with pid files of their own.

mod checks;
mod failover;
mod lan;
mod lvs;
mod many;
mod measured;
mod parse;
mod scale;
mod stats;
mod steady;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use lab::Subject;
use lab::guest::{self, Guest, Job};
use serde_json::{Value, json};

use crate::packages::{self, FOR_BENCHES};
use crate::run::{Outcome, cargo, root, run};

/// Before the figures, in the last line that a guest prints.
const FIGURES: &str = "figures: ";

const HELP: &str = "\
Usage: cargo xtask bench WHAT [OPTION...]

  checks     thousands of servers with TCP_CHECK: rate, spread, verdicts, memory
  failover   one instance: silence of the master to first advert, address, announcement; then many
             instances until the last address stands
  parse      check of large configurations: time and memory
  lvs        IPVS tables of 1,000 x 10 and 5,000 x 20 servers, in a guest: programming, reload
             without and with a change, stop
  scale      up to 1,000 instances of 20 addresses: start, take-over beside ip -batch, reload
             without and with a change, stop
  steady     a master of many instances: processor time and system calls for each advert;
             start and stop

  --n N               repetitions (default 10)
  --instances LIST    e.g. 1,50,255,1000; of servers for checks
  --guest             checks: both programs in a guest, which has IPVS
  --binary PATH       measure this program in place of ours
  --only-ours         leave the reference out
  --only-reference    leave ours out
  --json FILE         write the figures to a file as well
";

/// A program to be measured, with the name for it in tables.
pub struct Candidate {
    /// `ours` or `reference`.
    pub name: &'static str,
    /// The program.
    pub subject: Subject,
}

/// What was asked for.
pub struct Options {
    /// Repetitions.
    pub n: usize,
    /// Numbers of instances; the benchmark's own when empty.
    pub instances: Vec<usize>,
    /// In a guest.
    pub guest: bool,
    binary: Option<PathBuf>,
    ours: bool,
    reference: bool,
    json: Option<PathBuf>,
}

/// Runs a benchmark.
pub fn main(args: Vec<OsString>) -> Outcome {
    let Some((what, options)) = read(args)? else {
        print!("{HELP}");
        return Ok(());
    };
    if options.reference {
        packages::ensure(FOR_BENCHES)?;
    }
    let candidates = candidates(&options)?;
    let figures = match what.as_str() {
        "checks" => checks::run(&candidates, &options)?,
        "failover" => {
            let one = failover::run(&candidates, &options)?;
            json!({"one": one, "many": many::run(&candidates, &options)?})
        }
        "lvs" => lvs::run(&candidates, &options)?,
        "parse" => parse::run(&candidates, &options)?,
        "scale" => scale::run(&candidates, &options)?,
        "steady" => steady::run(&candidates, &options)?,
        _ => return Err(format!("there is no benchmark '{what}'\n\n{HELP}").into()),
    };
    if guest::inside() {
        println!("{FIGURES}{figures}");
    }
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&json!({ (what): figures }))?;
        fs::write(path, text + "\n").map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

pub use measured::TASK as CHILD;

/// Runs a command and prints what it took, for [`measured`], which starts this task anew so that
/// the kernel's accounts of ended children hold that command alone.
pub fn child(args: &[OsString]) -> Outcome {
    measured::child(args)
}

fn read(args: Vec<OsString>) -> Outcome<Option<(String, Options)>> {
    use lexopt::prelude::*;
    let mut what = None;
    let mut options = Options {
        n: 10,
        instances: Vec::new(),
        guest: false,
        binary: None,
        ours: true,
        reference: true,
        json: None,
    };
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("n") => options.n = parser.value()?.parse::<usize>()?.max(1),
            Long("instances") => options.instances = list(&parser.value()?.string()?)?,
            Long("guest") => options.guest = true,
            Long("binary") => options.binary = Some(parser.value()?.into()),
            Long("only-ours") => options.reference = false,
            Long("only-reference") => options.ours = false,
            Long("json") => options.json = Some(parser.value()?.into()),
            Value(word) if what.is_none() => what = Some(word.string()?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    Ok(what.map(|what| (what, options)))
}

fn list(text: &str) -> Outcome<Vec<usize>> {
    text.split(',').map(|word| Ok(word.trim().parse::<usize>()?)).collect()
}

fn candidates(options: &Options) -> Outcome<Vec<Candidate>> {
    let mut candidates = Vec::new();
    if options.ours {
        let subject = match &options.binary {
            Some(path) => Subject::at(path)?,
            None => release()?,
        };
        candidates.push(Candidate { name: "ours", subject });
    }
    if options.reference {
        let subject = Subject::reference().ok_or("Debian's keepalived is not installed")?;
        candidates.push(Candidate { name: "reference", subject });
    }
    for candidate in &candidates {
        let program = candidate.subject.program().display();
        println!("{}: {program}: {}", candidate.name, candidate.subject.version()?);
    }
    Ok(candidates)
}

/// Builds our program as it is installed.
fn release() -> Outcome<Subject> {
    run(cargo().args(["build", "--release", "--package", "keepalived"]))?;
    let here = std::env::current_exe()?;
    let target = here.ancestors().nth(2).ok_or("this task has no target folder")?;
    Ok(Subject::at(target.join("release/keepalived"))?)
}

/// Runs a benchmark in a guest, whose kernel has IPVS, and returns its figures.
pub fn in_guest(what: &str, candidates: &[Candidate], options: &Options) -> Outcome<Value> {
    let exe = std::env::current_exe()?;
    let mut words = vec![exe.into_os_string(), "bench".into(), what.into(), "--n".into()];
    words.push(options.n.to_string().into());
    if !options.instances.is_empty() {
        let counts: Vec<String> = options.instances.iter().map(usize::to_string).collect();
        words.extend(["--instances".into(), counts.join(",").into()]);
    }
    match candidates.iter().find(|c| c.name == "ours") {
        Some(ours) => words.extend(["--binary".into(), ours.subject.program().into()]),
        None => words.push("--only-reference".into()),
    }
    if candidates.iter().all(|c| c.name == "ours") {
        words.push("--only-ours".into());
    }
    let mut job = Job::new(words, &root());
    (job.limit, job.memory) = (Duration::from_mins(60), 3072);
    let mut figures = Value::Null;
    let status = Guest::prepare(&root().join("target/guest"))?.run(&job, |line| {
        match line.strip_prefix(FIGURES) {
            Some(text) => figures = serde_json::from_str(text).unwrap_or_default(),
            None => println!("{line}"),
        }
    })?;
    if status == 0 { Ok(figures) } else { Err(format!("the benchmark ended with {status}").into()) }
}

/// Figures of all candidates, by name.
pub fn by_name(rows: Vec<(&'static str, Value)>) -> Value {
    rows.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}
