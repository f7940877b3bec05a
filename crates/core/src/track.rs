//! Tracked objects, scripts and files above all: from runs and changes to facts for the roles.
//!
//! Owns schedules, counters and the log lines of their changes. Never starts
//! a process: it says which script is due and is told how it ended.

use crate::files;
use crate::scripts::Outcome;
use ipc::msg::TrackValue;
use log::{info, warn};
use model::track::{InitFile, TrackFile, TrackScript};
use model::{Config, TrackKind, TrackObject};
use rt::spawn::Exit;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use types::{Mono, ScriptId, TrackId};

/// A tracked file may hold this many bytes before its number.
const FILE_READ: u64 = 256;

/// A value that has changed.
pub type Change = (TrackId, TrackValue);

/// Which tracked processes run in the right number.
pub type Verdicts = BTreeMap<TrackId, bool>;

/// The tracked objects of the running configuration.
#[derive(Debug, Default)]
pub struct Tracker {
    objects: Vec<Object>,
}

#[derive(Debug)]
struct Object {
    spec: TrackObject,
    /// The command's words and user, to tell on reload whether it is the same.
    command: Option<model::Script>,
    value: TrackValue,
    script: Option<ScriptState>,
}

#[derive(Debug, Clone, Copy)]
struct ScriptState {
    next: Mono,
    running: bool,
    /// Results in a row that speak against the present value.
    streak: u32,
    /// No result yet: the first decides.
    fresh: bool,
    last_status: i32,
    /// That a run was skipped was said, and no run has ended in time since.
    skipped: bool,
}

/// A script to be run now.
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    /// Which.
    pub script: ScriptId,
    /// How long it may take.
    pub timeout: Duration,
}

impl Tracker {
    /// The values of all objects, by id.
    pub fn values(&self) -> Vec<TrackValue> {
        self.objects.iter().map(|o| o.value).collect()
    }

    /// Of each object, by id: whether it is a script that runs now, and how many results in a
    /// row speak against its value.
    pub fn runs(&self) -> impl Iterator<Item = (bool, u32)> {
        self.objects.iter().map(|o| o.script.map_or((false, 0), |s| (s.running, s.streak)))
    }

    /// The values that the objects of a new configuration begin with.
    pub fn values_for(&self, config: &Config, processes: &Verdicts) -> Vec<TrackValue> {
        let first = |(nth, spec)| self.first_value(nth, spec, config, processes).0;
        config.tracks.iter().enumerate().map(first).collect()
    }

    /// The value and, for a script that is kept, its state.
    fn first_value(
        &self,
        nth: usize,
        spec: &TrackObject,
        config: &Config,
        processes: &Verdicts,
    ) -> (TrackValue, Option<ScriptState>) {
        match &spec.kind {
            TrackKind::Script(s) => {
                let command = config.scripts.get(s.script.index());
                let same = self.objects.iter().find(|o| {
                    o.spec.name == spec.name && o.script.is_some() && o.command.as_ref() == command
                });
                match same {
                    Some(o) => (o.value, o.script),
                    None if s.init_fail => (TrackValue::Good(false), None),
                    None => (TrackValue::Unknown, None),
                }
            }
            TrackKind::File(f) => {
                let number = read_number(Path::new(&f.path));
                (TrackValue::Number(number.unwrap_or_default()), None)
            }
            TrackKind::Process(_) => {
                // One that nothing tracks is not looked for.
                (TrackValue::Good(processes.get(&id(nth)).copied().unwrap_or(true)), None)
            }
            // Not acted upon yet: no influence.
            TrackKind::Bfd => (TrackValue::Good(true), None),
        }
    }

    /// Takes over the objects of a configuration. Results of scripts whose
    /// name, command and user stay are kept. `start` makes initial files.
    pub fn configure(&mut self, now: Mono, config: &Config, processes: &Verdicts, start: bool) {
        let used = used_tracks(config);
        let mut objects = Vec::with_capacity(config.tracks.len());
        for (nth, spec) in config.tracks.iter().enumerate() {
            if start && let TrackKind::File(f) = &spec.kind {
                init_file(f);
            }
            let (value, kept) = self.first_value(nth, spec, config, processes);
            let script = match &spec.kind {
                TrackKind::Script(_) if used.contains(&nth) => {
                    if kept.is_some() && !start {
                        say_kept(&spec.name, value);
                    }
                    let fresh =
                        kept.is_none_or(|k| k.fresh || matches!(value, TrackValue::Unknown));
                    let last_status = kept.map_or(0, |k| k.last_status);
                    Some(ScriptState {
                        next: now,
                        running: false,
                        streak: 0,
                        fresh,
                        last_status,
                        skipped: false,
                    })
                }
                _ => None,
            };
            let command = match &spec.kind {
                TrackKind::Script(s) => config.scripts.get(s.script.index()).cloned(),
                _ => None,
            };
            objects.push(Object { spec: spec.clone(), command, value, script });
        }
        self.objects = objects;
    }

