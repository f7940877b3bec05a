//! What the columns are functions of.

use core::time::Duration;
use ipc::msg::snapshot::{CheckerSnapshot, InstanceNow, LinkNow, VrrpSnapshot};
use model::vrrp::{SyncGroup, TrackRef, VrrpInstance};
use model::{Global, Lvs, Script, TrackKind, TrackObject, Vrrp};
use types::{ScriptId, TrackId};

/// A row of a table: positions in the configuration.
pub type Row = [u32; 3];

/// The configuration, and the present state where it is known.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// `Keepalived vX.Y.Z (...)`.
    pub version: &'a str,
    /// Name of this host.
    pub host: &'a str,
    /// Daemon-wide settings.
    pub global: &'a Global,
    /// Instances, groups and static objects.
    pub vrrp: &'a Vrrp,
    /// Virtual servers.
    pub lvs: &'a Lvs,
    /// Tracked objects.
    pub tracks: &'a [TrackObject],
    /// Commands.
    pub scripts: &'a [Script],
    /// What the vrrp role said last.
    pub vrrp_now: Option<&'a VrrpSnapshot>,
    /// What the checker role said last.
    pub checker_now: Option<&'a CheckerSnapshot>,
    /// How long the session with the master agent has been alive.
    pub uptime: Duration,
}

impl<'a> View<'a> {
    pub(crate) fn instance(&self, row: Row) -> Option<&'a VrrpInstance> {
        self.vrrp.instances.get(row[0] as usize)
    }

    pub(crate) fn now(&self, row: Row) -> Option<&'a InstanceNow> {
        self.vrrp_now?.instances.get(row[0] as usize)
    }

    pub(crate) fn group(&self, row: Row) -> Option<&'a SyncGroup> {
        self.vrrp.sync_groups.get(row[0] as usize)
    }

    pub(crate) fn track(&self, id: TrackId) -> Option<&'a TrackObject> {
        self.tracks.get(id.index())
    }

    /// The group that an instance is a member of.
    pub(crate) fn group_of(&self, instance: &VrrpInstance) -> Option<&'a SyncGroup> {
        self.vrrp.sync_groups.iter().find(|g| g.members.contains(&instance.name))
    }

    /// A command, each word in quotes.
    pub(crate) fn script(&self, id: Option<ScriptId>) -> Option<String> {
        let script = self.scripts.get(id?.index())?;
        let words = core::iter::once(&script.path).chain(&script.args);
        Some(words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "))
    }

    pub(crate) fn link(&self, index: u32) -> Option<&'a LinkNow> {
        let links = &self.vrrp_now?.links;
        links.binary_search_by_key(&index, |l| l.index).ok().and_then(|n| links.get(n))
    }

    pub(crate) fn link_named(&self, name: &str) -> Option<&'a LinkNow> {
        self.vrrp_now?.links.iter().find(|l| l.name == name)
    }

    /// Index of the interface that an instance is configured on.
    pub(crate) fn base_index(&self, instance: &VrrpInstance) -> u32 {
        let link = instance.interface.as_deref().and_then(|name| self.link_named(name));
        link.map_or(0, |l| l.index)
    }

    pub(crate) fn router_id(&self) -> &'a str {
        self.global.router_id.as_deref().unwrap_or(self.host)
    }
}

/// The kinds of tracked object, as tables are about one each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Script,
    File,
    Process,
    Bfd,
}

impl Kind {
    pub(crate) fn of(kind: &TrackKind) -> Self {
        match kind {
            TrackKind::Script(_) => Kind::Script,
            TrackKind::File(_) => Kind::File,
            TrackKind::Process(_) => Kind::Process,
            TrackKind::Bfd => Kind::Bfd,
        }
    }
}

/// Those of `refs` that are of one kind.
pub fn refs_of<'a>(view: &View<'a>, refs: &'a [TrackRef], kind: Kind) -> Vec<&'a TrackRef> {
    let is = |r: &&TrackRef| view.track(r.id).is_some_and(|t| Kind::of(&t.kind) == kind);
    refs.iter().filter(is).collect()
}
