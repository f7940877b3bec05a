//! Why a script cannot be executed, for the log: which part of its path, its
//! mode and owner, and what to do. The kernel says only an error number.

use crate::files;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{Gid, Group, Uid, User};
use rt::spawn::ScriptUser;
use std::fs::{self, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Who executes it.
struct Who {
    uid: u32,
    groups: Vec<u32>,
}

/// What stands in the way of executing `path` as `user` (core's own when
/// none). `None` when nothing is to be seen.
pub fn why(path: &Path, user: Option<&ScriptUser>) -> Option<String> {
    let who = match user {
        Some(u) => Who { uid: u.uid, groups: u.groups.iter().copied().chain([u.gid]).collect() },
        None => Who { uid: Uid::effective().as_raw(), groups: vec![Gid::effective().as_raw()] },
    };
    unreachable_part(path, &who).or_else(|| file(path, &who))
}

/// The first part of `path` that is missing or shut.
fn unreachable_part(path: &Path, who: &Who) -> Option<String> {
    let mut parts: Vec<&Path> = path.ancestors().filter(|p| !p.as_os_str().is_empty()).collect();
    parts.reverse();
    for (nth, part) in parts.iter().enumerate() {
        let shown = part.display();
        let meta = match fs::metadata(part) {
            Ok(meta) => meta,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Some(match fs::read_link(part) {
                    Ok(to) => format!("{shown} is a link to {}, which is missing", to.display()),
                    Err(_) => format!("{shown} does not exist: install it or correct the path"),
                });
            }
            Err(e) => return Some(format!("{shown}: {e}")),
        };
        if nth + 1 == parts.len() {
            return None;
        }
        if !meta.is_dir() {
            return Some(format!("{shown} is no directory: correct the path"));
        }
        if !may_execute(&meta, who) {
            return Some(format!(
                "{} cannot pass through {shown} ({}): `chmod o+x {shown}` lets it",
                who.name(),
                owner(&meta)
            ));
        }
    }
    None
}

/// What is wrong with the file itself.
fn file(path: &Path, who: &Who) -> Option<String> {
    let shown = path.display();
    let meta = fs::metadata(path).ok()?;
    if !meta.is_file() {
        let kind = match meta.file_type() {
            t if t.is_dir() => "a directory",
            t if t.is_fifo() => "a FIFO",
            _ => "no ordinary file",
        };
        return Some(format!("{shown} is {kind}: a program or script is needed"));
    }
    if !may_execute(&meta, who) {
        return Some(format!(
            "{} may not execute {shown} ({}): `chmod +x {shown}` lets it",
            who.name(),
            owner(&meta)
        ));
    }
    let flags = statvfs(path).map(|v| v.flags()).unwrap_or(FsFlags::empty());
    if flags.contains(FsFlags::ST_NOEXEC) {
        return Some(format!(
            "{shown} is on a file system mounted noexec: move it, or `mount -o remount,exec`"
        ));
    }
    let interpreter = interpreter(path)?;
    let inner = unreachable_part(&interpreter, who).or_else(|| {
        let meta = fs::metadata(&interpreter).ok()?;
        let shut = !meta.is_file() || !may_execute(&meta, who);
        shut.then(|| format!("{} cannot be executed ({})", interpreter.display(), owner(&meta)))
    })?;
    Some(format!("its first line names {}, but {inner}", interpreter.display()))
}

/// The program that the `#!` line names. A carriage return at its end is part
/// of the name, and is shown as one.
fn interpreter(path: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    files::open(path).ok()?.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let text = String::from_utf8_lossy(line);
    let name = text.trim_start_matches([' ', '\t']).split([' ', '\t']).next()?;
    (!name.is_empty()).then(|| PathBuf::from(name))
}

/// Mode bits alone: ACLs and security modules are not looked at.
fn may_execute(meta: &Metadata, who: &Who) -> bool {
    let mode = meta.mode();
    if who.uid == 0 {
        return meta.is_dir() || mode & 0o111 != 0;
    }
    let bit = match () {
        () if meta.uid() == who.uid => 0o100,
        () if who.groups.contains(&meta.gid()) => 0o010,
        () => 0o001,
    };
    mode & bit != 0
}

fn owner(meta: &Metadata) -> String {
    let user = user_name(meta.uid());
    let group = Group::from_gid(Gid::from_raw(meta.gid()));
    let group = group.ok().flatten().map_or_else(|| meta.gid().to_string(), |g| g.name);
    format!("mode {:04o}, owner {user}:{group}", meta.mode() & 0o7777)
}

fn user_name(uid: u32) -> String {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map_or_else(|| uid.to_string(), |u| u.name)
}

impl Who {
    fn name(&self) -> String {
        format!("user {}", user_name(self.uid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn nobody() -> ScriptUser {
        ScriptUser { uid: 65534, gid: 65534, groups: Vec::new() }
    }

    #[test]
    fn each_obstacle_is_named_with_its_remedy() {
        let top = std::env::temp_dir().join(format!("ka-why-{}", std::process::id()));
        let dir = top.join("shut");
        fs::create_dir_all(&dir).unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&top, 0o755);
        mode(&dir, 0o755);
        let script = dir.join("script");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        mode(&script, 0o644);
        let user = nobody();
        let ask = |path: &Path| why(path, Some(&user)).unwrap_or_default();
        let cases: &[(PathBuf, &[&str])] = &[
            (script.clone(), &["may not execute", "mode 0644", "chmod +x"]),
            (dir.join("none"), &["none does not exist"]),
            (dir.join("none/script"), &["none does not exist"]),
            (script.join("x"), &["script is no directory"]),
            (dir.clone(), &["is a directory"]),
        ];
        for (path, words) in cases {
            let text = ask(path);
            assert!(words.iter().all(|w| text.contains(w)), "{text}");
        }
        mode(&script, 0o755);
        assert_eq!(ask(&script), "");
        mode(&dir, 0o700);
        let text = ask(&script);
        assert!(text.contains("cannot pass through") && text.contains("mode 0700"), "{text}");
        mode(&dir, 0o755);
        fs::write(&script, "#!/none/python -u\n").unwrap();
        let text = ask(&script);
        assert!(text.contains("first line names /none/python, but /none does not exist"), "{text}");
        fs::remove_file(&script).unwrap();
        std::os::unix::fs::symlink("nowhere", &script).unwrap();
        assert!(ask(&script).contains("is a link to nowhere, which is missing"));
        fs::remove_dir_all(top).unwrap();
    }
}
