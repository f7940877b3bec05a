//! Virtual links: the macvlans and ipvlans that carry virtual MACs (RFC 9568 section 7.3).
//!
//! Owns which of them are wanted, what they are called, and how far their making has come.
//! Whoever asks for the kernel's work is `node`; who uses a link is told by the configuration.

mod names;
mod wish;

use crate::action::{Action, LinkSpec};
use crate::firewall::Element;
use crate::links::{Link, Links};
use core::net::IpAddr;
use core::time::Duration;
use model::{Global, VrrpInstance};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::{Family, IfIndex, InstanceId, Mono};

pub use wish::{VmacKey, has_ipv6, vmac_parents};
use wish::{Wish, link_local};

/// How long a link that could not be made is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// How far its making has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Nothing,
    /// Asked for; the kernel's news is awaited.
    Asked,
    /// It is there and as it should be, or was.
    There(IfIndex),
    /// The same, and its change is asked for.
    Changing(IfIndex),
    /// The same, and the kernel refused to change it.
    Unlike(IfIndex),
    /// The kernel refused to make it.
    Refused(Mono),
}

impl Progress {
    /// The link, while it can be used.
    fn index(self) -> Option<IfIndex> {
        match self {
            Progress::There(index) | Progress::Changing(index) | Progress::Unlike(index) => {
                Some(index)
            }
            _ => None,
        }
    }
}

/// One virtual link.
#[derive(Debug, Clone)]
pub struct Vmac {
    wish: Wish,
    name: Option<Arc<str>>,
    progress: Progress,
    users: Vec<InstanceId>,
    /// Name of the first of them.
    user: Arc<str>,
    /// The address that was asked for on it, to send from.
    source: Option<(types::Prefix, IfIndex)>,
    /// Whether it was last asked for with IPv6.
    ipv6: Option<bool>,
    /// It has been there.
    used: bool,
    /// It was there before, whatever it is called.
    taken_over: bool,
    /// It is about to be renamed where it is.
    renaming: bool,
    /// The link that an earlier process made for it.
    former: Option<IfIndex>,
}

/// All virtual links.
#[derive(Debug, Clone, Default)]
pub struct Vmacs {
    all: BTreeMap<VmacKey, Vmac>,
    /// In the order of the configuration: who comes first has the choice of names.
    order: Vec<VmacKey>,
    /// Links that are being removed: their names are free for those that are asked for later.
    leaving: Vec<IfIndex>,
}

/// A change of the address that a link sends from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceChange {
    pub on: IfIndex,
    pub prefix: types::Prefix,
    pub adding: bool,
}

impl Vmacs {
    /// Takes the wishes of a configuration; the result removes links that nobody wants any more.
    pub fn configure<'c>(
        &mut self,
        instances: impl Iterator<Item = (InstanceId, &'c VrrpInstance)>,
        global: &Global,
    ) -> Vec<Action> {
        let mut old = core::mem::take(&mut self.all);
        self.order.clear();
        for (id, config) in instances {
            let own = VmacKey::own(config);
            for key in VmacKey::all(config) {
                let wish = Wish::new(&key, own.as_ref() == Some(&key), config, global);
                let vmac = self.all.entry(key.clone()).or_insert_with(|| {
                    let fits = |v: &Vmac| v.can_become(&wish);
                    let kept = old.get(&key).is_some_and(fits).then(|| old.remove(&key));
                    match kept.flatten() {
                        Some(kept) => kept.again(wish.clone()),
                        None => Vmac::new(wish.clone()),
                    }
                });
                vmac.wish.adverts |= wish.adverts;
                vmac.wish.ipv6 |= wish.ipv6;
                vmac.wish.copies_source |= wish.copies_source;
                if vmac.users.is_empty() {
                    vmac.user = config.name.as_str().into();
                    self.order.push(key);
                }
                if !vmac.users.contains(&id) {
                    vmac.users.push(id);
                }
            }
        }
        self.leaving.extend(old.values().filter_map(|v| v.progress.index()));
        old.values().filter_map(Vmac::removal).collect()
    }

    /// Goes on with links that an earlier process made, called by these names: like after a reload
    /// they are named anew.
    pub fn continue_from(&mut self, former: &Vmacs, made: &BTreeMap<IfIndex, Arc<str>>) {
        for (key, vmac) in &mut self.all {
            let Some(old) = former.all.get(key) else { continue };
            let is_its = |(_, name): &(_, &Arc<str>)| {
                old.name.as_ref() == Some(name) && old.wish.names(name, key.vrid)
            };
            if let Some((index, _)) = made.iter().find(is_its) {
                vmac.former = Some(*index);
            }
        }
    }

    /// These links are being removed.
    pub fn leave(&mut self, links: impl Iterator<Item = IfIndex>) {
        self.leaving.extend(links);
    }

