//! `cargo xtask walls`: which crate may use which. The twin in code of the table in
//! `docs/architecture.md`; reads `cargo metadata`, so that no dependency goes unseen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::run::{Outcome, cargo, root};

/// One row of the table. Only what ends up in the program counts, not what tests use.
struct Wall {
    /// Folder under `crates/`.
    name: &'static str,
    /// Crates of ours that it may name.
    may: &'static [&'static str],
    /// Crates, ours or others', that it may not reach, not even through others.
    never: &'static [&'static str],
}

/// Deciding needs no system: what a protocol core must never reach.
const SYSTEM: &[&str] =
    &["nix", "mio", "log", "signal-hook", "netlink", "rt", "ipc", "conf", "core"];

const WALLS: &[Wall] = &[
    Wall { name: "types", may: &[], never: SYSTEM },
    Wall { name: "model", may: &["types"], never: SYSTEM },
    Wall { name: "vrrp-proto", may: &["types", "model"], never: SYSTEM },
    Wall { name: "bfd-proto", may: &["types", "model"], never: SYSTEM },
    Wall {
        name: "check-proto",
        may: &["types", "model"],
        never: &["nix", "mio", "log", "netlink", "rt", "ipc", "conf", "rustls", "openssl"],
    },
    Wall {
        name: "conf",
        may: &["types", "model"],
        never: &["nix", "mio", "netlink", "rt", "ipc", "vrrp-proto", "bfd-proto", "check-proto"],
    },
    Wall { name: "ipc", may: &["types", "model"], never: &["mio", "nix", "rt", "conf", "netlink"] },
    Wall {
        name: "netlink",
        may: &["types"],
        never: &["vrrp-proto", "bfd-proto", "check-proto", "model", "conf", "ipc", "rt"],
    },
    Wall {
        name: "rt",
        may: &["types", "model", "ipc"],
        never: &["vrrp-proto", "bfd-proto", "check-proto", "conf", "netlink"],
    },
    Wall {
        name: "vrrpd",
        may: &["types", "model", "vrrp-proto", "netlink", "rt", "ipc"],
        never: &["conf", "checkd", "bfdd", "core", "check-proto", "bfd-proto"],
    },
    Wall {
        name: "checkd",
        may: &["types", "model", "check-proto", "netlink", "rt", "ipc", "tls"],
        never: &["conf", "vrrpd", "bfdd", "core", "vrrp-proto", "bfd-proto"],
    },
    Wall {
        name: "bfdd",
        may: &["types", "model", "bfd-proto", "netlink", "rt", "ipc"],
        never: &["conf", "vrrpd", "checkd", "core", "vrrp-proto", "check-proto"],
    },
    Wall {
        name: "monitor",
        may: &["types", "model", "rt", "ipc", "agentx", "mib"],
        never: &["conf", "netlink", "vrrp-proto", "bfd-proto", "check-proto", "core"],
    },
    Wall {
        name: "core",
        may: &["types", "conf", "getopt", "model", "ipc", "netlink", "rt"],
        never: &["vrrp-proto", "bfd-proto", "check-proto", "vrrpd", "checkd", "bfdd", "monitor"],
    },
    Wall { name: "agentx", may: &[], never: SYSTEM },
    Wall {
        name: "mib",
        may: &["types", "model", "ipc", "agentx"],
        never: &["nix", "mio", "log", "netlink", "rt", "conf", "core", "vrrp-proto"],
    },
    Wall { name: "getopt", may: &[], never: SYSTEM },
    Wall { name: "tls", may: &[], never: SYSTEM },
    Wall {
        name: "genhash",
        may: &["check-proto", "getopt", "model", "tls"],
        never: &["conf", "core", "ipc", "mio", "rt", "vrrpd", "checkd", "bfdd"],
    },
    Wall {
        name: "sim",
        may: &["types", "model", "vrrp-proto", "bfd-proto", "check-proto"],
        never: &["rt", "nix", "netlink"],
    },
    Wall { name: "lab", may: &["netlink"], never: DAEMON },
    Wall { name: "conformance", may: &["lab"], never: DAEMON },
    Wall { name: "guest-tests", may: &["lab", "conformance"], never: DAEMON },
    Wall { name: "xtask", may: &["lab"], never: DAEMON },
];

