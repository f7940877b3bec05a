//! Commands of the configuration: entering them in the model, and after the
//! last file their users and whether they can be run.
//!
//! Owns the state behind every [`ScriptId`]. Which keyword a script belongs to
//! is the areas' business: after [`check`] they ask [`Cx::script_problem`],
//! drop what depends on a script that cannot be run, and say so. A script is
//! judged with all settings read, whatever their order in the file.

use model::{Script, ScriptUser};
use types::ScriptId;

use super::Cx;
use super::script_path::{self, Finding};
use crate::diag::{Code, Diag, Level};
use crate::lex::ScriptLine;
use crate::source::Span;

/// Why a script cannot be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Its user or group does not exist, or there is no default user.
    NoUser,
    /// It does not exist, or its user may not execute it.
    NotAccessible,
    /// Others could change it, and script security is on.
    Insecure,
}

/// What is known of a script besides the model.
#[derive(Debug)]
struct Entry {
    span: Span,
    user: Option<String>,
    group: Option<String>,
    used: bool,
    problem: Option<Problem>,
}

/// State of all scripts, by [`ScriptId`].
#[derive(Debug, Default)]
pub struct Scripts {
    entries: Vec<Entry>,
    /// `script_user`: user and group of scripts that name none.
    pub default_user: Option<ScriptUser>,
    /// `script_user` was given but names nobody: scripts without a user of
    /// their own cannot be run.
    pub default_user_failed: bool,
    /// `enable_script_security`.
    pub security: bool,
}

/// The user that scripts run as where the account exists.
const DEFAULT_USER: &str = "keepalived_script";

impl Cx<'_> {
    /// Enters a command in the model. Its user and whether it can be run are
    /// looked at after the last file.
    pub fn add_script(&mut self, line: &ScriptLine) -> ScriptId {
        let mut argv = line.argv.iter().cloned();
        let path = argv.next().unwrap_or_default();
        let open_test = path.starts_with('<');
        let (path, args) = match path.strip_prefix('<') {
            Some("") => (argv.next().unwrap_or_default(), Vec::new()),
            Some(file) => (file.to_owned(), Vec::new()),
            None => (path, argv.collect()),
        };
        let scripts = &mut self.build.config.scripts;
        let id = ScriptId(u32::try_from(scripts.len()).unwrap_or(u32::MAX));
        scripts.push(Script { path, args, user: None, open_test, insecure: false });
        self.build.scripts.entries.push(Entry {
            span: line.span,
            user: line.user.clone(),
            group: line.group.clone(),
            used: true,
            problem: None,
        });
        id
    }

    /// Gives a script a user and group of its own (`user` keywords).
    pub fn set_script_user(&mut self, id: ScriptId, user: &str, group: Option<&str>) {
        if let Some(entry) = self.build.scripts.entries.get_mut(id.index()) {
            entry.user = Some(user.to_owned());
            entry.group = group.map(str::to_owned);
        }
    }

    /// The script is defined but nothing runs it: it does not count for
    /// security.
    pub fn forget_script(&mut self, id: ScriptId) {
        if let Some(entry) = self.build.scripts.entries.get_mut(id.index()) {
            entry.used = false;
        }
    }

    /// Whether a script can be run; meaningful after [`check`].
    pub fn script_usable(&self, id: ScriptId) -> bool {
        self.script_problem(id).is_none()
    }

    /// Why a script cannot be run; meaningful after [`check`].
    pub fn script_problem(&self, id: ScriptId) -> Option<Problem> {
        self.build.scripts.entries.get(id.index()).and_then(|e| e.problem)
    }

    /// Where a script is written.
    pub fn script_span(&self, id: ScriptId) -> Span {
        self.build.scripts.entries.get(id.index()).map_or(Span::NONE, |e| e.span)
    }

    /// The account that `USER [GROUP]` means; GROUP with a colon in front
    /// brings the account's supplementary groups, a colon alone its own group.
    ///
    /// # Errors
    /// What does not exist.
    pub fn account(&self, user: &str, group: Option<&str>) -> Result<ScriptUser, String> {
        let Some(found) = self.host.user(user) else {
            return Err(format!("user '{user}' does not exist"));
        };
        let colon = group.is_some_and(|g| g.starts_with(':'));
        let supplementary = colon || self.build.config.global.set_supplementary_groups;
        let gid = match group.map(|g| g.trim_start_matches(':')) {
            None | Some("") => found.gid,
            Some(name) => match self.host.group(name) {
                Some(gid) => gid,
                None => return Err(format!("group '{name}' does not exist")),
            },
        };
        Ok(ScriptUser { name: user.to_owned(), uid: found.uid, gid, supplementary })
    }
}

/// Finds the user of every script and looks at its path.
pub fn check(cx: &mut Cx<'_>) {
    for index in 0..cx.build.scripts.entries.len() {
        let problem = judge(cx, index);
        if let Some(entry) = cx.build.scripts.entries.get_mut(index) {
            entry.problem = problem;
        }
    }
}

