//! Writing captures for other tools to read (libpcap's classic format, nanosecond stamps).

use std::path::Path;

use crate::{Context, Frame, Result};

/// Link type of Ethernet.
const ETHERNET: u32 = 1;

/// Writes frames to a file that tshark and tcpdump read.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, frames: &[Frame]) -> Result<()> {
    std::fs::write(path, bytes(frames)).context(|| format!("cannot write {}", path.display()))
}

fn bytes(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xa1b2_3c4d, 4 << 16 | 2, 0, 0, 65535, ETHERNET] {
        out.extend(u32::to_le_bytes(word));
    }
    for frame in frames {
        let at = frame.at.epoch();
        let length = frame.bytes.len() as u32;
        for word in [at.as_secs() as u32, at.subsec_nanos(), length, length] {
            out.extend(word.to_le_bytes());
        }
        out.extend(&frame.bytes);
    }
    out
}