/// The daemon's crates: a test bench that used them would share their mistakes.
const DAEMON: &[&str] = &[
    "model",
    "conf",
    "ipc",
    "rt",
    "vrrp-proto",
    "bfd-proto",
    "check-proto",
    "vrrpd",
    "checkd",
    "bfdd",
    "monitor",
    "core",
];

/// The only crate that names bincode, and the only file in it.
const BINCODE: (&str, &str) = ("ipc", "codec.rs");
/// The crates where `unsafe` may be written.
const UNSAFE: &[&str] = &["netlink", "rt"];
/// Crates that decide and never act; each has a `clippy.toml` that keeps clocks, files and
/// sockets out.
const PURE: &[&str] =
    &["types", "model", "vrrp-proto", "bfd-proto", "check-proto", "conf", "ipc", "agentx", "mib"];
/// What those files must name, at least.
const OUTSIDE: &[&str] = &[
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::fs::File",
    "std::fs::read_to_string",
    "std::net::UdpSocket",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::os::unix::net::UnixStream",
    "std::process::Command",
    "std::thread::spawn",
    "std::thread::sleep",
];

/// Checks every wall and reports every breach.
pub fn main() -> Outcome {
    let mut breaches = Vec::new();
    let graph = Graph::read()?;
    for name in graph.members() {
        match WALLS.iter().find(|wall| wall.name == name) {
            Some(wall) => breaches.extend(graph.breaches(wall)),
            None => breaches.push(format!("crates/{name} has no row in the table of walls")),
        }
    }
    // Some hash crates use libc to ask which instructions the processor has, on some processors.
    for name in graph.users("libc").into_iter().filter(|name| PURE.contains(&name.as_str())) {
        breaches.push(format!("{name} uses libc, and decides only"));
    }
    for name in graph.users("bincode").into_iter().filter(|name| name != BINCODE.0) {
        breaches.push(format!("{name} uses bincode, which only {} may", BINCODE.0));
    }
    breaches.extend(sources()?);
    if breaches.is_empty() {
        println!("walls: {} crates, none breached", WALLS.len());
        return Ok(());
    }
    Err(format!("walls are breached:\n  {}", breaches.join("\n  ")).into())
}

/// Direct dependencies (not those of tests) of every package, by short name: ours are named by
/// their folder.
struct Graph {
    uses: BTreeMap<String, BTreeSet<String>>,
    ours: BTreeSet<String>,
}

impl Graph {
    fn read() -> Outcome<Self> {
        let output = cargo().args(["metadata", "--format-version", "1", "--locked"]).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Self::from_json(&serde_json::from_slice(&output.stdout)?)
    }

    fn from_json(metadata: &Value) -> Outcome<Self> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let mut names = BTreeMap::new();
        let mut ours = BTreeSet::new();
        for package in list(&metadata["packages"]) {
            let manifest = text(&package["manifest_path"]);
            let folder = Path::new(&manifest).parent().unwrap_or(Path::new("/"));
            let local = package["source"].is_null();
            let name = match folder.file_name().filter(|_| local) {
                Some(folder) => folder.to_string_lossy().into_owned(),
                None => text(&package["name"]),
            };
            if local && folder.parent().is_some_and(|parent| parent.ends_with("crates")) {
                ours.insert(name.clone());
            }
            names.insert(text(&package["id"]), name);
        }
        let mut uses = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let used: BTreeSet<String> = list(&node["deps"])
                .iter()
                .filter(|dep| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()))
                .filter_map(|dep| names.get(&text(&dep["pkg"])).cloned())
                .collect();
            let name = names.get(&text(&node["id"])).cloned().unwrap_or_default();
            uses.insert(name, used);
        }
        Ok(Self { uses, ours })
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        self.ours.iter().map(String::as_str)
    }

    fn direct(&self, name: &str) -> impl Iterator<Item = &String> {
        self.uses.get(name).into_iter().flatten()
    }

    fn users(&self, name: &str) -> Vec<String> {
        let users = self.uses.iter().filter(|(_, used)| used.contains(name));
        users.map(|(user, _)| user.clone()).collect()
    }

    fn breaches(&self, wall: &Wall) -> Vec<String> {
        let mut breaches = Vec::new();
        for used in self.direct(wall.name) {
            if self.ours.contains(used) && !wall.may.contains(&used.as_str()) {
                breaches.push(format!("{} uses {used}, which its row does not allow", wall.name));
            }
        }
        for never in wall.never {
            if let Some(path) = self.path(wall.name, never) {
                breaches.push(format!("{} must never reach {never}: {path}", wall.name));
            }
        }
        breaches
    }

    /// How `from` reaches `to`, if it does.
    fn path(&self, from: &str, to: &str) -> Option<String> {
        let mut queue = vec![vec![from.to_string()]];
        let mut seen = BTreeSet::new();
        while let Some(path) = queue.pop() {
            for next in path.last().into_iter().flat_map(|last| self.direct(last)) {
                let longer = [&path[..], std::slice::from_ref(next)].concat();
                if next == to {
                    return Some(longer.join(" -> "));
                }
                if seen.insert(next.clone()) {
                    queue.push(longer);
                }
            }
        }
        None
    }
}

