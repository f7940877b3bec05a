//! The sections on what is tracked: scripts, files, processes and BFD sessions.

use super::words::{IsKind, owner, weight, yes};
use core::fmt::{Result, Write};
use core::time::Duration;
use ipc::msg::vrrp::{Known, Tracked};
use model::track::{ParamMatch, TrackFile, TrackProcess, TrackScript};
use model::{TrackKind, TrackObject};
use vrrp_proto::{Node, TrackValue};

/// An object, its value, and what core makes of it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    nth: usize,
    /// Its configuration.
    pub object: &'a TrackObject,
    value: TrackValue,
    /// How it is watched.
    pub tracked: Tracked,
}

/// All tracked objects.
pub fn seen<'a>(node: &'a Node, known: &'a Known) -> impl Iterator<Item = Seen<'a>> {
    node.tracked().enumerate().map(|(nth, (object, value))| {
        let tracked = known.tracked.get(nth).copied().unwrap_or_default();
        Seen { nth, object, value, tracked }
    })
}

impl Seen<'_> {
    /// Whether it is known to be good.
    pub fn is_good(&self) -> bool {
        self.value == TrackValue::Good
    }

    /// Whether a change after a fork, or after an end, is held off.
    pub fn held(&self) -> (bool, bool) {
        let (held, good) = (self.tracked.held, self.is_good());
        (held && !good, held && good)
    }
}

/// The sections, those that have something.
pub fn write(out: &mut String, node: &Node, known: &Known) -> Result {
    let kinds: [(&str, IsKind); 4] = [
        ("VRRP Scripts", |k| matches!(k, TrackKind::Script(_))),
        ("VRRP Track files", |k| matches!(k, TrackKind::File(_))),
        ("VRRP Track processes", |k| matches!(k, TrackKind::Process(_))),
        ("VRRP Track BFDs", |k| matches!(k, TrackKind::Bfd)),
    ];
    for (title, is_kind) in kinds {
        let mut first = true;
        for seen in seen(node, known) {
            if !is_kind(&seen.object.kind) {
                continue;
            }
            if std::mem::take(&mut first) {
                writeln!(out, "------< {title} >------")?;
            }
            one(out, node, known, seen)?;
        }
    }
    Ok(())
}

fn one(out: &mut String, node: &Node, known: &Known, seen: Seen<'_>) -> Result {
    match &seen.object.kind {
        TrackKind::Script(s) => {
            script(out, known, seen, s)?;
            users(out, node, seen.nth)?;
            let running = seen.tracked.running;
            writeln!(out, "   State = {}", if running { "running" } else { "idle" })
        }
        TrackKind::File(f) => {
            file(out, seen, f)?;
            users(out, node, seen.nth)
        }
        TrackKind::Process(p) => {
            process(out, seen, p)?;
            users(out, node, seen.nth)
        }
        TrackKind::Bfd => {
            writeln!(out, " VRRP Track BFD = {}", seen.object.name)?;
            writeln!(out, "   Weight = {}", weight(seen.object.weight, seen.object.reverse))?;
            writeln!(out, "   Bfd is {}", if seen.is_good() { "up" } else { "down" })?;
            users(out, node, seen.nth)
        }
    }
}

/// Seconds, with thousandths where there are any.
fn seconds(t: Duration) -> String {
    match t.subsec_millis() {
        0 => format!("{} sec", t.as_secs()),
        ms => format!("{}.{ms:03} sec", t.as_secs()),
    }
}

