//! A system bus of a host's own, Debian's dbus-daemon, and those who look at it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lab::log::Log;
use lab::{Context, Error, Host, PATIENCE, Result, Subject};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Folder, present};

/// Its socket, in the host's own `/run`.
const SOCKET: &str = "/run/bus";
/// How everybody finds it.
const ADDRESS: &str = "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/bus";

/// Everybody may connect, as on every system bus.
const HEAD: &str = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"
 \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context=\"default\">
    <allow user=\"*\"/>
    <allow send_type=\"signal\"/>
    <allow send_type=\"method_return\"/>
    <allow send_type=\"error\"/>
    <allow receive_type=\"method_call\"/>
    <allow receive_type=\"method_return\"/>
    <allow receive_type=\"error\"/>
    <allow receive_type=\"signal\"/>
    <allow send_destination=\"org.freedesktop.DBus\"/>
  </policy>
  <policy user=\"root\">
    <allow send_destination=\"org.freedesktop.DBus\" send_interface=\"org.freedesktop.DBus.Monitoring\"/>
  </policy>
";
/// Everybody may do everything.
const FREE: &str =
    "<policy context=\"default\"><allow own=\"*\"/><allow send_type=\"method_call\"/></policy>";

/// A bus.
#[derive(Debug)]
pub struct Bus {
    host: Host,
    folder: Folder,
    daemon: Option<Child>,
}

impl Bus {
    /// Starts one where everybody may do everything; `None`, said aloud, where the programs are
    /// missing.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(host: &Host) -> Result<Option<Self>> {
        let Some(mut bus) = Self::absent(host, FREE)? else { return Ok(None) };
        bus.restart()?;
        Ok(Some(bus))
    }

    /// Prepares one that [`Bus::restart`] starts, with this policy.
    ///
    /// # Errors
    /// When its configuration cannot be written.
    pub fn absent(host: &Host, policy: &str) -> Result<Option<Self>> {
        let programs = ["/usr/bin/dbus-daemon", "/usr/bin/dbus-monitor", "/usr/bin/busctl"];
        let there = programs.iter().all(|p| Path::new(p).exists()).then_some(());
        if present(there, "D-Bus (dbus-daemon, dbus-monitor, busctl)")?.is_none() {
            return Ok(None);
        }
        let bus = Self { host: host.clone(), folder: Folder::new()?, daemon: None };
        bus.set_policy(policy)?;
        Ok(Some(bus))
    }

    /// Replaces its policy, for the next start.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn set_policy(&self, policy: &str) -> Result<()> {
        self.folder.write("bus.conf", &format!("{HEAD}{policy}\n</busconfig>\n"))?;
        Ok(())
    }

    /// Starts it, anew if it runs.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let mut command = Command::new("/usr/bin/dbus-daemon");
        command.arg("--config-file").arg(self.folder.path("bus.conf"));
        command.args(["--nofork", "--nosyslog", "--print-address=1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut daemon = self.host.spawn(&mut command)?;
        let mut address = String::new();
        if let Some(pipe) = daemon.stdout.take() {
            // It says its address once it listens.
            let _ = BufReader::new(pipe).read_line(&mut address);
        }
        self.daemon = Some(daemon);
        if address.is_empty() {
            return Err(Error::new("dbus-daemon does not start"));
        }
        Ok(())
    }

    /// Ends it, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let _ = self.host.run(|| fs::remove_file(SOCKET));
    }

    /// Sends it a signal: SIGSTOP makes it hang, SIGHUP has it read its policy.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let Some(daemon) = &self.daemon else { return Err(Error::new("the bus does not run")) };
        kill(Pid::from_raw(daemon.id().cast_signed()), signal).context(|| "cannot signal the bus")
    }

    /// The subject, which finds this bus, and writes its dumps to `dumps`.
    pub fn subject(&self, subject: &Subject, dumps: &Folder) -> Subject {
        let dumps = format!("TMPDIR={}", dumps.path("").display());
        subject.clone().through(&["/usr/bin/env", ADDRESS, &dumps])
    }

    /// What busctl(1) prints.
    ///
    /// # Errors
    /// What it ends with, when it fails: the error that the bus has answered.
    pub fn busctl(&self, arguments: &[&str]) -> Result<String> {
        self.busctl_as("root", arguments)
    }

    /// The same for another user.
    ///
    /// # Errors
    /// What it ends with, when it fails: the error that the bus has answered.
    pub fn busctl_as(&self, user: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--reuid", user, "--clear-groups", "/usr/bin/env", ADDRESS]);
        command.args(["/usr/bin/busctl", "--system"]).args(arguments);
        command.stdin(Stdio::null());
        Ok(self.host.output(&mut command)?.trim_end().to_owned())
    }

    /// Listens to everything on the bus from now on.
    ///
    /// # Errors
    /// When dbus-monitor cannot be started.
    pub fn listen(&self) -> Result<Log> {
        let mut command = Command::new("/usr/bin/env");
        command.args([ADDRESS, "/usr/bin/dbus-monitor", "--system"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut monitor = self.host.spawn(&mut command)?;
        let mut log = Log::default();
        if let Some(pipe) = monitor.stdout.take() {
            log.follow(pipe);
        }
        // It ends with the bus or the host.
        std::thread::spawn(move || monitor.wait());
        // With its own name it has become a monitor.
        log.await_line(PATIENCE, "member=NameLost")?;
        Ok(log)
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.kill();
    }
}
