//! Routes and rules of a host, as ip(8) shows them.

use std::process::Command;
use std::time::{Duration, Instant};

use lab::{Error, Host, PATIENCE, Result};

pub use crate::news::News as FibNews;

/// Lines of `ip` with these arguments, in details, one object a line.
///
/// # Errors
/// When it fails.
pub fn ip(host: &Host, arguments: &str) -> Result<Vec<String>> {
    let mut command = Command::new("/sbin/ip");
    command.args(["-o", "-d"]).args(arguments.split_whitespace());
    let shown = host.output(&mut command)?;
    Ok(shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
}

/// All routes and rules of both families that are not the kernel's own.
///
/// # Errors
/// When the kernel cannot be asked.
pub fn all(host: &Host) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for family in ["-4", "-6"] {
        let routes = ip(host, &format!("{family} route show table all"))?;
        found.extend(routes.into_iter().filter(|line| !line.contains("proto kernel")));
        let rules = ip(host, &format!("{family} rule show"))?;
        let ours = |line: &String| !line.contains("proto kernel");
        found.extend(rules.into_iter().filter(ours).map(|line| format!("{family} rule {line}")));
    }
    Ok(found)
}

/// Waits until some line holds `text`, or none does any more.
///
/// # Errors
/// When that does not come to be within [`PATIENCE`].
pub fn await_fib(host: &Host, text: &str, there: bool) -> Result<()> {
    let what = if there { "" } else { " still" };
    await_that(host, |lines| lines.iter().any(|line| line.contains(text)) == there)
        .map_err(|e| Error::new(format!("'{text}'{what}: {e}")))
}

/// Waits until `holds` of [`all`].
///
/// # Errors
/// When that does not come to be within [`PATIENCE`].
pub fn await_that(host: &Host, holds: impl Fn(&[String]) -> bool) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let lines = all(host)?;
        if holds(&lines) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Error::new(format!("routes and rules are\n{}", lines.join("\n"))));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