    /// Removes every link.
    pub fn clear(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        for vmac in self.order.iter().filter_map(|key| self.all.get(key)) {
            actions.extend(vmac.removal());
        }
        for vmac in self.all.values_mut() {
            (vmac.progress, vmac.name, vmac.source) = (Progress::Nothing, None, None);
        }
        actions
    }

    /// The link, once it can be used.
    pub fn get(&self, key: &VmacKey) -> Option<IfIndex> {
        self.all.get(key)?.progress.index()
    }

    /// Whether the link is being made, or was never tried.
    pub fn is_coming(&self, key: &VmacKey) -> bool {
        let progress = self.all.get(key).map(|v| v.progress);
        matches!(progress, Some(Progress::Asked | Progress::Nothing))
    }

    /// The same for a link that was never there: nobody can have lost it.
    pub fn is_coming_first(&self, key: &VmacKey) -> bool {
        self.is_coming(key) && self.all.get(key).is_some_and(|v| !v.used)
    }

    /// Whether the link is there and being changed, which may put another one in its place.
    pub fn is_changing(&self, key: &VmacKey) -> bool {
        let progress = self.all.get(key).map(|v| v.progress);
        matches!(progress, Some(Progress::Changing(_)))
    }

    /// Its name, once it has one.
    pub fn name(&self, key: &VmacKey) -> Option<&Arc<str>> {
        self.all.get(key)?.name.as_ref()
    }

    /// Names of links and who uses them.
    pub fn users(&self) -> impl Iterator<Item = (&Arc<str>, &[InstanceId])> {
        self.all.values().filter_map(|v| Some((v.name.as_ref()?, v.users.as_slice())))
    }

