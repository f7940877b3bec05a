//! The election: what a virtual router does on a timer or an advert.
//!
//! Owns the decision table of RFC 9568 section 6.4 (RFC 3768 section 6.4)
//! with the reference's additions. Never changes anything: `node` performs
//! the step.

use crate::event::State;
use core::net::IpAddr;
use core::time::Duration;
use types::{Mono, Priority};

/// An advert that passed every check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Source.
    pub from: IpAddr,
    /// Priority.
    pub priority: Priority,
    /// Advertisement interval.
    pub interval: Duration,
}

/// What the decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// State.
    pub state: State,
    /// Our effective priority.
    pub priority: Priority,
    /// Our source address.
    pub src: Option<IpAddr>,
    /// Whether a better priority takes over.
    pub preempt: bool,
    /// `preempt_delay` is configured.
    pub delays: bool,
    /// When the running preempt delay ends.
    pub delay_until: Option<Mono>,
}

/// An input of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The state's timer ran out.
    Timer,
    /// An advert was accepted.
    Advert(Heard),
}

/// What happens to the preempt delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// Nothing.
    Keep,
    /// It begins.
    Start,
    /// It is called off.
    Stop,
}

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Ignore,
    /// Become MASTER (if the sync group agrees).
    Claim,
    /// Send the advert that is due.
    Advertise,
    /// Send an advert at once.
    Answer,
    /// Wait for the skew time only.
    WaitSkew,
    /// Restart the master down timer, learn who is master.
    Follow(Delay),
    /// Let the timer run on.
    Discard,
    /// Hold on: advertise, refresh the neighbours' tables.
    Reassert {
        /// Both are address owners.
        conflict: bool,
    },
    /// Warn only.
    SameAddress,
    /// Become BACKUP.
    Yield {
        /// The priorities are equal, the other's address is higher.
        by_address: bool,
        /// Both are address owners.
        conflict: bool,
    },
}

/// Decides.
pub fn decide(v: &View, now: Mono, input: Input) -> Step {
    use Input::{Advert, Timer};
    use State::{Backup, Fault, Init, Master};
    match (v.state, input) {
        // Nothing is expected before start or without an interface.
        (Init | Fault, _) => Step::Ignore,
        // RFC 9568 6.4.2: the Active_Down_Timer fires.
        (Backup, Timer) => Step::Claim,
        // RFC 9568 6.4.2: priority 0 sets the timer to Skew_Time.
        (Backup, Advert(a)) if a.priority == Priority::STOP => Step::WaitSkew,
        // RFC 9568 6.4.2: not lower than ours, or Preempt_Mode is false.
        (Backup, Advert(a)) if a.priority >= v.priority => Step::Follow(stop_delay(v)),
        (Backup, Advert(_)) if !v.preempt => Step::Follow(Delay::Keep),
        // preempt_delay: a lower master is tolerated until it has elapsed.
        (Backup, Advert(_)) if v.delays && v.delay_until.is_none() => Step::Follow(Delay::Start),
        (Backup, Advert(_)) if v.delay_until.is_some_and(|d| d > now) => Step::Follow(Delay::Keep),
        // RFC 9568 6.4.2: else discard.
        (Backup, Advert(_)) => Step::Discard,
        // RFC 9568 6.4.3: the Adver_Timer fires.
        (Master, Timer) => Step::Advertise,
        // RFC 9568 6.4.3: priority 0 is answered at once.
        (Master, Advert(a)) if a.priority == Priority::STOP => Step::Answer,
        (Master, Advert(a)) => contest(v, &a),
    }
}

fn stop_delay(v: &View) -> Delay {
    if v.delay_until.is_some() { Delay::Stop } else { Delay::Keep }
}

/// RFC 9568 6.4.3: two masters; the higher priority wins, then the higher
/// address.
fn contest(v: &View, a: &Heard) -> Step {
    use core::cmp::Ordering::{Equal, Greater, Less};
    let conflict = a.priority.is_owner() && v.priority.is_owner();
    match (a.priority.cmp(&v.priority), Some(a.from).cmp(&v.src)) {
        (Less, _) => Step::Reassert { conflict: false },
        (Greater, _) => Step::Yield { by_address: false, conflict: false },
        (Equal, Less) => Step::Reassert { conflict },
        (Equal, Greater) => Step::Yield { by_address: true, conflict },
        (Equal, Equal) => Step::SameAddress,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(state: State) -> View {
        View {
            state,
            priority: Priority(100),
            src: Some(IpAddr::from([10, 0, 0, 5])),
            preempt: true,
            delays: false,
            delay_until: None,
        }
    }

    fn heard(priority: u8, last: u8) -> Input {
        Input::Advert(Heard {
            from: IpAddr::from([10, 0, 0, last]),
            priority: Priority(priority),
            interval: Duration::from_secs(1),
        })
    }

    const NOW: Mono = Mono::from_millis(5_000);

    #[test]
    fn faulty_and_unstarted_instances_hear_nothing() {
        for state in [State::Init, State::Fault] {
            assert_eq!(decide(&view(state), NOW, Input::Timer), Step::Ignore);
            assert_eq!(decide(&view(state), NOW, heard(200, 9)), Step::Ignore);
        }
    }

    #[test]
    fn backup_rows() {
        let v = view(State::Backup);
        for (input, want) in [
            (Input::Timer, Step::Claim),
            (heard(0, 9), Step::WaitSkew),
            (heard(100, 1), Step::Follow(Delay::Keep)),
            (heard(101, 1), Step::Follow(Delay::Keep)),
            (heard(99, 9), Step::Discard),
        ] {
            assert_eq!(decide(&v, NOW, input), want, "{input:?}");
        }
        let v = View { preempt: false, ..v };
        assert_eq!(decide(&v, NOW, heard(1, 1)), Step::Follow(Delay::Keep));
    }

    #[test]
    fn preempt_delay_tolerates_a_lower_master_for_a_while() {
        let v = View { delays: true, ..view(State::Backup) };
        assert_eq!(decide(&v, NOW, heard(50, 9)), Step::Follow(Delay::Start));
        let v = View { delay_until: Some(Mono::from_millis(5_001)), ..v };
        assert_eq!(decide(&v, NOW, heard(50, 9)), Step::Follow(Delay::Keep));
        assert_eq!(decide(&v, NOW, heard(100, 9)), Step::Follow(Delay::Stop));
        let v = View { delay_until: Some(NOW), ..v };
        assert_eq!(decide(&v, NOW, heard(50, 9)), Step::Discard);
    }

    #[test]
    fn master_rows() {
        let v = view(State::Master);
        for (input, want) in [
            (Input::Timer, Step::Advertise),
            (heard(0, 9), Step::Answer),
            (heard(99, 9), Step::Reassert { conflict: false }),
            (heard(100, 4), Step::Reassert { conflict: false }),
            (heard(100, 5), Step::SameAddress),
            (heard(100, 6), Step::Yield { by_address: true, conflict: false }),
            (heard(101, 1), Step::Yield { by_address: false, conflict: false }),
        ] {
            assert_eq!(decide(&v, NOW, input), want, "{input:?}");
        }
        let v = View { priority: Priority::OWNER, ..v };
        assert_eq!(decide(&v, NOW, heard(255, 4)), Step::Reassert { conflict: true });
        assert_eq!(
            decide(&v, NOW, heard(255, 6)),
            Step::Yield { by_address: true, conflict: true }
        );
    }
}
