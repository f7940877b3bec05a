//! Commands that are run again and again and cannot be executed: which, why,
//! and how often, so that the log tells of each once and of every change.

use model::Script;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// What has failed, by command.
#[derive(Debug, Default)]
pub struct Failures(HashMap<Script, Failure>);

#[derive(Debug)]
struct Failure {
    why: String,
    times: u64,
}

impl Failures {
    /// `script` could not be executed. What to log: nothing when the reason is
    /// the one of the last time.
    pub fn failed(&mut self, script: &Script, why: &str) -> Option<String> {
        let line = format!("Error exec-ing command '{}': {why}", script.path);
        match self.0.entry(script.clone()) {
            Entry::Occupied(mut known) if known.get().why == why => {
                known.get_mut().times += 1;
                None
            }
            Entry::Occupied(mut known) => {
                let before = known.insert(Failure { why: why.to_owned(), times: 1 });
                Some(format!("{line} (for another reason {})", often(before.times)))
            }
            Entry::Vacant(place) => {
                place.insert(Failure { why: why.to_owned(), times: 1 });
                Some(line)
            }
        }
    }

    /// `script` was executed. What to log, when it could not be before.
    pub fn works(&mut self, script: &Script) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let before = self.0.remove(script)?;
        let path = &script.path;
        Some(format!("Command '{path}' can be executed again, it failed {}", often(before.times)))
    }

    /// A reload: whatever fails now is told anew. What to log of those that
    /// have failed more often than was told.
    pub fn forget(&mut self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .0
            .drain()
            .filter(|(_, failure)| failure.times > 1)
            .map(|(s, f)| format!("Command '{}' could not be executed {}", s.path, often(f.times)))
            .collect();
        lines.sort_unstable();
        lines
    }
}

fn often(times: u64) -> String {
    match times {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(path: &str) -> Script {
        Script {
            path: path.into(),
            args: Vec::new(),
            user: None,
            open_test: false,
            insecure: false,
        }
    }

    #[test]
    fn a_reason_is_told_once_and_counted_until_something_changes() {
        let (a, b) = (script("/a"), script("/b"));
        let mut failures = Failures::default();
        let line = failures.failed(&a, "no such file");
        assert_eq!(line.as_deref(), Some("Error exec-ing command '/a': no such file"));
        for _ in 0..99 {
            assert_eq!(failures.failed(&a, "no such file"), None);
        }
        let line = failures.failed(&a, "not permitted").unwrap();
        assert!(line.ends_with(": not permitted (for another reason 100 times)"), "{line}");
        assert_eq!(failures.works(&b), None);
        let line = failures.works(&a).unwrap();
        assert_eq!(line, "Command '/a' can be executed again, it failed once");
        assert_eq!(failures.works(&a), None);
    }

    #[test]
    fn a_reload_tells_the_count_and_then_the_reason_again() {
        let (a, b) = (script("/a"), script("/b"));
        let mut failures = Failures::default();
        for _ in 0..3 {
            failures.failed(&a, "gone");
        }
        failures.failed(&b, "gone");
        assert_eq!(failures.forget(), ["Command '/a' could not be executed 3 times"]);
        assert!(failures.failed(&a, "gone").is_some());
    }
}