    /// The files to watch.
    pub fn files(&self) -> Vec<PathBuf> {
        let path = |o: &Object| match &o.spec.kind {
            TrackKind::File(f) => Some(PathBuf::from(&f.path)),
            _ => None,
        };
        self.objects.iter().filter_map(path).collect()
    }

    /// A watched path has changed; what follows from it.
    pub fn file_changed(&mut self, changed: &Path) -> Vec<Change> {
        let mut changes = Vec::new();
        for (nth, object) in self.objects.iter_mut().enumerate() {
            let TrackKind::File(f) = &object.spec.kind else { continue };
            let path = Path::new(&f.path);
            if path != changed && path.parent() != Some(changed) {
                continue;
            }
            let Some(number) = read_number(path) else { continue };
            let value = TrackValue::Number(number);
            if object.value != value {
                object.value = value;
                changes.push((id(nth), value));
            }
        }
        changes
    }

    /// The number of tracked processes has become right or wrong.
    pub fn process_changed(&mut self, id: TrackId, good: bool) -> Option<Change> {
        let value = TrackValue::Good(good);
        self.objects.get_mut(id.index())?.value = value;
        Some((id, value))
    }

    /// When the next script is due.
    pub fn deadline(&self) -> Option<Mono> {
        self.objects.iter().filter_map(|o| o.script.as_ref().map(|s| s.next)).min()
    }

    /// The scripts that are due.
    pub fn due(&self, now: Mono) -> Vec<TrackId> {
        let is_due = |o: &Object| o.script.as_ref().is_some_and(|s| s.next <= now);
        let due = self.objects.iter().enumerate().filter(|(_, o)| is_due(o));
        due.map(|(nth, _)| id(nth)).collect()
    }

    /// A script is due: what to run, unless the previous run still goes on.
    pub fn begin(&mut self, now: Mono, track: TrackId) -> Option<Run> {
        let object = self.objects.get_mut(track.index())?;
        let TrackKind::Script(spec) = &object.spec.kind else { return None };
        let state = object.script.as_mut()?;
        // The schedule has no drift, and a late turn does not cause a burst.
        state.next += spec.interval;
        if state.next <= now {
            state.next = now + spec.interval;
        }
        if state.running {
            if !std::mem::replace(&mut state.skipped, true) {
                info!(
                    "Track script {} is already running, expect idle - skipping run",
                    object.spec.name
                );
            }
            return None;
        }
        state.running = true;
        let timeout = if spec.timeout.is_zero() { spec.interval } else { spec.timeout };
        Some(Run { script: spec.script, timeout })
    }

    /// A script has ended; what follows from it.
    pub fn script_ended(&mut self, track: TrackId, outcome: Outcome) -> Option<Change> {
        let object = self.objects.get_mut(track.index())?;
        let TrackKind::Script(spec) = &object.spec.kind else { return None };
        let state = object.script.as_mut()?;
        state.running = false;
        state.skipped &= outcome.timed_out;
        let name = &object.spec.name;
        if let Exit::Status(status) = outcome.exit
            && !outcome.timed_out
            && status != state.last_status
        {
            info!("Script `{name}` now returning {status}");
            state.last_status = status;
        }
        let good = outcome.exit == Exit::Status(0) && !outcome.timed_out;
        let why = match outcome {
            _ if good => "succeeded".to_owned(),
            Outcome { timed_out: true, .. } => "timed_out".to_owned(),
            Outcome { exit: Exit::Status(n), .. } => format!("failed (exited with status {n})"),
            Outcome { exit: Exit::Signal(n), .. } => format!("failed (due to signal {n})"),
        };
        let change = weigh(state, spec, &mut object.value, good)?;
        info!("VRRP_Script({name}) {why}");
        Some((track, change))
    }

    /// A script could not even be started: a failure as any other.
    pub fn not_started(&mut self, track: TrackId) -> Option<Change> {
        self.script_ended(track, Outcome { exit: Exit::Status(127), timed_out: false, told: false })
    }
}

/// Counts one result; the new value when it changes.
fn weigh(
    state: &mut ScriptState,
    spec: &TrackScript,
    value: &mut TrackValue,
    good: bool,
) -> Option<TrackValue> {
    let fresh = std::mem::take(&mut state.fresh);
    if *value == TrackValue::Good(good) {
        state.streak = 0;
        return None;
    }
    state.streak += 1;
    let needed = if good { spec.rise } else { spec.fall };
    if !fresh && state.streak < needed {
        return None;
    }
    state.streak = 0;
    *value = TrackValue::Good(good);
    Some(*value)
}

