//! Entries of `virtual_rules` and `static_rules`.

use model::net::{Rule, RuleAction};
use types::{Family, Prefix};

use super::hop;
use super::route::{RTPROT_KEEPALIVED, prefix_or_all};
use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::grammar::Keyword;
use crate::grammar::rule::{STATIC_OPTIONS, VIRTUAL_OPTIONS};
use crate::lower::Cx;
use crate::lower::names::RoutingName;
use crate::value::{self, IntStyle};

/// The priority of the first rule that has none; it counts down from there.
const FIRST_PRIORITY: u32 = 16384;

/// The rule that is being read.
#[derive(Debug, Default)]
pub struct Draft {
    made: Option<Rule>,
    action: Option<RuleAction>,
    family: Option<Family>,
    priority: Option<u32>,
    /// An error makes it unusable.
    bad: bool,
}

/// An entry of `virtual_rules`.
pub fn virtual_rule(cx: &mut Cx<'_>, a: &Args<'_>) {
    if let Some(rule) = entry(cx, a, VIRTUAL_OPTIONS)
        && let Some(instance) = cx.made()
    {
        instance.rules.push(rule);
    }
}

/// An entry of `static_rules`.
pub fn static_rule(cx: &mut Cx<'_>, a: &Args<'_>) {
    if let Some(rule) = entry(cx, a, STATIC_OPTIONS) {
        cx.build.config.vrrp.static_rules.push(rule);
    }
}

fn entry(cx: &mut Cx<'_>, a: &Args<'_>, options: &'static [Keyword]) -> Option<Rule> {
    let made = Rule {
        family: Family::V4,
        from: None,
        to: None,
        not: false,
        action: RuleAction::Nop,
        priority: 0,
        tos: 0,
        fwmark: None,
        realms: None,
        suppress_prefixlength: None,
        suppress_ifgroup: None,
        iif: None,
        oif: None,
        tunnel_id: None,
        uid_range: None,
        protocol: RTPROT_KEEPALIVED,
        ip_proto: None,
        sport: None,
        dport: None,
        no_track: false,
        track_group: None,
    };
    cx.build.vrrp.rule = Draft { made: Some(made), ..Draft::default() };
    cx.names.push(a.str(0));
    let well = cx.options(a, 0, options, unknown);
    cx.names.pop();
    let draft = std::mem::take(&mut cx.build.vrrp.rule);
    if !well || draft.bad {
        return None;
    }
    finish(cx, a, draft)
}

fn unknown(cx: &mut Cx<'_>, a: &Args<'_>) -> usize {
    cx.error(Code::UnknownKeyword, a.span(0), format!("'{}' is no option of a rule", a.str(0)));
    0
}

/// What depends on the whole entry.
fn finish(cx: &mut Cx<'_>, a: &Args<'_>, draft: Draft) -> Option<Rule> {
    let mut rule = draft.made?;
    let Some(action) = draft.action else {
        cx.error(Code::Missing, a.whole(), "No action specified for rule - ignoring");
        return None;
    };
    rule.action = action;
    rule.family = draft.family.unwrap_or(Family::V4);
    if let RuleAction::Goto(target) = action {
        let wrong = match draft.priority {
            None => format!("goto {target} needs a priority of its own"),
            Some(own) if own >= target => {
                format!("goto {target} must lead beyond the rule's own priority {own}")
            }
            Some(_) => String::new(),
        };
        if !wrong.is_empty() {
            cx.error(Code::Conflict, a.whole(), format!("{wrong} - dropping the rule"));
            return None;
        }
    }
    let table_only = rule.realms.is_some()
        || rule.suppress_prefixlength.is_some()
        || rule.suppress_ifgroup.is_some();
    if table_only && !matches!(action, RuleAction::Table(_)) {
        let text = "realms and suppressors go with a table only - dropping the rule";
        cx.error(Code::Conflict, a.whole(), text);
        return None;
    }
    if rule.realms.is_some() && rule.family == Family::V6 {
        cx.error(Code::BadFamily, a.whole(), "realms are for IPv4");
        return None;
    }
    rule.priority = match draft.priority {
        Some(priority) => priority,
        None => next_priority(cx, a, rule.family),
    };
    if rule.protocol != RTPROT_KEEPALIVED && !rule.no_track {
        let text = "a rule that is tracked has protocol keepalived (18) - using that";
        let help = "add no_track to keep the protocol";
        let diag = Diag::new(Level::General, Code::Adjusted, a.whole(), text);
        cx.report(diag.help(help));
        rule.protocol = RTPROT_KEEPALIVED;
    }
    if rule.track_group.is_some() && rule.iif.is_none() {
        let text = "track_group of a rule without iif has no effect - ignoring";
        cx.error(Code::Missing, a.whole(), text);
        rule.track_group = None;
    }
    Some(rule)
}

