//! IPVS as plain data: services, destinations, operations, and the table of
//! what this host wants of the kernel.
//!
//! The table counts who uses a service and who claims a destination, because
//! virtual servers of one group share them. Claiming what is already so
//! yields nothing: a pool states what it wants, and the operations are the
//! difference. The shell sends them in order, and after a crash compares
//! [`Table::wanted`] with what it finds by [`reconcile`].

use crate::action::Action;
use core::net::IpAddr;
use model::lvs::{Forwarding, Protocol, Scheduler};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::Family;

/// Identifies a kernel service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// Address family.
    pub family: Family,
    /// What it listens on.
    pub to: ServiceTo,
}

/// What a service listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceTo {
    /// Protocol number (6, 17, 132), address and port.
    Addr(u8, IpAddr, u16),
    /// Firewall mark.
    Mark(u32),
}

/// Service flags (linux/ip_vs.h, `IP_VS_SVC_F_*`).
pub mod flags {
    /// Persistent port.
    pub const PERSISTENT: u32 = 0x1;
    /// One packet scheduling.
    pub const ONE_PACKET: u32 = 0x4;
    /// Shift of the three scheduler flags.
    pub const SCHED_SHIFT: u32 = 3;
}

/// Everything about a service but its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSpec {
    /// Scheduler.
    pub scheduler: Scheduler,
    /// [`flags`].
    pub flags: u32,
    /// Persistence in seconds; 0 is off.
    pub timeout: u32,
    /// Persistence mask: IPv4 netmask bits as a number, or IPv6 prefix length.
    pub netmask: u32,
    /// Persistence engine, when persistent.
    pub engine: Option<Box<str>>,
}

/// Identifies a destination within a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestKey {
    /// Address.
    pub addr: IpAddr,
    /// Port.
    pub port: u16,
}

/// Everything about a destination but its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DestSpec {
    /// Forwarding method.
    pub forwarding: Forwarding,
    /// Weight, not negative.
    pub weight: i32,
    /// Upper connection threshold; 0 is none.
    pub uthreshold: u32,
    /// Lower connection threshold; 0 is none.
    pub lthreshold: u32,
}

/// One change of the kernel's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IpvsOp {
    /// Add a service.
    AddService(ServiceKey, Arc<ServiceSpec>),
    /// Change a service in place.
    EditService(ServiceKey, Arc<ServiceSpec>),
    /// Remove a service; the kernel removes its destinations with it.
    DelService(ServiceKey),
    /// Add a destination.
    AddDest(ServiceKey, DestKey, DestSpec),
    /// Change a destination in place.
    EditDest(ServiceKey, DestKey, DestSpec),
    /// Remove a destination.
    DelDest(ServiceKey, DestKey),
    /// Remove everything.
    Flush,
}

/// Who claims: a virtual server and one of its servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claimant {
    /// Virtual server.
    pub vs: u32,
    /// Server within it.
    pub slot: u32,
}

#[derive(Debug, Clone, Copy)]
struct Claim {
    key: DestKey,
    by: Claimant,
    spec: DestSpec,
}

#[derive(Debug, Default)]
struct Service {
    /// Virtual servers, by id; the first one's spec counts.
    users: Vec<(u32, Arc<ServiceSpec>)>,
    /// Sorted by key and claimant.
    claims: Vec<Claim>,
}

/// A service with its destinations, as wanted or as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Settings.
    pub spec: Arc<ServiceSpec>,
    /// Destinations.
    pub dests: BTreeMap<DestKey, DestSpec>,
}

/// What this host wants of the kernel.
#[derive(Debug, Default)]
pub struct Table {
    services: BTreeMap<ServiceKey, Service>,
}

impl Service {
    fn range(&self, key: DestKey) -> core::ops::Range<usize> {
        let from = self.claims.partition_point(|c| c.key < key);
        let to = self.claims.partition_point(|c| c.key <= key);
        from..to
    }

    /// What holds for a destination: of several claims the heaviest.
    fn effective(&self, key: DestKey) -> Option<DestSpec> {
        let claims = self.claims.get(self.range(key))?;
        claims.iter().rev().max_by_key(|c| c.spec.weight).map(|c| c.spec)
    }

    fn dests(&self) -> impl Iterator<Item = (DestKey, DestSpec)> + '_ {
        self.claims.chunk_by(|a, b| a.key == b.key).filter_map(|same| {
            let best = same.iter().rev().max_by_key(|c| c.spec.weight)?;
            Some((best.key, best.spec))
        })
    }
}

