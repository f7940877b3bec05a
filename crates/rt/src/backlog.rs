//! What a role could not tell core, because core does not read: the latest
//! state of each subject waits, and how much else there was is counted.
//!
//! Never blocks, and holds at most one message for each subject.

use crate::channel::{Channel, SendError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// States of subjects `K` that wait to be told by messages `M`.
#[derive(Debug)]
pub struct Backlog<K, M> {
    states: BTreeMap<K, M>,
    lost: u64,
    /// The message that tells how many were lost.
    tell_lost: fn(u64) -> M,
}

impl<K: Ord, M: Serialize> Backlog<K, M> {
    /// Nothing waits; `tell_lost` makes the message that tells how many reports were lost.
    pub fn new(tell_lost: fn(u64) -> M) -> Self {
        Backlog { states: BTreeMap::new(), lost: 0, tell_lost }
    }

    /// Queues the state of a subject, to be written by the next flush; or keeps it in place of an
    /// older one until core reads again.
    pub fn state<R: DeserializeOwned>(&mut self, core: &mut Channel<M, R>, subject: K, message: M) {
        // What waits already goes first, or states would arrive out of order.
        if (self.is_behind() || !self.queued(core, &message))
            && self.states.insert(subject, message).is_some()
        {
            self.lost += 1;
        }
    }

    /// Queues what is no state: when core does not read, it is lost and counted. Whether it was
    /// queued.
    pub fn event<R: DeserializeOwned>(&mut self, core: &mut Channel<M, R>, message: &M) -> bool {
        let queued = !self.is_behind() && self.queued(core, message);
        self.lost += u64::from(!queued);
        queued
    }

    /// Queues a request that stands for itself and may overtake states: when core does not read,
    /// it is counted as lost. Whether it was queued.
    pub fn request<R: DeserializeOwned>(&mut self, core: &mut Channel<M, R>, message: &M) -> bool {
        let queued = self.queued(core, message);
        self.lost += u64::from(!queued);
        queued
    }

    fn queued<R: DeserializeOwned>(&self, core: &mut Channel<M, R>, message: &M) -> bool {
        match core.put(message) {
            Ok(()) => true,
            Err(SendError::Full) => {
                if !self.is_behind() {
                    log::warn!("core does not read its reports: keeping the latest state of each");
                }
                false
            }
            // No other attempt would do better.
            Err(e) => {
                log::error!("message to core: {e}");
                true
            }
        }
    }

    /// Writes what the socket takes, of what is queued and then of what waits. To be called in each
    /// turn of the loop: whatever waits afterwards waits for the socket, so that
    /// [`Channel::interest`] tells of it.
    pub fn catch_up<R: DeserializeOwned>(&mut self, core: &mut Channel<M, R>) {
        // A failure shows in the next receive.
        let _ = core.flush();
        while let Some(entry) = self.states.first_entry() {
            if let Err(SendError::Full) = core.send(entry.get()) {
                return;
            }
            entry.remove();
        }
        if self.lost > 0 && core.send(&(self.tell_lost)(self.lost)).is_ok() {
            self.lost = 0;
        }
    }

    /// Whether something waits for [`Backlog::catch_up`].
    pub fn is_behind(&self) -> bool {
        !self.states.is_empty() || self.lost > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel;
    use crate::{Interest, Token, poll::Loop};
    use serde::Deserialize;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum News {
        State(u8, u32),
        Event(Vec<u8>),
        Lost(u64),
    }

    type Role = Channel<News, ()>;
    type Core = Channel<(), News>;

    fn pair() -> (Role, Core) {
        let (a, b) = channel::pair().unwrap();
        (Role::new(a, 1 << 20).unwrap(), Core::new(b, 1 << 20).unwrap())
    }

    /// Events until core's socket and the queue are full; how many were queued.
    fn fill(backlog: &mut Backlog<u8, News>, role: &mut Role) -> usize {
        let event = News::Event(vec![0; 100_000]);
        (0..).take_while(|_| backlog.event(role, &event)).count()
    }

    fn read_all(core: &mut Core) -> Vec<News> {
        std::iter::from_fn(|| core.recv().unwrap()).collect()
    }

    #[test]
    fn the_latest_state_of_each_is_told_when_core_reads_again_and_the_count_at_once() {
        let (mut role, mut core) = pair();
        let mut backlog = Backlog::new(News::Lost);
        let queued = fill(&mut backlog, &mut role);
        for n in 1..=3 {
            backlog.state(&mut role, 1, News::State(1, n));
        }
        backlog.state(&mut role, 0, News::State(0, 7));
        assert!(backlog.is_behind());
        // The role hears of the room in the socket, not of a word of core.
        let mut poll = Loop::new().unwrap();
        let mut ready = Vec::new();
        let (mut told, mut seen) = (Vec::new(), 0);
        poll.register(&role, Token(0), Interest::READABLE).unwrap();
        while backlog.is_behind() {
            backlog.catch_up(&mut role);
            for news in read_all(&mut core) {
                match news {
                    News::Event(_) => seen += 1,
                    other => told.push(other),
                }
            }
            if backlog.is_behind() {
                assert_eq!(role.interest(), Interest::READABLE | Interest::WRITABLE);
                poll.reregister(&role, Token(0), role.interest()).unwrap();
                poll.wait(None, &mut ready).unwrap();
            }
        }
        while role.wants_write() {
            role.flush().unwrap();
            told.extend(read_all(&mut core).into_iter().filter(|n| !matches!(n, News::Event(_))));
        }
        told.extend(read_all(&mut core));
        assert!(seen <= queued);
        // One event at the end of `fill`, and two states of subject 1.
        assert_eq!(told, [News::State(0, 7), News::State(1, 3), News::Lost(3)]);
    }

    #[test]
    fn while_core_reads_everything_passes_in_order() {
        let (mut role, mut core) = pair();
        let mut backlog = Backlog::new(News::Lost);
        for n in 0..3 {
            backlog.state(&mut role, 1, News::State(1, n));
        }
        assert!(backlog.request(&mut role, &News::Event(vec![1])));
        backlog.catch_up(&mut role);
        assert!(!backlog.is_behind());
        let last = News::Event(vec![1]);
        let expected = [News::State(1, 0), News::State(1, 1), News::State(1, 2), last];
        assert_eq!(read_all(&mut core), expected);
    }
}
