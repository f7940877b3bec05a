//! What happens in a kernel from now on, as its monitors tell it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use lab::{Context, Error, Host, PATIENCE, Result};

use crate::Folder;

/// A running monitor and all that it has told.
pub struct News {
    host: Host,
    monitor: Child,
    file: PathBuf,
    /// Makes news with a mark in it.
    probe: fn(&Host, &str) -> Result<()>,
    /// The marks of begin and end.
    marks: [&'static str; 2],
    _folder: Folder,
}

const ROUTES: [&str; 2] = ["198.19.0.1", "198.19.0.2"];
const TABLES: [&str; 2] = ["begin", "done"];

impl News {
    /// Of routes and rules, by `ip monitor`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn new(host: &Host) -> Result<Self> {
        Self::of(host, "/sbin/ip -o monitor route rule", route, ROUTES)
    }

    /// Of links, addresses, routes and rules in details, by `ip monitor`: each line begins with
    /// `[LINK]`, `[ADDR]`, `[ROUTE]` or `[RULE]`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn of_all(host: &Host) -> Result<Self> {
        Self::of(host, "/sbin/ip -o -d monitor label link address route rule", route, ROUTES)
    }

    /// Of nftables, by `nft monitor`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn of_firewall(host: &Host) -> Result<Self> {
        Self::of(host, "nft monitor", table, TABLES)
    }

    fn of(
        host: &Host,
        command: &str,
        probe: fn(&Host, &str) -> Result<()>,
        marks: [&'static str; 2],
    ) -> Result<Self> {
        let folder = Folder::new()?;
        let file = folder.path("news");
        let sink = File::create(&file).context(|| "cannot create the file of news")?;
        let monitor = host.spawn(words(command).stdout(Stdio::from(sink)))?;
        let news = Self { host: host.clone(), monitor, file, probe, marks, _folder: folder };
        // It listens once it tells of something.
        news.await_mark(marks[0], true)?;
        Ok(news)
    }

    /// What has happened so far.
    ///
    /// # Errors
    /// When the listener has gone.
    pub fn so_far(&self) -> Result<String> {
        (self.probe)(&self.host, self.marks[1])?;
        self.await_mark(self.marks[1], false)
    }

    fn await_mark(&self, mark: &str, again: bool) -> Result<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            if again {
                (self.probe)(&self.host, mark)?;
            }
            let text = fs::read_to_string(&self.file).context(|| "cannot read the news")?;
            if text.contains(mark) {
                return Ok(text);
            }
            if Instant::now() > until {
                return Err(Error::new("the monitor does not tell of our mark"));
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for News {
    fn drop(&mut self) {
        let _ = self.monitor.kill();
        let _ = self.monitor.wait();
    }
}

fn words(command: &str) -> Command {
    let mut words = command.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

fn route(host: &Host, mark: &str) -> Result<()> {
    for verb in ["replace", "del"] {
        host.output(&mut words(&format!("/sbin/ip route {verb} blackhole {mark} table 77")))?;
    }
    Ok(())
}

fn table(host: &Host, mark: &str) -> Result<()> {
    let text = format!("add table ip {mark}; delete table ip {mark};");
    host.output(Command::new("nft").arg(text)).map(drop)
}