impl Table {
    /// Virtual server `vs` uses `service` with `spec`.
    pub fn join(
        &mut self,
        service: ServiceKey,
        vs: u32,
        spec: &Arc<ServiceSpec>,
        out: &mut Vec<Action>,
    ) {
        let s = self.services.entry(service).or_default();
        let before = s.users.first().map(|(_, spec)| spec.clone());
        match s.users.binary_search_by_key(&vs, |u| u.0) {
            Ok(at) => {
                if let Some(user) = s.users.get_mut(at) {
                    user.1 = spec.clone();
                }
            }
            Err(at) => s.users.insert(at, (vs, spec.clone())),
        }
        let Some((_, after)) = s.users.first() else { return };
        match before {
            None => out.push(Action::Ipvs(IpvsOp::AddService(service, after.clone()))),
            Some(b) if b != *after => {
                out.push(Action::Ipvs(IpvsOp::EditService(service, after.clone())))
            }
            Some(_) => {}
        }
    }

    /// Virtual server `vs` uses `service` no more; its claims go too.
    pub fn leave(&mut self, service: ServiceKey, vs: u32, out: &mut Vec<Action>) {
        let Some(s) = self.services.get_mut(&service) else { return };
        let before = s.users.first().map(|(_, spec)| spec.clone());
        s.users.retain(|u| u.0 != vs);
        let Some((_, after)) = s.users.first().cloned() else {
            self.services.remove(&service);
            out.push(Action::Ipvs(IpvsOp::DelService(service)));
            return;
        };
        let mine: Vec<_> =
            s.claims.iter().filter(|c| c.by.vs == vs).map(|c| (c.key, c.by)).collect();
        for (key, by) in mine {
            self.release(service, key, by, out);
        }
        if before.is_some_and(|b| b != after) {
            out.push(Action::Ipvs(IpvsOp::EditService(service, after)));
        }
    }

    /// `by` wants destination `key` of `service` to be as `spec`.
    pub fn claim(
        &mut self,
        service: ServiceKey,
        key: DestKey,
        by: Claimant,
        spec: DestSpec,
        out: &mut Vec<Action>,
    ) {
        let Some(s) = self.services.get_mut(&service) else { return };
        let before = s.effective(key);
        match s.claims.binary_search_by_key(&(key, by), |c| (c.key, c.by)) {
            Ok(at) => {
                if let Some(c) = s.claims.get_mut(at) {
                    c.spec = spec;
                }
            }
            Err(at) => s.claims.insert(at, Claim { key, by, spec }),
        }
        differ(service, key, before, s.effective(key), out);
    }

    /// `by` wants nothing of destination `key` of `service` any more.
    pub fn release(
        &mut self,
        service: ServiceKey,
        key: DestKey,
        by: Claimant,
        out: &mut Vec<Action>,
    ) {
        let Some(s) = self.services.get_mut(&service) else { return };
        let before = s.effective(key);
        if let Ok(at) = s.claims.binary_search_by_key(&(key, by), |c| (c.key, c.by)) {
            s.claims.remove(at);
            differ(service, key, before, s.effective(key), out);
        }
    }

    /// Releases the claims of `vs` on `service` that `keep` does not name.
    pub fn prune(
        &mut self,
        service: ServiceKey,
        vs: u32,
        keep: impl Fn(DestKey, u32) -> bool,
        out: &mut Vec<Action>,
    ) {
        let Some(s) = self.services.get(&service) else { return };
        let gone: Vec<_> = s
            .claims
            .iter()
            .filter(|c| c.by.vs == vs && !keep(c.key, c.by.slot))
            .map(|c| (c.key, c.by))
            .collect();
        for (key, by) in gone {
            self.release(service, key, by, out);
        }
    }

    /// Forgets everything, without a word to the kernel.
    pub fn clear(&mut self) {
        self.services.clear();
    }

    /// Number of services.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether there is no service.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// What `by` claims a destination to be.
    pub fn claimed(&self, service: ServiceKey, key: DestKey, by: Claimant) -> Option<DestSpec> {
        let claims = &self.services.get(&service)?.claims;
        let at = claims.binary_search_by_key(&(key, by), |c| (c.key, c.by)).ok()?;
        claims.get(at).map(|c| c.spec)
    }

    /// What holds for a destination.
    pub fn dest(&self, service: ServiceKey, key: DestKey) -> Option<DestSpec> {
        self.services.get(&service)?.effective(key)
    }

    /// One service with its destinations.
    pub fn entry(&self, service: &ServiceKey) -> Option<Entry> {
        let s = self.services.get(service)?;
        Some(Entry { spec: s.users.first()?.1.clone(), dests: s.dests().collect() })
    }

    /// Every service's key.
    pub fn keys(&self) -> impl Iterator<Item = &ServiceKey> {
        self.services.keys()
    }

    /// Every service with its destinations.
    pub fn wanted(&self) -> BTreeMap<ServiceKey, Entry> {
        self.services.keys().filter_map(|key| Some((*key, self.entry(key)?))).collect()
    }
}

fn differ(
    service: ServiceKey,
    key: DestKey,
    before: Option<DestSpec>,
    after: Option<DestSpec>,
    out: &mut Vec<Action>,
) {
    out.extend(difference(service, key, before, after).map(Action::Ipvs));
}

