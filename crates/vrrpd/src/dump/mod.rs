//! Text of the dump files that signals ask for.

mod data;
mod fib;
mod instance;
mod json;
mod line;
mod links;
mod stats;
mod tracks;
mod words;

use core::time::Duration;
use ipc::msg::Dump;
use ipc::msg::vrrp::Known;
use model::Global;
use types::Mono;
use vrrp_proto::{Node, State, Status};

/// The text of a dump, zeroing the counters where that was asked for.
pub fn text(kind: Dump, node: &mut Node, global: &Global, known: &Known) -> String {
    match kind {
        Dump::Stats => stats::text(node),
        Dump::StatsClear => {
            let text = stats::text(node);
            node.clear_counters();
            text
        }
        Dump::Data => data::text(node, known),
        Dump::Json => json::text(node, global, known),
    }
}

/// When `at` was, on the wall clock as it reads now.
fn wall_of(at: Mono) -> Duration {
    rt::clock::wall().saturating_sub(rt::clock::now().saturating_since(at))
}

/// When `at` was, as `SECONDS.MICROSECONDS (date)`; it may be yet to come.
fn stamp(at: Mono) -> String {
    let (now, wall) = (rt::clock::now(), rt::clock::wall());
    rt::clock::dated(wall.saturating_sub(now.saturating_since(at)) + at.saturating_since(now))
}

/// The state that an instance goes for.
fn wanted(s: Status<'_>) -> State {
    match s.state() {
        State::Backup if s.wants_master() => State::Master,
        state => state,
    }
}
