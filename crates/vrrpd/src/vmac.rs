//! Makes and removes virtual links, and has the kernel's settings fit them.
//!
//! One link a turn of the loop: removing one takes the kernel milliseconds. Owns what has to be
//! put back: ARP settings of the interfaces below, source checks of the host. Never decides.

use ipc::msg::vrrp::Changed;
use model::vrrp::IpvlanMode;
use netlink::Batch;
use netlink::link::{
    AddrGenMode, IPVLAN_F_PRIVATE, IPVLAN_F_VEPA, IPVLAN_L2, Ipv4Key, LinkChange, LinkKind as Kind,
    LinkRef, MACVLAN_PRIVATE, NewLink,
};
use netlink::sysctl::ConfKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use types::{Family, IfIndex};
use vrrp_proto::{LinkKind, LinkSpec};

/// Whether the source of a packet has to be reached by where it came from.
const RP_FILTER: &str = "rp_filter";

/// What an interface that carries a VMAC for IPv4 is set to.
const PARENT: [(&str, i32); 3] = [("arp_ignore", 1), ("arp_filter", 1), ("arp_announce", 2)];

/// What a link is called, with its index, while another one takes its name.
const ASIDE: &str = "aside.";

#[derive(Debug)]
enum Job {
    Make(LinkSpec),
    Remove(Arc<str>, Option<IfIndex>),
}

/// A link that was made or taken over.
#[derive(Debug)]
struct Made {
    index: u32,
    user: Arc<str>,
    parent: IfIndex,
    /// Settings of IPv4 were changed for it.
    v4: bool,
}

/// Settings that were changed, and what they were.
type Saved = Vec<Changed>;

/// The links of this process.
#[derive(Debug, Default)]
pub struct VirtualLinks {
    jobs: VecDeque<Job>,
    made: BTreeMap<Arc<str>, Made>,
    /// Settings of interfaces that carry a link for IPv4.
    parents: BTreeMap<IfIndex, Saved>,
    /// Source checks of the host, while there is a link for IPv4.
    checks: Option<Saved>,
    /// Core does not know of the last change.
    untold: bool,
}

impl VirtualLinks {
    /// Queues the making of a link, instead of what was asked for under that name before.
    pub fn make(&mut self, spec: LinkSpec) {
        let same = |old: &LinkSpec| {
            old.name == spec.name || old.existing.is_some() && old.existing == spec.existing
        };
        self.jobs.retain(|job| !matches!(job, Job::Make(old) if same(old)));
        self.jobs.push_back(Job::Make(spec));
    }

    /// Queues the removal of a link; `left` is one that an earlier process made.
    pub fn remove(&mut self, name: Arc<str>, left: Option<IfIndex>) {
        self.jobs.push_back(Job::Remove(name, left));
    }

