//! The terminal: lines that stay, and below them, on a terminal, a chart that moves.

use std::io::{IsTerminal, Write, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lab::Stamp;

use super::chart;
use super::events::Events;

const REDRAW: Duration = Duration::from_millis(100);

/// Where the demonstration prints to.
pub struct Screen {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    drawer: Option<JoinHandle<()>>,
}

struct Shared {
    events: Arc<Events>,
    slice: Duration,
    moving: bool,
    colour: bool,
    /// Lines of the moving chart that stand on the terminal now.
    drawn: Mutex<usize>,
}

impl Screen {
    /// Starts to draw; only lines that stay when this is not a terminal.
    pub fn new(events: Arc<Events>, slice: Duration) -> Self {
        let moving = stdout().is_terminal();
        let colour = moving && std::env::var_os("NO_COLOR").is_none();
        let shared = Arc::new(Shared { events, slice, moving, colour, drawn: Mutex::new(0) });
        let stop = Arc::new(AtomicBool::new(false));
        let drawer = moving.then(|| {
            let (shared, stop) = (shared.clone(), stop.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    shared.redraw();
                    thread::sleep(REDRAW);
                }
            })
        });
        Self { shared, stop, drawer }
    }

    /// Prints a line that stays.
    pub fn line(&self, text: &str) {
        self.shared.line(text);
    }

    /// Prints the chart of a stretch of time, so that it stays.
    pub fn chart(&self, from: Stamp, to: Stamp) {
        let events = self.shared.events.all();
        for row in chart::draw(&events, from, self.shared.slice, to, self.shared.colour) {
            self.shared.line(&row);
        }
    }

    /// Whether this is a terminal that shows colours.
    pub fn colour(&self) -> bool {
        self.shared.colour
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(drawer) = self.drawer.take() {
            let _ = drawer.join();
        }
        self.shared.erase(&mut self.shared.lock());
        let _ = stdout().flush();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, usize> {
        self.drawn.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn line(&self, text: &str) {
        let mut drawn = self.lock();
        self.erase(&mut drawn);
        println!("{text}");
    }

    fn erase(&self, drawn: &mut usize) {
        if self.moving && *drawn > 0 {
            print!("\x1b[{drawn}A\x1b[J");
        }
        *drawn = 0;
    }

    fn redraw(&self) {
        let now = Stamp::now();
        let span = self.slice * chart::COLUMNS as u32;
        let from = Stamp::from_epoch(now.epoch().saturating_sub(span));
        let events = self.events.all();
        let rows = chart::draw(&events, from, self.slice, now, self.colour);
        let mut drawn = self.lock();
        self.erase(&mut drawn);
        println!();
        for row in &rows {
            println!("{row}");
        }
        *drawn = rows.len() + 1;
        let _ = stdout().flush();
    }
}
