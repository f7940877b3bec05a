//! The state of the role as text.

use crate::pools::Pools;
use ipc::msg::checker::CheckerSetup;

/// What the dump file holds.
pub(crate) fn text(pools: &Pools, _: &CheckerSetup) -> String {
    format!("------< LVS Topology >------\n Virtual servers = {}\n", pools.len())
}
