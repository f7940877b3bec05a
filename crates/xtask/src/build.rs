//! Building the program that tests, demonstration and benchmarks run.

use lab::Subject;

use crate::run::{Outcome, cargo, run};

/// Builds keepalived in the profile of this task itself and returns it.
pub fn keepalived() -> Outcome<Subject> {
    let mut command = cargo();
    command.args(["build", "--package", "keepalived", "--package", "keepalived-monitor"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    run(&mut command)?;
    Ok(Subject::ours()?)
}
