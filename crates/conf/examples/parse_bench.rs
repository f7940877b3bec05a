//! Reads generated configurations and prints the time and the peak memory.
//!
//! `parse_bench` runs each size in a process of its own; `parse_bench FILE`
//! reads one file; `parse_bench --write N` prints a configuration of N real
//! servers.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // it measures the real machine

use std::fmt::Write as _;
use std::time::Instant;

use conf::host::{FileError, FileKind, FileMeta, Interface, User};
use conf::testing::MapHost;
use conf::{Host, LoadOptions, load};

/// Real servers of a virtual server.
const POOL: usize = 10;

/// Sizes that are measured by default.
const SIZES: &[usize] = &[500, 5_000, 50_000];

/// The machine's files and the facts of a map.
struct Files(MapHost);

impl Host for Files {
    fn cwd(&self) -> String {
        "/".into()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        std::fs::read(path).map_err(|e| FileError::Unreadable(e.to_string()))
    }

    fn stat(&self, path: &str) -> Result<FileMeta, FileError> {
        let meta = std::fs::metadata(path).map_err(|_| FileError::NotFound)?;
        let kind = if meta.is_dir() { FileKind::Directory } else { FileKind::Regular };
        Ok(FileMeta { kind, mode: 0o644, uid: 0, gid: 0 })
    }

    fn list_dir(&self, path: &str) -> Result<Vec<String>, FileError> {
        let entries = std::fs::read_dir(path).map_err(|_| FileError::NotFound)?;
        Ok(entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect())
    }

    fn env(&self, name: &str) -> Option<String> {
        Host::env(&self.0, name)
    }

    fn node_name(&self) -> String {
        Host::node_name(&self.0)
    }

    fn interface(&self, name: &str) -> Interface {
        Host::interface(&self.0, name)
    }

    fn user(&self, name: &str) -> Option<User> {
        Host::user(&self.0, name)
    }

    fn group(&self, name: &str) -> Option<u32> {
        Host::group(&self.0, name)
    }

    fn random_seed(&self) -> u64 {
        1
    }
}

/// A configuration of `count` real servers in pools of [`POOL`].
fn generate(count: usize) -> String {
    let mut text = String::new();
    for vs in 0..count.div_ceil(POOL) {
        let (high, low) = (vs / 250, vs % 250 + 1);
        let _ = write!(
            text,
            "virtual_server 10.{high}.0.{low} 80 {{\n    delay_loop 10\n    lb_algo wlc\n    \
             lb_kind DR\n    protocol TCP\n\n"
        );
        for rs in 0..POOL.min(count - vs * POOL) {
            let _ = write!(
                text,
                "    real_server 192.168.{low}.{} 80 {{\n        weight 1\n        TCP_CHECK {{\n            \
                 connect_timeout 3\n            retry 2\n            delay_before_retry 1\n        \
                 }}\n    }}\n",
                rs + 1
            );
        }
        text.push_str("}\n");
    }
    text
}

/// Peak resident memory of this process in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("");
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0)
}

fn read(path: &str) {
    let host = Files(MapHost::new());
    let before = peak();
    let start = Instant::now();
    let loaded = load(&host, &LoadOptions::new(path).test());
    let took = start.elapsed();
    let real = loaded.model.lvs.virtual_servers.iter().map(|v| v.real_servers.len());
    println!(
        "{:>6} real servers  exit {}  {:>9.3} ms  peak {:>6} KiB (before {before})",
        real.sum::<usize>(),
        loaded.exit_status_for_test(),
        took.as_secs_f64() * 1e3,
        peak(),
    );
}

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => {
            for size in SIZES {
                let path = std::env::temp_dir().join(format!("parse-bench-{size}.conf"));
                std::fs::write(&path, generate(*size))?;
                std::process::Command::new(std::env::current_exe()?).arg(&path).status()?;
                std::fs::remove_file(&path)?;
            }
        }
        ["--write", n] => print!("{}", generate(n.parse().unwrap_or(0))),
        [path] => read(path),
        _ => eprintln!("usage: parse_bench [FILE | --write N]"),
    }
    Ok(())
}
