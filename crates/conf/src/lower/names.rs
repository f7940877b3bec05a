//! Numbers that may be written as names: routing tables, scopes, protocols,
//! realms, DS fields and interface groups.
//!
//! Owns the iproute2 files: `NAME` and `NAME.d/*.conf` in the `iproute_etc_dir`
//! and then the `iproute_usr_dir` of the configuration. A file is read when a
//! name is first looked up.

use std::collections::HashMap;

use super::Cx;
use crate::value::{self, IntStyle};

/// Which numbers are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoutingName {
    /// Routing table, 32 bits.
    Table,
    /// Scope, 8 bits.
    Scope,
    /// Who put it there, 8 bits.
    Protocol,
    /// Realm, 16 bits.
    Realm,
    /// DS field (TOS), 8 bits.
    DsField,
    /// Interface group, 32 bits.
    Group,
}

impl RoutingName {
    fn file(self) -> &'static str {
        match self {
            RoutingName::Table => "rt_tables",
            RoutingName::Scope => "rt_scopes",
            RoutingName::Protocol => "rt_protos",
            RoutingName::Realm => "rt_realms",
            RoutingName::DsField => "rt_dsfield",
            RoutingName::Group => "group",
        }
    }

    fn max(self) -> i64 {
        match self {
            RoutingName::Table | RoutingName::Group => i64::from(u32::MAX),
            RoutingName::Realm => 0xffff,
            RoutingName::Scope | RoutingName::Protocol | RoutingName::DsField => 0xff,
        }
    }

    /// Names known without a file.
    fn built_in(self) -> &'static [(&'static str, u32)] {
        match self {
            RoutingName::Table => &[("default", 253), ("main", 254), ("local", 255)],
            RoutingName::Scope => &[
                ("global", 0),
                ("universe", 0),
                ("site", 200),
                ("link", 253),
                ("host", 254),
                ("nowhere", 255),
            ],
            RoutingName::Protocol => {
                &[("redirect", 1), ("kernel", 2), ("boot", 3), ("static", 4), ("keepalived", 18)]
            }
            RoutingName::Realm => &[("cosmos", 0)],
            RoutingName::DsField => &[("default", 0)],
            RoutingName::Group => &[("default", 0)],
        }
    }
}

/// The names read so far.
#[derive(Debug, Default)]
pub struct RoutingNames {
    /// `iproute_etc_dir`.
    pub etc_dir: Option<String>,
    /// `iproute_usr_dir`.
    pub usr_dir: Option<String>,
    read: HashMap<RoutingName, HashMap<String, u32>>,
}

/// Where iproute2 keeps its files.
const ETC_DIR: &str = "/etc/iproute2";
const USR_DIR: &str = "/usr/share/iproute2";

impl Cx<'_> {
    /// The number that `word` is or names; `None` when it is neither, or too
    /// large.
    pub fn routing_name(&mut self, kind: RoutingName, word: &str) -> Option<u32> {
        let style = IntStyle { lenient: false, any_base: true };
        if word.starts_with(|c: char| c.is_ascii_digit())
            && let Ok(read) = value::integer(word, 0, kind.max(), style)
        {
            return u32::try_from(read.value).ok();
        }
        if !self.build.names.read.contains_key(&kind) {
            let names = self.read_names(kind);
            self.build.names.read.insert(kind, names);
        }
        let names = self.build.names.read.get(&kind)?;
        let built_in = || kind.built_in().iter().find(|(n, _)| *n == word).map(|(_, v)| *v);
        names.get(word).copied().or_else(built_in)
    }

    fn read_names(&self, kind: RoutingName) -> HashMap<String, u32> {
        let dirs = &self.build.names;
        let mut names = HashMap::new();
        for dir in
            [dirs.etc_dir.as_deref().unwrap_or(ETC_DIR), dirs.usr_dir.as_deref().unwrap_or(USR_DIR)]
        {
            let main = format!("{dir}/{}", kind.file());
            let parts = format!("{main}.d");
            let mut files = self.host.list_dir(&parts).unwrap_or_default();
            files.retain(|f| f.ends_with(".conf"));
            files.sort();
            let files = files.into_iter().map(|f| format!("{parts}/{f}"));
            for file in [main].into_iter().chain(files) {
                let text = self.host.read(&file).unwrap_or_default();
                entries(&String::from_utf8_lossy(&text), kind, &mut names);
            }
        }
        names
    }
}

/// `NUMBER NAME` lines; `#` starts a comment. The first entry of a name counts.
fn entries(text: &str, kind: RoutingName, names: &mut HashMap<String, u32>) {
    let style = IntStyle { lenient: false, any_base: true };
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let (Some(number), Some(name)) = (words.next(), words.next()) else { continue };
        let number = value::integer(number, 0, kind.max(), style);
        if let Some(n) = number.ok().and_then(|r| u32::try_from(r.value).ok()) {
            names.entry(name.to_owned()).or_insert(n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MapHost;

    #[test]
    fn names_come_from_the_files_and_numbers_are_themselves() {
        let host = MapHost::new()
            .file("/etc/iproute2/rt_tables", "# comment\n100 blue # c\n0x65\tred\nbad\n")
            .file("/usr/share/iproute2/rt_tables.d/x.conf", "102 green\n103 blue\n")
            .file("/usr/share/iproute2/rt_tables.d/x.txt", "104 grey\n");
        let mut cx = Cx::new(&host, false);
        let mut table = |w: &str| cx.routing_name(RoutingName::Table, w);
        assert_eq!(table("blue"), Some(100));
        assert_eq!(table("red"), Some(101));
        assert_eq!(table("green"), Some(102));
        assert_eq!(table("grey"), None);
        assert_eq!(table("main"), Some(254));
        assert_eq!(table("0x10"), Some(16));
        assert_eq!(table("7"), Some(7));
        assert_eq!(table("7x"), None);
        assert_eq!(cx.routing_name(RoutingName::Scope, "link"), Some(253));
        assert_eq!(cx.routing_name(RoutingName::Scope, "256"), None);
    }
}
