//! The terminal: lines that stay, and below them, on a terminal, a chart that moves.

use std::io::{IsTerminal, Write, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lab::Stamp;

use super::chart;

const REDRAW: Duration = Duration::from_millis(100);

/// Where the demonstration prints to.
pub struct Screen {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    drawer: Option<JoinHandle<()>>,
}

/// What is drawn of a stretch of time, in slices of a length; in colours or not.
pub type Draw = dyn Fn(Stamp, Duration, Stamp, bool) -> Vec<String> + Send + Sync;

struct Shared {
    draw: Box<Draw>,
    slice: Duration,
    moving: bool,
    colour: bool,
    /// Lines of the moving chart that stand on the terminal now.
    drawn: Mutex<usize>,
}

impl Screen {
    /// Starts to draw; only lines that stay when this is not a terminal.
    pub fn new(draw: Box<Draw>, slice: Duration) -> Self {
        Self::on(stdout().is_terminal(), draw, slice)
    }

    /// Starts to draw on a terminal that moves, or on something that does not.
    pub fn on(moving: bool, draw: Box<Draw>, slice: Duration) -> Self {
        let colour = moving && std::env::var_os("NO_COLOR").is_none();
        let shared = Arc::new(Shared { draw, slice, moving, colour, drawn: Mutex::new(0) });
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
        for row in (self.shared.draw)(from, self.shared.slice, to, self.shared.colour) {
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
        let rows = (self.draw)(from, self.slice, now, self.colour);
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
