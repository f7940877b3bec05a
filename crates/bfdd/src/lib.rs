//! The bfd role.
