//! Tests that need a kernel with IPVS, and other things that the machine's own may lack.
//!
//! `cargo xtask test` and `cargo xtask guest` run them in User Mode Linux (see [`lab::guest`]).
//! Anywhere else they fail: a test that did nothing must not pass.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use lab::{Error, Host, Result};

/// A host in the guest.
///
/// # Errors
/// Outside a guest.
pub fn host(name: &str) -> Result<Host> {
    if !lab::guest::inside() {
        return Err(Error::new("this test runs in a guest: cargo xtask guest"));
    }
    Host::new(name)
}

/// The host's IPVS table as `ipvsadm` saves it.
///
/// # Errors
/// When ipvsadm fails.
pub fn table(host: &Host) -> Result<String> {
    host.output(Command::new("ipvsadm").arg("-Sn"))
}

/// The same as sorted lines.
///
/// # Errors
/// When ipvsadm fails.
pub fn saved(host: &Host) -> Result<Vec<String>> {
    let mut lines: Vec<String> =
        table(host)?.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.sort();
    Ok(lines)
}

/// The lines of a text that hold something, without blanks at their ends.
pub fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Makes two tests of a case, `ours::NAME` and `reference::NAME`.
#[macro_export]
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod ours {
            $(#[test] fn $case() -> lab::Result<()> { super::$case(&lab::Subject::ours()?) })+
        }
        mod reference {
            $(#[test] fn $case() -> lab::Result<()> {
                super::$case(&lab::Subject::reference().expect("the reference is installed"))
            })+
        }
    };
}

/// Waits until the host's table is as wanted (sorted lines).
///
/// # Errors
/// When it is not within [`lab::PATIENCE`]; says how it differs.
pub fn await_table(host: &Host, wanted: &[String]) -> Result<()> {
    let until = Instant::now() + lab::PATIENCE;
    loop {
        let found = saved(host)?;
        if found == wanted {
            return Ok(());
        }
        if Instant::now() > until {
            let more: Vec<_> = found.iter().filter(|line| !wanted.contains(line)).collect();
            let less: Vec<_> = wanted.iter().filter(|line| !found.contains(line)).collect();
            return Err(Error::new(format!("not wanted: {more:#?}\nmissing: {less:#?}")));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Lines as a sorted table.
pub fn wanted<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> Vec<String> {
    let mut lines: Vec<String> = lines.into_iter().map(|line| line.as_ref().to_owned()).collect();
    lines.sort();
    lines
}

/// Runs `ipvsadm` in the host with the words of `line`.
///
/// # Errors
/// When it fails.
pub fn ipvsadm(host: &Host, line: &str) -> Result<String> {
    host.output(Command::new("ipvsadm").args(line.split(' ')))
}
