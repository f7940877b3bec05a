//! Address entries of instances and of `static_ipaddress`.

use super::{Entries, Keyword, and, kw, word};
use crate::lower::vrrp::address;

/// Entries of `virtual_ipaddress`.
pub static VIPS: Entries =
    Entries::lines("ADDR[/LEN] [dev IF] [OPTION...]", address::vip).options(VIP_OPTIONS);
/// Entries of `virtual_ipaddress_excluded`.
pub static EVIPS: Entries =
    Entries::lines("ADDR[/LEN] [dev IF] [OPTION...]", address::evip).options(VIP_OPTIONS);
/// Entries of `static_ipaddress`.
pub static STATIC: Entries =
    Entries::lines("ADDR[/LEN] [dev IF] [OPTION...]", address::static_address)
        .options(STATIC_OPTIONS);

/// Options of virtual addresses.
pub static VIP_OPTIONS: &[Keyword] = &VIP_TABLE;

/// Options of static addresses.
pub static STATIC_OPTIONS: &[Keyword] = &STATIC_TABLE;

const VIP_TABLE: [Keyword; COMMON.len() + 1] = and(
    COMMON,
    kw("use_vmac", "Put it on a VMAC of its interface.")
        .acted()
        .set(|cx, _| address::change(cx, |a| a.use_vmac = true)),
);

const STATIC_TABLE: [Keyword; COMMON.len() + 1] = and(
    COMMON,
    kw("track_group", "Instances of the group are in FAULT while its interface is down.")
        .args(&[word("NAME")])
        .missing(MISSING)
        .acted()
        .set(address::track_group),
);

const MISSING: &str = "address {name}: {kw} needs a value - dropping the address";

const COMMON: [Keyword; 13] = [
    kw("dev", "Interface.")
        .args(&[word("IF")])
        .default("the instance's; static: default_interface")
        .missing(MISSING)
        .acted()
        .set(address::dev),
    kw("scope", "Scope, IPv4.")
        .args(&[word("SCOPE")])
        .default("global")
        .missing(MISSING)
        .acted()
        .set(address::scope),
    kw("brd", "Broadcast address; +: all host bits set, -: none.")
        .args(&[word("ADDR|+|-")])
        .missing(MISSING)
        .acted()
        .set(address::broadcast),
    kw("broadcast", "The same.")
        .args(&[word("ADDR|+|-")])
        .missing(MISSING)
        .acted()
        .set(address::broadcast),
    kw("label", "Label, IPv4.")
        .args(&[word("STRING")])
        .missing(MISSING)
        .acted()
        .set(address::label),
    kw("peer", "The other end of a point-to-point address.")
        .args(&[word("ADDR")])
        .missing(MISSING)
        .acted()
        .set(address::peer),
    kw("home", "Home address (RFC 6275).")
        .acted()
        .set(|cx, _| address::change(cx, |a| a.flags |= address::HOME)),
    kw("-nodad", "Duplicate address detection takes place.")
        .acted()
        .set(|cx, _| address::change(cx, |a| a.flags &= !address::NODAD)),
    kw("mngtmpaddr", "The kernel makes temporary addresses of it.")
        .acted()
        .set(|cx, _| address::change(cx, |a| a.flags |= address::MNGTMPADDR)),
    kw("noprefixroute", "No route to its network.")
        .acted()
        .set(|cx, _| address::change(cx, |a| a.flags |= address::NOPREFIXROUTE)),
    kw("autojoin", "Join a multicast group.")
        .acted()
        .set(|cx, _| address::change(cx, |a| a.flags |= address::AUTOJOIN)),
    kw("preferred_lft", "Preferred lifetime in seconds, or forever.")
        .args(&[word("SECONDS")])
        .default("0 for an IPv6 /128, else forever")
        .missing(MISSING)
        .acted()
        .set(address::preferred_lft),
    kw("no_track", "Nothing is done when somebody removes it.")
        .acted()
        .set(|cx, _| address::change(cx, |a| a.no_track = true)),
];
