//! Attempts to verdicts: retries, pacing, the pass over several urls.
//!
//! One scheme serves every checker; [`Manners`] holds the few points in which
//! a kind of checker differs. Intervals are counted from the start of a check,
//! so that a slow answer does not stretch them; delays before a retry are
//! counted from the end of the attempt that failed.

use core::time::Duration;
use types::Mono;

/// How a checker is paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// Failures in a row that are forgiven.
    pub retry: u32,
    /// Time before a retry.
    pub delay_before_retry: Duration,
    /// Time between checks.
    pub delay_loop: Duration,
    /// Largest addition to the start delay.
    pub warmup: Duration,
    /// Start as failed.
    pub alpha: bool,
    /// Tell every failed attempt.
    pub log_all: bool,
    /// Attempts that make a whole check (urls), at least 1.
    pub steps: usize,
    /// What its kind does differently.
    pub manners: Manners,
}

/// Points in which kinds of checker differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manners {
    /// SMTP: retries also at the first start and while down.
    pub always_retries: bool,
    /// MISC: the retry delay too counts from the start of the attempt.
    pub retry_from_start: bool,
    /// HTTP: after a verdict down, and while down, the longer of both delays;
    /// an alpha checker's first failure is silent.
    pub http: bool,
    /// HTTP `fast_recovery`: no delay between urls before the first verdict
    /// and while recovering.
    pub fast_recovery: bool,
}

/// What a checker knows of its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    up: bool,
    run: bool,
    tries: u32,
    step: usize,
    passed: usize,
}

/// How an attempt counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Success.
    Pass,
    /// Failure.
    Fail,
    /// Neither: this host could not ask.
    Skip,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The verdict, if it is news.
    pub change: Option<Change>,
    /// When to go on.
    pub wait: Wait,
    /// What to tell.
    pub news: Option<News>,
    /// A url passed while the checker was down.
    pub step_passed: bool,
}

/// A verdict that is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Failed before, well now.
    Up,
    /// Well before, failed now.
    Down,
    /// The first verdict confirms the state it started in: tell it again.
    Confirmed,
}

/// When the next attempt starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// `delay_loop` after the start of this one.
    Loop,
    /// `delay_before_retry` after the end of this one.
    Retry,
    /// The longer of both after the start of this one.
    Longest,
    /// At once.
    Now,
}

/// What to tell of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It passed, and this is the first time or the first time again.
    Passed,
    /// It failed and will be retried: failure number `failure` of at most
    /// `retry` forgiven ones.
    Retrying {
        /// Counts from 1.
        failure: u32,
        /// Configured retries.
        retry: u32,
    },
    /// It failed, which changes nothing.
    Attempt,
    /// It failed for good; after so many retries, when there were some.
    Failed {
        /// Retries made.
        retries: Option<u32>,
        /// Every attempt is told, this one too.
        attempt: bool,
    },
}

impl Health {
    /// Before the first attempt: one failure decides, except for checkers
    /// that always retry.
    pub fn new(p: &Pacing) -> Self {
        let tries = if p.manners.always_retries { 0 } else { p.retry };
        Health { up: !p.alpha, run: false, tries, step: 0, passed: 0 }
    }

    /// The state of a checker that is told its verdicts (files, BFD).
    pub fn passive(up: bool, run: bool) -> Self {
        Health { up, run, tries: 0, step: 0, passed: 0 }
    }

    /// Last verdict; before there is one, what it started as.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// Whether an attempt has finished.
    pub fn has_run(&self) -> bool {
        self.run
    }

    /// Failures in a row so far.
    pub fn failures(&self) -> u32 {
        self.tries
    }

    /// Which url is next.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Goes on after a reload: what `old` knows under the new pacing `p`,
    /// which has as many steps.
    pub fn adopt(old: &Health, p: &Pacing) -> Self {
        // One that has not run yet and was trusted stays so.
        let up = old.up || (!old.run && !p.alpha);
        Health {
            up,
            run: old.run,
            tries: old.tries.min(p.retry),
            step: old.step,
            passed: old.passed,
        }
    }

