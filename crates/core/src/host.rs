//! The real system as the configuration language sees it.

use crate::files;
use conf::host::{FileError, FileKind, FileMeta, Host, IfFacts, Interface, User};
use netlink::link::Link;
use netlink::socket::NlSocket;
use nix::libc;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs::Metadata;
use std::io::{self, Read};
use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::fs::MetadataExt;

/// More than this is no configuration file.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// The system that this process runs on. Interfaces are looked at once, when
/// first asked for: make a new one for each load.
#[derive(Debug, Default)]
pub struct System {
    interfaces: OnceCell<Option<HashMap<String, IfFacts>>>,
}

impl System {
    /// Nothing looked at yet.
    pub fn new() -> Self {
        Self::default()
    }
}

fn file_error(e: io::Error) -> FileError {
    match e.kind() {
        io::ErrorKind::NotFound => FileError::NotFound,
        _ => FileError::Unreadable(e.to_string()),
    }
}

fn meta(m: &Metadata) -> FileMeta {
    let kind = match m.file_type() {
        t if t.is_file() => FileKind::Regular,
        t if t.is_dir() => FileKind::Directory,
        t if t.is_symlink() => FileKind::Link,
        _ => FileKind::Other,
    };
    FileMeta { kind, mode: m.mode() & 0o7777, uid: m.uid(), gid: m.gid() }
}

/// All interfaces of the network namespace, by one netlink dump.
fn interfaces() -> Option<HashMap<String, IfFacts>> {
    let links = NlSocket::request().ok()?.dump_links().ok()?;
    Some(links.into_iter().map(|link| (link.name.clone(), facts(&link))).collect())
}

fn facts(link: &Link) -> IfFacts {
    let has = |flag: libc::c_int| link.flags & flag.unsigned_abs() != 0;
    IfFacts {
        index: link.index,
        loopback: has(libc::IFF_LOOPBACK),
        multicast: has(libc::IFF_MULTICAST),
        ethernet: link.hw_type == libc::ARPHRD_ETHER,
        vrf_table: link.vrf_table,
        stacked: matches!(link.kind.as_deref(), Some("macvlan" | "ipvlan")),
        mtu: link.mtu,
    }
}

impl Host for System {
    fn cwd(&self) -> String {
        std::env::current_dir()
            .map_or_else(|_| "/".to_owned(), |d| d.to_string_lossy().into_owned())
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let file = files::open(path).map_err(file_error)?;
        // Room for all of it at once: what grows leaves copies behind, and it may hold secrets.
        let len = file.metadata().map_or(0, |m| m.len().min(FILE_MAX));
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0) + 1);
        file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(file_error)?;
        if bytes.len() as u64 > FILE_MAX {
            return Err(FileError::Unreadable(format!("it has more than {FILE_MAX} bytes")));
        }
        Ok(bytes)
    }

    fn stat(&self, path: &str) -> Result<FileMeta, FileError> {
        std::fs::metadata(path).map(|m| meta(&m)).map_err(file_error)
    }

    fn lstat(&self, path: &str) -> Result<FileMeta, FileError> {
        std::fs::symlink_metadata(path).map(|m| meta(&m)).map_err(file_error)
    }

    fn read_link(&self, path: &str) -> Option<String> {
        std::fs::read_link(path).ok().map(|p| p.to_string_lossy().into_owned())
    }

    fn list_dir(&self, path: &str) -> Result<Vec<String>, FileError> {
        let entries = std::fs::read_dir(path).map_err(file_error)?;
        Ok(entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn node_name(&self) -> String {
        nix::unistd::gethostname()
            .map_or_else(|_| String::new(), |n| n.to_string_lossy().into_owned())
    }

    fn interface(&self, name: &str) -> Interface {
        match self.interfaces.get_or_init(interfaces) {
            None => Interface::Unknown,
            Some(all) => match all.get(name) {
                Some(facts) => Interface::Present(*facts),
                None => Interface::Absent,
            },
        }
    }

    fn interface_names(&self) -> Vec<String> {
        let all = self.interfaces.get_or_init(interfaces).iter().flat_map(HashMap::keys);
        let mut names: Vec<String> = all.cloned().collect();
        names.sort();
        names
    }

    fn user(&self, name: &str) -> Option<User> {
        let account = match name.parse::<u32>() {
            Ok(uid) => nix::unistd::User::from_uid(uid.into()),
            Err(_) => nix::unistd::User::from_name(name),
        };
        account.ok().flatten().map(|u| User { uid: u.uid.as_raw(), gid: u.gid.as_raw() })
    }

    fn group(&self, name: &str) -> Option<u32> {
        let group = match name.parse::<u32>() {
            Ok(gid) => nix::unistd::Group::from_gid(gid.into()),
            Err(_) => nix::unistd::Group::from_name(name),
        };
        group.ok().flatten().map(|g| g.gid.as_raw())
    }

    fn resolve(&self, name: &str) -> Option<IpAddr> {
        (name, 0).to_socket_addrs().ok()?.next().map(|a| a.ip())
    }

    fn cpus(&self) -> u32 {
        match nix::unistd::sysconf(nix::unistd::SysconfVar::_NPROCESSORS_ONLN) {
            Ok(Some(n)) => u32::try_from(n).unwrap_or(1).max(1),
            _ => 1,
        }
    }

    fn random_seed(&self) -> u64 {
        let wall = u64::try_from(rt::clock::wall().as_nanos()).unwrap_or(u64::MAX);
        wall ^ (u64::from(std::process::id()) << 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_system_has_a_loopback_root_and_its_own_binary() {
        let s = System::new();
        assert!(matches!(s.interface("lo"), Interface::Present(f) if f.loopback && f.index > 0));
        assert_eq!(s.interface("no-such-if"), Interface::Absent);
        assert_eq!(s.user("root"), Some(User { uid: 0, gid: 0 }));
        assert_eq!(s.group("0"), Some(0));
        assert_eq!(s.stat("/proc/self/exe").unwrap().kind, FileKind::Regular);
        assert_eq!(s.lstat("/proc/self/exe").unwrap().kind, FileKind::Link);
        assert_eq!(s.read("/nonexistent"), Err(FileError::NotFound));
    }
}
