//! `cargo xtask test`: every test of the workspace.

use std::ffi::OsString;

use crate::packages::{self, FOR_TESTS};
use crate::run::{Outcome, cargo, has_program, root, run};

/// Tells tests that what they compare with is installed: they fail where they would skip.
const COMPLETE: &str = "LAB_COMPLETE";
/// Packages whose tests make network namespaces.
const NEED_ROOT: [&str; 2] = ["ka-lab", "ka-conformance"];

/// Runs all tests; further arguments go to the test runner, and leave the guest out.
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
    let here = here(args, nextest, root_user);
    if !args.is_empty() {
        return here;
    }
    // Both are run, whatever the first comes to.
    match (here, crate::guest::run_tests(None, &[])) {
        (Err(here), Err(guest)) => Err(format!("{here}; and in the guest: {guest}").into()),
        (here, guest) => here.and(guest),
    }
}

/// The tests that this machine's kernel suffices for.
fn here(args: &[OsString], nextest: bool, root_user: bool) -> Outcome {
    let mut command = cargo();
    if nextest {
        let config = root().join("crates/xtask/nextest.toml");
        command.args(["nextest", "run", "--workspace", "--config-file"]).arg(config);
    } else {
        command.args(["test", "--workspace"]);
    }
    command.args(["--exclude", crate::guest::PACKAGE]);
    if !root_user {
        println!("without root the tests that make hosts are left out: {}", NEED_ROOT.join(", "));
        command.args(NEED_ROOT.iter().flat_map(|name| ["--exclude", name]));
    }
    run(command.args(args).env(COMPLETE, "1"))
}