    /// Takes the result of an attempt.
    pub fn attempt(&mut self, p: &Pacing, count: Count) -> Decision {
        match count {
            Count::Pass => self.pass(p),
            Count::Fail => self.fail(p),
            Count::Skip => {
                Decision { change: None, wait: Wait::Loop, news: None, step_passed: false }
            }
        }
    }

    /// Takes a verdict that needs no attempts.
    pub fn verdict(&mut self, up: bool, alpha: bool) -> Option<Change> {
        let first = !self.run;
        let before = self.up;
        self.run = true;
        self.up = up;
        match (before, up) {
            (false, true) => Some(Change::Up),
            (true, false) => Some(Change::Down),
            _ => (first && (alpha || !up)).then_some(Change::Confirmed),
        }
    }

    fn pass(&mut self, p: &Pacing) -> Decision {
        let step_passed = !self.up;
        let known = self.up && self.run;
        self.tries = if self.run || p.manners.always_retries { 0 } else { p.retry };
        self.passed += 1;
        self.step = (self.step + 1) % p.steps.max(1);
        if self.passed < p.steps {
            let hurry = p.manners.fast_recovery && !known;
            let wait = if hurry { Wait::Now } else { Wait::Loop };
            return Decision { change: None, wait, news: None, step_passed };
        }
        self.passed = 0;
        self.tries = 0;
        let change = self.verdict(true, p.alpha);
        let news = (!known).then_some(News::Passed);
        Decision { change, wait: Wait::Loop, news, step_passed }
    }

    fn fail(&mut self, p: &Pacing) -> Decision {
        let m = p.manners;
        // Counted before it is judged: the reference's wording depends on it.
        let news_of_attempt = p.log_all && (self.up || (m.http && !self.run));
        self.run |= m.http;
        let counts = self.up || !self.run;
        let ran = self.run;
        self.passed = 0;
        let decided = if m.http { Wait::Longest } else { Wait::Loop };
        if !counts && !m.always_retries {
            let news = news_of_attempt.then_some(News::Attempt);
            return Decision { change: None, wait: decided, news, step_passed: false };
        }
        if self.tries < p.retry {
            self.tries += 1;
            self.run |= !m.always_retries;
            let news = News::Retrying { failure: self.tries, retry: p.retry };
            let news = (counts && p.log_all).then_some(news);
            return Decision { change: None, wait: Wait::Retry, news, step_passed: false };
        }
        self.tries = 0;
        let retries = (ran && p.retry > 0).then_some(p.retry);
        let news = counts.then_some(News::Failed { retries, attempt: news_of_attempt });
        let change = self.verdict(false, p.alpha);
        Decision { change, wait: decided, news, step_passed: false }
    }
}

impl Pacing {
    /// When the attempt after one that was due at `started` and ended at `now`
    /// starts.
    pub fn next(&self, wait: Wait, started: Mono, now: Mono) -> Mono {
        let at = match wait {
            Wait::Now => now,
            Wait::Loop => started + self.delay_loop,
            Wait::Longest => started + self.delay_loop.max(self.delay_before_retry),
            Wait::Retry if self.manners.retry_from_start => started + self.delay_before_retry,
            Wait::Retry => now + self.delay_before_retry,
        };
        at.max(now)
    }
}

/// Spreads starts evenly over their warmup time: additive steps of the golden
/// ratio, from a seed, leave no two close together however many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread(u64);

impl Spread {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Spread(seed)
    }

    /// Next point between zero and `max`.
    pub fn next(&mut self, max: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let scaled = (u128::from(self.0) * max.as_nanos()) >> 64;
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(u64::MAX))
    }

    /// Next 16 random bits (splitmix64's finaliser over the same sequence).
    pub fn bits16(&mut self) -> u16 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [a, b, ..] = (z ^ (z >> 31)).to_be_bytes();
        u16::from_be_bytes([a, b])
    }
}

#[cfg(test)]
mod tests;