    /// Whether anything is queued.
    pub fn has_work(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Whether the next job takes a link away, and what is on it.
    pub fn removes_next(&self) -> bool {
        matches!(self.jobs.front(), Some(Job::Remove(..)))
    }

    /// Does the next job; the name of a link that was to be made, and whether it was.
    pub fn work(&mut self) -> Option<(Arc<str>, bool)> {
        match self.jobs.pop_front()? {
            Job::Make(spec) => {
                let done = self.make_now(&spec);
                if let Err(e) = &done {
                    let (user, name, parent) = (&spec.user, &spec.name, &spec.parent_name);
                    log::error!("({user}) cannot make {name} on {parent}: {e}{}", advice(e));
                }
                Some((spec.name, done.is_ok()))
            }
            Job::Remove(name, Some(left)) => {
                remove_left(&name, left);
                None
            }
            Job::Remove(name, None) => {
                self.remove_now(&name);
                None
            }
        }
    }

    /// Takes over what an earlier process has changed.
    pub fn inherit(&mut self, mut setting: Changed) {
        self.untold = true;
        if setting.index != 0 {
            let Ok(name) = nix::net::if_::if_indextoname(setting.index) else { return };
            setting.scope = name.to_string_lossy().into_owned();
        }
        let Changed { family, scope, key, .. } = &setting;
        let conf = ConfKey { family: *family, scope, key };
        if conf.get().is_ok_and(|now| now != setting.value) {
            return;
        }
        let saved = match setting.key == RP_FILTER {
            true => self.checks.get_or_insert_default(),
            false => self.parents.entry(IfIndex(setting.index)).or_default(),
        };
        saved.push(setting);
    }

    /// Whether [`VirtualLinks::changed`] is not the same as when this was asked last.
    pub fn has_news(&mut self) -> bool {
        core::mem::take(&mut self.untold)
    }

    /// All that is to be put back.
    pub fn changed(&self) -> impl Iterator<Item = Changed> {
        self.parents.values().chain(&self.checks).flatten().cloned()
    }

    /// Puts back what no link needs.
    pub fn put_back_unused(&mut self) {
        let made = self.made.values().filter(|m| m.v4).map(|m| m.parent);
        let asked = self.jobs.iter().filter_map(|job| match job {
            Job::Make(spec) => Some(spec.parent),
            Job::Remove(..) => None,
        });
        let used: BTreeSet<_> = made.chain(asked).collect();
        let unused: Vec<_> = self.parents.keys().copied().filter(|p| !used.contains(p)).collect();
        for saved in unused.iter().filter_map(|parent| self.parents.remove(parent)) {
            self.untold = true;
            put_back(saved);
        }
        if used.is_empty()
            && let Some(saved) = self.checks.take()
        {
            self.untold = true;
            put_back(saved);
        }
    }

    /// Puts every setting back.
    pub fn restore(&mut self) {
        for (_, saved) in core::mem::take(&mut self.parents) {
            put_back(saved);
        }
        put_back(self.checks.take().unwrap_or_default());
    }

    fn make_now(&mut self, spec: &LinkSpec) -> io::Result<()> {
        let v4 = spec.kind.mac().is_some() && spec.family == Family::V4;
        if v4 {
            self.prepare_host();
        }
        if let Some(given) =
            spec.instead_of.as_ref().filter(|_| !self.made.contains_key(&spec.name))
        {
            let (user, name) = (&spec.user, &spec.name);
            match spec.existing {
                Some(_) => log::info!(
                    "({user}) vmac name mismatch {given} <=> {name}. changing to {name}."
                ),
                None => log::warn!(
                    "({user}) {given} is in use and no private macvlan or ipvlan; {name} takes \
                     its place"
                ),
            }
        }
        let mut batch = Batch::open()?;
        if let Some(index) = spec.replaces {
            let (user, name) = (&spec.user, &spec.name);
            log::warn!("({user}) removing interface {name}, which is not on {}", spec.parent_name);
            batch.del_link(index.0);
            run(&mut batch)?;
        }
        let known = spec.existing.filter(|index| self.made.values().any(|m| m.index == index.0));
        if let Some(index) = known {
            // Whatever comes of it, it is known by this name from now on.
            self.rename_made(index.0, spec);
        }
        self.make_room(spec, &mut batch)?;
        let (index, existing) = match obtain(spec, &mut batch)? {
            Some(index) => (index, spec.existing),
            None => (create(spec, &mut batch)?, None),
        };
        let (spec, known) = (&LinkSpec { existing, ..spec.clone() }, known == Some(IfIndex(index)));
        if let Err(e) = settle(spec, index, !known, &mut batch) {
            if spec.existing.is_none() {
                batch.del_link(index);
                // The failure before it is the one to tell of.
                let _ = run(&mut batch);
            }
            return Err(e);
        }
        let user = spec.user.clone();
        let made = Made { index, user, parent: spec.parent, v4 };
        self.made.insert(spec.name.clone(), made);
        if v4 {
            self.prepare_parent(spec);
        }
        match (spec.existing, known) {
            (None, _) => {
                log::info!("({}): Success creating VMAC interface {}", spec.user, spec.name)
            }
            (Some(_), false) => {
                log::info!("({}) Found matching interface {}", spec.user, spec.name)
            }
            (Some(_), true) => log::info!("({}) put interface {} right", spec.user, spec.name),
        }
        Ok(())
    }

    fn rename_made(&mut self, index: u32, spec: &LinkSpec) {
        let old = self.made.iter().find(|(_, m)| m.index == index).map(|(name, _)| name.clone());
        if let Some(old) = old.filter(|old| *old != spec.name)
            && let Some(made) = self.made.remove(&old)
        {
            log::info!("({}) interface {old} becomes {}", spec.user, spec.name);
            self.made.insert(spec.name.clone(), made);
        }
    }

    /// Another one of ours that has the name gets one of its own in a moment, and until then any.
    fn make_room(&self, spec: &LinkSpec, batch: &mut Batch) -> io::Result<()> {
        let Ok(index) = nix::net::if_::if_nametoindex(&*spec.name) else { return Ok(()) };
        let ours = self.made.values().any(|m| m.index == index);
        if !ours || spec.existing == Some(IfIndex(index)) {
            return Ok(());
        }
        if !rename(index, &format!("{ASIDE}{index}"), batch)? {
            batch.del_link(index);
            run(batch)?;
        }
        Ok(())
    }

    fn remove_now(&mut self, name: &Arc<str>) {
        let Some(made) = self.made.remove(name) else { return };
        let done = Batch::open().and_then(|mut batch| {
            batch.del_link(made.index);
            run(&mut batch)
        });
        match done {
            Ok(()) => log::info!("({}) Success removing VMAC interface {name}", made.user),
            // Somebody was faster.
            Err(e) if e.raw_os_error() == Some(nix::libc::ENODEV) => {}
            Err(e) => log::error!("cannot remove {name}: {e}"),
        }
        self.put_back_unused();
    }

    /// The interface below answers for its own addresses only, and not for those on the virtual
    /// link, nor does it ask in their name: else neighbours would learn its MAC for them.
    fn prepare_parent(&mut self, spec: &LinkSpec) {
        let saved = self.parents.entry(spec.parent).or_default();
        let before = saved.len();
        for (key, value) in PARENT {
            if !saved.iter().any(|c| c.key == key) {
                saved.extend(change(Family::V4, &spec.parent_name, key, value));
            }
        }
        self.untold |= saved.len() != before;
    }

    /// `all` outdoes an interface, so that the virtual link could not be free of source checks
    /// (Documentation/networking/ip-sysctl.rst): each interface gets the check of its own instead.
    fn prepare_host(&mut self) {
        let all = ConfKey { family: Family::V4, scope: "all", key: RP_FILTER };
        let mut saved = self.checks.take().unwrap_or_default();
        if let Ok(level) = all.get()
            && level > 0
        {
            for scope in scopes() {
                let own = ConfKey { scope: &scope, ..all };
                if own.get().is_ok_and(|mine| mine < level) {
                    saved.extend(change(Family::V4, &scope, RP_FILTER, level));
                }
            }
            saved.extend(change(Family::V4, "all", RP_FILTER, 0));
            self.untold = true;
            log::info!(
                "net.ipv4.conf.all.rp_filter is {level}: set on every interface instead, since \
                 VMACs cannot have it"
            );
        }
        self.checks = Some(saved);
    }
}

/// The settings that VMACs for IPv4 on these interfaces will change.
pub fn intended(parents: &BTreeSet<Arc<str>>) -> Vec<Changed> {
    let mut all = Vec::new();
    if parents.is_empty() {
        return all;
    }
    for parent in parents {
        all.extend(PARENT.iter().filter_map(|(key, value)| differs(parent, key, *value)));
    }
    let host = ConfKey { family: Family::V4, scope: "all", key: RP_FILTER };
    if let Ok(level) = host.get()
        && level > 0
    {
        let below = |c: &Changed| c.before < level;
        let own = scopes().into_iter().filter_map(|scope| differs(&scope, RP_FILTER, level));
        all.extend(own.filter(below));
        all.extend(differs("all", RP_FILTER, 0));
    }
    all
}

/// What is to be put back should a setting of IPv4 be changed, unless it has that value.
pub fn differs(scope: &str, key: &str, value: i32) -> Option<Changed> {
    let family = Family::V4;
    let before = ConfKey { family, scope, key }.get().ok().filter(|before| *before != value)?;
    Some(changed(family, scope, key, before, value))
}

fn changed(family: Family, scope: &str, key: &str, before: i32, value: i32) -> Changed {
    // Neither `all` nor `default` is an interface.
    let index = nix::net::if_::if_nametoindex(scope).unwrap_or(0);
    let (scope, key) = (scope.to_owned(), key.to_owned());
    Changed { family, scope, index, key, before, value }
}

/// Removes a link that an earlier process made.
fn remove_left(name: &str, left: IfIndex) {
    let done = Batch::open().and_then(|mut batch| {
        batch.del_link(left.0);
        run(&mut batch)
    });
    match done {
        Ok(()) => log::info!("removed interface {name}, which an earlier process has left"),
        Err(e) if e.raw_os_error() == Some(nix::libc::ENODEV) => {}
        Err(e) => log::error!("cannot remove {name}: {e}"),
    }
}

/// Changes the link that is to become it; its index, or nothing when a new one has to be made.
fn obtain(spec: &LinkSpec, batch: &mut Batch) -> io::Result<Option<u32>> {
    let Some(IfIndex(index)) = spec.existing else { return Ok(None) };
    let Ok(name) = nix::net::if_::if_indextoname(index) else { return Ok(None) };
    if name.to_str() != Ok(&*spec.name) && !rename(index, &spec.name, batch)? {
        batch.del_link(index);
        run(batch)?;
        return Ok(None);
    }
    let change = LinkChange {
        mac: spec.kind.mac(),
        master: Some(spec.master.map_or(0, |m| m.0)),
        group: Some(spec.group),
        kind: Some(kind(spec.kind)),
        ..LinkChange::default()
    };
    batch.change_link(LinkRef::Index(index), &change);
    run(batch)?;
    Ok(Some(index))
}

/// Renames a link that is up; whether the kernel does such a thing, which it does from Linux 6.2
/// on.
fn rename(index: u32, name: &str, batch: &mut Batch) -> io::Result<bool> {
    let name = Some(name.to_owned());
    batch.change_link(LinkRef::Index(index), &LinkChange { name, ..LinkChange::default() });
    match run(batch) {
        Err(e) if e.raw_os_error() == Some(nix::libc::EBUSY) => Ok(false),
        done => done.map(|()| true),
    }
}

/// Makes the link; its index.
fn create(spec: &LinkSpec, batch: &mut Batch) -> io::Result<u32> {
    let kind = kind(spec.kind);
    batch.add_link(&NewLink {
        mac: spec.kind.mac(),
        group: spec.group,
        master: spec.master.map(|m| m.0),
        ..NewLink::new(&spec.name, spec.parent.0, kind)
    });
    run(batch)?;
    Ok(nix::net::if_::if_nametoindex(&*spec.name)?)
}

/// Has the settings of a link fit its use, then sets it up. An ipvlan carries adverts only, and
/// is left as the kernel makes it.
fn settle(spec: &LinkSpec, index: u32, up: bool, batch: &mut Batch) -> io::Result<()> {
    let vmac = spec.kind.mac().is_some();
    if !spec.ipv6 {
        set(Family::V6, &spec.name, "disable_ipv6", 1);
    }
    // One that was made for another configuration has what that one wanted.
    let mode = match (spec.ipv6, spec.existing) {
        (true, _) => Some(AddrGenMode::None),
        (false, Some(_)) => Some(AddrGenMode::Eui64),
        (false, None) => None,
    };
    let mut quiet = LinkChange { addr_gen_mode: mode.filter(|_| vmac), ..LinkChange::default() };
    if vmac {
        // Answers are given for its own addresses only.
        quiet.ipv4.push((Ipv4Key::ArpIgnore, 1));
    }
    if vmac && spec.family == Family::V4 {
        // Adverts of other routers are taken although their source is reached by the interface
        // below.
        quiet.ipv4.push((Ipv4Key::AcceptLocal, 1));
        quiet.ipv4.push((Ipv4Key::RpFilter, 0));
        quiet.ipv4.push((Ipv4Key::PromoteSecondaries, 1));
    }
    batch.change_link(LinkRef::Index(index), &quiet);
    if spec.ipv6 && spec.existing.is_some() {
        run(batch)?;
        set(Family::V6, &spec.name, "disable_ipv6", 0);
    }
    if up {
        let up = LinkChange { up: Some(true), ..LinkChange::default() };
        batch.change_link(LinkRef::Index(index), &up);
    }
    run(batch)
}

/// Interfaces with settings of IPv4, and `default`.
fn scopes() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/sys/net/ipv4/conf").into_iter().flatten().flatten();
    let names = entries.filter_map(|e| e.file_name().into_string().ok());
    names.filter(|n| n != "all" && n != "lo").collect()
}

