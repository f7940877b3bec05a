//! The state of the role as text: `keepalived_check.data`, for humans and grep.
//!
//! What scripts are called is core's knowledge, and not shown here.

mod checkers;
mod servers;
mod tracks;

use check_proto::node::Node;
use core::fmt::Write;
use core::net::SocketAddr;
use ipc::msg::checker::CheckerSetup;
use model::lvs::{CheckKind, Ssl};
use types::Mono;

/// What the dump file holds.
pub(crate) fn text(node: &Node, setup: &CheckerSetup) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = ssl(&mut out, node, setup.lvs.ssl.as_ref());
    let _ = servers::write(&mut out, node, &setup.tracks);
    let _ = checkers::write(&mut out, node, &setup.tracks);
    let _ = tracks::write(&mut out, node, setup);
    out
}

fn ssl(out: &mut String, node: &Node, ssl: Option<&Ssl>) -> core::fmt::Result {
    let used = || node.checkers().any(|c| matches!(c.kind, CheckKind::Http(http) if http.tls));
    if ssl.is_none() && !used() {
        return Ok(());
    }
    writeln!(out, "------< SSL definitions >------")?;
    let Some(ssl) = ssl else { return writeln!(out, " Using autogen SSL context") };
    if ssl.password.is_some() {
        writeln!(out, " Password : ********")?;
    }
    let files =
        [("CA-file", &ssl.ca), ("Certificate file", &ssl.certificate), ("Key file", &ssl.key)];
    for (what, file) in files {
        if let Some(file) = file {
            writeln!(out, " {what} : {file}")?;
        }
    }
    Ok(())
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn set(is: bool) -> &'static str {
    if is { "set" } else { "unset" }
}

/// `[ADDRESS]:PORT`.
fn endpoint(at: SocketAddr) -> String {
    format!("[{}]:{}", at.ip(), at.port())
}

/// When `at` was on the wall clock as it reads now, as `SECONDS.MICROSECONDS`.
fn stamp(at: Mono) -> String {
    let wall = rt::clock::wall().saturating_sub(rt::clock::now().saturating_since(at));
    format!("{}.{:06}", wall.as_secs(), wall.subsec_micros())
}
