//! Answers about IPVS: arbitrary bytes never panic, and what is read is within them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netlink::{ipvs, wire};
use types::Family;

fuzz_target!(|data: &[u8]| {
    for message in wire::messages(data) {
        let _ = (message.errno(), message.error_text());
        let _ = ipvs::parse_info(message.payload);
        let _ = ipvs::parse_daemon(message.payload);
        if let Some(found) = ipvs::parse_service(message.payload) {
            assert!(found.scheduler.len() <= 3 * message.payload.len());
        }
        for family in [Family::V4, Family::V6] {
            let _ = ipvs::parse_dest(message.payload, family);
        }
    }
});
