//! Files and BFD sessions that checkers go by.

use super::servers::weighted;
use check_proto::node::{CheckerStatus, Node};
use core::fmt::{Result, Write};
use ipc::msg::TrackValue;
use ipc::msg::checker::CheckerSetup;
use model::lvs::CheckKind;
use model::{TrackKind, TrackObject};
use std::collections::BTreeMap;

/// Lines of those that track something, by what they track.
type Users<K> = BTreeMap<K, Vec<String>>;

pub(super) fn write(out: &mut String, node: &Node, setup: &CheckerSetup) -> Result {
    let (mut files, mut sessions): (Users<usize>, Users<&str>) = Default::default();
    for c in node.checkers() {
        match c.kind {
            CheckKind::File { track, weight, reverse } => {
                let line = format!("{}, {}", pair(&c), weighted(*weight, *reverse));
                files.entry(track.index()).or_default().push(line);
            }
            CheckKind::Bfd { name } => sessions.entry(name).or_default().push(pair(&c)),
            _ => {}
        }
    }
    for (n, (track, users)) in files.into_iter().enumerate() {
        if n == 0 {
            writeln!(out, "------< Checker track files >------")?;
        }
        let Some(object) = setup.tracks.get(track) else { continue };
        file(out, object, setup.values.get(track))?;
        users.iter().try_for_each(|line| writeln!(out, "     {line}"))?;
    }
    for (n, (name, users)) in sessions.into_iter().enumerate() {
        if n == 0 {
            writeln!(out, "------< Checker track BFDs >------")?;
        }
        writeln!(out, " Checker Track BFD = {name}\n   Tracking RS :")?;
        users.iter().try_for_each(|line| writeln!(out, "     {line}"))?;
    }
    Ok(())
}

fn pair(c: &CheckerStatus<'_>) -> String {
    format!("{} -> {}", c.label.vs, c.label.rs)
}

fn file(out: &mut String, object: &TrackObject, value: Option<&TrackValue>) -> Result {
    writeln!(out, " Track file = {}", object.name)?;
    if let TrackKind::File(file) = &object.kind {
        writeln!(out, "   File = {}", file.path)?;
    }
    let status = match value {
        Some(TrackValue::Number(n)) => *n,
        _ => 0,
    };
    writeln!(out, "   Status = {status}")?;
    let reverse = if object.reverse { " reverse" } else { "" };
    writeln!(out, "   Weight = {}{reverse}", object.weight.0)?;
    writeln!(out, "   Tracking instances :")
}
