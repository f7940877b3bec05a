//! `global_defs` and the root-level settings: what lies between the keywords
//! and the model.

use super::Cx;

/// Unfinished business of the global keywords.
#[derive(Debug, Default)]
pub struct State {}

/// Checks that need the whole configuration.
pub fn check(_cx: &mut Cx<'_>) {}
