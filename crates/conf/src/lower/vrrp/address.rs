//! Entries of `virtual_ipaddress`, `virtual_ipaddress_excluded` and
//! `static_ipaddress`.

use std::net::{IpAddr, Ipv4Addr};

use model::net::Address;
use types::{Family, Prefix};

use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::grammar::Keyword;
use crate::grammar::address::{STATIC_OPTIONS, VIP_OPTIONS};
use crate::lower::Cx;
use crate::lower::names::RoutingName;
use crate::value::{self, IntStyle};

/// `IFA_F_NODAD`: no duplicate address detection (linux/if_addr.h).
pub const NODAD: u32 = 0x02;
/// `IFA_F_HOMEADDRESS`.
pub const HOME: u32 = 0x10;
/// `IFA_F_MANAGETEMPADDR`.
pub const MNGTMPADDR: u32 = 0x100;
/// `IFA_F_NOPREFIXROUTE`.
pub const NOPREFIXROUTE: u32 = 0x200;
/// `IFA_F_MCAUTOJOIN`.
pub const AUTOJOIN: u32 = 0x400;

/// Longest label: that of an interface name.
const LABEL_MAX: usize = 15;
/// What `default_interface` is when it is not given.
const DEFAULT_INTERFACE: &str = "eth0";

/// The address that is being read.
#[derive(Debug, Default)]
pub struct Draft {
    made: Option<Address>,
    /// A prefix length was written.
    length_given: bool,
    /// An option makes it unusable.
    dropped: bool,
}

/// Which block an address stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Vip,
    Evip,
    Static,
}

/// An entry of `virtual_ipaddress`.
pub fn vip(cx: &mut Cx<'_>, a: &Args<'_>) {
    entry(cx, a, Place::Vip, VIP_OPTIONS);
}

/// An entry of `virtual_ipaddress_excluded`.
pub fn evip(cx: &mut Cx<'_>, a: &Args<'_>) {
    entry(cx, a, Place::Evip, VIP_OPTIONS);
}

/// An entry of `static_ipaddress`.
pub fn static_address(cx: &mut Cx<'_>, a: &Args<'_>) {
    entry(cx, a, Place::Static, STATIC_OPTIONS);
}

fn entry(cx: &mut Cx<'_>, a: &Args<'_>, place: Place, options: &'static [Keyword]) {
    let Some(prefix) = prefix(cx, a) else { return };
    let mut made = Address::plain(prefix);
    if prefix.family() == Family::V6 {
        made.flags = NODAD;
    }
    let length_given = a.str(0).contains('/');
    cx.build.vrrp.address = Draft { made: Some(made), length_given, dropped: false };
    cx.names.push(a.str(0));
    let well = cx.options(a, 1, options, unknown);
    cx.names.pop();
    let draft = std::mem::take(&mut cx.build.vrrp.address);
    let Some(mut address) = draft.made.filter(|_| well && !draft.dropped) else { return };
    if address.peer.is_some() {
        with_peer(cx, a, &mut address, draft.length_given);
    }
    match place {
        Place::Static => add_static(cx, a, address),
        Place::Vip | Place::Evip => add_vip(cx, a, address, place == Place::Vip),
    }
}

/// `ADDR[/LEN]`; a bad length is reported and the full one used.
fn prefix(cx: &mut Cx<'_>, a: &Args<'_>) -> Option<Prefix> {
    let word = a.str(0);
    let (address, length) = match word.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (word, None),
    };
    let Some(address) = value::address(address) else {
        let text = format!("VRRP parsed invalid IP {word}. skipping IP...");
        let help = "an entry begins with an address: ADDR[/LEN] [dev IF] ...";
        let diag = Diag::new(Level::General, Code::BadAddress, a.span(0), text);
        cx.report(diag.help(help));
        return None;
    };
    let most = Family::of(address).bits();
    let Some(length) = length else { return Some(Prefix::host(address)) };
    let style = IntStyle { lenient: false, any_base: false };
    match value::integer(length, 0, i64::from(most), style) {
        Ok(read) => Some(Prefix { addr: address, len: u8::try_from(read.value).unwrap_or(most) }),
        Err(cause) => {
            let text =
                format!("address {word}: prefix length '{length}' is invalid - using {most}");
            cx.report(Diag::new(Level::General, Code::BadNumber, a.span(0), text).because(cause));
            Some(Prefix::host(address))
        }
    }
}

