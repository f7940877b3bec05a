//! Any bytes as a DNS answer, and any text as a name to ask for.
#![no_main]

use check_proto::probe::dns::{query, read_answer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((id, datagram)) = data.split_first_chunk::<2>() {
        let rcode = read_answer(datagram, u16::from_be_bytes(*id));
        assert!(rcode.is_none_or(|r| r < 16 && datagram.len() >= 12));
    }
    if let Ok(name) = core::str::from_utf8(data)
        && let Ok(query) = query(name, 1)
    {
        // Header, name of at most 255 bytes, type and class.
        assert!(query.len() <= 12 + 255 + 4);
        assert_eq!(read_answer(&query, 0), None, "a query is no answer");
    }
});
