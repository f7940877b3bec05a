//! One take-over: what it took, what the protocol allows, and what the client noticed.

use std::time::Duration;

use lab::Stamp;

use super::events::{Event, Events, Node};

/// From where a take-over is measured.
#[derive(Clone, Copy, Debug)]
pub enum Since {
    /// The last advert that the old master sent: 3 intervals and the skew time are allowed.
    LastAdvert(Node),
    /// The old master's advert of priority 0: the skew time is allowed.
    PriorityZero(Node),
    /// The new master's start as backup: 3 intervals and the skew time are allowed.
    Backup(Stamp),
}

/// A take-over that happened.
#[derive(Clone, Debug)]
pub struct Takeover {
    /// What caused it.
    pub cause: &'static str,
    /// The new master.
    pub by: Node,
    /// What the protocol allows.
    pub limit: Duration,
    /// What it took, up to the new master's first advert.
    pub took: Duration,
    /// Pings lost from the cause on.
    pub lost: usize,
    /// Longest time without an answer to the client.
    pub silence: Duration,
}

/// Skew time of a priority (RFC 9568, section 6.1).
pub fn skew(advert: Duration, priority: u8) -> Duration {
    advert * (256 - u32::from(priority)) / 256
}

impl Takeover {
    /// Measures the take-over whose first advert was seen at `first`, of a node with `priority`.
    pub fn measure(
        events: &Events,
        cause: &'static str,
        (by, priority): (Node, u8),
        since: Since,
        (began, first): (Stamp, Stamp),
        advert: Duration,
    ) -> Option<Self> {
        let skew = skew(advert, priority);
        let down = advert * 3 + skew;
        let long_ago = Stamp::default();
        let (start, limit) = match since {
            Since::Backup(at) => (at, down),
            Since::LastAdvert(old) => {
                let sent = |e: &Event| matches!(e, Event::Advert(of, 1..) if *of == old);
                (events.last(long_ago, first, sent)?, down)
            }
            Since::PriorityZero(old) => {
                let sent = |e: &Event| *e == Event::Advert(old, 0);
                (events.last(began, first, sent)?, skew)
            }
        };
        let pings = events.all().into_iter().filter_map(|(at, event)| match event {
            Event::Ping(answered) if at >= began => Some((at, answered)),
            _ => None,
        });
        let (lost, silence) = client(pings, began);
        Some(Self { cause, by, limit, took: first.since(start), lost, silence })
    }

    /// Whether it took grossly more than the protocol allows, or grossly less, or the client
    /// missed the address for longer than that.
    pub fn is_off(&self, advert: Duration) -> bool {
        let slack = (advert / 2).max(Duration::from_millis(100));
        let longest = self.limit + slack;
        self.took > longest || self.took + slack < self.limit || self.silence > longest + slack
    }

    /// One row of the table.
    pub fn row(&self) -> String {
        let ms = |d: Duration| format!("{:.1} ms", d.as_secs_f64() * 1e3);
        format!(
            "  {:<30} {:<8} {:>11} {:>11} {:>9} {:>6} {:>11}",
            self.cause,
            self.by.name(),
            ms(self.limit),
            ms(self.took),
            format!("{:+.1}", (self.took.as_secs_f64() - self.limit.as_secs_f64()) * 1e3),
            self.lost,
            ms(self.silence),
        )
    }

    /// The table's head.
    pub fn head() -> String {
        format!(
            "  {:<30} {:<8} {:>11} {:>11} {:>9} {:>6} {:>11}",
            "take-over after", "by", "limit", "measured", "+/- ms", "lost", "silence"
        )
    }
}

/// Requests lost since `began`, and the longest time without an answer.
pub fn client(
    requests: impl IntoIterator<Item = (Stamp, bool)>,
    began: Stamp,
) -> (usize, Duration) {
    let requests: Vec<(Stamp, bool)> = requests.into_iter().collect();
    let lost = requests.iter().filter(|(_, answered)| !answered).count();
    let mut last = began;
    let mut silence = Duration::ZERO;
    for (at, _) in requests.iter().filter(|(_, answered)| *answered) {
        silence = silence.max(at.since(last));
        last = *at;
    }
    (lost, silence)
}
