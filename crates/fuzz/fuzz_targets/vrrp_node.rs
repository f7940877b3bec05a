//! Any bytes as a stream of configurations, facts, packets, reloads and time
//! for one node: its invariants hold after each of them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Err(broken) = sim::stream::drive(data) {
        panic!("{broken}");
    }
});
