//! Entries of `virtual_rules` and `static_rules`.

use super::{Entries, Keyword, and, kw, word};
use crate::lower::vrrp::rule;
use model::net::RuleAction;

/// Entries of `virtual_rules`.
pub static VIRTUAL: Entries =
    Entries::lines("[SELECTOR...] ACTION [OPTION...]", rule::virtual_rule).options(VIRTUAL_OPTIONS);
/// Entries of `static_rules`.
pub static STATIC: Entries =
    Entries::lines("[SELECTOR...] ACTION [OPTION...]", rule::static_rule).options(STATIC_OPTIONS);

/// Options of virtual rules.
pub static VIRTUAL_OPTIONS: &[Keyword] = &COMMON;

/// Options of static rules.
pub static STATIC_OPTIONS: &[Keyword] = &STATIC_TABLE;

const STATIC_TABLE: [Keyword; COMMON.len() + 1] = and(COMMON, TRACK_GROUP);

const TRACK_GROUP: Keyword =
    kw("track_group", "Instances of the group are in FAULT while its interface is down.")
        .acted()
        .args(&[word("NAME")])
        .set(rule::track_group);

const COMMON: [Keyword; 35] = [
    kw("inet", "IPv4.").acted().set(rule::family_word),
    kw("inet6", "IPv6.").acted().set(rule::family_word),
    kw("from", "Source.")
        .acted()
        .args(&[word("PREFIX|all")])
        .default("all")
        .set(|cx, a| rule::prefix(cx, a, |r| &mut r.from)),
    kw("to", "Destination.")
        .acted()
        .args(&[word("PREFIX|all")])
        .default("all")
        .set(|cx, a| rule::prefix(cx, a, |r| &mut r.to)),
    kw("not", "What the selectors do not match.")
        .acted()
        .set(|cx, _| rule::change(cx, |r| r.not = true)),
    kw("table", "Action: look up this table.").acted().args(&[word("TABLE")]).set(rule::table),
    kw("lookup", "The same.").acted().args(&[word("TABLE")]).set(rule::table),
    kw("goto", "Action: go on at the rule of this priority.")
        .acted()
        .args(&[word("PRIORITY")])
        .set(rule::goto),
    kw("type", "Before an action; no effect.").acted(),
    kw("nop", "Action: none.").acted().set(|cx, a| rule::action(cx, a, RuleAction::Nop)),
    kw("blackhole", "Action: drop.")
        .acted()
        .set(|cx, a| rule::action(cx, a, RuleAction::Blackhole)),
    kw("unreachable", "Action: drop as unreachable.")
        .acted()
        .set(|cx, a| rule::action(cx, a, RuleAction::Unreachable)),
    kw("prohibit", "Action: drop as prohibited.")
        .acted()
        .set(|cx, a| rule::action(cx, a, RuleAction::Prohibit)),
    kw("l3mdev", "Action: look up the table of the packet's VRF.")
        .acted()
        .set(|cx, a| rule::action(cx, a, RuleAction::L3mdev)),
    kw("priority", "Its place among the rules.").acted().args(&[word("N")]).set(rule::priority),
    kw("preference", "The same.").acted().args(&[word("N")]).set(rule::priority),
    kw("order", "The same.").acted().args(&[word("N")]).set(rule::priority),
    kw("tos", "DS field.").acted().args(&[word("DSFIELD")]).set(rule::tos),
    kw("dsfield", "The same.").acted().args(&[word("DSFIELD")]).set(rule::tos),
    kw("fwmark", "Firewall mark.").acted().args(&[word("N[/MASK]")]).set(rule::fwmark),
    kw("realms", "Realms, IPv4.").acted().args(&[word("[SRC/]DST")]).set(rule::realms),
    kw("suppress_prefixlength", "Ignore routes whose prefix is no longer than this.")
        .acted()
        .args(&[word("N")])
        .set(rule::suppress_prefixlength),
    kw("sup_pl", "The same.").acted().args(&[word("N")]).set(rule::suppress_prefixlength),
    kw("suppress_ifgroup", "Ignore routes out of this interface group.")
        .acted()
        .args(&[word("GROUP")])
        .set(rule::suppress_ifgroup),
    kw("sup_group", "The same.").acted().args(&[word("GROUP")]).set(rule::suppress_ifgroup),
    kw("dev", "Incoming interface.")
        .acted()
        .args(&[word("IF")])
        .set(|cx, a| rule::interface(cx, a, |r| &mut r.iif)),
    kw("iif", "The same.")
        .acted()
        .args(&[word("IF")])
        .set(|cx, a| rule::interface(cx, a, |r| &mut r.iif)),
    kw("oif", "Outgoing interface.")
        .acted()
        .args(&[word("IF")])
        .set(|cx, a| rule::interface(cx, a, |r| &mut r.oif)),
    kw("tunnel-id", "Tunnel id.").acted().args(&[word("N")]).set(rule::tunnel_id),
    kw("uidrange", "User ids.").acted().args(&[word("A-B")]).set(rule::uid_range),
    kw("protocol", "Who put it there; another than keepalived needs no_track.")
        .acted()
        .args(&[word("N")])
        .default("18")
        .set(rule::protocol),
    kw("ipproto", "IP protocol.").acted().args(&[word("NAME|N")]).set(rule::ip_proto),
    kw("sport", "Source ports.")
        .acted()
        .args(&[word("A[-B]")])
        .set(|cx, a| rule::ports(cx, a, |r| &mut r.sport)),
    kw("dport", "Destination ports.")
        .acted()
        .args(&[word("A[-B]")])
        .set(|cx, a| rule::ports(cx, a, |r| &mut r.dport)),
    kw("no_track", "Nothing is done when somebody removes it.")
        .acted()
        .set(|cx, _| rule::change(cx, |r| r.no_track = true)),
];
