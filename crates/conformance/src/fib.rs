//! Routes and rules of a host, as ip(8) shows them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab::{Context, Error, Host, PATIENCE, Result};

use crate::Folder;

/// Lines of `ip` with these arguments, in details, one object a line.
///
/// # Errors
/// When it fails.
pub fn ip(host: &Host, arguments: &str) -> Result<Vec<String>> {
    let mut command = Command::new("/sbin/ip");
    command.args(["-o", "-d"]).args(arguments.split_whitespace());
    let shown = host.output(&mut command)?;
    Ok(shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
}

/// All routes and rules of both families that are not the kernel's own.
///
/// # Errors
/// When the kernel cannot be asked.
pub fn all(host: &Host) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for family in ["-4", "-6"] {
        let routes = ip(host, &format!("{family} route show table all"))?;
        found.extend(routes.into_iter().filter(|line| !line.contains("proto kernel")));
        let rules = ip(host, &format!("{family} rule show"))?;
        let ours = |line: &String| !line.contains("proto kernel");
        found.extend(rules.into_iter().filter(ours).map(|line| format!("{family} rule {line}")));
    }
    Ok(found)
}

/// Waits until some line holds `text`, or none does any more.
///
/// # Errors
/// When that does not come to be within [`PATIENCE`].
pub fn await_fib(host: &Host, text: &str, there: bool) -> Result<()> {
    let what = if there { "" } else { " still" };
    await_that(host, |lines| lines.iter().any(|line| line.contains(text)) == there)
        .map_err(|e| Error::new(format!("'{text}'{what}: {e}")))
}

/// Waits until `holds` of [`all`].
///
/// # Errors
/// When that does not come to be within [`PATIENCE`].
pub fn await_that(host: &Host, holds: impl Fn(&[String]) -> bool) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let lines = all(host)?;
        if holds(&lines) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Error::new(format!("routes and rules are\n{}", lines.join("\n"))));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What happens to routes and rules from now on.
pub struct FibNews {
    host: Host,
    monitor: Child,
    file: PathBuf,
    _folder: Folder,
}

impl FibNews {
    /// Begins to listen.
    ///
    /// # Errors
    /// When `ip` cannot be started.
    pub fn new(host: &Host) -> Result<Self> {
        let folder = Folder::new()?;
        let file = folder.path("news");
        let sink = File::create(&file).context(|| "cannot create the file of news")?;
        let mut command = Command::new("/sbin/ip");
        command.args(["-o", "monitor", "route", "rule"]).stdout(Stdio::from(sink));
        let monitor = host.spawn(&mut command)?;
        let news = FibNews { host: host.clone(), monitor, file, _folder: folder };
        // It listens once it tells of something.
        let until = Instant::now() + PATIENCE;
        while !news.text()?.contains("198.19.") {
            news.probe("198.19.0.1/32")?;
            if Instant::now() > until {
                return Err(Error::new("ip monitor tells nothing"));
            }
        }
        Ok(news)
    }

    fn text(&self) -> Result<String> {
        fs::read_to_string(&self.file).context(|| "cannot read the news")
    }

    fn probe(&self, dst: &str) -> Result<()> {
        for verb in ["replace", "del"] {
            ip(&self.host, &format!("route {verb} blackhole {dst} table 77"))?;
        }
        Ok(())
    }

    /// What has happened so far.
    ///
    /// # Errors
    /// When the listener has gone.
    pub fn so_far(&self) -> Result<String> {
        let until = Instant::now() + PATIENCE;
        self.probe("198.19.0.2/32")?;
        loop {
            let text = self.text()?;
            if text.contains("198.19.0.2") {
                return Ok(text);
            }
            if Instant::now() > until {
                return Err(Error::new("ip monitor does not tell the end"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for FibNews {
    fn drop(&mut self) {
        let _ = self.monitor.kill();
        let _ = self.monitor.wait();
    }
}