    /// Who uses links of these names.
    pub fn users_of(&self, names: &[Arc<str>]) -> Vec<InstanceId> {
        let named = self.users().filter(|(name, _)| names.contains(name));
        let mut users: Vec<InstanceId> = named.flat_map(|(_, users)| users).copied().collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// What the firewall is to know of VMACs.
    pub fn rules<'a>(&'a self, links: &'a Links) -> impl Iterator<Item = Element> + 'a {
        let vmacs = self.all.iter().filter(|(_, v)| v.wish.kind.mac().is_some());
        vmacs.flat_map(|(key, vmac)| {
            let parent = links.named(&key.parent).map(|l| l.index);
            // One for IPv4 may have IPv6 as well.
            let six = (key.family == Family::V4 && vmac.wish.ipv6).then_some(Family::V6);
            let families = core::iter::once(key.family).chain(six);
            let used = vmac.progress.index().zip(parent).into_iter();
            let used = used.flat_map(move |(vmac, parent)| {
                families.clone().map(move |family| Element::Vmac { family, vmac, parent })
            });
            let source = vmac.source.and_then(|(prefix, on)| match prefix.addr {
                IpAddr::V6(addr) => Some(Element::Source(addr, on)),
                IpAddr::V4(_) => None,
            });
            used.chain(source)
        })
    }

    /// When a link is to be tried again.
    pub fn deadline(&self) -> Option<Mono> {
        let refused = |v: &Vmac| match v.progress {
            Progress::Refused(until) => Some(until),
            _ => None,
        };
        self.all.values().filter_map(refused).min()
    }

    /// Learns from the table of links; the names of links that can be used now or no more.
    pub fn learn(&mut self, links: &Links, now: Mono) -> Vec<Arc<str>> {
        let mut changed = Vec::new();
        self.leaving.retain(|index| links.get(*index).is_some());
        let known: BTreeSet<IfIndex> =
            self.all.values().filter_map(|v| v.progress.index()).collect();
        for (key, vmac) in &mut self.all {
            let before = vmac.progress;
            let parent = links.named(&key.parent);
            vmac.progress = match (before, parent) {
                // The kernel takes away what sits on a link that goes.
                (_, None) => Progress::Nothing,
                // What does not fit it yet, `place` will see.
                (Progress::Asked, Some(parent)) => {
                    let made = vmac.name.as_deref().and_then(|n| links.named(n));
                    let on_parent = |l: &&Link| {
                        let kind = vmac.wish.kind;
                        l.stacked.is_some_and(|s| s.parent == parent.index && s.kind.is_like(kind))
                    };
                    // Another of ours may have the name until it has got its own.
                    made.filter(|l| l.set_up && !self.leaving.contains(&l.index))
                        .filter(|l| !known.contains(&l.index))
                        .filter(on_parent)
                        .map_or(before, |l| Progress::There(l.index))
                }
                (Progress::Changing(index), Some(parent)) => {
                    let spec = vmac.spec(key, parent, links);
                    match links.get(index) {
                        // Another one takes its place, or it is told that none could be made.
                        None => {
                            vmac.used = false;
                            Progress::Asked
                        }
                        Some(l) if spec.is_some_and(|s| s.fits(l)) => Progress::There(index),
                        Some(_) => before,
                    }
                }
                (Progress::There(index) | Progress::Unlike(index), Some(_))
                    if links.get(index).is_none() =>
                {
                    Progress::Nothing
                }
                (Progress::Refused(until), Some(_)) if until <= now => Progress::Nothing,
                (same, Some(_)) => same,
            };
            vmac.used |= vmac.progress.index().is_some();
            vmac.former.take_if(|_| vmac.used);
            let done = matches!(before, Progress::Changing(_)) && before != vmac.progress;
            if done || before.index() != vmac.progress.index() {
                changed.extend(vmac.name.clone());
            }
        }
        changed
    }

    /// Links that have been renamed since this was last asked.
    pub fn renamed(&mut self) -> Vec<IfIndex> {
        let mut renamed = Vec::new();
        for vmac in self.all.values_mut() {
            if let Progress::There(index) = vmac.progress
                && core::mem::take(&mut vmac.renaming)
            {
                renamed.push(index);
            }
        }
        renamed
    }

    /// What is to be made or put right, each asked for once.
    pub fn place(&mut self, links: &Links) -> Vec<Action> {
        let mut actions = Vec::new();
        for key in self.order.clone() {
            let Some(parent) = links.named(&key.parent) else { continue };
            let Some((progress, named)) =
                self.all.get(&key).map(|v| (v.progress, v.name.is_some()))
            else {
                continue;
            };
            let mut existing = match progress {
                Progress::There(index) => Some(index),
                Progress::Nothing => self.former_of(&key, links),
                _ => continue,
            };
            let mut chosen = None;
            let own = existing;
            if existing.is_none() || !named {
                let Some((name, found)) = self.choose(&key, parent, existing, links) else {
                    continue;
                };
                (chosen, existing) = (Some(name), existing.or(found));
            }
            let Some(vmac) = self.all.get_mut(&key) else { continue };
            vmac.name = chosen.or(vmac.name.take());
            if own.is_none() {
                vmac.taken_over = existing.is_some();
            }
            let Some(mut spec) = vmac.spec(&key, parent, links) else { continue };
            if let (Progress::There(_), Some(link)) =
                (progress, existing.and_then(|i| links.get(i)))
                && spec.fits(link)
                && vmac.ipv6.is_none_or(|ipv6| ipv6 == spec.ipv6)
            {
                continue;
            }
            vmac.ipv6 = Some(spec.ipv6);
            vmac.renaming =
                existing.and_then(|i| links.get(i)).is_some_and(|l| l.name != spec.name);
            match existing.and_then(|i| links.get(i)) {
                // A link cannot be moved to another one below it.
                Some(l) if l.stacked.is_some_and(|s| s.parent != parent.index) => {
                    spec.replaces = existing;
                }
                _ => spec.existing = existing,
            }
            vmac.progress = match progress {
                Progress::There(index) => Progress::Changing(index),
                _ => Progress::Asked,
            };
            actions.push(Action::MakeLink(spec));
        }
        actions
    }

    fn former_of(&self, key: &VmacKey, links: &Links) -> Option<IfIndex> {
        self.all.get(key)?.former.filter(|index| links.get(*index).is_some())
    }

    /// The kernel refused to make or change a link: it is tried again later, under another name
    /// when the name was taken.
    pub fn refused(&mut self, name: &str, now: Mono) {
        let found = self.all.values_mut().find(|v| v.name.as_deref() == Some(name));
        if let Some(vmac) = found {
            vmac.progress = match vmac.progress {
                Progress::Changing(index) => Progress::Unlike(index),
                _ => Progress::Refused(now + RETRY),
            };
        }
    }

    /// Whether some instance sends adverts from the link.
    pub fn has_adverts(&self, key: &VmacKey) -> bool {
        self.all.get(key).is_some_and(|v| v.wish.adverts)
    }

    /// What is to change so that links can send from `source`, the address of an interface.
    pub fn place_source(
        &mut self,
        key: &VmacKey,
        source: Option<IpAddr>,
        links: &Links,
    ) -> Vec<SourceChange> {
        let Some(vmac) = self.all.get_mut(key) else { return Vec::new() };
        let Some(on) = vmac.progress.index() else { return Vec::new() };
        let Some(link) = links.get(on) else { return Vec::new() };
        let copied = match source {
            Some(IpAddr::V6(a)) if vmac.wish.copies_source => link_local(a),
            _ => None,
        };
        let wanted = vmac.wish.addr.or(copied);
        let mut changes = Vec::new();
        // On a link that was taken over an earlier process may have put it.
        let inherited = || {
            let parent = links.named(&key.parent).filter(|_| key.family == Family::V6)?;
            let Some(IpAddr::V6(addr)) = parent.source(Family::V6, |_| false) else { return None };
            link_local(addr).filter(|prefix| link.has(*prefix)).map(|prefix| (prefix, on))
        };
        let asked = vmac.source.filter(|(_, index)| *index == on).or_else(inherited);
        // The kernel may not have told yet that it has what was asked for.
        if let Some((prefix, _)) = asked.filter(|(p, _)| Some(*p) != wanted) {
            changes.push(SourceChange { on, prefix, adding: false });
        }
        let Some(prefix) = wanted else {
            vmac.source = None;
            return changes;
        };
        if asked != Some((prefix, on)) && !link.has(prefix) {
            changes.push(SourceChange { on, prefix, adding: true });
        }
        vmac.source = Some((prefix, on));
        changes
    }

    /// Whether the address to send from is not on the link yet.
    pub fn lacks_source(&self, key: &VmacKey, links: &Links) -> bool {
        let asked = self.all.get(key).and_then(|v| v.source);
        asked.is_some_and(|(prefix, on)| links.get(on).is_none_or(|l| !l.has(prefix)))
    }

    /// An address of a link was removed: it may be asked for anew.
    pub fn source_removed(&mut self, on: IfIndex, prefix: types::Prefix) {
        for vmac in self.all.values_mut() {
            vmac.source.take_if(|s| *s == (prefix, on));
        }
    }

    /// Those that can be used: index of each, of the interface below, and family. An ipvlan is
    /// none of them.
    pub fn usable<'a>(
        &'a self,
        links: &'a Links,
    ) -> impl Iterator<Item = (IfIndex, IfIndex, Family)> + 'a {
        self.order.iter().filter(|key| !key.ipvlan).filter_map(|key| {
            let parent = links.named(&key.parent)?;
            Some((self.get(key)?, parent.index, key.family))
        })
    }

    /// The address that a link has of its own.
    pub fn own_addr(&self, key: &VmacKey) -> Option<IpAddr> {
        self.all.get(key)?.wish.addr.map(|p| p.addr)
    }
}

