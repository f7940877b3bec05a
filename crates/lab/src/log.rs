//! Log lines of a subject, stamped as they arrive.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::{Error, Result, Stamp};

/// A line with the moment it was read.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it was read from the pipe.
    pub at: Stamp,
    /// Without its newline.
    pub text: String,
}

/// Everything a process printed.
#[derive(Clone, Debug, Default)]
pub struct Log {
    shared: Arc<Shared>,
    seen: usize,
}

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Vec<Line>>,
    more: Condvar,
}

impl Log {
    /// Starts to read `from` until its end, on a thread of its own.
    pub fn follow(&self, from: impl Read + Send + 'static) {
        let shared = self.shared.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(std::result::Result::ok) {
                let text = String::from_utf8_lossy(&line).into_owned();
                lock(&shared.lines).push(Line { at: Stamp::now(), text });
                shared.more.notify_all();
            }
        });
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<Line> {
        lock(&self.shared.lines).clone()
    }

    /// The same log, its waits starting from the first line.
    pub fn rewound(self) -> Self {
        Self { seen: 0, ..self }
    }

    /// How many lines so far contain `text`.
    pub fn count(&self, text: &str) -> usize {
        lock(&self.shared.lines).iter().filter(|line| line.text.contains(text)).count()
    }

    /// Passes over all lines so far: the next wait only sees later ones.
    pub fn skip(&mut self) {
        self.seen = lock(&self.shared.lines).len();
    }

    /// The line after the last one seen; `None` when there was none within `patience`.
    pub fn next_line(&mut self, patience: Duration) -> Option<Line> {
        let lines = lock(&self.shared.lines);
        let seen = self.seen;
        let waited = self.shared.more.wait_timeout_while(lines, patience, |l| l.len() <= seen);
        let lines = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        let line = lines.get(self.seen).cloned();
        self.seen += usize::from(line.is_some());
        line
    }

    /// Waits for a line that contains `text`, after the line that the last wait found.
    ///
    /// # Errors
    /// When none came within `patience`; the message holds the whole log.
    pub fn await_line(&mut self, patience: Duration, text: &str) -> Result<Line> {
        let until = Instant::now() + patience;
        let mut lines = lock(&self.shared.lines);
        loop {
            while let Some(line) = lines.get(self.seen) {
                self.seen += 1;
                if line.text.contains(text) {
                    return Ok(line.clone());
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let all: Vec<String> =
                    lines.iter().map(|line| format!("  {} {}", line.at, line.text)).collect();
                let all = all.join("\n");
                return Err(Error::new(format!(
                    "no line with '{text}' in {patience:?} of:\n{all}"
                )));
            }
            let waited = self.shared.more.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
