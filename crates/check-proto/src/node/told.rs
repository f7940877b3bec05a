//! Checkers that are told their verdicts: files and BFD sessions.

use super::Node;
use super::checker::{Checker, Share};
use crate::action::Action;
use crate::event::{CheckEvent, Event};
use crate::health::Health;
use crate::probe::file::{self, Reading};
use crate::probe::{Reason, bfd};
use model::lvs::CheckKind;
use std::collections::HashMap;
use types::TrackId;

/// Health and share of the weight that the facts give a checker at its start.
pub(super) fn initial(
    kind: &CheckKind,
    values: &[i64],
    sessions: impl Fn(&str) -> Option<bool>,
    otherwise: Health,
) -> (Health, Share) {
    match kind {
        CheckKind::File { track, weight, reverse } => {
            let value = values.get(track.index()).copied().unwrap_or(0);
            let (up, share) = standing(file::read(value, *weight, *reverse));
            (Health::passive(up, true), share)
        }
        CheckKind::Bfd { name } => match sessions(name) {
            Some(up) => (Health::passive(up, true), Share::None),
            None => (otherwise, Share::None),
        },
        _ => (otherwise, Share::None),
    }
}

/// Checkers by what they are told of.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    tracks: HashMap<TrackId, Vec<u32>>,
    sessions: HashMap<Box<str>, Vec<u32>>,
}

impl Watchers {
    pub fn of<'a>(kinds: impl Iterator<Item = (u32, &'a CheckKind)>) -> Self {
        let mut w = Watchers::default();
        for (id, kind) in kinds {
            match kind {
                CheckKind::File { track, .. } => w.tracks.entry(*track).or_default().push(id),
                CheckKind::Bfd { name } => {
                    w.sessions.entry((&**name).into()).or_default().push(id);
                }
                _ => {}
            }
        }
        w
    }
}

fn standing(reading: Reading) -> (bool, Share) {
    match reading {
        Reading::Add(n) => (true, Share::Add(n)),
        Reading::Fault => (false, Share::None),
    }
}

impl Node {
    pub(super) fn track(&mut self, track: TrackId, value: i64, out: &mut Vec<Action>) {
        for id in self.watchers.tracks.get(&track).cloned().unwrap_or_default() {
            self.file(id, value, out);
        }
    }

    fn file(&mut self, id: u32, value: i64, out: &mut Vec<Action>) {
        let Some(c) = self.checker_mut(id) else { return };
        let CheckKind::File { weight, reverse, .. } = c.kind else { return };
        let (up, share) = standing(file::read(value, weight, reverse));
        let (at, rs) = (c.vs, c.rs);
        c.share = share;
        let change = c.health.verdict(up, false);
        if change.is_some() {
            out.push(event(c, CheckEvent::Fault(!up)));
        }
        if up {
            self.weigh(at, rs, out);
        }
        if let Some(change) = change {
            self.change(id, change, (!up).then_some(Reason::File(value)), out);
        }
        if !up {
            self.weigh(at, rs, out);
        }
    }

    pub(super) fn session(&mut self, name: &str, up: bool, out: &mut Vec<Action>) {
        self.sessions.insert(name.into(), up);
        for id in self.watchers.sessions.get(name).cloned().unwrap_or_default() {
            let Some(c) = self.checker_mut(id) else { continue };
            if !bfd::is_news(bfd::Fact { up }, c.health.is_up(), c.health.has_run()) {
                continue;
            }
            out.push(event(c, CheckEvent::Session(up)));
            if let Some(change) = c.health.verdict(up, c.pacing.alpha) {
                self.change(id, change, (!up).then_some(Reason::Session), out);
            }
        }
    }
}

fn event(c: &Checker, what: CheckEvent) -> Action {
    Action::Event(Event::Check(c.label.clone(), what))
}