/// Breaches that the sources show: lints, `clippy.toml` files, bincode outside its file.
fn sources() -> Outcome<Vec<String>> {
    let mut breaches = Vec::new();
    let crates = root().join("crates");
    for wall in WALLS {
        let manifest = fs::read_to_string(crates.join(wall.name).join("Cargo.toml"))?;
        if !manifest.contains("[lints]\nworkspace = true") && !UNSAFE.contains(&wall.name) {
            breaches.push(format!("{} does not take the lints of the workspace", wall.name));
        }
    }
    for name in PURE {
        let path = crates.join(name).join("clippy.toml");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let missing: Vec<_> = OUTSIDE.iter().filter(|item| !text.contains(*item)).collect();
        if !missing.is_empty() {
            breaches.push(format!("{} does not forbid {missing:?}", path.display()));
        }
    }
    for file in fs::read_dir(crates.join(BINCODE.0).join("src"))? {
        let path = file?.path();
        let named = path.is_file() && fs::read_to_string(&path)?.contains("bincode::");
        if named && !path.ends_with(BINCODE.1) {
            breaches.push(format!("{} names bincode", path.display()));
        }
    }
    wall_clock(&crates.join("vrrpd/src"), &mut breaches)?;
    Ok(breaches)
}

/// A step of the wall clock must move no timer: what the vrrp role reads of it goes to
/// `auth_hmac` (`Input::Clock`) and into dumps, and nowhere else.
fn wall_clock(folder: &Path, breaches: &mut Vec<String>) -> Outcome<()> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.is_dir() {
            if !path.ends_with("dump") {
                wall_clock(&path, breaches)?;
            }
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let reads = text.lines().filter(|line| line.contains("clock::wall("));
        for line in reads.filter(|line| !line.contains("Input::Clock")) {
            breaches.push(format!("{} reads the wall clock: {}", path.display(), line.trim()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn graph() -> Graph {
        let package = |name: &str, local: bool| {
            let source = if local { Value::Null } else { json!("registry") };
            json!({"id": name, "name": name, "source": source,
                   "manifest_path": format!("/top/crates/{name}/Cargo.toml")})
        };
        let dep = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [package("types", true), package("model", true), package("serde", false),
                         package("libc", false), package("proptest", false)],
            "resolve": {"nodes": [
                {"id": "model", "deps": [dep("types", Value::Null), dep("proptest", json!("dev"))]},
                {"id": "types", "deps": [dep("serde", Value::Null)]},
                {"id": "serde", "deps": [dep("libc", Value::Null)]},
            ]},
        });
        Graph::from_json(&metadata).unwrap()
    }

    #[test]
    fn a_direct_use_outside_the_row_is_a_breach() {
        let wall = Wall { name: "model", may: &[], never: &[] };
        assert_eq!(graph().breaches(&wall), ["model uses types, which its row does not allow"]);
    }

    #[test]
    fn a_use_through_others_is_a_breach_and_names_the_way() {
        let wall = Wall { name: "model", may: &["types"], never: &["libc"] };
        let expected = "model must never reach libc: model -> types -> serde -> libc";
        assert_eq!(graph().breaches(&wall), [expected]);
    }

    #[test]
    fn what_only_tests_use_is_no_breach() {
        let wall = Wall { name: "model", may: &["types"], never: &["proptest"] };
        assert_eq!(graph().breaches(&wall), Vec::<String>::new());
    }
}
