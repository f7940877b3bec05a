//! What reports say of the pools and their checkers.

use super::{CheckerStatus, Node, Vs};
use crate::action::CheckerId;
use crate::pool::{Pool, Server};
use model::lvs::{RealServer, VirtualServer, VirtualServerGroup};

/// A virtual server.
#[derive(Debug, Clone, Copy)]
pub struct VsStatus<'a> {
    /// As configured; the checkers are in [`CheckerStatus`].
    pub config: &'a VirtualServer,
    /// Its pool.
    pub pool: &'a Pool,
    node: &'a Node,
    vs: &'a Vs,
}

/// A real server of a virtual server.
#[derive(Debug, Clone, Copy)]
pub struct RsStatus<'a> {
    /// As configured.
    pub config: &'a RealServer,
    /// How it is.
    pub server: &'a Server,
    of: VsStatus<'a>,
    checkers: &'a [u32],
}

impl<'a> VsStatus<'a> {
    /// Its real servers.
    pub fn servers(self) -> impl Iterator<Item = RsStatus<'a>> {
        let all = self.config.real_servers.iter().zip(self.pool.servers()).zip(&self.vs.checkers);
        all.map(move |((config, server), checkers)| RsStatus { config, server, of: self, checkers })
    }
}

impl<'a> RsStatus<'a> {
    /// Its checkers.
    pub fn checkers(self) -> impl Iterator<Item = CheckerStatus<'a>> {
        let (node, enabled) = (self.of.node, !self.of.vs.is_suspended());
        self.checkers.iter().filter_map(move |id| {
            Some(node.checker(*id)?.status(CheckerId(*id), enabled, self.server.at()))
        })
    }
}

impl Node {
    /// Its virtual servers, in configuration order.
    pub fn virtual_servers(&self) -> impl Iterator<Item = VsStatus<'_>> {
        let all = self.pools.iter();
        all.map(move |vs| VsStatus { config: &vs.config, pool: &vs.pool, node: self, vs })
    }

    /// Its virtual server groups, in configuration order.
    pub fn groups(&self) -> &[VirtualServerGroup] {
        &self.groups
    }

    /// Every checker, in configuration order.
    pub fn checkers(&self) -> impl Iterator<Item = CheckerStatus<'_>> {
        self.virtual_servers().flat_map(VsStatus::servers).flat_map(RsStatus::checkers)
    }
}
