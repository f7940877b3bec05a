//! Tracked processes: from what happens to processes to "enough run", or not.
//!
//! Owns who is counted and the hold-off of changes. Reads nothing: it is told
//! what has happened, what `/proc` shows, and what time it is.

use model::track::{ParamMatch, TrackProcess};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use types::{Mono, TrackId};

/// What a process shows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// Its name, `comm` of proc_pid_comm(5): 15 bytes at most.
    pub comm: Vec<u8>,
    /// Its command line, proc_pid_cmdline(5), each word with a NUL after it.
    /// Empty where nothing asks for it.
    pub cmdline: Vec<u8>,
}

/// An object whose verdict has changed: whether its number is right now.
pub type Verdict = (TrackId, bool);

/// One tracked object.
#[derive(Debug, Clone)]
struct Watched {
    id: TrackId,
    name: String,
    spec: TrackProcess,
    pids: BTreeSet<u32>,
    /// What was told last.
    good: bool,
    /// When the opposite of it is to be told.
    pending: Option<Mono>,
}

/// All tracked objects with the processes that count for each.
#[derive(Debug, Default)]
pub struct Processes {
    watched: Vec<Watched>,
}

impl Processes {
    /// Tracks these objects from now on, with `all` that runs. One that stays
    /// as it was keeps its verdict, and a change of it that is being held off;
    /// any other begins with what is true now.
    pub fn configure<'c>(
        &mut self,
        now: Mono,
        objects: impl Iterator<Item = (TrackId, &'c str, &'c TrackProcess)>,
        all: &BTreeMap<u32, Shown>,
    ) {
        let before = std::mem::take(&mut self.watched);
        for (id, name, spec) in objects {
            let pids = counted(spec, all);
            let kept = before.iter().find(|w| w.name == name && w.spec == *spec);
            let good = kept.map_or_else(|| enough(spec, &pids), |w| w.good);
            let mut made = Watched {
                id,
                name: name.to_owned(),
                spec: spec.clone(),
                pids,
                good,
                pending: kept.and_then(|w| w.pending),
            };
            if made.pending.is_none() && enough(spec, &made.pids) != good {
                // Missed since the last look: told when the time comes.
                made.pending = Some(now);
            }
            self.watched.push(made);
        }
    }

    /// The verdicts that these objects would begin with, see
    /// [`Processes::configure`].
    pub fn preview<'c>(
        &self,
        objects: impl Iterator<Item = (TrackId, &'c str, &'c TrackProcess)>,
        all: &BTreeMap<u32, Shown>,
    ) -> BTreeMap<TrackId, bool> {
        let verdict = |name: &str, spec: &TrackProcess| {
            let kept = self.watched.iter().find(|w| w.name == name && w.spec == *spec);
            kept.map_or_else(|| enough(spec, &counted(spec, all)), |w| w.good)
        };
        objects.map(|(id, name, spec)| (id, verdict(name, spec))).collect()
    }

    /// The verdicts told last.
    pub fn verdicts(&self) -> BTreeMap<TrackId, bool> {
        self.watched.iter().map(|w| (w.id, w.good)).collect()
    }

    /// How many processes count for an object, and whether a change is held off.
    pub fn count(&self, id: TrackId) -> (u32, bool) {
        let watched = self.watched.iter().find(|w| w.id == id);
        watched.map_or((0, false), |w| {
            (u32::try_from(w.pids.len()).unwrap_or(u32::MAX), w.pending.is_some())
        })
    }

    /// Name of an object.
    pub fn name(&self, id: TrackId) -> &str {
        self.watched.iter().find(|w| w.id == id).map_or("", |w| &w.name)
    }

    /// Whether this process is counted, or could be with what it shows.
    pub fn concerns(&self, pid: u32, comm: &[u8]) -> bool {
        let could = |w: &Watched| w.spec.full_command || w.spec.process.as_bytes() == comm;
        self.watched.iter().any(|w| could(w) || w.pids.contains(&pid))
    }

    /// A process has made a copy of itself.
    pub fn forked(&mut self, now: Mono, parent: u32, child: u32) -> Vec<Verdict> {
        self.each(now, |w| {
            if w.pids.contains(&parent) {
                w.pids.insert(child);
            }
            w.spec.fork_delay
        })
    }

    /// A process executes something else or has another name. Whoever is
    /// counted thereby counts at once.
    pub fn changed(&mut self, now: Mono, pid: u32, shown: &Shown) -> Vec<Verdict> {
        self.each(now, |w| {
            if matches(&w.spec, shown) {
                w.pids.insert(pid);
                Duration::ZERO
            } else if w.pids.remove(&pid) {
                w.spec.terminate_delay
            } else {
                Duration::ZERO
            }
        })
    }

    /// A process has ended.
    pub fn ended(&mut self, now: Mono, pid: u32) -> Vec<Verdict> {
        self.each(now, |w| {
            w.pids.remove(&pid);
            w.spec.terminate_delay
        })
    }

    /// All processes were looked at: what runs that was not known was
    /// executed, what is not there has ended.
    pub fn rescanned(&mut self, now: Mono, all: &BTreeMap<u32, Shown>) -> Vec<Verdict> {
        self.each(now, |w| {
            let before = std::mem::replace(&mut w.pids, counted(&w.spec, all));
            if w.pids.len() < before.len() { w.spec.terminate_delay } else { Duration::ZERO }
        })
    }

    /// When [`Processes::tick`] is to be called.
    pub fn deadline(&self) -> Option<Mono> {
        self.watched.iter().filter_map(|w| w.pending).min()
    }

    /// Tells the changes whose hold-off is over.
    pub fn tick(&mut self, now: Mono) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for w in &mut self.watched {
            if w.pending.is_some_and(|at| at <= now) {
                w.pending = None;
                w.good = !w.good;
                verdicts.push((w.id, w.good));
            }
        }
        verdicts
    }

    /// Applies `change` to every object; it says how long what follows is to
    /// be held off.
    fn each(&mut self, now: Mono, change: impl Fn(&mut Watched) -> Duration) -> Vec<Verdict> {
        self.watched
            .iter_mut()
            .filter_map(|w| {
                let before = w.pids.len();
                let hold = change(w);
                (w.pids.len() != before).then(|| w.settle(now, hold)).flatten()
            })
            .collect()
    }
}