/// Rules without a priority count down, so that they keep their order.
fn next_priority(cx: &mut Cx<'_>, a: &Args<'_>, family: Family) -> u32 {
    let used = &mut cx.build.vrrp.rule_priorities[usize::from(family == Family::V6)];
    let priority = FIRST_PRIORITY.saturating_sub(*used);
    *used += 1;
    let text = format!("no preference specified for the rule - using {priority}");
    cx.error(Code::Missing, a.whole(), text);
    priority
}

/// Changes the rule that is being read.
pub fn change(cx: &mut Cx<'_>, change: impl FnOnce(&mut Rule)) {
    if let Some(rule) = &mut cx.build.vrrp.rule.made {
        change(rule);
    }
}

fn refuse(cx: &mut Cx<'_>, code: Code, a: &Args<'_>, text: String) {
    cx.build.vrrp.rule.bad = true;
    cx.error(code, a.span(0), text);
}

/// An integer; a bad one makes the rule unusable.
fn number(cx: &mut Cx<'_>, a: &Args<'_>, most: u32, text: String) -> Option<u32> {
    let style = IntStyle { lenient: false, any_base: true };
    match value::integer(a.str(0), 0, i64::from(most), style) {
        Ok(read) => u32::try_from(read.value).ok(),
        Err(cause) => {
            cx.build.vrrp.rule.bad = true;
            cx.report(Diag::new(Level::General, Code::BadNumber, a.span(0), text).because(cause));
            None
        }
    }
}

fn family(cx: &mut Cx<'_>, a: &Args<'_>, family: Family) {
    if *cx.build.vrrp.rule.family.get_or_insert(family) != family {
        refuse(cx, Code::BadFamily, a, "a rule has prefixes of one family only".to_owned());
    }
}

/// `inet` and `inet6`.
pub fn family_word(cx: &mut Cx<'_>, a: &Args<'_>) {
    let six = a.name() == "inet6";
    let text =
        format!("keepalived up to 2.4 skips the word after '{}' and drops the rule", a.name());
    let help = "here it is understood; leave it out where the same file serves keepalived too";
    cx.report(Diag::new(Level::Warning, Code::Advice, a.keyword_span(), text).help(help));
    family(cx, a, if six { Family::V6 } else { Family::V4 });
}

/// `from` and `to`.
pub fn prefix(cx: &mut Cx<'_>, a: &Args<'_>, slot: fn(&mut Rule) -> &mut Option<Prefix>) {
    let word = a.str(0);
    match prefix_or_all(word) {
        Ok(prefix) => {
            if let Some(prefix) = prefix {
                family(cx, a, prefix.family());
            }
            change(cx, |rule| *slot(rule) = prefix);
        }
        Err(cause) => {
            cx.build.vrrp.rule.bad = true;
            let text = format!("rule {} {word} is no prefix", a.name());
            let diag = Diag::new(Level::General, Code::BadAddress, a.span(0), text);
            let cause = format!("VRRP parsed invalid IP {word}. skipping IP...\n{cause}");
            cx.report(diag.because(cause));
        }
    }
}

