//! Reloads from one drawn configuration to another on a kernel that has ipvlan and VRFs, and that
//! renames no interface that is up. See the test of the same name in `conformance`.

use conformance::pairs::{Kernel, Play, check};

#[test]
fn a_reload_is_as_good_as_a_start_with_ipvlans_and_vrfs() -> lab::Result<()> {
    guest_tests::host("first")?;
    check(Kernel::Full, Play::Reload, 4);
    Ok(())
}
