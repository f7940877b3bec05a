//! `cargo xtask fuzz`: a fuzz target on the stable toolchain.
//!
//! `cargo fuzz` does more (sanitizers, minimising) and needs a nightly toolchain for it. What finds
//! bugs in safe code is coverage, and its instrumentation is a pass that every toolchain has.

use std::ffi::OsString;
use std::fs;
use std::process::Command;

use crate::run::{Outcome, cargo, root, run};

/// Coverage for libFuzzer, with the assertions of a debug build.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
     -Ccodegen-units=1 -Cdebug-assertions --cfg fuzzing";

/// Builds a target and runs it for a while; fails when it finds something.
pub fn main(args: Vec<OsString>) -> Outcome {
    use lexopt::prelude::*;
    let (mut target, mut seconds) = (None, 60u32);
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            Long("seconds") => seconds = parser.value()?.parse()?,
            Value(word) if target.is_none() => target = Some(word.string()?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let target = target.ok_or("which target? They are in crates/fuzz/fuzz_targets")?;
    let triple = host_triple()?;
    let folder = root().join("crates/fuzz");
    let built = folder.join("target");
    let mut build = cargo();
    build.args(["build", "--release", "--bin", &target, "--target", &triple, "--manifest-path"]);
    build.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(&built).env("RUSTFLAGS", FLAGS);
    run(&mut build)?;
    let corpus = folder.join("corpus").join(&target);
    let found = folder.join("artifacts").join(&target);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&found)?;
    let mut fuzz = Command::new(built.join(&triple).join("release").join(&target));
    fuzz.arg(&corpus);
    fuzz.arg(format!("-max_total_time={seconds}"));
    fuzz.arg(format!("-artifact_prefix={}/", found.display()));
    run(&mut fuzz)
}

/// The platform that this machine builds for, e.g. `x86_64-unknown-linux-gnu`.
fn host_triple() -> Outcome<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let triple = text.lines().find_map(|line| line.strip_prefix("host: "));
    triple.map(str::to_string).ok_or_else(|| "rustc does not tell its host".into())
}
