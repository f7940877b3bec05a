//! Object identifiers.

use core::fmt;

/// Most sub-identifiers that an OID has (RFC 2578 section 3.5).
pub const MAX_SUBIDS: usize = 128;

/// An object identifier; ordered as a MIB is walked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Oid(Vec<u32>);

impl Oid {
    /// The OID of these sub-identifiers; what exceeds [`MAX_SUBIDS`] is cut off.
    pub fn new(ids: impl Into<Vec<u32>>) -> Self {
        let mut ids = ids.into();
        ids.truncate(MAX_SUBIDS);
        Oid(ids)
    }

    /// The sub-identifiers.
    pub fn ids(&self) -> &[u32] {
        &self.0
    }

    /// This OID with `more` below it.
    pub fn with(&self, more: &[u32]) -> Self {
        Oid::new([&self.0[..], more].concat())
    }

    /// What follows `prefix`, if this OID begins with it.
    pub fn below(&self, prefix: &[u32]) -> Option<&[u32]> {
        self.0.strip_prefix(prefix)
    }

    /// Whether it has no sub-identifiers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&[u32]> for Oid {
    fn from(ids: &[u32]) -> Self {
        Oid::new(ids)
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|id| write!(f, ".{id}"))
    }
}
