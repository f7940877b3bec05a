//! One ordered structure of deadlines: a binary heap that knows where each
//! key stands.
//!
//! Owns ordering only. Constant time for the minimum, logarithmic for a
//! change; nothing is allocated once every key has been seen.

use types::Mono;

const ABSENT: u32 = u32::MAX;

/// Deadlines of small dense keys.
#[derive(Debug, Clone, Default)]
pub struct Timers {
    heap: Vec<(Mono, u32)>,
    place: Vec<u32>,
}

impl Timers {
    /// The earliest deadline and its key.
    pub fn first(&self) -> Option<(Mono, u32)> {
        self.heap.first().copied()
    }

    /// Sets, moves or (with `None`) removes the deadline of `key`.
    pub fn set(&mut self, key: u32, at: Option<Mono>) {
        if self.place.len() <= key as usize {
            self.place.resize(key as usize + 1, ABSENT);
            self.heap.reserve(self.place.len() - self.heap.len());
        }
        let place = self.place[key as usize];
        match at {
            None if place == ABSENT => {}
            None => self.remove(place as usize),
            Some(at) if place == ABSENT => {
                self.heap.push((at, key));
                let last = self.heap.len() - 1;
                self.place[key as usize] = last as u32;
                self.up(last);
            }
            Some(at) => {
                self.heap[place as usize].0 = at;
                let place = self.up(place as usize);
                self.down(place);
            }
        }
    }

    /// Takes out the earliest key whose deadline is at or before `now`.
    pub fn pop_due(&mut self, now: Mono) -> Option<u32> {
        let (at, key) = self.first()?;
        if at > now {
            return None;
        }
        self.remove(0);
        Some(key)
    }

    fn remove(&mut self, place: usize) {
        let (_, key) = self.heap.swap_remove(place);
        self.place[key as usize] = ABSENT;
        if let Some(&(_, moved)) = self.heap.get(place) {
            self.place[moved as usize] = place as u32;
            let place = self.up(place);
            self.down(place);
        }
    }

    fn up(&mut self, mut i: usize) -> usize {
        while i > 0 {
            let parent = (i - 1) / 2;
            if self.heap[parent] <= self.heap[i] {
                break;
            }
            self.swap(i, parent);
            i = parent;
        }
        i
    }

    fn down(&mut self, mut i: usize) {
        loop {
            let mut least = i;
            for child in [2 * i + 1, 2 * i + 2] {
                if child < self.heap.len() && self.heap[child] < self.heap[least] {
                    least = child;
                }
            }
            if least == i {
                return;
            }
            self.swap(i, least);
            i = least;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.place[self.heap[a].1 as usize] = a as u32;
        self.place[self.heap[b].1 as usize] = b as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn behaves_like_a_sorted_map(ops in prop::collection::vec((0u32..20, prop::option::of(0u64..50)), 0..200)) {
            let mut timers = Timers::default();
            let mut model = BTreeMap::new();
            for (key, at) in ops {
                timers.set(key, at.map(Mono::from_nanos));
                match at {
                    Some(at) => { model.insert(key, at); }
                    None => { model.remove(&key); }
                }
                let least = model.iter().map(|(k, a)| (Mono::from_nanos(*a), *k)).min();
                prop_assert_eq!(timers.first(), least);
            }
            let mut due = Vec::new();
            while let Some(k) = timers.pop_due(Mono::from_nanos(25)) {
                due.push(k);
            }
            let mut want: Vec<_> = model.iter().filter(|(_, a)| **a <= 25).map(|(k, a)| (*a, *k)).collect();
            want.sort_unstable();
            prop_assert_eq!(due, want.iter().map(|w| w.1).collect::<Vec<_>>());
        }
    }
}
