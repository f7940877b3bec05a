//! Any bytes as SMTP replies: however they are cut, the same reply is read.
#![no_main]

use check_proto::probe::smtp::{Progress, Reply};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let whole = Reply::default().read(data);
    let mut reply = Reply::default();
    let mut pieces = Progress::More;
    for b in data {
        pieces = reply.read(&[*b]);
        if pieces != Progress::More {
            break;
        }
    }
    assert_eq!(whole, pieces);
});
