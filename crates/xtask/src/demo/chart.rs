//! The timeline as text: one row for each thing observed, one column for each slice of time.

use std::time::Duration;

use lab::Stamp;

use super::events::{Event, Node, State};

/// Columns of a chart.
pub const COLUMNS: usize = 72;

/// A row's cells: a letter, and its colour as an SGR code.
pub type Cells = Vec<(char, &'static str)>;

pub const PLAIN: &str = "";
pub const DIM: &str = "2";
pub const RED: &str = "31";
pub const GREEN: &str = "32";
pub const YELLOW: &str = "33";
pub const CYAN: &str = "36";

/// Draws `COLUMNS` slices of `slice` each, from `from` on. Nothing is drawn after `now`.
pub fn draw(
    events: &[(Stamp, Event)],
    from: Stamp,
    slice: Duration,
    now: Stamp,
    colour: bool,
) -> Vec<String> {
    let chart = Chart::new(events, from, slice, now);
    let rows = [
        ("node-a", chart.states(Node::A)),
        ("node-b", chart.states(Node::B)),
        ("adverts", chart.adverts()),
        ("address", chart.holders()),
        ("ping", chart.pings()),
    ];
    rows.iter().map(|(name, cells)| row(name, cells, colour)).collect()
}

/// A row's line.
pub fn row(name: &str, cells: &Cells, colour: bool) -> String {
    format!("  {name:<8} {}", paint(cells, colour))
}

/// A state's letter and colour.
pub fn state_cell(state: State) -> (char, &'static str) {
    match state {
        State::Down => ('.', DIM),
        State::Backup => ('b', YELLOW),
        State::Master => ('M', GREEN),
        State::Fault => ('F', RED),
    }
}

/// One line that explains the letters.
pub fn legend(slice: Duration) -> String {
    format!(
        "  one column is {slice:?}; nodes: M master, b backup, F fault, . down; adverts: by sender, 0 \
         priority 0;\n  address: on a, b, or * both; ping: | answered, x lost"
    )
}

/// Events by column.
pub struct Chart<'a, E = Event> {
    events: &'a [(Stamp, E)],
    from: Stamp,
    slice: Duration,
    columns: usize,
}

impl<'a, E> Chart<'a, E> {
    /// Slices of `slice` each, from `from` on. Nothing is drawn after `now`.
    pub fn new(events: &'a [(Stamp, E)], from: Stamp, slice: Duration, now: Stamp) -> Self {
        let columns = (now.since(from).as_secs_f64() / slice.as_secs_f64()).ceil() as usize;
        Self { events, from, slice, columns: columns.min(COLUMNS) }
    }

    /// Every column, from left to right.
    pub fn columns(&self) -> std::ops::Range<usize> {
        0..self.columns
    }

    /// The events of a column.
    pub fn within(&self, column: usize) -> impl Iterator<Item = &E> {
        let start = self.events.partition_point(|(at, _)| *at < self.start(column));
        let end = self.events.partition_point(|(at, _)| *at < self.start(column + 1));
        self.events[start..end].iter().map(|(_, event)| event)
    }

    fn start(&self, column: usize) -> Stamp {
        self.from + self.slice * u32::try_from(column).unwrap_or(u32::MAX)
    }

    /// What `pick` last found up to the end of each column, from the beginning of time.
    pub fn latest<T: Copy>(&self, first: T, pick: impl Fn(&E) -> Option<T>) -> Vec<T> {
        let mut value = first;
        let mut next = 0;
        (0..self.columns)
            .map(|column| {
                let end = self.events.partition_point(|(at, _)| *at < self.start(column + 1));
                for (_, event) in &self.events[next.min(end)..end] {
                    value = pick(event).unwrap_or(value);
                }
                next = end;
                value
            })
            .collect()
    }
}

impl Chart<'_> {
    fn states(&self, node: Node) -> Cells {
        let states = self.latest(State::Down, |event| match event {
            Event::State(of, state) if *of == node => Some(*state),
            _ => None,
        });
        states.into_iter().map(state_cell).collect()
    }

    fn adverts(&self) -> Cells {
        let cell = |column| {
            let senders = self.within(column).filter_map(|event| match event {
                Event::Advert(_, 0) => Some(('0', RED)),
                Event::Advert(node, _) => Some((node.letter(), CYAN)),
                _ => None,
            });
            senders.max_by_key(|(letter, _)| *letter == '0').unwrap_or((' ', PLAIN))
        };
        (0..self.columns).map(cell).collect()
    }

    fn holders(&self) -> Cells {
        let holds = |node| {
            self.latest(false, move |event| match event {
                Event::Vip(of, present) if *of == node => Some(*present),
                _ => None,
            })
        };
        let cell = |(a, b): (bool, bool)| match (a, b) {
            (true, true) => ('*', YELLOW),
            (true, false) => ('a', GREEN),
            (false, true) => ('b', GREEN),
            (false, false) => ('-', RED),
        };
        holds(Node::A).into_iter().zip(holds(Node::B)).map(cell).collect()
    }

    fn pings(&self) -> Cells {
        let cell = |column| {
            let mut answers = self.within(column).filter_map(|event| match event {
                Event::Ping(answered) => Some(*answered),
                _ => None,
            });
            match answers.next() {
                None => (' ', PLAIN),
                Some(first) if first && answers.all(|answered| answered) => ('|', GREEN),
                Some(_) => ('x', RED),
            }
        };
        (0..self.columns).map(cell).collect()
    }
}

fn paint(cells: &Cells, colour: bool) -> String {
    let mut out = String::new();
    let mut last = PLAIN;
    for (letter, code) in cells {
        if colour && *code != last {
            out.push_str(&format!("\x1b[0;{code}m"));
            last = code;
        }
        out.push(*letter);
    }
    if colour {
        out.push_str("\x1b[0m");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failover_reads_from_left_to_right() {
        let at = |ms| Stamp::default() + Duration::from_millis(ms);
        let events = [
            (at(0), Event::State(Node::A, State::Master)),
            (at(0), Event::State(Node::B, State::Backup)),
            (at(0), Event::Vip(Node::A, true)),
            (at(5), Event::Advert(Node::A, 150)),
            (at(6), Event::Ping(true)),
            (at(15), Event::Advert(Node::A, 0)),
            (at(15), Event::State(Node::A, State::Down)),
            (at(16), Event::Vip(Node::A, false)),
            (at(25), Event::Ping(false)),
            (at(35), Event::Advert(Node::B, 100)),
            (at(35), Event::State(Node::B, State::Master)),
            (at(36), Event::Vip(Node::B, true)),
        ];
        let rows = draw(&events, at(0), Duration::from_millis(10), at(40), false);
        assert_eq!(
            rows,
            [
                "  node-a   M...",
                "  node-b   bbbM",
                "  adverts  a0 b",
                "  address  a--b",
                "  ping     | x "
            ]
        );
    }
}