impl Watched {
    /// What follows from the processes that are counted now.
    fn settle(&mut self, now: Mono, hold: Duration) -> Option<Verdict> {
        let good = enough(&self.spec, &self.pids);
        if good == self.good {
            // Back before anybody was told.
            self.pending = None;
            return None;
        }
        if self.pending.is_some() {
            // What has brought it about decides how long it is held off.
            return None;
        }
        if !hold.is_zero() {
            self.pending = Some(now + hold);
            return None;
        }
        self.good = good;
        Some((self.id, good))
    }
}

fn counted(spec: &TrackProcess, all: &BTreeMap<u32, Shown>) -> BTreeSet<u32> {
    all.iter().filter(|(_, shown)| matches(spec, shown)).map(|(pid, _)| *pid).collect()
}

fn enough(spec: &TrackProcess, pids: &BTreeSet<u32>) -> bool {
    let count = u32::try_from(pids.len()).unwrap_or(u32::MAX);
    count >= spec.quorum && spec.quorum_max.is_none_or(|most| count <= most)
}

/// How many bytes of a command line tell whether it matches: one more than
/// the longest that is asked for. 0 when nothing asks.
pub fn cmdline_bound<'c>(specs: impl Iterator<Item = &'c TrackProcess>) -> usize {
    let words = |s: &TrackProcess| {
        s.process.len() + 2 + s.params.iter().map(|param| param.len() + 1).sum::<usize>()
    };
    specs.filter(|s| s.full_command).map(words).max().unwrap_or(0)
}

/// Whether a process is one of those that `spec` describes.
fn matches(spec: &TrackProcess, shown: &Shown) -> bool {
    if !spec.full_command {
        return shown.comm == spec.process.as_bytes();
    }
    let line = shown.cmdline.strip_suffix(b"\0").unwrap_or(&shown.cmdline);
    let mut words = line.split(|byte| *byte == 0);
    if words.next() != Some(spec.process.as_bytes()) {
        return false;
    }
    let params = || spec.params.iter().map(String::as_bytes);
    match spec.param_match {
        ParamMatch::None => true,
        ParamMatch::Exact => words.eq(params()),
        ParamMatch::Partial => params().all(|param| words.next() == Some(param)),
        ParamMatch::Initial => {
            let last = spec.params.len().saturating_sub(1);
            params().enumerate().all(|(nth, param)| {
                let word = words.next();
                if nth == last {
                    word.is_some_and(|w| w.starts_with(param))
                } else {
                    word == Some(param)
                }
            })
        }
    }
}

#[cfg(test)]
#[path = "processes_tests.rs"]
mod tests;
