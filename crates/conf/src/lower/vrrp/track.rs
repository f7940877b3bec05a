//! `track_interface`, `track_script` and their kin in instances and sync
//! groups.

use model::vrrp::{TrackInterface, TrackRef};
use types::Weight;

use super::objects::Kind;
use crate::args::Args;
use crate::diag::{Code, Diag, Level};
use crate::lower::Cx;
use crate::value::{self, IntStyle};

/// What an instance or a sync group tracks.
struct Owner<'c> {
    name: &'c str,
    interfaces: &'c mut Vec<TrackInterface>,
    tracks: &'c mut Vec<TrackRef>,
}

/// Whoever is open: an instance or a sync group.
fn owner<'c>(cx: &'c mut Cx<'_>) -> Option<Owner<'c>> {
    let vrrp = &mut cx.build.vrrp;
    if let Some(draft) = &mut vrrp.instance {
        let made = &mut draft.made;
        let (name, interfaces) = (made.name.as_str(), &mut made.track_interfaces);
        return Some(Owner { name, interfaces, tracks: &mut made.tracks });
    }
    let made = &mut vrrp.group.as_mut()?.made;
    let (name, interfaces) = (made.name.as_str(), &mut made.track_interfaces);
    Some(Owner { name, interfaces, tracks: &mut made.tracks })
}

fn owner_name(cx: &mut Cx<'_>) -> String {
    owner(cx).map_or_else(String::new, |o| o.name.to_owned())
}

/// How the weights of a kind are limited.
#[derive(Clone, Copy)]
struct Limits {
    /// Largest that is read.
    most: i64,
    /// ±254 becomes ±253.
    narrow: bool,
    /// `noreverse` is known.
    noreverse: bool,
}

/// What an entry says of its weight.
enum Said {
    /// Nothing usable: the default counts.
    Default,
    /// This, with `reverse` or `noreverse` if given.
    Weight(i16, Option<bool>),
    /// The entry is to be ignored.
    Bad,
}

/// `[weight N [reverse|noreverse]]` after the name.
fn weight(cx: &mut Cx<'_>, a: &Args<'_>, limits: Limits, out_of_range: &str) -> Said {
    let owner = owner_name(cx);
    let (name, noun) = (a.str(0), "tracked object");
    match a.get(1) {
        None => return Said::Default,
        Some("weight") => {}
        Some(other) => {
            let text = format!("({owner}) unknown option {other} for {noun} {name} - ignoring");
            cx.error(Code::BadValue, a.span(1), text);
            return Said::Bad;
        }
    }
    let Some(word) = a.get(2) else {
        let text = format!("({owner}) weight without value specified for {noun} {name} - ignoring");
        cx.error(Code::Missing, a.span(1), text);
        return Said::Bad;
    };
    let style = IntStyle { lenient: !cx.test, any_base: false };
    let mut weight = match value::integer(word, -limits.most, limits.most, style) {
        Ok(read) => i16::try_from(read.value).unwrap_or(0),
        Err(cause) => {
            let diag = Diag::new(Level::General, Code::BadNumber, a.span(2), out_of_range);
            cx.report(diag.because(cause));
            return Said::Default;
        }
    };
    if limits.narrow && weight.abs() == 254 {
        let text = format!("({owner}) weight of {name} must be less than 254 - using 253");
        cx.error(Code::Adjusted, a.span(2), text);
        weight = weight.clamp(-253, 253);
    }
    let reverse = match a.get(3) {
        None => None,
        Some("reverse") => Some(true),
        Some("noreverse") if limits.noreverse => Some(false),
        Some(other) => {
            let text = format!("({owner}) unknown option {other} for {noun} {name} - ignoring");
            cx.error(Code::BadValue, a.span(3), text);
            return Said::Bad;
        }
    };
    Said::Weight(weight, reverse)
}

