//! `bfd_instance`.

use std::net::IpAddr;
use std::time::Duration;

use model::BfdInstance;
use model::track::{TrackKind, TrackObject};
use types::{Family, Weight};

use super::objects::Kind;
use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::lower::Cx;
use crate::source::Span;
use crate::value::{self, IntStyle};

/// Longest name, in bytes.
const NAME_MAX: usize = 31;

/// A `bfd_instance` that is being read.
#[derive(Debug)]
pub struct Draft {
    span: Span,
    name: String,
    neighbor: Option<IpAddr>,
    /// The neighbor was given and is no address.
    bad_neighbor: bool,
    source: Option<IpAddr>,
    /// `min_rx`.
    pub min_rx: Duration,
    /// `min_tx`.
    pub min_tx: Duration,
    /// `idle_tx`.
    pub idle_tx: Duration,
    /// `multiplier`.
    pub multiplier: u8,
    /// `passive`.
    pub passive: bool,
    /// `ttl`.
    pub ttl: Option<u8>,
    /// `max_hops`; -1 does not check.
    pub max_hops: i16,
    /// `multihop`.
    pub multihop: bool,
    weight: i16,
    reverse: bool,
    /// `vrrp`.
    pub vrrp: bool,
    /// `checker`.
    pub checker: bool,
}

/// `bfd_instance NAME {`.
pub fn open(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = a.str(0);
    let refusal = if name.len() > NAME_MAX {
        Some(format!("has a name longer than {NAME_MAX} bytes"))
    } else if cx.build.config.bfd.iter().any(|b| b.name == name) {
        Some("is defined already".to_owned())
    } else {
        None
    };
    if let Some(why) = refusal {
        let text = format!("bfd_instance {name} {why} - ignoring the block");
        cx.error(Code::BadValue, a.span(0), text);
        cx.skip_block();
        return;
    }
    cx.build.vrrp.bfd = Some(Draft {
        span: a.whole(),
        name: name.to_owned(),
        neighbor: None,
        bad_neighbor: false,
        source: None,
        min_rx: Duration::from_millis(10),
        min_tx: Duration::from_millis(10),
        idle_tx: Duration::from_secs(1),
        multiplier: 5,
        passive: false,
        ttl: None,
        max_hops: 0,
        multihop: false,
        weight: 0,
        reverse: false,
        vrrp: false,
        checker: false,
    });
}

/// Changes the open instance.
pub fn change(cx: &mut Cx<'_>, change: impl FnOnce(&mut Draft)) {
    if let Some(draft) = &mut cx.build.vrrp.bfd {
        change(draft);
    }
}

/// `neighbor_ip ADDR`.
pub fn neighbor(cx: &mut Cx<'_>, a: &Args<'_>) {
    let (name, word) = (cx.block_name().to_owned(), a.str(0));
    let address = value::address(word);
    change(cx, |draft| {
        draft.neighbor = address;
        draft.bad_neighbor = address.is_none();
    });
    if address.is_none() {
        let text = format!("({name}) neighbor_ip {word} is no address - ignoring the session");
        cx.error(Code::BadAddress, a.span(0), text);
    }
}

/// `source_ip ADDR`.
pub fn source(cx: &mut Cx<'_>, a: &Args<'_>) {
    let address = a.addr(0);
    change(cx, |draft| draft.source = address);
}

/// A time in milliseconds, its keyword's field chosen by `slot`.
pub fn time(cx: &mut Cx<'_>, a: &Args<'_>, slot: fn(&mut Draft) -> &mut Duration) {
    let micros = a.opt_units(0).unwrap_or(0);
    let time = Duration::from_micros(micros);
    if time > Duration::from_secs(10) && a.name() != "idle_tx" {
        let text = format!(
            "({}) {} of {} ms is longer than is sensible",
            cx.block_name(),
            a.name(),
            a.str(0)
        );
        cx.note(Code::Advice, a.span(0), text);
    }
    change(cx, |draft| *slot(draft) = time);
}

/// `weight N [reverse]`.
pub fn weight(cx: &mut Cx<'_>, a: &Args<'_>) {
    let name = cx.block_name().to_owned();
    let style = IntStyle { lenient: !cx.test, any_base: false };
    let weight = match value::integer(a.str(0), -253, 253, style) {
        Ok(read) => i16::try_from(read.value).unwrap_or(0),
        Err(cause) => {
            let text = format!("({name}) weight '{}' is invalid - ignoring", a.str(0));
            cx.report(Diag::new(Level::General, Code::BadNumber, a.span(0), text).because(cause));
            return;
        }
    };
    let reverse = a.get(1) == Some("reverse");
    if let Some(other) = a.get(1).filter(|_| !reverse) {
        let text = format!("({name}) weight has no option {other}");
        cx.error(Code::BadValue, a.span(1), text);
    }
    change(cx, |draft| (draft.weight, draft.reverse) = (weight, reverse));
}

/// The end of a `bfd_instance`.
pub fn close(cx: &mut Cx<'_>) {
    let Some(draft) = cx.build.vrrp.bfd.take() else { return };
    let name = draft.name.as_str();
    let Some(neighbor) = draft.neighbor else {
        if !draft.bad_neighbor {
            let text = format!("({name}) a BFD session needs neighbor_ip - ignoring the session");
            cx.error(Code::Missing, draft.span, text);
        }
        return;
    };
    if let Some(source) = draft.source.filter(|s| Family::of(*s) != Family::of(neighbor)) {
        let text = format!(
            "({name}) source_ip {source} and neighbor_ip {neighbor} are of two families - ignoring the session"
        );
        cx.error(Code::BadFamily, draft.span, text);
        return;
    }
    let same = |b: &BfdInstance| {
        b.neighbor == neighbor
            && b.multihop == draft.multihop
            && (b.source == draft.source || b.source.is_none() || draft.source.is_none())
    };
    if cx.build.config.bfd.iter().any(same) {
        let text = format!(
            "({name}) another BFD session has neighbor_ip {neighbor} - ignoring the session"
        );
        cx.error(Code::Duplicate, draft.span, text);
        return;
    }
    finish(cx, draft, neighbor);
}

fn finish(cx: &mut Cx<'_>, draft: Draft, neighbor: IpAddr) {
    let usual_ttl = if neighbor.is_ipv4() { 255 } else { 64 };
    let ttl = draft.ttl.unwrap_or(usual_ttl);
    let mut max_hops = u8::try_from(draft.max_hops).ok();
    if max_hops.is_some_and(|hops| hops > ttl) {
        let text = format!("({}) max_hops is more than the TTL of {ttl} - using {ttl}", draft.name);
        cx.error(Code::Adjusted, draft.span, text);
        max_hops = Some(ttl);
    }
    let both = !draft.vrrp && !draft.checker;
    let bfd = BfdInstance {
        name: draft.name,
        neighbor,
        source: draft.source,
        min_rx: draft.min_rx,
        min_tx: draft.min_tx,
        idle_tx: draft.idle_tx,
        multiplier: draft.multiplier,
        passive: draft.passive,
        ttl,
        max_hops,
        multihop: draft.multihop,
        weight: Weight(draft.weight),
        reverse: draft.reverse,
        vrrp: draft.vrrp || both,
        checker: draft.checker || both,
    };
    if bfd.vrrp {
        let object = TrackObject {
            name: bfd.name.clone(),
            weight: bfd.weight,
            reverse: bfd.reverse,
            kind: TrackKind::Bfd,
        };
        cx.add_track(Kind::Bfd, draft.span, object);
    }
    cx.build.config.bfd.push(bfd);
}
