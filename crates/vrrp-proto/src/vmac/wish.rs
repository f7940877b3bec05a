//! What a configuration wants of virtual links: which, of what kind, by what name.

use crate::action::LinkKind;
use core::net::Ipv6Addr;
use model::net::Address;
use model::{Global, VrrpInstance};
use std::sync::Arc;
use types::Family;

/// What tells one virtual link from another. Instances of one virtual router share theirs, since
/// a MAC can be on an interface once only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VmacKey {
    /// The interface below.
    pub parent: Arc<str>,
    /// Whose MAC.
    pub family: Family,
    /// Whose MAC.
    pub vrid: u8,
    /// It is an ipvlan.
    pub ipvlan: bool,
}

impl VmacKey {
    fn new(parent: &str, family: Family, config: &VrrpInstance) -> Self {
        VmacKey { parent: parent.into(), family, vrid: config.vrid.get(), ipvlan: false }
    }

    /// The link for adverts of an instance.
    pub fn own(config: &VrrpInstance) -> Option<Self> {
        let stacked = config.vmac.is_some() || config.ipvlan.is_some();
        let parent = config.interface.as_deref().filter(|_| stacked)?;
        let key = Self::new(parent, config.family, config);
        Some(VmacKey { ipvlan: config.ipvlan.is_some(), ..key })
    }

    /// Every link of an instance, that for adverts first; some more than once.
    pub fn all(config: &VrrpInstance) -> impl Iterator<Item = Self> {
        let addrs = config.vips.iter().chain(&config.evips);
        Self::own(config).into_iter().chain(addrs.filter_map(|a| Self::of(config, a)))
    }

    /// The link for one address of an instance: that for adverts, or one on another interface
    /// (`use_vmac` of the address, `use_vmac_addr`). An ipvlan is for adverts alone: it has the MAC
    /// of the interface anyway.
    pub fn of(config: &VrrpInstance, addr: &Address) -> Option<Self> {
        let family = addr.prefix.family();
        let own = config.interface.as_deref();
        let parent = addr.dev.as_deref().or(own)?;
        let home = Some(parent) == own && family == config.family;
        if let Some(key) = Self::own(config).filter(|key| home && !key.ipvlan) {
            return Some(key);
        }
        let elsewhere = config.vmac_addr && (config.vmac.is_some() || !home);
        (addr.use_vmac || elsewhere).then(|| Self::new(parent, family, config))
    }
}

/// The interfaces that an instance wants VMACs of a family on.
pub fn vmac_parents(config: &VrrpInstance, family: Family) -> impl Iterator<Item = Arc<str>> {
    let wanted = move |key: &VmacKey| key.family == family && !key.ipvlan;
    VmacKey::all(config).filter(wanted).map(|key| key.parent)
}

/// What a link is to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub kind: LinkKind,
    pub given: Option<Arc<str>>,
    pub prefix: String,
    pub group: Option<u32>,
    /// An instance sends adverts from it.
    pub adverts: bool,
    /// IPv6 is needed on it.
    pub ipv6: bool,
    /// It carries the link-local address of the interface below, to send from.
    pub copies_source: bool,
    /// An address of its own.
    pub addr: Option<types::Prefix>,
}

impl Wish {
    pub fn new(key: &VmacKey, own: bool, config: &VrrpInstance, global: &Global) -> Self {
        let ipv6 = key.family == Family::V6 || own && has_ipv6(config);
        let standard = match key.family {
            Family::V4 => [0, 0, 0x5e, 0, 1, key.vrid],
            Family::V6 => [0, 0, 0x5e, 0, 2, key.vrid],
        };
        let mut wish = Wish {
            kind: LinkKind::Vmac(standard),
            given: None,
            prefix: global.vmac_prefix.clone(),
            group: None,
            adverts: own,
            ipv6,
            copies_source: key.family == Family::V6
                && !key.ipvlan
                && !(own && config.vmac_xmit_base),
            addr: None,
        };
        match (&config.ipvlan, &config.vmac) {
            (Some(ipvlan), _) if own => {
                wish.kind = LinkKind::Ipvlan(ipvlan.mode);
                wish.given = ipvlan.name.as_deref().map(Arc::from);
                wish.group = ipvlan.group;
                wish.addr = ipvlan.addr;
            }
            (_, Some(vmac)) if own => {
                wish.kind = LinkKind::Vmac(vmac.mac.unwrap_or(standard));
                wish.given = vmac.name.as_deref().map(Arc::from);
                wish.group = vmac.group;
            }
            _ => {
                if let Some(prefix) = &global.vmac_addr_prefix {
                    wish.prefix.clone_from(prefix);
                }
            }
        }
        wish
    }

    /// Whether its name is made up in the same way.
    pub fn names_like(&self, new: &Wish) -> bool {
        self.given == new.given && self.prefix == new.prefix
    }
}

/// Whether an instance has an IPv6 address.
pub fn has_ipv6(config: &VrrpInstance) -> bool {
    config.vips.iter().chain(&config.evips).any(|a| a.prefix.family() == Family::V6)
}

/// The address with the prefix length of link-local ones.
pub fn link_local(addr: Ipv6Addr) -> Option<types::Prefix> {
    crate::links::is_link_local(addr).then_some(types::Prefix { addr: addr.into(), len: 64 })
}
