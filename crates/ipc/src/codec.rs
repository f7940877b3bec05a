//! Values to bytes and back. The only file that names the serialisation
//! format, so that it can be exchanged.

use bincode::Options;
use core::fmt;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Largest encoded message: room for a configuration of hundreds of
/// thousands of objects.
pub const MAX_MESSAGE: u64 = 256 * 1024 * 1024;

/// Why a value could not be encoded or decoded.
#[derive(Debug)]
pub struct Error(bincode::Error);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed message: {}", self.0)
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn options(limit: u64) -> impl Options {
    bincode::DefaultOptions::new().with_limit(limit).reject_trailing_bytes()
}

/// Appends the encoding of `value` to `out`.
///
/// # Errors
/// When the value is larger than [`MAX_MESSAGE`].
pub fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    options(MAX_MESSAGE).serialize_into(out, value).map_err(Error)
}

/// How many bytes [`encode`] appends.
///
/// # Errors
/// As of [`encode`].
pub fn encoded_len<T: Serialize>(value: &T) -> Result<usize, Error> {
    let len = options(MAX_MESSAGE).serialized_size(value).map_err(Error)?;
    Ok(usize::try_from(len).unwrap_or(usize::MAX))
}

/// Decodes a value that takes up all of `bytes`.
///
/// # Errors
/// When the bytes are no encoding of a `T`, say more than they hold, or are
/// followed by others.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    // The limit is the input itself: a length field cannot make us reserve
    // more than the peer has sent.
    options(bytes.len() as u64).deserialize(bytes).map_err(Error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::monitor::{CoreToMonitor, MonitorToCore};
    use crate::msg::vrrp::{CoreToVrrp, VrrpToCore};
    use proptest::prelude::*;

    #[test]
    fn a_length_larger_than_the_input_is_refused_without_reserving_it() {
        // A vector of 2^60 elements, in bincode's variable length encoding.
        let mut bytes = vec![253];
        bytes.extend_from_slice(&(1u64 << 60).to_le_bytes());
        assert!(decode::<Vec<u64>>(&bytes).is_err());
    }

    #[test]
    fn trailing_bytes_are_a_protocol_violation() {
        let mut b = Vec::new();
        encode(&7u32, &mut b).unwrap();
        b.push(0);
        assert!(decode::<u32>(&b).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode::<CoreToVrrp>(&bytes);
            let _ = decode::<VrrpToCore>(&bytes);
            let _ = decode::<CoreToMonitor>(&bytes);
            let _ = decode::<MonitorToCore>(&bytes);
        }
    }
}
