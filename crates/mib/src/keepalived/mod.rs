//! KEEPALIVED-MIB, enterprises.9586.100.5.

pub mod check;
mod global;
mod vrrp;

use crate::table::Module;

/// Its root.
pub const ROOT: [u32; 9] = [1, 3, 6, 1, 4, 1, 9586, 100, 5];

/// The global branch.
pub static GLOBAL: Module =
    Module { root: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 1], tables: &[global::TABLES] };
/// The vrrp branch.
pub static VRRP: Module = Module {
    root: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 2],
    tables: &[
        vrrp::groups::TABLES,
        vrrp::instances::TABLES,
        vrrp::addresses::TABLES,
        vrrp::routes::TABLES,
        vrrp::rules::TABLES,
        vrrp::tracks::TABLES,
    ],
};
/// The check branch.
pub static CHECK: Module =
    Module { root: &[1, 3, 6, 1, 4, 1, 9586, 100, 5, 3], tables: &[check::TABLES] };
