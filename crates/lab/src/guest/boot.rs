//! What the guest's first process does, written as a script for each boot.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{ENV, Job, PASSED};
use crate::{Context, Result};

/// Modules that are there from the start; the rest comes when the kernel asks for it, as on a
/// machine of its own. One that a kernel does not have is left out.
const LOADED: &str = "ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_lblc ip_vs_lblcr ip_vs_sh \
    ip_vs_mh ip_vs_dh ip_vs_fo ip_vs_ovf ip_vs_sed ip_vs_nq ip_vs_twos ip_vs_pe_sip \
    dummy veth bridge macvlan ipvlan vrf 8021q tun ipip ip6_tunnel ip_gre fou \
    nf_tables nf_conntrack ip_set xt_set ip_tables ip6_tables xt_mark \
    mpls_router mpls_iptunnel sch_netem";

/// The files of one boot; they go when it is over.
#[derive(Debug)]
pub(super) struct Boot {
    folder: PathBuf,
    begin: String,
    end: String,
}

impl Boot {
    /// Writes the script for `job`.
    pub fn write(cache: &Path, job: &Job) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let key = format!("boot-{}-{count}", std::process::id());
        let folder = cache.join(&key);
        fs::create_dir_all(&folder).context(|| format!("cannot make {}", folder.display()))?;
        let boot =
            Self { begin: format!("@@ {key} begins"), end: format!("@@ {key} ends with "), folder };
        write_script(&boot.init(), &boot.script(cache, job))?;
        Ok(boot)
    }

    /// The first process.
    pub fn init(&self) -> PathBuf {
        self.folder.join("init")
    }

    /// The folder of this boot.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The line after which the command prints.
    pub fn begin(&self) -> &str {
        &self.begin
    }

    /// What stands before the exit status, in the last line.
    pub fn end(&self) -> &str {
        &self.end
    }

    fn script(&self, cache: &Path, job: &Job) -> Vec<u8> {
        let mut text = String::from(
            "#!/bin/sh\n\
             export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C\n\
             mount -t proc proc /proc\n\
             mount -t sysfs sysfs /sys\n\
             mountpoint -q /dev || mount -t devtmpfs dev /dev\n\
             mount -t tmpfs -o mode=755 run /run\n\
             mount -t tmpfs -o mode=1777 tmp /tmp\n\
             mkdir -p /dev/pts /dev/shm /run/lock\n\
             mount -t devpts -o ptmxmode=666 pts /dev/pts\n\
             mount -t tmpfs -o mode=1777 shm /dev/shm\n\
             stty -opost </dev/console\n\
             hostname guest\n\
             ip link set lo up\n\
             echo 4 >/proc/sys/kernel/printk\n",
        );
        // The cache lies in the target folder, beside the programs.
        let target = quoted(cache.parent().unwrap_or(cache).as_os_str());
        let cache = quoted(cache.as_os_str());
        let folder = quoted(job.folder.as_os_str());
        // What lies in a folder that is now covered is shown again.
        for seen in [&target, &cache, &folder] {
            let _ = writeln!(
                text,
                "test -d {seen} || {{ mkdir -p {seen}; mount -t hostfs -o ro,{seen} none {seen}; }}"
            );
        }
        let _ = writeln!(text, "echo {cache}/modprobe >/proc/sys/kernel/modprobe");
        let _ = writeln!(text, "{cache}/modprobe -q -a {LOADED} 2>/dev/null");
        let _ = writeln!(text, "export {ENV}=1");
        for name in PASSED {
            if let Some(value) = std::env::var_os(name) {
                let _ = writeln!(text, "export {name}={}", quoted(&value));
            }
        }
        let command: Vec<String> = job.command.iter().map(|word| quoted(word)).collect();
        let _ = write!(
            text,
            "cd {folder}\n\
             echo {begin}\n\
             {command} </dev/null\n\
             echo {end}$?\n\
             echo o >/proc/sysrq-trigger\n\
             sleep 10\n",
            begin = quoted(OsStr::new(&self.begin)),
            command = command.join(" "),
            end = quoted(OsStr::new(&self.end)),
        );
        text.into_bytes()
    }
}

impl Drop for Boot {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What the guest's kernel calls when it wants a module.
pub(super) fn write_modprobe(cache: &Path) -> Result<()> {
    let to = cache.join("modprobe");
    let text = format!("#!/bin/sh\nexec /sbin/modprobe -d {} \"$@\"\n", quoted(cache.as_os_str()));
    if fs::read(&to).is_ok_and(|have| have == text.as_bytes()) {
        return Ok(());
    }
    let stage = cache.join(format!("modprobe-{}", std::process::id()));
    write_script(&stage, text.as_bytes())?;
    fs::rename(&stage, &to).context(|| format!("cannot write {}", to.display()))
}

fn write_script(path: &Path, text: &[u8]) -> Result<()> {
    let what = || format!("cannot write {}", path.display());
    fs::write(path, text).context(what)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).context(what)
}

/// A word as the shell reads it back.
fn quoted(word: &OsStr) -> String {
    format!("'{}'", String::from_utf8_lossy(word.as_bytes()).replace('\'', "'\\''"))
}