fn difference(
    service: ServiceKey,
    key: DestKey,
    before: Option<DestSpec>,
    after: Option<DestSpec>,
) -> Option<IpvsOp> {
    match (before, after) {
        (None, Some(spec)) => Some(IpvsOp::AddDest(service, key, spec)),
        (Some(b), Some(spec)) if b != spec => Some(IpvsOp::EditDest(service, key, spec)),
        (Some(_), None) => Some(IpvsOp::DelDest(service, key)),
        _ => None,
    }
}

/// The operations that turn `found` into `wanted`, services that are not ours
/// untouched: only those for which `ours` holds are removed when unwanted.
pub fn reconcile(
    found: &BTreeMap<ServiceKey, Entry>,
    wanted: &BTreeMap<ServiceKey, Entry>,
    ours: impl Fn(&ServiceKey) -> bool,
) -> Vec<IpvsOp> {
    let mut out = Vec::new();
    for (key, want) in wanted {
        let have = found.get(key);
        match have {
            None => out.push(IpvsOp::AddService(*key, want.spec.clone())),
            Some(have) if have.spec != want.spec => {
                out.push(IpvsOp::EditService(*key, want.spec.clone()));
            }
            Some(_) => {}
        }
        let none = BTreeMap::new();
        let had = have.map_or(&none, |h| &h.dests);
        // Additions first, so that a service is never without a server.
        for (dest, spec) in &want.dests {
            out.extend(difference(*key, *dest, had.get(dest).copied(), Some(*spec)));
        }
        for dest in had.keys().filter(|d| !want.dests.contains_key(d)) {
            out.push(IpvsOp::DelDest(*key, *dest));
        }
    }
    for key in found.keys().filter(|k| !wanted.contains_key(k) && ours(k)) {
        out.push(IpvsOp::DelService(*key));
    }
    out
}

/// Protocol number of IPv4 and IPv6 headers.
pub const fn protocol_number(p: Protocol) -> u8 {
    match p {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Kernel, ip};
    use proptest::prelude::*;

    fn service(n: u32) -> ServiceKey {
        ServiceKey { family: Family::V4, to: ServiceTo::Mark(n) }
    }

    fn spec(timeout: u32) -> Arc<ServiceSpec> {
        let scheduler = Scheduler::Rr;
        Arc::new(ServiceSpec { scheduler, flags: 0, timeout, netmask: 32, engine: None })
    }

    fn entry(timeout: u32, dests: &[(u8, i32)]) -> Entry {
        let dest = |(n, weight): &(u8, i32)| {
            let key = DestKey { addr: ip(&format!("10.1.0.{n}")), port: 80 };
            let forwarding = Forwarding::Dr;
            (key, DestSpec { forwarding, weight: *weight, uthreshold: 0, lthreshold: 0 })
        };
        Entry { spec: spec(timeout), dests: dests.iter().map(dest).collect() }
    }

    #[test]
    fn what_is_found_and_wanted_is_left_alone() {
        let table = BTreeMap::from([(service(1), entry(0, &[(1, 1), (2, 2)]))]);
        assert_eq!(reconcile(&table, &table, |_| true), []);
    }

    #[test]
    fn after_a_crash_only_differences_are_written() {
        let found = BTreeMap::from([
            (service(1), entry(0, &[(1, 1), (2, 2)])),
            (service(2), entry(0, &[(1, 1)])),
            (service(9), entry(0, &[(1, 1)])),
        ]);
        let wanted = BTreeMap::from([
            (service(1), entry(5, &[(1, 7), (3, 3)])),
            (service(3), entry(0, &[(1, 1)])),
        ]);
        let ops = reconcile(&found, &wanted, |key| *key != service(9));
        let words: Vec<_> = ops
            .iter()
            .map(|op| format!("{op:?}").split('(').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            words,
            [
                "EditService",
                "EditDest",
                "AddDest",
                "DelDest",
                "AddService",
                "AddDest",
                "DelService"
            ]
        );
        let mut kernel = Kernel(found);
        ops.iter().for_each(|op| kernel.apply(op));
        let foreign = kernel.0.remove(&service(9));
        assert!(foreign.is_some(), "a service that is not ours stays");
        assert_eq!(kernel.0, wanted);
    }

    fn tables() -> impl Strategy<Value = BTreeMap<ServiceKey, Entry>> {
        let dests = proptest::collection::vec((1u8..6, 0i32..3), 0..5);
        proptest::collection::btree_map(0u32..6, (0u32..2, dests), 0..6).prop_map(|t| {
            t.into_iter()
                .map(|(n, (timeout, dests))| (service(n), entry(timeout, &dests)))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn whatever_is_found_becomes_what_is_wanted(found in tables(), wanted in tables()) {
            let mut kernel = Kernel(found.clone());
            for op in reconcile(&found, &wanted, |_| true) {
                kernel.apply(&op);
            }
            prop_assert_eq!(kernel.0, wanted);
        }
    }
}
