//! The timeline: directors, servers, and who answers the client.

use std::time::Duration;

use lab::Stamp;

use super::super::chart::{CYAN, Cells, Chart, DIM, GREEN, PLAIN, RED, YELLOW, row, state_cell};
use super::super::events::{Node, State};
use super::events::{Event, Web, Webs};

/// Draws slices of `slice` each, from `from` on. Nothing is drawn after `now`.
pub fn draw(
    events: &[(Stamp, Event)],
    from: Stamp,
    slice: Duration,
    now: Stamp,
    colour: bool,
) -> Vec<String> {
    let chart = Chart::new(events, from, slice, now);
    let states = Node::BOTH.map(|node| states(&chart, node));
    let table = active_table(&chart, &states);
    let mut rows = Vec::new();
    for (node, states) in Node::BOTH.iter().zip(&states) {
        let cells = states.iter().map(|state| state_cell(*state)).collect();
        rows.push(row(node.name(), &cells, colour));
    }
    for web in Web::ALL {
        rows.push(row(web.name(), &web_cells(&chart, web, &table), colour));
    }
    let answer = |event: &Event| match event {
        Event::Answer(by) => Some(*by),
        _ => None,
    };
    let kept = |event: &Event| match event {
        Event::Kept(by) => Some(*by),
        _ => None,
    };
    rows.push(row("client", &answers(&chart, answer), colour));
    rows.push(row("kept", &answers(&chart, kept), colour));
    rows
}

/// Lines that explain the letters.
pub fn legend(slice: Duration) -> String {
    format!(
        "  one column is {slice:?}; directors: M master, b backup, . down; servers: = in the table, \
         ! dead and in it,\n  . dead and out, + alive and out; client: who answered a request of its \
         own connection, x nobody;\n  kept: the same on one connection that is kept"
    )
}

fn states(chart: &Chart<'_, Event>, node: Node) -> Vec<State> {
    chart.latest(State::Down, |event| match event {
        Event::State(of, state) if *of == node => Some(*state),
        _ => None,
    })
}

/// The table of the director that is master, by column.
fn active_table(chart: &Chart<'_, Event>, states: &[Vec<State>; 2]) -> Vec<Webs> {
    let [a, b] = Node::BOTH.map(|node| {
        chart.latest(Webs::NONE, move |event| match event {
            Event::Table(of, webs) if *of == node => Some(*webs),
            _ => None,
        })
    });
    let of_b = states[1].iter().map(|state| *state == State::Master);
    a.into_iter().zip(b).zip(of_b).map(|((a, b), of_b)| if of_b { b } else { a }).collect()
}

fn web_cells(chart: &Chart<'_, Event>, web: Web, table: &[Webs]) -> Cells {
    let alive = chart.latest(false, |event| match event {
        Event::Web(of, alive) if *of == web => Some(*alive),
        _ => None,
    });
    let cell = |(alive, table): (bool, &Webs)| match (alive, table.has(web)) {
        (true, true) => ('=', GREEN),
        (false, true) => ('!', RED),
        (false, false) => ('.', DIM),
        (true, false) => ('+', YELLOW),
    };
    alive.into_iter().zip(table).map(cell).collect()
}

/// The last answer of each column, or that one was lost.
fn answers(chart: &Chart<'_, Event>, pick: impl Fn(&Event) -> Option<Option<Web>>) -> Cells {
    let cell = |column| {
        let all: Vec<_> = chart.within(column).filter_map(&pick).collect();
        match all.last() {
            None => (' ', PLAIN),
            Some(_) if all.contains(&None) => ('x', RED),
            Some(Some(Web::SORRY)) => (Web::SORRY.letter(), YELLOW),
            Some(web) => (web.map_or('x', Web::letter), CYAN),
        }
    };
    chart.columns().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_reads_from_left_to_right() {
        let at = |ms| Stamp::default() + Duration::from_millis(ms);
        let all: Webs = Web::REAL.into_iter().collect();
        let less = [Web(0), Web(2)].into_iter().collect();
        let mut events = vec![
            (at(0), Event::State(Node::A, State::Master)),
            (at(0), Event::State(Node::B, State::Backup)),
            (at(0), Event::Table(Node::A, all)),
        ];
        events.extend(Web::ALL.map(|web| (at(0), Event::Web(web, true))));
        events.extend([
            (at(5), Event::Answer(Some(Web(0)))),
            (at(5), Event::Kept(Some(Web(2)))),
            (at(12), Event::Web(Web(1), false)),
            (at(15), Event::Answer(Some(Web(0)))),
            (at(16), Event::Answer(None)),
            (at(17), Event::Answer(Some(Web(2)))),
            (at(22), Event::Table(Node::A, less)),
            (at(25), Event::Answer(Some(Web(2)))),
            (at(35), Event::Answer(Some(Web::SORRY))),
        ]);
        let rows = draw(&events, at(0), Duration::from_millis(10), at(40), false);
        assert_eq!(
            rows,
            [
                "  node-a   MMMM",
                "  node-b   bbbb",
                "  server-1 ====",
                "  server-2 =!..",
                "  server-3 ====",
                "  sorry    ++++",
                "  client   1x3S",
                "  kept     3   ",
            ]
        );
    }
}
