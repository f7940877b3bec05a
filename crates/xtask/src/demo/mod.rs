//! `cargo xtask demo`: two hosts and a client on a switch, and a virtual address that survives.
//!
//! Needs no package and no configuration of the machine: the hosts are namespaces made here, and
//! without root they are made inside a user namespace.

mod chart;
mod events;
mod lvs;
mod observe;
mod screen;
mod story;
mod takeover;

use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use lab::{Subject, userns};

use crate::run::{Outcome, root};

/// Runs the demonstration.
pub fn main(args: Vec<OsString>) -> Outcome {
    if args.first().is_some_and(|first| first == "lvs") {
        return lvs::main(args.into_iter().skip(1));
    }
    let options = Options::read(args)?;
    let subject = match &options.binary {
        Some(path) => Subject::at(path)?,
        None => crate::build::keepalived()?,
    };
    let unprivileged = !userns::is_root();
    userns::enter()?;
    let node = |name: &str| -> Outcome<String> {
        let path = root().join("etc/demo").join(format!("{name}.conf"));
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let advert = format!("advert_int {}", options.advert.as_secs_f64());
        Ok(text.replace("advert_int 1", &advert))
    };
    let plan = story::Plan {
        subject,
        configs: [node("node-a")?, node("node-b")?],
        advert: options.advert,
        unprivileged,
    };
    story::tell(&plan)
}

struct Options {
    advert: Duration,
    binary: Option<OsString>,
}

impl Options {
    fn read(args: Vec<OsString>) -> Outcome<Self> {
        use lexopt::prelude::*;
        let mut options = Self { advert: Duration::from_secs(1), binary: None };
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(arg) = parser.next()? {
            match arg {
                Long("advert") => options.advert = parser.value()?.parse_with(advert)?,
                Long("binary") => options.binary = Some(parser.value()?),
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(options)
    }
}

/// Reads an interval that VRRP version 3 can carry: whole centiseconds, at most 40.95 s.
fn advert(text: &str) -> Result<Duration, String> {
    let (number, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1e-3),
        (None, Some(number)) => (number, 1.0),
        (None, None) => (text, 1.0),
    };
    let seconds: f64 = number.parse::<f64>().map_err(|e| format!("'{text}': {e}"))? * unit;
    let centiseconds = (seconds * 100.0).round();
    if !(1.0..=4095.0).contains(&centiseconds) {
        return Err(format!("'{text}' is not between 10ms and 40.95s"));
    }
    Ok(Duration::from_millis(centiseconds as u64 * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_whole_centiseconds() {
        assert_eq!(advert("10ms"), Ok(Duration::from_millis(10)));
        assert_eq!(advert("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(advert("0.25"), Ok(Duration::from_millis(250)));
        assert!(advert("1ms").is_err());
        assert!(advert("41s").is_err());
        assert!(advert("soon").is_err());
    }
}