/// One of the actions; a rule has exactly one.
pub fn action(cx: &mut Cx<'_>, a: &Args<'_>, action: RuleAction) {
    if cx.build.vrrp.rule.action.is_some() {
        let text = "a rule has one action only";
        cx.build.vrrp.rule.bad = true;
        cx.error(Code::Conflict, a.keyword_span(), text);
        return;
    }
    cx.build.vrrp.rule.action = Some(action);
}

/// `table NAME|N`.
pub fn table(cx: &mut Cx<'_>, a: &Args<'_>) {
    match cx.routing_name(RoutingName::Table, a.str(0)) {
        Some(0) => refuse(cx, Code::BadValue, a, "there is no routing table 0".to_owned()),
        Some(table) => action(cx, a, RuleAction::Table(table)),
        None => {
            let text = format!("routing table {} is unknown", a.str(0));
            refuse(cx, Code::BadValue, a, text);
        }
    }
}

/// `goto PRIORITY`.
pub fn goto(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = format!("goto '{}' is invalid", a.str(0));
    if let Some(target) = number(cx, a, u32::MAX, text) {
        action(cx, a, RuleAction::Goto(target));
    }
}

/// `priority N`.
pub fn priority(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = format!("rule priority '{}' is invalid", a.str(0));
    let priority = number(cx, a, u32::MAX, text);
    cx.build.vrrp.rule.priority = priority;
}

/// `tos NAME|N`.
pub fn tos(cx: &mut Cx<'_>, a: &Args<'_>) {
    match cx.routing_name(RoutingName::DsField, a.str(0)) {
        Some(tos) => change(cx, |rule| rule.tos = u8::try_from(tos).unwrap_or(0)),
        None => refuse(cx, Code::BadValue, a, format!("tos {} is unknown", a.str(0))),
    }
}

/// `fwmark N[/MASK]`.
pub fn fwmark(cx: &mut Cx<'_>, a: &Args<'_>) {
    let style = IntStyle { lenient: false, any_base: true };
    let read = |word| {
        let number = value::integer(word, 0, i64::from(u32::MAX), style).ok()?;
        u32::try_from(number.value).ok()
    };
    let (mark, mask) = match a.str(0).split_once('/') {
        Some((mark, mask)) => (read(mark), read(mask)),
        None => (read(a.str(0)), Some(u32::MAX)),
    };
    match (mark, mask) {
        (Some(mark), Some(mask)) => change(cx, |rule| rule.fwmark = Some((mark, mask))),
        _ => {
            let text = format!("fwmark '{}' is invalid", a.str(0));
            refuse(cx, Code::BadNumber, a, text);
        }
    }
}

/// `realms [SRC/]DST`.
pub fn realms(cx: &mut Cx<'_>, a: &Args<'_>) {
    match hop::realms(cx, a.str(0)) {
        Some(realms) => change(cx, |rule| rule.realms = Some(realms)),
        None => refuse(cx, Code::BadValue, a, format!("realms {} are invalid", a.str(0))),
    }
}

/// `suppress_prefixlength N`.
pub fn suppress_prefixlength(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = format!("suppress_prefixlength '{}' is invalid", a.str(0));
    let length = number(cx, a, i32::MAX as u32, text);
    change(cx, |rule| rule.suppress_prefixlength = length);
}

/// `suppress_ifgroup NAME|N`.
pub fn suppress_ifgroup(cx: &mut Cx<'_>, a: &Args<'_>) {
    match cx.routing_name(RoutingName::Group, a.str(0)) {
        Some(group) => change(cx, |rule| rule.suppress_ifgroup = Some(group)),
        None => {
            let text = format!("suppress_ifgroup '{}' is unknown", a.str(0));
            refuse(cx, Code::BadValue, a, text);
        }
    }
}

