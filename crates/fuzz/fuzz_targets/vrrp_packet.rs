//! Any bytes as a VRRP packet, for hosts of every version, family, casting
//! and authentication: rejected or followed, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Err(broken) = sim::packets::drive(data) {
        panic!("{broken}");
    }
});
