//! The vrrp role: bytes in, actions out, reports.

pub mod frames;
