//! Virtual servers, real servers and checkers: what lies between the keywords
//! and the model.
//!
//! A block is read into a draft. At the end of a virtual server its drafts
//! become model objects with everything inherited that its own text decides
//! (`inherit`); what needs other blocks is decided after the last file
//! (`complete`, `pool`, `references`).

pub(crate) mod check;
mod complete;
pub(crate) mod connect;
pub(crate) mod endpoint;
mod forwarding;
pub(crate) mod group;
pub(crate) mod inherit;
pub(crate) mod names;
mod pool;
pub(crate) mod real;
mod references;
pub(crate) mod server;
pub(crate) mod sorry;
pub(crate) mod url;

use std::collections::HashSet;

use super::Cx;
use crate::grammar::lvs::checkers::drafts::{FileDraft, MiscDraft, SmtpDraft};
use crate::source::Span;
use model::lvs::{HttpCheck, Ssl, UdpCheck};

/// Unfinished business of the virtual server keywords.
#[derive(Debug, Default)]
pub struct State {
    /// The virtual server that is being read.
    pub(crate) vs: server::VsDraft,
    /// The real server that is being read.
    pub(crate) rs: real::RsDraft,
    /// The checker that is being read; what its kind adds follows.
    pub(crate) check: check::CheckDraft,
    pub(crate) http: HttpCheck,
    pub(crate) url: url::UrlDraft,
    pub(crate) smtp: SmtpDraft,
    /// Type and name of a query.
    pub(crate) dns: (Option<u16>, Option<String>),
    pub(crate) udp: UdpCheck,
    pub(crate) misc: MiscDraft,
    pub(crate) file: FileDraft,
    /// Name of a BFD instance, and where it stands.
    pub(crate) bfd: Option<(String, Span)>,
    /// Finished real servers of the virtual server that is being read.
    servers: Vec<real::RsDraft>,
    /// Finished checkers of all these; each real server has a part of them.
    checks: Vec<check::Check>,
    /// The group that is being read.
    group: group::GroupDraft,
    /// Names of usable groups.
    group_names: HashSet<String>,
    /// Names of groups that could not be used.
    removed_groups: HashSet<String>,
    /// The `SSL` block that is being read.
    pub(crate) ssl: Ssl,
    /// What is decided after the last file, for each virtual server.
    late: Vec<server::Late>,
    /// Checkers that name objects of other blocks.
    pending: Vec<references::Pending>,
}

/// Checks that need the whole configuration.
pub fn check(cx: &mut Cx<'_>) {
    references::resolve(cx);
    complete::all(cx);
    // Drafts keep their buffers for the next virtual server: there is none.
    cx.build.lvs = State::default();
}
