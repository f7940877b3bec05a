//! `reload_time_file`: a reload at a time that a file names.

use chrono::{DateTime, Days, Local, NaiveDateTime, NaiveTime, TimeZone, Utc};
use log::info;
use model::global::Reload;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use types::Mono;

/// More than any time needs.
const FILE_READ: u64 = 64;

/// The watched file and what it says.
#[derive(Debug, Default)]
pub struct ReloadTimer {
    file: Option<PathBuf>,
    repeat: bool,
    due: Option<Due>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Due {
    at: DateTime<Utc>,
    /// Without a date it can come again tomorrow.
    dated: bool,
}

/// Why a text is no usable time.
#[derive(Debug, PartialEq, Eq)]
enum Unusable {
    Format,
    Invalid,
    Past,
}

impl ReloadTimer {
    /// Takes over the settings of a configuration.
    pub fn configure(&mut self, reload: &Reload) {
        let file = reload.time_file.as_ref().map(PathBuf::from);
        self.repeat = reload.repeat;
        if self.file != file {
            self.file = file;
            self.due = None;
        }
        self.read();
    }

    /// The file to watch.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The directory of the file cannot be watched.
    pub fn unwatchable(&mut self, dir: &Path) {
        if self.file.as_ref().and_then(|f| f.parent()) == Some(dir) {
            let dir = dir.display();
            info!("Unable to monitor reload timer file directory {dir} - ignoring");
            self.file = None;
        }
    }

    /// When the reload is due on the monotonic clock, as the wall clock is
    /// set now.
    pub fn deadline(&self) -> Option<Mono> {
        let due = self.due?;
        let left = (due.at - Utc::now()).to_std().unwrap_or(Duration::ZERO);
        Some(rt::clock::now() + left)
    }

    /// A watched path has changed.
    pub fn file_changed(&mut self, path: &Path) {
        let Some(file) = &self.file else { return };
        if file.parent() == Some(path) && !path.is_dir() {
            info!("Directory of reload timer file has disappeared. Monitoring stopped.");
            self.due = None;
        } else if file == path || file.parent() == Some(path) {
            self.read();
        }
    }

    /// Whether a reload is due.
    pub fn tick(&mut self) -> bool {
        let Some(due) = self.due.filter(|d| d.at <= Utc::now()) else { return false };
        self.due = None;
        let repeat = self.repeat && !due.dated;
        match &self.file {
            Some(_) if repeat => self.read(),
            Some(file) => {
                // Gone already is as good.
                let _ = std::fs::remove_file(file);
            }
            None => {}
        }
        true
    }

    fn read(&mut self) {
        let Some(file) = &self.file else { return };
        let mut text = String::new();
        let read = crate::files::open(file)
            .and_then(|f| f.take(FILE_READ).read_to_string(&mut text))
            .is_ok();
        let new = if read { usable(text.lines().next().unwrap_or_default()) } else { None };
        match (self.due, new) {
            (Some(old), Some(new)) if old.at != new.at => {
                info!("Reload time updated from {} to {}", show(old), show(new));
            }
            (None, Some(new)) => info!("Scheduling reload for {}", show(new)),
            (Some(old), None) => info!("Cancelling reload scheduled for {}", show(old)),
            _ => {}
        }
        self.due = new;
    }
}

fn show(due: Due) -> String {
    due.at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string()
}

fn usable(text: &str) -> Option<Due> {
    let text = text.trim();
    match parse(text, Utc::now(), &Local) {
        Ok(due) => Some(due),
        Err(Unusable::Format) => {
            info!("Reload time {text} format is incorrect - ignoring");
            None
        }
        Err(Unusable::Invalid) => {
            info!("Invalid reload time '{text}' specified - ignoring");
            None
        }
        Err(Unusable::Past) => {
            info!("Reload date/time is in the past - ignoring");
            None
        }
    }
}

/// `HH:MM:SS`, `YY-MM-DD HH:MM:SS` or `YYYY-MM-DD HH:MM:SS`, with `Z` in UTC,
/// else in `zone`.
fn parse(text: &str, now: DateTime<Utc>, zone: &impl TimeZone) -> Result<Due, Unusable> {
    let (text, utc) = match text.strip_suffix('Z') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    let absolute = |naive: NaiveDateTime| {
        let at = if utc {
            Some(naive.and_utc())
        } else {
            zone.from_local_datetime(&naive).earliest().map(|t| t.with_timezone(&Utc))
        };
        at.ok_or(Unusable::Invalid)
    };
    if shape == "99:99:99" {
        let time = NaiveTime::parse_from_str(text, "%H:%M:%S").map_err(|_| Unusable::Invalid)?;
        let today = if utc { now.date_naive() } else { now.with_timezone(zone).date_naive() };
        let mut at = absolute(today.and_time(time))?;
        if at <= now {
            let tomorrow = today.checked_add_days(Days::new(1)).ok_or(Unusable::Invalid)?;
            at = absolute(tomorrow.and_time(time))?;
        }
        return Ok(Due { at, dated: false });
    }
    let format = match shape.as_str() {
        "99-99-99 99:99:99" => "%y-%m-%d %H:%M:%S",
        "9999-99-99 99:99:99" => "%Y-%m-%d %H:%M:%S",
        _ => return Err(Unusable::Format),
    };
    let naive = NaiveDateTime::parse_from_str(text, format).map_err(|_| Unusable::Invalid)?;
    let at = absolute(naive)?;
    if at <= now { Err(Unusable::Past) } else { Ok(Due { at, dated: true }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::FixedOffset;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn due(text: &str) -> Result<(DateTime<Utc>, bool), Unusable> {
        let zone = FixedOffset::east_opt(3600).unwrap();
        parse(text, at("2026-03-01T12:00:00Z"), &zone).map(|d| (d.at, d.dated))
    }

    #[test]
    fn a_time_alone_is_today_or_tomorrow() {
        assert_eq!(due("12:00:01Z"), Ok((at("2026-03-01T12:00:01Z"), false)));
        assert_eq!(due("11:00:00Z"), Ok((at("2026-03-02T11:00:00Z"), false)));
        assert_eq!(due("13:30:00"), Ok((at("2026-03-01T12:30:00Z"), false)));
    }

    #[test]
    fn a_date_must_be_in_the_future() {
        assert_eq!(due("26-03-02 00:00:00Z"), Ok((at("2026-03-02T00:00:00Z"), true)));
        assert_eq!(due("2026-03-02 01:00:00"), Ok((at("2026-03-02T00:00:00Z"), true)));
        assert_eq!(due("2026-02-28 01:00:00"), Err(Unusable::Past));
    }

    #[test]
    fn other_texts_are_refused() {
        assert_eq!(due("tomorrow"), Err(Unusable::Format));
        assert_eq!(due("25:00:00"), Err(Unusable::Invalid));
        assert_eq!(due("2026-02-30 01:00:00"), Err(Unusable::Invalid));
    }
}
