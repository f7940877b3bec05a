//! `cargo xtask demo lvs`: two directors, three web servers, a server that says sorry, and a client
//! that keeps asking while servers and the active director die.
//!
//! It needs IPVS, and so runs in User Mode Linux: what is made goes with the guest.

mod chart;
mod client;
mod events;
mod stage;
mod story;

use std::ffi::OsString;
use std::fs;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use lab::guest::{self, Guest, Job};
use lab::{Subject, userns};

use crate::packages::{self, FOR_LVS_DEMO};
use crate::run::{Outcome, root};

/// Longest time that a guest may take; it is over in a minute.
const LIMIT: Duration = Duration::from_secs(180);

/// Runs the demonstration: boots a guest, in which it runs again.
pub fn main(args: impl Iterator<Item = OsString>) -> Outcome {
    let options = Options::read(args)?;
    if guest::inside() {
        // The guest has a /tmp of its own, and a clone may lie there.
        let config = include_str!("../../../../../etc/demo/lvs.conf").to_owned();
        let subject = match &options.binary {
            Some(path) => Subject::at(path)?,
            None => Subject::ours()?,
        };
        userns::enter()?;
        return story::tell(&story::Plan { subject, config, moving: options.moving });
    }
    packages::ensure(FOR_LVS_DEMO)?;
    let subject = match &options.binary {
        Some(path) => Subject::at(fs::canonicalize(path)?)?,
        None => crate::build::keepalived()?,
    };
    let mut words: Vec<OsString> = vec![std::env::current_exe()?.into(), "demo".into()];
    words.extend(["lvs".into(), "--binary".into(), subject.program().into()]);
    if std::io::stdout().is_terminal() {
        words.push("--moving".into());
    }
    let mut job = Job::new(words, &root());
    job.limit = LIMIT;
    println!("booting a guest with IPVS ...");
    let guest = Guest::prepare(&root().join("target/guest"))?;
    match guest.run(&job, |line| println!("{line}"))? {
        0 => Ok(()),
        status => Err(format!("the demonstration ended with {status}").into()),
    }
}

struct Options {
    binary: Option<PathBuf>,
    /// Whether the guest's console is shown on a terminal.
    moving: bool,
}

impl Options {
    fn read(args: impl Iterator<Item = OsString>) -> Outcome<Self> {
        use lexopt::prelude::*;
        let mut options = Self { binary: None, moving: false };
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("binary") => options.binary = Some(parser.value()?.into()),
                Long("moving") if guest::inside() => options.moving = true,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }
}
