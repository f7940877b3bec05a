//! Length-prefixed frames on a byte stream.
//!
//! ```text
//!  0        4
//!  +--------+----------------+
//!  | length | message        |   length: u32, little endian, of the message
//!  +--------+----------------+
//! ```

use crate::codec;
use core::fmt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroize;

/// Length of the header.
pub const HEADER: usize = 4;

/// Why a frame could not be made or read.
#[derive(Debug)]
pub enum Error {
    /// The announced length is over the reader's limit.
    TooLong {
        /// Announced length in bytes.
        length: u32,
        /// The limit in bytes.
        limit: u32,
    },
    /// The message could not be encoded or decoded.
    Codec(codec::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::TooLong { length, limit } => {
                write!(f, "frame of {length} bytes is over the limit of {limit}")
            }
            Error::Codec(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

/// Appends `value` as one frame to `out`.
///
/// # Errors
/// When the value cannot be encoded or is too long; `out` is as before then.
pub fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    make_room(out, HEADER + codec::encoded_len(value).map_err(Error::Codec)?);
    out.extend_from_slice(&[0; HEADER]);
    let done = codec::encode(value, out).map_err(Error::Codec).and_then(|()| {
        let length = out.len() - start - HEADER;
        u32::try_from(length)
            .map_err(|_| Error::TooLong { length: u32::MAX, limit: codec::MAX_MESSAGE as u32 })
    });
    match done {
        Ok(length) => {
            if let Some(head) = out.get_mut(start..start + HEADER) {
                head.copy_from_slice(&length.to_le_bytes());
            }
            Ok(())
        }
        Err(e) => {
            out.truncate(start);
            Err(e)
        }
    }
}

/// Makes room for `more` bytes. What moves for that is overwritten where it was: messages may hold
/// secrets.
pub fn make_room(buf: &mut Vec<u8>, more: usize) {
    if buf.capacity() - buf.len() >= more {
        return;
    }
    let mut larger = Vec::with_capacity((buf.len() + more).max(2 * buf.len()));
    larger.extend_from_slice(buf);
    buf.as_mut_slice().zeroize();
    *buf = larger;
}

/// Drops the first `count` bytes and leaves no copy of them.
pub fn discard(buf: &mut Vec<u8>, count: usize) {
    let count = count.min(buf.len());
    buf.copy_within(count.., 0);
    let left = buf.len() - count;
    buf.get_mut(left..).unwrap_or_default().zeroize();
    buf.truncate(left);
}

/// Takes the first whole frame off `buf`: the message and how many bytes it
/// took, or `None` while it is incomplete.
///
/// # Errors
/// When the frame is longer than `limit` or holds no `T`: the stream is
/// beyond repair then.
pub fn read<T: DeserializeOwned>(buf: &[u8], limit: u32) -> Result<Option<(T, usize)>, Error> {
    let Some(head) = buf.first_chunk::<HEADER>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head);
    if length > limit {
        return Err(Error::TooLong { length, limit });
    }
    let end = HEADER + length as usize;
    let Some(body) = buf.get(HEADER..end) else { return Ok(None) };
    let value = codec::decode(body).map_err(Error::Codec)?;
    Ok(Some((value, end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_over_the_limit_is_refused_before_its_body_arrives() {
        assert!(matches!(
            read::<u8>(&100u32.to_le_bytes(), 99),
            Err(Error::TooLong { length: 100, limit: 99 })
        ));
    }

    proptest! {
        #[test]
        fn frames_come_back_however_the_stream_is_cut(
            texts in proptest::collection::vec(".{0,40}", 1..8),
            cut in 1usize..16,
        ) {
            let mut stream = Vec::new();
            for t in &texts {
                write(t, &mut stream).unwrap();
            }
            let (mut buf, mut got) = (Vec::new(), Vec::new());
            for chunk in stream.chunks(cut) {
                buf.extend_from_slice(chunk);
                while let Some((t, used)) = read::<String>(&buf, 1_000).unwrap() {
                    got.push(t);
                    buf.drain(..used);
                }
            }
            prop_assert_eq!(got, texts);
            prop_assert!(buf.is_empty());
        }
    }
}
