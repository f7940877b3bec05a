//! Static objects, VRRP, tracking and BFD.

use super::Keyword;

/// Root-level keywords of the vrrp and bfd roles.
pub static ROOT: &[Keyword] = &[];
