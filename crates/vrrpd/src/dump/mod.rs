//! Text of the dump files that signals ask for.

mod data;
mod fib;
mod json;
mod line;
mod stats;

use core::time::Duration;
use ipc::msg::Dump;
use model::Global;
use types::Mono;
use vrrp_proto::Node;

/// The text of a dump, zeroing the counters where that was asked for.
pub fn text(kind: Dump, node: &mut Node, global: &Global) -> String {
    match kind {
        Dump::Stats => stats::text(node),
        Dump::StatsClear => {
            let text = stats::text(node);
            node.clear_counters();
            text
        }
        Dump::Data => data::text(node),
        Dump::Json => json::text(node, global),
    }
}

/// When `at` was, on the wall clock as it reads now.
fn wall_of(at: Mono) -> Duration {
    rt::clock::wall().saturating_sub(rt::clock::now().saturating_since(at))
}

/// When `at` was, as `SECONDS.MICROSECONDS`.
fn stamp(at: Mono) -> String {
    let wall = wall_of(at);
    format!("{}.{:06}", wall.as_secs(), wall.subsec_micros())
}