/// The id of the `nth` object.
pub fn id(nth: usize) -> TrackId {
    TrackId(u32::try_from(nth).unwrap_or(u32::MAX))
}

/// Indexes of the objects that something tracks: others are not run.
pub fn used_tracks(config: &Config) -> BTreeSet<usize> {
    let instances = config.vrrp.instances.iter().flat_map(|i| &i.tracks);
    let groups = config.vrrp.sync_groups.iter().flat_map(|g| &g.tracks);
    instances.chain(groups).map(|t| t.id.index()).collect()
}

fn say_kept(name: &str, value: TrackValue) {
    match value {
        TrackValue::Good(true) => info!("VRRP_Script({name}) considered successful on reload"),
        TrackValue::Good(false) => info!("VRRP_Script({name}) considered unsuccessful on reload"),
        _ => {}
    }
}

/// The first integer of a file in C's syntax; 0 when there is none, `None` when it is too large
/// to be meant.
fn read_number(path: &Path) -> Option<i64> {
    let mut bytes = Vec::new();
    let read = files::open(path).and_then(|f| f.take(FILE_READ).read_to_end(&mut bytes));
    if let Err(e) = read {
        if e.kind() != io::ErrorKind::NotFound {
            warn!("Cannot read track file {}, taken for 0: {e}", path.display());
        }
        return Some(0);
    }
    let number = parse_number(&String::from_utf8_lossy(&bytes));
    if i32::try_from(number).is_err() {
        warn!("Invalid number {number} read from {} - ignoring", path.display());
        return None;
    }
    Some(number)
}

/// As strtol(3) with base 0.
fn parse_number(text: &str) -> i64 {
    let text = text.trim_start();
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, digits.get(2..).unwrap_or_default()),
        _ if digits.starts_with('0') => (8, digits),
        _ => (10, digits),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let digits = digits.get(..end).unwrap_or_default();
    if digits.is_empty() {
        return 0;
    }
    let number = i64::from_str_radix(digits, radix).unwrap_or(i64::MAX);
    if negative { -number } else { number }
}

/// Makes a tracked file at start where the configuration asks for it.
fn init_file(file: &TrackFile) {
    let Some(InitFile { value, overwrite }) = file.init else { return };
    if Path::new(&file.path).exists() && !overwrite {
        return;
    }
    if let Err(e) = files::create(&file.path).and_then(|mut f| writeln!(f, "{value}")) {
        warn!("Unable to initialise track file {}: {e}", file.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(fresh: bool) -> ScriptState {
        let next = Mono::ZERO;
        ScriptState { next, running: false, streak: 0, fresh, last_status: 0, skipped: false }
    }

    fn spec(rise: u32, fall: u32) -> TrackScript {
        TrackScript {
            script: ScriptId(0),
            interval: Duration::from_secs(1),
            timeout: Duration::ZERO,
            rise,
            fall,
            init_fail: false,
        }
    }

    fn run(spec: &TrackScript, mut value: TrackValue, results: &[bool]) -> Vec<Option<bool>> {
        let mut s = state(true);
        let mut one = |good: &bool| match weigh(&mut s, spec, &mut value, *good) {
            Some(TrackValue::Good(g)) => Some(g),
            _ => None,
        };
        results.iter().map(&mut one).collect()
    }

    #[test]
    fn the_first_result_decides_at_once() {
        assert_eq!(run(&spec(3, 3), TrackValue::Unknown, &[true]), [Some(true)]);
        assert_eq!(run(&spec(3, 3), TrackValue::Unknown, &[false]), [Some(false)]);
        assert_eq!(run(&spec(3, 3), TrackValue::Good(false), &[true]), [Some(true)]);
    }

    #[test]
    fn later_changes_take_rise_or_fall_results_in_a_row() {
        let results = [true, false, false, true, false, false, false, true, true];
        let expected = [Some(true), None, None, None, None, None, Some(false), None, Some(true)];
        assert_eq!(run(&spec(2, 3), TrackValue::Unknown, &results), expected);
    }

    #[test]
    fn numbers_are_read_as_c_does() {
        let cases =
            [("12\n", 12), (" -3x", -3), ("0x1f", 31), ("010", 8), ("", 0), ("abc", 0), ("+5", 5)];
        for (text, number) in cases {
            assert_eq!(parse_number(text), number, "{text:?}");
        }
    }
}
