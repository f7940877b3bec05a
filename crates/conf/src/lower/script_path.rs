//! Whether a script's path can be run by its user, and whether others could
//! change what runs.
//!
//! Owns the path search, the walk over every component of the path as written
//! and as resolved, and the words for what is at fault. A link within a path
//! is judged by its owner and by the path it leads to.

use crate::host::{FileError, FileKind, FileMeta, Host};

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Where a bare name was found by path search.
    pub by_search: Option<String>,
    /// The path with every link resolved.
    pub real: Option<String>,
    /// The verdict.
    pub finding: Finding,
}

/// The verdict over a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// It can be run and nobody else can change it.
    Fine,
    /// It cannot be run; why, in the reference's words.
    Missing(String),
    /// Somebody else can change it.
    Unsafe {
        /// The component at fault, its mode and owner.
        text: String,
        /// The command that mends it.
        mend: String,
    },
}

/// Most links in a path, as the kernel has it.
const LINKS: usize = 40;

/// Path search where the environment has none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Looks at `path` for a script run as `(uid, gid)`.
pub(super) fn look(host: &dyn Host, path: &str, ids: (u32, u32)) -> Found {
    let missing =
        |why: String| Found { by_search: None, real: None, finding: Finding::Missing(why) };
    if path.contains('/') {
        return judge(host, path, ids, None);
    }
    let dirs = host.env("PATH").filter(|p| !p.is_empty()).unwrap_or_else(|| PATH.to_owned());
    let mut denied = false;
    for dir in dirs.split(':').filter(|d| d.starts_with('/')) {
        let candidate = format!("{}/{path}", dir.trim_end_matches('/'));
        match host.stat(&candidate) {
            Ok(meta) if meta.kind == FileKind::Regular && allows(&meta, ids, 1) => {
                return judge(host, &candidate, ids, Some(candidate.clone()));
            }
            Ok(_) => denied = true,
            Err(_) => {}
        }
    }
    missing(if denied {
        format!("Permissions failure for script {path} in path - disabling")
    } else {
        format!("Cannot find script {path} in path - disabling")
    })
}

fn judge(host: &dyn Host, path: &str, ids: (u32, u32), by_search: Option<String>) -> Found {
    let walk = walk(host, path, ids);
    let finding = match &walk {
        Err(why) => Finding::Missing(format!("Script {path} cannot be accessed - {why}")),
        Ok(walk) if walk.file.kind != FileKind::Regular => {
            Finding::Missing(format!("Wrong file type found in script path '{path}'."))
        }
        Ok(walk) if !allows(&walk.file, ids, 1) => Finding::Missing(format!(
            "WARNING - script '{path}' is not executable for uid:gid {}:{} - disabling.",
            ids.0, ids.1
        )),
        Ok(walk) => {
            let set_id = (walk.file.mode & 0o4000 != 0 && walk.file.uid == 0)
                || (walk.file.mode & 0o2000 != 0 && walk.file.gid == 0);
            let as_root = ids.0 == 0 || ids.1 == 0 || set_id;
            match &walk.fault {
                Some((at, meta)) if as_root => fault(at, meta),
                _ => Finding::Fine,
            }
        }
    };
    Found { by_search, real: walk.ok().map(|w| w.real), finding }
}

/// A path walked to its end.
struct Walk {
    real: String,
    file: FileMeta,
    /// The first component that others could change.
    fault: Option<(String, FileMeta)>,
}

/// Follows `path` component by component, links too, as a user that needs
/// search permission on the way.
fn walk(host: &dyn Host, path: &str, ids: (u32, u32)) -> Result<Walk, String> {
    let cwd = if path.starts_with('/') { String::new() } else { host.cwd() };
    let mut todo: Vec<String> = format!("{cwd}/{path}").rsplit('/').map(str::to_owned).collect();
    let mut real = String::new();
    let mut fault = None;
    let mut links = 0;
    let mut last = host.lstat("/").map_err(reason)?;
    inspect("/", &last, &mut fault);
    while let Some(part) = todo.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                real.truncate(real.rfind('/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        if last.kind == FileKind::Directory && !allows(&last, ids, 1) {
            return Err("Permission denied".into());
        }
        let here = format!("{real}/{part}");
        let meta = host.lstat(&here).map_err(reason)?;
        inspect(&here, &meta, &mut fault);
        if meta.kind != FileKind::Link {
            (real, last) = (here, meta);
            continue;
        }
        links += 1;
        let to = host.read_link(&here).filter(|_| links <= LINKS);
        let Some(to) = to else { return Err("Too many levels of symbolic links".into()) };
        if to.starts_with('/') {
            real.clear();
        }
        todo.extend(to.rsplit('/').map(str::to_owned));
    }
    Ok(Walk { real, file: last, fault })
}

