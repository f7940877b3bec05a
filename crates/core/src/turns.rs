//! Whose script may run now: the notifications of one subject take turns, so
//! that what is told last is also done last.
//!
//! Owns the waiting jobs of every subject. Starts nothing: it says what may
//! start and is told what has ended. A job that takes long is not waited for
//! forever, since a script may well stay (a service in the foreground).

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;
use types::Mono;

/// A job that has run for so long lets the next one start beside it.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Jobs of one subject that may wait.
pub const WAITING_MAX: usize = 32;

/// Which turn, to tell when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Turn(u64);

/// The jobs of all subjects.
#[derive(Debug)]
pub struct Turns<K, J> {
    subjects: HashMap<K, Subject<J>>,
    last: u64,
}

#[derive(Debug)]
struct Subject<J> {
    /// Whose turn it is, and until when it is waited for.
    running: Option<(Turn, Mono)>,
    waiting: VecDeque<J>,
}

impl<K, J> Default for Turns<K, J> {
    fn default() -> Self {
        Turns { subjects: HashMap::new(), last: 0 }
    }
}

/// A job whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Started<K, J> {
    /// Whose.
    pub subject: K,
    /// What.
    pub job: J,
    /// To be told to [`Turns::ended`].
    pub turn: Turn,
    /// The job before it still runs.
    pub beside: bool,
}

impl<K: Clone + Eq + Hash, J> Turns<K, J> {
    /// Another job of a subject. When too many wait already the oldest of
    /// them is returned and will not run: the newest state counts.
    #[must_use]
    pub fn add(&mut self, subject: K, job: J) -> Option<J> {
        let empty = || Subject { running: None, waiting: VecDeque::new() };
        let waiting = &mut self.subjects.entry(subject).or_insert_with(empty).waiting;
        waiting.push_back(job);
        if waiting.len() > WAITING_MAX { waiting.pop_front() } else { None }
    }

    /// A job that may start, until there is none.
    pub fn start(&mut self, now: Mono) -> Option<Started<K, J>> {
        let free = |s: &Subject<J>| s.running.is_none_or(|(_, until)| until <= now);
        let (key, subject) =
            self.subjects.iter_mut().find(|(_, s)| free(s) && !s.waiting.is_empty())?;
        let job = subject.waiting.pop_front()?;
        self.last += 1;
        let turn = Turn(self.last);
        let beside = subject.running.replace((turn, now + PATIENCE)).is_some();
        Some(Started { subject: key.clone(), job, turn, beside })
    }

    /// A job has ended, or could not be started.
    pub fn ended(&mut self, turn: Turn) {
        self.subjects.retain(|_, s| {
            // One that was not waited for any longer is nobody's turn.
            if s.running.is_some_and(|(running, _)| running == turn) {
                s.running = None;
            }
            s.running.is_some() || !s.waiting.is_empty()
        });
    }

    /// Waits for no job from now on: all may start. Returns whether any did
    /// wait.
    pub fn release(&mut self) -> Vec<(K, J)> {
        let subjects = std::mem::take(&mut self.subjects);
        let jobs = |(key, s): (K, Subject<J>)| s.waiting.into_iter().map(move |j| (key.clone(), j));
        subjects.into_iter().flat_map(jobs).collect()
    }

    /// When [`Turns::start`] may have another job.
    pub fn deadline(&self) -> Option<Mono> {
        let waits = self.subjects.values().filter(|s| !s.waiting.is_empty());
        waits.filter_map(|s| s.running.map(|(_, until)| until)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn started(turns: &mut Turns<u8, u32>, now: Mono) -> Vec<(u32, Turn, bool)> {
        std::iter::from_fn(|| turns.start(now).map(|s| (s.job, s.turn, s.beside))).collect()
    }

    #[test]
    fn jobs_of_a_subject_run_one_after_the_other() {
        let mut turns = Turns::default();
        for (subject, job) in [(1, 10), (1, 11), (2, 20)] {
            assert_eq!(turns.add(subject, job), None);
        }
        let mut first = started(&mut turns, Mono::ZERO);
        first.sort_unstable_by_key(|s| s.0);
        assert_eq!(first.iter().map(|s| s.0).collect::<Vec<_>>(), [10, 20]);
        turns.ended(first[1].1);
        assert_eq!(started(&mut turns, Mono::ZERO), []);
        turns.ended(first[0].1);
        let second = started(&mut turns, Mono::ZERO);
        assert_eq!(second.len(), 1);
        assert_eq!((second[0].0, second[0].2), (11, false));
        turns.ended(second[0].1);
        assert!(turns.subjects.is_empty());
    }

    #[test]
    fn a_job_that_stays_is_not_waited_for_longer_than_patience() {
        let mut turns = Turns::default();
        assert_eq!(turns.add(1, 10), None);
        let first = started(&mut turns, Mono::ZERO);
        assert_eq!(turns.deadline(), None);
        assert_eq!(turns.add(1, 11), None);
        let at = Mono::ZERO + PATIENCE;
        assert_eq!(turns.deadline(), Some(at));
        let second = started(&mut turns, at);
        assert_eq!((second[0].0, second[0].2), (11, true));
        // The end of the first says nothing about the second.
        turns.ended(first[0].1);
        assert_eq!(turns.add(1, 12), None);
        assert_eq!(started(&mut turns, at), []);
    }

    #[test]
    fn all_that_wait_can_be_released_in_order() {
        let mut turns = Turns::default();
        for job in 10..13 {
            assert_eq!(turns.add(1, job), None);
        }
        assert_eq!(started(&mut turns, Mono::ZERO).len(), 1);
        assert_eq!(turns.release(), [(1, 11), (1, 12)]);
        assert_eq!(turns.release(), []);
    }

    proptest! {
        /// Every job starts or is returned, in the order of adding.
        #[test]
        fn no_job_is_lost(adds in proptest::collection::vec((0..3u8, any::<bool>()), 0..200)) {
            let mut turns = Turns::default();
            let mut seen = Vec::new();
            let mut running = Vec::new();
            for (nth, (subject, end)) in (0u32..).zip(&adds) {
                seen.extend(turns.add(*subject, nth).map(|job| (*subject, job)));
                while let Some(s) = turns.start(Mono::ZERO) {
                    seen.push((s.subject, s.job));
                    running.push(s.turn);
                }
                if *end && let Some(turn) = running.pop() {
                    turns.ended(turn);
                }
            }
            seen.extend(turns.release());
            for subject in 0..3 {
                let told: Vec<_> = seen.iter().filter(|s| s.0 == subject).map(|s| s.1).collect();
                prop_assert!(told.is_sorted(), "{told:?}");
            }
            prop_assert_eq!(seen.len(), adds.len());
        }
    }
}