/// An entry of `track_interface`.
pub fn interface(cx: &mut Cx<'_>, a: &Args<'_>) {
    let (owner_is, name) = (owner_name(cx), a.str(0));
    if owner(cx).is_some_and(|o| o.interfaces.iter().any(|t| t.interface == name)) {
        let text = format!("({owner_is}) {name} is tracked already - ignoring it");
        cx.error(Code::Duplicate, a.span(0), text);
        return;
    }
    cx.wants_interface(name, a.span(0), || {
        format!("({owner_is}) tracked interface {name} doesn't exist")
    });
    let limits = Limits { most: 254, narrow: true, noreverse: false };
    let text =
        format!("({owner_is}) weight '{}' of interface {name} is invalid - using 0", a.str(2));
    let (weight, reverse) = match weight(cx, a, limits, &text) {
        Said::Default => (0, false),
        Said::Weight(weight, reverse) => (weight, reverse.unwrap_or(false)),
        Said::Bad => return,
    };
    if let Some(owner) = owner(cx) {
        let interface = name.to_owned();
        owner.interfaces.push(TrackInterface { interface, weight: Weight(weight), reverse });
    }
}

/// An entry of `track_script`.
pub fn script(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = |owner: &str, name: &str| {
        format!("({owner}) weight of track script {name} is invalid - using the script's own")
    };
    object(cx, a, Kind::Script, Limits { most: 254, narrow: true, noreverse: true }, text);
}

/// An entry of `track_file`.
pub fn file(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = |owner: &str, name: &str| {
        format!("({owner}) weight of track file {name} is invalid - using the file's own")
    };
    object(cx, a, Kind::File, Limits { most: 254, narrow: false, noreverse: true }, text);
}

/// An entry of `track_process`.
pub fn process(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = |owner: &str, name: &str| {
        format!("({owner}) weight of track process {name} is invalid - using the process's own")
    };
    object(cx, a, Kind::Process, Limits { most: 254, narrow: false, noreverse: true }, text);
}

/// An entry of `track_bfd`.
pub fn bfd(cx: &mut Cx<'_>, a: &Args<'_>) {
    let text = |owner: &str, name: &str| {
        format!("({owner}) weight of track bfd {name} is invalid - using the session's own")
    };
    object(cx, a, Kind::Bfd, Limits { most: 253, narrow: false, noreverse: true }, text);
}

fn object(
    cx: &mut Cx<'_>,
    a: &Args<'_>,
    kind: Kind,
    limits: Limits,
    text: fn(&str, &str) -> String,
) {
    let (owner_is, name) = (owner_name(cx), a.str(0));
    let Some(id) = cx.track(kind, name) else {
        let noun = kind.noun();
        let text = format!("({owner_is}) {noun} {name} not found, ignoring...");
        let help = "define it above this block";
        let diag = Diag::new(Level::General, Code::Undefined, a.span(0), text).help(help);
        cx.report(diag.did_you_mean(name, cx.track_names(kind)));
        cx.track_missed(kind, name, a.span(0));
        return;
    };
    if owner(cx).is_some_and(|o| o.tracks.iter().any(|t| t.id == id)) {
        let noun = kind.noun().replace(' ', "_");
        let text = format!("({owner_is}) {noun} {name} is tracked already - ignoring it");
        cx.error(Code::Duplicate, a.span(0), text);
        return;
    }
    let text = text(&owner_is, name);
    let (weight, reverse) = match weight(cx, a, limits, &text) {
        Said::Default => (None, None),
        Said::Weight(weight, reverse) => (Some(weight), reverse),
        Said::Bad => return,
    };
    let Some(object) = cx.build.config.tracks.get(id.index()) else { return };
    let weight = weight.map_or(object.weight, Weight);
    let reverse = reverse.unwrap_or(object.reverse);
    if let Some(owner) = owner(cx) {
        owner.tracks.push(TrackRef { id, weight, reverse });
    }
}
