//! Interfaces by themselves: debouncing, polling, track groups.

use std::time::Duration;

use model::vrrp::{Debounce, Linkbeat, LinkbeatMethod};

use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::host::Interface;
use crate::lower::Cx;
use crate::value;

/// Longest hold-off in microseconds.
const LONGEST: u64 = 255_000_000;

/// An entry `IF DOWN [UP]` of `interface_up_down_delays`.
pub fn delays(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = a.str(0);
    if cx.host.interface(name) == Interface::Absent {
        let text = format!("interface_up_down_delays: interface {name} doesn't exist");
        cx.build.vrrp.unknown_links.push((a.span(0), name.to_owned(), text));
    }
    if a.len() < 2 {
        let text = format!("no delay specified for interface {name}");
        cx.note(Code::Missing, a.whole(), text);
        return;
    }
    let mut delays = [Duration::ZERO; 2];
    for (i, delay) in delays.iter_mut().enumerate() {
        let Some(word) = a.get(i + 1) else { break };
        match value::decimal(word, 0, LONGEST, 6) {
            Ok(read) => *delay = Duration::from_micros(read.value),
            Err(cause) => {
                let text = format!("delay '{word}' of interface {name} is invalid - ignoring");
                cx.report(
                    Diag::new(Level::InvalidNumber, Code::BadNumber, a.span(i + 1), text)
                        .because(cause),
                );
                return;
            }
        }
    }
    let [down, up] = delays;
    cx.build.config.vrrp.debounce.retain(|d| d.interface != name);
    let debounce = Debounce { interface: name.to_owned(), down, up };
    cx.build.config.vrrp.debounce.push(debounce);
}

/// An entry `IF [MII|ETHTOOL|IOCTL]` of `linkbeat_interfaces`.
pub fn linkbeat(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = a.str(0);
    match cx.host.interface(name) {
        Interface::Absent => {
            let text = format!("linkbeat_interfaces: interface {name} doesn't exist");
            cx.build.vrrp.unknown_links.push((a.span(0), name.to_owned(), text));
        }
        Interface::Present(facts) if facts.stacked => {
            let text = format!("Cannot poll vmac/ipvlan {name}; its parent is polled");
            cx.note(Code::BadInterface, a.span(0), text);
            return;
        }
        _ => {}
    }
    let method = match a.get(1) {
        None => None,
        Some("MII") => Some(LinkbeatMethod::Mii),
        Some("ETHTOOL") => Some(LinkbeatMethod::Ethtool),
        Some("IOCTL") => Some(LinkbeatMethod::Ioctl),
        Some(other) => {
            let text = format!("linkbeat_interfaces: {other} is neither MII, ETHTOOL nor IOCTL");
            cx.error(Code::BadValue, a.span(1), text);
            None
        }
    };
    if let Some(extra) = a.get(2) {
        let text = format!("linkbeat_interfaces: {extra} is one word too many");
        cx.error(Code::ExtraWords, a.span(2), text);
    }
    let linkbeat = Linkbeat { interface: name.to_owned(), method };
    cx.build.config.vrrp.linkbeat.push(linkbeat);
}

/// `track_group NAME {`.
pub fn open_track_group(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = a.str(0);
    if cx.build.config.vrrp.track_groups.iter().any(|(n, _)| n == name) {
        let text = format!("track_group {name} is defined already - skipping the block");
        cx.error(Code::Duplicate, a.span(0), text);
        cx.skip_block();
        return;
    }
    cx.build.vrrp.track_group = Some((name.to_owned(), Vec::new()));
}

/// The end of a `track_group`.
pub fn close_track_group(cx: &mut Cx<'_>) {
    cx.build.config.vrrp.track_groups.extend(cx.build.vrrp.track_group.take());
}

/// The end of its list of instances.
pub fn close_track_members(cx: &mut Cx<'_>) {
    if let Some((name, members)) = &cx.build.vrrp.track_group
        && members.is_empty()
    {
        let text = format!("track_group {name} has no instances");
        cx.error(Code::Missing, crate::Span::NONE, text);
    }
}

/// Entries of interfaces that do not exist count only where those may appear
/// later; what a hold-off may be at most follows from the instances on its
/// interface.
pub fn check(cx: &mut Cx<'_>) {
    let unknown = std::mem::take(&mut cx.build.vrrp.unknown_links);
    if !cx.build.config.global.dynamic_interfaces {
        for (span, name, text) in unknown {
            cx.report(Diag::new(Level::Fatal, Code::NoInterface, span, text));
            cx.build.config.vrrp.debounce.retain(|d| d.interface != name);
            cx.build.config.vrrp.linkbeat.retain(|l| l.interface != name);
        }
    }
    let mut notes = Vec::new();
    let vrrp = &mut cx.build.config.vrrp;
    for debounce in &mut vrrp.debounce {
        let on = |i: &&model::VrrpInstance| i.interface.as_ref() == Some(&debounce.interface);
        let limit = vrrp.instances.iter().filter(on).map(|i| {
            let adverts = u32::from(i.down_timer_adverts.saturating_sub(1));
            (i.advert_int * adverts).saturating_sub(i.advert_int / 256)
        });
        let Some(limit) = limit.min() else { continue };
        for (which, delay) in [("down", &mut debounce.down), ("up", &mut debounce.up)] {
            if *delay > limit {
                notes.push(format!(
                    "interface {} {which} delay {delay:?} is too long for its instances - \
                     resetting to {limit:?}",
                    debounce.interface
                ));
                *delay = limit;
            }
        }
    }
    for text in notes {
        cx.note(Code::Adjusted, crate::Span::NONE, text);
    }
}
