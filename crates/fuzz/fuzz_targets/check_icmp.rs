//! Any bytes as an ICMP or ICMPv6 echo reply.
#![no_main]

use check_proto::probe::ping::{read_reply, request};
use libfuzzer_sys::fuzz_target;
use types::Family;

fuzz_target!(|data: &[u8]| {
    for family in [Family::V4, Family::V6] {
        if let Some(seq) = read_reply(data, family) {
            let mut sent = request(family, seq);
            sent[0] = data[0];
            assert_eq!(sent[6..8], data[6..8]);
        }
        let seq = u16::from(data.first().copied().unwrap_or(0));
        assert_eq!(read_reply(&request(family, seq), family), None, "a request is no reply");
    }
});
