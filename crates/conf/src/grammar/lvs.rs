//! Virtual servers, real servers and checkers.

use super::Keyword;

/// Root-level keywords of the checker role.
pub static ROOT: &[Keyword] = &[];
