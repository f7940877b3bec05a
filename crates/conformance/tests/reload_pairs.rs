//! From any configuration to any other one by reload: the kernel then holds what a start with the
//! other one makes it hold, and what both have was never removed.
//!
//! `RELOAD_PAIRS=200` draws more pairs, `RELOAD_SEED=n` begins with another one.

use conformance::pairs::{Kernel, Play, check};

#[test]
fn a_reload_over_a_dead_role_is_as_good_as_a_start() {
    check(Kernel::Plain, Play::DeadRole, 6);
}

#[test]
fn a_reload_is_as_good_as_a_start_and_removes_nothing_that_stays() {
    check(Kernel::Plain, Play::Reload, 12);
}