fn kind(kind: LinkKind) -> Kind {
    match kind {
        LinkKind::Vmac(_) => Kind::Macvlan { mode: MACVLAN_PRIVATE },
        LinkKind::Ipvlan(mode) => Kind::Ipvlan {
            mode: IPVLAN_L2,
            flags: match mode {
                IpvlanMode::Bridge => 0,
                IpvlanMode::Private => IPVLAN_F_PRIVATE,
                IpvlanMode::Vepa => IPVLAN_F_VEPA,
            },
        },
    }
}

/// Sends the requests; the first failure.
fn run(batch: &mut Batch) -> io::Result<()> {
    match batch.run()?.into_iter().next() {
        Some((_, error)) => Err(io::Error::from_raw_os_error(error.errno)),
        None => Ok(()),
    }
}

/// Writes a setting; whether that went well.
fn set(family: Family, scope: &str, key: &str, value: i32) -> Option<i32> {
    let conf = ConfKey { family, scope, key };
    let done = conf.set(value);
    if let Err(e) = &done {
        log::warn!("cannot set {key} of {scope} to {value}: {e}");
    }
    done.ok()
}

/// Writes a setting; what is to be put back, when that differs.
fn change(family: Family, scope: &str, key: &str, value: i32) -> Option<Changed> {
    let before = set(family, scope, key, value)?;
    (before != value).then(|| changed(family, scope, key, before, value))
}

fn put_back(saved: Saved) {
    for Changed { family, scope, index, key, before: value, .. } in saved.into_iter().rev() {
        if index != 0 && nix::net::if_::if_nametoindex(&*scope) != Ok(index) {
            continue;
        }
        let conf = ConfKey { family, scope: &scope, key: &key };
        match conf.set(value) {
            // The interface has gone, and its settings with it.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => log::warn!("cannot set {key} of {scope} back to {value}: {e}"),
            Ok(_) => {}
        }
    }
}

/// What to do about a link that cannot be made.
fn advice(e: &io::Error) -> &'static str {
    match e.raw_os_error() {
        Some(nix::libc::EOPNOTSUPP) => "; the kernel lacks macvlan or ipvlan: load the module",
        Some(nix::libc::EADDRINUSE) => {
            "; another macvlan of that interface has the MAC: remove it, or set another MAC"
        }
        Some(nix::libc::EBUSY) => "; macvlan and ipvlan exclude each other on one interface",
        Some(nix::libc::EPERM) => "; it takes NET_ADMIN",
        _ => "",
    }
}
