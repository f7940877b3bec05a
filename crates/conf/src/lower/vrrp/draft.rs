//! An instance while it is read: what is given, apart from what follows.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use model::vrrp::{GarpExtraIf, Notify, OldChecksum, Peer, Version, VrrpInstance};
use types::{Family, Priority, ScriptId, Vrid};

use super::auth;
use crate::args::Args;
use crate::diag::Code;
use crate::lower::Cx;
use crate::source::Span;

/// A `vrrp_instance` that is being read.
#[derive(Debug)]
pub struct Draft {
    /// Where its block begins.
    pub span: Span,
    /// What needs no defaults from elsewhere is final here.
    pub made: VrrpInstance,
    /// What is written and decided upon once all is read.
    pub given: Given,
}

/// What an instance says itself; `None` and `false` where it says nothing.
#[derive(Debug, Default)]
pub struct Given {
    /// `virtual_router_id`.
    pub vrid: Option<Vrid>,
    /// Family of the first address or source.
    pub family: Option<Family>,
    /// `native_ipv6`.
    pub native_ipv6: bool,
    /// `version`.
    pub version: Option<Version>,
    /// `state`: whether it is MASTER.
    pub master: Option<bool>,
    /// `priority`.
    pub priority: Option<Priority>,
    /// `mcast_dst_ip`.
    pub mcast_group: Option<IpAddr>,
    /// A keyword that only unicast has.
    pub unicast: bool,
    /// `unicast_peer`.
    pub peers: Vec<Peer>,
    /// A peer has limits of TTL.
    pub ttl_limits: bool,
    /// `unicast_fault_no_peer`.
    pub fault_no_peer: bool,
    /// `check_unicast_src`.
    pub check_unicast_src: bool,
    /// `unicast_ttl`.
    pub unicast_ttl: Option<u8>,
    /// `old_unicast_checksum`.
    pub old_checksum: OldChecksum,
    /// `v3_checksum_as_v2`.
    pub v3_checksum_as_v2: Option<bool>,
    /// The MAC of `use_vmac` lacks its last octet.
    pub mac_ends_in_vrid: bool,
    /// `accept` or `no_accept`.
    pub accept: Option<bool>,
    /// `skip_check_adv_addr`.
    pub skip_check_adv_addr: Option<bool>,
    /// `strict_mode`.
    pub strict: Option<bool>,
    /// `down_timer_adverts`.
    pub down_timer_adverts: Option<u8>,
    /// `lower_prio_no_advert`.
    pub lower_prio_no_advert: Option<bool>,
    /// `higher_prio_send_advert`.
    pub higher_prio_send_advert: Option<bool>,
    /// `owner_ignore_adverts`.
    pub owner_ignore_adverts: Option<bool>,
    /// `smtp_alert`.
    pub smtp_alert: Option<bool>,
    /// `notify_priority_changes`.
    pub notify_priority_changes: Option<bool>,
    /// Pacing.
    pub garp: GivenGarp,
    /// `authentication`.
    pub auth: Option<auth::Legacy>,
    /// `auth_hmac`.
    pub hmac: Option<auth::Hmac>,
    /// Addresses of the VIPs.
    pub vips: HashSet<IpAddr>,
    /// Addresses and interfaces of all VIPs.
    pub addresses: HashSet<(IpAddr, Option<String>)>,
}

/// Pacing that an instance sets itself.
#[derive(Debug, Default)]
pub struct GivenGarp {
    /// `garp_master_delay`.
    pub master_delay: Option<Duration>,
    /// `garp_master_repeat`.
    pub master_repeat: Option<u32>,
    /// `garp_master_refresh`.
    pub master_refresh: Option<Duration>,
    /// `garp_master_refresh_repeat`.
    pub master_refresh_repeat: Option<u32>,
    /// `garp_lower_prio_delay`.
    pub lower_prio_delay: Option<Duration>,
    /// `garp_lower_prio_repeat`.
    pub lower_prio_repeat: Option<u32>,
    /// `garp_extra_if`; `Some(None)` is off.
    pub extra_if: Option<Option<GarpExtraIf>>,
}

impl Draft {
    fn new(name: &str, span: Span) -> Option<Self> {
        let made = VrrpInstance::plain(name, Vrid::new(1)?);
        Some(Draft { span, made, given: Given::default() })
    }

    /// Whether an address of this family fits; the first one decides.
    pub fn takes_family(&mut self, family: Family) -> bool {
        *self.given.family.get_or_insert(family) == family
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.made.name
    }
}

/// `vrrp_instance NAME {`.
pub fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    let (name, span) = (a.str(0), a.whole());
    if let Some(first) = cx.build.vrrp.names.get(name) {
        let text = format!("vrrp_instance {name} is defined already - skipping the block");
        let diag = crate::Diag::new(crate::Level::General, Code::Duplicate, a.span(0), text);
        cx.report(diag.related(*first, "first defined here"));
        cx.skip_block();
        return;
    }
    cx.build.vrrp.names.insert(name.to_owned(), span);
    cx.build.vrrp.instance = Draft::new(name, span);
}

/// The end of a `vrrp_instance`.
pub fn close(cx: &mut Cx<'_>) {
    if let Some(draft) = cx.build.vrrp.instance.take() {
        cx.build.vrrp.instances.push(draft);
    }
}

impl Cx<'_> {
    /// What the open instance says; a keyword of an instance runs only while
    /// one is open.
    pub fn given(&mut self) -> Option<&mut Given> {
        self.build.vrrp.instance.as_mut().map(|d| &mut d.given)
    }

    /// The open instance.
    pub fn made(&mut self) -> Option<&mut VrrpInstance> {
        self.build.vrrp.instance.as_mut().map(|d| &mut d.made)
    }

    /// The scripts of the open instance or sync group.
    pub fn notify(&mut self) -> Option<&mut Notify> {
        match (&mut self.build.vrrp.instance, &mut self.build.vrrp.group) {
            (Some(draft), _) => Some(&mut draft.made.notify),
            (None, Some(group)) => Some(&mut group.made.notify),
            (None, None) => None,
        }
    }
}

/// A `notify_*` keyword of an instance or sync group; the first one counts.
pub fn notify(cx: &mut Cx<'_>, a: &Args<'_>, slot: fn(&mut Notify) -> &mut Option<ScriptId>) {
    let Some(script) = a.script() else { return };
    if cx.notify().is_some_and(|n| slot(n).is_some()) {
        let path = script.argv.first().map_or("", String::as_str);
        let text = format!("({}) {} is given twice - ignoring {path}", cx.block_name(), a.name());
        cx.error(Code::Duplicate, a.whole(), text);
        return;
    }
    let id = cx.add_script(script);
    if let Some(notify) = cx.notify() {
        *slot(notify) = Some(id);
    }
}