impl Vmac {
    fn new(wish: Wish) -> Self {
        let progress = Progress::Nothing;
        Vmac {
            wish,
            name: None,
            progress,
            users: Vec::new(),
            user: "".into(),
            source: None,
            ipv6: None,
            used: false,
            taken_over: false,
            renaming: false,
            former: None,
        }
    }

    /// Whether it can be changed into what is wished for. One that is being made is renamed by
    /// nobody.
    fn can_become(&self, wish: &Wish) -> bool {
        self.progress != Progress::Asked || self.wish.names_like(wish)
    }

    /// The same link under a new configuration: it is named as if it were a new one.
    fn again(self, wish: Wish) -> Self {
        let progress = match self.progress {
            Progress::Unlike(index) | Progress::Changing(index) => Progress::There(index),
            other => other,
        };
        let name = self.name.filter(|_| progress == Progress::Asked);
        Vmac { wish, progress, name, users: Vec::new(), ..self }
    }

    /// What the link is to be like, now that the interface below is there.
    fn spec(&self, key: &VmacKey, parent: &Link, links: &Links) -> Option<LinkSpec> {
        let vrf = |index: &IfIndex| links.get(*index).is_some_and(|l| l.vrf);
        Some(LinkSpec {
            name: self.name.clone()?,
            instead_of: self.wish.given.clone().filter(|g| self.name.as_ref() != Some(g)),
            user: self.user.clone(),
            kind: self.wish.kind,
            parent: parent.index,
            parent_name: parent.name.clone(),
            group: self.wish.group.unwrap_or(parent.group),
            master: parent.master.filter(vrf),
            family: key.family,
            ipv6: self.wish.ipv6,
            existing: None,
            replaces: None,
        })
    }

    fn removal(&self) -> Option<Action> {
        let made = self.progress.index().is_some() || self.progress == Progress::Asked;
        self.name.clone().filter(|_| made).map(|name| Action::RemoveLink { name, index: None })
    }
}

impl LinkSpec {
    /// Whether the link to be changed is one that was made for it: nobody else's of that name.
    pub(crate) fn is_same_link(&self, links: &Links) -> bool {
        self.existing.and_then(|index| links.get(index)).is_some_and(|link| {
            link.stacked.is_some_and(|s| s.parent == self.parent && s.kind == self.kind)
                && self.kind.mac().is_none_or(|mac| link.mac == mac)
        })
    }

    /// Whether the link is as it should be; whether it is up does not matter.
    fn fits(&self, link: &Link) -> bool {
        link.name == self.name
            && link.stacked.is_some_and(|s| s.parent == self.parent && s.kind == self.kind)
            && self.kind.mac().is_none_or(|mac| link.mac == mac)
            && link.group == self.group
            && link.master == self.master
    }
}
