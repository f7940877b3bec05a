//! A host made of maps, for tests of whoever loads configurations.

use std::collections::{BTreeMap, BTreeSet};

use crate::host::{FileError, FileKind, FileMeta, Host, IfFacts, Interface, User};

/// A [`Host`] whose files and facts are maps. Directories exist by the files
/// in them. Without [`MapHost::live`], interfaces are [`Interface::Unknown`].
#[derive(Debug, Clone, Default)]
pub struct MapHost {
    files: BTreeMap<String, (Vec<u8>, FileMeta)>,
    unreadable: BTreeSet<String>,
    env: BTreeMap<String, String>,
    interfaces: BTreeMap<String, IfFacts>,
    users: BTreeMap<String, User>,
    groups: BTreeMap<String, u32>,
    links: BTreeMap<String, String>,
    live: bool,
    node: String,
    seed: u64,
}

impl MapHost {
    /// An empty host named `host`, working in `/etc/keepalived`, that knows
    /// root, the user and group `nobody` and the loopback interface.
    pub fn new() -> Self {
        let mut h = MapHost { node: "host.example.org".into(), seed: 1, ..Default::default() };
        h.users.insert("root".into(), User { uid: 0, gid: 0 });
        h.users.insert("nobody".into(), User { uid: 65534, gid: 65534 });
        h.groups.insert("root".into(), 0);
        h.groups.insert("nogroup".into(), 65534);
        h.interfaces
            .insert("lo".into(), IfFacts { index: 1, loopback: true, ..IfFacts::default() });
        h
    }

    /// Adds a regular file, mode 0644, owned by root. A relative path is in
    /// the working directory.
    pub fn file(mut self, path: &str, text: impl Into<Vec<u8>>) -> Self {
        let meta = FileMeta { kind: FileKind::Regular, mode: 0o644, uid: 0, gid: 0 };
        self.files.insert(self.absolute(path), (text.into(), meta));
        self
    }

    /// Changes the mode of a file added before.
    pub fn mode(mut self, path: &str, mode: u32) -> Self {
        let path = self.absolute(path);
        if let Some((_, meta)) = self.files.get_mut(&path) {
            meta.mode = mode;
        }
        self
    }

    /// Makes a file exist that may not be read.
    pub fn unreadable(mut self, path: &str) -> Self {
        let path = self.absolute(path);
        self = self.file(&path, "");
        self.unreadable.insert(path);
        self
    }

    /// Adds a symbolic link.
    pub fn link(mut self, path: &str, to: &str) -> Self {
        self.links.insert(self.absolute(path), to.into());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Adds an Ethernet interface and turns live facts on.
    pub fn interface(mut self, name: &str) -> Self {
        let index = self.interfaces.len() as u32 + 1;
        let facts =
            IfFacts { index, multicast: true, ethernet: true, mtu: 1500, ..IfFacts::default() };
        self.interfaces.insert(name.into(), facts);
        self.live = true;
        self
    }

    /// Adds an interface with the given facts and turns live facts on.
    pub fn interface_with(mut self, name: &str, facts: IfFacts) -> Self {
        self.interfaces.insert(name.into(), facts);
        self.live = true;
        self
    }

    /// Turns live facts on: an interface that was not added is absent.
    pub fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// Adds a user with a group of the same name and number.
    pub fn user(mut self, name: &str, id: u32) -> Self {
        self.users.insert(name.into(), User { uid: id, gid: id });
        self.groups.insert(name.into(), id);
        self
    }

    fn absolute(&self, path: &str) -> String {
        let joined =
            if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.cwd()) };
        crate::glob::normalise(&joined)
    }

    fn is_dir(&self, path: &str) -> bool {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        self.files.keys().chain(self.links.keys()).any(|f| f.starts_with(&prefix))
    }

    fn follow(&self, path: &str) -> String {
        let mut path = self.absolute(path);
        for _ in 0..8 {
            match self.links.get(&path) {
                Some(to) if to.starts_with('/') => path = to.clone(),
                Some(to) => {
                    let dir = path.rsplit_once('/').map_or("", |(d, _)| d);
                    path = crate::glob::normalise(&format!("{dir}/{to}"));
                }
                None => break,
            }
        }
        path
    }
}

impl Host for MapHost {
    fn cwd(&self) -> String {
        "/etc/keepalived".into()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let path = self.follow(path);
        if self.unreadable.contains(&path) {
            return Err(FileError::Unreadable("Permission denied".into()));
        }
        match self.files.get(&path) {
            Some((text, _)) => Ok(text.clone()),
            None if self.is_dir(&path) => Err(FileError::Unreadable("Is a directory".into())),
            None => Err(FileError::NotFound),
        }
    }

    fn stat(&self, path: &str) -> Result<FileMeta, FileError> {
        let path = self.follow(path);
        match self.files.get(&path) {
            Some((_, meta)) => Ok(*meta),
            None if self.is_dir(&path) => {
                Ok(FileMeta { kind: FileKind::Directory, mode: 0o755, uid: 0, gid: 0 })
            }
            None => Err(FileError::NotFound),
        }
    }

    fn lstat(&self, path: &str) -> Result<FileMeta, FileError> {
        if self.links.contains_key(&self.absolute(path)) {
            return Ok(FileMeta { kind: FileKind::Link, mode: 0o777, uid: 0, gid: 0 });
        }
        self.stat(path)
    }

    fn read_link(&self, path: &str) -> Option<String> {
        self.links.get(&self.absolute(path)).cloned()
    }

    fn list_dir(&self, path: &str) -> Result<Vec<String>, FileError> {
        let prefix = format!("{}/", self.absolute(path).trim_end_matches('/'));
        let names: BTreeSet<String> = self
            .files
            .keys()
            .chain(self.links.keys())
            .filter_map(|f| f.strip_prefix(&prefix))
            .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
            .collect();
        if names.is_empty() { Err(FileError::NotFound) } else { Ok(names.into_iter().collect()) }
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn node_name(&self) -> String {
        self.node.clone()
    }

    fn interface(&self, name: &str) -> Interface {
        match self.interfaces.get(name) {
            _ if !self.live => Interface::Unknown,
            Some(facts) => Interface::Present(*facts),
            None => Interface::Absent,
        }
    }

    fn interface_names(&self) -> Vec<String> {
        self.interfaces.keys().cloned().collect()
    }

    fn user(&self, name: &str) -> Option<User> {
        self.users.get(name).cloned()
    }

    fn group(&self, name: &str) -> Option<u32> {
        self.groups.get(name).copied()
    }

    fn random_seed(&self) -> u64 {
        self.seed
    }
}
