//! What reports say of the pools and their checkers.

use super::{CheckerStatus, Node};
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
}

impl<'a> VsStatus<'a> {
    /// Its real servers: as configured, and how they are.
    pub fn servers(self) -> impl Iterator<Item = (&'a RealServer, &'a Server)> {
        self.config.real_servers.iter().zip(self.pool.servers())
    }
}

impl Node {
    /// Its virtual servers, in configuration order.
    pub fn virtual_servers(&self) -> impl Iterator<Item = VsStatus<'_>> {
        self.pools.iter().map(|vs| VsStatus { config: &vs.config, pool: &vs.pool })
    }

    /// Its virtual server groups, in configuration order.
    pub fn groups(&self) -> &[VirtualServerGroup] {
        &self.groups
    }

    /// Every checker, in configuration order.
    pub fn checkers(&self) -> impl Iterator<Item = CheckerStatus<'_>> {
        let ids = self.pools.iter().flat_map(|vs| {
            let enabled = !vs.is_suspended();
            let servers = vs.pool.servers().iter().zip(&vs.checkers);
            servers.flat_map(move |(s, ids)| ids.iter().map(move |id| (*id, enabled, s.at())))
        });
        ids.filter_map(|(id, enabled, server)| {
            Some(self.checker(id)?.status(CheckerId(id), enabled, server))
        })
    }
}
