//! Project tasks. `cargo xtask help` lists them.
//!
//! Owns what a developer or CI runs around the code: building and testing everything, the
//! demonstration, the benchmarks, the dependency walls. Never part of what is installed.

mod bench;
mod build;
mod ci;
mod demo;
mod fuzz;
mod guest;
mod packages;
mod run;
mod test;
mod walls;

use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask TASK [OPTION...]

  demo    build the suite and fail a virtual address over between two hosts
            --advert TIME     advert interval, e.g. 1s, 100ms, 10ms (default 1s)
            --binary PATH     demonstrate another program with keepalived's command line
          lvs     instead: balance web servers between two directors, in User Mode Linux;
                  servers and the active director die. Takes --binary PATH
  test    run all tests; installs the Debian packages they need (arguments go to the test runner)
  guest   run the tests that need a kernel with IPVS, in User Mode Linux
            --test NAME       only this file of crates/guest-tests
            FILTER...         only tests whose name holds this; more goes to the test program
            -- COMMAND...     run this in a guest instead
  fuzz    run a fuzz target of crates/fuzz: TARGET [--seconds N]
  ci      format, lints, documentation, walls, then `test`
  bench   measure beside Debian's keepalived: failover, lvs, parse, steady
  walls   check which crate uses which
";

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let task = args.next().unwrap_or_default();
    let args: Vec<_> = args.collect();
    let outcome = match task.to_str() {
        Some("demo") => demo::main(args),
        Some("bench") => bench::main(args),
        Some(bench::CHILD) => bench::child(&args),
        Some("test") => test::main(&args),
        Some("guest") => guest::main(args),
        Some("ci") => ci::main(),
        Some("fuzz") => fuzz::main(args),
        Some("walls") => walls::main(),
        Some("help" | "--help" | "-h" | "") => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("there is no task '{}'\n\n{HELP}", task.display()).into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xtask: {e}");
            ExitCode::FAILURE
        }
    }
}
