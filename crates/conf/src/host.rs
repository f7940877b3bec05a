//! What the parser may ask of the machine it runs on.
//!
//! Owns the [`Host`] trait and the facts it answers with. Never does I/O:
//! core implements the trait on the real system, [`crate::testing::MapHost`]
//! implements it on a map.

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link (only from [`Host::lstat`]).
    Link,
    /// Anything else: device, socket, FIFO.
    Other,
}

/// Kind, permission bits and owner of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMeta {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits, the low twelve of `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Owning group.
    pub gid: u32,
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileError {
    /// Nothing has that name.
    NotFound,
    /// It exists but may not be read; the text is the system's reason.
    Unreadable(String),
}

/// What is known of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// The host gives no live facts: assume that it exists.
    Unknown,
    /// There is none of that name.
    Absent,
    /// It exists.
    Present(IfFacts),
}

/// Facts of an interface that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IfFacts {
    /// Kernel index.
    pub index: u32,
    /// `IFF_LOOPBACK`.
    pub loopback: bool,
    /// `IFF_MULTICAST`.
    pub multicast: bool,
    /// Hardware type is Ethernet.
    pub ethernet: bool,
    /// It is a VRF; the number is its routing table.
    pub vrf_table: Option<u32>,
    /// It is a macvlan or ipvlan of somebody else.
    pub stacked: bool,
    /// Maximum transmission unit in bytes.
    pub mtu: u32,
}

/// A user account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Its own group.
    pub gid: u32,
}

/// The system as the parser sees it: files and facts, read-only.
///
/// Paths are absolute, or relative to [`Host::cwd`].
pub trait Host {
    /// The working directory, absolute.
    fn cwd(&self) -> String;
    /// The whole of a file.
    ///
    /// # Errors
    /// [`FileError`] when it is missing or may not be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;
    /// Facts of what `path` names, links followed.
    ///
    /// # Errors
    /// [`FileError`] when it is missing or may not be looked at.
    fn stat(&self, path: &str) -> Result<FileMeta, FileError>;
    /// Facts of `path` itself, a link not followed.
    ///
    /// # Errors
    /// As [`Host::stat`].
    fn lstat(&self, path: &str) -> Result<FileMeta, FileError> {
        self.stat(path)
    }
    /// Where the link `path` points; `None` when it is no link.
    fn read_link(&self, path: &str) -> Option<String> {
        let _ = path;
        None
    }
    /// Names in a directory, in any order, without `.` and `..`.
    ///
    /// # Errors
    /// As [`Host::read`].
    fn list_dir(&self, path: &str) -> Result<Vec<String>, FileError>;
    /// An environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// The node name (`uname -n`).
    fn node_name(&self) -> String;
    /// What is known of an interface.
    fn interface(&self, name: &str) -> Interface;
    /// The names of all interfaces, to suggest one; the default knows none.
    fn interface_names(&self) -> Vec<String> {
        Vec::new()
    }
    /// A user account by name or number.
    fn user(&self, name: &str) -> Option<User>;
    /// A group id by name or number.
    fn group(&self, name: &str) -> Option<u32>;
    /// Addresses of a host name (DNS); the default knows none.
    fn resolve(&self, name: &str) -> Option<std::net::IpAddr> {
        let _ = name;
        None
    }
    /// Number of CPUs.
    fn cpus(&self) -> u32 {
        1
    }
    /// A seed for `$_RANDOM` where the configuration gives none.
    fn random_seed(&self) -> u64;
}
