//! An SNMP agent in a host, Debian's: the master of subagents, and a receiver of notifications.

use crate::Folder;
use lab::{Context, Host, PATIENCE, Result};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The subtree of KEEPALIVED-MIB.
pub const KEEPALIVED: &str = ".1.3.6.1.4.1.9586.100.5";
/// The subtree of VRRP-MIB.
pub const RFC2787: &str = ".1.3.6.1.2.1.68";
/// The subtree of VRRPV3-MIB.
pub const RFC6527: &str = ".1.3.6.1.2.1.207";

/// What a daemon's configuration says to meet the agent.
pub const SOCKET: &str = "snmp_socket unix:/run/agentx.sock";

/// The agent and the receiver.
#[derive(Debug)]
pub struct Agent {
    host: Host,
    folder: Folder,
    receiver: Child,
    agent: Option<Child>,
}

impl Agent {
    /// Whether it can be had.
    pub fn is_installed() -> bool {
        ["/usr/sbin/snmpd", "/usr/bin/snmpwalk", "/usr/sbin/snmptrapd"]
            .iter()
            .all(|path| Path::new(path).exists())
    }

    /// Starts both in `host`, and waits until they listen.
    ///
    /// # Errors
    /// When they do not.
    pub fn start(host: &Host) -> Result<Self> {
        let mut agent = Self::without_agent(host)?;
        agent.begin()?;
        Ok(agent)
    }

    /// Starts the receiver alone.
    ///
    /// # Errors
    /// When it does not listen.
    pub fn without_agent(host: &Host) -> Result<Self> {
        let folder = Folder::new()?;
        folder.write(
            "snmpd.conf",
            "master agentx\nagentXSocket unix:/run/agentx.sock\n\
             agentaddress unix:/run/snmpd.sock\n\
             com2secunix local default public\ngroup all v2c local\n\
             view all included .1\naccess all \"\" any noauth exact all all all\n\
             trap2sink udp:127.0.0.1:1162 public\n",
        )?;
        folder.write("snmptrapd.conf", "disableAuthorization yes\n")?;
        folder.write("traps", "")?;
        let mut command = Command::new("/usr/sbin/snmptrapd");
        command.args(["-f", "-m", "", "-On", "-C", "-c"]).arg(folder.path("snmptrapd.conf"));
        command.arg("-Lf").arg(folder.path("traps")).arg("udp:127.0.0.1:1162");
        let receiver = host.spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        let host = host.clone();
        let agent = Self { host, folder, receiver, agent: None };
        agent.folder.await_text("traps", "NET-SNMP version")?;
        Ok(agent)
    }

    /// Starts the agent, which sends `coldStart` first of all.
    ///
    /// # Errors
    /// When it does not.
    pub fn begin(&mut self) -> Result<()> {
        let before = self.traps("6.3.1.1.5.1")?.len();
        let mut command = Command::new("/usr/sbin/snmpd");
        command.args(["-f", "-C", "-I", "-smux,mteTrigger", "-p", "/run/snmpd.pid", "-c"]);
        command.arg(self.folder.path("snmpd.conf"));
        command.arg("-Lf").arg(self.folder.path("snmpd.log"));
        command.env("SNMP_PERSISTENT_DIR", self.folder.path("state")).env("MIBS", "");
        let child = self.host.spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        self.agent = Some(child);
        self.await_that("the agent begins", |a| Ok(a.traps("6.3.1.1.5.1")?.len() > before))
    }

    /// Kills the agent.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn end(&mut self) -> Result<()> {
        if let Some(mut agent) = self.agent.take() {
            agent.kill().context(|| "cannot kill snmpd")?;
            agent.wait().context(|| "snmpd does not end")?;
        }
        Ok(())
    }

    fn client(&self, program: &str, before: &[&str], after: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command.args(["-v2c", "-c", "public", "-m", "", "-On", "-r", "1", "-t", "5"]);
        command.args(before).arg("unix:/run/snmpd.sock").args(after);
        self.host.output(&mut command)
    }

    /// Lines of a walk.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn walk(&self, oid: &str) -> Result<Vec<String>> {
        let text = self.client("snmpwalk", &["-Ox"], &[oid])?;
        let mut lines: Vec<String> = Vec::new();
        for line in text.lines().map(str::trim_end) {
            match lines.last_mut() {
                // A long string goes on in the next line.
                Some(last) if !line.starts_with('.') => {
                    last.push(' ');
                    last.push_str(line);
                }
                _ => lines.push(line.to_owned()),
            }
        }
        Ok(lines)
    }

    /// The value of one object, as it is printed.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn get(&self, oid: &str) -> Result<String> {
        let text = self.client("snmpget", &["-Oqv"], &[oid])?;
        Ok(text.trim().to_owned())
    }

    /// Sets an object (`i` is an integer, `s` a text); what is said when that fails is an error.
    ///
    /// # Errors
    /// When it cannot be set.
    pub fn set(&self, oid: &str, kind: &str, value: &str) -> Result<()> {
        self.client("snmpset", &[], &[oid, kind, value]).map(|_| ())
    }

    /// The notifications so far whose line contains `text`, without their uptime.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn traps(&self, text: &str) -> Result<Vec<String>> {
        let all = std::fs::read_to_string(self.folder.path("traps"));
        let all = all.context(|| "cannot read the notifications")?;
        let lines = all.lines().filter(|line| line.contains("1.3.6.1.6.3.1.1.4.1.0"));
        let said = lines.filter_map(|line| line.split_once('\t')).map(|(_, said)| said);
        Ok(said.filter(|said| said.contains(text)).map(str::to_owned).collect())
    }

    /// Waits for a notification that contains `text`.
    ///
    /// # Errors
    /// When none comes.
    pub fn await_trap(&self, text: &str) -> Result<String> {
        self.await_that(text, |a| Ok(!a.traps(text)?.is_empty()))?;
        Ok(self.traps(text)?.swap_remove(0))
    }

    /// Waits until an object has a value, as it is printed.
    ///
    /// # Errors
    /// When it does not get it.
    pub fn await_value(&self, oid: &str, value: &str) -> Result<()> {
        self.await_that(oid, |a| Ok(a.get(oid).is_ok_and(|now| now == value)))
    }

    fn await_that(&self, what: &str, holds: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while !holds(self)? {
            if Instant::now() > until {
                let traps = std::fs::read_to_string(self.folder.path("traps")).unwrap_or_default();
                return Err(lab::Error::new(format!("{what}: not within {PATIENCE:?}\n{traps}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.end();
        let _ = self.receiver.kill();
        let _ = self.receiver.wait();
    }
}