fn unknown(cx: &mut Cx<'_>, a: &Args<'_>) -> usize {
    let text = format!("Unknown configuration entry '{}' for ip address - ignoring", a.str(0));
    cx.error(Code::UnknownKeyword, a.span(0), text);
    1
}

/// A peer has the prefix, and no broadcast goes with it.
fn with_peer(cx: &mut Cx<'_>, a: &Args<'_>, address: &mut Address, length_given: bool) {
    if length_given {
        let text = "an address with a peer takes no prefix length - ignoring the length";
        cx.error(Code::Conflict, a.whole(), text);
        address.prefix = Prefix::host(address.prefix.addr);
    }
    if address.broadcast.take().is_some() {
        let text = format!("address {}: no broadcast goes with a peer - ignoring it", a.str(0));
        cx.error(Code::Conflict, a.whole(), text);
    }
}

fn add_static(cx: &mut Cx<'_>, a: &Args<'_>, address: Address) {
    cx.build.vrrp.static_spans.push(a.span(0));
    cx.build.config.vrrp.static_addresses.push(address);
}

/// Static addresses without `dev` are on the default interface.
pub fn check(cx: &mut Cx<'_>) {
    let spans = std::mem::take(&mut cx.build.vrrp.static_spans);
    let default = cx.build.config.global.default_interface.as_deref();
    let default = default.unwrap_or(DEFAULT_INTERFACE).to_owned();
    let mut bare = Vec::new();
    for (address, span) in cx.build.config.vrrp.static_addresses.iter_mut().zip(spans) {
        if address.dev.is_none() {
            address.dev = Some(default.clone());
            bare.push((span, address.prefix));
        }
    }
    for (span, prefix) in bare {
        cx.wants_interface(&default, span, || {
            format!("address {prefix}: interface {default} doesn't exist")
        });
    }
}

fn add_vip(cx: &mut Cx<'_>, a: &Args<'_>, address: Address, advertised: bool) {
    let Some(draft) = &mut cx.build.vrrp.instance else { return };
    let (name, shown) = (draft.made.name.clone(), a.str(0));
    if advertised && !draft.takes_family(address.prefix.family()) {
        let text = format!("({name}) address {shown} is not of the instance's family - ignoring");
        cx.error(Code::BadFamily, a.span(0), text);
        return;
    }
    let key = (address.prefix.addr, address.dev.clone());
    let taken = advertised && !draft.given.vips.insert(key.0);
    if taken || !draft.given.addresses.insert(key) {
        let what = if advertised { "VIP duplicates" } else { "Excluded VIP duplicates" };
        let text = format!("({name}): {what} a VIP {shown} - ignoring");
        cx.error(Code::Duplicate, a.span(0), text);
        return;
    }
    let list = if advertised { &mut draft.made.vips } else { &mut draft.made.evips };
    list.push(address);
}

/// Changes the address that is being read.
pub fn change(cx: &mut Cx<'_>, change: impl FnOnce(&mut Address)) {
    if let Some(address) = &mut cx.build.vrrp.address.made {
        change(address);
    }
}

