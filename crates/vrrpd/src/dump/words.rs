//! Forms that several sections share: scripts of transitions, what is tracked, weights.

use core::fmt::{Result, Write};
use ipc::msg::vrrp::Known;
use model::vrrp::{Notify, TrackInterface, TrackRef};
use model::{Script, TrackKind};
use types::{ScriptId, Weight};
use vrrp_proto::Node;

/// Whether an object is of the kind that a section is on.
pub type IsKind = fn(&TrackKind) -> bool;

/// A command as text dumps and JSON have it.
pub fn command(known: &Known, id: Option<ScriptId>) -> Option<String> {
    known.scripts.get(id?.index()).map(Script::quoted)
}

/// Whom a script runs as.
pub fn owner(script: &Script) -> String {
    let (uid, gid) = script.user.as_ref().map_or((0, 0), |u| (u.uid, u.gid));
    format!("{uid}:{gid}")
}

/// The scripts of an instance or group.
pub fn scripts(out: &mut String, notify: &Notify, known: &Known) -> Result {
    for (state, id) in [
        ("Backup", notify.backup),
        ("Master", notify.master),
        ("Fault", notify.fault),
        ("Stop", notify.stop),
        ("Deleted", notify.deleted),
        ("Generic", notify.any),
        ("Master rx lower pri", notify.master_rx_lower_pri),
    ] {
        if let Some(script) = id.and_then(|id| known.scripts.get(id.index())) {
            let (words, owner) = (script.quoted(), owner(script));
            writeln!(out, "   {state} state transition script = {words}, uid:gid {owner}")?;
        }
    }
    Ok(())
}

/// A weight, and that good and bad are exchanged.
pub fn weight(weight: Weight, reverse: bool) -> String {
    format!("{}{}", weight.0, if reverse { " reverse" } else { "" })
}

/// What an instance or group tracks, a list for each kind.
pub fn tracked(
    out: &mut String,
    node: &Node,
    interfaces: &[TrackInterface],
    refs: &[TrackRef],
) -> Result {
    for (n, i) in interfaces.iter().enumerate() {
        if n == 0 {
            writeln!(out, "   Tracked interfaces :")?;
        }
        writeln!(out, "     {} weight {}", i.interface, weight(i.weight, i.reverse))?;
    }
    let kinds: [(&str, &str, IsKind); 4] = [
        ("scripts", " weight", |k| matches!(k, TrackKind::Script(_))),
        ("files", ", weight", |k| matches!(k, TrackKind::File(_))),
        ("processes", ", weight", |k| matches!(k, TrackKind::Process(_))),
        ("BFDs", ": weight", |k| matches!(k, TrackKind::Bfd)),
    ];
    for (title, word, is_kind) in kinds {
        let mut first = true;
        for (r, (object, _)) in
            refs.iter().filter_map(|r| Some((r, node.tracked().nth(r.id.index())?)))
        {
            if !is_kind(&object.kind) {
                continue;
            }
            if std::mem::take(&mut first) {
                writeln!(out, "   Tracked {title} :")?;
            }
            writeln!(out, "     {}{word} {}", object.name, weight(r.weight, r.reverse))?;
        }
    }
    Ok(())
}

/// `yes` or `no`.
pub fn yes(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}
