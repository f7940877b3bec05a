//! `cargo xtask ci`: what a change must pass.

use crate::run::{Outcome, cargo, root, run};

/// Format, lints, documentation, walls, fuzz targets, then the tests as everybody runs them.
pub fn main() -> Outcome {
    run(cargo().args(["fmt", "--all", "--", "--check"]))?;
    let strict = ["--", "--deny", "warnings"];
    run(cargo().args(["clippy", "--workspace", "--all-targets"]).args(strict))?;
    let doc = ["doc", "--workspace", "--no-deps"];
    run(cargo().args(doc).env("RUSTDOCFLAGS", "--deny warnings"))?;
    crate::walls::main()?;
    let fuzz = root().join("crates/fuzz/Cargo.toml");
    if fuzz.exists() {
        // Outside the workspace, since it needs a fuzzing engine to run; it must compile.
        run(cargo().args(["check", "--manifest-path"]).arg(fuzz))?;
    }
    run(cargo().args(["xtask", "test"]))
}