fn judge(cx: &mut Cx<'_>, index: usize) -> Option<Problem> {
    let entry = cx.build.scripts.entries.get(index)?;
    let span = entry.span;
    let user = match (&entry.user, cx.build.scripts.default_user_failed) {
        (Some(user), _) => match cx.account(user, entry.group.as_deref()) {
            Ok(account) => Some(account),
            Err(why) => {
                let text = format!("Unable to run script {}: {why}", path(cx, index));
                cx.note(Code::Script, span, text);
                return Some(Problem::NoUser);
            }
        },
        (None, true) => return Some(Problem::NoUser),
        (None, false) => match default_user(cx, span) {
            Ok(user) => user,
            Err(()) => return Some(Problem::NoUser),
        },
    };
    let security = cx.build.scripts.security;
    let symlinks = cx.build.config.global.use_symlink_paths;
    let script = cx.build.config.scripts.get_mut(index)?;
    script.user = user;
    if script.open_test {
        return None;
    }
    let ids = script.user.as_ref().map_or((0, 0), |u| (u.uid, u.gid));
    let (shown, found) = (script.path.clone(), script_path::look(cx.host, &script.path, ids));
    if let Some(resolved) = &found.by_search {
        let text = format!(
            "WARNING - script `{shown}` resolved by path search to `{resolved}`. \
             Please specify full path."
        );
        cx.note(Code::Script, span, text);
    }
    if let Some(script) = cx.build.config.scripts.get_mut(index) {
        if !symlinks && let Some(real) = &found.real {
            script.path.clone_from(real);
        } else if let Some(resolved) = found.by_search {
            script.path = resolved;
        }
        script.insecure = matches!(found.finding, Finding::Unsafe { .. });
    }
    report(cx, span, &shown, found.finding, security)
}

fn path(cx: &Cx<'_>, index: usize) -> String {
    cx.build.config.scripts.get(index).map_or_else(String::new, |s| s.path.clone())
}

/// The user of scripts that name none; `Ok(None)` is the daemon's own.
fn default_user(cx: &mut Cx<'_>, span: Span) -> Result<Option<ScriptUser>, ()> {
    if let Some(user) = &cx.build.scripts.default_user {
        return Ok(Some(user.clone()));
    }
    match cx.account(DEFAULT_USER, None) {
        Ok(user) => Ok(Some(user)),
        Err(_) if !cx.build.scripts.security => Ok(None),
        Err(_) => {
            let text = format!("Unable to set default user {DEFAULT_USER} for script");
            let help = format!("create the user {DEFAULT_USER}, or set script_user in global_defs");
            cx.report(Diag::new(Level::General, Code::Script, span, text).help(help));
            Err(())
        }
    }
}

/// Says what is wrong with a path, for the log; what it means for the exit
/// status is up to the keyword.
fn report(
    cx: &mut Cx<'_>,
    span: Span,
    path: &str,
    finding: Finding,
    security: bool,
) -> Option<Problem> {
    let (problem, code, text, help) = match finding {
        Finding::Fine => return None,
        Finding::Missing(why) => (Some(Problem::NotAccessible), Code::Script, why, None),
        Finding::Unsafe { text: why, mend } => {
            let disabling = if security { " - disabling" } else { "" };
            let text = format!("Unsafe permissions found for script '{path}'{disabling}.");
            let problem = security.then_some(Problem::Insecure);
            (problem, Code::InsecureScript, text, Some(format!("{why}; mend it by `{mend}`")))
        }
    };
    cx.report(Diag::new(Level::Note, code, span, text).maybe_help(help));
    problem
}

/// Forgets the readers of FIFOs that no role of this configuration writes.
fn forget_idle_readers(cx: &mut Cx<'_>) {
    let config = &cx.build.config;
    let (vrrp, lvs) = (config.has_vrrp(), config.has_lvs());
    let fifos = &config.global.fifos;
    let readers =
        [(fifos.all_script, vrrp || lvs), (fifos.vrrp_script, vrrp), (fifos.lvs_script, lvs)];
    for id in readers.into_iter().filter(|(_, written)| !written).filter_map(|(id, _)| id) {
        cx.forget_script(id);
    }
}

/// The verdict over all scripts that something runs, after every area has
/// forgotten those that nothing does.
pub fn verdict(cx: &mut Cx<'_>) {
    forget_idle_readers(cx);
    let scripts = &cx.build.scripts;
    let mut used = scripts
        .entries
        .iter()
        .zip(&cx.build.config.scripts)
        .filter(|(e, _)| e.used && e.problem.is_none())
        .peekable();
    if scripts.security || used.peek().is_none() {
        return;
    }
    let (span, insecure) = used.fold((Span::NONE, false), |(first, insecure), (entry, script)| {
        let first = if first == Span::NONE { entry.span } else { first };
        (first, insecure | script.insecure)
    });
    let more = if insecure { " There are insecure scripts." } else { "" };
    let text = format!(
        "SECURITY VIOLATION - scripts are being executed but script_security not enabled.{more}"
    );
    let diag = Diag::new(Level::Security, Code::InsecureScript, Span::NONE, text);
    cx.report(
        diag.related(span, "the first script is here")
            .help("set enable_script_security and script_user in global_defs"),
    );
}
