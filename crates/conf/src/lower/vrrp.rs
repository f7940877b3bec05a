//! Static objects, VRRP, tracking and BFD: what lies between the keywords
//! and the model.

use super::Cx;

/// Unfinished business of the VRRP keywords.
#[derive(Debug, Default)]
pub struct State {}

/// Checks that need the whole configuration.
pub fn check(_cx: &mut Cx<'_>) {}