fn reason(e: FileError) -> String {
    match e {
        FileError::NotFound => "No such file or directory".into(),
        FileError::Unreadable(why) => why,
    }
}

/// Notes the first component that somebody other than root could change. A
/// sticky directory is safe; a link has no mode of its own.
fn inspect(path: &str, meta: &FileMeta, fault: &mut Option<(String, FileMeta)>) {
    let sticky = meta.kind == FileKind::Directory && meta.mode & 0o1000 != 0;
    let writable = meta.kind != FileKind::Link
        && !sticky
        && (meta.mode & 0o002 != 0 || (meta.mode & 0o020 != 0 && meta.gid != 0));
    if fault.is_none() && (meta.uid != 0 || writable) {
        *fault = Some((path.to_owned(), *meta));
    }
}

fn fault(path: &str, meta: &FileMeta) -> Finding {
    let mode = meta.mode & 0o7777;
    let text = format!("'{path}' has mode {mode:04o} and owner {}:{}", meta.uid, meta.gid);
    let mut commands = Vec::new();
    if meta.uid != 0 {
        commands.push(format!("chown -h root {path}"));
    }
    if meta.kind != FileKind::Link && mode & 0o022 != 0 {
        commands.push(format!("chmod go-w {path}"));
    }
    Finding::Unsafe { text, mend: commands.join(" && ") }
}

/// Whether the permission `bit` (1 execute or search) is granted. Root needs
/// any execute bit on a file and none on a directory.
fn allows(meta: &FileMeta, (uid, gid): (u32, u32), bit: u32) -> bool {
    if uid == 0 {
        return meta.kind == FileKind::Directory || meta.mode & 0o111 != 0;
    }
    let shift = if meta.uid == uid {
        6
    } else if meta.gid == gid {
        3
    } else {
        0
    };
    (meta.mode >> shift) & bit != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MapHost;

    const ROOT: (u32, u32) = (0, 0);
    const NOBODY: (u32, u32) = (65534, 65534);

    fn host() -> MapHost {
        MapHost::new()
            .file("/usr/bin/true", "")
            .mode("/usr/bin/true", 0o755)
            .link("/bin", "usr/bin")
            .file("/opt/loose", "")
            .mode("/opt/loose", 0o777)
            .file("/opt/plain", "")
            .link("/opt/circle", "circle")
    }

    #[test]
    fn a_safe_script_is_fine_through_a_linked_directory_too() {
        assert_eq!(look(&host(), "/usr/bin/true", ROOT).finding, Finding::Fine);
        let found = look(&host(), "/bin/true", ROOT);
        assert_eq!(found.finding, Finding::Fine);
        assert_eq!(found.real.as_deref(), Some("/usr/bin/true"));
    }

    #[test]
    fn a_bare_name_is_searched() {
        let found = look(&host(), "true", NOBODY);
        assert_eq!(found.by_search.as_deref(), Some("/usr/bin/true"));
        assert_eq!(found.finding, Finding::Fine);
        let none = look(&host(), "none", ROOT).finding;
        assert_eq!(none, Finding::Missing("Cannot find script none in path - disabling".into()));
    }

    #[test]
    fn what_others_could_change_is_named_with_the_remedy() {
        let Finding::Unsafe { text, mend } = look(&host(), "/opt/loose", ROOT).finding else {
            panic!("should be unsafe");
        };
        assert_eq!(text, "'/opt/loose' has mode 0777 and owner 0:0");
        assert_eq!(mend, "chmod go-w /opt/loose");
        assert_eq!(look(&host(), "/opt/loose", NOBODY).finding, Finding::Fine);
    }

    #[test]
    fn what_cannot_be_run_is_missing() {
        for (path, why) in [
            ("/opt/none", "No such file"),
            ("/opt/plain", "not executable"),
            ("/opt", "Wrong file type"),
            ("/opt/circle", "symbolic links"),
        ] {
            let Finding::Missing(text) = look(&host(), path, NOBODY).finding else {
                panic!("{path} should be missing");
            };
            assert!(text.contains(why), "{text}");
        }
    }
}
