//! `cargo xtask test`: every test of the workspace.

use std::ffi::OsString;

use crate::packages::{self, FOR_TESTS};
use crate::run::{Outcome, cargo, has_program, root, run};

/// Tells tests that what they compare with is installed: they fail where they would skip.
const COMPLETE: &str = "LAB_COMPLETE";
/// Packages whose tests make network namespaces.
const NEED_ROOT: [&str; 2] = ["ka-lab", "ka-conformance"];

/// Runs all tests; further arguments go to the test runner.
pub fn main(args: &[OsString]) -> Outcome {
    let root_user = lab::userns::is_root();
    packages::ensure(FOR_TESTS)?;
    // The end-to-end tests start the program itself.
    run(cargo().args(["build", "--workspace", "--bins"]))?;
    let nextest = has_program("cargo-nextest");
    if nextest && args.is_empty() {
        // nextest leaves the examples in the documentation out; its summary is to stand last.
        run(cargo().args(["test", "--workspace", "--doc", "--quiet"]))?;
    }
    let mut command = cargo();
    if nextest {
        let config = root().join("crates/xtask/nextest.toml");
        command.args(["nextest", "run", "--workspace", "--config-file"]).arg(config);
    } else {
        command.args(["test", "--workspace"]);
    }
    if !root_user {
        println!("without root the tests that make hosts are left out: {}", NEED_ROOT.join(", "));
        command.args(NEED_ROOT.iter().flat_map(|name| ["--exclude", name]));
    }
    run(command.args(args).env(COMPLETE, "1"))
}
