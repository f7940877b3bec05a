//! Instances that cannot live on the same host.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use model::vrrp::VrrpInstance;
use types::Family;

use crate::diag::Code;
use crate::lower::Cx;
use crate::source::Span;

/// What adverts of an instance are told by.
#[derive(PartialEq, Eq, Hash)]
struct Adverts<'c> {
    vrid: u8,
    family: Family,
    interface: Option<&'c str>,
    /// The group, or source and peer.
    to: (Option<IpAddr>, IpAddr),
}

/// Two instances with the same VRID where their adverts could be mixed up
/// refuse the start; two that would share a VMAC for an address do not run
/// both.
pub(super) fn check(cx: &mut Cx<'_>) {
    let texts = same_vrid(&cx.build.config.vrrp.instances);
    for (text, names) in texts {
        let span = names.iter().filter_map(|n| cx.build.vrrp.names.get(n)).next_back().copied();
        cx.late_fatal(Code::Conflict, span.unwrap_or(Span::NONE), text);
    }
    shared_vmacs(cx);
}

/// What is to be said, with the names of the instances.
fn same_vrid(instances: &[VrrpInstance]) -> Vec<(String, [String; 2])> {
    let mut seen: HashMap<Adverts<'_>, usize> = HashMap::with_capacity(instances.len());
    let mut said = Vec::new();
    for (i, instance) in instances.iter().enumerate() {
        let key = |interface, to| Adverts {
            vrid: instance.vrid.get(),
            family: instance.family,
            interface,
            to,
        };
        let keys: Vec<Adverts<'_>> = match &instance.unicast {
            Some(unicast) => {
                let of = |p: &model::vrrp::Peer| key(None, (instance.source, p.addr));
                unicast.peers.iter().map(of).collect()
            }
            None => vec![key(instance.interface.as_deref(), (None, instance.mcast_group))],
        };
        let mut other = None;
        for key in keys {
            match seen.entry(key) {
                Entry::Occupied(first) => other = Some(*first.get()),
                Entry::Vacant(place) => {
                    place.insert(i);
                }
            }
        }
        let Some(other) = other.and_then(|o| instances.get(o)).filter(|o| o.name != instance.name)
        else {
            continue;
        };
        said.push((text(other, instance), [other.name.clone(), instance.name.clone()]));
    }
    said
}

fn text(first: &VrrpInstance, second: &VrrpInstance) -> String {
    let vrid = first.vrid;
    if first.unicast.is_some() {
        return format!(
            "({}) duplicate VRID conflict: {} has VRID {vrid} and a peer in common",
            first.name, second.name
        );
    }
    format!(
        "{} and {} both use VRID {vrid} with {} on interface {}",
        first.name,
        second.name,
        first.family,
        first.interface.as_deref().unwrap_or("")
    )
}

/// A VMAC that holds addresses of two instances belongs to the first, unless
/// a sync group holds both.
fn shared_vmacs(cx: &mut Cx<'_>) {
    let vrrp = &mut cx.build.config.vrrp;
    let mut group_of: HashMap<&str, usize> = HashMap::new();
    for (i, group) in vrrp.sync_groups.iter().enumerate() {
        group_of.extend(group.members.iter().map(|m| (m.as_str(), i)));
    }
    let mut owners: HashMap<(String, Family, u8), (String, Option<usize>)> = HashMap::new();
    let mut said = Vec::new();
    for instance in &mut vrrp.instances {
        let group = group_of.get(instance.name.as_str()).copied();
        let vmac_addr = instance.vmac_addr;
        let own = instance.interface.as_deref();
        let on_vmac = instance.vips.iter().chain(&instance.evips).filter_map(|vip| {
            let dev = vip.dev.as_deref().filter(|dev| Some(*dev) != own)?;
            (vip.use_vmac || vmac_addr).then(|| (dev.to_owned(), vip.prefix.family()))
        });
        let mut rival = None;
        for (dev, family) in on_vmac {
            let key = (dev, family, instance.vrid.get());
            let (owner, of) = owners.entry(key).or_insert_with(|| (instance.name.clone(), group));
            if *owner != instance.name && (group.is_none() || *of != group) {
                rival = Some(owner.clone());
            }
        }
        if let Some(rival) = rival {
            instance.config_faults += 1;
            said.push(format!(
                "({}) shares the VMAC of an address with {rival}, and no sync group holds both; \
                 the instance stays in FAULT",
                instance.name
            ));
        }
    }
    for text in said {
        cx.late(Code::Conflict, Span::NONE, text);
    }
}