/// The family of the address that is being read, and how it is written.
fn current(cx: &Cx<'_>) -> (Family, Prefix) {
    let none = Prefix::host(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let prefix = cx.build.vrrp.address.made.as_ref().map_or(none, |a| a.prefix);
    (prefix.family(), prefix)
}

fn drop_it(cx: &mut Cx<'_>, code: Code, a: &Args<'_>, text: String) {
    cx.build.vrrp.address.dropped = true;
    cx.error(code, a.span(0), text);
}

/// `dev IF`.
pub fn dev(cx: &mut Cx<'_>, a: &Args<'_>) {
    let (entry, name) = (cx.block_name().to_owned(), a.str(0));
    if cx.build.vrrp.address.made.as_ref().is_some_and(|address| address.dev.is_some()) {
        let text = format!("address {entry}: dev is given twice - dropping the address");
        drop_it(cx, Code::Duplicate, a, text);
        return;
    }
    cx.wants_interface(name, a.span(0), || {
        format!("address {entry}: interface {name} doesn't exist")
    });
    change(cx, |address| address.dev = Some(name.to_owned()));
}

/// `scope NAME|N`, IPv4 only.
pub fn scope(cx: &mut Cx<'_>, a: &Args<'_>) {
    let entry = cx.block_name().to_owned();
    if current(cx).0 == Family::V6 {
        let text = format!("address {entry}: an IPv6 address has no scope - ignoring it");
        cx.error(Code::BadFamily, a.span(0), text);
        return;
    }
    match cx.routing_name(RoutingName::Scope, a.str(0)) {
        Some(scope) => {
            change(cx, |address| address.scope = u8::try_from(scope).unwrap_or(0));
        }
        None => {
            let text = format!("address {entry}: scope '{}' is unknown - ignoring it", a.str(0));
            cx.error(Code::BadValue, a.span(0), text);
        }
    }
}

/// `brd ADDR|+|-`: `+` has all host bits set, `-` none.
pub fn broadcast(cx: &mut Cx<'_>, a: &Args<'_>) {
    let entry = cx.block_name().to_owned();
    let (_, prefix) = current(cx);
    let (IpAddr::V4(first), IpAddr::V4(last)) = prefix.ends() else {
        let text = format!(
            "address {entry}: an IPv6 address has no broadcast {} - dropping the address",
            a.str(0)
        );
        drop_it(cx, Code::BadFamily, a, text);
        return;
    };
    let broadcast = match a.str(0) {
        "+" | "-" if prefix.len > 30 => {
            let text = format!(
                "a prefix length of {} leaves no broadcast address - ignoring it",
                prefix.len
            );
            cx.error(Code::BadValue, a.span(0), text);
            return;
        }
        "+" => last,
        "-" => first,
        word => match word.parse::<Ipv4Addr>() {
            Ok(broadcast) => broadcast,
            Err(_) => {
                let text = format!("broadcast {word} is no IPv4 address - dropping the address");
                drop_it(cx, Code::BadAddress, a, text);
                return;
            }
        },
    };
    change(cx, |address| address.broadcast = Some(broadcast));
}

/// `label STRING`, IPv4 only.
pub fn label(cx: &mut Cx<'_>, a: &Args<'_>) {
    let label = a.str(0);
    if current(cx).0 == Family::V6 {
        let text =
            format!("address {}: an IPv6 address has no label - ignoring it", cx.block_name());
        cx.error(Code::BadFamily, a.span(0), text);
    } else if label.len() > LABEL_MAX {
        let text = format!("label {label} is longer than {LABEL_MAX} bytes - dropping the address");
        drop_it(cx, Code::BadValue, a, text);
    } else {
        change(cx, |address| address.label = Some(label.to_owned()));
    }
}

/// `peer ADDR`.
pub fn peer(cx: &mut Cx<'_>, a: &Args<'_>) {
    let word = a.str(0);
    let Some(peer) = value::address(word) else {
        let text = format!("peer {word} is no address - ignoring it");
        cx.error(Code::BadAddress, a.span(0), text);
        return;
    };
    if Family::of(peer) != current(cx).0 {
        let text = format!("peer {word} is not of the address's family - ignoring it");
        cx.error(Code::BadFamily, a.span(0), text);
        return;
    }
    if cx.build.vrrp.address.made.as_ref().is_some_and(|made| made.peer.is_some()) {
        let text = format!("a second peer {word} - ignoring it");
        cx.error(Code::Duplicate, a.span(0), text);
        return;
    }
    change(cx, |address| address.peer = Some(Prefix::host(peer)));
}

/// `preferred_lft N|forever`.
pub fn preferred_lft(cx: &mut Cx<'_>, a: &Args<'_>) {
    let style = IntStyle { lenient: false, any_base: false };
    let lifetime = match a.str(0) {
        "forever" => u32::MAX,
        word => match value::integer(word, 0, i64::from(u32::MAX), style) {
            Ok(read) => u32::try_from(read.value).unwrap_or(u32::MAX),
            Err(cause) => {
                let text =
                    format!("preferred_lft '{word}' is neither a time nor forever - ignoring");
                let diag = Diag::new(Level::General, Code::BadNumber, a.span(0), text);
                cx.report(diag.because(cause));
                return;
            }
        },
    };
    change(cx, |address| address.preferred_lft = Some(lifetime));
}

/// `track_group NAME` of a static address.
pub fn track_group(cx: &mut Cx<'_>, a: &Args<'_>) {
    if let Some(name) = cx.track_group(a) {
        change(cx, |address| address.track_group = Some(name));
    }
}

impl Cx<'_> {
    /// The track group that argument 0 names, when it is defined.
    pub(super) fn track_group(&mut self, a: &Args<'_>) -> Option<String> {
        let name = a.str(0);
        if self.build.config.vrrp.track_groups.iter().any(|(n, _)| n == name) {
            return Some(name.to_owned());
        }
        let text = format!("track_group {name} is not defined - ignoring it");
        self.error(Code::Undefined, a.span(0), text);
        None
    }
}
