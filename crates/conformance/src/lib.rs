//! The same case on the reference's binary and on ours.
