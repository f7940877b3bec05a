//! What becomes of keywords whose script cannot be run.

use std::collections::HashSet;

use model::track::TrackKind;
use model::vrrp::Notify;
use types::{ScriptId, TrackId};

use crate::diag::{Code, Diag, Level};
use crate::lower::Cx;
use crate::lower::script::Problem;
use crate::source::Span;

/// Drops what names a script that cannot be run: trackers with an error,
/// notifications with the log line that is out already.
pub(super) fn check(cx: &mut Cx<'_>) {
    tracked(cx);
    let mut instances = std::mem::take(&mut cx.build.vrrp.instances);
    for draft in &mut instances {
        notify(cx, &mut draft.made.notify);
    }
    cx.build.vrrp.instances = instances;
    let mut groups = std::mem::take(&mut cx.build.vrrp.groups);
    for draft in &mut groups {
        notify(cx, &mut draft.made.notify);
    }
    cx.build.vrrp.groups = groups;
    global(cx);
}

fn notify(cx: &Cx<'_>, notify: &mut Notify) {
    let Notify { master, backup, fault, stop, deleted, master_rx_lower_pri, any, .. } = notify;
    for slot in [master, backup, fault, stop, deleted, master_rx_lower_pri, any] {
        *slot = slot.filter(|id| cx.script_usable(*id));
    }
}

fn global(cx: &mut Cx<'_>) {
    let config = &cx.build.config.global;
    for (id, what) in [(config.startup_script, "startup"), (config.shutdown_script, "shutdown")] {
        if let Some(id) = id
            && !cx.script_usable(id)
        {
            let text = format!("{what} script cannot be run - ignoring");
            cx.error(Code::Script, cx.script_span(id), text);
        }
    }
    let mut fifos = std::mem::take(&mut cx.build.config.global.fifos);
    for slot in [&mut fifos.all_script, &mut fifos.vrrp_script, &mut fifos.lvs_script] {
        *slot = slot.filter(|id| cx.script_usable(*id));
    }
    let (startup, shutdown) =
        (cx.build.config.global.startup_script, cx.build.config.global.shutdown_script);
    let usable = |id: Option<ScriptId>| id.filter(|id| cx.script_usable(*id));
    let (startup, shutdown) = (usable(startup), usable(shutdown));
    let global = &mut cx.build.config.global;
    (global.startup_script, global.shutdown_script) = (startup, shutdown);
    global.fifos = fifos;
}

/// `vrrp_script` objects: those that cannot be run, and those nobody tracks.
fn tracked(cx: &mut Cx<'_>) {
    let vrrp = &cx.build.vrrp;
    let refs = vrrp.instances.iter().flat_map(|d| &d.made.tracks);
    let refs = refs.chain(vrrp.groups.iter().flat_map(|d| &d.made.tracks));
    let used: HashSet<TrackId> = refs.map(|t| t.id).collect();
    let mut scripts = Vec::new();
    for (object, i) in cx.build.config.tracks.iter().zip(0..) {
        if let TrackKind::Script(script) = &object.kind {
            scripts.push((TrackId(i), object.name.clone(), script.script));
        }
    }
    for (id, name, script) in scripts {
        let span = cx.script_span(script);
        if let Some(problem) = cx.script_problem(script) {
            cx.build.vrrp.objects.unusable(id);
            unusable(cx, &name, problem, span);
        } else if !used.contains(&id) {
            cx.forget_script(script);
            if !cx.test {
                let text = format!("Warning - script {name} is not used");
                cx.late(Code::Advice, span, text);
            }
        }
    }
}

fn unusable(cx: &mut Cx<'_>, name: &str, problem: Problem, span: Span) {
    let text = match problem {
        Problem::Insecure => format!("Disabling track script {name} due to insecure"),
        Problem::NotAccessible => {
            format!("Disabling track script {name} since not found/accessible")
        }
        Problem::NoUser => format!("Disabling track script {name} for want of a user"),
    };
    let code = match problem {
        Problem::Insecure => Code::InsecureScript,
        _ => Code::Script,
    };
    let help = "what tracks it goes on without it; the lines before this one say what is wrong";
    cx.report(
        Diag::new(Level::General, code, Span::NONE, text)
            .related(span, "the script is here")
            .help(help),
    );
}