fn script(out: &mut String, known: &Known, seen: Seen<'_>, s: &TrackScript) -> Result {
    let object = seen.object;
    let command = known.scripts.get(s.script.index());
    writeln!(out, " VRRP Script = {}", object.name)?;
    if let Some(command) = command {
        writeln!(out, "   Command = {}", command.quoted())?;
    }
    writeln!(out, "   Interval = {}", seconds(s.interval))?;
    writeln!(out, "   Timeout = {}", seconds(s.timeout))?;
    writeln!(out, "   Weight = {}", weight(object.weight, object.reverse))?;
    writeln!(out, "   Rise = {}", s.rise)?;
    writeln!(out, "   Fall = {}", s.fall)?;
    // Up to `fall` of them leave it good: it counts down from the top.
    let result = match seen.is_good() {
        true => s.rise.saturating_add(s.fall).saturating_sub(1 + seen.tracked.streak),
        false => seen.tracked.streak,
    };
    writeln!(out, "   Result = {result}")?;
    if let Some(command) = command {
        writeln!(out, "   Insecure = {}", yes(command.insecure))?;
    }
    let status = match seen.value {
        TrackValue::Good => "GOOD",
        TrackValue::Bad => "BAD",
        _ => "INIT",
    };
    writeln!(out, "   Status = {status}")?;
    match command {
        Some(command) => writeln!(out, "   Script uid:gid = {}", owner(command)),
        None => Ok(()),
    }
}

fn file(out: &mut String, seen: Seen<'_>, f: &TrackFile) -> Result {
    let object = seen.object;
    let status = match seen.value {
        TrackValue::Number(n) => n,
        _ => 0,
    };
    writeln!(out, " Track file = {}", object.name)?;
    writeln!(out, "   File = {}", f.path)?;
    writeln!(out, "   Status = {status}")?;
    writeln!(out, "   Weight = {}", weight(object.weight, object.reverse))
}

fn process(out: &mut String, seen: Seen<'_>, p: &TrackProcess) -> Result {
    let object = seen.object;
    writeln!(out, " VRRP Track process = {}", object.name)?;
    writeln!(out, "   Process = {}", p.process)?;
    if !p.params.is_empty() {
        let words: Vec<String> = p.params.iter().map(|word| format!("'{word}'")).collect();
        writeln!(out, "   Parameters = {}", words.join(" "))?;
    }
    if p.param_match != ParamMatch::None {
        writeln!(out, "   Param match = {}", matching(p.param_match))?;
    }
    writeln!(out, "   Min processes = {}", p.quorum)?;
    if let Some(most) = p.quorum_max {
        writeln!(out, "   Max processes = {most}")?;
    }
    writeln!(out, "   Current processes = {}", seen.tracked.processes)?;
    writeln!(out, "   Have quorum = {}", seen.is_good())?;
    writeln!(out, "   Weight = {}", weight(object.weight, object.reverse))?;
    writeln!(out, "   Terminate delay = {:.6}s", p.terminate_delay.as_secs_f64())?;
    writeln!(out, "   Fork delay = {:.6}s", p.fork_delay.as_secs_f64())?;
    let (fork, terminate) = seen.held();
    writeln!(out, "   Fork delay timer {}running", if fork { "" } else { "not " })?;
    writeln!(out, "   Terminate delay timer {}running", if terminate { "" } else { "not " })?;
    writeln!(out, "   Full command = {}", p.full_command)
}

/// How parameters are compared, in a word.
pub fn matching(by: ParamMatch) -> &'static str {
    match by {
        ParamMatch::None => "none",
        ParamMatch::Exact => "exact",
        ParamMatch::Partial => "partial",
        ParamMatch::Initial => "initial",
    }
}

/// Those that track an object, by themselves or through their group.
fn users(out: &mut String, node: &Node, nth: usize) -> Result {
    writeln!(out, "   Tracking instances :")?;
    let here = |r: &&model::vrrp::TrackRef| r.id.index() == nth;
    for s in node.instances() {
        for r in s.config().tracks.iter().filter(here) {
            writeln!(out, "     {}, weight {}", s.config().name, weight(r.weight, r.reverse))?;
        }
    }
    for (group, _, members) in node.sync_groups() {
        for r in group.tracks.iter().filter(here) {
            for s in &members {
                writeln!(out, "     {}, weight {}", s.config().name, weight(r.weight, r.reverse))?;
            }
        }
    }
    Ok(())
}
