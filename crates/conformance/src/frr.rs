//! FRR's VRRP daemon as a peer: zebra and vrrpd in a host, with the macvlan that they expect.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lab::{Context, Host, PATIENCE, Result};
use nix::sys::signal::Signal;

/// Where Debian's package puts FRR's daemons.
const FOLDER: &str = "/usr/lib/frr";
/// Where zebra listens for the others.
const SOCKET: &str = "zserv.api";

/// A running FRR with one virtual router 51 on eth0, 100 ms between its adverts.
#[derive(Debug)]
pub struct Frr {
    folder: PathBuf,
    zebra: Child,
    vrrpd: Child,
}

impl Frr {
    /// Whether it is installed.
    pub fn is_installed() -> bool {
        Path::new(FOLDER).join("vrrpd").exists()
    }

    /// Makes the interface that carries the virtual MAC (RFC 9568, section 7.3) and the virtual
    /// address, which FRR leaves to the administrator.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn prepare(host: &Host, vip: IpAddr) -> Result<()> {
        let (name, family, prefix) =
            if vip.is_ipv4() { ("vrrp4-51", 1, 24) } else { ("vrrp6-51", 2, 64) };
        host.add_macvlan(name, "eth0", [0, 0, 0x5e, 0, family, 51])?;
        host.add_addr(name, vip, prefix)?;
        host.run(|| fs::create_dir_all("/run/frr"))?.context(|| "cannot make /run/frr")
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(host: &Host, version: u8, priority: u8, vip: IpAddr) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("keepalived-lab-frr-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).context(|| format!("cannot make {}", folder.display()))?;
        // The daemons drop to a user of their own and write here.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))
            .context(|| "cannot open a folder to FRR")?;
        let interval = if version == 2 { 1000 } else { 100 };
        let family = if vip.is_ipv4() { "ip" } else { "ipv6" };
        let config = format!(
            "interface eth0\n vrrp 51 version {version}\n vrrp 51 priority {priority}\n \
             vrrp 51 advertisement-interval {interval}\n vrrp 51 {family} {vip}\n"
        );
        let write = |file: &str, text: &str| {
            fs::write(folder.join(file), text).context(|| format!("cannot write {file}"))
        };
        write("zebra.conf", "")?;
        write("vrrpd.conf", &config)?;
        let zebra = daemon(host, &folder, "zebra")?;
        // A vrrpd that does not find zebra tries again only after 10 s.
        await_file(&folder.join(SOCKET))?;
        let vrrpd = daemon(host, &folder, "vrrpd")?;
        Ok(Self { folder, zebra, vrrpd })
    }

    /// Kills the VRRP daemon with signal 9.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn crash(mut self) -> Result<()> {
        self.vrrpd.kill().context(|| "cannot kill vrrpd")
    }

    /// Asks the VRRP daemon to stop, and waits until it has.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn stop(mut self) -> Result<()> {
        lab::procs::signal(self.vrrpd.id().cast_signed(), Signal::SIGTERM)?;
        self.vrrpd.wait().context(|| "cannot wait for vrrpd").map(drop)
    }
}

impl Drop for Frr {
    fn drop(&mut self) {
        for child in [&mut self.vrrpd, &mut self.zebra] {
            // It may have ended by now, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for name in ["zebra", "vrrpd"] {
                let log = fs::read_to_string(self.folder.join(format!("{name}.log")));
                eprintln!("log of {name}:\n{}", log.unwrap_or_default());
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Waits until a file is there.
fn await_file(path: &Path) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !path.exists() {
        if Instant::now() > until {
            return Err(lab::Error::new(format!("{} did not appear", path.display())));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn daemon(host: &Host, folder: &Path, name: &str) -> Result<Child> {
    let file = |suffix: &str| folder.join(format!("{name}.{suffix}"));
    let log = fs::File::create(file("log")).context(|| "cannot make a log")?;
    let errors = log.try_clone().context(|| "cannot share a log")?;
    let mut command = Command::new(Path::new(FOLDER).join(name));
    command.args(["-u", "frr", "-g", "frr", "--log", "stdout"]);
    command.arg("-f").arg(file("conf"));
    command.arg("-i").arg(file("pid"));
    command.arg("--vty_socket").arg(folder);
    command.arg("-z").arg(folder.join(SOCKET));
    command.current_dir(folder).stdin(Stdio::null()).stdout(log).stderr(errors);
    host.spawn(&mut command)
}
