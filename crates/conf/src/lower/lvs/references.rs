//! Checkers that name objects of other blocks: track files, BFD sessions and
//! scripts. They may be defined anywhere, so they are looked up after the last
//! file.

use std::collections::{HashMap, HashSet};

use model::TrackKind;
use model::lvs::{CheckKind, Checker, MiscCheck, VirtualServer};
use types::{ScriptId, TrackId};

use super::check::Check;
use super::names;
use super::real::RsDraft;
use crate::diag::Code;
use crate::grammar::lvs::checkers::drafts::FileDraft;
use crate::lower::Cx;
use crate::lower::script::Problem;
use crate::source::Span;

/// A checker whose name is to be looked up.
#[derive(Debug)]
pub(super) struct Pending {
    /// Index of its virtual server, real server and itself.
    place: (usize, usize, usize),
    /// Where the name stands.
    span: Span,
    /// What a FILE_CHECK says; `None` for BFD_CHECK.
    file: Option<Box<FileDraft>>,
}

/// Finds those of a virtual server that ends and will have number `index`.
pub(super) fn collect(
    index: usize,
    servers: &[RsDraft],
    checks: &mut [Check],
    pending: &mut Vec<Pending>,
) {
    for (s, server) in servers.iter().enumerate() {
        let range = server.first_check..server.first_check + server.checks;
        for (c, check) in checks.get_mut(range).unwrap_or_default().iter_mut().enumerate() {
            if matches!(check.kind, CheckKind::File { .. } | CheckKind::Bfd { .. }) {
                let file = check.file.take();
                pending.push(Pending { place: (index, s, c), span: check.span, file });
            }
        }
    }
}

/// Looks all names up; checkers without what they name are removed, as are
/// scripts that cannot be run.
pub(super) fn resolve(cx: &mut Cx<'_>) {
    let mut servers = std::mem::take(&mut cx.build.config.lvs.virtual_servers);
    let pending = std::mem::take(&mut cx.build.lvs.pending);
    let files = track_files(cx);
    let bfd: HashSet<String> = cx.build.config.bfd.iter().map(|b| b.name.clone()).collect();
    let mut gone = Vec::new();
    for Pending { place, span, file } in pending {
        let Some(vs) = servers.get_mut(place.0) else { continue };
        let at = (place.1, place.2);
        let text = match file {
            Some(file) => track(&files, &cx.build.config.tracks, vs, at, &file),
            None => session(&bfd, vs, at),
        };
        if let Some(text) = text {
            cx.error(Code::Undefined, span, text);
            gone.push(place);
        }
    }
    for (vs, rs, check) in gone.into_iter().rev() {
        let server = servers.get_mut(vs).and_then(|v| v.real_servers.get_mut(rs));
        if let Some(server) = server.filter(|s| check < s.checkers.len()) {
            server.checkers.remove(check);
        }
    }
    for vs in &mut servers {
        drop_unusable_scripts(cx, vs);
    }
    cx.build.config.lvs.virtual_servers = servers;
}

/// The track files by name.
fn track_files(cx: &Cx<'_>) -> HashMap<String, TrackId> {
    let tracks = cx.build.config.tracks.iter().enumerate();
    let files = tracks.filter(|(_, t)| matches!(t.kind, TrackKind::File(_)));
    files.filter_map(|(i, t)| Some((t.name.clone(), TrackId(u32::try_from(i).ok()?)))).collect()
}

/// Gives a FILE_CHECK its file and weight; what is wrong, if anything.
fn track(
    files: &HashMap<String, TrackId>,
    tracks: &[model::TrackObject],
    server: &mut VirtualServer,
    (rs, check): (usize, usize),
    draft: &FileDraft,
) -> Option<String> {
    let name = draft.name.as_ref().map_or("", |n| n.0.as_str());
    let Some((id, object)) = files.get(name).and_then(|id| Some((*id, tracks.get(id.index())?)))
    else {
        return Some(format!("track_file {name} is not defined - dropping the checker"));
    };
    let checker = server.real_servers.get_mut(rs)?.checkers.get_mut(check)?;
    let (weight, reverse) = match draft.weight {
        Some((weight, reverse)) => (weight, reverse.unwrap_or(false)),
        None => (object.weight.0.into(), object.reverse),
    };
    checker.kind = CheckKind::File { track: id, weight, reverse };
    None
}

/// What is wrong with a BFD_CHECK, if anything.
fn session(
    bfd: &HashSet<String>,
    vs: &VirtualServer,
    (rs, check): (usize, usize),
) -> Option<String> {
    let server = vs.real_servers.get(rs)?;
    let Checker { kind: CheckKind::Bfd { name }, .. } = server.checkers.get(check)? else {
        return None;
    };
    (!bfd.contains(&**name)).then(|| {
        let server = names::endpoint(server.addr, vs.protocol, server.port);
        format!("({server}) bfd_instance {name} is not defined - dropping the checker")
    })
}

/// Removes scripts that cannot be run, and the checkers that are such.
fn drop_unusable_scripts(cx: &mut Cx<'_>, vs: &mut VirtualServer) {
    let keep = |script: &mut Option<ScriptId>| {
        if script.is_some_and(|id| !cx.script_usable(id)) {
            *script = None;
        }
    };
    keep(&mut vs.quorum_up);
    keep(&mut vs.quorum_down);
    for rare in vs.real_servers.iter_mut().filter_map(|rs| rs.rare.as_mut()) {
        keep(&mut rare.notify_up);
        keep(&mut rare.notify_down);
    }
    for rs in &mut vs.real_servers {
        rs.checkers.retain_mut(|checker| match &mut checker.kind {
            CheckKind::Misc(misc) => {
                // Log lines name the file that is run.
                if let Some(script) = cx.build.config.scripts.get(misc.script.index()) {
                    misc.path.clone_from(&script.path);
                }
                runs(cx, misc)
            }
            _ => true,
        });
    }
}

/// Whether the program of a MISC_CHECK can be run; says so if not.
fn runs(cx: &mut Cx<'_>, misc: &MiscCheck) -> bool {
    let (span, command) = (cx.script_span(misc.script), &misc.command);
    match cx.script_problem(misc.script) {
        None => return true,
        Some(Problem::NoUser) => {
            let text =
                format!("misc_path '{command}' has no user to run as - dropping the checker");
            cx.error(Code::Script, span, text);
        }
        Some(Problem::NotAccessible | Problem::Insecure) => {
            let text = format!("misc_path '{command}' cannot be run - dropping the checker");
            cx.note(Code::Script, span, text);
        }
    }
    false
}