/// `iif IF` and `oif IF`.
pub fn interface(cx: &mut Cx<'_>, a: &Args<'_>, slot: fn(&mut Rule) -> &mut Option<String>) {
    let name = a.str(0);
    cx.wants_interface(name, a.span(0), || format!("rule: interface {name} doesn't exist"));
    change(cx, |rule| *slot(rule) = Some(name.to_owned()));
}

/// `tunnel-id N`.
pub fn tunnel_id(cx: &mut Cx<'_>, a: &Args<'_>) {
    match a.str(0).parse::<u64>() {
        Ok(id) => change(cx, |rule| rule.tunnel_id = Some(id)),
        Err(_) => {
            refuse(cx, Code::BadNumber, a, format!("tunnel-id '{}' is invalid", a.str(0)));
        }
    }
}

/// `A-B`, or one number for both ends.
fn range(word: &str) -> Option<(u32, u32)> {
    let (from, to) = word.split_once('-').unwrap_or((word, word));
    let plain = |w: &str| w.bytes().all(|b| b.is_ascii_digit()).then(|| w.parse().ok()).flatten();
    let range = (plain(from)?, plain(to)?);
    (range.0 <= range.1).then_some(range)
}

/// `uidrange A-B`.
pub fn uid_range(cx: &mut Cx<'_>, a: &Args<'_>) {
    match range(a.str(0)) {
        Some(uids) => change(cx, |rule| rule.uid_range = Some(uids)),
        None => {
            refuse(cx, Code::BadNumber, a, format!("uidrange '{}' is not A-B", a.str(0)));
        }
    }
}

/// `sport A-B` and `dport A-B`; a single port is a range of one.
pub fn ports(cx: &mut Cx<'_>, a: &Args<'_>, slot: fn(&mut Rule) -> &mut Option<(u16, u16)>) {
    let ports = range(a.str(0)).and_then(|(from, to)| {
        let port = |n| u16::try_from(n).ok().filter(|n| *n > 0);
        Some((port(from)?, port(to)?))
    });
    match ports {
        Some(ports) => change(cx, |rule| *slot(rule) = Some(ports)),
        None => {
            let text = format!("{} '{}' is neither a port nor A-B", a.name(), a.str(0));
            refuse(cx, Code::BadNumber, a, text);
        }
    }
}

/// `protocol N`.
pub fn protocol(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = format!("protocol '{}' is invalid", a.str(0));
    if let Some(protocol) = number(cx, a, 255, text) {
        change(cx, |rule| rule.protocol = u8::try_from(protocol).unwrap_or(RTPROT_KEEPALIVED));
    }
}

/// `ipproto NAME|N`; names are those of `/etc/protocols`.
pub fn ip_proto(cx: &mut Cx<'_>, a: &Args<'_>) {
    let word = a.str(0);
    let number = match word.parse::<u8>() {
        Ok(number) => Some(number).filter(|n| *n <= 127),
        Err(_) => protocol_number(cx, word),
    };
    match number {
        Some(number) => change(cx, |rule| rule.ip_proto = Some(number)),
        None => refuse(cx, Code::BadValue, a, format!("ipproto '{word}' is unknown")),
    }
}

fn protocol_number(cx: &Cx<'_>, name: &str) -> Option<u8> {
    let text = cx.host.read("/etc/protocols").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let found = text.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let first = words.next()?;
        let number = words.next()?.parse().ok()?;
        (first == name || words.any(|alias| alias == name)).then_some(number)
    });
    let usual = [("icmp", 1), ("tcp", 6), ("udp", 17), ("ipv6-icmp", 58), ("sctp", 132)];
    found.or_else(|| usual.iter().find(|(n, _)| *n == name).map(|(_, number)| *number))
}

/// `track_group NAME` of a static rule.
pub fn track_group(cx: &mut Cx<'_>, a: &Args<'_>) {
    if let Some(name) = cx.track_group(a) {
        change(cx, |rule| rule.track_group = Some(name));
    }
}
