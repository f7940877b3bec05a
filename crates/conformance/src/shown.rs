//! What iproute2 and sysctls show of a host.

use std::process::Command;

use lab::{Host, Result};

/// Runs `ip` in a host; its output.
///
/// # Errors
/// When it fails.
pub fn ip(host: &Host, args: &str) -> Result<String> {
    host.output(Command::new("/sbin/ip").args(args.split(' ')))
}

/// What stands after `word` in the output of a command; empty when nothing does.
pub fn after<'t>(text: &'t str, word: &str) -> &'t str {
    let mut words = text.split_whitespace().skip_while(|w| *w != word);
    words.nth(1).unwrap_or_default()
}

/// A setting under `/proc/sys/net`; empty when there is none of that name.
///
/// # Errors
/// When the host's namespace cannot be entered.
pub fn sysctl(host: &Host, key: &str) -> Result<String> {
    let path = format!("/proc/sys/net/{key}");
    host.run(|| std::fs::read_to_string(&path).unwrap_or_default().trim().to_owned())
}
