//! The vrrp branch, a file for each group of tables.

pub mod addresses;
pub mod groups;
mod hop;
pub mod instances;
pub mod routes;
pub mod rules;
pub mod tracks;

use agentx::Value;
use ipc::msg::snapshot::StateNow;

/// VrrpState.
pub fn state(v: StateNow) -> Value {
    Value::Integer(match v {
        StateNow::Init => 0,
        StateNow::Backup => 1,
        StateNow::Master => 2,
        StateNow::Fault => 3,
    })
}
