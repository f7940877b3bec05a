//! Whose script may run now: the notifications of one subject take turns, so
//! that what is told last is also done last.
//!
//! Owns the waiting jobs of every subject. Starts nothing: it says what may
//! start and is told what has ended. A job that takes long is not waited for
//! forever, since a script may well stay (a service in the foreground).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;
use types::Mono;

/// A job that has run for so long lets the next one start beside it.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Jobs of one subject that may wait.
pub const WAITING_MAX: usize = 32;

/// Which turn, to tell when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn(u64);

/// The jobs of all subjects. Each call costs the same, however many subjects
/// there are.
#[derive(Debug)]
pub struct Turns<K, J> {
    subjects: HashMap<K, Subject<J>>,
    /// Subjects whose next job may start, in the order in which that came.
    ready: VecDeque<K>,
    /// Whose turn each is that is waited for.
    turns: HashMap<Turn, K>,
    /// Until when the turns are waited for behind which a job waits.
    until: BTreeMap<(Mono, Turn), K>,
    last: u64,
    /// How many subjects have been looked at.
    #[cfg(test)]
    looks: usize,
}

#[derive(Debug)]
struct Subject<J> {
    /// Whose turn it is, and until when it is waited for.
    running: Option<(Turn, Mono)>,
    waiting: VecDeque<J>,
    /// It is among those that are ready.
    ready: bool,
}

impl<K, J> Default for Turns<K, J> {
    fn default() -> Self {
        Turns {
            subjects: HashMap::new(),
            ready: VecDeque::new(),
            turns: HashMap::new(),
            until: BTreeMap::new(),
            last: 0,
            #[cfg(test)]
            looks: 0,
        }
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
        self.looked();
        let empty = || Subject { running: None, waiting: VecDeque::new(), ready: false };
        let it = self.subjects.entry(subject.clone()).or_insert_with(empty);
        it.waiting.push_back(job);
        match it.running {
            Some((turn, until)) if it.waiting.len() == 1 => {
                self.until.insert((until, turn), subject);
            }
            None if !it.ready => {
                it.ready = true;
                self.ready.push_back(subject);
            }
            _ => {}
        }
        if it.waiting.len() > WAITING_MAX { it.waiting.pop_front() } else { None }
    }

    /// A job that may start, until there is none.
    pub fn start(&mut self, now: Mono) -> Option<Started<K, J>> {
        while let Some(entry) = self.until.first_entry()
            && entry.key().0 <= now
        {
            let key = entry.remove();
            self.make_ready(key);
        }
        let key = self.ready.pop_front()?;
        self.looked();
        let subject = self.subjects.get_mut(&key)?;
        subject.ready = false;
        let job = subject.waiting.pop_front()?;
        self.last += 1;
        let (turn, until) = (Turn(self.last), now + PATIENCE);
        let before = subject.running.replace((turn, until));
        if let Some((before, _)) = before {
            // It is not waited for any longer, and nobody's turn.
            self.turns.remove(&before);
        }
        self.turns.insert(turn, key.clone());
        if !subject.waiting.is_empty() {
            self.until.insert((until, turn), key.clone());
        }
        Some(Started { subject: key, job, turn, beside: before.is_some() })
    }

    /// A job has ended, or could not be started.
    pub fn ended(&mut self, turn: Turn) {
        let Some(key) = self.turns.remove(&turn) else { return };
        self.looked();
        let Some(subject) = self.subjects.get_mut(&key) else { return };
        if let Some((_, until)) = subject.running.take() {
            self.until.remove(&(until, turn));
        }
        if subject.waiting.is_empty() {
            self.subjects.remove(&key);
        } else {
            self.make_ready(key);
        }
    }

    fn make_ready(&mut self, key: K) {
        self.looked();
        let Some(subject) = self.subjects.get_mut(&key) else { return };
        if !std::mem::replace(&mut subject.ready, true) {
            self.ready.push_back(key);
        }
    }

    /// Waits for no job from now on: all may start. Returns those that did
    /// wait.
    pub fn release(&mut self) -> Vec<(K, J)> {
        let empty = Turns { last: self.last, ..Turns::default() };
        let subjects = std::mem::replace(self, empty).subjects;
        let jobs = |(key, s): (K, Subject<J>)| s.waiting.into_iter().map(move |j| (key.clone(), j));
        subjects.into_iter().flat_map(jobs).collect()
    }

    /// When [`Turns::start`] may have another job.
    pub fn deadline(&self) -> Option<Mono> {
        self.until.first_key_value().map(|((until, _), _)| *until)
    }

    fn looked(&mut self) {
        #[cfg(test)]
        {
            self.looks += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl<K, J> Turns<K, J> {
        fn is_empty(&self) -> bool {
            self.subjects.is_empty()
                && self.ready.is_empty()
                && self.turns.is_empty()
                && self.until.is_empty()
        }
    }

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
        assert!(turns.is_empty());
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

    #[test]
    fn thousands_of_subjects_cost_each_the_same() {
        let mut turns = Turns::default();
        let subjects: Vec<u32> = (0..5_000).collect();
        for job in 0..2 {
            for subject in &subjects {
                assert_eq!(turns.add(*subject, job), None);
            }
        }
        for job in 0..2 {
            let mut running = Vec::new();
            while let Some(s) = turns.start(Mono::ZERO) {
                assert_eq!(s.job, job);
                running.push(s.turn);
            }
            assert_eq!(running.len(), subjects.len());
            assert_eq!(turns.deadline().is_some(), job == 0);
            running.into_iter().for_each(|turn| turns.ended(turn));
        }
        assert!(turns.is_empty());
        // Two jobs each: added, started, ended, and once made ready.
        assert_eq!(turns.looks, 7 * subjects.len());
    }

    proptest! {
        /// Every job starts or is returned, in the order of adding.
        #[test]
        fn no_job_is_lost(
            adds in proptest::collection::vec((0..3u8, any::<bool>(), 0..8u64), 0..200)
        ) {
            let mut turns = Turns::default();
            let mut seen = Vec::new();
            let mut running = Vec::new();
            let mut now = Mono::ZERO;
            for (nth, (subject, end, seconds)) in (0u32..).zip(&adds) {
                now += Duration::from_secs(*seconds);
                seen.extend(turns.add(*subject, nth).map(|job| (*subject, job)));
                while let Some(s) = turns.start(now) {
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
