//! The checker role.
