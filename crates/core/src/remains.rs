//! What the vrrp role may have left in the kernel, in a file beside its pid file: when all processes
//! of the daemon are killed, the next one knows it, whatever its own configuration is.
//!
//! Owns the file. It is there while there may be something, and goes when the role has left in
//! order. It holds configurations without their secrets, and the settings to be put back.

use crate::dumps;
use crate::setup;
use crate::traces::Traces;
use ipc::codec;
use ipc::msg::vrrp::{Changed, Former};
use log::{info, warn};
use model::Config;
use nix::fcntl::OFlag;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Larger files are none of ours: the largest configurations take some 20 MB.
const MOST: u64 = 256 * 1024 * 1024;

/// Identifies the kernel's run: what was set before is gone with it.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Configurations and settings, as they are written.
type Contents = (Vec<Former>, Vec<Changed>);

/// The file.
#[derive(Debug)]
pub struct Remains {
    path: PathBuf,
    /// It may be there.
    kept: bool,
}

impl Remains {
    /// The file that belongs to the role with this pid file.
    pub fn beside(pid_file: &Path) -> Self {
        let pid_file = std::path::absolute(pid_file).unwrap_or_else(|_| pid_file.to_owned());
        Remains { path: pid_file.with_extension("left"), kept: false }
    }

    /// What an earlier daemon has left, in this network namespace since the host started.
    pub fn read(&mut self) -> Option<(Vec<Config>, Vec<Changed>)> {
        let bytes = match read(&self.path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return None,
            read => read,
        };
        self.kept = true;
        let path = self.path.display();
        let contents = bytes.and_then(|bytes| {
            let text = bytes.strip_prefix(header()?.as_slice());
            text.map(codec::decode::<Contents>).transpose().map_err(io::Error::other)
        });
        match contents {
            Ok(Some((former, changed))) => {
                info!("An earlier daemon was killed: what it has left is in {path}");
                let configs = former.into_iter().map(|Former { global, vrrp }| Config {
                    global,
                    vrrp,
                    ..Config::default()
                });
                return Some((configs.collect(), changed));
            }
            Ok(None) => info!(
                "{path} is of another version, network namespace or run of the kernel: nothing is \
                 known of what an earlier daemon has left"
            ),
            Err(e) => warn!(
                "{path}: {e}: nothing is known of what an earlier daemon has left, see whether its \
                 addresses, virtual links and settings are still there"
            ),
        }
        self.remove();
        None
    }

    /// Writes what there is by now.
    pub fn write(&mut self, traces: &Traces, changed: &[Changed]) {
        if traces.is_empty() {
            return self.remove();
        }
        let former: Vec<_> = traces.all().map(setup::former).collect();
        let done = header().and_then(|mut bytes| {
            codec::encode(&(former, changed), &mut bytes).map_err(io::Error::other)?;
            dumps::replace(&self.path, bytes)
        });
        match done {
            Ok(()) => self.kept = true,
            Err(e) => {
                warn!("Cannot write {}: {e}: a crash would leave it unknown", self.path.display());
                // What it says is not true any more.
                self.remove();
            }
        }
    }

    /// Nothing is left.
    pub fn remove(&mut self) {
        if !std::mem::take(&mut self.kept) {
            return;
        }
        match fs::remove_file(&self.path) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                warn!("Cannot remove {}: {e}", self.path.display());
            }
            _ => {}
        }
    }
}

/// The first line: what must not have changed for the rest to mean anything.
fn header() -> io::Result<Vec<u8>> {
    let boot = fs::read_to_string(BOOT_ID)?;
    let namespace = fs::metadata("/proc/self/ns/net")?.ino();
    let (name, version) = ("keepalived-rs", env!("CARGO_PKG_VERSION"));
    Ok(format!("{name} {version} boot {} netns {namespace}\n", boot.trim()).into_bytes())
}

/// Reads the file, as long as nobody but us can have written it.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    check(&file)?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check(file: &File) -> io::Result<()> {
    let meta = file.metadata()?;
    let wrong = if !meta.is_file() {
        "it is no regular file"
    } else if meta.uid() != nix::unistd::geteuid().as_raw() {
        "it belongs to another user"
    } else if meta.mode() & 0o022 != 0 {
        "others may write to it"
    } else if meta.len() > MOST {
        "it is too large"
    } else {
        return Ok(());
    };
    Err(io::Error::new(ErrorKind::InvalidData, wrong))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc::msg::Generation;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;
    use types::Family;

    fn dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("ka-remains-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn traces() -> Traces {
        let mut traces = Traces::default();
        let mut config = Config::default();
        config.global.router_id = Some("r".to_owned());
        traces.runs(Generation(1), &Arc::new(config));
        traces
    }

    fn changed() -> Changed {
        let (scope, key) = ("eth0".to_owned(), "arp_ignore".to_owned());
        Changed { family: Family::V4, scope, index: 2, key, before: 0, value: 1 }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_is_once_it_is_gone() {
        let dir = dir("read");
        let pid_file = dir.join("vrrp.pid");
        let mut ours = Remains::beside(&pid_file);
        assert!(ours.read().is_none());
        ours.write(&traces(), &[changed()]);
        let path = dir.join("vrrp.left");
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let (configs, settings) = Remains::beside(&pid_file).read().unwrap();
        assert_eq!(configs.len(), 1);
        assert_eq!(configs[0].global.router_id.as_deref(), Some("r"));
        assert_eq!(settings, [changed()]);
        ours.write(&Traces::default(), &[]);
        assert!(!path.exists() && Remains::beside(&pid_file).read().is_none());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_that_may_not_be_ours_is_not_believed_and_goes() {
        let dir = dir("hostile");
        let pid_file = dir.join("vrrp.pid");
        let path = dir.join("vrrp.left");
        let other = dir.join("other");
        let spoil: [(&str, &dyn Fn()); 7] = [
            ("writable", &|| {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap()
            }),
            ("garbage", &|| {
                fs::write(&path, [header().unwrap(), vec![0xff; 99]].concat()).unwrap()
            }),
            ("cut", &|| {
                let bytes = fs::read(&path).unwrap();
                fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
            }),
            ("more", &|| {
                fs::write(&path, [fs::read(&path).unwrap(), vec![0]].concat()).unwrap();
            }),
            ("another run", &|| {
                let mut bytes = fs::read(&path).unwrap();
                let at = bytes.windows(5).position(|w| w == b"boot ").unwrap() + 5;
                bytes[at] ^= 1;
                fs::write(&path, bytes).unwrap();
            }),
            ("a link", &|| {
                fs::rename(&path, &other).unwrap();
                std::os::unix::fs::symlink(&other, &path).unwrap();
            }),
            ("a FIFO", &|| {
                fs::remove_file(&path).unwrap();
                nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
            }),
        ];
        for (what, spoil) in spoil {
            Remains::beside(&pid_file).write(&traces(), &[changed()]);
            assert!(Remains::beside(&pid_file).read().is_some());
            spoil();
            assert!(Remains::beside(&pid_file).read().is_none(), "{what}");
            assert!(path.symlink_metadata().is_err(), "{what}");
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
