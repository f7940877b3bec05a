//! Any stream of configurations, facts, packets and reloads keeps the node's
//! invariants; `check_invariants` runs after each input.

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_stream_of_inputs_keeps_the_invariants(
        bytes in prop::collection::vec(any::<u8>(), 0..600)
    ) {
        sim::stream::drive(&bytes).map_err(TestCaseError::fail)?;
    }
}
